"""A PodDisruptionBudget over both versions counts canary pods as if they could stand in for stable ones.

A drain may then take the stable pods as long as the canary's are there. Each version needs a budget of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.judging.lint.examples import SPLIT
from kubectl_canary.judging.lint.objects import Objects, Violation

SEVERITY = "warning"
SOURCE = "https://kubernetes.io/docs/tasks/run-application/configure-pdb/"
BUDGET = (
    SPLIT
    + """\
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: shop}
spec: {minAvailable: 2, selector: {matchLabels: {version: stable}}}
"""
)
STABLES = "selector: {matchLabels: {version: stable}}"
PASSING = (BUDGET, BUDGET.replace(f", {STABLES}", ""))
FAILING = (
    BUDGET.replace(STABLES, "selector: {matchLabels: {app: shop}}"),
    BUDGET.replace(STABLES, "selector: {}"),
)


def check(objects: Objects) -> Iterator[Violation]:
    """Budgets that cover the pods of both sides of a split."""
    for budget in objects.of_kind("PodDisruptionBudget"):
        selector = budget.spec.get("selector")
        if selector == {}:  # in policy/v1 every pod of the namespace; none where there is no selector
            both = objects.a_split(budget.namespace)
        else:
            both = objects.both_sides(budget.namespace, (selector or {}).get("matchLabels"))
        if both is not None:
            message = f"covers the pods of {both[0].name} and of {both[1].name} as if they were one"
            yield budget.violation(("spec", "selector"), message, "give each a budget of its own")
