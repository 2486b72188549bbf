#!/usr/bin/env python3
"""Our codecs against Python's: json, PyYAML, csv, safetensors 0.8, zipfile, on good, broken and random files.

Where we are stricter on purpose, the case is listed here with its reason and checked to be refused."""
import csv, hashlib, io, json, os, random, struct, subprocess, sys, tempfile, zipfile, zlib
import numpy as np
import safetensors, safetensors.numpy, safetensors.torch, torch, yaml

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("TENET_BUILD", os.path.join(ROOT, "build"))
DUMP = os.path.join(BUILD, "tests", "codec_dump")
subprocess.run(["ninja", "-C", BUILD, "tests/codec_dump"], check=True, stdout=subprocess.DEVNULL)
rng = random.Random(20260101)
failures = 0


def check(ok, what):
    global failures
    if not ok:
        failures += 1
        print("FAIL", what if len(what) < 600 else what[:600] + "...")


def dump(command, texts):
    """Our answers for many files in one process: a string, or None when refused."""
    blobs = [t if isinstance(t, bytes) else t.encode() for t in texts]
    stdin = b"".join(struct.pack("<I", len(b)) + b for b in blobs)
    out = subprocess.run([DUMP, command, "-"], input=stdin, capture_output=True, check=True).stdout
    answers = out.decode().split("\n")[:-1]
    assert len(answers) == len(texts), (command, len(answers), len(texts))
    return [json.loads(a[3:]) if a.startswith("ok ") else None for a in answers]


ALPHABET = list("ab \"\\/:,{}[]#-&*!|>'%@`~.0123eE+\t\n") + ["é", "ế", "\u200b", "😀", "\u2028", "\x7f", "\x85"]


def random_text(n=8):
    return "".join(rng.choice(ALPHABET) for _ in range(rng.randrange(n)))


def random_value(depth=3):
    kind = rng.randrange(8 if depth else 6)
    if kind == 0:
        return rng.choice([None, True, False])
    if kind == 1:
        return rng.randrange(-10**rng.randrange(1, 20), 10**rng.randrange(1, 20))
    if kind == 2:
        return rng.choice([0.0, -0.0, 1.5, 1e300, 5e-324, rng.random(), rng.random() * 10.0**rng.randrange(-30, 30)])
    if kind < 6:
        return random_text()
    if kind == 6:
        return [random_value(depth - 1) for _ in range(rng.randrange(5))]
    return {random_text(): random_value(depth - 1) for _ in range(rng.randrange(5))}


def mutate(text):
    b = bytearray(text.encode() if isinstance(text, str) else text)
    for _ in range(rng.randrange(1, 3)):
        i = rng.randrange(len(b) + 1)
        r = rng.randrange(3)
        if r == 0 and b:
            del b[i % len(b)]
        elif r == 1:
            b.insert(i, rng.choice(b'{}[]",:0123456789-+.eE \n\\utrfan\x00\x1f\x80\xc3\xa9'))
        elif b:
            b[i % len(b)] = rng.randrange(256)
    return bytes(b)


def json_like_python(text):
    """Python's reading, or None where RFC 8259 and our rules refuse."""
    def pairs(p):
        if len({k for k, _ in p}) != len(p):
            raise ValueError("duplicate")
        return dict(p)
    def no(x):
        raise ValueError(x)
    try:
        t = text.decode("utf-8") if isinstance(text, bytes) else text
        if t.startswith("\ufeff"):
            t = t[1:]
        v = json.loads(t, object_pairs_hook=pairs, parse_constant=no)
        json.dumps(v, ensure_ascii=False).encode()  # lone surrogates have no UTF-8
        return (v,)
    except (ValueError, RecursionError):
        return None


def test_json():
    values = [random_value() for _ in range(3000)]
    texts = [json.dumps(v, ensure_ascii=rng.random() < .5, indent=rng.choice([None, 1])) for v in values]
    for v, ours in zip(values, dump("json", texts)):
        check(ours is not None and repr(json.loads(ours)) == repr(v), f"json value {v!r}: {ours!r}")
    for v, ours in zip(values, dump("json-write", texts)):
        check(ours is not None and repr(json.loads(ours)) == repr(v), f"json-write {v!r}: {ours!r}")
    broken = [mutate(t) for t in texts for _ in range(4)]
    accepted = 0
    for t, ours in zip(broken, dump("json", broken)):
        theirs = json_like_python(t)
        accepted += theirs is not None
        check((ours is None) == (theirs is None), f"json accept {t!r}: ours {ours!r}, Python {theirs!r}")
        if ours is not None and theirs is not None:
            check(repr(json.loads(ours)) == repr(theirs[0]), f"json broken {t!r}")
    print(f"json: {len(values)} values, {len(broken)} mutated texts, {accepted} of them still JSON: same verdicts")


class Core(yaml.SafeLoader):
    """PyYAML with the scalars of YAML 1.2's core schema; duplicate keys and other tags refused, keys as text."""


Core.yaml_implicit_resolvers = {}
def _resolver(tag, regex, first):
    import re
    Core.add_implicit_resolver(tag, re.compile(regex), first)
_resolver("tag:yaml.org,2002:null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""])
_resolver("tag:yaml.org,2002:bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF"))
_resolver("tag:yaml.org,2002:int", r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$", list("-+0123456789"))
_resolver("tag:yaml.org,2002:float", r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$", list("-+.0123456789"))
def _int(loader, node):
    s = node.value
    return int(s[2:], 8) if s.startswith("0o") else int(s, 16) if s.startswith("0x") else int(s)
def _float(loader, node):
    s = node.value.lower()
    return None if s.endswith(("inf", ".nan")) else float(s)
def _map(loader, node):
    out = {}
    for k, v in node.value:
        if not isinstance(k, yaml.ScalarNode):
            raise yaml.YAMLError("key")
        if k.value in out:
            raise yaml.YAMLError("duplicate")
        out[k.value] = loader.construct_object(v, deep=True)
    return out
Core.add_constructor("tag:yaml.org,2002:int", _int)
Core.add_constructor("tag:yaml.org,2002:float", _float)
Core.add_constructor("tag:yaml.org,2002:map", _map)


def test_yaml():
    values = [random_value() for _ in range(2500)]
    texts = [json.dumps(v, ensure_ascii=False) for v in values]
    written = dump("yaml-write", texts)
    for v, y in zip(values, written):
        check(y is not None and repr(yaml.load(y, Core)) == repr(v), f"yaml-write core {v!r}: {y!r}")
        # PyYAML as everybody calls it, YAML 1.1.
        check(y is not None and repr(yaml.safe_load(y)) == repr(v), f"yaml-write 1.1 {v!r}: {y!r}")
    for v, ours in zip(values, dump("yaml", written)):
        check(ours is not None and repr(json.loads(ours)) == repr(v), f"yaml back {v!r}: {ours!r}")
    for style in (None, True, False):
        dumped = [yaml.safe_dump(v, allow_unicode=True, default_flow_style=style, sort_keys=False) for v in values]
        for v, t, ours in zip(values, dumped, dump("yaml", dumped)):
            # 1.1 and 1.2 differ on 1e5 and the like; PyYAML writes those in a way both read
            check(ours is not None and repr(json.loads(ours)) == repr(yaml.load(t, Core)), f"yaml read {t!r}: {ours!r}")
    broken = [mutate(t) for t in written for _ in range(3)]
    differ = 0
    for t, ours in zip(broken, dump("yaml", broken)):
        try:
            text = t.decode()
            if "!" in text and json.loads(ours or '""') == "":
                continue  # a bare "!" makes a string by YAML 1.2, PyYAML resolves it
            theirs = (yaml.load(text, Core),)
        except (yaml.YAMLError, ValueError, RecursionError, TypeError):
            theirs = None
        if ours is not None and theirs is not None:
            check(json.dumps(json.loads(ours)) == json.dumps(theirs[0], default=str), f"yaml broken {t!r}: {ours!r} {theirs!r}")
        else:
            differ += (ours is None) != (theirs is None)
    # libyaml and PyYAML's own parser are two programs: they disagree on a few ill-formed texts (tabs, line ends).
    check(differ <= len(broken) // 50, f"yaml: {differ} of {len(broken)} mutated texts are judged differently")
    print(f"yaml: {len(values)} values written and read both ways, {len(broken)} mutated texts, {differ} judged differently")


def test_csv():
    rows = [[random_text() for _ in range(rng.randrange(1, 5))] for _ in range(4000)]
    rows = [r for r in rows if not any("\0" in f for f in r)]
    ours = dump("csv-write", [json.dumps([r]) for r in rows])
    for r, t in zip(rows, ours):
        back = list(csv.reader(io.StringIO(t, newline="")))
        check(back == [r], f"csv-write {r!r}: {t!r} {back!r}")
    texts = []
    # Python does not quote a line end that is not its own, so the CR file gets no fields with LF.
    no_lf = [[f.replace("\n", "") for f in r] for r in rows]
    sets = [(rows, "\n"), (rows, "\r\n"), (no_lf, "\r")]
    for rows_, end in sets:
        out = io.StringIO(newline="")
        csv.writer(out, lineterminator=end).writerows(rows_)
        texts.append(out.getvalue())
    for (want, _), t, o in zip(sets, texts, dump("csv", texts)):
        got = [json.loads(x) for x in (o or "").split("\n")[:-1]]
        check(got == want, f"csv read of Python's file: {[(x, y) for x, y in zip(got, want) if x != y][:2]}")
    broken = [mutate(",".join('"' + f.replace('"', '""') + '"' if rng.random() < .5 else f for f in r)) for r in rows]
    stricter = 0
    for t, o in zip(broken, dump("csv", broken)):
        try:
            text = t.decode()
            if text.startswith("\ufeff"):
                text = text[1:]
            theirs = [r for r in csv.reader(io.StringIO(text, newline=""), strict=True) if r]
        except (ValueError, csv.Error):
            theirs = None
        if o is not None:
            check(theirs is not None and [json.loads(x) for x in o.split("\n")[:-1]] == theirs, f"csv broken {t!r}: {o!r} {theirs!r}")
        else:
            stricter += theirs is not None
    # Stricter than csv(strict=True): NUL bytes.
    check(stricter <= sum(b"\0" in t for t in broken), f"csv: {stricter} texts refused that Python reads")
    print(f"csv: {len(rows)} rows both ways, {len(broken)} mutated texts, {stricter} refused for a NUL")


def st_file(header, n):
    h = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(h)) + h + bytes(rng.randrange(256) for _ in range(n))


def test_safetensors():
    files, names = [], ["a", "b", "", "tiếng", "x.y", "c\"d", "__m"]
    dtypes = {"BOOL": 8, "U8": 8, "I8": 8, "F16": 16, "BF16": 16, "I16": 16, "U16": 16, "F32": 32, "I32": 32, "U32": 32, "F64": 64, "I64": 64, "U64": 64}
    for _ in range(1500):
        header, at = {}, 0
        for n in rng.sample(names, rng.randrange(5)):
            d = rng.choice(list(dtypes))
            shape = [rng.randrange(4) for _ in range(rng.randrange(3))]
            size = dtypes[d] // 8 * int(np.prod(shape)) if shape else dtypes[d] // 8
            header[n] = {"dtype": d, "shape": shape, "data_offsets": [at, at + size]}
            at += size
        if rng.random() < .3:
            header["__metadata__"] = rng.choice([{"format": "pt"}, {}, None, {"a": 1}, []])
        if rng.random() < .5 and header:  # a lie
            e = header[rng.choice([k for k in header])]
            if isinstance(e, dict) and "shape" in e:
                what = rng.randrange(7)
                if what == 0: e["data_offsets"][rng.randrange(2)] += rng.choice([-1, 1, 4, 2**40])
                if what == 1: e["shape"].append(rng.choice([0, 1, 2, -1, 2**33, 2**62, 1.0, "1", None]))
                if what == 2: e["dtype"] = rng.choice(["f32", "F128", "F32", 1, None, "F4", "F8_E4M3", "C64"])
                if what == 3: del e[rng.choice(list(e))]
                if what == 4: e["extra"] = [1, {"x": None}]
                if what == 5: at += rng.choice([-1, 1])
                if what == 6: e["data_offsets"] = rng.choice([[0], [0, 0, 0], "0", [1, 0], None, {}])
        text = json.dumps(header, ensure_ascii=rng.random() < .5)
        if rng.random() < .2: text = rng.choice([" " + text, text + "   \n", text + "x", text[:-1]])
        files.append(st_file(text.encode(), max(at, 0)))
    files += [mutate(f) for f in files]
    ok = both = 0
    for f, ours in zip(files, dump("safetensors", files)):
        try:
            theirs = safetensors.deserialize(f)
        except Exception:
            theirs = None
        if ours is None and theirs is not None:
            n = struct.unpack("<Q", f[:8])[0]
            text = f[8:8 + n].decode()
            # Stricter: duplicate names, entries written as arrays, 2^63 and more, depth and texts that RFC 8259 refuses.
            reasons = json_like_python(text) is None or "9223372036854775" in text or any(isinstance(e, list) for e in json.loads(text).values())
            check(reasons, f"safetensors refused by us only: {f!r}")
        check(not (ours is not None and theirs is None), f"safetensors accepted by us only: {f!r}")
        both += ours is not None and theirs is not None
        if ours is not None and theirs is not None:
            want = sorted((n.encode(), d["dtype"], d["shape"], hashlib.sha256(bytes(d["data"])).hexdigest()) for n, d in theirs)
            lines = "".join(f"{n.decode()} {d}{' ' + 'x'.join(map(str, s)) if s else ''} {h}\n" for n, d, s, h in want)
            check(ours == lines, f"safetensors content {f!r}:\n{ours}\n{lines}")
    print(f"safetensors: {len(files)} files, {both} good for both: same verdicts and tensors")
    with tempfile.TemporaryDirectory() as d:
        tensors = {"w": np.arange(12, dtype=np.float32).reshape(3, 4), "b": np.ones(3, np.float16), "i": np.arange(3),
                   "m": np.array([True]), "s": np.array(2.0), "z": np.zeros((0, 4), np.float32), "u": np.arange(5, dtype=np.uint8)}
        a, b = os.path.join(d, "a"), os.path.join(d, "b")
        safetensors.numpy.save_file(tensors, a, {"format": "pt"})
        subprocess.run([DUMP, "st-write", a, b], check=True, capture_output=True)
        check(open(a, "rb").read() == open(b, "rb").read(), "safetensors: our file differs from the format's own writer")
        back = safetensors.numpy.load_file(b)
        check(all((back[k] == v).all() and back[k].dtype == v.dtype for k, v in tensors.items()), "safetensors: load_file")
        # Every dtype, in an order of its own: ours must put them as theirs does.
        kinds = ["bool", "uint8", "int8", "float8_e5m2", "float8_e4m3fn", "float8_e8m0fnu", "float8_e4m3fnuz", "float8_e5m2fnuz", "int16",
                 "uint16", "float16", "bfloat16", "int32", "uint32", "float32", "complex64", "float64", "int64", "uint64"]
        every = {k[::-1]: torch.zeros(64, dtype=torch.uint8).view(getattr(torch, k)) for k in kinds}
        safetensors.torch.save_file(every, a, {"format": "pt"})
        subprocess.run([DUMP, "st-write", a, b], check=True, capture_output=True)
        check(open(a, "rb").read() == open(b, "rb").read(), "safetensors: the order of dtypes differs")
    print("safetensors: our writer gives the bytes of theirs")


def test_zip():
    files = []
    for _ in range(400):
        b = io.BytesIO()
        with zipfile.ZipFile(b, "w", rng.choice([0, 8])) as z:
            for i in range(rng.randrange(4)):
                z.writestr(zipfile.ZipInfo(f"d{i}/f{rng.randrange(9)}", (2026, 1, 1, 0, 0, 0)), random_text(2000), rng.choice([0, 8]))
        files.append(b.getvalue())
    mutated = [mutate(f) for f in files for _ in range(4)]
    both = 0
    for f, ours in zip(files + mutated, dump("zip", files + mutated)):
        try:
            with zipfile.ZipFile(io.BytesIO(f)) as z:
                theirs = "".join(f"{i.filename} {i.file_size} {hashlib.sha256(z.read(i)).hexdigest()}\n" for i in z.infolist())
        except Exception:
            theirs = None
        check(ours is not None or f not in files, "zip: a good archive is refused")
        if ours is not None:
            check(ours == theirs, f"zip content {f[-200:]!r}:\n{ours}\n{theirs}")
            both += 1
    print(f"zip: {len(files)} archives and {len(mutated)} mutated ones, {both} read, each as zipfile reads it")


for test in (test_json, test_yaml, test_csv, test_safetensors, test_zip):
    test()
print("codec parity:", "FAILED" if failures else "ok")
sys.exit(1 if failures else 0)
