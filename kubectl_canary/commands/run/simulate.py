"""What `kubectl canary simulate` does."""

from __future__ import annotations

from kubectl_canary.commands.flags import ReleaseFlags
from kubectl_canary.commands.run.releases import finish, generator_of, load, phase_of
from kubectl_canary.commands.simulate import SimulateFlags
from kubectl_canary.errors import UsageError
from kubectl_canary.outside.output import say
from kubectl_canary.reading.release import Release
from kubectl_canary.release.application import HTTP, HTTPS, REQUEST_KINDS, STREAM_KINDS, Application, Route
from kubectl_canary.release.plan import Phase
from kubectl_canary.rendering.generator import Generator
from kubectl_canary.rendering.objects import planned
from kubectl_canary.reports.simulations import Simulated, as_json, as_table, as_text
from kubectl_canary.routing.requests import Header, Request, header_of, request_of
from kubectl_canary.routing.simulation import simulate

# what requests meet: ours, and what else is in adopted manifests
KINDS = ("Gateway", *REQUEST_KINDS)
ANYWHERE = "localhost"  # the host of a path alone, where the route takes every host


def run(release_flags: ReleaseFlags, flags: SimulateFlags) -> int:
    """Say what becomes of the request: 0 where backends answer, 1 where in some phase none does.

    Raises UsageError for what is no request, and for flags that do not go together.
    """
    if flags.all_phases and (flags.phase_name is not None or flags.origin is not None):
        raise UsageError("--all is of all phases and ways back", "leave --phase and --from out")
    headers = [_header(text) for text in flags.headers]
    release = load(release_flags)
    phases = _phases(release, flags)
    _say_streams(release.plan.application, phases[0])
    request = _request(flags, headers, release)
    generator = generator_of(release, release_flags)
    simulated = [
        Simulated(phase.name, simulate(_documents(release, generator, phase), request)) for phase in phases
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


def _documents(release: Release, generator: Generator, phase: Phase) -> list[dict[str, object]]:
    """The routes of a phase and the Gateways, as far as the release's files have them."""
    met = [item for item in planned(release.plan.application, phase) if item.part.kind in KINDS]
    return [document.value for document in generator.render(met)]


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


def _request(flags: SimulateFlags, headers: list[Header], release: Release) -> Request:
    """The request that is typed; what is assumed of it is said."""
    try:
        request = request_of(flags.url, flags.method, headers, _base(release.plan.application.route))
    except ValueError as error:
        hint = "write it as http://app.example.com/path, or /path for the route's first hostname"
        raise UsageError(f"`{flags.url}` is not a URL: {error}", hint) from None
    if "://" not in flags.url:
        say(f"`{flags.url}` is taken as {request.url}")
    return request


def _base(route: Route) -> str:
    """What a path alone is a path of: https where the Gateway that we render serves the route by it alone."""
    hostnames = route.hostnames or (ANYWHERE,)
    gateway = route.gateway
    serving = [gateway.listener] if gateway.listener else list(gateway.listeners)
    scheme = HTTPS if gateway.class_name and HTTP not in serving else HTTP
    return f"{scheme}://{hostnames[0].replace('*', 'any')}"


def _header(text: str) -> Header:
    try:
        return header_of(text)
    except ValueError as error:
        hint = "write it as -H 'name: value', for example -H 'x-canary: true'"
        raise UsageError(f"`{text}` is not a header: {error}", hint) from None
