"""Whether a split is the planned one: how often the verdict is wrong, computed, and which reasons are named."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction

import pytest

from kubectl_canary.driving.causes import MOST_WITH_COOKIE, causes, of_testers, probe, sticky
from kubectl_canary.driving.splits import (
    Connection,
    Count,
    Expected,
    Sample,
    judge,
    judged,
    stays,
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
        (count(0, 150), Fraction(0), "passed"),
        (count(0, 140), Fraction(0), "inconclusive"),
        (count(1, 1000), Fraction(0), "failed"),
        (count(150, 150), Fraction(1), "passed"),
        (count(1, 1), Fraction(1), "inconclusive"),
        (count(999, 1000), Fraction(1), "failed"),
        (count(0, 0), Fraction(1), "inconclusive"),
        # whoever gave the answers that tell nothing
        (count(100, 1000, unknown=2), TENTH, "passed"),
        (count(100, 1000, unknown=60), TENTH, "inconclusive"),
        (count(300, 1000, unknown=60), TENTH, "failed"),
        (count(10, 1000, unknown=20), TENTH, "failed"),
        (count(0, 1000, unknown=1000), TENTH, "inconclusive"),
        (count(0, 1000, unknown=900), TENTH, "inconclusive"),
        (count(0, 1000, unknown=1), Fraction(0), "inconclusive"),
        (count(1000, 1001, unknown=1), Fraction(1), "inconclusive"),
        (count(1, 11, unknown=1), Fraction(0), "failed"),
    ],
)
def test_a_count_is_judged(counted: Count, share: Fraction, expected: str) -> None:
    assert expected == judge(counted, share).verdict.value


@pytest.mark.parametrize(
    ("share", "expected"),
    [("1/2", "1/20"), ("1/10", "1/20"), ("1/100", "1/200"), ("19/20", "1/40"), ("1", "1/20")],
)
def test_a_split_may_be_so_far_from_its_share(share: str, expected: str) -> None:
    assert Fraction(expected) == tolerance(Fraction(share))


def test_what_is_inconclusive_says_how_many_requests_decide() -> None:
    assert sufficient(TENTH) == judge(count(10, 100), TENTH).needed == 1400
    assert 6000 == judge(count(1590, 3000), Fraction(1, 2)).needed
    assert None is judge(count(100, 1000), TENTH).needed
    assert None is judge(count(0, 1000, unknown=1000), TENTH).needed
    assert 1400 == judge(count(10, 100, unknown=1), TENTH).needed
    assert 1000 == judge(count(1, 1), Fraction(1)).needed


def kept(new: int, total: int, changes: int | None = None) -> Connection:
    """A connection that is kept; it changes between versions as often as by chance."""
    usual = round(2 * new * (total - new) / total)
    return Connection(total - new, new, Counter(), usual if changes is None else changes)


def sample(fresh: Count, *connections: Connection, **addresses: Count) -> Sample:
    known = {name.replace("_", "."): counted for name, counted in addresses.items()}
    return Sample(fresh, dict(enumerate(connections)), known)


def said(found: Sample, share: str, pods: str = "", after: str = "", **before: str) -> list[str]:
    shares = {name: Fraction(value) for name, value in before.items()}
    later = {"after": Fraction(after)} if after else {}
    expected = Expected(Fraction(share), shares, later, Fraction(pods) if pods else None)
    return [cause.text for cause in causes(found, expected, NAMES)]


STAYING = [kept(0, 60)] * 7 + [kept(60, 60)]
BEFORE = {"before": "1/20", "after": "1/2"}


@pytest.mark.parametrize(
    ("found", "share", "more", "words"),
    [
        (sample(count(50, 500), *STAYING), "1/10", {}, ["connections that are kept stay with a version"]),
        (sample(count(50, 500), kept(6, 60), kept(5, 60)), "1/10", BEFORE, []),
        (sample(count(0, 500), *[kept(0, 60)] * 8), "1/10", {}, ["every request was answered by v1.0.0"]),
        (sample(count(500, 500), *[kept(60, 60)] * 8), "1/10", {}, ["every request was answered by v1.1.0"]),
        (
            sample(count(0, 900)),
            "1/10",
            {"testers": "0"},
            ["the split is that of `testers`: the gateway has not"],
        ),
        (sample(count(50, 1000)), "1/4", BEFORE, ["the split is that of `before`"]),
        (sample(count(330, 1000)), "1/4", {"after": "1/3"}, ["the split is that of `after`"]),
        (sample(count(500, 1000)), "1/4", BEFORE, ["both versions answer as often"]),
        (sample(count(1, 1000)), "0", BEFORE, []),
        (sample(count(500, 1000)), "1/10", {}, ["both versions answer as often"]),
        (sample(count(900, 1000)), "1/10", {}, ["the shares are the other way round"]),
        (sample(count(0, 1000)), "1", {}, ["the shares are the other way round"]),
        (sample(count(250, 1000)), "1/10", {"pods": "1/4"}, ["requests are split as there are pods"]),
        (sample(count(400, 1000)), "1/10", {"pods": "1/4"}, []),
        # a replica that is behind, by its connections
        (
            sample(count(70, 500), *[kept(3, 100)] * 2, *[kept(28, 100)] * 3),
            "1/4",
            {"before": "1/20"},
            ["2 of 5 kept connections are answered as in `before`"],
        ),
        (sample(count(45, 500), *[kept(9, 100)] * 20), "1/4", {"before": "1/20"}, []),
        (sample(count(15, 500), *[kept(3, 100)] * 20), "1/4", {"before": "1/9"}, []),
        (sample(count(125, 500), kept(60, 100), *[kept(25, 100)] * 4), "1/4", {"before": "1/20"}, []),
        # addresses
        (
            sample(count(150, 1000), _203=count(25, 500), _204=count(125, 500)),
            "1/4",
            {"before": "3/20"},
            ["at .203, 5.0 % of requests are answered by v1.1.0"],
        ),
        (
            sample(count(250, 1000), _203=count(0, 500), _204=count(250, 500)),
            "1/4",
            {},
            ["at .203, 0.0 % of requests", "at .204, 50.0 % of requests"],
        ),
        (sample(count(250, 1000), _203=count(125, 500), _204=count(125, 500)), "1/4", {}, []),
        (sample(count(250, 1000), _203=count(0, 500, unknown=500), _204=count(125, 500)), "1/4", {}, []),
        (sample(count(500, 1000), _203=count(500, 1000)), "1/4", {}, ["both versions answer as often"]),
        # answers of neither version
        (
            sample(count(100, 1000, unknown=600)),
            "1/4",
            BEFORE,
            ["600 of 1000 answers are of neither version, 600 of them: HTTP 503"],
        ),
        (sample(count(450, 1000, unknown=100)), "1/10", {}, []),
    ],
)
def test_reasons_are_named(found: Sample, share: str, more: dict[str, str], words: list[str]) -> None:
    texts = said(found, share, **more)
    assert len(words) == len(texts), texts
    assert all(text.startswith(word) for text, word in zip(texts, words, strict=True)), texts


def test_an_address_that_is_behind_fails_what_others_make_up_for() -> None:
    both = sample(count(1250, 5000), _203=count(0, 2500), _204=count(1250, 2500))
    assert Verdict.FAILED is judged(both, Expected(Fraction(1, 4))).verdict
    one = sample(count(1250, 5000), _204=count(1250, 5000))
    assert Verdict.PASSED is judged(one, Expected(Fraction(1, 4))).verdict


def test_connections_that_stay_are_not_judged() -> None:
    found, expected = sample(count(50, 500), *STAYING), Expected(TENTH)
    judgement = judged(found, expected)
    assert (500, Verdict.INCONCLUSIVE) == (judgement.count.total, judgement.verdict)
    assert 2800 <= (judgement.needed or 0), "half of the requests count"
    both = sample(
        count(50, 500), *STAYING, kept(6, 60, 20), kept(6, 60, 20), kept(6, 60, 20), kept(6, 60, 20)
    )
    assert 1220 == judged(both, expected).count.total


def test_connections_stay_that_change_once() -> None:
    found = sample(count(50, 500), *STAYING[:-1], kept(1, 60, 2))
    assert stays(found)


@pytest.mark.parametrize(
    "found",
    [
        sample(count(50, 500), *[kept(0, 2)] * 8),  # by chance
        sample(count(50, 500), *[kept(6, 60)] * 8),
        sample(count(50, 500), *[kept(6, 60, 12)] * 8),  # a gateway that takes turns
        sample(count(150, 500), *[kept(30, 60)] * 4, *[kept(6, 60)] * 4),  # one of two addresses is behind
        sample(count(0, 500), *STAYING),
        sample(count(500, 500), *[kept(60, 60)] * 8),
        sample(count(50, 500)),
        sample(count(50, 500), *[kept(0, 1)] * 200),  # each was closed after an answer
    ],
)
def test_connections_are_not_said_to_stay_by_chance(found: Sample) -> None:
    assert not stays(found)


def test_a_connection_knows_how_often_another_version_has_answered() -> None:
    connection = Connection()
    for version in (Version.OLD, Version.OLD, Version.NEW, None, Version.NEW, Version.OLD):
        connection.add(version, "HTTP 503")
    assert (3, 2, 1, 2) == (connection.old, connection.new, connection.unknown.total(), connection.changes)


def test_reasons_without_number_are_kept_together() -> None:
    counted = Count()
    for number in range(1000):
        counted.add(None, f"header x-version is `{number}`")
    assert (101, 900) == (len(counted.unknown), counted.unknown["something else"])


def test_testers_that_others_answer_are_named() -> None:
    assert [] == [*of_testers(count(150, 150), NAMES)]
    (cause,) = of_testers(count(100, 150, unknown=20), NAMES)
    assert "50 of 150 requests of testers were not answered by v1.1.0" == cause.text


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
    cause = sticky(Version.NEW, "session=1; at=canary", count(3, 3))
    assert cause is not None
    assert "who sends the cookies `session` and `at` back" in cause.text
    assert sticky(Version.OLD, "at=stable", count(0, 66)) is not None
    for counted in (count(2, 3), count(2, 3, unknown=1), count(0, 0), count(0, 3)):
        assert None is sticky(Version.NEW, "at=canary", counted)
