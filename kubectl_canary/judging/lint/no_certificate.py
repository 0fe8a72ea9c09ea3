"""A listener that ends TLS and names no certificate has none: it is not programmed, clients get no handshake.

Where an implementation finds certificates in another way (`tls.options`, parameters of the Gateway, GKE's certificate
map), nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubectl_canary.judging.lint.objects import GATEWAY, Object, Objects, Violation

SEVERITY = "error"
SOURCE = "https://gateway-api.sigs.k8s.io/guides/user-guides/tls/"
PASSING = (
    """\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: istio
  listeners:
    - {name: https, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: shop-tls}]}}
    - {name: through, port: 8443, protocol: TLS, tls: {mode: Passthrough}}
""",
    """\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: gke-l7-global-external-managed
  listeners:
    - {name: https, port: 443, protocol: HTTPS, tls: {options: {networking.gke.io/pre-shared-certs: shop}}}
""",
)
FAILING = (
    """\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: istio
  listeners:
    - {name: https, port: 443, protocol: HTTPS}
""",
    """\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: istio
  listeners:
    - {name: http, port: 80, protocol: HTTP}
    - {name: shop, port: 443, protocol: HTTPS, hostname: shop.example.com, tls: {certificateRefs: [{name: shop-tls}]}}
    - {name: blog, port: 443, protocol: HTTPS, hostname: blog.example.com}
""",
)
CERTIFICATE_MAP = "networking.gke.io/certmap"


def check(objects: Objects) -> Iterator[Violation]:
    """Listeners that end TLS without a certificate."""
    for gateway in objects.of_kind("Gateway", "ListenerSet"):
        if gateway.group == GATEWAY and not _has_another_way(gateway):
            for index, listener in enumerate(gateway.spec.get("listeners") or []):
                if _ends_tls(listener) and not _has_certificate(listener):
                    message = "ends TLS and names no certificate: clients get no handshake"
                    hint = "set tls.certificateRefs to a Secret; ignore this where the implementation finds one itself"
                    yield gateway.violation(("spec", "listeners", index), message, hint)


def _ends_tls(listener: dict[str, Any]) -> bool:
    mode = (listener.get("tls") or {}).get("mode", "Terminate")
    return listener["protocol"] in ("HTTPS", "TLS") and mode == "Terminate"


def _has_certificate(listener: dict[str, Any]) -> bool:
    tls = listener.get("tls") or {}
    return bool(tls.get("certificateRefs") or tls.get("options"))


def _has_another_way(gateway: Object) -> bool:
    annotations = gateway.value["metadata"].get("annotations") or {}
    parameters = (gateway.spec.get("infrastructure") or {}).get("parametersRef")
    return CERTIFICATE_MAP in annotations or bool(parameters)
