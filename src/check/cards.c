/* Model cards and data cards: front matter by the Hub's rules, offline; sections that are there and say something; numbers
 * against the records of the run that the card lies in.
 *
 * What a card lacks is told only of a whole card (a body of some length, with sections): a stub of two lines is what it
 * is. A section counts as there when a heading names it, in any of the words that people use. */
#include "check/answer.h"
#include "check/checkers.h"
#include "check/repository.h"

#include "base/file.h"
#include "flow/verify.h"
#include "govern/licence.h"
#include "rules/catalog.h"
#include "rules/rules.h"

#include <string.h>
#include <strings.h>

typedef struct {
    bool data; /* a data card */
    const tn_json *yaml;
    bool whole;
    size_t n_words, n_headings;
} card;

/* ---- places and headings ---- */

static tn_md_range at_line(const tn_prose *p, uint32_t line)
{
    size_t at = line > 0 && line <= p->md->n_lines ? p->md->line_start[line - 1] : 0;
    return (tn_md_range){at, at};
}

static tn_md_range at_json(const tn_prose *p, const tn_json *v)
{
    tn_md_range r = at_line(p, tn_json_line(v));
    r.from += tn_json_column(v) ? tn_json_column(v) - 1 : 0;
    r.to = r.from;
    return r;
}

/* A finding about a value of the front matter. */
static tn_status say_value(tn_prose *p, const tn_json *v, const char *remedy, const char *message)
{
    return tn_prose_say_with(p, at_json(p, v), tn_json_text(v), remedy, "%s", message);
}

static tn_md_range start_of(const tn_prose *p)
{
    return p->md->n_blocks ? tn_md_block_range(p->md, 0) : (tn_md_range){0, 0};
}

/* First heading at or behind block `from` that holds one of the phrases; SIZE_MAX. */
static size_t heading_with(const tn_md *m, const char *phrases, size_t from)
{
    for (size_t i = from; i < m->n_blocks; i++)
        if (m->block[i].kind == TN_MD_HEADING && tn_md_has(m, tn_md_block_range(m, i), phrases))
            return i;
    return SIZE_MAX;
}

static const char placeholder_words[] = "more information needed|information needed|more info needed|to be added|to be completed|to be updated|to be filled|coming soon|fill in later|fill this in|work in progress";

/* Words of a section without its headings and placeholders; tables, fences and links count as ten. */
static size_t content_words(const tn_md *m, size_t heading)
{
    size_t n = 0;
    for (size_t i = heading + 1; i < tn_md_section_end(m, heading); i++) {
        tn_md_range r = tn_md_block_range(m, i), found;
        if (m->block[i].kind == TN_MD_TABLE || m->block[i].kind == TN_MD_FENCE || m->block[i].kind == TN_MD_CODE)
            n += 10;
        else if (m->block[i].kind != TN_MD_HEADING || m->block[i].level >= TN_MD_BOLD)
            n += tn_md_count_words(m, r);
        for (tn_md_range in = r; tn_md_find(m, in, placeholder_words, &found); in.from = found.to) {
            size_t words = tn_md_count_words(m, found);
            n -= n < words ? n : words;
        }
    }
    return n;
}

/* ---- front matter ---- */

static bool starts_with_fence(tn_str text)
{
    tn_str body = tn_str_starts(text, "\xEF\xBB\xBF") ? tn_str_sub(text, 3, text.len) : text;
    return tn_str_starts(body, "---\n") || tn_str_starts(body, "---\r\n");
}

static tn_status front_matter(tn_prose *p, void *facts)
{
    const card *c = facts;
    if (p->md->front_problem && starts_with_fence(p->source->text))
        return tn_prose_say_with(p, at_line(p, 1), tn_str_of(p->md->front_problem), "write the metadata as YAML between two lines ---", "the front matter cannot be read");
    if (p->md->front.present && !p->md->front_problem && tn_json_type(c->yaml) != TN_JSON_OBJECT && tn_json_type(c->yaml) != TN_JSON_NULL && tn_json_type(c->yaml) != TN_JSON_NONE)
        return tn_prose_say_with(p, at_line(p, 1), tn_str_of(tn_json_type_name(tn_json_type(c->yaml))), "write `key: value` lines between the two lines ---", "the front matter is no mapping");
    return TN_OK;
}

static bool is_slug(tn_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!((s.ptr[i] >= 'a' && s.ptr[i] <= 'z') || (s.ptr[i] >= '0' && s.ptr[i] <= '9') || s.ptr[i] == '-' || s.ptr[i] == '_' || s.ptr[i] == '.' || s.ptr[i] == '+'))
            return false;
    return s.len > 0;
}

/* A Hub id: one part, or two around a slash. */
static bool is_hub_id(tn_str s)
{
    size_t slashes = 0;
    if (s.len == 0 || s.len > 193 || s.ptr[0] == '.' || s.ptr[0] == '/' || s.ptr[s.len - 1] == '/' || s.ptr[s.len - 1] == '.')
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char x = s.ptr[i];
        slashes += x == '/';
        if (!((x >= 'a' && x <= 'z') || (x >= 'A' && x <= 'Z') || (x >= '0' && x <= '9') || x == '-' || x == '_' || x == '.' || x == '/'))
            return false;
    }
    return slashes <= 1;
}

/* Calls `look` for the value, or for each of its elements when it is a list. */
static tn_status each(tn_prose *p, const tn_json *v, tn_status (*look)(tn_prose *p, const tn_json *v))
{
    if (tn_json_type(v) != TN_JSON_ARRAY)
        return v ? look(p, v) : TN_OK;
    for (const tn_json *e = tn_json_first(v); e; e = tn_json_next(e))
        TN_TRY(look(p, e));
    return TN_OK;
}

static tn_status task_tag(tn_prose *p, const tn_json *v)
{
    tn_catalog_row row;
    /* Data cards may name tasks that no longer have a page of their own. */
    static const char *const old[] = {"text2text-generation", "conversational", "text-scoring", "structured-data-classification", "speech-processing", "sequence-modeling", "conditional-text-generation", NULL};
    tn_str tag = tn_json_text(v);
    if (tag.len == 0 || tn_catalog_find("tasks", "tag", tag, &row))
        return tn_str_eq(tag, tn_catalog_get(&row, "tag")) || tag.len == 0 ? TN_OK : say_value(p, v, "write it in lower case, as the Hub does", "the tag is written in another way on the Hub");
    for (const char *const *o = old; *o && tn_json_type(v) == TN_JSON_STRING; o++)
        if (tn_str_is(tag, *o))
            return TN_OK;
    return say_value(p, v, "use a pipeline tag of the Hub, for example text-classification, token-classification, text-generation, sentence-similarity", "no pipeline tag of the Hub");
}

static tn_status language_code(tn_prose *p, const tn_json *v)
{
    static const char *const special[] = {"multilingual", "code", "und", "mul", "zxx", "other", NULL};
    tn_str s = tn_json_text(v);
    tn_catalog_row row;
    size_t dash = tn_str_find(s, TN_STR("-"), 0);
    tn_str main = tn_str_sub(s, 0, dash == SIZE_MAX ? s.len : dash);
    for (const char *const *x = special; *x; x++)
        if (tn_str_is(s, *x))
            return TN_OK;
    if (tn_json_type(v) == TN_JSON_BOOL)
        return say_value(p, v, "write \"no\" in quotes", "a language is read as true or false");
    if (main.len < 2 || main.len > 3) {
        const char *remedy = tn_catalog_find("languages", "english_name", s, &row) && tn_catalog_get(&row, "iso639_1").len
                                 ? tn_str_format(p->arena, "write %.*s", TN_ARG(tn_catalog_get(&row, "iso639_1"))).ptr
                                 : "write an ISO 639 code: en, vi, multilingual";
        /* "zh_CN" and their like are seen; what is longer than a code is a name. */
        return memchr(s.ptr, '_', s.len) || s.len == 0 || !remedy ? TN_OK : say_value(p, v, remedy, "no language code");
    }
    if (main.len == 2 && !tn_catalog_find("languages", "iso639_1", main, &row))
        return say_value(p, v, "write an ISO 639 code: en, vi, multilingual", "no language code");
    return TN_OK;
}

static tn_status library(tn_prose *p, const tn_json *v)
{
    static const char *const wrong[] = {"huggingface", "hugging-face", "hf", "python", "pip", "ai", "nlp", "ml", "model", "bert", "none", "transformer", "sentence-transformer", "diffuser", NULL};
    tn_str s = tn_json_text(v);
    bool bad = !is_slug(s) || tn_str_find(s, TN_STR("hugging"), 0) != SIZE_MAX || tn_str_starts(s, "hf-") || tn_str_starts(s, "hf_");
    for (const char *const *w = wrong; *w; w++)
        bad = bad || tn_str_is(s, *w);
    return bad && s.len ? say_value(p, v, "write the library's id: transformers, sentence-transformers, peft, diffusers, timm, sklearn, spacy ...", "no library name of the Hub") : TN_OK;
}

static tn_status size_category(tn_prose *p, const tn_json *v)
{
    static const char *const known[] = {"n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "100M<n<1B", "1B<n<10B", "10B<n<100B", "100B<n<1T", "n>1T", "unknown", "other", NULL};
    for (const char *const *k = known; *k; k++)
        if (tn_json_is_str(v, *k))
            return TN_OK;
    return tn_json_text(v).len ? say_value(p, v, "write one of n<1K, 1K<n<10K, 10K<n<100K, 100K<n<1M, 1M<n<10M ...", "no size category of the Hub") : TN_OK;
}

static tn_status dataset_id(tn_prose *p, const tn_json *v)
{
    tn_str s = tn_json_text(v);
    return tn_json_type(v) == TN_JSON_STRING && s.len && !is_hub_id(s) && !tn_str_starts(s, "http")
               ? say_value(p, v, "write the data set's Hub id (house/name), or describe private data in the text and leave the key out", "no data set id of the Hub")
               : TN_OK;
}

static tn_status terms(tn_prose *p, void *facts)
{
    const card *c = facts;
    TN_TRY(each(p, tn_json_get(c->yaml, "pipeline_tag"), task_tag));
    TN_TRY(each(p, tn_json_get(c->yaml, "language"), language_code));
    TN_TRY(each(p, tn_json_get(c->yaml, "library_name"), library));
    TN_TRY(each(p, tn_json_get(c->yaml, "size_categories"), size_category));
    TN_TRY(each(p, tn_json_get(c->yaml, "task_categories"), task_tag));
    TN_TRY(each(p, tn_json_get(c->yaml, "datasets"), dataset_id));
    const tn_json *relation = tn_json_get(c->yaml, "base_model_relation");
    static const char *const relations[] = {"adapter", "merge", "quantized", "finetune"};
    bool known = !relation;
    for (size_t i = 0; i < TN_COUNT(relations); i++)
        known = known || tn_json_is_str(relation, relations[i]);
    if (!known)
        TN_TRY(say_value(p, relation, "write adapter, merge, quantized or finetune", "no relation that the Hub knows"));
    if (tn_json_type(tn_json_get(c->yaml, "tags")) == TN_JSON_OBJECT)
        TN_TRY(say_value(p, tn_json_get(c->yaml, "tags"), "write a list, one `- tag` a line", "tags are no list"));
    return TN_OK;
}

static bool names_a_task(const tn_prose *p, const card *c)
{
    tn_catalog_row row;
    for (const tn_json *t = tn_json_first(tn_json_get(c->yaml, "tags")); t; t = tn_json_next(t))
        if (tn_catalog_find("tasks", "tag", tn_json_text(t), &row))
            return true;
    return tn_json_get(c->yaml, "model-index") ||
           tn_md_has(p->md, p->body,
                     "classif*|translat*|summari*|generat*|question answering|named entity|ner|token classification|sentiment|embedding*|sentence similarity|similarity|retrieval|rerank*|speech|transcri*|asr|tts|caption*|detection|"
                     "segmentation|text to image|image to text|fill mask|masked language|language model*|llm|chat|instruct|recogni*|regression|forecast*|depth|pipeline|diffusion|adapter|lora|reinforcement|encoder|vision|multimodal|"
                     "tagging|parsing|completion|coding|assistant|ocr|vqa|reasoning|moderation|extraction|predict*|task|agent|recommend*|ranking|super resolution|style transfer|merge|finetune|fine tuned");
}

/* One of the Hub's tags in the prose, in its own words, or among the metadata's tags. */
static bool tags_a_task(const tn_prose *p, const card *c)
{
    tn_catalog_row row;
    for (const tn_json *t = tn_json_first(tn_json_get(c->yaml, "tags")); t; t = tn_json_next(t))
        if (tn_catalog_find("tasks", "tag", tn_json_text(t), &row))
            return true;
    return tn_json_get(c->yaml, "model-index") || tn_md_has(p->md, p->body, "classification|question answering|named entity recognition|ner|translation|translate*|summarization|summarisation|text generation|generat*|similarity|embedding*|retrieval|rerank*|speech recognition|asr|"
                                                                            "text to speech|tts|captioning|detection|segmentation|text to image|image to text|fill mask|masked language|language model*|llm|chat|instruct*|forecasting|diffusion|adapter|lora|encoder|merge*|quantiz*|gguf");
}

static tn_status task(tn_prose *p, void *facts)
{
    const card *c = facts;
    /* A whole card for transformers that was tuned from a base: there the tag decides what pipeline() does. */
    if (c->yaml && c->whole && !tn_json_get(c->yaml, "pipeline_tag") && tn_json_is_str(tn_json_get(c->yaml, "library_name"), "transformers") && tn_json_get(c->yaml, "base_model") && !tags_a_task(p, c))
        return tn_prose_say_with(p, at_line(p, 1), TN_STR(""), "add pipeline_tag, and say what goes in and what comes out", "the metadata hold no pipeline tag, and the text no task of the Hub");
    if (!c->yaml || tn_json_get(c->yaml, "pipeline_tag") || names_a_task(p, c))
        return TN_OK;
    return tn_prose_say_with(p, at_line(p, 1), TN_STR(""), "add pipeline_tag, and say what goes in and what comes out", "neither a pipeline tag nor the text says what the task is");
}

/* ---- licence ---- */

static tn_status one_licence(tn_prose *p, const tn_json *v, const card *c)
{
    tn_str s = tn_json_text(v), id;
    static const char *const nothing[] = {"unknown", "none", "null", "tbd", "todo", "n/a", "na", ""};
    for (size_t i = 0; i < TN_COUNT(nothing); i++)
        if (s.len == strlen(nothing[i]) && strncasecmp(s.ptr, nothing[i], s.len) == 0)
            return say_value(p, v, "find out and state the licence; without one nobody may use it", "no licence is named");
    if (tn_str_is(s, "other")) {
        if (tn_json_get(c->yaml, "license_name") || tn_json_get(c->yaml, "license_link") || tn_json_get(c->yaml, "license_details") ||
            tn_md_has(p->md, p->body, "licence|license|licensed|terms of use"))
            return TN_OK;
        return say_value(p, v, "add license_name and license_link", "the licence is \"other\", and nothing says which");
    }
    /* Families that the Hub lists, and the catalogue does not judge. */
    static const char *const families[] = {"bsd", "cc"};
    for (size_t i = 0; i < TN_COUNT(families); i++)
        if (tn_str_is(s, families[i]))
            return TN_OK;
    id = tn_licence_normalise(s);
    if (id.len == 0)
        return say_value(p, v, "write an id of the Hub (apache-2.0, mit, cc-by-4.0 ...), or other with license_name and license_link", "no licence id of the Hub");
    if (!tn_str_eq(id, s)) {
        const char *remedy = tn_str_format(p->arena, "write %.*s", TN_ARG(id)).ptr;
        return remedy ? say_value(p, v, remedy, "the licence is written in another way on the Hub") : tn_fail_nomem(p->err, id.len);
    }
    if (p->source->rules && !tn_rules_licence_is_allowed(p->source->rules, id))
        return say_value(p, v, "choose another model or data set, or add the licence to tenet.yaml with a reason", "tenet.yaml does not allow this licence");
    return TN_OK;
}

static tn_status licence(tn_prose *p, void *facts)
{
    const card *c = facts;
    const tn_json *v = tn_json_get(c->yaml, "license");
    if (p->md->front_problem)
        return TN_OK;
    if (!v) {
        /* A card without front matter may state it in its text. */
        if (tn_md_has(p->md, p->body, c->yaml ? "license|licence|licensed|licenced|licenses|licences|released under|distributed under|available under|public domain" : "license|licence|licensed|licenced|licenses|licences|cc by|apache 2.0|public domain|cc0") || heading_with(p->md, "licen*", 0) != SIZE_MAX || tn_json_get(c->yaml, "licenses") ||
            (!c->yaml && (c->n_words < 40 || (p->source->repository && p->source->repository->has_licence))))
            return TN_OK;
        return tn_prose_say_with(p, at_line(p, 1), TN_STR(""), "add `license:` with an id of the Hub, after looking it up", "no licence is named");
    }
    if (tn_json_type(v) == TN_JSON_ARRAY && !c->data && tn_json_len(v) > 1)
        return say_value(p, v, "a model has one licence; write the strictest, or other with license_name and license_link", "several licences for one model");
    if (tn_json_type(v) != TN_JSON_ARRAY)
        return one_licence(p, v, c);
    for (const tn_json *e = tn_json_first(v); e; e = tn_json_next(e))
        TN_TRY(one_licence(p, e, c));
    return TN_OK;
}

/* The licence of a base model: from the catalogue, or by its maker's name where all of a series share one. */
static tn_str base_licence(tn_str id)
{
    static const struct {
        const char *prefix, *licence;
    } series[] = {{"meta-llama/Llama-2", "llama2"}, {"meta-llama/Meta-Llama-3-", "llama3"}, {"meta-llama/Meta-Llama-3.1", "llama3.1"}, {"meta-llama/Llama-3.1", "llama3.1"}, {"meta-llama/Llama-3.2", "llama3.2"},
                  {"meta-llama/Llama-3.3", "llama3.3"}, {"meta-llama/Llama-4", "llama4"}, {"google/gemma-2", "gemma"}, {"google/gemma-3", "gemma"}, {"google/gemma-7b", "gemma"}, {"google/gemma-2b", "gemma"},
                  {"CohereForAI/aya-", "cc-by-nc-4.0"}, {"CohereLabs/aya-", "cc-by-nc-4.0"}, {"CohereForAI/c4ai-command-r", "cc-by-nc-4.0"}, {"CohereLabs/c4ai-command-r", "cc-by-nc-4.0"}, {"facebook/mms-1b", "cc-by-nc-4.0"},
                  {"facebook/nllb-200", "cc-by-nc-4.0"}, {"facebook/seamless-m4t", "cc-by-nc-4.0"}, {"facebook/musicgen", "cc-by-nc-4.0"}};
    tn_catalog_row row;
    if (tn_catalog_find("models", "id", id, &row) && tn_catalog_get(&row, "licence").len)
        return tn_catalog_get(&row, "licence");
    for (size_t i = 0; i < TN_COUNT(series); i++)
        if (tn_str_starts(id, series[i].prefix))
            return tn_str_of(series[i].licence);
    return (tn_str){NULL, 0};
}

static tn_str licence_class(tn_str id)
{
    tn_catalog_row row;
    return id.len && tn_catalog_find("licences", "id", id, &row) ? tn_catalog_get(&row, "class") : TN_STR("");
}

static bool is_commercial(tn_str id)
{
    tn_catalog_row row;
    return id.len && tn_catalog_find("licences", "id", id, &row) && tn_str_is(tn_catalog_get(&row, "commercial"), "y");
}

static tn_status against_base(tn_prose *p, const tn_json *base, const tn_json *stated_at, tn_str stated)
{
    tn_str own = licence_class(stated), licence = tn_licence_normalise(base_licence(tn_json_text(base))), class = licence_class(licence);
    bool free = tn_str_is(own, "permissive") || tn_str_is(own, "attribution");
    const char *why = NULL;
    if (tn_str_eq(licence, stated) || class.len == 0)
        return TN_OK;
    if (tn_str_is(class, "non-commercial") && is_commercial(stated))
        why = "forbids commercial use";
    else if (free && (tn_str_is(class, "vendor") || tn_str_is(class, "use-restricted")))
        why = "has terms that must be passed on";
    else if (free && (tn_str_is(class, "copyleft") || tn_str_is(class, "network-copyleft") || tn_str_is(class, "share-alike")))
        why = "asks for the same licence";
    else if (tn_str_is(class, "no-derivatives"))
        why = "allows no sharing of changed versions";
    if (!why)
        return TN_OK;
    return tn_prose_say_with(p, at_json(p, stated_at), tn_str_format(p->arena, "license: %.*s; base model %.*s: %.*s", TN_ARG(stated), TN_ARG(tn_json_text(base)), TN_ARG(licence)),
                             tn_str_format(p->arena, "state %.*s and pass its conditions on, or start from another base", TN_ARG(licence)).ptr, "the base model's licence %s", why);
}

static tn_status compatible(tn_prose *p, void *facts)
{
    const card *c = facts;
    const tn_json *v = tn_json_get(c->yaml, "license"), *base = tn_json_get(c->yaml, "base_model"), *data = tn_json_get(c->yaml, "datasets");
    tn_str stated = tn_licence_normalise(tn_json_text(v));
    if (tn_json_type(v) != TN_JSON_STRING || stated.len == 0)
        return TN_OK;
    if (tn_json_type(base) == TN_JSON_STRING)
        TN_TRY(against_base(p, base, v, stated));
    for (const tn_json *b = tn_json_type(base) == TN_JSON_ARRAY ? tn_json_first(base) : NULL; b; b = tn_json_next(b))
        TN_TRY(against_base(p, b, v, stated));
    if (!is_commercial(stated))
        return TN_OK;
    for (const tn_json *d = tn_json_type(data) == TN_JSON_ARRAY ? tn_json_first(data) : data; d; d = tn_json_type(data) == TN_JSON_ARRAY ? tn_json_next(d) : NULL) {
        tn_str id = tn_json_text(d);
        if (tn_str_find(id, TN_STR("cc-by-nc"), 0) != SIZE_MAX || tn_str_find(id, TN_STR("-nc-4.0"), 0) != SIZE_MAX)
            return say_value(p, d, "state a non-commercial licence, or train on other data", "data for non-commercial use in a model that is offered for any use");
    }
    /* "Trained on reviews under CC BY-NC 4.0" */
    tn_md_range in = p->body, found;
    for (size_t looked = 0; looked < 50 && tn_md_find(p->md, in, "cc by nc|cc by nc sa|cc by nc nd|non commercial licence|non commercial license|noncommercial license|for non commercial use only|non commercial use only", &found); looked++, in.from = found.to) {
        tn_md_range s = tn_md_sentence(p->md, found.from);
        if (tn_md_has(p->md, s, "train|trained|training|fine tuned|finetuned") && tn_md_has(p->md, s, "data|dataset|datasets|data set|corpus|reviews|texts|on") && !tn_md_has(p->md, s, "evaluat*|test|benchmark*|not|excluded|removed|without|except") &&
            !tn_prose_negated(p->md, found))
            return tn_prose_say(p, s, "state a non-commercial licence, or train on other data", "data for non-commercial use in a model that is offered for any use");
    }
    return TN_OK;
}

/* Texts that were taken over under terms which the card's licence drops. */
static tn_status data_compatible(tn_prose *p, void *facts)
{
    const card *c = facts;
    const tn_json *v = tn_json_get(c->yaml, "license");
    tn_str stated = tn_licence_normalise(tn_json_text(v)), own = licence_class(stated);
    bool free = tn_str_is(own, "permissive") || tn_str_is(own, "attribution");
    tn_md_range in = p->body, found;
    for (size_t looked = 0; free && looked < 50 && tn_md_find(p->md, in, "cc by sa|cc by nc|cc by nc sa|cc by nd|cc by nc nd|odbl|share alike", &found); looked++, in.from = found.to) {
        tn_md_range s = tn_md_sentence(p->md, found.from);
        if (tn_md_has(p->md, s, "derived from|derives from|taken from|extracted from|adapted from|built from|built on|based on|sampled from|collected from|translated from|translation of|comes from|come from|texts from") &&
            !tn_md_has(p->md, s, "not|no|removed|excluded|except|without|each|respective|original licence|original license|keep*|remain*|inherit*") && !tn_prose_negated(p->md, found))
            return tn_prose_say(p, s, "state the source's licence, as it asks, or leave its texts out", "the source's licence asks for more than %.*s passes on", TN_ARG(stated));
    }
    return TN_OK;
}

/* ---- provenance and versions ---- */

static tn_status base_id(tn_prose *p, const tn_json *v)
{
    tn_str s = tn_json_text(v);
    if (tn_json_type(v) == TN_JSON_OBJECT || tn_str_starts(s, "https://huggingface.co/"))
        return TN_OK;
    static const char *const nothing[] = {"unknown", "none", "null", "tbd", "todo", "n/a", "custom", "private", ""};
    for (size_t i = 0; i < TN_COUNT(nothing); i++)
        if (s.len == strlen(nothing[i]) && strncasecmp(s.ptr, nothing[i], s.len) == 0)
            return say_value(p, v, "name the base model's Hub id and revision", "the base model is not named");
    if (!is_hub_id(s))
        return say_value(p, v, "name the base model's Hub id, not a path on one machine", "the base model is no id of the Hub");
    return TN_OK;
}

static bool fences_have(const tn_md *m, const char *mark, size_t *block)
{
    for (size_t i = 0; i < m->n_blocks; i++)
        if ((m->block[i].kind == TN_MD_FENCE || m->block[i].kind == TN_MD_CODE) && tn_str_find(m->block[i].text, tn_str_of(mark), 0) != SIZE_MAX) {
            *block = i;
            return true;
        }
    return false;
}

/* The line of a fence that holds the mark. */
static tn_status say_in_fence(tn_prose *p, size_t block, const char *mark, const char *remedy, const char *message)
{
    size_t at = tn_str_find(p->md->text, tn_str_of(mark), tn_md_block_range(p->md, block).from), from = at, to = at;
    while (from > 0 && p->md->text.ptr[from - 1] != '\n')
        from--;
    while (to < p->md->text.len && p->md->text.ptr[to] != '\n')
        to++;
    tn_md_range line = {from, to};
    return tn_prose_say_with(p, (tn_md_range){at, at}, tn_md_quote(p->md, line, 120, p->arena), remedy, "%s", message);
}

static tn_status provenance(tn_prose *p, void *facts)
{
    const card *c = facts;
    const tn_json *base = tn_json_get(c->yaml, "base_model");
    size_t block;
    if (fences_have(p->md, "trust_remote_code=True", &block))
        TN_TRY(say_in_fence(p, block, "trust_remote_code=True", "use an architecture of the library, or pin the revision whose code was read", "the example runs code that is loaded with the model"));
    TN_TRY(each(p, base, base_id));
    if (base || p->md->front_problem)
        return TN_OK;
    bool adapter = tn_json_is_str(tn_json_get(c->yaml, "library_name"), "peft");
    tn_md_range found;
    if (adapter)
        return tn_prose_say_with(p, at_line(p, 1), TN_STR("library_name: peft"), "add base_model with its Hub id", "an adapter without its base model");
    if (!c->yaml || !tn_md_find(p->md, p->body, "fine tuned version of|finetuned version of|finetune of|fine tune of|fine tuned from|finetuned from", &found) || tn_prose_negated(p->md, found))
        return TN_OK;
    /* The sentence names and links it: that is provenance, if not in the metadata. */
    tn_md_range s = tn_md_sentence(p->md, found.from);
    tn_model_name name;
    size_t at = s.from;
    if (tn_md_span_in(p->md, s, TN_MD_SPAN_LINK) || tn_md_span_in(p->md, s, TN_MD_SPAN_CODE) || tn_prose_model(p, &at, s.to, &name) || memchr(p->md->text.ptr + s.from, '/', s.to - s.from))
        return TN_OK;
    return tn_prose_say(p, s, "add base_model with its Hub id, and name the revision", "a fine-tuned model whose base is not named");
}

static tn_status versions(tn_prose *p, void *facts)
{
    static const char *const mark[] = {"revision=\"main\"", "revision='main'", "revision=\"latest\"", "revision=\"master\""};
    size_t block;
    for (size_t i = 0; i < TN_COUNT(mark); i++)
        if (fences_have(p->md, mark[i], &block))
            return say_in_fence(p, block, mark[i], "write the commit hash", "a branch is given as a revision: it moves");
    tn_md_range found;
    if (tn_md_find(p->md, p->body, "latest version of the model|latest version of the dataset|latest version of the data|latest revision of|whatever version|most recent version of the dataset|most recent version of the data|current version of the dataset", &found) && !tn_prose_negated(p->md, found) &&
        tn_md_has(p->md, tn_md_sentence(p->md, found.from), "train|trained|training|fine tuned|used|evaluated|built"))
        return tn_prose_say(p, tn_md_sentence(p->md, found.from), "name the commit hash of model and data", "a version is described and not named");
    return TN_OK;
}

static tn_status copy_paste(tn_prose *p, void *facts)
{
    static const char *const mark[] = {"\"your-", "'your-", "\"your_", "'your_", "\"username/", "'username/", "\"<your", "'<your", "\"YOUR_", "'YOUR_", "\"path/to/your", "'path/to/your", "\"your username", "\"org/model\"", "\"user/model\"", "\"my-org/my-model\"", "{{ "};
    static const char *const call[] = {"from_pretrained(", "pipeline(", "model=", "load_dataset(", "SentenceTransformer("};
    for (size_t b = 0; b < p->md->n_blocks; b++) {
        if (p->md->block[b].kind != TN_MD_FENCE)
            continue;
        tn_str rest = p->md->block[b].text, line;
        while (tn_str_cut(&rest, '\n', &line)) {
            bool loads = false;
            for (size_t i = 0; i < TN_COUNT(call); i++)
                loads = loads || tn_str_find(line, tn_str_of(call[i]), 0) != SIZE_MAX;
            for (size_t i = 0; loads && i < TN_COUNT(mark); i++) {
                size_t at = tn_str_find(line, tn_str_of(mark[i]), 0);
                if (at == SIZE_MAX || (i + 1 == TN_COUNT(mark) && tn_str_find(line, TN_STR("}}"), at) == SIZE_MAX) || tn_str_find(line, TN_STR("token"), at) != SIZE_MAX)
                    continue;
                size_t from = tn_md_offset(p->md, line);
                return tn_prose_say(p, (tn_md_range){from, from + line.len}, "write the model's own id and revision, so that the example runs as it stands", "a placeholder stands where an id belongs");
            }
        }
    }
    return TN_OK;
}

/* ---- govern-cards ---- */

static bool is_upper_word(tn_str text, size_t at, const char *word)
{
    size_t n = strlen(word);
    char before = at ? text.ptr[at - 1] : ' ', after = at + n < text.len ? text.ptr[at + n] : ' ';
    return !((before | 32) >= 'a' && (before | 32) <= 'z') && !((after | 32) >= 'a' && (after | 32) <= 'z');
}

/* The first placeholder of a template, and how many there are. */
static tn_status placeholders(tn_prose *p, void *facts)
{
    static const char *const exact[] = {"TODO", "TBD", "XX.X", "X.XX", "XX%", "XX %", "0.XX", "xx.x%", "Lorem ipsum", "lorem ipsum", "[insert ", "[Insert ", "<insert ", "[your ", "[Your ", "<your ", "[model name]", "[Model Name]", "[dataset name]", "[Dataset Name]", "(to be updated)", "(to be completed)", "(to be added)", "{{ "};
    const tn_md *m = p->md;
    tn_md_range first = {SIZE_MAX, SIZE_MAX}, in = p->body, found;
    size_t n = 0;
    for (; n < 1000 && tn_md_find(m, in, "more information needed|more info needed|to be updated soon|will be updated soon|placeholder text|fill in later|fill this in later", &found); in.from = found.to, n++)
        if (found.from < first.from)
            first = found;
    for (size_t b = 0; b < m->n_blocks; b++) {
        tn_md_range r = tn_md_block_range(m, b);
        if (m->block[b].kind == TN_MD_FENCE || m->block[b].kind == TN_MD_CODE)
            continue;
        for (size_t i = 0; i < TN_COUNT(exact); i++)
            for (size_t in_block = 0; (in_block = tn_str_find(m->block[b].text, tn_str_of(exact[i]), in_block)) != SIZE_MAX; in_block += strlen(exact[i])) {
                size_t at = r.from + in_block;
                /* In a comment or in inline code it is talked about. */
                bool plain = m->prose.ptr[at] != ' ' && (exact[i][0] == '[' || exact[i][0] == '<' || exact[i][0] == '{' || exact[i][0] == '(' || is_upper_word(m->text, at, exact[i]));
                if (exact[i][0] == '<' && plain)
                    plain = tn_str_find(tn_str_sub(m->text, at, r.to), TN_STR(">"), 0) < 60;
                if (!plain)
                    continue;
                n++;
                if (at < first.from)
                    first = (tn_md_range){at, at + strlen(exact[i])};
            }
    }
    if (n == 0)
        return TN_OK;
    tn_md_range s = tn_md_sentence(m, first.from);
    if (n == 1)
        return tn_prose_say(p, s.to > s.from ? s : first, "write what is known from the run, or remove the section", "a placeholder of the template is left");
    return tn_prose_say(p, s.to > s.from ? s : first, "write what is known from the run, or remove the sections", "%zu placeholders of the template are left", n);
}

static tn_status index_problem(tn_prose *p, const tn_json *v, const char *message)
{
    return tn_prose_say_with(p, at_json(p, v), tn_str_of(tn_json_type_name(tn_json_type(v))), "write name and results; of each result task.type, dataset.type and dataset.name, metrics with type and value", "model-index: %s", message);
}

static tn_status model_index(tn_prose *p, const card *c)
{
    const tn_json *index = tn_json_get(c->yaml, "model-index");
    if (!index)
        return TN_OK;
    if (tn_json_type(index) != TN_JSON_ARRAY)
        return index_problem(p, index, "it is no list");
    for (const tn_json *m = tn_json_first(index); m; m = tn_json_next(m)) {
        if (tn_json_text(tn_json_get(m, "name")).len == 0)
            return index_problem(p, m, "an entry has no name");
        for (const tn_json *r = tn_json_first(tn_json_get(m, "results")); r; r = tn_json_next(r)) {
            const tn_json *metrics = tn_json_get(r, "metrics");
            if (tn_json_text(tn_json_get(tn_json_get(r, "task"), "type")).len == 0)
                return index_problem(p, r, "a result has no task type");
            if (tn_json_text(tn_json_get(tn_json_get(r, "dataset"), "type")).len == 0 || tn_json_text(tn_json_get(tn_json_get(r, "dataset"), "name")).len == 0)
                return index_problem(p, r, "a result's data set has no type or name");
            if (tn_json_type(metrics) != TN_JSON_ARRAY || tn_json_len(metrics) == 0)
                return index_problem(p, r, "a result has no metrics");
            for (const tn_json *x = tn_json_first(metrics); x; x = tn_json_next(x)) {
                const tn_json *value = tn_json_get(x, "value");
                if (tn_json_text(tn_json_get(x, "type")).len == 0 || tn_json_type(value) == TN_JSON_NONE || tn_json_type(value) == TN_JSON_NULL)
                    return index_problem(p, x, "a metric has no type or no value");
                tn_str text = tn_json_text(value);
                bool digit = tn_json_type(value) != TN_JSON_STRING;
                for (size_t i = 0; i < text.len; i++)
                    digit = digit || (text.ptr[i] >= '0' && text.ptr[i] <= '9');
                if (!digit)
                    return index_problem(p, value, "a metric's value is no number");
            }
        }
    }
    return TN_OK;
}

/* Numbers that name their records, when the run is at hand: at most three folders above the card. */
static tn_status records(tn_prose *p)
{
    if (!p->source->place || tn_str_find(p->md->text, TN_STR(" <!-- "), 0) == SIZE_MAX)
        return TN_OK;
    tn_str dir = tn_path_dir(tn_str_of(p->source->place));
    for (int up = 0; up < 3; up++) {
        char *folder = tn_str_c(p->arena, dir);
        const char *lock = folder ? tn_path_join(p->arena, folder, "eval/metrics.json") : NULL;
        if (!lock)
            return tn_fail_nomem(p->err, dir.len);
        if (tn_file_exists(lock)) {
            tn_verify_counts counts;
            return tn_verify_page(folder, "", p->md->text, p->findings, &counts, p->err);
        }
        const char *above = tn_path_join(p->arena, folder, "..");
        if (!above)
            return tn_fail_nomem(p->err, dir.len);
        dir = tn_str_of(above);
    }
    return TN_OK;
}

/* ---- the table's numbers against other evidence ----
 *
 * The card's row "this model" is compared with the model-index and with a file of metrics beside the card. A disagreement is
 * told only when evidence names the column's metric, and none of its values is the cell's number, rounded as the cell is,
 * as a share or in per cent: several splits and intervals may be named by one metric. */

typedef struct {
    double value[64];
    const char *metric[64]; /* one of compared[] */
    size_t n;
} evidence_values;

static const char *const compared[] = {"f1", "accuracy", "recall", "precision", "mcc", "auc", "wer", "cer", "bleu", "rouge"};

static void add_value(evidence_values *e, tn_str name, const tn_json *v)
{
    double value;
    if (e->n < TN_COUNT(e->value) && tn_json_f64(v, &value))
        for (size_t i = 0; i < TN_COUNT(compared); i++)
            if (e->n < TN_COUNT(e->value) && tn_str_find(name, tn_str_of(compared[i]), 0) != SIZE_MAX) {
                e->value[e->n] = value;
                e->metric[e->n++] = compared[i];
            }
}

static bool same_number(double cell, size_t decimals, double value)
{
    double half = 0.5;
    for (size_t i = 0; i < decimals; i++)
        half /= 10;
    half *= 1.0001; /* 0.7485 may have been rounded either way */
    for (double scale = 0.01; scale < 1000; scale *= 100) {
        double d = value * scale - cell;
        if ((d < 0 ? -d : d) <= half)
            return true;
    }
    return false;
}

/* Tells of the first cell of "this model" that the evidence contradicts. */
static tn_status against_table(tn_prose *p, const evidence_values *e, const char *message)
{
    const tn_md *m = p->md;
    for (size_t b = 0; b < m->n_blocks && e->n; b++) {
        tn_str rest = m->block[b].text, head, row;
        if (m->block[b].kind != TN_MD_TABLE || !tn_md_row(&rest, &head))
            continue;
        while (tn_md_row(&rest, &row)) {
            tn_str names = head, cells = row, name, cell;
            for (size_t column = 0; tn_md_cell(&cells, &cell); column++) {
                bool named = tn_md_cell(&names, &name);
                size_t at = tn_md_offset(m, cell);
                tn_md_range where = {at, at + cell.len}, first;
                if (column == 0) {
                    if (!tn_md_is(m, where, "this model|our model|ours|this model ours"))
                        break;
                    continue;
                }
                size_t from = named ? tn_md_offset(m, name) : 0;
                tn_md_range title = {from, from + (named ? name.len : 0)};
                double number;
                if (!named || !tn_md_find(m, where, "#", &first) || first.from - where.from > 4 || !tn_str_to_f64(tn_str_sub(m->prose, first.from, first.to), &number))
                    continue;
                size_t dot = tn_str_find(tn_str_sub(m->prose, first.from, first.to), TN_STR("."), 0), known = 0, fits = 0;
                size_t decimals = dot == SIZE_MAX ? 0 : first.to - first.from - dot - 1;
                for (size_t i = 0; i < e->n; i++)
                    if (tn_md_has(m, title, e->metric[i])) {
                        known++;
                        fits += same_number(number, decimals, e->value[i]);
                    }
                if (known && !fits && decimals >= 1)
                    return tn_prose_say(p, where, "write the number of the evaluation that the card reports, in one place and the other", "%s", message);
            }
        }
    }
    return TN_OK;
}

static tn_status index_against_table(tn_prose *p, const card *c)
{
    evidence_values e = {.n = 0};
    for (const tn_json *m = tn_json_first(tn_json_get(c->yaml, "model-index")); m; m = tn_json_next(m))
        for (const tn_json *r = tn_json_first(tn_json_get(m, "results")); r; r = tn_json_next(r))
            for (const tn_json *x = tn_json_first(tn_json_get(r, "metrics")); x; x = tn_json_next(x))
                add_value(&e, tn_json_text(tn_json_get(x, "type")), tn_json_get(x, "value"));
    return against_table(p, &e, "the table and the model-index disagree");
}

static tn_status files_against_table(tn_prose *p)
{
    static const char *const file[] = {"metrics.json", "all_results.json", "eval_results.json", "test_results.json"};
    char *folder = p->source->place ? tn_str_c(p->arena, tn_path_dir(tn_str_of(p->source->place))) : NULL;
    evidence_values e = {.n = 0};
    for (size_t i = 0; i < TN_COUNT(file) && folder; i++) {
        const char *path = tn_path_join(p->arena, folder, file[i]);
        const tn_json *v = NULL;
        tn_bytes text;
        if (!path)
            return tn_fail_nomem(p->err, 64);
        if (!tn_file_exists(path) || tn_file_read(path, 1 << 20, p->arena, &text, NULL) != TN_OK || tn_json_parse(tn_str_from_bytes(text), p->arena, &v, NULL) != TN_OK)
            continue;
        for (const tn_json *x = tn_json_first(v); x; x = tn_json_next(x))
            add_value(&e, tn_json_key(x), x);
    }
    return against_table(p, &e, "the table and the file of metrics beside the card disagree");
}

static tn_status evidence(tn_prose *p, void *facts)
{
    const card *c = facts;
    TN_TRY(placeholders(p, facts));
    TN_TRY(model_index(p, c));
    TN_TRY(index_against_table(p, c));
    TN_TRY(files_against_table(p));
    return records(p);
}

/* ---- sections ---- */

/* A heading for assumptions, and nothing below it. */
static const char assumption_words[] = "assumptions|assumption|assumptions and constraints|constraints|assumptions and requirements";

static const char limits_words[] = "limit|limits|limitation|limitations|limitations and biases|caveats|known issues|known limitations|weaknesses|shortcomings|drawbacks|failure modes";

static tn_status limits(tn_prose *p, void *facts)
{
    const card *c = facts;
    const tn_md *m = p->md;
    size_t h = heading_with(m, limits_words, 0);
    if (h == SIZE_MAX) {
        if (!c->data || !c->whole ||
            tn_md_has(m, p->body, "limit|limits|limitation*|bias|biases|biased|not representative|caveat*|known issue*|noise|noisy|does not cover|not cover|should not be used|not suitable|out of scope|overrepresented|over represented|underrepresented|under represented|imbalance*"))
            return TN_OK;
        return tn_prose_say(p, start_of(p), "say what the data cover and what they do not, who is missing, and where labels are uncertain", "the card states no limits");
    }
    size_t words = content_words(m, h);
    tn_md_range section = tn_md_section(m, h), found;
    if (words < 4 && !tn_prose_has_number(m, section)) /* another section may hold them */
        return heading_with(m, limits_words, h + 1) == SIZE_MAX || content_words(m, heading_with(m, limits_words, h + 1)) < 4
                   ? tn_prose_say(p, tn_md_block_range(m, h), "name the weakest slice with its number, what was not measured, and what was assumed", "the section about limits is empty")
                   : TN_OK;
    if (words > 60 || tn_prose_has_number(m, section) ||
        tn_md_has(m, section, "such as|for example|e g|longer than|trained only|only trained|dialect*|negation|sarcasm|irony|out of domain|other languages|long texts|long documents|only supports|english only|only english|not tested|not measured|not evaluated|tokens|domain|domains|"
                              "hallucinat*|short texts|code switching|class|classes|slice*|weakest|emoji*|non english|low resource|only on|only for|specific"))
        return TN_OK;
    if (!tn_md_find(m, section, "like all|like any|as with any|as with all|as all|may contain bias*|might contain bias*|may contain some bias*|may have bias*|may have some bias*|may have limitations|may have some limitations|may produce bias*|may be biased|can be biased|may reflect bias*|"
                                "should be made aware of the risks|use at your own risk|use with caution|may not be perfect|is not perfect|not perfect|may make mistakes|can make mistakes|may make errors|may be wrong|none known|no known limitations|no limitations|none|n a|"
                                "no model is perfect|every model has|all models have|may not work in all cases|may not always|not always be accurate", &found))
        return TN_OK;
    return tn_prose_say(p, tn_md_sentence(m, found.from), "name the weakest slice with its number, what was not measured, and what was assumed", "the limits are words that fit any model");
}

static tn_status limits_absent(tn_prose *p, void *facts)
{
    const card *c = facts;
    if (!c->whole || heading_with(p->md, limits_words, 0) != SIZE_MAX ||
        tn_md_has(p->md, p->body, "limit|limits|limitation*|bias|biases|biased|fail|fails|failure*|weak*|caveat*|not intended|out of scope|struggle*|not suitable|may not|does not|do not|cannot|not recommended|not designed|hallucinat*|not tested|not evaluated|known issue*"))
        return TN_OK;
    return tn_prose_say(p, start_of(p), "say where it is weak, with the number: the weakest class and slice, examples of failure, what was not measured", "the card states no limits");
}

static tn_status ethics(tn_prose *p, void *facts)
{
    const card *c = facts;
    const tn_md *m = p->md;
    static const char about[] = "ethic|ethics|ethical|bias|biases|fairness|risks|intended use|intended uses|uses|out of scope|out of scope use|misuse|considerations|social impact|societal impact|people affected|affected|personal and sensitive|sensitive information|responsible|safety|"
                                "harms|usage restrictions";
    size_t h = heading_with(m, "ethic|ethics|ethical|fairness|social impact|societal impact|risks", 0);
    if (h != SIZE_MAX) {
        if (content_words(m, h) >= 4)
            return TN_OK;
        return tn_prose_say(p, tn_md_block_range(m, h), "write intended use, misuse, the groups affected, and how much worse the weakest slice is served", "the section about ethics is empty");
    }
    if (!c->whole || heading_with(m, about, 0) != SIZE_MAX ||
        tn_md_has(m, p->body, "ethic*|misuse*|harm*|fairness|intended use*|intended for|not intended|meant for|bias|biases|biased|people affected|privacy|personal data|responsible|consent*|sensitive"))
        return TN_OK;
    return tn_prose_say(p, start_of(p), "write intended use, misuse, the groups affected, and how much worse the weakest slice is served", "the card says nothing about use, misuse and the people affected");
}

/* ---- evaluation ---- */

static const char metric_words[] = "f1|accuracy|acc|bleu|sacrebleu|rouge|rouge1|rougel|wer|cer|auc|auroc|mcc|perplexity|ppl|map|mrr|ndcg|iou|miou|fid|spearman|pearson|exact match|em|precision|recall|mse|rmse|mae|loss|score|scores|average|pass 1|win rate|cosine|elo|mmlu|hellaswag|arc|"
                                   "bertscore|meteor|r2|psnr|ssim|clip score|humaneval|gsm8k|mteb|leaderboard|benchmark|benchmarks|sts|dev set|mean";

/* A block that holds a metric and a number. */
static size_t result_block(const tn_md *m)
{
    for (size_t i = 0; i < m->n_blocks; i++) {
        tn_md_range r = tn_md_block_range(m, i);
        if (m->block[i].kind == TN_MD_FENCE || m->block[i].kind == TN_MD_CODE) {
            if (!tn_prose_is_code(m->block[i].text) && (tn_str_find(m->block[i].text, TN_STR("accuracy"), 0) != SIZE_MAX || tn_str_find(m->block[i].text, TN_STR("f1"), 0) != SIZE_MAX))
                return i;
            continue;
        }
        if (m->block[i].level == TN_MD_RUN_IN && i + 1 < m->n_blocks)
            r.to = tn_md_block_range(m, i + 1).to;
        if (tn_md_has(m, r, metric_words) && tn_prose_has_number(m, r))
            return i;
    }
    return SIZE_MAX;
}

static tn_status evaluated(tn_prose *p, void *facts)
{
    const card *c = facts;
    if (!c->whole || tn_json_get(c->yaml, "model-index") || result_block(p->md) != SIZE_MAX)
        return TN_OK;
    size_t h = heading_with(p->md, "evaluation|evaluations|results|performance|benchmarks|benchmark|metrics", 0);
    if (h != SIZE_MAX && content_words(p->md, h) >= 4)
        return TN_OK; /* pictures, links, tables of another form */
    return tn_prose_say(p, h != SIZE_MAX ? tn_md_block_range(p->md, h) : start_of(p), "evaluate this checkpoint on held-out data and write metric, value, interval, data and revision", "the card holds no evaluation");
}

static tn_status baselines(tn_prose *p, void *facts)
{
    const card *c = facts;
    const tn_md *m = p->md;
    size_t b = result_block(m);
    if (!c->whole || b == SIZE_MAX ||
        tn_md_has(m, p->body, "baseline*|majority|untouched|zero shot|tf idf|n gram*|logistic regression|compare*|comparison|comparable|versus|vs|against|previous|better than|worse than|higher than|lower than|beats|outperform*|surpass*|random guess*|leaderboard|original model|base model|"
                              "teacher|relative to|improve* over|improve* upon|improvement*|on par|closest|other models|state of the art|gain of"))
        return TN_OK;
    for (size_t i = 0; i < m->n_blocks; i++) {
        if (m->block[i].kind != TN_MD_TABLE)
            continue;
        tn_str rest = m->block[i].text, row;
        size_t rows = 0;
        while (tn_md_row(&rest, &row))
            rows++;
        tn_md_range r = tn_md_block_range(m, i);
        /* One row a model, or one column a model. */
        if (rows > 2 && (tn_md_has(m, (tn_md_range){r.from, r.from + 40 < r.to ? r.from + 40 : r.to}, "model|models|method|system|approach|name|checkpoint") || tn_answer_models(p, r, 2) >= 2))
            return TN_OK;
    }
    return tn_prose_say(p, tn_md_block_range(m, b), "put it beside the majority class, a linear n-gram model and the untouched pretrained model, on the same rows, with intervals", "the results have nothing to compare them to");
}

static tn_status benchmark(tn_prose *p, void *facts)
{
    const card *c = facts;
    const tn_json *tag = tn_json_get(c->yaml, "pipeline_tag"), *metrics = tn_json_get(c->yaml, "metrics");
    tn_str t = tn_json_text(tag);
    bool classes = tn_str_ends(t, "classification") || tn_str_is(t, "fill-mask");
    for (const tn_json *x = tn_json_type(metrics) == TN_JSON_ARRAY ? tn_json_first(metrics) : metrics; x && classes; x = tn_json_type(metrics) == TN_JSON_ARRAY ? tn_json_next(x) : NULL) {
        tn_str name = tn_json_text(x);
        if (tn_str_is(name, "bleu") || tn_str_is(name, "sacrebleu") || tn_str_is(name, "rouge") || tn_str_is(name, "chrf") || tn_str_is(name, "wer"))
            TN_TRY(say_value(p, x, "for classes: macro F1 with its interval, MCC, and each class's recall", "a metric for generated text is used on classes"));
    }
    tn_md_range found;
    bool skewed = false;
    size_t n_metrics = tn_json_type(metrics) == TN_JSON_ARRAY ? tn_json_len(metrics) : metrics != NULL;
    for (size_t i = 0; classes && n_metrics == 1 && tn_str_is(tn_json_text(tn_json_type(metrics) == TN_JSON_ARRAY ? tn_json_first(metrics) : metrics), "accuracy") && i < p->md->n_blocks; i++) {
        tn_md_range r = tn_md_block_range(p->md, i), row;
        if (p->md->block[i].kind != TN_MD_TABLE || tn_md_has(p->md, r, "f1|mcc|matthews|balanced|macro|recall|auc|auroc|kappa") || !tn_md_find(p->md, r, "majority|majority class|most frequent class", &row))
            continue;
        tn_md_range first;
        const char *end = memchr(p->md->text.ptr + row.from, '\n', r.to - row.from);
        row.to = end ? (size_t)(end - p->md->text.ptr) : r.to;
        if (!skewed && tn_md_find(p->md, row, "#", &first)) {
            tn_str n = tn_str_sub(p->md->prose, first.from, first.to);
            skewed = tn_str_starts(n, "0.9") || (n.len >= 2 && n.ptr[0] == '9' && n.ptr[1] >= '0' && n.ptr[1] <= '9' && (n.len == 2 || n.ptr[2] == '.'));
            if (skewed)
                TN_TRY(tn_prose_say(p, row, "report macro F1 or MCC with an interval, and the recall of the rare class", "accuracy is the only metric, and one class alone reaches it"));
        }
    }
    if (!skewed && classes && tn_md_has(p->md, p->body, "imbalanced|unbalanced|skewed|rare class|minority class|class imbalance") && tn_md_find(p->md, p->body, "accuracy", &found) &&
        !tn_md_has(p->md, p->body, "f1|mcc|matthews|balanced accuracy|macro|recall|auc|auroc|precision|kappa"))
        TN_TRY(tn_prose_say(p, tn_md_sentence(p->md, found.from), "report macro F1 or MCC with an interval, and the recall of the rare class", "accuracy is the only metric, and the classes are skewed"));
    return TN_OK;
}

/* One table with a model's metric in one column and money or people in another. */
static tn_status mixed(tn_prose *p, void *facts)
{
    (void)facts;
    for (size_t i = 0; i < p->md->n_blocks; i++) {
        tn_md_range r = tn_md_block_range(p->md, i);
        if (p->md->block[i].kind != TN_MD_TABLE)
            continue;
        const char *end = memchr(p->md->text.ptr + r.from, '\n', r.to - r.from);
        tn_md_range head = {r.from, end ? (size_t)(end - p->md->text.ptr) : r.to};
        if (tn_md_has(p->md, head, "f1|accuracy|auc|auroc|mcc|recall|precision|bleu|rouge|wer") && tn_md_has(p->md, head, "revenue|profit|profits|savings|roi|conversion rate|conversions|income|revenue gain|sales|churn rate|customer satisfaction|nps|saved clerks|clerks|headcount|staff saved|hours saved|money saved|cost saved"))
            return tn_prose_say(p, head, "keep two tables, model metrics and business KPIs, and state the assumed cost of each kind of error that leads from one to the other", "model metrics and business figures stand in one table");
    }
    return TN_OK;
}

/* The card's languages against those that its base model was trained on. */
static tn_status language_fit(tn_prose *p, void *facts)
{
    const card *c = facts;
    const tn_json *base = tn_json_get(c->yaml, "base_model"), *language = tn_json_get(c->yaml, "language");
    tn_catalog_row row, code;
    if (tn_json_type(language) == TN_JSON_ARRAY)
        language = tn_json_len(language) == 1 ? tn_json_first(language) : NULL;
    tn_str own = tn_json_text(language);
    if (tn_json_type(base) != TN_JSON_STRING || own.len != 2 || tn_str_is(own, "en") || !tn_catalog_find("languages", "iso639_1", own, &code) || !tn_catalog_find("models", "id", tn_json_text(base), &row) || !tn_str_is(tn_catalog_get(&row, "languages"), "en") ||
        tn_md_has(p->md, p->body, "english model|english only|only english|vocabulary was|tokenizer was|translat*|new tokenizer|new vocabulary|trained from scratch|continued pretraining|cross lingual|transfer*"))
        return TN_OK;
    return tn_prose_say_with(p, at_json(p, base), tn_json_text(base), "start from a model that was trained on the language, and measure pieces a word and lost letters", "the base model knows English only; the card's language is %.*s", TN_ARG(own));
}

static tn_status cost(tn_prose *p, void *facts)
{
    const card *c = facts;
    size_t h = heading_with(p->md, "deployment|deploying|deploy|serving|production|in production", 0);
    if (!c->whole || h == SIZE_MAX || content_words(p->md, h) < 4 ||
        tn_md_has(p->md, p->body, "latency|p50|p95|p99|throughput|ms|milliseconds|per second|tokens s|requests|cold start|quantiz*|speed|peak memory|cost of|cost per|cost for|inference time") ||
        tn_md_has(p->md, tn_md_section(p->md, h), "memory|ram|vram|gb|mb|gib|cost|costs|seconds|fast|faster|slow|gpu|gpus"))
        return TN_OK;
    return tn_prose_say(p, tn_md_block_range(p->md, h), "measure p50, p95 and p99, throughput, peak memory and size at the deployment's batch and threads, and the cost of 1,000 items", "deployment is described with no latency, memory or cost");
}

static tn_status compute(tn_prose *p, void *facts)
{
    const card *c = facts;
    size_t h = heading_with(p->md, "training|training procedure|training details|training hyperparameters|hyperparameters|fine tuning|how it was trained", 0);
    while (h != SIZE_MAX && (tn_md_has(p->md, tn_md_block_range(p->md, h), "data|dataset|datasets|metrics|results|evaluation|loss") || content_words(p->md, h) < 8))
        h = heading_with(p->md, "training|training procedure|training details|training hyperparameters|hyperparameters|fine tuning|how it was trained", h + 1);
    if (!c->whole || h == SIZE_MAX ||
        tn_md_has(p->md, p->body, "gpu|gpus|cpu|cpus|cores|memory|ram|vram|a100|a100s|a10g|t4|v100|l4|l40s|h100|h100s|h200|h800|mi250|rtx|hours|hour|minutes|gb|gib|colab|tpu|tpus|tpuv3|tpuv4|tpu v3|hardware|compute|cuda|machine|laptop|pod|nvidia|cluster|flops|carbon|co2|kaggle|multi gpu|"
                                  "workstation|apple silicon|m1|m2|dgx|supercomputer|xpu|gaudi|trainium|days"))
        return TN_OK;
    return tn_prose_say(p, tn_md_block_range(p->md, h), "state device, cores, memory, and the time and peak memory that it took", "the training is described with no hardware, memory or time");
}

static tn_status assumptions(tn_prose *p, void *facts)
{
    const card *c = facts;
    for (size_t h = 0; h < p->md->n_blocks; h++)
        if (p->md->block[h].kind == TN_MD_HEADING && p->md->block[h].level <= TN_MD_BOLD && tn_md_is(p->md, tn_md_block_range(p->md, h), assumption_words) && content_words(p->md, h) == 0)
            return tn_prose_say(p, tn_md_block_range(p->md, h), "list what is assumed about the input, the language, the use and the users", "the section about assumptions is empty");
    if (!c->whole || tn_md_has(p->md, p->body, "assum*|intended|intend|constraint*|out of scope|suppos*|expects|expect|expected|designed for|designed to|meant for|meant to|requirement*|requires|require|limit*|should|must|recommended|only|purpose|use case*|aims"))
        return TN_OK;
    return tn_prose_say(p, start_of(p), "list what is assumed about the input, the language, the use and the users", "no assumption or constraint is written down");
}

static tn_status responsible(tn_prose *p, void *facts)
{
    const card *c = facts;
    const tn_md *m = p->md;
    tn_md_range head = {0, p->body.to < 3000 ? p->body.to : 3000}, found;
    if (!c->whole || !tn_md_find(m, head, "patient|patients|diagnosis|diagnose|diagnoses|clinical|triage|credit scoring|credit score|credit risk|consumer loan|consumer loans|loan decision|loan decisions|loan applications|creditworthiness|job applicants|resumes|cv screening|recruitment|hiring|parole|sentencing|asylum|benefit fraud|radiology|tumor|tumour|cancer", &found) ||
        tn_prose_negated(m, found) ||
        tn_prose_says(m, p->body, "human review|human in the loop|oversight|clinician*|nurse|doctor*|physician*|professional*|expert*|recruiter*|lawyer*|not a medical|not for clinical|not for diagnostic|not intended|research only|research purposes|research use|out of scope|decision support|"
                              "responsible ai|reviewed by|a person|a human|human oversight|medical advice|not be used|should not|must not|disclaimer|ethic*|fairness|radiologist*|manual review|appeal"))
        return TN_OK;
    return tn_prose_say(p, tn_md_sentence(m, found.from), "plan a review by a person of the field, say who is answerable, and weigh the costly error", "a sensitive field, and no step of human review");
}

static tn_status example_code(tn_prose *p, void *facts)
{
    const card *c = facts;
    TN_TRY(tn_answer_code_form(p));
    if (!c->whole)
        return TN_OK;
    /* Code of another kind may well show it; training alone does not. */
    bool any = false;
    for (size_t i = 0; i < p->md->n_blocks; i++)
        any = any || p->md->block[i].kind == TN_MD_FENCE || p->md->block[i].kind == TN_MD_CODE;
    if (any && (tn_answer_code_shows(p->md, false) || !tn_answer_code_shows(p->md, true)))
        return TN_OK;
    return tn_prose_say(p, start_of(p), "add a short fenced example: pipeline(\"TASK\", model=..., revision=...) and one call", "no inference example in a fenced block");
}

static tn_status source_of_copy(tn_prose *p, void *facts)
{
    const card *c = facts;
    tn_md_range in = p->body, found;
    if (tn_json_get(c->yaml, "source_datasets"))
        return TN_OK;
    for (size_t looked = 0; looked < 20 && tn_md_find(p->md, in, "copy of|subset of|mirror of|reupload of|re upload of|cleaned version of|downloaded from|dump of", &found); looked++, in.from = found.to) {
        tn_md_range s = tn_md_sentence(p->md, found.from);
        tn_md_range name = {found.to, found.to + 40 < s.to ? found.to + 40 : s.to};
        if (tn_md_has(p->md, name, "imdb|squad|conll|sst|glue|ag news|yelp|amazon reviews|wikitext|tweet eval|tweeteval|banking77|snli|mnli|xnli|cnn dailymail|xsum|common voice|librispeech|coco|imagenet|mnist|kaggle|wikipedia") && !tn_prose_has_source(p->md, s) &&
            !tn_md_span_in(p->md, s, TN_MD_SPAN_CODE) && !tn_prose_negated(p->md, found))
            return tn_prose_say(p, s, "name its Hub id and revision, and list it under source_datasets", "a copy of a public data set with no pointer to it");
    }
    return TN_OK;
}

static const tn_prose_rule model_rules[] = {
    {"govern-cards", front_matter},   {"format-terms", terms},          {"constraint-task", task},       {"govern-licence", licence},     {"govern-compatible", compatible}, {"govern-provenance", provenance},
    {"data-versions", versions},      {"data-copypaste", copy_paste},   {"govern-cards", evidence},      {"data-limits", limits},         {"style-limits", limits_absent},   {"govern-ethics", ethics},
    {"constraint-evaluate", evaluated}, {"eval-baselines", baselines},  {"eval-benchmark", benchmark},   {"eval-cost", cost},             {"constraint-compute", compute},   {"style-assumptions", assumptions},
    {"govern-responsible", responsible}, {"format-code", example_code}, {"style-justify", tn_answer_justify}, {"eval-kpi", mixed},                {"data-fit", language_fit},
    {"format-tables", tn_answer_tables}, {"who-pragmatic", tn_answer_pragmatic}, {NULL, NULL},
};

static const tn_prose_rule data_rules[] = {
    {"govern-cards", front_matter}, {"format-terms", terms}, {"govern-licence", licence}, {"govern-compatible", data_compatible}, {"govern-cards", evidence}, {"data-limits", limits}, {"govern-ethics", ethics}, {"data-hub", source_of_copy}, {NULL, NULL},
};

static tn_status check(const tn_check_source *source, bool data, tn_findings *findings, tn_err *err)
{
    tn_md m;
    tn_prose p;
    bool too_long;
    TN_TRY(tn_prose_open(source, findings, &m, &p, &too_long, err));
    if (too_long)
        return TN_OK;
    card c = {.data = data, .yaml = tn_json_type(m.yaml) == TN_JSON_OBJECT ? m.yaml : NULL, .n_words = tn_md_count_words(&m, p.body)};
    for (size_t i = 0; i < m.n_blocks; i++)
        c.n_headings += m.block[i].kind == TN_MD_HEADING && m.block[i].level <= TN_MD_BOLD;
    c.whole = c.n_words >= 60 && c.n_headings >= 2;
    TN_TRY(tn_prose_common(&p));
    for (const tn_prose_rule *r = data ? data_rules : model_rules; r->rule; r++) {
        p.rule = r->rule;
        TN_TRY(r->look(&p, r->look == tn_answer_justify ? NULL : &c));
    }
    return data ? TN_OK : tn_prose_claims(&p, tn_answer_claims);
}

tn_status tn_check_model_card(const tn_check_source *source, tn_findings *findings, tn_err *err)
{
    return check(source, false, findings, err);
}

tn_status tn_check_data_card(const tn_check_source *source, tn_findings *findings, tn_err *err)
{
    return check(source, true, findings, err);
}
