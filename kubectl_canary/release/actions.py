"""What kubectl has to do and to wait for, one line after the other, to make a stage of a release.

Before a share rises, the pods that will take it are ready. After the route changed, every parent has accepted it.
Before pods go, the requests that they have are drained. A way back begins with the route and waits for nothing before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kubectl_canary.release.patches import Op
from kubectl_canary.release.plan import WAYS_BACK, Kind
from kubectl_canary.rendering.objects import Planned
from kubectl_canary.rendering.transition import Stage, Step


@dataclass(frozen=True)
class Change:
    """An object is created, patched or deleted."""

    step: Step


@dataclass(frozen=True)
class Unchanged:
    """An object is held against tests, and nothing is changed: what comes next must not happen where they fail."""

    planned: Planned
    tests: tuple[Op, ...]


@dataclass(frozen=True)
class RolledOut:
    """A Deployment's pods are all of its newest template."""

    deployment: Planned


@dataclass(frozen=True)
class Ready:
    """A Deployment has so many ready pods."""

    deployment: Planned
    pods: int


@dataclass(frozen=True)
class Accepted:
    """Every parent of a route has accepted its newest generation and found what it refers to."""

    route: Planned


@dataclass(frozen=True)
class Pause:
    """Nothing is done for some seconds."""

    seconds: int


@dataclass(frozen=True)
class Note:
    """A line for whoever ran this."""

    text: str


Action = Change | Unchanged | RolledOut | Ready | Accepted | Pause | Note


def of_stage(stage: Stage, drain: int) -> list[Action]:
    """The actions of a stage; `drain` is in seconds."""
    return [*_same_canary(stage), *_moves(stage, drain)]


def _same_canary(stage: Stage) -> Iterator[Action]:
    """The canary is the version that is planned: no other one may get more requests, or be promoted."""
    falls = stage.phase.traffic.share < stage.start.traffic.share or not stage.phase.traffic.reaches_canary
    if stage.steps and stage.canary_tests and not falls and stage.phase.kind not in WAYS_BACK:
        yield Unchanged(stage.canary, stage.canary_tests)


def _moves(stage: Stage, drain: int) -> list[Action]:
    route = [step for step in stage.steps if step.rendered.planned.group == "route"]
    changed = [step for step in stage.steps if step not in route and step.action != "delete"]
    gone = [step for step in stage.steps if step.action == "delete"]
    waiting = [Pause(drain)] if drain else []
    there = [Ready(stage.stable, stage.stable.ready)] if stage.phase.kind is Kind.ROLLBACK_PROMOTION else []
    if not route:
        return [*_undisturbed(stage, changed, gone, waiting), *_pods(changed), *there, *map(Change, gone)]
    if stage.route_first:
        drained = waiting if changed or gone else []
        taken_over = _ready(stage, ()) if _returns(stage) or _rises(stage) else ()
        return [*taken_over, *_traffic(route), *drained, *_pods(changed), *there, *map(Change, gone)]
    return [
        *_pods(changed),
        *_ready(stage, changed),
        *_traffic(route),
        *(waiting if gone else []),
        *map(Change, gone),
    ]


def of_stages(stages: Sequence[Stage], drain: int) -> list[Action]:
    """The actions of several stages, with the pauses of the phases that are passed."""
    actions: list[Action] = []
    for number, stage in enumerate(stages):
        actions += of_stage(stage, drain)
        if stage.phase.pause and number < len(stages) - 1:
            actions.append(Pause(stage.phase.pause))
    return actions


def until_gate(stages: Sequence[Stage]) -> list[Stage]:
    """The stages up to the first phase that has a gate, which only somebody who looks at it may leave."""
    gated = (number for number, stage in enumerate(stages[:-1], 1) if stage.phase.gates)
    return list(stages[: next(gated, len(stages))])


def _undisturbed(
    stage: Stage, changed: Sequence[Step], gone: Sequence[Step], waiting: Sequence[Action]
) -> Iterator[Action]:
    """The route is as it should be before pods change, and what they served has drained before they go or roll."""
    if gone or any(step.action == "patch" for step in changed):
        yield Unchanged(stage.route, stage.route_tests)
    rolls = stage.stable.key in [one.key for one in _deployments(changed)]
    is_back = stage.phase.kind is Kind.ROLLBACK_PROMOTION
    yield from waiting if gone or (rolls and not is_back) else ()


def _traffic(route: Sequence[Step]) -> Iterator[Action]:
    for step in route:
        yield Change(step)
        yield Accepted(step.rendered.planned)


def _pods(changed: Sequence[Step]) -> Iterator[Action]:
    """Everything that is made or changed, then that its pods are there."""
    yield from map(Change, changed)
    yield from (RolledOut(one) for one in _deployments(changed))


def _ready(stage: Stage, changed: Sequence[Step]) -> Iterator[Action]:
    """The pods that a rising share will be sent to are there."""
    if stage.phase.kind in WAYS_BACK:
        return
    to_canary = stage.phase.traffic.reaches_canary and not _returns(stage)
    rising = stage.canary if to_canary else stage.stable
    if rising.key not in [one.key for one in _deployments(changed)]:
        yield RolledOut(rising)
    yield Ready(rising, rising.ready)


def _rises(stage: Stage) -> bool:
    """Whether more requests reach the canary, though fewer copies may."""
    start, to = stage.start.traffic, stage.phase.traffic
    return to.share > start.share or (to.testers and not start.testers)


def _returns(stage: Stage) -> bool:
    """Whether stable gets requests again, after a phase in which the canary has had all of them."""
    return stage.phase.traffic.share < 1 == stage.start.traffic.share


def _deployments(steps: Sequence[Step]) -> list[Planned]:
    return [step.rendered.planned for step in steps if step.rendered.planned.kind == "Deployment"]
