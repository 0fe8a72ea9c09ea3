"""A backend that cannot be resolved answers 500 for its share of the requests.

Looked at only where the set has Services of that namespace: else they are somewhere else.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.judging.lint.objects import Backend, Objects, Violation

SEVERITY = "error"
SOURCE = "https://gateway-api.sigs.k8s.io/reference/spec/#httpbackendref"
PASSING = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: shop
spec:
  parentRefs: [{name: gw}]
  rules:
    - backendRefs: [{name: shop, port: 80}]
---
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {ports: [{port: 80}]}
"""
FAILING = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: shop
spec:
  parentRefs: [{name: gw}]
  rules:
    - backendRefs: [{name: shop, port: 8080}]
---
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {ports: [{port: 80}]}
"""


def check(objects: Objects) -> Iterator[Violation]:
    """Backends whose Service, or the Service's port, is not in the set."""
    for backend in objects.backends:
        if backend.is_service and objects.in_namespace(backend.points_into, "Service"):
            yield from _of_backend(objects, backend)


def _of_backend(objects: Objects, backend: Backend) -> Iterator[Violation]:
    name, port = backend.name, backend.port
    service = objects.find("Service", backend.points_into, name)
    if service is None:
        yield backend.route.violation(
            (*backend.path, "name"), f"no Service `{name}` here: its share gets errors"
        )
        return
    ports = [service_port["port"] for service_port in service.spec.get("ports") or []]
    if port is not None and ports and port not in ports:
        has = ", ".join(map(str, ports))
        message = f"Service {name} has no port {port}, it has {has}: its share gets errors"
        yield backend.route.violation((*backend.path, "port"), message)
