/* 8-bit models: int8 where a linear layer's floats would be, and a slot of scales, one an output channel, beside each.
 *
 * A weight may be put together from several tensors of the file (query, key, value); rows are channels, so their bytes and
 * scales follow each other. A weight that is one tensor is packed from where the file is mapped. */
#include "model/family.h"

#include <string.h>

struct tn_bytes_of {
    tn_bytes_of *next;
    tn_weight *weight, scale;
    const int8_t *q; /* [O,I] */
    int8_t *staged;  /* where several tensors meet; else NULL */
};

static tn_bytes_of *bytes_for(tn_model *m, tn_weight *w)
{
    tn_bytes_of *b = m->bytes;
    while (b && b->weight != w)
        b = b->next;
    if (b || !(b = tn_arena_calloc(m->arena, sizeof *b)))
        return b;
    b->weight = w;
    b->scale.value = tn_matrix_view(NULL, w->value.dim[0], 1);
    b->next = m->bytes;
    return m->bytes = b;
}

tn_status tn_bytes_add_slots(tn_model *m, tn_err *err)
{
    size_t n = m->slot.len; /* those added here are not asked again */
    for (size_t i = 0; m->config.in_bytes && i < n; i++) {
        tn_slot *s = &m->slot.ptr[i];
        if (!tn_bytes_apply(s))
            continue;
        if (s->dim[1] > TN_GEMM8_MAX_K)
            return tn_fail(err, TN_ELIMIT, "\"%.*s\" is wider than the %d inputs of an 8-bit layer", TN_ARG(s->name),
                           (int)TN_GEMM8_MAX_K);
        tn_bytes_of *b = s->bytes = bytes_for(m, s->weight);
        tn_str name = s->name;
        tn_slot_spec scale = {.n_dims = 2, .dim = {s->dim[0], 1}, .offset = s->offset / (size_t)s->dim[1]};
        scale.weight = b ? &b->scale : NULL;
        if (!b || !tn_model_add_slot(m, scale, "%.*s_scale", TN_ARG(name)))
            return tn_fail_nomem(err, sizeof *b);
    }
    return TN_OK;
}

bool tn_bytes_take(const tn_slot *s, const uint8_t *data)
{
    tn_bytes_of *b = s->bytes;
    size_t n = tn_tensor_size(&b->weight->value);
    if (s->size == n) {
        b->q = (const int8_t *)data;
        return true;
    }
    if (!b->staged && !(b->staged = tn_mem_alloc(n)))
        return false;
    memcpy(b->staged + s->offset, data, s->size);
    b->q = b->staged;
    return true;
}

tn_status tn_bytes_pack(tn_model *m, tn_err *err)
{
    for (tn_bytes_of *b = m->bytes; b; b = b->next) {
        size_t o = (size_t)b->weight->value.dim[0], i = (size_t)b->weight->value.dim[1];
        size_t n_bytes = tn_gemm8_pack_bytes(o, i);
        float *storage = tn_model_own(m, (n_bytes + sizeof *storage - 1) / sizeof *storage);
        if (!storage)
            return tn_fail_nomem(err, n_bytes);
        b->weight->packed8 = tn_gemm8_pack(tn_engine_gemm(m->engine), b->q, b->scale.value.data, o, i, storage);
    }
    return TN_OK;
}

void tn_bytes_done(tn_model *m)
{
    for (tn_bytes_of *b = m->bytes; b; b = b->next) {
        tn_mem_free(b->staged);
        b->staged = NULL;
        b->q = NULL;
    }
}

/* ---- saving ---- */

/* Int8 and scales of a slot, in place of its floats. */
static tn_status quantise_slot(const tn_slot *s, tn_st_item *item, uint64_t scale_shape[4], tn_arena *a, tn_err *err)
{
    size_t o = (size_t)s->dim[0], i = (size_t)s->dim[1];
    int8_t *q = tn_arena_array(a, o * i, 1);
    float *scale = TN_ARENA_ARRAY(a, float, o);
    tn_str name = tn_str_format(a, "%.*s_scale", TN_ARG(s->name));
    if (!q || !scale || !name.ptr)
        return tn_fail_nomem(err, s->size);
    if (!tn_gemm8_quantise_weight(s->weight->value.data + s->offset, o, i, q, scale))
        return tn_fail(err, TN_EFORMAT, "\"%.*s\" has a number that is not finite", TN_ARG(s->name));
    scale_shape[0] = o;
    scale_shape[1] = 1;
    item[1] = (tn_st_item){.name = name, .dtype = TN_ST_F32, .rank = 2, .shape = scale_shape};
    item[1].data = (tn_bytes){(const uint8_t *)scale, o * sizeof *scale};
    item[0].dtype = TN_ST_I8;
    item[0].data = (tn_bytes){(const uint8_t *)q, s->size};
    return TN_OK;
}

static tn_status write_bytes(const tn_model *m, const char *dir, tn_arena *a, tn_err *err)
{
    tn_st_item *item = TN_ARENA_ARRAY(a, tn_st_item, 2 * m->slot.len);
    uint64_t(*shape)[4] = tn_arena_array(a, 2 * m->slot.len, sizeof *shape);
    const char *path = tn_path_join(a, dir, "model.safetensors");
    size_t n = 0;
    if (!item || !shape || !path)
        return tn_fail_nomem(err, m->slot.len * sizeof *item);
    for (size_t i = 0; i < m->slot.len; i++, n++) {
        const tn_slot *s = &m->slot.ptr[i];
        for (int d = 0; d < s->n_dims; d++)
            shape[n][d] = (uint64_t)s->dim[d];
        item[n] = (tn_st_item){.name = s->name,
                               .dtype = TN_ST_F32,
                               .rank = (uint32_t)s->n_dims,
                               .shape = shape[n],
                               .data = {(const uint8_t *)(s->weight->value.data + s->offset), s->size * sizeof(float)}};
        if (!tn_bytes_apply(s))
            continue;
        TN_TRY(quantise_slot(s, &item[n], shape[n + 1], a, err));
        n++;
    }
    return tn_st_write(path, item, n, &(tn_st_meta){"format", "pt"}, 1, err);
}

/* Modules that keep their floats in an 8-bit file: matrices of heads, and a table that decodes, without ".weight". */
static tn_status modules_in_full(const tn_model *m, tn_arena *a, tn_str **name, size_t *n, tn_err *err)
{
    if (!(*name = TN_ARENA_ARRAY(a, tn_str, m->slot.len)))
        return tn_fail_nomem(err, m->slot.len * sizeof **name);
    *n = 0;
    for (size_t i = 0; i < m->slot.len; i++) {
        const tn_slot *s = &m->slot.ptr[i];
        if (s->matrix && (s->head || s->words) && tn_str_ends(s->name, ".weight"))
            (*name)[(*n)++] = tn_str_sub(s->name, 0, s->name.len - strlen(".weight"));
    }
    return TN_OK;
}

static tn_status write_model(const tn_model *m, const void *ctx, const char *dir, tn_arena *a, tn_err *err)
{
    const char *path = tn_path_join(a, dir, "config.json");
    tn_buf text = TN_BUF_INIT;
    tn_str *in_full;
    size_t n = 0;
    TN_TRY(modules_in_full(m, a, &in_full, &n, err));
    tn_status st = path ? tn_config_write_in_bytes(&m->config, m->options.encoder_only, in_full, n, &text, err)
                        : tn_fail_nomem(err, 256);
    if (st == TN_OK)
        st = tn_file_write(path, tn_str_bytes(tn_buf_view(&text)), err);
    tn_buf_free(&text);
    TN_TRY(st);
    TN_TRY(write_bytes(m, dir, a, err));
    return tn_pooling_copy(m, dir, err);
}

tn_status tn_model_save_in_bytes(const tn_model *m, const char *dir, tn_err *err)
{
    if (m->config.in_bytes)
        return tn_fail(err, TN_EINVALID, "%s is an 8-bit model; save the model that it was made from", m->dir);
    if (tn_model_has_adapters(m))
        return tn_fail(err, TN_EINVALID, "the model has adapters; merge them first");
    return tn_model_save_folder(m, dir, write_model, NULL, err);
}
