#ifndef TN_BASE_POOL_H
#define TN_BASE_POOL_H
/// A pool of threads that runs numbered tasks. Work is cut by size, never by the number of threads, so results do not
/// depend on it; only `worker` (a scratch slot) does.

#include "base/err.h"

typedef struct tn_pool tn_pool;

/// `n_threads` counts the caller; 0 asks for one per available CPU. At most 256.
tn_status tn_pool_new(int n_threads, tn_pool **out, tn_err *err);
void tn_pool_free(tn_pool *p);
int tn_pool_size(const tn_pool *p); /* 1 for NULL: a NULL pool runs everything in the caller */

/// Runs fn(ctx, task, worker) for each task in [0, n_tasks), in any order, and returns when all are done.
/// worker is in [0, tn_pool_size). Not reentrant: a task must not run the same pool. One caller at a time.
typedef void tn_task_fn(void *ctx, size_t task, int worker);
void tn_pool_run(tn_pool *p, size_t n_tasks, tn_task_fn *fn, void *ctx);

/// CPUs that this process may use.
int tn_cpu_count(void);
/// Round to nearest, denormals kept: the floating-point state of the numeric contract. Each pool thread and each
/// public entry sets it.
void tn_fp_reset(void);

#endif
