#ifndef TN_MODEL_FAMILY_H
#define TN_MODEL_FAMILY_H
/// The inside of src/model: a model is a list of named parameters and a family that composes them. Others use model.h.
///
/// A family (bert.c) names its parameters, once, and writes two functions over tape ops. Loading, initialising, saving,
/// pooling, batching and training are the same for all families.

#include "base/file.h"
#include "base/map.h"
#include "codec/safetensors.h"
#include "model/lora.h"
#include "tensor/tape.h"

/// 8-bit weights on their way from the file into a weight (bytes.c).
typedef struct tn_bytes_of tn_bytes_of;

/// One tensor of a checkpoint.
typedef struct {
    tn_str name; /* as transformers writes it, prefix included */
    int n_dims;
    int64_t dim[4];
    size_t size;
    tn_weight *weight; /* where the values live; several slots may share one (query, key, value) */
    size_t offset;     /* of the slot's first element in there */
    bool decay;
    bool head;   /* may be missing from a checkpoint: it is drawn then */
    bool matrix; /* of a linear layer, as opposed to a table */
    bool words;  /* a table that decodes too: a matrix that lookups read */
    bool ones;   /* drawn as ones, where it is drawn */
    int32_t layer; /* as tn_param.layer */
    char lora;     /* 'A' or 'B': half of an adapter, which no checkpoint of a model has; such slots are the last ones */
    tn_bytes_of *bytes; /* the file has int8 here; NULL: floats */
} tn_slot;

typedef struct {
    const char *prefix; /* of the encoder's names; files of bare encoders leave it out: "bert." */
    const struct tn_post_norm *post_norm; /* for families of that kind (post_norm.h) */
    /// Starts of names, without prefix, of tensors that no slot asks for and that are known: buffers, other tasks' heads.
    const char *const *ignored;
    /// Adds the slots, in the order of the modules, and returns the network's own structure in the arena.
    tn_status (*build)(tn_model *m, void **net, tn_err *err);
    /// States of all tokens, [N,C].
    tn_var *(*encode)(const tn_model *m, tn_tape *t, const tn_batch *b);
    /// Lines of logits, by the model's task: of rows, of tokens, of the batch's chosen tokens.
    tn_var *(*classify)(const tn_model *m, tn_tape *t, tn_var *states, const tn_batch *b);
} tn_family;

extern const tn_family tn_family_bert, tn_family_roberta, tn_family_electra, tn_family_distilbert, tn_family_albert,
    tn_family_mpnet, tn_family_deberta, tn_family_modernbert;

typedef enum {
    TN_POOL_MEAN,
    TN_POOL_FIRST,
    TN_POOL_MAX,
    TN_POOL_MEAN_SQRT,
    TN_POOL_WEIGHTED,
    TN_POOL_LAST
} tn_pool_kind;

struct tn_model {
    tn_engine *engine;
    tn_tape *tape;
    tn_arena *arena; /* what lives as long as the model */
    tn_arena *work;  /* of one call */
    char *dir;
    const char *opened; /* the folder that was named: the adapter's, where there is one */
    tn_config config;
    tn_model_options options;
    const tn_family *family;
    void *net;
    tn_tokenizer *tokenizer;
    int32_t max_tokens, embed_max_tokens;
    tn_pool_kind pooling;
    bool normalize;
    tn_str no_embedding; /* why embedding is refused; empty when it is not */
    bool was_used;       /* a forward call has been made */
    bool packed;         /* forward copies of the matrices are kept */
    const tn_model_share *share; /* who else computes rows; NULL: nobody */
    TN_VEC(tn_slot) slot;
    int32_t at_layer; /* of the slots that are being added; tn_family.build counts it up */
    tn_param *param;  /* of the slots that are trained; all of them when none is */
    size_t n_params;
    TN_VEC(tn_file) file;
    bool pickled; /* the files are torch.save's */
    struct {
        tn_lora_options o;
        bool of_folder; /* read from a folder, as opposed to made for training */
        tn_file mapping;
        tn_st file; /* its tensors, while loading */
    } *lora; /* NULL: no adapters */
    tn_bytes_of *bytes;   /* a list, while an 8-bit model is loaded */
    TN_VEC(void *) owned; /* blocks of weights and gradients */
    TN_VEC(tn_str) fresh;
    TN_VEC(tn_str) ignored;
};

typedef struct {
    tn_weight *weight;
    size_t offset;
    int n_dims;
    int64_t dim[2];
    bool decay, head, sparse, matrix, words, ones;
    char lora;
    int32_t layer; /* of an adapter; of others it is where the model is built */
} tn_slot_spec;
/// Layers that have weights of their own: ALBERT's are fewer than the steps it makes with them.
int32_t tn_model_n_layers(const tn_model *m);
/// Adds a slot with the given name; false when out of memory. A weight that slots share must already have its shape.
bool tn_model_add_slot(tn_model *m, tn_slot_spec s, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/// slots.c: names without ".weight" and ".bias"; behind the family's prefix, or without it after a slash in front. All
/// false when out of memory.
typedef struct {
    tn_weight w, b;
} tn_affine;
typedef struct {
    bool no_bias, head;
} tn_affine_options;
bool tn_model_add_affine(tn_model *m, tn_affine *a, int64_t o, int64_t i, tn_affine_options opt, const char *name);
/// Without a bias, zeros that are not trained stand in for it.
bool tn_model_add_norm(tn_model *m, tn_affine *a, int64_t c, tn_affine_options opt, const char *name);
bool tn_model_add_table(tn_model *m, tn_weight *w, int64_t n, int64_t c, bool sparse, const char *name);
/// The table of words: sparse, but where the task's decoder is the same matrix.
bool tn_model_add_words(tn_model *m, tn_weight *w, int64_t n, int64_t c, const char *name);
/// The other part of a decoder: a number a word.
bool tn_model_add_bias(tn_model *m, tn_weight *b, int64_t n, const char *name);
/// n matrices [C,C] of the checkpoint as one [nC,C], so that they are one product.
bool tn_model_add_stack(tn_model *m, tn_affine *a, int64_t c, const char *layer, const char *const *part, int n);
/// What is added where a family has no such table: one row of zeros that is never trained.
bool tn_model_add_zeros(tn_model *m, tn_weight *w, int64_t c);

/// checkpoint.c: reads weights into all slots, draws missing heads, makes room for gradients. `of_file` is the folder's
/// own configuration, before the task's labels took the place of its own.
tn_status tn_checkpoint_load(tn_model *m, const tn_config *of_file, tn_err *err);
/// Whether a tensor of a file can be the slot's: shape and type.
tn_status tn_slot_check(const tn_slot *s, const tn_st_entry *e, tn_err *err);
/// A folder written whole or not at all: the tokenizer's files, and what `write` adds.
typedef tn_status tn_model_writer(const tn_model *m, const void *ctx, const char *dir, tn_arena *a, tn_err *err);
tn_status tn_model_save_folder(const tn_model *m, const char *dir, tn_model_writer *write, const void *ctx, tn_err *err);
/// lora.c: reads an adapter's folder, before the network is built; adds its slots, or those that options.lora asks for;
/// puts its tensors in the places of the base's. The last two do nothing without adapters.
tn_status tn_lora_open(tn_model *m, const char *dir, tn_err *err);
tn_status tn_lora_attach(tn_model *m, tn_err *err);
tn_status tn_lora_bind(tn_model *m, const tn_map *slots, const tn_st_entry **bound, tn_err *err);
/// bytes.c: for an 8-bit model, after the family has built its slots: matrices outside heads become int8, each with a slot
/// of scales; and, after the values are read, packing them.
tn_status tn_bytes_add_slots(tn_model *m, tn_err *err);
bool tn_bytes_take(const tn_slot *s, const uint8_t *data);
tn_status tn_bytes_pack(tn_model *m, tn_err *err);
/// Gives back what only loading needed.
void tn_bytes_done(tn_model *m);
/// Whether the slot's weight becomes int8 in an 8-bit file.
static inline bool tn_bytes_apply(const tn_slot *s)
{
    return s->matrix && !s->words && !s->head && !s->bytes;
}
/// A block of floats that lives as long as the model, aligned to 64; NULL when out of memory.
float *tn_model_own(tn_model *m, size_t n_floats);
/// pooling.c: modules.json and the folders it names.
tn_status tn_pooling_load(tn_model *m, tn_err *err);
/// The same files, copied into another folder.
tn_status tn_pooling_copy(const tn_model *m, const char *dir, tn_err *err);
/// pooling.c: [N,C] states to [B,C].
void tn_pooling_apply(const tn_model *m, const tn_rows *rows, const tn_tensor *states, float *out);

enum {
    TN_CHUNK_TOKENS = 1024, /* of one forward pass: products are at full speed, values stay below 30 MB at 384 wide */
    TN_CHUNK_TOKENS_TRAIN = 4096, /* where weights are packed anew in each pass, fewer passes are worth the memory */
};

#endif
