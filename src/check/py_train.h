#ifndef TN_CHECK_PY_TRAIN_H
#define TN_CHECK_PY_TRAIN_H
/// What a Python file does as a whole: whether it trains, evaluates, saves, seeds, keeps records. For the rules about
/// training scripts.
///
/// Only what runs when the file runs counts: a function that the file never calls is a library's. Only what is certain
/// counts for "it trains"; anything that might be an evaluation counts for "it evaluates".

#include "check/py_check.h"

typedef struct tn_py_training {
    const tn_py_event *train;    /* the first Trainer.train, keras or scikit-learn fit of a predictor, or NULL */
    const tn_py_event *trainer;  /* the constructor of its receiver */
    const tn_py_event *args;     /* its TrainingArguments */
    const tn_py_event *backward; /* the first loss.backward() in a loop: a hand-written loop */
    const tn_py_event *first;    /* the earlier of train and backward; NULL: the file does not train */
    bool is_trainer;             /* train is that of transformers, trl, sentence_transformers: seeds and saves by itself */
    bool is_own;                 /* model and rows are made in this file: not a fragment that names what others made */
    const tn_py_event *evaluates; /* the first event that may be an evaluation */
    const tn_py_event *saves;    /* the first that writes or publishes the model */
    const tn_py_event *seeds;
    const tn_py_event *records;  /* writes metrics or configuration somewhere */
} tn_py_training;

/// Made on the first call, kept in the check. A test file never trains.
const tn_py_training *tn_py_training_of(tn_py_check *c);
/// test_x.py, x_test.py, conftest.py, tests/.
bool tn_py_is_test(const tn_py_check *c);

/// "*Trainer" of transformers and its kin, not lightning's.
bool tn_py_is_trainer(const tn_py_value *v);
/// The constructor that made the value, or NULL.
const tn_py_event *tn_py_maker(const tn_py_value *v);
/// The text holds the word, in this case.
bool tn_py_has(tn_str text, const char *word);
/// The value of an argument's node, without the keyword before it.
const tn_py_node *tn_py_bare(const tn_py_node *n);
/// The word stands in a comment of the file at most `above` lines over the node, on its line, or in the docstring of the
/// file; any of "a|b|c", without case.
bool tn_py_explained(const tn_py_check *c, const tn_py_node *at, uint32_t above, const char *words);

#endif
