#ifndef TN_FLOW_BRIEF_H
#define TN_FLOW_BRIEF_H
/// A brief, read: what the user wants, always with the words it came from.
///
/// The text is the template's four parts in prose (Task / Why it matters / Where this applies / When this is needed, in
/// any order and case, as plain lines or Markdown headings) or free prose; front matter says what prose cannot.
/// What the text does not say stays unsaid: it is listed in `missing`, never guessed here (brief-owner).

#include "base/str.h"
#include "codec/json.h"

typedef struct {
    const char *field; /* "action", "task", "problem", "modality", "language", "domain", "goal", "environment", "phase",
                          "licence_use", "max_latency_ms", "max_memory_mb", "max_params_m", "budget_minutes", "budget_bytes",
                          "labels", "label", "min_metric", "data", "rule" (a rule that the brief touches, by its id) */
    tn_str value;      /* the reading: "fine-tune", "vi", "120"; for min_metric "f1 >= 0.8" */
    tn_str words;      /* the words of the brief it came from, as written */
    uint32_t line;     /* of those words, from 1, in the file */
    uint32_t order;    /* in which it was found */
    bool by_project;   /* not in the brief: a default of the project's tenet.yaml; without words */
} tn_fact;

typedef enum { TN_WHAT, TN_WHY, TN_WHERE, TN_WHEN, TN_N_PARTS } tn_brief_part;

typedef struct {
    tn_str text;               /* the prose, without front matter; the template's own hints are blanks */
    tn_str part[TN_N_PARTS];   /* as written; empty when the brief has no such part; words before the first part are "what";
                                  a part that is opened again goes on after an empty line */
    tn_str front_text;         /* front matter as written, without its lines of dashes; empty when there is none */
    bool has_parts;            /* a head was found */
    const tn_json *front;      /* front matter, or NULL */
    const tn_json *defaults;   /* the project's, as given; or NULL */
    TN_VEC(tn_fact) facts;     /* by field, then in order of mention */
    TN_VEC(const char *) missing; /* codes: "task", "goal", "environment", "phase", "data", "metric", ... */
} tn_brief;

#define TN_BRIEF_INIT ((tn_brief){0})

/// The document's template, word for word: four heads, and a hint in brackets under each (order-template).
extern const char tn_brief_template[];

/// Reads a brief; texts point into `text`, which must outlive it, or into the arena. `path` is for messages.
/// Front matter keys: data, model, recipe, budget, use, target, language; a value of another form is an error that says
/// which. Keys that only describe the file or its people (title, author, date, tags, status, deadline and the like; those
/// that begin with x-) are kept in front_text without effect; so is a budget in money or days. Any other key is an error,
/// with "did you mean" when a letter parts it from a known one: nothing that was stated is passed over.
/// Heads and facts are looked for in the first 64 KiB of the prose; what follows belongs to the last part.
/// Fails with TN_EFORMAT (not UTF-8, broken front matter), TN_ELIMIT over 1 MiB, TN_ENOMEM.
tn_status tn_brief_parse(tn_str text, const char *path, tn_arena *a, tn_brief *out, tn_err *err);
/// The same in a project: `defaults` (NULL, or an object of front-matter keys: tenet.yaml) speaks where the brief, front
/// matter and prose, is silent. Its data is never used: whose data it is, only the brief says.
tn_status tn_brief_parse_in(tn_str text, const char *path, const tn_json *defaults, tn_arena *a, tn_brief *out, tn_err *err);
void tn_brief_free(tn_brief *b);

/// The value of a front-matter key, or of a setting in it ("recipe", "epochs"; setting NULL: the whole): the brief's, else
/// the project's default, else NULL. *by_project (may be NULL) tells which.
const tn_json *tn_brief_front(const tn_brief *b, const char *key, const char *setting, bool *by_project);

/// The first fact of a field, or NULL; `after` NULL starts, else continues behind it.
const tn_fact *tn_brief_fact(const tn_brief *b, const char *field, const tn_fact *after);
bool tn_brief_has(const tn_brief *b, const char *field, const char *value);
bool tn_brief_is_missing(const tn_brief *b, const char *code);

/// The reading as one JSON object: actions, task (a tag, a list, or null), problem, modality, languages, domain, goals,
/// environment, phase, constraints, missing, refuse_or_warn (ids of rules), and `words` (every fact with the words of the
/// brief and their line).
void tn_brief_write(const tn_brief *b, tn_json_writer *w);

#endif
