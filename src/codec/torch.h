#ifndef TN_CODEC_TORCH_H
#define TN_CODEC_TORCH_H
/// pytorch_model.bin: the named tensors of a file that torch.save wrote, and nothing else.
///
/// The file is a pickle, a small program that may call anything when Python reads it. Here it runs on a machine that knows
/// dictionaries, lists, tuples, strings, numbers, and four names: collections.OrderedDict, torch._utils._rebuild_tensor_v2
/// (and its older and parameter forms), torch.*Storage. Every other name, and every other instruction, is refused. Nothing
/// is imported, nothing is called.
///
/// Source: CPython 3.11 Lib/pickletools.py (instructions); PyTorch 2 torch/serialization.py (both layouts).

#include "codec/safetensors.h"

/// The tensors as safetensors has them, in byte order of the names. Data are slices of `file`, which must outlive `out`;
/// those of a strided view or a deflated member are copies in the arena.
/// Reads the zip layout (since 1.6) and the older plain one.
/// TN_EINVALID for what is refused by intent, each with its sentence: other names, values that are not tensors, big-endian
/// files, element types beyond safetensors' own, views that repeat elements. TN_EFORMAT for a file that lies or is cut
/// short, TN_ELIMIT for a program over 64 MiB, and for views whose copies are larger than the file.
tn_status tn_torch_parse(tn_bytes file, tn_arena *a, tn_st *out, tn_err *err);

#endif
