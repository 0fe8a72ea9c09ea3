"""What `kubectl canary export` does."""

from __future__ import annotations

from kubectl_canary.commands import inputs
from kubectl_canary.commands.export import ExportFlags
from kubectl_canary.commands.flags import ReleaseFlags
from kubectl_canary.commands.run import releases
from kubectl_canary.errors import UsageError
from kubectl_canary.integrations.exporters import DESTINATIONS
from kubectl_canary.integrations.exporters.exported import Exported, Exporting
from kubectl_canary.outside.output import say, write
from kubectl_canary.reading import gates
from kubectl_canary.reading.release import Release
from kubectl_canary.rendering.objects import planned
from kubectl_canary.reports import objects
from kubectl_canary.reports.programs import as_json, as_value

ONCE = (
    "\nThese run stable's version: apply them once, where that runs, and not in the middle of a release. From then on\n"
    "the tool keeps what it has changed, and --canary prints what is another with a new version"
)
BEFORE, AFTER = "before", "promoted"  # phases in which one version alone runs: stable's, and the canary's


def run(release_flags: ReleaseFlags, flags: ExportFlags) -> int:
    """Print the objects, and say what is lost.

    Raises as `releases.load`, and UsageError for what no tool of the kind releases.
    """
    if inputs.is_fleet(release_flags.files):
        raise UsageError(
            "a fleet is many releases", "export each canary file by itself: -f TARGET/canary.yaml"
        )
    release = releases.load(release_flags)
    _refuse(release)
    exported = _exported(release, release_flags, flags, BEFORE)
    objects_shown = exported.objects
    if flags.canary:
        new = _exported(release, release_flags, flags, AFTER).objects
        objects_shown = tuple(known for known in new if known not in exported.objects)
    losses = [release.placed(finding) for finding in exported.losses]
    if flags.output == "losses":
        write(as_json([as_value(finding) for finding in losses]))
        return 0
    shown = objects.as_json if flags.output == "json" else objects.as_yaml
    write(shown(list(objects_shown)))
    for finding in losses:
        say(f"{finding.rule}: {finding}")
    if not flags.canary:
        say(ONCE)
    return 0


def _exported(release: Release, release_flags: ReleaseFlags, flags: ExportFlags, phase: str) -> Exported:
    """The objects of the tool with the version that runs alone in a phase."""
    generator = releases.generator_of(release, release_flags)
    rendered = generator.render(planned(release.plan.application, release.plan.find(phase)))
    values = tuple(known.value for known in rendered)
    destination = next(known for known in DESTINATIONS if known.name == flags.tool)
    return destination.exported(Exporting(release.plan, values, release.prometheus, _names(release)))


def _refuse(release: Release) -> None:
    """Raises UsageError for what no tool of these releases: several Deployments, pools, and no new version."""
    application = release.plan.application
    if len(application.workloads) > 1:
        names = ", ".join(workload.names.stable for workload in application.workloads)
        hint = "name one of them by spec.adopt.deployment, and export each by itself"
        raise UsageError(f"{names} are released together, and no tool of these does that", hint)
    service = application.workloads[0].service
    if service.is_pool:
        message = f"{service.names.stable} is an InferencePool, and these tools split between Services"
        raise UsageError(message, "keep this release in files")
    if not application.has_release:
        message = "there is no new version, and so no phases that become steps"
        raise UsageError(message, "write it into spec.canary, or give --canary-tag")


def _names(release: Release) -> tuple[str, ...]:
    """The names of the gates in `spec.gates`."""
    return tuple(gates.name_of(gate) for gate in release.spec.get("gates") or ())
