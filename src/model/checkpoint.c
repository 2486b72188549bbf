/* Weights between a folder and the slots of a model.
 *
 * Loading binds each slot to one tensor of the files. A weight that is one whole F32 tensor stays where it is mapped
 * (training makes the mapping private, so writing copies single pages); a weight put together from several tensors, or
 * of another type, gets memory of its own. Every key ends in one of four places: bound, ignored, drawn, or an error.
 *
 * Saving writes the slots under their own names, so what was loaded under old or short names is written as transformers
 * would write it. */
#include "base/fmath.h"
#include "base/map.h"
#include "base/rng.h"
#include "codec/torch.h"
#include "model/family.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    MAX_FILES = 1024,           /* of one checkpoint */
    MAX_INDEX_BYTES = 64 << 20, /* of the list of files */
};

/* ---- which files ---- */

static tn_status open_one(tn_model *m, const char *path, tn_err *err)
{
    tn_file f;
    TN_TRY(tn_file_open(path, &f, err));
    if (!TN_PUSH(&m->file, f)) {
        tn_file_close(&f);
        return tn_fail_nomem(err, sizeof f);
    }
    return m->options.train && !m->pickled ? tn_file_make_private(&m->file.ptr[m->file.len - 1], err) : TN_OK;
}

/* The index names a file for each tensor; each file is opened once, in the order of first mention. */
static tn_status open_sharded(tn_model *m, const char *index, tn_err *err)
{
    tn_bytes text;
    const tn_json *root;
    TN_TRY(tn_file_read(index, MAX_INDEX_BYTES, m->work, &text, err));
    if (tn_json_parse(tn_str_from_bytes(text), m->work, &root, err) != TN_OK)
        return tn_fail_prefix(err, "%s", index);
    const tn_json *files = tn_json_get(root, "weight_map");
    tn_map seen = TN_MAP_INIT;
    tn_status st = TN_OK;
    for (const tn_json *f = tn_json_first(files); f; f = tn_json_next(f)) {
        bool is_new;
        const char *ending = m->pickled ? ".bin" : ".safetensors";
        if (!tn_path_is_safe(tn_json_str(f)) || !tn_str_ends(tn_json_str(f), ending))
            TN_GO(tn_fail(err, TN_EFORMAT, "%s:%u: \"%.*s\" is not the name of a %s file", index, tn_json_line(f),
                          TN_ARG(tn_json_str(f)), ending));
        if (!tn_map_put(&seen, tn_json_str(f), 0, &is_new))
            TN_GO(tn_fail_nomem(err, 64));
        if (!is_new)
            continue;
        if (seen.len > MAX_FILES)
            TN_GO(tn_fail(err, TN_ELIMIT, "%s: more than %d files", index, (int)MAX_FILES));
        const char *path = tn_path_join(m->work, m->dir, tn_json_str(f).ptr);
        TN_GO(path ? open_one(m, path, err) : tn_fail_nomem(err, 256));
    }
    if (seen.len == 0)
        st = tn_fail(err, TN_EFORMAT, "%s: no \"weight_map\"", index);
done:
    tn_map_free(&seen);
    return st;
}

/* safetensors before pickles, one file before several. */
static tn_status open_files(tn_model *m, tn_err *err)
{
    static const struct {
        const char *name;
        bool pickled, sharded;
    } choice[] = {{"model.safetensors", false, false},
                  {"model.safetensors.index.json", false, true},
                  {"pytorch_model.bin", true, false},
                  {"pytorch_model.bin.index.json", true, true}};
    const char *first = NULL;
    for (size_t i = 0; i < TN_COUNT(choice); i++) {
        const char *path = tn_path_join(m->work, m->dir, choice[i].name);
        if (!path)
            return tn_fail_nomem(err, 256);
        first = first ? first : path;
        m->pickled = choice[i].pickled;
        if (tn_file_exists(path))
            return choice[i].sharded ? open_sharded(m, path, err) : open_one(m, path, err);
    }
    return open_one(m, first, err); /* and say that it is missing */
}

/* ---- which tensor is which slot ---- */

/* A checkpoint's name as transformers would write it today. */
static tn_str modern_name(const tn_model *m, tn_str key, bool with_prefix, tn_arena *a)
{
    const char *prefix = m->family->prefix;
    tn_str tail = {"", 0};
    if (tn_str_ends(key, "LayerNorm.gamma")) {
        key.len -= 5;
        tail = TN_STR("weight");
    } else if (tn_str_ends(key, "LayerNorm.beta")) {
        key.len -= 4;
        tail = TN_STR("bias");
    }
    return tn_str_format(a, "%s%.*s%.*s", with_prefix ? prefix : "", TN_ARG(key), TN_ARG(tail));
}

static const char *shape_text(uint32_t rank, const uint64_t *shape, char out[128])
{
    size_t at = (size_t)snprintf(out, 128, "[");
    for (uint32_t i = 0; i < rank && at < 100; i++)
        at += (size_t)snprintf(out + at, 128 - at, "%s%" PRIu64, i ? ", " : "", shape[i]);
    snprintf(out + at, 128 - at, "]");
    return out;
}

tn_status tn_slot_check(const tn_slot *s, const tn_st_entry *e, tn_err *err)
{
    bool same = e->rank == (uint32_t)s->n_dims;
    for (int i = 0; same && i < s->n_dims; i++)
        same = e->shape[i] == (uint64_t)s->dim[i];
    char want[128], got[128];
    uint64_t dim[4];
    for (int i = 0; i < s->n_dims; i++)
        dim[i] = (uint64_t)s->dim[i];
    if (!same)
        return tn_fail(err, TN_EFORMAT, "tensor \"%.*s\" has the shape %s, config.json says %s", TN_ARG(e->name),
                       shape_text(e->rank, e->shape, got), shape_text((uint32_t)s->n_dims, dim, want));
    if (s->bytes && e->dtype != TN_ST_I8)
        return tn_fail(err, TN_EFORMAT, "tensor \"%.*s\" is of type %s; config.json says that it is quantised to I8",
                       TN_ARG(e->name), tn_st_dtype_name(e->dtype));
    if (!s->bytes && e->dtype != TN_ST_F32 && e->dtype != TN_ST_F16 && e->dtype != TN_ST_BF16)
        return tn_fail(err, TN_EINVALID, "tensor \"%.*s\" is of type %s; F32, F16 and BF16 can be loaded",
                       TN_ARG(e->name), tn_st_dtype_name(e->dtype));
    return TN_OK;
}

static bool may_ignore(const tn_family *family, tn_str bare)
{
    for (const char *const *start = family->ignored; *start; start++)
        if (tn_str_starts(bare, *start))
            return true;
    return false;
}

/* bound[i] = the entry of slot i. `slots` maps names to slot numbers. */
static tn_status bind_entry(tn_model *m, const tn_map *slots, const tn_st_entry *e, const tn_st_entry **bound,
                            bool keep_head, tn_err *err)
{
    tn_str bare = e->name, prefix = tn_str_of(m->family->prefix);
    if (tn_str_starts(bare, m->family->prefix))
        bare = tn_str_sub(bare, prefix.len, bare.len);
    const uint64_t *at = NULL;
    for (int with_prefix = 0; with_prefix < 2 && !at; with_prefix++) {
        tn_str name = modern_name(m, e->name, with_prefix, m->work);
        if (!name.ptr)
            return tn_fail_nomem(err, e->name.len);
        at = tn_map_find(slots, name);
    }
    bool of_task = tn_str_starts(bare, "classifier.") || tn_str_starts(bare, "pre_classifier.") ||
                   tn_str_starts(bare, "qa_outputs.");
    if (!at || (of_task && !keep_head)) {
        if (!at && !may_ignore(m->family, bare))
            return tn_fail(err, TN_EFORMAT, "tensor \"%.*s\" is not a part of this architecture (%.*s)",
                           TN_ARG(e->name), TN_ARG(m->config.model_type));
        tn_str name = tn_str_dup(m->arena, e->name);
        return name.ptr && TN_PUSH(&m->ignored, name) ? TN_OK : tn_fail_nomem(err, e->name.len);
    }
    if (bound[*at])
        return tn_fail(err, TN_EFORMAT, "tensors \"%.*s\" and \"%.*s\" are the same parameter",
                       TN_ARG(bound[*at]->name), TN_ARG(e->name));
    TN_TRY(tn_slot_check(&m->slot.ptr[*at], e, err));
    bound[*at] = e;
    return TN_OK;
}

/* A stored head is kept when it answers the same question with the same names. */
static bool same_head(const tn_model *m, const tn_config *of_file)
{
    bool same = of_file->task == TN_TASK_OF_FOLDER || of_file->task == m->config.task;
    if (m->options.n_labels == 0)
        return same;
    same = same && m->options.n_labels == of_file->n_labels &&
           (m->config.task != TN_TASK_SEQUENCE || tn_config_problem(&m->config) == tn_config_problem(of_file));
    for (int32_t i = 0; same && i < of_file->n_labels; i++)
        same = tn_str_eq(m->options.label[i], of_file->label[i]);
    return same;
}

/* ---- values ---- */

/* Half-precision data need not be aligned in the file: through a small buffer that is. */
static void convert(const tn_kernels *k, const tn_st_entry *e, float *out)
{
    uint16_t half[1024];
    size_t n = (size_t)e->n_elements;
    if (e->dtype == TN_ST_F32)
        memcpy(out, e->data.ptr, n * sizeof *out);
    for (size_t i = 0; e->dtype != TN_ST_F32 && i < n; i += TN_COUNT(half)) {
        size_t m = n - i < TN_COUNT(half) ? n - i : TN_COUNT(half);
        memcpy(half, e->data.ptr + 2 * i, m * sizeof *half);
        (e->dtype == TN_ST_F16 ? k->f16_to_f32 : k->bf16_to_f32)(half, out + i, m);
    }
}

/* normal(0, range): Box and Muller over counter draws named by seed and parameter. Biases are zero, norms one. Of an adapter,
 * A is uniform, by its inputs, and B is zero. */
static void draw(const tn_model *m, const tn_slot *s, float *out)
{
    if (s->n_dims == 1) {
        for (size_t i = 0; i < s->size; i++)
            out[i] = s->ones ? 1.0f : 0.0f;
        return;
    }
    tn_rng r = tn_rng_init(m->options.seed, tn_hash64(s->name));
    double bound = s->lora == 'A' ? 1 / sqrt((double)s->dim[1]) : 0;
    for (size_t i = 0; s->lora && i < s->size; i++)
        out[i] = (float)(bound * (2 * tn_rng_f64(&r) - 1));
    for (size_t i = 0; !s->lora && i < s->size; i++) {
        double u = 1 - tn_rng_f64(&r), v = tn_rng_f64(&r);
        out[i] = (float)(m->config.initializer_range * sqrt(-2 * tn_log(u)) * tn_cos(6.283185307179586 * v));
    }
}

static bool is_mapped(const tn_model *m, const uint8_t *p)
{
    for (size_t i = 0; i < m->file.len; i++)
        if ((uintptr_t)p - (uintptr_t)m->file.ptr[i].map < m->file.ptr[i].map_len)
            return true;
    return false;
}

/* Whether the weight is exactly this tensor of the file. Tensors of a pickle may share their elements, so those that are
 * trained get their own. */
static bool stays_mapped(const tn_model *m, const tn_slot *s, const tn_st_entry *e)
{
    return e && e->dtype == TN_ST_F32 && s->size == tn_tensor_size(&s->weight->value) &&
           (uintptr_t)e->data.ptr % sizeof(float) == 0 && !(m->pickled && m->options.train) && is_mapped(m, e->data.ptr);
}

static tn_status fill_slots(tn_model *m, const tn_st_entry **bound, tn_err *err)
{
    for (size_t i = 0; i < m->slot.len; i++) {
        tn_slot *s = &m->slot.ptr[i];
        tn_weight *w = s->weight;
        if (!bound[i] && !s->head && !s->lora)
            return tn_fail(err, TN_EFORMAT, "tensor \"%.*s\" is missing", TN_ARG(s->name));
        if (s->bytes) {
            if (!tn_bytes_take(s, bound[i]->data.ptr))
                return tn_fail_nomem(err, tn_tensor_size(&w->value));
            continue;
        }
        if (stays_mapped(m, s, bound[i])) {
            w->value.data = (float *)(uintptr_t)bound[i]->data.ptr;
            continue;
        }
        if (!w->value.data && !(w->value.data = tn_model_own(m, tn_tensor_size(&w->value))))
            return tn_fail_nomem(err, tn_tensor_size(&w->value) * sizeof(float));
        if (bound[i]) {
            convert(tn_engine_kernels(m->engine), bound[i], w->value.data + s->offset);
        } else {
            draw(m, s, w->value.data + s->offset);
            if (!s->lora && !TN_PUSH(&m->fresh, s->name))
                return tn_fail_nomem(err, sizeof s->name);
        }
    }
    return TN_OK;
}

static tn_status make_gradients(tn_model *m, tn_err *err)
{
    for (size_t i = 0; i < m->slot.len; i++) {
        tn_weight *w = m->slot.ptr[i].weight;
        const tn_slot *s = &m->slot.ptr[i];
        w->trained = m->lora ? s->lora || s->head : s->head || s->layer >= m->options.freeze;
        if (!w->trained || w->sparse || w->grad)
            continue;
        size_t n = tn_tensor_size(&w->value);
        if (!(w->grad = tn_model_own(m, n)))
            return tn_fail_nomem(err, n * sizeof(float));
        memset(w->grad, 0, n * sizeof(float));
    }
    return TN_OK;
}

static tn_status bind_all(tn_model *m, const tn_map *slots, const tn_st_entry **bound, bool keep_head, tn_err *err)
{
    for (size_t f = 0; f < m->file.len; f++) {
        tn_st st;
        TN_TRY((m->pickled ? tn_torch_parse : tn_st_parse)(m->file.ptr[f].bytes, m->work, &st, err));
        for (size_t i = 0; i < st.n; i++)
            TN_TRY(bind_entry(m, slots, &st.entry[i], bound, keep_head, err));
    }
    return TN_OK;
}

tn_status tn_checkpoint_load(tn_model *m, const tn_config *of_file, tn_err *err)
{
    tn_map slots = TN_MAP_INIT;
    tn_status st = TN_OK;
    const tn_st_entry **bound = tn_arena_calloc(m->work, (m->slot.len + 1) * sizeof *bound);
    if (!bound || !tn_map_reserve(&slots, m->slot.len))
        TN_GO(tn_fail_nomem(err, m->slot.len * sizeof *bound));
    for (size_t i = 0; i < m->slot.len; i++)
        if (!tn_map_put(&slots, m->slot.ptr[i].name, i, NULL))
            TN_GO(tn_fail_nomem(err, 64));
    TN_GO(open_files(m, err));
    st = bind_all(m, &slots, bound, same_head(m, of_file), err);
    if (st == TN_OK)
        st = tn_lora_bind(m, &slots, bound, err);
    if (st == TN_OK)
        st = fill_slots(m, bound, err);
    if (st == TN_OK)
        st = tn_bytes_pack(m, err);
    if (st != TN_OK)
        tn_fail_prefix(err, "%s", m->dir);
    if (st == TN_OK && m->options.train)
        st = make_gradients(m, err);
done:
    tn_bytes_done(m);
    tn_map_free(&slots);
    return st;
}

/* ---- saving ---- */

static tn_status write_weights(const tn_model *m, const char *dir, tn_arena *a, tn_err *err)
{
    tn_st_item *item = TN_ARENA_ARRAY(a, tn_st_item, m->slot.len);
    uint64_t(*shape)[4] = tn_arena_array(a, m->slot.len, sizeof *shape);
    const char *path = tn_path_join(a, dir, "model.safetensors");
    if (!item || !shape || !path)
        return tn_fail_nomem(err, m->slot.len * sizeof *item);
    for (size_t i = 0; i < m->slot.len; i++) {
        const tn_slot *s = &m->slot.ptr[i];
        for (int d = 0; d < s->n_dims; d++)
            shape[i][d] = (uint64_t)s->dim[d];
        item[i] = (tn_st_item){.name = s->name,
                               .dtype = TN_ST_F32,
                               .rank = (uint32_t)s->n_dims,
                               .shape = shape[i],
                               .data = {(const uint8_t *)(s->weight->value.data + s->offset), s->size * sizeof(float)}};
    }
    return tn_st_write(path, item, m->slot.len, &(tn_st_meta){"format", "pt"}, 1, err);
}

static tn_status write_config(const tn_model *m, const char *dir, tn_arena *a, tn_err *err)
{
    const char *path = tn_path_join(a, dir, "config.json");
    tn_buf text = TN_BUF_INIT;
    tn_status st = path ? tn_config_write(&m->config, &text, err) : tn_fail_nomem(err, 256);
    if (st == TN_OK)
        st = tn_file_write(path, tn_str_bytes(tn_buf_view(&text)), err);
    tn_buf_free(&text);
    return st;
}

static tn_status copy_tokenizer(const tn_model *m, const char *dir, tn_arena *a, tn_err *err)
{
    static const char *const name[] = {
        "tokenizer.json", "tokenizer_config.json",  "special_tokens_map.json", "added_tokens.json",
        "vocab.txt",      "sentencepiece.bpe.model", "spiece.model", "spm.model", "vocab.json", "merges.txt"};
    for (size_t i = 0; i < TN_COUNT(name); i++) {
        const char *from = tn_path_join(a, m->dir, name[i]), *to = tn_path_join(a, dir, name[i]);
        if (!from || !to)
            return tn_fail_nomem(err, 256);
        if (tn_file_exists(from))
            TN_TRY(tn_file_copy(from, to, err));
    }
    return TN_OK;
}

/* Folders beside `target` that a killed process left while it saved: as large as a model, and of no use. */
static tn_status remove_leftovers(const char *target, tn_arena *a, tn_err *err)
{
    tn_str *name, at = tn_str_of(target);
    tn_str prefix = tn_str_format(a, "%.*s.tmp.", TN_ARG(tn_path_name(at)));
    const char *dir = tn_str_c(a, tn_path_dir(at));
    size_t n;
    if (!prefix.ptr || !dir)
        return tn_fail_nomem(err, at.len);
    if (tn_file_list(dir, a, &name, &n, NULL) != TN_OK)
        return TN_OK; /* a folder that is not there yet, or may not be listed */
    for (size_t i = 0; i < n; i++) {
        int64_t pid;
        if (!tn_str_starts(name[i], prefix.ptr) ||
            !tn_str_to_i64(tn_str_sub(name[i], prefix.len, name[i].len), &pid) || pid < 1 || pid > INT32_MAX ||
            kill((pid_t)pid, 0) == 0 || errno != ESRCH)
            continue;
        const char *path = tn_path_join(a, dir, name[i].ptr);
        TN_TRY(path ? tn_file_remove(path, err) : tn_fail_nomem(err, name[i].len));
    }
    return TN_OK;
}

tn_status tn_model_save_folder(const tn_model *m, const char *dir, tn_model_writer *write, const void *ctx, tn_err *err)
{
    tn_arena *a = tn_arena_new(0);
    tn_str to = a ? tn_str_dup(a, tn_str_of(dir)) : (tn_str){0};
    while (to.ptr && to.len > 1 && to.ptr[to.len - 1] == '/')
        to.len--;
    const char *target = to.ptr ? tn_str_c(a, to) : NULL;
    const char *temporary = target ? tn_str_format(a, "%s.tmp.%ld", target, (long)getpid()).ptr : NULL;
    tn_status st;
    if (!temporary) {
        tn_arena_free(a);
        return tn_fail_nomem(err, 256);
    }
    TN_GO(remove_leftovers(target, a, err));
    TN_GO(tn_file_remove(temporary, err));
    TN_GO(tn_file_mkdirs(temporary, err));
    TN_GO(write(m, ctx, temporary, a, err));
    TN_GO(copy_tokenizer(m, temporary, a, err));
    TN_GO(tn_file_replace_dir(temporary, target, err));
done:
    if (st != TN_OK)
        tn_file_remove(temporary, NULL);
    tn_arena_free(a);
    return st;
}

static tn_status write_model(const tn_model *m, const void *ctx, const char *dir, tn_arena *a, tn_err *err)
{
    TN_TRY(write_config(m, dir, a, err));
    return write_weights(m, dir, a, err);
}

tn_status tn_model_save(const tn_model *m, const char *dir, tn_err *err)
{
    if (m->options.encoder_only)
        return tn_fail(err, TN_EINVALID,
                       "the model was opened without a head; there is nothing to save");
    if (m->config.in_bytes)
        return tn_fail(err, TN_EINVALID, "%s is an 8-bit model; save the model that it was made from", m->dir);
    if (tn_model_has_adapters(m))
        return tn_fail(err, TN_EINVALID, "the model has adapters; merge them, or save the adapters");
    return tn_model_save_folder(m, dir, write_model, NULL, err);
}
