/* The central directory at the end is the truth; each local header must agree with it, because other readers trust the
 * local one, and a file that reads differently in two programs is an attack. Members are sorted by place once and must
 * not overlap: otherwise a small file can name the same megabytes many thousand times. */
#include "codec/zip.h"
#include "base/file.h"
#include "base/map.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <libdeflate.h>

enum { EOCD = 22, EOCD64 = 56, LOCATOR64 = 20, CENTRAL = 46, LOCAL = 30, FLAG_ENCRYPTED = 1, FLAG_SIZES_FOLLOW = 8 };

static uint32_t u16(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t u32(const uint8_t *p)
{
    return u16(p) | u16(p + 2) << 16;
}

/* The end record is last, but for a comment of at most 65,535 bytes that fills the rest exactly. */
static const uint8_t *find_end(tn_bytes f)
{
    size_t least = f.len > EOCD + 65535 ? f.len - EOCD - 65535 : 0;
    for (size_t at = f.len >= EOCD ? f.len - EOCD : 0; f.len >= EOCD; at--) {
        if (u32(f.ptr + at) == 0x06054B50 && u16(f.ptr + at + 20) == f.len - at - EOCD)
            return f.ptr + at;
        if (at == least)
            break;
    }
    return NULL;
}

static uint64_t u64(const uint8_t *p)
{
    return u32(p) | (uint64_t)u32(p + 4) << 32;
}

/* torch.save writes zip64's end record always, before the common one, which says the same when the archive is small:
 * that much of zip64 is read. */
static bool has_end64(tn_bytes f, size_t end_at, size_t n, size_t size, size_t start)
{
    if (end_at < EOCD64 + LOCATOR64)
        return false;
    const uint8_t *p = f.ptr + end_at - EOCD64 - LOCATOR64, *l = p + EOCD64;
    return u32(p) == 0x06064B50 && u64(p + 4) == EOCD64 - 12 && u64(p + 24) == n && u64(p + 32) == n &&
           u64(p + 40) == size && u64(p + 48) == start && u32(l) == 0x07064B50 &&
           u64(l + 8) == end_at - EOCD64 - LOCATOR64;
}

static const char *shown(tn_arena *a, tn_str name)
{
    const char *c = tn_str_c(a, tn_str_sub(name, 0, 200));
    return c ? c : "?";
}

static tn_status check_name(tn_str name, tn_arena *a, tn_err *err)
{
    tn_str path = tn_str_ends(name, "/") ? tn_str_sub(name, 0, name.len - 1) : name;
    bool nul = name.len && memchr(name.ptr, 0, name.len);
    if (nul || tn_utf8_check(name) != name.len || !tn_path_is_safe(path))
        return tn_fail(err, TN_EFORMAT, "zip: the name \"%s\" is not safe below a folder", shown(a, name));
    return TN_OK;
}

/* Reads the local header of a member; its data must lie between it and the directory. */
static tn_status read_local(tn_bytes f, size_t at, size_t limit, uint32_t packed, tn_zip_entry *e, tn_arena *a,
                            tn_err *err)
{
    const char *name = shown(a, e->name);
    if (at > limit || limit - at < LOCAL || u32(f.ptr + at) != 0x04034B50)
        return tn_fail(err, TN_EFORMAT, "zip: no header of \"%s\" at offset %zu", name, at);
    const uint8_t *p = f.ptr + at;
    size_t n_name = u16(p + 26), n_extra = u16(p + 28);
    if (n_name + n_extra > limit - at - LOCAL || packed > limit - at - LOCAL - n_name - n_extra)
        return tn_fail(err, TN_EFORMAT, "zip: \"%s\" reaches beyond the archive's data; is the file cut short?", name);
    bool sizes_follow = u16(p + 6) & FLAG_SIZES_FOLLOW;
    if (!tn_str_eq((tn_str){(const char *)p + LOCAL, n_name}, e->name) || u16(p + 8) != (e->deflated ? 8u : 0u) ||
        (!sizes_follow && (u32(p + 14) != e->crc || u32(p + 18) != packed || u32(p + 22) != e->size)))
        return tn_fail(err, TN_EFORMAT, "zip: the header of \"%s\" differs from the directory", name);
    e->packed = (tn_bytes){p + LOCAL + n_name + n_extra, packed};
    return TN_OK;
}

static tn_status read_central(tn_bytes f, const uint8_t *p, size_t limit, tn_zip_entry *e, tn_arena *a, tn_err *err)
{
    uint32_t flags = u16(p + 8), method = u16(p + 10), packed = u32(p + 20), size = u32(p + 24), at = u32(p + 42);
    *e = (tn_zip_entry){
        .name = {(const char *)p + CENTRAL, u16(p + 28)}, .deflated = method == 8, .crc = u32(p + 16), .size = size};
    TN_TRY(check_name(e->name, a, err));
    const char *name = shown(a, e->name);
    if (flags & FLAG_ENCRYPTED)
        return tn_fail(err, TN_EINVALID, "zip: \"%s\" is encrypted", name);
    if (packed == UINT32_MAX || size == UINT32_MAX || at == UINT32_MAX)
        return tn_fail(err, TN_EINVALID, "zip: \"%s\" is in zip64, which is not read here", name);
    if (method != 0 && method != 8)
        return tn_fail(err, TN_EINVALID,
                       "zip: \"%s\" is packed by method %" PRIu32 ", only stored and deflate are read", name, method);
    if (u16(p + 34) != 0)
        return tn_fail(err, TN_EINVALID, "zip: \"%s\" is on another disk", name);
    if (method == 0 && packed != size)
        return tn_fail(err, TN_EFORMAT, "zip: \"%s\" is stored with two sizes", name);
    if (tn_str_ends(e->name, "/") && size != 0)
        return tn_fail(err, TN_EFORMAT, "zip: the folder \"%s\" holds data", name);
    return read_local(f, at, limit, packed, e, a, err);
}

static int by_place(const void *a, const void *b)
{
    const tn_zip_entry *x = *(const tn_zip_entry *const *)a, *y = *(const tn_zip_entry *const *)b;
    return (x->packed.ptr > y->packed.ptr) - (x->packed.ptr < y->packed.ptr);
}

static tn_status check_overlaps(const tn_zip *z, tn_arena *a, tn_err *err)
{
    const tn_zip_entry **order = TN_ARENA_ARRAY(a, const tn_zip_entry *, z->n);
    if (!order)
        return tn_fail_nomem(err, z->n * sizeof *order);
    for (size_t i = 0; i < z->n; i++)
        order[i] = &z->entry[i];
    qsort(order, z->n, sizeof *order, by_place);
    for (size_t i = 1; i < z->n; i++) {
        const tn_zip_entry *before = order[i - 1];
        /* A header of its own stands before each member's data, so even empty members have places apart. */
        if ((size_t)(order[i]->packed.ptr - before->packed.ptr) < before->packed.len + LOCAL + order[i]->name.len)
            return tn_fail(err, TN_EFORMAT, "zip: \"%s\" and another member overlap", shown(a, order[i]->name));
    }
    return TN_OK;
}

static tn_status check_names(const tn_zip *z, tn_arena *a, tn_err *err)
{
    tn_map seen = TN_MAP_INIT;
    tn_status st = TN_OK;
    for (size_t i = 0; i < z->n && st == TN_OK; i++) {
        bool is_new;
        if (!tn_map_put(&seen, z->entry[i].name, i, &is_new))
            st = tn_fail_nomem(err, z->n);
        else if (!is_new)
            st = tn_fail(err, TN_EFORMAT, "zip: two members named \"%s\"", shown(a, z->entry[i].name));
    }
    tn_map_free(&seen);
    return st;
}

tn_status tn_zip_parse(tn_bytes f, tn_arena *a, tn_zip *out, tn_err *err)
{
    const uint8_t *end = find_end(f);
    *out = (tn_zip){0};
    if (!end)
        return tn_fail(err, TN_EFORMAT, "zip: no end record; this is no zip archive, or it is cut short");
    size_t n = u16(end + 10), size = u32(end + 12), start = u32(end + 16), end_at = (size_t)(end - f.ptr);
    if (n == 65535 || size == UINT32_MAX || start == UINT32_MAX)
        return tn_fail(err, TN_EINVALID, "zip: a zip64 archive, which is not read here");
    if (u16(end + 4) != 0 || u16(end + 6) != 0 || u16(end + 8) != n)
        return tn_fail(err, TN_EINVALID, "zip: an archive of several disks");
    if (has_end64(f, end_at, n, size, start))
        end_at -= EOCD64 + LOCATOR64;
    if (start > end_at || size != end_at - start)
        return tn_fail(err, TN_EFORMAT, "zip: the directory of %zu bytes at %zu does not end at the end record", size,
                       start);
    out->entry = TN_ARENA_ARRAY(a, tn_zip_entry, n);
    if (!out->entry)
        return tn_fail_nomem(err, n * sizeof *out->entry);
    size_t at = start;
    for (; out->n < n; out->n++) {
        const uint8_t *p = f.ptr + at;
        if (end_at - at < CENTRAL || u32(p) != 0x02014B50 ||
            (size_t)CENTRAL + u16(p + 28) + u16(p + 30) + u16(p + 32) > end_at - at)
            return tn_fail(err, TN_EFORMAT, "zip: entry %zu of the directory is broken", out->n + 1);
        TN_TRY(read_central(f, p, start, &out->entry[out->n], a, err));
        at += (size_t)CENTRAL + u16(p + 28) + u16(p + 30) + u16(p + 32);
    }
    if (at != end_at)
        return tn_fail(err, TN_EFORMAT, "zip: %zu bytes behind the last entry of the directory", end_at - at);
    TN_TRY(check_overlaps(out, a, err));
    return check_names(out, a, err);
}

const tn_zip_entry *tn_zip_find(const tn_zip *z, const char *name)
{
    for (size_t i = 0; i < z->n; i++)
        if (tn_str_is(z->entry[i].name, name))
            return &z->entry[i];
    return NULL;
}

tn_status tn_zip_read(const tn_zip_entry *e, size_t max, tn_arena *a, tn_bytes *out, tn_err *err)
{
    const char *name = shown(a, e->name);
    if (e->size > max)
        return tn_fail(err, TN_ELIMIT, "zip: \"%s\" has %" PRIu64 " bytes, at most %zu are read", name, e->size, max);
    /* Deflate packs at most about 1032 to 1: a larger ratio is a lie, found before memory is taken for it. */
    if (e->deflated && e->size / 1040 > e->packed.len)
        return tn_fail(err, TN_EFORMAT, "zip: \"%s\" cannot unpack to %" PRIu64 " bytes", name, e->size);
    tn_bytes data = e->packed;
    if (e->deflated) {
        uint8_t *p = tn_arena_alloc(a, (size_t)e->size);
        struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
        size_t n = 0;
        if (!p || !d) {
            libdeflate_free_decompressor(d);
            return tn_fail_nomem(err, (size_t)e->size);
        }
        enum libdeflate_result r =
            libdeflate_deflate_decompress(d, e->packed.ptr, e->packed.len, p, (size_t)e->size, &n);
        libdeflate_free_decompressor(d);
        if (r != LIBDEFLATE_SUCCESS || n != e->size)
            return tn_fail(err, TN_EFORMAT, "zip: \"%s\" does not unpack to its %" PRIu64 " bytes", name, e->size);
        data = (tn_bytes){p, n};
    }
    if (libdeflate_crc32(0, data.ptr, data.len) != e->crc)
        return tn_fail(err, TN_EFORMAT, "zip: \"%s\" is damaged, its CRC-32 differs", name);
    *out = data;
    return TN_OK;
}
