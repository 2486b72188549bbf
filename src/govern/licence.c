/* Each part is judged alone against the use; the strictest verdict holds; then pairs that cannot be mixed are looked for.
 * What a model inherits from share-alike *training data* is unsettled: the verdict is conditions, with that sentence. */
#include "govern/licence.h"

#include "base/file.h"
#include "codec/yaml.h"
#include "rules/catalog.h"

#include <string.h>

const char *tn_licence_verdict_name(tn_licence_kind k)
{
    static const char *const name[] = {"allowed", "allowed with conditions", "needs a lawyer", "refused"};
    return name[k];
}

static bool find(tn_str name, tn_catalog_row *row)
{
    return tn_catalog_find("licences", "id", name, row) || tn_catalog_find("licences", "spdx", name, row);
}

tn_str tn_licence_normalise(tn_str name)
{
    tn_catalog_row row;
    return find(name, &row) ? tn_catalog_get(&row, "id") : TN_STR("");
}

const char *tn_licence_openness(tn_str licence)
{
    static const char *const open[] = {"permissive", "attribution", "weak-copyleft", "copyleft", "network-copyleft", "share-alike"};
    tn_catalog_row row;
    if (!find(licence, &row))
        return "unknown";
    for (size_t i = 0; i < TN_COUNT(open); i++)
        if (tn_str_is(tn_catalog_get(&row, "class"), open[i]))
            return "yes";
    return "no";
}

static tn_licence_kind judge_one(const tn_ingredient *p, tn_str use, tn_arena *a, tn_str *reason, tn_str *obligation)
{
    tn_catalog_row row;
    *obligation = TN_STR("");
    if (p->licence.len == 0 && tn_str_is(p->source, "own")) {
        *reason = TN_STR("no card lies beside the data: taken as the user's own; state its licence in a README.md if it is not");
        return TN_LICENCE_CONDITIONS;
    }
    if (p->licence.len == 0 || tn_str_is(p->licence, "unknown") || tn_str_is(p->licence, "other") || !find(p->licence, &row)) {
        *reason = tn_str_format(a, "%.*s has %s licence: no rights are granted that we know of", TN_ARG(p->name),
                                p->licence.len ? "an unknown" : "no");
        return TN_LICENCE_REFUSED;
    }
    tn_str kind = tn_catalog_get(&row, "class"), commercial = tn_catalog_get(&row, "commercial");
    *obligation = tn_catalog_get(&row, "obligations");
    bool is_data = strcmp(p->what, "data") == 0, research = tn_str_is(use, "research");
    if (tn_str_is(commercial, "n")) {
        *reason = tn_str_format(a, "%.*s is %.*s: %s", TN_ARG(p->name), TN_ARG(p->licence),
                                research ? "research use is allowed, and what is made from it inherits the limit" : "no commercial use");
        return research ? TN_LICENCE_CONDITIONS : TN_LICENCE_REFUSED;
    }
    if (tn_str_is(kind, "no-derivatives")) {
        *reason = tn_str_format(a, "%.*s is %.*s: whether a tuned model is an adaptation is contested", TN_ARG(p->name), TN_ARG(p->licence));
        return TN_LICENCE_LAWYER;
    }
    if (tn_str_is(kind, "permissive")) {
        *reason = tn_str_format(a, "%.*s is %.*s: any use", TN_ARG(p->name), TN_ARG(p->licence));
        return TN_LICENCE_ALLOWED;
    }
    if (is_data && (tn_str_ends(kind, "copyleft") || tn_str_is(kind, "share-alike")))
        *reason = tn_str_format(a, "%.*s is %.*s: whether weights trained on it are an adaptation is unsettled; credit it, and ask a lawyer before "
                                   "distributing the model",
                                TN_ARG(p->name), TN_ARG(p->licence));
    else if (tn_str_is(commercial, "lim"))
        *reason = tn_str_format(a, "%.*s is %.*s: commercial use within limits", TN_ARG(p->name), TN_ARG(p->licence));
    else
        *reason = tn_str_format(a, "%.*s is %.*s: allowed with its conditions", TN_ARG(p->name), TN_ARG(p->licence));
    return TN_LICENCE_CONDITIONS;
}

static tn_str class_of(const tn_ingredient *p)
{
    tn_catalog_row row;
    return find(p->licence, &row) ? tn_catalog_get(&row, "class") : TN_STR("");
}

/* Copyleft weights cannot carry further restrictions (rule 8): RAIL, non-commercial or vendor terms beside them. */
static bool cannot_mix(const tn_ingredient *x, const tn_ingredient *y)
{
    tn_str a = class_of(x), b = class_of(y);
    bool copyleft = tn_str_is(a, "copyleft") || tn_str_is(a, "network-copyleft");
    bool restricts = tn_str_is(b, "use-restricted") || tn_str_is(b, "vendor") || tn_str_is(b, "non-commercial");
    return strcmp(x->what, "model") == 0 && strcmp(y->what, "model") == 0 && copyleft && restricts;
}

tn_status tn_licence_judge(const tn_ingredient *part, size_t n, tn_str use, tn_arena *a, tn_licence_verdict *out, tn_err *err)
{
    *out = (tn_licence_verdict){.part = TN_ARENA_ARRAY(a, tn_licence_kind, n), .part_reason = TN_ARENA_ARRAY(a, tn_str, n),
                                .obligation = TN_ARENA_ARRAY(a, tn_str, n)};
    if (!out->part || !out->part_reason || !out->obligation)
        return tn_fail_nomem(err, n * sizeof(tn_str));
    for (size_t i = 0; i < n; i++) {
        out->part[i] = judge_one(&part[i], use, a, &out->part_reason[i], &out->obligation[i]);
        if (!out->part_reason[i].ptr)
            return tn_fail_nomem(err, 256);
        if (i == 0 || out->part[i] > out->verdict) {
            out->verdict = out->part[i];
            out->reason = out->part_reason[i];
        }
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            if (i != j && cannot_mix(&part[i], &part[j])) {
                out->verdict = TN_LICENCE_REFUSED;
                out->reason = tn_str_format(a, "%.*s (%.*s) takes no further restrictions, and %.*s (%.*s) adds some", TN_ARG(part[i].name),
                                            TN_ARG(part[i].licence), TN_ARG(part[j].name), TN_ARG(part[j].licence));
            }
    return out->reason.ptr ? TN_OK : tn_fail_nomem(err, 256);
}

tn_status tn_licence_of_data(const char *path, tn_arena *a, tn_ingredient *out, tn_err *err)
{
    tn_str dir = tn_file_is_dir(path) ? tn_str_of(path) : tn_path_dir(tn_str_of(path));
    const char *folder = tn_str_c(a, dir), *readme = folder ? tn_path_join(a, folder, "README.md") : NULL;
    if (!readme)
        return tn_fail_nomem(err, dir.len);
    if (!tn_file_exists(readme)) {
        out->source = TN_STR("own");
        return TN_OK;
    }
    tn_bytes bytes;
    tn_front_matter front;
    const tn_json *meta;
    TN_TRY(tn_file_read(readme, 4 << 20, a, &bytes, err));
    if (tn_front_matter_parse(tn_str_from_bytes(bytes), a, &front, &meta, err) != TN_OK)
        return tn_fail_prefix(err, "%s", readme);
    const tn_json *licence = tn_json_get(meta, "license");
    if (tn_json_type(licence) == TN_JSON_ARRAY)
        licence = tn_json_first(licence);
    if (tn_json_is_str(licence, "other"))
        licence = tn_json_get(meta, "license_name");
    out->licence = tn_json_str(licence);
    out->source = TN_STR("README.md beside the data");
    return TN_OK;
}

void tn_licence_write(const tn_ingredient *part, size_t n, const tn_licence_verdict *v, tn_json_writer *w)
{
    tn_jw_begin_object(w);
    tn_jw_key(w, "verdict");
    tn_jw_c(w, tn_licence_verdict_name(v->verdict));
    tn_jw_key(w, "reason");
    tn_jw_str(w, v->reason);
    tn_jw_key(w, "parts");
    tn_jw_begin_array(w);
    for (size_t i = 0; i < n; i++) {
        tn_catalog_row row;
        tn_jw_begin_object(w);
        tn_jw_key(w, "what");
        tn_jw_c(w, part[i].what);
        tn_jw_key(w, "name");
        tn_jw_str(w, part[i].name);
        tn_jw_key(w, "licence");
        tn_jw_str(w, part[i].licence);
        tn_jw_key(w, "spdx");
        tn_jw_str(w, find(part[i].licence, &row) ? tn_catalog_get(&row, "spdx") : TN_STR(""));
        tn_jw_key(w, "source");
        tn_jw_str(w, part[i].source);
        tn_jw_key(w, "verdict");
        tn_jw_c(w, tn_licence_verdict_name(v->part[i]));
        tn_jw_key(w, "reason");
        tn_jw_str(w, v->part_reason[i]);
        tn_jw_key(w, "obligation");
        tn_jw_str(w, v->obligation[i]);
        tn_jw_end_object(w);
    }
    tn_jw_end_array(w);
    tn_jw_end_object(w);
}
