"""A set of objects as the rules look at them."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from kubectl_canary.findings import Path
from kubectl_canary.records import dataclass
from kubectl_canary.routing.backends import BackendRef

GATEWAY = "gateway.networking.k8s.io"
ROUTES = ("HTTPRoute", "GRPCRoute")
STREAMS = ("TLSRoute", "TCPRoute", "UDPRoute")
Identity = tuple[str, str, str]

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")
TEMPLATE = ("spec", "template")


@dataclass(frozen=True)
class Violation:
    """What breaks a rule: an object of the set, by its number, and the place in it."""

    number: int
    path: Path
    message: str
    hint: str = ""


@dataclass(frozen=True)
class Object:
    """An object and its number in the set."""

    number: int
    value: dict[str, Any]

    @property
    def kind(self) -> str:
        """Its kind."""
        return str(self.value["kind"])

    @property
    def group(self) -> str:
        """Its API group."""
        return str(self.value["apiVersion"]).rpartition("/")[0]

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.value["metadata"].get("name", ""))

    @property
    def namespace(self) -> str:
        """Its namespace; empty where kubectl decides."""
        return str(self.value["metadata"].get("namespace") or "")

    @property
    def identity(self) -> Identity:
        """What makes it the same object as another document's."""
        return self.kind, self.namespace, self.name

    @property
    def spec(self) -> dict[str, Any]:
        """Its spec."""
        return self.value.get("spec") or {}

    def violation(self, path: Path, message: str, hint: str = "") -> Violation:
        """A violation at a place of it."""
        return Violation(self.number, path, message, hint)


@dataclass(frozen=True)
class Backend(BackendRef):
    """A backendRef of a rule, and where it stands."""

    route: Object
    path: Path

    @property
    def points_into(self) -> str:
        """The namespace of what it names."""
        return str(self.namespace(self.route.namespace))

    @property
    def key(self) -> tuple[str, str, str, str, Any]:
        """What tells it from other backends (group, kind, namespace, name, port)."""
        return self.group, self.kind, self.points_into, self.name, self.port


@dataclass(frozen=True)
class RouteRule:
    """A rule of a route: as it is written, and what lint looks into, each with its place in the route."""

    route: Object
    number: int
    value: dict[str, Any]

    @property
    def path(self) -> Path:
        """Its place in the route."""
        return ("spec", "rules", self.number)

    @property
    def name(self) -> str:
        """Its name; empty where it has none."""
        return self.value.get("name") or ""

    @property
    def matches(self) -> list[tuple[Path, dict[str, Any]]]:
        """Its matches; a single one that takes every request where none is written, as the API has it."""
        matches = self.value.get("matches") or [{}]
        return [((*self.path, "matches", index), match) for index, match in enumerate(matches)]

    @property
    def filters(self) -> list[tuple[Path, dict[str, Any]]]:
        """Its filters."""
        filters = self.value.get("filters") or []
        return [((*self.path, "filters", index), route_filter) for index, route_filter in enumerate(filters)]

    @functools.cached_property
    def backends(self) -> list[Backend]:
        """Its backends."""
        refs = self.value.get("backendRefs") or []
        return [
            Backend(ref, self.route, (*self.path, "backendRefs", index)) for index, ref in enumerate(refs)
        ]

    @property
    def weight(self) -> int:
        """The weights of its backends together."""
        return sum(backend.weight for backend in self.backends)


class Parent(NamedTuple):
    """A parent of a route: what it names, with defaults, and which of its listeners."""

    group: str
    kind: str
    namespace: str
    name: str
    section: str | None
    port: int | None


@dataclass(frozen=True)
class Pods:
    """The pods that an object makes, or is: their template, and where that stands."""

    owner: Object
    path: Path
    template: dict[str, Any]

    @property
    def labels(self) -> dict[str, str]:
        """Their labels."""
        labels: dict[str, str] = (self.template.get("metadata") or {}).get("labels") or {}
        return labels

    @property
    def spec(self) -> dict[str, Any]:
        """Their spec."""
        return self.template.get("spec") or {}

    def containers(self, *keys: str) -> Iterator[tuple[Path, dict[str, Any]]]:
        """Their containers, each with its place; of `containers` unless told."""
        for key in keys or ("containers",):
            for index, container in enumerate(self.spec.get(key) or []):
                yield (*self.path, "spec", key, index), container


# pods by namespace, label and its value
Labelled = dict[tuple[str, str, str], list[Pods]]


class Objects:
    """The objects of a set, by what rules ask for.

    `unjudged` are objects of kinds without a schema: nothing is known of their shape. They are numbered after the
    others.
    """

    def __init__(self, documents: Sequence[dict[str, Any]], unjudged: Sequence[dict[str, Any]] = ()) -> None:
        self.unjudged = [
            Object(number, document)
            for number, document in enumerate(unjudged, len(documents))
            if isinstance(document.get("metadata"), dict)
        ]
        self.kinds: dict[str, list[Object]] = {}
        self.places: dict[tuple[str, str], list[Object]] = {}
        self.names: dict[Identity, Object] = {}
        for number, document in enumerate(documents):
            if isinstance(document.get("metadata"), dict):
                item = Object(number, document)
                self.kinds.setdefault(item.kind, []).append(item)
                self.places.setdefault((item.kind, item.namespace), []).append(item)
                self.names.setdefault(item.identity, item)

    def of_kind(self, *kinds: str) -> list[Object]:
        """The objects of some kinds."""
        return [item for kind in kinds for item in self.kinds.get(kind, [])]

    def in_namespace(self, namespace: str, *kinds: str) -> list[Object]:
        """The objects of some kinds in a namespace."""
        return [item for kind in kinds for item in self.places.get((kind, namespace), [])]

    @functools.cached_property
    def routes(self) -> list[Object]:
        """HTTPRoutes and GRPCRoutes."""
        return [route for route in self.of_kind(*ROUTES) if route.group == GATEWAY]

    @functools.cached_property
    def route_rules(self) -> list[RouteRule]:
        """The rules of routes of every kind."""
        return [rule for route in self.attached for rule in route_rules(route)]

    @property
    def backends(self) -> Iterator[Backend]:
        """The backends of routes of every kind."""
        return (backend for rule in self.route_rules for backend in rule.backends)

    def find(self, kind: str, namespace: str, name: str) -> Object | None:
        """The object of that name."""
        return self.names.get((kind, namespace, name))

    @functools.cached_property
    def tracks(self) -> dict[str, list[tuple[Object, Object]]]:
        """By namespace, the pairs of workloads between which a rule of a route splits: behind two of its Services."""
        tracks: dict[tuple[Identity, Identity], tuple[Object, Object]] = {}
        for rule in self.route_rules:
            owners = {owner.identity: owner for backend in rule.backends for owner in self._owners(backend)}
            for first, other in itertools.combinations(owners.values(), 2):
                if first.namespace == other.namespace:
                    tracks[first.identity, other.identity] = first, other
        pairs: dict[str, list[tuple[Object, Object]]] = {}
        for pair in tracks.values():
            pairs.setdefault(pair[0].namespace, []).append(pair)
        return pairs

    def a_split(self, namespace: str) -> tuple[Object, Object] | None:
        """The first split of a namespace."""
        return next(iter(self.tracks.get(namespace, ())), None)

    def both_sides(self, namespace: str, selector: dict[str, str] | None) -> tuple[Object, Object] | None:
        """The first split of a namespace both of whose sides a selector takes."""
        for first, other in self.tracks.get(namespace, ()):
            if selects(selector, pod_labels(first)) and selects(selector, pod_labels(other)):
                return first, other
        return None

    def _owners(self, backend: Backend) -> Iterator[Object]:
        """The workloads whose pods a backend's Service selects."""
        service = self.service(backend)
        if service is not None:
            yield from (pods.owner for pods in self.selected(service) if pods.owner.kind in WORKLOADS)

    def service(self, backend: Backend) -> Object | None:
        """The Service of the set that a backend names."""
        return self.find("Service", backend.points_into, backend.name) if backend.is_service else None

    @functools.cached_property
    def attached(self) -> list[Object]:
        """Routes of every kind of the Gateway API."""
        return [route for route in self.of_kind(*ROUTES, *STREAMS) if route.group == GATEWAY]

    def gateway(self, parent: Parent) -> Object | None:
        """The Gateway of the set that a route's parent is."""
        if (parent.group, parent.kind) != (GATEWAY, "Gateway"):
            return None
        gateway = self.find("Gateway", parent.namespace, parent.name)
        return gateway if gateway is not None and gateway.group == GATEWAY else None

    @functools.cached_property
    def pods(self) -> list[Pods]:
        """The pods of the set's workloads."""
        return [
            Pods(workload, TEMPLATE, workload.spec["template"])
            for workload in self.of_kind(*WORKLOADS)
            if workload.group == "apps"
        ]

    @functools.cached_property
    def inhabited(self) -> set[str]:
        """The namespaces that the set has pods of."""
        return {pods.owner.namespace for pods in self.pods}

    @functools.cached_property
    def _labelled(self) -> Labelled:
        return _by_label(self.pods)

    @functools.cached_property
    def _foreign(self) -> Labelled:
        """Pods that something else makes, or that stand alone: no more is known of them than their labels."""
        owners = {pods.owner.number for pods in self.pods}
        others = [item for items in self.kinds.values() for item in items if item.number not in owners]
        return _by_label(
            pods for item in (*others, *self.unjudged) if (pods := _foreign_pods(item)) is not None
        )

    def is_foreign(self, service: Object) -> bool:
        """Whether a Service selects pods that no workload of the set makes."""
        return bool(_selected(service, self._foreign))

    def selected(self, service: Object) -> list[Pods]:
        """The pods that a Service selects."""
        return _selected(service, self._labelled)

    @functools.cached_property
    def served(self) -> list[tuple[Object, Pods]]:
        """The Services that routes send to, each with pods that it selects."""
        services = (self.service(backend) for backend in self.backends)
        reached = {service.number: service for service in services if service is not None}
        return [(service, pods) for service in reached.values() for pods in self.selected(service)]

    @functools.cached_property
    def namespaces(self) -> set[str]:
        """The namespaces that the set shows: of its objects, and as objects."""
        return {namespace for _, namespace in self.places} | {item.name for item in self.of_kind("Namespace")}

    @functools.cached_property
    def _grants(self) -> dict[tuple[str, ...], set[str | None]]:
        """The names that may be referred to, None for all: by who (group, kind, namespace) and what."""
        names: dict[tuple[str, ...], set[str | None]] = {}
        for grant in self.of_kind("ReferenceGrant"):
            for who, to in itertools.product(grant.spec.get("from") or [], grant.spec.get("to") or []):
                key = (who["group"], who["kind"], who["namespace"])
                what = (to.get("group", ""), to["kind"], grant.namespace)
                names.setdefault((*key, *what), set()).add(to.get("name"))
        return names

    def is_granted(self, who: Object, group: str, kind: str, namespace: str, name: str) -> bool:
        """Whether a ReferenceGrant of the set lets an object refer to something in another namespace."""
        names = self._grants.get((who.group, who.kind, who.namespace, group, kind, namespace), set())
        return bool(names & {None, name})


def _by_label(all_pods: Iterable[Pods]) -> Labelled:
    index: Labelled = {}
    for pods in all_pods:
        for key, value in pods.labels.items():
            index.setdefault((pods.owner.namespace, key, value), []).append(pods)
    return index


def _selected(service: Object, index: Labelled) -> list[Pods]:
    """What a Service selects: looked for among those that have the rarest of its labels."""
    selector: dict[str, str] = service.spec.get("selector") or {}
    candidates = [index.get((service.namespace, key, value), []) for key, value in selector.items()]
    return [pods for pods in min(candidates, key=len, default=[]) if selects(selector, pods.labels)]


def _foreign_pods(item: Object) -> Pods | None:
    path = {"Pod": (), "CronJob": ("spec", "jobTemplate", "spec", "template")}.get(item.kind, TEMPLATE)
    labels = _inside(item.value, *path, "metadata", "labels")
    known = {str(key): str(value) for key, value in labels.items()}
    return Pods(item, path, {"metadata": {"labels": known}}) if known else None


def _inside(value: Any, *keys: str) -> dict[str, Any]:
    """A mapping inside of something whose shape is not known; empty where there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def route_rules(route: Object) -> list[RouteRule]:
    """The rules of a route."""
    return [RouteRule(route, number, rule) for number, rule in enumerate(route.spec.get("rules") or [])]


def route_matches(route: Object) -> list[tuple[Path, dict[str, Any]]]:
    """The matches of all rules of a route, each with its place."""
    return [match for rule in route_rules(route) for match in rule.matches]


def hostnames(route: Object) -> list[str]:
    """The hostnames of a route; `*` where it takes all."""
    return route.spec.get("hostnames") or ["*"]


def parents(route: Object) -> list[Parent]:
    """The parents of a route."""
    return [
        Parent(
            GATEWAY if ref.get("group") is None else ref["group"],
            ref.get("kind") or "Gateway",
            ref.get("namespace") or route.namespace,
            ref["name"],
            ref.get("sectionName"),
            ref.get("port"),
        )
        for ref in route.spec.get("parentRefs") or []
    ]


def listeners(gateway: Object, parent: Parent) -> list[dict[str, Any]]:
    """The listeners of a Gateway that a route's parent means: all of them, or those of its section and port."""
    return [
        listener
        for listener in gateway.spec.get("listeners") or []
        if parent.section in (None, listener["name"]) and parent.port in (None, listener["port"])
    ]


def path_of(match: dict[str, Any]) -> tuple[str, str]:
    """The type and the value of a match's path, with the API's defaults."""
    path = match.get("path") or {}
    return path.get("type") or "PathPrefix", path.get("value") or "/"


def regular_expressions(route: Object) -> Iterator[tuple[Path, str]]:
    """The regular expressions in a route's matches, each with its place."""
    for path, match in route_matches(route):
        for place, condition in _conditions(match):
            for key in ("value", "service", "method"):
                if condition.get("type") == "RegularExpression" and condition.get(key):
                    yield (*path, *place, key), condition[key]


def _conditions(match: dict[str, Any]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """What a match compares: its path, a GRPCRoute's method, headers and query parameters."""
    for key in ("path", "method"):
        if isinstance(match.get(key), dict):
            yield (key,), match[key]
    for key in ("headers", "queryParams"):
        yield from (((key, index), condition) for index, condition in enumerate(match.get(key) or []))


def selects(selector: dict[str, str] | None, labels: dict[str, str]) -> bool:
    """Whether a selector of equal labels matches; an empty selector matches nothing here."""
    return bool(selector) and all(labels.get(key) == value for key, value in (selector or {}).items())


def pod_labels(workload: Object) -> dict[str, str]:
    """The labels of a workload's pods."""
    labels: dict[str, str] = workload.spec.get("template", {}).get("metadata", {}).get("labels") or {}
    return labels
