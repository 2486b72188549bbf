#!/usr/bin/env python3
"""What init writes, before the linters of its readers: agnix --strict over whole folders, agentskills validate over each skill.
And a prompt's tokens, counted again by the tokenizers package.

The two linters get a virtual environment of their own (build/venv-context, or $TENET_CONTEXT_VENV); where they cannot be
installed the check is skipped and says so."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
TENET = ROOT / "build/tenet"
LINTERS = ["agnix==0.59.3", "skills-ref==0.1.1"]
failures = 0


def check(ok, what, said=""):
    global failures
    failures += not ok
    print("ok  " if ok else "FAIL", what, "" if ok else "\n" + said)


def tenet(*args, **options):
    return subprocess.run([TENET, *map(str, args)], check=True, capture_output=True, text=True, **options).stdout


def linters():
    """The folder with the linters' programs, or None after saying why."""
    if os.environ.get("TENET_CONTEXT_VENV"):
        return pathlib.Path(os.environ["TENET_CONTEXT_VENV"]) / "bin"
    venv = ROOT / "build/venv-context"
    if not (venv / "bin/agentskills").exists() or not (venv / "bin/agnix").exists():
        for command in ([sys.executable, "-m", "venv", venv], [venv / "bin/pip", "install", "-q", "--disable-pip-version-check", *LINTERS]):
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                print("skip", " and ".join(LINTERS), "cannot be installed:", (done.stderr.strip().splitlines() or ["no reason given"])[-1])
                return None
    return venv / "bin"


def lint(bin, folder, what):
    done = subprocess.run([bin / "agnix", "--strict", "."], cwd=folder, capture_output=True, text=True)
    said = done.stdout + done.stderr
    check(done.returncode == 0 and "Found 0 errors, 0 warnings" in said, f"agnix --strict: {what}", said)
    for target in ("claude-code", "cursor", "codex"):
        done = subprocess.run([bin / "agnix", "--strict", "--target", target, "."], cwd=folder, capture_output=True, text=True)
        check(done.returncode == 0, f"agnix --strict --target {target}: {what}", done.stdout + done.stderr)
    for skill in sorted(folder.glob(".*/skills/*")):
        done = subprocess.run([bin / "agentskills", "validate", skill], capture_output=True, text=True)
        check(done.returncode == 0, f"agentskills validate {skill.relative_to(folder)}: {what}", done.stdout + done.stderr)


with tempfile.TemporaryDirectory() as work:
    work = pathlib.Path(work)
    bin = linters()
    if bin:
        tenet("init", work / "fresh")
        lint(bin, work / "fresh", "a fresh folder")
        (work / "own").mkdir()
        for name in ("AGENTS.md", "CLAUDE.md", "GEMINI.md"):
            (work / "own" / name).write_text("# Notes of the team\n\n- Run `make test` before a commit.\n- Keep functions short.\n")
        (work / "own/tenet.yaml").write_text("persona: You are a senior ML engineer in a bank.\nlicences: {allowed: [apache-2.0, mit]}\n"
                                             "rules:\n  data-hub: {severity: off, reason: the data may not leave the house, until: 2999-01-01}\n")
        tenet("init", work / "own")
        lint(bin, work / "own", "beside the team's own text, with settings")
        tenet("init", work / "own")
        subprocess.run([bin / "agnix", "--fix-safe", "."], cwd=work / "own", capture_output=True)
        check(tenet("rules", "verify", work / "own") != "", "agnix --fix-safe leaves no drift")

    try:
        from tokenizers import Tokenizer
    except ImportError:
        print("skip the count of tokens: the tokenizers package is not here")
    else:
        brief = work / "brief.md"
        for text in ("Task: Phân loại đánh giá của khách hàng 👍\nWhy: ```\nx\n```", (ROOT / "examples/vietnamese-reviews/brief.md").read_text()):
            brief.write_text(text)
            for name in ("tokens-wordpiece.json", "tokens-unigram.json"):
                path = ROOT / "tests/data" / name
                full = json.loads(tenet("prompt", brief, "--json", "--tokenizer", path))
                peer = Tokenizer.from_file(str(path))
                refused = subprocess.run([TENET, "prompt", brief, "--tokenizer", path, "--budget", "1"], capture_output=True, text=True).stderr
                least = int(re.search(r"give at least (\d+)", refused).group(1))
                for budget in (full["tokens"], (full["tokens"] + least) // 2, least):
                    got = json.loads(tenet("prompt", brief, "--json", "--tokenizer", path, "--budget", budget))
                    want = len(peer.encode(got["prompt"], add_special_tokens=False).ids)
                    check(got["tokens"] == want <= budget and (budget < full["tokens"] or got == {**full, "budget": budget}), f"{want} tokens of at most {budget} by {name}", f"counted {got['tokens']}")
sys.exit(bool(failures))
