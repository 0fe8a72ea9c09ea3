"""Pods whose ServiceAccount is not there are not made: the workload has no replicas, and says so in its events only.

Looked at only where the set has ServiceAccounts of that namespace: else they are somewhere else. `default` is there in
every namespace.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.judging.lint.examples import APP
from kubectl_canary.judging.lint.objects import Objects, Violation

SEVERITY = "warning"
SOURCE = "https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/"
_ACCOUNT = """\
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: shop, namespace: web}
"""
PASSING = (
    APP + "      serviceAccountName: shop\n" + _ACCOUNT,
    APP + "      serviceAccountName: default\n" + _ACCOUNT,
)
FAILING = (
    APP + "      serviceAccountName: shop-canary\n" + _ACCOUNT,
    """\
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: logs, namespace: web}
spec:
  selector: {matchLabels: {app: logs}}
  template:
    metadata: {labels: {app: logs}}
    spec: {serviceAccountName: logs, containers: [{name: logs, image: "registry.example.com/logs:1.0"}]}
"""
    + _ACCOUNT,
)


def check(objects: Objects) -> Iterator[Violation]:
    """ServiceAccounts that pods run as and that the set lacks."""
    for pods in objects.pods:
        namespace, name = pods.owner.namespace, str(pods.spec.get("serviceAccountName") or "default")
        is_looked_for = name != "default" and objects.in_namespace(namespace, "ServiceAccount")
        if is_looked_for and objects.find("ServiceAccount", namespace, name) is None:
            message = f"no ServiceAccount `{name}` here: no pods are made"
            path = (*pods.path, "spec", "serviceAccountName")
            yield pods.owner.violation(path, message, "correct the name, or add the ServiceAccount")
