"""Two routes with the same hostname and the same match on one listener: the older one gets all requests.

Source: https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule, precedence across routes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from kubectl_canary.driving.doctor.facts import Facts, Remark, Value, problem, title, warning
from kubectl_canary.release import neighbours
from kubectl_canary.release.application import GRPC_ROUTE, Located
from kubectl_canary.routing.attachment import Route
from kubectl_canary.routing.matching import path_of


def check(facts: Facts) -> Iterator[Remark]:
    """Routes of others that have a match of the release's routes too."""
    if not facts.knows("routes", "objects"):
        return
    own = {(part.kind, part.namespace or facts.namespace, part.name) for part in facts.parts if part.is_route}
    others = [route for route in facts.routes if _identity(route) not in own]
    for route in facts.own_routes:
        for other in others:
            if route["kind"] == other["kind"] and _share_a_match(route, other):
                yield _remark(route, other)


def _remark(route: Value, other: Value) -> Remark:
    names = f"{title(other)} in {other['metadata'].get('namespace')} and {title(route)}"
    what = f"{names} compete: same hostname, same match, same listener"
    cure = "delete one of them, or give it another hostname or path"
    theirs, ours = ([rank.key for rank in Route(known).age] for known in (other, route))
    if theirs < ours:
        return problem(f"traffic is not split: {what}, and the first is older, so it gets all requests", cure)
    return warning(f"{what}, and the second is older, so the first gets none of them", cure)


def _identity(route: Value) -> tuple[str, str | None, str]:
    metadata = route["metadata"]
    return route["kind"], metadata.get("namespace"), metadata["name"]


def _share_a_match(route: Value, other: Value) -> bool:
    alike = set(Route(route).hostnames) & set(Route(other).hostnames)
    return bool(alike) and _share_a_listener(route, other) and bool(_matches(route) & _matches(other))


def _matches(route: Value) -> set[str]:
    """The matches of a route, each as a text that is the same for the same requests."""
    return {
        json.dumps(_canonical(route["kind"], match), sort_keys=True)
        for rule in route["spec"].get("rules") or []
        for match in rule.get("matches") or [{}]
    }


def _canonical(kind: str, match: Value) -> list[object]:
    path = None if kind == GRPC_ROUTE else path_of(match)
    return [path, match.get("method"), _conditions(match, "headers"), _conditions(match, "queryParams")]


def _conditions(match: Value, key: str) -> list[tuple[str, str, str]]:
    """Conditions in an order of their own; names of headers have no case."""
    known = match.get(key) or []
    names = (str(item["name"]).lower() if key == "headers" else str(item["name"]) for item in known)
    values = ((item.get("type") or "Exact", str(item.get("value"))) for item in known)
    return sorted((name, *rest) for name, rest in zip(names, values, strict=True))


def _share_a_listener(route: Value, other: Value) -> bool:
    one, another = (neighbours.parents_of(Located(*_identity(known)), known) for known in (route, other))
    return any(neighbours.meet(first, second) for first in one for second in another)
