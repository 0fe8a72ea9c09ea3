"""What the verbs that ask a cluster begin with: the release, and the cluster that it is in."""

from __future__ import annotations

from functools import cached_property

from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.flags import DriveFlags, ReleaseFlags, command_line
from kubectl_canary.commands.run.cluster import Cluster, Leases
from kubectl_canary.commands.run.releases import load
from kubectl_canary.errors import Refused, Undecided
from kubectl_canary.reading.release import Release
from kubectl_canary.records import dataclass
from kubectl_canary.rendering.parts import live_parts

ANSWERING = ("check", "verify")
WITHOUT_GATES = ("diff", "doctor", "rollback", "status")
WITHOUT_LEASE = ("check", "diff", "status", "verify")
WITHOUT_PROXY = ("doctor",)  # most of what it asks is not about the release's own objects


@dataclass(frozen=True)
class Call:
    """One call of a verb that asks a cluster: the release, what renders it, the flags."""

    verb: str
    release: Release
    release_flags: ReleaseFlags
    drive_flags: DriveFlags
    cluster_flags: ClusterFlags

    @cached_property
    def cluster(self) -> Cluster:
        """The cluster, for the release. Raises Refused for a file without one, WorldError as `Kubectl.pinned`."""
        application, parts = self.release.plan.application, live_parts(self.release.plan)
        flags = self.cluster_flags
        kubectl = flags.pinned() if self.verb in WITHOUT_PROXY else flags.ask().answer()
        return Cluster(kubectl, application.name, application.namespace, parts, self._leases())

    def _leases(self) -> Leases:
        if self.verb in WITHOUT_LEASE or self.drive_flags.no_lease:
            return Leases.LEFT_ALONE
        return Leases.WANTED if self.verb == "rollback" else Leases.NEEDED

    def command(self, *words: str) -> str:
        """A command of ours about the same release and cluster."""
        return command_line(*words, release=self.release_flags, cluster=self.cluster_flags)


def call_of(
    verb: str, release_flags: ReleaseFlags, drive_flags: DriveFlags, cluster_flags: ClusterFlags
) -> Call:
    """Read the release; gates that are wrong stop none who only looks, or goes back.

    Raises as `releases.load`, and Undecided in the place of Refused for a verb whose 1 is an answer.
    """
    try:
        release = load(release_flags, needs_gates=verb not in WITHOUT_GATES)
    except Refused as refused:
        if verb in ANSWERING:
            raise Undecided(refused.message, refused.findings, refused.hint) from None
        raise
    return Call(verb, release, release_flags, drive_flags, cluster_flags)


def namespace_of(call: Call) -> str:
    """The namespace of the release: the file's, else that of the context."""
    return call.release.plan.application.namespace or call.cluster.namespace or "default"
