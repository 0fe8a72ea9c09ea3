"""What in the user's own manifests would hurt a release or its users, said before anything starts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from kubectl_canary.api.equality import same
from kubectl_canary.findings import Finding, Path
from kubectl_canary.reading.adopted import objects
from kubectl_canary.reading.manifests import Manifest
from kubectl_canary.records import dataclass, replace
from kubectl_canary.release import adoption, companions, engines
from kubectl_canary.release.application import (
    IMPORT_API,
    POOL_API,
    SERVICE_API,
    Application,
    Engine,
    Side,
    Workload,
)
from kubectl_canary.release.reach import other_senders
from kubectl_canary.release.selectors import Tracks, bare, holds, naming, selects

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
SINGLE_NODE, SINGLE_POD = "ReadWriteOnce", "ReadWriteOncePod"


@dataclass(frozen=True)
class Manifests:
    """The objects of the new set, those of stable's, and the new Deployments, one a workload."""

    new: Sequence[Manifest]
    stable: Sequence[Manifest]
    deployments: Sequence[Manifest]


def findings(application: Application, manifests: Manifests) -> Iterator[Finding]:
    """Warnings and errors, each at its place in the user's manifests."""
    if not application.has_release:
        return
    yield from _of_changed_service(application, manifests)
    for workload, deployment in zip(application.workloads, manifests.deployments, strict=True):
        whose = f"Deployment {objects.name_of(deployment)}: " if len(application.workloads) > 1 else ""
        for finding in _of_deployment(application, workload, deployment, manifests.new):
            yield replace(finding, message=f"{whose}{finding.message}")
        yield from _of_missed_selectors(workload, manifests.new)
        yield from _of_missed_hosts(workload, manifests.new)
        yield from _of_policies_elsewhere(application, workload, manifests.new)
        yield from _of_services_of_both(application, workload, manifests.new)
        yield from _of_cut_off_canary(application, workload, manifests.new)
        yield from _of_shared_picker(workload, manifests.new)
        yield from _of_other_clusters(workload, manifests.new)
    yield from _of_other_readers(application, manifests.new)
    yield from _of_rights(application, manifests)
    yield from _of_waves(application, (*manifests.stable, *manifests.new))


def _of_waves(application: Application, routes: Sequence[Manifest]) -> Iterator[Finding]:
    """Routes with a wave of the user's own: it holds on the way there and on the way back, and only one is right."""
    if application.gitops.engine is not Engine.ARGOCD:
        return
    for route in application.routes:
        own = engines.own_wave(application, route)
        for manifest in routes if own is not None else ():
            is_said = manifest.text("metadata", "annotations", engines.WAVE) != ""
            if is_said and engines.is_of(application, manifest.value, route):
                message = (
                    f"Argo CD moves requests in wave {own}: before its pods are ready, or on the way back "
                    "not before all pods of earlier waves are"
                )
                hint = f"leave {engines.WAVE} out of the route: it is added where it has to be"
                yield _finding(manifest, ("metadata", "annotations", engines.WAVE), message, hint)


def _of_deployment(
    application: Application, workload: Workload, deployment: Manifest, new: Sequence[Manifest]
) -> Iterator[Finding]:
    """What is said of a Deployment, which the messages do not name."""
    yield from _of_recreation(application, deployment)
    yield from _of_lost_account(workload, deployment)
    yield from _of_unknown_number(workload, deployment)
    yield from _of_volumes(deployment, new)
    yield from _of_host_ports(deployment)


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


def _of_changed_service(application: Application, manifests: Manifests) -> Iterator[Finding]:
    """Ports and selectors that change before all pods are new, where others send to them meanwhile."""
    senders = other_senders(application)
    names = {service.names.stable for service in application.services if not service.is_pool}
    old = {_title(manifest): manifest.value for manifest in manifests.stable if _is_service(manifest)}
    for manifest in filter(_is_service, manifests.new):
        is_released = manifest.text("metadata", "name") in names
        if senders and is_released and not _serves_alike(old.get(_title(manifest), {}), manifest.value):
            message = f"changes before stable's pods have rolled: what {' and '.join(senders)} sends fails meanwhile"
            yield _finding(
                manifest, ("spec",), message, "a named targetPort that both versions have changes nothing"
            )


def _serves_alike(one: dict[str, Any], other: dict[str, Any]) -> bool:
    specs = [value.get("spec") or {} for value in (one, other)]
    return all(same(specs[0].get(key), specs[1].get(key)) for key in ("ports", "selector"))


def _is_service(manifest: Manifest) -> bool:
    return _kind(manifest) == ("v1", "Service")


def _of_unknown_number(workload: Workload, deployment: Manifest) -> Iterator[Finding]:
    """A Deployment whose pods nobody counts here."""
    if deployment.value["spec"].get("replicas") is None and workload.autoscaling is None:
        message = "no `replicas`, and nothing in the manifests scales it: the shares are planned for one pod of stable"
        hint = "write `replicas`, or put its autoscaler beside it"
        yield _finding(deployment, ("spec",), message, hint)


def _of_lost_account(workload: Workload, deployment: Manifest) -> Iterator[Finding]:
    """A ServiceAccount that pods name no more: the server keeps the old name in a field of its own.

    Source: core/v1 PodSpec, serviceAccount.
    """
    kept = workload.old.pod.get("serviceAccountName")
    if kept and not _pod(deployment).get("serviceAccountName"):
        message = f"serviceAccountName goes, and the API server keeps `{kept}`"
        yield _finding(deployment, ("spec", "template", "spec"), message, "write serviceAccountName: default")


def _pod(deployment: Manifest) -> dict[str, Any]:
    pod: dict[str, Any] = deployment.value["spec"]["template"]["spec"]
    return pod


def _of_volumes(deployment: Manifest, new: Sequence[Manifest]) -> Iterator[Finding]:
    """Claims that the pods of both versions want, and one pod or one node may have."""
    modes: dict[Any, Any] = {
        manifest.text("metadata", "name"): (manifest.value.get("spec") or {}).get("accessModes") or []
        for manifest in new
        if manifest.text("kind") == "PersistentVolumeClaim" and _namespace(manifest) == _namespace(deployment)
    }
    for index, volume in enumerate(_pod(deployment).get("volumes") or ()):
        claim = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        path: Path = ("spec", "template", "spec", "volumes", index)
        if modes.get(claim) == [SINGLE_POD]:
            message = f"PersistentVolumeClaim {claim} is {SINGLE_POD}: no pod of the canary would start beside stable's"
            hint = "give the new version a claim of its own, or share it: ReadWriteMany"
            yield _finding(deployment, path, message, hint, "error")
        elif modes.get(claim) == [SINGLE_NODE]:
            message = f"PersistentVolumeClaim {claim} is {SINGLE_NODE}: the canary's pods start on stable's node alone"
            yield _finding(deployment, path, f"{message}, and both versions write to it")


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


def _of_missed_selectors(workload: Workload, new: Sequence[Manifest]) -> Iterator[Finding]:
    """Objects of kinds that are not copied, which name the labels of stable's pods and miss the canary's.

    Each needs one for the canary: of two for the same pods, one may allow what the other denies.
    """
    caught = companions.tracks(workload)
    stables = {key: caught.labels[key] for key in caught.track if key in caught.labels}
    others = [manifest for manifest in new if _is_not_copied(manifest)]
    for manifest in others:
        for path in naming(manifest.value.get("spec"), stables, ("spec",)):
            labels = _part(manifest.value, path)
            wanted = {key: caught.track.get(bare(key), text) for key, text in labels.items()}
            alike = [other for other in others if _kind(other) == _kind(manifest)]
            if not _is_about(labels, caught) or _count(alike, labels) <= _count(alike, wanted):
                continue
            message = f"{_title(manifest)} selects stable's pods by their label, and misses the canary's"
            hint = f"put one for {_text(wanted)} beside it in the manifests"
            is_guard = _kind(manifest)[0].partition("/")[0] in companions.GUARDING
            yield _finding(manifest, path, message, hint, "error" if is_guard else "warning")


def _part(value: Any, path: Path) -> Any:
    for key in path:
        value = value[key]
    return value


def _is_about(labels: Mapping[str, Any], caught: Tracks) -> bool:
    """Whether no label is another than that of the pods."""
    return all(caught.labels.get(bare(key), text) == text for key, text in labels.items())


def _count(manifests: Sequence[Manifest], labels: Mapping[str, Any]) -> int:
    return sum(holds(manifest.value.get("spec"), labels) for manifest in manifests)


def _is_not_copied(manifest: Manifest) -> bool:
    api_version, kind = _kind(manifest)
    known = (*SERVED_KINDS, *companions.SELECTORS, *companions.SCALERS, "ServiceMonitor")
    return "/" in api_version and kind not in known


def _kind(manifest: Manifest) -> tuple[str, str]:
    return manifest.text("apiVersion"), manifest.text("kind")


def _title(manifest: Manifest) -> str:
    return f"{manifest.text('kind')} {manifest.text('metadata', 'name')}"


def _text(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{key}: {text}" for key, text in labels.items())


def _of_policies_elsewhere(
    application: Application, workload: Workload, new: Sequence[Manifest]
) -> Iterator[Finding]:
    """Network policies of other namespaces that name stable's pods: a copy of those is not the release's to make."""
    caught = companions.tracks(workload)
    for manifest in new:
        elsewhere = _namespace(manifest) not in ("", application.namespace or "")
        if manifest.text("kind") != "NetworkPolicy" or not elsewhere:
            continue
        if companions.companion_policy(manifest.value, [caught]) is not None:
            message = f"{_title(manifest)} lets stable's pods in or out, and not the canary's"
            hint = f"put a peer for {_text(caught.track)} beside it"
            yield _finding(manifest, ("spec",), message, hint)


def _namespace(manifest: Manifest) -> str:
    return manifest.text("metadata", "namespace")


def _of_missed_hosts(workload: Workload, new: Sequence[Manifest]) -> Iterator[Finding]:
    """Istio's rules for the traffic to stable's Service, which the canary's has none of."""
    rules = [manifest for manifest in new if manifest.text("kind") == "DestinationRule"]
    hosts = [manifest.text("spec", "host").partition(".")[0] for manifest in rules]
    names = workload.service.names
    for manifest, host in zip(rules, hosts, strict=True):
        if workload.service.is_named(SERVICE_API, host, Side.STABLE) and names.canary not in hosts:
            message = f"{_title(manifest)} is about Service {host}, and not about {names.canary}"
            yield _finding(manifest, ("spec", "host"), message, "put one for that beside it in the manifests")


def _of_other_clusters(workload: Workload, new: Sequence[Manifest]) -> Iterator[Finding]:
    """A Service that other clusters may export too: they have no canary. Source: KEP-1645, namespace sameness."""
    names = workload.service.names
    for manifest in new if IMPORT_API in workload.service.apis else ():
        if manifest.text("kind") == "ServiceExport" and objects.name_of(manifest) == names.stable:
            share = f"its share is of what every cluster sends to {names.stable}"
            message = f"the canary runs in this cluster alone, and {share}"
            hint = "give it pods for all of that, by spec.canary.replicas, where others import it too"
            yield _finding(manifest, (), message, hint)


def _of_shared_picker(workload: Workload, new: Sequence[Manifest]) -> Iterator[Finding]:
    """Pools of both sides with one endpoint picker, which knows the pods of one pool. Source: InferencePool v1."""
    pools = {
        objects.name_of(manifest): manifest
        for manifest in new
        if workload.service.is_pool and manifest.text("kind") == POOL_API[0]
    }
    both = [pools.get(name) for name in workload.service.names.both()]
    pickers = [objects.at(pool.value, "spec", "endpointPickerRef") if pool else None for pool in both]
    if both[1] is not None and pickers[0] and same(*pickers):
        path: Path = ("spec", "endpointPickerRef")
        message = f"{_title(both[1])} has stable's picker, which knows the pods of one pool"
        yield _finding(both[1], path, message, "give it a picker of its own")


def _of_services_of_both(
    application: Application, workload: Workload, new: Sequence[Manifest]
) -> Iterator[Finding]:
    """Other Services whose selectors have not the label by which the canary's pods differ."""
    pods = companions.tracks(workload).canary_labels
    for manifest in objects.of_kind(new, *adoption.SERVICE):
        is_near = manifest.text("metadata", "namespace") == (application.namespace or "")
        if is_near and objects.selects(manifest.value, dict(pods)):
            message = (
                f"{_title(manifest)} selects the canary's pods too: from `deploy` on they answer what it gets"
            )
            hint = "put the label by which stable's differ into its selector, unless it is for probes and metrics"
            yield _finding(manifest, ("spec", "selector"), message, hint)


def _of_cut_off_canary(
    application: Application, workload: Workload, new: Sequence[Manifest]
) -> Iterator[Finding]:
    """Network policies for all pods but some, among which stable's are and the canary's are not."""
    caught = companions.tracks(workload)
    for manifest in new:
        is_near = _namespace(manifest) in ("", application.namespace or "")
        if manifest.text("kind") != "NetworkPolicy" or not is_near:
            continue
        selector = (manifest.value.get("spec") or {}).get("podSelector")
        if selects(selector, caught.canary_labels) and not selects(selector, caught.labels):
            message = f"{_title(manifest)} leaves stable's pods out, and holds for the canary's"
            hint = f"leave out {_text(caught.track)} too"
            yield _finding(manifest, ("spec", "podSelector"), message, hint, "error")


def _of_other_readers(application: Application, new: Sequence[Manifest]) -> Iterator[Finding]:
    """Workloads that are not released and read a ConfigMap which changes with `promote-roll`."""
    names = {workload.names.stable for workload in application.workloads}
    per_track = set(application.adopted.per_track if application.adopted is not None else ())
    for manifest in new:
        is_released = _kind(manifest) == adoption.DEPLOYMENT and manifest.text("metadata", "name") in names
        pod = objects.at(manifest.value, "spec", "template", "spec")
        read = per_track & companions.config_names(pod) if isinstance(pod, dict) else set()
        if read and not is_released:
            message = f"{_title(manifest)} reads ConfigMap {', '.join(sorted(read))} too, and is not released"
            hint = "it reads the new content from `promote-roll` on: give it a ConfigMap of its own"
            yield _finding(manifest, ("spec", "template", "spec"), message, hint)


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
