/* All post-processors are brought into one form: a row of items for one text, another for a pair. */
#include "text/template.h"

#include "text/normalizer.h"

static tn_status add_item(tn_template_row *r, tn_template_item item)
{
    r->item[r->n++] = item;
    r->n_special += item.kind == TN_ITEM_SPECIAL;
    return TN_OK;
}

static bool new_row(tn_template_row *r, size_t max, tn_arena *a)
{
    *r = (tn_template_row){TN_ARENA_ARRAY(a, tn_template_item, max ? max : 1), 0, 0};
    return r->item;
}

/* {"Sequence": {"id": "A", "type_id": 0}} or {"SpecialToken": {"id": "[CLS]", "type_id": 0}} */
static tn_status parse_item(const tn_json *v, const tn_json *specials, bool pair, tn_arena *a, tn_template_row *row,
                            tn_err *err)
{
    const tn_json *seq = tn_json_get(v, "Sequence"), *special = tn_json_get(v, "SpecialToken"), *def, *ids, *names;
    tn_str id;
    int64_t type;
    if (!seq == !special)
        return tn_fail(err, TN_EFORMAT, "%u:%u: a template item must be a Sequence or a SpecialToken", tn_json_line(v),
                       tn_json_column(v));
    TN_TRY(tn_json_need_str(seq ? seq : special, "id", &id, err));
    TN_TRY(tn_json_need_i64(seq ? seq : special, "type_id", 0, 255, &type, err));
    if (seq) {
        if (!tn_str_is(id, "A") && !(pair && tn_str_is(id, "B")))
            return tn_fail(err, TN_EFORMAT, "%u:%u: a template for %s cannot use Sequence \"%.*s\"", tn_json_line(v),
                           tn_json_column(v), pair ? "a pair" : "one text", TN_ARG(id));
        return add_item(
            row, (tn_template_item){tn_str_is(id, "A") ? TN_ITEM_FIRST : TN_ITEM_SECOND, (uint8_t)type, 0, {NULL, 0}});
    }
    def = tn_json_get_str(specials, id);
    if (!def)
        return tn_fail(err, TN_EFORMAT, "%u:%u: the template's \"%.*s\" is not among its special_tokens",
                       tn_json_line(v), tn_json_column(v), TN_ARG(id));
    TN_TRY(tn_json_need(def, "ids", TN_JSON_ARRAY, &ids, err));
    TN_TRY(tn_json_need(def, "tokens", TN_JSON_ARRAY, &names, err));
    const tn_json *name = tn_json_first(names);
    for (const tn_json *c = tn_json_first(ids); c; c = tn_json_next(c), name = tn_json_next(name)) {
        int64_t n;
        if (!tn_json_i64(c, &n) || n < 0 || n >= UINT32_MAX || tn_json_type(name) != TN_JSON_STRING)
            return tn_fail(err, TN_EFORMAT, "%u:%u: ids of \"%.*s\" must be token ids, each with its name",
                           tn_json_line(c), tn_json_column(c), TN_ARG(id));
        tn_str token = tn_str_dup(a, tn_json_str(name));
        if (!token.ptr)
            return tn_fail_nomem(err, 16);
        add_item(row, (tn_template_item){TN_ITEM_SPECIAL, (uint8_t)type, (uint32_t)n, token});
    }
    return TN_OK;
}

static size_t items_at_most(const tn_json *list, const tn_json *specials)
{
    size_t n = 0;
    for (const tn_json *c = tn_json_first(list); c; c = tn_json_next(c))
        n += 1 + tn_json_len(tn_json_get(
                     tn_json_get_str(specials, tn_json_str(tn_json_get(tn_json_get(c, "SpecialToken"), "id"))), "ids"));
    return n;
}

static tn_status parse_row(const tn_json *v, bool pair, tn_arena *a, tn_template_row *row, tn_err *err)
{
    const tn_json *list, *specials = tn_json_get(v, "special_tokens");
    unsigned used = 0;
    TN_TRY(tn_json_need(v, pair ? "pair" : "single", TN_JSON_ARRAY, &list, err));
    size_t max = items_at_most(list, specials);
    if (max > 1000)
        return tn_fail(err, TN_ELIMIT, "%u:%u: a template of %zu items", tn_json_line(list), tn_json_column(list), max);
    if (!new_row(row, max, a))
        return tn_fail_nomem(err, max * sizeof *row->item);
    for (const tn_json *c = tn_json_first(list); c; c = tn_json_next(c))
        TN_TRY(parse_item(c, specials, pair, a, row, err));
    for (size_t i = 0; i < row->n; i++)
        used += row->item[i].kind == TN_ITEM_FIRST ? 1 : row->item[i].kind == TN_ITEM_SECOND ? 1001 : 0;
    if (used != (pair ? 1002 : 1))
        return tn_fail(err, TN_EFORMAT, "%u:%u: a template must use %s once", tn_json_line(list), tn_json_column(list),
                       pair ? "A and B" : "A");
    return TN_OK;
}

/* ["[SEP]", 102] */
static tn_status parse_named(const tn_json *v, const char *key, tn_arena *a, tn_template_item *out, tn_err *err)
{
    const tn_json *list;
    int64_t id;
    TN_TRY(tn_json_need(v, key, TN_JSON_ARRAY, &list, err));
    if (tn_json_len(list) != 2 || tn_json_type(tn_json_first(list)) != TN_JSON_STRING ||
        !tn_json_i64(tn_json_at(list, 1), &id) || id < 0 || id >= UINT32_MAX)
        return tn_fail(err, TN_EFORMAT, "%u:%u: \"%s\" must be [\"token\", id]", tn_json_line(list),
                       tn_json_column(list), key);
    *out = (tn_template_item){TN_ITEM_SPECIAL, 0, (uint32_t)id, tn_str_dup(a, tn_json_str(tn_json_first(list)))};
    return out->token.ptr ? TN_OK : tn_fail_nomem(err, 16);
}

/* Behind the special tokens the first token of the text is no longer the first, and its blank would be trimmed. */
static tn_status parse_trim(const tn_json *v, bool behind, tn_template *out, tn_err *err)
{
    bool trims, prefix;
    TN_TRY(tn_component_bool(v, "trim_offsets", true, &trims, err));
    TN_TRY(tn_component_bool(v, "add_prefix_space", true, &prefix, err));
    if (!trims)
        return TN_OK;
    if (behind)
        return tn_component_refuse(v, "a post_processor behind one that adds tokens", "in front of it, it is", err);
    if (out->trim_offsets)
        return tn_component_refuse(v, "a second post_processor", "one that trims offsets is", err);
    out->trim_offsets = true;
    out->add_prefix_space = prefix;
    return TN_OK;
}

/* BERT: [CLS] A [SEP] B [SEP], B of type 1. RoBERTa: <s> A </s> </s> B </s>, all of type 0. */
static tn_status parse_fixed(const tn_json *v, bool roberta, tn_arena *a, tn_template *out, tn_err *err)
{
    tn_template_item cls, sep;
    const tn_template_item first = {TN_ITEM_FIRST, 0, 0, {NULL, 0}};
    tn_template_item second = {TN_ITEM_SECOND, !roberta, 0, {NULL, 0}}, last;
    TN_TRY(parse_named(v, "cls", a, &cls, err));
    TN_TRY(parse_named(v, "sep", a, &sep, err));
    last = sep;
    last.type_id = second.type_id;
    if (!new_row(&out->single, 3, a) || !new_row(&out->pair, 6, a))
        return tn_fail_nomem(err, 6 * sizeof cls);
    for (int pair = 0; pair < 2; pair++) {
        tn_template_row *r = pair ? &out->pair : &out->single;
        add_item(r, cls);
        add_item(r, first);
        add_item(r, sep);
    }
    if (roberta)
        add_item(&out->pair, sep);
    add_item(&out->pair, second);
    add_item(&out->pair, last);
    if (!roberta)
        return TN_OK;
    return parse_trim(v, false, out, err);
}

static tn_status parse_one(const tn_json *v, tn_arena *a, tn_template *out, unsigned *n, tn_err *err)
{
    const tn_json *type, *list;
    TN_TRY(tn_json_need(v, "type", TN_JSON_STRING, &type, err));
    if (tn_json_is_str(type, "Sequence")) {
        TN_TRY(tn_json_need(v, "processors", TN_JSON_ARRAY, &list, err));
        for (const tn_json *c = tn_json_first(list); c; c = tn_json_next(c))
            TN_TRY(parse_one(c, a, out, n, err));
        return TN_OK;
    }
    if (tn_json_is_str(type, "ByteLevel"))
        return parse_trim(v, *n > 0, out, err);
    if (++*n > 1)
        return tn_component_refuse(v, "a second post_processor", "one is", err);
    if (tn_json_is_str(type, "TemplateProcessing")) {
        TN_TRY(parse_row(v, false, a, &out->single, err));
        return parse_row(v, true, a, &out->pair, err);
    }
    if (tn_json_is_str(type, "BertProcessing") || tn_json_is_str(type, "RobertaProcessing"))
        return parse_fixed(v, tn_json_is_str(type, "RobertaProcessing"), a, out, err);
    return tn_component_refuse(v, "a post_processor", NULL, err);
}

tn_status tn_template_parse(const tn_json *v, tn_arena *a, tn_template *out, tn_err *err)
{
    unsigned n = 0;
    *out = (tn_template){0};
    if (v && tn_json_type(v) != TN_JSON_NULL)
        TN_TRY(parse_one(v, a, out, &n, err));
    if (n)
        return TN_OK;
    if (!new_row(&out->single, 1, a) || !new_row(&out->pair, 2, a))
        return tn_fail_nomem(err, 64);
    add_item(&out->single, (tn_template_item){TN_ITEM_FIRST, 0, 0, {NULL, 0}});
    add_item(&out->pair, (tn_template_item){TN_ITEM_FIRST, 0, 0, {NULL, 0}});
    return add_item(&out->pair, (tn_template_item){TN_ITEM_SECOND, 1, 0, {NULL, 0}});
}
