"""Where a release stands in a cluster, and what is not settled there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from kubectl_canary.driving import cures, statuses
from kubectl_canary.driving.moves import Objects, parent_text
from kubectl_canary.driving.statuses import Acceptance, ParentStatus, Rollout
from kubectl_canary.records import dataclass
from kubectl_canary.release import observed
from kubectl_canary.release.application import Side, Version, Workload
from kubectl_canary.release.documents import Part
from kubectl_canary.release.managed_fields import OURS, Write, last_write
from kubectl_canary.release.plan import Phase, Plan
from kubectl_canary.rendering.parts import live_parts


@dataclass(frozen=True)
class Problem:
    """Something that is not as it has to be, and what to do about it."""

    text: str
    cure: str


@dataclass(frozen=True)
class SideStatus:
    """One Deployment: whose it is, the image that it runs, its pods and the ready endpoints of its Service."""

    side: Side
    deployment: str
    image: str
    rollout: Rollout
    service: str | None
    endpoints: int | None
    needed: int

    @property
    def is_settled(self) -> bool:
        """Whether it has the pods, and its Service the endpoints, that the phase needs."""
        return self.has_pods and (self.endpoints is None or self.endpoints >= self.needed)

    @property
    def has_pods(self) -> bool:
        """Whether all its pods are of the newest template, and as many ready as the phase needs."""
        return self.rollout.is_complete and self.rollout.ready >= self.needed


@dataclass(frozen=True)
class RouteStatus:
    """One route: the canary's share of each governed rule, and what its parents say."""

    part: Part
    shares: tuple[Fraction, ...]
    parents: tuple[ParentStatus, ...]


@dataclass(frozen=True)
class ObjectWrite:
    """Who wrote an object's spec last."""

    part: Part
    write: Write

    @property
    def is_ours(self) -> bool:
        """Whether it was written by us."""
        return self.write.manager == OURS


@dataclass(frozen=True)
class Position:
    """Where a release stands: phase (its own where none fits), sides, routes, problems, last writes (newest first)."""

    phase: Phase
    is_named: bool
    sides: tuple[SideStatus, ...]
    routes: tuple[RouteStatus, ...]
    problems: tuple[Problem, ...]
    writes: tuple[ObjectWrite, ...]

    @property
    def nearest(self) -> str:
        """The name of its phase, or where none fits of the nearest one."""
        return self.phase.name if self.is_named else str(self.phase.origin)

    @property
    def is_settled(self) -> bool:
        """Whether it is in a phase, and everything is as it has to be there."""
        return self.is_named and not self.problems


def position(plan: Plan, objects: Objects, endpoints: Mapping[str, int]) -> Position:
    """Where a release stands. Raises Refused where a rule of the release's cannot be told."""
    there = {part.located: objects[part.key] for part in live_parts(plan) if part.key in objects}
    phase = observed.phase(there, plan)
    is_named = phase.name in [known.name for known in plan.phases]
    sides = tuple(_sides(plan, there, endpoints))
    routes = tuple(_routes(plan, objects))
    problems = (
        *_of_objects(plan, there),
        *(_of_pods(plan, phase) if is_named else ()),
        *_of_sides(sides),
        *_of_routes(routes),
    )
    writes = sorted(_writes(plan, objects), key=lambda known: known.write.time, reverse=True)
    return Position(phase, is_named, sides, routes, problems, tuple(writes))


def services(plan: Plan) -> list[str]:
    """The Services whose endpoints count."""
    return [
        name for workload in plan.application.workloads if not workload.service.is_pool
        for name in workload.service.names.both()
    ]  # fmt: skip


def _sides(plan: Plan, there: observed.Objects, endpoints: Mapping[str, int]) -> Iterator[SideStatus]:
    for workload in plan.application.workloads:
        for side in Side:
            deployment = there.get(observed.deployment_of(plan, workload.names.of(side)))
            if deployment is not None:
                yield _side(workload, side, deployment, endpoints)


def _side(
    workload: Workload, side: Side, deployment: dict[str, Any], endpoints: Mapping[str, int]
) -> SideStatus:
    rollout = statuses.rollout(deployment)
    service = None if workload.service.is_pool else workload.service.names.of(side)
    version = Version.NEW if side is Side.CANARY else Version.OLD
    image = observed.image(deployment, workload.runs(version).container_name)
    counted = endpoints.get(service, 0) if service is not None else None
    return SideStatus(side, workload.names.of(side), image, rollout, service, counted, rollout.wanted)


def _routes(plan: Plan, objects: Objects) -> Iterator[RouteStatus]:
    for part in live_parts(plan):
        if part.is_route and part.key in objects:
            route = objects[part.key]
            shares = observed.shares_of(route, plan) if part.is_governed else ()
            yield RouteStatus(part, tuple(shares), tuple(statuses.parents(route)))


def _writes(plan: Plan, objects: Objects) -> Iterator[ObjectWrite]:
    """The last write of each route and Deployment that is there."""
    for part in live_parts(plan):
        write = last_write(objects[part.key]) if part.key in objects else None
        if write is not None and (part.is_route or part.kind == "Deployment"):
            yield ObjectWrite(part, write)


# --- problems -----------------------------------------------------------


def _of_objects(plan: Plan, there: observed.Objects) -> Iterator[Problem]:
    """What runs is not what the file says."""
    for route in plan.application.routes:
        if route not in there:
            yield Problem(f"there is no {route.title}", "apply it, or look into another namespace or context")
    for workload in plan.application.workloads:
        if observed.deployment_of(plan, workload.names.stable) not in there:
            yield Problem(
                f"there is no Deployment {workload.names.stable}", "apply it: requests have nobody to go to"
            )
    if observed.version(there, plan) is None:
        images = " nor ".join(" and ".join(plan.application.images(version)) for version in Version)
        yield Problem(f"stable runs neither {images}", f"write what runs into {plan.application.says_stable}")
    other = observed.other_canary(there, plan)
    if other is not None:
        yield Problem(
            f"Deployment {other[0]} runs {other[1]}, and not {other[2]}", "release that one, or roll back"
        )
    shares = observed.shares(there, plan)
    if len(shares) > 1:
        yield Problem(
            "the governed rules have different shares", "`kubectl canary rollback`, and on from there"
        )


def _of_pods(plan: Plan, phase: Phase) -> Iterator[Problem]:
    """Somebody has taken pods of the canary away; where something else scales it, the number is not ours to say."""
    planned = plan.find(phase.name).pods
    for workload, now, then in zip(plan.application.workloads, phase.pods, planned, strict=True):
        if workload.prints_replicas and 0 < now.canary < then.canary:
            text = f"Deployment {workload.names.canary} is scaled to {now.canary}, and `{phase.name}` has {then.canary}"
            yield Problem(text, f"`kubectl canary apply --phase {phase.name}` makes the others")


def _of_sides(sides: tuple[SideStatus, ...]) -> Iterator[Problem]:
    for side in sides:
        if side.rollout.wanted == 0:
            name = side.deployment
            yield Problem(
                f"Deployment {name} is scaled to 0", f"kubectl scale deployment {name} --replicas=NUMBER"
            )
        elif not side.has_pods:
            trouble = f": {side.rollout.trouble}" if side.rollout.trouble else ""
            text = (
                f"Deployment {side.deployment} has {side.rollout.ready} of {side.needed} pods ready{trouble}"
            )
            yield Problem(text, f"kubectl describe deployment {side.deployment}")
        elif side.endpoints is not None and side.endpoints < side.needed:
            text = f"Service {side.service} has {side.endpoints} of {side.needed} ready endpoints"
            yield Problem(text, "does its selector catch the pods, and is its port theirs?")


def _of_routes(routes: tuple[RouteStatus, ...]) -> Iterator[Problem]:
    for route in routes:
        for parent in route.parents:
            if parent.acceptance is not Acceptance.ACCEPTED:
                yield Problem(f"{route.part.title}: {parent_text(parent)}", "; ".join(cures.cures(parent)))
