#ifndef TN_CHECK_CHECK_H
#define TN_CHECK_CHECK_H
/// `tenet check`: findings about other people's code, notebooks, answers, cards, briefs, plans, runs, models and
/// repositories. The frame; what is looked for stands in the checkers (check/checkers.h).
///
/// A checker takes one source and adds findings. It knows nothing of severities, waivers, suppressions or baselines:
/// those are the frame's. The same sources give the same findings in the same order, for any number of threads.

#include "base/finding.h"
#include "base/pool.h"
#include "rules/rules.h"

typedef struct tn_repository tn_repository; /* check/repository.h */

/// What a source is. The first ones are files, the last four folders.
typedef enum {
    TN_KIND_NONE, /* not for us */
    TN_KIND_PYTHON,
    TN_KIND_NOTEBOOK,
    TN_KIND_ANSWER,     /* what an assistant said, in Markdown */
    TN_KIND_MODEL_CARD, /* README.md with the Hub's front matter */
    TN_KIND_DATA_CARD,
    TN_KIND_BRIEF,
    TN_KIND_PLAN,       /* plan.yaml */
    TN_KIND_RULES_FILE, /* AGENTS.md, .cursor/rules/x.mdc ... */
    TN_KIND_CONFIG,     /* any other text file that is looked at for secrets only: YAML, JSON, TOML, INI, shell, .env */
    TN_KIND_DATA,       /* a folder of data files */
    TN_KIND_RUN,        /* a run folder */
    TN_KIND_MODEL,      /* a folder in the Hub's form */
    TN_KIND_REPOSITORY, /* a project's folder */
    TN_N_KINDS,
} tn_kind;
/// "python", "model-card" ... as in a rule's `checks` and in --kind.
const char *tn_kind_name(tn_kind k);
/// False when there is no such kind.
bool tn_kind_find(tn_str name, tn_kind *out);
/// The kind of a file by its name, and by its text where the name is not enough (README.md, plan.yaml, a brief).
/// Never a folder's kind.
tn_kind tn_kind_of(tn_str path, tn_str text);

/// One thing to look at. Everything is borrowed.
typedef struct {
    tn_str path; /* as findings report it */
    tn_str text; /* a file's bytes: perhaps no UTF-8, perhaps half a program; empty for folders */
    tn_kind kind;
    bool fragment;        /* a piece of something larger (a fence of an answer): what it does not show proves nothing */
    uint32_t lines_before; /* lines of the file before this text; the frame adds them to the findings' lines */
    const tn_rules *rules;
    const tn_repository *repository; /* facts about the folder it lies in; NULL when only this text is known */
    const char *place;    /* where a file or folder is on disk, for a look at what lies beside it; NULL for mere text */
    tn_arena *arena;      /* scratch: emptied when the source is done */
} tn_check_source;

/// Adds findings with rule (a literal id), line, column, message, evidence, remedy. Path and severity may stay zero: the
/// frame fills them. Text that cannot be read (broken JSON, half-written Python) is no failure: what can be said for
/// certain is said. Fails only with the world's trouble.
typedef tn_status tn_checker(const tn_check_source *source, tn_findings *findings, tn_err *err);

/// Runs the checkers of `kind` on a piece of a source: a fence of an answer, a cell of a notebook. `text` is a slice of
/// source->text that begins at the beginning of line `line` (from 1). For checkers.
tn_status tn_check_piece(const tn_check_source *source, tn_kind kind, tn_str text, uint32_t line, tn_findings *findings,
                         tn_err *err);

/// A finding is known when the baseline holds its fingerprint: rule, path and the line's words, not its number.
typedef struct tn_baseline tn_baseline;
/// TN_EFORMAT with its line for text that tn_baseline_write did not write.
tn_status tn_baseline_parse(tn_str text, tn_arena *a, tn_baseline **out, tn_err *err);
/// One line a finding, `FINGERPRINT RULE PATH`, sorted: easy to read in a diff. See base/finding.h for fingerprints.
tn_status tn_baseline_write(const tn_findings *f, tn_buf *out, tn_err *err);

typedef struct {
    const tn_rules *rules; /* severities and waivers; needed */
    tn_pool *pool;         /* NULL: the caller's thread alone */
    tn_kind kind;          /* TN_KIND_NONE: by name and content */
    tn_severity min_severity;
    const tn_baseline *baseline; /* NULL: everything is new */
    const tn_repository *repository; /* tn_check_text: the folder that the text would lie in (check/walk.h); NULL: not known */
    const char *base;      /* tn_check_text: the folder that relative paths count from, for waivers; NULL: the one we work in */
    bool no_suppressions;  /* marks in the text count for nothing: what an assistant writes does not excuse itself */
    size_t max_file;       /* bytes; 0 = 16 MiB */
    size_t max_files;      /* 0 = 200,000 */
} tn_check_options;

typedef struct {
    tn_findings findings; /* by path, line, column, rule, message */
    size_t n_files;       /* looked at */
    size_t n_folders;     /* models, runs, data, repositories looked at */
    size_t n_suppressed, n_waived, n_known;
    bool cut;             /* there was more than max_files, or deeper than 64 folders: not everything was looked at */
    struct tn_check_skip {
        tn_str path;
        const char *why; /* "larger than 16 MiB" */
    } *skipped;          /* files that would have been looked at and were not; [n_skipped] */
    size_t n_skipped;
} tn_check_result;

/// Looks at files and at everything below folders but what .gitignore and the project's `ignore` leave out, caches,
/// environments and build outputs (check/walk.h). A path that is not there, or that was named and cannot be read, is a
/// failure; below a folder it is a skip. Findings name paths as given: `tenet check src` says "src/train.py". What is wrong with the project's settings
/// (an expired waiver) is among the findings.
tn_status tn_check_paths(const char *const *path, size_t n, const tn_check_options *options, tn_check_result *out, tn_err *err);
/// Looks at a text that may be on no disk: an editor's buffer, what an assistant is about to write, stdin. `path` gives
/// its name for the kind and the findings.
tn_status tn_check_text(tn_str path, tn_str text, const tn_check_options *options, tn_check_result *out, tn_err *err);
void tn_check_result_free(tn_check_result *r);

#endif
