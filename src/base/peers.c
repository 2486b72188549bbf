/* One thread makes all calls of the wire. A job runs in it as straight code; whatever it waits for, it waits in one loop, which
 * also says and hears who lives. Between jobs the thread does that alone.
 *
 * Invariants: what a request points to lives until the request is done or the job is given up; after a failure the wire is
 * never asked again for data (`broken`), because blocks of the failed job may be gone, and its own owner ends the process.
 * The first failure is told to all others, with its sentence, and stays.
 *
 * Tried and dropped: a library's own waiting, which spins on the core that should compute; and a thread a peer. */
#include "base/peers.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

enum {
    TAG_DATA = 1,
    TAG_LIFE = 2,
    BLOCK_MAX = 1 << 30, /* a count is an int in MPI */
    MESSAGE_HEAD = 8,
};
static const double SAY_S = 0.5;         /* between two signs of life */
static const double HEAR_S = 0.005;      /* between two looks for them */
static const double INTERRUPTED_S = 0.3; /* a step that is nearly there is still taken; mpirun kills after a second */
static const double FAREWELL_S = 0.1;

typedef struct {
    int32_t ends, code; /* ends: the sender does no more; code: what it exits with */
    char why[248];      /* empty: all is well */
} life;

struct other {
    double heard;
    void *in, *out; /* requests, NULL: none */
    life hear, say;
};

struct tn_peers {
    tn_wire wire;
    double patience, said, looked;
    struct other *other; /* [size] */
    void **request;      /* of the swap in progress */
    size_t request_cap;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake, over;
    /* under the lock */
    tn_peers_job *job; /* NULL: none in progress */
    void *ctx;
    bool stop;
    uint64_t n_wakes;
    tn_status status; /* of the last job */
    tn_err err;
    /* asked and set by both sides */
    atomic_bool broken, give_up, told;
    tn_err why; /* what tn_peers_fail said; written before `told` */
    atomic_bool ended; /* rank 0 said goodbye */
    atomic_int exit_code;
};

int tn_peers_rank(const tn_peers *p)
{
    return p ? p->wire.rank : 0;
}

int tn_peers_size(const tn_peers *p)
{
    return p ? p->wire.size : 1;
}

bool tn_peers_usable(tn_peers *p)
{
    return !p->broken;
}

/* ---- who lives ---- */

static void say(tn_peers *p, int peer, const life *what)
{
    struct other *o = &p->other[peer];
    o->say = *what;
    o->out = p->wire.send(p->wire.self, peer, TAG_LIFE, &o->say, sizeof o->say);
}

/* To all, whatever they do with it. */
static void farewell(tn_peers *p, const life *what)
{
    double until = tn_clock_seconds() + FAREWELL_S;
    for (int i = 0; i < p->wire.size; i++) {
        struct other *o = &p->other[i];
        while (i != p->wire.rank && o->out && p->wire.test(p->wire.self, o->out) == 0 && tn_clock_seconds() < until)
            sched_yield();
        if (i != p->wire.rank)
            say(p, i, what);
    }
    for (int i = 0; i < p->wire.size; i++)
        while (i != p->wire.rank && p->other[i].out && p->wire.test(p->wire.self, p->other[i].out) == 0 &&
               tn_clock_seconds() < until)
            sched_yield();
}

static tn_status lost(tn_peers *p, int peer, const char *how, tn_err *err)
{
    return tn_fail(err, TN_EIO, "rank %d of %d %s: the job cannot go on", peer, p->wire.size, how);
}

static tn_status hear(tn_peers *p, int peer, tn_err *err)
{
    struct other *o = &p->other[peer];
    int state = o->in ? p->wire.test(p->wire.self, o->in) : -1;
    if (state < 0)
        return lost(p, peer, "cannot be reached", err);
    if (state == 0)
        return TN_OK;
    o->heard = tn_clock_seconds();
    life heard = o->hear;
    heard.why[sizeof heard.why - 1] = 0;
    o->in = NULL;
    if (!heard.ends) {
        o->in = p->wire.receive(p->wire.self, peer, TAG_LIFE, &o->hear, sizeof o->hear);
        return o->in ? TN_OK : lost(p, peer, "cannot be reached", err);
    }
    if (peer == 0) {
        p->exit_code = heard.code;
        p->ended = true;
    }
    if (heard.why[0] && peer == 0)
        p->broken = true; /* all know */
    if (heard.why[0])
        return tn_fail(err, TN_EIO, "rank %d of %d gave up: %s", peer, p->wire.size, heard.why);
    return peer == 0 ? TN_OK : lost(p, peer, "ended", err);
}

/* Signs of life, out and in. */
static tn_status look_around(tn_peers *p, tn_err *err)
{
    double now = tn_clock_seconds();
    if (now - p->looked < HEAR_S)
        return TN_OK;
    bool says = now - p->said >= SAY_S;
    p->looked = now;
    p->said = says ? now : p->said;
    for (int i = 0; i < p->wire.size && !p->ended; i++) {
        struct other *o = &p->other[i];
        if (i == p->wire.rank)
            continue;
        if (o->out && p->wire.test(p->wire.self, o->out) == 1)
            o->out = NULL;
        if (says && !o->out)
            say(p, i, &(life){0});
        TN_TRY(hear(p, i, err));
        if (now - o->heard > p->patience && !p->ended) {
            char how[64];
            snprintf(how, sizeof how, "has not been heard of for %.0f seconds", p->patience);
            return lost(p, i, how, err);
        }
    }
    return TN_OK;
}

/* ---- waiting ---- */

/* What ends any waiting. */
static tn_status may_go_on(tn_peers *p, tn_err *err)
{
    if (p->told) {
        if (err)
            *err = p->why;
        return p->why.status;
    }
    if (p->give_up)
        return tn_fail(err, TN_EINTR, "interrupted while other ranks were waited for");
    TN_TRY(look_around(p, err));
    if (p->ended)
        return tn_fail(err, TN_EIO, "rank 0 ended");
    return TN_OK;
}

/* Short sleeps that get longer: a message is fetched within some 30 us at first, within a tenth of a millisecond later. */
static void rest(unsigned n_polls)
{
    if (n_polls < 8) {
        sched_yield();
        return;
    }
    nanosleep(&(struct timespec){0, n_polls < 200 ? 20000 : n_polls < 20000 ? 100000 : 1000000}, NULL);
}

static tn_status wait_all(tn_peers *p, size_t n, tn_err *err)
{
    size_t first = 0;
    for (unsigned polls = 0; first < n; polls++) {
        for (size_t i = first; i < n; i++) {
            int state = p->request[i] ? p->wire.test(p->wire.self, p->request[i]) : 1;
            if (state < 0)
                return tn_fail(err, TN_EIO, "a message to or from another rank failed: the job cannot go on");
            if (state == 1)
                p->request[i] = NULL;
        }
        while (first < n && !p->request[first])
            first++;
        if (first == n)
            return TN_OK;
        TN_TRY(may_go_on(p, err));
        rest(polls);
    }
    return TN_OK;
}

static struct timespec after(double seconds)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    long ns = t.tv_nsec + (long)(seconds * 1e9);
    return (struct timespec){t.tv_sec + ns / 1000000000, ns % 1000000000};
}

/* The lock is held. */
static void sleep_until_woken(tn_peers *p, pthread_cond_t *c, double seconds)
{
    struct timespec t = after(seconds);
    pthread_cond_timedwait(c, &p->lock, &t);
}

void tn_peers_wake(tn_peers *p)
{
    pthread_mutex_lock(&p->lock);
    p->n_wakes++;
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
}

tn_status tn_peers_until(tn_peers *p, bool (*done)(void *ctx), void *ctx, tn_err *err)
{
    uint64_t seen = 0;
    while (!done(ctx)) {
        TN_TRY(may_go_on(p, err));
        pthread_mutex_lock(&p->lock);
        if (p->n_wakes == seen)
            sleep_until_woken(p, &p->wake, HEAR_S);
        seen = p->n_wakes;
        pthread_mutex_unlock(&p->lock);
    }
    return TN_OK;
}

/* ---- messages ---- */

static tn_status add_requests(tn_peers *p, int peer, const tn_block *b, bool out, size_t *n, tn_err *err)
{
    for (size_t at = 0; at < b->n;) {
        size_t len = b->n - at < BLOCK_MAX ? b->n - at : BLOCK_MAX;
        if (*n == p->request_cap && !tn_vec_grow((void **)&p->request, &p->request_cap, sizeof *p->request))
            return tn_fail_nomem(err, (*n + 1) * sizeof *p->request);
        char *data = (char *)b->data + at;
        void *r = out ? p->wire.send(p->wire.self, peer, TAG_DATA, data, len)
                      : p->wire.receive(p->wire.self, peer, TAG_DATA, data, len);
        if (!r)
            return lost(p, peer, "cannot be reached", err);
        p->request[(*n)++] = r;
        at += len;
    }
    return TN_OK;
}

tn_status tn_peers_swap(tn_peers *p, int peer, const tn_block *out, size_t n_out, const tn_block *in, size_t n_in,
                        tn_err *err)
{
    size_t n = 0;
    for (size_t i = 0; i < n_in; i++)
        TN_TRY(add_requests(p, peer, &in[i], false, &n, err));
    for (size_t i = 0; i < n_out; i++)
        TN_TRY(add_requests(p, peer, &out[i], true, &n, err));
    return wait_all(p, n, err);
}

tn_status tn_peers_put(tn_peers *p, int peer, tn_str bytes, tn_err *err)
{
    uint64_t n = bytes.len;
    tn_block out[] = {{&n, MESSAGE_HEAD}, {(void *)(uintptr_t)bytes.ptr, bytes.len}};
    return tn_peers_swap(p, peer, out, 2, NULL, 0, err);
}

static tn_status get_body(tn_peers *p, int peer, uint64_t n, size_t max, tn_buf *in, tn_err *err)
{
    tn_buf_clear(in);
    if (n > max)
        return tn_fail(err, TN_EIO, "rank %d sent a message of %llu bytes: ranks of different programs?", peer,
                       (unsigned long long)n);
    char *at = tn_buf_reserve(in, n);
    if (!at)
        return tn_buf_status(in, err);
    TN_TRY(tn_peers_swap(p, peer, NULL, 0, &(tn_block){at, n}, 1, err));
    in->len += n;
    return TN_OK;
}

tn_status tn_peers_get(tn_peers *p, int peer, size_t max, tn_buf *in, tn_err *err)
{
    uint64_t n;
    TN_TRY(tn_peers_swap(p, peer, NULL, 0, &(tn_block){&n, MESSAGE_HEAD}, 1, err));
    return get_body(p, peer, n, max, in, err);
}

/* ---- the thread ---- */

/* The first failure: told, kept, and the end of all talk. */
static void give_up(tn_peers *p, const tn_err *err)
{
    life last = {.ends = 1, .code = tn_exit_code(err->status)};
    if (p->broken)
        return;
    snprintf(last.why, sizeof last.why, "%.*s", (int)sizeof last.why - 1, err->msg[0] ? err->msg : "it failed");
    if (!p->ended)
        farewell(p, &last);
    p->broken = true;
}

static void *run_thread(void *arg)
{
    tn_peers *p = arg;
    prctl(PR_SET_TIMERSLACK, 1000UL); /* ns; sleeps are 50 us longer else */
    tn_fp_reset();
    pthread_mutex_lock(&p->lock);
    while (!p->stop) {
        tn_peers_job *job = p->job;
        pthread_mutex_unlock(&p->lock);
        tn_err err = TN_ERR_INIT;
        tn_status st = p->broken ? TN_OK : job ? job(p->ctx, p, &err) : p->told ? may_go_on(p, &err) : look_around(p, &err);
        if (st != TN_OK)
            give_up(p, &err);
        pthread_mutex_lock(&p->lock);
        if (st != TN_OK)
            p->err = err;
        if (job) {
            p->status = p->broken ? p->err.status : TN_OK;
            p->job = NULL;
            pthread_cond_signal(&p->over);
        }
        if (!p->job && !p->stop)
            sleep_until_woken(p, &p->wake, 4 * HEAR_S);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

tn_status tn_peers_over(const tn_wire *wire, double patience_s, tn_peers **out, tn_err *err)
{
    tn_peers *p = tn_mem_calloc(sizeof *p);
    struct other *other = tn_mem_calloc((size_t)wire->size * sizeof *other);
    if (!p || !other) {
        tn_mem_free(p);
        tn_mem_free(other);
        return tn_fail_nomem(err, sizeof *p + (size_t)wire->size * sizeof *other);
    }
    p->wire = *wire;
    p->other = other;
    p->patience = patience_s > 0 ? patience_s : TN_PEERS_PATIENCE;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, &attr);
    pthread_cond_init(&p->over, &attr);
    pthread_condattr_destroy(&attr);
    for (int i = 0; i < wire->size; i++) {
        other[i].heard = tn_clock_seconds();
        if (i != wire->rank)
            other[i].in = wire->receive(wire->self, i, TAG_LIFE, &other[i].hear, sizeof other[i].hear);
    }
    if (pthread_create(&p->thread, NULL, run_thread, p) != 0) {
        tn_mem_free(other);
        tn_mem_free(p);
        return tn_fail(err, TN_EIO, "cannot start a thread");
    }
    *out = p;
    return TN_OK;
}

void tn_peers_start(tn_peers *p, tn_peers_job *job, void *ctx)
{
    pthread_mutex_lock(&p->lock);
    TN_ASSERT(!p->job);
    p->job = job;
    p->ctx = ctx;
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
}

tn_status tn_peers_wait(tn_peers *p, tn_err *err)
{
    double interrupted = 0;
    pthread_mutex_lock(&p->lock);
    while (p->job) {
        sleep_until_woken(p, &p->over, 0.1);
        if (p->wire.rank != 0 || tn_interrupt_check(NULL) == TN_OK)
            continue;
        interrupted = interrupted > 0 ? interrupted : tn_clock_seconds();
        p->give_up = tn_clock_seconds() - interrupted >= INTERRUPTED_S;
    }
    tn_status st = p->status;
    if (st != TN_OK && err)
        *err = p->err;
    pthread_mutex_unlock(&p->lock);
    return st;
}

tn_status tn_peers_run(tn_peers *p, tn_peers_job *job, void *ctx, tn_err *err)
{
    tn_peers_start(p, job, ctx);
    return tn_peers_wait(p, err);
}

void tn_peers_fail(tn_peers *p, const tn_err *why)
{
    p->why = *why;
    p->told = true;
    tn_peers_wake(p);
}

/* ---- the other ranks' waiting, and the end ---- */

tn_status tn_peers_listen(tn_peers *p, size_t max, tn_buf *in, bool *ended, int *exit_code, tn_err *err)
{
    uint64_t n;
    *ended = false;
    tn_status st = tn_peers_swap(p, 0, NULL, 0, &(tn_block){&n, MESSAGE_HEAD}, 1, err);
    if (p->ended) { /* with or without a reason, there is nothing more to do */
        *ended = true;
        *exit_code = p->exit_code;
        return TN_OK;
    }
    TN_TRY(st);
    return get_body(p, 0, n, max, in, err);
}

/* Rank 0 writes what it has, then takes the others down: an exit before that would take rank 0 down. */
static void linger(const tn_peers *p)
{
    double until = tn_clock_seconds() + p->patience;
    bool rank0_lives = tn_clock_seconds() - p->other[0].heard < p->patience;
    while (rank0_lives && tn_clock_seconds() < until)
        nanosleep(&(struct timespec){0, 20000000}, NULL);
}

int tn_peers_close(tn_peers *p, int exit_code)
{
    if (!p)
        return exit_code;
    pthread_mutex_lock(&p->lock);
    TN_ASSERT(!p->job);
    p->stop = true;
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    if (p->told)
        give_up(p, &p->why);
    bool together = !p->broken;
    if (p->wire.rank == 0 && together)
        farewell(p, &(life){.ends = 1, .code = exit_code});
    if (p->wire.rank != 0 && !together)
        linger(p);
    p->wire.close(p->wire.self, together, exit_code);
    pthread_cond_destroy(&p->wake);
    pthread_cond_destroy(&p->over);
    pthread_mutex_destroy(&p->lock);
    tn_mem_free(p->request);
    tn_mem_free(p->other);
    tn_mem_free(p);
    return exit_code;
}
