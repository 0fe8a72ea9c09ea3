"""An HTTPRoute and a GRPCRoute on one hostname of one listener: one of them is refused.

Implementations must reject the newer one, whole.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.lint.world import Complaint, World, hostnames, parents

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


def check(world: World) -> Iterator[Complaint]:
    """GRPCRoutes that share a parent and a hostname with an HTTPRoute."""
    for grpc in world.of("GRPCRoute"):
        for http in world.of("HTTPRoute"):
            names = sorted(set(hostnames(grpc)) & set(hostnames(http)))
            if names and set(parents(grpc)) & set(parents(http)):
                message = (
                    f"HTTPRoute {http.name} has the hostname `{names[0]}` on the same parent: one is refused"
                )
                yield grpc.complaint(("spec", "hostnames"), message, "give them different hostnames")
