/* BERT: embeddings, post-norm layers, a pooler on the first token, a linear classifier. This file is the whole family:
 * names on one side, ops on the other. docs: a layer is
 *
 *   x = norm(x + dropout(out(attention(qkv(x)))))      x = norm(x + dropout(down(gelu(up(x)))))
 *
 * Query, key and value of a layer are one [3C,C] weight, so they are one product; the file's three tensors are its
 * thirds. Source: transformers 5.23, modeling_bert.py. */
#include "model/family.h"

#include <stdio.h>

typedef struct {
    tn_weight w, b;
} affine;

struct layer {
    affine qkv, out, norm1, up, down, norm2;
};

struct bert {
    tn_weight word, position, type;
    affine norm;
    struct layer *layer;
    affine pooler, classifier;
};

static bool add_affine(tn_model *m, affine *a, int64_t o, int64_t i, bool head, const char *name)
{
    return tn_model_add_slot(
               m,
               (tn_slot_spec){.weight = &a->w, .n_dims = 2, .dim = {o, i}, .decay = true, .matrix = true, .head = head},
               "%s.weight", name) &&
           tn_model_add_slot(m, (tn_slot_spec){.weight = &a->b, .n_dims = 1, .dim = {o}, .head = head}, "%s.bias",
                             name);
}

static bool add_norm(tn_model *m, affine *a, const char *name)
{
    int64_t c = m->config.hidden_size;
    return tn_model_add_slot(m, (tn_slot_spec){.weight = &a->w, .n_dims = 1, .dim = {c}}, "%s.weight", name) &&
           tn_model_add_slot(m, (tn_slot_spec){.weight = &a->b, .n_dims = 1, .dim = {c}}, "%s.bias", name);
}

static bool add_table(tn_model *m, tn_weight *w, int64_t n, bool sparse, const char *name)
{
    return tn_model_add_slot(
        m, (tn_slot_spec){.weight = w, .n_dims = 2, .dim = {n, m->config.hidden_size}, .decay = true, .sparse = sparse},
        "bert.embeddings.%s.weight", name);
}

static bool add_qkv(tn_model *m, affine *a, int index)
{
    static const char *const part[] = {"query", "key", "value"};
    int64_t c = m->config.hidden_size;
    a->w.value = tn_matrix_view(NULL, 3 * c, c);
    a->b.value = tn_vector_view(NULL, 3 * c);
    for (int i = 0; i < 3; i++) {
        tn_slot_spec w = {
            .weight = &a->w, .offset = (size_t)(i * c * c), .n_dims = 2, .dim = {c, c}, .decay = true, .matrix = true};
        tn_slot_spec b = {.weight = &a->b, .offset = (size_t)(i * c), .n_dims = 1, .dim = {c}};
        if (!tn_model_add_slot(m, w, "bert.encoder.layer.%d.attention.self.%s.weight", index, part[i]) ||
            !tn_model_add_slot(m, b, "bert.encoder.layer.%d.attention.self.%s.bias", index, part[i]))
            return false;
    }
    return true;
}

static bool add_layer(tn_model *m, struct layer *l, int index)
{
    int64_t c = m->config.hidden_size, inner = m->config.intermediate_size;
    char name[5][96];
    const char *const part[] = {"attention.output.dense", "attention.output.LayerNorm", "intermediate.dense",
                                "output.dense", "output.LayerNorm"};
    for (int i = 0; i < 5; i++)
        snprintf(name[i], sizeof name[i], "bert.encoder.layer.%d.%s", index, part[i]);
    return add_qkv(m, &l->qkv, index) && add_affine(m, &l->out, c, c, false, name[0]) &&
           add_norm(m, &l->norm1, name[1]) && add_affine(m, &l->up, inner, c, false, name[2]) &&
           add_affine(m, &l->down, c, inner, false, name[3]) && add_norm(m, &l->norm2, name[4]);
}

static tn_status build(tn_model *m, void **net, tn_err *err)
{
    const tn_config *c = &m->config;
    struct bert *n = tn_arena_calloc(m->arena, sizeof *n);
    if (!n || !(n->layer = tn_arena_calloc(m->arena, (size_t)c->n_layers * sizeof *n->layer)))
        return tn_fail_nomem(err, sizeof *n);
    bool ok = add_table(m, &n->word, c->vocab_size, true, "word_embeddings") &&
              add_table(m, &n->position, c->max_positions, false, "position_embeddings") &&
              add_table(m, &n->type, c->type_vocab_size, false, "token_type_embeddings") &&
              add_norm(m, &n->norm, "bert.embeddings.LayerNorm");
    for (int i = 0; ok && i < c->n_layers; i++)
        ok = add_layer(m, &n->layer[i], i);
    if (ok && !m->options.encoder_only)
        ok = add_affine(m, &n->pooler, c->hidden_size, c->hidden_size, true, "bert.pooler.dense") &&
             add_affine(m, &n->classifier, c->n_labels, c->hidden_size, true, "classifier");
    n->word.has_frozen_row = c->pad_token_id >= 0;
    n->word.frozen_row = c->pad_token_id;
    *net = n;
    return ok ? TN_OK : tn_fail_nomem(err, 256);
}

static tn_var *encode_layer(const tn_config *c, tn_tape *t, struct layer *l, tn_var *x)
{
    tn_var *y = tn_tape_linear(t, x, &l->qkv.w, &(tn_linear_options){.bias = &l->qkv.b});
    y = tn_tape_attention(t, y, c->n_heads, c->attention_dropout);
    y = tn_tape_linear(t, y, &l->out.w,
                       &(tn_linear_options){.bias = &l->out.b, .dropout = c->hidden_dropout, .residual = x});
    x = tn_tape_norm(t, y, &l->norm1.w, &l->norm1.b, c->layer_norm_eps);
    y = tn_tape_linear(t, x, &l->up.w, &(tn_linear_options){.bias = &l->up.b, .activation = c->activation});
    y = tn_tape_linear(t, y, &l->down.w,
                       &(tn_linear_options){.bias = &l->down.b, .dropout = c->hidden_dropout, .residual = x});
    return tn_tape_norm(t, y, &l->norm2.w, &l->norm2.b, c->layer_norm_eps);
}

static tn_var *encode(const tn_model *m, tn_tape *t, const tn_batch *b)
{
    const tn_config *c = &m->config;
    struct bert *n = m->net;
    tn_tape_mark mark = tn_tape_here(t);
    tn_var *x = tn_tape_embed(t, b->ids, b->type_id, &n->word, &n->position, &n->type);
    x = tn_tape_norm(t, x, &n->norm.w, &n->norm.b, c->layer_norm_eps);
    x = tn_tape_keep(t, mark, tn_tape_dropout(t, x, c->hidden_dropout));
    for (int i = 0; i < c->n_layers; i++)
        x = tn_tape_keep(t, mark, encode_layer(c, t, &n->layer[i], x));
    return x;
}

static tn_var *classify(const tn_model *m, tn_tape *t, tn_var *states)
{
    struct bert *n = m->net;
    tn_var *x = tn_tape_first(t, states);
    x = tn_tape_linear(
        t, x, &n->pooler.w,
        &(tn_linear_options){.bias = &n->pooler.b, .activation = TN_ACT_TANH, .dropout = m->config.classifier_dropout});
    return tn_tape_linear(t, x, &n->classifier.w, &(tn_linear_options){.bias = &n->classifier.b});
}

/* Buffers of old files, and the heads of pretraining and of other tasks. */
static bool may_ignore(tn_str key)
{
    return tn_str_is(key, "embeddings.position_ids") || tn_str_is(key, "embeddings.token_type_ids") ||
           tn_str_starts(key, "cls.") || tn_str_starts(key, "qa_outputs.") || tn_str_starts(key, "classifier.") ||
           tn_str_starts(key, "pooler.");
}

const tn_family tn_family_bert = {"bert", "bert.", build, encode, classify, may_ignore};
