/* A script is a common head and the body of its task (catalog/trainer/), joined as they are: nothing is filled in, because
 * the script reads the plan itself. So a plan that is edited needs no new script. */
#include "flow/trainer.h"

#include "flow/plan.h"
#include "rules/catalog.h"
#include "rules/embedded.h"

static const struct {
    const char *tag, *body;
} bodies[] = {
    {"text-classification", "text-classification.py"},
    {"token-classification", "token-classification.py"},
    {"question-answering", "question-answering.py"},
    {"summarization", "text2text-generation.py"},
    {"translation", "text2text-generation.py"},
    {"text2text-generation", "text2text-generation.py"},
    {"text-generation", "language-modelling.py"},
    {"fill-mask", "language-modelling.py"},
    {"sentence-similarity", "sentence-similarity.py"},
    {"feature-extraction", "sentence-similarity.py"},
};

static tn_str script_file(const char *name)
{
    const tn_embedded *f = tn_trainer_files;
    while (f->name && !tn_str_is(tn_str_of(f->name), name))
        f++;
    TN_ASSERT(f->name);
    return f->text;
}

tn_status tn_trainer_script(const tn_json *plan, tn_buf *out, tn_err *err)
{
    tn_str tag;
    TN_TRY(tn_plan_str(plan, "task/tag", &tag, err));
    for (size_t i = 0; i < TN_COUNT(bodies); i++)
        if (tn_str_is(tag, bodies[i].tag)) {
            tn_buf_str(out, script_file("common.py"));
            tn_buf_str(out, TN_STR("\n"));
            tn_buf_str(out, script_file(bodies[i].body));
            return tn_buf_status(out, err);
        }
    tn_catalog_row row;
    tn_str class = tn_catalog_find("tasks", "tag", tag, &row) ? tn_catalog_get(&row, "auto_class") : TN_STR("");
    if (tn_str_starts(class, "-")) /* "- (scikit-learn)": none of transformers */
        class = TN_STR("");
    return tn_fail(err, TN_ERULE, "transformers' Trainer has no common script for %.*s%s%.*s; start from the model's own example", TN_ARG(tag),
                   class.len ? "; its models load with " : "", TN_ARG(class));
}
