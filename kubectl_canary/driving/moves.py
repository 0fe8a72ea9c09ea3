"""A step of a release and what is seen of it in the cluster → the next thing to do.

Before requests move, the pods that will get more of them are there. After they moved, every parent has accepted the
routes, and the gateways have had time to follow. Before pods go or roll, the requests that they had have ended. A way
back begins with the routes. What is done already is not in the step any more, so that a driver that was killed goes
on where it stopped.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kubectl_canary.api.equality import same
from kubectl_canary.driving import statuses
from kubectl_canary.driving.statuses import Acceptance, ParentStatus, Rollout
from kubectl_canary.errors import Refused
from kubectl_canary.findings import Finding, Where
from kubectl_canary.records import dataclass, replace
from kubectl_canary.release import overlay
from kubectl_canary.release.application import Application, Side
from kubectl_canary.release.changes import Alteration, Change, Creation, Removal, Step
from kubectl_canary.release.documents import Document, Key, Part
from kubectl_canary.release.observed import SOMEWHERE
from kubectl_canary.release.plan import PhaseKind, Traffic

Objects = Mapping[Key, dict[str, Any]]


@dataclass(frozen=True)
class Timing:
    """How long gateways take to follow an accepted route, and requests to end, in seconds."""

    propagation: float
    drain: float


@dataclass(frozen=True)
class Seen:
    """What is seen of a step in the cluster.

    `endpoints` are the ready ones of each Service, None where nobody has looked. `settled` is for how many seconds the
    routes have been accepted as they are, None where they are not. `steady` is for how many seconds pods have been
    seen to lack nothing. `accepts_unobserved` says that a parent which names no generation is believed.
    `has_moved` says that whoever asks has changed a route.
    """

    objects: Objects
    endpoints: Mapping[str, int] | None = None
    settled: float | None = None
    steady: float = math.inf
    accepts_unobserved: bool = False
    has_moved: bool = False


@dataclass(frozen=True)
class Make:
    """These changes are made, in this order."""

    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Look:
    """Endpoints of Services have to be counted first."""

    services: tuple[str, ...]


@dataclass(frozen=True)
class ForPods:
    """A Deployment has not the pods yet that it needs."""

    part: Part
    rollout: Rollout
    needed: int

    def __str__(self) -> str:
        ready = f"{self.rollout.ready} of {self.needed} ready"
        trouble = f": {self.rollout.trouble}" if self.rollout.trouble else ""
        return f"{self.part.title} has {ready}{trouble}"


@dataclass(frozen=True)
class ForEndpoints:
    """A Service has fewer ready endpoints than it needs."""

    service: str
    ready: int
    needed: int

    def __str__(self) -> str:
        return f"Service {self.service} has {self.ready} of {self.needed} ready endpoints"


@dataclass(frozen=True)
class ForParent:
    """A parent has not accepted a route as it is now."""

    part: Part
    parent: ParentStatus

    def __str__(self) -> str:
        return f"{self.part.title}: {parent_text(self.parent)}"


Lack = ForPods | ForEndpoints | ForParent


@dataclass(frozen=True)
class Wait:
    """Others have to do something first: what is lacking."""

    lacking: tuple[Lack, ...]

    def __str__(self) -> str:
        return "; ".join(map(str, self.lacking))


@dataclass(frozen=True)
class Rest:
    """Time has to pass: so many seconds, and why."""

    seconds: float
    reason: str

    def __str__(self) -> str:
        return f"{self.reason} {max(1, math.ceil(self.seconds))} s"


@dataclass(frozen=True)
class Arrived:
    """The step is done: nothing is left to change or to wait for."""


Move = Make | Look | Wait | Rest | Arrived
LEARNING = "gateways learn of the pods for"
PROPAGATION, DRAIN = "gateways follow for", "requests drain for"


def next_move(step: Step, application: Application, seen: Seen, timing: Timing) -> Move:
    """What to do next on a step from the objects as they are."""
    before, moving, after = stages(step)
    if before:
        return Make(before)
    if moving:
        missing = _missing_takers(step, application, seen)
        return missing or _unknown_pods(step, seen, timing) or _moved(step, application, seen, timing)
    refusing = unaccepted(step, seen)
    is_settling = bool(after) or seen.has_moved
    if refusing and is_settling:
        return Wait(refusing)
    rest = _rest(seen.settled or 0.0, bool(after), timing) if is_settling else None
    if rest is not None:
        return rest
    if after:
        return Make(after)
    return _at_the_end(step, application, seen, refusing)


def _moved(step: Step, application: Application, seen: Seen, timing: Timing) -> Move:
    """The routes change; those that begin or end to name the canary in two steps, with time for gateways between them.

    Where a gateway gets a backend later than the rule that sends to it, or loses it earlier, requests are lost. After
    the first of two patches nothing is sent to the canary, but for sessions that stick: with those, one patch ends it.
    """
    _, moving, _ = stages(step)
    start, to = step.start.traffic, step.phase.traffic
    begins, ends = to.share > 0 and not start.reaches_canary, start.reaches_canary and not to.reaches_canary
    if ends and _has_sessions(moving, application):
        return Make(moving)
    halves = tuple(half for change in moving for half in _halved(change, application, to, begins))
    if halves and (begins or ends):
        others = tuple(change for change in moving if ends and not change.part.is_governed)
        return Make((*halves, *others))
    is_second = begins or (not start.reaches_canary and _names_idle_canary(step, application))
    waiting = _unsettled(step, seen, timing) if is_second else None
    return waiting or Make(moving)


def _has_sessions(moving: Sequence[Change], application: Application) -> bool:
    """Whether a governed rule keeps sessions at the backend that they began with, at whichever weight."""
    befores = (
        overlay.ReleaseOnRoute(application, change.before.value)
        for change in moving
        if isinstance(change, Alteration) and change.part.is_governed
    )
    return any("sessionPersistence" in rule for release in befores for rule in release.governed())


def _halved(change: Change, application: Application, traffic: Traffic, begins: bool) -> Iterator[Alteration]:
    """The first of two patches of a route: the canary is named, and gets nothing."""
    if not isinstance(change, Alteration) or not change.part.is_governed:
        return
    base = change.before if begins else change.after
    named = overlay.introduced(base.value, change.before.value, application, traffic)
    if not same(named["spec"], change.before.value["spec"]):
        yield replace(change, after=Document(change.part, named))


def _names_idle_canary(step: Step, application: Application) -> bool:
    """Whether a route that changes names the canary now, though nothing is sent to it."""
    befores = (
        overlay.ReleaseOnRoute(application, change.before.value)
        for change in step.changes
        if isinstance(change, Alteration) and change.part.is_governed
    )
    return any(overlay.names_canary(release, rule) for release in befores for rule in release.governed())


def _unsettled(step: Step, seen: Seen, timing: Timing) -> Wait | Rest | None:
    """What keeps the routes from being in force as they are."""
    refusing = unaccepted(step, seen)
    return Wait(refusing) if refusing else _rest(seen.settled or 0.0, False, timing)


def _rest(settled: float, has_pods_to_go: bool, timing: Timing) -> Rest | None:
    """Time that has to pass since the routes were accepted."""
    if settled < timing.propagation:
        return Rest(timing.propagation - settled, PROPAGATION)
    until = timing.propagation + timing.drain
    return Rest(until - settled, DRAIN) if has_pods_to_go and settled < until else None


def _at_the_end(step: Step, application: Application, seen: Seen, refusing: tuple[ForParent, ...]) -> Move:
    """Everything is made: pods and routes have to be as the phase needs them. A way back waits for stable alone."""
    if step.phase.is_way_back and step.phase.kind is not PhaseKind.ROLLBACK_PROMOTION:
        return Arrived()
    sides = [Side.STABLE] if step.phase.is_way_back else list(Side)
    missing = _missing(step, application, seen, sides)
    if missing is None and refusing:
        return Wait(refusing)
    return missing or Arrived()


# --- the order of changes -----------------------------------------------------------


def stages(step: Step) -> tuple[tuple[Change, ...], tuple[Change, ...], tuple[Change, ...]]:
    """The changes before requests move, those that move them, and those after, each in safe order."""
    moving = tuple(change for change in step.changes if change.part.is_route)
    others = [change for change in step.changes if not change.part.is_route]
    waits = step.phase.is_way_back or any(map(_rolls_stable, others))
    after = tuple(change for change in others if waits or takes_away(change))
    return tuple(change for change in others if change not in after), moving, after


def _rolls_stable(change: Change) -> bool:
    """Whether pods of stable are replaced."""
    if not isinstance(change, Alteration) or change.part.kind != "Deployment":
        return False
    templates = (document.value["spec"]["template"] for document in (change.before, change.after))
    return change.part.side is not Side.CANARY and not same(*templates)


def takes_away(change: Change) -> bool:
    """Whether something goes: an object, pods, or the least number of pods that a scaler keeps."""
    if isinstance(change, Removal):
        return True
    if not isinstance(change, Alteration):
        return False
    numbers = ((change.before.value["spec"].get(key), change.after.value["spec"].get(key)) for key in FEWER
               if isinstance(change.before.value.get("spec"), dict))  # fmt: skip
    return any(now is not None and then is not None and then < now for now, then in numbers)


FEWER = ("replicas", "minReplicas", "minReplicaCount")  # of Deployments, of scalers, of KEDA's

# --- what has to be there -----------------------------------------------------------


def _missing_takers(step: Step, application: Application, seen: Seen) -> Move | None:
    """What those lack who will get more requests.

    A way back does not wait for pods, but never for none: whoever takes the requests has some, and does not roll.
    """
    sides = list(_takers(step))
    if not step.phase.is_way_back:
        return _missing(step, application, seen, sides)
    if Side.STABLE in sides:
        _refuse_nobody(application, seen)
    lacking = [
        lack
        for lack in _lacking_pods(step, seen, sides)
        if not lack.rollout.ready or (step.start.traffic.share == 1 and not lack.rollout.is_complete)
    ]
    return Wait(tuple(lacking)) if lacking else None


def _refuse_nobody(application: Application, seen: Seen) -> None:
    """Raises Refused where a way back would lead to a stable that is not there."""
    there = {key[3] for key in seen.objects if key[1] == "Deployment"}
    gone = [workload.names.stable for workload in application.workloads if workload.names.stable not in there]
    findings = [
        Finding(
            "stable", "error", (), f"there is no Deployment {name}", Where("the cluster"), "apply it first"
        )
        for name in gone
    ]
    if findings:
        raise Refused("the way back leads to nobody", findings)


def _unknown_pods(step: Step, seen: Seen, timing: Timing) -> Rest | None:
    """Time that gateways need to know the pods which are to get requests and get none now.

    Of pods that were there before they may still know, and those are gone. A way back does not wait where the rollout
    was complete before the route was written last.
    """
    new = set(_newly_served(step))
    deployments = [part for part in step.parts if part.kind == "Deployment" and part.side in new]
    is_known = step.phase.is_way_back and all(_is_older(part, step, seen) for part in deployments)
    if not new or is_known or seen.steady >= timing.propagation:
        return None
    return Rest(timing.propagation - seen.steady, LEARNING)


def _newly_served(step: Step) -> Iterator[Side]:
    """The sides that get requests, and get none now."""
    start, to = step.start.traffic, step.phase.traffic
    if to.reaches_canary and not start.reaches_canary:
        yield Side.CANARY
    if to.share < 1 == start.share or any(
        change.part.is_governed for change in step.changes if isinstance(change, Creation)
    ):
        yield Side.STABLE


def _is_older(part: Part, step: Step, seen: Seen) -> bool:
    """Whether the rollout of a Deployment was complete before a route was written last, by the cluster's own clocks."""
    complete = statuses.completed(seen.objects[part.key]) if part.key in seen.objects else ""
    written = (statuses.written(seen.objects[known.key]) for known in step.parts
               if known.is_governed and known.key in seen.objects)  # fmt: skip
    return "" < complete < max(written, default="")


def _takers(step: Step) -> Iterator[Side]:
    """The sides that get more requests than they have."""
    start, to = step.start.traffic, step.phase.traffic
    if step.start.name == SOMEWHERE and not step.phase.is_way_back:  # one route may be further than another
        yield from Side if to.reaches_canary else (Side.STABLE,)
        return
    if to.share > start.share or to.copied > start.copied or (to.testers and not start.testers):
        yield Side.CANARY
    if to.share < start.share or (start.testers and not to.testers) or not to.reaches_canary:
        yield Side.STABLE


def _missing(step: Step, application: Application, seen: Seen, sides: Sequence[Side]) -> Look | Wait | None:
    """What pods and endpoints the sides lack; that endpoints have to be counted first, where pods are there."""
    lacking = list(_lacking_pods(step, seen, sides))
    if lacking:
        return Wait(tuple(lacking))
    wanted = dict(_wanted_endpoints(step, application, sides))
    if seen.endpoints is None and wanted:
        return Look(tuple(wanted))
    counts = seen.endpoints or {}
    few = [
        ForEndpoints(service, counts.get(service, 0), number)
        for service, number in wanted.items()
        if counts.get(service, 0) < number
    ]
    return Wait(tuple(few)) if few else None


def _lacking_pods(step: Step, seen: Seen, sides: Sequence[Side]) -> Iterator[ForPods]:
    for part in step.parts:
        if part.kind == "Deployment" and part.side in sides and part.key in seen.objects:
            pods = statuses.rollout(seen.objects[part.key])
            if not pods.is_complete or pods.ready < part.ready:
                yield ForPods(part, pods, part.ready)


def _wanted_endpoints(
    step: Step, application: Application, sides: Sequence[Side]
) -> Iterator[tuple[str, int]]:
    """How many ready endpoints the Service of each Deployment needs; an InferencePool has none."""
    there = {part.name for part in step.parts if part.kind == "Service"}
    for workload in application.workloads:
        for part in step.parts:
            is_its = part.kind == "Deployment" and part.name in workload.names.both()
            if is_its and part.side in sides and part.side is not None:
                service = workload.service.names.of(part.side)
                if service in there and not workload.service.is_pool:
                    yield service, part.ready


def unaccepted(step: Step, seen: Seen) -> tuple[ForParent, ...]:
    """The parents that have not accepted the routes of a step as they are now."""
    enough = [Acceptance.ACCEPTED, *([Acceptance.UNOBSERVED] if seen.accepts_unobserved else [])]
    return tuple(
        ForParent(part, parent)
        for part in step.parts
        if part.is_route and part.key in seen.objects
        for parent in statuses.parents(seen.objects[part.key])
        if parent.acceptance not in enough
    )


def parent_text(parent: ParentStatus) -> str:
    """What a parent says, in words."""
    who = f"{parent.parent} ({parent.controller})" if parent.controller else parent.parent
    if parent.against:
        reasons = ", ".join(
            f"{known.type} is {known.reason}: {known.message}".rstrip(": ") for known in parent.against
        )
        return f"{who} says {reasons}"
    if parent.acceptance is Acceptance.UNOBSERVED:
        return f"{who} accepts it without saying which generation"
    if parent.acceptance is Acceptance.PENDING:
        return f"{who} has not answered" if parent.controller else f"{parent.parent} has not seen it"
    return f"accepted by {who}"
