"""A Service whose selector matches no pods has no endpoints: requests to it get 503.

Looked at only where the set has pods of that namespace. Where the pods are made by something else, an operator for
example, ignore it.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.judging.lint.examples import APP
from kubectl_canary.judging.lint.objects import Objects, Violation

SEVERITY = "warning"
SOURCE = "https://kubernetes.io/docs/concepts/services-networking/service/#services-without-selectors"
_OTHER = """\
---
apiVersion: v1
kind: Service
metadata: {name: other, namespace: web}
spec: {selector: {app: other}, ports: [{port: 80}]}
"""
PASSING = (
    APP + _OTHER.replace("selector: {app: other}, ", ""),
    APP + _OTHER.replace("namespace: web", "namespace: blog"),
)
FAILING = (APP + _OTHER, APP + _OTHER.replace("{app: other}", "{app: shop, version: canary}"))


def check(objects: Objects) -> Iterator[Violation]:
    """Services with a selector that nothing in the set has, where the set has pods of the namespace."""
    for service in objects.of_kind("Service"):
        selector: dict[str, str] = service.spec.get("selector") or {}
        is_meant = selector and service.group == "" and service.spec.get("type") != "ExternalName"
        has_pods = objects.selected(service) or objects.is_foreign(service)
        if is_meant and service.namespace in objects.inhabited and not has_pods:
            labels = ", ".join(f"{key}={value}" for key, value in selector.items())
            message = f"no pods here have {labels}: requests to this Service get 503"
            hint = "select by the labels of the pods' template"
            yield service.violation(("spec", "selector"), message, hint)
