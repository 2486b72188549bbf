/* Questions over passages from arbitrary bytes. What loads must hold its promises: an answer with a place stands there,
 * passages and rows point to each other, and no article is on two sides of a made split. */
#include "fuzz.h"

#include "base/file.h"
#include "data/squad.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static size_t squad_byte_of(tn_str s, uint32_t point)
{
    size_t at = 0;
    while (point-- > 0)
        tn_utf8_next(s, &at);
    return at;
}

static void squad_check(const tn_dataset *d, const tn_questions *q)
{
    size_t n = 0;
    for (size_t i = 0; i < q->n_passages; i++) {
        TN_ASSERT(q->question[q->passage[i].first].passage == i);
        TN_ASSERT(q->passage[i].n_points == tn_utf8_count(q->passage[i].text));
        n += q->passage[i].n_rows;
    }
    TN_ASSERT(n == d->n_rows);
    for (size_t r = 0; r < d->n_rows; r++) {
        const tn_question *x = &q->question[r];
        TN_ASSERT(x->passage < q->n_passages && (x->known || x->n_answers == 0));
        TN_ASSERT(!x->impossible || (x->known && x->n_answers == 0));
        tn_str passage = q->passage[x->passage].text;
        for (uint32_t k = 0; k < x->n_answers; k++) {
            const tn_answer *a = &x->answer[k];
            if (a->start != TN_NOT_THERE)
                TN_ASSERT(tn_str_eq(a->text, tn_str_sub(passage, squad_byte_of(passage, a->start),
                                                        squad_byte_of(passage, a->end))));
        }
    }
}

TN_FUZZ(squad, bytes)
{
    static char path[64];
    if (!path[0])
        snprintf(path, sizeof path, "/dev/shm/tn-fuzz-squad-%d.json", (int)getpid());
    tn_err err = TN_ERR_INIT;
    tn_findings findings;
    tn_dataset d;
    tn_questions q;
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes.ptr, 1, bytes.len, f) != bytes.len || fclose(f) != 0 ||
        tn_findings_init(&findings, &err) != TN_OK)
        abort();
    tn_data_use use = (tn_data_use)(bytes.len % 3);
    tn_status st = tn_questions_load(&(tn_data_source){.path = path, .use = use, .max_record = 4096}, &d, &q,
                                     &findings, &err);
    unlink(path);
    TN_ASSERT(st != TN_EBUG && (st == TN_OK || err.msg[0]));
    if (st == TN_OK) {
        tn_duplicates dup;
        squad_check(&d, &q);
        if (tn_questions_prepare(&d, &q, &(tn_split_options){.validation = 0.3, .test = 0.3}, &dup, &findings, &err) ==
            TN_OK)
            for (size_t r = 1; r < d.n_rows; r++)
                TN_ASSERT(q.question[r].passage != q.question[r - 1].passage || d.row[r].split == d.row[r - 1].split ||
                          d.row[r].split == TN_SPLIT_REMOVED || d.row[r - 1].split == TN_SPLIT_REMOVED);
        tn_dataset_free(&d);
    }
    tn_findings_free(&findings);
    return st;
}
