#ifndef TN_TEXT_UNICODE_H
#define TN_TEXT_UNICODE_H
/// What a code point is, as the tokenizers package 0.23.3 sees it: classes, case, normal forms, grapheme clusters.
///
/// The package mixes versions of Unicode (classes of one, normal forms of an older one); the tables were made by asking
/// it about every code point (tools/mk_unicode.py). All functions trust their text to be valid UTF-8.

#include "base/str.h"
#include "text/unicode_tables.h"

enum {
    TN_UC_BERT_DROP = 1 << 0, /* BertNormalizer's clean_text removes it: Cc Cf Cn Co Cs but \t \n \r */
    TN_UC_SPACE = 1 << 1,     /* White_Space */
    TN_UC_MN = 1 << 2,        /* nonspacing mark, as BertNormalizer counts */
    TN_UC_COMBINING = 1 << 3, /* combining mark, as StripAccents counts */
    TN_UC_PUNCT = 1 << 4,     /* ASCII punctuation or P* */
    TN_UC_NUMERIC = 1 << 5,   /* Nd Nl No */
    TN_UC_WORD = 1 << 6,      /* \w */
    TN_UC_NFD_UNSAFE =
        1 << 7, /* UNSAFE: the form may change this code point, reorder it or join it to the one before; */
    TN_UC_NFKD_UNSAFE = 1 << 8, /* text without such code points is in that form */
    TN_UC_NFC_UNSAFE = 1 << 9,
    TN_UC_NFKC_UNSAFE = 1 << 10,
    TN_UC_CASED = 1 << 11, /* lower case differs */
    TN_UC_GPT_LETTER = 1 << 12, /* \p{L} and \p{N} of the pattern of ByteLevel */
    TN_UC_GPT_NUMBER = 1 << 13,
};

static inline const tn_uc_record *tn_uc(uint32_t cp)
{
    return &tn_uc_records[tn_uc_class_second[(uint32_t)tn_uc_class_first[cp >> 7] << 7 | (cp & 127)]];
}
static inline unsigned tn_uc_flags(uint32_t cp)
{
    return tn_uc(cp)->flags;
}

/// The code point at p, which begins a valid sequence; *n = its bytes.
static inline uint32_t tn_uc_get(const char *s, unsigned *n)
{
    const unsigned char *p = (const unsigned char *)s;
    if (p[0] < 0x80)
        return *n = 1, p[0];
    if (p[0] < 0xE0)
        return *n = 2, (p[0] & 0x1Fu) << 6 | (p[1] & 0x3Fu);
    if (p[0] < 0xF0)
        return *n = 3, (p[0] & 0x0Fu) << 12 | (p[1] & 0x3Fu) << 6 | (p[2] & 0x3Fu);
    return *n = 4, (p[0] & 0x07u) << 18 | (p[1] & 0x3Fu) << 12 | (p[2] & 0x3Fu) << 6 | (p[3] & 0x3Fu);
}
/// Bytes of the sequence that this byte begins.
static inline unsigned tn_uc_len(char lead)
{
    unsigned char c = (unsigned char)lead;
    return c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
}
/// The code point that ends before s[at], at > 0; *n = its bytes.
uint32_t tn_uc_before(const char *s, size_t at, unsigned *n);

/// Full lower case without context: 1 or 2 code points (only U+0130 gives 2).
unsigned tn_uc_lower(uint32_t cp, uint32_t out[2]);

enum { TN_UC_FORM_MAX = 18 }; /* U+FDFA */
/// Full decomposition, canonical or compatible, in canonical order: 1..18 code points.
unsigned tn_uc_decompose(uint32_t cp, bool compatible, uint32_t out[TN_UC_FORM_MAX]);
/// The primary composite of the two, or 0.
uint32_t tn_uc_compose(uint32_t first, uint32_t second);

/// End of the extended grapheme cluster (UAX 29) that begins at `at` < s.len.
size_t tn_uc_grapheme_end(tn_str s, size_t at);
/// True when a cluster boundary before this code point is certain whatever stands before it, and behind it whatever
/// follows that is plain too: letters, digits, CJK, precomposed Vietnamese. Clusters of such text are single letters.
static inline bool tn_uc_is_plain(uint32_t cp)
{
    return tn_uc(cp)->brk == 0;
}

#endif
