#ifndef TN_DATA_SQUAD_H
#define TN_DATA_SQUAD_H
/// Questions over passages, with the answers that stand in them: SQuAD's JSON (1.1 and 2.0; also XQuAD, MLQA, ViQuAD)
/// and JSON lines as the `datasets` library writes them.
///
///   tn_dataset d;
///   tn_questions q;
///   tn_questions_load(&(tn_data_source){.path = "train.json"}, &d, &q, &findings, err);
///   tn_questions_prepare(&d, &q, &(tn_split_options){.seed = 0}, &duplicates, &findings, err);
///   tn_dataset_free(&d);                                        q lives in its arena
///
/// The data set has a row a question: its text is the question, its one other column "title" the article. What is common
/// to all tasks (ids, splits, digests, split.csv) works on these rows; the rest of a question is in `q` beside them.

#include "data/split.h"

enum { TN_NOT_THERE = UINT32_MAX };

typedef struct {
    tn_str text;         /* as in the file */
    uint32_t start, end; /* passage[start, end) is the text, counted in code points; TN_NOT_THERE when it is nowhere */
} tn_answer;

typedef struct {
    tn_str text;       /* as in the file, blanks at its ends included: answers count from its beginning */
    uint32_t n_points; /* code points */
    uint32_t first;    /* its first row */
    uint32_t n_rows;
} tn_passage;

typedef struct {
    uint32_t passage;
    bool known;      /* the file says what is right; false only for TN_DATA_PREDICT */
    bool impossible; /* right is that the passage holds no answer; n_answers is 0 then */
    uint32_t n_answers;
    tn_answer *answer; /* [n_answers], in the order of the file; each text not blank */
} tn_question;

typedef struct {
    tn_question *question; /* [n_rows of the data set] */
    size_t n_passages;
    tn_passage *passage; /* [n_passages], in order of their first question; equal ones of one file are one */
    size_t n_impossible; /* questions */
    size_t n_moved;      /* answers that stood elsewhere than stated */
    size_t n_nowhere;    /* answers whose text is not in the passage */
} tn_questions;

/// Loads and checks; `s->text`, `label`, `id` and `labels` have no part. On failure both are empty and need no free.
///
/// Layouts, told apart by content: {"data": [{"title", "paragraphs": [{"context", "qas": [{"id", "question", "answers":
/// [{"text", "answer_start"}], "is_impossible"}]}]}]}; or an object a line, or one array of objects, with "question",
/// "context" and, where there are any, "id", "title", "answers" as a list of {"text", "answer_start"} or as {"text":
/// [...], "answer_start": [...]}, "is_impossible". Other members have no part. An article without title is called
/// "FILE:N". Files and splits are found as in tn_dataset_load; ids too, and without them rows are numbered.
///
/// `answer_start` counts code points, as Python does. Where the text does not stand there, it is looked for as if the
/// number counted UTF-16 units or bytes, then nearby (within about 1000 bytes, the nearest place): moved, and counted.
/// A text that is nowhere near stays as an answer to score by, without a place to learn from, and counts.
/// A question without answers: "is_impossible": true or a list without any text say that none is right;
/// "is_impossible": false, or no list, that none is known: such rows are dropped where answers are needed (finding data-limits). Answers of an
/// impossible question have no part, with a finding. Rows whose question or passage is blank are dropped.
///
/// TN_EFORMAT with the place: not this layout, a member of another type, a negative or fractional answer_start, lists of
/// unequal length, duplicate ids, NUL characters, half surrogates, text that is not UTF-8, no row left; for TN_DATA_TRAIN
/// also fewer than three questions, or none whose answer has a place. TN_ELIMIT: a passage over max_record, rows over
/// max_rows.
tn_status tn_questions_load(const tn_data_source *s, tn_dataset *d, tn_questions *q, tn_findings *findings,
                            tn_err *err);

/// Builds questions from values (predict, tests): ids "row-N". TN_EFORMAT for a blank question or passage, or one that
/// is not UTF-8, with its number.
tn_status tn_questions_of(const tn_str *question, const tn_str *passage, size_t n, tn_dataset *d, tn_questions *q,
                          tn_err *err);

/// Splits by whole articles, so that no passage and no article is on two sides; what tn_data_prepare is for rows.
///   splits given   questions of the training side whose passage is equal or near to one of a later split leave
///   else           articles, joined where they share equal or near passages, go whole into one split
/// Of equal questions about equal passages inside train the first stays. Equal and near are as in data/duplicates.h, over
/// passages; `dup` lists pairs of passages by their first rows. `o->group` and `o->time` have no part. Lone articles
/// cannot be split: TN_EINVALID when a part would be empty.
tn_status tn_questions_prepare(tn_dataset *d, tn_questions *q, const tn_split_options *o, tn_duplicates *dup,
                               tn_findings *findings, tn_err *err);

/// A data set of other texts over the same rows, for what looks at texts (profile, fit, personal data): borrowed from
/// both but for what is new, in `a`. Not to be freed.
///   joined    a row a question: the question, a line end, its passage: what a model reads
///   apart     a row a passage, then a row a question: each text once
tn_status tn_questions_joined(const tn_dataset *d, const tn_questions *q, tn_arena *a, tn_dataset *out, tn_err *err);
tn_status tn_questions_apart(const tn_dataset *d, const tn_questions *q, tn_arena *a, tn_dataset *out, tn_err *err);

/// SHA-256 over (id, question, passage, answers with their places) of all rows: for the lock.
tn_status tn_questions_digest(const tn_dataset *d, const tn_questions *q, tn_digest *out, tn_err *err);

#endif
