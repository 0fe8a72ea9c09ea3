"""Rules of other routes that meet the requests of a route which the release shapes: by kind, parent and hostname.

Where one hostname is more specific than the other it decides before any rule does, and neither takes from the other.
Source: https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubectl_canary.records import dataclass
from kubectl_canary.release import overlay, routes
from kubectl_canary.release.application import GATEWAY_GROUP, REQUEST_KINDS, Application, Located
from kubectl_canary.release.overlay import ReleaseOnRoute
from kubectl_canary.release.routes import Rule

Parent = tuple[Any, ...]
Shaped = tuple[Located, dict[str, Any]]


@dataclass(frozen=True)
class Neighbour:
    """A rule of another route that the release does not govern, by its number among the user's rules of that route."""

    route: Located
    number: int
    rule: Rule


def by_route(application: Application) -> dict[Located, list[Neighbour]]:
    """The rules of other routes beside each route that the release shapes.

    Raises Refused where a governed rule is not there.
    """
    known = list(_routes(application))
    by_hostname: dict[tuple[str, str], list[Shaped]] = {}
    for own, document in known:
        for hostname in _hostnames(document):
            by_hostname.setdefault((own.kind, hostname), []).append((own, document))
    return {
        own: list(_beside(application, own, document, by_hostname))
        for own, document in known
        if own in application.routes
    }


def _routes(application: Application) -> Iterator[Shaped]:
    for given in application.adopted.stable if application.adopted is not None else ():
        own = overlay.located(given.value, application)
        if own is not None and own.kind in REQUEST_KINDS:
            yield own, given.value


def _beside(
    application: Application,
    own: Located,
    document: dict[str, Any],
    by_hostname: dict[tuple[str, str], list[Shaped]],
) -> Iterator[Neighbour]:
    others = {
        other: value
        for hostname in _hostnames(document)
        for other, value in by_hostname[own.kind, hostname]
        if other != own
    }
    parents = parents_of(own, document)
    for other, value in others.items():
        if any(meet(one, another) for one in parents for another in parents_of(other, value)):
            yield from _rules(application, other, value)


def _rules(application: Application, own: Located, document: dict[str, Any]) -> Iterator[Neighbour]:
    """The user's rules of a route that the release does not govern."""
    is_shaped = own in application.routes
    governed = ReleaseOnRoute(application, document).governed() if is_shaped else []
    for number, rule in enumerate(routes.users_rules(document)):
        if not any(rule is known for known in governed):
            yield Neighbour(own, number, rule)


def _hostnames(document: dict[str, Any]) -> list[str]:
    """The hostnames of a route; an empty one where it takes all."""
    return document["spec"].get("hostnames") or [""]


def parents_of(own: Located, document: dict[str, Any]) -> list[Parent]:
    """The parents of a route: what they are, then the listener and the port, None where it is any."""
    return [
        (
            ref.get("group", GATEWAY_GROUP),
            ref.get("kind") or "Gateway",
            ref.get("namespace") or own.namespace,
            ref.get("name"),
            ref.get("sectionName"),
            ref.get("port"),
        )
        for ref in document["spec"].get("parentRefs") or []
    ]


def meet(one: Parent, other: Parent) -> bool:
    """Whether one listener may bring requests to both."""
    alike = zip(one[4:], other[4:], strict=True)
    return one[:4] == other[:4] and all(None in pair or pair[0] == pair[1] for pair in alike)
