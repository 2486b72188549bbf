/* One table, so that a card, a report and a comparison call a metric by the same words. */
#include "metric/names.h"

static const tn_metric_info table[] = {
    {"accuracy", "accuracy", "share of rows whose predicted label is the right one", "accuracy", "Accuracy", false},
    {"macro_f1", "macro F1", "macro over the model's labels, zero_division=0", "f1", "Macro F1", false},
    {"mcc", "MCC", "multi-class Matthews correlation, 0 where it is undefined", "matthews_correlation", "MCC", false},
    {"log_loss", "log-loss", "mean of -ln p, p clipped to [2^-23, 1 - 2^-23]", NULL, NULL, true},
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
