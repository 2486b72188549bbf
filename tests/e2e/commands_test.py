"""What each command prints and how it ends: help, errors, shapes of output, on the starter models."""
from common import *

done = subprocess.run([str(TENET)], capture_output=True, text=True)
assert done.returncode == 2 and "usage: tenet COMMAND" in done.stderr
assert "run" in run("help").stdout and run("--version").stdout.startswith("tenet ")
for command in ("run", "plan", "verify", "reproduce", "runs list", "runs show", "predict", "embed", "tokenize", "serve", "hub ls", "hub import", "select", "hook claude", "hook git", "mcp", "export"):
    assert "usage: tenet " + command in run(*command.split(), "--help").stdout, command
    assert run("help", *command.split()).stdout == run(*command.split(), "--help").stdout, command
assert ".SH COMMANDS" in run("man").stdout
completion = run("completion").stdout
assert subprocess.run(["bash", "-n"], input=completion, text=True).returncode == 0

# Bad words: exit 2 and a sentence that says what to do.
for args, said in [(["nonsense"], "no command"), (["hook"], "hook claude, hook git"), (["help", "rules"], "rules list, rules show"), (["predict"], "usage"), (["run", "--nonsense", "x"], "no option"), (["run", "/nowhere.md"], "cannot read"),
                   (["verify", "/nowhere"], "is no folder"), (["runs", "show", "/nowhere"], "no run"), (["embed", "no/such-model", "--text", "x"], "tenet:"),
                   (["embed", "x", "--threads", "0"], "--threads"), (["plan", "/"], "tenet:"), (["predict", "x", "--text", "t", "-o", "f"], "--output goes with a data file"),
                   (["predict", "x", "data.csv", "--top", "2"], "--top does not go")]:
    done = run(*args, code=2)
    assert said in done.stderr, (args, done.stderr)
assert run("runs", "list", folder(), "--json").stdout == "[]\n"

need_starters()
MINILM, E5 = "sentence-transformers/all-MiniLM-L6-v2", "intfloat/multilingual-e5-small"
tokens = lines(run("tokenize", MINILM, "--text", "Hello, Đà Nẵng!", "--json").stdout)[0]
assert tokens["tokens"][0] == "[CLS]" and tokens["tokens"][-1] == "[SEP]" and tokens["special"][0] == 1, tokens
assert tokens["ids"][1] == 7592 and tokens["offsets"][1] == [0, 5], tokens
assert len(lines(run("tokenize", MINILM, "--text", "Hello there", "--json", "--no-special").stdout)[0]["ids"]) == 2
assert len(lines(run("tokenize", MINILM, "--text", "a b c d e f", "--json", "--max-length", "5").stdout)[0]["ids"]) == 5

many = "một\nhai ba\n\nbốn\n"
out = lines(run("embed", E5, "--file", "-", "--json", input=many).stdout)
assert len(out) == 4 and len(out[0]["embedding"]) == 384
alone = lines(run("embed", E5, "--text", "hai ba", "--json", "--threads", "1").stdout)[0]
assert alone == out[1], "a text's vector depends on its batch mates or on threads"
assert abs(sum(x * x for x in alone["embedding"]) - 1) < 1e-5
jsonl = "\n".join(json.dumps({"text": t}) for t in ("một", "hai ba"))
assert lines(run("embed", E5, "--file", "-", "--input", "jsonl", "--json", input=jsonl).stdout) == out[:2]
done = run("embed", E5, "--file", "-", "--input", "jsonl", input='{"txt": 1}', code=2)
assert "-:1" in done.stderr
done = run("predict", E5, "--text", "x", code=1)
assert "no trained head" in done.stderr
print("commands behave")
