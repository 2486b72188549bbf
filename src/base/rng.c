#include "base/rng.h"

void tn_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3], k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

tn_rng tn_rng_init(uint64_t seed, uint64_t stream)
{
    return (tn_rng){.key = {(uint32_t)seed, (uint32_t)(seed >> 32)},
                    .counter = {0, 0, (uint32_t)stream, (uint32_t)(stream >> 32)}};
}

uint32_t tn_rng_u32(tn_rng *r)
{
    if (r->n_left == 0) {
        tn_philox(r->counter, r->key, r->word);
        if (++r->counter[0] == 0)
            r->counter[1]++;
        r->n_left = 4;
    }
    return r->word[4 - r->n_left--];
}

uint64_t tn_rng_u64(tn_rng *r)
{
    uint64_t low = tn_rng_u32(r);
    return (uint64_t)tn_rng_u32(r) << 32 | low;
}

uint64_t tn_rng_below(tn_rng *r, uint64_t n)
{
    /* Draws in the last, incomplete copy of [0, n) are thrown away. */
    uint64_t limit = UINT64_MAX - UINT64_MAX % n, v;
    do
        v = tn_rng_u64(r);
    while (v >= limit);
    return v % n;
}

double tn_rng_f64(tn_rng *r)
{
    return (double)(tn_rng_u64(r) >> 11) * 0x1p-53;
}

void tn_rng_shuffle(tn_rng *r, uint32_t *indices, uint32_t n)
{
    for (uint32_t i = n; i > 1; i--) {
        uint32_t j = (uint32_t)tn_rng_below(r, i), kept = indices[i - 1];
        indices[i - 1] = indices[j];
        indices[j] = kept;
    }
}
