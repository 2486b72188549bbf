#ifndef TN_RULES_CATALOG_H
#define TN_RULES_CATALOG_H
/// The catalogue: tables of tasks, models, languages and phrases, compiled in from catalog/*.tsv.
///
/// A table's first line that does not start with '#' names the columns; "-" or empty is an absent value. Tables are few
/// and small, so a look-up is a walk; nothing is parsed before it is asked for, and nothing is allocated.

#include "base/str.h"

typedef struct {
    tn_str line; /* one row, its columns separated by tabs */
    tn_str head; /* the line with the columns' names */
} tn_catalog_row;

/// First row of the table ("tasks", "models", "languages", "phrases"). False when there is no such table or no row.
bool tn_catalog_first(const char *table, tn_catalog_row *row);
/// Next row; false at the end.
bool tn_catalog_next(tn_catalog_row *row);
/// The value under a column's name; empty when absent ("-") or when there is no such column.
tn_str tn_catalog_get(const tn_catalog_row *row, const char *column);
/// First row whose `column` equals `value` (ASCII letters without case).
bool tn_catalog_find(const char *table, const char *column, tn_str value, tn_catalog_row *row);

#endif
