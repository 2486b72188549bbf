/* Merging by rank, as the package does it to the letter: a heap of possible merges (rank, place), symbols in a linked
 * list, and an entry that has gone stale is dropped when its turn comes. Stale means that the pair now at its place
 * does not make the token the entry was for; the package asks no more than that, so neither do we.
 *
 * A heap entry is rank << 32 | place: one comparison orders by rank and then from the left. Every merge removes a
 * symbol and adds two entries at most, so 2 n entries are room enough for n symbols, and a word costs O(n log n).
 *
 * Pairs are looked up in rows, one for each left token, sorted by the right one: no hash that a file could be built
 * against, and a row is short but for the commonest letters. */
#include "text/subword.h"

#include <inttypes.h>
#include <string.h>

typedef struct {
    uint32_t left, right, rank;
} pair;

/* ---- reading the merges ---- */

/* "a b" or ["a", "b"] */
static bool halves(const tn_json *c, tn_str half[2])
{
    if (tn_json_type(c) == TN_JSON_STRING) {
        tn_str rest = tn_json_str(c);
        size_t space = tn_str_find(rest, TN_STR(" "), 0);
        if (space == SIZE_MAX)
            return false;
        half[0] = tn_str_sub(rest, 0, space);
        half[1] = tn_str_sub(rest, space + 1, rest.len);
        return !memchr(half[1].ptr, ' ', half[1].len);
    }
    const tn_json *first = tn_json_first(c), *second = first ? tn_json_next(first) : NULL;
    if (tn_json_type(c) != TN_JSON_ARRAY || tn_json_len(c) != 2 || tn_json_type(first) != TN_JSON_STRING ||
        tn_json_type(second) != TN_JSON_STRING)
        return false;
    half[0] = tn_json_str(first);
    half[1] = tn_json_str(second);
    return true;
}

static tn_status absent(const tn_json *c, tn_str token, tn_err *err)
{
    return tn_fail(err, TN_EFORMAT, "%u:%u: merges: \"%.*s\" is not in the vocabulary", tn_json_line(c),
                   tn_json_column(c), TN_ARG(token));
}

/* The token of both halves together, found without laying them end to end. */
static uint32_t together(const tn_trie *t, const tn_str half[2])
{
    uint32_t node = tn_trie_walk(t, 0, half[0]);
    node = node == TN_TRIE_NONE ? node : tn_trie_walk(t, node, half[1]);
    return node == TN_TRIE_NONE ? node : t->unit[node].value;
}

static tn_status read_pairs(const tn_json *list, tn_subword *m, pair *out, size_t *n, tn_err *err)
{
    for (const tn_json *c = tn_json_first(list); c; c = tn_json_next(c)) {
        tn_str half[2];
        if (tn_json_type(c) == TN_JSON_STRING && tn_str_starts(tn_json_str(c), "#version"))
            continue;
        if (!halves(c, half))
            return tn_fail(err, TN_EFORMAT, "%u:%u: a merge must be \"a b\" or [\"a\", \"b\"]", tn_json_line(c),
                           tn_json_column(c));
        pair p = {tn_trie_find(&m->trie, half[0]), tn_trie_find(&m->trie, half[1]), (uint32_t)*n};
        uint32_t made = together(&m->trie, half);
        if (p.left == TN_TRIE_NONE || p.right == TN_TRIE_NONE)
            return absent(c, half[p.left != TN_TRIE_NONE], err);
        if (made == TN_TRIE_NONE)
            return tn_fail(err, TN_EFORMAT, "%u:%u: merges: \"%.*s%.*s\" is not in the vocabulary", tn_json_line(c),
                           tn_json_column(c), TN_ARG(half[0]), TN_ARG(half[1]));
        m->merge_id[*n] = made;
        out[(*n)++] = p;
    }
    return TN_OK;
}

/* Counts into places and sorts by one half, keeping the order of equals. row[id] ends as the end of id's places. */
static void sort_by(bool right, const pair *in, pair *out, size_t n, uint32_t *row, uint32_t n_tokens)
{
    memset(row, 0, ((size_t)n_tokens + 1) * sizeof *row);
    for (size_t i = 0; i < n; i++)
        row[(right ? in[i].right : in[i].left) + 1]++;
    for (uint32_t id = 0; id < n_tokens; id++)
        row[id + 1] += row[id];
    for (size_t i = 0; i < n; i++)
        out[row[right ? in[i].right : in[i].left]++] = in[i];
}

tn_status tn_bpe_merges(const tn_json *list, tn_arena *a, tn_arena *scratch, tn_subword *m, tn_err *err)
{
    size_t most = tn_json_len(list), n = 0, kept = 0;
    if (most >= UINT32_MAX)
        return tn_fail(err, TN_ELIMIT, "%zu merges", most);
    pair *p = TN_ARENA_ARRAY(scratch, pair, most), *q = TN_ARENA_ARRAY(scratch, pair, most);
    m->merge_id = TN_ARENA_ARRAY(a, uint32_t, most);
    m->merge = TN_ARENA_ARRAY(a, tn_merge, most);
    m->row = TN_ARENA_ARRAY(a, uint32_t, (size_t)m->n_tokens + 1);
    if (!p || !q || !m->merge_id || !m->merge || !m->row)
        return tn_fail_nomem(err, most * sizeof *p);
    TN_TRY(read_pairs(list, m, p, &n, err));
    sort_by(true, p, q, n, m->row, m->n_tokens);
    sort_by(false, q, p, n, m->row, m->n_tokens);
    memset(m->row, 0, ((size_t)m->n_tokens + 1) * sizeof *m->row);
    for (size_t i = 0; i < n; i++) { /* of a pair named twice the last rank counts */
        if (i + 1 < n && p[i].left == p[i + 1].left && p[i].right == p[i + 1].right)
            continue;
        m->merge[kept++] = (tn_merge){p[i].right, p[i].rank};
        m->row[p[i].left + 1] = (uint32_t)kept;
    }
    for (uint32_t id = 0; id < m->n_tokens; id++)
        if (m->row[id + 1] < m->row[id])
            m->row[id + 1] = m->row[id];
    return TN_OK;
}

/* ---- one word ---- */

typedef struct {
    const tn_subword *m;
    tn_bpe_symbol *symbol;
    uint64_t *heap;
    size_t n, n_heap;
} merging;

static void sift_down(uint64_t *h, size_t n, size_t i)
{
    uint64_t x = h[i];
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        child += child + 1 < n && h[child + 1] < h[child];
        if (x <= h[child])
            break;
        h[i] = h[child];
    }
    h[i] = x;
}

static void heap_push(merging *g, uint64_t x)
{
    size_t i = g->n_heap++;
    for (; i && g->heap[(i - 1) / 2] > x; i = (i - 1) / 2)
        g->heap[i] = g->heap[(i - 1) / 2];
    g->heap[i] = x;
}

static uint64_t heap_pop(merging *g)
{
    uint64_t top = g->heap[0];
    g->heap[0] = g->heap[--g->n_heap];
    if (g->n_heap)
        sift_down(g->heap, g->n_heap, 0);
    return top;
}

/* The rank of a pair, or TN_TRIE_NONE. */
static uint32_t rank_of(const tn_subword *m, uint32_t left, uint32_t right)
{
    uint32_t low = m->row[left], high = m->row[left + 1];
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (m->merge[middle].right < right)
            low = middle + 1;
        else
            high = middle;
    }
    return low < m->row[left + 1] && m->merge[low].right == right ? m->merge[low].rank : TN_TRIE_NONE;
}

static void offer(merging *g, uint32_t at)
{
    const tn_bpe_symbol *s = &g->symbol[at];
    if (s->next == TN_TRIE_NONE)
        return;
    uint32_t rank = rank_of(g->m, s->id, g->symbol[s->next].id);
    if (rank != TN_TRIE_NONE)
        heap_push(g, (uint64_t)rank << 32 | at);
}

static void merge_all(merging *g)
{
    for (uint32_t i = 0; i < g->n; i++)
        offer(g, i);
    while (g->n_heap) {
        uint64_t top = heap_pop(g);
        uint32_t at = (uint32_t)top, made = g->m->merge_id[top >> 32];
        tn_bpe_symbol *s = &g->symbol[at], *right;
        if (!s->len || s->next == TN_TRIE_NONE)
            continue;
        right = &g->symbol[s->next];
        uint32_t rank = rank_of(g->m, s->id, right->id);
        if (rank == TN_TRIE_NONE || g->m->merge_id[rank] != made)
            continue;
        s->id = made;
        s->unnamed = false;
        s->len += right->len;
        s->next = right->next;
        right->len = 0;
        if (s->next != TN_TRIE_NONE)
            g->symbol[s->next].prev = at;
        if (s->prev != TN_TRIE_NONE)
            offer(g, s->prev);
        offer(g, at);
    }
}

static void add_symbol(merging *g, uint32_t id, uint32_t len, bool unnamed)
{
    uint32_t at = (uint32_t)g->n++;
    g->symbol[at] = (tn_bpe_symbol){id, len, at ? at - 1 : TN_TRIE_NONE, TN_TRIE_NONE, unnamed};
    if (at)
        g->symbol[at - 1].next = at;
}

static bool add_bytes(merging *g, const char *p, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (g->m->byte_id[(unsigned char)p[i]] == TN_TRIE_NONE)
            return false;
    for (unsigned i = 0; i < n; i++)
        add_symbol(g, g->m->byte_id[(unsigned char)p[i]], 1, false);
    return true;
}

/* Characters of the word as symbols. Two habits of the package are kept, as offsets show them: what is unknown and has
 * no unknown token leaves no trace, so all behind it moves to the left; and an unknown token waits until a known
 * character comes, also while bytes are written. */
static tn_status begin_symbols(merging *g, const char *text, tn_span word, tn_err *err)
{
    const tn_subword *m = g->m;
    uint32_t waiting = 0; /* bytes of the unknown token not yet written */
    unsigned n;
    for (uint32_t at = word.from; at < word.to; at += n) {
        n = tn_uc_len(text[at]);
        uint32_t id = tn_trie_find(&m->trie, (tn_str){text + at, n});
        if (id != TN_TRIE_NONE) {
            if (waiting)
                add_symbol(g, m->unknown, waiting, true);
            waiting = 0;
            add_symbol(g, id, n, m->has_unknown && id == m->unknown);
            continue;
        }
        if ((m->byte_fallback && add_bytes(g, text + at, n)) || m->drop_unknown)
            continue;
        if (!m->has_unknown)
            return tn_subword_no_unknown(text, at + n, err);
        if (waiting && !m->fuse_unknown) {
            add_symbol(g, m->unknown, waiting, true);
            waiting = 0;
        }
        waiting += n;
    }
    if (waiting)
        add_symbol(g, m->unknown, waiting, true);
    return TN_OK;
}

/* A symbol is a byte of the word at least, so its bytes bound both arrays. */
static tn_status make_room(tn_subword_work *w, size_t n, tn_arena *a, tn_err *err)
{
    if (n <= w->n_symbols)
        return TN_OK;
    size_t cap = n < 64 ? 64 : n * 2;
    w->n_symbols = 0;
    w->symbol = TN_ARENA_ARRAY(a, tn_bpe_symbol, cap);
    w->heap = TN_ARENA_ARRAY(a, uint64_t, cap * 2);
    if (!w->symbol || !w->heap)
        return tn_fail_nomem(err, cap * sizeof *w->symbol);
    w->n_symbols = cap;
    return TN_OK;
}

tn_status tn_bpe_run(const tn_subword *m, const char *text, tn_span word, tn_subword_work *work, tn_pieces *out,
                     tn_arena *a, tn_err *err)
{
    size_t len = word.to - word.from;
    if (m->ignore_merges && len <= TN_TRIE_MAX_KEY) {
        uint32_t id = tn_trie_find(&m->trie, (tn_str){text + word.from, len});
        if (id != TN_TRIE_NONE)
            return tn_pieces_add(out, (tn_piece){id, word.from, word.to, TN_PIECE_KNOWN}, a)
                       ? TN_OK
                       : tn_fail_nomem(err, sizeof(tn_piece));
    }
    TN_TRY(make_room(work, len, a, err));
    merging g = {.m = m, .symbol = work->symbol, .heap = work->heap};
    TN_TRY(begin_symbols(&g, text, word, err));
    merge_all(&g);
    uint32_t from = word.from;
    for (uint32_t i = 0; g.n && i != TN_TRIE_NONE; i = g.symbol[i].next) {
        const tn_bpe_symbol *s = &g.symbol[i];
        if (!tn_pieces_add(out, (tn_piece){s->id, from, from + s->len, s->unnamed ? TN_PIECE_UNNAMED : TN_PIECE_KNOWN},
                           a))
            return tn_fail_nomem(err, sizeof(tn_piece));
        from += s->len;
    }
    return TN_OK;
}
