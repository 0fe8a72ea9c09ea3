"""What `kubectl canary gitops` does with a fleet: the engine makes as many of what it needs as there are targets."""

from __future__ import annotations

from kubectl_canary.commands.flags import ReleaseFlags
from kubectl_canary.commands.gitops import GitopsFlags
from kubectl_canary.commands.run import fleet, gitops, releases
from kubectl_canary.commands.run.again import Places
from kubectl_canary.errors import UsageError
from kubectl_canary.outside import repository
from kubectl_canary.outside.output import say
from kubectl_canary.reading.fleets import FleetFile
from kubectl_canary.reading.release import Release
from kubectl_canary.records import replace
from kubectl_canary.release.application import Application, Engine
from kubectl_canary.release.fleets import Order, Target
from kubectl_canary.reports import engines

PROGRESSIVE = (
    "RollingSync needs progressive syncs: `applicationsetcontroller.enable.progressive.syncs` of Argo CD's "
    "ConfigMap argocd-cmd-params-cm is to be `true`"
)
SERVER_SIDE = "that is more than `kubectl apply` notes: say `kubectl apply --server-side`"


def run(release_flags: ReleaseFlags, flags: GitopsFlags) -> int:
    """Print an ApplicationSet, or a GitRepository and a Kustomization for each target.

    Raises UsageError where a target is rendered nowhere, or the targets do not agree about the engine.
    """
    if flags.path is not None:
        raise UsageError("--path: each target of a fleet has a folder of its own", "leave it out")
    file = fleet.read(release_flags)
    there = repository.around(release_flags.files[-1])
    application = releases.load(fleet.flags_of(file.fleet.targets[0])).plan.application
    engine = gitops.engine_of(application, flags)
    _refuse_order(file, engine)
    places, folders = Places(there), {}
    for target in file.fleet.targets:
        known = fleet.flags_of(target)
        release = releases.load(known)
        _refuse_others(file, target, release, application)
        folders[target] = replace(gitops.folder_of(release, known, there, places), cluster=target.cluster)
    printed = engines.application_sets if engine is Engine.ARGOCD else engines.kustomizations
    known_source = gitops.source_of(flags, there, application)
    place = flags.place or gitops.PLACES[engine]
    gitops.show(printed(file.fleet, known_source, folders, place), flags, there)
    if file.fleet.order is Order.ROLLING_SYNC:
        say(PROGRESSIVE)
        if len(folders) > engines.MOST_ELEMENTS:
            say(SERVER_SIDE)
    return 0


def _refuse_others(file: FleetFile, target: Target, release: Release, first: Application) -> None:
    """Raises UsageError where a target has another engine, or follows another branch, than the first."""
    own, common = release.plan.application.gitops, first.gitops
    if (own.engine, own.branch) != (common.engine, common.branch):
        where = file.source.value_where(target.path)
        message = f"{where}: {target.name} has another `spec.gitops` than {file.fleet.targets[0].name}"
        raise UsageError(message, "give all targets one engine and one branch")


def _refuse_order(file: FleetFile, engine: Engine) -> None:
    """Raises UsageError for an order that is Argo CD's alone."""
    if file.fleet.order is Order.ROLLING_SYNC and engine is not Engine.ARGOCD:
        where = file.source.value_where(("spec", "order"))
        raise UsageError(f"{where}: rolling-sync is Argo CD's", "write `order: lockstep`, or waves")
