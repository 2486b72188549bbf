/* The avx512 row of the kernel table. */
#include "num/vec_avx512.h"

#define TN_ROW tn_kernels_avx512
#define TN_ROW_ISA TN_ISA_AVX512
#define TN_ROW_NAME "avx512"

#include "num/kernels_vec.h"
