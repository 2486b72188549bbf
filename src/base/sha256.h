#ifndef TN_BASE_SHA256_H
#define TN_BASE_SHA256_H
/// SHA-256 and git's SHA-1 blob ids, through OpenSSL.

#include "base/str.h"

typedef struct {
    char hex[65]; /* lower case, NUL-terminated */
} tn_digest;

tn_digest tn_sha256(tn_bytes b);
tn_status tn_sha256_file(const char *path, tn_digest *out, tn_err *err);
/// sha1("blob <size>\0" + bytes), 40 hex digits: the Hub's etag of plain files. (reference/hub.md)
tn_digest tn_git_blob_id(tn_bytes b);

#endif
