/* Which column is the text, the label, the id: what the user named, else usual names in tiers, else what the cells look
 * like. The first way that gives an answer is final, and the answer carries its reason; two answers in one way are an
 * error with the list of columns, never a guess. */
#include "data/table.h"

#include "base/map.h"

#include <string.h>

/* Lower case, with '_' for what people put between words. Only for comparing with the lists below. */
static tn_str plain_name(tn_str name, char *out, size_t cap)
{
    size_t n = name.len < cap ? name.len : cap;
    for (size_t i = 0; i < n; i++) {
        char c = name.ptr[i];
        out[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c == ' ' || c == '-' || c == '.' ? '_' : c;
    }
    return (tn_str){out, n};
}

static bool is_in(tn_str name, const char *list)
{
    char buf[64];
    tn_str plain = plain_name(name, buf, sizeof buf), rest = tn_str_of(list), word;
    while (tn_str_cut(&rest, ' ', &word))
        if (tn_str_eq(word, plain))
            return true;
    return false;
}

/* The columns found, for sentences. */
static tn_str columns_of(const tn_table *t)
{
    tn_str s = TN_STR("");
    for (size_t i = 0; i < t->column.len && i < 20 && s.ptr; i++)
        s = tn_str_format(t->arena, "%.*s%s%.*s", TN_ARG(s), i ? ", " : "",
                          (int)(t->column.ptr[i].name.len > 60 ? 60 : t->column.ptr[i].name.len),
                          t->column.ptr[i].name.ptr);
    if (t->column.len > 20 && s.ptr)
        s = tn_str_format(t->arena, "%.*s and %zu more", TN_ARG(s), t->column.len - 20);
    return s.ptr ? s : TN_STR("?");
}

static int find_exact(const tn_table *t, tn_str name)
{
    for (size_t i = 0; i < t->column.len; i++)
        if (tn_str_eq(t->column.ptr[i].name, name))
            return (int)i;
    return -1;
}

static int find_any_case(const tn_table *t, tn_str name, size_t *n)
{
    char a[256], b[256];
    int at = -1;
    *n = 0;
    for (size_t i = 0; i < t->column.len; i++)
        if (tn_str_eq(plain_name(t->column.ptr[i].name, a, sizeof a), plain_name(name, b, sizeof b)) && (*n)++ == 0)
            at = (int)i;
    return at;
}

static tn_status take_named(const tn_table *t, const char *what, const char *name, const tn_data_file *file, int *at,
                            tn_column_choice *why, tn_err *err)
{
    size_t n = 1;
    *at = find_exact(t, tn_str_of(name));
    if (*at < 0)
        *at = find_any_case(t, tn_str_of(name), &n);
    if (*at < 0 || n > 1)
        return tn_fail(err, TN_ENOENT, "%.*s: no column \"%s\" for the %s; the columns are: %.*s", TN_ARG(file->path),
                       name, what, TN_ARG(columns_of(t)));
    why->why = TN_STR("named");
    return TN_OK;
}

/* The one column whose name is in the first tier that has any; *n says how many that tier has. */
static int find_usual(const tn_table *t, const char *const *tier, size_t n_tiers, size_t *n)
{
    for (size_t k = 0; k < n_tiers; k++) {
        int at = -1;
        *n = 0;
        for (size_t i = 0; i < t->column.len; i++)
            if (is_in(t->column.ptr[i].name, tier[k]) && (*n)++ == 0)
                at = (int)i;
        if (*n)
            return at;
    }
    *n = 0;
    return -1;
}

typedef struct {
    size_t n, n_distinct, n_letters, n_words;
    double mean; /* code points */
    bool numbers;
} looks;

static tn_status look_at(const tn_table *t, int column, looks *out, tn_err *err)
{
    tn_map seen = TN_MAP_INIT;
    *out = (looks){.numbers = true};
    for (size_t r = 0; r < t->record.len; r++) {
        tn_str cell = tn_str_trim(tn_table_cell(t, r, column));
        if (tn_cell_is_missing(cell))
            continue;
        out->n++;
        out->n_letters += tn_utf8_count(cell);
        for (size_t i = 0; i < cell.len; i++)
            out->n_words += cell.ptr[i] == ' ' && i + 1 < cell.len && cell.ptr[i + 1] != ' ';
        out->n_words++;
        double v;
        out->numbers = out->numbers && tn_str_to_f64(cell, &v);
        if (!tn_map_put(&seen, cell, r, NULL)) {
            tn_map_free(&seen);
            return tn_fail_nomem(err, sizeof(tn_map_entry));
        }
    }
    out->n_distinct = seen.len;
    out->mean = out->n ? (double)out->n_letters / (double)out->n : 0;
    tn_map_free(&seen);
    return TN_OK;
}

static tn_status ambiguous(const tn_table *t, const char *what, const tn_data_file *file, tn_err *err)
{
    return tn_fail(err, TN_EINVALID,
                   "%.*s: more than one column could be the %s; the columns are: %.*s. Name it in the brief: "
                   "data: {path: ..., %s: COLUMN}",
                   TN_ARG(file->path), what, TN_ARG(columns_of(t)), what);
}

static tn_status missing(const tn_table *t, const char *what, const tn_data_file *file, tn_err *err)
{
    return tn_fail(err, TN_ENOENT,
                   "%.*s: no column looks like the %s; the columns are: %.*s. Name it in the brief: "
                   "data: {path: ..., %s: COLUMN} (or add a header line, if the first line is a row)",
                   TN_ARG(file->path), what, TN_ARG(columns_of(t)), what);
}

static tn_status text_by_content(const tn_table *t, int label, int id, int pair, const tn_data_file *file, int *at,
                                 tn_column_choice *why, tn_err *err)
{
    double best = 0, second = 0;
    *at = -1;
    for (size_t i = 0; i < t->column.len; i++) {
        looks l;
        if ((int)i == label || (int)i == id || (int)i == pair)
            continue;
        TN_TRY(look_at(t, (int)i, &l, err));
        /* Prose: mostly distinct, two words or more on average (or long without blanks: Chinese, Japanese, Thai). */
        bool prose = l.n > 0 && !l.numbers && l.n_distinct * 2 >= l.n && (l.n_words >= 2 * l.n || l.mean >= 12) &&
                     t->column.ptr[i].place.len == 0;
        if (!prose && t->column.len > 1)
            continue;
        if (l.mean > best)
            second = best, best = l.mean, *at = (int)i;
        else if (l.mean > second)
            second = l.mean;
    }
    if (*at < 0)
        return missing(t, "text", file, err);
    if (second * 2 > best)
        return ambiguous(t, "text", file, err);
    why->why = t->column.len == 1
                   ? TN_STR("the only column")
                   : tn_str_format(t->arena, "the only column of prose, %.0f characters on average", best);
    return why->why.ptr ? TN_OK : tn_fail_nomem(err, 64);
}

static tn_status label_by_content(const tn_table *t, const tn_columns *taken, const tn_data_file *file, int *at,
                                  tn_column_choice *why, tn_err *err)
{
    size_t n = 0, n_distinct = 0;
    for (size_t i = 0; i < t->column.len; i++) {
        looks l;
        if ((int)i == taken->text || (int)i == taken->id || (int)i == taken->split || (int)i == taken->pair)
            continue;
        TN_TRY(look_at(t, (int)i, &l, err));
        if (l.n_distinct >= 2 && l.n_distinct <= 100 && l.n_distinct * 2 <= l.n && l.mean <= 60 && n++ == 0)
            *at = (int)i, n_distinct = l.n_distinct;
    }
    if (n != 1)
        *at = -1;
    if (n > 1)
        return ambiguous(t, "label", file, err);
    if (n == 0)
        return missing(t, "label", file, err);
    why->why =
        tn_str_format(t->arena, "the only column of few distinct values: %zu in %zu rows", n_distinct, t->record.len);
    return why->why.ptr ? TN_OK : tn_fail_nomem(err, 64);
}

/* A column `split` that says nothing but splits. */
static int find_split(const tn_table *t)
{
    size_t n;
    int at = find_any_case(t, TN_STR("split"), &n);
    if (at < 0 || n > 1)
        return -1;
    for (size_t r = 0; r < t->record.len; r++)
        if (tn_split_word(tn_str_trim(tn_table_cell(t, r, at))) == TN_SPLIT_NONE)
            return -1;
    return at;
}

static tn_status check_present(const tn_table *t, int at, const char *what, size_t n_files, const tn_data_file *file,
                               tn_err *err)
{
    if (at < 0)
        return TN_OK;
    if (t->column.ptr[at].n_files < n_files)
        for (size_t i = 0; i < n_files; i++) {
            bool has = false;
            for (size_t r = 0; r < t->record.len && !has; r++)
                has = t->record.ptr[r].file == i && (size_t)at < t->record.ptr[r].n_cells &&
                      t->record.ptr[r].cell[at].ptr;
            if (!has)
                return tn_fail(err, TN_ENOENT,
                               "%.*s: no column \"%.*s\", which is the %s in the other files; add it, or "
                               "name the files to read",
                               TN_ARG(file[i].path), TN_ARG(t->column.ptr[at].name), what);
        }
    return TN_OK;
}

/* One tier a string; brackets say that a long one is meant to be one. */
static const char *const usual_text[] = {
    "text",
    ("sentence review content comment body message tweet document utterance query question post review_text "
     "review_body "
     "text_review comment_text review_content sentence_text input inputs feedback description news article sms email "
     "noi_dung nội_dung binh_luan bình_luận van_ban văn_bản nhan_xet nhận_xét câu cau"),
    "title headline summary subject",
};
static const char *const usual_label[] = {
    "label",
    ("labels category intent sentiment class target label_text label_name emotion topic polarity y nhan nhãn cam_xuc "
     "cảm_xúc"),
    "stars rating score star overall",
};
static const char *const usual_id[] = {
    "id",
    "idx uuid guid row_id review_id comment_id message_id tweet_id sample_id example_id text_id doc_id document_id",
    "index unnamed:_0",
};

/* Columns of two texts that go together. */
static const char *const usual_pairs[][2] = {
    {"premise", "hypothesis"}, {"sentence1", "sentence2"}, {"sentence_1", "sentence_2"}, {"question1", "question2"},
    {"text1", "text2"},        {"text_1", "text_2"},       {"text_a", "text_b"},         {"sentence_a", "sentence_b"},
    {"claim", "evidence"},     {"question", "sentence"},   {"question", "answer"},       {"query", "passage"},
    {"query", "document"},     {"text", "text_pair"},      {"anchor", "positive"},       {"tien_de", "gia_thuyet"},
    {"câu1", "câu2"},          {"cau1", "cau2"},
};

/* The first text too, unless it is named. */
static tn_status choose_pair(const tn_table *t, const tn_data_source *s, const tn_data_file *file, tn_columns *out, tn_err *err)
{
    size_t n;
    if (s->pair)
        return take_named(t, "second text", s->pair, file, &out->pair, &out->why[4], err);
    for (size_t i = 0; i < TN_COUNT(usual_pairs); i++) {
        int first = find_any_case(t, tn_str_of(usual_pairs[i][0]), &n), second = find_any_case(t, tn_str_of(usual_pairs[i][1]), &n);
        if (first < 0 || second < 0 || (out->text >= 0 && out->text != first))
            continue;
        if (out->text < 0)
            out->why[0].why = TN_STR("usual names of two texts");
        out->text = first;
        out->pair = second;
        out->why[4].why = TN_STR("usual names of two texts");
        return TN_OK;
    }
    return tn_fail(err, TN_ENOENT,
                   "%.*s: no two columns look like the two texts of a pair; the columns are: %.*s. Name them in the brief: "
                   "data: {path: ..., text: COLUMN, pair: COLUMN}",
                   TN_ARG(file->path), TN_ARG(columns_of(t)));
}

static tn_status choose_flags(const tn_table *t, const tn_data_source *s, const tn_data_file *file, tn_columns *out, tn_err *err)
{
    out->flag = TN_ARENA_ARRAY(t->arena, int, s->n_label_columns);
    if (!out->flag)
        return tn_fail_nomem(err, s->n_label_columns * sizeof *out->flag);
    for (size_t i = 0; i < s->n_label_columns; i++) {
        out->flag[i] = find_exact(t, s->label_columns[i]);
        if (out->flag[i] < 0)
            return tn_fail(err, TN_ENOENT, "%.*s: no column \"%.*s\" for a label; the columns are: %.*s", TN_ARG(file->path),
                           TN_ARG(tn_str_sub(s->label_columns[i], 0, 80)), TN_ARG(columns_of(t)));
        for (size_t k = 0; k < i; k++)
            if (out->flag[k] == out->flag[i])
                return tn_fail(err, TN_EINVALID, "%.*s: the label column \"%.*s\" is given twice", TN_ARG(file->path), TN_ARG(s->label_columns[i]));
    }
    out->why[1].why = TN_STR("named");
    return TN_OK;
}

tn_status tn_table_choose(const tn_table *t, const tn_data_source *s, size_t n_files, const tn_data_file *file,
                          tn_columns *out, tn_err *err)
{
    size_t n;
    bool labels_needed = s->use != TN_DATA_PREDICT && !s->label_columns;
    *out = (tn_columns){.text = -1, .label = -1, .id = -1, .split = -1, .pair = -1};
    tn_str usual = TN_STR("usual name");
    /* Names first, for all three, so that a named column is no candidate for another role. */
    if (s->text)
        TN_TRY(take_named(t, "text", s->text, file, &out->text, &out->why[0], err));
    if (s->label)
        TN_TRY(take_named(t, "label", s->label, file, &out->label, &out->why[1], err));
    if (s->id && s->id[0])
        TN_TRY(take_named(t, "id", s->id, file, &out->id, &out->why[2], err));
    if (s->label_columns)
        TN_TRY(choose_flags(t, s, file, out, err));
    if (s->pairs || s->pair)
        TN_TRY(choose_pair(t, s, file, out, err));
    if (out->text < 0) {
        int at = find_usual(t, usual_text, TN_COUNT(usual_text), &n);
        if (n > 1)
            return ambiguous(t, "text", file, err);
        if (n == 1 && at != out->label && at != out->id && at != out->pair)
            out->text = at, out->why[0].why = usual;
    }
    if (!s->label && !s->label_columns) {
        int at = find_usual(t, usual_label, TN_COUNT(usual_label), &n);
        if (n > 1 && labels_needed)
            return ambiguous(t, "label", file, err);
        if (n == 1 && at != out->text && at != out->id && at != out->pair)
            out->label = at, out->why[1].why = usual;
    }
    if (!s->id) {
        int at = find_usual(t, usual_id, TN_COUNT(usual_id), &n);
        if (n == 1 && at != out->text && at != out->label && at != out->pair)
            out->id = at, out->why[2].why = usual;
    }
    if (out->text < 0)
        TN_TRY(text_by_content(t, out->label, out->id, out->pair, file, &out->text, &out->why[0], err));
    out->split = n_files == 1 && file[0].split == TN_SPLIT_NONE ? find_split(t) : -1;
    if (out->label < 0 && labels_needed && s->kind != TN_LABEL_CLASS)
        return missing(t, "label", file, err);
    if (out->label < 0 && labels_needed)
        TN_TRY(label_by_content(t, out, file, &out->label, &out->why[1], err));
    if (out->split >= 0 && (out->split == out->text || out->split == out->label || out->split == out->id))
        out->split = -1;
    if (out->split >= 0)
        out->why[3].why = TN_STR("every cell names a split");
    if (out->pair >= 0 && (out->pair == out->text || out->pair == out->label || out->pair == out->id))
        return tn_fail(err, TN_EINVALID, "%.*s: the second text must be a column of its own", TN_ARG(file->path));
    if (out->text == out->label || (out->id >= 0 && (out->id == out->text || out->id == out->label)))
        return tn_fail(err, TN_EINVALID, "%.*s: text, label and id must be different columns", TN_ARG(file->path));
    static const char *const role[] = {"text", "label", "id", "split", "second text"};
    int at[] = {out->text, out->label, out->id, out->split, out->pair};
    for (int i = 0; i < 5; i++) {
        if (at[i] < 0)
            continue;
        out->why[i].name = t->column.ptr[at[i]].name;
        TN_TRY(check_present(t, at[i], role[i], n_files, file, err));
        if (t->column.ptr[at[i]].place.len && !(at[i] == out->label && s->kind == TN_LABEL_SET))
            return tn_fail(err, TN_EFORMAT,
                           "%.*s: \"%.*s\" is an array or an object here; the %s must be one value a row",
                           TN_ARG(t->column.ptr[at[i]].place), TN_ARG(t->column.ptr[at[i]].name), role[i]);
    }
    return TN_OK;
}
