#ifndef TN_DATA_PROFILE_H
#define TN_DATA_PROFILE_H
/// What the data looks like: rows a split, class balance, lengths in tokens, language. The content of
/// data/profile.json.

#include "data/fit.h"

typedef struct {
    tn_str id;    /* vi, en, zh, ja, ko; und-Latn, und-Cyrl, und-Arab, und-Thai, und-Grek, und-Hebr, und-Deva; und */
    double share; /* of the rows */
} tn_language_share;

typedef struct {
    size_t n[TN_N_SPLITS]; /* rows by tn_split */
    size_t *class_count;   /* [n_labels][TN_N_SPLITS] */
    double majority_share; /* of the largest class among the training rows */
    int32_t majority;      /* that class, the first of equals; -1 without labels */
    size_t n_tokens;       /* of all training rows */
    double tokens_mean;
    uint32_t tokens_p50, tokens_p95, tokens_max; /* nearest rank */
    int32_t limit;
    double truncated_share;
    size_t n_languages;
    tn_language_share *language; /* falling share, then by id */
    tn_str language_id;          /* the first one's; Vietnamese when 3 in 10 of the Latin rows carry its marks */
} tn_profile;

/// Lengths and languages are those of the training rows (all rows when nothing is split yet). `t` may be NULL: no
/// lengths.
tn_status tn_profile_make(const tn_dataset *d, const tn_tokenizer *t, int32_t limit, tn_arena *a, tn_profile *out,
                          tn_err *err);

/// A text's language by script and simple signs: one of the ids above. Enough to warn, not to sort a corpus.
const char *tn_language_of(tn_str text);

/// data/profile.json. `model` [n_fits] names the fits.
tn_status tn_profile_write_json(const tn_dataset *d, const tn_profile *p, const tn_str *model, const tn_fit *fit,
                                size_t n_fits, tn_buf *out, tn_err *err);

#endif
