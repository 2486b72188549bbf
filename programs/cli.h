#ifndef TN_PROGRAMS_CLI_H
#define TN_PROGRAMS_CLI_H
/// The command table and what every command shares: options, exit codes, output.
///
/// One table row a command (name, usage, options, function) gives parsing, --help, the man page and shell completion.

#include "base/clock.h"
#include "base/pool.h"
#include "base/str.h"
#include "rules/rules.h"
#include "tensor/engine.h"

typedef struct {
    const char *name; /* long name without "--" */
    char letter;      /* short name or 0 */
    const char *arg;  /* name of the value in help, NULL for a flag */
    const char *help;
} cli_option;

enum { CLI_MAX_OPTIONS = 24 };

typedef struct cli cli;

typedef struct {
    const char *name;    /* "predict", or "runs list" for a sub-command */
    const char *args;    /* "MODEL [FILE]" */
    const char *summary; /* one line, lower case, no full stop */
    const char *details; /* paragraphs for --help and the man page, or NULL */
    int min_args, max_args;
    const cli_option *options; /* ends with a NULL name */
    tn_status (*run)(cli *c, tn_err *err);
} cli_command;

struct cli {
    const cli_command *command;
    const char **arg; /* positional arguments */
    int n_args;
    const char *value[CLI_MAX_OPTIONS]; /* by index in command->options; "" for a flag that is set */
    /* global options */
    bool json, quiet, offline, usage;
    int threads; /* 0 = all */
    const char *isa; /* NULL = the best this CPU has */
    tn_progress progress;
    tn_peers *peers; /* the other processes of this job (mpirun), or NULL */
    tn_arena *arena; /* lives as long as the command */
};

/// The value of the command's option, NULL when not given.
const char *cli_get(const cli *c, const char *option);
/// Parses a whole number in [min, max] from an option; `fallback` when not given.
tn_status cli_int(const cli *c, const char *option, int64_t min, int64_t max, int64_t fallback, int64_t *out, tn_err *err);
/// The engine for --threads and --isa; the caller frees it.
tn_status cli_engine(const cli *c, tn_engine **out, tn_err *err);
/// The folder of a model named by a folder, a run (its deploy/model), or a Hub id[@revision] that is in the cache.
tn_status cli_model_dir(const cli *c, const char *name, const char **dir, tn_err *err);
/// For tn_model_options.base: the folder of the model that an adapter's folder stands on (--base, or what it names: a folder,
/// from here or from the adapter's own place, or a Hub id and revision in the cache); NULL for any other folder.
tn_status cli_base(const cli *c, const char *dir, const char **base, tn_err *err);
/// The name of a folder without slashes at its end; NULL when out of memory.
const char *cli_folder(const cli *c, const char *name);
/// A path as a shell wants it, for sentences that are pasted: in quotes when it holds more than plain characters.
const char *cli_quoted(const cli *c, const char *path);
/// The rules that hold today for `path` (NULL: the working folder): the nearest project at or above it. What has expired in
/// its tenet.yaml is said on stderr, once.
tn_status cli_rules(const cli *c, const char *path, const tn_rules **rules, tn_err *err);
/// Writes to stdout and reports a closed or full pipe as TN_EIO.
tn_status cli_out(tn_str text, tn_err *err);
/// The whole buffer to `file`, written whole or not at all, or to stdout when NULL. Frees the buffer, also on failure.
tn_status cli_write(const char *file, tn_buf *text, tn_err *err);
/// The lines of --text, --file F (`-` = stdin; *.jsonl or --input jsonl: objects with `text`), in that order.
tn_status cli_texts(const cli *c, tn_str **texts, size_t *n, tn_err *err);
/// The same with the second text of each, from --pair or `text_pair`: a NULL ptr where there is none.
tn_status cli_pairs(const cli *c, tn_str **texts, tn_str **pairs, size_t *n, tn_err *err);
#define CLI_TEXT_OPTIONS                                                                                               \
    {"text", 't', "TEXT", "the text itself"}, {"file", 'f', "FILE", "one text a line, or JSON lines; - reads stdin"},  \
    {"input", 0, "FORMAT", "lines or jsonl (objects with \"text\"); default by the file's ending"}

#define CLI_BASE_OPTION {"base", 0, "MODEL", "of an adapter (LoRA): the model that it stands on, instead of the one that it names"}
#define CLI_HUB_OPTIONS                                                                                                \
    {"hub", 0, NULL, "models of the Hub's cache too, and first"}, {"hub-cache", 0, "DIR", "look for models in this cache only"}

extern const cli_command *const cli_commands[]; /* ends with NULL; programs/tenet.c */

#endif
