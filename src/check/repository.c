/* What only the whole of a project shows: which files are there, and which are not. A project is what has .git or a
 * packaging file; a loose folder of scripts is not asked for a licence. */
#include "check/checkers.h"

#include "base/file.h"
#include "check/folder.h"
#include "check/walk.h"
#include "govern/licence.h"

#include <ctype.h>
#include <string.h>

enum { MAX_READ = 1 << 20 };

static bool has_code(const tn_repository *r)
{
    return tn_repository_next(r, ".py", 0) < r->n || tn_repository_next(r, ".ipynb", 0) < r->n;
}

/* A file of the root; empty when it is absent or cannot be read. */
static tn_status read_root(const tn_check_source *in, const char *name, tn_str *out, tn_err *err)
{
    *out = TN_STR("");
    if (tn_repository_find(in->repository, name) == SIZE_MAX)
        return TN_OK;
    char *path = tn_path_join(in->arena, in->place, name);
    tn_status st = path ? tn_walk_read(path, MAX_READ, in->arena, out, NULL) : TN_ENOMEM;
    return st == TN_ENOMEM ? tn_fail_nomem(err, MAX_READ) : TN_OK;
}

/* The licence that a text is, by words that only it has. */
static tn_str licence_of_text(tn_str text)
{
    static const struct {
        const char *words, *id;
    } known[] = {{"gnu affero general public license", "agpl-3.0"}, {"gnu lesser general public license", "lgpl-3.0"}, {"apache license", "apache-2.0"},
                 {"permission is hereby granted, free of charge", "mit"}, {"mozilla public license", "mpl-2.0"}};
    tn_str head = tn_str_sub(text, 0, 4096);
    for (size_t i = 0; i < TN_COUNT(known); i++)
        if (tn_str_has_fold(head, known[i].words))
            return tn_str_of(known[i].id);
    if (tn_str_has_fold(head, "gnu general public license"))
        return tn_str_has_fold(head, "version 3") ? TN_STR("gpl-3.0") : TN_STR("gpl-2.0");
    return TN_STR("");
}

/* `license = "MIT"`, `license = {text = "MIT"}` in pyproject.toml; `license = MIT` in setup.cfg. */
static tn_str licence_of_package(tn_str text, uint32_t *line_out)
{
    tn_str line;
    for (uint32_t number = 1; tn_str_cut(&text, '\n', &line); number++) {
        line = tn_str_trim(line);
        size_t eq = tn_str_find(line, TN_STR("="), 0);
        if (!tn_str_starts(line, "license") || eq == SIZE_MAX || !tn_str_is(tn_str_trim(tn_str_sub(line, 0, eq)), "license"))
            continue;
        tn_str value = tn_str_trim(tn_str_sub(line, eq + 1, line.len));
        size_t text_key = tn_str_find(value, TN_STR("text"), 0);
        if (value.len && value.ptr[0] == '{' && text_key != SIZE_MAX)
            value = tn_str_sub(value, text_key + strlen("text"), value.len);
        while (value.len && strchr("={}\"' ", value.ptr[0]))
            value = tn_str_sub(value, 1, value.len);
        while (value.len && strchr("={}\"' ", value.ptr[value.len - 1]))
            value.len--;
        *line_out = number;
        return tn_licence_normalise(value);
    }
    return TN_STR("");
}

static tn_status check_licence(const tn_check_source *in, tn_findings *findings, tn_err *err)
{
    static const char *const packages[] = {"pyproject.toml", "setup.cfg", "setup.py"};
    static const char *const texts[] = {"LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "COPYING"};
    const tn_repository *r = in->repository;
    tn_str readme, licence = TN_STR(""), text;
    TN_TRY(read_root(in, "README.md", &readme, err));
    bool named = r->has_licence || tn_str_has_fold(readme, "license") || tn_str_has_fold(readme, "licence");
    for (size_t i = 0; licence.len == 0 && i < TN_COUNT(texts); i++) {
        TN_TRY(read_root(in, texts[i], &text, err));
        licence = licence_of_text(text);
    }
    for (size_t i = 0; i < TN_COUNT(packages); i++) {
        uint32_t line = 0;
        TN_TRY(read_root(in, packages[i], &text, err));
        tn_str said = licence_of_package(text, &line);
        named = named || tn_str_has_fold(text, "license");
        if (said.len == 0 || licence.len == 0 || tn_str_eq(said, licence))
            continue;
        tn_str path = tn_str_is(in->path, ".") ? tn_str_of(packages[i]) : tn_str_format(in->arena, "%.*s/%s", TN_ARG(in->path), packages[i]);
        tn_str evidence = tn_str_format(in->arena, "%.*s here, %.*s in the licence file", TN_ARG(said), TN_ARG(licence));
        if (!path.ptr || !evidence.ptr)
            return tn_fail_nomem(err, 64);
        TN_TRY(tn_findings_add(findings,
                               (tn_finding){.rule = "govern-licence", .path = path, .line = line, .column = 1, .message = TN_STR("the package names another licence than the LICENSE file holds"),
                                            .evidence = evidence, .remedy = TN_STR("decide which one holds, and write it in both places")},
                               err));
    }
    /* A loose folder of scripts is nobody's publication; what has .git or is packaged is, or will be. */
    if (named || !has_code(r) || !(r->has_git || r->has_package))
        return TN_OK;
    return tn_findings_add(findings,
                           (tn_finding){.rule = "govern-licence", .message = TN_STR("a repository with no licence: nobody may use, change or pass on what is in it"),
                                        .evidence = TN_STR("no LICENSE file, and no word of one in README.md or the package"),
                                        .remedy = TN_STR("add a LICENSE file that fits the licences of the model and the data")},
                           err);
}

/* Scripts that train, by their names: a project that has Python beside something else owes no list of packages. */
static bool has_training(const tn_repository *r)
{
    for (size_t i = 0; i < r->n; i++) {
        tn_str name = tn_path_name(r->file[i].name);
        bool code = tn_str_ends(name, ".py") || tn_str_ends(name, ".ipynb");
        if (code && !tn_str_has_fold(r->file[i].name, "tests/") && (tn_str_starts(name, "train") || tn_str_starts(name, "finetune") || tn_str_starts(name, "fine_tune") || tn_str_starts(name, "run_")))
            return true;
    }
    return false;
}

static tn_status check_requirements(const tn_check_source *in, tn_findings *findings, tn_err *err)
{
    if (in->repository->has_requirements || in->repository->has_lock || !has_training(in->repository))
        return TN_OK;
    return tn_findings_add(findings,
                           (tn_finding){.rule = "constraint-reproduce", .message = TN_STR("nothing says which packages the code needs, and in which versions"),
                                        .evidence = TN_STR("no requirements.txt, pyproject.toml, setup.cfg, environment.yml or lock file"),
                                        .remedy = TN_STR("pip freeze > requirements.txt in the environment that gave the results, and keep it in the repository")},
                           err);
}

/* Names that say what is in the file: people. Tables only, and not what is named as an example. */
static bool is_user_data(tn_str path)
{
    static const char *const who[] = {"customer", "patient", "employee", "applicant", "user_data", "userdata", "users.", "clients.", "subscribers", "personal_data", "pii_"};
    static const char *const form[] = {".csv", ".tsv", ".jsonl", ".xlsx", ".xls", ".parquet", ".sqlite", ".db"};
    static const char *const not[] = {"example", "sample", "synthetic", "fake", "dummy", "test", "schema", "redacted", "anonym"};
    tn_str name = tn_path_name(path);
    bool table = false, people = false;
    for (size_t i = 0; i < TN_COUNT(form); i++)
        table = table || tn_str_ends(name, form[i]);
    for (size_t i = 0; table && i < TN_COUNT(who); i++)
        people = people || tn_str_has_fold(name, who[i]);
    for (size_t i = 0; people && i < TN_COUNT(not); i++)
        people = !tn_str_has_fold(path, not[i]);
    return people;
}

static tn_status check_user_data(const tn_check_source *in, tn_findings *findings, tn_err *err)
{
    const tn_repository *r = in->repository;
    for (size_t i = 0; i < r->n; i++) {
        tn_str name = tn_path_name(r->file[i].name), path = in->path, message = {0};
        if (is_user_data(r->file[i].name))
            message = TN_STR("a table about people lies in the repository");
        else if (tn_str_is(name, ".env") || tn_str_is(name, ".netrc") || tn_str_is(name, "id_rsa"))
            message = TN_STR("a file that is made to hold secrets lies in the repository");
        else
            continue;
        path = tn_str_is(path, ".") ? r->file[i].name : tn_str_format(in->arena, "%.*s/%.*s", TN_ARG(path), TN_ARG(r->file[i].name));
        if (!path.ptr)
            return tn_fail_nomem(err, 64);
        TN_TRY(tn_findings_add(findings,
                               (tn_finding){.rule = "govern-userdata", .path = path, .message = message, .evidence = name,
                                            .remedy = TN_STR("take it out of the repository and its history, name its place in .gitignore, and keep it where access is granted by name")},
                               err));
    }
    return TN_OK;
}

tn_status tn_check_repository(const tn_check_source *in, tn_findings *findings, tn_err *err)
{
    if (!in->repository->is_project)
        return TN_OK;
    TN_TRY(check_licence(in, findings, err));
    TN_TRY(check_requirements(in, findings, err));
    return check_user_data(in, findings, err);
}

/* ---- requirements ---- */

/* Packages whose version moves results. */
static bool moves_results(tn_str name)
{
    static const char *const known[] = {"torch",      "transformers", "datasets",  "tokenizers",  "accelerate", "peft",   "trl",      "diffusers", "evaluate", "sentence-transformers",
                                        "tensorflow", "keras",        "jax",       "flax",        "numpy",      "pandas", "scipy",    "scikit-learn", "sklearn", "torchvision",
                                        "torchaudio", "timm",         "lightning", "pytorch-lightning", "setfit", "bitsandbytes", "vllm", "xgboost", "lightgbm", "spacy", "optimum", "onnxruntime", "huggingface-hub", "huggingface_hub"};
    for (size_t i = 0; i < TN_COUNT(known); i++)
        if (name.len == strlen(known[i]) && tn_str_has_fold(name, known[i]))
            return true;
    return false;
}

/* One requirement of PEP 508 ("torch[extra] >= 2 ; marker"): its name, and what follows the name. */
typedef struct {
    tn_str name, rest;
} requirement;

static requirement read_requirement(tn_str s)
{
    s = tn_str_trim(s);
    size_t n = 0;
    while (n < s.len && (isalnum((unsigned char)s.ptr[n]) || strchr("-_.", s.ptr[n])))
        n++;
    tn_str rest = tn_str_trim(tn_str_sub(s, n, s.len));
    if (rest.len && rest.ptr[0] == '[') {
        size_t close = tn_str_find(rest, TN_STR("]"), 0);
        rest = close == SIZE_MAX ? TN_STR("") : tn_str_trim(tn_str_sub(rest, close + 1, rest.len));
    }
    size_t end = tn_str_find(rest, TN_STR(";"), 0);
    if (end != SIZE_MAX)
        rest = tn_str_trim(tn_str_sub(rest, 0, end));
    return (requirement){tn_str_sub(s, 0, n), rest};
}

/* "==1.2", "===1.2", "@ https://...whl", "@ git+...@commit": this version and no other. conda writes "=1.2". */
static bool is_exact(tn_str rest, bool conda)
{
    if (rest.len == 0)
        return false;
    if (rest.ptr[0] == '@')
        return true;
    bool pinned = tn_str_starts(rest, "==") || (conda && rest.ptr[0] == '=');
    return pinned && tn_str_find(rest, TN_STR("*"), 0) == SIZE_MAX;
}

typedef struct {
    uint32_t line;
    tn_str first;   /* the requirement as written */
    size_t n;       /* loose ones that move results */
    tn_buf names;   /* "torch, transformers" */
} loose;

static void note(loose *l, uint32_t line, tn_str text, tn_str name)
{
    if (l->n == 0) {
        l->line = line;
        l->first = text;
    }
    if (l->n < 8)
        tn_buf_printf(&l->names, "%s%.*s", l->n ? ", " : "", TN_ARG(name));
    l->n++;
}

static void read_requirements_txt(tn_str text, loose *l)
{
    uint32_t number = 0;
    tn_str line;
    while (tn_str_cut(&text, '\n', &line)) {
        number++;
        line = tn_str_trim(line);
        size_t comment = tn_str_find(line, TN_STR(" #"), 0);
        if (comment != SIZE_MAX)
            line = tn_str_trim(tn_str_sub(line, 0, comment));
        if (line.len == 0 || !isalpha((unsigned char)line.ptr[0]) || tn_str_find(line, TN_STR("://"), 0) != SIZE_MAX)
            continue;
        requirement r = read_requirement(line);
        if (moves_results(r.name) && !is_exact(r.rest, false))
            note(l, number, line, r.name);
    }
}

static void read_environment(tn_str text, loose *l)
{
    uint32_t number = 0;
    tn_str line;
    while (tn_str_cut(&text, '\n', &line)) {
        number++;
        line = tn_str_trim(line);
        if (!tn_str_starts(line, "- "))
            continue;
        line = tn_str_trim(tn_str_sub(line, 2, line.len));
        while (line.len && (line.ptr[0] == '"' || line.ptr[0] == '\''))
            line = tn_str_sub(line, 1, line.len);
        while (line.len && (line.ptr[line.len - 1] == '"' || line.ptr[line.len - 1] == '\''))
            line.len--;
        size_t channel = tn_str_find(line, TN_STR("::"), 0);
        if (channel != SIZE_MAX)
            line = tn_str_sub(line, channel + 2, line.len);
        requirement r = read_requirement(line);
        if ((moves_results(r.name) || tn_str_is(r.name, "pytorch")) && !is_exact(r.rest, true))
            note(l, number, line, r.name);
    }
}

/* A package rightly leaves its users room, so only what has no bound at all is told. Strings of `dependencies = [...]`,
 * keys of [tool.poetry.dependencies], lines of install_requires. */
static void read_package(tn_str text, loose *l)
{
    uint32_t number = 0;
    bool inside = false;
    tn_str line;
    while (tn_str_cut(&text, '\n', &line)) {
        number++;
        line = tn_str_trim(line);
        if (tn_str_starts(line, "dependencies") || tn_str_starts(line, "install_requires")) {
            inside = true;
            size_t open = tn_str_find(line, TN_STR("="), 0);
            line = tn_str_trim(tn_str_sub(line, open == SIZE_MAX ? line.len : open + 1, line.len));
        } else if (tn_str_is(line, "[tool.poetry.dependencies]")) {
            inside = true;
            continue;
        } else if (line.len && line.ptr[0] == '[' && !(inside && line.len == 1)) {
            inside = false;
        }
        if (!inside)
            continue;
        tn_str part, rest = line;
        while (tn_str_cut(&rest, ',', &part)) {
            part = tn_str_trim(part);
            while (part.len && strchr("[\"' ", part.ptr[0]))
                part = tn_str_sub(part, 1, part.len);
            while (part.len && strchr("]\"' ", part.ptr[part.len - 1]))
                part.len--;
            requirement r = read_requirement(part);
            bool star = tn_str_starts(r.rest, "= \"*") || tn_str_is(r.rest, "*");
            if (moves_results(r.name) && (r.rest.len == 0 || star))
                note(l, number, part, r.name);
        }
        if (tn_str_ends(line, "]"))
            inside = false;
    }
}

static bool is_for_development(tn_str path, tn_str name)
{
    static const char *const word[] = {"dev", "test", "doc", "lint", "style", "build", "ci", "min"};
    size_t n = strlen("requirements");
    for (size_t i = 0; i < TN_COUNT(word); i++)
        if (name.len > n && tn_str_has_fold(tn_str_sub(name, n, name.len), word[i]))
            return true;
    return tn_str_has_fold(path, "docs/") || tn_str_has_fold(path, "tests/");
}

tn_status tn_check_requirements(const tn_check_source *in, tn_findings *findings, tn_err *err)
{
    tn_str name = tn_path_name(in->path);
    loose l = {.names = {.max = 4096}};
    if (in->fragment || (in->repository && in->repository->has_lock))
        return TN_OK;
    bool package = tn_str_is(name, "pyproject.toml") || tn_str_is(name, "setup.cfg");
    if (tn_str_starts(name, "requirements") && tn_str_ends(name, ".txt") && !is_for_development(in->path, name))
        read_requirements_txt(in->text, &l);
    else if (tn_str_is(name, "environment.yml") || tn_str_is(name, "environment.yaml") || tn_str_is(name, "conda.yml") || tn_str_is(name, "conda.yaml"))
        read_environment(in->text, &l);
    else if (package)
        read_package(in->text, &l);
    tn_status st = TN_OK;
    if (l.n)
        st = tn_findings_add(findings,
                             (tn_finding){.rule = "constraint-reproduce", .line = l.line, .column = 1,
                                          .message = package ? TN_STR("packages that move results have no version at all, and there is no lock file")
                                                             : TN_STR("packages that move results are not pinned to a version"),
                                          .evidence = l.names.ptr ? tn_buf_view(&l.names) : l.first,
                                          .remedy = package ? TN_STR("state bounds here, and keep a lock file (uv lock, poetry lock, pip-compile) in the repository")
                                                            : TN_STR("write the exact version of each (name==version), or keep a lock file beside it")},
                             err);
    tn_buf_free(&l.names);
    return st;
}
