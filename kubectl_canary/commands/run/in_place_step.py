"""Where a phase that is written in place starts, and whether the step from the phase in the files is one to take."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from kubectl_canary.commands.render import RenderFlags
from kubectl_canary.commands.run.releases import phase_of
from kubectl_canary.errors import Refused, UsageError
from kubectl_canary.findings import Finding
from kubectl_canary.outside.output import say
from kubectl_canary.reading.in_place import Standing
from kubectl_canary.reading.release import Release
from kubectl_canary.records import replace
from kubectl_canary.release.phases import canonical
from kubectl_canary.release.plan import RETURNS, Phase, PhaseKind, Plan, starts_somewhere
from kubectl_canary.release.ways import objection
from kubectl_canary.rendering import record
from kubectl_canary.rendering.record import Record


def goal(release: Release, there: Standing, flags: RenderFlags) -> Phase:
    """The phase to write. A way back starts in the phase that the files are, whatever the canary file declares.

    Raises UsageError for one that is to start elsewhere, and as `phase_of`.
    """
    sought = canonical(flags.phase_name or "")
    if not starts_somewhere(sought) or not release.plan.application.has_release:
        return phase_of(release, flags.phase_name, flags.origin)
    start = _start(release.plan, there, sought)
    phase = release.plan.find(sought, start.name)
    if phase.kind.value != sought:
        raise UsageError(f"no {sought} from `{start.name}`", "stable gets all requests there already")
    if flags.origin is not None and release.plan.find(sought, flags.origin) != phase:
        message = f"{there.folder} is `{_here(release.plan, there)}`, and not `{flags.origin}`"
        raise UsageError(message, f"leave --from out, or say --from {shlex.quote(start.name)}")
    return phase


def _here(plan: Plan, there: Standing) -> str:
    return there.left.phase if there.left else plan.phases[0].name


def _start(plan: Plan, there: Standing, sought: str) -> Phase:
    """Where a way back starts; after that of promotion the canary gets everything, and the next one starts there."""
    here = _here(plan, there)
    known = {phase.name: phase for phase in (*plan.phases, *plan.ways_back())}
    if here not in known:
        message = f"{there.folder} is `{here}`, which the canary file has no more"
        raise UsageError(message, "put the phase back, and go back from there")
    is_next = known[here].kind is PhaseKind.ROLLBACK_PROMOTION and sought == PhaseKind.ROLLBACK.value
    return plan.full if is_next else known[here]


def judge(release: Release, there: Standing, to: Phase, *, skip: bool) -> None:
    """Say what is to be known about the step to a phase. Raises Refused where it is not safe.

    Where no record was left, an unsafe step is said and not refused.
    """
    recorded = record.read(there.left.record) if there.left else None
    if recorded is not None:
        _judge_recorded(release, recorded, to)
    if not skip:
        _warn_of_jump(release.plan, _here(release.plan, there), to, only_omitted=recorded is not None)


def _judge_recorded(release: Release, recorded: Record, to: Phase) -> None:
    placed = [release.placed(finding) for finding in _findings(release.plan, recorded, to)]
    if any(finding.severity == "error" for finding in placed):
        raise Refused("this is not a safe step from the phase that the folder is", placed)
    for finding in placed:
        say(str(finding))


def _findings(plan: Plan, recorded: Record, to: Phase) -> Iterator[Finding]:
    """What the record says against a phase; phases that are left out are not among it.

    A way back may be taken at any time from the phase in the files, and from no other.
    """
    is_elsewhere = to.kind in RETURNS and recorded.phase not in (to.origin, to.name)
    for finding in record.findings(recorded, plan, to, skip=True):
        yield replace(finding, severity="error") if is_elsewhere and finding.rule == "jump" else finding


def _warn_of_jump(plan: Plan, here: str, to: Phase, *, only_omitted: bool) -> None:
    """Say so where going straight from the phase in the files to this one leaves phases out, or is not safe."""
    known = {phase.name: phase for phase in (*plan.phases, *plan.ways_back())}
    wrong = objection(plan, known[here], to) if here in known and here != to.name else None
    if wrong is not None and (wrong.omitted or not only_omitted):
        say(f"warning: do not apply this straight from `{here}`: {wrong.message}")
