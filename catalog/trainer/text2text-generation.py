# ---- sequence to sequence: summaries, translations; columns text and target ----
from transformers import AutoModelForSeq2SeqLM, DataCollatorForSeq2Seq, Seq2SeqTrainer, Seq2SeqTrainingArguments

target_column = value("data/label_column", "target")
tokenizer = AutoTokenizer.from_pretrained(name, revision=revision)
model = AutoModelForSeq2SeqLM.from_pretrained(name, revision=revision)


def encode(rows):
    return tokenizer(rows[text_column], text_target=rows[target_column], truncation=True, max_length=limit)


def overlap(found, truth):
    """F1 of the words that two texts share, each as often as both have it."""
    left, right = found.split(), truth.split()
    shared = sum(min(left.count(w), right.count(w)) for w in set(left))
    return 2 * shared / (len(left) + len(right)) if left or right else 1.0


def metrics(p):
    pad = tokenizer.pad_token_id
    found = tokenizer.batch_decode(np.where(p.predictions == -100, pad, p.predictions), skip_special_tokens=True)
    truth = tokenizer.batch_decode(np.where(p.label_ids == -100, pad, p.label_ids), skip_special_tokens=True)
    return {"word_f1": float(np.mean([overlap(a, b) for a, b in zip(found, truth)]))}


ready = data.map(encode, batched=True, remove_columns=data["train"].column_names)
args = arguments(Seq2SeqTrainingArguments, "word_f1", predict_with_generate=True, generation_max_length=limit)
trainer = Seq2SeqTrainer(model=model, args=args, train_dataset=ready["train"], eval_dataset=ready["validation"], processing_class=tokenizer,
                         data_collator=DataCollatorForSeq2Seq(tokenizer, model=model), compute_metrics=metrics)
train_and_evaluate(trainer, ready["test"], tokenizer)
