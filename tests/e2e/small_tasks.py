"""Small jobs for the tasks over texts beside single labels: sets of labels, numbers, pairs. Texts are made by a fixed seed."""
import csv
import random

from tiny import write_tiny_model

TOPICS = {"price": ["cheap", "expensive", "cost", "money"], "speed": ["fast", "slow", "late", "quick"], "staff": ["kind", "rude", "helpful", "friendly"]}
FILL = "the order arrived and we think that it was really about what people said yesterday in our small town shop".split()
WHY = "\n\nWhy it matters: Manual work is slow.\n\nWhere this applies: cloud CPU service.\n\nWhen this is needed: before launch.\n"
TASKS = {
    "sets": ("sets.csv", "Fine-tune a multi-label text classification model that tags English reviews; several topics may apply."),
    "flags": ("{path: flags.csv, labels: [price, speed, staff]}", "Fine-tune a multi-label text classification model that tags English reviews; several topics may apply."),
    "numbers": ("numbers.csv", "Fine-tune a text classification model that predicts a score between 0 and 3 for English reviews, a regression."),
    "pairs": ("pairs.csv", "Fine-tune a text classification model that decides for pairs of sentences whether premise and hypothesis are about the same."),
    "likeness": ("likeness.csv", "Fine-tune a text classification model for sentence pairs: how alike two sentences are."),
}


def write_table(path, rows):
    with open(path, "w", encoding="utf-8", newline="") as f:
        csv.writer(f).writerows(rows)


def write_jobs(folder, n=180):
    """Writes data, a tiny model and a brief a task into the folder; {name: path of the brief}."""
    rng = random.Random(4)
    rows = []
    for _ in range(n):
        have = [t for t in TOPICS if rng.random() < 0.4]
        words = [rng.choice(FILL) for _ in range(rng.randint(3, 12))]
        for t in have:
            words.insert(rng.randrange(len(words) + 1), rng.choice(TOPICS[t]))
        rows.append((" ".join(words), have, round(len(have) + rng.gauss(0, 0.2), 2)))
    write_tiny_model(folder / "tiny", [r[0] for r in rows])
    (folder / "README.md").write_text("---\nlicense: cc0-1.0\n---\n")
    write_table(folder / "sets.csv", [("text", "labels"), *((t, ";".join(have)) for t, have, _ in rows)])
    write_table(folder / "flags.csv", [("text", *TOPICS), *((t, *(int(k in have) for k in TOPICS)) for t, have, _ in rows)])
    write_table(folder / "numbers.csv", [("text", "score"), *((t, v) for t, _, v in rows)])
    both = list(zip(rows[:-1], rows[1:]))
    write_table(folder / "pairs.csv", [("premise", "hypothesis", "label"), *((a[0], b[0], "same" if set(a[1]) & set(b[1]) else "other") for a, b in both)])
    write_table(folder / "likeness.csv", [("sentence1", "sentence2", "score"), *((a[0], b[0], len(set(a[1]) & set(b[1])) + round(rng.random() * 0.3, 2)) for a, b in both)])
    briefs = {}
    for name, (data, task) in TASKS.items():
        briefs[name] = folder / f"{name}.md"
        briefs[name].write_text(f"---\ndata: {data}\nmodel: ./tiny\nrecipe: {{epochs: 2, batch_size: 16}}\n---\nTask: {task}{WHY}")
    return briefs
