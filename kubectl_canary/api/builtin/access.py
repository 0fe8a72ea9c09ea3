"""Roles and RoleBindings (pkg/apis/rbac/validation)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubectl_canary.api import metadata
from kubectl_canary.api.builtin.checks import invalid, named, one_of, required
from kubectl_canary.api.metadata import FieldError
from kubectl_canary.findings import Path

GROUP = "rbac.authorization.k8s.io"
GROUPS = {"ServiceAccount": "", "User": GROUP, "Group": GROUP}


def _role(document: dict[str, Any]) -> Iterator[FieldError]:
    for index, rule in enumerate(document.get("rules", [])):
        path = ("rules", index)
        if not rule.get("verbs"):
            yield required((*path, "verbs"), "verbs must contain at least one value")
        if rule.get("nonResourceURLs"):
            text = "namespaced rules cannot apply to non-resource URLs"
            yield invalid((*path, "nonResourceURLs"), rule["nonResourceURLs"], text)
        elif not rule.get("apiGroups"):
            yield required((*path, "apiGroups"), "resource rules must supply at least one api group")
        if not rule.get("resources") and not rule.get("nonResourceURLs"):
            yield required((*path, "resources"), "resource rules must supply at least one resource")


def _binding(document: dict[str, Any]) -> Iterator[FieldError]:
    reference = document["roleRef"]
    yield from one_of(("roleRef", "apiGroup"), reference.get("apiGroup") or GROUP, (GROUP,))
    yield from one_of(("roleRef", "kind"), reference.get("kind", ""), ("Role", "ClusterRole"))
    yield from named(("roleRef",), reference, "name", metadata.path_segment)
    for index, subject in enumerate(document.get("subjects", [])):
        yield from _subject(subject, ("subjects", index))


def _subject(subject: dict[str, Any], path: Path) -> Iterator[FieldError]:
    kind = subject.get("kind", "")
    account = kind == "ServiceAccount"
    yield from one_of((*path, "kind"), kind, tuple(GROUPS))
    yield from named(path, subject, "name", metadata.subdomain if account else None)
    if kind in GROUPS:
        group = subject.get("apiGroup") or GROUPS[kind]
        yield from one_of((*path, "apiGroup"), group, (GROUPS[kind],))


CHECKS = {"Role": _role, "RoleBinding": _binding}
