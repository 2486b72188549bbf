#ifndef TN_CHECK_PY_TEXT_H
#define TN_CHECK_PY_TEXT_H
/// What is between the quotes of a Python string → its value; what encoding a source is in. Private to the parser.

#include "base/str.h"

typedef struct {
    bool raw, bytes, format; /* r, b, f or t */
    tn_str body;             /* between the quotes */
} tn_py_literal;

/// Takes prefix and quotes off a token.
tn_py_literal tn_py_literal_of(tn_str token);
/// True when the body is its own value: nothing to unescape, no CR.
bool tn_py_is_plain(tn_py_literal l);
/// Appends the value of a slice of the body. Sets *inexact for what we cannot know (a name in \N{...}, lone surrogates).
/// False for an escape that Python refuses ("\x1").
bool tn_py_unescape(tn_py_literal l, tn_str part, tn_buf *out, bool *inexact);

typedef enum { TN_PY_UTF8, TN_PY_LATIN1, TN_PY_OTHER, TN_PY_WIDE } tn_py_encoding;
/// By the byte order mark, or the cookie in the first two lines (PEP 263).
tn_py_encoding tn_py_encoding_of(tn_str text);

#endif
