/* Promises of check/py_data.c: code, and whether the rule finds it. More stands in tests/check. */
#include "check/py_rules_test.h"

#define TF "from transformers import AutoTokenizer as T, pipeline, Trainer, TrainingArguments\n"
#define SK "from sklearn.preprocessing import StandardScaler\nfrom sklearn.model_selection import train_test_split\nfrom sklearn.linear_model import LogisticRegression\n" \
           "import numpy as np\nX, y = np.load('x.npy'), np.load('y.npy')\n"
#define DS "from datasets import load_dataset\n" TF "ds = load_dataset('org/rows', revision='0123456789abcdef0123456789abcdef01234567')\n"

static void rows_of_the_table_are_found_or_left(void **state)
{
    static const struct {
        const char *rule;
        bool found;
        const char *code;
    } row[] = {
        {"data-versions", true, TF "T.from_pretrained('org/name')\n"},
        {"data-versions", true, TF "ID = 'org/name'\npipeline('text-classification', model=ID, revision='main')\n"},
        {"data-versions", true, "from transformers import AutoModel\nAutoModel.from_pretrained('bert-base-uncased')\n"},
        {"data-versions", false, TF "T.from_pretrained('org/name', revision='0123456789abcdef')\n"},
        {"data-versions", false, TF "T.from_pretrained('./org/name')\n"},
        {"data-versions", false, TF "T.from_pretrained('models/mine')\n"},
        {"data-versions", false, TF "t = make()\nt.save_pretrained('org/name')\nT.from_pretrained('org/name')\n"},
        {"data-versions", false, TF "def load(name):\n    return T.from_pretrained(name)\n"},
        {"data-versions", false, TF "kw = read()\nT.from_pretrained('org/name', **kw)\n"},
        {"data-versions", false, "from datasets import load_dataset\nload_dataset('csv', data_files='a.csv')\n"},
        {"data-splits", true, DS "Trainer(None, TrainingArguments('o'), train_dataset=ds['train'], eval_dataset=ds['train'].select(range(9)))\n"},
        {"data-splits", false, DS "Trainer(None, TrainingArguments('o'), train_dataset=ds['train'], eval_dataset=ds['validation'])\n"},
        {"data-splits", true, SK "m = LogisticRegression().fit(X, y)\nprint(m.score(X, y))\n"},
        {"data-splits", false, SK "m = LogisticRegression().fit(X, y)\nprint(m.predict(X))\n"},
        {"data-splits", false, SK "a, b, c, d = train_test_split(X, y, random_state=0)\nm = LogisticRegression().fit(a, c)\nprint(m.score(a, c), m.score(b, d))\n"},
        {"data-leak", true, SK "Z = StandardScaler().fit_transform(X)\na, b, c, d = train_test_split(Z, y, random_state=0)\n"},
        {"data-leak", true, SK "s = StandardScaler()\ns.fit(X)\na, b = train_test_split(s.transform(X), random_state=0)\n"},
        {"data-leak", false, SK "a, b, c, d = train_test_split(X, y, random_state=0)\ns = StandardScaler().fit(a)\nb = s.transform(b)\n"},
        {"data-leak", false, SK "Z = StandardScaler().fit_transform(X)\na, b = train_test_split(X, random_state=0)\n"},
        {"data-leak", true, DS "args = dict(train_dataset=ds['test'])\nTrainer(None, TrainingArguments('o'), **args)\n"},
        {"data-leak", true, DS "Trainer(None, TrainingArguments('o', load_best_model_at_end=True), train_dataset=ds['train'], eval_dataset=ds['test'])\n"},
        {"data-leak", false, DS "Trainer(None, TrainingArguments('o'), train_dataset=ds['train'], eval_dataset=ds['test'])\n"},
        {"data-deterministic", true, SK "a, b = train_test_split(X)\n"},
        {"data-deterministic", true, SK "a, b = train_test_split(X)\nnp.random.seed(0)\n"},
        {"data-deterministic", false, SK "np.random.seed(0)\na, b = train_test_split(X)\n"},
        {"data-deterministic", true, "labels = list(set(read()))\n"},
        {"data-deterministic", false, "labels = sorted(list(set(read())))\n"},
        {"data-deterministic", false, "labels = list(set(read()))\nlabels.sort()\n"},
        {"data-deterministic", true, "train = [r for r in read() if hash(r) % 10 < 8]\n"},
        {"data-deterministic", false, "def slot(x):\n    return hash(x) % 10\n"},
        {"data-deterministic", false, "class A:\n    def __hash__(self):\n        return hash(self.x) % 10\n"},
        {"data-copypaste", true, TF "T.from_pretrained('your-username/my-awesome-model')\n"},
        {"data-copypaste", true, "from transformers import AutoModelForSequenceClassification as M\nM.from_pretrained('org/m', num_labels=3, id2label={0: 'a', 1: 'b'})\n"},
        {"data-copypaste", false, "from transformers import AutoModelForSequenceClassification as M\nM.from_pretrained('org/m', num_labels=2, id2label={0: 'a', 1: 'b'})\n"},
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
