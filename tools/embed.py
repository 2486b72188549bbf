#!/usr/bin/env python3
"""Compiles text files in: writes C source that holds each file's bytes, sorted by name. usage: embed.py OUT.c NAME FILE..."""
import pathlib
import sys

out, symbol, files = sys.argv[1], sys.argv[2], sorted(sys.argv[3:], key=lambda f: pathlib.Path(f).name)
with open(out, "w", encoding="ascii") as c:
    c.write('#include "rules/embedded.h"\n\n')
    for i, name in enumerate(files):
        data = pathlib.Path(name).read_bytes()
        c.write(f"static const char file{i}[] = {{\n")
        for at in range(0, len(data), 32):
            c.write(",".join(str(b if b < 128 else b - 256) for b in data[at:at + 32]) + ",\n")
        c.write("0};\n")
    c.write(f"const tn_embedded {symbol}[] = {{\n")
    for i, name in enumerate(files):
        c.write(f'    {{"{pathlib.Path(name).name}", {{file{i}, sizeof file{i} - 1}}}},\n')
    c.write("    {NULL, {NULL, 0}},\n};\n")
