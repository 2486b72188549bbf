/* Front matter and five headed texts. Each heading stands once, so a text is one slice of the file; headings inside a
 * code fence are examples. What a file does not hold stays NULL, which is what lets a project's file be laid over the one
 * that is compiled in. */
#include "rules/rule_file.h"

#include "codec/yaml.h"
#include "rules/catalog.h"

#include <string.h>

enum { LAST_PLACE = 99 };

static const char *const kind_name[] = {"python", "notebook", "answer", "model-card", "data-card", "brief",
                                        "plan",   "run",      "model",  "data",       "repository", "rules-file", "config"};
static const char *const when_name[] = {
    "always", /* actions */ "select", "fine-tune", "evaluate", "pipeline", "deploy", /* goals */ "accuracy", "cost", "feature", "prototype",
    /* environments, and the goal of that name */ "production", "research", "edge", "cloud-cpu", "cloud-gpu", "regulated",
    /* phases */ "experiment", "tune", "post-release", /* uses */ "commercial", /* modalities */ "text", "image", "audio", "video", "tabular", "multimodal",
    /* domains whose decisions weigh on people */ "healthcare", "banking", "insurance", "human resources", "law", "education", "public administration"};

static bool is_among(tn_str s, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (tn_str_is(s, list[i]))
            return true;
    return false;
}

bool tn_rule_name_is_valid(tn_str s)
{
    if (s.len < 2 || s.len > 64 || s.ptr[0] < 'a' || s.ptr[0] > 'z' || s.ptr[s.len - 1] == '-')
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (!((s.ptr[i] >= 'a' && s.ptr[i] <= 'z') || (s.ptr[i] >= '0' && s.ptr[i] <= '9') || s.ptr[i] == '-'))
            return false;
    return true;
}

static tn_status bad_value(const tn_json *v, tn_err *err, const char *what)
{
    return tn_fail(err, TN_EFORMAT, "%u:%u: %s: \"%.*s\"", tn_json_line(v), tn_json_column(v), what, TN_ARG(tn_str_sub(tn_json_text(v), 0, 60)));
}

static bool is_when(tn_str word)
{
    tn_catalog_row row;
    return is_among(word, when_name, TN_COUNT(when_name)) || tn_catalog_find("tasks", "tag", word, &row);
}

static bool is_kind(tn_str word)
{
    return is_among(word, kind_name, TN_COUNT(kind_name));
}

static tn_status read_words(const tn_json *v, bool (*known)(tn_str), const char *what, tn_arena *a, const tn_str **out, size_t *n, tn_err *err)
{
    if (tn_json_type(v) != TN_JSON_ARRAY)
        return bad_value(v, err, "this is to be a list of words");
    tn_str *word = TN_ARENA_ARRAY(a, tn_str, tn_json_len(v));
    if (!word)
        return tn_fail_nomem(err, tn_json_len(v) * sizeof *word);
    *n = 0;
    for (const tn_json *c = tn_json_first(v); c; c = tn_json_next(c)) {
        if (!known(tn_json_str(c)))
            return bad_value(c, err, what);
        word[(*n)++] = tn_json_str(c);
    }
    *out = word;
    return TN_OK;
}

static tn_status read_head(const tn_json *head, tn_arena *a, tn_rule *r, bool *has_severity, tn_err *err)
{
    static const tn_severity severity[] = {TN_ADVICE, TN_WARNING, TN_ERROR};
    struct {
        const char *key;
        tn_str *out;
    } text[] = {{"id", &r->id}, {"section", &r->section}, {"title", &r->title}, {"obey", &r->obey}, {"due", &r->due}};
    if (tn_json_type(head) != TN_JSON_OBJECT)
        return tn_fail(err, TN_EFORMAT, "1:1: a rule file begins with front matter, keys and values between two lines of ---");
    for (const tn_json *v = tn_json_first(head); v; v = tn_json_next(v)) {
        tn_str key = tn_json_key(v);
        size_t i = 0;
        while (i < TN_COUNT(text) && !tn_str_is(key, text[i].key))
            i++;
        if (i < TN_COUNT(text)) {
            *text[i].out = tn_str_dup(a, tn_str_trim(tn_json_str(v))); /* an id is used as a C string too */
            if (!text[i].out->ptr)
                return tn_fail_nomem(err, 64);
            if (text[i].out->len == 0 || tn_str_find(*text[i].out, TN_STR("\n"), 0) != SIZE_MAX)
                return bad_value(v, err, "this is to be one line of text");
        } else if (tn_str_is(key, "severity")) {
            for (i = 0; i < TN_COUNT(severity) && !tn_json_is_str(v, tn_severity_name(severity[i])); i++)
                ;
            if (i == TN_COUNT(severity))
                return bad_value(v, err, "severity is error, warning or advice");
            r->severity = r->written = severity[i];
            *has_severity = true;
        } else if (tn_str_is(key, "place")) {
            int64_t place;
            if (!tn_json_i64(v, &place) || place < 1 || place > LAST_PLACE)
                return bad_value(v, err, "place is a number from 1 to 99");
            r->place = (uint32_t)place;
        } else if (tn_str_is(key, "for")) {
            TN_TRY(read_words(v, is_when, "no word of a brief", a, &r->when, &r->n_when, err));
        } else if (tn_str_is(key, "checks")) {
            TN_TRY(read_words(v, is_kind, "no kind of source", a, &r->checks, &r->n_checks, err));
        } else {
            return tn_fail(err, TN_EFORMAT, "%u:%u: a rule has no key \"%.*s\"; the keys are id, section, place, title, severity, for, checks, obey, due",
                           tn_json_line(v), tn_json_column(v), TN_ARG(tn_str_sub(key, 0, 60)));
        }
    }
    return TN_OK;
}

/* Length of the run of ` or ~ that a line begins with: 3 or more opens a fence, and as many with nothing behind close it. */
static size_t fence_of(tn_str line, char *mark)
{
    size_t n = 0;
    *mark = line.len ? line.ptr[0] : 0;
    while ((*mark == '`' || *mark == '~') && n < line.len && line.ptr[n] == *mark)
        n++;
    return n >= 3 ? n : 0;
}

static void follow_fence(tn_str line, char *open_mark, size_t *open_len)
{
    char mark;
    size_t n = fence_of(tn_str_trim(line), &mark);
    if (*open_len == 0) {
        *open_mark = mark;
        *open_len = n;
    } else if (mark == *open_mark && n >= *open_len && n == tn_str_trim(line).len) {
        *open_len = 0;
    }
}

/* The texts under the headings; each may stand once. `also` is what a project adds to a statement. */
static tn_status read_texts(tn_str body, uint32_t line_no, tn_rule *r, tn_str *also, tn_err *err)
{
    struct {
        const char *heading;
        tn_str *out;
    } text[] = {{"Statement", &r->statement}, {"Why", &r->why}, {"Instead", &r->instead}, {"Good", &r->good}, {"Bad", &r->bad}, {"Also", also}};
    tn_str rest = body, line, *open = NULL;
    uint32_t open_line = 0;
    char fence_mark = 0;
    size_t fence = 0; /* length of the open fence's mark; 0 = outside */
    for (; tn_str_cut(&rest, '\n', &line); line_no++) {
        follow_fence(line, &fence_mark, &fence);
        if (fence || !tn_str_starts(line, "## ")) {
            if (open)
                open->len = (size_t)(line.ptr + line.len - open->ptr);
            else if (tn_str_trim(line).len)
                return tn_fail(err, TN_EFORMAT, "%u:1: text before the first heading; the headings are ## Statement, Why, Instead, Good, Bad", line_no);
            continue;
        }
        tn_str name = tn_str_trim(tn_str_sub(line, 3, line.len));
        size_t i = 0;
        while (i < TN_COUNT(text) && !tn_str_is(name, text[i].heading))
            i++;
        if (i == TN_COUNT(text))
            return tn_fail(err, TN_EFORMAT, "%u:1: no heading \"%.*s\" here; the headings are Statement, Why, Instead, Good, Bad, and Also in a project's file", line_no,
                           TN_ARG(tn_str_sub(name, 0, 60)));
        if (text[i].out->ptr)
            return tn_fail(err, TN_EFORMAT, "%u:1: a second \"## %s\"", line_no, text[i].heading);
        open = text[i].out;
        *open = (tn_str){line.ptr + line.len, 0};
        open_line = line_no;
    }
    if (fence)
        return tn_fail(err, TN_EFORMAT, "%u:1: a code fence under this heading is never closed", open_line ? open_line : 1);
    for (size_t i = 0; i < TN_COUNT(text); i++)
        if (text[i].out->ptr) {
            *text[i].out = tn_str_trim(*text[i].out);
            if (text[i].out->len == 0)
                return tn_fail(err, TN_EFORMAT, "1:1: nothing stands under \"## %s\"", text[i].heading);
        }
    return TN_OK;
}

tn_status tn_rule_file_parse(tn_str text, tn_str stem, tn_arena *a, tn_rule_file *out, tn_err *err)
{
    tn_front_matter front;
    const tn_json *head;
    *out = (tn_rule_file){.rule.place = LAST_PLACE};
    const char *nul = memchr(text.ptr, 0, text.len);
    size_t bad = tn_utf8_check(nul ? tn_str_sub(text, 0, (size_t)(nul - text.ptr)) : text);
    if (bad < text.len)
        return tn_fail(err, TN_EFORMAT, "the file is no UTF-8 text (byte %zu)", bad);
    TN_TRY(tn_front_matter_parse(text, a, &front, &head, err));
    TN_TRY(read_head(head, a, &out->rule, &out->has_severity, err));
    TN_TRY(read_texts(front.body, front.body_line, &out->rule, &out->also, err));
    if (!tn_str_eq(out->rule.id, stem))
        return tn_fail(err, TN_EFORMAT, "1:1: the file's name says \"%.*s\", its id \"%.*s\"", TN_ARG(tn_str_sub(stem, 0, 80)), TN_ARG(tn_str_sub(out->rule.id, 0, 80)));
    return TN_OK;
}
