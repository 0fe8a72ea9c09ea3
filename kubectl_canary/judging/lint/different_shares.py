"""Two rules of a route split between the same two Services, and not in the same way.

A user then meets the canary on one page and not on the next one. It is right only where it is meant.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from kubectl_canary.judging.lint.objects import Backend, Object, Objects, Violation, backends

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
      backendRefs: [{name: shop, port: 80, weight: 90}, {name: shop-canary, port: 80, weight: 10}]
    - matches: [{path: {value: /b}}]
      backendRefs: [{name: shop, port: 80, weight: 9}, {name: shop-canary, port: 80, weight: 1}]
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
      backendRefs: [{name: shop, port: 80, weight: 90}, {name: shop-canary, port: 80, weight: 10}]
    - matches: [{path: {value: /b}}]
      backendRefs: [{name: shop, port: 80, weight: 50}, {name: shop-canary, port: 80, weight: 50}]
"""


def check(objects: Objects) -> Iterator[Violation]:
    """Rules whose split differs from the first one's between the same backends."""
    for route in objects.routes:
        yield from _in_route(route)


def _in_route(route: Object) -> Iterator[Violation]:
    first: dict[frozenset[object], tuple[int, dict[object, Fraction]]] = {}
    for group in backends(route):
        total = sum(backend.weight for backend in group)
        if len(group) < 2 or not total:
            continue
        split = _split(group, total)
        rule, expected = first.setdefault(frozenset(split), (group[0].rule_number, split))
        if split != expected:
            message = f"splits otherwise than rules[{rule}], between the same backends"
            yield route.violation(group[0].path[:4], message, "give both rules the same weights")


def _split(group: list[Backend], total: int) -> dict[object, Fraction]:
    split: dict[object, Fraction] = {}
    for backend in group:
        split[backend.key] = split.get(backend.key, Fraction(0)) + Fraction(backend.weight, total)
    return split
