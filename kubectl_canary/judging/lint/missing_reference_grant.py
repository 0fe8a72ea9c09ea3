"""A backend in another namespace needs a ReferenceGrant there, for the route's kind and namespace.

Without one its share answers 500. The grant may be kept somewhere else: then ignore this rule.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.judging.lint.objects import Backend, Objects, Violation

SEVERITY = "warning"
SOURCE = "https://gateway-api.sigs.k8s.io/reference/spec/#referencegrant"
PASSING = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: shop
spec:
  parentRefs: [{name: gw}]
  rules:
    - backendRefs: [{name: shop, port: 80}]
"""
FAILING = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: shop
spec:
  parentRefs: [{name: gw}]
  rules:
    - backendRefs: [{name: shop, namespace: other, port: 80}]
"""


def check(objects: Objects) -> Iterator[Violation]:
    """Backends in other namespaces that no ReferenceGrant of the set allows."""
    for backend in objects.backends:
        route = backend.route
        if backend.points_into != route.namespace and not _is_granted(objects, backend):
            message = f"no ReferenceGrant in {backend.points_into} lets this {route.kind} in"
            hint = "without one its share gets errors"
            yield route.violation((*backend.path, "namespace"), message, hint)


def _is_granted(objects: Objects, backend: Backend) -> bool:
    group, kind, namespace, name, _ = backend.key
    return objects.is_granted(backend.route, group, kind, namespace, name)
