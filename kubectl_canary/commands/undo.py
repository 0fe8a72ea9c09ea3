"""`kubectl canary undo`."""

from __future__ import annotations

from kubectl_canary.commands.common import verb
from kubectl_canary.commands.declaring import DeclareFlags, declare_flags
from kubectl_canary.commands.flags import ReleaseFlags, release_flags


@verb(
    "undo",
    "Write a new release into the canary file whose canary is the version before: the way back after a promotion.\n\n"
    "The version before is what stable was in Git before it became what it is.",
    """
  # Begin to release the version before
  kubectl canary undo --commit
""",
    prints_once=False,
)
@release_flags
@declare_flags
def command(release_flags: ReleaseFlags, declare_flags: DeclareFlags) -> int:
    """Write the release of the version before."""
    from kubectl_canary.commands.run import undo

    return undo.run(release_flags, declare_flags)
