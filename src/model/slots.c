/* The shapes that parameters of encoders have, under their names. */
#include "model/family.h"

#include <stdio.h>

static const char *full_name(const tn_model *m, const char *part, char out[192])
{
    int n = part[0] == '/' ? snprintf(out, 192, "%s", part + 1) : snprintf(out, 192, "%s%s", m->family->prefix, part);
    TN_ASSERT(n > 0 && n < 192);
    return out;
}

bool tn_model_add_affine(tn_model *m, tn_affine *a, int64_t o, int64_t i, tn_affine_options opt, const char *name)
{
    char full[192];
    full_name(m, name, full);
    tn_slot_spec w = {.weight = &a->w, .n_dims = 2, .dim = {o, i}, .decay = true, .matrix = true, .head = opt.head};
    tn_slot_spec b = {.weight = &a->b, .n_dims = 1, .dim = {o}, .head = opt.head};
    return tn_model_add_slot(m, w, "%s.weight", full) && (opt.no_bias || tn_model_add_slot(m, b, "%s.bias", full));
}

bool tn_model_add_norm(tn_model *m, tn_affine *a, int64_t c, tn_affine_options opt, const char *name)
{
    char full[192];
    full_name(m, name, full);
    tn_slot_spec w = {.weight = &a->w, .n_dims = 1, .dim = {c}, .head = opt.head, .ones = true};
    tn_slot_spec b = {.weight = &a->b, .n_dims = 1, .dim = {c}, .head = opt.head};
    if (!tn_model_add_slot(m, w, "%s.weight", full))
        return false;
    if (!opt.no_bias)
        return tn_model_add_slot(m, b, "%s.bias", full);
    float *zeros = tn_arena_calloc(m->arena, (size_t)c * sizeof *zeros);
    a->b.value = tn_vector_view(zeros, c);
    return zeros != NULL;
}

bool tn_model_add_table(tn_model *m, tn_weight *w, int64_t n, int64_t c, bool sparse, const char *name)
{
    char full[192];
    tn_slot_spec s = {.weight = w, .n_dims = 2, .dim = {n, c}, .decay = true, .sparse = sparse};
    return tn_model_add_slot(m, s, "%s.weight", full_name(m, name, full));
}

bool tn_model_add_words(tn_model *m, tn_weight *w, int64_t n, int64_t c, const char *name)
{
    char full[192];
    bool decodes = !m->options.encoder_only && m->config.task == TN_TASK_MASKED;
    tn_slot_spec s = {
        .weight = w, .n_dims = 2, .dim = {n, c}, .decay = true, .sparse = !decodes, .matrix = decodes, .words = decodes};
    return tn_model_add_slot(m, s, "%s.weight", full_name(m, name, full));
}

bool tn_model_add_bias(tn_model *m, tn_weight *b, int64_t n, const char *name)
{
    char full[192];
    tn_slot_spec s = {.weight = b, .n_dims = 1, .dim = {n}, .head = true};
    return tn_model_add_slot(m, s, "%s.bias", full_name(m, name, full));
}

bool tn_model_add_stack(tn_model *m, tn_affine *a, int64_t c, const char *layer, const char *const *part, int n)
{
    a->w.value = tn_matrix_view(NULL, n * c, c);
    a->b.value = tn_vector_view(NULL, n * c);
    for (int i = 0; i < n; i++) {
        char name[192], full[192];
        snprintf(name, sizeof name, "%s%s", layer, part[i]);
        full_name(m, name, full);
        tn_slot_spec w = {
            .weight = &a->w, .offset = (size_t)(i * c * c), .n_dims = 2, .dim = {c, c}, .decay = true, .matrix = true};
        tn_slot_spec b = {.weight = &a->b, .offset = (size_t)(i * c), .n_dims = 1, .dim = {c}};
        if (!tn_model_add_slot(m, w, "%s.weight", full) || !tn_model_add_slot(m, b, "%s.bias", full))
            return false;
    }
    return true;
}

bool tn_model_add_zeros(tn_model *m, tn_weight *w, int64_t c)
{
    float *zeros = tn_arena_calloc(m->arena, (size_t)c * sizeof *zeros);
    w->value = tn_matrix_view(zeros, 1, c);
    return zeros != NULL;
}
