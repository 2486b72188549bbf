#ifndef TN_SERVE_SCHEMA_H
#define TN_SERVE_SCHEMA_H
/// JSON Schema, as much of it as tools' arguments need: the text that tells a client what to send is what checks it.
///
/// Understood: type, enum, required, properties, additionalProperties (false), items, minItems, maxItems, minLength,
/// maxLength (code points), minimum, maximum. title, description, default, examples, $schema say nothing here. Schemas are
/// ours: another keyword is our bug and is asserted.

#include "codec/json.h"

/// TN_EINVALID with one sentence when `value`, called `name`, does not conform.
tn_status tn_schema_check(const tn_json *schema, const tn_json *value, const char *name, tn_err *err);

#endif
