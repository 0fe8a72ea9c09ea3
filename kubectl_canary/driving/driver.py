"""Leads a release through a cluster: looks, does the next thing, and looks again, until it is where it should be.

Nothing is remembered but how long something has been seen: a driver that was killed is started again and goes on.
`moves` decides what is next, and `wheel` who may do it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from kubectl_canary.driving import features, lease, moves, owners, statuses
from kubectl_canary.driving.moves import (
    Arrived,
    ForParent,
    ForPods,
    Look,
    Make,
    Move,
    Objects,
    Rest,
    Seen,
    Timing,
    Wait,
)
from kubectl_canary.driving.owners import Owner
from kubectl_canary.driving.since import Notes, Since
from kubectl_canary.driving.wheel import Wheel
from kubectl_canary.driving.world import Event, Surroundings
from kubectl_canary.errors import Conflict, Forbidden, Refused, TooLate, Unreachable, WorldError
from kubectl_canary.findings import Finding, Where
from kubectl_canary.records import dataclass, replace
from kubectl_canary.release.changes import Alteration, Change, Creation, Removal, Step
from kubectl_canary.release.documents import Part
from kubectl_canary.release.patches import Op
from kubectl_canary.release.plan import Phase, Plan
from kubectl_canary.rendering.generator import Generator
from kubectl_canary.rendering.live import live_step, phase_of

Answer = TypeVar("Answer")
LOOK_EVERY = 0.5  # seconds between two looks
EXPLAIN_EVERY = 4.0  # seconds between two looks at pods that are not ready
STALE = 3.0  # seconds after which what was read is read again before something is written
OF_THE_SERVER = ("managedFields", "resourceVersion")
FORCE = "--force-owned changes it all the same"
LEARNS_RIGHTS = 10.0  # seconds that an API server may take to know again who may do what
CONFLICTS = 8  # so many in a row are not somebody's edit any more


@dataclass(frozen=True)
class Manner:
    """How a driver goes: times in seconds, and what it takes upon itself.

    `timeout` is how long others may take for one thing. `skip` leaves phases out where that is safe. `stays` at the
    wheel where a phase is reached, has it noted since when, and leaves the pods there that a phase has beyond its own.
    """

    timing: Timing
    timeout: float
    accepts_unobserved: bool = False
    accepts_unclaimed: bool = False
    forces_owned: bool = False
    skip: bool = False
    stays: bool = False


@dataclass
class Patience:
    """Since when a driver has been waiting for one thing, and when it looked at pods last; None where it has not."""

    since: float | None = None
    explained: float | None = None
    told: str = ""
    troubles: tuple[str, ...] = ()


class Drive:
    """One run of a driver."""

    def __init__(
        self, plan: Plan, generator: Generator, world: Surroundings, wheel: Wheel, manner: Manner
    ) -> None:
        self.plan, self.generator = plan, generator
        self.world, self.wheel, self.manner = world, wheel, manner
        if wheel.first:
            self._go_back()
        self.moved, self.conflicts, self.read_at = False, 0, 0.0
        self.accepted: tuple[object, float] | None = (
            None  # the routes as they are, and since when they are accepted
        )
        self.known: tuple[object, Step] | None = None  # the step from the objects as they were read last
        self.lacked: float | None = None  # when pods lacked something last, or were looked at first
        self.held: Mapping[str, Any] | None = None  # the Lease as it was read last
        self.notes, self.wheel.marking, self.wheel.closing = Notes(plan), self._marks, self._closes
        self.arrived: Phase | None = None
        self.seen: Objects = {}  # the objects as they were read last
        self.is_fresh = False  # whether nothing was done since they were
        self.patience, self.away, self.doubts = Patience(), Patience(), Patience()

    def to(self, goal: str, meanwhile: Callable[[], None] | None = None) -> None:
        """Lead the release to a phase; `meanwhile` is done after each thing that is.

        Raises Refused where a step is not safe or another drives, WorldError where the cluster does not get there.
        """
        self.patience = Patience()
        while not self.persist(lambda: self._advanced(goal)):
            if meanwhile is not None:
                meanwhile()

    def look(self) -> Objects:
        """The objects as they are now. Raises Refused where another drives, or nobody may."""
        objects, self.held = self.world.cluster.read()
        self.seen, self.read_at = objects, self.world.clock.watch()
        self.wheel.keep(objects, self.held)
        if self.wheel.taken or not self.wheel.first:
            self.wheel.mind_hold(objects)
        return objects

    def here(self) -> Phase:
        """The phase that the cluster is in. Raises Refused where a rule of the release's cannot be told."""
        objects = self.persist(self.look)
        self.is_fresh = True
        return phase_of(self.plan, objects)

    def since(self) -> Since | None:
        """What the first route said of the phase that the release is in, and since when, as it was read last."""
        first = next((self.seen[part.key] for part in self.wheel.routes[:1] if part.key in self.seen), None)
        return None if first is None else self.notes.read(first, self.world.clock.utc())

    def turn_back(self) -> None:
        """Go back from here on: what others have done to the routes stops nothing any more."""
        self.wheel.first = True
        self.manner, self.known, self.patience = replace(self.manner, stays=False), None, Patience()
        self._go_back()

    def _go_back(self) -> None:
        """Plan the way back. It is refused for nothing, and to judge what the server will judge takes time."""
        self.plan, self.generator = self.plan.going_back(), self.generator.without_judging()

    def rehearse(self, goal: str) -> Step:
        """The step to a phase, every change of which the server would take. Raises WorldError for what it refuses."""
        return self.persist(lambda: self._rehearsed(goal))

    def others(self) -> list[Owner]:
        """Who brings the routes back to what Git says."""
        objects = self.persist(self.look)
        found = (
            owner
            for part in self.wheel.routes
            if part.key in objects
            for owner in owners.owners(objects[part.key])
        )
        return list(dict.fromkeys(owner for owner in found if owner.reconciles))

    def _rehearsed(self, goal: str) -> Step:
        step = self.permitted(goal)
        creations = [change.after.value for change in step.changes if isinstance(change, Creation)]
        if creations:
            self.world.cluster.create(creations, trying=True)
        for change in step.changes:
            if isinstance(change, Alteration):
                self.world.cluster.patch(change.part, change.operations(), trying=True)
        return step

    def permitted(self, goal: str) -> Step:
        """The step to a phase, as far as nothing is written to find out. Raises Refused where it must not be taken."""
        objects = self.look()
        step = self._step(goal, objects)
        self._mind_owners(step, objects)
        if not self.manner.accepts_unclaimed:
            self._refuse_unclaimed(step)
        return step

    def _mind_owners(self, step: Step, objects: Objects) -> None:
        """Say who else writes what a step changes. Raises Refused where they would undo it."""
        found = [
            (change.part, owner)
            for change in step.changes
            if change.part.key in objects
            for owner in owners.owners(objects[change.part.key])
        ]
        undoing = [(part, owner) for part, owner in found if owner.reconciles]
        if undoing and not self.manner.forces_owned:
            raise Refused("others would undo this", [_undone(part, owner) for part, owner in undoing], FORCE)
        for title in dict.fromkeys(owner.title for _, owner in found):
            self.world.tell(Event("finding", f"note: {title} writes these objects too"))

    def _refuse_unclaimed(self, step: Step) -> None:
        """Raises Refused where the routes would need what their implementation does not claim to do."""
        wanted = features.added(step)
        gateways = {
            (ref.get("namespace") or part.namespace, ref["name"])
            for part, ref in _parent_refs(step)
            if ref.get("kind", "Gateway") == "Gateway"
        }
        classes = self.world.cluster.classes(sorted(gateways, key=str)) if wanted else {}
        findings = list(features.unclaimed(wanted, classes))
        if findings:
            raise Refused("the implementation does not claim what this phase needs", findings)

    def _step(self, goal: str, objects: Objects) -> Step:
        state = (goal, {key: _without_status(value) for key, value in objects.items()})
        if self.known is None or self.known[0] != state:
            skip = self.manner.skip
            step, findings = live_step(self.plan, self.generator, goal, objects, skip=skip, resumes=True)
            for finding in findings:
                self._tell_once("finding", str(finding))
            self.known = (state, self._without_losses(step) if self.manner.stays else step)
        return self.known[1]

    def _without_losses(self, step: Step) -> Step:
        """A step that takes nothing away in the phase that the release is in: it may be there for the next.

        After the last phase there is no next, and what a killed run has left goes.
        """
        is_over = step.phase.name == self.plan.phases[-1].name
        if is_over or step.start.name != step.phase.name:
            return step
        return replace(step, changes=tuple(change for change in step.changes if not moves.takes_away(change)))

    def persist(self, action: Callable[[], Answer]) -> Answer:
        """Do something until it is done, as long as it is the network or somebody's edit that stands in the way."""
        while True:
            try:
                answer = action()
            except Unreachable as error:
                self._bear(error)
            except Forbidden as error:
                self._doubt(error)
            except Conflict as error:
                self._give_way(error)
            else:
                self.away, self.doubts, self.conflicts = Patience(), Patience(), 0
                return answer

    def _advanced(self, goal: str) -> bool:
        objects = self.seen if self.is_fresh else self.look()
        self.is_fresh = False
        step = self._step(goal, objects)
        move = self._next(step, objects)
        if self._is_stale():
            objects = self._looked_again(objects)
        is_there = isinstance(move, Arrived) and not self.wheel.is_left_behind(objects, self.held)
        noting = self._noting(step.phase, objects) if is_there else None
        if is_there and noting is None and (self.wheel.taken or not self.manner.stays):
            self.arrived = step.phase
            return True
        if not self.wheel.taken and not (self.wheel.first and _moves_requests(move)):
            self.wheel.take(objects)
        elif noting is not None:
            self.world.cluster.patch(*noting)
        elif isinstance(move, Make):
            self._make(move.changes, objects)
            self.patience = Patience()
        elif isinstance(move, Wait):
            self._wait(move, objects)
        elif isinstance(move, Rest):
            self._rest(move)
        return False

    def _is_stale(self) -> bool:
        """Whether nothing may be written any more from what was read last."""
        return self.world.clock.watch() - self.read_at > STALE

    def _looked_again(self, objects: Objects) -> Objects:
        """What was read a while ago, where it is the same still. Raises Conflict where it is not."""
        again = self.look()
        if {key: _without_status(value) for key, value in again.items()} != {
            key: _without_status(value) for key, value in objects.items()
        }:
            raise Conflict("the objects have changed meanwhile")
        return again

    def _next(self, step: Step, objects: Objects) -> Move:
        application, timing = self.plan.application, self.manner.timing
        seen = Seen(objects, accepts_unobserved=self.manner.accepts_unobserved, has_moved=self.moved)
        seen = replace(seen, settled=self._settled(step, seen), steady=self._steady())
        move = moves.next_move(step, application, seen, timing)
        if not isinstance(move, Look):
            return move
        counted = replace(seen, endpoints=self.world.cluster.endpoints(move.services))
        return moves.next_move(step, application, counted, timing)

    def _settled(self, step: Step, seen: Seen) -> float | None:
        """For how many seconds the routes have been accepted as they are, as far as this driver has seen."""
        if moves.unaccepted(step, seen):
            self.accepted = None
            return None
        routes = [seen.objects[part.key] for part in step.parts if part.is_route and part.key in seen.objects]
        state = [(route["metadata"].get("uid"), route["metadata"].get("generation")) for route in routes]
        now = self.world.clock.watch()
        if self.accepted is None or self.accepted[0] != state:
            self.accepted = (state, now)
        return now - self.accepted[1]

    # --- time ---

    def _steady(self) -> float:
        """For how many seconds pods have been seen to lack nothing."""
        now = self.world.clock.watch()
        self.lacked = now if self.lacked is None else self.lacked
        return now - self.lacked

    def _wait(self, move: Wait, objects: Objects) -> None:
        """Give others time. Raises WorldError where they have had enough."""
        now = self.world.clock.watch()
        self.patience.since = now if self.patience.since is None else self.patience.since
        if not all(isinstance(lack, ForParent) for lack in move.lacking):
            self.lacked = now
        words = [str(move), *self._troubles(move, objects)]
        self.tell_on("waiting", "; ".join(words), since=self.patience.since)
        if now - self.patience.since > self.manner.timeout:
            message = f"after {self.manner.timeout:g} s still not there: {'; '.join(words)}"
            raise TooLate(message, "what was done stays; the same command goes on from there")
        self.world.clock.sleep(LOOK_EVERY)

    def _troubles(self, move: Wait, objects: Objects) -> tuple[str, ...]:
        """What keeps pods from being ready, as it was when they were looked at last."""
        now = self.world.clock.watch()
        last = self.patience.explained or self.patience.since or now
        if now - last < EXPLAIN_EVERY:
            return self.patience.troubles
        self.patience.explained, self.patience.troubles = now, ()
        deployments = [objects[lack.part.key] for lack in move.lacking if isinstance(lack, ForPods)]
        with contextlib.suppress(WorldError):  # who may not see pods waits without an explanation
            pods = [pod for deployment in deployments for pod in self.world.cluster.pods(deployment)]
            self.patience.troubles = tuple(dict.fromkeys(filter(None, map(statuses.pod_trouble, pods))))
        return self.patience.troubles

    def _rest(self, move: Rest) -> None:
        self.patience = Patience(told=self.patience.told)
        self.tell_on("resting", str(move), move.reason)
        self.world.clock.sleep(min(move.seconds, LOOK_EVERY))

    def _bear(self, error: Unreachable) -> None:
        """Wait for a cluster that does not answer. Raises what it raised once that has taken too long."""
        now = self.world.clock.watch()
        self.away.since = now if self.away.since is None else self.away.since
        if now - self.away.since > self.manner.timeout:
            raise error
        text = f"the cluster does not answer, trying again: {_last_line(error.message)}"
        self.tell_on("away", text, "away", self.away.since)
        self.world.clock.sleep(LOOK_EVERY)

    def _doubt(self, error: Forbidden) -> None:
        """Ask again where something was allowed, or nothing answered: a server that starts learns last who may do what.

        Raises what it raised once that has taken too long.
        """
        now = self.world.clock.watch()
        self.doubts.since = now if self.doubts.since is None else self.doubts.since
        if not (self.read_at or self.away.since) or now - self.doubts.since > LEARNS_RIGHTS:
            raise error
        text = f"the cluster forbids what it may allow in a moment, trying again: {_last_line(error.message)}"
        self.tell_on("away", text, "forbidden", self.doubts.since)
        self.world.clock.sleep(LOOK_EVERY)

    def _give_way(self, error: Conflict) -> None:
        """Look again where somebody was quicker. Raises what was raised once that happens again and again."""
        self.conflicts += 1
        if self.conflicts > CONFLICTS:
            raise error
        self.world.tell(
            Event("conflict", f"somebody was quicker, looking again: {_last_line(error.message)}")
        )
        self.world.clock.sleep(LOOK_EVERY / 5)

    def _tell_once(self, kind: str, text: str, same_as: str = "") -> bool:
        """Tell something that was not told last; whether it was not."""
        is_new = self.patience.told != (same_as or text)
        if is_new:
            self.patience.told = same_as or text
            self.world.tell(Event(kind, text))
        return is_new

    def tell_on(self, kind: str, text: str, same_as: str = "", since: float | None = None) -> None:
        """Tell something that lasts, and then that it does."""
        if not self._tell_once(kind, text, same_as):
            seconds = None if since is None else self.world.clock.watch() - since
            self.world.tell(Event("tick", text, seconds=seconds))

    # --- since when ---

    def _marks(self, part: Part, route: Mapping[str, Any]) -> list[Op]:
        """What the first route says of the phase that it is led to."""
        if self.known is None or part.key != self.wheel.routes[0].key:
            return []
        return self.notes.on_the_way(self.known[1].phase, route, self.world.clock.utc())

    def _closes(self, part: Part, route: Mapping[str, Any]) -> list[Op]:
        """What the first route says of the phase where a driver has left it, if it has said that it goes there."""
        if self.arrived is None or part.key != self.wheel.routes[0].key or self.since() is None:
            return []
        return self.notes.at_the_end(self.arrived, route, self.world.clock.utc(), always=True)

    def _noting(self, goal: Phase, objects: Objects) -> tuple[Part, list[Op]] | None:
        """The patch that the first route lacks once a phase is reached; None where it says all."""
        first = next((part for part in self.wheel.routes[:1] if part.key in objects), None)
        if first is None:
            return None
        route, now = objects[first.key], self.world.clock.utc()
        lacking = self.notes.at_the_end(goal, route, now, always=self.manner.stays)
        return (first, [lease.fenced(self.wheel.release, self.world.driver), *lacking]) if lacking else None

    # --- changes ---

    def _make(self, changes: Sequence[Change], objects: Objects) -> None:
        """Make changes, new objects in one call; none of them from an old look."""
        creations = [change for change in changes if isinstance(change, Creation)]
        if creations:
            self.world.cluster.create([self.wheel.created(change) for change in creations])
            self._tell_made(creations, "created")
            return
        self._refuse_half(changes)
        for number, change in enumerate(changes):
            if number and self._is_stale():
                return
            self._change(change, objects)

    def _refuse_half(self, changes: Sequence[Change]) -> None:
        """Forward, several routes change all or none. Raises what the server would."""
        routes = [change for change in changes if change.part.is_route and isinstance(change, Alteration)]
        if len(routes) > 1 and not self.wheel.first:
            for change in routes:
                self.world.cluster.patch(change.part, self.wheel.operations(change), trying=True)

    def _change(self, change: Change, objects: Objects) -> None:
        if isinstance(change, Alteration):
            self.world.cluster.patch(change.part, self.wheel.operations(change))
            self._tell_made([change], "patched")
        elif isinstance(change, Removal):
            self.world.cluster.delete(change.part, str(objects[change.part.key]["metadata"].get("uid")))
            self._tell_made([change], "deleted")

    def _tell_made(self, changes: Iterable[Change], done: str) -> None:
        for change in changes:
            if change.part.is_route:
                self.moved, self.accepted = True, None
            self.lacked = self.world.clock.watch() if change.part.kind == "Deployment" else self.lacked
            self.world.tell(Event("made", done, change.part))


def _moves_requests(move: Move) -> bool:
    """Whether a move changes routes alone."""
    return isinstance(move, Make) and all(change.part.is_route for change in move.changes)


def _undone(part: Part, owner: Owner) -> Finding:
    message = f"{owner.title} brings it back to what Git says"
    return Finding("owner", "error", (), message, Where(part.title), f"{owner.git}; or {owner.suspend}")


def _parent_refs(step: Step) -> Iterator[tuple[Part, dict[str, Any]]]:
    """The parentRefs of the routes that a step changes."""
    for change in step.changes:
        if change.part.is_route and not isinstance(change, Removal):
            for ref in change.after.value["spec"].get("parentRefs") or []:
                yield change.part, ref


def _without_status(value: dict[str, Any]) -> dict[str, Any]:
    """What of an object a step is made from."""
    metadata = {key: known for key, known in value["metadata"].items() if key not in OF_THE_SERVER}
    return {key: metadata if key == "metadata" else known for key, known in value.items() if key != "status"}


def _last_line(text: str) -> str:
    """What kubectl said last, without how it was called: a patch may be long."""
    return text.strip().rpartition("\n")[2].rpartition("` failed: ")[2]
