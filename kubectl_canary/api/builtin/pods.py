"""Pod templates (ValidatePodTemplateSpec in pkg/apis/core/validation)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from kubectl_canary.api import metadata
from kubectl_canary.api.builtin import containers, placement, volumes
from kubectl_canary.api.builtin.checks import invalid, labels, matches, one_of, required, unique
from kubectl_canary.api.metadata import FieldError
from kubectl_canary.findings import Path

POLICIES = ("Always", "OnFailure", "Never")
DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
GRACE_SECONDS = 30


def template(pod_template: dict[str, Any], path: Path, claims: Sequence[str] = ()) -> Iterator[FieldError]:
    """Everything against a template; `claims` are the volumes that a StatefulSet adds."""
    object_meta = pod_template.get("metadata", {})
    yield from labels((*path, "metadata", "labels"), object_meta.get("labels", {}))
    yield from metadata.annotation_errors(
        (*path, "metadata", "annotations"), object_meta.get("annotations", {})
    )
    spec, at = pod_template.get("spec", {}), (*path, "spec")
    yield from _containers(spec, at, claims)
    yield from _itself(spec, at)
    yield from placement.field_errors(spec, at)


def _containers(spec: dict[str, Any], path: Path, claims: Sequence[str]) -> Iterator[FieldError]:
    mountable = {volume["name"] for volume in spec.get("volumes", []) if volume.get("name")} | set(claims)
    yield from volumes.field_errors(spec.get("volumes", []), (*path, "volumes"))
    ordinary, initial = spec.get("containers", []), spec.get("initContainers", [])
    grace = spec.get("terminationGracePeriodSeconds", GRACE_SECONDS)
    if not ordinary:
        yield required((*path, "containers"))
    for index, container in enumerate(ordinary):
        yield from containers.ordinary(container, (*path, "containers", index), mountable, grace)
    yield from unique((*path, "containers"), ordinary)
    yield from containers.host_ports(ordinary, (*path, "containers"), spec.get("hostNetwork", False))
    names = {container.get("name") for container in ordinary}
    for index, container in enumerate(initial):
        at = (*path, "initContainers", index)
        yield from containers.initial(container, at, mountable, grace)
        if container.get("name") in names:
            yield (*at, "name"), f"Duplicate value: {metadata.shown(container['name'])}"
        names.add(container.get("name"))


def _itself(spec: dict[str, Any], path: Path) -> Iterator[FieldError]:
    yield from one_of((*path, "restartPolicy"), spec.get("restartPolicy") or "Always", POLICIES)
    yield from one_of((*path, "dnsPolicy"), spec.get("dnsPolicy") or "ClusterFirst", DNS_POLICIES)
    if spec.get("dnsPolicy") == "None" and not spec.get("dnsConfig"):
        text = "must provide `dnsConfig` when `dnsPolicy` is None"
        yield required((*path, "dnsConfig"), text)
    yield from labels((*path, "nodeSelector"), spec.get("nodeSelector", {}))
    for key in ("serviceAccountName", "nodeName", "priorityClassName", "runtimeClassName"):
        if spec.get(key):
            yield from matches((*path, key), spec[key], metadata.subdomain)
    for key in ("hostname", "subdomain"):
        if spec.get(key):
            yield from matches((*path, key), spec[key], metadata.label)
    if spec.get("preemptionPolicy"):
        supported = ("Never", "PreemptLowerPriority")
        yield from one_of((*path, "preemptionPolicy"), spec["preemptionPolicy"], supported)
    yield from _identity(spec.get("securityContext", {}), (*path, "securityContext"))


def _identity(context: dict[str, Any], path: Path) -> Iterator[FieldError]:
    for key in ("runAsUser", "runAsGroup", "fsGroup"):
        if not 0 <= context.get(key, 0) < 2**31:
            yield invalid((*path, key), context[key], "must be between 0 and 2147483647, inclusive")
    policy = context.get("fsGroupChangePolicy")
    if policy is not None:
        yield from one_of((*path, "fsGroupChangePolicy"), policy, ("Always", "OnRootMismatch"))
    yield from containers.seccomp(context, path)
