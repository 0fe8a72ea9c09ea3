"""Two rules of a route split between the same two Services, and not in the same way.

A user then meets the canary on one page and not on the next one. It is right only where it is meant.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from kubectl_canary.judging.lint.objects import Object, Objects, RouteRule, Violation, route_rules

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
    """Rules whose split differs from the first rule's between the same backends."""
    for route in objects.attached:
        yield from _in_route(route)


def _in_route(route: Object) -> Iterator[Violation]:
    first: dict[frozenset[object], tuple[int, dict[object, Fraction]]] = {}
    for rule in route_rules(route):
        if len(rule.backends) < 2 or not rule.weight:
            continue
        split = _split(rule)
        number, expected = first.setdefault(frozenset(split), (rule.number, split))
        if split != expected:
            message = f"splits otherwise than rules[{number}], between the same backends"
            yield route.violation((*rule.path, "backendRefs"), message, "give both rules the same weights")


def _split(rule: RouteRule) -> dict[object, Fraction]:
    split: dict[object, Fraction] = {}
    for backend in rule.backends:
        split[backend.key] = split.get(backend.key, Fraction(0)) + Fraction(backend.weight, rule.weight)
    return split
