/* Reading a model. Texts of all pieces are copied into one block; the trie answers both the search for pieces and the
 * question which id a token has. */
#include "text/subword.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool tn_pieces_grow(tn_pieces *p, tn_arena *a)
{
    size_t cap = p->cap ? p->cap * 2 : 128;
    tn_piece *q = TN_ARENA_ARRAY(a, tn_piece, cap);
    if (!q)
        return false;
    if (p->len)
        memcpy(q, p->ptr, p->len * sizeof *q);
    p->ptr = q;
    p->cap = cap;
    return true;
}

tn_status tn_subword_no_unknown(const char *text, size_t end, tn_err *err)
{
    unsigned n;
    uint32_t cp = tn_uc_before(text, end, &n);
    return tn_fail(err, TN_EINVALID, "U+%04" PRIX32 " is not in the vocabulary, and the tokenizer has no unknown token",
                   cp);
}

/* One block for the texts of all members or pairs; keys[i] points into it. */
static tn_status copy_texts(const tn_json *vocab, bool pairs, tn_arena *a, tn_str *keys, tn_err *err)
{
    size_t bytes = 0, i = 0;
    for (const tn_json *c = tn_json_first(vocab); c; c = tn_json_next(c))
        bytes += pairs ? tn_json_str(tn_json_first(c)).len : tn_json_key(c).len;
    char *block = tn_arena_alloc(a, bytes);
    if (!block)
        return tn_fail_nomem(err, bytes);
    for (const tn_json *c = tn_json_first(vocab); c; c = tn_json_next(c), i++) {
        tn_str s = pairs ? tn_json_str(tn_json_first(c)) : tn_json_key(c);
        memcpy(block, s.ptr, s.len);
        keys[i] = (tn_str){block, s.len};
        block += s.len;
    }
    return TN_OK;
}

static tn_status place(const tn_json *at, tn_status st, tn_err *err)
{
    return st == TN_OK ? st : tn_fail_prefix(err, "%u:%u: vocab", tn_json_line(at), tn_json_column(at));
}

/* {"token": id, ...}: every id once; a missing one must be an added token's. */
static tn_status parse_map(const tn_json *vocab, size_t n_added, tn_arena *a, tn_arena *scratch, tn_subword *m,
                           tn_err *err)
{
    size_t n = tn_json_len(vocab), i = 0, limit;
    if (!tn_size_add(n, n_added, &limit) || limit >= UINT32_MAX)
        return tn_fail(err, TN_ELIMIT, "a vocabulary of %zu tokens", n);
    uint32_t *id = TN_ARENA_ARRAY(scratch, uint32_t, n);
    tn_str *key = TN_ARENA_ARRAY(scratch, tn_str, n);
    m->token = TN_ARENA_ARRAY(a, tn_str, limit ? limit : 1);
    if (!id || !key || !m->token)
        return tn_fail_nomem(err, limit * sizeof *key);
    memset(m->token, 0, limit * sizeof *m->token);
    TN_TRY(copy_texts(vocab, false, a, key, err));
    for (const tn_json *c = tn_json_first(vocab); c; c = tn_json_next(c), i++) {
        int64_t v;
        if (!tn_json_i64(c, &v) || v < 0 || (uint64_t)v >= limit)
            return tn_fail(err, TN_EFORMAT,
                           "%u:%u: the id of \"%.*s\" must be a whole number from 0 to %zu without "
                           "holes, it is %.*s",
                           tn_json_line(c), tn_json_column(c), TN_ARG(key[i]), limit ? limit - 1 : 0,
                           TN_ARG(tn_json_text(c)));
        if (m->token[v].ptr)
            return tn_fail(err, TN_EFORMAT, "%u:%u: id %" PRId64 " belongs to \"%.*s\" and to \"%.*s\"",
                           tn_json_line(c), tn_json_column(c), v, TN_ARG(m->token[v]), TN_ARG(key[i]));
        id[i] = (uint32_t)v;
        m->token[v] = key[i];
        if (v >= m->n_tokens)
            m->n_tokens = (uint32_t)v + 1;
    }
    m->n_known = (uint32_t)n;
    return place(vocab, tn_trie_build(key, id, n, a, scratch, &m->trie, NULL, err), err);
}

static tn_status parse_wordpiece(const tn_json *v, size_t n_added, tn_arena *a, tn_arena *scratch, tn_subword *m,
                                 tn_err *err)
{
    const tn_json *vocab, *c;
    tn_str unknown = TN_STR("[UNK]"), prefix = TN_STR("##");
    int64_t max = 100;
    TN_TRY(tn_json_need(v, "vocab", TN_JSON_OBJECT, &vocab, err));
    TN_TRY(parse_map(vocab, n_added, a, scratch, m, err));
    if (tn_json_get(v, "unk_token"))
        TN_TRY(tn_json_need_str(v, "unk_token", &unknown, err));
    if (tn_json_get(v, "continuing_subword_prefix"))
        TN_TRY(tn_json_need_str(v, "continuing_subword_prefix", &prefix, err));
    if (tn_json_get(v, "max_input_chars_per_word"))
        TN_TRY(tn_json_need_i64(v, "max_input_chars_per_word", 0, UINT32_MAX, &max, err));
    m->max_chars = (uint32_t)max;
    m->unknown = tn_trie_find(&m->trie, unknown);
    m->has_unknown = m->unknown != TN_TRIE_NONE;
    m->inside = tn_trie_walk(&m->trie, 0, prefix);
    if (m->has_unknown)
        return TN_OK;
    c = tn_json_get(v, "unk_token");
    return tn_fail(err, TN_EFORMAT, "%u:%u: the unknown token \"%.*s\" is not in the vocabulary",
                   tn_json_line(c ? c : v), tn_json_column(c ? c : v), TN_ARG(unknown));
}

/* A score as the package's JSON reader makes it: the digits as one integer, then one multiplication or division by a
 * power of ten. Two roundings instead of one, so the last bit can differ from the correct value, and with it, among
 * cuttings of equal score, which one wins. `text` is a JSON number. */
static bool read_score(tn_str text, double *out)
{
    uint64_t digits = 0;
    int64_t exponent = 0, written = 0;
    bool negative = text.len && text.ptr[0] == '-', fraction = false, full = false;
    size_t i = negative;
    for (; i < text.len && text.ptr[i] != 'e' && text.ptr[i] != 'E'; i++) {
        if (text.ptr[i] == '.') {
            fraction = true;
            continue;
        }
        uint64_t d = (uint64_t)(text.ptr[i] - '0');
        if (full || digits > (UINT64_MAX - d) / 10) {
            full = true; /* later digits do not count, before the point they still are places */
            exponent += !fraction;
            continue;
        }
        digits = digits * 10 + d;
        exponent -= fraction;
    }
    if (i < text.len) {
        size_t from = i + 1 + (text.ptr[i + 1] == '+');
        if (!tn_str_to_i64(tn_str_sub(text, from, text.len), &written) || written > 100000 || written < -100000)
            return false;
    }
    exponent += written;
    double v = (double)digits, power;
    for (; exponent < -308 && v != 0; exponent += 308)
        v /= 1e308;
    if (v != 0 && exponent > 308)
        return false;
    char name[16];
    static const double small[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    int64_t places = exponent < 0 ? -exponent : exponent;
    if (v == 0) {
        power = 1;
    } else if (places < (int64_t)TN_COUNT(small)) {
        power = small[places];
    } else {
        snprintf(name, sizeof name, "1e%d", (int)places);
        if (!tn_str_to_f64(tn_str_of(name), &power))
            return false;
    }
    v = exponent < 0 ? v / power : v * power;
    *out = negative ? -v : v;
    return v <= 1.7976931348623157e308;
}

static tn_status parse_pairs(const tn_json *vocab, tn_arena *a, tn_arena *scratch, tn_subword *m, tn_err *err)
{
    size_t n = tn_json_len(vocab), i = 0;
    if (n >= UINT32_MAX)
        return tn_fail(err, TN_ELIMIT, "a vocabulary of %zu tokens", n);
    m->token = TN_ARENA_ARRAY(a, tn_str, n ? n : 1);
    m->score = TN_ARENA_ARRAY(a, double, n ? n : 1);
    if (!m->token || !m->score)
        return tn_fail_nomem(err, n * sizeof *m->token);
    double least = 0;
    for (const tn_json *c = tn_json_first(vocab); c; c = tn_json_next(c), i++) {
        const tn_json *piece = tn_json_first(c), *score = tn_json_next(piece);
        if (tn_json_type(c) != TN_JSON_ARRAY || tn_json_type(piece) != TN_JSON_STRING || !score ||
            tn_json_type(score) != TN_JSON_NUMBER || !read_score(tn_json_text(score), &m->score[i]) ||
            tn_json_next(score))
            return tn_fail(err, TN_EFORMAT, "%u:%u: entry %zu of the vocabulary must be [\"piece\", score]",
                           tn_json_line(c), tn_json_column(c), i);
        least = i == 0 || m->score[i] < least ? m->score[i] : least;
    }
    m->n_tokens = m->n_known = (uint32_t)n;
    m->unknown_score = least - 10;
    TN_TRY(copy_texts(vocab, true, a, m->token, err));
    for (i = 0; i < n; i++)
        m->longest = m->token[i].len > m->longest ? (uint32_t)m->token[i].len : m->longest;
    return place(vocab, tn_trie_build(m->token, NULL, n, a, scratch, &m->trie, NULL, err), err);
}

static void find_bytes(tn_subword *m)
{
    for (unsigned b = 0; b < 256; b++) {
        char name[8];
        snprintf(name, sizeof name, "<0x%02X>", b);
        m->byte_id[b] = tn_trie_find(&m->trie, tn_str_of(name));
    }
}

static tn_status parse_unigram(const tn_json *v, tn_arena *a, tn_arena *scratch, tn_subword *m, tn_err *err)
{
    const tn_json *vocab, *unk = tn_json_get(v, "unk_id");
    m->kind = TN_MODEL_UNIGRAM;
    TN_TRY(tn_json_need(v, "vocab", TN_JSON_ARRAY, &vocab, err));
    TN_TRY(parse_pairs(vocab, a, scratch, m, err));
    TN_TRY(tn_component_bool(v, "byte_fallback", false, &m->byte_fallback, err));
    if (unk && tn_json_type(unk) != TN_JSON_NULL) {
        int64_t id;
        if (!tn_json_i64(unk, &id) || id < 0 || id >= m->n_tokens)
            return tn_fail(err, TN_EFORMAT, "%u:%u: unk_id %.*s is not in a vocabulary of %u pieces", tn_json_line(unk),
                           tn_json_column(unk), TN_ARG(tn_json_text(unk)), m->n_tokens);
        m->has_unknown = true;
        m->unknown = (uint32_t)id;
    }
    find_bytes(m);
    return TN_OK;
}

/* What would change a word and is not built: better refused than read otherwise. */
static tn_status refuse_affix(const tn_json *v, const char *key, tn_err *err)
{
    const tn_json *c = tn_json_get(v, key);
    if (!c || tn_json_type(c) == TN_JSON_NULL || tn_json_is_str(c, ""))
        return TN_OK;
    return tn_fail(err, TN_EFORMAT, "%u:%u: a BPE model with %s %.*s is not supported", tn_json_line(c),
                   tn_json_column(c), key, TN_ARG(tn_json_text(c)));
}

static tn_status parse_bpe(const tn_json *v, size_t n_added, tn_arena *a, tn_arena *scratch, tn_subword *m, tn_err *err)
{
    const tn_json *vocab, *merges, *unk = tn_json_get(v, "unk_token"), *dropout = tn_json_get(v, "dropout");
    double drop = 0;
    m->kind = TN_MODEL_BPE;
    TN_TRY(tn_json_need(v, "vocab", TN_JSON_OBJECT, &vocab, err));
    TN_TRY(tn_json_need(v, "merges", TN_JSON_ARRAY, &merges, err));
    TN_TRY(refuse_affix(v, "continuing_subword_prefix", err));
    TN_TRY(refuse_affix(v, "end_of_word_suffix", err));
    if (dropout && tn_json_type(dropout) != TN_JSON_NULL && (!tn_json_f64(dropout, &drop) || drop != 0))
        return tn_fail(err, TN_EFORMAT, "%u:%u: a BPE model with dropout %.*s is not supported: its ids are random",
                       tn_json_line(dropout), tn_json_column(dropout), TN_ARG(tn_json_text(dropout)));
    TN_TRY(tn_component_bool(v, "byte_fallback", false, &m->byte_fallback, err));
    TN_TRY(tn_component_bool(v, "fuse_unk", false, &m->fuse_unknown, err));
    TN_TRY(tn_component_bool(v, "ignore_merges", false, &m->ignore_merges, err));
    TN_TRY(parse_map(vocab, n_added, a, scratch, m, err));
    m->drop_unknown = !unk || tn_json_type(unk) == TN_JSON_NULL;
    if (!m->drop_unknown) {
        tn_str name;
        TN_TRY(tn_json_need_str(v, "unk_token", &name, err));
        m->unknown = tn_trie_find(&m->trie, name);
        m->has_unknown = m->unknown != TN_TRIE_NONE;
    }
    find_bytes(m);
    return tn_bpe_merges(merges, a, scratch, m, err);
}

tn_status tn_subword_parse(const tn_json *v, size_t n_added, tn_arena *a, tn_arena *scratch, tn_subword *out,
                           tn_err *err)
{
    const tn_json *type = tn_json_get(v, "type"), *vocab = tn_json_get(v, "vocab");
    *out = (tn_subword){0};
    if (tn_json_type(v) != TN_JSON_OBJECT)
        return tn_fail(err, TN_EFORMAT, "%u:%u: \"model\" must be an object", tn_json_line(v), tn_json_column(v));
    if (tn_json_is_str(type, "Unigram") || (!type && !tn_json_get(v, "merges") && tn_json_type(vocab) == TN_JSON_ARRAY))
        return parse_unigram(v, a, scratch, out, err);
    if (tn_json_is_str(type, "WordPiece") ||
        (!type && !tn_json_get(v, "merges") && tn_json_get(v, "continuing_subword_prefix")))
        return parse_wordpiece(v, n_added, a, scratch, out, err);
    if (tn_json_is_str(type, "BPE") || (!type && tn_json_get(v, "merges")))
        return parse_bpe(v, n_added, a, scratch, out, err);
    return tn_component_refuse(v, "a model", "WordPiece, Unigram and BPE are", err);
}

tn_status tn_subword_run(const tn_subword *m, const char *text, tn_span word, tn_subword_work *work, tn_pieces *out,
                         tn_arena *a, tn_err *err)
{
    return m->kind == TN_MODEL_BPE       ? tn_bpe_run(m, text, word, work, out, a, err)
           : m->kind == TN_MODEL_UNIGRAM ? tn_unigram_run(m, text, word, work, out, a, err)
                                         : tn_wordpiece_run(m, text, word, out, a, err);
}
