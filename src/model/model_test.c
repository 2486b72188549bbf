/* Promises of model.h, on a small random BERT: the numbers of transformers, the same bits whatever the machine does,
 * every key of a checkpoint accounted for, a saved folder that says the same. */
#include "base/map.h"
#include "model/model.h"

#include <math.h>
#include <sys/stat.h>

#include "tiny_folder.h"

static tn_batch golden_batch(void)
{
    return (tn_batch){.n_rows = TINY_ROWS, .start = tiny_start, .ids = ids, .type_id = types};
}

static tn_train_batch training_batch(void)
{
    static const int32_t shard[] = {0, 2, 2, 5, 7}; /* one of them is empty */
    return (tn_train_batch){
        .batch = golden_batch(), .target.label = tiny_label, .n_shards = 4, .shard = shard, .seed = 5, .step = 3};
}

/* ---- golden numbers ---- */

static double largest(const double *x, int n)
{
    double m = 0;
    for (int i = 0; i < n; i++)
        m = fabs(x[i]) > m ? fabs(x[i]) : m;
    return m;
}

static void check_close(const char *what, const float *got, const double *want, int n, double scale)
{
    for (int i = 0; i < n; i++)
        if (!(fabs(got[i] - want[i]) <= 1e-5 * scale))
            fail_msg("%s[%d] = %.9g, transformers has %.9g (largest %.3g)", what, i, got[i], want[i], scale);
}

static int read_doubles(const char *line, double *out, int max)
{
    int n = 0, used;
    while (n < max && sscanf(line, " %lf%n", &out[n], &used) == 1) {
        line += used;
        n++;
    }
    return n;
}

static void check_grad_line(tn_model *m, const char *name, const double *v, int n)
{
    size_t n_params;
    tn_param *p = tn_model_params(m, &n_params);
    while (n_params > 0 && !tn_str_is(p->name, name))
        p++, n_params--;
    assert_true(n_params > 0);
    float *dense = calloc(p->size, sizeof *dense), sample[6];
    if (!p->sparse)
        memcpy(dense, p->grad, p->size * sizeof *dense);
    for (int32_t r = 0; r < p->n_grad_rows; r++)
        memcpy(dense + p->grad_row[r] * p->dim[1], p->grad + r * p->dim[1], (size_t)p->dim[1] * sizeof *dense);
    double squares = 0;
    for (size_t i = 0; i < p->size; i++)
        squares += (double)dense[i] * dense[i];
    size_t stride = p->size / 6 ? p->size / 6 : 1;
    for (int i = 0; i < n - 2; i++)
        sample[i] = dense[i * stride];
    /* A key's bias moves all scores of a query alike: its gradient is 0 but for rounding. */
    double scale = tn_str_ends(p->name, "key.bias") ? 0.01 : v[1];
    check_close(name, sample, v + 2, n - 2, scale);
    assert_true(fabs(sqrt(squares) - v[0]) <= 1e-5 * (v[0] + (scale == 0.01)));
    free(dense);
}

static void numbers_are_those_of_transformers(void **state)
{
    tn_engine *e = engine(1, NULL);
    tn_model *m = open_model(e, in_root("tiny"), (tn_model_options){.train = true});
    tn_err err;
    float logits[TINY_ROWS * TINY_LABELS], mean[TINY_ROWS * TINY_WIDTH];
    tn_batch b = golden_batch();
    tn_train_batch t = training_batch();
    tn_train_result r;
    ASSERT_OK(tn_model_logits(m, &b, logits, &err), &err);
    ASSERT_OK(tn_model_embed(m, &b, mean, &err), &err);
    ASSERT_OK(tn_model_backward(m, &t, &r, &err), &err);
    FILE *f = fopen("tests/data/bert-tiny.txt", "r");
    assert_non_null(f);
    char line[1024], name[96];
    int n_grads = 0, row, used;
    while (fgets(line, sizeof line, f)) {
        double v[8];
        if (sscanf(line, "loss %lf", v) == 1)
            assert_true(fabs(r.loss - v[0]) <= 1e-6 * v[0]);
        else if (sscanf(line, "logits %d%n", &row, &used) == 1 && read_doubles(line + used, v, 3) == 3)
            check_close("logits", logits + 3 * row, v, 3, largest(v, 3));
        else if (sscanf(line, "mean %d%n", &row, &used) == 1 && read_doubles(line + used, v, 8) == 8)
            check_close("mean", mean + TINY_WIDTH * row, v, 8, largest(v, 8));
        else if (sscanf(line, "grad %95s%n", name, &used) == 1) {
            check_grad_line(m, name, v, read_doubles(line + used, v, 8));
            n_grads++;
        }
    }
    fclose(f);
    assert_int_equal(n_grads, params.n);
    int32_t n_correct = 0;
    for (int i = 0; i < TINY_ROWS; i++) {
        const float *x = logits + 3 * i;
        n_correct += tiny_label[i] == (x[1] > x[0] ? (x[2] > x[1] ? 2 : 1) : (x[2] > x[0] ? 2 : 0));
    }
    assert_int_equal(r.n_correct, n_correct);
    tn_model_close(m);
    tn_engine_free(e);
}

/* ---- the same bits ---- */

/* A hash of everything that a training pass gives. */
static uint64_t training_bits(tn_model *m, const tn_train_batch *t)
{
    tn_err err;
    tn_train_result r;
    ASSERT_OK(tn_model_backward(m, t, &r, &err), &err);
    uint64_t h = tn_hash64((tn_str){(const char *)&r.loss, sizeof r.loss});
    size_t n;
    tn_param *p = tn_model_params(m, &n);
    for (size_t i = 0; i < n; i++) {
        size_t size = p[i].sparse ? (size_t)(p[i].n_grad_rows * p[i].dim[1]) : p[i].size;
        h = h * 0x9E3779B97F4A7C15u ^ tn_hash64((tn_str){(const char *)p[i].grad, size * sizeof(float)});
        if (p[i].sparse)
            h ^= tn_hash64((tn_str){(const char *)p[i].grad_row, (size_t)p[i].n_grad_rows * sizeof(int32_t)});
    }
    return h;
}

static void bits_depend_on_no_thread_and_no_instruction_set(void **state)
{
    static const char *const isa[] = {"ref", "avx2", "avx512"};
    static const int n_threads[] = {1, 2, 4};
    uint64_t bits = 0, plain = 0;
    float first[TINY_ROWS * TINY_LABELS], logits[TINY_ROWS * TINY_LABELS];
    tn_batch b = golden_batch();
    tn_train_batch t = training_batch();
    tn_err err;
    for (size_t i = 0; i < TN_COUNT(isa) * TN_COUNT(n_threads); i++) {
        tn_engine *e;
        if (tn_engine_new(n_threads[i % 3], isa[i / 3], &e, &err) != TN_OK)
            continue; /* a CPU without it */
        tn_model *m = open_model(e, in_root("tiny"), (tn_model_options){.train = true});
        ASSERT_OK(tn_model_logits(m, &b, logits, &err), &err);
        t.dropout = false;
        uint64_t without = training_bits(m, &t);
        t.dropout = true;
        uint64_t with = training_bits(m, &t);
        assert_int_equal(training_bits(m, &t), with);
        if (i == 0) {
            bits = with;
            plain = without;
            memcpy(first, logits, sizeof first);
        }
        assert_int_equal(with, bits);
        assert_int_equal(without, plain);
        assert_memory_equal(logits, first, sizeof first);
        tn_model_close(m);
        tn_engine_free(e);
    }
    assert_int_not_equal(bits, plain);
}

static void a_row_knows_no_other_row(void **state)
{
    enum { COPIES = 40 }; /* enough tokens for several pieces of a forward call */
    tn_engine *e = engine(2, NULL);
    tn_model *m = open_model(e, in_root("tiny"), (tn_model_options){0});
    tn_err err;
    tn_batch b = golden_batch();
    float together[TINY_ROWS * TINY_LABELS], alone[TINY_LABELS], many[COPIES * TINY_ROWS * TINY_LABELS];
    ASSERT_OK(tn_model_logits(m, &b, together, &err), &err);
    for (int i = 0; i < TINY_ROWS; i++) {
        int32_t start[2] = {0, tiny_start[i + 1] - tiny_start[i]};
        tn_batch one = {.n_rows = 1, .start = start, .ids = ids + tiny_start[i], .type_id = types + tiny_start[i]};
        ASSERT_OK(tn_model_logits(m, &one, alone, &err), &err);
        assert_memory_equal(alone, together + i * TINY_LABELS, sizeof alone);
    }
    int32_t start[COPIES * TINY_ROWS + 1] = {0}, *all = malloc(COPIES * sizeof ids),
                                       *kinds = malloc(COPIES * sizeof types);
    for (int c = 0; c < COPIES; c++) {
        memcpy(all + c * TINY_TOKENS, ids, sizeof ids);
        memcpy(kinds + c * TINY_TOKENS, types, sizeof types);
        for (int i = 0; i < TINY_ROWS; i++)
            start[c * TINY_ROWS + i + 1] = c * TINY_TOKENS + tiny_start[i + 1];
    }
    tn_batch big = {.n_rows = COPIES * TINY_ROWS, .start = start, .ids = all, .type_id = kinds};
    ASSERT_OK(tn_model_logits(m, &big, many, &err), &err);
    for (int c = 0; c < COPIES; c++)
        assert_memory_equal(many + c * TINY_ROWS * TINY_LABELS, together, sizeof together);
    free(all);
    free(kinds);
    tn_model_close(m);
    tn_engine_free(e);
}

static void a_steady_step_allocates_nothing(void **state)
{
    tn_engine *e = engine(2, NULL);
    tn_model *m = open_model(e, in_root("tiny"), (tn_model_options){.train = true});
    tn_model *p = open_model(e, in_root("tiny"), (tn_model_options){0});
    tn_err err;
    tn_train_batch t = training_batch();
    tn_train_result r;
    tn_batch b = golden_batch();
    float logits[TINY_ROWS * TINY_LABELS];
    uint64_t before = 0;
    t.dropout = true;
    for (int i = 0; i < 8; i++) {
        if (i == 4)
            before = tn_mem_count();
        t.step = (uint64_t)i;
        ASSERT_OK(tn_model_backward(m, &t, &r, &err), &err);
        tn_model_params_changed(m);
        ASSERT_OK(tn_model_logits(p, &b, logits, &err), &err);
    }
    assert_int_equal(tn_mem_count() - before, 0);
    tn_model_close(m);
    tn_model_close(p);
    tn_engine_free(e);
}

/* The loss falls along minus the gradient by what the gradient promises: all parameters and dropout at once. */
static void the_gradient_predicts_the_loss(void **state)
{
    tn_engine *e = engine(1, NULL);
    tn_model *m = open_model(e, in_root("tiny"), (tn_model_options){.train = true});
    tn_err err;
    tn_train_batch t = training_batch();
    tn_train_result r, up, down;
    t.dropout = true;
    ASSERT_OK(tn_model_backward(m, &t, &r, &err), &err);
    size_t n;
    tn_param *p = tn_model_params(m, &n);
    float *grad[TINY_MAX_PARAMS];
    double squares = 0;
    for (size_t i = 0; i < n; i++) {
        grad[i] = calloc(p[i].size, sizeof(float));
        if (!p[i].sparse)
            memcpy(grad[i], p[i].grad, p[i].size * sizeof(float));
        for (int32_t k = 0; k < p[i].n_grad_rows; k++)
            memcpy(grad[i] + p[i].grad_row[k] * p[i].dim[1], p[i].grad + k * p[i].dim[1],
                   (size_t)p[i].dim[1] * sizeof(float));
        for (size_t j = 0; j < p[i].size; j++)
            squares += (double)grad[i][j] * grad[i][j];
    }
    const double h = 1e-3;
    for (int sign = 1; sign >= -1; sign -= 2) {
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < p[i].size; j++)
                p[i].value[j] += (float)(h * (sign == 1 ? 1 : -2)) * grad[i][j];
        tn_model_params_changed(m);
        ASSERT_OK(tn_model_backward(m, &t, sign == 1 ? &up : &down, &err), &err);
    }
    double slope = (up.loss - down.loss) / (2 * h);
    if (fabs(slope - squares) > 2e-3 * squares)
        fail_msg("slope %.6g, squared gradient %.6g", slope, squares);
    for (size_t i = 0; i < n; i++)
        free(grad[i]);
    tn_model_close(m);
    tn_engine_free(e);
}

/* ---- checkpoints ---- */

static void rename_params(tiny_params *t, bool strip_prefix, bool old_norms)
{
    for (size_t i = 0; i < t->n; i++) {
        char *name = t->param[i].name;
        if (strip_prefix && strncmp(name, "bert.", 5) == 0)
            memmove(name, name + 5, strlen(name + 5) + 1);
        char *norm = strstr(name, "LayerNorm.");
        if (norm && old_norms)
            strcpy(norm + 10, norm[10] == 'w' ? "gamma" : "beta");
    }
}

static void old_and_short_names_are_the_same_model(void **state)
{
    tn_engine *e = engine(1, NULL);
    tn_err err;
    float want[TINY_ROWS * TINY_LABELS], got[TINY_ROWS * TINY_LABELS];
    tn_batch b = golden_batch();
    tn_model *m = open_model(e, in_root("tiny"), (tn_model_options){0});
    ASSERT_OK(tn_model_logits(m, &b, want, &err), &err);
    tn_model_close(m);
    for (int kind = 0; kind < 4; kind++) {
        tiny_params t = params;
        rename_params(&t, kind & 1, kind & 2);
        tiny_write(&t, in_root("renamed"), tiny_config, NULL);
        m = open_model(e, in_root("renamed"), (tn_model_options){.train = kind == 3});
        size_t n;
        tn_model_fresh(m, &n);
        assert_int_equal(n, 0);
        ASSERT_OK(tn_model_logits(m, &b, got, &err), &err);
        assert_memory_equal(got, want, sizeof want);
        tn_model_close(m);
    }
    tn_engine_free(e);
}

static void a_missing_head_is_drawn_and_listed(void **state)
{
    tn_engine *e = engine(1, NULL);
    size_t n;
    const tn_str names[] = {TN_STR("bad"), TN_STR("good")}, same[] = {TN_STR("a"), TN_STR("b"), TN_STR("c")};
    tiny_write(&params, in_root("headless"), tiny_config, "classifier");
    tn_model *m = open_model(e, in_root("headless"), (tn_model_options){.n_labels = 2, .label = names});
    const tn_str *fresh = tn_model_fresh(m, &n);
    assert_int_equal(n, 2);
    ASSERT_STR(fresh[0], "classifier.weight");
    tn_param *p = tn_model_params(m, &n);
    double sum = 0, squares = 0;
    for (int i = 0; i < 2 * TINY_WIDTH; i++) {
        sum += p[n - 2].value[i];
        squares += (double)p[n - 2].value[i] * p[n - 2].value[i];
    }
    assert_true(fabs(sum / 128) < 0.006 && fabs(sqrt(squares / 128) - 0.02) < 0.004); /* three standard errors */
    assert_true(p[n - 1].value[0] == 0 && p[n - 1].value[1] == 0);
    float first = p[n - 2].value[0];
    tn_model_close(m);
    m = open_model(e, in_root("headless"), (tn_model_options){.n_labels = 2, .label = names, .seed = 1});
    p = tn_model_params(m, &n);
    assert_true(p[n - 2].value[0] != first);
    tn_model_close(m);
    /* A stored classifier stays for its own labels and goes for others. */
    m = open_model(e, in_root("tiny"), (tn_model_options){.n_labels = 3, .label = same});
    tn_model_fresh(m, &n);
    assert_int_equal(n, 0);
    tn_model_close(m);
    m = open_model(e, in_root("tiny"), (tn_model_options){.n_labels = 2, .label = names});
    tn_model_fresh(m, &n);
    assert_int_equal(n, 2);
    tn_model_ignored(m, &n);
    assert_int_equal(n, 2);
    tn_model_close(m);
    m = open_model(e, in_root("tiny"), (tn_model_options){.encoder_only = true});
    tn_model_ignored(m, &n);
    assert_int_equal(n, 4);
    tn_model_close(m);
    /* What could be written and not be read again is not begun. */
    static tn_str many[TN_MAX_LABELS + 1];
    tn_err err;
    ASSERT_FAILS(tn_model_open(e, in_root("tiny"),
                               &(tn_model_options){.n_labels = TN_MAX_LABELS + 1, .label = many}, &m, &err),
                 TN_ELIMIT, &err);
    tn_engine_free(e);
}

static void what_is_saved_is_the_same_model(void **state)
{
    tn_engine *e = engine(1, NULL);
    tn_err err;
    float want[TINY_ROWS * TINY_LABELS], got[TINY_ROWS * TINY_LABELS];
    tn_batch b = golden_batch();
    const tn_str names[] = {TN_STR("x"), TN_STR("y\"z"), TN_STR("\xc4\x91")};
    ASSERT_OK(tn_file_write(in_root("tiny/vocab.txt"), TN_BYTES("one\n"), &err), &err);
    tn_model *m = open_model(e, in_root("tiny"), (tn_model_options){.train = true, .n_labels = 3, .label = names});
    size_t n;
    tn_param *p = tn_model_params(m, &n);
    p[0].value[3 * TINY_WIDTH] += 1; /* as training would: seen by the save, not by the source */
    ASSERT_OK(tn_model_logits(m, &b, want, &err), &err);
    char living[64]; /* a save of a process that lives, and one of a process that cannot be */
    snprintf(living, sizeof living, "saved.tmp.%ld", (long)getppid());
    ASSERT_OK(tn_file_mkdirs(in_root(living), &err), &err);
    ASSERT_OK(tn_file_mkdirs(in_root("saved.tmp.2147483647/1_Pooling"), &err), &err);
    ASSERT_OK(tn_file_mkdirs(in_root("saved.tmp.x"), &err), &err);
    for (int i = 0; i < 2; i++) /* also over an older save */
        ASSERT_OK(tn_model_save(m, in_root("saved/"), &err), &err);
    tn_model_close(m);
    m = open_model(e, in_root("saved"), (tn_model_options){0});
    tn_model_fresh(m, &n);
    assert_int_equal(n, 0);
    tn_model_ignored(m, &n);
    assert_int_equal(n, 0);
    ASSERT_STR(tn_model_config(m)->label[1], "y\"z");
    ASSERT_OK(tn_model_logits(m, &b, got, &err), &err);
    assert_memory_equal(got, want, sizeof want);
    assert_true(tn_file_exists(in_root("saved/vocab.txt")));
    assert_true(tn_file_exists(in_root(living)) && tn_file_exists(in_root("saved.tmp.x")));
    assert_false(tn_file_exists(in_root("saved.tmp.2147483647")));
    tn_model_close(m);
    m = open_model(e, in_root("tiny"), (tn_model_options){0});
    tn_param *q = tn_model_params(m, &n);
    assert_true(q[0].value[3 * TINY_WIDTH] == params.param[0].data[3 * TINY_WIDTH]);
    tn_model_close(m);
    tn_engine_free(e);
}

static void broken_folders_are_refused(void **state)
{
    tn_engine *e = engine(1, NULL);
    tn_err err;
    tn_model *m;
    tn_model_options o = {0};
    ASSERT_FAILS(tn_model_open(e, in_root("nowhere"), &o, &m, &err), TN_ENOENT, &err);
    tiny_write(&params, in_root("broken"), tiny_config, "bert.encoder.layer.1.output.dense.bias");
    ASSERT_FAILS(tn_model_open(e, in_root("broken"), &o, &m, &err), TN_EFORMAT, &err);
    assert_non_null(strstr(err.msg, "\"bert.encoder.layer.1.output.dense.bias\" is missing"));
    tiny_params t = params;
    strcpy(t.param[5].name, "bert.encoder.layer.0.attention.self.quarry.weight");
    tiny_write(&t, in_root("broken"), tiny_config, NULL);
    ASSERT_FAILS(tn_model_open(e, in_root("broken"), &o, &m, &err), TN_EFORMAT, &err);
    assert_non_null(strstr(err.msg, "quarry"));
    t = params;
    t.param[1].shape[0] = TINY_WIDTH;
    t.param[1].shape[1] = TINY_POSITIONS;
    tiny_write(&t, in_root("broken"), tiny_config, NULL);
    ASSERT_FAILS(tn_model_open(e, in_root("broken"), &o, &m, &err), TN_EFORMAT, &err);
    assert_non_null(strstr(err.msg, "[64, 40]"));
    t = params;
    strcpy(t.param[2].name, "embeddings.token_type_embeddings.weight"); /* and again with its prefix */
    strcpy(t.param[4].name, "bert.embeddings.token_type_embeddings.weight");
    tiny_write(&t, in_root("broken"), tiny_config, NULL);
    ASSERT_FAILS(tn_model_open(e, in_root("broken"), &o, &m, &err), TN_EFORMAT, &err);
    ASSERT_OK(tn_file_write(in_root("broken/model.safetensors"), TN_BYTES("\1\2\3"), &err), &err);
    ASSERT_FAILS(tn_model_open(e, in_root("broken"), &o, &m, &err), TN_EFORMAT, &err);
    ASSERT_OK(tn_file_remove(in_root("broken/model.safetensors"), &err), &err);
    ASSERT_FAILS(tn_model_open(e, in_root("broken"), &o, &m, &err), TN_ENOENT, &err);
    ASSERT_OK(tn_file_write(in_root("broken/pytorch_model.bin"), TN_BYTES("x"), &err), &err);
    ASSERT_FAILS(tn_model_open(e, in_root("broken"), &o, &m, &err), TN_EFORMAT, &err);
    assert_non_null(strstr(err.msg, "pickle"));
    tn_engine_free(e);
}

/* The parameters [first, end) as a file of their own. */
static void write_part(const char *path, size_t first, size_t end)
{
    tn_st_item item[TINY_MAX_PARAMS];
    tn_err err;
    for (size_t i = first; i < end; i++)
        item[i] = (tn_st_item){
            .name = tn_str_of(params.param[i].name),
            .dtype = TN_ST_F32,
            .rank = params.param[i].rank,
            .shape = params.param[i].shape,
            .data = {(const uint8_t *)params.param[i].data, params.param[i].size * sizeof(float)}};
    ASSERT_OK(tn_st_write(path, item + first, end - first, &(tn_st_meta){"format", "pt"}, 1, &err), &err);
}

static void write_index(const char *path, const char *second)
{
    tn_buf text = TN_BUF_INIT;
    tn_err err;
    tn_buf_c(&text, "{\"metadata\": {\"total_size\": 1}, \"weight_map\": {");
    for (size_t i = 0; i < params.n; i++)
        tn_buf_printf(&text, "%s\"%s\": \"%s\"", i ? ", " : "", params.param[i].name,
                      i < 9 ? "model-00001-of-00002.safetensors" : second);
    tn_buf_c(&text, "}}");
    ASSERT_OK(tn_file_write(path, tn_str_bytes(tn_buf_view(&text)), &err), &err);
    tn_buf_free(&text);
}

static void a_checkpoint_in_parts_is_the_same_model(void **state)
{
    const char *second = "model-00002-of-00002.safetensors";
    tn_engine *e = engine(1, NULL);
    tn_err err;
    tn_model *m;
    tn_model_options o = {0};
    float whole[TINY_ROWS * TINY_LABELS], parts[TINY_ROWS * TINY_LABELS];
    tn_batch b = golden_batch();
    tiny_write(&params, in_root("parts"), tiny_config, NULL);
    m = open_model(e, in_root("parts"), o);
    ASSERT_OK(tn_model_logits(m, &b, whole, &err), &err);
    tn_model_close(m);
    ASSERT_OK(tn_file_remove(in_root("parts/model.safetensors"), &err), &err);
    write_part(in_root("parts/model-00001-of-00002.safetensors"), 0, 9);
    write_part(in_root("parts/model-00002-of-00002.safetensors"), 9, params.n);
    write_index(in_root("parts/model.safetensors.index.json"), second);
    for (int train = 0; train < 2; train++) {
        m = open_model(e, in_root("parts"), (tn_model_options){.train = train});
        ASSERT_OK(tn_model_logits(m, &b, parts, &err), &err);
        assert_memory_equal(parts, whole, sizeof whole);
        tn_model_close(m);
    }
    /* A tensor in both parts, a part that lacks one, a part that is not there, a name that leads away, no list. */
    write_part(in_root("parts/model-00002-of-00002.safetensors"), 8, params.n);
    ASSERT_FAILS(tn_model_open(e, in_root("parts"), &o, &m, &err), TN_EFORMAT, &err);
    assert_non_null(strstr(err.msg, "are the same parameter"));
    write_part(in_root("parts/model-00002-of-00002.safetensors"), 10, params.n);
    ASSERT_FAILS(tn_model_open(e, in_root("parts"), &o, &m, &err), TN_EFORMAT, &err);
    assert_non_null(strstr(err.msg, "is missing"));
    write_index(in_root("parts/model.safetensors.index.json"), "model-00003-of-00003.safetensors");
    ASSERT_FAILS(tn_model_open(e, in_root("parts"), &o, &m, &err), TN_ENOENT, &err);
    write_index(in_root("parts/model.safetensors.index.json"), "../model.safetensors");
    ASSERT_FAILS(tn_model_open(e, in_root("parts"), &o, &m, &err), TN_EFORMAT, &err);
    assert_non_null(strstr(err.msg, "is not the name of a .safetensors file"));
    ASSERT_OK(tn_file_write(in_root("parts/model.safetensors.index.json"), TN_BYTES("{}"), &err), &err);
    ASSERT_FAILS(tn_model_open(e, in_root("parts"), &o, &m, &err), TN_EFORMAT, &err);
    assert_non_null(strstr(err.msg, "weight_map"));
    tn_engine_free(e);
}

static void senseless_batches_are_refused(void **state)
{
    tn_engine *e = engine(1, NULL);
    tn_err err;
    tn_model *m = open_model(e, in_root("tiny"), (tn_model_options){.train = true});
    float out[TINY_LABELS];
    tn_train_result r;
    const int32_t good[] = {1, 2, 3}, bad_id[] = {1, 97, 3}, negative[] = {1, -1, 3}, long_row[41] = {0};
    const struct {
        int32_t start[3], n_rows;
        const int32_t *ids, *types;
    } bad[] = {
        {{0, 0, 3}, 2, good, NULL},      {{0, 2, 1}, 2, good, NULL},     {{1, 3, 3}, 1, good, NULL},
        {{0, 3, 3}, 1, bad_id, NULL},    {{0, 3, 3}, 1, negative, NULL}, {{0, 3, 3}, 1, good, good},
        {{0, 41, 0}, 1, long_row, NULL},
    };
    for (size_t i = 0; i < TN_COUNT(bad); i++) {
        tn_batch b = {.n_rows = bad[i].n_rows, .start = bad[i].start, .ids = bad[i].ids, .type_id = bad[i].types};
        ASSERT_FAILS(tn_model_logits(m, &b, out, &err), TN_EINVALID, &err);
    }
    const int32_t start[] = {0, 3}, label[] = {3}, shard[] = {0, 1}, gap[] = {0, 0};
    tn_train_batch t = {.batch = {.n_rows = 1, .start = start, .ids = good}, .target.label = label, .n_shards = 1, .shard = shard};
    ASSERT_FAILS(tn_model_backward(m, &t, &r, &err), TN_EINVALID, &err);
    t.target.label = gap;
    ASSERT_OK(tn_model_backward(m, &t, &r, &err), &err);
    t.shard = gap;
    ASSERT_FAILS(tn_model_backward(m, &t, &r, &err), TN_EINVALID, &err);
    ASSERT_FAILS(tn_model_predict(m, &TN_STR("x"), 1, out, NULL, &err), TN_ENOENT, &err);
    tn_model_close(m);
    m = open_model(e, in_root("tiny"), (tn_model_options){.encoder_only = true});
    t.shard = shard;
    ASSERT_FAILS(tn_model_backward(m, &t, &r, &err), TN_EINVALID, &err);
    ASSERT_FAILS(tn_model_save(m, in_root("no"), &err), TN_EINVALID, &err);
    assert_false(tn_file_exists(in_root("no")));
    tn_model_close(m);
    tn_engine_free(e);
}

static void failed_allocations_are_reported(void **state)
{
    tn_engine *e = engine(1, NULL);
    tn_err err;
    tn_status st;
    tn_model *m = NULL;
    tn_model_options o = {.train = true};
    FOR_EACH_FAILED_ALLOCATION(st, st = tn_model_open(e, in_root("tiny"), &o, &m, &err));
    tn_train_batch t = training_batch();
    tn_train_result r;
    FOR_EACH_FAILED_ALLOCATION(st, st = tn_model_backward(m, &t, &r, &err));
    FOR_EACH_FAILED_ALLOCATION(st, st = tn_model_save(m, in_root("saved"), &err));
    tn_model_close(m);
    m = open_model(e, in_root("tiny"), (tn_model_options){0});
    tn_batch b = golden_batch();
    float logits[TINY_ROWS * TINY_LABELS];
    FOR_EACH_FAILED_ALLOCATION(st, st = tn_model_logits(m, &b, logits, &err));
    FOR_EACH_FAILED_ALLOCATION(st, st = tn_model_logits(m, &b, logits, &err));
    tn_model_close(m);
    tn_engine_free(e);
}

/* ---- pooling ---- */

static void pooling_is_what_the_folder_says(void **state)
{
    static const char modules[] =
        "[{\"idx\":0,\"name\":\"0\",\"path\":\"\",\"type\":\"sentence_transformers.models.Transformer\"},"
        "{\"idx\":1,\"name\":\"1\",\"path\":\"1_Pooling\",\"type\":\"sentence_transformers.models.Pooling\"}%s]";
    static const struct {
        const char *pooling, *more;
        int kind; /* 0 mean, 1 first, 2 last, 3 mean of length 1, 4 largest, 5 mean times sqrt(n), 6 weighted, -1 refused */
    } row[] = {
        {"{\"pooling_mode_cls_token\": true, \"pooling_mode_mean_tokens\": false}", "", 1},
        {"{\"pooling_mode_cls_token\": false}", "", 0},
        {"{\"pooling_mode\": \"lasttoken\"}", "", 2},
        {"{}", ",{\"idx\":2,\"path\":\"2_Normalize\",\"type\":\"sentence_transformers.models.Normalize\"}", 3},
        {"{\"pooling_mode\": \"max\"}", "", 4},
        {"{\"pooling_mode\": \"mean_sqrt_len_tokens\"}", "", 5},
        {"{\"pooling_mode\": \"weightedmean\"}", "", 6},
        {"{\"pooling_mode\": \"median\"}", "", -1},
        {"{\"pooling_mode_cls_token\": true, \"pooling_mode_max_tokens\": true}", "", -1},
        {"{}", ",{\"idx\":2,\"path\":\"2_Dense\",\"type\":\"sentence_transformers.models.Dense\"}", -1},
    };
    tn_engine *e = engine(1, NULL);
    tn_err err;
    tn_batch b = golden_batch();
    float mean[TINY_ROWS * TINY_WIDTH], got[TINY_ROWS * TINY_WIDTH];
    tn_model *m = open_model(e, in_root("tiny"), (tn_model_options){.encoder_only = true});
    ASSERT_OK(tn_model_embed(m, &b, mean, &err), &err);
    tn_model_close(m);
    tiny_write(&params, in_root("pooled/1_Pooling"), tiny_config, NULL);
    tiny_write(&params, in_root("pooled"), tiny_config, NULL);
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        char text[1024];
        int n = snprintf(text, sizeof text, modules, row[i].more);
        ASSERT_OK(tn_file_write(in_root("pooled/modules.json"), (tn_bytes){(uint8_t *)text, (size_t)n}, &err), &err);
        ASSERT_OK(tn_file_write(in_root("pooled/1_Pooling/config.json"), tn_str_bytes(tn_str_of(row[i].pooling)), &err),
                  &err);
        m = open_model(e, in_root("pooled"), (tn_model_options){.encoder_only = true});
        if (row[i].kind < 0) {
            ASSERT_FAILS(tn_model_embed(m, &b, got, &err), TN_EINVALID, &err);
        } else {
            ASSERT_OK(tn_model_embed(m, &b, got, &err), &err);
            bool same = memcmp(got, mean, sizeof mean) == 0;
            assert_true(same == (row[i].kind == 0));
            /* The row of one token pools to that token, whatever the way. */
            if (row[i].kind != 3)
                assert_memory_equal(got + TINY_WIDTH, mean + TINY_WIDTH, TINY_WIDTH * sizeof(float));
            for (int r = 0; r < TINY_ROWS && (row[i].kind == 3 || row[i].kind == 5); r++) {
                double squares = 0, factor = sqrt(b.start[r + 1] - b.start[r]);
                for (int c = 0; c < TINY_WIDTH && row[i].kind == 3; c++)
                    squares += (double)mean[r * TINY_WIDTH + c] * mean[r * TINY_WIDTH + c];
                if (row[i].kind == 3)
                    factor = 1 / sqrt(squares);
                for (int c = 0; c < TINY_WIDTH; c++)
                    assert_true(fabs(got[r * TINY_WIDTH + c] - factor * mean[r * TINY_WIDTH + c]) < 1e-6 * factor);
            }
        }
        tn_model_close(m);
    }
    tn_engine_free(e);
}

/* ---- texts ---- */

/* [UNK] [CLS] [SEP] and the words w3 to w96; a template around one text. */
static void write_tokenizer(const char *dir)
{
    tn_err err;
    char path[256];
    tn_buf b = TN_BUF_INIT;
    tn_buf_c(&b, "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":["
                 "{\"id\":1,\"content\":\"[CLS]\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,"
                 "\"normalized\":false,\"special\":true},{\"id\":2,\"content\":\"[SEP]\",\"single_word\":false,"
                 "\"lstrip\":false,\"rstrip\":false,\"normalized\":false,\"special\":true}],\"normalizer\":null,"
                 "\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},\"post_processor\":{\"type\":\"BertProcessing\","
                 "\"sep\":[\"[SEP]\",2],\"cls\":[\"[CLS]\",1]},\"decoder\":null,\"model\":{\"type\":\"WordPiece\","
                 "\"unk_token\":\"[UNK]\",\"continuing_subword_prefix\":\"##\",\"max_input_chars_per_word\":100,"
                 "\"vocab\":{\"[UNK]\":0,\"[CLS]\":1,\"[SEP]\":2");
    for (int i = 3; i < TINY_VOCAB; i++)
        tn_buf_printf(&b, ",\"w%d\":%d", i, i);
    tn_buf_c(&b, "}}}");
    snprintf(path, sizeof path, "%s/tokenizer.json", dir);
    ASSERT_OK(tn_file_write(path, tn_str_bytes(tn_buf_view(&b)), &err), &err);
    tn_buf_free(&b);
}

static void texts_are_their_ids(void **state)
{
    enum { COUNT = 60, TEXT = 400 };
    static char text[COUNT][TEXT];
    tn_str s[COUNT], reversed[COUNT];
    float p[COUNT * TINY_LABELS], q[COUNT * TINY_LABELS], one[TINY_LABELS], states[COUNT * TINY_WIDTH];
    tn_engine *e = engine(2, NULL);
    tn_err err;
    tiny_write(&params, in_root("texts"), tiny_config, NULL);
    write_tokenizer(in_root("texts"));
    ASSERT_OK(tn_file_write(in_root("texts/tokenizer_config.json"), TN_BYTES("{\"model_max_length\": 30}"), &err),
              &err);
    ASSERT_OK(tn_file_write(in_root("texts/sentence_bert_config.json"), TN_BYTES("{\"max_seq_length\": 20}"), &err),
              &err);
    tn_model *m = open_model(e, in_root("texts"), (tn_model_options){0});
    assert_int_equal(tn_model_max_tokens(m), 30);
    size_t n_long = 0, n_longer = 0, n_cut;
    for (int i = 0; i < COUNT; i++) {
        int at = 0, n_words = i * 7 % 37; /* 28 words fill a row of 30; the first text is empty */
        text[i][0] = 0;
        for (int w = 0; w < n_words; w++)
            at += snprintf(text[i] + at, TEXT - (size_t)at, "w%d ", 3 + (i + w * 5) % 94);
        s[i] = tn_str_of(text[i]);
        reversed[COUNT - 1 - i] = s[i];
        n_long += n_words > 28;
        n_longer += n_words > 18;
    }
    ASSERT_OK(tn_model_predict(m, s, COUNT, p, &n_cut, &err), &err);
    assert_int_equal(n_cut, n_long);
    ASSERT_OK(tn_model_predict(m, reversed, COUNT, q, NULL, &err), &err);
    tn_arena *a = tn_arena_new(0);
    for (int i = 0; i < COUNT; i++) {
        const int32_t *row;
        int32_t start[2] = {0, 0};
        bool cut;
        ASSERT_OK(tn_model_encode(m, s[i], a, &row, &start[1], &cut, &err), &err);
        ASSERT_OK(tn_model_logits(m, &(tn_batch){1, start, row, NULL}, one, &err), &err);
        tn_model_scores(m, one, 1);
        assert_memory_equal(one, p + i * TINY_LABELS, sizeof one);
        assert_memory_equal(one, q + (COUNT - 1 - i) * TINY_LABELS, sizeof one);
        assert_true(fabs(one[0] + one[1] + one[2] - 1) < 1e-6);
    }
    ASSERT_OK(tn_model_embed_texts(m, s, COUNT, states, &n_cut, &err), &err);
    assert_int_equal(n_cut, n_longer);
    /* Pairs: the tokenizer's row of both, with its token types; too long, the longer text is cut. */
    ASSERT_OK(tn_model_predict_pairs(m, s, reversed, COUNT, p, &n_cut, &err), &err);
    size_t n_over = 0;
    for (int i = 0; i < COUNT; i++) {
        tn_model_row row;
        ASSERT_OK(tn_model_encode_row(m, s[i], reversed[i], 0, a, &row, &err), &err);
        assert_true(row.n <= 30 && row.type_id && row.type_id[0] == 0 && row.type_id[row.n - 1] == 1);
        n_over += row.cut;
        int32_t start[2] = {0, row.n};
        ASSERT_OK(tn_model_logits(m, &(tn_batch){.n_rows = 1, .start = start, .ids = row.ids, .type_id = row.type_id}, one, &err), &err);
        tn_model_scores(m, one, 1);
        assert_memory_equal(one, p + i * TINY_LABELS, sizeof one);
        ASSERT_OK(tn_model_encode_row(m, s[i], reversed[i], 9, a, &row, &err), &err);
        assert_true(row.n <= 9);
    }
    assert_true(n_over > 0 && n_cut == n_over);
    s[1] = TN_STR("w3 \xff");
    ASSERT_FAILS(tn_model_predict(m, s, COUNT, p, NULL, &err), TN_EFORMAT, &err);
    assert_non_null(strstr(err.msg, "text 2"));
    s[1] = s[0];
    ASSERT_OK(tn_model_predict(m, s, 0, p, &n_cut, &err), &err);
    tn_status st;
    FOR_EACH_FAILED_ALLOCATION(st, st = tn_model_predict(m, s, COUNT, p, NULL, &err));
    tn_arena_free(a);
    tn_model_close(m);
    tiny_params broken = params; /* one word of the table is not a number */
    float *good = broken.param[0].data, table[TINY_VOCAB * TINY_WIDTH];
    memcpy(table, good, sizeof table);
    table[40 * TINY_WIDTH] = NAN;
    broken.param[0].data = table;
    tiny_write(&broken, in_root("texts"), tiny_config, NULL);
    m = open_model(e, in_root("texts"), (tn_model_options){0});
    s[0] = TN_STR("w3"), s[1] = TN_STR("w40"), s[2] = TN_STR("w41 w42");
    ASSERT_OK(tn_model_predict(m, s, 1, p, NULL, &err), &err);
    ASSERT_FAILS(tn_model_predict(m, s, 3, p, NULL, &err), TN_EFORMAT, &err);
    assert_non_null(strstr(err.msg, "text 2 are not finite"));
    ASSERT_FAILS(tn_model_embed_texts(m, s, 3, states, NULL, &err), TN_EFORMAT, &err);
    tn_model_close(m);
    tn_engine_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_those_of_transformers),
        cmocka_unit_test(bits_depend_on_no_thread_and_no_instruction_set),
        cmocka_unit_test(a_row_knows_no_other_row),
        cmocka_unit_test(a_steady_step_allocates_nothing),
        cmocka_unit_test(the_gradient_predicts_the_loss),
        cmocka_unit_test(old_and_short_names_are_the_same_model),
        cmocka_unit_test(a_missing_head_is_drawn_and_listed),
        cmocka_unit_test(what_is_saved_is_the_same_model),
        cmocka_unit_test(broken_folders_are_refused),
        cmocka_unit_test(a_checkpoint_in_parts_is_the_same_model),
        cmocka_unit_test(senseless_batches_are_refused),
        cmocka_unit_test(failed_allocations_are_reported),
        cmocka_unit_test(texts_are_their_ids),
        cmocka_unit_test(pooling_is_what_the_folder_says),
    };
    return cmocka_run_group_tests(tests, tiny_set_up, tiny_tear_down);
}
