"""What an earlier release has left: objects with our mark and this release's labels that no phase of the plan has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from kubectl_canary.records import dataclass
from kubectl_canary.release.application import ROUTE_KINDS
from kubectl_canary.release.companions import is_scaler_of, selector_of
from kubectl_canary.release.documents import Part
from kubectl_canary.release.grants import is_grant
from kubectl_canary.release.groups import OTHERS
from kubectl_canary.release.plan import Plan
from kubectl_canary.release.reach import OUTSIDE
from kubectl_canary.release.selectors import selects
from kubectl_canary.rendering.objects import planned

Value = dict[str, Any]
ORDER = ("Service", "Deployment", "HorizontalPodAutoscaler", "PodDisruptionBudget")  # who sends goes first
ROUTES = (*ROUTE_KINDS, "UDPRoute")


@dataclass(frozen=True)
class Leftovers:
    """What is left: `unused` in the order in which it is deleted; `used` with the reason why it stays."""

    unused: Sequence[Value]
    used: Sequence[tuple[Value, str]]


def earlier(plan: Plan, marked: Sequence[Value]) -> list[Value]:
    """Of the objects with our mark those that have the labels of this release, and are in no phase of the plan."""
    phases = (*plan.phases, *plan.ways_back())
    items = (item for phase in phases for item in planned(plan.application, phase))
    known = {(item.part.kind, item.part.name) for item in items}
    return [
        value
        for value in marked
        if (value["kind"], value["metadata"]["name"]) not in known and _is_of(plan, value)
    ]


def judged(left: Sequence[Value], senders: Sequence[Value]) -> Leftovers:
    """Which of them nothing needs. `senders` are all routes, Services and ReferenceGrants of their namespace."""
    unused: list[Value] = []
    used: list[tuple[Value, str]] = []
    for value in sorted(left, key=_rank):
        kept = [known for known, _ in used]
        reason = next(_needs(value, senders, unused, kept), None)
        if reason is None:
            unused.append(value)
        else:
            used.append((value, reason))
    return Leftovers(unused, used)


def part_of(value: Value) -> Part:
    """A leftover as an object that can be deleted."""
    metadata = value["metadata"]
    return Part(OTHERS, value["apiVersion"], value["kind"], metadata["namespace"], metadata["name"])


def _is_of(plan: Plan, value: Value) -> bool:
    """Whether it has the labels that both sides of a workload have."""
    labels = (value["metadata"].get("labels") or {}).items()
    for workload in plan.application.workloads:
        stable, canary = (dict(known) for known in workload.selectors.both())
        shared = stable.items() & canary.items()
        if shared and shared <= labels:
            return True
    return False


def _rank(value: Value) -> tuple[int, str]:
    return ORDER.index(value["kind"]), value["metadata"]["name"]


def _needs(
    value: Value, senders: Sequence[Value], unused: Sequence[Value], kept: Sequence[Value]
) -> Iterator[str]:
    """Why it has to stay; `unused` and `kept` are leftovers that were judged before it."""
    if value["kind"] == "Service":
        if value["spec"].get("type") in OUTSIDE:
            yield "it is reached from outside by itself"
        yield from _who_names(value, senders)
    elif value["kind"] == "Deployment":
        gone = {known["metadata"]["name"] for known in unused if known["kind"] == "Service"}
        for service in senders:
            if _sends_to(service, value) and service["metadata"]["name"] not in gone:
                yield f"Service {service['metadata']['name']} sends to its pods"
    for deployment in kept:
        if deployment["kind"] == "Deployment" and _looks_after(value, deployment):
            yield f"Deployment {deployment['metadata']['name']} stays, and this looks after it"


def _who_names(service: Value, senders: Sequence[Value]) -> Iterator[str]:
    """Routes that name a Service, at whatever place; grants that let routes of other namespaces send to it."""
    name = service["metadata"]["name"]
    for sender in senders:
        if sender["kind"] in ROUTES and _has_name(sender["spec"], name):
            yield f"{sender['kind']} {sender['metadata']['name']} names it"
        elif is_grant(sender) and _allows(sender, name):
            yield f"ReferenceGrant {sender['metadata']['name']} lets others send to it"


def _has_name(value: Any, name: str) -> bool:
    if isinstance(value, dict):
        return value.get("name") == name or any(_has_name(child, name) for child in value.values())
    return isinstance(value, list) and any(_has_name(item, name) for item in value)


def _allows(grant: Value, name: str) -> bool:
    targets = grant["spec"].get("to") or ()
    return any(target.get("kind") == "Service" and target.get("name") in (None, name) for target in targets)


def _sends_to(service: Value, deployment: Value) -> bool:
    selector = service["spec"].get("selector") if service["kind"] == "Service" else None
    return bool(selector) and selects({"matchLabels": selector}, _pod_labels(deployment))


def _looks_after(value: Value, deployment: Value) -> bool:
    is_scaler = is_scaler_of(value, deployment["metadata"]["name"])
    return is_scaler or selects(selector_of(value), _pod_labels(deployment))


def _pod_labels(deployment: Value) -> dict[str, str]:
    labels: dict[str, str] = deployment["spec"]["template"]["metadata"].get("labels") or {}
    return labels
