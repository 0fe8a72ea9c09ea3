"""One release over many targets: which of them take the next step, and which must have taken theirs.

A fleet has waves in an order, a wave has targets, and each target is a release of its own, with its own phases and
weights. Nothing here reads a file or a cluster.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from kubectl_canary.findings import Path
from kubectl_canary.release.plan import Phase, PhaseKind, Plan

Rank = tuple[int, int]  # of a phase: of what kind it is, and how many of that kind come before it
START: Rank = (0, 0)
END: Rank = (len(PhaseKind), 0)


class Order(Enum):
    """In which order the waves take their steps."""

    WAVES = "waves"
    LOCKSTEP = "lockstep"
    ROLLING_SYNC = "rolling-sync"


@dataclass(frozen=True)
class Wave:
    """Targets that take a step together; `pause` is in seconds, between the end of the wave before and its start."""

    name: str
    pause: int = 0


@dataclass(frozen=True)
class Target:
    """A release of the fleet: its wave, its files (merged in order), kubectl's context and the engine's cluster.

    `path` is where the fleet's file names it.
    """

    name: str
    wave: Wave
    files: tuple[str, ...]
    context: str | None = None
    cluster: str | None = None
    path: Path = ()


@dataclass(frozen=True)
class Fleet:
    """A fleet; while a release is under way, `tag` is what is released, and `begun` the last wave that has begun."""

    name: str
    order: Order
    waves: tuple[Wave, ...]
    targets: tuple[Target, ...]
    tag: str = ""
    begun: Wave | None = None

    def has_begun(self, wave: Wave) -> bool:
        """Whether a wave has begun its part of the release."""
        return self.begun is not None and self.waves.index(wave) <= self.waves.index(self.begun)

    def before(self, wave: Wave) -> Wave | None:
        """The wave before another; None before the first."""
        place = self.waves.index(wave)
        return self.waves[place - 1] if place else None


class State(Enum):
    """Where a target is in the release of its fleet."""

    WAITING = "waiting"
    UNDER_WAY = "under way"
    GOING_BACK = "going back"
    OTHERWISE = "in a release of its own"
    THERE = "there"


@dataclass(frozen=True)
class Standing:
    """Where a target is: what is stable, its phase, if it has one, and the rank of the step that it would take next."""

    state: State
    stable: str
    phase: str = ""
    next: Rank = START


Standings = Mapping[Target, Standing]


def rank(plan: Plan, phase: Phase | None) -> Rank:
    """The rank of a phase in its plan; without a phase, of the end of the release.

    Phases of one rank are the same step of two plans, whatever their weights.
    """
    if phase is None:
        return END
    kinds = [known.kind for known in plan.phases[: plan.phases.index(phase)]]
    return [*PhaseKind].index(phase.kind), kinds.count(phase.kind)


def next_to_move(fleet: Fleet, standings: Standings) -> list[Target]:
    """The targets that take the next step, in one commit; none where all have the release.

    The least step comes first, so that no target is two steps ahead of one that moves with it, and every call takes
    somebody on.
    """
    moving = [
        target for target, standing in standings.items() if standing.state in (State.WAITING, State.UNDER_WAY)
    ]
    if fleet.order is Order.WAVES:
        moving = _of_first_wave(fleet, moving)
    least = min((standings[target].next for target in moving), default=START)
    at_least = [target for target in moving if standings[target].next == least]
    return at_least if fleet.order is Order.ROLLING_SYNC else _of_first_wave(fleet, at_least)


def _of_first_wave(fleet: Fleet, targets: Sequence[Target]) -> list[Target]:
    first = min((fleet.waves.index(target.wave) for target in targets), default=0)
    return [target for target in targets if target.wave == fleet.waves[first]]


def must_be_there(fleet: Fleet, standings: Standings, moving: Sequence[Target]) -> list[Target]:
    """The targets whose clusters must have what is declared before others go on.

    They are all that are under way, and, where a wave starts, those of the wave before.
    """
    starting = [target.wave for target in moving if standings[target].state is State.WAITING]
    before = fleet.before(starting[0]) if starting else None
    return [
        target
        for target, standing in standings.items()
        if standing.state is State.UNDER_WAY
        or (standing.state is State.THERE and before is not None and target.wave == before)
    ]


def stopped(fleet: Fleet, standings: Standings) -> Iterator[tuple[Target, Standing]]:
    """The targets for which the others do not go on: they go back, are in another release, or were taken out of it."""
    for target, standing in standings.items():
        is_out = standing.state is State.WAITING and fleet.has_begun(target.wave)
        if is_out or standing.state in (State.GOING_BACK, State.OTHERWISE):
            yield target, standing
