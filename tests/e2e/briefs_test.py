"""Briefs are read as their readers say (tests/data/briefs.jsonl, by the guide of the development briefs), also when the
plan refuses or has no data."""
import subprocess
import sys

from common import ROOT, TENET

done = subprocess.run([sys.executable, str(ROOT / "tools/score_briefs.py"), str(ROOT / "tests/data/briefs.jsonl"), "--quiet", "--least", "0.95"],
                      env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "TENET": str(TENET)}, capture_output=True, text=True)
print(done.stdout)
assert done.returncode == 0, done.stderr
