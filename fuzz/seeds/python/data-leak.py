import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer as Vec
from sklearn.model_selection import train_test_split as cut
rows = pd.read_csv("rows.csv")
x = Vec(min_df=2).fit_transform(rows["text"])
a, b, ya, yb = cut(x, rows["label"], random_state=1)

from sklearn.preprocessing import StandardScaler
from sklearn.model_selection import train_test_split
def scaled(x):
    s = StandardScaler()
    return s.fit_transform(x)
x = scaled(x)
x_train, x_test = train_test_split(x, random_state=0)

from sklearn.preprocessing import StandardScaler
from sklearn.model_selection import train_test_split
x_train, x_test, y_train, y_test = train_test_split(x, y, random_state=0)
s = StandardScaler()
x_train = s.fit_transform(x_train)
x_test = s.fit_transform(x_test)

from datasets import load_dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments
ds = load_dataset("imdb", revision="abcdef1")
Trainer(model, train_dataset=ds["test"], eval_dataset=ds["unsupervised"])

from datasets import load_dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments
ds = load_dataset("imdb", revision="abcdef1")
args = TrainingArguments(out, load_best_model_at_end=True, eval_strategy="epoch")
Trainer(model, args, train_dataset=ds["train"], eval_dataset=ds["test"])

import optuna
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
x_train, x_test, y_train, y_test = train_test_split(x, y, random_state=0)
def objective(trial):
    model = LogisticRegression(C=trial.suggest_float("C", 0.1, 10)).fit(x_train, y_train)
    return model.score(x_test, y_test)
optuna.create_study(direction="maximize").optimize(objective, n_trials=30)

import torch
for epoch in range(epochs):
    train_one_epoch(model)
    test_acc = evaluate(model, test_loader)
    if test_acc > best_acc:
        best_acc = test_acc
        torch.save(model.state_dict(), "best.pt")

from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split
import pandas as pd
rows = pd.read_csv("rows.csv")
x, y = rows[["a", "b"]], rows["label"]
x_train, x_test, y_train, y_test = train_test_split(x, y, random_state=0)
model = RandomForestClassifier(random_state=0)
model.fit(x, y)
print(model.score(x_test, y_test))

import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import train_test_split
rows = pd.read_csv("rows.csv")
train, test = train_test_split(rows, random_state=0)
vec = TfidfVectorizer().fit(train["text"])
x_train, x_test = vec.transform(train["text"]), vec.transform(test["text"])

from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
model = make_pipeline(StandardScaler(), LogisticRegression())
x_train, x_test, y_train, y_test = train_test_split(x, y, random_state=0)
model.fit(x_train, y_train)
print(model.score(x_test, y_test))

import pandas as pd
from sklearn.preprocessing import LabelEncoder
from sklearn.model_selection import train_test_split
rows = pd.read_csv("rows.csv")
rows["y"] = LabelEncoder().fit_transform(rows["label"])
train, test = train_test_split(rows, random_state=0)

from sklearn.preprocessing import StandardScaler
from sklearn.model_selection import train_test_split
x_train, x_test, y_train, y_test = train_test_split(x, y, random_state=0)
s = StandardScaler().fit(x_train)
x_train = s.transform(x_train)
x_fit, x_val, y_fit, y_val = train_test_split(x_train, y_train, random_state=0)

from datasets import load_dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments
ds = load_dataset("imdb", revision="abcdef1")
args = TrainingArguments(out, eval_strategy="epoch", seed=cfg.seed)
Trainer(model, args, train_dataset=ds["train"], eval_dataset=ds["test"])
