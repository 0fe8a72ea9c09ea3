"""Durations as Go's controllers read them, and as a canary file has them.

Source: ParseDuration of https://pkg.go.dev/time
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from kubectl_canary.expressions import regex

UNITS = {
    "ns": Fraction(1, 10**9),
    "us": Fraction(1, 10**6),
    "µs": Fraction(1, 10**6),
    "μs": Fraction(1, 10**6),
    "ms": Fraction(1, 1000),
    "s": Fraction(1),
    "m": Fraction(60),
    "h": Fraction(3600),
}
PART = regex(r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)")
LONGEST = 40  # letters


def seconds(text: Any) -> Fraction | None:
    """The seconds of a duration such as `1m30s`; None where it is none."""
    if text == "0":
        return Fraction(0)
    if not isinstance(text, str) or not text or len(text) > LONGEST or PART.sub("", text):
        return None
    return sum(
        (Fraction(number.rstrip(".")) * UNITS[unit] for number, unit in PART.findall(text)), Fraction(0)
    )


def written(whole: int) -> str:
    """Whole seconds as a canary file has them: `1h30m`, `45s`."""
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return (
        "".join(f"{count}{unit}" for count, unit in ((hours, "h"), (minutes, "m"), (rest, "s")) if count)
        or "0s"
    )
