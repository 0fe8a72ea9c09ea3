"""The flags that several verbs have, as frozen values.

`flags_of` is the one place where click's keywords become such values, and the only one that mypy does not see through.
"""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from kubectl_canary.commands import candidates
from kubectl_canary.commands.cluster import ClusterFlags

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Function = Callable[..., Any]
Decorator = Callable[[Function], Function]
Flags = TypeVar("Flags", bound="DataclassInstance")
# of an HTTPRoute's match: Gateway API, HTTPMethod
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")
CANARY_FILE = "canary.yaml"


@dataclass(frozen=True)
class ReleaseFlags:
    """What names a release and how it is rendered: files, what is said over them, templates."""

    files: tuple[str, ...] = (CANARY_FILE,)
    settings: tuple[str, ...] = ()
    canary_tag: str | None = None
    manifests: str | None = None
    stable_manifests: str | None = None
    namespace: str | None = None
    templates: str | None = None
    no_validate: bool = False

    @property
    def short(self) -> dict[str, str]:
        """The values that have a flag of their own, by that flag."""
        pairs = {
            "--canary-tag": self.canary_tag,
            "--manifests": self.manifests,
            "--stable-manifests": self.stable_manifests,
        }
        return {flag: value for flag, value in pairs.items() if value is not None}

    def words(self) -> list[str]:
        """The flags as they would be typed again, but for those that do not say which release it is."""
        files = () if self.files == (CANARY_FILE,) else self.files
        pairs: list[tuple[str, str | None]] = [("-f", file) for file in files]
        pairs += [("--set", setting) for setting in self.settings]
        pairs += self.short.items()
        pairs += [("-n", self.namespace), ("--templates", self.templates)]
        return [*_typed(pairs), *(("--no-validate",) if self.no_validate else ())]


@dataclass(frozen=True)
class DriveFlags:
    """How a release is led through a cluster: durations as they are typed, and what is taken upon oneself."""

    timeout: str = "5m"
    propagation: str = "5s"
    accepts_unobserved: bool = False
    accepts_unclaimed: bool = False
    forces_owned: bool = False
    no_lease: bool = False
    output: str = "text"


def flags_of(shape: type[Flags], *options: Decorator, as_: str = "flags") -> Decorator:
    """The options of a verb that fill one frozen dataclass; the verb gets its value as the keyword `as_`.

    An option has the name of its field. A field without an option keeps its default, and what is no field is handed on.
    Raises TypeError, at every call, where a field has neither.
    """
    names = [field.name for field in fields(shape)]

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def verb(**keywords: Any) -> Any:
            values = {name: keywords.pop(name) for name in names if name in keywords}
            return function(**{as_: shape(**values)}, **keywords)

        decorated: Function = verb
        for option in reversed(options):
            decorated = option(decorated)
        return decorated

    return decorate


def written_file(what: str) -> tuple[Decorator, Decorator]:
    """Which canary file a verb writes, and whether it writes over what is there."""
    return (
        click.option(
            "-f",
            "--filename",
            "file",
            default=CANARY_FILE,
            show_default=True,
            shell_complete=candidates.files,
            help=what,
        ),
        click.option("--force", is_flag=True, help="Write over files that are there."),
    )


def overlaid(flags: Flags, context: click.Context) -> Flags:
    """The flags, with what another command line of the same verb says over them."""
    values = {
        name: value
        for name, value in context.params.items()
        if hasattr(flags, name) and context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    }
    return replace(flags, **values)


def program() -> str:
    """What the user typed to call us."""
    return click.get_current_context().find_root().command_path


def command_line(verb: str, *words: str, release: ReleaseFlags, cluster: ClusterFlags | None = None) -> str:
    """A command of ours to paste, about the same release and cluster."""
    flags = [*release.words(), *(cluster.words() if cluster else ())]
    return f"{program()} {shlex.join([verb, *words, *flags])}"


def _typed(pairs: Sequence[tuple[str, str | None]]) -> list[str]:
    return [word for flag, value in pairs if value is not None for word in (flag, value)]


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


def method_flag(usual: str, **options: Any) -> Callable[[Function], Function]:
    """The method of a request, and what it is where nobody says."""
    text = f"The method: {', '.join(METHODS)} ({usual})."
    kind = click.Choice(METHODS)
    return click.option("-X", "--request", "method", type=kind, metavar="METHOD", help=text, **options)


def headers_flag(text: str) -> Callable[[Function], Function]:
    """Headers of a request."""
    text = f"{text} May be given several times."
    return click.option("-H", "--header", "headers", multiple=True, metavar="'NAME: VALUE'", help=text)


_OVER_THE_FILE = (
    click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="PATH=VALUE",
        help="Set a value of the canary file, as in --set spec.stable.replicas=5. May be given several times.",
    ),
    click.option("--canary-tag", metavar="TAG", help="The tag to release, instead of the file's."),
    click.option(
        "--manifests",
        metavar="SOURCE",
        shell_complete=candidates.files,
        help="The manifests to adopt: a file, folder or kustomization, git:REF, or - for standard input.",
    ),
    click.option(
        "--stable-manifests",
        metavar="SOURCE",
        shell_complete=candidates.files,
        help="Those that run, where they differ in more than spec.canary.",
    ),
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
)
release_flags = flags_of(
    ReleaseFlags,
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
    *_OVER_THE_FILE,
    click.option(
        "--no-validate",
        is_flag=True,
        help="Print also what the API server would refuse (said on standard error).",
    ),
    as_="release_flags",
)
# for a verb that is given files as arguments: -f may be left out, and there is always validation
overlay_flags = flags_of(
    ReleaseFlags,
    click.option(
        "-f",
        "--filename",
        "files",
        multiple=True,
        metavar="FILE",
        shell_complete=candidates.files,
        help="A canary file, instead of naming it as an argument. Several are merged in order.",
    ),
    *_OVER_THE_FILE,
    as_="release_flags",
)
cluster_flags = flags_of(
    ClusterFlags,
    click.option(
        "--context",
        metavar="NAME",
        shell_complete=candidates.completer(candidates.contexts),
        help="kubectl's --context.",
    ),
    click.option(
        "--kubeconfig", metavar="FILE", shell_complete=candidates.files, help="kubectl's --kubeconfig."
    ),
    click.option("--as", "as_user", metavar="USER", help="kubectl's --as."),
    as_="cluster_flags",
)
_DRIVING = (
    click.option(
        "--timeout",
        default="5m",
        metavar="DURATION",
        show_default=False,
        help="How long one wait may take, for pods or for the route (default 5m).",
    ),
    click.option(
        "--propagation",
        default="5s",
        metavar="DURATION",
        show_default=False,
        help="How long gateways need to follow a route that they have accepted (default 5s).",
    ),
    click.option(
        "--accept-unobserved",
        "accepts_unobserved",
        is_flag=True,
        help="Believe a parent that accepts the route without saying which generation of it.",
    ),
    click.option(
        "--accept-unclaimed",
        "accepts_unclaimed",
        is_flag=True,
        help="Go to a phase that needs what the Gateway's implementation does not claim to do.",
    ),
    click.option(
        "--force-owned",
        "forces_owned",
        is_flag=True,
        help="Change also objects that Argo CD or Flux brings back to what Git says.",
    ),
    click.option(
        "--no-lease", is_flag=True, help="Drive without a Lease: two at once are noticed at the route alone."
    ),
)
# for a verb that has its own -o
quiet_drive_flags = flags_of(DriveFlags, *_DRIVING, as_="drive_flags")
drive_flags = flags_of(
    DriveFlags,
    *_DRIVING,
    click.option(
        "-o",
        "--output",
        type=click.Choice(["text", "json"]),
        default="text",
        help="text (default), or json: an event a line.",
    ),
    as_="drive_flags",
)
shell_flag = click.option(
    "--shell",
    type=click.Choice(["sh", "powershell"]),
    default="sh",
    help="Lines for sh (default; bash and zsh read them too) or powershell, 7.3 or newer.",
)
jump_flag = click.option(
    "--jump", is_flag=True, help="Go further than one step: every phase on the way, with its pause."
)
skip_flag = click.option(
    "--skip", is_flag=True, help="Leave out the phases between, where going straight is safe."
)
