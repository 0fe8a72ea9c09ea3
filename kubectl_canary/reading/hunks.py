"""The lines in which a text differs from another, and a text that others have edited since without them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from difflib import SequenceMatcher

from kubectl_canary.expressions import regex
from kubectl_canary.records import dataclass

LINES = regex(r"[^\n]*\n|[^\n]+")
# what a formatter may change of a line that stays the same: quotes, spaces in braces, and what stands behind a value
UNSAID = regex(r"""["']|[ \t]+#.*|[ \t\r\n]+$|(?<=[\[{]) +| +(?=[\]}])""")
BLOCK = regex(r"(^|[:-][ \t]+)[|>][-+0-9]*([ \t]+#.*)?$")


@dataclass(frozen=True)
class Hunk:
    """The lines from `start` to before `end` of a text, and what stands there in the other, without line ends."""

    start: int
    end: int
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Clash:
    """An edit in the way: its first line, from 0, and what stood there of a hunk; nothing where it adds lines."""

    line: int
    was: tuple[str, ...] = ()


def between(before: str, after: str) -> tuple[Hunk, ...]:
    """The hunks that make a text another."""
    old, new = _bare(before), _bare(after)
    found = SequenceMatcher(None, old, new).get_opcodes()
    return tuple(Hunk(a, b, tuple(new[c:d])) for tag, a, b, c, d in found if tag != "equal")


def taken_out(now: str, before: str, hunks: Sequence[Hunk]) -> str | list[Clash]:
    """The text `now`, which once was `before` with the hunks, with the lines of `before` in their places again.

    All other edits stay, also right beside a hunk. The clashes instead, where lines of hunks were edited, or others
    written among them or below what one of them opens: these would be something else without it.
    """
    lines, original = LINES.findall(now), LINES.findall(before)
    edited = _Edited(_with(_bare(before), hunks), _bare(now))
    spans = list(_spans(hunks))
    if clashes := [clash for start, end in spans for clash in edited.among(start, end)]:
        return clashes
    places = [edited.place(start, end) for start, end in spans]
    found = list(zip(hunks, places, strict=True))
    ours = {line for hunk, place in found for line in range(place, place + len(hunk.lines))}
    if clashes := list(edited.below(ours)):
        return clashes
    for hunk, place in reversed(found):
        lines[place : place + len(hunk.lines)] = original[hunk.start : hunk.end]
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines[:-1]) + "".join(lines[-1:])


def places(text: str, other: str) -> dict[int, int]:
    """Where the lines of a text are in another, by their numbers from 0; without those that are not there."""
    blocks = SequenceMatcher(None, _bare(text), _bare(other)).get_matching_blocks()
    return {a + line: b + line for a, b, size in blocks for line in range(size)}


class _Edited:
    """Where the lines of a text are in another that somebody made of it."""

    def __init__(self, before: Sequence[str], after: Sequence[str]) -> None:
        self._before, self._after = before, after
        self._steps = SequenceMatcher(None, _meant(before), _meant(after)).get_opcodes()

    def place(self, start: int, end: int) -> int:
        """Where lines that nobody has edited begin now."""
        for tag, a, b, c, _ in self._steps:
            if tag == "equal" and a <= start and end <= b:
                return c + start - a
        return next((d for _, _, b, _, d in self._steps if b == start), 0)

    def among(self, start: int, end: int) -> Iterator[Clash]:
        """What was edited of the lines from `start` to before `end`, or written among them."""
        for tag, a, b, c, _ in self._steps:
            is_among = start < a < end if a == b else a < end and start < b
            if tag != "equal" and is_among:
                yield Clash(c, tuple(self._before[max(a, start) : min(b, end)]))

    def below(self, lines: Collection[int]) -> Iterator[Clash]:
        """What others have written that stands in what one of some lines opens, or would be text without them."""
        for tag, _, _, c, d in self._steps:
            if tag != "equal":
                yield from (Clash(line) for line in range(c, d) if _parent(self._after, line) in lines)
                if (
                    c < d
                    and c - 1 in lines
                    and _depth(self._after[c])[0] is None
                    and self._follows_text(c, lines)
                ):
                    yield Clash(c)

    def _follows_text(self, line: int, lines: Collection[int]) -> bool:
        """Whether a block of text ends right before those of some lines that a line follows."""
        while line - 1 in lines:
            line -= 1
        above = line - 1
        while above >= 0 and not BLOCK.search(self._after[above]):
            above = _parent(self._after, above)
        return above >= 0


def _parent(lines: Sequence[str], number: int) -> int:
    """The line that opens what a line stands in: the nearest one above that is indented less; -1 where it is none's."""
    depth, is_item = _depth(lines[number])
    if depth is None:
        return -1
    for place in range(number - 1, -1, -1):
        above, is_above_item = _depth(lines[place])
        if above is not None and (above < depth or (above == depth and is_item and not is_above_item)):
            return place
    return -1


def _depth(line: str) -> tuple[int | None, bool]:
    """How far a line is indented, and whether an item of a list begins there; None where it says nothing."""
    text = line.lstrip()
    return (None if not text or text.startswith("#") else len(line) - len(text)), f"{text} ".startswith("- ")


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


def _meant(lines: Sequence[str]) -> list[str]:
    return [UNSAID.sub("", line) for line in lines]


def _bare(text: str) -> list[str]:
    return [line.rstrip("\r\n") for line in LINES.findall(text)]
