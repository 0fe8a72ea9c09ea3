"""The line of a terminal that is rewritten in place while something lasts."""

from __future__ import annotations

import os
import select
import sys
import unicodedata
from collections.abc import Iterator

from kubectl_canary.findings import visible

CLEAR = "\r\x1b[K"  # ECMA-48: EL, to the end of the line
YES = ("y", "yes")
USUAL = 80  # columns of a terminal that does not say how many it has


class LiveLine:
    """The last line of standard error, as long as it is not over."""

    is_shown = False

    def show(self, text: str, end: str = "") -> None:
        """Write the line in the place of what stood there; the text is cut so that all of it fits with its end."""
        shown = visible(" ".join(text.split()))
        self._write(f"{CLEAR}{''.join(_cut(shown, _columns() - 1 - len(end)))}{end}")
        self.is_shown = True

    def clear(self) -> None:
        """Take the line away, so that another is written in its place."""
        if self.is_shown:
            self._write(CLEAR)
            self.is_shown = False

    def _write(self, text: str) -> None:
        try:
            sys.stderr.buffer.write(text.encode("utf-8", "backslashreplace"))
            sys.stderr.buffer.flush()
        except (AttributeError, OSError):
            return  # nobody is there to be told


def live_line() -> LiveLine | None:
    """A line on standard error; None where that is no terminal, or one that cannot move its cursor."""
    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    return LiveLine() if is_terminal and os.environ.get("TERM", "dumb") != "dumb" else None


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or USUAL
    except (AttributeError, OSError, ValueError):
        return USUAL


def _cut(text: str, columns: int) -> Iterator[str]:
    """The characters that fit: wide ones take two columns."""
    for character in text:
        columns -= 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if columns < 0:
            return
        yield character


def is_asked() -> bool:
    """Whether somebody at a terminal can answer: in the background, reading would stop us."""
    try:
        return (
            sys.stdin is not None and sys.stdin.isatty() and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
        )
    except (OSError, ValueError):
        return False


def has_said_yes() -> bool:
    """Whether somebody has typed yes and Enter since this was asked last; nobody, where there is no terminal."""
    try:
        if not is_asked():
            return False
        is_typed, _, _ = select.select([sys.stdin], [], [], 0)
        return bool(is_typed) and sys.stdin.readline().strip().lower() in YES
    except (OSError, ValueError):
        return False
