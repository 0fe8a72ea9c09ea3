"""What belongs to a Deployment among manifests, what of it no file has, and the commands that take it away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from kubectl_canary.findings import Path
from kubectl_canary.reading.adopted.objects import at, name_of, of_kind, pod_labels, selects
from kubectl_canary.reading.manifests import Manifest
from kubectl_canary.release.adoption import DEPLOYMENT
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
