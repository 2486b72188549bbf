# ---- extractive question answering: columns question, context, answer_text, answer_start (empty text: no answer) ----
from transformers import AutoModelForQuestionAnswering, Trainer, TrainingArguments

tokenizer = AutoTokenizer.from_pretrained(name, revision=revision)
model = AutoModelForQuestionAnswering.from_pretrained(name, revision=revision)


def encode(rows):
    """Windows that overlap by a quarter; a window without the whole answer points at its first token."""
    out = tokenizer(rows["question"], rows["context"], truncation="only_second", max_length=limit, stride=limit // 4, return_overflowing_tokens=True,
                    return_offsets_mapping=True)
    row_of, offsets = out.pop("overflow_to_sample_mapping"), out.pop("offset_mapping")
    out["start_positions"], out["end_positions"] = [], []
    for i, places in enumerate(offsets):
        row, side = row_of[i], out.sequence_ids(i)
        begin, text = int(rows["answer_start"][row] or 0), rows["answer_text"][row] or ""
        inside = [k for k, s in enumerate(side) if s == 1 and text and places[k][0] < begin + len(text) and places[k][1] > begin]
        whole = inside and places[inside[0]][0] <= begin and places[inside[-1]][1] >= begin + len(text)
        out["start_positions"].append(inside[0] if whole else 0)
        out["end_positions"].append(inside[-1] if whole else 0)
    return out


def metrics(p):
    begin, end = (x.argmax(-1) for x in p.predictions[:2])
    return {"exact_window": float(np.mean((begin == p.label_ids[0]) & (end == p.label_ids[1])))}


ready = data.map(encode, batched=True, remove_columns=data["train"].column_names)
model = adapt(model)
args = arguments(TrainingArguments, "exact_window", label_names=["start_positions", "end_positions"])
trainer = Trainer(model=model, args=args, train_dataset=ready["train"], eval_dataset=ready["validation"], processing_class=tokenizer, compute_metrics=metrics)
train_and_evaluate(trainer, ready["test"], tokenizer)
