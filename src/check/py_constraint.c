/* constraint-* over Python. Most of these rules say "never", which only a whole file can prove: they ask whether the file
 * was read and followed completely, trains when it is run, and makes its model and rows itself. */
#include "check/py_train.h"

#include "check/repository.h"

#include <ctype.h>
#include <string.h>

/* ---- constraint-evaluate ---- */

/* The trainer evaluates while it trains: eval_dataset and a strategy other than "no". */
static bool trainer_evaluates(const tn_py_training *t)
{
    const tn_py_event *a = t->args;
    const tn_py_value *rows = tn_py_arg(t->trainer, "eval_dataset", -1);
    tn_str strategy;
    if (t->trainer->open_args)
        return true;
    if (!rows || rows->kind == TN_PV_NONE)
        return false;
    if (!a || a->open_args)
        return a || tn_py_arg(t->trainer, "args", 1);
    const tn_py_value *s = tn_py_arg(a, "eval_strategy", -1) ? tn_py_arg(a, "eval_strategy", -1) : tn_py_arg(a, "evaluation_strategy", -1);
    if (!s)
        return tn_py_arg(a, "do_eval", -1) || tn_py_arg(a, "eval_steps", -1) || tn_py_arg(a, "load_best_model_at_end", -1);
    return !tn_py_as_str(s, &strategy) || !tn_str_is(strategy, "no");
}

static bool keras_evaluates(const tn_py_event *fit)
{
    return fit->open_args || tn_py_arg(fit, "validation_data", -1) || tn_py_arg(fit, "validation_split", -1) || tn_py_arg(fit, "callbacks", -1);
}

static tn_status look_evaluate(tn_py_check *c)
{
    if (!tn_py_whole(c) || (c->source->repository && c->source->repository->has_evaluation))
        return TN_OK;
    const tn_py_training *t = tn_py_training_of(c);
    if (!t->first || t->evaluates || !t->is_own)
        return TN_OK;
    if (t->first == t->train && (t->is_trainer ? !t->trainer || trainer_evaluates(t) : keras_evaluates(t->train)))
        return TN_OK;
    if (t->first == t->backward && !t->saves) /* a loop that keeps nothing ships nothing */
        return TN_OK;
    return tn_py_say(c, t->first->node, NULL, "hold rows out before training, and compute the agreed metric on them for the weights that ship",
                     "this file trains and never evaluates on rows that it did not train on");
}

/* ---- constraint-reproduce ---- */

/* Draws from the one generator of the process: only a seed of that repeats them. `random_state` of something else does not. */
static bool draws(const tn_py_event *e)
{
    bool shuffles;
    if (tn_py_is(e, "sklearn.model_selection.train_test_split"))
        return tn_py_lacks(e, "random_state", -1) && !(tn_py_as_bool(tn_py_arg(e, "shuffle", -1), &shuffles) && !shuffles);
    return tn_py_is_any(e, "random.shuffle|random.sample|numpy.random.shuffle|numpy.random.permutation");
}

static bool seeds_process(const tn_py_event *e)
{
    return tn_str_find(e->name, TN_STR("seed"), 0) != SIZE_MAX || tn_str_find(e->name, TN_STR("determinis"), 0) != SIZE_MAX;
}

/* Own modules may do what this file lacks. */
static bool imports_seeds(const tn_py_flow *flow)
{
    for (size_t i = 0; i < flow->n_imports; i++)
        if (tn_str_find(flow->import[i], TN_STR("seed"), 0) != SIZE_MAX || tn_str_starts(flow->import[i], "."))
            return true;
    return false;
}

/* `pip install transformers` in a notebook that trains: the newest of the day. */
static tn_status look_packages(tn_py_check *c)
{
    static const char *const known[] = {"torch", "transformers", "datasets", "accelerate", "peft", "trl", "setfit", "sentence-transformers", "tensorflow", "scikit-learn"};
    for (const tn_py_node *n = c->notebook ? c->tree->body : NULL; n; n = tn_py_next(n, NULL)) {
        tn_str line = n->kind == TN_PY_MAGIC ? n->str : TN_STR(""), word;
        if (tn_str_find(line, TN_STR("pip install"), 0) == SIZE_MAX)
            continue;
        while (tn_str_cut(&line, ' ', &word))
            for (size_t i = 0; i < TN_COUNT(known); i++)
                if (tn_str_is(word, known[i]))
                    return tn_py_say(c, n, NULL, "write the version that gave the results: pip install transformers==4.57.1",
                                     "%s is installed in whatever version is newest on the day", known[i]);
    }
    return TN_OK;
}

/* The split of a file that trains is drawn anew each time. */
static tn_status look_draws(tn_py_check *c, const tn_py_training *t)
{
    const tn_py_event *drawn = NULL;
    for (size_t i = 0; i < c->flow->n_events; i++) {
        const tn_py_event *e = c->flow->event[i];
        if (seeds_process(e))
            return TN_OK;
        if (!drawn && e->run == 0 && !e->maybe && e->index < t->first->index && draws(e))
            drawn = e;
    }
    if (!drawn || imports_seeds(c->flow))
        return TN_OK;
    return tn_py_say(c, drawn->node, NULL, "give it the seed of the configuration (random_state=seed, random.Random(seed).shuffle), and sort what came in no order before",
                     "the rows to train on are drawn without a seed: each run has others");
}

static tn_status look_reproduce(tn_py_check *c)
{
    if (!tn_py_whole(c))
        return TN_OK;
    const tn_py_training *t = tn_py_training_of(c);
    if (t->first)
        TN_TRY(look_packages(c));
    if (t->first && (t->seeds || (t->first == t->train && !t->is_trainer)))
        return look_draws(c, t);
    if (!t->first || !t->is_own) /* which estimators draw is not known here */
        return TN_OK;
    if ((t->trainer && t->trainer->open_args) || (t->args && t->args->open_args) || (t->is_trainer && !t->args && t->trainer && !tn_py_lacks(t->trainer, "args", 1)))
        return TN_OK; /* the seed may come from there */
    if (imports_seeds(c->flow))
        return TN_OK;
    return tn_py_say(c, t->first->node, NULL, "call transformers.set_seed(seed), or torch.manual_seed, before the model and the split are made, with the seed in the configuration",
                     t->first == t->train ? "this file trains and states no seed: what is drawn before the trainer begins differs from run to run"
                                          : "this file trains and sets no seed, so no run can be repeated");
}

/* ---- constraint-track ---- */

static bool says_none(const tn_py_value *v)
{
    tn_str s;
    return v && (v->kind == TN_PV_NONE || (v->kind == TN_PV_LIST && v->n_items == 0 && !v->open) || (tn_py_as_str(v, &s) && (tn_str_is(s, "none") || tn_str_is(s, "no"))));
}

/* print("accuracy", accuracy_score(y, model.predict(x))): figures of an evaluation, made in the print or shown by it. */
static bool prints_metric(const tn_py_check *c, const tn_py_training *t)
{
    for (size_t i = 0; i < c->flow->n_events; i++) {
        const tn_py_event *e = c->flow->event[i];
        if (e->run != 0 || !tn_py_is(e, "print"))
            continue;
        for (const tn_py_node *n = e->node->y; n; n = tn_py_next(n, e->node))
            if (n->kind == TN_PY_CALL && n->x && (n->x->kind == TN_PY_NAME || n->x->kind == TN_PY_ATTRIBUTE) &&
                (tn_str_ends(n->x->str, "_score") || tn_str_is(n->x->str, "score") || tn_str_is(n->x->str, "classification_report") || tn_str_is(n->x->str, "evaluate")))
                return e->index > t->first->index;
    }
    return false;
}

/* sphinx-gallery and the like: a lesson in cells, whose record is the page. */
static bool is_lesson(const tn_py_check *c)
{
    for (size_t i = 0; i < c->tree->n_comments; i++) {
        tn_str s = tn_str_sub(c->tree->text, c->tree->comment[i].from, c->tree->comment[i].to);
        if (tn_str_starts(s, "# %%") || tn_str_starts(s, "# ------") || tn_str_starts(s, "######"))
            return true;
    }
    return false;
}

static tn_status look_track(tn_py_check *c)
{
    if (!tn_py_whole(c))
        return TN_OK;
    const tn_py_training *t = tn_py_training_of(c);
    if (!t->first || t->records)
        return TN_OK;
    if (t->first == t->train && t->is_trainer && t->args && !tn_str_starts(t->trainer->callee, "setfit.")) {
        const tn_py_value *to = tn_py_arg(t->args, "report_to", -1), *logging = tn_py_arg(t->args, "logging_strategy", -1), *save = tn_py_arg(t->args, "save_strategy", -1);
        if (says_none(to) && (says_none(logging) || says_none(save) || tn_py_arg(t->args, "overwrite_output_dir", -1)))
            return tn_py_say(c, t->args->node, "report_to none, and nothing else is written", "let it report somewhere (report_to=\"tensorboard\"), and write configuration and metrics into the run's own folder",
                             "this run leaves no record of its settings and metrics");
        return TN_OK;
    }
    /* A classical model: the score goes to the screen and nowhere else. setfit keeps checkpoints and no figures. */
    bool classical = t->first == t->train && !t->is_trainer && prints_metric(c, t) && !tn_py_typed(t->train->receiver, "*lightning.Trainer|*pytorch.Trainer") && !is_lesson(c);
    bool setfit = t->first == t->train && t->trainer && t->evaluates && tn_str_starts(t->trainer->callee, "setfit.");
    if ((classical ? t->is_own : setfit) && !t->saves && !c->flow->has_config && !c->flow->has_cli)
        return tn_py_say(c, t->train->node, NULL, "write settings and metrics to a file of the run (json.dump), or use a tracker and keep its export", "this run shows its metrics on the screen and keeps no record of them");
    if (t->first == t->backward && t->is_own && (t->saves || t->evaluates) && !c->flow->has_config && !c->flow->has_cli)
        return tn_py_say(c, t->backward->node, NULL, "write configuration and metrics to a file of the run, or use a tracker and keep its export",
                         "this loop trains a model, and keeps no record of settings and metrics");
    return TN_OK;
}

/* ---- constraint-loop ---- */

static bool is_inside(const tn_py_node *n, const tn_py_node *around)
{
    return around && n->from >= around->from && n->to <= around->to;
}

/* Any call of this name in the text, followed or not: `optimizer.zero_grad()` in a function that nobody calls counts. */
static bool text_calls(const tn_py_tree *tree, const char *name)
{
    for (const tn_py_node *n = tree->body; n; n = tn_py_next(n, NULL))
        if ((n->kind == TN_PY_ATTRIBUTE || n->kind == TN_PY_NAME) && tn_str_is(n->str, name))
            return true;
    return false;
}

/* The outermost loop around a node in its function. */
static const tn_py_node *outer_loop(const tn_py_node *n)
{
    const tn_py_node *found = NULL;
    for (const tn_py_node *p = n->parent; p && p->kind != TN_PY_FUNCTION && p->kind != TN_PY_CLASS; p = p->parent)
        if (p->kind == TN_PY_FOR || p->kind == TN_PY_WHILE)
            found = p;
    return found;
}

static const tn_py_node *find_call(const tn_py_tree *tree, const tn_py_node *root, const char *name)
{
    for (const tn_py_node *n = root ? root : tree->body; n; n = tn_py_next(n, root))
        if (n->kind == TN_PY_CALL && n->x && n->x->kind == TN_PY_ATTRIBUTE && tn_str_is(n->x->str, name))
            return n;
    return NULL;
}

/* model.train(False) is eval() by another name. */
static bool leaves_training(const tn_py_tree *tree)
{
    for (const tn_py_node *n = tree->body; n; n = tn_py_next(n, NULL))
        if (n->kind == TN_PY_CALL && n->x && n->x->kind == TN_PY_ATTRIBUTE && tn_str_is(n->x->str, "train") && n->y)
            return true;
    return text_calls(tree, "eval");
}

static tn_status look_loop(tn_py_check *c)
{
    const tn_py_tree *tree = c->tree;
    const tn_py_node *backward = NULL, *loop = NULL;
    for (const tn_py_node *n = tree->body; n && !loop; n = tn_py_next(n, NULL))
        if (n->kind == TN_PY_CALL && n->x && n->x->kind == TN_PY_ATTRIBUTE && tn_str_is(n->x->str, "backward")) {
            backward = n;
            loop = outer_loop(n);
        }
    if (!loop || tree->n_errors || !tn_py_imports(c->flow, "torch") || tn_py_imports(c->flow, "pytorch_lightning") || tn_py_imports(c->flow, "lightning") || tn_py_imports(c->flow, "deepspeed"))
        return TN_OK;
    const tn_py_node *step = find_call(tree, loop, "step");
    if (step && !text_calls(tree, "zero_grad") && !text_calls(tree, "set_to_none") && !text_calls(tree, "deepspeed") && !text_calls(tree, "grad"))
        TN_TRY(tn_py_say(c, backward, NULL, "call optimizer.zero_grad() once a step, before backward() or behind step()",
                         "gradients are never cleared in this loop: each step adds to all steps before it"));
    /* Evaluation beside the loop: a call of eval() that is never taken back, or none at all. */
    const tn_py_node *eval = find_call(tree, loop, "eval");
    if (eval && !eval->y && !find_call(tree, loop, "train") && !is_inside(backward, eval))
        TN_TRY(tn_py_say(c, eval, NULL, "call model.train() at the start of each epoch", "eval() inside the training loop is never taken back: from the second epoch on the model trains without dropout"));
    for (const tn_py_node *n = tree->body; n; n = tn_py_next(n, NULL)) {
        /* A loop, or `sum(... model(x) ... for x in loader)`. */
        bool comprehension = n->kind == TN_PY_GENERATOR || n->kind == TN_PY_LIST_COMP;
        if ((n->kind != TN_PY_FOR && !comprehension) || is_inside(backward, n) || find_call(tree, n, "step"))
            continue;
        tn_str over = tn_py_source(tree, comprehension ? n->y->y : n->y);
        static const char *const held[] = {"val", "test", "eval", "dev_", "(dev,", "(dev)"}, *const loaders[] = {"load", "Loader", "batch", "_dl"};
        bool held_out = false, loader = false;
        for (size_t i = 0; i < TN_COUNT(held); i++)
            held_out = held_out || tn_str_find(over, tn_str_of(held[i]), 0) != SIZE_MAX;
        for (size_t i = 0; i < TN_COUNT(loaders); i++)
            loader = loader || tn_str_find(over, tn_str_of(loaders[i]), 0) != SIZE_MAX;
        if (!held_out || !loader || tn_str_find(tn_py_source(tree, n), TN_STR("model("), 0) == SIZE_MAX)
            continue;
        if (!leaves_training(tree))
            TN_TRY(tn_py_say(c, n, NULL, "call model.eval() before it, and model.train() behind it", "the model is judged with dropout on: eval() is never called"));
        else if (!text_calls(tree, "no_grad") && !text_calls(tree, "inference_mode") && !text_calls(tree, "set_grad_enabled") && !text_calls(tree, "detach"))
            TN_TRY(tn_py_say(c, n, NULL, "put the evaluation under torch.no_grad() or torch.inference_mode()", "evaluation keeps the graph of every batch: no_grad is never used"));
        break;
    }
    return TN_OK;
}

/* ---- constraint-overfit ---- */

/* Rows that a slice or select() leaves at most, from the value of a training set; 0 = unknown. */
static double rows_at_most(const tn_py_value *v)
{
    for (int depth = 0; v && depth < 8; depth++) {
        const tn_py_event *e = tn_py_maker(v);
        double n;
        if (!e)
            return 0;
        if (tn_py_named(e, "select")) {
            const tn_py_event *range = tn_py_maker(tn_py_arg(e, "indices", 0));
            if (range && tn_py_is(range, "range") && range->n_args == 1 && tn_py_as_f64(range->arg[0].value, &n))
                return n;
        }
        tn_str split;
        if (tn_py_is(e, "datasets.load_dataset") && tn_py_as_str(tn_py_arg(e, "split", 5), &split)) {
            size_t open = tn_str_find(split, TN_STR("[:"), 0), close = tn_str_find(split, TN_STR("]"), 0);
            int64_t rows;
            return open != SIZE_MAX && close != SIZE_MAX && tn_str_to_i64(tn_str_sub(split, open + 2, close), &rows) ? (double)rows : 0;
        }
        v = e->receiver;
    }
    return 0;
}

static tn_status look_overfit(tn_py_check *c)
{
    double epochs = 3, steps = 0, batch = 8;
    bool best = false;
    const tn_py_training *t = tn_py_training_of(c);
    if (t->train && t->trainer && t->is_trainer && t->args && !t->trainer->open_args && !t->args->open_args) {
        bool stated = tn_py_as_f64(tn_py_arg(t->args, "num_train_epochs", -1), &epochs);
        tn_py_as_f64(tn_py_arg(t->args, "max_steps", -1), &steps);
        tn_py_as_f64(tn_py_arg(t->args, "per_device_train_batch_size", -1), &batch);
        tn_py_as_bool(tn_py_arg(t->args, "load_best_model_at_end", -1), &best);
        const tn_py_value *eval = tn_py_arg(t->trainer, "eval_dataset", -1);
        bool none = (!eval && tn_py_lacks(t->trainer, "eval_dataset", -1)) || (eval && eval->kind == TN_PV_NONE);
        double rows = rows_at_most(tn_py_arg(t->trainer, "train_dataset", -1));
        /* The second of two parts may be either; a split that is called test is the test. */
        if (best && eval && tn_py_role_of(eval) == TN_ROLE_TEST && eval->rows[0]->kind == TN_ROWS_SPLIT)
            return tn_py_say(c, t->trainer->node, "load_best_model_at_end with the test rows as eval_dataset", "choose the checkpoint on validation rows; open the test once, at the end",
                             "the best epoch is chosen on the test rows");
        if (rows > 0 && rows <= 2000 && steps * batch >= rows * 30)
            return tn_py_say(c, t->args->node, NULL, "fit steps to rows: a few passes, a probe or LoRA, early stopping on validation", "%.0f steps of %.0f rows on at most %.0f rows: each is seen %.0f times", steps, batch, rows,
                             steps * batch / rows);
        if (rows > 0 && rows <= 2000 && steps <= 0 && stated && epochs >= 15 && none)
            return tn_py_say(c, t->args->node, NULL, "use few passes, early stopping on validation, or a probe on frozen embeddings", "%.0f epochs on at most %.0f rows, and no validation", epochs, rows);
        if (none && stated && steps <= 0 && epochs >= 20)
            return tn_py_say(c, t->args->node, NULL, "hold out validation rows, evaluate each epoch, and stop when they get worse", "%.0f epochs and no validation: nothing shows when the model begins to memorise", epochs);
        return TN_OK;
    }
    /* A loop over `for epoch in range(100)` with nothing that looks at other rows. */
    if (!t->backward || t->evaluates || !tn_py_whole(c))
        return TN_OK;
    for (const tn_py_node *p = t->backward->node; p; p = p->parent) {
        double n;
        if (p->kind != TN_PY_FOR || p->y->kind != TN_PY_CALL || !tn_str_is(p->y->x->str, "range") || !tn_py_argument(p->y, 0))
            continue;
        if (tn_str_find(tn_py_source(c->tree, p->x), TN_STR("epoch"), 0) != SIZE_MAX && tn_py_f64(tn_py_argument(p->y, 0), &n) && n >= 30)
            return tn_py_say(c, p, NULL, "hold out validation rows, look at them each epoch, and stop when they get worse", "%.0f epochs and no validation: nothing shows when the model begins to memorise", n);
    }
    return TN_OK;
}

/* ---- constraint-pretrained ---- */

static bool is_head(tn_str name)
{
    static const char *const heads[] = {"ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering", "ForMultipleChoice", "ForImageClassification", "ForAudioClassification",
                                        "ForVideoClassification", "ForObjectDetection", "ForSemanticSegmentation", "ForSeq2SeqLM", "ForConditionalGeneration", "ForCTC", "ForMaskedLM", "ForCausalLM", "ForPreTraining"};
    for (size_t i = 0; i < TN_COUNT(heads); i++)
        if (tn_str_ends(name, heads[i]))
            return true;
    return false;
}

/* A checkpoint that already does a task, by the words of its id. */
static bool does_a_task(tn_str id)
{
    static const char *const word[] = {"finetuned", "fine-tuned", "sst-2", "sst2", "sentiment", "emotion", "-mnli", "-squad", "-ner", "toxic", "zeroshot", "-conll", "hatespeech", "hate-", "-spam", "-imdb"};
    for (size_t i = 0; i < TN_COUNT(word); i++)
        if (tn_str_find(id, tn_str_of(word[i]), 0) != SIZE_MAX)
            return true;
    return false;
}

static tn_str part_before_from(const tn_py_event *e)
{
    tn_str owner = e->callee;
    size_t dot = owner.len;
    while (dot > 0 && owner.ptr[dot - 1] != '.')
        dot--;
    return dot ? tn_str_sub(owner, 0, dot - 1) : owner;
}

/* A name of transformers, peft or setfit that brings weights which somebody has trained. */
static bool is_pretrained(const tn_py_value *v)
{
    const tn_py_event *e = tn_py_maker(v);
    for (int depth = 0; e && depth < 4 && !tn_py_named(e, "from_pretrained"); depth++) {
        const tn_py_value *inner = tn_py_named(e, "get_peft_model|prepare_model_for_kbit_training") ? tn_py_arg(e, "model", 0) : e->receiver;
        e = tn_py_maker(inner);
    }
    return e && tn_py_named(e, "from_pretrained");
}

/* Training that ends in weights to keep, of a checkpoint that nothing was measured on before, with no word of a comparison
 * anywhere: in names, in strings, in comments. */
static tn_status look_untouched(tn_py_check *c, const tn_py_training *t)
{
    static const char *const words[] = {"untouched", "as_is", "as is", "as-is", "zero-shot", "zero_shot", "zeroshot", "baseline_model", "before_train", "before training", "without fine", "pretrained_score", "pretrained model", "base model"};
    const tn_py_value *model = t->trainer ? tn_py_arg(t->trainer, "model", 0) : NULL;
    if (t->first != t->train || !t->is_own || !t->saves || !is_pretrained(model) || (c->source->repository && c->source->repository->has_evaluation))
        return TN_OK;
    if (!tn_str_starts(t->trainer->callee, "transformers.") && !tn_str_starts(t->trainer->callee, "setfit."))
        return TN_OK; /* preferences, embeddings: what "as is" would be is another question there */
    for (size_t i = 0; i < TN_COUNT(words); i++)
        if (tn_str_has_fold(c->tree->text, words[i]))
            return TN_OK;
    for (size_t i = 0; i < t->first->index; i++) {
        const tn_py_event *e = c->flow->event[i];
        if (tn_py_named(e, "evaluate|predict|score|generate|test|pipeline") || tn_str_find(e->name, TN_STR("eval"), 0) == 0)
            return TN_OK;
    }
    return tn_py_say(c, t->first->node, NULL, "evaluate the checkpoint as it is on the validation rows before train(), keep the figure beside the tuned one, and fine-tune only where it wins by more than the interval",
                     "a pretrained model is fine-tuned, and nobody measured it untouched");
}

static tn_status look_pretrained(tn_py_check *c)
{
    if (!tn_py_whole(c))
        return TN_OK;
    const tn_py_training *t = tn_py_training_of(c);
    if (!t->first)
        return TN_OK;
    for (size_t i = 0; i < c->flow->n_events; i++) {
        const tn_py_event *e = c->flow->event[i];
        tn_str id;
        if (e->run != 0 || e->maybe || e->index > t->first->index || !tn_str_starts(e->callee, "transformers."))
            continue;
        const tn_py_event *config = tn_py_maker(tn_py_arg(e, "config", 0));
        bool fresh = (tn_py_named(e, "from_config") && is_head(part_before_from(e))) || (is_head(e->name) && config && (tn_str_ends(config->name, "Config") || tn_py_named(config, "for_model") || (tn_py_named(config, "from_pretrained") && tn_str_ends(part_before_from(config), "Config"))));
        if (fresh && !tn_py_explained(c, e->node, 3, "from scratch|random init|ablation|baseline"))
            return tn_py_say(c, e->node, NULL, "start from a pretrained checkpoint (from_pretrained), or measure one on the same rows and show that it loses", "a network is trained from scratch and compared with no pretrained one");
        if (tn_py_named(e, "from_pretrained") && is_head(part_before_from(e)) && tn_py_as_str(tn_py_arg(e, "pretrained_model_name_or_path", 0), &id) && does_a_task(id) &&
            !(t->evaluates && t->evaluates->index < t->first->index) && !tn_py_explained(c, e->node, 3, "as is|zero-shot|untouched|baseline"))
            return tn_py_say(c, t->first->node, NULL, "evaluate the checkpoint as it is on the validation rows first; fine-tune when that is worse by more than the interval",
                             "%.*s already does this kind of task, and is fine-tuned before anyone measured it as it is", TN_ARG(id));
    }
    return look_untouched(c, t);
}

/* ---- constraint-task ---- */

/* transformers.AutoModel, transformers.BertModel: hidden states and no head. */
static bool is_headless(const tn_py_event *e)
{
    tn_str owner = e ? part_before_from(e) : TN_STR("");
    return e && tn_py_named(e, "from_pretrained") && tn_str_starts(owner, "transformers.") && tn_str_ends(owner, "Model") && tn_str_find(owner, TN_STR("For"), 0) == SIZE_MAX &&
           tn_str_find(owner, TN_STR("LMHead"), 0) == SIZE_MAX && tn_str_find(owner, TN_STR("TextModel"), 0) == SIZE_MAX && tn_str_find(owner, TN_STR("CLIP"), 0) == SIZE_MAX &&
           tn_str_find(owner, TN_STR("VisionEncoderDecoder"), 0) == SIZE_MAX && tn_str_find(owner, TN_STR("EncoderDecoder"), 0) == SIZE_MAX && tn_str_find(owner, TN_STR("PreTrained"), 0) == SIZE_MAX;
}

/* The name that a call's value is given: `model = AutoModel.from_pretrained(x).to(device)`. */
static tn_str name_given(const tn_py_node *call)
{
    const tn_py_node *p = call->parent, *n = call;
    while (p && (p->kind == TN_PY_ATTRIBUTE || (p->kind == TN_PY_CALL && p->x == n) || p->kind == TN_PY_AWAIT)) {
        n = p;
        p = p->parent;
    }
    return p && p->kind == TN_PY_ASSIGN && p->y == n && p->x && !p->x->next && p->x->kind == TN_PY_NAME ? p->x->str : TN_STR("");
}

static bool is_named(const tn_py_node *n, tn_str name)
{
    return name.len && n && n->kind == TN_PY_NAME && tn_str_eq(n->str, name);
}

/* A prediction is read off the value of `n`: .logits; [0].argmax(); argmax(v[0]), softmax(v[0]). */
static const tn_py_node *prediction_from(const tn_py_node *n)
{
    const tn_py_node *p = n->parent;
    if (p && p->kind == TN_PY_ATTRIBUTE && tn_str_is(p->str, "logits"))
        return p;
    if (!p || p->kind != TN_PY_SUBSCRIPT || p->x != n || !p->y || p->y->kind != TN_PY_NUMBER)
        return NULL;
    const tn_py_node *q = p->parent;
    if (q && q->kind == TN_PY_ATTRIBUTE && (tn_str_is(q->str, "argmax") || tn_str_is(q->str, "softmax")))
        return q;
    bool argument = q && q->kind == TN_PY_CALL && q->x != p && q->x && (q->x->kind == TN_PY_ATTRIBUTE || q->x->kind == TN_PY_NAME);
    return argument && (tn_str_is(q->x->str, "argmax") || tn_str_is(q->x->str, "softmax")) ? q : NULL;
}

/* layer(out.last_hidden_state[:, 0]).argmax(-1): a class is chosen out of what somebody's own layer makes of hidden states. */
static const tn_py_node *own_head(const tn_py_tree *tree)
{
    for (const tn_py_node *n = tree->body; n; n = tn_py_next(n, NULL)) {
        if (n->kind != TN_PY_CALL || !n->x || n->x->kind != TN_PY_ATTRIBUTE || (!tn_str_is(n->x->str, "argmax") && !tn_str_is(n->x->str, "softmax")))
            continue;
        const tn_py_node *layer = n->x->x && n->x->x->kind == TN_PY_CALL ? n->x->x : NULL;
        if (!layer || layer->x->kind != TN_PY_NAME)
            continue;
        for (const tn_py_node *m = layer->y; m; m = tn_py_next(m, layer))
            if (m->kind == TN_PY_ATTRIBUTE && (tn_str_is(m->str, "last_hidden_state") || tn_str_is(m->str, "pooler_output")))
                return n;
    }
    return NULL;
}

static tn_status look_task(tn_py_check *c)
{
    static const char remedy[] = "load the class of the task, AutoModelForSequenceClassification and its kin, and name the pipeline tag";
    for (size_t i = 0; i < c->flow->n_events; i++) {
        const tn_py_event *e = c->flow->event[i];
        const tn_py_value *model = tn_py_is_trainer(e->result) || tn_str_ends(e->name, "Trainer") ? tn_py_arg(e, "model", 0) : tn_py_is(e, "transformers.pipeline") ? tn_py_arg(e, "model", 1) : NULL;
        tn_str task;
        const tn_py_event *maker = tn_py_maker(model);
        if (!is_headless(maker) || (tn_py_is(e, "transformers.pipeline") && (!tn_py_as_str(tn_py_arg(e, "task", 0), &task) || tn_str_is(task, "feature-extraction") || tn_str_is(task, "image-feature-extraction"))))
            continue;
        if (tn_str_starts(e->callee, "transformers."))
            return tn_py_say(c, maker->node, NULL, remedy, "this class has no head: it gives hidden states, and the task's layer is missing");
    }
    const tn_py_node *head = own_head(c->tree);
    for (size_t i = 0; head && i < c->flow->n_events; i++)
        if (is_headless(c->flow->event[i]) && tn_str_is(part_before_from(c->flow->event[i]), "transformers.AutoModel"))
            return tn_py_say(c, head, NULL, remedy, "a class is chosen by a layer of its own on hidden states: the model was loaded without a head, and what is saved names no task");
    for (size_t i = 0; i < c->flow->n_events; i++) {
        const tn_py_event *e = c->flow->event[i];
        tn_str model = is_headless(e) ? name_given(e->node) : TN_STR("");
        if (!model.len)
            continue;
        for (const tn_py_node *n = c->tree->body; n; n = tn_py_next(n, NULL)) {
            if (n->kind != TN_PY_CALL || !is_named(n->x, model) || tn_py_scope(n) != tn_py_scope(e->node))
                continue;
            const tn_py_node *place = prediction_from(n);
            tn_str outputs = place ? TN_STR("") : name_given(n);
            for (const tn_py_node *m = c->tree->body; outputs.len && m && !place; m = tn_py_next(m, NULL))
                if (is_named(m, outputs) && m->from > n->to && tn_py_scope(m) == tn_py_scope(n))
                    place = prediction_from(m);
            if (place)
                return tn_py_say(c, place, NULL, remedy, "a prediction is read off hidden states: the model was loaded without a head");
        }
    }
    return TN_OK;
}

/* ---- constraint-compute ---- */

/* Billions of parameters by the words of an id: "Llama-2-13b-hf" is 13; 0 when it does not say. */
static double billions(tn_str id)
{
    for (size_t i = 0; i < id.len; i++) {
        if (!isdigit((unsigned char)id.ptr[i]) || (i > 0 && (isalnum((unsigned char)id.ptr[i - 1]) || id.ptr[i - 1] == '.')))
            continue;
        double n = 0, unit = 1;
        size_t k = i;
        for (; k < id.len && k < i + 5 && (isdigit((unsigned char)id.ptr[k]) || (id.ptr[k] == '.' && unit == 1)); k++) {
            if (id.ptr[k] == '.') {
                unit = 0.1;
                continue;
            }
            n = unit == 1 ? n * 10 + (id.ptr[k] - '0') : n + unit * (id.ptr[k] - '0');
            unit = unit == 1 ? 1 : unit / 10;
        }
        if (k < id.len && (id.ptr[k] == 'b' || id.ptr[k] == 'B') && (k + 1 == id.len || !isalnum((unsigned char)id.ptr[k + 1])))
            return n;
    }
    return 0;
}

/* A model that fits no ordinary machine is trained, and the file says nothing about one. */
static tn_status look_compute(tn_py_check *c)
{
    static const char *const words[] = {"gb", "gib", "vram", "gpu", "cuda", "a100", "h100", "h200", "rtx", "tpu", "hardware", "memory", "deepspeed", "fsdp", "4bit", "device_map", "to(device"};
    const tn_py_training *t = tn_py_training_of(c);
    if (!tn_py_whole(c) || t->first != t->train || !t->trainer || !t->is_trainer)
        return TN_OK;
    const tn_py_value *model = tn_py_arg(t->trainer, "model", 0);
    const tn_py_event *maker = tn_py_maker(model);
    tn_str id;
    if (maker && tn_py_named(maker, "from_pretrained"))
        model = tn_py_arg(maker, "pretrained_model_name_or_path", 0);
    if (!tn_py_as_str(model, &id) || billions(id) < 3)
        return TN_OK;
    for (size_t i = 0; i < TN_COUNT(words); i++)
        if (tn_str_has_fold(c->tree->text, words[i]))
            return TN_OK;
    return tn_py_say(c, t->trainer->node, NULL, "write down what the run needs: device, its memory, expected peak and time, at this batch and length", "a model of %.3g billion parameters is trained, and no machine is named for it",
                     billions(id));
}

const tn_py_rule tn_py_constraint_rules[] = {
    {"constraint-evaluate", look_evaluate}, {"constraint-reproduce", look_reproduce}, {"constraint-track", look_track}, {"constraint-loop", look_loop},
    {"constraint-overfit", look_overfit},   {"constraint-pretrained", look_pretrained}, {"constraint-task", look_task}, {"constraint-compute", look_compute}, {NULL, NULL},
};
