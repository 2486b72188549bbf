/* Learning rates against transformers', and the edges of each function. */
#include "train/schedule.h"
#include "train/golden_test.h"

#include <math.h>

static void rates_are_those_of_transformers(void **state)
{
    tn_file f;
    tn_err err;
    ASSERT_OK(tn_file_open("tests/data/adamw-torch.txt", &f, &err), &err);
    tn_str rest = tn_str_from_bytes(f.bytes);
    golden_line l;
    int n_schedules = 0;
    while (golden_next(&rest, &l)) {
        if (!tn_str_is(l.word, "schedule"))
            continue;
        tn_schedule s = {.peak = 5e-5, .n_warmup = (int64_t)l.number[0], .n_steps = (int64_t)l.number[1]};
        assert_true(tn_schedule_parse(l.name, &s.kind));
        assert_true(golden_next(&rest, &l));
        for (int i = 0; i < l.n; i++) {
            double ours = tn_schedule_at(&s, i), wanted = l.number[i];
            if (s.kind == TN_SCHEDULE_COSINE ? !(fabs(ours - wanted) <= 1e-20) : ours != wanted)
                fail_msg("%s, step %d: %.17g, wanted %.17g", tn_schedule_name(s.kind), i, ours, wanted);
        }
        n_schedules++;
    }
    assert_int_equal(n_schedules, 4);
    tn_file_close(&f);
}

static void edges(void **state)
{
    assert_int_equal(tn_schedule_warmup(100, 0.1), 10);
    assert_int_equal(tn_schedule_warmup(101, 0.1), 11);
    assert_int_equal(tn_schedule_warmup(7, 0), 0);
    assert_int_equal(tn_schedule_warmup(7, 1), 7);
    tn_schedule all_warm = {TN_SCHEDULE_LINEAR, 1, 4, 4};
    assert_true(tn_schedule_at(&all_warm, 3) == 0.75);
    assert_true(tn_schedule_at(&all_warm, 4) == 0);
    assert_true(tn_schedule_at(&all_warm, 1000) == 0);
    tn_schedule constant = {TN_SCHEDULE_CONSTANT, 2, 0, 1};
    assert_true(tn_schedule_at(&constant, 1000) == 2);
    tn_schedule_kind kind;
    assert_false(tn_schedule_parse(TN_STR("polynomial"), &kind));
    assert_false(tn_schedule_parse(TN_STR(""), &kind));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_are_those_of_transformers),
        cmocka_unit_test(edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
