#ifndef TN_TEXT_ADDED_H
#define TN_TEXT_ADDED_H
/// The `added_tokens` of a tokenizer.json: found in the text before the model sees it, leftmost and longest first.
/// Source: reference/tokenizer.md, section 1.

#include "text/normalizer.h"
#include "text/trie.h"

typedef struct {
    tn_str content;
    tn_str name; /* as it comes back from an id: a normalised token is shown normalised */
    uint32_t id;
    bool single_word, lstrip, rstrip, normalized, special;
} tn_added;

/// A set of patterns; a pattern's value is its place in `token`.
typedef struct {
    tn_trie trie;
    bool first[256]; /* bytes that a pattern begins with */
    int only_first;  /* the one such byte, -1 for several, -2 for none */
} tn_added_set;

typedef struct {
    tn_added *token;
    size_t n;
    tn_added_set raw, normalized; /* looked for before and after normalisation */
} tn_added_tokens;

/// The list alone, ids as in the file.
tn_status tn_added_parse(const tn_json *v, tn_arena *a, tn_added_tokens *out, tn_err *err);
/// Then, once ids are checked, the patterns: those of the second set go through the normaliser.
tn_status tn_added_build(tn_added_tokens *t, const tn_normalizer *n, tn_arena *a, tn_arena *scratch, tn_err *err);

typedef struct {
    size_t from, to; /* bytes, with the blanks that the token takes along */
    const tn_added *token;
} tn_added_match;

/// The next match; *at is where to look, *done how far earlier matches reach (both begin at 0 and are kept by the
/// caller). A match may begin before *done: a token that starts with blanks, behind one that took blanks along.
bool tn_added_next(const tn_added_tokens *t, const tn_added_set *set, tn_str text, size_t *at, size_t *done,
                   tn_added_match *out);

#endif
