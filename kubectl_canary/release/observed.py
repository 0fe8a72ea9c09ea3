"""The objects as they are in a cluster → the phase that they are in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from kubectl_canary.api.equality import same
from kubectl_canary.errors import Refused
from kubectl_canary.records import replace
from kubectl_canary.release import apart, overlay, routes, strategic, workloads
from kubectl_canary.release.application import Located, Side, Version, Workload
from kubectl_canary.release.overlay import ReleaseOnRoute
from kubectl_canary.release.plan import AS_BEFORE, PROMOTION, Phase, PhaseKind, Plan, Pods, Traffic, needs
from kubectl_canary.routing import answers

SOMEWHERE = "what is in the cluster"
Route = dict[str, Any]
Objects = Mapping[Located, dict[str, Any]]


def phase(objects: Objects, plan: Plan) -> Phase:
    """The plan's phase that the objects are in, with the pods that they have; where none fits, one of its own.

    Raises Refused where a rule of the release's cannot be told; never of a release that goes back.
    """
    there = routes_of(objects, plan)
    state = Phase(
        name=SOMEWHERE,
        kind=PhaseKind.WEIGHT,
        stable_version=version(objects, plan) or Version.OLD,
        pods=tuple(_pods(objects, plan)),
    )
    fitting = _fitting(state, objects, there, plan)
    if fitting is not None:
        return replace(fitting, pods=_needed(state.pods, fitting.traffic))
    traffic = _traffic([*there, *_apart(objects, plan)], plan)
    state = replace(state, traffic=traffic, pods=_needed(state.pods, traffic))
    return replace(state, origin=_nearest(state, plan).name)


def routes_of(objects: Objects, plan: Plan) -> list[Route]:
    """The routes that the release shapes, as far as they are there."""
    there = (objects.get(route) for route in plan.application.routes)
    return [route for route in there if route is not None]


def _apart(objects: Objects, plan: Plan) -> list[Route]:
    """The routes of the release's own, as far as they are there."""
    beside = (apart.beside(route, plan.application) for route in sorted(plan.application.separated))
    return [objects[route] for route in beside if route in objects]


def deployment_of(plan: Plan, name: str) -> Located:
    """What tells a Deployment of the release from all other objects."""
    return Located("Deployment", plan.application.namespace, name)


def _pods(objects: Objects, plan: Plan) -> Iterator[Pods]:
    """The pods that each workload has; of a stable that is not there, those that are planned."""
    for workload, planned in zip(plan.application.workloads, plan.phases[0].pods, strict=True):
        stable, canary = (objects.get(deployment_of(plan, name)) for name in workload.names.both())
        yield Pods(
            _replicas(stable) if stable is not None else planned.stable,
            _replicas(canary) if canary is not None else 0,
        )


def _needed(pods: Iterable[Pods], traffic: Traffic) -> tuple[Pods, ...]:
    """The same pods, with how many of the canary's the traffic needs."""
    return tuple(replace(numbers, needs=needs(traffic, numbers.stable)) for numbers in pods)


def version(objects: Objects, plan: Plan) -> Version | None:
    """The version that stable's Deployments run; the old one where there are none, None where one runs neither.

    Where one has begun with the new version, it is the new one.
    """
    deployments = (
        (workload, objects.get(deployment_of(plan, workload.names.stable)))
        for workload in plan.application.workloads
    )
    alike = [_alike(workload, deployment) for workload, deployment in deployments]
    if not all(alike):
        return None
    return next((version for version in Version if all(version in known for known in alike)), Version.NEW)


def _alike(workload: Workload, deployment: dict[str, Any] | None) -> list[Version]:
    """The versions that stable's Deployment of a workload may run; every one where there is no Deployment.

    It is the one whose image runs, and in a release of configuration alone the one that all differences speak for.
    """
    versions = [Version.OLD, Version.NEW] if workload.new else [Version.OLD]
    if deployment is None:
        return versions
    container = _container(deployment, workload.old.container_name)
    alike = [version for version in versions if workload.runs(version).image == container.get("image")]
    if len(alike) < 2:
        return alike
    template = deployment["spec"]["template"]
    old, new = (workloads.pod_template(workload, Side.STABLE, workload.runs(version)) for version in versions)
    differences = list(strategic.differences(old, new, template))
    return [
        version
        for version, side in zip(versions, (0, 1), strict=True)
        if all(strategic.is_at(place[2], place[side]) for place in differences)
    ]


def other_canary(objects: Objects, plan: Plan) -> tuple[str, str, str] | None:
    """A canary's Deployment that runs another image than the planned one: its name, that image, the planned image."""
    for workload in plan.application.workloads:
        deployment = objects.get(deployment_of(plan, workload.names.canary))
        if deployment is not None and workload.new is not None:
            image = _container(deployment, workload.new.container_name).get("image")
            if image is not None and image != workload.new.image:
                return workload.names.canary, str(image), workload.new.image
    return None


def _fitting(state: Phase, objects: Objects, there: Sequence[Route], plan: Plan) -> Phase | None:
    """The phase with this stable version, with or without a canary, which changes nothing when laid over the routes."""
    alike = [
        phase
        for phase in plan.phases
        if bool(phase.canary_replicas) == bool(state.canary_replicas)
        and phase.stable_version is state.stable_version
        and _fits(objects, there, phase, plan)
    ]
    noted = [_noted(route, plan) for route in there]
    return min(
        alike,
        key=lambda phase: sum(phase.traffic.phase != name for name in noted),
        default=None,
    )


def _fits(objects: Objects, there: Sequence[Route], phase: Phase, plan: Plan) -> bool:
    """Whether the routes are as a phase has them; of a release that goes back none where the phase has no place.

    Raises Refused where a rule of the release's cannot be told.
    """
    if not there:
        return phase.traffic == AS_BEFORE
    try:
        return _change_nothing(there, phase, plan) and _is_beside(objects, there, phase, plan)
    except Refused:
        if not plan.application.goes_back:
            raise
        return False


def _noted(route: Route, plan: Plan) -> str | None:
    """The phase that the annotation of a route speaks of."""
    name: str | None = (route["metadata"].get("annotations") or {}).get(plan.application.phase_annotation)
    return name


def _change_nothing(there: Sequence[Route], phase: Phase, plan: Plan) -> bool:
    return all(
        same(overlay.route(route, plan.application, phase)[0]["spec"], route["spec"]) for route in there
    )


def _is_beside(objects: Objects, there: Sequence[Route], phase: Phase, plan: Plan) -> bool:
    """Whether the routes of the release's own are as the phase has them, or deleted: none sends more to the canary."""
    for route in there:
        located = ReleaseOnRoute(plan.application, route).located
        found = objects.get(apart.beside(located, plan.application))
        planned = apart.route(route, plan.application, phase)
        is_other = planned is None or not same(planned["spec"], found["spec"] if found else None)
        if found is not None and located in plan.application.separated and is_other:
            return False
    return True


def _nearest(state: Phase, plan: Plan) -> Phase:
    """The last phase that gives the canary no more than it has now."""
    if not state.canary_replicas:
        return plan.phases[-1] if state.stable_version is Version.NEW else plan.phases[0]
    there = [
        phase
        for phase in plan.phases
        if phase.canary_replicas and phase.stable_version is state.stable_version
    ]
    if there[0].kind in PROMOTION:
        return there[0] if state.traffic.reaches_canary else there[-1]
    return [phase for phase in there if _amount(phase.traffic) <= _amount(state.traffic)][-1]


def _amount(traffic: Traffic) -> tuple[Fraction, bool, Fraction, Fraction]:
    """What the canary has, then what anybody gets copies of."""
    return traffic.share, traffic.testers, traffic.copied, traffic.mirror


def _replicas(deployment: dict[str, Any]) -> int:
    return int(deployment["spec"].get("replicas", 1))


def image(deployment: dict[str, Any], container: str) -> str:
    """The image of a container of a Deployment; empty where it has none of that name."""
    return str(_container(deployment, container).get("image", ""))


def _container(deployment: dict[str, Any], name: str) -> dict[str, Any]:
    containers: list[dict[str, Any]] = deployment["spec"]["template"]["spec"]["containers"]
    return next((container for container in containers if container["name"] == name), {})


def _traffic(there: Sequence[Route], plan: Plan) -> Traffic:
    """What the routes send to the canary: of each kind of traffic the most that one of them does."""
    sent = [_traffic_of(route, plan) for route in there] or [AS_BEFORE]
    copying = max(sent, key=lambda traffic: (traffic.copied, traffic.mirror))
    return Traffic(
        phase=sent[0].phase,
        share=max(traffic.share for traffic in sent),
        mirror=copying.mirror,
        to=copying.to,
        testers=any(traffic.testers for traffic in sent),
    )


def _traffic_of(route: Route, plan: Plan) -> Traffic:
    """What a route sends to the canary."""
    release = ReleaseOnRoute(plan.application, route)
    governed = release.governed() if release.located in plan.application.routes else []
    added = release.added()
    mirroring = [rule for rule in added if release.mirrors(rule)]
    copies = [
        _copies(release, filter_) for rule in (*mirroring, *governed) for filter_ in release.mirrors(rule)
    ]
    copying = max(copies, key=lambda traffic: (traffic.copied, traffic.mirror), default=AS_BEFORE)
    return Traffic(
        phase=_noted(route, plan),
        share=max((_share(release, rule) for rule in governed), default=Fraction(0)),
        mirror=copying.mirror,
        to=copying.to,
        testers=len(added) > len(mirroring),
    )


def _copies(release: ReleaseOnRoute, filter_: dict[str, Any]) -> Traffic:
    """What a mirror of the release's copies, and to whom."""
    to = release.receiver_of(routes.mirrored_to(filter_))
    return Traffic(mirror=answers.copied(filter_["requestMirror"]), to=to)


def shares(objects: Objects, plan: Plan) -> set[Fraction]:
    """The canary's shares of the governed rules; one share where the routes are in a phase."""
    releases = (ReleaseOnRoute(plan.application, route) for route in routes_of(objects, plan))
    return {_share(release, rule) for release in releases for rule in release.governed()}


def shares_of(route: Route, plan: Plan) -> list[Fraction]:
    """The canary's share of each governed rule of a route, in the order of its rules."""
    release = ReleaseOnRoute(plan.application, route)
    return [_share(release, rule) for rule in release.governed()]


def _share(release: ReleaseOnRoute, rule: dict[str, Any]) -> Fraction:
    """The canary's share of what a governed rule sends to the release."""
    stable, canary = (
        sum(ref.weight for ref in routes.backends(rule) if release.is_of(ref, side)) for side in Side
    )
    return Fraction(canary, stable + canary) if stable + canary else Fraction(0)
