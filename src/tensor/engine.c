#include "tensor/engine.h"

#include "base/mem.h"
#include "base/str.h"

#include <stdio.h>

struct tn_engine {
    tn_pool *pool;
    tn_gemm *gemm;
    const tn_kernels *kernels;
    tn_peers *peers;
};

tn_status tn_engine_new(int n_threads, const char *isa, tn_engine **out, tn_err *err)
{
    static const tn_isa all[] = {TN_ISA_REF, TN_ISA_AVX2, TN_ISA_AVX512};
    tn_isa chosen = tn_isa_detect();
    bool automatic = !isa || tn_str_is(tn_str_of(isa), "auto");
    if (!automatic && (!tn_isa_from_name(isa, &chosen) || !tn_isa_has(chosen))) {
        char list[64] = "";
        for (size_t i = 0, at = 0; i < TN_COUNT(all); i++)
            if (tn_isa_has(all[i]))
                at += (size_t)snprintf(list + at, sizeof list - at, ", %s", tn_isa_name(all[i]));
        return tn_fail(err, TN_EINVALID, "instruction set \"%s\" cannot be used here; this CPU has auto%s", isa, list);
    }
    tn_engine *e = tn_mem_calloc(sizeof *e);
    if (!e)
        return tn_fail_nomem(err, sizeof *e);
    e->kernels = tn_kernels_get(chosen);
    tn_status st;
    TN_GO(tn_pool_new(n_threads, &e->pool, err));
    TN_GO(tn_gemm_new(e->pool, chosen, &e->gemm, err));
done:
    if (st != TN_OK)
        tn_engine_free(e);
    else
        *out = e;
    return st;
}

void tn_engine_free(tn_engine *e)
{
    if (!e)
        return;
    tn_gemm_free(e->gemm);
    tn_pool_free(e->pool);
    tn_mem_free(e);
}

tn_pool *tn_engine_pool(const tn_engine *e)
{
    return e->pool;
}

int tn_engine_threads(const tn_engine *e)
{
    return tn_pool_size(e->pool);
}

const char *tn_engine_isa(const tn_engine *e)
{
    return e->kernels->name;
}

bool tn_engine_has_fma(const tn_engine *e)
{
    return e->kernels->has_fma;
}

const tn_kernels *tn_engine_kernels(const tn_engine *e)
{
    return e->kernels;
}

tn_gemm *tn_engine_gemm(const tn_engine *e)
{
    return e->gemm;
}

void tn_engine_set_peers(tn_engine *e, tn_peers *peers)
{
    e->peers = peers;
}

tn_peers *tn_engine_peers(const tn_engine *e)
{
    return e->peers;
}
