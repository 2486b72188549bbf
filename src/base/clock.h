#ifndef TN_BASE_CLOCK_H
#define TN_BASE_CLOCK_H
/// Time, interruption and progress: the three things a long job shares with the person who waits for it.
/// No decision reads a clock (DESIGN, promise 2): it is for env.json, bench.json, logs and the progress line.

#include "base/err.h"

/// Monotonic seconds.
double tn_clock_seconds(void);
/// "2026-11-24T10:50:07Z", now.
void tn_clock_iso(char out[32]);
/// Peak resident memory of this process in bytes.
uint64_t tn_peak_memory(void);

/// Installs handlers for SIGINT and SIGTERM that only set a flag; a second signal ends the process at once.
void tn_interrupt_install(void);
/// TN_EINTR when the flag is set or the work was cancelled, else TN_OK. Long loops call it once a step.
tn_status tn_interrupt_check(tn_err *err);
/// True once a signal came: for a loop that must end then, and not when one piece of its work is cancelled.
bool tn_interrupt_signalled(void);
/// Asks the work that is under way to stop, or takes that back before the next piece of work: for a server whose client
/// gives up one request. Any thread.
void tn_interrupt_cancel(bool on);

/// A bar on a terminal, a plain line every few seconds otherwise, nothing when quiet. All on stderr.
typedef struct tn_progress tn_progress;
struct tn_progress {
    bool quiet;
    /* Where everything goes instead when not NULL, called in the thread that works; total = 0: `text` is a line of prose. */
    void (*sink)(void *self, const char *text, uint64_t done, uint64_t total);
    void *self;
    /* private */
    double start, last;
    char label[64];
    bool open;
};
/// `note` (may be NULL) is shown behind the bar: "loss 0.41".
void tn_progress_show(tn_progress *p, const char *label, uint64_t done, uint64_t total, const char *note);
/// One line of prose, ending an open bar.
void tn_progress_say(tn_progress *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
