#ifndef TN_RULES_RULES_H
#define TN_RULES_RULES_H
/// The rules: one text each, used as prompt, as check and as what tenet's own run keeps.
///
/// A rule is a Markdown file, rules/ID.md, compiled in; a project may add files of its own (tenet.yaml, `rules_folder`).
///
///     ---
///     id: data-leak                 # the file's name
///     section: data                 # who format constraint data govern eval style brief order, or a project's own word
///     place: 7                      # its place in the section; 99 when absent
///     title: Test data never leaks into training
///     severity: error               # error, warning, advice
///     for: [always]                 # when a prompt needs it: tn_rule_is_needed; [] = only the rules files do
///     checks: [python, notebook]    # kinds of source that a checker looks at for it: tn_rule_checks
///     obey: what tenet's own run does
///     due: what is missing before the rule is kept   # absent when it is kept
///     ---
///     ## Statement                  one short imperative text: the line of a prompt
///     ## Why
///     ## Instead                    what to do
///     ## Good                       an example each, fenced or quoted
///     ## Bad
///
/// A project's file with the id of a rule that is compiled in replaces those of the five texts that it holds (and title,
/// `for`); `## Also` is added behind the statement. It cannot change severity, checks, obey or due: a severity is changed
/// in tenet.yaml, with a reason and a date. A rule that a project adds is text for prompts: no checker knows it, so it
/// has no `checks` and is always `due`.

#include "rules/settings.h"

typedef struct {
    tn_str id, section, title;
    uint32_t place;
    tn_severity severity; /* as it holds in this project; meaningless when off */
    tn_severity written;  /* as the file says */
    bool off;             /* switched off by the project */
    bool own;             /* the project's own rule */
    tn_str statement, why, instead, good, bad; /* Markdown, without blanks at the ends */
    const tn_str *when;   /* [n_when] the words of `for` */
    size_t n_when;
    const tn_str *checks; /* [n_checks] kinds */
    size_t n_checks;
    tn_str obey, due;     /* due is empty when tenet keeps the rule */
    tn_str path;          /* "rules/data-leak.md", or the project's file */
    const tn_rule_change *change; /* why severity or off is not as written; NULL: it is */
} tn_rule;

typedef struct tn_rules tn_rules;

/// The compiled-in rules as the project in folder `project` wants them; NULL, or a folder without tenet.yaml: as they
/// are. `today` ("2026-11-24") is compared with expiry dates and used for nothing else: see tn_rules_today.
/// The result lives in the arena, is never changed again, and may be read by many threads.
/// A change or waiver whose day has passed no longer holds and is a problem (below), not a failure.
/// Fails with "PATH:LINE:COLUMN: ..." as tn_settings_parse, for ill-formed rule files, unknown keys, headings, kinds or
/// words, rules that do not exist, a folder or file that is a link or leads out of the project; TN_ELIMIT beyond 256
/// files or 64 KiB each.
tn_status tn_rules_load(const char *project, const char *today, tn_arena *a, const tn_rules **out, tn_err *err);
/// Today by the machine's clock in UTC, for programs; tests give a fixed day.
void tn_rules_today(char out[11]);
/// The nearest folder at or above `path` (a file or folder) that holds tenet.yaml, or NULL in *dir: the search ends where
/// a repository begins (.git) or at the root.
tn_status tn_rules_project(const char *path, tn_arena *a, const char **dir, tn_err *err);

/// By section (who, format, constraint, data, govern, eval, style, brief, order, then a project's own by name), place, id.
size_t tn_rules_count(const tn_rules *r);
const tn_rule *tn_rules_at(const tn_rules *r, size_t i);
/// NULL when there is no such rule. One that is off is found all the same.
const tn_rule *tn_rules_find(const tn_rules *r, tn_str id);

/// What is wrong with the settings themselves: expired changes and waivers, each an error of the rule it was for.
const tn_finding *tn_rules_problems(const tn_rules *r, size_t *n);
/// The waiver that covers this finding today, or NULL. The finding's path as for tn_rules_relative.
const tn_waiver *tn_rules_waiver(const tn_rules *r, const tn_finding *f);
/// A path as it stands below the project's folder ("src/a.py"; "." is the folder itself), by its letters. False when it lies
/// outside or there is no project. `path` is absolute, or relative to the folder that the program worked in when the rules
/// were loaded; *out points into `buffer`.
bool tn_rules_relative(const tn_rules *r, tn_str path, char *buffer, size_t size, tn_str *out);
/// Who the assistant is: the project's persona, or the statement of who-persona.
tn_str tn_rules_persona(const tn_rules *r);
/// True when the project names no licences, or this one (a catalogue id in any case) is among them.
bool tn_rules_licence_is_allowed(const tn_rules *r, tn_str licence);
/// All of tenet.yaml, for what is printed about it; empty without one.
const tn_settings *tn_rules_settings(const tn_rules *r);
/// The project's folder as given, or NULL when there is no tenet.yaml.
const char *tn_rules_dir(const tn_rules *r);

/// True when `kind` is among the rule's checks: python notebook answer model-card data-card brief plan run model data
/// repository rules-file config.
bool tn_rule_checks(const tn_rule *rule, const char *kind);
/// True when a prompt for a brief with these readings needs the rule: `for` holds "always" or one of the words, or a word is
/// the rule's id. Words are the values of a brief's facts (flow/brief.h): actions, goals, environments, phases, tasks of the
/// catalogue, modalities, uses, rules that it touches; and of its domains healthcare, banking, insurance, human resources,
/// law, education, public administration.
bool tn_rule_is_needed(const tn_rule *rule, const tn_str *words, size_t n_words);

#endif
