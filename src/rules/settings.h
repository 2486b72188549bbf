#ifndef TN_RULES_SETTINGS_H
#define TN_RULES_SETTINGS_H
/// tenet.yaml: what one project says about the rules. Optional; every key in it is optional too.
///
///     persona: You are a senior ML engineer in a bank.
///     rules_folder: rules                     # the project's own rules, in the format of rules/rules.h
///     rules:
///       data-hub: {severity: off, reason: the data may not leave the house, until: 2027-06-30}
///     waivers:
///       - {rule: data-config, path: train.py, match: batch_size, reason: a teaching example, until: 2027-01-31}
///     licences: {allowed: [apache-2.0, mit]}
///     ignore: [third_party/, "*.generated.py"]   # patterns of paths that are not checked, as in .gitignore
///     assistants: [cursor, claude]               # whom `tenet init` and `tenet rules` write files for; absent: all
///     defaults: {use: commercial, budget: {minutes: 10}}   # front matter that a brief may leave out
///
/// `severity` is error, warning, advice or off. A waiver is for one finding: its path, and where the path holds several
/// its line or words of its message or evidence. Both need a reason and a last day; after that day they no longer hold.

#include "base/finding.h"
#include "codec/json.h"

typedef struct {
    tn_str rule;
    bool off;
    tn_severity severity; /* when not off */
    tn_str reason, until; /* "2027-06-30", the last day that it holds */
    bool expired;
    uint32_t line; /* in tenet.yaml */
} tn_rule_change;

typedef struct {
    tn_str rule, path; /* path relative to the project's folder */
    uint32_t at_line;  /* 0 = any */
    tn_str match;      /* words in the finding's message or evidence; empty = any */
    tn_str reason, until;
    bool expired;
    uint32_t line;
} tn_waiver;

typedef struct {
    tn_str persona;      /* empty: the rule who-persona says it */
    tn_str rules_folder; /* empty: none */
    uint32_t rules_folder_line;
    tn_rule_change *change;
    size_t n_changes;
    tn_waiver *waiver;
    size_t n_waivers;
    tn_str *licence; /* ids of the catalogue, as allowed; n_licences = 0 with has_licences: none is */
    size_t n_licences;
    bool has_licences;
    tn_str *ignore;
    size_t n_ignore;
    tn_str *assistant; /* names of flow/assistants.h, as written */
    size_t n_assistants;
    const tn_json *defaults; /* an object of a brief's front-matter keys, or NULL */
} tn_settings;

/// Reads the text of a tenet.yaml; everything in `out` lives in the arena. `today` is "YYYY-MM-DD" and is compared only
/// with `until`. Whether rules of those ids exist is the loader's question.
/// TN_EFORMAT with "LINE:COLUMN: ..." for ill-formed YAML, an unknown key (the sentence lists the known ones), a missing
/// or empty reason, a date that is none, an unknown licence, a folder outside the project, the same rule or the same
/// waiver twice; TN_ELIMIT over 256 KiB or 1,000 entries of a list; TN_ENOMEM.
tn_status tn_settings_parse(tn_str yaml, tn_str today, tn_arena *a, tn_settings *out, tn_err *err);

/// "YYYY-MM-DD" and a day of the calendar.
bool tn_date_is_valid(tn_str date);

#endif
