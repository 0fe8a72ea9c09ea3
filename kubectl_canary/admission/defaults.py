"""Defaults of a schema, written out: what the API server would add to a custom resource."""

from __future__ import annotations

import copy
from typing import Any

from kubectl_canary.admission.catalog import Schema


def with_defaults(value: Any, schema: Schema) -> Any:
    """A copy of the value with every default that the schema has for it; given keys keep their order."""
    if isinstance(value, list):
        return [with_defaults(item, schema.get("items", {})) for item in value]
    if not isinstance(value, dict):
        return value
    properties: dict[str, Schema] = schema.get("properties", {})
    missing = {
        key: copy.deepcopy(field["default"])
        for key, field in properties.items()
        if "default" in field and value.get(key) is None
    }
    return {key: with_defaults(child, properties.get(key, {})) for key, child in {**value, **missing}.items()}
