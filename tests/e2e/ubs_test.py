"""The public set `ubs`, bank customers' posts with one or several aspects, end to end on a tiny model and a part of its rows.
The data lie in the folder TENET_DATA, or ../shared/data beside the project; without them the test is skipped."""
import re

from common import *
from tiny import write_tiny_model

data = pathlib.Path(os.environ.get("TENET_DATA", ROOT.parent / "shared/data")) / "ubs"
if not data.exists():
    skip("the public data are not at hand (TENET_DATA)")
work = folder()
lines = {}
for part, n in [("train", 360), ("test", 120)]:
    found = [line for line in (data / f"{part}.txt").read_text(encoding="utf-8").splitlines() if line.strip()]
    # Every row with several aspects, and some of the others. The aspect is without its sentiment: LOAN#negative becomes LOAN.
    some = [line for i, line in enumerate(found) if line.count("__label__") > 1 or i % (len(found) // n) == 0]
    lines[part] = [re.sub(r"(__label__[A-Z_]+)#\w+", r"\1", line) for line in some]
seen = {label for line in lines["train"] for label in re.findall(r"__label__(\S+)", line)}
lines["test"] = [line for line in lines["test"] if set(re.findall(r"__label__(\S+)", line)) <= seen]
for part in lines:
    (work / f"{part}.txt").write_text("\n".join(lines[part]) + "\n", encoding="utf-8")
write_tiny_model(work / "tiny", [re.sub(r"__label__\S+", "", line) for line in lines["train"]])
brief = work / "brief.md"
brief.write_text("""---
data: {train: train.txt, test: test.txt}
model: ./tiny
recipe: {epochs: 1}
use: research
---
Task: Fine-tune a multi-label text classification model for Vietnamese posts of bank customers: which aspects does a post mention? Several may apply.

Why it matters: Complaints must reach the right desk.

Where this applies: Cloud CPU service of a bank.

When this is needed: Before the next release.
""", encoding="utf-8")
done = run("run", brief, "--out", work / "run", "--yes", check=False)
assert done.returncode in (0, 1) and (work / "run/lock.json").exists(), done.stderr
run("verify", work / "run")
metrics = json.loads((work / "run/eval/metrics.json").read_text())
assert set(metrics["labels"]) == seen and len(metrics["test"]["per_class"]) == len(seen) and metrics["baselines"]["ngram"]["micro_f1"] > metrics["baselines"]["commonest"]["micro_f1"]
