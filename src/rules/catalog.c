/* Rows are slices of the compiled-in file: `row->line` and what follows it in memory are the iterator's whole state. */
#include "rules/catalog.h"
#include "rules/embedded.h"

#include <string.h>
#include <strings.h>

/* The line that starts at `at`, without its end; skips comments and blank lines. False at the end of the text. */
static bool line_at(const char *at, tn_str *out)
{
    while (*at) {
        size_t n = strcspn(at, "\n");
        if (n && at[0] != '#') {
            *out = (tn_str){at, n};
            return true;
        }
        at += n + (at[n] == '\n');
    }
    return false;
}

static bool next_line(tn_str line, tn_str *out)
{
    const char *end = line.ptr + line.len; /* every file ends with a NUL, so looking at it is safe */
    return *end && line_at(end + 1, out);
}

bool tn_catalog_first(const char *table, tn_catalog_row *row)
{
    size_t n = strlen(table);
    for (const tn_embedded *f = tn_catalog_files; f->name; f++)
        if (strncmp(f->name, table, n) == 0 && strcmp(f->name + n, ".tsv") == 0)
            return line_at(f->text.ptr, &row->head) && next_line(row->head, &row->line);
    return false;
}

bool tn_catalog_next(tn_catalog_row *row)
{
    return next_line(row->line, &row->line);
}

tn_str tn_catalog_get(const tn_catalog_row *row, const char *column)
{
    tn_str names = row->head, values = row->line, name, value;
    while (tn_str_cut(&names, '\t', &name) && tn_str_cut(&values, '\t', &value))
        if (tn_str_is(name, column))
            return tn_str_is(value, "-") ? TN_STR("") : value;
    return TN_STR("");
}

bool tn_catalog_find(const char *table, const char *column, tn_str value, tn_catalog_row *row)
{
    for (bool more = tn_catalog_first(table, row); more; more = tn_catalog_next(row)) {
        tn_str have = tn_catalog_get(row, column);
        if (have.len == value.len && have.len && strncasecmp(have.ptr, value.ptr, have.len) == 0)
            return true;
    }
    return false;
}
