/* Promises of serve/mcp.h and serve/schema.h: what a client sends, and what comes back. */
#include "test.h"

#include "serve/mcp.h"
#include "serve/schema.h"

#include <pthread.h>

/* ---- a server with toys ---- */

static int n_started, n_stopped;

static tn_status echo(const tn_mcp_call *call, tn_json **out, tn_str *text, tn_err *err)
{
    tn_str word = tn_json_str(tn_json_get(call->arguments, "word"));
    if (tn_str_is(word, "bad"))
        return tn_fail(err, TN_EINVALID, "\"bad\" is no word");
    if (tn_str_is(word, "broken"))
        return tn_fail(err, TN_EBUG, "an invariant does not hold");
    *out = tn_json_new_object(call->arena);
    return tn_json_set(call->arena, *out, "word", tn_json_new_str(call->arena, word)) ? TN_OK : tn_fail_nomem(err, 64);
}

/* Counts to a million, looking at the interrupt flag as every long loop does. */
static tn_status slow(const tn_mcp_call *call, tn_json **out, tn_str *text, tn_err *err)
{
    n_started++;
    for (uint64_t i = 1; i <= 100000; i++) {
        if (tn_interrupt_check(err) != TN_OK) {
            n_stopped++;
            return TN_EINTR;
        }
        tn_progress_show(call->progress, "counting", i, 100000, NULL);
        if (!tn_json_get(call->arguments, "quick"))
            usleep(100);
    }
    tn_progress_say(call->progress, "counted");
    *out = tn_json_new_object(call->arena);
    *text = TN_STR("done");
    return *out ? TN_OK : tn_fail_nomem(err, 64);
}

static tn_status get_brief(const tn_mcp_call *call, tn_str *text, tn_err *err)
{
    *text = tn_str_format(call->arena, "Task: %.*s", TN_ARG(tn_json_str(tn_json_get(call->arguments, "task"))));
    return TN_OK;
}

static tn_status list(const tn_mcp_call *call, tn_json **out, tn_err *err)
{
    *out = tn_json_new_array(call->arena);
    for (int i = 0; *out && i < 120; i++) {
        tn_json *v = tn_json_new_object(call->arena);
        if (!tn_json_set(call->arena, v, "uri", tn_json_new_str(call->arena, tn_str_format(call->arena, "toy://%d", i))) || !tn_json_push(*out, v))
            *out = NULL;
    }
    return *out ? TN_OK : tn_fail_nomem(err, 64);
}

static tn_status read_toy(const tn_mcp_call *call, tn_str uri, const char **mime, tn_str *text, tn_err *err)
{
    if (!tn_str_is(uri, "toy://1"))
        return tn_fail(err, TN_ENOENT, "there is no such resource");
    *mime = "text/markdown";
    *text = TN_STR("# One");
    return TN_OK;
}

static tn_status complete_toy(const tn_mcp_call *call, tn_str ref, tn_str argument, tn_str prefix, tn_json *out, tn_err *err)
{
    for (int i = 0; i < 120; i++)
        if (!tn_json_push(out, tn_json_new_str(call->arena, tn_str_format(call->arena, "%.*s%d", TN_ARG(prefix), i))))
            return tn_fail_nomem(err, 64);
    return TN_OK;
}

static const tn_mcp_tool tool[] = {
    {"echo", "Echo", "Gives the word back", "{\"type\":\"object\",\"properties\":{\"word\":{\"type\":\"string\",\"maxLength\":10}},\"required\":[\"word\"],\"additionalProperties\":false}",
     "{\"type\":\"object\"}", false, echo},
    {"slow", "Slow", "Counts", "{\"type\":\"object\"}", "{\"type\":\"object\"}", false, slow},
};
static const tn_mcp_prompt prompt[] = {{"brief", "Brief", "A brief", "[{\"name\":\"task\",\"required\":true}]", get_brief}};
static const tn_mcp_options toys = {.name = "toy", .title = "Toy", .version = "1", .instructions = "Play.", .tool = tool, .n_tools = 2, .prompt = prompt, .n_prompts = 1,
                                    .templates = "[]", .list = list, .read = read_toy, .complete = complete_toy, .max_message = 1 << 16, .max_waiting = 3};

/* What was sent, a message a line. */
static void keep(void *to, tn_str message)
{
    tn_buf_str(to, message);
    tn_buf_char(to, '\n');
}

static tn_mcp *server;
static tn_buf sent;

static void start(void)
{
    tn_err err;
    ASSERT_OK(tn_mcp_new(&toys, keep, &sent, &server, &err), &err);
    tn_buf_clear(&sent);
}

static void stop(void)
{
    tn_mcp_free(server);
    tn_buf_free(&sent);
}

/* Everything that comes back for one line, work included. */
static const char *ask(const char *line)
{
    tn_buf_clear(&sent);
    tn_mcp_receive(server, tn_str_of(line));
    while (tn_mcp_work(server))
        ;
    return sent.ptr && sent.len ? sent.ptr : "";
}

#define HELLO(version) "{\"jsonrpc\":\"2.0\",\"id\":\"i\",\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"" version "\",\"capabilities\":{},\"clientInfo\":{\"name\":\"t\",\"version\":\"0\"}}}"
#define META "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\",\"io.modelcontextprotocol/clientCapabilities\":{}}"
#define ASK(id, method, params) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"" method "\",\"params\":{" params "}}"

typedef struct {
    const char *what, *line, *wanted[4]; /* each a part of the answer; none: no answer at all */
} row;

static void run_rows(const row *r, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *got = ask(r[i].line);
        if (!r[i].wanted[0] && got[0])
            fail_msg("%s: wanted no answer, got %s", r[i].what, got);
        for (int k = 0; k < 4 && r[i].wanted[k]; k++)
            if (!strstr(got, r[i].wanted[k]))
                fail_msg("%s: wanted %s in %s", r[i].what, r[i].wanted[k], got);
        if (strlen(got) && strchr(got, '\n') != got + strlen(got) - 1)
            fail_msg("%s: more than one message: %s", r[i].what, got);
    }
}

/* ---- promises ---- */

static void a_line_that_is_no_request_is_refused_or_passed_over(void **state)
{
    static const row rows[] = {
        {"an empty line", "", {NULL}},
        {"blanks", " \t\r", {NULL}},
        {"no JSON", "hello", {"\"id\":null", "-32700", "1:1"}},
        {"half JSON", "{\"jsonrpc\":\"2.0\",\"id\":1", {"\"id\":null", "-32700"}},
        {"not UTF-8", "{\"jsonrpc\":\"\xff\"}", {"-32700"}},
        {"a key twice", "{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"method\":\"ping\"}", {"-32700"}},
        {"a number", "7", {"\"id\":null", "-32600"}},
        {"no version", "{\"id\":1,\"method\":\"ping\"}", {"\"id\":null", "-32600"}},
        {"another version", "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"ping\"}", {"-32600"}},
        {"no method", "{\"jsonrpc\":\"2.0\",\"id\":1}", {"-32600"}},
        {"a method that is a number", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":5}", {"-32600"}},
        {"an id that is null", "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}", {"\"id\":null", "-32600"}},
        {"an id that is a fraction", "{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"ping\"}", {"\"id\":null", "-32600"}},
        {"an id that is an object", "{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"ping\"}", {"-32600"}},
        {"params by position", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":[1]}", {"\"id\":1", "-32602"}},
        {"an answer to nothing", "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}", {NULL}},
        {"an error to nothing", "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":1,\"message\":\"\"}}", {NULL}},
        {"an unknown notification", "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/nonsense\"}", {NULL}},
        {"a request without id", "{\"jsonrpc\":\"2.0\",\"method\":\"tools/list\"}", {NULL}},
        {"a cancellation of nothing", "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":9}}", {NULL}},
        {"a malformed cancellation", "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":{}}}", {NULL}},
        {"an unknown method", ASK("1", "no/such", ""), {"\"id\":1", "-32601"}},
        {"a call before initialize", ASK("1", "tools/list", ""), {"\"id\":1", "-32602", "initialize"}},
        {"a batch before initialize", "[]", {"-32600"}},
        {"a ping before initialize", ASK("\"x\"", "ping", ""), {"{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"result\":{}}"}},
    };
    char deep[600], *big = malloc(70000);
    start();
    run_rows(rows, TN_COUNT(rows));
    memset(deep, '[', 300);
    memset(deep + 300, ']', 300 - 1);
    deep[599] = 0;
    assert_non_null(strstr(ask(deep), "-32700"));
    memset(big, ' ', 70000 - 1);
    big[0] = '{';
    big[69999] = 0;
    assert_non_null(strstr(ask(big), "-32600"));
    free(big);
    stop();
}

static void a_session_of_the_older_revisions(void **state)
{
    static const row rows[] = {
        {"initialize", HELLO("2025-06-18"), {"\"id\":\"i\"", "\"protocolVersion\":\"2025-06-18\"", "\"serverInfo\":{\"name\":\"toy\"", "\"tools\":{}"}},
        {"the oldest", HELLO("2024-11-05"), {"\"protocolVersion\":\"2024-11-05\""}},
        {"a version of the future", HELLO("2099-01-01"), {"\"protocolVersion\":\"2025-11-25\""}},
        {"the newer era has no handshake", HELLO("2026-07-28"), {"\"protocolVersion\":\"2025-11-25\""}},
        {"no version", ASK("1", "initialize", ""), {"-32602"}},
        {"initialized", "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}", {NULL}},
        {"tools", ASK("1", "tools/list", ""), {"\"name\":\"echo\"", "\"inputSchema\":{", "\"outputSchema\":{", "\"readOnlyHint\":true"}},
        {"a cursor that is none", ASK("1", "tools/list", "\"cursor\":\"x\""), {"-32602"}},
        {"a call", ASK("1", "tools/call", "\"name\":\"echo\",\"arguments\":{\"word\":\"h\\n\"}"),
         {"\"content\":[{\"type\":\"text\",\"text\":\"{\\\"word\\\":\\\"h\\\\n\\\"}\"}]", "\"structuredContent\":{\"word\":\"h\\n\"}", "\"isError\":false}}"}},
        {"a missing argument", ASK("1", "tools/call", "\"name\":\"echo\""), {"\"isError\":true", "lacks"}},
        {"a long argument", ASK("1", "tools/call", "\"name\":\"echo\",\"arguments\":{\"word\":\"12345678901\"}"), {"\"isError\":true", "at most 10"}},
        {"an argument of another type", ASK("1", "tools/call", "\"name\":\"echo\",\"arguments\":{\"word\":[]}"), {"\"isError\":true", "arguments.word must be of type string"}},
        {"an unknown argument", ASK("1", "tools/call", "\"name\":\"echo\",\"arguments\":{\"word\":\"x\",\"y\":1}"), {"\"isError\":true", "takes no"}},
        {"arguments by position", ASK("1", "tools/call", "\"name\":\"echo\",\"arguments\":[\"x\"]"), {"-32602"}},
        {"a value that makes no sense", ASK("1", "tools/call", "\"name\":\"echo\",\"arguments\":{\"word\":\"bad\"}"), {"\"isError\":true", "is no word"}},
        {"a bug of ours", ASK("1", "tools/call", "\"name\":\"echo\",\"arguments\":{\"word\":\"broken\"}"), {"-32603"}},
        {"an unknown tool", ASK("1", "tools/call", "\"name\":\"nothing\""), {"-32602", "tools/list"}},
        {"a tool without name", ASK("1", "tools/call", ""), {"-32602"}},
        {"resources, a page", ASK("1", "resources/list", ""), {"toy://0", "toy://99\"}]", "\"nextCursor\":\"100\""}},
        {"the next page", ASK("1", "resources/list", "\"cursor\":\"100\""), {"[{\"uri\":\"toy://100", "toy://119\"}]}}"}},
        {"a cursor beyond", ASK("1", "resources/list", "\"cursor\":\"120\""), {"-32602"}},
        {"a resource", ASK("1", "resources/read", "\"uri\":\"toy://1\""), {"\"mimeType\":\"text/markdown\",\"text\":\"# One\""}},
        {"no resource", ASK("1", "resources/read", "\"uri\":\"toy://../1\""), {"-32002"}},
        {"templates", ASK("1", "resources/templates/list", ""), {"\"resourceTemplates\":[]"}},
        {"prompts", ASK("1", "prompts/list", ""), {"\"name\":\"brief\"", "\"required\":true"}},
        {"a prompt", ASK("1", "prompts/get", "\"name\":\"brief\",\"arguments\":{\"task\":\"t\"}"), {"{\"role\":\"user\",\"content\":{\"type\":\"text\",\"text\":\"Task: t\"}}"}},
        {"a prompt without its argument", ASK("1", "prompts/get", "\"name\":\"brief\""), {"-32602", "task"}},
        {"a prompt with a number", ASK("1", "prompts/get", "\"name\":\"brief\",\"arguments\":{\"task\":1}"), {"-32602"}},
        {"completion", ASK("1", "completion/complete", "\"ref\":{\"type\":\"ref/prompt\",\"name\":\"brief\"},\"argument\":{\"name\":\"task\",\"value\":\"a\"}"),
         {"\"values\":[\"a0\",", "\"a99\"],\"total\":120,\"hasMore\":true"}},
        {"completion of nothing", ASK("1", "completion/complete", ""), {"-32602"}},
        {"a level", ASK("1", "logging/setLevel", "\"level\":\"info\""), {"\"result\":{}"}},
        {"no level", ASK("1", "logging/setLevel", "\"level\":\"loud\""), {"-32602"}},
        {"a method of the newer era", ASK("1", "server/discover", ""), {"-32602"}},
        {"a batch in a revision without them", "[" ASK("1", "ping", "") "]", {"-32600"}},
    };
    start();
    run_rows(rows, TN_COUNT(rows));
    stop();
}

static void a_request_of_the_newer_revision_needs_no_session(void **state)
{
    static const row rows[] = {
        {"discover", ASK("1", "server/discover", META), {"\"supportedVersions\":[\"2026-07-28\"]", "\"resultType\":\"complete\",\"ttlMs\":3600000,\"cacheScope\":\"public\"", "io.modelcontextprotocol/serverInfo"}},
        {"tools", ASK("1", "tools/list", META), {"\"resultType\":\"complete\"", "\"ttlMs\":3600000"}},
        {"a call", ASK("1", "tools/call", META ",\"name\":\"echo\",\"arguments\":{\"word\":\"x\"}"), {"\"structuredContent\":{\"word\":\"x\"}", "\"resultType\":\"complete\""}},
        {"no resource", ASK("1", "resources/read", META ",\"uri\":\"toy://2\""), {"-32602"}},
        {"an older method", ASK("1", "ping", META), {"-32601"}},
        {"another version", ASK("1", "tools/list", "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2031-01-01\"}"),
         {"-32022", "\"supported\":[\"2026-07-28\"],\"requested\":\"2031-01-01\""}},
        {"no capabilities", ASK("1", "tools/list", "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\"}"), {"-32602", "clientCapabilities"}},
        {"a version that is a number", ASK("1", "tools/list", "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":1}"), {"-32602"}},
        {"a subscription", ASK("5", "subscriptions/listen", META ",\"notifications\":{\"toolsListChanged\":true}"),
         {"notifications/subscriptions/acknowledged", "\"io.modelcontextprotocol/subscriptionId\":5", "\"notifications\":{}"}},
        {"its id is taken", ASK("5", "tools/list", META), {"\"id\":null", "-32600"}},
        {"the subscription ends", "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":5}}", {NULL}},
        {"and its id is free", ASK("5", "tools/list", META), {"\"id\":5"}},
        {"an older session beside it", HELLO("2025-11-25"), {"\"protocolVersion\":\"2025-11-25\""}},
        {"and the newer one goes on", ASK("1", "tools/list", META), {"\"resultType\":\"complete\""}},
        {"while the older one is as it was", ASK("1", "tools/list", ""), {"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":["}},
    };
    start();
    run_rows(rows, TN_COUNT(rows));
    assert_null(strstr(ask(ASK("1", "tools/list", "")), "resultType"));
    stop();
}

static void batches_of_2025_03_26_are_answered_as_one(void **state)
{
    static const row rows[] = {
        {"initialize", HELLO("2025-03-26"), {"\"protocolVersion\":\"2025-03-26\""}},
        {"an empty batch", "[]", {"\"id\":null", "-32600"}},
        {"requests, a notification, garbage", "[" ASK("1", "ping", "") "," ASK("2", "tools/call", "\"name\":\"echo\",\"arguments\":{\"word\":\"x\"}") ",{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"},7]",
         {"[{", "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}", "\"id\":2", "\"id\":null"}},
        {"notifications alone", "[{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}]", {NULL}},
        {"initialize inside", "[" HELLO("2025-03-26") "]", {"-32600"}},
        {"a newer request inside", "[" ASK("1", "subscriptions/listen", META) "]", {"-32600"}},
        {"one of two cancelled by the other", "[" ASK("1", "tools/call", "\"name\":\"slow\"") ",{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":1}}," ASK("2", "ping", "") "]",
         {"[{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{}}]"}},
    };
    start();
    run_rows(rows, TN_COUNT(rows));
    stop();
}

static void progress_rises_and_log_lines_are_asked_for(void **state)
{
    start();
    ask(HELLO("2025-11-25"));
    const char *got = ask(ASK("1", "tools/call", "\"name\":\"slow\",\"arguments\":{\"quick\":true},\"_meta\":{\"progressToken\":\"p\"}"));
    assert_non_null(strstr(got, "notifications/progress"));
    assert_non_null(strstr(got, "\"progress\":100000,\"total\":100000,\"message\":\"counting\""));
    assert_non_null(strstr(got, "\"text\":\"done\""));
    assert_null(strstr(got, "notifications/message"));
    uint64_t last = 0;
    for (const char *at = got; (at = strstr(at, "\"progress\":")); at += 11) {
        uint64_t now = strtoull(at + 11, NULL, 10);
        assert_true(now > last);
        last = now;
    }
    ask(ASK("1", "logging/setLevel", "\"level\":\"debug\""));
    got = ask(ASK("1", "tools/call", "\"name\":\"slow\",\"arguments\":{\"quick\":true}"));
    assert_null(strstr(got, "notifications/progress"));
    assert_non_null(strstr(got, "notifications/message\",\"params\":{\"level\":\"info\",\"logger\":\"toy\",\"data\":\"counted\"}"));
    ask(ASK("1", "logging/setLevel", "\"level\":\"error\""));
    assert_null(strstr(ask(ASK("1", "tools/call", "\"name\":\"slow\",\"arguments\":{\"quick\":true}")), "notifications/message"));
    stop();
}

static void what_waits_is_bounded_and_can_be_cancelled(void **state)
{
    start();
    ask(HELLO("2025-11-25"));
    tn_buf_clear(&sent);
    for (int i = 1; i <= 4; i++) {
        char line[200];
        snprintf(line, sizeof line, ASK("%d", "tools/call", "\"name\":\"echo\",\"arguments\":{\"word\":\"w%d\"}"), i, i);
        tn_mcp_receive(server, tn_str_of(line));
    }
    assert_non_null(strstr(sent.ptr, "\"id\":4,\"error\":{\"code\":-32000"));
    tn_mcp_receive(server, tn_str_of(ASK("2", "ping", ""))); /* its number belongs to a request that waits */
    assert_non_null(strstr(sent.ptr, "\"id\":null"));
    tn_mcp_receive(server, tn_str_of("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":3}}"));
    tn_mcp_receive(server, tn_str_of("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":\"1\"}}")); /* another id */
    tn_buf_clear(&sent);
    while (tn_mcp_work(server))
        ;
    assert_non_null(strstr(sent.ptr, "\"id\":1,"));
    assert_non_null(strstr(sent.ptr, "\"id\":2,"));
    assert_null(strstr(sent.ptr, "\"id\":3,"));
    tn_mcp_receive(server, tn_str_of(ASK("7", "tools/call", "\"name\":\"slow\""))); /* left in the queue: freed with the server */
    stop();
}

static void *work(void *self)
{
    while (!tn_mcp_work(self))
        usleep(1000);
    return NULL;
}

static void running_work_stops_when_it_is_cancelled(void **state)
{
    pthread_t thread;
    start();
    ask(HELLO("2025-11-25"));
    tn_buf_clear(&sent);
    n_started = n_stopped = 0;
    pthread_create(&thread, NULL, work, server);
    tn_mcp_receive(server, tn_str_of(ASK("1", "tools/call", "\"name\":\"slow\"")));
    usleep(100000);
    tn_mcp_receive(server, tn_str_of(ASK("2", "ping", ""))); /* answered while the work goes on */
    tn_mcp_receive(server, tn_str_of("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":1}}"));
    pthread_join(thread, NULL);
    assert_int_equal(n_stopped, 1);
    assert_string_equal(sent.ptr, "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{}}\n");
    tn_err err;
    ASSERT_OK(tn_interrupt_check(&err), &err); /* the next request starts afresh */
    stop();
}

static void lines_are_served_until_the_input_ends(void **state)
{
    tn_err err;
    int in[2], out[2];
    assert_true(pipe(in) == 0 && pipe(out) == 0);
    static const char first[] = HELLO("2025-11-25") "\r\n\n" ASK("1", "tools/call", "\"name\":\"echo\",\"arguments\":{\"word\":\"x\"}") "\n";
    assert_int_equal(write(in[1], first, sizeof first - 1), sizeof first - 1);
    char big[60000]; /* two of them are one line beyond the bound */
    memset(big, 'x', sizeof big);
    assert_int_equal(write(in[1], big, sizeof big), sizeof big);
    close(in[1]);
    ASSERT_OK(tn_mcp_serve(&toys, in[0], out[1], &err), &err);
    close(out[1]);
    char got[8192];
    ssize_t n = read(out[0], got, sizeof got - 1);
    assert_true(n > 0);
    got[n] = 0;
    assert_non_null(strstr(got, "\"id\":\"i\""));
    assert_non_null(strstr(got, "\"structuredContent\":{\"word\":\"x\"}"));
    assert_non_null(strstr(got, "-32700"));
    close(in[0]);
    close(out[0]);
}

static void schemas_check_what_they_say(void **state)
{
    static const struct {
        const char *schema, *value, *wrong; /* NULL: conforms */
    } rows[] = {
        {"{\"type\":\"integer\",\"minimum\":1,\"maximum\":9}", "9", NULL},
        {"{\"type\":\"integer\"}", "1.5", "type integer"},
        {"{\"type\":\"integer\",\"minimum\":1}", "0", "at least 1"},
        {"{\"type\":\"number\",\"maximum\":0.5}", "0.75", "at most 0.5"},
        {"{\"type\":\"number\"}", "1e999", "no number that can be worked with"},
        {"{\"type\":\"boolean\"}", "true", NULL},
        {"{\"type\":\"null\"}", "false", "type null"},
        {"{\"type\":\"string\",\"maxLength\":2}", "\"đá\"", NULL},
        {"{\"type\":\"string\",\"minLength\":1}", "\"\"", "at least 1"},
        {"{\"enum\":[\"a\",\"b\"]}", "\"c\"", "one of a, b"},
        {"{\"type\":\"array\",\"maxItems\":1,\"items\":{\"type\":\"string\"}}", "[\"a\"]", NULL},
        {"{\"type\":\"array\",\"items\":{\"type\":\"string\"}}", "[\"a\",1]", "v[1] must be"},
        {"{\"type\":\"array\",\"maxItems\":1}", "[1,2]", "at most 1"},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"object\",\"required\":[\"b\"]}}}", "{\"a\":{}}", "v.a lacks"},
        {"{\"type\":\"object\",\"additionalProperties\":true}", "{\"x\":1}", NULL},
    };
    for (size_t i = 0; i < TN_COUNT(rows); i++) {
        tn_err err = TN_ERR_INIT;
        tn_arena *a = tn_arena_new(0);
        const tn_json *schema, *value;
        ASSERT_OK(tn_json_parse(tn_str_of(rows[i].schema), a, &schema, &err), &err);
        ASSERT_OK(tn_json_parse(tn_str_of(rows[i].value), a, &value, &err), &err);
        tn_status st = tn_schema_check(schema, value, "v", &err);
        if (rows[i].wrong ? st != TN_EINVALID || !strstr(err.msg, rows[i].wrong) : st != TN_OK)
            fail_msg("%s against %s: %s", rows[i].value, rows[i].schema, err.msg);
        tn_arena_free(a);
    }
}

static void memory_that_is_out_never_loses_more_than_an_answer(void **state)
{
    tn_err err;
    start();
    ask(HELLO("2025-03-26"));
    for (long n = 1; n < 60; n++) {
        tn_mem_fail_at(n);
        ask("[" ASK("1", "tools/call", "\"name\":\"echo\",\"arguments\":{\"word\":\"x\"}") "," ASK("2", "resources/list", "") "]");
        ask(ASK("3", "prompts/get", "\"name\":\"brief\",\"arguments\":{\"task\":\"t\"}"));
        tn_mem_fail_at(0);
    }
    assert_non_null(strstr(ask(ASK("9", "ping", "")), "\"id\":9"));
    stop();
    for (long n = 1; n < 6; n++) {
        tn_mcp *m;
        tn_mem_fail_at(n);
        tn_status st = tn_mcp_new(&toys, keep, &sent, &m, &err);
        tn_mem_fail_at(0);
        assert_true(st == TN_OK || (st == TN_ENOMEM && !m));
        tn_mcp_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest test[] = {
        cmocka_unit_test(a_line_that_is_no_request_is_refused_or_passed_over),
        cmocka_unit_test(a_session_of_the_older_revisions),
        cmocka_unit_test(a_request_of_the_newer_revision_needs_no_session),
        cmocka_unit_test(batches_of_2025_03_26_are_answered_as_one),
        cmocka_unit_test(progress_rises_and_log_lines_are_asked_for),
        cmocka_unit_test(what_waits_is_bounded_and_can_be_cancelled),
        cmocka_unit_test(running_work_stops_when_it_is_cancelled),
        cmocka_unit_test(lines_are_served_until_the_input_ends),
        cmocka_unit_test(schemas_check_what_they_say),
        cmocka_unit_test(memory_that_is_out_never_loses_more_than_an_answer),
    };
    return cmocka_run_group_tests(test, NULL, NULL);
}
