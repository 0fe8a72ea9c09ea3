"""What a step of a release becomes in Git: refused where it would be lost, committed, pushed; or put back."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from types import TracebackType

from kubectl_canary.api.equality import digest
from kubectl_canary.commands.declaring import DeclareFlags
from kubectl_canary.errors import Refused, UsageError
from kubectl_canary.findings import Finding, Where
from kubectl_canary.outside import exchange
from kubectl_canary.outside.exchange import Change
from kubectl_canary.outside.journal import Journal
from kubectl_canary.outside.output import say
from kubectl_canary.outside.repository import Repository
from kubectl_canary.records import dataclass, field

AT_ONCE = 200  # files that are put back together, and held in memory meanwhile


@dataclass
class Commit:
    """A commit that is to be made; `is_made` once it is."""

    repository: Repository
    flags: DeclareFlags
    is_made: bool = False

    def refuse(self, names: Sequence[str]) -> None:
        """Raises UsageError or Refused where none must be made now; `names` are the files that declare the release."""
        repository = self.repository
        if not repository.branch and not self.flags.branch:
            raise UsageError(
                "no branch is checked out: a commit here would be lost",
                f"`{repository.command('switch', 'BRANCH')}` first, or give --branch NAME",
            )
        if self.flags.pushes:
            repository.push_target(self.flags.branch or "")
            self._refuse_moved(names)

    def refuse_changes(self, changes: Sequence[Change]) -> None:
        """Raises UsageError where files that are to be written are not as they were committed, or never will be."""
        repository, names = self.repository, [change.name for change in changes]
        if outside := repository.outside(names):
            raise UsageError(
                f"{outside[0]} is not in {repository.top}, or in a repository of its own",
                "leave --commit out and commit it there, or write elsewhere",
            )
        if ignored := repository.ignored([change.name for change in changes if change.after is not None]):
            raise UsageError(
                f"git is told to ignore {ignored[0]}", "take it out of .gitignore, or write elsewhere"
            )
        if changed := repository.changed([change.name for change in changes if change.before is not None]):
            message = f"{', '.join(changed)}: changed, and not committed"
            add, stash = repository.command("add", "--", *changed), repository.command("stash", "-u")
            raise UsageError(message, f"`{add}` and commit it, or `{stash}`")

        unseen, cure = repository.unseen(names)
        if unseen:
            raise UsageError(f"git is told not to look at {', '.join(unseen)}", f"`{cure}`")

    def _refuse_moved(self, names: Sequence[str]) -> None:
        """Raises Refused where the release has moved on the remote's side of the branch that one is on."""
        ahead = self.repository.ahead_of_us(names)
        if ahead:
            hint = f"`{self.repository.command('pull', '--rebase')}`, and look at the plan again"
            findings = [Finding("git", "error", (), line, Where("the remote"), hint) for line in ahead]
            raise Refused("the release has moved on the remote", findings)

    def make(self, message: str, names: Sequence[str]) -> str:
        """Commit, on a new branch where there is to be one; what git says. Raises WorldError where it refuses."""
        earlier, head = self.repository.branch, self.repository.head
        if self.flags.branch:
            self.repository.begin(self.flags.branch)
        try:
            said = self.repository.commit(message, names)
        except BaseException:
            is_ours = self.repository.subject == message.partition("\n")[0]
            self.is_made = self.repository.head != head and is_ours
            if self.flags.branch and not self.is_made:
                self.repository.give_up(self.flags.branch, earlier)
            raise
        self.is_made = True
        return said

    def push(self, followed: str) -> None:
        """Push the commit where that is asked for; `followed` is the branch of an engine, empty where nobody says.

        Raises WorldError where it is refused: the commit stays.
        """
        if self.flags.pushes:
            remote, branch = self.repository.push()
            say(f"pushed to {remote} {branch}")
            main = "" if self.flags.branch else self.repository.default_branch(remote)
            if followed not in ("", branch):
                say(f"the engine follows {followed}, and takes this once it is merged there")
            elif not followed and main not in ("", branch):
                say(f"what follows {main} takes this once it is merged there")

    def say_of_superproject(self) -> None:
        """A commit in a submodule changes nothing in what it is a submodule of, which an engine may follow."""
        if above := self.repository.superproject:
            take_in = shlex.join(["git", "-C", above, "add", "--", self.repository.top])
            say(
                f"{self.repository.top} is a submodule of {above}: `{take_in}`, and a commit there, take this one in"
            )


# --- all or nothing -------------------------------------------------------------------


@dataclass
class Writing:
    """Changes of files that stay together: where the block is left by an error or by Ctrl-C, all are put back.

    Once there is a commit they stay. Until then `journal` says them, for the next run after one that was killed.
    What the files were is kept by git, byte by byte, where there is to be a commit, and else in memory.
    """

    journal: Journal | None
    commit: Commit | None
    _bytes: dict[str, bytes | None] = field(default_factory=dict)
    _files: dict[str, Known] = field(default_factory=dict)

    def __enter__(self) -> Writing:
        """Begin."""
        if self.journal is not None and self.commit is not None:
            self.journal.begin(_noted(self.commit))
        return self

    def make(self, changes: Sequence[Change]) -> None:
        """Write changes. Raises as `exchange.write`."""
        self._keep([change for change in changes if change.name not in self._files])
        for change in changes:
            self._files[change.name].digests.append(_digest(change.after))
        if self.journal is not None and self.commit is not None:
            repository = self.commit.repository
            names = dict.fromkeys(change.name for change in changes)
            self.journal.add({repository.from_top(name): self._files[name].noted() for name in names})
        exchange.write(changes)

    def _keep(self, changes: Sequence[Change]) -> None:
        """Keep what files are before the first change of each."""
        first = {change.name: change.before for change in reversed(changes)}
        blobs = self.commit.repository.keep(first) if self.commit is not None else {}
        for name, before in first.items():
            self._files[name] = Known(blobs.get(name, ""), [_digest(before)])
            if self.commit is None:
                self._bytes[name] = before

    @property
    def names(self) -> list[str]:
        """The files that were written."""
        return list(self._files)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End, or put all back."""
        if error is not None and not (self.commit is not None and self.commit.is_made):
            self._put_back()
        if self.journal is not None and self.commit is not None:
            self.journal.end()

    def _put_back(self) -> None:
        """Make files what they were, but for those that somebody has changed since."""
        names = []
        for name, known in self._files.items():
            now = _digest(exchange.bytes_of(name))
            if now != known.was and now in known.digests:
                names.append(name)
            elif now != known.was:
                say(f"{name} was changed meanwhile: it stays as it is")
        if self.commit is not None:
            _write_back({name: self._files[name].blob for name in names}, self.commit.repository.kept)
        else:
            _write_back(
                {name: name if self._bytes[name] is not None else "" for name in names}, self._in_memory
            )

    def _in_memory(self, names: Sequence[str]) -> list[bytes]:
        return [self._bytes[name] or b"" for name in names]


@dataclass(frozen=True)
class Known:
    """What is known of a file: the blob with its bytes before (empty where it was not there), and digests.

    The first digest is of what it was, the others are of what it was made.
    """

    blob: str
    digests: list[str]

    @property
    def was(self) -> str:
        """The digest of what it was."""
        return self.digests[0]

    def noted(self) -> list[str]:
        """It as a journal has it."""
        return [self.blob, *self.digests]


def _write_back(blobs: Mapping[str, str], bytes_of: Callable[[Sequence[str]], list[bytes]]) -> None:
    """Make files what they were, some at a time; those that were not there first: a full disk has room then."""
    for name in (name for name, blob in blobs.items() if not blob):
        exchange.write([Change(name, exchange.bytes_of(name), None)])
    left = iter([name for name, blob in blobs.items() if blob])
    while some := list(islice(left, AT_ONCE)):
        before = bytes_of([blobs[name] for name in some])
        exchange.write(
            [Change(name, exchange.bytes_of(name), data) for name, data in zip(some, before, strict=True)]
        )


# --- a run that was killed ------------------------------------------------------------


def _noted(commit: Commit) -> dict[str, str]:
    """Where a run is about to make a commit."""
    repository = commit.repository
    return {
        "head": repository.head,
        "branch": commit.flags.branch or "",
        "earlier": repository.branch,
    }


def recover(journal: Journal, repository: Repository) -> None:
    """Put back what a run that was killed has written and not committed.

    Raises UsageError where it was committed, which nobody was told, or where somebody has changed it since; WorldError
    where git cannot.
    """
    noted, listed = journal.left()
    if noted:
        repository.refuse_locked()
    repository.sweep()
    files = {place: Known(blob, digests) for place, (blob, *digests) in listed.items()}
    if files and repository.parent == noted["head"] and files.keys() <= repository.in_newest():
        repository.settle()
        journal.end()
        raise UsageError(
            f"a run that was killed has made its commit: {repository.subject}",
            "run this again for the next step",
        )
    if noted and repository.head == noted["head"]:
        here = {repository.here(place): known for place, known in files.items()}
        _refuse_edited(repository, here)
        back = {
            name: known.blob for name, known in here.items() if _digest(exchange.bytes_of(name)) != known.was
        }
        _write_back(back, repository.kept)
        exchange.sweep(list(here))
        if noted["branch"] and repository.branch == noted["branch"]:
            repository.give_up(noted["branch"], noted["earlier"])
        if back:
            say(f"put back what a run that was killed has left: {', '.join(back)}")
    journal.end()


def _refuse_edited(repository: Repository, files: Mapping[str, Known]) -> None:
    edited = [name for name, known in files.items() if _digest(exchange.bytes_of(name)) not in known.digests]
    if edited:
        message = f"{', '.join(edited)}: a run was killed in the middle, and it was changed since"
        cure = repository.command("checkout", "HEAD", "--", *map(repository.from_top, edited))
        raise UsageError(message, f"put it back (`{cure}`), or commit it")


def _digest(data: bytes | None) -> str:
    return digest(None if data is None else data.decode("latin-1"))
