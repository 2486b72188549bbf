/* The bytes as a brief: every word of it stands in the prompt, once, in a fence that occurs nowhere else. The bytes as a
 * rules file: writing tenet's block into it twice is writing it once, the user's text stays, and what was written has not
 * drifted. */
#include "fuzz.h"

#include <string.h>

#include "flow/assistants.h"
#include "flow/prompt.h"

static void check_quotation(const tn_prompt *p)
{
    tn_str text = p->text;
    size_t end = text.len - 1, from = end; /* the last line is the closing fence */
    while (from && text.ptr[from - 1] != '\n')
        from--;
    tn_str fence = tn_str_sub(text, from, end);
    size_t open = from - p->user.len;
    TN_ASSERT(fence.len >= 3 && tn_str_eq(tn_str_sub(text, open, from), p->user));
    TN_ASSERT(tn_str_find(text, fence, 0) == open - fence.len - strlen("text\n"));
    TN_ASSERT(tn_str_find(text, fence, open) == from);
}

static void check_brief(tn_str text, const tn_rules *rules, tn_arena *a)
{
    tn_err err = TN_ERR_INIT;
    tn_brief b;
    tn_prompt p;
    if (tn_brief_parse(text, "brief.md", a, &b, &err) != TN_OK)
        return;
    tn_prompt_input in = {.brief = &b, .rules = rules};
    tn_status st = tn_prompt_compose(&in, a, &p, &err);
    TN_ASSERT(st == TN_OK ? b.part[TN_WHAT].len > 0 : st == TN_ERULE && err.msg[0]);
    if (st == TN_OK) {
        check_quotation(&p);
        for (int i = 0; i < TN_N_PARTS; i++)
            TN_ASSERT(tn_str_find(p.user, b.part[i], 0) <= p.user.len);
    }
    tn_brief_free(&b);
}

static void check_file(tn_str text, const tn_rules *rules, tn_arena *a)
{
    tn_err err = TN_ERR_INIT;
    size_t n;
    const tn_assistant_file *file = tn_assistant_files(&n);
    tn_findings f;
    tn_str once, twice;
    file += text.len % n; /* each file has its turn */
    TN_ASSERT(tn_findings_init(&f, &err) == TN_OK);
    tn_status st = tn_assistants_merge(rules, file, &text, a, &once, &err);
    TN_ASSERT(st == TN_OK || (err.msg[0] && (st == TN_EFORMAT || st == TN_ELIMIT)));
    if (st == TN_OK) {
        TN_ASSERT(tn_assistants_merge(rules, file, &once, a, &twice, &err) == TN_OK && tn_str_eq(once, twice));
        TN_ASSERT(tn_assistants_check(rules, file, "x", once, &f, &err) == TN_OK && f.list.len == 0);
    }
    TN_ASSERT(tn_assistants_check(rules, file, "x", text, &f, &err) == TN_OK);
    tn_findings_free(&f);
}

TN_FUZZ(context, bytes)
{
    tn_err err = TN_ERR_INIT;
    static const tn_rules *rules;
    static tn_arena *kept;
    tn_arena *a = tn_arena_new(0);
    if (!kept) {
        kept = tn_arena_new(0);
        TN_ASSERT(tn_rules_load(NULL, "2026-11-24", kept, &rules, &err) == TN_OK);
    }
    check_brief(tn_str_from_bytes(bytes), rules, a);
    check_file(tn_str_from_bytes(bytes), rules, a);
    tn_arena_free(a);
    return TN_OK;
}
