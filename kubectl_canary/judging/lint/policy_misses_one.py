"""A NetworkPolicy covers one version's pods, and nothing covers the other's: the versions have different networks.

Pods that no policy selects take traffic from everywhere; where another policy denies all, they take none. Either way
the canary shows what its network does, not what its code does.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.judging.lint.examples import POLICIES, SPLIT
from kubectl_canary.judging.lint.objects import Object, Objects, Violation, pod_labels, selects

SEVERITY = "warning"
SOURCE = (
    "https://kubernetes.io/docs/concepts/services-networking/network-policies/#the-two-sorts-of-pod-isolation"
)
PASSING = SPLIT + POLICIES
FAILING = (
    SPLIT
    + """\
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: shop}
spec: {podSelector: {matchLabels: {version: stable}}, ingress: [{ports: [{port: 8080}]}]}
"""
)


def check(objects: Objects) -> Iterator[Violation]:
    """Splits with a side that policies of the set cover and a side that none covers."""
    for first, second in (pair for pairs in objects.tracks.values() for pair in pairs):
        policies = objects.in_namespace(first.namespace, "NetworkPolicy")
        for side, other in ((first, second), (second, first)):
            covering = [policy for policy in policies if _covers(policy, side)]
            if covering and not any(_covers(policy, other) for policy in policies):
                message = f"covers the pods of {side.name}, and no policy here those of {other.name}"
                yield covering[0].violation(
                    ("spec", "podSelector"), message, f"add a policy for {other.name}"
                )


def _covers(policy: Object, workload: Object) -> bool:
    selector = policy.spec.get("podSelector") or {}
    everything = not selector.get("matchLabels") and not selector.get("matchExpressions")
    return everything or selects(selector.get("matchLabels"), pod_labels(workload))
