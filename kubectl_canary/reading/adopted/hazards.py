"""What in the user's own manifests would hurt a release or its users, said before anything starts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kubectl_canary.api.equality import same
from kubectl_canary.findings import Finding, Path
from kubectl_canary.reading.manifests import Manifest
from kubectl_canary.release import adoption, companions
from kubectl_canary.release.application import Application, Workload
from kubectl_canary.release.reach import other_senders

# groups whose objects let requests in or keep them out: without one of its own, the canary would be open or cut off
GUARDING = (
    "cilium.io",
    "crd.projectcalico.org",
    "policy.linkerd.io",
    "policy.networking.k8s.io",
    "projectcalico.org",
    "security.istio.io",
)
RIGHTS = ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "ServiceAccount")
SERVED_KINDS = (
    "Deployment",
    "Service",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "Job",
    "CronJob",
    "Ingress",
)
SOURCES = ("", "k8s:", "any:")  # Cilium's prefixes of labels
SINGLE_NODE, SINGLE_POD = "ReadWriteOnce", "ReadWriteOncePod"


@dataclass(frozen=True)
class Manifests:
    """The objects of the new set, those of stable's, and the Deployment and Service that are released."""

    new: Sequence[Manifest]
    stable: Sequence[Manifest]
    deployment: Manifest


def findings(application: Application, manifests: Manifests) -> Iterator[Finding]:
    """Warnings and errors, each at its place in the user's manifests."""
    if not application.has_release:
        return
    yield from _of_recreation(application, manifests.deployment)
    yield from _of_volumes(manifests)
    yield from _of_host_ports(manifests.deployment)
    for workload in application.workloads:
        yield from _of_missed_selectors(application, workload, manifests.new)
        yield from _of_missed_hosts(workload, manifests.new)
    yield from _of_rights(application, manifests)


Severity = Literal["error", "warning"]


def _finding(
    manifest: Manifest, path: Path, message: str, hint: str = "", severity: Severity = "warning"
) -> Finding:
    return Finding("adopt", severity, path, message, manifest.where(path), hint)


def _of_recreation(application: Application, deployment: Manifest) -> Iterator[Finding]:
    """Where `Recreate` leaves nobody to answer those who are sent to stable past the release."""
    path = ("spec", "strategy", "type")
    senders = other_senders(application)
    if deployment.text(*path) == "Recreate" and senders:
        message = f"Recreate: at `promote-roll` nobody answers what {' and '.join(senders)} sends"
        yield _finding(deployment, path, message, "RollingUpdate keeps pods while others come")


def _pod(deployment: Manifest) -> dict[str, Any]:
    pod: dict[str, Any] = deployment.value["spec"]["template"]["spec"]
    return pod


def _of_volumes(manifests: Manifests) -> Iterator[Finding]:
    """Claims that the pods of both versions want, and one pod or one node may have."""
    modes: dict[Any, Any] = {
        manifest.text("metadata", "name"): (manifest.value.get("spec") or {}).get("accessModes") or []
        for manifest in manifests.new
        if manifest.text("kind") == "PersistentVolumeClaim"
    }
    for index, volume in enumerate(_pod(manifests.deployment).get("volumes") or ()):
        claim = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        path: Path = ("spec", "template", "spec", "volumes", index)
        if modes.get(claim) == [SINGLE_POD]:
            message = f"PersistentVolumeClaim {claim} is {SINGLE_POD}: no pod of the canary would start beside stable's"
            hint = "give the new version a claim of its own, or share it: ReadWriteMany"
            yield _finding(manifests.deployment, path, message, hint, "error")
        elif modes.get(claim) == [SINGLE_NODE]:
            message = f"PersistentVolumeClaim {claim} is {SINGLE_NODE}: the canary's pods start on stable's node alone"
            yield _finding(manifests.deployment, path, f"{message}, and both versions write to it")


def _of_host_ports(deployment: Manifest) -> Iterator[Finding]:
    """Ports of nodes, which one pod a node can have."""
    for number, container in enumerate(_pod(deployment).get("containers") or ()):
        for index, port in enumerate(container.get("ports") or ()):
            if port.get("hostPort"):
                path: Path = ("spec", "template", "spec", "containers", number, "ports", index)
                message = (
                    f"hostPort {port['hostPort']}: a node has it once, and the canary's pods need other nodes"
                )
                yield _finding(deployment, path, message)


def _of_missed_selectors(
    application: Application, workload: Workload, new: Sequence[Manifest]
) -> Iterator[Finding]:
    """Objects of kinds that are not copied, which name the labels of stable's pods and miss the canary's."""
    if application.adopted is None:
        return
    caught = companions.tracks(workload, application.adopted)
    stables = {key: caught.labels[key] for key in caught.track if key in caught.labels}
    for manifest in filter(_is_not_copied, new):
        of_its_kind = [other for other in new if _kind(other) == _kind(manifest)]
        if any(_is_named(other, caught.track) for other in of_its_kind):
            continue
        for path in _naming(manifest.value.get("spec"), stables, ("spec",)):
            message = f"{_title(manifest)} selects stable's pods by their label, and misses the canary's"
            hint = f"put one for {_text(caught.track)} beside it in the manifests"
            is_guard = _kind(manifest)[0].partition("/")[0] in GUARDING
            yield _finding(manifest, path, message, hint, "error" if is_guard else "warning")


def _is_not_copied(manifest: Manifest) -> bool:
    api_version, kind = _kind(manifest)
    return "/" in api_version and kind not in (*SERVED_KINDS, *companions.SELECTORS, *companions.SCALERS)


def _kind(manifest: Manifest) -> tuple[str, str]:
    return manifest.text("apiVersion"), manifest.text("kind")


def _title(manifest: Manifest) -> str:
    return f"{manifest.text('kind')} {manifest.text('metadata', 'name')}"


def _is_named(manifest: Manifest, labels: Mapping[str, str]) -> bool:
    return any(_naming(manifest.value.get("spec"), labels, ("spec",)))


def _text(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{key}: {text}" for key, text in labels.items())


def _naming(value: Any, wanted: Mapping[str, str], path: Path) -> Iterator[Path]:
    """The places of maps that have one of the labels, bare or with the prefix of its source."""
    if isinstance(value, dict):
        if any(value.get(prefix + key) == text for key, text in wanted.items() for prefix in SOURCES):
            yield path
            return
        for key, child in value.items():
            yield from _naming(child, wanted, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _naming(item, wanted, (*path, index))


def _of_missed_hosts(workload: Workload, new: Sequence[Manifest]) -> Iterator[Finding]:
    """Istio's rules for the traffic to stable's Service, which the canary's has none of."""
    rules = [manifest for manifest in new if manifest.text("kind") == "DestinationRule"]
    hosts = [manifest.text("spec", "host").partition(".")[0] for manifest in rules]
    names = workload.service.names
    for manifest, host in zip(rules, hosts, strict=True):
        if host == names.stable and names.canary not in hosts:
            message = f"{_title(manifest)} is about Service {host}, and not about {names.canary}"
            yield _finding(manifest, ("spec", "host"), message, "put one for that beside it in the manifests")


def _of_rights(application: Application, manifests: Manifests) -> Iterator[Finding]:
    """Rights that change with `promoted`, although the canary's pods run before."""
    old = {
        adoption.key_of(manifest.value, application.namespace): manifest.value
        for manifest in manifests.stable
    }
    for manifest in manifests.new:
        before = old.get(adoption.key_of(manifest.value, application.namespace))
        if manifest.text("kind") not in RIGHTS or before is None:
            continue
        if not same(_without_labels(before), _without_labels(manifest.value)):
            message = f"{_title(manifest)} changes with `promoted`: until then the canary has stable's rights"
            yield _finding(
                manifest, (), message, "where the new version needs more, grant that before the release"
            )


def _without_labels(value: dict[str, Any]) -> dict[str, Any]:
    """An object without what a new version of a chart always changes; annotations may name roles of a cloud."""
    return {**value, "metadata": {**value["metadata"], "labels": None}}
