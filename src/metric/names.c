/* One table, so that a card, a report and a comparison call a metric by the same words. */
#include "metric/names.h"

static const tn_metric_info table[] = {
    {"accuracy", "accuracy", "share of rows whose predicted label is the right one", "accuracy", "Accuracy", false},
    {"macro_f1", "macro F1", "macro over the model's labels, zero_division=0", "f1", "Macro F1", false},
    {"mcc", "MCC", "multi-class Matthews correlation, 0 where it is undefined", "matthews_correlation", "MCC", false},
    {"micro_f1", "micro F1", "over all rows and labels, zero_division=0", "f1", "Micro F1", false},
    {"samples_f1", "samples F1", "mean over rows; a row without labels that is given none counts 0 (zero_division=0)", "f1", "Samples F1", false},
    {"subset_accuracy", "subset accuracy", "share of rows whose labels are all right", "accuracy", "Subset accuracy", false},
    {"hamming_loss", "Hamming loss", "share of (row, label) that is wrong", NULL, NULL, true},
    {"lrap", "LRAP", "label ranking average precision; a row with no label, or all, counts 1", NULL, NULL, false},
    {"map", "mAP", "mean over labels of average precision, 0 for a label that no row has", "average_precision", "Mean average precision", false},
    {"mae", "MAE", "mean absolute error, in the units of the label", "mae", "MAE", true},
    {"rmse", "RMSE", "root of the mean squared error, in the units of the label", "rmse", "RMSE", true},
    {"r2", "R²", "1 - squared errors / squared distances from the mean; constant truth: 1 when all are hit, else 0", "r_squared", "R2", false},
    {"pearson", "Pearson's r", "0 where a side is constant", "pearsonr", "Pearson", false},
    {"spearman", "Spearman's rho", "equal values share their mean rank; 0 where a side is constant", "spearmanr", "Spearman", false},
    {"span_f1", "F1 of spans", "micro over spans, seqeval's lenient mode; of plain tags each word is a span", "f1", "F1", false},
    {"span_precision", "precision of spans", "as F1 of spans", "precision", "Precision", false},
    {"span_recall", "recall of spans", "as F1 of spans", "recall", "Recall", false},
    {"span_macro_f1", "macro F1 of spans", "mean over types that occur or are predicted, seqeval's lenient mode", "f1", "Macro F1", false},
    {"span_weighted_f1", "weighted F1 of spans", "mean over types by their spans, seqeval's lenient mode", "f1", "Weighted F1", false},
    {"span_strict_f1", "strict F1 of spans", "micro over spans, seqeval's strict mode in the scheme of the tags", "f1", "Strict F1", false},
    {"word_accuracy", "accuracy of words", "share of words whose tag is right, O included", "accuracy", "Accuracy", false},
    {"word_macro_f1", "macro F1 of words", "macro over tags of single words, zero_division=0", NULL, NULL, false},
    {"log_loss", "log-loss", "mean of -ln p, p clipped to [2^-23, 1 - 2^-23]", NULL, NULL, true},
    {"exact_match", "exact match", "SQuAD's script in all languages: best over the right answers, from 0 to 1", "exact_match", "Exact Match", false},
    {"answer_f1", "F1 of answers", "SQuAD's script in all languages: words between white space, best over the right answers, from 0 to 1", "f1", "F1", false},
    {"has_answer_exact", "exact match where there is an answer", "exact_match over the questions that have an answer", NULL, NULL, false},
    {"has_answer_f1", "F1 where there is an answer", "answer_f1 over the questions that have an answer", NULL, NULL, false},
    {"no_answer_accuracy", "accuracy where there is none", "share of the questions without answer that get none", NULL, NULL, false},
};

const tn_metric_info *tn_metric_find(tn_str name)
{
    for (size_t i = 0; i < TN_COUNT(table); i++)
        if (tn_str_is(name, table[i].name))
            return &table[i];
    return NULL;
}

tn_str tn_metric_title_of(tn_str name)
{
    const tn_metric_info *m = tn_metric_find(name);
    return m ? tn_str_of(m->title) : name;
}

tn_str tn_baseline_title_of(tn_str name)
{
    static const char *const title[][2] = {{"majority", "majority class"}, {"commonest", "commonest set of labels"}, {"mean", "the mean"},
                                           {"frequent", "each word's commonest tag"}, {"silence", "no answer to any question"},
                                           {"ngram", "word and letter n-grams"}, {"tagger", "linear tagger"}, {"lexical", "words in common"},
                                           {"probe", "untouched encoder with a probe"}, {"sentence", "untouched encoder's sentence"}};
    for (size_t i = 0; i < TN_COUNT(title); i++)
        if (tn_str_is(name, title[i][0]))
            return tn_str_of(title[i][1]);
    return name;
}
