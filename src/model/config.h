#ifndef TN_MODEL_CONFIG_H
#define TN_MODEL_CONFIG_H
/// config.json of a Hub folder: what kind of network the weights are, and the names of its labels.
///
/// Only values that differ from the class default are stored in the file, so each field has its default here.
/// Source: transformers 5.23, configuration_*.py of each family.

#include "codec/json.h"
#include "tensor/tensor.h"

enum { TN_MAX_LABELS = 1 << 16 };

typedef enum {
    TN_PROBLEM_UNSET, /* null in the file: one label means regression, several mean one label a row */
    TN_PROBLEM_REGRESSION,
    TN_PROBLEM_SINGLE_LABEL,
    TN_PROBLEM_MULTI_LABEL,
} tn_problem;

/// What the outputs are for. The class of transformers is named after it: BertForTokenClassification.
typedef enum {
    TN_TASK_OF_FOLDER, /* in options: whatever the folder is for; in a file that was read: it names no head that we know */
    TN_TASK_SEQUENCE,  /* ForSequenceClassification: an answer a row; the problem says of which kind */
    TN_TASK_TOKENS,    /* ForTokenClassification: a class a token */
    TN_TASK_SPANS,     /* ForQuestionAnswering: where an answer starts and where it ends */
    TN_TASK_MASKED,    /* ForMaskedLM: which word stood here */
} tn_task;

typedef struct {
    tn_str model_type;      /* "bert" */
    const char *class_name; /* "Bert", as transformers' classes begin */
    int32_t vocab_size, hidden_size, n_layers, n_heads, intermediate_size, type_vocab_size;
    int32_t embedding_size; /* hidden_size, but where embeddings are narrower */
    int32_t n_positions;    /* rows of the table of positions */
    int32_t first_position; /* of a row's first token */
    int32_t max_positions;  /* tokens of a row: n_positions - first_position */
    int32_t pad_token_id; /* -1 when null */
    tn_activation activation;
    double layer_norm_eps, initializer_range;
    double hidden_dropout, attention_dropout;
    double classifier_dropout; /* resolved: hidden_dropout when the file has none */
    double pooler_dropout;     /* before the head's first layer */
    double ffn_dropout;        /* behind a feed-forward net's last layer */
    double token_dropout;      /* before the classifier of tokens */
    double span_dropout;       /* before the two numbers of a span's ends */
    bool tied;                 /* a decoder of words is the table of words */
    bool decoder_bias;         /* ModernBERT's may have none */
    bool own_decoder;          /* DeBERTa's newer head, under other names */
    int32_t n_groups, n_inner; /* ALBERT: groups of layers, and layers of a group; else n_layers and 1 */
    struct {
        int32_t span; /* DeBERTa: distances from -span to span - 1; 0: scores do not depend on distances */
        int32_t buckets, longest; /* beyond half the buckets, distances are in steps of a logarithm up to `longest` */
        bool own_projections;     /* of the distances' query and key, instead of those of tokens */
        bool norm;
        bool no_positions; /* no table of positions */
    } relative;
    struct {
        bool attention_bias, mlp_bias, norm_bias, classifier_bias, pool_mean;
        int32_t window;       /* of local layers, to each side */
        const bool *is_local; /* [n_layers] */
        double theta_global, theta_local;
        double embedding_dropout, mlp_dropout;
        tn_activation head_activation;
    } modern; /* ModernBERT */
    int32_t n_labels;
    tn_str *label; /* [n_labels], by id */
    tn_problem problem;
    tn_task task;
    bool in_bytes; /* weights of linear layers are 8-bit (num/gemm8.h) */
    const tn_json *json; /* the file, for fields that we keep and do not read */
} tn_config;

/// Reads config.json's text. Strings point into `a`, and `json` too.
/// TN_EFORMAT names the field that is ill-formed or out of bounds; TN_EINVALID for what we refuse to load: an unknown
/// model_type (the sentence lists the known ones), remote code (auto_map), quantised weights but for our own 8-bit form,
/// relative positions.
tn_status tn_config_parse(tn_str text, tn_arena *a, tn_config *out, tn_err *err);

/// Appends config.json of the model that `c` is: the source file's fields in their order, with architectures (by
/// c->task, which is one), dtype, and where the task has labels id2label, label2id, problem_type in place of what was there.
tn_status tn_config_write(const tn_config *c, tn_buf *out, tn_err *err);

/// The same for 8-bit weights, with the quantization_config that the compressed-tensors package reads: int8 by output
/// channel, activations of 8 bits by token, made as they are seen; the modules `in_full` keep their f32. An encoder
/// without head keeps the file's fields as they are, and its pooler, which is not written, is named by a pattern.
/// Source: compressed-tensors 0.20, quantization/quant_config.py; format int-quantized.
tn_status tn_config_write_in_bytes(const tn_config *c, bool is_encoder, const tn_str *in_full, size_t n, tn_buf *out,
                                   tn_err *err);

/// One answer as the transformers pipeline spells it: {"label", "score"}.
void tn_config_write_score(const tn_config *c, int32_t label, float score, tn_json_writer *w);

/// What the outputs mean: never TN_PROBLEM_UNSET.
tn_problem tn_config_problem(const tn_config *c);

#endif
