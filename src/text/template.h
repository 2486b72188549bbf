#ifndef TN_TEXT_TEMPLATE_H
#define TN_TEXT_TEMPLATE_H
/// The `post_processor` of a tokenizer.json: which special tokens stand around one text or a pair, and the type ids.
/// TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel (which adds none), and Sequence with one of the
/// first three and one that trims offsets, in front of it.
/// Source: reference/tokenizer.md, section 1.

#include "codec/json.h"

typedef struct {
    enum { TN_ITEM_FIRST, TN_ITEM_SECOND, TN_ITEM_SPECIAL } kind;
    uint8_t type_id;
    uint32_t id;  /* of a special token */
    tn_str token; /* its name */
} tn_template_item;

typedef struct {
    tn_template_item *item;
    size_t n, n_special;
} tn_template_row;

typedef struct {
    tn_template_row single, pair;
    bool trim_offsets;     /* RobertaProcessing, ByteLevel: blanks at the ends of a token are not part of its span */
    bool add_prefix_space; /* ... but one in front of the first was ours */
} tn_template;

tn_status tn_template_parse(const tn_json *v, tn_arena *a, tn_template *out, tn_err *err);

#endif
