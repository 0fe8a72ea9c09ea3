"""What `render -o in-place` leaves in a folder of the user's: a file with the canary's objects.

Its comments have what the documents were that were changed, so that every phase is made from what the user wrote.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kubectl_canary.api.equality import digest
from kubectl_canary.errors import Refused, UsageError
from kubectl_canary.expressions import regex
from kubectl_canary.findings import Finding, Where
from kubectl_canary.reading import adoption, hunks, manifests, splice, yamltext
from kubectl_canary.reading.hunks import LINES, Hunk
from kubectl_canary.reading.manifests import Manifest
from kubectl_canary.records import dataclass, field

HEAD = "# kubectl-canary in place: "
MARKED = regex(r"\A---[ \t]*\r?\n")  # formatters write where a document begins
TITLE = """\
# Written by `kubectl canary render -o in-place`, which takes it out again: change nothing here.
# It has the canary's objects, and what the documents were that the release has changed.
"""
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

    `own` is the name of the canary's file, `in_the_way` what others have made of the lines of the release: there the
    texts before are those of then.
    """

    folder: str
    texts: Mapping[str, str]
    kustomization: str = ""
    own: str = ""
    left: Left | None = None
    base: Mapping[str, str] = field(default_factory=dict)
    in_the_way: tuple[Finding, ...] = ()

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
            Kept(file, number, was, digest_of(now), hunks.between(was, now))
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
    line = "".join(parts(there.texts[known.file])[: known.number]).count("\n") + 1
    message = f"is in `{phase}` of another release"
    return Finding("in-place", "error", (), message, Where(there.shown(known.file), line, 1))


def _differs(file: str) -> Finding:
    return Finding("in-place", "error", (), "its documents would be others", Where(file))


def digest_of(text: str) -> str:
    """What tells a text from others, whatever its line ends."""
    return digest(text.replace("\r\n", "\n"))


# --- the canary's file ------------------------------------------------------------


def written(left: Left) -> str:
    """The text of the canary's file: what was, as comments, and the objects."""
    about = {"phase": left.phase, "objects": digest_of(left.objects), "record": left.record}
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
    lines = LINES.findall(MARKED.sub("", text))
    if not is_ours(text):
        message = "it was not written by `render -o in-place`, which would write over it"
        raise UsageError(message, "give it another name, or the release")
    size = next((number for number, line in enumerate(lines) if line[:1] != "#"), len(lines))
    objects = "".join(lines[size:])
    try:
        head = json.loads(lines[0].removeprefix(HEAD))
        recorded = {str(name): str(line) for name, line in dict(head.get("record", {})).items()}
        left = Left(head["phase"], tuple(_originals(lines[:size])), objects, recorded)
        is_whole = digest_of(objects) == head["objects"]
    except (ValueError, KeyError, TypeError):
        is_whole = False
    if not is_whole:
        message = "what `render -o in-place` wrote into it was changed, and would be lost"
        raise UsageError(message, "put the file back as it was; what the canary has, the canary file says")
    return left


def is_ours(text: str) -> bool:
    """Whether a text is one of `written`."""
    return MARKED.sub("", text).startswith(HEAD)


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
    """The resources of a kustomization. Raises UsageError where it has none."""
    value: Any = yamltext.read(text, file)[0].value
    named = value.get("resources") if isinstance(value, dict) else None
    if not isinstance(named, list):
        raise UsageError(f"{file} has no resources", "name the manifests in its `resources`")
    return [str(name) for name in named]


def changing(file: str, text: str) -> list[Finding]:
    """What makes other objects of the resources of a kustomization, and so of the canary's."""
    document = yamltext.read(text, file)[0]
    found = []
    for key in sorted(document.value.keys() - HARMLESS):
        mark = document.mark((key,))
        message = "it changes what the kustomization reads: the canary's objects would change too"
        where = Where(file, *mark.key) if mark is not None else Where(file, 1, 1)
        found.append(Finding("in-place", "error", (key,), message, where))
    return found


def with_resource(text: str, file: str, name: str) -> str:
    """A kustomization with a resource more. Raises Refused where its text cannot be edited so."""
    value = yamltext.read(text, file)[0].value
    return splice.spliced(text, {**value, "resources": [*value["resources"], name]}, file)


def without_resource(text: str, file: str, name: str) -> str:
    """A kustomization without one of its resources. Raises Refused where its text cannot be edited so."""
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
