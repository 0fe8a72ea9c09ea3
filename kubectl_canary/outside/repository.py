"""The repository that files lie in: what is not committed, since when a line stands there, and a commit of some paths.

Author, signature and hooks are git's own business: it is called with the user's environment and configuration.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from kubectl_canary.errors import UsageError, WorldError
from kubectl_canary.outside.git import OF_ANOTHER, command
from kubectl_canary.records import dataclass

UNDER_WAY = {
    "MERGE_HEAD": ("a merge", "merge"),
    "rebase-merge": ("a rebase", "rebase"),
    "rebase-apply": ("a rebase", "rebase"),
    "CHERRY_PICK_HEAD": ("a cherry-pick", "cherry-pick"),
    "REVERT_HEAD": ("a revert", "revert"),
}
INDEX = "kubectl-canary-index-"  # what copies of the index begin with
LOCKED = "no git runs any more? Then delete that file"
MOST_PATHS = 500  # of a call: a command line has an end
MOST_COMMITS = 500  # of a file, in which a value that stood there before is looked for
PATIENCE = 30  # seconds for git to end by itself after Ctrl-C


@dataclass(frozen=True)
class Revision:
    """A commit: its id, and when it was made, in seconds since the epoch."""

    id: str
    made: int


@dataclass(frozen=True)
class Repository:
    """A working tree, by the folder at its top. Paths are named from here, and links are what they lead to."""

    top: str

    # --- what there is ----------------------------------------------------------------

    @property
    def branch(self) -> str:
        """The branch that is checked out; empty where none is."""
        return self._said("symbolic-ref", "--quiet", "--short", "HEAD")

    @property
    def head(self) -> str:
        """The commit that is checked out; empty before the first."""
        return self._said("rev-parse", "--verify", "--quiet", "HEAD")

    @property
    def parent(self) -> str:
        """The commit before the one that is checked out; empty where there is none."""
        return self._said("rev-parse", "--verify", "--quiet", "HEAD^")

    @property
    def subject(self) -> str:
        """The first line of the commit that is checked out."""
        return self._said("show", "--no-show-signature", "--no-patch", "--format=%s", "HEAD")

    @property
    def superproject(self) -> str:
        """The working tree whose submodule this is; empty where it is none."""
        return self._said("rev-parse", "--show-superproject-working-tree")

    def command(self, *words: str) -> str:
        """A call of git as a user types it."""
        return command(self.top, *words)

    def from_top(self, path: str) -> str:
        """A path as it is from the top, by the file that it leads to."""
        return Path(os.path.relpath(os.path.realpath(path), os.path.realpath(self.top))).as_posix()

    def here(self, place: str) -> str:
        """A path from the top as it is from here."""
        return os.path.relpath(Path(self.top, place))

    def note(self, name: str) -> Path:
        """A file of ours among git's own, for this working tree."""
        return Path(self.top, self._said("rev-parse", "--git-path", name))

    def named(self, name: str) -> list[str]:
        """The files of a name anywhere in the working tree, from here, that are tracked, or new and not ignored."""
        listed = self._said("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
        return [self.here(path) for path in listed if path.rpartition("/")[2] == name]

    def outside(self, paths: Sequence[str]) -> list[str]:
        """Those of some paths that lie outside the working tree, or in a repository of its own within."""
        top = Path(os.path.realpath(self.top))
        return [path for path in paths if _top_above(Path(os.path.realpath(path))) != top]

    def ignored(self, paths: Sequence[str]) -> list[str]:
        """Those of some paths that git is told to ignore, and does not track."""
        done = _git(self.top, "check-ignore", "-z", "--stdin", text="\0".join(_real(paths)))
        found = set(os.fsdecode(done.stdout).split("\0"))
        return [path for path in paths if os.path.realpath(path) in found]

    def changed(self, paths: Sequence[str]) -> list[str]:
        """Those of some paths that are not as they were committed, from the top; what is not tracked is among them."""
        words = ("status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=all", "--")
        return [word[3:] for word in self._listed(words, paths)]

    def unseen(self, paths: Sequence[str]) -> tuple[list[str], str]:
        """Those of some paths, from the top, at whose changes git is told not to look, and the call that ends that."""
        listed = self._listed(("ls-files", "-v", "-z", "--full-name", "--"), paths)
        marks = {path: tag for tag, _, path in (word.partition(" ") for word in listed)}
        skipped = [path for path, tag in marks.items() if tag.upper() == "S"]
        assumed = [path for path, tag in marks.items() if tag.islower()]
        calls = [
            self.command("update-index", flag, "--", *found)
            for flag, found in (("--no-skip-worktree", skipped), ("--no-assume-unchanged", assumed))
            if found
        ]
        return [*dict.fromkeys((*skipped, *assumed))], " && ".join(calls)

    def _listed(self, words: Sequence[str], paths: Sequence[str]) -> Iterator[str]:
        """What git says of some paths, as many in one call as a command line takes."""
        left = iter(_real(paths))
        while some := list(itertools.islice(left, MOST_PATHS)):
            yield from filter(None, os.fsdecode(self._must(*words, *some).stdout).split("\0"))

    def is_tracked(self, path: str) -> bool:
        """Whether a file is in the index."""
        return self._run("ls-files", "--error-unmatch", "--", *_real([path])).returncode == 0

    def has_had(self, path: str) -> bool:
        """Whether a file was ever committed on the way of this branch."""
        return bool(self._said("rev-list", "--max-count=1", "HEAD", "--", *_real([path])))

    def refuse_unready(self) -> None:
        """Raises UsageError where something is under way that a commit would end or spoil."""
        for name, (title, verb) in UNDER_WAY.items():
            if self.note(name).exists():
                hint = f"`{self.command(verb, '--continue')}` or `{self.command(verb, '--abort')}` first"
                raise UsageError(f"{title} is under way in {self.top}", hint)
        if not self.head:
            raise UsageError(f"{self.top} has no commit yet", "commit what there is first")

    # --- what there was ---------------------------------------------------------------

    def history(self, path: str) -> Iterator[tuple[Revision, bytes | None]]:
        """The commits on the way of this branch that have changed a file, the newest first, with the file in each.

        Raises WorldError where a shallow clone ends before the history does.
        """
        words = (
            "log",
            "--no-show-signature",
            "--first-parent",
            f"--max-count={MOST_COMMITS}",
            "--format=%H %ct",
        )
        ends = self._ends()
        for line in self._said(*words, "--", *_real([path])).splitlines():
            identity, _, made = line.partition(" ")
            if identity in ends:
                hint = f"`{self.command('fetch', '--unshallow')}` brings the rest"
                raise WorldError(f"this clone is shallow, and its history of {path} is cut off", hint)
            yield Revision(identity, int(made)), self.at(identity, self.from_top(path))

    def at(self, identity: str, place: str) -> bytes | None:
        """A file of a commit, by its path from the top; None where it has none."""
        done = self._run("cat-file", "blob", f"{identity}:{place}")
        return done.stdout if done.returncode == 0 else None

    def staged(self, path: str) -> bytes | None:
        """A file as the index has it; None where it has none."""
        return self.at("", self.from_top(path))

    def keep(self, paths: Iterable[str]) -> dict[str, str]:
        """Keep the bytes of files, as blobs by their ids; those that are not there are left out. Raises WorldError."""
        there = [path for path in paths if Path(path).is_file()]
        words = ("hash-object", "-w", "--no-filters", "--stdin-paths")
        said = self._must(*words, text="".join(f"{path}\n" for path in _real(there))) if there else None
        return dict(zip(there, os.fsdecode(said.stdout).split(), strict=True)) if said is not None else {}

    def kept(self, blobs: Sequence[str]) -> list[bytes]:
        """The bytes of blobs. Raises WorldError where git has lost one."""
        answer = self._must("cat-file", "--batch", text="".join(f"{blob}\n" for blob in blobs)).stdout
        found = []
        for _ in blobs:
            head, _, rest = answer.partition(b"\n")
            size = int(head.split()[2])
            found.append(rest[:size])
            answer = rest[size + 1 :]
        return found

    def in_newest(self) -> set[str]:
        """The files that the newest commit has changed, from the top."""
        said = self._must("diff-tree", "-r", "-z", "--no-renames", "--name-only", "HEAD^", "HEAD").stdout
        return set(os.fsdecode(said).split("\0"))

    def is_pushed(self, identity: str, branch: str = "") -> bool:
        """Whether a commit is in a branch of the remote, as it is known here.

        Without `branch` it is the upstream of this one, and true where there is none.
        """
        if branch:
            remote = self._said("config", f"branch.{self.branch}.remote") or "origin"
            return self._run("merge-base", "--is-ancestor", identity, f"{remote}/{branch}").returncode == 0
        if not self._said("rev-parse", "--verify", "--quiet", "@{upstream}"):
            return True
        return self._run("merge-base", "--is-ancestor", identity, "@{upstream}").returncode == 0

    def base(self, ref: str) -> str:
        """The newest commit that a branch, tag or commit has in common with what is checked out.

        Raises UsageError where there is none.
        """
        if not self._said("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}"):
            hint = f"`{self.command('fetch', 'origin')}` brings what only the remote has"
            raise UsageError(f"--git {ref}: there is no such branch, tag or commit here", hint)
        found = self._said("merge-base", ref, "HEAD")
        if not found:
            hint = f"`{self.command('fetch', '--unshallow')}` brings the rest" if self._ends() else ""
            raise UsageError(f"--git {ref}: it has no commit in common with what is checked out", hint)
        return found

    @contextlib.contextmanager
    def beside(self, identity: str) -> Iterator[str]:
        """A commit in a working tree of its own, as a folder that is gone after the block. Raises WorldError."""
        with tempfile.TemporaryDirectory(prefix="kubectl-canary-") as folder:
            place = f"{folder}/tree"
            quiet = ("-c", f"core.hooksPath={os.devnull}")
            self._must(*quiet, "worktree", "add", "--quiet", "--detach", place, identity)
            try:
                yield place
            finally:
                self._run("worktree", "remove", "--force", place)

    def _ends(self) -> list[str]:
        """The commits at which a shallow clone ends; none where it is whole."""
        place = self.note("shallow")
        return place.read_text(encoding="ascii").split() if place.exists() else []

    # --- commits ----------------------------------------------------------------------

    def commit(self, message: str, paths: Sequence[str]) -> str:
        """Commit some paths, whatever else is staged; what git says of it.

        It is what `git commit --only` does, in time that grows with the paths and not with their square. Raises
        WorldError, with nothing staged of them, where git or one of its hooks refuses.
        """
        self.refuse_locked()
        listed = "\0".join(map(self.from_top, paths))
        with self._index() as index, tempfile.NamedTemporaryFile("w", encoding="utf-8") as told:
            self._must("read-tree", "-m", "HEAD", index=index)
            self._must("update-index", "--add", "--remove", "-z", "--stdin", text=listed, index=index)
            told.write(message)
            told.flush()
            words = ("commit", f"--file={told.name}", "--cleanup=whitespace")
            done = self._run(*words, index=index, plain=True)
        if done.returncode != 0:
            raise WorldError(f"git did not commit: {_said_by(done)}")
        self.settle()
        return os.fsdecode(done.stdout).strip().partition("\n")[0]

    def settle(self) -> None:
        """Make the index what the newest commit has changed, a hook's own changes among it. Raises WorldError."""
        changed = os.fsdecode(self._must("diff-tree", "-r", "-z", "--no-renames", "HEAD^", "HEAD").stdout)
        words = changed.split("\0")
        entries = []
        for about, path in zip(words[::2], words[1::2], strict=False):
            _, mode, _, identity, _ = about.split()
            entries.append(f"{mode} {identity}\t{path}\0")
        self._must("update-index", "-z", "--index-info", text="".join(entries))

    @contextlib.contextmanager
    def _index(self) -> Iterator[str]:
        """A copy of the index, in git's own folder, that is gone after the block."""
        own = self.note("index")
        handle, name = tempfile.mkstemp(prefix=INDEX, dir=own.parent)
        os.close(handle)
        try:
            if own.exists():
                shutil.copyfile(own, name)
            else:
                Path(name).unlink()
            yield name
        finally:
            for left in (name, f"{name}.lock"):
                Path(left).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Take away the copies of the index that a run that was killed has left."""
        for left in self.note("index").parent.glob(f"{INDEX}*"):
            left.unlink(missing_ok=True)

    def refuse_locked(self) -> None:
        """Raises WorldError where another git changes the index, or was killed while it did."""
        if (lock := self.note("index.lock")).exists():
            raise WorldError(f"{lock} is there: another git is at work", LOCKED)

    def begin(self, branch: str) -> None:
        """Make a branch, and check it out; the working tree stays as it is. Raises UsageError where that cannot be."""
        done = self._run("switch", "--quiet", "--no-track", "--create", branch)
        if done.returncode != 0:
            raise UsageError(f"--branch {branch}: {_said_by(done)}", "name another branch")

    def give_up(self, branch: str, earlier: str) -> None:
        """Go back from a branch on which nothing was committed, to a branch or a commit without one, and delete it.

        Raises WorldError where git cannot.
        """
        self._must("switch", "--quiet", *([earlier] if earlier else ["--detach"]))
        self._must("branch", "--quiet", "--delete", "--force", branch)

    # --- the remote -------------------------------------------------------------------

    def push_target(self, new: str = "") -> tuple[str, str]:
        """The remote and the branch there that a push goes to: for a branch that is `new`, one of its own name.

        Raises UsageError where nothing says which remote, or where the upstream has another name: then git itself
        would refuse.
        """
        branch = new or self.branch
        names = (f"branch.{branch}.pushRemote", "remote.pushDefault", f"branch.{branch}.remote")
        configured = [found for name in names if (found := self._said("config", name)) not in ("", ".")]
        remotes = self._said("remote").split()
        known = [*configured, *(name for name in remotes if name == "origin" or len(remotes) == 1)]
        if not known:
            cure = self.command("config", "remote.pushDefault", remotes[0] if remotes else "NAME")
            problem = "which remote?" if remotes else "there is no remote"
            raise UsageError(f"--push: {problem}", f"`{cure}`" if remotes else "`git remote add origin URL`")
        there = self._said("config", f"branch.{branch}.merge").removeprefix("refs/heads/")
        if not new and there not in ("", branch) and self._said("config", "push.default") != "upstream":
            cure = self.command("push", known[0], f"HEAD:{there}")
            raise UsageError(
                f"--push: {branch} follows {there}, a branch of another name", f"commit, and `{cure}`"
            )
        return known[0], branch if new or not there else there

    def default_branch(self, remote: str) -> str:
        """The branch that a clone of a remote checks out, as it is known here; empty where it is not."""
        return self._said("symbolic-ref", "--quiet", f"refs/remotes/{remote}/HEAD").rpartition(f"/{remote}/")[
            2
        ]

    def followed(self) -> tuple[str, str]:
        """The URL of the remote and the branch there that this branch follows; both empty where it follows none."""
        remote = self._said("config", f"branch.{self.branch}.remote")
        there = self._said("config", f"branch.{self.branch}.merge").removeprefix("refs/heads/")
        return (self._said("remote", "get-url", remote), there) if there and remote != "." else ("", "")

    def ahead_of_us(self, paths: Sequence[str]) -> list[str]:
        """The commits of this branch's upstream, fetched now, that change some paths and are not here: a line each.

        Raises WorldError where the remote does not answer.
        """
        remote = self._said("config", f"branch.{self.branch}.remote")
        there = self._said("config", f"branch.{self.branch}.merge")
        if not there:
            return []
        done = self._run("fetch", "--quiet", remote, there)
        if done.returncode != 0:
            if "couldn't find remote ref" in _said_by(done):
                return []
            hint = "with --commit in the place of --push the commit is made here, to be pushed later"
            raise WorldError(f"git did not fetch {there} from {remote}: {_said_by(done)}", hint)
        theirs = self._said("diff", "--name-only", "-z", "--no-renames", "HEAD...FETCH_HEAD").split("\0")
        both = sorted(set(theirs) & set(map(self.from_top, paths)))[:MOST_PATHS]
        words = ("log", "--no-show-signature", "--format=%h %an: %s", "HEAD..FETCH_HEAD", "--")
        return self._said(*words, *both).splitlines() if both else []

    def push(self) -> tuple[str, str]:
        """Push this branch; where it went. Raises WorldError where git or the remote refuses: the commit stays."""
        remote, there = self.push_target()
        done = self._run("push", "--quiet", "--set-upstream", remote, f"HEAD:refs/heads/{there}")
        if done.returncode != 0:
            again = self.command("pull", "--rebase", remote, there)
            hint = f"the commit is here; `{again}`, and `{self.command('push', remote, f'HEAD:{there}')}`"
            raise WorldError(f"git did not push: {_said_by(done)}", hint)
        return remote, there

    # --- git --------------------------------------------------------------------------

    def _said(self, *words: str) -> str:
        """What git prints; nothing where it fails."""
        done = self._run(*words)
        return os.fsdecode(done.stdout).strip() if done.returncode == 0 else ""

    def _must(
        self, *words: str, text: str | None = None, index: str = ""
    ) -> subprocess.CompletedProcess[bytes]:
        """A call that has to end well. Raises WorldError with what git says otherwise."""
        done = self._run(*words, text=text, index=index)
        if done.returncode != 0:
            hint = LOCKED if b"index.lock" in done.stderr else ""
            raise WorldError(f"`{self.command(words[0])}` failed: {_said_by(done)}", hint)
        return done

    def _run(
        self, *words: str, text: str | None = None, plain: bool = False, index: str = ""
    ) -> subprocess.CompletedProcess[bytes]:
        return _git(self.top, "--literal-pathspecs", *words, text=text, plain=plain, index=index)


def around(path: str) -> Repository | None:
    """The repository that a file lies in; None where it is in none. Raises WorldError where git does not read it."""
    folder = Path(os.path.realpath(path)).parent
    done = _git(str(folder) if folder.is_dir() else ".", "rev-parse", "--show-toplevel")
    if done.returncode == 0:
        return Repository(os.fsdecode(done.stdout).rstrip("\n"))
    if b"not a git repository" in done.stderr:
        return None
    raise WorldError(f"git does not read {folder}: {_said_by(done)}")


def _top_above(path: Path) -> Path | None:
    """The nearest folder above a file that is the top of a repository."""
    return next((folder for folder in path.parents if (folder / ".git").exists()), None)


def _real(paths: Sequence[str]) -> list[str]:
    """Paths as git finds them from any folder."""
    return [os.path.realpath(path) for path in paths]


def _git(
    folder: str, *words: str, text: str | None = None, plain: bool = False, index: str = ""
) -> subprocess.CompletedProcess[bytes]:
    """Run git; `plain` in the user's language, for hooks; `index` is one in the place of the repository's.

    After Ctrl-C git, which had it too, ends by itself.
    """
    # hooks set these for the repository that they are of
    environment = {name: value for name, value in os.environ.items() if name not in OF_ANOTHER}
    environment |= {"GIT_INDEX_FILE": index} if index else {}
    command_words = ["git", "--no-pager", *words]
    try:
        process = subprocess.Popen(
            command_words,
            cwd=folder,
            env=environment if plain else {**environment, "LC_ALL": "C"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except FileNotFoundError:
        raise WorldError("git is not on PATH", "install git") from None
    except OSError as error:
        raise WorldError(f"git cannot be run: {error.strerror}") from None
    try:
        out, err = process.communicate((text or "").encode())
    except BaseException:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)
        process.kill()
        raise
    return subprocess.CompletedProcess(command_words, process.returncode, out, err)


def _said_by(done: subprocess.CompletedProcess[bytes]) -> str:
    """What git or a hook complained of, as it said it."""
    said = [os.fsdecode(stream).strip() for stream in (done.stderr, done.stdout)]
    return "\n".join(filter(None, said)) or f"it ended with {done.returncode}, and said nothing"
