"""A rule sends requests to the canary and mirrors others to it: two changes in one phase.

Its error rate and latency then mix real requests with copies whose answers nobody reads, and its load is neither the
share nor the mirror. One phase should change one thing: mirror first, then split.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.judging.lint.objects import Objects, Violation, backends, rules

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
    for route in objects.routes:
        for number, (rule, group) in enumerate(zip(rules(route), backends(route), strict=True)):
            served = {(backend.namespace, backend.value["name"]) for backend in group if backend.weight > 0}
            if len(group) < 2:
                continue
            for index, route_filter in enumerate(rule.get("filters") or []):
                mirrored = (route_filter.get("requestMirror") or {}).get("backendRef") or {}
                if (mirrored.get("namespace") or route.namespace, mirrored.get("name")) in served:
                    path = ("spec", "rules", number, "filters", index, "requestMirror", "backendRef")
                    message = f"mirrors to {mirrored['name']}, which has a share of the same requests"
                    yield route.violation(path, message, "mirror in one phase, split in the next")
