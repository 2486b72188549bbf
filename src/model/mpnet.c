/* MPNet: RoBERTa's positions and head, and a bias of scores by distance that all layers share.
 * Source: transformers 5.23, modeling_mpnet.py. */
#include "model/post_norm.h"

static const struct tn_post_norm names = {
    .word = "embeddings.word_embeddings",
    .position = "embeddings.position_embeddings",
    .norm = "embeddings.LayerNorm",
    .padding_is_1 = true,
    .layer = "encoder.layer.%d.",
    .query = "attention.attn.q",
    .key = "attention.attn.k",
    .value = "attention.attn.v",
    .out = "attention.attn.o",
    .norm1 = "attention.LayerNorm",
    .up = "intermediate.dense",
    .down = "output.dense",
    .norm2 = "output.LayerNorm",
    .bias = "encoder.relative_attention_bias",
    .dense = "/classifier.dense",
    .classifier = "/classifier.out_proj",
    .predict = {"/lm_head.dense", "/lm_head.layer_norm", "/lm_head", true},
    .head_activation = TN_ACT_TANH,
    .head_dropout = true,
};

/* Other tasks' heads, and buffers of old files. */
static const char *const ignored[] = {"embeddings.position_ids", "lm_head.", "pooler.", "qa_outputs.", "classifier.", NULL};

const tn_family tn_family_mpnet = {.prefix = "mpnet.", .post_norm = &names, .ignored = ignored, TN_POST_NORM_OPS};
