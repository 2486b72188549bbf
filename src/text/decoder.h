#ifndef TN_TEXT_DECODER_H
#define TN_TEXT_DECODER_H
/// The `decoder` of a tokenizer.json: tokens back to text. WordPiece, Metaspace, Replace, Strip, Fuse, ByteFallback and
/// Sequence of these; without one, tokens are joined by spaces.
/// Source: reference/tokenizer.md, section 1.

#include "codec/json.h"

typedef struct tn_decoder_step tn_decoder_step;
typedef struct {
    tn_decoder_step *step; /* Sequences are laid out flat */
    size_t n;
    bool present;
} tn_decoder;

tn_status tn_decoder_parse(const tn_json *v, tn_arena *a, tn_decoder *out, tn_err *err);
/// Overwrites tokens[0, n); the text is in the arena.
tn_status tn_decoder_run(const tn_decoder *d, tn_str *tokens, size_t n, tn_arena *a, tn_str *out, tn_err *err);

#endif
