"""What the canary file has to say once a release is promoted, so that the next one starts from what runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubectl_canary.reading import versions, yamltext


def stable_after(spec: dict[str, Any]) -> dict[str, Any]:
    """The parts of `spec` to write after promotion: the version that was the canary, as stable.

    Where manifests are adopted, what should run is what runs: `from` alone.
    """
    if "adopt" in spec:
        return {"adopt": _adopt_after(spec["adopt"])}
    canary = spec["canary"]
    kept = {key: value for key, value in spec["stable"].items() if key not in ("tag", "image")}
    named = {key: canary[key] for key in ("tag", "image") if key in canary}
    configuration = versions.of_canary(spec)
    changed = {part: value for part, value in configuration.items() if value != spec.get(part)}
    return {"stable": {**named, **kept}, **changed}


def _adopt_after(adopt: dict[str, Any]) -> dict[str, Any]:
    """`adopt` without what ran, and without the images of one release."""
    kept = {key: value for key, value in adopt.items() if key != "stable"}
    if isinstance(kept.get("deployment"), list):
        kept["deployment"] = [
            {key: value for key, value in item.items() if key != "images"} for item in kept["deployment"]
        ]
    return kept


def overlays(spec: dict[str, Any]) -> list[str]:
    """What of a file that adopts manifests lays new images or configuration over the manifests."""
    listed = spec["adopt"].get("deployment")
    named = enumerate(listed) if isinstance(listed, list) else ()
    images = [f"spec.adopt.deployment[{index}].images" for index, item in named if "images" in item]
    return [*images, *(["spec.canary"] if spec.get("canary") else [])]


def _advice_on_manifests(spec: dict[str, Any], named: str) -> Iterator[str]:
    manifests = "the manifests" if spec["adopt"]["from"] == "-" else spec["adopt"]["from"]
    parts = ["spec.adopt.stable"] if "stable" in spec["adopt"] else []
    if laid := overlays(spec):
        said = ", ".join(laid)
        deployments = "Deployments" if isinstance(spec["adopt"].get("deployment"), list) else "Deployment"
        yield f"Once `promoted` is reached, write what {said} says into the {deployments} in {manifests},"
        parts += laid
    else:
        yield f"Once `promoted` is reached, {manifests} is what runs, to begin the next release from:"
    gone = ", ".join(parts)
    yield f"take {gone} and spec.phase out of {named}, or the next release takes production back."


def advice(spec: dict[str, Any], file: str) -> str:
    """What to write into the file, for a person."""
    named = "the canary file" if file == "standard input" else file
    if "adopt" in spec:
        return "\n".join(_advice_on_manifests(spec, named))
    lines = yamltext.block({"spec": stable_after(spec)}, 0).splitlines()
    return "\n".join(
        [
            f"Once `promoted` is reached, write what runs into {named}, or the next release takes production back,",
            "and take spec.canary and spec.phase out:",
            *(f"  {line}" for line in lines),
        ]
    )


def advice_in_place(spec: dict[str, Any], folder: str, file: str) -> str:
    """What to write into the file once the manifests say themselves what runs."""
    named = "the canary file" if file == "standard input" else file
    gone = ", ".join(overlays(spec))
    return f"Once {folder} is applied, take {gone} and spec.phase out of {named}: {folder} is what runs then."
