#ifndef TN_NUM_ISA_H
#define TN_NUM_ISA_H
/// Instruction sets that the kernels are written for. All of them return the same bits.

#include <stdbool.h>

typedef enum {
    TN_ISA_REF,    /* plain C, the specification; with FMA instructions where the CPU has them */
    TN_ISA_AVX2,   /* AVX2 and FMA */
    TN_ISA_AVX512, /* AVX-512 F, BW, DQ, VL */
} tn_isa;

/// Whether this CPU and the operating system's state saving allow it.
static inline bool tn_isa_has(tn_isa isa)
{
#if defined(__x86_64__)
    if (isa == TN_ISA_AVX2)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (isa == TN_ISA_AVX512)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && tn_isa_has(TN_ISA_AVX2);
#endif
    return isa == TN_ISA_REF;
}

#endif
