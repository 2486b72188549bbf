#ifndef TN_TEXT_TOKENIZER_H
#define TN_TEXT_TOKENIZER_H
/// Text to token ids and back, as the Hub's `tokenizer.json` says: same ids, same offsets as the tokenizers package
/// 0.23.
///
/// A tokenizer never changes after it was opened, so any number of threads may share it. What a call needs for itself
/// comes from the caller's arena. Models: WordPiece, Unigram, BPE. The truncation and padding saved in the file are off:
/// what to cut is the caller's word (`max_length`), and nothing is ever padded.
/// Source: reference/tokenizer.md; parity: tests/parity/tokenizer_parity.py.

#include "base/mem.h"
#include "base/str.h"

typedef struct tn_tokenizer tn_tokenizer;

/// Reads the text of a tokenizer.json. The tokenizer borrows nothing from it.
/// TN_EFORMAT: not JSON, a part of a type that is not known (named), a vocabulary with holes or repeated ids, a missing
/// unknown token ... each with "LINE:COLUMN: ...". TN_ELIMIT: larger than the bounds of codec/json.h or nested too
/// deep.
tn_status tn_tokenizer_parse(tn_str tokenizer_json, tn_tokenizer **out, tn_err *err);
/// The same from a file, or from `tokenizer.json` in a folder. The path stands before the sentence of a failure.
tn_status tn_tokenizer_open(const char *path, tn_tokenizer **out, tn_err *err);
void tn_tokenizer_free(tn_tokenizer *t);

typedef struct {
    bool plain;          /* no special tokens around the text ([CLS] ... [SEP]) */
    uint32_t max_length; /* tokens at most, special ones included; 0 = no limit */
    bool cut_left;       /* drop tokens from the front, not from the end, when there are too many */
    bool only_first;     /* of a pair shorten only the first text; otherwise the longer one first */
    bool lossy;          /* ill-formed bytes of the text count as U+FFFD instead of failing */
} tn_encode_options;

/// One encoded text. All arrays have n elements and live in the arena of the call.
typedef struct {
    size_t n;
    uint32_t *ids;
    tn_str *tokens;    /* as the package shows them: of the vocabulary; of an added token the text that matched; of
                        * something unknown the unknown token (WordPiece, BPE) or the text itself (Unigram) */
    uint32_t *start;   /* the token is text[start, end), counted in code points of the text as given; */
    uint32_t *end;     /* 0, 0 for the special tokens around it */
    uint8_t *special;  /* 1 = put there by the template */
    uint8_t *type_ids; /* 0 or 1: which text of a pair */
    uint32_t *word;    /* tn_tokenizer_encode_words: number of the word from 0, TN_NO_WORD of special tokens */
    size_t n_unknown;  /* tokens of the text that are the unknown token, before cutting */
    size_t n_words;    /* pieces of the text that went into the model, before cutting */
    size_t n_cut;      /* tokens that max_length removed */
} tn_encoding;

/// TN_EFORMAT with the byte position when the text is not UTF-8 (unless lossy). TN_EINVALID when a limit leaves no room
/// (max_length below the number of special tokens: the tokenizers package would then not cut at all) or when the model
/// has no unknown token and meets a character it does not know. TN_ELIMIT for a text of 1 GiB or more.
/// `options` NULL means all zero. On failure *out is zeroed.
tn_status tn_tokenizer_encode(const tn_tokenizer *t, tn_str text, const tn_encode_options *options, tn_arena *arena,
                              tn_encoding *out, tn_err *err);
/// Two texts in one sequence. `type_ids` tells them apart where the template does. Offsets count in their own text.
tn_status tn_tokenizer_encode_pair(const tn_tokenizer *t, tn_str first, tn_str second, const tn_encode_options *options,
                                   tn_arena *arena, tn_encoding *out, tn_err *err);
/// A text that comes as words: each is tokenised by itself, byte-level models with a space before it, and the tokens are
/// laid one behind the other (is_split_into_words with add_prefix_space). Sets n, ids, word and the counts; the other
/// arrays are NULL. A word may give no token (a blank, a control character). TN_ELIMIT also for 2^32 words.
#define TN_NO_WORD UINT32_MAX
tn_status tn_tokenizer_encode_words(const tn_tokenizer *t, const tn_str *word, size_t n_words,
                                    const tn_encode_options *options, tn_arena *arena, tn_encoding *out, tn_err *err);

/// ---- a long second text in overlapping windows ----
/// Each window is a whole pair: the first text, then some tokens of the second one. Memory is that of the arena.
typedef struct {
    size_t n;          /* windows, at least one */
    size_t *at;        /* [n + 1]: window w is tokens [at[w], at[w + 1]) of ids and type_ids */
    uint32_t *ids;     /* [at[n]] */
    uint8_t *type_ids; /* [at[n]] */
    size_t *first;     /* [n]: its first token of the second text, counted from at[w] */
    size_t *from;      /* [n]: which token of the second text that is; */
    size_t *count;     /* [n]: how many follow, itself included: 0 only when the second text has none */
    size_t n_second;   /* tokens of the second text in all */
    uint32_t *start;   /* [n_second]: the token is text[start, end), in code points of the second text; */
    uint32_t *end;
    uint32_t *word;    /* [n_second]: tokens of one pre-token have one number; ascending */
    size_t n_cut;      /* tokens of the first text that had to go */
} tn_windows;

typedef struct {
    uint32_t max_length; /* tokens of a window at most, special ones included */
    uint32_t stride;     /* tokens that a window shares with the one before it */
    bool lossy;          /* as in tn_encode_options */
} tn_window_options;

/// As the tokenizers package with truncation "only_second", max_length, stride and overflow, but that the blank before
/// the first token of a later window is never part of it (RoBERTa). Where that panics or fails,
/// because the first text leaves no more than `stride` tokens to the second, the first is cut to half of the room and the
/// stride to half of the rest. TN_EINVALID when max_length leaves room for fewer than two tokens; otherwise fails as
/// tn_tokenizer_encode does. TN_ELIMIT for windows of more than 16 million tokens in all.
tn_status tn_tokenizer_encode_windows(const tn_tokenizer *t, tn_str first, tn_str second, const tn_window_options *o,
                                      tn_arena *arena, tn_windows *out, tn_err *err);

/// The ids of tn_tokenizer_encode and nothing else: no offsets, no names. For training and embedding in bulk.
tn_status tn_tokenizer_ids(const tn_tokenizer *t, tn_str text, const tn_encode_options *options, tn_arena *arena,
                           uint32_t **ids, size_t *n, tn_err *err);

/// Text of ids through the file's decoder, appended to `out`. Ids that are not in the vocabulary are skipped, as are
/// the special ones when `skip_special`.
tn_status tn_tokenizer_decode(const tn_tokenizer *t, const uint32_t *ids, size_t n, bool skip_special, tn_arena *arena,
                              tn_str *out, tn_err *err);

/// The same of names of tokens; they are overwritten.
tn_status tn_tokenizer_join(const tn_tokenizer *t, tn_str *tokens, size_t n, tn_arena *arena, tn_str *out, tn_err *err);

/// Ids are below this: one more than the largest id, added tokens included.
uint32_t tn_tokenizer_vocab_size(const tn_tokenizer *t);
/// False when there is no such token, by the model's spelling or an added token's content.
bool tn_tokenizer_id_of(const tn_tokenizer *t, tn_str token, uint32_t *id);
/// Empty for an id that is not in the vocabulary. An added token that is matched normalised is shown normalised.
tn_str tn_tokenizer_token_of(const tn_tokenizer *t, uint32_t id);
/// True for added tokens that the file marks special ([CLS], <s>, <mask>).
bool tn_tokenizer_is_special(const tn_tokenizer *t, uint32_t id);
/// False when the model has none.
bool tn_tokenizer_unknown_id(const tn_tokenizer *t, uint32_t *id);
/// Special tokens that the template puts around one text, or around a pair.
uint32_t tn_tokenizer_n_special(const tn_tokenizer *t, bool pair);
/// "WordPiece", "Unigram" or "BPE".
const char *tn_tokenizer_model_name(const tn_tokenizer *t);

/// The text after the file's normaliser alone: what lossy normalisation is measured with. Same failures as encode.
tn_status tn_tokenizer_normalize(const tn_tokenizer *t, tn_str text, tn_arena *arena, tn_str *out, tn_err *err);

#endif
