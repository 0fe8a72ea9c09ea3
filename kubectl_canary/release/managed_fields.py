"""Who wrote an object, or a field of it, last: metadata.managedFields, as the API server keeps them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kubectl_canary.records import dataclass

OURS = "kubectl-canary"  # the manager that we write as
Value = Mapping[str, Any]


@dataclass(frozen=True)
class Write:
    """The last write of a manager: when (RFC 3339, UTC; empty where nothing says so), and the fields that it owns."""

    manager: str
    time: str
    fields: tuple[str, ...]


def who_changed(live: Value, pointer: str) -> tuple[str, str] | None:
    """The field manager that last wrote what a JSON pointer names, and when (RFC 3339), from managedFields."""
    parts = pointer.split("/")[1:]
    newest = _newest(entry for entry in _entries(live) if _owns(entry.get("fieldsV1") or {}, parts))
    return (_manager(newest), _time(newest)) if newest is not None else None


def last_write(live: Value) -> Write | None:
    """The last write of the spec, which writers of the status do not touch; None where managedFields name nobody."""
    newest = _newest(entry for entry in _entries(live) if _is_of_spec(entry))
    if newest is None:
        return None
    fields = tuple(_leaf(key, child, "spec") for key, child in _children(newest["fieldsV1"]["f:spec"]))
    return Write(_manager(newest), _time(newest), fields)


def _entries(live: Value) -> list[Value]:
    return live.get("metadata", {}).get("managedFields") or []


def _newest(entries: Iterable[Value]) -> Value | None:
    """The entry that was written last; of several of one second, the one that stands last."""
    newest: Value | None = None
    for entry in entries:
        if newest is None or _time(entry) >= _time(newest):
            newest = entry
    return newest


def _manager(entry: Value) -> str:
    return str(entry.get("manager", "unknown"))


def _time(entry: Value) -> str:
    return str(entry.get("time") or "")


def _is_of_spec(entry: Value) -> bool:
    return entry.get("subresource") != "status" and "f:spec" in (entry.get("fieldsV1") or {})


def _leaf(key: str, node: Value, above: str) -> str:
    """The path of a field, and on as long as there is one field in it: `spec.template.spec.containers[web].image`."""
    path = above + _segment(key)
    below = list(_children(node))
    return _leaf(*below[0], path) if len(below) == 1 else path


def _children(node: Value) -> Iterator[tuple[str, Value]]:
    """The fields and items in it; `.` is the thing itself, and `v:` a value of a set."""
    return ((key, child) for key, child in node.items() if key.startswith(("f:", "k:")))


def _segment(key: str) -> str:
    """`.image` for a field, `[web]` for an item that is known by its name, `[8080,TCP]` by port and protocol."""
    kind, _, name = key.partition(":")
    if kind == "f":
        return f".{name}"
    return f"[{','.join(map(str, json.loads(name).values()))}]"


def _owns(fields: Value, parts: list[str]) -> bool:
    """Whether the fields name the path, or a list above it (lists in routes are owned whole)."""
    node = fields
    for part in parts:
        key = "f:" + part.replace("~1", "/").replace("~0", "~")
        if key not in node:
            return node is not fields and not [name for name in node if name.startswith("f:")]
        node = node[key]
    return True
