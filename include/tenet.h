#ifndef TENET_H
#define TENET_H
/// tenet as a library: open a model folder, turn texts into tokens, labels and vectors.
///
///   tenet_model *m;
///   char error[512];
///   if (tenet_open("deploy/model", 0, &m, error, sizeof error))
///       puts(error);
///   float score[3];
///   const char *text = "giao hàng nhanh, sẽ mua lại";
///   tenet_predict(m, &text, 1, score, error, sizeof error);      score[tenet_n_labels(m)]
///   tenet_close(m);
///
/// Functions return 0, or the exit code that the program would end with (1 a rule says no, 2 bad input, 3 the world,
/// 4 our bug), and then put one sentence into `error`. A model is used by one thread at a time.

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tenet_model tenet_model;

const char *tenet_version(void);

/// A folder with config.json, model.safetensors, tokenizer.json. `threads` 0 = one per CPU.
int tenet_open(const char *folder, int threads, tenet_model **out, char *error, size_t error_size);
void tenet_close(tenet_model *m);

/// 0 when the folder holds an encoder without a trained classification head.
int tenet_n_labels(const tenet_model *m);
const char *tenet_label(const tenet_model *m, int i);
/// Width of a vector of tenet_embed.
int tenet_width(const tenet_model *m);

/// ids [max] of one text, special tokens included; *n is how many there are, also when more than max.
int tenet_tokenize(tenet_model *m, const char *text, int32_t *ids, size_t max, size_t *n, char *error, size_t error_size);
/// score [n_texts, n_labels]: probabilities.
int tenet_predict(tenet_model *m, const char *const *text, size_t n_texts, float *score, char *error, size_t error_size);
/// out [n_texts, width]: pooled and normalised as the folder says.
int tenet_embed(tenet_model *m, const char *const *text, size_t n_texts, float *out, char *error, size_t error_size);

#ifdef __cplusplus
}
#endif

#endif
