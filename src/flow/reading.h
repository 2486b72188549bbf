#ifndef TN_FLOW_READING_H
#define TN_FLOW_READING_H
/// From words and phrases to facts: the rules of reading that are not rows of a table. Used by flow/brief.c only.
#include "flow/brief.h"
#include "flow/phrase.h"

enum { TN_IN_HEAD = TN_N_PARTS + 1 }; /* tn_word.part of a word that only heads a part; TN_N_PARTS in free prose */

typedef struct {
    tn_brief *brief;
    tn_arena *arena;
    tn_words words;
    tn_phrase_hits hits;
    uint32_t first_line; /* of the prose in the file */
    bool no_memory;      /* sticky */
} tn_reader;

/// Adds a fact unless the field has this value already; bytes [from, to) of the text are its words.
void tn_reader_add(tn_reader *r, const char *field, tn_str value, size_t from, size_t to);
/// Reads all fields from r->words and r->hits.
void tn_reader_run(tn_reader *r);
/// Lists what is missing, once the facts are sorted.
void tn_reader_note_missing(tn_reader *r);

#endif
