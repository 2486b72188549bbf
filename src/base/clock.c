#include "base/clock.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

double tn_clock_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void tn_clock_iso(char out[32])
{
    time_t now = time(NULL);
    struct tm parts;
    gmtime_r(&now, &parts);
    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

/* From /proc, not from getrusage: a process that was started by a large one inherits its ru_maxrss across exec. */
uint64_t tn_peak_memory(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    unsigned long long kib = 0;
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "VmHWM: %llu kB", &kib) == 1)
            break;
    if (file)
        fclose(file);
    return kib * 1024;
}

static atomic_bool interrupted, cancelled; /* any thread may take the signal, another one asks */

static void on_signal(int signal_number)
{
    if (atomic_exchange(&interrupted, true))
        _exit(128 + signal_number);
}

void tn_interrupt_install(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

tn_status tn_interrupt_check(tn_err *err)
{
    return interrupted || cancelled ? tn_fail(err, TN_EINTR, "interrupted") : TN_OK;
}

bool tn_interrupt_signalled(void)
{
    return interrupted;
}

void tn_interrupt_cancel(bool on)
{
    cancelled = on;
}

static int terminal_width(void)
{
    struct winsize size;
    return ioctl(2, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

static void end_bar(tn_progress *p)
{
    if (p->open && isatty(2))
        fputc('\n', stderr);
    p->open = false;
}

void tn_progress_show(tn_progress *p, const char *label, uint64_t done, uint64_t total, const char *note)
{
    double now = tn_clock_seconds();
    if (p && p->sink)
        p->sink(p->self, label, done, total ? total : 1);
    if (!p || p->sink || p->quiet)
        return;
    if (strncmp(p->label, label, sizeof p->label - 1) != 0 || !p->open) {
        end_bar(p);
        snprintf(p->label, sizeof p->label, "%s", label);
        p->start = now;
        p->last = 0;
        p->open = true;
    }
    bool tty = isatty(2), finished = done >= total;
    /* Ten redraws a second on a terminal, a line every ten seconds in a log. */
    if (!finished && now - p->last < (tty ? 0.1 : 10))
        return;
    bool first = p->last == 0;
    p->last = now;
    double share = total ? (double)done / (double)total : 1, spent = now - p->start;
    char left[48] = "";
    if (!finished && share > 0.02)
        snprintf(left, sizeof left, " %.0f s left", spent / share - spent);
    if (!tty) {
        if (!first || finished)
            fprintf(stderr, "%s %llu/%llu %.0f s%s%s%s\n", label, (unsigned long long)done, (unsigned long long)total,
                    spent, left, note ? "  " : "", note ? note : "");
    } else {
        int cells = terminal_width() - 50 > 30 ? 30 : 10, full = (int)(share * cells);
        fprintf(stderr, "\r\033[K%-20s ", label);
        for (int i = 0; i < cells; i++)
            fputs(i < full ? "\u2588" : "\u2591", stderr);
        fprintf(stderr, " %3.0f%%%s%s%s", 100 * share, left, note ? "  " : "", note ? note : "");
    }
    if (finished)
        end_bar(p);
    fflush(stderr);
}

void tn_progress_say(tn_progress *p, const char *fmt, ...)
{
    va_list ap;
    if (p && p->sink) {
        char line[1024];
        va_start(ap, fmt);
        vsnprintf(line, sizeof line, fmt, ap);
        va_end(ap);
        p->sink(p->self, line, 0, 0);
        return;
    }
    if (!p || p->quiet)
        return;
    end_bar(p);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
}
