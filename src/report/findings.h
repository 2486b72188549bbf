#ifndef TN_REPORT_FINDINGS_H
#define TN_REPORT_FINDINGS_H
/// Findings written for people and for machines: text, JSON, SARIF 2.1.0, JUnit.
///
/// The findings come sorted (tn_finding_cmp). Each writer appends to a buffer; ask tn_buf_status once.

#include "base/finding.h"
#include "rules/rules.h"

/// By file: place, severity, message, rule; the line with a caret under the column; evidence and remedy. With `colour`
/// the escapes of a terminal; everything else that a terminal could take for an order is written as '?'.
void tn_findings_text(const tn_findings *f, bool colour, tn_buf *out);
/// [{rule, severity, path, line, column, message, evidence, remedy}, ...], one a line.
void tn_findings_json(const tn_findings *f, tn_buf *out);
/// One run of the tool "tenet": each rule that has a finding with its texts, each finding with its place, fingerprint and remedy.
/// Relative paths become relative URIs. Lines and columns count from 1; columns are code points.
/// Source: SARIF 2.1.0 (OASIS), section 3.
tn_status tn_findings_sarif(const tn_findings *f, const tn_rules *rules, tn_buf *out, tn_err *err);
/// A test case for each file and rule that has findings, failed for errors and warnings; one that passed when there are none.
void tn_findings_junit(const tn_findings *f, tn_buf *out);

#endif
