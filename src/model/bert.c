/* BERT: token types, a pooler on the first token, a linear classifier.
 * Source: transformers 5.23, modeling_bert.py. */
#include "model/post_norm.h"

static const struct tn_post_norm names = {
    TN_BERT_NAMES,
    .dense = "pooler.dense",
    .classifier = "/classifier",
    .predict = {"/cls.predictions.transform.dense", "/cls.predictions.transform.LayerNorm", "/cls.predictions", false},
    .head_activation = TN_ACT_TANH,
};

/* Other tasks' heads, and buffers of old files. */
static const char *const ignored[] = {"embeddings.position_ids", "embeddings.token_type_ids", "cls.", "qa_outputs.", "classifier.",
                                      "pooler.", NULL};

const tn_family tn_family_bert = {.prefix = "bert.", .post_norm = &names, .ignored = ignored, TN_POST_NORM_OPS};
