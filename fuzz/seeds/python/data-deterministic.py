from datasets import load_dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments
ds = load_dataset("imdb", revision="abcdef1").shuffle()

import numpy as np
from sklearn.model_selection import train_test_split
train, test = train_test_split(rows)
np.random.seed(0)

import pandas as pd
rows = pd.read_csv("rows.csv")
train = [t for t in rows["text"] if hash(t) % 10 < 8]

import numpy as np
word_to_id = {w: i for i, w in enumerate(set(words))}

import random, time
import torch
random.seed(time.time())

import numpy as np
from sklearn.model_selection import train_test_split
np.random.seed(0)
train, test = train_test_split(rows)

import numpy as np
labels = sorted(set(labels))
ids = list(set(ids))
ids.sort()

from sklearn.model_selection import train_test_split
train, test = train_test_split(rows, shuffle=False)

def bucket(key):
    import sys
    return hash(key) % 16
