#!/usr/bin/env python3
"""Writes src/text/unicode_tables.c: what the tokenizers package thinks of every code point.

The package carries several versions of Unicode at once (classes of one, normalisation forms of an older one), so the
tables are not copied from a Unicode release: each code point is put through the package and the answer is recorded.
Only what cannot be asked that way (combining class, grapheme break) comes from unicodedata2 and regex, and is then
checked against the package as far as it lets itself be asked.

    python3 tools/mk_unicode.py src/text/unicode_tables.c     (under a minute)

Needs: tokenizers 0.23.3, unicodedata2 16.0.0, regex.
"""
import base64
import struct
import sys

import regex
import tokenizers
import unicodedata2 as ud
from tokenizers import AddedToken, Tokenizer, models, normalizers as N, pre_tokenizers as P

CPS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
HANGUL = range(0xAC00, 0xAC00 + 11172)

FLAGS = ["BERT_DROP", "SPACE", "MN", "COMBINING", "PUNCT", "NUMERIC", "WORD",
         "NFD_UNSAFE", "NFKD_UNSAFE", "NFC_UNSAFE", "NFKC_UNSAFE", "CASED", "GPT_LETTER", "GPT_NUMBER"]
GCB = ["Other", "CR", "LF", "Control", "Extend", "ZWJ", "Regional_Indicator", "Prepend", "SpacingMark",
       "L", "V", "T", "LV", "LVT", "Extended_Pictographic"]
INCB = ["None", "Consonant", "Linker", "Extend"]


def darts(mapping):
    """A Darts double array over {bytes: replacement}, by the plainest placement, as a Precompiled normaliser."""
    blob, offset = b"", {}
    for value in mapping.values():
        if value not in offset:
            offset[value] = len(blob)
            blob += value.encode() + b"\0"
    root = {}
    for key, value in mapping.items():
        node = root
        for byte in key:
            node = node.setdefault(byte, {})
        node[None] = offset[value]
    units, used, queue = {0: 0}, {0}, [(0, root)]
    next_base = 1
    while queue:
        at, node = queue.pop()
        labels = [b for b in node if b is not None]
        slots = [0 if b is None else b for b in node]
        base = next_base
        while any((base * 256) ^ s in used for s in slots):
            base += 1
        next_base = base + 1
        target = base * 256
        rel = at ^ target
        unit = units[at] & 0xFF
        if None in node:
            unit |= 1 << 8
        units[at] = unit | (rel >> 8) << 10 | 1 << 9 if rel >= 1 << 21 else unit | rel << 10
        for s in slots:
            used.add(target ^ s)
        if None in node:
            units[target] = node[None] | 1 << 31
        for b in labels:
            units[target ^ b] = b
            queue.append((target ^ b, node[b]))
    size = max(units) + 256
    array = b"".join(struct.pack("<I", units.get(i, 0)) for i in range(size))
    return N.Precompiled(struct.pack("<I", len(array)) + array + blob)


def probe_classes():
    clean = N.BertNormalizer(clean_text=True, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    accents = N.BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False)
    strip, marks, lower = N.Strip(), N.StripAccents(), N.Lowercase()
    punct, bert, digits, white = P.Punctuation(), P.BertPreTokenizer(), P.Digits(), P.Whitespace()
    split, gpt = P.WhitespaceSplit(), P.ByteLevel(add_prefix_space=False, use_regex=True)
    single = Tokenizer(models.WordLevel({"u": 0}, unk_token="u"))
    single.add_tokens([AddedToken("zz", single_word=True, normalized=False)])
    zz = single.token_to_id("zz")
    flags, low = {}, {}
    for c in CPS:
        s, f = chr(c), set()
        if clean.normalize_str(s) == "":
            f.add("BERT_DROP")
        if strip.normalize_str(s) == "":
            f.add("SPACE")
        if accents.normalize_str(s) == "":
            f.add("MN")
        if marks.normalize_str(s) == "":
            f.add("COMBINING")
        word = "a" + s + "a"
        if len(punct.pre_tokenize_str(word)) == 3:
            f.add("PUNCT")
        if len(digits.pre_tokenize_str(word)) == 3:
            f.add("NUMERIC")
        pieces = white.pre_tokenize_str(word)
        if len(pieces) == 1:
            f.add("WORD")
        # The same questions asked elsewhere must have the same answers; the C code relies on it.
        assert (len(pieces) == 2) == ("SPACE" in f), hex(c)
        assert (len(split.pre_tokenize_str(word)) == 2) == ("SPACE" in f), hex(c)
        assert (len(bert.pre_tokenize_str(word)) == 3) == ("PUNCT" in f), hex(c)
        assert (zz not in single.encode("zz" + s).ids) == ("WORD" in f), hex(c)
        # ByteLevel's pattern asks another library, of another Unicode: it joins what is of one class.
        joins = [len(gpt.pre_tokenize_str(x + s)) == 1 for x in "a1!"]
        if joins[0]:
            f.add("GPT_LETTER")
        if joins[1]:
            f.add("GPT_NUMBER")
        assert sum(joins) == ("SPACE" not in f), hex(c)
        flags[c] = f
        l = lower.normalize_str(s)
        if l != s:
            f.add("CASED")
            low[c] = [ord(x) for x in l]
    return flags, low


def probe_forms(flags):
    nfd, nfkd, nfc, nfkc = N.NFD(), N.NFKD(), N.NFC(), N.NFKC()
    ccc, canon, compat, pairs = {}, {}, {}, {}
    for c in CPS:
        s = chr(c)
        k = ud.combining(s)
        if k:
            # The older table knows the class only if it moves the mark.
            moved = (nfd.normalize_str("\u0345" + s) != "\u0345" + nfd.normalize_str(s) if k < 240
                     else nfd.normalize_str(s + "\u0334") != nfd.normalize_str(s) + "\u0334")
            if moved:
                ccc[c] = k
        if c in HANGUL:
            continue
        d, kd = nfd.normalize_str(s), nfkd.normalize_str(s)
        if d != s:
            canon[c] = [ord(x) for x in d]
        if kd != s:
            compat[c] = [ord(x) for x in kd]
        raw = ud.decomposition(s)
        if raw and not raw.startswith("<"):
            parts = [int(x, 16) for x in raw.split()]
            if len(parts) == 2 and nfc.normalize_str("".join(map(chr, parts))) == s:
                pairs[tuple(parts)] = c
    # Every composition of the package is one of these: asked the other way round.
    assert all(c in pairs.values() for c in canon if nfc.normalize_str(chr(c)) == chr(c))
    seconds = {b for _, b in pairs} | set(range(0x1161, 0x1176)) | set(range(0x11A8, 0x11C3))
    for c in CPS:
        s, f = chr(c), flags[c]
        if c in ccc or nfd.normalize_str(s) != s:
            f.add("NFD_UNSAFE")
        if c in ccc or nfkd.normalize_str(s) != s:
            f.add("NFKD_UNSAFE")
        if c in ccc or c in seconds or nfc.normalize_str(s) != s:
            f.add("NFC_UNSAFE")
        if c in ccc or c in seconds or nfkc.normalize_str(s) != s:
            f.add("NFKC_UNSAFE")
    return ccc, canon, compat, pairs


def probe_graphemes():
    """Grapheme break classes by regex, corrected where the package says otherwise."""
    gcb, incb = {}, {}
    for name in GCB[1:]:
        prop = "Extended_Pictographic" if name == "Extended_Pictographic" else "GCB=" + name
        r = regex.compile(r"\p{%s}" % prop)
        for c in CPS:
            if r.match(chr(c)):
                gcb.setdefault(c, name)
    for name in INCB[1:]:
        r = regex.compile(r"\p{InCB=%s}" % name)
        for c in CPS:
            if r.match(chr(c)):
                incb[c] = name
    after = darts({b"a": "X"})
    whole = darts({bytes([b]): "Y" for b in range(0xC2, 0xF5)})
    wrong = []
    for c in CPS:
        s = chr(c)
        if c == 0x61:
            continue
        joins = after.normalize_str("a" + s) == "X"
        if joins != (gcb.get(c) in ("Extend", "ZWJ", "SpacingMark")):
            wrong.append((c, "extends" if joins else "does not extend", gcb.get(c)))
            if joins:  # a newer or older mark: spacing or not, by category
                gcb[c] = "SpacingMark" if ud.category(s) == "Mc" else "Extend"
            else:
                gcb.pop(c, None)
                incb.pop(c, None)
        prepends = after.normalize_str(s + "a\u0301").endswith("\u0301")
        if prepends != (gcb.get(c) == "Prepend"):
            wrong.append((c, "prepends" if prepends else "does not prepend", gcb.get(c)))
            if prepends:
                gcb[c] = "Prepend"
            else:
                gcb.pop(c, None)
        if 0x80 <= c < 0x10000:
            control = whole.normalize_str(s + "\u0301") == "YY"
            if control != (gcb.get(c) == "Control"):
                wrong.append((c, "breaks" if control else "does not break", gcb.get(c)))
                if control:
                    gcb[c] = "Control"
                else:
                    gcb.pop(c, None)
    # Conjuncts and emoji: does the sequence join the letter behind it? If so its accent is not swallowed.
    for c in CPS:
        s = chr(c)
        asked = {"Consonant": s + "\u094d\u0915", "Linker": "\u0915" + s + "\u0915",
                 "Extend": "\u0915" + s + "\u094d\u0915"}
        if gcb.get(c) in ("Prepend", "L", "V", "T", "LV", "LVT", "Control", "CR", "LF") or c < 0x80:
            continue
        found = [k for k, v in asked.items() if whole.normalize_str(v + "\u0301").count("Y") == len(v) + 1]
        says = "Linker" if "Linker" in found else found[0] if found else None
        if says == "Extend" and gcb.get(c) not in ("Extend", "ZWJ"):
            says = None
        if says != incb.get(c):
            wrong.append((c, f"InCB {says}", incb.get(c)))
            incb[c] = says or "None"
        pict = whole.normalize_str(s + "\u200d\u00a9\u0301").count("Y") == 4
        if pict != (gcb.get(c) == "Extended_Pictographic"):
            wrong.append((c, "is pictographic" if pict else "is not pictographic", gcb.get(c)))
            if pict:
                gcb[c] = "Extended_Pictographic"
            elif gcb.get(c) == "Extended_Pictographic":
                gcb.pop(c)
    for c, says, had in wrong:
        print(f"  U+{c:04X} {says}; regex said {had}", file=sys.stderr)
    return gcb, incb


def trie(values, shift=7):
    """Two-level table over all code points: (first, blocks). Equal blocks are shared."""
    size, seen, first, blocks = 1 << shift, {}, [], []
    for base in range(0, 0x110000, size):
        block = tuple(values.get(c, 0) for c in range(base, base + size))
        if block not in seen:
            seen[block] = len(blocks)
            blocks.append(block)
        first.append(seen[block])
    return first, [v for b in blocks for v in b]


def array(out, ctype, name, values):
    out.append(f"const {ctype} {name}[{len(values)}] = {{")
    line = "   "
    for v in values:
        word = f" {v},"
        if len(line) + len(word) > 118:
            out.append(line)
            line = "   "
        line += word
    out += [line, "};"]


def main():
    flags, low = probe_classes()
    ccc, canon, compat, pairs = probe_forms(flags)
    gcb, incb = probe_graphemes()

    records, ids = [], {}
    for c in range(0x110000):
        bits = sum(1 << i for i, f in enumerate(FLAGS) if f in flags.get(c, ()))
        key = (bits, GCB.index(gcb.get(c, "Other")) | INCB.index(incb.get(c, "None")) << 4, ccc.get(c, 0))
        if key not in records:
            records.append(key)
        ids[c] = records.index(key)
    # Record 0 must be the most common one, so that absent blocks are zero.
    assert len(records) <= 256, len(records)

    pool, place = [], {}

    def put(seq):
        t = tuple(seq)
        if t not in place:
            place[t] = len(pool)
            pool.extend(t)
        return place[t] << 5 | len(t)

    forms, form_ids = [(0, 0)], {}
    for c in sorted(set(canon) | set(compat)):
        forms.append((put(canon[c]) if c in canon else 0, put(compat[c]) if c in compat else 0))
        form_ids[c] = len(forms) - 1
    deltas, delta_ids = [0], {}
    for c, l in low.items():
        if len(l) != 1:
            assert (c, l) == (0x130, [0x69, 0x307])  # written out in unicode.c
            continue
        d = l[0] - c
        if d not in deltas:
            deltas.append(d)
        delta_ids[c] = deltas.index(d)
    assert len(deltas) <= 256

    out = ["/* Written by tools/mk_unicode.py from tokenizers " + tokenizers.__version__ + ", unicodedata2 "
           + ud.unidata_version + f", regex {regex.__version__}. Do not edit. */",
           '#include "text/unicode_tables.h"', ""]
    first, second = trie(ids)
    array(out, "uint16_t", "tn_uc_class_first", first)
    array(out, "uint8_t", "tn_uc_class_second", second)
    out.append(f"const tn_uc_record tn_uc_records[{len(records)}] = {{")
    out += [f"    {{{a}, {b}, {c}}}," for a, b, c in records] + ["};"]
    first, second = trie(form_ids)
    array(out, "uint16_t", "tn_uc_form_first", first)
    array(out, "uint16_t", "tn_uc_form_second", second)
    array(out, "uint32_t", "tn_uc_form_canon", [a for a, _ in forms])
    array(out, "uint32_t", "tn_uc_form_compat", [b for _, b in forms])
    array(out, "uint32_t", "tn_uc_form_pool", pool)
    first, second = trie(delta_ids)
    array(out, "uint16_t", "tn_uc_lower_first", first)
    array(out, "uint8_t", "tn_uc_lower_second", second)
    array(out, "int32_t", "tn_uc_lower_delta", deltas)
    items = sorted(pairs.items())
    array(out, "uint64_t", "tn_uc_pair_key", [f"{a << 32 | b:#x}" for (a, b), _ in items])
    array(out, "uint32_t", "tn_uc_pair_value", [v for _, v in items])
    out.append(f"const uint32_t tn_uc_n_pairs = {len(items)};")
    with open(sys.argv[1], "w") as f:
        f.write("\n".join(out) + "\n")
    print(f"{len(records)} records, {len(forms)} forms, {len(pool)} pooled, {len(deltas)} deltas, {len(items)} pairs",
          file=sys.stderr)


main()
