#include "commands.h"

#include "serve/predict.h"

#include <stdio.h>

typedef struct {
    cli *c;
    const char *address;
} greeting;

static void say_ready(void *self, uint16_t port)
{
    greeting *g = self;
    tn_progress_say(&g->c->progress, "Serving on http://%s:%u (POST /predict, GET /health); Ctrl-C ends", g->address, port);
    tn_progress_say(&g->c->progress, "  curl -s http://%s:%u/predict -H 'Content-Type: application/json' -d '{\"inputs\": \"...\"}'", g->address, port);
}

static tn_status run(cli *c, tn_err *err)
{
    const char *base, *dir, *address = cli_get(c, "address") ? cli_get(c, "address") : "127.0.0.1";
    int64_t port, queue, batch;
    tn_engine *engine = NULL;
    tn_model *m = NULL;
    tn_status st = TN_OK;
    greeting g = {c, address};
    size_t n_fresh;
    TN_TRY(cli_int(c, "port", 0, 65535, 8080, &port, err));
    TN_TRY(cli_int(c, "max-queue", 1, 100000, 128, &queue, err));
    TN_TRY(cli_int(c, "max-batch", 1, 4096, 64, &batch, err));
    TN_TRY(cli_model_dir(c, c->arg[0], &dir, err));
    TN_TRY(cli_base(c, dir, &base, err));
    TN_GO(cli_engine(c, &engine, err));
    TN_GO(tn_model_open(engine, dir, &(tn_model_options){.base = base}, &m, err));
    tn_model_fresh(m, &n_fresh);
    if (n_fresh) {
        st = tn_fail(err, TN_ERULE, "%s has no trained head (constraint-evaluate): tune it first (tenet run)", dir);
        goto done;
    }
    tn_answer_options answers = {0};
    TN_GO(tn_answer_options_read(dir, &answers, err));
    TN_GO(tn_serve_predict(&(tn_serve_options){.model = m, .name = c->arg[0], .address = address, .port = (uint16_t)port, .max_queue = (unsigned)queue,
                                               .max_batch = (unsigned)batch, .answers = answers, .progress = &c->progress, .ready = say_ready, .self = &g},
                           err));
done:
    tn_model_close(m);
    tn_engine_free(engine);
    return st;
}

static const cli_option options[] = {
    {"address", 0, "IP", "address to listen on; default 127.0.0.1 (this machine only)"},
    {"port", 'p', "N", "port; default 8080, 0 takes a free one"},
    {"max-queue", 0, "N", "requests that may wait; beyond: 503 with Retry-After. Default 128"},
    {"max-batch", 0, "N", "texts that run together; default 64. Results do not depend on it"},
    CLI_BASE_OPTION,
    {NULL, 0, NULL, NULL},
};

const cli_command cmd_serve = {
    "serve", "MODEL [--port N]", "answer over HTTP: POST /predict, GET /health",
    "POST /predict {\"inputs\": TEXT or [TEXT, ...], \"parameters\": {\"top_k\": 1}} gives labels with falling scores, as the\n"
    "Hub's inference API. Requests are batched without padding; bodies, texts and the queue are bounded; no text is logged.",
    1, 1, options, run};
