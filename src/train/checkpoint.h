#ifndef TN_TRAIN_CHECKPOINT_H
#define TN_TRAIN_CHECKPOINT_H
/// The state of a training run as one safetensors file, replaced whole or not at all.
///
/// Tensors: a parameter under its own name; "m/NAME" and "v/NAME" its moments. Of an embedding table only the rows that
/// training changed, in the order of "rows/NAME" (I32): the others are those of the model that the run started from.
/// Counters and the best scores are metadata.

#include "train/adamw.h"
#include "train/journal.h"
#include "train/loop.h"

typedef struct {
    tn_digest job; /* of the recipe, the rows and the shapes: another job is refused */
    int64_t step;
    int64_t last_eval; /* step of the last evaluation, -1: none */
    int32_t n_worse;   /* evaluations since the best */
    bool finished;
    tn_train_outcome out; /* so far */
    tn_journal_mark steps, evals;
} tn_train_state;

/// Writes parameters, moments (when `with_moments`) and state. All rows of `o` must have been caught up.
tn_status tn_checkpoint_write(const char *path, const tn_learner *l, tn_adamw_state *o, bool with_moments,
                              const tn_train_state *s, tn_err *err);

/// Reads the state alone.
tn_status tn_checkpoint_peek(const char *path, tn_train_state *out, tn_err *err);

/// Reads parameters, and moments when `with_moments` into the new optimiser `o`. Rows of a table that are not in the
/// file must have the values that they had before training (tn_adamw_finish). The parameters are only written when the
/// whole file is right. TN_EFORMAT for a tensor that is missing, misshapen or more than there should be.
tn_status tn_checkpoint_read(const char *path, const tn_learner *l, tn_adamw_state *o, bool with_moments, tn_err *err);
/// The same of a file's bytes.
tn_status tn_checkpoint_parse(tn_bytes file, const tn_learner *l, tn_adamw_state *o, bool with_moments, tn_err *err);

#endif
