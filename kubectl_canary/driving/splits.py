"""Whether requests are split as a phase says, by how they were answered; and what is known to be the reason if not.

A share is failed where what was counted speaks against it at a confidence of 99.9 %, and passed where the true one is
near it at that confidence. A gateway that takes turns is nearer to its weights than chance, which harms neither.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from kubectl_canary.driving.intervals import Interval, interval
from kubectl_canary.driving.verdicts import Verdict
from kubectl_canary.release.application import Version

CONFIDENCE, USUAL = 0.999, 0.95
OF_GROUPS = 0.9999  # there are several, and none may be blamed by chance
TOLERANCE = Fraction(1, 20)
STAYS = 1e-3  # the same of requests with a cookie
MOST_WITH_COOKIE = 100
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


@dataclass(frozen=True)
class Cause:
    """Something that is known to split requests otherwise, and what to do: `{status}` and `{doctor}` are commands."""

    text: str
    cure: str


def judged(sample: Sample, expected: Expected) -> Judgement:
    """The verdict on a split: over new connections alone where kept ones stay with a version.

    Those are no independent draws then, and say nothing of the split. It is failed where that of one address is.
    """
    sent = sample.all.total
    judgement = judge(sample.fresh if stays(sample) else sample.all, expected.share, sent)
    return replace(judgement, verdict=Verdict.FAILED) if _apart(sample, expected) else judgement


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


# --- why a split is another ---


def causes(sample: Sample, expected: Expected, names: Mapping[Version, str]) -> Iterator[Cause]:
    """What is known to be the reason, or speaks of another one; `names` are what people call the versions."""
    if apart := _apart(sample, expected):
        yield from (_of_address(address, sample.addresses[address], names) for address in apart)
        return
    judgement, is_staying = judged(sample, expected), stays(sample)
    if is_staying:
        yield Cause(
            "connections that are kept stay with a version; only new ones are judged",
            "clients that keep connections are split connection by connection: "
            "look whether something before the gateway balances connections",
        )
    if judgement.verdict is Verdict.INCONCLUSIVE and judgement.needed is None:
        yield from _of_unknown(judgement.count)
        return
    is_known = judgement.verdict is Verdict.FAILED and _speaks(judgement.count, expected.share)
    found = [*_of_all(judgement.count, expected, names)] if is_known else []
    yield from found or ([] if is_staying else _behind(sample, expected))


def _speaks(count: Count, share: Fraction) -> bool:
    """Whether so few answers are of neither version that the others speak for all."""
    return Fraction(count.unknown.total(), count.total) < tolerance(share)


def _of_unknown(count: Count) -> Iterator[Cause]:
    for why, number in count.unknown.most_common(1):
        yield Cause(
            f"{count.unknown.total()} of {count.total} answers are of neither version, {number} of them: {why}",
            "--by says where an answer has its version, --stable and --canary what stands there; "
            "`{status}` says whether pods are ready",
        )


def _apart(sample: Sample, expected: Expected) -> list[str]:
    """The addresses whose split alone is not the phase's; none where there is one address."""
    known = {address: count for address, count in sample.addresses.items() if count.known}
    apart = [address for address, count in known.items() if not _fits(count, expected.share)]
    return apart if len(sample.addresses) > 1 else []


def _fits(count: Count, share: Fraction) -> bool:
    return interval(count.new, count.known, OF_GROUPS).has(share)


def _of_address(address: str, count: Count, names: Mapping[Version, str]) -> Cause:
    return Cause(
        f"at {address}, {100 * count.new / count.known:.1f} % of requests are answered by {names[Version.NEW]}",
        "look at the gateway's replica with that address: has it received the route?",
    )


def stays(sample: Sample) -> bool:
    """Whether kept connections change between versions half as often as by the chance of new ones, or less."""
    fresh, kept = sample.fresh, sample.kept.values()
    share = Fraction(fresh.new, fresh.known) if fresh.known else Fraction(0)
    pairs = sum(max(connection.known - 1, 0) for connection in kept)
    changes = sum(connection.changes for connection in kept)
    return bool(pairs) and interval(changes, pairs, CONFIDENCE).high < share * (1 - share)


def _behind(sample: Sample, expected: Expected) -> Iterator[Cause]:
    """A replica of the gateway that has not followed, by the connections that it has."""
    known = {key: count for key, count in sample.kept.items() if count.known}
    late = [count for count in known.values() if not _fits(count, expected.share)]
    for phase, share in (*expected.before.items(), *expected.after.items()):
        if late and len(late) < len(known) and all(_fits(count, share) for count in late):
            yield Cause(
                f"{len(late)} of {len(known)} kept connections are answered as in `{phase}`: "
                "a replica of the gateway is behind",
                "look at the gateway's pods: one has not received the route, or is being replaced",
            )
            return


def _of_all(count: Count, expected: Expected, names: Mapping[Version, str]) -> Iterator[Cause]:
    """The first reason that goes with what was counted."""
    known = interval(count.new, count.known, CONFIDENCE)
    before, after = (_phase(known, shares) for shares in (expected.before, expected.after))
    if before is not None:
        yield _of_phase(before)
    elif expected.is_split and not (count.old and count.new):
        version = names[Version.NEW if count.new else Version.OLD]
        yield Cause(
            f"every request was answered by {version}: weights are not looked at, or the gateway chooses by the "
            "client's address",
            "ask from another machine; `{status}` says whether the route is in force",
        )
    elif known.has(1 - expected.share):
        yield Cause(
            "the shares are the other way round",
            "look whether --stable and --canary, or stable and canary of `spec.verify`, are exchanged",
        )
    elif expected.is_split and known.has(Fraction(1, 2)):
        yield Cause(
            "both versions answer as often: the implementation ignores weights",
            "`{doctor}` says what the implementation claims",
        )
    elif expected.pods is not None and known.has(expected.pods):
        yield Cause(
            "requests are split as there are pods: something sends past the weights",
            "`{doctor}` says whether a Service selects the pods of both versions",
        )
    elif after is not None:
        yield _of_phase(after)


def _phase(known: Interval, shares: Mapping[str, Fraction]) -> str | None:
    return next((phase for phase, share in shares.items() if known.has(share)), None)


def _of_phase(phase: str) -> Cause:
    return Cause(
        f"the split is that of `{phase}`: the gateway has not followed",
        "`{status}` says whether the route is in force; if it is, the gateway may choose by the client's address",
    )


def of_testers(count: Count, names: Mapping[Version, str]) -> Iterator[Cause]:
    """What it means that testers were not all answered by the canary."""
    if count.new < count.total:
        yield Cause(
            f"{count.total - count.new} of {count.total} requests of testers were not answered by {names[Version.NEW]}",
            "`{status}` says whether the route is in force, and whether the canary's pods are ready",
        )


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


def _names(cookie: str) -> str:
    names = [f"`{pair.partition('=')[0]}`" for pair in cookie.split("; ")]
    return f"the cookie{'s' if len(names) > 1 else ''} {' and '.join(names)}"


def sticky(version: Version, cookie: str, count: Count) -> Cause | None:
    """What it means that requests with a cookie of a version were answered so."""
    stayed = count.new if version is Version.NEW else count.old
    if not count.total or stayed < count.total:
        return None
    return Cause(
        f"sessions are sticky: who sends {_names(cookie)} back stays with one version",
        "the share is one of new clients then; look at sessionPersistence of the route, or at the Gateway's policies",
    )
