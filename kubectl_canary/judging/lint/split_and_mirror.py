"""A rule sends requests to the canary and mirrors others to it: two changes in one phase.

Its error rate and latency then mix real requests with copies whose answers nobody reads, and its load is neither the
share nor the mirror. One phase should change one thing: mirror first, then split.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.judging.lint.objects import Objects, RouteRule, Violation

SEVERITY = "warning"
SOURCE = "https://gateway-api.sigs.k8s.io/guides/http-request-mirroring/"
PASSING = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: shop
spec:
  parentRefs: [{name: gw}]
  rules:
    - filters:
        - type: RequestMirror
          requestMirror: {backendRef: {name: shop-canary, port: 80}}
      backendRefs:
        - {name: shop, port: 80, weight: 95}
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
    - filters:
        - type: RequestMirror
          requestMirror: {backendRef: {name: shop-canary, port: 80}}
      backendRefs:
        - {name: shop, port: 80, weight: 95}
        - {name: shop-canary, port: 80, weight: 5}
"""


def check(objects: Objects) -> Iterator[Violation]:
    """Rules that mirror to a backend of theirs which has a share already."""
    for rule in objects.route_rules:
        if len(rule.backends) > 1:
            yield from _of_rule(rule)


def _of_rule(rule: RouteRule) -> Iterator[Violation]:
    served = {(backend.points_into, backend.name) for backend in rule.backends if backend.weight > 0}
    for path, route_filter in rule.filters:
        mirrored = (route_filter.get("requestMirror") or {}).get("backendRef") or {}
        if (mirrored.get("namespace") or rule.route.namespace, mirrored.get("name")) in served:
            message = f"mirrors to {mirrored['name']}, which has a share of the same requests"
            hint = "mirror in one phase, split in the next"
            yield rule.route.violation((*path, "requestMirror", "backendRef"), message, hint)
