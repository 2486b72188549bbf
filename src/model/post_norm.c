/* Slots and ops of the shared encoder; all that a family changes is in its table.
 *
 * Positions: RoBERTa counts from pad_token_id + 1, and a padding id inside a row takes no place in the count; its own
 * position is the padding id's (create_position_ids_from_input_ids in transformers 5.23, modeling_roberta.py). */
#include "model/post_norm.h"

#include "base/fmath.h"

#include <math.h>
#include <stdio.h>

enum { TN_MPNET_BUCKETS = 32 };

struct layer {
    tn_affine qkv, out, norm1, up, down, norm2;
    tn_affine distance; /* DeBERTa's own projections of distances, where they are not those of tokens */
};

struct net {
    tn_weight word, position, type;
    tn_affine norm, project;
    tn_weight relative; /* a line a bucket of distances */
    tn_affine relative_norm;
    struct layer *layer;
    tn_affine dense, classifier; /* of the head, as far as the task has them: `dense` is a decoder's first layer too */
    tn_affine predict_norm;
    tn_weight word_bias;
};

static const tn_affine_options body = {0}, head = {.head = true};

static const char *join(const char *layer, const char *part, char out[192])
{
    snprintf(out, 192, "%s%s", layer, part);
    return out;
}

static bool add_layer(tn_model *m, struct layer *l, const struct tn_post_norm *names, int group, int inner)
{
    int64_t c = m->config.hidden_size, wide = m->config.intermediate_size;
    char at[96], name[192];
    snprintf(at, sizeof at, names->layer, group, inner);
    return tn_model_add_stack(m, &l->qkv, c, at, (const char *const[]){names->query, names->key, names->value}, 3) &&
           (!m->config.relative.own_projections ||
            tn_model_add_stack(m, &l->distance, c, at,
                               (const char *const[]){names->distance_query, names->distance_key}, 2)) &&
           tn_model_add_affine(m, &l->out, c, c, body, join(at, names->out, name)) &&
           tn_model_add_norm(m, &l->norm1, c, body, join(at, names->norm1, name)) &&
           tn_model_add_affine(m, &l->up, wide, c, body, join(at, names->up, name)) &&
           tn_model_add_affine(m, &l->down, c, wide, body, join(at, names->down, name)) &&
           tn_model_add_norm(m, &l->norm2, c, body, join(at, names->norm2, name));
}

static bool add_embeddings(tn_model *m, struct net *n, const struct tn_post_norm *names)
{
    const tn_config *c = &m->config;
    int64_t e = c->embedding_size;
    return tn_model_add_words(m, &n->word, c->vocab_size, e, names->word) &&
           (c->relative.no_positions ? tn_model_add_zeros(m, &n->position, e)
                                     : tn_model_add_table(m, &n->position, c->n_positions, e, false, names->position)) &&
           (names->type && c->type_vocab_size > 0
                ? tn_model_add_table(m, &n->type, c->type_vocab_size, e, false, names->type)
                : tn_model_add_zeros(m, &n->type, e)) &&
           tn_model_add_norm(m, &n->norm, e, body, names->norm);
}

/* MPNet's biases have "bias" in their name, so nobody's weight decay takes them. */
static bool add_relative(tn_model *m, struct net *n, const struct tn_post_norm *names)
{
    const tn_config *c = &m->config;
    if (names->bias) {
        tn_slot_spec s = {.weight = &n->relative, .n_dims = 2, .dim = {TN_MPNET_BUCKETS, c->n_heads}};
        return tn_model_add_slot(m, s, "%s%s.weight", m->family->prefix, names->bias);
    }
    if (!names->distance || c->relative.span == 0)
        return true;
    return tn_model_add_table(m, &n->relative, 2 * (int64_t)c->relative.span, c->hidden_size, false, names->distance) &&
           (!c->relative.norm || tn_model_add_norm(m, &n->relative_norm, c->hidden_size, body, names->distance_norm));
}

static bool add_decoder(tn_model *m, struct net *n)
{
    const tn_config *c = &m->config;
    const struct tn_post_norm *names = m->family->post_norm;
    const char *dense = c->own_decoder ? names->predict_own.dense : names->predict.dense;
    const char *norm = c->own_decoder ? names->predict_own.norm : names->predict.norm;
    const char *bias = c->own_decoder ? names->predict_own.bias : names->predict.bias;
    return tn_model_add_affine(m, &n->dense, c->embedding_size, c->hidden_size, head, dense) &&
           tn_model_add_norm(m, &n->predict_norm, c->embedding_size, head, norm) &&
           tn_model_add_bias(m, &n->word_bias, c->vocab_size, bias);
}

static bool add_head(tn_model *m, struct net *n)
{
    const tn_config *c = &m->config;
    const struct tn_post_norm *names = m->family->post_norm;
    switch (c->task) {
    case TN_TASK_TOKENS: return tn_model_add_affine(m, &n->classifier, c->n_labels, c->hidden_size, head, "/classifier");
    case TN_TASK_SPANS: return tn_model_add_affine(m, &n->classifier, 2, c->hidden_size, head, "/qa_outputs");
    case TN_TASK_MASKED: return add_decoder(m, n);
    case TN_TASK_SEQUENCE:
    case TN_TASK_OF_FOLDER: break;
    }
    return tn_model_add_affine(m, &n->dense, c->hidden_size, c->hidden_size, head, names->dense) &&
           tn_model_add_affine(m, &n->classifier, c->n_labels, c->hidden_size, head, names->classifier);
}

static bool has_projection(const tn_model *m)
{
    return m->config.embedding_size != m->config.hidden_size || m->family->post_norm->always_project;
}

tn_status tn_post_norm_build(tn_model *m, void **net, tn_err *err)
{
    const tn_config *c = &m->config;
    const struct tn_post_norm *names = m->family->post_norm;
    int n_layers = c->n_groups * c->n_inner;
    struct net *n = *net = tn_arena_calloc(m->arena, sizeof *n);
    if (!n || !(n->layer = tn_arena_calloc(m->arena, (size_t)n_layers * sizeof *n->layer)))
        return tn_fail_nomem(err, sizeof *n);
    bool ok = add_embeddings(m, n, names);
    if (ok && has_projection(m))
        ok = tn_model_add_affine(m, &n->project, c->hidden_size, c->embedding_size, body, names->project);
    for (int i = 0; ok && i < n_layers; i++) {
        m->at_layer = i + 1;
        ok = add_layer(m, &n->layer[i], names, i / c->n_inner, i % c->n_inner);
    }
    m->at_layer = 0; /* tables of distances belong to no layer */
    ok = ok && add_relative(m, n, names);
    if (ok && !m->options.encoder_only)
        ok = add_head(m, n);
    n->word.has_frozen_row = c->pad_token_id >= 0;
    n->word.frozen_row = names->padding_is_1 ? 1 : c->pad_token_id;
    n->position.has_frozen_row = c->first_position > 0; /* the padding's place has no gradient either */
    n->position.frozen_row = c->first_position - 1;
    return ok ? TN_OK : tn_fail_nomem(err, 256);
}

/* NULL where positions simply count from 0. */
static const int32_t *positions_of(const tn_model *m, tn_tape *t, const tn_batch *b)
{
    int32_t first = m->config.first_position;
    bool none = m->config.relative.no_positions;
    if (first == 0 && !none)
        return NULL;
    int32_t *position = tn_tape_ints(t, (size_t)b->start[b->n_rows]);
    for (int32_t r = 0; position && r < b->n_rows; r++)
        for (int32_t i = b->start[r], at = first; i < b->start[r + 1]; i++)
            position[i] = none ? 0 : b->ids[i] == first - 1 ? first - 1 : at++;
    return position;
}

/* ---- distances ---- */

/* As near to torch's f32 as can be: bounds of buckets fall on whole numbers. */
static float log_f32(float x)
{
    return (float)tn_log((double)x);
}

/* T5's buckets for both directions, as MPNet fixes them: 32, up to a distance of 128. `far` is query - key. */
static int32_t mpnet_bucket(int32_t far)
{
    int32_t side = far < 0 ? TN_MPNET_BUCKETS / 2 : 0, n = far < 0 ? -far : far;
    if (n < 8)
        return side + n;
    int32_t at = 8 + (int32_t)(log_f32((float)n / 8) / 2.7725887f * 8); /* log(128 / 8) */
    return side + (at < TN_MPNET_BUCKETS / 2 ? at : TN_MPNET_BUCKETS / 2 - 1);
}

/* Exact up to half the buckets, then in steps of a logarithm; clamped to a line of the table. */
static int32_t deberta_bucket(const tn_config *c, int32_t far)
{
    int32_t mid = c->relative.buckets / 2, n = far < 0 ? -far : far, span = c->relative.span;
    if (c->relative.buckets && n > mid) {
        float base = log_f32((float)((double)(c->relative.longest - 1) / mid));
        float step = log_f32((float)n / (float)mid) / base * (float)(mid - 1);
        int32_t up = (int32_t)step;
        n = up + ((float)up < step) + mid;
        far = far < 0 ? -n : n;
    }
    return far + span < 0 ? 0 : far + span < 2 * span ? far + span : 2 * span - 1;
}

/* Copies of the lines that the step's distances reach, and which line is whose: the middle of index is distance 0. */
static tn_var *look_up_distances(const tn_model *m, tn_tape *t, const int32_t **index)
{
    const tn_config *c = &m->config;
    struct net *n = m->net;
    bool mpnet = m->family->post_norm->bias != NULL;
    int32_t longest = tn_tape_longest(t), *to = tn_tape_ints(t, 2 * (size_t)longest), first = 0, last = 0;
    if (!to || (!mpnet && c->relative.span == 0))
        return NULL;
    for (int32_t i = 0, far = 1 - longest; far < longest; far++, i++) {
        to[i] = mpnet ? mpnet_bucket(far) : deberta_bucket(c, far);
        first = i == 0 || to[i] < first ? to[i] : first;
        last = i == 0 || to[i] > last ? to[i] : last;
    }
    for (int32_t i = 0; i < 2 * longest - 1; i++)
        to[i] -= first;
    *index = to + longest - 1;
    tn_var *x = tn_tape_copies(t, &n->relative, first, last - first + 1);
    return c->relative.norm ? tn_tape_norm(t, x, &n->relative_norm.w, &n->relative_norm.b, c->layer_norm_eps) : x;
}

/* ---- layers ---- */

typedef struct {
    tn_var *line; /* NULL: none */
    const int32_t *index;
} distances;

static tn_var *attend(const tn_model *m, tn_tape *t, struct layer *l, tn_var *x, distances far)
{
    const tn_config *c = &m->config;
    tn_attention_options o = {.n_heads = c->n_heads, .dropout = c->attention_dropout, .index = far.index};
    tn_affine *of_distances = c->relative.own_projections ? &l->distance : &l->qkv;
    if (m->family->post_norm->bias) {
        o.bias = far.line;
    } else if (far.line) { /* DeBERTa: three products, so a third of the scale; shared projections give a value too */
        tn_var *line = tn_tape_dropout(t, far.line, c->hidden_dropout);
        o.states = tn_tape_linear(t, line, &of_distances->w, &(tn_linear_options){.bias = &of_distances->b});
        o.scale = 1 / sqrt(3.0 * c->hidden_size / c->n_heads);
    }
    x = tn_tape_linear(t, x, &l->qkv.w, &(tn_linear_options){.bias = &l->qkv.b});
    return tn_tape_attention(t, x, &o);
}

static tn_var *run_layer(const tn_model *m, tn_tape *t, struct layer *l, tn_var *x, distances far)
{
    const tn_config *c = &m->config;
    tn_var *y = attend(m, t, l, x, far);
    y = tn_tape_linear(t, y, &l->out.w,
                       &(tn_linear_options){.bias = &l->out.b, .dropout = c->hidden_dropout, .residual = x});
    x = tn_tape_norm(t, y, &l->norm1.w, &l->norm1.b, c->layer_norm_eps);
    y = tn_tape_linear(t, x, &l->up.w, &(tn_linear_options){.bias = &l->up.b, .activation = c->activation});
    y = tn_tape_linear(t, y, &l->down.w,
                       &(tn_linear_options){.bias = &l->down.b, .dropout = c->ffn_dropout, .residual = x});
    return tn_tape_norm(t, y, &l->norm2.w, &l->norm2.b, c->layer_norm_eps);
}

tn_var *tn_post_norm_encode(const tn_model *m, tn_tape *t, const tn_batch *b)
{
    const tn_config *c = &m->config;
    const struct tn_post_norm *names = m->family->post_norm;
    struct net *n = m->net;
    const int32_t *positions = positions_of(m, t, b);
    distances far = {0};
    if (names->bias || names->distance)
        far.line = look_up_distances(m, t, &far.index);
    tn_tape_mark mark = tn_tape_here(t);
    const int32_t *types = names->type && c->type_vocab_size > 0 ? b->type_id : NULL;
    tn_var *x = tn_tape_embed(t, b->ids, types, positions, &n->word, &n->position, &n->type);
    x = tn_tape_norm(t, x, &n->norm.w, &n->norm.b, c->layer_norm_eps);
    x = tn_tape_dropout(t, x, c->hidden_dropout);
    if (has_projection(m))
        x = tn_tape_linear(t, x, &n->project.w, &(tn_linear_options){.bias = &n->project.b});
    x = tn_tape_keep(t, mark, x);
    for (int i = 0; i < c->n_layers; i++) {
        int group = (int)((int64_t)i * c->n_groups / c->n_layers);
        for (int k = 0; k < c->n_inner; k++)
            x = tn_tape_keep(t, mark, run_layer(m, t, &n->layer[group * c->n_inner + k], x, far));
    }
    return x;
}

/* ---- heads ---- */

static tn_var *classify_rows(const tn_model *m, tn_tape *t, tn_var *states)
{
    const struct tn_post_norm *names = m->family->post_norm;
    double dropout = m->config.classifier_dropout;
    struct net *n = m->net;
    tn_var *x = tn_tape_first(t, states);
    x = tn_tape_dropout(t, x, names->head_dropout ? dropout : m->config.pooler_dropout);
    tn_linear_options dense = {.bias = &n->dense.b, .activation = names->head_activation, .dropout = dropout};
    x = tn_tape_linear(t, x, &n->dense.w, &dense);
    return tn_tape_linear(t, x, &n->classifier.w, &(tn_linear_options){.bias = &n->classifier.b});
}

static tn_var *classify_tokens(const tn_model *m, tn_tape *t, tn_var *states, double dropout)
{
    struct net *n = m->net;
    tn_var *x = tn_tape_dropout(t, states, dropout);
    return tn_tape_linear(t, x, &n->classifier.w, &(tn_linear_options){.bias = &n->classifier.b});
}

static tn_var *predict_words(const tn_model *m, tn_tape *t, tn_var *states, const tn_batch *b)
{
    const tn_config *c = &m->config;
    struct net *n = m->net;
    bool gelu = c->own_decoder ? m->family->post_norm->predict_own.gelu : m->family->post_norm->predict.gelu;
    tn_linear_options dense = {.bias = &n->dense.b, .activation = gelu ? TN_ACT_GELU : c->activation};
    tn_var *x = tn_tape_linear(t, tn_tape_choose(t, states, b->chosen, b->n_chosen), &n->dense.w, &dense);
    x = tn_tape_norm(t, x, &n->predict_norm.w, &n->predict_norm.b, c->layer_norm_eps);
    return tn_tape_linear(t, x, &n->word, &(tn_linear_options){.bias = &n->word_bias});
}

tn_var *tn_post_norm_classify(const tn_model *m, tn_tape *t, tn_var *states, const tn_batch *b)
{
    switch (m->config.task) {
    case TN_TASK_TOKENS: return classify_tokens(m, t, states, m->config.token_dropout);
    case TN_TASK_SPANS: return classify_tokens(m, t, states, m->config.span_dropout);
    case TN_TASK_MASKED: return predict_words(m, t, states, b);
    case TN_TASK_SEQUENCE:
    case TN_TASK_OF_FOLDER: break;
    }
    return classify_rows(m, t, states);
}
