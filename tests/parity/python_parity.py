#!/usr/bin/env python3
"""The Python reader against CPython's ast, over real files.

    python_parity.py [FOLDER...]      default: the standard library and the site-packages of this interpreter

For every file that this CPython parses: no error node, the same statements with their lines, the same calls with the names of
their keyword arguments, the same string constants. Nothing is tolerated, but strings with \\N{...} or lone surrogates, which
the reader marks as inexact: there only their number is compared. So it is in files whose cookie names an encoding other than
UTF-8 and Latin-1. Names are compared as NFKC, as CPython makes them."""
import ast
import collections
import json
import pathlib
import re
import subprocess
import sys
import sysconfig
import unicodedata
import warnings

root = pathlib.Path(__file__).resolve().parent.parent.parent
cli = root / "build/tests/py_dump"
subprocess.run(["ninja", "-C", root / "build", "tests/py_dump"], check=True, stdout=subprocess.DEVNULL)
folders = sys.argv[1:] or [sysconfig.get_paths()["stdlib"], sysconfig.get_paths()["purelib"]]
files = sorted({str(p) for f in folders for p in pathlib.Path(f).rglob("*.py") if p.is_file()})
warnings.filterwarnings("ignore")
sys.setrecursionlimit(20000)
other = re.compile(rb"coding[:=]\s*(?!utf|latin|iso-8859-1\b|ascii|us-ascii)[-\w.]+")


def dotted(n):
    parts = []
    while isinstance(n, ast.Attribute):
        parts.append(n.attr)
        n = n.value
    return ".".join([n.id, *reversed(parts)]) if isinstance(n, ast.Name) else ""


def expected(tree):
    statements, calls, strings = [], [], []
    for n in ast.walk(tree):
        if isinstance(n, ast.stmt):
            name = type(n).__name__
            statements.append((name, n.lineno))
        elif isinstance(n, ast.Call):
            calls.append((dotted(n.func), *(k.arg or "" for k in n.keywords)))
        elif isinstance(n, ast.Constant) and isinstance(n.value, str):
            strings.append(n.value)
        elif isinstance(n, ast.Constant) and isinstance(n.value, bytes):
            strings.append("b:" + n.value.hex())
    return statements, calls, strings


bad, n_parsed, n_strings, n_calls, n_statements, n_refused = 0, 0, 0, 0, 0, 0
for at in range(0, len(files), 200):
    batch = files[at:at + 200]
    lines = subprocess.run([cli, *batch], check=True, capture_output=True).stdout.decode("utf-8", "replace").rstrip("\n").split("\n")
    for path, line in zip(batch, lines, strict=True):
        ours = json.loads(line)
        data = pathlib.Path(path).read_bytes()
        try:
            tree = ast.parse(data)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            n_refused += not ours.get("errors")
            continue
        if "failed" in ours:
            print(f"FAIL {path}: status {ours['failed']}")
            bad += 1
            continue
        n_parsed += 1
        statements, calls, strings = expected(tree)
        n_strings, n_calls, n_statements = n_strings + len(strings), n_calls + len(calls), n_statements + len(statements)
        trouble = []
        if ours["errors"]:
            trouble.append(f"errors {ours['errors'][:4]}")
        for what, a, b in (("statements", ours["statements"], statements), ("calls", ours["calls"], calls), ("strings", ours["strings"], strings)):
            if what == "calls":
                a = [[unicodedata.normalize("NFKC", x) for x in call] for call in a]
            if what == "strings" and (ours["inexact"] or other.search(data[:400])):
                a, b = [len(a)], [len(b)]
            a = collections.Counter(tuple(x) if isinstance(x, list) else x for x in a)
            b = collections.Counter(b)
            if a != b:
                trouble.append(f"{what}: only ours {list((a - b).items())[:3]}, only theirs {list((b - a).items())[:3]}")
        if trouble:
            bad += 1
            if bad <= 25:
                print(f"FAIL {path}: " + "; ".join(trouble)[:600])
print(f"{n_parsed} files, {n_statements} statements, {n_calls} calls, {n_strings} strings; {n_refused} files read that CPython {sys.version.split()[0]} refuses; {bad} differ")
sys.exit(bad > 0)
