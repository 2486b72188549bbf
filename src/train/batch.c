/* An epoch's order is shuffled from the identity by a stream of its own, never from the epoch before: step k can be
 * asked for first. The batcher keeps the order of one epoch and makes another only when a step of another epoch is
 * asked for.
 *
 * Invariant: after tn_batcher_at, shard[0] = 0, shard[S] = n_rows, start[n_rows] = tokens of the batch; all buffers
 * were sized in tn_batcher_new for the largest batch there can be. */
#include "train/batch.h"
#include "base/map.h"
#include "base/rng.h"

#include <inttypes.h>
#include <string.h>

enum { MAX_SHARDS = 64 };

struct tn_batcher {
    const tn_examples *x;
    const tn_batch_order *given;
    int32_t width, batch_size, n_shards;
    uint64_t seed;
    int64_t epoch;   /* whose order is in `order`; -1: none yet */
    uint32_t *order; /* [n_rows] */
    int32_t *ids, *type_id, *start;
    int32_t *label, *last; /* of rows or tokens; of spans the last tokens */
    float *value;
    int32_t shard[MAX_SHARDS + 1];
    size_t max_rows, max_tokens;
};

/* A row's tokens as a stretch of their own, so that the sentence has the row's number. */
static tn_status check_targets(const tn_examples *x, int32_t row, tn_target_kind kind, int32_t width, tn_err *err)
{
    tn_targets t = x->target;
    size_t from = x->start[row];
    const int32_t start[2] = {0, (int32_t)(x->start[row + 1] - from)};
    if (t.kind != kind)
        return tn_fail(err, TN_EINVALID, "the rows have targets of another kind than the model");
    if (kind == TN_TARGET_TOKENS)
        t.label += from;
    else if (kind == TN_TARGET_CLASS)
        t.label += row;
    else if (kind == TN_TARGET_FLAGS || kind == TN_TARGET_VALUES)
        t.value += (size_t)row * (size_t)width;
    return tn_targets_check(&t, 1, start, width, row, err);
}

tn_status tn_examples_check(const tn_examples *x, tn_target_kind kind, int32_t vocab_size, int32_t n_types, int32_t width,
                            int32_t max_tokens, tn_err *err)
{
    if (x->masking && (kind != TN_TARGET_TOKENS || x->masking->mask_id < 0 || x->masking->mask_id >= vocab_size ||
                       x->masking->vocab_size < 1 || x->masking->vocab_size > vocab_size))
        return tn_fail(err, TN_EINVALID, "words are hidden for a masked language model alone, by ids of its vocabulary");
    for (int32_t i = 0; i < x->n_rows; i++) {
        size_t from = x->start[i], to = x->start[i + 1];
        if (to <= from)
            return tn_fail(err, TN_EINVALID, "row %" PRId32 " has no tokens: remove empty texts", i);
        if (to - from > INT32_MAX || (max_tokens > 0 && to - from > (size_t)max_tokens))
            return tn_fail(err, TN_EINVALID, "row %" PRId32 " has %zu tokens, the model reads %" PRId32 ": truncate it",
                           i, to - from, max_tokens);
        for (size_t t = from; t < to; t++) {
            if (x->ids[t] < 0 || x->ids[t] >= vocab_size)
                return tn_fail(err, TN_EINVALID,
                               "row %" PRId32 " has token id %" PRId32 ", the vocabulary ends at %" PRId32
                               ": the tokenizer belongs to another model",
                               i, x->ids[t], vocab_size - 1);
            if (x->type_id && (x->type_id[t] < 0 || x->type_id[t] >= n_types))
                return tn_fail(err, TN_EINVALID, "row %" PRId32 " has token type %" PRId32 " of %" PRId32, i, x->type_id[t],
                               n_types);
        }
        if (!x->masking)
            TN_TRY(check_targets(x, i, kind, width, err));
    }
    return TN_OK;
}

/* ---- hidden words ---- */

/* p as a threshold of a 32-bit draw: below it with probability p, 2^-32 at the most beside it. */
static uint32_t threshold(double p)
{
    double t = p * 4294967296.0;
    return t >= 4294967295.0 ? UINT32_MAX : (uint32_t)t;
}

/* One counter a place: its words say whether the token is chosen, what becomes of it, and which word comes instead. */
void tn_masking_draw(const tn_masking *m, uint64_t seed, int64_t epoch, int32_t row, int32_t n, int32_t *ids, int32_t *label)
{
    uint64_t name = tn_hash64(TN_STR("hidden words")) ^ (epoch < 0 ? 0 : seed);
    const uint32_t key[2] = {(uint32_t)name, (uint32_t)(name >> 32)};
    for (int32_t i = 0; i < n; i++) {
        uint32_t u[4], counter[4] = {(uint32_t)i, (uint32_t)row, (uint32_t)(epoch + 1), (uint32_t)((epoch + 1) >> 32)};
        tn_philox(counter, key, u);
        bool special = ids[i] >= 0 && ids[i] < m->vocab_size && m->special[ids[i]];
        label[i] = -100;
        if (special || u[0] >= threshold(m->share))
            continue;
        label[i] = ids[i];
        if (u[1] < threshold(m->masked))
            ids[i] = m->mask_id;
        else if (u[1] < threshold(m->masked + m->random))
            ids[i] = (int32_t)((uint64_t)u[2] * (uint64_t)m->vocab_size >> 32);
    }
}

/* ---- batches ---- */

tn_status tn_batch_order_parse(tn_str text, int32_t n_rows, tn_arena *a, tn_batch_order *out, tn_err *err)
{
    size_t n_lines = 0, n_numbers = 0;
    tn_str rest = text, line, word;
    while (tn_str_cut(&rest, '\n', &line)) {
        n_lines++;
        for (tn_str words = tn_str_trim(line); tn_str_cut(&words, ' ', &word);)
            n_numbers++;
    }
    size_t *start = TN_ARENA_ARRAY(a, size_t, n_lines + 1);
    int32_t *row = TN_ARENA_ARRAY(a, int32_t, n_numbers);
    if (!start || !row)
        return tn_fail_nomem(err, text.len);
    size_t n_batches = 0, n = 0, number = 0;
    start[0] = 0;
    for (rest = text; tn_str_cut(&rest, '\n', &line);) {
        number++;
        line = tn_str_trim(line);
        if (line.len == 0 && rest.len == 0)
            break; /* the newline at the end of the file */
        for (tn_str words = line; tn_str_cut(&words, ' ', &word);) {
            int64_t v;
            if (word.len == 0)
                continue;
            if (!tn_str_to_i64(word, &v) || v < 0 || v >= n_rows)
                return tn_fail(err, TN_EFORMAT, "%zu: \"%.*s\" is no row number below %" PRId32, number, TN_ARG(word),
                               n_rows);
            row[n++] = (int32_t)v;
        }
        if (n == start[n_batches])
            return tn_fail(err, TN_EFORMAT, "%zu: a batch without rows", number);
        start[++n_batches] = n;
    }
    if (n_batches == 0)
        return tn_fail(err, TN_EFORMAT, "the order of batches is empty");
    *out = (tn_batch_order){(int64_t)n_batches, start, row};
    return TN_OK;
}

static size_t longest_row(const tn_examples *x)
{
    size_t longest = 0;
    for (int32_t i = 0; i < x->n_rows; i++)
        if (x->start[i + 1] - x->start[i] > longest)
            longest = x->start[i + 1] - x->start[i];
    return longest;
}

static size_t largest_batch(const tn_examples *x, int32_t batch_size, const tn_batch_order *order)
{
    size_t n = (size_t)(batch_size < x->n_rows ? batch_size : x->n_rows);
    if (!order)
        return n;
    n = 0;
    for (int64_t k = 0; k < order->n_batches; k++)
        if (order->start[k + 1] - order->start[k] > n)
            n = order->start[k + 1] - order->start[k];
    return n;
}

static tn_status make_buffers(tn_batcher *b, size_t n, size_t n_tokens, tn_err *err)
{
    const tn_examples *x = b->x;
    tn_target_kind kind = x->masking ? TN_TARGET_TOKENS : x->target.kind;
    bool has_values = kind == TN_TARGET_FLAGS || kind == TN_TARGET_VALUES;
    size_t n_labels = kind == TN_TARGET_TOKENS ? n_tokens : n;
    b->order = tn_mem_alloc((size_t)x->n_rows * sizeof *b->order);
    b->ids = tn_mem_alloc(n_tokens * sizeof *b->ids);
    b->start = tn_mem_alloc((n + 1) * sizeof *b->start);
    b->label = has_values ? NULL : tn_mem_alloc(n_labels * sizeof *b->label);
    b->type_id = x->type_id ? tn_mem_alloc(n_tokens * sizeof *b->type_id) : NULL;
    b->last = kind == TN_TARGET_SPANS ? tn_mem_alloc(n * sizeof *b->last) : NULL;
    b->value = has_values ? tn_mem_alloc(n * (size_t)b->width * sizeof *b->value) : NULL;
    bool ok = b->order && b->ids && b->start && (has_values ? b->value != NULL : b->label != NULL) &&
              (!x->type_id || b->type_id) && (kind != TN_TARGET_SPANS || b->last);
    return ok ? TN_OK : tn_fail_nomem(err, n_tokens * sizeof *b->ids);
}

tn_status tn_batcher_new(const tn_examples *x, int32_t width, int32_t batch_size, int32_t n_shards, uint64_t seed,
                         const tn_batch_order *order, tn_batcher **out, tn_err *err)
{
    if (x->n_rows < 1)
        return tn_fail(err, TN_EINVALID, "no rows to train on");
    if (batch_size < 1)
        return tn_fail(err, TN_EINVALID, "a batch of %" PRId32 " rows: at least 1 is needed", batch_size);
    if (n_shards < 1 || n_shards > MAX_SHARDS)
        return tn_fail(err, TN_EINVALID, "%" PRId32 " shards a batch: 1 to %d are possible", n_shards, MAX_SHARDS);
    size_t n = largest_batch(x, batch_size, order), n_tokens;
    if (!tn_size_mul(n, longest_row(x), &n_tokens) || n_tokens > INT32_MAX)
        return tn_fail(err, TN_ELIMIT, "a batch of %zu rows of up to %zu tokens is too large: take a smaller batch", n,
                       longest_row(x));
    tn_batcher *b = tn_mem_calloc(sizeof *b);
    if (!b)
        return tn_fail_nomem(err, sizeof *b);
    *b = (tn_batcher){.x = x,
                      .given = order,
                      .width = width,
                      .batch_size = batch_size,
                      .n_shards = n_shards,
                      .seed = seed,
                      .epoch = -1};
    b->max_rows = n;
    b->max_tokens = n_tokens;
    tn_status st = make_buffers(b, n, n_tokens, err);
    if (st != TN_OK) {
        tn_batcher_free(b);
        return st;
    }
    *out = b;
    return TN_OK;
}

void tn_batcher_free(tn_batcher *b)
{
    if (!b)
        return;
    tn_mem_free(b->order);
    tn_mem_free(b->ids);
    tn_mem_free(b->start);
    tn_mem_free(b->label);
    tn_mem_free(b->type_id);
    tn_mem_free(b->last);
    tn_mem_free(b->value);
    tn_mem_free(b);
}

int64_t tn_batcher_per_epoch(const tn_batcher *b)
{
    return b->given ? b->given->n_batches : ((int64_t)b->x->n_rows + b->batch_size - 1) / b->batch_size;
}

size_t tn_batcher_max_rows(const tn_batcher *b)
{
    return b->max_rows;
}

size_t tn_batcher_max_tokens(const tn_batcher *b)
{
    return b->max_tokens;
}

static void shuffle_epoch(tn_batcher *b, int64_t epoch)
{
    tn_rng r = tn_rng_init(b->seed, tn_hash64(TN_STR("order of rows")) + (uint64_t)epoch);
    for (int32_t i = 0; i < b->x->n_rows; i++)
        b->order[i] = (uint32_t)i;
    tn_rng_shuffle(&r, b->order, (uint32_t)b->x->n_rows);
    b->epoch = epoch;
}

/* Targets of row `row` of the examples to place i of the batch. */
static void copy_targets(tn_batcher *b, int64_t epoch, size_t row, int32_t i)
{
    const tn_targets *t = &b->x->target;
    size_t from = b->x->start[row], n = b->x->start[row + 1] - from, at = (size_t)b->start[i], width = (size_t)b->width;
    if (b->x->masking) {
        tn_masking_draw(b->x->masking, b->seed, epoch, (int32_t)row, (int32_t)n, b->ids + at, b->label + at);
        return;
    }
    switch (t->kind) {
    case TN_TARGET_CLASS: b->label[i] = t->label[row]; break;
    case TN_TARGET_TOKENS: memcpy(b->label + at, t->label + from, n * sizeof *b->label); break;
    case TN_TARGET_FLAGS:
    case TN_TARGET_VALUES:
        memcpy(b->value + (size_t)i * width, t->value + row * width, width * sizeof *b->value);
        break;
    case TN_TARGET_SPANS:
        b->label[i] = t->first[row];
        b->last[i] = t->last[row];
        break;
    case TN_TARGET_NONE: break;
    }
}

void tn_batcher_at(tn_batcher *b, int64_t step, tn_train_batch *out)
{
    int64_t epoch = step / tn_batcher_per_epoch(b), k = step % tn_batcher_per_epoch(b);
    int32_t n = 0;
    size_t first;
    if (b->given) {
        first = b->given->start[k];
        n = (int32_t)(b->given->start[k + 1] - first);
    } else {
        if (b->epoch != epoch)
            shuffle_epoch(b, epoch);
        first = (size_t)(k * b->batch_size);
        size_t left = (size_t)b->x->n_rows - first;
        n = left < (size_t)b->batch_size ? (int32_t)left : b->batch_size;
    }
    b->start[0] = 0;
    for (int32_t i = 0; i < n; i++) {
        size_t row = b->given ? (size_t)b->given->row[first + (size_t)i] : b->order[first + (size_t)i];
        size_t from = b->x->start[row], len = b->x->start[row + 1] - from;
        memcpy(b->ids + b->start[i], b->x->ids + from, len * sizeof *b->ids);
        if (b->type_id)
            memcpy(b->type_id + b->start[i], b->x->type_id + from, len * sizeof *b->type_id);
        b->start[i + 1] = b->start[i] + (int32_t)len;
        copy_targets(b, epoch, row, i);
    }
    for (int32_t s = 0; s <= b->n_shards; s++)
        b->shard[s] = (int32_t)((int64_t)n * s / b->n_shards);
    out->batch = (tn_batch){.n_rows = n, .start = b->start, .ids = b->ids, .type_id = b->type_id};
    out->target = (tn_targets){.kind = b->x->masking ? TN_TARGET_TOKENS : b->x->target.kind,
                               .label = b->label,
                               .value = b->value,
                               .first = b->label,
                               .last = b->last};
    out->n_shards = b->n_shards;
    out->shard = b->shard;
}
