/* A tokenizer.json and a text, cut at the first NUL after the JSON: whatever opens must encode any text without
 * breaking its promises. Input: JSON, NUL, text; without a NUL the text is the JSON itself. Seeds:
 * tests/data/tokens-*.json and the last column of tests/hostile/text/tokenizers.txt. */
#include <string.h>

#include "text/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const tn_tokenizer *t, const tn_encoding *x, size_t n_code_points)
{
    for (size_t i = 0; i < x->n; i++) {
        TN_ASSERT(x->ids[i] < tn_tokenizer_vocab_size(t));
        TN_ASSERT(x->start[i] <= x->end[i] && x->end[i] <= n_code_points);
        TN_ASSERT(tn_utf8_check(x->tokens[i]) == x->tokens[i].len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tn_err err = TN_ERR_INIT;
    tn_tokenizer *t;
    const uint8_t *nul = memchr(data, 0, size);
    tn_str json = {(const char *)data, nul ? (size_t)(nul - data) : size};
    tn_str text = nul ? (tn_str){(const char *)nul + 1, size - json.len - 1} : json;
    if (tn_tokenizer_parse(json, &t, &err) != TN_OK) {
        TN_ASSERT(err.msg[0] && tn_utf8_check(tn_str_of(err.msg)) == strlen(err.msg));
        return 0;
    }
    tn_arena *a = tn_arena_new(1024);
    tn_encoding x, cut;
    uint32_t *ids;
    size_t n;
    tn_str decoded;
    size_t n_code_points = 0;
    for (size_t at = 0; at < text.len; n_code_points++)
        tn_utf8_next(text, &at);
    if (tn_tokenizer_encode(t, text, &(tn_encode_options){.lossy = true}, a, &x, &err) == TN_OK) {
        check(t, &x, n_code_points);
        TN_ASSERT(tn_tokenizer_ids(t, text, &(tn_encode_options){.lossy = true}, a, &ids, &n, &err) == TN_OK);
        TN_ASSERT(n == x.n && !memcmp(ids, x.ids, n * sizeof *ids));
        TN_ASSERT(tn_tokenizer_decode(t, x.ids, x.n, size & 1, a, &decoded, &err) == TN_OK);
        TN_ASSERT(tn_utf8_check(decoded) == decoded.len);
        tn_encode_options o = {.lossy = true, .max_length = 6, .cut_left = size & 1, .only_first = size & 2};
        if (tn_tokenizer_encode_pair(t, text, text, &o, a, &cut, &err) == TN_OK)
            TN_ASSERT(cut.n <= 6);
    }
    tn_arena_free(a);
    tn_tokenizer_free(t);
    return 0;
}
