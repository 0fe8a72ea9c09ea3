"""Two phases → what has to happen between them, object by object, in the order in which it is safe."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from kubectl_canary import live, patches
from kubectl_canary.errors import Refused
from kubectl_canary.findings import Finding, Where
from kubectl_canary.generator import Generator, Rendered
from kubectl_canary.objects import Key, Planned, planned
from kubectl_canary.plan import Phase, Plan

Kind = Literal["json", "merge"]
LIVE = "the cluster"
RESOURCE_VERSION = "/metadata/resourceVersion"


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

    def patch(self, kind: Kind, strict: bool = False) -> Any:
        """The patch; of what is created the document, of what is deleted nothing."""
        if self.before is None or self.after is None:
            return self.after.value if self.after else None
        if kind == "merge":
            return patches.merge_patch(self.before.value, self.after.value)
        return self.operations(strict)

    def operations(self, strict: bool = False) -> list[dict[str, Any]]:
        """The guarded RFC 6902 operations of a patch; strict ones guard the resourceVersion too."""
        if self.before is None or self.after is None:
            return []
        found = patches.patch(self.before.value, self.after.value)
        version = patches.look_up(self.before.value, RESOURCE_VERSION)
        guard = {"op": "test", "path": RESOURCE_VERSION, "value": version}
        return [guard, *found] if strict and found and version is not patches.MISSING else found


def steps(plan: Plan, generator: Generator, start: Phase, to: Phase) -> list[Step]:
    """What differs between two phases, in apply order.

    Traffic that falls moves before the pods it leaves; traffic that rises moves after the pods it needs are made.
    What is deleted goes last.
    """
    old = {one.planned.key: one for one in generator.render(planned(plan.canary, start))}
    new = {one.planned.key: one for one in generator.render(planned(plan.canary, to))}
    order = sorted(new.values(), key=lambda one: one.planned.slot)
    if _route_first(start, to):
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


def _route_first(start: Phase, to: Phase) -> bool:
    """Whether traffic moves before pods do: where it falls, and on the ways back."""
    return to.route_first or to.needs < start.needs or to.traffic.share < start.traffic.share


@dataclass(frozen=True)
class Stage:
    """One safe step of a release: what leads to a phase. Before the next, pods and route must be ready."""

    phase: Phase
    steps: list[Step]


def stages(plan: Plan, generator: Generator, start: Phase, to: Phase, jump: bool = False) -> list[Stage]:
    """What leads from one phase to another: one stage, or with `jump` every stage on the safe way.

    Raises Refused where one step is not safe and `jump` is not given.
    """
    way = plan.safe_path(start, to)
    problem = plan.jump_problem(start, to)
    if problem is not None and not jump:
        path = " → ".join(f"`{phase.name}`" for phase in (start, *way))
        finding = Finding("jump", "error", (), problem, Where(f"{start.name} → {to.name}"))
        raise Refused("this jump is not safe", [finding], f"go by {path}; --jump prints all of these steps")
    pairs = itertools.pairwise([start, *way])
    return [Stage(goal, steps(plan, generator, here, goal)) for here, goal in pairs]


def live_steps(
    plan: Plan,
    generator: Generator,
    to: Phase,
    read: Callable[[Sequence[Planned]], Mapping[Key, dict[str, Any]]],
) -> tuple[list[Step], list[Finding]]:
    """What leads from the objects as they are now to a phase, in safe order, and what is not exact about it.

    `read` answers with those of the objects that are in the cluster. Raises Refused where the release's part of an
    object cannot be told, or one step there is not safe.
    """
    everything = planned(plan.canary, next(phase for phase in reversed(plan.phases) if phase.canary_replicas))
    found = read(everything)
    new = {one.planned.key: one for one in generator.render(planned(plan.canary, to))}
    here = live.phase({(one.kind, one.names["name"]): found.get(one.key) for one in everything}, plan)
    problem = plan.jump_problem(here, to)
    if problem is not None:
        hint = "go by the phases between, and wait for their pods"
        raise Refused("this jump is not safe", [Finding("jump", "error", (), problem, Where(LIVE), hint)])
    steps_found, findings = [], []
    for one in sorted(new.values(), key=lambda rendered: rendered.planned.slot):
        now = found.get(one.planned.key)
        after, more = (one, []) if now is None else _laid_over(now, one, plan, to)
        findings += more
        if now is None or not patches.same(now, after.value):
            before = None if now is None else replace(one, value=now)
            steps_found.append(Step("patch" if before else "create", before, after))
    if _route_first(here, to):
        steps_found.sort(key=lambda step: step.rendered.planned.group != "route")
    gone = [one for one in reversed(everything) if one.key not in new and one.key in found]
    deleted = [Step("delete", Rendered(one, "", found[one.key]), None) for one in gone]
    return [*steps_found, *deleted], findings


def _laid_over(now: dict[str, Any], one: Rendered, plan: Plan, to: Phase) -> tuple[Rendered, list[Finding]]:
    if one.planned.kind == "HTTPRoute":
        value, findings = live.route(now, plan, to)
        return replace(one, value=value), findings
    value = live.deployment(now, one.value) if one.planned.kind == "Deployment" else now
    return replace(one, value=value), []
