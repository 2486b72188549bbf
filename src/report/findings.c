/* Evidence is a stranger's text: a terminal, an XML reader and a JSON reader each get it escaped by their own rules, here
 * and nowhere else. */
#include "report/findings.h"

#include "record/record.h"

#include <string.h>

enum { MAX_SHOWN = 100, MAX_EVIDENCE = 200 }; /* columns of code; bytes of evidence, in the text form */

/* ---- text ---- */

static const char *paint(bool colour, const char *code)
{
    return colour ? code : "";
}

#define BOLD "\033[1m"
#define DIM "\033[2m"
#define RED "\033[31m"
#define YELLOW "\033[33m"
#define BLUE "\033[34m"
#define PLAIN "\033[0m"

/* Control characters (C0, DEL, C1), ill-formed bytes and directions of writing would move what a person sees. */
static bool is_plain(uint32_t cp)
{
    return cp >= 0x20 && cp != 0x7F && !(cp >= 0x80 && cp < 0xA0) && !(cp >= 0x202A && cp <= 0x202E) && !(cp >= 0x2066 && cp <= 0x2069);
}

static void put_clean(tn_buf *b, tn_str s)
{
    for (size_t at = 0; at < s.len;) {
        uint32_t cp = tn_utf8_next(s, &at);
        if (cp == '\t' || cp == '\n')
            tn_buf_char(b, ' ');
        else if (is_plain(cp))
            tn_buf_cp(b, cp);
        else
            tn_buf_char(b, '?');
    }
}

/* The line, moved so that the column is seen, and a caret below it. */
static void put_source(tn_buf *b, const tn_finding *f, bool colour)
{
    tn_str line = f->source_line;
    size_t at = 0, from = 0, to = line.len;
    uint32_t column = f->column ? f->column : 1, first = 1, n = 0;
    while (from < line.len && (line.ptr[from] == ' ' || line.ptr[from] == '\t') && first < column) /* indentation is not shown */
        from++, first++;
    for (at = from; at < line.len && first + 60 < column; first++) {
        tn_utf8_next(line, &at);
        from = at;
    }
    for (at = from; at < line.len; n++) {
        if (n == MAX_SHOWN) {
            to = at;
            break;
        }
        tn_utf8_next(line, &at);
    }
    if (from >= to)
        return;
    tn_buf_printf(b, "    %s%5u |%s ", paint(colour, DIM), f->line, paint(colour, PLAIN));
    put_clean(b, tn_str_sub(line, from, to));
    if (f->column >= first && f->column - first <= n) {
        tn_buf_printf(b, "\n    %s      |%s ", paint(colour, DIM), paint(colour, PLAIN));
        for (uint32_t i = first; i < f->column; i++)
            tn_buf_char(b, ' ');
        tn_buf_printf(b, "%s^%s", paint(colour, RED), paint(colour, PLAIN));
    }
    tn_buf_char(b, '\n');
}

static void put_finding(tn_buf *b, const tn_finding *f, bool colour)
{
    const char *shade = f->severity == TN_ERROR ? RED : f->severity == TN_WARNING ? YELLOW : BLUE;
    if (f->line)
        tn_buf_printf(b, "  %u:%u  ", f->line, f->column);
    else
        tn_buf_c(b, "  ");
    tn_buf_printf(b, "%s%s%s  ", paint(colour, shade), tn_severity_name(f->severity), paint(colour, PLAIN));
    put_clean(b, f->message);
    tn_buf_printf(b, "  %s%s%s\n", paint(colour, DIM), f->rule, paint(colour, PLAIN));
    if (f->line && f->source_line.len)
        put_source(b, f, colour);
    if (f->evidence.len && tn_str_find(f->source_line, f->evidence, 0) == SIZE_MAX) {
        size_t to = f->evidence.len < MAX_EVIDENCE ? f->evidence.len : MAX_EVIDENCE;
        while (to < f->evidence.len && to > 0 && ((unsigned char)f->evidence.ptr[to] & 0xC0) == 0x80)
            to--;
        tn_buf_c(b, "      seen: ");
        put_clean(b, tn_str_sub(f->evidence, 0, to));
        tn_buf_c(b, to < f->evidence.len ? "...\n" : "\n");
    }
    if (f->remedy.len) {
        tn_buf_c(b, "      do:   ");
        put_clean(b, f->remedy);
        tn_buf_char(b, '\n');
    }
}

void tn_findings_text(const tn_findings *f, bool colour, tn_buf *out)
{
    for (size_t i = 0; i < f->list.len; i++) {
        const tn_finding *x = &f->list.ptr[i];
        if (i == 0 || !tn_str_eq(x->path, f->list.ptr[i - 1].path)) {
            tn_buf_c(out, i ? "\n" : "");
            tn_buf_c(out, paint(colour, BOLD));
            put_clean(out, x->path.len ? x->path : TN_STR("(no file)"));
            tn_buf_printf(out, "%s\n", paint(colour, PLAIN));
        }
        put_finding(out, x, colour);
    }
}

/* ---- JSON ---- */

void tn_findings_json(const tn_findings *f, tn_buf *out)
{
    tn_buf_char(out, '[');
    for (size_t i = 0; i < f->list.len; i++) {
        tn_json_writer w;
        tn_buf_c(out, i ? ",\n" : "\n");
        tn_jw_init(&w, out, 0);
        tn_record_finding(&f->list.ptr[i], &w);
    }
    tn_buf_c(out, f->list.len ? "\n]\n" : "]\n");
}

/* ---- JUnit ---- */

/* XML 1.0 has no way to write most control characters, and none for the halves of surrogates. */
static void put_xml(tn_buf *b, tn_str s)
{
    for (size_t at = 0; at < s.len;) {
        uint32_t cp = tn_utf8_next(s, &at);
        switch (cp) {
        case '&': tn_buf_c(b, "&amp;"); break;
        case '<': tn_buf_c(b, "&lt;"); break;
        case '>': tn_buf_c(b, "&gt;"); break;
        case '"': tn_buf_c(b, "&quot;"); break;
        case '\n': tn_buf_c(b, "&#10;"); break;
        case '\t': tn_buf_c(b, "&#9;"); break;
        default:
            if (cp < 0x20 || cp == 0xFFFE || cp == 0xFFFF)
                tn_buf_char(b, '?');
            else
                tn_buf_cp(b, cp);
        }
    }
}

/* The findings of one file, which end before `to`, that are of the rule of the finding `first`. */
static void put_case(tn_buf *b, const tn_findings *f, size_t first, size_t to)
{
    const tn_finding *x = &f->list.ptr[first];
    bool fails = false;
    tn_buf_c(b, "    <testcase classname=\"");
    put_xml(b, x->path);
    tn_buf_printf(b, "\" name=\"%s\">\n", x->rule);
    for (size_t i = first; i < to; i++) {
        const tn_finding *y = &f->list.ptr[i];
        if (strcmp(y->rule, x->rule) != 0)
            continue;
        bool fail = y->severity > TN_ADVICE;
        /* A case fails once; the others stand in its output. */
        const char *tag = fail && !fails ? "failure" : "system-out";
        tn_buf_printf(b, "      <%s", tag);
        if (fail && !fails) {
            tn_buf_printf(b, " type=\"%s\" message=\"", tn_severity_name(y->severity));
            put_xml(b, y->message);
            tn_buf_char(b, '"');
        }
        tn_buf_char(b, '>');
        put_xml(b, y->path);
        tn_buf_printf(b, ":%u:%u: ", y->line, y->column);
        put_xml(b, y->message);
        if (y->remedy.len) {
            tn_buf_c(b, ". Do: ");
            put_xml(b, y->remedy);
        }
        tn_buf_printf(b, "</%s>\n", tag);
        fails = fails || fail;
    }
    tn_buf_c(b, "    </testcase>\n");
}

static bool is_first_of_rule(const tn_findings *f, size_t from, size_t i)
{
    for (size_t k = from; k < i; k++)
        if (strcmp(f->list.ptr[k].rule, f->list.ptr[i].rule) == 0)
            return false;
    return true;
}

void tn_findings_junit(const tn_findings *f, tn_buf *out)
{
    size_t n_cases = 0, n_failures = 0;
    tn_buf body = TN_BUF_INIT;
    for (size_t from = 0, to; from < f->list.len; from = to) {
        for (to = from; to < f->list.len && tn_str_eq(f->list.ptr[to].path, f->list.ptr[from].path);)
            to++;
        for (size_t i = from; i < to; i++) {
            if (!is_first_of_rule(f, from, i))
                continue;
            bool fails = false;
            for (size_t k = i; k < to; k++)
                fails = fails || (f->list.ptr[k].severity > TN_ADVICE && strcmp(f->list.ptr[k].rule, f->list.ptr[i].rule) == 0);
            put_case(&body, f, i, to);
            n_cases++;
            n_failures += fails;
        }
    }
    if (n_cases == 0)
        tn_buf_c(&body, "    <testcase classname=\"tenet\" name=\"check\"/>\n");
    tn_buf_printf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite name=\"tenet check\" tests=\"%zu\" failures=\"%zu\" errors=\"0\">\n",
                  n_cases ? n_cases : 1, n_failures);
    tn_buf_str(out, tn_buf_view(&body));
    tn_buf_c(out, "  </testsuite>\n</testsuites>\n");
    out->failed = out->failed || body.failed;
    tn_buf_free(&body);
}
