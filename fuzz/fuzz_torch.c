/* Every element of every tensor can be read, and there are as many bytes as the shape says. */
#include "fuzz.h"

#include "codec/torch.h"

TN_FUZZ(torch, bytes)
{
    tn_err err = TN_ERR_INIT;
    tn_arena *a = tn_arena_new(0);
    tn_st file;
    tn_status st = tn_torch_parse(bytes, a, &file, &err);
    TN_ASSERT(st == TN_OK || err.msg[0]);
    uint8_t sum = 0;
    for (size_t i = 0; st == TN_OK && i < file.n; i++) {
        const tn_st_entry *e = &file.entry[i];
        TN_ASSERT(tn_st_find(&file, e->name) == e);
        TN_ASSERT(e->n_elements * tn_st_dtype_bits(e->dtype) == e->data.len * 8);
        for (size_t k = 0; k < e->data.len; k++)
            sum ^= e->data.ptr[k];
    }
    __asm__ volatile("" ::"r"(sum)); /* every byte is read, and not optimised away */
    tn_arena_free(a);
    return st;
}
