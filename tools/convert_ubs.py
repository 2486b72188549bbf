#!/usr/bin/env python3
"""Turns the fastText files of the UBS data set into CSV for a sentiment brief.

usage: convert_ubs.py FOLDER OUT_FOLDER
FOLDER holds train.txt and test.txt, lines of `__label__ASPECT#sentiment ... text`. A post can name several aspects; the
sentiment task keeps posts whose aspects all carry the same sentiment and says on stderr how many it left out.
OUT_FOLDER gets train.csv and test.csv with id, aspects, text, label.
"""
import csv
import pathlib
import re
import sys


def convert(source, target):
    kept = mixed = 0
    with open(source, encoding="utf-8") as lines, open(target, "w", encoding="utf-8", newline="") as out:
        table = csv.writer(out)
        table.writerow(["id", "aspects", "text", "label"])
        for number, line in enumerate(lines, 1):
            labels = re.match(r"((?:__label__\S+\s*)+)(.*)", line.strip())
            if not labels:
                raise SystemExit(f"{source}:{number}: no __label__ at the start of the line")
            pairs = [name.removeprefix("__label__").rsplit("#", 1) for name in labels.group(1).split()]
            sentiments = {sentiment for _, sentiment in pairs}
            if len(sentiments) != 1:
                mixed += 1
                continue
            kept += 1
            table.writerow([f"{source.stem}-{number}", " ".join(aspect for aspect, _ in pairs), labels.group(2), sentiments.pop()])
    print(f"{target}: {kept} posts, {mixed} with mixed sentiments left out", file=sys.stderr)


def main():
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    source, target = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    target.mkdir(parents=True, exist_ok=True)
    for split in ("train", "test"):
        convert(source / f"{split}.txt", target / f"{split}.csv")


main()
