"""What a GitOps engine needs on the objects of a release.

Argo CD applies wave by wave and waits for the health of each: requests go to pods one wave after these are there, on
the way back one wave before they change, and what the canary leaves behind goes when all else is there and healthy.
Flux waits between commits alone, where pods are a phase ahead of their requests, and needs nothing.

Source: Argo CD, Sync Phases and Waves (a wave that is no number is that of Helm's hook weight, else 0), Sync Options.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kubectl_canary.expressions import regex
from kubectl_canary.release.application import OWN_PREFIX, ROUTE_KINDS, Application, Engine, Given, Located

WAVE = "argocd.argoproj.io/sync-wave"
OPTIONS = "argocd.argoproj.io/sync-options"
PRUNE_LAST = "PruneLast=true"
NO_PRUNING, HELMS_POLICY, HELMS_WEIGHT = "Prune=false", "helm.sh/resource-policy", "helm.sh/hook-weight"
KEEPING = ("Prune=", "Delete=")  # what begins so keeps an object, or asks first
# what says of one object how an engine treats it, or that an engine has made it
NOTES_OF_ONE = (
    "argocd.argoproj.io/hook",
    "argocd.argoproj.io/tracking-id",
    "argocd.argoproj.io/installation-id",
    "kustomize.toolkit.fluxcd.io/",
    "helm.toolkit.fluxcd.io/",
    HELMS_POLICY,
)
RUNS_ONCE = ("Job", "CronJob")
NUMBER = regex(r"[+-]?[0-9]+")


# --- waves ------------------------------------------------------------------------


def orders(application: Application, route: Located) -> bool:
    """Whether the release says in which wave a route is: with Argo CD, unless the user does."""
    return application.gitops.engine is Engine.ARGOCD and own_wave(application, route) is None


def wave(application: Application, *, is_way_back: bool) -> str:
    """The wave of routes while requests reach the canary: after all that pods need, on the way back before it."""
    waves = [_wave_of(application.annotations), *(_wave(value) for value in _needed(application))]
    return str(min(waves) - 1 if is_way_back else max(waves) + 1)


def own_wave(application: Application, route: Located) -> int | None:
    """The wave that the user gives a route; it stays in every phase. None where it has none.

    One beside the note of another release's phase is that release's.
    """
    for given in _given(application):
        is_users = WAVE in _annotations(given.value) and not is_in_a_phase(given.value)
        if is_users and is_of(application, given.value, route):
            return _wave(given.value)
    return None


def is_in_a_phase(value: dict[str, Any]) -> bool:
    """Whether a release has noted its phase on a route."""
    return any(key.startswith(f"{OWN_PREFIX}phase.") for key in _annotations(value))


def is_of(application: Application, value: dict[str, Any], route: Located) -> bool:
    """Whether a document is that of a route."""
    return Located(value["kind"], application.namespace_of(value), value["metadata"]["name"]) == route


def _needed(application: Application) -> Iterator[dict[str, Any]]:
    """The user's objects that pods may need to be there and reached, of either version."""
    for given in _given(application):
        if given.value["kind"] not in (*ROUTE_KINDS, *RUNS_ONCE):
            yield given.value


def _given(application: Application) -> tuple[Given, ...]:
    adopted = application.adopted
    return (*adopted.stable, *adopted.new) if adopted is not None else ()


def _wave(value: dict[str, Any]) -> int:
    return _wave_of(_annotations(value))


def _wave_of(annotations: Mapping[str, str]) -> int:
    numbers = (str(annotations.get(key)) for key in (WAVE, HELMS_WEIGHT))
    return next((int(text) for text in numbers if NUMBER.fullmatch(text)), 0)


# --- what goes --------------------------------------------------------------------


def pruned_last(metadata: dict[str, Any]) -> dict[str, Any]:
    """The metadata of an object that only the canary needs, for Argo CD: nothing keeps it, its other options stay."""
    found = prunable(metadata.get("annotations") or {})
    last = ",".join(dict.fromkeys((*options(found), PRUNE_LAST)))
    return {**metadata, "annotations": {**found, OPTIONS: last}}


def prunable(annotations: Mapping[str, str]) -> dict[str, str]:
    """The annotations of a copy that goes with the release, though its original is marked to stay."""
    left = ",".join(option for option in options(annotations) if not option.startswith(KEEPING))
    others = {
        key: text for key, text in annotations.items() if key != OPTIONS and not key.startswith(NOTES_OF_ONE)
    }
    return {**others, OPTIONS: left} if left else others


def options(annotations: Mapping[str, str]) -> list[str]:
    """The sync options of an object."""
    return [option.strip() for option in str(annotations.get(OPTIONS) or "").split(",") if option.strip()]


def _annotations(value: dict[str, Any]) -> dict[str, str]:
    return value["metadata"].get("annotations") or {}
