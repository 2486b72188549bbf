#ifndef TN_DATA_PII_H
#define TN_DATA_PII_H
/// Counts of personal data in texts, by detectors that check structure and checksums. Never the values.
///
/// Precision first: a detector that cannot tell an order number from a phone number stays silent. What is not found
/// here may still be personal: names and addresses are not looked for, and the data card says so.

#include "data/dataset.h"

typedef enum {
    TN_PII_EMAIL,       /* local@domain.tld: no dots at the ends, top level of two letters or more */
    TN_PII_PHONE,       /* +CC with 8 to 15 digits in all; Vietnamese 0[35789] and eight digits, 02 and nine digits */
    TN_PII_CARD,        /* 13 to 19 digits of a known issuer's range and length, Luhn sum right */
    TN_PII_IBAN,        /* country's length, mod 97 = 1 */
    TN_PII_NATIONAL_VN, /* 12 digits: province code in use, century and sex 0-3, year of birth that fits; or 9 digits
                           behind the words CMT, CMND */
    TN_PII_IP,          /* IPv4 dotted quad (not a version or a decimal), IPv6; loopback and unspecified do not count */
    TN_N_PII,
} tn_pii_kind;
const char *tn_pii_name(tn_pii_kind k); /* "email", "phone", "card", "iban", "national_vn", "ip" */

typedef struct {
    size_t count[TN_N_PII];
    size_t rows_with_any;
} tn_pii;

/// Finds the next one at or after *at: sets its span and kind and moves *at behind it. For redaction: bytes of the
/// text.
bool tn_pii_next(tn_str text, size_t *at, tn_pii_kind *kind, size_t *from, size_t *to);
/// Adds the counts of one text.
void tn_pii_count(tn_str text, tn_pii *p);
/// Texts and other columns of all rows, in every split.
void tn_pii_scan(const tn_dataset *d, tn_pii *out);
/// govern-pii: a warning when there is any, an error when `regulated` (the brief says so).
tn_status tn_pii_report(const tn_pii *p, bool regulated, tn_findings *findings, tn_err *err);
/// The text with each value replaced by "[email]", "[phone]" …: for error lists and cards.
tn_status tn_pii_redact(tn_str text, tn_buf *out, tn_err *err);
/// data/pii.json: {"counts":{"email":0,…},"rows_with_any":0}
tn_status tn_pii_write_json(const tn_pii *p, tn_buf *out, tn_err *err);

#endif
