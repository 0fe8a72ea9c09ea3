"""git as a subprocess: what a repository has at a tag or commit. Nothing is fetched, and no file of it changes."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

from kubectl_canary.errors import CanaryError, Refused, UsageError, WorldError
from kubectl_canary.expressions import regex
from kubectl_canary.findings import Finding, Where, nearest
from kubectl_canary.records import dataclass

FULL = regex("[0-9a-f]{40}|[0-9a-f]{64}")
LINK, SUBMODULE = "120000", "160000"
BY_PATH = "name a file or folder by its path"
# set by hooks, for the repository that the hook is of
OF_ANOTHER = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR")
# no locks, no questions, no network (a partial clone fetches what it lacks), and the objects that a commit names
ENVIRONMENT = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "LC_ALL": "C",
}


@dataclass(frozen=True)
class Entry:
    """A file, link or submodule of a commit; its path is from the top of the repository."""

    mode: str
    id: str
    path: str


@dataclass(frozen=True)
class Commit:
    """A commit, and the word that named it; `top` is the folder of the working tree."""

    top: str
    ref: str
    id: str

    def entries(self) -> list[Entry]:
        """What is in it. Raises WorldError where this clone has not all of it."""
        done = _run(self.top, "ls-tree", "-r", "-z", "--full-tree", self.id)
        if done.returncode != 0:
            raise self._partial()
        return [_entry(line) for line in done.stdout.split(b"\0") if line]

    def write(self, entries: Sequence[Entry], folder: str) -> list[str]:
        """Write files and links below a folder, as they are in the commit; the links that lead out of it are answered.

        Raises WorldError where this clone lacks one or it cannot be written, Refused where a path leads out of the
        folder.
        """
        try:
            return self._written(entries, folder)
        except OSError as error:
            problem = f"cannot write {error.filename or 'a file'} of {self.ref}: {error.strerror}"
            raise WorldError(problem, "$TMPDIR names a folder that has room") from None

    def _written(self, entries: Sequence[Entry], folder: str) -> list[str]:
        links = [entry for entry in entries if entry.mode == LINK]
        plain = [entry for entry in entries if entry.mode not in (LINK, SUBMODULE)]
        for entry in (*plain, *links):
            self._refuse_strange(entry)
        targets: dict[str, str] = {}
        for entry, data in self._contents([*plain, *links]):
            if entry.mode == LINK:
                targets[entry.path] = os.fsdecode(data)
            else:
                place = Path(folder, entry.path)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(data)
        return _link(targets, folder)

    def aside(self) -> tuple[str, str]:
        """The command that puts the commit into a folder of its own, and that folder, from the working directory."""
        inside = os.path.realpath(self.top) == _top(".")
        name = f"{Path(self.top).name}-{self.ref[:12] if FULL.fullmatch(self.ref) else self.ref}"
        beside = str(Path(self.top).with_name(name.replace("/", "-")))
        place = os.path.relpath(beside, os.path.realpath(".")) if inside else beside
        return command(self.top, "worktree", "add", "--detach", place, self.ref), place

    def _refuse_strange(self, entry: Entry) -> None:
        strange = re.search(
            r"(^|[/\\])(\.\.?)?([/\\]|$)" if os.name == "nt" else r"(^|/)(\.\.?)?(/|$)", entry.path
        )
        if strange or (os.name == "nt" and ":" in entry.path):
            shown = f"git:{self.ref}:{entry.path}"
            finding = Finding("git", "error", (), "a path that leads out of the repository", Where(shown))
            raise Refused(f"{self.ref} is not valid", [finding])

    def _contents(self, entries: Sequence[Entry]) -> Iterator[tuple[Entry, bytes]]:
        """Each with its bytes, one after the other: a repository may be larger than memory."""
        with tempfile.TemporaryFile() as asked:
            asked.write("".join(f"{entry.id}\n" for entry in entries).encode())
            asked.seek(0)
            with subprocess.Popen(
                ["git", "cat-file", "--batch", "--buffer"],
                cwd=self.top,
                env=_environment(),
                stdin=asked,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            ) as process:
                assert process.stdout is not None  # noqa: S101  PIPE gives one, which Popen's type does not say
                for entry in entries:
                    yield entry, self._content(process.stdout)

    def _content(self, answers: IO[bytes]) -> bytes:
        words = answers.readline().split()
        if len(words) != 3:
            raise self._partial()
        data = answers.read(int(words[2]))
        answers.read(1)
        return data

    def _partial(self) -> WorldError:
        cure = command(self.top, "fetch", "--refetch", "--no-filter")
        return WorldError(
            f"this clone has not all that is in {self.ref}",
            f"`{cure}` brings all files; nothing is fetched here",
        )


def commit(base: str, path: str, ref: str) -> tuple[Commit, str]:
    """The commit that a tag or full id names, in the repository of a path below `base`; the path from its top.

    Raises UsageError for a branch and all else that may name another commit tomorrow, WorldError where there is no
    git, no repository, no such tag or commit, or where the path lies in a submodule, which has commits of its own.
    """
    whole = os.path.normpath(Path(base, path))
    top = _repository(_existing(whole), ref)
    outer = _answer(top, "rev-parse", "--show-superproject-working-tree")
    own = FULL.fullmatch(ref) and _id(top, ref)
    if outer and not own and _top(base or ".") != os.path.realpath(top):
        found, inside = _resolved(outer, ref), _from_top(outer, whole)
        refuse_submodule(found, found.entries(), inside)
    return _resolved(top, ref), _from_top(top, whole)


def commit_here(base: str, ref: str) -> Commit:
    """The commit that a tag or full id names, in the repository that `base` is in. Raises as `commit`."""
    return _resolved(_repository(base or ".", ref), ref)


def refuse_submodule(commit: Commit, entries: Iterable[Entry], path: str) -> None:
    """Raise WorldError, with the submodule's commit, where a path is a submodule or lies in one."""
    for entry in entries:
        if entry.mode == SUBMODULE and f"{path}/".startswith(f"{entry.path}/"):
            there = Path(commit.top, entry.path, ".git").exists()
            update = command(commit.top, "submodule", "update", "--init", f":/{entry.path}")
            first = "" if there else f"run `{update}`, and "
            raise WorldError(
                f"{path} lies in the submodule {entry.path}, whose files are not in {commit.ref}",
                f"{first}write `git:{entry.id}`, the submodule's commit in {commit.ref}; or {BY_PATH}",
            )


def missing(commit: Commit, entries: Sequence[Entry], path: str) -> WorldError:
    """The error for a path that is not in a commit, with the path that it had there, or one like it."""
    problem = f"{path or 'the repository'} is not in {commit.ref}"
    earlier = _earlier(commit, path)
    if earlier:
        return WorldError(f"{problem}: it was {earlier} then", f"write `git:{commit.ref}:{earlier}`")
    close = nearest(path, {part for entry in entries for part in _with_parents(entry.path)})
    if close:
        return WorldError(problem, f"did you mean `git:{commit.ref}:{close}`?")
    listing = command(commit.top, "ls-tree", "-r", "--name-only", "--full-tree", commit.ref)
    return WorldError(problem, f"`{listing}` lists what is, and `git:{commit.ref}:PATH` names it")


def command(top: str, *words: str) -> str:
    """A call of git as a user types it: in the working directory where that is in the repository."""
    place = () if _top(".") == os.path.realpath(top) else ("-C", top)
    return shlex.join(["git", *place, *words])


def _resolved(top: str, ref: str) -> Commit:
    if FULL.fullmatch(ref):
        identity = _id(top, ref)
    elif _is_tag(top, ref):
        identity = _id(top, f"refs/tags/{ref}")
        if not identity:
            raise UsageError(f"git:{ref}: the tag names no commit", "name a tag of a commit")
    else:
        raise _no_tag(top, ref)
    if not identity:
        raise _absent(top, ref, f"there is no commit {ref}")
    return Commit(top, ref, identity)


def _is_tag(top: str, ref: str) -> bool:
    return bool(ref) and _run(top, "show-ref", "--verify", "--quiet", f"refs/tags/{ref}").returncode == 0


def _id(top: str, name: str) -> str:
    return _answer(top, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")


def _no_tag(top: str, ref: str) -> CanaryError:
    found = _id(top, ref) if ref and not ref.startswith("-") else ""
    if found:
        return UsageError(
            f"git:{ref}: {ref} is neither a tag nor a full commit, and may name another commit tomorrow",
            f"write `git:{found}`, which it names today",
        )
    return _absent(top, ref, f"there is no tag {ref}")


def _absent(top: str, ref: str, problem: str) -> WorldError:
    """The error for a tag or commit that this clone has not: how to fetch it, or the tag that is meant."""
    fetch = _fetch(top, ref)
    if _answer(top, "rev-parse", "--is-shallow-repository") == "true":
        return WorldError(
            f"{problem} in this clone, which is shallow", f"`{fetch}` brings it" if fetch else BY_PATH
        )
    tags = _answer(top, "tag", "--list", "--sort=-creatordate").splitlines()
    close = nearest(ref, tags)
    known = [f"did you mean `git:{close}`?"] if close else []
    if tags and not close:
        known = [f"the newest tags are {', '.join(tags[:3])}"]
    known += [f"`{fetch}` brings what only the remote has"] if fetch else []
    return WorldError(problem, "; ".join(known) or f"`{command(top, 'log', '--format=%H %s')}` lists commits")


def _fetch(top: str, ref: str) -> str:
    """The command that fetches a tag or commit; empty without a remote."""
    remotes = _answer(top, "remote").split()
    if not remotes:
        return ""
    remote = "origin" if "origin" in remotes else remotes[0]
    shallow = _answer(top, "rev-parse", "--is-shallow-repository") == "true"
    depth = ("--depth", "1") if shallow else ()
    what = (ref,) if FULL.fullmatch(ref) else ("tag", ref)
    return command(top, "fetch", *depth, remote, *what)


def _earlier(commit: Commit, path: str) -> str:
    """The path that a file or folder of today had in a commit; empty where it was not renamed since."""
    changes = ("diff-tree", "-r", "-M", "-z", "--name-status", "--diff-filter=R", commit.id, "HEAD")
    words = os.fsdecode(_run(commit.top, *changes).stdout).split("\0")
    before: Counter[str] = Counter()
    for old, new in zip(words[1::3], words[2::3], strict=False):
        rest = new.removeprefix(path)
        if new.startswith(path) and (not rest or rest.startswith("/")) and old.endswith(rest):
            before[old.removesuffix(rest)] += 1
    return before.most_common(1)[0][0] if before else ""


def _with_parents(path: str) -> Iterator[str]:
    parts = path.split("/")
    return ("/".join(parts[:count]) for count in range(1, len(parts) + 1))


def _repository(folder: str, ref: str) -> str:
    """The top of the working tree that a folder is in."""
    done = _run(folder, "rev-parse", "--show-toplevel")
    if done.returncode == 0:
        return os.fsdecode(done.stdout).rstrip("\n")
    said = os.fsdecode(done.stderr)
    shown = "the working directory" if folder == "." else folder
    if "not a git repository" in said:
        raise WorldError(f"git:{ref}: {shown} is in no git repository", BY_PATH)
    allow = re.search("git config --global --add safe.directory .*", said)
    words = said.strip().partition("\n")[0].removeprefix("fatal: ")
    raise WorldError(
        f"git:{ref}: git does not read {shown}: {words}", f"`{allow[0]}` allows it" if allow else BY_PATH
    )


def _from_top(top: str, path: str) -> str:
    """A path as it is from the top of its repository, by its names: links of today may not have been links then."""
    start, real = Path(path).absolute(), Path(os.path.realpath(top))
    same = [above for above in (start, *start.parents) if os.path.realpath(above) == str(real)]
    # without any, a link leads into the middle of the repository
    inside = start.relative_to(same[0]) if same else Path(os.path.realpath(start)).relative_to(real)
    return "" if inside == Path() else inside.as_posix()


def _existing(path: str) -> str:
    """The nearest folder that is there."""
    return next(str(folder) for folder in (Path(path), *Path(path).parents, Path.cwd()) if folder.is_dir())


def _link(targets: dict[str, str], folder: str) -> list[str]:
    """Make links, when all files are there; those that lead out of the folder are not made, but answered."""
    for path, target in targets.items():
        place = Path(folder, path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(target)
    root = os.path.realpath(folder)
    out = [path for path in targets if not _is_below(os.path.realpath(Path(folder, path)), root)]
    for path in out:
        Path(folder, path).unlink()
    return out


def _is_below(path: str, root: str) -> bool:
    return f"{path}{os.sep}".startswith(f"{root}{os.sep}")


def _entry(line: bytes) -> Entry:
    words, _, path = line.partition(b"\t")
    mode, _, identity = words.decode().split()
    return Entry(mode, identity, os.fsdecode(path))


def _top(folder: str) -> str:
    """The top of the repository of a folder, without links; empty where it is in none."""
    found = _answer(folder, "rev-parse", "--show-toplevel")
    return os.path.realpath(found) if found else ""


def _answer(folder: str, *arguments: str) -> str:
    """What git prints; empty where it fails."""
    done = _run(folder, *arguments)
    return os.fsdecode(done.stdout).strip() if done.returncode == 0 else ""


def _run(folder: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    words = ["git", "--no-pager", "-c", "core.quotePath=off", *arguments]
    try:
        return subprocess.run(
            words, cwd=folder, env=_environment(), stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
    except FileNotFoundError:
        if not Path(folder).is_dir():
            raise WorldError(f"{folder} does not exist") from None
        raise WorldError("git is not on PATH", f"install git, or {BY_PATH}") from None
    except OSError as error:
        raise WorldError(f"git cannot be run: {error.strerror}") from None


def _environment() -> dict[str, str]:
    return {**{name: value for name, value in os.environ.items() if name not in OF_ANOTHER}, **ENVIRONMENT}
