"""A hostname of a route is a DNS name. An IP address passes the pattern and is refused by the specification."""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.api.formats import IPV4
from kubectl_canary.judging.lint.objects import Objects, Violation

SEVERITY = "error"
SOURCE = "https://gateway-api.sigs.k8s.io/reference/spec/#hostname"
PASSING = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: shop
spec:
  parentRefs: [{name: gw}]
  hostnames: [shop.example.com]
"""
FAILING = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: shop
spec:
  parentRefs: [{name: gw}]
  hostnames: [10.0.0.1]
"""


def check(objects: Objects) -> Iterator[Violation]:
    """Hostnames that are IPv4 addresses."""
    for route in objects.attached:
        for index, name in enumerate(route.spec.get("hostnames") or []):
            if IPV4.match(name):
                message = f"`{name}` is an IP address: the route will never match"
                yield route.violation(
                    ("spec", "hostnames", index), message, "leave `hostnames` out to take all"
                )
