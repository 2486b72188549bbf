/* Promises of text/unicode.h. The tables themselves are held against the package by tests/parity/tokenizer_parity.py.
 */
#include "test.h"
#include "text/unicode.h"

static void classes_are_the_package_s(void **state)
{
    (void)state;
    static const struct {
        uint32_t cp;
        unsigned has, lacks;
    } row[] = {
        {'a', TN_UC_WORD, TN_UC_SPACE | TN_UC_PUNCT | TN_UC_CASED},
        {'A', TN_UC_WORD | TN_UC_CASED, TN_UC_PUNCT},
        {'$', TN_UC_PUNCT, TN_UC_WORD},
        {0x20AC, 0, TN_UC_PUNCT | TN_UC_WORD}, /* the euro sign is no punctuation */
        {'\t', TN_UC_SPACE, TN_UC_BERT_DROP},
        {0x0B, TN_UC_SPACE | TN_UC_BERT_DROP, 0},
        {0x200B, TN_UC_BERT_DROP, TN_UC_SPACE}, /* zero width space is no white space */
        {0x301, TN_UC_MN | TN_UC_COMBINING | TN_UC_WORD | TN_UC_NFC_UNSAFE, 0},
        {0x111, TN_UC_WORD, TN_UC_NFD_UNSAFE}, /* d with stroke has no decomposition */
        {0x1EBF, TN_UC_WORD | TN_UC_NFD_UNSAFE, TN_UC_NFC_UNSAFE | TN_UC_NFKC_UNSAFE},
        {0xBD, TN_UC_NUMERIC | TN_UC_NFKC_UNSAFE, TN_UC_NFC_UNSAFE},
        {0x4E09, TN_UC_WORD, TN_UC_NUMERIC}, /* the ideograph three is a letter */
        {0x32FF, 0, TN_UC_NFKC_UNSAFE},      /* newer than the package's normal forms */
        {0x10FFFD, TN_UC_BERT_DROP, TN_UC_WORD},
        {0x111, TN_UC_GPT_LETTER, TN_UC_GPT_NUMBER},
        {0xBD, TN_UC_GPT_NUMBER, TN_UC_GPT_LETTER},
        {0x301, 0, TN_UC_GPT_LETTER | TN_UC_GPT_NUMBER | TN_UC_SPACE}, /* a mark is a word's, but no letter */
    };
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        unsigned flags = tn_uc_flags(row[i].cp);
        if ((flags & row[i].has) != row[i].has || (flags & row[i].lacks))
            fail_msg("U+%04X has flags %x", row[i].cp, flags);
    }
}

static void case_and_forms(void **state)
{
    (void)state;
    uint32_t low[2], form[TN_UC_FORM_MAX];
    assert_int_equal(tn_uc_lower('Q', low), 1);
    assert_int_equal(low[0], 'q');
    assert_int_equal(tn_uc_lower(0x3A3, low), 1);
    assert_int_equal(low[0], 0x3C3); /* never the final form */
    assert_int_equal(tn_uc_lower(0x130, low), 2);
    assert_int_equal(low[1], 0x307);
    assert_int_equal(tn_uc_decompose(0x1EBF, false, form), 3); /* e, circumflex, acute */
    assert_int_equal(form[2], 0x301);
    assert_int_equal(tn_uc_decompose(0xFDFA, true, form), 18);
    assert_int_equal(tn_uc_decompose(0xFDFA, false, form), 1);
    assert_int_equal(tn_uc_decompose(0xAC01, false, form), 3);
    assert_int_equal(tn_uc_compose(0x1100, 0x1161), 0xAC00);
    assert_int_equal(tn_uc_compose(0xAC00, 0x11A8), 0xAC01);
    assert_int_equal(tn_uc_compose(0xAC01, 0x11A8), 0);
    assert_int_equal(tn_uc_compose('e', 0x302), 0xEA);
    assert_int_equal(tn_uc_compose(0xEA, 0x301), 0x1EBF);
    assert_int_equal(tn_uc_compose('e', 'e'), 0);
}

/* Every decomposition composes back or is excluded, and no composition leads out of the table. */
static void forms_agree_with_each_other(void **state)
{
    (void)state;
    for (uint32_t cp = 0; cp < 0x110000; cp++) {
        uint32_t form[TN_UC_FORM_MAX];
        unsigned n = tn_uc_decompose(cp, false, form);
        bool unsafe = tn_uc_flags(cp) & TN_UC_NFD_UNSAFE;
        if (cp - 0xD800 < 0x800)
            continue;
        if ((n > 1 || form[0] != cp) && !unsafe)
            fail_msg("U+%04X decomposes but is said to be safe", cp);
        for (unsigned i = 1; i < n; i++)
            if (tn_uc(form[i])->ccc && tn_uc(form[i - 1])->ccc > tn_uc(form[i])->ccc)
                fail_msg("the form of U+%04X is out of order", cp);
        if (n == 1)
            assert_int_equal(tn_uc_decompose(form[0], false, form), 1);
    }
}

/* Clusters are written between bars. */
static void clusters_are_those_of_uax_29(void **state)
{
    (void)state;
    static const char *const text[] = {
        "a|b",
        "e\u0301|x",
        "a|\r\n|b",
        "\r|\r\n|\n",
        "\u1100\u1161\u11A8|\u1100",
        "각\u11A8|a",
        "🇻🇳|🇺🇸|🇻",
        "👩\u200D👧|x",
        "👩\u200D|x",
        "👍🏽|👍",
        "a\u200D|👧",
        "क्षि|क",
        "क्\u200Dष|a",
        "นำ|a",
        "\u0600a|b",
        "\u0301\u0301|a",
        "\u200B|\u0301",
        "1️⃣|2",
    };
    for (size_t i = 0; i < TN_COUNT(text); i++) {
        char plain[64];
        size_t end[16], n = 0, len = 0, at = 0;
        for (const char *p = text[i]; *p; p++) {
            if (*p == '|')
                end[n++] = len;
            else
                plain[len++] = *p;
        }
        end[n++] = len;
        for (size_t k = 0; k < n; k++) {
            at = tn_uc_grapheme_end((tn_str){plain, len}, at);
            if (at != end[k])
                fail_msg("%s: cluster %zu ends at %zu", text[i], k, at);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_are_the_package_s),
        cmocka_unit_test(case_and_forms),
        cmocka_unit_test(forms_agree_with_each_other),
        cmocka_unit_test(clusters_are_those_of_uax_29),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
