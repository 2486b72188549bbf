#ifndef TN_HUB_AT_HAND_H
#define TN_HUB_AT_HAND_H
/// Models at hand: those in tenet's own cache, which `hub import` fills, and those in the Hub's cache of this user.
///
/// Two caches of one layout, because a starter can be a lossy copy under the Hub's name: it must not be found by other
/// programs in the Hub's own cache. Tenet's cache comes first and alone, so that a result does not depend on what else
/// was ever downloaded; `prefer_hub` puts the Hub's cache in front.

#include "hub/cache.h"
#include "text/tokenizer.h"

typedef struct {
    const char *cache; /* a folder that is searched alone; NULL: the two caches */
    bool prefer_hub;   /* the Hub's cache first, then tenet's; otherwise tenet's only (and the Hub's for a named model) */
} tn_hub_where;

/// $TENET_CACHE, else $XDG_CACHE_HOME/tenet/hub, else ~/.cache/tenet/hub. TN_ENOENT when not even HOME is set.
tn_status tn_hub_own_dir(tn_arena *a, const char **out, tn_err *err);

/// All models at hand, by id; of an id in both caches the first cache's.
tn_status tn_hub_at_hand(const tn_hub_where *where, tn_arena *a, tn_hub_model **out, size_t *n, tn_err *err);

/// The model that `spec` names (a folder, or id[@revision]) in either cache.
tn_status tn_hub_find(const tn_hub_where *where, tn_str spec, tn_arena *a, tn_hub_model *out, tn_err *err);

/// The tokenizer of the first model at hand, by id, that opens: it counts when nobody was named. Both *out and *id are NULL
/// when there is none.
tn_status tn_hub_any_tokenizer(const tn_hub_where *where, tn_arena *a, tn_tokenizer **out, const char **id, tn_err *err);

#endif
