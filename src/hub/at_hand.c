#include "hub/at_hand.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>

tn_status tn_hub_own_dir(tn_arena *a, const char **out, tn_err *err)
{
    const char *own = getenv("TENET_CACHE"), *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (own && own[0])
        *out = tn_str_c(a, tn_str_of(own));
    else if (xdg && xdg[0])
        *out = tn_path_join(a, xdg, "tenet/hub");
    else if (home && home[0])
        *out = tn_path_join(a, home, ".cache/tenet/hub");
    else
        return tn_fail(err, TN_ENOENT, "neither TENET_CACHE nor HOME is set, so there is no cache of models; set one of them");
    return *out ? TN_OK : tn_fail_nomem(err, 64);
}

/* The caches in the order of search; the second may be NULL. */
static tn_status caches(const tn_hub_where *where, tn_arena *a, const char *dir[2], tn_err *err)
{
    dir[0] = where->cache;
    dir[1] = NULL;
    if (where->cache)
        return TN_OK;
    TN_TRY(tn_hub_own_dir(a, &dir[where->prefer_hub], err));
    return tn_hub_cache_dir(a, &dir[!where->prefer_hub], err);
}

tn_status tn_hub_at_hand(const tn_hub_where *where, tn_arena *a, tn_hub_model **out, size_t *n, tn_err *err)
{
    const char *dir[2];
    tn_hub_model *list[2] = {NULL, NULL};
    size_t count[2] = {0, 0};
    TN_TRY(caches(where, a, dir, err));
    int n_dirs = where->prefer_hub && !where->cache ? 2 : 1;
    for (int i = 0; i < n_dirs; i++)
        TN_TRY(tn_hub_list(dir[i], a, &list[i], &count[i], err));
    *out = TN_ARENA_ARRAY(a, tn_hub_model, count[0] + count[1]);
    if (!*out)
        return tn_fail_nomem(err, (count[0] + count[1]) * sizeof **out);
    *n = 0;
    for (int i = 0; i < n_dirs; i++)
        for (size_t k = 0; k < count[i]; k++) {
            bool seen = false;
            for (size_t j = 0; i == 1 && j < count[0]; j++)
                seen |= tn_str_eq(list[0][j].id, list[1][k].id);
            if (!seen)
                (*out)[(*n)++] = list[i][k];
        }
    return TN_OK;
}

tn_status tn_hub_find(const tn_hub_where *where, tn_str spec, tn_arena *a, tn_hub_model *out, tn_err *err)
{
    const char *dir[2];
    tn_err first;
    const char *path = tn_str_c(a, spec);
    if (path && tn_file_is_dir(path)) /* a folder needs no cache, and so no HOME */
        return tn_hub_resolve(NULL, spec, a, out, err);
    TN_TRY(caches(where, a, dir, err));
    tn_status st = tn_hub_resolve(dir[0], spec, a, out, &first);
    if (st == TN_ENOENT && dir[1] && tn_hub_resolve(dir[1], spec, a, out, err) == TN_OK)
        return TN_OK;
    if (st != TN_OK && err)
        *err = first;
    return st;
}

tn_status tn_hub_any_tokenizer(const tn_hub_where *where, tn_arena *a, tn_tokenizer **out, const char **id, tn_err *err)
{
    tn_hub_model *model;
    size_t n = 0;
    *out = NULL;
    *id = NULL;
    tn_status st = tn_hub_at_hand(where, a, &model, &n, err);
    if (st != TN_OK && st != TN_ENOENT)
        return st;
    for (size_t i = 0; i < n && !*out; i++) {
        st = tn_tokenizer_open(model[i].folder, out, err);
        if (st == TN_OK)
            *id = model[i].id.ptr;
        else if (st == TN_ENOMEM)
            return st;
    }
    return TN_OK;
}
