/* Both layouts become calls of add_question, one a question; files in order, questions in the order of the file. A
 * passage is kept once a file, found again by its text.
 *
 * Places are code points outside and bytes inside. Each passage has marks: the byte and UTF-16 offset of every 64th code
 * point, so that an answer costs a short walk, whatever the length of its passage: no file makes reading quadratic.
 *
 * A lying answer_start is repaired only in ways that cannot choose wrongly in silence: another unit of counting that fits
 * exactly, or the nearest place close by; both are counted and reported. */
#include "data/squad.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/map.h"
#include "codec/json.h"
#include "data/joined.h"
#include "data/note.h"
#include "data/table.h"

#include <string.h>

enum {
    MARK = 64,      /* code points between marks */
    NEAR = 1024,    /* bytes on each side in which a text is looked for */
    MAX_PLACES = 8, /* places of a text that are compared there */
};

typedef struct {
    uint32_t byte, utf16;
} mark;

typedef struct {
    const mark *mark; /* [n_points / MARK + 1] */
} ruler; /* of a passage */

typedef struct {
    size_t n;
    uint32_t file, line; /* of the first */
} count;

typedef struct {
    const tn_data_source *s;
    tn_dataset *d;
    tn_questions *q;
    tn_findings *findings;
    tn_arena *scratch;
    TN_VEC(tn_row) row;
    TN_VEC(tn_question) question;
    TN_VEC(tn_passage) passage;
    TN_VEC(ruler) ruler;
    TN_VEC(tn_answer) answer; /* of the question at work */
    tn_map seen;              /* passages of this file: text -> number */
    uint32_t file;
    bool any_id, any_without_id;
    size_t max_record, max_rows;
    count blank, unknown, contrary, moved, nowhere;
} reader;

static void note_count(const reader *r, count *c, uint32_t line)
{
    if (c->n++ == 0)
        c->file = r->file, c->line = line;
}

static tn_str path_of(const reader *r)
{
    return r->d->file[r->file].path;
}

/* ---- places in a passage ---- */

static tn_status make_ruler(reader *r, tn_passage *p, tn_err *err)
{
    p->n_points = (uint32_t)tn_utf8_count(p->text);
    mark *m = TN_ARENA_ARRAY(r->scratch, mark, p->n_points / MARK + 1);
    if (!m || !TN_PUSH(&r->ruler, ((ruler){m})))
        return tn_fail_nomem(err, p->n_points);
    size_t at = 0;
    for (uint32_t i = 0, utf16 = 0; i <= p->n_points; i++) {
        if (i % MARK == 0)
            m[i / MARK] = (mark){(uint32_t)at, utf16};
        if (i < p->n_points)
            utf16 += tn_utf8_next(p->text, &at) > 0xFFFF ? 2 : 1;
    }
    return TN_OK;
}

/* Byte of a code point, `point` <= n_points. */
static size_t byte_of(const tn_passage *p, const ruler *u, uint32_t point)
{
    size_t at = u->mark[point / MARK].byte;
    for (uint32_t i = point / MARK * MARK; i < point; i++)
        tn_utf8_next(p->text, &at);
    return at;
}

/* The last mark at or before an offset in bytes or UTF-16 units, then on to it. False when it lies inside a letter. */
static bool point_of(const tn_passage *p, const ruler *u, uint64_t offset, bool utf16, uint32_t *point)
{
    uint32_t low = 0, high = p->n_points / MARK + 1;
    while (high - low > 1) {
        uint32_t mid = low + (high - low) / 2;
        *((utf16 ? u->mark[mid].utf16 : u->mark[mid].byte) <= offset ? &low : &high) = mid;
    }
    size_t at = u->mark[low].byte;
    uint64_t have = utf16 ? u->mark[low].utf16 : at;
    uint32_t i = low * MARK;
    for (; have < offset && i < p->n_points; i++) {
        uint32_t cp = tn_utf8_next(p->text, &at);
        have = utf16 ? have + (cp > 0xFFFF ? 2 : 1) : at;
    }
    *point = i;
    return have == offset;
}

static bool stands_at(tn_str passage, size_t at, tn_str text)
{
    return at + text.len <= passage.len && memcmp(passage.ptr + at, text.ptr, text.len) == 0;
}

static size_t distance(size_t a, size_t b)
{
    return a > b ? a - b : b - a;
}

/* Where the text stands, as a code point; TN_NOT_THERE for nowhere. */
static uint32_t find_answer(const tn_passage *p, const ruler *u, tn_str text, int64_t stated, bool *moved)
{
    uint32_t point;
    *moved = false;
    if (stated <= p->n_points && stands_at(p->text, byte_of(p, u, (uint32_t)stated), text))
        return (uint32_t)stated;
    *moved = true;
    for (int utf16 = 1; utf16 >= 0; utf16--)
        if (point_of(p, u, (uint64_t)stated, utf16, &point) && stands_at(p->text, byte_of(p, u, point), text))
            return point;
    size_t near = stated <= p->n_points ? byte_of(p, u, (uint32_t)stated) : p->text.len, best = SIZE_MAX;
    if (text.len > NEAR)
        return TN_NOT_THERE;
    size_t from = near > NEAR ? near - NEAR : 0;
    tn_str around = tn_str_sub(p->text, 0, near + NEAR + text.len);
    for (int i = 0; i < MAX_PLACES; i++) {
        size_t at = tn_str_find(around, text, from);
        if (at == SIZE_MAX)
            break;
        if (best == SIZE_MAX || distance(at, near) < distance(best, near))
            best = at;
        from = at + 1;
    }
    return best != SIZE_MAX && point_of(p, u, best, false, &point) ? point : TN_NOT_THERE;
}

/* ---- one question ---- */

static tn_status fail_type(const reader *r, uint32_t line, const char *key, const char *needed, const tn_json *v,
                           tn_err *err)
{
    return tn_fail(err, TN_EFORMAT, "%.*s:%u: \"%s\" must be %s, it is %s", TN_ARG(path_of(r)), line, key, needed,
                   v ? tn_json_type_name(tn_json_type(v)) : "missing");
}

/* A text, copied; absent and null give an empty one unless `needed`. */
static tn_status read_text(const reader *r, const tn_json *of, const char *key, bool needed, uint32_t line, tn_str *out,
                           tn_err *err)
{
    const tn_json *v = tn_json_get(of, key);
    *out = TN_STR("");
    if (!needed && (!v || tn_json_type(v) == TN_JSON_NULL))
        return TN_OK;
    /* Ids are numbers in some files. */
    bool number = !needed && tn_json_type(v) == TN_JSON_NUMBER;
    if (tn_json_type(v) != TN_JSON_STRING && !number)
        return fail_type(r, line, key, "a text", v, err);
    *out = tn_json_text(v);
    if (memchr(out->ptr, 0, out->len))
        return tn_fail(err, TN_EFORMAT, "%.*s:%u: \"%s\" holds a NUL character (\\u0000); remove it",
                       TN_ARG(path_of(r)), line, key);
    return TN_OK;
}

static tn_status keep_text(const reader *r, tn_str s, tn_str *out, tn_err *err)
{
    *out = tn_str_dup(r->d->arena, s);
    return out->ptr ? TN_OK : tn_fail_nomem(err, s.len);
}

static tn_status add_answer(reader *r, uint32_t passage, const tn_json *text, const tn_json *start, uint32_t line,
                            tn_err *err)
{
    int64_t stated;
    if (tn_json_type(text) != TN_JSON_STRING)
        return fail_type(r, line, "text", "a text", text, err);
    /* 1.0 is no i64 here, but -1 is: some files write it for "nowhere". */
    if (!tn_json_i64(start, &stated) || stated < -1)
        return fail_type(r, line, "answer_start", "a whole number from 0", start, err);
    tn_answer x;
    TN_TRY(keep_text(r, tn_json_str(text), &x.text, err));
    if (memchr(x.text.ptr, 0, x.text.len))
        return tn_fail(err, TN_EFORMAT, "%.*s:%u: an answer holds a NUL character (\\u0000); remove it",
                       TN_ARG(path_of(r)), line);
    if (tn_str_trim(x.text).len == 0)
        return TN_OK;
    const tn_passage *p = &r->passage.ptr[passage];
    bool moved = true;
    x.start = stated < 0 ? TN_NOT_THERE : find_answer(p, &r->ruler.ptr[passage], x.text, stated, &moved);
    x.end = x.start == TN_NOT_THERE ? TN_NOT_THERE : x.start + (uint32_t)tn_utf8_count(x.text);
    if (x.start == TN_NOT_THERE)
        note_count(r, &r->nowhere, line);
    else if (moved)
        note_count(r, &r->moved, line);
    return TN_PUSH(&r->answer, x) ? TN_OK : tn_fail_nomem(err, sizeof x);
}

/* *listed: the file has a list of answers, be it empty. */
static tn_status read_answers(reader *r, const tn_json *v, uint32_t passage, uint32_t line, bool *listed, tn_err *err)
{
    r->answer.len = 0;
    *listed = v && tn_json_type(v) != TN_JSON_NULL;
    if (!*listed)
        return TN_OK;
    if (tn_json_type(v) == TN_JSON_ARRAY) {
        for (const tn_json *c = tn_json_first(v); c; c = tn_json_next(c)) {
            if (tn_json_type(c) != TN_JSON_OBJECT)
                return fail_type(r, line, "answers", "a list of objects", c, err);
            TN_TRY(add_answer(r, passage, tn_json_get(c, "text"), tn_json_get(c, "answer_start"), line, err));
        }
        return TN_OK;
    }
    const tn_json *text = tn_json_get(v, "text"), *start = tn_json_get(v, "answer_start");
    if (tn_json_type(text) != TN_JSON_ARRAY || tn_json_type(start) != TN_JSON_ARRAY)
        return fail_type(r, line, "answers", "a list of objects, or {\"text\": [...], \"answer_start\": [...]}", v,
                         err);
    if (tn_json_len(text) != tn_json_len(start))
        return tn_fail(err, TN_EFORMAT, "%.*s:%u: %zu texts and %zu places in \"answers\"", TN_ARG(path_of(r)), line,
                       tn_json_len(text), tn_json_len(start));
    const tn_json *b = tn_json_first(start);
    for (const tn_json *a = tn_json_first(text); a; a = tn_json_next(a), b = tn_json_next(b))
        TN_TRY(add_answer(r, passage, a, b, line, err));
    return TN_OK;
}

static tn_status add_passage(reader *r, tn_str text, uint32_t line, uint32_t *out, tn_err *err)
{
    uint64_t *at = tn_map_find(&r->seen, text);
    if (at) {
        *out = (uint32_t)*at;
        return TN_OK;
    }
    if (text.len > r->max_record)
        return tn_fail(err, TN_ELIMIT, "%.*s:%u: a passage of %zu bytes; the limit is %zu", TN_ARG(path_of(r)), line,
                       text.len, r->max_record);
    tn_passage p = {0};
    TN_TRY(keep_text(r, text, &p.text, err));
    TN_TRY(make_ruler(r, &p, err));
    *out = (uint32_t)r->passage.len;
    if (!TN_PUSH(&r->passage, p) || !tn_map_put(&r->seen, p.text, *out, NULL))
        return tn_fail_nomem(err, sizeof p);
    return TN_OK;
}

/* `v` has question, id, answers; the passage and title are the article's, or in `v` too. */
static tn_status add_question(reader *r, const tn_json *v, tn_str context, tn_str title, uint32_t line, tn_err *err)
{
    if (r->row.len >= r->max_rows)
        return tn_fail(err, TN_ELIMIT, "%.*s:%u: more than %zu questions; take a sample", TN_ARG(path_of(r)), line,
                       r->max_rows);
    if (r->row.len % 1024 == 0)
        TN_TRY(tn_interrupt_check(err));
    r->d->file[r->file].n_records++;
    tn_str text, id;
    TN_TRY(read_text(r, v, "question", true, line, &text, err));
    TN_TRY(read_text(r, v, "id", false, line, &id, err));
    if (text.len > r->max_record)
        return tn_fail(err, TN_ELIMIT, "%.*s:%u: a question of %zu bytes; the limit is %zu", TN_ARG(path_of(r)), line,
                       text.len, r->max_record);
    text = tn_str_trim(text);
    if (tn_cell_is_missing(text) || tn_str_trim(context).len == 0) {
        note_count(r, &r->blank, line);
        return TN_OK;
    }
    tn_question q = {0};
    bool listed, impossible = false;
    const tn_json *flag = tn_json_get(v, "is_impossible");
    bool flagged = flag && tn_json_type(flag) != TN_JSON_NULL;
    if (flagged && !tn_json_bool(flag, &impossible))
        return fail_type(r, line, "is_impossible", "true or false", flag, err);
    TN_TRY(add_passage(r, context, line, &q.passage, err));
    TN_TRY(read_answers(r, tn_json_get(v, "answers"), q.passage, line, &listed, err));
    /* A list without any text says "none" where no flag says otherwise. */
    q.impossible = flagged ? impossible : listed && r->answer.len == 0;
    if (q.impossible && r->answer.len) {
        note_count(r, &r->contrary, line);
        r->answer.len = 0;
    }
    q.known = q.impossible || r->answer.len;
    if (!q.known && r->s->use != TN_DATA_PREDICT) {
        note_count(r, &r->unknown, line);
        return TN_OK;
    }
    q.n_answers = (uint32_t)r->answer.len;
    q.answer = TN_ARENA_ARRAY(r->d->arena, tn_answer, q.n_answers);
    tn_row row = {.label = -1, .split = r->d->file[r->file].split, .file = r->file, .line = line};
    row.other = TN_ARENA_ARRAY(r->d->arena, tn_str, 1);
    if (!q.answer || !row.other)
        return tn_fail_nomem(err, q.n_answers * sizeof *q.answer);
    if (q.n_answers)
        memcpy(q.answer, r->answer.ptr, q.n_answers * sizeof *q.answer);
    TN_TRY(keep_text(r, text, &row.text, err));
    TN_TRY(keep_text(r, tn_str_trim(id), &row.id, err));
    row.other[0] = title;
    r->any_id = r->any_id || row.id.len;
    r->any_without_id = r->any_without_id || !row.id.len;
    r->q->n_impossible += q.impossible;
    if (!TN_PUSH(&r->row, row) || !TN_PUSH(&r->question, q))
        return tn_fail_nomem(err, sizeof row);
    r->d->file[r->file].n_rows++;
    return TN_OK;
}

/* ---- layouts ---- */

static tn_status need_list(const reader *r, const tn_json *of, const char *key, const tn_json **out, tn_err *err)
{
    *out = tn_json_get(of, key);
    if (tn_json_type(of) == TN_JSON_OBJECT && tn_json_type(*out) == TN_JSON_ARRAY)
        return TN_OK;
    if (tn_json_type(of) != TN_JSON_OBJECT)
        return tn_fail(err, TN_EFORMAT, "%.*s:%u: %s where an object with \"%s\" is needed", TN_ARG(path_of(r)),
                       tn_json_line(of), tn_json_type_name(tn_json_type(of)), key);
    return fail_type(r, tn_json_line(*out ? *out : of), key, "a list", *out, err);
}

static tn_status read_articles(reader *r, const tn_json *root, tn_err *err)
{
    const tn_json *data, *paragraphs, *qas;
    size_t n = 0;
    TN_TRY(need_list(r, root, "data", &data, err));
    for (const tn_json *a = tn_json_first(data); a; a = tn_json_next(a)) {
        TN_TRY(need_list(r, a, "paragraphs", &paragraphs, err));
        tn_str title, context;
        n++;
        TN_TRY(read_text(r, a, "title", false, tn_json_line(a), &title, err));
        title = tn_str_trim(title);
        title = title.len ? tn_str_dup(r->d->arena, title)
                          : tn_str_format(r->d->arena, "%.*s:%zu", TN_ARG(tn_path_name(path_of(r))), n);
        if (!title.ptr)
            return tn_fail_nomem(err, 32);
        for (const tn_json *p = tn_json_first(paragraphs); p; p = tn_json_next(p)) {
            TN_TRY(need_list(r, p, "qas", &qas, err));
            TN_TRY(read_text(r, p, "context", true, tn_json_line(p), &context, err));
            for (const tn_json *v = tn_json_first(qas); v; v = tn_json_next(v)) {
                if (tn_json_type(v) != TN_JSON_OBJECT)
                    return fail_type(r, tn_json_line(v), "qas", "a list of objects", v, err);
                TN_TRY(add_question(r, v, context, title, tn_json_line(v), err));
            }
        }
    }
    return TN_OK;
}

static tn_status read_flat(reader *r, const tn_json *v, uint32_t line, tn_err *err)
{
    tn_str context, title;
    if (tn_json_type(v) != TN_JSON_OBJECT)
        return tn_fail(err, TN_EFORMAT,
                       "%.*s:%u: %s where a question is needed: {\"question\": \"...\", \"context\": \"...\", "
                       "\"answers\": ...}",
                       TN_ARG(path_of(r)), line, tn_json_type_name(tn_json_type(v)));
    TN_TRY(read_text(r, v, "context", true, line, &context, err));
    TN_TRY(read_text(r, v, "title", false, line, &title, err));
    TN_TRY(keep_text(r, tn_str_trim(title), &title, err));
    return add_question(r, v, context, title, line, err);
}

static tn_status read_lines(reader *r, tn_str s, tn_err *err)
{
    tn_arena *a = tn_arena_new(0);
    tn_str line;
    tn_status st = a ? TN_OK : tn_fail_nomem(err, 65536);
    for (uint32_t n = 1; st == TN_OK && tn_str_cut(&s, '\n', &line); n++) {
        const tn_json *v;
        if (tn_str_trim(line).len == 0)
            continue;
        tn_arena_reset(a);
        st = tn_json_parse(line, a, &v, err);
        st = st == TN_OK ? read_flat(r, v, n, err) : tn_source_fail_json(st, &r->d->file[r->file], n, err);
    }
    tn_arena_free(a);
    return st;
}

/* An object that ends on the first line and is no article file: one object a line. */
static bool is_lines(tn_str s, tn_arena *a)
{
    tn_str line;
    const tn_json *v;
    while (tn_str_cut(&s, '\n', &line))
        if (tn_str_trim(line).len)
            return tn_json_parse(line, a, &v, NULL) == TN_OK && tn_json_type(v) == TN_JSON_OBJECT &&
                   !tn_json_get(v, "data");
    return false;
}

static tn_status read_content(reader *r, tn_str s, tn_arena *a, tn_err *err)
{
    const tn_json *v;
    if (tn_str_starts(s, "\xEF\xBB\xBF"))
        s = tn_str_sub(s, 3, s.len);
    if (is_lines(s, a))
        return read_lines(r, s, err);
    tn_arena_reset(a);
    tn_status st = tn_json_parse(s, a, &v, err);
    if (st != TN_OK)
        return tn_source_fail_json(st, &r->d->file[r->file], 1, err);
    if (tn_json_type(v) != TN_JSON_ARRAY)
        return read_articles(r, v, err);
    for (const tn_json *c = tn_json_first(v); c; c = tn_json_next(c))
        TN_TRY(read_flat(r, c, tn_json_line(c), err));
    return TN_OK;
}

static tn_status read_file(reader *r, tn_err *err)
{
    tn_data_file *f = &r->d->file[r->file];
    char *path = tn_str_c(r->scratch, f->path);
    tn_arena *a = tn_arena_new(0);
    tn_file file = {0};
    tn_status st = TN_OK;
    if (!path || !a) {
        st = tn_fail_nomem(err, f->path.len);
        goto done;
    }
    tn_map_free(&r->seen);
    TN_GO(tn_file_open(path, &file, err));
    f->size = file.bytes.len;
    f->sha256 = tn_sha256(file.bytes);
    TN_GO(tn_source_check(tn_str_from_bytes(file.bytes), f, r->findings, err));
    TN_GO(read_content(r, tn_str_from_bytes(file.bytes), a, err));
    if (f->n_records == 0)
        st = tn_fail(err, TN_EFORMAT, "%s: no question in it", path);
done:
    if (file.bytes.ptr)
        tn_file_close(&file);
    tn_arena_free(a);
    return st;
}

/* ---- the whole ---- */

static tn_status report(reader *r, tn_err *err)
{
    const struct {
        const count *c;
        tn_severity severity;
        const char *one, *many, *remedy;
    } kind[] = {
        {&r->blank, TN_WARNING, "question is blank or has a blank passage: dropped",
         "questions are blank or have a blank passage: dropped", "fill them or remove them"},
        {&r->unknown, TN_WARNING, "question has no answer and is not marked impossible: dropped",
         "questions have no answer and are not marked impossible: dropped",
         "answer them, or write \"is_impossible\": true"},
        {&r->contrary, TN_WARNING, "question is marked impossible and has answers: taken as impossible",
         "questions are marked impossible and have answers: taken as impossible",
         "decide for one; answers that only look right belong into \"plausible_answers\""},
        {&r->moved, TN_WARNING, "answer does not stand at its answer_start and was found elsewhere",
         "answers do not stand at their answer_start and were found elsewhere",
         "count answer_start in code points (Python's len), from the beginning of the context"},
        {&r->nowhere, TN_WARNING, "answer is nowhere near its answer_start: scored by its text, not learnt from",
         "answers are nowhere near their answer_start: scored by their texts, not learnt from",
         "copy answers from the context letter by letter, also its Unicode form"},
    };
    for (size_t i = 0; i < TN_COUNT(kind); i++)
        if (kind[i].c->n)
            TN_TRY(tn_note(r->findings,
                           (tn_finding){.rule = "data-limits",
                                        .severity = kind[i].severity,
                                        .path = r->d->file[kind[i].c->file].path,
                                        .line = kind[i].c->line,
                                        .remedy = tn_str_of(kind[i].remedy)},
                           err, "%zu %s (the first one is at line %u)", kind[i].c->n,
                           kind[i].c->n == 1 ? kind[i].one : kind[i].many, kind[i].c->line));
    return TN_OK;
}

static tn_status check_use(const reader *r, tn_err *err)
{
    tn_dataset *d = r->d;
    tn_str path = d->file[0].path;
    size_t n_training = 0, n_placed = 0;
    if (d->n_rows == 0)
        return tn_fail(err, TN_EFORMAT, "%.*s:%u: no question is left: %zu blank, %zu without an answer",
                       TN_ARG(path_of(r)), r->blank.n ? r->blank.line : r->unknown.line, r->blank.n, r->unknown.n);
    for (size_t i = 0; i < d->n_rows; i++) {
        tn_split s = d->row[i].split;
        const tn_question *q = &r->q->question[i];
        d->given[s] = s != TN_SPLIT_NONE;
        if (s == TN_SPLIT_VALIDATION || s == TN_SPLIT_TEST)
            continue;
        n_training++;
        for (uint32_t k = 0; k < q->n_answers; k++)
            n_placed += q->answer[k].start != TN_NOT_THERE;
    }
    if (r->s->use != TN_DATA_TRAIN)
        return TN_OK;
    if (n_training < 3)
        return tn_fail(err, n_training ? TN_EFORMAT : TN_EINVALID,
                       "%.*s: %zu question%s on the training side; three are the least, some hundred are sensible",
                       TN_ARG(path), n_training, n_training == 1 ? "" : "s");
    if (n_placed == 0)
        return tn_fail(err, TN_EFORMAT, "%.*s: no answer of the training side stands in its passage: nothing to learn",
                       TN_ARG(path));
    return TN_OK;
}

/* Passages in order of their first row; those whose questions were all dropped go. */
static void take_passages(reader *r)
{
    tn_questions *q = r->q;
    q->n_passages = 0;
    for (size_t i = 0; i < r->passage.len; i++)
        r->passage.ptr[i].first = TN_NOT_THERE;
    for (uint32_t i = 0; i < r->d->n_rows; i++) {
        tn_passage *from = &r->passage.ptr[q->question[i].passage];
        if (from->first == TN_NOT_THERE) { /* `first` holds the new number while rows are walked */
            q->passage[q->n_passages] = *from;
            q->passage[q->n_passages].first = i;
            from->first = (uint32_t)q->n_passages++;
        }
        q->question[i].passage = from->first;
        q->passage[from->first].n_rows++;
    }
}

static tn_status take_rows(reader *r, tn_err *err)
{
    tn_dataset *d = r->d;
    d->n_rows = r->row.len;
    d->row = TN_ARENA_ARRAY(d->arena, tn_row, d->n_rows);
    d->other = TN_ARENA_ARRAY(d->arena, tn_str, 1);
    r->q->question = TN_ARENA_ARRAY(d->arena, tn_question, d->n_rows);
    r->q->passage = TN_ARENA_ARRAY(d->arena, tn_passage, r->passage.len);
    if (!d->row || !d->other || !r->q->question || !r->q->passage)
        return tn_fail_nomem(err, d->n_rows * sizeof *d->row);
    d->other[d->n_other++] = TN_STR("title");
    if (d->n_rows) {
        memcpy(d->row, r->row.ptr, d->n_rows * sizeof *d->row);
        memcpy(r->q->question, r->question.ptr, d->n_rows * sizeof *r->question.ptr);
    }
    take_passages(r);
    r->q->n_moved = r->moved.n;
    r->q->n_nowhere = r->nowhere.n;
    d->n_no_text = r->blank.n;
    d->n_no_label = r->unknown.n;
    return TN_OK;
}

static tn_status load(reader *r, tn_err *err)
{
    tn_data_format *format = NULL;
    tn_dataset *d = r->d;
    TN_TRY(tn_source_files(r->s, d, &format, r->findings, err));
    for (r->file = 0; r->file < d->n_files; r->file++) {
        if (format[r->file] != TN_FORMAT_JSON)
            return tn_fail(err, TN_EINVALID, "%.*s: questions over passages are read from .json and .jsonl",
                           TN_ARG(path_of(r)));
        TN_TRY(read_file(r, err));
    }
    r->file = 0;
    TN_TRY(report(r, err));
    TN_TRY(take_rows(r, err));
    TN_TRY(check_use(r, err));
    if (r->any_id && r->any_without_id)
        TN_TRY(tn_note(r->findings,
                       (tn_finding){.rule = "data-limits",
                                    .severity = TN_ADVICE,
                                    .path = d->file[0].path,
                                    .remedy = TN_STR("give each question an id")},
                       err, "some questions have no id: all are numbered by their lines"));
    d->text_column = (tn_column_choice){TN_STR("question"), TN_STR("SQuAD's layout")};
    d->label_column = (tn_column_choice){TN_STR("answers"), TN_STR("SQuAD's layout")};
    d->id_column = (tn_column_choice){r->any_without_id ? TN_STR("") : TN_STR("id"), TN_STR("SQuAD's layout")};
    return TN_OK;
}

/* Several questions may begin on one line: without ids of its own a row is its number in the file. */
static tn_status number_rows(tn_dataset *d, tn_err *err)
{
    uint32_t n = 0;
    for (size_t i = 0; i < d->n_rows; i++) {
        n = i > 0 && d->row[i].file == d->row[i - 1].file ? n + 1 : 1;
        d->row[i].id = tn_str_format(d->arena, "%u", n);
        if (!d->row[i].id.ptr)
            return tn_fail_nomem(err, 16);
    }
    return TN_OK;
}

static void free_reader(reader *r)
{
    TN_VEC_FREE(&r->row);
    TN_VEC_FREE(&r->question);
    TN_VEC_FREE(&r->passage);
    TN_VEC_FREE(&r->ruler);
    TN_VEC_FREE(&r->answer);
    tn_map_free(&r->seen);
    tn_arena_free(r->scratch);
}

tn_status tn_questions_load(const tn_data_source *s, tn_dataset *d, tn_questions *q, tn_findings *findings, tn_err *err)
{
    *d = (tn_dataset){.arena = tn_arena_new(0)};
    *q = (tn_questions){0};
    reader r = {.s = s,
                .d = d,
                .q = q,
                .findings = findings,
                .scratch = tn_arena_new(0),
                .max_record = s->max_record ? s->max_record : (size_t)1 << 20,
                .max_rows = s->max_rows ? s->max_rows : 10000000};
    tn_status st = d->arena && r.scratch ? load(&r, err) : tn_fail_nomem(err, 65536);
    if (st == TN_OK && r.any_without_id)
        st = number_rows(d, err);
    if (st == TN_OK)
        st = tn_dataset_set_ids(d, true, findings, err);
    free_reader(&r);
    if (st != TN_OK) {
        tn_dataset_free(d);
        *q = (tn_questions){0};
    }
    return st;
}

static tn_status fill(reader *r, const tn_str *question, const tn_str *passage, size_t n, tn_err *err)
{
    tn_dataset *d = r->d;
    d->file = TN_ARENA_ARRAY(d->arena, tn_data_file, 1);
    if (!d->file)
        return tn_fail_nomem(err, sizeof *d->file);
    d->file[0] = (tn_data_file){.path = TN_STR("(text)"), .n_records = (uint32_t)n, .n_rows = (uint32_t)n};
    d->n_files = 1;
    for (size_t i = 0; i < n; i++) {
        tn_row row = {.label = -1, .line = (uint32_t)i + 1};
        tn_question q = {0};
        const tn_str *both[] = {&question[i], &passage[i]};
        for (int k = 0; k < 2; k++)
            if (tn_str_trim(*both[k]).len == 0 || tn_utf8_check(*both[k]) < both[k]->len)
                return tn_fail(err, TN_EFORMAT, "%s %zu is %s", k ? "context" : "question", i + 1,
                               tn_str_trim(*both[k]).len ? "not UTF-8" : "blank");
        TN_TRY(add_passage(r, passage[i], row.line, &q.passage, err));
        TN_TRY(keep_text(r, tn_str_trim(question[i]), &row.text, err));
        row.other = tn_arena_calloc(d->arena, sizeof *row.other);
        if (!row.other || !TN_PUSH(&r->row, row) || !TN_PUSH(&r->question, q))
            return tn_fail_nomem(err, sizeof row);
        row.other[0] = TN_STR("");
    }
    TN_TRY(take_rows(r, err));
    TN_TRY(number_rows(d, err));
    return tn_dataset_set_ids(d, false, NULL, err);
}

tn_status tn_questions_of(const tn_str *question, const tn_str *passage, size_t n, tn_dataset *d, tn_questions *q,
                          tn_err *err)
{
    *d = (tn_dataset){.arena = tn_arena_new(0)};
    *q = (tn_questions){0};
    reader r = {.d = d, .q = q, .scratch = tn_arena_new(0), .max_record = SIZE_MAX};
    tn_status st = d->arena && r.scratch ? fill(&r, question, passage, n, err) : tn_fail_nomem(err, 65536);
    free_reader(&r);
    if (st != TN_OK) {
        tn_dataset_free(d);
        *q = (tn_questions){0};
    }
    return st;
}

/* ---- splits ---- */

/* A row a passage, in the split of its file. */
static tn_status passages_of(const tn_dataset *d, const tn_questions *q, tn_arena *a, tn_dataset *out, tn_err *err)
{
    *out = (tn_dataset){.arena = a, .n_rows = q->n_passages, .n_files = d->n_files, .file = d->file};
    out->row = TN_ARENA_ARRAY(a, tn_row, q->n_passages);
    if (!out->row)
        return tn_fail_nomem(err, q->n_passages * sizeof *out->row);
    for (size_t i = 0; i < q->n_passages; i++) {
        const tn_row *first = &d->row[q->passage[i].first];
        out->row[i] = (tn_row){.id = first->id,
                               .text = q->passage[i].text,
                               .label = -1,
                               .split = first->split,
                               .file = first->file,
                               .line = first->line};
    }
    return TN_OK;
}

typedef struct {
    tn_dataset *d;
    tn_questions *q;
    tn_arena *a; /* scratch */
    tn_findings *findings;
    const tn_duplicates *passage; /* over the rows of passages_of */
    tn_duplicates *out;           /* over questions */
} preparer;

/* Pairs of passages become pairs of their first questions; all questions of a passage go where it goes. */
static tn_status spread(preparer *w, tn_err *err)
{
    tn_dataset *d = w->d;
    const tn_duplicates *p = w->passage;
    tn_duplicates *out = w->out;
    *out = *p;
    out->pair = TN_ARENA_ARRAY(d->arena, tn_duplicate, p->n_pairs);
    out->group = TN_ARENA_ARRAY(d->arena, uint32_t, d->n_rows);
    out->removed = tn_arena_calloc(d->arena, d->n_rows + 1);
    if (!out->pair || !out->group || !out->removed)
        return tn_fail_nomem(err, d->n_rows * sizeof *out->group);
    out->n_removed_across = out->n_removed_inside = out->n_contradictions = 0;
    bool *leaves = tn_arena_calloc(w->a, w->q->n_passages + 1);
    if (!leaves)
        return tn_fail_nomem(err, w->q->n_passages);
    for (size_t i = 0; i < p->n_pairs; i++) {
        const tn_duplicate *x = &p->pair[i];
        out->pair[i] = *x;
        out->pair[i].row = w->q->passage[x->row].first;
        out->pair[i].other = w->q->passage[x->other].first;
        /* Inside one split the same passage may carry other questions: it stays. */
        out->pair[i].removed = x->removed && x->split != x->other_split;
        leaves[x->row] = leaves[x->row] || out->pair[i].removed;
    }
    for (size_t r = 0; r < d->n_rows; r++) {
        uint32_t passage = w->q->question[r].passage;
        out->group[r] = w->q->passage[p->group[passage]].first;
        out->removed[r] = leaves[passage];
        out->n_removed_across += leaves[passage];
    }
    return TN_OK;
}

/* Equal questions about equal passages inside train: the first stays. */
static tn_status drop_copies(preparer *w, tn_err *err)
{
    tn_dataset *d = w->d;
    tn_map seen = TN_MAP_INIT;
    tn_buf b = TN_BUF_INIT;
    tn_status st = TN_OK;
    uint32_t *exact = TN_ARENA_ARRAY(w->a, uint32_t, w->q->n_passages);
    if (!exact) {
        st = tn_fail_nomem(err, w->q->n_passages * sizeof *exact);
        goto done;
    }
    for (uint32_t i = 0; i < w->q->n_passages; i++)
        exact[i] = i;
    for (size_t i = 0; i < w->passage->n_pairs; i++)
        if (w->passage->pair[i].kind == TN_DUPLICATE_EXACT)
            tn_joined_join(exact, w->passage->pair[i].row, w->passage->pair[i].other);
    for (size_t r = 0; r < d->n_rows; r++) {
        if (w->out->removed[r] || (d->row[r].split != TN_SPLIT_TRAIN && d->row[r].split != TN_SPLIT_NONE))
            continue;
        tn_buf_clear(&b);
        tn_buf_printf(&b, "%u ", tn_joined_root(exact, w->q->question[r].passage));
        TN_GO(tn_duplicates_fold(d->row[r].text, &b, err));
        tn_str key = tn_str_dup(w->a, tn_buf_view(&b));
        bool is_new;
        if (!key.ptr || !tn_map_put(&seen, key, r, &is_new)) {
            st = tn_fail_nomem(err, b.len);
            goto done;
        }
        w->out->removed[r] = !is_new;
        w->out->n_removed_inside += !is_new;
    }
done:
    tn_buf_free(&b);
    tn_map_free(&seen);
    return st;
}

static tn_status remove_rows(preparer *w, tn_err *err)
{
    const tn_duplicates *x = w->out;
    for (size_t r = 0; r < w->d->n_rows; r++)
        if (x->removed[r])
            w->d->row[r].split = TN_SPLIT_REMOVED;
    if (x->n_removed_across)
        TN_TRY(tn_note(w->findings,
                       (tn_finding){.rule = "data-leak",
                                    .severity = TN_WARNING,
                                    .remedy = TN_STR("nothing: they were removed; leaks.csv lists the passages")},
                       err,
                       "%zu question%s on the training side with a passage equal or near to one of a later split: "
                       "removed",
                       x->n_removed_across, x->n_removed_across == 1 ? "" : "s"));
    if (x->n_removed_inside)
        TN_TRY(tn_note(w->findings,
                       (tn_finding){.rule = "data-limits",
                                    .severity = TN_ADVICE,
                                    .remedy = TN_STR("nothing: the first one of each stays")},
                       err, "%zu question%s asked again of the same passage: removed", x->n_removed_inside,
                       x->n_removed_inside == 1 ? "" : "s"));
    return TN_OK;
}

/* An article in two given splits is no leak by its passages, but the test is nearer to train than new articles are. */
static tn_status report_articles(preparer *w, tn_err *err)
{
    tn_dataset *d = w->d;
    tn_map seen = TN_MAP_INIT, shared = TN_MAP_INIT;
    tn_status st = TN_OK;
    for (size_t r = 0; r < d->n_rows; r++) {
        tn_str title = d->row[r].other[0];
        tn_split s = d->row[r].split;
        if (s == TN_SPLIT_REMOVED || !title.len)
            continue;
        uint64_t *at = tn_map_put(&seen, title, 0, NULL);
        if (!at) {
            st = tn_fail_nomem(err, sizeof(tn_map_entry));
            goto done;
        }
        *at |= (uint64_t)1 << s;
        if ((*at & (1 << TN_SPLIT_TRAIN)) && (*at & (1 << TN_SPLIT_TEST | 1 << TN_SPLIT_VALIDATION)) &&
            !tn_map_put(&shared, title, 1, NULL)) {
            st = tn_fail_nomem(err, sizeof(tn_map_entry));
            goto done;
        }
    }
    if (shared.len)
        TN_GO(tn_note(w->findings,
                      (tn_finding){.rule = "data-leak",
                                   .severity = TN_WARNING,
                                   .evidence = shared.entry[0].key,
                                   .remedy = TN_STR("split by whole articles: give one file")},
                      err, "%zu article%s in train and in a later split", shared.len, shared.len == 1 ? " is" : "s are"));
done:
    tn_map_free(&seen);
    tn_map_free(&shared);
    return st;
}

/* The unit of a row: its article, joined with those that share an equal or near passage. */
static tn_status articles(preparer *w, uint32_t *unit, tn_err *err)
{
    tn_dataset *d = w->d;
    tn_map seen = TN_MAP_INIT;
    for (uint32_t r = 0; r < d->n_rows; r++)
        unit[r] = r;
    for (uint32_t r = 0; r < d->n_rows; r++) {
        tn_joined_join(unit, r, w->out->group[r]);
        tn_str title = d->row[r].other[0];
        if (!title.len)
            continue;
        uint64_t *at = tn_map_put(&seen, title, r, NULL);
        if (!at) {
            tn_map_free(&seen);
            return tn_fail_nomem(err, sizeof(tn_map_entry));
        }
        tn_joined_join(unit, (uint32_t)*at, r);
    }
    for (uint32_t r = 0; r < d->n_rows; r++)
        unit[r] = tn_joined_root(unit, r);
    tn_map_free(&seen);
    return TN_OK;
}

static tn_status prepare(preparer *w, const tn_split_options *o, tn_err *err)
{
    tn_dataset *d = w->d, passages;
    tn_duplicates found;
    tn_duplicates_options near = {.threshold = o->near};
    TN_TRY(passages_of(d, w->q, w->a, &passages, err));
    TN_TRY(tn_duplicates_find(&passages, &near, w->a, &found, err));
    w->passage = &found;
    TN_TRY(spread(w, err));
    TN_TRY(drop_copies(w, err));
    TN_TRY(remove_rows(w, err));
    uint32_t *unit = TN_ARENA_ARRAY(w->a, uint32_t, d->n_rows);
    if (!unit)
        return tn_fail_nomem(err, d->n_rows * sizeof *unit);
    TN_TRY(articles(w, unit, err));
    if (d->given[TN_SPLIT_TRAIN])
        TN_TRY(report_articles(w, err));
    tn_split_options by_article = {.validation = o->validation, .test = o->test, .seed = o->seed};
    return tn_split_make(d, &by_article, unit, w->findings, err);
}

tn_status tn_questions_prepare(tn_dataset *d, tn_questions *q, const tn_split_options *o, tn_duplicates *dup,
                               tn_findings *findings, tn_err *err)
{
    preparer w = {.d = d, .q = q, .a = tn_arena_new(0), .findings = findings, .out = dup};
    *dup = (tn_duplicates){0};
    tn_status st = w.a ? prepare(&w, o, err) : tn_fail_nomem(err, 65536);
    tn_arena_free(w.a);
    return st;
}

/* ---- other views ---- */

static tn_status view(const tn_dataset *d, size_t n, tn_arena *a, tn_dataset *out, tn_err *err)
{
    *out = *d;
    out->arena = a;
    out->n_rows = n;
    out->n_other = 0;
    out->row = TN_ARENA_ARRAY(a, tn_row, n);
    return out->row ? TN_OK : tn_fail_nomem(err, n * sizeof *out->row);
}

tn_status tn_questions_joined(const tn_dataset *d, const tn_questions *q, tn_arena *a, tn_dataset *out, tn_err *err)
{
    TN_TRY(view(d, d->n_rows, a, out, err));
    for (size_t r = 0; r < d->n_rows; r++) {
        tn_str question = d->row[r].text, passage = q->passage[q->question[r].passage].text;
        char *p = tn_arena_alloc(a, question.len + passage.len + 1);
        if (!p)
            return tn_fail_nomem(err, question.len + passage.len);
        memcpy(p, question.ptr, question.len);
        p[question.len] = '\n';
        memcpy(p + question.len + 1, passage.ptr, passage.len);
        out->row[r] = d->row[r];
        out->row[r].text = (tn_str){p, question.len + 1 + passage.len};
    }
    return TN_OK;
}

tn_status tn_questions_apart(const tn_dataset *d, const tn_questions *q, tn_arena *a, tn_dataset *out, tn_err *err)
{
    TN_TRY(view(d, q->n_passages + d->n_rows, a, out, err));
    for (size_t i = 0; i < q->n_passages; i++) {
        out->row[i] = d->row[q->passage[i].first];
        out->row[i].text = q->passage[i].text;
    }
    memcpy(out->row + q->n_passages, d->row, d->n_rows * sizeof *d->row);
    return TN_OK;
}

static void put_part(tn_buf *b, tn_str s)
{
    uint64_t len = s.len; /* the length in front: no two lists of parts give the same bytes */
    tn_buf_put(b, &len, sizeof len);
    tn_buf_str(b, s);
}

tn_status tn_questions_digest(const tn_dataset *d, const tn_questions *q, tn_digest *out, tn_err *err)
{
    tn_buf b = {.max = SIZE_MAX / 2};
    for (size_t i = 0; i < q->n_passages; i++)
        put_part(&b, q->passage[i].text);
    for (size_t r = 0; r < d->n_rows; r++) {
        const tn_question *x = &q->question[r];
        put_part(&b, d->row[r].id);
        put_part(&b, d->row[r].text);
        uint32_t head[] = {x->passage, x->known, x->impossible, x->n_answers};
        tn_buf_put(&b, head, sizeof head);
        for (uint32_t k = 0; k < x->n_answers; k++) {
            put_part(&b, x->answer[k].text);
            tn_buf_put(&b, &x->answer[k].start, sizeof x->answer[k].start);
        }
    }
    tn_status st = tn_buf_status(&b, err);
    if (st == TN_OK)
        *out = tn_sha256(tn_str_bytes(tn_buf_view(&b)));
    tn_buf_free(&b);
    return st;
}
