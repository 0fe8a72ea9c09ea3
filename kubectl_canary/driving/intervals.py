"""Between which shares the true one is, by what was counted: Clopper and Pearson's interval for a binomial share.

It holds at least as often as it says, whatever the share is. Source: Clopper, Pearson, Biometrika 26 (1934).
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple

HALVINGS = 60  # of an interval, until a share is exact as far as a float is
MOST_TERMS = 10_000
ENOUGH = 1e-15
TINY = 1e-300


class Interval(NamedTuple):
    """Two shares of 1, both ends included."""

    low: float
    high: float

    def has(self, share: Fraction) -> bool:
        """Whether a share is one of them."""
        return self.low <= share <= self.high


def interval(hits: int, number: int, confidence: float) -> Interval:
    """The shares that `hits` of a number of independent draws go with, at a confidence such as 0.999."""
    tail = (1 - confidence) / 2
    low = 0.0 if hits == 0 else _quantile(tail, hits, number - hits + 1)
    high = 1.0 if hits == number else _quantile(1 - tail, hits + 1, number - hits)
    return Interval(low, high)


def _quantile(share: float, a: float, b: float) -> float:
    """Where the beta distribution has that share of itself below."""
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _below(middle, a, b) < share else (low, middle)
    return (low + high) / 2


def _below(x: float, a: float, b: float) -> float:
    """How much of the beta distribution is below x: the regularized incomplete beta function.

    Source: https://dlmf.nist.gov/8.17, equations 4 and 22.
    """
    if not 0 < x < 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - _below(1 - x, b, a)
    logarithm = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(logarithm) / (a * _fraction(x, a, b))


def _fraction(x: float, a: float, b: float) -> float:
    """The continued fraction under the function, by Lentz's method."""
    value, c, d = 1.0, 1.0, 0.0
    for term in range(1, MOST_TERMS):
        part = _part(term, x, a, b)
        d = 1 / (1 + part * d or TINY)
        c = 1 + part / c or TINY
        value *= c * d
        if abs(c * d - 1) < ENOUGH:
            break
    return value


def _part(term: int, x: float, a: float, b: float) -> float:
    half, is_odd = divmod(term - 1, 2)
    if is_odd:
        m = half + 1
        return m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
    return -(a + half) * (a + b + half) * x / ((a + 2 * half) * (a + 2 * half + 1))
