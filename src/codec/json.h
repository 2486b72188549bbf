#ifndef TN_CODEC_JSON_H
#define TN_CODEC_JSON_H
/// One tree for JSON and YAML (codec/yaml.h): a reader for RFC 8259, a builder, a streaming writer.
///
/// A tree lives in the arena it was made in and borrows nothing from the text it was read from. It is read through
/// `const tn_json *`; NULL stands for "absent" everywhere, so chains need no checks:
/// `tn_json_str(tn_json_get(tn_json_get(root, "model"), "id"))` is the empty string when anything is missing.

#include "base/str.h"

typedef struct tn_json tn_json;

typedef enum {
    TN_JSON_NONE, /* the type of NULL */
    TN_JSON_NULL,
    TN_JSON_BOOL,
    TN_JSON_NUMBER,
    TN_JSON_STRING,
    TN_JSON_ARRAY,
    TN_JSON_OBJECT,
} tn_json_type_id;

/// ---- reading ----
typedef struct {
    bool allow_nan;     /* also NaN, Infinity, -Infinity, as Python's json writes them */
    uint32_t max_depth; /* containers inside containers; 0 = 128, at most 512 */
    size_t max_bytes;   /* of text; 0 = 256 MiB - 1, which is also the most */
    size_t max_nodes;   /* values in the tree, 40 bytes each; 0 = 16 Mi */
} tn_json_options;

/// Strict RFC 8259: valid UTF-8, exact number grammar, paired surrogates, no duplicate keys, nothing behind the value.
/// A byte order mark in front is skipped. Keys keep their order, numbers their text.
/// TN_EFORMAT with "LINE:COLUMN: what is wrong" (both from 1, columns in code points); TN_ELIMIT beyond a limit.
tn_status tn_json_parse(tn_str text, tn_arena *a, const tn_json **out, tn_err *err);
tn_status tn_json_parse_with(tn_str text, const tn_json_options *options, tn_arena *a, const tn_json **out,
                             tn_err *err);

tn_json_type_id tn_json_type(const tn_json *v);
/// "null", "a number", "an object" ... for sentences.
const char *tn_json_type_name(tn_json_type_id type);

/// The member with this key, or NULL when it is absent or `obj` is not an object. Linear in the number of members: for
/// configurations. Iterate over vocabularies instead, and put them into a tn_map.
const tn_json *tn_json_get(const tn_json *obj, const char *key);
const tn_json *tn_json_get_str(const tn_json *obj, tn_str key);
/// Members or elements; 0 for anything else.
size_t tn_json_len(const tn_json *v);
/// `for (const tn_json *c = tn_json_first(v); c; c = tn_json_next(c))` over the children in order of the text.
const tn_json *tn_json_first(const tn_json *v);
const tn_json *tn_json_next(const tn_json *v);
/// The n-th child, linear; NULL beyond the end.
const tn_json *tn_json_at(const tn_json *v, size_t n);
/// Key of an object's member; empty for other values.
tn_str tn_json_key(const tn_json *v);
/// The string, NUL-terminated; empty (ptr not NULL) when `v` is not a string.
tn_str tn_json_str(const tn_json *v);
bool tn_json_is_str(const tn_json *v, const char *s);
/// Exact text of a number, bool or null ("1e5", "true"), or the string itself; empty for containers.
tn_str tn_json_text(const tn_json *v);
/// Each is true and sets *out only when the value is of that type and fits exactly: 1.0 and 1e3 are no i64, 1e999 is
/// no f64, "true" in quotes is no bool.
bool tn_json_f64(const tn_json *v, double *out);
bool tn_json_i64(const tn_json *v, int64_t *out);
bool tn_json_bool(const tn_json *v, bool *out);
/// Where the value begins in its text, from 1; 0 for built values.
uint32_t tn_json_line(const tn_json *v);
uint32_t tn_json_column(const tn_json *v);

/// RFC 6901: "" is the root, "/a/0/b~1c" a path. NULL when nothing is there.
const tn_json *tn_json_pointer(const tn_json *root, const char *pointer);

/// The member `key` of that type: TN_ENOENT when absent, TN_EFORMAT with "LINE:COLUMN: "key" must be ..., it is ..."
/// otherwise. For values that a file must have.
tn_status tn_json_need(const tn_json *obj, const char *key, tn_json_type_id type, const tn_json **out, tn_err *err);
tn_status tn_json_need_str(const tn_json *obj, const char *key, tn_str *out, tn_err *err);
tn_status tn_json_need_i64(const tn_json *obj, const char *key, int64_t min, int64_t max, int64_t *out, tn_err *err);
tn_status tn_json_need_f64(const tn_json *obj, const char *key, double *out, tn_err *err);
/// Same type, same text, same order of members, all the way down. Places do not count.
bool tn_json_equal(const tn_json *a, const tn_json *b);

/// ---- building ----
/// Each gives NULL when out of memory or for a string of 256 MiB; strings are copied.
tn_json *tn_json_new_object(tn_arena *a);
tn_json *tn_json_new_array(tn_arena *a);
tn_json *tn_json_new_str(tn_arena *a, tn_str s);
tn_json *tn_json_new_i64(tn_arena *a, int64_t v);
/// Python's repr ("3.0"); null for a number that is not finite.
tn_json *tn_json_new_f64(tn_arena *a, double v);
tn_json *tn_json_new_bool(tn_arena *a, bool v);
tn_json *tn_json_new_null(tn_arena *a);
/// Deep copy, for editing what was read.
tn_json *tn_json_dup(tn_arena *a, const tn_json *v);
/// Puts a value under a key, in the place of an older one with that key or else at the end. A value is in one container
/// at most. False when `obj` or `value` is NULL or memory is out: so a chain of calls is checked once with &&.
bool tn_json_set(tn_arena *a, tn_json *obj, const char *key, tn_json *value);
bool tn_json_push(tn_json *array, tn_json *value);

/// ---- writing ----
/// Streams onto a buffer; commas, line ends and escapes are the writer's. Text is UTF-8, escaped only where RFC 8259
/// demands; ill-formed bytes become U+FFFD. Failure is the buffer's (sticky): ask tn_buf_status once.
/// Calls that make no JSON (a value without key in an object, an unbalanced end) are our bugs and are asserted.
enum { TN_JSON_WRITER_DEPTH = 512 };
typedef struct {
    tn_buf *buf;
    int indent; /* blanks a level; 0 = all on one line, with no blanks */
    /* private */
    uint32_t depth;
    bool in_object[TN_JSON_WRITER_DEPTH + 1], any[TN_JSON_WRITER_DEPTH + 1], after_key;
} tn_json_writer;

/// `indent` 0 writes {"a":1,"b":[2,3]}; 2 writes one member a line.
void tn_jw_init(tn_json_writer *w, tn_buf *buf, int indent);
void tn_jw_begin_object(tn_json_writer *w);
void tn_jw_end_object(tn_json_writer *w);
void tn_jw_begin_array(tn_json_writer *w);
void tn_jw_end_array(tn_json_writer *w);
void tn_jw_key(tn_json_writer *w, const char *key);
void tn_jw_key_str(tn_json_writer *w, tn_str key);
void tn_jw_str(tn_json_writer *w, tn_str s);
void tn_jw_c(tn_json_writer *w, const char *s); /* NULL writes null */
void tn_jw_i64(tn_json_writer *w, int64_t v);
void tn_jw_u64(tn_json_writer *w, uint64_t v);
/// Shortest decimal that reads back to the same value; null when not finite.
void tn_jw_f64(tn_json_writer *w, double v);
void tn_jw_f32(tn_json_writer *w, float v);
void tn_jw_bool(tn_json_writer *w, bool v);
void tn_jw_null(tn_json_writer *w);
/// Text that is JSON already.
void tn_jw_raw(tn_json_writer *w, tn_str json);
/// A whole tree; numbers keep their text.
void tn_jw_node(tn_json_writer *w, const tn_json *v);
/// The tree on `buf`, without a line end. NULL writes null.
void tn_json_write(const tn_json *v, int indent, tn_buf *buf);
/// The string in quotes, for sentences and other formats.
void tn_json_write_str(tn_str s, tn_buf *buf);

#endif
