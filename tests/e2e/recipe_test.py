"""What a recipe can ask for, through `tenet run`: records, the same bytes after kill -9, refusals before the work."""
import random
import time

from common import *
from tiny import write_small_job

work = folder()


def job(name, recipe):
    (work / name).mkdir()
    return write_small_job(work / name, ROOT, rows=80, recipe=recipe)


def tune(brief, *more):
    out = brief.parent / "run"
    done = run("run", brief, "--out", out, "--yes", "--threads", "2", *more, check=False)
    assert done.returncode in (0, 1) and (out / "lock.json").exists(), done.stderr
    return out


def read(path):
    return json.loads(path.read_text())


# Seeds: each is trained, the best on validation becomes the run's, and alone opens the test.
seeds = tune(job("seeds", "{epochs: 2, batch_size: 8, seeds: [0, 3, 5], layer_decay: 0.8, schedule: cosine, label_smoothing: 0.1, class_weights: balanced, accumulation: 2}"))
record = read(seeds / "tune/seeds.json")
scores = {s["seed"]: s["macro_f1"] for s in record["seeds"]}
assert list(scores) == [0, 3, 5] and scores[record["chosen"]] == max(scores.values())
assert abs(record["mean"] - sum(scores.values()) / 3) < 1e-12 and record["deviation"] >= 0
assert (seeds / "tune/evals.jsonl").read_bytes() == (seeds / f"tune/seed-{record['chosen']}/evals.jsonl").read_bytes()
assert len((seeds / "eval/openings.log").read_text().splitlines()) == 4
run("verify", seeds)
for page in ("report.html", "deploy/model/README.md"):
    assert "tune/seeds.json#/mean" in (seeds / page).read_text() and "tune/seeds.json#/seeds/2/macro_f1" in (seeds / page).read_text(), page

# Adapters: kept as such with the base they stand on, and merged for what is deployed. Frozen layers stay as they were.
lora = tune(job("lora", "{epochs: 1, batch_size: 8, learning_rate: 1e-2, lora: {rank: 4, alpha: 8, dropout: 0.1, targets: [query, value]}}"))
config = read(lora / "deploy/adapter/adapter_config.json")
assert config["peft_type"] == "LORA" and config["r"] == 4 and len(config["target_modules"]) == 4 and config["base_model_name_or_path"]
assert (lora / "deploy/adapter/adapter_model.safetensors").stat().st_size * 4 < (lora / "deploy/model/model.safetensors").stat().st_size
text = "a text"
both = [lines(run("predict", where, "--json", "--text", text).stdout)[0] for where in (lora / "deploy/adapter", lora / "deploy/model")]
assert both[0]["label"] == both[1]["label"] and abs(both[0]["score"] - both[1]["score"]) < 1e-5, both
merged = work / "merged"
run("export", lora / "deploy/adapter", "--merge", "--out", merged)
assert (merged / "model.safetensors").read_bytes() == (lora / "deploy/model/model.safetensors").read_bytes()

# A search: the same record after kill -9 at any moment; the chosen values train the model.
recipe = "{epochs: 2, batch_size: 8, search: {over: {learning_rate: {from: 1e-4, to: 1e-2, scale: log}, freeze: [none, embeddings, 1]}, trials: 5, steps: 3}}"
search = tune(job("search", recipe))
record = read(search / "tune/search.json")
assert len(record["trials"]) == 5 and all(1e-4 <= t["recipe"]["learning_rate"] <= 1e-2 for t in record["trials"])
assert sorted(len(t["rungs"]) for t in record["trials"]) == [1, 1, 2, 3, 3], record
assert record["chosen"]["recipe"] == record["trials"][record["chosen"]["trial"]]["recipe"]
peak = max(json.loads(l)["lr"] for l in (search / "tune/steps.jsonl").read_text().splitlines())
assert abs(peak - record["chosen"]["recipe"]["learning_rate"]) < 1e-12
run("verify", search)
for page in ("report.html", "deploy/model/README.md"):
    assert "tune/search.json#/trials/4/rungs/" in (search / page).read_text(), page
assert f"learning_rate={record['chosen']['recipe']['learning_rate']}," in (search / "deploy/model/README.md").read_text().replace("e-0", "e-")
rng = random.Random(7)
again = job("again", recipe)
for _ in range(6):
    start = subprocess.Popen([TENET, "run", again, "--out", again.parent / "run", "--yes", *(["--resume"] if (again.parent / "run/plan.yaml").exists() else [])],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(rng.uniform(0.02, 0.5))
    start.kill()
    start.wait()
killed = tune(again, "--resume") if (again.parent / "run/plan.yaml").exists() else tune(again)
for name in ("tune/search.json", "tune/steps.jsonl", "tune/evals.jsonl", "eval/metrics.json", "deploy/model/model.safetensors"):
    assert (killed / name).read_bytes() == (search / name).read_bytes(), name

# A trial that diverges has lost, and is recorded; the others decide. Where all do, the run ends and says what to do.
# The last layer's feed-forward part is 1e-39 times one matrix and 1e38 times another: its answers are finite until a step moves the first.
def make_wild(brief):
    import array
    import struct
    path = brief.parent / "tiny/model.safetensors"
    raw = bytearray(path.read_bytes())
    n = struct.unpack("<Q", raw[:8])[0]
    for name, x in json.loads(raw[8:8 + n]).items():
        scale = {"1.intermediate.dense.weight": 1e-37, "1.output.dense.weight": 1e40}.get(name.split("layer.")[-1])
        if scale:
            a, b = (8 + n + o for o in x["data_offsets"])
            raw[a:b] = array.array("f", [max(-3e38, min(3e38, v * scale)) for v in array.array("f", bytes(raw[a:b]))]).tobytes()
    path.write_bytes(raw)
    return brief


wild = "{epochs: 2, batch_size: 8, learning_rate: 0.3, search: {over: {freeze: [none, encoder, embeddings, 1]}, steps: 3}}"
diverged = tune(make_wild(job("diverged", wild)))
record = read(diverged / "tune/search.json")
assert record["chosen"]["trial"] == 1 and [r["rungs"][0].get("diverged", False) for r in record["trials"]] == [True, False, True, True], record
assert all("score" not in r["rungs"][0] and len(r["rungs"]) == 1 for r in record["trials"] if "diverged" in r["rungs"][0]), record
for page in ("report.html", "deploy/model/README.md"):
    assert (diverged / page).read_text().count("diverged") >= 3, page
run("verify", diverged)
brief = make_wild(job("all_diverge", wild.replace("encoder, ", "")))
done = run("run", brief, "--out", brief.parent / "run", "--yes", check=False)
assert done.returncode == 2 and "all trials" in done.stderr and "smaller learning rates" in done.stderr, done.stderr

# Refused before the work, with the place and what is possible.
for number, (recipe, said) in enumerate([("{lora: {rank: 0}}", "recipe/lora"), ("{lora: {rank: 4, depth: 2}}", "depth"), ("{lora: {rank: 4}, freeze: 1}", "recipe/freeze"),
                                         ("{freeze: top}", "recipe/freeze"), ("{accumulation: 3}", "accumulation"), ("{seeds: [1, 1]}", "recipe/seeds"),
                                         ("{class_weights: heavy}", "class_weights"), ("{layer_decay: 2}", "layer_decay"), ("{search: {over: {seeds: [0, 1]}}}", "seeds"), ("{search: {over: {learning_rat: [1e-4, 1e-3]}}}", "learning_rat"),
                                         ("{search: {over: {learning_rate: [7]}, trials: 2}}", "trial 0"), ("{search: {over: {epochs: {from: 1, to: 3}}}}", "trials")]):
    done = run("run", job(f"bad{number}", recipe), "--out", work / f"bad{number}/run", "--yes", check=False)
    assert done.returncode == 2 and said in done.stderr, (recipe, done.stderr)
    assert not (work / f"bad{number}/run/tune/steps.jsonl").exists()

# A bar that the task is not judged by is not passed over: refused before the work, with what there is; taken out of the plan, the run goes on.
brief = job("asked", "{epochs: 1, batch_size: 8}")
brief.write_text(brief.read_text().replace("Task:\n", "Task:\nReach a recall of at least 0.8. ", 1))
done = run("run", brief, "--out", brief.parent / "run", "--yes", check=False)
assert done.returncode == 2 and "recall >= 0.8" in done.stderr and "macro_f1" in done.stderr and not (brief.parent / "run/experiment/candidates.csv").exists(), done.stderr
plan = brief.parent / "plan.yaml"
plan.write_text(run("plan", brief).stdout)
text = plan.read_text()
assert "not_judged:" in text, text
rest, skip = [], False
for line in text.split("\n"):
    skip = line.startswith("  not_judged:") or (skip and (line.startswith("   ") or not line.strip()))
    rest += [] if skip else [line]
plan.write_text("\n".join(rest))
done = run("run", plan, "--out", brief.parent / "run2", "--yes", check=False)
assert done.returncode in (0, 1) and (brief.parent / "run2/lock.json").exists(), done.stderr
