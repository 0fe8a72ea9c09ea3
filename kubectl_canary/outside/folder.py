"""An output folder that we share with others: our files are replaced, theirs are not touched."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePath

from kubectl_canary.errors import UsageError, WorldError
from kubectl_canary.expressions import regex
from kubectl_canary.outside import exchange
from kubectl_canary.outside.exchange import Change
from kubectl_canary.outside.files import LIST

FILE = "file"  # the note of which file a folder is rendered from
SCRIPT = ".sh"
NOTE = regex(r"# ([a-z]+): (.*)\Z")
OURS = regex(r"(?:[a-z][a-z-]*(?:/[A-Za-z0-9._-]+){1,3}|kustomization\.yaml)\Z")


def write(
    place: PurePath,
    owner: str,
    files: dict[str, str],
    notes: Mapping[str, str],
    judge: Callable[[Mapping[str, str]], None],
) -> int:
    """Make the folder at `place` hold exactly these files of ours, by relative path; returns how many changed.

    `notes` are kept in the list of our files; `judge` gets those of the last time, and what it raises stops us before
    anything is written. Scripts are made executable.

    Everything is written beside its place first and moved there then, file by file; the list of our files is
    written before, so that a run after an interrupted one knows them all. Raises UsageError where a file of
    somebody else is in the way or the folder is another application's, WorldError where it cannot be written.
    """
    out = Path(place)
    try:
        out.mkdir(parents=True, exist_ok=True)
        with _locked(out):
            _listed(out, owner)
            judge(_notes(out))
            return _replace(out, owner, files, notes)
    except OSError as error:
        raise WorldError(f"cannot write to {out}: {error.strerror or error}") from None


def owner(place: PurePath) -> str:
    """Whose phases a folder holds; empty where it holds none of ours."""
    first = (_text(Path(place) / LIST) or "").partition("\n")[0]
    return first.removeprefix("# ") if first.startswith("# ") else ""


def beside(file: str, place: PurePath) -> str:
    """A file as it is named from a folder; as it is where it is standard input."""
    if not Path(file).exists():
        return file
    return PurePath(os.path.relpath(os.path.realpath(file), os.path.realpath(place))).as_posix()


def source(place: PurePath) -> str | None:
    """The file that a folder was rendered from, without links; None where that was not noted."""
    file = noted(place).get(FILE)
    return None if file is None else os.path.realpath(Path(os.path.realpath(place), file))


def noted(place: PurePath) -> dict[str, str]:
    """What was noted the last time."""
    return _notes(Path(place))


def noted_in(listed: bytes | None) -> dict[str, str]:
    """What the list of a folder notes that is not there."""
    return _in((listed or b"").decode("utf-8", "replace"))


def names(place: PurePath) -> set[str]:
    """The files of ours in a folder, by their names in it."""
    return _listed(Path(place), owner(place)) if owner(place) else set()


def changes(
    place: PurePath,
    owner: str,
    files: Mapping[str, str],
    notes: Mapping[str, str],
    judge: Callable[[Mapping[str, str]], None],
) -> list[Change]:
    """What makes the folder hold exactly these files of ours, in an order in which none is forgotten.

    The list of our files comes first, with those that are there and those that come, and last, with those that stay.
    Raises as `write`.
    """
    out = Path(place)
    before = _listed(out, owner)
    judge(_notes(out))
    changed = _changed(out, files, before)
    old = exchange.bytes_of(str(out / LIST))
    during = _list(owner, before | set(files), _notes(out)).encode()
    after = _list(owner, set(files), notes).encode()
    made = [(name, text.encode()) for name, text in changed.items()]
    gone = [(name, None) for name in sorted(before - set(files))]
    each = [
        Change(str(out / name), exchange.bytes_of(str(out / name)), data) for name, data in (*made, *gone)
    ]
    if not each and old == after:
        return []
    return [Change(str(out / LIST), old, during), *each, Change(str(out / LIST), old, after)]


def outdated(place: PurePath, files: Mapping[str, str], notes: Mapping[str, str]) -> list[str]:
    """The files of ours in a folder that are not what they should be, or should not be, or are not there."""
    out, title = Path(place), owner(place)
    wrong = [name for name, text in files.items() if _text(out / name) != text]
    stale = sorted(_listed(out, title) - set(files)) if title else []
    is_other = _text(out / LIST) != _list(title, set(files), notes)
    return [str(out / name) for name in (*wrong, *stale, *([LIST] if is_other and not wrong else []))]


def refuse_inside(place: PurePath, sources: Mapping[str, str]) -> None:
    """Raise UsageError for a folder that one of the `sources`, by what names it, would read the next time."""
    for named, source in sources.items():
        folder = os.path.realpath(source)
        if Path(folder).is_dir() and os.path.commonpath([folder, os.path.realpath(place)]) == folder:
            message = f"{place} is in {source}, which {named} reads: what is written there would be adopted"
            raise UsageError(message, "write into a folder beside it, for example rendered")


def _replace(out: Path, owner: str, files: dict[str, str], notes: Mapping[str, str]) -> int:
    before = _listed(out, owner)
    for interrupted in out.glob(f"{LIST}.*"):
        shutil.rmtree(interrupted, ignore_errors=True)
    changed = _changed(out, files, before)
    stale = before - set(files)
    staging = Path(tempfile.mkdtemp(prefix=f"{LIST}.", dir=out))
    try:
        for name, text in changed.items():
            _write(staging / name, text)
        _write_list(out, staging, owner, before | set(files), _notes(out))
        for name in changed:
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            (staging / name).replace(out / name)
        for name in stale:
            (out / name).unlink(missing_ok=True)
            _remove_empty(out, (out / name).parent)
        _write_list(out, staging, owner, set(files), notes)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return len(changed) + len(stale)


def _changed(out: Path, files: Mapping[str, str], before: set[str]) -> dict[str, str]:
    """The files that are not there, or are otherwise. Raises UsageError where one of somebody else is in the way."""
    changed = {name: text for name, text in files.items() if _text(out / name) != text}
    _refuse_foreign(out, set(changed) - before)
    return changed


def _listed(out: Path, owner: str) -> set[str]:
    """The files that we wrote the last time."""
    text = _text(out / LIST)
    if text is None:
        return set()
    first, *names = text.splitlines() or [""]
    if first != f"# {owner}":
        other = first.removeprefix("# ")
        raise UsageError(
            f"{out} holds the phases of {other}, not of {owner}", "give each application its own folder"
        )
    return {name for name in names if OURS.match(name) and ".." not in name}


def _notes(out: Path) -> dict[str, str]:
    """What was noted the last time."""
    return _in(_text(out / LIST) or "")


def _in(text: str) -> dict[str, str]:
    matches = map(NOTE.match, text.splitlines()[1:])
    return {match.group(1): match.group(2) for match in matches if match}


def _write_list(out: Path, staging: Path, owner: str, names: set[str], notes: Mapping[str, str]) -> None:
    _write(staging / LIST, _list(owner, names, notes))
    (staging / LIST).replace(out / LIST)


def _list(owner: str, names: set[str], notes: Mapping[str, str]) -> str:
    noted = [f"# {key}: {text}" for key, text in notes.items()]
    return "\n".join([f"# {owner}", *noted, *sorted(names)]) + "\n"


def _refuse_foreign(out: Path, names: set[str]) -> None:
    foreign = sorted(name for name in names if (out / name).exists() or (out / name).is_symlink())
    if foreign:
        first = out / foreign[0]
        raise UsageError(
            f"{first} is there already and not written by us", "move it away, or choose another folder"
        )


def _text(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, UnicodeDecodeError):
        return None


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("utf-8"))
    if path.suffix == SCRIPT:
        path.chmod(0o755)


def _remove_empty(out: Path, folder: Path) -> None:
    with contextlib.suppress(OSError):
        while folder != out:
            folder.rmdir()
            folder = folder.parent


@contextlib.contextmanager
def _locked(out: Path) -> Iterator[None]:
    """Two of us at once take turns; where there is no flock (Windows), the moves alone must do."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    handle = os.open(out, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
