/* Promises of flow/plan.h. */
#include "test.h"

#include "flow/plan.h"

static const char brief_text[] = "---\ndata: reviews.csv\nrecipe: {epochs: 2}\n---\n"
                                 "Task: Fine-tune a sentiment model for Vietnamese reviews, macro F1 at least 0.8.\nWhy: manual work does not scale\n";

static const tn_plan_candidate candidate = {.id = "org/small", .revision = "abc", .licence = "mit", .languages = "vi", .n_parameters = 118000000,
                                            .n_encoder = 21000000, .hidden_size = 384, .max_tokens = 512, .mean_tokens = 40, .fit = "fits", .fit_reason = "1.3 tokens a word"};

static tn_status make(const char *text, tn_arena *a, tn_json **plan, tn_err *err)
{
    static const tn_str label[] = {{"bad", 3}, {"good", 4}};
    tn_brief b;
    TN_TRY(tn_brief_parse(tn_str_of(text), "brief.md", a, &b, err));
    tn_plan_data data = {.n_rows = 800, .n_train = 520, .text_column = "review", .label_column = "label", .id_column = "id", .text_reason = "", .label_reason = "",
                         .label = label, .n_labels = 2, .language = "vi"};
    tn_plan_input in = {.brief = &b, .brief_path = "brief.md", .data = tn_json_get(b.front, "data") ? &data : NULL, .candidate = &candidate, .n_candidates = 1,
                        .threads = 2, .isa = "avx512", .memory = 1u << 30};
    tn_status st = tn_plan_make(&in, a, plan, err);
    tn_brief_free(&b);
    return st;
}

static void values_carry_origin_and_reason(void **state)
{
    tn_arena *a = tn_arena_new(0);
    tn_json *plan;
    tn_err err;
    int64_t epochs;
    double threshold;
    tn_str s;
    ASSERT_OK(make(brief_text, a, &plan, &err), &err);
    ASSERT_OK(tn_plan_i64(plan, "recipe/epochs", 1, 100, &epochs, &err), &err);
    assert_int_equal(epochs, 2);
    ASSERT_STR(tn_plan_origin(plan, "recipe/epochs"), "stated");
    ASSERT_STR(tn_plan_origin(plan, "recipe/batch_size"), "assumed");
    assert_true(tn_plan_reason(plan, "recipe/batch_size").len > 0);
    ASSERT_OK(tn_plan_f64(plan, "evaluation/threshold", 0, 1, &threshold, &err), &err);
    assert_true(threshold == 0.8);
    ASSERT_STR(tn_plan_origin(plan, "evaluation/threshold"), "inferred");
    ASSERT_OK(tn_plan_str(plan, "task/tag", &s, &err), &err);
    ASSERT_STR(s, "text-classification");
    ASSERT_FAILS(tn_plan_i64(plan, "recipe/epochs", 3, 9, &epochs, &err), TN_EINVALID, &err);
    ASSERT_FAILS(tn_plan_i64(plan, "recipe/nothing", 0, 9, &epochs, &err), TN_EINVALID, &err);
    tn_arena_free(a);
}

static void five_sections_stand_in_order(void **state)
{
    static const char *const order[] = {"task", "model", "data", "approach", "evaluation"};
    tn_arena *a = tn_arena_new(0);
    tn_json *plan;
    tn_err err;
    ASSERT_OK(make(brief_text, a, &plan, &err), &err);
    size_t next = 0;
    for (const tn_json *v = tn_json_first(plan); v; v = tn_json_next(v))
        if (next < TN_COUNT(order) && tn_str_is(tn_json_key(v), order[next]))
            next++;
    assert_int_equal(next, TN_COUNT(order));
    assert_int_equal(tn_json_len(tn_json_get(plan, "phases")), 3);
    tn_arena_free(a);
}

static void a_written_plan_reads_back_and_bare_edits_count(void **state)
{
    tn_arena *a = tn_arena_new(0);
    tn_json *plan, *again;
    tn_err err;
    tn_buf text = TN_BUF_INIT;
    double rate;
    ASSERT_OK(make(brief_text, a, &plan, &err), &err);
    ASSERT_OK(tn_plan_write(plan, &text, &err), &err);
    ASSERT_OK(tn_plan_parse(tn_buf_view(&text), a, &again, &err), &err);
    assert_true(tn_json_equal(plan, again));
    ASSERT_OK(tn_plan_parse(TN_STR("task: {tag: text-classification}\nrecipe:\n  learning_rate: 2e-5\n"), a, &again, &err), &err);
    ASSERT_OK(tn_plan_f64(again, "recipe/learning_rate", 0, 1, &rate, &err), &err);
    assert_true(rate == 2e-5);
    ASSERT_STR(tn_plan_origin(again, "recipe/learning_rate"), "stated");
    ASSERT_FAILS(tn_plan_parse(TN_STR("a: 1\n"), a, &again, &err), TN_EFORMAT, &err);
    tn_buf_free(&text);
    tn_arena_free(a);
}

static void only_a_missing_task_refuses(void **state)
{
    tn_arena *a = tn_arena_new(0);
    tn_json *plan;
    tn_err err;
    ASSERT_FAILS(make("Make our shop better.", a, &plan, &err), TN_ERULE, &err);
    ASSERT_OK(make("Task: transcribe phone calls", a, &plan, &err), &err);
    assert_true(tn_json_len(tn_json_get(plan, "assumptions")) >= 4);
    tn_arena_free(a);
}

static void many_classes_get_more_passes(void **state)
{
    static const struct {
        uint64_t n_train;
        size_t n_labels;
        int64_t epochs;
    } row[] = {{520, 2, 5}, {8404, 2, 3}, {8404, 77, 9}, {100000, 77, 2}, {600, 77, 10}};
    tn_arena *a = tn_arena_new(0);
    static tn_str label[77];
    for (size_t i = 0; i < TN_COUNT(label); i++)
        label[i] = tn_str_format(a, "intent %zu", i);
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_brief b;
        tn_json *plan;
        tn_err err;
        int64_t epochs;
        ASSERT_OK(tn_brief_parse(TN_STR("---\ndata: x.csv\n---\nTask: classify intents"), "brief.md", a, &b, &err), &err);
        tn_plan_data data = {.n_rows = row[i].n_train, .n_train = row[i].n_train, .text_column = "text", .label_column = "label", .id_column = "",
                             .text_reason = "", .label_reason = "", .label = label, .n_labels = row[i].n_labels, .language = "en"};
        tn_plan_input in = {.brief = &b, .brief_path = "brief.md", .data = &data, .candidate = &candidate, .n_candidates = 1, .threads = 2, .isa = "avx512",
                            .memory = (uint64_t)1 << 34};
        ASSERT_OK(tn_plan_make(&in, a, &plan, &err), &err);
        ASSERT_OK(tn_plan_i64(plan, "recipe/epochs", 1, 10, &epochs, &err), &err);
        assert_int_equal(epochs, row[i].epochs);
        tn_brief_free(&b);
    }
    tn_arena_free(a);
}

static void estimates_grow_with_the_work(void **state)
{
    tn_plan_estimate one = tn_plan_estimate_of(&candidate, 1000, 200, 1, 16, 2, "avx512"), two = tn_plan_estimate_of(&candidate, 1000, 200, 2, 32, 2, "avx512");
    assert_true(two.tune_seconds > 1.9 * one.tune_seconds);
    assert_true(two.bytes > one.bytes && one.bytes > candidate.n_parameters * 4);
}

/* The tables of facts (candidates, phases, the brief's own words) are no values. */
static void every_value_says_where_it_comes_from(void **state)
{
    static const char *const name[] = {"task", "model", "data", "approach", "recipe", "evaluation", "compute"};
    tn_arena *a = tn_arena_new(0);
    tn_json *plan;
    tn_err err;
    ASSERT_OK(make(brief_text, a, &plan, &err), &err);
    for (size_t i = 0; i < TN_COUNT(name); i++)
        for (const tn_json *v = tn_json_first(tn_json_get(plan, name[i])); v; v = tn_json_next(v))
            if (!tn_str_is(tn_json_key(v), "candidates") && !(tn_json_get(v, "value") && tn_json_str(tn_json_get(v, "origin")).len && tn_json_get(v, "reason")))
                fail_msg("%s/%.*s has no value, origin or reason", name[i], TN_ARG(tn_json_key(v)));
    tn_arena_free(a);
}

static void what_was_stated_is_never_passed_over(void **state)
{
    static const char task[] = "Task: classify customer reviews by sentiment, with macro F1";
    static const struct {
        const char *front, *said;
    } row[] = {{"recipe: {epoch: 9}", "brief.md:2: recipe has no setting \"epoch\""}, {"target: {macrof1: 0.9}", "\"macrof1\" is no target"}};
    tn_arena *a = tn_arena_new(0);
    tn_json *plan;
    tn_err err;
    char text[400];
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        snprintf(text, sizeof text, "---\n%s\n---\n%s\n", row[i].front, task);
        ASSERT_FAILS(make(text, a, &plan, &err), TN_EINVALID, &err);
        if (!strstr(err.msg, row[i].said))
            fail_msg("%s: %s", row[i].front, err.msg);
    }
    /* A bar in words that the task cannot be held to is kept in the plan, where a run stops; one that it can be is not. */
    ASSERT_OK(make("Task: classify customer reviews by sentiment; recall of at least 0.8, accuracy of at least 0.9, macro F1 of at least 0.7", a, &plan, &err), &err);
    const tn_json *left = tn_plan_at(plan, "evaluation/not_judged");
    assert_int_equal(tn_json_len(left), 1);
    ASSERT_STR(tn_json_str(tn_json_at(left, 0)), "recall >= 0.8");
    assert_true(tn_str_find(tn_plan_reason(plan, "evaluation/not_judged"), TN_STR("judged by macro_f1"), 0) != SIZE_MAX);
    ASSERT_OK(make(brief_text, a, &plan, &err), &err);
    assert_null(tn_plan_at(plan, "evaluation/not_judged"));
    /* A budget is a limit of the plan; numbers that a run will refuse do no harm to the estimate. */
    snprintf(text, sizeof text, "---\nbudget: {minutes: 2, memory: 1MB}\nrecipe: {epochs: 999999999999999999, batch_size: -5}\n---\n%s\n", task);
    ASSERT_OK(make(text, a, &plan, &err), &err);
    int64_t v;
    double minutes;
    ASSERT_OK(tn_plan_i64(plan, "compute/memory_bytes", 1000000, 1000000, &v, &err), &err);
    ASSERT_OK(tn_plan_f64(plan, "compute/budget_minutes", 2, 2, &minutes, &err), &err);
    tn_arena_free(a);
}

static tn_status make_and_forget(void)
{
    tn_arena *a = tn_arena_new(0);
    tn_json *plan;
    tn_err err;
    tn_status st = a ? make(brief_text, a, &plan, &err) : TN_ENOMEM;
    tn_arena_free(a);
    return st;
}

static void every_failed_allocation_is_reported(void **state)
{
    tn_status st;
    FOR_EACH_FAILED_ALLOCATION(st, st = make_and_forget());
}

int main(void)
{
    const struct CMUnitTest test[] = {
        cmocka_unit_test(values_carry_origin_and_reason),
        cmocka_unit_test(five_sections_stand_in_order),
        cmocka_unit_test(a_written_plan_reads_back_and_bare_edits_count),
        cmocka_unit_test(only_a_missing_task_refuses),
        cmocka_unit_test(many_classes_get_more_passes),
        cmocka_unit_test(estimates_grow_with_the_work),
        cmocka_unit_test(every_value_says_where_it_comes_from),
        cmocka_unit_test(what_was_stated_is_never_passed_over),
        cmocka_unit_test(every_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests(test, NULL, NULL);
}
