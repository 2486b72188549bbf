/* An adapter is two more slots a linear layer, behind all others, and an entry in the weight that the tape looks at
 * (tensor/tape.h). A weight may be several tensors of the checkpoint (query, key, value): each has its own adapter, on its
 * own outputs.
 *
 * The file of an adapter is read before the network is built, because it says how many labels the head has; its tensors
 * take the places of the base's in `bound` (checkpoint.c), so loading is the same for both. */
#include "base/map.h"
#include "codec/torch.h"
#include "model/family.h"
#include "model/lora.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_CONFIG_BYTES = 1 << 20, MAX_RANK = 1024 };

static const char PREFIX[] = "base_model.model.", A[] = ".lora_A.weight", B[] = ".lora_B.weight";

bool tn_lora_is_folder(const char *dir)
{
    tn_arena *a = tn_arena_new(0);
    const char *adapter = a ? tn_path_join(a, dir, "adapter_config.json") : NULL, *config = a ? tn_path_join(a, dir, "config.json") : NULL;
    bool is = adapter && config && tn_file_exists(adapter) && !tn_file_exists(config);
    tn_arena_free(a);
    return is;
}

/* ---- adapter_config.json ---- */

static tn_status read_json(const char *dir, tn_arena *a, const tn_json **out, tn_err *err)
{
    const char *path = tn_path_join(a, dir, "adapter_config.json");
    tn_bytes text;
    if (!path)
        return tn_fail_nomem(err, 256);
    TN_TRY(tn_file_read(path, MAX_CONFIG_BYTES, a, &text, err));
    if (tn_json_parse_with(tn_str_from_bytes(text), &(tn_json_options){.allow_nan = true}, a, out, err) != TN_OK)
        return tn_fail_prefix(err, "%s", path);
    if (!tn_json_is_str(tn_json_get(*out, "peft_type"), "LORA"))
        return tn_fail(err, TN_EINVALID, "%s: peft_type is \"%.*s\"; LORA can be used", path, TN_ARG(tn_json_str(tn_json_get(*out, "peft_type"))));
    return TN_OK;
}

tn_status tn_lora_base(const char *dir, tn_arena *a, tn_str *base, tn_str *revision, tn_err *err)
{
    const tn_json *root;
    TN_TRY(read_json(dir, a, &root, err));
    *base = tn_json_str(tn_json_get(root, "base_model_name_or_path"));
    *revision = tn_json_str(tn_json_get(root, "revision"));
    return base->len ? TN_OK : tn_fail(err, TN_EFORMAT, "%s/adapter_config.json names no base_model_name_or_path", dir);
}

/* Absent, null, false, and empty lists and mappings: what a setting is when it is not used. */
static bool is_set(const tn_json *v)
{
    bool flag;
    switch (tn_json_type(v)) {
    case TN_JSON_NONE:
    case TN_JSON_NULL: return false;
    case TN_JSON_BOOL: return tn_json_bool(v, &flag) && flag;
    case TN_JSON_ARRAY:
    case TN_JSON_OBJECT: return tn_json_len(v) > 0;
    default: return true;
    }
}

static tn_status read_options(const char *dir, const tn_json *root, tn_lora_options *o, tn_err *err)
{
    static const char *const refused[] = {"use_dora",         "use_qalora",  "use_bdlora",        "lora_bias",         "fan_in_fan_out",       "alpha_pattern", "layer_replication",
                                          "target_parameters", "kasa_config", "monteclora_config", "velora_config", "trainable_token_indices"};
    *o = (tn_lora_options){.alpha = 8, .rank = 8};
    for (size_t i = 0; i < TN_COUNT(refused); i++)
        if (is_set(tn_json_get(root, refused[i])))
            return tn_fail(err, TN_EINVALID, "%s/adapter_config.json: \"%s\" is set; that variant of LoRA is not supported", dir, refused[i]);
    const tn_json *alpha = tn_json_get(root, "lora_alpha"), *dropout = tn_json_get(root, "lora_dropout");
    if (alpha && (!tn_json_f64(alpha, &o->alpha) || !(fabs(o->alpha) < 1e9)))
        return tn_fail(err, TN_EFORMAT, "%s/adapter_config.json: lora_alpha must be a number", dir);
    if (dropout && (!tn_json_f64(dropout, &o->dropout) || !(o->dropout >= 0 && o->dropout < 1)))
        return tn_fail(err, TN_EFORMAT, "%s/adapter_config.json: lora_dropout must be from 0 to below 1", dir);
    o->rslora = is_set(tn_json_get(root, "use_rslora"));
    return TN_OK;
}

/* ---- the file ---- */

static bool strip(tn_str *name, const char *end)
{
    if (!tn_str_ends(*name, end))
        return false;
    name->len -= strlen(end);
    return true;
}

/* The entry of a module's tensor, whose name may lack the prefix of the family. */
static const tn_st_entry *find(const tn_model *m, tn_str module, const char *end)
{
    for (int bare = 0; bare < 2; bare++) {
        if (bare && !tn_str_starts(module, m->family->prefix))
            break;
        tn_str rest = bare ? tn_str_sub(module, strlen(m->family->prefix), module.len) : module;
        tn_str name = tn_str_format(m->work, "%s%.*s%s", PREFIX, TN_ARG(rest), end);
        const tn_st_entry *e = name.ptr ? tn_st_find(&m->lora->file, name) : NULL;
        if (e)
            return e;
    }
    return NULL;
}

static tn_status open_file(tn_model *m, const char *dir, tn_err *err)
{
    const char *path = tn_path_join(m->work, dir, "adapter_model.safetensors"), *pickle = tn_path_join(m->work, dir, "adapter_model.bin");
    if (!path || !pickle)
        return tn_fail_nomem(err, 256);
    bool pickled = !tn_file_exists(path) && tn_file_exists(pickle);
    tn_file f;
    TN_TRY(tn_file_open(pickled ? pickle : path, &f, err));
    m->lora->mapping = f;
    if ((pickled ? tn_torch_parse : tn_st_parse)(f.bytes, m->work, &m->lora->file, err) != TN_OK)
        return tn_fail_prefix(err, "%s", pickled ? pickle : path);
    return TN_OK;
}

/* Labels that the file names, or as many as its classifier has outputs. */
static tn_status find_labels(tn_model *m, tn_err *err)
{
    static const char *const last[] = {"classifier.weight", "classifier.out_proj.weight"};
    const tn_json *names = NULL, *text = tn_json_get(m->lora->file.metadata, "labels");
    if (text && tn_json_parse(tn_json_str(text), m->work, &names, err) != TN_OK)
        return tn_fail_prefix(err, "adapter_model.safetensors: labels");
    const tn_st_entry *head = NULL;
    for (size_t i = 0; i < TN_COUNT(last) && !head; i++)
        head = find(m, tn_str_of(last[i]), "");
    size_t n = names ? tn_json_len(names) : head && head->rank == 2 ? (size_t)head->shape[0] : 0;
    if (n == 0 || (!names && n == (size_t)m->config.n_labels))
        return TN_OK;
    if (n > TN_MAX_LABELS)
        return tn_fail(err, TN_ELIMIT, "%zu labels; a classifier has %d at most", n, (int)TN_MAX_LABELS);
    tn_str *label = TN_ARENA_ARRAY(m->arena, tn_str, n);
    if (!label)
        return tn_fail_nomem(err, n * sizeof *label);
    const tn_json *v = tn_json_first(names);
    for (size_t i = 0; i < n; i++, v = tn_json_next(v)) {
        label[i] = names ? tn_str_dup(m->arena, tn_json_str(v)) : tn_str_format(m->arena, "LABEL_%zu", i);
        if (!label[i].ptr)
            return tn_fail_nomem(err, 64);
    }
    m->config.n_labels = (int32_t)n;
    m->config.label = label;
    return TN_OK;
}

tn_status tn_lora_open(tn_model *m, const char *dir, tn_err *err)
{
    const tn_json *root;
    if (!(m->lora = tn_arena_calloc(m->arena, sizeof *m->lora)))
        return tn_fail_nomem(err, sizeof *m->lora);
    m->lora->of_folder = true;
    TN_TRY(read_json(dir, m->work, &root, err));
    TN_TRY(read_options(dir, root, &m->lora->o, err));
    TN_TRY(open_file(m, dir, err));
    return m->options.n_labels == 0 ? find_labels(m, err) : TN_OK;
}

/* ---- what is adapted ---- */

static bool is_target(const tn_lora_options *o, tn_str module, bool *used)
{
    bool any = o->n_targets == 0;
    for (size_t i = 0; i < o->n_targets; i++) {
        tn_str t = o->target[i];
        bool at_end = module.len >= t.len && memcmp(module.ptr + module.len - t.len, t.ptr, t.len) == 0;
        if (at_end && (module.len == t.len || module.ptr[module.len - t.len - 1] == '.'))
            any = used[i] = true;
    }
    return any;
}

static tn_status attach(tn_model *m, size_t slot, tn_str module, int32_t rank, tn_err *err)
{
    const tn_slot s = m->slot.ptr[slot]; /* a copy: the list grows */
    tn_weight *w = s.weight;
    const tn_lora_options *o = &m->lora->o;
    if (!w->adapter && !(w->adapter = tn_arena_calloc(m->arena, TN_ADAPTERS_MAX * sizeof *w->adapter)))
        return tn_fail_nomem(err, TN_ADAPTERS_MAX * sizeof *w->adapter);
    TN_ASSERT(w->n_adapters < TN_ADAPTERS_MAX);
    tn_adapter *a = &w->adapter[w->n_adapters++];
    a->first = (int64_t)s.offset / s.dim[1];
    a->scale = o->rslora ? o->alpha / sqrt((double)rank) : o->alpha / rank;
    a->dropout = o->dropout;
    tn_slot_spec down = {.weight = &a->a, .n_dims = 2, .dim = {rank, s.dim[1]}, .decay = true, .matrix = true, .lora = 'A', .layer = s.layer},
                 up = {.weight = &a->b, .n_dims = 2, .dim = {s.dim[0], rank}, .decay = true, .matrix = true, .lora = 'B', .layer = s.layer};
    return tn_model_add_slot(m, down, "%s%.*s%s", PREFIX, TN_ARG(module), A) && tn_model_add_slot(m, up, "%s%.*s%s", PREFIX, TN_ARG(module), B)
               ? TN_OK
               : tn_fail_nomem(err, 256);
}

static tn_status rank_of(const tn_model *m, tn_str module, int32_t *rank, tn_err *err)
{
    const tn_st_entry *e = find(m, module, A);
    if (e && (e->rank != 2 || e->shape[0] < 1 || e->shape[0] > MAX_RANK))
        return tn_fail(err, TN_EINVALID, "adapter \"%.*s\": a rank from 1 to %d is possible", TN_ARG(module), (int)MAX_RANK);
    *rank = e ? (int32_t)e->shape[0] : 0;
    return TN_OK;
}

tn_status tn_lora_attach(tn_model *m, tn_err *err)
{
    if (m->options.lora && !m->lora) {
        if (!(m->lora = tn_arena_calloc(m->arena, sizeof *m->lora)))
            return tn_fail_nomem(err, sizeof *m->lora);
        m->lora->o = *m->options.lora;
    }
    if (!m->lora)
        return TN_OK;
    const tn_lora_options *o = &m->lora->o;
    if (m->config.task == TN_TASK_MASKED && !m->options.encoder_only)
        return tn_fail(err, TN_EINVALID, "LoRA: a masked language model, whose head is tied to its words, gets no adapters here");
    if (!m->lora->of_folder && (o->rank < 1 || o->rank > MAX_RANK || !(o->dropout >= 0 && o->dropout < 1) || !(fabs(o->alpha) < 1e9)))
        return tn_fail(err, TN_EINVALID, "LoRA: rank must be from 1 to %d, dropout from 0 to below 1, alpha a number", (int)MAX_RANK);
    bool *used = tn_arena_calloc(m->work, o->n_targets + 1);
    if (!used)
        return tn_fail_nomem(err, o->n_targets);
    size_t n = m->slot.len;
    for (size_t i = 0; i < n; i++) {
        tn_str module = m->slot.ptr[i].name;
        int32_t rank = o->rank;
        if (!m->slot.ptr[i].matrix || m->slot.ptr[i].words || !strip(&module, ".weight"))
            continue;
        if (m->lora->of_folder)
            TN_TRY(rank_of(m, module, &rank, err));
        else if (m->slot.ptr[i].head || !is_target(o, module, used))
            continue;
        if (rank > 0)
            TN_TRY(attach(m, i, module, rank, err));
    }
    for (size_t i = 0; i < o->n_targets; i++)
        if (!used[i])
            return tn_fail(err, TN_EINVALID, "LoRA: \"%.*s\" is no linear layer of %s", TN_ARG(o->target[i]), m->dir);
    return TN_OK;
}

/* ---- reading ---- */

/* With biases, peft writes its own wrappings into names: "X.base_layer.bias", "X.modules_to_save.bias". */
static tn_status unwrap(const tn_model *m, tn_str *name, tn_err *err)
{
    static const char *const wrapping[] = {".base_layer.", ".modules_to_save.default.", ".modules_to_save."};
    for (size_t i = 0; i < TN_COUNT(wrapping); i++) {
        size_t at = tn_str_find(*name, tn_str_of(wrapping[i]), 0);
        if (at == SIZE_MAX)
            continue;
        *name = tn_str_format(m->work, "%.*s.%.*s", TN_ARG(tn_str_sub(*name, 0, at)),
                              TN_ARG(tn_str_sub(*name, at + strlen(wrapping[i]), name->len)));
        if (!name->ptr)
            return tn_fail_nomem(err, 64);
    }
    return TN_OK;
}

tn_status tn_lora_bind(tn_model *m, const tn_map *slots, const tn_st_entry **bound, tn_err *err)
{
    for (size_t i = 0; m->lora && i < m->lora->file.n; i++) {
        const tn_st_entry *e = &m->lora->file.entry[i];
        tn_str name = e->name;
        if (!tn_str_starts(name, PREFIX))
            return tn_fail(err, TN_EFORMAT, "adapter: tensor \"%.*s\" does not begin with %s", TN_ARG(name), PREFIX);
        tn_str rest = tn_str_sub(name, sizeof PREFIX - 1, name.len);
        TN_TRY(unwrap(m, &rest, err));
        bool of_adapter = tn_str_ends(name, A) || tn_str_ends(name, B);
        if (tn_str_find(rest, TN_STR(".original_module."), 0) != SIZE_MAX)
            continue; /* what the head was before peft trained its copy */
        const uint64_t *at = NULL;
        for (int with_prefix = 0; with_prefix < 2 && !at; with_prefix++) {
            tn_str full = tn_str_format(m->work, "%s%s%.*s", of_adapter ? PREFIX : "", with_prefix ? m->family->prefix : "", TN_ARG(rest));
            if (!full.ptr)
                return tn_fail_nomem(err, name.len);
            at = tn_map_find(slots, full);
        }
        if (at) {
            TN_TRY(tn_slot_check(&m->slot.ptr[*at], e, err));
            bound[*at] = e;
            continue;
        }
        if (!m->options.encoder_only || of_adapter || tn_str_find(rest, TN_STR("lora_"), 0) != SIZE_MAX)
            return tn_fail(err, TN_EINVALID, "adapter: tensor \"%.*s\" belongs to no linear layer and no head of this model (%.*s)", TN_ARG(name),
                           TN_ARG(m->config.model_type));
        tn_str copy = tn_str_dup(m->arena, name);
        if (!copy.ptr || !TN_PUSH(&m->ignored, copy))
            return tn_fail_nomem(err, name.len);
    }
    return TN_OK;
}

/* ---- writing ---- */

bool tn_model_has_adapters(const tn_model *m)
{
    for (size_t i = 0; i < m->slot.len; i++)
        if (m->slot.ptr[i].lora)
            return true;
    return false;
}

/* The module that a head's tensor is in, as peft wraps it: "classifier", "bert.pooler". */
static tn_str head_module(const tn_model *m, tn_str name)
{
    tn_str prefix = tn_str_of(m->family->prefix);
    size_t at = tn_str_starts(name, m->family->prefix) ? prefix.len : 0;
    while (at < name.len && name.ptr[at] != '.')
        at++;
    return tn_str_sub(name, 0, at);
}

static tn_status write_tensors(const tn_model *m, const char *dir, tn_arena *a, tn_err *err)
{
    const char *path = tn_path_join(a, dir, "adapter_model.safetensors");
    tn_st_item *item = TN_ARENA_ARRAY(a, tn_st_item, m->slot.len);
    uint64_t(*shape)[4] = tn_arena_array(a, m->slot.len, sizeof *shape);
    tn_buf labels = TN_BUF_INIT;
    tn_json_writer w;
    size_t n = 0;
    if (!path || !item || !shape)
        return tn_fail_nomem(err, m->slot.len * sizeof *item);
    for (size_t i = 0; i < m->slot.len; i++) {
        const tn_slot *s = &m->slot.ptr[i];
        if (!s->lora && !s->head)
            continue;
        for (int d = 0; d < s->n_dims; d++)
            shape[n][d] = (uint64_t)s->dim[d];
        tn_str name = s->lora ? s->name : tn_str_format(a, "%s%.*s", PREFIX, TN_ARG(s->name));
        if (!name.ptr)
            return tn_fail_nomem(err, s->name.len);
        item[n] = (tn_st_item){.name = name, .dtype = TN_ST_F32, .rank = (uint32_t)s->n_dims, .shape = shape[n],
                               .data = {(const uint8_t *)(s->weight->value.data + s->offset), s->size * sizeof(float)}};
        n++;
    }
    tn_jw_init(&w, &labels, 0);
    tn_jw_begin_array(&w);
    for (int32_t i = 0; i < m->config.n_labels; i++)
        tn_jw_str(&w, m->config.label[i]);
    tn_jw_end_array(&w);
    tn_status st = tn_buf_status(&labels, err);
    const char *text = st == TN_OK ? tn_str_c(a, tn_buf_view(&labels)) : NULL;
    tn_buf_free(&labels);
    if (st == TN_OK && !text)
        st = tn_fail_nomem(err, 64);
    return st == TN_OK ? tn_st_write(path, item, n, (const tn_st_meta[]){{"format", "pt"}, {"labels", text}}, 2, err) : st;
}

struct origin {
    tn_str base, revision;
};

static void write_modules(const tn_model *m, tn_json_writer *w, bool heads)
{
    tn_str last = {"", 0};
    tn_jw_begin_array(w);
    for (size_t i = 0; i < m->slot.len; i++) {
        const tn_slot *s = &m->slot.ptr[i];
        tn_str module = s->name;
        if (heads && s->head) {
            module = head_module(m, s->name);
            if (!tn_str_eq(module, last))
                tn_jw_str(w, module);
            last = module;
        } else if (!heads && s->lora == 'A') {
            strip(&module, A);
            tn_jw_str(w, tn_str_sub(module, sizeof PREFIX - 1, module.len));
        }
    }
    tn_jw_end_array(w);
}

static tn_status write_config(const tn_model *m, const struct origin *from, const char *dir, tn_arena *a, tn_err *err)
{
    const char *path = tn_path_join(a, dir, "adapter_config.json");
    const tn_lora_options *o = &m->lora->o;
    tn_buf b = TN_BUF_INIT;
    tn_json_writer w;
    tn_jw_init(&w, &b, 2);
    tn_jw_begin_object(&w);
    tn_jw_key(&w, "base_model_name_or_path"), tn_jw_str(&w, from->base);
    tn_jw_key(&w, "bias"), tn_jw_c(&w, "none");
    tn_jw_key(&w, "fan_in_fan_out"), tn_jw_bool(&w, false);
    tn_jw_key(&w, "inference_mode"), tn_jw_bool(&w, true);
    tn_jw_key(&w, "init_lora_weights"), tn_jw_bool(&w, true);
    tn_jw_key(&w, "lora_alpha"), tn_jw_f64(&w, o->alpha);
    tn_jw_key(&w, "lora_dropout"), tn_jw_f64(&w, o->dropout);
    tn_jw_key(&w, "modules_to_save"), write_modules(m, &w, true);
    tn_jw_key(&w, "peft_type"), tn_jw_c(&w, "LORA");
    tn_jw_key(&w, "r"), tn_jw_i64(&w, o->rank);
    tn_jw_key(&w, "revision");
    if (from->revision.len)
        tn_jw_str(&w, from->revision);
    else
        tn_jw_null(&w);
    tn_jw_key(&w, "target_modules"), write_modules(m, &w, false);
    tn_jw_key(&w, "task_type"), tn_jw_c(&w, m->config.task == TN_TASK_TOKENS  ? "TOKEN_CLS"
                                            : m->config.task == TN_TASK_SPANS ? "QUESTION_ANS"
                                                                              : "SEQ_CLS");
    tn_jw_key(&w, "use_rslora"), tn_jw_bool(&w, o->rslora);
    tn_jw_end_object(&w);
    tn_buf_char(&b, '\n');
    tn_status st = tn_buf_status(&b, err);
    if (st == TN_OK)
        st = path ? tn_file_write(path, tn_str_bytes(tn_buf_view(&b)), err) : tn_fail_nomem(err, 256);
    tn_buf_free(&b);
    return st;
}

static tn_status write_adapter(const tn_model *m, const void *from, const char *dir, tn_arena *a, tn_err *err)
{
    TN_TRY(write_config(m, from, dir, a, err));
    return write_tensors(m, dir, a, err);
}

tn_status tn_model_save_adapter(const tn_model *m, tn_str base, tn_str revision, const char *dir, tn_err *err)
{
    if (!tn_model_has_adapters(m) || m->lora->of_folder)
        return tn_fail(err, TN_EINVALID, "the model has no adapters that were trained here; there is nothing to save");
    return tn_model_save_folder(m, dir, write_adapter, &(struct origin){base, revision}, err);
}

/* ---- merging ---- */

/* Lines [first, ...) of w += scale B A. `sum` has room for a line. */
static void merge_one(const tn_kernels *k, tn_weight *w, const tn_adapter *a, float *sum)
{
    size_t wide = (size_t)w->value.dim[1], rank = (size_t)a->b.value.dim[1];
    for (int64_t o = 0; o < a->b.value.dim[0]; o++) {
        float *line = w->value.data + (size_t)(a->first + o) * wide;
        k->fill(sum, 0, wide);
        for (size_t r = 0; r < rank; r++)
            k->axpy(a->b.value.data[(size_t)o * rank + r], a->a.value.data + r * wide, sum, wide);
        k->scale(sum, (float)a->scale, sum, wide);
        k->add(line, sum, line, wide);
    }
}

tn_status tn_model_merge(tn_model *m, tn_err *err)
{
    size_t n = 0, widest = 1;
    for (size_t i = 0; i < m->slot.len; i++) {
        const tn_slot *s = &m->slot.ptr[i];
        n += !s->lora;
        if (s->matrix && (size_t)s->dim[1] > widest)
            widest = (size_t)s->dim[1];
    }
    float *sum = tn_mem_alloc(widest * sizeof *sum);
    if (!sum)
        return tn_fail_nomem(err, widest * sizeof *sum);
    for (size_t i = 0; i < n; i++) {
        tn_weight *w = m->slot.ptr[i].weight;
        size_t size = tn_tensor_size(&w->value);
        if (w->n_adapters == 0)
            continue;
        if (!m->options.train) { /* what was mapped for reading becomes our own */
            float *own = tn_model_own(m, size);
            if (!own) {
                tn_mem_free(sum);
                return tn_fail_nomem(err, size * sizeof *own);
            }
            memcpy(own, w->value.data, size * sizeof *own);
            w->value.data = own;
        }
        for (int32_t k = 0; k < w->n_adapters; k++)
            merge_one(tn_engine_kernels(m->engine), w, &w->adapter[k], sum);
        w->n_adapters = 0;
    }
    tn_mem_free(sum);
    tn_model_params_changed(m);
    m->packed = false;
    m->slot.len = n; /* adapters are the last slots */
    m->n_params = m->options.train ? 0 : n;
    return TN_OK;
}
