"""The paths of ingress-nginx's Ingresses → HTTPRoutes, and which of their rules nginx splits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from kubectl_canary.findings import Finding, Path
from kubectl_canary.integrations.importers.belongings import namespace_of
from kubectl_canary.integrations.importers.imported import Gateway, Governed, refusal
from kubectl_canary.reading.adopted.objects import at, name_of, of_kind
from kubectl_canary.reading.manifests import Manifest
from kubectl_canary.records import dataclass
from kubectl_canary.release.adoption import SERVICE
from kubectl_canary.release.application import GATEWAY_API, HTTP_ROUTE

NAME = "ingress-nginx"
PATHS = {"Exact": "Exact", "Prefix": "PathPrefix", "ImplementationSpecific": "PathPrefix"}
# of a route in every release of the Gateway API, with as many rules again for testers
MOST_HOSTS, MOST_RULES, MOST_MATCHES = 16, 7, 8
Item = TypeVar("Item")


Upstream = tuple[str, str, "int | str"]


@dataclass(frozen=True)
class Place:
    """A path of an Ingress: where its requests come in, and the Service that they go to; `at` is where it stands.

    `port` is the port's number, `written` its number or its name, as the Ingress has it.
    """

    ingress: Manifest
    at: Path
    host: str
    path: str
    type: str
    service: str
    port: int
    written: int | str

    @property
    def key(self) -> tuple[str, str, str]:
        """What nginx joins the places of two Ingresses by."""
        return self.host, self.path, self.type

    @property
    def upstream(self) -> Upstream:
        """What nginx splits: each path to the same port of the same Service is split where one of them is.

        A port by name and by number are two. Source: upstreamName in internal/ingress/controller/util.go
        """
        return namespace_of(self.ingress), self.service, self.written

    def __str__(self) -> str:
        return f"{self.host or '*'}{self.path} ({self.type})"


Pair = tuple[Place, Place]  # of the canary's Ingress, and of the other


def paths(ingress: Manifest) -> Iterator[tuple[Path, str, dict[str, Any]]]:
    """The paths, each with its place and its host."""
    for number, rule in enumerate(at(ingress.value, "spec", "rules") or ()):
        for index, path in enumerate(at(rule, "http", "paths") or ()):
            yield ("spec", "rules", number, "http", "paths", index), at(rule, "host") or "", path


def backends(ingress: Manifest) -> Iterator[tuple[Path, Any]]:
    """The backends of paths, each with its place."""
    for where, _, path in paths(ingress):
        yield (*where, "backend"), at(path, "backend")


def keys(ingress: Manifest) -> Iterator[tuple[Path, tuple[str, str, str]]]:
    """What nginx joins each path by, with its place."""
    for where, host, path in paths(ingress):
        yield where, (host, at(path, "path") or "/", str(at(path, "pathType")))


def places(ingress: Manifest, manifests: Sequence[Manifest], findings: list[Finding]) -> list[Place]:
    """The paths of an Ingress; `findings` gets what is wrong with their ports."""
    found = []
    for where, host, path in paths(ingress):
        service = str(at(path, "backend", "service", "name"))
        port = _port(ingress, (*where, "backend", "service"), path, manifests, findings)
        key = at(path, "path") or "/", str(at(path, "pathType"))
        named = at(path, "backend", "service", "port") or {}
        written = named.get("number") or named.get("name") or port
        found.append(Place(ingress, where, host, *key, service, port, written))
    return found


def _port(
    ingress: Manifest,
    where: Path,
    path: dict[str, Any],
    manifests: Sequence[Manifest],
    findings: list[Finding],
) -> int:
    """The number of the port, which a route names."""
    number, name = (
        at(path, "backend", "service", "port", "number"),
        at(path, "backend", "service", "port", "name"),
    )
    if number:
        return int(number)
    wanted = at(path, "backend", "service", "name")
    for service in of_kind(manifests, *SERVICE):
        for port in at(service.value, "spec", "ports") or ():
            is_it = name_of(service) == wanted and namespace_of(service) == namespace_of(ingress)
            if is_it and at(port, "name") == name:
                return int(port["port"])
    message = f"Service {wanted} has no port `{name}` among the manifests"
    hint = "import the Service too, or write the port's number into the Ingress"
    findings.append(refusal(f"{NAME}-port", ingress, (*where, "port"), message, hint))
    return 0


def routes(
    mains: Sequence[Manifest],
    places: Mapping[int, Sequence[Place]],
    pairs: Sequence[Pair],
    surroundings: tuple[Sequence[Manifest], Gateway],
) -> tuple[tuple[dict[str, Any], ...], Governed]:
    """HTTPRoutes for each list of paths that hosts have, and the rules of each that are split."""
    split = {main.upstream for _, main in pairs}
    services = {upstream[:2] for upstream in split}
    manifests, gateway = surroundings
    taken = {
        (namespace_of(known), name_of(known)) for known in manifests if known.text("kind") == "HTTPRoute"
    }
    made: list[dict[str, Any]] = []
    governed: Governed = {}
    for main in mains:
        for hosts, rules in _parts(places[id(main)]):
            name = _free_name(main, taken)
            made.append(_route(main, name, hosts, [_rule(group) for group in rules], gateway))
            upstreams = [group[0].upstream for group in rules]
            mine = [number for number, upstream in enumerate(upstreams) if upstream in split]
            if split and mine != [n for n, upstream in enumerate(upstreams) if upstream[:2] in services]:
                governed[(HTTP_ROUTE, name)] = mine
    return tuple(made), governed


Rules = Sequence[Sequence[Place]]  # the paths of each


def _parts(places: Sequence[Place]) -> Iterator[tuple[Sequence[str], Rules]]:
    """The hosts and rules of routes: hosts with the same paths share them, as far as a route has room."""
    by_host: dict[str, list[Place]] = {}
    for place in places:
        by_host.setdefault(place.host, []).append(place)
    by_paths: dict[tuple[Any, ...], list[str]] = {}
    for host, known in by_host.items():
        paths = tuple((*one.key[1:], *one.upstream) for one in known)
        by_paths.setdefault((bool(host), paths), []).append(host)  # one without a host takes every other
    for hosts in by_paths.values():
        by_upstream: dict[Upstream, list[Place]] = {}
        for place in by_host[hosts[0]]:
            by_upstream.setdefault(place.upstream, []).append(place)
        rules = [part for known in by_upstream.values() for part in _batches(known, MOST_MATCHES)]
        for some in _batches(rules, MOST_RULES):
            yield from ((named, some) for named in _batches(hosts, MOST_HOSTS))


def _batches(items: Sequence[Item], most: int) -> Iterator[Sequence[Item]]:
    for first in range(0, len(items), most):
        yield items[first : first + most]


def _free_name(main: Manifest, taken: set[tuple[str, str]]) -> str:
    """A name for a route, which is taken then: that of the Ingress, or one with the first number that is free."""
    names = (name_of(main), *(f"{name_of(main)}-{number}" for number in range(2, len(taken) + 3)))
    name = next(name for name in names if (namespace_of(main), name) not in taken)
    taken.add((namespace_of(main), name))
    return name


def _route(
    main: Manifest, name: str, hosts: Sequence[str], rules: Sequence[dict[str, Any]], gateway: Gateway
) -> dict[str, Any]:
    metadata = at(main.value, "metadata") or {}
    namespace = {"namespace": metadata["namespace"]} if metadata.get("namespace") else {}
    labels = {"labels": metadata["labels"]} if metadata.get("labels") else {}
    parent = {"name": gateway.name, **({"namespace": gateway.namespace} if gateway.namespace else {})}
    return {
        "apiVersion": GATEWAY_API,
        "kind": "HTTPRoute",
        "metadata": {"name": name, **namespace, **labels},
        "spec": {
            "parentRefs": [parent],
            **({"hostnames": list(hosts)} if all(hosts) else {}),
            "rules": list(rules),
        },
    }


def _rule(places: Sequence[Place]) -> dict[str, Any]:
    matches = [{"path": {"type": PATHS[place.type], "value": place.path}} for place in places]
    return {"matches": matches, "backendRefs": [{"name": places[0].service, "port": places[0].port}]}
