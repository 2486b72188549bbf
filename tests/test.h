#ifndef TN_TESTS_TEST_H
#define TN_TESTS_TEST_H
/// What every test file includes: cmocka, and a few checks that say more when they fail.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

/// The call returned TN_OK; otherwise fails with the sentence in `err`.
#define ASSERT_OK(call, err)                                                                                           \
    do {                                                                                                               \
        tn_status st_ = (call);                                                                                        \
        if (st_ != TN_OK)                                                                                              \
            fail_msg("%s: status %d: %s", #call, (int)st_, (err)->msg);                                                \
    } while (0)

/// The call failed with this status and left a sentence.
#define ASSERT_FAILS(call, status_, err)                                                                               \
    do {                                                                                                               \
        (err)->msg[0] = 0;                                                                                             \
        tn_status st_ = (call);                                                                                        \
        if (st_ != (status_))                                                                                          \
            fail_msg("%s: status %d, wanted %d: %s", #call, (int)st_, (int)(status_), (err)->msg);                     \
        if (!(err)->msg[0])                                                                                            \
            fail_msg("%s: failed without a sentence", #call);                                                          \
    } while (0)

#define ASSERT_STR(s, literal)                                                                                         \
    do {                                                                                                               \
        tn_str s_ = (s);                                                                                               \
        if (!tn_str_is(s_, (literal)))                                                                                 \
            fail_msg("%s: got \"%.*s\", wanted \"%s\"", #s, TN_ARG(s_), (literal));                                    \
    } while (0)

/// Makes a new folder, works in it, and removes it at exit: for tests that write files under fixed relative names.
static char temp_folder[] = "/tmp/tenet-test-XXXXXX";
static inline void remove_temp_folder(void)
{
    if (chdir("/tmp") == 0)
        tn_file_remove(temp_folder, NULL);
}
static inline void enter_temp_folder(void)
{
    if (!mkdtemp(temp_folder) || chdir(temp_folder) != 0)
        abort();
    atexit(remove_temp_folder);
}

/// Runs `body` (a statement that sets tn_status st) with the 1st, 2nd, ... allocation failing, until it succeeds.
/// Every failure must be TN_ENOMEM.
#define FOR_EACH_FAILED_ALLOCATION(st, body)                                                                           \
    for (long n_ = 1, done_ = 0; !done_; n_++) {                                                                       \
        if (n_ > 100000)                                                                                               \
            fail_msg("still failing after 100000 allocations");                                                        \
        tn_mem_fail_at(n_);                                                                                            \
        body;                                                                                                          \
        tn_mem_fail_at(0);                                                                                             \
        if ((st) == TN_OK)                                                                                             \
            done_ = 1;                                                                                                 \
        else if ((st) != TN_ENOMEM)                                                                                    \
            fail_msg("allocation %ld failed, status %d instead of TN_ENOMEM", n_, (int)(st));                          \
    }

#endif
