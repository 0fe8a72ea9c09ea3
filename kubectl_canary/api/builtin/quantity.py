"""Kubernetes quantities (k8s.io/apimachinery/pkg/api/resource): `100m`, `1.5Gi`, `1e3`."""

from __future__ import annotations

from fractions import Fraction

from kubectl_canary.expressions import regex

QUANTITY = regex(
    r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))(?:(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]?)|[eE]([+-]?[0-9]{1,5}))\Z"
)
DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}


def parsed(value: str | float) -> Fraction:
    """The amount that a quantity stands for. Raises ValueError where it is none."""
    match = QUANTITY.match(str(value).strip())
    if match is None:
        raise ValueError(f"`{value}` is not a quantity such as `100m`, `64Mi` or `1.5`")
    number, suffix, exponent = match.groups()
    unit = 2 ** BINARY[suffix] if suffix in BINARY else _ten_to(int(exponent or DECIMAL[suffix or ""]))
    return Fraction(number) * unit


def _ten_to(power: int) -> Fraction:
    return Fraction(10**power) if power >= 0 else Fraction(1, 10**-power)
