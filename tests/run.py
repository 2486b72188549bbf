#!/usr/bin/env python3
"""Runs the house checks, the unit tests and the end-to-end tests, and ends with one line: N passed, N failed."""
import json
import os
import pathlib
import re
import subprocess
import sys
import time

root = pathlib.Path(__file__).resolve().parent.parent
os.chdir(root)
passed, failed, skipped = 0, [], 0


def check(name, command, **options):
    global passed, skipped
    start = time.time()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", **options)
    if done.returncode == 77:
        skipped += 1
        print(f"skip {name}: {done.stdout.strip().splitlines()[-1] if done.stdout.strip() else 'no reason given'}")
    elif done.returncode:
        failed.append(name)
        print(f"FAIL {name} (exit {done.returncode})\n{done.stdout[-6000:]}")
    else:
        passed += 1
        print(f"ok   {name} {time.time() - start:.1f} s")
    sys.stdout.flush()


check("house: includes keep to their floors", ["python3", "tools/check_includes.py"])

tests = json.loads(subprocess.run(["meson", "introspect", "--tests", "build"], capture_output=True, text=True).stdout)
for test in sorted(tests, key=lambda t: t["name"]):
    start = time.time()
    done = subprocess.run(test["cmd"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", cwd=test["workdir"] or root / "build")
    good = len(re.findall(r"^\[       OK \]", done.stdout, re.M))
    bad = sorted(set(re.findall(r"^\[  FAILED  \] ([a-z]\S*)$", done.stdout, re.M)))
    passed += good or (done.returncode == 0)
    skipped += len(set(re.findall(r"^\[  SKIPPED \] ([a-z]\S*)$", done.stdout, re.M)))
    if done.returncode:
        failed += [f"{test['name']}: {b}" for b in bad] or [f"{test['name']} (exit {done.returncode})"]
        print(f"FAIL {test['name']}\n{done.stdout[-6000:]}")
    else:
        print(f"ok   {test['name']}: {good} promises {time.time() - start:.1f} s")
    sys.stdout.flush()

for script in sorted((root / "tests" / "e2e").glob("*_test.py")):
    check(f"end to end: {script.stem}", [sys.executable, str(script)])

for name in failed:
    print("failed:", name)
print(f"{passed} passed, {len(failed)} failed, {skipped} skipped")
sys.exit(bool(failed))
