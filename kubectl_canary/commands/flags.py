"""The flags that several verbs have, as frozen values.

`flags_of` is the one place where keywords become such values, and the only one that mypy does not see through.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from kubectl_canary.commands import candidates
from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.parameters import Decorator, Function, option
from kubectl_canary.commands.program import program
from kubectl_canary.records import dataclass, replace

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

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
    names = list(shape.__annotations__)

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def verb(**keywords: Any) -> Any:
            values = {name: keywords.pop(name) for name in names if name in keywords}
            return function(**{as_: shape(**values)}, **keywords)

        decorated: Function = verb
        for take in reversed(options):
            decorated = take(decorated)
        return decorated

    return decorate


def written_file(what: str) -> tuple[Decorator, Decorator]:
    """Which canary file a verb writes, and whether it writes over what is there."""
    return (
        option(
            "-f",
            "--filename",
            "file",
            default=CANARY_FILE,
            show_default=True,
            takes_files=True,
            help=what,
        ),
        option("--force", is_flag=True, help="Write over files that are there."),
    )


def overlaid(flags: Flags, typed: dict[str, Any]) -> Flags:
    """The flags, with what another command line of the same verb says over them."""
    return replace(flags, **{name: value for name, value in typed.items() if hasattr(flags, name)})


def command_line(verb: str, *words: str, release: ReleaseFlags, cluster: ClusterFlags | None = None) -> str:
    """A command of ours to paste, about the same release and cluster."""
    import shlex

    flags = [*release.words(), *(cluster.words() if cluster else ())]
    return f"{program()} {shlex.join([verb, *words, *flags])}"


def _typed(pairs: Sequence[tuple[str, str | None]]) -> list[str]:
    return [word for flag, value in pairs if value is not None for word in (flag, value)]


def goal_flag(*names: str, **options: Any) -> Decorator:
    """A flag that names a phase to go to; ways back are among them."""
    return option(*names, metavar="PHASE", candidates=candidates.goals, **options)


def start_flag(*names: str, **options: Any) -> Decorator:
    """A flag that names a phase to start from."""
    return option(*names, metavar="PHASE", candidates=candidates.phases, **options)


def method_flag(usual: str, **options: Any) -> Decorator:
    """The method of a request, and what it is where nobody says."""
    text = f"The method: {', '.join(METHODS)} ({usual})."
    return option("-X", "--request", "method", choices=METHODS, metavar="METHOD", help=text, **options)


def headers_flag(text: str) -> Decorator:
    """Headers of a request."""
    text = f"{text} May be given several times."
    return option("-H", "--header", "headers", multiple=True, metavar="'NAME: VALUE'", help=text)


_OVER_THE_FILE = (
    option(
        "--set",
        "settings",
        multiple=True,
        metavar="PATH=VALUE",
        help="Set a value of the canary file, as in --set spec.stable.replicas=5. May be given several times.",
    ),
    option("--canary-tag", metavar="TAG", help="The tag to release, instead of the file's."),
    option(
        "--manifests",
        metavar="SOURCE",
        takes_files=True,
        help="The manifests to adopt: a file, folder or kustomization, git:REF, or - for standard input.",
    ),
    option(
        "--stable-manifests",
        metavar="SOURCE",
        takes_files=True,
        help="Those that run, where they differ in more than spec.canary.",
    ),
    option(
        "-n",
        "--namespace",
        metavar="NAMESPACE",
        candidates=candidates.namespaces,
        help="The namespace of all objects, instead of the file's.",
    ),
    option(
        "--templates",
        metavar="DIR",
        takes_files=True,
        help="Templates that take the place of ours, file by file.",
    ),
)
release_flags = flags_of(
    ReleaseFlags,
    option(
        "-f",
        "--filename",
        "files",
        multiple=True,
        metavar="FILE",
        default=[CANARY_FILE],
        show_default=False,
        takes_files=True,
        help="The canary file (default canary.yaml), or - for standard input. Several are merged in order.",
    ),
    *_OVER_THE_FILE,
    option(
        "--no-validate",
        is_flag=True,
        help="Print also what the API server would refuse (said on standard error).",
    ),
    as_="release_flags",
)
# for a verb that is given files as arguments: -f may be left out, and there is always validation
overlay_flags = flags_of(
    ReleaseFlags,
    option(
        "-f",
        "--filename",
        "files",
        multiple=True,
        metavar="FILE",
        takes_files=True,
        help="A canary file, instead of naming it as an argument. Several are merged in order.",
    ),
    *_OVER_THE_FILE,
    as_="release_flags",
)
cluster_flags = flags_of(
    ClusterFlags,
    option(
        "--context",
        metavar="NAME",
        candidates=candidates.contexts,
        help="kubectl's --context.",
    ),
    option("--kubeconfig", metavar="FILE", takes_files=True, help="kubectl's --kubeconfig."),
    option("--as", "as_user", metavar="USER", help="kubectl's --as."),
    as_="cluster_flags",
)
_DRIVING = (
    option(
        "--timeout",
        default="5m",
        metavar="DURATION",
        show_default=False,
        help="How long one wait may take, for pods or for the route (default 5m).",
    ),
    option(
        "--propagation",
        default="5s",
        metavar="DURATION",
        show_default=False,
        help="How long gateways need to follow a route that they have accepted (default 5s).",
    ),
    option(
        "--accept-unobserved",
        "accepts_unobserved",
        is_flag=True,
        help="Believe a parent that accepts the route without saying which generation of it.",
    ),
    option(
        "--accept-unclaimed",
        "accepts_unclaimed",
        is_flag=True,
        help="Go to a phase that needs what the Gateway's implementation does not claim to do.",
    ),
    option(
        "--force-owned",
        "forces_owned",
        is_flag=True,
        help="Change also objects that Argo CD or Flux brings back to what Git says.",
    ),
    option(
        "--no-lease", is_flag=True, help="Drive without a Lease: two at once are noticed at the route alone."
    ),
)
# for a verb that has its own -o
quiet_drive_flags = flags_of(DriveFlags, *_DRIVING, as_="drive_flags")
drive_flags = flags_of(
    DriveFlags,
    *_DRIVING,
    option(
        "-o",
        "--output",
        choices=("text", "json"),
        default="text",
        help="text (default), or json: an event a line.",
    ),
    as_="drive_flags",
)
shell_flag = option(
    "--shell",
    choices=("sh", "powershell"),
    default="sh",
    help="Lines for sh (default; bash and zsh read them too) or powershell, 7.3 or newer.",
)
jump_flag = option(
    "--jump", is_flag=True, help="Go further than one step: every phase on the way, with its pause."
)
skip_flag = option("--skip", is_flag=True, help="Leave out the phases between, where going straight is safe.")
