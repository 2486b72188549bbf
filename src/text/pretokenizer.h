#ifndef TN_TEXT_PRETOKENIZER_H
#define TN_TEXT_PRETOKENIZER_H
/// The `pre_tokenizer` of a tokenizer.json: cuts normalised text into the words that the model sees.
/// BertPreTokenizer, ByteLevel, Whitespace, WhitespaceSplit, Punctuation, Digits, Metaspace, CharDelimiterSplit,
/// Sequence.
/// Source: reference/tokenizer.md, section 1.

#include "text/normalizer.h"

typedef struct {
    uint32_t from, to; /* bytes; never empty */
} tn_span;

typedef struct {
    tn_span *ptr;
    size_t len, cap;
} tn_spans;

typedef struct tn_pretokenizer_step tn_pretokenizer_step;
typedef struct {
    tn_pretokenizer_step *step; /* Sequences are laid out flat */
    size_t n;
    bool needs_offsets; /* Metaspace "first" looks at where the text came from */
} tn_pretokenizer;

tn_status tn_pretokenizer_parse(const tn_json *v, tn_arena *a, tn_pretokenizer *out, tn_err *err);

/// The same with a space put before every piece by ByteLevel (add_prefix_space), whatever the file says. In the arena.
tn_status tn_pretokenizer_spaced(const tn_pretokenizer *p, tn_arena *a, tn_pretokenizer *out, tn_err *err);

/// Cuts the spans of w->now; `spans` and the text (Metaspace and ByteLevel change it) are replaced. `other` is a second list to work
/// with; both grow in the arena and may be used again.
tn_status tn_pretokenizer_run(const tn_pretokenizer *p, tn_normalizing *w, tn_spans *spans, tn_spans *other,
                              tn_arena *a, tn_err *err);
/// Appends a span; empty ones are left out. False when out of memory.
bool tn_spans_add(tn_spans *s, size_t from, size_t to, tn_arena *a);

#endif
