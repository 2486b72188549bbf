#ifndef TN_CHECK_PICKLE_H
#define TN_CHECK_PICKLE_H
/// What a pickle would import when it is loaded: its opcodes are read, never executed.

#include "base/str.h"

typedef struct {
    bool is_pickle;  /* it begins as one: a pickle, a zip of torch.save, an old file of torch */
    bool is_whole;   /* read to its end; otherwise there may be more than was seen */
    size_t n_imports;
    tn_str danger;   /* "os.system": the first import that can run anything; empty = none was seen */
} tn_pickle;

/// Never fails on hostile bytes; work is bounded by the size of the file. Fails with TN_ENOMEM.
/// Source: CPython 3.13 Lib/pickletools.py (opcodes of protocols 0 to 5), torch/serialization.py (containers).
tn_status tn_pickle_scan(tn_bytes file, tn_arena *a, tn_pickle *out, tn_err *err);

#endif
