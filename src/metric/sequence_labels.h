#ifndef TN_METRIC_SEQUENCE_LABELS_H
#define TN_METRIC_SEQUENCE_LABELS_H
/// Metrics of tagged words, equal to seqeval's: spans that tags make, found, missed and invented, by type. Plain tags
/// (parts of speech) are spans of one word each, so that their scores are scikit-learn's over words.
///
/// Source: seqeval 1.2.2, metrics/sequence_labeling.py (lenient) and scheme.py (strict); reference/metrics.md §4;
/// parity: tests/parity/sequence_parity.py.

#include "base/mem.h"
#include "base/str.h"

typedef enum {
    TN_SCHEME_PLAIN, /* NOUN, VERB …: every word is one span, its tag the type */
    TN_SCHEME_IOB1,  /* I-X inside; B-X only where a span of X follows another one */
    TN_SCHEME_IOB2,  /* every span begins with B-X */
    TN_SCHEME_IOE1,
    TN_SCHEME_IOE2,  /* every span ends with E-X */
    TN_SCHEME_IOBES, /* S-X: a span of one word */
    TN_SCHEME_BILOU, /* L for E, U for S */
    TN_N_SCHEMES,
} tn_scheme;
const char *tn_scheme_name(tn_scheme s); /* "plain", "IOB2" … */

/// A label set, each tag taken apart.
typedef struct {
    tn_scheme scheme;
    int32_t n_tags;
    const tn_str *tag; /* [n_tags], borrowed */
    uint32_t *prefix;  /* [n_tags], first code point of the tag */
    int32_t *type;     /* [n_tags], index into type_name; of a plain tag its own; of O `outside` */
    int32_t *strict;   /* [n_tags], the type as strict mode reads it: equal numbers are equal types */
    int32_t n_types;
    tn_str *type_name; /* [n_types], in byte order */
    /// What O has for a type: that of tags without one ("B" is of type "_", as O is), else a number that no tag has.
    int32_t outside, strict_outside;
} tn_tag_set;

/// What a set of tags is written in, judged by tags in sequences: words laid end to end, row i is
/// tag_of[start[i] .. start[i+1]). Plain unless every tag is "O" or a letter of BIESLU, "-" and a type. A set with E or
/// S is IOBES (IOE2 without B and S), with L or U BILOU, else IOB2 when every span of the sequences begins with B, else
/// IOB1.
tn_scheme tn_scheme_detect(const tn_str *tag, int32_t n_tags, const size_t *start, size_t n_rows,
                           const int32_t *tag_of);

/// Arrays in the arena. TN_EINVALID for a tag that is empty, and for a scheme but PLAIN one that is not O and has no
/// letter of it (strict mode has no reading for it); `any` takes every tag for the lenient mode alone.
tn_status tn_tag_set_make(const tn_str *tag, int32_t n_tags, tn_scheme scheme, bool any, tn_arena *a, tn_tag_set *out,
                          tn_err *err);

typedef struct {
    int32_t type;     /* index into type_name */
    int64_t from, to; /* words [from, to) of the row */
} tn_tag_span;
/// Spans of one row, in order; out has room for n. Lenient as conlleval: whatever begins a span begins one.
size_t tn_tag_spans(const tn_tag_set *s, const int32_t *tag_of, size_t n, tn_tag_span *out);

/// Two readings of the same words.
typedef struct {
    size_t n_rows;
    const size_t *start;  /* [n_rows + 1] */
    const int32_t *label; /* [start[n_rows]], in [0, n_tags) */
    const int32_t *predicted;
} tn_tagged;

/// ---- counts of a row, which add up ----
/// width = 3 n_types + 5: of each type the spans hit, predicted and there (lenient); then of all types together the
/// same three in strict mode; then words whose tag is right, and words.
int32_t tn_sequence_width(const tn_tag_set *s);
/// count [n_rows, tn_sequence_width]. TN_EINVALID for a tag out of range; TN_ENOMEM.
tn_status tn_sequence_counts(const tn_tag_set *s, const tn_tagged *t, double *count, tn_err *err);

typedef enum {
    TN_SEQUENCE_PRECISION, /* micro, as the next two */
    TN_SEQUENCE_RECALL,
    TN_SEQUENCE_F1,
    TN_SEQUENCE_MACRO_F1,    /* unweighted mean over types that occur or are predicted; 0 when none do */
    TN_SEQUENCE_WEIGHTED_F1, /* by spans that are there; 0 when there are none */
    TN_SEQUENCE_STRICT_F1,   /* micro, mode="strict" in the set's scheme; of plain tags F1 */
    TN_SEQUENCE_ACCURACY,    /* of words, O included */
    TN_N_SEQUENCE,
} tn_sequence_metric;
const char *tn_sequence_metric_name(tn_sequence_metric m); /* "span_precision", …, "word_accuracy" */
/// All of them from summed counts, value [TN_N_SEQUENCE]: tn_counted's function with the tag set as self.
void tn_sequence_values(const void *tag_set, const double *sum, int32_t n_rows, double *value);

typedef struct {
    double precision, recall, f1; /* 0 where a denominator is 0 */
    int64_t support, n_predicted;
} tn_type_score;
/// Of one type, from summed counts.
tn_type_score tn_sequence_type_score(const double *sum, int32_t type);

#endif
