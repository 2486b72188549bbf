"""What tenet's own run keeps of the rules (tests/discipline.md): one function a rule, named by it, on one run of a tiny model."""
import csv
import hashlib
import html
import re

from common import *
from tiny import write_small_job

work = folder()
brief = write_small_job(work, ROOT)
done = run("run", brief, "--out", work / "run", "--yes", check=False)
assert done.returncode in (0, 1), done.stderr  # 1: the random model breaks a threshold; the run is complete all the same
first = work / "run"


def text(name):
    return (first / name).read_text(encoding="utf-8")


def record(name):
    return json.loads(text(name))


plan = json.loads(run("plan", brief, "--json").stdout)["plan"]
card, report = text("deploy/model/README.md"), text("report.html")
prose = re.sub(r"<!--.*?-->", "", card.split("---\n", 2)[2])
shown = html.unescape(re.sub(r"<[^>]+>", "", report))
findings = lines(text("findings.jsonl"))


def section(heading):
    return re.split(r"^## ", prose.split(f"\n## {heading}\n", 1)[1], maxsplit=1, flags=re.M)[0]


def in_order(text, *words):
    places = [text.find(w) for w in words]
    assert -1 not in places and places == sorted(places), (words, places)


def fences(text):
    return re.findall(r"^```(\w*)\n(.*?)^```", text, re.M | re.S)


def who_persona():
    persona = json.loads(run("rules", "show", "who-persona", "--json").stdout)["statement"]
    assert run("prompt", brief).stdout.startswith(f"# Who\n\n{persona}\n")


def who_pragmatic():
    assert list(plan["phases"]) == ["experiment", "tune", "deploy"] and all(len(p["trade_off"]) > 20 for p in plan["phases"].values())


def format_phases():
    assert list(plan["phases"]) == ["experiment", "tune", "deploy"]
    stopped = work / "stopped"  # the evaluation fails: nothing is deployed
    (stopped / "eval/predictions.csv").mkdir(parents=True)
    (stopped / "eval/predictions.csv/in-the-way").write_text("x")
    failed = run("run", brief, "--out", stopped, "--yes", check=False)
    assert failed.returncode in (2, 3), (failed.returncode, failed.stderr)
    assert (stopped / "tune/model/model.safetensors").exists() and not (stopped / "deploy/model").exists()
    assert (first / "deploy/model").exists() and not (first / "tune/model").exists()


def who_downstream():
    model = first / "deploy/model"
    assert all((model / f).exists() for f in ("model.safetensors", "tokenizer.json", "tokenizer_config.json", "README.md"))
    assert json.loads((model / "config.json").read_text())["id2label"] == {"0": "negative", "1": "neutral", "2": "positive"}
    run("verify", first)


def format_terms():
    tags = {row.split("\t")[0] for row in (ROOT / "catalog/tasks.tsv").read_text().splitlines()[2:]}
    front = card.split("---\n")[1]
    assert re.search(r"^pipeline_tag: (.*)$", front, re.M).group(1) in tags and "library_name: transformers\n" in front
    assert {row["split"] for row in csv.DictReader(text("data/split.csv").splitlines())} <= {"train", "validation", "test", "removed"}


def format_five():
    in_order(prose, "\n## Task definition\n", "\n## Model choice\n", "\n## Data strategy\n", "\n## Training approach\n", "\n## Evaluation\n")
    in_order(report, 'id="task"', 'id="model"', 'id="data"', 'id="approach"', 'id="evaluation"')
    in_order(text("plan.yaml"), "\ntask:\n", "\nmodel:\n", "\ndata:\n", "\napproach:\n", "\nevaluation:\n")


def format_code():
    found = fences(card)
    assert found and all(language for language, _ in found) and card.count("\n```") == 2 * len(found)
    assert any("pipeline(" in code for language, code in found if language == "python")
    assert any("TrainingArguments(" in code for language, code in found if language == "python")
    assert any("tenet predict" in code for language, code in found if language == "bash")


def format_tables():
    assert section("Model choice").strip().startswith("| model | parameters | licence |") and "<table><tr><th>model</th>" in report
    assert "| untouched encoder with a probe |" in section("Evaluation")
    assert run("runs", "list", work).stdout.split("\n")[0].split()[:2] == ["run", "status"]


def constraint_task():
    (work / "vague.md").write_text("Task: Do something nice for our company.\n")
    assert "constraint-task" in run("plan", work / "vague.md", code=1).stderr
    assert plan["task"]["tag"]["value"] == "text-classification" and plan["task"]["modality"]["value"] == "text"
    assert "Pipeline tag `text-classification`, modality text" in section("Task definition")


def constraint_loop():
    script = run("plan", brief, "--as", "trainer").stdout
    compile(script, "train.py", "exec")
    assert "Trainer(" in script and 'recipe["learning_rate"]' in script and "5e-05" not in script
    other = work / "other.md"
    other.write_text("Task: Fine-tune a model that summarises English news.\nWhy it matters: a test.\nWhere this applies: research.\nWhen this is needed: training phase.\n")
    refused = run("run", other, "--out", work / "other", "--yes", check=False)
    assert refused.returncode == 1 and "summarization" in refused.stderr and "train.py" in refused.stderr, refused.stderr
    compile((work / "other/train.py").read_text(), "train.py", "exec")
    assert (work / "other/plan.yaml").exists() and not (work / "other/deploy/model").exists()


def constraint_track():
    for name in ("plan.yaml", "lock.json", "tune/steps.jsonl", "tune/evals.jsonl", "eval/metrics.json", "env.json", "findings.jsonl"):
        assert (first / name).stat().st_size > 0, name
    assert "holds a run already" in run("run", brief, "--out", first, "--yes", code=2).stderr


def constraint_compute():
    assert {"threads", "isa", "memory_bytes", "estimated_seconds", "estimated_bytes"} <= set(plan["compute"])
    env = record("env.json")
    assert env["estimate"]["bytes"] > 0 and env["peak_memory_bytes"] > 0 and env["seconds"]["total"] > 0
    (work / "small.md").write_text(brief.read_text().replace("model: tiny\n", "model: tiny\nbudget: {memory: 1MiB}\n"))
    assert "constraint-compute" in run("run", work / "small.md", "--out", work / "small", "--yes", code=1).stderr


def data_versions():
    lock = record("lock.json")
    assert "revision" in lock["model"] and {f["path"] for f in lock["model"]["files"]} >= {"model.safetensors", "config.json", "tokenizer.json"}
    assert all(len(f["sha256"]) == 64 for f in lock["model"]["files"] + lock["data"]["files"])
    assert lock["data"]["files"][0]["sha256"] == hashlib.sha256((work / "reviews.csv").read_bytes()).hexdigest()


def data_copypaste():
    argument = re.findall(r"^    (\w+)=(.*),  # plan.yaml: recipe/(\w+)$", card, re.M)
    assert len(argument) >= 5
    for _, value, key in argument:
        assert json.loads(value) == plan["recipe"][key]["value"], key


def data_leak():
    openings = [line.split()[2] for line in text("eval/openings.log").splitlines()]
    assert sorted(openings) == ["baseline:majority", "baseline:ngram", "baseline:probe", "model"], openings


def data_pipeline():
    assert 'pipeline("text-classification", model="deploy/model")' in card


def data_config():
    assert len(plan["recipe"]) > 10
    assert all({"value", "origin", "reason"} <= set(v) for v in plan["recipe"].values())


def data_limits():
    limits = section("Limits").replace("\\", "")
    for f in findings:
        assert f["severity"] == "advice" or f["message"] in limits, f
    assert all(a in limits for a in plan["assumptions"])


def govern_licence():
    (work / "README.md").write_text("---\nlicense: cc-by-nc-4.0\n---\n")
    said = run("run", brief, "--out", work / "unlicensed", "--yes", code=1).stderr
    (work / "README.md").write_text("---\nlicense: cc0-1.0\n---\n")
    assert "govern-licence" in said and not (work / "unlicensed/tune/steps.jsonl").exists(), said
    assert (work / "unlicensed/data/licences.json").exists()


def govern_ethics():
    ethics = section("Intended use and people affected")
    assert plan["brief"]["where"] in ethics and "Not meant for" in ethics and "Weakest slice" in section("Limits")


def eval_criteria():
    assert record("lock.json")["criteria_sha256"] == hashlib.sha256((first / "criteria.json").read_bytes()).hexdigest()
    assert (first / "criteria.json").stat().st_mtime_ns <= (first / "tune/steps.jsonl").stat().st_mtime_ns
    assert {"metric", "threshold", "rule", "signature"} <= set(record("criteria.json"))


def eval_benchmark():
    signature = record("eval/metrics.json")["signature"]
    assert "macro" in signature["macro_f1"] and all(signature.values())


def eval_baselines():
    compared = {c["baseline"]: c for c in record("eval/comparisons.json")["comparisons"] if c["metric"] == "macro_f1"}
    assert set(compared) == {"majority", "ngram", "probe"} and all(c["low"] <= c["difference"] <= c["high"] for c in compared.values())
    said = {f["evidence"] for f in findings if f["rule"] in ("eval-baselines", "constraint-pretrained")}
    for c in compared.values():
        assert c["verdict"] == "better" or c["words"] in said, c


def style_task_first():
    in_order(prose, "\n## Task definition\n", "\n## Model choice\n")
    in_order(report, 'id="task"', 'id="model"')


def style_assumptions():
    assert plan["assumptions"] and all(a in shown and a in prose for a in plan["assumptions"])


def style_justify():
    for row in csv.DictReader(text("experiment/candidates.csv").splitlines()):
        assert re.search(r"macro F1 \d\.\d|licence|pieces|letters", row["reason"]), row
        assert row["reason"] in prose and row["reason"] in shown


def style_limits():
    assert re.search(r"^## (.*)$", prose, re.M).group(1) == "Limits" and re.search(r"Weakest class: \w+, F1 \d", section("Limits"))
    assert report.index("Weakest class") < report.index('id="task"') and text("eval/errors.csv").startswith("id,text,label,predicted,confidence\n")


def style_no_hype():
    hype = r"state.of.the.art|revolution|human.level|world.class|cutting.edge|unmatched|groundbreaking|amazing|flawless|\bbest (model|accuracy|performance)"
    for page in (prose, shown):
        assert not re.search(hype, page, re.I), re.search(hype, page, re.I)


def brief_owner():
    words = brief.read_text(encoding="utf-8")

    def walk(v):
        if isinstance(v, dict) and "origin" in v:
            assert v["origin"] in ("stated", "inferred", "assumed"), v
            assert all(w in words for w in v.get("words", "").split(" … ")), v
        elif isinstance(v, dict):
            for x in v.values():
                walk(x)

    walk(plan)


def order_context():
    project = folder()
    run("init", project)
    run("rules", "verify", project)
    for name in (".cursor/rules/tenet.mdc", "AGENTS.md", "CLAUDE.md", ".github/copilot-instructions.md"):
        assert "tenet:begin source=sha256:" in (project / name).read_text(), name
    rules = project / "AGENTS.md"
    rules.write_text(rules.read_text().replace("data-leak (error)", "data-leak (advice)"))
    assert "order-context" in run("rules", "verify", project, code=1).stdout


def order_template():
    project = folder()
    run("init", project)
    in_order((project / "brief.md").read_text(), "Task:\n", "Why it matters:\n", "Where this applies:\n", "When this is needed:\n")
    (work / "headings.md").write_text("## Task\nClassify German mails by topic.\n\n## Why it matters\nRouting takes a day.\n")
    read = json.loads(run("plan", work / "headings.md", "--json", check=False).stdout)["brief"]
    assert read["task"] == "text-classification" and "environment" in read["missing"], read


def order_prompt():
    prompt = run("prompt", brief).stdout
    in_order(prompt, "# Who\n", "# How\n", "Select and fine-tune a sentiment", "Manual review analysis", "Cloud-based inference", "Before launching")


def order_example():
    example = (ROOT / "examples/vietnamese-reviews/brief.md").read_text(encoding="utf-8").split("---\n", 2)[2].strip()
    assert example == ("Task:\nSelect and fine-tune a sentiment analysis model for Vietnamese customer reviews.\n\n"
                       "Why it matters:\nManual review analysis does not scale and delays product feedback.\n\n"
                       "Where this applies:\nCloud-based inference API for an e-commerce platform.\n\n"
                       "When this is needed:\nBefore launching the next product feedback dashboard.")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert fences(readme)[1][1].startswith("./run.sh") and "examples/vietnamese-reviews/brief.md" in (ROOT / "run.sh").read_text()


def no_due_rule_is_claimed():
    """Card and report name a rule only where a finding says that it is broken."""
    rules = {r["id"] for r in json.loads(run("rules", "list", "--json").stdout)}
    broken = {f["rule"] for f in findings}
    for page in (prose, shown):
        assert {w for w in re.findall(r"[a-z]+-[a-z-]+[a-z]", page) if w in rules} <= broken


tests = [(name, f) for name, f in list(globals().items()) if re.fullmatch(r"(who|format|constraint|data|govern|eval|style|brief|order|no)_\w+", name) and callable(f)]
for name, f in tests:
    try:
        f()
    except Exception as e:
        raise AssertionError(f"{name}: {e}") from e
print(f"{len(tests)} rules are kept")
