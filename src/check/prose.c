/* Claims and absences are rows; the engine below is all the code they need. Excuses are looked for in the whole paragraph or
 * item, numbers and sources in the sentence: a finding that a reader would argue with is worse than one that is missed. */
#include "check/prose.h"

#include "base/map.h"
#include "data/pii.h"
#include "rules/catalog.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    MOST_OF_A_KIND = 3,
    MOST_LOOKED_AT = 200, /* matches of a row; ordinary documents have a few, and a hostile one must not be quadratic */
    REACH = 4096,         /* bytes of a paragraph to either side */
};

/* ---- findings ---- */

static tn_status say(tn_prose *p, tn_md_range at, tn_str evidence, const char *remedy, const char *message, va_list ap)
{
    char text[512];
    uint32_t line = 0, column = 0;
    vsnprintf(text, sizeof text, message, ap);
    tn_md_place(p->md, at.from, &line, &column);
    if (!evidence.ptr)
        return tn_fail_nomem(p->err, 120);
    return tn_findings_add(p->findings,
                           (tn_finding){.rule = p->rule, .line = line, .column = column, .message = tn_str_of(text), .evidence = evidence,
                                        .remedy = tn_str_of(remedy)},
                           p->err);
}

tn_status tn_prose_say(tn_prose *p, tn_md_range at, const char *remedy, const char *message, ...)
{
    va_list ap;
    va_start(ap, message);
    tn_status st = say(p, at, tn_md_quote(p->md, at, 120, p->arena), remedy, message, ap);
    va_end(ap);
    return st;
}

tn_status tn_prose_say_with(tn_prose *p, tn_md_range at, tn_str evidence, const char *remedy, const char *message, ...)
{
    va_list ap;
    va_start(ap, message);
    tn_status st = say(p, at, evidence, remedy, message, ap);
    va_end(ap);
    return st;
}

tn_status tn_prose_run(tn_prose *p, const tn_prose_rule *rule, void *facts)
{
    for (; rule->rule; rule++) {
        p->rule = rule->rule;
        TN_TRY(rule->look(p, facts));
    }
    return TN_OK;
}

/* ---- excuses ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static tn_md_range words_before(const tn_md *m, tn_md_range r, size_t n)
{
    size_t from = r.from, start = tn_md_sentence(m, r.from).from;
    for (; n > 0 && from > start; n--) {
        while (from > start && (m->prose.ptr[from - 1] == ' ' || m->prose.ptr[from - 1] == '\n'))
            from--;
        while (from > start && m->prose.ptr[from - 1] != ' ' && m->prose.ptr[from - 1] != '\n')
            from--;
    }
    return (tn_md_range){from, r.from};
}

bool tn_prose_negated(const tn_md *m, tn_md_range r)
{
    return tn_md_has(m, words_before(m, r, 4),
                     "not|no|never|without|isn|aren|don|doesn|didn|won|cannot|nor|neither|hardly|avoid*|instead of|rather than|than|against|versus|vs|so called|called|nothing|"
                     "word|words|phrase*|nobody|refuse*|claim*|short of|far from|from");
}

bool tn_prose_says(const tn_md *m, tn_md_range in, const char *phrases)
{
    tn_md_range found;
    for (size_t looked = 0; looked < MOST_LOOKED_AT && tn_md_find(m, in, phrases, &found); looked++, in.from = found.to)
        if (!tn_md_has(m, words_before(m, found, 2), "no|not|without|never|instead of|replace*"))
            return true;
    return false;
}

/* A number that measures something: with a fraction, a per cent sign, or three digits; not a version, not a year. */
static bool is_measure(const tn_md *m, size_t w)
{
    tn_str p = m->prose, t = tn_str_sub(p, m->word[w].from, m->word[w].to);
    size_t dots = 0;
    for (size_t i = 0; i < t.len; i++) {
        dots += t.ptr[i] == '.';
        if (!is_digit(t.ptr[i]) && t.ptr[i] != '.' && t.ptr[i] != ',')
            return false;
    }
    char next = m->word[w].to < p.len ? p.ptr[m->word[w].to] : 0, after = m->word[w].to + 1 < p.len ? p.ptr[m->word[w].to + 1] : 0;
    if (next == '%' || (next == ' ' && after == '%'))
        return true;
    if (t.len == 4 && dots == 0 && (tn_str_starts(t, "19") || tn_str_starts(t, "20")))
        return false;
    return dots == 1 || (dots == 0 && t.len >= 2);
}

size_t tn_prose_count_numbers(const tn_md *m, tn_md_range r, size_t max)
{
    tn_md_range at = r, found;
    size_t n = 0;
    for (; n < max && tn_md_find(m, at, "#", &found); at.from = found.to) {
        size_t low = 0, high = m->n_words;
        while (high - low > 1) {
            size_t mid = low + (high - low) / 2;
            if (m->word[mid].from <= found.from)
                low = mid;
            else
                high = mid;
        }
        n += is_measure(m, low);
    }
    return n;
}

bool tn_prose_has_number(const tn_md *m, tn_md_range r)
{
    return tn_prose_count_numbers(m, r, 1) > 0;
}

bool tn_prose_has_source(const tn_md *m, tn_md_range r)
{
    if (tn_md_span_in(m, (tn_md_range){r.from, r.to + 1}, TN_MD_SPAN_LINK) || tn_md_has(m, r, "et al|arxiv|doi|cited|reported by|reported in|according to|leaderboard"))
        return true;
    for (size_t i = r.from; i + 2 < r.to; i++) {
        if (m->text.ptr[i] == '[' && (is_digit(m->text.ptr[i + 1]) || m->text.ptr[i + 1] == '@' || m->text.ptr[i + 1] == '^'))
            return true;
        /* "(Smith, 2020)" */
        if (m->text.ptr[i] == '2' && i + 4 < r.to && m->text.ptr[i + 1] == '0' && is_digit(m->text.ptr[i + 2]) && is_digit(m->text.ptr[i + 3]) && m->text.ptr[i + 4] == ')')
            return true;
    }
    return false;
}

/* ---- claims ---- */

static bool excused(const tn_prose *p, const tn_claim *c, tn_md_range found)
{
    const tn_md *m = p->md;
    tn_md_range sentence = tn_md_sentence(m, found.from);
    size_t b = tn_md_block_at(m, found.from);
    tn_md_range block = b == SIZE_MAX ? sentence : tn_md_block_range(m, b);
    /* Bold words that open a paragraph belong to it. */
    if (b != SIZE_MAX && m->block[b].level == TN_MD_RUN_IN && b + 1 < m->n_blocks)
        block.to = tn_md_block_range(m, b + 1).to;
    else if (b != SIZE_MAX && b > 0 && m->block[b - 1].level == TN_MD_RUN_IN && m->block[b - 1].kind == TN_MD_HEADING)
        block.from = tn_md_block_range(m, b - 1).from;
    if (block.from + REACH < found.from)
        block.from = found.from - REACH;
    if (found.to + REACH < block.to)
        block.to = found.to + REACH;
    return (c->with && !tn_md_has(m, sentence, c->with)) || (c->unless && tn_md_has(m, c->excuse & TN_CLAIM_CLOSE ? sentence : block, c->unless)) ||
           ((c->excuse & TN_CLAIM_NUMBER) && tn_prose_has_number(m, sentence)) || ((c->excuse & TN_CLAIM_SOURCE) && tn_prose_has_source(m, sentence)) ||
           ((c->excuse & TN_CLAIM_NEGATED) && tn_prose_negated(m, found));
}

tn_status tn_prose_claims(tn_prose *p, const tn_claim *claim)
{
    for (const tn_claim *c = claim; c->rule; c++) {
        tn_md_range in = p->body, found;
        p->rule = c->rule;
        size_t n = 0, looked = 0;
        for (; n < MOST_OF_A_KIND && looked < MOST_LOOKED_AT && tn_md_find(p->md, in, c->say, &found); looked++, in.from = found.to) {
            if (excused(p, c, found))
                continue;
            if (c->unless_anywhere && tn_md_has(p->md, p->body, c->unless_anywhere))
                break;
            n++;
            TN_TRY(tn_prose_say(p, tn_md_sentence(p->md, found.from), c->remedy, "%s", c->message));
            found.to = tn_md_sentence(p->md, found.from).to > found.to ? tn_md_sentence(p->md, found.from).to : found.to;
        }
    }
    return TN_OK;
}

static const tn_claim hype[] = {
    {"style-no-hype",
     "revolutionary|revolutionize*|revolutionise*|game changing|game changer|gamechanger|groundbreaking|ground breaking|human level|superhuman|super human|unparalleled|unmatched|"
     "unrivaled|unrivalled|world class|best in class|best of breed|flawless|flawlessly|unprecedented|blazing fast|blazingly fast|lightning fast|mind blowing|next generation ai|"
     "bleeding edge|cutting edge|state of the art|sota|near perfect|never fails|never wrong|outperforms all|outperforms every|outperforms everything|beats all|beats every|beats everything|"
     "surpasses all|the most accurate|most powerful|the most advanced|incredibly accurate|insanely *|amazing accuracy|amazing performance|perfect accuracy|magically|"
     "crushes|crush the|guaranteed to work|guarantees perfect|best accuracy on the market|best on the market|best available|best in the world|the best model out there|the best model ever|"
     "the best model available|the best there is|second to none|like a human|as good as a human|better than humans|better than any human|truly understands|understands everything",
     NULL, NULL, NULL, TN_CLAIM_NUMBER | TN_CLAIM_SOURCE | TN_CLAIM_NEGATED, "a superlative with no number and no source",
     "give the measured number with its interval and its record or source, or leave the word out"},
    {NULL},
};

/* ---- names of models ---- */

static bool in_name(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.' || c == '/';
}

static bool same_fold(tn_str a, tn_str b)
{
    return a.len == b.len && strncasecmp(a.ptr, b.ptr, a.len) == 0;
}

/* Keys are ids, what stands behind their slash, and houses with the slash ("intfloat/"), in lower case. */
struct tn_model_table {
    struct model_key {
        tn_str key, id;
    } *slot; /* [N_SLOTS]; an empty key ends a search */
};
enum { N_SLOTS = 8192, LONGEST_NAME = 96 };

static struct model_key *model_slot(const tn_model_table *t, tn_str key)
{
    size_t i = tn_hash64(key) % N_SLOTS;
    while (t->slot[i].key.ptr && !tn_str_eq(t->slot[i].key, key))
        i = (i + 1) % N_SLOTS;
    return &t->slot[i];
}

static tn_str lower(tn_str name, char *out)
{
    for (size_t i = 0; i < name.len; i++)
        out[i] = name.ptr[i] >= 'A' && name.ptr[i] <= 'Z' ? (char)(name.ptr[i] + 32) : name.ptr[i];
    return (tn_str){out, name.len};
}

static tn_status models_read(tn_arena *a, const tn_model_table **out, tn_err *err)
{
    tn_model_table *t = tn_arena_alloc(a, sizeof *t);
    if (!t || !(t->slot = tn_arena_calloc(a, N_SLOTS * sizeof *t->slot)))
        return tn_fail_nomem(err, N_SLOTS * sizeof *t->slot);
    tn_catalog_row row;
    size_t n = 0;
    for (bool more = tn_catalog_first("models", &row); more; more = tn_catalog_next(&row)) {
        tn_str id = tn_catalog_get(&row, "id");
        char *text = tn_arena_alloc(a, id.len + 1);
        if (!text)
            return tn_fail_nomem(err, id.len);
        tn_str key = lower(id, text);
        size_t slash = tn_str_find(key, TN_STR("/"), 0), cut = slash == SIZE_MAX ? 0 : slash + 1;
        tn_str keys[] = {key, tn_str_sub(key, cut, key.len), tn_str_sub(key, 0, cut)};
        for (size_t i = 0; i < TN_COUNT(keys); i++) {
            struct model_key *slot = keys[i].len ? model_slot(t, keys[i]) : NULL;
            if (slot && !slot->key.ptr) {
                *slot = (struct model_key){keys[i], id};
                TN_ASSERT(++n < N_SLOTS / 2);
            }
        }
    }
    *out = t;
    return TN_OK;
}

static bool catalogue_model(const tn_prose *p, tn_str name, tn_str *id)
{
    char text[LONGEST_NAME];
    if (name.len > sizeof text)
        return false;
    const struct model_key *k = model_slot(p->models, lower(name, text));
    if (k->key.ptr)
        *id = k->id;
    return k->key.ptr;
}

tn_status tn_prose_open(const tn_check_source *source, tn_findings *findings, tn_md *md, tn_prose *out, bool *too_long, tn_err *err)
{
    tn_status st = tn_md_parse(source->text, source->arena, md, err);
    *too_long = st == TN_ELIMIT;
    if (st != TN_OK)
        return *too_long ? TN_OK : st;
    *out = (tn_prose){.source = source, .md = md, .arena = source->arena, .findings = findings, .err = err, .body = tn_md_all(md)};
    return models_read(source->arena, &out->models, err);
}

/* Beginnings of names that are used in prose, and the family that each is. A digit or "-" may follow, or the end. */
static const char *const family[][2] = {
    {"distilbert", "distilbert"}, {"distilroberta", "distilroberta"}, {"xlm-roberta", "xlm-r"}, {"xlm-r", "xlm-r"}, {"xlmr", "xlm-r"}, {"roberta", "roberta"},
    {"phobert", "phobert"}, {"visobert", "visobert"}, {"camembert", "camembert"}, {"mdeberta", "mdeberta"}, {"deberta", "deberta"}, {"modernbert", "modernbert"},
    {"mmbert", "mmbert"}, {"mbert", "mbert"}, {"bertweet", "bertweet"}, {"finbert", "finbert"}, {"scibert", "scibert"}, {"biobert", "biobert"}, {"electra", "electra"}, {"albert", "albert"},
    {"bert-base-multilingual", "mbert"}, {"bert", "bert"}, {"multilingual-e5", "e5"}, {"e5", "e5"}, {"bge", "bge"}, {"gte", "gte"}, {"minilm", "minilm"}, {"mpnet", "mpnet"},
    {"labse", "labse"}, {"flan-t5", "flan-t5"}, {"mt5", "mt5"}, {"byt5", "byt5"}, {"vit5", "vit5"}, {"t5", "t5"}, {"bart", "bart"}, {"mbart", "mbart"}, {"pegasus", "pegasus"}, {"nllb", "nllb"},
    {"gpt", "gpt"}, {"llama", "llama"}, {"mistral", "mistral"}, {"mixtral", "mixtral"}, {"qwen", "qwen"}, {"gemma", "gemma"}, {"phi", "phi"}, {"falcon", "falcon"}, {"smollm", "smollm"},
    {"whisper", "whisper"}, {"phowhisper", "phowhisper"}, {"wav2vec2", "wav2vec2"}, {"hubert", "hubert"}, {"vit", "vit"}, {"deit", "deit"}, {"swin", "swin"}, {"resnet", "resnet"},
    {"convnext", "convnext"}, {"dinov2", "dinov2"}, {"clip", "clip"}, {"siglip", "siglip"}, {"yolos", "yolos"}, {"detr", "detr"}, {"longformer", "longformer"}, {"bigbird", "bigbird"},
    {"xlnet", "xlnet"}, {"gliner", "gliner"}, {"setfit", "setfit"}, {"layoutlm", "layoutlm"}, {"claude", "claude"}, {"gemini", "gemini"},
};
/* Words that are also English: a name only with a digit or a hyphen behind it. */
static const char *const also_words[] = {"phi", "falcon", "clip", "bert", "swin", "pegasus", "electra", "albert", "bart", "whisper", "gemini", NULL};

static bool is_family(tn_str name, tn_str *out)
{
    for (size_t i = 0; i < TN_COUNT(family); i++) {
        size_t n = strlen(family[i][0]);
        if (name.len < n || strncasecmp(name.ptr, family[i][0], n) != 0 || (name.len > n && name.ptr[n] >= 'a' && name.ptr[n] <= 'z'))
            continue;
        bool capital = false;
        for (size_t k = 0; k < n; k++)
            capital = capital || (name.ptr[k] >= 'A' && name.ptr[k] <= 'Z' && k > 0);
        for (const char *const *w = also_words; *w; w++)
            if (strcmp(*w, family[i][0]) == 0 && name.len == n && !capital)
                return false;
        *out = tn_str_of(family[i][1]);
        return true;
    }
    return false;
}

bool tn_prose_model(const tn_prose *p, size_t *at, size_t end, tn_model_name *out)
{
    const tn_md *m = p->md;
    for (size_t i = *at; i < end; i++) {
        if (!in_name(m->text.ptr[i]) || (i > 0 && in_name(m->text.ptr[i - 1])))
            continue;
        size_t from = i;
        while (i < end && in_name(m->text.ptr[i]))
            i++;
        tn_str name = tn_str_sub(m->text, from, i);
        while (name.len && (name.ptr[name.len - 1] == '.' || name.ptr[name.len - 1] == '-' || name.ptr[name.len - 1] == '/'))
            name.len--;
        if (name.len < 2 || name.len > LONGEST_NAME)
            continue;
        *out = (tn_model_name){.at = {from, from + name.len}, .name = name};
        bool known = name.len >= 6 && (memchr(name.ptr, '-', name.len) || memchr(name.ptr, '/', name.len)) && catalogue_model(p, name, &out->id);
        size_t slash = tn_str_find(name, TN_STR("/"), 0);
        tn_str last = slash == SIZE_MAX ? name : tn_str_sub(name, slash + 1, name.len);
        if (!known)
            out->id = TN_STR("");
        if (!is_family(last, &out->family)) {
            if (!known)
                continue;
            out->family = last;
        }
        /* In a fence or a link's target it is not something the text says. */
        size_t b = tn_md_block_at(m, from);
        if (b == SIZE_MAX || m->block[b].kind == TN_MD_FENCE || m->block[b].kind == TN_MD_CODE)
            continue;
        *at = i;
        return true;
    }
    *at = end;
    return false;
}

/* ---- who-scope: names that do not exist ---- */

/* AutoModelFor... of transformers 4.40 to 5.23, and of trl. */
static const char *const auto_model[] = {
    "AudioClassification", "AudioFrameClassification", "AudioTokenization", "AudioXVector", "CTC", "CausalLM", "CausalLMWithValueHead", "CausalLMWithHydraValueHead", "Decision",
    "DepthEstimation", "DocumentQuestionAnswering", "ImageClassification", "ImageMatting", "ImageSegmentation", "ImageTextToText", "ImageToImage", "InstanceSegmentation",
    "KeypointDetection", "KeypointMatching", "MaskGeneration", "MaskedImageModeling", "MaskedLM", "MultimodalLM", "MultipleChoice", "NextSentencePrediction", "NormalEstimation",
    "ObjectDetection", "PointmapEstimation", "PoseEstimation", "PreTraining", "QuestionAnswering", "RNNT", "SemanticSegmentation", "Seq2SeqLM", "Seq2SeqLMWithValueHead",
    "SequenceClassification", "SpeechSeq2Seq", "TDT", "TableQuestionAnswering", "TableRecognition", "TextEncoding", "TextRecognition", "TextToSpectrogram", "TextToWaveform",
    "TimeSeriesPrediction", "TokenClassification", "UniversalSegmentation", "VideoClassification", "Vision2Seq", "VisualQuestionAnswering", "ZeroShotImageClassification",
    "ZeroShotObjectDetection",
};

bool tn_prose_is_auto_model(tn_str name)
{
    for (size_t k = 0; k < TN_COUNT(auto_model); k++)
        if (tn_str_is(name, auto_model[k]))
            return true;
    return false;
}

static tn_status auto_classes(tn_prose *p)
{
    tn_str t = p->md->text, mark = TN_STR("AutoModelFor");
    for (size_t i = p->body.from; (i = tn_str_find(t, mark, i)) < p->body.to; i += mark.len) {
        size_t end = i + mark.len, b = tn_md_block_at(p->md, i);
        while (end < t.len && (is_digit(t.ptr[end]) || (t.ptr[end] >= 'a' && t.ptr[end] <= 'z') || (t.ptr[end] >= 'A' && t.ptr[end] <= 'Z') || t.ptr[end] == '_'))
            end++;
        tn_str name = tn_str_sub(t, i + mark.len, end);
        bool known = name.len == 0 || (end < t.len && (t.ptr[end] == '*' || t.ptr[end] == '.')) || b == SIZE_MAX || p->md->block[b].kind == TN_MD_FENCE || tn_str_starts(name, "X") ||
                     (i > 0 && (in_name(t.ptr[i - 1])));
        known = known || tn_prose_is_auto_model(name);
        /* The document's own class. */
        tn_str own = tn_str_format(p->arena, "class AutoModelFor%.*s", TN_ARG(name));
        if (!own.ptr)
            return tn_fail_nomem(p->err, name.len);
        if (known || tn_str_find(t, own, 0) != SIZE_MAX)
            continue;
        TN_TRY(tn_prose_say(p, (tn_md_range){i, end}, "use the class of the task: AutoModelForSequenceClassification, AutoModelForTokenClassification, AutoModelForCausalLM ...",
                            "transformers has no class AutoModelFor%.*s", TN_ARG(name)));
    }
    return TN_OK;
}

/* Names that were removed are told by the table of removed names. */
bool tn_prose_is_pipeline(tn_str name)
{
    static const char *const alias[] = {"sentiment-analysis", "ner", "vqa", "text-to-speech", "translation", "image-text-to-text", "zero-shot-audio-classification", "text2text-generation", "conversational", NULL};
    tn_catalog_row row;
    for (const char *const *a = alias; *a; a++)
        if (tn_str_is(name, *a))
            return true;
    if (tn_str_starts(name, "translation_"))
        return true;
    return tn_catalog_find("tasks", "tag", name, &row) && !tn_str_is(tn_catalog_get(&row, "transformers_pipeline"), "no");
}

/* `pipeline("...")` in inline code. */
static tn_status pipelines(tn_prose *p)
{
    for (size_t i = 0; i < p->md->n_spans; i++) {
        const tn_md_span *s = &p->md->span[i];
        if (s->kind != TN_MD_SPAN_CODE || s->from < p->body.from || s->to > p->body.to)
            continue;
        tn_str code = tn_str_sub(p->md->text, s->from, s->to);
        size_t at = tn_str_find(code, TN_STR("pipeline("), 0);
        if (at == SIZE_MAX || at + 10 >= code.len || (code.ptr[at + 9] != '"' && code.ptr[at + 9] != '\''))
            continue;
        tn_str quote = tn_str_sub(code, at + 9, at + 10);
        size_t end = tn_str_find(code, quote, at + 10);
        tn_str name = end == SIZE_MAX ? TN_STR("") : tn_str_sub(code, at + 10, end);
        tn_md_range r = {s->from, s->to};
        if (name.len == 0 || name.ptr[0] == '.' || name.ptr[0] == '<' || name.ptr[0] == '{' || tn_prose_is_pipeline(name) || tn_prose_negated(p->md, r))
            continue;
        TN_TRY(tn_prose_say(p, r, "use a task of transformers.pipeline, for example text-classification", "transformers has no pipeline \"%.*s\"", TN_ARG(name)));
    }
    return TN_OK;
}

/* One insertion, deletion, exchange or swap of neighbours apart. */
static bool one_slip(tn_str a, tn_str b)
{
    size_t i = 0, k = 0;
    while (i < a.len && i < b.len && a.ptr[i] == b.ptr[i])
        i++;
    while (k < a.len - i && k < b.len - i && a.ptr[a.len - 1 - k] == b.ptr[b.len - 1 - k])
        k++;
    size_t x = a.len - i - k, y = b.len - i - k;
    return (x == 1 && y == 1) || x + y == 1 || (x == 2 && y == 2 && a.ptr[i] == b.ptr[i + 1] && a.ptr[i + 1] == b.ptr[i]);
}

/* The part between hyphens in which they differ is a word of four letters or more: "bas" for "base", not "en" for "fr". */
static bool differs_in_a_word(tn_str known, tn_str written)
{
    tn_str x, y;
    while (tn_str_cut(&known, '-', &x)) {
        if (!tn_str_cut(&written, '-', &y))
            return false;
        if (tn_str_eq(x, y))
            continue;
        for (size_t i = 0; i < x.len; i++)
            if (!((x.ptr[i] | 32) >= 'a' && (x.ptr[i] | 32) <= 'z'))
                return false;
        for (size_t i = 0; i < y.len; i++)
            if (!((y.ptr[i] | 32) >= 'a' && (y.ptr[i] | 32) <= 'z'))
                return false;
        return x.len >= 4 && y.len >= 3;
    }
    return false;
}

/* Houses whose models are few and well known: a name of another house's model under theirs is a slip. */
static bool is_house(tn_str org)
{
    static const char *const house[] = {"google", "facebook", "microsoft", "meta-llama", "openai", "huggingface", "google-bert", "FacebookAI", "openai-community", "google-t5", "distilbert", NULL};
    for (const char *const *h = house; *h; h++)
        if (tn_str_is(org, *h))
            return true;
    return false;
}

static tn_status model_id(tn_prose *p, tn_md_range at, tn_str id, size_t slash)
{
    tn_str org = tn_str_sub(id, 0, slash), name = tn_str_sub(id, slash + 1, id.len), near = {NULL, 0}, elsewhere = {NULL, 0};
    tn_catalog_row row;
    for (bool more = tn_catalog_first("models", &row); more; more = tn_catalog_next(&row)) {
        tn_str known = tn_catalog_get(&row, "id");
        size_t cut = tn_str_find(known, TN_STR("/"), 0);
        if (cut == SIZE_MAX)
            continue;
        tn_str known_name = tn_str_sub(known, cut + 1, known.len);
        bool same_org = same_fold(tn_str_sub(known, 0, cut), org), same_name = same_fold(known_name, name);
        if (same_org && same_name)
            return TN_OK;
        if (same_name && name.len >= 10)
            elsewhere = known;
        if (same_org && name.len >= 8 && one_slip(known_name, name) && differs_in_a_word(known_name, name))
            near = known;
    }
    if (!near.ptr && is_house(org))
        near = elsewhere;
    if (!near.ptr)
        return TN_OK;
    return tn_prose_say_with(p, at, id, tn_str_format(p->arena, "write %.*s, with its revision", TN_ARG(near)).ptr, "no model of this id is known; %.*s is", TN_ARG(near));
}

static tn_status model_ids(tn_prose *p)
{
    tn_str t = p->md->text;
    size_t looked = 0;
    for (size_t i = p->body.from; i < p->body.to && looked < MOST_LOOKED_AT; i++) {
        if (!in_name(t.ptr[i]) || (i > 0 && (in_name(t.ptr[i - 1]) || t.ptr[i - 1] == ':' || t.ptr[i - 1] == '@')))
            continue;
        size_t from = i, slash = SIZE_MAX, slashes = 0;
        for (; i < p->body.to && in_name(t.ptr[i]); i++)
            if (t.ptr[i] == '/') {
                slash = i - from;
                slashes++;
            }
        tn_str id = tn_str_sub(t, from, i);
        while (id.len && (id.ptr[id.len - 1] == '.' || id.ptr[id.len - 1] == '/'))
            id.len--;
        tn_str house;
        if (slashes != 1 || slash == 0 || slash + 1 >= id.len || id.len > LONGEST_NAME || (!catalogue_model(p, tn_str_sub(id, 0, slash + 1), &house) && !is_house(tn_str_sub(id, 0, slash))))
            continue;
        looked++;
        TN_TRY(model_id(p, (tn_md_range){from, from + id.len}, id, slash));
    }
    return TN_OK;
}

/* ---- govern-pii ---- */

static bool is_made_up(tn_str value, tn_pii_kind kind)
{
    static const char *const mail[] = {"example.", "@test.", "@localhost", "noreply", "no-reply", ".invalid", ".test", "user@", "username@", "you@", "your", "someone@", "name@", "foo@", "git@",
                                       "john.doe", "jane.doe", "johndoe", "janedoe", "test@", "@domain.", "@email.", "@company.", "@mail.com", "abc@", "xyz@", "info@", "contact@", "support@", "hello@", "@acme."};
    static const char *const number[] = {"555", "12345", "23456", "00000", "11111", "99999", "98765"};
    static const char *const card[] = {"4111111111111111", "4242424242424242", "4012888888881881", "5555555555554444", "5105105105105100", "378282246310005", "371449635398431", "6011111111111117", "30569309025904", "3530111333300000"};
    static const char *const iban[] = {"GB82WEST", "DE8937040044", "FR1420041010", "GB29NWBK", "NL91ABNA"};
    char digits[64];
    size_t n = 0;
    for (size_t i = 0; i < value.len && n + 1 < sizeof digits; i++)
        if (kind == TN_PII_EMAIL || (value.ptr[i] != ' ' && value.ptr[i] != '-' && value.ptr[i] != '.' && value.ptr[i] != '+'))
            digits[n++] = kind == TN_PII_EMAIL && value.ptr[i] >= 'A' && value.ptr[i] <= 'Z' ? (char)(value.ptr[i] + 32) : value.ptr[i];
    digits[n] = 0;
    const char *const *list = kind == TN_PII_EMAIL ? mail : kind == TN_PII_CARD ? card : kind == TN_PII_IBAN ? iban : number;
    size_t n_list = kind == TN_PII_EMAIL ? TN_COUNT(mail) : kind == TN_PII_CARD ? TN_COUNT(card) : kind == TN_PII_IBAN ? TN_COUNT(iban) : TN_COUNT(number);
    for (size_t i = 0; i < n_list; i++)
        if (strstr(digits, list[i]))
            return true;
    return kind == TN_PII_IP; /* of machines, not of people, in documents */
}

/* The block shows an example (a row, an input, a quoted review), and is not about how to reach somebody. */
static bool is_example(const tn_md *m, size_t b)
{
    const char *contact = "contact|contacts|author|authors|maintainer*|maintained|email us|e mail us|mail us|reach|questions|feedback to|support|correspond*|citation|cite|team|licen*|report issues|write to|"
                          "developed by|created by|curated by|shared by|funded by|acknowledg*|affiliation*|organi*|university|institute|department|security|privacy|removal|takedown|opt out|delete*|request*|inquir*|enquir*";
    tn_md_range r = tn_md_block_range(m, b);
    uint32_t h = m->block[b].heading;
    for (int up = 0; h > 0 && up < 8; up++, h = m->block[h - 1].heading)
        if (tn_md_has(m, tn_md_block_range(m, h - 1), contact))
            return false;
        else if (m->block[h - 1].level <= 2)
            break;
    if (m->block[b].kind == TN_MD_FENCE) {
        char language[32];
        tn_str l = tn_md_language(&m->block[b], language);
        return !tn_str_is(l, "bibtex") && !tn_str_is(l, "bib") && !tn_str_starts(tn_str_trim(m->block[b].text), "@") && !tn_str_is(l, "toml");
    }
    bool cue = m->block[b].kind == TN_MD_TABLE || tn_md_has(m, r, "example*|sample*|input*|review|reviews|customer*|row|rows|record|text|message|ticket|complaint|says|said|wrote|writes|prompt|output|predict*|patient*|caller");
    if (!cue && m->block[b].heading)
        cue = tn_md_has(m, tn_md_block_range(m, m->block[b].heading - 1), "example*|sample*|input*|data instances|widget|usage|row|rows|demo");
    return cue && !tn_md_has(m, r, contact);
}

static tn_status personal_data(tn_prose *p)
{
    p->rule = "govern-pii";
    size_t said = 0, looked = 0;
    for (size_t b = 0; b < p->md->n_blocks && looked < MOST_LOOKED_AT && said < MOST_OF_A_KIND; b++) {
        tn_md_range r = tn_md_block_range(p->md, b);
        tn_str text = p->md->block[b].text;
        tn_pii_kind kind;
        for (size_t at = 0, from, to; said < MOST_OF_A_KIND && looked < MOST_LOOKED_AT && tn_pii_next(text, &at, &kind, &from, &to);) {
            looked++;
            if (is_made_up(tn_str_sub(text, from, to), kind) || !is_example(p->md, b))
                continue;
            said++;
            /* The finding must not spread what it is about. */
            TN_TRY(tn_prose_say_with(p, (tn_md_range){r.from + from, r.from + to}, tn_str_format(p->arena, "[%s], %zu characters", tn_pii_name(kind), to - from),
                                     "replace the value by its kind, as in \"[email]\" (tenet data pii), and check that it was not published elsewhere",
                                     "personal data (%s) stands in an example", tn_pii_name(kind)));
        }
    }
    return TN_OK;
}

tn_status tn_prose_common(tn_prose *p)
{
    TN_TRY(tn_prose_claims(p, hype));
    p->rule = "who-scope";
    TN_TRY(auto_classes(p));
    TN_TRY(pipelines(p));
    TN_TRY(model_ids(p));
    return personal_data(p);
}

/* ---- fences ---- */

bool tn_prose_is_python(const tn_md_block *fence)
{
    char buffer[32];
    tn_str l = tn_md_language(fence, buffer);
    return fence->kind == TN_MD_FENCE && (tn_str_is(l, "python") || tn_str_is(l, "py") || tn_str_is(l, "python3") || tn_str_is(l, "ipython"));
}

bool tn_prose_is_code(tn_str text)
{
    static const char *const anywhere[] = {".from_pretrained(", "pipeline(", "load_dataset(", "trainer.train(", "TrainingArguments(", "SentenceTransformer(", ".fit(", ".predict(", ".generate(", "print("};
    static const char *const begins[] = {"import ", "from ", "def ", "class ", "pip install ", "$ ", "python ", "python3 ", "!pip ", "%pip ", "huggingface-cli ", "hf download", "curl ", "docker ", "git clone ", "accelerate launch ", "tenet "};
    for (size_t i = 0; i < TN_COUNT(anywhere); i++)
        if (tn_str_find(text, tn_str_of(anywhere[i]), 0) != SIZE_MAX)
            return true;
    tn_str line;
    while (tn_str_cut(&text, '\n', &line)) {
        line = tn_str_trim(line);
        for (size_t i = 0; i < TN_COUNT(begins); i++)
            if (tn_str_starts(line, begins[i]) && (i >= 2 || tn_str_find(line, TN_STR("import "), 0) != SIZE_MAX) && !tn_str_ends(line, "."))
                return true;
    }
    return false;
}

tn_status tn_prose_fences(tn_prose *p)
{
    for (size_t i = 0; i < p->md->n_blocks; i++) {
        const tn_md_block *b = &p->md->block[i];
        tn_str code = b->text;
        if (!tn_prose_is_python(b))
            continue;
        if (b->indent || b->quoted)
            TN_TRY(tn_md_fence_code(b, p->arena, &code, p->err));
        TN_TRY(tn_check_piece(p->source, TN_KIND_PYTHON, code, b->line + 1, p->findings, p->err));
    }
    return TN_OK;
}
