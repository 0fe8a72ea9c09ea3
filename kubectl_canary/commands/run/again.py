"""Where a release was rendered last, and what it takes to render it there again."""

from __future__ import annotations

import shlex
from collections import defaultdict
from pathlib import PurePath

from kubectl_canary.commands import inputs
from kubectl_canary.commands.flags import ReleaseFlags, command_line
from kubectl_canary.commands.render import RenderFlags
from kubectl_canary.commands.run import folder, in_place
from kubectl_canary.commands.run.releases import generator_of
from kubectl_canary.errors import UsageError
from kubectl_canary.outside import folder as outside
from kubectl_canary.outside.exchange import Change
from kubectl_canary.outside.files import LIST, is_there, without_links
from kubectl_canary.outside.repository import Repository
from kubectl_canary.reading.adopted.file import own_file
from kubectl_canary.reading.release import Release
from kubectl_canary.reading.sources import Sources
from kubectl_canary.rendering.generator import Generator

IN_PLACE, FOLDER, LAST = "in-place", "dir=", ""
EVERY_PHASE, COMPONENT, EVERY_COMPONENT = "dir= --all", "kustomize=", "kustomize= --all"


def target(release_flags: ReleaseFlags, given: str | None, source: Sources, there: Repository | None) -> str:
    """Where a phase is to be rendered: `in-place`, `dir=OUT`, or wherever it was last in a folder.

    Files of the user's own that once were a phase are one again. Raises UsageError for what is no such place.
    """
    if given is not None:
        if given != IN_PLACE and (not given.startswith(FOLDER) or given == FOLDER):
            raise UsageError(f"-o {given}: rendered into which folder?", "say -o dir=OUT, or -o in-place")
        return given
    adopted = inputs.adopted_folders(source).get("spec.adopt.from")
    if adopted is None:
        return LAST
    own = str(PurePath(adopted, own_file(str(source.value["metadata"]["name"]))))
    is_one = inputs.left_in_place(source) is not None
    return IN_PLACE if is_one or (there is not None and there.has_had(own)) else LAST


def changes(release: Release, release_flags: ReleaseFlags, where: str, places: Places) -> list[Change]:
    """What changes where the phase is rendered. Raises Refused where the step from what is there is not safe."""
    flags = RenderFlags(None, None, False, (), False, False, where, True, False)
    if where == IN_PLACE:
        has_release = (
            release.plan.application.has_release or inputs.left_in_place(release.sources) is not None
        )
        return in_place.changes(release_flags, flags) if has_release else []
    out = PurePath(where.removeprefix(FOLDER)) if where else last(release, places)
    if out is None:
        return []
    generator = generator_of(release, release_flags)
    return folder.changes(release, generator, out, files_of(release, generator, out), flags)


def files_of(release: Release, generator: Generator, out: PurePath) -> dict[str, str]:
    """The texts of a folder, in the form that it has: a component of kustomize, or all phases."""
    form = form_of(out)
    if form.startswith(COMPONENT):
        from kubectl_canary.commands.run import component

        return component.files_of(release, generator, release.declared(), all_phases=form == EVERY_COMPONENT)
    return folder.files_of(release, generator)


def form_of(out: PurePath) -> str:
    """How `render` is told to write a folder as it is: what stands before its name behind `-o`, and `--all`."""
    names = outside.names(out)
    if "kustomization.yaml" in names:
        return COMPONENT
    return EVERY_COMPONENT if "current/kustomization.yaml" in names else EVERY_PHASE


def cure(release_flags: ReleaseFlags, out: PurePath) -> str:
    """The command that renders a folder anew."""
    kind, _, every = form_of(out).partition(" ")
    return command_line("render", *filter(None, [every]), "-o", f"{kind}{out}", release=release_flags)


class Places:
    """The folders of a repository that have phases: by the file that they are rendered from, and by whose they are."""

    def __init__(self, there: Repository | None) -> None:
        self._of_file: dict[str, list[PurePath]] = defaultdict(list)
        self._of_title: dict[str, list[PurePath]] = defaultdict(list)
        self._absent: dict[str, PurePath] = {}
        for name in there.named(LIST) if there is not None else ():
            place = PurePath(name).parent
            file = outside.source(place)
            if file is None and there is not None and not is_there(name):
                noted = outside.noted_in(there.staged(name))
                self._absent[without_links(str(place / noted.get(outside.FILE, "")))] = place
            elif file is None:
                self._of_title[outside.owner(place)].append(place)
            else:
                self._of_file[file].append(place)

    def of(self, release: Release) -> list[PurePath]:
        """Those that are rendered from the file of a release.

        Raises UsageError for one that the file has rendered in another namespace, or that is not checked out.
        """
        title = release.plan.application.title
        absent = self._absent.get(without_links(release.declaring_file))
        if absent is not None:
            cure = f"`git sparse-checkout add {shlex.quote(str(absent))}`, or `git restore` it"
            raise UsageError(f"{absent} is not checked out, and the release is rendered there", cure)
        found = self._of_file[without_links(release.declaring_file)]
        for place in found:
            if outside.owner(place) != title:
                message = f"{place} is {outside.owner(place)}, rendered from this file, and this is {title}"
                raise UsageError(message, "give the namespace with which it was rendered, or render it anew")
        return [*found, *self._of_title[title]]


def last(release: Release, places: Places) -> PurePath | None:
    """The folder that the release was rendered into last; None where there is none.

    Raises UsageError for several, and as `Places.of`.
    """
    found = places.of(release)
    if len(found) > 1:
        listed = " and ".join(map(str, found))
        title = release.plan.application.title
        raise UsageError(f"{title} is rendered into {listed}", f"say which: -o dir={found[0]}")
    return found[0] if found else None


def told(count: int) -> str:
    """How many rendered files have changed, in words; nothing for none."""
    return f"rendered: {count} {'file' if count == 1 else 'files'} changed" if count else ""
