/* who-scope over Python: classes and tasks of transformers that no version has had, and names that are gone (removed.h).
 * Imports inside a try or an if are a program's way of asking, and are passed over. Names are compared with everything that
 * was ever there, so that old code is not told that it was invented; what the file defines itself is its own. */
#include "check/py_check.h"
#include "check/removed.h"

#include <stdio.h>
#include <string.h>

/* AutoModelFor*, of 2.x to 5.23; with TF and Flax before it too. */
static const char *const head[] = {
    "AudioClassification", "AudioFrameClassification", "AudioTokenization", "AudioXVector", "CTC", "CausalLM", "Decision", "DepthEstimation", "DocumentQuestionAnswering", "ImageClassification", "ImageMatting",
    "ImageSegmentation", "ImageTextToText", "ImageToImage", "InstanceSegmentation", "KeypointDetection", "KeypointMatching", "MaskGeneration", "MaskedImageModeling", "MaskedLM", "MultimodalLM", "MultipleChoice",
    "NextSentencePrediction", "NormalEstimation", "ObjectDetection", "PointmapEstimation", "PoseEstimation", "PreTraining", "QuestionAnswering", "RNNT", "SemanticSegmentation", "Seq2SeqLM", "SequenceClassification",
    "SpeechSeq2Seq", "TDT", "TableQuestionAnswering", "TableRecognition", "TextEncoding", "TextRecognition", "TextToSpectrogram", "TextToWaveform", "TimeSeriesPrediction", "TokenClassification", "UniversalSegmentation",
    "VideoClassification", "Vision2Seq", "VisualQuestionAnswering", "ZeroShotImageClassification", "ZeroShotObjectDetection",
};

/* Tasks of transformers.pipeline and their other names, of 2.x to 5.23. */
static const char *const task[] = {
    "any-to-any", "audio-classification", "automatic-speech-recognition", "conversational", "decision", "depth-estimation", "document-question-answering", "feature-extraction", "fill-mask", "image-classification",
    "image-feature-extraction", "image-segmentation", "image-text-to-text", "image-to-image", "image-to-text", "keypoint-matching", "mask-generation", "ner", "object-detection", "question-answering", "sentiment-analysis",
    "summarization", "table-question-answering", "text-classification", "text-generation", "text-to-audio", "text-to-speech", "text2text-generation", "token-classification", "translation", "video-classification",
    "visual-question-answering", "vqa", "zero-shot-audio-classification", "zero-shot-classification", "zero-shot-image-classification", "zero-shot-object-detection",
};

static bool is_in(tn_str s, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (tn_str_is(s, list[i]))
            return true;
    return false;
}

/* "transformers.AutoModelForX.from_pretrained" -> "AutoModelForX"; empty for other names. */
static tn_str invented_class(const tn_py_event *e)
{
    tn_str rest = e->callee, part;
    if (!tn_str_starts(rest, "transformers."))
        return TN_STR("");
    while (tn_str_cut(&rest, '.', &part)) {
        tn_str name = part;
        if (tn_str_starts(name, "TF"))
            name = tn_str_sub(name, 2, name.len);
        else if (tn_str_starts(name, "Flax"))
            name = tn_str_sub(name, 4, name.len);
        if (tn_str_starts(name, "AutoModelFor"))
            return is_in(tn_str_sub(name, strlen("AutoModelFor"), name.len), head, TN_COUNT(head)) ? TN_STR("") : part;
    }
    return TN_STR("");
}

/* ---- names that are gone ---- */

static tn_status say_removed(tn_py_check *c, const tn_py_node *at, const tn_removed *r, tn_str shown)
{
    char remedy[300];
    snprintf(remedy, sizeof remedy, "use instead: %.*s", TN_ARG(tn_str_sub(r->replacement.len ? r->replacement : TN_STR("nothing"), 0, 270)));
    tn_str since = r->removed_in;
    size_t upper = tn_str_find(since, TN_STR("<="), 0);
    if (upper != SIZE_MAX)
        since = tn_str_sub(since, upper + 2, since.len);
    return tn_py_say(c, at, NULL, remedy, "%.*s is gone from %.*s (in %.*s)", TN_ARG(shown), TN_ARG(r->library), TN_ARG(since));
}

static bool in_try(const tn_py_node *n)
{
    for (n = n->parent; n; n = n->parent)
        if (n->kind == TN_PY_TRY || n->kind == TN_PY_IF)
            return true;
    return false;
}

/* Fields of transformers.TrainingArguments, release 5.23; those of older releases stand in the table of removed names. */
static bool is_training_argument(tn_str name)
{
    return tn_py_word_in(name, "accelerator_config|activation_checkpointing|activation_checkpointing_kwargs|adam_beta1|adam_beta2|adam_epsilon|auto_find_batch_size|average_tokens_across_devices|batch_eval_metrics|bf16|bf16_full_eval|"
                               "data_seed|dataloader_drop_last|dataloader_in_order|dataloader_multiprocessing_context|dataloader_num_workers|dataloader_persistent_workers|dataloader_pin_memory|dataloader_prefetch_factor|ddp_backend|"
                               "ddp_broadcast_buffers|ddp_bucket_cap_mb|ddp_find_unused_parameters|ddp_static_graph|ddp_timeout|debug|deepspeed|disable_tqdm|do_eval|do_predict|do_train|enable_jit_checkpoint|eval_accumulation_steps|"
                               "eval_delay|eval_do_concat_batches|eval_on_start|eval_steps|eval_strategy|eval_use_gather_object|fp16|fp16_full_eval|fsdp|fsdp_config|full_determinism|gradient_accumulation_steps|gradient_checkpointing|"
                               "gradient_checkpointing_kwargs|greater_is_better|hub_always_push|hub_model_id|hub_private_repo|hub_revision|hub_strategy|hub_token|ignore_data_skip|include_for_metrics|include_num_input_tokens_seen|"
                               "label_names|label_smoothing_factor|learning_rate|length_column_name|liger_kernel_config|load_best_model_at_end|local_rank|log_level|log_level_replica|log_on_each_node|logging_first_step|"
                               "logging_nan_inf_filter|logging_steps|logging_strategy|lr_scheduler_kwargs|lr_scheduler_type|max_grad_norm|max_steps|metric_for_best_model|neftune_noise_alpha|num_train_epochs|optim|optim_args|"
                               "optim_target_modules|output_dir|parallelism_config|per_device_eval_batch_size|per_device_train_batch_size|prediction_loss_only|project|push_to_hub|remove_unused_columns|report_to|"
                               "restore_callback_states_from_checkpoint|resume_from_checkpoint|run_name|save_on_each_node|save_only_model|save_steps|save_strategy|save_total_limit|seed|skip_memory_metrics|tf32|torch_compile|"
                               "torch_compile_backend|torch_compile_mode|torch_empty_cache_steps|trackio_bucket_id|trackio_space_id|trackio_static_space_id|train_sampling_strategy|use_cache|use_cpu|use_liger_kernel|warmup_steps|"
                               "weight_decay|dispatch_batches|use_legacy_prediction_loop|evaluate_during_training|tensorboard_dir|dataloader_persistent_workers");
}

static tn_status look_imports(tn_py_check *c)
{
    for (const tn_py_node *n = c->tree->body; n; n = tn_py_next(n, NULL)) {
        if ((n->kind != TN_PY_IMPORT && n->kind != TN_PY_IMPORT_FROM) || n->op || in_try(n))
            continue;
        for (const tn_py_node *a = n->x; a; a = a->next) {
            tn_removed r;
            tn_str full = n->kind == TN_PY_IMPORT ? a->str : tn_str_format(c->arena, "%.*s.%.*s", TN_ARG(n->str), TN_ARG(a->str));
            if (!full.ptr)
                return tn_fail_nomem(c->err, 64);
            tn_str short_name = n->kind == TN_PY_IMPORT ? full : tn_py_canonical(c->flow, &(tn_py_node){.kind = TN_PY_NAME, .str = a->x ? a->x->str : a->str}, c->arena);
            bool found = tn_removed_find(full, NULL, &r) || (short_name.len && tn_removed_find(short_name, NULL, &r)) || (n->kind == TN_PY_IMPORT_FROM && tn_removed_find(n->str, NULL, &r) && tn_str_is(r.kind, "module"));
            if (found && r.removed)
                TN_TRY(say_removed(c, a, &r, full));
            else if (n->kind == TN_PY_IMPORT_FROM && tn_str_is(n->str, "transformers") && invented_class(&(tn_py_event){.callee = full}).len)
                TN_TRY(tn_py_say(c, a, NULL, "take the class from the library's list of Auto classes", "transformers has no class %.*s", TN_ARG(a->str)));
        }
    }
    return TN_OK;
}

/* A call whose name, or one of whose arguments, is gone. What the import says is not said again. */
static tn_status look_call(tn_py_check *c, const tn_py_event *e)
{
    tn_removed r;
    tn_str owner = e->callee;
    bool hub = e->receiver ? tn_str_starts(e->receiver->type, "transformers.") : tn_str_starts(owner, "transformers.");
    if (e->node->x->kind == TN_PY_ATTRIBUTE && tn_removed_find(owner, NULL, &r) && r.removed)
        return say_removed(c, e->node, &r, owner);
    tn_str any = hub ? tn_str_format(c->arena, "*.%.*s", TN_ARG(e->name)) : TN_STR("");
    if (!any.ptr)
        return tn_fail_nomem(c->err, 64);
    if (e->receiver && any.len && tn_removed_find(any, NULL, &r) && r.removed)
        return say_removed(c, e->node, &r, e->name);
    bool arguments = tn_py_is(e, "transformers.TrainingArguments") && e->node->x->kind == TN_PY_NAME;
    for (size_t i = 0; i < e->n_args; i++) {
        tn_str name = e->arg[i].name;
        char arg[80];
        if (!name.len || name.len >= sizeof arg)
            continue;
        memcpy(arg, name.ptr, name.len);
        arg[name.len] = 0;
        bool found = tn_removed_find(owner, arg, &r) || (any.len && tn_removed_find(any, arg, &r)) || (tn_py_is(e, "transformers.Seq2SeqTrainingArguments") && tn_removed_find(TN_STR("transformers.TrainingArguments"), arg, &r));
        if (found && r.removed) {
            tn_str shown = tn_str_format(c->arena, "%.*s(%s=)", TN_ARG(e->name), arg);
            TN_TRY(say_removed(c, e->arg[i].node && !e->arg[i].unpacked ? e->arg[i].node : e->node, &r, shown.ptr ? shown : name));
        } else if (!found && arguments && !is_training_argument(name)) {
            TN_TRY(tn_py_say(c, e->arg[i].node && !e->arg[i].unpacked ? e->arg[i].node : e->node, NULL, "look the argument up in the documentation of the release that is pinned", "TrainingArguments has no argument %s", arg));
        }
    }
    return TN_OK;
}

static bool registers_tasks(const tn_py_flow *flow)
{
    for (size_t i = 0; i < flow->n_events; i++)
        if (tn_py_named(flow->event[i], "register_pipeline"))
            return true;
    return false;
}

static tn_status look_scope(tn_py_check *c)
{
    bool own_tasks = registers_tasks(c->flow);
    TN_TRY(look_imports(c));
    for (size_t i = 0; i < c->flow->n_events; i++) {
        const tn_py_event *e = c->flow->event[i];
        tn_str name = invented_class(e);
        if (!e->again && !e->maybe && e->callee.len)
            TN_TRY(look_call(c, e));
        if (name.len && e->node->x->x && e->node->x->x->kind == TN_PY_ATTRIBUTE) /* a bare name was told where it is imported */
            TN_TRY(tn_py_say(c, e->node, NULL, "take the class from the library's list of Auto classes: AutoModelForSequenceClassification, AutoModelForTokenClassification and their kin",
                             "transformers has no class %.*s", TN_ARG(name)));
        if (tn_py_is(e, "transformers.pipeline") && !e->again && tn_py_as_str(tn_py_arg(e, "task", 0), &name)) {
            tn_removed gone;
            tn_str key = tn_str_format(c->arena, "transformers.pipeline:%.*s", TN_ARG(name));
            tn_str shown = tn_str_format(c->arena, "the pipeline %.*s", TN_ARG(name));
            if (!key.ptr || !shown.ptr)
                return tn_fail_nomem(c->err, 64);
            if (tn_removed_find(key, NULL, &gone) && gone.removed)
                TN_TRY(say_removed(c, e->node, &gone, shown));
        }
        /* A repository's own code may bring a task of its own. */
        if (own_tasks || !tn_py_is(e, "transformers.pipeline") || tn_py_arg(e, "trust_remote_code", -1) || tn_py_arg(e, "pipeline_class", -1) ||
            !tn_py_as_str(tn_py_arg(e, "task", 0), &name) || is_in(name, task, TN_COUNT(task)) || tn_str_starts(name, "translation_"))
            continue;
        TN_TRY(tn_py_say(c, e->node, NULL, "take the task from the library's list: text-classification, token-classification, automatic-speech-recognition and their kin",
                         "transformers has no pipeline for a task called %.*s", TN_ARG(tn_str_sub(name, 0, 80))));
    }
    return TN_OK;
}

const tn_py_rule tn_py_scope_rules[] = {{"who-scope", look_scope}, {NULL, NULL}};
