"""Several files written as one change: each is the old or the new one at any time, and nobody's change is lost."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from kubectl_canary.errors import UsageError, WorldError
from kubectl_canary.records import dataclass

TEMPORARY = ".kubectl-canary-"
SCRIPT = ".sh"


@dataclass(frozen=True)
class Change:
    """A file, its bytes as they were read, and as they should be; None where there is, or should be, none."""

    name: str
    before: bytes | None
    after: bytes | None


def bytes_of(name: str) -> bytes | None:
    """The bytes of a file; None where there is none. Raises WorldError where it cannot be read."""
    try:
        return Path(name).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise WorldError(f"cannot read {name}: {error.strerror}") from None


@contextlib.contextmanager
def alone(file: str, otherwise: str) -> Iterator[None]:
    """Hold a file, which is made, for one process; where there is no flock (Windows), nothing is held.

    Raises UsageError, with what is told `otherwise`, where another process holds it.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    try:
        handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise WorldError(f"cannot write {file}: {error.strerror}") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise UsageError(otherwise, "wait until it has ended") from None
    try:
        yield
    finally:
        os.close(handle)


def write(changes: Sequence[Change]) -> None:
    """Make the changes in their order, once all new files are written beside the old ones; scripts can be run.

    A folder that a new file needs is made, and one that the last file leaves is taken away.
    Raises UsageError where a file is not any more as it was read, and WorldError where one cannot be written.
    """
    beside: list[str] = []
    new = {Path(_real(change.name)).parent for change in changes}
    new = {folder for folder in new if not folder.exists()}
    try:
        staged = [(change.name, _staged(change, beside)) for change in changes]
        for name, temporary in staged:  # once all are written: a disk takes many at once
            if temporary is not None:
                with _named(name):
                    _finish(temporary, Path(_real(name)))
        _refuse_changed(changes)
        for name, temporary in staged:
            with _named(name):
                _move(temporary, _real(name))
    finally:
        for name in beside:
            with contextlib.suppress(OSError):
                Path(name).unlink(missing_ok=True)
        for folder in new:
            _remove_empty(folder)


def write_whole(name: str, text: str) -> None:
    """Make a file of ours hold a text, or leave it as it is. Raises WorldError where it cannot be written."""
    beside = Path(f"{name}.tmp")
    try:
        with _named(name):
            beside.write_text(text, encoding="utf-8")
            beside.replace(name)
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


def append(name: str, text: str) -> None:
    """Write a text at the end of a file of ours, to the disk, or leave it as it is.

    Raises WorldError where it cannot be written.
    """
    with _named(name), Path(name).open("ab", buffering=0) as out:
        before, left = out.tell(), text.encode()
        try:
            while left:  # a disk that fills up takes a part
                left = left[out.write(left) :]
            os.fsync(out.fileno())
        except OSError:
            out.truncate(before)
            raise


@contextlib.contextmanager
def _named(name: str) -> Iterator[None]:
    """A file of that name is written. Raises WorldError where it cannot be: a full disk does not say of which file."""
    try:
        yield
    except OSError as error:
        raise WorldError(f"cannot write {name}: {error.strerror}", "run it once more") from None


def _move(temporary: str | None, real: str) -> None:
    if temporary is None:
        Path(real).unlink(missing_ok=True)
        _remove_empty(Path(real).parent)
    else:
        Path(temporary).replace(real)


def _real(name: str) -> str:
    """The file itself, where its name is a link."""
    return os.path.realpath(name)


def _staged(change: Change, beside: list[str]) -> str | None:
    """The new file beside the old one; its name goes into `beside`."""
    if change.after is None:
        return None
    with _named(change.name):
        return _written_beside(Path(_real(change.name)), change.after, beside)


def _written_beside(real: Path, content: bytes, beside: list[str]) -> str:
    real.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=TEMPORARY, suffix=".tmp", dir=real.parent)
    beside.append(name)
    with os.fdopen(handle, "wb") as out:
        out.write(content)
    return name


def _finish(temporary: str, real: Path) -> None:
    """Send a new file to the disk, and give it the permissions of the old one."""
    with Path(temporary).open("rb+") as out:
        os.fsync(out.fileno())
    if real.exists():
        shutil.copymode(real, temporary)
    else:
        Path(temporary).chmod((0o777 if real.suffix == SCRIPT else 0o666) & ~_umask())


def _remove_empty(folder: Path) -> None:
    """Take away folders without anything, up to the one that one is in."""
    with contextlib.suppress(OSError):
        while folder != Path.cwd() and folder not in Path.cwd().parents:
            folder.rmdir()
            folder = folder.parent


def sweep(names: Sequence[str]) -> None:
    """Take away what a run that was killed has left beside files that it was to write."""
    for folder in {Path(_real(name)).parent for name in names}:
        for left in folder.glob(f"{TEMPORARY}*.tmp"):
            left.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _refuse_changed(changes: Sequence[Change]) -> None:
    for change in changes:
        if bytes_of(change.name) != change.before:
            raise UsageError(f"{change.name} was changed meanwhile: nothing is written", "run it once more")
