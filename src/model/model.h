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
#include "tensor/target.h"
#include "text/tokenizer.h"

typedef struct tn_model tn_model;

typedef struct {
    bool train;          /* parameters become writable and have gradients */
    bool encoder_only;   /* no head: for embeddings and probes; a head in the file is not read */
    /// TN_TASK_OF_FOLDER: TN_TASK_SEQUENCE when labels are given, else what the folder's "architectures" names, and
    /// TN_TASK_SEQUENCE where it names no head.
    tn_task task;
    /// With `label`: the label set of a sequence or token classifier. 0 = the folder's own. Two or more, but for
    /// TN_PROBLEM_REGRESSION and TN_PROBLEM_MULTI_LABEL, where one is enough. No labels for the other tasks.
    int32_t n_labels;
    const tn_str *label;
    tn_problem problem;  /* of TN_TASK_SEQUENCE with labels; UNSET: one label a row */
    uint64_t seed;       /* of the parameters that the checkpoint lacks and the head needs */
    int32_t freeze;      /* when training: parameters of tn_param.layer below this stay as they are. 0: none; 1: the
                          * embeddings; 1 + n: the first n layers too; TN_FREEZE_ENCODER: all but the head */
    const struct tn_lora_options *lora; /* when training: adapters and the head alone are trained (model/lora.h); freeze has
                                         * no part then */
    const char *base; /* of a folder that is an adapter: the model it stands on; NULL: the folder that it names */
} tn_model_options;
#define TN_FREEZE_ENCODER INT32_MAX

/// `dir` may be an adapter of PEFT's (model/lora.h). Else it
/// opens config.json, model.safetensors (F32, F16 or BF16; or pytorch_model.bin by codec/torch.h where there is none;
/// both also in parts, by their index) and tokenizer.json. Weights stay in their mapping where that
/// is possible; every key is accounted for: used, a known buffer or head that we do not need, or an error.
/// A classifier in the file is kept when it is of the same task and problem and its names are the given ones, in this order
/// (a file that names no architecture: of any task). What the head needs and the file lacks is drawn from
/// normal(0, initializer_range) by (seed, name), bias 0, norm 1, and listed by tn_model_fresh. TN_ENOENT for a missing file, TN_EFORMAT for a missing, unexpected or misshapen
/// tensor, TN_EINVALID for what tn_config_parse and tn_torch_parse refuse, TN_ELIMIT for over TN_MAX_LABELS labels.
tn_status tn_model_open(tn_engine *e, const char *dir, const tn_model_options *options, tn_model **out, tn_err *err);
void tn_model_close(tn_model *m);

/// Its `task` and `problem` are those of the model at work.
const tn_config *tn_model_config(const tn_model *m);
/// What it learns from.
tn_target_kind tn_model_target(const tn_model *m);
/// Outputs a row, a token or a chosen token: labels; 2 (start, end); words of the vocabulary.
int32_t tn_model_width(const tn_model *m);
/// False where token types make no difference (RoBERTa, DistilBERT, ModernBERT, ...).
bool tn_model_uses_types(const tn_model *m);
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
    int32_t n_chosen;       /* TN_TASK_MASKED: */
    const int32_t *chosen;  /* [n_chosen] tokens of the batch, ascending, whose scores over the vocabulary are wanted */
} tn_batch;

/// Floats that tn_model_logits writes: sequence [n_rows, L], tokens [N, L], spans [N, 2], masked [n_chosen, V].
size_t tn_model_n_logits(const tn_model *m, const tn_batch *b);
/// Large batches are cut into pieces inside.
tn_status tn_model_logits(tn_model *m, const tn_batch *b, float *logits, tn_err *err);

/// Rows that other processes compute too (train/ranks.h): called in place of tn_model_logits (`logits`) and
/// tn_model_embed, after the batch was checked; from inside, both compute here. NULL ends it.
typedef struct {
    tn_status (*forward)(void *ctx, const tn_batch *b, bool logits, float *out, tn_err *err);
    void *ctx;
} tn_model_share;
void tn_model_set_share(tn_model *m, const tn_model_share *share);
/// The folder and the options that it was opened with.
const char *tn_model_dir(const tn_model *m);
const tn_model_options *tn_model_opened(const tn_model *m);

/// What the transformers pipeline shows, in place, of `n` lines of outputs: softmax over classes or words, sigmoid of
/// independent labels. Values and spans stay as they are, but for one value of a folder
/// that names no problem_type, which gets a sigmoid as it does there.
void tn_model_scores(const tn_model *m, float *logits, int32_t n);

/// Pooled states of the encoder, [n_rows, hidden_size], as the folder's 1_Pooling and 2_Normalize say (mean when there
/// is no modules.json): sentence embeddings, frozen features for a probe.
tn_status tn_model_embed(tn_model *m, const tn_batch *b, float *out, tn_err *err);

/// States of the encoder's last layer, [tokens, hidden_size]: also of a model without head.
tn_status tn_model_states(tn_model *m, const tn_batch *b, float *out, tn_err *err);

/// ---- texts ----
/// probability [n,L]: rows sum to 1 (one label a row). Texts longer than tn_model_max_tokens are cut at the end;
/// *n_cut (may be NULL) counts them. TN_EFORMAT for text that is not UTF-8, with its number from 1, and for weights whose
/// answer is not finite.
tn_status tn_model_predict(tn_model *m, const tn_str *text, size_t n, float *probability, size_t *n_cut, tn_err *err);
/// The same of pairs: text i with pair i. Too long: the longer one of the two is cut. Both need TN_TASK_SEQUENCE.
tn_status tn_model_predict_pairs(tn_model *m, const tn_str *text, const tn_str *pair, size_t n, float *probability,
                                 size_t *n_cut, tn_err *err);
/// out [n, hidden_size]. The limit is the one of sentence_bert_config.json where it is smaller.
tn_status tn_model_embed_texts(tn_model *m, const tn_str *text, size_t n, float *out, size_t *n_cut, tn_err *err);
/// One text to ids with special tokens, cut to tn_model_max_tokens. ids in the arena.
tn_status tn_model_encode(const tn_model *m, tn_str text, tn_arena *a, const int32_t **ids, int32_t *n, bool *cut,
                          tn_err *err);
/// The same for a row of one or two texts, for training and inference alike.
typedef struct {
    const int32_t *ids;
    const int32_t *type_id; /* [n]; NULL where the family does not use them, and for one text */
    int32_t n;
    bool cut;
} tn_model_row;
/// pair.ptr NULL: one text. limit: tokens at most, 0 or more than tn_model_max_tokens: that. The longer text is cut first.
tn_status tn_model_encode_row(const tn_model *m, tn_str text, tn_str pair, int32_t limit, tn_arena *a, tn_model_row *out,
                              tn_err *err);

/// ---- training ----
typedef struct {
    tn_str name; /* as transformers writes it: "bert.encoder.layer.0.attention.self.query.weight" */
    int n_dims;
    int64_t dim[4];
    size_t size;  /* product of dim */
    float *value; /* [size]; NULL in an 8-bit model's int8 matrices */
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
    tn_batch batch;        /* `chosen` is not read: the counted tokens are it */
    tn_targets target;     /* of the kind tn_model_target; for TN_TASK_MASKED: TOKENS, label = the word that stood there */
    tn_loss_options loss;
    int32_t n_shards;      /* >= 1 */
    const int32_t *shard;  /* [n_shards + 1], ascending: shard s is rows [shard[s], shard[s+1]); empty is fine */
    int32_t first_row;     /* row 0's number in the global batch (ranks): dropout is drawn by global row */
    bool dropout;          /* off: as in evaluation */
    uint64_t seed, step;   /* of dropout */
    /// Called while the pass goes on, in the caller's thread: the gradient of tn_model_params[param] is whole. Those that it
    /// is not called for (tables by rows, weights used several times) are whole when the pass is over. NULL: nobody waits.
    void (*ready)(void *ctx, size_t param);
    void *ready_ctx;
} tn_train_batch;

typedef struct {
    double loss; /* the mean, folded over shards: a sum over this batch, over the divisor */
    /// Rows or tokens that the outputs have right: the largest logit (the first of equals) is the class; all flags on the
    /// right side of 0; both ends of a span. Of values: 0. And how many were counted.
    int32_t n_correct, n_counted;
    float sum[2]; /* of losses before the divisors, folded over shards: what parts of a global batch are put together from */
} tn_train_result;

/// Forward, loss, backward: fills the gradients of the parameters. Needs options.train.
/// Losses: mean cross-entropy of classes; binary cross-entropy or squared error, mean over rows and labels; of spans
/// half of the mean cross-entropy of first and of last tokens, each over the tokens of its own row.
/// A batch without a counted target has loss 0 and gradients 0. A non-finite loss is returned as it is: the caller stops
/// the run. No allocation once a batch of this size has been seen.
tn_status tn_model_backward(tn_model *m, const tn_train_batch *b, tn_train_result *out, tn_err *err);

/// ---- saving ----
/// Writes config.json, model.safetensors (F32), and the tokenizer's files of the source folder into a new folder `dir`,
/// whole or not at all: a temporary folder beside it is renamed. An existing `dir` is replaced, and what killed processes
/// left of an earlier save is removed.
/// transformers loads it with no missing and no unexpected key.
tn_status tn_model_save(const tn_model *m, const char *dir, tn_err *err);

/// The same with 8-bit weights: matrices of linear layers outside heads become I8 "X.weight" by output channel beside F32
/// "X.weight_scale" [O,1], and the configuration says so (tn_config_write_in_bytes), so that transformers reads the folder
/// through compressed-tensors (dequantize=True) and refuses it without. tn_model_open reads it; answers differ from the f32 model's, by a
/// loss that the caller measures. An encoder may be saved too. TN_EFORMAT for weights that are not finite.
tn_status tn_model_save_in_bytes(const tn_model *m, const char *dir, tn_err *err);

#endif
