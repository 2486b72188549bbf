#include "base/err.h"
#include "base/str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Sentences quote files and clients. What is no letter there (a control character, a letter cut in two by a limit) is
 * shown as '?', so that a message is UTF-8 and cannot steer a terminal. */
static void make_printable(char *msg)
{
    tn_str s = tn_str_of(msg);
    for (size_t i = 0, bad; i < s.len; i = bad + 1) {
        bad = i + tn_utf8_check(tn_str_sub(s, i, s.len));
        for (size_t k = i; k < bad; k++)
            if (((unsigned char)msg[k] < 0x20 && msg[k] != '\n' && msg[k] != '\t') || msg[k] == 0x7F)
                msg[k] = '?';
        if (bad < s.len)
            msg[bad] = '?';
    }
}

static void set_message(tn_err *err, tn_status status, const char *fmt, va_list ap)
{
    err->status = status;
    int n = vsnprintf(err->msg, sizeof err->msg, fmt, ap);
    if (n < 0)
        err->msg[0] = 0;
    if (n >= (int)sizeof err->msg)
        memcpy(err->msg + sizeof err->msg - 4, "...", 4);
    make_printable(err->msg);
}

/* The status of this thread's last failure: what tn_fail_prefix returns when there is no err to look into. */
static _Thread_local tn_status last_status = TN_EBUG;

tn_status tn_fail(tn_err *err, tn_status status, const char *fmt, ...)
{
    last_status = status;
    if (!err)
        return status;
    va_list ap;
    va_start(ap, fmt);
    set_message(err, status, fmt, ap);
    va_end(ap);
    return status;
}

tn_status tn_fail_prefix(tn_err *err, const char *fmt, ...)
{
    if (!err)
        return last_status;
    tn_err inner = *err;
    va_list ap;
    va_start(ap, fmt);
    set_message(err, inner.status, fmt, ap);
    va_end(ap);
    size_t used = strlen(err->msg);
    size_t digits = strspn(inner.msg, "0123456789");
    bool is_place = digits && inner.msg[digits] == ':';
    int n = snprintf(err->msg + used, sizeof err->msg - used, is_place ? ":%s" : ": %s", inner.msg);
    if (n >= (int)(sizeof err->msg - used))
        memcpy(err->msg + sizeof err->msg - 4, "...", 4);
    make_printable(err->msg);
    return err->status;
}

tn_status tn_fail_nomem(tn_err *err, size_t n_bytes)
{
    return tn_fail(err, TN_ENOMEM, "out of memory (%zu bytes asked for)", n_bytes);
}

tn_status tn_fail_errno(tn_err *err, const char *fmt, ...)
{
    int code = errno;
    tn_status status = code == ENOENT || code == ENOTDIR ? TN_ENOENT : code == EISDIR ? TN_EINVALID : code == ENOMEM ? TN_ENOMEM : TN_EIO;
    last_status = status;
    if (!err)
        return status;
    va_list ap;
    va_start(ap, fmt);
    set_message(err, status, fmt, ap);
    va_end(ap);
    size_t used = strlen(err->msg);
    snprintf(err->msg + used, sizeof err->msg - used, ": %s", strerror(code));
    return status;
}

int tn_exit_code(tn_status status)
{
    switch (status) {
    case TN_OK: return 0;
    case TN_ERULE: return 1;
    case TN_EINVALID:
    case TN_EFORMAT:
    case TN_ENOENT:
    case TN_ELIMIT: return 2;
    case TN_EIO:
    case TN_ENOMEM: return 3;
    case TN_EINTR: return 130;
    case TN_EBUG: break;
    }
    return 4;
}

void tn_assert_failed(const char *cond, const char *file, int line)
{
    fprintf(stderr, "tenet: internal error at %s:%d: %s does not hold; this is a bug of ours\n", file, line, cond);
    exit(4);
}
