#ifndef TN_PROGRAMS_PREDICT_ANSWERS_H
#define TN_PROGRAMS_PREDICT_ANSWERS_H
/// `tenet predict` with a model that answers questions.

#include "cli.h"
#include "model/model.h"

/// --text QUESTION --context PASSAGE: with --json what the transformers pipeline returned, else answer, score and
/// start-end, parted by tabs; a line an answer. `dir` is the model's folder.
tn_status predict_one_answer(cli *c, tn_model *m, const char *dir, tn_err *err);
/// A file of questions (SQuAD's JSON, or JSON lines with question and context; answers are not read) to the same, a question
/// a line with its id in front; with --output to that file, which is JSON lines with --json and CSV otherwise.
tn_status predict_answer_file(cli *c, tn_model *m, const char *dir, const char *path, tn_err *err);

#endif
