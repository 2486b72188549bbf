#ifndef TN_FLOW_TRAINER_H
#define TN_FLOW_TRAINER_H
/// The equivalent of a plan in transformers: a Python script for the plan's task that reads every setting from plan.yaml.

#include "codec/json.h"

/// Appends the script. TN_ERULE for a task that transformers' Trainer has no common form for; the sentence names the
/// class of the catalogue that loads its models.
tn_status tn_trainer_script(const tn_json *plan, tn_buf *out, tn_err *err);

#endif
