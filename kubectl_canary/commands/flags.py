"""The flags that several verbs have, as values that are filled in one place."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from kubectl_canary.commands import candidates
from kubectl_canary.outside.output import say

if TYPE_CHECKING:
    from kubectl_canary.outside.kubectl import Kubectl
    from kubectl_canary.reading.release import Release
    from kubectl_canary.rendering.generator import Generator

Function = Callable[..., Any]
CANARY_FILE = "canary.yaml"


@dataclass(frozen=True)
class ReleaseFlags:
    """What names a release and how it is rendered: -f, --set, --canary-tag, -n, --templates, --no-validate."""

    files: tuple[str, ...] = (CANARY_FILE,)
    settings: tuple[str, ...] = ()
    canary_tag: str | None = None
    namespace: str | None = None
    templates: str | None = None
    no_validate: bool = False

    def load(self) -> Release:
        """Read the release. Raises Refused with every finding, UsageError for flags that cannot be."""
        from kubectl_canary.commands import inputs

        return inputs.load(self.files, self.settings, self.canary_tag, self.namespace)

    def generator(self, release: Release) -> Generator:
        """What renders the release, for the Gateway API that its file names."""
        from kubectl_canary.commands import inputs
        from kubectl_canary.rendering.generator import Generator

        if self.no_validate:
            say("warning: not validated (--no-validate): the API server may refuse what is printed")
        target, validating = release.plan.application.target, not self.no_validate
        templates = inputs.templates(self.templates)
        return Generator(templates, target, validating=validating, sources=release.sources)

    def words(self) -> list[str]:
        """The flags as they would be typed again, but for those that do not say which release it is."""
        files = () if self.files == (CANARY_FILE,) else self.files
        pairs: list[tuple[str, str | None]] = [("-f", one) for one in files]
        pairs += [("--set", one) for one in self.settings]
        pairs += [("--canary-tag", self.canary_tag), ("-n", self.namespace), ("--templates", self.templates)]
        return _typed(pairs)


@dataclass(frozen=True)
class ClusterFlags:
    """Which cluster kubectl asks: --context, --kubeconfig."""

    context: str | None = None
    kubeconfig: str | None = None

    def kubectl(self) -> Kubectl:
        """What asks it."""
        from kubectl_canary.outside.kubectl import Kubectl

        return Kubectl(self.words())

    def words(self) -> tuple[str, ...]:
        """The flags as kubectl takes them."""
        given = (("--context", self.context), ("--kubeconfig", self.kubeconfig))
        return tuple(f"{flag}={value}" for flag, value in given if value)


def command_line(verb: str, *words: str, release: ReleaseFlags, cluster: ClusterFlags | None = None) -> str:
    """A command of ours to paste, about the same release and cluster."""
    program = click.get_current_context().find_root().command_path
    flags = [*release.words(), *(cluster.words() if cluster else ())]
    return f"{program} {shlex.join([verb, *words, *flags])}"


def _typed(pairs: Sequence[tuple[str, str | None]]) -> list[str]:
    return [word for flag, value in pairs if value is not None for word in (flag, value)]


def release_flags(function: Function) -> Function:
    """The flags with which a release is read and rendered; the verb gets them as `release_flags`."""

    @functools.wraps(function)
    def verb(*, files: tuple[str, ...], settings: tuple[str, ...], **others: Any) -> Any:
        names = ("canary_tag", "namespace", "templates", "no_validate")
        given = ReleaseFlags(files, settings, **{name: others.pop(name) for name in names})
        return function(release_flags=given, **others)

    return _with(verb, RELEASE_OPTIONS)


def overlay_flags(function: Function) -> Function:
    """The same for a verb that is given files as arguments: -f may be left out, and there is always validation."""

    @functools.wraps(function)
    def verb(*, files: tuple[str, ...], settings: tuple[str, ...], **others: Any) -> Any:
        names = ("canary_tag", "namespace", "templates")
        given = ReleaseFlags(files, settings, **{name: others.pop(name) for name in names})
        return function(release_flags=given, **others)

    return _with(verb, (LAYERS_OPTION, *RELEASE_OPTIONS[1:5]))


def cluster_flags(function: Function) -> Function:
    """The flags that name a cluster; the verb gets them as `cluster_flags`."""

    @functools.wraps(function)
    def verb(*, context: str | None, kubeconfig: str | None, **others: Any) -> Any:
        return function(cluster_flags=ClusterFlags(context, kubeconfig), **others)

    return _with(verb, CLUSTER_OPTIONS)


def goal_flag(*names: str, **options: Any) -> Callable[[Function], Function]:
    """A flag that names a phase to go to; ways back are among them."""
    return click.option(
        *names, metavar="PHASE", shell_complete=candidates.completer(candidates.goals), **options
    )


def start_flag(*names: str, **options: Any) -> Callable[[Function], Function]:
    """A flag that names a phase to start from."""
    return click.option(
        *names, metavar="PHASE", shell_complete=candidates.completer(candidates.phases), **options
    )


def _with(function: Function, options: Sequence[Callable[[Function], Function]]) -> Function:
    for option in reversed(options):
        function = option(function)
    return function


RELEASE_OPTIONS = (
    click.option(
        "-f",
        "--filename",
        "files",
        multiple=True,
        metavar="FILE",
        default=[CANARY_FILE],
        show_default=False,
        shell_complete=candidates.files,
        help="The canary file (default canary.yaml), or - for standard input. Several are merged in order.",
    ),
    click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="PATH=VALUE",
        help="Set a value of the canary file, as in --set spec.stable.replicas=5. May be given several times.",
    ),
    click.option("--canary-tag", metavar="TAG", help="The tag to release, instead of the file's."),
    click.option(
        "-n",
        "--namespace",
        metavar="NAMESPACE",
        shell_complete=candidates.completer(candidates.namespaces),
        help="The namespace of all objects, instead of the file's.",
    ),
    click.option(
        "--templates",
        metavar="DIR",
        shell_complete=candidates.files,
        help="Templates that take the place of ours, file by file.",
    ),
    click.option(
        "--no-validate",
        is_flag=True,
        help="Print also what the API server would refuse (said on standard error).",
    ),
)
LAYERS_OPTION = click.option(
    "-f",
    "--filename",
    "files",
    multiple=True,
    metavar="FILE",
    shell_complete=candidates.files,
    help="A canary file, instead of naming it as an argument. Several are merged in order.",
)
CLUSTER_OPTIONS = (
    click.option(
        "--context",
        metavar="NAME",
        shell_complete=candidates.completer(candidates.contexts),
        help="kubectl's --context.",
    ),
    click.option(
        "--kubeconfig", metavar="FILE", shell_complete=candidates.files, help="kubectl's --kubeconfig."
    ),
)
shell_flag = click.option(
    "--shell",
    type=click.Choice(["sh", "powershell"]),
    default="sh",
    help="Lines for sh (default; bash and zsh read them too) or powershell.",
)
jump_flag = click.option(
    "--jump", is_flag=True, help="Go further than one step: every phase on the way, with its pause."
)
skip_flag = click.option(
    "--skip", is_flag=True, help="Leave out the phases between, where going straight is safe."
)
