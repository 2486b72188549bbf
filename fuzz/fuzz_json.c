/* What is read, written and read again is the same tree; also for the builder's copy. */
#include "fuzz.h"

#include "codec/json.h"

TN_FUZZ(json, bytes)
{
    tn_err err = TN_ERR_INIT;
    tn_buf b = TN_BUF_INIT;
    tn_arena *a = tn_arena_new(0);
    const tn_json *v, *back;
    tn_status st = tn_json_parse(tn_str_from_bytes(bytes), a, &v, &err);
    TN_ASSERT(st == TN_OK || err.msg[0]);
    if (st == TN_OK) {
        tn_json_write(v, bytes.len & 1 ? 2 : 0, &b);
        TN_ASSERT(tn_json_parse(tn_buf_view(&b), a, &back, &err) == TN_OK && tn_json_equal(v, back));
        TN_ASSERT(tn_json_equal(v, tn_json_dup(a, v)));
    }
    tn_buf_free(&b);
    tn_arena_free(a);
    return st;
}
