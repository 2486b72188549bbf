#!/usr/bin/env python3
"""SARIF of `tenet check` against pydantic-sarif 0.1.1, whose classes are generated from the OASIS schema of SARIF 2.1.0 (no unknown
keys, required keys, types, enumerations), and what the schema cannot say: indices that point somewhere, relative URIs, places from 1."""
import json
import pathlib
import subprocess
import sys
import tempfile
import urllib.parse

from pydantic_sarif.model import StaticAnalysisResultsFormatSarifVersion210JsonSchema as Sarif

root = pathlib.Path(__file__).resolve().parents[2]
top = pathlib.Path(tempfile.mkdtemp(prefix="tenet-sarif-"))
(top / "Đà Nẵng 50%").mkdir()
(top / "Đà Nẵng 50%" / "a b#c.py").write_text('import torch\nước = 1; state = torch.load("downloads/w.bin", weights_only=False)\nt = "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"\n')
(top / "requirements.txt").write_text("torch\n")
(top / "model.pkl").write_bytes(b"cposix\nsystem\n(S'x'\ntR.")
for where, least in ((top, 4), (top / "nothing.yaml", 0)):
    (top / "nothing.yaml").write_text("a: 1\n")
    text = subprocess.run([root / "build/tenet", "check", "--format", "sarif", "--quiet", where.relative_to(top)], cwd=top, capture_output=True, text=True).stdout
    log = json.loads(text)
    Sarif.model_validate(log)
    run = log["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert log["version"] == "2.1.0" and len(run["results"]) >= least, text
    assert len({r["id"] for r in rules}) == len(rules)
    for result in run["results"]:
        place = result["locations"][0]["physicalLocation"]
        uri = place["artifactLocation"]["uri"]
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"] and result["level"] in ("note", "warning", "error")
        assert not urllib.parse.urlparse(uri).scheme and not uri.startswith("/") and (top / urllib.parse.unquote(uri)).exists(), uri
        assert place.get("region", {"startLine": 1})["startLine"] >= 1 and place.get("region", {}).get("startColumn", 1) >= 1
        assert len(result["partialFingerprints"]["tenet/v1"]) == 16
        if "torch.load" in result["properties"]["evidence"]:
            assert place["region"]["startColumn"] == 18, place  # code points, not bytes
subprocess.run(["rm", "-rf", top], check=True)
print("SARIF is as the schema says")
