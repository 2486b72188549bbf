#ifndef TN_TRAIN_RANKS_H
#define TN_TRAIN_RANKS_H
/// Training and prediction over several processes (mpirun -n N tenet ...), with the bytes of one.
///
/// Rank 0 is the program as it always is: it reads, decides, writes. The others wait in tn_ranks_serve until it needs them,
/// and hold no data and no files of a run: they open the same model folder, get their rows of each batch, and change their
/// weights as rank 0 does.
///
/// Each rank computes whole shards of the batch. Gradients are exchanged between pairs in the tree that folds shards
/// (DESIGN, numeric contract): first neighbours, then neighbouring pairs; each of the two sums one half, so a value crosses
/// the wire twice, and is added by one rank in the one order that there is. While the backward pass goes on, what is whole is
/// exchanged already: from the head down, in blocks of about a layer.

#include "train/loop.h"

typedef struct tn_ranks tn_ranks;

/// Makes the others ready for this run; *out NULL, and nothing to do, when the engine has no peers, or the learner is no
/// model's own (tn_learner_of). TN_EINVALID when the number of processes is no power of two or above recipe.n_shards; and
/// when a process cannot open the model or reads other weights, with its number. Wraps the learner's backward pass and
/// shares the model's rows until closed; `l` and `r` are borrowed.
tn_status tn_ranks_open(const tn_learner *l, const tn_recipe *r, int64_t n_steps, size_t max_rows, size_t max_tokens,
                        tn_ranks **out, tn_err *err);
/// Weights, moments and step of a checkpoint, which rank 0 has read already.
tn_status tn_ranks_restore(tn_ranks *x, const char *path, tn_err *err);
/// As learner.backward, in recipe.n_passes passes; the others update their weights afterwards, by this learning rate. TN_EIO when a rank is gone, TN_EINTR when rank 0 was told to stop while it
/// waited: the weights are those before the step, and everything but tn_ranks_close fails from then on.
tn_status tn_ranks_backward(tn_ranks *x, const tn_train_batch *b, double lr, tn_train_result *out, tn_err *err);
/// False once a rank is gone, or the wait for the others was given up.
bool tn_ranks_usable(const tn_ranks *x);
/// NULL is fine. The others wait for the next run.
void tn_ranks_close(tn_ranks *x);

/// Shares the rows of tn_model_logits and tn_model_embed over the engine's peers, until closed. Any number of processes; a
/// model that is not trained. *out NULL when there are no peers.
tn_status tn_ranks_share(tn_model *m, tn_ranks **out, tn_err *err);

/// The life of the other ranks: until rank 0 says goodbye. Returns the code to exit with.
int tn_ranks_serve(tn_engine *e, tn_peers *p);

#endif
