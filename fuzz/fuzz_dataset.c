/* Data sets from arbitrary bytes: the first byte chooses format and use, the rest is the file. What loads must hold its
 * promises (texts not blank, ids unique, labels in range), and duplicates, splits and personal data must cope with it.
 */
#include "base/file.h"
#include "base/map.h"
#include "data/pii.h"
#include "data/profile.h"
#include "data/split.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const tn_dataset *d)
{
    tn_map ids = TN_MAP_INIT;
    for (size_t r = 0; r < d->n_rows; r++) {
        const tn_row *row = &d->row[r];
        bool is_new = false;
        TN_ASSERT(tn_map_put(&ids, row->id, r, &is_new) && is_new);
        TN_ASSERT(tn_str_trim(row->text).len > 0 && tn_utf8_check(row->text) == row->text.len);
        TN_ASSERT(row->label >= -1 && row->label < (int32_t)d->n_labels);
        tn_language_of(row->text);
    }
    tn_map_free(&ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const extension[] = {"csv", "tsv", "jsonl", "json"};
    static char path[4][64];
    if (size < 1)
        return 0;
    unsigned format = data[0] & 3, use = (data[0] >> 2) % 3;
    if (!path[format][0])
        snprintf(path[format], sizeof path[0], "/dev/shm/tn-fuzz-%d.%s", (int)getpid(), extension[format]);
    FILE *f = fopen(path[format], "wb");
    if (!f || fwrite(data + 1, 1, size - 1, f) != size - 1 || fclose(f) != 0)
        abort();
    tn_err err = TN_ERR_INIT;
    tn_findings findings;
    tn_dataset d;
    if (tn_findings_init(&findings, &err) != TN_OK)
        abort();
    tn_data_source s = {.path = path[format], .use = (tn_data_use)use, .text = data[0] & 0x40 ? "text" : NULL};
    tn_status st = tn_dataset_load(&s, &d, &findings, &err);
    TN_ASSERT(st != TN_EBUG && (st == TN_OK || err.msg[0]));
    if (st == TN_OK) {
        check(&d);
        tn_duplicates dup;
        tn_pii p;
        tn_buf out = TN_BUF_INIT;
        tn_pii_scan(&d, &p);
        if (tn_data_prepare(&d, &(tn_split_options){.seed = data[0]}, &dup, &findings, &err) == TN_OK) {
            TN_ASSERT(tn_dataset_count(&d, TN_SPLIT_NONE) == 0);
            TN_ASSERT(tn_duplicates_write_csv(&d, &dup, &out, &err) == TN_OK);
            TN_ASSERT(tn_split_write_csv(&d, &out, &err) == TN_OK);
        }
        tn_buf_free(&out);
        tn_dataset_free(&d);
    }
    tn_findings_free(&findings);
    return 0;
}
