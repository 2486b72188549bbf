#ifndef TN_DATA_FOLD_H
#define TN_DATA_FOLD_H
/// A normal form of a whole text, for comparing texts and words.

#include "base/str.h"

enum {
    TN_FOLD_COMPATIBLE = 1, /* NFKC; otherwise NFC */
    TN_FOLD_LOWER = 2,      /* then lower case, letter by letter */
    TN_FOLD_SPACES = 4,     /* then each run of white space one blank, none at the ends */
    TN_FOLD_WORDS = 8,      /* then only letters, marks, digits and '_' */
};
/// Appends the folded text. Ill-formed bytes count as U+FFFD.
tn_status tn_fold(tn_str s, unsigned how, tn_buf *out, tn_err *err);

typedef enum {
    TN_SCRIPT_NONE, /* not a letter that we sort by */
    TN_SCRIPT_LATIN,
    TN_SCRIPT_GREEK,
    TN_SCRIPT_CYRILLIC,
    TN_SCRIPT_HEBREW,
    TN_SCRIPT_ARABIC,
    TN_SCRIPT_DEVANAGARI,
    TN_SCRIPT_THAI,
    TN_SCRIPT_HANGUL,
    TN_SCRIPT_KANA,
    TN_SCRIPT_HAN,
    TN_N_SCRIPTS,
} tn_script;
tn_script tn_script_of(uint32_t cp);

#endif
