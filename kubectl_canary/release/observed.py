"""The objects as they are in a cluster → the phase that they are in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

from kubectl_canary.api.equality import same
from kubectl_canary.release import overlay, strategic, workloads
from kubectl_canary.release.application import Side, Version
from kubectl_canary.release.overlay import ReleaseOnRoute
from kubectl_canary.release.plan import AS_BEFORE, PROMOTION, Phase, PhaseKind, Plan, Traffic, needs

SOMEWHERE = "what is in the cluster"
Objects = Mapping[tuple[str, str], dict[str, Any]]  # by kind and name


def phase(found: Objects, plan: Plan) -> Phase:
    """The plan's phase that the objects are in, with the pods that they have; where none fits, one of its own.

    Raises Refused where the release's rule cannot be told.
    """
    stable, pods = (found.get(("Deployment", name)) for name in plan.application.workload.names.both())
    route = found.get(("HTTPRoute", plan.application.route.name))
    stable_replicas = _replicas(stable) if stable is not None else plan.phases[0].stable_replicas
    state = Phase(
        name=SOMEWHERE,
        kind=PhaseKind.WEIGHT,
        stable_version=version(found, plan) or Version.OLD,
        stable_replicas=stable_replicas,
        canary_replicas=_replicas(pods) if pods is not None else 0,
    )
    fitting = _fitting(state, route, plan)
    if fitting is None:
        traffic = _traffic(route, plan)
        state = replace(state, traffic=traffic, needs=needs(traffic, stable_replicas))
        return replace(state, origin=_nearest(state, plan).name)
    pods_needed = needs(fitting.traffic, stable_replicas)
    return replace(
        fitting, stable_replicas=stable_replicas, canary_replicas=state.canary_replicas, needs=pods_needed
    )


def version(found: Objects, plan: Plan) -> Version | None:
    """The version that stable's Deployment runs; the old one where there is no Deployment, None where it is neither.

    It is the one whose image runs, and in a release of configuration alone the one that all differences speak for.
    """
    workload = plan.application.workload
    deployment = found.get(("Deployment", workload.names.stable))
    if deployment is None:
        return Version.OLD
    container = _container(deployment, workload.old.container_name)
    versions = [Version.OLD, Version.NEW] if workload.new else [Version.OLD]
    alike = [version for version in versions if workload.runs(version).image == container.get("image")]
    if len(alike) > 1:
        template = deployment["spec"]["template"]
        old, new = (
            workloads.pod_template(workload, Side.STABLE, workload.runs(version)) for version in versions
        )
        differences = list(strategic.differences(old, new, template))
        alike = [
            version
            for version, side in zip(versions, (0, 1), strict=True)
            if all(strategic.is_at(place[2], place[side]) for place in differences)
        ]
    return alike[0] if alike else None


def canary_image(found: Objects, plan: Plan) -> str | None:
    """The image of the application's container in the canary's Deployment; None where there is none."""
    workload = plan.application.workload
    deployment = found.get(("Deployment", workload.names.canary))
    if deployment is None or workload.new is None:
        return None
    image = _container(deployment, workload.new.container_name).get("image")
    return str(image) if image is not None else None


def _fitting(state: Phase, route: dict[str, Any] | None, plan: Plan) -> Phase | None:
    """The phase with this stable version, with or without a canary, which changes nothing when laid over the route."""
    alike = [
        phase
        for phase in plan.phases
        if bool(phase.canary_replicas) == bool(state.canary_replicas)
        and phase.stable_version is state.stable_version
        and (phase.traffic == AS_BEFORE if route is None else _changes_nothing(route, phase, plan))
    ]
    noted = (route or {}).get("metadata", {}).get("annotations") or {}
    return min(
        alike,
        key=lambda phase: phase.traffic.phase != noted.get(plan.application.phase_annotation),
        default=None,
    )


def _changes_nothing(route: dict[str, Any], phase: Phase, plan: Plan) -> bool:
    return same(overlay.route(route, plan.application, phase)[0]["spec"], route["spec"])


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


def _amount(traffic: Traffic) -> tuple[Fraction, bool, Fraction]:
    return traffic.share, traffic.testers, traffic.mirror


def _replicas(deployment: dict[str, Any]) -> int:
    return int(deployment["spec"].get("replicas", 1))


def _container(deployment: dict[str, Any], name: str) -> dict[str, Any]:
    containers: list[dict[str, Any]] = deployment["spec"]["template"]["spec"]["containers"]
    return next((container for container in containers if container["name"] == name), {})


def _traffic(route: dict[str, Any] | None, plan: Plan) -> Traffic:
    """What the route sends to the canary."""
    if route is None:
        return AS_BEFORE
    release = ReleaseOnRoute(plan.application, route)
    governed, added = release.governed(), release.added()
    stable, canary = (
        sum(ref.get("weight", 1) for ref in governed["backendRefs"] if release.is_track(ref, name))
        for name in release.services.both()
    )
    mirroring = [rule for rule in added if release.mirrors(rule)]
    mirrors = [filter_ for rule in (*mirroring, governed) for filter_ in release.mirrors(rule)]
    return Traffic(
        phase=(route["metadata"].get("annotations") or {}).get(plan.application.phase_annotation),
        share=Fraction(canary, stable + canary) if stable + canary else Fraction(0),
        mirror=max(map(_mirrored, mirrors), default=Fraction(0)),
        testers=len(added) > len(mirroring),
    )


def _mirrored(mirror: dict[str, Any]) -> Fraction:
    """The share that a filter copies; all where it does not say."""
    amount = mirror["requestMirror"]
    if "percent" in amount:
        return Fraction(amount["percent"], 100)
    fraction = amount.get("fraction")
    return Fraction(fraction["numerator"], fraction.get("denominator", 100)) if fraction else Fraction(1)
