"""What the verbs share that write a step of a release into files, and into Git: all of it, or nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from kubectl_canary.api import schema
from kubectl_canary.api.catalog import CANARY
from kubectl_canary.commands import inputs
from kubectl_canary.commands.declaring import DeclareFlags
from kubectl_canary.commands.flags import ReleaseFlags, command_line
from kubectl_canary.commands.run import lasting, releases
from kubectl_canary.commands.run.tree import Tree
from kubectl_canary.errors import Refused, UsageError
from kubectl_canary.findings import Finding
from kubectl_canary.outside import exchange, files
from kubectl_canary.outside.exchange import Change
from kubectl_canary.reading import declaring, sources
from kubectl_canary.reading.declaring import Edits
from kubectl_canary.reading.release import Release
from kubectl_canary.reading.sources import Sources
from kubectl_canary.records import dataclass, replace
from kubectl_canary.release.plan import Phase, PhaseKind
from kubectl_canary.reports import commits
from kubectl_canary.reports.plans import wait_text

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
    """The canary files of a release as they are now, in the tree that they lie in."""

    def __init__(self, release_flags: ReleaseFlags, tree: Tree) -> None:
        """Raises UsageError for what is in no file, Refused for what is no canary file, WorldError as it is read."""
        self.release_flags, self.tree, self.repository = release_flags, tree, tree.repository
        self.source = sources.layered(inputs.documents(release_flags.files))
        inputs.refuse_fleet(self.source)
        _refuse_misshapen(self.source)
        if ((self.source.value.get("spec") or {}).get("adopt") or {}).get("from") == "-":
            where = self.source.value_where(("spec", "adopt", "from"))
            raise UsageError(f"{where}: manifests of standard input are in no file", "name a folder")

    def again(self) -> Release:
        """The release as the files say it by now. Raises as `releases.load`."""
        return releases.load(self.release_flags)

    def load(self) -> tuple[Release, Phase]:
        """The release of the files, and the phase that they declare. Raises Refused where they have none."""
        release = self.again()
        if not release.plan.application.has_release:
            hint = f"`{command_line('start', 'VERSION', release=self.release_flags)}` begins one"
            raise UsageError(f"{release.file} has no release", hint)
        if self.is_tracked and self.repository is not None:
            release.declared()
            lasting.refuse_changed(self.repository, self.source)
        return release, release.declared()

    def refuse_under_way(self) -> None:
        """Raises Refused where the files say a phase, or a version to release."""
        paths = declaring.versions_in(self.source.value.get("spec") or {})
        if paths:
            onward, back = (command_line(verb, release=self.release_flags) for verb in ("advance", "abort"))
            hint = f"`{onward}` goes on, `{back}` goes back"
            where = self.source.where(paths[0])
            finding = Finding("phase", "error", paths[0], "a release is under way", where, hint)
            raise Refused("there is a release already", [finding])

    @property
    def is_tracked(self) -> bool:
        """Whether Git knows the file that declares the phase."""
        return self.repository is not None and self.repository.is_tracked(
            self.source.file_of(declaring.PHASE)
        )

    def mind_time(self, release: Release, *, lasts: int) -> None:
        """Raises Refused while the phase that is declared has not been in Git as long as it should.

        `lasts` is how long it does, in seconds, beside the drain and the interval of what brings commits in.
        """
        if self.repository is None or not self.is_tracked:
            return
        drain, interval = release.plan.application.drain, release.plan.application.gitops.interval
        parts = {"pause and gates": lasts, "drain": drain, "interval": interval}
        why = ", ".join(f"{name} {wait_text(seconds)}" for name, seconds in parts.items() if seconds)
        followed = release.plan.application.gitops.branch
        lasting.refuse_early(self.repository, self.source, sum(parts.values()), why, followed)

    def mind_newest(self, release: Release, *, pause: int) -> None:
        """Raises Refused while what the file says has not been in Git for a pause, in seconds."""
        if self.repository is not None and self.repository.is_tracked(self.source.documents[-1].file):
            gitops = release.plan.application.gitops
            lasting.refuse_recent(self.repository, self.source, pause + gitops.interval, gitops.branch)

    def write(self, step: Step) -> int:
        """Write a step: the files, what is rendered, and the commit; where one of them is refused, nothing is."""
        changed = [change.name for change in self.changes(step)]
        with self.tree.writing(changed) as steps:
            (release,) = steps.take([(self, step)])
            subject, body = self._message(step, release)
            steps.end(subject, body)
        request = commits.pull_request(subject, release.plan, release.current, body)
        lines = [f"{name}: {step.title}" for name in changed]
        steps.tell(lines, request, release.plan.application.gitops.branch)
        return 0

    def changes(self, step: Step) -> list[Change]:
        """What a step changes in the files of the user. Raises Refused where one cannot be edited."""
        return [*step.more, *changes(self.source, step.edits)]

    def _message(self, step: Step, release: Release) -> tuple[str, str]:
        """The subject and the body of the commit."""
        phase = release.current
        if phase is None or not release.plan.application.has_release:
            is_promoted = step.before is not None and step.before.kind is PhaseKind.PROMOTED
            undo = command_line("undo", "--commit", release=self.release_flags) if is_promoted else ""
            return step.subject, commits.body_of_end(undo)
        how = "--push" if self.tree.flags.pushes else "--commit"
        way_back = command_line("abort", how, release=self.release_flags) if commits.can_abort(phase) else ""
        return commits.subject(release.plan, phase, step.before), commits.body(release.plan, phase, way_back)


def changes(source: Sources, edits: Edits) -> list[Change]:
    """What edits change in the files of a source. Raises Refused where one cannot be edited."""
    before = {document.file: exchange.bytes_of(document.file) or b"" for document in source.documents}
    texts = {name: files.decoded(name, data, files.MAX_MANIFESTS) for name, data in before.items()}
    return [
        Change(name, before[name], BOM * before[name].startswith(BOM) + text.encode())
        for name, text in declaring.written(source, texts, edits).items()
    ]


def _refuse_misshapen(source: Sources) -> None:
    """Raises Refused for what the schema does not take: a step is written into a canary file alone."""
    found = [
        replace(known, where=source.value_where(known.path))
        for known in schema.findings(source.value, CANARY)
    ]
    if found:
        raise Refused(f"{found[0].where.file} is not valid", found)


@contextlib.contextmanager
def held(release_flags: ReleaseFlags, declare_flags: DeclareFlags) -> Iterator[Files]:
    """The files of a release, in a tree that is held. Raises as `Files` and `Tree`."""
    refuse_typed(release_flags)
    tree = Tree(release_flags.files[-1], declare_flags)
    with tree.held():
        yield Files(release_flags, tree)


def refuse_typed(flags: ReleaseFlags) -> None:
    """Raises UsageError for standard input, and for what is typed over the files: neither is in a file."""
    if "-" in flags.files:
        raise UsageError("-f -: what is read from standard input cannot be written", "name the file")
    typed = [f"--set {setting}" for setting in flags.settings]
    typed += [f"{flag} {value}" for flag, value in flags.short.items()]
    if typed:
        message = f"{typed[0]}: this is typed, and a step is written from what is in the files"
        raise UsageError(message, "write it into the file")
