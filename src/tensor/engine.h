#ifndef TN_TENSOR_ENGINE_H
#define TN_TENSOR_ENGINE_H
/// Where and how to compute: a thread pool and an instruction set. Results depend on neither (DESIGN, numeric
/// contract).
///
/// One engine serves any number of models, one call at a time: the pool is not reentrant.

#include "base/peers.h"
#include "base/pool.h"
#include "num/gemm.h"
#include "num/gemm8.h"
#include "num/kernels.h"

typedef struct tn_engine tn_engine;

/// n_threads   counts the caller; 0 = one per available CPU
/// isa         "auto" (or NULL), "ref", "avx2", "avx512"
/// TN_EINVALID for another name or a set that this CPU lacks; the sentence lists what it has.
tn_status tn_engine_new(int n_threads, const char *isa, tn_engine **out, tn_err *err);
void tn_engine_free(tn_engine *e);

tn_pool *tn_engine_pool(const tn_engine *e);
int tn_engine_threads(const tn_engine *e);
const char *tn_engine_isa(const tn_engine *e); /* "ref", "avx2", "avx512" */
/// False on a CPU without FMA hardware: prediction is slow there and training is refused.
bool tn_engine_has_fma(const tn_engine *e);
const tn_kernels *tn_engine_kernels(const tn_engine *e);
tn_gemm *tn_engine_gemm(const tn_engine *e);
/// Other processes that compute with this one (train/ranks.h); NULL, as it is at first: none. Borrowed.
void tn_engine_set_peers(tn_engine *e, tn_peers *peers);
tn_peers *tn_engine_peers(const tn_engine *e);

#endif
