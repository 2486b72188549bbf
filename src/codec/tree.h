#ifndef TN_CODEC_TREE_H
#define TN_CODEC_TREE_H
/// The inside of tn_json, shared by its two readers (json.c, yaml.c). Others use codec/json.h.

#include "codec/json.h"

/* Children hang in a ring: a container points to its last child, and the last child's `next` is the first one. So a
 * container needs one pointer for both ends, and appending is O(1). 40 bytes a value. */
struct tn_json {
    struct tn_json *next;
    const char *key; /* NULL outside objects */
    union {
        const char *text;     /* string, NUL-terminated; or exact text of another scalar, which is not */
        struct tn_json *last; /* container: NULL when empty */
    } as;
    uint32_t key_len : 28; /* so texts are below 256 MiB */
    uint32_t type : 3;     /* tn_json_type_id */
    uint32_t is_last : 1;  /* `next` is the ring's closing link */
    uint32_t len;          /* bytes of text, or number of children */
    uint32_t line, column;
};

enum { TN_JSON_MAX_TEXT = (1 << 28) - 1 };

/// Hangs `child` behind the container's other children.
static inline void tn_json_link(tn_json *container, tn_json *child)
{
    tn_json *last = container->as.last;
    child->is_last = 1;
    if (last) {
        child->next = last->next;
        last->next = child;
        last->is_last = 0;
    } else {
        child->next = child;
    }
    container->as.last = child;
    container->len++;
}

/// Memory for tn_json_find_duplicate, kept between calls.
typedef struct {
    struct tn_json_slot *slot;
    size_t cap;
} tn_json_keys;
void tn_json_keys_free(tn_json_keys *k);
/// *out = a member whose key an earlier member has too, or NULL. False when out of memory.
/// O(n log n) at worst, about n in practice, whatever the keys.
bool tn_json_find_duplicate(const tn_json *obj, tn_json_keys *scratch, const tn_json **out);

#endif
