# ---- token classification: a label a word; columns tokens and tags, lists of equal length ----
from sklearn.metrics import accuracy_score, f1_score
from transformers import AutoModelForTokenClassification, DataCollatorForTokenClassification, Trainer, TrainingArguments

words_column, tags_column = value("data/tokens_column", "tokens"), value("data/label_column", "tags")
tokenizer = AutoTokenizer.from_pretrained(name, revision=revision, add_prefix_space=True)
labels = value("task/labels") or sorted({str(x) for row in data["train"][tags_column] for x in row})
model = AutoModelForTokenClassification.from_pretrained(name, revision=revision, num_labels=len(labels), id2label=dict(enumerate(labels)),
                                                        label2id={x: i for i, x in enumerate(labels)})


def encode(rows):
    """The label goes to a word's first piece; the others are left out of the loss."""
    out = tokenizer(rows[words_column], is_split_into_words=True, truncation=True, max_length=limit)
    out["labels"] = []
    for i, tags in enumerate(rows[tags_column]):
        last, row = None, []
        for word in out.word_ids(i):
            row.append(-100 if word is None or word == last else labels.index(str(tags[word])))
            last = word
        out["labels"].append(row)
    return out


def metrics(p):
    kept = p.label_ids != -100
    truth, found = p.label_ids[kept], p.predictions.argmax(-1)[kept]
    return {"token_accuracy": accuracy_score(truth, found), "token_macro_f1": f1_score(truth, found, average="macro", zero_division=0)}


ready = data.map(encode, batched=True, remove_columns=data["train"].column_names)
model = adapt(model)
args = arguments(TrainingArguments, "token_macro_f1")
trainer = Trainer(model=model, args=args, train_dataset=ready["train"], eval_dataset=ready["validation"], processing_class=tokenizer,
                  data_collator=DataCollatorForTokenClassification(tokenizer), compute_metrics=metrics)
train_and_evaluate(trainer, ready["test"], tokenizer)
