#ifndef TN_EVAL_BASELINE_H
#define TN_EVAL_BASELINE_H
/// What a model must beat: the majority class, a strong linear model on word and character n-grams, and a linear probe
/// on the untouched encoder's features. All fitted on the training side only.

#include "base/clock.h"
#include "base/pool.h"
#include "metric/classification.h"

/// ---- what a linear model learns ----
typedef enum {
    TN_LEARN_CLASSES, /* one of n_outputs classes a row: softmax, cross-entropy */
    TN_LEARN_FLAGS,   /* n_outputs independent labels: sigmoids, binary cross-entropy, one fit a label */
    TN_LEARN_VALUES,  /* n_outputs numbers: squared error. Best of mean 0 and deviation 1 over the rows */
} tn_learn_kind;
typedef struct {
    tn_learn_kind kind;
    int32_t n_outputs;
    const int32_t *label; /* [n] CLASSES: the class. Otherwise what folds are stratified by, in [-1, n_outputs); NULL: nothing */
    const float *value;   /* [n, n_outputs] FLAGS: 0 or 1; VALUES: finite */
} tn_lesson;

/// ---- multinomial logistic regression ----
/// Minimises mean cross-entropy + l2/2 |W|^2 (bias not penalised) by L-BFGS in double precision, from zero, until no
/// element of the gradient is larger than `tolerance`; the same bits for any number of threads and instruction set.
/// The minimum is scikit-learn's LogisticRegression(C = 1/(l2 n)) from three labels on; for two, where scikit-learn
/// fits one sigmoid, C = 2/(l2 n).
typedef struct {
    int32_t n_labels;
    int32_t width;  /* features */
    double *weight; /* [n_labels, width] */
    double *bias;   /* [n_labels] */
    int32_t n_iterations;
    bool converged;
} tn_logistic;

typedef struct {
    double l2;              /* penalty per row: 1/(C n) in scikit-learn's terms */
    int32_t max_iterations; /* 0 = 300 */
    double tolerance;       /* 0 = 1e-5 */
    tn_pool *pool;
} tn_logistic_options;

/// x [n, width] dense. `out` lives in the arena; `converged` is false when iterations ran out or rounding ended the
/// search. TN_EINVALID for no rows or features, a label out of range, a feature that is not finite, a negative penalty;
/// TN_EINTR.
tn_status tn_logistic_fit(const float *x, int32_t n, int32_t width, const int32_t *label, int32_t n_labels,
                          const tn_logistic_options *options, tn_arena *a, tn_logistic *out, tn_err *err);
/// probability [n, n_labels]
void tn_logistic_predict(const tn_logistic *m, const float *x, int32_t n, float *probability);

/// ---- majority ----
/// probability rows are the training shares of the labels; the prediction is the commonest, the first of equals.
void tn_majority_predict(const int32_t *train_label, int32_t n_train, int32_t n_labels, int32_t n, float *probability);

/// ---- n-grams ----
/// TF-IDF of word 1-2-grams and character 2-5-grams inside word boundaries (lower-cased NFC, sublinear tf, smooth idf,
/// L2 norm of each block), features of at least two training rows, then logistic regression; the penalty is chosen
/// among C = 1, 10, 100 by 5-fold cross-validation of macro F1 on the training rows (the vocabulary and idf are the
/// whole training set's). The two blocks are scikit-learn's TfidfVectorizer(sublinear_tf=True, min_df=2) with
/// token_pattern=r"\w+", ngram_range=(1, 2), and with analyzer="char_wb", ngram_range=(2, 5); words are runs of
/// Unicode's \w, one letter is a word (in Vietnamese and in chat it often says no). Over 4 million weights the rarest
/// features are left out.
typedef struct tn_ngram tn_ngram;
/// TN_EINVALID for no rows, a label out of range, text that is not UTF-8; TN_ELIMIT beyond 2^32 n-grams; TN_EINTR.
tn_status tn_ngram_fit(const tn_str *text, const int32_t *label, int32_t n, int32_t n_labels, tn_pool *pool,
                       tn_progress *progress, tn_ngram **out, tn_err *err);
/// probability [n, n_labels]; a text without a known n-gram gets the bias alone. TN_EINVALID, TN_ENOMEM.
tn_status tn_ngram_predict(const tn_ngram *m, const tn_str *text, int32_t n, float *probability, tn_err *err);
void tn_ngram_free(tn_ngram *m);
/// The same of any lesson: FLAGS are chosen by macro F1 (yes from 1/2 on), VALUES by R². The output is what the lesson has:
/// shares that sum to 1, independent probabilities, numbers. FLAGS are scikit-learn's LogisticRegression(C) for each label,
/// VALUES its Ridge(alpha = 1/C).
tn_status tn_ngram_learn(const tn_str *text, const tn_lesson *lesson, int32_t n, tn_pool *pool, tn_progress *progress,
                         tn_ngram **out, tn_err *err);
/// "word 1-2-grams and character 2-5-grams, TF-IDF, logistic regression, C = 10, 23456 features", for records.
const char *tn_ngram_settings(const tn_ngram *m);

/// ---- probe ----
/// Logistic regression on standardised frozen features (mean and deviation of the training rows), penalty chosen by
/// cross-validation on the training rows among stated values.
typedef struct {
    tn_logistic model;
    float *mean, *scale; /* [width] */
    double l2;
    double cv_mean, cv_se; /* of macro F1 (VALUES: R²) over the folds, at the chosen penalty */
    int32_t n_folds;
    tn_learn_kind kind;
} tn_probe;
/// n_folds 0 = 5 (fewer when a class is smaller, at least 2); folds are stratified by the counter rng. With one label
/// or fewer than 4 rows there is nothing to choose by: n_folds 0, cv_mean and cv_se NAN. Fails as tn_logistic_fit does.
tn_status tn_probe_fit(const float *x, int32_t n, int32_t width, const int32_t *label, int32_t n_labels,
                       int32_t n_folds, tn_pool *pool, tn_arena *a, tn_probe *out, tn_err *err);
/// The same of any lesson, as tn_ngram_learn.
tn_status tn_probe_learn(const float *x, int32_t n, int32_t width, const tn_lesson *lesson, int32_t n_folds, tn_pool *pool,
                         tn_arena *a, tn_probe *out, tn_err *err);
/// probability [n, n_labels], or what the lesson has; TN_ENOMEM
tn_status tn_probe_predict(const tn_probe *p, const float *x, int32_t n, float *probability, tn_err *err);

#endif
