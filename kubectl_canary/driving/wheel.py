"""Who drives: taken, kept and given back.

A Lease says it to drivers, and a note on each route says it to the API server: every patch of a route tests it. A way
back writes its note in the patch that leads back, and takes the Lease afterwards, so that nobody has to wait for
safety.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from kubectl_canary.driving import lease
from kubectl_canary.driving.lease import Held
from kubectl_canary.driving.moves import Objects
from kubectl_canary.driving.world import Event, Surroundings
from kubectl_canary.errors import CanaryError, Conflict, Refused, Unreachable, WorldError
from kubectl_canary.findings import Finding, Where
from kubectl_canary.records import dataclass
from kubectl_canary.release.changes import Alteration, Creation
from kubectl_canary.release.documents import Part
from kubectl_canary.release.patches import Op

Marking = Callable[[Part, Mapping[str, Any]], list[Op]]
LOOK_EVERY = 1.0  # seconds between two looks at a Lease of another's


@dataclass
class Wheel:
    """The Lease of a release and the notes on its routes, for one driver.

    `leases` says that there is a Lease to take. `first` says that this is a way back, which waits for nobody.
    """

    release: str
    namespace: str | None
    routes: Sequence[Part]
    world: Surroundings
    leases: bool
    first: bool
    taken: bool = False
    wrote: bool = False
    uid: str = ""
    renewed: float = 0.0
    marking: Marking | None = None  # what else a route says once it is patched
    closing: Marking | None = None  # what else it says once this driver gives it back

    def take(self, objects: Objects) -> None:
        """Become the one who drives.

        Raises Refused where another does, Conflict where the routes are not as they were read, WorldError where there
        may be no Lease.
        """
        self.wrote = True
        if self.leases:
            self._try_lease()
        elif not self.first:
            self._refuse_noted(objects)
        for part in self._there(objects):
            route = objects[part.key]
            if lease.noted(route, self.release) != str(self.world.driver):
                taking = (
                    [*self._noting(route), *self._marked(part, route)] if self.first else self._claim(route)
                )
                self.world.cluster.patch(part, taking)
        self.taken = True

    def _refuse_noted(self, objects: Objects) -> None:
        """Raises Refused where a note says that somebody drives who may be alive: without a Lease nothing else does."""
        for part in self._there(objects):
            noted = lease.noted(objects[part.key], self.release)
            driver = lease.Driver.of(noted) if noted else None
            if noted and not (driver and (driver == self.world.driver or self.world.has_ended(driver))):
                hint = "wait for it, or go back: a rollback takes over from whoever drives"
                raise _refused("another drives this release", lease.driver_text(noted), hint)

    def keep(self, objects: Objects, held: Mapping[str, Any] | None) -> None:
        """Be sure that nobody else drives now, and that the Lease does not expire.

        Raises Refused where somebody does.
        """
        if not self.taken:
            return
        if self.leases:
            self._keep_lease(lease.held(held))
        for part in self._there(objects):
            noted = lease.noted(objects[part.key], self.release)
            if noted is None:
                self.world.cluster.patch(part, self._claim(objects[part.key]))
            elif noted != str(self.world.driver):
                raise _refused(
                    "another drives", f"{lease.driver_text(noted)} has taken over: nothing more was done"
                )

    def mind_hold(self, objects: Objects) -> None:
        """Raises Refused where a route is held."""
        for part in self._there(objects):
            reason = (objects[part.key]["metadata"].get("annotations") or {}).get(lease.HOLD)
            if reason is not None:
                message = f"{part.title} has the annotation {lease.HOLD}: {reason or 'it says no reason'}"
                raise _refused("the release is held", message, self._without_hold(part))

    def is_left_behind(self, objects: Objects, held: Mapping[str, Any] | None) -> bool:
        """Whether there are a Lease or notes that this driver has not taken: of one that was killed, or that drives."""
        noted = [lease.noted(objects[part.key], self.release) for part in self._there(objects)]
        return not self.taken and (lease.held(held) is not None or any(noted))

    def drop(self) -> None:
        """Give back what was taken, as far as it is still this driver's; what cannot be given back expires."""
        if not self.wrote:
            return
        objects, held = self._as_they_are()
        for part in self._there(objects):
            if lease.noted(objects[part.key], self.release) == str(self.world.driver):
                closing = self.closing(part, objects[part.key]) if self.closing is not None else []
                with contextlib.suppress(CanaryError):
                    forgetting = lease.forgetting(self.release, self.world.driver)
                    self.world.cluster.patch(part, [*forgetting, *closing])
        there = lease.held(held)
        if there is not None and there.identity == str(self.world.driver):
            with contextlib.suppress(CanaryError):
                self.world.cluster.drop_lease(there.uid)

    def _as_they_are(self) -> tuple[Objects, Mapping[str, Any] | None]:
        """The objects and the Lease, asked for twice; nothing where there is no answer."""
        for _ in range(2):
            with contextlib.suppress(CanaryError):
                return self.world.cluster.read()
        return {}, None

    def operations(self, change: Alteration) -> list[Op]:
        """The patch of an object; that of a route tests that this driver is the one, or says so."""
        operations = change.operations()
        if not change.part.is_route:
            return operations
        marks = self._marked(change.part, change.before.value)
        if self.taken:
            return [lease.fenced(self.release, self.world.driver), *operations, *marks]
        self.wrote = True
        return [*operations, *self._noting(change.before.value), *marks]

    def _marked(self, part: Part, route: Mapping[str, Any]) -> list[Op]:
        return self.marking(part, route) if self.marking is not None else []

    def created(self, change: Creation) -> dict[str, Any]:
        """What is made; a route with the note."""
        value = change.after.value
        if not change.part.is_route:
            return value
        metadata = value["metadata"]
        note = {lease.annotation(self.release): str(self.world.driver)}
        return {
            **value,
            "metadata": {**metadata, "annotations": {**(metadata.get("annotations") or {}), **note}},
        }

    def _there(self, objects: Objects) -> Iterator[Part]:
        return (part for part in self.routes if part.key in objects)

    def _claim(self, route: Mapping[str, Any]) -> list[Op]:
        return lease.claim(route, self.release, self.world.driver)

    def _noting(self, route: Mapping[str, Any]) -> list[Op]:
        return lease.noting(route, self.release, self.world.driver)

    def _without_hold(self, part: Part) -> str:
        place = f" -n {part.namespace}" if part.namespace else ""
        return f"kubectl annotate {part.kind.lower()} {part.name}{place} {lease.HOLD}- takes it off"

    # --- the Lease ---

    def _try_lease(self) -> None:
        """Take the Lease; a way back goes on where there may be none."""
        try:
            self._take_lease()
        except (Refused, Conflict, Unreachable):
            raise
        except WorldError as error:
            if not self.first:
                raise
            self.leases = False
            self.world.tell(Event("finding", f"without a Lease: {error.message}"))

    def _take_lease(self) -> None:
        """Make the Lease, or take one over that nobody renews. Raises Refused where somebody does."""
        watched: tuple[str, float] | None = None
        while True:
            _, found = self.world.cluster.read()
            held = lease.held(found)
            if held is None or self.first or held.identity == str(self.world.driver) or self._has_ended(held):
                if self._is_written(found):
                    return
                self.world.clock.sleep(LOOK_EVERY)
                continue
            watched = self._watched(held, watched)
            if self.world.clock.watch() - watched[1] > lease.DURATION and self._is_written(found):
                return
            self.world.clock.sleep(LOOK_EVERY)

    def _watched(self, held: Held, watched: tuple[str, float] | None) -> tuple[str, float]:
        """Since when a Lease of another's has not been renewed. Raises Refused where it has been."""
        text = f"{held}: waiting to see whether it is alive"
        if watched is None:
            self.world.tell(Event("waiting", text))
            return f"{held.identity} {held.renewed}", self.world.clock.watch()
        if watched[0] != f"{held.identity} {held.renewed}":
            hint = "wait for it, or go back: a rollback takes over from whoever drives"
            raise _refused("another drives this release", f"{held}", hint)
        self.world.tell(Event("tick", text, seconds=self.world.clock.watch() - watched[1]))
        return watched

    def _has_ended(self, held: Held) -> bool:
        driver = lease.Driver.of(held.identity)
        return driver is not None and self.world.has_ended(driver)

    def _is_written(self, found: Mapping[str, Any] | None) -> bool:
        """Whether the Lease could be written in the place of what was found; not where another was quicker."""
        version = str(found["metadata"].get("resourceVersion")) if found else ""
        now, driver = self.world.clock.utc(), self.world.driver
        try:
            self.world.cluster.take_lease(lease.document(self.release, self.namespace, driver, now, version))
        except Conflict:
            return False
        self.renewed = self.world.clock.watch()
        return True

    def _keep_lease(self, held: Held | None) -> None:
        if held is None and self.first and self._is_written(None):
            return  # somebody has deleted it, and a way back does not stop half way for that
        if held is None or held.identity != str(self.world.driver):
            by = f"{held} has taken over" if held else "the Lease of this release is gone"
            raise _refused("another drives", f"{by}: nothing more was done")
        if self.world.clock.watch() - self.renewed > lease.RENEWAL:
            self.world.cluster.renew_lease(lease.renewal(self.world.driver, self.world.clock.utc()))
            self.renewed = self.world.clock.watch()


def _refused(title: str, message: str, hint: str = "") -> Refused:
    return Refused(title, [Finding("driver", "error", (), message, Where("the cluster"), hint)])
