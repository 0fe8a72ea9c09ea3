"""Policies of any kind, also of kinds without a schema, and what they hang on: `targetRef` and `targetRefs`.

https://gateway-api.sigs.k8s.io/geps/gep-713/
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kubectl_canary.findings import Path
from kubectl_canary.judging.lint.objects import Object, Objects


@dataclass(frozen=True)
class Target:
    """One thing that a policy hangs on: an object of its namespace, or one section of it."""

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
        judged = (one for found in objects.kinds.values() for one in found)
        policies = [*judged, *objects.unjudged]
        self.all = [target for one in policies for target in _targets(one)]
        self._taken = {
            (one.policy.group, one.policy.kind, one.kind, one.namespace, one.name, one.section)
            for one in self.all
        }
        self._selecting = {
            (one.group, one.kind, kind, one.namespace) for one in policies for kind in _selected_kinds(one)
        }

    def has_also(self, target: Target, name: str, section: str | None) -> bool:
        """Whether policies of the target's kind hang on another name or section too, or on the whole of it."""
        policy = (target.policy.group, target.policy.kind, target.kind)
        wanted = {(*policy, target.namespace, name, one) for one in (section, None)}
        return bool(wanted & self._taken) or (*policy, target.namespace) in self._selecting


def _targets(policy: Object) -> Iterator[Target]:
    spec = policy.value.get("spec")
    if not isinstance(spec, dict):
        return
    several = spec.get("targetRefs")
    found: list[tuple[Path, Any]] = [(("spec", "targetRef"), spec.get("targetRef"))]
    found += [
        (("spec", "targetRefs", index), one)
        for index, one in enumerate(several if isinstance(several, list) else [])
    ]
    for path, ref in found:
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
    for one in selectors if isinstance(selectors, list) else []:
        if isinstance(one, dict):
            yield _text(one.get("kind"))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
