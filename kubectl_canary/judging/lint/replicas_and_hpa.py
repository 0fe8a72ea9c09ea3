"""Where an autoscaler owns `replicas`, every apply of a manifest that gives them scales the pods back."""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.judging.lint.objects import WORKLOADS, Objects, Violation

SEVERITY = "error"
SOURCE = "https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#migrating-deployments-and-statefulsets-to-horizontal-autoscaling"
PASSING = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  selector: {matchLabels: {app: shop}}
  template: {metadata: {labels: {app: shop}}, spec: {containers: [{name: a, image: a}]}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: shop}
spec: {maxReplicas: 5, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: shop}}
"""
FAILING = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  replicas: 3
  selector: {matchLabels: {app: shop}}
  template: {metadata: {labels: {app: shop}}, spec: {containers: [{name: a, image: a}]}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: shop}
spec: {maxReplicas: 5, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: shop}}
"""


def check(objects: Objects) -> Iterator[Violation]:
    """Workloads with `replicas` that a HorizontalPodAutoscaler scales."""
    for scaler in objects.of_kind("HorizontalPodAutoscaler"):
        target = scaler.spec["scaleTargetRef"]
        workload = objects.find(target["kind"], scaler.namespace, target["name"])
        if workload is not None and workload.kind in WORKLOADS and workload.spec.get("replicas") is not None:
            message = f"HorizontalPodAutoscaler {scaler.name} scales it too: each apply undoes what it did"
            yield workload.violation(("spec", "replicas"), message, "leave `replicas` out")
