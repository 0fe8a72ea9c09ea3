"""Values that CEL has and Python has not, and the errors of CEL."""

from __future__ import annotations

from typing import Any

from kubectl_canary.expressions import regex
from kubectl_canary.records import dataclass

UNITS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
AMOUNT = regex(r"([0-9]*)(?:\.([0-9]*))?(ns|us|µs|μs|ms|s|m|h)")
INT64 = 2**63


class CelError(Exception):
    """An error of an evaluation: `&&`, `||`, `all` and `exists` absorb it where the other side decides."""


@dataclass(frozen=True, order=True)
class Duration:
    """A span of time in nanoseconds."""

    nanoseconds: int

    @classmethod
    def parse(cls, text: str) -> Duration:
        """Go's time.ParseDuration. Raises CelError."""
        if text in ("0", "+0", "-0"):
            return cls(0)
        sign = -1 if text.startswith("-") else 1
        rest = text[1:] if text[:1] in ("+", "-") else text
        total, position = 0, 0
        while match := AMOUNT.match(rest, position):
            whole, part, unit = match.groups()
            if not whole and not part:
                break
            total += int(whole or "0") * UNITS[unit] + int(part or "0") * UNITS[unit] // 10 ** len(part or "")
            position = match.end()
        if not rest or position != len(rest) or total >= INT64:
            raise CelError(f"`{text}` is not a duration")
        return cls(sign * total)


@dataclass(frozen=True)
class Optional:
    """`optional.of(value)`, or `optional.none()` where nothing is there."""

    there: bool
    value: Any = None


@dataclass(frozen=True)
class Format:
    """A named format, such as `format.dns1123Label()`."""

    name: str


def equal(left: Any, right: Any) -> bool:
    """CEL's `==`: values of different types are unequal, but for numbers."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(left[key], right[key]) for key in left)
    return bool(left == right)


def integer(value: Any) -> Any:
    """A number that fits: CEL's integers have 64 bits. Raises CelError."""
    if isinstance(value, int) and not -INT64 <= value < INT64:
        raise CelError("integer overflow")
    return value
