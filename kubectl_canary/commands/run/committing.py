"""What a step of a release becomes in Git: refused where it would be lost, committed, pushed; or put back."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
                f"{outside[0]} is not in {repository.top}", "leave --commit out, or write elsewhere"
            )
        if ignored := repository.ignored([change.name for change in changes if change.after is not None]):
            raise UsageError(
                f"git is told to ignore {ignored[0]}", "take it out of .gitignore, or write elsewhere"
            )
        if changed := repository.changed([change.name for change in changes if change.before is not None]):
            message = f"{', '.join(changed)}: changed, and not committed"
            add, stash = repository.command("add", "--", *changed), repository.command("stash", "-u")
            raise UsageError(message, f"`{add}` and commit it, or `{stash}`")

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
    """

    journal: Journal | None
    commit: Commit | None
    _before: dict[str, bytes | None] = field(default_factory=dict)  # what no commit has
    _digests: dict[str, list[str]] = field(
        default_factory=dict
    )  # of each file: as it was, and as it was made

    def __enter__(self) -> Writing:
        """Begin."""
        if self.journal is not None and self.commit is not None:
            self.journal.begin(_noted(self.commit))
        return self

    def make(self, changes: Sequence[Change]) -> None:
        """Write changes. Raises as `exchange.write`."""
        for change in changes:
            if self.commit is None:
                self._before.setdefault(change.name, change.before)
            self._digests.setdefault(change.name, [_digest(change.before)]).append(_digest(change.after))
        if self.journal is not None and self.commit is not None:
            repository = self.commit.repository
            made = {
                repository.from_top(name): self._digests[name] for name in {known.name for known in changes}
            }
            self.journal.add(made)
        exchange.write(changes)

    @property
    def names(self) -> list[str]:
        """The files that were written."""
        return list(self._digests)

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
        changes = []
        for name, (was, *made) in reversed(self._digests.items()):
            now = exchange.bytes_of(name)
            if _digest(now) in made and _digest(now) != was:
                changes.append(Change(name, now, self._was(name)))
            elif _digest(now) != was:
                say(f"{name} was changed meanwhile: it stays as it is")
        exchange.write([change for change in changes if change.after is None])  # a full disk has room then
        exchange.write([change for change in changes if change.after is not None])

    def _was(self, name: str) -> bytes | None:
        """A file as it was: what is to be committed was as the last commit has it."""
        if self.commit is None:
            return self._before[name]
        repository = self.commit.repository
        return repository.checked_out(repository.head, repository.from_top(name))


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
    noted, files = journal.left()
    if noted:
        repository.refuse_locked()
    repository.sweep()
    if files and _is_committed(repository, noted, files):
        repository.settle()
        journal.end()
        raise UsageError(
            f"a run that was killed has made its commit: {repository.subject}",
            "run this again for the next step",
        )
    if noted and repository.head == noted["head"]:
        names = {repository.here(place): digests for place, digests in files.items()}
        _refuse_edited(repository, names)
        changes = [
            Change(
                name,
                exchange.bytes_of(name),
                repository.checked_out(noted["head"], repository.from_top(name)),
            )
            for name, digests in names.items()
            if _digest(exchange.bytes_of(name)) != digests[0]
        ]
        exchange.write(changes)
        exchange.sweep(list(names))
        if noted["branch"] and repository.branch == noted["branch"]:
            repository.give_up(noted["branch"], noted["earlier"])
        if changes:
            say(
                f"put back what a run that was killed has left: {', '.join(change.name for change in changes)}"
            )
    journal.end()


def _is_committed(
    repository: Repository, noted: Mapping[str, str], files: Mapping[str, Sequence[str]]
) -> bool:
    """Whether the newest commit has what a run was about to write."""
    if repository.parent != noted["head"]:
        return False
    head = repository.head
    return all(
        _digest(repository.checked_out(head, place)) == digests[-1] for place, digests in files.items()
    )


def _refuse_edited(repository: Repository, noted: Mapping[str, Sequence[str]]) -> None:
    edited = [name for name, digests in noted.items() if _digest(exchange.bytes_of(name)) not in digests]
    if edited:
        message = f"{', '.join(edited)}: a run was killed in the middle, and it was changed since"
        cure = repository.command("checkout", "HEAD", "--", *map(repository.from_top, edited))
        raise UsageError(message, f"put it back (`{cure}`), or commit it")


def _digest(data: bytes | None) -> str:
    return digest(None if data is None else data.decode("latin-1"))
