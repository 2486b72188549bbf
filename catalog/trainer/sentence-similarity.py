# ---- sentence embeddings: columns text and positive (a text that means the same); needs sentence-transformers ----
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.evaluation import InformationRetrievalEvaluator
from sentence_transformers.losses import MultipleNegativesRankingLoss

positive_column = value("data/label_column", "positive")
model = SentenceTransformer(name, revision=revision)
model.max_seq_length = limit
pairs = data.select_columns([text_column, positive_column]).rename_columns({text_column: "anchor", positive_column: "positive"})


def retrieval(side):
    rows = pairs[side]
    texts = sorted(set(rows["positive"]))
    number = {x: str(i) for i, x in enumerate(texts)}
    queries = {f"q{i}": x for i, x in enumerate(rows["anchor"])}
    wanted = {f"q{i}": {number[x]} for i, x in enumerate(rows["positive"])}
    return InformationRetrievalEvaluator(queries, {number[x]: x for x in texts}, wanted, name=side)


args = arguments(SentenceTransformerTrainingArguments, "eval_loss")
trainer = SentenceTransformerTrainer(model=model, args=args, train_dataset=pairs["train"], eval_dataset=pairs["validation"],
                                     loss=MultipleNegativesRankingLoss(model), evaluator=retrieval("validation"))
if value("recipe/patience", 0):
    trainer.add_callback(EarlyStoppingCallback(value("recipe/patience")))
trainer.train()
model.save_pretrained(str(options.out / "model"))
metrics = {"validation": retrieval("validation")(model), "test": retrieval("test")(model)}
(options.out / "metrics.json").write_text(json.dumps(metrics, indent=2))
shutil.copy(options.plan, options.out / "plan.yaml")
print(json.dumps(metrics["test"], indent=2))
