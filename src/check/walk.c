/* Folders are read with openat from their parent, so a path is never walked twice and a link that is swapped in between is
 * not followed. Names are collected with their folder's prefix and sorted once at the end by the whole path: the order of
 * the directory never shows. */
#include "check/walk.h"

#include "base/file.h"
#include "check/ignore.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_DEPTH = 64, MAX_IGNORE_FILE = 256 << 10 };

typedef struct {
    tn_arena *arena;
    const char *root;
    char *real; /* of the root, or NULL */
    size_t max_files;
    tn_ignore ignore;
    TN_VEC(tn_repository_file) file;
    bool cut;
} walk;

static bool one_of(tn_str name, const char *const *list)
{
    for (; *list; list++)
        if (tn_str_is(name, *list))
            return true;
    return false;
}

/* Nobody wrote what is in them by hand. */
static bool is_left_out(tn_str name)
{
    static const char *const known[] = {".git",   ".hg",    ".svn",         "node_modules",  "__pycache__",        ".venv",
                                        "venv",   ".tox",   ".nox",         ".mypy_cache",   ".pytest_cache",      ".ruff_cache",
                                        ".eggs",  ".cache", "site-packages", "dist-packages", ".ipynb_checkpoints", "build",
                                        "_build", "dist",   ".idea",        ".terraform",    ".locks",             ".no_exist", NULL};
    return one_of(name, known) || tn_str_ends(name, ".egg-info") || tn_str_ends(name, ".dist-info");
}

/* A link may lead to a file inside the root, or to the blobs beside a snapshot of the Hub's cache. */
static bool link_is_inside(const walk *w, const char *name)
{
    char joined[PATH_MAX], real[PATH_MAX];
    if (!w->real || snprintf(joined, sizeof joined, "%s/%s", w->root, name) >= (int)sizeof joined || !realpath(joined, real))
        return false;
    tn_str target = tn_str_of(real), root = tn_str_of(w->real);
    if (tn_str_starts(target, w->real) && (target.len == root.len || target.ptr[root.len] == '/' || tn_str_is(root, "/")))
        return true;
    size_t at = tn_str_find(root, TN_STR("/snapshots/"), 0);
    if (at == SIZE_MAX)
        return false;
    tn_str repository = tn_str_sub(root, 0, at);
    return tn_str_eq(tn_str_sub(target, 0, at), repository) && tn_str_starts(tn_str_sub(target, at, target.len), "/blobs/");
}

static int by_name(const void *a, const void *b)
{
    return tn_str_cmp(((const tn_repository_file *)a)->name, ((const tn_repository_file *)b)->name);
}

/* The lines of this folder's .gitignore hold for what is below it, also when they come later in the list. */
static tn_status read_ignore(walk *w, int dir, tn_str prefix, tn_err *err)
{
    int fd = openat(dir, ".gitignore", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat info;
    if (fd < 0)
        return TN_OK;
    tn_status st = TN_OK;
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size <= MAX_IGNORE_FILE) {
        char *text = tn_arena_alloc(w->arena, (size_t)info.st_size + 1);
        ssize_t n = text ? read(fd, text, (size_t)info.st_size) : -1;
        if (!text)
            st = tn_fail_nomem(err, (size_t)info.st_size);
        else if (n > 0)
            st = tn_ignore_add(&w->ignore, prefix, (tn_str){text, (size_t)n}, err);
    }
    close(fd);
    return st;
}

static tn_status visit(walk *w, int fd, tn_str prefix, int depth, tn_err *err);

static tn_status visit_entry(walk *w, int dir, const char *name, tn_str prefix, int depth, tn_err *err)
{
    tn_str path = prefix.len ? tn_str_format(w->arena, "%.*s/%s", TN_ARG(prefix), name) : tn_str_dup(w->arena, tn_str_of(name));
    struct stat info;
    if (!path.ptr)
        return tn_fail_nomem(err, 64);
    if (fstatat(dir, name, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return TN_OK; /* gone in the meantime */
    if (S_ISDIR(info.st_mode)) {
        if (is_left_out(tn_str_of(name)) || tn_ignore_has(&w->ignore, path, true))
            return TN_OK;
        if (depth >= MAX_DEPTH) {
            w->cut = true;
            return TN_OK;
        }
        int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_DIRECTORY | O_NOFOLLOW);
        return fd < 0 ? TN_OK : visit(w, fd, path, depth + 1, err);
    }
    bool is_link = S_ISLNK(info.st_mode);
    if (is_link && (!link_is_inside(w, path.ptr) || fstatat(dir, name, &info, 0) != 0))
        return TN_OK;
    if (!S_ISREG(info.st_mode) || tn_ignore_has(&w->ignore, path, false))
        return TN_OK;
    if (w->file.len >= w->max_files) {
        w->cut = true;
        return TN_OK;
    }
    return TN_PUSH(&w->file, ((tn_repository_file){path, (uint64_t)info.st_size, is_link})) ? TN_OK : tn_fail_nomem(err, 64);
}

static int by_text(const void *a, const void *b)
{
    return tn_str_cmp(*(const tn_str *)a, *(const tn_str *)b);
}

/* Takes fd. Names are sorted here too: where the files are cut at max_files must not hang on the directory's order. */
static tn_status visit(walk *w, int fd, tn_str prefix, int depth, tn_err *err)
{
    struct stat info;
    if (fstatat(fd, "pyvenv.cfg", &info, AT_SYMLINK_NOFOLLOW) == 0 && depth > 0) {
        close(fd); /* a virtual environment under another name */
        return TN_OK;
    }
    DIR *dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return depth ? TN_OK : tn_fail_errno(err, "cannot list %s", w->root);
    }
    TN_VEC(tn_str) name = {0};
    tn_status st = read_ignore(w, fd, prefix, err);
    for (struct dirent *e; st == TN_OK && (e = readdir(dir));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        tn_str copy = tn_str_dup(w->arena, tn_str_of(e->d_name));
        if (!copy.ptr || !TN_PUSH(&name, copy))
            st = tn_fail_nomem(err, sizeof copy);
    }
    if (name.len)
        qsort(name.ptr, name.len, sizeof *name.ptr, by_text);
    for (size_t i = 0; st == TN_OK && i < name.len && !w->cut; i++)
        st = visit_entry(w, fd, name.ptr[i].ptr, prefix, depth, err);
    TN_VEC_FREE(&name);
    closedir(dir);
    return st;
}

/* ---- facts ---- */

static bool starts_fold(tn_str s, const char *lower)
{
    for (size_t i = 0; lower[i]; i++)
        if (i >= s.len || (s.ptr[i] >= 'A' && s.ptr[i] <= 'Z' ? s.ptr[i] + 32 : s.ptr[i]) != lower[i])
            return false;
    return true;
}

static bool is_requirements(tn_str name)
{
    static const char *const known[] = {"pyproject.toml", "setup.py", "setup.cfg", "environment.yml", "environment.yaml", "Pipfile", "conda.yml",
                                        "conda.yaml", NULL};
    return one_of(name, known) || (tn_str_starts(name, "requirements") && (tn_str_ends(name, ".txt") || tn_str_ends(name, ".in")));
}

static bool is_lock(tn_str name)
{
    static const char *const known[] = {"uv.lock", "poetry.lock", "Pipfile.lock", "pdm.lock", "conda-lock.yml", "pixi.lock", "requirements.lock",
                                        "pylock.toml", NULL};
    return one_of(name, known);
}

static bool is_config(tn_str path, tn_str name)
{
    static const char *const folder[] = {"config/", "configs/", "conf/", "cfg/", "params/", "experiments/", "recipes/"};
    static const char *const word[] = {"config", "params", "hparams", "hyperparameters", "settings", "plan", "recipe"};
    if (!tn_str_ends(name, ".yaml") && !tn_str_ends(name, ".yml") && !tn_str_ends(name, ".toml") && !tn_str_ends(name, ".ini") &&
        !tn_str_ends(name, ".json"))
        return false;
    for (size_t i = 0; i < TN_COUNT(folder); i++) {
        size_t at = tn_str_find(path, tn_str_of(folder[i]), 0);
        if (at == 0 || (at != SIZE_MAX && path.ptr[at - 1] == '/'))
            return true;
    }
    for (size_t i = 0; i < TN_COUNT(word); i++)
        if (starts_fold(name, word[i]) && !tn_str_is(name, "config.json"))
            return true;
    return false;
}

static void collect_facts(tn_repository *r)
{
    for (size_t i = 0; i < r->n; i++) {
        tn_str path = r->file[i].name, name = tn_path_name(path);
        bool top = name.len == path.len, code = tn_str_ends(name, ".py") || tn_str_ends(name, ".ipynb");
        r->has_requirements = r->has_requirements || is_requirements(name);
        r->has_lock = r->has_lock || is_lock(name);
        r->has_config = r->has_config || is_config(path, name);
        r->has_licence = r->has_licence || (top && (starts_fold(name, "license") || starts_fold(name, "licence") || starts_fold(name, "copying")));
        r->has_package = r->has_package || (top && (tn_str_is(name, "pyproject.toml") || tn_str_is(name, "setup.py") || tn_str_is(name, "setup.cfg")));
        r->is_project = r->is_project || (top && (is_requirements(name) || is_lock(name)));
        r->has_tests = r->has_tests || (code && (starts_fold(name, "test_") || tn_str_ends(name, "_test.py")));
        r->has_evaluation = r->has_evaluation || (code && (starts_fold(name, "eval") || starts_fold(name, "test.") || starts_fold(name, "benchmark") ||
                                                           tn_str_find(name, TN_STR("_eval"), 0) != SIZE_MAX || tn_str_find(name, TN_STR("evaluat"), 0) != SIZE_MAX));
    }
    char git[PATH_MAX];
    r->has_git = snprintf(git, sizeof git, "%s/.git", r->root) < (int)sizeof git && access(git, F_OK) == 0;
    r->is_project = r->is_project || r->has_git;
}

tn_status tn_walk(const char *root, tn_str shown, size_t max_files, tn_arena *a, tn_repository *out, bool *cut, tn_err *err)
{
    walk w = {.arena = a, .root = root, .max_files = max_files};
    tn_status st = TN_OK;
    *out = (tn_repository){.root = root, .shown = shown};
    int fd = open(root, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
    if (fd < 0)
        return tn_fail_errno(err, "cannot list %s", root);
    w.real = realpath(root, NULL); /* asked of the C library, so freed with free */
    TN_GO(visit(&w, fd, TN_STR(""), 0, err));
    tn_repository_file *file = TN_ARENA_ARRAY(a, tn_repository_file, w.file.len);
    if (!file) {
        st = tn_fail_nomem(err, w.file.len * sizeof *file);
        goto done;
    }
    if (w.file.len)
        memcpy(file, w.file.ptr, w.file.len * sizeof *file);
    qsort(file, w.file.len, sizeof *file, by_name);
    out->file = file;
    out->n = w.file.len;
    collect_facts(out);
    *cut = *cut || w.cut;
done:
    free(w.real);
    TN_VEC_FREE(&w.file);
    TN_VEC_FREE(&w.ignore.line);
    return st;
}

tn_status tn_walk_read(const char *path, size_t max, tn_arena *a, tn_str *out, tn_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat info;
    if (fd < 0 || fstat(fd, &info) != 0) {
        tn_status st = tn_fail_errno(err, "cannot read %s", path);
        if (fd >= 0)
            close(fd);
        return st;
    }
    tn_status st = TN_OK;
    if (!S_ISREG(info.st_mode))
        TN_GO(tn_fail(err, TN_EINVALID, "cannot read %s: it is no file", path));
    if ((uint64_t)info.st_size > max)
        TN_GO(tn_fail(err, TN_ELIMIT, "%s is larger than the limit of %zu bytes", path, max));
    size_t size = (size_t)info.st_size, len = 0;
    char *text = tn_arena_alloc(a, size + 1);
    if (!text)
        TN_GO(tn_fail_nomem(err, size));
    while (len < size) {
        ssize_t n = read(fd, text + len, size - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            TN_GO(tn_fail_errno(err, "cannot read %s", path));
        if (n == 0)
            break;
        len += (size_t)n;
    }
    text[len] = 0;
    *out = (tn_str){text, len};
done:
    close(fd);
    return st;
}

size_t tn_repository_find(const tn_repository *r, const char *name)
{
    size_t low = 0, high = r ? r->n : 0;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int c = tn_str_cmp(r->file[mid].name, tn_str_of(name));
        if (c == 0)
            return mid;
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return SIZE_MAX;
}

size_t tn_repository_next(const tn_repository *r, const char *ending, size_t from)
{
    while (from < r->n && !tn_str_ends(r->file[from].name, ending))
        from++;
    return from;
}
