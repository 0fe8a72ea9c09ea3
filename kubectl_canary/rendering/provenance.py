"""Where in the canary file stands what a rendered document has somewhere."""

from __future__ import annotations

from typing import Any

from kubectl_canary.findings import Path
from kubectl_canary.reading import versions
from kubectl_canary.reading.canaryfile import RULE_KEYS
from kubectl_canary.release import patches
from kubectl_canary.release.testers import Testers
from kubectl_canary.release.workloads import port_is_added
from kubectl_canary.rendering.objects import Planned

POD: Path = ("spec", "template", "spec")
POD_METADATA: Path = ("spec", "template", "metadata")
CONDITION = len(("spec", "rules", 0, "matches", 0, "headers", 0))


def source(item: Planned, path: Path, spec: dict[str, Any]) -> Path | None:
    """The path of the canary file that a path of a rendered document comes from; None where it is ours alone.

    `spec` is the canary file's.
    """
    if path[:1] == ("metadata",):
        return path if path[1:2] in (("name",), ("namespace",), ("labels",), ("annotations",)) else None
    ways = {
        "Deployment": _of_deployment,
        "Service": _of_service,
        "HTTPRoute": _of_route,
        "Gateway": _of_gateway,
        "HorizontalPodAutoscaler": _of_scaler,
        "PodDisruptionBudget": _of_budget,
    }
    kind = item.part.kind
    return ways[kind](item, path, spec) if path[:1] == ("spec",) and kind in ways else None


def is_testers(route: dict[str, Any], path: Path, testers: Testers | None) -> bool:
    """Whether a path of a route is in the condition that a release has put there for testers."""
    if testers is None or path[:2] != ("spec", "rules") or path[3:4] != ("matches",):
        return False
    condition = patches.look_up(route, patches.pointer(path[:CONDITION]))
    return bool(condition == testers.condition)


def _of_deployment(item: Planned, path: Path, spec: dict[str, Any]) -> Path | None:
    side = item.part.side.value if item.part.side else ""
    if path[:2] == ("spec", "replicas"):
        return ("spec", side, "replicas")
    if path[: len(POD_METADATA)] == POD_METADATA:
        return _of_version(item, spec, "podMetadata", path[len(POD_METADATA) :])
    if path[: len(POD)] != POD:
        return ("spec", "deployment", *path[1:])
    below = path[len(POD) :]
    if below[:1] != ("containers",) or len(below) < 2:
        return _of_version(item, spec, "pod", below)
    number = int(below[1])
    if number:
        return _of_version(item, spec, "pod", ("containers", number - 1, *below[2:]))
    if below[2:3] == ("image",):
        return ("spec", side, "image")
    return _of_version(item, spec, "container", _own_port(below[2:], spec))


def _own_port(below: Path, spec: dict[str, Any]) -> Path:
    """The short form `port` is the first of the container's ports."""
    container = spec.get("container", {})
    if below[:1] != ("ports",) or len(below) < 2 or not port_is_added(container):
        return below
    number = int(below[1])
    return ("ports", number - 1, *below[2:]) if number else ("port",)


def _of_version(item: Planned, spec: dict[str, Any], part: str, below: Path) -> Path:
    """The part of `spec`, or what `spec.canary` lays over it where the document is the new version's."""
    patch = (spec.get("canary") or {}).get(part)
    if patch is not None and item.part.is_new:
        place = versions.in_patch(patch, versions.of_canary(spec).get(part), below)
        if len(place) == len(below):
            return ("spec", "canary", part, *place)
    return ("spec", part, *below)


def _of_service(_: Planned, path: Path, __: dict[str, Any]) -> Path | None:
    if path[1:2] != ("ports",) or len(path) < 3:
        return ("spec", "service")
    number = int(path[2])
    return ("spec", "service", "ports", number - 1, *path[3:]) if number else ("spec", "service", *path[3:])


def _of_route(item: Planned, path: Path, __: dict[str, Any]) -> Path | None:
    if path[1:2] == ("hostnames",):
        return ("spec", "route", *path[1:])
    if path[1:2] == ("parentRefs",) and len(path) > 2:
        number = int(path[2])
        return (
            ("spec", "route", "parents", number - 1, *path[3:])
            if number
            else ("spec", "route", "gateway", *path[3:])
        )
    if path[1:2] == ("rules",) and path[3:4] and path[3] in RULE_KEYS:
        is_governed = path[2] == len(item.facts["spec"]["rules"]) - 1
        return ("spec", "route", *path[3:]) if is_governed else ("spec", "route", path[3])
    return ("spec", "route")


def _of_gateway(_: Planned, path: Path, __: dict[str, Any]) -> Path | None:
    return (
        "spec",
        "route",
        "gateway",
        "create",
        *(("className",) if path[1:2] == ("gatewayClassName",) else ("tls",)),
    )


def _of_scaler(_: Planned, path: Path, __: dict[str, Any]) -> Path | None:
    return ("spec", "autoscaling", *path[1:])


def _of_budget(_: Planned, path: Path, __: dict[str, Any]) -> Path | None:
    return ("spec", "disruptionBudget", *path[1:])
