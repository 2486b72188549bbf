/* One pass: a byte that begins no form costs a look into a table. */
#include "check/secret.h"

#include <ctype.h>
#include <string.h>

typedef enum { ALNUM, WORD, UPPER } letters; /* [A-Za-z0-9]; also '_' and '-'; [A-Z0-9] */

static const struct form {
    const char *head, *what;
    letters of;
    uint8_t min, max; /* letters behind the head; max 0 = open */
    uint8_t distinct; /* different letters that a real one has at least */
} forms[] = {
    {"hf_", "a Hugging Face token", ALNUM, 30, 44, 10},
    {"api_org_", "a Hugging Face organisation token", ALNUM, 30, 44, 10},
    {"sk-ant-", "an Anthropic key", WORD, 30, 0, 12},
    {"sk-proj-", "an OpenAI key", WORD, 30, 0, 12},
    {"sk-", "an OpenAI key", ALNUM, 32, 64, 12},
    {"ghp_", "a GitHub token", ALNUM, 30, 0, 10},
    {"gho_", "a GitHub token", ALNUM, 30, 0, 10},
    {"ghs_", "a GitHub token", ALNUM, 30, 0, 10},
    {"github_pat_", "a GitHub token", WORD, 40, 0, 12},
    {"glpat-", "a GitLab token", WORD, 20, 0, 10},
    {"AKIA", "an AWS access key", UPPER, 16, 16, 8},
    {"ASIA", "an AWS access key", UPPER, 16, 16, 8},
    {"AIza", "a Google API key", WORD, 35, 35, 12},
    {"xoxb-", "a Slack token", WORD, 24, 0, 10},
    {"xoxp-", "a Slack token", WORD, 24, 0, 10},
    {"r8_", "a Replicate token", ALNUM, 37, 37, 12},
};

static bool is_letter(letters of, unsigned char c)
{
    return of == UPPER ? isupper(c) || isdigit(c) : isalnum(c) || (of == WORD && (c == '_' || c == '-'));
}

static bool is_placeholder(tn_str s, size_t distinct)
{
    static const char *const word[] = {"xxx", "your", "example", "placeholder", "token", "secret", "000000", "123456789", "...."};
    bool seen[256] = {false};
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        n += !seen[(unsigned char)s.ptr[i]];
        seen[(unsigned char)s.ptr[i]] = true;
    }
    for (size_t i = 0; i < TN_COUNT(word); i++)
        if (tn_str_has_fold(s, word[i]))
            return true;
    return n < distinct;
}

/* A private key in PEM: the head line and a first line of base64. */
static bool is_private_key(tn_str s, size_t *len)
{
    const char head[] = "-----BEGIN ";
    if (!tn_str_starts(s, head))
        return false;
    size_t end = tn_str_find(tn_str_sub(s, 0, 64), TN_STR("PRIVATE KEY-----"), 0);
    if (end == SIZE_MAX)
        return false;
    size_t at = end + strlen("PRIVATE KEY-----"), n = 0;
    while (at < s.len && (isspace((unsigned char)s.ptr[at]) || s.ptr[at] == '\\' || s.ptr[at] == 'n' || s.ptr[at] == '"'))
        at++;
    while (at < s.len && n < 65 && (isalnum((unsigned char)s.ptr[at]) || strchr("+/=", s.ptr[at])))
        at++, n++;
    *len = at;
    return n >= 40 && !is_placeholder(tn_str_sub(s, at - n, at), 12);
}

bool tn_secret_next(tn_str text, size_t *at, const char **what, size_t *from, size_t *to)
{
    static const bool begins[256] = {['h'] = 1, ['a'] = 1, ['s'] = 1, ['g'] = 1, ['A'] = 1, ['x'] = 1, ['r'] = 1, ['-'] = 1};
    for (size_t i = *at; i < text.len; i++) {
        if (!begins[(unsigned char)text.ptr[i]])
            continue;
        if (text.ptr[i] != '-' && i > 0 && (isalnum((unsigned char)text.ptr[i - 1]) || text.ptr[i - 1] == '_'))
            continue;
        tn_str rest = tn_str_sub(text, i, text.len);
        size_t len;
        if (rest.ptr[0] == '-' && is_private_key(rest, &len)) {
            *what = "a private key";
            *from = i;
            *to = *at = i + len;
            return true;
        }
        for (const struct form *f = forms; f < forms + TN_COUNT(forms); f++) {
            if (rest.ptr[0] != f->head[0] || !tn_str_starts(rest, f->head))
                continue;
            size_t head = strlen(f->head), n = 0;
            while (head + n < rest.len && n < 255 && is_letter(f->of, (unsigned char)rest.ptr[head + n]))
                n++;
            if (n < f->min || (f->max && n > f->max) || is_placeholder(tn_str_sub(rest, head, head + n), f->distinct))
                continue;
            *what = f->what;
            *from = i;
            *to = *at = i + head + n;
            return true;
        }
    }
    *at = text.len;
    return false;
}

/* The head says what it was; the rest is nobody's business. */
static size_t head_of(tn_str secret)
{
    for (const struct form *f = forms; f < forms + TN_COUNT(forms); f++)
        if (tn_str_starts(secret, f->head))
            return strlen(f->head);
    return 0;
}

tn_status tn_secret_mask(tn_str text, tn_arena *a, tn_str *out, tn_err *err)
{
    size_t at = 0, from, to, copied = 0;
    const char *what;
    tn_buf b = TN_BUF_INIT;
    *out = text;
    while (tn_secret_next(text, &at, &what, &from, &to)) {
        from += head_of(tn_str_sub(text, from, to));
        tn_buf_str(&b, tn_str_sub(text, copied, from));
        tn_buf_c(&b, "***");
        copied = to;
    }
    tn_status st = TN_OK;
    if (copied) {
        tn_buf_str(&b, tn_str_sub(text, copied, text.len));
        st = tn_buf_status(&b, err);
        if (st == TN_OK) {
            *out = tn_str_dup(a, tn_buf_view(&b));
            st = out->ptr ? TN_OK : tn_fail_nomem(err, b.len);
        }
    }
    tn_buf_free(&b);
    return st;
}

tn_status tn_check_secrets(const tn_check_source *s, tn_findings *findings, tn_err *err)
{
    size_t at = 0, from, to, counted = 0;
    uint32_t line = 1, column = 1;
    const char *what;
    for (int n = 0; n < 100 && tn_secret_next(s->text, &at, &what, &from, &to); n++) {
        for (; counted < from; counted++) {
            unsigned char c = (unsigned char)s->text.ptr[counted];
            line += c == '\n';
            column = c == '\n' ? 1 : column + ((c & 0xC0) != 0x80);
        }
        size_t head = head_of(tn_str_sub(s->text, from, to));
        tn_str message = tn_str_format(s->arena, "%s stands in the text, where everyone who has the file can use it", what);
        tn_str evidence = tn_str_format(s->arena, "%.*s*** (%zu characters)", (int)head, s->text.ptr + from, to - from);
        if (!message.ptr || !evidence.ptr)
            return tn_fail_nomem(err, 64);
        TN_TRY(tn_findings_add(findings,
                               (tn_finding){.rule = "govern-userdata", .line = line, .column = column, .message = message, .evidence = evidence,
                                            .remedy = TN_STR("revoke it now, since history keeps it; read it from the environment (HF_TOKEN) or a secret store")},
                               err));
    }
    return TN_OK;
}
