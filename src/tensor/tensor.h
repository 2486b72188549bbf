#ifndef TN_TENSOR_TENSOR_H
#define TN_TENSOR_TENSOR_H
/// f32 views, and the rows of a batch.

#include "base/err.h"

/// A view of f32 values, row-major without gaps. Never owns.
typedef struct {
    float *data;
    int n_dims; /* 1 to 4 */
    int64_t dim[4];
} tn_tensor;

static inline tn_tensor tn_vector_view(float *data, int64_t n)
{
    return (tn_tensor){data, 1, {n}};
}
static inline tn_tensor tn_matrix_view(float *data, int64_t n_rows, int64_t n_columns)
{
    return (tn_tensor){data, 2, {n_rows, n_columns}};
}
static inline size_t tn_tensor_size(const tn_tensor *t)
{
    size_t n = 1;
    for (int i = 0; i < t->n_dims; i++)
        n *= (size_t)t->dim[i];
    return n;
}
/// "[1280, 384]", for sentences.
const char *tn_tensor_shape(const tn_tensor *t, char out[96]);

typedef enum {
    TN_ACT_NONE,
    TN_ACT_GELU,      /* x/2 (1 + erf(x/sqrt 2)) */
    TN_ACT_GELU_TANH, /* x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) */
    TN_ACT_RELU,
    TN_ACT_SILU, /* x sigmoid(x) */
    TN_ACT_TANH,
} tn_activation;

/// Rows of tokens laid end to end, without padding, and the shards they are cut into.
typedef struct {
    int32_t n_rows;
    const int32_t *start; /* [n_rows + 1]: row b is tokens [start[b], start[b+1]) */
    int32_t n_shards;
    const int32_t *shard; /* [n_shards + 1]: shard s is rows [shard[s], shard[s+1]) */
    int32_t first_row;    /* number of row 0 in the global batch: what dropout is indexed by */
} tn_rows;

static inline int32_t tn_rows_tokens(const tn_rows *r)
{
    return r->start[r->n_rows];
}

#endif
