"""A fleet in its tree: what stands in the way of a step, and how the step of many targets is written as one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import islice

from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.declaring import DeclareFlags
from kubectl_canary.commands.flags import ReleaseFlags, command_line
from kubectl_canary.commands.run import again
from kubectl_canary.commands.run import fleet as reading
from kubectl_canary.commands.run import start as beginning
from kubectl_canary.commands.run.declaring import Files, Step, changes
from kubectl_canary.commands.run.tree import Tree
from kubectl_canary.commands.start import StartFlags
from kubectl_canary.errors import Refused, UsageError
from kubectl_canary.findings import Finding
from kubectl_canary.reading import fleets
from kubectl_canary.reading.declaring import Edits
from kubectl_canary.reading.release import Release
from kubectl_canary.release import fleets as rules
from kubectl_canary.release.application import Engine
from kubectl_canary.release.fleets import Fleet, Order, Standing, Standings, State, Target, Turn, WayBack
from kubectl_canary.release.plan import Phase
from kubectl_canary.reports import fleets as reports
from kubectl_canary.reports.fleets import Moved

StepOf = Callable[[Files], Step]
SubjectOf = Callable[[Sequence[Moved]], str]
Judge = Callable[[Files, Release, Phase], object]


@contextlib.contextmanager
def held(release_flags: ReleaseFlags, declare_flags: DeclareFlags) -> Iterator[Crew]:
    """A fleet, in a tree that is held. Raises as `Tree` and `fleet.read`."""
    if declare_flags.output not in (None, again.IN_PLACE):
        message = f"-o {declare_flags.output}: each target is rendered where it was rendered last"
        hint = f"`{command_line('render', '--all', '-o', declare_flags.output or '', release=release_flags)}` first"
        raise UsageError(message, hint)
    tree = Tree(release_flags.files[-1], declare_flags)
    with tree.held():
        yield Crew(release_flags, tree)


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
        _, refused = self.sorted_out(targets, judge)
        if refused:
            raise Refused(refused[0].message, [finding for known in refused for finding in known.findings])

    def sorted_out(self, targets: Sequence[Target], judge: Judge) -> tuple[list[Target], list[Refused]]:
        """Those of some targets that are judged well, and why the others are not."""
        well: list[Target] = []
        refused: list[Refused] = []
        for target in targets:
            files = self.files(target)
            release = files.again()
            try:
                judge(files, release, release.declared())
            except Refused as error:
                refused.append(error)
            else:
                well.append(target)
        return well, refused

    def staying(self, way: WayBack) -> Iterator[str]:
        """What becomes of targets that stay while the others go back."""
        for target in way.promoted:
            end = command_line("advance", release=reading.flags_of(target))
            yield f"{target.name} is promoted, and stays: `{end}` ends its release"
        for target in way.otherwise:
            own = command_line("abort", release=reading.flags_of(target))
            yield f"{target.name} is in a release of its own, and stays: `{own}` takes it back"

    # --- what is written --------------------------------------------------------------

    def start(self, moving: Sequence[Target], tag: str) -> None:
        """Begin the release in targets."""
        waves = [*self.fleet.waves] if self.fleet.order is Order.ROLLING_SYNC else [moving[0].wave]
        edits: Edits = {(*fleets.RELEASE, "tag"): tag, (*fleets.RELEASE, "wave"): waves[-1].name}
        self.write(
            moving,
            lambda files: beginning.step_of(files, StartFlags((), None), ClusterFlags(), tag),
            edits,
            lambda _: reports.subject_of_start(self.fleet, moving, tag),
        )

    def write(
        self, moving: Sequence[Target], step_of: StepOf, edits: Edits, subject_of: SubjectOf
    ) -> Engine | None:
        """Write one step of some targets, and what changes in the fleet's file: all of it, or nothing.

        Answers with the engine of the targets. Raises Refused with what is wrong with the steps of any.
        """
        self.check(moving, lambda files, _, __: step_of(files))
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
        return engine

    def _names(self) -> list[str]:
        """The files that say where the fleet is: whose turn it is was decided by all of them."""
        return list(
            dict.fromkeys((self.file.file, *(file for known in self.fleet.targets for file in known.files)))
        )

    def _way_back(self) -> str:
        """The command that takes the first step back."""
        return self.command("abort", "--push" if self.tree.flags.pushes else "--commit")
