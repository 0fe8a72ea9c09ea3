"""Standard output and standard error: data is written once, whole, as UTF-8."""

from __future__ import annotations

import os
import sys

from kubectl_canary.errors import WorldError
from kubectl_canary.findings import visible

_written: list[int] = []  # how many characters, text by text


class ClosedPipe(Exception):
    """The reader of our standard output has gone."""


def begin() -> None:
    """A command begins: nothing of it is written yet."""
    _written.clear()


def has_written() -> bool:
    """Whether a command has written anything to standard output."""
    return bool(_written)


def write(text: str) -> None:
    """Write data to standard output.

    Raises ClosedPipe where nobody reads any more, WorldError where it cannot be written.
    """
    if sys.stdout is None:
        raise WorldError("there is no standard output to write to")
    if text:
        _written.append(len(text))
    try:
        left = memoryview(text.encode("utf-8"))
        while left:  # unbuffered, a pipe may take only a part at a time
            left = left[sys.stdout.buffer.write(left) :]
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        _drop_stdout()
        raise ClosedPipe from None
    except OSError as error:
        _drop_stdout()
        raise WorldError(f"cannot write to standard output: {error.strerror}") from None


def say(text: str) -> None:
    """Tell the person at the terminal something, on standard error."""
    try:
        sys.stderr.buffer.write(f"{visible(text)}\n".encode("utf-8", "backslashreplace"))
        sys.stderr.buffer.flush()
    except (AttributeError, OSError):
        return  # nobody is there to be told


def _drop_stdout() -> None:
    """Keep the interpreter from writing the rest again when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
