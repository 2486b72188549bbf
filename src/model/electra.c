/* ELECTRA's discriminator: embeddings may be narrower than states, and the head has GELU between its two layers.
 * Source: transformers 5.23, modeling_electra.py. */
#include "model/post_norm.h"

static const struct tn_post_norm names = {
    TN_BERT_NAMES,
    .project = "embeddings_project",
    .dense = "/classifier.dense",
    .classifier = "/classifier.out_proj",
    .predict = {"/generator_predictions.dense", "/generator_predictions.LayerNorm", "/generator_lm_head", true},
    .head_activation = TN_ACT_GELU,
    .head_dropout = true,
};

/* Other tasks' heads, and buffers of old files. */
static const char *const ignored[] = {"embeddings.position_ids", "embeddings.token_type_ids", "discriminator_predictions.",
                                      "generator_predictions.", "generator_lm_head.", "qa_outputs.", "classifier.", NULL};

const tn_family tn_family_electra = {.prefix = "electra.", .post_norm = &names, .ignored = ignored, TN_POST_NORM_OPS};
