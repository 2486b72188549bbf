#ifndef TN_CODEC_BASE64_H
#define TN_CODEC_BASE64_H
/// Base64 (RFC 4648 §4, with padding).

#include "base/str.h"

void tn_base64_write(tn_bytes b, tn_buf *out);
/// TN_EFORMAT with the byte's offset for a letter outside the alphabet, wrong padding, or bits that are not zero behind
/// the end. Blanks and line ends are not skipped.
tn_status tn_base64_read(tn_str text, tn_arena *a, tn_bytes *out, tn_err *err);

#endif
