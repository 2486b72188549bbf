/* Rows are run in pieces of a few thousand tokens, each with the tokens laid end to end; what comes out is read at the
 * first tokens of words. The result of a row never depends on the others, so neither do pieces matter. */
#include "model/tags.h"

#include "metric/classification.h"

#include <string.h>

enum { PIECE = 4096 }; /* tokens a call: far above one row, small beside the weights */

/* ---- words ---- */

tn_status tn_model_encode_words(const tn_model *m, const tn_str *word, size_t n, int32_t limit, tn_arena *a,
                                tn_words_row *out, tn_err *err)
{
    int32_t most = tn_model_max_tokens(m);
    tn_encoding x;
    TN_TRY(tn_tokenizer_encode_words(
        tn_model_tokenizer(m), word, n,
        &(tn_encode_options){.max_length = (uint32_t)(limit > 0 && limit < most ? limit : most)}, a, &x, err));
    int32_t *ids = TN_ARENA_ARRAY(a, int32_t, x.n), *first = TN_ARENA_ARRAY(a, int32_t, x.n);
    if (!ids || !first)
        return tn_fail_nomem(err, x.n * sizeof *ids);
    if (x.n == 0)
        return tn_fail(err, TN_EFORMAT, "the tokenizer leaves nothing of these words");
    size_t n_kept = 0;
    for (size_t i = 0; i < x.n; i++) {
        bool begins = x.word[i] != TN_NO_WORD && (i == 0 || x.word[i] != x.word[i - 1]);
        ids[i] = (int32_t)x.ids[i];
        first[i] = begins ? (int32_t)x.word[i] : -1;
        n_kept += begins;
    }
    *out = (tn_words_row){(int32_t)x.n, ids, first, n - n_kept};
    return TN_OK;
}

/* A piece of rows at work. */
typedef struct {
    TN_VEC(int32_t) start, ids;
    TN_VEC(size_t) word; /* of each token: the word that it begins, SIZE_MAX: none */
} piece;

static void piece_free(piece *p)
{
    TN_VEC_FREE(&p->start);
    TN_VEC_FREE(&p->ids);
    TN_VEC_FREE(&p->word);
}

/* Rows from *row on while they fit. */
static tn_status fill_piece(const tn_model *m, const tn_words *x, size_t *row, int32_t limit, piece *p, size_t *n_lost,
                            tn_arena *a, tn_err *err)
{
    p->start.len = p->ids.len = p->word.len = 0;
    bool whole = TN_PUSH(&p->start, 0);
    for (; whole && *row < x->n_rows && p->ids.len < PIECE; (*row)++) {
        size_t from = x->start[*row], n = x->start[*row + 1] - from;
        tn_words_row r;
        tn_arena_reset(a);
        if (tn_model_encode_words(m, x->word + from, n, limit, a, &r, err) != TN_OK)
            return tn_fail_prefix(err, "row %zu", *row + 1);
        for (int32_t i = 0; whole && i < r.n; i++)
            whole =
                TN_PUSH(&p->ids, r.ids[i]) && TN_PUSH(&p->word, r.first[i] < 0 ? SIZE_MAX : from + (size_t)r.first[i]);
        whole = whole && TN_PUSH(&p->start, (int32_t)p->ids.len);
        *n_lost += r.n_lost;
    }
    return whole ? TN_OK : tn_fail_nomem(err, p->ids.cap * sizeof(int32_t));
}

static void take_tags(const piece *p, const float *probability, int32_t width, int32_t *tag, float *score)
{
    for (size_t i = 0; i < p->ids.len; i++)
        if (p->word.ptr[i] != SIZE_MAX) {
            const float *line = probability + i * (size_t)width;
            int32_t best = tn_argmax(line, width);
            tag[p->word.ptr[i]] = best;
            score[p->word.ptr[i]] = line[best];
        }
}

/* Either tags and scores, or states. */
static tn_status run_words(tn_model *m, const tn_words *x, int32_t limit, int32_t *tag, float *score, float *state,
                           size_t *n_lost, tn_err *err)
{
    size_t width = state ? (size_t)tn_model_config(m)->hidden_size : (size_t)tn_model_width(m), lost = 0;
    tn_status st = TN_OK;
    tn_arena *scratch = tn_arena_new(0), *out = tn_arena_new(0);
    piece p = {0};
    if (!scratch || !out) {
        st = tn_fail_nomem(err, 65536);
        goto done;
    }
    for (size_t row = 0; row < x->n_rows;) {
        TN_GO(fill_piece(m, x, &row, limit, &p, &lost, scratch, err));
        tn_arena_reset(out);
        float *line = TN_ARENA_ARRAY(out, float, p.ids.len *width);
        if (!line) {
            st = tn_fail_nomem(err, p.ids.len * width * sizeof *line);
            goto done;
        }
        tn_batch b = {.n_rows = (int32_t)p.start.len - 1, .start = p.start.ptr, .ids = p.ids.ptr};
        if (state) {
            TN_GO(tn_model_states(m, &b, line, err));
            for (size_t i = 0; i < p.ids.len; i++)
                if (p.word.ptr[i] != SIZE_MAX)
                    memcpy(state + p.word.ptr[i] * width, line + i * width, width * sizeof *line);
        } else {
            TN_GO(tn_model_logits(m, &b, line, err));
            tn_model_scores(m, line, (int32_t)p.ids.len);
            take_tags(&p, line, (int32_t)width, tag, score);
        }
    }
    if (n_lost)
        *n_lost = lost;
done:
    piece_free(&p);
    tn_arena_free(scratch);
    tn_arena_free(out);
    return st;
}

tn_status tn_model_tag_words(tn_model *m, const tn_words *x, int32_t limit, int32_t *tag, float *score, size_t *n_lost,
                             tn_err *err)
{
    if (tn_model_config(m)->task != TN_TASK_TOKENS)
        return tn_fail(err, TN_EINVALID, "this model does not tag words: it has no head for token classification");
    for (size_t i = 0; i < x->start[x->n_rows]; i++)
        tag[i] = -1, score[i] = 0;
    return run_words(m, x, limit, tag, score, NULL, n_lost, err);
}

tn_status tn_model_word_states(tn_model *m, const tn_words *x, int32_t limit, float *out, tn_err *err)
{
    memset(out, 0, x->start[x->n_rows] * (size_t)tn_model_config(m)->hidden_size * sizeof *out);
    return run_words(m, x, limit, NULL, NULL, out, NULL, err);
}

/* ---- texts ---- */

static const char *const aggregation_name[TN_N_AGGREGATIONS] = {"none", "simple", "first", "average", "max"};

const char *tn_aggregation_name(tn_aggregation a)
{
    return aggregation_name[a];
}

bool tn_aggregation_parse(tn_str name, tn_aggregation *out)
{
    for (int i = 0; i < TN_N_AGGREGATIONS; i++)
        if (tn_str_is(name, aggregation_name[i])) {
            *out = (tn_aggregation)i;
            return true;
        }
    return false;
}

/* A token, or a word of several, with one label. */
typedef struct {
    const float *p; /* [L]; NULL once a word */
    int32_t label, index;
    float score;
    tn_str word;
    uint32_t start, end;
    bool goes_on; /* the word before */
} unit;

typedef struct {
    const tn_model *m;
    tn_str text;
    size_t *byte;  /* [code points + 1] */
    bool prefixed; /* the tokenizer marks tokens that go on a word */
    tn_arena *a;
    tn_err *err;
} reader;

/* The spelling of tokens one behind the other, as the file's decoder joins them. */
static tn_status join(const reader *r, const unit *u, size_t n, tn_str *out)
{
    tn_str *token = TN_ARENA_ARRAY(r->a, tn_str, n);
    if (!token)
        return tn_fail_nomem(r->err, n * sizeof *token);
    for (size_t i = 0; i < n; i++)
        token[i] = u[i].word;
    return tn_tokenizer_join(tn_model_tokenizer(r->m), token, n, r->a, out, r->err);
}

static tn_str slice(const reader *r, uint32_t start, uint32_t end)
{
    return tn_str_sub(r->text, r->byte[start], r->byte[end]);
}

static bool follows_blank(const reader *r, uint32_t start)
{
    return start == 0 || r->text.ptr[r->byte[start - 1]] == ' ' ||
           (r->byte[start] < r->text.len && r->text.ptr[r->byte[start]] == ' ');
}

static unit unit_of(const reader *r, const tn_encoding *x, size_t i, const float *line)
{
    uint32_t unknown;
    const tn_config *k = tn_model_config(r->m);
    tn_str ref = slice(r, x->start[i], x->end[i]), word = tn_tokenizer_token_of(tn_model_tokenizer(r->m), x->ids[i]);
    unit u = {.p = line,
              .label = tn_argmax(line, k->n_labels),
              .index = (int32_t)i,
              .word = word,
              .start = x->start[i],
              .end = x->end[i]};
    u.score = line[u.label];
    u.goes_on = r->prefixed ? tn_utf8_count(word) != tn_utf8_count(ref) : !follows_blank(r, x->start[i]);
    if (tn_tokenizer_unknown_id(tn_model_tokenizer(r->m), &unknown) && x->ids[i] == unknown) {
        u.word = ref;
        u.goes_on = false;
    }
    return u;
}

/* Label and score of a word's tokens u[0, n). */
static tn_status word_of(const reader *r, const unit *u, size_t n, tn_aggregation how, unit *out)
{
    int32_t n_labels = tn_model_config(r->m)->n_labels;
    const unit *chosen = u;
    *out = (unit){.start = u[0].start, .end = u[n - 1].end};
    TN_TRY(join(r, u, n, &out->word));
    for (size_t i = 1; i < n && how == TN_AGGREGATE_MAX; i++)
        chosen = u[i].score > chosen->score ? &u[i] : chosen;
    out->label = chosen->label;
    out->score = chosen->score;
    if (how != TN_AGGREGATE_AVERAGE)
        return TN_OK;
    for (int32_t k = 0; k < n_labels; k++) {
        float sum = 0;
        for (size_t i = 0; i < n; i++)
            sum += u[i].p[k];
        sum /= (float)n;
        if (k == 0 || sum > out->score) {
            out->label = k;
            out->score = sum;
        }
    }
    return TN_OK;
}

/* Units become words, in place. */
static tn_status words_of(const reader *r, unit *u, size_t *n, tn_aggregation how)
{
    size_t n_words = 0;
    for (size_t i = 0, end; i < *n; i = end) {
        unit word;
        for (end = i + 1; end < *n && u[end].goes_on; end++)
            ;
        TN_TRY(word_of(r, u + i, end - i, how, &word));
        u[n_words++] = word;
    }
    *n = n_words;
    return TN_OK;
}

static tn_str type_of(tn_str label, bool *begins)
{
    *begins = tn_str_starts(label, "B-");
    return *begins || tn_str_starts(label, "I-") ? tn_str_sub(label, 2, label.len) : label;
}

/* Behind the first hyphen, if there is one. */
static tn_str group_of(tn_str label)
{
    size_t at = tn_str_find(label, TN_STR("-"), 0);
    return at == SIZE_MAX ? label : tn_str_sub(label, at + 1, label.len);
}

static void add_span(tn_text_spans *out, tn_text_span s)
{
    if (!tn_str_is(s.entity, "O"))
        out->span[out->n++] = s;
}

static tn_status group(const reader *r, const unit *u, size_t n, tn_text_spans *out)
{
    const tn_config *k = tn_model_config(r->m);
    for (size_t i = 0, end; i < n; i = end) {
        bool begins;
        tn_str type = type_of(k->label[u[i].label], &begins), word;
        double sum = (double)u[i].score;
        for (end = i + 1; end < n && tn_str_eq(type_of(k->label[u[end].label], &begins), type) && !begins; end++)
            sum += (double)u[end].score;
        TN_TRY(join(r, u + i, end - i, &word));
        add_span(out, (tn_text_span){.entity = group_of(k->label[u[i].label]),
                                     .score = (float)(sum / (double)(end - i)),
                                     .word = word,
                                     .start = u[i].start,
                                     .end = u[end - 1].end});
    }
    return TN_OK;
}

static tn_status code_points(reader *r)
{
    size_t n = 0;
    r->byte = TN_ARENA_ARRAY(r->a, size_t, tn_utf8_count(r->text) + 1);
    if (!r->byte)
        return tn_fail_nomem(r->err, r->text.len * sizeof(size_t));
    for (size_t at = 0; at < r->text.len; tn_utf8_next(r->text, &at))
        r->byte[n++] = at;
    r->byte[n] = r->text.len;
    return TN_OK;
}

static tn_status spans_of_text(tn_model *m, tn_str text, tn_aggregation how, tn_arena *a, tn_text_spans *out,
                               tn_err *err)
{
    const tn_tokenizer *t = tn_model_tokenizer(m);
    const tn_config *k = tn_model_config(m);
    tn_encoding x;
    reader r = {
        .m = m, .text = text, .prefixed = strcmp(tn_tokenizer_model_name(t), "WordPiece") == 0, .a = a, .err = err};
    TN_TRY(
        tn_tokenizer_encode(t, text, &(tn_encode_options){.max_length = (uint32_t)tn_model_max_tokens(m)}, a, &x, err));
    *out = (tn_text_spans){.cut = x.n_cut > 0};
    if (x.n == 0)
        return TN_OK;
    int32_t *ids = TN_ARENA_ARRAY(a, int32_t, x.n), start[2] = {0, (int32_t)x.n};
    float *line = TN_ARENA_ARRAY(a, float, x.n *(size_t)k->n_labels);
    unit *u = TN_ARENA_ARRAY(a, unit, x.n);
    out->span = TN_ARENA_ARRAY(a, tn_text_span, x.n);
    if (!ids || !line || !u || !out->span)
        return tn_fail_nomem(err, x.n * sizeof *u);
    for (size_t i = 0; i < x.n; i++)
        ids[i] = (int32_t)x.ids[i];
    TN_TRY(tn_model_logits(m, &(tn_batch){.n_rows = 1, .start = start, .ids = ids}, line, err));
    tn_model_scores(m, line, (int32_t)x.n);
    TN_TRY(code_points(&r));
    size_t n = 0;
    for (size_t i = 0; i < x.n; i++)
        if (!x.special[i])
            u[n++] = unit_of(&r, &x, i, line + i * (size_t)k->n_labels);
    if (how == TN_AGGREGATE_NONE) {
        for (size_t i = 0; i < n; i++)
            add_span(out,
                     (tn_text_span){k->label[u[i].label], u[i].score, u[i].index, u[i].word, u[i].start, u[i].end});
        return TN_OK;
    }
    if (how != TN_AGGREGATE_SIMPLE)
        TN_TRY(words_of(&r, u, &n, how));
    return group(&r, u, n, out);
}

tn_status tn_model_find_spans(tn_model *m, const tn_str *text, size_t n, tn_aggregation how, tn_arena *a,
                              tn_text_spans *out, tn_err *err)
{
    if (tn_model_config(m)->task != TN_TASK_TOKENS)
        return tn_fail(err, TN_EINVALID, "this model does not tag words: it has no head for token classification");
    for (size_t i = 0; i < n; i++)
        if (spans_of_text(m, text[i], how, a, &out[i], err) != TN_OK)
            return tn_fail_prefix(err, "text %zu", i + 1);
    return TN_OK;
}

void tn_text_span_write(const tn_text_span *s, tn_aggregation how, tn_json_writer *w)
{
    tn_jw_begin_object(w);
    tn_jw_key(w, how == TN_AGGREGATE_NONE ? "entity" : "entity_group");
    tn_jw_str(w, s->entity);
    tn_jw_key(w, "score");
    tn_jw_f32(w, s->score);
    if (how == TN_AGGREGATE_NONE) {
        tn_jw_key(w, "index");
        tn_jw_i64(w, s->index);
    }
    tn_jw_key(w, "word");
    tn_jw_str(w, s->word);
    tn_jw_key(w, "start");
    tn_jw_i64(w, s->start);
    tn_jw_key(w, "end");
    tn_jw_i64(w, s->end);
    tn_jw_end_object(w);
}
