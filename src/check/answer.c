/* Sections are found by name at any level; where several headings could be one section, those of the level that holds most
 * sections win, so that "### Training data" under "## Model choice" does not stand for the data strategy.
 *
 * Three tables: claims (phrases without their excuse), absences (words that a whole answer must hold), functions. */
#include "check/answer.h"
#include "check/checkers.h"

#include "base/file.h"
#include "check/walk.h"
#include "flow/brief.h"
#include "rules/catalog.h"

#include <string.h>
#include <strings.h>

static const char *const section_name[TN_N_SECTIONS] = {"task definition", "model choice", "data strategy", "training or inference approach", "evaluation"};

const char *tn_section_name(tn_section s)
{
    return section_name[s];
}

static const char *const section_words[TN_N_SECTIONS] = {
    "task definition|task|the task|task and modality|task description|task overview|task summary|task framing|task formulation|task understanding|task statement|task analysis|task and goal|task and constraints|"
    "task and scope|problem|the problem|problem definition|problem statement|problem framing|problem formulation|problem description|use case|what you asked|what you asked for|what you need|understanding the task|"
    "understanding the problem|understanding your task|defining the task|define the task|the job|goal|objective|requirements|scope",
    "model choice|model|models|the model|model selection|model recommendation|model recommendations|recommended model|recommended models|model candidates|candidate models|model options|model comparison|"
    "model shortlist|model strategy|model and why|models considered|choice of model|choosing a model|choosing the model|choose a model|pick a model|picking a model|selecting a model|select a model|which model|"
    "what model|base model|selected model|chosen model|pretrained model|candidates",
    "data strategy|data|the data|dataset|datasets|data set|data sets|dataset strategy|data plan|data preparation|data preprocessing|data processing|data pipeline|data handling|data and splits|data splits|data split|"
    "data requirements|data collection|data sources|dataset preparation|dataset choice|dataset selection|dataset and splits|preparing the data|prepare the data|preprocessing|training data|splits|your data",
    "training or inference approach|training and inference approach|training inference approach|training approach|inference approach|training|inference|training and inference|training or inference|training strategy|"
    "training plan|training setup|training procedure|training pipeline|training recipe|training code|training details|training configuration|training method|fine tuning|finetuning|fine tuning approach|fine tuning strategy|"
    "fine tuning plan|fine tuning setup|fine tuning code|fine tuning recipe|fine tune|inference plan|inference pipeline|inference code|inference strategy|inference setup|approach|the approach|method|methods|methodology|"
    "implementation|training script|how to train|how to run it|running it|zero shot inference|pipeline|recipe",
    "evaluation|evaluation plan|evaluation strategy|evaluation approach|evaluation protocol|evaluation metrics|evaluation criteria|evaluation method|evaluation methodology|evaluation setup|evaluation results|evaluate|"
    "evaluating|how to evaluate|evaluating the model|model evaluation|metrics|measurement|measuring success|success metrics|success criteria|validation|testing|results|metrics and evaluation|how we measure|how we will know",
};

static bool is_section(const tn_md *m, size_t block, tn_section s)
{
    tn_md_range r = tn_md_block_range(m, block);
    if (tn_md_is(m, r, section_words[s]))
        return true;
    /* "What the task is (task definition)": the full name anywhere in a short heading. */
    static const char *const full[TN_N_SECTIONS] = {"task definition", "model choice", "data strategy", "training or inference approach|training and inference approach|training approach|inference approach", "evaluation plan"};
    if (tn_md_count_words(m, r) <= 8 && tn_md_has(m, r, full[s]))
        return true;
    /* "Data strategy and splits", "Evaluation & next steps": both halves count. */
    tn_md_range joint;
    if (tn_md_count_words(m, r) > 7 || !tn_md_find(m, r, "and", &joint))
        return false;
    return tn_md_is(m, (tn_md_range){r.from, joint.from}, section_words[s]) || tn_md_is(m, (tn_md_range){joint.to, r.to}, section_words[s]);
}

/* A heading, or an item that is nothing but a section's name and perhaps a colon: "1. Task definition". */
static bool can_open(const tn_md *m, size_t block)
{
    const tn_md_block *b = &m->block[block];
    return b->kind == TN_MD_HEADING || (b->kind == TN_MD_ITEM && b->numbered && b->text.len < 60) ||
           (b->kind == TN_MD_PARAGRAPH && b->text.len < 48 && tn_str_ends(tn_str_trim(b->text), ":"));
}

static size_t level_of(const tn_md_block *b)
{
    return b->kind == TN_MD_HEADING ? b->level : TN_MD_RUN_IN + 1u;
}

static void find_sections(const tn_md *m, tn_answer *a)
{
    enum { LEVELS = TN_MD_RUN_IN + 2 };
    size_t first[LEVELS][TN_N_SECTIONS], n[LEVELS] = {0}, best = 1;
    memset(first, 0xFF, sizeof first);
    for (size_t i = 0; i < m->n_blocks; i++) {
        if (!can_open(m, i))
            continue;
        size_t level = level_of(&m->block[i]);
        a->n_headings += m->block[i].kind == TN_MD_HEADING && level > 1;
        for (int s = 0; s < TN_N_SECTIONS; s++)
            if (first[level][s] == SIZE_MAX && is_section(m, i, (tn_section)s)) {
                first[level][s] = i;
                n[level]++;
                break; /* a heading opens one section; of "Data and model" the first named */
            }
    }
    for (size_t level = 1; level < LEVELS; level++)
        if (n[level] > n[best])
            best = level;
    for (int s = 0; s < TN_N_SECTIONS; s++) {
        a->heading[s] = first[best][s];
        for (size_t level = 1; level < LEVELS && a->heading[s] == SIZE_MAX; level++)
            a->heading[s] = first[level][s];
        a->n_found += a->heading[s] != SIZE_MAX;
    }
}

/* "Evaluation & limits" holds the evaluation too when it is the second half of another section's heading. */
static bool named_in_another(const tn_md *m, const tn_answer *a, tn_section s)
{
    for (int other = 0; other < TN_N_SECTIONS; other++)
        if (a->heading[other] != SIZE_MAX && is_section(m, a->heading[other], s))
            return true;
    return false;
}

void tn_answer_read(const tn_md *m, tn_answer *out)
{
    tn_md_range all = tn_md_all(m);
    *out = (tn_answer){0};
    find_sections(m, out);
    out->n_words = tn_md_count_words(m, all);
    out->tunes = tn_md_has(m, all, "fine tune|fine tuning|finetune|finetuning|fine tunes|lora|qlora|epochs|train the model|train a model|trainer");
    out->deploys = tn_md_has(m, all, "deploy|deploys|deploying|deployment|kubernetes|autoscaling|in production|to production|inference endpoint|inference endpoints|docker|fastapi|serve it|serving");
    out->classifies = tn_md_has(m, all, "classif*|sentiment|intent detection|spam|toxicity|topic of") && !tn_md_has(m, all, "translat*|summari*|caption*|generat* text|text generation|paraphras*");
    out->whole = out->n_found >= 4 || (out->n_found >= 3 && out->n_words >= 150);
}

/* ---- format ---- */

static tn_md_range start_of(const tn_md *m)
{
    return m->n_blocks ? tn_md_block_range(m, 0) : (tn_md_range){0, 0};
}

static const char *const any_code[] = {"import ", "pip install", "from_pretrained(", "pipeline("};

static bool code_has(const tn_md *m, const char *const *mark, size_t n)
{
    for (size_t i = 0; i < m->n_blocks; i++)
        if (m->block[i].kind == TN_MD_FENCE || m->block[i].kind == TN_MD_CODE)
            for (size_t k = 0; k < n; k++)
                if (tn_str_find(m->block[i].text, tn_str_of(mark[k]), 0) != SIZE_MAX)
                    return true;
    return false;
}

static tn_status five(tn_prose *p, void *facts)
{
    const tn_answer *a = facts;
    const tn_md *m = p->md;
    bool proposes = tn_md_has(m, p->body, "model|models|pipeline|fine tune|fine tuning|trainer|checkpoint");
    /* One essay from model to service is a work plan; a reply of a few lines without headings is none. */
    tn_model_name name;
    size_t at = p->body.from;
    bool essay = a->tunes && a->deploys && a->n_words >= 60 && tn_md_has(m, p->body, "i would|i d|we would|start with|you can|then|afterwards|next|finally") && code_has(m, any_code, TN_COUNT(any_code)) &&
                 tn_prose_model(p, &at, p->body.to, &name);
    if (a->n_found < 3 && !essay && !(proposes && ((a->n_headings >= 2 && a->n_words >= 25) || a->n_words >= 150)))
        return TN_OK;
    tn_buf missing = TN_BUF_INIT;
    size_t last = SIZE_MAX, swapped = SIZE_MAX;
    for (int s = 0; s < TN_N_SECTIONS; s++) {
        if (a->heading[s] == SIZE_MAX) {
            if (!named_in_another(m, a, (tn_section)s))
                tn_buf_printf(&missing, "%s%s", missing.len ? ", " : "", section_name[s]);
            continue;
        }
        if (last != SIZE_MAX && a->heading[s] < last && swapped == SIZE_MAX)
            swapped = (size_t)s;
        last = last == SIZE_MAX || a->heading[s] > last ? a->heading[s] : last;
    }
    tn_status st = TN_OK;
    if (missing.len)
        st = tn_prose_say(p, start_of(m), "write task definition, model choice, data strategy, training or inference approach, evaluation, each under its heading, in this order",
                          "%zu of the five sections are missing: %s", (size_t)TN_N_SECTIONS - a->n_found, missing.ptr);
    if (st == TN_OK && swapped != SIZE_MAX)
        st = tn_prose_say(p, tn_md_block_range(m, a->heading[swapped]), "bring the five sections into order: task definition, model choice, data strategy, training or inference approach, evaluation",
                          "the section \"%s\" stands too early or too late", section_name[swapped]);
    if (tn_buf_status(&missing, p->err) != TN_OK && st == TN_OK)
        st = p->err->status;
    tn_buf_free(&missing);
    return st;
}

/* Code in the middle of prose, that nobody can paste: calls outside fences and code spans. */
static tn_status code_outside(tn_prose *p)
{
    static const char *const call[] = {"pipeline(\"", "pipeline('", ".from_pretrained(", "trainer.train(", "load_dataset(", "trainingarguments(", "automodelforsequenceclassification."};
    for (size_t i = 0; i < p->md->n_blocks; i++) {
        const tn_md_block *b = &p->md->block[i];
        tn_md_range r = tn_md_block_range(p->md, i);
        if (b->kind == TN_MD_CODE && tn_prose_is_code(b->text))
            return tn_prose_say(p, r, "put the code between ```python and ```", "code outside a fenced block");
        if (b->kind != TN_MD_PARAGRAPH && b->kind != TN_MD_ITEM)
            continue;
        tn_str prose = tn_str_sub(p->md->prose, r.from, r.to);
        for (size_t k = 0; k < TN_COUNT(call); k++)
            if (tn_str_find(prose, tn_str_of(call[k]), 0) != SIZE_MAX)
                return tn_prose_say(p, r, "put the code between ```python and ```", "code outside a fenced block");
        tn_str line, rest = b->text;
        while (tn_str_cut(&rest, '\n', &line))
            if ((tn_str_starts(line, "import ") && tn_str_find(tn_str_sub(line, 7, line.len), TN_STR(" "), 0) == SIZE_MAX && line.len > 8) ||
                (tn_str_starts(line, "from ") && tn_str_find(line, TN_STR(" import "), 0) != SIZE_MAX && line.len < 100))
                return tn_prose_say(p, r, "put the code between ```python and ```", "code outside a fenced block");
    }
    return TN_OK;
}

static tn_status fence_languages(tn_prose *p)
{
    for (size_t i = 0; i < p->md->n_blocks; i++) {
        const tn_md_block *b = &p->md->block[i];
        if (b->kind == TN_MD_FENCE && b->info.len == 0 && tn_prose_is_code(b->text))
            TN_TRY(tn_prose_say_with(p, (tn_md_range){p->md->line_start[b->line - 1], p->md->line_start[b->line - 1]}, TN_STR("```"), "name the language behind the opening marks: ```python, ```bash",
                                     "a code block without its language"));
    }
    return TN_OK;
}

static const char *const inference_marks[] = {"pipeline(", "predict", ".generate(", ".encode(", "model(", "logits", "InferenceClient", "/predict", "curl", "infer", "classify(", "tenet serve"};
static const char *const training_marks[] = {"Trainer", "train(", "train.py", ".fit(", "optimizer", "accelerate launch", "tenet run", "tenet train", "loss.backward", "SFTConfig", "LoraConfig"};

bool tn_answer_code_shows(const tn_md *m, bool training)
{
    return training ? code_has(m, training_marks, TN_COUNT(training_marks)) : code_has(m, inference_marks, TN_COUNT(inference_marks));
}

tn_status tn_answer_code_form(tn_prose *p)
{
    TN_TRY(code_outside(p));
    return fence_languages(p);
}

static tn_status code(tn_prose *p, void *facts)
{
    const tn_answer *a = facts;
    const tn_md *m = p->md;
    TN_TRY(tn_answer_code_form(p));
    if (!a->whole)
        return TN_OK;
    tn_md_range at = a->heading[TN_SECTION_APPROACH] != SIZE_MAX ? tn_md_block_range(m, a->heading[TN_SECTION_APPROACH]) : start_of(m);
    if (!tn_answer_code_shows(m, false))
        TN_TRY(tn_prose_say(p, at, "add a short fenced example: pipeline(\"TASK\", model=..., revision=...) and one call", "no inference example in a fenced block"));
    if (a->tunes && !tn_answer_code_shows(m, true))
        TN_TRY(tn_prose_say(p, at, "add the training snippet, fenced, with its values from a configuration", "training is proposed, and no training snippet is given"));
    return TN_OK;
}

/* Three or more models weighed against each other in sentences or items, and no table that holds two of them. */
size_t tn_answer_models(const tn_prose *p, tn_md_range r, size_t max)
{
    tn_str seen[16];
    size_t n = 0, at = r.from;
    tn_model_name name;
    while (n < TN_COUNT(seen) && n < max && tn_prose_model(p, &at, r.to, &name)) {
        bool known = false;
        for (size_t i = 0; i < n; i++)
            known = known || tn_str_eq(seen[i], name.family);
        if (!known)
            seen[n++] = name.family;
    }
    return n;
}

/* Systems that numbers are given for: models, and the baselines that have no model's name. */
static size_t systems(const tn_prose *p, tn_md_range r)
{
    static const char *const other[] = {"majority class|majority baseline|always predict*", "tf idf|tfidf|bag of words|naive bayes|n gram|n grams", "this model|our model|the fine tuned model", "regular expressions|regex|rule based|keyword rules", "bm25"};
    size_t n = tn_answer_models(p, r, 8);
    for (size_t i = 0; i < TN_COUNT(other); i++)
        n += tn_md_has(p->md, r, other[i]);
    return n;
}

/* Ids of data sets: house/name that is no model and no path. */
static size_t data_ids(const tn_prose *p, tn_md_range r, size_t max)
{
    tn_str t = p->md->text, seen[8];
    size_t n = 0;
    for (size_t i = r.from; i < r.to && n < max && n < TN_COUNT(seen); i++) {
        size_t from = i, slashes = 0, dots = 0, slash = 0;
        for (; i < r.to && (t.ptr[i] == '/' || t.ptr[i] == '-' || t.ptr[i] == '_' || t.ptr[i] == '.' || (t.ptr[i] >= '0' && t.ptr[i] <= '9') || ((t.ptr[i] | 32) >= 'a' && (t.ptr[i] | 32) <= 'z')); i++) {
            slash = t.ptr[i] == '/' ? i : slash;
            slashes += t.ptr[i] == '/';
            dots += t.ptr[i] == '.' && i + 1 < r.to && (t.ptr[i + 1] | 32) >= 'a' && (t.ptr[i + 1] | 32) <= 'z';
        }
        tn_str id = tn_str_sub(t, from, i);
        tn_model_name name;
        size_t at = from;
        if (slashes != 1 || dots || slash < from + 2 || i < slash + 3 || !((id.ptr[0] | 32) >= 'a' && (id.ptr[0] | 32) <= 'z') || !((t.ptr[slash + 1] | 32) >= 'a' && (t.ptr[slash + 1] | 32) <= 'z') ||
            tn_prose_model(p, &at, i, &name) || tn_str_starts(id, "runs/") || tn_str_starts(id, "data/"))
            continue;
        bool known = false;
        for (size_t k = 0; k < n; k++)
            known = known || tn_str_eq(seen[k], id);
        if (!known)
            seen[n++] = id;
    }
    return n;
}

static const char weighed[] = "faster|slower|smaller|larger|bigger|better|worse|stronger|weaker|older|newer|lighter|heavier|cheaper|accurate|fast|slow|large|small|while|whereas|compared|compare|versus|vs|good for|than|but|pros|cons";
static const char side_by_side[] = "compared with|compared to|in comparison|versus|vs|whereas|more accurate than|less accurate than|faster than|slower than|better than|worse than|larger than|smaller than|bigger than|cheaper than";

tn_status tn_answer_tables(tn_prose *p, void *unused)
{
    (void)unused;
    const tn_md *m = p->md;
    static const char remedy[] = "compare them in a table: one row each, with licence, size, fit and the measured metric as columns";
    bool models = tn_str_find(m->text, TN_STR("<table"), 0) != SIZE_MAX, data = models;
    for (size_t i = 0; i < m->n_blocks; i++)
        if (m->block[i].kind == TN_MD_TABLE) {
            models = models || systems(p, tn_md_block_range(m, i)) >= 2;
            data = data || data_ids(p, tn_md_block_range(m, i), 2) >= 2;
        }
    bool answer = p->source->kind == TN_KIND_ANSWER;
    for (size_t i = 0; i < m->n_blocks; i++) {
        if (m->block[i].kind != TN_MD_PARAGRAPH && m->block[i].kind != TN_MD_ITEM)
            continue;
        tn_md_range r = tn_md_block_range(m, i);
        /* A list is one comparison: its items follow each other, with bold names as headings between them. */
        size_t last = i;
        while (m->block[i].kind == TN_MD_ITEM && last + 1 < m->n_blocks && (m->block[last + 1].kind == TN_MD_ITEM || m->block[last + 1].level == TN_MD_RUN_IN))
            last++;
        r.to = tn_md_block_range(m, last).to;
        if (i > 0 && m->block[i - 1].level == TN_MD_RUN_IN)
            r.from = tn_md_block_range(m, i - 1).from;
        i = last;
        if (!models && answer && tn_answer_models(p, r, 3) >= 3 && tn_md_has(m, r, weighed))
            return tn_prose_say(p, r, remedy, "models are compared in prose");
        /* Two with their numbers, side by side; a card may say so of its own model and one other. */
        if (!models && tn_md_has(m, r, side_by_side) && ((answer && tn_answer_models(p, r, 2) >= 2 && tn_prose_count_numbers(m, r, 4) >= 4) || (systems(p, r) >= 3 && tn_prose_count_numbers(m, r, 3) >= 3)))
            return tn_prose_say(p, r, remedy, "results are compared in prose");
        if (!data && answer && tn_md_has(m, r, side_by_side) && tn_prose_count_numbers(m, r, 2) >= 2 && tn_md_has(m, r, "hours|rows|sentences|examples|images|documents|pairs|utterances|samples|texts|tokens") && data_ids(p, r, 2) >= 2)
            return tn_prose_say(p, r, "compare them in a table: one row each, with licence, size, language, split and what the texts are", "data sets are compared in prose");
    }
    return TN_OK;
}

/* ---- style ---- */

static tn_status task_first(tn_prose *p, void *facts)
{
    const tn_md *m = p->md;
    size_t i = 0;
    while (i < m->n_blocks && (m->block[i].kind == TN_MD_FENCE || (m->block[i].kind == TN_MD_HEADING && m->block[i].level == 1)))
        i++;
    if (i == m->n_blocks || m->block[i].kind == TN_MD_TABLE)
        return TN_OK;
    const tn_answer *a = facts;
    /* A section of its own for the task, first: the title before it may say anything. */
    if (a->heading[TN_SECTION_TASK] != SIZE_MAX && a->heading[TN_SECTION_TASK] <= i)
        return TN_OK;
    if (a->heading[TN_SECTION_MODEL] == i && a->n_found >= 2)
        return tn_prose_say(p, tn_md_block_range(m, i), "define the task first: what goes in, what comes out, which error is costly", "the answer opens with the model");
    tn_md_range sentence = tn_md_sentence(m, tn_md_block_range(m, i).from);
    if (m->block[i].level == TN_MD_RUN_IN && i + 1 < m->n_blocks)
        sentence.to = tn_md_sentence(m, tn_md_block_range(m, i + 1).from).to;
    tn_model_name name;
    size_t at = sentence.from;
    if (!tn_prose_model(p, &at, sentence.to, &name) || tn_prose_negated(m, name.at))
        return TN_OK;
    tn_md_range before = {sentence.from, name.at.from};
    bool opens = tn_md_count_words(m, before) <= 1 ||
                 (tn_md_has(m, before, "use|using|try|recommend|suggest|go with|pick|choose|start with|should use|grab|load|take|best model|answer is|fine tune|fine tuning") && tn_md_count_words(m, before) <= 12);
    if (!opens || tn_md_has(m, before, "task|classif*|sentiment|label|labels|extract*|summar*|translat*|detect*|reviews|tickets|messages|goal|you want|you need|you ask*|your"))
        return TN_OK;
    return tn_prose_say(p, sentence, "define the task first: what goes in, what comes out, which error is costly", "the answer opens with the name of a model");
}

/* Reasons that fit the choice to this job. */
static const char reasons[] = "language|languages|multilingual|monolingual|vietnamese|english|german|french|spanish|chinese|japanese|arabic|trained on|pretrained on|licence|license|licensed|apache|mit|parameters|params|small|smaller|"
                              "size|latency|cpu|gpu|memory|ram|vram|mb|gb|ms|fits|fit|tokenizer|tokens|token|context|your brief|the brief|you asked|you ask|brief asks|supports|measured|measure|validation|domain|offline|"
                              "on device|budget|cost|cheap|cheaper|accents|diacritics|cased|probe|macro|accuracy|f1|bleu|rouge|wer|recall|precision|fertility|open weights|already|compatible|labels|task";

/* Whether the prose of a range gives a reason. Names of models ("e5-small") and what stands in brackets behind them (licence,
 * revision) say what was chosen, not why. */
static bool gives_reason(const tn_prose *p, tn_md_range r)
{
    const tn_md *m = p->md;
    tn_model_name name;
    size_t next = r.from;
    while (r.from < r.to) {
        bool more = tn_prose_model(p, &next, r.to, &name);
        tn_md_range plain = {r.from, more ? name.at.from : r.to};
        while (plain.from < plain.to) {
            const char *open = memchr(m->text.ptr + plain.from, '(', plain.to - plain.from);
            size_t stop = open ? (size_t)(open - m->text.ptr) : plain.to;
            tn_md_range words = {plain.from, stop};
            if (tn_md_has(m, words, reasons) || tn_md_has(m, words, "reason*|why|so that|therefore|due to|which") || tn_prose_has_number(m, words))
                return true;
            const char *close = open ? memchr(open, ')', m->text.len - stop) : NULL;
            plain.from = close && (size_t)(close - m->text.ptr) < r.to ? (size_t)(close - m->text.ptr) + 1 : open ? plain.to : stop;
        }
        r.from = more ? (plain.from > name.at.to ? plain.from : name.at.to) : r.to;
        next = next > r.from ? next : r.from;
    }
    return false;
}

tn_status tn_answer_justify(tn_prose *p, void *facts)
{
    const tn_answer *a = facts;
    const tn_md *m = p->md;
    static const char fame[] = "state of the art|sota|most popular|very popular|popular|most downloaded|well known|widely used|famous|powerful|latest|newest|the best|best model|industry standard|trending|most likes|most liked|cutting edge|everybody uses|everyone uses|many downloads|most downloads|great|excellent|awesome";
    static const char chosen[] = "use|using|choose|chose|chosen|recommend|select|selected|pick|picked|go with|went with|opt for|opted for|take|based on|built on|train|fine tune|fine tuned|is|model|choice";
    /* In the whole text: "because it is state-of-the-art", with no other reason in the paragraph. */
    tn_md_range in = p->body, found;
    size_t said = 0;
    for (size_t looked = 0; said < 2 && looked < 200 && tn_md_find(m, in, "because it is|because its|because it s|because it|since it is|since it s|as it is|as it s|because this is|because they are|it is|it s|simply because", &found); looked++) {
        in.from = found.to;
        tn_md_range sentence = tn_md_sentence(m, found.from), after = {found.to, sentence.to}, fame_at;
        size_t b = tn_md_block_at(m, found.from);
        tn_md_range block = b == SIZE_MAX || m->block[b].text.len > 8192 ? sentence : tn_md_block_range(m, b);
        bool because = tn_md_has(m, (tn_md_range){found.from, found.to}, "because|since|as");
        size_t at = sentence.from;
        tn_model_name name;
        if (!because || !tn_md_find(m, after, fame, &fame_at) || tn_md_count_words(m, (tn_md_range){found.to, fame_at.from}) > 4 || tn_prose_negated(m, fame_at))
            continue;
        bool section = a && a->heading[TN_SECTION_MODEL] != SIZE_MAX, inside = false;
        if (section) {
            tn_md_range model = tn_md_section(m, a->heading[TN_SECTION_MODEL]);
            inside = found.from >= model.from && found.from < model.to;
        }
        if (!tn_prose_model(p, &at, sentence.to, &name) || (!inside && !tn_md_has(m, sentence, chosen)) || tn_md_has(m, after, reasons) || tn_prose_has_number(m, block))
            continue;
        /* Elsewhere in the choice the numbers may stand; beside the choice itself, a table says what was, not why. */
        if (section && !inside && tn_prose_has_number(m, tn_md_section(m, a->heading[TN_SECTION_MODEL])))
            continue;
        said++;
        TN_TRY(tn_prose_say(p, sentence, "give the reasons that this job gives: fit to language and task, score on this data, size, licence", "fame is the only reason for the model"));
    }
    if (said || !a || a->heading[TN_SECTION_MODEL] == SIZE_MAX)
        return TN_OK;
    /* A model choice that names a model and gives no reason at all. */
    tn_md_range section = tn_md_section(m, a->heading[TN_SECTION_MODEL]);
    size_t at = section.from;
    tn_model_name name;
    for (size_t i = a->heading[TN_SECTION_MODEL]; i < tn_md_section_end(m, a->heading[TN_SECTION_MODEL]); i++)
        if (m->block[i].kind == TN_MD_TABLE)
            return TN_OK;
    if (tn_md_count_words(m, section) < 2 || !tn_prose_model(p, &at, section.to, &name) || tn_md_has(m, section, "because|since") || tn_prose_has_source(m, section) || gives_reason(p, section))
        return TN_OK;
    return tn_prose_say(p, tn_md_sentence(m, name.at.from), "give the reasons that this job gives: fit to language and task, score on this data, size, licence",
                        tn_md_has(m, section, fame) ? "fame is the only reason for the model" : "a model is chosen and no reason is given");
}

/* ---- data-fit ---- */

static const char choice_words[] = "use|using|choose|chose|recommend|recommended|select|pick|go with|start from|start with|fine tune|fine tuning|load|base|choice|model|take|we train|train";

/* An English-only model chosen for texts in another language. */
static tn_status language_fit(tn_prose *p, void *facts)
{
    const tn_answer *a = facts;
    const tn_md *m = p->md;
    tn_md_range task = a->heading[TN_SECTION_TASK] != SIZE_MAX ? tn_md_section(m, a->heading[TN_SECTION_TASK]) : p->body, where = {0, 0};
    static const char *const language[][2] = {{"vietnamese", "vi"}, {"german", "de"}, {"french", "fr"}, {"spanish", "es"}, {"italian", "it"}, {"portuguese", "pt"}, {"dutch", "nl"}, {"polish", "pl"}, {"russian", "ru"},
                                              {"ukrainian", "uk"}, {"chinese", "zh"}, {"japanese", "ja"}, {"korean", "ko"}, {"thai", "th"}, {"indonesian", "id"}, {"arabic", "ar"}, {"hindi", "hi"}, {"turkish", "tr"},
                                              {"swahili", "sw"}, {"greek", "el"}, {"czech", "cs"}, {"swedish", "sv"}, {"finnish", "fi"}, {"hebrew", "he"}, {"persian", "fa"}, {"bengali", "bn"}, {"tamil", "ta"}, {"khmer", "km"}};
    size_t which = SIZE_MAX;
    for (size_t i = 0; i < TN_COUNT(language) && which == SIZE_MAX; i++)
        if (tn_md_find(m, task, language[i][0], &where) && !tn_prose_negated(m, where))
            which = i;
    if (which == SIZE_MAX || tn_md_has(m, p->body, "translat*|english reviews|english texts|also english|english and|and english"))
        return TN_OK;
    tn_model_name name;
    tn_md_range first = {0, 0};
    tn_str wrong = {NULL, 0};
    for (size_t at = p->body.from; tn_prose_model(p, &at, p->body.to, &name);) {
        tn_catalog_row row;
        size_t b = tn_md_block_at(m, name.at.from);
        if (m->block[b].kind == TN_MD_TABLE || name.id.len == 0 || !tn_catalog_find("models", "id", name.id, &row))
            continue;
        tn_str languages = tn_catalog_get(&row, "languages");
        tn_md_range sentence = tn_md_sentence(m, name.at.from);
        if (!tn_str_is(languages, "en")) {
            if (languages.len)
                return TN_OK; /* a model that may fit is there too: which one is chosen is not certain */
            continue;
        }
        if (!wrong.ptr && tn_md_has(m, sentence, choice_words) && !tn_prose_negated(m, name.at) && !tn_md_has(m, sentence, "baseline*|not|only english|english only|instead of|unlike|avoid|poor*|bad|worse|never|cannot")) {
            first = name.at;
            wrong = name.id;
        }
    }
    if (!wrong.ptr)
        return TN_OK;
    return tn_prose_say(p, tn_md_sentence(m, first.from), "choose a model that was trained on the language, and measure pieces a word and lost letters on the user's texts",
                        "%.*s knows English only; the texts are %c%s", TN_ARG(wrong), language[which][0][0] - 32, language[which][0] + 1);
}

/* Billions of parameters for a few hundred rows. */
static tn_status size_fit(tn_prose *p)
{
    const tn_md *m = p->md;
    tn_md_range in = p->body, found;
    if (tn_md_has(m, p->body, "lora|qlora|peft|zero shot|few shot|in context|prompt*|adapter*|frozen|setfit|distil*"))
        return TN_OK;
    bool few = false;
    while (!few && tn_md_find(m, in, "# rows|# examples|# samples|# labeled|# labelled|# reviews|# sentences|# texts|# tickets|# training", &found)) {
        tn_str number = tn_str_sub(m->prose, found.from, found.to);
        size_t digits = 0;
        while (digits < number.len && number.ptr[digits] >= '0' && number.ptr[digits] <= '9')
            digits++;
        few = digits >= 2 && digits <= 3 && digits < number.len && number.ptr[digits] == ' ';
        in.from = found.to;
    }
    if (!few || !tn_md_find(m, p->body, "7b|8b|13b|14b|32b|34b|70b|72b|7b model|7 billion|8 billion|13 billion|70 billion", &found) || tn_prose_negated(m, found))
        return TN_OK;
    tn_md_range sentence = tn_md_sentence(m, found.from);
    if (!tn_md_has(m, sentence, "fine tune|fine tuning|finetune|train|training|full"))
        return TN_OK;
    return tn_prose_say(p, sentence, "with so few rows measure an untouched encoder with a linear probe, or zero-shot, first; then a small model", "billions of parameters are fine-tuned on a few hundred rows");
}

static tn_status fit(tn_prose *p, void *facts)
{
    TN_TRY(language_fit(p, facts));
    return size_fit(p);
}

/* ---- evaluation ---- */

static tn_status benchmark(tn_prose *p, void *facts)
{
    const tn_answer *a = facts;
    const tn_md *m = p->md;
    tn_md_range in = a->heading[TN_SECTION_EVALUATION] != SIZE_MAX ? tn_md_section(m, a->heading[TN_SECTION_EVALUATION]) : p->body, found;
    if (a->classifies && tn_md_find(m, in, "bleu|sacrebleu|rouge|rouge l|chrf", &found) && !tn_prose_negated(m, found))
        TN_TRY(tn_prose_say(p, tn_md_sentence(m, found.from), "for classes: macro F1 with its interval, MCC, and each class's recall", "a metric for generated text is used on classes"));
    if (a->classifies && tn_md_has(m, p->body, "imbalanced|imbalance|unbalanced|skewed|rare class|rare classes|minority class") && tn_md_find(m, in, "accuracy", &found) && !tn_prose_negated(m, found) &&
        !tn_md_has(m, p->body, "f1|mcc|matthews|balanced accuracy|macro|recall|auc|auroc|pr curve|precision|kappa|misleading|confusion matrix"))
        TN_TRY(tn_prose_say(p, tn_md_sentence(m, found.from), "report macro F1 or MCC with an interval, and the recall of the rare class", "accuracy is the only metric, and the classes are skewed"));
    if (a->heading[TN_SECTION_MODEL] != SIZE_MAX)
        in = tn_md_section(m, a->heading[TN_SECTION_MODEL]);
    else
        in = p->body;
    if (tn_md_find(m, in, "leaderboard|leaderboards|mteb score|glue score|tops the|ranks first|ranked first|number one on", &found) && !tn_prose_negated(m, found) &&
        !tn_md_has(m, p->body, "your data|our data|own data|your own|your reviews|your texts|our reviews|our texts|on your|on our|validation|test set|test split|held out|holdout|measure|measured|we evaluate|evaluate on|dev set"))
        TN_TRY(tn_prose_say(p, tn_md_sentence(m, found.from), "run the candidates on the user's own data and report that number", "a leaderboard is the evidence, and nothing is run on the user's data"));
    return TN_OK;
}

/* A result of "our model" alone: no baseline anywhere. */
static tn_status alone(tn_prose *p, void *facts)
{
    const tn_answer *a = facts;
    const tn_md *m = p->md;
    static const char compared[] = "baseline*|majority|untouched|as is|zero shot|tf idf|tfidf|n gram*|ngram*|logistic regression|compare*|comparison|comparing|versus|vs|against|previous model|current model|current system|before fine tuning|"
                                   "without fine tuning|better than|worse than|than the|beat|beats|outperform*|dummy|random guess*|linear probe|probe|improve* over|reference model|rule based|keyword*";
    if (tn_md_has(m, p->body, compared))
        return TN_OK;
    for (size_t i = 0; i < m->n_blocks; i++) { /* a table of several models */
        if (m->block[i].kind == TN_MD_TABLE && tn_answer_models(p, tn_md_block_range(m, i), 2) >= 2 && tn_md_has(m, tn_md_block_range(m, i), "f1|accuracy|macro|score|auc|mcc|bleu|wer"))
            return TN_OK;
    }
    tn_md_range in = p->body, found;
    for (size_t looked = 0; looked < 200 && tn_md_find(m, in, "f1|macro f1|accuracy|auc|mcc|recall|bleu|rouge|wer|f1 score", &found); looked++) {
        in.from = found.to;
        tn_md_range sentence = tn_md_sentence(m, found.from);
        if (tn_prose_has_number(m, sentence) && tn_md_has(m, sentence, "reaches|reached|achieves|achieved|gets|got|scores|scored|obtains|obtained|attains|hits|hit|has an|has a|yields|yielded|is|was|our model|my model|the model|we get|we reach|result") &&
            !tn_md_has(m, sentence, "target*|goal|at least|must|should|threshold|if|would|aim|criteri*|success|expect*|e g|for example|reported|paper"))
            return tn_prose_say(p, sentence, "put it beside the majority class, a linear n-gram model and the untouched pretrained model, on the same rows, with intervals", "a result with nothing to compare it to");
    }
    if (!a->whole)
        return TN_OK;
    tn_md_range at = a->heading[TN_SECTION_EVALUATION] != SIZE_MAX ? tn_md_block_range(m, a->heading[TN_SECTION_EVALUATION]) : start_of(m);
    return tn_prose_say(p, at, "name the baselines: the majority class, a linear n-gram model, the untouched pretrained model, on the same rows", "the evaluation names no baseline");
}

/* ---- what a whole answer must hold ---- */

typedef struct {
    const char *rule;
    bool (*when)(const tn_answer *a);
    tn_section at; /* where it would stand */
    const char *any;
    const char *message, *remedy;
} absence;

static bool always(const tn_answer *a)
{
    return a->whole;
}

static bool when_tuning(const tn_answer *a)
{
    return a->whole && a->tunes;
}

static bool when_deploying(const tn_answer *a)
{
    return a->deploys && (a->whole || a->n_words >= 12);
}

/* Measurements of what serving costs: the memory of a training card and "classes cost the same" are none. */
#define COST_WORDS                                                                                                                    \
    "latency|latencies|p50|p95|p99|throughput|ms|milliseconds|seconds a|seconds per|seconds for|requests a second|requests per second|"  \
    "per second|a second|peak memory|memory use|memory usage|memory on|measure the memory|cost of|cost for|cost per|costs per|per 1,000|" \
    "per thousand|cents|size on disk|cold start|load test*|latency budget|quantiz*|quantis*|real time factor|tokens s|watts|qps|rps|"     \
    "response time|response times"

static const absence absences[] = {
    {"style-assumptions", always, TN_SECTION_TASK,
     "assum*|presum*|suppos*|constraint*|given that|if you|if your|you did not say|not stated|unstated|unless you|depends on|stated|inferred|unknown|open question*|to confirm|please confirm|let me know|take for granted|premise*",
     "no assumption or constraint is written down", "list what the user stated, what you inferred and from which words, and what you assumed"},
    {"style-limits", always, TN_SECTION_EVALUATION,
     "limit|limits|limitation*|caveat*|weak*|fail|fails|failure*|risk|risks|bias|biases|drawback*|shortcoming*|not measured|not tested|not covered|does not cover|will not|cannot|can t|won t|struggle*|unsuitable|not suitable|"
     "out of scope|edge case*|blind spot*|downside*|error analysis|hard case*|known issue*",
     "no limit is discussed", "say where it is weak, with the number: the weakest class and slice, examples of failure, what was not measured"},
    {"eval-criteria", always, TN_SECTION_EVALUATION,
     "success|successful|criterion|criteria|threshold*|target|targets|at least|acceptance|fixed before|fixed beforehand|fixed in advance|fixed now|set before|agreed before|decided before|defined before|set in advance|agreed in advance|minimum|must reach|must beat|must exceed|goal is|aim for|aim is|good enough|ship if|release if|stop if|go if|pass if|beyond the interval|no worse|accept if|required score|below #|under #|agreed beforehand",
     "success is not defined", "state metric, threshold and the baseline to beat before the training"},
    {"constraint-compute", when_tuning, TN_SECTION_APPROACH,
     "gpu|gpus|cpu|cpus|core|cores|memory|ram|vram|a100|a10g|t4|v100|l4|l40s|h100|h200|rtx|hours|hour|minutes|gb|gib|colab|tpu|tpus|laptop|machine|hardware|compute|cuda|instance|workstation",
     "training is proposed with no hardware, memory or time stated", "state device, cores, memory, estimated time and peak memory before training"},
    {"constraint-pretrained", when_tuning, TN_SECTION_APPROACH,
     "zero shot|as is|untouched|off the shelf|without fine tuning|before fine tuning|out of the box|probe|probing|existing checkpoint|existing model|frozen|unless|no fine tuning|already fine tuned|not fine tuned|as it is|as they are|"
     "first measure|embedding*|pretrained model alone|pretrained baseline|pretrained model as|base model as|untuned|unmodified|vanilla|not tuned|base checkpoint",
     "fine-tuning is proposed with no comparison to the untouched model", "measure the pretrained model as it is first: an existing checkpoint, zero-shot, or a linear probe on its embeddings"},
    {"govern-licence", always, TN_SECTION_MODEL,
     "licence|licences|license|licenses|licensed|licenced|licensing|apache|mit|bsd|gpl|agpl|lgpl|cc by|cc0|openrail|public domain|terms of use|community licence|open weights terms|proprietary|rights",
     "neither a model's nor the data's licence is named", "look the licences of model and data up, and judge them against the use, before anything is downloaded"},
    {"eval-cost", when_deploying, TN_SECTION_EVALUATION,
     COST_WORDS,
     "deployment is advised with no latency, memory or cost", "measure p50, p95 and p99, throughput, peak memory and size at the deployment's batch and threads, and the cost of 1,000 items"},
    {NULL},
};

/* A place anywhere; or the hardware of the service, which the hardware of the training is not. */
static tn_status place(tn_prose *p, void *facts)
{
    static const char where[] = "cloud|edge|on device|server|servers|serverless|laptop|phone|phones|mobile|browser|on prem*|data centre|data center|production system|environment|regulated|cluster|aws|azure|gcp|raspberry|jetson|scanner|e commerce|"
                                "vcpu|vcpus|in house|intranet|workstation|offline|assume* it runs|runs on|run on|spaces|hugging face space|inference endpoint|inference endpoints|vpc|region";
    static const char hardware[] = "cpu|cpus|gpu|gpus|core|cores|ram|vram|memory|machine|machines|gb|gib|t4|l4|a10g|tpu|hardware|instance|host|hosts|node|nodes|budget";
    const tn_answer *a = facts;
    const tn_md *m = p->md;
    if (!when_deploying(a) || tn_md_has(m, p->body, where))
        return TN_OK;
    tn_md_range in = p->body, found;
    for (size_t looked = 0; looked < 200 && tn_md_find(m, in, hardware, &found); looked++, in.from = found.to)
        if (!tn_md_has(m, tn_md_sentence(m, found.from), "train|training|trained|fine tune|fine tuning|fine tuned|epochs|epoch"))
            return TN_OK;
    tn_md_range at = a->heading[TN_SECTION_TASK] != SIZE_MAX ? tn_md_block_range(m, a->heading[TN_SECTION_TASK]) : start_of(m);
    return tn_prose_say(p, at, "say where it will run: the brief's words, or what you assume", "deployment is advised with no environment stated or assumed");
}

static tn_status absent(tn_prose *p, const tn_answer *a)
{
    for (const absence *x = absences; x->rule; x++) {
        p->rule = x->rule;
        if (!x->when(a) || tn_md_has(p->md, p->body, x->any))
            continue;
        tn_md_range at = a->heading[x->at] != SIZE_MAX ? tn_md_block_range(p->md, a->heading[x->at]) : start_of(p->md);
        TN_TRY(tn_prose_say(p, at, x->remedy, "%s", x->message));
    }
    return TN_OK;
}

/* ---- claims ---- */

#define REMEDY_EVIDENCE "name the run and the numbers that motivate it, repeat seeds, and test the difference on the same rows"

/* What a model costs beside its quality. */
#define DIMENSIONS "latency|latencies|ms|milliseconds|p50|p95|p99|throughput|faster|slower|speed|parameters|params|size|sizes|smaller|larger|heavier|lighter|cheaper|memory|mb|cost of|cost for|costs of|trade off|trade offs|tradeoff|tradeoffs|real time factor|tokens s|per second|compute"

/* What cards claim too. */
const tn_claim tn_answer_claims[] = {
    {"style-limits", "no significant limitations|no limitations|no known limitations|without limitations|without any limitations|no real limitations|no major limitations|no limits|no weaknesses|has no limitations|no downsides|no drawbacks",
     NULL, "there are no|never says|do not say|claim*", NULL, TN_CLAIM_SOURCE, "limits are denied", "say where it is weak, with the number: the weakest class and slice, examples of failure, what was not measured"},
    {"eval-kpi",
     "revenue|sales|profit|profits|conversion|conversions|conversion rate|churn|roi|return on investment|customer satisfaction|market share|nps|savings|save money|headcount|customer retention|user retention|staff turnover|turnover of customers|cart value|earn|earns|earnings|income|profit margin|profit margins",
     "f1|accuracy|auc|precision|recall|mcc|rouge|bleu|macro|score",
     "assum*|assumption|estimate*|cost matrix|costs|cost of|per missed|a missed|false alarm|if|unless|separate*|separately|not|does not|kpi|kpis|measured separately|a b test|experiment|apart|business metric*", NULL, TN_CLAIM_NEGATED | TN_CLAIM_CLOSE,
     "a business result is derived from a model's score", "keep two tables, model metrics and business KPIs, and state the assumed cost of each kind of error that leads from one to the other"},
    {"eval-evidence",
     "should be better|should work better|should perform better|should do better|should improve accuracy|should improve performance|should improve results|should improve the results|should improve the f1|should improve f1|"
     "should boost accuracy|should boost performance|should give better|should get better|will probably be better|is probably better|probably works better|it is obvious that|obviously better|clearly better|in my experience|it usually does|usually works better",
     NULL,
     "measure*|verif*|test|tests|tested|testing|run|runs|compare*|confirm*|check|evaluat*|validat*|ablation*|experiment*|interval*|whether|hypothes*|baseline*|if|not|shows|showed|evidence|previous|seeds",
     NULL, TN_CLAIM_NUMBER | TN_CLAIM_SOURCE | TN_CLAIM_CLOSE, "a change rests on intuition", REMEDY_EVIDENCE},
    /* The number beside a feeling is the setting, not a result. */
    {"eval-evidence", "my intuition|intuition says|by intuition|on intuition|from intuition|gut feeling|my gut|a hunch|my hunch|i have a feeling|i ve a feeling|have the feeling|trust me|feels better|feels right|feels more|i feel that", NULL,
     "measure*|verif*|test|tests|tested|testing|run|runs|compare*|confirm*|check|evaluat*|validat*|ablation*|experiment*|interval*|whether|hypothes*|if|not|shows|showed|evidence|seeds", NULL, TN_CLAIM_SOURCE | TN_CLAIM_NEGATED | TN_CLAIM_CLOSE,
     "a change rests on intuition", REMEDY_EVIDENCE},
    /* Of what was not done yet no number tells. */
    {"eval-evidence",
     "will surely improve|will definitely improve|will certainly improve|will undoubtedly improve|surely improves|is bound to improve|is sure to improve|is guaranteed to improve|will surely be better|will definitely be better|will certainly be better|will surely help|will definitely help",
     NULL, "if|not|whether|hypothes*|measure*|measured", NULL, TN_CLAIM_SOURCE | TN_CLAIM_NEGATED | TN_CLAIM_CLOSE, "an improvement is promised that nobody measured", REMEDY_EVIDENCE},
    {"eval-evidence", "without another run|without a new run|without a further run|without rerunning|without running it|without measuring|without measuring it|without testing it|without another experiment|without an experiment|without comparing|no need to measure|no need to test|no need to compare",
     "switch|switched|change|changed|raise|raised|lower|lowered|increase|increased|set|replace|replaced|adopt|adopted|improve*|better", "not|never|don t|do not|if", NULL, TN_CLAIM_CLOSE, "a setting is changed and nothing is measured", REMEDY_EVIDENCE},
    {"eval-evidence",
     "best seed|best of # seeds|best of # runs|best of three|best of five|best of ten|best of the ten|best of the five|lucky seed|luckiest seed|only the best run|best run only|picked the best run|report the best run|reports the best run|kept the best run|"
     "cherry pick|cherry picked|cherry picking|the seed that gave|seed with the highest|run with the highest score|seed that worked best|keep the best seed|pick the seed",
     NULL, "not|never|no|avoid|don t|instead of|rather than|do not|mean|average|all seeds|every seed|all runs|interval|standard deviation|report all", NULL, TN_CLAIM_NEGATED, "the best of several seeds or runs is reported alone", "report all seeds with mean and spread; choose by validation, never by the reported number"},
    {"eval-evidence", "# seeds|ten seeds|five seeds|twenty seeds|several seeds|many seeds|different seeds|various seeds|multiple seeds|random restarts",
     "the best one|the best is|the best run is|best result is|best result was|only the best|the highest is|highest one|the maximum is|the top one|the winner is",
     "not|never|no|avoid|instead of|rather than|mean|average|averaged|median|all|every|each|interval|deviation|std|spread|range", NULL, TN_CLAIM_NEGATED | TN_CLAIM_CLOSE, "the best of several seeds or runs is reported alone", "report all seeds with mean and spread; choose by validation, never by the reported number"},
    {"eval-regressions",
     "overwrite the old|overwrites the old|overwriting the old|overwrites the previous|overwrite the previous|overwriting the previous|overwrites the last|overwrite the last|overwrites the current|overwrite the current|overwrites the existing|overwrite the existing|overwritten each|"
     "overwritten every|overwritten on every|overwritten at each|replaces the old checkpoint|replace the old checkpoint|replaces the previous checkpoint|replaces the old model|replaces the previous model|replace the old model|replace the previous model|delete the old|deletes the old|"
     "delete the previous|deletes the previous|deleted before each|throw away the old|keep only the newest|keep only the latest|keeps only the newest|keeps only the latest",
     "model|models|checkpoint|checkpoints|metrics|results|scores|run|runs|weights|evaluation|numbers",
     "not|never|only if|only when|only after|unless|if|when it|once it|after it|compare*|gate|accepted|rollback|archive*|version*|backup|backed up|tagged|temporary|cache", NULL, TN_CLAIM_NEGATED | TN_CLAIM_CLOSE, "an older result is overwritten, so that no regression can be seen",
     "keep each run in a folder of its own, compare with the last accepted run overall and by slice, and release only when the gate passes"},
    {"eval-tradeoff", "highest accuracy|highest f1|highest macro f1|highest score|best accuracy|best f1|best score|top accuracy|top score|most accurate|best performing|highest performing|highest metric",
     "choose|chose|chosen|select|selected|pick|picked|use|recommend|take|took|went with|go with|deploy|winner",
     "latency|size|cost|memory|licence|license|speed|parameters|trade|trade off|trade offs|faster|smaller|interval|slower|cheaper|ms|gb|mb|budget|cpu|standard error|within|probe|validation|checkpoint|epoch|early stopping|params",
     NULL, TN_CLAIM_NEGATED, "the choice looks at one number only", "show quality, latency, memory and licence together, and give the reason for the chosen point from the user's goal"},
    {"eval-tradeoff", "is the one to use|is the model to use|is the one to take|is the one to deploy|is the obvious choice|is the clear choice|is the clear winner|is the right choice|the choice is clear|clearly the best choice|should always be preferred|so it wins|and so wins|therefore it wins|wins over",
     "f1|accuracy|auc|mcc|recall|precision|wer|bleu|rouge|score|map|ndcg|iou", NULL, DIMENSIONS, TN_CLAIM_NEGATED,
     "the choice looks at one number only", "show quality, latency, memory and licence together, and give the reason for the chosen point from the user's goal"},
    {"eval-cost",
     "fast enough|light enough|lightweight enough|small enough|cheap enough|efficient enough|quick enough|low latency|blazing fast|very fast|super fast|really fast|fast and light|runs fast|real time|in real time|fast inference|minimal latency", "production|deploy*|api|serve|serving|server|endpoint|live|users|traffic",
     "ms|p50|p95|p99|measure*|benchmark*|latency budget|seconds|per second|target|require*|must|need*|brief|goal|throughput|load test*", NULL, TN_CLAIM_NUMBER | TN_CLAIM_SOURCE | TN_CLAIM_NEGATED, "speed is claimed and not measured",
     "measure p50, p95 and p99, throughput, peak memory and size at the deployment's batch and threads"},
    {"govern-responsible",
     "automatically reject|automatically rejects|rejects applicants automatically|reject applicants automatically|automatically deny|automatically denies|automatically approve|automatically approves|auto reject|auto rejects|rejects unsuitable candidates|reject unsuitable candidates|"
     "without human review|without a human|no human review|no human in the loop|without any human|replaces the doctor|replace the doctor|replaces doctors|diagnoses patients automatically|diagnose patients automatically|decides automatically|decide automatically|decision is sent automatically|granted or refused by it|granted or refused by the model|refused by the model|rejected by the model automatically|no lawyer needed|no doctor needed|no lawyer is needed|no doctor is needed|without a lawyer|without a doctor|fully automated decision*|"
     "fully automatic decision*",
     NULL, "not|never|no model should|must not|do not|don t|avoid|unless|instead of|except|prohibit*|forbid*", NULL, TN_CLAIM_NEGATED, "a decision about people with no human review", "plan a review by a person who may overrule the model, and say who is answerable"},
    {NULL},
};

/* Canary, rollback and regression gate belong to a release and need no other sign of one; an evaluation does. */
const tn_claim tn_answer_gates[] = {
    {"brief-when", "skip the evaluation|skip evaluation|without evaluation|without evaluating|no evaluation|no time to evaluate|no time to test|skip the tests|skip testing|evaluate later|evaluation later|look at it later|test it later|without testing|skip the baselines|skip validation",
     "release*|production|deploy*|launch*|go live|goes live|ship|shipped|rollout|roll out|tomorrow|tonight|today|later", "never|must not|do not skip|don t skip|cannot", NULL, TN_CLAIM_NEGATED, "a gate is skipped", "a release phase skips no gate: name what can wait, and what the release needs"},
    {"brief-when", "skip|skips|skipped|skipping|bypass*|omit|omits|omitted|omitting|waive|waived|waiving|drop|dropped|dropping|leave out|left out|go without|do without|forgo|postpone*|defer*|switch off|switched off|disable|disabled",
     "gate|gates|rollback|roll back|canary|regression check*|regression test*|load test*|release check*|production check*|acceptance test*|latency measurement|latency test*|shadow traffic|sign off",
     "never|must not|do not|don t|cannot|before the release|prototype|demo|experiment only|no release|not a release|if any|when a gate", NULL, TN_CLAIM_NEGATED, "a gate is skipped", "a release phase skips no gate: name what can wait, and what the release needs"},
    {"brief-when", "without canary|without a canary|without rollback|without a rollback|without any rollback|without a rollback plan|without the regression gate|without a regression gate|without regression test*|without gates|without the gates|without load test*|"
                   "without a load test|without monitoring|without acceptance test*|without sign off|no canary|no rollback|no rollback plan|no regression gate|no gates",
     "production|release*|deploy*|live|launch*|roll out|rollout|ship*", "never|must not|do not|don t|cannot|not before|refuse*|prototype|demo", NULL, 0, "a gate is skipped", "a release phase skips no gate: name what can wait, and what the release needs"},
    {"brief-when", "do not evaluate again|don t evaluate again|will not evaluate again|won t evaluate again|never evaluate again|not evaluated again|no further evaluation|no evaluation after|do not monitor|don t monitor|no monitoring|stop evaluating",
     "release*|production|deploy*|live|launch*|ship*", "must not|prototype|demo", NULL, 0, "a gate is skipped", "evaluate after the release too: the same metric on fresh rows, at a stated interval"},
    {NULL},
};

static const tn_claim claims[] = {
    {"eval-evidence", "try a different learning rate|try different hyperparameters|tweak it until|keep tweaking|play with the|tune until it|until it looks good|until it feels|until you are happy|vibes", NULL,
     "validation|measure*|compare*|interval|baseline*|run|runs|not|never", NULL, TN_CLAIM_NEGATED, "a change rests on intuition", REMEDY_EVIDENCE},
    {"eval-benchmark", "leaderboard score is the evaluation|leaderboard is the evaluation|benchmark score is the evaluation|published score is the evaluation|run on your data is not needed|no run on your data is needed|no need to evaluate on your|no need to run it on your|no evaluation on your data is needed|need not be measured on your|leaderboard is enough|leaderboard score is enough|leaderboard suffices|rely on the leaderboard",
     NULL, NULL, NULL, 0, "a leaderboard is the evidence, and nothing is run on the user's data", "run the candidates on the user's own data and report that number"},
    {"eval-criteria",
     "so we report|so i report|instead we report|we report accuracy instead|switch to accuracy|switched to accuracy|report accuracy instead|decide on the metric later|decide the metric later|decide the metric after|choose the metric after|"
     "pick the metric after|choose the metric later|pick a metric later|metric that looks|metric which looks|whichever metric|best looking metric|success can be defined later|define success later|define success after|success criteria after|"
     "we ll know it when we see it|see what we get|decide afterwards|once we see the results|after seeing the results|after we see the results|threshold afterwards|threshold later|set the threshold after|threshold once|pick the metric that|picks the metric that|choose the metric that|chooses the metric that|select the metric that|report the metric that|pick the metric which|choose the metric which|"
     "which metric looks|metric that shows the model|decide what counts as success|decide what success|define what counts as success|decide what is good enough|decide whether it is good enough|see how good it gets|see how good it is|see how far we get|success is decided after|criterion is decided after|criteria are decided after|criteria later|criterion later",
     NULL, "not|never|before|fixed|do not|don t|avoid|both|calibrat*|validation|cost of|costs of|errors that", NULL, TN_CLAIM_NEGATED | TN_CLAIM_CLOSE, "the measure of success is chosen after the results", "fix metric, threshold and the baseline to beat before training, and report that one"},
    {"who-open",
     "gpt 4|gpt 4o|gpt 3.5|gpt 5|gpt4|chatgpt|openai api|openai|claude|claude 3|claude opus|claude sonnet|anthropic api|gemini pro|gemini api|gemini flash|gemini 1.5|cohere api|gpt 4 turbo|gpt 4o mini|closed api",
     "use|call|send|recommend|choose|go with|rely on|query|through|via|with|just|prompt|ask",
     "because|since|reason*|due to|privacy|compare*|comparison|open model*|open weight*|open source|closed|proprietary|only if|unless|instead of|rather than|avoid|not|never|no|don t|upper bound|reference|label*|annotat*|versus|vs|against|assistant|than|approved|"
     "you asked|your brief|the brief|as you asked",
     NULL, TN_CLAIM_NEGATED, "a closed API is used with no reason given", "prefer an open model, or give the reason and the measured difference"},
    {"brief-owner",
     "simplified your task|simplified the task|i simplified|i changed the task|i changed your task|changed the task to|i reduced the task|i reduced your|i have simplified|i ve simplified|we simplified the task|i dropped the neutral|dropped the neutral class|i dropped the|"
     "i merged the classes|i merged your|merged the classes|i replaced your|i reinterpreted|i reframed your|i turned your task|i took the liberty|instead of your task|instead of what you asked|instead of classification we|instead of sentiment we|instead of classifying we|instead of a classifier we|instead of fine tuning we build|rather than classify we|not what you really need|not what you need|isn t what you need|is not what you want|not the right task so we|wrong task so we|we build a chatbot instead|build a chatbot instead|a different task instead|another task instead|we pretrain a new|instead of the task you|rather than what you asked|i decided to ignore your|"
     "i ignored your|ignoring your|i switched the task|let s solve a different|i will solve a different|i ll do a different|we will do binary|binary instead|treat it as binary instead|made it binary|making it binary|your real goal is|what you really want|what you actually want|"
     "you actually need|you don t need the|you do not need three|i removed the|i skipped your|i went with english instead|english instead",
     NULL, "propose*|would|unless you|suggest*|if you agree|with your|permission|you asked me|as you asked|asked for|confirm|your call|let me know|do you want|shall i|i go on with|duplicate*|duplicates|rows|please|code|comment*|import*|bug|warning*", NULL, TN_CLAIM_NEGATED,
     "the answer changes the user's task", "keep the task as asked; propose the change as a question, and go on with what was asked until it is answered"},
    {"brief-owner", "instead of sentiment|instead of classif*|instead of routing|instead of translat*|instead of summar*|instead of extract*|instead of detect*|instead of transcri*|instead of the requested|instead of the task",
     "we build|i build|we built|i built|we will build|i will build|we make|i made|we do a|i did a|we switch*|i switch*|we solve|i solve",
     "propose*|would|could|unless you|suggest*|if you agree|with your|permission|you asked me|as you asked|confirm|your call|let me know|do you want|shall i|baseline*", NULL, 0,
     "the answer changes the user's task", "keep the task as asked; propose the change as a question, and go on with what was asked until it is answered"},
    {"constraint-compute", "batch size", "7b|8b|13b|70b|train|epochs|epoch|fine tune|fine tuning",
     "gpu|gpus|cpu|cpus|cores|memory|ram|vram|hours|minutes|gb|gib|hardware|compute|colab|tpu|machine|a100|t4|l4|h100|v100",
     "gpu|gpus|cpu|cpus|cores|memory|ram|vram|hours|minutes|gb|gib|hardware|compute|colab|tpu|machine|a100|t4|l4|h100|v100|device|laptop|server", 0, "training values are given with no hardware, memory or time stated",
     "state device, cores, memory, estimated time and peak memory before training"},
    {"constraint-pretrained", "train from scratch|trained from scratch|training from scratch|train it from scratch|train a model from scratch|train a transformer from scratch|train our own transformer|train a new model|randomly initialised|randomly initialized|from random weights",
     NULL, "not|no|never|avoid|instead of|rather than|don t|baseline*|compare*|zero shot|as is|pretrained|only if|unless|would", "zero shot|as is|untouched|off the shelf|probe|compared with|compare with|baseline", TN_CLAIM_NEGATED,
     "training from scratch with no comparison to a pretrained model", "measure a pretrained model as it is first: an existing checkpoint, zero-shot, or a linear probe on its embeddings"},
    {"format-phases",
     "one script that|a single script that|one notebook that|single file that|all in one script|everything in one script|in a single script|in one script|in one go|in the same script|single notebook", "serve*|deploy*|api|production|fastapi|push*|release*",
     "not|never|avoid|separate*|instead of|rather than|don t|split", NULL, TN_CLAIM_NEGATED, "experiment, training and deployment are mixed", "give each phase its own files and decision; only a finished, evaluated run is deployed"},
    {"format-phases",
     "tune on the test|tuned on the test|pick on the test|choose on the test|select on the test|best checkpoint on the test|best epoch on the test|hyperparameters on the test|highest test accuracy|highest test f1|best test accuracy|best test score|deploy while training|skip the evaluation and deploy|"
     "deploy before evaluating|deploy the checkpoint during training|evaluate after deployment|deploy first and evaluate later|deploy first",
     NULL, "not|never|avoid|instead of|rather than|don t|do not|without", NULL, TN_CLAIM_NEGATED, "phases are mixed: a decision is taken on the test, or before the evaluation", "decide on validation, open the test once, deploy only an evaluated run"},
    {"format-terms", "sentiment ai|toxicity ai|spam ai|vision ai|image ai|speech ai|translation ai|review ai|accuracy model|f1 model|model zoo|hf zoo|ai brain|nlp ai|language ai|sentiment engine|text ai|bert ai|ai engine|magic ai|huggingface ai model|classification ai|training the ai|train the ai|teach the ai|the ai learns", NULL,
     "say|avoid|term|terms|called|random", NULL, TN_CLAIM_NEGATED, "not a term of the Hub", "use the Hub's terms: pipeline tag (text-classification), model id, revision, split, checkpoint"},
    {NULL},
};

/* A sensitive field in the task, and no step in which a person looks. */
static tn_status responsible(tn_prose *p, void *facts)
{
    const tn_answer *a = facts;
    const tn_md *m = p->md;
    tn_md_range task = a->heading[TN_SECTION_TASK] != SIZE_MAX ? tn_md_section(m, a->heading[TN_SECTION_TASK]) : start_of(m), found;
    if (!a->whole || !tn_md_find(m, task, "patient|patients|diagnosis|diagnose|diagnoses|medical|clinical|hospital|triage|credit scor*|loan|loans|creditworth*|insurance claims|job applicants|applicants|resumes|cvs|hiring|recruit*|minors|children|pupils|sentencing|parole|asylum|court|legal advice|benefit fraud", &found) ||
        tn_prose_negated(m, found))
        return TN_OK;
    if (tn_prose_says(m, p->body, "human review|human in the loop|human oversight|oversight|reviewed by|review by|reviews every|reads every|a person|a human|clinician*|nurse*|doctor*|physician*|expert review|experts|recruiter*|lawyer*|caseworker*|underwriter*|appeal*|not automated|never automatically|"
                              "manual review|manually|second reader|screening aid|decision support|human decision|humans decide|responsible ai|ethics|fairness|radiologist*|teacher*|loan officer*|overrule"))
        return TN_OK;
    return tn_prose_say(p, tn_md_sentence(m, found.from), "plan a review by a person of the field, say who is answerable, and weigh the costly error", "a sensitive field, and no step of human review");
}

/* A task section from which nobody could tell what goes in or comes out. */
static tn_status vague_task(tn_prose *p, void *facts)
{
    const tn_answer *a = facts;
    const tn_md *m = p->md;
    static const char task[] = "classif*|class|classes|label|labels|labelled|labeled|categor*|sentiment|intent*|topic*|spam|toxic*|translat*|summari*|generat*|write|writes|answer|answers|answering|question|questions|entity|entities|ner|named|extract*|tag|tags|tagging|embed*|"
                               "similar*|search*|retriev*|find|finds|rank*|rerank*|recommend*|match*|dedup*|duplicate*|speech|transcri*|asr|voice|audio|caption*|describe*|detect*|segment*|recogn*|identif*|image|images|photo|photos|picture*|video*|ocr|fill mask|language model*|llm|chat|chatbot|"
                               "regress*|forecast*|predict*|estimat*|score|scores|cluster*|route*|routing|sort|sorts|sorted|assign*|moderat*|flag|flags|pipeline|negative|positive|good or|or not|convert*|pars*|correct*|complet*|code|text|texts|token|tokens|tabular|table|rows into|instruct*|"
                               "anomal*|outlier*|fraud|churn|depth|sound|music|reason*|agent|agents|tool|decide whether|which of";
    if (!a->whole || a->heading[TN_SECTION_TASK] == SIZE_MAX)
        return TN_OK;
    size_t h = a->heading[TN_SECTION_TASK];
    tn_md_range section = {tn_md_block_range(m, h).to, tn_md_section(m, h).to};
    if (tn_md_count_words(m, section) < 4 || tn_md_has(m, section, task) || (h > 0 && tn_md_has(m, start_of(m), task)))
        return TN_OK;
    for (size_t i = 0; i < m->n_spans; i++) { /* the tag as code */
        tn_catalog_row row;
        if (m->span[i].kind == TN_MD_SPAN_CODE && m->span[i].from >= section.from && m->span[i].to <= section.to && tn_catalog_find("tasks", "tag", tn_str_sub(m->text, m->span[i].from, m->span[i].to), &row))
            return TN_OK;
    }
    return tn_prose_say(p, tn_md_block_range(m, h), "name the task as the Hub does (text-classification, token-classification ...), what goes in, what comes out, and the modality", "the task section names neither a task nor a modality");
}

/* Several candidates with their scores, and no word in the whole answer on what they cost. */
static tn_status one_number(tn_prose *p, void *facts)
{
    const tn_answer *a = facts;
    const tn_md *m = p->md;
    if (!a->whole || a->heading[TN_SECTION_MODEL] == SIZE_MAX || tn_md_has(m, p->body, DIMENSIONS))
        return TN_OK;
    tn_md_range section = tn_md_section(m, a->heading[TN_SECTION_MODEL]);
    if (tn_answer_models(p, section, 2) < 2 || !tn_prose_has_number(m, section) || !tn_md_has(m, section, "f1|accuracy|auc|mcc|recall|precision|wer|cer|bleu|rouge|score|ndcg|map|iou|exact match"))
        return TN_OK;
    return tn_prose_say(p, tn_md_block_range(m, a->heading[TN_SECTION_MODEL]), "show quality, latency, memory and licence together, and give the reason for the chosen point from the user's goal", "candidates are compared by one number only");
}

/* A model or data for non-commercial use, chosen for something that is sold. */
static tn_status compatible(tn_prose *p, void *facts)
{
    (void)facts;
    const tn_md *m = p->md;
    tn_md_range in = p->body, found, use;
    bool sold = false;
    for (size_t looked = 0; !sold && looked < 50 && tn_md_find(m, in, "commercial service|commercial product|commercial use|commercial application|commercially|sell|sells|selling|sold|for sale|paid product|paid service|paying customers|paid subscription|subscribers|saas", &use); looked++, in.from = use.to) {
        tn_md_range s = tn_md_sentence(m, use.from);
        sold = !tn_prose_negated(m, use) && !tn_md_has(m, (tn_md_range){use.from > 5 ? use.from - 5 : 0, use.to}, "non commercial|non commercially") && !tn_md_has(m, s, "allow*|permit*|permissive|forbid*|prohibit*|exclude*|licence|license");
    }
    in = p->body;
    for (size_t looked = 0; sold && looked < 50 && tn_md_find(m, in, "cc by nc|cc by nc sa|cc by nc nd|non commercial licence|non commercial license|noncommercial license|non commercial use only", &found); looked++, in.from = found.to) {
        size_t b = tn_md_block_at(m, found.from);
        tn_md_range s = tn_md_sentence(m, found.from);
        if (b == SIZE_MAX || m->block[b].kind == TN_MD_TABLE || tn_prose_negated(m, found) || !tn_md_has(m, s, "because|use|choose|chosen|chose|recommend|take|pick|select|train*|fine tune*|go with|best") ||
            tn_md_has(m, s, "not|no|cannot|never|exclude*|ruled out|rule out|drop*|forbid*|prohibit*|reference|only to compare|comparison|upper bound|but|although|unless|if|instead|out|removed|without|agreement|permission"))
            continue;
        return tn_prose_say(p, s, "choose a model and data whose licence allows the use, or get the owner's permission in writing", "something for non-commercial use only is chosen for a commercial product");
    }
    return TN_OK;
}

static tn_status hand_made(tn_prose *p, void *facts)
{
    for (size_t i = 0; i < p->md->n_blocks; i++) {
        const tn_md_block *b = &p->md->block[i];
        if (b->kind == TN_MD_FENCE && b->info.len > 0)
            continue;
        tn_md_range r = tn_md_block_range(p->md, i), found;
        if (b->kind == TN_MD_PARAGRAPH && tn_md_find(p->md, r, "softmax over the logits|softmax of the logits|softmax over the raw logits|apply softmax|argmax over the logits|argmax of the logits", &found) && tn_md_has(p->md, r, "demo|inference|predict*") &&
            !tn_prose_negated(p->md, found) && !tn_md_has(p->md, r, "instead of|pipeline"))
            return tn_prose_say(p, tn_md_sentence(p->md, found.from), "show inference with pipeline(TASK, model=..., revision=...)", "a demo takes softmax and argmax by hand");
    }
    return TN_OK;
}

/* ---- who-pragmatic ---- */

/* "30 hand-picked sentences": a count below a few hundred of what a test holds. */
static bool small_count(const tn_md *m, tn_md_range in)
{
    tn_md_range found;
    static const char of[] = "# examples|# sentences|# reviews|# tickets|# mails|# emails|# images|# rows|# samples|# texts|# messages|# documents|# rows|# cases|# ? examples|# ? sentences|# ? reviews|# ? tickets|# ? mails|# ? images|# ? rows|# ? samples|# ? texts";
    for (size_t looked = 0; looked < 50 && tn_md_find(m, in, of, &found); looked++, in.from = found.to) {
        size_t digits = 0, value = 0;
        for (; found.from + digits < found.to && m->prose.ptr[found.from + digits] >= '0' && m->prose.ptr[found.from + digits] <= '9' && digits < 6; digits++)
            value = value * 10 + (size_t)(m->prose.ptr[found.from + digits] - '0');
        if (digits && value > 0 && value < 200 && m->prose.ptr[found.from + digits] == ' ')
            return true;
    }
    return false;
}

static tn_status production_claim(tn_prose *p, bool whole)
{
    const tn_md *m = p->md;
    static const char claim[] = "production ready|ready for production|production grade|enterprise ready|our production model|the production model|ready to ship|ready for release|ready for deployment|ready to deploy|ready to go live|safe to deploy|deploy it today|ship it today|ship it now|"
                                "out to production|straight to production|straight into production|deploy to all customers|deploy to all users|deploy it to all|ship it to all|roll it out to all|all of the traffic|all traffic at once|of traffic at once|can go live";
    static const char small[] = "notebook|prototype|prototypes|prototyping|smoke test|by eye|by hand|eyeballed|hand picked|handpicked|toy|quick experiment|quick test|first look|a few|few examples|handful|some examples|one seed|single seed|one run|cherry picked|spot check|spot checked|"
                                "demo|tried|looked at|sample sentences|ten examples|ten sentences|ten reviews|five examples|five sentences|twenty examples|twenty sentences|twenty reviews|fifty examples|fifty reviews";
    tn_md_range in = p->body, found;
    /* Over a whole notebook only words that speak of the result: any tutorial is a notebook with a demo. */
    if (whole && !tn_md_has(m, in, "prototype set|prototype|smoke test|by eye|eyeballed|hand picked|handpicked|quick experiment|quick test|cherry picked|spot check") && !small_count(m, in))
        return TN_OK;
    for (size_t said = 0, looked = 0; said < 2 && looked < 100 && tn_md_find(m, in, claim, &found); looked++, in.from = found.to) {
        size_t b = tn_md_block_at(m, found.from);
        tn_md_range block = b == SIZE_MAX || m->block[b].text.len > 4096 ? tn_md_sentence(m, found.from) : tn_md_block_range(m, b);
        if (tn_md_has(m, block, "not|never|isn|yet|before|until|unless|more than|canary|shadow|a b test|rollback|missing|gate|gates|test split|held out|after the|if|when|would|production ready code|production ready pipeline|production ready library") || tn_prose_negated(m, found))
            continue;
        if (whole && !tn_md_has(m, block, "model|result|results|right|correct|accuracy|classifier|f1|it works|works"))
            continue;
        if (!whole && !tn_md_has(m, block, small) && !small_count(m, block))
            continue;
        said++;
        TN_TRY(tn_prose_say(p, tn_md_sentence(m, found.from), "say what was traded for speed, how wide the interval is, and what is missing before release", "prototype evidence is called ready for production"));
    }
    return TN_OK;
}

/* Three kinds of a paper's proof, asked of what calls itself a demo. */
static tn_status rigour_of_a_demo(tn_prose *p)
{
    const tn_md *m = p->md;
    static const char *const kind[] = {"ablation|ablations", "# seeds|ten seeds|five seeds|twenty seeds|many seeds", "bonferroni|holm|significance test|significance tests|p value|p values|power analysis", "hyper parameter sweep|hyperparameter sweep|grid search|# trials|full sweep",
                                       "fold cross validation|cross validation|k fold", "annotators|inter annotator|double annotation", "external review|peer review|preregist*|pre regist*", "# benchmarks|six benchmarks|five benchmarks|ten benchmarks"};
    static const char demo[] = "throw away demo|throwaway demo|weekend demo|demo only|only a demo|prototype only|just a demo|just a prototype|for a demo|a demo at|a demo for|hackathon|meet up|meetup|proof of concept|show and tell|demo day";
    tn_md_range head = {p->body.from, p->body.from + 1500 < p->body.to ? p->body.from + 1500 : p->body.to}, found = {0, 0}, at = {SIZE_MAX, 0};
    size_t n = 0;
    if (!tn_md_has(m, head, demo) || tn_md_has(m, p->body, "we skip|i skip|skipped|not needed|no need|leave out|left out|too much|overkill|later, if|only if it|instead of"))
        return TN_OK;
    for (size_t i = 0; i < TN_COUNT(kind); i++)
        if (tn_md_find(m, p->body, kind[i], &found) && !tn_prose_negated(m, found)) {
            n++;
            at = found.from < at.from ? found : at;
        }
    return n < 3 ? TN_OK : tn_prose_say(p, tn_md_sentence(m, at.from), "ask of a demo what a demo must show, and say which proof was left out and why", "research rigour is demanded of a demo");
}

tn_status tn_answer_pragmatic(tn_prose *p, void *unused)
{
    (void)unused;
    TN_TRY(production_claim(p, false));
    return rigour_of_a_demo(p);
}

tn_status tn_answer_notebook(const tn_check_source *source, const tn_notebook *notebook, tn_findings *findings, tn_err *err)
{
    tn_buf text = {.max = 4 << 20};
    for (size_t i = 0; i < notebook->n_cells; i++)
        if (notebook->cell[i].kind == TN_CELL_MARKDOWN)
            tn_buf_printf(&text, "%.*s\n\n", TN_ARG(notebook->cell[i].source));
    tn_check_source prose = *source;
    tn_md m;
    tn_prose p;
    bool too_long = true;
    size_t from = findings->list.len;
    prose.text = text.len ? tn_buf_view(&text) : TN_STR("");
    tn_status st = tn_buf_status(&text, err);
    if (st == TN_OK && text.len)
        st = tn_prose_open(&prose, findings, &m, &p, &too_long, err);
    if (st == TN_OK && !too_long) {
        p.rule = "who-pragmatic";
        st = production_claim(&p, true);
    } else if (st == TN_ELIMIT) {
        st = TN_OK; /* nobody reads that much */
    }
    /* Lines of the joined text → the cell's line in the file. */
    for (size_t f = from; st == TN_OK && f < findings->list.len; f++) {
        uint32_t line = findings->list.ptr[f].line, first = 1;
        for (size_t i = 0; i < notebook->n_cells; i++) {
            if (notebook->cell[i].kind != TN_CELL_MARKDOWN)
                continue;
            uint32_t next = first + 2;
            for (size_t k = 0; k < notebook->cell[i].source.len; k++)
                next += notebook->cell[i].source.ptr[k] == '\n';
            if (line < next) {
                findings->list.ptr[f].line = notebook->cell[i].line + (line - first);
                findings->list.ptr[f].column = 1;
                break;
            }
            first = next;
        }
    }
    tn_buf_free(&text);
    return st;
}

/* ---- brief-owner ---- */

/* Both say something of the field, and nothing in common. */
static bool apart(const tn_brief *asked, const tn_brief *answered, const char *field, const tn_fact **wanted, const tn_fact **given)
{
    *wanted = tn_brief_fact(asked, field, NULL);
    *given = tn_brief_fact(answered, field, NULL);
    for (const tn_fact *f = NULL; (f = tn_brief_fact(answered, field, f));)
        for (const tn_fact *g = NULL; (g = tn_brief_fact(asked, field, g));)
            if (tn_str_eq(f->value, g->value) || tn_str_starts(f->value, "multi") || tn_str_starts(g->value, "multi"))
                return false;
    return *wanted && *given;
}

/* The brief that lies beside the answer, and the answer's task, by the same reader: another language or another kind of data
 * is another task. Tags of one kind of data are near each other, so a different tag proves nothing. */
static tn_status compare_with_brief(tn_prose *p, const tn_answer *a, const tn_brief *asked, const tn_brief *answered)
{
    static const char *const field[][2] = {{"language", "language"}, {"modality", "kind of data"}};
    for (size_t i = 0; i < TN_COUNT(field); i++) {
        const tn_fact *wanted, *given;
        if (apart(asked, answered, field[i][0], &wanted, &given))
            return tn_prose_say(p, tn_md_block_range(p->md, a->heading[TN_SECTION_TASK]), "keep the task as asked; propose the change as a question, and go on with what was asked until it is answered",
                                "the brief beside it asks for another %s: \"%.*s\", not \"%.*s\"", field[i][1], TN_ARG(wanted->words.len ? wanted->words : wanted->value), TN_ARG(given->words.len ? given->words : given->value));
    }
    return TN_OK;
}

static tn_status owner(tn_prose *p, void *facts)
{
    const tn_answer *a = facts;
    const tn_check_source *s = p->source;
    tn_str name = tn_path_name(s->path), beside = TN_STR("");
    bool answers = tn_str_ends(name, "answer.md") || tn_str_ends(name, "response.md") || tn_str_ends(name, "reply.md") || tn_str_ends(name, "plan.md");
    if (!answers || s->fragment || !s->place || a->heading[TN_SECTION_TASK] == SIZE_MAX)
        return TN_OK;
    tn_md_range task = tn_md_section(p->md, a->heading[TN_SECTION_TASK]);
    if (task.to - task.from > 16384 || tn_md_has(p->md, task, "translat*|transcri* into|you asked|your brief|brief asks|multilingual|cross lingual"))
        return TN_OK;
    tn_str dir = tn_path_dir(tn_str_of(s->place));
    tn_str path_text = dir.len ? tn_str_format(s->arena, "%.*s/brief.md", TN_ARG(dir)) : TN_STR("brief.md");
    const char *path = path_text.ptr;
    if (!path)
        return tn_fail_nomem(p->err, dir.len);
    tn_err local = TN_ERR_INIT;
    if (!tn_file_exists(path) || tn_walk_read(path, 1 << 20, s->arena, &beside, &local) != TN_OK)
        return local.status == TN_ENOMEM ? tn_fail(p->err, TN_ENOMEM, "%s", local.msg) : TN_OK;
    tn_brief asked = TN_BRIEF_INIT, answered = TN_BRIEF_INIT;
    tn_status st = tn_brief_parse(beside, "", s->arena, &asked, &local);
    if (st == TN_OK)
        st = tn_brief_parse(tn_str_sub(p->md->text, task.from, task.to), "", s->arena, &answered, &local);
    if (st == TN_OK)
        st = compare_with_brief(p, a, &asked, &answered);
    else if (st != TN_ENOMEM)
        st = TN_OK; /* it is told where the brief is judged */
    else
        st = tn_fail(p->err, st, "%s", local.msg);
    tn_brief_free(&asked);
    tn_brief_free(&answered);
    return st;
}

static const tn_prose_rule rules[] = {
    {"format-five", five},         {"format-code", code},     {"format-tables", tn_answer_tables},        {"style-task-first", task_first}, {"style-justify", tn_answer_justify},
    {"data-fit", fit},             {"eval-benchmark", benchmark}, {"eval-baselines", alone},    {"govern-responsible", responsible}, {"data-pipeline", hand_made},
    {"constraint-task", vague_task}, {"eval-tradeoff", one_number}, {"govern-compatible", compatible},
    {"brief-where", place},     {"brief-owner", owner},     {"who-pragmatic", tn_answer_pragmatic},
    {NULL, NULL},
};

tn_status tn_check_answer(const tn_check_source *source, tn_findings *findings, tn_err *err)
{
    tn_md m;
    tn_answer a;
    tn_prose p;
    bool too_long;
    TN_TRY(tn_prose_open(source, findings, &m, &p, &too_long, err));
    if (too_long)
        return TN_OK;
    tn_answer_read(&m, &a);
    TN_TRY(tn_prose_common(&p));
    TN_TRY(tn_prose_run(&p, rules, &a));
    TN_TRY(tn_prose_claims(&p, tn_answer_claims));
    TN_TRY(tn_prose_claims(&p, claims));
    TN_TRY(tn_prose_claims(&p, tn_answer_gates));
    TN_TRY(absent(&p, &a));
    return tn_prose_fences(&p);
}
