"""8-bit export: the folder, its record and card, the gate on what is lost, and that predict, embed and serve take it."""
import math
import struct

from common import *
from tiny import write_safetensors, write_tiny_model

work = folder()
texts = [f"{a} {b} {c}" for a in ("good", "bad", "plain") for b in ("food", "rooms", "service", "music") for c in ("today", "again", "here now")]
write_tiny_model(work / "encoder", texts)


def read_tensors(path):
    raw = path.read_bytes()
    n = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8 : 8 + n])
    header.pop("__metadata__", None)
    return {k: (v, raw[8 + n + v["data_offsets"][0] : 8 + n + v["data_offsets"][1]]) for k, v in header.items()}


# A classifier: the encoder with two more tensors.
shutil.copytree(work / "encoder", work / "model")
tensors = {k: (v["shape"], list(struct.unpack(f"<{len(d) // 4}f", d))) for k, (v, d) in read_tensors(work / "encoder" / "model.safetensors").items()}
tensors["classifier.weight"] = ([2, 64], [((7 * i) % 13 - 6) / 8 for i in range(128)])
config = json.loads((work / "model" / "config.json").read_text())
config.update(architectures=["BertForSequenceClassification"], id2label={"0": "no", "1": "yes"}, label2id={"no": 0, "yes": 1}, problem_type="single_label_classification")
(work / "model" / "config.json").write_text(json.dumps(config))
tensors["classifier.bias"] = ([2], [0.0, 0.0])
for _ in range(2):  # the second time with both labels as likely
    write_safetensors(work / "model" / "model.safetensors", tensors)
    scores = lines(run("predict", work / "model", "--file", "-", "--json", "--top", "2", input="\n".join(texts) + "\n").stdout)
    odds = sorted(math.log(a["score"] / b["score"]) if a["label"] == "yes" else math.log(b["score"] / a["score"]) for a, b in scores)
    tensors["classifier.bias"] = ([2], [odds[len(odds) // 2 - 1] / 2 + odds[len(odds) // 2] / 2, 0.0])
answers = lines(run("predict", work / "model", "--file", "-", "--json", input="\n".join(texts) + "\n").stdout)
rows = work / "validation.csv"
rows.write_text("text,label\n" + "".join(f"{t},{a['label']}\n" for t, a in zip(texts, answers)))
(work / "splits.csv").write_text("text,label,split\n" + "".join(f"{t},{a['label']},{'test' if i % 2 else 'train'}\n" for i, (t, a) in enumerate(zip(texts, answers))))
(work / "texts.csv").write_text("text\n" + "".join(t + "\n" for t in texts))

# Measured: the record, the card that points to it, the configuration.
record = json.loads(run("export", work / "model", "--int8", "--out", work / "small", "--data", rows, "--tolerance", "1", "--json").stdout)
assert record == json.loads((work / "small" / "int8.json").read_text())
measured = record["measured"]
assert measured["rows"] == len(texts) and measured["macro_f1"]["f32"] == 1 and measured["metric"] == "macro_f1" and measured["within"]
assert abs(measured["macro_f1"]["f32"] - measured["macro_f1"]["int8"] - measured["macro_f1"]["lost"]) < 1e-12
assert measured["log_loss"]["intervals"]["lost"]["low"] <= measured["log_loss"]["lost"] <= measured["log_loss"]["intervals"]["lost"]["high"]
assert record["model"]["size_bytes"] < record["source"]["size_bytes"]
card = (work / "small" / "README.md").read_text()
assert "license: cc0-1.0" in card and "int8.json#/measured/macro_f1/int8" in card and "not measured" not in card
assert json.loads((work / "small" / "config.json").read_text())["quantization_config"]["quant_method"] == "compressed-tensors"
kinds = {k: v["dtype"] for k, (v, _) in read_tensors(work / "small" / "model.safetensors").items()}
assert kinds["bert.encoder.layer.0.intermediate.dense.weight"] == "I8" and kinds["bert.encoder.layer.0.intermediate.dense.weight_scale"] == "F32"
assert kinds["classifier.weight"] == kinds["bert.embeddings.word_embeddings.weight"] == "F32"

# The same bits on every instruction set, for any threads and alone.
many = run("predict", work / "small", "--file", "-", "--json", input="\n".join(texts) + "\n").stdout
for isa in ("ref", "avx2", "avx512"):
    done = run("predict", work / "small", "--file", "-", "--json", "--isa", isa, "--threads", "1", input="\n".join(texts) + "\n", check=False)
    assert done.stdout == many if done.returncode == 0 else "cannot be used here" in done.stderr, isa
assert run("predict", work / "small", "--text", texts[5], "--json").stdout == many.splitlines(True)[5]
assert many != "".join(json.dumps(a) + "\n" for a in answers)

# The gate: nothing is written, what was there stays.
done = run("export", work / "model", "--int8", "--out", work / "none", "--data", rows, "--tolerance", "0", check=False)
lost = measured["macro_f1"]["lost"] > 0
assert done.returncode == (1 if lost else 0) and (work / "none").exists() != lost, done.stderr
done = run("export", work / "encoder", "--int8", "--out", work / "small", "--data", work / "texts.csv", "--tolerance", "0", code=1)
assert "of cosine" in done.stderr
assert json.loads((work / "small" / "int8.json").read_text()) == record
run("export", work / "encoder", "--int8", "--out", work / "vectors", "--data", work / "texts.csv", "--tolerance", "0", "--anyway")
assert not json.loads((work / "vectors" / "int8.json").read_text())["measured"]["within"]
vector = lines(run("embed", work / "vectors", "--text", texts[0], "--json").stdout)[0]["embedding"]
exact = lines(run("embed", work / "encoder", "--text", texts[0], "--json").stdout)[0]["embedding"]
norm = lambda x: sum(v * v for v in x) ** 0.5
assert 0.99 < sum(a * b for a, b in zip(vector, exact)) / norm(vector) / norm(exact) < 1

# Without data it says so; numbers that are the f32 model's are not this folder's.
index = "model-index:\n- name: x\n  results:\n  - task:\n      type: text-classification\n    metrics:\n    - type: f1\n      value: 0.75 # eval/metrics.json#/test/macro_f1\n"
before = (work / "model" / "README.md").read_text()
(work / "model" / "README.md").write_text(before.replace("---\n", "---\n" + index, 1) + "model-index: of prose stays\n")
done = run("export", work / "model", "--int8", "--out", work / "plain")
card = (work / "plain" / "README.md").read_text()
assert "0.75" not in card and "license: cc0-1.0" in card.split("---")[1] and "of prose stays" in card, card
assert "not measured" in done.stdout and "not measured" in (work / "plain" / "README.md").read_text()

# Bad words.
for args, said in [(["--out", work / "x"], "usage"), (["--int8"], "usage"), (["--int8", "--out", work / "model"], "its own export"),
                   (["--int8", "--out", work / "x", "--tolerance", "2"], "--tolerance"), (["--int8", "--out", work / "x", "--data", work / "splits.csv"], "no validation rows")]:
    done = run("export", work / "model", *args, code=2)
    assert said in done.stderr, (args, done.stderr)
assert "8-bit" in run("export", work / "small", "--int8", "--out", work / "x", code=2).stderr
assert not (work / "x").exists() and not list(work.glob("*.tmp.*"))
print("8-bit export behaves")
