"""The changes of a step, as `kubectl diff` shows them: two files for each object, and how they differ."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kubectl_canary.driving import lease
from kubectl_canary.reading import yamltext
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


def differences(changes: Sequence[Change]) -> list[Difference]:
    """What an apply would change, object by object, in the order of their names."""
    found = (_difference(change) for change in changes)
    return sorted((one for one in found if one.before != one.after), key=lambda one: one.name)


def _difference(change: Change) -> Difference:
    before = None if isinstance(change, Creation) else _shown(change.before.value)
    after = None if isinstance(change, Removal) else _shown(change.after.value)
    if change.part.kind == "Secret":
        before, after = _masked(before, after), _masked(after, before, AFTER)
    return Difference(_file_name(change.part), _yaml(before), _yaml(after))


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
