"""What `kubectl canary check --synced` does: is the phase that the file declares in the cluster?"""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.commands.check import CheckFlags
from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.flags import DriveFlags, ReleaseFlags
from kubectl_canary.commands.run import releases
from kubectl_canary.commands.run.calls import Call, call_of
from kubectl_canary.commands.run.releases import generator_of
from kubectl_canary.driving.moves import Objects
from kubectl_canary.driving.position import Problem, position, services
from kubectl_canary.errors import UsageError
from kubectl_canary.outside.output import write
from kubectl_canary.reading.release import Release
from kubectl_canary.records import replace
from kubectl_canary.release.plan import Phase
from kubectl_canary.rendering.live import live_difference
from kubectl_canary.reports.programs import as_json

ASSUMED = "assumed"  # a canary to plan with, where the file has none


def run(release_flags: ReleaseFlags, flags: CheckFlags, cluster_flags: ClusterFlags) -> int:
    """Say whether the declared phase is there, and settled: 0, or 1. Raises UsageError for flags of other checks."""
    refuse_other(flags)
    phase, problems = asked(release_flags, cluster_flags)
    write(_data(phase, problems) if flags.output == "json" else _text(phase, problems))
    return int(bool(problems))


def refuse_other(flags: CheckFlags) -> None:
    """Raises UsageError for flags of other checks."""
    if flags.gates or flags.phase or flags.skip or flags.output not in ("text", "json"):
        message = "--synced asks for the declared phase, and measures no gate"
        raise UsageError(message, "leave the gates, --phase and --skip out; it is told as text or json")


def asked(release_flags: ReleaseFlags, cluster_flags: ClusterFlags) -> tuple[Phase, list[Problem]]:
    """The phase that is declared, and what of it is not in the cluster, or not settled. Raises as `call_of`.

    Where no release is declared, it is the state before the next one: stable alone, and nothing of a canary.
    """
    call = call_of("check", release_flags, DriveFlags(), cluster_flags)
    phase = call.release.declared()
    if not call.release.plan.application.has_release:
        call = replace(call, release=_with_any_canary(call.release, release_flags))
    return phase, list(_problems(call, phase))


def _with_any_canary(release: Release, flags: ReleaseFlags) -> Release:
    """The release of a file that has none, with a canary of some kind, of which nothing is there before it begins."""
    if release.plan.application.adopted is None:
        return releases.load(replace(flags, canary_tag=ASSUMED))
    setting = f"spec.canary.podMetadata={{labels: {{{ASSUMED}: {ASSUMED}}}}}"
    return releases.load(replace(flags, settings=(*flags.settings, setting)))


def _problems(call: Call, phase: Phase) -> Iterator[Problem]:
    """What is in the cluster otherwise than in the phase, and what is not settled there."""
    plan, cluster = call.release.plan, call.cluster
    objects, _ = cluster.read()
    yield from _differences(call, phase, objects)
    wanted = services(plan)
    yield from position(plan, objects, cluster.endpoints(wanted) if wanted else {}).problems


def _differences(call: Call, phase: Phase, objects: Objects) -> Iterator[Problem]:
    step, _ = live_difference(
        call.release.plan, generator_of(call.release, call.release_flags), phase.name, objects
    )
    shown = call.command("diff", "--phase", phase.name)
    cure = f"`{shown}` shows it; the engine has not brought it yet, or somebody changed it"
    for change in step.changes:
        yield Problem(f"{change.part.title} is not as `{phase.name}` has it ({change.action})", cure)


def _text(phase: Phase, problems: list[Problem]) -> str:
    if not problems:
        return f"`{phase.name}` is in the cluster, and settled\n"
    lines = [f"`{phase.name}` is not in the cluster yet, or not settled:"]
    for problem in problems:
        lines += [f"  {problem.text}", f"    {problem.cure}"]
    return "\n".join(lines) + "\n"


def _data(phase: Phase, problems: list[Problem]) -> str:
    listed = [{"text": problem.text, "cure": problem.cure} for problem in problems]
    return as_json({"phase": phase.name, "synced": not problems, "problems": listed})
