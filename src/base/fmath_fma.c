/* fmath.c again, under -mfma. */
#define TN_FMATH_FMA
#include "base/fmath.c"
