/* Arenas are a list of blocks, newest first in use, spare ones kept behind after a restore.
 *
 * Invariant: `cur` is the block that is being filled; blocks after it in the chain (`next`) are empty and are used
 * before a new one is asked of the system. So a loop of save - work - restore allocates only in its first rounds. */
#include "base/mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static _Atomic long fail_at;
static _Atomic uint64_t n_allocs;

static bool must_fail(void)
{
    atomic_fetch_add_explicit(&n_allocs, 1, memory_order_relaxed);
    if (atomic_load_explicit(&fail_at, memory_order_relaxed) == 0)
        return false;
    /* Counts down to 1 and stays there: from the n-th on, all fail. */
    long left = atomic_load(&fail_at);
    while (left > 1 && !atomic_compare_exchange_weak(&fail_at, &left, left - 1))
        ;
    return left == 1;
}

void tn_mem_fail_at(long n)
{
    atomic_store(&fail_at, n);
}

uint64_t tn_mem_count(void)
{
    return atomic_load(&n_allocs);
}

bool tn_size_mul(size_t a, size_t b, size_t *out)
{
    size_t r;
    if (__builtin_mul_overflow(a, b, &r))
        return false;
    *out = r;
    return true;
}

bool tn_size_add(size_t a, size_t b, size_t *out)
{
    size_t r;
    if (__builtin_add_overflow(a, b, &r))
        return false;
    *out = r;
    return true;
}

void *tn_mem_alloc(size_t n_bytes)
{
    return must_fail() ? NULL : malloc(n_bytes ? n_bytes : 1);
}

void *tn_mem_calloc(size_t n_bytes)
{
    return must_fail() ? NULL : calloc(1, n_bytes ? n_bytes : 1);
}

void *tn_mem_resize(void *p, size_t n_bytes)
{
    return must_fail() ? NULL : realloc(p, n_bytes ? n_bytes : 1);
}

void *tn_mem_alloc_aligned(size_t n_bytes, size_t align)
{
    size_t rounded;
    if (must_fail() || !tn_size_add(n_bytes ? n_bytes : 1, align - 1, &rounded))
        return NULL;
    return aligned_alloc(align, rounded & ~(align - 1));
}

void tn_mem_free(void *p)
{
    free(p);
}

typedef struct block {
    struct block *next;
    size_t cap;
    _Alignas(64) unsigned char data[];
} block;

struct tn_arena {
    block *first, *cur;
    size_t used; /* bytes used in cur */
    size_t size; /* bytes held in all */
    size_t next_cap;
};

tn_arena *tn_arena_new(size_t block_size)
{
    tn_arena *a = tn_mem_calloc(sizeof *a);
    if (a)
        a->next_cap = block_size ? block_size : (size_t)64 << 10;
    return a;
}

void tn_arena_free(tn_arena *a)
{
    if (!a)
        return;
    for (block *b = a->first; b;) {
        block *next = b->next;
        tn_mem_free(b);
        b = next;
    }
    tn_mem_free(a);
}

static bool add_block(tn_arena *a, size_t need)
{
    size_t cap = a->next_cap > need ? a->next_cap : need, bytes;
    if (!tn_size_add(cap, sizeof(block), &bytes))
        return false;
    block *b = tn_mem_alloc_aligned(bytes, 64);
    if (!b)
        return false;
    b->cap = cap;
    b->next = a->cur ? a->cur->next : NULL;
    if (a->cur)
        a->cur->next = b;
    else
        a->first = b;
    a->cur = b;
    a->used = 0;
    a->size += cap;
    /* Doubling stops at 64 MiB, so that a large arena wastes little. */
    if (a->next_cap < (size_t)64 << 20)
        a->next_cap *= 2;
    return true;
}

void *tn_arena_alloc_aligned(tn_arena *a, size_t n_bytes, size_t align)
{
    size_t need;
    if (!tn_size_add(n_bytes ? n_bytes : 1, align, &need))
        return NULL;
    for (;;) {
        if (a->cur) {
            uintptr_t base = (uintptr_t)a->cur->data;
            size_t start = (size_t)(((base + a->used + align - 1) & ~(uintptr_t)(align - 1)) - base);
            if (start <= a->cur->cap && n_bytes <= a->cur->cap - start) {
                a->used = start + n_bytes;
                return a->cur->data + start;
            }
            if (a->cur->next && a->cur->next->cap >= need) {
                a->cur = a->cur->next;
                a->used = 0;
                continue;
            }
        }
        if (!add_block(a, need))
            return NULL;
    }
}

void *tn_arena_alloc(tn_arena *a, size_t n_bytes)
{
    return tn_arena_alloc_aligned(a, n_bytes, 16);
}

void *tn_arena_calloc(tn_arena *a, size_t n_bytes)
{
    void *p = tn_arena_alloc(a, n_bytes);
    return p ? memset(p, 0, n_bytes) : NULL;
}

void *tn_arena_array(tn_arena *a, size_t n, size_t size)
{
    size_t bytes;
    return tn_size_mul(n, size, &bytes) ? tn_arena_alloc(a, bytes) : NULL;
}

tn_arena_mark tn_arena_save(const tn_arena *a)
{
    return (tn_arena_mark){a->cur, a->used};
}

void tn_arena_restore(tn_arena *a, tn_arena_mark mark)
{
    a->cur = mark.block ? mark.block : a->first;
    a->used = mark.block ? mark.used : 0;
}

void tn_arena_reset(tn_arena *a)
{
    tn_arena_restore(a, (tn_arena_mark){NULL, 0});
}

size_t tn_arena_size(const tn_arena *a)
{
    return a->size;
}
