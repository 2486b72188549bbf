"""Several processes (mpirun -n N): the bytes of one, also after the death of a rank and with another number of them."""
import signal
import time

from common import *
from tiny import write_small_job

if not shutil.which("mpirun"):
    skip("mpirun is not installed (apt install openmpi-bin): several processes are not tested")
if "none" in run("--version").stdout:
    skip("this build has no Open MPI (apt install libopenmpi-dev, and build again): several processes are not tested")
SAME = ["tune/steps.jsonl", "tune/evals.jsonl", "eval/predictions.csv", "eval/metrics.json", "deploy/model/model.safetensors"]
MPIRUN = ["mpirun", "--oversubscribe", "--bind-to", "none", "--quiet", *(["--allow-run-as-root"] if os.geteuid() == 0 else [])]
work = folder()
brief = write_small_job(work, ROOT, rows=96, recipe="{epochs: 2, batch_size: 8}")


def command(n, *args):
    return [*MPIRUN, "-n", str(n), str(TENET), *map(str, args), "--threads", "1"]


def ranks(n, *args, wanted=(0, 1)):
    # Exit 1: the random model beats no baseline; the run is complete all the same.
    done = subprocess.run(command(n, *args), capture_output=True, text=True, timeout=100)
    assert done.returncode in wanted, (done.returncode, done.stdout[-2000:], done.stderr[-2000:])
    return done


def same(name):
    for file in SAME:
        assert (work / "one" / file).read_bytes() == (work / name / file).read_bytes(), f"{file} differs between one and {name}"


assert run("run", brief, "--out", work / "one", "--yes", "--threads", "2", check=False).returncode in (0, 1)
for n in (2, 4):
    ranks(n, "run", brief, "--out", work / f"n{n}", "--yes")
    same(f"n{n}")
    run("verify", work / f"n{n}")
said = ranks(3, "run", brief, "--out", work / "n3", "--yes", wanted=(2,))
assert "power of two" in said.stderr, said.stderr

# The other heads: sets of labels, numbers, tagged words, spans.
def write_tasks(where):
    from answers_test import BRIEF, questions
    from small_tasks import write_jobs
    from tiny import write_tiny_model
    from tokens_test import write_job
    jobs = {name: b for name, b in write_jobs(where, n=90).items() if name in ("sets", "numbers")}
    jobs["sets"].write_text(jobs["sets"].read_text().replace("epochs: 2", "epochs: 2, pos_weight: balanced"))
    (where / "tags").mkdir()
    write_job(where / "tags")
    (where / "answers").mkdir()
    data = questions(True)
    (where / "answers/questions.json").write_text(json.dumps(data))
    (where / "answers/README.md").write_text("---\nlicense: cc0-1.0\n---\n")
    (where / "answers/brief.md").write_text(BRIEF)
    write_tiny_model(where / "answers/tiny", [p["context"] for a in data["data"] for p in a["paragraphs"]])
    return {**jobs, "tags": where / "tags/brief.md", "answers": where / "answers/brief.md"}


tasks = work / "tasks"
tasks.mkdir()
for name, job in write_tasks(tasks).items():
    assert run("run", job, "--out", tasks / f"{name}-1", "--yes", "--threads", "2", check=False).returncode in (0, 1), name
    more = [x for x in ("deploy/model/thresholds.json", "deploy/model/question_answering.json") if (tasks / f"{name}-1" / x).exists()]
    for n in (2, 4):
        ranks(n, "run", job, "--out", tasks / f"{name}-{n}", "--yes")
        for file in SAME + more:
            assert (tasks / f"{name}-1" / file).read_bytes() == (tasks / f"{name}-{n}" / file).read_bytes(), f"{name}: {file} differs on {n} ranks"

# Prediction by the other heads.
for name, data in (("sets", "sets.csv"), ("numbers", "numbers.csv"), ("tags", "tags/ner/test.conll"), ("answers", "answers/questions.json")):
    outs = [tasks / f"{name}-{n}.out{pathlib.Path(data).suffix}" for n in (1, 3)]
    run("predict", tasks / f"{name}-1", tasks / data, "-o", outs[0], "--threads", "2")
    ranks(3, "predict", tasks / f"{name}-1", tasks / data, "-o", outs[1], wanted=(0,))
    assert outs[0].read_bytes() == outs[1].read_bytes(), name

# Prediction: the same file, with any number of processes.
for n in (1, 2, 3):
    out = work / f"predicted{n}.csv"
    args = ("predict", work / "one", work / "reviews.csv", "-o", out)
    run(*args) if n == 1 else ranks(n, *args, wanted=(0,))
    assert out.read_bytes() == (work / "predicted1.csv").read_bytes(), n


def pids_of(job):
    """The ranks, children of mpirun."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and f"PPid:\t{job.pid}\n" in (entry / "status").read_text():
                env = dict(x.split("=", 1) for x in (entry / "environ").read_text().split("\0") if "=" in x)
                found[int(env["OMPI_COMM_WORLD_RANK"])] = int(entry.name)
        except (OSError, KeyError):
            pass
    return found


def lose(name, victim, signal_number, more=()):
    """A rank gets a signal in the middle of training."""
    job = subprocess.Popen([MPIRUN[0], *more, *command(4, "run", brief, "--out", work / name, "--yes")[1:]], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                           env={**os.environ, "TENET_RANK_PATIENCE": "3"})
    steps = work / name / "tune/steps.jsonl"
    while job.poll() is None and not (steps.exists() and steps.stat().st_size > 300):
        time.sleep(0.005)
    if job.poll() is None:
        os.kill(pids_of(job)[victim], signal_number)
    start = time.time()
    said = job.communicate(timeout=60)[1]
    return job.returncode, time.time() - start, said


# mpirun sees the death of a rank and ends the others; what is there goes on with one process, or with two.
for name, victim, n in (("lost3", 3, 1), ("lost0", 0, 2)):
    code, seconds, said = lose(name, victim, signal.SIGKILL)
    assert code != 0 and seconds < 20, (code, seconds, said)
    assert not (work / name / "deploy/model").exists(), "the job had ended before the rank was killed"
    if n == 1:
        done = run("run", brief, "--out", work / name, "--yes", "--resume", "--threads", "1", check=False)
        assert done.returncode in (0, 1), done.stderr
    else:
        ranks(n, "run", brief, "--out", work / name, "--yes", "--resume")
    same(name)

# A rank that stands still is noticed by the others themselves: a checkpoint of the last step, exit 3.
code, seconds, said = lose("stopped", 2, signal.SIGSTOP)
assert code == 3 and seconds < 30, (code, seconds, said)
assert "rank" in said and "--resume" in said, said
ranks(4, "run", brief, "--out", work / "stopped", "--yes", "--resume")
same("stopped")
