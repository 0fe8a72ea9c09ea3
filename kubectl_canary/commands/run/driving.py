"""What the verbs that lead a release through a cluster share: a driver, and what it tells."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from kubectl_canary.api import formats
from kubectl_canary.commands.run.calls import Call
from kubectl_canary.commands.run.cluster import resource
from kubectl_canary.commands.run.releases import generator_of
from kubectl_canary.driving.driver import Drive, Manner
from kubectl_canary.driving.lease import Driver
from kubectl_canary.driving.moves import Timing
from kubectl_canary.driving.wheel import Wheel
from kubectl_canary.driving.world import Event, Surroundings
from kubectl_canary.errors import UsageError, WorldError
from kubectl_canary.outside import process
from kubectl_canary.outside.clock import Clock
from kubectl_canary.outside.output import ClosedPipe, say, write
from kubectl_canary.outside.terminal import LiveLine, live_line
from kubectl_canary.records import dataclass, replace
from kubectl_canary.release.application import Version
from kubectl_canary.release.plan import Phase, PhaseKind
from kubectl_canary.reports.programs import compact

LASTING = ("waiting", "resting", "away", "watching", "tick")  # events that are over with the next one


@contextlib.contextmanager
def driving(
    call: Call,
    *,
    first: bool = False,
    skip: bool = False,
    stays: bool = False,
    hears: Callable[[Event], None] = lambda _: None,
) -> Iterator[Drive]:
    """A driver of the release, who gives back what it has taken, however it ends; `hears` is told what it tells."""
    plan, cluster = call.release.plan, call.cluster
    teller = Teller(call.drive_flags.output, live_line())

    def tell(event: Event) -> None:
        hears(event)
        teller.tell(event)

    world = Surroundings(cluster, Clock(), _driver(call.verb), tell, _has_ended)
    routes = [part for part in cluster.parts if part.is_route]
    leases = not call.drive_flags.no_lease
    wheel = Wheel(plan.application.name, plan.application.namespace, routes, world, leases, first)
    manner = replace(_manner(call, skip), stays=stays)
    drive = Drive(plan, generator_of(call.release, call.release_flags), world, wheel, manner)
    try:
        yield drive
    finally:
        teller.clear()
        wheel.drop()


def _manner(call: Call, skip: bool) -> Manner:
    flags = call.drive_flags
    timing = Timing(_seconds("--propagation", flags.propagation), call.release.plan.application.drain)
    timeout = _seconds("--timeout", flags.timeout)
    accepted = (flags.accepts_unobserved, flags.accepts_unclaimed, flags.forces_owned)
    return Manner(timing, timeout, *accepted, skip)


def _seconds(flag: str, text: str) -> int:
    try:
        return formats.seconds(text)
    except ValueError:
        raise UsageError(f"{flag} {text}: not a duration", f"say {flag} 90s, or 5m") from None


def _driver(verb: str) -> Driver:
    number = process.number()
    return Driver(process.who(), verb, number, process.machine(number))


def _has_ended(driver: Driver) -> bool:
    return process.has_ended(driver.process, driver.machine)


@dataclass(frozen=True)
class Teller:
    """Tells what a driver does: changes on standard output, the rest on standard error; or all of it as JSON lines.

    What lasts is on `line` where there is one, and for nobody else told more than once. A release does not stop half
    way because nobody reads any more.
    """

    output: str
    line: LiveLine | None = None

    def tell(self, event: Event) -> None:
        """One event."""
        try:
            self._write(event)
        except ClosedPipe:
            return
        except WorldError as error:
            say(error.message)

    def clear(self) -> None:
        """Take away what is on the line: something else is about to be said."""
        if self.line is not None:
            self.line.clear()

    def _write(self, event: Event) -> None:
        if self.line is not None and self.output != "json" and event.kind in LASTING:
            self.line.show(event.text, "" if event.seconds is None else f" ({event.seconds:.0f} s)")
        elif event.kind != "tick":
            self.clear()
            self._write_once(event)

    def _write_once(self, event: Event) -> None:
        if self.output == "json":
            write(f"{compact(_as_json(event))}\n")
        elif event.part is not None:
            write(f"{resource(event.part)} {event.text}\n")
        else:
            say(event.text)


def _as_json(event: Event) -> dict[str, Any]:
    about = {"object": resource(event.part)} if event.part else {}
    return {"event": event.kind, **about, "text": event.text, **(event.more or {})}


def say_where(call: Call, phase: Phase) -> None:
    """Where the release is, and what is next."""
    plan = call.release.plan
    following = plan.phases[plan.phases.index(phase) + 1 :]
    words = [f"{plan.application.title} is at {phase.name}."]
    if following and phase.kind is not PhaseKind.BEFORE:
        promotes = following[0].stable_version is Version.NEW
        line = ("promote",) if promotes else ("apply", "--phase", following[0].name)
        words.append(f"Next: {call.command(*line)}")
    if phase.canary_replicas:
        words.append(f"Way back: {call.command('rollback')}")
    say("  ".join(words))
