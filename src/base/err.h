#ifndef TN_BASE_ERR_H
#define TN_BASE_ERR_H
/// Status codes and the one-sentence error that goes with them.
///
/// Every fallible function returns tn_status and takes `tn_err *err` last. On failure `err->msg` holds one sentence:
/// what went wrong, where (`file:line:column`, or a byte), what to do next. `err` may be NULL when only the status matters.

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    TN_OK = 0,
    TN_EINVALID, /* a value that the caller or the user chose makes no sense here   exit 2 */
    TN_EFORMAT,  /* bytes from outside that break their format                      exit 2 */
    TN_ENOENT,   /* a file, key, column or model that is not there                  exit 2 */
    TN_ELIMIT,   /* input larger than the stated bound                              exit 2 */
    TN_ERULE,    /* one of the project's rules says no, or a stated threshold fails exit 1 */
    TN_EIO,      /* the world: disk, network, permission                            exit 3 */
    TN_ENOMEM,   /* the world: memory                                               exit 3 */
    TN_EINTR,    /* interrupted by the user; what was written can be resumed        exit 130 */
    TN_EBUG,     /* an invariant of ours does not hold                              exit 4 */
} tn_status;

typedef struct {
    tn_status status;
    char msg[1024]; /* NUL-terminated UTF-8 without control characters but \n and \t; '?' stands for what was none;
                     * longer sentences are cut with "..." */
} tn_err;

#define TN_ERR_INIT ((tn_err){TN_OK, ""})

/// Fills `err` and returns `status`, so that a failure is one line: `return tn_fail(err, TN_EFORMAT, "...", ...)`.
tn_status tn_fail(tn_err *err, tn_status status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/// Puts "`prefix`: " before the sentence already in `err` (a path, a row number) and returns the failure's status. A sentence that
/// begins with its place, "12:5: ...", joins without the blank: "brief.md:12:5: ...".
tn_status tn_fail_prefix(tn_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/// "out of memory (N bytes)" for a failed allocation.
tn_status tn_fail_nomem(tn_err *err, size_t n_bytes);

/// TN_EIO (or TN_ENOENT, TN_ENOMEM) with strerror(errno) after the formatted text.
tn_status tn_fail_errno(tn_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/// Exit code of the program for a status: 0, 1, 2, 3, 4 or 130 (DESIGN, commands).
int tn_exit_code(tn_status status);

/// Passes a failure up.
#define TN_TRY(call)                                                                                                   \
    do {                                                                                                               \
        tn_status tn_try_ = (call);                                                                                    \
        if (tn_try_ != TN_OK)                                                                                          \
            return tn_try_;                                                                                            \
    } while (0)

/// Passes a failure to the function's `done:` label; needs a local `tn_status st`.
#define TN_GO(call)                                                                                                    \
    do {                                                                                                               \
        st = (call);                                                                                                   \
        if (st != TN_OK)                                                                                               \
            goto done;                                                                                                 \
    } while (0)

/// An invariant of ours. Bytes from outside can never reach it. Always on; prints and exits 4.
#define TN_ASSERT(cond) ((cond) ? (void)0 : tn_assert_failed(#cond, __FILE__, __LINE__))
_Noreturn void tn_assert_failed(const char *cond, const char *file, int line);

#define TN_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
