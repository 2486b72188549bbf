/* ModernBERT: norms before their layers, rotary positions, gated feed-forward nets, and layers that see a window.
 * Source: transformers 5.23, modeling_modernbert.py.
 *
 *   x = dropout(norm(word))
 *   x = x + dropout(out(attention(rotate(qkv(norm(x))))))     the first layer has no norm here
 *   x = x + down(dropout(act(a) * b)), a, b = halves of up(norm(x))
 *   states = norm(x)         logits = classifier(dropout(norm(act(dense(first or mean of states)))))
 *   tokens, spans: the same of all states       hidden words: word · norm(act(dense(chosen states))) + bias
 *
 * Angles are made as torch makes them, in f32: frequencies 1 / theta^(2j/d), then position times frequency. */
#include "model/family.h"

#include "base/fmath.h"

#include <stdio.h>

struct layer {
    tn_affine norm1, qkv, out, norm2, up, down;
};

struct net {
    tn_weight word, zeros;
    tn_affine norm, final_norm, dense, head_norm, classifier;
    tn_weight word_bias;
    struct layer *layer;
};

static bool add_layer(tn_model *m, struct layer *l, int i)
{
    const tn_config *c = &m->config;
    int64_t width = c->hidden_size, inner = c->intermediate_size;
    tn_affine_options norm = {.no_bias = !c->modern.norm_bias}, attention = {.no_bias = !c->modern.attention_bias},
                      mlp = {.no_bias = !c->modern.mlp_bias};
    char name[6][64];
    static const char *const part[] = {"attn_norm", "attn.Wqkv", "attn.Wo", "mlp_norm", "mlp.Wi", "mlp.Wo"};
    for (size_t k = 0; k < TN_COUNT(part); k++)
        snprintf(name[k], sizeof name[k], "layers.%d.%s", i, part[k]);
    return (i == 0 || tn_model_add_norm(m, &l->norm1, width, norm, name[0])) &&
           tn_model_add_affine(m, &l->qkv, 3 * width, width, attention, name[1]) &&
           tn_model_add_affine(m, &l->out, width, width, attention, name[2]) &&
           tn_model_add_norm(m, &l->norm2, width, norm, name[3]) &&
           tn_model_add_affine(m, &l->up, 2 * inner, width, mlp, name[4]) &&
           tn_model_add_affine(m, &l->down, width, inner, mlp, name[5]);
}

static tn_status build(tn_model *m, void **net, tn_err *err)
{
    const tn_config *c = &m->config;
    int64_t width = c->hidden_size;
    tn_affine_options norm = {.no_bias = !c->modern.norm_bias},
                      head_norm = {.no_bias = !c->modern.norm_bias, .head = true},
                      dense = {.no_bias = !c->modern.classifier_bias, .head = true}, head = {.head = true};
    struct net *n = *net = tn_arena_calloc(m->arena, sizeof *n);
    if (!n || !(n->layer = tn_arena_calloc(m->arena, (size_t)c->n_layers * sizeof *n->layer)))
        return tn_fail_nomem(err, sizeof *n);
    bool ok = tn_model_add_words(m, &n->word, c->vocab_size, width, "embeddings.tok_embeddings") &&
              tn_model_add_zeros(m, &n->zeros, width) && tn_model_add_norm(m, &n->norm, width, norm, "embeddings.norm");
    for (int i = 0; ok && i < c->n_layers; i++) {
        m->at_layer = i + 1;
        ok = add_layer(m, &n->layer[i], i);
    }
    ok = ok && tn_model_add_norm(m, &n->final_norm, width, norm, "final_norm");
    if (ok && !m->options.encoder_only)
        ok = tn_model_add_affine(m, &n->dense, width, width, dense, "/head.dense") &&
             tn_model_add_norm(m, &n->head_norm, width, head_norm, "/head.norm") &&
             (c->task == TN_TASK_MASKED ? !c->decoder_bias || tn_model_add_bias(m, &n->word_bias, c->vocab_size, "/decoder")
                                        : tn_model_add_affine(m, &n->classifier, tn_model_width(m), width, head, "/classifier"));
    n->word.has_frozen_row = c->pad_token_id >= 0;
    n->word.frozen_row = c->pad_token_id;
    return ok ? TN_OK : tn_fail_nomem(err, 256);
}

typedef struct {
    const float *cosine, *sine; /* [longest, d/2] */
} angles;

static angles make_angles(tn_tape *t, int32_t head_width, double theta)
{
    int32_t longest = tn_tape_longest(t), half = head_width / 2;
    float *cosine = tn_tape_floats(t, (size_t)longest * (size_t)half);
    float *sine = tn_tape_floats(t, (size_t)longest * (size_t)half);
    for (int32_t j = 0; sine && j < half; j++) {
        float power = (float)tn_pow(theta, (double)((float)(2 * j) / (float)head_width)), frequency = 1 / power;
        for (int32_t p = 0; p < longest; p++) {
            double angle = (double)((float)p * frequency);
            cosine[p * half + j] = (float)tn_cos(angle);
            sine[p * half + j] = (float)tn_sin(angle);
        }
    }
    return (angles){cosine, sine};
}

static tn_weight *bias_of(tn_affine *a)
{
    return a->b.value.n_dims ? &a->b : NULL;
}

static tn_var *norm_of(const tn_config *c, tn_tape *t, tn_affine *a, tn_var *x)
{
    return tn_tape_norm(t, x, &a->w, &a->b, c->layer_norm_eps);
}

static tn_var *run_layer(const tn_config *c, tn_tape *t, struct layer *l, bool is_first, bool is_local, angles a,
                         tn_var *x)
{
    tn_var *y = is_first ? x : norm_of(c, t, &l->norm1, x);
    y = tn_tape_linear(t, y, &l->qkv.w, &(tn_linear_options){.bias = bias_of(&l->qkv)});
    y = tn_tape_rotate(t, y, c->n_heads, a.cosine, a.sine);
    y = tn_tape_attention(t, y,
                          &(tn_attention_options){.n_heads = c->n_heads,
                                                  .dropout = c->attention_dropout,
                                                  .window = is_local ? c->modern.window : 0});
    x = tn_tape_linear(
        t, y, &l->out.w,
        &(tn_linear_options){.bias = bias_of(&l->out), .dropout = c->attention_dropout, .residual = x});
    y = tn_tape_linear(t, norm_of(c, t, &l->norm2, x), &l->up.w, &(tn_linear_options){.bias = bias_of(&l->up)});
    y = tn_tape_dropout(t, tn_tape_gated(t, y, c->activation), c->modern.mlp_dropout);
    return tn_tape_linear(t, y, &l->down.w, &(tn_linear_options){.bias = bias_of(&l->down), .residual = x});
}

static tn_var *encode(const tn_model *m, tn_tape *t, const tn_batch *b)
{
    const tn_config *c = &m->config;
    struct net *n = m->net;
    int32_t tokens = b->start[b->n_rows], *nowhere = tn_tape_ints(t, (size_t)tokens), d = c->hidden_size / c->n_heads;
    for (int32_t i = 0; nowhere && i < tokens; i++)
        nowhere[i] = 0;
    angles all = make_angles(t, d, c->modern.theta_global), near = make_angles(t, d, c->modern.theta_local);
    tn_tape_mark mark = tn_tape_here(t);
    tn_var *x = tn_tape_embed(t, b->ids, NULL, nowhere, &n->word, &n->zeros, &n->zeros);
    x = tn_tape_dropout(t, norm_of(c, t, &n->norm, x), c->modern.embedding_dropout);
    x = tn_tape_keep(t, mark, x);
    for (int i = 0; i < c->n_layers; i++) {
        bool is_local = c->modern.is_local[i];
        x = run_layer(c, t, &n->layer[i], i == 0, is_local, is_local ? near : all, x);
        x = tn_tape_keep(t, mark, x);
    }
    return norm_of(c, t, &n->final_norm, x);
}

/* All tasks go through the same two layers; what differs is which lines do. */
static tn_var *classify(const tn_model *m, tn_tape *t, tn_var *states, const tn_batch *b)
{
    const tn_config *c = &m->config;
    struct net *n = m->net;
    bool words = c->task == TN_TASK_MASKED;
    tn_var *x = words                          ? tn_tape_choose(t, states, b->chosen, b->n_chosen)
                : c->task != TN_TASK_SEQUENCE ? states
                : c->modern.pool_mean          ? tn_tape_mean(t, states)
                                               : tn_tape_first(t, states);
    x = tn_tape_linear(t, x, &n->dense.w,
                       &(tn_linear_options){.bias = bias_of(&n->dense), .activation = c->modern.head_activation});
    x = norm_of(c, t, &n->head_norm, x);
    if (words)
        return tn_tape_linear(t, x, &n->word, &(tn_linear_options){.bias = c->decoder_bias ? &n->word_bias : NULL});
    x = tn_tape_dropout(t, x, c->classifier_dropout);
    return tn_tape_linear(t, x, &n->classifier.w, &(tn_linear_options){.bias = &n->classifier.b});
}

/* Other tasks' heads. */
static const char *const ignored[] = {"head.", "decoder.", "classifier.", NULL};

const tn_family tn_family_modernbert = {
    .prefix = "model.", .ignored = ignored, .build = build, .encode = encode, .classify = classify};
