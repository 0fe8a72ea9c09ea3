"""What `kubectl canary check --git` does: a change of a release is judged before it is merged."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import replace

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
from kubectl_canary.release.plan import Phase
from kubectl_canary.rendering import record
from kubectl_canary.reports import listings

HELD = ("stable", "shared", "coming")  # rules of what must not change while a release is under way


def run(release_flags: ReleaseFlags, flags: CheckFlags, ref: str) -> int:
    """Say what is wrong with the change; 1 where anything is. Raises UsageError for gates, and outside a repository."""
    if flags.gates or flags.phase or flags.synced:
        raise UsageError(
            "--git judges a change, and measures no gate", "leave gates, --phase and --synced out"
        )
    there = repository.around(release_flags.files[-1])
    if there is None or "-" in release_flags.files:
        raise UsageError(f"{release_flags.files[-1]} is in no git repository", "--git compares with a commit")
    base = there.base(ref)
    try:
        release = releases.load(release_flags, needs_gates=False)
        release.declared()
    except Refused as refused:
        findings = list(refused.findings)
    else:
        findings = [*_of_step(release, release_flags, there, base, skip=flags.skip)]
        findings += _of_rendered(release, release_flags, there)
    write(listings.FORMATS[flags.output](Report([], findings)))
    return int(any(finding.severity == "error" for finding in findings))


# --- the step -------------------------------------------------------------------------


def _of_step(
    release: Release, release_flags: ReleaseFlags, there: Repository, base: str, *, skip: bool
) -> Iterator[Finding]:
    """What is wrong about the step from what the base declares; nothing where the release is new there."""
    known = [there.at(base, there.from_top(name)) for name in release_flags.files]
    if None in known:
        return
    with there.beside(base) as tree:
        names = tuple(posixpath.join(tree, there.from_top(name)) for name in release_flags.files)
        try:
            before = releases.load(replace(release_flags, files=names), needs_gates=False)
            start = before.declared()
        except CanaryError as error:
            message = (
                f"what {base[:9]} has is not valid, so the step from there is not judged: {error.message}"
            )
            yield Finding("base", "warning", ("spec",), message, release.phase_where)
            return
    yield from _judged(release, before, start, skip=skip)


def _judged(release: Release, before: Release, start: Phase, *, skip: bool) -> Iterator[Finding]:
    recorded = record.of_plan(before.plan, start)
    for finding in record.findings(recorded, release.plan, release.declared(), skip=skip):
        is_held = finding.rule in HELD and before.plan.application.has_release
        yield replace(release.placed(finding), severity="error" if is_held else finding.severity)


# --- what is rendered -----------------------------------------------------------------


def _of_rendered(release: Release, release_flags: ReleaseFlags, there: Repository) -> Iterator[Finding]:
    """What is rendered and is not what the file renders."""
    yield from _of_folders(release, release_flags, there)
    if release.plan.application.adopted is not None and inputs.left_in_place(release.sources) is not None:
        for change in in_place.outstanding(release_flags):
            yield _outdated(change.name, command_line("render", "-o", "in-place", release=release_flags))


def _of_folders(release: Release, release_flags: ReleaseFlags, there: Repository) -> Iterator[Finding]:
    generator = releases.generator_of(release, release_flags)
    for place in again.Places(there).of(release):
        notes = rendering.notes_of(release, release.declared(), place)
        for name in folder.outdated(place, again.files_of(release, generator, place), notes):
            yield _outdated(name, again.cure(release_flags, place))


def _outdated(name: str, cure: str) -> Finding:
    return Finding(
        "rendered", "error", (), "this is not what the canary file renders", Where(name, 1, 1), f"`{cure}`"
    )
