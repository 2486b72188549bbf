"""Shared by the end-to-end tests: run the program, check what a person would see."""
import atexit
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
TENET = ROOT / "build" / "tenet"


def skip(why):
    print(why)
    sys.exit(77)


def need_starters():
    if run("hub", "ls", "--starters", "--quiet", check=False).returncode:
        skip("the starter models are not at hand (tools/setup.sh models fetches them)")


def run(*args, check=True, code=None, env=None, **options):
    """Runs tenet; fails unless it ends with 0 (or with `code`)."""
    done = subprocess.run([str(TENET), *map(str, args)], capture_output=True, text=True, env={**os.environ, **(env or {})}, **options)
    wanted = 0 if code is None else code
    if check and done.returncode != wanted:
        raise AssertionError(f"tenet {' '.join(map(str, args))}: exit {done.returncode}, wanted {wanted}\n{done.stdout}{done.stderr}")
    return done


def folder():
    """A temporary folder that is removed at exit."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="tenet-e2e-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def lines(text):
    return [json.loads(line) for line in text.splitlines() if line]
