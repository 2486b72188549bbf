/* Promises of text/tokenizer.h: goldens by the tokenizers package (tests/data/tokens-*), lying files
 * (tests/hostile/text), limits, memory, threads. Thousands of strings: tests/parity/tokenizer_parity.py. */
#include <pthread.h>

#include "base/clock.h"
#include "base/file.h"
#include "codec/json.h"
#include "test.h"
#include "text/aligned.h"
#include "text/tokenizer.h"

static tn_tokenizer *open_data(const char *name)
{
    char path[128];
    tn_err err = TN_ERR_INIT;
    tn_tokenizer *t;
    snprintf(path, sizeof path, "tests/data/tokens-%s.json", name);
    ASSERT_OK(tn_tokenizer_open(path, &t, &err), &err);
    return t;
}

static void list_names(const tn_encoding *x, tn_buf *b)
{
    tn_json_writer w;
    tn_jw_init(&w, b, 0);
    tn_jw_begin_array(&w);
    for (size_t i = 0; i < x->n; i++)
        tn_jw_str(&w, x->tokens[i]);
    tn_jw_end_array(&w);
}

/* One case as the golden file has it: the text in JSON, then four lines. */
static void write_case(const tn_tokenizer *t, tn_str text, tn_arena *a, tn_buf *b)
{
    tn_err err = TN_ERR_INIT;
    tn_encoding x;
    tn_str decoded;
    uint32_t *ids;
    size_t n;
    ASSERT_OK(tn_tokenizer_encode(t, text, NULL, a, &x, &err), &err);
    ASSERT_OK(tn_tokenizer_ids(t, text, NULL, a, &ids, &n, &err), &err);
    assert_int_equal(n, x.n);
    assert_memory_equal(ids, x.ids, n * sizeof *ids);
    ASSERT_OK(tn_tokenizer_decode(t, x.ids, x.n, true, a, &decoded, &err), &err);
    tn_buf_char(b, '\n');
    tn_json_write_str(text, b);
    for (size_t i = 0; i < x.n; i++)
        tn_buf_printf(b, "%c%u", i ? ' ' : '\n', x.ids[i]);
    for (size_t i = 0; i < x.n; i++)
        tn_buf_printf(b, "%c%u-%u", i ? ' ' : '\n', x.start[i], x.end[i]);
    tn_buf_char(b, '\n');
    list_names(&x, b);
    tn_buf_char(b, '\n');
    tn_json_write_str(decoded, b);
    tn_buf_char(b, '\n');
}

static tn_str string_of(tn_str json, tn_arena *a)
{
    tn_err err = TN_ERR_INIT;
    const tn_json *v;
    ASSERT_OK(tn_json_parse(json, a, &v, &err), &err);
    return tn_json_str(v);
}

/* The names and the decoded text are compared as JSON values: how a writer escapes is not our subject. */
static void check_case(const char *name, tn_str want, tn_str got, tn_arena *a)
{
    tn_str w[5], g[5];
    for (int i = 0; i < 5; i++) {
        tn_str_cut(&want, '\n', &w[i]);
        tn_str_cut(&got, '\n', &g[i]);
        tn_err err = TN_ERR_INIT;
        const tn_json *x, *y;
        bool same = tn_str_eq(w[i], g[i]);
        if (!same && i >= 3) {
            ASSERT_OK(tn_json_parse(w[i], a, &x, &err), &err);
            ASSERT_OK(tn_json_parse(g[i], a, &y, &err), &err);
            same = tn_json_equal(x, y);
        }
        if (!same && i > 0)
            fail_msg("%s: %.*s\n  wanted %.*s\n  got    %.*s", name, TN_ARG(w[0]), TN_ARG(w[i]), TN_ARG(g[i]));
    }
}

static void run_goldens(const char *name)
{
    char path[128];
    tn_err err = TN_ERR_INIT;
    tn_file f;
    tn_tokenizer *t = open_data(name);
    tn_arena *a = tn_arena_new(0);
    tn_buf all = TN_BUF_INIT;
    snprintf(path, sizeof path, "tests/data/tokens-%s.txt", name);
    ASSERT_OK(tn_file_open(path, &f, &err), &err);
    tn_str rest = tn_str_from_bytes(f.bytes), line;
    tn_str_cut(&rest, '\n', &line);
    tn_buf_str(&all, line);
    tn_buf_char(&all, '\n');
    size_t n = 0;
    while (rest.len && tn_str_cut(&rest, '\n', &line)) { /* the empty line before a case */
        size_t end = tn_str_find(rest, TN_STR("\n\n"), 0), before = all.len;
        tn_str block = tn_str_sub(rest, 0, end == SIZE_MAX ? rest.len : end);
        rest = tn_str_sub(rest, end == SIZE_MAX ? rest.len : end + 1, rest.len);
        tn_str text = block, first;
        tn_str_cut(&text, '\n', &first);
        write_case(t, string_of(first, a), a, &all);
        if (!getenv("TN_BLESS"))
            check_case(name, block, tn_str_sub(tn_buf_view(&all), before + 1, all.len), a);
        n++;
    }
    if (getenv("TN_BLESS"))
        ASSERT_OK(tn_file_write(path, tn_str_bytes(tn_buf_view(&all)), &err), &err);
    assert_true(n >= 30);
    tn_file_close(&f);
    tn_buf_free(&all);
    tn_arena_free(a);
    tn_tokenizer_free(t);
}

static void goldens(void **state)
{
    (void)state;
    run_goldens("wordpiece");
    run_goldens("unigram");
    run_goldens("bytes");
    run_goldens("bpe");
}

static void lying_files_are_refused(void **state)
{
    (void)state;
    tn_err err = TN_ERR_INIT;
    tn_file f;
    ASSERT_OK(tn_file_open("tests/hostile/text/tokenizers.txt", &f, &err), &err);
    tn_str rest = tn_str_from_bytes(f.bytes), line[3];
    size_t n = 0;
    while (tn_str_cut(&rest, '\n', &line[0])) {
        if (!line[0].len || line[0].ptr[0] == '#')
            continue;
        tn_str_cut(&rest, '\n', &line[1]);
        tn_str_cut(&rest, '\n', &line[2]);
        tn_tokenizer *t;
        err.msg[0] = 0;
        tn_status st = tn_tokenizer_parse(line[2], &t, &err);
        bool wants_ok = tn_str_is(line[1], "ok");
        if ((st == TN_OK) != wants_ok || (st != TN_OK && st != TN_EFORMAT && st != TN_ENOENT) ||
            (st != TN_OK && tn_str_find(tn_str_of(err.msg), line[1], 0) == SIZE_MAX))
            fail_msg("%.*s: status %d, \"%s\"", TN_ARG(line[0]), (int)st, err.msg);
        assert_true((st == TN_OK) == (t != NULL));
        tn_tokenizer_free(t);
        n++;
    }
    assert_true(n > 35);
    tn_file_close(&f);
}

static void sequences_are_nested_to_a_bound(void **state)
{
    (void)state;
    tn_err err = TN_ERR_INIT;
    tn_tokenizer *t;
    tn_buf b = TN_BUF_INIT;
    tn_buf_c(&b, "{\"normalizer\":");
    for (int i = 0; i < 5000; i++)
        tn_buf_c(&b, "{\"type\":\"Sequence\",\"normalizers\":[");
    tn_buf_c(&b, "{\"type\":\"NFC\"}");
    for (int i = 0; i < 5000; i++)
        tn_buf_c(&b, "]}");
    tn_buf_c(&b, ",\"model\":{\"type\":\"Unigram\",\"vocab\":[]}}");
    ASSERT_FAILS(tn_tokenizer_parse(tn_buf_view(&b), &t, &err), TN_ELIMIT, &err);
    tn_buf_free(&b);
}

/* Tables of a charsmap are followed with every step checked; these lead out of it, or into the middle of a letter. */
static void charsmaps_that_lead_astray(void **state)
{
    (void)state;
    static const uint32_t unit[][4] = {{0x3FFFFC00, 0, 0, 0},
                                       {0x400, 0x61, 0, 0},
                                       {0x18400, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF},
                                       {0xFFFFFFFF, 1, 2, 3}};
    tn_err err = TN_ERR_INIT;
    tn_arena *a = tn_arena_new(0);
    for (size_t i = 0; i < TN_COUNT(unit); i++) {
        static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        uint8_t bytes[24] = {16};
        memcpy(bytes + 4, unit[i], 16);
        memcpy(bytes + 20, "\xC3\xA9", 3);
        tn_buf b = TN_BUF_INIT;
        tn_buf_c(&b, "{\"normalizer\":{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"");
        for (size_t k = 0; k < 24; k += 3) {
            uint32_t v = (uint32_t)bytes[k] << 16 | (uint32_t)bytes[k + 1] << 8 | bytes[k + 2];
            for (int s = 18; s >= 0; s -= 6)
                tn_buf_char(&b, digit[v >> s & 63]);
        }
        tn_buf_c(&b, "\"},\"model\":{\"type\":\"Unigram\",\"unk_id\":0,\"vocab\":[[\"u\",0]]}}");
        tn_tokenizer *t;
        tn_encoding x;
        ASSERT_OK(tn_tokenizer_parse(tn_buf_view(&b), &t, &err), &err);
        ASSERT_OK(tn_tokenizer_encode(t, TN_STR("abc é \x01\x7F ế e\u0301"), NULL, a, &x, &err), &err);
        tn_tokenizer_free(t);
        tn_buf_free(&b);
    }
    tn_arena_free(a);
}

static void text_must_be_utf8(void **state)
{
    (void)state;
    tn_err err = TN_ERR_INIT;
    tn_arena *a = tn_arena_new(0);
    tn_tokenizer *t = open_data("unigram");
    tn_encoding x;
    ASSERT_FAILS(tn_tokenizer_encode(t, TN_STR("the \xFFx"), NULL, a, &x, &err), TN_EFORMAT, &err);
    assert_non_null(strstr(err.msg, "0xff at 4"));
    ASSERT_OK(tn_tokenizer_encode(t, TN_STR("the \xFFx"), &(tn_encode_options){.lossy = true}, a, &x, &err), &err);
    assert_int_equal(x.end[x.n - 2], 6);
    assert_int_equal(x.n_unknown, 1);
    tn_arena_free(a);
    tn_tokenizer_free(t);
}

static void cutting(void **state)
{
    (void)state;
    static const struct {
        const char *first, *second;
        tn_encode_options options;
        const char *names; /* or NULL: refused */
        size_t n_cut;
    } row[] = {
        {"the cat the cat", NULL, {.max_length = 4}, "[CLS] the cat [SEP]", 2},
        {"the cat the cat", NULL, {.max_length = 4, .cut_left = true}, "[CLS] the cat [SEP]", 2},
        {"the thing cat", NULL, {.max_length = 4, .cut_left = true}, "[CLS] thing cat [SEP]", 1},
        {"the thing cat", NULL, {.max_length = 2, .plain = true}, "the thing", 1},
        {"the thing cat", NULL, {.max_length = 5}, "[CLS] the thing cat [SEP]", 0},
        {"the", NULL, {.max_length = 2}, "[CLS] [SEP]", 1},
        {"the", NULL, {.max_length = 1}, NULL, 0}, /* the package would not cut at all */
        {"the cat the cat", "thing a b", {.max_length = 7}, "[CLS] the cat [SEP] thing a [SEP]", 3},
        {"the cat the cat", "thing a b", {.max_length = 8}, "[CLS] the cat the [SEP] thing a [SEP]", 2},
        {"the cat the cat", "thing", {.max_length = 6}, "[CLS] the cat [SEP] thing [SEP]", 2},
        {"the cat the cat", "thing a b", {.max_length = 7, .only_first = true}, "[CLS] the [SEP] thing a b [SEP]", 3},
        {"the", "thing a b a b", {.max_length = 6, .only_first = true}, NULL, 0},
        {"the", "thing", {.plain = true}, "the thing", 0},
    };
    tn_err err = TN_ERR_INIT;
    tn_arena *a = tn_arena_new(0);
    tn_tokenizer *t = open_data("wordpiece");
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_encoding x;
        tn_str first = tn_str_of(row[i].first);
        tn_status st = row[i].second
                           ? tn_tokenizer_encode_pair(t, first, tn_str_of(row[i].second), &row[i].options, a, &x, &err)
                           : tn_tokenizer_encode(t, first, &row[i].options, a, &x, &err);
        if (!row[i].names) {
            assert_int_equal(st, TN_EINVALID);
            assert_int_equal(x.n, 0);
            continue;
        }
        tn_buf b = TN_BUF_INIT;
        for (size_t k = 0; k < x.n; k++)
            tn_buf_printf(&b, "%s%.*s", k ? " " : "", TN_ARG(x.tokens[k]));
        if (st != TN_OK || !tn_str_is(tn_buf_view(&b), row[i].names) || x.n_cut != row[i].n_cut)
            fail_msg("row %zu: %s (%zu cut): %s", i, b.ptr, x.n_cut, err.msg);
        tn_buf_free(&b);
    }
    tn_encoding x;
    ASSERT_OK(tn_tokenizer_encode_pair(t, TN_STR("the"), TN_STR("cat"), NULL, a, &x, &err), &err);
    assert_memory_equal(x.type_ids, ((uint8_t[]){0, 0, 0, 1, 1}), 5);
    assert_memory_equal(x.special, ((uint8_t[]){1, 0, 1, 0, 1}), 5);
    assert_int_equal(x.end[3], 3); /* in its own text */
    tn_arena_free(a);
    tn_tokenizer_free(t);
}

static void the_vocabulary_answers(void **state)
{
    (void)state;
    tn_tokenizer *t = open_data("wordpiece");
    uint32_t id;
    assert_true(tn_tokenizer_id_of(t, TN_STR("##able"), &id));
    ASSERT_STR(tn_tokenizer_token_of(t, id), "##able");
    assert_true(tn_tokenizer_id_of(t, TN_STR("Tag"), &id)); /* added, behind the model's */
    assert_int_equal(id + 1, tn_tokenizer_vocab_size(t));
    ASSERT_STR(tn_tokenizer_token_of(t, id), "tag"); /* shown normalised */
    assert_false(tn_tokenizer_is_special(t, id));
    assert_false(tn_tokenizer_id_of(t, TN_STR("nowhere"), &id));
    assert_int_equal(tn_tokenizer_token_of(t, 1u << 30).len, 0);
    assert_true(tn_tokenizer_is_special(t, 2));
    assert_true(tn_tokenizer_unknown_id(t, &id));
    assert_int_equal(id, 1);
    assert_int_equal(tn_tokenizer_n_special(t, false), 2);
    assert_int_equal(tn_tokenizer_n_special(t, true), 3);
    assert_string_equal(tn_tokenizer_model_name(t), "WordPiece");
    tn_tokenizer_free(t);
}

static void no_unknown_token_is_an_error_only_when_needed(void **state)
{
    (void)state;
    tn_err err = TN_ERR_INIT;
    tn_arena *a = tn_arena_new(0);
    tn_tokenizer *t;
    tn_encoding x;
    ASSERT_OK(
        tn_tokenizer_parse(TN_STR("{\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"a\",-1],[\"ab\",-1]]}}"), &t, &err),
        &err);
    ASSERT_OK(tn_tokenizer_encode(t, TN_STR("aaba"), NULL, a, &x, &err), &err); /* b alone is never needed */
    assert_int_equal(x.n, 3);
    ASSERT_FAILS(tn_tokenizer_encode(t, TN_STR("aể"), NULL, a, &x, &err), TN_EINVALID, &err);
    assert_non_null(strstr(err.msg, "U+1EC3"));
    tn_tokenizer_free(t);
    tn_arena_free(a);
}

/* What BPE makes of small words; the package answers the same. Names are joined by '|'. */
static void merges_go_by_rank(void **state)
{
    (void)state;
    static const struct {
        const char *model, *text, *names; /* NULL: refused */
    } row[] = {
        {"\"vocab\":{\"a\":0,\"b\":1,\"aa\":2},\"merges\":[\"a a\"]", "aaa", "aa|a"}, /* from the left */
        {"\"vocab\":{\"a\":0,\"b\":1,\"c\":2,\"ab\":3,\"bc\":4},\"merges\":[\"b c\",\"a b\"]", "abc", "a|bc"},
        {"\"vocab\":{\"a\":0,\"b\":1,\"c\":2,\"ab\":3,\"bc\":4},\"merges\":[\"b c\",\"a b\",\"b c\"]", "abc", "ab|c"},
        {"\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[[\"a\",\"b\"]]", "abxab", "ab|ab"}, /* x vanishes */
        {"\"vocab\":{\"a\":0,\"u\":1},\"merges\":[],\"unk_token\":\"u\"", "axya", "a|u|u|a"},
        {"\"vocab\":{\"a\":0,\"u\":1},\"merges\":[],\"unk_token\":\"u\",\"fuse_unk\":true", "axya", "a|u|a"},
        {"\"vocab\":{\"a\":0},\"merges\":[],\"unk_token\":\"u\"", "ax", NULL},
        {"\"vocab\":{\"a\":0,\"abc\":1},\"merges\":[]", "abc", "a"}, /* no merge leads there */
        {"\"vocab\":{\"a\":0,\"abc\":1},\"merges\":[],\"ignore_merges\":true", "abc", "abc"},
        {"\"vocab\":{\"a\":0,\"<0xC3>\":1,\"<0xA9>\":2},\"merges\":[],\"byte_fallback\":true", "aé", "a|<0xC3>|<0xA9>"},
    };
    tn_err err = TN_ERR_INIT;
    tn_arena *a = tn_arena_new(0);
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_tokenizer *t;
        tn_encoding x;
        tn_str json = tn_str_format(a, "{\"model\":{\"type\":\"BPE\",%s}}", row[i].model);
        ASSERT_OK(tn_tokenizer_parse(json, &t, &err), &err);
        assert_string_equal(tn_tokenizer_model_name(t), "BPE");
        tn_status st = tn_tokenizer_encode(t, tn_str_of(row[i].text), NULL, a, &x, &err);
        tn_buf b = TN_BUF_INIT;
        for (size_t k = 0; k < x.n; k++)
            tn_buf_printf(&b, "%s%.*s", k ? "|" : "", TN_ARG(x.tokens[k]));
        if (row[i].names ? st != TN_OK || !tn_str_is(tn_buf_view(&b), row[i].names) : st != TN_EINVALID)
            fail_msg("row %zu: status %d, %s: %s", i, (int)st, b.ptr ? b.ptr : "", err.msg);
        tn_buf_free(&b);
        tn_tokenizer_free(t);
    }
    tn_arena_free(a);
}

static void bytes_that_are_no_text_decode_to_replacements(void **state)
{
    (void)state;
    static const struct {
        const char *tokens, *text; /* tokens by their names, one byte each */
    } row[] = {
        {"Ã", "\uFFFD"},        {"ÃÃ©", "\uFFFDé"},     {"áº", "\uFFFD"},
        {"áºA", "\uFFFDA"},     {"©©", "\uFFFD\uFFFD"}, {"íłĢ", "\uFFFD\uFFFD\uFFFD"},
        {"àĢ", "\uFFFD\uFFFD"}, {"ðŁĳ", "\uFFFD"},      {"ôı", "\uFFFD"},
        {"ôĲ", "\uFFFD\uFFFD"}, {"õ", "\uFFFD"},        {"ðŁĳį", "👍"},
    };
    tn_err err = TN_ERR_INIT;
    tn_arena *a = tn_arena_new(0);
    tn_tokenizer *t = open_data("bpe");
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        uint32_t ids[16];
        size_t n = 0;
        tn_str s = tn_str_of(row[i].tokens), out;
        for (size_t at = 0, from = 0; at < s.len; from = at) {
            tn_utf8_next(s, &at);
            assert_true(tn_tokenizer_id_of(t, tn_str_sub(s, from, at), &ids[n++]));
        }
        ASSERT_OK(tn_tokenizer_decode(t, ids, n, false, a, &out, &err), &err);
        if (!tn_str_is(out, row[i].text))
            fail_msg("row %zu: %.*s", i, TN_ARG(out));
    }
    tn_tokenizer_free(t);
    tn_arena_free(a);
}

/* A call leaves its result in the arena and nothing else; an arena that has grown once is not grown again. */
static void the_arena_holds_the_result_alone(void **state)
{
    (void)state;
    tn_err err = TN_ERR_INIT;
    tn_arena *a = tn_arena_new(0);
    tn_tokenizer *t = open_data("unigram");
    tn_str text = TN_STR("Đà Nẵng đẹp <mask> zzqq the cat … ﬁ 👍");
    uint64_t n_before = 0;
    for (int i = 0; i < 300; i++) {
        tn_encoding x;
        tn_arena_mark mark = tn_arena_save(a);
        ASSERT_OK(tn_tokenizer_encode(t, text, NULL, a, &x, &err), &err);
        assert_true((char *)x.tokens > (char *)x.ids && (char *)x.tokens - (char *)x.ids < 2048);
        for (size_t k = 0; k < x.n; k++)
            assert_true(tn_utf8_check(x.tokens[k]) == x.tokens[k].len);
        if (i == 2)
            n_before = tn_mem_count();
        tn_arena_restore(a, mark);
    }
    assert_int_equal(tn_mem_count(), n_before);
    tn_arena_free(a);
    tn_tokenizer_free(t);
}

static void memory_may_fail_anywhere(void **state)
{
    (void)state;
    static const char *const names[] = {"wordpiece", "unigram", "bytes", "bpe"};
    for (size_t k = 0; k < TN_COUNT(names); k++) {
        char path[64];
        tn_err err = TN_ERR_INIT;
        tn_file f;
        tn_tokenizer *t = NULL;
        tn_status st;
        snprintf(path, sizeof path, "tests/data/tokens-%s.json", names[k]);
        ASSERT_OK(tn_file_open(path, &f, &err), &err);
        FOR_EACH_FAILED_ALLOCATION(st, st = tn_tokenizer_parse(tn_str_from_bytes(f.bytes), &t, &err));
        FOR_EACH_FAILED_ALLOCATION(st, {
            tn_arena *a = tn_arena_new(64);
            tn_encoding x;
            tn_str text = TN_STR("Đà Nẵng e\u0323\u0302 <mask> zz \u4E2D the a\u0300\u0316b qqq\U0010FFFDqq Tag");
            st = a ? tn_tokenizer_encode_pair(t, text, text, NULL, a, &x, &err) : TN_ENOMEM;
            tn_str decoded;
            if (st == TN_OK)
                st = tn_tokenizer_decode(t, x.ids, x.n, false, a, &decoded, &err);
            if (a)
                tn_arena_free(a);
        });
        tn_tokenizer_free(t);
        tn_file_close(&f);
    }
}

/* 128 KiB of one character, of marks, of one cluster: the work is linear. */
static void long_words_are_linear(void **state)
{
    (void)state;
    static const char *const unit[] = {"a",  "the", "\u0301", "\u0301\u0323", "\u1100", "👍\u200D",
                                       "zz", "中",  " ",      "<mask>",       "क्"};
    static const char *const names[] = {"wordpiece", "unigram", "bytes", "bpe"};
    enum { BYTES = 128 << 10 };
    tn_err err = TN_ERR_INIT;
    char *text = malloc(BYTES + 16);
    double start = tn_clock_seconds();
    for (size_t k = 0; k < TN_COUNT(names); k++) {
        tn_tokenizer *t = open_data(names[k]);
        for (size_t u = 0; u < TN_COUNT(unit); u++) {
            tn_arena *a = tn_arena_new(0);
            size_t len = 0, n;
            uint32_t *ids;
            for (size_t m = strlen(unit[u]); len < BYTES; len += m)
                memcpy(text + len, unit[u], m);
            ASSERT_OK(tn_tokenizer_ids(t, (tn_str){text, len}, NULL, a, &ids, &n, &err), &err);
            tn_arena_free(a);
        }
        tn_tokenizer_free(t);
    }
    free(text);
    assert_true(tn_clock_seconds() - start < 30); /* quadratic work would take hours */
}

typedef struct {
    const tn_tokenizer *t;
    uint32_t sum;
} shared;

static void *encode_many(void *arg)
{
    shared *s = arg;
    tn_err err = TN_ERR_INIT;
    tn_arena *a = tn_arena_new(0);
    for (int i = 0; i < 200; i++) {
        tn_encoding x;
        if (tn_tokenizer_encode(s->t, TN_STR("Đà Nẵng đẹp the <mask> cat ﬁ"), NULL, a, &x, &err) == TN_OK)
            for (size_t k = 0; k < x.n; k++)
                s->sum = s->sum * 31 + x.ids[k] + x.start[k];
        tn_arena_reset(a);
    }
    tn_arena_free(a);
    return NULL;
}

static void threads_share_a_tokenizer(void **state)
{
    (void)state;
    tn_tokenizer *t = open_data("unigram");
    shared s[4];
    pthread_t thread[4];
    for (int i = 0; i < 4; i++) {
        s[i] = (shared){t, 0};
        assert_int_equal(pthread_create(&thread[i], NULL, encode_many, &s[i]), 0);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    for (int i = 1; i < 4; i++)
        assert_int_equal(s[i].sum, s[0].sum);
    tn_tokenizer_free(t);
}

static void normalisation_alone(void **state)
{
    (void)state;
    tn_err err = TN_ERR_INIT;
    tn_arena *a = tn_arena_new(0);
    tn_tokenizer *t = open_data("wordpiece");
    tn_str out;
    ASSERT_OK(tn_tokenizer_normalize(t, TN_STR("Đà  NẴNG"), a, &out, &err), &err);
    ASSERT_STR(out, "đa  nang");
    tn_tokenizer_free(t);
    tn_arena_free(a);
}

/* Words are tokenised as texts of their own, and each token knows its word. */
static void words_are_kept_apart(void **state)
{
    static const char *const names[] = {"wordpiece", "unigram", "bytes", "bpe"};
    const tn_str word[] = {TN_STR("chào"), TN_STR(""), TN_STR("bạn"), TN_STR("Đà"), TN_STR("[SEP]"), TN_STR("rất đẹp")};
    tn_err err = TN_ERR_INIT;
    tn_status st;
    for (size_t k = 0; k < TN_COUNT(names); k++) {
        tn_arena *a = tn_arena_new(0);
        tn_tokenizer *t = open_data(names[k]);
        tn_encoding x, one;
        size_t at = 0;
        ASSERT_OK(tn_tokenizer_encode_words(t, word, TN_COUNT(word), &(tn_encode_options){.plain = true}, a, &x, &err),
                  &err);
        /* The last one is byte-level and puts no space before a text, but before words. */
        for (size_t i = 0; i < TN_COUNT(word) && k < 3; i++) {
            ASSERT_OK(tn_tokenizer_encode(t, word[i], &(tn_encode_options){.plain = true}, a, &one, &err), &err);
            for (size_t j = 0; j < one.n; j++, at++)
                assert_true(at < x.n && x.word[at] == i && x.ids[at] == one.ids[j]);
        }
        assert_true(at == x.n || k == 3);
        ASSERT_OK(tn_tokenizer_encode_words(t, word, TN_COUNT(word), &(tn_encode_options){.max_length = 4}, a, &one, &err),
                  &err);
        assert_int_equal(one.n, 4);
        assert_int_equal(one.n_cut + 4 - tn_tokenizer_n_special(t, false), x.n);
        assert_int_equal(one.word[0], TN_NO_WORD);
        FOR_EACH_FAILED_ALLOCATION(st, {
            tn_arena *b = tn_arena_new(0);
            st = b ? tn_tokenizer_encode_words(t, word, TN_COUNT(word), NULL, b, &x, &err) : TN_ENOMEM;
            tn_arena_free(b);
        });
        const tn_str bad[] = {TN_STR("a"), TN_STR("\xff")};
        ASSERT_FAILS(tn_tokenizer_encode_words(t, bad, 2, NULL, a, &x, &err), TN_EFORMAT, &err);
        tn_tokenizer_free(t);
        tn_arena_free(a);
    }
}

static void windows_overlap_and_are_whole_pairs(void **state)
{
    (void)state;
    static const struct {
        const char *first, *second; /* a word is a token here */
        uint32_t max_length, stride;
        size_t n, count[4], from[4], n_first;
    } rows[] = {
        {"ban", "chao ban chao ban chao ban", 20, 2, 1, {6}, {0}, 1},
        {"ban", "chao ban chao ban chao ban", 10, 2, 1, {6}, {0}, 1}, /* three special tokens */
        {"ban", "chao ban chao ban chao ban", 9, 2, 2, {5, 3}, {0, 3}, 1},
        {"ban", "chao ban chao ban chao ban", 7, 1, 3, {3, 3, 2}, {0, 2, 4}, 1},
        {"ban", "chao ban chao ban chao ban", 7, 0, 2, {3, 3}, {0, 3}, 1},
        {"ban", "chao ban chao ban chao ban", 7, 2, 4, {3, 3, 3, 3}, {0, 1, 2, 3}, 1},
        {"ban", "", 7, 2, 1, {0}, {0}, 1},
        {"", "chao ban chao ban chao", 7, 1, 2, {4, 2}, {0, 3}, 0},
        /* what leaves no more than the stride: cut to half of the room of eight, then the stride fits */
        {"ban ban ban ban ban", "chao ban chao ban chao", 11, 3, 2, {4, 4}, {0, 1}, 4},
        /* room of four: two stay, and the stride becomes one */
        {"ban ban ban ban ban ban", "chao ban chao", 7, 2, 2, {2, 2}, {0, 1}, 2},
    };
    tn_tokenizer *t = open_data("wordpiece");
    tn_arena *a = tn_arena_new(0);
    tn_err err = TN_ERR_INIT;
    for (size_t i = 0; i < TN_COUNT(rows); i++) {
        tn_windows w;
        tn_encoding x, y;
        tn_str first = tn_str_of(rows[i].first), second = tn_str_of(rows[i].second);
        tn_encode_options plain = {.plain = true};
        ASSERT_OK(tn_tokenizer_encode(t, first, &plain, a, &x, &err), &err);
        ASSERT_OK(tn_tokenizer_encode(t, second, &plain, a, &y, &err), &err);
        ASSERT_OK(tn_tokenizer_encode_windows(
                      t, first, second, &(tn_window_options){.max_length = rows[i].max_length, .stride = rows[i].stride}, a,
                      &w, &err),
                  &err);
        if (w.n != rows[i].n || w.n_second != y.n || w.n_cut != x.n - rows[i].n_first)
            fail_msg("row %zu: %zu windows, %zu tokens, %zu cut", i, w.n, w.n_second, w.n_cut);
        for (size_t k = 0; k < y.n; k++)
            assert_true(w.start[k] == y.start[k] && w.end[k] == y.end[k] && w.word[k] == w.word[0] + k);
        for (size_t k = 0; k < w.n; k++) {
            if (w.count[k] != rows[i].count[k] || w.from[k] != rows[i].from[k])
                fail_msg("row %zu, window %zu: %zu from %zu", i, k, w.count[k], w.from[k]);
            const uint32_t *ids = w.ids + w.at[k];
            assert_int_equal(w.at[k + 1] - w.at[k], 3 + rows[i].n_first + w.count[k]);
            assert_int_equal(w.first[k], 2 + rows[i].n_first);
            assert_memory_equal(ids + 1, x.ids, rows[i].n_first * sizeof *ids);
            assert_memory_equal(ids + w.first[k], y.ids + w.from[k], w.count[k] * sizeof *ids);
            assert_int_equal(w.type_ids[w.at[k]], 0);
            assert_int_equal(w.type_ids[w.at[k + 1] - 1], 1);
        }
    }
    /* A window a token: what is many times the text is refused before it is made; a stride that is none of those is not. */
    tn_buf passage = TN_BUF_INIT;
    for (int i = 0; i < 100000; i++)
        tn_buf_c(&passage, "ban ");
    tn_windows w;
    ASSERT_OK(tn_tokenizer_encode_windows(t, TN_STR("ban"), tn_buf_view(&passage), &(tn_window_options){.max_length = 384, .stride = 128}, a, &w, &err), &err);
    ASSERT_FAILS(tn_tokenizer_encode_windows(t, TN_STR("ban"), tn_buf_view(&passage), &(tn_window_options){.max_length = 384, .stride = 379}, a, &w, &err), TN_ELIMIT, &err);
    ASSERT_OK(tn_tokenizer_encode_windows(t, TN_STR("ban"), tn_buf_view(&passage), &(tn_window_options){.max_length = 384, .stride = UINT32_MAX}, a, &w, &err), &err);
    tn_buf_free(&passage);
    ASSERT_FAILS(tn_tokenizer_encode_windows(t, TN_STR("a"), TN_STR("b"), &(tn_window_options){.max_length = 4}, a, &w, &err),
                 TN_EINVALID, &err);
    ASSERT_FAILS(tn_tokenizer_encode_windows(t, TN_STR("a"), TN_STR("\xff"), &(tn_window_options){.max_length = 9}, a, &w,
                                             &err),
                 TN_EFORMAT, &err);
    assert_null(w.ids);
    tn_tokenizer_free(t);
    tn_arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goldens),
        cmocka_unit_test(lying_files_are_refused),
        cmocka_unit_test(sequences_are_nested_to_a_bound),
        cmocka_unit_test(charsmaps_that_lead_astray),
        cmocka_unit_test(text_must_be_utf8),
        cmocka_unit_test(cutting),
        cmocka_unit_test(the_vocabulary_answers),
        cmocka_unit_test(no_unknown_token_is_an_error_only_when_needed),
        cmocka_unit_test(merges_go_by_rank),
        cmocka_unit_test(bytes_that_are_no_text_decode_to_replacements),
        cmocka_unit_test(the_arena_holds_the_result_alone),
        cmocka_unit_test(memory_may_fail_anywhere),
        cmocka_unit_test(long_words_are_linear),
        cmocka_unit_test(threads_share_a_tokenizer),
        cmocka_unit_test(normalisation_alone),
        cmocka_unit_test(words_are_kept_apart),
        cmocka_unit_test(windows_overlap_and_are_whole_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
