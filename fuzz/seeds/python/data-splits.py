from datasets import load_dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments
ds = load_dataset("imdb", revision="abcdef1")
args = dict(train_dataset=ds["train"].map(lambda x: x))
args.update(eval_dataset=ds["train"])
trainer = Trainer(model, **args)

from datasets import load_dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments
ds = load_dataset("imdb", revision="abcdef1")
train = ds["train"]
trainer = Trainer(model, train_dataset=train, eval_dataset=train.select(range(200)))

from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
x_train, y_train, x_test, y_test = train_test_split(x, y, random_state=0)
LogisticRegression().fit(x_train, y_train)

import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
rows = pd.read_csv("rows.csv")
model = LogisticRegression()
model.fit(rows[["a", "b"]], rows["label"])
print(f1_score(rows["label"], model.predict(rows[["a", "b"]]), average="macro"))

from datasets import load_dataset
data = load_dataset("csv", data_files={"train": "a.csv", "validation": "b.csv", "test": "b.csv"})

import torch
val_loader = test_loader

from datasets import load_dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments
ds = load_dataset("imdb", split="train", revision="abcdef1").train_test_split(0.1, seed=3)
trainer = Trainer(model, train_dataset=ds["train"], eval_dataset=ds["test"])

from datasets import load_dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments
ds = load_dataset("imdb", split="train", revision="abcdef1").shuffle(seed=1)
trainer = Trainer(model, train_dataset=ds.select(range(1000)), eval_dataset=ds.select(range(1000, 1200)))

from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
x_train, x_test, y_train, y_test = train_test_split(x, y, random_state=0)
model = LogisticRegression().fit(x_train, y_train)
print(model.score(x_train, y_train), model.score(x_test, y_test))

from datasets import load_dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments
ds = load_dataset("imdb", revision="abcdef1")
held_out = ds["test"] if final else ds["train"]
trainer = Trainer(model, train_dataset=ds["train"], eval_dataset=held_out)
