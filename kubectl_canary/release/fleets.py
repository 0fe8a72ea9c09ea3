"""One release over many targets: which of them take the next step, and which must have taken theirs.

A fleet has waves in an order, a wave has targets, and each target is a release of its own, with its own phases and
weights. Nothing here reads a file or a cluster.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum

from kubectl_canary.findings import Path
from kubectl_canary.records import dataclass
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
    """A fleet.

    While a release is under way, `tag` is what is released, `begun` the last wave that has begun, and `without` has
    the names of the targets that are left out.
    """

    name: str
    order: Order
    waves: tuple[Wave, ...]
    targets: tuple[Target, ...]
    tag: str = ""
    begun: Wave | None = None
    without: frozenset[str] = frozenset()

    def has_begun(self, wave: Wave) -> bool:
        """Whether a wave has begun its part of the release."""
        return self.begun is not None and self.waves.index(wave) <= self.waves.index(self.begun)

    def has_ended(self, wave: Wave) -> bool:
        """Whether a wave has ended its part of the release, since another one has begun after it."""
        return self.order is Order.WAVES and self.has_begun(wave) and wave != self.begun

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
    LEFT_OUT = "left out"


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


@dataclass(frozen=True)
class Turn:
    """The targets that take the next step, in one commit; none where all have the release.

    `starts` says that their wave begins with it, and `ahead` has those of the wave before, which took theirs earlier.
    """

    moving: tuple[Target, ...] = ()
    starts: bool = False
    ahead: tuple[Target, ...] = ()


def turn(fleet: Fleet, standings: Standings) -> Turn:
    """Whose turn it is.

    The least step comes first, so that no target is two steps ahead of one that moves with it, and every call takes
    somebody on. What becomes of a target whose wave has ended is its own business.
    """
    moving = [target for target, standing in standings.items() if _moves(fleet, target, standing)]
    if fleet.order is Order.WAVES:
        moving = _of_first_wave(fleet, moving)
    least = min((standings[target].next for target in moving), default=START)
    moving = [target for target in moving if standings[target].next == least]
    if fleet.order is not Order.ROLLING_SYNC:
        moving = _of_first_wave(fleet, moving)
    if not moving:
        return Turn()
    starts = standings[moving[0]].state is State.WAITING
    return Turn(tuple(moving), starts, tuple(_ahead(fleet, standings, moving[0].wave, starts=starts)))


def _moves(fleet: Fleet, target: Target, standing: Standing) -> bool:
    is_waiting = standing.state is State.WAITING and not fleet.has_ended(target.wave)
    return is_waiting or standing.state is State.UNDER_WAY


def _of_first_wave(fleet: Fleet, targets: Sequence[Target]) -> list[Target]:
    first = min((fleet.waves.index(target.wave) for target in targets), default=0)
    return [target for target in targets if target.wave == fleet.waves[first]]


def _ahead(fleet: Fleet, standings: Standings, wave: Wave, *, starts: bool) -> Iterator[Target]:
    before = fleet.before(wave)
    if before is None or fleet.order is Order.ROLLING_SYNC or (fleet.order is Order.WAVES and not starts):
        return
    for target, standing in standings.items():
        if target.wave == before and standing.state in (State.UNDER_WAY, State.THERE):
            yield target


def must_be_there(standings: Standings, turn: Turn) -> list[Target]:
    """The targets whose clusters must have what is declared before others go on: those under way, and those ahead."""
    under_way = [target for target, standing in standings.items() if standing.state is State.UNDER_WAY]
    return [*dict.fromkeys((*under_way, *turn.ahead))]


def is_over_with(fleet: Fleet, standings: Standings, turn: Turn) -> bool:
    """Whether nobody is left to go on after a turn."""
    left = (target for target, standing in standings.items() if _moves(fleet, target, standing))
    return all(target in turn.moving and standings[target].next == END for target in left)


def stopped(fleet: Fleet, standings: Standings) -> Iterator[tuple[Target, Standing]]:
    """The targets for which the others do not go on: they go back, are in another release, or were taken out of it."""
    for target, standing in standings.items():
        is_out = standing.state is State.WAITING and fleet.has_begun(target.wave)
        is_elsewhere = standing.state is State.OTHERWISE
        if standing.state is State.GOING_BACK or (
            (is_out or is_elsewhere) and not fleet.has_ended(target.wave)
        ):
            yield target, standing


@dataclass(frozen=True)
class WayBack:
    """The targets of a release that is taken back: those that begin to go back, and those that go on with it.

    The others stay: who is promoted, has the release already, or is in one of its own.
    """

    first: tuple[Target, ...]
    later: tuple[Target, ...]
    promoted: tuple[Target, ...]
    there: tuple[Target, ...]
    otherwise: tuple[Target, ...]
    is_over: bool  # nobody is under way after this step

    @property
    def moving(self) -> tuple[Target, ...]:
        """Those that take a step."""
        return (*self.first, *self.later)


def way_back(standings: Standings) -> WayBack:
    """Who goes back, whatever their wave."""

    def those(state: State, *, promoted: bool = False) -> tuple[Target, ...]:
        return tuple(
            target
            for target, known in standings.items()
            if known.state is state and (known.phase == PhaseKind.PROMOTED.value) is promoted
        )

    first, later = those(State.UNDER_WAY), those(State.GOING_BACK)
    promoted = those(State.UNDER_WAY, promoted=True)
    ends = all(standings[target].phase == PhaseKind.ROLLED_BACK.value for target in later)
    others = (promoted, those(State.THERE), (*those(State.OTHERWISE), *those(State.OTHERWISE, promoted=True)))
    return WayBack(first, later, *others, is_over=ends and not first and not promoted)


def rearranged(began: Fleet, now: Fleet) -> str:
    """What of a fleet was otherwise when its release began: then nobody's turn can be told. Else nothing."""
    if began.order is not now.order:
        return f"the order was {began.order.value} when the release began"
    common = {wave.name for wave in began.waves} & {wave.name for wave in now.waves}
    before, after = ([wave.name for wave in known.waves if wave.name in common] for known in (began, now))
    return f"the waves were {', '.join(before)} when the release began" if before != after else ""
