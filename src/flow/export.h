#ifndef TN_FLOW_EXPORT_H
#define TN_FLOW_EXPORT_H
/// A model in 8-bit weights, measured against the one it was made from before anybody is given it.
///
/// What is lost: with `data`, both models answer its validation rows (where the data names no splits, all of them; never
/// rows named test). A model with a trained head is measured by its task, as flow/measure.h says; an encoder by the cosine of
/// each row's two vectors: BCa intervals, rows in pairs. When more than `tolerance` of the metric is lost, nothing is written,
/// unless `anyway`.
///
/// The folder: what tn_model_save_in_bytes writes; int8.json, the record (form, digests of both weights and of the
/// data's rows, what was measured, the tolerance); README.md, the source's with a section whose numbers point to the
/// record; its model-index has the 8-bit weights' own numbers, or is left out. Without data the record says that the loss was not measured, and so does the card.

#include "base/clock.h"
#include "codec/json.h"
#include "tensor/engine.h"

typedef struct {
    tn_engine *engine;
    const char *model;    /* folder */
    const char *out;      /* folder to write, replaced when it is there; not `model` */
    const char *data;     /* labelled rows, or texts for an encoder; NULL: not measured */
    const char *text;     /* the text column; NULL: find it */
    const char *pair;     /* the column of second texts, where rows are pairs */
    bool label_columns;   /* as in flow/measure.h */
    double tolerance;     /* of the metric; 0: none may be lost */
    bool anyway;
    tn_progress *progress;
} tn_export_options;

/// *record is int8.json's tree, in the arena, also when the export is refused: TN_ERULE, and nothing stays at `out`
/// that was not there.
tn_status tn_export_in_bytes(const tn_export_options *o, tn_arena *a, const tn_json **record, tn_err *err);

/// Copies what is no weight and yet part of the model (thresholds.json, question_answering.json), where it is there: without
/// it the same scores would be other answers.
tn_status tn_export_decisions(const char *from, const char *to, tn_arena *a, tn_err *err);

#endif
