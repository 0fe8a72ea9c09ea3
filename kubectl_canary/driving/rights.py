"""What somebody must be allowed who leads a release through a cluster, or only looks: verbs, resources, names.

Sources: Kubernetes, Authorization (`create` and `list` cannot be limited by a name; server-side apply is a `patch`
and, of what is not there, a `create`), and what each verb of ours asks kubectl for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from kubectl_canary.driving import lease
from kubectl_canary.records import dataclass
from kubectl_canary.release.application import GATEWAY_GROUP, OWN_LABEL, OWNER, ROUTE_KINDS
from kubectl_canary.release.documents import Key, Part
from kubectl_canary.release.plan import Plan
from kubectl_canary.rendering.objects import Planned, planned
from kubectl_canary.rendering.parts import live_parts

RBAC = "rbac.authorization.k8s.io/v1"
DEFINITIONS = ("apiextensions.k8s.io", "customresourcedefinitions")
LISTED = (  # what is listed, beside the objects of a release: to count endpoints, and to say what keeps pods away
    ("discovery.k8s.io", "endpointslices"),
    ("", "pods"),
)
LOOKED_AT = (  # what `doctor` lists
    ("", "services"),
    (GATEWAY_GROUP, "gateways"),
)
MARKED = (
    ("apps", "deployments"),
    ("autoscaling", "horizontalpodautoscalers"),
    ("policy", "poddisruptionbudgets"),
)

# what `apply --prune` lists beside it, of the Gateway API, to find out what still gets requests
SENDERS = ("httproutes", "grpcroutes", "tlsroutes", "tcproutes", "udproutes", "referencegrants")


@dataclass(frozen=True)
class Right:
    """One thing that has to be allowed; without a name for all of the resource, without a namespace in the cluster."""

    verb: str
    group: str
    resource: str
    namespace: str | None
    name: str = ""

    @property
    def title(self) -> str:
        """`patch httproutes.gateway.networking.k8s.io/shop`, as kubectl names it."""
        group = f".{self.group}" if self.group else ""
        name = f"/{self.name}" if self.name else ""
        return f"{self.verb} {self.resource}{group}{name}"


def plural(kind: str) -> str:
    """The resource of a kind, where its plural is as it mostly is."""
    word = kind.lower()
    if word.endswith("y") and word[-2] not in "aeiou":
        return f"{word[:-1]}ies"
    return f"{word}es" if word.endswith(("s", "x", "ch", "sh")) else f"{word}s"


def group_of(part: Part) -> str:
    """The API group of an object; empty for the core."""
    return part.api_version.rpartition("/")[0]


def to_drive(plan: Plan, namespace: str | None) -> list[Right]:
    """What leading the release takes; `namespace` is where it is. Raises Refused for a file without a release."""
    passing = _passing(plan)
    found = [right for part in live_parts(plan) for right in _of_part(part, namespace, part.key in passing)]
    return [*found, *_of_lease(plan, namespace), *_lists(LISTED, namespace)]


def to_prune(namespace: str | None) -> list[Right]:
    """What `--prune` takes beside leading; nobody knows the names of leftovers before they are found."""
    marked = (("", "services"), *MARKED)
    senders = [(GATEWAY_GROUP, resource) for resource in SENDERS]
    deletions = [Right("delete", group, resource, namespace) for group, resource in marked]
    return [*_lists((*marked, *senders), namespace), *deletions]


def to_look(plan: Plan, namespace: str | None) -> list[Right]:
    """What `status` and `doctor` take. Raises Refused for a file without a release."""
    found = [
        Right("get", group_of(part), plural(part.kind), part.namespace or namespace, part.name)
        for part in live_parts(plan)
    ]
    found.append(Right("get", "coordination.k8s.io", "leases", namespace, lease.name(plan.application.name)))
    routes = {(GATEWAY_GROUP, plural(kind)) for kind in ROUTE_KINDS[:2]}
    found += _lists((*LISTED, *LOOKED_AT, *MARKED, *sorted(routes)), namespace)
    return [*found, *_of_gateways(plan, namespace), *_of_cluster(plan, namespace)]


def _passing(plan: Plan) -> set[Key]:
    """The objects that the release has only while it is under way."""
    ends = (plan.phases[0], plan.phases[-1])
    lasting = [{item.part.key for item in planned(plan.application, phase)} for phase in ends]
    return {part.key for part in live_parts(plan) if not all(part.key in keys for keys in lasting)}


def _of_part(part: Part, namespace: str | None, is_passing: bool) -> Iterator[Right]:
    what = group_of(part), plural(part.kind), part.namespace or namespace
    yield Right("get", *what, part.name)
    yield Right("patch", *what, part.name)
    yield Right("create", *what)
    if is_passing:
        yield Right("delete", *what, part.name)


def _of_lease(plan: Plan, namespace: str | None) -> Iterator[Right]:
    what = "coordination.k8s.io", "leases", namespace
    yield Right("create", *what)
    for verb in ("get", "update", "patch", "delete"):
        yield Right(verb, *what, lease.name(plan.application.name))


def _lists(resources: Iterable[tuple[str, str]], namespace: str | None) -> list[Right]:
    return [Right("list", group, resource, namespace) for group, resource in resources]


def _of_gateways(plan: Plan, namespace: str | None) -> Iterator[Right]:
    """The Gateways that the routes name, which others have made."""
    for place, name in gateways(documents(plan), namespace):
        yield Right("get", GATEWAY_GROUP, "gateways", place, name)


def _of_cluster(plan: Plan, namespace: str | None) -> Iterator[Right]:
    yield Right("list", GATEWAY_GROUP, "gatewayclasses", None)
    routes = dict.fromkeys(part.kind for part in live_parts(plan) if part.is_route)
    for name in [*(f"{plural(kind)}.{GATEWAY_GROUP}" for kind in routes), f"gateways.{GATEWAY_GROUP}"]:
        yield Right("get", *DEFINITIONS, None, name)
    for place in dict.fromkeys((namespace, *(part.namespace or namespace for part in live_parts(plan)))):
        yield Right("get", "", "namespaces", None, place or "default")


def documents(plan: Plan) -> list[dict[str, Any]]:
    """The routes of the release as they are before it."""
    items = planned(plan.application, plan.phases[0])
    return [item.facts if isinstance(item, Planned) else item.value for item in items if item.part.is_route]


def gateways(routes: Iterable[dict[str, Any]], namespace: str | None) -> list[tuple[str | None, str]]:
    """The Gateways that routes name, each with its namespace."""
    found: dict[tuple[str | None, str], None] = {}
    for route in routes:
        for ref in route["spec"].get("parentRefs") or []:
            if (ref.get("kind") or "Gateway") == "Gateway" and ref.get(
                "group", GATEWAY_GROUP
            ) == GATEWAY_GROUP:
                place = ref.get("namespace") or route["metadata"].get("namespace") or namespace
                found[place, str(ref["name"])] = None
    return list(found)


# --- as roles -----------------------------------------------------------


def roles(rights: Sequence[Right], name: str) -> list[dict[str, Any]]:
    """A Role for each namespace, and a ClusterRole where something is of no namespace, all of one name.

    What is in the release's own namespace, where the file says none, has a Role without one.
    """
    places: dict[tuple[str | None, bool], list[Right]] = {}
    for right in rights:
        places.setdefault((right.namespace, _is_cluster(right)), []).append(right)
    return [_role(known, name, None if whole else place) for (place, whole), known in places.items()]


def _is_cluster(right: Right) -> bool:
    """Whether it is about a resource that is in no namespace."""
    return right.resource in ("gatewayclasses", DEFINITIONS[1], "namespaces")


def _role(rights: Sequence[Right], name: str, namespace: str | None) -> dict[str, Any]:
    place = {"namespace": namespace} if namespace else {}
    kind = "ClusterRole" if _is_cluster(rights[0]) else "Role"
    metadata = {"name": name, **place, "labels": {OWN_LABEL: OWNER}}
    return {"apiVersion": RBAC, "kind": kind, "metadata": metadata, "rules": _rules(rights)}


def _rules(rights: Sequence[Right]) -> list[dict[str, Any]]:
    """The rules of a Role: one for the names of a resource with the same verbs, one for what has no name."""
    verbs: dict[tuple[str, str, str], list[str]] = {}
    for right in rights:
        known = verbs.setdefault((right.group, right.resource, right.name), [])
        known += [] if right.verb in known else [right.verb]
    names: dict[tuple[str, str, tuple[str, ...], bool], list[str]] = {}
    for (group, resource, name), allowed in verbs.items():
        names.setdefault((group, resource, tuple(allowed), not name), []).append(name)
    return [
        {
            "apiGroups": [group],
            "resources": [resource],
            **({} if nameless else {"resourceNames": named}),
            "verbs": list(allowed),
        }
        for (group, resource, allowed, nameless), named in sorted(names.items())
    ]
