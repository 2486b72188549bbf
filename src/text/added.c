/* One trie a set; at each place that could begin a pattern the longest one is walked to. Patterns are at most
 * TN_TRIE_MAX_KEY bytes, which bounds the work a hostile file can ask for. */
#include "text/added.h"

#include <inttypes.h>
#include <string.h>

static tn_status parse_token(const tn_json *v, tn_arena *a, tn_added *t, tn_err *err)
{
    tn_str content;
    int64_t id;
    if (tn_json_type(v) != TN_JSON_OBJECT)
        return tn_fail(err, TN_EFORMAT, "%u:%u: an added token must be an object", tn_json_line(v), tn_json_column(v));
    TN_TRY(tn_json_need_str(v, "content", &content, err));
    TN_TRY(tn_json_need_i64(v, "id", 0, UINT32_MAX - 1, &id, err));
    if (!content.len)
        return tn_fail(err, TN_EFORMAT, "%u:%u: an added token without content", tn_json_line(v), tn_json_column(v));
    *t = (tn_added){.content = tn_str_dup(a, content), .id = (uint32_t)id};
    if (!t->content.ptr)
        return tn_fail_nomem(err, content.len);
    TN_TRY(tn_component_bool(v, "single_word", false, &t->single_word, err));
    TN_TRY(tn_component_bool(v, "lstrip", false, &t->lstrip, err));
    TN_TRY(tn_component_bool(v, "rstrip", false, &t->rstrip, err));
    TN_TRY(tn_component_bool(v, "special", false, &t->special, err));
    return tn_component_bool(v, "normalized", !t->special, &t->normalized, err);
}

tn_status tn_added_parse(const tn_json *v, tn_arena *a, tn_added_tokens *out, tn_err *err)
{
    *out = (tn_added_tokens){0};
    if (!v || tn_json_type(v) == TN_JSON_NULL)
        return TN_OK;
    if (tn_json_type(v) != TN_JSON_ARRAY)
        return tn_fail(err, TN_EFORMAT, "%u:%u: \"added_tokens\" must be a list", tn_json_line(v), tn_json_column(v));
    out->token = TN_ARENA_ARRAY(a, tn_added, tn_json_len(v));
    if (!out->token)
        return tn_fail_nomem(err, tn_json_len(v) * sizeof *out->token);
    for (const tn_json *c = tn_json_first(v); c; c = tn_json_next(c))
        TN_TRY(parse_token(c, a, &out->token[out->n++], err));
    return TN_OK;
}

static tn_status build_set(tn_added_tokens *t, bool normalized, const tn_normalizer *n, tn_arena *a, tn_arena *scratch,
                           tn_added_set *set, tn_err *err)
{
    tn_str *key = TN_ARENA_ARRAY(scratch, tn_str, t->n);
    uint32_t *value = TN_ARENA_ARRAY(scratch, uint32_t, t->n);
    size_t n_keys = 0;
    *set = (tn_added_set){.only_first = -2};
    if (!key || !value)
        return tn_fail_nomem(err, t->n * sizeof *key);
    /* Of equal patterns (which only normalising makes) the trie keeps the last: a special one, else the file's first.
     * The package takes one by the order of a hash table, a different one each time. */
    for (int special = 0; special < 2; special++)
        for (size_t i = t->n; i-- > 0;) {
            if (t->token[i].normalized != normalized || t->token[i].special != special)
                continue;
            tn_normalizing w = {0};
            tn_normalizing_begin(&w, t->token[i].content.ptr, NULL, t->token[i].content.len, 0);
            if (normalized)
                TN_TRY(tn_normalizer_run(n, &w, scratch, err));
            if (!w.now.len) {
                t->token[i].name = TN_STR("");
                continue;
            }
            t->token[i].name = key[n_keys] = tn_str_dup(a, (tn_str){w.now.text, w.now.len});
            if (!key[n_keys].ptr)
                return tn_fail_nomem(err, w.now.len);
            value[n_keys++] = (uint32_t)i;
            unsigned char lead = (unsigned char)w.now.text[0];
            set->only_first = set->only_first == -2 || set->only_first == lead ? lead : -1;
            set->first[lead] = true;
        }
    return n_keys ? tn_trie_build(key, value, n_keys, a, scratch, &set->trie, NULL, err) : TN_OK;
}

tn_status tn_added_build(tn_added_tokens *t, const tn_normalizer *n, tn_arena *a, tn_arena *scratch, tn_err *err)
{
    TN_TRY(build_set(t, false, n, a, scratch, &t->raw, err));
    return build_set(t, true, n, a, scratch, &t->normalized, err);
}

/* Where a pattern may begin, at or after `at`. */
static size_t candidate(const tn_added_set *set, tn_str text, size_t at)
{
    if (set->only_first >= 0) {
        const char *p = at < text.len ? memchr(text.ptr + at, set->only_first, text.len - at) : NULL;
        return p ? (size_t)(p - text.ptr) : text.len;
    }
    while (at < text.len && !set->first[(unsigned char)text.ptr[at]])
        at++;
    return at;
}

static bool is_word_at(tn_str text, size_t from, size_t to)
{
    unsigned n;
    return (from > 0 && (tn_uc_flags(tn_uc_before(text.ptr, from, &n)) & TN_UC_WORD)) ||
           (to < text.len && (tn_uc_flags(tn_uc_get(text.ptr + to, &n)) & TN_UC_WORD));
}

bool tn_added_next(const tn_added_tokens *t, const tn_added_set *set, tn_str text, size_t *at, size_t *done,
                   tn_added_match *out)
{
    if (set->only_first == -2)
        return false;
    while ((*at = candidate(set, text, *at)) < text.len) {
        uint32_t i;
        unsigned n;
        size_t from = *at, len = tn_trie_longest(&set->trie, tn_str_sub(text, from, text.len), &i), to = from + len;
        if (!len) {
            ++*at;
            continue;
        }
        *at = to;
        const tn_added *token = &t->token[i];
        if (token->single_word && is_word_at(text, from, to))
            continue;
        while (token->lstrip && from > *done && (tn_uc_flags(tn_uc_before(text.ptr, from, &n)) & TN_UC_SPACE))
            from -= n;
        if (token->lstrip && from < *done) /* blanks that the match before took along */
            from = *done;
        while (token->rstrip && to < text.len && (tn_uc_flags(tn_uc_get(text.ptr + to, &n)) & TN_UC_SPACE))
            to += n;
        *out = (tn_added_match){from, to, token};
        *done = to;
        return true;
    }
    return false;
}
