#ifndef TN_TRAIN_RANKS_EXCHANGE_H
#define TN_TRAIN_RANKS_EXCHANGE_H
/// Gradients of ranks become their sum, on all ranks, in the tree that folds shards.
///
///   tn_exchange_begin(x, present);
///   tn_peers_start(...)                  in the job: tn_exchange_run(x, p, err)
///   backward pass                        batch.ready = tn_exchange_ready, batch.ready_ctx = x
///   tn_exchange_all_ready(x);
///   tn_peers_wait(...)
///
/// Source of the pattern: recursive halving and doubling (Rabenseifner, Optimization of Collective Reduction Operations,
/// 2004), with neighbours first so that partial sums are branches of the tree.

#include "base/peers.h"
#include "train/passes.h"

typedef struct tn_exchange tn_exchange;

/// As many peers as a power of two, 64 at most. max_rows: of a table in a whole batch, at most. `param` is borrowed.
tn_status tn_exchange_new(tn_engine *e, tn_peers *p, tn_param *param, size_t n_params, size_t max_rows, tn_exchange **out,
                          tn_err *err);
void tn_exchange_free(tn_exchange *x);
/// present: bit r is set when rank r has rows in this batch. What ranks without rows hold is replaced, not added.
void tn_exchange_begin(tn_exchange *x, uint64_t present);
/// The gradient of one parameter is whole; of all. From the thread that computes.
void tn_exchange_ready(void *x, size_t param);
void tn_exchange_all_ready(tn_exchange *x);
/// In a job: exchanges what is ready, and waits for the rest. Gradients of tables lie in `x` afterwards. Does not allocate
/// but in the first run.
tn_status tn_exchange_run(tn_exchange *x, tn_peers *p, tn_err *err);
/// Of losses of ranks [0, size), those that are present: folded into loss[0], as the tree folds them.
typedef float tn_loss_sums[2];
void tn_exchange_fold(tn_loss_sums *loss, int size, uint64_t present);

#endif
