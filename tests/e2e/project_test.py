"""What a project's tenet.yaml says is obeyed by plan, select and run, and printed in card and report with reason and last day."""
import html
import re

from common import *
from tiny import write_small_job

work = folder()
brief = write_small_job(work, ROOT)
settings = work / "tenet.yaml"
RULES = """rules:
  eval-baselines: {severity: advice, reason: the demo shows the road and no result, until: 2999-12-31}
  constraint-pretrained: {severity: off, reason: a demo of tuning, until: 2999-12-31}
waivers:
  - {rule: data-config, path: train.py, match: batch_size, reason: a lesson, until: 2999-12-31}
"""


def go(out, code):
    return run("run", brief, "--out", work / out, "--yes", code=code)


plain = json.loads(run("plan", brief, "--json").stdout)["plan"]
assert "exceptions" not in plain and "licences_allowed" not in plain["model"]

settings.write_text(RULES + "licences: {allowed: [CC0-1.0]}\n")
plan = json.loads(run("plan", brief, "--json").stdout)["plan"]
assert [e["rule"] for e in plan["exceptions"]] == ["eval-baselines", "constraint-pretrained", "data-config"], plan["exceptions"]
assert plan["model"]["licences_allowed"]["value"] == ["cc0-1.0"]
go("excused", 0)
findings = lines((work / "excused/findings.jsonl").read_text())
assert {f["severity"] for f in findings if f["rule"] == "eval-baselines"} == {"advice"} and not any(f["rule"] == "constraint-pretrained" for f in findings)
card = (work / "excused/deploy/model/README.md").read_text()
report = html.unescape(re.sub(r"<[^>]+>", "", (work / "excused/report.html").read_text()))
for said in ("eval-baselines is advice instead of error until 2999-12-31, because: the demo shows the road and no result",
             "constraint-pretrained is off instead of error until 2999-12-31, because: a demo of tuning",
             "data-config is waived for train.py until 2999-12-31, because: a lesson"):
    assert f"- Exception made by the project: {said}." in card and f"Exception made by the project: {said}" in report, said
run("verify", work / "excused")

# A run obeys its plan, not the settings of another day; and an exception in a plan owes a reason too.
settings.unlink()
run("reproduce", work / "excused", "--out", work / "again", "--quiet", code=0)
assert (work / "again/findings.jsonl").read_bytes() == (work / "excused/findings.jsonl").read_bytes()
text = (work / "excused/plan.yaml").read_text()
(work / "hasty.yaml").write_text(text.replace("reason: a demo of tuning\n", "because: I can\n"))
assert "an exception has a rule" in run("run", work / "hasty.yaml", "--out", work / "hasty", "--yes", code=2).stderr

# Licences that the project does not allow are refused before anything is trained; unless the project says otherwise, in writing.
settings.write_text("licences: {allowed: [mit]}\n")
assert "govern-licence" in go("foreign", 1).stderr and not (work / "foreign/tune/steps.jsonl").exists()
assert "not among the licences that this project allows" in (work / "foreign/data/licences.json").read_text()
settings.write_text("licences: {allowed: [mit]}\n" + RULES.replace("rules:\n", "rules:\n  govern-licence: {severity: warning, reason: a trial in the house, until: 2999-12-31}\n"))
go("trial", 0)
assert [f["severity"] for f in lines((work / "trial/findings.jsonl").read_text()) if f["rule"] == "govern-licence"] == ["warning"]

# What has expired excuses nothing, and is an error itself.
settings.write_text(RULES.replace("2999-12-31", "2020-12-31"))
said = go("late", 1)
assert "tenet.yaml:2: the changed severity of eval-baselines expired on 2020-12-31" in said.stderr
late = lines((work / "late/findings.jsonl").read_text())
assert any(f["rule"] == "data-config" and f["severity"] == "error" and f["path"] == "tenet.yaml" and f["line"] == 5 for f in late), late
assert "exceptions" not in (work / "late/plan.yaml").read_text()

# Defaults speak where the brief is silent, and the plan says whose words they are.
settings.write_text("defaults: {use: research, recipe: {batch_size: 4, learning_rate: 2e-5}, budget: {minutes: 7}, language: en, target: {accuracy: 0.1}}\n")
read = json.loads(run("plan", brief, "--json").stdout)
plan = read["plan"]
assert plan["recipe"]["batch_size"]["value"] == 8 and plan["recipe"]["batch_size"]["reason"] == "stated in the brief's front matter"
assert plan["recipe"]["learning_rate"] == {"value": 2e-5, "origin": "stated", "reason": "stated in the project's tenet.yaml"}
assert plan["brief"]["use"]["words"] == "e-commerce" and plan["task"]["languages"]["value"] == ["vi"], "prose goes before a default"
assert plan["compute"]["budget_minutes"]["value"] == 7 and plan["evaluation"]["metric"]["value"] == "accuracy" and plan["evaluation"]["threshold"]["value"] == 0.1
assert "metric" not in read["brief"]["missing"]
(work / "quiet.md").write_text(brief.read_text().split("Task:")[0] + "Task: classify reviews by sentiment.\n")
plan = json.loads(run("plan", work / "quiet.md", "--json").stdout)["plan"]
assert plan["brief"]["use"] == {"value": "research", "origin": "stated", "reason": "the project's tenet.yaml"}, plan["brief"]["use"]
for bad, said in (("{use: private}", "tenet.yaml:1: use must be commercial or research"), ("{recipe: {epoch: 3}}", 'tenet.yaml:1: recipe has no setting "epoch"')):
    settings.write_text(f"defaults: {bad}\n")
    assert said in run("plan", brief, code=2).stderr, bad

# A setting that cannot be read stops every command that would heed it.
settings.write_text("rulez: {}\n")
for command in ("plan", "run", "select", "prompt"):
    assert "tenet.yaml:1:" in run(command, brief, code=2).stderr, command
print("tenet.yaml is obeyed")
