"""Extractive question answering: a run on a small set of questions, what verify says of it, and answers."""
import json
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from common import TENET
from tiny import write_tiny_model

BRIEF = """---
data: questions.json
model: tiny
use: research
recipe: {epochs: 1, batch_size: 8}
---
Task: Fine-tune a model for extractive question answering over manuals.
Why it matters: Readers search long manuals by hand.
Where this applies: Internal tool on a laptop.
When this is needed: Before the next release.
"""


def questions(impossible):
    """Twelve articles of two passages; each names who met whom where."""
    names = "Ann Bob Eve Max Tom Kim Lee Sue Joe Pat Ray Dan Amy Ben Cal Dot Eli Fay Gus Hal Ida Jon Kay Lou".split()
    data = []
    for a in range(12):
        paragraphs = []
        for p in range(2):
            i = a * 2 + p
            one, two, town = names[i], names[(i * 7 + 3) % 24], f"town{i}"
            context = f"Report {i} of the {a}th book begins. In {town} the traveller {one} met {two} by chance. Then it rained for {i + 2} days."
            qas = [{"id": f"{i}-{k}", "question": q, "answers": [{"text": t, "answer_start": context.index(t, context.index("traveller") if k else 0)}]}
                   for k, (q, t) in enumerate([(f"Where was {one}?", town), (f"Who met {two}?", one)])]
            if impossible:
                qas.append({"id": f"{i}-x", "question": f"Why did {two} leave?", "answers": [], "is_impossible": True})
            paragraphs.append({"context": context, "qas": qas})
        data.append({"title": f"Book {a}", "paragraphs": paragraphs})
    return {"version": "v2.0", "data": data}


class Answers(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="tenet-answers-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def tenet(self, *args, code=0):
        done = subprocess.run([TENET, *map(str, args)], cwd=self.dir, capture_output=True, text=True)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout

    def test_a_run_with_questions_that_have_no_answer(self):
        data = questions(True)
        (self.dir / "questions.json").write_text(json.dumps(data))
        (self.dir / "README.md").write_text("---\nlicense: cc0-1.0\n---\n")
        (self.dir / "brief.md").write_text(BRIEF)
        write_tiny_model(self.dir / "tiny", [p["context"] for a in data["data"] for p in a["paragraphs"]])
        for stride in ("40", "5000", "-1"): # windows of 64 tokens share 32 at most
            (self.dir / "hostile.md").write_text(BRIEF.replace("batch_size: 8", f"batch_size: 8, max_tokens: 64, stride: {stride}"))
            self.assertIn("recipe/stride", subprocess.run([TENET, "run", "hostile.md", "--out", f"hostile{stride}", "--quiet"], cwd=self.dir, capture_output=True, text=True).stderr)
            self.assertFalse((self.dir / f"hostile{stride}/experiment/candidates.csv").exists())
        self.tenet("run", "brief.md", "--out", "run", "--quiet")
        self.tenet("verify", "run")
        split = dict(line.split(",") for line in (self.dir / "run/data/split.csv").read_text().split()[1:])
        for a in range(12):  # articles are whole
            self.assertEqual(len({split[f"{i}-{k}"] for i in (2 * a, 2 * a + 1) for k in "01x"}), 1)
        metrics = json.loads((self.dir / "run/eval/metrics.json").read_text())
        self.assertEqual(metrics["test"]["n_with_answer"] * 3, metrics["test"]["n"] * 2)
        self.assertEqual(metrics["baselines"]["silence"]["no_answer_accuracy"], 1.0)
        for name in ("exact_match", "answer_f1", "has_answer_f1", "no_answer_accuracy"):
            interval = metrics["test"]["intervals"][name]
            self.assertTrue(interval["low"] <= metrics["test"][name] <= interval["high"], interval)
        settings = json.loads((self.dir / "run/deploy/model/question_answering.json").read_text())
        self.assertTrue(settings["version_2_with_negative"])
        self.assertIsInstance(settings["null_score_diff_threshold"], float)
        config = json.loads((self.dir / "run/deploy/model/config.json").read_text())
        self.assertEqual(config["architectures"], ["BertForQuestionAnswering"])

        measured = json.loads(self.tenet("export", "run", "--int8", "--out", "small", "--data", "questions.json", "--anyway", "--json", "--quiet"))["measured"]
        self.assertEqual((measured["rows"], measured["metric"]), (72, "answer_f1"))
        self.assertEqual(measured["answer_f1"]["f32"] - measured["answer_f1"]["int8"], measured["answer_f1"]["lost"])

        passage = "Ann met Bob in Hanoi."
        answers = json.loads(self.tenet("predict", "run", "--json", "--top", 4, "--text", "Who?", "--context", passage))
        for x in answers:
            self.assertEqual(list(x), ["score", "start", "end", "answer"])
            self.assertEqual(passage[x["start"]:x["end"]], x["answer"])
        self.assertEqual(sorted((x["score"] for x in answers), reverse=True), [x["score"] for x in answers])
        (self.dir / "ask.jsonl").write_text(json.dumps({"question": "Who?", "context": passage}) + "\n")
        rows = self.tenet("predict", "run", "ask.jsonl").splitlines()
        self.assertEqual(rows[0], "id,answer,score,start,end")
        self.assertEqual(len(rows), 2)
        self.tenet("predict", "run", "--text", "Who?", code=2)
        self.tenet("predict", "run", "--text", " ", "--context", passage, code=2)


if __name__ == "__main__":
    unittest.main()
