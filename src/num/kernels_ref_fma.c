/* kernels_ref.c again, under -mfma. */
#define TN_KERNELS_REF tn_kernels_ref_fma
#include "num/kernels_ref.c"
