#ifndef TN_MODEL_SPANS_H
#define TN_MODEL_SPANS_H
/// Questions over passages: from windows and their logits to the spans that are the answers.
///
///   tn_passage_answer *answer; size_t n;
///   tn_model_answer(m, question, passage, &(tn_answer_options){.top_k = 1}, arena, &answer, &n, err);
///
/// Two ways to read logits, each as its source has it. The nearest candidates (tn_spans_best) are for scores: run_qa's, sums
/// of logits. Answers (tn_spans_answer) are what people are shown: the pipeline's, products of probabilities, whole words.
/// Source: transformers examples/pytorch/question-answering (run_qa.py, utils_qa.py) and, of 4.57,
/// pipelines/question_answering.py.

#include "codec/json.h"
#include "model/model.h"

/// Window and stride of both sources; where the model is shorter, its own limit and half of it.
enum { TN_WINDOW_TOKENS = 384, TN_WINDOW_STRIDE = 128 };

/// Windows of a question and a passage. max_tokens and stride 0: as above. Fails as tn_tokenizer_encode_windows does.
tn_status tn_model_windows(const tn_model *m, tn_str question, tn_str passage, int32_t max_tokens, int32_t stride,
                           tn_arena *a, tn_windows *out, tn_err *err);

/// Where passage[start, end), in code points, lies in window w, counted in tokens of the window: the last token that begins
/// at or before start, the first that ends at or behind end. Both 0, the first token, when the window does not hold it
/// whole. (run_qa takes a padding token when the answer begins in a window's last token; here it is that token.)
void tn_window_target(const tn_windows *x, size_t w, uint32_t start, uint32_t end, int32_t *first, int32_t *last);

/// ---- run_qa ----
typedef struct {
    uint32_t start, end; /* code points of the passage; 0, 0: no answer */
    float start_logit, end_logit, score; /* score: their sum */
    double probability;                  /* softmax of the scores of the list */
} tn_span;

typedef struct {
    size_t n; /* at most n_best, and one more when no answer has to be added */
    tn_span *span; /* [n], falling score; of equals the one found first: by window, then by rank of start and of end */
    size_t best;   /* the first that is not empty; n when there is none */
    float null_score;  /* of no answer: the least over the windows, of the first token as start and end */
    double difference; /* null_score - start_logit - end_logit of span[best]; DBL_MAX when there is none */
} tn_spans;

typedef struct {
    int32_t n_best;            /* 0 = 20 */
    int32_t max_answer_tokens; /* 0 = 30 */
    bool impossible;           /* no answer is among the candidates (version_2_with_negative) */
} tn_spans_options;

/// logits [tokens of all windows, 2]: start, end; finite. Equal logits rank by their place, the first one first.
tn_status tn_spans_best(const tn_windows *x, const float *logits, const tn_spans_options *o, tn_arena *a, tn_spans *out,
                        tn_err *err);

/// ---- the pipeline ----
typedef struct {
    double score;
    uint32_t start, end; /* code points of the passage; 0, 0 and an empty answer: there is none */
    tn_str answer;       /* slice of the passage */
} tn_passage_answer;

typedef struct {
    int32_t top_k;             /* 0 = 1 */
    int32_t max_answer_tokens; /* 0 = 15 */
    int32_t max_tokens, stride; /* of windows, for tn_model_answer; 0 = as above */
    bool impossible;           /* "no answer" is among the answers (handle_impossible_answer) */
    bool as_tokens;            /* spans end where tokens do, not where words do (align_to_words false) */
} tn_answer_options;

/// At most top_k answers, falling score. Texts that differ in case only are one answer: their scores add up. Unlike the
/// pipeline's, answers of score 0, which it takes at random when it runs out of others, are left out; so there may be none.
/// Scores are taken in double.
tn_status tn_spans_answer(const tn_windows *x, tn_str passage, const float *logits, const tn_answer_options *o, tn_arena *a,
                          tn_passage_answer **out, size_t *n, tn_err *err);

/// As the pipeline returns them: {"score", "start", "end", "answer"}; a list of those unless there is exactly one.
void tn_passage_answers_write(const tn_passage_answer *x, size_t n, tn_json_writer *w);

/// Sets `impossible` and max_answer_tokens to what a folder's question_answering.json says, which `tenet run` writes; left
/// alone where there is none. TN_EFORMAT for a file that is something else.
tn_status tn_answer_options_read(const char *dir, tn_answer_options *o, tn_err *err);

/// Logits of windows, [tokens, 2], by a model of TN_TASK_SPANS. TN_EFORMAT for weights whose answer is not finite.
tn_status tn_model_span_logits(tn_model *m, const tn_windows *x, tn_arena *a, float **logits, tn_err *err);
/// All of it. TN_EINVALID for a model of another task; TN_EFORMAT for texts that are blank or not UTF-8.
tn_status tn_model_answer(tn_model *m, tn_str question, tn_str passage, const tn_answer_options *o, tn_arena *a,
                          tn_passage_answer **out, size_t *n, tn_err *err);

#endif
