#!/usr/bin/env python3
"""Scores the reading of briefs: usage: score_briefs.py FILE.jsonl [--half a|b] [--quiet] [--least MEAN]

FILE has the briefs and their readings, one a line, the guide in its first line. Halves are cut by the SHA-256 of the id.
Sets are scored by F1 and single values by equality; either member of an accepted pair of tasks is right; `domain` is free
wording and left out. Constraints and metrics count as sets of key and value. Prints a mean a field and, without --quiet,
the disagreements. Half b was the official measure once; since it has been opened both halves are for development.
"""
import argparse
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
TENET = pathlib.Path(os.environ.get("TENET", ROOT / "build/tenet"))
FIELDS = ["actions", "task", "problem", "modality", "languages", "goals", "environment", "phase", "constraints", "missing", "refuse_or_warn"]


def half_of(name):
    return "ab"[hashlib.sha256(str(name).encode()).digest()[0] % 2]


def f1(want, have, same=lambda a, b: a == b):
    if not want and not have:
        return 1.0
    left, hits = list(have), 0
    for w in want:
        for h in left:
            if same(w, h):
                left.remove(h)
                hits += 1
                break
    return 2 * hits / (len(want) + len(have))


def as_list(value):
    return [] if value is None else value if isinstance(value, list) else [value]


def items(constraints):
    """Constraints as key and value; numbers compare as numbers, lists of labels in order, metrics one by one."""
    out = []
    for key, value in (constraints or {}).items():
        if key == "min_metric":
            out += [(key, m["name"], m["op"], round(float(m["value"]), 9)) for m in value]
        elif isinstance(value, list):
            out.append((key, tuple(str(v) for v in value)))
        else:
            out.append((key, round(float(value), 9) if isinstance(value, (int, float)) else value))
    return out


def score(field, want, have, accept):
    if field == "constraints":
        return f1(items(want), items(have))
    if field == "task":
        pairs = {frozenset(p) for p in accept}
        return f1(as_list(want), as_list(have), lambda a, b: a == b or frozenset((a, b)) in pairs)
    if isinstance(want, list) or isinstance(have, list):
        return f1(as_list(want), as_list(have))
    return float(want == have)


def read(text, folder):
    path = folder / "brief.md"
    path.write_text(text, encoding="utf-8")
    done = subprocess.run([str(TENET), "plan", str(path), "--json", "--offline", "--quiet"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder)
    if done.returncode not in (0, 1):
        sys.exit(f"exit {done.returncode}: {done.stderr.decode()}\n{text}")
    return json.loads(done.stdout)["brief"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=pathlib.Path)
    parser.add_argument("--half", choices=["a", "b"])
    parser.add_argument("--quiet", action="store_true", help="means only")
    parser.add_argument("--least", type=float, default=0, help="exit 1 when the mean is lower")
    args = parser.parse_args()
    lines = args.file.read_text(encoding="utf-8").splitlines()
    accept = json.loads(lines[0])["guide"].get("task_accept", [])
    total, n = dict.fromkeys(FIELDS, 0.0), 0
    with tempfile.TemporaryDirectory() as folder:
        for line in lines[1:]:
            record = json.loads(line)
            if args.half and half_of(record["id"]) != args.half:
                continue
            have, want, wrong = read(record["brief"], pathlib.Path(folder)), record["expect"], []
            n += 1
            for field in FIELDS:
                points = score(field, want[field], have.get(field), accept)
                total[field] += points
                if points < 1:
                    wrong.append(f"  {field} {points:.2f}: want {json.dumps(want[field], ensure_ascii=False)}\n      have {json.dumps(have.get(field), ensure_ascii=False)}")
            if wrong and not args.quiet:
                print(f"--- {record['id']}\n{record['brief']}\n" + "\n".join(wrong))
    means = {field: total[field] / max(n, 1) for field in FIELDS}
    mean = sum(means.values()) / len(means)
    for field, value in means.items():
        print(f"{field:15} {value:.3f}")
    print(f"{'mean':15} {mean:.3f}  ({n} briefs)")
    return mean < args.least


if __name__ == "__main__":
    sys.exit(main())
