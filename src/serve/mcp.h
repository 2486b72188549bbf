#ifndef TN_SERVE_MCP_H
#define TN_SERVE_MCP_H
/// A server of the Model Context Protocol: what it offers is given as tables, this is the protocol. (reference/assistants.md §2)
///
/// Both eras in one process: revisions 2024-11-05 to 2025-11-25 after an `initialize`, and 2026-07-28, where each request
/// tells its version in params._meta and nothing is remembered. The era is a property of each request.
///
/// Short requests are answered at once; calls of tools, reads and prompts wait in a queue for one worker, so that a ping,
/// a list or a cancellation never waits behind long work. A cancelled request is not answered; its work is stopped
/// through base/clock.h. What is in messages, briefs and files is data: nothing in it changes what the server does.
///
/// Bytes from outside are bounded: a message (max_message), its depth (64) and values (1 Mi), requests that wait
/// (max_waiting). Bad lines are answered with JSON-RPC's errors, bad notifications and answers that nobody asked for are
/// passed over.

#include "base/clock.h"
#include "codec/json.h"

/// One request of a tool, a prompt, a resource or a completion.
typedef struct {
    void *self;              /* options.self */
    const tn_json *arguments; /* never NULL; for a tool an object that conforms to its input schema */
    tn_arena *arena;         /* lives until the answer is sent */
    tn_progress *progress;   /* becomes progress and log notifications of this request */
} tn_mcp_call;

typedef struct {
    const char *name, *title, *description;
    const char *input, *output; /* JSON Schemas of objects (serve/schema.h) */
    bool open_world;            /* reaches beyond this machine */
    /* Sets *out, an object that conforms to `output`; *text (may stay as it is) replaces its JSON as the text that a model
     * reads. A failure becomes an answer with isError that the model can act on; TN_ENOMEM and TN_EBUG become JSON-RPC
     * errors. */
    tn_status (*run)(const tn_mcp_call *call, tn_json **out, tn_str *text, tn_err *err);
} tn_mcp_tool;

typedef struct {
    const char *name, *title, *description;
    const char *arguments; /* JSON array of {name, description, required}; their values are strings */
    tn_status (*get)(const tn_mcp_call *call, tn_str *text, tn_err *err);
} tn_mcp_prompt;

typedef struct {
    const char *name, *title, *version, *instructions;
    const tn_mcp_tool *tool; /* [n_tools] */
    size_t n_tools;
    const tn_mcp_prompt *prompt; /* [n_prompts] */
    size_t n_prompts;
    const char *templates; /* JSON array of {uriTemplate, name, title, description, mimeType} */
    /* An array of {uri, name, title, description, mimeType}, in an order that does not vary. */
    tn_status (*list)(const tn_mcp_call *call, tn_json **out, tn_err *err);
    /* TN_ENOENT when there is no such resource. */
    tn_status (*read)(const tn_mcp_call *call, tn_str uri, const char **mime, tn_str *text, tn_err *err);
    /* Values of the argument of a prompt (by name) or template (by URI) that start with `prefix`, pushed to `out`. */
    tn_status (*complete)(const tn_mcp_call *call, tn_str ref, tn_str argument, tn_str prefix, tn_json *out, tn_err *err);
    void *self;
    size_t max_message; /* bytes; 0 = 16 MiB */
    size_t max_waiting; /* requests; 0 = 64 */
} tn_mcp_options;

typedef struct tn_mcp tn_mcp;

/// `send` takes one message, a line without its end, one at a time. Everything in `options` must outlive the server.
tn_status tn_mcp_new(const tn_mcp_options *options, void (*send)(void *to, tn_str message), void *to, tn_mcp **out, tn_err *err);
void tn_mcp_free(tn_mcp *m);
/// Takes one message: answers it, or puts it into the queue. Any bytes. One thread at a time.
void tn_mcp_receive(tn_mcp *m, tn_str message);
/// Does the oldest waiting request and answers it; false when none waits. Beside tn_mcp_receive in another thread.
bool tn_mcp_work(tn_mcp *m);

/// Serves lines from `in`, answers to `out`, until `in` ends (what waits is still answered), a signal comes, or `out` is
/// closed. Nothing else may write to `out`.
tn_status tn_mcp_serve(const tn_mcp_options *options, int in, int out, tn_err *err);

#endif
