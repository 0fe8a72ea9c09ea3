"""An image without a tag, or with `latest`, is another one tomorrow.

Pods of one version then run different images, depending on when each started, and the way back brings the old name and
not the old image. Said of what stands behind a route.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.judging.lint.examples import APP
from kubectl_canary.judging.lint.objects import Objects, Violation

SEVERITY = "warning"
SOURCE = "https://kubernetes.io/docs/concepts/containers/images/#image-names"
PASSING = (APP, APP.replace("shop:1.0", f"shop@sha256:{'0123456789abcdef' * 4}"))
FAILING = (
    APP.replace("shop:1.0", "shop:latest"),
    APP.replace("example.com/shop:1.0", "example.com:5000/shop"),
)


def check(objects: Objects) -> Iterator[Violation]:
    """Images of pods behind a route that have neither a digest nor a tag that stays."""
    owners = {pods.owner.number: pods for _, pods in objects.served}
    for pods in owners.values():
        for path, container in pods.containers("containers", "initContainers"):
            image = container.get("image") or ""
            if image and _floats(image):
                message = (
                    f"`{image}` is another image tomorrow: pods of one version differ, the way back is lost"
                )
                yield pods.owner.violation((*path, "image"), message, "name a version's tag, or a digest")


def _floats(image: str) -> bool:
    name, _, digest = image.partition("@")
    _, _, tag = name.rpartition("/")[2].partition(":")
    return not digest and tag in ("", "latest")
