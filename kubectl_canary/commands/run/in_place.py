"""What `kubectl canary render -o in-place` does: the user's own files, edited so that they are a phase."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping

from kubectl_canary.commands import inputs
from kubectl_canary.commands.flags import ReleaseFlags
from kubectl_canary.commands.render import RenderFlags
from kubectl_canary.commands.run import in_place_step as step
from kubectl_canary.commands.run.releases import finish, generator_of
from kubectl_canary.commands.run.standing import Reader
from kubectl_canary.errors import UsageError
from kubectl_canary.findings import Finding
from kubectl_canary.outside import exchange
from kubectl_canary.outside.exchange import Change
from kubectl_canary.outside.output import say
from kubectl_canary.reading import in_place as notes
from kubectl_canary.reading import promotion
from kubectl_canary.reading.adopted.file import Sets, own_file
from kubectl_canary.reading.in_place import Standing
from kubectl_canary.reading.release import Release
from kubectl_canary.reading.sources import Sources
from kubectl_canary.release.plan import Phase, PhaseKind
from kubectl_canary.rendering import in_place
from kubectl_canary.rendering.objects import planned

OTHERWISE = "write all phases into a folder: -o dir=OUT"
BOM = b"\xef\xbb\xbf"


def write(release_flags: ReleaseFlags, flags: RenderFlags) -> int:
    """Make the user's files those of a phase.

    Raises Refused where they were changed since the last one, or the step from there is not safe.
    """
    place = _Place()
    release, phase, changed = _judged(release_flags, flags, place)
    exchange.write(changed)
    count = len({change.name for change in changed})
    say(f"{place.there.folder} is `{phase.name}` ({count} files changed)")
    return _ended(release, place.there, phase)


def changes(release_flags: ReleaseFlags, flags: RenderFlags) -> list[Change]:
    """What `write` would write. Raises as it does."""
    return _judged(release_flags, flags, _Place())[2]


def _judged(
    release_flags: ReleaseFlags, flags: RenderFlags, place: _Place
) -> tuple[Release, Phase, list[Change]]:
    """The release, the phase to write, and what that changes. Raises as `write`."""
    if flags.all_phases or flags.only or flags.only_removed or flags.everything:
        raise UsageError(
            "-o in-place writes one phase and all of it", "leave --all, --only, --removed, --everything out"
        )
    release = _read(release_flags, place)
    phase = step.goal(release, place.there, flags)
    generator_of(release, release_flags).render(planned(release.plan.application, phase))
    step.judge(release, place.there, phase, skip=flags.skip)
    for finding in in_place.strays(place.there, release.plan.application):
        say(f"warning: {finding}")
    return release, phase, _changes(release, place, phase)


def promoted(release_flags: ReleaseFlags) -> list[Change]:
    """What makes the user's files those of a release that is promoted: they say the new version themselves then.

    Raises as `write`.
    """
    place = _Place()
    release = _read(release_flags, place)
    return _changes(release, place, release.plan.phases[-1])


def outstanding(release_flags: ReleaseFlags) -> list[Change]:
    """What the user's files lack to be the phase that the canary file declares. Raises as `write`.

    What the canary's file says of the documents as they were is not among it: others may edit them meanwhile.
    """
    place = _Place()
    release = _read(release_flags, place)
    found = {change.name: change for change in _changes(release, place, release.declared())}
    return [change for change in found.values() if not _is_note(change)]


def strays(release_flags: ReleaseFlags) -> list[Finding]:
    """Where routes of the user's send to the canary beside those of the release. Raises as `write`."""
    place = _Place()
    release = _read(release_flags, place)
    return list(in_place.strays(place.there, release.plan.application))


def _is_note(change: Change) -> bool:
    """Whether a change is one of the canary's file in which the phase and the objects stay, but for line ends."""
    texts = [(data or b"").decode("utf-8", "replace") for data in (change.before, change.after)]
    if not all(map(notes.is_ours, texts)):
        return False
    before, after = (notes.read(text.replace("\r\n", "\n")) for text in texts)
    return (before.phase, before.objects) == (after.phase, after.objects)


def _read(given: ReleaseFlags, place: _Place) -> Release:
    """The release over the files as they were before. Raises UsageError where it adopts none."""
    release = inputs.load(given.files, given.settings, given.short, given.namespace, read_sets=place.sets)
    if release.plan.application.adopted is None:
        raise UsageError("-o in-place edits manifests that spec.adopt names, and it names none", OTHERWISE)
    return release


class _Place:
    """Where the release is written: read with the manifests, once the file says where they are."""

    def __init__(self) -> None:
        self.reader = Reader()
        self.there = Standing("", {})

    def sets(self, source: Sources) -> Sets:
        """The user's manifests as they were before. Raises UsageError where they cannot be edited."""
        if "stable" in source.value["spec"]["adopt"]:
            where = source.where(("spec", "adopt", "stable"))
            message = f"{where}: in place there is one set of manifests, and spec.adopt.stable names another"
            raise UsageError(message, f"leave it out, or {OTHERWISE}")
        self.there = inputs.at_its_place(source, self.reader)
        objects = self.there.objects()
        return Sets(stable=objects, new=objects)


def _changes(release: Release, place: _Place, phase: Phase) -> list[Change]:
    """What is written, in an order in which nothing that was is lost wherever it stops."""
    plan, there = release.plan, place.there
    changed = in_place.texts(there, plan.application, phase)
    left = in_place.left(there, plan, phase, changed)
    notes.refuse_shared(there, left.kept if left else ())
    own = posixpath.join(there.folder, own_file(plan.application.name))
    first = notes.written(in_place.between(there.left, left)) if left else None
    changes = [*_of_files(place, changed)]
    if left is not None and first is not None:
        changes.insert(0, _own_change(place, own, first))
        if first != notes.written(left):
            changes.append(_own_change(place, own, notes.written(left)))
    elif place.reader.bytes[own] is not None:
        changes.append(Change(own, place.reader.bytes[own], None))
    return [change for change in changes if change.before != change.after]


def _own_change(place: _Place, own: str, text: str) -> Change:
    return Change(own, place.reader.bytes[own], text.encode())


def _of_files(place: _Place, changed: Mapping[str, str]) -> Iterator[Change]:
    for name, text in changed.items():
        file = posixpath.join(place.there.folder, name)
        before = place.reader.bytes[file] or b""
        yield Change(file, before, BOM * before.startswith(BOM) + text.encode())


def _ended(release: Release, there: Standing, phase: Phase) -> int:
    if phase.kind is PhaseKind.PROMOTED:
        say(promotion.advice_in_place(release.sources.value["spec"], there.folder, release.file))
    return finish("", release)
