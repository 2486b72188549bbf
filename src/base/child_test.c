/* Promises of base/child.h. */
#include "test.h"

#include "base/child.h"

static void a_child_gets_its_input_and_gives_its_output(void **state)
{
    tn_err err;
    tn_arena *a = tn_arena_new(0);
    tn_child_result r;
    const char *cat[] = {"cat", NULL}, *fails[] = {"sh", "-c", "echo said; echo told >&2; exit 7", NULL}, *dies[] = {"sh", "-c", "kill -9 $$", NULL},
               *where[] = {"pwd", NULL}, *env[] = {"PATH=/usr/bin:/bin", "WORD=x y", NULL}, *tells[] = {"sh", "-c", "printf %s \"$WORD\"", NULL};
    size_t n = 1 << 20;
    char *big = tn_arena_alloc(a, n);
    memset(big, 'x', n);
    ASSERT_OK(tn_child_run(&(tn_child){.argv = cat, .input = {(uint8_t *)big, n}}, a, &r, &err), &err);
    assert_true(r.exit_code == 0 && r.output.len == n && memcmp(r.output.ptr, big, n) == 0 && r.errors.len == 0);
    ASSERT_OK(tn_child_run(&(tn_child){.argv = fails, .input = {(uint8_t *)big, n}}, a, &r, &err), &err); /* it never reads */
    assert_int_equal(r.exit_code, 7);
    ASSERT_STR(r.output, "said\n");
    ASSERT_STR(r.errors, "told\n");
    ASSERT_OK(tn_child_run(&(tn_child){.argv = dies}, a, &r, &err), &err);
    assert_int_equal(r.exit_code, 137);
    ASSERT_OK(tn_child_run(&(tn_child){.argv = where, .dir = "/"}, a, &r, &err), &err);
    ASSERT_STR(r.output, "/\n");
    ASSERT_OK(tn_child_run(&(tn_child){.argv = tells, .env = env}, a, &r, &err), &err);
    ASSERT_STR(r.output, "x y");
    tn_arena_free(a);
}

static void what_cannot_run_is_told(void **state)
{
    tn_err err;
    tn_arena *a = tn_arena_new(0);
    tn_child_result r;
    const char *none[] = {"no-such-program-here", NULL}, *echo[] = {"echo", "four", NULL};
    ASSERT_FAILS(tn_child_run(&(tn_child){.argv = none}, a, &r, &err), TN_ENOENT, &err);
    ASSERT_FAILS(tn_child_run(&(tn_child){.argv = echo, .dir = "/nowhere"}, a, &r, &err), TN_ENOENT, &err);
    ASSERT_FAILS(tn_child_run(&(tn_child){.argv = echo, .max_output = 4}, a, &r, &err), TN_ELIMIT, &err);
    ASSERT_OK(tn_child_run(&(tn_child){.argv = echo, .max_output = 5}, a, &r, &err), &err);
    tn_arena_free(a);
}

int main(void)
{
    const struct CMUnitTest test[] = {
        cmocka_unit_test(a_child_gets_its_input_and_gives_its_output),
        cmocka_unit_test(what_cannot_run_is_told),
    };
    return cmocka_run_group_tests(test, NULL, NULL);
}
