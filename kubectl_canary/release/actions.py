"""What kubectl has to do and to wait for, one line after the other, to make a step of a release.

Before a share rises, the pods that will take it are ready. After the routes changed, every parent has accepted them.
Before pods go, the requests that they have are drained. A way back begins with the routes and waits for nothing before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kubectl_canary.records import dataclass
from kubectl_canary.release.application import Side
from kubectl_canary.release.changes import Alteration, Change, Step
from kubectl_canary.release.documents import Part
from kubectl_canary.release.patches import Op
from kubectl_canary.release.plan import PhaseKind


@dataclass(frozen=True)
class Make:
    """An object is created, patched or deleted."""

    change: Change


@dataclass(frozen=True)
class Fits:
    """The patch of an object would be taken; nothing is changed. What belongs together changes all or not at all."""

    change: Alteration


@dataclass(frozen=True)
class Unchanged:
    """An object is held against tests, and nothing is changed: what comes next must not happen where they fail."""

    part: Part
    tests: tuple[Op, ...]


@dataclass(frozen=True)
class RolledOut:
    """A Deployment's pods are all of its newest template."""

    deployment: Part


@dataclass(frozen=True)
class Ready:
    """A Deployment has so many ready pods."""

    deployment: Part
    pods: int


@dataclass(frozen=True)
class Accepted:
    """Every parent of a route has accepted its newest generation and found what it refers to."""

    route: Part


@dataclass(frozen=True)
class Pause:
    """Nothing is done for some seconds."""

    seconds: int


@dataclass(frozen=True)
class Note:
    """A line for whoever ran this."""

    text: str


Action = Make | Fits | Unchanged | RolledOut | Ready | Accepted | Pause | Note


def of_step(step: Step, drain: int) -> list[Action]:
    """The actions of a step; `drain` is in seconds."""
    return [*_same_canary(step), *_moves(step, drain)]


def of_steps(steps: Sequence[Step], drain: int) -> list[Action]:
    """The actions of several steps, with the pauses of the phases that are passed."""
    actions: list[Action] = []
    for number, step in enumerate(steps):
        actions += of_step(step, drain)
        if step.phase.pause and number < len(steps) - 1:
            actions.append(Pause(step.phase.pause))
    return actions


def _same_canary(step: Step) -> Iterator[Action]:
    """The canary is the version that is planned: no other one may get more requests, or be promoted."""
    falls = step.phase.traffic.share < step.start.traffic.share or not step.phase.traffic.reaches_canary
    if step.changes and not falls and not step.phase.is_way_back:
        yield from (Unchanged(part, tests) for part, tests in step.canary_tests)


def _moves(step: Step, drain: int) -> list[Action]:
    routes = [change for change in step.changes if change.part.is_route and change.action != "delete"]
    changed = [change for change in step.changes if not change.part.is_route and change.action != "delete"]
    gone = [change for change in step.changes if change.action == "delete"]
    waiting = [Pause(drain)] if drain else []
    there = list(_stable_is_back(step))
    if not routes:
        return [*_undisturbed(step, changed, gone, waiting), *_pods(changed), *there, *map(Make, gone)]
    others = _as_planned(step, changed, gone)
    if step.traffic_moves_first:
        drained = waiting if changed or gone else []
        taken_over = _ready(step, ()) if _returns(step) or _rises(step) else ()
        closed = [change for change in gone if change.part.is_route]
        kept = [change for change in gone if not change.part.is_route]
        moved = [*taken_over, *_traffic(step, routes), *map(Make, closed), *others, *drained]
        return [*moved, *_pods(changed), *there, *map(Make, kept)]
    ready = [*_pods(changed), *_ready(step, changed)]
    return [*ready, *_traffic(step, routes), *others, *(waiting if gone else []), *map(Make, gone)]


def _stable_is_back(step: Step) -> Iterator[Action]:
    """The way back after promotion ends once stable's pods are there."""
    if step.phase.kind is PhaseKind.ROLLBACK_PROMOTION:
        yield from (Ready(stable, stable.ready) for stable in step.deployments(Side.STABLE))


def _undisturbed(
    step: Step, changed: Sequence[Change], gone: Sequence[Change], waiting: Sequence[Action]
) -> Iterator[Action]:
    """The routes are as they should be before pods change, and what they served has drained before they go or roll."""
    yield from _as_planned(step, changed, gone)
    rolls = any(part.side is Side.STABLE for part in _deployments(changed))
    is_back = step.phase.kind is PhaseKind.ROLLBACK_PROMOTION
    yield from waiting if gone or (rolls and not is_back) else ()


def _as_planned(step: Step, changed: Sequence[Change], gone: Sequence[Change]) -> list[Action]:
    """The routes that the step leaves as they are split as the phase does, before pods change."""
    if not gone and all(change.action != "patch" for change in changed):
        return []
    moved = [change.part for change in step.changes]
    return [Unchanged(part, tests) for part, tests in step.route_tests if part not in moved]


def _traffic(step: Step, routes: Sequence[Change]) -> Iterator[Action]:
    """All routes change, then that their parents have taken them; forward, none where one would be refused."""
    if len(routes) > 1 and not step.phase.is_way_back:
        yield from (Fits(change) for change in routes if isinstance(change, Alteration))
    yield from map(Make, routes)
    yield from (Accepted(change.part) for change in routes)


def _pods(changed: Sequence[Change]) -> Iterator[Action]:
    """Everything that is made or changed, then that its pods are there."""
    yield from map(Make, changed)
    yield from map(RolledOut, _deployments(changed))


def _ready(step: Step, changed: Sequence[Change]) -> Iterator[Action]:
    """The pods that a rising share will be sent to are there."""
    if step.phase.is_way_back:
        return
    to_canary = step.phase.traffic.reaches_canary and not _returns(step)
    for rising in step.deployments(Side.CANARY if to_canary else Side.STABLE):
        if rising not in _deployments(changed):
            yield RolledOut(rising)
        yield Ready(rising, rising.ready)


def _rises(step: Step) -> bool:
    """Whether more requests reach the canary, though fewer copies may."""
    start, to = step.start.traffic, step.phase.traffic
    return to.share > start.share or (to.testers and not start.testers)


def _returns(step: Step) -> bool:
    """Whether stable gets requests again, after a phase in which the canary has had all of them."""
    return step.phase.traffic.share < 1 == step.start.traffic.share


def _deployments(changes: Sequence[Change]) -> list[Part]:
    return [change.part for change in changes if change.part.kind == "Deployment"]
