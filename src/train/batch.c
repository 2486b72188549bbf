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
    int32_t batch_size, n_shards;
    uint64_t seed;
    int64_t epoch;   /* whose order is in `order`; -1: none yet */
    uint32_t *order; /* [n_rows] */
    int32_t *ids, *start, *label;
    int32_t shard[MAX_SHARDS + 1];
};

tn_status tn_examples_check(const tn_examples *x, int32_t vocab_size, int32_t n_labels, int32_t max_tokens, tn_err *err)
{
    for (int32_t i = 0; i < x->n_rows; i++) {
        size_t from = x->start[i], to = x->start[i + 1];
        if (to <= from)
            return tn_fail(err, TN_EINVALID, "row %" PRId32 " has no tokens: remove empty texts", i);
        if (max_tokens > 0 && to - from > (size_t)max_tokens)
            return tn_fail(err, TN_EINVALID, "row %" PRId32 " has %zu tokens, the model reads %" PRId32 ": truncate it",
                           i, to - from, max_tokens);
        for (size_t t = from; t < to; t++)
            if (x->ids[t] < 0 || x->ids[t] >= vocab_size)
                return tn_fail(err, TN_EINVALID,
                               "row %" PRId32 " has token id %" PRId32 ", the vocabulary ends at %" PRId32
                               ": the tokenizer belongs to another model",
                               i, x->ids[t], vocab_size - 1);
        if (x->label[i] < 0 || x->label[i] >= n_labels)
            return tn_fail(err, TN_EINVALID, "row %" PRId32 " has label %" PRId32 ", the model has %" PRId32 " labels",
                           i, x->label[i], n_labels);
    }
    return TN_OK;
}

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

tn_status tn_batcher_new(const tn_examples *x, int32_t batch_size, int32_t n_shards, uint64_t seed,
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
    *b =
        (tn_batcher){.x = x, .given = order, .batch_size = batch_size, .n_shards = n_shards, .seed = seed, .epoch = -1};
    b->order = tn_mem_alloc((size_t)x->n_rows * sizeof *b->order);
    b->ids = tn_mem_alloc(n_tokens * sizeof *b->ids);
    b->start = tn_mem_alloc((n + 1) * sizeof *b->start);
    b->label = tn_mem_alloc(n * sizeof *b->label);
    if (!b->order || !b->ids || !b->start || !b->label) {
        tn_batcher_free(b);
        return tn_fail_nomem(err, n_tokens * sizeof *b->ids);
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
    tn_mem_free(b);
}

int64_t tn_batcher_per_epoch(const tn_batcher *b)
{
    return b->given ? b->given->n_batches : ((int64_t)b->x->n_rows + b->batch_size - 1) / b->batch_size;
}

static void shuffle_epoch(tn_batcher *b, int64_t epoch)
{
    tn_rng r = tn_rng_init(b->seed, tn_hash64(TN_STR("order of rows")) + (uint64_t)epoch);
    for (int32_t i = 0; i < b->x->n_rows; i++)
        b->order[i] = (uint32_t)i;
    tn_rng_shuffle(&r, b->order, (uint32_t)b->x->n_rows);
    b->epoch = epoch;
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
        b->start[i + 1] = b->start[i] + (int32_t)len;
        b->label[i] = b->x->label[row];
    }
    for (int32_t s = 0; s <= b->n_shards; s++)
        b->shard[s] = (int32_t)((int64_t)n * s / b->n_shards);
    out->batch = (tn_batch){.n_rows = n, .start = b->start, .ids = b->ids};
    out->label = b->label;
    out->n_shards = b->n_shards;
    out->shard = b->shard;
}
