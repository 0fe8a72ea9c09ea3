"""The difference between two documents as JSON Patch (RFC 6902), guarded so that it cannot hit the wrong target.

Items of a list are known by what names them, so a rule that comes or goes does not rewrite its neighbours. `test`
operations come first and speak of the document as it was; then come changes inside items, then removals from the
back, then additions from the front. An index means something only together with the name that was tested at it.

`{"op": "test", "path": P, "value": null}` passes where P is missing, and is refused where something is there. RFC 6902
does not say so; the library of kubectl and kube-apiserver does it.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from kubectl_canary.api.equality import MISSING, same
from kubectl_canary.records import dataclass

Op = dict[str, Any]
Location = tuple[str | int, ...]
Guard = tuple[Location, Any]  # a place, and what is expected there; None where nothing may be there

ANYTHING = "anything"


@dataclass(frozen=True)
class FailedTest:
    """A guard that does not hold: where, what the patch expects there, what is there (MISSING where nothing is)."""

    path: str
    expected: Any
    found: Any


def patch(
    before: Any, after: Any, standing_on: Sequence[Guard] = (), own: Collection[Location] = ()
) -> list[Op]:
    """The guarded operations that turn `before` into `after`; none where they are equal.

    They test the names on their way, every value that they overwrite or remove, that what they add is not there, and
    what else the caller stands on. Places that are the caller's `own` are set whatever stands there.
    """
    changes = list(_Difference(strict=True, own=frozenset(own)).changes(before, after, ()))
    guards = [*standing_on, *(guard for change in changes for guard in change.guards)] if changes else []
    return [*tests(guards), *(operation for change in changes for operation in change.operations)]


def patch_back(before: Any, after: Any) -> list[Op]:
    """The operations of a way back: they test the names of the items that they change or remove, and nothing else.

    A value that somebody has changed meanwhile is overwritten, and a key that is gone already does not matter, so
    that no harmless edit stands in the way.
    """
    changes = list(_Difference(strict=False).changes(before, after, ()))
    guards = (guard for change in changes for guard in change.guards)
    return [*tests(guards), *(operation for change in changes for operation in change.operations)]


def tests(guards: Iterable[Guard]) -> list[Op]:
    """A test for each guard, but for those that lie inside another's value."""
    expected = dict(guards)
    return [
        {"op": "test", "path": pointer(path), "value": value}
        for path, value in expected.items()
        if not any(path[:length] in expected for length in range(len(path)))
    ]


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
    return _run(document, operations)[1]


def deepest(failed: FailedTest) -> Iterator[FailedTest]:
    """The innermost places at which what is there is not what was expected."""
    expected, found = failed.expected, failed.found
    if isinstance(expected, dict) and isinstance(found, dict):
        keys: Iterable[Any] = dict.fromkeys((*expected, *found))
        pairs = [(key, expected.get(key), found.get(key, MISSING)) for key in keys]
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = [(index, *pair) for index, pair in enumerate(zip(expected, found, strict=True))]
    else:
        yield failed
        return
    for key, value, there in pairs:
        if not _passes(there, value):
            yield from deepest(FailedTest(failed.path + pointer((key,)), value, there))


def applied(document: Any, operations: Sequence[Op]) -> Any:
    """A copy of the document with our operations applied, in order, up to the first test that it does not pass."""
    return _run(document, operations)[0]


def _run(document: Any, operations: Sequence[Op]) -> tuple[Any, list[FailedTest]]:
    """What a document becomes, and the tests that it does not pass."""
    patched = copy.deepcopy(document)
    failed: list[FailedTest] = []
    for operation in operations:
        if operation["op"] == "test":
            value = look_up(patched, operation["path"])
            if not _passes(value, operation["value"]):
                failed.append(FailedTest(operation["path"], operation["value"], value))
        elif not failed and look_up(patched, _needed(operation)) is MISSING:
            failed.append(FailedTest(_needed(operation), ANYTHING, MISSING))
        elif not failed:
            _apply(patched, operation)
    return patched, failed


def _needed(operation: Op) -> str:
    """What must be there for an operation: what it removes or replaces, or what it adds to (RFC 6902, section 4)."""
    path = str(operation["path"])
    return path.rpartition("/")[0] if operation["op"] == "add" else path


def _passes(value: Any, expected: Any) -> bool:
    return value is MISSING if expected is None and value is MISSING else same(value, expected)


def _apply(document: Any, operation: Op) -> None:
    parent, _, last = operation["path"].rpartition("/")
    holder, key = look_up(document, parent), _unescaped(last)
    if operation["op"] == "remove":
        del holder[int(key) if isinstance(holder, list) else key]
    else:
        _put(holder, key, copy.deepcopy(operation["value"]), operation["op"] == "add")


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
    for key in keys(pointer):
        if isinstance(node, list) and key.isdigit() and int(key) < len(node):
            node = node[int(key)]
        elif isinstance(node, dict) and key in node:
            node = node[key]
        else:
            return MISSING
    return node


def pointer(path: Location) -> str:
    """A place as a JSON pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def keys(pointer: str) -> list[str]:
    """The keys and indices of a JSON pointer."""
    return [_unescaped(part) for part in pointer.split("/")[1:]]


def _unescaped(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~")


@dataclass(frozen=True)
class _Change:
    operations: tuple[Op, ...]
    guards: tuple[Guard, ...] = ()

    def inside(self, guard: Guard) -> _Change:
        """The same change, inside an item that is known by a guard."""
        return _Change(self.operations, (guard, *self.guards))


@dataclass(frozen=True)
class _Difference:
    """How two documents are compared: strictly, the old values are guarded too, but for places of one's own."""

    strict: bool
    own: frozenset[Location] = frozenset()

    def changes(self, before: Any, after: Any, path: Location) -> Iterator[_Change]:
        if same(before, after):
            return
        if path in self.own:
            yield _Change((_operation("add", path, after),))
        elif isinstance(before, dict) and isinstance(after, dict):
            yield from self._in_mapping(before, after, path)
        elif _aligned(before, after, path):
            yield from self._in_list(before, after, path)
        elif self.strict or _has_items(before):
            yield _Change((_operation("replace", path, after),), ((path, before),))
        else:
            yield _Change((_operation("add", path, after),))

    def _in_mapping(self, before: dict[str, Any], after: dict[str, Any], path: Location) -> Iterator[_Change]:
        for key in before:
            if key in after:
                yield from self.changes(before[key], after[key], (*path, key))
        for key, value in before.items():
            if key not in after:
                yield from self._removal(value, (*path, key))
        for key, value in after.items():
            if key not in before:
                is_guarded = self.strict and (*path, key) not in self.own
                guards = (((*path, key), None),) if is_guarded else ()
                yield _Change((_operation("add", (*path, key), value),), guards)

    def _removal(self, value: Any, path: Location) -> Iterator[_Change]:
        """A key goes; on a way back whatever it holds, unless that is a list with items of others by then."""
        if path in self.own:
            yield _Change((_operation("add", path, None), _operation("remove", path)))
        elif self.strict or (_has_items(value) and _identities(value, path) is None):
            yield _Change((_operation("remove", path),), ((path, value),))
        elif _has_items(value):
            items = list(self._in_list(value, [], path))
            emptied = (_operation("test", path, []), _operation("remove", path))
            yield _Change(
                (*(operation for item in items for operation in item.operations), *emptied),
                tuple(guard for item in items for guard in item.guards),
            )
        else:  # added first, so that it is there to be removed
            yield _Change((_operation("add", path, None), _operation("remove", path)))

    def _in_list(self, before: list[Any], after: list[Any], path: Location) -> Iterator[_Change]:
        old, new = _identities(before, path) or [], _identities(after, path) or []
        for index, name in enumerate(old):
            if name in new:
                for change in self.changes(before[index], after[new.index(name)], (*path, index)):
                    yield change.inside(_identity_guard(before, index, path))
        for index in reversed(range(len(old))):
            if old[index] not in new:
                guard = _identity_guard(before, index, path)
                yield _Change((_operation("remove", (*path, index)),), (guard,))
        for index, name in enumerate(new):
            if name not in old:
                following = next((old.index(later) for later in new[index + 1 :] if later in old), None)
                yield _addition(before, following, index, after[index], path)


def _operation(op: str, path: Location, *value: Any) -> Op:
    return {"op": op, "path": pointer(path), **({"value": value[0]} if value else {})}


def _has_items(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _naming(item: dict[str, Any], path: Location) -> Location:
    """Where in an item of a list stands what tells it from the others; nowhere where only all of it does."""
    if "name" in item:
        return ("name",)
    if path[-1:] == ("rules",) and "matches" in item:
        return ("matches",)
    if path[-1:] == ("rules",) and item.get("backendRefs"):
        return ("backendRefs", 0, "name")
    if path[-1:] == ("filters",) and "requestMirror" in item:
        return ("requestMirror", "backendRef", "name")
    numbers = [key for key in ("port", "containerPort") if path[-1:] == ("ports",) and key in item]
    return (numbers[0],) if numbers else ()


def _identities(items: Any, path: Location) -> list[str] | None:
    """What tells a list's items apart; None where nothing does."""
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        return None
    identities = [_identity(item, path) for item in items]
    return identities if len(set(identities)) == len(identities) else None


def _identity(item: dict[str, Any], path: Location) -> str:
    naming = _naming(item, path)
    return json.dumps([naming, look_up(item, pointer(naming))], sort_keys=True, default=str)


def _identity_guard(items: list[Any], index: int, path: Location) -> Guard:
    naming = _naming(items[index], path)
    return (*path, index, *naming), look_up(items[index], pointer(naming))


def _aligned(before: Any, after: Any, path: Location) -> bool:
    """Whether what two lists have in common stands in the same order in both."""
    old, new = _identities(before, path), _identities(after, path)
    if old is None or new is None:
        return False
    return [item for item in old if item in new] == [item for item in new if item in old]


def _addition(before: list[Any], following: int | None, index: int, item: Any, path: Location) -> _Change:
    """A new item goes before the next one that was there already, or behind the last."""
    if following is not None:
        guard = _identity_guard(before, following, path)
        return _Change((_operation("add", (*path, index), item),), (guard,))
    last = _identity_guard(before, len(before) - 1, path) if before else (path, [])
    return _Change((_operation("add", (*path, "-"), item),), (last,))
