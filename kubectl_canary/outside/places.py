"""Names of files and folders, what lies in a folder, and texts that are written: what few calls need."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from kubectl_canary.errors import UsageError, WorldError
from kubectl_canary.outside import files
from kubectl_canary.records import dataclass


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


def are_same(name: str, other: str) -> bool:
    """Whether two names are of one file that is there."""
    return files.is_there(name) and files.is_there(other) and Path(name).samefile(other)


def beside(name: str, file: str) -> str:
    """What another file means by the name of a file: one in the same folder, where the name is not absolute."""
    return str((Path.cwd() if file == "-" else Path(file).parent) / name)


def relative(name: str, file: str) -> str:
    """The name of a file or folder, as it is from the folder of another file; a folder's ends in a slash."""
    start = Path.cwd() if file == "-" else Path(file).parent
    short = os.path.relpath(Path(name).absolute(), os.path.realpath(start)).replace(os.sep, "/")
    return f"{short}/" if files.is_folder(name) and short != "." else short


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
