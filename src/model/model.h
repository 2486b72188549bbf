#ifndef TN_MODEL_MODEL_H
#define TN_MODEL_MODEL_H
/// Models: a Hub folder becomes something that answers, learns, and is written back as a Hub folder.
///
///   tn_model *m;
///   tn_model_open(engine, "model/", &(tn_model_options){0}, &m, err);
///   tn_model_predict(m, texts, n, probability, err);            probability [n,L]
///   tn_model_close(m);
///
/// Batches are rows laid end to end without padding. The result of a row never depends on its batch mates, on the
/// number of rows in a call, on threads or on the instruction set. One call at a time per engine; nothing here is
/// thread-safe but what says `const`.

#include "model/config.h"
#include "tensor/engine.h"
#include "text/tokenizer.h"

typedef struct tn_model tn_model;

typedef struct {
    bool train;          /* parameters become writable and have gradients */
    bool encoder_only;   /* no classification head: for embeddings and probes; a head in the file is not read */
    int32_t n_labels;    /* with `label`: the label set of the task. 0 = the folder's own */
    const tn_str *label; /* [n_labels]; a classifier in the file is kept only when its names are these, in this order */
    uint64_t seed;       /* of the parameters that the checkpoint lacks and the head needs */
    int32_t freeze;      /* when training: parameters of tn_param.layer below this stay as they are. 0: none; 1: the
                          * embeddings; 1 + n: the first n layers too; TN_FREEZE_ENCODER: all but the head */
} tn_model_options;
#define TN_FREEZE_ENCODER INT32_MAX

/// Opens config.json, model.safetensors (F32, F16 or BF16; or pytorch_model.bin by codec/torch.h where there is none;
/// both also in parts, by their index) and tokenizer.json. Weights stay in their mapping where that
/// is possible; every key is accounted for: used, a known buffer or head that we do not need, or an error.
/// Without a pooler or classifier in the file, they are drawn from normal(0, initializer_range) by (seed, name), bias
/// 0, and listed by tn_model_fresh. TN_ENOENT for a missing file, TN_EFORMAT for a missing, unexpected or misshapen
/// tensor, TN_EINVALID for what tn_config_parse and tn_torch_parse refuse, TN_ELIMIT for over TN_MAX_LABELS labels.
tn_status tn_model_open(tn_engine *e, const char *dir, const tn_model_options *options, tn_model **out, tn_err *err);
void tn_model_close(tn_model *m);

const tn_config *tn_model_config(const tn_model *m);
const tn_tokenizer *tn_model_tokenizer(const tn_model *m);
tn_engine *tn_model_engine(const tn_model *m);
/// Longest row, special tokens included: min(positions, the tokenizer's own limit).
int32_t tn_model_max_tokens(const tn_model *m);
/// Names of parameters that were initialised because the checkpoint has none; names of tensors that were not read.
const tn_str *tn_model_fresh(const tn_model *m, size_t *n);
const tn_str *tn_model_ignored(const tn_model *m, size_t *n);

/// ---- rows of ids ----
typedef struct {
    int32_t n_rows;
    const int32_t *start;   /* [n_rows + 1], ascending; row b is ids[start[b] .. start[b+1]), never empty */
    const int32_t *ids;     /* [start[n_rows]], each in [0, vocab_size) */
    const int32_t *type_id; /* [start[n_rows]], or NULL: zeros */
} tn_batch;

/// logits [n_rows, L]. Large batches are cut into pieces inside.
tn_status tn_model_logits(tn_model *m, const tn_batch *b, float *logits, tn_err *err);

/// Softmax, or sigmoid for one or several independent labels: what the transformers pipeline shows. In place.
void tn_model_scores(const tn_model *m, float *logits, int32_t n_rows);

/// Pooled states of the encoder, [n_rows, hidden_size], as the folder's 1_Pooling and 2_Normalize say (mean when there
/// is no modules.json): sentence embeddings, frozen features for a probe.
tn_status tn_model_embed(tn_model *m, const tn_batch *b, float *out, tn_err *err);

/// ---- texts ----
/// probability [n,L]: rows sum to 1 (one label a row). Texts longer than tn_model_max_tokens are cut at the end;
/// *n_cut (may be NULL) counts them. TN_EFORMAT for text that is not UTF-8, with its number from 1, and for weights whose
/// answer is not finite.
tn_status tn_model_predict(tn_model *m, const tn_str *text, size_t n, float *probability, size_t *n_cut, tn_err *err);
/// out [n, hidden_size]. The limit is the one of sentence_bert_config.json where it is smaller.
tn_status tn_model_embed_texts(tn_model *m, const tn_str *text, size_t n, float *out, size_t *n_cut, tn_err *err);
/// One text to ids with special tokens, cut to tn_model_max_tokens. ids in the arena.
tn_status tn_model_encode(const tn_model *m, tn_str text, tn_arena *a, const int32_t **ids, int32_t *n, bool *cut,
                          tn_err *err);

/// ---- training ----
typedef struct {
    tn_str name; /* as transformers writes it: "bert.encoder.layer.0.attention.self.query.weight" */
    int n_dims;
    int64_t dim[4];
    size_t size;  /* product of dim */
    float *value; /* [size] */
    bool decay;   /* weight decay applies: not for biases and norms */
    int32_t layer; /* 0: embeddings, and tables that all layers look at; 1 to n: the layer; n + 1: the head */
    /// Dense: [size], written by tn_model_backward. Sparse (the word table): [n_grad_rows, dim[1]].
    float *grad;
    bool sparse;
    int32_t n_grad_rows;
    const int32_t *grad_row; /* [n_grad_rows], ascending: the rows that the batch used; the others have gradient 0 */
} tn_param;

/// The parameters that are trained (all of them, unless options.freeze says less), in the order of the checkpoint's
/// modules; always the same for the same folder, labels and options.
/// Pointers and `value` stay where they are; grad, n_grad_rows and grad_row are those of the last backward.
tn_param *tn_model_params(tn_model *m, size_t *n);
/// Must follow any change of a value: packed copies are made again before the next forward.
void tn_model_params_changed(tn_model *m);

typedef struct {
    tn_batch batch;
    const int32_t *label;  /* [n_rows], in [0, L) */
    int32_t n_shards;      /* >= 1 */
    const int32_t *shard;  /* [n_shards + 1], ascending: shard s is rows [shard[s], shard[s+1]); empty is fine */
    int32_t n_global_rows; /* divisor of the mean loss; 0 = n_rows */
    int32_t first_row;     /* row 0's number in the global batch (ranks): dropout is drawn by global row */
    bool dropout;          /* off: as in evaluation */
    uint64_t seed, step;   /* of dropout */
} tn_train_batch;

typedef struct {
    double loss;       /* sum of cross-entropies / n_global_rows, folded over shards */
    int32_t n_correct; /* rows whose largest logit (the first of equals) is the label */
} tn_train_result;

/// Forward, mean cross-entropy, backward: fills the gradients of the parameters. Needs options.train and a model of one
/// label a row. A non-finite loss is returned as it is: the caller stops the run.
/// No allocation once a batch of this size has been seen.
tn_status tn_model_backward(tn_model *m, const tn_train_batch *b, tn_train_result *out, tn_err *err);

/// ---- saving ----
/// Writes config.json, model.safetensors (F32), and the tokenizer's files of the source folder into a new folder `dir`,
/// whole or not at all: a temporary folder beside it is renamed. An existing `dir` is replaced, and what killed processes
/// left of an earlier save is removed.
/// transformers loads it with no missing and no unexpected key.
tn_status tn_model_save(const tn_model *m, const char *dir, tn_err *err);

#endif
