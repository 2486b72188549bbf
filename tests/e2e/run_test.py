"""A whole run on a tiny model: its records, verify, the same bytes on any machine and after kill -9, honest reports."""
import random
import signal
import time

from common import *
from schema import check_file
from tiny import write_small_job

SAME = ["data/split.csv", "criteria.json", "tune/steps.jsonl", "tune/evals.jsonl", "eval/predictions.csv", "eval/baseline-ngram.csv", "eval/baseline-probe.csv",
        "eval/baseline-majority.csv", "eval/metrics.json", "eval/comparisons.json", "deploy/model/model.safetensors"]
work = folder()
brief = write_small_job(work, ROOT)


def tune(out, *more, **options):
    # Exit 1: the random model does not fit the words of the texts well enough, or beats no baseline; the run is complete all the same.
    done = run("run", brief, "--out", work / out, "--yes", *more, check=False, **options)
    assert done.returncode in (0, 1), done.stderr
    assert (work / out / "lock.json").exists(), done.stderr
    return work / out


def recipe(run_folder):
    text = (run_folder / "plan.yaml").read_text()
    return text[text.index("\nrecipe:"):text.index("\nevaluation:")]


def same(a, b):
    for name in SAME:
        assert (a / name).read_bytes() == (b / name).read_bytes(), f"{name} differs between {a.name} and {b.name}"
    assert recipe(a) == recipe(b)


first = tune("first")
for name in ["brief.md", "plan.yaml", "lock.json", "criteria.json", "findings.jsonl", "data/split.csv", "data/leaks.csv", "data/pii.json", "data/profile.json",
             "data/licences.json", "data/README.md", "experiment/candidates.csv", "experiment/baselines.json", "tune/steps.jsonl", "tune/evals.jsonl", "eval/metrics.json",
             "eval/comparisons.json", "eval/slices.csv", "eval/errors.csv", "eval/openings.log", "deploy/bench.json", "deploy/model/README.md", "env.json", "report.html"]:
    assert (first / name).exists(), name
for record, schema in [("lock.json", "lock"), ("criteria.json", "criteria"), ("eval/metrics.json", "metrics"), ("findings.jsonl", "finding")]:
    check_file(first / record, ROOT / "docs/schemas" / f"{schema}.schema.json")
assert (first.stat().st_mode & 0o777) == 0o700
metrics = json.loads((first / "eval/metrics.json").read_text())
assert set(metrics["baselines"]) == {"majority", "ngram", "probe"} and metrics["test"]["intervals"]["macro_f1"]["low"] <= metrics["test"]["macro_f1"]
openings = (first / "eval/openings.log").read_text().splitlines()
assert len(openings) == 4, openings
run("verify", first)
assert "finished" in run("run", brief, "--out", first, "--yes", "--resume", check=False).stderr
assert len((first / "eval/openings.log").read_text().splitlines()) == 4, "a finished run opens its test again"

# The same bytes: threads, instruction sets.
flags = open("/proc/cpuinfo").read()
for name, more in [("t1", ["--threads", "1"]), ("t4", ["--threads", "4"]), ("ref", ["--isa", "ref"]), ("avx2", ["--isa", "avx2"]), ("avx512", ["--isa", "avx512"])]:
    if name.startswith("avx") and {"avx2": "avx2", "avx512": "avx512dq"}[name] not in flags:
        continue
    same(first, tune(name, *more))

# The same bytes after kill -9 at any moment, resumed; and after Ctrl-C.
rng = random.Random(int(time.time()))
killed = work / "killed"
for _ in range(6):
    process = subprocess.Popen([str(TENET), "run", str(brief), "--out", str(killed), "--yes", "--resume"], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    time.sleep(rng.uniform(0.05, 1.2))
    process.kill()
    process.wait()
    assert not (killed / "deploy/model").exists() or (killed / "eval/metrics.json").exists(), "deployed before it was evaluated"
same(first, tune("killed", "--resume"))
process = subprocess.Popen([str(TENET), "run", str(brief), "--out", str(work / "stopped"), "--yes"], stderr=subprocess.PIPE, text=True)
while not (work / "stopped/tune/steps.jsonl").exists():
    time.sleep(0.01)
process.send_signal(signal.SIGINT)
said = process.communicate()[1]
assert process.returncode in (130, 0, 1), (process.returncode, said)
if process.returncode == 130:
    assert "--resume" in said, said
    same(first, tune("stopped", "--resume"))

# An existing run is never overwritten by accident; another plan is refused.
assert "--resume" in run("run", brief, "--out", first, "--yes", code=2).stderr
run("reproduce", first, "--out", work / "again", "--quiet")
same(first, work / "again")

assert "is the run itself" in run("reproduce", first, "--out", f"{first}/", code=2).stderr
assert "one of them" in run("run", brief, "--out", first, "--yes", "--resume", "--replace", code=2).stderr

# A folder with other files in it loses none of them; a finished run of other rows is not taken for this one.
mixed = tune("mixed")
for name in ("mine.txt", "data/mine.csv", "deploy/mine.txt"):
    (mixed / name).write_text("x")
tune("mixed", "--replace")
same(first, mixed)
for name in ("mine.txt", "data/mine.csv", "deploy/mine.txt"):
    assert (mixed / name).exists(), name
reviews = (work / "reviews.csv").read_text()
tested = next(line.split(",")[0] for line in (mixed / "data/split.csv").read_text().splitlines() if line.endswith(",test"))
(work / "reviews.csv").write_text("".join(line[::-1].replace(" ", "  ", 1)[::-1] if line.startswith(f"{tested},") else line for line in reviews.splitlines(keepends=True)))
assert "the data changed" in run("run", brief, "--out", mixed, "--yes", "--resume", code=2).stderr  # one blank: the same plan, not the same rows
(work / "reviews.csv").write_text(reviews)

# Every way to name the data leads to the same licence and columns; a plan's own column counts.
text = brief.read_text()
brief.write_text(text.replace("data: reviews.csv", "data: {path: reviews.csv, text: review}"))
tune("named")
brief.write_text(text)
assert (work / "named/data/split.csv").read_bytes() == (first / "data/split.csv").read_bytes()
(work / "column.yaml").write_text((first / "plan.yaml").read_text().replace("value: review\n", "value: reviw\n", 1))
assert "reviw" in run("run", work / "column.yaml", "--out", work / "column", "--yes", code=2).stderr
assert json.loads(run("plan", first / "plan.yaml", "--json").stdout)["plan"]["recipe"]

# A run is its folder: moved, and read from elsewhere, it is the same. Paths may hold blanks; a folder needs no HOME.
moved = work / "moved away"
shutil.copytree(mixed, moved)
run("verify", moved, cwd="/")
assert json.loads(run("runs", "show", f"{moved}/", "--json").stdout)["run"] == "moved away"
subprocess.run([str(TENET), "predict", str(moved), "--text", "x"], env={}, check=True, capture_output=True)
(moved / "report.html").unlink()
assert "report.html is missing" in run("verify", moved, code=1).stdout

# The plan is a file like any other: edited and run.
plan = (first / "plan.yaml").read_text().replace("value: 2\n    origin: stated", "value: 1\n    origin: stated", 1)
(work / "edited.yaml").write_text(plan)
done = run("run", work / "edited.yaml", "--out", work / "edited", "--yes", check=False)
assert done.returncode in (0, 1), done.stderr
assert len((work / "edited/tune/evals.jsonl").read_text().splitlines()) == 1

# A changed number or file is found.
card = first / "deploy/model/README.md"
text = card.read_text()
shown = f"{metrics['test']['accuracy']:.3f} <!-- eval/metrics.json#/test/accuracy"
assert shown in text
card.write_text(text.replace(shown, "0.999" + shown[5:], 1))
assert "govern-cards" in run("verify", first, code=1).stdout
card.write_text(text)
run("verify", first)
predictions = first / "eval/predictions.csv"
kept = predictions.read_bytes()
rows = kept.decode().splitlines(keepends=True)
predictions.write_text("".join([*rows[:1], *rows[2:]]))
assert "constraint-evaluate" in run("verify", first, code=1).stdout
predictions.write_bytes(kept)

# Delete any one record: the report says so in its place, and shows no number from it.
whole = run("report", first).stdout
assert "not measured" not in whole, whole[whole.index("not measured") - 300:][:400]
for record in ["eval/metrics.json", "eval/comparisons.json", "eval/slices.csv", "eval/errors.csv", "experiment/candidates.csv", "data/profile.json", "data/licences.json",
               "data/pii.json", "tune/steps.jsonl", "tune/evals.jsonl", "findings.jsonl", "deploy/bench.json", "env.json"]:
    kept = (first / record).read_bytes()
    (first / record).unlink()
    page, model_card = run("report", first).stdout, run("card", first).stdout
    assert "not measured" in page, record
    assert f'data-record="{record}#' not in page and f"<!-- {record}#" not in model_card, record
    (first / record).write_bytes(kept)
for record in ["plan.yaml", "criteria.json", "lock.json"]:
    kept = (first / record).read_bytes()
    (first / record).unlink()
    assert "not recorded" in run("report", first).stdout or "not measured" in run("report", first).stdout, record
    (first / record).write_bytes(kept)
assert run("report", first).stdout == whole

# Prediction: the shapes, and files.
labels = metrics["labels"]
out = lines(run("predict", first, "--text", "hàng đẹp", "--json").stdout)
assert out[0]["label"] in labels and 0 < out[0]["score"] <= 1
assert [len(x) for x in lines(run("predict", first, "--text", "hàng đẹp", "--json", "--top", "3").stdout)] == [3]
assert lines(run("predict", first, "--file", "-", "--input", "jsonl", "--json", input='{"text": "hàng đẹp"}\n').stdout) == out
run("predict", first, work / "reviews.csv", "-o", work / "out.csv")
table = (work / "out.csv").read_text().splitlines()
assert table[0] == "id,predicted,score," + ",".join("p_" + x for x in labels) and len(table) == 161
shown = run("runs", "show", first, "--json").stdout
assert json.loads(shown)["test"]["accuracy"] == metrics["test"]["accuracy"]
assert "first" in run("runs", "list", work).stdout
print("a run keeps its promises")
