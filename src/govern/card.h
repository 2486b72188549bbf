#ifndef TN_GOVERN_CARD_H
#define TN_GOVERN_CARD_H
/// Model card and data card, written from a run folder's records and nothing else.
///
/// Each number is followed by a link to its record (`<!-- eval/metrics.json#/test/macro_f1 -->`). A record that is
/// missing gives the words "not measured" in its place, never a guess. The front matter is the Hub's metadata
/// (reference/cards.md §2, §6); the sections are those of the Hub's templates in the rules' order, limits early.

#include "base/str.h"

/// deploy/model/README.md of the run in `dir`. TN_EFORMAT for a record that is not what it should be; memory.
tn_status tn_card_model(const char *dir, tn_arena *a, tn_buf *out, tn_err *err);
/// data/README.md.
tn_status tn_card_data(const char *dir, tn_arena *a, tn_buf *out, tn_err *err);

#endif
