# ---- text classification: one label a row, several, or a number ----
from sklearn.metrics import accuracy_score, f1_score, mean_squared_error
from transformers import AutoModelForSequenceClassification, Trainer, TrainingArguments

label_column, problem = value("data/label_column", "label"), value("task/problem", "single-label")
tokenizer = AutoTokenizer.from_pretrained(name, revision=revision)
if problem == "regression":
    labels = ["score"]
elif problem == "multi-label":
    labels = sorted({x for row in data["train"][label_column] for x in row})
else:
    labels = value("task/labels") or sorted(set(map(str, data["train"][label_column])))
kind = {"regression": "regression", "multi-label": "multi_label_classification"}.get(problem, "single_label_classification")
model = AutoModelForSequenceClassification.from_pretrained(name, revision=revision, num_labels=len(labels), problem_type=kind,
                                                           id2label=dict(enumerate(labels)), label2id={x: i for i, x in enumerate(labels)})


def encode(rows):
    pair = value("data/pair_column", "")
    out = tokenizer(rows[text_column], *([rows[pair]] if pair else []), truncation=True, max_length=limit)
    if problem == "regression":
        out["labels"] = [float(x) for x in rows[label_column]]
    elif problem == "multi-label":
        out["labels"] = [[float(x in given) for x in labels] for given in rows[label_column]]
    else:
        out["labels"] = [labels.index(str(x)) for x in rows[label_column]]
    return out


def metrics(p):
    if problem == "regression":
        return {"mse": mean_squared_error(p.label_ids, p.predictions.reshape(-1))}
    found = p.predictions > 0 if problem == "multi-label" else p.predictions.argmax(-1)
    f1 = f1_score(p.label_ids, found, average="macro", zero_division=0)
    return {"accuracy": accuracy_score(p.label_ids, found), "macro_f1": f1}


ready = data.map(encode, batched=True, remove_columns=data["train"].column_names)
model = adapt(model)
args = arguments(TrainingArguments, "eval_loss" if problem == "regression" else "macro_f1")
counts = np.bincount(ready["train"]["labels"], minlength=len(labels)).tolist() if problem == "single-label" else None
trainer = Trainer(model=model, args=args, train_dataset=ready["train"], eval_dataset=ready["validation"], processing_class=tokenizer, compute_metrics=metrics,
                  **trainer_options(model, labels if counts else None, counts))
train_and_evaluate(trainer, ready["test"], tokenizer)
