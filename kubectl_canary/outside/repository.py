"""The repository that files lie in: what is not committed, since when a line stands there, and a commit of some paths.

Author, signature and hooks are git's own business: it is called with the user's environment and configuration.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kubectl_canary.errors import UsageError, WorldError
from kubectl_canary.outside.git import OF_ANOTHER, command

UNDER_WAY = {
    "MERGE_HEAD": ("a merge", "merge"),
    "rebase-merge": ("a rebase", "rebase"),
    "rebase-apply": ("a rebase", "rebase"),
    "CHERRY_PICK_HEAD": ("a cherry-pick", "cherry-pick"),
    "REVERT_HEAD": ("a revert", "revert"),
}
MOST_COMMITS = 500  # of a file, in which a value that stood there before is looked for


@dataclass(frozen=True)
class Revision:
    """A commit: its id, and when it was made, in seconds since the epoch."""

    id: str
    made: int


@dataclass(frozen=True)
class Repository:
    """A working tree, by the folder at its top. Paths are named from here, and links are what they lead to."""

    top: str

    @property
    def branch(self) -> str:
        """The branch that is checked out; empty where none is."""
        return self._said("symbolic-ref", "--quiet", "--short", "HEAD")

    @property
    def head(self) -> str:
        """The commit that is checked out; empty before the first."""
        return self._said("rev-parse", "--verify", "--quiet", "HEAD")

    @property
    def is_shallow(self) -> bool:
        """Whether its history is cut off."""
        return self._said("rev-parse", "--is-shallow-repository") == "true"

    def base(self, ref: str) -> str:
        """The newest commit that a branch, tag or commit has in common with what is checked out.

        Raises UsageError where there is none.
        """
        if not self._said("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}"):
            hint = f"`{self.command('fetch', 'origin')}` brings what only the remote has"
            raise UsageError(f"--git {ref}: there is no such branch, tag or commit here", hint)
        found = self._said("merge-base", ref, "HEAD")
        if not found:
            hint = f"`{self.command('fetch', '--unshallow')}` brings the rest" if self.is_shallow else ""
            raise UsageError(f"--git {ref}: it has no commit in common with what is checked out", hint)
        return found

    @contextlib.contextmanager
    def beside(self, identity: str) -> Iterator[str]:
        """A commit in a working tree of its own, as a folder that is gone after the block. Raises WorldError."""
        with tempfile.TemporaryDirectory(prefix="kubectl-canary-") as folder:
            place = f"{folder}/tree"
            quiet = ("-c", f"core.hooksPath={os.devnull}")
            done = self._run(*quiet, "worktree", "add", "--quiet", "--detach", place, identity)
            if done.returncode != 0:
                raise WorldError(f"git did not check {identity} out: {_said_by(done)}")
            try:
                yield place
            finally:
                self._run("worktree", "remove", "--force", place)

    def command(self, *words: str) -> str:
        """A call of git as a user types it."""
        return command(self.top, *words)

    def refuse_unready(self) -> None:
        """Raises UsageError where something is under way that a commit would end or spoil."""
        for name, (title, verb) in UNDER_WAY.items():
            place = Path(self.top, self._said("rev-parse", "--git-path", name))
            if place.exists():
                hint = f"`{self.command(verb, '--continue')}` or `{self.command(verb, '--abort')}` first"
                raise UsageError(f"{title} is under way in {self.top}", hint)
        if not self.head:
            raise UsageError(f"{self.top} has no commit yet", "commit what there is first")

    def changed(self, paths: Sequence[str]) -> list[str]:
        """Those of some paths that are not as they were committed, from the top; what is not tracked is among them."""
        words = ("status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=all", "--")
        answer = self._run(*words, *_real(paths)).stdout
        return [word[3:] for word in os.fsdecode(answer).split("\0") if word]

    def is_tracked(self, path: str) -> bool:
        """Whether a file is in the index."""
        return self._run("ls-files", "--error-unmatch", "--", *_real([path])).returncode == 0

    def restore(self, paths: Sequence[str]) -> None:
        """Make files what they are in HEAD; those that it has not are deleted."""
        self._run("reset", "--quiet", "--", *_real(paths))
        for path in _real(paths):
            if self.is_tracked(path):
                self._run("checkout", "HEAD", "--", path)
            else:
                Path(path).unlink(missing_ok=True)

    def ignored(self, paths: Sequence[str]) -> list[str]:
        """Those of some paths that git is told to ignore."""
        return [
            path
            for path in paths
            if _git(self.top, "check-ignore", "--quiet", "--", *_real([path])).returncode == 0
        ]

    def history(self, path: str) -> Iterator[tuple[Revision, bytes | None]]:
        """The commits on the way of this branch that have changed a file, the newest first, with the file in each.

        Raises WorldError where a shallow clone ends before the history does.
        """
        place = self.from_top(path)
        words = ("log", "--first-parent", f"--max-count={MOST_COMMITS}", "--format=%H %ct", "--")
        for line in self._said(*words, *_real([path])).splitlines():
            identity, _, made = line.partition(" ")
            if self.is_shallow and identity in self._shallow():
                hint = f"`{self.command('fetch', '--unshallow')}` brings the rest"
                raise WorldError(f"this clone is shallow, and its history of {path} is cut off", hint)
            yield Revision(identity, int(made)), self.at(identity, place)

    def at(self, identity: str, place: str) -> bytes | None:
        """A file of a commit; None where it has none."""
        done = self._run("cat-file", "blob", f"{identity}:{place}")
        return done.stdout if done.returncode == 0 else None

    def commit(self, message: str, paths: Sequence[str]) -> str:
        """Commit some paths, whatever else is staged; what git says of it.

        Raises WorldError, with nothing staged of them, where git or one of its hooks refuses.
        """
        real = _real(paths)
        self._run("add", "--all", "--", *real)
        done = self._run("commit", "--only", "--file=-", "--cleanup=whitespace", "--", *real, text=message)
        if done.returncode != 0:
            self._run("reset", "--quiet", "--", *real)
            raise WorldError(f"git did not commit: {_said_by(done)}")
        return os.fsdecode(done.stdout).strip().partition("\n")[0]

    def begin(self, branch: str) -> None:
        """Make a branch, and check it out; the working tree stays as it is. Raises UsageError where that cannot be."""
        done = self._run("switch", "--quiet", "--create", branch)
        if done.returncode != 0:
            raise UsageError(f"--branch {branch}: {_said_by(done)}", "name another branch")

    def give_up(self, branch: str, earlier: str) -> None:
        """Go back from a branch on which nothing was committed, to a branch or commit, and delete it."""
        words = ("switch", "--quiet", earlier) if earlier else ("switch", "--quiet", "--detach")
        self._run(*words)
        self._run("branch", "--quiet", "--delete", "--force", branch)

    def upstream(self) -> tuple[str, str]:
        """The remote that a push of this branch goes to, and the branch there.

        Raises UsageError where there is no remote, or none is named and there are several.
        """
        branch = self.branch
        remote = self._said("config", f"branch.{branch}.remote")
        there = self._said("config", f"branch.{branch}.merge").removeprefix("refs/heads/")
        if remote and there:
            return remote, there
        remotes = self._said("remote").split()
        if not remotes:
            raise UsageError(
                "--push: there is no remote", f"`{self.command('remote', 'add', 'origin', 'URL')}`"
            )
        return ("origin" if "origin" in remotes else remotes[0]), branch

    def ahead_of_us(self, paths: Sequence[str]) -> list[str]:
        """The commits of the remote's branch, fetched now, that change some paths and are not here: a line each.

        Raises WorldError where the remote does not answer.
        """
        remote, branch = self.upstream()
        done = self._run("fetch", "--quiet", remote, branch)
        if done.returncode != 0:
            if "couldn't find remote ref" in _said_by(done):
                return []
            raise WorldError(f"git did not fetch {branch} from {remote}: {_said_by(done)}")
        return self._said("log", "--format=%h %an: %s", "HEAD..FETCH_HEAD", "--", *_real(paths)).splitlines()

    def push(self) -> str:
        """Push this branch; where it went. Raises WorldError where git or the remote refuses: the commit stays."""
        remote, there = self.upstream()
        words = ("push", "--quiet", "--set-upstream", remote, f"HEAD:refs/heads/{there}")
        done = self._run(*words)
        if done.returncode != 0:
            again = self.command("pull", "--rebase", remote, there)
            hint = f"the commit is here; `{again}`, and `{self.command('push', remote, f'HEAD:{there}')}`"
            raise WorldError(f"git did not push: {_said_by(done)}", hint)
        return f"{remote} {there}"

    def note_of(self, path: str) -> Path:
        """A file of ours among git's own, for a file of the working tree."""
        name = self.from_top(path).replace("/", "_")
        return Path(self.top, self._said("rev-parse", "--git-path", f"kubectl-canary/{name}.json"))

    def named(self, name: str) -> list[str]:
        """The files of a name anywhere in the working tree, from here, that are tracked, or new and not ignored."""
        words = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")
        known = [Path(self.top, path) for path in self._said(*words).split("\0") if path]
        return [os.path.relpath(path) for path in known if path.name == name]

    def _shallow(self) -> list[str]:
        place = Path(self.top, self._said("rev-parse", "--git-path", "shallow"))
        return place.read_text(encoding="ascii").split() if place.exists() else []

    def from_top(self, path: str) -> str:
        """A path as it is from the top, by the file that it leads to."""
        return Path(os.path.relpath(os.path.realpath(path), os.path.realpath(self.top))).as_posix()

    def _said(self, *words: str) -> str:
        """What git prints; nothing where it fails."""
        done = self._run(*words)
        return os.fsdecode(done.stdout).strip() if done.returncode == 0 else ""

    def _run(self, *words: str, text: str | None = None) -> subprocess.CompletedProcess[bytes]:
        return _git(self.top, "--literal-pathspecs", *words, text=text)


def around(path: str) -> Repository | None:
    """The repository that a file or folder lies in; None where it is in none. Raises WorldError without git."""
    folder = os.path.realpath(path)
    while not Path(folder).is_dir():
        folder = str(Path(folder).parent)
    done = _git(folder, "rev-parse", "--show-toplevel")
    return Repository(os.fsdecode(done.stdout).rstrip("\n")) if done.returncode == 0 else None


def _real(paths: Sequence[str]) -> list[str]:
    """Paths as git finds them from any folder."""
    return [os.path.realpath(path) for path in paths]


def _git(folder: str, *words: str, text: str | None = None) -> subprocess.CompletedProcess[bytes]:
    # hooks set these for the repository that they are of
    environment = {name: value for name, value in os.environ.items() if name not in OF_ANOTHER}
    try:
        return subprocess.run(
            ["git", "--no-pager", *words],
            cwd=folder,
            env={**environment, "LC_ALL": "C"},
            input=text.encode() if text is not None else b"",
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        raise WorldError("git is not on PATH", "install git") from None
    except OSError as error:
        raise WorldError(f"git cannot be run: {error.strerror}") from None


def _said_by(done: subprocess.CompletedProcess[bytes]) -> str:
    """What git or a hook complained of, as it said it."""
    said = [os.fsdecode(stream).strip() for stream in (done.stderr, done.stdout)]
    return "\n".join(filter(None, said)) or f"it ended with {done.returncode}, and said nothing"
