#!/usr/bin/env python3
"""The house rule: a file includes its own folder and lower floors only; ISA flags and fast-math stay where they belong."""
import pathlib
import re
import sys

# Metrics are functions over arrays: data counts by their schemes of tags, heads answer by their argmax. The top three look
# down too: checks read briefs and plans, servers check.
FLOORS = [["base"], ["codec", "num"], ["net", "text", "tensor"], ["metric"], ["hub", "model", "data", "rules", "record"],
          ["train", "eval", "govern", "report"], ["flow"], ["check"], ["serve"]]
floor_of = {folder: i for i, floor in enumerate(FLOORS) for folder in floor}
problems = []
root = pathlib.Path(__file__).resolve().parent.parent
for path in sorted(root.glob("src/*/*.[ch]")) + sorted(root.glob("src/*/*.inc")):
    folder = path.parent.name
    if folder not in floor_of:
        problems.append(f"{path.relative_to(root)}: src/{folder} is not a floor of the house")
        continue
    if path.stem.endswith("_test"):
        continue
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        found = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        if not found:
            continue
        other = found.group(1).split("/")[0]
        if found.group(1) == "tenet.h":  # the installed header, implemented in src/serve
            continue
        if "/" not in found.group(1):
            problems.append(f"{path.relative_to(root)}:{number}: write \"{folder}/{found.group(1)}\": path is module")
        elif other != folder and floor_of.get(other, 99) >= floor_of[folder]:
            problems.append(f"{path.relative_to(root)}:{number}: {folder} may not look into {other}")
for path in [root / "meson.build", *root.glob("src/*/meson.build")]:
    text = path.read_text(encoding="utf-8")
    if "fast-math" in text:
        problems.append(f"{path.relative_to(root)}: fast-math is never used")
    if "-mavx" in text and path.parent.name != "num":
        problems.append(f"{path.relative_to(root)}: ISA flags belong to kernel files only")
print("\n".join(problems) or "includes keep to their floors")
sys.exit(bool(problems))
