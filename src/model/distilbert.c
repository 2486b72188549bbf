/* DistilBERT: no token types, and a head with ReLU between its two layers.
 * Source: transformers 5.23, modeling_distilbert.py. */
#include "model/post_norm.h"

static const struct tn_post_norm names = {
    .word = "embeddings.word_embeddings",
    .position = "embeddings.position_embeddings",
    .norm = "embeddings.LayerNorm",
    .layer = "transformer.layer.%d.",
    .query = "attention.q_lin",
    .key = "attention.k_lin",
    .value = "attention.v_lin",
    .out = "attention.out_lin",
    .norm1 = "sa_layer_norm",
    .up = "ffn.lin1",
    .down = "ffn.lin2",
    .norm2 = "output_layer_norm",
    .dense = "/pre_classifier",
    .classifier = "/classifier",
    .predict = {"/vocab_transform", "/vocab_layer_norm", "/vocab_projector", false},
    .head_activation = TN_ACT_RELU,
};

/* Other tasks' heads, and buffers of old files. */
static const char *const ignored[] = {"embeddings.position_ids", "vocab_", "qa_outputs.", "pre_classifier.", "classifier.", NULL};

const tn_family tn_family_distilbert = {.prefix = "distilbert.", .post_norm = &names, .ignored = ignored, TN_POST_NORM_OPS};
