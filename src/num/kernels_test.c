/* Promises of num/kernels.h. */
#include "test.h"

#include "num/kernels.h"

static void names_and_rows_agree(void **state)
{
    tn_isa isa;
    assert_true(tn_isa_from_name("ref", &isa) && isa == TN_ISA_REF);
    assert_true(tn_isa_from_name("avx2", &isa) && isa == TN_ISA_AVX2);
    assert_true(tn_isa_from_name("avx512", &isa) && isa == TN_ISA_AVX512);
    assert_true(tn_isa_from_name("auto", &isa) && isa == tn_isa_detect());
    assert_true(tn_isa_from_name(NULL, &isa) && isa == tn_isa_detect());
    assert_false(tn_isa_from_name("AVX2", &isa) || tn_isa_from_name("", &isa));
    assert_string_equal(tn_kernels_get(TN_ISA_REF)->name, "ref");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_rows_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
