#ifndef TN_CHECK_ANSWER_H
#define TN_CHECK_ANSWER_H
/// An assistant's answer: the five sections, claims and their evidence, names that exist, what a whole answer must hold.
///
/// What an answer lacks is told only of a whole answer: one with at least four of the five sections, or a long one. A short
/// reply to a question need not have five sections.

#include "check/notebook.h"
#include "check/prose.h"

typedef enum { TN_SECTION_TASK, TN_SECTION_MODEL, TN_SECTION_DATA, TN_SECTION_APPROACH, TN_SECTION_EVALUATION, TN_N_SECTIONS } tn_section;

typedef struct {
    size_t heading[TN_N_SECTIONS]; /* index of its block, or SIZE_MAX */
    size_t n_found, n_headings, n_words;
    bool whole;        /* a whole answer: what it lacks counts */
    bool tunes;        /* proposes training or fine-tuning */
    bool deploys;      /* speaks of deployment */
    bool classifies;   /* the task is classification */
} tn_answer;

/// Finds the sections by their usual names: headings of any style, bold lines, numbered items.
void tn_answer_read(const tn_md *m, tn_answer *out);
/// "task definition" ...
const char *tn_section_name(tn_section s);

tn_checker tn_check_answer;

/// For cards, which say such things too: claims about results, cost, use and limits; code outside of fences and fences
/// without their language (format-code); fame as the only reason for a model (style-justify; `answer` may be NULL);
/// distinct models named in a range, by family, up to max.
extern const tn_claim tn_answer_claims[];
/// A release that skips its gates (brief-when); for briefs and plans too.
extern const tn_claim tn_answer_gates[];
tn_status tn_answer_code_form(tn_prose *p);
/// A block of code shows how to train, or how to infer.
bool tn_answer_code_shows(const tn_md *m, bool training);
/// Comparisons in prose (format-tables): systems with their numbers, models in a list, data sets.
tn_status tn_answer_tables(tn_prose *p, void *unused);
/// Prototype evidence that is called ready for production, a demo that is asked for a paper's rigour (who-pragmatic).
tn_status tn_answer_pragmatic(tn_prose *p, void *unused);
/// The same over the Markdown cells of a notebook.
tn_status tn_answer_notebook(const tn_check_source *source, const tn_notebook *notebook, tn_findings *findings, tn_err *err);
tn_status tn_answer_justify(tn_prose *p, void *answer);
size_t tn_answer_models(const tn_prose *p, tn_md_range r, size_t max);

#endif
