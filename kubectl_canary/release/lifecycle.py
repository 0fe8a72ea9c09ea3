"""Where a release that is declared in files goes next: one phase on, or one step back."""

from __future__ import annotations

from kubectl_canary.errors import Refused, UsageError
from kubectl_canary.findings import Finding, Where
from kubectl_canary.release.plan import Phase, PhaseKind, Plan
from kubectl_canary.release.ways import objection, way


def onward(plan: Plan, here: Phase, goal: str | None = None, *, skip: bool = False) -> Phase | None:
    """The phase after the one that is declared, or that of a name; None where the release is over.

    Raises Refused where the step is not one to take, UsageError for a goal that is none.
    """
    if here.is_way_back:
        message = f"the release goes back: it is at `{here.name}`"
        raise refused(
            "there is nothing to advance", message, "`kubectl canary abort` takes the next step back"
        )
    if goal is None:
        place = plan.phases.index(here)
        return plan.phases[place + 1] if place + 1 < len(plan.phases) else None
    to = plan.find(goal, here.name)
    if to.is_way_back:
        raise UsageError(f"`{to.name}` is a way back", "say `kubectl canary abort`")
    if to == here:
        raise UsageError(f"`{to.name}` is declared already", "leave --to out for the phase after it")
    wrong = objection(plan, here, to, skip=skip)
    if wrong is not None:
        hint = (
            f"go to `{wrong.omitted[0].name}` first, or say --skip"
            if wrong.omitted
            else "go by the phases between"
        )
        raise refused(
            "this is not a step to take", f"from `{here.name}` to `{to.name}`: {wrong.message}", hint
        )
    return to


def back(plan: Plan, here: Phase) -> Phase | None:
    """The next step back from the phase that is declared; None where the canary is gone already.

    Raises Refused once the release is promoted: the version before is another release then.
    """
    if here.kind is PhaseKind.PROMOTED:
        hint = "`kubectl canary advance` ends this release, and `kubectl canary undo` begins the one that leads back"
        raise refused("there is nothing to abort", "the release is promoted", hint)
    if here.kind in (PhaseKind.BEFORE, PhaseKind.ROLLED_BACK):
        return None
    return way(plan, here, plan.find(PhaseKind.ROLLED_BACK.value))[0]


def refused(title: str, message: str, hint: str) -> Refused:
    """A refusal for one reason."""
    return Refused(title, [Finding("phase", "error", (), message, Where("spec.phase"), hint)])
