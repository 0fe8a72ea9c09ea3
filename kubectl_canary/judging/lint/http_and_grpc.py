"""An HTTPRoute and a GRPCRoute on one hostname of one listener: one of them is refused.

Implementations must reject the newer one, whole.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.judging.lint.objects import Objects, Violation, hostnames, parents

SEVERITY = "warning"
SOURCE = "https://gateway-api.sigs.k8s.io/reference/spec/#grpcroute"
PASSING = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: shop
spec:
  parentRefs: [{name: gw}]
  hostnames: [a.example.com]
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: rpc}
spec: {parentRefs: [{name: gw}], hostnames: [b.example.com]}
"""
FAILING = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: shop
spec:
  parentRefs: [{name: gw}]
  hostnames: [a.example.com]
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: rpc}
spec: {parentRefs: [{name: gw}], hostnames: [a.example.com]}
"""


def check(objects: Objects) -> Iterator[Violation]:
    """GRPCRoutes that share a parent and a hostname with an HTTPRoute."""
    taken = {
        (parent, name): http
        for http in objects.of_kind("HTTPRoute")
        for parent in parents(http)
        for name in hostnames(http)
    }
    for grpc in objects.of_kind("GRPCRoute"):
        both = [(parent, name) for parent in parents(grpc) for name in hostnames(grpc)]
        shared = sorted({name: taken[key] for key in both for name in key[1:] if key in taken}.items())
        for name, http in shared[:1]:
            message = f"HTTPRoute {http.name} has the hostname `{name}` on the same parent: one is refused"
            yield grpc.violation(("spec", "hostnames"), message, "give them different hostnames")
