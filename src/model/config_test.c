/* Promises of config.h. */
#include "model/config.h"

#include "test.h"

static void defaults_are_those_of_the_class(void **state)
{
    tn_err err;
    tn_config c;
    tn_arena *a = tn_arena_new(0);
    ASSERT_OK(tn_config_parse(TN_STR("{\"model_type\":\"bert\",\"pad_token_id\":null}"), a, &c, &err), &err);
    assert_int_equal(c.vocab_size, 30522);
    assert_int_equal(c.hidden_size, 768);
    assert_int_equal(c.n_layers, 12);
    assert_int_equal(c.n_heads, 12);
    assert_int_equal(c.intermediate_size, 3072);
    assert_int_equal(c.max_positions, 512);
    assert_int_equal(c.type_vocab_size, 2);
    assert_int_equal(c.pad_token_id, -1);
    assert_true(c.layer_norm_eps == 1e-12 && c.initializer_range == 0.02);
    assert_true(c.hidden_dropout == 0.1 && c.attention_dropout == 0.1 && c.classifier_dropout == 0.1);
    assert_int_equal(c.activation, TN_ACT_GELU);
    assert_int_equal(c.n_labels, 2);
    ASSERT_STR(c.label[1], "LABEL_1");
    assert_int_equal(tn_config_problem(&c), TN_PROBLEM_SINGLE_LABEL);
    tn_arena_free(a);
}

static void each_field_is_read(void **state)
{
    static const char text[] =
        "{\"model_type\":\"bert\",\"vocab_size\":10,\"hidden_size\":24,\"num_hidden_layers\":3,\"num_attention_heads\":"
        "2,"
        "\"intermediate_size\":7,\"max_position_embeddings\":9,\"type_vocab_size\":1,\"pad_token_id\":4,"
        "\"layer_norm_eps\":1e-5,\"initializer_range\":0.5,\"hidden_dropout_prob\":0.25,"
        "\"attention_probs_dropout_prob\":0,\"classifier_dropout\":0.75,\"hidden_act\":\"gelu_new\","
        "\"problem_type\":\"multi_label_classification\",\"position_embedding_type\":\"absolute\","
        "\"id2label\":{\"1\":\"no\",\"0\":\"yes\",\"2\":\"may be\"}}";
    tn_err err;
    tn_config c;
    tn_arena *a = tn_arena_new(0);
    ASSERT_OK(tn_config_parse(tn_str_of(text), a, &c, &err), &err);
    assert_true(c.vocab_size == 10 && c.hidden_size == 24 && c.n_layers == 3 && c.n_heads == 2);
    assert_true(c.intermediate_size == 7 && c.max_positions == 9 && c.type_vocab_size == 1 && c.pad_token_id == 4);
    assert_true(c.layer_norm_eps == 1e-5 && c.initializer_range == 0.5);
    assert_true(c.hidden_dropout == 0.25 && c.attention_dropout == 0 && c.classifier_dropout == 0.75);
    assert_int_equal(c.activation, TN_ACT_GELU_TANH);
    assert_int_equal(tn_config_problem(&c), TN_PROBLEM_MULTI_LABEL);
    assert_int_equal(c.n_labels, 3);
    ASSERT_STR(c.label[0], "yes");
    ASSERT_STR(c.label[2], "may be");
    tn_arena_free(a);
}

/* What the other families leave out, and their own fields. */
static void families_have_their_own_defaults(void **state)
{
    tn_err err;
    tn_config c;
    tn_arena *a = tn_arena_new(0);
    ASSERT_OK(tn_config_parse(TN_STR("{\"model_type\":\"albert\",\"hidden_size\":768,\"num_attention_heads\":12}"), a,
                              &c, &err), &err);
    assert_true(c.embedding_size == 128 && c.n_groups == 1 && c.n_inner == 1 && c.activation == TN_ACT_GELU_TANH);
    assert_true(c.hidden_dropout == 0 && c.classifier_dropout == 0.1 && c.ffn_dropout == 0);
    ASSERT_OK(tn_config_parse(TN_STR("{\"model_type\":\"mpnet\",\"max_position_embeddings\":514}"), a, &c, &err), &err);
    assert_true(c.first_position == 2 && c.max_positions == 512 && c.n_groups == 12 && c.type_vocab_size == 0);
    ASSERT_OK(tn_config_parse(TN_STR("{\"model_type\":\"deberta-v2\",\"relative_attention\":true,\"position_buckets\":256,"
                                     "\"pos_att_type\":\"p2c|c2p\",\"norm_rel_ebd\":\"layer_norm\",\"share_att_key\":true,"
                                     "\"position_biased_input\":false}"), a, &c, &err), &err);
    assert_true(c.relative.span == 256 && c.relative.longest == 512 && c.relative.norm && c.relative.no_positions);
    assert_true(!c.relative.own_projections && c.layer_norm_eps == 1e-7);
    ASSERT_OK(tn_config_parse(TN_STR("{\"model_type\":\"modernbert\",\"local_rope_theta\":500,\"rope_parameters\":"
                                     "{\"full_attention\":{\"rope_type\":\"default\",\"rope_theta\":7}}}"), a, &c, &err), &err);
    assert_true(c.n_positions == 8192 && c.modern.window == 64 && c.modern.theta_global == 7 && c.modern.theta_local == 500);
    assert_true(!c.modern.is_local[0] && c.modern.is_local[1] && c.modern.is_local[2] && !c.modern.is_local[3]);
    assert_true(!c.modern.attention_bias && !c.modern.pool_mean && c.layer_norm_eps == 1e-5);
    tn_arena_free(a);
}

static void one_label_means_a_number(void **state)
{
    tn_err err;
    tn_config c;
    tn_arena *a = tn_arena_new(0);
    ASSERT_OK(tn_config_parse(TN_STR("{\"model_type\":\"bert\",\"id2label\":{\"0\":\"x\"}}"), a, &c, &err), &err);
    assert_int_equal(tn_config_problem(&c), TN_PROBLEM_REGRESSION);
    tn_arena_free(a);
}

static void the_class_names_the_task(void **state)
{
    static const struct {
        const char *architectures;
        tn_task task;
        const char *written; /* for the task, or for TN_TASK_SPANS where there is none */
        bool labels, problem;
    } row[] = {
        {"[\"BertForSequenceClassification\"]", TN_TASK_SEQUENCE, "BertForSequenceClassification", true, true},
        {"[\"BertForTokenClassification\"]", TN_TASK_TOKENS, "BertForTokenClassification", true, false},
        {"[\"BertForQuestionAnswering\"]", TN_TASK_SPANS, "BertForQuestionAnswering", false, false},
        {"[\"BertForMaskedLM\", \"BertModel\"]", TN_TASK_MASKED, "BertForMaskedLM", false, false},
        {"[\"BertModel\"]", TN_TASK_OF_FOLDER, "BertForQuestionAnswering", false, false},
        {"[\"BertForPreTraining\"]", TN_TASK_OF_FOLDER, "BertForQuestionAnswering", false, false},
        {"[]", TN_TASK_OF_FOLDER, "BertForQuestionAnswering", false, false},
        {"[7]", TN_TASK_OF_FOLDER, "BertForQuestionAnswering", false, false},
        {"\"BertForMaskedLM\"", TN_TASK_OF_FOLDER, "BertForQuestionAnswering", false, false},
        {"null", TN_TASK_OF_FOLDER, "BertForQuestionAnswering", false, false},
    };
    tn_err err;
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_config c;
        tn_arena *a = tn_arena_new(0);
        tn_buf out = TN_BUF_INIT;
        const tn_json *got;
        tn_str text = tn_str_format(a, "{\"model_type\":\"bert\",\"problem_type\":\"regression\",\"id2label\":{\"0\":\"x\"},"
                                       "\"label2id\":{\"x\":0},\"architectures\":%s}", row[i].architectures);
        ASSERT_OK(tn_config_parse(text, a, &c, &err), &err);
        assert_int_equal(c.task, row[i].task);
        c.task = c.task == TN_TASK_OF_FOLDER ? TN_TASK_SPANS : c.task;
        ASSERT_OK(tn_config_write(&c, &out, &err), &err);
        ASSERT_OK(tn_json_parse(tn_buf_view(&out), a, &got, &err), &err);
        ASSERT_STR(tn_json_str(tn_json_first(tn_json_get(got, "architectures"))), row[i].written);
        assert_int_equal(tn_json_get(got, "id2label") && tn_json_get(got, "label2id"), row[i].labels);
        assert_int_equal(tn_json_get(got, "problem_type") != NULL, row[i].problem);
        tn_buf_free(&out);
        tn_arena_free(a);
    }
}

/* Dropout before heads, and decoders, where families differ. */
static void heads_differ_by_family(void **state)
{
    static const struct {
        const char *fields;
        double token, span;
        bool tied, decoder_bias, own_decoder;
    } row[] = {
        {"\"bert\",\"classifier_dropout\":0.3", 0.3, 0, true, true, false},
        {"\"roberta\",\"hidden_dropout_prob\":0.2", 0.2, 0, true, true, false},
        {"\"distilbert\",\"dropout\":0.2,\"qa_dropout\":0.4,\"seq_classif_dropout\":0.5", 0.2, 0.4, true, true, false},
        {"\"distilbert\"", 0.1, 0.1, true, true, false},
        {"\"mpnet\",\"hidden_dropout_prob\":0.2", 0.2, 0, true, true, false},
        {"\"albert\"", 0.1, 0, true, true, false},
        {"\"deberta-v2\",\"cls_dropout\":0.5", 0.1, 0, true, true, false},
        {"\"deberta-v2\",\"legacy\":false,\"tie_word_embeddings\":false", 0.1, 0, true, true, true},
        {"\"modernbert\",\"decoder_bias\":false", 0, 0, true, false, false},
        {"\"bert\",\"tie_word_embeddings\":false,\"decoder_bias\":false", 0.1, 0, false, true, false},
    };
    tn_err err;
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_config c;
        tn_arena *a = tn_arena_new(0);
        ASSERT_OK(tn_config_parse(tn_str_format(a, "{\"model_type\":%s}", row[i].fields), a, &c, &err), &err);
        assert_true(c.token_dropout == row[i].token && c.span_dropout == row[i].span);
        assert_true(c.tied == row[i].tied && c.decoder_bias == row[i].decoder_bias && c.own_decoder == row[i].own_decoder);
        tn_arena_free(a);
    }
}

static void what_cannot_be_loaded_is_refused_by_name(void **state)
{
    static const struct {
        const char *text, *word;
        tn_status status;
    } row[] = {
        {"", "", TN_EFORMAT},
        {"[]", "object", TN_EFORMAT},
        {"{}", "model_type", TN_ENOENT},
        {"{\"model_type\":7}", "model_type", TN_EFORMAT},
        {"{\"model_type\":\"llama\"}", "what can be loaded", TN_EINVALID},
        {"{\"model_type\":\"bert\",\"auto_map\":{\"AutoModel\":\"x.Y\"}}", "auto_map", TN_EINVALID},
        {"{\"model_type\":\"bert\",\"quantization_config\":{}}", "quantised", TN_EINVALID},
        {"{\"model_type\":\"bert\",\"position_embedding_type\":\"relative_key\"}", "position_embedding_type",
         TN_EINVALID},
        {"{\"model_type\":\"bert\",\"is_decoder\":true}", "decoder", TN_EINVALID},
        {"{\"model_type\":\"bert\",\"hidden_act\":\"mish\"}", "activation", TN_EINVALID},
        {"{\"model_type\":\"bert\",\"hidden_size\":770}", "hidden_size", TN_EFORMAT},
        {"{\"model_type\":\"bert\",\"hidden_size\":36}", "hidden_size", TN_EINVALID},
        {"{\"model_type\":\"bert\",\"hidden_size\":0}", "hidden_size", TN_EFORMAT},
        {"{\"model_type\":\"bert\",\"vocab_size\":99999999999}", "vocab_size", TN_EFORMAT},
        {"{\"model_type\":\"bert\",\"num_attention_heads\":1.5}", "num_attention_heads", TN_EFORMAT},
        {"{\"model_type\":\"bert\",\"hidden_dropout_prob\":1}", "hidden_dropout_prob", TN_EFORMAT},
        {"{\"model_type\":\"bert\",\"layer_norm_eps\":\"x\"}", "layer_norm_eps", TN_EFORMAT},
        {"{\"model_type\":\"bert\",\"problem_type\":\"guess\"}", "problem_type", TN_EFORMAT},
        {"{\"model_type\":\"albert\",\"num_hidden_groups\":13}", "num_hidden_groups", TN_EFORMAT},
        {"{\"model_type\":\"mpnet\",\"relative_attention_num_buckets\":64}", "32 buckets", TN_EINVALID},
        {"{\"model_type\":\"deberta-v2\",\"conv_kernel_size\":3}", "convolution", TN_EINVALID},
        {"{\"model_type\":\"deberta-v2\",\"embedding_size\":64}", "as wide as its states", TN_EINVALID},
        {"{\"model_type\":\"deberta-v2\",\"relative_attention\":true}", "pos_att_type", TN_EINVALID},
        {"{\"model_type\":\"deberta-v2\",\"relative_attention\":true,\"pos_att_type\":[\"c2p\"]}", "pos_att_type",
         TN_EINVALID},
        {"{\"model_type\":\"deberta-v2\",\"relative_attention\":3}", "relative_attention", TN_EFORMAT},
        {"{\"model_type\":\"deberta-v2\",\"relative_attention\":true,\"pos_att_type\":\"c2p|p2c\",\"position_buckets\":2}",
         "position_buckets", TN_EINVALID},
        {"{\"model_type\":\"modernbert\",\"layer_types\":[\"full_attention\"]}", "layer_types", TN_EFORMAT},
        {"{\"model_type\":\"modernbert\",\"num_hidden_layers\":1,\"layer_types\":[\"linear\"]}", "attention", TN_EINVALID},
        {"{\"model_type\":\"modernbert\",\"classifier_pooling\":\"max\"}", "classifier_pooling", TN_EFORMAT},
        {"{\"model_type\":\"modernbert\",\"rope_scaling\":{\"type\":\"yarn\"}}", "rotary", TN_EINVALID},
        {"{\"model_type\":\"modernbert\",\"rope_parameters\":{\"full_attention\":{\"rope_type\":\"yarn\"}}}", "rotary",
         TN_EINVALID},
        {"{\"model_type\":\"bert\",\"id2label\":{}}", "id2label", TN_EFORMAT},
        {"{\"model_type\":\"bert\",\"id2label\":{\"0\":\"a\",\"2\":\"b\"}}", "id2label", TN_EFORMAT},
        {"{\"model_type\":\"bert\",\"id2label\":{\"0\":\"a\",\"00\":\"b\"}}", "id2label", TN_EFORMAT},
        {"{\"model_type\":\"bert\",\"id2label\":{\"0\":\"a\",\"1\":\"a\"}}", "\"a\"", TN_EFORMAT},
        {"{\"model_type\":\"bert\",\"id2label\":{\"0\":1}}", "name", TN_EFORMAT},
        {"{\"model_type\":\"bert\",\"id2label\":{\"0\":\"a\\u0000\"}}", "without NUL", TN_EFORMAT},
    };
    tn_arena *a = tn_arena_new(0);
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_err err;
        tn_config c;
        ASSERT_FAILS(tn_config_parse(tn_str_of(row[i].text), a, &c, &err), row[i].status, &err);
        if (!strstr(err.msg, row[i].word) || !strstr(err.msg, "config.json"))
            fail_msg("%s: %s", row[i].text, err.msg);
    }
    tn_arena_free(a);
}

/* Fields that we do not know stay; the head's are ours; what would contradict them goes. */
static void written_is_the_source_with_our_head(void **state)
{
    static const char text[] =
        "{\"_name_or_path\":\"/home/x\",\"architectures\":[\"BertModel\"],\"model_type\":\"bert\",\"hidden_size\":24,\n"
        "\"torch_dtype\":\"float16\",\"num_attention_heads\":2,\"use_cache\":true,\"transformers_version\":\"4.8.2\"}";
    static const char want[] =
        "{\"architectures\":[\"BertForSequenceClassification\"],\"model_type\":\"bert\",\"hidden_size\":24,"
        "\"num_attention_heads\":2,\"use_cache\":true,\"transformers_version\":\"4.8.2\",\"dtype\":\"float32\","
        "\"id2label\":{\"0\":\"x\",\"1\":\"\xc4\x91\"},\"label2id\":{\"x\":0,\"\xc4\x91\":1},"
        "\"problem_type\":\"single_label_classification\"}";
    tn_err err;
    tn_config c, again;
    tn_arena *a = tn_arena_new(0);
    tn_str label[] = {TN_STR("x"), TN_STR("\xc4\x91")};
    ASSERT_OK(tn_config_parse(tn_str_of(text), a, &c, &err), &err);
    c.label = label;
    c.task = TN_TASK_SEQUENCE;
    tn_buf out = TN_BUF_INIT;
    ASSERT_OK(tn_config_write(&c, &out, &err), &err);
    const tn_json *got, *expected;
    ASSERT_OK(tn_json_parse(tn_buf_view(&out), a, &got, &err), &err);
    ASSERT_OK(tn_json_parse(tn_str_of(want), a, &expected, &err), &err);
    if (!tn_json_equal(got, expected))
        fail_msg("got %s", out.ptr);
    ASSERT_OK(tn_config_parse(tn_buf_view(&out), a, &again, &err), &err);
    ASSERT_STR(again.label[1], "\xc4\x91");
    tn_buf_free(&out);
    tn_arena_free(a);
}

static void failed_allocations_are_reported(void **state)
{
    tn_err err;
    tn_config c;
    tn_status st;
    FOR_EACH_FAILED_ALLOCATION(st, {
        tn_arena *a = tn_arena_new(16);
        st =
            a ? tn_config_parse(TN_STR("{\"model_type\":\"bert\",\"id2label\":{\"0\":\"a\",\"1\":\"b\"}}"), a, &c, &err)
              : TN_ENOMEM;
        tn_arena_free(a);
    });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_class),
        cmocka_unit_test(each_field_is_read),
        cmocka_unit_test(families_have_their_own_defaults),
        cmocka_unit_test(one_label_means_a_number),
        cmocka_unit_test(the_class_names_the_task),
        cmocka_unit_test(heads_differ_by_family),
        cmocka_unit_test(what_cannot_be_loaded_is_refused_by_name),
        cmocka_unit_test(written_is_the_source_with_our_head),
        cmocka_unit_test(failed_allocations_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
