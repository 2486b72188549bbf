/* One table says, for each number in the file, its default and its bounds; everything else is a handful of cases.
 *
 * Invariant: a config that was returned with TN_OK describes a network whose sizes can be multiplied without overflow
 * in 64 bits, so the code behind it checks shapes against the file and nothing else. */
#include "model/config.h"

#include "base/map.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    MAX_WIDTH = 1 << 16, /* of a state; the widest published encoder has 2,560 */
    MAX_VOCAB = 1 << 24, /* the largest published vocabulary has 262,144 */
};

/* What a file leaves out, by model_type. Source: transformers 5.23, configuration_*.py. */
static const struct kind {
    const char *type, *class_name;
    int32_t vocab, hidden, layers, heads, inner, types, pad;
    int32_t embedding; /* 0: as wide as states */
    int32_t positions; /* 0: 512 */
    bool positions_after_pad;       /* of RoBERTa */
    const char *classifier_dropout; /* the key; NULL: hidden_dropout in all cases */
    double classifier_dropout_is;   /* -1: hidden_dropout */
    double dropout, eps;
    tn_activation activation;
    enum { PLAIN, SHORT_NAMES, ALBERT, MPNET, DEBERTA, MODERN } own; /* SHORT_NAMES of DistilBERT: dim, n_layers, ... */
} kinds[] = {
    {"bert", "Bert", 30522, 768, 12, 12, 3072, 2, 0, 0, 0, false, "classifier_dropout", -1, 0.1, 1e-12, TN_ACT_GELU, PLAIN},
    {"roberta", "Roberta", 50265, 768, 12, 12, 3072, 2, 1, 0, 0, true, "classifier_dropout", -1, 0.1, 1e-12, TN_ACT_GELU, PLAIN},
    {"xlm-roberta", "XLMRoberta", 30522, 768, 12, 12, 3072, 2, 1, 0, 0, true, "classifier_dropout", -1, 0.1, 1e-12, TN_ACT_GELU,
     PLAIN},
    {"camembert", "Camembert", 30522, 768, 12, 12, 3072, 2, 1, 0, 0, true, "classifier_dropout", -1, 0.1, 1e-12, TN_ACT_GELU,
     PLAIN},
    {"electra", "Electra", 30522, 256, 12, 4, 1024, 2, 0, 128, 0, false, "classifier_dropout", -1, 0.1, 1e-12, TN_ACT_GELU,
     PLAIN},
    {"distilbert", "DistilBert", 30522, 768, 6, 12, 3072, 0, 0, 0, 0, false, "seq_classif_dropout", 0.2, 0.1, 1e-12,
     TN_ACT_GELU, SHORT_NAMES},
    {"albert", "Albert", 30000, 4096, 12, 64, 16384, 2, 0, 128, 0, false, "classifier_dropout_prob", 0.1, 0, 1e-12,
     TN_ACT_GELU_TANH, ALBERT},
    {"mpnet", "MPNet", 30527, 768, 12, 12, 3072, 0, 1, 0, 0, true, NULL, -1, 0.1, 1e-12, TN_ACT_GELU, MPNET},
    {"deberta-v2", "DebertaV2", 128100, 1536, 24, 24, 6144, 0, 0, 0, 0, false, "cls_dropout", -1, 0.1, 1e-7, TN_ACT_GELU,
     DEBERTA},
    {"modernbert", "ModernBert", 50368, 768, 22, 12, 1152, 0, 50283, 0, 8192, false, "classifier_dropout", 0, 0, 1e-5,
     TN_ACT_GELU, MODERN},
};

/* What the sentence points at: the value where there is one, else the file. */
static tn_status refuse(const tn_json *v, tn_status status, tn_err *err, const char *what)
{
    if (!v)
        return tn_fail(err, status, "config.json: %s", what);
    return tn_fail(err, status, "config.json:%u:%u: %s", tn_json_line(v), tn_json_column(v), what);
}

static bool is_absent(const tn_json *v)
{
    return !v || tn_json_type(v) == TN_JSON_NULL;
}

static tn_status read_i32(const tn_json *root, const char *key, int32_t missing, int32_t min, int32_t max, int32_t *out,
                          tn_err *err)
{
    const tn_json *v = tn_json_get(root, key);
    int64_t n;
    *out = missing;
    if (is_absent(v))
        return TN_OK;
    if (!tn_json_i64(v, &n) || n < min || n > max)
        return tn_fail(err, TN_EFORMAT, "config.json:%u:%u: \"%s\" must be a whole number from %d to %d",
                       tn_json_line(v), tn_json_column(v), key, (int)min, (int)max);
    *out = (int32_t)n;
    return TN_OK;
}

static tn_status read_f64(const tn_json *root, const char *key, double missing, double min, double below, double *out,
                          tn_err *err)
{
    const tn_json *v = tn_json_get(root, key);
    *out = missing;
    if (is_absent(v))
        return TN_OK;
    if (!tn_json_f64(v, out) || !(*out >= min && *out < below))
        return tn_fail(err, TN_EFORMAT, "config.json:%u:%u: \"%s\" must be a number in [%g, %g)", tn_json_line(v),
                       tn_json_column(v), key, min, below);
    return TN_OK;
}

static bool is_number(const tn_json *v, const char *key, int64_t want)
{
    int64_t n;
    return tn_json_i64(tn_json_get(v, key), &n) && n == want;
}

static bool is_flag(const tn_json *v, const char *key, bool want)
{
    bool on;
    return tn_json_bool(tn_json_get(v, key), &on) && on == want;
}

/* Eight-bit integers, and how they are made; other schemes would mean other numbers. */
static bool is_scheme(const tn_json *v, const char *strategy, bool symmetric, bool dynamic)
{
    return is_number(v, "num_bits", 8) && tn_json_is_str(tn_json_get(v, "type"), "int") &&
           tn_json_is_str(tn_json_get(v, "strategy"), strategy) && is_flag(v, "symmetric", symmetric) &&
           is_flag(v, "dynamic", dynamic);
}

static bool is_our_quantisation(const tn_json *v)
{
    const tn_json *groups = tn_json_get(v, "config_groups"), *g = tn_json_first(groups);
    return tn_json_is_str(tn_json_get(v, "quant_method"), "compressed-tensors") &&
           tn_json_is_str(tn_json_get(v, "format"), "int-quantized") && tn_json_len(groups) == 1 &&
           is_scheme(tn_json_get(g, "weights"), "channel", true, false) &&
           is_scheme(tn_json_get(g, "input_activations"), "token", false, true);
}

static tn_status read_kind(const tn_json *root, tn_config *c, const struct kind **kind, tn_err *err)
{
    const tn_json *v = tn_json_get(root, "auto_map");
    if (!is_absent(v))
        return refuse(v, TN_EINVALID, err,
                      "\"auto_map\" asks to run code from the repository, which is never done here; "
                      "choose a model whose architecture is built in");
    if (!is_absent(v = tn_json_get(root, "quantization_config")) && !(c->in_bytes = is_our_quantisation(v)))
        return refuse(v, TN_EINVALID, err, "the weights are quantised; choose the repository with the full weights");
    TN_TRY(tn_json_need_str(root, "model_type", &c->model_type, err) == TN_OK ? TN_OK
                                                                              : tn_fail_prefix(err, "config.json"));
    for (size_t i = 0; i < TN_COUNT(kinds); i++)
        if (tn_str_is(c->model_type, kinds[i].type)) {
            *kind = &kinds[i];
            c->class_name = kinds[i].class_name;
            return TN_OK;
        }
    v = tn_json_get(root, "model_type");
    return tn_fail(err, TN_EINVALID,
                   "config.json:%u:%u: model_type \"%.*s\" is not built in; what can be loaded: bert (BERT, MiniLM, "
                   "multilingual-e5), roberta, xlm-roberta, camembert, electra, distilbert, albert, mpnet, deberta-v2, modernbert",
                   tn_json_line(v), tn_json_column(v), TN_ARG(c->model_type));
}

static tn_status read_sizes(const tn_json *root, const struct kind *kind, tn_config *c, tn_err *err)
{
    bool s = kind->own == SHORT_NAMES;
    const struct {
        const char *key;
        int32_t missing, min, max;
        int32_t *out;
    } field[] = {
        {"vocab_size", kind->vocab, 1, MAX_VOCAB, &c->vocab_size},
        {s ? "dim" : "hidden_size", kind->hidden, 1, MAX_WIDTH, &c->hidden_size},
        {s ? "n_layers" : "num_hidden_layers", kind->layers, 1, 1024, &c->n_layers},
        {s ? "n_heads" : "num_attention_heads", kind->heads, 1, 1024, &c->n_heads},
        {s ? "hidden_dim" : "intermediate_size", kind->inner, 1, 4 * MAX_WIDTH, &c->intermediate_size},
        {"max_position_embeddings", kind->positions ? kind->positions : 512, 1, MAX_VOCAB, &c->n_positions},
        {"type_vocab_size", kind->types, kind->types ? 1 : 0, MAX_WIDTH, &c->type_vocab_size},
        {"pad_token_id", kind->pad, -1, MAX_VOCAB, &c->pad_token_id},
        {"embedding_size", kind->embedding, 0, MAX_WIDTH, &c->embedding_size},
    };
    for (size_t i = 0; i < TN_COUNT(field); i++)
        TN_TRY(read_i32(root, field[i].key, field[i].missing, field[i].min, field[i].max, field[i].out, err));
    const tn_json *pad = tn_json_get(root, "pad_token_id");
    if (pad && tn_json_type(pad) == TN_JSON_NULL)
        c->pad_token_id = -1;
    if (kind->embedding == 0)
        c->embedding_size = c->hidden_size;
    int32_t pad_of_positions = kind->own == MPNET ? 1 : c->pad_token_id; /* MPNet's is fixed in its code */
    c->first_position = kind->positions_after_pad ? pad_of_positions + 1 : 0;
    c->max_positions = c->n_positions - c->first_position;
    if (c->max_positions < 1 || c->embedding_size < 1)
        return tn_fail(err, TN_EFORMAT, "config.json: %d positions leave none behind pad_token_id %d",
                       (int)c->n_positions, (int)c->pad_token_id);
    if (c->hidden_size % c->n_heads != 0)
        return tn_fail(err, TN_EFORMAT, "config.json: hidden_size %d is not a multiple of num_attention_heads %d",
                       (int)c->hidden_size, (int)c->n_heads);
    if (c->hidden_size / c->n_heads % 4 != 0)
        return tn_fail(err, TN_EINVALID,
                       "config.json: hidden_size %d over %d heads: the width of a head must be a multiple of 4",
                       (int)c->hidden_size, (int)c->n_heads);
    return TN_OK;
}

static tn_status read_reals(const tn_json *root, const struct kind *kind, tn_config *c, tn_err *err)
{
    bool s = kind->own == SHORT_NAMES, modern = kind->own == MODERN;
    TN_TRY(read_f64(root, modern ? "norm_eps" : "layer_norm_eps", kind->eps, 0, 1, &c->layer_norm_eps, err));
    TN_TRY(read_f64(root, "initializer_range", 0.02, 0, 100, &c->initializer_range, err));
    if (!modern)
        TN_TRY(read_f64(root, s ? "dropout" : "hidden_dropout_prob", kind->dropout, 0, 1, &c->hidden_dropout, err));
    TN_TRY(read_f64(root, s || modern ? "attention_dropout" : "attention_probs_dropout_prob", kind->dropout, 0, 1,
                    &c->attention_dropout, err));
    c->ffn_dropout = kind->own == ALBERT ? 0 : c->hidden_dropout;
    c->classifier_dropout = kind->classifier_dropout_is < 0 ? c->hidden_dropout : kind->classifier_dropout_is;
    if (kind->classifier_dropout)
        TN_TRY(read_f64(root, kind->classifier_dropout, c->classifier_dropout, 0, 1, &c->classifier_dropout, err));
    bool hidden = s || kind->own == MPNET || kind->own == DEBERTA; /* their classes of tokens have no dropout of a head */
    c->token_dropout = hidden ? c->hidden_dropout : c->classifier_dropout;
    return s ? read_f64(root, "qa_dropout", 0.1, 0, 1, &c->span_dropout, err) : TN_OK;
}

static const struct {
    const char *name;
    tn_activation act;
} activations[] = {{"gelu", TN_ACT_GELU},
                   {"gelu_new", TN_ACT_GELU_TANH},
                   {"gelu_pytorch_tanh", TN_ACT_GELU_TANH},
                   {"gelu_fast", TN_ACT_GELU_TANH},
                   {"gelu_accurate", TN_ACT_GELU_TANH},
                   {"relu", TN_ACT_RELU},
                   {"silu", TN_ACT_SILU},
                   {"swish", TN_ACT_SILU},
                   {"tanh", TN_ACT_TANH}};

static tn_status read_activation(const tn_json *root, const char *key, tn_activation missing, tn_activation *out,
                                 tn_err *err)
{
    const tn_json *v = tn_json_get(root, key);
    *out = missing;
    if (is_absent(v))
        return TN_OK;
    for (size_t i = 0; i < TN_COUNT(activations); i++)
        if (tn_json_is_str(v, activations[i].name)) {
            *out = activations[i].act;
            return TN_OK;
        }
    return refuse(v, TN_EINVALID, err, "the activation is not one that is built in (gelu, gelu_new, relu, silu, tanh)");
}

static tn_status read_bool(const tn_json *root, const char *key, bool missing, bool *out, tn_err *err)
{
    const tn_json *v = tn_json_get(root, key);
    *out = missing;
    if (is_absent(v) || tn_json_bool(v, out))
        return TN_OK;
    return tn_fail(err, TN_EFORMAT, "config.json:%u:%u: \"%s\" must be true or false", tn_json_line(v),
                   tn_json_column(v), key);
}

/* What a masked language model needs to know of its decoder. */
static tn_status read_decoder(const tn_json *root, const struct kind *kind, tn_config *c, tn_err *err)
{
    bool legacy = true;
    TN_TRY(read_bool(root, "tie_word_embeddings", true, &c->tied, err));
    TN_TRY(read_bool(root, "decoder_bias", true, &c->decoder_bias, err));
    if (kind->own == DEBERTA)
        TN_TRY(read_bool(root, "legacy", true, &legacy, err));
    c->own_decoder = !legacy;
    c->decoder_bias |= kind->own != MODERN;
    c->tied |= !legacy; /* in its code, whatever the file says */
    return TN_OK;
}

/* A list of names, or one string with them between bars: whether `name` is one of them. */
static bool names_hold(const tn_json *v, const char *name)
{
    tn_str rest = tn_json_type(v) == TN_JSON_STRING ? tn_json_str(v) : (tn_str){0}, part;
    while (rest.len && tn_str_cut(&rest, '|', &part))
        if (tn_str_is(tn_str_trim(part), name))
            return true;
    for (const tn_json *e = v && tn_json_type(v) == TN_JSON_ARRAY ? tn_json_first(v) : NULL; e; e = tn_json_next(e))
        if (tn_json_is_str(e, name))
            return true;
    return false;
}

/* ---- families with fields of their own ---- */

static tn_status read_albert(const tn_json *root, tn_config *c, tn_err *err)
{
    TN_TRY(read_i32(root, "num_hidden_groups", 1, 1, c->n_layers, &c->n_groups, err));
    return read_i32(root, "inner_group_num", 1, 1, 64, &c->n_inner, err);
}

/* transformers fixes 32 buckets and a distance of 128 in its code. */
static tn_status read_mpnet(const tn_json *root, tn_config *c, tn_err *err)
{
    int32_t buckets = 32;
    TN_TRY(read_i32(root, "relative_attention_num_buckets", 32, 1, MAX_WIDTH, &buckets, err));
    if (buckets != 32)
        return refuse(tn_json_get(root, "relative_attention_num_buckets"), TN_EINVALID, err,
                      "MPNet has 32 buckets of relative positions");
    return TN_OK;
}

static tn_status read_deberta(const tn_json *root, tn_config *c, tn_err *err)
{
    bool relative = false, biased = true, shared = false;
    int32_t kernel = 0, width = 0, longest = -1, buckets = -1;
    TN_TRY(read_bool(root, "relative_attention", false, &relative, err));
    TN_TRY(read_bool(root, "position_biased_input", true, &biased, err));
    TN_TRY(read_bool(root, "share_att_key", false, &shared, err));
    TN_TRY(read_i32(root, "conv_kernel_size", 0, 0, MAX_WIDTH, &kernel, err));
    TN_TRY(read_i32(root, "embedding_size", c->hidden_size, 1, MAX_WIDTH, &c->embedding_size, err));
    TN_TRY(read_i32(root, "pooler_hidden_size", c->hidden_size, 1, MAX_WIDTH, &width, err));
    TN_TRY(read_i32(root, "max_relative_positions", -1, -1, MAX_VOCAB, &longest, err));
    TN_TRY(read_i32(root, "position_buckets", -1, -1, MAX_VOCAB, &buckets, err));
    TN_TRY(read_f64(root, "pooler_dropout", 0, 0, 1, &c->pooler_dropout, err));
    if (kernel > 0)
        return refuse(tn_json_get(root, "conv_kernel_size"), TN_EINVALID, err,
                      "DeBERTa with a convolution behind its first layer (v2-xlarge) is not built in; choose a v3 model");
    if (c->embedding_size != c->hidden_size || width != c->hidden_size)
        return refuse(NULL, TN_EINVALID, err, "DeBERTa's embeddings and pooler must be as wide as its states");
    c->relative.no_positions = !biased;
    if (!relative)
        return TN_OK;
    const tn_json *kinds_of = tn_json_get(root, "pos_att_type"), *norm = tn_json_get(root, "norm_rel_ebd");
    if (!names_hold(kinds_of, "c2p") || !names_hold(kinds_of, "p2c"))
        return refuse(kinds_of, TN_EINVALID, err,
                      "\"pos_att_type\" must be \"p2c|c2p\"; other relative attention is not built in");
    c->relative.longest = longest < 1 ? c->n_positions : longest;
    c->relative.buckets = buckets > 0 ? buckets : 0;
    c->relative.span = buckets > 0 ? buckets : c->relative.longest;
    c->relative.own_projections = !shared;
    c->relative.norm = norm && names_hold(norm, "layer_norm");
    if (c->relative.buckets && (c->relative.buckets < 4 || c->relative.longest <= c->relative.buckets / 2 + 1))
        return refuse(tn_json_get(root, "position_buckets"), TN_EINVALID, err,
                      "\"position_buckets\" must be at least 4, and half of it less than the longest distance");
    return TN_OK;
}

/* v5 nests the bases by kind of layer; files before it have two fields. */
static tn_status read_theta(const tn_json *root, const char *layers, const char *old, double missing, double *out,
                            tn_err *err)
{
    const tn_json *rope = tn_json_get(root, "rope_parameters"), *own = rope ? tn_json_get(rope, layers) : NULL;
    const tn_json *type = own ? tn_json_get(own, "rope_type") : NULL;
    if (!is_absent(type) && !tn_json_is_str(type, "default"))
        return refuse(type, TN_EINVALID, err, "rotary positions other than the default are not built in");
    TN_TRY(read_f64(root, old, missing, 1, 1e12, out, err));
    return is_absent(own) ? TN_OK : read_f64(own, "rope_theta", *out, 1, 1e12, out, err);
}

static tn_status read_layer_kinds(const tn_json *root, tn_arena *a, tn_config *c, tn_err *err)
{
    const tn_json *v = tn_json_get(root, "layer_types"), *e;
    int32_t every = 3, i = 0;
    TN_TRY(read_i32(root, "global_attn_every_n_layers", 3, 1, MAX_WIDTH, &every, err));
    bool *local = TN_ARENA_ARRAY(a, bool, (size_t)c->n_layers);
    if (!local)
        return tn_fail_nomem(err, (size_t)c->n_layers);
    c->modern.is_local = local;
    for (; is_absent(v) && i < c->n_layers; i++)
        local[i] = i % every != 0;
    if (is_absent(v))
        return TN_OK;
    if (tn_json_type(v) != TN_JSON_ARRAY || tn_json_len(v) != (size_t)c->n_layers)
        return refuse(v, TN_EFORMAT, err, "\"layer_types\" must name each layer's attention");
    for (e = tn_json_first(v); e; e = tn_json_next(e), i++) {
        local[i] = tn_json_is_str(e, "sliding_attention");
        if (!local[i] && !tn_json_is_str(e, "full_attention"))
            return refuse(e, TN_EINVALID, err, "a layer's attention is sliding_attention or full_attention");
    }
    return TN_OK;
}

static tn_status read_modern(const tn_json *root, tn_arena *a, tn_config *c, tn_err *err)
{
    const tn_json *pooling = tn_json_get(root, "classifier_pooling"), *scaling = tn_json_get(root, "rope_scaling");
    TN_TRY(read_bool(root, "attention_bias", false, &c->modern.attention_bias, err));
    TN_TRY(read_bool(root, "mlp_bias", false, &c->modern.mlp_bias, err));
    TN_TRY(read_bool(root, "norm_bias", false, &c->modern.norm_bias, err));
    TN_TRY(read_bool(root, "classifier_bias", false, &c->modern.classifier_bias, err));
    TN_TRY(read_i32(root, "local_attention", 128, 2, MAX_VOCAB, &c->modern.window, err));
    c->modern.window /= 2;
    TN_TRY(read_f64(root, "embedding_dropout", 0, 0, 1, &c->modern.embedding_dropout, err));
    TN_TRY(read_f64(root, "mlp_dropout", 0, 0, 1, &c->modern.mlp_dropout, err));
    TN_TRY(read_theta(root, "full_attention", "global_rope_theta", 160000, &c->modern.theta_global, err));
    TN_TRY(read_theta(root, "sliding_attention", "local_rope_theta", 10000, &c->modern.theta_local, err));
    TN_TRY(read_activation(root, "classifier_activation", TN_ACT_GELU, &c->modern.head_activation, err));
    if (c->activation == TN_ACT_TANH)
        return refuse(tn_json_get(root, "hidden_activation"), TN_EINVALID, err, "tanh as a gate is not built in");
    if (!is_absent(scaling))
        return refuse(scaling, TN_EINVALID, err, "rotary positions other than the default are not built in");
    if (!is_absent(pooling) && !tn_json_is_str(pooling, "cls") && !tn_json_is_str(pooling, "mean"))
        return refuse(pooling, TN_EFORMAT, err, "\"classifier_pooling\" must be cls or mean");
    c->modern.pool_mean = !is_absent(pooling) && tn_json_is_str(pooling, "mean");
    return read_layer_kinds(root, a, c, err);
}

static tn_status read_own(const tn_json *root, const struct kind *kind, tn_arena *a, tn_config *c, tn_err *err)
{
    c->n_groups = c->n_layers;
    c->n_inner = 1;
    switch (kind->own) {
    case ALBERT: return read_albert(root, c, err);
    case MPNET: return read_mpnet(root, c, err);
    case DEBERTA: return read_deberta(root, c, err);
    case MODERN: return read_modern(root, a, c, err);
    case PLAIN:
    case SHORT_NAMES: break;
    }
    return TN_OK;
}

static tn_status read_choices(const tn_json *root, const struct kind *kind, tn_config *c, tn_err *err)
{
    static const struct {
        const char *name;
        tn_problem problem;
    } problem[] = {{"regression", TN_PROBLEM_REGRESSION},
                   {"single_label_classification", TN_PROBLEM_SINGLE_LABEL},
                   {"multi_label_classification", TN_PROBLEM_MULTI_LABEL}};
    static const char *const act_key[] = {[SHORT_NAMES] = "activation", [MODERN] = "hidden_activation"};
    const char *key = kind->own == SHORT_NAMES || kind->own == MODERN ? act_key[kind->own] : "hidden_act";
    size_t i = 0;
    TN_TRY(read_activation(root, key, kind->activation, &c->activation, err));
    const tn_json *v;
    if (!is_absent(v = tn_json_get(root, "problem_type"))) {
        for (i = 0; i < TN_COUNT(problem) && !tn_json_is_str(v, problem[i].name); i++)
            ;
        if (i == TN_COUNT(problem))
            return refuse(v, TN_EFORMAT, err,
                          "\"problem_type\" must be regression, single_label_classification, "
                          "multi_label_classification or null");
        c->problem = problem[i].problem;
    }
    v = tn_json_get(root, "position_embedding_type");
    if (!is_absent(v) && !tn_json_is_str(v, "absolute"))
        return refuse(v, TN_EINVALID, err, "\"position_embedding_type\" other than absolute is not built in");
    bool yes = false;
    if (tn_json_bool(v = tn_json_get(root, "is_decoder"), &yes) && yes)
        return refuse(v, TN_EINVALID, err, "the model is a decoder; an encoder is needed here");
    return TN_OK;
}

/* Two labels of one name could not be told apart in label2id, nor in anybody's answers. */
static tn_status check_distinct(const tn_json *id2label, tn_err *err)
{
    tn_map seen = TN_MAP_INIT;
    tn_status st = TN_OK;
    for (const tn_json *m = tn_json_first(id2label); m; m = tn_json_next(m)) {
        bool is_new;
        if (!tn_map_put(&seen, tn_json_str(m), 0, &is_new))
            TN_GO(tn_fail_nomem(err, 64));
        if (!is_new)
            TN_GO(tn_fail(err, TN_EFORMAT, "config.json:%u:%u: \"id2label\" has the name \"%.*s\" twice",
                          tn_json_line(m), tn_json_column(m), TN_ARG(tn_json_str(m))));
    }
done:
    tn_map_free(&seen);
    return st;
}

/* id2label has one member for each id from 0, in any order; absent means num_labels names, or two. */
static tn_status read_labels(const tn_json *root, tn_arena *a, tn_config *c, tn_err *err)
{
    const tn_json *v = tn_json_get(root, "id2label");
    if (is_absent(v)) {
        TN_TRY(read_i32(root, "num_labels", 2, 1, TN_MAX_LABELS, &c->n_labels, err));
    } else {
        if (tn_json_type(v) != TN_JSON_OBJECT || tn_json_len(v) < 1 || tn_json_len(v) > TN_MAX_LABELS)
            return refuse(v, TN_EFORMAT, err, "\"id2label\" must be an object with one name for each label");
        c->n_labels = (int32_t)tn_json_len(v);
    }
    if (!(c->label = TN_ARENA_ARRAY(a, tn_str, (size_t)c->n_labels)))
        return tn_fail_nomem(err, (size_t)c->n_labels * sizeof *c->label);
    if (is_absent(v)) {
        for (int32_t i = 0; i < c->n_labels; i++)
            if (!(c->label[i] = tn_str_format(a, "LABEL_%d", (int)i)).ptr)
                return tn_fail_nomem(err, 16);
        return TN_OK;
    }
    memset(c->label, 0, (size_t)c->n_labels * sizeof *c->label);
    for (const tn_json *m = tn_json_first(v); m; m = tn_json_next(m)) {
        int64_t id;
        if (!tn_str_to_i64(tn_json_key(m), &id) || id < 0 || id >= c->n_labels || c->label[id].ptr)
            return refuse(m, TN_EFORMAT, err, "\"id2label\" must number its labels 0, 1, 2, ... without a gap");
        tn_str name = tn_json_str(m);
        if (tn_json_type(m) != TN_JSON_STRING || memchr(name.ptr, 0, name.len))
            return refuse(m, TN_EFORMAT, err, "a label's name must be a string without NUL");
        c->label[id] = name;
    }
    return check_distinct(v, err);
}

/* By the ending of transformers' class name. */
static const struct {
    tn_task task;
    const char *ending;
} tasks[] = {{TN_TASK_SEQUENCE, "ForSequenceClassification"},
             {TN_TASK_TOKENS, "ForTokenClassification"},
             {TN_TASK_SPANS, "ForQuestionAnswering"},
             {TN_TASK_MASKED, "ForMaskedLM"}};

static tn_task read_task(const tn_json *root)
{
    const tn_json *v = tn_json_get(root, "architectures");
    tn_str name = v && tn_json_type(v) == TN_JSON_ARRAY ? tn_json_str(tn_json_first(v)) : (tn_str){0};
    for (size_t i = 0; i < TN_COUNT(tasks); i++)
        if (tn_str_ends(name, tasks[i].ending))
            return tasks[i].task;
    return TN_TASK_OF_FOLDER;
}

tn_status tn_config_parse(tn_str text, tn_arena *a, tn_config *out, tn_err *err)
{
    const tn_json *root;
    const struct kind *kind = NULL;
    tn_config c = {0};
    if (tn_json_parse(text, a, &root, err) != TN_OK)
        return tn_fail_prefix(err, "config.json");
    if (tn_json_type(root) != TN_JSON_OBJECT)
        return refuse(root, TN_EFORMAT, err, "an object was expected");
    c.json = root;
    TN_TRY(read_kind(root, &c, &kind, err));
    TN_TRY(read_sizes(root, kind, &c, err));
    TN_TRY(read_reals(root, kind, &c, err));
    TN_TRY(read_choices(root, kind, &c, err));
    TN_TRY(read_own(root, kind, a, &c, err));
    TN_TRY(read_decoder(root, kind, &c, err));
    TN_TRY(read_labels(root, a, &c, err));
    c.task = read_task(root);
    *out = c;
    return TN_OK;
}

tn_problem tn_config_problem(const tn_config *c)
{
    if (c->problem != TN_PROBLEM_UNSET)
        return c->problem;
    return c->n_labels == 1 ? TN_PROBLEM_REGRESSION : TN_PROBLEM_SINGLE_LABEL;
}

static const char *problem_name(tn_problem p)
{
    return p == TN_PROBLEM_REGRESSION    ? "regression"
           : p == TN_PROBLEM_MULTI_LABEL ? "multi_label_classification"
                                         : "single_label_classification";
}

/* Fields that the head decides; the order is the one in which missing ones are added. Those of labels are left out where
 * the task has none, and the problem is the sequence classifier's. */
static const char *const ours[] = {"architectures", "dtype", "id2label", "label2id", "problem_type"};

static bool is_written(const tn_config *c, size_t i)
{
    bool has_labels = c->task == TN_TASK_SEQUENCE || c->task == TN_TASK_TOKENS;
    return i < 2 || (i < 4 && has_labels) || c->task == TN_TASK_SEQUENCE;
}

/* What would contradict them, or name a place on somebody's disk. */
static const char *const dropped[] = {"_name_or_path", "torch_dtype", "num_labels", "_num_labels"};

static void write_ours(const tn_config *c, const char *key, tn_json_writer *w)
{
    char id[16];
    tn_jw_key(w, key);
    if (strcmp(key, "architectures") == 0) {
        tn_jw_begin_array(w);
        char name[64];
        for (size_t i = 0; i < TN_COUNT(tasks); i++)
            if (tasks[i].task == c->task)
                snprintf(name, sizeof name, "%s%s", c->class_name, tasks[i].ending), tn_jw_c(w, name);
        tn_jw_end_array(w);
    } else if (strcmp(key, "dtype") == 0) {
        tn_jw_c(w, "float32");
    } else if (strcmp(key, "problem_type") == 0) {
        tn_jw_c(w, problem_name(tn_config_problem(c)));
    } else {
        bool by_id = strcmp(key, "id2label") == 0;
        tn_jw_begin_object(w);
        for (int32_t i = 0; i < c->n_labels; i++) {
            snprintf(id, sizeof id, "%d", (int)i);
            tn_jw_key_str(w, by_id ? tn_str_of(id) : c->label[i]);
            if (by_id)
                tn_jw_str(w, c->label[i]);
            else
                tn_jw_i64(w, i);
        }
        tn_jw_end_object(w);
    }
}

static size_t index_of(tn_str key, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (tn_str_is(key, list[i]))
            return i;
    return n;
}

static void write_scheme(const char *key, const char *strategy, bool symmetric, bool dynamic, tn_json_writer *w)
{
    tn_jw_key(w, key);
    tn_jw_begin_object(w);
    tn_jw_key(w, "num_bits");
    tn_jw_i64(w, 8);
    tn_jw_key(w, "type");
    tn_jw_c(w, "int");
    tn_jw_key(w, "strategy");
    tn_jw_c(w, strategy);
    tn_jw_key(w, "symmetric");
    tn_jw_bool(w, symmetric);
    tn_jw_key(w, "dynamic");
    tn_jw_bool(w, dynamic);
    tn_jw_end_object(w);
}

static void write_quantisation(const tn_str *in_full, size_t n, tn_json_writer *w)
{
    tn_jw_key(w, "quantization_config");
    tn_jw_begin_object(w);
    tn_jw_key(w, "quant_method");
    tn_jw_c(w, "compressed-tensors");
    tn_jw_key(w, "format");
    tn_jw_c(w, "int-quantized");
    tn_jw_key(w, "quantization_status");
    tn_jw_c(w, "compressed");
    tn_jw_key(w, "config_groups");
    tn_jw_begin_object(w);
    tn_jw_key(w, "group_0");
    tn_jw_begin_object(w);
    tn_jw_key(w, "targets");
    tn_jw_begin_array(w);
    tn_jw_c(w, "Linear");
    tn_jw_end_array(w);
    write_scheme("weights", "channel", true, false, w);
    write_scheme("input_activations", "token", false, true, w);
    tn_jw_end_object(w);
    tn_jw_end_object(w);
    tn_jw_key(w, "ignore");
    tn_jw_begin_array(w);
    for (size_t i = 0; i < n; i++)
        tn_jw_str(w, in_full[i]);
    tn_jw_end_array(w);
    tn_jw_end_object(w);
}

/* The file's fields in their order, ours in their places, what is missing of ours behind; the object stays open. */
static void write_fields(const tn_config *c, bool as_they_are, tn_json_writer *w)
{
    bool done[TN_COUNT(ours)] = {false};
    tn_jw_begin_object(w);
    for (const tn_json *m = tn_json_first(c->json); m; m = tn_json_next(m)) {
        size_t i = as_they_are ? TN_COUNT(ours) : index_of(tn_json_key(m), ours, TN_COUNT(ours));
        if (i < TN_COUNT(ours)) {
            if (is_written(c, i))
                write_ours(c, ours[i], w);
            done[i] = true;
        } else if (index_of(tn_json_key(m), dropped, TN_COUNT(dropped)) == TN_COUNT(dropped)) {
            tn_jw_key_str(w, tn_json_key(m));
            tn_jw_node(w, m);
        }
    }
    for (size_t i = 0; !as_they_are && i < TN_COUNT(ours); i++)
        if (!done[i] && is_written(c, i))
            write_ours(c, ours[i], w);
}

tn_status tn_config_write(const tn_config *c, tn_buf *out, tn_err *err)
{
    tn_json_writer w;
    tn_jw_init(&w, out, 2);
    write_fields(c, false, &w);
    tn_jw_end_object(&w);
    tn_buf_char(out, '\n');
    return tn_buf_status(out, err);
}

tn_status tn_config_write_in_bytes(const tn_config *c, bool is_encoder, const tn_str *in_full, size_t n, tn_buf *out,
                                   tn_err *err)
{
    tn_json_writer w;
    tn_str pooler = TN_STR("re:.*pooler.*");
    tn_jw_init(&w, out, 2);
    write_fields(c, is_encoder, &w);
    write_quantisation(is_encoder ? &pooler : in_full, is_encoder ? 1 : n, &w);
    tn_jw_end_object(&w);
    tn_buf_char(out, '\n');
    return tn_buf_status(out, err);
}

void tn_config_write_score(const tn_config *c, int32_t label, float score, tn_json_writer *w)
{
    tn_jw_begin_object(w);
    tn_jw_key(w, "label");
    tn_jw_str(w, c->label[label]);
    tn_jw_key(w, "score");
    tn_jw_f32(w, score);
    tn_jw_end_object(w);
}
