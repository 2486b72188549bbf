/* who-scope over Python: classes and tasks of transformers that no version has had. Names are compared with everything that
 * was ever there, so that old code is not told that it was invented; what the file defines itself is its own. */
#include "check/py_check.h"

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
    for (size_t i = 0; i < c->flow->n_events; i++) {
        const tn_py_event *e = c->flow->event[i];
        tn_str name = invented_class(e);
        if (name.len)
            TN_TRY(tn_py_say(c, e->node, NULL, "take the class from the library's list of Auto classes: AutoModelForSequenceClassification, AutoModelForTokenClassification and their kin",
                             "transformers has no class %.*s", TN_ARG(name)));
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
