from datasets import load_dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments
data = load_dataset("imdb")

import transformers as hf
NAME = "google-bert/bert-base-uncased"
def load():
    return hf.AutoModel.from_pretrained(NAME)

from datasets import load_dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments
tok = AutoTokenizer.from_pretrained("bert-base-uncased", revision="main")

from transformers import pipeline
classify = pipeline("sentiment-analysis")

from datasets import load_dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments
common = dict(num_labels=2)
m = AutoModelForSequenceClassification.from_pretrained("xlm-roberta-base", **common)

from datasets import load_dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments
common = dict(num_labels=2)
common["revision"] = "e73636d4f797dec63c3081bb6ed5c7b0bb3f2089"
m = AutoModelForSequenceClassification.from_pretrained("xlm-roberta-base", **common)

from datasets import load_dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments
m = AutoModelForSequenceClassification.from_pretrained("bert-base-uncased", revision="86b5e0934494bd15c9632b12f734a8a67f723594")
m.save_pretrained("tuned/final")
m = AutoModelForSequenceClassification.from_pretrained("tuned/final")

import argparse
from transformers import AutoModel
p = argparse.ArgumentParser()
p.add_argument("--model")
args = p.parse_args()
model = AutoModel.from_pretrained(args.model)

from datasets import load_dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments
def load(**kw):
    return AutoTokenizer.from_pretrained("bert-base-uncased", **kw)

from datasets import load_dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments
data = load_dataset("csv", data_files="rows.csv")
tok = AutoTokenizer.from_pretrained("./out")
