/* A message is parsed into an arena of its own; a request takes that arena with it through the queue and gives it back
 * with its answer. Two threads at most are in here: one receives, one works; `lock` guards the queue and what is
 * running, `out` the order of what is sent. Whatever a client sends, each request with a usable id gets exactly one
 * answer, unless it was cancelled; nothing else is answered.
 *
 * A method is a row of a table: in which eras it is known, whether it waits in the queue, which function writes the members of
 * its result. Such a function returns 0, or JSON-RPC's error code with the sentence in `err`. */
#include "serve/mcp.h"

#include "serve/schema.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PARSE_ERROR = -32700, INVALID_REQUEST = -32600, NO_METHOD = -32601, INVALID_PARAMS = -32602, INTERNAL = -32603, BUSY = -32000,
       NO_RESOURCE = -32002 /* legacy only */, NO_VERSION = -32022 };
enum { LEGACY = 1, MODERN = 2, BOTH = 3 };
enum { MAX_DEPTH = 64, MAX_BATCH = 64, MAX_SUBSCRIPTIONS = 16, PAGE = 100, MAX_VALUES = 100 };

#define META "io.modelcontextprotocol/"
static const char modern_version[] = "2026-07-28";
static const char *const legacy_version[] = {"2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"};
static const char batch_version[] = "2025-03-26"; /* the only revision with batches */
static const char *const log_level[] = {"debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"};
enum { LEVEL_INFO = 1, LEVEL_NONE = TN_COUNT(log_level) };

typedef struct {
    size_t left, n; /* answers to come, plus one while the batch is being read; answers in `out` */
    tn_buf out;
} batch;

typedef struct request request;
typedef struct {
    const char *name;
    int eras;
    bool waits;
    int ttl_ms; /* modern: how long its result may be kept; -1: says nothing */
    int (*answer)(tn_mcp *m, request *r, tn_json_writer *w, tn_err *err);
} method;

struct request {
    request *next;
    tn_arena *arena; /* owned */
    const method *method;
    const tn_json *id, *params, *token;
    batch *batch;
    bool modern, cancelled;
    int level; /* log messages from this one on */
    /* progress: never falls, whatever the phases of the work count */
    tn_mcp *server;
    uint64_t before, last;
    char label[64];
    double sent;
};

struct tn_mcp {
    tn_mcp_options o;
    void (*send)(void *to, tn_str message);
    void *to;
    tn_arena *arena; /* schemas */
    const tn_json **input; /* [n_tools] */
    pthread_mutex_t lock, out;
    pthread_cond_t wake;
    request *first, *last, *running;
    size_t n_waiting;
    request *subscription; /* a list: open until cancelled */
    size_t n_subscriptions;
    const char *version; /* of the legacy session, NULL before initialize */
    int level;
    bool closing;
};

/* ---- sending ---- */

static void send_message(tn_mcp *m, tn_buf *b)
{
    if (tn_buf_status(b, NULL) == TN_OK) {
        pthread_mutex_lock(&m->out);
        m->send(m->to, tn_buf_view(b));
        pthread_mutex_unlock(&m->out);
    }
    tn_buf_free(b);
}

/* One answer less to come; a batch goes out as one message with its last one. */
static void settle(tn_mcp *m, batch *g, tn_buf *answer)
{
    pthread_mutex_lock(&m->out);
    if (answer && tn_buf_status(answer, NULL) == TN_OK) {
        tn_buf_char(&g->out, g->n++ ? ',' : '[');
        tn_buf_str(&g->out, tn_buf_view(answer));
    }
    bool last = --g->left == 0;
    if (last && g->n) {
        tn_buf_char(&g->out, ']');
        if (tn_buf_status(&g->out, NULL) == TN_OK)
            m->send(m->to, tn_buf_view(&g->out));
    }
    pthread_mutex_unlock(&m->out);
    if (last) {
        tn_buf_free(&g->out);
        tn_mem_free(g);
    }
}

static void deliver(tn_mcp *m, batch *g, tn_buf *answer)
{
    if (!g) {
        send_message(m, answer);
        return;
    }
    settle(m, g, answer);
    tn_buf_free(answer);
}

static void begin_answer(tn_json_writer *w, tn_buf *b, const tn_json *id)
{
    tn_buf_clear(b);
    tn_jw_init(w, b, 0);
    tn_jw_begin_object(w);
    tn_jw_key(w, "jsonrpc");
    tn_jw_c(w, "2.0");
    tn_jw_key(w, "id");
    tn_jw_node(w, id);
}

static void write_error(tn_json_writer *w, int code, const char *message)
{
    tn_jw_key(w, "error");
    tn_jw_begin_object(w);
    tn_jw_key(w, "code");
    tn_jw_i64(w, code);
    tn_jw_key(w, "message");
    tn_jw_c(w, message);
}

/* `id` NULL: it could not be read. */
static void refuse(tn_mcp *m, batch *g, const tn_json *id, int code, const char *message)
{
    tn_buf b = TN_BUF_INIT;
    tn_json_writer w;
    begin_answer(&w, &b, id);
    write_error(&w, code, message);
    tn_jw_end_object(&w);
    tn_jw_end_object(&w);
    deliver(m, g, &b);
}

static void refuse_version(tn_mcp *m, batch *g, const tn_json *id, tn_str requested)
{
    tn_buf b = TN_BUF_INIT;
    tn_json_writer w;
    begin_answer(&w, &b, id);
    write_error(&w, NO_VERSION, "unsupported protocol version");
    tn_jw_key(&w, "data");
    tn_jw_begin_object(&w);
    tn_jw_key(&w, "supported");
    tn_jw_begin_array(&w);
    tn_jw_c(&w, modern_version);
    tn_jw_end_array(&w);
    tn_jw_key(&w, "requested");
    tn_jw_str(&w, requested);
    tn_jw_end_object(&w);
    tn_jw_end_object(&w);
    tn_jw_end_object(&w);
    deliver(m, g, &b);
}

static void begin_notification(tn_json_writer *w, tn_buf *b, const char *name)
{
    tn_jw_init(w, b, 0);
    tn_jw_begin_object(w);
    tn_jw_key(w, "jsonrpc");
    tn_jw_c(w, "2.0");
    tn_jw_key(w, "method");
    tn_jw_c(w, name);
    tn_jw_key(w, "params");
    tn_jw_begin_object(w);
}

static void end_notification(tn_mcp *m, tn_json_writer *w, tn_buf *b)
{
    tn_jw_end_object(w);
    tn_jw_end_object(w);
    send_message(m, b);
}

/* ---- progress and log of a request ---- */

static void log_line(request *r, const char *text)
{
    tn_buf b = TN_BUF_INIT;
    tn_json_writer w;
    begin_notification(&w, &b, "notifications/message");
    tn_jw_key(&w, "level");
    tn_jw_c(&w, log_level[LEVEL_INFO]);
    tn_jw_key(&w, "logger");
    tn_jw_c(&w, r->server->o.name);
    tn_jw_key(&w, "data");
    tn_jw_c(&w, text);
    end_notification(r->server, &w, &b);
}

static void take_progress(void *self, const char *text, uint64_t done, uint64_t total)
{
    request *r = self;
    if (total == 0) {
        if (r->level <= LEVEL_INFO)
            log_line(r, text);
        return;
    }
    if (strncmp(r->label, text, sizeof r->label - 1) != 0 || done < r->last) { /* the next phase counts from 0 again */
        snprintf(r->label, sizeof r->label, "%s", text);
        r->before += r->last;
        r->last = 0;
    }
    double now = tn_clock_seconds();
    bool fresh = done > r->last && (now - r->sent >= 0.1 || done >= total); /* ten a second are enough to look at */
    if (!r->token || !fresh)
        return;
    r->last = done;
    r->sent = now;
    tn_buf b = TN_BUF_INIT;
    tn_json_writer w;
    begin_notification(&w, &b, "notifications/progress");
    tn_jw_key(&w, "progressToken");
    tn_jw_node(&w, r->token);
    tn_jw_key(&w, "progress");
    tn_jw_u64(&w, r->before + done);
    tn_jw_key(&w, "total");
    tn_jw_u64(&w, r->before + (done > total ? done : total));
    tn_jw_key(&w, "message");
    tn_jw_c(&w, text);
    end_notification(r->server, &w, &b);
}

/* ---- the session ---- */

static void write_capabilities(const tn_mcp *m, tn_json_writer *w)
{
    tn_jw_key(w, "capabilities");
    tn_jw_raw(w, TN_STR("{\"tools\":{},\"resources\":{},\"prompts\":{},\"completions\":{},\"logging\":{}}"));
    tn_jw_key(w, "instructions");
    tn_jw_c(w, m->o.instructions);
}

static void write_server(const tn_mcp *m, tn_json_writer *w)
{
    tn_jw_begin_object(w);
    tn_jw_key(w, "name");
    tn_jw_c(w, m->o.name);
    tn_jw_key(w, "title");
    tn_jw_c(w, m->o.title);
    tn_jw_key(w, "version");
    tn_jw_c(w, m->o.version);
    tn_jw_end_object(w);
}

static int initialize(tn_mcp *m, request *r, tn_json_writer *w, tn_err *err)
{
    const tn_json *wanted = tn_json_get(r->params, "protocolVersion");
    if (tn_json_type(wanted) != TN_JSON_STRING) {
        tn_fail(err, TN_EINVALID, "initialize needs params.protocolVersion, a string");
        return INVALID_PARAMS;
    }
    m->version = legacy_version[0];
    for (size_t i = 0; i < TN_COUNT(legacy_version); i++)
        if (tn_json_is_str(wanted, legacy_version[i]))
            m->version = legacy_version[i];
    tn_jw_key(w, "protocolVersion");
    tn_jw_c(w, m->version);
    tn_jw_key(w, "serverInfo");
    write_server(m, w);
    write_capabilities(m, w);
    return 0;
}

static int discover(tn_mcp *m, request *r, tn_json_writer *w, tn_err *err)
{
    tn_jw_key(w, "supportedVersions");
    tn_jw_begin_array(w);
    tn_jw_c(w, modern_version);
    tn_jw_end_array(w);
    write_capabilities(m, w);
    return 0;
}

static int ping(tn_mcp *m, request *r, tn_json_writer *w, tn_err *err)
{
    return 0;
}

static int find_level(const tn_json *v)
{
    for (int i = 0; i < LEVEL_NONE; i++)
        if (tn_json_is_str(v, log_level[i]))
            return i;
    return LEVEL_NONE;
}

static int set_level(tn_mcp *m, request *r, tn_json_writer *w, tn_err *err)
{
    int level = find_level(tn_json_get(r->params, "level"));
    if (level == LEVEL_NONE) {
        tn_fail(err, TN_EINVALID, "level is one of debug, info, notice, warning, error, critical, alert, emergency");
        return INVALID_PARAMS;
    }
    m->level = level;
    return 0;
}

/* ---- lists ---- */

/* A cursor is the index to go on from; the lists do not change under it. */
static bool read_cursor(const request *r, size_t n, size_t *from, tn_err *err)
{
    const tn_json *cursor = tn_json_get(r->params, "cursor");
    int64_t at = 0;
    bool ok = !cursor || (tn_json_type(cursor) == TN_JSON_STRING && tn_str_to_i64(tn_json_str(cursor), &at) && at > 0 && (uint64_t)at < n);
    if (!ok)
        tn_fail(err, TN_EINVALID, "this cursor is none of ours");
    *from = (size_t)at;
    return ok;
}

static void write_text_members(tn_json_writer *w, const char *name, const char *title, const char *description)
{
    tn_jw_key(w, "name");
    tn_jw_c(w, name);
    tn_jw_key(w, "title");
    tn_jw_c(w, title);
    tn_jw_key(w, "description");
    tn_jw_c(w, description);
}

static int list_tools(tn_mcp *m, request *r, tn_json_writer *w, tn_err *err)
{
    size_t from;
    if (!read_cursor(r, 0, &from, err))
        return INVALID_PARAMS;
    tn_jw_key(w, "tools");
    tn_jw_begin_array(w);
    for (size_t i = 0; i < m->o.n_tools; i++) {
        const tn_mcp_tool *t = &m->o.tool[i];
        tn_jw_begin_object(w);
        write_text_members(w, t->name, t->title, t->description);
        tn_jw_key(w, "inputSchema");
        tn_jw_raw(w, tn_str_of(t->input));
        tn_jw_key(w, "outputSchema");
        tn_jw_raw(w, tn_str_of(t->output));
        tn_jw_key(w, "annotations"); /* all of them look and tell; none writes into the project */
        tn_jw_begin_object(w);
        tn_jw_key(w, "title");
        tn_jw_c(w, t->title);
        tn_jw_key(w, "readOnlyHint");
        tn_jw_bool(w, true);
        tn_jw_key(w, "destructiveHint");
        tn_jw_bool(w, false);
        tn_jw_key(w, "idempotentHint");
        tn_jw_bool(w, true);
        tn_jw_key(w, "openWorldHint");
        tn_jw_bool(w, t->open_world);
        tn_jw_end_object(w);
        tn_jw_end_object(w);
    }
    tn_jw_end_array(w);
    return 0;
}

static int list_prompts(tn_mcp *m, request *r, tn_json_writer *w, tn_err *err)
{
    size_t from;
    if (!read_cursor(r, 0, &from, err))
        return INVALID_PARAMS;
    tn_jw_key(w, "prompts");
    tn_jw_begin_array(w);
    for (size_t i = 0; i < m->o.n_prompts; i++) {
        tn_jw_begin_object(w);
        write_text_members(w, m->o.prompt[i].name, m->o.prompt[i].title, m->o.prompt[i].description);
        tn_jw_key(w, "arguments");
        tn_jw_raw(w, tn_str_of(m->o.prompt[i].arguments));
        tn_jw_end_object(w);
    }
    tn_jw_end_array(w);
    return 0;
}

static int list_templates(tn_mcp *m, request *r, tn_json_writer *w, tn_err *err)
{
    size_t from;
    if (!read_cursor(r, 0, &from, err))
        return INVALID_PARAMS;
    tn_jw_key(w, "resourceTemplates");
    tn_jw_raw(w, tn_str_of(m->o.templates));
    return 0;
}

static tn_mcp_call call_of(tn_mcp *m, request *r, const tn_json *arguments, tn_progress *progress)
{
    *progress = (tn_progress){.quiet = true, .sink = take_progress, .self = r};
    return (tn_mcp_call){m->o.self, arguments, r->arena, progress};
}

static int code_of(tn_status st)
{
    return st == TN_ENOMEM || st == TN_EBUG || st == TN_EIO || st == TN_EINTR ? INTERNAL : INVALID_PARAMS;
}

static int list_resources(tn_mcp *m, request *r, tn_json_writer *w, tn_err *err)
{
    tn_progress progress;
    tn_mcp_call call = call_of(m, r, r->params, &progress);
    tn_json *all = NULL;
    size_t from, n = 0;
    tn_status st = m->o.list(&call, &all, err);
    if (st != TN_OK)
        return code_of(st);
    if (!read_cursor(r, tn_json_len(all), &from, err))
        return INVALID_PARAMS;
    tn_jw_key(w, "resources");
    tn_jw_begin_array(w);
    for (const tn_json *v = tn_json_first(all); v; v = tn_json_next(v), n++)
        if (n >= from && n < from + PAGE)
            tn_jw_node(w, v);
    tn_jw_end_array(w);
    if (n > from + PAGE) {
        char cursor[24];
        snprintf(cursor, sizeof cursor, "%zu", from + PAGE);
        tn_jw_key(w, "nextCursor");
        tn_jw_c(w, cursor);
    }
    return 0;
}

/* ---- work ---- */

static int read_resource(tn_mcp *m, request *r, tn_json_writer *w, tn_err *err)
{
    const tn_json *uri = tn_json_get(r->params, "uri");
    const char *mime = "text/plain";
    tn_progress progress;
    tn_mcp_call call = call_of(m, r, r->params, &progress);
    tn_str text = {0};
    if (tn_json_type(uri) != TN_JSON_STRING) {
        tn_fail(err, TN_EINVALID, "resources/read needs params.uri, a string");
        return INVALID_PARAMS;
    }
    tn_status st = m->o.read(&call, tn_json_str(uri), &mime, &text, err);
    if (st != TN_OK)
        return st == TN_ENOENT && !r->modern ? NO_RESOURCE : code_of(st);
    tn_jw_key(w, "contents");
    tn_jw_begin_array(w);
    tn_jw_begin_object(w);
    tn_jw_key(w, "uri");
    tn_jw_node(w, uri);
    tn_jw_key(w, "mimeType");
    tn_jw_c(w, mime);
    tn_jw_key(w, "text");
    tn_jw_str(w, text);
    tn_jw_end_object(w);
    tn_jw_end_array(w);
    return 0;
}

static const tn_mcp_prompt *find_prompt(const tn_mcp *m, const tn_json *name)
{
    for (size_t i = 0; i < m->o.n_prompts; i++)
        if (tn_json_is_str(name, m->o.prompt[i].name))
            return &m->o.prompt[i];
    return NULL;
}

static tn_status check_prompt_arguments(const tn_mcp_prompt *p, const tn_json *arguments, tn_arena *a, tn_err *err)
{
    const tn_json *known;
    TN_TRY(tn_json_parse(tn_str_of(p->arguments), a, &known, err));
    if (arguments && tn_json_type(arguments) != TN_JSON_OBJECT)
        return tn_fail(err, TN_EINVALID, "arguments must be an object of strings");
    for (const tn_json *v = tn_json_first(arguments); v; v = tn_json_next(v))
        if (tn_json_type(v) != TN_JSON_STRING)
            return tn_fail(err, TN_EINVALID, "the argument \"%.*s\" must be a string", TN_ARG(tn_str_sub(tn_json_key(v), 0, 100)));
    for (const tn_json *k = tn_json_first(known); k; k = tn_json_next(k)) {
        bool required = false;
        tn_str name = tn_json_str(tn_json_get(k, "name"));
        tn_json_bool(tn_json_get(k, "required"), &required);
        if (required && !tn_json_get_str(arguments, name))
            return tn_fail(err, TN_EINVALID, "the prompt %s needs the argument \"%.*s\"", p->name, TN_ARG(name));
    }
    return TN_OK;
}

static int get_prompt(tn_mcp *m, request *r, tn_json_writer *w, tn_err *err)
{
    const tn_json *arguments = tn_json_get(r->params, "arguments");
    const tn_mcp_prompt *p = find_prompt(m, tn_json_get(r->params, "name"));
    tn_progress progress;
    tn_mcp_call call = call_of(m, r, arguments ? arguments : tn_json_new_object(r->arena), &progress);
    tn_str text = {0};
    if (!p) {
        tn_fail(err, TN_EINVALID, "there is no such prompt; prompts/list names them");
        return INVALID_PARAMS;
    }
    tn_status st = call.arguments ? check_prompt_arguments(p, arguments, r->arena, err) : tn_fail_nomem(err, 64);
    if (st == TN_OK)
        st = p->get(&call, &text, err);
    if (st != TN_OK)
        return code_of(st);
    tn_jw_key(w, "description");
    tn_jw_c(w, p->description);
    tn_jw_key(w, "messages");
    tn_jw_begin_array(w);
    tn_jw_begin_object(w);
    tn_jw_key(w, "role");
    tn_jw_c(w, "user");
    tn_jw_key(w, "content");
    tn_jw_begin_object(w);
    tn_jw_key(w, "type");
    tn_jw_c(w, "text");
    tn_jw_key(w, "text");
    tn_jw_str(w, text);
    tn_jw_end_object(w);
    tn_jw_end_object(w);
    tn_jw_end_array(w);
    return 0;
}

static int complete(tn_mcp *m, request *r, tn_json_writer *w, tn_err *err)
{
    const tn_json *ref = tn_json_get(r->params, "ref"), *argument = tn_json_get(r->params, "argument");
    const tn_json *what = tn_json_get(ref, tn_json_is_str(tn_json_get(ref, "type"), "ref/prompt") ? "name" : "uri");
    const tn_json *name = tn_json_get(argument, "name"), *prefix = tn_json_get(argument, "value");
    tn_progress progress;
    tn_mcp_call call = call_of(m, r, r->params, &progress);
    tn_json *values = tn_json_new_array(r->arena);
    if (tn_json_type(what) != TN_JSON_STRING || tn_json_type(name) != TN_JSON_STRING || tn_json_type(prefix) != TN_JSON_STRING) {
        tn_fail(err, TN_EINVALID, "completion/complete needs ref {type, name or uri} and argument {name, value}");
        return INVALID_PARAMS;
    }
    tn_status st = values ? m->o.complete(&call, tn_json_str(what), tn_json_str(name), tn_json_str(prefix), values, err) : tn_fail_nomem(err, 64);
    if (st != TN_OK)
        return code_of(st);
    size_t n = 0, total = tn_json_len(values);
    tn_jw_key(w, "completion");
    tn_jw_begin_object(w);
    tn_jw_key(w, "values");
    tn_jw_begin_array(w);
    for (const tn_json *v = tn_json_first(values); v && n < MAX_VALUES; v = tn_json_next(v), n++)
        tn_jw_node(w, v);
    tn_jw_end_array(w);
    tn_jw_key(w, "total");
    tn_jw_u64(w, total);
    tn_jw_key(w, "hasMore");
    tn_jw_bool(w, total > n);
    tn_jw_end_object(w);
    return 0;
}

static void write_tool_result(tn_json_writer *w, tn_str text, const tn_json *out, bool is_error)
{
    tn_jw_key(w, "content");
    tn_jw_begin_array(w);
    tn_jw_begin_object(w);
    tn_jw_key(w, "type");
    tn_jw_c(w, "text");
    tn_jw_key(w, "text");
    tn_jw_str(w, text);
    tn_jw_end_object(w);
    tn_jw_end_array(w);
    if (out) {
        tn_jw_key(w, "structuredContent");
        tn_jw_node(w, out);
    }
    tn_jw_key(w, "isError");
    tn_jw_bool(w, is_error);
}

static int call_tool(tn_mcp *m, request *r, tn_json_writer *w, tn_err *err)
{
    const tn_json *name = tn_json_get(r->params, "name"), *arguments = tn_json_get(r->params, "arguments");
    size_t i = 0;
    while (i < m->o.n_tools && !tn_json_is_str(name, m->o.tool[i].name))
        i++;
    if (i == m->o.n_tools) {
        tn_fail(err, TN_EINVALID, "there is no such tool; tools/list names them");
        return INVALID_PARAMS;
    }
    if (!arguments)
        arguments = tn_json_new_object(r->arena);
    if (tn_json_type(arguments) != TN_JSON_OBJECT) {
        tn_fail(err, TN_EINVALID, "arguments must be an object");
        return INVALID_PARAMS;
    }
    tn_progress progress;
    tn_mcp_call call = call_of(m, r, arguments, &progress);
    tn_json *out = NULL;
    tn_str text = {0};
    tn_status st = tn_schema_check(m->input[i], arguments, "arguments", err);
    if (st == TN_OK)
        st = m->o.tool[i].run(&call, &out, &text, err);
    if (st == TN_ENOMEM || st == TN_EBUG || st == TN_EINTR)
        return INTERNAL;
    if (st != TN_OK) {
        write_tool_result(w, tn_str_of(err->msg), NULL, true);
        return 0;
    }
    tn_buf b = TN_BUF_INIT;
    if (!text.ptr)
        tn_json_write(out, 0, &b);
    write_tool_result(w, text.ptr ? text : tn_buf_view(&b), out, false);
    st = tn_buf_status(&b, err);
    tn_buf_free(&b);
    return st == TN_OK ? 0 : INTERNAL;
}

static int listen_to_changes(tn_mcp *m, request *r, tn_json_writer *w, tn_err *err); /* below: it keeps the request */

static const method methods[] = {
    {"initialize", LEGACY, false, -1, initialize},
    {"ping", LEGACY, false, -1, ping},
    {"logging/setLevel", LEGACY, false, -1, set_level},
    {"server/discover", MODERN, false, 3600000, discover},
    {"subscriptions/listen", MODERN, false, -1, listen_to_changes},
    {"tools/list", BOTH, false, 3600000, list_tools},
    {"prompts/list", BOTH, false, 3600000, list_prompts},
    {"resources/templates/list", BOTH, false, 3600000, list_templates},
    {"resources/list", BOTH, true, 0, list_resources},
    {"resources/read", BOTH, true, 0, read_resource},
    {"prompts/get", BOTH, true, -1, get_prompt},
    {"completion/complete", BOTH, true, -1, complete},
    {"tools/call", BOTH, true, -1, call_tool},
};

static void answer(tn_mcp *m, request *r)
{
    tn_buf b = TN_BUF_INIT;
    tn_json_writer w;
    tn_err err = TN_ERR_INIT;
    begin_answer(&w, &b, r->id);
    tn_jw_key(&w, "result");
    tn_jw_begin_object(&w);
    int code = r->method->answer(m, r, &w, &err);
    if (code == 0 && r->modern) {
        tn_jw_key(&w, "resultType");
        tn_jw_c(&w, "complete");
        if (r->method->ttl_ms >= 0) {
            tn_jw_key(&w, "ttlMs");
            tn_jw_i64(&w, r->method->ttl_ms);
            tn_jw_key(&w, "cacheScope");
            tn_jw_c(&w, r->method->ttl_ms ? "public" : "private");
        }
        tn_jw_key(&w, "_meta");
        tn_jw_begin_object(&w);
        tn_jw_key(&w, META "serverInfo");
        write_server(m, &w);
        tn_jw_end_object(&w);
    }
    if (code == 0) {
        tn_jw_end_object(&w);
        tn_jw_end_object(&w);
        if (tn_buf_status(&b, &err) != TN_OK)
            code = INTERNAL;
    }
    if (code) {
        tn_buf_free(&b); /* what was begun of a result; a failed buffer begins anew too */
        b = TN_BUF_INIT;
        begin_answer(&w, &b, r->id);
        write_error(&w, code, err.msg[0] ? err.msg : "the request failed");
        tn_jw_end_object(&w);
        tn_jw_end_object(&w);
    }
    pthread_mutex_lock(&m->lock); /* from here on it is too late to cancel */
    bool cancelled = r->cancelled;
    if (m->running == r) {
        m->running = NULL;
        tn_interrupt_cancel(false);
    }
    pthread_mutex_unlock(&m->lock);
    if (!cancelled) {
        deliver(m, r->batch, &b);
        return;
    }
    if (r->batch)
        settle(m, r->batch, NULL);
    tn_buf_free(&b);
}

/* ---- the queue ---- */

static bool same_id(const request *r, const tn_json *id)
{
    return tn_json_equal(r->id, id);
}

static bool in_flight(tn_mcp *m, const tn_json *id)
{
    pthread_mutex_lock(&m->lock);
    bool found = m->running && same_id(m->running, id);
    for (const request *r = m->first; r; r = r->next)
        found |= same_id(r, id);
    for (const request *r = m->subscription; r; r = r->next)
        found |= same_id(r, id);
    pthread_mutex_unlock(&m->lock);
    return found;
}

static void drop(tn_mcp *m, request *r)
{
    if (r->batch)
        settle(m, r->batch, NULL);
    tn_arena_free(r->arena); /* and r with it */
}

static request *unlink_id(request **list, const tn_json *id)
{
    for (; *list; list = &(*list)->next)
        if (same_id(*list, id)) {
            request *r = *list;
            *list = r->next;
            return r;
        }
    return NULL;
}

/* Unknown ids and finished requests are passed over: the answer and the cancellation crossed on their way. */
static void cancel(tn_mcp *m, const tn_json *id)
{
    request *gone = NULL;
    if (tn_json_type(id) == TN_JSON_NONE)
        return;
    pthread_mutex_lock(&m->lock);
    if (m->running && same_id(m->running, id)) {
        m->running->cancelled = true;
        tn_interrupt_cancel(true);
    } else if ((gone = unlink_id(&m->first, id))) {
        m->n_waiting--;
        m->last = m->first;
        while (m->last && m->last->next)
            m->last = m->last->next;
    } else if ((gone = unlink_id(&m->subscription, id))) {
        m->n_subscriptions--;
    }
    pthread_mutex_unlock(&m->lock);
    if (gone)
        drop(m, gone);
}

static bool enqueue(tn_mcp *m, request *r)
{
    pthread_mutex_lock(&m->lock);
    bool room = m->n_waiting < m->o.max_waiting;
    if (room) {
        m->n_waiting++;
        *(m->last ? &m->last->next : &m->first) = r;
        m->last = r;
        pthread_cond_signal(&m->wake);
    }
    pthread_mutex_unlock(&m->lock);
    return room;
}

bool tn_mcp_work(tn_mcp *m)
{
    pthread_mutex_lock(&m->lock);
    request *r = m->first;
    if (r) {
        m->first = r->next;
        m->last = m->first ? m->last : NULL;
        m->n_waiting--;
        m->running = r;
        tn_interrupt_cancel(false);
    }
    pthread_mutex_unlock(&m->lock);
    if (!r)
        return false;
    answer(m, r);
    tn_arena_free(r->arena);
    return true;
}

/* Nothing here changes while the server runs, so an open subscription is acknowledged with an empty list and stays
 * silent until it is cancelled or the server ends. */
static int listen_to_changes(tn_mcp *m, request *r, tn_json_writer *w, tn_err *err)
{
    tn_buf b = TN_BUF_INIT;
    tn_json_writer n;
    if (m->n_subscriptions >= MAX_SUBSCRIPTIONS) {
        tn_fail(err, TN_ELIMIT, "too many subscriptions are open");
        return BUSY;
    }
    pthread_mutex_lock(&m->lock);
    r->next = m->subscription;
    m->subscription = r;
    m->n_subscriptions++;
    pthread_mutex_unlock(&m->lock);
    begin_notification(&n, &b, "notifications/subscriptions/acknowledged");
    tn_jw_key(&n, "_meta");
    tn_jw_begin_object(&n);
    tn_jw_key(&n, META "subscriptionId");
    tn_jw_node(&n, r->id);
    tn_jw_end_object(&n);
    tn_jw_key(&n, "notifications");
    tn_jw_begin_object(&n);
    tn_jw_end_object(&n);
    end_notification(m, &n, &b);
    return 0;
}

/* ---- messages ---- */

static const method *find_method(const tn_json *name, int era)
{
    for (size_t i = 0; i < TN_COUNT(methods); i++)
        if (tn_json_is_str(name, methods[i].name) && methods[i].eras & era)
            return &methods[i];
    return NULL;
}

static bool is_id(const tn_json *v)
{
    int64_t whole;
    return tn_json_type(v) == TN_JSON_STRING || tn_json_i64(v, &whole);
}

/* Which era a request belongs to; false when it was refused. */
static bool read_era(tn_mcp *m, request *r, const tn_json *name)
{
    const tn_json *meta = tn_json_get(r->params, "_meta"), *version = tn_json_get(meta, META "protocolVersion");
    const tn_json *capabilities = tn_json_get(meta, META "clientCapabilities");
    const tn_json *token = tn_json_get(meta, "progressToken");
    r->token = is_id(token) ? token : NULL;
    r->modern = version != NULL;
    r->level = r->modern ? find_level(tn_json_get(meta, META "logLevel")) : m->level;
    if (r->modern && tn_json_type(version) != TN_JSON_STRING)
        refuse(m, r->batch, r->id, INVALID_PARAMS, "params._meta." META "protocolVersion must be a string");
    else if (r->modern && !tn_json_is_str(version, modern_version))
        refuse_version(m, r->batch, r->id, tn_json_str(version));
    else if (r->modern && tn_json_type(capabilities) != TN_JSON_OBJECT)
        refuse(m, r->batch, r->id, INVALID_PARAMS, "params._meta." META "clientCapabilities must be an object");
    else if (!(r->method = find_method(name, r->modern ? MODERN : LEGACY)))
        refuse(m, r->batch, r->id, !r->modern && find_method(name, MODERN) ? INVALID_PARAMS : NO_METHOD,
               !r->modern && find_method(name, MODERN) ? "this method needs params._meta with " META "protocolVersion (2026-07-28) and " META "clientCapabilities"
                                                       : "there is no such method in this revision of the protocol");
    else if (!r->modern && !m->version && r->method->answer != initialize && r->method->answer != ping)
        refuse(m, r->batch, r->id, INVALID_PARAMS, "send initialize first (revisions up to 2025-11-25), or params._meta with " META
                                                   "protocolVersion and " META "clientCapabilities (2026-07-28)");
    else if (r->batch && (r->modern || r->method->answer == initialize))
        refuse(m, r->batch, r->id, INVALID_REQUEST, "neither initialize nor a request of revision 2026-07-28 is ever part of a batch");
    else
        return true;
    return false;
}

/* Takes `a` over. An answer that is owed to a batch is counted before it can be given. */
static void receive_one(tn_mcp *m, const tn_json *v, batch *g, tn_arena *a)
{
    const tn_json *id = tn_json_get(v, "id"), *name = tn_json_get(v, "method"), *params = tn_json_get(v, "params");
    bool well = tn_json_type(v) == TN_JSON_OBJECT && tn_json_is_str(tn_json_get(v, "jsonrpc"), "2.0") && (!id || is_id(id));
    const char *wrong = NULL;
    if (well && !name && (tn_json_get(v, "result") || tn_json_get(v, "error")))
        goto done; /* an answer: we ask nothing, so it is nobody's */
    if (!well || tn_json_type(name) != TN_JSON_STRING)
        wrong = "a JSON-RPC 2.0 request was expected: an object with jsonrpc \"2.0\", method, and an id that is a string or an integer";
    else if (params && tn_json_type(params) != TN_JSON_OBJECT)
        wrong = "params must be an object";
    if (!id && !wrong) {
        if (tn_json_is_str(name, "notifications/cancelled"))
            cancel(m, tn_json_get(params, "requestId"));
        goto done; /* notifications get no answer, known or not */
    }
    if (g) {
        pthread_mutex_lock(&m->out);
        g->left++;
        pthread_mutex_unlock(&m->out);
    }
    if (wrong) {
        refuse(m, g, well && id && tn_json_type(name) == TN_JSON_STRING ? id : NULL, well && tn_json_type(name) == TN_JSON_STRING ? INVALID_PARAMS : INVALID_REQUEST, wrong);
        goto done;
    }
    if (in_flight(m, id)) { /* answered without its id: that belongs to the first one */
        refuse(m, g, NULL, INVALID_REQUEST, "a request with this id is still being worked on");
        goto done;
    }
    request *r = tn_arena_calloc(a, sizeof *r);
    if (!r) {
        refuse(m, g, id, INTERNAL, "out of memory");
        goto done;
    }
    *r = (request){.arena = a, .id = id, .params = params, .batch = g, .server = m};
    if (!read_era(m, r, name))
        goto done;
    if (r->method->waits) {
        if (enqueue(m, r))
            return;
        refuse(m, g, id, BUSY, "too many requests wait; try again when some are answered");
        goto done;
    }
    if (r->method->answer == listen_to_changes) {
        tn_err err = TN_ERR_INIT;
        int code = listen_to_changes(m, r, NULL, &err);
        if (code == 0)
            return; /* kept, and answered by nothing but its notifications */
        refuse(m, g, id, code, err.msg);
        goto done;
    }
    answer(m, r);
done:
    tn_arena_free(a);
}

static void receive_batch(tn_mcp *m, const tn_json *list, tn_arena *a)
{
    size_t n = tn_json_len(list);
    batch *g = NULL;
    if (!m->version || strcmp(m->version, batch_version) != 0)
        refuse(m, NULL, NULL, INVALID_REQUEST, "batches belong to revision 2025-03-26; send one message a line");
    else if (n == 0 || n > MAX_BATCH)
        refuse(m, NULL, NULL, INVALID_REQUEST, "a batch holds 1 to 64 messages");
    else if (!(g = tn_mem_calloc(sizeof *g)))
        refuse(m, NULL, NULL, INTERNAL, "out of memory");
    if (g) {
        g->left = 1;
        for (const tn_json *v = tn_json_first(list); v; v = tn_json_next(v)) {
            tn_arena *own = tn_arena_new(4096);
            const tn_json *copy = own ? tn_json_dup(own, v) : NULL;
            if (copy)
                receive_one(m, copy, g, own);
            else
                tn_arena_free(own);
        }
        settle(m, g, NULL);
    }
    tn_arena_free(a);
}

void tn_mcp_receive(tn_mcp *m, tn_str message)
{
    static const tn_json_options limits = {.max_depth = MAX_DEPTH, .max_nodes = 1 << 20};
    const tn_json *v;
    tn_err err = TN_ERR_INIT;
    if (tn_str_trim(message).len == 0)
        return;
    if (message.len > m->o.max_message) {
        refuse(m, NULL, NULL, INVALID_REQUEST, "the message is longer than this server takes");
        return;
    }
    tn_arena *a = tn_arena_new(4096);
    tn_status st = a ? tn_json_parse_with(message, &limits, a, &v, &err) : TN_ENOMEM;
    if (st != TN_OK) {
        char said[1100];
        snprintf(said, sizeof said, "this line is no JSON message: %s", err.msg);
        refuse(m, NULL, NULL, st == TN_ENOMEM ? INTERNAL : PARSE_ERROR, st == TN_ENOMEM ? "out of memory" : said);
        tn_arena_free(a);
    } else if (tn_json_type(v) == TN_JSON_ARRAY) {
        receive_batch(m, v, a);
    } else {
        receive_one(m, v, NULL, a);
    }
}

/* ---- life ---- */

tn_status tn_mcp_new(const tn_mcp_options *options, void (*send)(void *to, tn_str message), void *to, tn_mcp **out, tn_err *err)
{
    tn_mcp *m = tn_mem_calloc(sizeof *m);
    tn_status st = TN_OK;
    *out = NULL;
    if (!m)
        return tn_fail_nomem(err, sizeof *m);
    m->o = *options;
    m->o.max_message = m->o.max_message ? m->o.max_message : (size_t)16 << 20;
    m->o.max_waiting = m->o.max_waiting ? m->o.max_waiting : 64;
    m->send = send;
    m->to = to;
    m->level = LEVEL_NONE;
    pthread_mutex_init(&m->lock, NULL);
    pthread_mutex_init(&m->out, NULL);
    pthread_cond_init(&m->wake, NULL);
    m->arena = tn_arena_new(0);
    m->input = m->arena ? TN_ARENA_ARRAY(m->arena, const tn_json *, m->o.n_tools) : NULL;
    if (!m->input) {
        st = tn_fail_nomem(err, 65536);
        goto done;
    }
    for (size_t i = 0; i < m->o.n_tools; i++)
        TN_GO(tn_json_parse(tn_str_of(m->o.tool[i].input), m->arena, &m->input[i], err));
    *out = m;
done:
    if (st != TN_OK)
        tn_mcp_free(m);
    return st;
}

void tn_mcp_free(tn_mcp *m)
{
    if (!m)
        return;
    for (request *r = m->first, *next; r; r = next) {
        next = r->next;
        drop(m, r);
    }
    for (request *r = m->subscription, *next; r; r = next) {
        next = r->next;
        drop(m, r);
    }
    pthread_mutex_destroy(&m->lock);
    pthread_mutex_destroy(&m->out);
    pthread_cond_destroy(&m->wake);
    tn_arena_free(m->arena);
    tn_mem_free(m);
}

/* ---- lines over file descriptors ---- */

typedef struct {
    tn_mcp *m;
    int out;
    atomic_bool closed; /* nobody reads any more */
} lines;

static void send_line(void *self, tn_str message)
{
    lines *l = self;
    tn_str part[2] = {message, TN_STR("\n")};
    for (int i = 0; i < 2; i++)
        while (part[i].len && !l->closed) {
            ssize_t n = write(l->out, part[i].ptr, part[i].len);
            if (n < 0 && errno == EINTR)
                continue;
            if (n <= 0) {
                l->closed = true;
                tn_interrupt_cancel(true); /* what is being worked on has no reader */
                return;
            }
            part[i] = tn_str_sub(part[i], (size_t)n, part[i].len);
        }
}

static void *worker(void *self)
{
    tn_mcp *m = self;
    for (bool more = true; more;) {
        while (tn_mcp_work(m))
            ;
        pthread_mutex_lock(&m->lock);
        while (!m->first && !m->closing)
            pthread_cond_wait(&m->wake, &m->lock);
        more = m->first != NULL;
        pthread_mutex_unlock(&m->lock);
    }
    return NULL;
}

/* Cuts what arrived into lines. A line beyond the bound is not kept: what is left of it is skipped, and it is refused once. */
static void take_bytes(tn_mcp *m, tn_buf *line, bool *skipping, tn_str bytes)
{
    while (bytes.len) {
        const char *end = memchr(bytes.ptr, '\n', bytes.len);
        size_t n = end ? (size_t)(end - bytes.ptr) : bytes.len;
        if (!*skipping && line->len + n > m->o.max_message) {
            *skipping = true;
            refuse(m, NULL, NULL, INVALID_REQUEST, "the message is longer than this server takes");
        }
        if (!*skipping)
            tn_buf_put(line, bytes.ptr, n);
        if (end) {
            if (!*skipping && tn_buf_status(line, NULL) == TN_OK)
                tn_mcp_receive(m, tn_buf_view(line));
            *skipping = false;
            if (line->cap > 1 << 16) /* one large message does not hold its memory for ever */
                tn_buf_free(line);
            *line = (tn_buf){.ptr = line->ptr, .cap = line->cap};
        }
        bytes = tn_str_sub(bytes, n + (end != NULL), bytes.len);
    }
}

static void end_subscriptions(tn_mcp *m)
{
    for (const request *r = m->subscription; r; r = r->next) {
        tn_buf b = TN_BUF_INIT;
        tn_json_writer w;
        begin_notification(&w, &b, "notifications/cancelled");
        tn_jw_key(&w, "requestId");
        tn_jw_node(&w, r->id);
        end_notification(m, &w, &b);
    }
}

tn_status tn_mcp_serve(const tn_mcp_options *options, int in, int out, tn_err *err)
{
    lines l = {.out = out};
    tn_buf line = TN_BUF_INIT;
    bool skipping = false;
    char *chunk = tn_mem_alloc(1 << 16);
    pthread_t thread;
    sigset_t signals, before;
    tn_status st = chunk ? tn_mcp_new(options, send_line, &l, &l.m, err) : tn_fail_nomem(err, 1 << 16);
    if (st != TN_OK) {
        tn_mem_free(chunk);
        return st;
    }
    /* Signals come to this thread, while it waits and at no other moment, so that none is missed between looking at the
     * flag and waiting. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, &before);
    if (pthread_create(&thread, NULL, worker, l.m) != 0) {
        st = tn_fail(err, TN_EIO, "cannot start a thread");
        goto done;
    }
    while (!l.closed && !tn_interrupt_signalled()) {
        struct pollfd p = {in, POLLIN, 0};
        if (ppoll(&p, 1, NULL, &before) < 0)
            continue; /* a signal */
        ssize_t n = read(in, chunk, 1 << 16);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n <= 0)
            break;
        take_bytes(l.m, &line, &skipping, (tn_str){chunk, (size_t)n});
    }
    if (line.len && !skipping && !l.closed && !tn_interrupt_signalled()) /* the last line may lack its end */
        tn_mcp_receive(l.m, tn_buf_view(&line));
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_mutex_lock(&l.m->lock);
    l.m->closing = true;
    request *dropped = l.closed || tn_interrupt_signalled() ? l.m->first : NULL;
    if (dropped)
        l.m->first = l.m->last = NULL;
    pthread_cond_signal(&l.m->wake);
    pthread_mutex_unlock(&l.m->lock);
    for (request *next; dropped; dropped = next) {
        next = dropped->next;
        drop(l.m, dropped);
    }
    pthread_join(thread, NULL);
    end_subscriptions(l.m);
done:
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    tn_buf_free(&line);
    tn_mem_free(chunk);
    tn_mcp_free(l.m);
    return st;
}
