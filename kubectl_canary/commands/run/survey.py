"""What `doctor` reads of a cluster: what can be read, and why the rest cannot."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from kubectl_canary.commands.run.calls import Call
from kubectl_canary.commands.run.cluster import Cluster, Leases
from kubectl_canary.commands.run.releases import generator_of
from kubectl_canary.driving import rights
from kubectl_canary.driving.doctor.facts import Facts, Unread, Value
from kubectl_canary.driving.position import services
from kubectl_canary.driving.rights import Right, plural
from kubectl_canary.errors import Forbidden, WorldError
from kubectl_canary.outside.kubectl import Kubectl
from kubectl_canary.records import replace
from kubectl_canary.release.application import GATEWAY_GROUP, REQUEST_KINDS
from kubectl_canary.rendering.objects import planned

Answer = TypeVar("Answer")
REVIEW = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
ROUTES = tuple(f"{plural(kind)}.{GATEWAY_GROUP}" for kind in REQUEST_KINDS)
GATEWAYS, CLASSES = (f"{plural(kind)}.{GATEWAY_GROUP}" for kind in ("Gateway", "GatewayClass"))


def facts_of(call: Call) -> Facts:
    """Everything that is read of the cluster of a call. Raises Refused for a file without a release."""
    plan, kubectl = call.release.plan, Kubectl(call.cluster_flags.words())
    facts = Facts(plan, plan.application.namespace or "default", _planned(call))
    try:
        client = json.loads(kubectl.said("version", "--client", "-o", "json"))["clientVersion"]["gitVersion"]
    except (WorldError, ValueError, KeyError) as error:
        return replace(facts, failure=str(error))
    facts = replace(facts, client=client)
    try:
        cluster = call.cluster
        server = json.loads(cluster.kubectl.said("get", "--raw", "/version"))["gitVersion"]
    except (WorldError, ValueError, KeyError) as error:
        return replace(facts, failure=_why(error) if isinstance(error, WorldError) else str(error))
    return Survey(cluster, replace(facts, server=server, context=_context(cluster.kubectl))).facts()


def _planned(call: Call) -> list[Value]:
    """The documents of all phases, each once."""
    plan, generator = call.release.plan, generator_of(call.release, call.release_flags)
    documents = [
        document.value
        for phase in plan.phases
        for document in generator.render(planned(plan.application, phase))
    ]
    return list({json.dumps(value, sort_keys=True): value for value in documents}.values())


def _context(kubectl: Kubectl) -> str:
    pins = [flag.partition("=")[2] for flag in kubectl.flags if flag.startswith("--context=")]
    return pins[-1] if pins else ""


class Survey:
    """Reads one thing after the other; what cannot be read is noted with the reason."""

    def __init__(self, cluster: Cluster, facts: Facts) -> None:
        self.cluster, self.kubectl = cluster, cluster.kubectl
        namespace = facts.plan.application.namespace or self.kubectl.namespace or facts.namespace
        self.known = replace(facts, namespace=namespace)
        self.unread: list[Unread] = []

    def facts(self) -> Facts:
        """All that can be read."""
        nothing: tuple[Any, Any] = ({}, None)
        objects, lease = self._tried("objects", self._objects, nothing)
        self.known = replace(self.known, objects=objects, lease=lease)
        read = replace(
            self.known,
            endpoints=self._tried("endpoints", self._endpoints, {}),
            routes=self._listed("routes", ROUTES),
            services=self._listed("services", ("services",)),
            pods=self._listed("pods", ("pods",)),
            marked=self._tried("marked", self.cluster.marked, []),
            gateways=self._tried("gateways", self._gateways, []),
            classes=self._tried("classes", lambda: self.kubectl.get([CLASSES], None), []),
            namespaces=self._tried("namespaces", self._namespaces, []),
            definitions=self._tried("definitions", self._definitions, {}),
            rights=self._tried("rights", self._rights, {}),
        )
        return replace(read, unread=tuple(self.unread))

    def _tried(self, what: str, read: Callable[[], Answer], otherwise: Answer) -> Answer:
        try:
            return read()
        except WorldError as error:
            self.unread.append(Unread(what, _why(error)))
            return otherwise

    def _objects(self) -> tuple[Any, Any]:
        try:
            return self.cluster.read()
        except Forbidden as error:
            if "leases" not in error.message:
                raise
            self.unread.append(Unread("lease", _why(error)))
            self.cluster.leases = Leases.LEFT_ALONE
            return self.cluster.read()

    def _places(self) -> list[str]:
        """The namespaces that the release is in."""
        known = (part.namespace or self.known.namespace for part in self.known.parts)
        return list(dict.fromkeys((self.known.namespace, *known)))

    def _endpoints(self) -> dict[str, int]:
        wanted = services(self.known.plan)
        return self.cluster.endpoints(wanted) if wanted else {}

    def _listed(self, what: str, kinds: Sequence[str]) -> list[Value]:
        """The objects of kinds in all namespaces of the release; a cluster may lack all but the first kind."""
        wanted, optional = kinds[:1], kinds[1:]
        return self._tried(
            what,
            lambda: [
                value for place in self._places() for value in self.kubectl.every(wanted, optional, place)
            ],
            [],
        )

    def _gateways(self) -> list[Value]:
        names: dict[str | None, list[str]] = {}
        for place, name in self.known.parents:
            names.setdefault(place, []).append(f"{GATEWAYS}/{name}")
        return [value for place, wanted in names.items() for value in self.kubectl.get(wanted, place)]

    def _namespaces(self) -> list[Value]:
        return self.kubectl.get([f"namespace/{place}" for place in self._places()], None)

    def _definitions(self) -> dict[str, Value]:
        kinds = dict.fromkeys(
            value["kind"]
            for value in self.known.planned
            if value["apiVersion"].startswith(f"{GATEWAY_GROUP}/")
        )
        names = [f"customresourcedefinition/{plural(kind)}.{GATEWAY_GROUP}" for kind in (*kinds, "Gateway")]
        found = self.kubectl.get(list(dict.fromkeys(names)), None)
        return {value["metadata"]["name"]: value for value in found}

    def _rights(self) -> dict[Right, bool]:
        wanted = rights.to_drive(self.known.plan, self.known.namespace)
        answers = self.kubectl.made([_review(right) for right in wanted])
        return {
            right: bool((answer.get("status") or {}).get("allowed"))
            for right, answer in zip(wanted, answers, strict=True)
        }


def _why(error: WorldError) -> str:
    """What kubectl says, without the command line that it says it to."""
    return error.message.rpartition("` failed: ")[2]


def _review(right: Right) -> dict[str, Any]:
    """The question whether something is allowed."""
    asked = {
        "verb": right.verb,
        "group": right.group,
        "resource": right.resource,
        "namespace": right.namespace or "",
        "name": right.name,
    }
    return {**REVIEW, "spec": {"resourceAttributes": asked}}
