#ifndef TN_FLOW_ASSISTANTS_H
#define TN_FLOW_ASSISTANTS_H
/// The context as files that assistants read: made, kept up to date, and held against their source.
///
/// Each file holds one block between two marker lines. The block is tenet's and is replaced as a whole; all that stands
/// outside of it is the user's and keeps every byte. The first marker names the digests of the block's source (the rules
/// and settings, tn_context_digest) and of its text, so that drift on either side shows.
///
///     <!-- tenet:begin source=sha256:HEX text=sha256:HEX -->
///     ...
///     <!-- tenet:end -->
///
/// Source of places, front matter and limits: reference/assistants.md.

#include "flow/context.h"

typedef struct {
    const char *assistant; /* cursor, agents, claude, copilot, gemini, windsurf, skill */
    const char *path;      /* below the project's folder */
    const char *front;     /* front matter that the assistant needs to load the file at all; NULL: none */
    size_t max_lines, max_chars; /* of the whole file; 0 = no limit that we know of */
    enum { TN_TEXT_RULES, TN_TEXT_DOCUMENT, TN_TEXT_SKILL } kind;
} tn_assistant_file;

/// The table of files, in a fixed order; an assistant may have several.
const tn_assistant_file *tn_assistant_files(size_t *n);
/// The row of a path that ends with one of the table's paths (".../.github/copilot-instructions.md"), or NULL.
const tn_assistant_file *tn_assistant_file_of(tn_str path);
/// Which assistants: the names in `list` ("cursor,claude"; "all"), or what tenet.yaml says under `assistants`, or all.
/// A set of bits by place in the table of files. TN_EINVALID names an unknown one and lists the known.
tn_status tn_assistants_choose(const char *list, const tn_rules *rules, uint32_t *files, tn_err *err);

/// The text that the file is to have, given the text that it has (NULL: there is none). The same bytes when the block is
/// up to date. A file without block gets it at its end, after an empty line; front matter, where it is missing, in front.
/// Where a limit asks for it, rules leave as flow/context.h says, and the block names them.
/// TN_EFORMAT "LINE: ..." for markers that are no pair; TN_EINVALID for a persona or rule with a marker in it; TN_ELIMIT when the user's text leaves no room for the errors.
tn_status tn_assistants_merge(const tn_rules *rules, const tn_assistant_file *file, const tn_str *old, tn_arena *a, tn_str *out, tn_err *err);

/// Findings of order-context in one file's text: no block, markers that are no pair, a source that has changed, a block
/// edited by hand (its first line that differs), a block by another version, front matter that is missing or not first.
tn_status tn_assistants_check(const tn_rules *rules, const tn_assistant_file *file, const char *path, tn_str text, tn_findings *f, tn_err *err);

typedef enum { TN_FILE_NEW, TN_FILE_CHANGED, TN_FILE_SAME, TN_FILE_KEPT /* the user's own: never touched */, TN_FILE_LINK /* the same file as another */ } tn_written_what;
typedef struct {
    const char *path; /* below the folder */
    tn_written_what what;
    const char *edited; /* the block had been edited by hand and is replaced: a sentence; or NULL */
} tn_written;

/// Writes the chosen files into an existing folder, and brief.md and tenet.yaml too when `starters` and they are absent.
/// All files are read, checked and composed before the first is written, and each is written whole or not at all; one
/// that is up to date is not touched. *out is what became of each, in the order of the table.
/// TN_EINVALID for a link that leads nowhere or out of the folder, and for what is no file where one belongs; failures
/// of tn_assistants_merge with the path in front; TN_EIO.
tn_status tn_assistants_write(const char *dir, const tn_rules *rules, uint32_t files, bool starters, tn_arena *a, tn_written **out, size_t *n, tn_err *err);

/// Findings in the chosen files of a folder; a chosen file that is absent is one. With `files` 0: in the files that
/// tenet.yaml names, or else in those that hold a block; when none does, that is one finding.
tn_status tn_assistants_verify(const char *dir, const tn_rules *rules, uint32_t files, tn_arena *a, tn_findings *f, tn_err *err);

#endif
