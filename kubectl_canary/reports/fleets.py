"""What is said of a fleet: commits, pull requests, and the table of its targets."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from kubectl_canary.reading.release import Release
from kubectl_canary.records import dataclass
from kubectl_canary.release.fleets import Fleet, Standing, Standings, State, Target
from kubectl_canary.reports import commits, programs

MOST = 50  # targets that a message lists
HEADINGS = ("WAVE", "TARGET", "STABLE", "PHASE")


@dataclass(frozen=True)
class Moved:
    """A target that took a step: what that is in words, its phase since then (none where it has no release any more).

    `share` says what the phase does, and `goes_back` whether `abort` leads back from it.
    """

    name: str
    title: str
    phase: str = ""
    share: str = ""
    goes_back: bool = False

    def __str__(self) -> str:
        return f"{self.name}: {self.title}"


def subject_of_start(fleet: Fleet, moving: Sequence[Target], tag: str) -> str:
    """`shop: v1.2.0 begins in europe (3 targets)`."""
    return f"{fleet.name}: {tag} begins in {_where(moving)}"


def subject(fleet: Fleet, moving: Sequence[Target], moved: Sequence[Moved], *, is_over: bool) -> str:
    """`shop: v1.2.0 in europe (3 targets): 5% → 25%`; or that it is stable there, or everywhere."""
    if is_over:
        without = f" but {', '.join(sorted(fleet.without))}" if fleet.without else ""
        return f"{fleet.name}: {fleet.tag} is stable in all targets{without}, and the release is over"
    if not any(known.phase for known in moved):
        return f"{fleet.name}: {fleet.tag} is stable in {_where(moving)}"
    titles = dict.fromkeys(known.title.removeprefix("phase ") for known in moved)
    step = next(iter(titles)) if len(titles) == 1 else "one phase on"
    return f"{fleet.name}: {fleet.tag} in {_where(moving)}: {step}"


def subject_of_abort(fleet: Fleet, moving: Sequence[Target], *, is_over: bool) -> str:
    """`shop: back from v1.2.0 in test, europe (4 targets)`."""
    if is_over:
        return f"{fleet.name}: the release of {fleet.tag} is taken back, and over"
    return f"{fleet.name}: back from {fleet.tag} in {_where(moving)}"


def body(moved: Sequence[Moved], way_back: str) -> str:
    """Each target with its step and the share of requests; `way_back` is a command to paste."""
    listed = {known.name: "; ".join(filter(None, (known.title, known.share))) for known in moved[:MOST]}
    more = {"and": f"{len(moved) - MOST} more targets"} if len(moved) > MOST else {}
    goes_back = any(known.goes_back for known in moved)
    return commits.table({**listed, **more, "Way back": way_back * goes_back}) if moved else ""


def pull_request(title: str, moved: Sequence[Moved], text: str) -> str:
    """The title, an empty line, and the body as Markdown."""
    rows = "".join(f"| {known.name} | {known.title} | {known.share} |\n" for known in moved[:MOST])
    indented = "".join(f"    {line}\n" for line in text.splitlines())
    listed = f"\n| target | step | |\n|---|---|---|\n{rows}" if moved else ""
    return f"{title}\n\n{indented}{listed}"


# --- where it stands ------------------------------------------------------------------


def plan_text(fleet: Fleet, standings: Standings, moving: Collection[Target]) -> str:
    """The targets as a table; an arrow stands at those that take the next step."""
    lines = [("", *HEADINGS), *(_cells(target, known, moving) for target, known in standings.items())]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    shown = (
        "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) for cells in lines
    )
    title = f"{fleet.name}: {fleet.tag}, {fleet.order.value}" if fleet.tag else f"{fleet.name}: no release"
    return "\n".join([title, "", *(f"  {line.rstrip()}" for line in shown)]) + "\n"


def plan_markdown(fleet: Fleet, standings: Standings, moving: Collection[Target]) -> str:
    """The targets as a table in Markdown."""
    rows = [_cells(target, known, moving) for target, known in standings.items()]
    lines = [("", *map(str.lower, HEADINGS)), ("---",) * (len(HEADINGS) + 1), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def plan_json(fleet: Fleet, standings: Standings, moving: Collection[Target]) -> str:
    """The targets for programs."""
    targets = [
        {
            "name": target.name,
            "wave": target.wave.name,
            "files": list(target.files),
            "stable": known.stable,
            "phase": known.phase or None,
            "state": known.state.value,
            "moves": target in moving,
        }
        for target, known in standings.items()
    ]
    whole = {"fleet": fleet.name, "order": fleet.order.value, "tag": fleet.tag or None, "targets": targets}
    return programs.as_json(whole)


def _cells(target: Target, known: Standing, moving: Collection[Target]) -> tuple[str, ...]:
    arrow = "→" if target in moving else ""
    phase = known.phase if known.state is not State.OTHERWISE else f"{known.phase}, in a release of its own"
    return (arrow, target.wave.name, target.name, known.stable, phase)


# --- words ----------------------------------------------------------------------------


def moved(target: Target, title: str, release: Release) -> Moved:
    """A target that took a step, and its release since then."""
    phase, application = release.current, release.plan.application
    if phase is None or not application.has_release:
        return Moved(target.name, title)
    return Moved(target.name, title, phase.name, commits.what(application, phase), commits.can_abort(phase))


def what_stays(
    there: Sequence[Target], tag: str, before: Collection[str], command: Callable[..., str]
) -> Iterator[str]:
    """What is said of targets that have the release already while the others go back; `before` is what these run."""
    if there:
        has = "has" if len(there) == 1 else "have"
        cure = command("start", *(before if len(before) == 1 else ["VERSION"]))
        names = ", ".join(target.name for target in there)
        yield f"{names} {has} {tag} already: `{cure}` releases the version before there, once the others are back"


def _where(targets: Sequence[Target]) -> str:
    waves = ", ".join(dict.fromkeys(target.wave.name for target in targets))
    return f"{waves} ({len(targets)} {'target' if len(targets) == 1 else 'targets'})"
