/* Prose is as long as the text and keeps its line ends; blocks, spans and words lie in it, in order; tables and fences can
 * be walked to their end. */
#include "fuzz.h"

#include "check/markdown.h"

static void check_blocks(const tn_md *m, tn_arena *a)
{
    tn_err err;
    for (size_t i = 0, end = 0; i < m->n_blocks; i++) {
        tn_md_range r = tn_md_block_range(m, i), s = tn_md_sentence(m, r.from);
        TN_ASSERT(r.from >= end && r.from <= r.to && r.to <= m->text.len);
        TN_ASSERT(r.from == r.to || (s.from >= r.from && s.to <= r.to));
        TN_ASSERT(m->block[i].line >= 1 && m->block[i].line <= m->n_lines);
        TN_ASSERT(m->block[i].heading <= i);
        end = r.to;
        tn_str code, rest = m->block[i].text, row, cell;
        char language[32];
        if (m->block[i].kind == TN_MD_FENCE) {
            (void)tn_md_language(&m->block[i], language);
            TN_ASSERT(tn_md_fence_code(&m->block[i], a, &code, &err) == TN_OK && code.len <= rest.len);
        }
        if (m->block[i].kind == TN_MD_TABLE)
            while (tn_md_row(&rest, &row))
                while (tn_md_cell(&row, &cell))
                    TN_ASSERT(cell.len <= m->block[i].text.len);
        if (m->block[i].kind == TN_MD_HEADING) {
            r = tn_md_section(m, i);
            TN_ASSERT(r.from <= r.to && r.to <= m->text.len);
            (void)tn_md_is(m, tn_md_block_range(m, i), "model choice|data|a b");
        }
    }
}

TN_FUZZ(markdown, bytes)
{
    tn_err err = TN_ERR_INIT;
    tn_arena *a = tn_arena_new(0);
    tn_md m;
    tn_status st = tn_md_parse(tn_str_from_bytes(bytes), a, &m, &err);
    TN_ASSERT(st == TN_OK || err.msg[0]);
    if (st == TN_OK) {
        TN_ASSERT(m.prose.len == m.text.len);
        for (size_t i = 0; i < m.text.len; i++)
            TN_ASSERT((m.text.ptr[i] == '\n') == (m.prose.ptr[i] == '\n'));
        for (size_t i = 0; i < m.n_spans; i++)
            TN_ASSERT(m.span[i].from <= m.span[i].to && m.span[i].to <= m.text.len && (i == 0 || m.span[i - 1].from <= m.span[i].from));
        for (size_t i = 0, end = 0; i < m.n_words; end = m.word[i++].to)
            TN_ASSERT(m.word[i].from >= end && m.word[i].from < m.word[i].to && m.word[i].to <= m.text.len);
        check_blocks(&m, a);
        (void)tn_md_has(&m, tn_md_all(&m), "a ? b|#|state of the art|x*");
        (void)tn_md_quote(&m, tn_md_all(&m), 80, a);
    }
    tn_arena_free(a);
    return st;
}
