/* The whole of a file in nine answers, found once for all rules. */
#include "check/py_train.h"

#include "base/file.h"

#include <string.h>

const tn_py_event *tn_py_maker(const tn_py_value *v)
{
    return v && v->kind == TN_PV_RESULT ? v->event : NULL;
}

bool tn_py_is_trainer(const tn_py_value *v)
{
    return tn_py_typed(v, "*Trainer") && !tn_py_typed(v, "pytorch_lightning.Trainer|lightning.Trainer|lightning.pytorch.Trainer");
}

static bool is_keras(const tn_py_value *v)
{
    return v && (tn_str_starts(v->type, "tensorflow.") || tn_str_starts(v->type, "keras.") || tn_str_starts(v->type, "transformers.TF"));
}

/* Estimators that predict; a scaler or a vectoriser is no model. */
static bool is_predictor(const tn_py_value *v)
{
    const tn_py_event *e = tn_py_maker(v);
    if (e && tn_py_is_any(e, "sklearn.pipeline.make_pipeline") && e->n_args) {
        const tn_py_argument_value *last = &e->arg[e->n_args - 1];
        for (size_t i = e->n_args; i > 0 && last->name.len; i--)
            last = &e->arg[i - 1];
        v = last->value;
    } else if (e && tn_py_is(e, "sklearn.pipeline.Pipeline")) {
        const tn_py_value *steps = tn_py_arg(e, "steps", 0);
        if (steps && (steps->kind == TN_PV_LIST || steps->kind == TN_PV_TUPLE) && steps->n_items && !steps->open)
            v = steps->item[steps->n_items - 1].value;
        if (v && v->kind == TN_PV_TUPLE && v->n_items == 2)
            v = v->item[1].value;
    }
    return tn_py_typed(v, "*Classifier|*Regressor|*Regression|*SVC|*SVR|*NB|lightning.Trainer|pytorch_lightning.Trainer|lightning.pytorch.Trainer|setfit.SetFitTrainer");
}

static bool is_training(const tn_py_event *e)
{
    if (e->run != 0 || e->maybe || !e->receiver)
        return false;
    if (tn_py_named(e, "train"))
        return tn_py_is_trainer(e->receiver);
    return tn_py_named(e, "fit") && (is_keras(e->receiver) || is_predictor(e->receiver));
}

static bool is_known(const tn_py_value *v)
{
    return v && (v->kind == TN_PV_RESULT || v->n_rows > 0 || v->type.len);
}

static bool may_evaluate(const tn_py_event *e)
{
    return tn_py_named(e, "evaluate|predict|test|validate|score|eval|compute|compute_metrics|add_batch|accuracy_score|f1_score|precision_score|recall_score|classification_report|"
                          "confusion_matrix|cross_val_score|cross_validate|cross_val_predict|roc_auc_score|mean_squared_error|mean_absolute_error|r2_score|matthews_corrcoef|log_loss|"
                          "precision_recall_fscore_support|predict_proba|decision_function|evaluate_model|evaluate_fn|run_eval|simple_evaluate|inference_mode|no_grad|bleu|corpus_bleu|corpus_score|"
                          "perplexity|word_error_rate|wer|cer|rouge|accuracy|GridSearchCV|RandomizedSearchCV|load_metric|evaluation_loop|validation_step|test_step|encode|similarity|pipeline|generate") ||
           tn_str_find(e->name, TN_STR("eval"), 0) != SIZE_MAX || tn_str_find(e->name, TN_STR("valid"), 0) != SIZE_MAX || tn_str_find(e->name, TN_STR("metric"), 0) != SIZE_MAX ||
           tn_str_find(e->name, TN_STR("Evaluator"), 0) != SIZE_MAX || tn_str_find(e->name, TN_STR("test"), 0) != SIZE_MAX;
}

static bool is_saving(const tn_py_event *e)
{
    return tn_py_named(e, "save_pretrained|push_to_hub|save_model|save_weights|upload_folder|upload_file|save_to_hub") || tn_py_is_any(e, "torch.save|joblib.dump|pickle.dump|safetensors.torch.save_file") ||
           (tn_py_named(e, "save") && e->receiver);
}

static bool is_seeding(const tn_py_event *e)
{
    if (tn_py_named(e, "set_seed|manual_seed|manual_seed_all|seed_everything|enable_full_determinism|set_random_seed|seed_all|fix_seed|setup_seed|seed_torch|set_global_seed|enable_determinism|default_rng|"
                       "RandomState|use_deterministic_algorithms"))
        return true;
    if (tn_py_named(e, "seed"))
        return true;
    for (size_t i = 0; i < e->n_args; i++)
        if (tn_str_is(e->arg[i].name, "seed") || tn_str_is(e->arg[i].name, "data_seed") || tn_str_is(e->arg[i].name, "random_state") || tn_str_is(e->arg[i].name, "random_seed"))
            return e->arg[i].value->kind != TN_PV_NONE;
    return tn_str_find(e->name, TN_STR("seed"), 0) != SIZE_MAX;
}

static bool is_record(const tn_py_event *e)
{
    if (tn_py_named(e, "save_metrics|log_metrics|save_state|to_csv|to_json|to_parquet|write_text|writerow|writerows|add_scalar|add_scalars|SummaryWriter|log_metric|log_param|log_params|set_tags|"
                       "safe_dump|log_dict|report|task_init|savetxt|savefig|write|CSVLogger|WandbLogger|TensorBoardLogger|MLFlowLogger|FileHandler|log_history|init_trackers|write_json|save_json|init_run"))
        return true;
    return tn_str_starts(e->callee, "wandb.") || tn_str_starts(e->callee, "mlflow.") || tn_str_starts(e->callee, "comet_ml.") || tn_str_starts(e->callee, "neptune.") || tn_str_starts(e->callee, "clearml.") ||
           tn_str_starts(e->callee, "aim.") || tn_str_starts(e->callee, "trackio.") || tn_str_starts(e->callee, "swanlab.") || tn_py_is_any(e, "json.dump|yaml.dump|yaml.safe_dump|pickle.dump|logging.basicConfig|json.dumps|omegaconf.OmegaConf.save");
}

/* A test trains to see that training works. */
static bool is_test(tn_str path)
{
    tn_str name = tn_path_name(path);
    return tn_str_starts(name, "test_") || tn_str_ends(name, "_test.py") || tn_str_is(name, "conftest.py") || tn_str_find(path, TN_STR("tests/"), 0) != SIZE_MAX;
}

bool tn_py_is_test(const tn_py_check *c)
{
    return is_test(c->source->path);
}

/* Most files do not train, and for them the rest is not asked. */
static void find(const tn_py_check *c, tn_py_training *t)
{
    bool loads = false;
    for (size_t i = 0; i < c->flow->n_events; i++) {
        const tn_py_event *e = c->flow->event[i];
        if (!t->train && is_training(e)) {
            t->train = e;
            t->trainer = tn_py_maker(e->receiver);
            t->is_trainer = tn_py_is_trainer(e->receiver);
        }
        if (!t->backward && e->run == 0 && !e->maybe && e->in_loop && tn_py_named(e, "backward"))
            t->backward = e;
    }
    t->first = !t->train ? t->backward : !t->backward || t->train->index < t->backward->index ? t->train : t->backward;
    for (size_t i = 0; t->first && i < c->flow->n_events; i++) {
        const tn_py_event *e = c->flow->event[i];
        t->evaluates = t->evaluates ? t->evaluates : may_evaluate(e) ? e : NULL;
        t->saves = t->saves ? t->saves : is_saving(e) ? e : NULL;
        t->seeds = t->seeds ? t->seeds : is_seeding(e) ? e : NULL;
        t->records = t->records ? t->records : is_record(e) ? e : NULL;
        loads = loads || tn_py_named(e, "from_pretrained|from_config|load_dataset|read_csv|read_json|load_from_disk|ImageFolder|read_parquet");
    }
    t->is_own = loads;
    if (t->trainer && t->is_trainer) {
        const tn_py_value *model = tn_py_arg(t->trainer, "model", 0), *rows = tn_py_arg(t->trainer, "train_dataset", -1);
        t->args = tn_py_maker(tn_py_arg(t->trainer, "args", 1));
        t->is_own = is_known(model) && (is_known(rows) || !rows) && loads;
    }
}

const tn_py_training *tn_py_training_of(tn_py_check *c)
{
    static const tn_py_training none;
    if (c->training)
        return c->training;
    tn_py_training *t = tn_arena_calloc(c->arena, sizeof *t);
    if (!t)
        return &none; /* the next allocation will say so */
    if (!is_test(c->source->path))
        find(c, t);
    return c->training = t;
}

/* ---- words around a place ---- */

bool tn_py_has(tn_str text, const char *word)
{
    return tn_str_find(text, tn_str_of(word), 0) != SIZE_MAX;
}

const tn_py_node *tn_py_bare(const tn_py_node *n)
{
    return n && n->kind == TN_PY_KEYWORD ? n->x : n;
}

bool tn_py_explained(const tn_py_check *c, const tn_py_node *at, uint32_t above, const char *words)
{
    const tn_py_tree *t = c->tree;
    for (size_t i = 0; i < t->n_comments; i++) {
        const tn_py_comment *m = &t->comment[i];
        if (m->line <= at->line && m->line + above >= at->line && tn_str_has_any_fold(tn_str_sub(t->text, m->from, m->to), words))
            return true;
    }
    const tn_py_node *first = t->body;
    return first && first->kind == TN_PY_EXPR && first->x && first->x->kind == TN_PY_STRING && tn_str_has_any_fold(first->x->str, words);
}
