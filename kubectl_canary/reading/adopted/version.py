"""The versions of an adopted Deployment: what runs, and the new one with what `spec.canary` lays over it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kubectl_canary.api import formats
from kubectl_canary.api.equality import same
from kubectl_canary.findings import Path
from kubectl_canary.reading.adopted.objects import Wanted, at, name_of
from kubectl_canary.reading.adopted.problems import Problems, listed, meant
from kubectl_canary.reading.manifests import Manifest
from kubectl_canary.release import strategic
from kubectl_canary.release.application import (
    IMPORT_API,
    SERVICE_API,
    Adopted,
    Configuration,
    Service,
    Sides,
    Workload,
)
from kubectl_canary.release.companions import ENDING, is_scaler_of
from kubectl_canary.routing.backends import BackendRef

SINGLE = ("image", "tag", "container")  # what is said of the application's container alone
OF_ONE = ("image", "container", "pod", "podMetadata")  # what is said of one Deployment alone
IMAGES: Path = ("spec", "canary", "images")


def _containers(deployment: dict[str, Any]) -> list[dict[str, Any]]:
    return list(at(deployment, "spec", "template", "spec", "containers") or [])


def check_canary(targets: Sequence[Manifest], canary: dict[str, Any], problems: Problems) -> None:
    """What `spec.canary` says of one Deployment, and there are several, is a problem."""
    if len(targets) == 1:
        return
    names = listed([name_of(target) for target in targets])
    for key in OF_ONE:
        if key in canary:
            hint = "write images in its entry of spec.adopt.deployment; what else differs goes into the manifests"
            problems.add(("spec", "canary", key), f"of which Deployment? There are {names}", hint)
    every = [name for target in targets for name in _container_names(target)]
    for name in canary.get("images", {}):
        if name not in every:
            problems.add((*IMAGES, name), f"no container `{name}`; {meant(name, every)}")
        elif every.count(name) > 1:
            message = f"several Deployments have a container `{name}`"
            problems.add((*IMAGES, name), message, "write images in the entries of spec.adopt.deployment")


def _container_names(target: Manifest) -> list[str]:
    pod = at(target.value, "spec", "template", "spec") or {}
    containers = (*(pod.get("containers") or ()), *(pod.get("initContainers") or ()))
    return [str(container.get("name")) for container in containers]


def own_canary(
    canary: dict[str, Any], target: Manifest, wanted: Wanted, problems: Problems
) -> dict[str, Any]:
    """What `spec.canary`, and the entry of one Deployment among several, say of that."""
    there = _container_names(target)
    for name in wanted.images:
        if name not in there:
            problems.add((*wanted.place, "images", name), f"no container `{name}`; {meant(name, there)}")
    shared = {name: image for name, image in canary.get("images", {}).items() if name in there}
    images = {**shared, **{name: image for name, image in wanted.images.items() if name in there}}
    replaced = ("images", "tag") if wanted.images else ("images",)  # images of one say more than a tag of all
    kept = {key: value for key, value in canary.items() if key not in replaced}
    return {**kept, **({"images": images} if images else {})}


def overlaid(target: Manifest, canary: dict[str, Any], kubernetes: str, problems: Problems) -> dict[str, Any]:
    """The new Deployment with what `spec.canary` lays over it; the very same where that is nothing."""
    template = _overlay(target, canary, problems)
    place = strategic.Place.of_kind("Deployment", kubernetes)
    deployment: dict[str, Any] = target.value
    merged: dict[str, Any] = strategic.merged(deployment, {"spec": {"template": template}}, place)
    return deployment if same(merged, deployment) else merged


def _overlay(target: Manifest, canary: dict[str, Any], problems: Problems) -> dict[str, Any]:
    """What `spec.canary` says, as a strategic merge patch of the pod's template."""
    names = [str(container.get("name")) for container in _containers(target.value)]
    single = next((key for key in SINGLE if key in canary), None)
    if single is not None and len(names) != 1:
        message = f"Deployment {name_of(target)} has {len(names)} containers: {listed(names)}"
        hint = f"write images: {{{names[0] if names else 'NAME'}: IMAGE}}"
        problems.add(("spec", "canary", single), message, hint)
        return {}
    pod: dict[str, Any] = dict(canary.get("pod", {}))
    containers = _patched_container(target.value, canary) if single is not None else []
    images = _patched_images(target.value, canary.get("images", {}), problems)
    for key, patches in (("containers", [*containers, *images["containers"]]), *list(images.items())[1:]):
        if patches:
            pod[key] = [*(pod.get(key) or []), *patches]
    metadata = {"metadata": canary["podMetadata"]} if "podMetadata" in canary else {}
    return {**metadata, **({"spec": pod} if pod else {})}


def _patched_container(deployment: dict[str, Any], canary: dict[str, Any]) -> list[dict[str, Any]]:
    """What `image`, `tag` and `container` say of the only container."""
    (container,) = _containers(deployment)
    running = str(container.get("image"))
    image = canary.get("image") or (_tagged(running, canary["tag"]) if "tag" in canary else running)
    return [{**canary.get("container", {}), "name": container.get("name"), "image": image}]


def _patched_images(
    deployment: dict[str, Any], images: dict[str, str], problems: Problems
) -> dict[str, list[dict[str, Any]]]:
    """What `images` says, by the list of containers that each name is in."""
    pod = at(deployment, "spec", "template", "spec") or {}
    names = {
        key: [container.get("name") for container in pod.get(key) or ()]
        for key in ("containers", "initContainers")
    }
    every = [str(name) for names_there in names.values() for name in names_there]
    for name in images:
        if name not in every:
            problems.add((*IMAGES, name), f"no container `{name}`; {meant(name, every)}")
    return {
        key: [{"name": name, "image": image} for name, image in images.items() if name in names_there]
        for key, names_there in names.items()
    }


def _tagged(image: str, tag: str) -> str:
    repository, _, _ = formats.split_image(image)
    return f"{repository}:{tag}"


def _main_container(old: dict[str, Any], new: dict[str, Any] | None) -> str:
    """The container whose image tells the versions apart: the first one that differs, else the first."""
    images = {container.get("name"): container.get("image") for container in _containers(new or old)}
    containers = _containers(old)
    differing = [known for known in containers if images.get(known.get("name")) != known.get("image")]
    kept = [known for known in differing if known.get("name") in images]
    return str((kept or containers)[0].get("name"))


def _configuration(deployment: dict[str, Any], main: str) -> Configuration:
    template = deployment["spec"]["template"]
    pod, metadata = template["spec"], template.get("metadata") or {}
    containers = _containers(deployment)
    container = next((known for known in containers if known.get("name") == main), containers[0])
    others = [known for known in containers if known is not container]
    return Configuration(
        image=str(container.get("image")),
        container={key: value for key, value in container.items() if key != "image"},
        pod={**pod, "containers": others},
        pod_labels=dict(metadata.get("labels") or {}),
        pod_annotations=dict(metadata.get("annotations") or {}),
    )


def workload_of(
    deployment: Manifest,
    new: dict[str, Any] | None,
    service: Service,
    track: dict[str, str],
    adopted: Adopted,
) -> Workload:
    """The workload that a Deployment is, with `new` as what it should become and None where no release is under way."""
    name = name_of(deployment)
    selector = at(deployment.value, "spec", "selector", "matchLabels") or {}
    main = _main_container(deployment.value, new)
    tracked = {**selector, **{key: text for key, text in track.items() if key in selector}}
    scaling = _scaling(adopted, deployment)
    replicas = None if scaling is not None else int(at(deployment.value, "spec", "replicas") or 1)
    return Workload(
        names=Sides(name, f"{name}{ENDING}"),
        selectors=Sides(selector, tracked),
        service=service,
        old=_configuration(deployment.value, main),
        new=_configuration(new, main) if new is not None else None,
        replicas=Sides(replicas, None),
        deployment={key: value for key, value in deployment.value["spec"].items() if key == "strategy"},
        autoscaling=scaling,
        track=track,
    )


def service_of(name: str, refs: Sequence[BackendRef]) -> Service:
    """The Service of a workload, with the ports and under the kinds that rules send to."""
    first, *more = dict.fromkeys(ref.port for ref in refs if ref.port is not None) or (0,)
    imported = (IMPORT_API,) if any((ref.kind, ref.group) == IMPORT_API for ref in refs) else ()
    further = tuple({"port": port} for port in more)
    return Service(Sides(name, f"{name}{ENDING}"), first, None, more=further, apis=(SERVICE_API, *imported))


def _scaling(adopted: Adopted, deployment: Manifest) -> dict[str, Any] | None:
    """The fewest and the most pods that a scaler of the user's keeps; None where there is none."""
    name, namespace = name_of(deployment), deployment.text("metadata", "namespace")
    for given in adopted.stable:
        spaces = {namespace, at(given.value, "metadata", "namespace")} - {"", None}
        if is_scaler_of(given.value, name) and len(spaces) < 2:
            spec = given.value["spec"]
            least = spec.get("minReplicas") or spec.get("minReplicaCount") or 1
            most = spec.get("maxReplicas") or spec.get("maxReplicaCount") or 100
            return {"minReplicas": int(least), "maxReplicas": int(most)}
    return None
