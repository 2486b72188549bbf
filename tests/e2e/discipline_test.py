"""tests/discipline.md against the rules and the tests: every rule once, every named test there, `due` as the rule says."""
import re

from common import *

rules = json.loads(run("rules", "list", "--json", "--project", ROOT / "rules").stdout)
assert len(rules) == 58 == len({r["id"] for r in rules})
assert {r["id"] for r in rules} == {p.stem for p in (ROOT / "rules").glob("*.md")}
page = (ROOT / "tests/discipline.md").read_text(encoding="utf-8")
rows = re.findall(r"^\| ([a-z]+-[a-z-]+) \| (.*?) \| (.*?) \|$", page, re.M)
assert [row[0] for row in rows] == [r["id"] for r in rules], "one row a rule, in their order"

problems, tables = [], {p.name.split(".")[0] for p in (ROOT / "tests/check").glob("*.md")}
for (name, check, obey), rule in zip(rows, rules):
    full = json.loads(run("rules", "show", name, "--json", "--project", ROOT / "rules").stdout)
    if check != (f"tests/check/{name}.md" if full["checks"] else "–"):
        problems.append(f"{name}: a rule with checks has its table in tests/check/{name}.md, not {check}")
    elif full["checks"] and name not in tables:
        problems.append(f"{name}: there is no table of snippets {check}, and a rule without a check is not done")
    if "due" in rule or obey.startswith("due: "):
        if obey != f"due: {rule.get('due')}":
            problems.append(f"{name}: the rule's file says due: {rule.get('due')}")
        continue
    named = re.findall(r"`(\S+)` `(\w+)`", obey)
    if not named or ", ".join(f"`{f}` `{t}`" for f, t in named) != obey:
        problems.append(f"{name}: a kept rule names its tests, `FILE` `TEST`")
    for file, test in named:
        path = ROOT / file
        form = rf"^static void {test}\(" if file.endswith(".c") else rf"^def {test}\("
        if not path.exists() or not re.search(form, path.read_text(encoding="utf-8"), re.M):
            problems.append(f"{name}: {file} holds no test {test}")

# The list says what is not kept, on the terminal too.
due = sum("due" in r for r in rules)
said = run("rules", "list", "--project", ROOT / "rules").stdout
assert f"58 rules: 34 error, 15 warning, 9 advice; kept {58 - due}, not kept yet {due}" in said and said.count("not yet") >= due
assert [r["id"] for r in json.loads(run("rules", "list", "--section", "who", "--json").stdout)][:1] == ["who-persona"]
assert "the sections are who, format" in run("rules", "list", "--section", "nothing", code=2).stderr
assert "there is no rule" in run("rules", "show", "nothing", code=2).stderr
shown = run("rules", "show", "eval-kpi").stdout
assert "## Statement\n" in shown and "## Not kept yet\n" in shown

# A project's own words, and what has expired.
project = folder()
(project / "tenet.yaml").write_text("rules:\n  data-hub: {severity: off, reason: the data stay here, until: 2999-01-01}\n"
                                    "  data-leak: {severity: advice, reason: old, until: 2020-01-01}\n")
changed = run("rules", "list", "--project", project)
assert "off instead of advice until 2999-01-01: the data stay here" in changed.stdout and "tenet.yaml:3: the changed severity of data-leak expired on 2020-01-01" in changed.stderr
(project / "tenet.yaml").write_text("rulez: {}\n")
assert "tenet.yaml:1:8: tenet.yaml has no key" in run("rules", "list", "--project", project, code=2).stderr
assert not problems, "\n".join(problems)
print(f"58 rules, {58 - due} kept, {due} due")
