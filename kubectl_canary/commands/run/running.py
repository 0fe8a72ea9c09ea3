"""What `kubectl canary run` does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.flags import DriveFlags, ReleaseFlags
from kubectl_canary.commands.run.calls import Call, call_of, namespace_of
from kubectl_canary.commands.run.driving import driving, say_where
from kubectl_canary.commands.run.measuring import Measuring
from kubectl_canary.commands.run.releases import say_what_follows
from kubectl_canary.commands.run.wayback import go_back
from kubectl_canary.commands.running import RunFlags
from kubectl_canary.driving import runs
from kubectl_canary.driving.driver import Drive
from kubectl_canary.driving.verdicts import Measurement, Verdict
from kubectl_canary.driving.watching import Asked, Watch
from kubectl_canary.driving.world import Event
from kubectl_canary.errors import CanaryError, TooLate, UsageError
from kubectl_canary.outside import places, process, terminal
from kubectl_canary.outside.background import Background
from kubectl_canary.outside.output import say
from kubectl_canary.records import dataclass, field
from kubectl_canary.release.application import Version
from kubectl_canary.release.gates import Gate
from kubectl_canary.release.plan import Phase, PhaseKind
from kubectl_canary.reports.programs import as_json

DONE, STOPPED, ROLLED_BACK, INCONCLUSIVE, INTERRUPTED = 0, 1, 5, 6, 130


@dataclass
class End(Exception):
    """How a run ends: the exit code where it stops, what then becomes of the release, and why."""

    code: int
    action: str
    why: str


@dataclass
class Report:
    """What is told of a run at its end: the exit code (None as long as there is none), why, what was measured."""

    file: str | None
    code: int | None = None
    why: str = ""
    measured: list[dict[str, Any]] = field(default_factory=list)

    def hear(self, event: Event) -> None:
        """Take up what a gate's measurement was."""
        if event.kind == "measured":
            self.measured.append(dict(event.more or {}))

    def write(self) -> None:
        """Write it where that is wanted. Raises WorldError where it cannot be written."""
        if self.file is not None:
            text = as_json({"exitCode": self.code, "why": self.why, "measured": self.measured})
            places.write(self.file, text, over=True)


def run(
    release_flags: ReleaseFlags, flags: RunFlags, drive_flags: DriveFlags, cluster_flags: ClusterFlags
) -> int:
    """Lead the release to its end, as its gates allow; the exit code says how it ended."""
    call = call_of("run", release_flags, drive_flags, cluster_flags)
    if not call.release.plan.application.has_release:
        raise UsageError(
            "there is nothing to release", "write spec.canary into the file, or say --canary-tag"
        )
    report = Report(flags.report)
    _refuse_own_file(call, flags)
    leading = Run(call, flags, report)
    leading.asking.measuring.check([gate for phase in call.release.plan.phases for gate in phase.gates])
    report.write()  # what cannot be written is said before anything is done
    try:
        with process.interruptible():
            report.code = leading.code()
    except CanaryError as error:
        report.code, report.why = error.exit_code, error.message
        raise
    finally:
        process.end_all()
        _write(report)
    return report.code


def _refuse_own_file(call: Call, flags: RunFlags) -> None:
    """Raises UsageError where a report would take the place of the canary file."""
    if flags.report is not None and any(
        places.are_same(flags.report, file) for file in call.release_flags.files
    ):
        raise UsageError(f"--report {flags.report}: that is the canary file", "name another file")


def _write(report: Report) -> None:
    try:
        report.write()
    except CanaryError as error:
        say(f"the report is not written: {error.message}")


class Run:
    """One run of a release."""

    def __init__(self, call: Call, flags: RunFlags, report: Report) -> None:
        self.call, self.flags, self.report = call, flags, report
        self.asking = Asker(Measuring(call.release, namespace_of(call), lambda _: False))
        self.is_over = False

    def code(self) -> int:
        """Lead the release, and answer with the exit code."""
        try:
            with driving(self.call, stays=True, hears=self.report.hear) as drive:
                code = self._led(drive)
        except KeyboardInterrupt:
            if not self.is_over:
                raise
            code = self.report.code = DONE  # the release was, only the wheel was not given back
        if code == DONE:
            end = self.call.release.plan.phases[-1]
            say_where(self.call, end)
            say_what_follows(self.call.release, end)
        return code

    def _led(self, drive: Drive) -> int:
        try:
            self._lead(drive)
        except End as end:
            return self._ended(drive, end)
        except KeyboardInterrupt:
            return self._ended(drive, End(INTERRUPTED, self.flags.on_interrupt, "interrupted"))
        except TooLate as error:
            return self._ended(drive, End(error.exit_code, self.flags.on_failure, error.message))
        except CanaryError:
            self._say_ways()
            raise
        self.is_over = True
        return DONE

    def _lead(self, drive: Drive) -> None:
        """Lead the release to its end. Raises End where it must not go on."""
        objects = drive.persist(drive.look)
        since = drive.since()
        if since is not None and since.is_back:
            drive.persist(lambda: drive.wheel.take(objects))
            raise End(STOPPED, "rollback", "the release was on its way back")
        if since is not None and since.is_kept:
            raise UsageError(
                "the release was taken back, and the canary's pods are kept",
                f"{self.call.command('rollback')} ends it; "
                f"{self.call.command('apply', '--phase', 'deploy')} begins anew",
            )
        for phase in runs.way(drive.plan, drive.here(), since):
            self._through(drive, phase)

    def _through(self, drive: Drive, phase: Phase) -> None:
        """Lead the release to a phase, and stay as long as it lasts."""
        watch = Watch(drive, phase, self.asking)
        drive.rehearse(phase.name)
        drive.to(phase.name, self._glancing(watch) if phase.kind is PhaseKind.PROMOTE_ROLL else None)
        if phase.lasts or phase.gates:
            self._refuse(watch, watch.verdict())

    def _glancing(self, watch: Watch) -> Callable[[], None]:
        """What is done while stable rolls: the canary has all requests, and is watched."""
        return lambda: self._refuse(watch, watch.glance())

    def _refuse(self, watch: Watch, verdict: Verdict | None) -> None:
        """Raises End for a verdict that stops a release."""
        if verdict is Verdict.FAILED:
            raise End(STOPPED, self.flags.on_failure, f"a gate of {watch.phase.name} has failed")
        if verdict is Verdict.INCONCLUSIVE:
            why = f"a gate of {watch.phase.name} is inconclusive"
            raise End(INCONCLUSIVE, self.flags.on_inconclusive, why)

    def _ended(self, drive: Drive, end: End) -> int:
        """Stop, or go back with the same driver: nobody else comes between, and it is the same cluster."""
        goes_back = end.action == "rollback"
        self.report.why = end.why
        code = ROLLED_BACK if goes_back else end.code
        what = "going back" if goes_back else "the release stays where it is"
        drive.world.tell(Event("ended", f"{end.why}: {what}", more={"exitCode": code}))
        if not goes_back:
            self._say_ways()
            return code
        with process.hardly_interruptible(lambda: say("it is going back; once more ends it half way")):
            drive.turn_back()
            try:
                go_back(drive, keeps=False)
            except (CanaryError, KeyboardInterrupt):
                say(f"the way back is not over: {self.call.command('rollback')}")
                raise
        application = self.call.release.plan.application
        say(f"{application.title} is at {application.called(Version.OLD)}")
        return code

    def _say_ways(self) -> None:
        say(f"Go on: {self.call.command('run')}  Way back: {self.call.command('rollback')}")


class Asker:
    """Measures gates beside the driver, so that a slow answer keeps nobody from the wheel."""

    def __init__(self, measuring: Measuring) -> None:
        self.measuring, self.has_hinted = measuring, False
        self.background: Background[tuple[Asked, Gate], Measurement] = Background()

    def ask(self, gate: Gate, asked: Asked) -> None:
        """Begin to measure a gate."""
        self.background.start((asked, gate), lambda: self.measuring.measured(gate, asked))

    def answers(self) -> Sequence[tuple[Asked, Gate, Measurement]]:
        """The measurements that have come, each with what was asked."""
        return [(asked, gate, measurement) for (asked, gate), measurement in self.background.ended()]

    def agrees(self) -> bool:
        """Whether somebody at the terminal has said yes; there it is said once how."""
        if not self.has_hinted and terminal.is_asked():
            self.has_hinted = True
            say("or type yes and Enter here")
        return terminal.has_said_yes()
