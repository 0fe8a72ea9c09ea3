"""Policies of any kind, also of kinds without a schema, and what they hang on: `targetRef` and `targetRefs`.

https://gateway-api.sigs.k8s.io/geps/gep-713/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubectl_canary.findings import Path
from kubectl_canary.judging.lint.objects import Object, Objects
from kubectl_canary.records import dataclass


@dataclass(frozen=True)
class Target:
    """What a policy hangs on: an object of its namespace, or a section of it."""

    policy: Object
    path: Path
    group: str
    kind: str
    namespace: str
    name: str
    section: str | None


class Targets:
    """What the policies of a set hang on."""

    def __init__(self, objects: Objects) -> None:
        judged = (item for items in objects.kinds.values() for item in items)
        policies = [*judged, *objects.unjudged]
        self.all = [target for policy in policies for target in _targets(policy)]
        self._taken = {
            (
                target.policy.group,
                target.policy.kind,
                target.kind,
                target.namespace,
                target.name,
                target.section,
            )
            for target in self.all
        }
        self._selecting = {
            (policy.group, policy.kind, kind, policy.namespace)
            for policy in policies
            for kind in _selected_kinds(policy)
        }

    def has_also(self, target: Target, name: str, section: str | None) -> bool:
        """Whether policies of the target's kind hang on another name or section too, or on the whole of it."""
        policy = (target.policy.group, target.policy.kind, target.kind)
        alternatives = {(*policy, target.namespace, name, part) for part in (section, None)}
        return bool(alternatives & self._taken) or (*policy, target.namespace) in self._selecting


def _targets(policy: Object) -> Iterator[Target]:
    spec = policy.value.get("spec")
    if not isinstance(spec, dict):
        return
    several = spec.get("targetRefs")
    refs: list[tuple[Path, Any]] = [(("spec", "targetRef"), spec.get("targetRef"))]
    refs += [
        (("spec", "targetRefs", index), ref)
        for index, ref in enumerate(several if isinstance(several, list) else [])
    ]
    for path, ref in refs:
        if isinstance(ref, dict):
            group, kind, name, section = (
                _text(ref.get(key)) for key in ("group", "kind", "name", "sectionName")
            )
            namespace = _text(ref.get("namespace")) or policy.namespace
            yield Target(policy, path, group, kind, namespace, name, section or None)


def _selected_kinds(policy: Object) -> Iterator[str]:
    """The kinds that a policy selects by labels, as some implementations' policies can."""
    spec = policy.value.get("spec")
    selectors = spec.get("targetSelectors") if isinstance(spec, dict) else None
    for selector in selectors if isinstance(selectors, list) else []:
        if isinstance(selector, dict):
            yield _text(selector.get("kind"))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
