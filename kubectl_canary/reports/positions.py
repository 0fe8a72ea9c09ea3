"""Where a release stands, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubectl_canary.api import formats
from kubectl_canary.driving.moves import parent_text
from kubectl_canary.driving.position import Position, Problem, RouteStatus, SideStatus
from kubectl_canary.release.application import Version
from kubectl_canary.release.phases import percent
from kubectl_canary.release.plan import Plan
from kubectl_canary.reports.programs import as_json


def as_text(position: Position, plan: Plan) -> str:
    """A line for the release, one for each side and route, and the problems with their cures."""
    return (
        "\n".join(
            [_head(position, plan), *map(_side, position.sides), *_routes(position), *_problems(position)]
        )
        + "\n"
    )


def _head(position: Position, plan: Plan) -> str:
    application = plan.application
    versions = f"{application.called(Version.OLD)} → {application.called(Version.NEW)}"
    if position.is_named:
        settled = "settled" if position.is_settled else "not settled"
        return f"{application.title}: {position.phase.name}  ({versions}), {settled}"
    return f"{application.title}: in no phase, nearest is {position.phase.origin}  ({versions})"


def _side(side: SideStatus) -> str:
    _, tag, digest = formats.split_image(side.image)
    version = tag or digest or side.image
    ready = f"{side.rollout.ready} of {side.needed} ready"
    endpoints = f", {side.endpoints} endpoints" if side.endpoints is not None else ""
    return f"  {side.side.value:<8}{side.deployment}  {version}  {ready}{endpoints}"


def _routes(position: Position) -> Iterator[str]:
    for route in position.routes:
        parents = "; ".join(map(parent_text, route.parents)) or "no parentRefs"
        yield f"  route   {route.part.name}  {_shares(route)}{parents}"


def _shares(route: RouteStatus) -> str:
    shares = [percent(share) for share in dict.fromkeys(route.shares)]
    return f"{' and '.join(shares)} to the canary, " if shares else ""


def _problems(position: Position) -> Iterator[str]:
    for problem in position.problems:
        yield f"problem  {problem.text}"
        yield f"         {problem.cure}"


def as_data(position: Position, plan: Plan) -> str:
    """The same for programs; shares are fractions of 1."""
    return as_json(
        {
            "release": plan.application.name,
            "namespace": plan.application.namespace,
            "phase": position.phase.name if position.is_named else None,
            "nearest": position.phase.name if position.is_named else position.phase.origin,
            "settled": position.is_settled,
            "sides": [_side_data(side) for side in position.sides],
            "routes": [_route_data(route) for route in position.routes],
            "problems": [_problem_data(problem) for problem in position.problems],
        }
    )


def _side_data(side: SideStatus) -> dict[str, Any]:
    return {
        "side": side.side.value,
        "deployment": side.deployment,
        "image": side.image,
        "wanted": side.needed,
        "ready": side.rollout.ready,
        "service": side.service,
        "endpoints": side.endpoints,
    }


def _route_data(route: RouteStatus) -> dict[str, Any]:
    parents = [
        {"parent": known.parent, "controller": known.controller, "acceptance": known.acceptance.value,
         "reasons": [condition.reason for condition in known.against]}
        for known in route.parents
    ]  # fmt: skip
    return {"route": route.part.name, "shares": [float(share) for share in route.shares], "parents": parents}


def _problem_data(problem: Problem) -> dict[str, str]:
    return {"problem": problem.text, "cure": problem.cure}
