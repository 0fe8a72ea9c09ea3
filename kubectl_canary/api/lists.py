"""Kubernetes' list types: no item twice in a `set`, no two items with the same keys in a `map`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from kubectl_canary.api.catalog import Schema


def repeated(items: Any, schema: Schema) -> Iterator[tuple[int, Any]]:
    """The index of each item that stands in the list already, and what it repeats: its keys, or itself."""
    kind, keys = schema.get("x-kubernetes-list-type"), schema.get("x-kubernetes-list-map-keys", ())
    if kind not in ("set", "map") or not isinstance(items, list) or len(items) < 2:
        return
    if kind == "map" and not all(isinstance(item, dict) for item in items):
        return  # the schema of the items says so already
    seen = set()
    for index, item in enumerate(items):
        compared = {key: item[key] for key in keys if key in item} if kind == "map" else item
        identity = json.dumps(compared, sort_keys=True)
        if identity in seen:
            yield index, compared
        seen.add(identity)
