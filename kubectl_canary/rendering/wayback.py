"""What leads back from a phase with kubectl alone."""

from __future__ import annotations

from kubectl_canary.records import dataclass
from kubectl_canary.release.changes import Step
from kubectl_canary.release.plan import Phase, PhaseKind, Plan
from kubectl_canary.rendering.generator import Generator, Rendered
from kubectl_canary.rendering.objects import planned
from kubectl_canary.rendering.steps import step


@dataclass(frozen=True)
class WayBack:
    """The way back from a phase: before promotion the routes alone; after it the routes, then the Deployments."""

    plan: Plan
    generator: Generator
    start: Phase
    phase: Phase

    @property
    def name(self) -> str:
        """`rollback` or `rollback-promotion`."""
        return self.phase.kind.value

    def documents(self) -> list[Rendered]:
        """What to apply, whatever the objects are like now."""
        groups = ("route",) if self.phase.kind is PhaseKind.ROLLBACK else ("route", "workloads")
        return self.generator.render(
            [item for item in planned(self.plan.application, self.phase) if item.part.group in groups]
        )

    def step(self) -> Step:
        """Patches from the phase that is left, which test the names of what they change."""
        return step(self.plan, self.generator, self.start, self.phase)


def way_back(plan: Plan, generator: Generator, start: Phase) -> WayBack | None:
    """The way back that starts in a phase; None where there is no canary to leave."""
    back = plan.way_back(start)
    return WayBack(plan, generator, start, back) if back is not None else None
