#ifndef TN_BASE_MEM_H
#define TN_BASE_MEM_H
/// Checked sizes, allocation with a test switch, and arenas: memory by lifetime.

#include "base/err.h"

/// out = a*b or a+b; false (and *out untouched) when it does not fit in size_t. For every size that comes from outside.
bool tn_size_mul(size_t a, size_t b, size_t *out);
bool tn_size_add(size_t a, size_t b, size_t *out);

/// malloc, realloc and free of the whole program, so that a test can fail the n-th allocation.
/// A size of 0 gives a valid pointer. tn_mem_free(NULL) does nothing.
void *tn_mem_alloc(size_t n_bytes);
void *tn_mem_calloc(size_t n_bytes);
void *tn_mem_resize(void *p, size_t n_bytes);
/// `align` is a power of two >= 16.
void *tn_mem_alloc_aligned(size_t n_bytes, size_t align);
void tn_mem_free(void *p);

/// Tests only: the n-th allocation from now on (1 = the next) and all later ones fail. 0 switches it off.
void tn_mem_fail_at(long n);
/// Allocations made so far by this process; a steady step must not move it.
uint64_t tn_mem_count(void);

/// An arena gives memory that is freed all at once. Blocks grow by doubling from `block` bytes (0: 64 KiB).
/// Not thread-safe: one owner at a time.
typedef struct tn_arena tn_arena;
typedef struct {
    void *block;
    size_t used;
} tn_arena_mark;

tn_arena *tn_arena_new(size_t block);
void tn_arena_free(tn_arena *a);
/// NULL when out of memory. Aligned to 16. Contents undefined.
void *tn_arena_alloc(tn_arena *a, size_t n_bytes);
void *tn_arena_alloc_aligned(tn_arena *a, size_t n_bytes, size_t align);
void *tn_arena_calloc(tn_arena *a, size_t n_bytes);
/// Forgets everything after the mark; the blocks are kept for reuse.
tn_arena_mark tn_arena_save(const tn_arena *a);
void tn_arena_restore(tn_arena *a, tn_arena_mark mark);
void tn_arena_reset(tn_arena *a);
/// Bytes held from the system.
size_t tn_arena_size(const tn_arena *a);

/// `n` objects of `type`, or NULL; n is checked for overflow.
#define TN_ARENA_ARRAY(arena, type, n) ((type *)tn_arena_array((arena), (n), sizeof(type)))
void *tn_arena_array(tn_arena *a, size_t n, size_t size);

#endif
