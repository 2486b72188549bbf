/* Promises of the card checkers, as a table: `whole` is a model card that keeps every rule; a row changes one thing. */
#include "test.h"

#include "check/checkers.h"

static const char whole[] =
    "---\nlibrary_name: transformers\npipeline_tag: text-classification\nlicense: mit\nlanguage: vi\nbase_model: intfloat/multilingual-e5-small\nmetrics:\n- f1\n---\n\n# e5-reviews\n\n"
    "Labels Vietnamese reviews as negative, neutral or positive. Assumed: texts under 256 tokens.\n\n"
    "## Limits\n\nWeakest class: neutral, F1 0.71. Dialects were not tested.\n\n"
    "## Training\n\nFine-tuned for five epochs at a learning rate of 5e-5 on 769 reviews, on 4 CPU cores, in 6 minutes.\n\n"
    "## Evaluation\n\n| model | macro F1 |\n| --- | --- |\n| this model | 0.84 |\n| n-grams | 0.79 |\n| majority class | 0.20 |\n\n"
    "## Intended use\n\nFor counting opinions about products; not for decisions about single people.\n\n"
    "## How to use\n\n```python\nclassify = pipeline(\"text-classification\", model=\"shop/e5-reviews\")\n```\n";

static const char data_whole[] = "---\nlicense: cc0-1.0\nlanguage: [vi, en]\ntask_categories:\n- text-classification\nsize_categories:\n- 1K<n<10K\n---\n\n# Reviews\n\nReviews of products, with a label each, written by two people in the year of this card, and checked "
                                 "by a third one who did not see the labels before.\n\n## Limits\n\nIrony is over-represented, and dialects are rare: they are 2 % of the texts.\n\n## Ethical considerations\n\nNo customer wrote these texts; nobody can be recognised in them.\n\n## Columns\n\n"
                                 "| column | meaning |\n| --- | --- |\n| text | the review in one line, as it was typed |\n| label | one of the three labels |\n";

static const struct {
    const char *rule;
    bool bad;
    const char *from, *to;
} row[] = {
    {"govern-cards", true, "license: mit", "license: [mit"},
    {"govern-licence", true, "license: mit\n", ""},
    {"govern-licence", true, "license: mit", "license: unknown"},
    {"govern-licence", true, "license: mit", "license: apache2"},
    {"govern-licence", true, "license: mit", "license: MIT"},
    {"govern-licence", true, "license: mit", "license: other"},
    {"govern-licence", false, "license: mit", "license: other\nlicense_name: shop-terms\nlicense_link: LICENSE"},
    {"govern-licence", true, "license: mit", "license: [mit, apache-2.0]"},
    {"govern-compatible", true, "base_model: intfloat/multilingual-e5-small", "base_model: meta-llama/Llama-3.1-8B"},
    {"govern-compatible", false, "license: mit\nlanguage: vi\nbase_model: intfloat/multilingual-e5-small", "license: llama3.1\nbase_model: meta-llama/Llama-3.1-8B"},
    {"govern-compatible", true, "metrics:\n", "datasets:\n- some-org/reviews-cc-by-nc-4.0\nmetrics:\n"},
    {"govern-compatible", true, "on 769 reviews,", "on 769 reviews under CC BY-NC 4.0,"},
    {"govern-provenance", true, "base_model: intfloat/multilingual-e5-small", "base_model: ./out/checkpoint-500"},
    {"govern-provenance", true, "base_model: intfloat/multilingual-e5-small", "base_model: unknown"},
    {"govern-provenance", true, "library_name: transformers\npipeline_tag: text-classification\nlicense: mit\nlanguage: vi\nbase_model: intfloat/multilingual-e5-small", "library_name: peft\nlicense: mit"},
    {"govern-provenance", true, "shop/e5-reviews\")", "shop/e5-reviews\", trust_remote_code=True)"},
    {"format-terms", true, "pipeline_tag: text-classification", "pipeline_tag: sentiment-ai"},
    {"format-terms", true, "language: vi", "language: Vietnamese"},
    {"format-terms", false, "language: vi", "language:\n- no\n- zh-Hant\n- multilingual"},
    {"format-terms", true, "library_name: transformers", "library_name: huggingface"},
    {"format-terms", true, "metrics:\n", "base_model_relation: tuned\nmetrics:\n"},
    {"constraint-task", true, NULL, "---\nlicense: mit\n---\n# X\n\nIt is ours.\n"},
    {"data-limits", true, "Weakest class: neutral, F1 0.71. Dialects were not tested.", "[More Information Needed]"},
    {"data-limits", true, "Weakest class: neutral, F1 0.71. Dialects were not tested.", "Like all models, this one may contain biases."},
    {"style-limits", true, "## Limits\n\nWeakest class: neutral, F1 0.71. Dialects were not tested.\n\n## Training", "## Training"},
    {"govern-ethics", true, "## Intended use\n\nFor counting opinions about products; not for decisions about single people.\n\n", "## Ethical considerations\n\n"},
    {"govern-cards", true, "0.84", "XX.X %"},
    {"govern-cards", true, "For counting opinions", "TODO. For counting opinions"},
    {"govern-cards", false, "For counting opinions", "Hecho para todo. For counting opinions"},
    {"govern-cards", true, "metrics:\n- f1", "model-index:\n- name: x\n  results:\n  - task:\n      type: text-classification\n    dataset:\n      type: a\n      name: b\n    metrics:\n    - type: f1"},
    {"govern-cards", false, "metrics:\n- f1", "model-index:\n- name: x\n  results:\n  - task:\n      type: text-classification\n    dataset:\n      type: a\n      name: b\n    metrics:\n    - type: f1\n      value: 0.84"},
    {"constraint-evaluate", true, NULL,
     "---\nlicense: mit\n---\n# Reviews\n\nClassifies reviews in Vietnamese. It is weak on irony, and should not judge people.\n\n## Training\n\nTrained on our own reviews, on one laptop, with a linear schedule and early stopping; the rows "
     "were shuffled once, and copies were removed before that. The head is a linear layer over the mean of the tokens, and nothing else was changed in the encoder.\n\n## Use\n\nFor shops.\n"},
    {"eval-baselines", true, "| model | macro F1 |\n| --- | --- |\n| this model | 0.84 |\n| n-grams | 0.79 |\n| majority class | 0.20 |", "Macro F1 is 0.84 on the test split."},
    {"eval-benchmark", true, "metrics:\n- f1", "metrics:\n- bleu"},
    {"data-fit", true, "base_model: intfloat/multilingual-e5-small", "base_model: google-bert/bert-base-uncased"},
    {"eval-kpi", true, "| model | macro F1 |\n", "| model | macro F1 and revenue |\n"},
    {"style-assumptions", true, "## Training", "## Assumptions\n\n## Training"},
    {"govern-cards", true, "metrics:\n- f1", "model-index:\n- name: x\n  results:\n  - task:\n      type: text-classification\n    dataset:\n      type: a\n      name: b\n    metrics:\n    - type: f1\n      value: 0.91"},
    {"govern-cards", false, "metrics:\n- f1", "model-index:\n- name: x\n  results:\n  - task:\n      type: text-classification\n    dataset:\n      type: a\n      name: b\n    metrics:\n    - type: f1\n      value: 84.3"},
    {"constraint-compute", true, ", on 4 CPU cores, in 6 minutes", ""},
    {"eval-cost", true, "## How to use", "## Deployment\n\nPut it behind an API and let all customers use it.\n\n## How to use"},
    {"data-versions", true, "shop/e5-reviews\")", "shop/e5-reviews\", revision=\"main\")"},
    {"data-copypaste", true, "shop/e5-reviews", "your-username/your-model-name"},
    {"format-code", true, "```python", "```"},
    {"style-no-hype", true, "Labels Vietnamese", "A revolutionary model. Labels Vietnamese"},
    {"style-justify", true, "Labels Vietnamese", "We chose BERT because it is state-of-the-art.\n\nLabels Vietnamese"},
    {"eval-kpi", true, "Labels Vietnamese", "An F1 this high will raise revenue.\n\nLabels Vietnamese"},
    {"govern-pii", true, "For counting", "Example input: \"hỏi lan.nguyen87@gmail.com\".\n\nFor counting"},
    {"govern-responsible", true, "Labels Vietnamese reviews as negative, neutral or positive.", "Ranks job applicants by their resumes."},
};

static const struct {
    const char *rule;
    bool bad;
    const char *from, *to;
} data_row[] = {
    {"govern-licence", true, "license: cc0-1.0\n", ""},
    {"format-terms", true, "1K<n<10K", "2000"},
    {"format-terms", true, "- text-classification", "- sentiment"},
    {"data-limits", true, "Irony is over-represented, and dialects are rare: they are 2 % of the texts.", "None known."},
    {"govern-ethics", true, "No customer wrote these texts; nobody can be recognised in them.", ""},
    {"govern-cards", true, "Reviews of products", "TBD. Reviews of products"},
    {"govern-pii", true, "the review in one line, as it was typed", "for example: gọi 0987 214 306"},
    {"data-hub", true, "Reviews of products", "A cleaned version of IMDB. Reviews of products"},
    {"data-hub", false, "Reviews of products", "A cleaned version of [IMDB](https://huggingface.co/datasets/stanfordnlp/imdb). Reviews of products"},
};

static tn_arena *arena;

static void run(tn_checker *checker, const char *text, tn_findings *out)
{
    tn_err err = TN_ERR_INIT;
    tn_arena_reset(arena);
    tn_check_source s = {.path = TN_STR("README.md"), .text = tn_str_of(text), .arena = arena};
    ASSERT_OK(tn_findings_init(out, &err), &err);
    ASSERT_OK(checker(&s, out, &err), &err);
}

static char *changed(const char *text, const char *from, const char *to)
{
    const char *at = from ? strstr(text, from) : NULL;
    if (!from)
        return strdup(to);
    if (!at)
        fail_msg("the card does not hold \"%s\"", from);
    char *out = malloc(strlen(text) + strlen(to) + 1);
    sprintf(out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    return out;
}

static size_t judge(tn_checker *checker, const char *text, const char *rule, bool bad, const char *from, const char *to)
{
    tn_findings f;
    char *card = changed(text, from, to);
    bool found = false;
    run(checker, card, &f);
    for (size_t i = 0; i < f.list.len; i++) {
        found = found || strcmp(f.list.ptr[i].rule, rule) == 0;
        if (f.list.ptr[i].line == 0 || f.list.ptr[i].remedy.len == 0)
            fail_msg("%s: a finding without line or remedy", f.list.ptr[i].rule);
    }
    tn_findings_free(&f);
    free(card);
    if (found != bad)
        print_error("%s: wanted %s: %s\n", rule, bad ? "a finding" : "none", to);
    return found != bad;
}

static void each_row_is_judged_as_it_says(void **state)
{
    size_t failed = 0;
    for (size_t i = 0; i < TN_COUNT(row); i++)
        failed += judge(tn_check_model_card, whole, row[i].rule, row[i].bad, row[i].from, row[i].to);
    for (size_t i = 0; i < TN_COUNT(data_row); i++)
        failed += judge(tn_check_data_card, data_whole, data_row[i].rule, data_row[i].bad, data_row[i].from, data_row[i].to);
    assert_int_equal(failed, 0);
}

static void whole_cards_have_no_finding(void **state)
{
    tn_findings f;
    const char *text[] = {whole, data_whole};
    tn_checker *checker[] = {tn_check_model_card, tn_check_data_card};
    for (size_t k = 0; k < 2; k++) {
        run(checker[k], text[k], &f);
        for (size_t i = 0; i < f.list.len; i++)
            print_error("%s:%u: %.*s [%.*s]\n", f.list.ptr[i].rule, f.list.ptr[i].line, TN_ARG(f.list.ptr[i].message), TN_ARG(f.list.ptr[i].evidence));
        assert_int_equal(f.list.len, 0);
        tn_findings_free(&f);
    }
}

int main(void)
{
    const struct CMUnitTest test[] = {
        cmocka_unit_test(whole_cards_have_no_finding),
        cmocka_unit_test(each_row_is_judged_as_it_says),
    };
    arena = tn_arena_new(0);
    int failed = cmocka_run_group_tests(test, NULL, NULL);
    tn_arena_free(arena);
    return failed;
}
