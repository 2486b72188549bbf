/* Every fact has a value and words that lie in the text; the reading is JSON. */
#include "fuzz.h"

#include "flow/brief.h"

TN_FUZZ(brief, bytes)
{
    tn_err err = TN_ERR_INIT;
    tn_arena *a = tn_arena_new(0);
    tn_buf b = TN_BUF_INIT;
    tn_brief brief;
    tn_json_writer w;
    const tn_json *back;
    tn_status st = tn_brief_parse(tn_str_from_bytes(bytes), "brief.md", a, &brief, &err);
    TN_ASSERT(st == TN_OK || err.msg[0]);
    if (st == TN_OK) {
        for (size_t i = 0; i < brief.facts.len; i++) {
            const tn_fact *f = &brief.facts.ptr[i];
            TN_ASSERT(f->value.len && f->line);
            TN_ASSERT(f->words.ptr >= brief.text.ptr && f->words.ptr + f->words.len <= brief.text.ptr + brief.text.len);
        }
        tn_jw_init(&w, &b, 0);
        tn_brief_write(&brief, &w);
        TN_ASSERT(tn_json_parse(tn_buf_view(&b), a, &back, &err) == TN_OK);
        tn_brief_free(&brief);
    }
    tn_buf_free(&b);
    tn_arena_free(a);
    return st;
}
