/* Two passes. The first goes over lines and tells blocks apart; the second goes over each block's bytes and blanks what is
 * not prose. Invariant: `prose` has the length of the text and the same line ends, so an offset means the same in both.
 *
 * md4c was looked at and left: its callbacks carry no source offsets for blocks (a fence's line, an empty heading), and
 * what the checkers ask is "which line", not "which tag". Lines are all that is needed for blocks; nested containers are
 * stripped in a loop and not stacked, so depth costs nothing.
 *
 * Linear: a search that fails is remembered (`no_more`), so that a line of a million "[](" is read once, not a million
 * times. */
#include "check/markdown.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_BYTES = 16 << 20, MAX_TICKS = 32 };

typedef TN_VEC(tn_md_block) block_vec;
typedef TN_VEC(tn_md_span) span_vec;

typedef struct {
    tn_md *m;
    char *prose;
    block_vec block;
    span_vec span;
    size_t open;          /* index + 1 of the paragraph or item that the next line may continue */
    size_t fence;         /* index + 1 of the fence we are in */
    char fence_char;
    size_t fence_len;
    bool in_comment;
    size_t comment_from;
    bool in_list, after_blank;
    uint32_t heading;     /* index + 1 of the last one */
    bool failed;
} scan;

/* ---- bytes ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static char at(tn_str s, size_t i)
{
    return i < s.len ? s.ptr[i] : 0;
}

static void blank(scan *s, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        if (s->prose[i] != '\n')
            s->prose[i] = ' ';
}

static tn_str line_text(const tn_md *m, size_t line)
{
    size_t from = m->line_start[line], to = line + 1 < m->n_lines ? m->line_start[line + 1] - 1 : m->text.len;
    if (to > from && m->text.ptr[to - 1] == '\r')
        to--;
    return (tn_str){m->text.ptr + from, to - from};
}

size_t tn_md_offset(const tn_md *m, tn_str slice)
{
    if (slice.ptr >= m->text.ptr && slice.ptr <= m->text.ptr + m->text.len)
        return (size_t)(slice.ptr - m->text.ptr);
    TN_ASSERT(slice.ptr >= m->prose.ptr && slice.ptr <= m->prose.ptr + m->prose.len);
    return (size_t)(slice.ptr - m->prose.ptr);
}

/* ---- blocks ---- */

static tn_md_block *push(scan *s, tn_md_kind kind, size_t from, size_t to, size_t line)
{
    tn_md_block b = {.kind = kind, .text = {s->m->text.ptr + from, to - from}, .line = (uint32_t)line + 1, .heading = s->heading};
    if (!TN_PUSH(&s->block, b)) {
        s->failed = true;
        return NULL;
    }
    if (kind == TN_MD_HEADING)
        s->heading = (uint32_t)s->block.len;
    return &s->block.ptr[s->block.len - 1];
}

static void add_span(scan *s, tn_md_span_kind kind, size_t from, size_t to)
{
    if (!TN_PUSH(&s->span, ((tn_md_span){kind, (uint32_t)from, (uint32_t)to})))
        s->failed = true;
}

/* Blanks and quote marks in front of a line's content. */
typedef struct {
    size_t at;       /* in the line */
    size_t quote;    /* behind the last quote mark and its blank; 0 without */
    size_t indent;   /* columns from there */
    bool quoted;
} margin;

static margin margin_of(tn_str line)
{
    margin g = {0};
    for (; g.at < line.len; g.at++) {
        char c = line.ptr[g.at];
        if (c == ' ')
            g.indent++;
        else if (c == '\t')
            g.indent += 4 - g.indent % 4;
        else if (c == '>' && g.indent < 4) {
            g.quoted = true;
            g.indent = 0;
            if (at(line, g.at + 1) == ' ')
                g.at++;
            g.quote = g.at + 1;
        } else
            break;
    }
    return g;
}

static size_t run_length(tn_str s, size_t i, char c)
{
    size_t n = 0;
    while (at(s, i + n) == c && i + n < s.len)
        n++;
    return n;
}

static bool only_blanks(tn_str s, size_t from)
{
    for (size_t i = from; i < s.len; i++)
        if (!is_blank(s.ptr[i]))
            return false;
    return true;
}

/* `---`, `* * *`, `___` */
static bool is_break(tn_str line, size_t i)
{
    char c = at(line, i);
    size_t n = 0;
    if (c != '-' && c != '*' && c != '_')
        return false;
    for (; i < line.len; i++)
        if (line.ptr[i] == c)
            n++;
        else if (!is_blank(line.ptr[i]))
            return false;
    return n >= 3;
}

/* Bytes of a list mark with its blank, 0 when there is none. */
static size_t list_mark(tn_str line, size_t i, bool *numbered, bool *one)
{
    size_t n = 0;
    char c = at(line, i);
    *numbered = *one = false;
    if (c == '-' || c == '*' || c == '+') {
        n = 1;
    } else if (is_digit(c)) {
        while (n < 9 && is_digit(at(line, i + n)))
            n++;
        *one = n == 1 && c == '1';
        if (at(line, i + n) != '.' && at(line, i + n) != ')')
            return 0;
        n++;
        *numbered = true;
    } else {
        return 0;
    }
    if (i + n == line.len)
        return n;
    return is_blank(line.ptr[i + n]) ? n + 1 : 0;
}

static bool is_table_rule(tn_str line)
{
    bool dash = false, bar = false;
    for (size_t i = margin_of(line).at; i < line.len; i++) {
        char c = line.ptr[i];
        dash = dash || c == '-';
        bar = bar || c == '|';
        if (c != '-' && c != '|' && c != ':' && !is_blank(c))
            return false;
    }
    return dash && bar;
}

static bool has_bar(tn_str line)
{
    return line.len && memchr(line.ptr, '|', line.len);
}

/* Bold words at the start: sets where they begin and end and where the line goes on; false when there are none. */
static bool bold_start(tn_str line, size_t i, size_t *from, size_t *to, size_t *rest)
{
    char c = at(line, i);
    size_t n = run_length(line, i, c);
    if ((c != '*' && c != '_') || n < 2 || n > 3)
        return false;
    *from = i + n;
    for (size_t k = *from; k < line.len && k < *from + 120; k++)
        if (line.ptr[k] == c && run_length(line, k, c) >= n) {
            *to = k;
            *rest = k + n;
            return k > *from && !is_blank(line.ptr[*from]);
        }
    return false;
}

static size_t words_in(tn_str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n += !is_blank(s.ptr[i]) && (i == 0 || is_blank(s.ptr[i - 1]));
    return n;
}

/* Text of a paragraph or item begins at line[i]: a bold heading first, if there is one. Returns where the rest begins, or
 * SIZE_MAX when the heading was all. */
static size_t bold_heading(scan *s, tn_str line, size_t i, size_t number, bool numbered)
{
    size_t from, to, rest, base = s->m->line_start[number];
    if (!bold_start(line, i, &from, &to, &rest))
        return i;
    tn_str words = tn_str_sub(line, from, to), tail = tn_str_trim(tn_str_sub(line, rest, line.len));
    char last = words.ptr[words.len - 1];
    bool colon = last == ':' || last == '.' || tn_str_starts(tail, ":") || tn_str_starts(tail, "\xEF\xBC\x9A") || tn_str_ends(words, "\xEF\xBC\x9A");
    bool dash = tn_str_starts(tail, "- ") || tn_str_starts(tail, "\xE2\x80\x93") || tn_str_starts(tail, "\xE2\x80\x94");
    bool alone = tail.len == 0 || tn_str_is(tail, ":") || tn_str_is(tail, ".");
    if ((!alone && !colon && !dash) || words_in(words) > (alone ? 12 : 8))
        return i;
    /* A bold sentence is emphasis, not a title. */
    if (alone && last == '.' && words_in(words) > 4)
        return i;
    tn_md_block *b = push(s, TN_MD_HEADING, base + from, base + to, number);
    if (!b)
        return i;
    b->level = alone ? TN_MD_BOLD : TN_MD_RUN_IN;
    b->numbered = numbered;
    if (alone)
        return SIZE_MAX;
    while (rest < line.len && (is_blank(line.ptr[rest]) || line.ptr[rest] == ':'))
        rest++;
    return rest;
}

static bool heading_tag(tn_str line, size_t i, int *level, size_t *from, size_t *to)
{
    if (at(line, i) != '<' || (at(line, i + 1) | 32) != 'h' || at(line, i + 2) < '1' || at(line, i + 2) > '6')
        return false;
    if (at(line, i + 3) != '>' && at(line, i + 3) != ' ')
        return false;
    *level = line.ptr[i + 2] - '0';
    size_t open = tn_str_find(line, TN_STR(">"), i);
    if (open == SIZE_MAX)
        return false;
    *from = open + 1;
    size_t close = tn_str_find(line, TN_STR("</"), *from);
    /* Tags inside the heading: up to the last closing one. */
    for (size_t k = close; k != SIZE_MAX; k = tn_str_find(line, TN_STR("</"), k + 2))
        close = k;
    *to = close == SIZE_MAX ? line.len : close;
    return true;
}

static void open_fence(scan *s, tn_str line, size_t i, const margin *g, size_t number)
{
    size_t base = s->m->line_start[number], n = run_length(line, i, line.ptr[i]);
    size_t next = number + 1 < s->m->n_lines ? s->m->line_start[number + 1] : s->m->text.len;
    tn_md_block *b = push(s, TN_MD_FENCE, next, next, number);
    if (!b)
        return;
    b->info = tn_str_trim(tn_str_sub(line, i + n, line.len));
    b->indent = (uint16_t)(g->indent > 200 ? 200 : g->indent);
    b->quoted = g->quoted;
    s->fence = s->block.len;
    s->fence_char = line.ptr[i];
    s->fence_len = n;
    blank(s, base, base + line.len);
}

/* A line inside a fence: true when it belongs to it. */
static bool fence_line(scan *s, tn_str line, size_t number)
{
    tn_md_block *b = &s->block.ptr[s->fence - 1];
    size_t base = s->m->line_start[number], i = 0;
    margin g = margin_of(line);
    if (b->quoted && !g.quoted) { /* the quote is over, and the fence with it */
        b->closed = true;
        s->fence = 0;
        return false;
    }
    if (b->quoted)
        i = g.at;
    else
        while (i < line.len && is_blank(line.ptr[i]))
            i++;
    size_t n = run_length(line, i, s->fence_char);
    if (n >= s->fence_len && only_blanks(line, i + n)) {
        b->closed = true;
        s->fence = 0;
    } else {
        size_t next = number + 1 < s->m->n_lines ? s->m->line_start[number + 1] : s->m->text.len;
        b->text.len = (size_t)(s->m->text.ptr + next - b->text.ptr);
    }
    blank(s, base, base + line.len);
    return true;
}

/* From where a comment begins or goes on to its end or the line's; true when it ended, with *end behind it. */
static bool comment_line(scan *s, tn_str line, size_t i, size_t number, size_t *end)
{
    size_t base = s->m->line_start[number], close = tn_str_find(line, TN_STR("-->"), i);
    s->in_comment = close == SIZE_MAX;
    *end = s->in_comment ? line.len : close + 3;
    blank(s, base + i, base + *end);
    if (!s->in_comment) /* `<!-->` is whole, and holds nothing */
        add_span(s, TN_MD_SPAN_COMMENT, s->comment_from < base + close ? s->comment_from : base + close, base + close);
    return !s->in_comment;
}

/* A comment that begins inside a line and is not closed on it. */
static void look_for_comment(scan *s, tn_str line, size_t i, size_t number)
{
    size_t tick = 0;
    for (size_t k = i; k + 3 < line.len; k++) {
        tick ^= line.ptr[k] == '`';
        if (line.ptr[k] != '<' || tick || memcmp(line.ptr + k, "<!--", 4) != 0)
            continue;
        s->comment_from = s->m->line_start[number] + k + 4;
        size_t end;
        if (!comment_line(s, line, k, number, &end))
            return;
        k = end - 1;
    }
}

static void text_line(scan *s, tn_str line, size_t i, const margin *g, size_t number, bool item, bool numbered)
{
    size_t base = s->m->line_start[number];
    int level;
    size_t from, to;
    size_t hashes = run_length(line, i, '#');
    if (hashes >= 1 && hashes <= 6 && (i + hashes == line.len || is_blank(line.ptr[i + hashes]))) {
        tn_str words = tn_str_trim(tn_str_sub(line, i + hashes, line.len));
        size_t n = words.len;
        while (n && words.ptr[n - 1] == '#')
            n--;
        if (n < words.len && (n == 0 || is_blank(words.ptr[n - 1])))
            words = tn_str_trim(tn_str_sub(words, 0, n));
        from = words.len ? (size_t)(words.ptr - s->m->text.ptr) : base + line.len;
        tn_md_block *b = push(s, TN_MD_HEADING, from, from + words.len, number);
        if (b) {
            b->level = (uint8_t)hashes;
            b->numbered = numbered;
            b->quoted = g->quoted;
        }
        blank(s, base, from);
        blank(s, from + words.len, base + line.len);
        s->open = 0;
        return;
    }
    if (heading_tag(line, i, &level, &from, &to)) {
        tn_md_block *b = push(s, TN_MD_HEADING, base + from, base + to, number);
        if (b)
            b->level = (uint8_t)level;
        blank(s, base, base + from);
        blank(s, base + to, base + line.len);
        s->open = 0;
        return;
    }
    if (item || !s->open) {
        i = bold_heading(s, line, i, number, numbered);
        s->open = 0;
        if (i == SIZE_MAX)
            return;
        tn_md_block *b = push(s, item ? TN_MD_ITEM : TN_MD_PARAGRAPH, base + i, base + line.len, number);
        if (b) {
            b->numbered = numbered;
            b->quoted = g->quoted;
            b->indent = (uint16_t)(g->indent > 200 ? 200 : g->indent);
            s->open = s->block.len;
        }
        return;
    }
    tn_md_block *b = &s->block.ptr[s->open - 1];
    b->text.len = (size_t)(line.ptr + line.len - b->text.ptr);
}

/* `===` or `---` below a paragraph of one line. */
static bool underlines(scan *s, tn_str line, size_t i)
{
    char c = at(line, i);
    if (!s->open || (c != '=' && c != '-'))
        return false;
    tn_md_block *b = &s->block.ptr[s->open - 1];
    size_t n = run_length(line, i, c);
    if (b->kind != TN_MD_PARAGRAPH || n < 2 || !only_blanks(line, i + n) || memchr(b->text.ptr, '\n', b->text.len) || b->text.len > 200)
        return false;
    tn_str words = tn_str_trim(b->text);
    b->kind = TN_MD_HEADING;
    b->level = c == '=' ? 1 : 2;
    b->text = words;
    s->heading = (uint32_t)s->open;
    s->open = 0;
    return true;
}

/* Reads one line that is in no fence and no comment; returns how many lines it took. */
static size_t block_line(scan *s, tn_str line, size_t number)
{
    tn_md *m = s->m;
    size_t base = m->line_start[number];
    margin g = margin_of(line);
    size_t i = g.at;
    blank(s, base, base + i);
    if (i == line.len) {
        s->open = 0;
        s->after_blank = true;
        return 1;
    }
    bool after_blank = s->after_blank;
    s->after_blank = false;
    if (underlines(s, line, i)) {
        blank(s, base, base + line.len);
        return 1;
    }
    if (is_break(line, i)) {
        blank(s, base, base + line.len);
        s->open = 0;
        s->in_list = false;
        return 1;
    }
    if (g.indent >= 4 && !s->open && !s->in_list) {
        size_t last = s->block.len;
        if (last && s->block.ptr[last - 1].kind == TN_MD_CODE)
            s->block.ptr[last - 1].text.len = (size_t)(line.ptr + line.len - s->block.ptr[last - 1].text.ptr);
        else
            push(s, TN_MD_CODE, base + i, base + line.len, number);
        blank(s, base, base + line.len);
        return 1;
    }
    bool item = false, numbered = false;
    for (size_t n; i < line.len;) {
        bool one, digits;
        n = list_mark(line, i, &digits, &one);
        /* In the middle of a paragraph a line may begin with a number that ends a sentence. */
        if (!n || (digits && !one && !item && s->open && s->block.ptr[s->open - 1].kind == TN_MD_PARAGRAPH))
            break;
        item = true;
        numbered = numbered || digits;
        blank(s, base + i, base + i + n);
        for (i += n; i < line.len && is_blank(line.ptr[i]); i++)
            ;
    }
    if (i > line.len)
        i = line.len;
    if (item)
        s->in_list = true;
    else if (g.indent == 0 && after_blank)
        s->in_list = false;
    char c = at(line, i);
    if ((c == '`' || c == '~') && run_length(line, i, c) >= 3 && (c == '~' || !memchr(line.ptr + i + run_length(line, i, c), '`', line.len - i - run_length(line, i, c)))) {
        s->open = 0;
        open_fence(s, line, i, &g, number);
        return 1;
    }
    if (c == '<' && line.len - i >= 4 && memcmp(line.ptr + i, "<!--", 4) == 0) {
        size_t end;
        s->comment_from = base + i + 4;
        s->open = 0;
        if (!comment_line(s, line, i, number, &end) || only_blanks(line, end))
            return 1;
        i = end;
        while (i < line.len && is_blank(line.ptr[i]))
            i++;
    }
    if (!item && has_bar(line) && number + 1 < m->n_lines && is_table_rule(line_text(m, number + 1))) {
        size_t last = number + 1;
        while (last + 1 < m->n_lines && has_bar(line_text(m, last + 1)))
            last++;
        tn_str end = line_text(m, last);
        tn_md_block *b = push(s, TN_MD_TABLE, base + i, (size_t)(end.ptr + end.len - m->text.ptr), number);
        if (b)
            b->quoted = g.quoted;
        s->open = 0;
        return last - number + 1;
    }
    text_line(s, line, i, &g, number, item, numbered);
    look_for_comment(s, line, i, number);
    return 1;
}

/* ---- inside blocks ---- */

/* What a failed search has learnt: none of it up to there. */
typedef struct {
    size_t ticks[MAX_TICKS + 1]; /* no run of so many backticks before this offset */
    size_t paren, tag;
} no_more;

static void code_span(scan *s, size_t *i, size_t end, no_more *none)
{
    tn_str t = s->m->text;
    size_t from = *i;
    while (*i < end && t.ptr[*i] == '`')
        ++*i;
    size_t n = *i - from;
    if (n > MAX_TICKS || none->ticks[n] >= end)
        return;
    for (size_t k = *i; k < end;) {
        if (t.ptr[k] != '`') {
            k++;
            continue;
        }
        size_t close = k;
        while (k < end && t.ptr[k] == '`')
            k++;
        if (k - close != n)
            continue;
        add_span(s, TN_MD_SPAN_CODE, *i, close);
        blank(s, from, k);
        *i = k;
        return;
    }
    none->ticks[n] = end;
}

/* At "](": the target of a link. */
static void link_target(scan *s, size_t *i, size_t end, no_more *none)
{
    tn_str t = s->m->text;
    size_t from = *i + 2, depth = 0;
    *i += 2;
    if (none->paren > from)
        return;
    for (size_t k = from; k < end; k++) {
        char c = t.ptr[k];
        if (c == '\n') {
            none->paren = k;
            return;
        }
        depth += c == '(';
        if (c != ')' || depth-- != 0)
            continue;
        size_t stop = from;
        while (stop < k && !is_blank(t.ptr[stop]))
            stop++;
        add_span(s, TN_MD_SPAN_LINK, from, stop);
        blank(s, from - 1, k + 1);
        *i = k + 1;
        return;
    }
    none->paren = end;
}

static bool is_url(tn_str t, size_t i, size_t end)
{
    static const char *const scheme[] = {"https://", "http://", "hf://"};
    for (size_t k = 0; k < TN_COUNT(scheme); k++) {
        size_t n = strlen(scheme[k]);
        if (end - i > n && memcmp(t.ptr + i, scheme[k], n) == 0)
            return true;
    }
    return false;
}

static void bare_url(scan *s, size_t *i, size_t end)
{
    tn_str t = s->m->text;
    size_t from = *i;
    while (*i < end && !is_blank(t.ptr[*i]) && t.ptr[*i] != '\n' && !strchr("<>\"`|)]", t.ptr[*i]))
        ++*i;
    size_t to = *i;
    while (to > from && strchr(".,;:!?'*_", t.ptr[to - 1]))
        to--;
    add_span(s, TN_MD_SPAN_LINK, from, to);
    blank(s, from, to);
}

static void tag(scan *s, size_t *i, size_t end, no_more *none)
{
    tn_str t = s->m->text;
    size_t from = (*i)++;
    if (none->tag > from || (!is_letter(at(t, from + 1)) && at(t, from + 1) != '/'))
        return;
    for (size_t k = from + 1; k < end; k++) {
        if (t.ptr[k] == '\n') {
            none->tag = k;
            return;
        }
        if (t.ptr[k] != '>')
            continue;
        /* A link in a tag is a link: <a href="...">, <https://...>. */
        for (size_t u = from; u < k; u++)
            if (t.ptr[u] == 'h' && is_url(t, u, k)) {
                bare_url(s, &u, k);
                break;
            }
        blank(s, from, k + 1);
        *i = k + 1;
        return;
    }
    none->tag = end;
}

static void inline_spans(scan *s, size_t from, size_t end)
{
    tn_str t = s->m->text;
    no_more none = {0};
    for (size_t i = from; i < end;) {
        /* A comment inside the block is blank by now. */
        char c = t.ptr[i];
        if (c == '\\' && i + 1 < end)
            i += 2;
        else if (c == '`')
            code_span(s, &i, end, &none);
        else if (c == ']' && i + 1 < end && t.ptr[i + 1] == '(')
            link_target(s, &i, end, &none);
        else if (c == 'h' && is_url(t, i, end))
            bare_url(s, &i, end);
        else if (c == '<' && s->prose[i] != ' ')
            tag(s, &i, end, &none);
        else
            i++;
    }
}

static int by_place(const void *x, const void *y)
{
    const tn_md_span *a = x, *b = y;
    if (a->from != b->from)
        return a->from < b->from ? -1 : 1;
    return a->to != b->to ? (a->to < b->to ? -1 : 1) : (int)a->kind - (int)b->kind;
}

/* Punctuation and symbols beyond ASCII: U+2000 to U+2BFF, ideographic and full-width marks, emoji. */
static size_t symbol_bytes(const unsigned char *p, size_t left)
{
    size_t whole = 1;
    while (whole < left && (p[whole] & 0xC0) == 0x80)
        whole++;
    left = whole;
    if (left >= 3 && p[0] == 0xE2 && p[1] >= 0x80 && p[1] <= 0xAF)
        return 3;
    if (left >= 3 && p[0] == 0xE3 && p[1] == 0x80)
        return 3;
    if (left >= 3 && p[0] == 0xEF && ((p[1] == 0xBC && (p[2] < 0x90 || p[2] > 0x99) && p[2] < 0xA1) || (p[1] == 0xB8 && p[2] == 0x8F)))
        return 3;
    if (left >= 4 && p[0] == 0xF0 && p[1] == 0x9F)
        return 4;
    if (left >= 2 && p[0] == 0xC2 && (p[1] == 0xA0 || p[1] == 0xB7))
        return 2;
    return 0;
}

static void blank_symbols(char *prose, size_t len)
{
    for (size_t i = 0; i < len;) {
        unsigned char c = (unsigned char)prose[i];
        size_t n = c < 0x80 ? 0 : symbol_bytes((const unsigned char *)prose + i, len - i);
        if (c < 0x20 && c != '\n')
            prose[i] = ' ';
        memset(prose + i, ' ', n);
        i += n ? n : 1;
    }
}

static bool in_word(tn_str p, size_t i, size_t from)
{
    char c = p.ptr[i];
    if (is_digit(c) || is_letter(c) || (unsigned char)c >= 0x80)
        return true;
    return (c == '.' || c == ',') && i > from && is_digit(p.ptr[i - 1]) && i + 1 < p.len && is_digit(p.ptr[i + 1]);
}

static bool find_words(tn_md *m, tn_arena *a)
{
    TN_VEC(tn_md_word) v = {0};
    bool ok = true;
    for (size_t i = 0; i < m->prose.len && ok;) {
        size_t from = i;
        while (i < m->prose.len && in_word(m->prose, i, from))
            i++;
        if (i == from && m->prose.ptr[i] == '&')
            i++;
        if (i > from)
            ok = TN_PUSH(&v, ((tn_md_word){(uint32_t)from, (uint32_t)i}));
        else
            i++;
    }
    m->word = ok ? TN_ARENA_ARRAY(a, tn_md_word, v.len + 1) : NULL;
    if (m->word && v.len)
        memcpy(m->word, v.ptr, v.len * sizeof *m->word);
    m->n_words = m->word ? v.len : 0;
    TN_VEC_FREE(&v);
    return m->word;
}

static bool find_lines(tn_md *m, tn_arena *a)
{
    m->n_lines = 1;
    for (size_t i = 0; i < m->text.len; i++)
        m->n_lines += m->text.ptr[i] == '\n';
    m->line_start = TN_ARENA_ARRAY(a, uint32_t, m->n_lines);
    if (!m->line_start)
        return false;
    size_t n = 0;
    m->line_start[n++] = tn_str_starts(m->text, "\xEF\xBB\xBF") ? 3 : 0;
    for (size_t i = 0; i < m->text.len; i++)
        if (m->text.ptr[i] == '\n')
            m->line_start[n++] = (uint32_t)(i + 1);
    return true;
}

static bool keep(scan *s, tn_arena *a)
{
    tn_md *m = s->m;
    m->block = TN_ARENA_ARRAY(a, tn_md_block, s->block.len + 1);
    m->span = TN_ARENA_ARRAY(a, tn_md_span, s->span.len + 1);
    if (!m->block || !m->span)
        return false;
    if (s->block.len)
        memcpy(m->block, s->block.ptr, s->block.len * sizeof *m->block);
    if (s->span.len) {
        memcpy(m->span, s->span.ptr, s->span.len * sizeof *m->span);
        qsort(m->span, s->span.len, sizeof *m->span, by_place);
    }
    m->n_blocks = s->block.len;
    m->n_spans = s->span.len;
    return true;
}

static tn_status read_front(tn_md *m, tn_arena *a, tn_err *err)
{
    tn_err local = TN_ERR_INIT;
    tn_status st = tn_front_matter_parse(m->text, a, &m->front, &m->yaml, &local);
    if (st == TN_OK)
        return TN_OK;
    if (st == TN_ENOMEM)
        return tn_fail(err, st, "%s", local.msg);
    m->front_problem = tn_str_c(a, tn_str_of(local.msg));
    m->yaml = NULL;
    return m->front_problem ? TN_OK : tn_fail_nomem(err, sizeof local.msg);
}

tn_status tn_md_parse(tn_str text, tn_arena *a, tn_md *out, tn_err *err)
{
    tn_md *m = out;
    *m = (tn_md){.text = text};
    if (text.len > MAX_BYTES)
        return tn_fail(err, TN_ELIMIT, "Markdown of %zu bytes; at most %d are read", text.len, MAX_BYTES);
    scan s = {.m = m, .prose = tn_arena_alloc(a, text.len + 1)};
    if (!s.prose || !find_lines(m, a))
        return tn_fail_nomem(err, text.len);
    for (size_t i = 0; i < text.len; i++)
        s.prose[i] = text.ptr[i] >= 'A' && text.ptr[i] <= 'Z' ? (char)(text.ptr[i] + 32) : text.ptr[i];
    s.prose[text.len] = 0;
    m->prose = (tn_str){s.prose, text.len};
    TN_TRY(read_front(m, a, err));

    size_t line = 0;
    if (m->front.present) {
        line = m->front.body_line - 1;
        blank(&s, 0, line < m->n_lines ? m->line_start[line] : text.len);
    } else if (tn_str_starts(text, "\xEF\xBB\xBF")) {
        blank(&s, 0, 3);
    }
    while (line < m->n_lines && !s.failed) {
        tn_str t = line_text(m, line);
        size_t end, n = 1;
        if (s.in_comment)
            comment_line(&s, t, 0, line, &end);
        else if (!s.fence || !fence_line(&s, t, line))
            n = block_line(&s, t, line);
        line += n;
    }
    if (s.in_comment)
        add_span(&s, TN_MD_SPAN_COMMENT, s.comment_from < text.len ? s.comment_from : text.len, text.len);
    for (size_t i = 0; i < s.block.len && !s.failed; i++) {
        const tn_md_block *b = &s.block.ptr[i];
        if (b->kind != TN_MD_FENCE && b->kind != TN_MD_CODE)
            inline_spans(&s, (size_t)(b->text.ptr - text.ptr), (size_t)(b->text.ptr - text.ptr) + b->text.len);
    }
    blank_symbols(s.prose, text.len);
    bool ok = !s.failed && keep(&s, a) && find_words(m, a);
    TN_VEC_FREE(&s.block);
    TN_VEC_FREE(&s.span);
    return ok ? TN_OK : tn_fail_nomem(err, text.len);
}

/* ---- places ---- */

/* Index of the last line that begins at or before the offset. */
static size_t line_of(const tn_md *m, size_t offset)
{
    size_t low = 0, high = m->n_lines;
    while (high - low > 1) {
        size_t mid = low + (high - low) / 2;
        if (m->line_start[mid] <= offset)
            low = mid;
        else
            high = mid;
    }
    return low;
}

void tn_md_place(const tn_md *m, size_t offset, uint32_t *line, uint32_t *column)
{
    size_t n = line_of(m, offset), c = 1;
    for (size_t i = m->line_start[n]; i < offset && i < m->text.len; i++)
        c += ((unsigned char)m->text.ptr[i] & 0xC0) != 0x80;
    *line = (uint32_t)n + 1;
    *column = (uint32_t)c;
}

tn_md_range tn_md_all(const tn_md *m)
{
    return (tn_md_range){0, m->text.len};
}

tn_md_range tn_md_block_range(const tn_md *m, size_t block)
{
    size_t from = tn_md_offset(m, m->block[block].text);
    return (tn_md_range){from, from + m->block[block].text.len};
}

size_t tn_md_section_end(const tn_md *m, size_t heading)
{
    size_t i = heading + 1;
    while (i < m->n_blocks && !(m->block[i].kind == TN_MD_HEADING && m->block[i].level <= m->block[heading].level))
        i++;
    return i;
}

tn_md_range tn_md_section(const tn_md *m, size_t heading)
{
    size_t end = tn_md_section_end(m, heading);
    tn_md_range r = tn_md_block_range(m, heading);
    size_t to = end < m->n_blocks ? m->line_start[m->block[end].line - 1] : m->text.len;
    return (tn_md_range){r.to, to > r.to ? to : r.to}; /* two headings may share a line */
}

/* Index of the first word that begins at or behind the offset. */
static size_t word_from(const tn_md *m, size_t offset)
{
    size_t low = 0, high = m->n_words;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (m->word[mid].from < offset)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* A full stop, "!" or "?" with a blank behind it, but for "e.g.", "vs." and their like. */
static bool ends_sentence(const tn_md *m, size_t i)
{
    tn_str p = m->prose;
    char c = p.ptr[i], next = i + 1 < p.len ? p.ptr[i + 1] : '\n';
    if (c != '.' && c != '!' && c != '?')
        return false;
    if (!is_blank(next) && next != '\n' && next != ')' && next != '"' && next != '*' && next != '_')
        return false;
    if (c != '.')
        return true;
    static const char *const abbreviation[] = {"vs", "al", "cf", "eq", "fig", "etc", "approx", "no", "e.g", "i.e"};
    for (size_t k = 0; k < TN_COUNT(abbreviation); k++) {
        size_t n = strlen(abbreviation[k]);
        if (i >= n && memcmp(p.ptr + i - n, abbreviation[k], n) == 0 && (i == n || !is_letter(p.ptr[i - n - 1])))
            return false;
    }
    return true;
}

/* Index of the last block whose text begins at or before the offset, or SIZE_MAX. */
static size_t block_of(const tn_md *m, size_t offset)
{
    size_t low = 0, high = m->n_blocks;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if ((size_t)(m->block[mid].text.ptr - m->text.ptr) <= offset)
            low = mid + 1;
        else
            high = mid;
    }
    return low ? low - 1 : SIZE_MAX;
}

size_t tn_md_block_at(const tn_md *m, size_t offset)
{
    size_t b = block_of(m, offset);
    return b != SIZE_MAX && offset < tn_md_block_range(m, b).to ? b : SIZE_MAX;
}

tn_md_range tn_md_sentence(const tn_md *m, size_t offset)
{
    enum { REACH = 600 };
    size_t b = block_of(m, offset), from, to;
    tn_md_range r = b == SIZE_MAX ? tn_md_all(m) : tn_md_block_range(m, b);
    bool table = b != SIZE_MAX && m->block[b].kind == TN_MD_TABLE;
    if (offset >= r.to) /* between blocks */
        return (tn_md_range){offset, offset};
    for (from = offset; from > r.from && offset - from < REACH; from--)
        if (ends_sentence(m, from - 1) || (table && (m->prose.ptr[from - 1] == '|' || m->prose.ptr[from - 1] == '\n')))
            break;
    for (to = offset; to < r.to && to - offset < REACH; to++) {
        if (table && (m->prose.ptr[to] == '|' || m->prose.ptr[to] == '\n'))
            break;
        if (ends_sentence(m, to)) {
            to++;
            break;
        }
    }
    return (tn_md_range){from, to};
}

tn_str tn_md_quote(const tn_md *m, tn_md_range r, size_t max, tn_arena *a)
{
    size_t left = r.to - r.from, n = 0;
    if (left > max * 4)
        left = max * 4;
    char *out = tn_arena_alloc(a, left + 4);
    if (!out)
        return (tn_str){NULL, 0};
    size_t i = r.from;
    for (; i < r.from + left && n < max; i++) {
        char c = m->text.ptr[i];
        if (c == '\n' || is_blank(c) || (unsigned char)c < 0x20) {
            if (n && out[n - 1] != ' ')
                out[n++] = ' ';
        } else {
            out[n++] = c;
        }
    }
    if (i < r.to) {
        while (n && ((unsigned char)out[n - 1] & 0xC0) == 0x80)
            n--;
        if (n && (unsigned char)out[n - 1] >= 0xC0)
            n--;
        memcpy(out + n, "...", 3);
        n += 3;
    }
    while (n && out[n - 1] == ' ')
        n--;
    out[n] = 0;
    return (tn_str){out, n};
}

/* ---- phrases ---- */

static bool token_fits(tn_str token, tn_str word)
{
    if (token.len == 1 && token.ptr[0] == '?')
        return true;
    if (token.len == 1 && token.ptr[0] == '#')
        return is_digit(word.ptr[0]);
    if (token.len && token.ptr[token.len - 1] == '*')
        return word.len >= token.len - 1 && memcmp(word.ptr, token.ptr, token.len - 1) == 0;
    if (word.len == 1 && word.ptr[0] == '&')
        return tn_str_is(token, "and") || tn_str_is(token, "&");
    return tn_str_eq(token, word);
}

static bool joined(const tn_md *m, size_t from, size_t to)
{
    enum { LONGEST_GAP = 40 }; /* a line's end with its indentation; not a blanked-out formula */
    if (to - from > LONGEST_GAP)
        return false;
    for (size_t i = from; i < to; i++) {
        char c = m->prose.ptr[i];
        if (!is_blank(c) && c != '\n' && c != '-' && c != '*' && c != '_' && c != '"' && c != '\'' && c != '/')
            return false;
    }
    return true;
}

static tn_str word_text(const tn_md *m, size_t w)
{
    return (tn_str){m->prose.ptr + m->word[w].from, m->word[w].to - m->word[w].from};
}

/* How many words from `w` the phrase takes, 0 when it does not stand there. */
static size_t phrase_at(const tn_md *m, size_t w, size_t end, tn_str phrase)
{
    tn_str token;
    size_t n = 0;
    while (tn_str_cut(&phrase, ' ', &token)) {
        if (w + n >= m->n_words || m->word[w + n].to > end || !token_fits(token, word_text(m, w + n)))
            return 0;
        if (n && !joined(m, m->word[w + n - 1].to, m->word[w + n].from))
            return 0;
        n++;
    }
    return n;
}

/* A list of phrases, chained by first letter: most words of a text begin none of them. */
enum { MAX_PHRASES = 512 };
typedef struct {
    tn_str phrase[MAX_PHRASES];
    uint16_t next[MAX_PHRASES], first[128]; /* index + 1 */
    bool any;                               /* some begin with "?" or "#" */
} phrase_list;

static void chain(phrase_list *l, const char *phrases)
{
    memset(l->first, 0, sizeof l->first);
    l->any = false;
    for (uint16_t n = 0; *phrases; n++) {
        TN_ASSERT(n < MAX_PHRASES);
        size_t len = strcspn(phrases, "|");
        /* Words beyond ASCII share a chain; "and" is looked for under "&" too, by the caller. */
        unsigned char c = (unsigned char)*phrases & 127;
        l->phrase[n] = (tn_str){phrases, len};
        l->next[n] = l->first[c];
        l->first[c] = (uint16_t)(n + 1);
        l->any = l->any || c == '?' || c == '#';
        phrases += len + (phrases[len] == '|');
    }
}

static size_t longest_in(const tn_md *m, size_t w, size_t end, const phrase_list *l, unsigned char c, size_t best)
{
    for (uint16_t i = l->first[c]; i; i = l->next[i - 1]) {
        size_t n = phrase_at(m, w, end, l->phrase[i - 1]);
        best = n > best ? n : best;
    }
    return best;
}

static size_t any_phrase_at(const tn_md *m, size_t w, size_t end, const phrase_list *l)
{
    unsigned char c = (unsigned char)m->prose.ptr[m->word[w].from] & 127;
    size_t best = longest_in(m, w, end, l, c, 0);
    if (c == '&')
        best = longest_in(m, w, end, l, 'a', best);
    if (l->any)
        best = longest_in(m, w, end, l, '#', longest_in(m, w, end, l, '?', best));
    return best;
}

bool tn_md_find(const tn_md *m, tn_md_range in, const char *phrases, tn_md_range *found)
{
    phrase_list l;
    chain(&l, phrases);
    for (size_t w = word_from(m, in.from); w < m->n_words && m->word[w].from < in.to; w++) {
        size_t n = any_phrase_at(m, w, in.to, &l);
        if (!n)
            continue;
        if (found)
            *found = (tn_md_range){m->word[w].from, m->word[w + n - 1].to};
        return true;
    }
    return false;
}

bool tn_md_has(const tn_md *m, tn_md_range in, const char *phrases)
{
    return tn_md_find(m, in, phrases, NULL);
}

/* "1", "2.1", "iv", "a" before ")" or "."; "step", "section", "phase", "part". */
static bool is_numbering(const tn_md *m, size_t w, size_t end)
{
    tn_str t = word_text(m, w);
    size_t next = m->word[w].to;
    char after = next < end ? m->prose.ptr[next] : 0;
    if (is_digit(t.ptr[0]))
        return true;
    for (size_t i = 0; i < t.len; i++)
        if (!strchr("ivx", t.ptr[i]) && !(t.len == 1 && t.ptr[i] >= 'a' && t.ptr[i] <= 'h'))
            return tn_str_is(t, "step") || tn_str_is(t, "section") || tn_str_is(t, "phase") || tn_str_is(t, "part");
    return after == ')' || after == '.' || after == ':';
}

bool tn_md_is(const tn_md *m, tn_md_range heading, const char *phrases)
{
    size_t w = word_from(m, heading.from);
    while (w < m->n_words && m->word[w].to <= heading.to && is_numbering(m, w, heading.to))
        w++;
    phrase_list l;
    chain(&l, phrases);
    size_t n = w < m->n_words ? any_phrase_at(m, w, heading.to, &l) : 0;
    if (!n)
        return false;
    if (w + n >= m->n_words || m->word[w + n].from >= heading.to)
        return true;
    /* A subtitle may follow: "Evaluation: how we will know", "Model choice (and why)". */
    for (size_t i = m->word[w + n - 1].to; i < m->word[w + n].from; i++)
        if (strchr(":(,;", m->prose.ptr[i]) || (m->prose.ptr[i] == '-' && m->prose.ptr[i - 1] == ' ') || (unsigned char)m->text.ptr[i] >= 0x80)
            return true;
    return false;
}

size_t tn_md_count_words(const tn_md *m, tn_md_range in)
{
    size_t from = word_from(m, in.from), to = word_from(m, in.to);
    return to > from ? to - from : 0;
}

const tn_md_span *tn_md_span_in(const tn_md *m, tn_md_range in, tn_md_span_kind kind)
{
    size_t low = 0, high = m->n_spans;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (m->span[mid].from < in.from)
            low = mid + 1;
        else
            high = mid;
    }
    for (; low < m->n_spans && m->span[low].from < in.to; low++)
        if (m->span[low].kind == kind)
            return &m->span[low];
    return NULL;
}

/* ---- fences, tables ---- */

tn_str tn_md_language(const tn_md_block *fence, char out[32])
{
    size_t n = 0;
    for (size_t i = 0; i < fence->info.len && n < 31; i++) {
        char c = fence->info.ptr[i];
        if (c == '{' || (c == '.' && n == 0))
            continue;
        if (is_blank(c) || c == '}' || c == ',' || c == ':' || c == '=')
            break;
        out[n++] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    out[n] = 0;
    return (tn_str){out, n};
}

tn_status tn_md_fence_code(const tn_md_block *fence, tn_arena *a, tn_str *out, tn_err *err)
{
    char *p = tn_arena_alloc(a, fence->text.len + 1);
    size_t n = 0;
    tn_str rest = fence->text, line;
    if (!p)
        return tn_fail_nomem(err, fence->text.len);
    while (rest.len && tn_str_cut(&rest, '\n', &line)) {
        size_t i = fence->quoted ? margin_of(line).quote : 0;
        for (size_t k = 0; k < fence->indent && i < line.len && line.ptr[i] == ' '; k++)
            i++;
        memcpy(p + n, line.ptr + i, line.len - i);
        n += line.len - i;
        if (line.ptr + line.len < fence->text.ptr + fence->text.len)
            p[n++] = '\n';
    }
    p[n] = 0;
    *out = (tn_str){p, n};
    return TN_OK;
}

bool tn_md_row(tn_str *rest, tn_str *row)
{
    while (rest->len && tn_str_cut(rest, '\n', row)) {
        if (is_table_rule(*row))
            continue;
        *row = tn_str_sub(*row, margin_of(*row).at, row->len);
        *row = tn_str_trim(*row);
        if (tn_str_starts(*row, "|"))
            *row = tn_str_sub(*row, 1, row->len);
        return true;
    }
    return false;
}

bool tn_md_cell(tn_str *rest, tn_str *cell)
{
    if (rest->len == 0)
        return false;
    bool code = false;
    size_t i = 0;
    for (; i < rest->len; i++) {
        char c = rest->ptr[i];
        if (c == '`')
            code = !code;
        else if (c == '\\')
            i++;
        else if (c == '|' && !code)
            break;
    }
    if (i > rest->len)
        i = rest->len;
    *cell = tn_str_trim(tn_str_sub(*rest, 0, i));
    *rest = tn_str_sub(*rest, i + 1, rest->len);
    return true;
}
