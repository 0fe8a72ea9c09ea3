"""A NetworkPolicy over both versions cannot let the canary have less, or more, than stable has.

A port or peer that only the new version needs is opened for the old one as well, and a change of the policy meets both
at once. That is right where the versions need the same; where they do not, each needs a policy of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.judging.lint.examples import POLICIES, SPLIT
from kubectl_canary.judging.lint.objects import Objects, Violation

SEVERITY = "warning"
SOURCE = "https://kubernetes.io/docs/concepts/services-networking/network-policies/"
PASSING = SPLIT + POLICIES
FAILING = (
    SPLIT
    + """\
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: shop}
spec: {podSelector: {matchLabels: {app: shop}}, ingress: [{ports: [{port: 8080}]}]}
"""
)


def check(objects: Objects) -> Iterator[Violation]:
    """Policies that name pods by labels which both sides of a split have."""
    for policy in objects.of_kind("NetworkPolicy"):
        selector = (policy.spec.get("podSelector") or {}).get("matchLabels")
        both = objects.both_sides(policy.namespace, selector)
        if both is not None:
            message = f"covers the pods of {both[0].name} and of {both[1].name}: a change meets both at once"
            hint = "give each a policy of its own, or ignore this where both need the same"
            yield policy.violation(("spec", "podSelector"), message, hint)
