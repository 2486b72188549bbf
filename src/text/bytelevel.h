#ifndef TN_TEXT_BYTELEVEL_H
#define TN_TEXT_BYTELEVEL_H
/// GPT-2's way with text, used by the pre-tokenizer and the decoder ByteLevel: words by one fixed pattern, and an
/// alphabet of 256 visible characters that stand for bytes, so that a vocabulary of text can spell anything.
/// Source: reference/tokenizer.md, section 1.

#include "base/str.h"

/// The character of a byte: '!'..'~', U+00A1..U+00AC and U+00AE..U+00FF stand for themselves, the other 68 bytes, in
/// order, are U+0100..U+0143 (a space is U+0120).
static inline uint32_t tn_byte_char(unsigned char b)
{
    return b <= 0x20 ? 0x100u + b : b >= 0x7F && b <= 0xA0 ? 0x121u + b - 0x7F : b == 0xAD ? 0x143u : b;
}
/// The byte of a character, or -1 for one outside the alphabet.
static inline int tn_byte_of_char(uint32_t cp)
{
    if (cp >= 0x100)
        return cp <= 0x120 ? (int)cp - 0x100 : cp <= 0x142 ? (int)cp - 0x121 + 0x7F : cp == 0x143 ? 0xAD : -1;
    return tn_byte_char((unsigned char)cp) == cp ? (int)cp : -1;
}

/// Where the word that begins at `at` < to ends, by
///   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
/// with the letters, numbers and blanks of the package. Words cover all of the text. `spaced`: a space that is not
/// there stands before text[at] and belongs to the word; then the word may end where it begins.
size_t tn_byte_level_word(const char *text, size_t at, size_t to, bool spaced);

/// The bytes that the tokens spell, as text: a token with a character outside the alphabet stands for itself, and what
/// is not UTF-8 becomes U+FFFD, one for each longest beginning of a sequence. ptr = NULL when out of memory.
tn_str tn_byte_level_text(const tn_str *tokens, size_t n, tn_arena *a);

#endif
