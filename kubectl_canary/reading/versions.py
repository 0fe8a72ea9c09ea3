"""What the canary's own configuration makes of stable's: `spec.canary` laid over `spec`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubectl_canary.api import catalog, quick
from kubectl_canary.findings import Finding, Path, nearest
from kubectl_canary.records import replace
from kubectl_canary.release import strategic

PARTS = ("container", "pod", "podMetadata")
FIXED = {"image": "write it into spec.canary.image", "name": "both versions have the container's name"}


def of_canary(spec: dict[str, Any]) -> dict[str, Any]:
    """The canary's `container`, `pod` and `podMetadata`: stable's, with what `spec.canary` says over it."""
    canary = spec["canary"]
    parts = {part: _merged(spec, part) for part in PARTS if part in spec or part in canary}
    images: dict[str, str] = canary.get("images", {})
    if images:
        parts["pod"] = _with_images(parts.get("pod", {}), images)
    return parts


def findings(value: dict[str, Any]) -> Iterator[Finding]:
    """What is wrong with the canary's own configuration, with its place in the file."""
    spec = value["spec"]
    canary = spec.get("canary") or {}
    complaints = list(own_findings(canary))
    complaints += _image_findings(spec)
    if not complaints:
        complaints += _schema_findings(value)
    yield from complaints


def own_findings(canary: dict[str, Any]) -> Iterator[Finding]:
    """What no patch of the canary's may say, whatever it is laid over."""
    for part in PARTS:
        yield from (_finding(path, message) for path, message in _own_problems(canary, part))


def differences(spec: dict[str, Any]) -> list[str]:
    """What the canary has otherwise than stable, besides its image: `container.env[NEW_FLAG]`, `pod.volumes[cache]`."""
    canary = spec.get("canary") or {}
    listed = [text for part in PARTS for text in _named(canary.get(part), part)]
    return [*listed, *(f"image of {name}" for name in canary.get("images", {}))]


def _merged(spec: dict[str, Any], part: str) -> Any:
    patch = spec["canary"].get(part)
    value = spec.get(part, {})
    return strategic.merged(value, patch, strategic.Place.at(("spec", part))) if patch is not None else value


def _with_images(pod: dict[str, Any], images: dict[str, str]) -> dict[str, Any]:
    return {
        **pod,
        **{
            group: [
                {**container, "image": images.get(container["name"], container.get("image"))}
                for container in pod[group]
            ]
            for group in ("containers", "initContainers")
            if group in pod
        },
    }


def _own_problems(canary: dict[str, Any], part: str) -> Iterator[tuple[Path, str]]:
    path: Path = ("spec", "canary", part)
    yield from strategic.problems(canary.get(part), path)
    for key, cure in FIXED.items() if part == "container" else ():
        if key in canary.get(part, {}):
            yield (*path, key), f"`{key}` does not belong here; {cure}"


def _image_findings(spec: dict[str, Any]) -> Iterator[Finding]:
    canary = spec.get("canary") or {}
    if not canary.get("images"):
        return
    pod = _merged(spec, "pod")
    known = [
        container.get("name")
        for group in ("containers", "initContainers")
        for container in pod.get(group, [])
    ]
    for name in canary["images"]:
        if name not in known:
            close = nearest(name, [text for text in known if isinstance(text, str)])
            there = ", ".join(f"`{text}`" for text in known) or "none"
            meant = f"did you mean `{close}`?" if close else f"beside the application's there are {there}"
            yield _finding(("spec", "canary", "images", name), f"no container `{name}`; {meant}")


def _schema_findings(value: dict[str, Any]) -> Iterator[Finding]:
    """What is wrong with the merged configuration, at what made it so."""
    spec = value["spec"]
    if not any(part in (spec.get("canary") or {}) for part in PARTS):
        return
    parts = of_canary(spec)
    whole = {**value, "spec": {**spec, **parts}}
    if quick.accepts(whole, catalog.fitting(catalog.CANARY, whole)):
        return
    from kubectl_canary.api import schema

    for finding in schema.findings(whole, catalog.CANARY):
        path = finding.path
        if path[:1] == ("spec",) and path[1:2] and path[1] in PARTS:
            place = in_patch(spec["canary"].get(path[1]), parts[str(path[1])], path[2:])
            yield replace(finding, rule="canary", path=("spec", "canary", str(path[1]), *place))


def in_patch(patch: Any, merged: Any, path: Path) -> Path:
    """Where in the patch stands what the merged value has at a path, as far as it is there."""
    if not path:
        return ()
    key, rest = path[0], path[1:]
    if isinstance(key, int) and isinstance(patch, list) and isinstance(merged, list) and key < len(merged):
        number = next((index for index, item in enumerate(patch) if _is_same_item(item, merged[key])), None)
        return () if number is None else (number, *in_patch(patch[number], merged[key], rest))
    if isinstance(patch, dict) and key in patch:
        below = merged.get(key) if isinstance(merged, dict) else None
        return (key, *in_patch(patch[str(key)], below, rest))
    return ()


def _is_same_item(item: Any, other: Any) -> bool:
    if not isinstance(item, dict) or not isinstance(other, dict):
        return bool(item == other)
    names = ("name", "mountPath", "containerPort", "ip", "devicePath", "topologyKey")
    return next(
        (item[name] == other[name] for name in names if name in item and name in other), item == other
    )


def _named(patch: Any, path: str) -> Iterator[str]:
    """The places that a patch touches, items of lists by what names them."""
    if not isinstance(patch, dict):
        if patch is not None:
            yield path
        return
    for key, value in patch.items():
        items = value if isinstance(value, list) else []
        names = [
            item["name"] for item in items if isinstance(item, dict) and isinstance(item.get("name"), str)
        ]
        if names:
            yield from (f"{path}.{key}[{name}]" for name in names)
        elif isinstance(value, dict) and path != "podMetadata":
            yield f"{path}.{key}"
        elif isinstance(value, dict):
            yield from (f"{path}.{key}[{name}]" for name in value)
        else:
            yield f"{path}.{key}"


def _finding(path: Path, message: str) -> Finding:
    return Finding("canary", "error", path, message)
