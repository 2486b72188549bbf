#ifndef TN_CHECK_MARKDOWN_H
#define TN_CHECK_MARKDOWN_H
/// Markdown as the checkers need it: blocks in order with exact places, and the prose alone, word by word.
///
/// Not a renderer: blocks are told apart by their lines, in the way CommonMark and GitHub do for text that people and
/// assistants write. Nesting is flattened: an item of a list in a quote is an item. A bold line, or bold words that open
/// a paragraph or an item (`1. **Model choice:** ...`), are headings too, of the lowest levels; so are the tags h1 to h6.
///
/// Everything is a slice of the text, or of `prose`, which has the same length: what stands at an offset of one stands at
/// the same offset of the other. In `prose` letters are lower case (ASCII), and blanks stand for what is not prose: front
/// matter, fences, code, comments, tags, link targets, and the marks of headings, quotes, lists and emphasis.
///
/// Any bytes are accepted; time and memory are linear in their number.

#include "codec/yaml.h"

typedef enum {
    TN_MD_HEADING,   /* `# ...`, underlined, or bold */
    TN_MD_PARAGRAPH,
    TN_MD_ITEM,      /* of a list, with what follows it up to a blank line */
    TN_MD_TABLE,     /* its head, its rule and its rows */
    TN_MD_FENCE,     /* code between ``` or ~~~ */
    TN_MD_CODE,      /* code by four blanks */
} tn_md_kind;

enum {
    TN_MD_BOLD = 7,   /* level of a heading that is a bold line */
    TN_MD_RUN_IN = 8, /* of bold words that a paragraph or item begins with */
};

typedef struct {
    tn_md_kind kind;
    tn_str text;     /* heading: its words, without marks; fence: its contents; else the lines without the first mark */
    uint32_t line;   /* of the first byte, of the mark if it has one; from 1 */
    uint8_t level;   /* heading: 1 to 6, TN_MD_BOLD, TN_MD_RUN_IN */
    bool closed;     /* fence: has its end */
    bool numbered;   /* item, or heading in an item: "1." */
    bool quoted;     /* stands behind ">" */
    uint16_t indent; /* fence, item: columns before its mark */
    tn_str info;     /* fence: what follows the mark; empty: no language */
    uint32_t heading; /* index + 1 of the block of the heading that it stands under, 0 for none */
} tn_md_block;

typedef enum { TN_MD_SPAN_CODE, TN_MD_SPAN_LINK, TN_MD_SPAN_COMMENT } tn_md_span_kind;
typedef struct {
    tn_md_span_kind kind;
    uint32_t from, to; /* offsets in the text: the code's contents; the link's target; the comment's contents */
} tn_md_span;

typedef struct {
    uint32_t from, to; /* offsets in the text */
} tn_md_word;

typedef struct {
    tn_str text;  /* the whole file */
    tn_str prose; /* same length */
    tn_front_matter front;
    const tn_json *yaml;       /* the front matter, or NULL */
    const char *front_problem; /* why it cannot be read: "3:5: ..."; NULL */
    tn_md_block *block;
    size_t n_blocks;
    tn_md_span *span; /* by place */
    size_t n_spans;
    tn_md_word *word; /* runs of letters, digits and bytes beyond ASCII in `prose`; "0.81" and "1,000" are one, "&" is one */
    size_t n_words;
    uint32_t *line_start; /* offset of each line; the first begins behind a byte order mark */
    size_t n_lines;
} tn_md;

/// TN_ELIMIT over 16 MiB (no card, answer or plan is that long), TN_ENOMEM. `text` must outlive `out`.
tn_status tn_md_parse(tn_str text, tn_arena *a, tn_md *out, tn_err *err);

/// Line and column (in code points) of an offset, both from 1.
void tn_md_place(const tn_md *m, size_t at, uint32_t *line, uint32_t *column);
/// Offset of a slice of the text or of the prose.
size_t tn_md_offset(const tn_md *m, tn_str slice);

/// Offsets [from, to) of a stretch of text.
typedef struct {
    size_t from, to;
} tn_md_range;
tn_md_range tn_md_all(const tn_md *m);
tn_md_range tn_md_block_range(const tn_md *m, size_t block);
/// Index of the block that holds the offset, or SIZE_MAX between blocks.
size_t tn_md_block_at(const tn_md *m, size_t at);
/// What stands under a heading: from behind its words to the next heading of its level or a higher one.
tn_md_range tn_md_section(const tn_md *m, size_t heading);
/// Index of the block behind the section.
size_t tn_md_section_end(const tn_md *m, size_t heading);
/// The sentence, item, table cell or heading that holds the offset; at most 600 bytes to either side.
tn_md_range tn_md_sentence(const tn_md *m, size_t at);
/// The words of that stretch on one line, at most `max` bytes and then "...": evidence for a finding. Empty ptr: no memory.
tn_str tn_md_quote(const tn_md *m, tn_md_range r, size_t max, tn_arena *a);

/// Looks for phrases ("state of the art|sota|outperform*") in the prose of a range: whole words, in lower case, in this
/// order, with nothing but blanks, hyphens, slashes, quotes, apostrophes and emphasis between them; `*` at the end of a word allows
/// any ending; `#` is any word that begins with a digit; `?` is any one word; "and" is "&" too. False when none stands
/// there; else the first one's range.
bool tn_md_find(const tn_md *m, tn_md_range in, const char *phrases, tn_md_range *found);
bool tn_md_has(const tn_md *m, tn_md_range in, const char *phrases);
/// Whether the words of a slice of the prose (a heading) are one of the phrases, whole; leading numbers, letters as
/// numbers ("a)"), "step", "section", "phase", "part" and emoji in front do not count.
bool tn_md_is(const tn_md *m, tn_md_range heading, const char *phrases);
size_t tn_md_count_words(const tn_md *m, tn_md_range in);
/// The first span of a kind that lies in the range, or NULL.
const tn_md_span *tn_md_span_in(const tn_md *m, tn_md_range in, tn_md_span_kind kind);

/// A fence's first word, lower case, without "{", "." and "}": "python". Empty: none. At most 31 bytes.
tn_str tn_md_language(const tn_md_block *fence, char out[32]);
/// A fence's contents without the indentation and quote marks that the fence itself has; as many lines.
tn_status tn_md_fence_code(const tn_md_block *fence, tn_arena *a, tn_str *out, tn_err *err);

/// Walks a table: `rest` starts as the block's text. False at the end. The rule (`| --- |`) is not a row.
bool tn_md_row(tn_str *rest, tn_str *row);
/// Walks a row: `rest` starts as the row. Cells are trimmed; an escaped or coded bar is part of its cell.
bool tn_md_cell(tn_str *rest, tn_str *cell);

#endif
