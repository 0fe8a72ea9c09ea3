"""`kubectl canary abort`."""

from __future__ import annotations

from kubectl_canary.commands import inputs
from kubectl_canary.commands.common import verb
from kubectl_canary.commands.declaring import DeclareFlags, declare_flags, now_flag
from kubectl_canary.commands.flags import ReleaseFlags, release_flags


@verb(
    "abort",
    "Write the next step back into the canary file, and render it where the release was rendered last.\n\n"
    "First the route leads back, at once; then, called again, the canary goes; and then spec.canary and spec.phase.\n"
    "Once promotion has begun stable returns to the old version first. No cluster is asked or changed: that is what\n"
    "`rollback` is for.",
    """
  # Back, now, as a commit that is pushed
  kubectl canary abort --push

  # And once stable has all requests: the canary's pods go
  kubectl canary abort --push
""",
    prints_once=False,
)
@release_flags
@now_flag
@declare_flags
def command(release_flags: ReleaseFlags, at_once: bool, declare_flags: DeclareFlags) -> int:
    """Write the next step back."""
    if inputs.is_fleet(release_flags.files):
        from kubectl_canary.commands.run import fleet_steps

        return fleet_steps.abort(release_flags, declare_flags, at_once=at_once)
    from kubectl_canary.commands.run import abort

    return abort.run(release_flags, declare_flags, at_once=at_once)
