#ifndef TN_TEXT_NORMALIZER_H
#define TN_TEXT_NORMALIZER_H
/// The `normalizer` of a tokenizer.json: BertNormalizer, Lowercase, NFC, NFD, NFKC, NFKD, Nmt, Strip, StripAccents,
/// Replace, Prepend, Precompiled and Sequence of these. Text and offsets come out as from tokenizers 0.23.
/// Source: reference/tokenizer.md, section 1.

#include "codec/json.h"
#include "text/aligned.h"

typedef struct tn_normalizer_step tn_normalizer_step;
typedef struct {
    tn_normalizer_step *step; /* Sequences are laid out flat */
    size_t n;
} tn_normalizer;

/// From the JSON value, absent or null meaning none. What it needs lives in the arena.
tn_status tn_normalizer_parse(const tn_json *v, tn_arena *a, tn_normalizer *out, tn_err *err);

/// Text under work: it is in `now`, at first borrowed, later in one of two buffers that change places and are kept for
/// the next text. Zeroed before first use; all texts have offsets, or none has.
typedef struct {
    tn_aligned now, spare, third;
} tn_normalizing;
void tn_normalizing_begin(tn_normalizing *w, const char *text, uint32_t *at, size_t len, uint32_t base);
/// What was written to `spare` is now the text.
void tn_normalizing_swap(tn_normalizing *w);

/// Normalises w->now. Buffers come from the arena; text that needs no change is not copied.
/// Fails with TN_ELIMIT when it grows beyond TN_ALIGNED_MAX.
tn_status tn_normalizer_run(const tn_normalizer *n, tn_normalizing *w, tn_arena *a, tn_err *err);

/// Optional members of a component: absent or null gives `absent`, another type fails with its place.
tn_status tn_component_bool(const tn_json *v, const char *key, bool absent, bool *out, tn_err *err);
/// "LINE:COLUMN: WHAT of type "X" is not supported (reason)".
tn_status tn_component_refuse(const tn_json *v, const char *what, const char *reason, tn_err *err);

#endif
