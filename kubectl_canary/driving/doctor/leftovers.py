"""Objects that a release has made and that nothing has any more: of an earlier one, or of a phase that is over."""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.driving.doctor.facts import Facts, Remark, Value, title, warning
from kubectl_canary.driving.doctor.state import where
from kubectl_canary.driving.leftovers import earlier
from kubectl_canary.errors import Refused
from kubectl_canary.release.application import OWN_LABEL, OWNER
from kubectl_canary.release.documents import Key
from kubectl_canary.rendering.objects import planned


def check(facts: Facts) -> Iterator[Remark]:
    """What carries our mark and this application's labels, and is in no phase; what is of another phase."""
    if facts.knows("marked"):
        for value in earlier(facts.plan, facts.marked):
            yield _remark(value, "which no phase has: an earlier release has left it")
    if facts.knows("objects", "endpoints"):
        present = _present(facts)
        for part in facts.parts if present is not None else ():
            live = facts.objects.get(part.key)
            if live is not None and part.key not in (present or ()) and _is_marked(live):
                yield _remark(live, "which the present phase does not have")


def _present(facts: Facts) -> set[Key] | None:
    """The objects of the phase that the release is in; None where it is in none."""
    try:
        there = where(facts)
    except Refused:
        return None
    if not there.is_named:
        return None
    phase = facts.plan.find(there.phase.name)
    return {item.part.key for item in planned(facts.plan.application, phase)}


def _is_marked(value: Value) -> bool:
    return (value["metadata"].get("labels") or {}).get(OWN_LABEL) == OWNER


def _remark(value: Value, what: str) -> Remark:
    metadata = value["metadata"]
    place = f" -n {metadata['namespace']}" if metadata.get("namespace") else ""
    cure = f"if nothing sends to it: `kubectl delete {value['kind'].lower()} {metadata['name']}{place}`"
    return warning(f"{title(value)} is a leftover, {what}", cure)
