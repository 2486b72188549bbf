/* What is read, written and read again is written the same; the front matter splitter loses no byte. */
#include "fuzz.h"

#include "codec/yaml.h"

TN_FUZZ(yaml, bytes)
{
    tn_err err = TN_ERR_INIT;
    tn_buf b = TN_BUF_INIT, again = TN_BUF_INIT;
    tn_arena *a = tn_arena_new(0);
    tn_front_matter f;
    const tn_json *v, *back;
    tn_str text = tn_str_from_bytes(bytes);
    if (tn_front_matter_split(text, &f, &err) == TN_OK && f.present)
        TN_ASSERT(f.yaml.len + f.body.len < text.len && f.body.ptr + f.body.len <= text.ptr + text.len + 1);
    tn_status st = tn_yaml_parse_with(text, &(tn_yaml_options){.max_nodes = 10000}, a, &v, &err);
    TN_ASSERT(st == TN_OK || err.msg[0]);
    if (st == TN_OK) {
        tn_yaml_write(v, &b);
        TN_ASSERT(tn_yaml_parse(tn_buf_view(&b), a, &back, &err) == TN_OK);
        tn_yaml_write(back, &again);
        TN_ASSERT(tn_str_eq(tn_buf_view(&b), tn_buf_view(&again)));
    }
    tn_buf_free(&b);
    tn_buf_free(&again);
    tn_arena_free(a);
    return st;
}
