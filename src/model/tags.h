#ifndef TN_MODEL_TAGS_H
#define TN_MODEL_TAGS_H
/// Token classification with words in view: rows for training, tags of words, and spans in texts as the transformers
/// pipeline finds them. Models of TN_TASK_TOKENS.
///
/// A word's tag is that of its first token; the other tokens of a word, and the special ones, carry no target (-100),
/// as in transformers' run_ner.

#include "model/model.h"

/// Words laid end to end: row i is word[start[i] .. start[i+1]), one at least.
typedef struct {
    size_t n_rows;
    const size_t *start;
    const tn_str *word;
} tn_words;

typedef struct {
    int32_t n;
    const int32_t *ids;
    const int32_t *first; /* [n] number of the word whose first token this is, in its row; -1 of other tokens */
    size_t n_lost;        /* words without a token: cut off, or nothing that the tokenizer keeps */
} tn_words_row;
/// limit: tokens at most, 0 or more than tn_model_max_tokens: that.
tn_status tn_model_encode_words(const tn_model *m, const tn_str *word, size_t n, int32_t limit, tn_arena *a,
                                tn_words_row *out, tn_err *err);

/// tag and score [words of x]: the likeliest label, the first of equals, and its probability; -1 and 0 of lost words,
/// which *n_lost (may be NULL) counts.
tn_status tn_model_tag_words(tn_model *m, const tn_words *x, int32_t limit, int32_t *tag, float *score, size_t *n_lost,
                             tn_err *err);
/// out [words of x, hidden_size]: the state of each word's first token, zeros of lost words. Also of a model without
/// head.
tn_status tn_model_word_states(tn_model *m, const tn_words *x, int32_t limit, float *out, tn_err *err);

/// ---- texts ----
typedef enum {
    TN_AGGREGATE_NONE,    /* each token by itself */
    TN_AGGREGATE_SIMPLE,  /* tokens of one type in a row are a span */
    TN_AGGREGATE_FIRST,   /* first a word gets one label: of its first token, */
    TN_AGGREGATE_AVERAGE, /* by the mean of its tokens' probabilities, */
    TN_AGGREGATE_MAX,     /* or of its surest token; then as SIMPLE */
    TN_N_AGGREGATIONS,
} tn_aggregation;
const char *tn_aggregation_name(tn_aggregation a); /* "none", "simple" … */
bool tn_aggregation_parse(tn_str name, tn_aggregation *out);

typedef struct {
    tn_str entity; /* the label; of a group its type */
    float score;
    int32_t index;       /* TN_AGGREGATE_NONE: of the token, special ones counted */
    tn_str word;         /* as the tokenizer spells it */
    uint32_t start, end; /* code points of the text */
} tn_text_span;
typedef struct {
    size_t n;
    tn_text_span *span;
    bool cut; /* the text was longer than tn_model_max_tokens */
} tn_text_spans;
/// Spans of each text, out [n], in the arena; label "O" is left out.
/// Source: transformers 5.23, pipelines/token_classification.py, with its ways of telling whether a token goes on a
/// word.
tn_status tn_model_find_spans(tn_model *m, const tn_str *text, size_t n, tn_aggregation how, tn_arena *a,
                              tn_text_spans *out, tn_err *err);
/// One span as the pipeline returns it: {"entity", "score", "index", "word", "start", "end"}, or "entity_group" without
/// index.
void tn_text_span_write(const tn_text_span *s, tn_aggregation how, tn_json_writer *w);

#endif
