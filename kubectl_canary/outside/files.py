"""Files and standard input as text, and text as a file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence

from kubectl_canary.errors import Refused, UsageError, WorldError
from kubectl_canary.findings import Finding, Where

MAX_BYTES = 3_000_000
MAX_MANIFESTS = 64_000_000  # bytes of many objects in one file
LIST = ".kubectl-canary"  # in a folder of ours: what else is in it
PHASES = ("current", "phases", "rollback", "ways-back")
ONCE = "standard input can be read only once"
MANIFESTS = (".yaml", ".yml", ".json")


def refuse_input_twice(names: Sequence[str], flag: str) -> None:
    """Raises UsageError where standard input (`-`) is named by a flag more than once."""
    if list(names).count("-") > 1:
        raise UsageError(f"{ONCE}: give `{flag}` once")


def read_text(name: str, limit: int = MAX_BYTES, meant: str = "") -> tuple[str, str]:
    """The name to show and the text of a file, or of standard input for `-`.

    `meant` is the file that is most likely meant where the name is a folder's.
    Raises UsageError where it is a folder, WorldError where there is no such file or it cannot be read, Refused where
    it is not text in UTF-8 or larger than the limit: what the API server takes, unless told.
    """
    shown = "standard input" if name == "-" else name
    return shown, decoded(shown, _bytes(name, limit, meant), limit)


def decoded(shown: str, data: bytes, limit: int) -> str:
    """Bytes as text. Raises Refused where they are not UTF-8, or more than the limit."""
    if len(data) > limit:
        raise Refused(f"{shown} is not valid", [_finding(shown, f"larger than {limit:,} bytes", 1, 1)])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line, column = before.count(b"\n") + 1, error.start - (before.rfind(b"\n") + 1) + 1
        problem = f"byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8"
        raise Refused(f"{shown} is not valid", [_finding(shown, problem, line, column)]) from None


def is_there(name: str) -> bool:
    """Whether there is a file or folder of this name."""
    return name != "-" and os.path.exists(name or ".")


def without_links(name: str) -> str:
    """The file that a name leads to."""
    return os.path.realpath(name)


def listed(names: Sequence[str], without: Sequence[str] = ()) -> list[str]:
    """The files of names and of the folders among them, each once and by its first name, without some.

    Raises UsageError for a folder without manifests, WorldError for one that cannot be read.
    """
    once: dict[str, str] = {}
    for name in _with_those_below(names):
        once.setdefault(_real(name), name)
    left_out = {_real(name) for name in without}
    return [name for real, name in once.items() if real not in left_out]


def _with_those_below(names: Sequence[str]) -> Iterator[str]:
    for name in names:
        if not is_folder(name):
            yield name
            continue
        below = _manifests_below(name)
        if not below:
            raise UsageError(f"{name} has no .yaml, .yml or .json files")
        yield from below


def _manifests_below(name: str) -> list[str]:
    """The YAML and JSON files of a folder and of all below it, in order; what is hidden stays so."""

    def refuse(error: OSError) -> None:
        raise WorldError(f"cannot read {error.filename}: {error.strerror}")

    found: list[str] = []
    for folder, below, names in os.walk(name, onerror=refuse):
        below[:] = [known for known in below if known[0] != "."]
        paths = (
            os.path.join(folder, known) for known in names if known[0] != "." and known.endswith(MANIFESTS)
        )
        found += filter(os.path.isfile, paths)
    return sorted(map(_short, found), key=lambda path: path.split(os.sep))


def _short(path: str) -> str:
    """A path without what leads nowhere: `./a//b` is `a/b`."""
    drive, rest = os.path.splitdrive(path)
    root = drive + os.sep * rest.startswith(os.sep)
    return root + os.sep.join(part for part in rest.split(os.sep) if part not in ("", "."))


def _real(name: str) -> str:
    """What is the same for all names of a file."""
    return name if name == "-" else os.path.realpath(name)


def phase_folder(name: str) -> str:
    """The folder of a phase or way back that a file lies in, below an output folder of ours; empty where in none."""
    if name == "-":
        return ""
    folder = os.path.dirname(os.path.abspath(name))
    parts = folder.split(os.sep)
    for length in range(len(parts) - 1, 0, -1):
        out = os.sep.join(parts[:length]) or os.sep
        if parts[length] in PHASES and os.path.isfile(os.path.join(out, LIST)):
            return folder
    return ""


def is_folder(name: str) -> bool:
    """Whether a name is a folder's."""
    return name != "-" and os.path.isdir(name or ".")


def _bytes(name: str, limit: int, meant: str) -> bytes:
    if name == "-":
        return _standard_input(limit)
    if not name:
        raise UsageError("a file without a name", "name it: -f canary.yaml")
    try:
        file = open(name, "rb")  # noqa: SIM115  `with open` has no place where Python 3.10 hears an interrupt
        with file:
            return file.read(limit + 1)
    except FileNotFoundError:
        hint = "`kubectl canary init` writes one; -f names another" if name == "canary.yaml" else ""
        raise WorldError(f"{name} does not exist", hint) from None
    except IsADirectoryError:
        hint = (
            f"name the file in it: -f {os.path.join(os.path.normpath(name), meant)}"
            if meant
            else "name a file in it"
        )
        raise UsageError(f"{name} is a folder", hint) from None
    except OSError as error:
        raise WorldError(f"cannot read {name}: {error.strerror}") from None


def _standard_input(limit: int) -> bytes:
    if sys.stdin is None:
        raise WorldError("there is no standard input to read")
    try:
        return sys.stdin.buffer.read(limit + 1)
    except OSError as error:
        raise WorldError(f"cannot read standard input: {error.strerror}") from None


def _finding(file: str, message: str, line: int, column: int) -> Finding:
    return Finding("yaml", "error", (), message, Where(file, line, column))
