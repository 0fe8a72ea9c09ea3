"""A hostname that no listener of the route's Gateways serves is never reached."""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.judging.lint.objects import Object, Objects, Violation, listeners, parents

SEVERITY = "warning"
SOURCE = "https://gateway-api.sigs.k8s.io/reference/spec/#listener"
PASSING = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: shop
spec:
  parentRefs: [{name: gw}]
  hostnames: [shop.example.com]
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec: {gatewayClassName: a, listeners: [{name: http, port: 80, protocol: HTTP, hostname: "*.example.com"}]}
"""
FAILING = (
    """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: shop
spec:
  parentRefs: [{name: gw}]
  hostnames: [shop.example.org]
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec: {gatewayClassName: a, listeners: [{name: http, port: 80, protocol: HTTP, hostname: "*.example.com"}]}
""",
    """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: shop
spec:
  parentRefs: [{name: gw}]
  hostnames: [example.com, shopexample.com]
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec: {gatewayClassName: a, listeners: [{name: http, port: 80, protocol: HTTP, hostname: "*.example.com"}]}
""",
)


def check(objects: Objects) -> Iterator[Violation]:
    """Hostnames outside those of every listener, where all parents are Gateways of the set."""
    for route in objects.attached:
        served = _served(objects, route)
        for index, name in enumerate(route.spec.get("hostnames") or []):
            if served and not any(_meet(name, listener) for listener in served):
                message = f"no listener serves `{name}`; they serve {', '.join(f'`{hostname}`' for hostname in served)}"
                yield route.violation(("spec", "hostnames", index), message)


def _served(objects: Objects, route: Object) -> list[str]:
    """The hostnames of the listeners that a route names; none where a parent is not in the set."""
    served: list[str] = []
    for parent in parents(route):
        gateway = objects.gateway(parent)
        if gateway is None:
            return []
        served += [listener.get("hostname") or "*" for listener in listeners(gateway, parent)]
    return served


def _meet(hostname: str, other: str) -> bool:
    """Whether two hostnames, perhaps with a wildcard each, have a name in common."""
    if "*" in (hostname, other) or hostname == other:
        return True
    return _covers(hostname, other) or _covers(other, hostname)


def _covers(wildcard: str, name: str) -> bool:
    return wildcard.startswith("*.") and name.removeprefix("*").endswith(wildcard[1:])
