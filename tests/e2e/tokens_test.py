"""Token classification from end to end on a tiny model: run, verify, predict texts and files, serve; lying files are refused."""
import json
import pathlib
import random
import subprocess
import tempfile
import unittest

from common import ROOT, TENET
from tiny import write_tiny_model

WORDS = "the a of in saw met and went to from yesterday today shop bank river".split()
NAMES, PLACES = [f"Name{c}" for c in "abcdefghij"], [f"Place{c}" for c in "abcdefghij"]


def sentence(rng):
    rows = [(rng.choice(WORDS), "O") for _ in range(rng.randrange(3, 7))]
    for names, kind in ((NAMES, "person"), (PLACES, "location")):
        if rng.random() < 0.7:
            at = rng.randrange(len(rows) + 1)
            rows[at:at] = [(rng.choice(names), f"B-{kind}"), (rng.choice(names), f"I-{kind}")][: rng.randrange(1, 3)]
    return rows


def write_job(folder):
    rng = random.Random(4)
    (folder / "ner").mkdir()
    texts = []
    for part, n in (("train", 120), ("dev", 40), ("test", 40)):
        rows = [sentence(rng) for _ in range(n)]
        texts += [" ".join(w for w, _ in r) for r in rows]
        (folder / f"ner/{part}.conll").write_text("\n".join("".join(f"{w}\t{t}\n" for w, t in r) for r in rows), encoding="utf-8")
    (folder / "ner/README.md").write_text("---\nlicense: cc0-1.0\n---\n")
    write_tiny_model(folder / "tiny", texts)
    (folder / "brief.md").write_text("---\ndata: ner\nmodel: tiny\nrecipe: {epochs: 3, batch_size: 8, learning_rate: 2e-3}\n---\n"
                                     "Task: Fine-tune a named entity recognition model for English.\nWhy it matters: Names are looked up by hand.\n"
                                     "Where this applies: Research prototype on a laptop.\nWhen this is needed: Early experimentation.\n")


def tenet(folder, *args, **options):
    return subprocess.run([TENET, *map(str, args)], cwd=folder, capture_output=True, text=True, timeout=120, **options)


class Tokens(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temp = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temp.name)
        write_job(cls.folder)
        cls.run_ = tenet(cls.folder, "run", "brief.md", "--out", "run", "--quiet")

    @classmethod
    def tearDownClass(cls):
        cls.temp.cleanup()

    def test_the_run_is_whole(self):
        self.assertEqual(self.run_.returncode, 0, self.run_.stderr)
        run = self.folder / "run"
        metrics = json.loads((run / "eval/metrics.json").read_text())
        self.assertEqual(list(metrics["baselines"]), ["frequent", "tagger", "probe"])
        for part in (metrics["test"], *metrics["baselines"].values()):
            for name in ("span_f1", "span_strict_f1", "word_accuracy"):
                low, high = (part["intervals"][name][k] for k in ("low", "high"))
                self.assertTrue(low <= part[name] <= high)
        self.assertEqual([c["label"] for c in metrics["test"]["per_class"]], ["location", "person"])
        self.assertEqual(metrics["test"]["scheme"], "IOB2")
        config = json.loads((run / "deploy/model/config.json").read_text())
        self.assertEqual(config["architectures"], ["BertForTokenClassification"])
        self.assertIn("span_f1", (run / "tune/evals.jsonl").read_text())
        verified = tenet(self.folder, "verify", "run")
        self.assertEqual(verified.returncode, 0, verified.stdout + verified.stderr)
        predictions = run / "eval/predictions.csv"
        if predictions.exists():
            predictions.write_text(predictions.read_text().replace("O O", "O B-person", 1))
            self.assertEqual(tenet(self.folder, "verify", "run").returncode, 1)

    def test_threads_and_instruction_sets_give_the_same_bytes(self):
        again = tenet(self.folder, "run", "brief.md", "--out", "again", "--quiet", "--threads", "1", "--isa", "avx2")
        self.assertEqual(again.returncode, 0, again.stderr)
        for name in ("eval/metrics.json", "tune/steps.jsonl", "tune/evals.jsonl", "eval/errors.csv", "data/split.csv"):
            self.assertEqual((self.folder / "again" / name).read_bytes(), (self.folder / "run" / name).read_bytes(), name)

    def test_eight_bits_are_measured(self):
        done = tenet(self.folder, "export", "run", "--int8", "--out", "small", "--data", "ner", "--anyway", "--json", "--quiet")
        self.assertEqual(done.returncode, 0, done.stderr)
        measured, whole = json.loads(done.stdout)["measured"], json.loads((self.folder / "run/eval/metrics.json").read_text())["validation"]
        self.assertEqual((measured["rows"], measured["metric"], measured["span_f1"]["f32"]), (whole["n"], "span_f1", whole["span_f1"]))

    def test_texts_give_spans(self):
        text = "today Namea Nameb met Placec"
        for how in ("none", "simple", "first", "average", "max"):
            done = tenet(self.folder, "predict", "run", "--text", text, "--json", "--aggregation", how)
            self.assertEqual(done.returncode, 0, done.stderr)
            for span in json.loads(done.stdout):
                self.assertEqual(set(span), {"entity", "score", "index", "word", "start", "end"} if how == "none" else {"entity_group", "score", "word", "start", "end"})
                self.assertTrue(0 <= span["start"] < span["end"] <= len(text))
        self.assertEqual(tenet(self.folder, "predict", "run", "--text", text, "--aggregation", "some").returncode, 2)

    def test_files_of_words_get_tags(self):
        done = tenet(self.folder, "predict", "run", "ner/test.conll", "-o", "out.conll", "--quiet")
        self.assertEqual(done.returncode, 0, done.stderr)
        given, got = ((self.folder / name).read_text(encoding="utf-8").split("\n") for name in ("ner/test.conll", "out.conll"))
        self.assertEqual([line.split("\t")[0] for line in given if line], [line.split("\t")[0] for line in got if line])
        lines = self.folder / "words.jsonl"
        lines.write_text('{"id": "a", "tokens": ["the", "Namea"]}\n{"id": "b", "tokens": ["x"]}\n')
        done = tenet(self.folder, "predict", "run", "words.jsonl", "--quiet")
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([(q["id"], len(q["tags"]), len(q["scores"])) for q in rows], [("a", 2, 2), ("b", 1, 1)])

    def test_bad_files_are_refused_with_their_place(self):
        bad = self.folder / "bad.conll"
        for text, place in (("a\tO\nb\n", "bad.conll:2"), ("", "empty"), ("a\tO\n\tO\n", "bad.conll:2")):
            bad.write_text(text)
            done = tenet(self.folder, "predict", "run", "bad.conll")
            self.assertEqual(done.returncode, 2)
            self.assertIn(place, done.stderr)


if __name__ == "__main__":
    unittest.main()
