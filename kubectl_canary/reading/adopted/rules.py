"""The rules that a release governs among the user's routes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from kubectl_canary.findings import Path, nearest
from kubectl_canary.reading.adopted.objects import at, chosen, name_of
from kubectl_canary.reading.adopted.problems import ADOPT, Problems, listed
from kubectl_canary.reading.manifests import Manifest
from kubectl_canary.records import dataclass
from kubectl_canary.release import grants, routes
from kubectl_canary.release.apart import excess
from kubectl_canary.release.application import (
    GATEWAY_GROUP,
    GRPC_ROUTE,
    IMPORT_API,
    POOL_API,
    ROUTE_KINDS,
    SERVICE_API,
    STREAM_KINDS,
    Governed,
    Located,
)
from kubectl_canary.release.testers import Carrier, Testers
from kubectl_canary.routing.backends import BackendRef

ANY = f"{', '.join(ROUTE_KINDS[:-1])} or {ROUTE_KINDS[-1]}"
ROUTES: Path = (*ADOPT, "routes")
TESTERS: Path = ("spec", "testers")
CURES: dict[Carrier, str] = {
    "header": "let the testers use another: testers: {header: NAME}",
    "query": "let the testers use another: testers: {query: NAME}",
    "cookie": "a match has one condition a header: let testers send another: testers: {header: NAME}",
}


@dataclass(frozen=True)
class Rule:
    """A rule of a route, and what it sends to the Service of the release."""

    route: Manifest
    index: int
    value: dict[str, Any]
    backends: tuple[BackendRef, ...]

    @property
    def title(self) -> str:
        """`rule 2 of HTTPRoute shop`."""
        return f"rule {self.index} of {title_of(self.route)}"

    @property
    def governed(self) -> Governed:
        """The rule as a release knows it."""
        name, namespace = self.value.get("name") or self.index, self.route.text("metadata", "namespace")
        return Governed(name_of(self.route), name, self.route.text("kind"), namespace or None)


def is_route(manifest: Manifest) -> bool:
    """Whether it is a route of the Gateway API; Linkerd has kinds of the same names in a group of its own."""
    group = manifest.text("apiVersion").partition("/")[0]
    return group == GATEWAY_GROUP and manifest.text("kind") in ROUTE_KINDS


def title_of(manifest: Manifest) -> str:
    """`HTTPRoute shop`, `Service shop`."""
    return f"{manifest.text('kind')} {name_of(manifest)}"


def governed_rules(
    manifests: Sequence[Manifest],
    services: Sequence[Manifest],
    namespace: str | None,
    adopt: dict[str, Any],
    problems: Problems,
) -> list[Rule]:
    """The rules that `routes` names, or all that send to the Services. Raises Refused for a name that is not there."""
    every = [manifest for manifest in manifests if is_route(manifest)]
    rules = {id(route): list(rules_of(route, services, namespace)) for route in every}
    if "routes" not in adopt:
        return [rule for route in every for rule in rules[id(route)] if rule.backends]
    governed: list[Rule] = []
    for number, wanted in enumerate(adopt["routes"]):
        route = _route(every, wanted, namespace, problems)
        if route is None:
            continue
        there = rules[id(route)]
        governed += [] if "rules" in wanted else [rule for rule in there if rule.backends]
        for place, name in enumerate(wanted.get("rules", ())):
            governed += _find(route, there, name, (*ROUTES, number, "rules", place), problems)
    problems.stop()
    return governed


def _route(
    every: Sequence[Manifest], wanted: dict[str, Any], namespace: str | None, problems: Problems
) -> Manifest | None:
    """The route that is named, of the kind and in the namespace that are named, or of any."""
    name, kind, place = wanted["name"], wanted.get("kind", ANY), wanted.get("namespace")
    of_kind = [route for route in every if wanted.get("kind") in (None, route.text("kind"))]
    there = [route for route in of_kind if place is None or _is_in(route, place, namespace)]
    candidates = _named(there, name, namespace)
    fitting = [route for route in candidates if name_of(route) == name]
    elsewhere = [
        str(route.text("metadata", "namespace") or namespace) for route in of_kind if name_of(route) == name
    ]
    if place is not None and not fitting and elsewhere:
        problems.add(ROUTES, f"no {kind} `{name}` in {place}", f"there is one in {listed(elsewhere)}")
        return None
    if len(fitting) > 1:
        places = " and ".join(str(route.where(("metadata", "name"))) for route in fitting)
        message = f"{kind} `{name}` stands several times: {places}"
        problems.add(ROUTES, message, "say which by `kind` or `namespace`")
        return None
    return chosen(candidates, name, ROUTES, kind, problems)


def _named(every: Sequence[Manifest], name: str, namespace: str | None) -> Sequence[Manifest]:
    """The routes of a name, in the namespace before any other; where there is none, all, to say what there is."""
    named = [route for route in every if name_of(route) == name]
    return [route for route in named if _is_in(route, namespace, namespace)] or named or every


def _is_in(route: Manifest, namespace: str | None, own: str | None) -> bool:
    """Whether a route is in a namespace; without one of its own it is in the release's."""
    return (route.text("metadata", "namespace") or own) == namespace


def rules_of(route: Manifest, services: Sequence[Manifest], namespace: str | None) -> Iterator[Rule]:
    """The rules of a route, each with what it sends to Services of the namespace; those of a release are left out."""
    own = route.text("metadata", "namespace") or namespace
    targets = [target for service in services for target in _targets(service)]
    for index, value in enumerate(
        routes.users_rules(route.value) if at(route.value, "spec", "rules") else ()
    ):
        refs = routes.backends(value if isinstance(value, dict) else {})
        backends = (ref for ref in refs if ref.identity[:3] in targets and ref.namespace(own) == namespace)
        yield Rule(route, index, value, tuple(backends))


def _targets(service: Manifest) -> list[tuple[str, str, str]]:
    """What a backendRef to it names: kind, group and name; a Service is known in several clusters too."""
    is_pool = service.text("kind") == POOL_API[0]
    return [(*api, name_of(service)) for api in ((POOL_API,) if is_pool else (SERVICE_API, IMPORT_API))]


def _find(route: Manifest, rules: Sequence[Rule], wanted: Any, path: Path, problems: Problems) -> list[Rule]:
    """The rule of a number, a name or a match; where that is none or several, a problem."""
    if isinstance(wanted, int) and not isinstance(wanted, bool):
        if 0 <= wanted < len(rules):
            return [rules[wanted]]
        problems.add(path, f"{title_of(route)} has the rules 0 to {len(rules) - 1}")
        return []
    if isinstance(wanted, dict):
        kind = route.text("kind")
        fitting = [rule for rule in rules if wanted in routes.matches_of(rule.value, kind)]
        meant = "the match"
    else:
        fitting, meant = [rule for rule in rules if rule.value.get("name") == wanted], f"the name `{wanted}`"
    if len(fitting) != 1:
        count = f"{len(fitting)} rules" if fitting else "no rule"
        names = [str(rule.value["name"]) for rule in rules if rule.value.get("name")]
        problems.add(path, f"{title_of(route)} has {count} of {meant}; {_there(wanted, names)}")
    return fitting[:1]


def _there(wanted: Any, names: Sequence[str]) -> str:
    close = nearest(wanted, names) if isinstance(wanted, str) else None
    return f"did you mean `{close}`?" if close else f"rules are called {listed(names)}"


def testers_of(rules: Sequence[Rule], testers: Testers | None) -> Testers | None:
    """The testers where every rule can tell them; connections have no header."""
    return None if any(rule.route.text("kind") in STREAM_KINDS for rule in rules) else testers


def check(
    rules: Sequence[Rule],
    manifests: Sequence[Manifest],
    services: Sequence[Manifest],
    namespace: str | None,
    testers: Testers | None,
    problems: Problems,
) -> None:
    """What cannot be released together is a problem."""
    names = [title_of(service) for service in services]
    served = {ref.name for rule in rules for ref in rule.backends}
    for service in services:
        if name_of(service) not in served:
            _add_unserved(title_of(service), problems)
    for rule in rules:
        _check_backends(rule, " or ".join(names), problems)
        _check_grant(rule, manifests, namespace, problems)
    for route in {id(rule.route): rule.route for rule in rules}.values():
        said = excess(route.value["spec"]["rules"])
        if said:
            problems.add((*ADOPT, "from"), f"{title_of(route)} has {said}: no API server takes it")
        _check_testers(route, testers, problems)


def _add_unserved(service: str, problems: Problems) -> None:
    """A Service of the release that no governed rule sends to is a problem."""
    if "routes" in problems.sources.value["spec"]["adopt"]:
        hint = "name a rule that does, or release what is behind it apart"
        problems.add(ROUTES, f"none of these rules sends to {service}", hint)
        return
    hint = f"a release splits the requests of an {ANY}; routes of other kinds are not adopted"
    problems.add((*ADOPT, "from"), f"no rule of an {ANY} sends to {service}", hint)


def _check_backends(rule: Rule, service: str, problems: Problems) -> None:
    if len(rule.backends) != 1:
        often = "sends several times" if rule.backends else "does not send"
        problems.add(ADOPT, f"{rule.title} {often} to {service}")
    elif not rule.backends[0].weight:
        message = f"{rule.title} sends no request to {service}: weight 0"
        problems.add(ADOPT, message, "there is no share that the canary could have a part of")


def check_grants(
    governed: Sequence[Rule],
    new: Sequence[Manifest],
    services: Sequence[Manifest],
    namespace: str | None,
    problems: Problems,
) -> None:
    """Governed routes that nobody lets in any more once the new set stands."""
    names = {_located(rule.route, namespace) for rule in governed}
    for route in filter(is_route, new):
        for rule in rules_of(route, services, namespace) if _located(route, namespace) in names else ():
            _check_grant(rule, new, namespace, problems)


def _located(route: Manifest, namespace: str | None) -> Located:
    return Located(route.text("kind"), route.text("metadata", "namespace") or namespace, name_of(route))


def _check_grant(
    rule: Rule, manifests: Sequence[Manifest], namespace: str | None, problems: Problems
) -> None:
    """A rule of a route in another namespace that nobody lets in: its requests fail before the release does."""
    route = _located(rule.route, namespace)
    own = route.namespace
    granting = [
        manifest.value
        for manifest in manifests
        if grants.is_grant(manifest.value) and _is_in(manifest, namespace, namespace)
    ]
    for ref in rule.backends if own != namespace else ():
        if not any(grants.lets_in(grant, route, (ref.kind, ref.group), ref.name) for grant in granting):
            sent = f"sends to {ref.kind} {ref.name} in {namespace}"
            message = f"{rule.title} in {own} {sent}, and no ReferenceGrant lets it"
            hint = "put that grant beside it in the manifests, so that the canary gets one too"
            problems.add(ADOPT, message, f"{hint}, or name the routes of {namespace} alone by `routes`")


def _check_testers(route: Manifest, testers: Testers | None, problems: Problems) -> None:
    """Rules that match what testers send: such a rule would win against the clones, or lose against them.

    Those of another release on the route are clones too, of rules of its own.
    """
    if testers is None:
        return
    if testers.carrier == "query" and route.text("kind") == GRPC_ROUTE:
        message = f"{title_of(route)} knows no query parameters, as `{testers.title}` is"
        problems.add(TESTERS, message, "let testers send a header: testers: {header: NAME}")
    for index, rule in enumerate(at(route.value, "spec", "rules") or ()):
        if routes.is_of_a_release(rule, route.value):
            continue
        if any(map(testers.is_in, rule.get("matches") or ())):
            message = f"rule {index} of {title_of(route)} matches {testers.noun} already"
            problems.add(TESTERS, message, CURES[testers.carrier])
