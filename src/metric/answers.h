#ifndef TN_METRIC_ANSWERS_H
#define TN_METRIC_ANSWERS_H
/// Exact match and F1 of answers to questions, as SQuAD's official scripts count them, from 0 to 1.
///
/// The same for all languages, as XQuAD's authors and XTREME do it: ASCII punctuation and English articles are taken off,
/// words are what stands between white space. MLQA's script, which knows articles and punctuation of seven languages and
/// cuts Chinese into letters, gives other numbers; a text without white space between words is one word here.
/// Source: SQuAD's evaluate-v2.0 and transformers 4.57 data/metrics/squad_metrics.py; equal to v1.1 but for gold answers of
/// which normalisation leaves nothing.

#include "base/str.h"

/// Appends the normal form: lower case (a final Greek sigma stays σ), without !"#$%&'()*+,-./:;<=>?@[\]^_`{|}~, without the
/// words a, an, the, each run of white space one blank, none at the ends. Ill-formed bytes count as U+FFFD.
tn_status tn_answer_normalize(tn_str s, tn_buf *out, tn_err *err);

typedef struct {
    double exact; /* 0 or 1 */
    double f1;    /* of the two multisets of words; both empty: 1; one empty: 0 */
} tn_answer_score;

/// The best of each over the right answers. Those of which normalisation leaves nothing do not count; when none is left,
/// or n is 0, right is to say nothing.
tn_status tn_answer_score_of(tn_str predicted, const tn_str *right, size_t n, tn_answer_score *out, tn_err *err);

/// One question of a validation set, for the choice of how readily a model says that there is no answer.
typedef struct {
    double difference; /* how much more it is for no answer than for its best one */
    double answered;   /* score when it gives that one */
    double silent;     /* score when it says nothing: 1 where no answer is right */
} tn_answer_choice;

/// The threshold t with the best mean score when the answer is given where difference <= t; the least of equals. It is the
/// difference of a question, or for silence throughout, the next smaller double below all. Sorts `row` by difference.
/// *score: the mean. n >= 1.
double tn_answer_threshold(tn_answer_choice *row, size_t n, double *score);

#endif
