#ifndef TN_EVAL_TAGGER_H
#define TN_EVAL_TAGGER_H
/// What a model must beat where words have tags: each word's commonest tag, and a strong linear tagger. Both are fitted
/// on the training side only, and are the same for any number of threads.

#include "base/clock.h"
#include "base/str.h"

/// Words laid end to end, row i is word[start[i] .. start[i+1]), with their tags where these are known.
typedef struct {
    size_t n_rows;
    const size_t *start; /* [n_rows + 1] */
    const tn_str *word;  /* valid UTF-8 */
    const int32_t *tag;  /* in [0, n_tags); NULL: not known */
} tn_tag_rows;

/// out [words of `x`]: the tag that the word has most often in `train` (the smallest of equals), else the commonest tag
/// of all. TN_EINVALID for no training words, a tag out of range; TN_ENOMEM.
tn_status tn_frequent_tags(const tn_tag_rows *train, int32_t n_tags, const tn_tag_rows *x, int32_t *out, tn_err *err);

/// ---- a linear tagger ----
/// Structured perceptron with averaged weights (Collins 2002): the score of a row's tags is the sum over words of
/// weights of (feature, tag) and of (tag before, tag); the best tags are found by Viterbi's algorithm. Features of a
/// word: itself, in lower case, its shape, the first and last one to four letters, digits and hyphens in it; the two
/// words on either side, their shapes, and both pairs with its neighbours; the begin of the row. Ten passes over the
/// rows, each in an order drawn by the counter rng. Weights are whole numbers: nothing is rounded. Over 8 million
/// weights the rarest features are left out.
typedef struct tn_tagger tn_tagger;
/// TN_EINVALID for no words or a tag out of range; TN_EINTR. Time: about half a second for 60,000 words and 13
/// tags.
tn_status tn_tagger_fit(const tn_tag_rows *train, int32_t n_tags, tn_progress *progress, tn_tagger **out, tn_err *err);
/// out [words of `x`]. TN_ENOMEM.
tn_status tn_tagger_tag(const tn_tagger *t, const tn_tag_rows *x, int32_t *out, tn_err *err);
void tn_tagger_free(tn_tagger *t);
/// "structured perceptron, averaged over 10 passes, 12345 features", for records.
const char *tn_tagger_settings(const tn_tagger *t);

#endif
