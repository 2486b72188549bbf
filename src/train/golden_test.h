#ifndef TN_TRAIN_GOLDEN_H
#define TN_TRAIN_GOLDEN_H
/// Tests only: lines of tests/data/adamw-torch.txt, "word number number ...".

#include "base/file.h"
#include "test.h"

enum { GOLDEN_MAX = 64 };

typedef struct {
    tn_str word, name; /* name: the second word when it is no number */
    double number[GOLDEN_MAX];
    int n;
} golden_line;

/// The next line that is not a comment; false at the end.
static inline bool golden_next(tn_str *rest, golden_line *out)
{
    tn_str line, word;
    do {
        if (!tn_str_cut(rest, '\n', &line))
            return false;
    } while (line.len == 0 || line.ptr[0] == '#');
    *out = (golden_line){0};
    assert_true(tn_str_cut(&line, ' ', &out->word));
    while (tn_str_cut(&line, ' ', &word)) {
        assert_true(out->n < GOLDEN_MAX);
        if (tn_str_to_f64(word, &out->number[out->n]))
            out->n++;
        else
            out->name = word;
    }
    return true;
}

#endif
