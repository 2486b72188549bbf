"""Runs of the tasks over texts beside single labels: records, verify, the same bytes, predict, eval."""
import csv
import io

from common import *
from schema import check_file
from small_tasks import write_jobs

work = folder()
briefs = write_jobs(work)
WANT = {"sets": ("macro_f1", {"commonest", "ngram", "probe"}), "flags": ("macro_f1", {"commonest", "ngram", "probe"}), "numbers": ("mae", {"mean", "ngram", "probe"}),
        "pairs": ("macro_f1", {"majority", "ngram", "probe"}), "likeness": ("mae", {"mean", "ngram", "probe"})}

for name, brief in briefs.items():
    done = run("run", brief, "--out", work / name, "--yes", check=False)
    assert done.returncode in (0, 1) and (work / name / "lock.json").exists(), done.stderr
    run("verify", work / name)
    metrics = json.loads((work / name / "eval/metrics.json").read_text())
    metric, baselines = WANT[name]
    assert json.loads((work / name / "criteria.json").read_text())["metric"] == metric
    assert set(metrics["baselines"]) == baselines and set(metrics["signature"]) <= set(metrics["test"])
    low, value, high = metrics["test"]["intervals"][metric]["low"], metrics["test"][metric], metrics["test"]["intervals"][metric]["high"]
    assert low <= value <= high, (low, value, high)
    check_file(work / name / "eval/metrics.json", ROOT / "docs/schemas/metrics.schema.json")
    check_file(work / name / "criteria.json", ROOT / "docs/schemas/criteria.schema.json")
    assert "not measured" not in (work / name / "deploy/model/README.md").read_text()
    assert "not measured" not in (work / name / "data/README.md").read_text()
    assert "not measured" not in (work / name / "report.html").read_text()

# A column a label and a separator say the same.
for record in ["eval/metrics.json", "deploy/model/model.safetensors"]:
    assert (work / "sets" / record).read_bytes() == (work / "flags" / record).read_bytes() or record == "eval/metrics.json"

# The same bytes on one thread.
for name in ["sets", "likeness"]:
    run("reproduce", work / name, "--out", work / f"{name}-1", "--threads", "1")

# Thresholds are chosen once and used by predict.
thresholds = json.loads((work / "sets/deploy/model/thresholds.json").read_text())
assert thresholds["labels"] == ["price", "speed", "staff"] and all(0 <= t <= 1 for t in thresholds["thresholds"])
table = list(csv.DictReader(io.StringIO(run("predict", work / "sets", work / "sets.csv").stdout)))
for row in table:
    given = [k for k, t in zip(thresholds["labels"], thresholds["thresholds"]) if float(row[f"p_{k}"]) >= t - 1e-7]
    assert json.loads(row["predicted"]) == given, (row, thresholds)

# A model of 8 bits decides by the same thresholds.
run("export", work / "sets", "--int8", "--out", work / "sets-int8")
assert (work / "sets-int8/thresholds.json").read_bytes() == (work / "sets/deploy/model/thresholds.json").read_bytes()

# Labels that weigh more where they are given: other weights, the same bytes on one thread; not for other tasks.
heavy = work / "sets-heavy.md"
for value in ("balanced", "{price: 4, speed: 0.5}"):
    heavy.write_text(briefs["sets"].read_text().replace("epochs: 2", f"epochs: 2, pos_weight: {value}"))
    run("run", heavy, "--out", work / "sets-heavy", "--yes", "--replace", check=False)
    assert (work / "sets-heavy/deploy/model/model.safetensors").read_bytes() != (work / "sets/deploy/model/model.safetensors").read_bytes()
run("reproduce", work / "sets-heavy", "--out", work / "sets-heavy-1", "--threads", "1")
for name, key, said in (("sets", "pos_weight: {prise: 2}", "prise"), ("sets", "class_weights: balanced", "pos_weight"), ("pairs", "pos_weight: balanced", "class_weights"), ("numbers", "pos_weight: balanced", "several labels"), ("sets", "pos_weight: 3", "balanced")):
    heavy.write_text(briefs[name].read_text().replace("epochs: 2", f"epochs: 2, {key}"))
    done = run("run", heavy, "--out", work / "refused", "--yes", "--replace", check=False)
    assert done.returncode == 2 and said in done.stderr, (name, key, done.stderr)

# And so does what is merged from adapters.
lora = work / "sets-lora.md"
lora.write_text(briefs["sets"].read_text().replace("epochs: 2", "epochs: 1, lora: {rank: 4}"))
run("run", lora, "--out", work / "sets-lora", "--yes", check=False)
run("export", work / "sets-lora/deploy/adapter", "--merge", "--out", work / "sets-merged")
assert (work / "sets-merged/thresholds.json").read_bytes() == (work / "sets-lora/deploy/model/thresholds.json").read_bytes()

# Eval: on the whole file the same as predictions say; the test's figures on the test's rows. Train stops before the test.
for name, metric in [("sets", "macro_f1"), ("numbers", "mae"), ("likeness", "spearman"), ("pairs", "accuracy")]:
    rows = list(csv.DictReader(open(work / f"{name}.csv", encoding="utf-8")))
    split = {r["id"]: r["split"] for r in csv.DictReader(open(work / name / "data/split.csv"))}
    held = [r for i, r in enumerate(rows) if split[f"row-{i + 2}"] == "test"]
    with open(work / f"{name}-test.csv", "w", newline="", encoding="utf-8") as f:
        w = csv.DictWriter(f, rows[0])
        w.writeheader()
        w.writerows(held)
    pair = {"pairs": ["--pair-column", "hypothesis", "--text-column", "premise"], "likeness": ["--pair-column", "sentence2", "--text-column", "sentence1"]}.get(name, [])
    got = json.loads(run("eval", work / name, work / f"{name}-test.csv", *pair, "--json", "-o", work / "p.csv").stdout)
    want = json.loads((work / name / "eval/metrics.json").read_text())["test"]
    assert got["test"] == want, (name, got["test"], want)
    assert len(list(csv.DictReader(open(work / "p.csv")))) == len(held)
# A column a label is the same data; a model of numbers has no such columns.
rows = {r["text"]: r for r in csv.DictReader(open(work / "flags.csv", encoding="utf-8"))}
with open(work / "flags-test.csv", "w", newline="", encoding="utf-8") as f:
    w = csv.DictWriter(f, next(iter(rows.values())))
    w.writeheader()
    w.writerows(rows[r["text"]] for r in csv.DictReader(open(work / "sets-test.csv", encoding="utf-8")))
got = json.loads(run("eval", work / "sets", work / "flags-test.csv", "--label-columns", "--json").stdout)
assert got["test"] == json.loads((work / "sets/eval/metrics.json").read_text())["test"]
assert "several labels" in run("eval", work / "numbers", work / "numbers-test.csv", "--label-columns", check=False).stderr

# Numbers are split by tenths of their order: each split has low, middle and high ones, in their shares.
value = [float(r["score"]) for r in csv.DictReader(open(work / "numbers.csv", encoding="utf-8"))]
split = [r["split"] for r in csv.DictReader(open(work / "numbers/data/split.csv"))]
third = sorted(value)[len(value) * 2 // 3]
shares = {s: sum(v > third for v, t in zip(value, split) if t == s) / split.count(s) for s in ("train", "validation", "test")}
assert max(shares.values()) - min(shares.values()) < 0.08, shares
assert "tenths" in (work / "numbers/plan.yaml").read_text() and not json.loads((work / "numbers/data/profile.json").read_text()).get("classes")

# What 8-bit weights lose is measured by each task, on the validation rows; the card's index has their own numbers.
for name, metric, more in [("sets", "macro_f1", []), ("flags", "macro_f1", ["--label-columns"]), ("numbers", "r2", []), ("pairs", "macro_f1", ["--text-column", "premise", "--pair-column", "hypothesis"]),
                           ("likeness", "r2", ["--text-column", "sentence1", "--pair-column", "sentence2"])]:
    split = {r["id"]: r["split"] for r in csv.DictReader(open(work / name / "data/split.csv"))}
    rows = [{**r, "split": split[f"row-{i + 2}"]} for i, r in enumerate(csv.DictReader(open(work / f"{name}.csv", encoding="utf-8")))]
    with open(work / f"{name}-parts.csv", "w", newline="", encoding="utf-8") as f:
        w = csv.DictWriter(f, rows[0])
        w.writeheader()
        w.writerows(r for r in rows if r["split"] in ("train", "validation", "test"))
    done = run("export", work / name, "--int8", "--out", work / f"{name}-8", "--data", work / f"{name}-parts.csv", "--anyway", *more, "--json", check=False)
    assert done.returncode == 0, (name, done.stderr)
    measured, whole = json.loads(done.stdout)["measured"], json.loads((work / name / "eval/metrics.json").read_text())["validation"]
    assert measured["metric"] == metric and measured["rows"] == whole["n"] and measured[metric]["f32"] == whole[metric], (name, measured, whole)
    assert all(measured[k]["f32"] == whole[k] for k in measured if isinstance(measured[k], dict)), (name, measured, whole)
    card = (work / f"{name}-8/README.md").read_text()
    front, body = card.split("---\n", 2)[1:]
    assert "eval/metrics.json" not in front and f"int8.json#/measured/{metric}/int8" in body and 'license: "cc0-1.0"' in front, front
    assert front.count("# int8.json#/measured/") == front.count("value:") > 0 and "split: validation" in front and "split: test" not in front, front

run("train", briefs["numbers"], "--out", work / "trained")
assert (work / "trained/tune/model/model.safetensors").read_bytes() == (work / "numbers/deploy/model/model.safetensors").read_bytes()
assert not (work / "trained/eval/openings.log").exists()

# A number is answered as it is; pairs have two texts.
answer = json.loads(run("predict", work / "numbers", "--text", "cheap and fast", "--json").stdout)
assert answer["label"] == "score" and isinstance(answer["score"], float)
one, other = (json.loads(run("predict", work / "pairs", "--text", "cheap and fast", "--pair", p, "--json").stdout) for p in ("slow shop", "the kind town said rude"))
assert one != other and one["label"] in ("same", "other")
assert "--pair goes with --text" in run("predict", work / "pairs", "--file", "-", "--pair", "x", code=2, input="a\n").stderr

# Zero-shot wants a model of inference.
assert "natural language inference" in run("predict", work / "pairs", "--text", "cheap", "--labels", "a,b", code=2).stderr
nli = work / "nli"
shutil.copytree(work / "pairs/deploy/model", nli)
config = json.loads((nli / "config.json").read_text())
config["id2label"], config["label2id"] = {"0": "contradiction", "1": "ENTAILMENT"}, {"contradiction": 0, "ENTAILMENT": 1}
(nli / "config.json").write_text(json.dumps(config))
zero = json.loads(run("predict", nli, "--text", "cheap shop", "--labels", "price, speed", "--json").stdout)
assert sorted(zero["labels"]) == ["price", "speed"] and abs(sum(zero["scores"]) - 1) < 1e-6 and zero["scores"][0] >= zero["scores"][1]
