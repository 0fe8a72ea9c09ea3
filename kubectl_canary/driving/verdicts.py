"""What a gate's answers say: of one measurement, and of those of a phase together.

Too little data is a verdict of its own: it neither lets a release go on nor speaks against the canary.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import Enum
from typing import Any

from kubectl_canary.findings import visible
from kubectl_canary.records import dataclass
from kubectl_canary.release.gates import Bounds, Rhythm

INCONCLUSIVE_EXIT = 6  # of a command, as of our own `check`
MANY = 1e9  # from here on a number is not written out


class Verdict(Enum):
    """What is known of a gate."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"


EXITS = {Verdict.PASSED: 0, Verdict.FAILED: 1, Verdict.INCONCLUSIVE: INCONCLUSIVE_EXIT}


@dataclass(frozen=True)
class Reading:
    """A number that was asked for, or why there is none."""

    value: float | None
    why: str = ""

    @classmethod
    def of(cls, value: float) -> Reading:
        """A number; those that are none, or have no end, say that there is too little data."""
        if math.isnan(value):
            return cls(None, "NaN, as of nothing divided by nothing")
        return (
            cls(None, f"{value:g}, as of something divided by nothing") if math.isinf(value) else cls(value)
        )


@dataclass(frozen=True)
class Measurement:
    """One answer: the verdict on it, in words, and the canary's and stable's value where it has them."""

    verdict: Verdict
    said: str
    value: float | None = None
    stable: float | None = None

    def as_data(self) -> dict[str, Any]:
        """The same for programs; a number is left out where there is none, or none that JSON has."""
        numbers = {"value": self.value, "stable": self.stable}
        known = {key: value for key, value in numbers.items() if value is not None}
        return {"verdict": self.verdict.value, "said": self.said, **known}


def of_query(
    bounds: Bounds,
    canary: Reading,
    stable: Reading | None = None,
    volume: Reading | None = None,
    least: int = 0,
) -> Measurement:
    """The verdict on a query: `stable` is what it answers for stable, `volume` the requests that it is about.

    Without stable's value the canary's is held against `max` and `min` alone.
    """
    why = _too_little(volume, least) if volume is not None else ""
    if why or canary.value is None:
        return Measurement(Verdict.INCONCLUSIVE, why or canary.why)
    compared = stable.value if bounds.ratio is not None and stable is not None else None
    if bounds.ratio is not None and stable is not None and compared is None:
        return Measurement(Verdict.INCONCLUSIVE, f"of stable: {stable.why}", canary.value)
    wrong = [text for holds, text in _held(bounds, canary.value, compared) if not holds]
    right = [text for holds, text in _held(bounds, canary.value, compared) if holds]
    if not wrong and not right:
        return Measurement(Verdict.INCONCLUSIVE, "nothing to hold it against", canary.value)
    said = f"{number(canary.value)} {' and '.join(wrong or right)}"
    if bounds.ratio is not None and compared is None:
        said += ", and stable's value is not known"
    return Measurement(Verdict.FAILED if wrong else Verdict.PASSED, said, canary.value, compared)


def _too_little(volume: Reading, least: int) -> str:
    """Why there is too little data; nothing where there is enough."""
    if volume.value is None:
        return volume.why
    return f"{number(volume.value)} requests, and {least} are wanted" if volume.value < least else ""


def _held(bounds: Bounds, value: float, stable: float | None) -> list[tuple[bool, str]]:
    """Each bound: whether it holds, and what is so in words."""
    held = []
    if bounds.max is not None:
        holds = value <= bounds.max
        held.append((holds, f"{'≤' if holds else '>'} {number(bounds.max)}"))
    if bounds.min is not None:
        holds = value >= bounds.min
        held.append((holds, f"{'≥' if holds else '<'} {number(bounds.min)}"))
    if bounds.ratio is not None and stable is not None:
        holds = value <= bounds.ratio * stable + bounds.slack
        slack = f" + {number(bounds.slack)}" if bounds.slack else ""
        held.append(
            (holds, f"{'≤' if holds else '>'} {number(bounds.ratio)} x {number(stable)}{slack} of stable")
        )
    return held


def number(value: float) -> str:
    """A number for people: four digits that say something."""
    return f"{value:.4g}" if abs(value) < MANY else f"{value:g}"


def of_exit(code: int | None, said: str) -> Measurement:
    """The verdict on a command that has ended with a code, None where it has not ended by itself."""
    if code is None:
        return Measurement(Verdict.INCONCLUSIVE, visible(said))
    words = f"exit code {code}" + (f": {visible(said)}" if said else "")
    verdicts = {0: Verdict.PASSED, INCONCLUSIVE_EXIT: Verdict.INCONCLUSIVE}
    return Measurement(verdicts.get(code, Verdict.FAILED), words)


def of_status(status: int | None, said: str) -> Measurement:
    """The verdict on a webhook's answer, None where there was none."""
    if status is None or status >= 500:
        return Measurement(Verdict.INCONCLUSIVE, visible(said))
    return Measurement(Verdict.PASSED if 200 <= status < 300 else Verdict.FAILED, visible(said))


def judged(rhythm: Rhythm, measured: Sequence[Verdict], *, is_over: bool) -> Verdict | None:
    """The verdict on a gate by the last of its measurements; None where it is measured on.

    `is_over` says that the phase has lasted as long as it has to: then as many measurements as count decide.
    """
    last = measured[-rhythm.measurements :]
    if last.count(Verdict.FAILED) > rhythm.failures:
        return Verdict.FAILED
    if last.count(Verdict.INCONCLUSIVE) > rhythm.inconclusives:
        return Verdict.INCONCLUSIVE
    if not is_over or len(last) < rhythm.measurements:
        return None
    return Verdict.PASSED if last.count(Verdict.PASSED) >= rhythm.passes else Verdict.INCONCLUSIVE


def together(verdicts: Sequence[Verdict | None]) -> Verdict | None:
    """The verdict on several gates: one that has failed decides, then one that is inconclusive."""
    for verdict in (Verdict.FAILED, Verdict.INCONCLUSIVE):
        if verdict in verdicts:
            return verdict
    return None if None in verdicts else Verdict.PASSED
