/* What is outside code, what fits, and what a result proves: data-config, data-pipeline, data-fit, data-hub, and the eval-*
 * rules over Python. Each says only what stands in the file: literals, ids and names; where a model, a metric or a file is
 * not known, nothing is said. */
#include "check/py_train.h"

#include "base/file.h"
#include "check/repository.h"

#include <ctype.h>
#include <string.h>

static bool starts_any(tn_str text, const char *words)
{
    tn_str rest = tn_str_of(words), word;
    while (tn_str_cut(&rest, '|', &word))
        if (text.len >= word.len && memcmp(text.ptr, word.ptr, word.len) == 0)
            return true;
    return false;
}

/* Comments, docstrings of the file, and what a notebook says between its cells. */
static bool file_says(const tn_py_check *c, const char *words)
{
    for (size_t i = 0; i < c->tree->n_comments; i++)
        if (tn_str_has_any_fold(tn_str_sub(c->tree->text, c->tree->comment[i].from, c->tree->comment[i].to), words))
            return true;
    for (const tn_py_node *n = c->tree->body; n; n = tn_py_next(n, NULL))
        if (n->kind == TN_PY_EXPR && n->x && n->x->kind == TN_PY_STRING && tn_str_has_any_fold(n->x->str, words))
            return true;
    for (size_t i = 0; c->notebook && i < c->notebook->n_cells; i++)
        if (c->notebook->cell[i].kind == TN_CELL_MARKDOWN && tn_str_has_any_fold(c->notebook->cell[i].source, words))
            return true;
    return false;
}

static bool text_has(const tn_py_check *c, const char *words)
{
    return tn_str_has_any_fold(c->tree->text, words);
}

/* ---- data-config ---- */

enum { RATE = 1, LENGTH = 2, BATCH = 4 };

static unsigned setting(tn_str name)
{
    return tn_py_word_in(name, "learning_rate|lr|body_learning_rate|head_learning_rate|max_lr")                                  ? RATE
           : tn_py_word_in(name, "num_train_epochs|epochs|num_epochs|max_epochs|n_epochs|nb_epoch|max_steps")                      ? LENGTH
           : tn_py_word_in(name, "per_device_train_batch_size|per_gpu_train_batch_size|train_batch_size|batch_size|mini_batch_size") ? BATCH
                                                                                                                          : 0;
}

/* Settings that stand as numbers in the call itself, or in a dict that is unpacked into it. */
static unsigned literal_settings(const tn_py_event *e)
{
    unsigned found = 0;
    for (size_t i = 0; i < e->n_args; i++) {
        const tn_py_node *n = tn_py_bare(e->arg[i].node);
        if (n && n->kind == TN_PY_NUMBER && e->arg[i].name.len)
            found |= setting(e->arg[i].name);
    }
    return found;
}

static bool is_two(unsigned s)
{
    return (s & (s - 1)) != 0;
}

static bool is_arguments(const tn_py_event *e)
{
    return tn_py_named(e, "TrainingArguments|Seq2SeqTrainingArguments|SentenceTransformerTrainingArguments|SFTConfig|DPOConfig|ORPOConfig|RewardConfig|GRPOConfig|KTOConfig") &&
           starts_any(e->callee, "transformers.|trl.|setfit.|sentence_transformers.");
}

/* `for epoch in range(3)` around the step of training. */
static bool counts_epochs(const tn_py_check *c, const tn_py_event *backward)
{
    for (const tn_py_node *p = backward->node; p; p = p->parent) {
        double n;
        if (p->kind == TN_PY_FOR && p->y->kind == TN_PY_CALL && tn_str_is(p->y->x->str, "range") && tn_py_f64(tn_py_argument(p->y, 0), &n) && tn_py_has(tn_py_source(c->tree, p->x), "epoch"))
            return true;
    }
    return false;
}

static tn_status look_config(tn_py_check *c)
{
    static const char remedy[] = "read them from a file of the run (config.yaml, a plan), or from arguments: then a run says what it was";
    if (tn_py_is_test(c) || c->source->fragment)
        return TN_OK;
    bool outside = c->flow->has_cli || c->flow->has_config;
    unsigned run_settings = 0;
    uint32_t run = UINT32_MAX;
    const tn_py_event *rate = NULL;
    for (size_t i = 0; i < c->flow->n_events; i++) {
        const tn_py_event *e = c->flow->event[i];
        unsigned here = literal_settings(e);
        if (is_arguments(e) && is_two(here))
            return tn_py_say(c, e->node, NULL, remedy, "learning rate, epochs or batch size are numbers in this call: the configuration is inside the code");
        if (e->run != run) {
            run = e->run;
            run_settings = 0;
            rate = NULL;
        }
        bool keras = e->receiver && starts_any(e->receiver->type, "keras.|tensorflow.");
        if ((here & RATE) && starts_any(e->callee, "torch.optim.|keras.optimizers.|tensorflow.keras.optimizers.|transformers.AdamW|transformers.optimization.")) {
            rate = e;
            run_settings |= RATE;
        }
        if (tn_py_named(e, "DataLoader") || (keras && tn_py_named(e, "fit")))
            run_settings |= here & (LENGTH | BATCH);
        bool trains = tn_py_named(e, "backward") ? e->in_loop : keras && tn_py_named(e, "fit");
        if (trains && tn_py_named(e, "backward") && counts_epochs(c, e))
            run_settings |= LENGTH;
        if (trains && rate && !outside && run_settings == (RATE | LENGTH | BATCH))
            return tn_py_say(c, rate->node, NULL, remedy, "learning rate, batch size and epochs are numbers in calls: the configuration is inside the code");
    }
    return TN_OK;
}

/* ---- data-pipeline ---- */

static bool is_task_model(tn_str callee)
{
    return tn_str_ends(callee, ".from_pretrained") && (tn_py_has(callee, "ForSequenceClassification") || tn_py_has(callee, "ForImageClassification") || tn_py_has(callee, "ForQuestionAnswering") ||
                                                       tn_py_has(callee, "ForTokenClassification") || tn_py_has(callee, "ForAudioClassification"));
}

static bool is_literal_text(const tn_py_value *v)
{
    if (v && v->kind == TN_PV_LIST && v->n_items > 0)
        v = v->item[0].value;
    return v && v->kind == TN_PV_STRING;
}

static tn_status look_pipeline(tn_py_check *c)
{
    const tn_py_event *model = NULL;
    const tn_py_node *by_hand = NULL;
    bool shown = tn_py_imports(c->flow, "gradio") || tn_py_imports(c->flow, "streamlit"), logits = false;
    if (tn_py_is_test(c))
        return TN_OK;
    for (size_t i = 0; i < c->flow->n_events; i++) {
        const tn_py_event *e = c->flow->event[i];
        model = model ? model : is_task_model(e->callee) ? e : NULL;
        if (tn_py_named(e, "backward|fit|train|evaluate|DataLoader|Trainer|TrainingArguments|load_dataset|load_from_disk|read_csv|load_metric|compute|ArgumentParser|FastAPI|Flask|quantize_dynamic|export|trace|get_peft_model|hook|"
                           "register_forward_hook|save_pretrained|push_to_hub|InferenceSession|perf_counter|time|allclose|assert_close|Explainer|attribute"))
            return TN_OK; /* trains, measures, serves, converts or explains: not a demo */
        for (size_t k = 0; k < e->n_args; k++)
            if (tn_str_is(e->arg[k].name, "labels") || tn_str_is(e->arg[k].name, "output_attentions") || tn_str_is(e->arg[k].name, "output_hidden_states"))
                return TN_OK;
        shown = shown || tn_py_is(e, "input") || (tn_str_ends(e->callee, ".__call__") && tn_py_has(e->callee, "Tokenizer") && is_literal_text(tn_py_arg(e, "text", 0)));
        if (!by_hand && (tn_py_named(e, "softmax|sigmoid") || tn_py_is(e, "numpy.exp") || (tn_py_named(e, "argmax") && tn_py_has(tn_py_source(c->tree, e->node), "logits"))))
            by_hand = e->node;
    }
    for (const tn_py_node *n = c->tree->body; n && !logits; n = tn_py_next(n, NULL))
        logits = n->kind == TN_PY_ATTRIBUTE && tn_py_word_in(n->str, "logits|start_logits");
    if (!model || !by_hand || !logits || !(shown || file_says(c, "demo")))
        return TN_OK;
    return tn_py_say(c, by_hand, NULL, "use transformers.pipeline(task, model=..., revision=...): it truncates, batches, names the labels and joins the pieces",
                     "this demo turns raw logits into an answer by hand, where a pipeline of the task does it");
}

/* ---- data-fit ---- */

static bool load_id(const tn_py_event *e, tn_str *id)
{
    return tn_py_named(e, "from_pretrained") && tn_py_as_str(tn_py_arg(e, "pretrained_model_name_or_path", 0), id);
}

static tn_str without_owner(tn_str id)
{
    return tn_path_name(id);
}

/* "bert-base-uncased" beside "bert-base-cased": the same model but for the letters that it knows. */
static bool differ_in_case(tn_str uncased, tn_str cased)
{
    uncased = without_owner(uncased), cased = without_owner(cased);
    size_t at = tn_str_find(uncased, TN_STR("uncased"), 0);
    return at != SIZE_MAX && cased.len + 2 == uncased.len && memcmp(cased.ptr, uncased.ptr, at) == 0 && memcmp(cased.ptr + at, uncased.ptr + at + 2, cased.len - at) == 0;
}

static bool loads(const tn_py_check *c, const char *part, tn_str id)
{
    tn_str other;
    for (size_t i = 0; i < c->flow->n_events; i++)
        if (load_id(c->flow->event[i], &other) && tn_py_has(c->flow->event[i]->callee, part) && tn_str_eq(without_owner(other), without_owner(id)))
            return true;
    return false;
}

static tn_status look_case(tn_py_check *c)
{
    tn_str id, other;
    bool lower;
    for (size_t i = 0; i < c->flow->n_events; i++) {
        const tn_py_event *e = c->flow->event[i];
        if (!load_id(e, &id) || !tn_py_has(e->callee, "Tokenizer"))
            continue;
        bool cased = tn_py_has(id, "-cased"), uncased = tn_py_has(id, "uncased");
        if (tn_py_as_bool(tn_py_arg(e, "do_lower_case", -1), &lower) && ((lower && cased) || (!lower && uncased)))
            return tn_py_say(c, e->node, NULL, "leave do_lower_case to the checkpoint, or take the checkpoint that fits the text", "do_lower_case=%s on %.*s: most words with capitals fall apart into other pieces than those the model learnt",
                             lower ? "True" : "False", TN_ARG(id));
        for (size_t k = 0; (cased || uncased) && k < c->flow->n_events; k++)
            if (load_id(c->flow->event[k], &other) && tn_py_has(c->flow->event[k]->callee, "Model") && (uncased ? differ_in_case(id, other) : differ_in_case(other, id)) && !loads(c, "Model", id) &&
                !loads(c, "Tokenizer", other))
                return tn_py_say(c, e->node, NULL, "load tokenizer and model from one id and revision", "the tokenizer is that of %.*s, the model is %.*s: their vocabularies differ", TN_ARG(id), TN_ARG(other));
    }
    return TN_OK;
}

/* Checkpoints that were trained on English alone, under their own names. */
static bool is_english(tn_str id)
{
    tn_str name = without_owner(id), owner = tn_str_sub(id, 0, id.len - name.len);
    return (owner.len == 0 || tn_py_word_in(owner, "google-bert/|FacebookAI/|distilbert/|microsoft/|google/|facebook/|openai-community/|sentence-transformers/|albert/|roberta/")) &&
           starts_any(name, "bert-base-uncased|bert-base-cased|bert-large-uncased|bert-large-cased|distilbert-base-uncased|distilbert-base-cased|roberta-base|roberta-large|distilroberta-base|albert-base|"
                            "albert-large|deberta-v3-|deberta-base|electra-small|electra-base|electra-large|all-MiniLM-L|all-mpnet-base|bart-base|bart-large");
}

static bool is_folded(tn_str a, tn_str lower)
{
    if (a.len != lower.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (tolower((unsigned char)a.ptr[i]) != lower.ptr[i])
            return false;
    return true;
}

/* One of the lower-case words stands between two things that are no letters. */
static bool has_word(tn_str text, const char *words)
{
    tn_str rest = tn_str_of(words), word;
    while (tn_str_cut(&rest, '|', &word))
        for (size_t i = 0; i + word.len <= text.len; i++)
            if ((i == 0 || !isalpha((unsigned char)text.ptr[i - 1])) && (i + word.len == text.len || !isalpha((unsigned char)text.ptr[i + word.len])) &&
                is_folded(tn_str_sub(text, i, i + word.len), word))
                return true;
    return false;
}

/* A set of one language that is not English, by its id, or by the configuration that is chosen from one of many languages. */
static bool is_foreign(const tn_py_event *load, tn_str id)
{
    static const char languages[] = "vietnamese|german|french|spanish|italian|portuguese|dutch|polish|czech|russian|ukrainian|turkish|arabic|persian|hebrew|hindi|bengali|tamil|telugu|urdu|thai|indonesian|chinese|"
                                    "japanese|korean|finnish|swedish|danish|norwegian|hungarian|romanian|greek|bulgarian|swahili|amharic|yoruba|gnad|allocine|germeval|klue|thaisum|wisesight";
    tn_str name;
    if (has_word(id, "english|en|translation|parallel|opus|wmt|multilingual"))
        return false;
    if (has_word(id, languages))
        return true;
    return has_word(id, "xnli|paws-x|pawsx|mlsum|amazon_reviews_multi|wikiann|xquad|mlqa|massive|xlsum|wikilingua|tydiqa") && tn_py_as_str(tn_py_arg(load, "name", 1), &name) &&
           tn_py_word_in(name, "vi|de|fr|es|it|pt|nl|pl|cs|ru|uk|tr|ar|fa|he|hi|bn|ta|te|ur|th|id|zh|ja|ko|fi|sv|el|bg|sw");
}

static tn_status look_language(tn_py_check *c)
{
    const tn_py_event *english = NULL, *foreign = NULL;
    tn_str id, model = TN_STR(""), data = TN_STR("");
    for (size_t i = 0; i < c->flow->n_events; i++) {
        const tn_py_event *e = c->flow->event[i];
        if (load_id(e, &id) && tn_py_has(e->callee, "Model")) {
            if (!is_english(id))
                return TN_OK; /* a comparison, or the right one */
            english = e, model = id;
        } else if (tn_py_is(e, "datasets.load_dataset")) {
            if (!tn_py_as_str(tn_py_arg(e, "path", 0), &id) || !is_foreign(e, id))
                return TN_OK;
            foreign = e, data = id;
        }
    }
    if (!english || !foreign || file_says(c, "english|baseline"))
        return TN_OK;
    return tn_py_say(c, english->node, NULL, "take a model that was trained on the language, or on many, and measure pieces a word on your rows", "%.*s knows English, and %.*s is in another language", TN_ARG(model), TN_ARG(data));
}

/* Billions of parameters by the id: "Mistral-7B-v0.3" → 7. */
static double billions(tn_str id)
{
    for (size_t i = 1; i < id.len; i++) {
        size_t from = i;
        double n;
        if ((id.ptr[i] != 'B' && id.ptr[i] != 'b') || (i + 1 < id.len && isalnum((unsigned char)id.ptr[i + 1])))
            continue;
        while (from > 0 && (isdigit((unsigned char)id.ptr[from - 1]) || id.ptr[from - 1] == '.'))
            from--;
        if (from < i && (from == 0 || strchr("-_/", id.ptr[from - 1])) && tn_str_to_f64(tn_str_sub(id, from, i), &n))
            return n;
    }
    return 0;
}

/* Rows that were chosen by number on the way to these; 0 = unknown. */
static double rows_at_most(const tn_py_value *v)
{
    double n;
    for (const tn_py_rows *r = v && v->n_rows == 1 ? v->rows[0] : NULL; r; r = r->of) {
        const tn_py_value *range = r->event && tn_py_named(r->event, "select") ? tn_py_arg(r->event, "indices", 0) : NULL;
        const tn_py_event *e = tn_py_maker(range);
        if (e && tn_py_is(e, "range") && e->n_args == 1 && tn_py_as_f64(e->arg[0].value, &n))
            return n;
    }
    return 0;
}

static tn_status look_size(tn_py_check *c)
{
    const tn_py_event *large = NULL, *trainer = NULL;
    tn_str id, name = TN_STR("");
    double rows = 0;
    for (size_t i = 0; i < c->flow->n_events; i++) {
        const tn_py_event *e = c->flow->event[i];
        if (load_id(e, &id) && tn_py_has(e->callee, "ForSequenceClassification") && billions(id) >= 6)
            large = e, name = id;
        if (tn_py_typed(e->result, "*Trainer") && tn_py_arg(e, "train_dataset", -1) && !trainer)
            trainer = e, rows = rows_at_most(tn_py_arg(e, "train_dataset", -1));
    }
    if (!large || !trainer || rows <= 0 || rows > 1000)
        return TN_OK;
    return tn_py_say(c, large->node, NULL, "begin with word n-grams and a small encoder's embeddings; keep the large model only when it beats them by more than the interval",
                     "%.*s is fine-tuned for classes on at most %.0f rows", TN_ARG(name), rows);
}

/* Labels out of a text generator: the prompt says classify, and a handful of tokens is all that it may write. */
static tn_status look_generator(tn_py_check *c)
{
    const tn_py_event *generator = NULL;
    bool few = false, asks = false;
    tn_str task;
    double n;
    for (size_t i = 0; i < c->flow->n_events; i++) {
        const tn_py_event *e = c->flow->event[i];
        if ((tn_py_is(e, "transformers.pipeline") && tn_py_as_str(tn_py_arg(e, "task", 0), &task) && tn_py_word_in(task, "text-generation|text2text-generation")) || tn_str_ends(e->callee, "ForCausalLM.from_pretrained"))
            generator = generator ? generator : e;
        few = few || (tn_py_as_f64(tn_py_arg(e, "max_new_tokens", -1), &n) && n <= 10);
        if (tn_py_named(e, "train|backward|Trainer|SFTTrainer|pipeline") && !(tn_py_named(e, "pipeline") && e == generator))
            return TN_OK;
    }
    for (const tn_py_node *s = c->tree->body; s && generator && few && !asks; s = tn_py_next(s, NULL))
        asks = s->kind == TN_PY_STRING && !(s->parent && s->parent->kind == TN_PY_EXPR) &&
               (tn_str_has_any_fold(s->str, "classify the|classify this|classify it|classify as|categorize the|categorise the")) && has_word(s->str, "positive|negative|label|labels|category|categories|class|classes|spam");
    if (!asks || file_says(c, "zero-shot|few-shot|few shot|because|baseline|compare|no labels"))
        return TN_OK;
    return tn_py_say(c, generator->node, NULL, "use a classifier: an encoder with a head, or embeddings and a linear model; keep the generator only with a measured reason",
                     "a text generator is asked for a label: it is slower, larger, and may answer outside the labels");
}

static tn_status look_fit(tn_py_check *c)
{
    if (tn_py_is_test(c))
        return TN_OK;
    TN_TRY(look_case(c));
    TN_TRY(look_language(c));
    TN_TRY(look_size(c));
    return look_generator(c);
}

/* ---- data-hub ---- */

/* Public sets by what people call their files: the part of the path, without marks, in lower case. */
static const char *public_set(tn_str part)
{
    static const struct {
        const char *start, *id;
        bool whole; /* also a plain word: not when more letters follow */
    } set[] = {{"imdb", "stanfordnlp/imdb", true}, {"sst2", "nyu-mll/glue (sst2)", true}, {"gluedata", "nyu-mll/glue", true}, {"squad", "rajpurkar/squad", true}, {"conll2003", "eriktks/conll2003", false},
               {"cifar100", "uoft-cs/cifar100", false}, {"cifar10", "uoft-cs/cifar10", false}, {"agnews", "fancyzhx/ag_news", false}, {"multinli", "nyu-mll/multi_nli", false}, {"dbpedia14", "fancyzhx/dbpedia_14", false}};
    char text[40];
    size_t n = 0, end;
    for (size_t i = 0; i < part.len && n < sizeof text; i++)
        if (isalnum((unsigned char)part.ptr[i]))
            text[n++] = (char)tolower((unsigned char)part.ptr[i]);
        else if (part.ptr[i] == '.')
            break;
    for (size_t i = 0; i < TN_COUNT(set); i++) {
        end = strlen(set[i].start);
        if (n >= end && memcmp(text, set[i].start, end) == 0 && (n == end || !set[i].whole || starts_any((tn_str){text + end, n - end}, "train|test|dev|val|data|review|raw")))
            return set[i].id;
    }
    return NULL;
}

static const char *public_path(tn_str path)
{
    const char *found = NULL;
    tn_str rest = path, part;
    if (tn_py_has(path, "://") && !starts_any(path, "s3://|gs://|az://|abfs://"))
        return NULL; /* a public address says where it is from */
    if (has_word(path, "output|outputs|out|results|result|logs|log|checkpoint|checkpoints|models|model|cache|runs|pred|preds|predictions|configs|config|conf"))
        return NULL;
    while (!found && tn_str_cut(&rest, '/', &part))
        found = public_set(part);
    return found;
}

static const char *public_value(const tn_py_value *v)
{
    tn_str s;
    const char *found = NULL;
    if (tn_py_as_str(v, &s))
        return public_path(s);
    for (size_t i = 0; v && !found && (v->kind == TN_PV_DICT || v->kind == TN_PV_LIST) && i < v->n_items; i++)
        found = tn_py_as_str(v->item[i].value, &s) ? public_path(s) : NULL;
    return found;
}

static tn_status look_hub(tn_py_check *c)
{
    if (tn_py_is_test(c))
        return TN_OK;
    const tn_py_event *at = NULL;
    const char *id = NULL;
    for (size_t i = 0; i < c->flow->n_events; i++) {
        const tn_py_event *e = c->flow->event[i];
        tn_str path;
        if (tn_py_named(e, "urlretrieve|urlopen|wget|snapshot_download|hf_hub_download|to_csv|to_json|to_parquet|save_to_disk|makedirs|mkdir|extractall|download|get_file") ||
            (tn_py_is(e, "datasets.load_dataset") && !(tn_py_as_str(tn_py_arg(e, "path", 0), &path) && tn_py_word_in(path, "csv|json|text|parquet|imagefolder"))))
            return TN_OK; /* it says where the rows come from, or makes the files itself */
        const char *found = NULL;
        if (tn_py_named(e, "read_csv|read_json|read_parquet|read_table|scan_csv") || tn_py_is(e, "fsspec.open") || tn_py_is(e, "open"))
            found = e->n_args ? public_value(e->arg[0].value) : NULL;
        else if (tn_py_is(e, "datasets.load_dataset"))
            found = public_value(tn_py_arg(e, "data_files", 3));
        else if (tn_py_is(e, "pathlib.Path") && e->n_args == 1 && tn_py_as_str(e->arg[0].value, &path) && (has_word(path, "train|test|dev|glue_data")) && (text_has(c, "open(|rglob(|glob(|iterdir(|read_text(")))
            found = public_path(path);
        if (found && !at)
            at = e, id = found;
    }
    if (!at || file_says(c, "hugging face|huggingface|hf.co| hub|http://|https://|copy of|source:") || text_has(c, "http://|https://"))
        return TN_OK;
    return tn_py_say(c, at->node, NULL, "load it with load_dataset(id, revision=...), or say beside the path which id and revision it is a copy of", "this is a private copy of a public data set (%s on the Hub), and nothing says so", id);
}

/* ---- eval-benchmark ---- */

static bool is_text_metric(const tn_py_event *e)
{
    tn_str s;
    return tn_py_is_any(e, "evaluate.load|datasets.load_metric") ? tn_py_as_str(tn_py_arg(e, "path", 0), &s) && tn_py_word_in(s, "bleu|sacrebleu|rouge|meteor|google_bleu|chrf")
                                                                 : tn_py_is_any(e, "nltk.translate.bleu_score.corpus_bleu|nltk.translate.bleu_score.sentence_bleu|sacrebleu.corpus_bleu|rouge_score.rouge_scorer.RougeScorer");
}

/* What the model gives: 'c' one of some classes, 'g' text, 0 unknown. */
static char output_of(const tn_py_event *e)
{
    tn_str task;
    if (tn_py_is(e, "transformers.pipeline") && tn_py_as_str(tn_py_arg(e, "task", 0), &task))
        return tn_str_ends(task, "-classification") || tn_py_word_in(task, "sentiment-analysis|ner") ? 'c' : 'g';
    if (tn_str_ends(e->callee, ".from_pretrained") && tn_py_has(e->callee, "Model"))
        return tn_py_has(e->callee, "SequenceClassification") || tn_py_has(e->callee, "TokenClassification") || tn_py_has(e->callee, "ImageClassification") || tn_py_has(e->callee, "AudioClassification") ? 'c' : 'g';
    return tn_py_named(e, "generate") || tn_py_has(e->callee, "Seq2Seq") ? 'g' : 0;
}

/* "1 % of the rows are positive", "93 % of the tags are O", "492 of 284,807": a share that makes accuracy idle. */
static bool says_skew(tn_str text)
{
    for (size_t i = 1; i < text.len; i++) {
        size_t to = i, from;
        double n;
        bool spelt = i + 9 <= text.len && memcmp(text.ptr + i, " per cent", 9) == 0;
        if (text.ptr[i] != '%' && !spelt)
            continue;
        while (to > 0 && text.ptr[to - 1] == ' ')
            to--;
        for (from = to; from > 0 && (isdigit((unsigned char)text.ptr[from - 1]) || text.ptr[from - 1] == '.');)
            from--;
        tn_str after = tn_str_sub(text, i, i + 60 < text.len ? i + 60 : text.len);
        if (from == to || !tn_str_to_f64(tn_str_sub(text, from, to), &n))
            continue;
        bool rare = n <= 5 && has_word(after, "positive|positives|fraud|frauds|fraudulent|churn|defect|defects|anomalies|spam|toxic");
        bool most = n >= 90 && has_word(after, "negative|negatives|normal|legitimate|tags|one class|majority") && has_word(after, "of|are|is");
        if (rare || most)
            return true;
    }
    return false;
}

static bool file_says_skew(const tn_py_check *c)
{
    for (size_t i = 0; i < c->tree->n_comments; i++)
        if (says_skew(tn_str_sub(c->tree->text, c->tree->comment[i].from, c->tree->comment[i].to)))
            return true;
    for (const tn_py_node *n = c->tree->body; n; n = tn_py_next(n, NULL))
        if (n->kind == TN_PY_EXPR && n->x && n->x->kind == TN_PY_STRING && says_skew(n->x->str))
            return true;
    for (size_t i = 0; c->notebook && i < c->notebook->n_cells; i++)
        if (c->notebook->cell[i].kind == TN_CELL_MARKDOWN && says_skew(c->notebook->cell[i].source))
            return true;
    return false;
}

static tn_status look_benchmark(tn_py_check *c)
{
    const tn_py_event *text_metric = NULL, *accuracy = NULL, *resampled = NULL;
    bool classes = false, other = false, token = false;
    if (tn_py_is_test(c))
        return TN_OK;
    for (size_t i = 0; i < c->flow->n_events; i++) {
        const tn_py_event *e = c->flow->event[i];
        char gives = output_of(e);
        tn_str s;
        bool is_accuracy = tn_py_is(e, "sklearn.metrics.accuracy_score") || (tn_py_is_any(e, "evaluate.load|datasets.load_metric") && tn_py_as_str(tn_py_arg(e, "path", 0), &s) && tn_str_is(s, "accuracy"));
        text_metric = text_metric || !is_text_metric(e) ? text_metric : e;
        accuracy = accuracy || !is_accuracy ? accuracy : e;
        classes = classes || gives == 'c';
        other = other || gives == 'g';
        token = token || tn_py_has(e->callee, "TokenClassification");
        if (starts_any(e->callee, "imblearn.over_sampling.|imblearn.under_sampling.|imblearn.combine."))
            resampled = e;
    }
    if (text_metric && classes && !other)
        return tn_py_say(c, text_metric->node, NULL, "take the metric of the task: macro F1 for one label a text, strict entity F1 for spans", "BLEU, ROUGE and their kin compare texts; this file judges labels with them");
    if (!accuracy || text_has(c, "f1_score|precision|recall|roc_auc|average_precision|classification_report|confusion_matrix|matthews|cohen_kappa|seqeval|balanced_accuracy|\"f1\"|'f1'|f_score|fbeta|per_class|auc"))
        return TN_OK;
    if ((resampled && resampled->run == 0 && accuracy->run == 0) || file_says_skew(c))
        return tn_py_say(c, accuracy->node, NULL, "report precision and recall of the rare class, average precision or macro F1, beside the majority class", "accuracy is the only metric, and the classes are skewed: the majority class alone would score high");
    if (token && tn_py_is_any(accuracy, "evaluate.load|datasets.load_metric"))
        return tn_py_say(c, accuracy->node, NULL, "use seqeval with its scheme stated", "accuracy of tokens is the only metric of token classification: most tokens are no entity");
    return TN_OK;
}

/* ---- eval-regressions ---- */

static bool has_digit(tn_str path)
{
    for (size_t i = 0; i < path.len; i++)
        if (isdigit((unsigned char)path.ptr[i]))
            return true;
    return false;
}

/* "results.json" and its like, in no folder of its own run ("runs/0007"). */
static bool is_fixed_result(tn_str path)
{
    tn_str name = tn_path_name(path);
    size_t dot = tn_str_find(name, TN_STR("."), 0);
    if (dot == SIZE_MAX || !tn_py_word_in(tn_str_sub(name, dot, name.len), ".json|.csv|.txt|.yaml|.yml|.tsv"))
        return false;
    return !has_digit(path) && tn_py_word_in(tn_str_sub(name, 0, dot), "result|results|metrics|metric|scores|score|evaluation|eval|eval_results|eval_metrics|test_results|test_metrics|final_results|final_metrics|report|all_results");
}

/* The file that the event writes anew, or "". */
static tn_str written(const tn_py_event *e)
{
    tn_str mode, path;
    const tn_py_event *maker = e->receiver ? tn_py_maker(e->receiver) : NULL;
    if (tn_py_is_any(e, "open|io.open"))
        return tn_py_as_str(tn_py_arg(e, "mode", 1), &mode) && tn_str_starts(mode, "w") && tn_py_as_str(tn_py_arg(e, "file", 0), &path) ? path : TN_STR("");
    if (maker && tn_py_named(maker, "Path") && (tn_py_named(e, "write_text") || (tn_py_named(e, "open") && tn_py_as_str(tn_py_arg(e, "mode", 0), &mode) && tn_str_starts(mode, "w"))))
        return tn_py_as_str(tn_py_arg(maker, "path", 0), &path) ? path : TN_STR("");
    return TN_STR("");
}

static bool is_fitting(const tn_py_event *e)
{
    return e->run == 0 && (tn_py_named(e, "train|fit|train_model|finetune|fine_tune|train_and_evaluate") || (tn_py_named(e, "backward") && e->in_loop));
}

/* The name stands once in the code: nobody reads the old result, or asks whether it is there. */
static bool stands_once(const tn_py_check *c, tn_str name)
{
    size_t n = 0;
    for (const tn_py_node *s = c->tree->body; s; s = tn_py_next(s, NULL))
        n += s->kind == TN_PY_STRING && tn_str_eq(tn_path_name(s->str), name);
    return n == 1;
}

static bool is_true(const tn_py_value *v)
{
    bool b;
    return tn_py_as_bool(v, &b) && b;
}

static tn_status look_regressions(tn_py_check *c)
{
    static const char remedy[] = "write each run into a folder of its own, and compare with the last accepted run before it is replaced";
    const tn_py_event *fits = NULL, *removed = NULL;
    if (tn_py_is_test(c) || c->source->fragment)
        return TN_OK;
    for (size_t i = 0; i < c->flow->n_events; i++) {
        const tn_py_event *e = c->flow->event[i];
        tn_str path;
        if (tn_py_named(e, "TrainingArguments|Seq2SeqTrainingArguments") && is_true(tn_py_arg(e, "overwrite_output_dir", -1)) && tn_py_as_str(tn_py_arg(e, "output_dir", 0), &path) && !has_digit(path))
            return tn_py_say(c, e->node, NULL, remedy, "overwrite_output_dir with the fixed folder \"%.*s\": each run writes over the one before it", TN_ARG(path));
    }
    if (tn_py_imports(c->flow, "wandb") || tn_py_imports(c->flow, "mlflow") || tn_py_imports(c->flow, "hydra") || tn_py_imports(c->flow, "dvclive") || tn_py_imports(c->flow, "clearml"))
        return TN_OK; /* kept elsewhere, or in a folder a run */
    for (size_t i = 0; i < c->flow->n_events; i++) {
        const tn_py_event *e = c->flow->event[i];
        if (e->run != 0)
            continue;
        tn_str path = written(e);
        const tn_py_event *maker = e->n_args && tn_py_is(e, "shutil.rmtree") ? tn_py_maker(e->arg[0].value) : NULL;
        if (maker && tn_py_named(maker, "Path") && tn_py_as_str(tn_py_arg(maker, "path", 0), &path) && !has_word(path, "tmp|temp|cache|data|dataset") && !removed)
            removed = e;
        if (!fits && is_fitting(e))
            fits = e;
        if (removed && fits && removed->index < fits->index)
            return tn_py_say(c, removed->node, NULL, remedy, "the last run is deleted before this one has been compared with it");
        if (fits && is_fixed_result(path) && !tn_py_is(e, "shutil.rmtree") && stands_once(c, tn_path_name(path)))
            return tn_py_say(c, e->node, NULL, remedy, "each run writes over %.*s: the result before it is lost, and nothing compares the two", TN_ARG(path));
    }
    return TN_OK;
}

/* ---- eval-evidence ---- */

static bool is_seed_name(const tn_py_node *n)
{
    return n && n->kind == TN_PY_NAME && tn_py_word_in(n->str, "seed|random_seed|rs|random_state|seed_value");
}

/* A call below `root` takes `name` as its seed. */
static bool seeds_with(const tn_py_node *root, tn_str name)
{
    for (const tn_py_node *n = root; n; n = tn_py_next(n, root))
        if (n->kind == TN_PY_KEYWORD && tn_py_word_in(n->str, "seed|random_state|random_seed") && n->x->kind == TN_PY_NAME && tn_str_eq(n->x->str, name))
            return true;
    return false;
}

static bool trains_below(const tn_py_node *root)
{
    for (const tn_py_node *n = root; n; n = tn_py_next(n, root))
        if (n->kind == TN_PY_CALL && n->x && (n->x->kind == TN_PY_NAME || n->x->kind == TN_PY_ATTRIBUTE) &&
            (tn_py_word_in(n->x->str, "train|fit|evaluate|score") || starts_any(n->x->str, "train_|fit_|evaluate_|run_experiment")))
            return true;
    return false;
}

/* `if score > best: best = score` below a loop. */
static const tn_py_node *keeps_best(const tn_py_check *c, const tn_py_node *loop)
{
    for (const tn_py_node *n = loop; n; n = tn_py_next(n, loop)) {
        if (n->kind != TN_PY_IF || !n->x || n->x->kind != TN_PY_COMPARE || !n->x->y || (n->x->y->op != TN_PY_GT && n->x->y->op != TN_PY_LT && n->x->y->op != TN_PY_GE))
            continue;
        if (!tn_str_has_any_fold(tn_py_source(c->tree, n->x), "best") || tn_str_has_any_fold(tn_py_source(c->tree, n->x), "loss"))
            continue;
        for (const tn_py_node *a = n->body; a; a = a->next)
            if (a->kind == TN_PY_ASSIGN && a->x && tn_str_has_any_fold(tn_py_source(c->tree, a->x), "best"))
                return n;
    }
    return NULL;
}

/* max(seeds, key=lambda seed: score(seed)) */
static bool takes_best_seed(const tn_py_node *n)
{
    const tn_py_node *key = n->kind == TN_PY_CALL && n->x->kind == TN_PY_NAME && tn_py_word_in(n->x->str, "max|min") ? tn_py_keyword(n, "key") : NULL;
    return key && key->kind == TN_PY_LAMBDA && key->x && has_word(key->x->str, "seed|random_state");
}

/* {"random_state": [1, 2, 3]} given to a search, suggest_int("seed", ...). */
static const tn_py_node *tuned_seed(const tn_py_flow *flow)
{
    for (size_t i = 0; i < flow->n_events; i++) {
        const tn_py_event *e = flow->event[i];
        tn_str name;
        if (tn_py_named(e, "suggest_int|suggest_categorical") && tn_py_as_str(tn_py_arg(e, "name", 0), &name) && tn_py_word_in(name, "seed|random_seed|random_state"))
            return e->node;
        const tn_py_value *grid = tn_py_named(e, "GridSearchCV") ? tn_py_arg(e, "param_grid", 1) : tn_py_named(e, "RandomizedSearchCV") ? tn_py_arg(e, "param_distributions", 1) : NULL;
        for (size_t k = 0; grid && k < grid->n_items; k++)
            if ((tn_py_word_in(grid->item[k].name, "random_state|seed") || tn_str_ends(grid->item[k].name, "__random_state")) && grid->item[k].value->n_items > 1)
                return e->node;
    }
    return NULL;
}

static tn_status look_evidence(tn_py_check *c)
{
    static const char remedy[] = "report every seed, their mean and deviation; call a difference inside the interval no difference";
    bool seeds = tn_str_find(c->tree->text, TN_STR("seed"), 0) != SIZE_MAX || tn_str_find(c->tree->text, TN_STR("SEED"), 0) != SIZE_MAX || tn_str_find(c->tree->text, TN_STR("random_state"), 0) != SIZE_MAX;
    if (!seeds || tn_py_is_test(c) || text_has(c, "mean(|std(|stdev|average(|median|quantile|.mean|.std|ensemble|boxplot|describe("))
        return TN_OK;
    const tn_py_node *tuned = tuned_seed(c->flow);
    if (tuned)
        return tn_py_say(c, tuned, NULL, remedy, "the seed is tuned like a setting: that measures luck");
    for (const tn_py_node *n = c->tree->body; n; n = tn_py_next(n, NULL)) {
        if (takes_best_seed(n))
            return tn_py_say(c, n, NULL, remedy, "the seed is picked by its score: that measures luck");
        if (n->kind == TN_PY_FOR && is_seed_name(n->x) && trains_below(n)) {
            const tn_py_node *best = keeps_best(c, n);
            if (best)
                return tn_py_say(c, best, NULL, remedy, "the best of several seeds is kept, and the others are forgotten: that measures luck");
        }
        if (n->kind != TN_PY_ASSIGN || !n->x || n->x->kind != TN_PY_NAME || (n->y->kind != TN_PY_LIST_COMP && n->y->kind != TN_PY_DICT_COMP))
            continue;
        const tn_py_node *over = n->y->y;
        if (!over || over->x->kind != TN_PY_NAME || !seeds_with(n->y->x, over->x->str) || !trains_below(n->y->x))
            continue;
        for (const tn_py_node *m = n; m; m = tn_py_next(m, NULL)) {
            const tn_py_node *first = m->kind == TN_PY_CALL ? tn_py_argument(m, 0) : NULL;
            if (first && m->x && tn_py_word_in(m->x->str, "max|amax") && tn_str_is(tn_py_source(c->tree, first), tn_str_c(c->arena, n->x->str)) && !tn_py_keyword(m, "key"))
                return tn_py_say(c, m, NULL, remedy, "the best of several seeds is reported: that measures luck");
        }
    }
    return TN_OK;
}

/* ---- eval-criteria ---- */

static bool is_metric_name(tn_str s)
{
    return tn_str_ends(s, "_score") ? !tn_py_word_in(s, "cross_val_score|z_score|best_score|test_score|train_score|model_score") : tn_py_word_in(s, "matthews_corrcoef|mean_squared_error|mean_absolute_error|log_loss|accuracy|f1|precision|recall|auc");
}

/* Where the name is bound in the same scope, before the place. */
static const tn_py_node *bound(const tn_py_check *c, tn_str name, const tn_py_node *before)
{
    const tn_py_node *found = NULL;
    for (const tn_py_node *n = c->tree->body; n && n->from < before->from; n = tn_py_next(n, NULL))
        if (n->kind == TN_PY_ASSIGN && n->x && !n->x->next && n->x->kind == TN_PY_NAME && tn_str_eq(n->x->str, name) && tn_py_scope(n) == tn_py_scope(before))
            found = n;
    return found;
}

static tn_str called(const tn_py_node *n)
{
    return n && n->kind == TN_PY_CALL && n->x && (n->x->kind == TN_PY_NAME || n->x->kind == TN_PY_ATTRIBUTE) ? n->x->str : TN_STR("");
}

/* Two or more metrics, each a member of its own: {"f1": f1_score(..), "auc": roc_auc_score(..)}, ("f1_score", "accuracy_score"),
 * and comprehensions over such a thing. */
static bool are_metrics(const tn_py_check *c, const tn_py_node *n, int depth)
{
    tn_str first = TN_STR("");
    size_t distinct = 0;
    if (!n || depth > 8)
        return false;
    if (n->kind == TN_PY_NAME) {
        const tn_py_node *a = bound(c, n->str, n);
        return a && are_metrics(c, a->y, depth + 1);
    }
    if (n->kind == TN_PY_CALL && n->x && n->x->kind == TN_PY_ATTRIBUTE && tn_py_word_in(n->x->str, "items|values|keys"))
        return are_metrics(c, n->x->x, depth + 1);
    if (n->kind == TN_PY_DICT_COMP || n->kind == TN_PY_LIST_COMP)
        return n->y && are_metrics(c, n->y->y, depth + 1);
    if (n->kind != TN_PY_DICT && n->kind != TN_PY_TUPLE && n->kind != TN_PY_LIST)
        return false;
    for (const tn_py_node *m = n->x; m; m = m->next) {
        const tn_py_node *v = m->kind == TN_PY_PAIR ? m->y : m;
        tn_str name = v->kind == TN_PY_CALL ? called(v) : v->kind == TN_PY_NAME || v->kind == TN_PY_ATTRIBUTE || (v->kind == TN_PY_STRING && m->kind != TN_PY_PAIR) ? v->str : TN_STR("");
        if (!is_metric_name(name))
            return false;
        distinct += !tn_str_eq(name, first);
        first = name;
    }
    return distinct >= 2;
}

/* A value that a metric gave, and a threshold that was made from it and then met. */
static const tn_py_node *threshold_from_result(const tn_py_check *c)
{
    for (const tn_py_node *n = c->tree->body; n; n = tn_py_next(n, NULL)) {
        if (n->kind != TN_PY_ASSIGN || !n->x || n->x->next || n->x->kind != TN_PY_NAME || !tn_str_has_any_fold(n->x->str, "threshold|criterion|target|goal"))
            continue;
        for (const tn_py_node *m = n->y; m; m = tn_py_next(m, n->y)) {
            const tn_py_node *score = m->kind == TN_PY_NAME ? bound(c, m->str, n) : NULL;
            if (!score || !tn_str_ends(called(score->y), "_score"))
                continue;
            for (const tn_py_node *k = n; k; k = tn_py_next(k, NULL)) /* score >= threshold */
                if (k->kind == TN_PY_COMPARE && k->x->kind == TN_PY_NAME && tn_str_eq(k->x->str, m->str) && k->y && k->y->x && k->y->x->kind == TN_PY_NAME && tn_str_eq(k->y->x->str, n->x->str))
                    return n;
        }
    }
    return NULL;
}

static tn_status look_criteria(tn_py_check *c)
{
    static const char remedy[] = "write metric, threshold and split into criteria.json before the first run, and judge by that file";
    if (tn_py_is_test(c))
        return TN_OK;
    for (const tn_py_node *n = c->tree->body; n; n = tn_py_next(n, NULL))
        if (tn_py_word_in(called(n), "max|sorted") && tn_py_keyword(n, "key") && are_metrics(c, tn_py_argument(n, 0), 0))
            return tn_py_say(c, n, NULL, remedy, "the metric is chosen by how well it looks: of several, the best is taken after the results are there");
    const tn_py_node *threshold = threshold_from_result(c);
    return threshold ? tn_py_say(c, threshold, NULL, remedy, "the threshold is made from the result that it should judge") : TN_OK;
}

/* ---- eval-baselines ---- */

/* The folder has no other code that could hold the baseline. */
static bool is_alone(const tn_check_source *s)
{
    size_t n = 0;
    for (size_t i = 0; s->repository && i < s->repository->n && n < 2; i++)
        n += tn_str_ends(s->repository->file[i].name, ".py") || tn_str_ends(s->repository->file[i].name, ".ipynb") || tn_str_ends(s->repository->file[i].name, ".sh");
    return s->repository && n == 1;
}

static bool is_model(const tn_py_value *v)
{
    return tn_py_is_trainer(v) || tn_py_typed(v, "*Classifier|*Regressor|*LogisticRegression|*SVC|*SVR|*NB|*GridSearchCV|*RandomizedSearchCV|sklearn.pipeline.Pipeline");
}

/* One model is trained, judged and written down, and no word in the file speaks of anything beside it. Other files may hold the
 * baseline, so only a file that is alone proves that there is none. */
static tn_status look_baselines(tn_py_check *c)
{
    const tn_py_event *fit = NULL, *judged = NULL, *kept = NULL;
    if (!tn_py_whole(c) || tn_py_is_test(c) || !is_alone(c->source) ||
        tn_str_has_any_fold(c->source->text, "baseline|majority|dummy|untouched|most_frequent|zero-shot|zero_shot|zeroshot|bm25|chance|random guess|compar|previous|accepted|champion"))
        return TN_OK;
    for (size_t i = 0; i < c->flow->n_events; i++) {
        const tn_py_event *e = c->flow->event[i];
        bool judges = tn_py_named(e, "evaluate|score|cross_val_score|cross_validate") || (starts_any(e->callee, "sklearn.metrics.") && tn_str_ends(e->callee, "_score"));
        if (e->run == 0 && tn_py_named(e, "fit|train") && e->receiver && is_model(e->receiver)) {
            if (fit || e->maybe || e->in_loop || (tn_py_is_trainer(e->receiver) && !tn_py_training_of(c)->is_own))
                return TN_OK;
            fit = e;
        } else if (judges && !fit && e->run == 0)
            return TN_OK; /* the model as it was */
        else if (judges && e->run == 0)
            judged = e;
        else if (judged && tn_py_named(e, "dump|write_text|save_metrics|to_csv|to_json"))
            kept = e;
    }
    return !kept ? TN_OK
                 : tn_py_say(c, judged->node, NULL, "score the majority class, a linear model of word n-grams and the untouched model on the same rows, and report the difference with its interval",
                             "the model is reported alone: nothing in this file says what a simple model reaches on the same rows");
}

const tn_py_rule tn_py_eval_rules[] = {
    {"data-config", look_config},         {"data-pipeline", look_pipeline},       {"data-fit", look_fit},           {"data-hub", look_hub},
    {"eval-benchmark", look_benchmark},   {"eval-regressions", look_regressions}, {"eval-evidence", look_evidence}, {"eval-criteria", look_criteria},
    {"eval-baselines", look_baselines},   {NULL, NULL},
};
