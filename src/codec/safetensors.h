#ifndef TN_CODEC_SAFETENSORS_H
#define TN_CODEC_SAFETENSORS_H
/// safetensors: named tensors in one file, by every rule of the format. (reference/checkpoint.md §1)

#include "codec/json.h"

/* In the format's order: writers put higher ones first, so that each tensor is aligned to its element. */
typedef enum {
    TN_ST_BOOL,
    TN_ST_F4,
    TN_ST_F6_E2M3,
    TN_ST_F6_E3M2,
    TN_ST_U8,
    TN_ST_I8,
    TN_ST_F8_E5M2,
    TN_ST_F8_E4M3,
    TN_ST_F8_E8M0,
    TN_ST_F8_E4M3FNUZ,
    TN_ST_F8_E5M2FNUZ,
    TN_ST_I16,
    TN_ST_U16,
    TN_ST_F16,
    TN_ST_BF16,
    TN_ST_I32,
    TN_ST_U32,
    TN_ST_F32,
    TN_ST_C64,
    TN_ST_F64,
    TN_ST_I64,
    TN_ST_U64,
    TN_ST_N_DTYPES,
} tn_st_dtype;

const char *tn_st_dtype_name(tn_st_dtype d); /* "F32" */
unsigned tn_st_dtype_bits(tn_st_dtype d);

typedef struct {
    tn_str name;
    tn_st_dtype dtype;
    uint32_t rank;         /* 0 for a scalar, which has one element */
    const uint64_t *shape; /* [rank] */
    uint64_t n_elements;
    tn_bytes data; /* in the file's bytes; the format does not promise alignment */
} tn_st_entry;

typedef struct {
    tn_st_entry *entry; /* [n], in byte order of the names */
    size_t n;
    const tn_json *metadata; /* object of strings, or NULL */
} tn_st;

/// `file` must outlive `out`. Refuses with TN_EFORMAT, each by its own sentence: a header cut short, too large (over
/// 100,000,000 bytes), not JSON, not an object, with duplicate names; an unknown dtype; dimensions that are not whole
/// numbers from 0; offsets that overlap, leave holes, do not match the shape or do not fill the file exactly; metadata
/// that is not strings. Stricter than the Rust reader, which keeps the last of duplicate names.
tn_status tn_st_parse(tn_bytes file, tn_arena *a, tn_st *out, tn_err *err);
/// NULL when absent.
const tn_st_entry *tn_st_find(const tn_st *st, tn_str name);

/// Gives out[0, n_bytes) of a tensor's data from byte `at`. Called in order of `at`, in pieces of at most 1 MiB that
/// are multiples of 4096 but for the last one.
typedef tn_status tn_st_fill(void *ctx, uint64_t at, size_t n_bytes, uint8_t *out, tn_err *err);

/// One tensor to write: its data, or a function that makes them.
typedef struct {
    tn_str name;
    tn_st_dtype dtype;
    uint32_t rank;
    const uint64_t *shape;
    tn_bytes data;
    tn_st_fill *fill; /* when not NULL, instead of data */
    void *ctx;
} tn_st_item;

/// Writes atomically, as the format's own writer does: by dtype descending, then by name; header padded to 8 bytes.
/// `metadata` is pairs {key, value}; transformers wants {"format", "pt"}. The items keep their order.
/// TN_EINVALID for duplicate names, the name "__metadata__", or data whose size is not the shape's.
typedef struct {
    const char *key, *value;
} tn_st_meta;
tn_status tn_st_write(const char *path, const tn_st_item *items, size_t n, const tn_st_meta *metadata, size_t n_meta,
                      tn_err *err);

#endif
