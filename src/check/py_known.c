/* What library calls give, as far as rules need it: types, whose rows, which identity.
 *
 * Tables are sorted by name and searched by halves; py_flow_test.c holds the order. What is in no table gives a fresh object
 * of unknown type: unknown is never guilty, so a missing row costs a finding, never a false one. */
#include <string.h>

#include "check/py_run.h"

/* ---- names ---- */

typedef struct {
    const char *name, *to;
} pair;

static const char *find(const pair *table, size_t n, tn_str name)
{
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        int c = tn_str_cmp(tn_str_of(table[mid].name), name);
        if (c == 0)
            return table[mid].to;
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

bool tn_py_is_builtin(tn_str name)
{
    static const pair names[] = {
        {"Exception", ""}, {"KeyboardInterrupt", ""}, {"RuntimeError", ""}, {"ValueError", ""}, {"__file__", ""}, {"__name__", ""}, {"abs", ""},
        {"all", ""}, {"any", ""}, {"bool", ""}, {"bytes", ""}, {"callable", ""}, {"classmethod", ""}, {"dict", ""}, {"dir", ""}, {"display", ""},
        {"divmod", ""}, {"enumerate", ""}, {"eval", ""}, {"exec", ""}, {"exit", ""}, {"filter", ""}, {"float", ""}, {"format", ""},
        {"frozenset", ""}, {"getattr", ""}, {"globals", ""}, {"hasattr", ""}, {"hash", ""}, {"id", ""}, {"input", ""}, {"int", ""},
        {"isinstance", ""}, {"issubclass", ""}, {"iter", ""}, {"len", ""}, {"list", ""}, {"locals", ""}, {"map", ""}, {"max", ""}, {"min", ""},
        {"next", ""}, {"object", ""}, {"open", ""}, {"print", ""}, {"property", ""}, {"quit", ""}, {"range", ""}, {"repr", ""},
        {"reversed", ""}, {"round", ""}, {"set", ""}, {"setattr", ""}, {"slice", ""}, {"sorted", ""}, {"staticmethod", ""}, {"str", ""},
        {"sum", ""}, {"super", ""}, {"tuple", ""}, {"type", ""}, {"vars", ""}, {"zip", ""}};
    return find(names, TN_COUNT(names), name) != NULL;
}

tn_str tn_py_well_known(tn_str name)
{
    static const pair names[] = {
        {"Accelerator", "accelerate.Accelerator"},
        {"AutoModel", "transformers.AutoModel"},
        {"AutoModelForCausalLM", "transformers.AutoModelForCausalLM"},
        {"AutoModelForQuestionAnswering", "transformers.AutoModelForQuestionAnswering"},
        {"AutoModelForSeq2SeqLM", "transformers.AutoModelForSeq2SeqLM"},
        {"AutoModelForSequenceClassification", "transformers.AutoModelForSequenceClassification"},
        {"AutoModelForTokenClassification", "transformers.AutoModelForTokenClassification"},
        {"AutoTokenizer", "transformers.AutoTokenizer"},
        {"DataLoader", "torch.utils.data.DataLoader"},
        {"EarlyStoppingCallback", "transformers.EarlyStoppingCallback"},
        {"GridSearchCV", "sklearn.model_selection.GridSearchCV"},
        {"LogisticRegression", "sklearn.linear_model.LogisticRegression"},
        {"Seq2SeqTrainer", "transformers.Seq2SeqTrainer"},
        {"Seq2SeqTrainingArguments", "transformers.Seq2SeqTrainingArguments"},
        {"StandardScaler", "sklearn.preprocessing.StandardScaler"},
        {"TfidfVectorizer", "sklearn.feature_extraction.text.TfidfVectorizer"},
        {"Trainer", "transformers.Trainer"},
        {"TrainingArguments", "transformers.TrainingArguments"},
        {"accuracy_score", "sklearn.metrics.accuracy_score"},
        {"f1_score", "sklearn.metrics.f1_score"},
        {"load_dataset", "datasets.load_dataset"},
        {"np", "numpy"},
        {"optuna", "optuna"},
        {"pd", "pandas"},
        {"set_seed", "transformers.set_seed"},
        {"torch", "torch"},
        {"train_test_split", "sklearn.model_selection.train_test_split"},
        {"transformers", "transformers"},
    };
    const char *to = find(names, TN_COUNT(names), name);
    return tn_str_of(to ? to : "");
}

static bool is_capital(tn_str s, size_t at)
{
    return at < s.len && s.ptr[at] >= 'A' && s.ptr[at] <= 'Z';
}

tn_str tn_py_canonical_name(py_run *r, tn_str s)
{
    static const char *const flat[] = {"transformers.", "datasets.", "accelerate.", "peft.", "huggingface_hub.", "evaluate.", "trl.", "sentence_transformers.", "diffusers."};
    static const pair moved[] = {{"lightning.pytorch.", "lightning."}, {"pytorch_lightning.", "lightning."}, {"tensorflow.keras.", "keras."}, {"tensorflow.python.keras.", "keras."},
                                 {"torch.utils.data.dataloader.", "torch.utils.data."}, {"torch.utils.data.dataset.", "torch.utils.data."}, {"tqdm.auto.", "tqdm."},
                                 {"tqdm.notebook.", "tqdm."}};
    for (size_t i = 0; i < TN_COUNT(flat); i++) {
        if (!tn_str_starts(s, flat[i]))
            continue;
        size_t root = strlen(flat[i]), at = root, last = root;
        while (at < s.len && !is_capital(s, at)) { /* to the first part with a capital, or the last part */
            size_t dot = tn_str_find(s, TN_STR("."), at);
            if (dot == SIZE_MAX) {
                at = last;
                break;
            }
            at = last = dot + 1;
        }
        if (at == root)
            return s;
        tn_str out = tn_str_format(r->arena, "%s%.*s", flat[i], TN_ARG(tn_str_sub(s, at, s.len)));
        return out.ptr ? out : s;
    }
    for (size_t i = 0; i < TN_COUNT(moved); i++)
        if (tn_str_starts(s, moved[i].name)) {
            tn_str out = tn_str_format(r->arena, "%s%.*s", moved[i].to, TN_ARG(tn_str_sub(s, strlen(moved[i].name), s.len)));
            return out.ptr ? out : s;
        }
    return s;
}

/* ---- calls ---- */

typedef enum {
    GIVES_FIRST,   /* the first argument itself: tqdm(x), get_peft_model(model) */
    GIVES_ROWS,    /* something with the rows of the first argument that has any */
    GIVES_JOINED,  /* all rows of its arguments' items */
    GIVES_OUTSIDE, /* a value from outside the code */
    GIVES_SOURCE,  /* new rows, keyed by its literal arguments */
    GIVES_TYPE,    /* `type` */
} gives;

typedef struct {
    const char *name;
    gives gives;
    const char *type;
} known;

static const known functions[] = {
    {"OmegaConf.load", GIVES_OUTSIDE, ""},
    {"argparse.ArgumentParser.parse_args", GIVES_OUTSIDE, ""},
    {"argparse.ArgumentParser.parse_known_args", GIVES_OUTSIDE, ""},
    {"configparser.ConfigParser", GIVES_OUTSIDE, ""},
    {"copy.copy", GIVES_ROWS, ""},
    {"copy.deepcopy", GIVES_ROWS, ""},
    {"csv.DictReader", GIVES_ROWS, ""},
    {"csv.reader", GIVES_ROWS, ""},
    {"datasets.Dataset.from_csv", GIVES_SOURCE, "datasets.Dataset"},
    {"datasets.Dataset.from_dict", GIVES_ROWS, "datasets.Dataset"},
    {"datasets.Dataset.from_json", GIVES_SOURCE, "datasets.Dataset"},
    {"datasets.Dataset.from_list", GIVES_ROWS, "datasets.Dataset"},
    {"datasets.Dataset.from_pandas", GIVES_ROWS, "datasets.Dataset"},
    {"datasets.Dataset.from_parquet", GIVES_SOURCE, "datasets.Dataset"},
    {"datasets.concatenate_datasets", GIVES_JOINED, "datasets.Dataset"},
    {"datasets.interleave_datasets", GIVES_JOINED, "datasets.Dataset"},
    {"datasets.load_from_disk", GIVES_SOURCE, ""},
    {"datasets.load_metric", GIVES_TYPE, "evaluate.EvaluationModule"},
    {"enumerate", GIVES_ROWS, ""},
    {"evaluate.load", GIVES_TYPE, "evaluate.EvaluationModule"},
    {"hydra.compose", GIVES_OUTSIDE, ""},
    {"input", GIVES_OUTSIDE, ""},
    {"iter", GIVES_ROWS, ""},
    {"json.load", GIVES_OUTSIDE, ""},
    {"json.loads", GIVES_OUTSIDE, ""},
    {"list", GIVES_ROWS, ""},
    {"map", GIVES_ROWS, ""},
    {"next", GIVES_ROWS, ""},
    {"numpy.array", GIVES_ROWS, ""},
    {"numpy.asarray", GIVES_ROWS, ""},
    {"numpy.concatenate", GIVES_JOINED, ""},
    {"numpy.hstack", GIVES_ROWS, ""},
    {"numpy.load", GIVES_SOURCE, ""},
    {"numpy.loadtxt", GIVES_SOURCE, ""},
    {"numpy.log", GIVES_ROWS, ""},
    {"numpy.log1p", GIVES_ROWS, ""},
    {"numpy.random.default_rng", GIVES_TYPE, "numpy.random.Generator"},
    {"numpy.squeeze", GIVES_ROWS, ""},
    {"numpy.stack", GIVES_ROWS, ""},
    {"numpy.vstack", GIVES_JOINED, ""},
    {"omegaconf.OmegaConf.create", GIVES_OUTSIDE, ""},
    {"omegaconf.OmegaConf.from_cli", GIVES_OUTSIDE, ""},
    {"omegaconf.OmegaConf.load", GIVES_OUTSIDE, ""},
    {"omegaconf.OmegaConf.merge", GIVES_OUTSIDE, ""},
    {"open", GIVES_SOURCE, "file"},
    {"optuna.create_study", GIVES_TYPE, "optuna.Study"},
    {"optuna.load_study", GIVES_TYPE, "optuna.Study"},
    {"os.getenv", GIVES_OUTSIDE, ""},
    {"pandas.DataFrame", GIVES_ROWS, "pandas.DataFrame"},
    {"pandas.Series", GIVES_ROWS, "pandas.Series"},
    {"pandas.concat", GIVES_JOINED, "pandas.DataFrame"},
    {"pandas.get_dummies", GIVES_ROWS, "pandas.DataFrame"},
    {"pandas.read_csv", GIVES_SOURCE, "pandas.DataFrame"},
    {"pandas.read_excel", GIVES_SOURCE, "pandas.DataFrame"},
    {"pandas.read_feather", GIVES_SOURCE, "pandas.DataFrame"},
    {"pandas.read_json", GIVES_SOURCE, "pandas.DataFrame"},
    {"pandas.read_parquet", GIVES_SOURCE, "pandas.DataFrame"},
    {"pandas.read_pickle", GIVES_SOURCE, "pandas.DataFrame"},
    {"pandas.read_sql", GIVES_SOURCE, "pandas.DataFrame"},
    {"pandas.read_table", GIVES_SOURCE, "pandas.DataFrame"},
    {"peft.PeftModel.from_pretrained", GIVES_FIRST, "peft.PeftModel"},
    {"peft.get_peft_model", GIVES_FIRST, "peft.PeftModel"},
    {"peft.prepare_model_for_kbit_training", GIVES_FIRST, ""},
    {"reversed", GIVES_ROWS, ""},
    {"scipy.sparse.hstack", GIVES_ROWS, ""},
    {"sklearn.datasets.fetch_20newsgroups", GIVES_SOURCE, ""},
    {"sklearn.datasets.fetch_california_housing", GIVES_SOURCE, ""},
    {"sklearn.datasets.fetch_openml", GIVES_SOURCE, ""},
    {"sklearn.datasets.load_breast_cancer", GIVES_SOURCE, ""},
    {"sklearn.datasets.load_diabetes", GIVES_SOURCE, ""},
    {"sklearn.datasets.load_digits", GIVES_SOURCE, ""},
    {"sklearn.datasets.load_iris", GIVES_SOURCE, ""},
    {"sklearn.datasets.load_wine", GIVES_SOURCE, ""},
    {"sklearn.datasets.make_classification", GIVES_SOURCE, ""},
    {"sklearn.utils.shuffle", GIVES_ROWS, ""},
    {"sorted", GIVES_ROWS, ""},
    {"tensorflow.convert_to_tensor", GIVES_ROWS, ""},
    {"tensorflow.data.Dataset.from_tensor_slices", GIVES_ROWS, ""},
    {"tomllib.load", GIVES_OUTSIDE, ""},
    {"torch.FloatTensor", GIVES_ROWS, ""},
    {"torch.LongTensor", GIVES_ROWS, ""},
    {"torch.cat", GIVES_ROWS, ""},
    {"torch.compile", GIVES_FIRST, ""},
    {"torch.from_numpy", GIVES_ROWS, ""},
    {"torch.nn.DataParallel", GIVES_FIRST, ""},
    {"torch.nn.parallel.DistributedDataParallel", GIVES_FIRST, ""},
    {"torch.stack", GIVES_ROWS, ""},
    {"torch.tensor", GIVES_ROWS, ""},
    {"torch.utils.data.ConcatDataset", GIVES_JOINED, "torch.utils.data.ConcatDataset"},
    {"torch.utils.data.DataLoader", GIVES_ROWS, "torch.utils.data.DataLoader"},
    {"torch.utils.data.TensorDataset", GIVES_ROWS, "torch.utils.data.TensorDataset"},
    {"tqdm.tqdm", GIVES_FIRST, ""},
    {"transformers.HfArgumentParser.parse_args_into_dataclasses", GIVES_OUTSIDE, ""},
    {"transformers.HfArgumentParser.parse_json_file", GIVES_OUTSIDE, ""},
    {"transformers.HfArgumentParser.parse_yaml_file", GIVES_OUTSIDE, ""},
    {"transformers.pipeline", GIVES_TYPE, "transformers.Pipeline"},
    {"tuple", GIVES_ROWS, ""},
    {"vars", GIVES_FIRST, ""},
    {"yaml.full_load", GIVES_OUTSIDE, ""},
    {"yaml.load", GIVES_OUTSIDE, ""},
    {"yaml.safe_load", GIVES_OUTSIDE, ""},
    {"zip", GIVES_ROWS, ""},
};

static const known *find_function(tn_str name)
{
    size_t lo = 0, hi = TN_COUNT(functions);
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        int c = tn_str_cmp(tn_str_of(functions[mid].name), name);
        if (c == 0)
            return &functions[mid];
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

bool tn_py_known_in_order(void)
{
    for (size_t i = 1; i < TN_COUNT(functions); i++)
        if (strcmp(functions[i - 1].name, functions[i].name) >= 0)
            return false;
    return true;
}

static const pv *arg(const tn_py_event *e, const char *name, int at)
{
    return (const pv *)tn_py_arg(e, name, at);
}

/* The rows of a value, or those that all items of a container share. */
static const pv *carrier(const pv *v)
{
    const pv *one = NULL;
    if (!v || v->v.n_rows)
        return v && v->v.n_rows ? v : NULL;
    for (size_t i = 0; i < v->v.n_items; i++) {
        const pv *item = (const pv *)v->v.item[i].value;
        if (!item->v.n_rows)
            continue;
        if (one && tn_py_relate(&one->v, &item->v) != TN_REL_SAME)
            return NULL;
        one = item;
    }
    return one;
}

static void add_rows(py_run *r, pv *to, const pv *from)
{
    size_t n = to->v.n_rows + from->v.n_rows;
    if (!from->v.n_rows || n > 8)
        return;
    const tn_py_rows **list = TN_ARENA_ARRAY(r->arena, const tn_py_rows *, n);
    if (!list) {
        r->failed = true;
        return;
    }
    for (size_t i = 0; i < to->v.n_rows; i++)
        list[i] = to->v.rows[i];
    for (size_t i = 0; i < from->v.n_rows; i++)
        list[to->v.n_rows + i] = from->v.rows[i];
    to->v.rows = list;
    to->v.n_rows = n;
}

static pv *result(py_run *r, tn_py_event *e, tn_str type)
{
    pv *v = tn_pv_new(r, TN_PV_RESULT, e->node);
    v->v.event = e;
    v->v.type = type;
    v->v.object = tn_pv_object(r);
    return v;
}

/* "callee|first literal|second literal": the same call with the same literals loads the same rows. Without a literal the
 * call itself is the key. */
static tn_str source_key(py_run *r, const tn_py_event *e, tn_str *name)
{
    tn_buf b = TN_BUF_INIT;
    size_t n = 0;
    *name = TN_STR("");
    tn_buf_str(&b, e->callee);
    for (size_t i = 0; i < e->n_args; i++) {
        const tn_py_value *v = e->arg[i].value;
        static const char aside[] = "split|revision|cache_dir|token|use_auth_token|trust_remote_code|streaming|keep_in_memory|num_proc|subset|train|encoding|sep|index_col|download|transform|root|mode|"
                                    "target_transform|return_X_y|as_frame|shuffle|random_state|remove|parse_dates|dtype|names|header|lines|delimiter|download_mode|verification_mode";
        if (e->arg[i].name.len && tn_py_word_in(e->arg[i].name, aside))
            continue;
        if (tn_str_is(e->callee, "open") && i > 0)
            continue;
        if (v->kind == TN_PV_STRING) {
            if (n++ == 0)
                *name = v->text;
            tn_buf_printf(&b, "|%.*s=%.*s", TN_ARG(e->arg[i].name), TN_ARG(v->text));
        } else if (v->kind == TN_PV_NUMBER || v->kind == TN_PV_BOOL || v->kind == TN_PV_NONE) {
            tn_buf_printf(&b, "|%.*s=%.17g", TN_ARG(e->arg[i].name), v->number);
        } else if (v->object) {
            tn_buf_printf(&b, "|%.*s#%u", TN_ARG(e->arg[i].name), v->object);
            n++;
        } else {
            tn_buf_printf(&b, "|%.*s@%u", TN_ARG(e->arg[i].name), e->index);
        }
    }
    if (n == 0 || e->open_args)
        tn_buf_printf(&b, "@%u", e->index);
    tn_str key = tn_str_dup(r->arena, tn_buf_view(&b));
    if (!key.ptr || b.failed)
        r->failed = true;
    tn_buf_free(&b);
    return key.ptr ? key : TN_STR("");
}

static const tn_py_rows *named_split(py_run *r, const tn_py_rows *source, tn_str name, const tn_py_event *e)
{
    size_t cut = tn_str_find(name, TN_STR("["), 0);
    if (cut == SIZE_MAX)
        return tn_rows_split(r, source, name, e);
    /* "train[:80%]": the same text is the same choice, so it is kept as a split below the split */
    const tn_py_rows *whole = tn_rows_split(r, source, tn_str_sub(name, 0, cut), e);
    const tn_py_rows *part = whole ? tn_rows_split(r, whole, name, e) : NULL;
    if (part) {
        ((tn_py_rows *)part)->kind = TN_ROWS_SUBSET;
        ((tn_py_rows *)part)->role = whole->role;
    }
    return part;
}

static const pv *split_value(py_run *r, tn_py_event *e, const tn_py_rows *source, tn_str name)
{
    pv *v = result(r, e, TN_STR("datasets.Dataset"));
    tn_str rest = name, part;
    while (tn_str_cut(&rest, '+', &part)) {
        pv one = {0};
        tn_pv_set_rows(r, &one, named_split(r, source, tn_str_trim(part), e));
        add_rows(r, v, &one);
    }
    return v;
}

static const pv *load_dataset(py_run *r, tn_py_event *e)
{
    tn_str name;
    tn_str key = source_key(r, e, &name);
    const tn_py_value *split = tn_py_arg(e, "split", 4), *files = tn_py_arg(e, "data_files", 3);
    bool pile = files && files->kind != TN_PV_DICT; /* of files: its only split is called train */
    const tn_py_rows *source = tn_rows_source(r, key, name, e, pile ? TN_ROLE_WHOLE : TN_ROLE_UNKNOWN, false);
    if (split && split->kind == TN_PV_STRING)
        return split_value(r, e, source, split->text);
    if (split && (split->kind == TN_PV_LIST || split->kind == TN_PV_TUPLE) && !split->open) {
        pv *list = result(r, e, TN_STR(""));
        tn_py_item *item = TN_ARENA_ARRAY(r->arena, tn_py_item, split->n_items);
        if (!item) {
            r->failed = true;
            return list;
        }
        for (size_t i = 0; i < split->n_items; i++) {
            tn_str s;
            item[i] = (tn_py_item){TN_STR(""), tn_py_as_str(split->item[i].value, &s) ? &split_value(r, e, source, s)->v : &tn_pv_unknown()->v};
        }
        list->v.kind = TN_PV_LIST;
        list->v.item = item;
        list->v.n_items = split->n_items;
        return list;
    }
    pv *v = result(r, e, split && split->kind != TN_PV_NONE ? TN_STR("") : e->open_args ? TN_STR("") : TN_STR("datasets.DatasetDict"));
    if (v->v.type.len)
        tn_pv_set_rows(r, v, source);
    return v;
}

static const pv *source_value(py_run *r, tn_py_event *e, const char *type)
{
    tn_str name, mode;
    tn_str key = source_key(r, e, &name);
    pv *v = result(r, e, tn_str_of(type));
    if (tn_py_is(e, "open") && tn_py_as_str(tn_py_arg(e, "mode", 1), &mode) && mode.len && mode.ptr[0] != 'r')
        return v;
    tn_py_role role = tn_py_role_in(name);
    const tn_py_rows *rows = tn_rows_source(r, key, name, e, role == TN_ROLE_UNKNOWN ? TN_ROLE_WHOLE : role, role != TN_ROLE_UNKNOWN);
    tn_str subset;
    if (tn_py_as_str(tn_py_arg(e, "subset", -1), &subset)) /* fetch_20newsgroups(subset="train") */
        rows = tn_rows_split(r, rows, subset, e);
    if (tn_py_arg(e, "nrows", -1) || tn_py_arg(e, "skiprows", -1) || tn_py_arg(e, "chunksize", -1))
        rows = tn_rows_subset(r, rows, e, e->node);
    tn_pv_set_rows(r, v, rows);
    return v;
}

static const pv *tuple_of(py_run *r, tn_py_event *e, const tn_py_item *item, size_t n)
{
    pv *v = result(r, e, TN_STR(""));
    v->v.kind = TN_PV_TUPLE;
    v->v.item = item;
    v->v.n_items = n;
    return v;
}

static const pv *part_value(py_run *r, tn_py_event *e, const pv *whole, unsigned part, unsigned n)
{
    pv *v = result(r, e, whole ? whole->v.type : TN_STR(""));
    const pv *c = whole ? carrier(whole) : NULL;
    tn_pv_set_rows(r, v, tn_rows_part(r, tn_pv_one_rows(c), part, n, e));
    return v;
}

/* sklearn's: for each array its two parts. */
static const pv *train_test_split(py_run *r, tn_py_event *e)
{
    size_t n = 0;
    for (size_t i = 0; i < e->n_args; i++)
        n += e->arg[i].name.len == 0;
    tn_py_item *item = TN_ARENA_ARRAY(r->arena, tn_py_item, n * 2);
    if (e->open_args || !item) {
        r->failed |= !item;
        return result(r, e, TN_STR(""));
    }
    n = 0;
    for (size_t i = 0; i < e->n_args; i++) {
        if (e->arg[i].name.len)
            continue;
        for (unsigned part = 0; part < 2; part++)
            item[n++] = (tn_py_item){TN_STR(""), &part_value(r, e, (const pv *)e->arg[i].value, part, 2)->v};
    }
    return tuple_of(r, e, item, n);
}

static const pv *random_split(py_run *r, tn_py_event *e)
{
    const tn_py_value *lengths = tn_py_arg(e, "lengths", 1);
    size_t n = lengths && !lengths->open ? lengths->n_items : 0;
    tn_py_item *item = TN_ARENA_ARRAY(r->arena, tn_py_item, n);
    if (n < 2 || n > 3 || !item)
        return result(r, e, TN_STR(""));
    for (unsigned i = 0; i < n; i++)
        item[i] = (tn_py_item){TN_STR(""), &part_value(r, e, arg(e, "dataset", 0), i, (unsigned)n)->v};
    return tuple_of(r, e, item, n);
}

/* keras: (x_train, y_train), (x_test, y_test). */
static const pv *keras_load_data(py_run *r, tn_py_event *e)
{
    const tn_py_rows *source = tn_rows_source(r, e->callee, e->callee, e, TN_ROLE_WHOLE, false);
    tn_py_item *item = TN_ARENA_ARRAY(r->arena, tn_py_item, 6);
    if (!item) {
        r->failed = true;
        return tn_pv_unknown();
    }
    for (unsigned part = 0; part < 2; part++) {
        for (unsigned k = 0; k < 2; k++) {
            pv *v = result(r, e, TN_STR(""));
            tn_pv_set_rows(r, v, tn_rows_split(r, source, part ? TN_STR("test") : TN_STR("train"), e));
            item[2 + part * 2 + k] = (tn_py_item){TN_STR(""), &v->v};
        }
        item[part] = (tn_py_item){TN_STR(""), &tuple_of(r, e, item + 2 + part * 2, 2)->v};
    }
    return tuple_of(r, e, item, 2);
}

static const pv *vision_dataset(py_run *r, tn_py_event *e)
{
    pv *v = result(r, e, e->callee);
    bool train;
    tn_str split;
    const tn_py_rows *source = tn_rows_source(r, e->callee, e->callee, e, TN_ROLE_WHOLE, false);
    if (tn_py_as_bool(tn_py_arg(e, "train", 1), &train))
        tn_pv_set_rows(r, v, tn_rows_split(r, source, train ? TN_STR("train") : TN_STR("test"), e));
    else if (tn_py_as_str(tn_py_arg(e, "split", 1), &split))
        tn_pv_set_rows(r, v, tn_rows_split(r, source, split, e));
    return v;
}

static const pv *dict_value(py_run *r, tn_py_event *e)
{
    const pv *from = e->n_args && !e->arg[0].name.len ? (const pv *)e->arg[0].value : NULL;
    size_t n = from ? from->v.n_items : 0;
    pv *v = tn_pv_new(r, TN_PV_DICT, e->node);
    tn_py_item *item = TN_ARENA_ARRAY(r->arena, tn_py_item, n + e->n_args);
    if (!item) {
        r->failed = true;
        return v;
    }
    v->v.event = e;
    v->v.type = TN_STR("dict");
    v->v.object = tn_pv_object(r);
    v->v.open = e->open_args || (from && from->v.kind != TN_PV_DICT);
    n = 0;
    for (size_t i = 0; from && from->v.kind == TN_PV_DICT && i < from->v.n_items; i++)
        item[n++] = from->v.item[i];
    for (size_t i = 0; i < e->n_args; i++)
        if (e->arg[i].name.len)
            item[n++] = (tn_py_item){e->arg[i].name, e->arg[i].value};
    v->v.open |= from && from->v.open;
    v->v.item = item;
    v->v.n_items = n;
    return v;
}

/* DatasetDict({"train": a}) or DatasetDict(train=a). */
static const pv *dataset_dict(py_run *r, tn_py_event *e)
{
    pv *v = tn_pv_copy(r, dict_value(r, e));
    v->v.kind = TN_PV_RESULT;
    v->v.type = TN_STR("datasets.DatasetDict");
    return v;
}

static bool is_trainer(tn_str type)
{
    return tn_str_ends(type, "Trainer");
}

static const char keeps_rows[] =
    "map|cast|cast_column|rename_column|rename_columns|remove_columns|select_columns|with_format|with_transform|shuffle|sort|flatten|flatten_indices|add_column|"
    "class_encode_column|to_pandas|to_list|to_dict|to_iterable_dataset|astype|apply|applymap|fillna|reset_index|set_index|copy|to_numpy|tolist|numpy|detach|reshape|"
    "squeeze|unsqueeze|ravel|items|iterrows|itertuples|assign|rename|replace|strip|lower|upper|to|cpu|cuda|batch|cache|prefetch|repeat|read|readlines|split|splitlines|"
    "rename_axis|pop|get|keys|view|float|long|int|toarray|todense|as_numpy_iterator|align_labels_with_mapping|iter|join|sort_values|sort_index|set_format";
static const char chooses_rows[] = "filter|select|take|skip|shard|head|tail|sample|query|dropna|drop_duplicates|nlargest|nsmallest|truncate|clip";
static const char rows_of_argument[] =
    "predict|predict_proba|decision_function|transform|fit_transform|encode|inverse_transform|texts_to_sequences|batch_encode_plus|encode_plus|__call__|tokenize|pad|"
    "evaluate_generator|predict_log_proba|fit_resample";

static const pv *dataset_parts(py_run *r, tn_py_event *e)
{
    tn_py_item *item = TN_ARENA_ARRAY(r->arena, tn_py_item, 2);
    pv *v = result(r, e, TN_STR("datasets.DatasetDict"));
    if (!item) {
        r->failed = true;
        return v;
    }
    item[0] = (tn_py_item){TN_STR("train"), &part_value(r, e, (const pv *)e->receiver, 0, 2)->v};
    item[1] = (tn_py_item){TN_STR("test"), &part_value(r, e, (const pv *)e->receiver, 1, 2)->v};
    v->v.item = item;
    v->v.n_items = 2;
    return v;
}

static bool is_axis_one(const tn_py_event *e)
{
    const tn_py_value *axis = tn_py_arg(e, "axis", 1);
    double d;
    return tn_py_arg(e, "columns", -1) || (axis && axis->kind == TN_PV_STRING) || (tn_py_as_f64(axis, &d) && d == 1);
}

/* A method of a value that holds rows. */
static const pv *method_on_rows(py_run *r, tn_py_event *e, const pv *self)
{
    double frac;
    if (tn_py_named(e, "train_test_split"))
        return dataset_parts(r, e);
    bool keep = tn_py_named(e, keeps_rows) || (tn_py_named(e, "sample") && tn_py_as_f64(tn_py_arg(e, "frac", 1), &frac) && frac == 1) || (tn_py_named(e, "drop") && is_axis_one(e));
    bool choose = !keep && (tn_py_named(e, chooses_rows) || tn_py_named(e, "drop"));
    if (!keep && !choose)
        return NULL;
    pv *v = result(r, e, tn_py_named(e, "to_pandas") ? TN_STR("pandas.DataFrame") : self->v.type);
    if (keep) {
        tn_pv_take_rows(v, self);
        v->v.item = self->v.item;
        v->v.n_items = self->v.n_items;
    } else {
        for (size_t i = 0; i < self->v.n_rows; i++) {
            pv one = {0};
            tn_pv_set_rows(r, &one, tn_rows_subset(r, self->v.rows[i], e, e->node));
            add_rows(r, v, &one);
        }
    }
    return v;
}

static const pv *of_method(py_run *r, tn_py_event *e, const pv *self)
{
    const pv *v;
    if (self->v.kind == TN_PV_OUTSIDE)
        return tn_pv_typed(r, TN_PV_OUTSIDE, "", e->node);
    if (self->v.kind == TN_PV_DICT && tn_py_named(e, "get")) {
        tn_str key;
        const tn_py_value *k = tn_py_arg(e, "key", 0);
        for (size_t i = self->v.n_items; tn_py_as_str(k, &key) && i > 0; i--)
            if (tn_str_eq(self->v.item[i - 1].name, key))
                return (const pv *)self->v.item[i - 1].value;
        return tn_pv_unknown();
    }
    if (self->v.kind == TN_PV_DICT && tn_py_named(e, "copy"))
        return self;
    if (self->v.n_items && tn_str_is(self->v.type, "datasets.DatasetDict")) { /* made of known parts: each one keeps its rows */
        if (tn_py_named(e, keeps_rows)) {
            pv *copy = result(r, e, self->v.type);
            copy->v.item = self->v.item;
            copy->v.n_items = self->v.n_items;
            return copy;
        }
    }
    if (self->v.n_rows && (v = method_on_rows(r, e, self)))
        return v;
    if (tn_py_named(e, "to|cuda|cpu|half|float|bfloat16|eval|requires_grad_|to_bettertransformer") || (tn_py_named(e, "train") && !is_trainer(self->v.type) && self->v.type.len))
        return self;
    if (tn_py_named(e, "prepare") && tn_str_is(self->v.type, "accelerate.Accelerator")) {
        tn_py_item *item = TN_ARENA_ARRAY(r->arena, tn_py_item, e->n_args);
        if (e->n_args == 1)
            return (const pv *)e->arg[0].value;
        for (size_t i = 0; item && i < e->n_args; i++)
            item[i] = (tn_py_item){TN_STR(""), e->arg[i].value};
        return item ? tuple_of(r, e, item, e->n_args) : tn_pv_unknown();
    }
    if (tn_py_named(e, "fit") && (tn_str_starts(self->v.type, "sklearn.") || tn_str_starts(self->v.type, "xgboost.") || tn_str_starts(self->v.type, "lightgbm.")))
        return self;
    if (tn_py_named(e, "suggest_float|suggest_int|suggest_categorical|suggest_loguniform|suggest_uniform"))
        return tn_pv_typed(r, TN_PV_OUTSIDE, "", e->node);
    pv *out = result(r, e, TN_STR(""));
    if (tn_py_named(e, rows_of_argument)) {
        const pv *c = e->n_args ? carrier((const pv *)e->arg[0].value) : NULL;
        if (c)
            tn_pv_take_rows(out, c);
    }
    return out;
}

const pv *tn_pv_of_call(py_run *r, tn_py_event *e, const pv *callee)
{
    const pv *first = e->n_args && !e->arg[0].unpacked ? (const pv *)e->arg[0].value : NULL, *c;
    if (tn_py_is(e, "datasets.load_dataset"))
        return load_dataset(r, e);
    if (tn_py_is(e, "sklearn.model_selection.train_test_split"))
        return train_test_split(r, e);
    if (tn_py_is(e, "torch.utils.data.random_split"))
        return random_split(r, e);
    if (tn_py_is(e, "dict"))
        return dict_value(r, e);
    if (tn_py_is(e, "datasets.DatasetDict"))
        return dataset_dict(r, e);
    if (tn_str_starts(e->callee, "keras.datasets.") && tn_py_named(e, "load_data"))
        return keras_load_data(r, e);
    if (tn_str_starts(e->callee, "torchvision.datasets.") && !tn_py_named(e, "ImageFolder|DatasetFolder|FakeData"))
        return vision_dataset(r, e);
    const known *k = find_function(e->callee);
    if (k) {
        pv *v;
        switch (k->gives) {
        case GIVES_FIRST:
            if (!first)
                break;
            v = tn_pv_copy(r, first);
            if (*k->type)
                v->v.type = tn_str_of(k->type);
            return v;
        case GIVES_ROWS:
            v = result(r, e, tn_str_of(k->type));
            if ((tn_py_named(e, "list|tuple")) && first && (first->v.kind == TN_PV_LIST || first->v.kind == TN_PV_TUPLE))
                return first;
            for (size_t i = 0; i < e->n_args && !v->v.n_rows; i++)
                if ((c = carrier((const pv *)e->arg[i].value)))
                    tn_pv_take_rows(v, c);
            return v;
        case GIVES_JOINED:
            v = result(r, e, tn_str_of(k->type));
            for (size_t i = 0; first && i < first->v.n_items; i++)
                add_rows(r, v, (const pv *)first->v.item[i].value);
            return v;
        case GIVES_OUTSIDE:
            v = tn_pv_new(r, TN_PV_OUTSIDE, e->node);
            v->v.event = e;
            if (first)
                tn_pv_take_rows(v, first);
            return v;
        case GIVES_SOURCE: return source_value(r, e, k->type);
        case GIVES_TYPE: return result(r, e, tn_str_of(k->type));
        }
    }
    if (e->receiver)
        return of_method(r, e, (const pv *)e->receiver);
    if (tn_py_named(e, "from_pretrained|from_config|from_dict|from_generator|load_from_checkpoint|from_quantized") && e->callee.len > e->name.len + 1)
        return result(r, e, tn_str_sub(e->callee, 0, e->callee.len - e->name.len - 1));
    if (callee && callee->v.kind == TN_PV_CLASS) {
        pv *v = result(r, e, callee->v.type);
        v->cls = callee;
        if (tn_str_starts(v->v.type, "torch.utils.data."))
            for (size_t i = 0; i < e->n_args && !v->v.n_rows; i++)
                if ((c = carrier((const pv *)e->arg[i].value)))
                    tn_pv_take_rows(v, c);
        return v;
    }
    if (callee && callee->v.kind == TN_PV_OUTSIDE)
        return tn_pv_typed(r, TN_PV_OUTSIDE, "", e->node);
    if (tn_py_is_any(e, "str|int|float|bool|getattr|round|max|min|os.path.join|pathlib.Path|abs") && first && first->v.kind == TN_PV_OUTSIDE)
        return tn_pv_typed(r, TN_PV_OUTSIDE, "", e->node);
    if (tn_py_is(e, "str"))
        return tn_pv_typed(r, TN_PV_UNKNOWN, "str", e->node);
    return result(r, e, is_capital(e->name, 0) && callee && callee->v.kind == TN_PV_NAME ? e->callee : TN_STR(""));
}

/* ---- attributes and items ---- */

const pv *tn_pv_of_attribute(py_run *r, const pv *base, tn_str name, const tn_py_node *node)
{
    if (base->v.kind == TN_PV_OUTSIDE || base->v.kind == TN_PV_PARAM) {
        pv *v = tn_pv_new(r, base->v.kind, node);
        v->v.text = base->v.text;
        if (base->v.kind == TN_PV_OUTSIDE)
            tn_pv_take_rows(v, base);
        return v;
    }
    const tn_py_event *made = base->v.kind == TN_PV_RESULT && !base->cls ? base->v.event : NULL;
    if (made && base->v.type.len && tn_str_eq(made->callee, base->v.type)) { /* what its constructor was given under that name */
        for (size_t i = 0; i < made->n_args; i++)
            if (tn_str_eq(made->arg[i].name, name))
                return (const pv *)made->arg[i].value;
        if (is_trainer(base->v.type) && tn_str_is(name, "model") && tn_py_arg(made, "model", 0))
            return (const pv *)tn_py_arg(made, "model", 0);
        if (is_trainer(base->v.type) && tn_str_is(name, "args") && tn_py_arg(made, "args", 1))
            return (const pv *)tn_py_arg(made, "args", 1);
    }
    if (!base->v.n_rows || tn_py_word_in(name, "shape|columns|features|num_rows|column_names|size|index|dtypes|dtype|config|classes_|name|ndim|info|target_names|DESCR|classes|class_to_idx"))
        return NULL;
    pv *v = tn_pv_new(r, TN_PV_UNKNOWN, node);
    tn_pv_take_rows(v, base);
    if (tn_str_starts(base->v.type, "pandas."))
        v->v.type = base->v.type;
    if (tn_py_word_in(name, "iloc|loc|at|iat"))
        v->v.text = TN_STR("loc");
    return v;
}

static bool is_columns(const pv *index)
{
    if (index->v.kind == TN_PV_STRING)
        return true;
    if (index->v.kind != TN_PV_LIST)
        return false;
    for (size_t i = 0; i < index->v.n_items; i++)
        if (index->v.item[i].value->kind != TN_PV_STRING)
            return false;
    return true;
}

const pv *tn_pv_of_item(py_run *r, const pv *base, const pv *index, const tn_py_node *node)
{
    double at;
    if (base->v.kind == TN_PV_OUTSIDE) {
        pv *v = tn_pv_new(r, TN_PV_OUTSIDE, node);
        tn_pv_take_rows(v, base);
        return v;
    }
    if (index->v.kind == TN_PV_STRING)
        for (size_t i = base->v.n_items; i > 0; i--)
            if (base->v.item[i - 1].name.len && tn_str_eq(base->v.item[i - 1].name, index->v.text))
                return (const pv *)base->v.item[i - 1].value;
    if ((base->v.kind == TN_PV_LIST || base->v.kind == TN_PV_TUPLE) && tn_py_as_f64(&index->v, &at) && !base->v.open) {
        double n = (double)base->v.n_items;
        at = at < 0 ? at + n : at;
        if (at >= 0 && at < n && at == (double)(size_t)at)
            return (const pv *)base->v.item[(size_t)at].value;
    }
    if (!base->v.n_rows)
        return tn_pv_unknown();
    pv *v = tn_pv_new(r, TN_PV_UNKNOWN, node);
    bool dict = tn_str_is(base->v.type, "datasets.DatasetDict");
    bool frame = tn_str_starts(base->v.type, "pandas.");
    v->v.type = dict ? TN_STR("datasets.Dataset") : frame ? base->v.type : TN_STR("");
    if (index->v.kind == TN_PV_STRING && (dict || (!base->v.type.len && tn_py_role_in(index->v.text) != TN_ROLE_UNKNOWN))) {
        const tn_py_rows *of = tn_pv_one_rows(base);
        const tn_py_rows *split = of ? named_split(r, of, index->v.text, of->event) : NULL;
        if (split && tn_py_origin(of)->role == TN_ROLE_WHOLE && dict)
            ((tn_py_rows *)split)->role = TN_ROLE_WHOLE;
        tn_pv_set_rows(r, v, split);
        v->v.object = 0;
        return v;
    }
    if (dict)
        return v; /* a split whose name is not known */
    if (is_columns(index) && !tn_str_is(base->v.text, "loc")) {
        tn_pv_take_rows(v, base);
        return v;
    }
    for (size_t i = 0; i < base->v.n_rows; i++) {
        pv one = {0};
        tn_pv_set_rows(r, &one, tn_rows_subset(r, base->v.rows[i], NULL, node));
        add_rows(r, v, &one);
    }
    return v;
}
