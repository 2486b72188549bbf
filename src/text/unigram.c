/* Viterbi from left to right, over the boundaries of code points. best[i] is the last piece of the best way to reach
 * offset i of the word; scores of offsets that can still be reached wait in a ring as long as the longest piece.
 *
 * Whenever no piece reaches over the current offset, every way leads through it, so what lies behind is final and is
 * written out: the table stays short however long the word is, unless its pieces overlap all the way.
 *
 * Order is that of the package: starts ascending, then lengths ascending, and only a strictly better score replaces.
 * Scores are summed in f64 from the beginning of the word. */
#include "text/subword.h"

#include <string.h>

#define UNREACHED UINT32_MAX
#define UNKNOWN_CHAR (UINT32_MAX - 1)

/* One word on its way. Offsets are bytes of the text; best[i - origin]. */
typedef struct {
    const tn_subword *m;
    const char *text;
    tn_subword_work *work;
    size_t mask;      /* of the ring */
    size_t origin;    /* what lies before is written out */
    size_t farthest;  /* where the farthest piece so far ends; best[] is initialised up to here */
    tn_span unknowns; /* a run of unknown characters that may still grow; empty = none */
    tn_pieces *out;
    tn_arena *a;
    tn_err *err;
} lattice;

/* Room in best[] up to this offset, nothing reached there yet. */
static tn_status clear_to(lattice *l, size_t to)
{
    tn_subword_work *w = l->work;
    size_t need = to - l->origin + 1;
    if (need > w->cap) {
        size_t cap = w->cap ? w->cap : 256;
        while (cap < need)
            cap *= 2;
        uint32_t *best = TN_ARENA_ARRAY(l->a, uint32_t, cap);
        if (!best)
            return tn_fail_nomem(l->err, cap * sizeof *best);
        if (w->cap)
            memcpy(best, w->best, w->cap * sizeof *best);
        w->best = best;
        w->cap = cap;
    }
    while (l->farthest < to)
        w->best[++l->farthest - l->origin] = UNREACHED;
    return TN_OK;
}

static tn_status emit(lattice *l, uint32_t id, size_t from, size_t to, tn_piece_kind kind)
{
    return tn_pieces_add(l->out, (tn_piece){id, (uint32_t)from, (uint32_t)to, kind}, l->a)
               ? TN_OK
               : tn_fail_nomem(l->err, sizeof(tn_piece));
}

/* Unknown characters in a row are one token, unless together they are in the vocabulary or can be written in bytes. */
static tn_status flush_unknowns(lattice *l)
{
    tn_span s = l->unknowns;
    l->unknowns = (tn_span){0, 0};
    if (s.from == s.to)
        return TN_OK;
    uint32_t id = s.to - s.from <= l->m->longest ? tn_trie_find(&l->m->trie, (tn_str){l->text + s.from, s.to - s.from})
                                                 : TN_TRIE_NONE;
    if (id != TN_TRIE_NONE)
        return emit(l, id, s.from, s.to, TN_PIECE_KNOWN);
    bool all = l->m->byte_fallback;
    for (uint32_t i = s.from; i < s.to && all; i++)
        all = l->m->byte_id[(unsigned char)l->text[i]] != TN_TRIE_NONE;
    if (!all)
        return emit(l, l->m->unknown, s.from, s.to, TN_PIECE_VERBATIM);
    for (uint32_t i = s.from; i < s.to; i++)
        TN_TRY(emit(l, l->m->byte_id[(unsigned char)l->text[i]], s.from, s.to, TN_PIECE_KNOWN));
    return TN_OK;
}

/* Writes out the best way from l->origin to `end`. The way is found from its end; its pieces are kept in the far end of
 * best[] itself: k pieces cover at least k bytes, so what is overwritten was read before. */
static tn_status flush(lattice *l, size_t end)
{
    uint32_t *best = l->work->best;
    size_t last = end - l->origin, n = 0;
    for (size_t i = last; i > 0; n++) {
        uint32_t id = best[i];
        unsigned k = 0;
        if (id == UNKNOWN_CHAR)
            tn_uc_before(l->text, l->origin + i, &k);
        best[last - n] = id;
        i -= id == UNKNOWN_CHAR ? k : l->m->token[id].len;
    }
    for (size_t from = l->origin; n-- > 0;) {
        uint32_t id = best[last - n];
        size_t to = from + (id == UNKNOWN_CHAR ? tn_uc_len(l->text[from]) : l->m->token[id].len);
        if (id == UNKNOWN_CHAR || (l->m->has_unknown && id == l->m->unknown)) {
            if (l->unknowns.from == l->unknowns.to)
                l->unknowns.from = (uint32_t)from;
            l->unknowns.to = (uint32_t)to;
        } else {
            TN_TRY(flush_unknowns(l));
            TN_TRY(emit(l, id, from, to, TN_PIECE_KNOWN));
        }
        from = to;
    }
    l->origin = end; /* which is l->farthest: nothing behind it is initialised */
    return TN_OK;
}

static inline tn_status offer(lattice *l, size_t end, uint32_t id, double score)
{
    if (end > l->farthest)
        TN_TRY(clear_to(l, end));
    uint32_t *best = &l->work->best[end - l->origin];
    double *so_far = &l->work->ring[end & l->mask];
    if (*best != UNREACHED && !(score > *so_far))
        return TN_OK;
    if (id == UNKNOWN_CHAR && !l->m->has_unknown)
        return tn_subword_no_unknown(l->text, end, l->err);
    *best = id;
    *so_far = score;
    return TN_OK;
}

tn_status tn_unigram_run(const tn_subword *m, const char *text, tn_span word, tn_subword_work *work, tn_pieces *out,
                         tn_arena *a, tn_err *err)
{
    lattice l = {.m = m,
                 .text = text,
                 .work = work,
                 .origin = word.from,
                 .farthest = word.from,
                 .out = out,
                 .a = a,
                 .err = err,
                 .mask = 7};
    while (l.mask <= m->longest)
        l.mask = l.mask * 2 + 1;
    if (!work->ring && !(work->ring = TN_ARENA_ARRAY(a, double, l.mask + 1)))
        return tn_fail_nomem(err, l.mask * sizeof *work->ring);
    double here = 0;
    for (size_t at = word.from; at < word.to;) {
        unsigned n_char = tn_uc_len(text[at]);
        bool has_char = false;
        uint32_t node = 0;
        for (size_t i = at; i < word.to;) {
            node = tn_trie_step(&m->trie, node, (unsigned char)text[i++]);
            if (!node)
                break;
            uint32_t id = m->trie.unit[node].value;
            if (id == TN_TRIE_NONE)
                continue;
            TN_TRY(offer(&l, i, id, m->score[id] + here));
            has_char |= i - at == n_char;
        }
        if (!has_char)
            TN_TRY(offer(&l, at + n_char, UNKNOWN_CHAR, m->unknown_score + here));
        at += n_char;
        here = work->ring[at & l.mask];
        if (l.farthest == at)
            TN_TRY(flush(&l, at));
    }
    return flush_unknowns(&l);
}
