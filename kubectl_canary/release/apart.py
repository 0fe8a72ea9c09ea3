"""A route of its own for the rules that a release adds, where the user's has no room for them or should have none.

It has the parents and the hostnames of the user's. A clone has a condition more than the rule that it is cloned from,
and wins by that wherever it stands; between equals the older route wins, which is the user's.
Source: https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from kubectl_canary.records import dataclass
from kubectl_canary.release import companions, engines, overlay, routes
from kubectl_canary.release.application import OWN_PREFIX, REQUEST_KINDS, Application, Engine, Located
from kubectl_canary.release.overlay import ReleaseOnRoute
from kubectl_canary.release.plan import AS_BEFORE, Phase, Plan
from kubectl_canary.release.routes import Rule

# what a route has room for in every release of the Gateway API; the second is a CEL rule of its spec
MOST_RULES, MOST_MATCHES = 16, 128


@dataclass(frozen=True)
class Clone:
    """A rule that a release adds, the user's rule that it is cloned from, and the name of the route that has it."""

    rule: Rule
    original: Rule
    route: str


def beside(route: Located, application: Application) -> Located:
    """The route that has the clones of a user's route: `shop-canary`, with the release's name where it is another."""
    release = "" if application.name == route.name else f"-{application.name}"
    return route._replace(name=routes.short_enough(route.name, f"{companions.ENDING}{release}"))


def added(document: dict[str, Any], application: Application, phase: Phase) -> list[Clone]:
    """What a phase adds to a user's route, on it or beside it."""
    if overlay.located(document, application) in application.separated or phase.traffic == AS_BEFORE:
        return clones(document, application, phase)
    release = ReleaseOnRoute(application, overlay.route(document, application, phase)[0])
    name = release.located.name
    return [Clone(rule, release.original_of(rule), name) for rule in release.added()]


def clones(document: dict[str, Any], application: Application, phase: Phase) -> list[Clone]:
    """What stands beside a user's route in a phase: nothing before the first phase that adds rules to it.

    Later the rules stay until the canary goes. Where a phase has no use for them they send where their originals send,
    so that whoever applies the phase, and deletes nothing, has them do nothing.
    """
    release = ReleaseOnRoute(application, document)
    if phase.clones is None or release.located not in application.separated:
        return []
    name = beside(release.located, application).name
    return [
        Clone(clone if phase.clones == phase.traffic else _idle(clone, shaped), governed, name)
        for governed in release.governed()
        for shaped in [overlay.shaped(release, governed, phase.traffic)[1]]
        for clone in overlay.shaped(release, governed, phase.clones)[0]
    ]


def _idle(clone: Rule, original: Rule) -> Rule:
    """The rule with the matches of its clone, and its name."""
    return {**original, **{key: clone[key] for key in ("name", "matches") if key in clone}}


def route(document: dict[str, Any], application: Application, phase: Phase) -> dict[str, Any] | None:
    """The route beside a user's in a phase; None where there is none."""
    rules = [clone.rule for clone in clones(document, application, phase)]
    if not rules:
        return None
    copied = companions.copy_of(document)
    listed = ",".join(routes.listing(rule, application.names_rules) for rule in rules)
    annotations = {
        key: text
        for key, text in copied["metadata"].get("annotations", {}).items()
        if not key.startswith(OWN_PREFIX)  # another release's are about the user's route
    }
    annotations[application.rules_annotation] = listed
    if application.gitops.engine is Engine.ARGOCD and phase.traffic.reaches_canary:
        annotations.setdefault(engines.WAVE, engines.wave(application, is_way_back=phase.is_way_back))
    name = beside(Located("", None, document["metadata"]["name"]), application).name
    return {
        **copied,
        "metadata": {**copied["metadata"], "name": name, "annotations": annotations},
        "spec": {**copied["spec"], "rules": rules},
    }


def originals(
    value: dict[str, Any], application: Application, phase: Phase
) -> tuple[Located, list[Rule]] | None:
    """The user's route that one stands beside, and its rules that those of the other are cloned from, one each."""
    own = overlay.located(value, application)
    for located, document in _users_routes(application):
        if beside(located, application) == own:
            return located, [clone.original for clone in clones(document, application, phase)]
    return None


def separable(application: Application) -> set[Located]:
    """The routes to which testers add rules."""
    known = application.testers is not None and application.has_release
    return {route for route in application.routes if known and route.kind in REQUEST_KINDS}


def overflowing(plan: Plan) -> set[Located]:
    """The user's routes that have no room for the rules of some phase."""
    return {route for route, document in _users_routes(plan.application) if _overflows(document, plan)}


def _users_routes(application: Application) -> Iterator[tuple[Located, dict[str, Any]]]:
    adopted = application.adopted
    for given in adopted.stable if adopted is not None else ():
        located = overlay.located(given.value, application)
        if located in application.routes:
            yield located, given.value


def _overflows(document: dict[str, Any], plan: Plan) -> bool:
    laid = (overlay.route(document, plan.application, phase)[0] for phase in plan.phases)
    return any(excess(route["spec"]["rules"]) for route in laid)


def excess(rules: Sequence[Rule]) -> str:
    """What a route of these rules has too much of: `18 rules, and 16 are allowed`; empty where it has room for them."""
    matches = sum(len(rule.get("matches") or [{}]) for rule in rules)
    for number, most, noun in ((len(rules), MOST_RULES, "rules"), (matches, MOST_MATCHES, "matches")):
        if number > most:
            return f"{number} {noun}, and {most} are allowed"
    return ""


def crowded(plan: Plan) -> Iterator[tuple[Phase, Located, str]]:
    """The phases for whose rules there is no room beside a user's route either, with what is too much."""
    for phase in plan.phases:
        for located, document in _users_routes(plan.application):
            said = excess([clone.rule for clone in clones(document, plan.application, phase)])
            if said:
                yield phase, beside(located, plan.application), said
