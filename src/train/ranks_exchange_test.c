/* Ranks are threads here, and the wire is queues between them: 1, 2, 4 and 8 ranks give the sums of a naive tree, bit by bit,
 * whichever ranks have rows; and the loss of one is noticed by all. */
#include "train/ranks_exchange.h"
#include "test.h"

#include <pthread.h>
#include <string.h>

enum { RANKS = 8, TAGS = 3, TABLE = 40, WIDTH = 5, PARAMS = 6 };

/* ---- the wire ---- */

struct message {
    struct message *next;
    size_t n;
    char data[];
};

struct queue {
    struct message *first, **last;
    uint64_t given, taken; /* receives take their turn */
};

struct net {
    pthread_mutex_t lock;
    pthread_barrier_t over; /* nobody ends before all are done */
    struct queue q[RANKS][RANKS][TAGS]; /* from, to, tag */
    struct receive *receives;
};

struct end {
    struct net *net;
    int rank;
};

struct receive {
    struct queue *q;
    uint64_t turn;
    void *data;
    size_t n;
    struct receive *all; /* the wire's, newest first; done ones too */
};

static char sent;

static void *local_send(void *self, int peer, int tag, const void *data, size_t n)
{
    struct end *e = self;
    struct queue *q = &e->net->q[e->rank][peer][tag];
    struct message *m = malloc(sizeof *m + n);
    *m = (struct message){.n = n};
    memcpy(m->data, data, n);
    pthread_mutex_lock(&e->net->lock);
    *(q->last ? q->last : &q->first) = m;
    q->last = &m->next;
    pthread_mutex_unlock(&e->net->lock);
    return &sent;
}

static void *local_receive(void *self, int peer, int tag, void *data, size_t n)
{
    struct end *e = self;
    struct receive *r = malloc(sizeof *r);
    pthread_mutex_lock(&e->net->lock);
    struct queue *q = &e->net->q[peer][e->rank][tag];
    *r = (struct receive){q, q->given++, data, n, e->net->receives};
    e->net->receives = r;
    pthread_mutex_unlock(&e->net->lock);
    return r;
}

static int local_test(void *self, void *request)
{
    struct end *e = self;
    struct receive *r = request;
    if (request == &sent)
        return 1;
    pthread_mutex_lock(&e->net->lock);
    struct message *m = r->q->taken == r->turn ? r->q->first : NULL;
    if (m) {
        r->q->taken++;
        r->q->first = m->next;
        if (!m->next)
            r->q->last = NULL;
    }
    pthread_mutex_unlock(&e->net->lock);
    if (!m)
        return 0;
    assert_true(m->n == r->n);
    memcpy(r->data, m->data, m->n);
    free(m);
    return 1;
}

static void local_close(void *self, bool together, int exit_code)
{
}

/* ---- gradients ---- */

static const size_t dense_size[PARAMS - 1] = {7, 1, 1100000, 300, 20000}; /* more than one bucket; ends that do not divide */

struct rank {
    struct net *net;
    int rank, size;
    uint64_t present;
    double patience;
    tn_status status;
    tn_param p[PARAMS];
    float *grad[PARAMS];
    int32_t row[TABLE];
    tn_train_result loss;
};

/* Of many sizes, so that another order of additions has other bits. */
static float value(int rank, size_t param, size_t i)
{
    uint64_t h = ((uint64_t)rank * 64 + param + 1) * 0x9E3779B97F4A7C15u + i * 0xC2B2AE3D27D4EB4Fu;
    h ^= h >> 29;
    h *= 0xBF58476D1CE4E5B9u;
    return (float)((int32_t)(h >> 32) >> (h & 15)) * 0x1p-20f;
}

static bool has_row(int rank, int row)
{
    return (row * 7 + rank * 3) % 4 != 0;
}

static void fill(struct rank *k)
{
    int32_t n = 0;
    for (size_t i = 0; i < PARAMS - 1; i++) {
        k->grad[i] = malloc(dense_size[i] * sizeof(float));
        for (size_t j = 0; j < dense_size[i]; j++)
            k->grad[i][j] = value(k->rank, i, j);
        k->p[i] = (tn_param){.name = TN_STR("dense"), .n_dims = 1, .dim = {(int64_t)dense_size[i]}, .size = dense_size[i], .grad = k->grad[i]};
    }
    k->grad[PARAMS - 1] = malloc(TABLE * WIDTH * sizeof(float));
    for (int r = 0; r < TABLE; r++)
        if (has_row(k->rank, r)) {
            for (int c = 0; c < WIDTH; c++)
                k->grad[PARAMS - 1][n * WIDTH + c] = value(k->rank, PARAMS - 1, (size_t)(r * WIDTH + c));
            k->row[n++] = r;
        }
    k->p[PARAMS - 1] = (tn_param){.name = TN_STR("table"), .n_dims = 2, .dim = {TABLE, WIDTH}, .size = TABLE * WIDTH, .sparse = true,
                                  .grad = k->grad[PARAMS - 1], .grad_row = k->row, .n_grad_rows = n};
}

static tn_status exchange_job(void *ctx, tn_peers *p, tn_err *err)
{
    return tn_exchange_run(ctx, p, err);
}

static void *rank_main(void *arg)
{
    struct rank *k = arg;
    struct end end = {k->net, k->rank};
    tn_wire wire = {&end, k->rank, k->size, local_send, local_receive, local_test, local_close};
    tn_err err = TN_ERR_INIT;
    tn_engine *e = NULL;
    tn_peers *p = NULL;
    tn_exchange *x = NULL;
    bool lost = k->status != TN_OK; /* this rank is to fail */
    fill(k);
    ASSERT_OK(tn_engine_new(1, "auto", &e, &err), &err);
    ASSERT_OK(tn_peers_over(&wire, k->patience, &p, &err), &err);
    ASSERT_OK(tn_exchange_new(e, p, k->p, PARAMS, TABLE, &x, &err), &err);
    tn_exchange_begin(x, k->present);
    tn_peers_start(p, exchange_job, x);
    for (size_t i = PARAMS - 1; i-- > 0;)
        tn_exchange_ready(x, i);
    if (lost) {
        tn_fail(&err, TN_ENOMEM, "out of memory");
        tn_peers_fail(p, &err);
    } else {
        tn_exchange_all_ready(x);
    }
    k->status = tn_peers_wait(p, &err);
    if (k->status != TN_OK)
        assert_non_null(strstr(err.msg, "out of memory"));
    if (k->status == TN_OK) { /* the table's rows lie in x */
        tn_param *t = &k->p[PARAMS - 1];
        memcpy(k->row, t->grad_row, (size_t)t->n_grad_rows * sizeof *k->row);
        memcpy(k->grad[PARAMS - 1], t->grad, (size_t)t->n_grad_rows * WIDTH * sizeof(float));
    }
    pthread_barrier_wait(&k->net->over);
    tn_peers_close(p, 0);
    tn_exchange_free(x);
    tn_engine_free(e);
    return NULL;
}

/* What nobody fetched. */
static void drain(struct net *net)
{
    struct queue *q = &net->q[0][0][0];
    for (size_t i = 0; i < RANKS * RANKS * TAGS; i++)
        for (struct message *m = q[i].first, *next; m; m = next) {
            next = m->next;
            free(m);
        }
    for (struct receive *r = net->receives, *next; r; r = next) {
        next = r->all;
        free(r);
    }
}

static void run_ranks(struct rank *k, int n, uint64_t present, int failing)
{
    struct net net = {.lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_t thread[RANKS];
    pthread_barrier_init(&net.over, NULL, (unsigned)n);
    for (int r = 0; r < n; r++) {
        k[r] = (struct rank){.net = &net, .rank = r, .size = n, .present = present, .patience = failing < 0 ? 20 : 2, .status = r == failing ? TN_ENOMEM : TN_OK};
        assert_int_equal(pthread_create(&thread[r], NULL, rank_main, &k[r]), 0);
    }
    for (int r = 0; r < n; r++)
        pthread_join(thread[r], NULL);
    pthread_barrier_destroy(&net.over);
    drain(&net);
}

static void free_ranks(struct rank *k, int n)
{
    for (int r = 0; r < n; r++)
        for (int i = 0; i < PARAMS; i++)
            free(k[r].grad[i]);
}

/* The tree, top down. False: nobody there. */
static bool naive(int first, int n, uint64_t present, size_t param, size_t i, float *out)
{
    float a, b;
    if (n == 1) {
        *out = value(first, param, i);
        return (present >> first & 1) && (param < PARAMS - 1 || has_row(first, (int)(i / WIDTH)));
    }
    bool left = naive(first, n / 2, present, param, i, &a), right = naive(first + n / 2, n / 2, present, param, i, &b);
    *out = left && right ? a + b : left ? a : b;
    return left || right;
}

static void check_rank(const struct rank *k)
{
    float want;
    for (size_t i = 0; i < PARAMS - 1; i++)
        for (size_t j = 0; j < dense_size[i]; j += dense_size[i] > 1000 ? 97 : 1) {
            naive(0, k->size, k->present, i, j, &want);
            assert_memory_equal(&k->grad[i][j], &want, sizeof want);
        }
    int32_t n = 0;
    for (size_t r = 0; r < TABLE; r++) {
        if (!naive(0, k->size, k->present, PARAMS - 1, r * WIDTH, &want))
            continue;
        assert_int_equal(k->row[n], (int)r);
        for (size_t c = 0; c < WIDTH; c++) {
            naive(0, k->size, k->present, PARAMS - 1, r * WIDTH + c, &want);
            assert_memory_equal(&k->grad[PARAMS - 1][(size_t)n * WIDTH + c], &want, sizeof want);
        }
        n++;
    }
    assert_int_equal(k->p[PARAMS - 1].n_grad_rows, n);
}

static void sums_are_those_of_the_tree(void **state)
{
    static const struct {
        int n;
        uint64_t present;
    } tried[] = {{2, 3}, {2, 1}, {2, 2}, {4, 15}, {4, 5}, {4, 8}, {8, 0xC7}};
    struct rank k[RANKS];
    for (size_t i = 0; i < TN_COUNT(tried); i++) {
        run_ranks(k, tried[i].n, tried[i].present, -1);
        for (int r = 0; r < tried[i].n; r++) {
            assert_int_equal(k[r].status, TN_OK);
            if (r == 0 || r == tried[i].n - 1)
                check_rank(&k[r]);
        }
        free_ranks(k, tried[i].n);
    }
}

static void losses_fold_alike(void **state)
{
    tn_loss_sums all[4] = {{1e8f, 1}, {3, 2}, {-1e8f, 4}, {5, 8}}, three[4], one[4];
    memcpy(three, all, sizeof all);
    memcpy(one, all, sizeof all);
    tn_exchange_fold(all, 4, 15);
    tn_exchange_fold(three, 4, 0xE);
    tn_exchange_fold(one, 4, 8);
    assert_true(all[0][0] == (1e8f + 3.0f) + (-1e8f + 5.0f));
    assert_true(three[0][0] == 3.0f + (-1e8f + 5.0f));
    assert_true(one[0][1] == 8);
}

static void a_failure_is_everybodys(void **state)
{
    struct rank k[RANKS];
    run_ranks(k, 4, 15, 2);
    for (int r = 0; r < 4; r++)
        assert_int_equal(k[r].status, r == 2 ? TN_ENOMEM : TN_EIO);
    free_ranks(k, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sums_are_those_of_the_tree), cmocka_unit_test(losses_fold_alike),
                                       cmocka_unit_test(a_failure_is_everybodys)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
