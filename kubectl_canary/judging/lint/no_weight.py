"""A rule whose weights are all 0 sends its requests nowhere.

Every request gets an error, and some data planes refuse their whole configuration for it.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.judging.lint.objects import Objects, Violation

SEVERITY = "error"
SOURCE = "https://gateway-api.sigs.k8s.io/reference/spec/#backendref"
PASSING = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: shop
spec:
  parentRefs: [{name: gw}]
  rules:
    - backendRefs:
        - {name: shop, port: 80, weight: 100}
        - {name: shop-canary, port: 80, weight: 0}
"""
FAILING = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: shop
spec:
  parentRefs: [{name: gw}]
  rules:
    - backendRefs:
        - {name: shop, port: 80, weight: 0}
"""


def check(objects: Objects) -> Iterator[Violation]:
    """Rules with backends that have no weight."""
    for rule in objects.route_rules:
        if rule.backends and not rule.weight:
            message = "all weights are 0: every request to this rule gets an error"
            yield rule.route.violation(rule.path, message)
