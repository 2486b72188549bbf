/* One pass over the list of files gives each folder a set of marks; the marks decide. */
#include "check/folder.h"

#include "base/file.h"
#include "base/map.h"
#include "check/walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HAS_CONFIG = 1,
    HAS_ADAPTER = 2,
    HAS_WEIGHTS = 4,
    HAS_MODULES = 8, /* sentence-transformers */
    HAS_PLAN = 16,
    HAS_RECORD = 32, /* of a run */
    HAS_TRAIN = 64,  /* data files named for splits */
    HAS_HELD_OUT = 128,
};

static bool one_of(tn_str name, const char *const *list)
{
    for (; *list; list++)
        if (tn_str_is(name, *list))
            return true;
    return false;
}

tn_weights tn_weights_of(tn_str name)
{
    static const char *const state[] = {"optimizer.pt", "scheduler.pt", "scaler.pt", "training_args.bin", "optimizer.bin", "scheduler.bin", NULL};
    static const char *const pickled[] = {".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".dill", NULL};
    static const char *const binary[] = {"pytorch_model", "adapter_model", "model", "diffusion_pytorch_model", "pytorch_lora_weights", "spiece_model", NULL};
    if (tn_str_ends(name, ".safetensors"))
        return TN_WEIGHTS_SAFETENSORS;
    if (one_of(name, state) || tn_str_starts(name, "rng_state"))
        return TN_WEIGHTS_STATE;
    for (const char *const *e = pickled; *e; e++)
        if (tn_str_ends(name, *e))
            return TN_WEIGHTS_PICKLE;
    if (tn_str_ends(name, ".bin")) /* "model.bin", "pytorch_model-00001-of-00002.bin" */
        for (const char *const *b = binary; *b; b++)
            if (tn_str_starts(name, *b) && strchr(".-", name.ptr[strlen(*b)]))
                return TN_WEIGHTS_PICKLE;
    return TN_WEIGHTS_NONE;
}

static bool has_word(tn_str name, const char *word)
{
    size_t n = strlen(word);
    for (size_t at = 0; (at = tn_str_find(name, tn_str_of(word), at)) != SIZE_MAX; at++) {
        bool left = at == 0 || strchr("-_. ", name.ptr[at - 1]), right = at + n == name.len || strchr("-_. 0123456789", name.ptr[at + n]);
        if (left && right)
            return true;
    }
    return false;
}

static uint64_t marks_of(tn_str name)
{
    static const char *const record[] = {"lock.json", "criteria.json", "findings.jsonl", "env.json", NULL};
    uint64_t m = 0;
    if (tn_str_is(name, "config.json"))
        m |= HAS_CONFIG;
    if (tn_str_is(name, "adapter_config.json"))
        m |= HAS_ADAPTER;
    if (tn_str_is(name, "modules.json"))
        m |= HAS_MODULES;
    if (tn_weights_of(name) != TN_WEIGHTS_NONE)
        m |= HAS_WEIGHTS;
    if (tn_str_is(name, "plan.yaml"))
        m |= HAS_PLAN;
    if (one_of(name, record))
        m |= HAS_RECORD;
    if (tn_str_ends(name, ".csv") || tn_str_ends(name, ".tsv") || tn_str_ends(name, ".jsonl")) {
        m |= has_word(name, "train") || has_word(name, "training") ? HAS_TRAIN : 0;
        m |= has_word(name, "test") || has_word(name, "valid") || has_word(name, "validation") || has_word(name, "dev") || has_word(name, "val") ||
                     has_word(name, "eval")
                 ? HAS_HELD_OUT
                 : 0;
    }
    return m;
}

static tn_str folder_of(tn_str path)
{
    for (size_t i = path.len; i > 0; i--)
        if (path.ptr[i - 1] == '/')
            return tn_str_sub(path, 0, i - 1);
    return tn_str_sub(path, 0, 0);
}

/* "model_type" or "architectures" somewhere in its config.json. */
static tn_status names_architecture(const tn_repository *r, tn_str folder, tn_arena *a, bool *yes, tn_err *err)
{
    tn_arena_mark mark = tn_arena_save(a);
    tn_str path = tn_str_format(a, "%s/%.*s%sconfig.json", r->root, TN_ARG(folder), folder.len ? "/" : ""), text;
    if (!path.ptr)
        return tn_fail_nomem(err, 64);
    tn_status st = tn_walk_read(path.ptr, 1 << 20, a, &text, NULL);
    if (st == TN_OK)
        *yes = tn_str_find(text, TN_STR("\"model_type\""), 0) != SIZE_MAX || tn_str_find(text, TN_STR("\"architectures\""), 0) != SIZE_MAX;
    tn_arena_restore(a, mark);
    return st == TN_ENOMEM ? tn_fail_nomem(err, 1 << 20) : TN_OK;
}

static int by_name(const void *a, const void *b)
{
    const tn_folder *x = a, *y = b;
    int c = tn_str_cmp(x->name, y->name);
    return c ? c : (int)x->kind - (int)y->kind;
}

tn_status tn_folders_find(const tn_repository *r, tn_kind wanted, tn_arena *a, tn_folder **out, size_t *n, tn_err *err)
{
    TN_VEC(tn_folder) list = {0};
    tn_map marks = TN_MAP_INIT;
    tn_status st = TN_OK;
    bool ok = true;
    if (wanted != TN_KIND_NONE) {
        ok = TN_PUSH(&list, ((tn_folder){TN_STR(""), wanted}));
    } else {
        ok = !r->is_project || TN_PUSH(&list, ((tn_folder){TN_STR(""), TN_KIND_REPOSITORY}));
        for (size_t i = 0; ok && i < r->n; i++) {
            uint64_t m = marks_of(tn_path_name(r->file[i].name));
            uint64_t *at = m ? tn_map_put(&marks, folder_of(r->file[i].name), 0, NULL) : NULL;
            if (at)
                *at |= m;
            ok = !m || at;
        }
    }
    for (size_t i = 0; ok && i < marks.len; i++) {
        tn_str name = marks.entry[i].key;
        uint64_t m = marks.entry[i].value;
        bool model = m & (HAS_ADAPTER | HAS_MODULES | HAS_WEIGHTS);
        if (!model && (m & HAS_CONFIG))
            TN_GO(names_architecture(r, name, a, &model, err));
        ok = (!model || TN_PUSH(&list, ((tn_folder){name, TN_KIND_MODEL}))) &&
             (!((m & HAS_PLAN) && (m & HAS_RECORD)) || TN_PUSH(&list, ((tn_folder){name, TN_KIND_RUN}))) &&
             (!((m & HAS_TRAIN) && (m & HAS_HELD_OUT)) || TN_PUSH(&list, ((tn_folder){name, TN_KIND_DATA})));
    }
    if (ok && list.len)
        qsort(list.ptr, list.len, sizeof *list.ptr, by_name);
    *out = ok ? TN_ARENA_ARRAY(a, tn_folder, list.len) : NULL;
    *n = list.len;
    if (!*out)
        TN_GO(tn_fail_nomem(err, list.len * sizeof **out));
    for (size_t i = 0; i < list.len; i++) {
        (*out)[i] = list.ptr[i];
        /* NUL-terminated: names are slices of paths. */
        if (!((*out)[i].name = tn_str_dup(a, list.ptr[i].name)).ptr)
            TN_GO(tn_fail_nomem(err, 64));
    }
done:
    TN_VEC_FREE(&list);
    tn_map_free(&marks);
    return st;
}

tn_str tn_folder_name(const tn_check_source *s)
{
    tn_str root = s->repository->shown;
    if (tn_str_eq(s->path, root))
        return TN_STR("");
    if (tn_str_is(root, "."))
        return s->path;
    return tn_str_sub(s->path, root.len + !tn_str_is(root, "/"), s->path.len);
}

/* Files below a folder stand together in the list, so a folder costs what is below it, not the whole list. */
size_t tn_folder_next(const tn_repository *r, tn_str folder, size_t from)
{
    size_t low = from, high = r->n;
    while (folder.len && low < high) {
        size_t mid = low + (high - low) / 2;
        tn_str name = r->file[mid].name;
        int c = tn_str_cmp(tn_str_sub(name, 0, folder.len), folder);
        if (c < 0 || (c == 0 && (name.len <= folder.len || (unsigned char)name.ptr[folder.len] < '/')))
            low = mid + 1;
        else
            high = mid;
    }
    for (size_t i = low; i < r->n; i++) {
        tn_str name = r->file[i].name;
        if (folder.len && !(name.len > folder.len && name.ptr[folder.len] == '/' && tn_str_eq(tn_str_sub(name, 0, folder.len), folder)))
            return r->n;
        if (tn_str_eq(folder_of(name), folder))
            return i;
    }
    return r->n;
}

size_t tn_folder_file(const tn_repository *r, tn_str folder, const char *name)
{
    char path[4096];
    int n = snprintf(path, sizeof path, "%.*s%s%s", TN_ARG(folder), folder.len ? "/" : "", name);
    return n < (int)sizeof path ? tn_repository_find(r, path) : SIZE_MAX;
}
