"""What a step of a release becomes in Git: refused where it would be lost, committed, pushed; or put back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import PurePath

from kubectl_canary.api.equality import digest
from kubectl_canary.commands.declaring import DeclareFlags
from kubectl_canary.errors import Refused, UsageError
from kubectl_canary.findings import Finding, Where
from kubectl_canary.outside import exchange, files, folder
from kubectl_canary.outside.clock import Clock
from kubectl_canary.outside.exchange import Change
from kubectl_canary.outside.journal import Journal
from kubectl_canary.outside.output import say
from kubectl_canary.outside.repository import Repository
from kubectl_canary.reading import sources
from kubectl_canary.reports import ages
from kubectl_canary.reports.plans import wait_text


@dataclass(frozen=True)
class Place:
    """Where a step is rendered: a folder of ours, or one of the user's with `own` as our file in it; or nowhere."""

    folder: str = ""
    own: str = ""

    def files(self) -> list[str]:
        """The files there that rendering may write."""
        if not self.own:
            return folder.ours(PurePath(self.folder)) if self.folder else []
        return [*files.below(self.folder), str(PurePath(self.folder, self.own))]


@dataclass(frozen=True)
class Commit:
    """A commit that is to be made: where, of which paths, and how."""

    repository: Repository
    paths: Sequence[str]
    flags: DeclareFlags

    def refuse(self) -> None:
        """Raises UsageError or Refused where it must not be made, before anything is written."""
        repository = self.repository
        repository.refuse_unready()
        if not repository.branch and not self.flags.branch:
            raise UsageError(
                "no branch is checked out: a commit here would be lost",
                f"`{repository.command('switch', 'BRANCH')}` first, or give --branch NAME",
            )
        if ignored := repository.ignored(self.paths):
            raise UsageError(
                f"git is told to ignore {ignored[0]}", "take it out of .gitignore, or write elsewhere"
            )
        if changed := repository.changed(self.paths):
            message = f"{', '.join(changed)}: changed, and not committed"
            hint = (
                f"`{repository.command('commit', '--', *changed)}` or `{repository.command('stash')}` first"
            )
            raise UsageError(message, hint)
        if self.flags.pushes and not self.flags.branch:
            self._refuse_moved()

    def _refuse_moved(self) -> None:
        """Raises Refused where the remote's branch has moved in these paths."""
        ahead = self.repository.ahead_of_us(self.paths)
        if ahead:
            hint = f"`{self.repository.command('pull', '--rebase')}`, and look at the plan again"
            findings = [Finding("git", "error", (), line, Where("the remote"), hint) for line in ahead]
            raise Refused("the release has moved on the remote", findings)

    def make(self, message: str) -> str:
        """Commit, on a new branch where there is to be one; what git says. Raises WorldError where it refuses."""
        branch, earlier = self.flags.branch, self.repository.branch
        if branch:
            self.repository.begin(branch)
        try:
            return self.repository.commit(message, self.paths)
        except BaseException:
            if branch:
                self.repository.give_up(branch, earlier)
            raise

    def push(self) -> None:
        """Push the commit where that is asked for. Raises WorldError where it is refused: the commit stays."""
        if self.flags.pushes:
            say(f"pushed to {self.repository.push()}")


def refuse_early(repository: Repository, source: sources.Sources, seconds: int, why: str) -> None:
    """Raises Refused while the phase that is committed has not lasted `seconds`, or is not committed yet.

    Engines take several commits as one, and would leave out the phase between. `why` says what the seconds are.
    """
    file = source.file_of(("spec", "phase"))
    phase = source.value["spec"]["phase"]
    since = _since(repository, file, phase)
    if since is None:
        raise _too_early(source, f"`{phase}` is not committed yet", "commit it first, or say --now")
    left = since + seconds - int(Clock().utc().timestamp())
    if left > 0:
        message = f"`{phase}` was committed {_ago(since)}, and has to last {wait_text(seconds)} ({why})"
        raise _too_early(source, message, f"wait {wait_text(left)}, or say --now")


def _since(repository: Repository, file: str, phase: str) -> int | None:
    """When the phase that a file declares was committed, in seconds since the epoch; None where it was not."""
    since = None
    for revision, data in repository.history(file):
        if _phase_in(data) != phase:
            break
        since = revision.made
    return since


def _phase_in(data: bytes | None) -> str | None:
    """The phase that a file of a commit declares; None where it says none, or was no canary file."""
    try:
        value = sources.document("a commit", files.decoded("a commit", data or b"", files.MAX_BYTES)).value
    except Refused:
        return None
    spec = value.get("spec")
    return spec.get("phase") if isinstance(spec, dict) else None


def _ago(seconds: int) -> str:
    return ages.ago(datetime.fromtimestamp(seconds, timezone.utc).isoformat(), Clock().utc())


def _too_early(source: sources.Sources, message: str, hint: str) -> Refused:
    where = source.value_where(("spec", "phase"))
    return Refused("it is too early for the next step", [Finding("early", "error", (), message, where, hint)])


# --- a run that was killed ------------------------------------------------------------


def note(
    journal: Journal, repository: Repository, changes: Sequence[Change], place: Place, branch: str
) -> None:
    """Say what is about to be written. Raises as `Journal.begin`."""
    journal.begin(
        {
            "files": {change.name: _digest(change.after) for change in changes},
            "place": place.folder,
            "own": place.own,
            "rendered": place.files(),
            "head": repository.head,
            "branch": branch,
            "earlier": repository.branch,
        }
    )


def recover(journal: Journal, repository: Repository) -> bool:
    """Put back what a run that was killed has written and not committed; whether there was anything.

    Raises UsageError where somebody has changed it since.
    """
    noted = journal.left()
    if not noted:
        return False
    names = [*noted["files"], *noted["rendered"], *Place(noted["place"], noted["own"]).files()]
    changed = repository.changed(names)
    if changed:
        _refuse_edited(repository, noted["files"])
        repository.restore(names)
        say(f"put back what a run that was killed has left: {', '.join(changed)}")
    if noted["branch"] and [repository.branch, repository.head] == [noted["branch"], noted["head"]]:
        repository.give_up(noted["branch"], noted["earlier"])
    journal.end()
    return bool(changed)


def _refuse_edited(repository: Repository, made: Mapping[str, str]) -> None:
    edited = [
        name for name in made if repository.changed([name]) and _digest(exchange.bytes_of(name)) != made[name]
    ]
    if edited:
        message = f"{', '.join(edited)}: a run was killed in the middle, and it was changed since"
        raise UsageError(message, f"commit it, or `{repository.command('checkout', 'HEAD', '--', *edited)}`")


def _digest(data: bytes | None) -> str:
    return digest(None if data is None else data.decode("utf-8", "replace"))


@dataclass(frozen=True)
class Before:
    """Files as they were before a step, by their names, and the place that it renders into."""

    files: Mapping[str, bytes | None]
    place: Place

    @classmethod
    def of(cls, names: Sequence[str], place: Place) -> Before:
        """Files, and what may be rendered, as they are now."""
        return cls({name: exchange.bytes_of(name) for name in (*names, *place.files())}, place)

    def put_back(self) -> None:
        """Make all of it what it was."""
        now = {name: exchange.bytes_of(name) for name in (*self.files, *self.place.files())}
        was = {name: self.files.get(name) for name in now}
        exchange.write([Change(name, now[name], was[name]) for name in now if now[name] != was[name]])
