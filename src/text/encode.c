/* Text to tokens:
 *
 *   split out added tokens that match the raw text
 *   each gap: normalise, split out added tokens that match normalised text
 *   each piece between them: pre-tokenise, then the model word by word
 *   then cut to length and put the template around it
 *
 * All of it works in the caller's arena behind a mark. At the end the result is gathered into one block, the arena goes
 * back to the mark, and the block is moved to it: a call leaves nothing but its result, and an arena that has grown
 * once is not grown again. */
#include <string.h>

#include "text/parts.h"

typedef struct {
    uint32_t id, start, end, word;
    tn_piece_kind kind;
    tn_str text; /* TN_PIECE_VERBATIM: its name */
} token;

typedef struct {
    token *ptr;
    size_t len, cap;
    size_t n_unknown, n_words;
} tokens;

typedef struct {
    const tn_tokenizer *t;
    const tn_pretokenizer *pretokenizer;
    tn_arena *a;
    tn_err *err;
    bool words;    /* texts are words of one text */
    uint32_t word; /* ... and this one is at work; otherwise the number of the next pre-token */
    bool full;     /* names and offsets are wanted */
    bool aligned; /* text carries offsets */
    tn_normalizing gap, piece;
    tn_spans spans, other;
    tn_subword_work work;
    tn_pieces pieces;
    uint32_t *at; /* offsets of raw text, for views of a gap */
    size_t at_cap;
    tokens *out;
} encoder;

static tn_status add_token(encoder *e, token x)
{
    tokens *o = e->out;
    if (o->len == o->cap) {
        size_t cap = o->cap ? o->cap * 2 : 128;
        token *p = TN_ARENA_ARRAY(e->a, token, cap);
        if (!p)
            return tn_fail_nomem(e->err, cap * sizeof *p);
        if (o->len)
            memcpy(p, o->ptr, o->len * sizeof *p);
        o->ptr = p;
        o->cap = cap;
    }
    o->ptr[o->len++] = x;
    return TN_OK;
}

/* A token over bytes [from, to) of the text. A name taken from the text is copied: buffers are used again. */
static tn_status add_over(encoder *e, const tn_aligned *text, uint32_t id, size_t from, size_t to, tn_piece_kind kind)
{
    token x = {.id = id, .word = e->word, .kind = kind};
    if (!e->full)
        return add_token(e, x);
    if (from < to) {
        x.start = tn_at_start(text->at[from]);
        x.end = tn_at_end(text->at[to - 1]);
    }
    if (kind == TN_PIECE_VERBATIM) {
        x.text = tn_str_dup(e->a, (tn_str){text->text + from, to - from});
        if (!x.text.ptr)
            return tn_fail_nomem(e->err, to - from);
    }
    return add_token(e, x);
}

/* A piece of normalised text that holds no added token. */
static tn_status encode_piece(encoder *e, size_t from, size_t to)
{
    const tn_aligned *g = &e->gap.now;
    if (from == to)
        return TN_OK;
    tn_normalizing_begin(&e->piece, g->text + from, g->at ? g->at + from : NULL, to - from, 0);
    e->spans.len = 0;
    if (!tn_spans_add(&e->spans, 0, to - from, e->a))
        return tn_fail_nomem(e->err, sizeof(tn_span));
    TN_TRY(tn_pretokenizer_run(e->pretokenizer, &e->piece, &e->spans, &e->other, e->a, e->err));
    const tn_aligned *text = &e->piece.now;
    for (size_t i = 0; i < e->spans.len; i++) {
        e->pieces.len = 0;
        TN_TRY(tn_subword_run(&e->t->model, text->text, e->spans.ptr[i], &e->work, &e->pieces, e->a, e->err));
        e->out->n_words++;
        for (size_t k = 0; k < e->pieces.len; k++) {
            tn_piece p = e->pieces.ptr[k];
            e->out->n_unknown += p.kind != TN_PIECE_KNOWN;
            TN_TRY(add_over(e, text, p.id, p.from, p.to, p.kind));
        }
        e->word += !e->words;
    }
    return TN_OK;
}

/* The text as it came, each byte standing for its code point; `base` is the first one's number. */
static tn_status view_raw(encoder *e, tn_str s, uint32_t base)
{
    if (e->aligned && s.len > e->at_cap) {
        e->at = TN_ARENA_ARRAY(e->a, uint32_t, s.len);
        e->at_cap = s.len;
        if (!e->at) {
            e->at_cap = 0;
            return tn_fail_nomem(e->err, s.len * sizeof *e->at);
        }
    }
    uint32_t cp = base - 1;
    for (size_t i = 0; e->aligned && i < s.len; i++)
        e->at[i] = cp += ((unsigned char)s.ptr[i] & 0xC0) != 0x80;
    tn_normalizing_begin(&e->gap, s.ptr, e->aligned ? e->at : NULL, s.len, base);
    return TN_OK;
}

static tn_status encode_gap(encoder *e, tn_str s, uint32_t base)
{
    if (!s.len)
        return TN_OK;
    TN_TRY(view_raw(e, s, base));
    TN_TRY(tn_normalizer_run(&e->t->normalizer, &e->gap, e->a, e->err));
    tn_str text = {e->gap.now.text, e->gap.now.len};
    size_t at = 0, done = 0, piece = 0;
    tn_added_match m;
    while (tn_added_next(&e->t->added, &e->t->added.normalized, text, &at, &done, &m)) {
        TN_TRY(encode_piece(e, piece, m.from > piece ? m.from : piece));
        TN_TRY(add_over(e, &e->gap.now, m.token->id, m.from, m.to, TN_PIECE_VERBATIM));
        e->word += !e->words;
        piece = m.to;
    }
    return encode_piece(e, piece, text.len);
}

static tn_status encode_text(encoder *e, tn_str text, tokens *out)
{
    size_t at = 0, done = 0, gap = 0;
    uint32_t cp = 0; /* code points before `gap` */
    tn_added_match m;
    e->out = out;
    while (tn_added_next(&e->t->added, &e->t->added.raw, text, &at, &done, &m)) {
        tn_str before = tn_str_sub(text, gap, m.from > gap ? m.from : gap);
        TN_TRY(encode_gap(e, before, cp));
        if (e->aligned) /* a match can begin before the end of the last one */
            cp += (uint32_t)tn_utf8_count(before) - (uint32_t)tn_utf8_count(tn_str_sub(text, m.from, gap));
        TN_TRY(view_raw(e, tn_str_sub(text, m.from, m.to), cp));
        TN_TRY(add_over(e, &e->gap.now, m.token->id, 0, m.to - m.from, TN_PIECE_VERBATIM));
        e->word += !e->words;
        cp += e->aligned ? (uint32_t)tn_utf8_count(tn_str_sub(text, m.from, m.to)) : 0;
        gap = m.to;
    }
    return encode_gap(e, tn_str_sub(text, gap, text.len), cp);
}

/* ---- input ---- */

static tn_status read_text(tn_str *text, bool lossy, tn_arena *a, tn_err *err)
{
    size_t bad, bytes;
    if (text->len >= (size_t)TN_ALIGNED_MAX)
        return tn_fail(err, TN_ELIMIT, "a text of %zu bytes; less than %d can be tokenised", text->len, TN_ALIGNED_MAX);
    bad = tn_utf8_check(*text);
    if (bad == text->len)
        return TN_OK;
    if (!lossy)
        return tn_fail(err, TN_EFORMAT, "the text is not UTF-8: byte 0x%02x at %zu", (unsigned char)text->ptr[bad],
                       bad);
    if (!tn_size_mul(text->len, 3, &bytes))
        return tn_fail_nomem(err, text->len);
    char *p = tn_arena_alloc(a, bytes);
    if (!p)
        return tn_fail_nomem(err, bytes);
    size_t n = 0;
    for (size_t i = 0; i < text->len;)
        n += tn_utf8_put(tn_utf8_next(*text, &i), p + n);
    *text = (tn_str){p, n};
    return TN_OK;
}

/* ---- cutting to length ---- */

static void cut(tokens *t, size_t n, bool left)
{
    if (n >= t->len)
        return;
    if (left)
        t->ptr += t->len - n;
    t->len = n;
}

static tn_status cut_to_length(const tn_template_row *row, const tn_encode_options *o, tokens text[2], bool pair,
                               size_t *n_cut, tn_err *err)
{
    size_t n_special = o->plain ? 0 : row->n_special, before = text[0].len + text[1].len, room;
    *n_cut = 0;
    if (!o->max_length)
        return TN_OK;
    if (o->max_length < n_special)
        return tn_fail(err, TN_EINVALID, "max_length %u leaves no room: %zu special tokens are added", o->max_length,
                       n_special);
    room = o->max_length - n_special;
    if (before <= room)
        return TN_OK;
    size_t a = text[0].len, b = text[1].len;
    if (!pair) {
        a = room;
    } else if (o->only_first) {
        if (b > room)
            return tn_fail(err, TN_EINVALID,
                           "max_length %u leaves no room for the first text: the second has %zu "
                           "tokens",
                           o->max_length, b);
        a = room - b;
    } else { /* the longer down to the shorter, then both; the odd one to the longer */
        bool swap = a > b;
        size_t little = swap ? b : a, large;
        large = little > room ? little : (room - little > little ? room - little : little);
        if (little + large > room) {
            little = room / 2;
            large = little + room % 2;
        }
        a = swap ? large : little;
        b = swap ? little : large;
    }
    cut(&text[0], a, o->cut_left);
    cut(&text[1], b, o->cut_left);
    *n_cut = before - text[0].len - text[1].len;
    return TN_OK;
}

/* ---- the result ---- */

static tn_str name_of(const tn_tokenizer *t, const token *x)
{
    return x->kind == TN_PIECE_VERBATIM ? x->text : t->model.token[x->id];
}

static bool is_blank(uint32_t cp)
{
    return cp == 0x120 || tn_uc_flags(cp) & TN_UC_SPACE; /* U+0120 is a space in the byte alphabet */
}

/* Blanks at the ends of a token's name are taken off its span; one at the very beginning may be ours (RoBERTa). */
static void trim_spans(const encoder *e, tokens *t)
{
    for (size_t i = 0; i < t->len; i++) {
        token *x = &t->ptr[i];
        tn_str name = name_of(e->t, x);
        uint32_t lead = 0, trail = 0;
        unsigned n;
        size_t at = 0;
        for (; at < name.len && is_blank(tn_uc_get(name.ptr + at, &n)); at += n)
            lead++;
        for (at = name.len; at > 0 && is_blank(tn_uc_before(name.ptr, at, &n)); at -= n)
            trail++;
        if (lead == 1 && (i == 0 || x->start == 0) && e->t->template.add_prefix_space)
            lead = 0;
        x->start = x->start + lead < x->end ? x->start + lead : x->end;
        if (trail && x->end >= trail)
            x->end = x->end - trail > x->start ? x->end - trail : x->start;
    }
}

static size_t round16(size_t n)
{
    return (n + 15) & ~(size_t)15;
}

/* Addresses inside the block, counted from its beginning, become addresses. */
static void rebase(tn_encoding *x, char *block)
{
    x->ids = (uint32_t *)(void *)(block + (size_t)x->ids);
    if (x->word)
        x->word = (uint32_t *)(void *)(block + (size_t)x->word);
    if (!x->tokens)
        return;
    x->tokens = (tn_str *)(void *)(block + (size_t)x->tokens);
    x->start = (uint32_t *)(void *)(block + (size_t)x->start);
    x->end = (uint32_t *)(void *)(block + (size_t)x->end);
    x->special = (uint8_t *)(block + (size_t)x->special);
    x->type_ids = (uint8_t *)(block + (size_t)x->type_ids);
}

/* Places of the arrays in the block, as offsets for now; names taken from the text come last. */
static size_t lay_out(tn_encoding *x, size_t n, size_t name_bytes, bool words, bool full)
{
    size_t size = 16; /* so that no offset is 0, which means absent */
    x->n = n;
    x->ids = (uint32_t *)size;
    size += round16(n * 4);
    if (words) {
        x->word = (uint32_t *)size;
        size += round16(n * 4);
    }
    if (!full)
        return size;
    x->start = (uint32_t *)size;
    size += round16(n * 4);
    x->end = (uint32_t *)size;
    size += round16(n * 4);
    x->special = (uint8_t *)size;
    size += round16(n);
    x->type_ids = (uint8_t *)size;
    size += round16(n);
    x->tokens = (tn_str *)size;
    return size + n * sizeof(tn_str) + name_bytes;
}

static void fill(const encoder *e, const tn_template_row *row, const tokens text[2], bool plain, tn_encoding *x,
                 char *names, char *names_final)
{
    size_t n = 0;
    for (size_t i = 0; i < row->n; i++) {
        const tn_template_item *item = &row->item[i];
        bool special = item->kind == TN_ITEM_SPECIAL;
        if (special && plain)
            continue;
        const tokens *from = item->kind == TN_ITEM_SECOND ? &text[1] : &text[0];
        for (size_t k = 0; k < (special ? 1 : from->len); k++, n++) {
            const token *t = special ? NULL : &from->ptr[k];
            x->ids[n] = special ? item->id : t->id;
            if (e->words)
                x->word[n] = special ? TN_NO_WORD : t->word;
            if (!e->full)
                continue;
            x->start[n] = special ? 0 : t->start;
            x->end[n] = special ? 0 : t->end;
            x->special[n] = special;
            x->type_ids[n] = item->type_id;
            x->tokens[n] = special ? item->token : name_of(e->t, t);
            if (!special && t->kind == TN_PIECE_VERBATIM) {
                memcpy(names, t->text.ptr, t->text.len);
                x->tokens[n].ptr = names_final;
                names += t->text.len;
                names_final += t->text.len;
            }
        }
    }
}

static tn_status gather(encoder *e, const tn_template_row *row, const tokens text[2], bool plain, tn_arena_mark mark,
                        tn_encoding *out)
{
    size_t n = text[0].len + text[1].len + (plain ? 0 : row->n_special), name_bytes = 0;
    for (int s = 0; s < 2; s++)
        for (size_t i = 0; i < text[s].len && e->full; i++)
            name_bytes += text[s].ptr[i].kind == TN_PIECE_VERBATIM ? text[s].ptr[i].text.len : 0;
    size_t size = lay_out(out, n, name_bytes, e->words, e->full), names = size - name_bytes;
    char *block = tn_arena_alloc(e->a, size);
    if (!block)
        return tn_fail_nomem(e->err, size);
    tn_encoding at_work = *out;
    rebase(&at_work, block);
    /* Where the block will lie is known only after going back to the mark, and then it may overlap where it lies now;
     * names are addressed from its beginning until then. */
    fill(e, row, text, plain, &at_work, block + names, (char *)names);
    tn_arena_restore(e->a, mark);
    char *final = tn_arena_alloc(e->a, size);
    if (!final)
        return tn_fail_nomem(e->err, size);
    memmove(final, block, size);
    rebase(out, final);
    for (size_t i = 0; e->full && i < n && name_bytes; i++)
        if ((uintptr_t)out->tokens[i].ptr < size)
            out->tokens[i].ptr = final + (uintptr_t)out->tokens[i].ptr;
    return TN_OK;
}

/* Texts are one or two, or all the words of one. */
static tn_status encode(encoder e, const tn_str *texts, size_t n_texts, const tn_encode_options *options, tn_encoding *out)
{
    const tn_encode_options none = {0}, *o = options ? options : &none;
    size_t n_sides = e.words ? 1 : n_texts;
    const tn_template_row *row = n_sides == 2 ? &e.t->template.pair : &e.t->template.single;
    tn_pretokenizer spaced;
    tokens text[2] = {{0}, {0}};
    tn_status st = TN_OK;
    tn_encoding x = {0};
    tn_arena_mark mark = tn_arena_save(e.a);
    *out = x;
    e.pretokenizer = &e.t->pretokenizer;
    if (e.words) {
        TN_GO(tn_pretokenizer_spaced(&e.t->pretokenizer, e.a, &spaced, e.err));
        e.pretokenizer = &spaced;
    }
    e.aligned = e.full || e.pretokenizer->needs_offsets;
    for (size_t i = 0; i < n_texts; i++) {
        tn_str s = texts[i];
        e.word = (uint32_t)i;
        TN_GO(read_text(&s, o->lossy, e.a, e.err));
        TN_GO(encode_text(&e, s, &text[e.words ? 0 : i]));
    }
    x.n_unknown = text[0].n_unknown + text[1].n_unknown;
    x.n_words = text[0].n_words + text[1].n_words;
    TN_GO(cut_to_length(row, o, text, n_sides == 2, &x.n_cut, e.err));
    for (size_t i = 0; e.full && e.t->template.trim_offsets && i < n_sides; i++)
        trim_spans(&e, &text[i]);
    TN_GO(gather(&e, row, text, o->plain, mark, &x));
    *out = x;
    return TN_OK;
done:
    tn_arena_restore(e.a, mark);
    return st;
}

tn_status tn_tokenizer_encode(const tn_tokenizer *t, tn_str text, const tn_encode_options *options, tn_arena *arena,
                              tn_encoding *out, tn_err *err)
{
    return encode((encoder){.t = t, .a = arena, .err = err, .full = true}, &text, 1, options, out);
}

tn_status tn_tokenizer_encode_pair(const tn_tokenizer *t, tn_str first, tn_str second, const tn_encode_options *options,
                                   tn_arena *arena, tn_encoding *out, tn_err *err)
{
    return encode((encoder){.t = t, .a = arena, .err = err, .full = true}, (tn_str[]){first, second}, 2, options, out);
}

tn_status tn_tokenizer_encode_words(const tn_tokenizer *t, const tn_str *word, size_t n_words,
                                    const tn_encode_options *options, tn_arena *arena, tn_encoding *out, tn_err *err)
{
    *out = (tn_encoding){0};
    if (n_words >= TN_NO_WORD)
        return tn_fail(err, TN_ELIMIT, "%zu words; less than %u can be tokenised at once", n_words, TN_NO_WORD);
    return encode((encoder){.t = t, .a = arena, .err = err, .words = true}, word, n_words, options, out);
}

/* ---- windows ---- */

typedef struct {
    size_t room, step; /* tokens of the second text in a window; from one window to the next */
    size_t n, n_tokens;
} cutting;

/* Tokens in all windows of a text. A stride of all but one token makes a window of each token: a passage of a few megabytes
 * would become gigabytes. At 384 and 128 this is a passage of 11 million tokens. */
enum { MAX_WINDOW_TOKENS = 1 << 24 };

static tn_status plan_windows(const tn_template_row *row, const tn_window_options *o, tokens text[2], cutting *c,
                              size_t *n_cut, tn_err *err)
{
    if (o->max_length < row->n_special + 2)
        return tn_fail(err, TN_EINVALID, "max_length %u leaves no room for two texts: %zu special tokens are added",
                       o->max_length, row->n_special);
    size_t all = o->max_length - row->n_special, stride = o->stride;
    *n_cut = 0;
    *c = (cutting){.room = text[1].len, .step = 1, .n = 1};
    if (text[0].len > all || text[1].len > all - text[0].len) {
        if (text[0].len + stride >= all) {
            size_t keep = text[0].len < all / 2 ? text[0].len : all / 2;
            *n_cut = text[0].len - keep;
            text[0].len = keep;
            stride = stride < all - keep ? stride : (all - keep) / 2;
        }
        if (text[1].len > all - text[0].len) {
            c->room = all - text[0].len;
            c->step = c->room - stride;
            c->n = 1 + (text[1].len - c->room + c->step - 1) / c->step;
        }
    }
    if (c->n > MAX_WINDOW_TOKENS / o->max_length + 1 && c->n > 1)
        return tn_fail(err, TN_ELIMIT, "%zu tokens would become %zu windows of %u tokens, each %zu behind the one before it; a smaller stride, a longer window or a shorter first text (%zu tokens) makes fewer",
                       text[1].len, c->n, o->max_length, c->step, text[0].len);
    for (size_t w = 0; w < c->n; w++) {
        size_t left = text[1].len - w * c->step;
        c->n_tokens += row->n_special + text[0].len + (left < c->room ? left : c->room);
    }
    return TN_OK;
}

static size_t windows_size(const cutting *c, size_t n_second)
{
    return (4 * c->n + 1) * sizeof(size_t) + 3 * n_second * 4 + c->n_tokens * 5;
}

/* The arrays are of one block, in falling order of alignment. */
static void lay_windows(tn_windows *x, const cutting *c, size_t n_second, void *block)
{
    x->n = c->n;
    x->n_second = n_second;
    x->at = block;
    x->first = x->at + c->n + 1;
    x->from = x->first + c->n;
    x->count = x->from + c->n;
    x->start = (uint32_t *)(x->count + c->n);
    x->end = x->start + n_second;
    x->word = x->end + n_second;
    x->ids = x->word + n_second;
    x->type_ids = (uint8_t *)(x->ids + c->n_tokens);
}

static void fill_windows(const tn_template_row *row, const tokens text[2], const cutting *c, tn_windows *x)
{
    for (size_t i = 0; i < x->n_second; i++) {
        x->start[i] = text[1].ptr[i].start;
        x->end[i] = text[1].ptr[i].end;
        x->word[i] = text[1].ptr[i].word;
    }
    size_t n = 0;
    for (size_t w = 0; w < c->n; w++) {
        size_t left = text[1].len - w * c->step;
        x->at[w] = n;
        x->from[w] = w * c->step;
        x->count[w] = left < c->room ? left : c->room;
        for (size_t i = 0; i < row->n; i++) {
            const tn_template_item *item = &row->item[i];
            bool special = item->kind == TN_ITEM_SPECIAL, second = item->kind == TN_ITEM_SECOND;
            size_t from = second ? x->from[w] : 0, count = special ? 1 : second ? x->count[w] : text[0].len;
            if (second)
                x->first[w] = n - x->at[w];
            for (size_t k = 0; k < count; k++, n++) {
                x->ids[n] = special ? item->id : text[second].ptr[from + k].id;
                x->type_ids[n] = item->type_id;
            }
        }
    }
    x->at[c->n] = n;
}

tn_status tn_tokenizer_encode_windows(const tn_tokenizer *t, tn_str first, tn_str second, const tn_window_options *o,
                                      tn_arena *a, tn_windows *out, tn_err *err)
{
    const tn_template_row *row = &t->template.pair;
    encoder e = {.t = t, .a = a, .err = err, .pretokenizer = &t->pretokenizer, .full = true, .aligned = true};
    tokens text[2] = {{0}, {0}};
    tn_str both[] = {first, second};
    tn_status st = TN_OK;
    cutting c = {0};
    tn_windows x = {0};
    tn_arena_mark mark = tn_arena_save(a);
    *out = x;
    for (size_t i = 0; i < 2; i++) {
        TN_GO(read_text(&both[i], o->lossy, a, err));
        TN_GO(encode_text(&e, both[i], &text[i]));
    }
    TN_GO(plan_windows(row, o, text, &c, &x.n_cut, err));
    if (t->template.trim_offsets)
        trim_spans(&e, &text[1]);
    size_t size = windows_size(&c, text[1].len);
    char *block = tn_arena_alloc(a, size);
    if (!block) {
        st = tn_fail_nomem(err, size);
        goto done;
    }
    lay_windows(&x, &c, text[1].len, block);
    fill_windows(row, text, &c, &x);
    /* As in gather: nothing stays but the result. */
    tn_arena_restore(a, mark);
    char *final = tn_arena_alloc(a, size);
    if (!final)
        return tn_fail_nomem(err, size);
    memmove(final, block, size);
    lay_windows(&x, &c, text[1].len, final);
    *out = x;
    return TN_OK;
done:
    tn_arena_restore(a, mark);
    return st;
}

tn_status tn_tokenizer_ids(const tn_tokenizer *t, tn_str text, const tn_encode_options *options, tn_arena *arena,
                           uint32_t **ids, size_t *n, tn_err *err)
{
    tn_encoding x;
    *ids = NULL;
    *n = 0;
    TN_TRY(encode((encoder){.t = t, .a = arena, .err = err}, &text, 1, options, &x));
    *ids = x.ids;
    *n = x.n;
    return TN_OK;
}

tn_status tn_tokenizer_normalize(const tn_tokenizer *t, tn_str text, tn_arena *arena, tn_str *out, tn_err *err)
{
    tn_normalizing w = {0};
    tn_str s = text;
    *out = (tn_str){NULL, 0};
    TN_TRY(read_text(&s, false, arena, err));
    tn_normalizing_begin(&w, s.ptr, NULL, s.len, 0);
    TN_TRY(tn_normalizer_run(&t->normalizer, &w, arena, err));
    *out = tn_str_dup(arena, (tn_str){w.now.text, w.now.len});
    return out->ptr ? TN_OK : tn_fail_nomem(err, w.now.len);
}
