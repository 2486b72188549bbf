#ifndef TN_RECORD_RECORD_H
#define TN_RECORD_RECORD_H
/// The run folder, read: every record is one tree, and every number has an address, "eval/metrics.json#/test/macro_f1".
///
/// JSON and YAML are read as they are. JSON lines become an array; CSV becomes an array of objects keyed by the head row,
/// with text values. So `experiment/candidates.csv#/0/fit` and `tune/steps.jsonl#/0/loss` are addresses too.
/// Records are read once and kept. A record that is missing is absent (NULL); one that cannot be read is absent too, and
/// `tn_records_problem` says why: cards and reports print "not measured", `verify` prints the sentence.

#include "base/finding.h"
#include "codec/json.h"

typedef struct tn_records tn_records;

tn_status tn_records_open(const char *dir, tn_records **out, tn_err *err);
void tn_records_close(tn_records *r);
/// The whole record, or NULL.
const tn_json *tn_records_get(tn_records *r, const char *record);
/// The value at an address (a record's name, '#', an RFC 6901 pointer), or NULL.
const tn_json *tn_records_at(tn_records *r, const char *address);
/// The number at an address; text that reads as a number counts (CSV). False when absent.
bool tn_records_number(tn_records *r, const char *address, double *out);
/// The text at an address; empty when absent.
tn_str tn_records_text(tn_records *r, const char *address);
/// Index of the element of the list at an address whose `key` is the lowest number, among those with `n` of at least
/// min_n (elements without `n` count): the weakest class, the weakest slice. SIZE_MAX when there is none.
size_t tn_records_lowest(tn_records *r, const char *list, const char *key, double min_n);
/// What a run was measured by, whatever its task: names of metrics in the order of their signatures, the criterion's first
/// where two are shown, and who opened the test beside the model.
enum { TN_MEASURED_MAX = 16 };
typedef struct {
    tn_str metric[TN_MEASURED_MAX], baseline[TN_MEASURED_MAX];
    size_t n_metrics, n_baselines;
    tn_str criterion, second; /* empty: not measured */
    tn_str slice[2];          /* metrics that slices.csv has */
    const char *row_test;     /* key of the test over rows in comparisons.json: "mcnemar", "sign" */
    bool has_classes;         /* there are figures by class */
} tn_measured;
void tn_records_measured(tn_records *r, tn_measured *out);
/// How often `who` ("model", "baseline:majority") opened the test, by eval/openings.log. Openings of a resumed run for the
/// same weights are marked there, and do not count.
size_t tn_records_openings(tn_records *r, const char *who);
/// The same of all of `measured` as the beginning of a sentence: "The test was opened once, after all choices were made".
void tn_records_say_openings(tn_records *r, const tn_measured *measured, tn_buf *out);
/// The probe's column of experiment/candidates.csv, "probe_macro_f1"; empty when there is none.
tn_str tn_records_probe_column(tn_records *r);
/// TN_ENOMEM when a look-up failed for want of memory, so that its "absent" was untrue; else TN_OK. Ask once, at the end.
tn_status tn_records_status(const tn_records *r, tn_err *err);
/// Why a record that exists could not be read; NULL when it could, or does not exist.
const char *tn_records_problem(tn_records *r, const char *record);

/// Reads findings.jsonl back into a collection; absent, it adds nothing.
tn_status tn_records_findings(tn_records *r, tn_findings *out, tn_err *err);
/// A finding as one object: {rule, severity, path, line, column, message, evidence, remedy}.
void tn_record_finding(const tn_finding *f, tn_json_writer *w);

/// How a number at an address is shown. One mechanism for cards, report and verify.
typedef enum {
    TN_SHOW_3,       /* 0.812 */
    TN_SHOW_PERCENT, /* 81.2 % */
    TN_SHOW_COUNT,   /* 1,234 */
    TN_SHOW_MS,      /* 4.1 ms */
    TN_SHOW_SECONDS, /* 12 s */
    TN_SHOW_BYTES,   /* 90.9 MB */
    TN_SHOW_EXACT,   /* as in the record */
    TN_SHOW_SIGNED,  /* +0.031 */
    TN_SHOW_P,       /* = 0.031, < 0.001 */
    TN_N_SHOWS,
} tn_show;
/// Appends the number in that form. `text` is the record's own spelling for TN_SHOW_EXACT.
void tn_show_number(double v, tn_str text, tn_show how, tn_buf *out);

#endif
