"""A HorizontalPodAutoscaler averages over all pods that its workload's selector matches: here the canary's too.

A canary that is busier or idler than the stable pods then scales them, and the stable capacity follows the experiment.
Each workload's selector must match its own pods alone, and each version needs an autoscaler of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.judging.lint.examples import SPLIT
from kubectl_canary.judging.lint.objects import Objects, Violation, pod_labels, selects

SEVERITY = "warning"
SOURCE = "https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#ambiguous-selectors"
AUTOSCALER = """\
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: shop}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: shop}
  maxReplicas: 9
"""
PASSING = SPLIT + AUTOSCALER
FAILING = SPLIT.replace("matchLabels: {app: shop, version: stable}", "matchLabels: {app: shop}") + AUTOSCALER


def check(objects: Objects) -> Iterator[Violation]:
    """Autoscalers whose workload selects the pods of the other side of a split as well."""
    for autoscaler in objects.of_kind("HorizontalPodAutoscaler"):
        target = autoscaler.spec.get("scaleTargetRef") or {}
        scaled = objects.find(str(target.get("kind")), autoscaler.namespace, str(target.get("name")))
        for pair in objects.tracks.get(autoscaler.namespace, ()):
            workload, other = pair if pair[0] is scaled else reversed(pair)
            selector = (workload.spec.get("selector") or {}).get("matchLabels")
            if workload is scaled and selects(selector, pod_labels(other)):
                message = f"counts the pods of {other.name} as {workload.name}'s: its selector matches both"
                hint = f"let the selector of {workload.kind} {workload.name} match its own pods alone"
                yield autoscaler.violation(("spec", "scaleTargetRef"), message, hint)
                break
