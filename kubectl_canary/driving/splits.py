"""Whether requests are split as a phase says, by how they were answered; and what is known to be the reason if not.

A share is failed where what was counted speaks against it at a confidence of 99.9 %, and passed where the true one is
near it at that confidence. A gateway that takes turns is nearer to its weights than chance, which harms neither.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from kubectl_canary.driving.intervals import Interval, interval
from kubectl_canary.driving.verdicts import Verdict
from kubectl_canary.release.application import Version

CONFIDENCE, USUAL = 0.999, 0.95
OF_GROUPS = 0.9999  # there are several, and none may be blamed by chance
TOLERANCE = Fraction(1, 20)
BY_CHANCE = 1e-6  # that connections which do not stay with a version look as if they did
STAYS = 1e-3  # the same of requests with a cookie
MOST_WITH_COOKIE = 100
SPARE = 2.55  # (1.96 + 3.29)² / 3.29²: a deviation that comes once in twenty times, beside the interval's own
WHOLE = 1000  # requests, where one version answers all
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
            self.unknown[why] += 1


@dataclass(frozen=True)
class Expected:
    """What a phase says of a request: the new version's share, in the phase before too, and of the pods.

    Fractions of 1. None where there is no phase before, or no pods to compare with.
    """

    share: Fraction
    before: Fraction | None = None
    pods: Fraction | None = None

    @property
    def is_split(self) -> bool:
        """Whether both versions answer."""
        return 0 < self.share < 1


@dataclass
class Sample:
    """How requests were answered: over new connections, and over each that was kept; and by each address.

    `cookies` has one that an answer of a version has set.
    """

    fresh: Count = field(default_factory=Count)
    kept: dict[Hashable, Count] = field(default_factory=dict)
    addresses: dict[str, Count] = field(default_factory=dict)
    cookies: dict[Version, str] = field(default_factory=dict)

    @property
    def all(self) -> Count:
        """All of them."""
        return sum(self.kept.values(), self.fresh)


@dataclass(frozen=True)
class Judgement:
    """A verdict on a count, held against the new version's share."""

    verdict: Verdict
    count: Count
    share: Fraction

    def interval(self, confidence: float) -> Interval:
        """Between which shares that of the new version is, by the answers that tell a version."""
        return interval(self.count.new, self.count.known, confidence) if self.count.known else Interval(0, 1)

    @property
    def needed(self) -> int | None:
        """How many requests would decide; None where it is decided, or where more do not help.

        They are as many as tell a split that is right; twice as many as were sent, where that was not enough.
        """
        is_open = self.verdict is Verdict.INCONCLUSIVE and not self.count.unknown
        return max(sufficient(self.share), 2 * self.count.total) if is_open else None


@dataclass(frozen=True)
class Cause:
    """Something that is known to split requests otherwise, and what to do."""

    text: str
    cure: str


def judged(sample: Sample, expected: Expected) -> Judgement:
    """The verdict on a split: over new connections alone where each kept one stays with a version.

    Those are no independent draws then, and say nothing of the split.
    """
    return judge(sample.fresh if stays(sample, expected) else sample.all, expected.share)


def judge(count: Count, share: Fraction) -> Judgement:
    """The verdict on a count, whoever has given the answers that tell no version."""
    extremes = {_verdict(count.new + more, count.total, share) for more in {0, count.unknown.total()}}
    verdict = extremes.pop()[1] if len(extremes) == 1 else Verdict.INCONCLUSIVE
    return Judgement(verdict, count, share)


def _verdict(hits: int, number: int, share: Fraction) -> tuple[int, Verdict]:
    """The verdict, and on which side of the plan's share a failed one is."""
    if not number:
        return 0, Verdict.INCONCLUSIVE
    if share in (0, 1):
        return (0, Verdict.PASSED) if hits == share * number else (1 if share == 0 else -1, Verdict.FAILED)
    true = interval(hits, number, CONFIDENCE)
    if not true.has(share):
        return (1 if true.low > share else -1), Verdict.FAILED
    spare = tolerance(share)
    near = share - spare <= true.low and true.high <= share + spare
    return 0, Verdict.PASSED if near else Verdict.INCONCLUSIVE


def tolerance(share: Fraction) -> Fraction:
    """How far from its share a split may be: 5 points, at most half the smaller share."""
    return min(TOLERANCE, min(share, 1 - share) / 2)


def sufficient(share: Fraction) -> int:
    """How many requests tell a split that is right, nineteen times of twenty: a number with two digits and noughts."""
    number = math.ceil(SPARE * wanted(share)) if 0 < share < 1 else WHOLE
    unit = int(10 ** max(len(str(number)) - 2, 0))
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


# --- why a split is another ---


def causes(sample: Sample, expected: Expected, names: Mapping[Version, str]) -> Iterator[Cause]:
    """What is known to be the reason, or speaks of another one; `names` are what people call the versions."""
    if stays(sample, expected):
        yield Cause(
            "each connection stays with one version: over new ones requests are split, over those that are kept not",
            "clients that keep connections see the canary later, and never or always; "
            "look whether something before the gateway balances connections",
        )
    judgement = judged(sample, expected)
    if judgement.verdict is Verdict.FAILED and (cause := _of_all(judgement.count, expected, names)):
        yield cause
    elif not stays(sample, expected):
        yield from _behind(sample, expected)


def stays(sample: Sample, expected: Expected) -> bool:
    """Whether new connections reach both versions and each kept one reaches one alone, and not by chance."""
    is_split = expected.is_split and sample.fresh.old and sample.fresh.new
    if not is_split or any(count.old and count.new for count in sample.kept.values()):
        return False
    return sum(_chance(count, expected.share) for count in sample.kept.values()) < math.log(BY_CHANCE)


def _chance(count: Count, share: Fraction) -> float:
    """The logarithm of how probable it is that all further answers of a connection are by the version of the first."""
    return max(count.known - 1, 0) * math.log(share if count.new else 1 - share)


def _behind(sample: Sample, expected: Expected) -> Iterator[Cause]:
    """A replica of the gateway that has not followed: by its address, or by the connections that it has."""
    late = _as_before(sample.addresses, expected)
    if late:
        yield Cause(
            f"{', '.join(map(str, late))} still answers as in the phase before, and others as they should",
            "look at the gateway's replica with that address: has it received the route?",
        )
    elif connections := _as_before(sample.kept, expected):
        yield Cause(
            f"{len(connections)} of {len(sample.kept)} kept connections are answered as in the phase before: "
            "a replica of the gateway is behind",
            "look at the gateway's pods: one has not received the route, or is being replaced",
        )


def _as_before(groups: Mapping[Hashable, Count] | Mapping[str, Count], expected: Expected) -> list[Hashable]:
    """The groups whose share is that of the phase before, where that of others is the one of this phase."""
    before = expected.before
    if before is None or before == expected.share:
        return []
    shares = {
        key: interval(count.new, count.known, OF_GROUPS) for key, count in groups.items() if count.known
    }
    late: list[Hashable] = [
        key for key, known in shares.items() if not known.has(expected.share) and known.has(before)
    ]
    return late if any(known.has(expected.share) for known in shares.values()) else []


def _of_all(count: Count, expected: Expected, names: Mapping[Version, str]) -> Cause | None:
    known, before = interval(count.new, count.known, CONFIDENCE), expected.before
    if expected.is_split and not (count.old and count.new):
        version = names[Version.NEW if count.new else Version.OLD]
        return Cause(
            f"every request was answered by {version}: weights are not looked at, or the gateway chooses by the "
            "client's address",
            "ask from another machine; `kubectl canary status` says whether the route is in force",
        )
    if before is not None and before != expected.share and known.has(before):
        return Cause(
            "the split is that of the phase before: the gateway has not followed",
            "`kubectl canary status` says whether the route is in force",
        )
    if expected.is_split and known.has(Fraction(1, 2)):
        return Cause(
            "both versions answer as often: the implementation ignores weights",
            "`kubectl canary doctor` says what the implementation claims",
        )
    if expected.pods is not None and known.has(expected.pods):
        return Cause(
            "requests are split as there are pods: something sends past the weights",
            "`kubectl canary doctor` says whether a Service selects the pods of both versions",
        )
    return None


def probe(sample: Sample, expected: Expected) -> tuple[Version, str, int] | None:
    """The cookie that would hold a client at a version, whose, and how many requests with it tell.

    None where no answer has set one, or where so few do not tell.
    """
    shares = {Version.NEW: float(expected.share), Version.OLD: 1 - float(expected.share)}
    known = sorted(sample.cookies, key=lambda version: shares[version])
    if not expected.is_split or not known:
        return None
    number = math.ceil(math.log(STAYS) / math.log(shares[known[0]]))
    return (known[0], sample.cookies[known[0]], number) if number <= MOST_WITH_COOKIE else None


def sticky(version: Version, cookie: str, count: Count) -> Cause | None:
    """What it means that requests with a cookie of a version were answered so."""
    stayed = count.new if version is Version.NEW else count.old
    if not count.total or stayed < count.total:
        return None
    return Cause(
        f"sessions are sticky: who sends the cookie `{cookie.partition('=')[0]}` back stays with one version",
        "the share is one of new clients then; look at sessionPersistence of the route, or at the Gateway's policies",
    )
