"""Which way leads from one phase to another, and which step on it is safe.

Forward, the way is every phase that the plan declares, in its order. Backward it is the plan's order down, or the way
back of the phase that one is in.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from kubectl_canary.errors import Refused, UsageError
from kubectl_canary.findings import Finding, Where
from kubectl_canary.records import dataclass
from kubectl_canary.release.application import Version
from kubectl_canary.release.plan import PROMOTION, Phase, PhaseKind, Plan, pods_text


def step_problem(start: Phase, to: Phase) -> str | None:
    """Why going straight from one phase to another is not safe; None where it is (V4).

    Pods must be there before their share, must not go while they serve, and stable must not roll while it serves.
    """
    for now, then in zip(start.pods, to.pods, strict=True):
        if then.canary and now.canary < min(then.needs, then.canary):
            return (
                f"`{start.name}` runs {pods_text(now.canary)} of the canary, `{to.name}` needs {then.needs}"
            )
        if then.canary < min(now.needs, now.canary):
            return f"`{to.name}` takes canary pods away that still serve in `{start.name}`"
    if before_its_time(start, to):
        return f"`{to.name}` sends all requests to the canary, and promotion has not begun in `{start.name}`"
    rolls = start.stable_version is not to.stable_version and to.kind is not PhaseKind.ROLLBACK_PROMOTION
    if rolls and min(start.traffic.share, to.traffic.share) < 1:
        return f"`{to.name}` rolls the stable pods while they serve"
    return None


def before_its_time(start: Phase, to: Phase) -> bool:
    """Whether the way back after promotion would leave a stable that is healthy still: no way back from there."""
    is_old = start.stable_version is Version.OLD and start.traffic.share < 1
    return is_old and to.kind is PhaseKind.ROLLBACK_PROMOTION


def left_out(plan: Plan, start: Phase, to: Phase) -> Sequence[Phase]:
    """The phases that a step forward passes by; none for a step back."""
    if to.is_way_back:
        return ()
    return plan.phases[_position(plan, start) + 1 : _position(plan, to)]


@dataclass(frozen=True)
class Objection:
    """Why a step is not one to take: it is not safe, or it leaves phases out."""

    message: str
    omitted: tuple[Phase, ...] = ()


def objection(plan: Plan, start: Phase, to: Phase, *, skip: bool = False) -> Objection | None:
    """What speaks against going straight from one phase to another; `skip` allows to leave phases out."""
    problem = step_problem(start, to)
    if problem is not None:
        return Objection(problem)
    omitted = () if skip else tuple(left_out(plan, start, to))
    listed = ", ".join(f"`{phase.name}`" for phase in omitted)
    return Objection(f"this leaves out {listed}", omitted) if omitted else None


def way(plan: Plan, start: Phase, to: Phase) -> list[Phase]:
    """The phases to go through, `to` the last; none where one is there already.

    Raises UsageError for the way back of another phase than the one that is left.
    """
    if start == to:
        return []
    if to.kind is PhaseKind.ROLLED_BACK:
        return [*_back_to_stable(plan, start), to]
    if to.is_way_back:
        return [_own_way_back(plan, start, to)]
    here, there = _position(plan, start), _position(plan, to)
    if here < there:
        return list(plan.phases[here + 1 : there + 1])
    return [*reversed(plan.phases[there + 1 : here]), to]


def chosen_way(plan: Plan, start: Phase, to: Phase, *, jump: bool = False, skip: bool = False) -> list[Phase]:
    """The way to go: one step, or a way back, or with `jump` every phase, or with `skip` straight to the goal.

    Raises Refused where one step is not safe, or leaves out phases, and neither flag says what to do.
    """
    phases = way(plan, start, to)
    if to.is_way_back or jump:
        _refuse_unsafe([start, *phases])
        return phases
    wrong = objection(plan, start, to, skip=skip)
    if wrong is None:
        return [to] if phases else []
    if wrong.omitted:
        hint = "--jump prints every step on the way, --skip goes straight"
        raise _refused("this step is too long", start, to, wrong.message, hint)
    hint = f"{_by_way_of(start, phases)}; --jump prints all of these steps"
    raise _refused("this step is not safe", start, to, wrong.message, hint)


def _refuse_unsafe(phases: Sequence[Phase]) -> None:
    for start, to in itertools.pairwise(phases):
        problem = step_problem(start, to)
        if problem is not None:
            raise _refused("there is no safe way", start, to, problem, "")


def _refused(title: str, start: Phase, to: Phase, problem: str, hint: str) -> Refused:
    finding = Finding("jump", "error", (), problem, Where(f"{start.name} → {to.name}"))
    return Refused(title, [finding], hint)


def _by_way_of(start: Phase, phases: Sequence[Phase]) -> str:
    return "go by " + " → ".join(f"`{phase.name}`" for phase in (start, *phases))


def _position(plan: Plan, phase: Phase) -> int:
    """Where a phase stands in the plan's order; a way back stands where its traffic stands, others at their origin."""
    if phase.kind is PhaseKind.ROLLED_BACK:
        return 0
    if phase.kind is PhaseKind.ROLLBACK_PROMOTION:
        return plan.phases.index(plan.full)
    if phase.kind is PhaseKind.ROLLBACK:
        return min(1, len(plan.phases) - 1)
    names = [known.name for known in plan.phases]
    return names.index(phase.name if phase.name in names else str(phase.origin))


def _back_to_stable(plan: Plan, start: Phase) -> list[Phase]:
    """What leads to a phase in which the canary gets nothing and stable is the old version."""
    promotion = {phase.kind: phase for phase in plan.phases if phase.kind in PROMOTION}
    if start.kind is PhaseKind.PROMOTED:
        return [
            promotion[PhaseKind.PROMOTE_RETURN],
            *_back_to_stable(plan, promotion[PhaseKind.PROMOTE_RETURN]),
        ]
    if start.kind is PhaseKind.ROLLBACK_PROMOTION:
        return _back_to_stable(plan, plan.full)
    back = plan.way_back(start)
    if back is None:
        return []
    return [back, *_back_to_stable(plan, back)] if back.kind is PhaseKind.ROLLBACK_PROMOTION else [back]


def _own_way_back(plan: Plan, start: Phase, to: Phase) -> Phase:
    left = plan.full if start.kind is PhaseKind.ROLLBACK_PROMOTION else start
    if to.origin == left.name:
        return to
    back = plan.way_back(left)
    hint = f"from `{start.name}` it is `{back.name}`" if back else "there is no canary in that phase"
    raise UsageError(f"`{to.name}` does not start at `{start.name}`", hint)
