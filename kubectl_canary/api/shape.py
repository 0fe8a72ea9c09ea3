"""What of a value is of another type than its schema says, or lacks: who looks into it afterwards finds maps and lists.

This is no verdict: unknown fields, limits and rules are not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubectl_canary.api import quick
from kubectl_canary.api.catalog import Schema
from kubectl_canary.findings import Path


def misshapen(value: Any, schema: Schema, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """The places where the types differ or a required field is missing. A null is as good as nothing."""
    wanted = schema.get("type", [])
    types = [wanted] if isinstance(wanted, str) else wanted
    if value is None:
        return
    if types and not any(quick.is_of(value, name) for name in types):
        yield path, f"must be of type {' or '.join(types)}"
    elif isinstance(value, dict):
        yield from (((*path, key), "missing") for key in schema.get("required", ()) if value.get(key) is None)
        properties, others = schema.get("properties", {}), schema.get("additionalProperties")
        for key, child in value.items():
            known = properties.get(key, others if isinstance(others, dict) else {})
            yield from misshapen(child, known, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            if item is None and schema.get("items", {}).get("type") == "object":
                yield (*path, index), "must be of type object"
            yield from misshapen(item, schema.get("items", {}), (*path, index))
