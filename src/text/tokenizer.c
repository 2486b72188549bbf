/* Opening: the JSON is read into an arena of its own, the parts copy what they keep, and the tree is dropped. */
#include "text/tokenizer.h"

#include <string.h>

#include "base/file.h"
#include "base/map.h"
#include "text/parts.h"

enum { MAX_JSON_NODES = 32 << 20 };
enum { SPECIAL = 1, ADDED = 2, SKIPPED = 4 }; /* bits of tn_tokenizer.special */

/* The package gives an added token the id its text has in the model, otherwise the next free one. A file that says
 * something else would be read differently here and there, so it is refused. */
static tn_status check_added_ids(tn_tokenizer *t, const tn_json *list, tn_err *err)
{
    const tn_json *c = tn_json_first(list);
    uint32_t next = t->model.n_known > t->model.n_tokens ? t->model.n_known : t->model.n_tokens;
    for (size_t i = 0; i < t->added.n; i++, c = tn_json_next(c)) {
        tn_added *x = &t->added.token[i];
        uint32_t id = tn_trie_find(&t->model.trie, x->content);
        bool fills = id == TN_TRIE_NONE && x->id < t->model.n_tokens && !t->token[x->id].ptr;
        if (id == TN_TRIE_NONE && !fills && x->id == next)
            id = next++;
        if (id != x->id && !fills)
            return tn_fail(err, TN_EFORMAT, "%u:%u: added token \"%.*s\" has id %u, %s %u", tn_json_line(c),
                           tn_json_column(c), TN_ARG(x->content), x->id,
                           id == TN_TRIE_NONE ? "the next free one is" : "in the model's vocabulary it is",
                           id == TN_TRIE_NONE ? next : id);
        if (t->special[x->id] & ADDED)
            return tn_fail(err, TN_EFORMAT, "%u:%u: id %u is given to two added tokens", tn_json_line(c),
                           tn_json_column(c), x->id);
        t->token[x->id] = x->content;
        t->special[x->id] = (uint8_t)(ADDED | (x->special ? SPECIAL : 0));
    }
    t->n_tokens = next;
    return TN_OK;
}

/* How ids are shown, and which of them decoding may skip: those shown like a special token. */
static tn_status name_added(tn_tokenizer *t, tn_err *err)
{
    tn_map special = TN_MAP_INIT;
    tn_status st = TN_OK;
    for (size_t i = 0; i < t->added.n && st == TN_OK; i++)
        if (t->added.token[i].special && !tn_map_put(&special, t->added.token[i].content, 0, NULL))
            st = tn_fail_nomem(err, t->added.n * sizeof(tn_map_entry));
    for (size_t i = 0; i < t->added.n && st == TN_OK; i++) {
        const tn_added *x = &t->added.token[i];
        t->token[x->id] = x->name;
        if (tn_map_find(&special, x->name))
            t->special[x->id] |= SKIPPED;
    }
    tn_map_free(&special);
    return st;
}

static tn_status check_holes(const tn_tokenizer *t, tn_err *err)
{
    for (uint32_t i = 0; i < t->n_tokens; i++)
        if (!t->token[i].ptr)
            return tn_fail(err, TN_EFORMAT, "the vocabulary has a hole: no token has id %u, the largest id is %u", i,
                           t->n_tokens - 1);
    return TN_OK;
}

static tn_status check_template(const tn_tokenizer *t, const tn_template_row *r, tn_err *err)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->item[i].kind == TN_ITEM_SPECIAL && r->item[i].id >= t->n_tokens)
            return tn_fail(err, TN_EFORMAT, "post_processor: \"%.*s\" has id %u, the vocabulary ends at %u",
                           TN_ARG(r->item[i].token), r->item[i].id, t->n_tokens - 1);
    return TN_OK;
}

static tn_status read_parts(tn_tokenizer *t, const tn_json *root, tn_arena *scratch, tn_err *err)
{
    const tn_json *model, *added = tn_json_get(root, "added_tokens"), *version = tn_json_get(root, "version");
    if (tn_json_type(root) != TN_JSON_OBJECT)
        return tn_fail(err, TN_EFORMAT, "1:1: a tokenizer.json must be an object");
    if (version && !tn_json_is_str(version, "1.0"))
        return tn_fail(err, TN_EFORMAT, "%u:%u: version \"%.*s\" is not known, 1.0 is", tn_json_line(version),
                       tn_json_column(version), TN_ARG(tn_json_text(version)));
    TN_TRY(tn_json_need(root, "model", TN_JSON_OBJECT, &model, err));
    TN_TRY(tn_normalizer_parse(tn_json_get(root, "normalizer"), t->arena, &t->normalizer, err));
    TN_TRY(tn_pretokenizer_parse(tn_json_get(root, "pre_tokenizer"), t->arena, &t->pretokenizer, err));
    TN_TRY(tn_template_parse(tn_json_get(root, "post_processor"), t->arena, &t->template, err));
    TN_TRY(tn_decoder_parse(tn_json_get(root, "decoder"), t->arena, &t->decoder, err));
    TN_TRY(tn_added_parse(added, t->arena, &t->added, err));
    TN_TRY(tn_subword_parse(model, t->added.n, t->arena, scratch, &t->model, err));
    size_t n = (size_t)t->model.n_tokens + t->added.n;
    t->token = TN_ARENA_ARRAY(t->arena, tn_str, n);
    t->special = tn_arena_calloc(t->arena, n);
    if (!t->token || !t->special)
        return tn_fail_nomem(err, n * sizeof *t->token);
    memset(t->token, 0, n * sizeof *t->token);
    if (t->model.n_tokens)
        memcpy(t->token, t->model.token, t->model.n_tokens * sizeof *t->token);
    TN_TRY(check_added_ids(t, added, err));
    TN_TRY(check_holes(t, err));
    TN_TRY(check_template(t, &t->template.single, err));
    TN_TRY(check_template(t, &t->template.pair, err));
    TN_TRY(tn_added_build(&t->added, &t->normalizer, t->arena, scratch, err));
    return name_added(t, err);
}

tn_status tn_tokenizer_parse(tn_str json, tn_tokenizer **out, tn_err *err)
{
    tn_status st;
    const tn_json *root;
    tn_tokenizer *t = tn_mem_calloc(sizeof *t);
    tn_arena *tree = tn_arena_new(0), *scratch = tn_arena_new(0);
    *out = NULL;
    if (!t || !tree || !scratch || !(t->arena = tn_arena_new(0))) {
        st = tn_fail_nomem(err, sizeof *t);
        goto done;
    }
    TN_GO(tn_json_parse_with(json, &(tn_json_options){.max_nodes = MAX_JSON_NODES}, tree, &root, err));
    TN_GO(read_parts(t, root, scratch, err));
    *out = t;
    t = NULL;
done:
    tn_tokenizer_free(t);
    tn_arena_free(tree);
    tn_arena_free(scratch);
    return st;
}

tn_status tn_tokenizer_open(const char *path, tn_tokenizer **out, tn_err *err)
{
    tn_status st;
    tn_file f = {0};
    *out = NULL;
    tn_arena *a = tn_arena_new(1024);
    const char *file = a && tn_file_is_dir(path) ? tn_path_join(a, path, "tokenizer.json") : path;
    if (!a || !file) {
        tn_arena_free(a);
        return tn_fail_nomem(err, 1024);
    }
    TN_GO(tn_file_open(file, &f, err));
    st = tn_tokenizer_parse(tn_str_from_bytes(f.bytes), out, err);
    tn_file_close(&f);
    if (st != TN_OK)
        tn_fail_prefix(err, "%s", file);
done:
    tn_arena_free(a);
    return st;
}

void tn_tokenizer_free(tn_tokenizer *t)
{
    if (!t)
        return;
    if (t->arena)
        tn_arena_free(t->arena);
    tn_mem_free(t);
}

/* ---- the vocabulary ---- */

uint32_t tn_tokenizer_vocab_size(const tn_tokenizer *t)
{
    return t->n_tokens;
}

bool tn_tokenizer_id_of(const tn_tokenizer *t, tn_str token, uint32_t *id)
{
    uint32_t found = tn_trie_find(&t->model.trie, token);
    for (size_t i = 0; found == TN_TRIE_NONE && i < t->added.n; i++)
        if (tn_str_eq(t->added.token[i].content, token))
            found = t->added.token[i].id;
    if (found == TN_TRIE_NONE)
        return false;
    *id = found;
    return true;
}

tn_str tn_tokenizer_token_of(const tn_tokenizer *t, uint32_t id)
{
    return id < t->n_tokens ? t->token[id] : TN_STR("");
}

bool tn_tokenizer_is_special(const tn_tokenizer *t, uint32_t id)
{
    return id < t->n_tokens && (t->special[id] & SPECIAL);
}

bool tn_tokenizer_unknown_id(const tn_tokenizer *t, uint32_t *id)
{
    if (t->model.has_unknown)
        *id = t->model.unknown;
    return t->model.has_unknown;
}

uint32_t tn_tokenizer_n_special(const tn_tokenizer *t, bool pair)
{
    return (uint32_t)(pair ? t->template.pair.n_special : t->template.single.n_special);
}

const char *tn_tokenizer_model_name(const tn_tokenizer *t)
{
    static const char *const name[] = {"WordPiece", "Unigram", "BPE"};
    return name[t->model.kind];
}

tn_status tn_tokenizer_decode(const tn_tokenizer *t, const uint32_t *ids, size_t n, bool skip_special, tn_arena *arena,
                              tn_str *out, tn_err *err)
{
    size_t n_tokens = 0;
    tn_str *tokens = TN_ARENA_ARRAY(arena, tn_str, n ? n : 1);
    if (!tokens)
        return tn_fail_nomem(err, n * sizeof *tokens);
    for (size_t i = 0; i < n; i++)
        if (ids[i] < t->n_tokens && !(skip_special && t->special[ids[i]] & SKIPPED))
            tokens[n_tokens++] = t->token[ids[i]];
    return tn_decoder_run(&t->decoder, tokens, n_tokens, arena, out, err);
}

tn_status tn_tokenizer_join(const tn_tokenizer *t, tn_str *tokens, size_t n, tn_arena *arena, tn_str *out, tn_err *err)
{
    return tn_decoder_run(&t->decoder, tokens, n, arena, out, err);
}
