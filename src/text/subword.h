#ifndef TN_TEXT_SUBWORD_H
#define TN_TEXT_SUBWORD_H
/// The `model` of a tokenizer.json: words to pieces of the vocabulary. WordPiece, Unigram and
/// BPE.
/// Source: reference/tokenizer.md, section 1.

#include "codec/json.h"
#include "text/pretokenizer.h"
#include "text/trie.h"

typedef enum {
    TN_PIECE_KNOWN,    /* in the vocabulary */
    TN_PIECE_UNNAMED,  /* unknown; its name is the unknown token's (WordPiece) */
    TN_PIECE_VERBATIM, /* unknown; its name is the text itself (Unigram) */
} tn_piece_kind;

typedef struct {
    uint32_t id, from, to; /* bytes of the text */
    tn_piece_kind kind;
} tn_piece;

typedef struct {
    tn_piece *ptr;
    size_t len, cap;
} tn_pieces;

typedef enum { TN_MODEL_WORDPIECE, TN_MODEL_UNIGRAM, TN_MODEL_BPE } tn_model_kind;

/* BPE: this token may follow the row's, at this rank */
typedef struct {
    uint32_t right, rank;
} tn_merge;

typedef struct {
    tn_model_kind kind;
    tn_trie trie;  /* piece to id */
    tn_str *token; /* [n_tokens] by id; ptr NULL where the model has no such id */
    uint32_t n_tokens, n_known;
    bool has_unknown;
    uint32_t unknown;
    /* WordPiece */
    uint32_t inside; /* the trie's node behind the continuing prefix, or TN_TRIE_NONE */
    uint32_t max_chars;
    /* Unigram */
    double *score; /* [n_tokens] */
    double unknown_score;
    uint32_t longest; /* bytes of the longest piece */
    /* Unigram and BPE */
    bool byte_fallback;
    uint32_t byte_id[256]; /* of <0x00> ... <0xFF>, or TN_TRIE_NONE */
    /* BPE */
    bool fuse_unknown, ignore_merges;
    bool drop_unknown;  /* no unknown token is named: characters not in the vocabulary vanish */
    tn_merge *merge;    /* rows by left token, ascending by right */
    uint32_t *row;      /* [n_tokens + 1], where the row of a token begins */
    uint32_t *merge_id; /* [merges as written], by rank: the token made */
} tn_subword;

/// `n_added`: ids that the model leaves out may at most be filled by so many added tokens.
/// What stays lives in `a`, what is needed on the way in `scratch`.
tn_status tn_subword_parse(const tn_json *v, size_t n_added, tn_arena *a, tn_arena *scratch, tn_subword *out,
                           tn_err *err);

/* BPE: a part of a word under work, in a list; len 0 = merged away */
typedef struct {
    uint32_t id, len; /* bytes */
    uint32_t prev, next;
    bool unnamed;
} tn_bpe_symbol;

/// What Unigram and BPE need from word to word; zeroed before first use, memory from the arena.
typedef struct {
    uint32_t *best;
    size_t cap;
    double *ring;
    tn_bpe_symbol *symbol; /* [n_symbols] */
    uint64_t *heap;        /* [2 n_symbols] */
    size_t n_symbols;
} tn_subword_work;

/// Appends the pieces of text[word.from, word.to). TN_EINVALID when something is unknown and the model has no unknown
/// token.
tn_status tn_subword_run(const tn_subword *m, const char *text, tn_span word, tn_subword_work *work, tn_pieces *out,
                         tn_arena *a, tn_err *err);

/* the three models */
tn_status tn_wordpiece_run(const tn_subword *m, const char *text, tn_span word, tn_pieces *out, tn_arena *a,
                           tn_err *err);
tn_status tn_unigram_run(const tn_subword *m, const char *text, tn_span word, tn_subword_work *work, tn_pieces *out,
                         tn_arena *a, tn_err *err);
tn_status tn_bpe_run(const tn_subword *m, const char *text, tn_span word, tn_subword_work *work, tn_pieces *out,
                     tn_arena *a, tn_err *err);
/* Reads the list of merges; the vocabulary is there. */
tn_status tn_bpe_merges(const tn_json *list, tn_arena *a, tn_arena *scratch, tn_subword *m, tn_err *err);
bool tn_pieces_grow(tn_pieces *p, tn_arena *a);
static inline bool tn_pieces_add(tn_pieces *p, tn_piece piece, tn_arena *a)
{
    if (p->len == p->cap && !tn_pieces_grow(p, a))
        return false;
    p->ptr[p->len++] = piece;
    return true;
}
/* the sentence about the code point that ends at text[end] */
tn_status tn_subword_no_unknown(const char *text, size_t end, tn_err *err);

#endif
