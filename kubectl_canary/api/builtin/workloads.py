"""Deployments, StatefulSets and DaemonSets (pkg/apis/apps/validation)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubectl_canary.api import metadata
from kubectl_canary.api.builtin import pods, volumes
from kubectl_canary.api.builtin.checks import (
    at_most_all,
    count_or_percent,
    forbidden,
    invalid,
    is_none,
    matches,
    not_negative,
    one_of,
    required,
    selector,
    selects,
)
from kubectl_canary.api.metadata import FieldError
from kubectl_canary.findings import Path

SPEC: Path = ("spec",)
DEADLINE = 600
STRATEGY = ("spec", "strategy")
UPDATES = ("spec", "updateStrategy")


def _deployment(document: dict[str, Any]) -> Iterator[FieldError]:
    spec = document["spec"]
    yield from not_negative(
        SPEC, spec, "replicas", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"
    )
    yield from _selected(spec, "deployment")
    yield from _strategy(spec.get("strategy", {}))
    deadline = spec.get("progressDeadlineSeconds", DEADLINE)
    if deadline <= spec.get("minReadySeconds", 0):
        yield invalid((*SPEC, "progressDeadlineSeconds"), deadline, "must be greater than minReadySeconds")
    yield from pods.template(spec["template"], (*SPEC, "template"))
    yield from _always_restarted(spec["template"], "ReplicaSet")


def _strategy(strategy: dict[str, Any]) -> Iterator[FieldError]:
    kind, rolling = strategy.get("type") or "RollingUpdate", strategy.get("rollingUpdate")
    if kind == "Recreate":
        if rolling is not None:
            text = "may not be specified when strategy `type` is 'Recreate'"
            yield forbidden((*STRATEGY, "rollingUpdate"), text)
    elif kind == "RollingUpdate":
        yield from _rolling(rolling or {})
    else:
        yield from one_of((*STRATEGY, "type"), kind, ("Recreate", "RollingUpdate"))


def _rolling(rolling: dict[str, Any]) -> Iterator[FieldError]:
    path = (*STRATEGY, "rollingUpdate")
    unavailable, surge = rolling.get("maxUnavailable", "25%"), rolling.get("maxSurge", "25%")
    yield from count_or_percent((*path, "maxUnavailable"), unavailable)
    yield from count_or_percent((*path, "maxSurge"), surge)
    if is_none(unavailable) and is_none(surge):
        yield invalid((*path, "maxUnavailable"), unavailable, "may not be 0 when `maxSurge` is 0")
    yield from at_most_all((*path, "maxUnavailable"), unavailable)


def _selected(spec: dict[str, Any], kind: str) -> Iterator[FieldError]:
    """The selector, and that it selects the template's labels."""
    label_selector, path = spec["selector"], (*SPEC, "selector")
    yield from selector(path, label_selector)
    if not label_selector.get("matchLabels") and not label_selector.get("matchExpressions"):
        yield invalid(path, {}, f"empty selector is invalid for {kind}")
    template_labels = spec["template"].get("metadata", {}).get("labels", {})
    if not selects(label_selector, template_labels):
        where = (*SPEC, "template", "metadata", "labels")
        yield invalid(where, template_labels or None, "`selector` does not match template `labels`")


def _always_restarted(template: dict[str, Any], kind: str) -> Iterator[FieldError]:
    spec, path = template.get("spec", {}), (*SPEC, "template", "spec")
    yield from one_of((*path, "restartPolicy"), spec.get("restartPolicy") or "Always", ("Always",))
    if "activeDeadlineSeconds" in spec:
        yield forbidden((*path, "activeDeadlineSeconds"), f"activeDeadlineSeconds in {kind} is not Supported")


def _stateful_set(document: dict[str, Any]) -> Iterator[FieldError]:
    spec = document["spec"]
    yield from not_negative(SPEC, spec, "replicas", "minReadySeconds", "revisionHistoryLimit")
    yield from not_negative((*SPEC, "ordinals"), spec.get("ordinals", {}), "start")
    yield from _selected(spec, "statefulset")
    if spec.get("serviceName"):
        yield from matches((*SPEC, "serviceName"), spec["serviceName"], metadata.label)
    management = spec.get("podManagementPolicy") or "OrderedReady"
    if management not in ("OrderedReady", "Parallel"):
        yield invalid((*SPEC, "podManagementPolicy"), management, "must be 'OrderedReady' or 'Parallel'")
    yield from _partition(spec.get("updateStrategy", {}))
    for key in ("whenDeleted", "whenScaled"):
        kept = spec.get("persistentVolumeClaimRetentionPolicy", {}).get(key) or "Retain"
        yield from one_of((*SPEC, "persistentVolumeClaimRetentionPolicy", key), kept, ("Retain", "Delete"))
    for index, claim in enumerate(spec.get("volumeClaimTemplates", [])):
        at = (*SPEC, "volumeClaimTemplates", index, "spec")
        yield from volumes.claim_template(claim.get("spec", {}), at)
    claims = [claim.get("metadata", {}).get("name", "") for claim in spec.get("volumeClaimTemplates", [])]
    yield from pods.template(spec["template"], (*SPEC, "template"), claims)
    yield from _always_restarted(spec["template"], "StatefulSet")


def _partition(strategy: dict[str, Any]) -> Iterator[FieldError]:
    kind, rolling = strategy.get("type") or "RollingUpdate", strategy.get("rollingUpdate")
    path = (*UPDATES, "rollingUpdate")
    if kind == "OnDelete":
        if rolling is not None:
            yield invalid(path, rolling, "only allowed for updateStrategy 'RollingUpdate'")
    elif kind != "RollingUpdate":
        yield invalid(UPDATES, strategy, "must be 'RollingUpdate' or 'OnDelete'")
    else:
        yield from not_negative(path, rolling or {}, "partition")
        if "maxUnavailable" in (rolling or {}):
            value = (rolling or {})["maxUnavailable"]
            yield from count_or_percent((*path, "maxUnavailable"), value)
            yield from at_most_all((*path, "maxUnavailable"), value)
            if is_none(value):
                yield invalid((*path, "maxUnavailable"), value, "cannot be 0")


def _daemon_set(document: dict[str, Any]) -> Iterator[FieldError]:
    spec = document["spec"]
    yield from not_negative(SPEC, spec, "minReadySeconds", "revisionHistoryLimit")
    yield from _selected(spec, "daemonset")
    yield from _daemon_updates(spec.get("updateStrategy", {}))
    yield from pods.template(spec["template"], (*SPEC, "template"))
    yield from _always_restarted(spec["template"], "DaemonSet")


def _daemon_updates(strategy: dict[str, Any]) -> Iterator[FieldError]:
    kind, path = strategy.get("type") or "RollingUpdate", (*UPDATES, "rollingUpdate")
    if kind != "RollingUpdate":
        yield from one_of(UPDATES, kind, ("RollingUpdate", "OnDelete"))
        return
    rolling = strategy.get("rollingUpdate", {})
    unavailable, surge = rolling.get("maxUnavailable", 1), rolling.get("maxSurge", 0)
    for key, value in (("maxUnavailable", unavailable), ("maxSurge", surge)):
        yield from count_or_percent((*path, key), value)
        yield from at_most_all((*path, key), value)
    if not is_none(unavailable) and not is_none(surge):
        yield invalid((*path, "maxSurge"), surge, "may not be set when maxUnavailable is non-zero")
    if is_none(unavailable) and is_none(surge):
        yield required((*path, "maxUnavailable"), "cannot be 0 when maxSurge is 0")


CHECKS = {"Deployment": _deployment, "StatefulSet": _stateful_set, "DaemonSet": _daemon_set}
