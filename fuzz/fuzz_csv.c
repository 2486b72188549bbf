/* The first byte chooses the delimiter. Rows that are read, written and read again are the same rows. */
#include "fuzz.h"

#include "codec/csv.h"

static tn_status read_all(tn_str text, char delimiter, tn_arena *a, tn_buf *out, tn_err *err)
{
    tn_csv_reader r;
    tn_csv_writer w;
    tn_csv_init(&r, text, &(tn_csv_options){.delimiter = delimiter, .max_field = 1000, .max_columns = 50});
    tn_csv_writer_init(&w, out, delimiter);
    for (;;) {
        tn_csv_row row;
        bool more;
        TN_TRY(tn_csv_next(&r, a, &row, &more, err));
        if (!more)
            return TN_OK;
        TN_ASSERT(row.n > 0 && row.n <= 50);
        for (size_t i = 0; i < row.n; i++)
            tn_csv_put(&w, row.field[i]);
        tn_csv_end_row(&w);
    }
}

TN_FUZZ(csv, bytes)
{
    tn_err err = TN_ERR_INIT;
    tn_buf b = TN_BUF_INIT, again = TN_BUF_INIT;
    tn_arena *a = tn_arena_new(0);
    static const char delimiter[] = {',', ';', '\t', '|'};
    char d = delimiter[bytes.len ? bytes.ptr[0] & 3 : 0];
    tn_str text = tn_str_sub(tn_str_from_bytes(bytes), 1, bytes.len);
    tn_csv_guess_delimiter(text);
    tn_status st = read_all(text, d, a, &b, &err);
    TN_ASSERT(st == TN_OK || err.msg[0]);
    if (st == TN_OK) {
        TN_ASSERT(read_all(tn_buf_view(&b), d, a, &again, &err) == TN_OK);
        TN_ASSERT(tn_str_eq(tn_buf_view(&b), tn_buf_view(&again)));
    }
    tn_buf_free(&b);
    tn_buf_free(&again);
    tn_arena_free(a);
    return st;
}
