"""Weights where nothing is exact, and at the limit of the API."""

from __future__ import annotations

from fractions import Fraction

import pytest

from kubectl_canary.release import shares


@pytest.mark.parametrize(("share", "canary"), [("1/3000", 233), ("2/3000", 467), ("1/1400002", 1)])
def test_an_inexact_share_becomes_the_nearest_weight(share: str, canary: int) -> None:
    stable, found, scale, error = shares.split(Fraction(share), 700_001, [999_999])
    assert (1, 700_001, canary) == (scale, stable + found, found)
    assert error == abs(Fraction(found, 700_001) - Fraction(share))


def test_a_weight_of_a_million_is_still_exact() -> None:
    assert (500_000, 500_000, 1, 0) == shares.split(Fraction(1, 2), 1_000_000, [1_000_000])
    assert (1_000_000, 0, 1, 0) == shares.split(Fraction(0), 1_000_000, [1])
    assert (600_001, 600_001, 2, 0) == shares.split(Fraction(1, 2), 600_001, [500_000])


def test_third_backends_stay_below_the_limit_too() -> None:
    stable, canary, scale, error = shares.split(Fraction(1, 3), 10, [600_000])
    assert (7, 3, 1) == (stable, canary, scale)
    assert error == Fraction(1, 3) - Fraction(3, 10)


@pytest.mark.parametrize(
    ("share", "amount"),
    [("1", {}), ("1/5", {"percent": 20}), ("1/8", {"fraction": {"numerator": 125, "denominator": 1000}})],
)
def test_a_mirror_says_its_amount_as_the_api_does(share: str, amount: dict[str, object]) -> None:
    assert amount == shares.mirror_amount(Fraction(share))
