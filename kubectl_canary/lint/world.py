"""A set of objects as the rules look at them."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kubectl_canary.findings import Path

GATEWAY = "gateway.networking.k8s.io"
ROUTES = ("HTTPRoute", "GRPCRoute")
Identity = tuple[str, str, str]

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")


@dataclass(frozen=True)
class Complaint:
    """One complaint about one object of the set."""

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

    def complaint(self, path: Path, message: str, hint: str = "") -> Complaint:
        """A complaint about it."""
        return Complaint(self.number, path, message, hint)


@dataclass(frozen=True)
class Backend:
    """A backendRef of a rule: where it stands, its weight, and the Service that it names."""

    route: Object
    rule: int
    index: int
    value: dict[str, Any]

    @property
    def path(self) -> Path:
        """Its place in the route."""
        return ("spec", "rules", self.rule, "backendRefs", self.index)

    @property
    def weight(self) -> int:
        """Its weight; 1 where none is given."""
        weight = self.value.get("weight")
        return 1 if weight is None else int(weight)

    @property
    def namespace(self) -> str:
        """The namespace that it points into."""
        return str(self.value.get("namespace") or self.route.namespace)

    @property
    def is_service(self) -> bool:
        """Whether it names a Service."""
        return not self.value.get("group") and self.value.get("kind", "Service") == "Service"

    @property
    def key(self) -> tuple[str, str, str, str, Any]:
        """What tells it from other backends (group, kind, namespace, name, port)."""
        kind = str(self.value.get("kind", "Service"))
        return (
            str(self.value.get("group", "")),
            kind,
            self.namespace,
            str(self.value["name"]),
            self.value.get("port"),
        )


class World:
    """The objects of a set, by what rules ask for."""

    def __init__(self, objects: Sequence[dict[str, Any]]) -> None:
        self.kinds: dict[str, list[Object]] = {}
        self.places: dict[tuple[str, str], list[Object]] = {}
        self.names: dict[Identity, Object] = {}
        for number, one in enumerate(objects):
            if isinstance(one.get("metadata"), dict):
                made = Object(number, one)
                self.kinds.setdefault(made.kind, []).append(made)
                self.places.setdefault((made.kind, made.namespace), []).append(made)
                self.names.setdefault(made.identity, made)

    def of(self, *kinds: str) -> list[Object]:
        """The objects of some kinds."""
        return [one for kind in kinds for one in self.kinds.get(kind, [])]

    def there(self, namespace: str, *kinds: str) -> list[Object]:
        """The objects of some kinds in a namespace."""
        return [one for kind in kinds for one in self.places.get((kind, namespace), [])]

    @functools.cached_property
    def routes(self) -> list[Object]:
        """HTTPRoutes and GRPCRoutes."""
        return [one for one in self.of(*ROUTES) if one.group == GATEWAY]

    def find(self, kind: str, namespace: str, name: str) -> Object | None:
        """The object of that name."""
        return self.names.get((kind, namespace, name))

    @functools.cached_property
    def tracks(self) -> dict[str, list[tuple[Object, Object]]]:
        """By namespace, the pairs of workloads between which a rule of a route splits: behind two of its Services."""
        found: dict[tuple[Identity, Identity], tuple[Object, Object]] = {}
        for route in self.routes:
            for group in backends(route):
                owners = {owner.identity: owner for one in group for owner in self._owners(one)}
                for first, other in itertools.combinations(owners.values(), 2):
                    if first.namespace == other.namespace:
                        found[first.identity, other.identity] = first, other
        pairs: dict[str, list[tuple[Object, Object]]] = {}
        for pair in found.values():
            pairs.setdefault(pair[0].namespace, []).append(pair)
        return pairs

    def _owners(self, backend: Backend) -> Iterator[Object]:
        """The workloads whose pods a backend's Service selects."""
        name = str(backend.value["name"])
        service = self.find("Service", backend.namespace, name) if backend.is_service else None
        if service is not None:
            for workload in self.there(service.namespace, *WORKLOADS):
                if selects(service.spec.get("selector"), pod_labels(workload)):
                    yield workload


def rules(route: Object) -> list[dict[str, Any]]:
    """The rules of a route."""
    return route.spec.get("rules") or []


def backends(route: Object) -> Iterator[list[Backend]]:
    """The backends of each rule of a route, rule by rule."""
    for number, rule in enumerate(rules(route)):
        refs = rule.get("backendRefs") or []
        yield [Backend(route, number, index, one) for index, one in enumerate(refs)]


def hostnames(route: Object) -> list[str]:
    """The hostnames of a route; `*` where it takes all."""
    return route.spec.get("hostnames") or ["*"]


def parents(route: Object) -> list[tuple[str, str, str, str, Any]]:
    """The parents of a route: group, kind, namespace, name, section."""
    return [
        (
            one.get("group", GATEWAY),
            one.get("kind", "Gateway"),
            one.get("namespace") or route.namespace,
            one["name"],
            one.get("sectionName"),
        )
        for one in route.spec.get("parentRefs") or []
    ]


def selects(selector: dict[str, str] | None, labels: dict[str, str]) -> bool:
    """Whether a selector of equal labels matches; an empty one matches nothing here."""
    return bool(selector) and all(labels.get(key) == value for key, value in (selector or {}).items())


def pod_labels(workload: Object) -> dict[str, str]:
    """The labels of a workload's pods."""
    labels: dict[str, str] = workload.spec.get("template", {}).get("metadata", {}).get("labels") or {}
    return labels
