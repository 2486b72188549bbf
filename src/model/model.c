/* What is the same for all families: opening, forward passes in pieces, the training pass, the list of parameters.
 *
 * A forward call cuts its rows into pieces of at most so many tokens; because a row's result depends on nothing but the
 * row, the cuts cannot be seen in it. The first call packs each matrix as it goes, which is what one sentence in a cold
 * process wants; from the second on the packed copies are kept and the mapping's pages are given back. */
#include "model/family.h"
#include "model/post_norm.h"

#include "base/map.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_CONFIG_BYTES = 16 << 20 }; /* config.json; a label set of 65,536 names fits */

static const struct {
    const char *model_type;
    const tn_family *family;
} families[] = {{"bert", &tn_family_bert},           {"roberta", &tn_family_roberta}, {"xlm-roberta", &tn_family_roberta},
                {"camembert", &tn_family_roberta},   {"electra", &tn_family_electra}, {"distilbert", &tn_family_distilbert},
                {"albert", &tn_family_albert},       {"mpnet", &tn_family_mpnet},     {"deberta-v2", &tn_family_deberta},
                {"modernbert", &tn_family_modernbert}};

/* ---- opening ---- */

int32_t tn_model_n_layers(const tn_model *m)
{
    return m->config.n_groups > 0 ? m->config.n_groups * m->config.n_inner : m->config.n_layers;
}

bool tn_model_add_slot(tn_model *m, tn_slot_spec s, const char *fmt, ...)
{
    char text[256];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    TN_ASSERT(n > 0 && (size_t)n < sizeof text);
    tn_slot slot = {.name = tn_str_dup(m->arena, tn_str_of(text)),
                    .n_dims = s.n_dims,
                    .size = 1,
                    .weight = s.weight,
                    .offset = s.offset,
                    .decay = s.decay,
                    .head = s.head,
                    .matrix = s.matrix,
                    .words = s.words,
                    .ones = s.ones,
                    .layer = s.lora   ? s.layer
                             : s.head ? tn_model_n_layers(m) + 1
                                      : m->at_layer,
                    .lora = s.lora};
    for (int i = 0; i < s.n_dims; i++) {
        slot.dim[i] = s.dim[i];
        slot.size *= (size_t)s.dim[i];
    }
    if (s.weight->value.n_dims == 0) {
        s.weight->value.n_dims = s.n_dims;
        memcpy(s.weight->value.dim, s.dim, sizeof s.dim);
    }
    s.weight->sparse = s.sparse;
    return slot.name.ptr && TN_PUSH(&m->slot, slot);
}

float *tn_model_own(tn_model *m, size_t n_floats)
{
    size_t bytes;
    void *p = tn_size_mul(n_floats, sizeof(float), &bytes) ? tn_mem_alloc_aligned(bytes, 64) : NULL;
    if (p && !TN_PUSH(&m->owned, p)) {
        tn_mem_free(p);
        p = NULL;
    }
    return p;
}

static tn_status read_config(tn_model *m, tn_err *err)
{
    const char *path = tn_path_join(m->work, m->dir, "config.json");
    tn_bytes text;
    if (!path)
        return tn_fail_nomem(err, 256);
    TN_TRY(tn_file_read(path, MAX_CONFIG_BYTES, m->arena, &text, err));
    if (tn_config_parse(tn_str_from_bytes(text), m->arena, &m->config, err) != TN_OK)
        return tn_fail_prefix(err, "%s", m->dir);
    for (size_t i = 0; i < TN_COUNT(families); i++)
        if (tn_str_is(m->config.model_type, families[i].model_type))
            m->family = families[i].family;
    TN_ASSERT(m->family);
    return TN_OK;
}

static tn_status check_labels(const tn_model_options *o, tn_err *err)
{
    tn_map seen = TN_MAP_INIT;
    tn_status st = TN_OK;
    for (int32_t i = 0; i < o->n_labels && st == TN_OK; i++) {
        bool is_new;
        if (!tn_map_put(&seen, o->label[i], 0, &is_new))
            st = tn_fail_nomem(err, 64);
        else if (!is_new)
            st = tn_fail(err, TN_EINVALID, "label \"%.*s\" is given twice", TN_ARG(o->label[i]));
    }
    tn_map_free(&seen);
    return st;
}

/* What the model is to be: the caller's word before the folder's. */
static tn_status set_task(tn_model *m, tn_err *err)
{
    const tn_model_options *o = &m->options;
    tn_config *c = &m->config;
    if (o->task != TN_TASK_OF_FOLDER)
        c->task = o->task;
    else if (o->n_labels > 0 || c->task == TN_TASK_OF_FOLDER)
        c->task = TN_TASK_SEQUENCE;
    bool has_labels = c->task == TN_TASK_SEQUENCE || c->task == TN_TASK_TOKENS;
    if (o->n_labels > 0 && !has_labels)
        return tn_fail(err, TN_EINVALID, "labels are given, but neither spans nor hidden words have any");
    if (c->task == TN_TASK_MASKED && !c->tied)
        return tn_fail(err, TN_EINVALID, "\"tie_word_embeddings\" is false: a decoder of its own is not built in");
    if (c->task == TN_TASK_TOKENS)
        c->problem = TN_PROBLEM_SINGLE_LABEL;
    return TN_OK;
}

/* The task's labels in place of the file's, and its problem. */
static tn_status set_labels(tn_model *m, tn_err *err)
{
    const tn_model_options *o = &m->options;
    TN_TRY(set_task(m, err));
    if (o->n_labels == 0)
        return TN_OK;
    tn_problem problem = o->problem == TN_PROBLEM_UNSET || m->config.task != TN_TASK_SEQUENCE ? TN_PROBLEM_SINGLE_LABEL : o->problem;
    if (o->n_labels < 2 && problem == TN_PROBLEM_SINGLE_LABEL)
        return tn_fail(err, TN_EINVALID, "%d label given; a classifier needs two or more", (int)o->n_labels);
    if (o->n_labels > TN_MAX_LABELS)
        return tn_fail(err, TN_ELIMIT, "%d labels; a classifier has %d at most", (int)o->n_labels, (int)TN_MAX_LABELS);
    TN_TRY(check_labels(o, err));
    tn_str *label = TN_ARENA_ARRAY(m->arena, tn_str, (size_t)o->n_labels);
    if (!label)
        return tn_fail_nomem(err, (size_t)o->n_labels * sizeof *label);
    for (int32_t i = 0; i < o->n_labels; i++)
        if (!(label[i] = tn_str_dup(m->arena, o->label[i])).ptr)
            return tn_fail_nomem(err, o->label[i].len);
    m->config.n_labels = o->n_labels;
    m->config.label = label;
    m->config.problem = problem;
    m->options.label = label;
    return TN_OK;
}

static tn_status open_tokenizer(tn_model *m, tn_err *err)
{
    const char *path = tn_path_join(m->work, m->dir, "tokenizer.json");
    const char *config = tn_path_join(m->work, m->dir, "tokenizer_config.json");
    if (!path || !config)
        return tn_fail_nomem(err, 256);
    m->max_tokens = m->config.max_positions;
    if (!tn_file_exists(path))
        return TN_OK; /* a model of ids; text functions say that it is missing */
    TN_TRY(tn_tokenizer_open(path, &m->tokenizer, err));
    if (tn_tokenizer_vocab_size(m->tokenizer) > (uint32_t)m->config.vocab_size)
        return tn_fail(err, TN_EFORMAT, "%s: ids up to %u, but the model has %d embeddings", path,
                       tn_tokenizer_vocab_size(m->tokenizer) - 1, (int)m->config.vocab_size);
    if (tn_file_exists(config)) {
        tn_bytes text;
        const tn_json *root;
        double limit; /* "no limit" is written as 1e30 */
        TN_TRY(tn_file_read(config, MAX_CONFIG_BYTES, m->work, &text, err));
        if (tn_json_parse(tn_str_from_bytes(text), m->work, &root, err) != TN_OK)
            return tn_fail_prefix(err, "%s", config);
        if (tn_json_f64(tn_json_get(root, "model_max_length"), &limit) && limit >= 2 && limit < m->max_tokens)
            m->max_tokens = (int32_t)limit;
    }
    return TN_OK;
}

static tn_status list_params(tn_model *m, tn_err *err)
{
    if (!(m->param = tn_arena_calloc(m->arena, m->slot.len * sizeof *m->param)))
        return tn_fail_nomem(err, m->slot.len * sizeof *m->param);
    for (size_t i = 0; i < m->slot.len; i++) {
        const tn_slot *s = &m->slot.ptr[i];
        if (m->options.train && !s->weight->trained)
            continue;
        tn_param *p = &m->param[m->n_params++];
        *p = (tn_param){.name = s->name,
                        .n_dims = s->n_dims,
                        .size = s->size,
                        .value = s->bytes ? NULL : s->weight->value.data + s->offset,
                        .decay = s->decay,
                        .layer = s->layer,
                        .grad = s->weight->grad ? s->weight->grad + s->offset : NULL,
                        .sparse = s->weight->sparse};
        memcpy(p->dim, s->dim, sizeof p->dim);
    }
    return TN_OK;
}

/* An adapter's folder gives way to the one it stands on. */
static tn_status find_base(tn_model *m, const char **adapter, tn_err *err)
{
    tn_str base, revision;
    if (!tn_lora_is_folder(m->dir))
        return TN_OK;
    *adapter = m->dir;
    TN_TRY(tn_lora_base(m->dir, m->arena, &base, &revision, err));
    m->dir = tn_str_c(m->arena, m->options.base ? tn_str_of(m->options.base) : base);
    if (!m->dir)
        return tn_fail_nomem(err, base.len);
    if (!tn_file_is_dir(m->dir))
        return tn_fail(err, TN_ENOENT, "%s is an adapter on %.*s%s%.*s, which is no folder here; name its folder as the base", *adapter, TN_ARG(base),
                       revision.len ? ", revision " : "", TN_ARG(revision));
    return TN_OK;
}

static tn_status load(tn_model *m, tn_err *err)
{
    const char *adapter = NULL;
    TN_TRY(find_base(m, &adapter, err));
    TN_TRY(read_config(m, err));
    tn_config of_file = m->config;
    if (adapter)
        TN_TRY(tn_lora_open(m, adapter, err));
    TN_TRY(set_labels(m, err));
    TN_TRY(m->family->build(m, &m->net, err));
    TN_TRY(tn_lora_attach(m, err));
    if (m->config.in_bytes && (m->options.train || tn_model_has_adapters(m)))
        return tn_fail(err, TN_EINVALID, "%s is an 8-bit model; train the model that it was made from", m->dir);
    TN_TRY(tn_bytes_add_slots(m, err));
    TN_TRY(tn_checkpoint_load(m, &of_file, err));
    TN_TRY(list_params(m, err));
    TN_TRY(open_tokenizer(m, err));
    TN_TRY(tn_pooling_load(m, err));
    tn_arena_reset(m->work);
    return tn_tape_new(m->engine, &m->tape, err);
}

/* With what they point to, but for labels, of which set_labels makes copies: tn_model_opened gives them to others later. */
static bool keep_options(tn_model *m, const tn_model_options *options)
{
    tn_model_options *o = &m->options;
    *o = *options;
    if (o->base && !(o->base = tn_str_c(m->arena, tn_str_of(o->base))))
        return false;
    if (!o->lora)
        return true;
    tn_lora_options *lora = tn_arena_alloc(m->arena, sizeof *lora);
    tn_str *target = TN_ARENA_ARRAY(m->arena, tn_str, o->lora->n_targets);
    if (!lora || !target)
        return false;
    *lora = *o->lora;
    for (size_t i = 0; i < lora->n_targets; i++)
        if (!(target[i] = tn_str_dup(m->arena, lora->target[i])).ptr)
            return false;
    lora->target = target;
    o->lora = lora;
    return true;
}

tn_status tn_model_open(tn_engine *e, const char *dir, const tn_model_options *options, tn_model **out, tn_err *err)
{
    tn_fp_reset();
    if (options && options->train && !tn_engine_has_fma(e))
        return tn_fail(err, TN_EINVALID, "training needs a CPU with FMA instructions, and this one has none");
    tn_model *m = tn_mem_calloc(sizeof *m);
    if (!m)
        return tn_fail_nomem(err, sizeof *m);
    m->engine = e;
    m->arena = tn_arena_new(0);
    m->work = tn_arena_new(0);
    m->dir = m->arena && m->work ? tn_str_c(m->arena, tn_str_of(dir)) : NULL;
    m->opened = m->dir;
    tn_status st = m->dir && (!options || keep_options(m, options)) ? load(m, err) : tn_fail_nomem(err, 256);
    if (st != TN_OK)
        tn_model_close(m);
    else
        *out = m;
    return st;
}

void tn_model_close(tn_model *m)
{
    if (!m)
        return;
    tn_tape_free(m->tape);
    tn_tokenizer_free(m->tokenizer);
    for (size_t i = 0; i < m->owned.len; i++)
        tn_mem_free(m->owned.ptr[i]);
    for (size_t i = 0; i < m->file.len; i++)
        tn_file_close(&m->file.ptr[i]);
    if (m->lora)
        tn_file_close(&m->lora->mapping);
    TN_VEC_FREE(&m->owned);
    TN_VEC_FREE(&m->file);
    TN_VEC_FREE(&m->slot);
    TN_VEC_FREE(&m->fresh);
    TN_VEC_FREE(&m->ignored);
    tn_arena_free(m->arena);
    tn_arena_free(m->work);
    tn_mem_free(m);
}

/* ---- what it is ---- */

const tn_config *tn_model_config(const tn_model *m)
{
    return &m->config;
}

const tn_tokenizer *tn_model_tokenizer(const tn_model *m)
{
    return m->tokenizer;
}

tn_target_kind tn_model_target(const tn_model *m)
{
    if (m->options.encoder_only)
        return TN_TARGET_NONE;
    switch (m->config.task) {
    case TN_TASK_TOKENS:
    case TN_TASK_MASKED: return TN_TARGET_TOKENS;
    case TN_TASK_SPANS: return TN_TARGET_SPANS;
    case TN_TASK_SEQUENCE:
    case TN_TASK_OF_FOLDER: break;
    }
    tn_problem problem = tn_config_problem(&m->config);
    return problem == TN_PROBLEM_REGRESSION    ? TN_TARGET_VALUES
           : problem == TN_PROBLEM_MULTI_LABEL ? TN_TARGET_FLAGS
                                               : TN_TARGET_CLASS;
}

int32_t tn_model_width(const tn_model *m)
{
    return m->config.task == TN_TASK_SPANS    ? 2
           : m->config.task == TN_TASK_MASKED ? m->config.vocab_size
                                              : m->config.n_labels;
}

bool tn_model_uses_types(const tn_model *m)
{
    return m->config.type_vocab_size > 1 && m->family->post_norm && m->family->post_norm->type;
}

tn_engine *tn_model_engine(const tn_model *m)
{
    return m->engine;
}

int32_t tn_model_max_tokens(const tn_model *m)
{
    return m->max_tokens;
}

const tn_str *tn_model_fresh(const tn_model *m, size_t *n)
{
    *n = m->fresh.len;
    return m->fresh.ptr;
}

const tn_str *tn_model_ignored(const tn_model *m, size_t *n)
{
    *n = m->ignored.len;
    return m->ignored.ptr;
}

tn_param *tn_model_params(tn_model *m, size_t *n)
{
    *n = m->n_params;
    return m->param;
}

void tn_model_params_changed(tn_model *m)
{
    for (size_t i = 0; i < m->slot.len; i++)
        m->slot.ptr[i].weight->packed.data = NULL;
}

/* ---- forward ---- */

static tn_status check_batch(const tn_model *m, const tn_batch *b, tn_err *err)
{
    const tn_config *c = &m->config;
    if (b->n_rows < 1 || b->start[0] != 0)
        return tn_fail(err, TN_EINVALID, "a batch needs rows, and offsets from 0");
    for (int32_t r = 0; r < b->n_rows; r++) {
        int32_t n = b->start[r + 1] - b->start[r];
        if (b->start[r + 1] <= b->start[r] || n > c->max_positions)
            return tn_fail(err, TN_EINVALID, "row %d has %d tokens; 1 to %d are possible", (int)r, (int)n,
                           (int)c->max_positions);
    }
    for (int32_t i = 0; i < b->start[b->n_rows]; i++) {
        if (b->ids[i] < 0 || b->ids[i] >= c->vocab_size)
            return tn_fail(err, TN_EINVALID, "token %d has the id %d; the vocabulary ends at %d", (int)i,
                           (int)b->ids[i], (int)c->vocab_size);
        if (b->type_id && (b->type_id[i] < 0 || b->type_id[i] >= c->type_vocab_size))
            return tn_fail(err, TN_EINVALID, "token %d has the type %d of %d", (int)i, (int)b->type_id[i],
                           (int)c->type_vocab_size);
    }
    for (int32_t i = 0; c->task == TN_TASK_MASKED && i < b->n_chosen; i++)
        if (b->chosen[i] < 0 || b->chosen[i] >= b->start[b->n_rows] || (i > 0 && b->chosen[i] <= b->chosen[i - 1]))
            return tn_fail(err, TN_EINVALID, "chosen tokens must be tokens of the batch, ascending");
    return TN_OK;
}

/* Packed copies of all matrices, once; the pages that they came from are given back. */
static tn_status pack_matrices(tn_model *m, tn_err *err)
{
    for (size_t i = 0; i < m->slot.len; i++) {
        tn_weight *w = m->slot.ptr[i].weight;
        if (!m->slot.ptr[i].matrix || w->packed.data || w->packed8.data)
            continue;
        size_t n = tn_gemm_pack_floats(TN_GEMM_FORWARD, (size_t)w->value.dim[0], (size_t)w->value.dim[1]);
        float *storage = tn_model_own(m, n);
        if (!storage)
            return tn_fail_nomem(err, n * sizeof(float));
        tn_tape_pack(m->tape, w, storage);
        for (size_t f = 0; f < m->file.len; f++) {
            uintptr_t from = (uintptr_t)w->value.data, map = (uintptr_t)m->file.ptr[f].map;
            if (from >= map && from - map < m->file.ptr[f].map_len)
                tn_file_forget(&m->file.ptr[f], from - map, from - map + tn_tensor_size(&w->value) * sizeof(float));
        }
    }
    m->packed = true;
    return TN_OK;
}

typedef enum { LOGITS, POOLED, STATES } output_kind;

/* Lines of outputs of rows [0, r): one a row, a token or a chosen token. */
static size_t lines_before(const tn_model *m, const tn_batch *b, int32_t r)
{
    int32_t low = 0, high = b->n_chosen;
    switch (m->config.task) {
    case TN_TASK_TOKENS:
    case TN_TASK_SPANS: return (size_t)b->start[r];
    case TN_TASK_MASKED:
        while (low < high) {
            int32_t mid = low + (high - low) / 2;
            if (b->chosen[mid] < b->start[r])
                low = mid + 1;
            else
                high = mid;
        }
        return (size_t)low;
    case TN_TASK_SEQUENCE:
    case TN_TASK_OF_FOLDER: break;
    }
    return (size_t)r;
}

/* Rows [first, *end) of b as a batch of their own, with at most `limit` tokens but at least one row. */
static tn_status piece_of(tn_model *m, const tn_batch *b, int32_t first, int32_t limit, int32_t *end, tn_batch *out,
                          tn_err *err)
{
    int32_t last = first + 1, from = b->start[first];
    while (last < b->n_rows && b->start[last + 1] - from <= limit)
        last++;
    bool by_choice = m->config.task == TN_TASK_MASKED && b->n_chosen > 0;
    size_t chosen = by_choice ? lines_before(m, b, first) : 0, n = by_choice ? lines_before(m, b, last) - chosen : 0;
    int32_t *start = TN_ARENA_ARRAY(m->work, int32_t, (size_t)(last - first) + 1 + n), *at = start + (last - first) + 1;
    if (!start)
        return tn_fail_nomem(err, ((size_t)(last - first) + 1 + n) * sizeof *start);
    for (int32_t r = first; r <= last; r++)
        start[r - first] = b->start[r] - from;
    for (size_t i = 0; i < n; i++)
        at[i] = b->chosen[chosen + i] - from;
    *out = (tn_batch){.n_rows = last - first,
                      .start = start,
                      .ids = b->ids + from,
                      .type_id = b->type_id ? b->type_id + from : NULL,
                      .n_chosen = (int32_t)n,
                      .chosen = at};
    *end = last;
    return TN_OK;
}

static tn_status forward_piece(tn_model *m, const tn_batch *b, output_kind kind, float *out, tn_err *err)
{
    const int32_t shard[2] = {0, b->n_rows};
    tn_step step = {.rows = {.n_rows = b->n_rows, .start = b->start, .n_shards = 1, .shard = shard}};
    if (kind == LOGITS && lines_before(m, b, b->n_rows) == 0)
        return TN_OK;
    tn_tape_begin(m->tape, &step);
    tn_var *x = m->family->encode(m, m->tape, b);
    if (kind == LOGITS)
        x = m->family->classify(m, m->tape, x, b);
    TN_TRY(tn_tape_status(m->tape, err));
    if (kind != POOLED)
        memcpy(out, x->value.data, tn_tensor_size(&x->value) * sizeof *out);
    else
        tn_pooling_apply(m, &step.rows, &x->value, out);
    return TN_OK;
}

static tn_status forward(tn_model *m, const tn_batch *b, output_kind kind, float *out, tn_err *err)
{
    tn_fp_reset();
    if (b->n_rows == 0)
        return TN_OK;
    TN_TRY(check_batch(m, b, err));
    if (m->share && kind != STATES) {
        const tn_model_share *share = m->share;
        m->share = NULL;
        tn_status st = share->forward(share->ctx, b, kind == LOGITS, out, err);
        m->share = share;
        return st;
    }
    if (m->was_used && !m->packed && !m->options.train)
        TN_TRY(pack_matrices(m, err));
    int32_t limit = m->options.train ? TN_CHUNK_TOKENS_TRAIN : TN_CHUNK_TOKENS;
    size_t width = kind == LOGITS ? (size_t)tn_model_width(m) : (size_t)m->config.hidden_size;
    tn_arena_mark mark = tn_arena_save(m->work);
    tn_status st = TN_OK;
    for (int32_t r = 0, end = 0; r < b->n_rows && st == TN_OK; r = end) {
        tn_batch piece;
        tn_arena_restore(m->work, mark);
        size_t line = kind == LOGITS ? lines_before(m, b, r) : kind == STATES ? (size_t)b->start[r] : (size_t)r;
        if ((st = piece_of(m, b, r, limit, &end, &piece, err)) == TN_OK)
            st = forward_piece(m, &piece, kind, out + line * width, err);
    }
    tn_arena_restore(m->work, mark);
    m->was_used = true;
    return st;
}

void tn_model_set_share(tn_model *m, const tn_model_share *share)
{
    m->share = share;
}

const char *tn_model_dir(const tn_model *m)
{
    return m->opened;
}

const tn_model_options *tn_model_opened(const tn_model *m)
{
    return &m->options;
}

size_t tn_model_n_logits(const tn_model *m, const tn_batch *b)
{
    return (b->n_rows > 0 ? lines_before(m, b, b->n_rows) : 0) * (size_t)tn_model_width(m);
}

tn_status tn_model_logits(tn_model *m, const tn_batch *b, float *logits, tn_err *err)
{
    if (m->options.encoder_only)
        return tn_fail(err, TN_EINVALID, "%s was opened without a head", m->dir);
    return forward(m, b, LOGITS, logits, err);
}

tn_status tn_model_embed(tn_model *m, const tn_batch *b, float *out, tn_err *err)
{
    if (m->no_embedding.len)
        return tn_fail(err, TN_EINVALID, "%.*s", TN_ARG(m->no_embedding));
    return forward(m, b, POOLED, out, err);
}

tn_status tn_model_states(tn_model *m, const tn_batch *b, float *out, tn_err *err)
{
    return forward(m, b, STATES, out, err);
}

void tn_model_scores(const tn_model *m, float *logits, int32_t n)
{
    int32_t width = tn_model_width(m);
    tn_target_kind kind = tn_model_target(m);
    if ((kind == TN_TARGET_CLASS || kind == TN_TARGET_TOKENS) && width > 1)
        tn_op_softmax(m->engine, logits, n, width);
    else if (kind == TN_TARGET_CLASS || kind == TN_TARGET_FLAGS || (kind == TN_TARGET_VALUES && width == 1 && m->config.problem == TN_PROBLEM_UNSET))
        tn_op_sigmoid(logits, (size_t)n * (size_t)width);
}

/* ---- training ---- */

static tn_status check_training(const tn_model *m, const tn_train_batch *b, tn_err *err)
{
    int32_t width = tn_model_width(m);
    if (!m->options.train || m->options.encoder_only)
        return tn_fail(err, TN_EINVALID, "%s was not opened for training", m->dir);
    if (b->target.kind != tn_model_target(m))
        return tn_fail(err, TN_EINVALID, "%s learns from targets of another kind than the batch has", m->dir);
    TN_TRY(check_batch(m, &b->batch, err));
    TN_TRY(tn_targets_check(&b->target, b->batch.n_rows, b->batch.start, width, 0, err));
    TN_TRY(tn_loss_options_check(&b->loss, b->target.kind, width, err));
    bool ok = b->n_shards >= 1 && b->n_shards <= TN_SHARDS_MAX && b->shard[0] == 0 &&
              b->shard[b->n_shards] == b->batch.n_rows;
    for (int32_t s = 0; ok && s < b->n_shards; s++)
        ok = b->shard[s] <= b->shard[s + 1];
    if (!ok)
        return tn_fail(err, TN_EINVALID, "1 to %d shards must cut the %d rows in order", (int)TN_SHARDS_MAX,
                       (int)b->batch.n_rows);
    return TN_OK;
}

/* The tokens that count, and their labels close together. Where none does, one that does not. */
static void choose_counted(tn_model *m, tn_batch *b, tn_targets *target)
{
    int32_t n = b->start[b->n_rows], *chosen = tn_tape_ints(m->tape, (size_t)n), *label = tn_tape_ints(m->tape, (size_t)n);
    if (!chosen || !label)
        return;
    b->n_chosen = 0;
    for (int32_t i = 0; i < n; i++)
        if (target->label[i] >= 0) {
            label[b->n_chosen] = target->label[i];
            chosen[b->n_chosen++] = i;
        }
    if (b->n_chosen == 0) {
        chosen[b->n_chosen++] = 0;
        label[0] = -100;
    }
    b->chosen = chosen;
    target->label = label;
}

struct waiting {
    const tn_model *m;
    const tn_train_batch *batch;
};

/* A weight's parameters: several where slots share it. */
static void tell_ready(void *ctx, const tn_weight *w)
{
    const struct waiting *x = ctx;
    size_t param = 0;
    for (size_t i = 0; i < x->m->slot.len; i++) {
        const tn_weight *own = x->m->slot.ptr[i].weight;
        if (own == w)
            x->batch->ready(x->batch->ready_ctx, param);
        param += own->trained;
    }
}

tn_status tn_model_backward(tn_model *m, const tn_train_batch *b, tn_train_result *out, tn_err *err)
{
    tn_fp_reset();
    TN_TRY(check_training(m, b, err));
    tn_step step = {.rows = {b->batch.n_rows, b->batch.start, b->n_shards, b->shard, b->first_row},
                    .record = true,
                    .dropout = b->dropout,
                    .seed = b->seed,
                    .step = b->step,
                    .ready = b->ready ? tell_ready : NULL,
                    .ready_ctx = &(struct waiting){m, b}};
    tn_tape_begin(m->tape, &step);
    tn_batch batch = b->batch;
    tn_targets target = b->target;
    if (m->config.task == TN_TASK_MASKED)
        choose_counted(m, &batch, &target);
    tn_var *x = m->family->classify(m, m->tape, m->family->encode(m, m->tape, &batch), &batch);
    tn_loss loss;
    tn_tape_loss(m->tape, x, &target, &b->loss, &loss);
    TN_TRY(tn_tape_backward(m->tape, err));
    tn_param *p = m->param;
    for (size_t i = 0; i < m->slot.len; i++) {
        const tn_weight *w = m->slot.ptr[i].weight;
        if (w->trained && w->sparse) {
            p->grad = w->grad;
            p->n_grad_rows = w->n_grad_rows;
            p->grad_row = w->grad_row;
        }
        p += w->trained;
    }
    *out = (tn_train_result){loss.loss, loss.n_correct, loss.n_counted, {loss.sum[0], loss.sum[1]}};
    return TN_OK;
}
