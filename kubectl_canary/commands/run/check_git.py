"""What `kubectl canary check --git` does: a change of a release is judged before it is merged."""

from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from kubectl_canary.commands import inputs
from kubectl_canary.commands.check import CheckFlags
from kubectl_canary.commands.flags import ReleaseFlags, command_line
from kubectl_canary.commands.run import again, in_place, releases
from kubectl_canary.commands.run import folder as rendering
from kubectl_canary.errors import CanaryError, Refused, UsageError
from kubectl_canary.findings import Finding, Where
from kubectl_canary.judging.validation import Report
from kubectl_canary.outside import folder, repository
from kubectl_canary.outside.output import write
from kubectl_canary.outside.repository import Repository
from kubectl_canary.reading.release import Release
from kubectl_canary.records import replace
from kubectl_canary.release.plan import Phase
from kubectl_canary.rendering import record
from kubectl_canary.reports import listings

OTHERWISE = "this is not what the canary file renders"
MOST_NAMED = 10  # files of a folder: all of one have one cure
HELD = ("stable", "shared", "coming")  # rules of what must not change while a release is under way


def run(release_flags: ReleaseFlags, flags: CheckFlags, ref: str) -> int:
    """Say what is wrong with the change; 1 where anything is. Raises UsageError for gates, and outside a repository."""
    with changed(release_flags, flags, ref) as change:
        findings = [*change.findings(release_flags)]
    return told(findings, flags)


def told(findings: Sequence[Finding], flags: CheckFlags) -> int:
    """Print findings; 1 where one is an error."""
    write(listings.FORMATS[flags.output](Report([], list(findings))))
    return int(any(finding.severity == "error" for finding in findings))


@contextlib.contextmanager
def changed(release_flags: ReleaseFlags, flags: CheckFlags, ref: str) -> Iterator[Changed]:
    """What has changed since a commit. Raises UsageError for flags of other checks, and outside a repository."""
    if flags.gates or flags.phase or flags.synced:
        raise UsageError(
            "--git judges a change, and measures no gate", "leave gates, --phase and --synced out"
        )
    there = repository.around(release_flags.files[-1])
    if there is None or "-" in release_flags.files:
        raise UsageError(f"{release_flags.files[-1]} is in no git repository", "--git compares with a commit")
    with contextlib.ExitStack() as stack:
        yield Changed(there, there.base(ref), flags, stack)


class Changed:
    """What has changed in a repository since `base`."""

    def __init__(self, there: Repository, base: str, flags: CheckFlags, stack: contextlib.ExitStack) -> None:
        self.there, self.base, self.skip, self._stack = there, base, flags.skip, stack

    @cached_property
    def tree(self) -> str:
        """The base in a working tree of its own."""
        return self._stack.enter_context(self.there.beside(self.base))

    @cached_property
    def places(self) -> again.Places:
        """The folders that releases are rendered into."""
        return again.Places(self.there)

    def before(self, name: str) -> str:
        """A file as the base has it."""
        return posixpath.join(self.tree, self.there.from_top(name))

    def findings(self, release_flags: ReleaseFlags) -> Iterator[Finding]:
        """What is wrong with a release."""
        try:
            release = releases.load(release_flags, needs_gates=False)
            release.declared()
        except Refused as refused:
            yield from refused.findings
        else:
            yield from self._of_step(release, release_flags)
            yield from _of_rendered(release, release_flags, self.places)

    def has(self, names: Iterable[str]) -> bool:
        """Whether the base has all of some files."""
        return all(self.there.at(self.base, self.there.from_top(name)) is not None for name in names)

    def _of_step(self, release: Release, release_flags: ReleaseFlags) -> Iterator[Finding]:
        """What is wrong about the step from what the base declares; nothing where the release is new there."""
        if not self.has(release_flags.files):
            return
        names = tuple(map(self.before, release_flags.files))
        try:
            before = releases.load(replace(release_flags, files=names), needs_gates=False)
            start = before.declared()
        except CanaryError as error:
            message = f"what {self.base[:9]} has is not valid, so the step from there is not judged: {error.message}"
            yield Finding("base", "warning", ("spec",), message, release.phase_where)
            return
        yield from _judged(release, before, start, skip=self.skip)


# --- the step -------------------------------------------------------------------------


def _judged(release: Release, before: Release, start: Phase, *, skip: bool) -> Iterator[Finding]:
    recorded = record.of_plan(before.plan, start)
    for finding in record.findings(recorded, release.plan, release.declared(), skip=skip):
        is_held = finding.rule in HELD and before.plan.application.has_release
        yield replace(release.placed(finding), severity="error" if is_held else finding.severity)


# --- what is rendered -----------------------------------------------------------------


def _of_rendered(release: Release, release_flags: ReleaseFlags, places: again.Places) -> Iterator[Finding]:
    """What is rendered and is not what the file renders."""
    yield from _of_folders(release, release_flags, places)
    if release.plan.application.adopted is not None and inputs.left_in_place(release.sources) is not None:
        yield from in_place.strays(release_flags)
        for change in in_place.outstanding(release_flags):
            yield _outdated(change.name, command_line("render", "-o", "in-place", release=release_flags))


def _of_folders(release: Release, release_flags: ReleaseFlags, places: again.Places) -> Iterator[Finding]:
    generator = releases.generator_of(release, release_flags)
    for place in places.of(release):
        notes = rendering.notes_of(release, release.declared(), place)
        names = folder.outdated(place, again.files_of(release, generator, place), notes)
        cure = again.cure(release_flags, place)
        yield from (_outdated(name, cure) for name in names[:MOST_NAMED])
        if left := names[MOST_NAMED:]:
            yield _outdated(left[0], cure, f"{OTHERWISE}, and {len(left) - 1} files more of {place}")


def _outdated(name: str, cure: str, message: str = OTHERWISE) -> Finding:
    return Finding("rendered", "error", (), message, Where(name, 1, 1), f"`{cure}`")
