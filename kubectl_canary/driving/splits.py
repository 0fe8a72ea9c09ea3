"""Whether requests are split as a phase says, by how they were answered.

A share is failed where what was counted speaks against it at a confidence of 99.9 %, and passed where the true one is
near it at that confidence. A gateway that takes turns is nearer to its weights than chance, which harms neither.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Mapping
from fractions import Fraction

from kubectl_canary.driving.intervals import Interval, interval
from kubectl_canary.driving.verdicts import Verdict
from kubectl_canary.records import dataclass, field, replace
from kubectl_canary.release.application import Version

CONFIDENCE, USUAL = 0.999, 0.95
OF_GROUPS = 0.9999  # there are several, and none may be blamed by chance
TOLERANCE = Fraction(1, 20)
SPARE = 2.55  # (1.96 + 3.29)² / 3.29²: a deviation that comes once in twenty times, beside the interval's own
WHOLE = 1000  # requests, where one version answers all
MOST_REASONS, OTHERS = 100, "something else"
MOST = 10_000_000  # requests that anybody would send


@dataclass
class Count:
    """How many requests were answered by each version, and why the others tell none."""

    old: int = 0
    new: int = 0
    unknown: Counter[str] = field(default_factory=Counter)

    @property
    def known(self) -> int:
        """Those that tell a version."""
        return self.old + self.new

    @property
    def total(self) -> int:
        """All of them."""
        return self.known + self.unknown.total()

    def __add__(self, other: Count) -> Count:
        return Count(self.old + other.old, self.new + other.new, self.unknown + other.unknown)

    def add(self, version: Version | None, why: str = "") -> None:
        """One more answer."""
        if version is Version.NEW:
            self.new += 1
        elif version is Version.OLD:
            self.old += 1
        else:
            self.unknown[why if why in self.unknown or len(self.unknown) < MOST_REASONS else OTHERS] += 1


@dataclass
class Connection(Count):
    """The same of a connection that is kept, and how often another version has answered than before."""

    changes: int = 0
    last: Version | None = None

    def add(self, version: Version | None, why: str = "") -> None:
        """One more answer."""
        super().add(version, why)
        if version is not None:
            self.changes += self.last not in (None, version)
            self.last = version


@dataclass(frozen=True)
class Expected:
    """What a phase says of a request: the new version's share, in the phases around it too, and of the pods.

    Fractions of 1; those of phases by their names, the nearest first. None where there are no pods to compare.
    """

    share: Fraction
    before: Mapping[str, Fraction] = field(default_factory=dict)
    after: Mapping[str, Fraction] = field(default_factory=dict)
    pods: Fraction | None = None

    @property
    def is_split(self) -> bool:
        """Whether both versions answer."""
        return 0 < self.share < 1


@dataclass
class Sample:
    """How requests were answered: over new connections, those by each address, and over each that was kept.

    `cookies` has what an answer of a version has set; `answers` is how many there were at all.
    """

    fresh: Count = field(default_factory=Count)
    kept: dict[Hashable, Connection] = field(default_factory=dict)
    addresses: dict[str, Count] = field(default_factory=dict)
    cookies: dict[Version, str] = field(default_factory=dict)
    answers: int = 0

    @property
    def all(self) -> Count:
        """All of them."""
        return sum(self.kept.values(), Count()) + self.fresh


@dataclass(frozen=True)
class Judgement:
    """A verdict on a count, held against the new version's share; `sent` were sent to count so many."""

    verdict: Verdict
    count: Count
    share: Fraction
    sent: int

    def interval(self, confidence: float) -> Interval:
        """Between which shares that of the new version is, by the answers that tell a version."""
        return interval(self.count.new, self.count.known, confidence) if self.count.known else Interval(0, 1)

    @property
    def needed(self) -> int | None:
        """How many requests would decide; None where it is decided, or where more do not help.

        They are as many as tell a split that is right; twice as many as were sent, where that was not enough.
        """
        total = self.count.total
        is_open = self.verdict is Verdict.INCONCLUSIVE and total > 0
        if not is_open or Fraction(self.count.unknown.total(), total) >= tolerance(self.share):
            return None
        return rounded(max(sufficient(self.share) * self.sent / total, 2 * self.sent))


def judged(sample: Sample, expected: Expected) -> Judgement:
    """The verdict on a split: over new connections alone where kept ones stay with a version.

    Those are no independent draws then, and say nothing of the split. It is failed where that of one address is.
    """
    sent = sample.all.total
    judgement = judge(sample.fresh if stays(sample) else sample.all, expected.share, sent)
    return replace(judgement, verdict=Verdict.FAILED) if apart(sample, expected) else judgement


def stays(sample: Sample) -> bool:
    """Whether kept connections change between versions half as often as by the chance of new ones, or less."""
    fresh, kept = sample.fresh, sample.kept.values()
    share = Fraction(fresh.new, fresh.known) if fresh.known else Fraction(0)
    pairs = sum(max(connection.known - 1, 0) for connection in kept)
    changes = sum(connection.changes for connection in kept)
    return bool(pairs) and interval(changes, pairs, CONFIDENCE).high < share * (1 - share)


def apart(sample: Sample, expected: Expected) -> list[str]:
    """The addresses whose split alone is not the phase's; none where there is one address."""
    known = {address: count for address, count in sample.addresses.items() if count.known}
    late = [address for address, count in known.items() if not fits(count, expected.share)]
    return late if len(sample.addresses) > 1 else []


def fits(count: Count, share: Fraction) -> bool:
    """Whether a part of the requests goes with a share."""
    return interval(count.new, count.known, OF_GROUPS).has(share)


def judge(count: Count, share: Fraction, sent: int | None = None) -> Judgement:
    """The verdict on a count, whoever has given the answers that tell no version."""
    extremes = {_verdict(count.new + more, count.total, share) for more in {0, count.unknown.total()}}
    verdict = extremes.pop()[1] if len(extremes) == 1 else Verdict.INCONCLUSIVE
    return Judgement(verdict, count, share, count.total if sent is None else sent)


def _verdict(hits: int, number: int, share: Fraction) -> tuple[int, Verdict]:
    """The verdict, and on which side of the plan's share a failed one is."""
    true = interval(hits, number, CONFIDENCE)
    if not true.has(share):
        return (1 if true.low > share else -1), Verdict.FAILED
    spare = tolerance(share)
    near = share - spare <= true.low and true.high <= share + spare
    return 0, Verdict.PASSED if near else Verdict.INCONCLUSIVE


def tolerance(share: Fraction) -> Fraction:
    """How far from its share a split may be: 5 points, at most half the smaller share that anybody gets."""
    return min(TOLERANCE, min(share, 1 - share) / 2) or TOLERANCE


def sufficient(share: Fraction) -> int:
    """How many requests tell a split that is right, nineteen times of twenty."""
    return rounded(SPARE * wanted(share)) if 0 < share < 1 else WHOLE


def rounded(number: float) -> int:
    """A number or a little more, with two digits and noughts."""
    unit = int(10 ** max(len(str(math.ceil(number))) - 2, 0))
    return math.ceil(number / unit) * unit


def wanted(share: Fraction) -> int:
    """How many requests tell a split that is exactly right; to one in a hundred."""
    number = 1
    while number < MOST and not _tells(number, share):
        number *= 2
    low = number // 2
    while number - low > max(1, number // 100):
        middle = (low + number) // 2
        low, number = (low, middle) if _tells(middle, share) else (middle, number)
    return number


def _tells(number: int, share: Fraction) -> bool:
    return _verdict(round(share * number), number, share)[1] is Verdict.PASSED
