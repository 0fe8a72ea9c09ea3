"""`kubectl canary rollback`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.common import verb
from kubectl_canary.commands.flags import (
    DriveFlags,
    ReleaseFlags,
    cluster_flags,
    command_line,
    flags_of,
    quiet_drive_flags,
    release_flags,
    shell_flag,
    start_flag,
)
from kubectl_canary.commands.parameters import option
from kubectl_canary.errors import UsageError
from kubectl_canary.records import dataclass, replace

if TYPE_CHECKING:
    from kubectl_canary.reports.shells import Shell


@dataclass(frozen=True)
class RollbackFlags:
    """The flags of `rollback` itself."""

    printing: bool
    keep: bool
    gradual: bool
    origin: str | None
    output: str | None
    shell: Shell


@verb(
    "rollback",
    "Lead the release in the cluster back from whatever is there: the route first, in one patch; after its requests\n"
    "have drained, the canary goes. It takes over from whoever drives. With --print it changes no cluster.\n\n"
    "After promotion has begun the canary is the healthy side: the way back keeps the route on it and returns the\n"
    "stable Deployment to the old version. No pods go while requests reach them.",
    """
  # Back, now
  kubectl canary rollback

  # The route alone: the canary's pods stay
  kubectl canary rollback --keep

  # With kubectl alone: the route as it was before the release, one document, from the phase that the file declares
  kubectl canary rollback --print | kubectl apply -f -

  # From another phase, as a guarded patch to paste
  kubectl canary rollback --print --from 25% -o kubectl
""",
)
@release_flags
@flags_of(
    RollbackFlags,
    option(
        "--print", "printing", is_flag=True, help="Print the way back for kubectl, and change no cluster."
    ),
    option("--keep", is_flag=True, help="Leave the canary's pods there, without requests."),
    option("--gradual", is_flag=True, help="Go down phase by phase instead of at once."),
    start_flag("--from", "origin", help="With --print: the phase to leave, instead of the file's."),
    option(
        "-o",
        "--output",
        choices=("yaml", "json", "kubectl"),
        default=None,
        help="json: an event a line. With --print yaml (default) or json, documents; kubectl, patches to paste.",
    ),
    shell_flag,
)
@quiet_drive_flags
@cluster_flags
def command(
    release_flags: ReleaseFlags, flags: RollbackFlags, drive_flags: DriveFlags, cluster_flags: ClusterFlags
) -> int:
    """Lead back, or print the way."""
    if flags.printing:
        from kubectl_canary.commands.run import rollback

        return rollback.run(release_flags, flags)
    _refuse_flags_of_print(release_flags, flags)
    cluster_flags.ask()
    from kubectl_canary.commands.run.calls import call_of

    drive_flags = replace(drive_flags, output=flags.output or "text")
    call = call_of("rollback", release_flags, drive_flags, cluster_flags)
    call.cluster.begin()
    from kubectl_canary.commands.run import wayback

    return wayback.run(call, flags)


def _refuse_flags_of_print(release_flags: ReleaseFlags, flags: RollbackFlags) -> None:
    """Raises UsageError where a flag is about what is printed."""
    words = ("--from", flags.origin) if flags.origin else ()
    if flags.output in ("yaml", "kubectl"):
        words = (*words, "-o", flags.output)
    if words:
        hint = command_line("rollback", "--print", *words, release=release_flags)
        raise UsageError(f"{words[0]} goes with --print: in a cluster, it is seen where the release is", hint)
