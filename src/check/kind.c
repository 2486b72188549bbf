/* A name decides wherever names are fixed by convention; the text decides for README.md, plan.yaml and loose Markdown,
 * by marks that other files do not carry. A file that fits nothing is left alone: a wrong kind would give wrong findings. */
#include "check/check.h"

#include "codec/json.h"
#include "codec/yaml.h"

#include <string.h>

static const char *const names[TN_N_KINDS] = {"none", "python", "notebook", "answer", "model-card", "data-card", "brief",
                                              "plan", "rules-file", "config", "data", "run", "model", "repository"};

const char *tn_kind_name(tn_kind k)
{
    return names[k];
}

bool tn_kind_find(tn_str name, tn_kind *out)
{
    for (int k = 1; k < TN_N_KINDS; k++)
        if (tn_str_is(name, names[k])) {
            *out = (tn_kind)k;
            return true;
        }
    return false;
}

static tn_str last_part(tn_str path)
{
    for (size_t i = path.len; i > 0; i--)
        if (path.ptr[i - 1] == '/')
            return tn_str_sub(path, i, path.len);
    return path;
}

static bool equal_fold(tn_str a, const char *lower)
{
    if (a.len != strlen(lower))
        return false;
    for (size_t i = 0; i < a.len; i++)
        if ((a.ptr[i] >= 'A' && a.ptr[i] <= 'Z' ? a.ptr[i] + 32 : a.ptr[i]) != lower[i])
            return false;
    return true;
}

static bool ends_fold(tn_str a, const char *lower)
{
    size_t n = strlen(lower);
    return a.len >= n && equal_fold(tn_str_sub(a, a.len - n, a.len), lower);
}

static bool one_of(tn_str name, const char *const *list)
{
    for (; *list; list++)
        if (equal_fold(name, *list))
            return true;
    return false;
}

/* The path is this one, or ends with it behind a slash. */
static bool lies_at(tn_str path, const char *tail)
{
    size_t n = strlen(tail);
    return ends_fold(path, tail) && (path.len == n || path.ptr[path.len - n - 1] == '/');
}

static bool has_folder(tn_str path, const char *folder)
{
    size_t n = strlen(folder);
    for (size_t i = 0; i + n < path.len; i++)
        if ((i == 0 || path.ptr[i - 1] == '/') && path.ptr[i + n] == '/' && equal_fold(tn_str_sub(path, i, i + n), folder))
            return true;
    return false;
}

static bool is_rules_file(tn_str path, tn_str name)
{
    static const char *const known[] = {"agents.md", "agent.md",       "claude.md",   "gemini.md", "copilot-instructions.md", ".cursorrules",
                                        ".clinerules", ".windsurfrules", "skill.md", ".goosehints", NULL};
    return one_of(name, known) || ends_fold(name, ".mdc") || ends_fold(name, ".instructions.md") || lies_at(path, ".cursor/rules.md") ||
           (ends_fold(name, ".md") && (has_folder(path, ".windsurf/rules") || has_folder(path, ".cursor/rules") || has_folder(path, ".clinerules")));
}

/* ---- Markdown ---- */

/* True when a line of the text begins with this, after '#', '*', '-', digits and blanks; in any case. */
static bool has_line(tn_str text, const char *lower)
{
    size_t n = strlen(lower);
    tn_str rest = tn_str_sub(text, 0, 64 << 10), line;
    while (tn_str_cut(&rest, '\n', &line)) {
        size_t at = 0;
        while (at < line.len && strchr("#*->_0123456789.) \t", line.ptr[at]))
            at++;
        if (equal_fold(tn_str_sub(line, at, at + n), lower))
            return true;
    }
    return false;
}

static bool has_key(tn_str yaml, const char *const *key)
{
    tn_str line;
    while (tn_str_cut(&yaml, '\n', &line))
        for (const char *const *k = key; *k; k++) {
            size_t n = strlen(*k);
            if (tn_str_starts(line, *k) && line.len > n && line.ptr[n] == ':')
                return true;
        }
    return false;
}

static tn_kind kind_of_card(tn_str text, const tn_front_matter *front)
{
    static const char *const model[] = {"library_name", "pipeline_tag", "base_model", "model-index", "base_model_relation", "inference", "widget", NULL};
    static const char *const data[] = {"task_categories", "size_categories", "dataset_info", "annotations_creators", "task_ids",
                                       "pretty_name", "source_datasets", "configs", "multilinguality", NULL};
    static const char *const other[] = {"sdk", "layout", "permalink", NULL}; /* Spaces, static sites */
    tn_str head = tn_str_sub(text, 0, 4096);
    if (front->present && has_key(front->yaml, other))
        return TN_KIND_NONE;
    if (front->present && has_key(front->yaml, model))
        return TN_KIND_MODEL_CARD;
    if (front->present && has_key(front->yaml, data))
        return TN_KIND_DATA_CARD;
    if (has_line(head, "model card"))
        return TN_KIND_MODEL_CARD;
    if (has_line(head, "dataset card") || has_line(head, "data card") || has_line(head, "datasheet for"))
        return TN_KIND_DATA_CARD;
    if (has_line(text, "model details") || has_line(text, "training procedure"))
        return TN_KIND_MODEL_CARD;
    if (has_line(text, "dataset details") || has_line(text, "dataset structure"))
        return TN_KIND_DATA_CARD;
    static const char *const metadata[] = {"license", "datasets", "metrics", "language", NULL};
    static const char *const trained[] = {"datasets", "metrics", NULL};
    return front->present && has_key(front->yaml, trained) && has_key(front->yaml, metadata) ? TN_KIND_MODEL_CARD : TN_KIND_NONE;
}

static tn_kind kind_of_markdown(tn_str path, tn_str name, tn_str text)
{
    tn_front_matter front = {0};
    if (tn_front_matter_split(text, &front, NULL) != TN_OK)
        front = (tn_front_matter){.body = text};
    static const char *const answers[] = {"answer.md", "response.md", "reply.md", NULL};
    if (one_of(name, answers) || ends_fold(name, ".answer.md") || has_folder(path, "answers"))
        return TN_KIND_ANSWER;
    static const char *const model_cards[] = {"model_card.md", "model-card.md", "modelcard.md", NULL};
    static const char *const data_cards[] = {"data_card.md", "data-card.md", "datacard.md", "dataset_card.md", "dataset-card.md", "datasetcard.md", NULL};
    if (one_of(name, model_cards))
        return TN_KIND_MODEL_CARD;
    if (one_of(name, data_cards))
        return TN_KIND_DATA_CARD;
    /* A composed prompt: the context and the user's four parts in one text. */
    int questions = has_line(front.body, "who") + has_line(front.body, "how") + has_line(front.body, "what") + has_line(front.body, "why") + has_line(front.body, "where") + has_line(front.body, "when") + has_line(front.body, "task");
    if (ends_fold(name, "prompt.md") && questions >= 3)
        return TN_KIND_RULES_FILE;
    int brief = has_line(front.body, "task:") + has_line(front.body, "why it matters") + has_line(front.body, "where this applies") +
                has_line(front.body, "when this is needed");
    if (equal_fold(name, "brief.md") || ends_fold(name, ".brief.md") || brief >= 3)
        return TN_KIND_BRIEF;
    if (equal_fold(name, "readme.md"))
        return kind_of_card(text, &front);
    /* The five sections that an answer must have; two of their names are no accident. */
    int sections = has_line(text, "task definition") + has_line(text, "model choice") + has_line(text, "data strategy") +
                   (has_line(text, "training or inference approach") || has_line(text, "training approach") || has_line(text, "inference approach"));
    return sections >= 2 ? TN_KIND_ANSWER : TN_KIND_NONE;
}

/* ---- the whole ---- */

static tn_kind kind_of_yaml(tn_str name, tn_str text)
{
    static const char *const marks[] = {"recipe", "phases", "approach", NULL};
    static const char *const task[] = {"task", NULL}, *const evaluation[] = {"evaluation", NULL};
    bool named = ends_fold(name, "plan.yaml") || ends_fold(name, "plan.yml");
    if (named && has_key(text, task) && (has_key(text, marks) || has_key(text, evaluation)))
        return TN_KIND_PLAN;
    return TN_KIND_CONFIG;
}

tn_kind tn_kind_of(tn_str path, tn_str text)
{
    static const char *const configs[] = {".env", "dockerfile", "makefile", "pip.conf", ".netrc", ".npmrc", NULL};
    static const char *const config_ends[] = {".json", ".toml", ".ini", ".cfg", ".sh", ".bash", ".env", ".conf", ".properties", ".txt", ".r", ".js", ".ts", NULL};
    tn_str name = last_part(path);
    if (is_rules_file(path, name))
        return TN_KIND_RULES_FILE;
    if (ends_fold(name, ".py"))
        return TN_KIND_PYTHON;
    if (ends_fold(name, ".ipynb"))
        return TN_KIND_NOTEBOOK;
    if (ends_fold(name, ".md") || ends_fold(name, ".markdown"))
        return kind_of_markdown(path, name, text);
    if (ends_fold(name, ".yaml") || ends_fold(name, ".yml"))
        return kind_of_yaml(name, text);
    if (one_of(name, configs) || (name.len > 5 && equal_fold(tn_str_sub(name, 0, 5), ".env.")))
        return TN_KIND_CONFIG;
    for (const char *const *e = config_ends; *e; e++)
        if (ends_fold(name, *e))
            return TN_KIND_CONFIG;
    return TN_KIND_NONE;
}
