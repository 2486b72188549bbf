/* A cursor that fails once and then gives zeros, so that the reader below is a list of fields; each count is bounded
 * before anything is sized by it. */
#include "hub/e5image.h"
#include "codec/f16.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { BLOCK = 32, BLOCK_BYTES = 18, MAX_SIZE = 1 << 16, MAX_PIECES = 1 << 20, MAX_TENSORS = 1 << 12 };

typedef struct {
    tn_bytes file;
    size_t at;
    bool failed;
} cursor;

static tn_bytes take(cursor *c, uint64_t n)
{
    static const uint8_t zeros[8];
    if (c->failed || n > c->file.len - c->at) {
        c->failed = true;
        return (tn_bytes){zeros, 0};
    }
    tn_bytes b = {c->file.ptr + c->at, (size_t)n};
    c->at += (size_t)n;
    return b;
}

/* Little-endian, n <= 8; 0 after a failure, since `zeros` is what take gives then. */
static uint64_t take_int(cursor *c, int n)
{
    const uint8_t *p = take(c, (uint64_t)n).ptr;
    uint64_t v = 0;
    for (int i = n - 1; i >= 0; i--)
        v = v << 8 | p[i];
    return v;
}

static float f32_at(const uint8_t *p)
{
    uint32_t u = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

static uint32_t u32_at(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static tn_status cut_short(const cursor *c, tn_err *err)
{
    return tn_fail(err, TN_EFORMAT, "e5 image: cut short, something is missing behind byte %zu", c->at);
}

static tn_status read_sizes(cursor *c, tn_e5_image *m, tn_err *err)
{
    tn_bytes magic = take(c, 4);
    if (magic.len != 4 || memcmp(magic.ptr, "E5S1", 4) != 0)
        return tn_fail(err, TN_EFORMAT, "e5 image: it does not begin with E5S1");
    uint64_t version = take_int(c, 4);
    if (version != 1 && !c->failed)
        return tn_fail(err, TN_EFORMAT, "e5 image: version %" PRIu64 ", only 1 is known", version);
    uint32_t *size[] = {&m->hidden, &m->layers, &m->heads, &m->feed_forward, &m->vocabulary, &m->positions, &m->types};
    for (size_t i = 0; i < TN_COUNT(size); i++) {
        uint64_t v = take_int(c, 4), most = size[i] == &m->vocabulary ? MAX_PIECES : MAX_SIZE;
        if ((v == 0 || v > most) && !c->failed)
            return tn_fail(err, TN_ELIMIT,
                           "e5 image: a size of %" PRIu64 " at byte %zu, from 1 to %" PRIu64 " was expected", v,
                           c->at - 4, most);
        *size[i] = (uint32_t)v;
    }
    tn_bytes epsilon = take(c, 4);
    if (epsilon.len)
        m->epsilon = f32_at(epsilon.ptr);
    uint64_t block = take_int(c, 4);
    if (c->failed)
        return cut_short(c, err);
    if (!(m->epsilon > 0 && m->epsilon < 1) || block != BLOCK)
        return tn_fail(err, TN_EFORMAT, "e5 image: blocks of %" PRIu64 " weights or a layer-norm epsilon of %g", block,
                       (double)m->epsilon);
    if (m->heads > m->hidden || m->hidden % m->heads)
        return tn_fail(err, TN_EFORMAT, "e5 image: %" PRIu32 " heads do not divide a width of %" PRIu32, m->heads,
                       m->hidden);
    return TN_OK;
}

static tn_status check_pieces(const tn_e5_image *m, tn_err *err)
{
    uint32_t before = 0;
    if (u32_at(m->offsets.ptr) != 0 || u32_at(m->offsets.ptr + 4 * (size_t)m->n_pieces) != m->pieces.len)
        return tn_fail(err, TN_EFORMAT, "e5 image: the pieces do not fill their %zu bytes", m->pieces.len);
    for (uint32_t i = 0; i < m->n_pieces; i++) {
        uint32_t end = u32_at(m->offsets.ptr + 4 * (size_t)(i + 1));
        if (end < before || end > m->pieces.len)
            return tn_fail(err, TN_EFORMAT, "e5 image: piece %" PRIu32 " ends at %" PRIu32 " of %zu bytes", i, end,
                           m->pieces.len);
        tn_str piece = tn_str_sub(m->pieces, before, end);
        if (tn_utf8_check(piece) != piece.len)
            return tn_fail(err, TN_EFORMAT, "e5 image: piece %" PRIu32 " is not UTF-8", i);
        if (!isfinite(tn_e5_score(m, i)))
            return tn_fail(err, TN_EFORMAT, "e5 image: the score of piece %" PRIu32 " is not finite", i);
        before = end;
    }
    return TN_OK;
}

static tn_status read_pieces(cursor *c, tn_e5_image *m, tn_err *err)
{
    uint32_t *id[] = {&m->bos, &m->eos, &m->pad, &m->unk};
    m->n_pieces = (uint32_t)take_int(c, 4);
    if (!c->failed && (m->n_pieces == 0 || m->n_pieces > m->vocabulary))
        return tn_fail(err, TN_EFORMAT, "e5 image: %" PRIu32 " pieces for a vocabulary of %" PRIu32, m->n_pieces,
                       m->vocabulary);
    for (size_t i = 0; i < TN_COUNT(id); i++) {
        *id[i] = (uint32_t)take_int(c, 4);
        if (!c->failed && *id[i] >= m->n_pieces)
            return tn_fail(err, TN_EFORMAT, "e5 image: special token %" PRIu32 " is no piece", *id[i]);
    }
    uint64_t n_blob = take_int(c, 8);
    m->offsets = take(c, 4 * ((uint64_t)m->n_pieces + 1));
    m->scores = take(c, 4 * (uint64_t)m->n_pieces);
    m->pieces = tn_str_from_bytes(take(c, n_blob));
    /* The map of normalised code points: NFKC and nmt, which tokenizer.json names by their names. */
    take_int(c, 4);
    take(c, take_int(c, 4));
    return c->failed ? cut_short(c, err) : check_pieces(m, err);
}

static tn_status read_tensor(cursor *c, tn_e5_tensor *t, tn_err *err)
{
    t->name = tn_str_from_bytes(take(c, take_int(c, 2)));
    uint64_t type = take_int(c, 1);
    t->n_elements = (uint32_t)take_int(c, 4);
    uint64_t at = take_int(c, 8), n_bytes = take_int(c, 8);
    if (c->failed)
        return cut_short(c, err);
    if (tn_utf8_check(t->name) != t->name.len || type > 1)
        return tn_fail(err, TN_EFORMAT, "e5 image: a tensor of type %" PRIu64 " or with a broken name before byte %zu",
                       type, c->at);
    t->packed = type == 1;
    if (t->packed && t->n_elements % BLOCK)
        return tn_fail(err, TN_EFORMAT, "e5 image: %.*s has %" PRIu32 " weights, no whole blocks", TN_ARG(t->name),
                       t->n_elements);
    uint64_t need = t->packed ? (uint64_t)t->n_elements / BLOCK * BLOCK_BYTES : (uint64_t)t->n_elements * 4;
    if (n_bytes != need || at > c->file.len || need > c->file.len - at)
        return tn_fail(err, TN_EFORMAT,
                       "e5 image: %.*s needs %" PRIu64 " bytes, it has %" PRIu64 " at %" PRIu64 " of %zu",
                       TN_ARG(t->name), need, n_bytes, at, c->file.len);
    t->data = (tn_bytes){c->file.ptr + at, (size_t)need};
    return TN_OK;
}

tn_status tn_e5_parse(tn_bytes file, tn_arena *a, tn_e5_image *out, tn_err *err)
{
    cursor c = {.file = file};
    *out = (tn_e5_image){0};
    TN_TRY(read_sizes(&c, out, err));
    TN_TRY(read_pieces(&c, out, err));
    uint64_t n = take_int(&c, 4);
    if (c.failed)
        return cut_short(&c, err);
    if (n > MAX_TENSORS)
        return tn_fail(err, TN_ELIMIT, "e5 image: %" PRIu64 " tensors, at most %d are read", n, MAX_TENSORS);
    out->tensor = tn_arena_calloc(a, (size_t)n * sizeof *out->tensor);
    if (!out->tensor)
        return tn_fail_nomem(err, (size_t)n * sizeof *out->tensor);
    for (; out->n_tensors < n; out->n_tensors++)
        TN_TRY(read_tensor(&c, &out->tensor[out->n_tensors], err));
    return TN_OK;
}

tn_str tn_e5_piece(const tn_e5_image *m, uint32_t id)
{
    const uint8_t *p = m->offsets.ptr + 4 * (size_t)id;
    return tn_str_sub(m->pieces, u32_at(p), u32_at(p + 4));
}

float tn_e5_score(const tn_e5_image *m, uint32_t id)
{
    return f32_at(m->scores.ptr + 4 * (size_t)id);
}

const tn_e5_tensor *tn_e5_find(const tn_e5_image *m, const char *name)
{
    for (size_t i = 0; i < m->n_tensors; i++)
        if (tn_str_is(m->tensor[i].name, name))
            return &m->tensor[i];
    return NULL;
}

/* A block: f16 scale, 16 bytes; the low nibbles are weights 0..15, the high ones 16..31, each less 8. */
static void expand_block(const uint8_t *p, float out[BLOCK])
{
    float scale = tn_f16_to_f32((uint16_t)(p[0] | p[1] << 8));
    for (int i = 0; i < BLOCK / 2; i++) {
        out[i] = (float)((p[2 + i] & 15) - 8) * scale;
        out[i + BLOCK / 2] = (float)((p[2 + i] >> 4) - 8) * scale;
    }
}

void tn_e5_expand(const tn_e5_tensor *t, size_t from, size_t n, float *out)
{
    float block[BLOCK];
    TN_ASSERT(from <= t->n_elements && n <= t->n_elements - from && (!t->packed || from % BLOCK == 0));
    for (size_t i = 0; i < n; i += t->packed ? BLOCK : 1) {
        if (!t->packed) {
            out[i] = f32_at(t->data.ptr + 4 * (from + i));
            continue;
        }
        size_t part = n - i < BLOCK ? n - i : BLOCK;
        expand_block(t->data.ptr + (from + i) / BLOCK * BLOCK_BYTES, block);
        memcpy(out + i, block, part * sizeof *out);
    }
}
