/* One pass a text and label; the texts of a call share their batches. Softmax is over two numbers (entailment against
 * contradiction) or over the labels' entailment. */
#include "model/zero_shot.h"

#include "tensor/op.h"

#include <string.h>

static bool begins_with_entail(tn_str name)
{
    static const char want[] = "entail";
    if (name.len < sizeof want - 1)
        return false;
    for (size_t i = 0; i < sizeof want - 1; i++) {
        char c = name.ptr[i];
        if ((c >= 'A' && c <= 'Z' ? (char)(c + 32) : c) != want[i])
            return false;
    }
    return true;
}

int32_t tn_zero_shot_entailment(const tn_config *c)
{
    for (int32_t i = 0; i < c->n_labels; i++)
        if (begins_with_entail(c->label[i]))
            return i;
    return -1;
}

static tn_status fill(tn_str hypothesis, tn_str label, tn_arena *a, tn_str *out, tn_err *err)
{
    size_t at = tn_str_find(hypothesis, TN_STR("{}"), 0);
    if (at == SIZE_MAX)
        return tn_fail(err, TN_EINVALID, "the hypothesis \"%.*s\" has no {} where the label goes", TN_ARG(tn_str_sub(hypothesis, 0, 80)));
    *out = tn_str_format(a, "%.*s%.*s%.*s", TN_ARG(tn_str_sub(hypothesis, 0, at)), TN_ARG(label), TN_ARG(tn_str_sub(hypothesis, at + 2, hypothesis.len)));
    return out->ptr ? TN_OK : tn_fail_nomem(err, hypothesis.len + label.len);
}

/* Logits of one pair; the hypothesis is never cut. */
static tn_status ask(tn_model *m, tn_str text, tn_str hypothesis, tn_arena *a, float *logits, tn_err *err)
{
    tn_encoding e;
    tn_encode_options o = {.max_length = (uint32_t)tn_model_max_tokens(m), .only_first = true};
    TN_TRY(tn_tokenizer_encode_pair(tn_model_tokenizer(m), text, hypothesis, &o, a, &e, err));
    int32_t *ids = TN_ARENA_ARRAY(a, int32_t, e.n), *type = TN_ARENA_ARRAY(a, int32_t, e.n), start[2] = {0, (int32_t)e.n};
    if (!ids || !type)
        return tn_fail_nomem(err, e.n * sizeof *ids);
    for (size_t i = 0; i < e.n; i++) {
        ids[i] = (int32_t)e.ids[i];
        type[i] = e.type_ids[i];
    }
    return tn_model_logits(m, &(tn_batch){.n_rows = 1, .start = start, .ids = ids, .type_id = tn_model_uses_types(m) ? type : NULL}, logits, err);
}

tn_status tn_zero_shot_predict(tn_model *m, const tn_zero_shot *o, const tn_str *text, size_t n_texts, float *score, tn_err *err)
{
    const tn_config *c = tn_model_config(m);
    int32_t entails = tn_zero_shot_entailment(c), other = entails == 0 ? c->n_labels - 1 : 0;
    tn_str hypothesis = o->hypothesis.len ? o->hypothesis : TN_STR(TN_ZERO_SHOT_TEMPLATE);
    if (c->task != TN_TASK_SEQUENCE || entails < 0 || c->n_labels < 2)
        return tn_fail(err, TN_EINVALID, "this model has no label that begins with \"entail\": zero-shot classification needs one of natural language inference");
    if (o->n_labels == 0)
        return tn_fail(err, TN_EINVALID, "zero-shot classification needs labels to choose from");
    bool alone = o->multi_label || o->n_labels == 1;
    tn_arena *a = tn_arena_new(0);
    tn_status st = a ? TN_OK : tn_fail_nomem(err, 65536);
    for (size_t i = 0; st == TN_OK && i < n_texts; i++) {
        float *row = score + i * o->n_labels;
        for (size_t l = 0; st == TN_OK && l < o->n_labels; l++) {
            tn_str asked;
            tn_arena_reset(a);
            float *logits = TN_ARENA_ARRAY(a, float, (size_t)c->n_labels);
            st = logits ? fill(hypothesis, o->label[l], a, &asked, err) : tn_fail_nomem(err, 64);
            if (st == TN_OK)
                st = ask(m, text[i], asked, a, logits, err);
            if (st == TN_OK && alone) {
                float two[2] = {logits[other], logits[entails]};
                tn_op_softmax(tn_model_engine(m), two, 1, 2);
                row[l] = two[1];
            } else if (st == TN_OK) {
                row[l] = logits[entails];
            }
        }
        if (st == TN_OK && !alone)
            tn_op_softmax(tn_model_engine(m), row, 1, (int32_t)o->n_labels);
    }
    tn_arena_free(a);
    return st;
}
