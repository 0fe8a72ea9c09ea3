"""What `kubectl canary status` does."""

from __future__ import annotations

from collections.abc import Sequence

from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.flags import DriveFlags, ReleaseFlags
from kubectl_canary.commands.run.calls import Call, call_of
from kubectl_canary.commands.run.cluster import Cluster
from kubectl_canary.commands.run.releases import generator_of
from kubectl_canary.commands.status import StatusFlags
from kubectl_canary.driving.moves import Objects
from kubectl_canary.driving.position import Position, position, services
from kubectl_canary.errors import Refused
from kubectl_canary.outside.clock import Clock
from kubectl_canary.outside.output import say, write
from kubectl_canary.records import dataclass
from kubectl_canary.rendering.generator import Generator
from kubectl_canary.rendering.live import live_difference
from kubectl_canary.reports import positions
from kubectl_canary.reports.differences import FieldDifference, fields

EVERY = 2.0  # seconds between two looks of --watch


@dataclass(frozen=True)
class Look:
    """What is seen in the cluster: where the release stands, what differs from there, and what is to be known of it."""

    there: Position
    differences: Sequence[FieldDifference]
    remarks: Sequence[str]


def run(release_flags: ReleaseFlags, flags: StatusFlags, cluster_flags: ClusterFlags) -> int:
    """Say where the release stands; 0 where it is settled, 1 where it is not."""
    call = call_of("status", release_flags, DriveFlags(), cluster_flags)
    cluster, clock, last = call.cluster, Clock(), None
    generator = generator_of(call.release, release_flags)
    while True:
        seen = _look(call, cluster, generator)
        if seen != last:
            _tell(call, seen, flags.output, clock)
        if seen.there.is_settled or not flags.watching:
            return int(not seen.there.is_settled)
        last = seen
        clock.sleep(EVERY)


def _look(call: Call, cluster: Cluster, generator: Generator) -> Look:
    objects, _ = cluster.read()
    plan = call.release.plan
    wanted = services(plan)
    there = position(plan, objects, cluster.endpoints(wanted) if wanted else {})
    return Look(there, (), ()) if there.is_settled else _compared(call, generator, there, objects)


def _compared(call: Call, generator: Generator, there: Position, objects: Objects) -> Look:
    """What differs from the nearest phase, as `diff` has it; where that cannot be told, why."""
    try:
        step, findings = live_difference(call.release.plan, generator, there.nearest, objects)
    except Refused as refused:
        title = f"what differs from `{there.nearest}` cannot be told: {refused.message}"
        return Look(there, (), (title, *map(str, refused.findings)))
    return Look(there, fields(step.changes), tuple(map(str, findings)))


def _tell(call: Call, seen: Look, output: str, clock: Clock) -> None:
    plan, there = call.release.plan, seen.there
    diff = call.command("diff", "--phase", there.nearest)
    if output == "json":
        write(positions.as_data(there, plan, seen.differences))
    else:
        write(positions.as_text(there, plan, seen.differences, diff, clock.utc()))
    for remark in seen.remarks:
        say(remark)
