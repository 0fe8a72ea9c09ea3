"""`kubectl canary start`."""

from __future__ import annotations

from kubectl_canary.commands import inputs
from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.common import verb
from kubectl_canary.commands.declaring import DeclareFlags, declare_flags
from kubectl_canary.commands.flags import ReleaseFlags, cluster_flags, flags_of, release_flags
from kubectl_canary.commands.parameters import argument, option
from kubectl_canary.records import dataclass


@dataclass(frozen=True)
class StartFlags:
    """The flags of `start` itself."""

    images: tuple[str, ...]
    origin: str | None


@verb(
    "start",
    "Write a new release into the canary file: the version, and the first phase.\n\n"
    "VERSION is a tag. It is refused while a release is under way, and where stable runs that version.",
    """
  # Release a tag
  kubectl canary start v1.2.0

  # As a commit, on a branch of its own
  kubectl canary start v1.2.0 --branch my-app-v1.2.0

  # Whole images, of containers of adopted manifests
  kubectl canary start --image app=registry.example.com/app:v42 --image proxy=registry.example.com/proxy:v7

  # Adopted manifests have changed since a tag: they are what should run, and the tag is what does
  kubectl canary start --from git:v41

  # Stable is what runs in the cluster
  kubectl canary start v1.2.0 --from cluster
""",
    prints_once=False,
)
@release_flags
@flags_of(
    StartFlags,
    option(
        "--image",
        "images",
        multiple=True,
        metavar="[[DEPLOYMENT/]CONTAINER=]IMAGE",
        help="An image to release, instead of a tag. May be given several times.",
    ),
    option("--from", "origin", metavar="cluster|git:REF", help="Write what runs into stable, from there."),
)
@declare_flags
@cluster_flags
@argument("version")
def command(
    release_flags: ReleaseFlags,
    flags: StartFlags,
    declare_flags: DeclareFlags,
    cluster_flags: ClusterFlags,
    version: str | None,
) -> int:
    """Write a new release."""
    if inputs.is_fleet(release_flags.files):
        from kubectl_canary.commands.run import fleet_steps

        return fleet_steps.start(release_flags, flags, declare_flags, version)
    from kubectl_canary.commands.run import start

    return start.run(release_flags, flags, declare_flags, cluster_flags, version)
