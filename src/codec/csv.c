/* A field is scanned before anything is stored, so the limits hold before memory is taken: an endless field costs the
 * scan of max_field bytes and no more.
 *
 * Invariant: between calls `at` is at the beginning of a row (or of blank lines before one), and `line` is its number.
 * Dropped: Python's leniency behind a closing quote ("a"b reads as ab): there it always was a broken file. */
#include "codec/csv.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void tn_csv_init(tn_csv_reader *r, tn_str text, const tn_csv_options *options)
{
    *r = (tn_csv_reader){.options = *options, .text = text, .line = 1};
    tn_csv_options *o = &r->options;
    o->delimiter = o->delimiter ? o->delimiter : ',';
    o->max_field = o->max_field ? o->max_field : (size_t)1 << 20;
    o->max_columns = o->max_columns ? o->max_columns : 4096;
    o->max_rows = o->max_rows ? o->max_rows : 100000000;
    if (tn_str_starts(text, "\xEF\xBB\xBF"))
        r->at = 3;
}

/* What can end an unquoted field, and the NUL that may not stand anywhere. */
static bool is_end(const tn_csv_reader *r, char c)
{
    return c == r->options.delimiter || c == '\n' || c == '\r' || c == 0;
}

static tn_status check_text(const tn_csv_reader *r, tn_str s, uint32_t line, tn_err *err)
{
    size_t wrong = tn_utf8_check(s);
    if (wrong == s.len)
        return TN_OK;
    for (size_t i = 0; i < wrong; i++)
        line += s.ptr[i] == '\n';
    return tn_fail(err, TN_EFORMAT, "%" PRIu32 ": byte 0x%02X at offset %zu of the file is not UTF-8", line,
                   (uint8_t)s.ptr[wrong], (size_t)(s.ptr + wrong - r->text.ptr));
}

static tn_status too_long(const tn_csv_reader *r, uint32_t line, tn_err *err)
{
    return tn_fail(err, TN_ELIMIT, "%" PRIu32 ": a field of more than %zu bytes; is a quote left open?", line,
                   r->options.max_field);
}

static tn_status unquoted(tn_csv_reader *r, tn_str *out, tn_err *err)
{
    size_t start = r->at, stop = r->text.len;
    if (stop - start > r->options.max_field)
        stop = start + r->options.max_field;
    while (r->at < stop && !is_end(r, r->text.ptr[r->at]))
        r->at++;
    if (r->at == stop && stop < r->text.len && !is_end(r, r->text.ptr[stop]))
        return too_long(r, r->line, err);
    *out = tn_str_sub(r->text, start, r->at);
    return check_text(r, *out, r->line, err);
}

/* The inner text with doubled quotes made single. */
static bool undouble(tn_str raw, size_t n_doubled, tn_arena *a, tn_str *out)
{
    char *p = tn_arena_alloc(a, raw.len - n_doubled);
    *out = (tn_str){p, raw.len - n_doubled};
    if (!p)
        return false;
    for (size_t i = 0; i < raw.len; i++) {
        *p++ = raw.ptr[i];
        i += raw.ptr[i] == '"';
    }
    return true;
}

static tn_status quoted(tn_csv_reader *r, tn_arena *a, tn_str *out, tn_err *err)
{
    uint32_t first_line = r->line;
    size_t start = r->at + 1, p = start, n_doubled = 0;
    for (;; p++) {
        if (p - start - n_doubled > r->options.max_field)
            return too_long(r, first_line, err);
        if (p >= r->text.len)
            return tn_fail(err, TN_EFORMAT, "%" PRIu32 ": the quote that opens here is never closed", first_line);
        char c = r->text.ptr[p];
        if (c == 0)
            return tn_fail(err, TN_EFORMAT, "%" PRIu32 ": a NUL byte at offset %zu", r->line, p);
        if (c == '\n' || (c == '\r' && !(p + 1 < r->text.len && r->text.ptr[p + 1] == '\n')))
            r->line++;
        if (c != '"')
            continue;
        if (p + 1 >= r->text.len || r->text.ptr[p + 1] != '"')
            break;
        n_doubled++;
        p++;
    }
    r->at = p + 1;
    if (r->at < r->text.len && !is_end(r, r->text.ptr[r->at]))
        return tn_fail(err, TN_EFORMAT,
                       "%" PRIu32 ": text behind a closing quote; a quote inside a field is written twice",
                       r->line);
    *out = tn_str_sub(r->text, start, p);
    TN_TRY(check_text(r, *out, first_line, err));
    if (n_doubled && !undouble(*out, n_doubled, a, out))
        return tn_fail_nomem(err, out->len);
    return TN_OK;
}

/* Moves over one line end, if there is one. */
static bool line_end(tn_csv_reader *r)
{
    tn_str t = r->text;
    if (r->at >= t.len || (t.ptr[r->at] != '\n' && t.ptr[r->at] != '\r'))
        return false;
    r->at += t.ptr[r->at] == '\r' && r->at + 1 < t.len && t.ptr[r->at + 1] == '\n' ? 2 : 1;
    r->line++;
    return true;
}

static tn_status grow(tn_csv_row *row, size_t *cap, tn_arena *a, tn_err *err)
{
    size_t next = *cap ? *cap * 2 : 8;
    tn_str *field = TN_ARENA_ARRAY(a, tn_str, next);
    if (!field)
        return tn_fail_nomem(err, next * sizeof *field);
    if (row->n)
        memcpy(field, row->field, row->n * sizeof *field);
    row->field = field;
    *cap = next;
    return TN_OK;
}

tn_status tn_csv_next(tn_csv_reader *r, tn_arena *a, tn_csv_row *row, bool *more, tn_err *err)
{
    size_t cap = 0;
    while (line_end(r))
        ;
    *row = (tn_csv_row){.line = r->line};
    *more = r->at < r->text.len;
    if (!*more)
        return TN_OK;
    if (r->n_rows++ >= r->options.max_rows)
        return tn_fail(err, TN_ELIMIT, "%" PRIu32 ": more than %zu rows", r->line, r->options.max_rows);
    for (;;) {
        if (row->n == r->options.max_columns)
            return tn_fail(err, TN_ELIMIT, "%" PRIu32 ": more than %zu columns", row->line, row->n);
        if (row->n == cap)
            TN_TRY(grow(row, &cap, a, err));
        tn_str *field = &row->field[row->n];
        if (r->at < r->text.len && r->text.ptr[r->at] == '"' && !r->options.no_quotes)
            TN_TRY(quoted(r, a, field, err));
        else
            TN_TRY(unquoted(r, field, err));
        row->n++;
        if (r->at >= r->text.len || line_end(r))
            return TN_OK;
        if (r->text.ptr[r->at] == 0)
            return tn_fail(err, TN_EFORMAT, "%" PRIu32 ": a NUL byte at offset %zu; is this a text file?", r->line,
                           r->at);
        r->at++; /* the delimiter */
    }
}

char tn_csv_guess_delimiter(tn_str text)
{
    static const char candidate[] = {',', ';', '\t', '|'};
    size_t count[TN_COUNT(candidate)] = {0}, best = 0;
    bool inside = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '"')
            inside = !inside;
        if (!inside && (c == '\n' || c == '\r'))
            break;
        for (size_t k = 0; k < TN_COUNT(candidate) && !inside; k++)
            count[k] += c == candidate[k];
    }
    for (size_t k = 1; k < TN_COUNT(candidate); k++)
        if (count[k] > count[best])
            best = k;
    return candidate[best];
}

/* ---- writing ---- */

void tn_csv_writer_init(tn_csv_writer *w, tn_buf *buf, char delimiter)
{
    *w = (tn_csv_writer){.buf = buf, .delimiter = delimiter ? delimiter : ',', .row_start = buf->len};
}

void tn_csv_put(tn_csv_writer *w, tn_str s)
{
    bool quote = false;
    for (size_t i = 0; i < s.len && !quote; i++)
        quote = s.ptr[i] == '"' || s.ptr[i] == '\n' || s.ptr[i] == '\r' || s.ptr[i] == w->delimiter;
    /* A mark at the very beginning would be taken for the file's own. */
    quote = quote || tn_str_starts(s, "\xEF\xBB\xBF");
    if (w->n_fields++)
        tn_buf_char(w->buf, w->delimiter);
    if (!quote) {
        tn_buf_str(w->buf, s);
        return;
    }
    tn_buf_char(w->buf, '"');
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '"')
            tn_buf_char(w->buf, '"');
        tn_buf_char(w->buf, s.ptr[i]);
    }
    tn_buf_char(w->buf, '"');
}

void tn_csv_put_c(tn_csv_writer *w, const char *field)
{
    tn_csv_put(w, tn_str_of(field));
}

void tn_csv_put_head(tn_csv_writer *w, const char *names)
{
    tn_str rest = tn_str_of(names), name;
    while (tn_str_cut(&rest, ',', &name))
        tn_csv_put(w, name);
}

void tn_csv_put_i64(tn_csv_writer *w, int64_t v)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%" PRId64, v);
    tn_csv_put(w, (tn_str){text, (size_t)n});
}

void tn_csv_put_f64(tn_csv_writer *w, double v)
{
    tn_csv_put(w, TN_STR(""));
    if (__builtin_isfinite(v))
        tn_buf_f64(w->buf, v);
}

void tn_csv_put_f32(tn_csv_writer *w, float v)
{
    tn_csv_put(w, TN_STR(""));
    if (__builtin_isfinite(v))
        tn_buf_f32(w->buf, v);
}

void tn_csv_end_row(tn_csv_writer *w)
{
    /* One empty field alone would be a blank line, which readers skip. */
    if (w->n_fields == 1 && w->buf->len == w->row_start)
        tn_buf_c(w->buf, "\"\"");
    tn_buf_char(w->buf, '\n');
    w->n_fields = 0;
    w->row_start = w->buf->len;
}
