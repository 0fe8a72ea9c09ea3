"""What `kubectl canary gitops` does."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from pathlib import PurePath
from typing import Any

from kubectl_canary.api import formats
from kubectl_canary.commands import inputs
from kubectl_canary.commands.flags import ReleaseFlags, command_line
from kubectl_canary.commands.gitops import GitopsFlags
from kubectl_canary.commands.run import again, releases
from kubectl_canary.commands.run.again import Places
from kubectl_canary.errors import UsageError
from kubectl_canary.outside import manifest_sets, repository
from kubectl_canary.outside.output import say, write
from kubectl_canary.outside.repository import Repository
from kubectl_canary.reading.release import Release
from kubectl_canary.release.application import Application, Engine
from kubectl_canary.reports import engines, objects

PLACES = {Engine.ARGOCD: "argocd", Engine.FLUX: "flux-system"}


def run(release_flags: ReleaseFlags, flags: GitopsFlags) -> int:
    """Print what the engine of a release needs.

    Raises as `releases.load`, and UsageError where the file names no engine, or nothing says what it is to read.
    """
    release = releases.load(release_flags)
    application = release.plan.application
    engine = engine_of(application, flags)
    there = repository.around(release_flags.files[-1])
    folder = folder_of(release, release_flags, there, again.Places(there), flags.path)
    known = source_of(flags, there, application)
    printed = engines.argo_cd if engine is Engine.ARGOCD else engines.flux
    show(printed(application.name, known, folder, flags.place or PLACES[engine]), flags, there)
    return 0


def show(documents: Iterable[dict[str, Any]], flags: GitopsFlags, there: Repository | None) -> None:
    """Print documents, and say what of the repository's URL was left out."""
    listed = list(documents)
    write(objects.as_json(listed) if flags.output == "json" else objects.as_yaml(listed))
    url = _followed(flags, there)[0]
    if engines.bare(url) != url:
        say("the repository's URL has a login in it, which is left out: give it to the engine as a Secret")


def engine_of(application: Application, flags: GitopsFlags) -> Engine:
    """The engine that the file names. Raises UsageError without one, and for what it does not know."""
    engine = application.gitops.engine
    if engine is None:
        raise UsageError(
            "the file names no engine", "write `gitops: {engine: argocd}`, or flux, below `spec`"
        )
    if flags.secret and engine is Engine.ARGOCD:
        raise UsageError(
            "--secret is Flux's: Argo CD knows its repositories", "`argocd repo add` gives it a login"
        )
    for flag, name in (("--engine-namespace", flags.place), ("--secret", flags.secret)):
        try:
            formats.dns_name(name or "none")
        except ValueError as error:
            raise UsageError(f"{flag}: {error}") from None
    return engine


def source_of(flags: GitopsFlags, there: Repository | None, application: Application) -> engines.Repository:
    """What an engine is to read; flags, the file and the remote say it. Raises UsageError where nothing does."""
    url, upstream = _followed(flags, there)
    branch = flags.branch or application.gitops.branch or upstream
    if not url:
        raise UsageError(
            "which repository is the engine to read?", "say --repository URL, or push the branch first"
        )
    if not branch:
        raise UsageError(
            "which branch is the engine to follow?", "say --branch NAME, or push the branch first"
        )
    gitops = application.gitops
    readable = engines.readable(url, gitops.engine or Engine.FLUX, flags.secret)
    return engines.Repository(readable, branch, flags.secret, gitops.interval)


def _followed(flags: GitopsFlags, there: Repository | None) -> tuple[str, str]:
    """The URL and the branch of the upstream, or what the flag says in the place of the URL."""
    url, branch = there.followed() if there is not None else ("", "")
    return flags.repository or url, branch


def folder_of(
    release: Release,
    release_flags: ReleaseFlags,
    there: Repository | None,
    places: Places,
    given: str | None = None,
) -> engines.Folder:
    """Where a release is in the repository; `given` is a folder that was typed.

    Raises UsageError where it is nowhere, and where the file names no namespace.
    """
    application = release.plan.application
    if application.namespace is None:
        raise UsageError(
            f"{release.declaring_file} names no namespace, and an engine has none of its own",
            "write `namespace` below `metadata`, and render again",
        )
    folder = _folder(release, release_flags, there, places) if given is None else _given(given)
    path = there.from_top(folder) if there is not None and given is None else folder
    return engines.Folder(
        path, application.namespace, _has_folders(release, folder), engines.target_namespace(application)
    )


def _given(path: str) -> str:
    """A folder as it is named from the top of the repository. Raises UsageError for one that is elsewhere."""
    normal = posixpath.normpath(path)
    if not path or normal.startswith(("/", "..")):
        raise UsageError(
            f"--path {path}: not in the repository", "say it from the top, as in --path rendered/current"
        )
    return normal


def _folder(release: Release, release_flags: ReleaseFlags, there: Repository | None, places: Places) -> str:
    """The folder that is in the phase of the file. Raises UsageError where there is no such folder."""
    where = again.target(release_flags, None, release.sources, there)
    if where == again.IN_PLACE:
        folder = inputs.adopted_folders(release.sources)["spec.adopt.from"]
        _refuse_canary_file(release, folder)
        return folder
    out = again.last(release, places)
    if out is None:
        hint = command_line("render", "--all", "-o", "dir=rendered", release=release_flags)
        message = f"{release.plan.application.title} is rendered nowhere in the repository"
        raise UsageError(message, f"run `{hint}`, or say --path")
    if again.form_of(out).startswith(again.COMPONENT):
        message = f"{out} is a component of kustomize: which folder includes it?"
        raise UsageError(message, "say --path FOLDER, from the top of the repository")
    return str(PurePath(out, "current"))


def _refuse_canary_file(release: Release, folder: str) -> None:
    """Raises UsageError where the canary file lies among the manifests: an engine would apply it too."""
    file = PurePath(release.declaring_file)
    if PurePath(folder) in (PurePath(), *file.parents):
        raise UsageError(
            f"{file} lies among the manifests of {folder}, and an engine would apply it too",
            "move it to another folder, and say in it where they are",
        )


def _has_folders(release: Release, folder: str) -> bool:
    """Whether the manifests of a folder lie in folders below it, and no kustomization says which they are."""
    if folder not in inputs.adopted_folders(release.sources).values():
        return False
    _, kustomization, names = manifest_sets.local_files(folder, "")
    return not kustomization and any("/" in name for name in names)
