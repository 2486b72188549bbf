/* The tensors of an accepted file tile its data: every byte belongs to exactly one. */
#include "fuzz.h"

#include "codec/safetensors.h"

TN_FUZZ(safetensors, bytes)
{
    tn_err err = TN_ERR_INIT;
    tn_arena *a = tn_arena_new(0);
    tn_st file;
    tn_status st = tn_st_parse(bytes, a, &file, &err);
    TN_ASSERT(st == TN_OK || err.msg[0]);
    if (st == TN_OK) {
        size_t total = 0, header = 0;
        uint8_t sum = 0;
        for (int i = 7; i >= 0; i--)
            header = header << 8 | bytes.ptr[i];
        for (size_t i = 0; i < file.n; i++) {
            const tn_st_entry *e = &file.entry[i];
            TN_ASSERT(tn_st_find(&file, e->name) == e);
            TN_ASSERT(e->n_elements * tn_st_dtype_bits(e->dtype) == e->data.len * 8);
            total += e->data.len;
            for (size_t k = 0; k < e->data.len; k++)
                sum ^= e->data.ptr[k];
        }
        TN_ASSERT(total == bytes.len - 8 - header);
        __asm__ volatile("" ::"r"(sum)); /* every byte is read, and not optimised away */
    }
    tn_arena_free(a);
    return st;
}
