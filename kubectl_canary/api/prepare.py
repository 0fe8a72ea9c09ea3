"""What the API server does to a document before it judges it.

In its order: fields that the schema does not know are taken out and named, a null where none is allowed counts as
absent, and defaults are filled in.
"""

from __future__ import annotations

import copy
from typing import Any

from kubectl_canary.api.catalog import Schema
from kubectl_canary.findings import Path

EMPTY: dict[Any, Any] = {"string": "", "object": {}, "integer": 0, "boolean": False, "array": []}


def prepared(value: Any, schema: Schema, unknown: list[Path] | None, path: Path = ()) -> Any:
    """A prepared copy of the value; the paths of unknown fields are added to `unknown`, or kept where it is None."""
    if isinstance(value, list):
        items = schema.get("items", {})
        return [prepared(item, items, unknown, (*path, index)) for index, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    properties: dict[str, Schema] = schema.get("properties", {})
    others: Any = schema.get("additionalProperties", True)
    kept = {}
    for key, child in value.items():
        field = properties.get(key, others)
        if field is False and unknown is not None:
            unknown.append((*path, key))
        elif isinstance(field, bool):
            kept[key] = child
        elif isinstance(child, dict | list):
            kept[key] = prepared(child, field, unknown, (*path, key))
        elif child is not None or allows_null(field):
            kept[key] = child
    for key, known in properties.items():
        if key not in kept and "default" in known:
            kept[key] = prepared(copy.deepcopy(known["default"]), known, unknown, (*path, key))
    return kept


def without_nulls(value: Any, schema: Schema) -> Any:
    """A copy in which a null in a list or map is what Go reads it as: the empty value of its type."""
    if isinstance(value, list):
        return [_item(item, schema.get("items", {})) for item in value]
    if not isinstance(value, dict):
        return value
    properties: dict[str, Schema] = schema.get("properties", {})
    others = schema.get("additionalProperties")
    items: Schema = others if isinstance(others, dict) else {}
    return {
        key: without_nulls(child, properties[key]) if key in properties else _item(child, items)
        for key, child in value.items()
    }


def _item(value: Any, schema: Schema) -> Any:
    if value is not None:
        return without_nulls(value, schema)
    kind = schema.get("type")
    return (
        "0" if schema.get("format") == "quantity" else EMPTY.get(kind[0] if isinstance(kind, list) else kind)
    )


def with_defaults(value: Any, schema: Schema) -> Any:
    """A copy of the value with every default that its schema has; keys that are there and unknown fields stay."""
    return prepared(value, schema, None)


def allows_null(schema: Schema) -> bool:
    """Whether the schema takes a null for a value."""
    return "null" in schema.get("type", ()) if isinstance(schema.get("type"), list) else "type" not in schema
