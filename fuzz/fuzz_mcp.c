/* Lines of any bytes: what comes back is JSON-RPC, a message a time, an answer for a line at most, and the server still
 * answers a ping at the end. The first byte says after which handshake. */
#include "fuzz.h"

#include "serve/mcp.h"

#include <stdio.h>
#include <string.h>

static size_t n_mcp_answers;

static void look_at_message(void *to, tn_str message)
{
    tn_err err;
    tn_arena *a = tn_arena_new(0);
    const tn_json *v;
    TN_ASSERT(!memchr(message.ptr, '\n', message.len));
    TN_ASSERT(tn_json_parse(message, a, &v, &err) == TN_OK);
    for (const tn_json *one = tn_json_type(v) == TN_JSON_ARRAY ? tn_json_first(v) : v; one; one = tn_json_type(v) == TN_JSON_ARRAY ? tn_json_next(one) : NULL) {
        TN_ASSERT(tn_json_is_str(tn_json_get(one, "jsonrpc"), "2.0"));
        TN_ASSERT(tn_json_get(one, "method") || (tn_json_get(one, "result") != NULL) != (tn_json_get(one, "error") != NULL));
    }
    n_mcp_answers += tn_json_get(v, "method") == NULL;
    tn_arena_free(a);
}

static tn_status fuzz_mcp_tool(const tn_mcp_call *call, tn_json **out, tn_str *text, tn_err *err)
{
    TN_TRY(tn_interrupt_check(err));
    tn_progress_show(call->progress, "fuzz", 1, 2, NULL);
    *out = tn_json_dup(call->arena, call->arguments);
    return *out ? TN_OK : tn_fail_nomem(err, 64);
}

static tn_status fuzz_mcp_prompt(const tn_mcp_call *call, tn_str *text, tn_err *err)
{
    *text = tn_json_str(tn_json_get(call->arguments, "a"));
    return TN_OK;
}

static tn_status fuzz_mcp_list(const tn_mcp_call *call, tn_json **out, tn_err *err)
{
    *out = tn_json_new_array(call->arena);
    return *out ? TN_OK : tn_fail_nomem(err, 64);
}

static tn_status fuzz_mcp_read(const tn_mcp_call *call, tn_str uri, const char **mime, tn_str *text, tn_err *err)
{
    *text = uri;
    return uri.len % 2 ? TN_OK : tn_fail(err, TN_ENOENT, "there is no such resource");
}

static tn_status fuzz_mcp_complete(const tn_mcp_call *call, tn_str ref, tn_str argument, tn_str prefix, tn_json *out, tn_err *err)
{
    return tn_json_push(out, tn_json_new_str(call->arena, prefix)) ? TN_OK : tn_fail_nomem(err, 64);
}

TN_FUZZ(mcp, bytes)
{
    static const tn_mcp_tool tool[] = {
        {"echo", "Echo", "Echo", "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\",\"enum\":[\"x\",\"y\"]},\"n\":{\"type\":\"array\",\"maxItems\":2,\"items\":{\"type\":\"integer\"}}}}", "{\"type\":\"object\"}", false, fuzz_mcp_tool}};
    static const tn_mcp_prompt prompt[] = {{"p", "P", "P", "[{\"name\":\"a\",\"required\":true}]", fuzz_mcp_prompt}};
    static const tn_mcp_options options = {.name = "f", .title = "F", .version = "1", .instructions = "", .tool = tool, .n_tools = 1, .prompt = prompt, .n_prompts = 1, .templates = "[]",
                                           .list = fuzz_mcp_list, .read = fuzz_mcp_read, .complete = fuzz_mcp_complete, .max_message = 1 << 14, .max_waiting = 4};
    static const char *const hello[] = {"", "2025-03-26", "2025-11-25"};
    tn_err err = TN_ERR_INIT;
    tn_mcp *m;
    tn_str rest = tn_str_from_bytes(bytes), line;
    size_t n_lines = 0;
    char first[160];
    TN_ASSERT(tn_mcp_new(&options, look_at_message, NULL, &m, &err) == TN_OK);
    const char *version = bytes.len ? hello[bytes.ptr[0] % 3] : "";
    if (version[0]) {
        snprintf(first, sizeof first, "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"%s\"}}", version);
        tn_mcp_receive(m, tn_str_of(first));
    }
    n_mcp_answers = 0;
    for (; tn_str_cut(&rest, '\n', &line); n_lines++) {
        tn_mcp_receive(m, line);
        if (line.len % 3 == 0)
            tn_mcp_work(m);
    }
    while (tn_mcp_work(m))
        ;
    TN_ASSERT(n_mcp_answers <= n_lines);
    n_mcp_answers = 0;
    tn_mcp_receive(m, TN_STR("{\"jsonrpc\":\"2.0\",\"id\":\"the last one\",\"method\":\"ping\"}"));
    TN_ASSERT(n_mcp_answers == 1);
    tn_mcp_free(m);
    return TN_OK;
}
