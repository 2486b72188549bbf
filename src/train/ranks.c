/* Rank 0 commands, the others obey: open, restore, a step, rows, close. A command is one message; what follows it (gradients,
 * outputs) has sizes that both sides know. So there is one program that decides, and a stage of the flow need not know that
 * there are others.
 *
 * Invariant: between two steps the weights and moments of all ranks are the same bytes: they start from the same files, get
 * the same sums of gradients, and make the same update. Rows of tables that wait for their update (train/adamw.h) may wait
 * for different lengths of time on different ranks: which does not show, as they are caught up step by step.
 *
 * Structs travel as they are, with their pointers replaced: all ranks are the same program, which the first message checks. */
#include "train/ranks.h"
#include "train/checkpoint.h"
#include "train/passes.h"
#include "train/ranks_exchange.h"

#include "base/file.h"
#include "base/map.h"
#include "model/lora.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum command { OPEN, WEIGHTS, RESTORE, STEP, ROWS, CLOSE };

static const size_t MESSAGE_MAX = (size_t)1 << 40, LARGE_MESSAGE = (size_t)1 << 26; /* a checkpoint's: not kept */

struct tn_ranks {
    tn_peers *peers;
    tn_engine *engine;
    int rank, size;
    tn_model *m;
    tn_learner own; /* on the other ranks */
    const tn_learner *l;
    tn_recipe r;
    tn_adamw_state *adamw; /* on the other ranks, when training */
    tn_exchange *exchange; /* when training */
    tn_passes *passes;     /* NULL: one */
    tn_batch_room room;
    tn_model_share share;
    tn_buf *message; /* [size] of rank 0 to each; elsewhere [0] is what came in */
    uint64_t present;
    /* of the step or rows in progress */
    struct result {
        tn_train_result r;
        bool interrupted;
    } *result; /* [size] */
    tn_block *answer; /* [size] */
};

/* ---- messages: pieces at multiples of 8 bytes, so that arrays can be read where they lie ---- */

static void put(tn_buf *b, const void *data, size_t n)
{
    static const char zeros[8];
    if (n)
        tn_buf_put(b, data, n);
    tn_buf_put(b, zeros, (8 - n % 8) % 8);
}

static void put_str(tn_buf *b, tn_str s)
{
    uint64_t n = s.len;
    put(b, &n, sizeof n);
    put(b, s.ptr, s.len);
}

typedef struct {
    const char *at;
    size_t left;
    bool bad; /* more was asked for than there is */
} reader;

static const void *get(reader *r, size_t n)
{
    size_t padded = n + (8 - n % 8) % 8;
    static const max_align_t nothing[512];
    if (r->bad || padded < n || padded > r->left) {
        r->bad = true;
        return n <= sizeof nothing ? nothing : NULL;
    }
    const void *p = r->at;
    r->at += padded;
    r->left -= padded;
    return p;
}

static tn_str get_str(reader *r)
{
    uint64_t n = *(const uint64_t *)get(r, sizeof n);
    const char *p = get(r, n);
    return r->bad ? TN_STR("") : (tn_str){p, n};
}

static tn_status message_status(const reader *r, tn_err *err)
{
    return r->bad ? tn_fail(err, TN_EIO, "a message of rank 0 is too short: ranks of different programs?") : TN_OK;
}

static void begin(tn_buf *b, enum command c)
{
    tn_buf_clear(b);
    put(b, &(uint64_t){c}, sizeof(uint64_t));
}

/* One message to all others, or to each its own. */
static tn_status send_messages(void *ctx, tn_peers *p, tn_err *err)
{
    tn_ranks *x = ctx;
    for (int i = 1; i < x->size; i++)
        TN_TRY(tn_peers_put(p, i, tn_buf_view(&x->message[x->message[i].len ? i : 0]), err));
    return TN_OK;
}

/* ---- opening ---- */

/* Another build may have other structs. */
static uint64_t program_mark(void)
{
    char text[128];
    snprintf(text, sizeof text, TN_VERSION " %zu %zu %zu %zu", sizeof(tn_model_options), sizeof(tn_recipe),
             sizeof(tn_train_batch), sizeof(tn_lora_options));
    return tn_hash64(tn_str_of(text));
}

struct opening {
    uint64_t program;
    tn_model_options options;
    tn_recipe recipe;
    tn_lora_options lora;
    bool trains, has_lora, has_base;
    int64_t n_steps;
    uint64_t max_rows, max_tokens;
    int32_t n_weights; /* of classes */
};

struct answer {
    tn_err err;
    tn_digest shapes, weights;
};

static tn_status write_opening(const tn_ranks *x, struct opening *o, tn_buf *b, tn_err *err)
{
    const tn_model_options *options = tn_model_opened(x->m);
    char *dir = realpath(tn_model_dir(x->m), NULL);
    if (!dir)
        return tn_fail_errno(err, "%s", tn_model_dir(x->m));
    o->program = program_mark();
    o->options = *options;
    o->has_base = options->base != NULL;
    o->has_lora = options->lora != NULL;
    if (options->lora)
        o->lora = *options->lora;
    o->n_weights = o->recipe.class_weight ? x->l->width : 0;
    begin(b, OPEN);
    put(b, o, sizeof *o);
    put_str(b, tn_str_of(dir));
    for (int32_t i = 0; i < options->n_labels; i++)
        put_str(b, options->label[i]);
    if (o->has_base)
        put_str(b, tn_str_of(options->base));
    for (size_t i = 0; o->has_lora && i < o->lora.n_targets; i++)
        put_str(b, o->lora.target[i]);
    put(b, o->recipe.class_weight, (size_t)o->n_weights * sizeof(float));
    free(dir);
    return tn_buf_status(b, err);
}

/* Of names and sizes, and of values. Tables of a model that is not trained stay on the disk until they are read. */
static void digest_model(tn_model *m, bool trains, struct answer *out)
{
    size_t n;
    const tn_param *p = tn_model_params(m, &n);
    tn_buf shapes = TN_BUF_INIT, values = TN_BUF_INIT;
    for (size_t i = 0; i < n; i++) {
        tn_buf_printf(&shapes, "%.*s %zu\n", TN_ARG(p[i].name), p[i].size);
        if (p[i].value && (trains || !p[i].sparse))
            tn_buf_c(&values, tn_sha256((tn_bytes){(const uint8_t *)p[i].value, p[i].size * sizeof(float)}).hex);
    }
    out->shapes = tn_sha256(tn_str_bytes(tn_buf_view(&shapes)));
    out->weights = tn_sha256(tn_str_bytes(tn_buf_view(&values)));
    tn_buf_free(&shapes);
    tn_buf_free(&values);
}

static void free_ranks(tn_ranks *x)
{
    if (!x)
        return;
    for (int i = 0; x->message && i < x->size; i++)
        tn_buf_free(&x->message[i]);
    tn_mem_free(x->message);
    tn_mem_free(x->result);
    tn_mem_free(x->answer);
    tn_mem_free(x->room.start);
    tn_exchange_free(x->exchange);
    tn_passes_free(x->passes);
    tn_adamw_free(x->adamw);
    if (x->rank != 0)
        tn_model_close(x->m);
    tn_mem_free(x);
}

static tn_status make_ranks(tn_engine *e, tn_peers *p, tn_ranks **out, tn_err *err)
{
    tn_ranks *x = *out = tn_mem_calloc(sizeof *x);
    if (!x)
        return tn_fail_nomem(err, sizeof *x);
    *x = (tn_ranks){.peers = p, .engine = e, .rank = tn_peers_rank(p), .size = tn_peers_size(p)};
    x->message = tn_mem_calloc((size_t)x->size * sizeof *x->message);
    x->result = tn_mem_calloc((size_t)x->size * sizeof *x->result);
    x->answer = tn_mem_calloc((size_t)x->size * sizeof *x->answer);
    return x->message && x->result && x->answer ? TN_OK : tn_fail_nomem(err, (size_t)x->size * sizeof *x->message);
}

/* What training needs on every rank. */
static tn_status make_training(tn_ranks *x, const struct opening *o, tn_err *err)
{
    const tn_learner *l = x->l;
    int32_t passes = x->r.n_passes / x->size;
    x->room.start = tn_mem_alloc((o->max_rows + 1) * sizeof *x->room.start);
    if (!x->room.start)
        return tn_fail_nomem(err, o->max_rows * sizeof *x->room.start);
    TN_TRY(tn_exchange_new(x->engine, x->peers, l->param, l->n_params, o->max_tokens, &x->exchange, err));
    return passes > 1 ? tn_passes_new(x->engine, l->param, l->n_params, l->width,
                                      &(tn_passes_size){passes, o->max_rows, o->max_tokens}, &x->passes, err)
                      : TN_OK;
}

static tn_status open_job(void *ctx, tn_peers *p, tn_err *err)
{
    tn_ranks *x = ctx;
    struct answer *a = (struct answer *)x->answer[0].data;
    TN_TRY(send_messages(ctx, p, err));
    for (int i = 1; i < x->size; i++)
        TN_TRY(tn_peers_swap(p, i, NULL, 0, &(tn_block){&a[i], sizeof a[i]}, 1, err));
    return TN_OK;
}

static tn_status weights_job(void *ctx, tn_peers *p, tn_err *err)
{
    tn_ranks *x = ctx;
    TN_TRY(send_messages(x, p, err));
    for (size_t i = 0; i < x->l->n_params; i++)
        for (int k = 1; k < x->size; k++)
            TN_TRY(tn_peers_swap(p, k, &(tn_block){x->l->param[i].value, x->l->param[i].size * sizeof(float)}, 1, NULL, 0, err));
    return TN_OK;
}

/* All say yes, and know the same parameters. Weights that are others than rank 0's (a run that goes on from what is in memory)
 * are sent; those that are not trained are not, and of a model that is not trained it is an error. */
static tn_status check_answers(tn_ranks *x, bool trains, struct answer *a, tn_err *err)
{
    bool differ = false;
    for (int i = 1; i < x->size; i++) {
        a[i].err.msg[sizeof a[i].err.msg - 1] = 0;
        if (a[i].err.status != TN_OK)
            return tn_fail(err, a[i].err.status, "rank %d of %d: %s", i, x->size, a[i].err.msg);
        bool others = memcmp(a[i].weights.hex, a[0].weights.hex, 64) != 0;
        if (memcmp(a[i].shapes.hex, a[0].shapes.hex, 64) != 0 || (others && !trains))
            return tn_fail(err, TN_EINVALID, "rank %d of %d finds another model in %s than rank 0: give all the same files", i,
                           x->size, tn_model_dir(x->m));
        differ |= others;
    }
    if (!differ)
        return TN_OK;
    begin(&x->message[0], WEIGHTS);
    return tn_peers_run(x->peers, weights_job, x, err);
}

static tn_status open_others(tn_ranks *x, struct opening *o, tn_err *err)
{
    TN_TRY(write_opening(x, o, &x->message[0], err));
    struct answer *a = tn_mem_calloc((size_t)x->size * sizeof *a);
    if (!a)
        return tn_fail_nomem(err, (size_t)x->size * sizeof *a);
    x->answer[0].data = a;
    tn_peers_start(x->peers, open_job, x);
    digest_model(x->m, o->trains, &a[0]); /* meanwhile */
    tn_status st = tn_peers_wait(x->peers, err);
    if (st == TN_OK)
        st = check_answers(x, o->trains, a, err);
    tn_mem_free(a);
    return st;
}

static tn_status check_size(const tn_ranks *x, const tn_recipe *r, tn_err *err)
{
    if ((x->size & (x->size - 1)) != 0 || r->n_shards % x->size != 0)
        return tn_fail(err, TN_EINVALID,
                       "%d processes cannot share batches of %" PRId32
                       " shards: start a power of two of them, as many as there are shards at most",
                       x->size, r->n_shards);
    if ((r->n_shards & (r->n_shards - 1)) != 0)
        return tn_fail(err, TN_EINVALID, "%" PRId32 " shards a batch cannot be shared: a power of two can", r->n_shards);
    return TN_OK;
}

static tn_status share_rows(void *ctx, const tn_batch *b, bool logits, float *out, tn_err *err);

tn_status tn_ranks_open(const tn_learner *l, const tn_recipe *r, int64_t n_steps, size_t max_rows, size_t max_tokens,
                        tn_ranks **out, tn_err *err)
{
    tn_peers *p = tn_engine_peers(l->engine);
    tn_ranks *x = NULL;
    tn_status st;
    *out = NULL;
    /* Passes that are not the model's own (contrastive losses compare the rows of a batch) are rank 0's alone. */
    if (tn_peers_size(p) == 1 || !l->model || l->target == TN_TARGET_NONE || l->backward != tn_learner_of(l->model).backward)
        return TN_OK;
    struct opening o = {.recipe = *r, .trains = true, .n_steps = n_steps, .max_rows = max_rows, .max_tokens = max_tokens};
    TN_GO(make_ranks(l->engine, p, &x, err));
    x->m = l->model;
    x->l = l;
    x->r = *r;
    TN_GO(check_size(x, r, err));
    TN_GO(make_training(x, &o, err));
    TN_GO(open_others(x, &o, err));
    x->share = (tn_model_share){share_rows, x};
    tn_model_set_share(x->m, &x->share);
    *out = x;
    return TN_OK;
done:
    if (tn_peers_usable(p))
        free_ranks(x);
    return st;
}

tn_status tn_ranks_share(tn_model *m, tn_ranks **out, tn_err *err)
{
    tn_peers *p = tn_engine_peers(tn_model_engine(m));
    tn_ranks *x = NULL;
    tn_status st;
    *out = NULL;
    if (tn_peers_size(p) == 1)
        return TN_OK;
    struct opening o = {.trains = false};
    TN_GO(make_ranks(tn_model_engine(m), p, &x, err));
    x->m = m;
    TN_GO(open_others(x, &o, err));
    x->share = (tn_model_share){share_rows, x};
    tn_model_set_share(m, &x->share);
    *out = x;
    return TN_OK;
done:
    if (tn_peers_usable(p))
        free_ranks(x);
    return st;
}

bool tn_ranks_usable(const tn_ranks *x)
{
    return tn_peers_usable(x->peers);
}

void tn_ranks_close(tn_ranks *x)
{
    if (!x)
        return;
    tn_model_set_share(x->m, NULL);
    if (!tn_peers_usable(x->peers))
        return; /* blocks that a lost job may still write to stay: the process ends */
    for (int i = 1; i < x->size; i++)
        tn_buf_clear(&x->message[i]);
    begin(&x->message[0], CLOSE);
    tn_peers_run(x->peers, send_messages, x, NULL);
    free_ranks(x);
}

tn_status tn_ranks_restore(tn_ranks *x, const char *path, tn_err *err)
{
    tn_file f;
    TN_TRY(tn_file_open(path, &f, err));
    for (int i = 1; i < x->size; i++)
        tn_buf_clear(&x->message[i]);
    begin(&x->message[0], RESTORE);
    put_str(&x->message[0], tn_str_from_bytes(f.bytes));
    tn_file_close(&f);
    TN_TRY(tn_buf_status(&x->message[0], err));
    tn_status st = tn_peers_run(x->peers, send_messages, x, err);
    tn_buf_free(&x->message[0]);
    return st;
}

/* ---- a step ---- */

struct step {
    uint64_t present;
    double lr;
    tn_train_batch batch;
    int32_t n_values; /* of a row's targets */
};

static size_t tokens_of(const tn_batch *b)
{
    return (size_t)b->start[b->n_rows];
}

static void put_targets(tn_buf *b, const tn_train_batch *t, size_t width)
{
    size_t rows = (size_t)t->batch.n_rows;
    switch (t->target.kind) {
    case TN_TARGET_CLASS: put(b, t->target.label, rows * sizeof *t->target.label); break;
    case TN_TARGET_FLAGS:
    case TN_TARGET_VALUES: put(b, t->target.value, rows * width * sizeof *t->target.value); break;
    case TN_TARGET_TOKENS: put(b, t->target.label, tokens_of(&t->batch) * sizeof *t->target.label); break;
    case TN_TARGET_SPANS:
        put(b, t->target.first, rows * sizeof *t->target.first);
        put(b, t->target.last, rows * sizeof *t->target.last);
        break;
    case TN_TARGET_NONE: break;
    }
}

static void get_targets(reader *r, tn_train_batch *t, size_t width)
{
    size_t rows = (size_t)t->batch.n_rows;
    switch (t->target.kind) {
    case TN_TARGET_CLASS: t->target.label = get(r, rows * sizeof *t->target.label); break;
    case TN_TARGET_FLAGS:
    case TN_TARGET_VALUES: t->target.value = get(r, rows * width * sizeof *t->target.value); break;
    case TN_TARGET_TOKENS: t->target.label = get(r, tokens_of(&t->batch) * sizeof *t->target.label); break;
    case TN_TARGET_SPANS:
        t->target.first = get(r, rows * sizeof *t->target.first);
        t->target.last = get(r, rows * sizeof *t->target.last);
        break;
    case TN_TARGET_NONE: break;
    }
}

static void put_batch(tn_buf *b, const tn_batch *x)
{
    put(b, x->start, ((size_t)x->n_rows + 1) * sizeof *x->start);
    put(b, x->ids, tokens_of(x) * sizeof *x->ids);
    if (x->type_id)
        put(b, x->type_id, tokens_of(x) * sizeof *x->type_id);
    put(b, x->chosen, (size_t)x->n_chosen * sizeof *x->chosen);
}

/* Pointers of *x say what there is. */
static void get_batch(reader *r, tn_batch *x)
{
    x->start = get(r, ((size_t)x->n_rows + 1) * sizeof *x->start);
    if (r->bad) {
        *x = (tn_batch){.start = get(r, sizeof *x->start)};
        return;
    }
    x->ids = get(r, tokens_of(x) * sizeof *x->ids);
    if (x->type_id)
        x->type_id = get(r, tokens_of(x) * sizeof *x->type_id);
    x->chosen = get(r, (size_t)x->n_chosen * sizeof *x->chosen);
}

static void write_step(tn_buf *b, const tn_train_batch *part, uint64_t present, double lr, size_t width)
{
    struct step s = {.present = present, .lr = lr, .batch = *part};
    s.batch.batch.n_chosen = 0;
    begin(b, STEP);
    put(b, &s, sizeof s);
    put_batch(b, &s.batch.batch);
    put(b, part->shard, ((size_t)part->n_shards + 1) * sizeof *part->shard);
    put_targets(b, part, width);
}

static tn_status step_job(void *ctx, tn_peers *p, tn_err *err)
{
    tn_ranks *x = ctx;
    TN_TRY(send_messages(x, p, err));
    TN_TRY(tn_exchange_run(x->exchange, p, err));
    for (int i = 1; i < x->size; i++)
        TN_TRY(tn_peers_swap(p, i, NULL, 0, &(tn_block){&x->result[i], sizeof x->result[i]}, 1, err));
    return TN_OK;
}

/* The rank's own part, while the job waits for what gets whole. */
static tn_status compute_part(tn_ranks *x, tn_train_batch *part, struct result *out, tn_err *err)
{
    tn_train_result r = {0};
    tn_status st = TN_OK;
    part->ready = x->passes ? NULL : tn_exchange_ready;
    part->ready_ctx = x->exchange;
    if (part->batch.n_rows > 0)
        st = x->passes ? tn_passes_backward(x->passes, x->l->backward, x->l->self, part, &r, err)
                       : x->l->backward(x->l->self, part, &r, err);
    *out = (struct result){r, tn_interrupt_check(NULL) != TN_OK};
    if (st == TN_OK)
        tn_exchange_all_ready(x->exchange);
    else
        tn_peers_fail(x->peers, err);
    return st;
}

/* Writes each rank's message and leaves this one's part in *own. */
static tn_status deal(tn_ranks *x, const tn_train_batch *whole, double lr, tn_train_batch *own, tn_err *err)
{
    size_t width = (size_t)x->l->width;
    tn_train_batch part;
    x->present = 0;
    for (int i = 0, n = whole->n_shards / x->size; i < x->size; i++)
        x->present |= (uint64_t)(whole->shard[i * n] < whole->shard[(i + 1) * n]) << i;
    for (int i = 1; i < x->size; i++) {
        tn_batch_part(whole, i, x->size, width, &x->room, &part);
        write_step(&x->message[i], &part, x->present, lr, width);
        TN_TRY(tn_buf_status(&x->message[i], err));
    }
    tn_batch_part(whole, 0, x->size, width, &x->room, own);
    return TN_OK;
}

tn_status tn_ranks_backward(tn_ranks *x, const tn_train_batch *b, double lr, tn_train_result *out, tn_err *err)
{
    tn_train_batch whole = *b, own;
    if (whole.loss.divisor[0] == 0)
        tn_targets_count(&b->target, b->batch.n_rows, b->batch.start, x->l->width, b->loss.class_weight, whole.loss.divisor);
    TN_TRY(deal(x, &whole, lr, &own, err));
    tn_exchange_begin(x->exchange, x->present);
    tn_peers_start(x->peers, step_job, x);
    tn_status own_st = compute_part(x, &own, &x->result[0], err);
    tn_status st = tn_peers_wait(x->peers, own_st == TN_OK ? err : NULL);
    if (own_st != TN_OK || st != TN_OK)
        return own_st != TN_OK ? own_st : st;
    tn_loss_sums loss[TN_BATCH_SHARDS_MAX];
    *out = (tn_train_result){0};
    for (int i = 0; i < x->size; i++) {
        memcpy(loss[i], x->result[i].r.sum, sizeof loss[i]);
        out->n_correct += x->result[i].r.n_correct;
        out->n_counted += x->result[i].r.n_counted;
        if (i > 0 && x->result[i].interrupted)
            tn_interrupt_cancel(true); /* one was told to stop: all do, after this step */
    }
    tn_exchange_fold(loss, x->size, x->present);
    memcpy(out->sum, loss[0], sizeof out->sum);
    out->loss = tn_batch_loss(&whole, out->sum);
    return TN_OK;
}

/* ---- rows ---- */

struct rows {
    bool logits;
    tn_batch batch;
};

/* Rank i's rows are about as many tokens as any other's. */
static int32_t first_row_of(const tn_batch *b, int i, int size)
{
    int64_t tokens = b->start[b->n_rows];
    int32_t r = 0;
    while (r < b->n_rows && (int64_t)b->start[r] * size < tokens * i)
        r++;
    return r;
}

static tn_batch rows_between(const tn_batch *b, int32_t first, int32_t end)
{
    int32_t from = b->start[first], to = b->start[end], c = 0, d;
    while (c < b->n_chosen && b->chosen[c] < from)
        c++;
    for (d = c; d < b->n_chosen && b->chosen[d] < to;)
        d++;
    return (tn_batch){.n_rows = end - first,
                      .start = b->start + first,
                      .ids = b->ids + from,
                      .type_id = b->type_id ? b->type_id + from : NULL,
                      .n_chosen = d - c,
                      .chosen = b->chosen ? b->chosen + c : NULL};
}

static void shift(int32_t *x, size_t n, int32_t by)
{
    for (size_t i = 0; i < n; i++)
        x[i] -= by;
}

/* `b` counts tokens of the whole: what is sent counts from 0. */
static tn_status write_rows(tn_buf *out, const tn_batch *b, bool logits, tn_err *err)
{
    struct rows r = {logits, *b};
    int32_t from = b->start[0], tokens = b->start[b->n_rows] - from;
    begin(out, ROWS);
    put(out, &r, sizeof r);
    size_t start = out->len;
    put(out, b->start, ((size_t)b->n_rows + 1) * sizeof *b->start);
    put(out, b->ids, (size_t)tokens * sizeof *b->ids);
    if (b->type_id)
        put(out, b->type_id, (size_t)tokens * sizeof *b->type_id);
    size_t chosen = out->len;
    put(out, b->chosen, (size_t)b->n_chosen * sizeof *b->chosen);
    TN_TRY(tn_buf_status(out, err));
    shift((int32_t *)(void *)(out->ptr + start), (size_t)b->n_rows + 1, from);
    shift((int32_t *)(void *)(out->ptr + chosen), (size_t)b->n_chosen, from);
    return TN_OK;
}

static tn_status rows_job(void *ctx, tn_peers *p, tn_err *err)
{
    tn_ranks *x = ctx;
    for (int i = 1; i < x->size; i++) /* no outputs, no question */
        if (x->answer[i].n)
            TN_TRY(tn_peers_put(p, i, tn_buf_view(&x->message[i]), err));
    for (int i = 1; i < x->size; i++)
        TN_TRY(tn_peers_swap(p, i, NULL, 0, &x->answer[i], 1, err));
    return TN_OK;
}

static size_t n_floats(const tn_model *m, const tn_batch *b, bool logits)
{
    return logits ? tn_model_n_logits(m, b) : (size_t)b->n_rows * (size_t)tn_model_config(m)->hidden_size;
}

static tn_status compute_rows(tn_model *m, const tn_batch *b, bool logits, float *out, tn_err *err)
{
    return logits ? tn_model_logits(m, b, out, err) : tn_model_embed(m, b, out, err);
}

/* Rows [0, n) of a batch are a batch: rank 0's own. */
static tn_status share_rows(void *ctx, const tn_batch *b, bool logits, float *out, tn_err *err)
{
    tn_ranks *x = ctx;
    int32_t own_end = 0;
    size_t at = 0;
    for (int i = 0; i < x->size; i++) {
        int32_t first = first_row_of(b, i, x->size), end = first_row_of(b, i + 1, x->size);
        tn_batch part = rows_between(b, first, end);
        tn_batch before = rows_between(b, 0, end);
        size_t until = end > 0 ? n_floats(x->m, &before, logits) : 0;
        x->answer[i] = (tn_block){out + at, (until - at) * sizeof *out};
        at = until;
        own_end = i == 0 ? end : own_end;
        if (i > 0 && part.n_rows > 0)
            TN_TRY(write_rows(&x->message[i], &part, logits, err));
    }
    tn_peers_start(x->peers, rows_job, x);
    tn_batch own = rows_between(b, 0, own_end);
    tn_err own_err = TN_ERR_INIT;
    tn_status st = own.n_rows > 0 ? compute_rows(x->m, &own, logits, out, &own_err) : TN_OK;
    if (st != TN_OK)
        tn_peers_fail(x->peers, &own_err);
    return tn_peers_wait(x->peers, err);
}

/* ---- the other ranks ---- */

struct listening {
    tn_buf *in;
    bool ended;
    int exit_code;
};

static tn_status listen(void *ctx, tn_peers *p, tn_err *err)
{
    struct listening *l = ctx;
    return tn_peers_listen(p, MESSAGE_MAX, l->in, &l->ended, &l->exit_code, err);
}

static tn_status send_answer(void *ctx, tn_peers *p, tn_err *err)
{
    return tn_peers_swap(p, 0, ctx, 1, NULL, 0, err);
}

static tn_status obey_opening(tn_ranks *x, reader *r, tn_arena *a, tn_err *err)
{
    struct opening o = *(const struct opening *)get(r, sizeof o);
    if (r->bad || o.program != program_mark())
        return tn_fail(err, TN_EINVALID, "this is another build of tenet than rank 0's");
    char *dir = tn_str_c(a, get_str(r));
    tn_str *label = TN_ARENA_ARRAY(a, tn_str, (size_t)o.options.n_labels);
    tn_str *target = TN_ARENA_ARRAY(a, tn_str, o.has_lora ? o.lora.n_targets : 0);
    if (!dir || !label || !target)
        return tn_fail_nomem(err, 64);
    for (int32_t i = 0; i < o.options.n_labels; i++)
        label[i] = get_str(r);
    o.options.label = label;
    o.options.base = o.has_base ? tn_str_c(a, get_str(r)) : NULL;
    for (size_t i = 0; o.has_lora && i < o.lora.n_targets; i++)
        target[i] = get_str(r);
    o.lora.target = target;
    o.options.lora = o.has_lora ? &o.lora : NULL;
    TN_TRY(message_status(r, err));
    TN_TRY(tn_model_open(x->engine, dir, &o.options, &x->m, err));
    if (!o.trains)
        return TN_OK;
    x->own = tn_learner_of(x->m);
    x->l = &x->own;
    x->r = o.recipe;
    float *weight = o.n_weights ? TN_ARENA_ARRAY(a, float, (size_t)o.n_weights) : NULL;
    if (o.n_weights && !weight)
        return tn_fail_nomem(err, (size_t)o.n_weights * sizeof *weight);
    if (weight)
        memcpy(weight, get(r, (size_t)o.n_weights * sizeof *weight), (size_t)o.n_weights * sizeof *weight);
    x->r.class_weight = weight;
    tn_adamw_options options = {x->r.beta1, x->r.beta2, x->r.eps, x->r.weight_decay, x->r.layer_decay};
    TN_TRY(tn_adamw_new(x->engine, x->own.param, x->own.n_params, &options, o.n_steps, &x->adamw, err));
    return make_training(x, &o, err);
}

static tn_status obey_open(tn_engine *e, tn_peers *p, reader *r, tn_arena *a, tn_ranks **out, tn_err *err)
{
    struct answer answer = {.err = TN_ERR_INIT};
    tn_status st = make_ranks(e, p, out, &answer.err);
    if (st == TN_OK)
        st = obey_opening(*out, r, a, &answer.err);
    answer.err.status = st;
    if (st == TN_OK)
        digest_model((*out)->m, (*out)->l != NULL, &answer);
    if (st != TN_OK) {
        free_ranks(*out);
        *out = NULL;
    }
    return tn_peers_run(p, send_answer, &(tn_block){&answer, sizeof answer}, err);
}

static tn_status take_weights(void *ctx, tn_peers *p, tn_err *err)
{
    const tn_ranks *x = ctx;
    for (size_t i = 0; i < x->l->n_params; i++)
        TN_TRY(tn_peers_swap(p, 0, NULL, 0, &(tn_block){x->l->param[i].value, x->l->param[i].size * sizeof(float)}, 1, err));
    return TN_OK;
}

static tn_status obey_weights(tn_ranks *x, tn_err *err)
{
    TN_TRY(tn_peers_run(x->peers, take_weights, x, err));
    x->own.params_changed(x->own.self);
    return TN_OK;
}

static tn_status obey_restore(tn_ranks *x, reader *r, tn_err *err)
{
    tn_str file = get_str(r);
    TN_TRY(message_status(r, err));
    return tn_checkpoint_parse(tn_str_bytes(file), x->l, x->adamw, true, err);
}

static tn_status obeyed_step_job(void *ctx, tn_peers *p, tn_err *err)
{
    tn_ranks *x = ctx;
    TN_TRY(tn_exchange_run(x->exchange, p, err));
    return tn_peers_swap(p, 0, &(tn_block){&x->result[0], sizeof x->result[0]}, 1, NULL, 0, err);
}

static tn_status obey_step(tn_ranks *x, reader *r, tn_err *err)
{
    struct step s = *(const struct step *)get(r, sizeof s);
    if (!r->bad)
        get_batch(r, &s.batch.batch);
    s.batch.shard = get(r, ((size_t)s.batch.n_shards + 1) * sizeof *s.batch.shard);
    if (!r->bad)
        get_targets(r, &s.batch, (size_t)x->l->width);
    TN_TRY(message_status(r, err));
    s.batch.loss.class_weight = x->r.class_weight;
    tn_adamw_catch_up(x->adamw, s.batch.batch.ids, tokens_of(&s.batch.batch));
    tn_exchange_begin(x->exchange, s.present);
    tn_peers_start(x->peers, obeyed_step_job, x);
    tn_err own_err = TN_ERR_INIT;
    compute_part(x, &s.batch, &x->result[0], &own_err);
    TN_TRY(tn_peers_wait(x->peers, err));
    /* The update has rows that only others read. */
    for (size_t i = 0; i < x->own.n_params; i++)
        if (x->own.param[i].sparse)
            tn_adamw_catch_up(x->adamw, x->own.param[i].grad_row, (size_t)x->own.param[i].n_grad_rows);
    double norm = tn_adamw_grad_norm(x->adamw);
    if (!isfinite(norm)) /* rank 0 sees it too, and ends the run */
        return TN_OK;
    TN_TRY(tn_adamw_step(x->adamw, s.lr, tn_adamw_clip(norm, x->r.max_grad_norm), err));
    x->own.params_changed(x->own.self);
    return TN_OK;
}

static tn_status obey_rows(tn_ranks *x, reader *r, tn_err *err)
{
    struct rows s = *(const struct rows *)get(r, sizeof s);
    if (!r->bad)
        get_batch(r, &s.batch);
    TN_TRY(message_status(r, err));
    if (x->adamw)
        tn_adamw_catch_up(x->adamw, s.batch.ids, tokens_of(&s.batch));
    size_t n = n_floats(x->m, &s.batch, s.logits);
    float *out = tn_mem_alloc(n * sizeof *out + 1);
    if (!out)
        return tn_fail_nomem(err, n * sizeof *out);
    tn_status st = compute_rows(x->m, &s.batch, s.logits, out, err);
    if (st == TN_OK)
        st = tn_peers_run(x->peers, send_answer, &(tn_block){out, n * sizeof *out}, err);
    tn_mem_free(out);
    return st;
}

static tn_status obey(tn_engine *e, tn_peers *p, const tn_buf *message, tn_arena *a, tn_ranks **x, tn_err *err)
{
    reader r = {message->ptr, message->len, false};
    uint64_t command = *(const uint64_t *)get(&r, sizeof command);
    if (command != OPEN && !*x)
        return command == CLOSE ? TN_OK : tn_fail(err, TN_EBUG, "rank 0 goes on after this rank could not open the model");
    switch (command) {
    case OPEN:
        free_ranks(*x);
        tn_arena_reset(a);
        return obey_open(e, p, &r, a, x, err);
    case WEIGHTS: return obey_weights(*x, err);
    case RESTORE: return obey_restore(*x, &r, err);
    case STEP: return obey_step(*x, &r, err);
    case ROWS: return obey_rows(*x, &r, err);
    case CLOSE:
        free_ranks(*x);
        *x = NULL;
        return TN_OK;
    default: return tn_fail(err, TN_EIO, "rank 0 asks for what this rank does not know: ranks of different programs?");
    }
}

int tn_ranks_serve(tn_engine *e, tn_peers *p)
{
    tn_err err = TN_ERR_INIT;
    tn_buf message = TN_BUF_INIT;
    tn_ranks *x = NULL;
    tn_arena *a = tn_arena_new(0);
    tn_status st = a ? TN_OK : tn_fail_nomem(&err, 64);
    struct listening l = {.in = &message};
    while (st == TN_OK && !l.ended) {
        st = tn_peers_run(p, listen, &l, &err);
        if (st == TN_OK && !l.ended)
            st = obey(e, p, &message, a, &x, &err);
        if (message.len > LARGE_MESSAGE)
            tn_buf_free(&message);
    }
    if (st == TN_OK) {
        free_ranks(x);
        tn_buf_free(&message);
        tn_arena_free(a);
        return tn_peers_close(p, l.exit_code);
    }
    fprintf(stderr, "tenet: rank %d: %s\n", tn_peers_rank(p), err.msg);
    if (tn_peers_usable(p)) /* the others are to know why */
        tn_peers_fail(p, &err);
    return tn_peers_close(p, tn_exit_code(st));
}
