/* Every piece and tensor of an accepted image can be read. */
#include "fuzz.h"

#include "hub/e5image.h"

TN_FUZZ(e5image, bytes)
{
    tn_err err = TN_ERR_INIT;
    tn_arena *a = tn_arena_new(0);
    tn_e5_image m;
    tn_status st = tn_e5_parse(bytes, a, &m, &err);
    TN_ASSERT(st == TN_OK || err.msg[0]);
    if (st == TN_OK) {
        float out[100];
        for (uint32_t i = 0; i < m.n_pieces; i++) {
            tn_str piece = tn_e5_piece(&m, i);
            TN_ASSERT(tn_utf8_check(piece) == piece.len && tn_e5_score(&m, i) == tn_e5_score(&m, i));
        }
        for (size_t i = 0; i < m.n_tensors; i++)
            for (size_t at = 0; at < m.tensor[i].n_elements; at += 96)
                tn_e5_expand(&m.tensor[i], at, m.tensor[i].n_elements - at < 96 ? m.tensor[i].n_elements - at : 96,
                             out);
    }
    tn_arena_free(a);
    return st;
}
