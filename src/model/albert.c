/* ALBERT: one layer, or a few, used again and again; embeddings are narrower than states.
 * Source: transformers 5.23, modeling_albert.py. */
#include "model/post_norm.h"

static const struct tn_post_norm names = {
    .word = "embeddings.word_embeddings",
    .position = "embeddings.position_embeddings",
    .type = "embeddings.token_type_embeddings",
    .norm = "embeddings.LayerNorm",
    .project = "encoder.embedding_hidden_mapping_in",
    .always_project = true,
    .layer = "encoder.albert_layer_groups.%d.albert_layers.%d.",
    .query = "attention.query",
    .key = "attention.key",
    .value = "attention.value",
    .out = "attention.dense",
    .norm1 = "attention.LayerNorm",
    .up = "ffn",
    .down = "ffn_output",
    .norm2 = "full_layer_layer_norm",
    .dense = "pooler",
    .classifier = "/classifier",
    .predict = {"/predictions.dense", "/predictions.LayerNorm", "/predictions", false},
    .head_activation = TN_ACT_TANH,
};

/* Other tasks' heads, and buffers of old files. */
static const char *const ignored[] = {"embeddings.position_ids", "embeddings.token_type_ids", "predictions.", "sop_classifier.",
                                      "qa_outputs.", "classifier.", "pooler.", NULL};

const tn_family tn_family_albert = {.prefix = "albert.", .post_norm = &names, .ignored = ignored, TN_POST_NORM_OPS};
