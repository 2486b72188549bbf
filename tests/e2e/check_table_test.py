"""The tables of tests/check: each rule finds its bad snippets and leaves the good ones alone; switched off, it finds nothing.

A table is RULE.md or RULE.WORD.md. `### bad: title` or `### good: title` begins a snippet; its fences have the info string
`LANGUAGE PATH` and are written to a folder of their own. bad: a finding of the rule must appear. good: no finding of the rule,
and no error of any rule. A rule's recall must be at least 0.8 over all its tables.

    python3 tests/e2e/check_table_test.py [RULE ...]     these rules alone, with every miss
"""
import re

from common import *

LEAST = 0.8
# Rules that do not reach it yet, and near misses that are still taken for faults: a name leaves these lists when it can, and
# the test fails when it could and did not.
WEAK = {
}
WRONG = {
}
TABLES = ROOT / "tests" / "check"


def fences(lines_of):
    """(info, text) of each fence; a fence ends with at least as many of its marks."""
    mark, info, body = None, "", []
    for line in lines_of:
        found = re.match(r"(`{3,}|~{3,})(.*)$", line)
        if mark is None and found:
            mark, info, body = found[1], found[2].strip(), []
        elif mark is not None and found and found[1][0] == mark[0] and len(found[1]) >= len(mark) and not found[2].strip():
            yield info, "\n".join(body) + "\n"
            mark = None
        elif mark is not None:
            body.append(line)
    assert mark is None, f"a fence is never closed: {info}"


def snippets(path):
    """(good or bad, title, {path: text}) of a table."""
    found, title, body = [], None, []
    inside = None
    for line in path.read_text(encoding="utf-8").splitlines():
        mark = re.match(r"(`{3,}|~{3,})", line)
        if mark and inside is None:
            inside = mark[1]
        elif mark and inside and mark[1].startswith(inside) and not line.strip(inside[0]).strip():
            inside = None
        head = re.match(r"### (good|bad): *(.+)$", line) if inside is None else None
        if head:
            title, body = (head[1], head[2].strip()), []
            found.append((title, body))
        elif title:
            body.append(line)
    for (kind, name), body in found:
        files = {}
        for info, text in fences(body):
            words = info.split()
            assert len(words) == 2 and ".." not in words[1] and not words[1].startswith("/"), f"{path}: {name}: the info string is LANGUAGE PATH, not {info!r}"
            files[words[1]] = text
        assert files, f"{path}: {name}: no fence"
        yield kind, name, files


top = folder()
cases = []  # (rule, kind, title, folder)
only = sys.argv[1:]
for table in sorted(TABLES.glob("*.md")):
    rule = table.name.split(".")[0]
    if only and rule not in only:
        continue
    for number, (kind, title, files) in enumerate(snippets(table)):
        place = top / table.stem / f"{kind}-{number:03}"
        for name, text in files.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_text(text, encoding="utf-8")
        cases.append((rule, kind, title, place))
if not cases:
    skip("no tables of snippets")


def check(places):
    """{folder: findings}; one process for all but those that bring settings of their own."""
    alone = [p for p in places if (p / "tenet.yaml").exists()]
    groups = [[p] for p in alone] + ([rest] if (rest := [p for p in places if p not in alone]) else [])
    found = {p: [] for p in places}
    for group in groups:
        done = run("check", "--json", "--quiet", *group, check=False)
        assert done.returncode in (0, 1), f"tenet check: exit {done.returncode}\n{done.stderr}"
        for f in json.loads(done.stdout):
            owner = next((p for p in group if f["path"] == str(p) or f["path"].startswith(f"{p}/")), None)
            if owner:
                found[owner].append(f)
    return found


found = check([place for *_, place in cases])
known = {r["id"] for r in json.loads(run("rules", "list", "--json").stdout)}
problems, rules = [], sorted({rule for rule, *_ in cases})
n_bad = n_hit = 0
for rule in rules:
    assert rule in known, f"tests/check/{rule}.md: there is no such rule"
    bad = [c for c in cases if c[0] == rule and c[1] == "bad"]
    good = [c for c in cases if c[0] == rule and c[1] == "good"]
    missed = [c for c in bad if not any(f["rule"] == rule for f in found[c[3]])]
    recall = 1 - len(missed) / len(bad) if bad else 1
    n_bad, n_hit = n_bad + len(bad), n_hit + len(bad) - len(missed)
    print(f"{rule:24} recall {recall:.2f} of {len(bad)} bad, {len(good)} good")
    for _, _, title, place in missed:
        print(f"    missed: {title}")
    if (recall < LEAST) != (rule in WEAK):
        problems.append(f"{rule}: recall {recall:.2f}" + (", and it is listed as weak" if rule in WEAK else ""))
    for _, _, title, place in good:
        faults = [f for f in found[place] if f["rule"] == rule or f["severity"] == "error"]
        if not faults and (rule, title) in WRONG:
            problems.append(f"{rule}: good: {title}: it passes, and is listed as wrong")
        for f in faults:
            if (rule, title) not in WRONG:
                problems.append(f"{rule}: good: {title}: {f['rule']} at {f['path'][len(str(place)) + 1:]}:{f['line']}: {f['message']}")
    # Switched off, the table would fail: nothing of the rule may be found, and something must have been.
    hit = [c[3] for c in bad if c not in missed and not (c[3] / "tenet.yaml").exists()]
    if hit:
        (top / "tenet.yaml").write_text(f"rules:\n  {rule}: {{severity: off, reason: the test of the tables, until: 2999-12-31}}\n")
        left = [f for fs in check(hit).values() for f in fs if f["rule"] == rule]
        (top / "tenet.yaml").unlink()
        if left:
            problems.append(f"{rule}: switched off, it still finds {left[0]['path']}")
    elif bad and rule not in WEAK:
        problems.append(f"{rule}: nothing is found at all, so nothing depends on the rule")
print(f"{len(rules)} rules, recall {n_hit}/{n_bad}, {len(cases) - n_bad} good snippets")
if problems:
    print("\n".join(problems))
    sys.exit(1)
