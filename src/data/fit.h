#ifndef TN_DATA_FIT_H
#define TN_DATA_FIT_H
/// How well a tokenizer fits texts: pieces a word, unknown pieces, letters that its normaliser loses, rows it cuts.
///
/// Measured on the training rows only, so that the choice of a model does not look at the test.

#include "data/dataset.h"
#include "text/tokenizer.h"

typedef enum { TN_FIT_FITS, TN_FIT_POOR, TN_FIT_MISMATCH } tn_fit_verdict;
const char *tn_fit_name(tn_fit_verdict v); /* "fits", "poor", "mismatch" */

typedef struct {
    size_t n_texts, n_words, n_tokens, n_unknown; /* words: between blanks; each Han or kana letter is one */
    double fertility;                             /* tokens / words, special tokens not counted */
    double unknown_rate;                          /* unknown tokens / tokens */
    double lossy_rate;      /* words that lose a diacritic (or a letter) in normalisation / words */
    double merged_rate;     /* words that thereby become equal to another word of these texts / words */
    double case_rate;       /* words that lose only their case / words: the lesser fault, never decides alone */
    double truncated_share; /* texts longer than the limit, special tokens included */
    int32_t limit;
    tn_fit_verdict verdict;
    tn_str reason; /* one sentence with the numbers */
} tn_fit;

/// Thresholds of the verdict; the first one broken gives the reason, the worst one the verdict.
///   lossy_rate       > 0.02 poor, > 0.20 mismatch. English borrowings (café) stay below 0.5 %; German and French with
///                    stripped accents lie near 10 %, and stay readable; Vietnamese near 70 %, and does not.
///   unknown_rate     > 0.01 poor, > 0.05 mismatch: every 20th piece tells the model nothing.
///   fertility        > 2.5 poor, > 4 mismatch: a vocabulary of the language needs 1.1 to 1.6; at 4 words are spelt.
///   truncated_share  > 0.10 poor: the end of every tenth text is never read.
#define TN_FIT_LOSSY_POOR 0.02
#define TN_FIT_LOSSY_MISMATCH 0.20
#define TN_FIT_UNKNOWN_POOR 0.01
#define TN_FIT_UNKNOWN_MISMATCH 0.05
#define TN_FIT_FERTILITY_POOR 2.5
#define TN_FIT_FERTILITY_MISMATCH 4.0
#define TN_FIT_TRUNCATED_POOR 0.10

/// Fit to texts. `limit` in tokens, special ones included; 0 = none. `reason` lives in the arena.
tn_status tn_fit_texts(const tn_tokenizer *t, const tn_str *text, size_t n, int32_t limit, tn_arena *a, tn_fit *out,
                       tn_err *err);
/// Fit to the training rows (all rows when nothing is split yet).
tn_status tn_fit_dataset(const tn_tokenizer *t, const tn_dataset *d, int32_t limit, tn_arena *a, tn_fit *out,
                         tn_err *err);

#endif
