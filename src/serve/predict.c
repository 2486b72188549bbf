/* Network thread: checks a request, copies its texts into a job, puts it at the end of the queue. Model thread (the
 * caller's): takes jobs from the front while their texts fit the batch, predicts, replies. One lock guards the queue.
 *
 * Invariant: a job is owned by the queue, then by the model thread; its request is answered exactly once. */
#include "serve/predict.h"

#include "codec/json.h"
#include "metric/classification.h"
#include "model/tags.h"
#include "net/server.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

typedef struct job {
    struct job *next;
    tn_request *request;
    tn_arena *arena;
    tn_str *text, *pair; /* pair: NULL ptr where an input is one text */
    size_t n, n_pairs;
    int64_t top_k; /* 0 = all */
    tn_aggregation how; /* of tagged words */
    bool single;   /* inputs was one text */
} job;

typedef struct {
    tn_serve_options o;
    pthread_mutex_t lock;
    pthread_cond_t waiting;
    job *first, *last;
    unsigned n_queued;
    bool ending;
} service;

static void reply_error(tn_request *r, int status, const char *type, const char *sentence, const char *const *header)
{
    tn_buf b = TN_BUF_INIT;
    tn_json_writer w;
    tn_jw_init(&w, &b, 0);
    tn_jw_begin_object(&w);
    tn_jw_key(&w, "error");
    tn_jw_c(&w, sentence);
    tn_jw_key(&w, "error_type");
    tn_jw_c(&w, type);
    tn_jw_end_object(&w);
    tn_request_reply(r, status, "application/json", tn_buf_view(&b), header);
    tn_buf_free(&b);
}

static void reply_health(service *s, tn_request *r)
{
    tn_buf b = TN_BUF_INIT;
    tn_json_writer w;
    const tn_config *k = tn_model_config(s->o.model);
    pthread_mutex_lock(&s->lock);
    bool ending = s->ending;
    unsigned queued = s->n_queued;
    pthread_mutex_unlock(&s->lock);
    tn_jw_init(&w, &b, 0);
    tn_jw_begin_object(&w);
    tn_jw_key(&w, "status");
    tn_jw_c(&w, ending ? "ending" : "ok");
    tn_jw_key(&w, "model");
    tn_jw_c(&w, s->o.name);
    tn_jw_key(&w, "labels");
    tn_jw_begin_array(&w);
    for (int32_t i = 0; i < k->n_labels; i++)
        tn_jw_str(&w, k->label[i]);
    tn_jw_end_array(&w);
    tn_jw_key(&w, "max_tokens");
    tn_jw_i64(&w, tn_model_max_tokens(s->o.model));
    tn_jw_key(&w, "waiting");
    tn_jw_u64(&w, queued);
    tn_jw_end_object(&w);
    tn_request_reply(r, ending ? 503 : 200, "application/json", tn_buf_view(&b), NULL);
    tn_buf_free(&b);
}

/* ---- network thread ---- */

static bool take_texts(job *j, const tn_json *inputs, unsigned max, const char **sentence)
{
    j->single = tn_json_type(inputs) == TN_JSON_STRING || tn_json_type(inputs) == TN_JSON_OBJECT;
    j->n = j->single ? 1 : tn_json_len(inputs);
    if (!j->single && tn_json_type(inputs) != TN_JSON_ARRAY) {
        *sentence = "\"inputs\" must be a text, {\"text\", \"text_pair\"}, or a list of them";
        return false;
    }
    if (j->n == 0 || j->n > max) {
        *sentence = j->n ? "too many texts in one request; send them in several" : "\"inputs\" holds no text";
        return false;
    }
    j->text = TN_ARENA_ARRAY(j->arena, tn_str, j->n);
    j->pair = TN_ARENA_ARRAY(j->arena, tn_str, j->n);
    if (!j->text || !j->pair) {
        *sentence = "out of memory";
        return false;
    }
    const tn_json *v = j->single ? inputs : tn_json_first(inputs);
    for (size_t i = 0; i < j->n; i++, v = tn_json_next(v)) {
        const tn_json *text = tn_json_type(v) == TN_JSON_OBJECT ? tn_json_get(v, "text") : v, *pair = tn_json_get(v, "text_pair");
        if (tn_json_get(v, "question")) {
            text = tn_json_get(v, "question");
            pair = tn_json_get(v, "context");
        }
        if (tn_json_type(text) != TN_JSON_STRING || (pair && tn_json_type(pair) != TN_JSON_STRING)) {
            *sentence = "every element of \"inputs\" must be a text, or {\"text\", \"text_pair\"} with texts";
            return false;
        }
        j->text[i] = tn_json_str(text);
        j->pair[i] = tn_json_str(pair);
        j->n_pairs += pair != NULL;
    }
    return true;
}

static void enqueue(service *s, job *j)
{
    static const char *const retry[] = {"Retry-After", "1", NULL};
    pthread_mutex_lock(&s->lock);
    bool full = s->n_queued >= s->o.max_queue, ending = s->ending;
    if (!full && !ending) {
        if (s->last)
            s->last->next = j;
        else
            s->first = j;
        s->last = j;
        s->n_queued++;
        pthread_cond_signal(&s->waiting);
    }
    pthread_mutex_unlock(&s->lock);
    if (full || ending) {
        reply_error(j->request, 503, "overloaded", ending ? "the server is ending" : "too many requests are waiting; try again in a second", retry);
        tn_arena_free(j->arena);
    }
}

static void accept_predict(service *s, tn_request *r)
{
    tn_err err = TN_ERR_INIT;
    const tn_json *body, *k;
    const char *sentence = "out of memory";
    tn_arena *a = tn_arena_new(0);
    job *j = a ? tn_arena_calloc(a, sizeof *j) : NULL;
    if (!j) {
        tn_arena_free(a);
        reply_error(r, 503, "overloaded", sentence, NULL);
        return;
    }
    j->arena = a;
    j->request = r;
    j->how = TN_AGGREGATE_SIMPLE;
    tn_status st = tn_json_parse_with(tn_request_body(r), &(tn_json_options){.max_depth = 16}, a, &body, &err);
    if (st != TN_OK) {
        reply_error(r, st == TN_ENOMEM ? 503 : 400, "validation", err.msg, NULL);
        tn_arena_free(a);
        return;
    }
    k = tn_json_get(tn_json_get(body, "parameters"), "top_k");
    const tn_json *how = tn_json_get(tn_json_get(body, "parameters"), "aggregation_strategy");
    if (k && tn_json_type(k) != TN_JSON_NULL && (!tn_json_i64(k, &j->top_k) || j->top_k < 1)) {
        sentence = "\"top_k\" must be a whole number from 1";
        j->n = 0;
    } else if (how && tn_json_type(how) != TN_JSON_NULL && !tn_aggregation_parse(tn_json_str(how), &j->how)) {
        sentence = "\"aggregation_strategy\" is none, simple, first, average or max";
    } else if (!tn_json_get(body, "inputs")) {
        sentence = "the body must be {\"inputs\": TEXT or [TEXT, ...]}";
    } else if (take_texts(j, tn_json_get(body, "inputs"), s->o.max_texts, &sentence)) {
        enqueue(s, j);
        return;
    }
    reply_error(r, 422, "validation", sentence, NULL);
    tn_arena_free(a);
}

static void on_request(void *self, tn_request *r)
{
    static const char *const allow_post[] = {"Allow", "POST", NULL}, *const allow_get[] = {"Allow", "GET, HEAD", NULL};
    service *s = self;
    const char *path = tn_request_path(r), *method = tn_request_method(r), *type = tn_request_header(r, "Content-Type");
    bool get = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    if (strcmp(path, "/health") == 0) {
        if (get)
            reply_health(s, r);
        else
            reply_error(r, 405, "validation", "/health takes GET", allow_get);
    } else if (strcmp(path, "/predict") == 0) {
        if (strcmp(method, "POST") != 0)
            reply_error(r, 405, "validation", "/predict takes POST", allow_post);
        else if (type && !tn_str_starts(tn_str_of(type), "application/json"))
            reply_error(r, 415, "validation", "the body must be application/json", NULL);
        else
            accept_predict(s, r);
    } else {
        reply_error(r, 404, "validation", "there are POST /predict and GET /health", NULL);
    }
}

/* ---- model thread ---- */

/* Jobs from the front that fit one batch together; at least one. NULL after half a second without any. */
static job *take_batch(service *s, size_t *n_texts)
{
    job *first = NULL, *last = NULL;
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 500 * 1000 * 1000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    *n_texts = 0;
    pthread_mutex_lock(&s->lock);
    while (!s->first && pthread_cond_timedwait(&s->waiting, &s->lock, &until) == 0)
        ;
    while (s->first && (!first || *n_texts + s->first->n <= s->o.max_batch)) {
        job *j = s->first;
        s->first = j->next;
        if (!s->first)
            s->last = NULL;
        s->n_queued--;
        j->next = NULL;
        *n_texts += j->n;
        if (last)
            last->next = j;
        else
            first = j;
        last = j;
    }
    pthread_mutex_unlock(&s->lock);
    return first;
}

static void write_ranked(const tn_config *k, const float *p, int64_t top, tn_json_writer *w)
{
    int32_t best = -1;
    tn_jw_begin_array(w);
    for (int64_t i = 0; (top == 0 || i < top) && (best = tn_argnext(p, k->n_labels, best)) >= 0; i++)
        tn_config_write_score(k, best, p[best], w);
    tn_jw_end_array(w);
}

static void answer(service *s, job *j, const float *p)
{
    const tn_config *k = tn_model_config(s->o.model);
    tn_buf b = TN_BUF_INIT;
    tn_json_writer w;
    tn_jw_init(&w, &b, 0);
    if (!j->single)
        tn_jw_begin_array(&w);
    for (size_t i = 0; i < j->n; i++)
        write_ranked(k, p + i * (size_t)k->n_labels, j->top_k, &w);
    if (!j->single)
        tn_jw_end_array(&w);
    if (tn_buf_status(&b, NULL) == TN_OK)
        tn_request_reply(j->request, 200, "application/json", tn_buf_view(&b), NULL);
    else
        reply_error(j->request, 503, "overloaded", "out of memory", NULL);
    tn_buf_free(&b);
}

static void reply_failure(job *j, tn_status st, const tn_err *err)
{
    if (tn_exit_code(st) == 2) /* the text itself */
        reply_error(j->request, 422, "validation", err->msg, NULL);
    else
        reply_error(j->request, st == TN_ENOMEM ? 503 : 500, "backend", err->msg, NULL);
}

static tn_status write_spans(service *s, job *j, tn_json_writer *w, tn_err *err)
{
    tn_text_spans *spans = TN_ARENA_ARRAY(j->arena, tn_text_spans, j->n);
    if (!spans)
        return tn_fail_nomem(err, j->n * sizeof *spans);
    TN_TRY(tn_model_find_spans(s->o.model, j->text, j->n, j->how, j->arena, spans, err));
    for (size_t i = 0; i < j->n; i++) {
        tn_jw_begin_array(w);
        for (size_t k = 0; k < spans[i].n; k++)
            tn_text_span_write(&spans[i].span[k], j->how, w);
        tn_jw_end_array(w);
    }
    return TN_OK;
}

static tn_status write_answers(service *s, job *j, tn_json_writer *w, tn_err *err)
{
    tn_answer_options o = s->o.answers;
    o.top_k = (int32_t)(j->top_k > 1000 ? 1000 : j->top_k);
    for (size_t i = 0; i < j->n; i++) {
        tn_passage_answer *x;
        size_t n;
        if (!j->pair[i].len)
            return tn_fail(err, TN_EINVALID, "this model answers questions about passages: \"inputs\" takes {\"question\", \"context\"}, or a list of them");
        TN_TRY(tn_model_answer(s->o.model, j->text[i], j->pair[i], &o, j->arena, &x, &n, err));
        tn_passage_answers_write(x, n, w);
    }
    return TN_OK;
}

/* Spans of texts, answers to questions: each text is run by itself, so a job is too. */
static void answer_alone(service *s, job *j)
{
    tn_err err = TN_ERR_INIT;
    tn_buf b = TN_BUF_INIT;
    tn_json_writer w;
    tn_jw_init(&w, &b, 0);
    tn_jw_begin_array(&w);
    tn_status st = (tn_model_config(s->o.model)->task == TN_TASK_TOKENS ? write_spans : write_answers)(s, j, &w, &err);
    if (st == TN_OK) {
        tn_jw_end_array(&w);
        st = tn_buf_status(&b, &err);
    }
    tn_str out = tn_buf_view(&b);
    if (st == TN_OK) /* of one text: what stands inside the list */
        tn_request_reply(j->request, 200, "application/json", j->single ? tn_str_sub(out, 1, out.len - 1) : out, NULL);
    else
        reply_failure(j, st, &err);
    tn_buf_free(&b);
    tn_arena_free(j->arena);
}

static void run_batch(service *s, job *first, size_t n_texts)
{
    tn_task task = tn_model_config(s->o.model)->task;
    if (task == TN_TASK_TOKENS || task == TN_TASK_SPANS) {
        for (job *j = first, *next; j; j = next) {
            next = j->next;
            answer_alone(s, j);
        }
        return;
    }
    tn_err err = TN_ERR_INIT;
    size_t n_labels = (size_t)tn_model_config(s->o.model)->n_labels, at = 0;
    tn_str *text = TN_ARENA_ARRAY(first->arena, tn_str, n_texts), *pair = TN_ARENA_ARRAY(first->arena, tn_str, n_texts);
    size_t n_pairs = 0;
    float *p = TN_ARENA_ARRAY(first->arena, float, n_texts * n_labels);
    tn_status st = text && pair && p ? TN_OK : tn_fail_nomem(&err, n_texts * n_labels * sizeof *p);
    for (job *j = first; st == TN_OK && j; j = j->next) {
        memcpy(text + at, j->text, j->n * sizeof *text);
        memcpy(pair + at, j->pair, j->n * sizeof *pair);
        n_pairs += j->n_pairs;
        at += j->n;
    }
    if (st == TN_OK)
        st = tn_model_predict_pairs(s->o.model, text, n_pairs ? pair : NULL, n_texts, p, NULL, &err);
    at = 0;
    /* One text can be refused (a tokenizer may leave nothing of it): its batch mates are answered all the same. */
    bool apart = st != TN_OK && first->next;
    for (job *j = first, *next; j; j = next) {
        next = j->next;
        if (apart) {
            j->next = NULL;
            run_batch(s, j, j->n);
            continue;
        }
        if (st == TN_OK)
            answer(s, j, p + at * n_labels);
        else
            reply_failure(j, st, &err);
        at += j->n;
        if (j != first) /* the first job's arena holds the batch */
            tn_arena_free(j->arena);
    }
    if (!apart)
        tn_arena_free(first->arena);
}

tn_status tn_serve_predict(const tn_serve_options *o, tn_err *err)
{
    service s = {.o = *o};
    tn_server *server;
    s.o.max_queue = o->max_queue ? o->max_queue : 128;
    s.o.max_texts = o->max_texts ? o->max_texts : 128;
    s.o.max_batch = o->max_batch ? o->max_batch : 64;
    pthread_mutex_init(&s.lock, NULL);
    pthread_cond_init(&s.waiting, NULL);
    tn_status st = tn_server_open(&(tn_server_options){.address = o->address, .port = o->port, .handler = on_request, .self = &s}, &server, err);
    if (st == TN_OK) {
        if (o->ready)
            o->ready(o->self, tn_server_port(server));
        for (;;) {
            size_t n;
            job *batch = take_batch(&s, &n);
            if (batch) {
                run_batch(&s, batch, n);
                continue;
            }
            pthread_mutex_lock(&s.lock);
            bool was_ending = s.ending;
            s.ending = s.ending || tn_interrupt_check(NULL) != TN_OK;
            bool done = was_ending && !s.first;
            pthread_mutex_unlock(&s.lock);
            if (s.ending)
                tn_server_quiesce(server);
            if (done)
                break;
        }
        tn_server_close(server);
    }
    pthread_cond_destroy(&s.waiting);
    pthread_mutex_destroy(&s.lock);
    return st;
}
