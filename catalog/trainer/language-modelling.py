# ---- language modelling: causal, or with masked words; column text ----
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, DataCollatorForLanguageModeling, Trainer, TrainingArguments

masked = value("task/tag") == "fill-mask"
tokenizer = AutoTokenizer.from_pretrained(name, revision=revision)
if tokenizer.pad_token is None:
    tokenizer.pad_token = tokenizer.eos_token
model = (AutoModelForMaskedLM if masked else AutoModelForCausalLM).from_pretrained(name, revision=revision)


def encode(rows):
    return tokenizer(rows[text_column], truncation=True, max_length=limit, return_special_tokens_mask=masked)


ready = data.map(encode, batched=True, remove_columns=data["train"].column_names)
args = arguments(TrainingArguments, "eval_loss")
trainer = Trainer(model=model, args=args, train_dataset=ready["train"], eval_dataset=ready["validation"], processing_class=tokenizer,
                  data_collator=DataCollatorForLanguageModeling(tokenizer, mlm=masked))
train_and_evaluate(trainer, ready["test"], tokenizer)
