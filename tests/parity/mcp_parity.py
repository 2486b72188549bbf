"""tenet mcp against the official Python client, in both eras: every tool, resource and prompt is asked for; the client
itself holds results against the schemas that the server gave. mcp 2.3.0."""
import asyncio
import json
import os
import pathlib
import random
import shutil
import sys
import tempfile

import jsonschema
import mcp
import mcp_types as types
from mcp import Client, StdioServerParameters
from mcp.shared.exceptions import MCPError

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = os.environ.get("TENET_CACHE", "")
project = pathlib.Path(tempfile.mkdtemp(prefix="tenet-mcp-"))
shutil.copytree(ROOT / "examples" / "vietnamese-reviews", project / "reviews")
(project / "train.py").write_text('login("hf_' + 'aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zAbC")\n')
SERVER = StdioServerParameters(command=str(ROOT / "build" / "tenet"), args=["mcp", "--root", str(project)], env={"TENET_CACHE": CACHE} if CACHE else None)
dice = random.Random(0)
WORDS = ["".join(dice.choice("bdfgklmnprst") + dice.choice("aeiou") for _ in range(3)) for _ in range(2000)]
LONG = "review,label\n" + "".join(f"{' '.join(dice.choices(WORDS, k=12))},{'good' if i % 3 else 'bad'}\n" for i in range(5000))
(project / "long.csv").write_text(LONG)


async def every_tool(client):
    listed = (await client.list_tools()).tools
    schema = {t.name: t for t in listed}
    assert sorted(schema) == ["check", "compose", "licence", "plan", "profile", "select", "status"]
    for t in listed:
        jsonschema.Draft202012Validator.check_schema(t.input_schema)
        jsonschema.Draft202012Validator.check_schema(t.output_schema)
        assert t.annotations.read_only_hint and t.description and t.title
    calls = [("compose", {"path": "reviews/brief.md"}), ("compose", {"brief": "Task: classify reviews by sentiment", "for": "claude"}), ("check", {"paths": ["train.py"]}),
             ("check", {"text": "print(1)\n", "path": "x.py"}), ("plan", {"path": "reviews/brief.md"}), ("plan", {"brief": "Task: classify reviews by sentiment"}),
             ("licence", {"licence": "cc-by-nc-4.0", "use": "commercial"}), ("profile", {"path": "reviews/reviews.csv"}), ("status", {})]
    for name, arguments in calls:
        result = await client.call_tool(name, arguments)
        assert not result.is_error, (name, result.content)
        jsonschema.validate(result.structured_content, schema[name].output_schema)
        assert result.content[0].text
    found = (await client.call_tool("check", {"paths": ["."]})).structured_content
    assert found["errors"] >= 1 and any(f["path"] == "train.py" for f in found["findings"]), found
    for name, arguments in [("check", {}), ("check", {"paths": ["../.."]}), ("plan", {"brief": "nothing to see"}), ("licence", {"use": "fun"}), ("profile", {"path": "/etc/passwd"})]:
        result = await client.call_tool(name, arguments)
        assert result.is_error and result.content[0].text, (name, arguments)
    try:
        await client.call_tool("nothing", {})
        raise AssertionError("an unknown tool was called")
    except MCPError as e:
        assert e.code == types.INVALID_PARAMS


async def the_rest(client):
    resources = (await client.list_resources()).resources
    assert len(resources) >= 58
    text = (await client.read_resource("tenet://rules/data-leak")).contents[0].text
    assert "data-leak" in text and "## Why" in text
    assert len((await client.list_resource_templates()).resource_templates) == 3
    try:
        await client.read_resource("tenet://runs/..%2F..%2Fetc")
        raise AssertionError("a resource outside was read")
    except MCPError:
        pass
    assert [p.name for p in (await client.list_prompts()).prompts] == ["brief", "compose"]
    assert "Task:" in (await client.get_prompt("brief")).messages[0].content.text
    composed = (await client.get_prompt("compose", {"brief": "Task: classify reviews by sentiment"})).messages[0].content.text
    assert "classify reviews by sentiment" in composed
    values = (await client.complete(types.ResourceTemplateReference(type="ref/resource", uri="tenet://rules/{id}"), {"name": "id", "value": "data-l"})).completion.values
    assert values == ["data-leak", "data-limits"]


async def long_work(client):
    """Progress arrives and rises; a call that the client gives up ends, and the server goes on."""
    seen = []

    async def progress(done, total, message):
        seen.append((done, total, message))

    await client.call_tool("profile", {"path": "long.csv"}, progress_callback=progress)
    assert seen and seen == sorted(seen), seen
    if not CACHE and not pathlib.Path(os.path.expanduser("~/.cache/tenet/hub")).exists():
        return
    (project / "long.md").write_text("---\ndata: long.csv\n---\nTask: fine-tune a sentiment classifier for English reviews. For research.\n")
    try:
        done = await asyncio.wait_for(client.call_tool("select", {"path": "long.md"}), 3)
        raise AssertionError(f"a selection over 5,000 rows took less than three seconds: {done.content[0].text[:500]}")
    except TimeoutError:
        pass
    status = await asyncio.wait_for(client.call_tool("status", {}), 30)
    assert not status.is_error


async def era(mode):
    async with Client(SERVER, mode=mode, read_timeout_seconds=60) as client:
        wanted = "2025-11-25" if mode == "legacy" else "2026-07-28"
        assert client.protocol_version == wanted, client.protocol_version
        assert mode == "2026-07-28" or client.server_info.name == "tenet"
        await every_tool(client)
        await the_rest(client)
        await long_work(client)
        if mode == "legacy":
            await client.send_ping()
            await client.set_logging_level("info")
    print("mode", mode, "works")


try:
    for mode in ("legacy", "auto", "2026-07-28"):
        asyncio.run(era(mode))
finally:
    shutil.rmtree(project, ignore_errors=True)
print("the official client, mcp", getattr(mcp, "__version__", "2.3.0"), "works in both eras")
