"""Exact integer maths of weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

MAX_WEIGHT = 1_000_000  # of a backendRef in the Gateway API


def weights(share: Fraction) -> tuple[int, int]:
    """The weights of stable and canary that give the canary exactly `share`.

    Their sum is 100, or the next power of ten where the share has decimals: 95 and 5, 9999 and 1.
    """
    total = 100
    while (share * total).denominator != 1:
        total *= 10
    canary = int(share * total)
    return total - canary, canary


def mirror_amount(share: Fraction) -> dict[str, object]:
    """How much a RequestMirror filter copies: nothing said means all, `percent` is whole, `fraction` is not."""
    if share == 1:
        return {}
    stable, canary = weights(share)
    total = stable + canary
    if total == 100:
        return {"percent": canary}
    return {"fraction": {"numerator": canary, "denominator": total}}


def split(share: Fraction, together: int | None, others: Sequence[int]) -> tuple[int, int, int, Fraction]:
    """Weights of stable and canary beside third backends: (stable, canary, scale, error).

    `together` is what stable and canary weigh now, of which the canary gets `share`; None means that nobody else
    is there. `others` are the third backends' weights, which become `scale` times as much, so that their share of
    the whole is exactly kept. The scale is the smallest that makes all weights whole. Where the weights would
    exceed what the API allows, the canary gets the nearest, and `error` is how far its share is off.
    """
    if together is None:
        stable, canary = weights(share)
        return stable, canary, 1, Fraction(0)
    scale = (share * together).denominator
    stable, canary = int((1 - share) * together * scale), int(share * together * scale)
    if max(stable, canary, *(weight * scale for weight in others)) <= MAX_WEIGHT:
        return stable, canary, scale, Fraction(0)
    scale = max(1, MAX_WEIGHT // max(together, *others))
    canary = math.floor(share * together * scale + Fraction(1, 2))
    return together * scale - canary, canary, scale, abs(Fraction(canary, together * scale) - share)
