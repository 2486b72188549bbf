#ifndef TN_FLOW_TASK_TEXTS_H
#define TN_FLOW_TASK_TEXTS_H
/// What tasks over whole texts, or pairs of texts, share: reading rows, frozen features, encoding, answers of the model.
/// A pair is a row with two texts; nothing else about a task changes.

#include "flow/task.h"

/// Loads the rows with labels of this kind; a plan's or brief's pair column is already in `s`. f->label is not set.
tn_status tn_texts_load(tn_flow *f, const tn_data_source *s, tn_err *err);
/// Appends `pair_column` to the plan's data section where rows are pairs; a row's `describe`.
tn_status tn_texts_describe(const tn_flow *f, tn_json *data, tn_err *err);

/// Texts as one string a row, both texts of a pair in two lines: for n-grams.
tn_status tn_texts_joined(const tn_flow *f, const uint32_t *row, size_t n, tn_arena *a, tn_str **text, tn_err *err);
/// Frozen features of rows for a probe, [n, *width]: of a pair (u, v) they are u, v, |u - v|, u * v.
tn_status tn_texts_features(tn_flow *f, tn_candidate *c, const uint32_t *row, size_t n, float **x, int32_t *width, tn_err *err);
/// Rows as ids and, for pairs, token types; without targets.
tn_status tn_texts_encode(tn_flow *f, const tn_model *m, const uint32_t *row, size_t n, tn_arena *a, tn_examples *out, tn_err *err);
/// What the model says of a->row: scores [n, f->n_labels] as the transformers pipeline gives them, in the arena.
tn_status tn_texts_scores(tn_flow *f, tn_model *m, const tn_answers *a, tn_arena *arena, const char *what, float **scores, tn_err *err);

/// The n-gram model and the probe of a lesson. *settings: for records.
tn_status tn_texts_by_ngrams(tn_flow *f, const tn_lesson *lesson, const uint32_t *row, size_t n, float *out, const char **settings, tn_err *err);
tn_status tn_texts_probe(tn_flow *f, tn_candidate *c, const tn_lesson *lesson, tn_err *err);
tn_status tn_texts_by_probe(tn_flow *f, const uint32_t *row, size_t n, float *out, const char **settings, tn_err *err);

/// An evaluator for the loop that measures validation rows by the task's own metrics. `settle` makes answers of logits
/// [n, f->n_labels], which it may change in place.
tn_status tn_texts_evaluator(tn_flow *f, const uint32_t *row, size_t n,
                             tn_status (*settle)(tn_flow *f, tn_answers *a, float *logits, tn_arena *arena, tn_err *err), tn_evaluator *out,
                             tn_err *err);

#endif
