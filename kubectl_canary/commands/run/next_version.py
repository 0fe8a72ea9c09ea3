"""What `kubectl canary init --from` writes of the version that comes next."""

from __future__ import annotations

from collections.abc import Sequence

from kubectl_canary.api import formats
from kubectl_canary.commands.run.init import later, release_lines
from kubectl_canary.errors import UsageError
from kubectl_canary.findings import nearest
from kubectl_canary.reading import yamltext
from kubectl_canary.reading.adopted.objects import name_of
from kubectl_canary.reading.adopted.problems import listed
from kubectl_canary.reading.choices import containers
from kubectl_canary.reading.manifests import Manifest


def lines(deployments: Sequence[Manifest], tag: str | None, images: Sequence[str]) -> list[str]:
    """The lines that start a release of a tag or images, or that show how one starts.

    Images of several Deployments stand in their entries. Raises UsageError for what is ambiguous.
    """
    if tag is not None and images:
        raise UsageError("--canary-tag and --canary-image", "give one of them; an image says its tag")
    if tag is not None:
        _refuse_many_containers(deployments)
        return release_lines(f"{{tag: {yamltext.scalar(tag)}}}")
    if not images:
        return _example(deployments)
    if len(deployments) > 1:
        return release_lines(None)
    return release_lines(_of_one(deployments[0], images))


def _refuse_many_containers(deployments: Sequence[Manifest]) -> None:
    """Raises UsageError where a tag could be that of several images."""
    for deployment in deployments:
        if len(containers(deployment)) != 1:
            raise _which(deployments, deployment, "--canary-tag", "IMAGE")


def _of_one(deployment: Manifest, images: Sequence[str]) -> str:
    """What `spec.canary` says for the values of --canary-image, of one Deployment."""
    (named,) = images_of_each([deployment], images)
    if len(images) == 1 and "=" not in images[0]:
        return f"{{image: {yamltext.scalar(images[0])}}}"
    return f"{{images: {yamltext.flow(named)}}}"


# --- which image is whose -------------------------------------------------------------


def images_of_each(deployments: Sequence[Manifest], words: Sequence[str]) -> list[dict[str, str]]:
    """The new images of each Deployment by container, of values of --canary-image. Raises UsageError."""
    named: list[dict[str, str]] = [{} for _ in deployments]
    for word in words:
        name, equals, image = word.rpartition("=")
        if not image:
            raise UsageError(f"--canary-image {word}: no image", "give --canary-image IMAGE")
        place, container = _place(deployments, name, image) if equals else _only(deployments, image)
        if container in named[place]:
            message = f"--canary-image: two images for container `{container}`"
            of = f" of {deployments[place].title}" if len(deployments) > 1 else ""
            raise UsageError(f"{message}{of}", "give one of them")
        named[place][container] = image
    return named


def _only(deployments: Sequence[Manifest], image: str) -> tuple[int, str]:
    """The only container of the only Deployment."""
    if len(deployments) > 1:
        raise _of_which(deployments, f"--canary-image {image}: of which Deployment?", image)
    if len(containers(deployments[0])) != 1:
        raise _which(deployments, deployments[0], "--canary-image", image)
    return 0, str(containers(deployments[0])[0].get("name"))


def _place(deployments: Sequence[Manifest], name: str, image: str) -> tuple[int, str]:
    """Which Deployment and which of its containers `CONTAINER` or `DEPLOYMENT/CONTAINER` is."""
    owner, _, container = name.rpartition("/")
    having = [
        place
        for place, known in enumerate(deployments)
        if owner in ("", name_of(known)) and container in _names(known, "initContainers")
    ]
    if not having:
        raise _unknown(deployments, name, image)
    if len(having) > 1:
        several = [deployments[place] for place in having]
        message = f"--canary-image: several Deployments have a container `{container}`:"
        raise _of_which(several, message, image, container)
    return having[0], container


def _of_which(deployments: Sequence[Manifest], message: str, image: str, container: str = "") -> UsageError:
    names = listed([name_of(known) for known in deployments])
    first = container or _names(deployments[0])[0]
    there = names if container else f"There are {names}"
    return UsageError(f"{message} {there}", f"give --canary-image {name_of(deployments[0])}/{first}={image}")


def _unknown(deployments: Sequence[Manifest], name: str, image: str) -> UsageError:
    names = [known for deployment in deployments for known in _names(deployment, "initContainers")]
    if len(deployments) > 1:
        names = [f"{name_of(one)}/{known}" for one in deployments for known in _names(one, "initContainers")]
    meant = nearest(name, names) or names[0]
    return UsageError(
        f"--canary-image: no container `{name}`; there are {listed(names)}",
        f"give --canary-image {meant}={image}",
    )


def _names(deployment: Manifest, *more: str) -> list[str]:
    pod = deployment.value["spec"]["template"]["spec"]
    return [str(container.get("name")) for key in ("containers", *more) for container in pod.get(key) or ()]


def _which(deployments: Sequence[Manifest], deployment: Manifest, flag: str, image: str) -> UsageError:
    names = _names(deployment)
    owner = f"{name_of(deployment)}/" if len(deployments) > 1 else ""
    return UsageError(
        f"{flag}: which container? {deployment.title} has {listed(names)}",
        f"give --canary-image {owner}{names[0]}={image}",
    )


# --- how a release starts -------------------------------------------------------------


def _example(deployments: Sequence[Manifest]) -> list[str]:
    """What a release would say: a tag where that is enough, else the image of a container that one Deployment has."""
    if all(len(containers(deployment)) == 1 for deployment in deployments):
        return later("{tag: v1.1.0}")
    every = [name for deployment in deployments for name in _names(deployment, "initContainers")]
    running = [known for deployment in deployments for known in containers(deployment)]
    for container in running:
        name = str(container.get("name"))
        if every.count(name) == 1:
            image = f"{formats.split_image(str(container.get('image')))[0] or 'IMAGE'}:v1.1.0"
            return later(f"{{images: {yamltext.flow({name: image})}}}")
    return ["  # `images: {NAME: IMAGE}` in an entry above, and `phase: deploy` here, start a release"]
