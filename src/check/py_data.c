/* data-* over Python. Loading without a revision and random steps without a seed are seen at a call; leaks and mixed splits
 * are relations between the rows of two calls (py_flow.h). Where the rows are not known, or their role follows from nothing
 * but a name, nothing is said, except where the comment of a rule says why a name is enough. */
#include "check/py_train.h"

#include <ctype.h>
#include <string.h>

static bool has_any(tn_str text, const char *words)
{
    tn_str rest = tn_str_of(words), word;
    while (tn_str_cut(&rest, '|', &word))
        if (tn_str_find(text, word, 0) != SIZE_MAX)
            return true;
    return false;
}

/* ---- data-versions ---- */

static bool is_id_text(tn_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!isalnum((unsigned char)s.ptr[i]) && !strchr("._-/", s.ptr[i]))
            return false;
    return s.len > 0 && s.ptr[0] != '.' && s.ptr[0] != '/' && s.ptr[s.len - 1] != '/';
}

/* "org/name", where the first part is not what people call folders of their own. */
static bool is_hub_id(tn_str s)
{
    size_t slash = tn_str_find(s, TN_STR("/"), 0);
    if (!is_id_text(s) || slash == SIZE_MAX || tn_str_find(s, TN_STR("/"), slash + 1) != SIZE_MAX || has_any(s, "checkpoint-|.json|.csv|.txt|.pt|.bin|.py"))
        return false;
    return !tn_py_word_in(tn_str_sub(s, 0, slash), "model|models|result|results|output|outputs|out|checkpoint|checkpoints|ckpt|run|runs|data|dataset|datasets|saved|save|saved_models|saved_model|trained|tmp|"
                                            "temp|logs|log|experiment|experiments|exp|weights|pretrained|pretrained_models|artifacts|build|local|cache|path|src|assets|resources|files|my_model|final");
}

/* The oldest checkpoints have no organisation in their name. */
static bool is_bare_model(tn_str s)
{
    static const char *const start[] = {"bert-base-", "bert-large-", "distilbert-base-", "distilbert/", "roberta-base", "roberta-large", "distilroberta-", "xlm-roberta-", "albert-base-", "albert-large-",
                                        "t5-small", "t5-base", "t5-large", "xlnet-base-", "xlnet-large-", "camembert-base", "distilgpt2", "openai-gpt", "gpt2"};
    for (size_t i = 0; i < TN_COUNT(start); i++)
        if (tn_str_starts(s, start[i]))
            return is_id_text(s);
    return false;
}

static bool is_builder(tn_str s)
{
    return tn_py_word_in(s, "csv|json|text|parquet|arrow|pandas|imagefolder|audiofolder|videofolder|webdataset|xml|sql|generator|spark|lance|hdf5");
}

/* What a call loads from the Hub, and under which name. */
typedef struct {
    const char *argument;
    int position;
    bool data;
} load;

static bool find_load(const tn_py_event *e, load *out)
{
    bool hub = tn_str_starts(e->callee, "transformers.") || tn_str_starts(e->callee, "peft.") || tn_str_starts(e->callee, "diffusers.") || tn_str_starts(e->callee, "setfit.") ||
               tn_str_starts(e->callee, "sentence_transformers.") || tn_str_starts(e->callee, "optimum.") || tn_str_starts(e->callee, "trl.");
    if (tn_py_named(e, "from_pretrained") && hub)
        *out = tn_str_starts(e->callee, "peft.PeftModel") ? (load){"model_id", 1, false} : (load){"pretrained_model_name_or_path", 0, false};
    else if (tn_py_is(e, "transformers.pipeline"))
        *out = (load){"model", 1, false};
    else if (tn_py_is_any(e, "sentence_transformers.SentenceTransformer|sentence_transformers.CrossEncoder|sentence_transformers.cross_encoder.CrossEncoder"))
        *out = (load){"model_name_or_path", 0, false};
    else if (tn_py_is_any(e, "datasets.load_dataset|datasets.load_dataset_builder"))
        *out = (load){"path", 0, true};
    else if (tn_py_is_any(e, "huggingface_hub.snapshot_download|huggingface_hub.hf_hub_download"))
        *out = (load){"repo_id", 0, false};
    else
        return false;
    return true;
}

/* cfg["data"]["id"]: by its own key an id of the Hub, not a path. */
static bool is_named_id(const tn_py_node *n)
{
    n = tn_py_bare(n);
    tn_str key = n && n->kind == TN_PY_SUBSCRIPT && n->y && n->y->kind == TN_PY_STRING ? n->y->str : n && n->kind == TN_PY_ATTRIBUTE ? n->str : TN_STR("");
    return tn_py_word_in(key, "id|model_id|dataset_id|repo_id|hub_id|hf_id");
}

/* The same file writes there: it is a folder. */
static bool is_written_here(const tn_py_check *c, tn_str name)
{
    for (size_t i = 0; i < c->flow->n_events; i++) {
        const tn_py_event *e = c->flow->event[i];
        bool writes = tn_py_named(e, "save_pretrained|save_model|save_to_disk|makedirs|mkdir|save|TrainingArguments|Seq2SeqTrainingArguments|push_to_hub");
        for (size_t k = 0; writes && k < e->n_args; k++) {
            tn_str s;
            if (tn_py_as_str(e->arg[k].value, &s) && tn_str_eq(s, name))
                return true;
        }
    }
    return false;
}

static bool was_said(tn_str *said, size_t n, tn_str id)
{
    for (size_t i = 0; i < n; i++)
        if (tn_str_eq(said[i], id))
            return true;
    return false;
}

/* Ids of a value: a string, or the strings of a list that a loop goes through. */
static bool loads_this(const tn_py_check *c, const load *l, tn_str id)
{
    if (l->data)
        return !is_builder(id) && !has_any(id, ".py|.json|.csv|.parquet|.txt|.arrow") && is_id_text(id) && (is_hub_id(id) || !tn_py_has(id, "/")) && !is_written_here(c, id);
    return (is_hub_id(id) || is_bare_model(id)) && !is_written_here(c, id);
}

/* `for name in NAMES: f(name)`: the literal that the name first is. */
static const tn_py_value *loop_item(const tn_py_check *c, const tn_py_event *e, const tn_py_node *argument)
{
    argument = tn_py_bare(argument);
    if (!argument || argument->kind != TN_PY_NAME || !e->loop || e->loop->kind != TN_PY_FOR || !e->loop->x || e->loop->x->kind != TN_PY_NAME || !tn_str_eq(e->loop->x->str, argument->str))
        return NULL;
    const tn_py_node *over = e->loop->y;
    for (const tn_py_node *n = c->tree->body; n && over && over->kind == TN_PY_NAME; n = n->next)
        if (n->kind == TN_PY_ASSIGN && n->x && !n->x->next && n->x->kind == TN_PY_NAME && tn_str_eq(n->x->str, over->str)) {
            over = n->y;
            break;
        }
    if (!over || (over->kind != TN_PY_LIST && over->kind != TN_PY_TUPLE) || !over->x || over->x->kind != TN_PY_STRING)
        return NULL;
    tn_py_value *v = tn_arena_calloc(c->arena, sizeof *v);
    if (v)
        *v = (tn_py_value){.kind = TN_PV_STRING, .text = over->x->str, .literal = true};
    return v;
}

static tn_status look_versions(tn_py_check *c)
{
    static const char remedy[] = "pass revision=\"<commit hash>\" of the state that was looked at, from the configuration, to every load of that id";
    tn_str said[16];
    size_t n_said = 0;
    if (tn_py_is_test(c))
        return TN_OK;
    for (size_t i = 0; i < c->flow->n_events && n_said < TN_COUNT(said); i++) {
        const tn_py_event *e = c->flow->event[i];
        load l;
        const tn_py_argument_value *at;
        tn_str id, revision;
        if (tn_py_is(e, "transformers.pipeline") && tn_py_lacks(e, "model", 1) && tn_py_as_str(tn_py_arg(e, "task", 0), &id) && !was_said(said, n_said, id)) {
            said[n_said++] = id;
            TN_TRY(tn_py_say(c, e->node, NULL, "name the model and its commit: pipeline(task, model=..., revision=...)", "this pipeline takes whatever model is the library's default for %.*s", TN_ARG(id)));
            continue;
        }
        bool partial = tn_py_is(e, "functools.partial") && e->n_args >= 2 && e->arg[0].value->kind == TN_PV_NAME && tn_str_ends(e->arg[0].value->text, ".from_pretrained");
        if (partial)
            l = (load){"pretrained_model_name_or_path", 1, false};
        else if (!find_load(e, &l))
            continue;
        if (!(at = tn_py_arg_at(e, l.argument, l.position)))
            continue;
        const tn_py_value *v = at->value, *item = loop_item(c, e, at->node), *given = tn_py_arg(e, "revision", -1);
        if (item)
            v = item;
        bool known = tn_py_as_str(v, &id);
        if (known ? !loads_this(c, &l, id) : !(v->kind == TN_PV_OUTSIDE && is_named_id(at->node)))
            continue;
        if (!known)
            id = tn_py_source(c->tree, at->node);
        if (was_said(said, n_said, id))
            continue;
        if (!given && tn_py_lacks(e, "revision", -1)) {
            said[n_said++] = id;
            TN_TRY(tn_py_say(c, e->node, NULL, remedy, "%.*s is loaded without a revision: tomorrow it may be something else", TN_ARG(id)));
        } else if (given && tn_py_as_str(given, &revision) && (tn_py_word_in(revision, "main|master|latest|HEAD|dev|develop") || tn_str_starts(revision, "refs/"))) {
            said[n_said++] = id;
            TN_TRY(tn_py_say(c, e->node, NULL, remedy, "\"%.*s\" is a branch, and branches move: %.*s is not pinned by it", TN_ARG(revision), TN_ARG(id)));
        }
    }
    return TN_OK;
}

/* ---- rows of two calls ---- */

/* a's rows are among b's, certainly; also when the same split of the same id was loaded twice. */
static bool is_within(const tn_py_value *a, const tn_py_value *b)
{
    if (!a || !b)
        return false;
    tn_py_relation r = tn_py_relate(a, b);
    if (r == TN_REL_SAME || r == TN_REL_WITHIN)
        return a->n_rows > 0 || r == TN_REL_SAME;
    if (r == TN_REL_APART || a->n_rows != 1 || b->n_rows != 1)
        return false;
    const tn_py_rows *x = a->rows[0], *y = b->rows[0], *from = tn_py_origin(x), *too = tn_py_origin(y);
    return x->kind == TN_ROWS_SPLIT && y->kind == TN_ROWS_SPLIT && x->name.len && tn_str_eq(x->name, y->name) && from && too && from->kind == TN_ROWS_SOURCE && from->name.len &&
           tn_str_eq(from->name, too->name) && !tn_py_has(x->name, "[");
}

static bool is_test(const tn_py_value *v)
{
    return v && tn_py_role_of(v) == TN_ROLE_TEST;
}

/* `X_test`, `test_ds`: people who name it so mean the test. Used only beside a second sign. */
static bool is_named_test(const tn_py_node *n)
{
    n = tn_py_bare(n);
    while (n && (n->kind == TN_PY_SUBSCRIPT || n->kind == TN_PY_ATTRIBUTE))
        n = n->x;
    if (!n || n->kind != TN_PY_NAME)
        return false;
    size_t at = tn_str_find(n->str, TN_STR("test"), 0);
    return at != SIZE_MAX && (at == 0 || n->str.ptr[at - 1] == '_') && (at + 4 == n->str.len || n->str.ptr[at + 4] == '_');
}

static bool is_module(const tn_py_value *v, const char *modules)
{
    tn_str rest = tn_str_of(modules), module;
    while (v && v->type.len && tn_str_cut(&rest, '|', &module))
        if (v->type.len > module.len && memcmp(v->type.ptr, module.ptr, module.len) == 0 && v->type.ptr[module.len] == '.')
            return true;
    return false;
}

static bool is_predictor(const tn_py_value *v)
{
    return tn_py_typed(v, "*Classifier|*Regressor|*Regression|*SVC|*SVR|*NB") || is_module(v, "sklearn.linear_model|sklearn.ensemble|sklearn.svm|sklearn.tree|sklearn.neighbors|sklearn.naive_bayes|xgboost|lightgbm|catboost") ||
           tn_py_typed(v, "sklearn.pipeline.Pipeline") || (tn_py_maker(v) && tn_py_is_any(tn_py_maker(v), "sklearn.pipeline.make_pipeline|sklearn.pipeline.Pipeline"));
}

/* What learns from the rows that it is fitted on and is no model. Encoders of labels learn names only. */
static bool is_learnt_step(const tn_py_value *v)
{
    return (is_module(v, "sklearn.preprocessing|sklearn.feature_extraction.text|sklearn.feature_extraction|sklearn.decomposition|sklearn.impute|sklearn.feature_selection|imblearn.over_sampling|"
                         "imblearn.under_sampling|imblearn.combine") &&
            !tn_py_typed(v, "*Encoder|*Binarizer|*.Normalizer|*FunctionTransformer|*HashingVectorizer|*PolynomialFeatures|*RandomUnderSampler|*DictVectorizer"));
}

/* ---- data-splits ---- */

static bool is_judging(const tn_py_event *e)
{
    return tn_py_named(e, "score|predict|predict_proba|decision_function|evaluate");
}

/* The value came out of this call: itself, a part of its tuple, or what was chosen from it. */
static bool comes_from(const tn_py_value *v, const tn_py_event *from, int depth)
{
    if (!v || depth > 6)
        return false;
    if (tn_py_same(v, from->result) || (v->kind == TN_PV_RESULT && v->event == from))
        return true;
    const tn_py_event *e = tn_py_maker(v);
    if (!e)
        return false;
    if (comes_from(e->receiver, from, depth + 1))
        return true;
    for (size_t i = 0; i < e->n_args; i++)
        if (comes_from(e->arg[i].value, from, depth + 1))
            return true;
    return false;
}

static bool is_metric(const tn_py_event *e)
{
    return tn_str_starts(e->callee, "sklearn.metrics.") || tn_py_named(e, "score|evaluate|accuracy_score|f1_score|roc_auc_score");
}

/* What was predicted goes into a metric; a demonstration of predict() judges nothing. */
static bool reaches_metric(const tn_py_check *c, const tn_py_event *predicted)
{
    for (size_t k = predicted->index; k < c->flow->n_events; k++) {
        const tn_py_event *e = c->flow->event[k];
        for (size_t a = 0; is_metric(e) && e->run == predicted->run && a < e->n_args; a++)
            if (comes_from(e->arg[a].value, predicted, 0))
                return true;
    }
    return false;
}

/* The model is judged on rows that it was fitted on, and nowhere on others. */
static tn_status look_fitted_rows(tn_py_check *c, bool *said)
{
    for (size_t i = 0; i < c->flow->n_events; i++) {
        const tn_py_event *fit = c->flow->event[i], *on = NULL;
        const tn_py_value *rows = tn_py_arg(fit, "X", 0);
        if (!tn_py_named(fit, "fit|fit_transform") || !fit->receiver || !is_predictor(fit->receiver) || fit->in_loop || !rows)
            continue;
        bool elsewhere = false;
        for (size_t k = i + 1; k < c->flow->n_events; k++) {
            const tn_py_event *e = c->flow->event[k];
            if (e->run != fit->run || !e->receiver || !(tn_py_same(e->receiver, fit->receiver) || tn_py_same(e->receiver, fit->result)))
                continue;
            if (!is_judging(e)) {
                elsewhere = elsewhere || tn_py_named(e, "fit");
                continue;
            }
            if (!is_within(tn_py_arg(e, "X", 0), rows))
                elsewhere = true;
            else if (!on && (tn_py_named(e, "score|evaluate") || reaches_metric(c, e)))
                on = e;
        }
        for (size_t k = 0; k < c->flow->n_events && on; k++) /* cross-validation, a search, a function of its own that judges */
            elsewhere = elsewhere || tn_py_named(c->flow->event[k], "cross_val_score|cross_validate|cross_val_predict|GridSearchCV|RandomizedSearchCV|learning_curve|plot_confusion_matrix");
        if (on && !elsewhere) {
            *said = true;
            return tn_py_say(c, on->node, NULL, "hold rows out before fitting, and judge the model on them", "the model is judged on the rows that it was fitted on, and on no others");
        }
    }
    return TN_OK;
}

/* What a name stands for, where the file says it once: `a = x`, or `a, b = x, y`. */
static const tn_py_node *definition(const tn_py_check *c, const tn_py_node *name)
{
    const tn_py_node *found = NULL;
    for (const tn_py_node *n = c->tree->body; n && name && name->kind == TN_PY_NAME; n = tn_py_next(n, NULL)) {
        if (n->kind != TN_PY_ASSIGN || !n->x || n->x->next)
            continue;
        bool many = n->x->kind == TN_PY_TUPLE && n->y && n->y->kind == TN_PY_TUPLE;
        const tn_py_node *to = many ? n->x->x : n->x, *from = many ? n->y->x : n->y;
        for (; to && from; to = to->next, from = from->next)
            if (to->kind == TN_PY_NAME && tn_str_eq(to->str, name->str)) {
                if (found)
                    return NULL;
                found = from;
            }
    }
    return found;
}

/* Both names stand for ds["test"], whatever ds is. */
static bool is_same_part(const tn_py_check *c, const tn_py_node *a, const tn_py_node *b)
{
    a = tn_py_bare(a);
    b = tn_py_bare(b);
    const tn_py_node *x = a && a->kind == TN_PY_NAME ? definition(c, a) : a, *y = b && b->kind == TN_PY_NAME ? definition(c, b) : b;
    return x && y && x->kind == TN_PY_SUBSCRIPT && y->kind == TN_PY_SUBSCRIPT && y->y && y->y->kind == TN_PY_STRING && tn_str_eq(tn_py_source(c->tree, x), tn_py_source(c->tree, y)) &&
           tn_py_has(y->y->str, "test");
}

/* The first data set in a value: eval_set=[(X, y)], validation_data=(X, y). */
static const tn_py_value *first_rows(const tn_py_value *v, int depth)
{
    if (!v || v->n_rows || depth > 3 || v->n_items == 0)
        return v;
    return first_rows(v->item[0].value, depth + 1);
}

/* x_train, y_train, x_test, y_test = train_test_split(x, y): rows and answers of different parts. */
static const tn_py_rows *swapped(const tn_py_event *fit)
{
    const tn_py_value *x = tn_py_arg(fit, "X", 0), *y = tn_py_arg(fit, "y", 1);
    if (!tn_py_named(fit, "fit") || !x || !y || x->n_rows != 1 || y->n_rows != 1)
        return NULL;
    const tn_py_rows *a = x->rows[0], *b = y->rows[0];
    return a->kind == TN_ROWS_PART && b->kind == TN_ROWS_PART && a->event == b->event && a->part != b->part ? a : NULL;
}

/* data_files={"validation": f, "test": f}. */
static bool has_equal_parts(const tn_py_event *e)
{
    const tn_py_value *v = tn_py_is(e, "datasets.load_dataset") ? tn_py_arg(e, "data_files", 3) : NULL;
    for (size_t a = 0; v && v->kind == TN_PV_DICT && a < v->n_items; a++)
        for (size_t b = a + 1; b < v->n_items && b < 16; b++) {
            tn_str x, y;
            if (tn_py_as_str(v->item[a].value, &x) && tn_py_as_str(v->item[b].value, &y) && tn_str_eq(x, y) && !tn_str_eq(v->item[a].name, v->item[b].name))
                return true;
        }
    return false;
}

/* `val_loader = test_loader`: both names say what they are. */
static const tn_py_node *renamed_test(const tn_py_tree *tree)
{
    for (const tn_py_node *n = tree->body; n; n = tn_py_next(n, NULL))
        if (n->kind == TN_PY_ASSIGN && n->x->kind == TN_PY_NAME && n->y->kind == TN_PY_NAME && tn_py_role_in(n->x->str) == TN_ROLE_VALIDATION && tn_py_role_in(n->y->str) == TN_ROLE_TEST)
            return n;
    return NULL;
}

static tn_status look_splits(tn_py_check *c)
{
    bool said = false;
    if (tn_py_is_test(c))
        return TN_OK;
    const tn_py_node *renamed = renamed_test(c->tree);
    if (renamed)
        return tn_py_say(c, renamed, NULL, "cut validation rows off the training rows, and keep the test for the end", "the validation rows are the test rows");
    for (size_t i = 0; i < c->flow->n_events; i++) {
        const tn_py_event *t = c->flow->event[i];
        const tn_py_rows *mixed = swapped(t);
        if (mixed)
            return tn_py_say(c, t->node, NULL, "unpack train_test_split in its order: x_train, x_test, y_train, y_test", "rows and answers come from different parts of the split in line %u", mixed->event->node->line);
        if (has_equal_parts(t))
            return tn_py_say(c, t->node, NULL, "cut parts that share no row", "two splits are read from one file");
        const tn_py_value *held = tn_py_named(t, "fit") ? first_rows(tn_py_arg(t, "validation_data", -1), 0) : NULL;
        if (held && is_within(held, tn_py_arg(t, "x", 0)))
            return tn_py_say(c, t->node, NULL, "hold validation rows out of the training array", "validation_data are rows that it trains on");
        const tn_py_value *train = tn_py_arg(t, "train_dataset", -1), *eval = tn_py_arg(t, "eval_dataset", -1);
        if (!tn_str_ends(t->name, "Trainer") || !train || !eval || eval->kind == TN_PV_NONE)
            continue;
        if (is_within(eval, train) && (eval->n_rows > 0 || tn_py_same(eval, train)))
            return tn_py_say(c, t->node, NULL, "hold validation rows out of the training split, and give those as eval_dataset", "it is evaluated on rows that it trains on");
        for (size_t k = i + 1; k < c->flow->n_events; k++) {
            const tn_py_event *e = c->flow->event[k];
            const tn_py_argument_value *on = tn_py_named(e, "evaluate") ? tn_py_arg_at(e, "eval_dataset", 0) : tn_py_named(e, "predict") ? tn_py_arg_at(e, "test_dataset", 0) : NULL;
            const tn_py_argument_value *watched = tn_py_arg_at(t, "eval_dataset", -1);
            if (!on || e->run != t->run || !tn_py_same(e->receiver, t->result))
                continue;
            if (is_same_part(c, watched->node, on->node) || (is_within(on->value, eval) && (is_test(on->value) || is_named_test(on->node))))
                return tn_py_say(c, t->node, NULL, "choose on a validation split of its own, and open the test once, at the end", "validation and test are the same rows: the epochs are watched on the rows that judge the result");
        }
    }
    return look_fitted_rows(c, &said);
}

/* ---- data-leak ---- */

/* One of the rows is of the test; a file's name counts when a training file is joined to it. */
static bool holds_test(const tn_py_value *v)
{
    bool test = false, train = false, certain = false;
    for (size_t i = 0; v && i < v->n_rows; i++) {
        test = test || v->rows[i]->role == TN_ROLE_TEST;
        certain = certain || (v->rows[i]->role == TN_ROLE_TEST && !v->rows[i]->hint);
        train = train || v->rows[i]->role == TN_ROLE_TRAIN;
    }
    return certain || (test && train);
}

static bool is_splitting(const tn_py_event *e)
{
    return tn_py_is(e, "sklearn.model_selection.train_test_split") || (tn_py_named(e, "split") && e->receiver && is_module(e->receiver, "sklearn.model_selection")) ||
           tn_py_is_any(e, "sklearn.model_selection.cross_val_score|sklearn.model_selection.cross_validate|sklearn.model_selection.cross_val_predict");
}

static tn_status look_fit_before_split(tn_py_check *c, bool *said)
{
    for (size_t i = 0; i < c->flow->n_events; i++) {
        const tn_py_event *fit = c->flow->event[i];
        const tn_py_value *rows = fit->n_args ? fit->arg[0].value : NULL;
        if (!tn_py_named(fit, "fit|fit_transform|fit_resample") || !fit->receiver || !is_learnt_step(fit->receiver) || !rows)
            continue;
        if (rows->n_rows == 1 && rows->rows[0]->kind == TN_ROWS_PART && rows->rows[0]->role == TN_ROLE_TRAIN)
            continue; /* a second split of the training rows, for validation */
        if (holds_test(rows)) {
            *said = true;
            return tn_py_say(c, fit->node, NULL, "fit it on the training rows alone, and transform the others with it", "it is fitted on rows of the test");
        }
        for (size_t k = i + 1; k < c->flow->n_events; k++) {
            const tn_py_event *split = c->flow->event[k];
            if (split->run != fit->run || !is_splitting(split))
                continue;
            bool of_these = false;
            for (size_t a = 0; a < split->n_args && !of_these; a++) {
                const tn_py_value *v = split->arg[a].value;
                tn_py_relation r = v->n_rows && rows->n_rows ? tn_py_relate(v, rows) : TN_REL_UNKNOWN;
                bool came = comes_from(v, fit, 0);
                for (size_t m = i + 1; m < k && !came; m++) /* fit(X), then transform(X) */
                    came = c->flow->event[m]->receiver && tn_py_same(c->flow->event[m]->receiver, fit->receiver) && tn_py_named(c->flow->event[m], "transform") && comes_from(v, c->flow->event[m], 0);
                of_these = came && r != TN_REL_APART;
            }
            if (of_these) {
                *said = true;
                return tn_py_say(c, fit->node, NULL, "split first, then fit on the training side; a Pipeline inside the split does that by itself",
                                 "it learns from all rows before they are split: the test has shaped what the model sees");
            }
        }
    }
    return TN_OK;
}

static bool stops_early(const tn_py_check *c, const tn_py_event *e)
{
    if (tn_py_arg(e, "early_stopping_rounds", -1))
        return true;
    const tn_py_node *callbacks = NULL;
    const tn_py_argument_value *at = tn_py_arg_at(e, "callbacks", -1);
    if (at)
        callbacks = tn_py_bare(at->node);
    tn_str text = callbacks ? tn_py_source(c->tree, callbacks) : TN_STR("");
    if (has_any(text, "arly_stopping|arlyStopping|ModelCheckpoint"))
        return true;
    for (size_t i = 0; callbacks && callbacks->kind == TN_PY_NAME && i < c->flow->n_events; i++)
        if (has_any(c->flow->event[i]->name, "EarlyStopping|early_stopping"))
            return true;
    return false;
}

static const tn_py_node *first_name(const tn_py_node *n)
{
    n = tn_py_bare(n);
    while (n && (n->kind == TN_PY_LIST || n->kind == TN_PY_TUPLE))
        n = n->x;
    return n;
}

/* Rows that stop the training also judge it: by their role, or because the metric is then taken on the same rows. */
static tn_status look_stopping(tn_py_check *c, bool *said)
{
    for (size_t i = 0; i < c->flow->n_events; i++) {
        const tn_py_event *e = c->flow->event[i];
        bool best = false;
        const tn_py_argument_value *on = NULL;
        if (tn_str_ends(e->name, "Trainer")) {
            const tn_py_event *args = tn_py_maker(tn_py_arg(e, "args", 1));
            on = tn_py_arg_at(e, "eval_dataset", -1);
            if (args)
                tn_py_as_bool(tn_py_arg(args, "load_best_model_at_end", -1), &best);
        } else if (tn_py_named(e, "fit|train")) {
            on = tn_py_arg_at(e, "eval_set", -1);
            on = on ? on : tn_py_arg_at(e, "validation_data", -1);
        }
        if (!on || (!best && !stops_early(c, e)))
            continue;
        const tn_py_value *rows = first_rows(on->value, 0);
        bool judged = is_test(rows) || is_named_test(first_name(on->node));
        for (size_t k = i + 1; k < c->flow->n_events && !judged && !tn_str_ends(e->name, "Trainer"); k++) {
            const tn_py_event *p = c->flow->event[k];
            judged = p->run == e->run && tn_py_named(p, "predict|predict_proba|score|evaluate") && tn_py_same(p->receiver, e->receiver) && p->n_args && rows && rows->n_rows &&
                     tn_py_relate(p->arg[0].value, rows) == TN_REL_SAME && tn_py_arg(e, "eval_set", -1);
        }
        if (judged) {
            *said = true;
            return tn_py_say(c, e->node, NULL, "stop on validation rows of their own, and open the test once, at the end", "the rows that decide when to stop are the rows that judge the result");
        }
    }
    return TN_OK;
}

/* A search whose objective is taken on the test: a function handed to optimize(), or a loop that keeps the best. */
static tn_status look_search(tn_py_check *c, bool *said)
{
    for (size_t i = 0; i < c->flow->n_events; i++) {
        const tn_py_event *e = c->flow->event[i];
        if (!is_metric(e) || !e->n_args)
            continue;
        bool on_test = false;
        for (size_t a = 0; a < e->n_args; a++)
            on_test = on_test || is_test(e->arg[a].value) || is_named_test(e->arg[a].node);
        if (!on_test)
            continue;
        bool searched = false;
        for (size_t k = 0; k < c->flow->n_events && e->function && !searched; k++) {
            const tn_py_event *o = c->flow->event[k];
            for (size_t a = 0; tn_py_named(o, "optimize|minimize|fmin|maximize|hyperparameter_search|run") && a < o->n_args && !searched; a++)
                searched = o->arg[a].value->kind == TN_PV_FUNCTION && o->arg[a].value->node == e->function && !tn_py_named(o, "run");
        }
        const tn_py_node *loop = e->loop;
        for (const tn_py_node *n = loop ? loop->body : NULL; n && !searched && e->function == NULL; n = tn_py_next(n, loop))
            if (n->kind == TN_PY_COMPARE && (tn_py_has(tn_py_source(c->tree, n), "best")) && n->from > e->node->from)
                searched = true;
        if (searched) {
            *said = true;
            return tn_py_say(c, e->node, NULL, "search on validation rows or by cross-validation, and open the test once, for the choice that is final", "settings are chosen by their score on the test");
        }
    }
    return TN_OK;
}

/* Words of files: a vocabulary that is counted on train and test. */
static tn_status look_vocabulary(tn_py_check *c, bool *said)
{
    for (size_t i = 0; i < c->flow->n_events; i++) {
        const tn_py_event *e = c->flow->event[i];
        bool train = false, test = false;
        if (!tn_py_has(e->name, "vocab") && !(tn_py_named(e, "train|train_from_iterator") && e->receiver && is_module(e->receiver, "tokenizers")))
            continue;
        for (size_t a = 0; a < e->n_args; a++) {
            const tn_py_value *v = e->arg[a].value;
            for (size_t k = 0; k < (v->n_items ? v->n_items : 1); k++) {
                tn_str s;
                if (tn_py_as_str(v->n_items ? v->item[k].value : v, &s)) {
                    train = train || tn_py_has(s, "train");
                    test = test || (tn_py_has(s, "test.") || tn_py_has(s, "test_") || tn_py_has(s, "/test"));
                }
            }
            test = test || holds_test(v);
            train = train || tn_py_role_of(v) == TN_ROLE_TRAIN;
        }
        if (train && test) {
            *said = true;
            return tn_py_say(c, e->node, NULL, "count the vocabulary on the training rows; unknown words of the test stay unknown", "the vocabulary is learnt from the test too");
        }
    }
    return TN_OK;
}

static bool mentions(const tn_py_node *root, const char *word)
{
    for (const tn_py_node *m = root; m; m = tn_py_next(m, root))
        if ((m->kind == TN_PY_NAME || m->kind == TN_PY_ATTRIBUTE) && tn_py_has(m->str, word))
            return true;
    return false;
}

/* `if test_acc > best_acc:` in a loop, with something kept below it. The names say it. */
static tn_status look_best_of_test(tn_py_check *c, bool *said)
{
    for (const tn_py_node *n = c->tree->body; n; n = tn_py_next(n, NULL)) {
        if (n->kind != TN_PY_IF || n->x->kind != TN_PY_COMPARE || n->x->y->next || n->x->y->op < TN_PY_LT || n->x->y->op > TN_PY_GE)
            continue;
        const tn_py_node *a = n->x->x, *b = n->x->y->x, *p = n->parent;
        if (mentions(a, "best")) {
            const tn_py_node *swap = a;
            a = b;
            b = swap;
        }
        while (p && p->kind != TN_PY_FOR && p->kind != TN_PY_WHILE && p->kind != TN_PY_FUNCTION)
            p = p->parent;
        if (a->kind == TN_PY_NAME && tn_py_role_in(a->str) == TN_ROLE_TEST && !tn_py_has(a->str, "best") && mentions(b, "best") && p && p->kind != TN_PY_FUNCTION) {
            *said = true;
            return tn_py_say(c, n, NULL, "choose by the validation score, and take the test score once, for the model that was chosen", "the best model is chosen by its score on the test");
        }
    }
    return TN_OK;
}

/* model.fit(x), then model.score(x_test), where x_test was cut out of x. */
static tn_status look_inside(tn_py_check *c, bool *said)
{
    for (size_t i = 0; i < c->flow->n_events; i++) {
        const tn_py_event *e = c->flow->event[i], *fit = NULL;
        if (!is_judging(e) || !e->receiver || !is_predictor(e->receiver) || !e->n_args || !is_test(e->arg[0].value))
            continue;
        for (size_t k = i; k > 0 && !fit; k--) {
            const tn_py_event *f = c->flow->event[k - 1];
            if (f->run == e->run && f->n_args && tn_py_named(f, "fit") && tn_py_same(f->receiver, e->receiver))
                fit = f;
        }
        if (fit && fit->arg[0].value->n_rows && tn_py_relate(e->arg[0].value, fit->arg[0].value) == TN_REL_WITHIN) {
            *said = true;
            return tn_py_say(c, fit->node, NULL, "fit on the training part only", "the model is fitted on all rows, and judged (line %u) on some of them", e->node->line);
        }
    }
    return TN_OK;
}

static tn_status look_leak(tn_py_check *c)
{
    bool said = false;
    if (tn_py_is_test(c))
        return TN_OK;
    for (size_t i = 0; i < c->flow->n_events; i++) {
        const tn_py_event *e = c->flow->event[i];
        const tn_py_value *train = tn_str_ends(e->name, "Trainer") ? tn_py_arg(e, "train_dataset", -1) : NULL;
        if (!train && tn_py_named(e, "fit") && e->receiver && is_predictor(e->receiver))
            train = tn_py_arg(e, "X", 0);
        if (train && (is_test(train) || holds_test(train)))
            return tn_py_say(c, e->node, NULL, "train on the training split alone", "it trains on rows of the test");
    }
    tn_status (*const look[])(tn_py_check *, bool *) = {look_fit_before_split, look_stopping, look_search, look_vocabulary, look_inside, look_best_of_test};
    for (size_t i = 0; i < TN_COUNT(look) && !said; i++)
        TN_TRY(look[i](c, &said));
    return TN_OK;
}

/* ---- data-deterministic ---- */

static bool is_seeding(const tn_py_event *e)
{
    return tn_py_named(e, "set_seed|manual_seed|manual_seed_all|seed|seed_everything|enable_full_determinism|set_random_seed") || tn_py_has(e->name, "seed");
}

/* `lines`, `train_files`: rows by their name, as opposed to whatever else can be shuffled. */
static bool is_named_rows(const tn_py_tree *tree, const tn_py_node *n)
{
    return n->kind == TN_PY_NAME && !tn_py_has(n->str, "column") && has_any(tn_py_source(tree, n), "data|rows|lines|texts|docs|files|examples|samples|pairs|records|reviews|sentences|ids|indices|indexes|train|corpus|df");
}

/* A draw from a generator that nobody gave a seed: what it is called for the message, or NULL. */
static const char *unseeded(const tn_py_check *c, const tn_py_event *e)
{
    bool shuffle = true;
    tn_py_as_bool(tn_py_arg(e, "shuffle", -1), &shuffle);
    if (tn_py_named(e, "train_test_split") && !shuffle)
        return NULL;
    if (tn_py_is(e, "sklearn.model_selection.train_test_split"))
        return tn_py_lacks(e, "random_state", -1) ? "the split" : NULL;
    if (tn_py_named(e, "train_test_split") && tn_py_typed(e->receiver, "datasets.Dataset|datasets.DatasetDict"))
        return tn_py_lacks(e, "seed", -1) ? "the split" : NULL;
    if (tn_py_named(e, "shuffle") && tn_py_typed(e->receiver, "datasets.Dataset|datasets.DatasetDict|datasets.IterableDataset"))
        return tn_py_lacks(e, "seed", 0) ? "the order of rows" : NULL;
    if (tn_py_named(e, "sample") && e->receiver && (tn_str_starts(e->receiver->type, "pandas.") || tn_py_has(e->receiver->type, "DataFrame")))
        return tn_py_lacks(e, "random_state", -1) ? "the sample of rows" : NULL;
    if (tn_py_is(e, "numpy.random.permutation"))
        return "the order of rows";
    if (tn_py_is_any(e, "random.shuffle|numpy.random.shuffle|random.sample") && e->n_args && (e->arg[0].value->n_rows || is_named_rows(c->tree, e->arg[0].node)))
        return tn_py_named(e, "sample") ? "the sample of rows" : "the order of rows";
    if (tn_py_is(e, "torch.utils.data.random_split"))
        return tn_py_lacks(e, "generator", 2) ? "the split" : NULL;
    return NULL;
}

/* A name that says the value becomes numbers of classes or words. */
static bool numbers_things(tn_str name)
{
    return has_any(name, "label|class|vocab|tags|categor|id2|2id|intent");
}

/* list(set(x)), enumerate(set(x)): the order differs from one start of Python to the next. */
static tn_status look_set_order(tn_py_check *c, bool *said)
{
    for (const tn_py_node *n = c->tree->body; n; n = tn_py_next(n, NULL)) {
        if (n->kind != TN_PY_CALL || !n->x || n->x->kind != TN_PY_NAME || !tn_py_word_in(n->x->str, "list|enumerate|tuple") || !n->y)
            continue;
        const tn_py_node *of = n->y;
        bool set = of->kind == TN_PY_SET || of->kind == TN_PY_SET_COMP || (of->kind == TN_PY_CALL && of->x && of->x->kind == TN_PY_NAME && tn_str_is(of->x->str, "set"));
        const tn_py_node *p = n->parent;
        if (!set)
            continue;
        bool numbered = tn_str_is(n->x->str, "enumerate");
        if (p && p->kind == TN_PY_ASSIGN && p->x && p->x->kind == TN_PY_NAME && numbers_things(p->x->str)) {
            numbered = true;
            for (const tn_py_node *m = c->tree->body; m; m = tn_py_next(m, NULL)) /* labels.sort(), sorted(labels) */
                if (m->from > n->to && m->kind == TN_PY_CALL && m->x &&
                    ((m->x->kind == TN_PY_ATTRIBUTE && tn_str_is(m->x->str, "sort") && m->x->x && m->x->x->kind == TN_PY_NAME && tn_str_eq(m->x->x->str, p->x->str)) ||
                     (m->x->kind == TN_PY_NAME && tn_str_is(m->x->str, "sorted") && m->y && m->y->kind == TN_PY_NAME && tn_str_eq(m->y->str, p->x->str))))
                    numbered = false;
        }
        if (numbered) {
            *said = true;
            return tn_py_say(c, n, NULL, "sort it: sorted(set(...))", "numbers are given in the order of a set, which changes with each start of Python");
        }
    }
    return TN_OK;
}

static bool in_method(const tn_py_node *n, const char *name)
{
    for (; n; n = n->parent)
        if (n->kind == TN_PY_FUNCTION)
            return tn_str_is(n->str, name);
    return false;
}

/* The file reads rows, or speaks of training: what it puts by a hash are not the slots of a table. */
static bool holds_rows(const tn_py_check *c)
{
    for (size_t i = 0; i < c->flow->n_events; i++)
        if ((c->flow->event[i]->result && c->flow->event[i]->result->n_rows) || tn_py_has(c->flow->event[i]->name, "train"))
            return true;
    for (const tn_py_node *n = c->tree->body; n; n = tn_py_next(n, NULL))
        if (n->kind == TN_PY_NAME && tn_py_role_in(n->str) != TN_ROLE_UNKNOWN)
            return true;
    return false;
}

/* random.seed(time.time()) */
static tn_status look_clock(tn_py_check *c, bool *said)
{
    for (size_t i = 0; i < c->flow->n_events; i++) {
        const tn_py_event *e = c->flow->event[i];
        const tn_py_node *arg = is_seeding(e) && e->n_args ? e->arg[0].node : NULL;
        for (const tn_py_node *n = arg; n; n = tn_py_next(n, arg))
            if (n->kind == TN_PY_CALL && tn_py_word_in(tn_py_canonical(c->flow, n->x, c->arena), "time.time|time.time_ns|datetime.datetime.now|os.urandom|os.getpid|random.randint|random.random|secrets.randbelow|numpy.random.randint")) {
                *said = true;
                return tn_py_say(c, e->node, NULL, "take the seed from the configuration, and record it", "the seed is another one in each run");
            }
    }
    return TN_OK;
}

static tn_status look_other_order(tn_py_check *c, bool *said)
{
    for (const tn_py_node *n = c->tree->body; n; n = tn_py_next(n, NULL)) {
        if (n->kind != TN_PY_CALL || !n->x)
            continue;
        const tn_py_node *p = n->parent;
        tn_str callee = tn_py_canonical(c->flow, n->x, c->arena);
        if (n->x->kind == TN_PY_NAME && tn_str_is(n->x->str, "hash") && holds_rows(c) && p && p->kind == TN_PY_BINARY && p->op == TN_PY_MOD && p->x == n && !in_method(n, "__hash__")) {
            *said = true;
            return tn_py_say(c, n, NULL, "use a digest: int(hashlib.sha256(x.encode()).hexdigest(), 16)", "hash() of a text changes with each start of Python, and rows are put by it");
        }
        if (n->x->kind == TN_PY_NAME && tn_str_is(n->x->str, "enumerate") && n->y && n->y->kind == TN_PY_CALL && n->y->x &&
            tn_py_word_in(tn_py_canonical(c->flow, n->y->x, c->arena), "os.listdir|os.scandir|glob.glob|glob.iglob")) {
            *said = true;
            return tn_py_say(c, n, NULL, "sort the names: enumerate(sorted(...))", "rows are numbered in the order in which a folder lists its files, which no two machines share");
        }
        bool now = tn_py_word_in(callee, "datetime.datetime.now|datetime.datetime.today|datetime.datetime.utcnow|datetime.date.today|time.time|pandas.Timestamp.now|pandas.Timestamp.today");
        for (const tn_py_node *q = p, *below = n; now && q; below = q, q = q->parent)
            if (q->kind == TN_PY_ASSIGN && q->y == below && q->x && q->x->kind == TN_PY_SUBSCRIPT && q->y->kind != TN_PY_CALL && p->kind == TN_PY_BINARY) {
                *said = true;
                return tn_py_say(c, n, NULL, "take the date of reference from the configuration", "a column depends on the day on which it is computed");
            } else if (q->kind == TN_PY_ASSIGN && q->y == below && q->x && q->x->kind == TN_PY_SUBSCRIPT && below->kind == TN_PY_ATTRIBUTE && p->kind == TN_PY_BINARY) {
                *said = true;
                return tn_py_say(c, n, NULL, "take the date of reference from the configuration", "a column depends on the day on which it is computed");
            }
    }
    return TN_OK;
}

static bool prepares(const tn_py_node *function)
{
    return function && has_any(function->str, "preprocess|prepare|clean|tokeni|normali|encode|featur");
}

static tn_status look_deterministic(tn_py_check *c)
{
    bool said = false, any_seed = false;
    if (tn_py_is_test(c))
        return TN_OK;
    TN_TRY(look_set_order(c, &said));
    if (!said)
        TN_TRY(look_other_order(c, &said));
    if (!said)
        TN_TRY(look_clock(c, &said));
    for (size_t i = 0; i < c->flow->n_events; i++)
        any_seed = any_seed || is_seeding(c->flow->event[i]);
    for (size_t i = 0; i < c->flow->n_imports; i++)
        any_seed = any_seed || tn_py_has(c->flow->import[i], "seed");
    if (said || !tn_py_whole(c))
        return TN_OK;
    for (size_t i = 0; i < c->flow->n_events; i++) {
        const tn_py_event *e = c->flow->event[i];
        const char *what = unseeded(c, e);
        /* A draw inside a function that prepares texts, of its own or its caller's. */
        bool drawn = tn_py_is_any(e, "random.random|random.randint|random.choice|random.uniform|numpy.random.rand|numpy.random.random|numpy.random.randint") && (prepares(e->function) || (e->caller && prepares(e->caller->function)));
        if (!what && !drawn)
            continue;
        const tn_py_event *later = NULL;
        bool seeded = any_seed && e->run != 0; /* who calls the function may have seeded */
        for (size_t k = 0; k < c->flow->n_events && e->run == 0; k++) {
            const tn_py_event *s = c->flow->event[k];
            if (!is_seeding(s) || s->run != 0)
                continue;
            if (k < i)
                seeded = true;
            else if (!later && tn_py_named(s, "set_seed|manual_seed|seed|seed_everything"))
                later = s;
        }
        if (seeded)
            continue;
        if (later)
            return tn_py_say(c, e->node, NULL, "set the seed first, before rows are drawn or split", "%s is drawn before the seed is set, on line %u", what ? what : "a random step", later->node->line);
        if (e->run != 0 && !drawn)
            continue;
        return tn_py_say(c, e->node, NULL, "give it a seed from the configuration", "%s depends on chance without a seed: nobody can make the same rows again", what ? what : "this preprocessing");
    }
    return TN_OK;
}

/* ---- data-copypaste ---- */

static bool is_placeholder(tn_str s)
{
    return has_any(s, "your-username|your_username|your-org/|your-model|your_model|YOUR_|your-name/|my-awesome|username/|user/model|org/model-name|path/to/|/path/to|<your|<model|<MODEL|<path|<PATH|<dataset|<hub|<repo|"
                      "<org|<user|<name|your/model|your/dataset|my-org/my-|INSERT_|REPLACE_ME|model-name-here|your-dataset|your_dataset") &&
           s.len < 200;
}

static tn_status look_placeholder(tn_py_check *c, bool *said)
{
    for (size_t i = 0; i < c->flow->n_events; i++) {
        const tn_py_event *e = c->flow->event[i];
        if (!tn_py_named(e, "from_pretrained|load_dataset|pipeline|read_csv|read_json|read_parquet|push_to_hub|snapshot_download|hf_hub_download|SentenceTransformer|load_from_disk|InferenceClient|open"))
            continue;
        for (size_t a = 0; a < e->n_args; a++) {
            tn_str s;
            if (tn_py_as_str(e->arg[a].value, &s) && is_placeholder(s)) {
                *said = true;
                return tn_py_say(c, e->node, NULL, "put in the id or path of this task, with its revision", "\"%.*s\" is a placeholder", TN_ARG(s));
            }
        }
    }
    return TN_OK;
}

static bool is_empty_cell(tn_str source)
{
    tn_str line;
    while (tn_str_cut(&source, '\n', &line)) {
        line = tn_str_trim(line);
        if (line.len && line.ptr[0] != '#')
            return false;
    }
    return true;
}

/* A notebook whose cells have all lost their numbers was cleared, which is no fault. */
static tn_status look_order_of_cells(tn_py_check *c, bool *said)
{
    static const char remedy[] = "restart the kernel, run all cells from the top, and keep that";
    const tn_notebook *nb = c->notebook;
    int64_t before = 0;
    bool any = false;
    for (size_t i = 0; nb && i < nb->n_cells; i++)
        any = any || nb->cell[i].run > 0;
    for (size_t i = 0; any && i < nb->n_cells; i++) {
        const tn_notebook_cell *cell = &nb->cell[i];
        tn_py_node at = {.line = cell->python_line ? cell->python_line : 1};
        if (cell->kind != TN_CELL_CODE || is_empty_cell(cell->source))
            continue;
        *said = true;
        if (cell->is_error)
            return tn_py_say(c, &at, "its output is a traceback", remedy, "this cell ended with an error");
        if (cell->run <= 0)
            return tn_py_say(c, &at, "no execution count", remedy, "this cell was never run, others were");
        if (cell->run < before)
            return tn_py_say(c, &at, "execution counts go down", remedy, "the cells were not run in this order: In [%lld] stands behind In [%lld]", (long long)cell->run, (long long)before);
        *said = false;
        before = cell->run;
    }
    return TN_OK;
}

/* Classes of well-known data sets, by their cards. */
static int classes_of(tn_str id, tn_str config)
{
    static const struct {
        const char *id, *config;
        int n;
    } known[] = {
        {"imdb|stanfordnlp/imdb|rotten_tomatoes|cornell-movie-review-data/rotten_tomatoes|sst2|stanfordnlp/sst2|yelp_polarity|fancyzhx/yelp_polarity|amazon_polarity|fancyzhx/amazon_polarity|sms_spam|ucirvine/sms_spam", "", 2},
        {"ag_news|fancyzhx/ag_news", "", 4},
        {"emotion|dair-ai/emotion", "", 6},
        {"yelp_review_full|Yelp/yelp_review_full", "", 5},
        {"dbpedia_14|fancyzhx/dbpedia_14", "", 14},
        {"banking77|PolyAI/banking77|mteb/banking77", "", 77},
        {"snli|stanfordnlp/snli", "", 3},
        {"glue|nyu-mll/glue", "sst2", 2},
        {"glue|nyu-mll/glue", "cola", 2},
        {"glue|nyu-mll/glue", "mrpc", 2},
        {"glue|nyu-mll/glue", "qqp", 2},
        {"glue|nyu-mll/glue", "qnli", 2},
        {"glue|nyu-mll/glue", "rte", 2},
        {"glue|nyu-mll/glue", "mnli", 3},
        {"tweet_eval|cardiffnlp/tweet_eval", "sentiment", 3},
        {"tweet_eval|cardiffnlp/tweet_eval", "emotion", 4},
        {"tweet_eval|cardiffnlp/tweet_eval", "irony", 2},
        {"tweet_eval|cardiffnlp/tweet_eval", "hate", 2},
        {"tweet_eval|cardiffnlp/tweet_eval", "offensive", 2},
    };
    for (size_t i = 0; i < TN_COUNT(known); i++)
        if (tn_py_word_in(id, known[i].id) && tn_str_is(config, known[i].config))
            return known[i].n;
    return 0;
}

/* Of the only data set of the file, when nothing is done to its classes; else 0. */
static int classes_of_file(const tn_py_check *c, tn_str *id)
{
    int n = 0;
    tn_str config;
    *id = TN_STR("");
    for (size_t i = 0; i < c->flow->n_events; i++) {
        const tn_py_event *e = c->flow->event[i];
        tn_str one;
        if (tn_py_named(e, "read_csv|read_json|read_parquet|load_from_disk|from_pandas|from_dict|filter|class_encode_column"))
            return 0;
        if (!tn_py_is(e, "datasets.load_dataset"))
            continue;
        if (!tn_py_as_str(tn_py_arg(e, "path", 0), &one) || (id->len && !tn_str_eq(*id, one)))
            return 0;
        *id = one;
        n = classes_of(one, tn_py_as_str(tn_py_arg(e, "name", 1), &config) ? config : TN_STR(""));
    }
    return n;
}

/* Of a dict that is written out; 0 where it is another thing or holds `**more`. */
static size_t n_pairs(const tn_py_node *dict)
{
    size_t n = 0;
    for (const tn_py_node *p = dict && dict->kind == TN_PY_DICT ? dict->x : NULL; p; p = p->next, n++)
        if (!p->x)
            return 0;
    return n;
}

/* Labels or a metric that belong to another task. */
static tn_status look_other_task(tn_py_check *c)
{
    bool sequence = false, token = false;
    const tn_py_event *seqeval = NULL;
    tn_str data;
    int n_classes = classes_of_file(c, &data);
    for (size_t i = 0; i < c->flow->n_events; i++) {
        const tn_py_event *e = c->flow->event[i];
        double n;
        tn_str s;
        sequence = sequence || tn_py_has(e->callee, "ForSequenceClassification.from_pretrained");
        token = token || tn_py_has(e->callee, "TokenClassification");
        if (tn_py_is_any(e, "evaluate.load|datasets.load_metric") && tn_py_as_str(tn_py_arg(e, "path", 0), &s) && tn_str_is(s, "seqeval"))
            seqeval = seqeval ? seqeval : e;
        const tn_py_value *names = tn_py_arg(e, "id2label", -1);
        names = names ? names : tn_py_arg(e, "label2id", -1);
        size_t n_names = names ? n_pairs(names->node) : 0;
        if (tn_py_named(e, "from_pretrained") && tn_py_as_f64(tn_py_arg(e, "num_labels", -1), &n) && n_names > 0 && (double)n_names != n)
            return tn_py_say(c, e->node, NULL, "make the number from the names: num_labels=len(labels)", "num_labels is %.0f, and %zu labels are named", n, n_names);
        if (tn_py_has(e->callee, "ForSequenceClassification.from_pretrained") && n_classes > 0 && tn_py_as_f64(tn_py_arg(e, "num_labels", -1), &n) && n > 1 && n != n_classes)
            return tn_py_say(c, e->node, NULL, "take the number from the data: features[\"label\"].num_classes", "num_labels is %.0f, and %.*s has %d classes", n, TN_ARG(data), n_classes);
    }
    if (seqeval && sequence && !token)
        return tn_py_say(c, seqeval->node, NULL, "take the metric of this task: accuracy and macro F1 for one label a text", "seqeval is the metric of token classification, and this file trains a classifier of whole texts");
    return TN_OK;
}

static tn_status look_copypaste(tn_py_check *c)
{
    bool said = false;
    if (tn_py_is_test(c))
        return TN_OK;
    TN_TRY(look_placeholder(c, &said));
    if (!said)
        TN_TRY(look_order_of_cells(c, &said));
    return said ? TN_OK : look_other_task(c);
}

const tn_py_rule tn_py_data_rules[] = {
    {"data-versions", look_versions}, {"data-splits", look_splits},       {"data-leak", look_leak},
    {"data-deterministic", look_deterministic}, {"data-copypaste", look_copypaste}, {NULL, NULL},
};
