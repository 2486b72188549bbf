/* Prints what our readers make of a file as canonical lines, for the differential tests of codec_parity.py.
 *   codec_dump json|yaml FILE         the tree as compact JSON
 *   codec_dump csv FILE               rows as JSON arrays, a line each
 *   codec_dump safetensors FILE       name, dtype, shape and sha256 of each tensor, by name
 *   codec_dump zip FILE               name, size and sha256 of each member
 *   codec_dump yaml-write FILE        a JSON file as YAML            json-write FILE: as indented JSON
 *   codec_dump csv-write FILE         a JSON array of rows as CSV
 *   codec_dump st-write FILE OUT      a safetensors file written anew
 * FILE "-": many texts from stdin, each behind its length as u32 (thousands of files would cost minutes). Each answer
 * is one line, "ok JSON-STRING" or "no STATUS SENTENCE". */
#include "base/file.h"
#include "base/sha256.h"
#include "codec/csv.h"
#include "codec/safetensors.h"
#include "codec/yaml.h"
#include "codec/zip.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static tn_status dump_json(tn_bytes f, tn_arena *a, tn_buf *b, tn_err *err)
{
    const tn_json *v;
    TN_TRY(tn_json_parse(tn_str_from_bytes(f), a, &v, err));
    tn_json_write(v, 0, b);
    return TN_OK;
}

static tn_status dump_yaml(tn_bytes f, tn_arena *a, tn_buf *b, tn_err *err)
{
    const tn_json *v;
    TN_TRY(tn_yaml_parse(tn_str_from_bytes(f), a, &v, err));
    tn_json_write(v, 0, b);
    return TN_OK;
}

static tn_status json_write(tn_bytes f, tn_arena *a, tn_buf *b, tn_err *err)
{
    const tn_json *v;
    TN_TRY(tn_json_parse(tn_str_from_bytes(f), a, &v, err));
    tn_json_write(v, 2, b);
    return TN_OK;
}

static tn_status yaml_write(tn_bytes f, tn_arena *a, tn_buf *b, tn_err *err)
{
    const tn_json *v;
    TN_TRY(tn_json_parse(tn_str_from_bytes(f), a, &v, err));
    tn_yaml_write(v, b);
    return TN_OK;
}

static tn_status dump_csv(tn_bytes f, tn_arena *a, tn_buf *b, tn_err *err)
{
    tn_csv_reader r;
    tn_csv_row row;
    bool more;
    tn_csv_init(&r, tn_str_from_bytes(f), &(tn_csv_options){0});
    for (;;) {
        TN_TRY(tn_csv_next(&r, a, &row, &more, err));
        if (!more)
            return TN_OK;
        tn_json_writer w;
        tn_jw_init(&w, b, 0);
        tn_jw_begin_array(&w);
        for (size_t i = 0; i < row.n; i++)
            tn_jw_str(&w, row.field[i]);
        tn_jw_end_array(&w);
        tn_buf_char(b, '\n');
    }
}

static tn_status csv_write(tn_bytes f, tn_arena *a, tn_buf *b, tn_err *err)
{
    const tn_json *v;
    tn_csv_writer w;
    TN_TRY(tn_json_parse(tn_str_from_bytes(f), a, &v, err));
    tn_csv_writer_init(&w, b, ',');
    for (const tn_json *row = tn_json_first(v); row; row = tn_json_next(row)) {
        for (const tn_json *c = tn_json_first(row); c; c = tn_json_next(c))
            tn_csv_put(&w, tn_json_str(c));
        tn_csv_end_row(&w);
    }
    return TN_OK;
}

static tn_status dump_safetensors(tn_bytes f, tn_arena *a, tn_buf *b, tn_err *err)
{
    tn_st st;
    TN_TRY(tn_st_parse(f, a, &st, err));
    for (size_t i = 0; i < st.n; i++) {
        const tn_st_entry *e = &st.entry[i];
        tn_buf_printf(b, "%.*s %s", TN_ARG(e->name), tn_st_dtype_name(e->dtype));
        for (uint32_t k = 0; k < e->rank; k++)
            tn_buf_printf(b, "%c%" PRIu64, k ? 'x' : ' ', e->shape[k]);
        tn_buf_printf(b, " %s\n", tn_sha256(e->data).hex);
    }
    return TN_OK;
}

static const char *out_path;

static tn_status st_write(tn_bytes f, tn_arena *a, tn_buf *b, tn_err *err)
{
    tn_st st;
    TN_TRY(tn_st_parse(f, a, &st, err));
    tn_st_item *item = TN_ARENA_ARRAY(a, tn_st_item, st.n);
    for (size_t i = 0; i < st.n; i++) {
        const tn_st_entry *e = &st.entry[i];
        item[i] = (tn_st_item){.name = e->name, .dtype = e->dtype, .rank = e->rank, .shape = e->shape, .data = e->data};
    }
    return tn_st_write(out_path, item, st.n, &(tn_st_meta){"format", "pt"}, 1, err);
}

static tn_status dump_zip(tn_bytes f, tn_arena *a, tn_buf *b, tn_err *err)
{
    tn_zip z;
    tn_bytes data;
    TN_TRY(tn_zip_parse(f, a, &z, err));
    for (size_t i = 0; i < z.n; i++) {
        TN_TRY(tn_zip_read(&z.entry[i], 1 << 28, a, &data, err));
        tn_buf_printf(b, "%.*s %zu %s\n", TN_ARG(z.entry[i].name), data.len, tn_sha256(data).hex);
    }
    return TN_OK;
}

static const struct {
    const char *name;
    tn_status (*run)(tn_bytes, tn_arena *, tn_buf *, tn_err *);
} command[] = {{"json", dump_json},
               {"yaml", dump_yaml},
               {"csv", dump_csv},
               {"zip", dump_zip},
               {"safetensors", dump_safetensors},
               {"json-write", json_write},
               {"yaml-write", yaml_write},
               {"csv-write", csv_write},
               {"st-write", st_write}};

static void answer(size_t which, tn_bytes text)
{
    tn_arena *a = tn_arena_new(0);
    tn_buf b = TN_BUF_INIT, line = TN_BUF_INIT;
    tn_err err = TN_ERR_INIT;
    tn_status st = command[which].run(text, a, &b, &err);
    if (st == TN_OK) {
        tn_json_write_str(tn_buf_view(&b), &line);
        printf("ok %s\n", tn_buf_view(&line).ptr);
    } else {
        printf("no %d %s\n", (int)st, err.msg);
    }
    tn_buf_free(&b);
    tn_buf_free(&line);
    tn_arena_free(a);
}

int main(int argc, char **argv)
{
    size_t which = 0;
    tn_arena *a = tn_arena_new(0);
    tn_bytes in;
    tn_err err;
    while (argc > 2 && which < TN_COUNT(command) && strcmp(command[which].name, argv[1]) != 0)
        which++;
    if (argc < 3 || which == TN_COUNT(command)) {
        fputs("usage: codec_dump COMMAND FILE|- [OUT]\n", stderr);
        return 2;
    }
    out_path = argc > 3 ? argv[3] : NULL;
    if (tn_file_read(argv[2], (size_t)1 << 30, a, &in, &err) != TN_OK) {
        fprintf(stderr, "%s\n", err.msg);
        return tn_exit_code(err.status);
    }
    if (strcmp(argv[2], "-") != 0)
        answer(which, in);
    for (size_t at = 0; strcmp(argv[2], "-") == 0 && in.len - at >= 4;) {
        uint32_t n;
        memcpy(&n, in.ptr + at, 4);
        if (n > in.len - at - 4)
            return 2;
        answer(which, (tn_bytes){in.ptr + at + 4, n});
        at += 4 + (size_t)n;
    }
    tn_arena_free(a);
    return 0;
}
