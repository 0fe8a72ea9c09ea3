"""The difference between two documents as JSON Patch (RFC 6902), guarded so that it cannot hit the wrong target.

Items of a list are known by their names, so a rule that comes or goes does not rewrite its neighbours. All `test`
operations come first and speak of the document as it was; then come changes inside items, then removals from the
back, then additions from the front. An index means something only together with the name that was tested at it.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

Op = dict[str, Any]

MISSING = object()


@dataclass(frozen=True)
class FailedTest:
    """A guard that does not hold: where, what the patch expects there, what is there (MISSING where nothing is)."""

    path: str
    expected: Any
    found: Any


def patch(before: Any, after: Any) -> list[Op]:
    """The guarded operations that turn `before` into `after`; none where they are equal."""
    changes = list(_changes(before, after, ()))
    tests: dict[str, Op] = {}
    for change in changes:
        for path, value in change.guards:
            tests.setdefault(_pointer(path), {"op": "test", "path": _pointer(path), "value": value})
    return [*tests.values(), *(change.op for change in changes)]


def merge_patch(before: Any, after: Any) -> Any:
    """The JSON merge patch (RFC 7386) that turns `before` into `after`. Lists are replaced whole."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return after
    gone = {key: None for key in before if key not in after}
    changed = {
        key: merge_patch(before.get(key), value)
        for key, value in after.items()
        if key not in before or not same(before[key], value)
    }
    return {**gone, **changed}


def replaced_lists(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """The lists that a merge patch replaces whole: `spec.rules`."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in before.keys() & after.keys():
            yield from replaced_lists(before[key], after[key], f"{path}.{key}".lstrip("."))
    elif isinstance(after, list) and not same(before, after):
        yield path


def failed_tests(document: Any, operations: Sequence[Op]) -> list[FailedTest]:
    """The tests of a patch that a document does not pass."""
    tests = [operation for operation in operations if operation["op"] == "test"]
    found = [(test, look_up(document, test["path"])) for test in tests]
    return [
        FailedTest(test["path"], test["value"], value)
        for test, value in found
        if not same(value, test["value"])
    ]


def applied(document: Any, operations: Sequence[Op]) -> Any:
    """A copy of the document with our operations applied, in order; `test` operations are not looked at."""
    made = copy.deepcopy(document)
    for one in operations:
        parent, _, last = one["path"].rpartition("/")
        holder, key = look_up(made, parent), last.replace("~1", "/").replace("~0", "~")
        if one["op"] == "remove":
            del holder[int(key) if isinstance(holder, list) else key]
        elif one["op"] in ("add", "replace"):
            _put(holder, key, copy.deepcopy(one["value"]), one["op"] == "add")
    return made


def _put(holder: Any, key: str, value: Any, is_new: bool) -> None:
    if isinstance(holder, dict):
        holder[key] = value
    elif is_new:
        holder.insert(len(holder) if key == "-" else int(key), value)
    else:
        holder[int(key)] = value


def look_up(document: Any, pointer: str) -> Any:
    """The value at a JSON pointer (RFC 6901); MISSING where there is none."""
    node = document
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(node, list) and key.isdigit() and int(key) < len(node):
            node = node[int(key)]
        elif isinstance(node, dict) and key in node:
            node = node[key]
        else:
            return MISSING
    return node


def same(one: Any, other: Any) -> bool:
    """Equal as JSON: true is not 1, and 1.0 is 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


@dataclass(frozen=True)
class _Change:
    op: Op
    guards: tuple[tuple[tuple[str | int, ...], Any], ...]


def _pointer(path: tuple[str | int, ...]) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def _changes(before: Any, after: Any, path: tuple[str | int, ...]) -> Iterator[_Change]:
    if same(before, after):
        return
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _mapping_changes(before, after, path)
    elif _aligned(before, after):
        yield from _list_changes(before, after, path)
    else:
        yield _Change({"op": "replace", "path": _pointer(path), "value": after}, ((path, before),))


def _mapping_changes(
    before: dict[str, Any], after: dict[str, Any], path: tuple[str | int, ...]
) -> Iterator[_Change]:
    for key in before:
        if key in after:
            yield from _changes(before[key], after[key], (*path, key))
    for key, value in before.items():
        if key not in after:
            yield _Change({"op": "remove", "path": _pointer((*path, key))}, (((*path, key), value),))
    for key, value in after.items():
        if key not in before:
            yield _Change({"op": "add", "path": _pointer((*path, key)), "value": value}, ())


def _identities(items: Any) -> list[str] | None:
    """What tells a list's items apart: the name, else all of it; None where that does not."""
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        return None
    found = [str(item["name"]) if "name" in item else json.dumps(item, sort_keys=True) for item in items]
    return found if len(set(found)) == len(found) else None


def _identity_guard(
    items: list[Any], index: int, path: tuple[str | int, ...]
) -> tuple[tuple[str | int, ...], Any]:
    if "name" in items[index]:
        return (*path, index, "name"), items[index]["name"]
    return (*path, index), items[index]


def _aligned(before: Any, after: Any) -> bool:
    """Whether what two lists have in common stands in the same order in both."""
    old, new = _identities(before), _identities(after)
    if old is None or new is None:
        return False
    return [one for one in old if one in new] == [one for one in new if one in old]


def _list_changes(before: list[Any], after: list[Any], path: tuple[str | int, ...]) -> Iterator[_Change]:
    old, new = _identities(before) or [], _identities(after) or []
    for index, one in enumerate(old):
        if one in new:
            for change in _changes(before[index], after[new.index(one)], (*path, index)):
                yield _Change(change.op, (_identity_guard(before, index, path), *change.guards))
    for index in reversed(range(len(old))):
        if old[index] not in new:
            yield _Change(
                {"op": "remove", "path": _pointer((*path, index))}, (_identity_guard(before, index, path),)
            )
    for index, one in enumerate(new):
        if one not in old:
            following = next((old.index(later) for later in new[index + 1 :] if later in old), None)
            yield _addition(before, following, index, after[index], path)


def _addition(
    before: list[Any], following: int | None, index: int, item: Any, path: tuple[str | int, ...]
) -> _Change:
    """A new item goes before the next one that was there already, or behind the last."""
    if following is not None:
        guard = _identity_guard(before, following, path)
        return _Change({"op": "add", "path": _pointer((*path, index)), "value": item}, (guard,))
    last = _identity_guard(before, len(before) - 1, path) if before else (path, [])
    return _Change({"op": "add", "path": _pointer((*path, "-")), "value": item}, (last,))
