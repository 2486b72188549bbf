/* DeBERTa v2 and v3: scores get the products of contents with the states of distances, both ways; no positions in v3.
 * Source: transformers 5.23, modeling_deberta_v2.py. */
#include "model/post_norm.h"

static const struct tn_post_norm names = {
    .word = "embeddings.word_embeddings",
    .position = "embeddings.position_embeddings",
    .type = "embeddings.token_type_embeddings",
    .norm = "embeddings.LayerNorm",
    .layer = "encoder.layer.%d.",
    .query = "attention.self.query_proj",
    .key = "attention.self.key_proj",
    .value = "attention.self.value_proj",
    .out = "attention.output.dense",
    .norm1 = "attention.output.LayerNorm",
    .up = "intermediate.dense",
    .down = "output.dense",
    .norm2 = "output.LayerNorm",
    .distance = "encoder.rel_embeddings",
    .distance_norm = "encoder.LayerNorm",
    .distance_query = "attention.self.pos_query_proj",
    .distance_key = "attention.self.pos_key_proj",
    .dense = "/pooler.dense",
    .classifier = "/classifier",
    .predict = {"/cls.predictions.transform.dense", "/cls.predictions.transform.LayerNorm", "/cls.predictions", false},
    .predict_own = {"/lm_predictions.lm_head.dense", "/lm_predictions.lm_head.LayerNorm", "/lm_predictions.lm_head", false},
    .head_activation = TN_ACT_GELU,
};

/* Other tasks' heads, and buffers of old files. */
static const char *const ignored[] = {"embeddings.position_ids", "cls.", "lm_predictions.", "mask_predictions.", "qa_outputs.",
                                      "pooler.", "classifier.", NULL};

const tn_family tn_family_deberta = {.prefix = "deberta.", .post_norm = &names, .ignored = ignored, TN_POST_NORM_OPS};
