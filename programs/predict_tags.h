#ifndef TN_PROGRAMS_PREDICT_TAGS_H
#define TN_PROGRAMS_PREDICT_TAGS_H
/// `tenet predict` with a model of token classification.

#include "cli.h"
#include "model/model.h"

/// Texts: with --json a list of spans a line, else label, score, start-end and word of each, parted by tabs.
tn_status predict_tag_texts(cli *c, tn_model *m, tn_err *err);
/// CoNLL or JSON lines with words (tags are not read) to the same with the model's tags: JSON lines with --json or when
/// the output, or without one the input, is called so; else a line a word.
tn_status predict_tag_file(cli *c, tn_model *m, const char *path, tn_err *err);

#endif
