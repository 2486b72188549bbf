/* Dense parameters, from the last one back, are cut into buckets; a bucket is one long vector that lies in pieces. At level k a
 * rank and the one whose number differs in bit k hold sums of neighbouring branches: each keeps one half of what it still
 * has, gets the other's part of that half, and adds. Then the way back: halves are put together, unchanged. Which rank adds
 * a value depends on its place, the order in which its summands are added does not.
 *
 * A table's rows are exchanged whole, once a level, because the two lists of rows differ; both sides add them alike.
 *
 * Invariant: both sides know from `present` alone what is sent; a branch without rows sends nothing and adds nothing. */
#include "train/ranks_exchange.h"

#include <stdatomic.h>

enum {
    BUCKET = 1 << 20, /* values: 4 MiB, about a layer of 384 channels; messages of that size run at the wire's speed */
    MAX_LEVELS = 6,
};

typedef struct {
    size_t first, end; /* dense[first .. end) */
    size_t n;          /* values */
} bucket;

typedef struct {
    size_t from, end;
} range;

struct tn_exchange {
    tn_peers *peers;
    const tn_kernels *k;
    tn_param *param;
    size_t n_params, n_dense, n_tables, n_buckets;
    int rank, n_levels;
    size_t *dense; /* [n_dense] parameters, the last one first */
    size_t *table; /* [n_tables] */
    tn_grad_rows (*room)[3]; /* [n_tables]: where rows come and sums go */
    bucket *bucket;          /* [n_buckets] */
    float *scratch;          /* half of the largest bucket */
    tn_block *out, *in;      /* [largest number of pieces] */
    atomic_bool *ready;      /* [n_params] */
    atomic_bool all_ready;
    uint64_t present;
    size_t waits_for; /* a bucket; n_buckets: all */
};

/* ---- making ---- */

static tn_status cut_buckets(tn_exchange *x, tn_err *err)
{
    size_t largest = 0, pieces = 1;
    for (size_t i = 0; i < x->n_dense; i++) {
        bucket *b = x->n_buckets ? &x->bucket[x->n_buckets - 1] : NULL;
        if (!b || b->n >= BUCKET) {
            b = &x->bucket[x->n_buckets++];
            *b = (bucket){i, i, 0};
        }
        b->end = i + 1;
        b->n += x->param[x->dense[i]].size;
        largest = b->n > largest ? b->n : largest;
        pieces = b->end - b->first > pieces ? b->end - b->first : pieces;
    }
    x->scratch = tn_mem_alloc((largest / 2 + 1) * sizeof *x->scratch);
    x->out = tn_mem_alloc(pieces * sizeof *x->out);
    x->in = tn_mem_alloc(pieces * sizeof *x->in);
    return x->scratch && x->out && x->in ? TN_OK : tn_fail_nomem(err, largest / 2 * sizeof *x->scratch);
}

static tn_status make_tables(tn_exchange *x, size_t max_rows, tn_err *err)
{
    for (size_t i = 0; i < x->n_tables; i++) {
        const tn_param *p = &x->param[x->table[i]];
        size_t n = (size_t)p->dim[0] < max_rows ? (size_t)p->dim[0] : max_rows;
        for (int k = 0; k < 3; k++)
            TN_TRY(tn_grad_rows_new(&x->room[i][k], n, p->size / (size_t)p->dim[0], err));
    }
    return TN_OK;
}

tn_status tn_exchange_new(tn_engine *e, tn_peers *p, tn_param *param, size_t n_params, size_t max_rows, tn_exchange **out,
                          tn_err *err)
{
    tn_exchange *x = tn_mem_calloc(sizeof *x);
    if (!x)
        return tn_fail_nomem(err, sizeof *x);
    *x = (tn_exchange){.peers = p, .k = tn_engine_kernels(e), .param = param, .n_params = n_params, .rank = tn_peers_rank(p)};
    while (1 << x->n_levels < tn_peers_size(p))
        x->n_levels++;
    TN_ASSERT(1 << x->n_levels == tn_peers_size(p) && x->n_levels <= MAX_LEVELS);
    x->dense = tn_mem_alloc(n_params * sizeof *x->dense);
    x->table = tn_mem_alloc(n_params * sizeof *x->table);
    x->bucket = tn_mem_alloc(n_params * sizeof *x->bucket);
    x->ready = tn_mem_calloc(n_params * sizeof *x->ready);
    x->room = tn_mem_calloc(n_params * sizeof *x->room);
    tn_status st = x->dense && x->table && x->bucket && x->ready && x->room
                       ? TN_OK
                       : tn_fail_nomem(err, n_params * sizeof *x->room);
    for (size_t i = n_params; st == TN_OK && i-- > 0;)
        if (param[i].sparse)
            x->table[x->n_tables++] = i;
        else
            x->dense[x->n_dense++] = i;
    if (st == TN_OK)
        st = cut_buckets(x, err);
    if (st == TN_OK)
        st = make_tables(x, max_rows, err);
    if (st == TN_OK)
        *out = x;
    else
        tn_exchange_free(x);
    return st;
}

void tn_exchange_free(tn_exchange *x)
{
    if (!x)
        return;
    for (size_t i = 0; x->room && i < x->n_tables; i++)
        for (int k = 0; k < 3; k++)
            tn_grad_rows_free(&x->room[i][k]);
    tn_mem_free(x->room);
    tn_mem_free(x->dense);
    tn_mem_free(x->table);
    tn_mem_free(x->bucket);
    tn_mem_free(x->scratch);
    tn_mem_free(x->out);
    tn_mem_free(x->in);
    tn_mem_free(x->ready);
    tn_mem_free(x);
}

/* ---- what is whole ---- */

void tn_exchange_begin(tn_exchange *x, uint64_t present)
{
    x->present = present;
    x->all_ready = false;
    for (size_t i = 0; i < x->n_params; i++)
        x->ready[i] = false;
}

void tn_exchange_ready(void *ctx, size_t param)
{
    tn_exchange *x = ctx;
    x->ready[param] = true;
    tn_peers_wake(x->peers);
}

void tn_exchange_all_ready(tn_exchange *x)
{
    x->all_ready = true;
    tn_peers_wake(x->peers);
}

static bool is_ready(void *ctx)
{
    const tn_exchange *x = ctx;
    if (x->all_ready || x->waits_for == x->n_buckets)
        return x->all_ready;
    const bucket *b = &x->bucket[x->waits_for];
    for (size_t i = b->first; i < b->end; i++)
        if (!x->ready[x->dense[i]])
            return false;
    return true;
}

/* Ranks [r's branch of 2^k]: whether any has rows. */
static bool has_rows(uint64_t present, int r, int k)
{
    uint64_t branch = k == MAX_LEVELS ? UINT64_MAX : ((uint64_t)1 << (1 << k)) - 1;
    return present >> (r >> k << k) & branch;
}

/* ---- dense parameters ---- */

/* The range of a bucket as pieces of its parameters' gradients. */
static size_t pieces_of(const tn_exchange *x, const bucket *b, range r, tn_block *out)
{
    size_t n = 0, at = 0;
    for (size_t i = b->first; i < b->end && at < r.end; i++) {
        const tn_param *p = &x->param[x->dense[i]];
        size_t from = r.from > at ? r.from - at : 0, end = r.end - at < p->size ? r.end - at : p->size;
        if (from < end)
            out[n++] = (tn_block){p->grad + from, (end - from) * sizeof(float)};
        at += p->size;
    }
    return n;
}

/* The same pieces, but in scratch. */
static void put_in_scratch(const tn_exchange *x, tn_block *b, size_t n)
{
    size_t at = 0;
    for (size_t i = 0; i < n; at += b[i].n / sizeof(float), i++)
        b[i].data = x->scratch + at;
}

static void add_scratch(const tn_exchange *x, const bucket *b, range r)
{
    size_t n = pieces_of(x, b, r, x->in), at = 0;
    for (size_t i = 0; i < n; i++) {
        float *own = x->in[i].data;
        x->k->add(x->scratch + at, own, own, x->in[i].n / sizeof(float));
        at += x->in[i].n / sizeof(float);
    }
}

static tn_status exchange_bucket(tn_exchange *x, const bucket *b, tn_err *err)
{
    range have[MAX_LEVELS + 1] = {{0, b->n}};
    for (int k = 0; k < x->n_levels; k++) {
        size_t middle = have[k].from + (have[k].end - have[k].from) / 2;
        range low = {have[k].from, middle}, high = {middle, have[k].end};
        bool upper = x->rank >> k & 1;
        int other = x->rank ^ (1 << k);
        bool mine = has_rows(x->present, x->rank, k), theirs = has_rows(x->present, other, k);
        have[k + 1] = upper ? high : low;
        size_t n_out = mine ? pieces_of(x, b, upper ? low : high, x->out) : 0;
        size_t n_in = theirs ? pieces_of(x, b, have[k + 1], x->in) : 0;
        if (mine)
            put_in_scratch(x, x->in, n_in);
        TN_TRY(tn_peers_swap(x->peers, other, x->out, n_out, x->in, n_in, err));
        if (mine && theirs)
            add_scratch(x, b, have[k + 1]);
    }
    for (int k = x->n_levels - 1; k >= 0; k--) {
        bool upper = x->rank >> k & 1;
        range rest = upper ? (range){have[k].from, have[k + 1].from} : (range){have[k + 1].end, have[k].end};
        size_t n_out = pieces_of(x, b, have[k + 1], x->out), n_in = pieces_of(x, b, rest, x->in);
        TN_TRY(tn_peers_swap(x->peers, x->rank ^ (1 << k), x->out, n_out, x->in, n_in, err));
    }
    return TN_OK;
}

/* ---- tables ---- */

/* Room that the parameter's gradient does not lie in, nor `not`. */
static tn_grad_rows *free_room(tn_grad_rows room[3], const tn_param *p, const tn_grad_rows *not)
{
    int i = 0;
    while (room[i].data == p->grad || &room[i] == not)
        i++;
    return &room[i];
}

static tn_status exchange_rows(tn_exchange *x, tn_param *p, tn_grad_rows room[3], int k, tn_err *err)
{
    int other = x->rank ^ (1 << k);
    size_t width = p->size / (size_t)p->dim[0], n_mine, n_theirs;
    bool mine = has_rows(x->present, x->rank, k), theirs = has_rows(x->present, other, k);
    int32_t n_in = 0, n_out = p->n_grad_rows;
    tn_grad_rows *in = free_room(room, p, NULL);
    TN_TRY(tn_peers_swap(x->peers, other, &(tn_block){&n_out, sizeof n_out}, mine, &(tn_block){&n_in, sizeof n_in}, theirs, err));
    n_mine = (size_t)n_out;
    n_theirs = (size_t)n_in;
    const tn_block out[] = {{(void *)(uintptr_t)p->grad_row, n_mine * sizeof *p->grad_row},
                            {p->grad, n_mine * width * sizeof *p->grad}},
                   into[] = {{in->row, n_theirs * sizeof *in->row}, {in->data, n_theirs * width * sizeof *in->data}};
    TN_TRY(tn_peers_swap(x->peers, other, out, mine ? 2 : 0, into, theirs ? 2 : 0, err));
    in->n = n_in;
    if (mine && theirs) {
        tn_grad_rows_add(x->k, in, p, free_room(room, p, in));
    } else if (theirs) {
        p->grad = in->data;
        p->grad_row = in->row;
        p->n_grad_rows = in->n;
    }
    return TN_OK;
}

tn_status tn_exchange_run(tn_exchange *x, tn_peers *p, tn_err *err)
{
    for (x->waits_for = 0; x->waits_for < x->n_buckets; x->waits_for++) {
        TN_TRY(tn_peers_until(p, is_ready, x, err));
        TN_TRY(exchange_bucket(x, &x->bucket[x->waits_for], err));
    }
    TN_TRY(tn_peers_until(p, is_ready, x, err));
    for (size_t i = 0; i < x->n_tables; i++)
        for (int k = 0; k < x->n_levels; k++)
            TN_TRY(exchange_rows(x, &x->param[x->table[i]], x->room[i], k, err));
    return TN_OK;
}

void tn_exchange_fold(tn_loss_sums *loss, int size, uint64_t present)
{
    for (int k = 0; 1 << k < size; k++)
        for (int r = 0; r < size; r += 2 << k) {
            int other = r + (1 << k);
            bool left = has_rows(present, r, k), right = has_rows(present, other, k);
            for (int i = 0; right && i < 2; i++)
                loss[r][i] = left ? loss[r][i] + loss[other][i] : loss[other][i];
        }
}
