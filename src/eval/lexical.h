#ifndef TN_EVAL_LEXICAL_H
#define TN_EVAL_LEXICAL_H
/// What a reader of passages must beat: words in common. The sentence of a passage that shares most with the question, and
/// in it the words that stand nearest to the shared ones. No model, no weights; only how many words an answer has, and how
/// rare words are, is learnt from the training rows.

#include "base/str.h"

typedef struct tn_lexical tn_lexical;

typedef struct {
    tn_str question, passage;
    const tn_str *right; /* [n_right] */
    size_t n_right;
} tn_lexical_row;

/// Fits on training rows: document frequencies over their passages (equal ones that follow each other count once), and the
/// number of words of an answer, 1 to 8, with the best mean F1 over at most 1,000 of the rows that have an answer. n 0: one
/// word, all words equally rare. TN_ENOMEM, TN_EINTR.
tn_status tn_lexical_fit(const tn_lexical_row *row, size_t n, tn_lexical **out, tn_err *err);
void tn_lexical_free(tn_lexical *m);
/// Words of an answer, as fitted.
int tn_lexical_words(const tn_lexical *m);
/// A slice of the passage; empty when it has no words. Of equals the first. Linear in the passage.
tn_status tn_lexical_answer(const tn_lexical *m, tn_str question, tn_str passage, tn_str *out, tn_err *err);

/// Cuts the next sentence off the front of *rest, without blanks at its ends; false at the end. A sentence ends behind
/// . ! ? and their full-width forms before white space, at a line end, and after 100 words whatever comes.
bool tn_sentence_cut(tn_str *rest, tn_str *sentence);

#endif
