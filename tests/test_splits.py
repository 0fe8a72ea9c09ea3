"""Whether a split is the planned one: how often the verdict is wrong, computed, and which reasons are named."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction

import pytest

from kubectl_canary.driving.splits import (
    MOST_WITH_COOKIE,
    Count,
    Expected,
    Sample,
    causes,
    judge,
    judged,
    probe,
    stays,
    sticky,
    sufficient,
    tolerance,
    wanted,
)
from kubectl_canary.driving.verdicts import Verdict
from kubectl_canary.release.application import Version

NAMES = {Version.OLD: "v1.0.0", Version.NEW: "v1.1.0"}
TENTH = Fraction(1, 10)


def count(new: int, total: int, unknown: int = 0) -> Count:
    return Count(total - new - unknown, new, Counter({"HTTP 503": unknown} if unknown else {}))


def chance_of(verdict: Verdict, number: int, plan: Fraction, true: float) -> float:
    """How often a verdict comes where requests are independent and the true share is that one."""
    found = 0.0
    for hits in range(number + 1):
        probability = math.exp(
            math.lgamma(number + 1) - math.lgamma(hits + 1) - math.lgamma(number - hits + 1)
            + hits * math.log(true) + (number - hits) * math.log1p(-true)
        )  # fmt: skip
        if probability > 1e-8 and judge(count(hits, number), plan).verdict is verdict:
            found += probability
    return found


@pytest.mark.parametrize("plan", [Fraction(1, 100), Fraction(1, 20), TENTH, Fraction(1, 4), Fraction(1, 2)])
@pytest.mark.parametrize("number", [50, 1000])
def test_a_healthy_split_fails_once_in_a_thousand_times_at_most(plan: Fraction, number: int) -> None:
    assert chance_of(Verdict.FAILED, number, plan, float(plan)) <= 0.001


@pytest.mark.parametrize("plan", [TENTH, Fraction(1, 2)])
def test_a_split_beyond_the_tolerance_passes_as_seldom(plan: Fraction) -> None:
    for true in (plan - tolerance(plan), plan + tolerance(plan)):
        assert chance_of(Verdict.PASSED, 1000, plan, float(true)) <= 0.001


def test_a_split_of_80_to_20_instead_of_90_to_10_is_found() -> None:
    assert chance_of(Verdict.FAILED, 1000, TENTH, 0.2) > 1 - 1e-6


@pytest.mark.parametrize("share", ["1/100", "1/20", "1/10", "1/4", "1/2", "9/10", "99/100"])
def test_as_many_as_are_sent_by_default_tell_a_healthy_split(share: str) -> None:
    plan = Fraction(share)
    number = sufficient(plan)
    assert wanted(plan) < number < 20_000
    assert chance_of(Verdict.PASSED, number, plan, float(plan)) > 0.94


@pytest.mark.parametrize(
    ("counted", "share", "expected"),
    [
        (count(100, 1000), TENTH, "passed"),
        (count(200, 1000), TENTH, "failed"),
        (count(30, 1000), TENTH, "failed"),
        (count(10, 100), TENTH, "inconclusive"),
        (count(0, 0), TENTH, "inconclusive"),
        (count(0, 1000), TENTH, "failed"),
        # one version answers all
        (count(0, 10), Fraction(0), "passed"),
        (count(1, 1000), Fraction(0), "failed"),
        (count(10, 10), Fraction(1), "passed"),
        (count(999, 1000), Fraction(1), "failed"),
        (count(0, 0), Fraction(1), "inconclusive"),
        # whoever gave the answers that tell nothing
        (count(100, 1000, unknown=2), TENTH, "passed"),
        (count(100, 1000, unknown=60), TENTH, "inconclusive"),
        (count(300, 1000, unknown=60), TENTH, "failed"),
        (count(10, 1000, unknown=20), TENTH, "failed"),
        (count(0, 1000, unknown=1000), TENTH, "inconclusive"),
        (count(0, 1000, unknown=900), TENTH, "inconclusive"),
        (count(0, 10, unknown=1), Fraction(0), "inconclusive"),
        (count(10, 11, unknown=1), Fraction(1), "inconclusive"),
        (count(1, 11, unknown=1), Fraction(0), "failed"),
    ],
)
def test_a_count_is_judged(counted: Count, share: Fraction, expected: str) -> None:
    assert expected == judge(counted, share).verdict.value


@pytest.mark.parametrize(
    ("share", "expected"), [("1/2", "1/20"), ("1/10", "1/20"), ("1/100", "1/200"), ("19/20", "1/40")]
)
def test_a_split_may_be_so_far_from_its_share(share: str, expected: str) -> None:
    assert Fraction(expected) == tolerance(Fraction(share))


def test_what_is_inconclusive_says_how_many_requests_decide() -> None:
    assert sufficient(TENTH) == judge(count(10, 100), TENTH).needed == 1400
    assert 6000 == judge(count(1590, 3000), Fraction(1, 2)).needed
    assert None is judge(count(100, 1000), TENTH).needed
    assert None is judge(count(0, 1000, unknown=1000), TENTH).needed


def sample(fresh: Count, *kept: Count, **addresses: Count) -> Sample:
    return Sample(
        fresh, dict(enumerate(kept)), {name.replace("_", "."): known for name, known in addresses.items()}
    )


def said(found: Sample, share: str, before: str | None = None, pods: str | None = None) -> list[str]:
    expected = Expected(
        Fraction(share),
        None if before is None else Fraction(before),
        None if pods is None else Fraction(pods),
    )
    return [cause.text for cause in causes(found, expected, NAMES)]


STAYING = [count(0, 60)] * 7 + [count(60, 60)]


@pytest.mark.parametrize(
    ("found", "plan", "words"),
    [
        (sample(count(50, 500), *STAYING), ("1/10",), ["each connection stays with one version"]),
        (sample(count(50, 500), count(6, 60), count(5, 60)), ("1/10", "1/20"), []),
        (sample(count(0, 500), *[count(0, 60)] * 8), ("1/10",), ["every request was answered by v1.0.0"]),
        (sample(count(500, 500), *[count(60, 60)] * 8), ("1/10",), ["every request was answered by v1.1.0"]),
        (sample(count(25, 500), count(25, 500)), ("1/4", "1/20"), ["the split is that of the phase before"]),
        (sample(count(1, 500), count(0, 500)), ("0", "1/20"), []),
        (sample(count(25, 500), count(25, 500)), ("0", "1/20"), ["the split is that of the phase before"]),
        (sample(count(250, 500), count(250, 500)), ("1/10", "1/20"), ["both versions answer as often"]),
        (
            sample(count(125, 500), count(125, 500)),
            ("1/10", "1/20", "1/4"),
            ["requests are split as there are pods"],
        ),
        (sample(count(200, 500), count(200, 500)), ("1/10", "1/20", "1/4"), []),
        (
            sample(count(70, 500), *[count(3, 100)] * 2, *[count(28, 100)] * 3),
            ("1/4", "1/20"),
            ["2 of 5 kept connections are answered as in the phase before"],
        ),
        (
            sample(count(150, 1000), _203=count(25, 500), _204=count(125, 500)),
            ("1/4", "1/20"),
            [".203 still answers as in the phase before"],
        ),
        (sample(count(150, 1000), _203=count(25, 500), _204=count(125, 500)), ("1/4", "1/4"), []),
        (sample(count(45, 500), *[count(9, 100)] * 20), ("1/4", "1/20"), []),
        (sample(count(125, 500), count(60, 100), *[count(25, 100)] * 4), ("1/4", "1/20"), []),
    ],
)
def test_reasons_are_named(found: Sample, plan: tuple[str, ...], words: list[str]) -> None:
    texts = said(found, *plan)
    assert len(words) == len(texts)
    assert all(text.startswith(word) for text, word in zip(texts, words, strict=True)), texts


def test_connections_that_stay_are_not_judged() -> None:
    found, expected = sample(count(50, 500), *STAYING), Expected(TENTH)
    assert (500, Verdict.INCONCLUSIVE) == (
        judged(found, expected).count.total,
        judged(found, expected).verdict,
    )
    both = sample(count(50, 500), *STAYING, count(6, 60))
    assert 1040 == judged(both, expected).count.total


@pytest.mark.parametrize(
    ("found", "share"),
    [
        (sample(count(50, 500), *[count(0, 2)] * 8), "1/10"),  # by chance
        (sample(count(50, 500), *STAYING, count(1, 60)), "1/10"),
        (sample(count(0, 500), *STAYING), "1/10"),
        (sample(count(500, 500), *[count(60, 60)] * 8), "1"),
        (sample(count(50, 500)), "1/10"),
        (sample(count(50, 500), *[count(0, 1)] * 200), "1/10"),  # each was closed after an answer
    ],
)
def test_connections_are_not_said_to_stay_by_chance(found: Sample, share: str) -> None:
    assert not stays(found, Expected(Fraction(share)))


def test_a_cookie_of_the_rarer_version_tells_soonest() -> None:
    found = Sample(cookies={Version.OLD: "at=stable", Version.NEW: "at=canary"})
    assert (Version.NEW, "at=canary", 3) == probe(found, Expected(TENTH))
    assert (Version.OLD, "at=stable", 3) == probe(found, Expected(Fraction(9, 10)))
    assert (Version.OLD, "at=stable", 66) == probe(
        Sample(cookies={Version.OLD: "at=stable"}), Expected(TENTH)
    )
    assert None is probe(Sample(cookies={Version.OLD: "at=stable"}), Expected(Fraction(1, 100)))
    assert None is probe(found, Expected(Fraction(1)))
    assert None is probe(Sample(), Expected(TENTH))
    assert 66 < MOST_WITH_COOKIE


def test_sessions_are_sticky_where_every_request_with_the_cookie_stays() -> None:
    cause = sticky(Version.NEW, "at=canary; x", count(3, 3))
    assert cause is not None
    assert "cookie `at`" in cause.text
    assert sticky(Version.OLD, "at=stable", count(0, 66)) is not None
    for counted in (count(2, 3), count(2, 3, unknown=1), count(0, 0), count(0, 3)):
        assert None is sticky(Version.NEW, "at=canary", counted)
