"""A policy that hangs on the stable Service does not hold for the canary's, which has another name.

TLS to the canary is then not verified, its health is not checked, its time-outs are others: the canary shows what it
is without the policy, not what its code does. Any object with `targetRef` or `targetRefs` counts as a policy.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.judging.lint.objects import Objects, Violation
from kubectl_canary.judging.lint.targets import Targets

SEVERITY = "warning"
SOURCE = "https://gateway-api.sigs.k8s.io/reference/spec/#backendtlspolicy"
_ROUTE = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop}
spec:
  parentRefs: [{name: gw}]
  rules:
    - backendRefs: [{name: shop, port: 443, weight: 95}, {name: shop-canary, port: 443, weight: 5}]
"""
_POLICY = """\
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: shop}
spec:
  targetRefs: [{group: "", kind: Service, name: shop}]
  validation: {wellKnownCACertificates: System, hostname: shop.example.com}
"""
_FOREIGN = """\
---
apiVersion: gateway.example.com/v1
kind: TimeoutPolicy
metadata: {name: shop}
spec: {targetRef: {group: "", kind: Service, name: shop-stable}, timeout: 5s}
"""
_BOTH = _POLICY.replace("name: shop}]", 'name: shop}, {group: "", kind: Service, name: shop-canary}]')
PASSING = (_ROUTE + _BOTH, _ROUTE.replace("shop-canary", "other") + _POLICY)
FAILING = (_ROUTE + _POLICY, _ROUTE.replace("{name: shop,", "{name: shop-stable,") + _FOREIGN)


def check(objects: Objects) -> Iterator[Violation]:
    """Policies on a Service beside which there is a canary's that none of their kind holds for."""
    targets = Targets(objects)
    services = {(service.namespace, service.name) for service in objects.of_kind("Service")}
    services |= {(backend.points_into, backend.name) for backend in objects.backends}
    for target in targets.all:
        canary = f"{target.name.removesuffix('-stable')}-canary"
        is_service = (target.group, target.kind) == ("", "Service")
        is_there = (target.namespace, canary) in services
        if is_service and is_there and not targets.has_also(target, canary, target.section):
            message = f"holds for the Service {target.name} and not for {canary}: the canary goes without it"
            yield target.policy.violation((*target.path, "name"), message, f"target {canary} too")
