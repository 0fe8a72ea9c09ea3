"""What controllers of a cluster say of its objects: pods of Deployments, endpoints of Services, parents of routes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any

from kubectl_canary.records import dataclass
from kubectl_canary.release.managed_fields import last_write

SERVICE_LABEL = "kubernetes.io/service-name"  # of an EndpointSlice
COMPLETE = "NewReplicaSetAvailable"  # the reason of a Deployment whose pods are all of the newest template
PAUSED = "DeploymentPaused"  # it takes the place of any other reason, and says nothing of pods


class Acceptance(Enum):
    """What a parent says of a route."""

    ACCEPTED = "accepted"
    UNOBSERVED = "unobserved"  # accepted, without the generation that was
    PENDING = "pending"
    REFUSED = "refused"


@dataclass(frozen=True)
class Condition:
    """A condition that a parent has set: its type, and why it is as it is."""

    type: str
    reason: str
    message: str


@dataclass(frozen=True)
class ParentStatus:
    """What a parent of a route says of its newest generation, and which controller says it; `against` says why not."""

    parent: str
    controller: str
    acceptance: Acceptance
    against: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class Rollout:
    """The pods of a Deployment: wanted, of its newest template, and ready.

    `is_complete` says that no pod of an older template is left. `trouble` is what keeps it from its pods.
    """

    wanted: int
    updated: int
    ready: int
    is_complete: bool
    trouble: str = ""


def rollout(deployment: Mapping[str, Any]) -> Rollout:
    """Where a Deployment stands. Source: `kubectl rollout status`, and apps/v1 DeploymentStatus."""
    status = deployment.get("status") or {}
    wanted = int(deployment["spec"].get("replicas", 1))
    updated, total = int(status.get("updatedReplicas", 0)), int(status.get("replicas", 0))
    conditions = {known["type"]: known for known in status.get("conditions") or []}
    progressing = conditions.get("Progressing", {})
    is_observed = int(status.get("observedGeneration", 0)) >= deployment["metadata"].get("generation", 0)
    is_complete = (
        is_observed
        and updated >= wanted
        and total <= updated
        and progressing.get("reason", COMPLETE) in (COMPLETE, PAUSED)
    )
    return Rollout(wanted, updated, int(status.get("readyReplicas", 0)), is_complete, _trouble(conditions))


def completed(deployment: Mapping[str, Any]) -> str:
    """When a Deployment's pods were all of its newest template (RFC 3339); empty where nothing says so."""
    conditions = (deployment.get("status") or {}).get("conditions") or []
    times = (str(known.get("lastUpdateTime", "")) for known in conditions if known.get("reason") == COMPLETE)
    return max(times, default="")


def written(route: Mapping[str, Any]) -> str:
    """When somebody wrote a spec last (RFC 3339), by what the server notes of it; empty where it notes nothing."""
    write = last_write(route)
    return write.time if write is not None else ""


def _trouble(conditions: Mapping[str, Mapping[str, Any]]) -> str:
    """What keeps a Deployment from its pods: a quota, an admission, or that the time is over."""
    failure = conditions.get("ReplicaFailure", {})
    if failure.get("status") == "True":
        return str(failure.get("message", "pods cannot be made"))
    progressing = conditions.get("Progressing", {})
    return str(progressing.get("message", "")) if progressing.get("status") == "False" else ""


def ready_endpoints(slices: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """How many ready endpoints each Service has, by its name.

    An endpoint that says nothing of `ready` is ready; one that is `serving` while it ends is not. Of two addresses of
    one pod, one counts. Source: discovery.k8s.io/v1 EndpointConditions.
    """
    found: dict[str, set[str]] = {}
    for piece in slices:
        service = (piece["metadata"].get("labels") or {}).get(SERVICE_LABEL, "")
        found.setdefault(service, set()).update(_ready_in(piece))
    return {service: len(endpoints) for service, endpoints in found.items()}


def _ready_in(piece: Mapping[str, Any]) -> Iterator[str]:
    for endpoint in piece.get("endpoints") or []:
        if (endpoint.get("conditions") or {}).get("ready") is not False:
            target = endpoint.get("targetRef") or {}
            yield str(target.get("uid") or target.get("name") or endpoint["addresses"][0])


# --- parents of a route -----------------------------------------------------------


def parents(route: Mapping[str, Any]) -> list[ParentStatus]:
    """What each parent says of the newest generation of a route, the best answer where there are several.

    Source: gateway.networking.k8s.io/v1 RouteParentStatus.
    """
    return [_of_parent(route, ref) for ref in route["spec"].get("parentRefs") or []]


def _of_parent(route: Mapping[str, Any], ref: Mapping[str, Any]) -> ParentStatus:
    namespace = route["metadata"].get("namespace")
    answers = [
        _answer(route, ref, status)
        for status in (route.get("status") or {}).get("parents") or []
        if _identity(status.get("parentRef") or {}, namespace) == _identity(ref, namespace)
    ]
    order = list(Acceptance)
    silent = ParentStatus(parent_title(ref), "", Acceptance.PENDING)
    return min(answers, key=lambda answer: order.index(answer.acceptance), default=silent)


def _identity(ref: Mapping[str, Any], namespace: str | None) -> tuple[Any, ...]:
    group = ref.get("group", "gateway.networking.k8s.io")
    return (
        group, ref.get("kind", "Gateway"), ref.get("namespace", namespace), ref.get("name"), ref.get("sectionName"),
        ref.get("port"),
    )  # fmt: skip


def parent_title(ref: Mapping[str, Any]) -> str:
    """`production-gw`, `edge in infra, listener https`."""
    place = f" in {ref['namespace']}" if ref.get("namespace") else ""
    listener = f", listener {ref['sectionName']}" if ref.get("sectionName") else ""
    return f"{ref.get('name')}{place}{listener}"


def _answer(route: Mapping[str, Any], ref: Mapping[str, Any], status: Mapping[str, Any]) -> ParentStatus:
    generation = int(route["metadata"].get("generation", 0))
    conditions = {known.get("type"): known for known in status.get("conditions") or []}
    wanted = [conditions.get(name) for name in ("Accepted", "ResolvedRefs")]
    partly = conditions.get("PartiallyInvalid")
    against = tuple(
        _condition(known)
        for known, bad in ((wanted[0], "False"), (wanted[1], "False"), (partly, "True"))
        if known is not None and known.get("status") == bad and _is_of(known, generation)
    )
    acceptance = Acceptance.REFUSED if against else _acceptance(wanted, partly, generation)
    return ParentStatus(parent_title(ref), str(status.get("controllerName", "")), acceptance, against)


def _acceptance(
    wanted: Sequence[Mapping[str, Any] | None], partly: Mapping[str, Any] | None, generation: int
) -> Acceptance:
    if not all(known is not None and known.get("status") == "True" for known in wanted):
        return Acceptance.PENDING
    if partly is not None and partly.get("status") == "True":
        return Acceptance.PENDING
    observed = [_observed(known) for known in wanted if known is not None]
    if all(number >= generation for number in observed):
        return Acceptance.ACCEPTED
    return Acceptance.UNOBSERVED if not any(observed) else Acceptance.PENDING


def _condition(known: Mapping[str, Any]) -> Condition:
    return Condition(str(known.get("type")), str(known.get("reason", "")), str(known.get("message", "")))


def _is_of(condition: Mapping[str, Any], generation: int) -> bool:
    """Whether a condition may be about a generation: it is of that one or a newer, or does not say."""
    observed = _observed(condition)
    return observed == 0 or observed >= generation


def _observed(condition: Mapping[str, Any]) -> int:
    """The generation that a condition is about; 0 where it does not say."""
    return int(condition.get("observedGeneration") or 0)


# --- pods -----------------------------------------------------------


def pod_trouble(pod: Mapping[str, Any]) -> str:
    """What keeps a pod from being ready, in words; nothing where it only takes its time.

    Source: v1 PodStatus; reasons of ContainerStateWaiting as the kubelet writes them.
    """
    name, status = pod["metadata"]["name"], pod.get("status") or {}
    for known in status.get("conditions") or []:
        if known.get("type") == "PodScheduled" and known.get("status") == "False":
            return f"pod {name} is not scheduled: {known.get('message') or known.get('reason')}"
    for container in (*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])):
        trouble = _container_trouble(container)
        if trouble:
            return f"pod {name}: container {container.get('name')} {trouble}"
    return ""


def _container_trouble(container: Mapping[str, Any]) -> str:
    waiting = (container.get("state") or {}).get("waiting") or {}
    if waiting.get("reason") in (None, "ContainerCreating", "PodInitializing"):
        return ""
    ended = (container.get("lastState") or {}).get("terminated") or {}
    code = f" (it ended with {ended['exitCode']})" if "exitCode" in ended else ""
    message = f": {waiting['message']}" if waiting.get("message") else ""
    return f"is in {waiting['reason']}{code}{message}"
