"""What `start`, `advance` and `abort` do with a fleet: one step of the targets whose turn it is, as one commit."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
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
from kubectl_canary.findings import Finding
from kubectl_canary.outside.output import say
from kubectl_canary.reading import fleets
from kubectl_canary.reading.declaring import GONE, Edits
from kubectl_canary.reading.release import Release
from kubectl_canary.release import fleets as rules
from kubectl_canary.release.application import Engine
from kubectl_canary.release.fleets import Fleet, Order, Standings, State, Target
from kubectl_canary.release.plan import Phase, PhaseKind
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
        _refuse(crew, standings, [*crew.stopped(standings)])
        moving = rules.next_to_move(crew.fleet, standings)
        if not moving:
            raise UsageError(f"all targets run {version} already", "name another version")
        return crew.start(moving, version)


def advance(release_flags: ReleaseFlags, flags: AdvanceFlags, declare_flags: DeclareFlags) -> int:
    """Write the next step of the targets whose turn it is.

    Raises Refused where it is too early, where a cluster has not what is declared, or where a target stopped.
    """
    if flags.goal is not None:
        raise UsageError("--to: the targets of a fleet have phases of their own", "leave it out")
    with _held(release_flags, declare_flags) as crew:
        tag = reading.begun(crew.file, release_flags)
        standings = reading.standings(crew.file, tag)
        _refuse(crew, standings, [*crew.stopped(standings)])
        moving = rules.next_to_move(crew.fleet, standings)
        if not flags.at_once:
            crew.mind(standings, moving)
            if not flags.no_cluster:
                fleet_synced.refuse_behind(rules.must_be_there(crew.fleet, standings, moving))
        if any(standings[target].state is State.WAITING for target in moving):
            return crew.start(moving, tag)
        is_over = all(
            standing.state is State.THERE or (target in moving and standing.next == rules.END)
            for target, standing in standings.items()
        )
        return crew.write(
            moving,
            lambda files: onward.step_of(files, *files.load(), flags),
            {fleets.RELEASE: GONE} if is_over else {},
            lambda moved: reports.subject(crew.fleet, moving, moved, is_over=is_over),
        )


def abort(release_flags: ReleaseFlags, declare_flags: DeclareFlags, *, at_once: bool) -> int:
    """Write the next step back of all targets that are under way, whatever their wave.

    The first step of each waits for nothing. Those that are promoted stay, and are told.
    """
    with _held(release_flags, declare_flags) as crew:
        tag = reading.begun(crew.file, release_flags)
        standings = reading.standings(crew.file, tag)
        promoted = [known for known in standings if standings[known].phase == PhaseKind.PROMOTED.value]
        later = [known for known in standings if standings[known].state is State.GOING_BACK]
        first = [known for known in standings if standings[known].state is State.UNDER_WAY]
        moving = [known for known in standings if known in {*first, *later} and known not in promoted]
        if not at_once:
            crew.check(later, lambda files, release, _: files.mind_time(release, lasts=0))
        last = all(standings[known].phase == PhaseKind.ROLLED_BACK.value for known in moving)
        is_over = last and not promoted
        if not moving and not is_over:
            raise UsageError("no target goes back any more", "; ".join(crew.told(promoted)))
        code = crew.write(
            moving,
            lambda files: back.step_of(files, *files.load()),
            {fleets.RELEASE: GONE} if is_over else {},
            lambda _: reports.subject_of_abort(crew.fleet, moving, is_over=is_over),
        )
    there = [known for known in standings if standings[known].state is State.THERE]
    for line in (*crew.told(promoted), *reports.what_stays(tag, there)):
        say(line)
    if any(known not in promoted for known in first):
        for line in engines.holding_up(crew.engine, f"{crew.fleet.name}-{moving[0].name}"):
            say(line)
    return code


@contextlib.contextmanager
def _held(release_flags: ReleaseFlags, declare_flags: DeclareFlags) -> Iterator[Crew]:
    """A fleet, in a tree that is held. Raises as `Tree` and `fleet.read`."""
    if declare_flags.output is not None:
        message = f"-o {declare_flags.output}: each target is rendered where it was rendered last"
        raise UsageError(message, "leave it out")
    tree = Tree(release_flags.files[-1], declare_flags)
    with tree.held():
        yield Crew(release_flags, tree)


def _refuse(crew: Crew, standings: Standings, findings: Sequence[Finding]) -> None:
    if findings:
        raise Refused(
            f"{len(findings)} of {len(standings)} targets do not go on with {crew.fleet.name}", findings
        )


# --- a fleet in its tree --------------------------------------------------------------


class Crew:
    """A fleet and the files of its targets, for one step."""

    def __init__(self, release_flags: ReleaseFlags, tree: Tree) -> None:
        self.release_flags, self.tree = release_flags, tree
        self.file = reading.read(release_flags)
        self.engine: Engine | None = None  # of those that took a step

    @property
    def fleet(self) -> Fleet:
        """The fleet."""
        return self.file.fleet

    def files(self, target: Target) -> Files:
        """The canary files of a target. Raises as `Files`."""
        return Files(reading.flags_of(target), self.tree)

    # --- what stands in the way -------------------------------------------------------

    def refuse_under_way(self) -> None:
        """Raises Refused where the fleet's file says a release."""
        if self.fleet.tag:
            onward, back = (command_line(verb, release=self.release_flags) for verb in ("advance", "abort"))
            where = self.file.source.where(fleets.RELEASE)
            hint = f"`{onward}` goes on, `{back}` goes back"
            finding = Finding("fleet", "error", fleets.RELEASE, "a release is under way", where, hint)
            raise Refused("there is a release already", [finding])

    def stopped(self, standings: Standings) -> Iterator[Finding]:
        """Why others do not go on, at the place of each target that stopped."""
        for target, standing in rules.stopped(self.fleet, standings):
            flags = reading.flags_of(target)
            begins, ends = (
                command_line(*words, release=flags) for words in (("start", self.fleet.tag), ("abort",))
            )
            message, hint = {
                State.GOING_BACK: (
                    f"it goes back: it is at `{standing.phase}`",
                    f"`{ends}` takes its next step",
                ),
                State.OTHERWISE: ("it is in a release of its own", "end that first"),
                State.WAITING: ("its wave has begun without it", f"`{begins}` takes it in"),
            }[standing.state]
            yield self.file.finding(target, f"{target.name}: {message}", hint)

    def mind(self, standings: Standings, moving: Sequence[Target]) -> None:
        """Raises Refused where a phase of those that move, or the end of the wave before, was too short a time ago."""
        self.check(
            [target for target in moving if standings[target].state is State.UNDER_WAY],
            lambda files, release, here: files.mind_time(release, lasts=here.lasts),
        )
        starting = next((target.wave for target in moving if standings[target].state is State.WAITING), None)
        before = self.fleet.before(starting) if starting is not None else None
        if starting is not None and before is not None and self.fleet.order is Order.WAVES:
            ended = [target for target in standings if target.wave == before]
            self.check(ended, lambda files, release, _: files.mind_end(release, pause=starting.pause))

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

    def told(self, promoted: Sequence[Target]) -> list[str]:
        """What becomes of targets that are promoted while the others go back."""
        ends = [command_line("advance", release=reading.flags_of(target)) for target in promoted]
        return [
            f"{target.name} is promoted, and stays: `{end}` ends its release"
            for target, end in zip(promoted, ends, strict=True)
        ]

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
        )

    def write(self, moving: Sequence[Target], step_of: StepOf, edits: Edits, subject_of: SubjectOf) -> int:
        """Write one step of some targets, and what changes in the fleet's file: all of it, or nothing."""
        moved: list[Moved] = []
        followed = ""
        names = [self.file.file, *(file for target in moving for file in target.files)]
        with self.tree.writing(list(dict.fromkeys(names))) as steps:
            steps.make(changes(self.file.source, edits))
            left = iter(moving)
            while batch := list(islice(left, reading.BATCH)):
                pairs = [(files, step_of(files)) for files in map(self.files, batch)]
                for target, (_, step), release in zip(batch, pairs, steps.take(pairs), strict=True):
                    moved.append(reports.moved(target, step.title, release))
                    followed = release.plan.application.gitops.branch
                    self.engine = release.plan.application.gitops.engine
            subject, body = subject_of(moved), reports.body(moved, self._way_back())
            steps.end(subject, body)
        steps.tell([str(known) for known in moved], reports.pull_request(subject, moved, body), followed)
        return 0

    def _way_back(self) -> str:
        """The command that takes the first step back."""
        how = "--push" if self.tree.flags.pushes else "--commit"
        return command_line("abort", how, release=self.release_flags)
