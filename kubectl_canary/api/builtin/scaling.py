"""HorizontalPodAutoscalers and PodDisruptionBudgets (pkg/apis/autoscaling and pkg/apis/policy, validation)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubectl_canary.api import metadata
from kubectl_canary.api.builtin import quantity
from kubectl_canary.api.builtin.checks import (
    at_most_all,
    count_or_percent,
    forbidden,
    invalid,
    named,
    one_of,
    required,
    selector,
)
from kubectl_canary.api.metadata import FieldError
from kubectl_canary.findings import Path

SPEC: Path = ("spec",)
LONGEST_WINDOW = 3600
LONGEST_PERIOD = 1800
SOURCES = {
    "ContainerResource": "containerResource",
    "External": "external",
    "Object": "object",
    "Pods": "pods",
    "Resource": "resource",
}
TARGETS = {
    "object": ("value", "averageValue"),
    "external": ("value", "averageValue"),
    "pods": ("averageValue",),
    "resource": ("averageValue", "averageUtilization"),
    "containerResource": ("averageValue", "averageUtilization"),
}
TARGET_WORDS = {
    "object": "must set either a target value or averageValue",
    "external": "must set either a target value for metric or a per-pod target",
    "pods": "must specify a positive target averageValue",
    "resource": "must set either a target raw value or a target utilization",
    "containerResource": "must set either a target raw value or a target utilization",
}


def _autoscaler(document: dict[str, Any]) -> Iterator[FieldError]:
    spec = document.get("spec", {})
    least, most = spec.get("minReplicas", 1), spec.get("maxReplicas", 0)
    if least < 1:
        yield invalid((*SPEC, "minReplicas"), least, "must be greater than or equal to 1")
    if most < 1:
        yield invalid((*SPEC, "maxReplicas"), most, "must be greater than 0")
    if most < least:
        yield invalid((*SPEC, "maxReplicas"), most, "must be greater than or equal to `minReplicas`")
    yield from _target_reference(spec.get("scaleTargetRef", {}), (*SPEC, "scaleTargetRef"))
    for index, metric in enumerate(spec.get("metrics", [])):
        yield from _metric(metric, (*SPEC, "metrics", index))
    for key, rules in spec.get("behavior", {}).items():
        yield from _scaling(rules, (*SPEC, "behavior", key))


def _scaling(rules: dict[str, Any], path: Path) -> Iterator[FieldError]:
    window = rules.get("stabilizationWindowSeconds", 0)
    if not 0 <= window <= LONGEST_WINDOW:
        limit = f"must be between 0 and {LONGEST_WINDOW}"
        yield invalid((*path, "stabilizationWindowSeconds"), window, limit)
    if "selectPolicy" in rules:
        yield from one_of((*path, "selectPolicy"), rules["selectPolicy"], ("Disabled", "Max", "Min"))
    if "policies" in rules and not rules["policies"]:
        yield required((*path, "policies"), "must specify at least one Policy")
    for index, policy in enumerate(rules.get("policies", [])):
        at = (*path, "policies", index)
        yield from one_of((*at, "type"), policy.get("type", ""), ("Percent", "Pods"))
        for key, most in (("value", None), ("periodSeconds", LONGEST_PERIOD)):
            value = policy.get(key, 0)
            if value <= 0:
                yield invalid((*at, key), value, "must be greater than zero")
            elif most and value > most:
                yield invalid((*at, key), value, f"must be less than or equal to {most}")


def _segments(reference: dict[str, Any], path: Path) -> Iterator[FieldError]:
    for key in ("kind", "name"):
        yield from named(path, reference, key, metadata.path_segment)


def _target_reference(reference: dict[str, Any], path: Path) -> Iterator[FieldError]:
    yield from _segments(reference, path)
    version = reference.get("apiVersion", "")
    if version.count("/") > 1:
        yield invalid((*path, "apiVersion"), version, f"unexpected GroupVersion string: {version}")
    elif not version.partition("/")[1] or version.startswith("/"):
        yield invalid((*path, "apiVersion"), version, "apiVersion must specify API group")


def _metric(metric: dict[str, Any], path: Path) -> Iterator[FieldError]:
    kind = metric.get("type", "")
    if not kind:
        yield required((*path, "type"), "must specify a metric source type")
        return
    yield from one_of((*path, "type"), kind, tuple(SOURCES))
    for key in SOURCES.values():
        if key in metric and SOURCES.get(kind) not in (None, key):
            text = "must populate the given metric source only"
            yield forbidden((*path, key), text)
    source = SOURCES.get(kind)
    if source and source not in metric:
        yield required((*path, source), "must populate information for the given metric source")
    elif source:
        yield from _source(metric[source], (*path, source))


def _source(source: dict[str, Any], path: Path) -> Iterator[FieldError]:
    if path[-1] in ("resource", "containerResource"):
        yield from named(path, source, "name")
    else:
        yield from named((*path, "metric"), source.get("metric", {}), "name", metadata.path_segment)
    if path[-1] == "object":
        yield from _segments(source.get("describedObject", {}), (*path, "describedObject"))
    target, at = source.get("target", {}), (*path, "target")
    kind = target.get("type", "")
    if not kind:
        yield required((*at, "type"), "must specify a metric target type")
    elif kind not in ("Utilization", "Value", "AverageValue"):
        yield invalid((*at, "type"), kind, "must be either Utilization, Value, or AverageValue")
    if target.get("averageUtilization", 1) < 1:
        yield invalid((*at, "averageUtilization"), target["averageUtilization"], "must be greater than 0")
    target_keys = TARGETS[str(path[-1])]
    if not any(key in target for key in target_keys):
        yield required((*at, target_keys[-1]), TARGET_WORDS[str(path[-1])])
    if path[-1] in ("resource", "containerResource", "external") and all(
        key in target for key in target_keys
    ):
        yield forbidden((*at, target_keys[0]), "may not set both")
    for key in ("value", "averageValue"):
        if key in target and quantity.parsed(target[key]) <= 0:
            yield invalid((*at, key), target[key], "must be positive")


def _budget(document: dict[str, Any]) -> Iterator[FieldError]:
    spec = document.get("spec", {})
    if "minAvailable" in spec and "maxUnavailable" in spec:
        yield invalid(SPEC, spec, "minAvailable and maxUnavailable cannot be both set")
    for key in ("minAvailable", "maxUnavailable"):
        if key in spec:
            yield from count_or_percent((*SPEC, key), spec[key])
            yield from at_most_all((*SPEC, key), spec[key])
    yield from selector((*SPEC, "selector"), spec.get("selector", {}))
    policy = spec.get("unhealthyPodEvictionPolicy")
    if policy is not None:
        supported = ("AlwaysAllow", "IfHealthyBudget")
        yield from one_of((*SPEC, "unhealthyPodEvictionPolicy"), policy, supported)


CHECKS = {"HorizontalPodAutoscaler": _autoscaler, "PodDisruptionBudget": _budget}
