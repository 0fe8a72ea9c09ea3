"""Deletes what earlier releases have left, one after the other, each after another look at who sends to it."""

from __future__ import annotations

from kubectl_canary.driving.driver import Drive
from kubectl_canary.driving.leftovers import Leftovers, earlier, judged, part_of
from kubectl_canary.driving.world import Event


def leftovers(drive: Drive) -> Leftovers:
    """What is left, and why some of it stays, which is told. Raises WorldError for what may not be read."""
    found = drive.persist(lambda: _judged(drive))
    for value, reason in found.used:
        text = f"{part_of(value).title} is a leftover and stays: {reason}"
        drive.world.tell(Event("finding", text))
    return found


def prune(drive: Drive) -> None:
    """Delete what nothing needs. Raises Refused where another drives, WorldError for what is refused."""
    while not drive.persist(lambda: _pruned(drive)):
        pass


def _judged(drive: Drive) -> Leftovers:
    cluster = drive.world.cluster
    return judged(earlier(drive.plan, cluster.marked()), cluster.senders())


def _pruned(drive: Drive) -> bool:
    """Delete the first leftover, by whoever drives; whether there was none."""
    objects = drive.look()
    unused = _judged(drive).unused
    if not unused:
        return True
    if not drive.wheel.taken:
        drive.wheel.take(objects)
        return False
    drive.world.cluster.delete(part_of(unused[0]), str(unused[0]["metadata"]["uid"]))
    drive.world.tell(Event("made", "pruned", part_of(unused[0])))
    return False
