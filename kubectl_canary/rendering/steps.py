"""Steps between phases of a plan, whose documents are rendered for it."""

from __future__ import annotations

import itertools

from kubectl_canary.release import changes
from kubectl_canary.release.changes import Step
from kubectl_canary.release.plan import Phase, Plan
from kubectl_canary.release.ways import chosen_way
from kubectl_canary.rendering.generator import Generator
from kubectl_canary.rendering.objects import planned


def step(plan: Plan, generator: Generator, start: Phase, to: Phase) -> Step:
    """What leads from one phase to another. Raises Refused where a document of either is not valid."""
    before, after = (generator.render(planned(plan.application, phase)) for phase in (start, to))
    return changes.step(plan.application, start, to, before, after)


def steps(
    plan: Plan, generator: Generator, start: Phase, to: Phase, *, jump: bool = False, skip: bool = False
) -> list[Step]:
    """What leads from one phase to another: one step, or every step on the way.

    Raises Refused where one step is not safe or leaves phases out, and neither `jump` nor `skip` is given.
    """
    way = chosen_way(plan, start, to, jump=jump, skip=skip)
    return [step(plan, generator, here, goal) for here, goal in itertools.pairwise([start, *way])]
