"""Clopper and Pearson's interval, held against the binomial distribution itself."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_canary.driving.intervals import Interval, interval


def at_least(hits: int, number: int, share: float) -> float:
    """How probable that many hits or more are, exactly."""
    p = Fraction(share)
    parts = (math.comb(number, k) * p**k * (1 - p) ** (number - k) for k in range(hits, number + 1))
    return float(sum(parts))


@given(st.data())
def test_each_end_leaves_half_of_the_doubt_beyond_it(data: st.DataObject) -> None:
    number = data.draw(st.integers(1, 80))
    hits = data.draw(st.integers(0, number))
    confidence = data.draw(st.sampled_from([0.95, 0.999, 0.9999]))
    tail = (1 - confidence) / 2
    low, high = interval(hits, number, confidence)
    assert low == 0 if hits == 0 else math.isclose(at_least(hits, number, low), tail, rel_tol=1e-6)
    assert (
        high == 1
        if hits == number
        else math.isclose(1 - at_least(hits + 1, number, high), tail, rel_tol=1e-6)
    )


@pytest.mark.parametrize(
    ("hits", "number", "expected"),
    [
        (100, 1000, (0.071376, 0.134775)),
        (0, 1000, (0.0, 0.007572)),
        (1_000_000, 10_000_000, (0.099688, 0.100313)),
    ],
)
def test_many_requests_narrow_it(hits: int, number: int, expected: tuple[float, float]) -> None:
    assert interval(hits, number, 0.999) == pytest.approx(expected, abs=2e-6)


def test_both_ends_are_in_it() -> None:
    known = Interval(0.25, 0.5)
    assert [known.has(Fraction(share)) for share in ("1/4", "1/3", "1/2", "1/5", "51/100")] == [True] * 3 + [
        False
    ] * 2
