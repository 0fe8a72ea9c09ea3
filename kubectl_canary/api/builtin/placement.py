"""Where a pod may run: tolerations, affinity and spread (pkg/apis/core/validation)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubectl_canary.api import metadata
from kubectl_canary.api.builtin.checks import (
    duplicate,
    invalid,
    matches,
    named,
    one_of,
    required,
    selector,
)
from kubectl_canary.api.metadata import FieldError
from kubectl_canary.findings import Path

EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
NODE_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt")
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
SPREAD_POLICIES = ("DoNotSchedule", "ScheduleAnyway")


def field_errors(spec: dict[str, Any], path: Path) -> Iterator[FieldError]:
    """Everything against a pod's placement."""
    for index, toleration in enumerate(spec.get("tolerations", [])):
        yield from _toleration(toleration, (*path, "tolerations", index))
    affinity, at = spec.get("affinity", {}), (*path, "affinity")
    for key in ("podAffinity", "podAntiAffinity"):
        yield from _pods(affinity.get(key, {}), (*at, key))
    yield from _nodes(affinity.get("nodeAffinity", {}), (*at, "nodeAffinity"))
    yield from _spread(spec.get("topologySpreadConstraints", []), (*path, "topologySpreadConstraints"))


def _toleration(toleration: dict[str, Any], path: Path) -> Iterator[FieldError]:
    key, operator, value = (
        toleration.get("key", ""),
        toleration.get("operator", ""),
        toleration.get("value", ""),
    )
    effect = toleration.get("effect", "")
    if key:
        yield from matches((*path, "key"), key, metadata.qualified_name)
    elif operator != "Exists":
        text = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
        yield invalid((*path, "operator"), operator, text)
    if "tolerationSeconds" in toleration and effect != "NoExecute":
        yield invalid((*path, "effect"), effect, "effect must be 'NoExecute' when `tolerationSeconds` is set")
    if operator in ("", "Equal"):
        yield from matches((*path, "operator"), value, metadata.label_value)
    elif operator == "Exists" and value:
        yield invalid((*path, "operator"), value, "value must be empty when `operator` is 'Exists'")
    elif operator not in ("Exists", "Lt", "Gt"):
        yield from one_of((*path, "operator"), operator, ("Equal", "Exists"))
    if effect:
        yield from one_of((*path, "effect"), effect, EFFECTS)


def _pods(affinity: dict[str, Any], path: Path) -> Iterator[FieldError]:
    for index, term in enumerate(affinity.get(REQUIRED, [])):
        yield from _term(term, (*path, REQUIRED, index))
    for index, weighted_term in enumerate(affinity.get(PREFERRED, [])):
        at = (*path, PREFERRED, index)
        yield from _weight(weighted_term, at)
        yield from _term(weighted_term.get("podAffinityTerm", {}), (*at, "podAffinityTerm"))


def _weight(weighted_term: dict[str, Any], path: Path) -> Iterator[FieldError]:
    if not 1 <= weighted_term.get("weight", 0) <= 100:
        yield invalid((*path, "weight"), weighted_term.get("weight", 0), "must be in the range 1-100")


def _term(term: dict[str, Any], path: Path) -> Iterator[FieldError]:
    for key in ("labelSelector", "namespaceSelector"):
        yield from selector((*path, key), term.get(key, {}))
    for name in term.get("namespaces", []):
        yield from matches((*path, "namespace"), name, metadata.label)
    if not term.get("topologyKey"):
        yield required((*path, "topologyKey"), "can not be empty")
    else:
        yield from matches((*path, "topologyKey"), term["topologyKey"], metadata.qualified_name)


def _nodes(affinity: dict[str, Any], path: Path) -> Iterator[FieldError]:
    if REQUIRED in affinity:
        terms, at = affinity[REQUIRED].get("nodeSelectorTerms", []), (*path, REQUIRED, "nodeSelectorTerms")
        if not terms:
            yield required(at, "must have at least one node selector term")
        for index, term in enumerate(terms):
            yield from _node_term(term, (*at, index))
    for index, preferred_term in enumerate(affinity.get(PREFERRED, [])):
        yield from _weight(preferred_term, (*path, PREFERRED, index))
        yield from _node_term(preferred_term.get("preference", {}), (*path, PREFERRED, index, "preference"))


def _node_term(term: dict[str, Any], path: Path) -> Iterator[FieldError]:
    for index, requirement in enumerate(term.get("matchExpressions", [])):
        at = (*path, "matchExpressions", index)
        operator, values = requirement.get("operator", ""), requirement.get("values", [])
        if operator in ("In", "NotIn") and not values:
            yield required((*at, "values"), "must be specified when `operator` is 'In' or 'NotIn'")
        elif operator in ("Exists", "DoesNotExist") and values:
            yield (
                (*at, "values"),
                "Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
            )
        elif operator in ("Gt", "Lt") and len(values) != 1:
            yield required((*at, "values"), "must be specified single value when `operator` is 'Lt' or 'Gt'")
        elif operator not in NODE_OPERATORS:
            yield invalid((*at, "operator"), operator, "not a valid selector operator")
        yield from matches((*at, "key"), requirement.get("key", ""), metadata.qualified_name)
        for number, value in enumerate(values):
            yield from matches((*at, "values", number), value, metadata.label_value)


def _spread(constraints: list[dict[str, Any]], path: Path) -> Iterator[FieldError]:
    seen = set()
    for index, constraint in enumerate(constraints):
        at = (*path, index)
        if constraint.get("maxSkew", 0) <= 0:
            yield invalid((*at, "maxSkew"), constraint.get("maxSkew", 0), "must be greater than zero")
        yield from named(at, constraint, "topologyKey")
        policy = constraint.get("whenUnsatisfiable", "")
        yield from one_of((*at, "whenUnsatisfiable"), policy, SPREAD_POLICIES)
        key = (constraint.get("topologyKey"), policy)
        if key in seen:
            yield duplicate((*at, "topologyKey"), f"{key[0]}, {policy}")
        seen.add(key)
        yield from selector((*at, "labelSelector"), constraint.get("labelSelector", {}))
