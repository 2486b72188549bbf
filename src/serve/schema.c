/* One walk over schema and value together. Depth is the schema's, which is ours, so a deep value costs nothing. */
#include "serve/schema.h"

#include <stdio.h>
#include <string.h>

static bool known(tn_str key)
{
    static const char *const keyword[] = {"type",     "enum",     "required",  "properties", "additionalProperties", "items",   "minItems",    "maxItems", "minLength",
                                          "maxLength", "minimum", "maximum", "title",      "description",          "default", "examples", "$schema"};
    for (size_t i = 0; i < TN_COUNT(keyword); i++)
        if (tn_str_is(key, keyword[i]))
            return true;
    return false;
}

static bool is_of(const tn_json *value, tn_str type)
{
    int64_t whole;
    if (tn_str_is(type, "integer"))
        return tn_json_i64(value, &whole);
    static const char *const name[] = {[TN_JSON_NULL] = "null",     [TN_JSON_BOOL] = "boolean", [TN_JSON_NUMBER] = "number",
                                       [TN_JSON_STRING] = "string", [TN_JSON_ARRAY] = "array",  [TN_JSON_OBJECT] = "object"};
    return tn_json_type(value) != TN_JSON_NONE && tn_str_is(type, name[tn_json_type(value)]);
}

static tn_status check_enum(const tn_json *list, const tn_json *value, const char *name, tn_err *err)
{
    tn_buf b = TN_BUF_INIT;
    for (const tn_json *v = tn_json_first(list); v; v = tn_json_next(v)) {
        if (tn_json_equal(v, value)) {
            tn_buf_free(&b);
            return TN_OK;
        }
        tn_buf_c(&b, b.len ? ", " : "");
        tn_buf_str(&b, tn_json_text(v));
    }
    tn_status st = tn_fail(err, TN_EINVALID, "%s is one of %.*s", name, TN_ARG(tn_buf_view(&b)));
    tn_buf_free(&b);
    return st;
}

static tn_status check_size(const tn_json *schema, const tn_json *value, const char *name, tn_err *err)
{
    static const struct {
        tn_json_type_id type;
        const char *least, *most, *unit;
    } bound[] = {{TN_JSON_STRING, "minLength", "maxLength", " characters"}, {TN_JSON_ARRAY, "minItems", "maxItems", " elements"}, {TN_JSON_NUMBER, "minimum", "maximum", ""}};
    for (size_t i = 0; i < TN_COUNT(bound); i++) {
        double n = 0, least, most;
        if (tn_json_type(value) != bound[i].type)
            continue;
        if (bound[i].type == TN_JSON_STRING)
            n = (double)tn_utf8_count(tn_json_str(value));
        else if (bound[i].type == TN_JSON_ARRAY)
            n = (double)tn_json_len(value);
        else if (!tn_json_f64(value, &n))
            return tn_fail(err, TN_EINVALID, "%s is no number that can be worked with", name);
        if (tn_json_f64(tn_json_get(schema, bound[i].least), &least) && n < least)
            return tn_fail(err, TN_EINVALID, "%s is %.15g%s; at least %.15g", name, n, bound[i].unit, least);
        if (tn_json_f64(tn_json_get(schema, bound[i].most), &most) && n > most)
            return tn_fail(err, TN_EINVALID, "%s is %.15g%s; at most %.15g", name, n, bound[i].unit, most);
    }
    return TN_OK;
}

static tn_status check_members(const tn_json *schema, const tn_json *value, const char *name, tn_err *err)
{
    const tn_json *properties = tn_json_get(schema, "properties");
    char place[256];
    bool open = true;
    tn_json_bool(tn_json_get(schema, "additionalProperties"), &open);
    for (const tn_json *key = tn_json_first(tn_json_get(schema, "required")); key; key = tn_json_next(key))
        if (!tn_json_get_str(value, tn_json_str(key)))
            return tn_fail(err, TN_EINVALID, "%s lacks \"%.*s\"", name, TN_ARG(tn_json_str(key)));
    for (const tn_json *v = tn_json_first(value); v; v = tn_json_next(v)) {
        const tn_json *property = tn_json_get_str(properties, tn_json_key(v));
        if (!property && !open)
            return tn_fail(err, TN_EINVALID, "%s takes no \"%.*s\"", name, TN_ARG(tn_str_sub(tn_json_key(v), 0, 100)));
        if (!property)
            continue;
        tn_str key = tn_json_key(v); /* one of ours, so short */
        if (snprintf(place, sizeof place, "%s.%.*s", name, TN_ARG(key)) >= (int)sizeof place)
            memcpy(place, name, strlen(name) + 1);
        TN_TRY(tn_schema_check(property, v, place, err));
    }
    return TN_OK;
}

tn_status tn_schema_check(const tn_json *schema, const tn_json *value, const char *name, tn_err *err)
{
    const tn_json *type = tn_json_get(schema, "type"), *choices = tn_json_get(schema, "enum"), *items = tn_json_get(schema, "items");
    char place[256];
    size_t at = 0;
    for (const tn_json *k = tn_json_first(schema); k; k = tn_json_next(k))
        TN_ASSERT(known(tn_json_key(k)));
    if (type && !is_of(value, tn_json_str(type)))
        return tn_fail(err, TN_EINVALID, "%s must be of type %.*s, it is %s", name, TN_ARG(tn_json_str(type)), tn_json_type_name(tn_json_type(value)));
    if (choices)
        TN_TRY(check_enum(choices, value, name, err));
    TN_TRY(check_size(schema, value, name, err));
    if (tn_json_type(value) == TN_JSON_OBJECT)
        TN_TRY(check_members(schema, value, name, err));
    for (const tn_json *v = items && tn_json_type(value) == TN_JSON_ARRAY ? tn_json_first(value) : NULL; v; v = tn_json_next(v), at++) {
        if (snprintf(place, sizeof place, "%s[%zu]", name, at) >= (int)sizeof place)
            memcpy(place, name, strlen(name) + 1);
        TN_TRY(tn_schema_check(items, v, place, err));
    }
    return TN_OK;
}
