"""What `kubectl canary run` does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.flags import DriveFlags, ReleaseFlags
from kubectl_canary.commands.run.driving import Call, call_of, driving, namespace_of, say_where
from kubectl_canary.commands.run.measuring import Measuring
from kubectl_canary.commands.run.releases import say_what_follows
from kubectl_canary.commands.run.wayback import go_back
from kubectl_canary.commands.running import RunFlags
from kubectl_canary.driving import runs
from kubectl_canary.driving.driver import Drive
from kubectl_canary.driving.verdicts import Measurement, Verdict
from kubectl_canary.driving.watching import Asked, Watch
from kubectl_canary.driving.world import Event
from kubectl_canary.errors import CanaryError, UsageError
from kubectl_canary.outside import files, process, terminal
from kubectl_canary.outside.background import Background
from kubectl_canary.outside.output import say
from kubectl_canary.release.application import Version
from kubectl_canary.release.gates import Gate
from kubectl_canary.release.plan import Phase, PhaseKind
from kubectl_canary.reports.programs import as_json

ROLLED_BACK, INTERRUPTED = 5, 130
STOPPED = {Verdict.FAILED: 1, Verdict.INCONCLUSIVE: 6}


class Ended(Exception):
    """A gate has said that the release must not go on."""

    def __init__(self, phase: Phase, verdict: Verdict) -> None:
        super().__init__(phase.name)
        self.phase, self.verdict = phase, verdict


def run(
    release_flags: ReleaseFlags, flags: RunFlags, drive_flags: DriveFlags, cluster_flags: ClusterFlags
) -> int:
    """Lead the release to its end, as its gates allow; the exit code says how it ended."""
    call = call_of("run", release_flags, drive_flags, cluster_flags)
    if not call.release.plan.application.has_release:
        raise UsageError(
            "there is nothing to release", "write spec.canary into the file, or say --canary-tag"
        )
    leading = Run(call, flags)
    leading.asking.measuring.check([gate for phase in call.release.plan.phases for gate in phase.gates])
    leading.report(None)  # what cannot be written is said before anything is done
    code = None
    try:
        with process.interruptible():
            code = leading.code()
    finally:
        process.end_all()
        try:
            leading.report(code)
        except CanaryError as error:
            say(f"the report is not written: {error.message}")
    return code


class Run:
    """One run: what it measures, and how it ends."""

    def __init__(self, call: Call, flags: RunFlags) -> None:
        self.call, self.flags = call, flags
        self.measured: list[dict[str, Any]] = []
        self.asking = Asker(Measuring(call.release, namespace_of(call), lambda _: False))

    def report(self, code: int | None) -> None:
        """Write what was measured so far, where that is wanted. Raises WorldError where it cannot be written."""
        if self.flags.report is not None:
            files.write(self.flags.report, as_json({"exitCode": code, "measured": self.measured}), over=True)

    def code(self) -> int:
        """Lead the release, and answer with the exit code."""
        try:
            with driving(self.call, stays=True, hears=self._heard) as drive:
                is_over = self._led(drive)
        except Ended as ended:
            return self._stopped(ended)
        except KeyboardInterrupt:
            return self._interrupted()
        if not is_over:
            return self._back("the release was on its way back")
        end = self.call.release.plan.phases[-1]
        say_where(self.call, end)
        say_what_follows(self.call.release, end)
        return 0

    def _heard(self, event: Event) -> None:
        if event.kind == "measured":
            self.measured.append(dict(event.more or {}))

    def _led(self, drive: Drive) -> bool:
        """Lead the release to its end; not where it is on its way back. Raises Ended where a gate says so."""
        objects = drive.persist(drive.look)
        since = drive.since(objects)
        if since is not None and since.is_back:
            return False
        for phase in runs.way(drive.plan, drive.here(), since):
            watch = Watch(drive, phase, self.asking)
            drive.rehearse(phase.name)
            drive.to(phase.name, _glancing(watch) if phase.kind is PhaseKind.PROMOTE_ROLL else None)
            if phase.lasts or phase.gates:
                _refuse(watch, watch.verdict())
        return True

    def _stopped(self, ended: Ended) -> int:
        why = f"a gate of {ended.phase.name} {'has failed' if ended.verdict is Verdict.FAILED else 'is inconclusive'}"
        goes_back = self.flags.on_failure if ended.verdict is Verdict.FAILED else self.flags.on_inconclusive
        if goes_back == "rollback":
            return self._back(why)
        say(f"{why}: stopped at {ended.phase.name}")
        self._say_ways()
        return STOPPED[ended.verdict]

    def _interrupted(self) -> int:
        if self.flags.on_interrupt == "rollback":
            return self._back("interrupted")
        say("interrupted: the release stays where it is")
        self._say_ways()
        return INTERRUPTED

    def _back(self, why: str) -> int:
        say(f"{why}: going back")
        with driving(self.call, first=True) as drive:
            go_back(drive, keeps=False)
        application = self.call.release.plan.application
        say(f"{application.title} is at {application.called(Version.OLD)}")
        return ROLLED_BACK

    def _say_ways(self) -> None:
        say(f"Go on: {self.call.command('run')}  Way back: {self.call.command('rollback')}")


def _glancing(watch: Watch) -> Callable[[], None]:
    """What is done while stable rolls: the canary has all requests, and is watched."""
    return lambda: _refuse(watch, watch.glance())


def _refuse(watch: Watch, verdict: Verdict | None) -> None:
    """Raises Ended for a verdict that stops a release."""
    if verdict in STOPPED:
        raise Ended(watch.phase, verdict)


class Asker:
    """Measures gates beside the driver, so that a slow answer keeps nobody from the wheel."""

    def __init__(self, measuring: Measuring) -> None:
        self.measuring = measuring
        self.background: Background[tuple[Asked, Gate], Measurement] = Background()

    def ask(self, gate: Gate, asked: Asked) -> None:
        """Begin to measure a gate."""
        self.background.start((asked, gate), lambda: self.measuring.measured(gate, asked))

    def answers(self) -> Sequence[tuple[Asked, Gate, Measurement]]:
        """The measurements that have come, each with what was asked."""
        return [(asked, gate, measurement) for (asked, gate), measurement in self.background.ended()]

    def agrees(self) -> bool:
        """Whether somebody at the terminal has said yes."""
        return terminal.has_said_yes()
