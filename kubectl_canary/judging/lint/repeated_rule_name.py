"""Rule names tell rules apart, in policies and in status. Two of the same name cannot be told apart.

The standard channel checks it only since v1.7.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.judging.lint.objects import Objects, Violation, route_rules

SEVERITY = "warning"
SOURCE = "https://gateway-api.sigs.k8s.io/geps/gep-995/"
PASSING = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: shop
spec:
  parentRefs: [{name: gw}]
  rules:
    - {name: a, matches: [{path: {value: /a}}], backendRefs: [{name: shop, port: 80}]}
    - {name: b, matches: [{path: {value: /b}}], backendRefs: [{name: shop, port: 80}]}
"""
FAILING = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: shop
spec:
  parentRefs: [{name: gw}]
  rules:
    - {name: a, matches: [{path: {value: /a}}], backendRefs: [{name: shop, port: 80}]}
    - {name: a, matches: [{path: {value: /b}}], backendRefs: [{name: shop, port: 80}]}
"""


def check(objects: Objects) -> Iterator[Violation]:
    """Names of rules that an earlier rule has."""
    for route in objects.attached:
        seen: dict[str, int] = {}
        for rule in route_rules(route):
            if rule.name and seen.setdefault(rule.name, rule.number) != rule.number:
                message = f"rules[{seen[rule.name]}] is called `{rule.name}` too"
                yield route.violation((*rule.path, "name"), message)
