#include "data/note.h"

#include <stdio.h>

tn_status tn_note(tn_findings *f, tn_finding what, tn_err *err, const char *fmt, ...)
{
    if (!f)
        return TN_OK;
    char message[2048];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    size_t len = n < 0 ? 0 : n < (int)sizeof message ? (size_t)n : sizeof message - 1;
    /* A cut must not part a letter. */
    len = tn_utf8_check((tn_str){message, len});
    what.message = (tn_str){message, len};
    return tn_findings_add(f, what, err);
}
