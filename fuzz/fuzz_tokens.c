/* Tagged words from arbitrary bytes, as JSON when they begin like it, else as CoNLL. What loads must hold its promises:
 * sentences have words, words are UTF-8 without blanks at the ends, tags are in range where they are needed, ids are
 * unique; spans, splits and digests must cope with it. */
#include "fuzz.h"

#include "base/map.h"
#include "data/split.h"
#include "data/tokens.h"

#include <stdlib.h>

static void tokens_check(const tn_dataset *d, const tn_tokens *k, tn_data_use use)
{
    tn_map ids = TN_MAP_INIT;
    tn_err err = TN_ERR_INIT;
    tn_digest digest;
    TN_ASSERT(k->start[0] == 0);
    for (size_t r = 0; r < d->n_rows; r++) {
        bool is_new = false;
        TN_ASSERT(tn_map_put(&ids, d->row[r].id, r, &is_new) && is_new);
        TN_ASSERT(k->start[r + 1] > k->start[r]);
        TN_ASSERT(tn_str_trim(d->row[r].text).len > 0 && d->row[r].label == -1);
        for (size_t i = k->start[r]; i < k->start[r + 1]; i++) {
            tn_str word = k->word[i];
            TN_ASSERT(word.len > 0 && tn_str_eq(tn_str_trim(word), word) && tn_utf8_check(word) == word.len);
            TN_ASSERT(k->tag_of[i] >= (use == TN_DATA_PREDICT ? -1 : 0) && k->tag_of[i] < (int32_t)k->n_tags);
        }
    }
    tn_map_free(&ids);
    TN_ASSERT(tn_tokens_digest(d, k, &digest, &err) == TN_OK);
    tn_tag_set set;
    if (use != TN_DATA_PREDICT) {
        TN_ASSERT(tn_tag_set_make(k->tag, (int32_t)k->n_tags, k->scheme, false, d->arena, &set, &err) == TN_OK);
        double *count = TN_ARENA_ARRAY(d->arena, double, d->n_rows *(size_t)tn_sequence_width(&set));
        tn_tagged t = {d->n_rows, k->start, k->tag_of, k->tag_of};
        TN_ASSERT(tn_sequence_counts(&set, &t, count, &err) == TN_OK);
    }
}

TN_FUZZ(tokens, bytes)
{
    tn_str text = tn_str_from_bytes(bytes);
    bool json = text.len && (text.ptr[0] == '{' || text.ptr[0] == '[');
    tn_data_use use = (tn_data_use)(bytes.len % 3);
    tn_err err = TN_ERR_INIT;
    tn_findings findings;
    tn_dataset d;
    tn_tokens k;
    if (tn_findings_init(&findings, &err) != TN_OK)
        abort();
    tn_status st = tn_tokens_parse(text, json ? "x.jsonl" : "x.conll", use, &d, &k, &findings, &err);
    TN_ASSERT(st != TN_EBUG && (st == TN_OK || err.msg[0]));
    if (st == TN_OK) {
        tn_duplicates dup;
        tokens_check(&d, &k, use);
        if (d.n_rows < 1000 &&
            tn_data_prepare(&d, &(tn_split_options){.validation = 0.3, .test = 0.3}, &dup, &findings, &err) == TN_OK)
            TN_ASSERT(tn_dataset_count(&d, TN_SPLIT_NONE) == 0);
        tn_dataset_free(&d);
    }
    tn_findings_free(&findings);
    return st;
}
