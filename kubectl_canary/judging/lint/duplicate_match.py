"""Of two equal matches only one gets the requests: in a route the earlier rule, between routes the older route."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from kubectl_canary.judging.lint.objects import (
    Object,
    Objects,
    Violation,
    hostnames,
    parents,
    path_of,
    route_matches,
)

SEVERITY = "warning"
SOURCE = "https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule"
PASSING = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: shop
spec:
  parentRefs: [{name: gw}]
  rules:
    - matches: [{path: {value: /a}}]
      backendRefs: [{name: shop, port: 80}]
    - matches: [{path: {value: /b}}]
      backendRefs: [{name: shop, port: 80}]
"""
FAILING = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: shop
spec:
  parentRefs: [{name: gw}]
  rules:
    - matches: [{path: {value: /a}}]
      backendRefs: [{name: shop, port: 80}]
    - matches: [{path: {type: PathPrefix, value: /a}}]
      backendRefs: [{name: shop, port: 80}]
"""


def check(objects: Objects) -> Iterator[Violation]:
    """Matches that an earlier rule has, or another route of the same parent and hostname."""
    seen: dict[tuple[object, ...], tuple[Object, int]] = {}
    for route in objects.routes:
        for path, match in route_matches(route):
            identity = json.dumps(_normal(match, route.kind), sort_keys=True)
            keys: list[tuple[object, ...]] = [
                (route.kind, parent, name, identity) for parent in parents(route) for name in hostnames(route)
            ]
            keys = keys or [(route.kind, route.number, identity)]
            first = next((seen[key] for key in keys if key in seen), None)
            for key in keys:
                seen.setdefault(key, (route, int(path[2])))
            if first is not None and (first[0] is route or not _is_same(first[0], route)):
                yield route.violation(path, _message(route, *first))


def _is_same(route: Object, other: Object) -> bool:
    """Whether two documents are the same object: the second takes the place of the first."""
    return (route.namespace, route.name) == (other.namespace, other.name)


def _message(route: Object, first: Object, rule_number: int) -> str:
    if first is route:
        return f"rules[{rule_number}] has this match too, and comes first: this one never wins"
    return f"{first.kind} {first.name} has this match too: only the older route gets the requests"


def _normal(match: dict[str, Any], kind: str) -> dict[str, Any]:
    """A match with its defaults, and its conditions in a fixed order."""
    normal = {**match}
    if kind == "HTTPRoute":
        kind_of_path, value = path_of(match)
        # `/a` and `/a/` are the same prefix
        normal["path"] = kind_of_path, value.rstrip("/") if kind_of_path == "PathPrefix" else value
    for key in ("headers", "queryParams"):
        items = [
            {"type": "Exact", **condition, "name": condition["name"].lower()}
            for condition in match.get(key) or []
        ]
        normal[key] = sorted(items, key=lambda condition: str(condition["name"]))
    return normal
