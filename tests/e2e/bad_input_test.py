"""Bad input ends with one sentence that says what, where and what next, the right exit code, and nothing half-written."""
import random
import shutil

from common import *
from tiny import write_small_job

work = folder()
brief = write_small_job(work, ROOT, rows=60, recipe="{epochs: 1, batch_size: 8}")
good = (work / "reviews.csv").read_bytes()
rows = good.decode().splitlines(keepends=True)


def refused(code, *said, out="out"):
    done = run("run", brief, "--out", work / out, "--yes", "--quiet", check=False)
    text = done.stderr
    assert done.returncode == code, (done.returncode, code, text)
    for words in said:
        assert words in text, (words, text)
    assert "Traceback" not in text and "internal error" not in text and len(text) < 3000
    assert not list(work.glob(f"{out}/**/*.tmp")), "a half-written file is left"
    shutil.rmtree(work / out, ignore_errors=True)


def with_data(data, code, *said):
    (work / "reviews.csv").write_bytes(data if isinstance(data, bytes) else data.encode())
    refused(code, *said)
    (work / "reviews.csv").write_bytes(good)


with_data("", 2, "reviews.csv", "empty")
with_data(rows[0], 2, "reviews.csv")
with_data("".join(rows[:2]), 2, "reviews.csv")
with_data("".join([rows[0], *[r for r in rows[1:] if r.rstrip().endswith("negative")]]), 2, "class")
with_data("id,amount,label\n" + "".join(f"r{i},{i},{'ab'[i % 2]}\n" for i in range(60)), 2, "text", "amount")
with_data(rows[0] + "".join(f"r{i},a,2025-01-01,,positive\n" for i in range(30)), 2, "text")
with_data(rows[0] + "r1,a,2025-01-01," + "x" * (2 << 20) + ",positive\n" + "".join(rows[1:]), 2, "reviews.csv:2")
with_data("".join([rows[0], rows[1], rows[1], *rows[2:]]), 2, "reviews.csv:3")
with_data(good + b"r9,a,2025-01-01,\xff\xfe,positive\n", 2, "reviews.csv:62")
with_data(good + b'r9,a,2025-01-01,"never closed,positive\n', 2, "reviews.csv:62")

# Labels that training never shows.
(work / "train.csv").write_text("".join(r for r in rows if not r.rstrip().endswith("neutral")))
(work / "test.csv").write_text("".join([rows[0], *[r for r in rows[1:] if r.rstrip().endswith("neutral")][:5]]))
text = brief.read_text()
brief.write_text(text.replace("data: reviews.csv", "data: {train: train.csv, test: test.csv}"))
refused(2, "neutral")
for front, said in [("data: nowhere.csv", "nowhere.csv"), ("dta: reviews.csv", "dta"), ("data: {train: train.csv, tset: test.csv}", "tset"), ("data: [a", "brief.md")]:
    brief.write_text(text.replace("data: reviews.csv", front))
    refused(2, said)
brief.write_text(text.replace("{epochs: 1,", "{epochs: many,"))
refused(2, "recipe/epochs")
# What is stated is taken up or refused, before any work.
for old, new, said in [("{epochs: 1,", "{epoch: 9,", 'brief.md:4: recipe has no setting "epoch"'), ("recipe:", "use: fun\nrecipe:", "commercial or research"),
                       ("recipe:", "target: {macrof1: 0.9}\nrecipe:", "macrof1"), ("recipe:", "budget: {minutes: ten}\nrecipe:", "budget must be"),
                       ("{epochs: 1,", "{epochs: 1, learning_rate: 7,", "recipe/learning_rate"),
                       ("{epochs: 1,", "{epochs: 1, seeds: [1, 1],", "recipe/seeds")]:
    brief.write_text(text.replace(old, new))
    refused(2, said)
for budget in ("{minutes: 0.1}", "{memory: 1MB}"):
    brief.write_text(text.replace("recipe:", f"budget: {budget}\nrecipe:"))
    refused(1, "constraint-compute")
brief.write_text("---\ndata: reviews.csv\n---\nTask: make tea\n")
refused(1, "constraint-task")
brief.write_text("---\ndata: reviews.csv\n---\nTask: transcribe phone calls in Danish\n")
refused(1, "automatic-speech-recognition")
brief.write_text(text)

# Checkpoints that lie.
weights = (work / "tiny/model.safetensors").read_bytes()
rng = random.Random(3)
for broken in [b"", weights[:7], weights[:100], weights[:-1], weights + b"x", b"\xff" * 8 + weights[8:], bytes(rng.randrange(256) for _ in range(4096))]:
    (work / "tiny/model.safetensors").write_bytes(broken)
    refused(2, "safetensors")
(work / "tiny/model.safetensors").unlink()
refused(2, "model.safetensors")
(work / "tiny/pytorch_model.bin").write_bytes(b"\x80\x02")
refused(2, "tiny")
(work / "tiny/pytorch_model.bin").unlink()
(work / "tiny/model.safetensors").write_bytes(weights)
for name, replace, said in [("config.json", ('"model_type": "bert"', '"model_type": "nobody"'), "nobody"), ("config.json", ('"hidden_size": 64', '"hidden_size": 96'), "tiny"),
                            ("config.json", ('{', '{"auto_map": {"AutoModel": "x.Y"}, '), "auto_map"), ("tokenizer.json", ('"WordPiece", "unk', '"Magic", "unk'), "Magic"),
                            ("tokenizer.json", ('"unk_token": "[UNK]"', '"unk_token": "[NONE]"'), "tokenizer.json")]:
    path = work / "tiny" / name
    kept = path.read_text()
    assert replace[0] in kept, replace
    path.write_text(kept.replace(*replace, 1))
    refused(2, said)
    path.write_text(kept)

# A full disk: a small file system that runs out while tuning. Needs to mount one; otherwise that part is left out.
small = work / "small"
small.mkdir()
if os.geteuid() == 0 and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=700k", "tmpfs", str(small)], capture_output=True).returncode == 0:
    try:
        done = run("run", brief, "--out", small / "out", "--yes", "--quiet", check=False)
        assert done.returncode == 3 and "No space left" in done.stderr, (done.returncode, done.stderr)
        assert not list(small.glob("**/*.tmp")), "a half-written file is left"
    finally:
        subprocess.run(["umount", str(small)], check=True)
print("bad input is refused with a sentence")
