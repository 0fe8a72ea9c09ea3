"""What `render -o in-place` leaves in a folder of the user's: a file with the canary's objects.

Its comments have what the documents were that were changed, so that every phase is made from what the user wrote.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kubectl_canary.api.equality import digest
from kubectl_canary.errors import Refused, UsageError
from kubectl_canary.findings import Finding, Where
from kubectl_canary.reading import adoption, hunks, manifests, splice, yamltext
from kubectl_canary.reading.hunks import LINES, Hunk
from kubectl_canary.reading.manifests import Manifest
from kubectl_canary.release.application import OWN_PREFIX

HEAD = "# kubectl-canary in place: "
TITLE = """\
# Written by `kubectl canary render -o in-place`, which takes it out again: change nothing here.
# It has the canary's objects, and what the documents were that the release has changed.
"""
SINCE = "was changed since"
PART, LINE, QUOTED = "# original: ", "#| ", "#= "
# what a kustomization may say without that the canary's objects become something else
HARMLESS = {
    "apiVersion",
    "kind",
    "metadata",
    "resources",
    "namespace",
    "configMapGenerator",
    "secretGenerator",
    "generatorOptions",
    "sortOptions",
}


@dataclass(frozen=True)
class Kept:
    """A document of a file, by the number of its `---`: what it was, and what was made of it.

    That is a digest, and the lines that were changed; None where they are not on record.
    """

    file: str
    number: int
    text: str
    made: str
    changed: tuple[Hunk, ...] | None = None


@dataclass(frozen=True)
class Left:
    """What a phase has left: its name, the documents that it has changed, and the canary's objects as text.

    `record` has the release's record, as lines by their names; nothing where none was written.
    """

    phase: str
    kept: tuple[Kept, ...]
    objects: str
    record: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Standing:
    """The texts of a folder by their names in it, what a release has left there, and the texts as they were before.

    `own` is the name of the canary's file.
    """

    folder: str
    texts: Mapping[str, str]
    kustomization: str = ""
    own: str = ""
    left: Left | None = None
    base: Mapping[str, str] = field(default_factory=dict)

    def shown(self, name: str) -> str:
        """The name of a file for people."""
        return f"{self.folder.rstrip('/')}/{name}" if self.folder not in ("", ".") else name

    def objects_of(self, name: str) -> list[Manifest]:
        """The objects in a file as it was before; none in a kustomization, and canary files are none."""
        if name == self.kustomization:
            return []
        text = self.base[name]
        found = manifests.with_texts(manifests.read(self.shown(name), text, beside=True), text)
        return [manifest for manifest in found if not manifests.is_ours(manifest.value)]

    def objects(self) -> list[Manifest]:
        """The user's objects, as they were before, in the namespace that a kustomization puts them in."""
        found = [manifests.unshared(known) for name in self.base for known in self.objects_of(name)]
        return adoption.placed(found, self.namespace())

    def namespace(self) -> str | None:
        """The namespace that a kustomization puts objects in."""
        if not self.kustomization:
            return None
        value = yamltext.read(self.base[self.kustomization], self.kustomization)[0].value
        return value.get("namespace") or None


def file_name(release: str) -> str:
    """The file that the canary's objects are written into."""
    return f"{release}-canary.yaml"


def standing(there: Standing, own: str | None) -> Standing:
    """What stands in a folder; `own` is the text of the canary's file, None where there is none.

    What others have edited meanwhile beside the lines of the release stays. Raises Refused where what is left cannot be
    taken off.
    """
    there = replace(there, left=read(own) if own is not None else None)
    findings: list[Finding] = []
    base = dict(_before(there, findings))
    refuse(findings)
    return replace(there, base=base)


def _before(there: Standing, findings: list[Finding]) -> Iterator[tuple[str, str]]:
    """The texts as they were before; `findings` gets what is in the way."""
    kept: dict[str, dict[int, list[Kept]]] = {}
    for known in there.left.kept if there.left else ():
        kept.setdefault(known.file, {}).setdefault(known.number, []).append(known)
    findings += [_changed(there, file, 0, "is gone since") for file in kept if file not in there.texts]
    for file, text in there.texts.items():
        split = parts(text)
        for number, made in kept.get(file, {}).items():
            places = [_Place(file, _start(split, at), now, at) for at, now in enumerate(split)]
            # others may have written documents before it
            found = _original(there, sorted(places, key=lambda place: place.number != number), made)
            if isinstance(found, _Place):
                split[found.number] = found.text
            elif number < len(split):
                findings += found
            else:
                findings.append(_changed(there, file, text.count("\n"), "has fewer documents than when"))
        yield file, "".join(split)


@dataclass(frozen=True)
class _Place:
    """A document as it stands in its file, from its first line on, counted from 0."""

    file: str
    line: int
    text: str
    number: int


def _start(split: Sequence[str], number: int) -> int:
    return "".join(split[:number]).count("\n")


def _original(there: Standing, places: Sequence[_Place], made: Sequence[Kept]) -> _Place | list[Finding]:
    """The document as it was, with what others have edited since; what is in the way of that in the first place."""
    for place in places:
        for known in made:
            if _is_known(place.text, known):
                return replace(place, text=known.text)
    found = (_edited(there, place, made) for place in places)
    wrong = next(found)
    return (
        wrong if isinstance(wrong, _Place) else next((was for was in found if isinstance(was, _Place)), wrong)
    )


def _edited(there: Standing, place: _Place, made: Sequence[Kept]) -> _Place | list[Finding]:
    if place.file == there.kustomization:
        return replace(place, text=_without_resource(place.text, there.shown(place.file), there.own))
    # while files are written, the phase before comes last
    tried = [_taken_off(there, place, known) for known in reversed(made)]
    return next((was for was in tried if isinstance(was, _Place)), tried[0])


def _taken_off(there: Standing, place: _Place, known: Kept) -> _Place | list[Finding]:
    if known.changed is None:
        return [_changed(there, place.file, place.line, SINCE)]
    text = hunks.taken_out(place.text, known.text, known.changed)
    if isinstance(text, list):
        return [_changed(there, place.file, place.line + clash.line, SINCE, clash.was) for clash in text]
    names = [name for name in _names(there.left) if name not in known.text and name in text]
    wrong = [_changed(there, place.file, place.line, f"names `{name}` otherwise than when") for name in names]
    return wrong or replace(place, text=text)


def _names(left: Left | None) -> list[str]:
    """The names of the canary's objects."""
    documents = yamltext.read(left.objects, "objects") if left else []
    return [str(document.value["metadata"]["name"]) for document in documents]


def _is_known(now: str, known: Kept) -> bool:
    return now == known.text or _digest(now) == known.made


def _changed(there: Standing, file: str, line: int, what: str, was: Sequence[str] = ()) -> Finding:
    message = f"{what} a release was written into it"
    hint = f"it was written as {', '.join(f'`{text.strip()}`' for text in was)}" if was else ""
    return Finding("in-place", "error", (), message, Where(there.shown(file), line + 1, 1), hint)


def refuse(findings: Sequence[Finding]) -> None:
    """Raise Refused with what the user has changed; nothing where there is none."""
    if findings:
        hint = (
            "Nothing is written. Put the lines of the release back as they were written, and run this again; "
            "edits beside them stay."
        )
        raise Refused("what the release has written was changed", list(findings), hint)


def parts(text: str) -> list[str]:
    """The documents of a text as they stand in it, each from its `---` on; together they are the text."""
    starts = sorted({0, *(match.start() for match in manifests.SEPARATOR.finditer(text))})
    return [text[start:end] for start, end in itertools.pairwise([*starts, len(text)])]


def kept(base: Mapping[str, str], texts: Mapping[str, str]) -> list[Kept]:
    """The documents in which two sets of texts differ. Raises Refused where they have other documents."""
    found = []
    for file, text in base.items():
        old, new = parts(text), parts(texts[file])
        if len(old) != len(new):
            raise Refused(f"{file} cannot be edited in place", [_differs(file)])
        pairs = enumerate(zip(old, new, strict=True))
        found += [
            Kept(file, number, was, _digest(now), hunks.between(was, now))
            for number, (was, now) in pairs
            if was != now
        ]
    return found


def refuse_shared(there: Standing, changed: Sequence[Kept]) -> None:
    """Raise Refused where another release, which is written in place too, has changed one of these documents.

    Each would take the other's lines for the user's: the first one could not be taken off before the second.
    """
    others = [read(text) for text in there.texts.values() if is_ours(text)]
    theirs = {(known.file, known.number): other.phase for other in others for known in other.kept}
    findings = [
        _shared(there, known, theirs[known.file, known.number])
        for known in changed
        if (known.file, known.number) in theirs
    ]
    if findings:
        hint = "End the other one first, by its `promoted` or `rolled-back`, or write folders, which can be chained."
        raise Refused("another release is written into the same documents", findings, hint)


def _shared(there: Standing, known: Kept, phase: str) -> Finding:
    line = _start(parts(there.texts[known.file]), known.number) + 1
    message = f"is in `{phase}` of another release"
    return Finding("in-place", "error", (), message, Where(there.shown(known.file), line, 1))


def _differs(file: str) -> Finding:
    return Finding("in-place", "error", (), "its documents would be others", Where(file))


def _digest(text: str) -> str:
    return digest(text.replace("\r\n", "\n"))


def refuse_lost(there: Standing, release: str) -> None:
    """Raise Refused where a release is in the files, and what it has left to say what they were is not."""
    key = f"{OWN_PREFIX}phase.{release}"
    routes = [known for known in there.objects() if known.text("metadata", "annotations", key)]
    if routes and there.left is None:
        message = f"is in a phase of `{release}`, and {there.shown(file_name(release))} is gone, which says what it was"
        where = [route.where(("metadata", "annotations")) for route in routes]
        findings = [Finding("in-place", "error", (), message, place) for place in where]
        hint = "Bring that file back, for example from Git, or the route as it was before the release."
        raise Refused("what the release has written cannot be taken off", findings, hint)


# --- the canary's file ------------------------------------------------------------


def written(left: Left) -> str:
    """The text of the canary's file: what was, as comments, and the objects."""
    about = {"phase": left.phase, "objects": _digest(left.objects), "record": left.record}
    lines = [f"{HEAD}{json.dumps(about)}\n", TITLE]
    for known in left.kept:
        named = {"file": known.file, "document": known.number, "made": known.made}
        if known.changed is not None:
            named["changed"] = [[hunk.start, hunk.end, hunk.lines] for hunk in known.changed]
        lines += [f"{PART}{json.dumps(named)}\n", *map(_comment, LINES.findall(known.text))]
    return "".join(lines) + left.objects


def _comment(line: str) -> str:
    """A line as a comment; one that YAML would not read as one line comes as JSON."""
    body, end = line.rstrip("\r\n"), "\r\n" if line.endswith("\r\n") else "\n"
    is_plain = line == f"{body}{end}" and body.replace("\t", "").isprintable()
    return f"{LINE}{line}" if is_plain else f"{QUOTED}{json.dumps(line)}\n"


def read(text: str) -> Left:
    """What a text of `written` says. Raises UsageError where it is none, or was changed."""
    lines = LINES.findall(text)
    if not is_ours(text):
        message = "it was not written by `render -o in-place`, which would write over it"
        raise UsageError(message, "give it another name, or the release")
    size = next((number for number, line in enumerate(lines) if line[:1] != "#"), len(lines))
    objects = "".join(lines[size:])
    try:
        head = json.loads(lines[0].removeprefix(HEAD))
        recorded = {str(name): str(line) for name, line in dict(head.get("record", {})).items()}
        left = Left(head["phase"], tuple(_originals(lines[:size])), objects, recorded)
        is_whole = _digest(objects) == head["objects"]
    except (ValueError, KeyError, TypeError):
        is_whole = False
    if not is_whole:
        message = "what `render -o in-place` wrote into it was changed, and would be lost"
        raise UsageError(message, "put the file back as it was; what the canary has, the canary file says")
    return left


def is_ours(text: str) -> bool:
    """Whether a text is one of `written`."""
    return text.startswith(HEAD)


def _originals(lines: Sequence[str]) -> Iterator[Kept]:
    starts = [number for number, line in enumerate(lines) if line.startswith(PART)]
    for start, end in itertools.pairwise([*starts, len(lines)]):
        named = json.loads(lines[start].removeprefix(PART))
        text = "".join(map(_line, lines[start + 1 : end]))
        changed = [Hunk(first, last, tuple(new)) for first, last, new in named.get("changed", ())]
        yield Kept(named["file"], named["document"], text, named["made"], tuple(changed) or None)


def _line(comment: str) -> str:
    if comment.startswith(QUOTED):
        return str(json.loads(comment.removeprefix(QUOTED)))
    return comment.removeprefix(LINE)


# --- kustomizations ---------------------------------------------------------------


def resources(file: str, text: str) -> list[str]:
    """The resources of a kustomization. Raises UsageError where it makes other objects of them."""
    value: Any = yamltext.read(text, file)[0].value
    named = value.get("resources") if isinstance(value, dict) else None
    if not isinstance(named, list):
        raise UsageError(f"{file} has no resources", "name the manifests in its `resources`")
    others = sorted(value.keys() - HARMLESS)
    if others:
        message = (
            f"{file} changes what it reads, by {', '.join(others)}: the canary's objects would change too"
        )
        raise UsageError(
            message, "name the folder of the manifests themselves, or write a folder: -o dir=OUT"
        )
    return [str(name) for name in named]


def _without_resource(text: str, file: str, name: str) -> str:
    """A kustomization without one of its resources."""
    value = yamltext.read(text, file)[0].value
    left = [known for known in value["resources"] if known != name]
    return splice.spliced(text, {**value, "resources": left}, file)


def refuse_moved(there: Standing) -> None:
    """Raise UsageError where a kustomization puts an object into another namespace than its file says."""
    namespace = there.namespace()
    said = {known.title for known in there.objects() if known.text("metadata", "namespace") != namespace}
    moved = sorted(title for title in said if "/" in title)
    if namespace and moved:
        message = f"{there.shown(there.kustomization)} puts {moved[0]} into the namespace {namespace}"
        raise UsageError(message, "say the same in both, or in the kustomization alone")
