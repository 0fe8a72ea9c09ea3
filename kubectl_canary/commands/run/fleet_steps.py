"""What `start`, `advance` and `abort` do with a fleet: one step of the targets whose turn it is, as one commit."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from kubectl_canary.commands.advance import AdvanceFlags
from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.declaring import DeclareFlags
from kubectl_canary.commands.flags import ReleaseFlags, command_line
from kubectl_canary.commands.run import abort as back
from kubectl_canary.commands.run import advance as onward
from kubectl_canary.commands.run import fleet as reading
from kubectl_canary.commands.run import fleet_synced
from kubectl_canary.commands.run import start as beginning
from kubectl_canary.commands.run.declaring import Files, Step, changes
from kubectl_canary.commands.run.tree import Tree
from kubectl_canary.commands.start import StartFlags
from kubectl_canary.errors import Refused, UsageError
from kubectl_canary.findings import Finding, Where
from kubectl_canary.outside.output import say
from kubectl_canary.reading import fleets
from kubectl_canary.reading.declaring import GONE, Edits
from kubectl_canary.reading.release import Release
from kubectl_canary.release import fleets as rules
from kubectl_canary.release.application import Engine
from kubectl_canary.release.fleets import Fleet, Order, Standing, Standings, State, Target, Turn, WayBack
from kubectl_canary.release.plan import Phase
from kubectl_canary.reports import engines
from kubectl_canary.reports import fleets as reports
from kubectl_canary.reports.fleets import Moved

NO_FLAGS = StartFlags((), None)
StepOf = Callable[[Files], Step]
SubjectOf = Callable[[Sequence[Moved]], str]
Judge = Callable[[Files, Release, Phase], None]


# --- the verbs ------------------------------------------------------------------------


def start(
    release_flags: ReleaseFlags, flags: StartFlags, declare_flags: DeclareFlags, version: str | None
) -> int:
    """Begin a release in the first wave. Raises Refused while one is under way, or where all run that version."""
    if version is None or flags != NO_FLAGS:
        raise UsageError("a fleet is started with a tag", "say `start VERSION`, without --image and --from")
    with _held(release_flags, declare_flags) as crew:
        crew.refuse_under_way()
        standings = reading.standings(crew.file, version)
        crew.refuse_releases(standings)
        turn = rules.turn(crew.fleet, standings)
        if not turn.moving:
            raise UsageError(f"all targets run {version} already", "name another version")
        return crew.start(turn.moving, version)


def advance(release_flags: ReleaseFlags, flags: AdvanceFlags, declare_flags: DeclareFlags) -> int:
    """Write the next step of the targets whose turn it is.

    Raises Refused where it is too early, where a cluster has not what is declared, or where a target stopped.
    """
    if flags.goal is not None:
        raise UsageError("--to: the targets of a fleet have phases of their own", "leave it out")
    with _held(release_flags, declare_flags) as crew:
        tag = reading.begun(crew.file, release_flags)
        crew.refuse_rearranged()
        standings = reading.standings(crew.file, tag)
        crew.refuse_stopped(standings)
        turn = rules.turn(crew.fleet, standings)
        if not flags.at_once:
            crew.mind(turn)
            if not flags.no_cluster:
                fleet_synced.refuse_behind(rules.must_be_there(standings, turn))
        if turn.starts:
            return crew.start(turn.moving, tag)
        is_over = rules.is_over_with(crew.fleet, standings, turn)
        return crew.write(
            turn.moving,
            lambda files: onward.step_of(files, *files.load(), flags),
            {fleets.RELEASE: GONE} if is_over else {},
            lambda moved: reports.subject(crew.fleet, turn.moving, moved, is_over=is_over),
        ).code


def abort(release_flags: ReleaseFlags, declare_flags: DeclareFlags, *, at_once: bool) -> int:
    """Write the next step back of all targets that are under way, whatever their wave.

    The first step of each waits for nothing. Those that stay, and why, are told.
    """
    with _held(release_flags, declare_flags) as crew:
        tag = reading.begun(crew.file, release_flags)
        standings = reading.standings(crew.file, tag)
        way = rules.way_back(standings)
        stay = [*crew.staying(way), *crew.left_behind()]
        if not way.moving and (way.promoted or way.otherwise):
            raise UsageError("no target goes back", "; ".join(stay))
        if not at_once:
            crew.check(way.later, lambda files, release, _: files.mind_time(release, lasts=0))
        written = crew.write(
            way.moving,
            lambda files: back.step_of(files, *files.load()),
            {fleets.RELEASE: GONE} if way.is_over else {},
            lambda _: reports.subject_of_abort(crew.fleet, way.moving, is_over=way.is_over),
        )
    if way.is_over:
        say(f"{crew.file.file}: the release of {tag} is over")
    before = {
        standing.stable
        for target, standing in standings.items()
        if standing.state is State.WAITING or target in way.moving
    }
    for line in (*stay, *reports.what_stays(way.there, tag, before, crew.command)):
        say(line)
    if way.first:
        for line in engines.holding_up(written.engine, f"{crew.fleet.name}-{way.first[0].name}"):
            say(line)
    return written.code


@contextlib.contextmanager
def _held(release_flags: ReleaseFlags, declare_flags: DeclareFlags) -> Iterator[Crew]:
    """A fleet, in a tree that is held. Raises as `Tree` and `fleet.read`."""
    if declare_flags.output is not None:
        message = f"-o {declare_flags.output}: each target is rendered where it was rendered last"
        raise UsageError(message, "leave it out")
    tree = Tree(release_flags.files[-1], declare_flags)
    with tree.held():
        yield Crew(release_flags, tree)


# --- a fleet in its tree --------------------------------------------------------------


@dataclass(frozen=True)
class Written:
    """What became of a step: the exit code, and the engine of the targets."""

    code: int
    engine: Engine | None


class Crew:
    """A fleet and the files of its targets, for one step."""

    def __init__(self, release_flags: ReleaseFlags, tree: Tree) -> None:
        self.release_flags, self.tree = release_flags, tree
        self.file = reading.read(release_flags)

    @property
    def fleet(self) -> Fleet:
        """The fleet."""
        return self.file.fleet

    @cached_property
    def began(self) -> Fleet | None:
        """The fleet as it was when its release began; None where no commit says it."""
        return reading.began(self.file, self.tree.repository)

    def files(self, target: Target) -> Files:
        """The canary files of a target. Raises as `Files`."""
        return Files(reading.flags_of(target), self.tree)

    def command(self, *words: str) -> str:
        """A command of ours about the fleet."""
        return command_line(*words, release=self.release_flags)

    # --- what stands in the way -------------------------------------------------------

    def refuse_under_way(self) -> None:
        """Raises Refused where the fleet's file says a release."""
        if self.fleet.tag:
            where = self.file.source.where(fleets.RELEASE)
            hint = f"`{self.command('advance')}` goes on, `{self.command('abort')}` goes back"
            finding = Finding("fleet", "error", fleets.RELEASE, "a release is under way", where, hint)
            raise Refused("there is a release already", [finding])

    def refuse_releases(self, standings: Standings) -> None:
        """Raises Refused where targets are in releases, be it of the version that the fleet is to release."""
        found = [
            self.file.finding(
                target,
                f"{target.name}: it is in a release of its own, at `{standing.phase}`",
                f"`{command_line('abort', release=reading.flags_of(target))}` takes it back",
            )
            for target, standing in standings.items()
            if standing.state in (State.UNDER_WAY, State.GOING_BACK, State.OTHERWISE)
        ]
        self._refuse(found)

    def refuse_rearranged(self) -> None:
        """Raises Refused where the fleet is not what it was when its release began: then nobody's turn can be told."""
        if self.file.unknown_wave is not None:
            raise Refused(f"{self.file.file} is not valid", [self.file.unknown_wave])
        if self.began is None:
            return
        where, hint = self.file.source.where(("spec", "waves")), "put it back until the release is over"
        if said := rules.rearranged(self.began, self.fleet):
            self._refuse([Finding("fleet", "error", ("spec", "waves"), said, where, hint)])
        self._refuse(
            [Finding("fleet", "error", ("spec", "waves"), said, where) for said in self.left_behind()]
        )

    def left_behind(self) -> list[str]:
        """What is to be said of targets that were taken out of the fleet in the middle of its release."""
        return [
            f"{target.name} was taken out in the middle of the release, and is at `{standing.phase}`: put it in again, "
            f"or `{command_line('abort', release=reading.flags_of(target))}`"
            for target, standing in (reading.left_behind(self.began, self.file) if self.began else ())
        ]

    def refuse_stopped(self, standings: Standings) -> None:
        """Raises Refused where targets stopped, for which the others do not go on."""
        self._refuse(
            [
                self.file.finding(target, f"{target.name}: {message}", hint)
                for target, standing in rules.stopped(self.fleet, standings)
                for message, hint in [self._why_stopped(target, standing, standings)]
            ]
        )

    def _why_stopped(self, target: Target, standing: Standing, standings: Standings) -> tuple[str, str]:
        """Why a target stopped, and what to do."""
        leaves_out = f"`without: [{target.name}]` below spec.release leaves it to itself"
        begins = command_line("start", self.fleet.tag, release=reading.flags_of(target))
        if standing.state is State.WAITING:
            return "it is not in the release, and its wave is", f"`{begins}` takes it in, {leaves_out}"
        if standing.state is State.OTHERWISE:
            return f"it is in a release of its own, at `{standing.phase}`", f"end that first, or {leaves_out}"
        goes_on = any(known.state is State.UNDER_WAY for known in standings.values())
        hint = leaves_out if goes_on else f"`{self.command('abort')}` takes the next step back"
        return f"it goes back: it is at `{standing.phase}`", hint

    def _refuse(self, findings: Sequence[Finding]) -> None:
        if findings:
            raise Refused(f"{self.fleet.name} does not go on", findings)

    def mind(self, turn: Turn) -> None:
        """Raises Refused where a phase of those that move, or the step of the wave before, was too short a time ago."""
        if not turn.starts:
            self.check(turn.moving, lambda files, release, here: files.mind_time(release, lasts=here.lasts))
        pause = turn.moving[0].wave.pause if turn.starts else 0
        self.check(turn.ahead, lambda files, release, _: files.mind_newest(release, pause=pause))

    def check(self, targets: Sequence[Target], judge: Judge) -> None:
        """Judge targets, each with its release and the phase that it declares. Raises Refused with all complaints."""
        complaints: list[Finding] = []
        title = ""
        for target in targets:
            files = self.files(target)
            release = files.again()
            try:
                judge(files, release, release.declared())
            except Refused as refused:
                title = title or refused.message
                complaints += refused.findings
        if complaints:
            raise Refused(title, complaints)

    def staying(self, way: WayBack) -> Iterator[str]:
        """What becomes of targets that stay while the others go back."""
        for target in way.promoted:
            end = command_line("advance", release=reading.flags_of(target))
            yield f"{target.name} is promoted, and stays: `{end}` ends its release"
        for target in way.otherwise:
            own = command_line("abort", release=reading.flags_of(target))
            yield f"{target.name} is in a release of its own, and stays: `{own}` takes it back"

    # --- what is written --------------------------------------------------------------

    def start(self, moving: Sequence[Target], tag: str) -> int:
        """Begin the release in targets."""
        waves = [*self.fleet.waves] if self.fleet.order is Order.ROLLING_SYNC else [moving[0].wave]
        edits: Edits = {(*fleets.RELEASE, "tag"): tag, (*fleets.RELEASE, "wave"): waves[-1].name}
        return self.write(
            moving,
            lambda files: beginning.step_of(files, NO_FLAGS, ClusterFlags(), tag),
            edits,
            lambda _: reports.subject_of_start(self.fleet, moving, tag),
        ).code

    def write(
        self, moving: Sequence[Target], step_of: StepOf, edits: Edits, subject_of: SubjectOf
    ) -> Written:
        """Write one step of some targets, and what changes in the fleet's file: all of it, or nothing."""
        self.check(moving, lambda files, _, __: self._refuse_foreign(files, step_of(files)))
        moved: list[Moved] = []
        followed, engine = "", None
        with self.tree.writing(self._names()) as steps:
            steps.refuse_uncommitted(self._names())
            steps.make(changes(self.file.source, edits))
            left = iter(moving)
            while batch := list(islice(left, reading.BATCH)):
                pairs = [(files, step_of(files)) for files in map(self.files, batch)]
                for target, (_, step), release in zip(batch, pairs, steps.take(pairs), strict=True):
                    moved.append(reports.moved(target, step.title, release))
                    gitops = release.plan.application.gitops
                    followed, engine = gitops.branch, gitops.engine
            subject, body = subject_of(moved), reports.body(moved, self._way_back())
            steps.end(subject, body)
        steps.tell([str(known) for known in moved], reports.pull_request(subject, moved, body), followed)
        return Written(0, engine)

    def _names(self) -> list[str]:
        """The files that say where the fleet is: whose turn it is was decided by all of them."""
        return list(
            dict.fromkeys((self.file.file, *(file for known in self.fleet.targets for file in known.files)))
        )

    def _refuse_foreign(self, files: Files, step: Step) -> None:
        """Raises Refused where a step of a target would change a file that others may have too."""
        shared = set(files.release_flags.files[:-1])
        found = [
            Finding(
                "fleet",
                "error",
                (),
                "the step of a target would change it, and others may have it too",
                Where(name),
            )
            for name in (change.name for change in files.changes(step))
            if name in shared
        ]
        self._refuse(found)

    def _way_back(self) -> str:
        """The command that takes the first step back."""
        return self.command("abort", "--push" if self.tree.flags.pushes else "--commit")
