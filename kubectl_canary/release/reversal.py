"""What `spec.canary` says so that the new version of an adopted Deployment is one that ran before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kubectl_canary.api import formats
from kubectl_canary.api.equality import same
from kubectl_canary.release import strategic

LISTS = ("containers", "initContainers")


def images(deployment: Mapping[str, Any]) -> dict[str, str]:
    """The images of a Deployment by container."""
    pod = deployment["spec"]["template"]["spec"]
    return {str(known["name"]): str(known.get("image")) for key in LISTS for known in pod.get(key) or ()}


def changed_images(now: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, str]:
    """The images by container as they were before, of the containers that have others now."""
    there = images(now)
    return {name: image for name, image in images(before).items() if there.get(name, image) != image}


def of_images(now: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """What brings the images of a Deployment back: a tag where that says it, else those that differ by container."""
    changed, containers = changed_images(now, before), now["spec"]["template"]["spec"]["containers"]
    if len(containers) == 1 and list(changed) == [containers[0]["name"]]:
        (image,) = changed.values()
        repository, tag, digest = formats.split_image(image)
        if tag and not digest and repository == formats.split_image(str(containers[0]["image"]))[0]:
            return {"tag": tag}
    return {"images": changed} if changed else {}


def of_configuration(now: Mapping[str, Any], before: Mapping[str, Any], kubernetes: str) -> dict[str, Any]:
    """What brings everything else of the pods back, as `spec.canary` says it; nothing where it is the same.

    `kubernetes` is the minor version whose API says how lists are merged.
    """
    place = strategic.Place.of_kind("Deployment", kubernetes).below("spec").below("template").below("spec")
    old, new = _with_images(now, before), before["spec"]["template"]
    pod = strategic.difference(old["spec"], new["spec"], place)
    metadata = dict(_of_metadata(old.get("metadata") or {}, new.get("metadata") or {}))
    return {**({"pod": pod} if pod else {}), **({"podMetadata": metadata} if metadata else {})}


def _of_metadata(now: Mapping[str, Any], before: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The labels and annotations that differ, one by one."""
    for key in ("labels", "annotations"):
        old, new = now.get(key) or {}, before.get(key) or {}
        changed = {name: new.get(name) for name in {**old, **new} if old.get(name) != new.get(name)}
        if changed:
            yield key, changed


def is_same_configuration(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether the pods of two Deployments differ in nothing but images."""
    return same(_with_images(one, other), other["spec"]["template"])


def _with_images(deployment: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """The pod's template with the images of another Deployment."""
    template, there = deployment["spec"]["template"], images(other)
    pod = template["spec"]
    lists = {
        key: [{**known, "image": there.get(known["name"], known.get("image"))} for known in pod[key]]
        for key in LISTS
        if pod.get(key)
    }
    return {**template, "spec": {**pod, **lists}}
