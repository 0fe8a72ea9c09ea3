"""Who wrote a field of an object last: metadata.managedFields, as the API server keeps them."""

from __future__ import annotations

from typing import Any


def who_changed(live: dict[str, Any], pointer: str) -> tuple[str, str] | None:
    """The field manager that last wrote what a JSON pointer names, and when (RFC 3339), from managedFields."""
    writer: tuple[str, str] | None = None
    for entry in live.get("metadata", {}).get("managedFields", []):
        owns = _owns(entry.get("fieldsV1", {}), pointer.split("/")[1:])
        written = str(entry.get("time", ""))
        if owns and (writer is None or written >= writer[1]):
            writer = (str(entry.get("manager", "unknown")), written)
    return writer


def _owns(fields: dict[str, Any], parts: list[str]) -> bool:
    """Whether the fields name the path, or a list above it (lists in routes are owned whole)."""
    node = fields
    for part in parts:
        key = "f:" + part.replace("~1", "/").replace("~0", "~")
        if key not in node:
            return node is not fields and not [name for name in node if name.startswith("f:")]
        node = node[key]
    return True
