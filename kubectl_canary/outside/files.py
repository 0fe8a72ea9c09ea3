"""Files and standard input as text, and text as a file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from kubectl_canary.errors import Refused, UsageError, WorldError
from kubectl_canary.findings import Finding, Where
from kubectl_canary.records import dataclass

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


def write(name: str, text: str, *, over: bool) -> None:
    """Write a file; `over` one that is there, or not.

    Raises UsageError where it is there and must stay, WorldError where it cannot be written.
    """
    try:
        with Path(name).open("w" if over else "x", encoding="utf-8", newline="\n") as out:
            out.write(text)
    except FileExistsError:
        raise UsageError(
            f"{name} is there already", "--force writes over it, -f names another file"
        ) from None
    except OSError as error:
        raise WorldError(f"cannot write {name}: {error.strerror}") from None


def write_all(folder: str, texts: Mapping[str, str]) -> None:
    """Write files into a folder, which is made where it is not there. Raises WorldError where it cannot be."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            Path(folder, name).write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise WorldError(f"cannot write into {folder}: {error.strerror}") from None


def matching(before: str, after: str) -> list[str]:
    """The files whose names begin and end so, with a part of one name between, in order; hidden ones are left out."""
    folder, slash, start = before.rpartition("/")
    end, below, rest = after.partition("/")
    try:
        names = sorted(known.name for known in Path(folder or slash or ".").iterdir())
    except OSError:
        return []
    fitting = (
        name
        for name in names
        if name.startswith(start)
        and name.endswith(end)
        and len(name) > len(start) + len(end)
        and name[0] != "."
    )
    found = (f"{folder}{slash}{name}{below}{rest}" for name in fitting)
    return [name for name in found if Path(name).is_file()]


def names_in(folder: str) -> list[str]:
    """What lies in a folder; nothing where there is none. Raises WorldError where it cannot be listed."""
    try:
        return sorted(path.name for path in Path(folder).iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise WorldError(f"cannot write into {folder}: {error.strerror}") from None


def has_folder(name: str) -> bool:
    """Whether the folder that a file would lie in is there."""
    return Path(name).parent.is_dir()


def is_there(name: str) -> bool:
    """Whether there is a file or folder of this name."""
    return name != "-" and Path(name).exists()


def without_links(name: str) -> str:
    """The file that a name leads to."""
    return os.path.realpath(name)


def are_same(name: str, other: str) -> bool:
    """Whether two names are of one file that is there."""
    return is_there(name) and is_there(other) and Path(name).samefile(other)


def beside(name: str, file: str) -> str:
    """What another file means by the name of a file: one in the same folder, where the name is not absolute."""
    return str((Path.cwd() if file == "-" else Path(file).parent) / name)


def relative(name: str, file: str) -> str:
    """The name of a file or folder, as it is from the folder of another file; a folder's ends in a slash."""
    start = Path.cwd() if file == "-" else Path(file).parent
    short = os.path.relpath(Path(name).absolute(), os.path.realpath(start)).replace(os.sep, "/")
    return f"{short}/" if _is_folder(name) and short != "." else short


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
        if not _is_folder(name):
            yield name
            continue
        below = _manifests_below(name)
        if not below:
            raise UsageError(f"{name} has no .yaml, .yml or .json files")
        yield from below


def _manifests_below(name: str) -> list[str]:
    """The YAML and JSON files of a folder and of all below it, in order; what is hidden stays so."""
    root = Path(name)
    try:
        manifests = sorted(path for path in root.rglob("*") if path.suffix in MANIFESTS and path.is_file())
    except OSError as error:
        raise WorldError(f"cannot read {name}: {error.strerror}") from None
    return [
        str(path)
        for path in manifests
        if not any(part.startswith(".") for part in path.relative_to(root).parts)
    ]


@dataclass(frozen=True)
class Texts:
    """What lies in a folder: texts by name, why others have none, and which of all these are files."""

    files: frozenset[str]
    texts: Mapping[str, str]
    unread: Mapping[str, str]


def templates_in(name: str) -> Texts:
    """The user's templates: what lies in a folder, without what lies below it.

    Raises WorldError where there is no such folder or it cannot be listed.
    """
    folder = Path(name)
    if not folder.is_dir():
        raise WorldError(f"--templates {name}: no such folder")
    try:
        paths = list(folder.iterdir())
        files = frozenset(path.name for path in paths if path.is_file())
    except OSError as error:
        raise WorldError(f"cannot read the templates in {folder}: {error.strerror}") from None
    texts: dict[str, str] = {}
    unread: dict[str, str] = {}
    for path in paths:
        if path.name not in files:  # reading a pipe waits for a writer, a device may never end
            unread[path.name] = "it is no file" if path.exists() else "it is a link to nothing"
            continue
        try:
            texts[path.name] = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            unread[path.name] = str(error)
    return Texts(files, texts, unread)


def _real(name: str) -> str:
    """What is the same for all names of a file."""
    return name if name == "-" else os.path.realpath(name)


def phase_folder(name: str) -> str:
    """The folder of a phase or way back that a file lies in, below an output folder of ours; empty where in none."""
    if name == "-":
        return ""
    file = Path.cwd() / name
    for out in file.parents[1:]:
        if (out / LIST).is_file() and file.relative_to(out).parts[0] in PHASES:
            return str(file.parent)
    return ""


def _is_folder(name: str) -> bool:
    """Whether a name is a folder's."""
    return name != "-" and Path(name).is_dir()


def _bytes(name: str, limit: int, meant: str) -> bytes:
    if name == "-":
        return _standard_input(limit)
    if not name:
        raise UsageError("a file without a name", "name it: -f canary.yaml")
    try:
        with Path(name).open("rb") as file:
            return file.read(limit + 1)
    except FileNotFoundError:
        hint = "`kubectl canary init` writes one; -f names another" if name == "canary.yaml" else ""
        raise WorldError(f"{name} does not exist", hint) from None
    except IsADirectoryError:
        hint = f"name the file in it: -f {Path(name) / meant}" if meant else "name a file in it"
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
