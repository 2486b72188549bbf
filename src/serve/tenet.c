/* The public face (include/tenet.h) over src/model: plain C types in, exit codes out. The encoder for embeddings is
 * opened when it is first asked for: most users want one of the two. */
#include "tenet.h"

#include "model/model.h"

#include <stdio.h>
#include <string.h>

struct tenet_model {
    tn_arena *arena; /* label names, the folder */
    tn_engine *engine;
    tn_model *classifier, *encoder;
    const char *folder, **label;
    int n_labels;
};

static int finish(tn_status st, const tn_err *err, char *error, size_t size)
{
    if (error && size)
        snprintf(error, size, "%s", st == TN_OK ? "" : err->msg);
    return tn_exit_code(st);
}

const char *tenet_version(void)
{
    return TN_VERSION;
}

void tenet_close(tenet_model *m)
{
    if (!m)
        return;
    tn_model_close(m->classifier);
    tn_model_close(m->encoder);
    tn_engine_free(m->engine);
    tn_arena_free(m->arena);
    tn_mem_free(m);
}

static tn_status open_model(tenet_model *m, const char *folder, int threads, tn_err *err)
{
    size_t n_fresh;
    m->arena = tn_arena_new(0);
    m->folder = m->arena ? tn_str_c(m->arena, tn_str_of(folder)) : NULL;
    if (!m->folder)
        return tn_fail_nomem(err, 64);
    TN_TRY(tn_engine_new(threads, NULL, &m->engine, err));
    TN_TRY(tn_model_open(m->engine, folder, &(tn_model_options){0}, &m->classifier, err));
    tn_model_fresh(m->classifier, &n_fresh);
    const tn_config *k = tn_model_config(m->classifier);
    if (n_fresh)
        return TN_OK;
    m->label = TN_ARENA_ARRAY(m->arena, const char *, (size_t)k->n_labels);
    for (int i = 0; m->label && i < k->n_labels; i++)
        if (!(m->label[i] = tn_str_c(m->arena, k->label[i])))
            m->label = NULL;
    m->n_labels = m->label ? k->n_labels : 0;
    return m->label ? TN_OK : tn_fail_nomem(err, 64);
}

int tenet_open(const char *folder, int threads, tenet_model **out, char *error, size_t error_size)
{
    tn_err err = TN_ERR_INIT;
    tn_fp_reset();
    *out = NULL;
    tenet_model *m = tn_mem_calloc(sizeof *m);
    tn_status st = m ? open_model(m, folder, threads, &err) : tn_fail_nomem(&err, sizeof *m);
    if (st == TN_OK)
        *out = m;
    else
        tenet_close(m);
    return finish(st, &err, error, error_size);
}

int tenet_n_labels(const tenet_model *m)
{
    return m->n_labels;
}

const char *tenet_label(const tenet_model *m, int i)
{
    return i >= 0 && i < m->n_labels ? m->label[i] : NULL;
}

int tenet_width(const tenet_model *m)
{
    return tn_model_config(m->classifier)->hidden_size;
}

int tenet_tokenize(tenet_model *m, const char *text, int32_t *ids, size_t max, size_t *n, char *error, size_t error_size)
{
    tn_err err = TN_ERR_INIT;
    tn_arena *a = tn_arena_new(0);
    uint32_t *all = NULL;
    tn_fp_reset();
    *n = 0;
    tn_status st = a ? tn_tokenizer_ids(tn_model_tokenizer(m->classifier), tn_str_of(text), NULL, a, &all, n, &err) : tn_fail_nomem(&err, 64);
    for (size_t i = 0; st == TN_OK && i < *n && i < max; i++)
        ids[i] = (int32_t)all[i];
    tn_arena_free(a);
    return finish(st, &err, error, error_size);
}

/* Views of C strings, in an arena of the call. */
static tn_status views(tn_arena *a, const char *const *text, size_t n, tn_str **out, tn_err *err)
{
    *out = a ? TN_ARENA_ARRAY(a, tn_str, n) : NULL;
    for (size_t i = 0; *out && i < n; i++)
        (*out)[i] = tn_str_of(text[i]);
    return *out ? TN_OK : tn_fail_nomem(err, n * sizeof **out);
}

int tenet_predict(tenet_model *m, const char *const *text, size_t n_texts, float *score, char *error, size_t error_size)
{
    tn_err err = TN_ERR_INIT;
    tn_arena *a = tn_arena_new(0);
    tn_str *view;
    tn_fp_reset();
    tn_status st = views(a, text, n_texts, &view, &err);
    if (st == TN_OK && m->n_labels == 0)
        st = tn_fail(&err, TN_EINVALID, "%s has no trained classification head", m->folder);
    if (st == TN_OK)
        st = tn_model_predict(m->classifier, view, n_texts, score, NULL, &err);
    tn_arena_free(a);
    return finish(st, &err, error, error_size);
}

int tenet_embed(tenet_model *m, const char *const *text, size_t n_texts, float *out, char *error, size_t error_size)
{
    tn_err err = TN_ERR_INIT;
    tn_arena *a = tn_arena_new(0);
    tn_str *view;
    tn_fp_reset();
    tn_status st = views(a, text, n_texts, &view, &err);
    if (st == TN_OK && !m->encoder)
        st = tn_model_open(m->engine, m->folder, &(tn_model_options){.encoder_only = true}, &m->encoder, &err);
    if (st == TN_OK)
        st = tn_model_embed_texts(m->encoder, view, n_texts, out, NULL, &err);
    tn_arena_free(a);
    return finish(st, &err, error, error_size);
}
