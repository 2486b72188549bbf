/* constraint-* over Python. Most of these rules say "never", which only a whole file can prove: they ask whether the file
 * was read and followed completely, trains when it is run, and makes its model and rows itself. */
#include "check/py_train.h"

#include "check/repository.h"

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

static tn_status look_reproduce(tn_py_check *c)
{
    if (!tn_py_whole(c))
        return TN_OK;
    const tn_py_training *t = tn_py_training_of(c);
    if (!t->first || !t->is_own || t->seeds || (t->first == t->train && !t->is_trainer)) /* which estimators draw is not known here */
        return TN_OK;
    if ((t->trainer && t->trainer->open_args) || (t->args && t->args->open_args) || (t->is_trainer && !t->args && t->trainer && !tn_py_lacks(t->trainer, "args", 1)))
        return TN_OK; /* the seed may come from there */
    for (size_t i = 0; i < c->flow->n_imports; i++) /* own modules may seed */
        if (tn_str_find(c->flow->import[i], TN_STR("seed"), 0) != SIZE_MAX || tn_str_starts(c->flow->import[i], "."))
            return TN_OK;
    return tn_py_say(c, t->first->node, NULL, "call transformers.set_seed(seed), or torch.manual_seed, before the model and the split are made, with the seed in the configuration",
                     "this file trains and sets no seed, so no run can be repeated");
}

/* ---- constraint-track ---- */

static bool says_none(const tn_py_value *v)
{
    tn_str s;
    return v && (v->kind == TN_PV_NONE || (v->kind == TN_PV_LIST && v->n_items == 0 && !v->open) || (tn_py_as_str(v, &s) && (tn_str_is(s, "none") || tn_str_is(s, "no"))));
}

static tn_status look_track(tn_py_check *c)
{
    if (!tn_py_whole(c))
        return TN_OK;
    const tn_py_training *t = tn_py_training_of(c);
    if (!t->first || t->records)
        return TN_OK;
    if (t->first == t->train && t->is_trainer && t->args) {
        const tn_py_value *to = tn_py_arg(t->args, "report_to", -1), *logging = tn_py_arg(t->args, "logging_strategy", -1), *save = tn_py_arg(t->args, "save_strategy", -1);
        if (says_none(to) && (says_none(logging) || says_none(save) || tn_py_arg(t->args, "overwrite_output_dir", -1)))
            return tn_py_say(c, t->args->node, "report_to none, and nothing else is written", "let it report somewhere (report_to=\"tensorboard\"), and write configuration and metrics into the run's own folder",
                             "this run leaves no record of its settings and metrics");
        return TN_OK;
    }
    if (t->first == t->backward && t->is_own && t->saves && !c->flow->has_config && !c->flow->has_cli)
        return tn_py_say(c, t->backward->node, NULL, "write configuration and metrics to a file of the run, or use a tracker and keep its export",
                         "this loop trains and saves a model, and keeps no record of settings and metrics");
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
        if (n->kind != TN_PY_FOR || is_inside(backward, n) || find_call(tree, n, "step"))
            continue;
        tn_str over = tn_py_source(tree, n->y);
        bool held_out = tn_str_find(over, TN_STR("val"), 0) != SIZE_MAX || tn_str_find(over, TN_STR("test"), 0) != SIZE_MAX || tn_str_find(over, TN_STR("eval"), 0) != SIZE_MAX || tn_str_find(over, TN_STR("dev_"), 0) != SIZE_MAX;
        bool loader = tn_str_find(over, TN_STR("load"), 0) != SIZE_MAX || tn_str_find(over, TN_STR("batch"), 0) != SIZE_MAX || tn_str_find(over, TN_STR("_dl"), 0) != SIZE_MAX;
        if (!held_out || !loader || tn_str_find(tn_py_source(tree, n), TN_STR("model("), 0) == SIZE_MAX)
            continue;
        if (!find_call(tree, NULL, "eval") && !text_calls(tree, "eval"))
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
        if (best && eval && tn_py_role_of(eval) == TN_ROLE_TEST)
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
                                        "ForVideoClassification", "ForObjectDetection", "ForSemanticSegmentation", "ForSeq2SeqLM", "ForConditionalGeneration", "ForCTC"};
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
        bool fresh = (tn_py_named(e, "from_config") && is_head(part_before_from(e))) || (is_head(e->name) && config && (tn_str_ends(config->name, "Config") || tn_py_named(config, "for_model")));
        if (fresh && !tn_py_explained(c, e->node, 3, "from scratch|random init|ablation|baseline"))
            return tn_py_say(c, e->node, NULL, "start from a pretrained checkpoint (from_pretrained), or measure one on the same rows and show that it loses", "a network is trained from scratch and compared with no pretrained one");
        if (tn_py_named(e, "from_pretrained") && is_head(part_before_from(e)) && tn_py_as_str(tn_py_arg(e, "pretrained_model_name_or_path", 0), &id) && does_a_task(id) &&
            !(t->evaluates && t->evaluates->index < t->first->index) && !tn_py_explained(c, e->node, 3, "as is|zero-shot|untouched|baseline"))
            return tn_py_say(c, t->first->node, NULL, "evaluate the checkpoint as it is on the validation rows first; fine-tune when that is worse by more than the interval",
                             "%.*s already does this kind of task, and is fine-tuned before anyone measured it as it is", TN_ARG(id));
    }
    return TN_OK;
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

const tn_py_rule tn_py_constraint_rules[] = {
    {"constraint-evaluate", look_evaluate}, {"constraint-reproduce", look_reproduce}, {"constraint-track", look_track}, {"constraint-loop", look_loop},
    {"constraint-overfit", look_overfit},   {"constraint-pretrained", look_pretrained}, {"constraint-task", look_task}, {NULL, NULL},
};
