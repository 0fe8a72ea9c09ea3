"""What `start`, `advance` and `abort` do with a fleet: one step of the targets whose turn it is, as one commit."""

from __future__ import annotations

from kubectl_canary.commands.advance import AdvanceFlags
from kubectl_canary.commands.declaring import DeclareFlags
from kubectl_canary.commands.flags import ReleaseFlags
from kubectl_canary.commands.run import abort as back
from kubectl_canary.commands.run import advance as onward
from kubectl_canary.commands.run import fleet as reading
from kubectl_canary.commands.run import fleet_synced
from kubectl_canary.commands.run.declaring import Files, Step
from kubectl_canary.commands.run.fleet_crew import held
from kubectl_canary.commands.start import StartFlags
from kubectl_canary.errors import Refused, UsageError
from kubectl_canary.outside.output import say
from kubectl_canary.reading import fleets
from kubectl_canary.reading.declaring import GONE
from kubectl_canary.reading.release import Release
from kubectl_canary.release import fleets as rules
from kubectl_canary.release.fleets import State
from kubectl_canary.release.plan import Phase
from kubectl_canary.reports import engines
from kubectl_canary.reports import fleets as reports


def start(
    release_flags: ReleaseFlags, flags: StartFlags, declare_flags: DeclareFlags, version: str | None
) -> int:
    """Begin a release in the first wave. Raises Refused while one is under way, or where all run that version."""
    if version is None or flags != StartFlags((), None):
        raise UsageError("a fleet is started with a tag", "say `start VERSION`, without --image and --from")
    with held(release_flags, declare_flags) as crew:
        crew.refuse_under_way()
        standings = reading.standings(crew.file, version)
        crew.refuse_releases(standings)
        turn = rules.turn(crew.fleet, standings)
        if not turn.moving:
            raise UsageError(f"all targets run {version} already", "name another version")
        crew.start(turn.moving, version)
    return 0


def advance(release_flags: ReleaseFlags, flags: AdvanceFlags, declare_flags: DeclareFlags) -> int:
    """Write the next step of the targets whose turn it is.

    Raises Refused where it is too early, where a cluster has not what is declared, or where a target stopped.
    """
    if flags.goal is not None:
        raise UsageError("--to: the targets of a fleet have phases of their own", "leave it out")
    with held(release_flags, declare_flags) as crew:
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
            crew.start(turn.moving, tag)
            return 0
        is_over = rules.is_over_with(crew.fleet, standings, turn)
        crew.write(
            turn.moving,
            lambda files: onward.step_of(files, *files.load(), flags),
            {fleets.RELEASE: GONE} if is_over else {},
            lambda moved: reports.subject(crew.fleet, turn.moving, moved, is_over=is_over),
        )
    return 0


def abort(release_flags: ReleaseFlags, declare_flags: DeclareFlags, *, at_once: bool) -> int:
    """Write the next step back of all targets that are under way, whatever their wave.

    The first step of each waits for nothing. Who stays, or cannot go back, stops nobody, and is told; 1 where one
    cannot.
    """
    with held(release_flags, declare_flags) as crew:
        tag = reading.begun(crew.file, release_flags)
        standings, broken = reading.sound(crew.file, tag)
        way = rules.way_back(standings)
        due, waiting = (way.later, []) if at_once else crew.sorted_out(way.later, _mind_drain)
        moving, refused = crew.sorted_out((*way.first, *due), lambda files, *_: _step_back(files))
        stay = [*crew.staying(way), *crew.left_behind()]
        findings = [*broken, *(finding for known in (*refused, *waiting) for finding in known.findings)]
        if not moving and (findings or way.promoted or way.otherwise):
            raise Refused("no target goes back", findings, "\n".join(stay))
        is_over = way.is_over and not findings
        engine = crew.write(
            moving,
            _step_back,
            {fleets.RELEASE: GONE} if is_over else {},
            lambda _: reports.subject_of_abort(crew.fleet, moving, is_over=is_over),
        )
    if is_over:
        say(f"{crew.file.file}: the release of {tag} is over")
    before = {
        standing.stable
        for target, standing in standings.items()
        if standing.state is State.WAITING or target in way.moving
    }
    for line in (*map(str, findings), *stay, *reports.what_stays(way.there, tag, before, crew.command)):
        say(line)
    if way.first:
        for line in engines.holding_up(engine, f"{crew.fleet.name}-{way.first[0].name}"):
            say(line)
    return int(bool(broken or refused))


def _mind_drain(files: Files, release: Release, _: Phase) -> None:
    files.mind_time(release, lasts=0)


def _step_back(files: Files) -> Step:
    return back.step_of(files, *files.load())
