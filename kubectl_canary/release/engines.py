"""What a GitOps engine needs on the objects of a release.

Argo CD applies wave by wave and waits for the health of each: requests go to pods one wave after these are there, and
what the canary leaves behind goes when all else is there and healthy. On the way back no route waits for pods.
Flux waits between commits alone, where pods are a phase ahead of their requests, and needs nothing.

Source: Argo CD, Sync Phases and Waves, and Sync Options (`PruneLast`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kubectl_canary.release.application import Application, Engine, Located

WAVE = "argocd.argoproj.io/sync-wave"
OPTIONS = "argocd.argoproj.io/sync-options"
PRUNE_LAST = "PruneLast=true"
KEEPING = ("Prune=false", "Delete=false")
HELMS_POLICY = "helm.sh/resource-policy"  # whose only value is to keep


def orders(application: Application, route: Located) -> bool:
    """Whether the release says in which wave a route is: with Argo CD, unless the user does."""
    return application.gitops.engine is Engine.ARGOCD and own_wave(application, route) is None


def wave(application: Application) -> int:
    """The wave after all pods, in which routes are while requests reach the canary."""
    return max(map(_wave, _workloads(application)), default=0) + 1


def own_wave(application: Application, route: Located) -> int | None:
    """The wave that the user gives a route; it stays in every phase. None where it has none."""
    if application.adopted is None:
        found = {**application.annotations, **application.route.annotations}
        return _number(found[WAVE]) if WAVE in found else None
    for given in application.adopted.stable:
        if WAVE in _annotations(given.value) and is_of(application, given.value, route):
            return _wave(given.value)
    return None


def is_of(application: Application, value: dict[str, Any], route: Located) -> bool:
    """Whether a document is that of a route."""
    return Located(value["kind"], application.namespace_of(value), value["metadata"]["name"]) == route


def goes_last(metadata: dict[str, Any]) -> dict[str, str]:
    """The annotations of an object that only the canary needs, for Argo CD; its other options stay."""
    found: dict[str, str] = metadata.get("annotations") or {}
    return {**found, OPTIONS: ",".join(dict.fromkeys((*options(found), PRUNE_LAST)))}


def prunable(annotations: Mapping[str, str]) -> dict[str, str]:
    """The annotations of a copy that goes with the release, though its original is marked to stay."""
    left = ",".join(option for option in options(annotations) if option not in KEEPING)
    others = {key: text for key, text in annotations.items() if key not in (OPTIONS, HELMS_POLICY)}
    return {**others, OPTIONS: left} if left else others


def options(annotations: Mapping[str, str]) -> list[str]:
    """The sync options of an object."""
    return [option.strip() for option in str(annotations.get(OPTIONS, "")).split(",") if option.strip()]


def _workloads(application: Application) -> Iterator[dict[str, Any]]:
    """The user's objects that bring pods, of either version."""
    adopted = application.adopted
    names = {workload.names.stable for workload in application.workloads}
    for given in (*adopted.stable, *adopted.new) if adopted is not None else ():
        if given.value["kind"] == "Deployment" and given.value["metadata"]["name"] in names:
            yield given.value


def _wave(value: dict[str, Any]) -> int:
    return _number(_annotations(value).get(WAVE, "0"))


def _number(text: str) -> int:
    """A wave; what is no number counts as Argo CD counts it, as none."""
    try:
        return int(text)
    except ValueError:
        return 0


def _annotations(value: dict[str, Any]) -> dict[str, str]:
    return value["metadata"].get("annotations") or {}
