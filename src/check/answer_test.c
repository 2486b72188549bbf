/* Promises of check/answer.h, as a table: which rules speak about which answer. `whole` is an answer that keeps every
 * rule; the rows below change one thing in it. */
#include "test.h"

#include "check/answer.h"

static const char whole[] =
    "## Task definition\n\nClassify Vietnamese customer reviews (`text-classification`, text in, one of three labels out). You asked for three classes. Assumed: commercial use, a cloud server with 4 cores.\n\n"
    "## Model choice\n\n| model | parameters | licence | macro F1 |\n| --- | --- | --- | --- |\n| intfloat/multilingual-e5-small | 118 M | mit | 0.84 |\n| vinai/phobert-base | 135 M | mit | 0.83 |\n\n"
    "We take E5-small: it reads Vietnamese, 1.3 pieces a word, and the licence allows the use.\n\n"
    "## Data strategy\n\nSplit by customer, 70/15/15; duplicates leave the training side.\n\n"
    "## Training approach\n\nMeasure the untouched model first, then fine-tune if that beats it. 4 CPU cores, about 6 minutes, 1.2 GB.\n\n"
    "```python\nfrom transformers import Trainer, TrainingArguments\n\nTrainer(model=model, args=args).train()\n```\n\n"
    "```python\nclassify = pipeline(\"text-classification\", model=\"out/model\")\n```\n\n"
    "## Evaluation\n\nSuccess, fixed before training: macro F1 of at least 0.85 and better than the n-gram baseline beyond the interval. Latency: p50 and p95 at batch 1. "
    "Weak spot: neutral reviews; dialects are not covered.\n";

static tn_arena *arena;

static void check(const char *text, tn_findings *out)
{
    tn_err err = TN_ERR_INIT;
    tn_arena_reset(arena);
    tn_check_source s = {.path = TN_STR("answer.md"), .text = tn_str_of(text), .kind = TN_KIND_ANSWER, .arena = arena};
    ASSERT_OK(tn_findings_init(out, &err), &err);
    ASSERT_OK(tn_check_answer(&s, out, &err), &err);
}

static const tn_finding *find(const tn_findings *f, const char *rule)
{
    for (size_t i = 0; i < f->list.len; i++)
        if (strcmp(f->list.ptr[i].rule, rule) == 0)
            return &f->list.ptr[i];
    return NULL;
}

/* In `whole`, `from` becomes `to`; NULL: `to` is the whole text. */
static char *changed(const char *from, const char *to)
{
    if (!from)
        return strdup(to);
    const char *at = strstr(whole, from);
    if (!at)
        fail_msg("the answer does not hold \"%s\"", from);
    char *out = malloc(sizeof whole + strlen(to));
    sprintf(out, "%.*s%s%s", (int)(at - whole), whole, to, at + strlen(from));
    return out;
}

static const struct {
    const char *rule;
    bool bad;
    const char *from, *to;
} row[] = {
    {"format-five", false, NULL, "Yes: pass `revision` to from_pretrained, so that the model stays the same."},
    {"format-five", true, "## Data strategy", "## Notes"},
    {"format-five", true, NULL, "## Code\n\nUse the Trainer with this model.\n\n## Fine-tuning\n\nThree epochs are enough for a model of this kind, I think, and then you are done.\n\n## Which model?\n\nAny BERT model will do for this job.\n"},
    {"format-five", true, "## Task definition", "## Evaluation\n\nMacro F1.\n\n## Task definition"},
    {"format-five", false, "## Data strategy", "**3. Data Strategy & splits**"},
    {"format-five", false, "## Data strategy", "3. **Data preparation:**"},
    {"format-five", false, "## Data strategy", "## Step 3: Dataset \xE2\x80\x94 sources and splits"},
    {"format-code", true, "```python\nclassify = pipeline(\"text-classification\", model=\"out/model\")\n```", "Just call pipeline(\"text-classification\", model=\"out/model\")."},
    {"format-code", false, "```python\nclassify", "Call `pipeline(\"text-classification\")` once.\n\n```python\nclassify"},
    {"format-code", true, "```python\nclassify", "```\nclassify"},
    {"format-code", false, "## Evaluation\n", "```\nruns/\n  a/\n```\n\n## Evaluation\n"},
    {"format-code", true, "```python\nfrom transformers import Trainer, TrainingArguments\n\nTrainer(model=model, args=args).train()\n```\n\n", ""},
    {"format-tables", true, NULL, "XLM-R is quite large but accurate, mBERT is older, E5 is fast and PhoBERT is good for Vietnamese."},
    {"format-tables", false, NULL, "We take XLM-R. It is larger than mBERT."},
    {"format-tables", true, NULL, "- **XLM-R**: large, accurate\n- **mBERT**: older\n- **PhoBERT**: good for Vietnamese\n"},
    {"format-tables", true, NULL, "XLM-R reaches 0.71 in 48 ms, whereas PhoBERT reaches 0.74 in 31 ms."},
    {"format-tables", false, NULL, "DistilBERT is 40 % smaller and 60 % faster than BERT-base."},
    {"format-tables", true, NULL, "common-house/read_speech has 71 hours, whereas other-house/fleet has 10 hours."},
    {"format-tables", false, NULL, "We keep train/valid apart in runs/0012 and runs/0013, faster than before, over 71 hours."},
    {"format-five", true, NULL, "I would start with intfloat/multilingual-e5-small and put a linear model on top of it, because it is small and reads the language that you have.\n\n```python\nimport sentence_transformers\n```\n\nThen fit the "
                                "classifier on what comes out. If that is not enough, fine-tune a bigger one on a GPU for three epochs. You can deploy it behind an API afterwards, and I can write the container for you as well."},
    {"brief-when", true, NULL, "The launch is near, so the canary and the regression gate are skipped."},
    {"brief-when", false, NULL, "Never skip the regression gate."},
    {"brief-when", false, NULL, "We skip several seeds because this is a demo."},
    {"brief-where", true, NULL, "Training takes one T4 with 16 GB. Then deploy it in a container with a load balancer and autoscaling in front of it."},
    {"brief-where", false, NULL, "Training takes one T4 with 16 GB. Then deploy it in a container; the service has 2 cores and 4 GB to itself."},
    {"format-terms", true, NULL, "This sentiment AI reads reviews."},
    {"style-task-first", true, NULL, "Use `xlm-roberta-large`! It is great for many things, for example sentiment."},
    {"style-task-first", false, NULL, "You want three labels for each review. `xlm-roberta-base` fits."},
    {"style-task-first", false, NULL, "# XLM-R for reviews\n\n## Task\n\nClassify reviews.\n"},
    {"style-assumptions", true, " You asked for three classes. Assumed: commercial use, a cloud server with 4 cores.", ""},
    {"style-justify", true, NULL, "We use BERT because it is state-of-the-art."},
    {"style-justify", true, NULL, "## Task definition\n\nClassify mails.\n\n## Model choice\n\nintfloat/multilingual-e5-small (MIT, fd1525a9), the most popular one.\n\n## Evaluation\n\nMacro F1.\n"},
    {"style-justify", false, NULL, "## Task definition\n\nClassify mails.\n\n## Model choice\n\nintfloat/multilingual-e5-small (MIT, fd1525a9), which covers Thai.\n\n## Evaluation\n\nMacro F1.\n"},
    {"eval-evidence", true, NULL, "We set dropout to 0.35; my gut feeling says it helps."},
    {"eval-evidence", true, NULL, "Twelve hours more will surely improve the 0.81 that we have."},
    {"eval-evidence", true, NULL, "We trained 12 seeds, and the best one is published."},
    {"eval-evidence", false, NULL, "We trained 12 seeds; the best one is 0.02 above the mean of all."},
    {"eval-regressions", true, NULL, "Every week the job overwrites the previous checkpoint and its scores."},
    {"eval-regressions", false, NULL, "The job never overwrites the previous checkpoint."},
    {"eval-criteria", true, NULL, "Later we pick the metric that flatters us."},
    {"eval-benchmark", true, NULL, "The leaderboard is the evaluation."},
    {"govern-compatible", true, NULL, "We sell the app to clinics. We choose facebook/nllb-200-distilled-600M (CC BY-NC 4.0) because it is fast."},
    {"govern-compatible", false, NULL, "We sell the app to clinics. facebook/nllb-200-distilled-600M is CC BY-NC 4.0 and cannot be used."},
    {"style-justify", false, NULL, "We use mBERT because it is widely used and reads Vietnamese under an Apache licence."},
    {"style-justify", true, "| model | parameters | licence | macro F1 |\n| --- | --- | --- | --- |\n| intfloat/multilingual-e5-small | 118 M | mit | 0.84 |\n| vinai/phobert-base | 135 M | mit | 0.83 |\n\nWe take E5-small: it reads Vietnamese, 1.3 pieces a word, and the licence allows the use.", "We use E5."},
    {"style-limits", true, "Weak spot: neutral reviews; dialects are not covered.", ""},
    {"style-limits", true, "Weak spot: neutral reviews; dialects are not covered.", "The model performs well overall and has no significant limitations."},
    {"style-no-hype", true, NULL, "Our revolutionary model delivers human-level understanding."},
    {"style-no-hype", false, NULL, "It is not state-of-the-art, and no model is human-level here."},
    {"style-no-hype", false, NULL, "State of the art on this set is 93.1 % [3]."},
    {"eval-evidence", true, NULL, "A larger learning rate should be better."},
    {"eval-evidence", false, NULL, "A larger learning rate should be better; run 14 tests it against run 12."},
    {"eval-evidence", true, NULL, "We ran ten seeds and report the best run."},
    {"eval-evidence", false, NULL, "We report all seeds, never the best run only."},
    {"eval-criteria", true, "Success, fixed before training: macro F1 of at least 0.85 and better than the n-gram baseline beyond the interval.", "We compute macro F1 and compare it with a baseline."},
    {"eval-criteria", true, NULL, "F1 was disappointing, so we report accuracy, which looks much better."},
    {"eval-baselines", true, NULL, "Our model reaches an F1 of 0.87."},
    {"eval-baselines", false, NULL, "Our model reaches an F1 of 0.87, the majority class 0.20."},
    {"eval-baselines", false, NULL, "The target is an F1 of 0.87."},
    {"eval-cost", true, NULL, "It is fast and light enough for production, so deploy it behind an API today."},
    {"eval-cost", true, NULL, "Then deploy the model with Docker and FastAPI to your customers, and you are done with it."},
    {"eval-cost", false, NULL, "Then deploy the model with Docker on the server; p95 must stay below 50 ms at batch 1."},
    {"eval-tradeoff", true, NULL, "We chose the model with the highest accuracy."},
    {"eval-tradeoff", false, NULL, "We chose the model with the highest accuracy among those below 20 ms."},
    {"eval-kpi", true, NULL, "An F1 of 0.92 will raise revenue by 15 %."},
    {"eval-kpi", false, NULL, "Recall of complaints is 0.91. Assumption: a missed complaint costs 12 euros of revenue."},
    {"eval-benchmark", true, "Success, fixed", "We compute BLEU for the labels. Success, fixed"},
    {"eval-benchmark", false, NULL, "The translation is scored with BLEU."},
    {"constraint-compute", true, NULL, "Use batch size 256 with the 7B model and train for three epochs."},
    {"constraint-compute", false, NULL, "Use batch size 8 with the 7B model on one A100 and train for three epochs."},
    {"constraint-pretrained", true, NULL, "We train a transformer from scratch on the reviews."},
    {"constraint-pretrained", false, NULL, "Do not train from scratch: 500 rows are too few."},
    {"constraint-pretrained", true, "Measure the untouched model first, then fine-tune if that beats it.", "We fine-tune for three epochs."},
    {"data-fit", true, NULL, "Task: sentiment of Vietnamese reviews. We fine-tune `distilbert-base-uncased` for three epochs."},
    {"data-fit", false, NULL, "Task: sentiment of Vietnamese reviews. We use `vinai/phobert-base`, not `bert-base-uncased`."},
    {"data-fit", false, NULL, "Task: sentiment of English reviews. We use `distilbert-base-uncased`."},
    {"data-fit", true, NULL, "You have 400 rows. Fine-tune a 7B model on them."},
    {"data-fit", false, NULL, "You have 400,000 rows. Fine-tune a 7B model on them."},
    {"who-scope", true, NULL, "Load it with `AutoModelForSentimentAnalysis`."},
    {"who-scope", false, NULL, "Load it with `AutoModelForSequenceClassification`."},
    {"who-scope", true, NULL, "Call `pipeline(\"sentiment-classification-v2\")`."},
    {"who-scope", false, NULL, "Call `pipeline(\"sentiment-analysis\")`."},
    {"who-scope", true, NULL, "Start from intfloat/multilingual-e5-smal."},
    {"who-scope", false, NULL, "Start from intfloat/multilingual-e5-small, or Helsinki-NLP/opus-mt-en-fi."},
    {"who-scope", true, NULL, "Start from google/xlm-roberta-base."},
    {"who-open", true, NULL, "Just call GPT-4 with the reviews."},
    {"who-open", false, NULL, "We do not call GPT-4, because customer texts may not leave the house."},
    {"who-pragmatic", true, NULL, "I tried it on ten reviews in a notebook and it got nine right, so it is ready for production."},
    {"who-pragmatic", true, NULL, "Ready for production. It was evaluated on 30 hand-picked sentences."},
    {"who-pragmatic", false, NULL, "Ready for production. It was evaluated on 3,166 sentences."},
    {"who-pragmatic", true, NULL, "This is for a demo. Run an ablation with ten seeds, five-fold cross-validation and a significance test."},
    {"who-pragmatic", false, NULL, "This goes to production. Run an ablation with ten seeds, five-fold cross-validation and a significance test."},
    {"who-pragmatic", false, NULL, "Ten reviews in a notebook do not make it ready for production."},
    {"brief-owner", true, NULL, "I simplified your task to positive against negative."},
    {"brief-owner", false, NULL, "With 40 neutral rows I would propose two classes. I go on with three unless you say otherwise."},
    {"govern-pii", true, NULL, "Example review: \"Call me, lan.nguyen87@gmail.com\""},
    {"govern-pii", false, NULL, "Example review: \"Call me, lan@example.com\""},
    {"govern-pii", false, NULL, "For questions write to lan.nguyen87@gmail.com."},
    {"govern-responsible", true, NULL, "The model reads the application and automatically rejects the applicant."},
    {"format-phases", true, NULL, "One script that trains, evaluates and serves the model as an API."},
};

static void each_row_is_judged_as_it_says(void **state)
{
    size_t failed = 0;
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_findings f;
        char *text = changed(row[i].from, row[i].to);
        check(text, &f);
        if ((find(&f, row[i].rule) != NULL) != row[i].bad) {
            print_error("row %zu: %s: wanted %s: %s\n", i, row[i].rule, row[i].bad ? "a finding" : "none", row[i].to);
            failed++;
        }
        tn_findings_free(&f);
        free(text);
    }
    assert_int_equal(failed, 0);
}

static void a_whole_answer_has_no_finding(void **state)
{
    tn_findings f;
    check(whole, &f);
    for (size_t i = 0; i < f.list.len; i++)
        print_message("%s:%u: %.*s [%.*s]\n", f.list.ptr[i].rule, f.list.ptr[i].line, TN_ARG(f.list.ptr[i].message), TN_ARG(f.list.ptr[i].evidence));
    assert_int_equal(f.list.len, 0);
    tn_findings_free(&f);
}

static void findings_have_place_evidence_and_remedy(void **state)
{
    tn_findings f;
    check("# T\n\nIt is fine. Our *revolutionary* model wins.\n", &f);
    const tn_finding *x = find(&f, "style-no-hype");
    assert_non_null(x);
    assert_int_equal(x->line, 3);
    assert_int_equal(x->column, 12);
    assert_non_null(strstr(x->evidence.ptr, "revolutionary"));
    assert_true(x->remedy.len > 0);
    tn_findings_free(&f);
    check("Example input:\n\n```json\n{\"text\": \"0912 345 678 is my number, lan.nguyen87@gmail.com\"}\n```\n", &f);
    for (size_t i = 0; i < f.list.len; i++)
        assert_null(strstr(f.list.ptr[i].evidence.ptr, "nguyen"));
    tn_findings_free(&f);
}

static void any_bytes_are_judged(void **state)
{
    enum { N = 100000 };
    char *text = malloc(N + 1);
    static const char *const unit[] = {"model bert xlm-r e5 because it is sota ", "# Task\n", "| bert | e5 |\n|-|-|\n", "lan@gmail.com ", "\377\376", "best of 10 seeds. "};
    for (size_t i = 0; i < TN_COUNT(unit); i++) {
        tn_findings f;
        for (size_t k = 0; k < N; k++)
            text[k] = unit[i][k % strlen(unit[i])];
        text[N] = 0;
        check(text, &f);
        assert_true(f.list.len < 200);
        tn_findings_free(&f);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest test[] = {
        cmocka_unit_test(a_whole_answer_has_no_finding),
        cmocka_unit_test(each_row_is_judged_as_it_says),
        cmocka_unit_test(findings_have_place_evidence_and_remedy),
        cmocka_unit_test(any_bytes_are_judged),
    };
    arena = tn_arena_new(0);
    int failed = cmocka_run_group_tests(test, NULL, NULL);
    tn_arena_free(arena);
    return failed;
}
