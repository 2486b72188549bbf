#ifndef TN_CODEC_ZIP_H
#define TN_CODEC_ZIP_H
/// Zip archives (wheels, model.zip) read from memory: stored and deflated members, every size bounded, every sum
/// checked.

#include "base/str.h"

typedef struct {
    tn_str name; /* relative and safe to join below a folder (tn_path_is_safe); a folder's ends in '/' */
    bool deflated;
    uint32_t crc;
    uint64_t size;   /* unpacked */
    tn_bytes packed; /* in the archive's bytes */
} tn_zip_entry;

typedef struct {
    tn_zip_entry *entry; /* [n], in order of the directory */
    size_t n;
} tn_zip;

/// `file` must outlive `out`. TN_EFORMAT for what is no archive or lies about itself (places outside the file, members
/// that overlap, local headers that differ from the directory, unsafe or repeated names); TN_EINVALID for what is not
/// read here: zip64 (but for an end record that only repeats the common one), encryption, several disks, other methods; TN_ELIMIT beyond 65,535 members.
tn_status tn_zip_parse(tn_bytes file, tn_arena *a, tn_zip *out, tn_err *err);
/// NULL when absent.
const tn_zip_entry *tn_zip_find(const tn_zip *z, const char *name);
/// Unpacks a member of at most `max` bytes: a slice of the archive when it is stored, arena memory when it is deflated.
/// TN_EFORMAT when the data do not unpack to exactly the stated size and CRC-32; TN_ELIMIT over `max`, before memory is
/// taken.
tn_status tn_zip_read(const tn_zip_entry *e, size_t max, tn_arena *a, tn_bytes *out, tn_err *err);

#endif
