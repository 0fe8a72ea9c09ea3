"""Stays in a phase as long as it lasts, has its gates measured meanwhile, and answers with the verdict."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from kubectl_canary.driving import approvals, verdicts
from kubectl_canary.driving.driver import Drive
from kubectl_canary.driving.moves import Objects
from kubectl_canary.driving.verdicts import Measurement, Verdict
from kubectl_canary.driving.world import Event
from kubectl_canary.errors import Refused
from kubectl_canary.findings import Finding, Where
from kubectl_canary.records import dataclass, field
from kubectl_canary.release.gates import Gate
from kubectl_canary.release.plan import Phase
from kubectl_canary.rendering.live import phase_of
from kubectl_canary.rendering.parts import CLUSTER

LOOK_EVERY = 2.0  # seconds between two looks at the cluster
GAP = 30.0  # seconds after which what was measured before counts for nothing: a laptop was closed, a cluster away


@dataclass(frozen=True, eq=False)
class Asked:
    """What a gate is asked about: the phase, and when it was that stable last had requests, where that is past."""

    phase: Phase
    before: datetime | None = None


class Asking(Protocol):
    """Somebody who asks what gates ask, while others do something else."""

    def ask(self, gate: Gate, asked: Asked) -> None:
        """Begin to measure a gate."""

    def answers(self) -> Sequence[tuple[Asked, Gate, Measurement]]:
        """The measurements that have come since this was asked last, each with what was asked."""

    def agrees(self) -> bool:
        """Whether somebody at the terminal has agreed."""


@dataclass
class Tally:
    """What is known of one gate: when it was asked last (seconds in the phase), what is out, and its measurements."""

    asked: float | None = None
    out: Asked | None = None
    verdicts: list[Verdict] = field(default_factory=list)

    def is_due(self, gate: Gate, seconds: float) -> bool:
        """Whether it is time to measure it."""
        if self.out is not None or seconds < gate.first:
            return False
        return self.asked is None or seconds - self.asked >= gate.rhythm.interval


class Watch:
    """One stay in a phase."""

    def __init__(self, drive: Drive, phase: Phase, asking: Asking) -> None:
        self.drive, self.phase, self.asking = drive, phase, asking
        self.tallies: Mapping[Gate, Tally] = {}
        self.began: float | None = None
        self.looked = -math.inf
        self.agreed = False

    def verdict(self) -> Verdict:
        """Stay until the phase is over, or a gate says more. Raises Refused where somebody moves the release."""
        if any(gate.is_approval for gate in self.phase.gates):
            self.asking.agrees()  # what was typed before is about something else
            self.drive.world.tell(Event("finding", approvals.how(self.drive.plan, self.phase)))
        while True:
            objects = self.drive.persist(self.drive.look)
            self._refuse_moved(objects)
            seconds = self._seconds()
            self._measure(seconds)
            found = self._found(objects, is_over=seconds >= self.phase.lasts)
            if found is not None:
                return found
            self._tell(seconds)
            self.drive.world.clock.sleep(LOOK_EVERY)

    def glance(self) -> Verdict | None:
        """Have measured what is due, while the release is led to the phase; a verdict where one gate has failed."""
        self._measure(self._seconds())
        found = [
            verdicts.judged(gate.rhythm, tally.verdicts, is_over=False)
            for gate, tally in self.tallies.items()
        ]
        return Verdict.FAILED if Verdict.FAILED in found else None

    def _seconds(self) -> float:
        """How long the phase has lasted, by the watch from the first look on, and by the note before."""
        world, since = self.drive.world, self.drive.since()
        if self.began is None:
            since = since if since is not None and since.phase == self.phase.name else None
            noted = (world.clock.utc() - since.moment).total_seconds() if since is not None else 0.0
            self.began = world.clock.watch() - max(0.0, noted)
        return world.clock.watch() - self.began

    def _refuse_moved(self, objects: Objects) -> None:
        here = phase_of(self.drive.plan, objects)
        if here.name != self.phase.name:
            where = (
                f"at `{here.name}`"
                if here.name in [known.name for known in self.drive.plan.phases]
                else "in no phase"
            )
            message = f"the release is {where}, and this was watching `{self.phase.name}`"
            finding = Finding("phase", "error", (), message, Where(CLUSTER), "`status` says who changed what")
            raise Refused("somebody has moved the release", [finding])

    def _measure(self, seconds: float) -> None:
        """Take what was measured, and have measured what is due; all anew where nobody has looked for a while."""
        if seconds - self.looked > GAP:
            self.tallies = {gate: Tally() for gate in self.phase.gates}
        self.looked = seconds
        for asked, gate, measurement in (*self.asking.answers(), *self._unanswered(seconds)):
            tally = self.tallies.get(gate)
            if tally is not None and tally.out is asked:
                tally.out = None
                tally.verdicts.append(measurement.verdict)
                self.drive.world.tell(_measured(self.phase, gate, measurement, self.drive.world.clock.utc()))
        since = self.drive.since()
        for gate, tally in self.tallies.items():
            if not gate.is_approval and tally.is_due(gate, seconds):
                tally.asked, tally.out = (
                    seconds,
                    Asked(self.phase, since.before_full if since is not None else None),
                )
                self.asking.ask(gate, tally.out)

    def _unanswered(self, seconds: float) -> Iterator[tuple[Asked, Gate, Measurement]]:
        """Questions that have been out for too long: they say nothing, and are asked again."""
        for gate, tally in self.tallies.items():
            if tally.out is not None and tally.asked is not None and seconds - tally.asked > gate.patience:
                said = f"no answer after {gate.patience} s"
                yield tally.out, gate, Measurement(Verdict.INCONCLUSIVE, said)

    def _found(self, objects: Objects, *, is_over: bool) -> Verdict | None:
        verdict = verdicts.together([
            self._approved(objects) if gate.is_approval else verdicts.judged(gate.rhythm, its.verdicts, is_over=is_over)
            for gate, its in self.tallies.items()
        ])  # fmt: skip
        return None if verdict is Verdict.PASSED and not is_over else verdict

    def _approved(self, objects: Objects) -> Verdict | None:
        """Whether somebody has agreed: by the annotation, or at the terminal; nobody's silence is a verdict."""
        plan, routes = self.drive.plan, self.drive.wheel.routes
        there = [objects[part.key] for part in routes if part.key in objects]
        self.agreed = self.agreed or approvals.is_approved(plan, self.phase, there) or self.asking.agrees()
        return Verdict.PASSED if self.agreed else None

    def _tell(self, seconds: float) -> None:
        left = self.phase.lasts - seconds
        words = [
            f"{self.phase.name}: {left:.0f} s left"
            if left > 0
            else f"{self.phase.name}: over, waiting for gates"
        ]
        words += [_tally_text(gate, tally) for gate, tally in self.tallies.items() if tally.verdicts]
        if any(gate.is_approval for gate in self.phase.gates) and not self.agreed:
            words.append("waiting for somebody who agrees")
        self.drive.tell_on("watching", "; ".join(words), self.phase.name)


def _tally_text(gate: Gate, tally: Tally) -> str:
    last = tally.verdicts[-gate.rhythm.measurements :]
    return f"{gate.name} {last.count(Verdict.PASSED)} of {gate.rhythm.measurements} passed"


def _measured(phase: Phase, gate: Gate, found: Measurement, now: datetime) -> Event:
    known = {
        "at": now.isoformat(timespec="seconds"),
        "phase": phase.name,
        "gate": gate.name,
        **found.as_data(),
    }
    return Event("measured", f"{phase.name}: {gate.name} {found.verdict.value}: {found.said}", more=known)
