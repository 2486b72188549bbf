/* A folder of data that brings its own splits: rows that stand in two of them, and people in them that no card mentions.
 * Only counts are told, never a row. Near duplicates are `tenet data leaks`' business: they cost too much for a look. */
#include "check/checkers.h"

#include "base/file.h"
#include "base/map.h"
#include "check/folder.h"
#include "data/duplicates.h"
#include "data/pii.h"

#include <string.h>

enum { MAX_BYTES = 32 << 20 };

typedef struct {
    size_t n[TN_N_SPLITS][TN_N_SPLITS]; /* rows of the second split whose text stands in the first */
    uint32_t first[TN_N_SPLITS][TN_N_SPLITS];
} overlaps;

/* The map holds, for each text, the row where it was seen first in each split: rows come in order train, validation, test. */
static tn_status count_overlaps(const tn_dataset *d, tn_arena *a, overlaps *o, tn_err *err)
{
    tn_map seen = TN_MAP_INIT;
    tn_buf folded = TN_BUF_INIT;
    tn_status st = TN_OK;
    for (size_t i = 0; i < d->n_rows; i++) {
        const tn_row *r = &d->row[i];
        tn_buf_clear(&folded);
        TN_GO(tn_duplicates_fold(r->text, &folded, err));
        tn_str key = tn_str_dup(a, tn_buf_view(&folded));
        uint64_t *splits = key.ptr ? tn_map_put(&seen, key, 0, NULL) : NULL;
        if (!splits)
            TN_GO(tn_fail_nomem(err, key.len));
        for (tn_split s = TN_SPLIT_TRAIN; s < r->split; s++)
            if (*splits & (1u << s) && o->n[s][r->split]++ == 0)
                o->first[s][r->split] = (uint32_t)i;
        *splits |= 1u << r->split;
    }
done:
    tn_map_free(&seen);
    tn_buf_free(&folded);
    return st;
}

static tn_status tell_overlaps(const tn_check_source *in, const tn_dataset *d, const overlaps *o, tn_findings *findings, tn_err *err)
{
    for (tn_split s = TN_SPLIT_TRAIN; s <= TN_SPLIT_TEST; s++)
        for (tn_split other = s + 1; other <= TN_SPLIT_TEST; other++) {
            if (o->n[s][other] == 0)
                continue;
            const tn_row *row = &d->row[o->first[s][other]];
            tn_str message = tn_str_format(in->arena, "%zu rows of %s stand in %s too", o->n[s][other], tn_split_name(other), tn_split_name(s));
            tn_str evidence = tn_str_format(in->arena, "%zu of %zu rows, the same text but for case and blanks", o->n[s][other], tn_dataset_count(d, other));
            tn_str path = d->file[row->file].path;
            tn_str shown = tn_str_format(in->arena, "%.*s/%.*s", TN_ARG(in->path), TN_ARG(tn_path_name(path)));
            if (!message.ptr || !evidence.ptr || !shown.ptr)
                return tn_fail_nomem(err, 64);
            TN_TRY(tn_findings_add(findings,
                                   (tn_finding){.rule = "data-leak", .path = tn_str_is(in->path, ".") ? tn_path_name(path) : shown, .line = row->line, .column = 1, .message = message, .evidence = evidence,
                                                .remedy = TN_STR("remove them from the training side; `tenet data leaks` lists them, near ones too")},
                                   err));
        }
    return TN_OK;
}

static tn_status tell_people(const tn_check_source *in, const tn_dataset *d, tn_findings *findings, tn_err *err)
{
    static const tn_pii_kind person[] = {TN_PII_EMAIL, TN_PII_PHONE, TN_PII_CARD, TN_PII_IBAN, TN_PII_NATIONAL_VN};
    tn_pii found;
    tn_buf b = TN_BUF_INIT;
    if (tn_folder_file(in->repository, tn_folder_name(in), "README.md") != SIZE_MAX)
        return TN_OK; /* the card has its own checks */
    tn_pii_scan(d, &found);
    for (size_t i = 0; i < TN_COUNT(person); i++)
        if (found.count[person[i]])
            tn_buf_printf(&b, "%s%zu of kind %s", b.len ? ", " : "", found.count[person[i]], tn_pii_name(person[i]));
    tn_status st = tn_buf_status(&b, err);
    if (st == TN_OK && b.len)
        st = tn_findings_add(findings,
                             (tn_finding){.rule = "govern-pii", .message = TN_STR("personal data stands in these rows, and no data card says how it is handled"), .evidence = tn_buf_view(&b),
                                          .remedy = TN_STR("redact it (`tenet data pii`), or write a data card that says whose it is, on what ground, and who may see it")},
                             err);
    tn_buf_free(&b);
    return st;
}

tn_status tn_check_data(const tn_check_source *in, tn_findings *findings, tn_err *err)
{
    const tn_repository *r = in->repository;
    tn_str folder = tn_folder_name(in);
    tn_findings ignored; /* what loading says is about loading */
    tn_dataset d;
    overlaps o = {0};
    uint64_t bytes = 0;
    for (size_t i = 0; (i = tn_folder_next(r, folder, i)) < r->n; i++)
        bytes += r->file[i].size;
    if (bytes > MAX_BYTES)
        return TN_OK;
    TN_TRY(tn_findings_init(&ignored, err));
    tn_status st = tn_dataset_load(&(tn_data_source){.path = in->place, .use = TN_DATA_PREDICT, .max_rows = 1000000}, &d, &ignored, NULL);
    tn_findings_free(&ignored);
    if (st != TN_OK)
        return st == TN_ENOMEM ? tn_fail_nomem(err, MAX_BYTES) : TN_OK;
    st = count_overlaps(&d, in->arena, &o, err);
    if (st == TN_OK)
        st = tell_overlaps(in, &d, &o, findings, err);
    if (st == TN_OK)
        st = tell_people(in, &d, findings, err);
    tn_dataset_free(&d);
    return st;
}
