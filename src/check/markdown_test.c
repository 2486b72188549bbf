/* Promises of check/markdown.h. */
#include "test.h"

#include "check/markdown.h"

static tn_arena *arena;
static tn_md m;

static void parse(const char *text)
{
    tn_err err = TN_ERR_INIT;
    tn_arena_reset(arena);
    ASSERT_OK(tn_md_parse(tn_str_of(text), arena, &m, &err), &err);
    assert_int_equal(m.prose.len, m.text.len);
}

/* Blocks as "line kind text" joined by '/': h1 heading, p, i item, t, f fence, c code; q behind quoted ones. */
static const char *shape(void)
{
    static char out[4096];
    size_t n = 0;
    out[0] = 0;
    for (size_t i = 0; i < m.n_blocks; i++) {
        const tn_md_block *b = &m.block[i];
        static const char kind[] = "hpitfc";
        n += (size_t)snprintf(out + n, sizeof out - n, "%s%u%c", i ? "/" : "", b->line, kind[b->kind]);
        if (b->kind == TN_MD_HEADING)
            n += (size_t)snprintf(out + n, sizeof out - n, "%d", b->level);
        n += (size_t)snprintf(out + n, sizeof out - n, "%s%s:%.*s", b->numbered ? "n" : "", b->quoted ? "q" : "", TN_ARG(b->text));
        if (b->kind == TN_MD_FENCE)
            n += (size_t)snprintf(out + n, sizeof out - n, "[%.*s%s]", TN_ARG(b->info), b->closed ? "" : " open");
    }
    return out;
}

static void blocks_have_kinds_and_lines(void **state)
{
    static const struct {
        const char *text, *blocks;
    } row[] = {
        {"", ""},
        {"# One\n\ntwo\nthree\n\n## Four ##\n", "1h1:One/3p:two\nthree/6h2:Four"},
        {"#no\n####### no\n#\n", "1p:#no\n####### no/3h1:"},
        {"One\n===\ntwo\n---\n---\nthree\n", "1h1:One/3h2:two/6p:three"},
        {"a\nb\n---\n", "1p:a\nb"},
        {"- a\n- b\n  c\n\n3. d\n4) e\n", "1i:a/2i:b\n  c/5in:d/6in:e"},
        {"born in\n1987. Then\n1. one\n", "1p:born in\n1987. Then/3in:one"},
        {"- - deep\n", "1i:deep"},
        {"> q\n> # H\n>> r\n", "1pq:q/2h1q:H/3pq:r"},
        {"```python\na = 1\n\n```\nx\n", "1f:a = 1\n\n[python]/5p:x"},
        {"~~~\n```\n~~~\n", "1f:```\n[]"},
        {"````\n```\n````\n", "1f:```\n[]"},
        {"```\nnever\n", "1f:never\n[ open]"},
        {"```a`b\n", "1p:```a`b"},
        {"- x\n\n  ```sh\n  ls\n  ```\n", "1i:x/3f:  ls\n[sh]"},
        {"> ```sh\n> ls\n> ```\n> x\n", "1fq:> ls\n[sh]/4pq:x"},
        {"> ```sh\n> ls\nout\n", "1fq:> ls\n[sh]/3p:out"},
        {"    code\n\n    more\nx\n", "1c:code\n\n    more/4p:x"},
        {"- a\n\n      text of the item\n", "1i:a/3p:text of the item"},
        {"| a | b |\n|---|---|\n| 1 | 2 |\nx\n", "1t:| a | b |\n|---|---|\n| 1 | 2 |/4p:x"},
        {"a | b\n", "1p:a | b"},
        {"<!-- # no\n```\n-->\nx\n", "4p:x"},
        {"x <!-- y\n# no\n--> z\n# H\n", "1p:x <!-- y/4h1:H"},
        {"<!-- never closed\n# no\n", ""},
        {"---\nlicense: mit\n---\n# T\n", "4h1:T"},
        {"\xEF\xBB\xBF# T\r\n\r\nx\r\n", "1h1:T/3p:x"},
        {"<h2 align=\"center\">Use</h2>\n\nx\n", "1h2:Use/3p:x"},
        {"**Task definition**\n\nx\n", "1h7:Task definition/3p:x"},
        {"**Task:** classify\nmore\n", "1h8:Task:/1p:classify\nmore"},
        {"1. **Model choice** \xE2\x80\x94 e5\n", "1h8n:Model choice/1in:\xE2\x80\x94 e5"},
        {"1. **Model choice**:\n", "1h7n:Model choice"},
        {"**bold** words only begin it\n", "1p:**bold** words only begin it"},
        {"**This is a whole sentence, in bold.**\n", "1p:**This is a whole sentence, in bold.**"},
        {"* * *\n", ""},
        {"`````````\n", "1f:[ open]"},
        {"\t- x\n", "1c:- x"},
    };
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        parse(row[i].text);
        if (strcmp(shape(), row[i].blocks) != 0)
            fail_msg("%s\ngives  %s\nwanted %s", row[i].text, shape(), row[i].blocks);
    }
}

static void prose_holds_prose_only(void **state)
{
    static const struct {
        const char *text, *prose;
    } row[] = {
        {"# The Title", "  the title"},
        {"- An `item()` here", "  an          here"},
        {"a [Link](http://x.y \"t\") b", "a [link]                 b"},
        {"see https://a.b/c. Then", "see              . then"},
        {"x <b>y</b> <!-- z --> w", "x    y                w"},
        {"``a ` b`` c", "          c"},
        {"a `b", "a `b"},
        {"```\nCode\n```", "   \n    \n   "},
        {"A\xE2\x80\x91" "B \xF0\x9F\x98\x80 c", "a   b      c"},
        {"a \\`b` c`", "a \\`b    "},
    };
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        parse(row[i].text);
        ASSERT_STR(m.prose, row[i].prose);
    }
    parse("see `AutoModel` and [x](https://h.c/a_(b)) <https://h.d> <!-- eval/m.json#/a -->\n");
    assert_int_equal(m.n_spans, 4);
    static const char *const span[] = {"AutoModel", "https://h.c/a_(b)", "https://h.d", " eval/m.json#/a "};
    for (size_t i = 0; i < 4; i++)
        ASSERT_STR(tn_str_sub(m.text, m.span[i].from, m.span[i].to), span[i]);
}

static void phrases_are_found_over_line_ends(void **state)
{
    static const struct {
        const char *text, *phrases;
        bool found;
    } row[] = {
        {"It is state-of-the-art.", "sota|state of the art", true},
        {"It is **state of\n> the** art.", "state of the art", true},
        {"It is state, of the art.", "state of the art", false},
        {"stately", "state", false},
        {"outperforms all", "outperform*", true},
        {"We reach 0.81 macro F1", "# macro f1", true},
        {"test & train", "test and train", true},
        {"the best model ever", "best ? ever", true},
        {"`sota`", "sota", false},
        {"don't do it", "don t do", true},
    };
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        parse(row[i].text);
        if (tn_md_has(&m, tn_md_all(&m), row[i].phrases) != row[i].found)
            fail_msg("%s in %s: wanted %d", row[i].phrases, row[i].text, row[i].found);
    }
    parse("one two three");
    tn_md_range r;
    assert_true(tn_md_find(&m, tn_md_all(&m), "two three|two", &r));
    assert_int_equal(r.from, 4);
    assert_int_equal(r.to, 13);
    assert_false(tn_md_has(&m, (tn_md_range){0, 12}, "two three"));
}

static void headings_are_compared_without_numbers(void **state)
{
    static const struct {
        const char *text;
        bool is;
    } row[] = {
        {"# Model choice", true},      {"## 2. Model Choice", true},       {"## Step 2: Model choice", true}, {"### b) model choice", true},
        {"# 2.1 Model choice:", true}, {"# Model choice: why e5", true},   {"# Model choice (short)", true},  {"# Model choices", false},
        {"# My model choice", false},  {"# Model choice of ours", false},  {"# \xF0\x9F\xA7\xA0 Model choice", true},
        {"## IV. Model choice", true}, {"# 2\xEF\xB8\x8F\xE2\x83\xA3 Model choice", true},
    };
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        parse(row[i].text);
        if (tn_md_is(&m, tn_md_block_range(&m, 0), "model choice|model selection") != row[i].is)
            fail_msg("%s: wanted %d", row[i].text, row[i].is);
    }
}

static void sections_end_where_a_heading_of_their_level_begins(void **state)
{
    parse("# A\na\n## B\nb\n**C:** c\n### D\nd\n## E\ne\n");
    tn_md_range b = tn_md_section(&m, 2);
    ASSERT_STR(tn_str_sub(m.text, b.from, b.to), "\nb\n**C:** c\n### D\nd\n");
    assert_int_equal(tn_md_section_end(&m, 0), m.n_blocks);
    assert_int_equal(m.block[m.n_blocks - 1].heading, m.n_blocks - 1);
    assert_int_equal(tn_md_section(&m, m.n_blocks - 2).to, m.text.len);
}

static void sentences_and_places(void **state)
{
    parse("x\n\nFirst one, e.g. this. Is **it so?** Third.\n\n| a. b | c |\n| --- | --- |\n| d | e \\| f |\n");
    static const struct {
        const char *in, *sentence;
    } row[] = {{"e.g", "First one, e.g. this."}, {"it so", " Is **it so?"}, {"Third", "** Third."}, {"b |", " b "}, {"d |", " d "}};
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_md_range r = tn_md_sentence(&m, tn_str_find(m.text, tn_str_of(row[i].in), 0));
        ASSERT_STR(tn_str_sub(m.text, r.from, r.to), row[i].sentence);
    }
    uint32_t line, column;
    tn_md_place(&m, 3, &line, &column);
    assert_int_equal(line, 3);
    assert_int_equal(column, 1);
    parse("\xE1\xBA\xBF x");
    tn_md_place(&m, 4, &line, &column);
    assert_int_equal(column, 3);
    ASSERT_STR(tn_md_quote(&m, tn_md_all(&m), 100, arena), "\xE1\xBA\xBF x");
    ASSERT_STR(tn_md_quote(&m, tn_md_all(&m), 2, arena), "...");
    parse("a\n  b   c");
    ASSERT_STR(tn_md_quote(&m, tn_md_all(&m), 100, arena), "a b c");
    ASSERT_STR(tn_md_quote(&m, tn_md_all(&m), 3, arena), "a b...");
}

static void fences_and_tables_are_taken_apart(void **state)
{
    char language[32];
    tn_str code, rest, rowtext, cell;
    tn_err err;
    static const char *const info[][2] = {{"```Python", "python"}, {"``` {.python .x}", "python"}, {"```{python}", "python"}, {"```", ""}, {"```py title=a", "py"}};
    for (size_t i = 0; i < TN_COUNT(info); i++) {
        parse(info[i][0]);
        ASSERT_STR(tn_md_language(&m.block[0], language), info[i][1]);
    }
    parse("- a\n\n  ```py\n  if x:\n      y\n\n z\n  ```\n");
    ASSERT_OK(tn_md_fence_code(&m.block[1], arena, &code, &err), &err);
    ASSERT_STR(code, "if x:\n    y\n\nz\n");
    parse("> ```py\n> if x:\n>     y\n> ```\n");
    ASSERT_OK(tn_md_fence_code(&m.block[0], arena, &code, &err), &err);
    ASSERT_STR(code, "if x:\n    y\n");
    parse("| a | `b|c` | d \\| e |\n|---|---|---|\n| 1 | | 3\n");
    rest = m.block[0].text;
    static const char *const cells[] = {"a", "`b|c`", "d \\| e", "1", "", "3"};
    size_t n = 0;
    while (tn_md_row(&rest, &rowtext))
        while (tn_md_cell(&rowtext, &cell)) {
            assert_true(n < TN_COUNT(cells));
            ASSERT_STR(cell, cells[n]);
            n++;
        }
    assert_int_equal(n, TN_COUNT(cells));
}

static void front_matter_that_cannot_be_read_says_why(void **state)
{
    parse("---\na: [1\n---\n# T\n");
    assert_non_null(m.front_problem);
    assert_null(m.yaml);
    assert_int_equal(m.n_blocks, 1);
    parse("---\nnot closed\n");
    assert_non_null(m.front_problem);
    assert_false(m.front.present);
}

/* Each of these makes a naive reader quadratic, or deep. */
static void hostile_text_is_read_once(void **state)
{
    static const char *const unit[] = {"[](", "`", "``a", "<", "<!--", "> ", "- ", "**", "| ", "](", "# ", "a|\n|-\n", "```\n", "\n\n    x", "<h1>", "</", "1. ", "\0\0", "~~~\n~~\n", "<a\n", "** x", "https://"};
    enum { N = 1 << 20 };
    char *text = malloc(N);
    tn_err err;
    for (size_t i = 0; i < TN_COUNT(unit); i++) {
        size_t n = strlen(unit[i]) ? strlen(unit[i]) : 1;
        for (size_t k = 0; k < N; k++)
            text[k] = unit[i][k % n];
        tn_arena_reset(arena);
        ASSERT_OK(tn_md_parse((tn_str){text, N}, arena, &m, &err), &err);
        for (size_t k = 0; k < 100; k++)
            (void)tn_md_sentence(&m, k * (N / 100));
        assert_false(tn_md_has(&m, tn_md_all(&m), "never|not once"));
    }
    free(text);
    ASSERT_FAILS(tn_md_parse((tn_str){"", (16u << 20) + 1}, arena, &m, &err), TN_ELIMIT, &err);
}

static void failed_allocations_are_told(void **state)
{
    tn_status st;
    tn_err err;
    FOR_EACH_FAILED_ALLOCATION(st, {
        tn_arena *a = tn_arena_new(0);
        st = a ? tn_md_parse(TN_STR("---\na: 1\n---\n# T\n\n- `x` y\n"), a, &m, &err) : TN_ENOMEM;
        tn_arena_free(a);
    });
}

int main(void)
{
    const struct CMUnitTest test[] = {
        cmocka_unit_test(blocks_have_kinds_and_lines),
        cmocka_unit_test(prose_holds_prose_only),
        cmocka_unit_test(phrases_are_found_over_line_ends),
        cmocka_unit_test(headings_are_compared_without_numbers),
        cmocka_unit_test(sections_end_where_a_heading_of_their_level_begins),
        cmocka_unit_test(sentences_and_places),
        cmocka_unit_test(fences_and_tables_are_taken_apart),
        cmocka_unit_test(front_matter_that_cannot_be_read_says_why),
        cmocka_unit_test(hostile_text_is_read_once),
        cmocka_unit_test(failed_allocations_are_told),
    };
    arena = tn_arena_new(0);
    int failed = cmocka_run_group_tests(test, NULL, NULL);
    tn_arena_free(arena);
    return failed;
}
