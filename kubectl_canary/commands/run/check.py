"""What `kubectl canary check` does."""

from __future__ import annotations

from kubectl_canary.commands.check import CheckFlags
from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.flags import DriveFlags, ReleaseFlags
from kubectl_canary.commands.run.driving import Call, call_of, cluster_of, namespace_of
from kubectl_canary.commands.run.measuring import Measuring
from kubectl_canary.commands.run.releases import phase_of
from kubectl_canary.driving import approvals, verdicts
from kubectl_canary.driving.verdicts import Measurement, Verdict
from kubectl_canary.driving.watching import Asked
from kubectl_canary.errors import UsageError
from kubectl_canary.findings import nearest
from kubectl_canary.outside.output import say, write
from kubectl_canary.release.gates import Gate
from kubectl_canary.release.plan import Phase
from kubectl_canary.reports import gates as reports


def run(release_flags: ReleaseFlags, flags: CheckFlags, cluster_flags: ClusterFlags) -> int:
    """Measure gates once; the exit code is the verdict. Raises UsageError where the phase has no such gate."""
    call = call_of("check", release_flags, DriveFlags(), cluster_flags)
    phase = phase_of(call.release, flags.phase, None)
    gates = _chosen(phase, flags.gates)
    measuring = Measuring(call.release, namespace_of(call), lambda of: _is_approved(call, of))
    measuring.check(gates)
    measured = [(gate, measuring.measured(gate, Asked(phase))) for gate in gates]
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


def _is_approved(call: Call, phase: Phase) -> bool:
    cluster, plan = cluster_of(call), call.release.plan
    cluster.has_leases = False
    objects, _ = cluster.read()
    routes = [objects[part.key] for part in cluster.parts if part.is_route and part.key in objects]
    return approvals.is_approved(plan, phase, routes)


def _say_ways(call: Call, phase: Phase, measured: list[tuple[Gate, Measurement]]) -> None:
    """How to agree, where nobody has."""
    waits = any(
        gate.is_approval and measurement.verdict is Verdict.INCONCLUSIVE for gate, measurement in measured
    )
    if waits:
        say(approvals.how(call.release.plan, phase))
