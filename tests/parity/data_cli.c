/* What tests/parity/data_parity.py drives: loads, prepares, and prints rows and pairs as one JSON object.
 *   data_cli [train=F] [validation=F] [test=F] [text=C] [label=C] [id=C] [seed=N] [PATH] */
#include "codec/json.h"
#include "data/pii.h"
#include "data/split.h"

#include <stdio.h>
#include <string.h>

static void print_all(const tn_dataset *d, const tn_duplicates *dup, tn_json_writer *w)
{
    tn_jw_begin_object(w);
    tn_jw_key(w, "rows");
    tn_jw_begin_array(w);
    for (size_t r = 0; r < d->n_rows; r++) {
        const tn_row *row = &d->row[r];
        tn_jw_begin_array(w);
        tn_jw_str(w, row->id);
        tn_jw_str(w, row->text);
        if (row->label < 0)
            tn_jw_null(w);
        else
            tn_jw_str(w, d->label[row->label]);
        tn_jw_c(w, tn_split_name(row->split));
        tn_jw_u64(w, row->line);
        tn_jw_u64(w, dup->group[r]);
        tn_jw_end_array(w);
    }
    tn_jw_end_array(w);
    tn_jw_key(w, "pairs");
    tn_jw_begin_array(w);
    for (size_t i = 0; i < dup->n_pairs; i++) {
        tn_jw_begin_array(w);
        tn_jw_u64(w, dup->pair[i].row);
        tn_jw_u64(w, dup->pair[i].other);
        tn_jw_f64(w, dup->pair[i].similarity);
        tn_jw_bool(w, dup->pair[i].removed);
        tn_jw_end_array(w);
    }
    tn_jw_end_array(w);
    tn_jw_key(w, "labels");
    tn_jw_begin_array(w);
    for (size_t i = 0; i < d->n_labels; i++)
        tn_jw_str(w, d->label[i]);
    tn_jw_end_array(w);
    tn_jw_end_object(w);
}

int main(int argc, char **argv)
{
    tn_data_source s = {0};
    tn_split_options o = {0};
    for (int i = 1; i < argc; i++) {
        const struct {
            const char *key;
            const char **value;
        } option[] = {{"train=", &s.train}, {"validation=", &s.validation}, {"test=", &s.test},
                      {"text=", &s.text},   {"label=", &s.label},           {"id=", &s.id}};
        bool known = false;
        for (size_t k = 0; k < TN_COUNT(option); k++)
            if (tn_str_starts(tn_str_of(argv[i]), option[k].key))
                *option[k].value = argv[i] + strlen(option[k].key), known = true;
        int64_t seed;
        if (!known && tn_str_starts(tn_str_of(argv[i]), "seed=") && tn_str_to_i64(tn_str_of(argv[i] + 5), &seed))
            o.seed = (uint64_t)seed;
        else if (!known)
            s.path = argv[i];
    }
    tn_err err = TN_ERR_INIT;
    tn_dataset d = {0};
    tn_duplicates dup;
    tn_buf out = TN_BUF_INIT;
    tn_status st = tn_dataset_load(&s, &d, NULL, &err);
    if (st == TN_OK)
        st = tn_data_prepare(&d, &o, &dup, NULL, &err);
    if (st == TN_OK) {
        tn_json_writer w;
        tn_jw_init(&w, &out, 0);
        print_all(&d, &dup, &w);
        st = tn_buf_status(&out, &err);
    }
    if (st == TN_OK)
        puts(out.ptr);
    else
        fprintf(stderr, "%s\n", err.msg);
    tn_buf_free(&out);
    tn_dataset_free(&d);
    return tn_exit_code(st);
}
