"""What was read of a cluster for one release, and what is said of it."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from kubectl_canary.driving import rights
from kubectl_canary.driving.moves import Objects
from kubectl_canary.driving.rights import Right
from kubectl_canary.records import dataclass, field
from kubectl_canary.release.application import Side, Workload
from kubectl_canary.release.documents import Part
from kubectl_canary.release.plan import Plan
from kubectl_canary.release.selectors import Labels
from kubectl_canary.rendering.parts import live_parts

Severity = Literal["problem", "warning", "ok"]
Value = dict[str, Any]


@dataclass(frozen=True)
class Remark:
    """What a check says: that something is as it has to be, or not, and what to do about it."""

    severity: Severity
    text: str
    cure: str = ""


def problem(text: str, cure: str) -> Remark:
    """Something in the way of the release."""
    return Remark("problem", text, cure)


def warning(text: str, cure: str) -> Remark:
    """Something that may be meant."""
    return Remark("warning", text, cure)


def ok(text: str) -> Remark:
    """Something that is as it has to be, or is good to know."""
    return Remark("ok", text)


@dataclass(frozen=True)
class Unread:
    """What could not be read, and why. `what` is one of the fields of Facts."""

    what: str
    why: str


@dataclass(frozen=True)
class Facts:
    """What was read.

    `planned` are the documents of all phases. `client` and `server` are versions, empty where there is no kubectl or
    no answer; `failure` says why. `objects` are the release's, `lease` is its Lease. `routes`, `services` and `pods`
    are all of the release's namespaces, `marked` the objects with our mark. `definitions` are CRDs by name.
    """

    plan: Plan
    namespace: str
    planned: Sequence[Value]
    client: str = ""
    server: str = ""
    context: str = ""
    failure: str = ""
    objects: Objects = field(default_factory=dict)
    lease: Mapping[str, Any] | None = None
    endpoints: Mapping[str, int] = field(default_factory=dict)
    routes: Sequence[Value] = ()
    services: Sequence[Value] = ()
    pods: Sequence[Value] = ()
    marked: Sequence[Value] = ()
    gateways: Sequence[Value] = ()
    classes: Sequence[Value] = ()
    namespaces: Sequence[Value] = ()
    definitions: Mapping[str, Value] = field(default_factory=dict)
    rights: Mapping[Right, bool] = field(default_factory=dict)
    unread: tuple[Unread, ...] = ()

    def knows(self, *what: str) -> bool:
        """Whether these were read, and the cluster was reached."""
        return not self.failure and not {unread.what for unread in self.unread} & set(what)

    @functools.cached_property
    def parts(self) -> list[Part]:
        """Every object that the release has."""
        return live_parts(self.plan)

    @property
    def own_routes(self) -> list[Value]:
        """The routes that the release shapes: as they are, and as they are planned where they are not there."""
        there = {part.located: self.objects[part.key] for part in self.parts if part.key in self.objects}
        planned = {(value["kind"], value["metadata"]["name"]): value for value in rights.documents(self.plan)}
        return [
            there.get(route) or self._placed(planned[route.kind, route.name])
            for route in self.plan.application.routes
            if route in there or (route.kind, route.name) in planned
        ]

    def _placed(self, value: Value) -> Value:
        """A document with its namespace, as the server would have it."""
        metadata = value["metadata"]
        return {**value, "metadata": {**metadata, "namespace": metadata.get("namespace") or self.namespace}}

    @property
    def parents(self) -> list[tuple[str | None, str]]:
        """The Gateways that the routes name, each with its namespace."""
        return rights.gateways(self.own_routes, self.namespace)

    def gateway(self, namespace: str | None, name: str) -> Value | None:
        """A Gateway that is there."""
        return next((known for known in self.gateways if _is_named(known, namespace, name)), None)

    def deployment(self, name: str) -> Value | None:
        """A Deployment of the release that is there."""
        return self._of_kind("Deployment", name)

    def service(self, name: str) -> Value | None:
        """A Service of the release that is there."""
        return self._of_kind("Service", name)

    def _of_kind(self, kind: str, name: str) -> Value | None:
        known = (self.objects.get(part.key) for part in self.parts if (part.kind, part.name) == (kind, name))
        return next((value for value in known if value is not None), None)

    def labels(self, workload: Workload, side: Side) -> Labels:
        """The labels of a side's pods: as they are, or as they are planned."""
        deployment = self.deployment(workload.names.of(side))
        if deployment is None:
            return workload.selectors.of(side)
        labels: Labels = (deployment["spec"]["template"].get("metadata") or {}).get("labels") or {}
        return labels

    def sides(self) -> Iterator[tuple[Workload, Side]]:
        """Each side of each workload."""
        return ((workload, side) for workload in self.plan.application.workloads for side in Side)


def _is_named(value: Value, namespace: str | None, name: str) -> bool:
    metadata = value["metadata"]
    return (metadata.get("name"), metadata.get("namespace")) == (name, namespace)


def title(value: Mapping[str, Any]) -> str:
    """`HTTPRoute shop`."""
    return f"{value.get('kind')} {value['metadata']['name']}"


def conditions(status: Mapping[str, Any] | None) -> dict[str, Mapping[str, Any]]:
    """The conditions of a status, by type."""
    return {str(known.get("type")): known for known in (status or {}).get("conditions") or []}
