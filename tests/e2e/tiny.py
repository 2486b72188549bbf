"""A tiny BERT (2 layers, 64 wide) with random weights and a small WordPiece vocabulary, written without any library."""
import json
import random
import struct


def write_safetensors(path, tensors):
    header, offset, data = {}, 0, b""
    for name, (shape, values) in sorted(tensors.items()):
        raw = struct.pack(f"<{len(values)}f", *values)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + len(raw)]}
        offset += len(raw)
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def write_tiny_model(folder, texts, layers=2, width=64, heads=4, inner=128, positions=128):
    folder.mkdir(parents=True, exist_ok=True)
    letters = sorted({c for t in texts for c in t.lower() if not c.isspace()})
    words = sorted({w for t in texts for w in t.lower().split() if w.isalpha()})[:400]
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *dict.fromkeys([*letters, *("##" + c for c in letters), *words])]
    rng = random.Random(0)

    def normal(*shape):
        n = 1
        for d in shape:
            n *= d
        return list(shape), [rng.gauss(0, 0.08) for _ in range(n)]

    def const(value, n):
        return [n], [value] * n

    t = {"embeddings.word_embeddings.weight": normal(len(vocab), width), "embeddings.position_embeddings.weight": normal(positions, width),
         "embeddings.token_type_embeddings.weight": normal(2, width), "embeddings.LayerNorm.weight": const(1, width),
         "embeddings.LayerNorm.bias": const(0, width), "pooler.dense.weight": normal(width, width), "pooler.dense.bias": const(0, width)}
    for i in range(layers):
        p = f"encoder.layer.{i}."
        for name, rows, columns in [("attention.self.query", width, width), ("attention.self.key", width, width), ("attention.self.value", width, width),
                                    ("attention.output.dense", width, width), ("intermediate.dense", inner, width), ("output.dense", width, inner)]:
            t[p + name + ".weight"] = normal(rows, columns)
            t[p + name + ".bias"] = const(0, rows)
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            t[p + name + ".weight"] = const(1, width)
            t[p + name + ".bias"] = const(0, width)
    write_safetensors(folder / "model.safetensors", t)
    (folder / "config.json").write_text(json.dumps({
        "architectures": ["BertModel"], "model_type": "bert", "hidden_size": width, "num_hidden_layers": layers, "num_attention_heads": heads,
        "intermediate_size": inner, "vocab_size": len(vocab), "max_position_embeddings": positions, "type_vocab_size": 2, "hidden_act": "gelu"}))
    added = [{"id": i, "content": w, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
             for i, w in enumerate(vocab[:5])]
    (folder / "tokenizer.json").write_text(json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": False, "lowercase": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "TemplateProcessing",
                           "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
                           "pair": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
                                    {"Sequence": {"id": "B", "type_id": 1}}, {"SpecialToken": {"id": "[SEP]", "type_id": 1}}],
                           "special_tokens": {w: {"id": w, "ids": [vocab.index(w)], "tokens": [w]} for w in ("[CLS]", "[SEP]")}},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
                  "vocab": {w: i for i, w in enumerate(vocab)}}}, ensure_ascii=False))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer", "model_max_length": positions, "do_lower_case": True}))
    (folder / "special_tokens_map.json").write_text(json.dumps({"unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]", "mask_token": "[MASK]"}))
    (folder / "README.md").write_text("---\nlicense: cc0-1.0\n---\n")


def write_small_job(folder, root, rows=160, recipe="{epochs: 2, batch_size: 8}", extra=""):
    """reviews.csv (the first rows of the example), brief.md and the tiny model, in a folder."""
    import csv
    table = list(csv.DictReader(open(root / "examples/vietnamese-reviews/reviews.csv", encoding="utf-8", newline="")))[:rows]
    with open(folder / "reviews.csv", "w", encoding="utf-8", newline="") as out:
        w = csv.DictWriter(out, table[0].keys(), lineterminator="\n")
        w.writeheader()
        w.writerows(table)
    (folder / "README.md").write_text("---\nlicense: cc0-1.0\n---\n")
    write_tiny_model(folder / "tiny", [r["review"] for r in table])
    prose = (root / "examples/vietnamese-reviews/brief.md").read_text(encoding="utf-8").split("---\n", 2)[2]
    (folder / "brief.md").write_text(f"---\ndata: reviews.csv\nmodel: tiny\nrecipe: {recipe}\n{extra}---\n{prose}", encoding="utf-8")
    return folder / "brief.md"
