/* The avx2 row of the kernel table. */
#include "num/vec_avx2.h"

#define TN_ROW tn_kernels_avx2
#define TN_ROW_ISA TN_ISA_AVX2
#define TN_ROW_NAME "avx2"

#include "num/kernels_vec.h"
