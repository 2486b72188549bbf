/* A pickle is a program for a stack machine. We walk over its instructions by their sizes and look at two kinds: those that
 * name what they import (GLOBAL, INST), and STACK_GLOBAL, which takes the last two texts. Texts come from the stream or
 * from the memo, so a small memo of texts is kept; where the picture is uncertain, the last two texts seen stand for it. */
#include "check/pickle.h"

#include "codec/zip.h"

#include <string.h>

enum { MAX_STEPS = 20000000, MAX_MEMO = 1 << 16, MAX_UNPACKED = 64 << 20, MAX_STREAMS = 8, MAX_ARCHIVE = 256 << 20 };

/* What follows an opcode. */
typedef enum { NOTHING, BYTES, LINE, TWO_LINES, SIZED, UNKNOWN } argument;
typedef struct {
    argument kind;
    uint8_t n; /* BYTES: how many; SIZED: width of the length in front */
} shape;

static shape shape_of(uint8_t op)
{
    switch (op) {
    case '(': case '.': case '0': case '1': case '2': case 'N': case 'Q': case 'R': case 'a': case 'b': case 'd': case '}': case 'e':
    case 'l': case ']': case 'o': case 's': case 't': case ')': case 'u': case 0x81: case 0x85: case 0x86: case 0x87: case 0x88: case 0x89:
    case 0x8F: case 0x90: case 0x91: case 0x92: case 0x93: case 0x94: case 0x97: case 0x98:
        return (shape){NOTHING, 0};
    case 'K': case 'h': case 'q': case 0x80: case 0x82: return (shape){BYTES, 1};
    case 'M': case 0x83: return (shape){BYTES, 2};
    case 'J': case 'j': case 'r': case 0x84: return (shape){BYTES, 4};
    case 'G': case 0x95: return (shape){BYTES, 8};
    case 'F': case 'I': case 'L': case 'P': case 'S': case 'V': case 'g': case 'p': return (shape){LINE, 0};
    case 'c': case 'i': return (shape){TWO_LINES, 0};
    case 'U': case 'C': case 0x8A: case 0x8C: return (shape){SIZED, 1};
    case 'T': case 'X': case 'B': case 0x8B: return (shape){SIZED, 4};
    case 0x8D: case 0x8E: case 0x96: return (shape){SIZED, 8};
    default: return (shape){UNKNOWN, 0};
    }
}

typedef struct {
    tn_bytes b;
    size_t at;
    tn_str last[2];   /* texts, the newest second */
    bool top_is_text;
    tn_str *memo;     /* [MAX_MEMO], empty where no text is */
    size_t n_memo;
    tn_arena *arena;
    tn_pickle *out;
} scan;

static uint64_t number(const uint8_t *p, unsigned n)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < n; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

static bool read_line(scan *s, tn_str *line)
{
    const uint8_t *from = s->b.ptr + s->at, *end = s->at < s->b.len ? memchr(from, '\n', s->b.len - s->at) : NULL;
    if (!end)
        return false;
    *line = (tn_str){(const char *)from, (size_t)(end - from)};
    s->at += line->len + 1;
    return true;
}

/* Modules that can run programs, code or other pickles. Everything of them counts; of builtins, what runs or reaches. */
static bool is_danger(tn_str module, tn_str name)
{
    static const char *const whole[] = {"os", "posix", "nt", "subprocess", "sys", "shutil", "socket", "runpy", "importlib", "imp", "pty", "commands", "ctypes",
                                        "webbrowser", "requests", "urllib", "httplib", "http", "ftplib", "smtplib", "asyncio", "multiprocessing",
                                        "code", "codeop", "marshal", "pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "timeit", "pdb", "bdb", "pip",
                                        "venv", "distutils", "ensurepip", "zipimport", "pkgutil", "types", "pathlib", "io",
                                        "idlelib", "lib2to3", "xmlrpc", "aiohttp", "paramiko", "cProfile", "profile", "trace", "doctest", "operator", "functools", NULL};
    static const char *const builtin[] = {"eval", "exec", "execfile", "compile", "__import__", "open", "input", "getattr", "setattr", "delattr", "globals", "locals", "vars",
                                          "breakpoint", "apply", "file", NULL};
    static const char *const harmless[] = {"pathlib.PosixPath", "pathlib.PurePosixPath", "pathlib.WindowsPath", "pathlib.Path", "functools.partial", "operator.itemgetter",
                                           "operator.attrgetter", "types.SimpleNamespace", "io.BytesIO", "joblib.numpy_pickle.NumpyArrayWrapper", NULL};
    tn_str top = module;
    size_t dot = tn_str_find(module, TN_STR("."), 0);
    if (dot != SIZE_MAX)
        top.len = dot;
    if (tn_str_is(top, "builtins") || tn_str_is(top, "__builtin__")) {
        for (const char *const *b = builtin; *b; b++)
            if (tn_str_is(name, *b))
                return true;
        return false;
    }
    for (const char *const *h = harmless; *h; h++)
        if (strlen(*h) == module.len + 1 + name.len && memcmp(*h, module.ptr, module.len) == 0 && (*h)[module.len] == '.' &&
            memcmp(*h + module.len + 1, name.ptr, name.len) == 0)
            return false;
    for (const char *const *w = whole; *w; w++)
        if (tn_str_is(top, *w))
            return true;
    return (tn_str_is(module, "torch") || tn_str_starts(module, "torch.")) &&
           (tn_str_is(name, "load") || tn_str_is(name, "hub") || tn_str_is(name, "compile") || tn_str_starts(module, "torch.hub") || tn_str_starts(module, "torch.jit"));
}

static bool imports(scan *s, tn_str module, tn_str name)
{
    s->out->n_imports++;
    if (s->out->danger.len || !is_danger(module, name))
        return true;
    s->out->danger = tn_str_format(s->arena, "%.*s.%.*s", (int)(module.len < 60 ? module.len : 60), module.ptr, (int)(name.len < 60 ? name.len : 60), name.ptr);
    return s->out->danger.ptr != NULL;
}

static void push_text(scan *s, tn_str text)
{
    s->last[0] = s->last[1];
    s->last[1] = text;
    s->top_is_text = true;
}

static void remember(scan *s, uint64_t index)
{
    if (index < MAX_MEMO)
        s->memo[index] = s->top_is_text ? s->last[1] : TN_STR("");
}

static void recall(scan *s, uint64_t index)
{
    tn_str text = index < MAX_MEMO ? s->memo[index] : TN_STR("");
    s->top_is_text = false;
    if (text.len)
        push_text(s, text);
}

/* One pickle from s->at to its STOP. False when memory is out; *whole tells whether STOP was reached. */
static bool scan_stream(scan *s, size_t *steps, bool *whole)
{
    *whole = false;
    while (s->at < s->b.len && (*steps)++ < MAX_STEPS) {
        uint8_t op = s->b.ptr[s->at++];
        shape sh = shape_of(op);
        tn_str one = {0}, two = {0};
        uint64_t n = sh.n;
        size_t from = s->at;
        if (sh.kind == UNKNOWN || ((sh.kind == BYTES || sh.kind == SIZED) && n > s->b.len - s->at))
            return true;
        if (sh.kind == BYTES)
            s->at += n;
        if (sh.kind == SIZED) {
            n = number(s->b.ptr + s->at, sh.n);
            s->at += sh.n;
            if (n > s->b.len - s->at)
                return true;
            one = (tn_str){(const char *)s->b.ptr + s->at, (size_t)n};
            s->at += n;
        }
        if ((sh.kind == LINE || sh.kind == TWO_LINES) && !read_line(s, &one))
            return true;
        if (sh.kind == TWO_LINES && !read_line(s, &two))
            return true;
        switch (op) {
        case '.': *whole = true; return true;
        case 'c':
        case 'i':
            if (!imports(s, one, two))
                return false;
            s->top_is_text = false;
            break;
        case 0x93:
            if (!imports(s, s->last[0], s->last[1]))
                return false;
            s->top_is_text = false;
            break;
        case 'S': /* 'text' in quotes */
            push_text(s, one.len >= 2 ? tn_str_sub(one, 1, one.len - 1) : one);
            break;
        case 'V': case 'U': case 'T': case 'X': case 0x8C: case 0x8D: push_text(s, one); break;
        case 0x94: remember(s, s->n_memo++); break;
        case 'q': case 'r': remember(s, number(s->b.ptr + from, sh.n)); break;
        case 'h': case 'j': recall(s, number(s->b.ptr + from, sh.n)); break;
        case 'p':
        case 'g': {
            int64_t index;
            if (tn_str_to_i64(one, &index) && index >= 0) {
                if (op == 'p')
                    remember(s, (uint64_t)index);
                else
                    recall(s, (uint64_t)index);
            }
            break;
        }
        case 0x80: case 0x95: break; /* PROTO, FRAME: nothing on the stack */
        default: s->top_is_text = false;
        }
    }
    return true;
}

static tn_status scan_bytes(tn_bytes b, tn_arena *a, tn_pickle *out, tn_err *err)
{
    size_t steps = 0;
    bool whole = true;
    scan s = {.b = b, .arena = a, .out = out, .memo = tn_arena_calloc(a, MAX_MEMO * sizeof(tn_str))};
    if (!s.memo)
        return tn_fail_nomem(err, MAX_MEMO * sizeof(tn_str));
    bool newer = b.len >= 2 && b.ptr[0] == 0x80 && b.ptr[1] >= 2 && b.ptr[1] <= 5; /* protocols 0 and 1 have no mark */
    /* An old file of torch is several pickles, one behind the other, then raw numbers. */
    for (int i = 0; i < MAX_STREAMS && whole && s.at < b.len && (i == 0 || b.ptr[s.at] == 0x80); i++) {
        s.n_memo = 0;
        if (!scan_stream(&s, &steps, &whole))
            return tn_fail_nomem(err, 128);
    }
    out->is_whole = whole;
    out->is_pickle = out->is_pickle || newer || whole;
    return TN_OK;
}

/* torch.save's archive, read as torch reads it and as a liar might write it: by local headers, whose sizes may be zero or
 * wrong. A pickle says itself where it ends. Deflated members are left to the strict reader. */
static tn_status scan_members(tn_bytes file, tn_arena *a, tn_pickle *out, tn_err *err)
{
    const tn_str text = tn_str_from_bytes(file);
    size_t end = file.len < MAX_ARCHIVE ? file.len : MAX_ARCHIVE;
    for (size_t at = 0, n = 0; n < MAX_STREAMS && (at = tn_str_find(tn_str_sub(text, 0, end), TN_STR("PK\3\4"), at)) != SIZE_MAX; at += 4) {
        if (file.len - at < 30)
            break;
        const uint8_t *head = file.ptr + at;
        size_t name = (size_t)number(head + 26, 2), extra = (size_t)number(head + 28, 2);
        if (name + extra > file.len - at - 30 || number(head + 8, 2) != 0 || !tn_str_ends(tn_str_sub(text, at + 30, at + 30 + name), ".pkl"))
            continue;
        size_t from = at + 30 + name + extra;
        TN_TRY(scan_bytes((tn_bytes){file.ptr + from, file.len - from}, a, out, err));
        n++;
    }
    return TN_OK;
}

tn_status tn_pickle_scan(tn_bytes file, tn_arena *a, tn_pickle *out, tn_err *err)
{
    *out = (tn_pickle){0};
    if (file.len < 4 || memcmp(file.ptr, "PK\3\4", 4) != 0)
        return scan_bytes(file, a, out, err);
    TN_TRY(scan_members(file, a, out, err));
    tn_zip zip;
    tn_status st = tn_zip_parse(file, a, &zip, NULL);
    if (st == TN_ENOMEM)
        return tn_fail_nomem(err, 64);
    for (size_t i = 0; st == TN_OK && i < zip.n; i++) {
        tn_bytes inner;
        if (!zip.entry[i].deflated || !tn_str_ends(zip.entry[i].name, ".pkl"))
            continue;
        tn_status read = tn_zip_read(&zip.entry[i], MAX_UNPACKED, a, &inner, NULL);
        if (read == TN_ENOMEM)
            return tn_fail_nomem(err, 64);
        if (read == TN_OK)
            TN_TRY(scan_bytes(inner, a, out, err));
    }
    return TN_OK;
}
