/* Promises of check/py_eval.c: code, and whether the rule finds it. More stands in tests/check. */
#include "check/py_rules_test.h"

#define TF "from transformers import AutoTokenizer as T, AutoModelForSequenceClassification as M, pipeline, TrainingArguments as A\n"
#define DEMO TF "import torch\nt = T.from_pretrained('org/m', revision='0')\nm = M.from_pretrained('org/m', revision='0')\n"
#define SK "from sklearn.metrics import accuracy_score, f1_score, roc_auc_score\nimport json\n"

static void rows_of_the_table_are_found_or_left(void **state)
{
    static const struct {
        const char *rule;
        bool found;
        const char *code;
    } row[] = {
        {"data-config", true, TF "A('o', learning_rate=2e-5, num_train_epochs=3)\n"},
        {"data-config", true, TF "kw = dict(learning_rate=2e-5, num_train_epochs=3)\nA('o', **kw)\n"},
        {"data-config", false, TF "A('o', num_train_epochs=3)\n"},
        {"data-config", false, TF "LR, EPOCHS = 2e-5, 3\nA('o', learning_rate=LR, num_train_epochs=EPOCHS)\n"},
        {"data-config", false, TF "A('o', **cfg)\n"},
        {"data-pipeline", true, DEMO "x = m(**t('a text', return_tensors='pt')).logits\nprint(torch.softmax(x, -1))\n"},
        {"data-pipeline", false, DEMO "x = m(**t('a text', return_tensors='pt'), labels=y)\nprint(torch.softmax(x.logits, -1))\n"},
        {"data-pipeline", false, DEMO "def f(s):\n    return torch.softmax(m(**t(s, return_tensors='pt')).logits, -1)\n"},
        {"data-fit", true, TF "T.from_pretrained('bert-base-cased', do_lower_case=True)\n"},
        {"data-fit", false, TF "T.from_pretrained('bert-base-uncased', do_lower_case=True)\n"},
        {"data-fit", true, TF "T.from_pretrained('bert-base-uncased')\nM.from_pretrained('bert-base-cased')\n"},
        {"data-fit", false, TF "T.from_pretrained('bert-base-uncased')\nM.from_pretrained('bert-base-uncased')\nM.from_pretrained('bert-base-cased')\n"},
        {"data-fit", true, TF "from datasets import load_dataset\nload_dataset('xnli', 'vi')\nM.from_pretrained('roberta-base')\n"},
        {"data-fit", false, TF "from datasets import load_dataset\nload_dataset('xnli', 'en')\nM.from_pretrained('roberta-base')\n"},
        {"data-fit", false, TF "from datasets import load_dataset\nload_dataset('xnli', 'vi')\nM.from_pretrained('xlm-roberta-base')\n"},
        {"data-hub", true, "import pandas as pd\npd.read_csv('data/imdb_train.csv')\n"},
        {"data-hub", false, "import pandas as pd\npd.read_csv('data/imdbish.csv')\n"},
        {"data-hub", false, "import pandas as pd\n# copy of stanfordnlp/imdb\npd.read_csv('data/imdb_train.csv')\n"},
        {"eval-benchmark", true, TF "import evaluate\nb = evaluate.load('bleu')\np = pipeline('text-classification')\n"},
        {"eval-benchmark", false, TF "import evaluate\nb = evaluate.load('bleu')\np = pipeline('translation')\n"},
        {"eval-benchmark", true, "from sklearn.metrics import accuracy_score\n# 1 % of the rows are positive\nprint(accuracy_score(a, b))\n"},
        {"eval-benchmark", false, SK "# 1 % of the rows are positive\nprint(accuracy_score(a, b), f1_score(a, b))\n"},
        {"eval-benchmark", false, "from sklearn.metrics import accuracy_score\n# 1 % of the rows are dropped\nprint(accuracy_score(a, b))\n"},
        {"eval-regressions", true, TF "A('o', overwrite_output_dir=True)\n"},
        {"eval-regressions", false, TF "A('runs/7', overwrite_output_dir=True)\n"},
        {"eval-regressions", false, TF "A(folder(), overwrite_output_dir=True)\n"},
        {"eval-regressions", true, "m.fit(x)\nopen('results.json', 'w').write('')\n"},
        {"eval-regressions", false, "m.fit(x)\nopen('results.json', 'a').write('')\n"},
        {"eval-regressions", false, "old = open('results.json').read()\nm.fit(x)\nopen('results.json', 'w').write('')\n"},
        {"eval-evidence", true, "best = 0\nfor seed in range(9):\n    s = train(seed)\n    if s > best:\n        best = s\n"},
        {"eval-evidence", false, "best = 0\nfor lr in rates:\n    s = train(lr)\n    if s > best:\n        best = s\n"},
        {"eval-evidence", true, "s = [train(seed=i) for i in range(9)]\nprint(max(s))\n"},
        {"eval-evidence", false, "s = [train(seed=i) for i in range(9)]\nprint(max(s), sum(s) / 9, np.mean(s))\n"},
        {"eval-criteria", true, SK "s = {'a': accuracy_score(y, p), 'f': f1_score(y, p)}\nb = max(s, key=s.get)\n"},
        {"eval-criteria", false, SK "s = {'svm': f1_score(y, p), 'tree': f1_score(y, q)}\nb = max(s, key=s.get)\n"},
        {"eval-criteria", true, SK "s = f1_score(y, p)\nthreshold = s - 0.01\nok = s >= threshold\n"},
        {"eval-criteria", false, SK "s = f1_score(y, p)\nthreshold = read()\nok = s >= threshold\n"},
    };
    for (size_t i = 0; i < TN_COUNT(row); i++)
        if (finds(row[i].rule, row[i].code) != row[i].found)
            fail_msg("row %zu, %s should %s:\n%s", i, row[i].rule, row[i].found ? "be found" : "stay silent", row[i].code);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows_of_the_table_are_found_or_left)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
