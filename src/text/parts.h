#ifndef TN_TEXT_PARTS_H
#define TN_TEXT_PARTS_H
/// The inside of a tokenizer, for tokenizer.c and encode.c.

#include "text/added.h"
#include "text/decoder.h"
#include "text/subword.h"
#include "text/template.h"
#include "text/tokenizer.h"

struct tn_tokenizer {
    tn_arena *arena; /* everything below */
    tn_normalizer normalizer;
    tn_pretokenizer pretokenizer;
    tn_subword model;
    tn_added_tokens added;
    tn_template template;
    tn_decoder decoder;
    uint32_t n_tokens;
    tn_str *token;    /* [n_tokens], added ones over the model's; ptr NULL = no such id */
    uint8_t *special; /* [n_tokens] bits, see tokenizer.c */
};

#endif
