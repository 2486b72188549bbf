#ifndef TN_MODEL_ZERO_SHOT_H
#define TN_MODEL_ZERO_SHOT_H
/// Classification without training: a model of natural language inference is asked, for each label, whether the text
/// entails "This example is LABEL."
///
/// Source: transformers 5.23, ZeroShotClassificationPipeline: the text is the first of the pair and the one that is cut.

#include "model/model.h"

#define TN_ZERO_SHOT_TEMPLATE "This example is {}."

typedef struct {
    const tn_str *label; /* [n_labels], one at least */
    size_t n_labels;
    tn_str hypothesis;   /* with {} where the label goes, once; empty = TN_ZERO_SHOT_TEMPLATE */
    bool multi_label;    /* each label by itself: entailment against contradiction; else entailment over the labels */
} tn_zero_shot;

/// Number of the model's label that means entailment: the first whose name begins with "entail" in any case; -1 when there
/// is none (the pipeline then takes the last one; a guess, which we do not make).
int32_t tn_zero_shot_entailment(const tn_config *c);

/// score [n_texts, n_labels]: of one label alone always as with multi_label. TN_EINVALID: a model without such a label or
/// with a single one, a hypothesis without {}, no labels.
tn_status tn_zero_shot_predict(tn_model *m, const tn_zero_shot *o, const tn_str *text, size_t n_texts, float *score, tn_err *err);

#endif
