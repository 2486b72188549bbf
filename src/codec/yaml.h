#ifndef TN_CODEC_YAML_H
#define TN_CODEC_YAML_H
/// YAML read into the tree of codec/json.h and written from it; the front matter of Markdown files.

#include "codec/json.h"

typedef struct {
    uint32_t first_line; /* number of the text's first line, for places; 0 = 1 */
    size_t max_bytes;    /* 0 = 4 MiB */
    size_t max_nodes;    /* values after aliases are expanded; 0 = 1 Mi */
} tn_yaml_options;

/// One document; an empty one is null. Scalars by the core schema of YAML 1.2: `no`, `yes`, `1_000`, dates are strings;
/// `0x1F`, `0o17`, `+1`, `.5` are numbers and get the text that JSON would have; `.inf`, `.nan` are the numbers
/// Infinity, NaN. Keys are the text of any scalar. Aliases are copies. `<<` is a key like any other. TN_EFORMAT with
/// "LINE:COLUMN: ..." for ill-formed YAML, duplicate keys, keys that are not scalars, unknown tags, an alias inside its
/// own anchor, a second document; TN_ELIMIT beyond a limit or 128 containers inside each other.
tn_status tn_yaml_parse(tn_str text, tn_arena *a, const tn_json **out, tn_err *err);
tn_status tn_yaml_parse_with(tn_str text, const tn_yaml_options *options, tn_arena *a, const tn_json **out,
                             tn_err *err);

/// Block style, two blanks a level, members in order, ending with a line end. The same tree gives the same text, and
/// the text reads back to the same tree, by YAML 1.1 readers (PyYAML) too: strings that would read as something else
/// are quoted, strings of several lines are literal blocks where that is exact. Numbers keep their value; an exponent
/// gets the spelling that YAML 1.1 needs (5.0e-05). Numbers that are not finite become null.
void tn_yaml_write(const tn_json *v, tn_buf *buf);

/// A Markdown file's front matter: the text between a first line `---` and the next line `---`, and what follows.
typedef struct {
    bool present;
    tn_str yaml;        /* begins in line 2 of the file */
    tn_str body;        /* the whole text (without its byte order mark) when there is no front matter */
    uint32_t body_line; /* from 1 */
} tn_front_matter;
/// Slices of `text`. A byte order mark and CR LF are tolerated. TN_EFORMAT when the front matter is never closed.
tn_status tn_front_matter_split(tn_str text, tn_front_matter *out, tn_err *err);
/// The same, and its YAML parsed with the places of the whole file: NULL when there is none.
tn_status tn_front_matter_parse(tn_str text, tn_arena *a, tn_front_matter *out, const tn_json **yaml, tn_err *err);

#endif
