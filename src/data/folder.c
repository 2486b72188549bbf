/* First everything below the folder is listed, in byte order; then each data file gets its split by the words in its
 * name; then what the `datasets` library (5.2) would have made of the same folder is compared, and each difference is a
 * finding. Our own rule is the one that loses nothing: a word in a file's name or in a folder's counts, in any case,
 * and a file that is left out is named. Source of the library's rules: reference/datasets.md, section 1. */
#include "data/folder.h"

#include "base/file.h"
#include "data/note.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 4, MAX_FILES = 10000 };

static bool equal_fold(tn_str a, const char *b)
{
    if (a.len != strlen(b))
        return false;
    for (size_t i = 0; i < a.len; i++) {
        char c = a.ptr[i];
        if ((c >= 'A' && c <= 'Z' ? c + 32 : c) != b[i])
            return false;
    }
    return true;
}

static bool ends_fold(tn_str a, const char *b)
{
    size_t n = strlen(b);
    return a.len > n && equal_fold(tn_str_sub(a, a.len - n, a.len), b);
}

tn_data_format tn_data_format_of(tn_str path)
{
    if (ends_fold(path, ".csv"))
        return TN_FORMAT_CSV;
    if (ends_fold(path, ".tsv"))
        return TN_FORMAT_TSV;
    if (ends_fold(path, ".jsonl") || ends_fold(path, ".ndjson") || ends_fold(path, ".json"))
        return TN_FORMAT_JSON;
    if (ends_fold(path, ".conll") || ends_fold(path, ".conllu") || ends_fold(path, ".iob") || ends_fold(path, ".bio"))
        return TN_FORMAT_CONLL;
    return TN_FORMAT_NONE;
}

static const struct {
    const char *word;
    tn_split split;
} words[] = {
    {"train", TN_SPLIT_TRAIN},      {"training", TN_SPLIT_TRAIN}, {"validation", TN_SPLIT_VALIDATION},
    {"valid", TN_SPLIT_VALIDATION}, {"dev", TN_SPLIT_VALIDATION}, {"val", TN_SPLIT_VALIDATION},
    {"test", TN_SPLIT_TEST},        {"testing", TN_SPLIT_TEST},   {"eval", TN_SPLIT_TEST},
    {"evaluation", TN_SPLIT_TEST},
};

tn_split tn_split_word(tn_str word)
{
    for (size_t i = 0; i < TN_COUNT(words); i++)
        if (equal_fold(word, words[i].word))
            return words[i].split;
    return TN_SPLIT_NONE;
}

typedef struct {
    tn_split split;
    bool both;       /* words of two splits */
    bool other_case; /* no word in lower case: the library does not see it */
    bool nearly;     /* "trained", "validate": no word, but looks like one */
} name_words;

static bool is_separator(char c)
{
    return c == '-' || c == '.' || c == '_' || c == ' ' || (c >= '0' && c <= '9');
}

static name_words words_in(tn_str name)
{
    name_words w = {0};
    bool lower = false;
    for (size_t i = 0; i < name.len;) {
        size_t from = i;
        while (i < name.len && !is_separator(name.ptr[i]))
            i++;
        tn_str word = tn_str_sub(name, from, i);
        tn_split s = tn_split_word(word);
        if (s != TN_SPLIT_NONE) {
            w.both = w.both || (w.split != TN_SPLIT_NONE && w.split != s);
            w.split = w.split == TN_SPLIT_NONE ? s : w.split;
            bool same = false;
            for (size_t k = 0; k < TN_COUNT(words); k++)
                same = same || tn_str_is(word, words[k].word);
            lower = lower || same;
        } else if (word.len >= 5 &&
                   (equal_fold(tn_str_sub(word, 0, 5), "train") || equal_fold(tn_str_sub(word, 0, 5), "valid"))) {
            w.nearly = true;
        }
        i += i < name.len;
    }
    w.other_case = w.split != TN_SPLIT_NONE && !lower;
    return w;
}

/* ---- listing ---- */

typedef struct {
    tn_str path, relative;
    tn_data_format format;
    tn_split split;
    bool by_folder, other_case, nearly, sharded;
} entry;

typedef struct {
    tn_arena *arena;
    TN_VEC(entry) list;
    size_t n_other;    /* files of formats that we do not read */
    tn_str other;      /* the first of them */
    bool readme_files; /* README.md names data files */
} listing;

static bool is_ignored(tn_str name)
{
    static const char *const known[] = {"README.md",          "config.json",    "dataset_info.json",
                                        "dataset_infos.json", "dummy_data.zip", "dataset_dict.json",
                                        "state.json",         "LICENSE"};
    for (size_t i = 0; i < TN_COUNT(known); i++)
        if (tn_str_is(name, known[i]))
            return true;
    return name.ptr[0] == '.' || tn_str_starts(name, "__");
}

/* "train-00000-of-00002.csv" */
static bool is_sharded(tn_str name)
{
    size_t at = tn_str_find(name, TN_STR("-of-"), 0);
    if (at == SIZE_MAX || at < 6 || name.len < at + 9 || name.ptr[at - 6] != '-')
        return false;
    for (size_t i = 0; i < 5; i++)
        if (name.ptr[at - 5 + i] < '0' || name.ptr[at - 5 + i] > '9' || name.ptr[at + 4 + i] < '0' ||
            name.ptr[at + 4 + i] > '9')
            return false;
    return true;
}

static tn_status look_at_readme(listing *l, const char *path, tn_err *err)
{
    tn_file f;
    TN_TRY(tn_file_open(path, &f, err));
    tn_str s = tn_str_from_bytes(f.bytes);
    size_t end = tn_str_starts(s, "---") ? tn_str_find(s, TN_STR("\n---"), 3) : SIZE_MAX;
    if (end != SIZE_MAX)
        l->readme_files = tn_str_find(tn_str_sub(s, 0, end), TN_STR("data_files:"), 0) != SIZE_MAX;
    tn_file_close(&f);
    return TN_OK;
}

static tn_status list(listing *l, const char *dir, tn_str relative, tn_split above, bool above_case, int depth,
                      tn_err *err)
{
    tn_str *name;
    size_t n;
    TN_TRY(tn_file_list(dir, l->arena, &name, &n, err));
    for (size_t i = 0; i < n; i++) {
        char *path = tn_path_join(l->arena, dir, name[i].ptr);
        tn_str rel = relative.len ? tn_str_format(l->arena, "%.*s/%.*s", TN_ARG(relative), TN_ARG(name[i])) : name[i];
        if (!path || !rel.ptr)
            return tn_fail_nomem(err, name[i].len);
        if (depth == 0 && tn_str_is(name[i], "README.md") && !tn_file_is_dir(path))
            TN_TRY(look_at_readme(l, path, err));
        if (is_ignored(name[i]))
            continue;
        name_words w = words_in(name[i]);
        if (w.both)
            return tn_fail(
                err, TN_EINVALID,
                "%s: the name speaks of two splits; name the files in the brief: data: {train: a.csv, test: b.csv}",
                path);
        if (tn_file_is_dir(path)) {
            if (depth + 1 < MAX_DEPTH)
                TN_TRY(
                    list(l, path, rel, w.split ? w.split : above, w.split ? w.other_case : above_case, depth + 1, err));
            continue;
        }
        tn_data_format format = tn_data_format_of(name[i]);
        if (format == TN_FORMAT_NONE) {
            l->other = l->n_other++ ? l->other : rel;
            continue;
        }
        entry e = {.path = tn_str_of(path),
                   .relative = rel,
                   .format = format,
                   .split = w.split ? w.split : above,
                   .by_folder = !w.split && above,
                   .other_case = w.split ? w.other_case : above && above_case,
                   .nearly = w.nearly,
                   .sharded = tn_str_starts(rel, "data/") && is_sharded(name[i])};
        if (l->list.len >= MAX_FILES)
            return tn_fail(err, TN_ELIMIT, "%s: more than %d data files; name those to read in the brief", dir,
                           MAX_FILES);
        if (!TN_PUSH(&l->list, e))
            return tn_fail_nomem(err, sizeof e);
    }
    return TN_OK;
}

/* ---- findings ---- */

static tn_str names_of(const listing *l, bool (*which)(const entry *))
{
    tn_str s = TN_STR("");
    size_t n = 0;
    for (size_t i = 0; i < l->list.len; i++)
        if (which(&l->list.ptr[i]) && n++ < 8)
            s = s.len ? tn_str_format(l->arena, "%.*s, %.*s", TN_ARG(s), TN_ARG(l->list.ptr[i].relative))
                      : l->list.ptr[i].relative;
    if (n > 8)
        s = tn_str_format(l->arena, "%.*s and %zu more", TN_ARG(s), n - 8);
    return s;
}

static bool is_other_case(const entry *e)
{
    return e->other_case;
}
static bool is_left_out(const entry *e)
{
    return e->split == TN_SPLIT_NONE;
}
static bool is_nearly(const entry *e)
{
    return e->split == TN_SPLIT_NONE && e->nearly;
}
static bool is_by_name(const entry *e)
{
    return e->split != TN_SPLIT_NONE && !e->by_folder;
}
static bool is_by_folder(const entry *e)
{
    return e->by_folder && !e->other_case;
}
static bool is_any(const entry *e)
{
    return true;
}
static bool is_sharded_entry(const entry *e)
{
    return e->sharded;
}
static bool is_not_sharded(const entry *e)
{
    return !e->sharded;
}
static bool is_json(const entry *e)
{
    return e->format == TN_FORMAT_JSON;
}
static bool is_table(const entry *e)
{
    return e->format != TN_FORMAT_JSON;
}

static size_t count(const listing *l, bool (*which)(const entry *))
{
    size_t n = 0;
    for (size_t i = 0; i < l->list.len; i++)
        n += which(&l->list.ptr[i]);
    return n;
}

static tn_status report(const listing *l, const char *dir, bool split_by_names, tn_findings *findings, tn_err *err)
{
    const struct {
        bool holds;
        tn_severity severity;
        bool (*which)(const entry *);
        const char *message, *remedy;
    } rows[] = {
        {split_by_names && count(l, is_other_case) > 0, TN_WARNING, is_other_case,
         "split words in capitals: read here as splits, but the datasets library is case-sensitive and would put these "
         "files into train, the test among them",
         "rename the files in lower case before you share the folder"},
        {split_by_names && count(l, is_left_out) > 0, TN_WARNING, is_left_out,
         "files without a split word stand beside files that have one: they are left out",
         "rename them (train, validation, test), or name the files in the brief"},
        {count(l, is_nearly) > 0, TN_WARNING, is_nearly,
         "file names that look like a split but are none: the words are train, training; validation, valid, dev, val; "
         "test, "
         "testing, eval, evaluation",
         "rename the file, or name it in the brief"},
        {count(l, is_by_folder) > 0 && count(l, is_by_name) > 0, TN_WARNING, is_by_name,
         "splits by folder and splits by file name are mixed: all are read here, but the datasets library would read "
         "the "
         "folders and silently drop these files",
         "use one way for all files before you share the folder"},
        {count(l, is_sharded_entry) > 0 && count(l, is_not_sharded) > 0, TN_WARNING, is_not_sharded,
         "files beside data/SPLIT-00000-of-00001: the datasets library would silently drop them", "keep one layout"},
        {count(l, is_json) > 0 && count(l, is_table) > 0, TN_WARNING, is_any,
         "more than one format: all are read here, but the datasets library reads one format and drops the others, or "
         "refuses",
         "convert the files to one format before you share the folder"},
        {!split_by_names && l->list.len > 1, TN_WARNING, is_any,
         "several files and no split word in any name: their rows are taken together",
         "name the files in the brief if one of them is the test: data: {train: a.csv, test: b.csv}"},
    };
    for (size_t i = 0; i < TN_COUNT(rows); i++) {
        if (!rows[i].holds)
            continue;
        tn_str names = names_of(l, rows[i].which);
        if (!names.ptr)
            return tn_fail_nomem(err, 256);
        TN_TRY(tn_note(findings,
                       (tn_finding){.rule = "data-splits",
                                    .severity = rows[i].severity,
                                    .path = tn_str_of(dir),
                                    .evidence = names,
                                    .remedy = tn_str_of(rows[i].remedy)},
                       err, "%s", rows[i].message));
    }
    if (l->n_other)
        TN_TRY(tn_note(findings,
                       (tn_finding){.rule = "data-splits",
                                    .severity = TN_ADVICE,
                                    .path = tn_str_of(dir),
                                    .evidence = l->other,
                                    .remedy = TN_STR("convert data among them to CSV or JSON lines")},
                       err, "%zu file%s of other formats not read (only csv, tsv, jsonl, ndjson, json, conll, conllu)",
                       l->n_other, l->n_other == 1 ? "" : "s"));
    if (l->readme_files)
        TN_TRY(tn_note(findings,
                       (tn_finding){.rule = "data-splits",
                                    .severity = TN_WARNING,
                                    .path = tn_str_of(dir),
                                    .evidence = TN_STR("README.md: data_files"),
                                    .remedy = TN_STR("name the files in the brief if the README means others")},
                       err, "README.md names data files; they are found by their names here, not by the README"));
    return TN_OK;
}

static int by_split_and_path(const void *a, const void *b)
{
    const tn_found_file *x = a, *y = b;
    return x->split != y->split ? (int)x->split - (int)y->split : tn_str_cmp(x->path, y->path);
}

static tn_str stem(tn_str path)
{
    size_t n = path.len;
    while (n > 0 && path.ptr[n - 1] != '.' && path.ptr[n - 1] != '/')
        n--;
    return n > 0 && path.ptr[n - 1] == '.' ? tn_str_sub(path, 0, n - 1) : path;
}

tn_status tn_folder_find(const char *dir, tn_arena *a, tn_found_file **file, size_t *n, tn_findings *findings,
                         tn_err *err)
{
    tn_status st = TN_OK;
    listing l = {.arena = a};
    TN_GO(list(&l, dir, TN_STR(""), TN_SPLIT_NONE, false, 0, err));
    if (l.list.len == 0) {
        st = tn_fail(err, TN_ENOENT,
                     "%s: no data file in this folder (csv, tsv, jsonl, ndjson, json, conll, conllu)%s%.*s", dir,
                     l.n_other ? "; there is " : "", TN_ARG(l.other));
        goto done;
    }
    bool split_by_names = count(&l, is_left_out) < l.list.len;
    *file = TN_ARENA_ARRAY(a, tn_found_file, l.list.len);
    *n = 0;
    if (!*file) {
        st = tn_fail_nomem(err, l.list.len * sizeof **file);
        goto done;
    }
    for (size_t i = 0; i < l.list.len; i++) {
        const entry *e = &l.list.ptr[i];
        if (!split_by_names || e->split != TN_SPLIT_NONE)
            (*file)[(*n)++] = (tn_found_file){e->path, e->format, e->split};
    }
    qsort(*file, *n, sizeof **file, by_split_and_path);
    for (size_t i = 1; i < *n; i++)
        if ((*file)[i].format != (*file)[i - 1].format && tn_str_eq(stem((*file)[i].path), stem((*file)[i - 1].path))) {
            st = tn_fail(err, TN_EINVALID, "%.*s and %.*s look like the same data in two formats; name the one to read",
                         TN_ARG((*file)[i - 1].path), TN_ARG((*file)[i].path));
            goto done;
        }
    TN_GO(report(&l, dir, split_by_names, findings, err));
done:
    TN_VEC_FREE(&l.list);
    return st;
}
