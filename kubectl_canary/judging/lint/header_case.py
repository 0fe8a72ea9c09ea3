"""Two header matches whose names differ only in case are the same header.

The API server takes them for two, implementations look at the first one only.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.judging.lint.objects import Objects, Violation, route_matches

SEVERITY = "warning"
SOURCE = "https://gateway-api.sigs.k8s.io/reference/spec/#httpheadermatch"
PASSING = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: shop
spec:
  parentRefs: [{name: gw}]
  rules:
    - matches: [{headers: [{name: x-canary, value: "true"}, {name: x-user, value: "1"}]}]
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
    - matches: [{headers: [{name: x-canary, value: "true"}, {name: X-Canary, value: "1"}]}]
      backendRefs: [{name: shop, port: 80}]
"""


def check(objects: Objects) -> Iterator[Violation]:
    """Header names that stand in a match already, in another case."""
    for route in objects.routes:
        for path, match in route_matches(route):
            seen: dict[str, str] = {}
            for index, header in enumerate(match.get("headers") or []):
                first = seen.setdefault(header["name"].lower(), header["name"])
                if first != header["name"]:
                    message = f"`{header['name']}` is the header `{first}` again: only the first one counts"
                    yield route.violation((*path, "headers", index, "name"), message)
