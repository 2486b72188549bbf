/* Greedy: the longest piece, then the longest continuation, and so on. The trie holds "##ing" as it is written; a
 * continuation is looked for from the node behind "##". A word that cannot be cut to its end is one unknown token. */
#include "text/subword.h"

static tn_status unknown(const tn_subword *m, tn_span word, tn_pieces *out, size_t n_before, tn_arena *a, tn_err *err)
{
    out->len = n_before;
    if (!tn_pieces_add(out, (tn_piece){m->unknown, word.from, word.to, TN_PIECE_UNNAMED}, a))
        return tn_fail_nomem(err, sizeof(tn_piece));
    return TN_OK;
}

tn_status tn_wordpiece_run(const tn_subword *m, const char *text, tn_span word, tn_pieces *out, tn_arena *a,
                           tn_err *err)
{
    size_t n_before = out->len;
    if (word.to - word.from > m->max_chars &&
        tn_utf8_count((tn_str){text + word.from, word.to - word.from}) > m->max_chars)
        return unknown(m, word, out, n_before, a, err);
    uint32_t node = 0;
    for (uint32_t at = word.from; at < word.to; node = m->inside) {
        uint32_t id = TN_TRIE_NONE, end = at;
        if (node == TN_TRIE_NONE)
            return unknown(m, word, out, n_before, a, err);
        for (uint32_t i = at; i < word.to; i++) {
            node = tn_trie_step(&m->trie, node, (unsigned char)text[i]);
            if (!node)
                break;
            if (m->trie.unit[node].value != TN_TRIE_NONE) {
                id = m->trie.unit[node].value;
                end = i + 1;
            }
        }
        if (id == TN_TRIE_NONE)
            return unknown(m, word, out, n_before, a, err);
        if (!tn_pieces_add(out, (tn_piece){id, at, end, TN_PIECE_KNOWN}, a))
            return tn_fail_nomem(err, sizeof(tn_piece));
        at = end;
    }
    return TN_OK;
}
