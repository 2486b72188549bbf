/* What does not depend on the instruction set: choosing a row of the table, keys of dropout sites, the sort behind the
 * embedding gradient. */
#include "num/kernels.h"
#include "num/kernels_rows.h"

#include "base/rng.h"

#include <string.h>

const tn_kernels *tn_kernels_get(tn_isa isa)
{
#if defined(__x86_64__)
    if (isa == TN_ISA_AVX512)
        return &tn_kernels_avx512;
    if (isa == TN_ISA_AVX2)
        return &tn_kernels_avx2;
    if (__builtin_cpu_supports("fma"))
        return &tn_kernels_ref_fma;
#endif
    return &tn_kernels_ref;
}

tn_isa tn_isa_detect(void)
{
    return tn_isa_has(TN_ISA_AVX512) ? TN_ISA_AVX512 : tn_isa_has(TN_ISA_AVX2) ? TN_ISA_AVX2 : TN_ISA_REF;
}

static const char *const isa_name[] = {[TN_ISA_REF] = "ref", [TN_ISA_AVX2] = "avx2", [TN_ISA_AVX512] = "avx512"};

const char *tn_isa_name(tn_isa isa)
{
    return isa_name[isa];
}

bool tn_isa_from_name(const char *name, tn_isa *out)
{
    if (!name || strcmp(name, "auto") == 0) {
        *out = tn_isa_detect();
        return true;
    }
    for (int i = 0; i < 3; i++) {
        if (strcmp(name, isa_name[i]) == 0) {
            *out = (tn_isa)i;
            return true;
        }
    }
    return false;
}

tn_dropout tn_dropout_at(double p, uint64_t seed, uint64_t step, uint32_t site)
{
    uint32_t counter[4] = {(uint32_t)step, (uint32_t)(step >> 32), site, 0};
    uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)}, word[4];
    tn_philox(counter, key, word);
    return (tn_dropout){.key = {word[0], word[1]}, .threshold = (uint32_t)(p * 0x1p32), .scale = (float)(1 / (1 - p))};
}

/* By bytes of the id, lowest first, each pass stable; the passes stop at the highest byte in use. Token numbers ride in
 * the low half of each word. */
size_t tn_embed_sort(const int32_t *id, size_t n, uint64_t *scratch, uint32_t *order, int32_t *unique, uint32_t *start)
{
    uint64_t *from = scratch, *to = scratch + n;
    uint32_t all = 0;
    for (size_t i = 0; i < n; i++) {
        from[i] = (uint64_t)(uint32_t)id[i] << 32 | i;
        all |= (uint32_t)id[i];
    }
    for (int shift = 32; shift < 64 && (uint64_t)all << 32 >> shift; shift += 8) {
        size_t count[256] = {0};
        for (size_t i = 0; i < n; i++)
            count[from[i] >> shift & 255]++;
        size_t at = 0;
        for (int b = 0; b < 256; b++) {
            size_t c = count[b];
            count[b] = at;
            at += c;
        }
        for (size_t i = 0; i < n; i++)
            to[count[from[i] >> shift & 255]++] = from[i];
        uint64_t *kept = from;
        from = to;
        to = kept;
    }
    size_t n_unique = 0;
    for (size_t i = 0; i < n; i++) {
        order[i] = (uint32_t)from[i];
        int32_t this_id = (int32_t)(from[i] >> 32);
        if (n_unique == 0 || unique[n_unique - 1] != this_id) {
            unique[n_unique] = this_id;
            start[n_unique++] = (uint32_t)i;
        }
    }
    start[n_unique] = (uint32_t)n;
    return n_unique;
}

size_t tn_relative_scratch(size_t T, size_t d, size_t R)
{
    size_t padded = (R + 15) / 16 * 16;
    return 2 * d * padded + 2 * T * padded + 64;
}

size_t tn_attention_scratch(size_t T, size_t d)
{
    size_t padded = (T + 15) / 16 * 16;
    return 2 * d * padded + 2 * TN_ATTENTION_ROWS * padded + 64;
}
