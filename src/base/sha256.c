#include "base/sha256.h"
#include "base/file.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

static tn_digest digest(const EVP_MD *kind, tn_bytes head, tn_bytes body)
{
    tn_digest d = {{0}};
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestInit_ex(ctx, kind, NULL) && EVP_DigestUpdate(ctx, head.ptr, head.len) &&
              EVP_DigestUpdate(ctx, body.ptr, body.len) && EVP_DigestFinal_ex(ctx, raw, &n);
    EVP_MD_CTX_free(ctx);
    TN_ASSERT(ok && n <= 32);
    for (unsigned i = 0; i < n; i++)
        snprintf(d.hex + 2 * i, 3, "%02x", raw[i]);
    return d;
}

tn_digest tn_sha256(tn_bytes b)
{
    return digest(EVP_sha256(), TN_BYTES(""), b);
}

tn_digest tn_git_blob_id(tn_bytes b)
{
    char head[40];
    int n = snprintf(head, sizeof head, "blob %zu", b.len);
    return digest(EVP_sha1(), (tn_bytes){(const uint8_t *)head, (size_t)n + 1}, b);
}

tn_status tn_sha256_file(const char *path, tn_digest *out, tn_err *err)
{
    tn_file f;
    TN_TRY(tn_file_open(path, &f, err));
    *out = tn_sha256(f.bytes);
    tn_file_close(&f);
    return TN_OK;
}
