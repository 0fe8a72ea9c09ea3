"""What `kubectl canary gitops` does."""

from __future__ import annotations

from pathlib import PurePath

from kubectl_canary.commands import inputs
from kubectl_canary.commands.flags import ReleaseFlags, command_line
from kubectl_canary.commands.gitops import GitopsFlags
from kubectl_canary.commands.run import again, releases
from kubectl_canary.errors import UsageError
from kubectl_canary.outside import repository
from kubectl_canary.outside.output import say, write
from kubectl_canary.outside.repository import Repository
from kubectl_canary.reading.release import Release
from kubectl_canary.release.application import Engine
from kubectl_canary.reports import engines, objects
from kubectl_canary.reports.engines import Watched

PLACES = {Engine.ARGOCD: "argocd", Engine.FLUX: "flux-system"}


def run(release_flags: ReleaseFlags, flags: GitopsFlags) -> int:
    """Print what the engine of a release needs.

    Raises as `releases.load`, and UsageError where the file names no engine, or nothing says what it is to read.
    """
    release = releases.load(release_flags)
    application = release.plan.application
    engine = application.gitops.engine
    if engine is None:
        raise UsageError(
            "the file names no engine", "write `gitops: {engine: argocd}`, or flux, below `spec`"
        )
    if flags.secret and engine is Engine.ARGOCD:
        raise UsageError(
            "--secret is Flux's: Argo CD knows its repositories", "`argocd repo add` gives it a login"
        )
    there = repository.around(release_flags.files[-1])
    url, branch = _source(flags, there)
    path = flags.path or _path(release, release_flags, there)
    watched = Watched(engines.readable(url, engine, flags.secret), branch, path, flags.secret)
    printed = engines.argo_cd if engine is Engine.ARGOCD else engines.flux
    documents = printed(application, watched, flags.place or PLACES[engine])
    write(objects.as_json(documents) if flags.output == "json" else objects.as_yaml(documents))
    if engines.has_login(url):
        say("the remote's URL has a login in it, which is left out: give it to the engine as a Secret")
    return 0


def _source(flags: GitopsFlags, there: Repository | None) -> tuple[str, str]:
    """The URL and the branch that an engine is to read. Raises UsageError where nothing says which."""
    url, branch = there.followed() if there is not None else ("", "")
    url, branch = flags.repository or url, flags.branch or branch
    if not url:
        raise UsageError(
            "which repository is the engine to read?", "say --repository URL, or push the branch first"
        )
    if not branch:
        raise UsageError(
            "which branch is the engine to follow?", "say --branch NAME, or push the branch first"
        )
    return url, branch


def _path(release: Release, release_flags: ReleaseFlags, there: Repository | None) -> str:
    """The folder that is in the phase of the file, from the top. Raises UsageError where there is no such folder."""
    where = again.target(release_flags, None, release.sources, there)
    if where == again.IN_PLACE:
        folder = inputs.adopted_folders(release.sources)["spec.adopt.from"]
    else:
        out = again.last(release, there)
        if out is None:
            hint = command_line("render", "--all", "-o", "dir=rendered", release=release_flags)
            raise UsageError(
                "the release is rendered nowhere in the repository", f"run `{hint}`, or say --path"
            )
        if again.form_of(out) == again.COMPONENT:
            message = f"{out} is a component of kustomize: which folder includes it?"
            raise UsageError(message, "say --path FOLDER, from the top of the repository")
        folder = str(PurePath(out, "current"))
    return there.from_top(folder) if there is not None else folder
