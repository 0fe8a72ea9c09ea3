"""A certificate in another namespace needs a ReferenceGrant there, for Gateways of this namespace.

Without one the listener has no certificate and is not programmed: clients get no handshake. Looked at only where the
set has something of that namespace, or a ReferenceGrant: else grants are kept somewhere else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubectl_canary.findings import Path
from kubectl_canary.judging.lint.objects import GATEWAY, Object, Objects, Violation

SEVERITY = "error"
SOURCE = "https://gateway-api.sigs.k8s.io/reference/spec/#secretobjectreference"
_GATEWAY = """\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: infra}
spec:
  gatewayClassName: istio
  listeners:
    - name: https
      port: 443
      protocol: HTTPS
      tls: {certificateRefs: [{name: shop-tls, namespace: web}]}
"""
_GRANT = """\
---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: certificates, namespace: web}
spec:
  from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: infra}]
  to: [{group: "", kind: Secret, name: shop-tls}]
"""
_NAMESPACE = """\
---
apiVersion: v1
kind: Namespace
metadata: {name: web}
"""
PASSING = (_GATEWAY + _GRANT, _GATEWAY)
FAILING = (_GATEWAY + _NAMESPACE, _GATEWAY + _GRANT.replace("namespace: infra", "namespace: edge"))


def check(objects: Objects) -> Iterator[Violation]:
    """Certificates in other namespaces that no ReferenceGrant of the set allows."""
    for gateway in objects.of_kind("Gateway", "ListenerSet"):
        for path, ref in _certificates(gateway) if gateway.group == GATEWAY else ():
            namespace = ref.get("namespace") or gateway.namespace
            is_elsewhere = namespace != gateway.namespace and _is_shown(objects, gateway, namespace)
            if is_elsewhere and not _is_granted(objects, gateway, ref):
                message = f"no ReferenceGrant in {namespace} lets this {gateway.kind} have the certificate"
                hint = f"add one in {namespace}, from {gateway.kind}s of this namespace to this Secret"
                yield gateway.violation((*path, "namespace"), message, hint)


def _certificates(gateway: Object) -> Iterator[tuple[Path, dict[str, Any]]]:
    for index, listener in enumerate(gateway.spec.get("listeners") or []):
        for number, ref in enumerate((listener.get("tls") or {}).get("certificateRefs") or []):
            yield ("spec", "listeners", index, "tls", "certificateRefs", number), ref


def _is_shown(objects: Objects, gateway: Object, namespace: str) -> bool:
    """Whether a missing grant would be in the set. A grant may be for the namespace that kubectl will decide."""
    if not gateway.namespace and objects.in_namespace(namespace, "ReferenceGrant"):
        return False
    return namespace in objects.namespaces or bool(objects.of_kind("ReferenceGrant"))


def _is_granted(objects: Objects, gateway: Object, ref: dict[str, Any]) -> bool:
    group, kind = ref.get("group", ""), ref.get("kind", "Secret")
    return objects.is_granted(gateway, group, kind, ref["namespace"], ref["name"])
