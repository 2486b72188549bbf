/* Files -> sentences of words and tags as they stand -> the label set -> indices. Words and tags are collected for all
 * files laid end to end; a sentence that has to go takes its words back off the end, so nothing is moved later.
 *
 * CoNLL is a family of habits, not a format. What is assumed is the least that reads CoNLL-2003, WNUT, CoNLL-U and what
 * people export: the first line that is surely a word (no empty line, no -DOCSTART-, no #) says what parts the columns
 * and how many there are, and every other line must agree. */
#include "data/tokens.h"

#include "base/file.h"
#include "base/map.h"
#include "codec/json.h"
#include "data/note.h"
#include "data/table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_COLUMNS = 64, /* of a CoNLL line; CoNLL-U has 10 */
    MAX_WORD = 1000,  /* bytes; the longest address on the web that people paste is shorter */
    MAX_TAGS = 1000,  /* TN_MAX_LABELS of a model */
    LINE_BYTES = 1 << 16,
};

typedef struct {
    const tn_data_source *s;
    tn_dataset *d;
    tn_tokens *k;
    tn_findings *findings;
    tn_err *err;
    size_t max_record, max_rows;
    uint32_t file;
    TN_VEC(tn_row) row;
    TN_VEC(size_t) start;
    TN_VEC(tn_str) word;
    TN_VEC(tn_str) tag;      /* ptr NULL: missing */
    TN_VEC(tn_str) document; /* a row's */
    TN_VEC(uint32_t) line;   /* of each word */
    size_t n_with_id;        /* rows that brought an id */
    bool ids_repeat;
    /* The sentence at work. */
    size_t first, bytes;
    tn_str id, at_document;
    uint32_t n_documents;
    bool documents; /* of the file at work */
    tn_map seen;    /* ids of the file at work */
} builder;

static const char *path_of(const builder *b)
{
    return b->d->file[b->file].path.ptr;
}

static tn_status no_memory(const builder *b, size_t n)
{
    return tn_fail_nomem(b->err, n);
}

/* ---- sentences ---- */

static tn_status add_word(builder *b, tn_str word, tn_str tag, uint32_t line)
{
    word = tn_str_trim(word);
    tag = tn_str_trim(tag);
    if (word.len == 0)
        return tn_fail(b->err, TN_EFORMAT, "%s:%u: a word is empty", path_of(b), line);
    if (memchr(word.ptr, 0, word.len) || memchr(tag.len ? tag.ptr : "", 0, tag.len))
        return tn_fail(b->err, TN_EFORMAT, "%s:%u: a word or tag holds a NUL character (\\u0000); remove it", path_of(b),
                       line);
    if (word.len > MAX_WORD || tag.len > MAX_WORD)
        return tn_fail(b->err, TN_ELIMIT,
                       "%s:%u: a word or tag of %zu bytes; %d are the most: are the columns parted right?", path_of(b),
                       line, word.len > tag.len ? word.len : tag.len, MAX_WORD);
    if (memchr(tag.len ? tag.ptr : "", ' ', tag.len))
        return tn_fail(b->err, TN_EFORMAT, "%s:%u: the tag \"%.*s\" holds a blank", path_of(b), line, TN_ARG(tn_str_sub(tag, 0, 80)));
    b->bytes += word.len + 1;
    if (b->bytes > b->max_record)
        return tn_fail(b->err, TN_ELIMIT,
                       "%s:%u: a sentence of more than %zu bytes: an empty line must stand between sentences",
                       path_of(b), line, b->max_record);
    if (!TN_PUSH(&b->word, word) || !TN_PUSH(&b->tag, tag) || !TN_PUSH(&b->line, line))
        return no_memory(b, sizeof(tn_str));
    return TN_OK;
}

static tn_status text_of(builder *b, size_t from, size_t to, tn_str *out)
{
    size_t n = 0;
    for (size_t i = from; i < to; i++)
        n += b->word.ptr[i].len + 1;
    char *p = tn_arena_alloc(b->d->arena, n);
    if (!p)
        return no_memory(b, n);
    *out = (tn_str){p, n - 1};
    for (size_t i = from; i < to; i++) {
        memcpy(p, b->word.ptr[i].ptr, b->word.ptr[i].len);
        p += b->word.ptr[i].len;
        *p++ = i + 1 < to ? ' ' : 0;
    }
    return TN_OK;
}

static bool all_tagged(const builder *b)
{
    for (size_t i = b->first; i < b->tag.len; i++)
        if (!b->tag.ptr[i].ptr)
            return false;
    return true;
}

/* The words since the last end are a sentence, if there are any. */
static tn_status end_sentence(builder *b)
{
    size_t first = b->first, n = b->word.len - first;
    tn_str id = b->id;
    b->bytes = 0;
    b->id = (tn_str){0};
    if (n == 0)
        return TN_OK;
    tn_data_file *f = &b->d->file[b->file];
    f->n_records++;
    if (b->s->use != TN_DATA_PREDICT && !all_tagged(b)) {
        b->k->n_untagged++;
        b->word.len = b->tag.len = b->line.len = first;
        return TN_OK;
    }
    if (b->row.len >= b->max_rows)
        return tn_fail(b->err, TN_ELIMIT, "%s: more than %zu sentences", path_of(b), b->max_rows);
    tn_row row = {.id = id, .label = -1, .split = f->split, .file = b->file, .line = b->line.ptr[first]};
    TN_TRY(text_of(b, first, first + n, &row.text));
    if (id.ptr) {
        bool is_new;
        if (!tn_map_put(&b->seen, id, 0, &is_new))
            return no_memory(b, sizeof(tn_map_entry));
        b->n_with_id++;
        b->ids_repeat = b->ids_repeat || !is_new;
    }
    if (!TN_PUSH(&b->row, row) || !TN_PUSH(&b->start, first) || !TN_PUSH(&b->document, b->at_document))
        return no_memory(b, sizeof row);
    f->n_rows++;
    b->first = b->word.len;
    return TN_OK;
}

static tn_status begin_document(builder *b, tn_str name)
{
    TN_TRY(end_sentence(b));
    b->n_documents++;
    b->documents = true;
    b->at_document =
        name.len ? tn_str_dup(b->d->arena, name) : tn_str_format(b->d->arena, "%u:%u", b->file, b->n_documents);
    return b->at_document.ptr ? TN_OK : no_memory(b, name.len);
}

/* ---- CoNLL ---- */

typedef struct {
    bool tabs, conllu;
    size_t n;                      /* columns */
    size_t word, tag;              /* tag = SIZE_MAX: none */
    tn_str names[MAX_COLUMNS + 1]; /* of CoNLL-U Plus, or CoNLL-U's; one more tells that there are too many */
    size_t n_names;
} layout;

/* The next line of *rest without its end. */
static bool next_line(tn_str *rest, tn_str *line)
{
    if (!tn_str_cut(rest, '\n', line))
        return false;
    while (line->len && line->ptr[line->len - 1] == '\r')
        line->len--;
    return true;
}

/* cell [MAX_COLUMNS + 1]: the last one says that there are too many. */
static size_t cut_columns(tn_str line, bool tabs, tn_str *cell)
{
    size_t n = 0;
    tn_str part;
    if (tabs) {
        while (n <= MAX_COLUMNS && tn_str_cut(&line, '\t', &part))
            cell[n++] = part;
        while (n > 1 && tn_str_trim(cell[n - 1]).len == 0)
            n--;
        return n;
    }
    for (size_t i = 0; i < line.len && n <= MAX_COLUMNS;) {
        while (i < line.len && (line.ptr[i] == ' ' || line.ptr[i] == '\t'))
            i++;
        size_t from = i;
        while (i < line.len && line.ptr[i] != ' ' && line.ptr[i] != '\t')
            i++;
        if (i > from)
            cell[n++] = tn_str_sub(line, from, i);
    }
    return n;
}

static bool is_docstart(tn_str line)
{
    return tn_str_starts(line, "-DOCSTART-");
}

static bool is_number(tn_str s)
{
    int64_t v;
    return tn_str_to_i64(s, &v) && v > 0;
}

/* "1-2" or "1.1": a range of words written together, or a word that is not there. */
static bool is_no_word(tn_str id)
{
    for (size_t i = 1; i + 1 < id.len; i++)
        if (id.ptr[i] == '-' || id.ptr[i] == '.')
            return is_number(tn_str_sub(id, 0, i));
    return false;
}

static const char *const conllu_names[] = {"ID",    "FORM", "LEMMA",  "UPOS", "XPOS",
                                           "FEATS", "HEAD", "DEPREL", "DEPS", "MISC"};

static bool equal_fold(tn_str a, tn_str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        char x = a.ptr[i], y = b.ptr[i];
        if ((x >= 'A' && x <= 'Z' ? x + 32 : x) != (y >= 'A' && y <= 'Z' ? y + 32 : y))
            return false;
    }
    return true;
}

/* A column by its name or its number from 1. */
static tn_status column_of(const builder *b, const layout *l, const char *name, size_t *out)
{
    int64_t number;
    tn_str s = tn_str_of(name);
    for (size_t i = 0; i < l->n_names; i++)
        if (equal_fold(l->names[i], s))
            return *out = i, TN_OK;
    if (tn_str_to_i64(s, &number) && number >= 1 && (uint64_t)number <= l->n)
        return *out = (size_t)number - 1, TN_OK;
    return tn_fail(b->err, TN_ENOENT, "%s: no column \"%s\"; there are %zu: name one by its number from 1%s",
                   path_of(b), name, l->n, l->n_names ? ", or as FORM, UPOS …" : "");
}

/* The layout by the first line that is surely a word. */
static tn_status find_layout(builder *b, tn_str text, layout *l)
{
    tn_str line, cell[MAX_COLUMNS + 1], word = {0}, doubtful = {0}, rest = text;
    *l = (layout){.tag = SIZE_MAX};
    while (!word.ptr && next_line(&rest, &line)) {
        if (tn_str_starts(line, "# global.columns =")) {
            tn_str names = tn_str_sub(line, 18, line.len);
            l->n_names = cut_columns(names, false, l->names);
            if (l->n_names > MAX_COLUMNS)
                return tn_fail(b->err, TN_ELIMIT, "%s: global.columns names more than %d columns", path_of(b),
                               MAX_COLUMNS);
        } else if (tn_str_trim(line).len == 0 || is_docstart(line)) {
            continue;
        } else if (line.ptr[0] != '#') {
            word = line;
        } else if (!doubtful.ptr && memchr(line.ptr, '\t', line.len)) {
            doubtful = line; /* "#tag<TAB>O": a word when nothing better comes */
        }
    }
    if (!word.ptr)
        word = doubtful;
    if (!word.ptr)
        return tn_fail(
            b->err, TN_EFORMAT,
            "%s: no line with a word; a line a word and its tag is needed, and an empty line between sentences",
            path_of(b));
    l->tabs = memchr(word.ptr, '\t', word.len) != NULL;
    l->n = cut_columns(word, l->tabs, cell);
    if (l->n > MAX_COLUMNS)
        return tn_fail(b->err, TN_ELIMIT, "%s: more than %d columns", path_of(b), MAX_COLUMNS);
    l->conllu = l->n_names > 0 || tn_str_ends(tn_str_of(path_of(b)), ".conllu") ||
                (l->tabs && l->n == 10 && is_number(cell[0]));
    if (l->conllu && l->n_names == 0)
        for (; l->n_names < TN_COUNT(conllu_names); l->n_names++)
            l->names[l->n_names] = tn_str_of(conllu_names[l->n_names]);
    if (l->conllu && l->n != l->n_names)
        return tn_fail(b->err, TN_EFORMAT, "%s: CoNLL-U has %zu columns parted by tabs; the first word has %zu",
                       path_of(b), l->n_names, l->n);
    l->word = 0;
    if (b->s->text)
        TN_TRY(column_of(b, l, b->s->text, &l->word));
    else if (l->conllu)
        TN_TRY(column_of(b, l, "FORM", &l->word));
    if (b->s->label)
        TN_TRY(column_of(b, l, b->s->label, &l->tag));
    else if (l->conllu)
        TN_TRY(column_of(b, l, "UPOS", &l->tag));
    else if (l->n > 1)
        l->tag = l->n - 1;
    if (l->tag == SIZE_MAX && b->s->use != TN_DATA_PREDICT)
        return tn_fail(b->err, TN_EFORMAT,
                       "%s: lines have one column; a word and its tag are needed, parted by a tab or blank",
                       path_of(b));
    if (l->tag == l->word)
        return tn_fail(b->err, TN_EINVALID, "%s: column %zu cannot be the word and the tag", path_of(b), l->word + 1);
    return TN_OK;
}

static tn_str comment_value(tn_str line, const char *key)
{
    tn_str rest = tn_str_trim(tn_str_sub(line, 1, line.len));
    if (!tn_str_starts(rest, key))
        return (tn_str){0};
    rest = tn_str_trim(tn_str_sub(rest, strlen(key), rest.len));
    return rest.len && rest.ptr[0] == '=' ? tn_str_trim(tn_str_sub(rest, 1, rest.len)) : (tn_str){0};
}

static tn_status read_comment(builder *b, tn_str line)
{
    tn_str id = comment_value(line, "sent_id"), rest = tn_str_trim(tn_str_sub(line, 1, line.len));
    if (id.len)
        b->id = id;
    if (tn_str_starts(rest, "newdoc"))
        return begin_document(b, comment_value(line, "newdoc id"));
    return TN_OK;
}

static tn_status name_columns(builder *b, const layout *l)
{
    tn_tokens *k = b->k;
    tn_arena *a = b->d->arena;
    tn_str word = l->n_names ? l->names[l->word] : tn_str_format(a, "%zu", l->word + 1);
    tn_str tag = l->tag == SIZE_MAX ? (tn_str){0} : l->n_names ? l->names[l->tag] : tn_str_format(a, "%zu", l->tag + 1);
    word = word.ptr ? tn_str_dup(a, word) : word;
    tag = tag.ptr ? tn_str_dup(a, tag) : tag;
    if (!word.ptr || (l->tag != SIZE_MAX && !tag.ptr))
        return no_memory(b, 16);
    const char *named = "named in the brief";
    k->word_column = (tn_column_choice){word, tn_str_of(b->s->text  ? named
                                                        : l->conllu ? "CoNLL-U"
                                                                    : "the first column")};
    if (tag.ptr)
        k->tag_column = (tn_column_choice){tag, tn_str_of(b->s->label ? named
                                                          : l->conllu ? "CoNLL-U"
                                                                      : "the last column")};
    return TN_OK;
}

static tn_status read_conll(builder *b, tn_str text)
{
    layout l;
    tn_str line, cell[MAX_COLUMNS + 1];
    uint32_t n = 0;
    if (tn_str_starts(text, "\xEF\xBB\xBF"))
        text = tn_str_sub(text, 3, text.len);
    TN_TRY(find_layout(b, text, &l));
    TN_TRY(name_columns(b, &l));
    while (next_line(&text, &line)) {
        n++;
        if (line.len > LINE_BYTES)
            return tn_fail(b->err, TN_ELIMIT, "%s:%u: a line of %zu bytes; a line holds one word", path_of(b), n,
                           line.len);
        if (tn_str_trim(line).len == 0) {
            TN_TRY(end_sentence(b));
            continue;
        }
        if (is_docstart(line)) {
            TN_TRY(begin_document(b, TN_STR("")));
            continue;
        }
        size_t n_cells = cut_columns(line, l.tabs, cell);
        bool newdoc = tn_str_is(line, "# newdoc") || tn_str_starts(line, "# newdoc id");
        if ((newdoc || (n_cells != l.n && line.ptr[0] == '#')) && b->word.len == b->first) {
            TN_TRY(read_comment(b, line));
            continue;
        }
        if (n_cells != l.n)
            return tn_fail(b->err, TN_EFORMAT, "%s:%u: %zu column%s where the others have %zu, parted by %s",
                           path_of(b), n, n_cells, n_cells == 1 ? "" : "s", l.n, l.tabs ? "tabs" : "blanks");
        if (l.conllu && is_no_word(cell[0]))
            continue;
        tn_str tag = l.tag == SIZE_MAX ? (tn_str){0} : cell[l.tag];
        if (l.conllu && tn_str_is(tag, "_"))
            tag = (tn_str){0};
        TN_TRY(add_word(b, cell[l.word], tag, n));
    }
    return end_sentence(b);
}

/* ---- JSON ---- */

typedef struct {
    tn_str words, tags; /* keys; empty: not found yet */
    tn_str *name;       /* [n_names] of tags that are numbers; NULL: none */
    size_t n_names;
    bool numbered; /* a number without a name was met */
} json_layout;

static const char *const word_keys[] = {"tokens", "words"};
/* Two of different tiers are ambiguous, but for the first tier, which wins. */
static const char *const tag_keys[] = {"tags", "labels", "ner_tags", "ner", "pos_tags", "upos", "pos"};
enum { N_PLAIN_KEYS = 2 };

static const tn_json *list_at(const tn_json *v, tn_str key)
{
    const tn_json *c = tn_json_get_str(v, key);
    return tn_json_type(c) == TN_JSON_ARRAY ? c : NULL;
}

static tn_status keys_of(builder *b, const tn_json *v, json_layout *l, uint32_t line)
{
    const char *tag = NULL, *second = NULL;
    if (b->s->text)
        l->words = tn_str_of(b->s->text);
    for (size_t i = 0; i < TN_COUNT(word_keys) && !l->words.ptr; i++)
        if (list_at(v, tn_str_of(word_keys[i])))
            l->words = tn_str_of(word_keys[i]);
    if (!l->words.ptr)
        return tn_fail(
            b->err, TN_ENOENT,
            "%s:%u: no list of words (tokens or words); name it in the brief: data: {path: …, text: KEY, label: KEY}",
            path_of(b), line);
    b->k->word_column =
        (tn_column_choice){l->words, tn_str_of(b->s->text ? "named in the brief" : "usual name of a list of words")};
    if (b->s->label)
        l->tags = tn_str_of(b->s->label);
    for (size_t i = 0; i < TN_COUNT(tag_keys) && !l->tags.ptr; i++)
        if (list_at(v, tn_str_of(tag_keys[i]))) {
            second = tag;
            tag = tag_keys[i];
            if (i < N_PLAIN_KEYS || second)
                break;
        }
    if (second)
        return tn_fail(b->err, TN_EINVALID,
                       "%s:%u: \"%s\" and \"%s\" could both be the tags; name one: data: {path: …, label: %s}",
                       path_of(b), line, second, tag, tag);
    if (!l->tags.ptr && tag)
        l->tags = tn_str_of(tag);
    if (l->tags.ptr)
        b->k->tag_column =
            (tn_column_choice){l->tags, tn_str_of(b->s->label ? "named in the brief" : "usual name of a list of tags")};
    else if (b->s->use != TN_DATA_PREDICT)
        return tn_fail(
            b->err, TN_ENOENT,
            "%s:%u: no list of tags (tags, labels, ner_tags or pos_tags); name it: data: {path: …, label: KEY}",
            path_of(b), line);
    return TN_OK;
}

/* Names in {"features": {KEY: {"feature": {"names": […]}}}}, as the datasets library writes it; a split file has it
 * beside. */
static tn_status names_beside(builder *b, json_layout *l)
{
    tn_arena *a = b->d->arena;
    tn_str dir = tn_path_dir(b->d->file[b->file].path);
    char *dir_c = tn_str_c(a, dir), *path = dir_c ? tn_path_join(a, dir_c, "dataset_info.json") : NULL;
    tn_bytes bytes;
    const tn_json *v;
    if (!path)
        return no_memory(b, dir.len);
    if (!tn_file_exists(path))
        return TN_OK;
    TN_TRY(tn_file_read(path, (size_t)1 << 24, a, &bytes, b->err));
    if (tn_json_parse(tn_str_from_bytes(bytes), a, &v, b->err) != TN_OK)
        return tn_fail_prefix(b->err, "%s:", path);
    const tn_json *feature = tn_json_get_str(tn_json_get(v, "features"), l->tags);
    if (tn_json_type(feature) == TN_JSON_ARRAY)
        feature = tn_json_first(feature);
    if (tn_json_get(feature, "feature"))
        feature = tn_json_get(feature, "feature");
    const tn_json *names = tn_json_get(feature, "names");
    l->n_names = tn_json_len(names);
    if (tn_json_type(names) != TN_JSON_ARRAY || l->n_names == 0)
        return TN_OK;
    if (!(l->name = TN_ARENA_ARRAY(a, tn_str, l->n_names)))
        return no_memory(b, l->n_names * sizeof(tn_str));
    size_t i = 0;
    for (const tn_json *c = tn_json_first(names); c; c = tn_json_next(c))
        l->name[i++] = tn_json_str(c);
    return TN_OK;
}

static tn_status tag_text(builder *b, const tn_json *c, json_layout *l, uint32_t line, tn_str *out)
{
    int64_t number;
    switch (tn_json_type(c)) {
    case TN_JSON_NULL: *out = (tn_str){0}; return TN_OK;
    case TN_JSON_STRING:
        *out = tn_json_str(c).len ? tn_str_dup(b->d->arena, tn_json_str(c)) : (tn_str){0};
        return tn_json_str(c).len && !out->ptr ? no_memory(b, 16) : TN_OK;
    case TN_JSON_NUMBER: break;
    default:
        return tn_fail(b->err, TN_EFORMAT, "%s:%u: a tag is %s; texts or whole numbers are read", path_of(b), line,
                       tn_json_type_name(tn_json_type(c)));
    }
    if (!tn_json_i64(c, &number))
        return tn_fail(b->err, TN_EFORMAT, "%s:%u: the tag %.*s is no whole number", path_of(b), line,
                       TN_ARG(tn_json_text(c)));
    if (l->name && (number < 0 || (uint64_t)number >= l->n_names))
        return tn_fail(b->err, TN_EFORMAT, "%s:%u: tag %" PRId64 "; there are names for 0 to %zu", path_of(b), line,
                       number, l->n_names - 1);
    l->numbered = l->numbered || !l->name;
    *out = l->name ? l->name[number] : tn_str_format(b->d->arena, "%" PRId64, number);
    return out->ptr ? TN_OK : no_memory(b, 16);
}

static tn_status add_object(builder *b, const tn_json *v, json_layout *l, uint32_t line)
{
    if (tn_json_type(v) != TN_JSON_OBJECT)
        return tn_fail(b->err, TN_EFORMAT, "%s:%u: %s where an object with lists of words and tags is needed",
                       path_of(b), line, tn_json_type_name(tn_json_type(v)));
    if (!l->words.ptr) {
        TN_TRY(keys_of(b, v, l, line));
        if (b->s->labels) {
            l->name = (tn_str *)b->s->labels;
            l->n_names = b->s->n_labels;
        } else if (l->tags.ptr) {
            TN_TRY(names_beside(b, l));
        }
    }
    const tn_json *words = list_at(v, l->words), *tags = l->tags.ptr ? list_at(v, l->tags) : NULL;
    if (!words)
        return tn_fail(b->err, TN_EFORMAT, "%s:%u: no list \"%.*s\"", path_of(b), line, TN_ARG(l->words));
    if (!tags && b->s->use != TN_DATA_PREDICT)
        return tn_fail(b->err, TN_EFORMAT, "%s:%u: no list \"%.*s\"", path_of(b), line, TN_ARG(l->tags));
    if (tags && tn_json_len(tags) != tn_json_len(words))
        return tn_fail(b->err, TN_EFORMAT, "%s:%u: %zu words and %zu tags", path_of(b), line, tn_json_len(words),
                       tn_json_len(tags));
    const tn_json *id = b->s->id ? tn_json_get(v, b->s->id[0] ? b->s->id : "\n") : tn_json_get(v, "id"),
                  *t = tn_json_first(tags);
    if (tn_json_type(id) == TN_JSON_STRING || tn_json_type(id) == TN_JSON_NUMBER) {
        b->id = tn_str_dup(b->d->arena, tn_json_text(id));
        if (!b->id.ptr)
            return no_memory(b, 16);
    }
    for (const tn_json *c = tn_json_first(words); c; c = tn_json_next(c), t = tn_json_next(t)) {
        tn_str word, tag = {0};
        if (tn_json_type(c) != TN_JSON_STRING)
            return tn_fail(b->err, TN_EFORMAT, "%s:%u: a word is %s; texts are read", path_of(b), line,
                           tn_json_type_name(tn_json_type(c)));
        word = tn_str_dup(b->d->arena, tn_json_str(c));
        if (!word.ptr)
            return no_memory(b, 16);
        if (t)
            TN_TRY(tag_text(b, t, l, line, &tag));
        TN_TRY(add_word(b, word, tag, line));
    }
    return end_sentence(b);
}

static tn_status read_json(builder *b, tn_str text, tn_arena *scratch)
{
    const tn_data_file *f = &b->d->file[b->file];
    json_layout l = {0};
    const tn_json *v;
    tn_str line;
    uint32_t n = 0;
    if (tn_str_starts(tn_str_trim(text), "[")) {
        tn_status st = tn_json_parse(text, scratch, &v, b->err);
        if (st != TN_OK)
            return tn_source_fail_json(st, f, 1, b->err);
        for (const tn_json *c = tn_json_first(v); c; c = tn_json_next(c))
            TN_TRY(add_object(b, c, &l, tn_json_line(c)));
    } else {
        while (next_line(&text, &line)) {
            n++;
            if (tn_str_trim(line).len == 0)
                continue;
            tn_arena_mark mark = tn_arena_save(scratch);
            tn_status st =
                tn_json_parse_with(line, &(tn_json_options){.max_bytes = b->max_record * 4}, scratch, &v, b->err);
            if (st != TN_OK)
                return tn_source_fail_json(st, f, n, b->err);
            TN_TRY(add_object(b, v, &l, n));
            tn_arena_restore(scratch, mark);
        }
    }
    if (l.numbered)
        return tn_note(
            b->findings,
            (tn_finding){.rule = "data-limits",
                         .severity = TN_WARNING,
                         .path = f->path,
                         .evidence = l.tags,
                         .remedy =
                             TN_STR("put dataset_info.json with the names beside the file, or write the tags as text")},
            b->err, "tags are numbers without names: the labels of the model are called by their numbers");
    return TN_OK;
}

/* ---- one file ---- */

static tn_status read_text(builder *b, tn_str text, tn_data_format format)
{
    tn_data_file *f = &b->d->file[b->file];
    f->size = text.len;
    f->sha256 = tn_sha256(tn_str_bytes(text));
    TN_TRY(tn_source_check(text, f, b->findings, b->err));
    if (memchr(text.ptr, 0, text.len))
        return tn_fail(b->err, TN_EFORMAT, "%s: a NUL byte; this is not a text file", path_of(b));
    tn_map_free(&b->seen);
    b->at_document = (tn_str){0};
    b->n_documents = 0;
    b->documents = false;
    b->first = b->word.len;
    b->id = (tn_str){0};
    tn_status st = TN_OK;
    if (format == TN_FORMAT_JSON) {
        tn_arena *scratch = tn_arena_new(0);
        if (!scratch)
            return no_memory(b, 65536);
        st = read_json(b, text, scratch);
        tn_arena_free(scratch);
    } else {
        /* Words are slices of the file's text, which lives as long as the data set. */
        tn_str copy = tn_str_dup(b->d->arena, text);
        st = copy.ptr ? read_conll(b, copy) : no_memory(b, text.len);
    }
    b->k->n_documents += b->n_documents;
    return st;
}

/* ---- the label set ---- */

static int by_bytes(const void *x, const void *y)
{
    return tn_str_cmp(*(const tn_str *)x, *(const tn_str *)y);
}

static bool is_training(const tn_row *r)
{
    return r->split == TN_SPLIT_TRAIN || r->split == TN_SPLIT_NONE;
}

static size_t row_end(const builder *b, size_t row)
{
    return row + 1 < b->start.len ? b->start.ptr[row + 1] : b->word.len;
}

static tn_status collect_tags(builder *b, tn_map *map)
{
    tn_tokens *k = b->k;
    tn_arena *a = b->d->arena;
    size_t n = b->s->n_labels;
    const tn_str *given = b->s->labels;
    for (size_t i = 0; !given && i < b->tag.len; i++) {
        if (b->tag.ptr[i].ptr && !tn_map_put(map, b->tag.ptr[i], 0, NULL))
            return no_memory(b, sizeof(tn_map_entry));
        if (map->len > MAX_TAGS)
            return tn_fail(b->err, TN_ELIMIT,
                           "%s:%u: more than %d different tags (\"%.*s\" …): is this the tags' column?",
                           b->d->file[0].path.ptr, b->line.ptr[i], MAX_TAGS, TN_ARG(b->tag.ptr[i]));
    }
    k->n_tags = given ? n : map->len;
    k->tag = TN_ARENA_ARRAY(a, tn_str, k->n_tags);
    k->trained = tn_arena_calloc(a, k->n_tags + 1);
    if (!k->tag || !k->trained)
        return no_memory(b, k->n_tags * sizeof(tn_str));
    for (size_t i = 0; i < k->n_tags; i++)
        if (!(k->tag[i] = tn_str_dup(a, given ? given[i] : map->entry[i].key)).ptr)
            return no_memory(b, 16);
    if (!given)
        qsort(k->tag, k->n_tags, sizeof *k->tag, by_bytes);
    tn_map_free(map);
    for (size_t i = 0; i < k->n_tags; i++)
        if (!tn_map_put(map, k->tag[i], i, NULL))
            return no_memory(b, sizeof(tn_map_entry));
    return TN_OK;
}

static tn_status number_tags(builder *b, const tn_map *map)
{
    tn_tokens *k = b->k;
    for (size_t r = 0; r < b->row.len; r++)
        for (size_t i = b->start.ptr[r]; i < row_end(b, r); i++) {
            const uint64_t *at = b->tag.ptr[i].ptr ? tn_map_find(map, b->tag.ptr[i]) : NULL;
            if (b->tag.ptr[i].ptr && !at && b->s->use != TN_DATA_PREDICT)
                return tn_fail(b->err, TN_EFORMAT,
                               "%.*s:%u: the tag \"%.*s\" is not one of the labels asked for (%.*s%s)",
                               TN_ARG(b->d->file[b->row.ptr[r].file].path), b->line.ptr[i],
                               TN_ARG(tn_str_sub(b->tag.ptr[i], 0, 80)), TN_ARG(tn_str_sub(k->tag[0], 0, 80)),
                               k->n_tags > 1 ? ", …" : "");
            k->tag_of[i] = at ? (int32_t)*at : -1;
            if (at && is_training(&b->row.ptr[r]))
                k->trained[*at] = true;
        }
    return TN_OK;
}

/* Spans that begin with I in a scheme where they begin with B: somebody's slips, which the lenient scores forgive. */
static size_t count_misbegun(const builder *b)
{
    const tn_tokens *k = b->k;
    size_t n = 0;
    if (k->scheme != TN_SCHEME_IOB2 && k->scheme != TN_SCHEME_IOBES && k->scheme != TN_SCHEME_BILOU)
        return 0;
    for (size_t r = 0; r < b->row.len; r++)
        for (size_t i = k->start[r]; i < k->start[r + 1]; i++) {
            tn_str here = k->tag[k->tag_of[i]], before = i > k->start[r] ? k->tag[k->tag_of[i - 1]] : TN_STR("O");
            n += here.ptr[0] == 'I' &&
                 (before.len < 2 || !tn_str_eq(tn_str_sub(here, 2, here.len), tn_str_sub(before, 2, before.len)));
        }
    return n;
}

/* Texts that stand there twice with different tags: whichever the model says, one of them is called wrong. */
static tn_status count_contradictions(builder *b)
{
    tn_tokens *k = b->k;
    tn_map first = TN_MAP_INIT;
    tn_status st = TN_OK;
    for (size_t r = 0; r < b->row.len; r++) {
        bool is_new;
        uint64_t *at = tn_map_put(&first, b->row.ptr[r].text, r, &is_new);
        if (!at) {
            st = no_memory(b, sizeof(tn_map_entry));
            break;
        }
        size_t n = k->start[r + 1] - k->start[r], other = k->start[*at];
        if (!is_new && k->start[*at + 1] - other == n)
            k->n_contradictions += memcmp(k->tag_of + k->start[r], k->tag_of + other, n * sizeof *k->tag_of) != 0;
    }
    tn_map_free(&first);
    return st;
}

/* ---- findings ---- */

static tn_status tell(builder *b, tn_severity severity, const char *evidence, const char *remedy, const char *what,
                      size_t n)
{
    return tn_note(b->findings,
                   (tn_finding){.rule = "data-limits",
                                .severity = severity,
                                .path = b->d->file[0].path,
                                .evidence = tn_str_of(evidence),
                                .remedy = tn_str_of(remedy)},
                   b->err, what, n);
}

static tn_status report(builder *b)
{
    const tn_tokens *k = b->k;
    if (k->n_untagged)
        TN_TRY(tell(b, TN_WARNING, "a tag is missing", "give every word a tag, O outside of spans",
                    "sentences left out: %zu", k->n_untagged));
    if (k->n_misbegun)
        TN_TRY(tell(b, TN_ADVICE, tn_scheme_name(k->scheme),
                    "correct the tags; scores in strict mode count these spans as absent",
                    "spans that begin with I- where the others begin with B-: %zu", k->n_misbegun));
    if (k->n_contradictions)
        TN_TRY(tell(b, TN_WARNING, "equal words, other tags", "have the annotation looked at",
                    "sentences that stand there again with other tags: %zu", k->n_contradictions));
    if (k->n_documents > 1 && !b->d->given[TN_SPLIT_TEST])
        TN_TRY(tell(b, TN_ADVICE, "document", "say data: {path: …, group: document} to keep each document in one part",
                    "the sentences come from %zu documents, and a split by sentences parts them", k->n_documents));
    for (size_t i = 0; i < k->n_tags && b->s->use == TN_DATA_TRAIN; i++)
        if (!k->trained[i])
            TN_TRY(tn_note(b->findings,
                           (tn_finding){.rule = "data-limits",
                                        .severity = TN_WARNING,
                                        .path = b->d->file[0].path,
                                        .remedy = TN_STR("add sentences that have it, or leave it out of the tags")},
                           b->err, "the tag \"%.*s\" has no training word", TN_ARG(k->tag[i])));
    return TN_OK;
}

static tn_status check_use(builder *b)
{
    tn_dataset *d = b->d;
    tn_str path = d->file[0].path;
    for (size_t r = 0; r < d->n_rows; r++)
        d->given[d->row[r].split] = d->row[r].split != TN_SPLIT_NONE;
    if (d->n_rows == 0)
        return tn_fail(b->err, TN_EFORMAT, "%.*s: no sentence is left%s", TN_ARG(path),
                       b->k->n_untagged ? ": words have no tags" : "");
    if (b->s->use != TN_DATA_TRAIN)
        return TN_OK;
    size_t n_training = 0, n_trained = 0;
    for (size_t r = 0; r < d->n_rows; r++)
        n_training += is_training(&d->row[r]);
    for (size_t i = 0; i < b->k->n_tags; i++)
        n_trained += b->k->trained[i];
    if ((d->given[TN_SPLIT_VALIDATION] || d->given[TN_SPLIT_TEST]) && n_training == 0)
        return tn_fail(b->err, TN_EINVALID,
                       "%.*s: there is a %s part and no training part; add one, or name it: data: {train: …}",
                       TN_ARG(path), d->given[TN_SPLIT_TEST] ? "test" : "validation");
    if (n_training < 3)
        return tn_fail(b->err, TN_EFORMAT,
                       "%.*s: %zu sentence%s cannot be split into train, validation and test; three are the least, "
                       "some hundred are sensible",
                       TN_ARG(path), n_training, n_training == 1 ? "" : "s");
    if (n_trained < 2)
        return tn_fail(b->err, TN_EFORMAT, "%.*s: every word has the tag \"%.*s\"; two tags are needed", TN_ARG(path),
                       TN_ARG(tn_str_sub(b->k->tag[0], 0, 80)));
    return TN_OK;
}

/* ---- the whole ---- */

static tn_status set_rows(builder *b)
{
    tn_dataset *d = b->d;
    tn_tokens *k = b->k;
    size_t n_rows = b->row.len, n_words = n_rows ? b->word.len : 0;
    bool documents = k->n_documents > 0;
    d->row = TN_ARENA_ARRAY(d->arena, tn_row, n_rows);
    d->other = TN_ARENA_ARRAY(d->arena, tn_str, 1);
    k->start = TN_ARENA_ARRAY(d->arena, size_t, n_rows + 1);
    k->word = TN_ARENA_ARRAY(d->arena, tn_str, n_words);
    k->tag_of = TN_ARENA_ARRAY(d->arena, int32_t, n_words);
    tn_str *document = documents ? TN_ARENA_ARRAY(d->arena, tn_str, n_rows) : NULL;
    if (!d->row || !d->other || !k->start || !k->word || !k->tag_of || (documents && !document))
        return no_memory(b, n_words * sizeof(tn_str));
    d->n_rows = n_rows;
    d->n_other = documents;
    d->other[0] = TN_STR("document");
    for (size_t r = 0; r < n_rows; r++) {
        d->row[r] = b->row.ptr[r];
        if (documents) {
            document[r] = b->document.ptr[r];
            d->row[r].other = &document[r];
        }
        k->start[r] = b->start.ptr[r];
    }
    k->start[n_rows] = n_words;
    for (size_t i = 0; i < n_words; i++)
        k->word[i] = b->word.ptr[i];
    d->text_column = k->word_column;
    d->label_column = k->tag_column;
    bool has_ids = n_rows > 0 && b->n_with_id == n_rows && !(b->s->id && !b->s->id[0]) && (!b->ids_repeat || b->s->id);
    if (has_ids)
        d->id_column =
            (tn_column_choice){b->s->id ? tn_str_of(b->s->id) : TN_STR("id"), TN_STR("every sentence has one")};
    return tn_dataset_set_ids(d, has_ids, b->findings, b->err);
}

static tn_status finish(builder *b)
{
    tn_map map = TN_MAP_INIT;
    tn_status st = TN_OK;
    TN_GO(set_rows(b));
    TN_GO(collect_tags(b, &map));
    TN_GO(number_tags(b, &map));
    TN_GO(check_use(b));
    tn_tokens *k = b->k;
    bool known = true;
    for (size_t i = 0; i < k->start[b->row.len]; i++)
        known = known && k->tag_of[i] >= 0;
    if (known && k->n_tags > 0) {
        k->scheme = tn_scheme_detect(k->tag, (int32_t)k->n_tags, k->start, b->row.len, k->tag_of);
        k->n_misbegun = count_misbegun(b);
        TN_GO(count_contradictions(b));
    }
    TN_GO(report(b));
done:
    tn_map_free(&map);
    return st;
}

static void builder_free(builder *b)
{
    TN_VEC_FREE(&b->row);
    TN_VEC_FREE(&b->start);
    TN_VEC_FREE(&b->word);
    TN_VEC_FREE(&b->tag);
    TN_VEC_FREE(&b->document);
    TN_VEC_FREE(&b->line);
    tn_map_free(&b->seen);
}

static tn_status read_files(builder *b)
{
    tn_data_format *format = NULL;
    TN_TRY(tn_source_files(b->s, b->d, &format, b->findings, b->err));
    for (b->file = 0; b->file < b->d->n_files; b->file++) {
        tn_file f;
        if (format[b->file] == TN_FORMAT_CSV || format[b->file] == TN_FORMAT_TSV)
            return tn_fail(b->err, TN_EINVALID,
                           "%s: tagged words are read from CoNLL files and JSON lines; convert the table: a line a "
                           "word, its tag behind a tab",
                           path_of(b));
        TN_TRY(tn_file_open(path_of(b), &f, b->err));
        tn_status st = read_text(b, tn_str_from_bytes(f.bytes), format[b->file]);
        tn_file_close(&f);
        TN_TRY(st);
    }
    return finish(b);
}

static tn_status load(builder b, tn_str text, const char *name, tn_dataset *d, tn_tokens *out)
{
    *out = (tn_tokens){0};
    *d = (tn_dataset){.arena = tn_arena_new(0)};
    if (!d->arena)
        return tn_fail_nomem(b.err, 65536);
    b.d = d;
    b.k = out;
    b.max_record = b.s->max_record ? b.s->max_record : (size_t)1 << 20;
    b.max_rows = b.s->max_rows ? b.s->max_rows : 10000000;
    tn_status st = TN_OK;
    if (name) {
        d->file = TN_ARENA_ARRAY(d->arena, tn_data_file, 1);
        if (!d->file) {
            st = tn_fail_nomem(b.err, sizeof *d->file);
        } else {
            d->file[0] = (tn_data_file){.path = tn_str_of(name)};
            d->n_files = 1;
            st = read_text(&b, text, tn_data_format_of(tn_str_of(name)));
            st = st == TN_OK ? finish(&b) : st;
        }
    } else {
        st = read_files(&b);
    }
    builder_free(&b);
    if (st != TN_OK)
        tn_dataset_free(d);
    return st;
}

tn_status tn_tokens_load(const tn_data_source *s, tn_dataset *d, tn_tokens *out, tn_findings *findings, tn_err *err)
{
    tn_data_source tagged = *s;
    tagged.tagged = true;
    return load((builder){.s = &tagged, .findings = findings, .err = err}, (tn_str){0}, NULL, d, out);
}

tn_status tn_tokens_parse(tn_str text, const char *name, tn_data_use use, tn_dataset *d, tn_tokens *out,
                          tn_findings *findings, tn_err *err)
{
    return load((builder){.s = &(tn_data_source){.use = use}, .findings = findings, .err = err}, text, name, d, out);
}

static void put_part(tn_buf *b, tn_str s)
{
    uint64_t n = s.len;
    tn_buf_put(b, &n, sizeof n);
    tn_buf_str(b, s);
}

tn_status tn_tokens_digest(const tn_dataset *d, const tn_tokens *k, tn_digest *out, tn_err *err)
{
    tn_buf b = {.max = SIZE_MAX / 2};
    for (size_t r = 0; r < d->n_rows; r++) {
        put_part(&b, d->row[r].id);
        for (size_t i = k->start[r]; i < k->start[r + 1]; i++) {
            put_part(&b, k->word[i]);
            put_part(&b, k->tag_of[i] < 0 ? TN_STR("") : k->tag[k->tag_of[i]]);
        }
    }
    tn_status st = tn_buf_status(&b, err);
    if (st == TN_OK)
        *out = tn_sha256(tn_str_bytes(tn_buf_view(&b)));
    tn_buf_free(&b);
    return st;
}
