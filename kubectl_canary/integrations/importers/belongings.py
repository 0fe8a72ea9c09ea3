"""What belongs to a Deployment among manifests, what of it no file has, and the commands that take it away."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from kubectl_canary.findings import Path
from kubectl_canary.integrations.importers.imported import Imported, loss
from kubectl_canary.reading.adopted.objects import OTHER_WORKLOADS, at, name_of, of_kind, pod_labels, selects
from kubectl_canary.reading.manifests import Manifest
from kubectl_canary.records import replace
from kubectl_canary.release.adoption import DEPLOYMENT, SERVICE
from kubectl_canary.release.application import ROUTE_KINDS
from kubectl_canary.release.companions import SCALERS, SELECTORS, is_scaler_of
from kubectl_canary.release.selectors import selects as selector_selects

# what controllers make again, and what no file is a place for
NOT_WRITTEN = {
    "Pod": "its controller makes it",
    "ReplicaSet": "its Deployment makes it",
    "Endpoints": "its Service has it made",
    "EndpointSlice": "its Service has it made",
    "Secret": "files are no place for it",
}
OF_THE_CLUSTER = ("kube-root-ca.crt", "openshift-service-ca.crt")  # ConfigMaps that each namespace is given


def namespace_of(manifest: Manifest) -> str:
    """The namespace that a manifest says; empty where it says none."""
    return manifest.text("metadata", "namespace")


def deployments_of(service: Manifest, manifests: Sequence[Manifest]) -> list[Manifest]:
    """The Deployments whose pods a Service selects."""
    return [
        known
        for known in of_kind(manifests, *DEPLOYMENT)
        if namespace_of(known) == namespace_of(service) and selects(service.value, pod_labels(known.value))
    ]


def is_around(known: Manifest, deployments: Sequence[Manifest], others: Sequence[Manifest]) -> bool:
    """Whether an object scales or guards the pods of some Deployments, and no others."""
    near = [one for one in deployments if namespace_of(one) == namespace_of(known)]
    kind = known.text("kind")
    if kind in SCALERS:
        return any(is_scaler_of(known.value, name_of(deployment)) for deployment in near)
    if kind not in SELECTORS:
        return False
    selector = at(known.value, "spec", SELECTORS[kind]) or {}
    caught = [
        any(selector_selects(selector, pod_labels(one.value)) for one in group) for group in (near, others)
    ]
    return caught == [True, False]


def senders(name: str, namespace: str, manifests: Sequence[Manifest]) -> Iterator[tuple[Manifest, Path]]:
    """The Ingresses and routes that send requests to a Service, each with the place where it does."""
    for known in manifests:
        spec = at(known.value, "spec")
        if namespace_of(known) == namespace and known.text("kind") in ("Ingress", *ROUTE_KINDS):
            yield from ((known, ("spec", *where)) for where, found in _named(spec) if found == name)


def _named(node: Any) -> Iterator[tuple[Path, Any]]:
    """The names of backends at any depth, each with its place."""
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in pairs:
        if key == "service" and isinstance(child, dict):
            yield (key, "name"), child.get("name")
        elif key in ("backendRefs", "backendRef"):
            for index, ref in enumerate(child if isinstance(child, list) else [child]):
                yield (key, index) if isinstance(child, list) else (key,), at(ref, "name")
        yield from (((key, *where), found) for where, found in _named(child))


WORKLOADS = (DEPLOYMENT[1], *OTHER_WORKLOADS, "ReplicationController", "Rollout", "CloneSet")
NAMED_BY_PODS = ("ConfigMap", "PersistentVolumeClaim", "ServiceAccount")


def of_others(taken: Imported) -> list[Manifest]:
    """What belongs to other applications: it would be applied as it was read, whenever the release's files are."""
    values = [*(known.value for known in taken.manifests), *taken.made]
    ours = [
        value
        for value in values
        if value.get("kind") == DEPLOYMENT[1] and at(value, "metadata", "name") in taken.deployments
    ]
    sent = {found for route in taken.routes for _, found in _named(route["spec"])} | {taken.service}
    sent |= {
        found
        for known in taken.manifests
        if known.text("kind") in ROUTE_KINDS and _sends(known, taken.service)
        for _, found in _named(at(known.value, "spec"))
    }
    others = [value for value in values if value.get("kind") in WORKLOADS and value not in ours]
    return [known for known in taken.manifests if _is_of_others(known, ours, others, sent, taken.service)]


def _sends(known: Manifest, service: str) -> bool:
    return any(found == service for _, found in _named(at(known.value, "spec")))


def _is_of_others(
    known: Manifest,
    ours: Sequence[dict[str, Any]],
    others: Sequence[dict[str, Any]],
    sent: set[Any],
    service: str,
) -> bool:
    """Whether an object is about other pods alone; what is not known to be stays."""
    kind, name, value = known.text("kind"), name_of(known), known.value
    spec = at(value, "spec")
    near = [] if _is_elsewhere(value, ours) else ours
    if kind in WORKLOADS:
        return not any(value == one for one in ours)
    if kind == SERVICE[1]:
        selector = at(spec, "selector")
        return (
            bool(selector) and name not in sent and not any(selects(value, pod_labels(one)) for one in near)
        )
    if kind in ROUTE_KINDS:
        return not _sends(known, service)
    if kind in SCALERS:
        return not any(is_scaler_of(value, at(one, "metadata", "name")) for one in near)
    if kind in SELECTORS:
        selector = at(spec, SELECTORS[kind]) or {}
        return not any(selector_selects(selector, pod_labels(one)) for one in near)
    if kind in NAMED_BY_PODS:
        return any(_names(one, name) for one in others) and not any(_names(one, name) for one in near)
    return False


def _is_elsewhere(value: dict[str, Any], ours: Sequence[dict[str, Any]]) -> bool:
    spaces = {at(known, "metadata", "namespace") for known in (value, *ours)} - {None, ""}
    return len(spaces) > 1


def _names(workload: dict[str, Any], name: str) -> bool:
    return f'"{name}"' in json.dumps(at(workload, "spec", "template") or at(workload, "spec"), default=str)


def without_others(taken: Imported, tool: str) -> Imported:
    """The release without what belongs to other applications, each of which is named."""
    others = of_others(taken)
    message = "it is of another application: it stays as it is, and is not among the files"
    lost = [loss(f"{tool}-of-others", known, ("kind",), message) for known in others]
    kept = tuple(known for known in taken.manifests if all(known is not other for other in others))
    return replace(taken, manifests=kept, losses=(*taken.losses, *lost))


def mentions(name: str, namespace: str, manifests: Sequence[Manifest]) -> Iterator[tuple[Manifest, Path]]:
    """Where objects of other kinds name a Service as a host: meshes and gateways of others send requests so."""
    hosts = {name, *(f"{name}.{namespace}{ending}" for ending in ("", ".svc", ".svc.cluster.local"))}
    for known in manifests:
        if known.text("kind") not in (*ROUTE_KINDS, "Ingress", "Service", *WORKLOADS, *NAMED_BY_PODS):
            yield from ((known, ("spec", *where)) for where in _hosts(at(known.value, "spec"), hosts))


def _hosts(node: Any, hosts: set[str]) -> Iterator[Path]:
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in pairs:
        if key in ("host", "service", "serviceName") and child in hosts:
            yield (key,)
        yield from ((key, *where) for where in _hosts(child, hosts))


def why_not_written(known: Manifest) -> str:
    """Why an object is not among the files; empty where it is."""
    owners = at(known.value, "metadata", "ownerReferences") or ()
    if any(at(owner, "controller") for owner in owners):
        return "its owner makes it"
    if known.text("kind") == "ConfigMap" and name_of(known) in OF_THE_CLUSTER:
        return "the cluster makes it"
    return NOT_WRITTEN.get(known.text("kind"), "")


def images(deployment: Manifest) -> dict[str, str]:
    """The images of a Deployment by container."""
    containers = at(deployment.value, "spec", "template", "spec", "containers") or ()
    return {str(known.get("name")): str(known.get("image")) for known in containers}


def pod_of(deployment: Manifest) -> dict[str, Any]:
    """What a Deployment's pods are, without images, and without the labels that Services tell them by."""
    template = at(deployment.value, "spec", "template") or {}
    pod = template.get("spec") or {}
    containers = [
        {key: value for key, value in known.items() if key != "image"}
        for known in pod.get("containers") or ()
    ]
    return {"annotations": at(template, "metadata", "annotations") or {}, **pod, "containers": containers}


def deletion(objects: Sequence[Manifest]) -> str:
    """The commands that delete objects, one a namespace."""
    by_namespace: dict[str, list[str]] = {}
    for known in objects:
        by_namespace.setdefault(namespace_of(known), []).append(
            f"{known.text('kind').lower()}/{name_of(known)}"
        )
    return " && ".join(
        f"kubectl delete {' '.join(names)}{f' -n {namespace}' if namespace else ''}"
        for namespace, names in by_namespace.items()
    )
