"""A policy that hangs on a rule by its name does not hold for the rule's clone, which takes requests before it.

A rule for testers or for mirrored requests has the governed rule's matches and more, and a name of its own. Without the
policy there too, an authentication on the governed rule leaves a door open to whoever sends the testers' header. Any
object with `targetRef` or `targetRefs` counts as a policy; a policy of the same kind on the whole route covers both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from kubectl_canary.judging.lint.objects import (
    GATEWAY,
    ROUTES,
    Object,
    Objects,
    RouteRule,
    Violation,
    path_of,
    route_rules,
)
from kubectl_canary.judging.lint.targets import Target, Targets

GOVERNS = "kubectl-canary/governs"
UNNAMED = r"kubectl-canary-(testers|mirror)(-[0-9]+)?"

SEVERITY = "error"
SOURCE = "https://gateway-api.sigs.k8s.io/geps/gep-713/"
_ROUTE = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop}
spec:
  parentRefs: [{name: gw}]
  rules:
    - name: main-canary-testers-shop
      matches: [{path: {value: /}, headers: [{name: x-canary, value: "true"}]}]
      backendRefs: [{name: shop-canary, port: 80}]
    - name: main
      matches: [{path: {value: /}}]
      backendRefs: [{name: shop, port: 80, weight: 95}, {name: shop-canary, port: 80, weight: 5}]
---
apiVersion: gateway.example.com/v1
kind: LoginPolicy
metadata: {name: login}
spec:
  targetRefs:
    - {group: gateway.networking.k8s.io, kind: HTTPRoute, name: shop, sectionName: main}
"""
_ROUTE_OF_ANOTHER = _ROUTE.replace("main-canary-testers-shop", "beta")
PASSING = (
    _ROUTE
    + "    - {group: gateway.networking.k8s.io, kind: HTTPRoute, name: shop, sectionName: main-canary-testers-shop}\n",
    _ROUTE.replace(", sectionName: main", ""),
)
FAILING = (_ROUTE, _ROUTE_OF_ANOTHER)


def check(objects: Objects) -> Iterator[Violation]:
    """Policies on a rule by name that leave out a clone of it."""
    targets = Targets(objects)
    for target in targets.all:
        is_rule = target.group == GATEWAY and target.kind in ROUTES and target.section
        route = objects.find(target.kind, target.namespace, target.name) if is_rule else None
        if route is not None:
            yield from _of_route(targets, target, route)


def _of_route(targets: Targets, target: Target, route: Object) -> Iterator[Violation]:
    for clone in _clones(route, target.section or ""):
        if not targets.has_also(target, target.name, clone.name):
            said = f"`{clone.name}`" if clone.name else f"rules[{clone.number}], which has no name"
            message = (
                f"holds for the rule `{target.section}` and not for its clone {said}: requests get past it"
            )
            hint = f"target {said if clone.name else 'it'} too, or the whole {route.kind} without sectionName"
            yield target.policy.violation((*target.path, "sectionName"), message, hint)


def _clones(route: Object, name: str) -> Iterator[RouteRule]:
    """The clones of the rule of a name."""
    rules = route_rules(route)
    governed = next((rule for rule in rules if rule.name == name), None)
    if governed is not None:
        for rule in rules:
            if rule is not governed and (_is_named_so(rule, name) or _is_shaped_so(rule, governed)):
                yield rule


def _is_named_so(rule: RouteRule, governed: str) -> bool:
    governs = (rule.route.value["metadata"].get("annotations") or {}).get(GOVERNS)
    by_name = re.match(rf"{re.escape(governed)}-canary-(testers|mirror)(-[0-9]+)?(-|$)", rule.name)
    return bool(by_name or (governs == governed and re.fullmatch(UNNAMED, rule.name)))


def _is_shaped_so(rule: RouteRule, governed: RouteRule) -> bool:
    """Whether a rule takes a part of another's requests to a side that the other splits between."""
    sides = [backend.key for backend in governed.backends[1:]]
    goes_to_sides = bool(rule.backends) and all(backend.key in sides for backend in rule.backends)
    return goes_to_sides and all(
        any(_narrows(match, other) for _, other in governed.matches) for _, match in rule.matches
    )


def _narrows(match: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether a match is the other and more headers or query parameters."""
    (rest, conditions), (others, fewer) = _parted(match), _parted(other)
    return rest == others and len(conditions) > len(fewer) and all(one in conditions for one in fewer)


def _parted(match: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A match without its headers and query parameters, with defaults, and these."""
    rest = {key: value for key, value in match.items() if key not in ("headers", "queryParams", "path")}
    headers = [
        {"type": "Exact", **header, "name": header["name"].lower()} for header in match.get("headers") or []
    ]
    parameters = [{"type": "Exact", "in": "query", **one} for one in match.get("queryParams") or []]
    return {**rest, "path": path_of(match)}, [*headers, *parameters]
