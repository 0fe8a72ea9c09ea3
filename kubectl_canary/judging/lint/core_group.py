"""The core group is written as an empty string. `core` is a group of that name, which nobody serves."""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.judging.lint.objects import Objects, Violation

SEVERITY = "error"
SOURCE = "https://gateway-api.sigs.k8s.io/reference/spec/#backendobjectreference"
PASSING = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: shop
spec:
  parentRefs: [{name: gw}]
  rules:
    - backendRefs: [{group: "", kind: Service, name: shop, port: 80}]
"""
FAILING = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: shop
spec:
  parentRefs: [{name: gw}]
  rules:
    - backendRefs: [{group: core, kind: Service, name: shop, port: 80}]
"""


def check(objects: Objects) -> Iterator[Violation]:
    """Backends of the group `core`."""
    for backend in objects.backends:
        if backend.group == "core":
            message = "no such group: the backend cannot be resolved, its share gets errors"
            hint = 'write `group: ""`, or leave it out'
            yield backend.route.violation((*backend.path, "group"), message, hint)
