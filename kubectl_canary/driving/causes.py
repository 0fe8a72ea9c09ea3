"""Why requests are split otherwise than a phase says: what is known to do that, as far as answers show it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from fractions import Fraction

from kubectl_canary.driving.intervals import Interval, interval
from kubectl_canary.driving.splits import (
    CONFIDENCE,
    Count,
    Expected,
    Sample,
    apart,
    fits,
    judged,
    stays,
    tolerance,
)
from kubectl_canary.driving.verdicts import Verdict
from kubectl_canary.records import dataclass
from kubectl_canary.release.application import Version

STAYS = 1e-3  # that all requests with a cookie are answered by one version by chance
MOST_WITH_COOKIE = 100


@dataclass(frozen=True)
class Cause:
    """Something that is known to split requests otherwise, and what to do: `{status}` and `{doctor}` are commands."""

    text: str
    cure: str


def causes(sample: Sample, expected: Expected, names: Mapping[Version, str]) -> Iterator[Cause]:
    """What is known to be the reason, or speaks of another one; `names` are what people call the versions."""
    if late := apart(sample, expected):
        yield from (_of_address(address, sample.addresses[address], names) for address in late)
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


def _of_address(address: str, count: Count, names: Mapping[Version, str]) -> Cause:
    return Cause(
        f"at {address}, {100 * count.new / count.known:.1f} % of requests are answered by {names[Version.NEW]}",
        "look at the gateway's replica with that address: has it received the route?",
    )


def _behind(sample: Sample, expected: Expected) -> Iterator[Cause]:
    """A replica of the gateway that has not followed, by the connections that it has."""
    known = {key: count for key, count in sample.kept.items() if count.known}
    late = [count for count in known.values() if not fits(count, expected.share)]
    for phase, share in (*expected.before.items(), *expected.after.items()):
        if late and len(late) < len(known) and all(fits(count, share) for count in late):
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
