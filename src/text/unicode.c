/* Table look-ups, and the rules of UAX 29 for extended grapheme clusters.
 *
 * A cluster is found from its beginning, which is always a boundary, so the state needed for regional indicators
 * (GB12), emoji (GB11) and conjuncts (GB9c) never reaches back before it. */
#include "text/unicode.h"

enum {
    HANGUL_S = 0xAC00,
    HANGUL_L = 0x1100,
    HANGUL_V = 0x1161,
    HANGUL_T = 0x11A7,
    N_L = 19,
    N_V = 21,
    N_T = 28,
    N_S = N_L * N_V * N_T,
};

uint32_t tn_uc_before(const char *s, size_t at, unsigned *n)
{
    size_t i = at - 1;
    while (i > 0 && ((unsigned char)s[i] & 0xC0) == 0x80)
        i--;
    return tn_uc_get(s + i, n);
}

unsigned tn_uc_lower(uint32_t cp, uint32_t out[2])
{
    if (cp == 0x130) {
        out[0] = 'i';
        out[1] = 0x307;
        return 2;
    }
    uint32_t block = tn_uc_lower_first[cp >> 7];
    out[0] = (uint32_t)((int32_t)cp + tn_uc_lower_delta[tn_uc_lower_second[block << 7 | (cp & 127)]]);
    return 1;
}

unsigned tn_uc_decompose(uint32_t cp, bool compatible, uint32_t out[TN_UC_FORM_MAX])
{
    if (cp - HANGUL_S < N_S) {
        uint32_t s = cp - HANGUL_S;
        out[0] = HANGUL_L + s / (N_V * N_T);
        out[1] = HANGUL_V + s % (N_V * N_T) / N_T;
        out[2] = HANGUL_T + s % N_T;
        return s % N_T ? 3 : 2;
    }
    uint32_t block = tn_uc_form_first[cp >> 7];
    uint32_t i = tn_uc_form_second[block << 7 | (cp & 127)];
    uint32_t form = compatible ? tn_uc_form_compat[i] : tn_uc_form_canon[i];
    if (!form) {
        out[0] = cp;
        return 1;
    }
    const uint32_t *from = tn_uc_form_pool + (form >> 5);
    unsigned n = form & 31;
    for (unsigned k = 0; k < n; k++)
        out[k] = from[k];
    return n;
}

uint32_t tn_uc_compose(uint32_t a, uint32_t b)
{
    if (a - HANGUL_L < N_L && b - HANGUL_V < N_V)
        return HANGUL_S + ((a - HANGUL_L) * N_V + (b - HANGUL_V)) * N_T;
    if (a - HANGUL_S < N_S && (a - HANGUL_S) % N_T == 0 && b - HANGUL_T - 1 < N_T - 1)
        return a + (b - HANGUL_T);
    uint64_t key = (uint64_t)a << 32 | b;
    uint32_t low = 0, high = tn_uc_n_pairs;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (tn_uc_pair_key[mid] < key)
            low = mid + 1;
        else
            high = mid;
    }
    return low < tn_uc_n_pairs && tn_uc_pair_key[low] == key ? tn_uc_pair_value[low] : 0;
}

enum gcb {
    OTHER,
    CR,
    LF,
    CONTROL,
    EXTEND,
    ZWJ,
    REGIONAL,
    PREPEND,
    SPACING,
    HANGUL_LEAD,
    HANGUL_VOWEL,
    HANGUL_TAIL,
    HANGUL_LV,
    HANGUL_LVT,
    PICTOGRAPH
};
enum incb { INCB_NONE, INCB_CONSONANT, INCB_LINKER, INCB_EXTEND };

/* What the cluster so far means for the rules that look further back than one code point. */
typedef struct {
    enum gcb last;
    unsigned n_regional;            /* GB12: regional indicators in a row at the end */
    bool emoji, emoji_zwj;          /* GB11: pictograph extend*, and that followed by a joiner */
    bool conjunct, conjunct_linked; /* GB9c: consonant (extend|linker)*, and with a linker among them */
} cluster;

static void cluster_add(cluster *c, enum gcb g, enum incb i)
{
    c->n_regional = g == REGIONAL ? c->n_regional + 1 : 0;
    c->emoji_zwj = c->emoji && g == ZWJ;
    c->emoji = g == PICTOGRAPH || (c->emoji && g == EXTEND);
    if (i == INCB_CONSONANT) {
        c->conjunct = true;
        c->conjunct_linked = false;
    } else if (i == INCB_LINKER) {
        c->conjunct_linked = c->conjunct;
    } else if (i != INCB_EXTEND) {
        c->conjunct = c->conjunct_linked = false;
    }
    c->last = g;
}

static bool cluster_joins(const cluster *c, enum gcb g, enum incb i)
{
    enum gcb p = c->last;
    if (p == CR)
        return g == LF; /* GB3 */
    if (p == LF || p == CONTROL || g == CR || g == LF || g == CONTROL)
        return false; /* GB4, GB5 */
    if (p == HANGUL_LEAD && (g == HANGUL_LEAD || g == HANGUL_VOWEL || g == HANGUL_LV || g == HANGUL_LVT))
        return true; /* GB6 */
    if ((p == HANGUL_LV || p == HANGUL_VOWEL) && (g == HANGUL_VOWEL || g == HANGUL_TAIL))
        return true; /* GB7 */
    if ((p == HANGUL_LVT || p == HANGUL_TAIL) && g == HANGUL_TAIL)
        return true; /* GB8 */
    if (g == EXTEND || g == ZWJ || g == SPACING || p == PREPEND)
        return true; /* GB9, GB9a, GB9b */
    if (i == INCB_CONSONANT && c->conjunct_linked)
        return true; /* GB9c */
    if (g == PICTOGRAPH && c->emoji_zwj)
        return true;                                /* GB11 */
    return g == REGIONAL && c->n_regional % 2 == 1; /* GB12, GB13 */
}

size_t tn_uc_grapheme_end(tn_str s, size_t at)
{
    cluster c = {.last = OTHER};
    for (size_t i = at; i < s.len;) {
        unsigned n, brk = tn_uc(tn_uc_get(s.ptr + i, &n))->brk;
        enum gcb g = brk & 15;
        enum incb in = brk >> 4;
        if (i > at && !cluster_joins(&c, g, in))
            return i;
        cluster_add(&c, g, in);
        i += n;
    }
    return s.len;
}
