#ifndef TN_NET_SERVER_H
#define TN_NET_SERVER_H
/// An HTTP/1.1 server over libmicrohttpd: bounded bodies, connections and times; answers may come later, from any thread.

#include "base/str.h"

typedef struct tn_server tn_server;
typedef struct tn_request tn_request;

/// What a handler sees of a complete request; valid until its reply.
const char *tn_request_method(const tn_request *r);
const char *tn_request_path(const tn_request *r); /* without the query */
/// A header's value, or NULL.
const char *tn_request_header(const tn_request *r, const char *name);
tn_str tn_request_body(const tn_request *r);

/// Answers a request: exactly once, from any thread; `r` is gone afterwards. `header` may be NULL, or name and value
/// pairs ending with NULL. The body is copied.
void tn_request_reply(tn_request *r, int status, const char *content_type, tn_str body, const char *const *header);

/// Called on the network thread for each complete request. Must not block: reply, or hand over to another thread.
typedef void tn_request_handler(void *self, tn_request *r);

typedef struct {
    const char *address;    /* "127.0.0.1"; NULL = that */
    uint16_t port;          /* 0 = any free one: see tn_server_port */
    size_t max_body;        /* bytes; larger ones are answered 413. 0 = 2,000,000 */
    unsigned max_connections; /* 0 = 256 */
    unsigned timeout_s;     /* a connection without traffic, or whose body takes longer, is closed. 0 = 30 */
    tn_request_handler *handler;
    void *self;
} tn_server_options;

/// Listens and serves on a thread of its own. TN_EIO when the address is taken or not ours.
tn_status tn_server_open(const tn_server_options *o, tn_server **out, tn_err *err);
uint16_t tn_server_port(const tn_server *s);
/// Accepts no further connections; open ones are still answered.
void tn_server_quiesce(tn_server *s);
/// Ends. Every request must have been answered before.
void tn_server_close(tn_server *s);

#endif
