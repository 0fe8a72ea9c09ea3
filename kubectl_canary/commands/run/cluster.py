"""A release's objects in a cluster: read, made, patched, deleted, through kubectl.

Every call names the context, the cluster and the namespace that were there at the beginning.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from kubectl_canary.driving import lease, rights, statuses
from kubectl_canary.driving.features import Class
from kubectl_canary.errors import Forbidden, Unreachable, WorldError
from kubectl_canary.outside.background import Later
from kubectl_canary.outside.kubectl import Kubectl, is_object
from kubectl_canary.outside.proxy import Unclear
from kubectl_canary.release.application import GATEWAY_GROUP, OWN_LABEL, OWNER
from kubectl_canary.release.documents import Key, Part
from kubectl_canary.release.managed_fields import OURS
from kubectl_canary.release.patches import Op

WITHOUT_LEASE = "--no-lease drives without a Lease: then two at once are noticed at the route alone"
NO_SUCH_KIND = "the server doesn't have a resource type"
SLICES = "/apis/discovery.k8s.io/v1"
NO_SUCH_PATH = "could not find the requested resource"


Known = tuple[dict[Key, dict[str, Any]], dict[str, Any] | None]


class Leases(Enum):
    """What the release's Lease is to whoever reads it with the objects."""

    NEEDED = "who may not read it goes no further"
    WANTED = "who may not read it goes on without"
    LEFT_ALONE = "nobody asks for it"


class Cluster:
    """The cluster that `kubectl` is pinned to, for one release: `parts` are its objects, `namespace` is where it is."""

    def __init__(
        self,
        kubectl: Kubectl,
        release: str,
        namespace: str | None,
        parts: Sequence[Part],
        leases: Leases = Leases.NEEDED,
    ) -> None:
        self.kubectl, self.release, self.parts, self.leases = kubectl, release, tuple(parts), leases
        self.namespace = namespace or self.kubectl.namespace
        self.may_start = False
        self._begun: Later[Known] | None = None

    def begin(self) -> None:
        """Read while something else is done: the next `read` answers with that."""
        self._begun = Later(self._read_patiently)

    def read(self) -> Known:
        """The objects that are there and do not end, and the release's Lease; one call a namespace.

        Raises Unreachable where there is no answer, Forbidden where that must not be read, WorldError for any other.
        """
        begun, self._begun = self._begun, None
        return self._read_patiently() if begun is None else begun.answer()

    def _read_patiently(self) -> Known:
        try:
            answer = self._read()
        except Unreachable:
            self.may_start = True
            raise
        except Forbidden as error:
            if "leases" not in error.message or (self.may_start and self.leases is not Leases.NEEDED):
                raise
            if self.leases is Leases.NEEDED:
                raise Forbidden(error.message, WITHOUT_LEASE) from None
            self.leases = Leases.LEFT_ALONE
            answer = self._read()
        except WorldError as error:
            if self.may_start and NO_SUCH_KIND in error.message:
                raise Unreachable(error.message) from None  # a server that starts serves its own kinds first
            raise
        self.may_start = True
        return answer

    def _read(self) -> Known:
        objects: dict[Key, dict[str, Any]] = {}
        held: dict[str, Any] | None = None
        for namespace in dict.fromkeys((self.namespace, *map(self._place, self.parts))):
            here = [part for part in self.parts if self._place(part) == namespace]
            with_lease = self.leases is not Leases.LEFT_ALONE and namespace == self.namespace
            there = self._get(here, namespace, with_lease)
            objects |= {
                part.key: there[part.kind, part.name] for part in here if (part.kind, part.name) in there
            }
            held = there.get((lease.KIND, lease.name(self.release)), held)
        return {key: value for key, value in objects.items() if not _ends(value)}, held

    def _place(self, part: Part) -> str | None:
        return part.namespace or self.namespace

    def _get(
        self, parts: Sequence[Part], namespace: str | None, with_lease: bool
    ) -> dict[tuple[str, str], dict[str, Any]]:
        wanted = [*parts, self._lease] if with_lease else parts
        values = self._values(wanted, namespace) if wanted else []
        return {(value["kind"], value["metadata"]["name"]): value for value in values}

    def _values(self, parts: Sequence[Part], namespace: str | None) -> list[dict[str, Any]]:
        proxy = self.kubectl.proxy
        if proxy is not None and namespace is not None:
            with contextlib.suppress(Unclear):
                found = [proxy.get(_path(part, namespace)) for part in parts]
                there = [value for value in found if value is not None]
                if all(map(is_object, there)):
                    return there
        return self.kubectl.get([resource(part) for part in parts], namespace)

    def endpoints(self, services: Sequence[str]) -> dict[str, int]:
        """How many ready endpoints Services have."""
        return statuses.ready_endpoints(self._slices(f"{statuses.SERVICE_LABEL} in ({','.join(services)})"))

    def _slices(self, wanted: str) -> list[dict[str, Any]]:
        """The EndpointSlices of a label selector."""
        proxy = self.kubectl.proxy
        if proxy is not None and self.namespace is not None:
            from urllib.parse import quote

            path = f"{SLICES}/namespaces/{self.namespace}/endpointslices?labelSelector={quote(wanted)}"
            with contextlib.suppress(Unclear):
                return list((proxy.get(path) or {}).get("items") or [])
        return self.kubectl.selected("endpointslices.discovery.k8s.io", wanted, self.namespace)

    def pods(self, deployment: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The pods that a Deployment selects."""
        labels = deployment["spec"]["selector"].get("matchLabels") or {}
        wanted = ",".join(f"{key}={value}" for key, value in labels.items())
        return self.kubectl.selected("pods", wanted, deployment["metadata"].get("namespace"))

    def classes(self, gateways: Sequence[tuple[str | None, str]]) -> dict[str, Class]:
        """The class of each Gateway that can be read, by the Gateway's name.

        Who may not read classes, or Gateways of another namespace, knows as much as kubectl alone would tell.
        """
        found: dict[str, Class] = {}
        for namespace, name in gateways:
            try:
                for its_class in self._class_of(namespace or self.namespace, name):
                    found[name] = Class.of(its_class)
            except Forbidden:
                continue
        return found

    def _class_of(self, namespace: str | None, gateway: str) -> list[dict[str, Any]]:
        found = self.kubectl.get([f"gateway.{GATEWAY_GROUP}/{gateway}"], namespace)
        names = [f"gatewayclass.{GATEWAY_GROUP}/{value['spec']['gatewayClassName']}" for value in found]
        return self.kubectl.get(names, None) if names else []

    def marked(self) -> list[dict[str, Any]]:
        """The objects of the release's namespace that carry our mark and do not end."""
        kinds = ["services", *(f"{name}.{group}" for group, name in rights.MARKED)]
        found = self.kubectl.selected(",".join(kinds), f"{OWN_LABEL}={OWNER}", self.namespace)
        return [value for value in found if not _ends(value)]

    def senders(self) -> list[dict[str, Any]]:
        """The Services, routes and ReferenceGrants of the release's namespace; a cluster may lack some kinds."""
        first, *others = (f"{plural}.{GATEWAY_GROUP}" for plural in rights.SENDERS)
        return self.kubectl.every(("services", first), others, self.namespace)

    def create(self, documents: Sequence[dict[str, Any]], *, trying: bool = False) -> None:
        """Make objects, by server-side apply; `trying` changes nothing."""
        items = {"apiVersion": "v1", "kind": "List", "items": list(documents)}
        flags = ("--server-side", f"--field-manager={OURS}", *_trying(trying))
        self.kubectl.write(("apply", "-f", "-", *flags), self.namespace, json.dumps(items))

    def patch(self, part: Part, operations: Sequence[Op], *, trying: bool = False) -> None:
        """Patch an object by JSON patch. Raises Conflict where a test of it fails."""
        proxy, place = self.kubectl.proxy, self._place(part)
        if proxy is not None and place is not None:
            with contextlib.suppress(Unclear):
                proxy.patch(_path(part, place), operations, OURS, trying=trying)
                return
        flags = ("--type=json", f"--field-manager={OURS}", *_trying(trying))
        words = ("patch", resource(part), *flags, "-p", json.dumps(list(operations)))
        self.kubectl.write(words, place)

    def delete(self, part: Part, uid: str) -> None:
        """Delete an object, if it is still the one of that uid; its dependents follow."""
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": {"uid": uid},
        }
        place = self._place(part)
        try:
            if place is None:
                raise WorldError(NO_SUCH_PATH)  # in a pod kubectl alone knows where it is
            self.kubectl.write(("delete", "--raw", _path(part, place), "-f", "-"), None, json.dumps(options))
        except WorldError as error:
            if NO_SUCH_PATH in error.message:
                words = ("delete", resource(part), "--wait=false", "--ignore-not-found")
                self.kubectl.write(words, self._place(part))
            elif "(NotFound)" not in error.message:
                raise

    def take_lease(self, document: dict[str, Any]) -> None:
        """Make a Lease, or replace the one of its resourceVersion. Raises Conflict where another was quicker."""
        verb = "replace" if "resourceVersion" in document["metadata"] else "create"
        self.kubectl.write((verb, "-f", "-"), self.namespace, json.dumps(document))

    def renew_lease(self, operations: Sequence[Op]) -> None:
        """Renew the Lease. Raises Conflict where another holds it."""
        self.patch(self._lease, operations)

    def drop_lease(self, uid: str) -> None:
        """Delete the Lease, if it is still the one of that uid."""
        self.delete(self._lease, uid)

    @property
    def _lease(self) -> Part:
        return Part("others", lease.API_VERSION, lease.KIND, self.namespace, lease.name(self.release))


def resource(part: Part) -> str:
    """An object as kubectl's command line names it: `httproute.gateway.networking.k8s.io/shop`."""
    group, slash, _ = part.api_version.rpartition("/")
    return f"{part.kind.lower()}{f'.{group}' if slash else ''}/{part.name}"


def _path(part: Part, namespace: str) -> str:
    """The path of an object in the API, where its plural is as it mostly is."""
    root = f"/apis/{part.api_version}" if "/" in part.api_version else f"/api/{part.api_version}"
    return f"{root}/namespaces/{namespace}/{rights.plural(part.kind)}/{part.name}"


def _trying(trying: bool) -> tuple[str, ...]:
    return ("--dry-run=server",) if trying else ()


def _ends(value: dict[str, Any]) -> bool:
    return "deletionTimestamp" in value["metadata"]
