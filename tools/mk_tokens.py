#!/usr/bin/env python3
"""Writes the small tokenizers tests/data/tokens-*.json and what tokenizers 0.23.3 makes of some texts, tokens-*.txt.

    python3 tools/mk_tokens.py        (in the repository's root; then TN_BLESS is not needed)

To add a text, add it to TEXTS and run this; without the package, write the text into the .txt file and run the test with
TN_BLESS=1: the diff is then our own answer, to be judged by a person.
"""
import base64
import json
import struct

import tokenizers
from tokenizers import Tokenizer

TEXTS = [
    "", " ", "chào bạn", "Chào  BẠN!", "Đà Nẵng đẹp, rất ĐẸP.", "cha\u0300o ba\u0323n", "unaffable thing", "unaffable???",
    "the cat", "\tthe\r\ncat\u3000 the", "the\u200bcat\x07\x00the", "中国the", "a中", "½ Ⅷ ﬁ ㎏ …", "İstanbul ΣΑΣ",
    "é e\u0301 e\u0323\u0302 ệ", "\u0301\u0323x", "각 \u1100\u1161\u11a8", "👍🏽 👩\u200d👧 🇻🇳", "क्षि", "ทำ", "[MASK] the",
    "the <mask>   cat", "x<mask>", "<s>the</s>", "Tag tag TAG tagged", "pre  ▁▁post", "zzzz the zzzz", "qqq\U0010fffdqq",
    "thethethethethethethethethethethe", "don't stop", "3.14 1,000", "a\u0300\u0316b", "\ufeffthe", "a\u2028b",
    "I'll say we've, she'd 'S 't", "  two   spaces ", "x\n\n y\t\tz", "the123abc½", " the the", "\u3000\u3000the", "thethe  ",
]


def charsmap():
    """A tiny Precompiled map as sentencepiece writes it: placed by hand, one block of 256 units a node."""
    rules = {"ﬁ": "fi", "½": "1⁄2", "\u3000": " ", "\t": " ", "…": "...", "\u200b": "", "e\u0301": "é", "e\u0323": "ẹ",
             "㎏": "kg", "\x07": "", "Ⅷ": "VIII"}
    blob, offset, nodes, root = b"", {}, [], {}
    for text in rules.values():
        if text not in offset:
            offset[text] = len(blob)
            blob += text.encode() + b"\0"
    for key, text in rules.items():
        node = root
        for byte in key.encode():
            node = node.setdefault(byte, {})
        node["leaf"] = offset[text]
    units, queue, block = {0: 0}, [(0, root)], 1
    while queue:
        at, node = queue.pop()
        target, block = block * 256, block + 1
        units[at] = (units[at] & 0xFF) | ((at ^ target) << 10) | ((1 << 8) if "leaf" in node else 0)
        for k, v in node.items():
            if k == "leaf":
                units[target] = v | 1 << 31
            else:
                units[target ^ k] = k
                queue.append((target ^ k, v))
    array = b"".join(struct.pack("<I", units.get(i, 0)) for i in range(block * 256))
    return base64.b64encode(struct.pack("<I", len(array)) + array + blob).decode()


def added(id, content, **flags):
    return {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
            "special": True, **flags}


def template(cls, sep, pair_type):
    seq = lambda s, t: {"Sequence": {"id": s, "type_id": t}}
    special = lambda s, t: {"SpecialToken": {"id": s[0], "type_id": t}}
    return {"type": "TemplateProcessing", "single": [special(cls, 0), seq("A", 0), special(sep, 0)],
            "pair": [special(cls, 0), seq("A", 0), special(sep, 0), seq("B", pair_type), special(sep, pair_type)],
            "special_tokens": {t: {"id": t, "ids": [i], "tokens": [t]} for t, i in (cls, sep)}}


def wordpiece():
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "chao", "ban", "the", "cat", "un", "##aff", "##able", "thing",
              "đ", "##a", "nang", "dep", "rat", "đep", "!", "?", ",", ".", "'", "don", "t", "stop", "a", "b", "e", "x", "##b",
              "中", "国", "3", "14", "1", "000", "tag", "##ged", "istanbul", "σας", "σασ", "각", "ᄀ", "##ᅡ", "##ᆨ", "½", "ⅷ",
              "##the"]
    return {"version": "1.0", "truncation": None, "padding": None,
            "added_tokens": [added(i, t) for i, t in enumerate(tokens[:5])]
            + [added(len(tokens), "Tag", normalized=True, special=False, single_word=True)],
            "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
                           "strip_accents": None, "lowercase": True},
            "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": template(("[CLS]", 2), ("[SEP]", 3), 1),
            "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
            "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                      "max_input_chars_per_word": 30, "vocab": {t: i for i, t in enumerate(tokens)}}}


PIECES = ["▁", "▁chào", "▁b", "ạn", "▁the", "the", "▁cat", "▁un", "aff", "able", "▁thing", "a", "b", "e", "é", "ẹ", "ệ", "x",
          "z", "zz", "▁Đà", "▁N", "ẵng", "▁đẹp", "▁r", "ất", ",", ".", "!", "?", "...", "▁1", "⁄", "2", "fi", "kg", "VI", "II",
          "中", "▁3", "1", "4", "0", "'", "t", "▁don", "▁stop", "\u0301", "\u0302", "\u0300", "▁pre", "post", "thethe", "🇻🇳"]


def unigram(byte_fallback):
    tokens = ["<s>", "<pad>", "</s>", "<unk>"] + PIECES + ([f"<0x{b:02X}>" for b in range(256)] if byte_fallback else []) + ["<mask>"]
    vocab = [[t, 0.0 if i < 4 else -2.0 - len(t) % 3 - i / 16] for i, t in enumerate(tokens)]
    steps = [{"type": "Precompiled", "precompiled_charsmap": charsmap()}] if not byte_fallback else [{"type": "Nmt"}, {"type": "NFKC"}]
    return {"version": "1.0", "truncation": None, "padding": None,
            "added_tokens": [added(i, t) for i, t in enumerate(tokens[:4])]
            + [added(len(tokens) - 1, "<mask>", lstrip=True), added(len(tokens), "Tag", normalized=True, rstrip=True, special=False)],
            "normalizer": {"type": "Sequence", "normalizers": [
                *steps, {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}]},
            "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first" if byte_fallback else "always",
                              "split": True},
            "post_processor": {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0], "trim_offsets": True,
                               "add_prefix_space": True} if byte_fallback else template(("<s>", 0), ("</s>", 2), 0),
            "decoder": {"type": "Sequence", "decoders": [
                {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0}]} if byte_fallback else
            {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
            "model": {"type": "Unigram", "unk_id": 3, "vocab": vocab, "byte_fallback": byte_fallback}}


def bpe():
    """Bytes, with merges that overlap: two ways to " the", one more to a token that another way has made already."""
    alphabet = [chr(c) for c in (*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x144))]
    merges = [["t", "h"], ["Ġ", "t"], ["th", "e"], ["Ġt", "he"], ["h", "e"], ["Ġ", "the"], ["Ġ", "Ġ"], ["ĠĠ", "Ġ"], ["Ċ", "Ċ"],
              ["'", "l"], ["'l", "l"], ["'", "ll"], ["l", "l"], ["á", "º"], ["áº", "¹"], ["Ã", "ł"], ["a", "Ģ"], ["c", "a"],
              ["ca", "t"], ["Ġ", "cat"], ["1", "2"], ["12", "3"], ["Ì", "Ģ"], ["Â", "½"], ["ã", "Ģ"], ["ãĢ", "Ģ"], ["a", "b"],
              ["b", "c"], ["ab", "c"], ["a", "bc"], ["the", "the"]]
    tokens = ["<s>", "<pad>", "</s>"] + list(dict.fromkeys(alphabet + ["".join(m) for m in merges])) + ["<mask>"]
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {"version": "1.0", "truncation": None, "padding": None,
            "added_tokens": [added(i, t) for i, t in enumerate(tokens[:3])]
            + [added(len(tokens) - 1, "<mask>", lstrip=True), added(len(tokens), "Tag", normalized=True, special=False)],
            "normalizer": {"type": "NFC"}, "pre_tokenizer": level,
            "post_processor": {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0], "trim_offsets": True,
                               "add_prefix_space": False},
            "decoder": level,
            "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "", "end_of_word_suffix": "",
                      "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                      "vocab": {t: i for i, t in enumerate(tokens)}, "merges": merges}}


for name, t in (("wordpiece", wordpiece()), ("unigram", unigram(False)), ("bytes", unigram(True)), ("bpe", bpe())):
    path = f"tests/data/tokens-{name}.json"
    with open(path, "w") as f:
        json.dump(t, f, ensure_ascii=False, separators=(",", ":"))
        f.write("\n")
    theirs = Tokenizer.from_file(path)
    with open(f"tests/data/tokens-{name}.txt", "w") as f:
        f.write(f"# text / ids / offsets / names / decoded.  tokens-{name}.json by tokenizers {tokenizers.__version__}, "
                "tools/mk_tokens.py; equal, no tolerance.\n")
        for text in TEXTS:
            e = theirs.encode(text)
            dump = lambda v: json.dumps(v, ensure_ascii=False, separators=(",", ":"))
            f.write("\n".join(["", dump(text), " ".join(map(str, e.ids)), " ".join(f"{a}-{b}" for a, b in e.offsets),
                               dump(e.tokens), dump(theirs.decode(e.ids, skip_special_tokens=True))]) + "\n")
