"""Where a release stands, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from kubectl_canary.api import formats
from kubectl_canary.api.equality import MISSING
from kubectl_canary.driving.moves import parent_text
from kubectl_canary.driving.position import ObjectWrite, Position, Problem, RouteStatus, SideStatus
from kubectl_canary.findings import visible
from kubectl_canary.release.application import Version
from kubectl_canary.release.phases import percent
from kubectl_canary.release.plan import Plan
from kubectl_canary.reports.ages import ago
from kubectl_canary.reports.differences import FieldDifference
from kubectl_canary.reports.programs import as_json, said

FIELDS = 3  # of a write in a line
LONGEST = 60  # characters of a value in a line; `diff` has all of it


def as_text(
    position: Position, plan: Plan, found: Sequence[FieldDifference], diff: str, now: datetime
) -> str:
    """A line for the release, one for each side and route; the problems, what differs, who changed what.

    `found` is what differs from the nearest phase, and `diff` the command that shows it whole. Ages are those at `now`.
    """
    lines = [
        *(_head(position, plan), *map(_side, position.sides), *_routes(position), *_problems(position)),
        *(_difference(field, position.nearest) for field in found),
        *([f"         {diff}"] if found else ()),
        *(_write(known, now) for known in _told(position)),
    ]
    return "\n".join(lines) + "\n"


def _head(position: Position, plan: Plan) -> str:
    application = plan.application
    versions = f"{application.called(Version.OLD)} → {application.called(Version.NEW)}"
    if position.is_named:
        settled = "settled" if position.is_settled else "not settled"
        return f"{application.title}: {position.phase.name}  ({versions}), {settled}"
    return f"{application.title}: in no phase, nearest is {position.nearest}  ({versions})"


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


def _difference(field: FieldDifference, phase: str) -> str:
    what = f"differs  {field.part.title}"
    if field.path:
        return f"{what}  {field.path} is {_short(field.cluster)}, and {_short(field.phase)} in `{phase}`"
    there, then = "is there, and not", f"in `{phase}`"
    return f"{what}  {'is not there, and is' if field.cluster is MISSING else there} {then}"


def _short(value: Any) -> str:
    text = visible(said(value))
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _told(position: Position) -> list[ObjectWrite]:
    """The newest write; where something is not settled, also those of others."""
    newest, others = position.writes[:1], position.writes[1:]
    return [*newest, *(known for known in others if not (position.is_settled or known.is_ours))]


def _write(known: ObjectWrite, now: datetime) -> str:
    write, age = known.write, ago(known.write.time, now)
    when = f"  {write.time}{f' ({age})' if age else ''}" if write.time else ""
    more = f" and {len(write.fields) - FIELDS} more" if len(write.fields) > FIELDS else ""
    fields = ", ".join(write.fields[:FIELDS]) + more
    return visible(f"changed  {known.part.title}{when}  by {write.manager}: {fields or 'spec'}")


def as_data(position: Position, plan: Plan, found: Sequence[FieldDifference]) -> str:
    """The same for programs; shares are fractions of 1, what is missing is null, and every last write is there."""
    return as_json(
        {
            "release": plan.application.name,
            "namespace": plan.application.namespace,
            "phase": position.phase.name if position.is_named else None,
            "nearest": position.nearest,
            "settled": position.is_settled,
            "sides": [_side_data(side) for side in position.sides],
            "routes": [_route_data(route) for route in position.routes],
            "problems": [_problem_data(problem) for problem in position.problems],
            "differences": [_difference_data(field) for field in found],
            "changes": [_write_data(known) for known in position.writes],
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


def _difference_data(field: FieldDifference) -> dict[str, Any]:
    cluster, phase = (None if value is MISSING else value for value in (field.cluster, field.phase))
    return {"object": field.part.title, "path": field.path, "cluster": cluster, "phase": phase}


def _write_data(known: ObjectWrite) -> dict[str, Any]:
    write = known.write
    return {
        "object": known.part.title, "manager": write.manager, "time": write.time or None, "fields": list(write.fields)
    }  # fmt: skip
