"""What `kubectl canary simulate` does."""

from __future__ import annotations

from kubectl_canary.commands.flags import ReleaseFlags
from kubectl_canary.commands.run.releases import finish, generator_of, load, phase_of
from kubectl_canary.commands.run.requests import documents, header, request
from kubectl_canary.commands.simulate import SimulateFlags
from kubectl_canary.errors import UsageError
from kubectl_canary.outside.output import say
from kubectl_canary.reading.release import Release
from kubectl_canary.release.application import REQUEST_KINDS, STREAM_KINDS, Application
from kubectl_canary.release.plan import Phase
from kubectl_canary.rendering.objects import planned
from kubectl_canary.reports.simulations import Simulated, as_json, as_table, as_text
from kubectl_canary.routing.simulation import simulate


def run(release_flags: ReleaseFlags, flags: SimulateFlags) -> int:
    """Say what becomes of the request: 0 where backends answer, 1 where in some phase none does.

    Raises UsageError for what is no request, and for flags that do not go together.
    """
    if flags.all_phases and (flags.phase_name is not None or flags.origin is not None):
        raise UsageError("--all is of all phases and ways back", "leave --phase and --from out")
    headers = [header(text) for text in flags.headers]
    release = load(release_flags)
    phases = _phases(release, flags)
    _say_streams(release.plan.application, phases[0])
    asked = request(flags.url, flags.method, headers, release.plan.application)
    generator = generator_of(release, release_flags)
    simulated = [
        Simulated(phase.name, simulate(documents(release, generator, phase), asked)) for phase in phases
    ]
    finish(_printed(simulated, flags), release)
    return int(any(phase.outcome.status is not None for phase in simulated))


def _printed(simulated: list[Simulated], flags: SimulateFlags) -> str:
    if flags.output == "json":
        return as_json(simulated)
    return as_table(simulated) if flags.all_phases else as_text(simulated[0])


def _phases(release: Release, flags: SimulateFlags) -> list[Phase]:
    if flags.all_phases:
        return [*release.plan.phases, *release.plan.ways_back()]
    return [phase_of(release, flags.phase_name, flags.origin)]


def _say_streams(application: Application, phase: Phase) -> None:
    """The routes that look into no request: said, since they may take the connection that one comes by.

    Raises UsageError where there are no others.
    """
    parts = [item.part for item in planned(application, phase)]
    streams = [part.title for part in parts if part.kind in STREAM_KINDS]
    why = f"{' and '.join(streams)}: connections are split by weights, whatever they carry"
    if streams and not any(part.kind in REQUEST_KINDS for part in parts):
        raise UsageError(f"there is no request to simulate for {why}", "`plan` has the share of each phase")
    if streams:
        say(f"not simulated: {why}")
