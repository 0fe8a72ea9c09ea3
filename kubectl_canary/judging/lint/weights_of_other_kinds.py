"""Weights between Services are core; between other kinds of backends each implementation does what it likes.

Some refuse the route, some share by something else than the weights: a share of 5% is then not one. ServiceImports and
InferencePools have weights in their own specifications.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.judging.lint.objects import Objects, Violation

WEIGHED = ("Service", "ServiceImport", "InferencePool")

SEVERITY = "warning"
SOURCE = "https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule"
_ROUTE = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop}
spec:
  parentRefs: [{name: gw}]
  rules:
    - backendRefs:
        - {name: shop, port: 80, weight: 95}
        - {group: gateway.example.com, kind: Backend, name: shop-canary, weight: 5}
"""
PASSING = (
    _ROUTE.replace("        - {name: shop, port: 80, weight: 95}\n", ""),
    _ROUTE.replace(
        "gateway.example.com, kind: Backend", "multicluster.x-k8s.io, kind: ServiceImport, port: 80"
    ),
)
FAILING = (_ROUTE, _ROUTE.replace("{name: shop, port: 80", "{group: example.com, kind: Bucket, name: shop"))


def check(objects: Objects) -> Iterator[Violation]:
    """Rules that split between backends, any of them of another kind."""
    for rule in objects.route_rules:
        others = [backend for backend in rule.backends if backend.kind not in WEIGHED]
        if others and len(rule.backends) > 1:
            kind = others[0].kind
            message = f"whether weights count for a {kind} is the implementation's: the share may not hold"
            hint = f"put a Service before the {kind}, or try the shares before the release"
            yield rule.route.violation((*others[0].path, "kind"), message, hint)
