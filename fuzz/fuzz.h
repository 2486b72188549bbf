#ifndef TN_FUZZ_H
#define TN_FUZZ_H
/// What each target defines: `TN_FUZZ(name, bytes)` reads the bytes, asserts what must hold for those that are
/// accepted, and returns the reader's status. libFuzzer calls it through LLVMFuzzerTestOneInput; tests/hostile_test.c,
/// which keeps the lying files we have met, by its name.

#include "base/err.h"
#include "base/str.h"

#ifdef TN_FUZZ_AS_TEST
#define TN_FUZZ(name, bytes) static tn_status fuzz_##name(tn_bytes bytes)
#else
#define TN_FUZZ(name, bytes)                                                                                           \
    static tn_status fuzz_##name(tn_bytes bytes);                                                                      \
    int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);                                                      \
    int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)                                                       \
    {                                                                                                                  \
        fuzz_##name((tn_bytes){data, size});                                                                           \
        return 0;                                                                                                      \
    }                                                                                                                  \
    static tn_status fuzz_##name(tn_bytes bytes)
#endif

#endif
