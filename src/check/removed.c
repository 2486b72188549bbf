/* The table is short and asked often: its rows are cut once, and found by halves. Sorted by name, then argument. */
#include "check/removed.h"

#include <pthread.h>

#include "rules/catalog.h"

enum { MAX_ROWS = 1024 };

static tn_removed row_of[MAX_ROWS];
static size_t n_rows;

static void read_table(void)
{
    tn_catalog_row row;
    for (bool more = tn_catalog_first("removed_apis", &row); more && n_rows < MAX_ROWS; more = tn_catalog_next(&row))
        row_of[n_rows++] = (tn_removed){.library = tn_catalog_get(&row, "library"), .name = tn_catalog_get(&row, "name"), .argument = tn_catalog_get(&row, "argument"),
                                        .kind = tn_catalog_get(&row, "kind"), .replacement = tn_catalog_get(&row, "replacement"),
                                        .removed_in = tn_catalog_get(&row, "removed_in"), .removed = tn_str_is(tn_catalog_get(&row, "status"), "removed")};
}

static void ready(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, read_table);
}

size_t tn_removed_count(void)
{
    ready();
    return n_rows;
}

bool tn_removed_at(size_t i, tn_removed *out)
{
    if (i >= tn_removed_count())
        return false;
    *out = row_of[i];
    return true;
}

static bool search(tn_str name, tn_str argument, tn_removed *out)
{
    size_t lo = 0, hi = tn_removed_count();
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        int c = tn_str_cmp(row_of[mid].name, name);
        if (c == 0)
            c = tn_str_cmp(row_of[mid].argument, argument);
        if (c == 0) {
            *out = row_of[mid];
            return true;
        }
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return false;
}

/* "transformers.TFBertModel" by the row "transformers.TF*": a capital or digit must follow, or TFIDF would be one too. */
static bool search_family(tn_str name, tn_removed *out)
{
    static const char *const family[] = {"transformers.TF", "transformers.Flax"};
    for (size_t i = 0; i < TN_COUNT(family); i++) {
        tn_str head = tn_str_of(family[i]);
        if (!tn_str_starts(name, family[i]) || name.len < head.len + 2)
            continue;
        char first = name.ptr[head.len], second = name.ptr[head.len + 1];
        char star[32];
        if (first < 'A' || first > 'Z' || second == '_' || tn_str_find(name, TN_STR("."), head.len) != SIZE_MAX)
            continue;
        for (size_t k = 0; k < head.len; k++)
            star[k] = head.ptr[k];
        star[head.len] = '*';
        return search((tn_str){star, head.len + 1}, TN_STR(""), out);
    }
    return false;
}

bool tn_removed_find(tn_str owner, const char *argument, tn_removed *out)
{
    tn_str arg = tn_str_of(argument ? argument : "");
    return search(owner, arg, out) || (!argument && search_family(owner, out));
}
