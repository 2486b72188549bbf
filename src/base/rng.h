#ifndef TN_BASE_RNG_H
#define TN_BASE_RNG_H
/// Counter-based random numbers: the value is a pure function of (key, index), so any thread may draw any of them.
/// Source: Philox4x32-10, Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC 2011), test vectors of Random123.

#include <stdint.h>

/// Four 32-bit words for a 128-bit counter and a 64-bit key.
void tn_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/// A stream of draws, for shuffles, initial weights and bootstraps.
typedef struct {
    uint32_t key[2];     /* from the seed */
    uint32_t counter[4]; /* [0..1] position, [2..3] stream */
    uint32_t word[4];
    int n_left;
} tn_rng;

/// `stream` keeps independent uses of one seed apart (a name's hash, a fold, a class).
tn_rng tn_rng_init(uint64_t seed, uint64_t stream);
uint32_t tn_rng_u32(tn_rng *r);
uint64_t tn_rng_u64(tn_rng *r);
/// Uniform in [0, n), without bias; n > 0.
uint64_t tn_rng_below(tn_rng *r, uint64_t n);
/// Uniform in [0, 1) with 53 bits.
double tn_rng_f64(tn_rng *r);
/// Fisher-Yates over indices[0..n).
void tn_rng_shuffle(tn_rng *r, uint32_t *indices, uint32_t n);

#endif
