#ifndef TN_MODEL_LORA_H
#define TN_MODEL_LORA_H
/// Low-rank adapters (LoRA) in PEFT's format: trained on a base that stays as it is, written, read, merged.
///
///   outputs = W x + scale B A dropout(x) + bias       scale = alpha / rank, or alpha / sqrt(rank) with use_rslora
///
/// Training: open a base with options.train and options.lora. The adapters' A and B and the head are all that
/// tn_model_params lists; the rest has no gradients and no moments. A is drawn from uniform(±1/sqrt(inputs)) by (seed,
/// name), B is 0, so the first step starts from the base.
///
/// Using: open a folder that has adapter_config.json and no config.json. Its base is options.base, or the folder that
/// base_model_name_or_path names. What the file holds decides what is adapted, by its tensors' names: rank_pattern,
/// layers_to_transform and biases (bias: all, lora_only) need no more. Refused with TN_EINVALID: other kinds of adapters,
/// DoRA and other variants, alpha_pattern, adapted embeddings; and any adapters of a masked language model.
///
/// Merging rounds each weight once: W + (scale times the sum of B A, by FMA in order of the rank). There is no way back by
/// subtraction; the base and the adapter, opened again, give the unmerged bits.
/// Source: peft 0.21, tuners/lora/layer.py, config.py, utils/save_and_load.py.

#include "model/model.h"

typedef struct tn_lora_options {
    int32_t rank; /* 1 to 1024 */
    double alpha, dropout;
    bool rslora;
    /// Linear layers, by their modules' names or the ends of these behind a dot ("query", "attention.output.dense"). None:
    /// all of the encoder ("all-linear"). The head is not adapted: it is trained whole ("modules_to_save").
    const tn_str *target;
    size_t n_targets;
} tn_lora_options;

bool tn_lora_is_folder(const char *dir); /* adapter_config.json without config.json */
/// base_model_name_or_path and revision (empty: none) of an adapter's folder, in the arena.
tn_status tn_lora_base(const char *dir, tn_arena *a, tn_str *base, tn_str *revision, tn_err *err);

bool tn_model_has_adapters(const tn_model *m);
/// Into a folder that peft loads: adapter_config.json, adapter_model.safetensors, tokenizer files. `base` and `revision`
/// (empty: none) are what the adapter says it stands on. The label names are metadata of the tensors' file, which peft does
/// not read. Replaces `dir` as tn_model_save does.
tn_status tn_model_save_adapter(const tn_model *m, tn_str base, tn_str revision, const char *dir, tn_err *err);
/// The adapters go into the weights, and leave: the model is then one that tn_model_save writes. It is not trained on.
/// Nothing to do without adapters.
tn_status tn_model_merge(tn_model *m, tn_err *err);

#endif
