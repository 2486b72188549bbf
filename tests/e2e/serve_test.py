"""tenet serve: answers, errors, bounds, batching that changes nothing, a clean end."""
import concurrent.futures
import http.client
import re
import signal

from common import *
from tiny import write_small_job

work = folder()
brief = write_small_job(work, ROOT, rows=120, recipe="{epochs: 1, batch_size: 8}")
done = run("run", brief, "--out", work / "run", "--yes", "--quiet", check=False)
assert done.returncode in (0, 1), done.stderr



def serve(model, *more):
    server = subprocess.Popen([str(TENET), "serve", str(model), "--port", "0", *more], stderr=subprocess.PIPE, text=True)
    atexit.register(server.kill)
    return server, int(re.search(r":(\d+) ", server.stderr.readline()).group(1))


server, port = serve(work / "run", "--max-queue", "4")


def ask(method, path, body=None, headers=None):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    c.request(method, path, body, headers or {"Content-Type": "application/json"})
    r = c.getresponse()
    out = r.status, dict(r.getheaders()), json.loads(r.read() or b"null")
    c.close()
    return out


def predict(inputs, **parameters):
    return ask("POST", "/predict", json.dumps({"inputs": inputs, "parameters": parameters}))


status, _, health = ask("GET", "/health")
assert status == 200 and health["status"] == "ok" and len(health["labels"]) == 3
status, _, one = predict("giao hàng nhanh")
assert status == 200 and len(one) == 3 and one[0]["score"] >= one[1]["score"] and abs(sum(x["score"] for x in one) - 1) < 1e-5
assert [one] == predict(["giao hàng nhanh"])[2]
assert predict("giao hàng nhanh", top_k=1)[2] == one[:1]
local = lines(run("predict", work / "run", "--text", "giao hàng nhanh", "--json", "--top", "3").stdout)[0]
assert local == one, "server and command line disagree"

for body, code in [("{", 400), ("[]", 422), ('{"inputs": 3}', 422), ('{"inputs": []}', 422), ('{"inputs": ["a", 1]}', 422), ('{"inputs": "a", "parameters": {"top_k": 0}}', 422),
                   (json.dumps({"inputs": ["a"] * 129}), 422), ("x" * 2_000_001, 413)]:
    status, _, said = ask("POST", "/predict", body)
    assert status == code and said["error"], (status, code, said)
assert ask("GET", "/predict")[0] == 405 and ask("GET", "/predict")[1]["Allow"] == "POST"
assert ask("GET", "/nothing")[0] == 404
assert ask("POST", "/predict", "{}", {"Content-Type": "text/plain"})[0] == 415

texts = [f"sản phẩm số {i} " + "rất tốt " * (i % 7) for i in range(60)]
alone = [predict(t)[2] for t in texts]
overloaded = 0
with concurrent.futures.ThreadPoolExecutor(16) as pool:
    for got, want in zip(pool.map(predict, texts), alone):
        if got[0] == 503:
            assert got[1]["Retry-After"] == "1"
            overloaded += 1
        else:
            assert got[2] == want, "an answer depends on what else was in the batch"
assert overloaded < len(texts)
c = http.client.HTTPConnection("127.0.0.1", port)
c.request("POST", "/predict", json.dumps({"inputs": texts[0]}), {"Content-Type": "application/json"})
server.send_signal(signal.SIGTERM)
assert json.loads(c.getresponse().read()) == alone[0], "a request that was accepted is answered before the end"
assert server.wait(10) == 0
assert texts[0].strip() not in server.stderr.read(), "texts never reach the log"

# A tokenizer that adds nothing refuses an empty text: with a sentence, and alone.
bare = work / "bare"
shutil.copytree(work / "run/deploy/model", bare)
tokenizer = json.loads((bare / "tokenizer.json").read_text())
tokenizer["post_processor"] = None
(bare / "tokenizer.json").write_text(json.dumps(tokenizer))
server, port = serve(bare)
with concurrent.futures.ThreadPoolExecutor(16) as pool:
    for i, (status, _, said) in enumerate(pool.map(predict, ["" if i % 4 == 0 else "rất tốt" for i in range(48)])):
        assert status == (422 if i % 4 == 0 else 200), (i, status, said)
server.send_signal(signal.SIGTERM)
assert server.wait(10) == 0
print("the server keeps its promises")
