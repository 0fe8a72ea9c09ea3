"""The lines in which a text differs from another, and a text that others have edited since without them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

LINES = re.compile(r"[^\n]*\n|[^\n]+")


@dataclass(frozen=True)
class Hunk:
    """The lines from `start` to before `end` of a text, and what stands there in the other, without line ends."""

    start: int
    end: int
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Clash:
    """A hunk whose lines are no longer as they were: the line at which they were, from 0, and what they were."""

    line: int
    was: tuple[str, ...]


def between(before: str, after: str) -> tuple[Hunk, ...]:
    """The hunks that make a text another."""
    old, new = _bare(before), _bare(after)
    found = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return tuple(Hunk(a, b, tuple(new[c:d])) for tag, a, b, c, d in found if tag != "equal")


def taken_out(now: str, before: str, hunks: Sequence[Hunk]) -> str | list[Clash]:
    """The text `now`, which once was `before` with the hunks, with the lines of `before` in their places again.

    All other edits stay, also right beside a hunk. The clashes instead, where lines of hunks were edited.
    """
    lines, original = LINES.findall(now), LINES.findall(before)
    edited = Edited(_with(_bare(before), hunks), _bare(now))
    spans = list(_spans(hunks))
    clashes = [clash for start, end in spans for clash in edited.clashes(start, end)]
    if clashes:
        return clashes
    for hunk, (start, end) in reversed(list(zip(hunks, spans, strict=True))):
        place = edited.place(start, end)
        lines[place : place + end - start] = original[hunk.start : hunk.end]
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines[:-1]) + "".join(lines[-1:])


class Edited:
    """Where the lines of a text are in another that somebody made of it."""

    def __init__(self, before: Sequence[str], after: Sequence[str]) -> None:
        self._before = before
        self._steps = SequenceMatcher(None, before, after, autojunk=False).get_opcodes()

    def place(self, start: int, end: int) -> int:
        """Where lines without a clash begin now."""
        for tag, a, b, c, _ in self._steps:
            if tag == "equal" and a <= start and end <= b:
                return c + start - a
        return next((d for _, _, b, _, d in self._steps if b == start), 0)

    def clashes(self, start: int, end: int) -> Iterator[Clash]:
        """What was edited of the lines from `start` to before `end`, or written among them."""
        for tag, a, b, c, _ in self._steps:
            is_among = start < a < end if a == b else a < end and start < b
            if tag != "equal" and is_among:
                yield Clash(c, tuple(self._before[max(a, start) : min(b, end)]))


def _spans(hunks: Sequence[Hunk]) -> Iterator[tuple[int, int]]:
    """From where to where the lines of each hunk stand in the text that the hunks make."""
    grown = 0
    for hunk in hunks:
        start = hunk.start + grown
        yield start, start + len(hunk.lines)
        grown += len(hunk.lines) - (hunk.end - hunk.start)


def _with(lines: Sequence[str], hunks: Sequence[Hunk]) -> list[str]:
    made = list(lines)
    for hunk in reversed(hunks):
        made[hunk.start : hunk.end] = hunk.lines
    return made


def _bare(text: str) -> list[str]:
    return [line.rstrip("\r\n") for line in LINES.findall(text)]
