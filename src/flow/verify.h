#ifndef TN_FLOW_VERIFY_H
#define TN_FLOW_VERIFY_H
/// What can be checked about a finished run without running it again, and the comparison of two runs' bytes.

#include "base/clock.h"
#include "base/finding.h"

typedef struct {
    size_t n_digests; /* files whose digest was compared */
    size_t n_numbers; /* numbers of cards and report that were found in their record */
} tn_verify_counts;

/// Checks a run folder:
///   - every digest of lock.json against the files (weights, split, criteria, plan, metrics)
///   - every number of deploy/model/README.md, data/README.md and report.html against the record it names
///   - metrics.json against a fresh computation from eval/predictions.csv and eval/baseline-*.csv
///   - the cards and the report are there
///   - the test was opened once by each contender (the openings of a resumed run are marked and do not count)
/// What does not hold becomes an error finding (govern-cards, constraint-reproduce, constraint-evaluate, data-leak). TN_OK also
/// then; another status only when the folder cannot be read at all.
tn_status tn_verify(const char *dir, tn_findings *findings, tn_verify_counts *counts, tn_err *err);

/// The numbers alone of a Markdown page that names its records, `0.812 <!-- eval/metrics.json#/test/macro_f1 -->`: `text` is
/// the page, `page` its name in findings (govern-cards), `dir` the run's folder.
tn_status tn_verify_page(const char *dir, const char *page, tn_str text, tn_findings *findings, tn_verify_counts *counts, tn_err *err);

/// Compares the byte-equal set of two runs: one finding a file that differs or is missing. *n_same counts equal files.
tn_status tn_verify_same_bytes(const char *a, const char *b, tn_findings *findings, size_t *n_same, tn_err *err);

#endif
