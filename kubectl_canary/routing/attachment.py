"""Which routes a request meets: by the listeners of Gateways that are known, by hostnames, and by kind.

A parent that is not among the documents brings every request; where the route names a port of it, those to that port.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from kubectl_canary.records import dataclass
from kubectl_canary.routing.matching import Criterion, Rank
from kubectl_canary.routing.requests import Request

Document = dict[str, Any]
GROUP = "gateway.networking.k8s.io"
KINDS = ("HTTPRoute", "GRPCRoute")
PROTOCOLS = {"HTTP": "http", "HTTPS": "https"}


@dataclass(frozen=True)
class Route:
    """An HTTPRoute or GRPCRoute."""

    document: Document

    @property
    def kind(self) -> str:
        """Its kind."""
        return str(self.document["kind"])

    @property
    def namespace(self) -> str:
        """Its namespace; empty where it says none."""
        return str(self.document["metadata"].get("namespace") or "")

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.document["metadata"]["name"])

    @property
    def title(self) -> str:
        """`HTTPRoute shop`."""
        return f"{self.kind} {self.name}"

    @property
    def hostnames(self) -> list[str]:
        """Its hostnames in lower case; an empty one where it takes all."""
        return [str(name).lower() for name in self.document["spec"].get("hostnames") or [""]]

    @property
    def rules(self) -> list[dict[str, Any]]:
        """Its rules."""
        return self.document["spec"].get("rules") or []

    @property
    def age(self) -> tuple[Rank, Rank]:
        """Where it stands by age, one that is not created yet behind all others, and by `namespace/name`."""
        created = str(self.document["metadata"].get("creationTimestamp") or "")
        name = f"{self.namespace}/{self.name}"
        return (
            Rank(Criterion.AGE, (not created, created), created or "not created yet"),
            Rank(Criterion.NAME, (name,), name if self.namespace else self.name),
        )

    def hostname(self, host: str) -> Rank | None:
        """Where it stands by the best of its hostnames that takes a host; None where none does."""
        serving = [name for name in self.hostnames if is_served(host, name)]
        best = min(serving, key=_hostname_key, default=None)
        return None if best is None else Rank(Criterion.HOSTNAME, _hostname_key(best), best or "any")


def is_served(host: str, hostname: str) -> bool:
    """Whether a hostname takes a host: `*.` stands for one label or more, an empty hostname for every host."""
    return hostname in ("", host) or (hostname.startswith("*.") and host.endswith(hostname[1:]))


def routes_of(documents: Sequence[Document]) -> list[Route]:
    """The routes among documents."""
    return [Route(document) for document in documents if _is_of(document, *KINDS)]


def met(documents: Sequence[Document], request: Request) -> tuple[list[tuple[Route, Rank]], list[str]]:
    """The routes that a request meets before any rule is looked at, each with where its hostname stands.

    With them goes what is to be said of those that the request misses.
    """
    gateways = [document for document in documents if _is_of(document, "Gateway")]
    known = routes_of(documents)
    attached = [route for route in known if _is_attached(route, gateways, request)]
    notes = []
    if known and not attached:
        notes.append(f"no route is attached to a listener for {request.scheme} on port {request.port}")
    accepted, refused = _of_one_kind(attached)
    notes += [
        f"{route.title} is not accepted: {other.title} has the same hostname, and comes first by age, then name"
        for route, other in refused
    ]
    ranked = ((route, route.hostname(request.host)) for route in accepted)
    return [(route, rank) for route, rank in ranked if rank is not None], notes


def _is_of(document: Document, *kinds: str) -> bool:
    group = str(document.get("apiVersion")).partition("/")[0]
    return group == GROUP and document.get("kind") in kinds


def _hostname_key(hostname: str) -> tuple[int, int]:
    """Most characters without a wildcard, then most characters."""
    is_exact = not hostname.startswith("*")
    return -len(hostname) * is_exact, -len(hostname)


def _of_one_kind(routes: Sequence[Route]) -> tuple[list[Route], list[tuple[Route, Route]]]:
    """Those that are accepted, and those that are not with who is: one hostname has routes of one kind, the oldest's.

    Source: https://gateway-api.sigs.k8s.io/reference/spec/#grpcroute.
    """
    accepted: list[Route] = []
    refused: list[tuple[Route, Route]] = []
    for route in sorted(routes, key=lambda route: [rank.key for rank in route.age]):
        others = (
            other
            for other in accepted
            if other.kind != route.kind and {*other.hostnames} & {*route.hostnames}
        )
        older = next(others, None)
        if older is None:
            accepted.append(route)
        else:
            refused.append((route, older))
    return accepted, refused


def _is_attached(route: Route, gateways: Sequence[Document], request: Request) -> bool:
    """Whether one of its parents brings it the request; a route without parents is taken as it is."""
    parents = route.document["spec"].get("parentRefs") or [{}]
    return any(_brings(parent, route, gateways, request) for parent in parents)


def _brings(parent: dict[str, Any], route: Route, gateways: Sequence[Document], request: Request) -> bool:
    if parent.get("port") not in (None, request.port):
        return False
    gateway = next((known for known in gateways if _is_parent(parent, route, known)), None)
    return gateway is None or any(
        _hears(listener, request) for listener in _listeners(gateway, parent.get("sectionName"))
    )


def _is_parent(parent: dict[str, Any], route: Route, gateway: Document) -> bool:
    metadata = gateway["metadata"]
    wanted = (parent.get("kind") or "Gateway", parent.get("namespace") or route.namespace, parent.get("name"))
    return wanted == ("Gateway", metadata.get("namespace") or "", metadata["name"])


def _listeners(gateway: Document, section: str | None) -> Iterator[dict[str, Any]]:
    yield from (
        listener for listener in gateway["spec"].get("listeners") or [] if section in (None, listener["name"])
    )


def _hears(listener: dict[str, Any], request: Request) -> bool:
    hears = PROTOCOLS.get(str(listener.get("protocol"))), listener.get("port")
    return hears == (request.scheme, request.port) and is_served(
        request.host, str(listener.get("hostname") or "").lower()
    )
