#ifndef TN_NUM_GEMM8_H
#define TN_NUM_GEMM8_H
/// The product of a linear layer in 8-bit integers: int8 weights with a scale an output channel, 8-bit activations with
/// a scale and a zero point a row, made when the row is seen.
///
///   weights      w = scale[o] q, q in [-127, 127]; scale = max |w[o]| / 127, q = w / scale rounded to even
///   activations  x = scale[m] (q - zero[m]), q in [0, 255]; low = min(0, x), high = max(0, x) of the row,
///                scale = (high - low) / 255, zero and q by 255 / (high - low), rounded to even, clamped
///   product      t = sum over k of q[m,k] q[o,k] - zero[m] sum over k of q[o,k], in integers, exact
///                y[m,o] = (float)t * (scale[m] * scale[o]), then the tail of num/gemm.h
///
/// Integer sums have no order, so the bits do not depend on instruction set, threads or blocks, and a row's result not
/// on the other rows. A row that is not finite gives NaN; one whose range is below 1e-30 is a row of zeros.
/// Against the f32 product the error of an element is below (|w| row sums) (range / 255) / 2 + (range / 255) k scale[o] / 2
/// or so: it has its own name and is chosen by name (DESIGN, numeric contract).
/// Sizes and pointers are trusted; k <= TN_GEMM8_MAX_K. Nothing here allocates.

#include "num/gemm.h"

#include <stdint.h>

enum { TN_GEMM8_MAX_K = 1 << 16 }; /* 255 * 127 * k stays below 2^31 */

/// ---- weights ----
/// q [O,I], scale [O] of W [O,I]; a row of zeros has the scale 0. False, and nothing promised, when W is not finite.
bool tn_gemm8_quantise_weight(const float *w, size_t o, size_t i, int8_t *q, float *scale);

/// In panels of 32 columns and groups of four k: q (k, n) is data[((n / 32 * K4 + k / 4) * 32 + n % 32) * 4 + k % 4],
/// K4 = ceil(k / 4); what is missing is 0. The same for all instruction sets.
typedef struct {
    const int8_t *data;   /* aligned to 64 */
    const float *scale;   /* [n rounded up to 32] */
    const int32_t *sum;   /* [n rounded up to 32]: sum over k of q */
    size_t k, n;
} tn_gemm8_packed;
/// Bytes of one packed copy of W [O,I].
size_t tn_gemm8_pack_bytes(size_t o, size_t i);
/// Packs q [O,I] and scale [O] into `storage` (tn_gemm8_pack_bytes, aligned to 64, owned by the caller).
tn_gemm8_packed tn_gemm8_pack(tn_gemm *g, const int8_t *q, const float *scale, size_t o, size_t i, void *storage);

/// ---- activations ----
typedef struct {
    uint8_t *q; /* [M], rows of `ld` bytes; aligned to 64 */
    size_t ld;
    float *scale;  /* [M] */
    int32_t *zero; /* [M] */
} tn_gemm8_rows;
/// Floats of scratch for m rows of k, aligned to 64; and the rows in there.
size_t tn_gemm8_rows_floats(size_t m, size_t k);
tn_gemm8_rows tn_gemm8_rows_in(float *scratch, size_t m, size_t k);
void tn_gemm8_quantise(tn_gemm *g, size_t m, size_t k, const float *x, size_t ldx, const tn_gemm8_rows *out);

/// C[M,N] = A · B dequantised, then `tail`, which may be NULL.
void tn_gemm8_run(tn_gemm *g, size_t m, const tn_gemm8_rows *a, const tn_gemm8_packed *b, float *c, size_t ldc,
                  const tn_gemm_tail *tail);

#endif
