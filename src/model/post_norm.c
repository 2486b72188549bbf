/* Slots and ops of the shared encoder; all that a family changes is in its table.
 *
 * Positions: RoBERTa counts from pad_token_id + 1, and a padding id inside a row takes no place in the count; its own
 * position is the padding id's (create_position_ids_from_input_ids in transformers 5.23, modeling_roberta.py). */
#include "model/post_norm.h"

#include <stdio.h>

typedef struct {
    tn_weight w, b;
} affine;

struct layer {
    affine qkv, out, norm1, up, down, norm2;
};

struct net {
    tn_weight word, position, type;
    affine norm, project;
    struct layer *layer;
    affine dense, classifier;
};

static const char *full_name(const tn_model *m, const char *part, char out[192])
{
    int n = part[0] == '/' ? snprintf(out, 192, "%s", part + 1) : snprintf(out, 192, "%s%s", m->family->prefix, part);
    TN_ASSERT(n > 0 && n < 192);
    return out;
}

static bool add_affine(tn_model *m, affine *a, int64_t o, int64_t i, bool head, const char *name)
{
    char full[192];
    full_name(m, name, full);
    tn_slot_spec w = {.weight = &a->w, .n_dims = 2, .dim = {o, i}, .decay = true, .matrix = true, .head = head};
    tn_slot_spec b = {.weight = &a->b, .n_dims = 1, .dim = {o}, .head = head};
    return tn_model_add_slot(m, w, "%s.weight", full) && tn_model_add_slot(m, b, "%s.bias", full);
}

static bool add_norm(tn_model *m, affine *a, int64_t c, const char *name)
{
    char full[192];
    full_name(m, name, full);
    return tn_model_add_slot(m, (tn_slot_spec){.weight = &a->w, .n_dims = 1, .dim = {c}}, "%s.weight", full) &&
           tn_model_add_slot(m, (tn_slot_spec){.weight = &a->b, .n_dims = 1, .dim = {c}}, "%s.bias", full);
}

static bool add_table(tn_model *m, tn_weight *w, int64_t n, bool sparse, const char *name)
{
    char full[192];
    tn_slot_spec s = {.weight = w, .n_dims = 2, .dim = {n, m->config.embedding_size}, .decay = true, .sparse = sparse};
    return tn_model_add_slot(m, s, "%s.weight", full_name(m, name, full));
}

/* What is added where a family has no token types: one row of zeros that is never trained. */
static bool add_zeros(tn_model *m, tn_weight *w)
{
    int64_t c = m->config.embedding_size;
    float *zeros = tn_arena_calloc(m->arena, (size_t)c * sizeof *zeros);
    w->value = tn_matrix_view(zeros, 1, c);
    return zeros != NULL;
}

static bool add_qkv(tn_model *m, affine *a, const char *layer, const char *const part[3])
{
    int64_t c = m->config.hidden_size;
    a->w.value = tn_matrix_view(NULL, 3 * c, c);
    a->b.value = tn_vector_view(NULL, 3 * c);
    for (int i = 0; i < 3; i++) {
        char name[192], full[192];
        snprintf(name, sizeof name, "%s%s", layer, part[i]);
        full_name(m, name, full);
        tn_slot_spec w = {
            .weight = &a->w, .offset = (size_t)(i * c * c), .n_dims = 2, .dim = {c, c}, .decay = true, .matrix = true};
        tn_slot_spec b = {.weight = &a->b, .offset = (size_t)(i * c), .n_dims = 1, .dim = {c}};
        if (!tn_model_add_slot(m, w, "%s.weight", full) || !tn_model_add_slot(m, b, "%s.bias", full))
            return false;
    }
    return true;
}

static const char *join(const char *layer, const char *part, char out[192])
{
    snprintf(out, 192, "%s%s", layer, part);
    return out;
}

static bool add_layer(tn_model *m, struct layer *l, const struct tn_post_norm *names, int index)
{
    int64_t c = m->config.hidden_size, inner = m->config.intermediate_size;
    char at[96], name[192];
    snprintf(at, sizeof at, names->layer, index);
    return add_qkv(m, &l->qkv, at, (const char *const[]){names->query, names->key, names->value}) &&
           add_affine(m, &l->out, c, c, false, join(at, names->out, name)) &&
           add_norm(m, &l->norm1, c, join(at, names->norm1, name)) &&
           add_affine(m, &l->up, inner, c, false, join(at, names->up, name)) &&
           add_affine(m, &l->down, c, inner, false, join(at, names->down, name)) &&
           add_norm(m, &l->norm2, c, join(at, names->norm2, name));
}

tn_status tn_post_norm_build(tn_model *m, void **net, tn_err *err)
{
    const tn_config *c = &m->config;
    const struct tn_post_norm *names = m->family->post_norm;
    struct net *n = *net = tn_arena_calloc(m->arena, sizeof *n);
    if (!n || !(n->layer = tn_arena_calloc(m->arena, (size_t)c->n_layers * sizeof *n->layer)))
        return tn_fail_nomem(err, sizeof *n);
    bool ok = add_table(m, &n->word, c->vocab_size, true, names->word) &&
              add_table(m, &n->position, c->n_positions, false, names->position) &&
              (names->type ? add_table(m, &n->type, c->type_vocab_size, false, names->type) : add_zeros(m, &n->type)) &&
              add_norm(m, &n->norm, c->embedding_size, names->norm);
    if (ok && c->embedding_size != c->hidden_size)
        ok = add_affine(m, &n->project, c->hidden_size, c->embedding_size, false, names->project);
    for (int i = 0; ok && i < c->n_layers; i++)
        ok = add_layer(m, &n->layer[i], names, i);
    if (ok && !m->options.encoder_only)
        ok = add_affine(m, &n->dense, c->hidden_size, c->hidden_size, true, names->dense) &&
             add_affine(m, &n->classifier, c->n_labels, c->hidden_size, true, names->classifier);
    n->word.has_frozen_row = c->pad_token_id >= 0;
    n->word.frozen_row = c->pad_token_id;
    n->position.has_frozen_row = c->first_position > 0; /* the padding's place has no gradient either */
    n->position.frozen_row = c->pad_token_id;
    return ok ? TN_OK : tn_fail_nomem(err, 256);
}

/* NULL where positions simply count from 0. */
static const int32_t *positions_of(const tn_model *m, tn_tape *t, const tn_batch *b)
{
    int32_t first = m->config.first_position, pad = m->config.pad_token_id;
    if (first == 0)
        return NULL;
    int32_t *position = tn_tape_ints(t, (size_t)b->start[b->n_rows]);
    for (int32_t r = 0; position && r < b->n_rows; r++)
        for (int32_t i = b->start[r], at = first; i < b->start[r + 1]; i++)
            position[i] = b->ids[i] == pad ? pad : at++;
    return position;
}

static tn_var *run_layer(const tn_config *c, tn_tape *t, struct layer *l, tn_var *x)
{
    tn_var *y = tn_tape_linear(t, x, &l->qkv.w, &(tn_linear_options){.bias = &l->qkv.b});
    y = tn_tape_attention(t, y, &(tn_attention_options){.n_heads = c->n_heads, .dropout = c->attention_dropout});
    y = tn_tape_linear(t, y, &l->out.w,
                       &(tn_linear_options){.bias = &l->out.b, .dropout = c->hidden_dropout, .residual = x});
    x = tn_tape_norm(t, y, &l->norm1.w, &l->norm1.b, c->layer_norm_eps);
    y = tn_tape_linear(t, x, &l->up.w, &(tn_linear_options){.bias = &l->up.b, .activation = c->activation});
    y = tn_tape_linear(t, y, &l->down.w,
                       &(tn_linear_options){.bias = &l->down.b, .dropout = c->hidden_dropout, .residual = x});
    return tn_tape_norm(t, y, &l->norm2.w, &l->norm2.b, c->layer_norm_eps);
}

tn_var *tn_post_norm_encode(const tn_model *m, tn_tape *t, const tn_batch *b)
{
    const tn_config *c = &m->config;
    struct net *n = m->net;
    const int32_t *positions = positions_of(m, t, b);
    tn_tape_mark mark = tn_tape_here(t);
    tn_var *x = tn_tape_embed(t, b->ids, m->family->post_norm->type ? b->type_id : NULL, positions, &n->word,
                              &n->position, &n->type);
    x = tn_tape_norm(t, x, &n->norm.w, &n->norm.b, c->layer_norm_eps);
    x = tn_tape_dropout(t, x, c->hidden_dropout);
    if (c->embedding_size != c->hidden_size)
        x = tn_tape_linear(t, x, &n->project.w, &(tn_linear_options){.bias = &n->project.b});
    x = tn_tape_keep(t, mark, x);
    for (int i = 0; i < c->n_layers; i++)
        x = tn_tape_keep(t, mark, run_layer(c, t, &n->layer[i], x));
    return x;
}

tn_var *tn_post_norm_classify(const tn_model *m, tn_tape *t, tn_var *states)
{
    const struct tn_post_norm *names = m->family->post_norm;
    double dropout = m->config.classifier_dropout;
    struct net *n = m->net;
    tn_var *x = tn_tape_first(t, states);
    if (names->head_dropout)
        x = tn_tape_dropout(t, x, dropout);
    tn_linear_options dense = {.bias = &n->dense.b, .activation = names->head_activation, .dropout = dropout};
    x = tn_tape_linear(t, x, &n->dense.w, &dense);
    return tn_tape_linear(t, x, &n->classifier.w, &(tn_linear_options){.bias = &n->classifier.b});
}
