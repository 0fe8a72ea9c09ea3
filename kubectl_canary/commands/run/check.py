"""What `kubectl canary check` does."""

from __future__ import annotations

from typing import Any

from kubectl_canary.commands.check import CheckFlags
from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.flags import DriveFlags, ReleaseFlags
from kubectl_canary.commands.run.calls import Call, call_of, namespace_of
from kubectl_canary.commands.run.measuring import Measuring
from kubectl_canary.commands.run.releases import phase_of
from kubectl_canary.driving import approvals, verdicts
from kubectl_canary.driving.since import Notes
from kubectl_canary.driving.verdicts import Measurement, Verdict
from kubectl_canary.driving.watching import Asked
from kubectl_canary.errors import UsageError, WorldError
from kubectl_canary.findings import nearest
from kubectl_canary.outside.clock import Clock
from kubectl_canary.outside.output import say, write
from kubectl_canary.release.gates import Gate
from kubectl_canary.release.plan import Phase
from kubectl_canary.reports import gates as reports


def run(release_flags: ReleaseFlags, flags: CheckFlags, cluster_flags: ClusterFlags) -> int:
    """Measure gates once; the exit code is the verdict. Raises UsageError where the phase has no such gate."""
    if flags.output not in ("text", "json") or flags.skip:
        raise UsageError(
            "-o sarif, github and junit, and --skip go with --git", "gates are told as text or json"
        )
    call = call_of("check", release_flags, DriveFlags(), cluster_flags)
    phase = phase_of(call.release, flags.phase, None)
    gates = _chosen(phase, flags.gates)
    measuring = Measuring(call.release, namespace_of(call), lambda of: _is_approved(call, of))
    measuring.check(gates)
    asked = _asked(call, phase, gates)
    measured = [(gate, measuring.measured(gate, asked)) for gate in gates]
    write(reports.measured_data(measured) if flags.output == "json" else reports.measured_text(measured))
    _say_ways(call, phase, measured)
    return verdicts.EXITS[
        verdicts.together([measurement.verdict for _, measurement in measured]) or Verdict.PASSED
    ]


def _chosen(phase: Phase, names: tuple[str, ...]) -> list[Gate]:
    """The gates of these names, or all of a phase."""
    known = {gate.name: gate for gate in phase.gates}
    if not known:
        raise UsageError(f"`{phase.name}` has no gate", "write `gates` below `spec`, or name another --phase")
    for name in names:
        if name not in known:
            close = nearest(name, list(known))
            meant = f"did you mean `{close}`? " if close else ""
            raise UsageError(f"`{phase.name}` has no gate `{name}`", f"{meant}it has {', '.join(known)}")
    return [known[name] for name in dict.fromkeys(names)] or list(known.values())


def _asked(call: Call, phase: Phase, gates: list[Gate]) -> Asked:
    """What gates are asked about. From 100 % on stable's value is an earlier one; the route notes when that was."""
    if phase.traffic.share < 1 or not any(gate.is_compared for gate in gates):
        return Asked(phase)
    try:
        noted = [Notes(call.release.plan).read(route, Clock().utc()) for route in _routes(call)[:1]]
        before = next((since.before_full for since in noted if since is not None), None)
        why = "" if before is not None else "no route notes when that was"
    except WorldError as error:
        before, why = None, error.message
    if why:
        say(f"stable's value before 100% is not known, and `max` and `min` alone decide: {why}")
    return Asked(phase, before)


def _is_approved(call: Call, phase: Phase) -> bool:
    return approvals.is_approved(call.release.plan, phase, _routes(call))


def _routes(call: Call) -> list[dict[str, Any]]:
    """The routes of the release that are in the cluster."""
    cluster = call.cluster
    objects, _ = cluster.read()
    return [objects[part.key] for part in cluster.parts if part.is_route and part.key in objects]


def _say_ways(call: Call, phase: Phase, measured: list[tuple[Gate, Measurement]]) -> None:
    """How to agree, where nobody has."""
    waits = any(
        gate.is_approval and measurement.verdict is Verdict.INCONCLUSIVE for gate, measurement in measured
    )
    if waits:
        say(approvals.how(call.release.plan, phase))
