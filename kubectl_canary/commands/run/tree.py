"""The working tree that steps are written into: all of them, what is rendered, and the commit; or nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from kubectl_canary.commands.declaring import DeclareFlags
from kubectl_canary.commands.run import again
from kubectl_canary.commands.run.again import Places
from kubectl_canary.commands.run.committing import Commit, Writing, recover
from kubectl_canary.errors import UsageError
from kubectl_canary.outside import places, repository
from kubectl_canary.outside.exchange import Change
from kubectl_canary.outside.files import is_there
from kubectl_canary.outside.journal import Journal
from kubectl_canary.outside.output import say, write
from kubectl_canary.reading.release import Release

if TYPE_CHECKING:
    from kubectl_canary.commands.run.declaring import Files, Step

NOTE = "kubectl-canary.json"
MOST_NAMED = 5
NOWHERE = "the phase is rendered nowhere, so no engine sees it; `-o in-place` writes it into the manifests"


class Tree:
    """Where the files lie that a verb writes; `repository` is None where that is in none."""

    def __init__(self, file: str, flags: DeclareFlags) -> None:
        """Raises UsageError for a file in no repository that is to be committed, and for a request that is there."""
        _refuse_there(flags.request)
        self.flags = flags
        self.repository = repository.around(file)
        if flags.is_committed and self.repository is None:
            raise UsageError(f"{file} is in no git repository", "leave --commit out, or `git init` first")
        self.journal = Journal(self.repository.note(NOTE)) if self.repository else None

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """The tree for one run alone, without what a run that was killed has left there.

        Raises UsageError where another run writes in it.
        """
        with self.journal.held() if self.journal is not None else contextlib.nullcontext():
            if self.journal is not None and self.repository is not None:
                recover(self.journal, self.repository)
                if self.flags.is_committed:
                    self.repository.refuse_unready()  # before conflicts in the files are called wrong
            yield

    @cached_property
    def places(self) -> Places:
        """The folders that releases are rendered into."""
        return Places(self.repository)

    @contextlib.contextmanager
    def writing(self, names: Sequence[str]) -> Iterator[Steps]:
        """Steps that stay together: where the block is left by an error, nothing of them is left.

        `names` are the files that declare the releases. Raises UsageError or Refused where no commit must be made now.
        """
        commit = Commit(self.repository, self.flags) if self.repository and self.flags.is_committed else None
        if commit is not None:
            commit.refuse(names)
        with Writing(self.journal, commit) as writing:
            yield Steps(self, writing)


class Steps:
    """The steps that one run writes."""

    def __init__(self, tree: Tree, writing: Writing) -> None:
        self.tree, self.writing, self.commit = tree, writing, writing.commit
        self._rendered: set[str] = set()
        self._unrendered: list[str] = []
        self._made = ""

    def make(self, changes: Sequence[Change]) -> None:
        """Write changes. Raises UsageError where the files are not as they were committed."""
        if self.commit is not None:
            self.commit.refuse_changes(changes)
        self.writing.make(changes)

    def refuse_uncommitted(self, names: Sequence[str]) -> None:
        """Raises UsageError where files by which the steps were decided are not as they were committed."""
        if self.commit is not None:
            self.commit.refuse_changes([Change(name, b"", b"") for name in names])

    def take(self, batch: Iterable[tuple[Files, Step]]) -> list[Release]:
        """Write steps, and render the releases again; what they are then. Raises as the steps judge them."""
        batch = list(batch)
        targets = [self._target(files) for files, _ in batch]
        self.make([change for files, step in batch for change in files.changes(step)])
        taken, rendered = [], []
        for (files, step), target in zip(batch, targets, strict=True):
            release = files.again()
            step.judge(release)
            rendered += again.changes(release, files.release_flags, target, self.tree.places)
            taken.append(release)
            if release.plan.application.adopted is not None and self._is_nowhere(release, target):
                self._unrendered.append(release.declaring_file)
        self.make(rendered)
        self._rendered |= {change.name for change in rendered if change.before != change.after}
        return taken

    def _is_nowhere(self, release: Release, target: str) -> bool:
        return target == again.LAST and again.last(release, self.tree.places) is None

    def _target(self, files: Files) -> str:
        return again.target(files.release_flags, self.tree.flags.output, files.source, self.tree.repository)

    def end(self, subject: str, body: str) -> None:
        """Make the commit, where there is to be one. Raises WorldError where git refuses."""
        if self.commit is not None:
            self._made = self.commit.make(f"{subject}\n\n{body}", self.writing.names)

    def tell(self, lines: Iterable[str], request: str, followed: str) -> None:
        """Say what was done, write the `request`, and push; `followed` is the branch of an engine, empty for none.

        Raises WorldError where a push is refused: the commit stays.
        """
        for line in filter(None, (*lines, again.told(len(self._rendered)), self._made)):
            say(line)
        if self._unrendered:
            named = ", ".join(self._unrendered[:MOST_NAMED])
            more = f" and {len(self._unrendered) - MOST_NAMED} more" * (len(self._unrendered) > MOST_NAMED)
            say(f"{named}{more}: {NOWHERE}")
        if self.tree.flags.request == "-":
            write(request)
        elif self.tree.flags.request is not None:
            places.write(self.tree.flags.request, request, over=True)
        if self.commit is not None:
            self.commit.push(followed)
            self.commit.say_of_superproject()


def _refuse_there(request: str | None) -> None:
    """Raises UsageError for the file of a pull request that is there already, or has no folder."""
    if request not in (None, "-") and (is_there(str(request)) or not places.has_folder(str(request))):
        problem = "it is there already" if is_there(str(request)) else "its folder is not there"
        raise UsageError(
            f"--pull-request {request}: {problem}", "name another file, or - for standard output"
        )
