#ifndef TN_DATA_TOKENS_H
#define TN_DATA_TOKENS_H
/// Tagged words (named entities, parts of speech) from CoNLL files and JSON lines: a data set whose rows are sentences,
/// and the words and tags of each row beside it.
///
///   tn_dataset d;
///   tn_tokens k;
///   tn_tokens_load(&(tn_data_source){.path = "wnut17/", .tagged = true}, &d, &k, &findings, err);
///   for (size_t i = k.start[row]; i < k.start[row + 1]; i++) ... k.word[i], k.tag_of[i]
///   tn_dataset_free(&d);                                                                 the words too
///
/// A row's text is its words with a blank between, its label -1: splits, copies and leaks, personal data and profile
/// are those of texts.

#include "data/dataset.h"
#include "metric/sequence_labels.h"

typedef struct {
    size_t *start;   /* [n_rows + 1]; row r has words [start[r], start[r + 1]), one at least */
    tn_str *word;    /* not blank, no blanks at the ends; may have blanks inside ("Bùi Văn Luyến") */
    int32_t *tag_of; /* index into tag; -1: not known (TN_DATA_PREDICT) */
    size_t n_tags;
    tn_str *tag;   /* [n_tags]: as given, else the distinct ones in byte order */
    bool *trained; /* [n_tags], the tag occurs in a training row, or one that is not split */
    tn_scheme scheme;
    tn_column_choice word_column, tag_column;
    size_t n_documents;      /* 0: the files mark none */
    size_t n_untagged;       /* sentences dropped because a word has no tag */
    size_t n_misbegun;       /* spans that begin with I- although the scheme begins them with B- */
    size_t n_contradictions; /* sentences that stand there again with other tags */
} tn_tokens;

/// Loads and checks. On failure `d` is empty and needs no free; `out` lives in d's arena.
///
/// Format by extension: .jsonl, .ndjson, .json; .conll, .conllu, .iob, .bio and, when the file is named, everything
/// else is CoNLL: a line a word, columns parted by tabs where the first line has one, else by blanks; an empty line (or
/// one of blanks) ends a sentence. All lines have the columns of the first (TN_EFORMAT). A line whose first column is
/// -DOCSTART- begins a document, as does "# newdoc"; then other column "document" names it, for data: {group:
/// document}. A line that begins with # before the first word of a sentence is a comment when its columns are not as
/// many as the others': a tweet may begin with "#" or "#tag". CoNLL-U (.conllu, or ten columns with a number first):
/// ranges 1-2 and empty nodes 1.1 are left out, sent_id is the row's id where all have one; "# global.columns" names
/// the columns of CoNLL-U Plus. Columns: s->text and s->label name them (FORM, UPOS, … or numbers from 1); else the
/// first and the last, of CoNLL-U FORM and UPOS. One column is enough to predict.
///
/// JSON: an object a line, or one array of them, with a list of words and a list of as many tags. Usual names: tokens,
/// words · tags, labels · ner_tags · pos_tags, upos; two of the last three are ambiguous (TN_EINVALID says how to name
/// one). Tags are texts, or numbers of s->labels, or of the names that dataset_info.json beside the file has for the
/// column; without names they are called by their numbers, with a finding.
///
/// A tag "" or "_" (CoNLL-U, JSON null) is missing: the sentence is dropped and counted where tags are needed.
/// s->labels is the label set and its order; another tag is TN_EFORMAT with its place. A tag that no training row has
/// is a finding. Splits, ids, ill-formed bytes and the use of s are those of tn_dataset_load. s->max_record bounds a
/// sentence (1 MiB): a file without empty lines is refused. A word over 1,000 bytes is TN_ELIMIT, over 1,000 tags too.
tn_status tn_tokens_load(const tn_data_source *s, tn_dataset *d, tn_tokens *out, tn_findings *findings, tn_err *err);

/// From bytes, for fuzzing: one file of that name, whose extension says its format.
tn_status tn_tokens_parse(tn_str text, const char *name, tn_data_use use, tn_dataset *d, tn_tokens *out,
                          tn_findings *findings, tn_err *err);

/// SHA-256 over id, words and tags of all rows in order.
tn_status tn_tokens_digest(const tn_dataset *d, const tn_tokens *k, tn_digest *out, tn_err *err);

#endif
