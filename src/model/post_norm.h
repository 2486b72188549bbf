#ifndef TN_MODEL_POST_NORM_H
#define TN_MODEL_POST_NORM_H
/// The post-norm encoder that BERT and its descendants share, and their classifier on the first token. A family of this
/// kind is a table of names.
///
///   x = dropout(norm(word + position + type))        then project(x), where there is a projection
///   x = norm(x + dropout(out(attention(qkv(x)))))    x = norm(x + dropout(down(act(up(x)))))      a layer
///   logits = out(dropout(act(dense(dropout?(x[first])))))     of rows
///   logits = classifier(dropout(x))     of tokens             ends = qa_outputs(dropout(x))     of spans
///   scores = word · norm(act(predict(x[chosen]))) + bias       of hidden words; `word` is the table of words
///
/// Query, key and value of a layer are one [3C,C] weight, so they are one product; the file's three tensors are its
/// thirds.

#include "model/family.h"

/// Names behind the family's prefix, as transformers writes them, without ".weight" and ".bias".
struct tn_post_norm {
    const char *word, *position;
    const char *type; /* NULL: no token types */
    const char *norm;
    const char *project; /* from embedding_size to hidden_size, where they differ */
    bool always_project; /* also where they do not */
    const char *layer;   /* of layer %d (or group %d, layer %d of it), with a dot at its end; the others come behind it */
    const char *query, *key, *value, *out, *norm1, *up, *down, *norm2;
    const char *dense, *classifier; /* of the head; a slash in front: without the prefix */
    struct {
        const char *dense, *norm, *bias;
        bool gelu; /* whatever the layers have */
    } predict, predict_own; /* of hidden words; the other one where the config says so (DeBERTa) */
    tn_activation head_activation;
    bool head_dropout; /* before `dense` too */
    bool padding_is_1; /* whatever the config says */
    const char *bias;  /* MPNet: a table of what scores get for distances */
    /* DeBERTa: a table of states of distances, and the rest of it. */
    const char *distance, *distance_norm, *distance_query, *distance_key;
};

/// BERT's own names, which several families kept.
#define TN_BERT_NAMES .word = "embeddings.word_embeddings", \
    .position = "embeddings.position_embeddings", \
    .type = "embeddings.token_type_embeddings", \
    .norm = "embeddings.LayerNorm", \
    .layer = "encoder.layer.%d.", \
    .query = "attention.self.query", \
    .key = "attention.self.key", \
    .value = "attention.self.value", \
    .out = "attention.output.dense", \
    .norm1 = "attention.output.LayerNorm", \
    .up = "intermediate.dense", \
    .down = "output.dense", \
    .norm2 = "output.LayerNorm"

tn_status tn_post_norm_build(tn_model *m, void **net, tn_err *err);
/// Positions count from 0, or from behind the padding id where the config says so.
tn_var *tn_post_norm_encode(const tn_model *m, tn_tape *t, const tn_batch *b);
tn_var *tn_post_norm_classify(const tn_model *m, tn_tape *t, tn_var *states, const tn_batch *b);
#define TN_POST_NORM_OPS .build = tn_post_norm_build, .encode = tn_post_norm_encode, .classify = tn_post_norm_classify

#endif
