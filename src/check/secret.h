#ifndef TN_CHECK_SECRET_H
#define TN_CHECK_SECRET_H
/// Keys and tokens that a text gives away, by the forms that their makers gave them.
///
/// Precision first: a form with a fixed beginning, its own letters and a length, and enough different letters to be no
/// placeholder ("hf_xxxxxxxx", "AKIA...EXAMPLE"). Passwords and keys without a form are not looked for here.

#include "check/check.h"

/// Finds the next one at or after *at: its span, what it is ("a Hugging Face token"), and moves *at behind it.
bool tn_secret_next(tn_str text, size_t *at, const char **what, size_t *from, size_t *to);
/// The text with each secret's letters behind its beginning replaced by "***"; the same slice when there is none.
tn_status tn_secret_mask(tn_str text, tn_arena *a, tn_str *out, tn_err *err);

/// govern-userdata for each secret in any kind of text. Never shows the value.
tn_checker tn_check_secrets;

#endif
