#ifndef TN_SERVE_PREDICT_H
#define TN_SERVE_PREDICT_H
/// `tenet serve MODEL`: one classifier over HTTP. (reference/serving.md §1)
///
///   POST /predict  {"inputs": TEXT or [TEXT, ...], "parameters": {"top_k": K}}; for a model of pairs a TEXT is
///                  {"text": TEXT, "text_pair": TEXT}
///                  → [{"label","score"}, ...] for one text, a list of those for a list; falling scores
///                  of a model that tags words, "parameters": {"aggregation_strategy": "simple"}
///                  → [{"entity_group","score","word","start","end"}, ...], as the transformers pipeline
///                  of a model that answers questions, inputs {"question": TEXT, "context": TEXT} or a list of them
///                  → {"score","start","end","answer"}, or with top_k a list
///   GET  /health   → {"status":"ok","model",...}; 503 while ending
///
/// Requests wait in a bounded queue; one thread takes what is waiting, up to a number of texts, and runs it as one batch
/// without padding: the answer to a text never depends on what else is in the batch. Bounded are the body, the texts a
/// request, the queue; over them: 413, 422, 503 with Retry-After. Texts are never logged.

#include "base/clock.h"
#include "model/spans.h"

typedef struct {
    tn_model *model;
    const char *name;       /* shown by /health */
    const char *address;    /* NULL = 127.0.0.1 */
    uint16_t port;
    unsigned max_queue;     /* requests that wait; 0 = 128 */
    unsigned max_texts;     /* a request; 0 = 128 */
    unsigned max_batch;     /* texts a batch; 0 = 64 */
    tn_answer_options answers; /* of a model that answers questions; top_k is the request's */
    tn_progress *progress;
    void (*ready)(void *self, uint16_t port); /* called once when it listens; may be NULL */
    void *self;
} tn_serve_options;

/// Serves until an interrupt, then answers what is waiting and returns TN_OK.
tn_status tn_serve_predict(const tn_serve_options *o, tn_err *err);

#endif
