/* Decompose everything, put marks in canonical order, compose, then lower case: the normalisation of UAX 15 over an
 * array of code points. The tokenizers' normalisers do the same piece by piece and keep offsets; here a whole text is
 * folded and the offsets do not matter, which is why this is separate. Runs of marks are sorted by counting, so a text
 * that is nothing but marks costs no more than another. */
#include "data/fold.h"

#include "text/unicode.h"

#include <string.h>

typedef TN_VEC(uint32_t) points;

static unsigned ccc_of(uint32_t cp)
{
    return tn_uc(cp)->ccc;
}

static bool decompose(tn_str s, bool compatible, points *p)
{
    uint32_t form[TN_UC_FORM_MAX];
    for (size_t i = 0; i < s.len;) {
        unsigned n = tn_uc_decompose(tn_utf8_next(s, &i), compatible, form);
        for (unsigned k = 0; k < n; k++)
            if (!TN_PUSH(p, form[k]))
                return false;
    }
    return true;
}

/* Stable sort by class of p[from, to), all of them marks. */
static bool sort_marks(uint32_t *p, size_t from, size_t to)
{
    if (to - from > 16) {
        size_t count[257] = {0};
        uint32_t *copy = tn_mem_alloc((to - from) * sizeof *copy);
        if (!copy)
            return false;
        memcpy(copy, p + from, (to - from) * sizeof *copy);
        for (size_t i = 0; i < to - from; i++)
            count[ccc_of(copy[i]) + 1]++;
        for (int c = 0; c < 256; c++)
            count[c + 1] += count[c];
        for (size_t i = 0; i < to - from; i++)
            p[from + count[ccc_of(copy[i])]++] = copy[i];
        tn_mem_free(copy);
        return true;
    }
    for (size_t i = from + 1; i < to; i++)
        for (size_t k = i; k > from && ccc_of(p[k - 1]) > ccc_of(p[k]); k--) {
            uint32_t t = p[k];
            p[k] = p[k - 1];
            p[k - 1] = t;
        }
    return true;
}

static bool order(points *p)
{
    for (size_t i = 0; i < p->len;) {
        size_t from = i;
        while (i < p->len && ccc_of(p->ptr[i]) != 0)
            i++;
        if (i - from > 1 && !sort_marks(p->ptr, from, i))
            return false;
        i += i == from || i < p->len;
    }
    return true;
}

static void compose(points *p)
{
    size_t starter = SIZE_MAX, kept = 0;
    unsigned last = 0; /* class of the code point kept last, 0 directly behind the starter */
    for (size_t i = 0; i < p->len; i++) {
        uint32_t cp = p->ptr[i];
        unsigned ccc = ccc_of(cp);
        /* Blocked when something of the same or a higher class stands between. */
        bool adjacent = starter != SIZE_MAX && kept == starter + 1;
        uint32_t both =
            starter != SIZE_MAX && (adjacent || (last < ccc && last != 0)) ? tn_uc_compose(p->ptr[starter], cp) : 0;
        if (both) {
            p->ptr[starter] = both;
            continue;
        }
        if (ccc == 0)
            starter = kept;
        last = ccc;
        p->ptr[kept++] = cp;
    }
    p->len = kept;
}

static void write(const points *p, unsigned how, tn_buf *out)
{
    bool blank = false, any = false;
    for (size_t i = 0; i < p->len; i++) {
        uint32_t low[2] = {p->ptr[i]};
        unsigned n = how & TN_FOLD_LOWER ? tn_uc_lower(p->ptr[i], low) : 1;
        for (unsigned k = 0; k < n; k++) {
            unsigned flags = tn_uc_flags(low[k]);
            if ((how & TN_FOLD_WORDS) && !(flags & TN_UC_WORD))
                continue;
            if ((how & TN_FOLD_SPACES) && (flags & TN_UC_SPACE)) {
                blank = true;
                continue;
            }
            if (blank && any)
                tn_buf_char(out, ' ');
            blank = false, any = true;
            tn_buf_cp(out, low[k]);
        }
    }
}

tn_status tn_fold(tn_str s, unsigned how, tn_buf *out, tn_err *err)
{
    points p = {0};
    bool ok = decompose(s, how & TN_FOLD_COMPATIBLE, &p) && order(&p);
    if (ok) {
        compose(&p);
        write(&p, how, out);
    }
    TN_VEC_FREE(&p);
    return ok ? tn_buf_status(out, err) : tn_fail_nomem(err, s.len * sizeof(uint32_t));
}

tn_script tn_script_of(uint32_t cp)
{
    /* Blocks of letters; signs inside them (the Thai currency sign) do no harm to a majority. */
    static const struct {
        uint32_t from, to;
        tn_script script;
    } block[] = {
        {'A', 'Z', TN_SCRIPT_LATIN},        {'a', 'z', TN_SCRIPT_LATIN},        {0xC0, 0xD6, TN_SCRIPT_LATIN},
        {0xD8, 0xF6, TN_SCRIPT_LATIN},      {0xF8, 0x24F, TN_SCRIPT_LATIN},     {0x370, 0x3FF, TN_SCRIPT_GREEK},
        {0x400, 0x52F, TN_SCRIPT_CYRILLIC}, {0x5D0, 0x5EA, TN_SCRIPT_HEBREW},   {0x620, 0x64A, TN_SCRIPT_ARABIC},
        {0x66E, 0x6D3, TN_SCRIPT_ARABIC},   {0x750, 0x77F, TN_SCRIPT_ARABIC},   {0x900, 0x963, TN_SCRIPT_DEVANAGARI},
        {0xE01, 0xE4E, TN_SCRIPT_THAI},     {0x1100, 0x11FF, TN_SCRIPT_HANGUL}, {0x1E00, 0x1EFF, TN_SCRIPT_LATIN},
        {0x1F00, 0x1FFF, TN_SCRIPT_GREEK},  {0x3041, 0x30FF, TN_SCRIPT_KANA},   {0x3131, 0x318E, TN_SCRIPT_HANGUL},
        {0x31F0, 0x31FF, TN_SCRIPT_KANA},   {0x3400, 0x4DBF, TN_SCRIPT_HAN},    {0x4E00, 0x9FFF, TN_SCRIPT_HAN},
        {0xAC00, 0xD7A3, TN_SCRIPT_HANGUL}, {0xF900, 0xFAFF, TN_SCRIPT_HAN},    {0xFF66, 0xFF9D, TN_SCRIPT_KANA},
        {0x20000, 0x323AF, TN_SCRIPT_HAN},
    };
    size_t low = 0, high = TN_COUNT(block);
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (cp > block[mid].to)
            low = mid + 1;
        else
            high = mid;
    }
    return low < TN_COUNT(block) && cp >= block[low].from ? block[low].script : TN_SCRIPT_NONE;
}
