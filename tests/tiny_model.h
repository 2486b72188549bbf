#ifndef TN_TESTS_TINY_MODEL_H
#define TN_TESTS_TINY_MODEL_H
/// A small BERT classifier in a folder, with weights that tools/mk_bert_golden.py draws too: 2 layers, 64 wide, 4
/// heads, feed-forward 112, vocabulary 97, 40 positions, 3 labels. No tokenizer: a model of ids.

#include "base/file.h"
#include "base/rng.h"
#include "codec/safetensors.h"
#include "test.h"

enum { TINY_LAYERS = 2, TINY_WIDTH = 64, TINY_INNER = 112, TINY_VOCAB = 97, TINY_POSITIONS = 40, TINY_LABELS = 3 };
enum { TINY_MAX_PARAMS = 64 };

typedef struct {
    char name[96];
    uint32_t rank;
    uint64_t shape[2];
    float *data;
    size_t size;
} tiny_param;

typedef struct {
    tiny_param param[TINY_MAX_PARAMS];
    size_t n;
} tiny_params;

static const char tiny_config[] =
    "{\"architectures\": [\"BertForSequenceClassification\"], \"model_type\": \"bert\", \"vocab_size\": 97, "
    "\"hidden_size\": 64,\n"
    " \"num_hidden_layers\": 2, \"num_attention_heads\": 4, \"intermediate_size\": 112, \"max_position_embeddings\": "
    "40,\n"
    " \"id2label\": {\"0\": \"a\", \"1\": \"b\", \"2\": \"c\"}, \"transformers_version\": \"5.23.0\"}\n";

static inline void tiny_draw(tiny_param *p, uint32_t number)
{
    bool is_weight = tn_str_ends(tn_str_of(p->name), "weight");
    double scale = is_weight ? 0.5 : 0.2, one = tn_str_ends(tn_str_of(p->name), "LayerNorm.weight") ? 1 : 0;
    for (size_t i = 0; i < p->size; i++) {
        uint32_t counter[4] = {(uint32_t)(i / 4), 0, number, 0}, key[2] = {7, 0}, word[4];
        tn_philox(counter, key, word);
        p->data[i] = (float)((word[i % 4] / 4294967296.0 - 0.5) * scale + one);
    }
}

static inline void tiny_add(tiny_params *t, uint64_t o, uint64_t i, const char *fmt, int layer)
{
    tiny_param *p = &t->param[t->n];
    snprintf(p->name, sizeof p->name, fmt, layer);
    p->rank = i ? 2 : 1;
    p->shape[0] = o;
    p->shape[1] = i;
    p->size = (size_t)(o * (i ? i : 1));
    p->data = malloc(p->size * sizeof(float));
    tiny_draw(p, (uint32_t)t->n++);
}

static inline void tiny_params_make(tiny_params *t)
{
    enum { C = TINY_WIDTH, I = TINY_INNER };
    t->n = 0;
    tiny_add(t, TINY_VOCAB, C, "bert.embeddings.word_embeddings.weight", 0);
    tiny_add(t, TINY_POSITIONS, C, "bert.embeddings.position_embeddings.weight", 0);
    tiny_add(t, 2, C, "bert.embeddings.token_type_embeddings.weight", 0);
    tiny_add(t, C, 0, "bert.embeddings.LayerNorm.weight", 0);
    tiny_add(t, C, 0, "bert.embeddings.LayerNorm.bias", 0);
    for (int l = 0; l < TINY_LAYERS; l++) {
        const struct {
            const char *weight, *bias;
            uint64_t o, i;
        } part[] = {
            {"bert.encoder.layer.%d.attention.self.query.weight", "bert.encoder.layer.%d.attention.self.query.bias", C,
             C},
            {"bert.encoder.layer.%d.attention.self.key.weight", "bert.encoder.layer.%d.attention.self.key.bias", C, C},
            {"bert.encoder.layer.%d.attention.self.value.weight", "bert.encoder.layer.%d.attention.self.value.bias", C,
             C},
            {"bert.encoder.layer.%d.attention.output.dense.weight", "bert.encoder.layer.%d.attention.output.dense.bias",
             C, C},
            {"bert.encoder.layer.%d.attention.output.LayerNorm.weight",
             "bert.encoder.layer.%d.attention.output.LayerNorm.bias", C, 0},
            {"bert.encoder.layer.%d.intermediate.dense.weight", "bert.encoder.layer.%d.intermediate.dense.bias", I, C},
            {"bert.encoder.layer.%d.output.dense.weight", "bert.encoder.layer.%d.output.dense.bias", C, I},
            {"bert.encoder.layer.%d.output.LayerNorm.weight", "bert.encoder.layer.%d.output.LayerNorm.bias", C, 0},
        };
        for (size_t i = 0; i < TN_COUNT(part); i++) {
            tiny_add(t, part[i].o, part[i].i, part[i].weight, l);
            tiny_add(t, part[i].o, 0, part[i].bias, l);
        }
    }
    tiny_add(t, C, C, "bert.pooler.dense.weight", 0);
    tiny_add(t, C, 0, "bert.pooler.dense.bias", 0);
    tiny_add(t, TINY_LABELS, C, "classifier.weight", 0);
    tiny_add(t, TINY_LABELS, 0, "classifier.bias", 0);
}

static inline void tiny_params_free(tiny_params *t)
{
    for (size_t i = 0; i < t->n; i++)
        free(t->param[i].data);
}

/// Writes config.json and model.safetensors into `dir`, which is made. `skip` leaves out names with that prefix (or
/// NULL).
static inline void tiny_write(const tiny_params *t, const char *dir, const char *config, const char *skip)
{
    tn_err err;
    char path[512];
    tn_st_item item[TINY_MAX_PARAMS];
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++)
        if (!skip || !tn_str_starts(tn_str_of(t->param[i].name), skip))
            item[n++] = (tn_st_item){.name = tn_str_of(t->param[i].name),
                                     .dtype = TN_ST_F32,
                                     .rank = t->param[i].rank,
                                     .shape = t->param[i].shape,
                                     .data = {(const uint8_t *)t->param[i].data, t->param[i].size * sizeof(float)}};
    ASSERT_OK(tn_file_mkdirs(dir, &err), &err);
    snprintf(path, sizeof path, "%s/config.json", dir);
    ASSERT_OK(tn_file_write(path, tn_str_bytes(tn_str_of(config)), &err), &err);
    snprintf(path, sizeof path, "%s/model.safetensors", dir);
    ASSERT_OK(tn_st_write(path, item, n, &(tn_st_meta){"format", "pt"}, 1, &err), &err);
}

/// The batch of the golden: rows of 7, 1, 33, 12, 2, 17 and 40 tokens.
enum { TINY_ROWS = 7, TINY_TOKENS = 112 };
static const int32_t tiny_start[TINY_ROWS + 1] = {0, 7, 8, 41, 53, 55, 72, 112};
static const int32_t tiny_label[TINY_ROWS] = {2, 0, 1, 1, 2, 0, 0};

static inline void tiny_batch(int32_t ids[TINY_TOKENS], int32_t types[TINY_TOKENS])
{
    for (int32_t b = 0; b < TINY_ROWS; b++)
        for (int32_t i = tiny_start[b]; i < tiny_start[b + 1]; i++) {
            ids[i] = (i * i * 31 + i * 7 + 3) % TINY_VOCAB;
            types[i] = i - tiny_start[b] > (tiny_start[b + 1] - tiny_start[b]) / 2;
        }
}

#endif
