"""The part of JSON Schema that docs/schemas uses: enough to test our records without a library."""
import json
import re

TYPES = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "null": type(None), "boolean": bool}
KNOWN = {"$schema", "title", "type", "properties", "required", "additionalProperties", "items", "minItems", "enum", "pattern", "minLength", "minimum"}


def check(value, schema, at=""):
    """Raises AssertionError with the place of the first value that does not fit."""
    assert set(schema) <= KNOWN, f"{at}: {set(schema) - KNOWN} is not understood"
    types = schema.get("type")
    if types:
        types = [types] if isinstance(types, str) else types
        assert any(isinstance(value, TYPES[t]) and not (isinstance(value, bool) and t in ("integer", "number")) for t in types), f"{at}: {value!r} is not {types}"
    if "enum" in schema:
        assert value in schema["enum"], f"{at}: {value!r} is not in {schema['enum']}"
    if isinstance(value, str):
        assert re.search(schema.get("pattern", ""), value) and len(value) >= schema.get("minLength", 0), f"{at}: {value!r}"
    if isinstance(value, (int, float)) and "minimum" in schema:
        assert value >= schema["minimum"], f"{at}: {value}"
    if isinstance(value, list):
        assert len(value) >= schema.get("minItems", 0), f"{at}: too short"
        for i, item in enumerate(value):
            check(item, schema.get("items", {}), f"{at}/{i}")
    if isinstance(value, dict):
        for name in schema.get("required", []):
            assert name in value, f"{at}/{name} is missing"
        for name, item in value.items():
            inner = schema.get("properties", {}).get(name, schema.get("additionalProperties", {}))
            assert inner is not False, f"{at}/{name} is not in the schema"
            check(item, {} if inner is True else inner, f"{at}/{name}")


def check_file(path, schema_path):
    schema = json.loads(schema_path.read_text())
    text = path.read_text(encoding="utf-8")
    for value in [json.loads(line) for line in text.splitlines()] if path.suffix == ".jsonl" else [json.loads(text)]:
        check(value, schema, path.name)
