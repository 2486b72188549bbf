/* A brief is cut into parts and words (flow/phrase.h finds the catalogue's phrases in them); flow/reading.c makes the
 * facts. Here: the file's frame — front matter, parts, the order of the facts — and the reading as JSON. */
#include "flow/reading.h"

#include "codec/yaml.h"
#include "rules/catalog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BRIEF = 1 << 20, MAX_READ = 1 << 16 };

/* ---- facts ---- */

static const char *const field_order[] = {"action", "task", "problem", "modality", "language", "domain", "goal", "environment", "phase", "licence_use", "max_latency_ms",
                                          "max_memory_mb", "max_params_m", "budget_minutes", "budget_bytes", "labels", "label", "min_metric", "data", "rule"};

const tn_fact *tn_brief_fact(const tn_brief *b, const char *field, const tn_fact *after)
{
    for (size_t i = after ? (size_t)(after - b->facts.ptr) + 1 : 0; i < b->facts.len; i++)
        if (strcmp(b->facts.ptr[i].field, field) == 0)
            return &b->facts.ptr[i];
    return NULL;
}

bool tn_brief_has(const tn_brief *b, const char *field, const char *value)
{
    for (const tn_fact *f = NULL; (f = tn_brief_fact(b, field, f));)
        if (tn_str_is(f->value, value))
            return true;
    return false;
}

bool tn_brief_is_missing(const tn_brief *b, const char *code)
{
    for (size_t i = 0; i < b->missing.len; i++)
        if (strcmp(b->missing.ptr[i], code) == 0)
            return true;
    return false;
}

static size_t rank_of(const char *field)
{
    for (size_t i = 0; i < TN_COUNT(field_order); i++)
        if (strcmp(field_order[i], field) == 0)
            return i;
    return TN_COUNT(field_order);
}

/* What has no place in the text (front matter, what follows from it) keeps the order in which it was found. */
static int by_field_then_place(const void *a, const void *b)
{
    const tn_fact *x = a, *y = b;
    size_t rx = rank_of(x->field), ry = rank_of(y->field);
    if (rx != ry)
        return rx < ry ? -1 : 1;
    if (x->words.ptr != y->words.ptr)
        return x->words.ptr < y->words.ptr ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* ---- parts ---- */

/* The part that a line opens, by the heads of the catalogue ("## Task", "**Why it matters:** ...", "WHEN:", "Aufgabe: ..."),
 * and where its own text starts. A head needs a colon, a dash, an equals sign, or Markdown around it. */
static bool opens_part(tn_str line, tn_brief_part *part, size_t *text_at)
{
    static const char *const name[TN_N_PARTS] = {"what", "why", "where", "when"};
    size_t i = 0, best = 0;
    bool markdown = false, may = false;
    while (line.len && strchr(" \t\r*_", line.ptr[line.len - 1]))
        line.len--;
    tn_str text = line;
    for (size_t k = 0; k < line.len && k < 80 && !may; k++) /* most lines are no heads; the table is only asked for those that may be */
        may = line.ptr[k] == ':' || line.ptr[k] == '=' || line.ptr[k] == '#' || line.ptr[k] == '*' || line.ptr[k] == '-' || (unsigned char)line.ptr[k] >= 0xE2;
    if (!may)
        return false;
    while (i < line.len && strchr("# *_>-\t", line.ptr[i]))
        markdown |= line.ptr[i] == '#' || line.ptr[i] == '*', i++;
    tn_catalog_row row;
    for (bool more = tn_catalog_first("heads", &row); more; more = tn_catalog_next(&row)) {
        tn_str rest = row.line, value, head;
        tn_str_cut(&rest, '\t', &value);
        while (tn_str_cut(&rest, ';', &head)) {
            head = tn_str_trim(head);
            if (head.len <= best || text.len - i < head.len || !tn_phrase_same(tn_str_sub(text, i, i + head.len), head))
                continue;
            size_t k = i + head.len;
            while (k < text.len && strchr("*_ ", text.ptr[k]) && k < i + head.len + 5)
                k++;
            tn_str tail = tn_str_sub(text, k, text.len);
            size_t sign = tn_str_starts(tail, ":") || (tn_str_starts(tail, "= ") && !markdown) || (tn_str_starts(tail, "-") && k > i + head.len) ? 1
                          : tn_str_starts(tail, "\xEF\xBC\x9A") || tn_str_starts(tail, "\xE2\x80\x93") || tn_str_starts(tail, "\xE2\x80\x94") ? 3 : 0;
            if (!sign && !(markdown && k >= text.len))
                continue;
            k += sign;
            while (k < text.len && strchr("* ", text.ptr[k]))
                k++;
            best = head.len;
            *text_at = k;
            for (int p = 0; p < TN_N_PARTS; p++)
                if (tn_str_is(value, name[p]))
                    *part = (tn_brief_part)p;
        }
    }
    return best > 0;
}

#define WHAT_HINT "[Describe the ML task and modality.]"
#define WHY_HINT "[Explain the business or research goal.]"
#define WHERE_HINT "[Environment, constraints, deployment target.]"
#define WHEN_HINT "[Experimentation, training, deployment.]"
#define OPTIONAL "(Optional)"

const char tn_brief_template[] = "Task:\n" WHAT_HINT "\n\nWhy it matters:\n" WHY_HINT "\n\nWhere this applies:\n" WHERE_HINT "\n" OPTIONAL
                                 "\n\nWhen this is needed:\n" WHEN_HINT "\n" OPTIONAL "\n";

/* The template's own hints are nobody's words: where one is a whole line, blanks take its place, and that of "(Optional)"
 * in the next line, so that every offset stays what it was. */
static bool blank_hints(tn_str *text, tn_arena *a)
{
    static const char *const hint[] = {WHAT_HINT, WHY_HINT, WHERE_HINT, WHEN_HINT};
    char *copy = NULL;
    for (size_t h = 0; h < TN_COUNT(hint); h++)
        for (size_t at = 0, end; (at = tn_str_find(*text, tn_str_of(hint[h]), at)) != SIZE_MAX; at = end) {
            end = at + strlen(hint[h]);
            size_t line_end = tn_str_find(*text, TN_STR("\n"), end);
            if (line_end > text->len)
                line_end = text->len;
            if ((at && text->ptr[at - 1] != '\n') || tn_str_trim(tn_str_sub(*text, end, line_end)).len)
                continue;
            tn_str rest = tn_str_sub(*text, line_end, text->len);
            size_t next_end = line_end < text->len ? tn_str_find(*text, TN_STR("\n"), line_end + 1) : text->len;
            if (tn_str_starts(rest, "\n" OPTIONAL) && !tn_str_trim(tn_str_sub(*text, line_end + 1 + strlen(OPTIONAL), next_end)).len)
                end = line_end + 1 + strlen(OPTIONAL);
            if (!copy) {
                tn_str dup = tn_str_dup(a, *text);
                if (!dup.ptr)
                    return false;
                *text = dup;
                copy = (char *)dup.ptr;
            }
            for (size_t i = at; i < end; i++)
                if (copy[i] != '\n' && copy[i] != '\r')
                    copy[i] = ' ';
        }
    return true;
}

/* The text's next piece of one part, up to the line that opens another part; what stands before the first such line is
 * "what". A line that opens the part it stands in is text. False at the end. */
static bool next_piece(tn_str text, size_t *at, tn_brief_part *part, tn_str *piece)
{
    size_t start = *at, offset;
    if (start >= text.len)
        return false;
    if (start == 0)
        *part = TN_WHAT;
    bool headed = false;
    for (bool first = true; *at < text.len; first = false) {
        size_t end = *at;
        tn_brief_part opened;
        while (end < text.len && text.ptr[end] != '\n')
            end++;
        if (*at < MAX_READ && opens_part(tn_str_sub(text, *at, end), &opened, &offset) && (!headed || opened != *part)) {
            if (!first)
                break;
            headed = true;
            *part = opened;
            start = *at + offset;
        }
        *at = end < text.len ? end + 1 : end;
    }
    *piece = tn_str_trim(tn_str_sub(text, start, *at));
    return true;
}

/* No word is lost: the pieces of a part that is opened more than once are joined, in order, by an empty line. */
static bool cut_parts(tn_brief *b, tn_arena *a)
{
    size_t n[TN_N_PARTS] = {0}, len[TN_N_PARTS] = {0}, at = 0;
    char *joined[TN_N_PARTS] = {NULL};
    tn_brief_part part = TN_WHAT;
    tn_str piece;
    while (next_piece(b->text, &at, &part, &piece))
        if (piece.len) {
            n[part]++;
            len[part] += piece.len + 2;
        }
    for (at = 0, part = TN_WHAT; next_piece(b->text, &at, &part, &piece);) {
        tn_str *out = &b->part[part];
        if (n[part] == 1 && piece.len)
            *out = piece;
        if (n[part] < 2 || !piece.len)
            continue;
        if (!joined[part] && !(joined[part] = tn_arena_alloc(a, len[part])))
            return false;
        if (out->len) {
            memcpy(joined[part] + out->len, "\n\n", 2);
            out->len += 2;
        }
        memcpy(joined[part] + out->len, piece.ptr, piece.len);
        *out = (tn_str){joined[part], out->len + piece.len};
    }
    return true;
}

/* Whether the line around byte `at` is an item of a list; *start is where it begins. */
static bool is_item(tn_str text, size_t at, size_t *start)
{
    size_t i = at;
    while (i && text.ptr[i - 1] != '\n')
        i--;
    *start = i;
    while (i < at && (text.ptr[i] == ' ' || text.ptr[i] == '\t'))
        i++;
    return i + 1 < text.len && strchr("-*+", text.ptr[i]) && text.ptr[i + 1] == ' ';
}

/* Which part each word stands in; TN_N_PARTS in free prose, where every part may be meant, and in an item of a list that
 * has no head of its own behind one that has ("- why: ..." and then "- data: ..."). */
static void place_words(tn_brief *b, tn_words *words)
{
    size_t at = 0, i = 0;
    tn_brief_part part = TN_WHAT;
    tn_str piece;
    while (next_piece(b->text, &at, &part, &piece)) {
        b->has_parts |= part != TN_WHAT || (piece.len && piece.ptr != tn_str_trim(b->text).ptr);
        size_t own = (size_t)(piece.ptr - b->text.ptr); /* the head's words, before it, stand in no part */
        size_t head_line, line;
        bool listed = piece.len && part != TN_WHAT && is_item(b->text, own, &head_line), other = false;
        for (; i < words->len && words->ptr[i].from < at; i++) {
            if (listed && (!i || words->ptr[i].line != words->ptr[i - 1].line)) /* asked once a line */
                other = words->ptr[i].from > own && is_item(b->text, words->ptr[i].from, &line) && line > head_line;
            words->ptr[i].part = words->ptr[i].from < own ? TN_IN_HEAD : other ? TN_N_PARTS : (uint8_t)part;
        }
    }
    for (i = 0; !b->has_parts && i < words->len; i++)
        words->ptr[i].part = TN_N_PARTS;
}

/* ---- front matter ---- */

/* "4GiB", "500 MB", "4000000000": bytes. */
static bool bytes_of(tn_str text, int64_t *out)
{
    static const struct {
        const char *unit;
        double bytes;
    } row[] = {{"GiB", 1024.0 * 1024 * 1024}, {"MiB", 1024.0 * 1024}, {"GB", 1e9}, {"MB", 1e6}, {"", 1}};
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        double v;
        if (!tn_str_ends(text, row[i].unit))
            continue;
        if (!tn_str_to_f64(tn_str_trim(tn_str_sub(text, 0, text.len - strlen(row[i].unit))), &v) || !(v > 0) || v * row[i].bytes > 1e15)
            return false;
        *out = (int64_t)(v * row[i].bytes);
        return true;
    }
    return false;
}

/* A value that would be passed over in silence: what it must be instead, or NULL when it is that. */
static const char *wrong_form(const tn_json *v)
{
    tn_str key = tn_json_key(v);
    tn_json_type_id type = tn_json_type(v);
    double x;
    int64_t bytes;
    if (tn_str_is(key, "use"))
        return tn_json_is_str(v, "commercial") || tn_json_is_str(v, "research") ? NULL : "commercial or research";
    if (tn_str_is(key, "recipe"))
        return type == TN_JSON_OBJECT ? NULL : "settings and values, such as {epochs: 3}";
    if (tn_str_is(key, "language") && type != TN_JSON_STRING) {
        const char *wanted = "a language code or a list of them, such as [vi, en]";
        if (type != TN_JSON_ARRAY)
            return wanted;
        for (const tn_json *c = tn_json_first(v); c; c = tn_json_next(c))
            if (tn_json_type(c) != TN_JSON_STRING)
                return wanted;
    }
    if (tn_str_is(key, "target")) {
        for (const tn_json *c = tn_json_first(v); c; c = tn_json_next(c))
            if (!tn_json_f64(c, &x))
                type = TN_JSON_NONE;
        return type == TN_JSON_OBJECT ? NULL : "metrics and numbers, such as {macro_f1: 0.8}";
    }
    if (tn_str_is(key, "budget")) {
        for (const tn_json *c = tn_json_first(v); c; c = tn_json_next(c))
            if (!(tn_str_is(tn_json_key(c), "minutes") && tn_json_f64(c, &x) && x > 0) && !(tn_str_is(tn_json_key(c), "memory") && bytes_of(tn_json_text(c), &bytes)))
                type = TN_JSON_NONE;
        return type == TN_JSON_OBJECT ? NULL : "minutes and memory, such as {minutes: 10, memory: 4GiB}";
    }
    return NULL;
}

/* Keys that describe the file and its people: kept in front_text, without effect. */
static const char *const descriptive[] = {
    "title", "subtitle", "name", "id", "author", "authors", "owner", "owners", "contact", "date", "created", "updated", "modified", "version", "revision", "status", "state",
    "tags", "tag", "keywords", "category", "categories", "topic", "type", "kind", "priority", "deadline", "due", "summary", "abstract", "description", "note", "notes", "comment",
    "comments", "subject", "from", "to", "cc", "source", "sources", "link", "links", "url", "ref", "refs", "reference", "references", "ticket", "issue", "project", "team",
    "department", "unit", "group", "company", "organisation", "organization", "client", "customer", "sponsor", "requester", "reviewer", "reviewers", "approved", "approver",
    "confidential", "confidentiality", "classification", "layout", "slug", "draft", "aliases", "locale", "location", "place", "toc", "theme", "css", "published", "permalink"};

/* Letters to put in, take out, change or swap until a is b: 0, 1, or more (then 2). */
static unsigned letters_apart(tn_str a, tn_str b)
{
    size_t front = 0, back = 0;
    while (front < a.len && front < b.len && a.ptr[front] == b.ptr[front])
        front++;
    while (back < a.len - front && back < b.len - front && a.ptr[a.len - 1 - back] == b.ptr[b.len - 1 - back])
        back++;
    size_t left_a = a.len - front - back, left_b = b.len - front - back;
    bool swapped = left_a == 2 && left_b == 2 && a.ptr[front] == b.ptr[front + 1] && a.ptr[front + 1] == b.ptr[front];
    return left_a + left_b == 0 ? 0 : (left_a <= 1 && left_b <= 1) || swapped ? 1 : 2;
}

/* Money and days are no limit that a run could keep: "900 EUR, 10 days" is kept as a remark. */
static bool is_remark(const tn_json *v)
{
    static const char *const limit[] = {"min", "hour", "hrs", "GB", "GiB", "MB", "MiB", "gb", "mb", "second"};
    if (!tn_str_is(tn_json_key(v), "budget") || tn_json_type(v) != TN_JSON_STRING)
        return false;
    for (size_t i = 0; i < TN_COUNT(limit); i++)
        if (tn_str_find(tn_json_str(v), tn_str_of(limit[i]), 0) != SIZE_MAX)
            return false;
    return true;
}

static tn_status check_front(const tn_json *front, const char *path, tn_err *err)
{
    static const char *const known[] = {"data", "model", "recipe", "budget", "use", "target", "language"};
    if (!front || tn_json_type(front) == TN_JSON_NULL)
        return TN_OK;
    if (tn_json_type(front) != TN_JSON_OBJECT)
        return tn_fail(err, TN_EFORMAT, "%s:1: front matter must be keys and values (data: reviews.csv)", path);
    for (const tn_json *c = tn_json_first(front); c; c = tn_json_next(c)) {
        tn_str key = tn_json_key(c);
        bool ok = false, described = tn_str_starts(key, "x-") || tn_str_starts(key, "x_");
        const char *meant = NULL;
        for (size_t i = 0; i < TN_COUNT(known); i++)
            ok |= tn_str_is(key, known[i]);
        for (size_t i = 0; i < TN_COUNT(descriptive); i++)
            described |= tn_phrase_same(key, tn_str_of(descriptive[i]));
        for (size_t i = 0; i < TN_COUNT(known) && !meant; i++)
            meant = letters_apart(key, tn_str_of(known[i])) < 2 || tn_phrase_same(key, tn_str_of(known[i])) || (key.len >= 4 && tn_str_starts(tn_str_of(known[i]), "lang") && tn_str_starts(key, "lang")) ? known[i] : NULL;
        if (!ok && described)
            continue;
        if (!ok && meant)
            return tn_fail(err, TN_EFORMAT, "%s:%u: front matter has no key \"%.*s\"; did you mean \"%s\"?", path, tn_json_line(c), TN_ARG(key), meant);
        if (!ok)
            return tn_fail(err, TN_EFORMAT,
                           "%s:%u: front matter has no key \"%.*s\"; keys with effect are data, model, recipe, budget, use, target, language; "
                           "title, author, date, tags and the like are kept, and so is any key that begins with x-",
                           path, tn_json_line(c), TN_ARG(key));
        const char *wanted = is_remark(c) ? NULL : wrong_form(c);
        if (wanted)
            return tn_fail(err, TN_EFORMAT, "%s:%u: %.*s must be %s", path, tn_json_line(c), TN_ARG(key), wanted);
    }
    return TN_OK;
}

static void read_front(tn_reader *r, const tn_json *front)
{
    const tn_json *v = tn_json_get(front, "use");
    if (v && tn_json_type(v) == TN_JSON_STRING)
        tn_reader_add(r, "licence_use", tn_json_str(v), 0, 0);
    if ((v = tn_json_get(front, "language")) && tn_json_type(v) == TN_JSON_STRING)
        tn_reader_add(r, "language", tn_json_str(v), 0, 0);
    for (const tn_json *c = tn_json_type(v) == TN_JSON_ARRAY ? tn_json_first(v) : NULL; c; c = tn_json_next(c))
        tn_reader_add(r, "language", tn_json_str(c), 0, 0);
    if ((v = tn_json_get(front, "target")))
        for (const tn_json *c = tn_json_first(v); c; c = tn_json_next(c)) {
            double x;
            if (tn_json_f64(c, &x))
                tn_reader_add(r, "min_metric", tn_str_format(r->arena, "%.*s >= %.15g", TN_ARG(tn_json_key(c)), x), 0, 0);
        }
    if ((v = tn_json_get(tn_json_get(front, "budget"), "minutes")))
        tn_reader_add(r, "budget_minutes", tn_json_text(v), 0, 0);
    int64_t bytes;
    if ((v = tn_json_get(tn_json_get(front, "budget"), "memory")) && bytes_of(tn_json_text(v), &bytes))
        tn_reader_add(r, "budget_bytes", tn_str_format(r->arena, "%lld", (long long)bytes), 0, 0);
}

/* Facts of the defaults whose field the brief leaves open. */
static void read_defaults(tn_reader *r)
{
    tn_brief *b = r->brief;
    size_t n_said = b->facts.len, n = n_said;
    read_front(r, b->defaults);
    for (size_t i = n_said; i < b->facts.len; i++) {
        bool said = false;
        for (size_t k = 0; k < n_said; k++)
            said |= strcmp(b->facts.ptr[k].field, b->facts.ptr[i].field) == 0;
        b->facts.ptr[i].by_project = true;
        if (!said)
            b->facts.ptr[n++] = b->facts.ptr[i];
    }
    b->facts.len = n;
}

const tn_json *tn_brief_front(const tn_brief *b, const char *key, const char *setting, bool *by_project)
{
    const tn_json *own = tn_json_get(b->front, key), *theirs = strcmp(key, "data") == 0 ? NULL : tn_json_get(b->defaults, key);
    if (setting) {
        own = tn_json_get(own, setting);
        theirs = tn_json_get(theirs, setting);
    }
    if (by_project)
        *by_project = !own && theirs;
    return own ? own : theirs;
}

tn_status tn_brief_parse(tn_str text, const char *path, tn_arena *a, tn_brief *out, tn_err *err)
{
    return tn_brief_parse_in(text, path, NULL, a, out, err);
}

tn_status tn_brief_parse_in(tn_str text, const char *path, const tn_json *defaults, tn_arena *a, tn_brief *out, tn_err *err)
{
    *out = TN_BRIEF_INIT;
    if (text.len > MAX_BRIEF)
        return tn_fail(err, TN_ELIMIT, "%s: a brief of %zu bytes; at most %d are read", path, text.len, MAX_BRIEF);
    size_t bad = tn_utf8_check(text);
    if (bad != text.len)
        return tn_fail(err, TN_EFORMAT, "%s: byte %zu is not UTF-8; save the brief as UTF-8", path, bad);
    tn_front_matter front;
    if (tn_front_matter_parse(text, a, &front, &out->front, err) != TN_OK)
        return tn_fail_prefix(err, "%s", path);
    out->text = front.body;
    out->front_text = front.present ? front.yaml : TN_STR("");
    out->defaults = defaults;
    TN_TRY(check_front(out->front, path, err));
    TN_TRY(check_front(defaults, "tenet.yaml", err));
    if (!blank_hints(&out->text, a) || !cut_parts(out, a))
        return tn_fail_nomem(err, text.len);
    tn_reader r = {.brief = out, .arena = a, .first_line = front.body_line};
    tn_str read = tn_str_sub(out->text, 0, MAX_READ);
    while (read.len && read.len < out->text.len && ((unsigned char)out->text.ptr[read.len] & 0xC0) == 0x80)
        read.len--;
    tn_status st = tn_words_cut(read, r.first_line, a, &r.words, err);
    if (st == TN_OK)
        place_words(out, &r.words);
    if (st == TN_OK)
        st = tn_phrases_find(&r.words, a, &r.hits, err);
    if (st == TN_OK) {
        read_front(&r, out->front);
        tn_reader_run(&r);
        read_defaults(&r);
        if (out->facts.len)
            qsort(out->facts.ptr, out->facts.len, sizeof *out->facts.ptr, by_field_then_place);
        tn_reader_note_missing(&r);
        if (r.no_memory)
            st = tn_fail_nomem(err, 64);
    }
    TN_VEC_FREE(&r.words);
    TN_VEC_FREE(&r.hits);
    if (st != TN_OK)
        tn_brief_free(out);
    return st;
}

void tn_brief_free(tn_brief *b)
{
    TN_VEC_FREE(&b->facts);
    TN_VEC_FREE(&b->missing);
}

/* ---- output ---- */

static void write_list(const tn_brief *b, tn_json_writer *w, const char *key, const char *field)
{
    tn_jw_key(w, key);
    tn_jw_begin_array(w);
    for (const tn_fact *f = NULL; (f = tn_brief_fact(b, field, f));)
        tn_jw_str(w, f->value);
    tn_jw_end_array(w);
}

/* One value as itself, several as a list, none as null. */
static void write_values(const tn_brief *b, tn_json_writer *w, const char *key, const char *field)
{
    const tn_fact *f = tn_brief_fact(b, field, NULL);
    if (f && tn_brief_fact(b, field, f)) {
        write_list(b, w, key, field);
        return;
    }
    tn_jw_key(w, key);
    if (f)
        tn_jw_str(w, f->value);
    else
        tn_jw_null(w);
}

/* Facts of a closed set, in the set's order and not in that of the text. */
static void write_ordered(const tn_brief *b, tn_json_writer *w, const char *key, const char *field, const char *const *order)
{
    tn_jw_key(w, key);
    tn_jw_begin_array(w);
    for (; *order; order++)
        if (tn_brief_has(b, field, *order))
            tn_jw_c(w, *order);
    tn_jw_end_array(w);
}

static void write_number(const tn_brief *b, tn_json_writer *w, const char *field)
{
    const tn_fact *f = tn_brief_fact(b, field, NULL);
    if (f) {
        tn_jw_key(w, field);
        tn_jw_raw(w, f->value);
    }
}
static void write_metrics(const tn_brief *b, tn_json_writer *w)
{
    if (!tn_brief_fact(b, "min_metric", NULL))
        return;
    tn_jw_key(w, "min_metric");
    tn_jw_begin_array(w);
    for (const tn_fact *f = NULL; (f = tn_brief_fact(b, "min_metric", f));) {
        tn_str rest = f->value, name, op, value;
        tn_str_cut(&rest, ' ', &name);
        tn_str_cut(&rest, ' ', &op);
        value = rest;
        tn_jw_begin_object(w);
        tn_jw_key(w, "name");
        tn_jw_str(w, name);
        tn_jw_key(w, "op");
        tn_jw_str(w, op);
        tn_jw_key(w, "value");
        tn_jw_raw(w, value);
        tn_jw_end_object(w);
    }
    tn_jw_end_array(w);
}

void tn_brief_write(const tn_brief *b, tn_json_writer *w)
{
    static const char *const actions[] = {"select", "fine-tune", "evaluate", "pipeline", "deploy", NULL};
    static const char *const goals[] = {"accuracy", "cost", "feature", "prototype", "production", NULL};
    static const char *const places[] = {"research", "production", "edge", "cloud-gpu", "cloud-cpu", "regulated", NULL};
    static const char *const phases[] = {"experiment", "select", "tune", "deploy", "post-release", NULL};
    tn_jw_begin_object(w);
    write_ordered(b, w, "actions", "action", actions);
    write_values(b, w, "task", "task");
    const tn_fact *problem = tn_brief_fact(b, "problem", NULL);
    tn_jw_key(w, "problem");
    if (problem)
        tn_jw_str(w, problem->value);
    else
        tn_jw_null(w);
    write_values(b, w, "modality", "modality");
    write_list(b, w, "languages", "language");
    const tn_fact *domain = tn_brief_fact(b, "domain", NULL);
    tn_jw_key(w, "domain");
    if (domain)
        tn_jw_str(w, domain->value);
    else
        tn_jw_null(w);
    write_ordered(b, w, "goals", "goal", goals);
    write_ordered(b, w, "environment", "environment", places);
    write_ordered(b, w, "phase", "phase", phases);
    tn_jw_key(w, "constraints");
    tn_jw_begin_object(w);
    write_number(b, w, "max_latency_ms");
    write_number(b, w, "max_memory_mb");
    write_number(b, w, "max_params_m");
    write_number(b, w, "budget_minutes");
    if (tn_brief_fact(b, "label", NULL))
        write_list(b, w, "labels", "label");
    else
        write_number(b, w, "labels");
    write_metrics(b, w);
    const tn_fact *use = tn_brief_fact(b, "licence_use", NULL);
    tn_jw_key(w, "licence_use");
    if (use)
        tn_jw_str(w, use->value);
    else
        tn_jw_null(w);
    tn_jw_end_object(w);
    tn_jw_key(w, "missing");
    tn_jw_begin_array(w);
    for (size_t i = 0; i < b->missing.len; i++)
        tn_jw_str(w, tn_str_of(b->missing.ptr[i]));
    tn_jw_end_array(w);
    tn_jw_key(w, "refuse_or_warn");
    tn_jw_begin_array(w);
    if (!tn_brief_fact(b, "action", NULL))
        tn_jw_c(w, "brief-what");
    if (!tn_brief_fact(b, "task", NULL))
        tn_jw_c(w, "constraint-task");
    if (tn_brief_is_missing(b, "goal"))
        tn_jw_c(w, "brief-why");
    for (const tn_fact *f = NULL; (f = tn_brief_fact(b, "rule", f));)
        tn_jw_str(w, f->value);
    tn_jw_end_array(w);
    tn_jw_key(w, "words");
    tn_jw_begin_array(w);
    for (size_t i = 0; i < b->facts.len; i++) {
        const tn_fact *f = &b->facts.ptr[i];
        tn_jw_begin_object(w);
        tn_jw_key(w, "field");
        tn_jw_str(w, tn_str_of(f->field));
        tn_jw_key(w, "value");
        tn_jw_str(w, f->value);
        tn_jw_key(w, "words");
        tn_jw_str(w, f->words);
        tn_jw_key(w, "line");
        tn_jw_i64(w, f->line);
        tn_jw_end_object(w);
    }
    tn_jw_end_array(w);
    tn_jw_end_object(w);
}
