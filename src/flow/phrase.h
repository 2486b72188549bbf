#ifndef TN_FLOW_PHRASE_H
#define TN_FLOW_PHRASE_H
/// Words of a text, and the phrases of the catalogue that stand in them: the lower half of reading a brief.
///
/// A word is a run of letters and digits with what joins them inside ("fine-tune", "don't", "yes/no", "0.85"); each
/// character of a script without blanks (Han, Kana, Hangul, Thai) is a word of its own; so are < > = % and arrows.
///
/// Phrases are rows of catalog/phrases.tsv: field, value, weight, and phrases divided by ';'. A phrase is a row of
/// words; a word may be
///   text      this word                    text*     begins so            *text     ends so          *text*   holds it
///   a|b|c     one of these                 @name     one of the class's (rows of field "@")
///   #         a number                     ^         the clause begins here
///   ..        up to 3 words of the clause  ...       up to 8 words of the sentence
/// Languages of catalog/languages.tsv are phrases of the field "language". Rows of the field "word" mark single words:
/// their value is one of TN_WORD_KINDS, and what a kind is for stands where it is asked for (flow/reading.c).

#include "base/str.h"

#define TN_WORD_KINDS(X) \
    X(article) X(before_one) X(apart) X(place) X(stored) X(memory) X(card) X(limit) X(bound) X(length) X(compute) \
    X(material) X(item) X(frame) X(throughput) X(second) X(parameter) X(up_to) X(each) X(hours) X(present) X(firm) \
    X(gain) X(was) X(no_name) X(describes) X(within) X(whether) X(copula) X(or) X(preposition) X(generic) X(lead) \
    X(and) X(owns) X(no_items) X(daily) X(rate) X(small) X(desktop) X(runs) X(joint) X(before_name) X(percent)

enum { /* a bit each in tn_word.kinds */
#define X(name) TN_W_##name,
    TN_WORD_KINDS(X)
#undef X
};

typedef struct {
    tn_str lower;    /* lower case; typographic apostrophes and hyphens made plain */
    size_t from, to; /* bytes in the text */
    uint32_t clause, sentence, line; /* counted from 0, 0 and the first line given */
    bool capital;    /* written with a capital first letter */
    uint64_t kinds;  /* bits of TN_WORD_KINDS, set by tn_phrases_find */
    uint8_t part;    /* 0: for the caller, which part of the text it stands in */
} tn_word;

typedef TN_VEC(tn_word) tn_words;

/// Cuts the text. Fails with TN_ELIMIT over 400,000 words, TN_ENOMEM. Free with TN_VEC_FREE, also after a failure.
tn_status tn_words_cut(tn_str text, uint32_t first_line, tn_arena *a, tn_words *out, tn_err *err);

typedef struct {
    tn_str field, value; /* of the catalogue */
    int weight;          /* of the catalogue's row; 2 where it says none */
    uint32_t first, last; /* words */
    bool negated;        /* a negation stands before it in its clause, or one behind it ("is not needed", "later") */
    bool quoted;         /* right behind a word for what is there already ("existing", "our present") */
} tn_phrase_hit;

typedef TN_VEC(tn_phrase_hit) tn_phrase_hits;

/// All phrases in the words, by field, then by place; the words get their kinds. Of two hits of one field the longer stands for the one inside it.
/// The first 500 hits of a field are kept. Free with TN_VEC_FREE, also after a failure.
tn_status tn_phrases_find(tn_words *words, tn_arena *a, tn_phrase_hits *out, tn_err *err);

/// Equal but for case (lower case of Unicode, code point by code point).
bool tn_phrase_same(tn_str a, tn_str b);

#endif
