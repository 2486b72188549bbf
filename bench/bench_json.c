/* Milliseconds to parse and free JSON: the tokenizer.json of e5 from the Hub cache, and 10 MB of a made-up one with
 * 128,000 pieces and 280,000 merges, indented. Best of 15, cold arena each time. One JSON line each; `-o FILE` leaves
 * the made-up one for the peer (bench/json.sh). */
#include "base/clock.h"
#include "base/file.h"
#include "base/rng.h"
#include "hub/cache.h"

#include <stdio.h>
#include <string.h>

static void word(tn_buf *b, tn_rng *r)
{
    for (uint64_t n = 2 + tn_rng_below(r, 8); n; n--)
        tn_buf_char(b, (char)('a' + tn_rng_below(r, 26)));
}

static void make(tn_buf *b)
{
    tn_rng r = tn_rng_init(1, 0);
    tn_buf_c(b, "{\n  \"version\": \"1.0\",\n  \"model\": {\n    \"type\": \"BPE\",\n    \"vocab\": {\n");
    for (int i = 0; i < 128000; i++) {
        tn_buf_c(b, i % 2 ? "      \"\xC4\xA0" : "      \"");
        word(b, &r);
        tn_buf_printf(b, "%d\": %d%s\n", i, i, i < 127999 ? "," : "");
    }
    tn_buf_c(b, "    },\n    \"merges\": [\n");
    for (int i = 0; i < 280000; i++) {
        tn_buf_c(b, "      \"");
        word(b, &r);
        tn_buf_char(b, ' ');
        word(b, &r);
        tn_buf_c(b, i < 279999 ? "\",\n" : "\"\n");
    }
    tn_buf_c(b, "    ]\n  }\n}\n");
}

static size_t count(const tn_json *v)
{
    size_t n = 1;
    for (const tn_json *c = tn_json_first(v); c; c = tn_json_next(c))
        n += count(c);
    return n;
}

static tn_status measure(const char *name, tn_str text, tn_err *err)
{
    double best = 1e9;
    size_t n = 0, held = 0;
    for (int i = 0; i < 15; i++) {
        const tn_json *v;
        double start = tn_clock_seconds();
        tn_arena *a = tn_arena_new(0);
        tn_status st = a ? tn_json_parse(text, a, &v, err) : TN_ENOMEM;
        if (st == TN_OK && i == 0) {
            n = count(v);
            held = tn_arena_size(a);
        }
        tn_arena_free(a);
        if (st != TN_OK)
            return st;
        double s = tn_clock_seconds() - start;
        best = i && s < best ? s : best;
    }
    printf("{\"bench\":\"json\",\"file\":\"%s\",\"bytes\":%zu,\"values\":%zu,\"ms\":%.1f,\"mb_per_s\":%.0f,\"arena_"
           "mb\":%.1f}\n",
           name, text.len, n, best * 1e3, (double)text.len / best / 1e6, (double)held / 1e6);
    return TN_OK;
}

int main(int argc, char **argv)
{
    tn_err err = TN_ERR_INIT;
    tn_buf b = TN_BUF_INIT;
    tn_arena *a = tn_arena_new(0);
    tn_hub_model m;
    tn_file f;
    make(&b);
    tn_status st = measure("made up", tn_buf_view(&b), &err);
    if (st == TN_OK && argc == 3 && strcmp(argv[1], "-o") == 0)
        st = tn_file_write(argv[2], tn_str_bytes(tn_buf_view(&b)), &err);
    if (st == TN_OK && tn_hub_resolve(NULL, TN_STR("intfloat/multilingual-e5-small"), a, &m, &err) == TN_OK &&
        tn_file_open(tn_path_join(a, m.folder, "tokenizer.json"), &f, &err) == TN_OK) {
        st = measure("e5 tokenizer.json", tn_str_from_bytes(f.bytes), &err);
        tn_file_close(&f);
    }
    if (st != TN_OK)
        fprintf(stderr, "%s\n", err.msg);
    tn_arena_free(a);
    tn_buf_free(&b);
    return tn_exit_code(st);
}
