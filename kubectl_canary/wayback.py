"""What leads back from a phase with kubectl alone."""

from __future__ import annotations

from dataclasses import dataclass

from kubectl_canary.generator import Generator, Rendered
from kubectl_canary.objects import planned
from kubectl_canary.plan import Kind, Phase, Plan
from kubectl_canary.transition import Step, steps


@dataclass(frozen=True)
class WayBack:
    """The way back from a phase: documents to apply, or steps with guarded patches from exactly that phase.

    Before promotion the route is all; after it, the route comes first and the stable Deployment after it.
    """

    phase: Phase
    documents: list[Rendered]
    steps: list[Step]

    @property
    def name(self) -> str:
        """`rollback` or `rollback-promotion`."""
        return self.phase.kind.value


def way_back(plan: Plan, generator: Generator, start: Phase) -> WayBack | None:
    """The way back that starts in a phase; None where there is no canary to leave."""
    back = plan.way_back(start)
    if back is None:
        return None
    wanted = ("route",) if back.kind is Kind.ROLLBACK else ("route", "workloads")
    documents = [one for one in planned(plan.canary, back) if one.group in wanted]
    return WayBack(back, generator.render(documents), steps(plan, generator, start, back))
