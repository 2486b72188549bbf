/* Every member of an accepted archive can be tried; what unpacks has its stated size. */
#include "fuzz.h"

#include "codec/zip.h"

TN_FUZZ(zip, bytes)
{
    tn_err err = TN_ERR_INIT;
    tn_arena *a = tn_arena_new(0);
    tn_zip z;
    tn_status st = tn_zip_parse(bytes, a, &z, &err);
    for (size_t i = 0; st == TN_OK && i < z.n; i++) {
        tn_bytes data;
        st = tn_zip_read(&z.entry[i], 1 << 20, a, &data, &err);
        TN_ASSERT(st != TN_OK || data.len == z.entry[i].size);
    }
    TN_ASSERT(st == TN_OK || err.msg[0]);
    tn_arena_free(a);
    return st;
}
