/* Tasks are claimed from one atomic word that holds (generation << 32 | next task); a worker that wakes late sees a
 * newer generation and claims nothing of the old one. Workers spin for a few microseconds before they sleep, because
 * a training step starts hundreds of short runs.
 *
 * Invariant: `n_done` reaches n_tasks only after every task function has returned, and run() returns only then; job
 * fields are written while no task is claimable: between runs the claim word says task UINT32_MAX, so that a worker
 * which wakes late with the old generation finds nothing. */
#include "base/pool.h"
#include "base/mem.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { SPINS = 4000 }; /* about 20 to 40 us of pause instructions: longer than the gap between two kernels of a step */

struct tn_pool {
    int n_threads;
    bool sleepy; /* more threads than CPUs: spinning would only steal time */
    pthread_t *thread;
    struct worker {
        tn_pool *pool;
        int index;
    } *worker;
    pthread_mutex_t lock;
    pthread_cond_t wake, finished;
    _Atomic uint64_t claim; /* generation << 32 | next task */
    _Atomic uint32_t n_tasks, n_done;
    _Atomic bool stop;
    _Atomic(tn_task_fn *) fn;
    _Atomic(void *) ctx;
};

void tn_fp_reset(void)
{
#if defined(__x86_64__)
    /* Keep the exception masks on, rounding to nearest, no flush-to-zero, no denormals-are-zero. */
    _mm_setcsr(0x1F80);
#endif
}

int tn_cpu_count(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

static void relax(void)
{
#if defined(__x86_64__)
    _mm_pause();
#endif
}

/* Claims and runs tasks of `generation` until none is left. */
static void work(tn_pool *p, uint32_t generation, int worker)
{
    for (;;) {
        uint64_t claim = atomic_load(&p->claim);
        uint32_t task = (uint32_t)claim, n = atomic_load(&p->n_tasks);
        if ((uint32_t)(claim >> 32) != generation || task >= n)
            return;
        tn_task_fn *fn = atomic_load(&p->fn);
        void *ctx = atomic_load(&p->ctx);
        /* Success proves that fn, ctx and n belong to this generation: they change only when it does. */
        if (!atomic_compare_exchange_weak(&p->claim, &claim, claim + 1))
            continue;
        fn(ctx, task, worker);
        if (atomic_fetch_add(&p->n_done, 1) + 1 == n) {
            pthread_mutex_lock(&p->lock);
            pthread_cond_signal(&p->finished);
            pthread_mutex_unlock(&p->lock);
        }
    }
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    tn_pool *p = w->pool;
    uint32_t seen = 0;
    tn_fp_reset();
    for (;;) {
        uint32_t generation;
        for (int i = p->sleepy ? SPINS : 0; i < SPINS; i++) {
            if ((uint32_t)(atomic_load_explicit(&p->claim, memory_order_relaxed) >> 32) != seen)
                break;
            relax();
        }
        if ((generation = (uint32_t)(atomic_load(&p->claim) >> 32)) == seen) {
            pthread_mutex_lock(&p->lock);
            while ((generation = (uint32_t)(atomic_load(&p->claim) >> 32)) == seen && !atomic_load(&p->stop))
                pthread_cond_wait(&p->wake, &p->lock);
            pthread_mutex_unlock(&p->lock);
        }
        if (atomic_load(&p->stop))
            return NULL;
        seen = generation;
        work(p, generation, w->index);
    }
}

void tn_pool_run(tn_pool *p, size_t n_tasks, tn_task_fn *fn, void *ctx)
{
    if (!p || p->n_threads == 1 || n_tasks <= 1) {
        for (size_t i = 0; i < n_tasks; i++)
            fn(ctx, i, 0);
        return;
    }
    TN_ASSERT(n_tasks < UINT32_MAX);
    uint32_t generation = (uint32_t)(atomic_load(&p->claim) >> 32) + 1;
    if (generation == 0)
        generation = 1;
    atomic_store(&p->fn, fn);
    atomic_store(&p->ctx, ctx);
    atomic_store(&p->n_done, 0);
    atomic_store(&p->n_tasks, (uint32_t)n_tasks);
    pthread_mutex_lock(&p->lock);
    atomic_store(&p->claim, (uint64_t)generation << 32);
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);

    work(p, generation, 0);
    for (int i = p->sleepy ? SPINS : 0; i < SPINS && atomic_load(&p->n_done) != n_tasks; i++)
        relax();
    if (atomic_load(&p->n_done) != n_tasks) {
        pthread_mutex_lock(&p->lock);
        while (atomic_load(&p->n_done) != n_tasks)
            pthread_cond_wait(&p->finished, &p->lock);
        pthread_mutex_unlock(&p->lock);
    }
    /* Close the claim word: no task is claimable until the next generation opens it. */
    atomic_store(&p->claim, (uint64_t)generation << 32 | UINT32_MAX);
}

int tn_pool_size(const tn_pool *p)
{
    return p ? p->n_threads : 1;
}

void tn_pool_free(tn_pool *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    atomic_store(&p->stop, true);
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
    /* A spinning worker leaves its spin within SPINS rounds and then sees `stop`. */
    for (int i = 1; i < p->n_threads; i++)
        pthread_join(p->thread[i], NULL);
    pthread_cond_destroy(&p->wake);
    pthread_cond_destroy(&p->finished);
    pthread_mutex_destroy(&p->lock);
    tn_mem_free(p->thread);
    tn_mem_free(p->worker);
    tn_mem_free(p);
}

tn_status tn_pool_new(int n_threads, tn_pool **out, tn_err *err)
{
    if (n_threads < 0 || n_threads > 256)
        return tn_fail(err, TN_EINVALID, "%d threads asked for, 1 to 256 are possible", n_threads);
    if (n_threads == 0)
        n_threads = tn_cpu_count() < 256 ? tn_cpu_count() : 256;
    tn_fp_reset();
    tn_pool *p = tn_mem_calloc(sizeof *p);
    if (!p)
        return tn_fail_nomem(err, sizeof *p);
    p->sleepy = n_threads > tn_cpu_count();
    p->thread = tn_mem_calloc((size_t)n_threads * sizeof *p->thread);
    p->worker = tn_mem_calloc((size_t)n_threads * sizeof *p->worker);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    pthread_cond_init(&p->finished, NULL);
    p->n_threads = 1;
    if (!p->thread || !p->worker) {
        tn_pool_free(p);
        return tn_fail_nomem(err, (size_t)n_threads * sizeof *p->worker);
    }
    for (int i = 1; i < n_threads; i++) {
        p->worker[i].pool = p;
        p->worker[i].index = i;
        if (pthread_create(&p->thread[i], NULL, worker_main, &p->worker[i]) != 0) {
            tn_pool_free(p);
            return tn_fail(err, TN_ENOMEM, "cannot start thread %d of %d", i + 1, n_threads);
        }
        p->n_threads++;
    }
    *out = p;
    return TN_OK;
}
