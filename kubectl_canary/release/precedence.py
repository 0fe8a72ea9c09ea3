"""Rules of others that would lose a request to a clone of the release's, although they win it from the governed rule.

A clone has one condition more than the rule that it is cloned from: what testers send, or a method for mirrors. By that
it can rise over a rule of others, of the same route or of another that meets the same requests. Between equals of two
routes the older route wins, and no file says which that is: they are left in peace.
Source: https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from kubectl_canary.findings import Finding, Path
from kubectl_canary.records import dataclass
from kubectl_canary.release import adoption, apart, neighbours, overlay, routes
from kubectl_canary.release.application import Located
from kubectl_canary.release.neighbours import Neighbour
from kubectl_canary.release.overlay import ReleaseOnRoute
from kubectl_canary.release.plan import Phase, Plan
from kubectl_canary.release.routes import Rule
from kubectl_canary.routing.matching import EXPRESSION, PREFIX, path_of, ranks

CONDITIONS = ("headers", "queryParams")  # the lists of a match that a clone has more in
ROUTE = "route"  # the group of routes that the release shapes
Match = dict[str, Any]
Standing = tuple[tuple[Any, ...], ...]
Beside = list[tuple[Neighbour, "list[_Placed]"]]  # the rules of other routes, each with its matches


@dataclass(frozen=True)
class _Place:
    """A rule of others and a governed one, by their numbers among the user's rules of a route.

    `other` is the route of the first where it is not that of the second.
    """

    route: str
    number: int
    original: int
    other: str = ""

    @property
    def taking(self) -> str:
        """The rule of others as it is called beside the governed one: `rule 1`, `rule 1 of HTTPRoute docs`."""
        return f"rule {self.number} of {self.other}" if self.other else f"rule {self.number}"

    @property
    def governed(self) -> str:
        """The governed rule as it is called beside the other."""
        return f"rule {self.original} of {self.route}" if self.other else f"rule {self.original}"


@dataclass(frozen=True)
class _Placed:
    """A match of a rule, and where it stands: the smaller wins."""

    match: Match
    standing: Standing


def findings(plan: Plan) -> Iterator[Finding]:
    """An error for each rule of others that a phase would take requests from, with the first phase that would."""
    application = plan.application
    given = application.adopted.stable if application.adopted is not None else ()
    near = neighbours.by_route(application)
    first: dict[tuple[_Place, Path], Finding] = {}
    for key, document in adoption.by_key(application, given).items():
        if adoption.group_of(application, key) == ROUTE:
            beside = [(known, _ranked(known)) for known in near.get(Located(*key[1:]), ())]
            for phase in plan.phases:
                for place, finding in _of_phase(plan, phase, document.value, beside):
                    first.setdefault((place, finding.path), finding)
    yield from first.values()


def _of_phase(
    plan: Plan, phase: Phase, document: dict[str, Any], beside: Beside
) -> Iterator[tuple[_Place, Finding]]:
    laid, _ = overlay.route(document, plan.application, phase)
    release = ReleaseOnRoute(plan.application, laid)
    added, governed = release.added(), release.governed()
    users = [rule for rule in release.rules if not any(rule is known for known in added)]
    for clone, original in _clones(plan, phase, document, release):
        own, original_number = _placed(release, original), users.index(original)
        for number, other in enumerate(users):
            if any(other is rule for rule in governed):
                continue
            rivals = list(_rivals(_placed(release, other), clone, own))
            if rivals:
                place = _Place(release.title, number, original_number)
                yield place, _finding(phase, place, all(map(_differ_by_order, rivals)))
        for known in _losing_beside(beside, clone, own):
            title = _title(known.route, release.located)
            place = _Place(release.title, known.number, original_number, title)
            yield place, _finding(phase, place, is_order=False)
        if _never_wins(clone, own):
            place = _Place(release.title, original_number, original_number)
            yield place, _no_room(phase, place)


def _losing_beside(beside: Beside, clones: list[_Placed], originals: list[_Placed]) -> Iterator[Neighbour]:
    """The rules of other routes that win from the original, and would lose to its clone, whichever route is older."""
    clones, originals = (
        [_Placed(one.match, one.standing[:-1]) for one in placed] for placed in (clones, originals)
    )
    yield from (known for known, ranked in beside if any(_rivals(ranked, clones, originals)))


def _title(route: Located, own: Located) -> str:
    """`HTTPRoute shop`, with its namespace where that is not the one of the user's route."""
    return route.title if route.namespace == own.namespace else f"{route.title} in {route.namespace}"


def _clones(
    plan: Plan, phase: Phase, document: dict[str, Any], release: ReleaseOnRoute
) -> Iterator[tuple[list[_Placed], Rule]]:
    """The matches of each clone, where they stand, and the rule on the route of the phase that it is cloned from.

    A clone on a route of its own stands behind every rule of the user's.
    """
    for rule in release.added():
        yield _placed(release, rule), release.original_of(rule)
    originals = dict(
        zip(
            map(id, ReleaseOnRoute(plan.application, document).governed()),
            release.governed(),
            strict=True,
        )
    )
    for number, clone in enumerate(apart.clones(document, plan.application, phase), len(release.rules)):
        yield _placed(release, clone.rule, number), originals[id(clone.original)]


def _placed(release: ReleaseOnRoute, rule: Rule, number: int | None = None) -> list[_Placed]:
    place = release.place(rule) if number is None else number
    return [
        _Placed(match, (*(rank.key for rank in ranks(release.kind, match)), (place,)))
        for match in routes.matches_of(rule, release.kind)
    ]


def _ranked(known: Neighbour) -> list[_Placed]:
    """The matches of a rule of another route, and where they stand before routes are compared by age."""
    kind = known.route.kind
    return [
        _Placed(match, tuple(rank.key for rank in ranks(kind, match)))
        for match in routes.matches_of(known.rule, kind)
    ]


def _never_wins(clones: list[_Placed], originals: list[_Placed]) -> bool:
    """Whether a match of a clone is one of its original's, and stands behind it: on a route of its own."""
    return any(
        clone.standing[:-1] == original.standing[:-1] and clone.standing > original.standing
        for clone, original in itertools.product(clones, originals)
        if clone.match == original.match
    )


def _rivals(
    others: list[_Placed], clones: list[_Placed], originals: list[_Placed]
) -> Iterator[tuple[_Placed, _Placed]]:
    """The matches of another rule and of a clone between which a request moves: the original would not take it."""
    for clone in clones:
        best = min(one.standing for one in originals if _is_clone_of(clone.match, one.match))
        for other in others:
            if clone.standing < other.standing < best and _have_a_request(other.match, clone.match):
                yield other, clone


def _differ_by_order(rivals: tuple[_Placed, _Placed]) -> bool:
    other, clone = rivals
    return other.standing[:-1] == clone.standing[:-1]


def _is_clone_of(clone: Match, original: Match) -> bool:
    kept = {key: value for key, value in original.items() if key not in CONDITIONS}
    return kept.items() <= clone.items() and all(
        condition in (clone.get(key) or []) for key in CONDITIONS for condition in original.get(key) or ()
    )


def _have_a_request(one: Match, other: Match) -> bool:
    """Whether some request fits both, as far as exact conditions say; expressions may fit anything."""
    (kind, value), (other_kind, other_value) = (_path(match) for match in (one, other))
    is_exact = kind == other_kind != EXPRESSION
    if (is_exact and value != other_value) or not _methods_agree(one.get("method"), other.get("method")):
        return False
    return all(_agree(one, other, key) for key in CONDITIONS)


def _methods_agree(one: Any, other: Any) -> bool:
    """Whether a method fits both: of HTTP a name, of gRPC a service and a method."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return None in (one, other) or one == other
    if EXPRESSION in (one.get("type"), other.get("type")):
        return True
    return all(one[key] == other[key] for key in ("service", "method") if one.get(key) and other.get(key))


def _path(match: Match) -> tuple[str, str]:
    kind, value = path_of(match)
    return kind, value.rstrip("/") if kind == PREFIX else value


def _agree(one: Match, other: Match, key: str) -> bool:
    """Whether no condition of a name asks for one text in one match and for another in the other."""
    wanted = {_name(item, key): item for item in one.get(key) or ()}
    for item in other.get(key) or ():
        known = wanted.get(_name(item, key), item)
        is_exact = EXPRESSION not in (item.get("type"), known.get("type"))
        if is_exact and item.get("value") != known.get("value"):
            return False
    return True


def _name(condition: dict[str, Any], key: str) -> str:
    name = str(condition.get("name"))
    return name.lower() if key == "headers" else name


def _finding(phase: Phase, place: _Place, is_order: bool) -> Finding:
    is_mirror = bool(phase.traffic.mirror)
    whose = "whose method is mirrored" if is_mirror else "of testers"
    message = (
        f"rule {place.number} of {place.other or place.route} takes requests that {place.governed} would take too; "
        f"those {whose} would come to the clone of rule {place.original} in `{phase.name}`"
    )
    hint = f"put rule {place.number} before rule {place.original}"
    if not is_order:
        without = "mirror them all: methods: all" if is_mirror else "leave testers out: testers: false"
        hint = f"name {place.taking} in `routes` too where it sends to the Service, or {without}"
    return Finding("precedence", "error", ("spec", "phases" if is_mirror else "testers"), message, hint=hint)


def _no_room(phase: Phase, place: _Place) -> Finding:
    message = (
        f"the rules of `{phase.name}` stand beside {place.route}, and the clone of rule {place.original} would never "
        "win there: rule and clone have the same method"
    )
    hint = "mirror them all, which needs no clones: methods: all"
    return Finding("precedence", "error", ("spec", "phases"), message, hint=hint)
