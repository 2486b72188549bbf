/* A folder in the Hub's form: would a stranger's load work, and is it safe? Files are looked at where they lie, headers
 * only; nothing is loaded. A folder that is the state of a training run (trainer_state.json) is not a finished model and
 * owes nobody a card. */
#include "check/checkers.h"

#include "base/file.h"
#include "check/folder.h"
#include "check/pickle.h"
#include "check/walk.h"
#include "codec/json.h"
#include "codec/safetensors.h"
#include "codec/yaml.h"

#include <ctype.h>
#include <string.h>

enum { MAX_CONFIG = 4 << 20, MAX_WEIGHTS_FILES = 1000 };

typedef struct {
    const tn_check_source *in;
    const tn_repository *repository;
    tn_str folder;
    tn_findings *findings;
    tn_err *err;
    bool is_checkpoint; /* of a training run that goes on */
    bool is_test;       /* lies under tests/: it is what the test wants it to be */
    bool has_weights, has_safetensors;
    const tn_json *config, *adapter;
} model;

static tn_str path_of(const model *m, const char *name)
{
    bool here = tn_str_is(m->in->path, ".");
    return tn_str_format(m->in->arena, "%.*s%s%s", (int)(here ? 0 : m->in->path.len), m->in->path.ptr, here ? "" : "/", name);
}

static tn_status add(const model *m, const char *file, uint32_t line, tn_finding f)
{
    f.path = file ? path_of(m, file) : m->in->path;
    f.line = line;
    f.column = line ? 1 : 0;
    return f.path.ptr && f.message.ptr ? tn_findings_add(m->findings, f, m->err) : tn_fail_nomem(m->err, 64);
}

static bool has(const model *m, const char *name)
{
    return tn_folder_file(m->repository, m->folder, name) != SIZE_MAX;
}

/* The tree of a JSON file of the folder; NULL when it is absent or cannot be read. */
static tn_status read_json(const model *m, const char *name, const tn_json **out)
{
    *out = NULL;
    if (!has(m, name))
        return TN_OK;
    char *path = tn_path_join(m->in->arena, m->in->place, name);
    tn_str text;
    tn_status st = path ? tn_walk_read(path, MAX_CONFIG, m->in->arena, &text, NULL) : TN_ENOMEM;
    if (st == TN_OK && tn_json_parse(text, m->in->arena, out, NULL) == TN_ENOMEM)
        st = TN_ENOMEM;
    return st == TN_ENOMEM ? tn_fail_nomem(m->err, MAX_CONFIG) : TN_OK;
}

/* ---- weights ---- */

/* A pointer of Git LFS, or a few words where weights should be: the weights lie elsewhere, and nothing can be said. */
static bool is_stand_in(tn_bytes b)
{
    if (b.len == 0)
        return true;
    if (b.len > 1024)
        return false;
    for (size_t i = 0; i < b.len; i++)
        if (b.ptr[i] < 0x20 && !isspace(b.ptr[i]))
            return false;
    return true;
}

static tn_status check_safetensors(model *m, const char *name, tn_bytes b)
{
    tn_st st;
    tn_err why = TN_ERR_INIT;
    m->has_safetensors = true;
    tn_status status = tn_st_parse(b, m->in->arena, &st, &why);
    if (status == TN_ENOMEM)
        return tn_fail_nomem(m->err, 64);
    if (status == TN_OK)
        return TN_OK;
    return add(m, name, 0,
               (tn_finding){.rule = "who-downstream", .message = TN_STR("no reader of safetensors will load this file"), .evidence = tn_str_of(why.msg),
                            .remedy = TN_STR("write it again with save_pretrained, or download it again and compare its digest")});
}

static tn_status check_pickle(model *m, const char *name, tn_weights kind, tn_bytes b, bool *told)
{
    tn_pickle p;
    TN_TRY(tn_pickle_scan(b, m->in->arena, &p, m->err));
    if (p.danger.len)
        return add(m, name, 0,
                   (tn_finding){.rule = "govern-provenance", .message = tn_str_format(m->in->arena, "loading this file calls %.*s", TN_ARG(p.danger)),
                                .evidence = tn_str_format(m->in->arena, "the pickle imports %.*s", TN_ARG(p.danger)),
                                .remedy = TN_STR("do not load it; delete it, and take the weights from a source that you trust, as safetensors")});
    if (kind == TN_WEIGHTS_STATE || *told)
        return TN_OK;
    *told = true;
    return add(m, name, 0,
               (tn_finding){.rule = "govern-provenance", .message = TN_STR("these weights are a pickle: loading it runs whatever its author put in"),
                            .evidence = p.is_pickle ? tn_str_format(m->in->arena, "%s, a pickle with %zu imports", name, p.n_imports) : tn_str_of(name),
                            .remedy = m->has_safetensors || has(m, "model.safetensors") ? TN_STR("delete it: model.safetensors beside it holds the weights")
                                                                                        : TN_STR("save as safetensors (save_pretrained), and ship that alone")});
}

static tn_status check_weights(model *m)
{
    bool told = false;
    int n = 0;
    const tn_repository *r = m->repository;
    for (size_t i = 0; (i = tn_folder_next(r, m->folder, i)) < r->n && n < MAX_WEIGHTS_FILES; i++) {
        tn_str name = tn_path_name(r->file[i].name);
        tn_weights kind = tn_weights_of(name);
        if (kind == TN_WEIGHTS_NONE)
            continue;
        tn_file file;
        char *path = tn_path_join(m->in->arena, r->root, r->file[i].name.ptr);
        tn_status st = path ? tn_file_open(path, &file, NULL) : TN_ENOMEM;
        if (st == TN_ENOMEM)
            return tn_fail_nomem(m->err, 64);
        n++;
        m->has_weights = m->has_weights || tn_str_starts(name, "model.") || tn_str_starts(name, "model-") || tn_str_starts(name, "pytorch_model") || tn_str_starts(name, "adapter_model");
        if (st != TN_OK)
            continue;
        if (kind == TN_WEIGHTS_SAFETENSORS)
            st = is_stand_in(file.bytes) || m->is_test ? (m->has_safetensors = true, TN_OK) : check_safetensors(m, name.ptr, file.bytes);
        else
            st = check_pickle(m, name.ptr, kind, file.bytes, &told);
        tn_file_close(&file);
        TN_TRY(st);
    }
    return TN_OK;
}

static tn_status check_shards(const model *m)
{
    static const char *const index[] = {"model.safetensors.index.json", "pytorch_model.bin.index.json"};
    for (size_t i = 0; i < TN_COUNT(index); i++) {
        const tn_json *v;
        TN_TRY(read_json(m, index[i], &v));
        for (const tn_json *t = tn_json_first(tn_json_get(v, "weight_map")); t; t = tn_json_next(t)) {
            tn_str shard = tn_json_str(t);
            if (shard.len == 0 || shard.len > 512 || has(m, shard.ptr))
                continue;
            TN_TRY(add(m, index[i], tn_json_line(t),
                       (tn_finding){.rule = "who-downstream", .message = TN_STR("the index names a shard that is not here"), .evidence = shard,
                                    .remedy = TN_STR("add the shard, or save the model again")}));
            break; /* one missing shard is told once */
        }
    }
    return TN_OK;
}

/* ---- what belongs to a model ---- */

static bool has_tokenizer(const model *m)
{
    static const char *const known[] = {"tokenizer.json", "vocab.txt", "vocab.json", "spiece.model", "tokenizer.model", "sentencepiece.bpe.model", "spm.model", "tokenizer_config.json",
                                        "source.spm", "bpe.codes", "tekken.json", "vocab-src.json"};
    for (size_t i = 0; i < TN_COUNT(known); i++)
        if (has(m, known[i]))
            return true;
    return false;
}

static bool has_processor(const model *m)
{
    return has(m, "preprocessor_config.json") || has(m, "processor_config.json") || has(m, "image_processor_config.json") || has(m, "video_preprocessor_config.json");
}

static bool one_of(tn_str s, const char *const *list)
{
    for (; *list; list++)
        if (tn_str_is(s, *list))
            return true;
    return false;
}

static const char *reads(const model *m)
{
    static const char *const text[] = {"bert",    "roberta", "xlm-roberta", "camembert", "distilbert", "albert", "electra", "deberta",  "deberta-v2", "mpnet",   "modernbert",
                                       "gpt2",    "gpt_neo", "gpt_neox",    "llama",     "mistral",    "mixtral", "qwen2",  "qwen3",    "gemma",      "gemma2",  "phi",
                                       "phi3",    "t5",      "mt5",         "umt5",      "bart",       "mbart",  "pegasus", "marian",   "m2m_100",    "opt",     "bloom",
                                       "falcon",  "xlnet",   "longformer",  "big_bird",  "led",        "nllb",   "funnel",  "squeezebert", "mobilebert", "xlm",  "phobert", NULL};
    static const char *const image[] = {"vit", "deit", "beit", "swin", "swinv2", "convnext", "convnextv2", "resnet", "dinov2", "detr", "yolos", "segformer", "mobilevit", "efficientnet", NULL};
    tn_str type = tn_json_str(tn_json_get(m->config, "model_type"));
    return one_of(type, text) ? "text" : one_of(type, image) ? "images" : NULL;
}

static bool is_part_of_pipeline(const model *m)
{
    tn_str dir = tn_path_dir(m->folder);
    return m->folder.len && (tn_folder_file(m->repository, tn_str_is(dir, ".") ? TN_STR("") : dir, "model_index.json") != SIZE_MAX ||
                             tn_folder_file(m->repository, tn_str_is(dir, ".") ? TN_STR("") : dir, "modules.json") != SIZE_MAX);
}

static tn_status check_companions(const model *m)
{
    const char *what = reads(m);
    if (!m->has_weights || is_part_of_pipeline(m))
        return TN_OK;
    if (!m->config && !m->adapter && !has(m, "config.json") && !has(m, "modules.json") && !has(m, "open_clip_config.json") && !has(m, "model_index.json"))
        return add(m, NULL, 0,
                   (tn_finding){.rule = "who-downstream", .message = TN_STR("weights without a config.json: nobody can tell what network they belong to"), .evidence = TN_STR("no config.json"),
                                .remedy = TN_STR("save with model.save_pretrained(folder), which writes config and weights together")});
    if (what && !m->adapter && !(strcmp(what, "text") == 0 ? has_tokenizer(m) : has_processor(m)))
        TN_TRY(add(m, NULL, 0,
                   (tn_finding){.rule = "who-downstream",
                                .message = tn_str_format(m->in->arena, "a model that reads %s, without its %s", what, strcmp(what, "text") == 0 ? "tokenizer" : "image processor"),
                                .evidence = tn_str_format(m->in->arena, "model_type %.*s", TN_ARG(tn_json_str(tn_json_get(m->config, "model_type")))),
                                .remedy = strcmp(what, "text") == 0 ? TN_STR("tokenizer.save_pretrained(folder) into the same folder")
                                                                    : TN_STR("processor.save_pretrained(folder) into the same folder")}));
    if (!has(m, "README.md") && (m->config || m->adapter))
        TN_TRY(add(m, NULL, 0,
                   (tn_finding){.rule = "who-downstream", .message = TN_STR("a model without a card: nobody knows what it is for, what it was measured on, and on what terms"),
                                .evidence = TN_STR("no README.md"), .remedy = TN_STR("write README.md with the Hub's front matter; `tenet card` makes one from a run")}));
    return TN_OK;
}

static tn_status check_labels(const model *m)
{
    static const char *const heads[] = {"ForSequenceClassification", "ForTokenClassification", "ForImageClassification", "ForAudioClassification", "ForVideoClassification"};
    tn_str architecture = tn_json_str(tn_json_first(tn_json_get(m->config, "architectures")));
    const tn_json *names = tn_json_get(m->config, "id2label");
    bool classifies = false;
    for (size_t i = 0; i < TN_COUNT(heads); i++)
        classifies = classifies || tn_str_ends(architecture, heads[i]);
    if (!classifies || tn_json_len(names) == 1) /* one label: regression */
        return TN_OK;
    bool named = false;
    for (const tn_json *v = tn_json_first(names); v; v = tn_json_next(v))
        named = named || !tn_str_starts(tn_json_str(v), "LABEL_");
    if (named)
        return TN_OK;
    return add(m, "config.json", names ? tn_json_line(names) : tn_json_line(tn_json_get(m->config, "architectures")),
               (tn_finding){.rule = "who-downstream", .message = TN_STR("a classifier whose classes have no names"),
                            .evidence = names ? TN_STR("id2label holds LABEL_0, LABEL_1 ...") : TN_STR("no id2label"),
                            .remedy = TN_STR("set id2label and label2id in the config before saving")});
}

/* ---- where it comes from ---- */

static tn_status check_remote_code(const model *m)
{
    static const char *const files[] = {"config.json", "tokenizer_config.json", "preprocessor_config.json", "processor_config.json"};
    for (size_t i = 0; i < TN_COUNT(files); i++) {
        const tn_json *v;
        TN_TRY(read_json(m, files[i], &v));
        const tn_json *map = tn_json_get(v, "auto_map");
        if (tn_json_len(map) == 0)
            continue;
        TN_TRY(add(m, files[i], tn_json_line(map),
                   (tn_finding){.rule = "govern-provenance", .message = TN_STR("auto_map: loading this model runs code of its repository"),
                                .evidence = tn_str_format(m->in->arena, "auto_map: %.*s", TN_ARG(tn_json_str(tn_json_first(map)))),
                                .remedy = TN_STR("use a class of the library; where that cannot be, read the code, pin the revision, and say so in the card")}));
    }
    return TN_OK;
}

/* "org/name" and nothing that only a path has. */
static bool is_hub_id(tn_str s)
{
    size_t slashes = 0;
    for (size_t i = 0; i < s.len; i++) {
        slashes += s.ptr[i] == '/';
        if (!isalnum((unsigned char)s.ptr[i]) && !strchr("/-_.", s.ptr[i]))
            return false;
    }
    return slashes == 1 && s.ptr[0] != '.' && s.ptr[0] != '/' && s.ptr[s.len - 1] != '/';
}

static tn_status check_lineage(const model *m)
{
    const tn_json *card = NULL;
    tn_front_matter front = {0};
    bool has_card = has(m, "README.md");
    if (has_card) {
        char *path = tn_path_join(m->in->arena, m->in->place, "README.md");
        tn_str text;
        tn_status st = path ? tn_walk_read(path, MAX_CONFIG, m->in->arena, &text, NULL) : TN_ENOMEM;
        if (st == TN_OK)
            st = tn_front_matter_parse(text, m->in->arena, &front, &card, NULL);
        if (st == TN_ENOMEM)
            return tn_fail_nomem(m->err, 64);
        if (st != TN_OK)
            return TN_OK; /* the card's own checks say what is wrong with it */
    }
    if (has_card && !front.present && (m->config || m->adapter) && !has(m, "LICENSE") && !has(m, "LICENSE.md") && !has(m, "LICENSE.txt"))
        TN_TRY(add(m, "README.md", 1,
                   (tn_finding){.rule = "govern-licence", .message = TN_STR("the model names no licence, neither in the card's front matter nor in a LICENSE file"),
                                .evidence = TN_STR("no front matter"), .remedy = TN_STR("look up the base model's licence and write `license:` into the front matter")}));
    if (m->adapter) {
        const tn_json *base = tn_json_get(m->adapter, "base_model_name_or_path");
        tn_str name = tn_json_str(base);
        if (name.len && is_hub_id(name))
            return TN_OK;
        return add(m, "adapter_config.json", tn_json_line(base),
                   (tn_finding){.rule = "govern-provenance", .message = TN_STR("an adapter that does not say which model it is for"),
                                .evidence = name.len ? name : TN_STR("base_model_name_or_path is missing"),
                                .remedy = TN_STR("name the base model by its Hub id in base_model_name_or_path, and its revision")});
    }
    tn_str from = tn_json_str(tn_json_get(m->config, "_name_or_path"));
    if (front.present && is_hub_id(from) && !tn_json_get(card, "base_model") && tn_str_find(front.body, from, 0) == SIZE_MAX)
        return add(m, "README.md", 1,
                   (tn_finding){.rule = "govern-provenance", .message = TN_STR("the model was made from another one, and the card does not say so"),
                                .evidence = tn_str_format(m->in->arena, "config.json: _name_or_path is %.*s", TN_ARG(from)),
                                .remedy = TN_STR("write base_model into the card's front matter")});
    return TN_OK;
}

tn_status tn_check_model(const tn_check_source *in, tn_findings *findings, tn_err *err)
{
    model m = {.in = in, .repository = in->repository, .folder = tn_folder_name(in), .findings = findings, .err = err};
    TN_TRY(read_json(&m, "config.json", &m.config));
    TN_TRY(read_json(&m, "adapter_config.json", &m.adapter));
    if (!tn_json_get(m.config, "model_type") && !tn_json_get(m.config, "architectures"))
        m.config = NULL; /* some other program's config.json */
    tn_str name = tn_path_name(in->path);
    m.is_checkpoint = has(&m, "trainer_state.json") || has(&m, "optimizer.pt") || tn_str_starts(name, "checkpoint");
    m.is_test = tn_str_find(in->path, TN_STR("tests/"), 0) != SIZE_MAX;
    TN_TRY(check_weights(&m));
    TN_TRY(check_shards(&m));
    TN_TRY(check_remote_code(&m));
    /* A snapshot of the Hub's cache may be partial: what is not there proves nothing. */
    if (m.is_checkpoint || m.is_test || tn_str_find(tn_str_of(in->place), TN_STR("/snapshots/"), 0) != SIZE_MAX)
        return TN_OK;
    TN_TRY(check_companions(&m));
    TN_TRY(check_labels(&m));
    return check_lineage(&m);
}
