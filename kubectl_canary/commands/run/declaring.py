"""What the verbs share that write a step of a release into files, and into Git: all of it, or nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from kubectl_canary.api import formats
from kubectl_canary.commands import inputs
from kubectl_canary.commands.declaring import DeclareFlags
from kubectl_canary.commands.flags import ReleaseFlags, command_line
from kubectl_canary.commands.render import RenderFlags
from kubectl_canary.commands.run import committing, releases
from kubectl_canary.commands.run import folder as rendering
from kubectl_canary.commands.run.committing import Commit, Place
from kubectl_canary.errors import Refused, UsageError
from kubectl_canary.findings import Finding
from kubectl_canary.outside import exchange, files, repository
from kubectl_canary.outside.exchange import Change
from kubectl_canary.outside.journal import Journal
from kubectl_canary.outside.output import say, write
from kubectl_canary.reading import declaring, in_place, sources
from kubectl_canary.reading.declaring import Edits
from kubectl_canary.reading.release import Release
from kubectl_canary.reading.sources import Sources
from kubectl_canary.release.plan import Phase, PhaseKind
from kubectl_canary.reports import commits
from kubectl_canary.reports.plans import wait_text

IN_PLACE, FOLDER = "in-place", "dir="
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Step:
    """A step to write: what changes in the canary file, what it is called, and what else changes with it.

    `subject` is that of its commit where the release is over with it. `judge` raises Refused for a release that must
    not be written.
    """

    edits: Edits
    title: str
    subject: str = ""
    before: Phase | None = None
    more: tuple[Change, ...] = ()
    judge: Callable[[Release], None] = lambda _: None


class Files:
    """The canary files of a release as they are now, and the repository that they lie in."""

    def __init__(self, release_flags: ReleaseFlags, declare_flags: DeclareFlags) -> None:
        """Raises UsageError for standard input and for files in no repository that are to be committed."""
        self.release_flags, self.declare_flags = release_flags, declare_flags
        if "-" in release_flags.files:
            raise UsageError("-f -: what is read from standard input cannot be written", "name the file")
        self.repository = repository.around(release_flags.files[-1])
        if declare_flags.is_committed and self.repository is None:
            raise UsageError(
                f"{release_flags.files[-1]} is in no git repository",
                "leave --commit out, or `git init` first",
            )
        self.source = self._source()
        self.journal = Journal(self.repository.note_of(release_flags.files[-1])) if self.repository else None

    @contextlib.contextmanager
    def held(self) -> Iterator[Files]:
        """The files for one run alone, without what a run that was killed has left there.

        Raises UsageError where another run has them.
        """
        if self.journal is None or self.repository is None:
            yield self
            return
        with self.journal.held():
            if committing.recover(self.journal, self.repository):
                self.source = self._source()
            yield self

    @property
    def name(self) -> str:
        """What the release is called."""
        return str((self.source.value.get("metadata") or {}).get("name"))

    def _source(self) -> Sources:
        source = sources.layered(inputs.documents(self.release_flags.files))
        sources.settle(source, self.release_flags.settings, self.release_flags.short)
        for path in (declaring.PHASE, declaring.CANARY):
            declaring.refuse_typed(source, path)
        return source

    def refuse_under_way(self) -> None:
        """Raises Refused where the files say a phase, or a version to release."""
        spec = self.source.value.get("spec") or {}
        canary = spec.get("canary") or {}
        paths = [declaring.PHASE] if spec.get("phase") else []
        paths += [(*declaring.CANARY, key) for key in ("tag", "image", "images") if key in canary]
        if paths:
            onward, back = (command_line(verb, release=self.release_flags) for verb in ("advance", "abort"))
            hint = f"`{onward}` goes on, `{back}` goes back"
            finding = Finding(
                "phase", "error", paths[0], "a release is under way", self.source.where(paths[0]), hint
            )
            raise Refused("there is a release already", [finding])

    def is_tracked(self) -> bool:
        """Whether Git knows the file that declares the phase."""
        return self.repository is not None and self.repository.is_tracked(
            self.source.file_of(declaring.PHASE)
        )

    def mind_time(self, release: Release, here: Phase, *, lasts: int) -> None:
        """Raises Refused while the phase that is declared has not been in Git as long as it should.

        `lasts` is how long it does, in seconds, beside the drain and the interval of what brings commits in.
        """
        if self.repository is None or not self.is_tracked():
            return
        interval = formats.seconds(str((release.spec.get("gitops") or {}).get("interval", "0s")))
        parts = {"pause and gates": lasts, "drain": release.plan.application.drain, "interval": interval}
        why = ", ".join(f"{name} {wait_text(seconds)}" for name, seconds in parts.items() if seconds)
        committing.refuse_early(self.repository, self.source, sum(parts.values()), why)

    def write(self, step: Step) -> int:
        """Write a step: the files, what is rendered, and the commit; where one of them is refused, nothing is."""
        changes = [*step.more, *self._changes(step.edits)]
        target = self._target()
        place = self._place(target)
        commit = self._commit(
            [*(change.name for change in changes), *([place.folder] if place.folder else [])]
        )
        if commit is not None:
            commit.refuse()
        with self._undone_where_it_fails(changes, place):
            exchange.write(changes)
            release = releases.load(self.release_flags)
            step.judge(release)
            self._render(target)
            subject, body = self._message(step, release)
            made = commit.make(f"{subject}\n\n{body}") if commit is not None else ""
        for change in changes:
            say(f"{change.name}: {step.title}")
        if commit is not None:
            say(made)
            commit.push()
        if self.declare_flags.request is not None:
            self._request(commits.pull_request(subject, release.plan, release.current, body))
        return 0

    # --- the files --------------------------------------------------------------------

    def _changes(self, edits: Edits) -> list[Change]:
        before = {
            document.file: exchange.bytes_of(document.file) or b"" for document in self.source.documents
        }
        texts = {name: files.decoded(name, data, files.MAX_BYTES) for name, data in before.items()}
        written = declaring.written(self.source, texts, edits)
        return [
            Change(name, before[name], BOM * before[name].startswith(BOM) + text.encode())
            for name, text in written.items()
        ]

    @contextlib.contextmanager
    def _undone_where_it_fails(self, changes: Sequence[Change], place: Place) -> Iterator[None]:
        """Put back what is written in the block, where it is left without a commit by an error or by Ctrl-C."""
        before = committing.Before.of([change.name for change in changes], place)
        head = self.repository.head if self.repository else ""
        if self.journal is not None and self.repository is not None and self.declare_flags.is_committed:
            committing.note(self.journal, self.repository, changes, place, self.declare_flags.branch or "")
        try:
            yield
        except BaseException:
            if self.repository is None or self.repository.head == head:
                before.put_back()
            raise
        finally:
            if self.journal is not None:
                self.journal.end()

    # --- what is rendered -------------------------------------------------------------

    def _target(self) -> str:
        """Where the phase is rendered: `dir=OUT`, `in-place`, or nothing.

        Raises UsageError where it was rendered into several folders.
        """
        given = self.declare_flags.output
        if given is not None:
            if given != IN_PLACE and (not given.startswith(FOLDER) or given == FOLDER):
                raise UsageError(f"-o {given}: rendered into which folder?", "say -o dir=OUT, or -o in-place")
            return given
        adopted = inputs.adopted_folders(self.source).get("spec.adopt.from")
        if adopted is not None and inputs.left_in_place(self.source) is not None:
            return IN_PLACE
        return self._rendered_last()

    def _rendered_last(self) -> str:
        title = self._title()
        found = rendering.places(self.repository, title) if self.repository is not None else []
        if len(found) > 1:
            listed = " and ".join(map(str, found))
            raise UsageError(f"{title} is rendered into {listed}", f"say which: -o dir={found[0]}")
        return f"{FOLDER}{found[0]}" if found else ""

    def _title(self) -> str:
        namespace = self.release_flags.namespace or (self.source.value.get("metadata") or {}).get("namespace")
        return f"{self.name} in {namespace}" if namespace else self.name

    def _place(self, target: str) -> Place:
        """The place that rendering writes into."""
        if target == IN_PLACE:
            adopted = inputs.adopted_folders(self.source).get("spec.adopt.from", "")
            return Place(adopted, in_place.file_name(self.name))
        return Place(target.removeprefix(FOLDER))

    def _render(self, target: str) -> None:
        from kubectl_canary.commands.run import render

        if target:
            is_folder = target != IN_PLACE
            flags = RenderFlags(None, None, is_folder, (), False, False, target, True, False)
            render.run(self.release_flags, flags)

    # --- Git --------------------------------------------------------------------------

    def _commit(self, paths: Sequence[str]) -> Commit | None:
        if self.repository is None or not self.declare_flags.is_committed:
            return None
        return Commit(self.repository, paths, self.declare_flags)

    def _message(self, step: Step, release: Release) -> tuple[str, str]:
        """The subject and the body of the commit."""
        phase = release.current
        if phase is None or not release.plan.application.has_release:
            is_promoted = step.before is not None and step.before.kind is PhaseKind.PROMOTED
            undo = command_line("undo", "--commit", release=self.release_flags) if is_promoted else ""
            return step.subject, commits.body_of_end(undo)
        goes_back = phase.kind is not PhaseKind.PROMOTED and not phase.is_way_back
        way_back = command_line("abort", "--commit", release=self.release_flags) if goes_back else ""
        return commits.subject(release.plan, phase, step.before), commits.body(release.plan, phase, way_back)

    def _request(self, text: str) -> None:
        if self.declare_flags.request == "-":
            write(text)
        else:
            files.write(str(self.declare_flags.request), text, over=True)


def load(given: Files) -> tuple[Release, Phase]:
    """The release of the files, and the phase that they declare. Raises Refused where they have none."""
    release = releases.load(given.release_flags)
    if not release.plan.application.has_release:
        hint = f"`{command_line('start', 'VERSION', release=given.release_flags)}` begins one"
        raise UsageError(f"{release.file} has no release", hint)
    return release, release.declared()
