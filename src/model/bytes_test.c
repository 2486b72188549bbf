/* Promises of 8-bit models, on the small random BERT: what a saved folder holds, the same bits whatever the machine does
 * and whoever the batch mates are, near the f32 model, refusals. */
#include "base/map.h"
#include "model/model.h"

#include <math.h>
#include <sys/stat.h>

#include "tiny_folder.h"

static const tn_batch all = {.n_rows = TINY_ROWS, .start = tiny_start, .ids = ids, .type_id = types};

static void logits_of(tn_model *m, const tn_batch *b, float *out)
{
    tn_err err;
    ASSERT_OK(tn_model_logits(m, b, out, &err), &err);
}

static void a_folder_says_what_it_is(void **state)
{
    tn_arena *a = tn_arena_new(0);
    tn_err err;
    tn_bytes bytes;
    tn_st st;
    const tn_json *config;
    ASSERT_OK(tn_file_read(in_root("bytes/config.json"), 1 << 20, a, &bytes, &err), &err);
    ASSERT_OK(tn_json_parse(tn_str_from_bytes(bytes), a, &config, &err), &err);
    const tn_json *q = tn_json_get(config, "quantization_config"), *full = tn_json_first(tn_json_get(q, "ignore"));
    assert_true(tn_json_is_str(tn_json_get(q, "quant_method"), "compressed-tensors"));
    assert_true(tn_json_is_str(full, "bert.pooler.dense") && tn_json_is_str(tn_json_next(full), "classifier"));
    ASSERT_OK(tn_file_read(in_root("bytes/model.safetensors"), 1 << 24, a, &bytes, &err), &err);
    ASSERT_OK(tn_st_parse(bytes, a, &st, &err), &err);
    size_t n_scales = 0;
    for (size_t i = 0; i < st.n; i++) {
        const tn_st_entry *e = &st.entry[i];
        bool in_bytes = e->dtype == TN_ST_I8;
        assert_true(in_bytes == (tn_str_starts(e->name, "bert.encoder") && tn_str_ends(e->name, ".weight") &&
                                 e->rank == 2));
        tn_str scale = tn_str_format(a, "%.*s_scale", TN_ARG(e->name));
        assert_true((tn_st_find(&st, scale) != NULL) == in_bytes);
        n_scales += in_bytes;
    }
    assert_int_equal(n_scales, 6 * TINY_LAYERS);
    assert_int_equal(st.n, params.n + n_scales);
    tn_arena_free(a);
}

static void bits_do_not_depend_on_the_machine(void **state)
{
    static const char *const isa[] = {"ref", "avx2", "avx512"};
    float want[TINY_ROWS * TINY_LABELS], got[TINY_ROWS * TINY_LABELS];
    for (int i = 0; i < 3 * 4; i++) {
        tn_engine *e;
        tn_err err;
        if (tn_engine_new(i % 4 + 1, isa[i / 4], &e, &err) != TN_OK)
            continue;
        tn_model *m = open_model(e, in_root("bytes"), (tn_model_options){0});
        logits_of(m, &all, i == 0 ? want : got);
        for (int again = 0; i > 0 && again < 2; again++) { /* f32 matrices are packed at the second call */
            assert_memory_equal(want, got, sizeof want);
            logits_of(m, &all, got);
        }
        tn_model_close(m);
        tn_engine_free(e);
    }
}

static void batch_mates_do_not_matter(void **state)
{
    float together[TINY_ROWS * TINY_LABELS], alone[TINY_LABELS];
    tn_engine *e = engine(2, NULL);
    tn_model *m = open_model(e, in_root("bytes"), (tn_model_options){0});
    logits_of(m, &all, together);
    for (int32_t b = 0; b < TINY_ROWS; b++) {
        int32_t start[] = {0, tiny_start[b + 1] - tiny_start[b]};
        logits_of(m, &(tn_batch){.n_rows = 1, .start = start, .ids = ids + tiny_start[b], .type_id = types + tiny_start[b]}, alone);
        assert_memory_equal(alone, together + b * TINY_LABELS, sizeof alone);
    }
    tn_model_close(m);
    tn_engine_free(e);
}

static void answers_are_near_those_of_f32(void **state)
{
    float want[TINY_ROWS * TINY_LABELS], got[TINY_ROWS * TINY_LABELS], most = 0;
    tn_engine *e = engine(1, NULL);
    tn_model *f32 = open_model(e, in_root("tiny"), (tn_model_options){0});
    tn_model *m = open_model(e, in_root("bytes"), (tn_model_options){0});
    assert_true(tn_model_config(m)->in_bytes && !tn_model_config(f32)->in_bytes);
    logits_of(f32, &all, want);
    logits_of(m, &all, got);
    for (size_t i = 0; i < TN_COUNT(want); i++)
        most = fabsf(want[i]) > most ? fabsf(want[i]) : most;
    for (size_t i = 0; i < TN_COUNT(want); i++)
        assert_true(fabsf(want[i] - got[i]) < 0.03f * most);
    assert_true(memcmp(want, got, sizeof want) != 0);
    tn_model_close(m);
    tn_model_close(f32);
    tn_engine_free(e);
}

static void a_steady_call_does_not_allocate(void **state)
{
    float out[TINY_ROWS * TINY_LABELS];
    tn_engine *e = engine(2, NULL);
    tn_model *m = open_model(e, in_root("bytes"), (tn_model_options){0});
    for (int i = 0; i < 3; i++)
        logits_of(m, &all, out);
    uint64_t before = tn_mem_count();
    logits_of(m, &all, out);
    assert_true(tn_mem_count() == before);
    tn_model_close(m);
    tn_engine_free(e);
}

/* Copies the 8-bit folder with one text of its configuration changed, or one tensor of its file. */
static void broken(const char *from, const char *to, const char *tensor, tn_st_dtype dtype)
{
    tn_arena *a = tn_arena_new(0);
    tn_err err;
    tn_bytes bytes;
    tn_st st;
    tn_buf text = TN_BUF_INIT;
    ASSERT_OK(tn_file_mkdirs(in_root("broken"), &err), &err);
    ASSERT_OK(tn_file_read(in_root("bytes/config.json"), 1 << 20, a, &bytes, &err), &err);
    const char *whole = tn_str_c(a, tn_str_from_bytes(bytes)), *place = from ? strstr(whole, from) : NULL;
    assert_true(!from || place);
    if (place)
        tn_buf_printf(&text, "%.*s%s%s", (int)(place - whole), whole, to, place + strlen(from));
    else
        tn_buf_c(&text, whole);
    ASSERT_OK(tn_file_write(in_root("broken/config.json"), tn_str_bytes(tn_buf_view(&text)), &err), &err);
    tn_buf_free(&text);
    ASSERT_OK(tn_file_read(in_root("bytes/model.safetensors"), 1 << 24, a, &bytes, &err), &err);
    ASSERT_OK(tn_st_parse(bytes, a, &st, &err), &err);
    tn_st_item *item = TN_ARENA_ARRAY(a, tn_st_item, st.n);
    size_t n = 0;
    for (size_t i = 0; i < st.n; i++) {
        const tn_st_entry *e = &st.entry[i];
        bool hit = tensor && tn_str_is(e->name, tensor);
        if (hit && dtype == TN_ST_N_DTYPES)
            continue; /* left out */
        item[n] = (tn_st_item){.name = e->name, .dtype = e->dtype, .rank = e->rank, .shape = e->shape, .data = e->data};
        if (hit)
            item[n].dtype = dtype;
        n++;
    }
    ASSERT_OK(tn_st_write(in_root("broken/model.safetensors"), item, n, NULL, 0, &err), &err);
    tn_arena_free(a);
}

#define QUERY "bert.encoder.layer.1.attention.self.query.weight"
static const struct {
    const char *what, *from, *to, *tensor;
    tn_st_dtype dtype;
    tn_status status;
    const char *said;
} lies[] = {
    {"no scales", NULL, NULL, QUERY "_scale", TN_ST_N_DTYPES, TN_EFORMAT, "is missing"},
    {"no bytes", NULL, NULL, QUERY, TN_ST_N_DTYPES, TN_EFORMAT, "is missing"},
    {"bytes of another type", NULL, NULL, QUERY, TN_ST_U8, TN_EFORMAT, "is quantised to I8"},
    {"scales of another type", NULL, NULL, QUERY "_scale", TN_ST_I32, TN_EINVALID, "can be loaded"},
    {"another number of bits", "\"num_bits\": 8", "\"num_bits\": 4", NULL, 0, TN_EINVALID, "quantised"},
    {"another method", "compressed-tensors", "gptq", NULL, 0, TN_EINVALID, "quantised"},
    {"another strategy", "\"channel\"", "\"tensor\"", NULL, 0, TN_EINVALID, "quantised"},
    {"the configuration hides it", "quantization_config", "quantization", NULL, 0, TN_EINVALID, "can be loaded"},
};

static void lies_are_refused(void **state)
{
    tn_engine *e = engine(1, NULL);
    for (size_t i = 0; i < TN_COUNT(lies); i++) {
        tn_model *m;
        tn_err err = TN_ERR_INIT;
        broken(lies[i].from, lies[i].to, lies[i].tensor, lies[i].dtype);
        tn_status st = tn_model_open(e, in_root("broken"), &(tn_model_options){0}, &m, &err);
        if (st != lies[i].status || !strstr(err.msg, lies[i].said))
            fail_msg("%s: %d, %s", lies[i].what, st, err.msg);
    }
    tn_engine_free(e);
}

static void training_and_saving_are_refused(void **state)
{
    tn_engine *e = engine(1, NULL);
    tn_err err = TN_ERR_INIT;
    tn_model *m;
    assert_int_equal(tn_model_open(e, in_root("bytes"), &(tn_model_options){.train = true}, &m, &err), TN_EINVALID);
    assert_non_null(strstr(err.msg, "8-bit"));
    m = open_model(e, in_root("bytes"), (tn_model_options){0});
    assert_int_equal(tn_model_save(m, in_root("again"), &err), TN_EINVALID);
    assert_int_equal(tn_model_save_in_bytes(m, in_root("again"), &err), TN_EINVALID);
    tn_model_close(m);
    tn_engine_free(e);
}

static void an_encoder_is_saved_too(void **state)
{
    float want[TINY_ROWS * TINY_WIDTH], got[TINY_ROWS * TINY_WIDTH];
    tn_engine *e = engine(1, NULL);
    tn_err err;
    tn_model *m = open_model(e, in_root("tiny"), (tn_model_options){.encoder_only = true});
    ASSERT_OK(tn_model_save_in_bytes(m, in_root("encoder"), &err), &err);
    tn_model_close(m);
    m = open_model(e, in_root("bytes"), (tn_model_options){.encoder_only = true});
    ASSERT_OK(tn_model_embed(m, &all, want, &err), &err);
    tn_model_close(m);
    m = open_model(e, in_root("encoder"), (tn_model_options){.encoder_only = true});
    ASSERT_OK(tn_model_embed(m, &all, got, &err), &err);
    assert_memory_equal(want, got, sizeof want);
    tn_model_close(m);
    tn_engine_free(e);
}

/* The n-th allocation fails, for each n: a sentence, and no leak. */
static void opening_survives_out_of_memory(void **state)
{
    tn_engine *e = engine(1, NULL);
    tn_status st = TN_ENOMEM;
    for (long n = 1; n < 4000 && st != TN_OK; n++) {
        tn_err err = TN_ERR_INIT;
        tn_model *m;
        tn_mem_fail_at(n);
        st = tn_model_open(e, in_root("bytes"), &(tn_model_options){0}, &m, &err);
        tn_mem_fail_at(0);
        if (st == TN_OK)
            tn_model_close(m);
        else
            assert_int_equal(st, TN_ENOMEM);
    }
    assert_int_equal(st, TN_OK);
    tn_engine_free(e);
}

static int set_up(void **state)
{
    if (tiny_set_up(state) != 0)
        return -1;
    tn_engine *e = engine(1, NULL);
    tn_err err;
    tn_model *m = open_model(e, in_root("tiny"), (tn_model_options){0});
    ASSERT_OK(tn_model_save_in_bytes(m, in_root("bytes"), &err), &err);
    tn_model_close(m);
    tn_engine_free(e);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_says_what_it_is),
        cmocka_unit_test(bits_do_not_depend_on_the_machine),
        cmocka_unit_test(batch_mates_do_not_matter),
        cmocka_unit_test(answers_are_near_those_of_f32),
        cmocka_unit_test(a_steady_call_does_not_allocate),
        cmocka_unit_test(lies_are_refused),
        cmocka_unit_test(training_and_saving_are_refused),
        cmocka_unit_test(an_encoder_is_saved_too),
        cmocka_unit_test(opening_survives_out_of_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tiny_tear_down);
}
