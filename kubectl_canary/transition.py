"""Two phases → what has to happen between them, object by object, in the order in which it is safe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from kubectl_canary import patches
from kubectl_canary.generator import Generator, Rendered
from kubectl_canary.objects import planned
from kubectl_canary.plan import Phase, Plan

Kind = Literal["json", "merge"]


@dataclass(frozen=True)
class Step:
    """One object's way: created with `after`, patched from `before` to `after`, or deleted."""

    action: Literal["create", "patch", "delete"]
    before: Rendered | None
    after: Rendered | None

    @property
    def rendered(self) -> Rendered:
        """The document that names the object."""
        found = self.after or self.before
        if found is None:
            raise ValueError("a step without an object")
        return found

    def patch(self, kind: Kind) -> Any:
        """The patch; of what is created the document, of what is deleted nothing."""
        if self.before is None or self.after is None:
            return self.after.value if self.after else None
        return (
            self.operations() if kind == "json" else patches.merge_patch(self.before.value, self.after.value)
        )

    def operations(self) -> list[dict[str, Any]]:
        """The guarded RFC 6902 operations of a patch."""
        return patches.patch(self.before.value, self.after.value) if self.before and self.after else []


def steps(plan: Plan, generator: Generator, start: Phase, to: Phase) -> list[Step]:
    """What differs between two phases, in apply order.

    Traffic that falls moves before the pods it leaves; traffic that rises moves after the pods it needs are made.
    What is deleted goes last.
    """
    old = {one.planned.key: one for one in generator.render(planned(plan.canary, start))}
    new = {one.planned.key: one for one in generator.render(planned(plan.canary, to))}
    order = sorted(new.values(), key=lambda one: one.planned.slot)
    falls = to.needs < start.needs or to.traffic.share < start.traffic.share
    if falls or to.route_first:
        order.sort(key=lambda one: one.planned.group != "route")
    found = [
        Step("patch" if one.planned.key in old else "create", old.get(one.planned.key), one)
        for one in order
        if one.planned.key not in old or not patches.same(old[one.planned.key].value, one.value)
    ]
    gone = sorted(
        (one for key, one in old.items() if key not in new), key=lambda one: one.planned.slot, reverse=True
    )
    return [*found, *(Step("delete", one, None) for one in gone)]
