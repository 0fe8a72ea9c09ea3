"""Kubernetes' strategic merge patch, for values that stand in the canary file.

Maps are merged, and null removes a key. Lists with a merge key are merged item by item and new items are appended;
other lists are replaced. `$patch: delete` and `$patch: replace` work on maps and items, `$retainKeys` on maps.

Source: https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/, and the keys
x-kubernetes-patch-merge-key and x-kubernetes-patch-strategy of Kubernetes' own OpenAPI.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubectl_canary.api import catalog
from kubectl_canary.api.builtin.quantity import parsed
from kubectl_canary.api.equality import MISSING, same
from kubectl_canary.findings import Path
from kubectl_canary.records import dataclass

AMOUNTS = ("limits", "requests")
DIRECTIVE, RETAIN = "$patch", "$retainKeys"
DELETE, REPLACE, MERGE = "delete", "replace", "merge"
FILES = {
    "Deployment": "deployment-apps-v1.json",
    "HorizontalPodAutoscaler": "horizontalpodautoscaler-autoscaling-v2.json",
    "PodDisruptionBudget": "poddisruptionbudget-policy-v1.json",
    "Service": "service-v1.json",
}
MERGE_KEY, STRATEGY = "x-kubernetes-patch-merge-key", "x-kubernetes-patch-strategy"


@dataclass(frozen=True)
class Place:
    """A place in the canary file, and what its schema says of merging there."""

    schema: dict[str, Any]
    file: str

    @classmethod
    def of_kind(cls, kind: str, kubernetes: str) -> Place:
        """The place of an object of one of Kubernetes' own kinds that a release has."""
        return cls({"$ref": FILES[kind]}, f"kubernetes/{kubernetes}/").followed()

    @classmethod
    def at(cls, path: Path) -> Place:
        """The place at a path of the canary file."""
        return cls(*(catalog.schema_and_file(path) or ({}, catalog.CANARY)))

    def below(self, key: str) -> Place:
        """The place of a key, or of a list's items."""
        schema, file = self.schema, self.file
        child = schema.get("properties", {}).get(key, schema.get("additionalProperties"))
        return Place(child if isinstance(child, dict) else {}, file).followed()

    def items(self) -> Place:
        """The place of a list's items."""
        return Place(self.schema.get("items") or {}, self.file).followed()

    def followed(self) -> Place:
        """The same where the schema only refers to another; what stands beside the reference is kept."""
        schema, file = self.schema, self.file
        while "$ref" in schema:
            beside = {key: value for key, value in schema.items() if key != "$ref"}
            target, file = catalog.follow(schema["$ref"], file)
            schema = {**target, **beside}
        return Place(schema, file)

    @property
    def merge_key(self) -> str | None:
        """What tells the items of a list apart; None where the list is replaced whole."""
        strategy = str(self.schema.get(STRATEGY, "")).split(",")
        return self.schema.get(MERGE_KEY) if MERGE in strategy else None


def problems(patch: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """The directives in a patch that we do not follow, with their places."""
    if isinstance(patch, dict):
        yield from _beside_retained(patch, path)
        for key, value in patch.items():
            if key == DIRECTIVE and value not in (DELETE, REPLACE, MERGE):
                yield (*path, key), f"`{value}` is no directive; known are {DELETE}, {REPLACE} and {MERGE}"
            elif key == RETAIN and not _are_texts(value):
                yield (*path, key), "expected the names of the keys to keep"
            elif key.startswith("$") and key not in (DIRECTIVE, RETAIN):
                yield (*path, key), f"`{key}` is not followed here; known are `{DIRECTIVE}` and `{RETAIN}`"
            yield from problems(value, (*path, key))
    elif isinstance(patch, list):
        for index, item in enumerate(patch):
            yield from problems(item, (*path, index))


def _beside_retained(patch: dict[str, Any], path: Path) -> Iterator[tuple[Path, str]]:
    """Keys that a patch sets and does not keep: kubectl refuses them too."""
    retained = patch.get(RETAIN)
    if isinstance(retained, list):
        for key in patch:
            if not key.startswith("$") and key not in retained:
                yield (*path, key), f"`{RETAIN}` beside it does not keep `{key}`; add it there"


def merged(value: Any, patch: Any, place: Place) -> Any:
    """The value with the patch laid over it; neither is changed."""
    if isinstance(patch, dict):
        return _merged_maps(value if isinstance(value, dict) else {}, patch, place)
    if isinstance(patch, list) and place.merge_key and all(isinstance(item, dict) for item in patch):
        return _merged_lists(value if isinstance(value, list) else [], patch, place)
    return patch


def _merged_maps(value: dict[str, Any], patch: dict[str, Any], place: Place) -> dict[str, Any]:
    directive, retained = patch.get(DIRECTIVE), patch.get(RETAIN)
    changes = {key: child for key, child in patch.items() if key not in (DIRECTIVE, RETAIN)}
    if directive == DELETE:
        return {}
    kept = {} if directive == REPLACE else value
    merged_map = {key: child for key, child in kept.items() if retained is None or key in retained}
    for key, child in changes.items():
        if child is None:
            merged_map.pop(key, None)
        else:
            merged_map[key] = merged(merged_map.get(key), child, place.below(key))
    return merged_map


def _merged_lists(value: list[Any], patch: list[dict[str, Any]], place: Place) -> list[Any]:
    if any(set(item) == {DIRECTIVE} and item[DIRECTIVE] == REPLACE for item in patch):
        return [item for item in patch if set(item) != {DIRECTIVE}]
    key, items = place.merge_key, place.items()
    merged_list = list(value)
    for item in patch:
        name = item.get(str(key))
        places = [
            index
            for index, known in enumerate(merged_list)
            if isinstance(known, dict) and known.get(str(key)) == name
        ]
        if item.get(DIRECTIVE) == DELETE:
            merged_list = [known for index, known in enumerate(merged_list) if index not in places]
        elif places:
            merged_list[places[0]] = merged(merged_list[places[0]], item, items)
        else:
            merged_list.append(merged({}, item, items))
    return merged_list


def difference(value: Any, wanted: Any, place: Place) -> Any:
    """The patch that makes a value another one: `merged` of the two is that. An empty map where they are the same.

    Neither has null in it, which a patch takes for nothing.
    """
    if same(value, wanted):
        return {}
    if isinstance(value, dict) and isinstance(wanted, dict):
        gone = dict.fromkeys(key for key in value if key not in wanted)
        changed = (key for key, child in wanted.items() if not same(value.get(key, MISSING), child))
        return {**gone, **{key: difference(value.get(key), wanted[key], place.below(key)) for key in changed}}
    if isinstance(value, list) and isinstance(wanted, list) and place.merge_key:
        return _difference_of_lists(value, wanted, place, place.merge_key)
    return wanted


def _difference_of_lists(value: list[Any], wanted: list[Any], place: Place, key: str) -> list[Any]:
    """The items to change, to add and to delete; all of them where that would leave another order."""
    if not all(isinstance(item, dict) and key in item for item in (*value, *wanted)):
        return [{DIRECTIVE: REPLACE}, *wanted] if all(isinstance(item, dict) for item in wanted) else wanted
    old, new = ({item[key]: item for item in side} for side in (value, wanted))
    changed = [
        {key: name, **difference(old[name], item, place.items())} if name in old else item
        for name, item in new.items()
        if not same(old.get(name, MISSING), item)
    ]
    deleted = [{key: name, DIRECTIVE: DELETE} for name in old if name not in new]
    patch = [*changed, *deleted]
    return patch if same(merged(value, patch, place), wanted) else [{DIRECTIVE: REPLACE}, *wanted]


def carried(live: Any, before: Any, after: Any, place: Place) -> Any:
    """The live value with what differs between two planned ones, `before` and `after`; the rest stays as it is.

    MISSING stands for nothing. What both plans agree on is the cluster's: a default, or an edit of somebody.
    """
    if same(before, after):
        return live
    if isinstance(after, dict):
        return _carried_maps(live, before if isinstance(before, dict) else {}, after, place)
    if isinstance(after, list) and place.merge_key and isinstance(live, list):
        return _carried_lists(live, before if isinstance(before, list) else [], after, place)
    return live if shows(live, after) else after


def differences(old: Any, new: Any, live: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Each innermost place at which two planned values differ: what either has there, and what is live."""
    if same(old, new):
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys((*old, *new)):
            there = live.get(key, MISSING) if isinstance(live, dict) else MISSING
            places = old.get(key, MISSING), new.get(key, MISSING), there
            if key not in AMOUNTS:
                yield from differences(*places)
            elif not same(*places[:2]):  # amounts are compared as such, by their key
                yield {key: places[0]}, {key: places[1]}, {key: places[2]}
    elif _are_named(old) and _are_named(new) and isinstance(live, list):
        sides = [{item.get("name"): item for item in side} for side in (old, new, live)]
        for name in dict.fromkeys((*sides[0], *sides[1])):
            yield from differences(*(side.get(name, MISSING) for side in sides))
    else:
        yield old, new, live


def is_at(live: Any, planned: Any) -> bool:
    """Whether what is live is what is planned; nothing is where nothing is planned."""
    return live is MISSING if planned is MISSING else shows(live, planned)


def _are_named(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) and "name" in item for item in value)


def shows(live: Any, planned: Any) -> bool:
    """Whether a live value has everything that is planned; it may have more, such as defaults."""
    if isinstance(planned, dict):
        return isinstance(live, dict) and all(
            _same_amounts(live.get(key, MISSING), value)
            if key in AMOUNTS
            else shows(live.get(key, MISSING), value)
            for key, value in planned.items()
        )
    if isinstance(planned, list):
        return isinstance(live, list) and len(live) == len(planned) and all(map(shows, live, planned))
    return same(live, planned)


def _same_amounts(live: Any, planned: Any) -> bool:
    """Whether resources are the same amounts: the server writes `1` where `1000m` was applied."""
    if not isinstance(live, dict) or not isinstance(planned, dict):
        return same(live, planned)
    try:
        return all(key in live and parsed(live[key]) == parsed(value) for key, value in planned.items())
    except ValueError:
        return False


def _carried_maps(live: Any, before: dict[str, Any], after: dict[str, Any], place: Place) -> dict[str, Any]:
    current = live if isinstance(live, dict) else {}
    carried_map = {key: value for key, value in current.items() if key in after or key not in before}
    for key, value in after.items():
        if key in AMOUNTS and _same_amounts(current.get(key, MISSING), value):
            continue
        carried_map[key] = carried(
            current.get(key, MISSING), before.get(key, MISSING), value, place.below(key)
        )
    return {key: value for key, value in carried_map.items() if value is not MISSING}


def _carried_lists(live: list[Any], before: list[Any], after: list[Any], place: Place) -> list[Any]:
    key, items = str(place.merge_key), place.items()
    names = [[_identity(item, key) for item in side] for side in (live, before, after)]
    if any(len(set(side)) < len(side) for side in names):
        return live if shows(live, after) else after
    there, known, planned = (
        dict(zip(*pair, strict=True)) for pair in zip(names, (live, before, after), strict=True)
    )
    carried_list = [
        carried(item, known.get(name, MISSING), planned.get(name, MISSING), items)
        for name, item in there.items()
        if name in planned or name not in known
    ]
    return [*carried_list, *(item for name, item in planned.items() if name not in there)]


def _identity(item: dict[str, Any], key: str) -> tuple[Any, ...]:
    """What tells an item of a live list from the others: ports by their protocol too, spreads by what they forbid."""
    return item.get(key), item.get("protocol", "TCP"), item.get("whenUnsatisfiable")


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
