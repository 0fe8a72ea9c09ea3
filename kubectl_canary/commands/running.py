"""`kubectl canary run`."""

from __future__ import annotations

from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.common import verb
from kubectl_canary.commands.flags import (
    DriveFlags,
    ReleaseFlags,
    cluster_flags,
    drive_flags,
    flags_of,
    release_flags,
)
from kubectl_canary.commands.parameters import option
from kubectl_canary.records import dataclass


@dataclass(frozen=True)
class RunFlags:
    """The flags of `run` itself."""

    on_failure: str
    on_inconclusive: str
    on_interrupt: str
    report: str | None


STOP_OR_BACK = ("stop", "rollback")


@verb(
    "run",
    "Lead the release in the cluster to its end: each phase as `apply` does, then its pause, and its gates.\n\n"
    "It begins where the release is, and nothing is kept elsewhere: one that was interrupted is run again. Exit code\n"
    "0 says that the release is over, 1 that it stopped: a gate has failed, or it must not go on; 4 that the cluster\n"
    "did not get there, 5 that it is rolled back, 6 that a gate is inconclusive, 130 that it was interrupted.",
    """
  # From where it is to the end
  kubectl canary run

  # In a pipeline: rather go back than stop where nobody looks
  kubectl canary run --on-inconclusive=rollback --on-interrupt=rollback --report report.json

  # Events as JSON lines
  kubectl canary run -o json
""",
    prints_once=False,
    runs_long=True,
)
@release_flags
@flags_of(
    RunFlags,
    option(
        "--on-failure",
        choices=STOP_OR_BACK,
        default="rollback",
        help="What becomes of the release where a gate fails (default rollback).",
    ),
    option(
        "--on-inconclusive",
        choices=STOP_OR_BACK,
        default="stop",
        help="The same where a gate has too little data (default stop).",
    ),
    option(
        "--on-interrupt",
        choices=STOP_OR_BACK,
        default="stop",
        help="The same for Ctrl-C, and for whoever ends the process (default stop).",
    ),
    option("--report", metavar="FILE", help="Write what was measured into a file, as JSON."),
)
@drive_flags
@cluster_flags
def command(
    release_flags: ReleaseFlags, flags: RunFlags, drive_flags: DriveFlags, cluster_flags: ClusterFlags
) -> int:
    """Lead the release to its end."""
    from kubectl_canary.commands.run import running

    return running.run(release_flags, flags, drive_flags, cluster_flags)
