/* libmicrohttpd calls `on_access` several times a request: first with the headers, then with pieces of the body, then with
 * nothing left. Each request has one tn_request, kept in the connection's con_cls. When the body is whole, the connection
 * is suspended and the handler gets the request; a reply stores the response and resumes the connection, whose next
 * `on_access` queues it. So the network thread never waits for a model.
 *
 * Invariant: a tn_request is freed only by `on_completed`, after its connection ended; a reply after that cannot happen
 * because a suspended connection does not end. */
#include "net/server.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct tn_server {
    struct MHD_Daemon *daemon;
    tn_server_options o;
    uint16_t port;
    MHD_socket listener; /* after quiesce: ours to close */
    bool quiesced;
};

struct tn_request {
    tn_server *server;
    struct MHD_Connection *connection;
    const char *method, *path;
    tn_buf body;
    bool handed_over, too_large;
    double start;                  /* of its body */
    struct MHD_Response *response; /* set by the reply, before the connection is resumed */
    unsigned status;
};

const char *tn_request_method(const tn_request *r)
{
    return r->method;
}

const char *tn_request_path(const tn_request *r)
{
    return r->path;
}

const char *tn_request_header(const tn_request *r, const char *name)
{
    return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

tn_str tn_request_body(const tn_request *r)
{
    return tn_buf_view(&r->body);
}

static struct MHD_Response *make_response(const char *content_type, tn_str body, const char *const *header)
{
    /* The union only sheds const: the library copies the bytes (MUST_COPY). */
    union {
        const char *from;
        void *to;
    } bytes = {body.ptr ? body.ptr : ""};
    struct MHD_Response *response = MHD_create_response_from_buffer(body.len, bytes.to, MHD_RESPMEM_MUST_COPY);
    if (!response)
        return NULL;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
    for (; header && header[0]; header += 2)
        MHD_add_response_header(response, header[0], header[1]);
    return response;
}

void tn_request_reply(tn_request *r, int status, const char *content_type, tn_str body, const char *const *header)
{
    r->response = make_response(content_type, body, header);
    r->status = (unsigned)status;
    MHD_resume_connection(r->connection);
}

static enum MHD_Result queue(struct MHD_Connection *connection, unsigned status, const char *text)
{
    struct MHD_Response *response = make_response("application/json", tn_str_of(text), NULL);
    if (!response)
        return MHD_NO;
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result on_access(void *cls, struct MHD_Connection *connection, const char *path, const char *method, const char *version, const char *data,
                                 size_t *size, void **con_cls)
{
    tn_server *s = cls;
    tn_request *r = *con_cls;
    size_t max = s->o.max_body;
    (void)version;
    if (!r) {
        r = tn_mem_calloc(sizeof *r);
        if (!r)
            return MHD_NO;
        *r = (tn_request){.server = s, .connection = connection, .method = method, .path = path, .body = {.max = max}, .start = tn_clock_seconds()};
        *con_cls = r;
        return MHD_YES;
    }
    if (*size) {
        /* A body that trickles in would hold its connection for ever: each byte is traffic. */
        if (tn_clock_seconds() - r->start > s->o.timeout_s)
            return MHD_NO;
        /* Over the limit: swallow the rest without keeping it, then say so. */
        r->too_large = r->too_large || *size > max - r->body.len;
        if (!r->too_large)
            tn_buf_put(&r->body, data, *size);
        *size = 0;
        return MHD_YES;
    }
    if (r->body.failed && !r->too_large)
        return queue(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "{\"error\":\"out of memory\",\"error_type\":\"overloaded\"}");
    if (r->too_large)
        return queue(connection, MHD_HTTP_CONTENT_TOO_LARGE, "{\"error\":\"the body is larger than this server takes\",\"error_type\":\"validation\"}");
    if (!r->handed_over) {
        r->handed_over = true;
        MHD_suspend_connection(connection);
        s->o.handler(s->o.self, r);
        return MHD_YES;
    }
    if (!r->response)
        return MHD_NO;
    return MHD_queue_response(connection, r->status, r->response);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **con_cls, enum MHD_RequestTerminationCode code)
{
    tn_request *r = *con_cls;
    (void)cls, (void)connection, (void)code;
    if (!r)
        return;
    if (r->response)
        MHD_destroy_response(r->response);
    tn_buf_free(&r->body);
    tn_mem_free(r);
    *con_cls = NULL;
}

tn_status tn_server_open(const tn_server_options *o, tn_server **out, tn_err *err)
{
    tn_server *s = tn_mem_calloc(sizeof *s);
    if (!s)
        return tn_fail_nomem(err, sizeof *s);
    s->o = *o;
    if (!s->o.max_body)
        s->o.max_body = 2000000; /* as text-embeddings-inference */
    if (!s->o.timeout_s)
        s->o.timeout_s = 30;
    const char *name = o->address ? o->address : "127.0.0.1";
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(o->port)};
    if (inet_pton(AF_INET, name, &address.sin_addr) != 1) {
        tn_mem_free(s);
        return tn_fail(err, TN_EINVALID, "\"%s\" is no IPv4 address; 127.0.0.1 serves this machine only, 0.0.0.0 every network it is in", name);
    }
    s->daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, o->port, NULL, NULL, on_access, s, MHD_OPTION_SOCK_ADDR, &address,
                                 MHD_OPTION_CONNECTION_LIMIT, o->max_connections ? o->max_connections : 256u, MHD_OPTION_CONNECTION_TIMEOUT,
                                 s->o.timeout_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)64 << 10, MHD_OPTION_NOTIFY_COMPLETED,
                                 on_completed, NULL, MHD_OPTION_END);
    if (!s->daemon) {
        tn_mem_free(s);
        return tn_fail_errno(err, "cannot listen on %s:%u", name, o->port);
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT);
    s->port = info ? info->port : o->port;
    *out = s;
    return TN_OK;
}

uint16_t tn_server_port(const tn_server *s)
{
    return s->port;
}

void tn_server_quiesce(tn_server *s)
{
    if (s->quiesced)
        return;
    s->quiesced = true;
    s->listener = MHD_quiesce_daemon(s->daemon);
}

void tn_server_close(tn_server *s)
{
    if (!s)
        return;
    MHD_stop_daemon(s->daemon);
    if (s->quiesced && s->listener != MHD_INVALID_SOCKET)
        close(s->listener);
    tn_mem_free(s);
}
