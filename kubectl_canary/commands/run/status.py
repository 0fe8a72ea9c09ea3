"""What `kubectl canary status` does."""

from __future__ import annotations

from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.flags import DriveFlags, ReleaseFlags
from kubectl_canary.commands.run.cluster import Cluster
from kubectl_canary.commands.run.driving import Call, call_of, cluster_of
from kubectl_canary.commands.status import StatusFlags
from kubectl_canary.driving.position import Position, position, services
from kubectl_canary.outside.clock import Clock
from kubectl_canary.outside.output import write
from kubectl_canary.reports import positions

EVERY = 2.0  # seconds between two looks of --watch


def run(release_flags: ReleaseFlags, flags: StatusFlags, cluster_flags: ClusterFlags) -> int:
    """Say where the release stands; 0 where it is settled, 1 where it is not."""
    call = call_of("status", release_flags, DriveFlags(), cluster_flags)
    cluster, clock, last = cluster_of(call), Clock(), ""
    cluster.has_leases = False
    while True:
        there = _position(call, cluster)
        said = _text(call, there, flags.output)
        if said != last:
            write(said)
        if there.is_settled or not flags.watching:
            return int(not there.is_settled)
        last = said
        clock.sleep(EVERY)


def _position(call: Call, cluster: Cluster) -> Position:
    objects, _ = cluster.read()
    plan = call.release.plan
    wanted = services(plan)
    return position(plan, objects, cluster.endpoints(wanted) if wanted else {})


def _text(call: Call, there: Position, output: str) -> str:
    plan = call.release.plan
    if output == "json":
        return positions.as_data(there, plan)
    return positions.as_text(there, plan)
