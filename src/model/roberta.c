/* RoBERTa, XLM-RoBERTa, CamemBERT, and what was trained as one of them (PhoBERT): positions begin behind the padding
 * id, and the head has two layers and no pooler. Source: transformers 5.23, modeling_roberta.py. */
#include "model/post_norm.h"

static const struct tn_post_norm names = {
    TN_BERT_NAMES,
    .dense = "/classifier.dense",
    .classifier = "/classifier.out_proj",
    .predict = {"/lm_head.dense", "/lm_head.layer_norm", "/lm_head", true},
    .head_activation = TN_ACT_TANH,
    .head_dropout = true,
};

/* Other tasks' heads, and buffers of old files. */
static const char *const ignored[] = {"embeddings.position_ids", "embeddings.token_type_ids", "lm_head.", "pooler.", "qa_outputs.",
                                      "classifier.", NULL};

const tn_family tn_family_roberta = {.prefix = "roberta.", .post_norm = &names, .ignored = ignored, TN_POST_NORM_OPS};
