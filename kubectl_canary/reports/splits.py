"""How requests were split, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from kubectl_canary.driving.causes import Cause
from kubectl_canary.driving.intervals import Interval
from kubectl_canary.driving.splits import CONFIDENCE, USUAL, Count, Expected, Judgement
from kubectl_canary.driving.verdicts import Verdict
from kubectl_canary.findings import visible
from kubectl_canary.records import dataclass
from kubectl_canary.release.application import Version
from kubectl_canary.release.phases import percent
from kubectl_canary.reports.programs import as_json

SHOWN = 5  # reasons why answers tell no version
HEADINGS = ("version", "requests", "share", "expected", "95 % interval")


@dataclass(frozen=True)
class Verified:
    """What was found: `testers` are how they are called and how their requests were answered, None without any."""

    asked: str
    names: Mapping[Version, str]
    expected: Expected
    judgement: Judgement
    verdict: Verdict
    testers: tuple[str, Count] | None
    causes: Sequence[Cause]


def as_text(verified: Verified) -> str:
    """A line a version, a line for testers and for what tells no version, the verdict, and what is known to be why."""
    rows = [HEADINGS, *(_row(verified, version) for version in Version)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [_line(row, widths) for row in rows]
    return visible("\n".join([*lines, *_others(verified), *_verdict(verified), ""]))


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    name, *numbers = row
    cells = [
        name.ljust(widths[0]),
        *(cell.rjust(width) for cell, width in zip(numbers, widths[1:], strict=True)),
    ]
    return "  ".join(cells)


def _row(verified: Verified, version: Version) -> tuple[str, ...]:
    count, usual = verified.judgement.count, of_version(verified.judgement.interval(USUAL), version)
    number = number_of(count, version)
    share = f"{100 * number / count.known:.1f} %" if count.known else "-"
    between = f"{100 * usual.low:.1f} to {100 * usual.high:.1f}" if count.known else "-"
    return verified.names[version], str(number), share, percent(share_of(verified, version)), between


def share_of(verified: Verified, version: Version) -> Fraction:
    """The share that a version should have."""
    share = verified.expected.share
    return share if version is Version.NEW else 1 - share


def number_of(count: Count, version: Version) -> int:
    """How many a version has answered."""
    return count.new if version is Version.NEW else count.old


def of_version(known: Interval, version: Version) -> Interval:
    """An interval of the new version's share, as one of a version's."""
    return known if version is Version.NEW else Interval(1 - known.high, 1 - known.low)


def _others(verified: Verified) -> Iterator[str]:
    if verified.testers is not None:
        who, count = verified.testers
        yield f"{who}  {count.new} of {count.total} answered by {verified.names[Version.NEW]}"
    unknown = sum(_counts(verified), Count()).unknown
    shown = unknown.most_common(SHOWN)
    yield from (f"{number} of neither version: {why}" for why, number in shown)
    if rest := unknown.total() - sum(number for _, number in shown):
        yield f"{rest} of neither version: others"


def _counts(verified: Verified) -> Iterator[Count]:
    yield verified.judgement.count
    if verified.testers is not None:
        yield verified.testers[1]


def _verdict(verified: Verified) -> Iterator[str]:
    needed = verified.judgement.needed
    more = f": run it again with --requests {needed}" if needed else ""
    yield f"{verified.verdict.value}{more if verified.verdict is Verdict.INCONCLUSIVE else ''}"
    for cause in verified.causes:
        yield f"  {cause.text}"
        yield f"    {cause.cure}"


def as_data(verified: Verified) -> str:
    """The same for programs; shares are fractions of 1."""
    judgement = verified.judgement
    versions = [
        {
            "version": verified.names[version],
            "requests": number_of(judgement.count, version),
            "expected": percent(share_of(verified, version)),
            "fraction": str(share_of(verified, version)),
            "interval95": list(of_version(judgement.interval(USUAL), version)),
            "interval99.9": list(of_version(judgement.interval(CONFIDENCE), version)),
        }
        for version in Version
    ]
    found: dict[str, Any] = {
        "asked": verified.asked,
        "verdict": verified.verdict.value,
        "versions": versions,
        "unknown": dict(judgement.count.unknown),
        "causes": [vars(cause) for cause in verified.causes],
    }
    if judgement.needed is not None:
        found["needed"] = judgement.needed
    if verified.testers is not None:
        who, count = verified.testers
        found["testers"] = {
            "who": who,
            "stable": count.old,
            "canary": count.new,
            "unknown": dict(count.unknown),
        }
    return as_json(found)
