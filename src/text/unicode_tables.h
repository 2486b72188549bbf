#ifndef TN_TEXT_UNICODE_TABLES_H
#define TN_TEXT_UNICODE_TABLES_H
/// Generated tables behind text/unicode.h; nobody else includes this. Two levels: block = first[cp >> 7], then
/// second[block << 7 | (cp & 127)].

#include <stdint.h>

typedef struct {
    uint16_t flags; /* TN_UC_* */
    uint8_t brk;    /* low 4 bits: grapheme cluster break, high 4: conjunct break */
    uint8_t ccc;    /* canonical combining class */
} tn_uc_record;

extern const uint16_t tn_uc_class_first[], tn_uc_form_first[], tn_uc_lower_first[];
extern const uint8_t tn_uc_class_second[], tn_uc_lower_second[];
extern const uint16_t tn_uc_form_second[];
extern const tn_uc_record tn_uc_records[];
/* A form is offset << 5 | length into the pool; 0 = the code point itself. */
extern const uint32_t tn_uc_form_canon[], tn_uc_form_compat[], tn_uc_form_pool[];
extern const int32_t tn_uc_lower_delta[];
/* first << 32 | second, ascending, and what they compose to. */
extern const uint64_t tn_uc_pair_key[];
extern const uint32_t tn_uc_pair_value[];
extern const uint32_t tn_uc_n_pairs;

#endif
