"""Exact integer maths of weights."""

from __future__ import annotations

from fractions import Fraction


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
