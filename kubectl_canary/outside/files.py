"""Files and standard input as text."""

from __future__ import annotations

import sys
from pathlib import Path

from kubectl_canary.errors import Refused, UsageError, WorldError
from kubectl_canary.findings import Finding, Where

MAX_BYTES = 3_000_000


def read_text(name: str) -> tuple[str, str]:
    """The name to show and the text of a file, or of standard input for `-`.

    Raises UsageError where there is no such file, WorldError where it cannot be read, Refused where it is not
    text in UTF-8 or larger than what the API server takes.
    """
    shown = "standard input" if name == "-" else name
    data = _bytes(name)
    if len(data) > MAX_BYTES:
        raise Refused(f"{shown} is not valid", [_finding(shown, f"larger than {MAX_BYTES:,} bytes", 1, 1)])
    try:
        return shown, data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line, column = before.count(b"\n") + 1, error.start - (before.rfind(b"\n") + 1) + 1
        problem = f"byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8"
        raise Refused(f"{shown} is not valid", [_finding(shown, problem, line, column)]) from None


def _bytes(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    try:
        with Path(name).open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        hint = "`kubectl canary init` writes one; -f names another" if name == "canary.yaml" else ""
        raise UsageError(f"{name} does not exist", hint) from None
    except IsADirectoryError:
        raise UsageError(
            f"{name} is a folder", f"name the file in it: -f {Path(name) / 'canary.yaml'}"
        ) from None
    except OSError as error:
        raise WorldError(f"cannot read {name}: {error.strerror}") from None


def _finding(file: str, message: str, line: int, column: int) -> Finding:
    return Finding("yaml", "error", (), message, Where(file, line, column))
