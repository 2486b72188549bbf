/* Promises of the headers in src/base. */
#include "test.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/finding.h"
#include "base/map.h"
#include "base/pool.h"
#include "base/rng.h"
#include "base/sha256.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void number_text_is_pythons_repr(void **state)
{
    static const struct {
        double v;
        const char *text;
    } row[] = {
        {0, "0.0"},           {-0.0, "-0.0"},        {1, "1.0"},           {0.1, "0.1"},
        {1e16, "1e+16"},      {123456789012345680, "1.2345678901234568e+17"}, {1e15, "1000000000000000.0"},
        {0.0001, "0.0001"},   {0.00001, "1e-05"},    {1.5e-7, "1.5e-07"},  {-2.5, "-2.5"},
        {1.0 / 3, "0.3333333333333333"}, {5e-324, "5e-324"}, {1.7976931348623157e308, "1.7976931348623157e+308"},
        {100, "100.0"},       {1234.5, "1234.5"},
    };
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_buf b = TN_BUF_INIT;
        tn_buf_f64(&b, row[i].v);
        ASSERT_STR(tn_buf_view(&b), row[i].text);
        double back;
        assert_true(tn_str_to_f64(tn_buf_view(&b), &back));
        assert_memory_equal(&back, &row[i].v, sizeof back);
        tn_buf_free(&b);
    }
    tn_buf b = TN_BUF_INIT;
    tn_buf_f32(&b, 0.1f);
    ASSERT_STR(tn_buf_view(&b), "0.1");
    tn_buf_free(&b);
}

static void numbers_refuse_what_is_not_one(void **state)
{
    static const char *bad[] = {"", "+", "-", ".", "1e", "0x1", "inf", "nan", " 1", "1 ", "1e400", "1_0", "--1"};
    double v;
    int64_t n;
    for (size_t i = 0; i < TN_COUNT(bad); i++) {
        assert_false(tn_str_to_f64(tn_str_of(bad[i]), &v));
        assert_false(tn_str_to_i64(tn_str_of(bad[i]), &n));
    }
    assert_true(tn_str_to_i64(TN_STR("-9223372036854775808"), &n) && n == INT64_MIN);
    assert_false(tn_str_to_i64(TN_STR("9223372036854775808"), &n));
}

static void utf8_refuses_ill_formed_bytes(void **state)
{
    static const struct {
        const char *text;
        size_t at; /* first ill-formed byte */
    } row[] = {
        {"abc", 3},        {"chào \xF0\x9F\x98\x80", 10}, {"\xC0\x80", 0},    {"a\xED\xA0\x80", 1},
        {"\xF4\x90\x80\x80", 0}, {"\xE0\x9F\xBF", 0},      {"\xC3", 0},        {"abcdefgh\x80", 8},
        {"\xEF\xBF\xBD", 3}, {"\xF8\x88\x80\x80\x80", 0},
    };
    for (size_t i = 0; i < TN_COUNT(row); i++)
        assert_int_equal(tn_utf8_check(tn_str_of(row[i].text)), row[i].at);
    for (uint32_t cp = 0; cp <= 0x10FFFF; cp++) {
        if (cp >= 0xD800 && cp <= 0xDFFF)
            continue;
        char b[4];
        size_t at = 0, n = tn_utf8_put(cp, b);
        assert_int_equal(tn_utf8_next((tn_str){b, n}, &at), cp);
        assert_int_equal(at, n);
    }
}

static void slices_cut_find_and_compare(void **state)
{
    tn_str rest = TN_STR("a,,b"), part;
    assert_true(tn_str_cut(&rest, ',', &part) && tn_str_is(part, "a"));
    assert_true(tn_str_cut(&rest, ',', &part) && part.len == 0);
    assert_true(tn_str_cut(&rest, ',', &part) && tn_str_is(part, "b"));
    assert_false(tn_str_cut(&rest, ',', &part));
    assert_int_equal(tn_str_find(TN_STR("banana"), TN_STR("na"), 3), 4);
    assert_int_equal(tn_str_find(TN_STR("banana"), TN_STR("x"), 0), SIZE_MAX);
    assert_true(tn_str_has_fold(TN_STR("The MIT License"), "license"));
    assert_false(tn_str_has_fold(TN_STR("licens"), "license"));
    assert_true(tn_str_has_fold(TN_STR("lLiLICENSe"), "license"));
    assert_true(tn_str_has_fold(TN_STR(""), ""));
    assert_true(tn_str_has_any_fold(TN_STR("a Z-score"), "mean|z-score"));
    assert_false(tn_str_has_any_fold(TN_STR("a Z-score"), "mean|std"));
    assert_false(tn_str_has_fold(TN_STR("\xC5\xE9"), "e"));
    assert_true(tn_str_cmp(TN_STR("ab"), TN_STR("abc")) < 0);
    ASSERT_STR(tn_str_trim(TN_STR(" \tx y\r\n")), "x y");
}

static void buffer_stops_at_its_bound(void **state)
{
    tn_buf b = {.max = 10};
    tn_buf_c(&b, "12345678");
    tn_buf_c(&b, "90");
    assert_int_equal(tn_buf_status(&b, NULL), TN_OK);
    tn_buf_char(&b, 'x');
    assert_int_equal(tn_buf_status(&b, NULL), TN_ELIMIT);
    ASSERT_STR(tn_buf_view(&b), "1234567890");
    tn_buf_clear(&b);
    tn_buf_put(&b, "12345678901", 11); /* also when the first piece is too much */
    assert_int_equal(tn_buf_status(&b, NULL), TN_ELIMIT);
    tn_buf_clear(&b);
    tn_buf_c(&b, "123456");
    assert_int_equal(tn_buf_status(&b, NULL), TN_OK);
    tn_buf_free(&b);
    b = (tn_buf){.max = 1000};
    tn_buf_printf(&b, "%600d", 1);
    tn_mem_fail_at(1);
    tn_buf_printf(&b, "%300d", 1);
    tn_mem_fail_at(0);
    assert_int_equal(tn_buf_status(&b, NULL), TN_ENOMEM);
    tn_buf_free(&b);
}

static void arena_reuses_its_blocks(void **state)
{
    tn_arena *a = tn_arena_new(128);
    for (int round = 0; round < 50; round++) {
        tn_arena_mark m = tn_arena_save(a);
        for (size_t n = 0; n < 2000; n += 37) {
            char *p = tn_arena_alloc_aligned(a, n, 64);
            assert_non_null(p);
            assert_int_equal((uintptr_t)p % 64, 0);
            memset(p, round, n);
        }
        tn_arena_restore(a, m);
        static size_t held;
        if (round == 5)
            held = tn_arena_size(a);
        if (round > 5)
            assert_int_equal(tn_arena_size(a), held);
    }
    assert_null(tn_arena_array(a, SIZE_MAX / 2, 4));
    tn_arena_free(a);
}

static void map_agrees_with_a_naive_list(void **state)
{
    enum { N = 3000 };
    static char key[N][12];
    static uint64_t value[N];
    static bool present[N];
    tn_map m = TN_MAP_INIT;
    tn_rng r = tn_rng_init(1, 0);
    size_t n = 0;
    for (int i = 0; i < N; i++)
        snprintf(key[i], sizeof key[i], "k%d", i * 7);
    for (int step = 0; step < 20000; step++) {
        size_t i = tn_rng_below(&r, N);
        bool is_new;
        uint64_t *p = tn_map_put(&m, tn_str_of(key[i]), (uint64_t)step, &is_new);
        assert_non_null(p);
        assert_int_equal(is_new, !present[i]);
        if (is_new)
            value[i] = (uint64_t)step, present[i] = true, n++;
        assert_int_equal(*p, value[i]);
        size_t j = tn_rng_below(&r, N);
        uint64_t *q = tn_map_find(&m, tn_str_of(key[j]));
        assert_int_equal(q != NULL, present[j]);
    }
    assert_int_equal(m.len, n);
    for (size_t i = 1; i < m.len; i++)
        assert_true(m.entry[i - 1].value < m.entry[i].value);
    tn_map_free(&m);
}

static void philox_gives_the_published_vectors(void **state)
{
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } row[] = {
        {{0}, {0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        uint32_t out[4];
        tn_philox(row[i].counter, row[i].key, out);
        assert_memory_equal(out, row[i].out, sizeof out);
    }
}

static void draws_are_uniform_and_shuffles_are_permutations(void **state)
{
    tn_rng r = tn_rng_init(7, 3);
    int count[10] = {0};
    for (int i = 0; i < 100000; i++)
        count[tn_rng_below(&r, 10)]++;
    for (int i = 0; i < 10; i++)
        assert_in_range(count[i], 9600, 10400);
    uint32_t index[100];
    bool seen[100] = {0};
    for (uint32_t i = 0; i < 100; i++)
        index[i] = i;
    tn_rng_shuffle(&r, index, 100);
    for (int i = 0; i < 100; i++)
        seen[index[i]] = true;
    for (int i = 0; i < 100; i++)
        assert_true(seen[i]);
}

typedef struct {
    _Atomic uint32_t hits[977];
} tally;

static void count_task(void *ctx, size_t task, int worker)
{
    atomic_fetch_add(&((tally *)ctx)->hits[task], 1);
}

static void pool_runs_every_task_once(void **state)
{
    for (int threads = 1; threads <= 5; threads++) {
        tn_pool *p;
        tn_err err;
        ASSERT_OK(tn_pool_new(threads, &p, &err), &err);
        assert_int_equal(tn_pool_size(p), threads);
        for (int round = 0; round < 300; round++) {
            static tally t;
            memset(&t, 0, sizeof t);
            size_t n = (size_t)round % 977 + 1;
            tn_pool_run(p, n, count_task, &t);
            for (size_t i = 0; i < 977; i++)
                assert_int_equal(t.hits[i], i < n);
        }
        tn_pool_free(p);
    }
}

static void files_are_whole_or_absent(void **state)
{
    tn_err err;
    char dir[] = "/tmp/tn-base-XXXXXX", path[64], deep[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/a", dir);
    snprintf(deep, sizeof deep, "%s/x/y/z", dir);
    struct stat info;
    ASSERT_OK(tn_file_write(path, TN_BYTES("zero"), &err), &err);
    assert_true(stat(path, &info) == 0 && (info.st_mode & 0777) == 0600);
    assert_int_equal(chmod(path, 0640), 0);
    ASSERT_OK(tn_file_write(path, TN_BYTES("one"), &err), &err);
    assert_true(stat(path, &info) == 0 && (info.st_mode & 0777) == 0640);
    tn_file_writer *w;
    ASSERT_OK(tn_file_begin(path, &w, &err), &err);
    ASSERT_OK(tn_file_put(w, TN_BYTES("half"), &err), &err);
    tn_file_abort(w);
    tn_file f;
    ASSERT_OK(tn_file_open(path, &f, &err), &err);
    ASSERT_STR(tn_str_from_bytes(f.bytes), "one");
    tn_file_forget(&f, 0, f.map_len);
    ASSERT_OK(tn_file_make_private(&f, &err), &err);
    ((char *)f.map)[0] = 'O'; /* seen here only */
    ASSERT_STR(tn_str_from_bytes(f.bytes), "One");
    tn_file_close(&f);
    ASSERT_OK(tn_file_open(path, &f, &err), &err);
    ASSERT_STR(tn_str_from_bytes(f.bytes), "one");
    tn_file_close(&f);
    tn_arena *a = tn_arena_new(0);
    tn_bytes b;
    ASSERT_OK(tn_file_read(path, 3, a, &b, &err), &err);
    assert_int_equal(b.len, 3);
    ASSERT_FAILS(tn_file_read(path, 2, a, &b, &err), TN_ELIMIT, &err);
    tn_str *names;
    size_t n;
    ASSERT_OK(tn_file_mkdirs(deep, &err), &err);
    ASSERT_OK(tn_file_list(dir, a, &names, &n, &err), &err);
    assert_int_equal(n, 2);
    ASSERT_STR(names[0], "a");
    ASSERT_STR(names[1], "x");
    ASSERT_FAILS(tn_file_open("/nowhere/at/all", &f, &err), TN_ENOENT, &err);
    ASSERT_FAILS(tn_file_open(dir, &f, &err), TN_EINVALID, &err);
    ASSERT_FAILS(tn_file_write("/dev/full/x", TN_BYTES("x"), &err), TN_ENOENT, &err);
    char pipe_name[64];
    snprintf(pipe_name, sizeof pipe_name, "%s/pipe", dir);
    assert_int_equal(mkfifo(pipe_name, 0600), 0);
    int reader = open(pipe_name, O_RDONLY | O_NONBLOCK);
    char got[4] = "";
    ASSERT_OK(tn_file_write(pipe_name, TN_BYTES("abc"), &err), &err); /* written to, not replaced by a file */
    assert_int_equal(read(reader, got, 3), 3);
    assert_string_equal(got, "abc");
    close(reader);
    ASSERT_OK(tn_file_remove(dir, &err), &err);
    assert_false(tn_file_exists(dir));
    tn_arena_free(a);
}

static void a_record_is_appended_whole_or_not(void **state)
{
    char path[] = "/tmp/tn-append-XXXXXX";
    close(mkstemp(path));
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){10, 10});
        bool ok = tn_file_append(path, TN_BYTES("seven.\n"), NULL) == TN_OK &&
                  tn_file_append(path, TN_BYTES("eight..\n"), NULL) == TN_EIO &&
                  tn_file_append(path, TN_BYTES("3.\n"), NULL) == TN_OK;
        _exit(ok ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    tn_file f;
    tn_err err;
    ASSERT_OK(tn_file_open(path, &f, &err), &err);
    ASSERT_STR(tn_str_from_bytes(f.bytes), "seven.\n3.\n");
    tn_file_close(&f);
    unlink(path);
}

static void folders_are_replaced_whole(void **state)
{
    tn_err err;
    char dir[] = "/tmp/tn-base-XXXXXX", from[64], to[64], path[80];
    assert_non_null(mkdtemp(dir));
    snprintf(from, sizeof from, "%s/new", dir);
    snprintf(to, sizeof to, "%s/model", dir);
    for (int i = 0; i < 3; i++) { /* onto nothing, then twice onto a folder with a file in it */
        ASSERT_OK(tn_file_mkdirs(from, &err), &err);
        snprintf(path, sizeof path, "%s/%d", from, i);
        ASSERT_OK(tn_file_write(path, TN_BYTES("x"), &err), &err);
        ASSERT_OK(tn_file_replace_dir(from, to, &err), &err);
        assert_false(tn_file_exists(from));
        tn_arena *a = tn_arena_new(0);
        tn_str *names;
        size_t n;
        ASSERT_OK(tn_file_list(to, a, &names, &n, &err), &err);
        assert_int_equal(n, 1);
        assert_int_equal(names[0].ptr[0], '0' + i);
        tn_arena_free(a);
    }
    ASSERT_FAILS(tn_file_replace_dir(from, to, &err), TN_ENOENT, &err);
    ASSERT_OK(tn_file_remove(dir, &err), &err);
}

static void take_progress(void *self, const char *text, uint64_t done, uint64_t total)
{
    snprintf(self, 64, "%s %d/%d", text, (int)done, (int)total);
}

static void progress_and_interruption_can_be_a_servers(void **state)
{
    char said[64] = "";
    tn_err err;
    tn_progress p = {.quiet = true, .sink = take_progress, .self = said};
    tn_progress_show(&p, "reading", 2, 5, NULL);
    assert_string_equal(said, "reading 2/5");
    tn_progress_say(&p, "%d rows", 7);
    assert_string_equal(said, "7 rows 0/0");
    tn_interrupt_cancel(true);
    ASSERT_FAILS(tn_interrupt_check(&err), TN_EINTR, &err);
    assert_false(tn_interrupt_signalled());
    tn_interrupt_cancel(false);
    ASSERT_OK(tn_interrupt_check(&err), &err);
}

static void unsafe_paths_are_seen(void **state)
{
    static const char *bad[] = {"", "/a", "a/../b", "..", ".", "a//b", "a\\b", "a/"};
    for (size_t i = 0; i < TN_COUNT(bad); i++)
        assert_false(tn_path_is_safe(tn_str_of(bad[i])));
    assert_true(tn_path_is_safe(TN_STR("1_Pooling/config.json")));
    ASSERT_STR(tn_path_dir(TN_STR("a/b/c")), "a/b");
    ASSERT_STR(tn_path_dir(TN_STR("c")), ".");
    ASSERT_STR(tn_path_name(TN_STR("a/b/c")), "c");
}

static void digests_are_the_standard_ones(void **state)
{
    assert_string_equal(tn_sha256(TN_BYTES("abc")).hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_string_equal(tn_git_blob_id(TN_BYTES("hello\n")).hex, "ce013625030ba8dba906f756967f9e9ca394464a");
}

static void errors_keep_their_sentence_and_exit_code(void **state)
{
    tn_err err = TN_ERR_INIT;
    assert_int_equal(tn_fail(&err, TN_EFORMAT, "bad byte %d", 7), TN_EFORMAT);
    assert_int_equal(tn_fail_prefix(&err, "file %s", "x"), TN_EFORMAT);
    assert_string_equal(err.msg, "file x: bad byte 7");
    tn_fail(&err, TN_EFORMAT, "12:5: a comma is missing");
    tn_fail_prefix(&err, "brief.md");
    assert_string_equal(err.msg, "brief.md:12:5: a comma is missing");
    tn_fail(NULL, TN_EIO, "unseen");
    assert_int_equal(tn_fail_prefix(NULL, "x"), TN_EIO);
    tn_fail(&err, TN_EFORMAT, "label \"\033[2J%.*s\"\n\t\x7f", 4, "ngộ");
    assert_string_equal(err.msg, "label \"?[2Jng??\"\n\t?");
    char path[600];
    for (int shift = 0; shift < 3; shift++) { /* "đ" has two bytes: the cut falls into one or the other */
        memset(path, 'a', sizeof path);
        for (int i = shift; i + 2 < (int)sizeof path; i += 2)
            memcpy(path + i, "đ", 2);
        tn_fail(&err, TN_EINVALID, "%.*s%.*s", 598, path, 598, path);
        tn_fail_prefix(&err, "%d", shift);
        assert_true(tn_utf8_check(tn_str_of(err.msg)) == strlen(err.msg));
        assert_true(strlen(err.msg) == sizeof err.msg - 1 && tn_str_ends(tn_str_of(err.msg), "..."));
    }
    assert_int_equal(tn_exit_code(TN_ERULE), 1);
    assert_int_equal(tn_exit_code(TN_ENOENT), 2);
    assert_int_equal(tn_exit_code(TN_ENOMEM), 3);
    assert_int_equal(tn_exit_code(TN_EINTR), 130);
}

static tn_status some_allocations(void)
{
    tn_findings f;
    tn_err err;
    tn_status st = tn_findings_init(&f, &err);
    for (int i = 0; st == TN_OK && i < 20; i++)
        st = tn_findings_add(&f, (tn_finding){"data-fit", TN_ERROR, .message = TN_STR("m")}, &err);
    if (st == TN_OK)
        assert_int_equal(tn_findings_count(&f, TN_WARNING), 20);
    tn_findings_free(&f);
    return st;
}

static void every_failed_allocation_is_reported(void **state)
{
    tn_status st;
    FOR_EACH_FAILED_ALLOCATION(st, st = some_allocations());
}

int main(void)
{
    const struct CMUnitTest test[] = {
        cmocka_unit_test(number_text_is_pythons_repr),
        cmocka_unit_test(numbers_refuse_what_is_not_one),
        cmocka_unit_test(utf8_refuses_ill_formed_bytes),
        cmocka_unit_test(slices_cut_find_and_compare),
        cmocka_unit_test(buffer_stops_at_its_bound),
        cmocka_unit_test(arena_reuses_its_blocks),
        cmocka_unit_test(map_agrees_with_a_naive_list),
        cmocka_unit_test(philox_gives_the_published_vectors),
        cmocka_unit_test(draws_are_uniform_and_shuffles_are_permutations),
        cmocka_unit_test(pool_runs_every_task_once),
        cmocka_unit_test(files_are_whole_or_absent),
        cmocka_unit_test(a_record_is_appended_whole_or_not),
        cmocka_unit_test(folders_are_replaced_whole),
        cmocka_unit_test(progress_and_interruption_can_be_a_servers),
        cmocka_unit_test(unsafe_paths_are_seen),
        cmocka_unit_test(digests_are_the_standard_ones),
        cmocka_unit_test(errors_keep_their_sentence_and_exit_code),
        cmocka_unit_test(every_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests(test, NULL, NULL);
}
