"""The changes of a step, as `kubectl diff` shows them, two files for each object; or field by field."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kubectl_canary.api.equality import MISSING
from kubectl_canary.driving import lease
from kubectl_canary.reading import yamltext
from kubectl_canary.records import dataclass
from kubectl_canary.release import patches
from kubectl_canary.release.changes import Change, Creation, Removal
from kubectl_canary.release.documents import Part

LIVE, MERGED = "LIVE", "MERGED"  # kubectl's names for what is there, and for what would be
HIDDEN = (lease.annotation(""), lease.HOLD)  # annotations that stand in a cluster alone
MASKED, BEFORE, AFTER = "***", "*** (before)", "*** (after)"  # what kubectl prints for values of a Secret


@dataclass(frozen=True)
class Difference:
    """An object as it is and as it would be, as YAML; empty where it is not there. `name` is that of its file."""

    name: str
    before: str
    after: str


@dataclass(frozen=True)
class FieldDifference:
    """A field as it is in the cluster and as it is in a phase, MISSING where it is not there.

    `path` is `spec.rules[1].backendRefs[web].weight`; it is empty where the whole object comes or goes.
    """

    part: Part
    path: str
    cluster: Any
    phase: Any


def fields(changes: Sequence[Change]) -> list[FieldDifference]:
    """What an apply would change, field by field, in the order of the changes."""
    return [field for change in changes for field in _fields(change.part, *_ends(change))]


def _fields(part: Part, before: Any, after: Any) -> Iterator[FieldDifference]:
    if before is None or after is None:
        yield FieldDifference(part, "", *(MISSING if end is None else end for end in (before, after)))
        return
    for operation in patches.patch(before, after):
        if operation["op"] != "test":
            value = operation.get("value", MISSING)
            there = MISSING if operation["op"] == "add" else patches.look_up(before, operation["path"])
            yield FieldDifference(part, _path(operation, before), there, value)


def _path(operation: patches.Op, before: Any) -> str:
    """Where something stands in the cluster: items by their name, others by their number; `[new]` is not there yet."""
    text, node = "", before
    *above, last = patches.keys(operation["path"])
    for key in above:
        child = patches.look_up(node, patches.pointer((key,)))
        text += _segment(node, key, child)
        node = child
    is_new = isinstance(node, list) and operation["op"] == "add"
    child = operation["value"] if is_new else patches.look_up(node, patches.pointer((last,)))
    return (text + _segment(node, "new" if is_new else last, child)).lstrip(".")


def _segment(holder: Any, key: str, child: Any) -> str:
    if isinstance(holder, list):
        return f"[{child.get('name', key) if isinstance(child, dict) else key}]"
    return f".{key}" if key.isalnum() else f"[{key}]"


def differences(changes: Sequence[Change]) -> list[Difference]:
    """What an apply would change, object by object, in the order of their names."""
    found = (_difference(change) for change in changes)
    return sorted((one for one in found if one.before != one.after), key=lambda one: one.name)


def _difference(change: Change) -> Difference:
    before, after = _ends(change)
    return Difference(_file_name(change.part), _yaml(before), _yaml(after))


def _ends(change: Change) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """The object as it is and as it would be, as far as it is shown; None where it is not there."""
    before = None if isinstance(change, Creation) else _shown(change.before.value)
    after = None if isinstance(change, Removal) else _shown(change.after.value)
    if change.part.kind == "Secret":
        return _masked(before, after), _masked(after, before, AFTER)
    return before, after


def _file_name(part: Part) -> str:
    """`apps.v1.Deployment.web.shop`, as kubectl names it."""
    return ".".join([*part.api_version.split("/"), part.kind, part.namespace or "", part.name])


def _shown(value: Mapping[str, Any]) -> dict[str, Any]:
    """An object without what its controllers, the server and we keep in it."""
    metadata = {key: child for key, child in value["metadata"].items() if key != "managedFields"}
    notes = {
        key: note
        for key, note in (metadata.pop("annotations", None) or {}).items()
        if not key.startswith(HIDDEN)
    }
    rest = {key: child for key, child in value.items() if key != "status"}
    return {**rest, "metadata": {**metadata, **({"annotations": notes} if notes else {})}}


def _masked(
    value: dict[str, Any] | None, other: Mapping[str, Any] | None, changed: str = BEFORE
) -> dict[str, Any] | None:
    """A Secret without its values: whether they are the other's is all that is said of them."""
    if value is None:
        return None
    masked = dict(value)
    for field in ("data", "stringData"):
        if isinstance(value.get(field), dict):
            others = (other or {}).get(field) or {}
            masked[field] = {
                key: changed if key in others and others[key] != content else MASKED
                for key, content in value[field].items()
            }
    return masked


def _yaml(value: Any) -> str:
    return "" if value is None else f"{yamltext.block(_sorted(value), 0)}\n"


def _sorted(value: Any) -> Any:
    """With keys in order, as kubectl prints them."""
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return list(map(_sorted, value)) if isinstance(value, list) else value


def unified(found: Sequence[Difference]) -> str:
    """What `diff -u -N` prints for the two folders."""
    return "".join(line for one in found for line in _unified(one))


def _unified(one: Difference) -> Iterator[str]:
    before, after = f"{LIVE}/{one.name}", f"{MERGED}/{one.name}"
    yield f"diff -u -N {before} {after}\n"
    old, new = (text.splitlines(keepends=True) for text in (one.before, one.after))
    yield from difflib.unified_diff(old, new, before, after)
