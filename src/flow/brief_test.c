/* Promises of flow/brief.h: what a brief says is read with its words, and nothing else is. */
#include "test.h"

#include "base/sha256.h"
#include "flow/brief.h"

static const char example[] =
    "---\ndata: reviews.csv\n---\n"
    "Task:\nSelect and fine-tune a sentiment analysis model for Vietnamese customer reviews.\n\n"
    "Why it matters:\nManual review analysis does not scale and delays product feedback.\n\n"
    "Where this applies:\nCloud-based inference API for an e-commerce platform.\n\n"
    "When this is needed:\nBefore launching the next product feedback dashboard.\n";

static void the_documents_example_is_understood(void **state)
{
    tn_arena *a = tn_arena_new(0);
    tn_brief b;
    tn_err err;
    ASSERT_OK(tn_brief_parse(tn_str_of(example), "brief.md", a, &b, &err), &err);
    ASSERT_STR(tn_brief_fact(&b, "task", NULL)->value, "text-classification");
    ASSERT_STR(tn_brief_fact(&b, "task", NULL)->words, "sentiment analysis");
    assert_int_equal(tn_brief_fact(&b, "task", NULL)->line, 5);
    assert_true(tn_brief_has(&b, "action", "select") && tn_brief_has(&b, "action", "fine-tune"));
    assert_false(tn_brief_has(&b, "action", "evaluate"));
    assert_false(tn_brief_has(&b, "action", "pipeline"));
    assert_false(tn_brief_has(&b, "action", "deploy"));
    assert_true(tn_brief_has(&b, "language", "vi"));
    assert_true(tn_brief_has(&b, "goal", "feature"));
    assert_true(tn_brief_has(&b, "environment", "production"));
    assert_true(tn_brief_has(&b, "phase", "deploy"));
    assert_true(tn_brief_has(&b, "licence_use", "commercial"));
    assert_true(tn_brief_has(&b, "problem", "single-label"));
    assert_false(tn_brief_is_missing(&b, "data"));
    assert_true(tn_brief_is_missing(&b, "metric"));
    ASSERT_STR(b.part[TN_WHY], "Manual review analysis does not scale and delays product feedback.");
    tn_brief_free(&b);
    tn_arena_free(a);
}

static void no_word_is_lost_between_the_parts(void **state)
{
    static const struct {
        const char *text, *part[TN_N_PARTS];
    } row[] = {
        {"Dear team,\nTask:\nA\nTask: B\nWhy: C", {"Dear team,\n\nA\nTask: B", "C", "", ""}},
        {"Task: A\nWhen: D\nTask: B\n\n  two\nWhere: E\nTask:\n\nC", {"A\n\nB\n\n  two\n\nC", "", "E", "D"}},
        {"Why: only this", {"", "only this", "", ""}},
        {"free prose\r\nof two lines\r\n", {"free prose\r\nof two lines", "", "", ""}},
        {"---\ndata: x.csv\n---\nTask: A", {"A", "", "", ""}},
        {"Task:\nWhy:\nTask:\n", {"", "", "", ""}},
        {"", {"", "", "", ""}},
        {tn_brief_template, {"", "", "", ""}},
        {"Task:\nSort [Describe the ML task and modality.] so\nWhy:\r\n[Explain the business or research goal.]\r\nWhere:\nhere\n(Optional)",
         {"Sort [Describe the ML task and modality.] so", "", "here\n(Optional)", ""}},
        {"When:\n[Experimentation, training, deployment.]\n(Optional) soon", {"", "", "", "(Optional) soon"}},
    };
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_arena *a = tn_arena_new(0);
        tn_brief b;
        tn_err err;
        ASSERT_OK(tn_brief_parse(tn_str_of(row[i].text), "brief.md", a, &b, &err), &err);
        for (int p = 0; p < TN_N_PARTS; p++)
            ASSERT_STR(b.part[p], row[i].part[p]);
        ASSERT_STR(b.front_text, tn_str_starts(tn_str_of(row[i].text), "---") ? "data: x.csv\n" : "");
        tn_brief_free(&b);
        tn_arena_free(a);
    }
}

static void the_template_is_the_documents_and_says_nothing(void **state)
{
    tn_arena *a = tn_arena_new(0);
    tn_brief b;
    tn_err err;
    /* sha256 of the template in the source document, its last line ended. */
    assert_string_equal(tn_sha256(tn_str_bytes(tn_str_of(tn_brief_template))).hex, "800f7bb329fbc351a90b0b90e481d10fa3516047ecbb6df6f786f0e535fc27a9");
    ASSERT_OK(tn_brief_parse(tn_str_of(tn_brief_template), "brief.md", a, &b, &err), &err);
    assert_int_equal(b.facts.len, 0);
    assert_true(tn_brief_is_missing(&b, "task") && tn_brief_is_missing(&b, "goal"));
    tn_brief_free(&b);
    tn_arena_free(a);
}

static void facts_are_read_from_prose(void **state)
{
    static const struct {
        const char *text, *field, *value; /* value NULL: the field must stay unset */
    } row[] = {
        {"Classify tickets, p95 under 120 ms.", "max_latency_ms", "120"},
        {"Answers within 0.5 seconds for intent detection.", "max_latency_ms", "500"},
        {"Sort tickets, an answer in under half a second.", "max_latency_ms", "500"},
        {"Sort tickets in less than a tenth of a second.", "max_latency_ms", "100"},
        {"Sort photos of bottles, 4 bottles a second.", "max_latency_ms", "250"},
        {"Sort tickets, 40 requests a second.", "max_latency_ms", NULL},
        {"Spam filter, the model fits in 2 GB of RAM.", "max_memory_mb", "2048"},
        {"Spam filter, must fit into 8 gigs of memory.", "max_memory_mb", "8192"},
        {"Summarise minutes, no more than three billion parameters.", "max_params_m", "3000"},
        {"Grade apples in photos - fine, bruised, rotten.", "label", "fine"},
        {"Sort reports into \"safe\", \"repair\" and \"closed\".", "label", "safe"},
        {"Decide whether the clause complies, conflicts, or is unrelated.", "label", "complies"},
        {"Moderate chat lines, clean/insult/threat.", "label", "clean"},
        {"Summarise letters.", "problem", NULL},
        {"Task: sentiment of reviews\nWhere this applies: research", "environment", "research"},
        {"Sentiment model, macro F1 at least 0.85.", "min_metric", "macro_f1 >= 0.85"},
        {"Sentiment model with accuracy above 90 %.", "min_metric", "accuracy >= 0.9"},
        {"Route mails to one of six teams: motor, property, other.", "labels", "6"},
        {"Route mails to one of six teams: motor, property, other.", "label", "motor"},
        {"77 intents of bank customers.", "labels", "77"},
        {"Use an existing model, no fine-tuning.", "action", NULL},
        {"Sentiment for a university thesis.", "licence_use", "research"},
        {"Sentiment of reviews. Data: 900 reviews.", "language", NULL},
        {"German and Polish reviews by sentiment.", "language", "de"},
        {"Even so, classify the mails.", "language", NULL},
        {"Runs on CPU virtual machines; classify intents.", "environment", "cloud-cpu"},
        {"Make tea.", "task", NULL},
        /* evidence adds up; one ambiguous word does not make a second task */
        {"Basque NER model, trained on our GPU cluster.", "task", "token-classification"},
        {"Basque NER model, trained on our GPU cluster.", "modality", "text"},
        {"Video classification of conveyor clips: jam, spill, empty.", "task", "video-classification"},
        {"Sign recogniser for photos of road signs, 43 classes, one sign per photo.", "task", "image-classification"},
        {"Find the passages in our manual, then write the answer with the page number.", "task", "sentence-similarity"},
        {"Find the passages in our manual, then write the answer with the page number.", "task", "text-generation"},
        {"Corregir errores gramaticales en textos en gallego.", "task", "text-generation"},
        /* a no reaches to the first thing behind it */
        {"Sort mails without training, against our rules.", "action", "evaluate"},
        {"Sort mails without training or evaluation.", "action", "pipeline"},
        {"Hate speech yes/no for Sinhala comments.", "language", "si"},
        /* labels */
        {"Is a caption funny or not funny? Classify the text.", "label", "not funny"},
        {"Classify notices: lack of fusion, undercut, ok.", "label", "lack of fusion"},
        {"Classify pairs of texts: fully, partly, not.", "label", "not"},
        /* languages in company */
        {"Posts of a Filipino and English market group, spam or not.", "language", "en"},
        {"Posts of an English market group, spam or not.", "language", NULL},
        /* units of two characters */
        {"判断评论是否垃圾，50 毫秒以内。", "max_latency_ms", "50"},
        /* heads by equals signs; an item without a head stands in every part */
        {"task = spam filter\nwhy = rules miss every second one\nwhere = mail company, CPU", "goal", "accuracy"},
        {"- what: spam filter\n- why: fun project\n- we have an A100", "environment", "cloud-gpu"},
        /* what a rule wants */
        {"Task: hate speech filter, 2 % are hateful, accuracy above 0.95.", "rule", "eval-benchmark"},
        {"Task: hate speech filter, 2 % are hateful, recall above 0.95.", "rule", NULL},
        {"Task: fine-tune on song texts with a non-commercial licence.\nWhere: app company.", "rule", "govern-compatible"},
        {"Task: fine-tune on song texts with a non-commercial licence.\nWhere: university.", "rule", "govern-licence"},
        {"Sentiment of customer reviews.", "rule", NULL},
        {"Classify our customers' chat logs.", "rule", "govern-pii"},
        {"Predict which subscribers will leave.", "rule", "govern-pii"},
    };
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_arena *a = tn_arena_new(0);
        tn_brief b;
        tn_err err;
        ASSERT_OK(tn_brief_parse(tn_str_of(row[i].text), "b", a, &b, &err), &err);
        const tn_fact *f = tn_brief_fact(&b, row[i].field, NULL);
        if (!row[i].value ? f != NULL : !tn_brief_has(&b, row[i].field, row[i].value))
            fail_msg("\"%s\": %s is \"%s\", wanted %s", row[i].text, row[i].field, f ? f->value.ptr : "", row[i].value ? row[i].value : "nothing");
        tn_brief_free(&b);
        tn_arena_free(a);
    }
}

static void parts_are_found_in_any_order_and_dress(void **state)
{
    static const char *text[] = {
        "when: soon\nWHERE THIS APPLIES: here\nTask: classify\nwhy it matters: money",
        "## When\n\nsoon\n\n## Where this applies\nhere\n\n# Task\nclassify\n\n### Why it matters\nmoney\n",
        "**Task:** classify\n**Why it matters:** money\n**Where this applies:** here\n**When this is needed:** soon\n",
        "Task:\nclassify\n\nWhy it matters:\nmoney\n\nWhere this applies:\nhere\n(Optional)\n\nWhen this is needed:\nsoon\n",
    };
    for (size_t i = 0; i < TN_COUNT(text); i++) {
        tn_arena *a = tn_arena_new(0);
        tn_brief b;
        tn_err err;
        ASSERT_OK(tn_brief_parse(tn_str_of(text[i]), "b", a, &b, &err), &err);
        ASSERT_STR(b.part[TN_WHAT], "classify");
        ASSERT_STR(b.part[TN_WHY], "money");
        assert_true(tn_str_starts(b.part[TN_WHERE], "here"));
        ASSERT_STR(b.part[TN_WHEN], "soon");
        tn_brief_free(&b);
        tn_arena_free(a);
    }
}

static void bad_briefs_are_refused(void **state)
{
    static const struct {
        const char *text;
        tn_status status;
    } row[] = {
        {"Task: \xFF", TN_EFORMAT},
        {"---\ndata: [\n---\nTask: x", TN_EFORMAT},
        {"---\nmodell: x\n---\nTask: x", TN_EFORMAT},
        {"---\nDATA: x.csv\n---\nTask: x", TN_EFORMAT},
        {"---\ntitle: a\ndtaa: x.csv\n---\nTask: x", TN_EFORMAT},
        {"---\nlang: vi\n---\nTask: x", TN_EFORMAT},
        {"---\ntargets: {f1: 0.8}\n---\nTask: x", TN_EFORMAT},
        {"---\nepochs: 3\n---\nTask: x", TN_EFORMAT},
        {"---\nbudget: 10 minutes\n---\nTask: x", TN_EFORMAT},
        {"---\n- a\n---\nTask: x", TN_EFORMAT},
        {"---\ndata: x", TN_EFORMAT},
        {"---\nuse: fun\n---\nTask: x", TN_EFORMAT},
        {"---\nrecipe: [1]\n---\nTask: x", TN_EFORMAT},
        {"---\ntarget: 0.8\n---\nTask: x", TN_EFORMAT},
        {"---\ntarget: {accuracy: high}\n---\nTask: x", TN_EFORMAT},
        {"---\nbudget: {minutes: ten}\n---\nTask: x", TN_EFORMAT},
        {"---\nbudget: {minute: 10}\n---\nTask: x", TN_EFORMAT},
        {"---\nbudget: {memory: 4 GIGS}\n---\nTask: x", TN_EFORMAT},
        {"---\nlanguage: 5\n---\nTask: x", TN_EFORMAT},
    };
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_arena *a = tn_arena_new(0);
        tn_brief b;
        tn_err err;
        ASSERT_FAILS(tn_brief_parse(tn_str_of(row[i].text), "b", a, &b, &err), row[i].status, &err);
        tn_arena_free(a);
    }
}

static void front_matter_states_what_prose_cannot(void **state)
{
    tn_arena *a = tn_arena_new(0);
    tn_brief b;
    tn_err err;
    ASSERT_OK(tn_brief_parse(TN_STR("---\nuse: research\nlanguage: [vi, en]\ntarget: {accuracy: 0.9}\nbudget: {minutes: 10, memory: 4GiB}\n---\nTask: classify reviews by sentiment\n"), "b",
                             a, &b, &err),
              &err);
    static const char *const fact[][2] = {{"licence_use", "research"}, {"language", "vi"}, {"language", "en"}, {"min_metric", "accuracy >= 0.9"},
                                          {"budget_minutes", "10"}, {"budget_bytes", "4294967296"}};
    for (size_t i = 0; i < TN_COUNT(fact); i++)
        if (!tn_brief_has(&b, fact[i][0], fact[i][1]))
            fail_msg("no fact %s %s", fact[i][0], fact[i][1]);
    tn_brief_free(&b);
    tn_arena_free(a);
}

static void what_only_describes_the_file_is_kept(void **state)
{
    tn_arena *a = tn_arena_new(0);
    tn_brief b;
    tn_err err;
    tn_str text = TN_STR("---\ntitle: Sorting mail\nAuthor: the desk\ndate: 2026-03-01\ntags: [nlp]\nstatus: draft\nx-cost-centre: 7\nbudget: 900 EUR, 10 days\n---\nTask: spam filter\n");
    ASSERT_OK(tn_brief_parse(text, "b", a, &b, &err), &err);
    assert_true(tn_str_find(b.front_text, TN_STR("x-cost-centre: 7"), 0) != SIZE_MAX);
    assert_null(tn_brief_fact(&b, "budget_minutes", NULL));
    ASSERT_STR(b.part[TN_WHAT], "spam filter");
    tn_brief_free(&b);
    ASSERT_FAILS(tn_brief_parse(TN_STR("---\nlangauge: vi\n---\nTask: x"), "b", a, &b, &err), TN_EFORMAT, &err);
    assert_non_null(strstr(err.msg, "did you mean \"language\"?"));
    tn_arena_free(a);
}

static tn_status parse_example(void)
{
    tn_arena *a = tn_arena_new(0);
    tn_brief b;
    tn_err err;
    tn_status st = a ? tn_brief_parse(tn_str_of(example), "brief.md", a, &b, &err) : TN_ENOMEM;
    if (st == TN_OK)
        tn_brief_free(&b);
    tn_arena_free(a);
    return st;
}

static void every_failed_allocation_is_reported(void **state)
{
    tn_status st;
    FOR_EACH_FAILED_ALLOCATION(st, st = parse_example());
}

int main(void)
{
    const struct CMUnitTest test[] = {
        cmocka_unit_test(the_documents_example_is_understood),
        cmocka_unit_test(facts_are_read_from_prose),
        cmocka_unit_test(no_word_is_lost_between_the_parts),
        cmocka_unit_test(the_template_is_the_documents_and_says_nothing),
        cmocka_unit_test(parts_are_found_in_any_order_and_dress),
        cmocka_unit_test(bad_briefs_are_refused),
        cmocka_unit_test(what_only_describes_the_file_is_kept),
        cmocka_unit_test(front_matter_states_what_prose_cannot),
        cmocka_unit_test(every_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests(test, NULL, NULL);
}
