"""A stream of manifests, its canary files replaced by the documents of their phase, everything else to the byte."""

from __future__ import annotations

import itertools
import re
from bisect import bisect_right
from collections.abc import Sequence

from kubectl_canary.errors import Refused
from kubectl_canary.expressions import regex
from kubectl_canary.findings import Finding
from kubectl_canary.integrations import embedded
from kubectl_canary.integrations.beside import Laid, StableReader, laid_over, reader
from kubectl_canary.judging.validation import Question
from kubectl_canary.reading import manifests, yamltext
from kubectl_canary.reading.manifests import Manifest, is_canary
from kubectl_canary.records import dataclass

FILE = "standard input"
START = "---\n"
# at the start of a line these five characters end a document, whatever it is in the middle of (YAML 1.2, 9.1.3)
MARKER = regex(r"^---(?=\s|$)", re.MULTILINE)

# the comments before a document, behind its marker where it has one
HEAD = regex(r"(---[ \t]*(#[^\n]*)?\r?\n)?(?P<comments>([ \t]*#[^\n]*\n)+)")


@dataclass(frozen=True)
class Part:
    """A document's text from its marker on, and the objects in it."""

    text: str
    manifests: tuple[Manifest, ...]


def expanded(text: str, question: Question, read_stable: StableReader) -> list[Part]:
    """The parts of a stream, its canary files laid over them one after the other.

    Raises Refused with everything that is wrong in it, or in its canary files.
    """
    parts = _read(text)
    complaints: list[Finding] = []
    for number in range(len(parts)):
        try:
            parts = _laid(parts, number, question, read_stable)
        except Refused as refused:
            complaints += refused.findings
    if complaints:
        raise Refused("a canary file is not valid", complaints)
    return parts


def _read(text: str) -> list[Part]:
    """The parts of a stream as they came."""
    parts = _parts(text)
    starts = [text.count("\n", 0, offset) + 1 for offset, _ in parts]
    read_manifests: dict[int, list[Manifest]] = {}
    for index, document in enumerate(yamltext.read(text, FILE)):
        number = bisect_right(starts, document.start[0]) - 1
        read_manifests.setdefault(number, []).extend(manifests.objects(document, index))
    return [Part(part, tuple(read_manifests.get(number, ()))) for number, (_, part) in enumerate(parts)]


def _parts(text: str) -> list[tuple[int, str]]:
    """Where each part begins, and its text."""
    cuts = sorted({0, *(match.start() for match in MARKER.finditer(text)), len(text)})
    return [(start, text[start:end]) for start, end in itertools.pairwise(cuts)]


def _laid(parts: Sequence[Part], number: int, question: Question, read_stable: StableReader) -> list[Part]:
    """The parts with the release of a canary file, where one of them is one."""
    file = _canary_file(parts[number])
    if file is None:
        return list(parts)
    beside = [manifest for part in parts for manifest in part.manifests]
    release = embedded.read(file, question, reader(beside, read_stable))
    documents = embedded.manifests(release, embedded.documents(release))
    laid = laid_over(release, documents, beside)
    changed = [_changed(part, laid) for part in parts]
    changed[number] = Part(_stream(laid.added), laid.added)
    return changed


def _canary_file(part: Part) -> Manifest | None:
    files = [manifest for manifest in part.manifests if is_canary(manifest.value)]
    if files and len(part.manifests) > 1:
        message, hint = "a canary file inside a List", "give it a document of its own"
        raise Refused("", [Finding("schema", "error", (), message, files[0].where(()), hint)])
    return files[0] if files else None


def _changed(part: Part, laid: Laid) -> Part:
    """A part with what a phase has in the place of its objects; to the byte where it has nothing there."""
    stand = [laid.instead(manifest) for manifest in part.manifests]
    if all(manifest is old for manifest, old in zip(stand, part.manifests, strict=True)):
        return part
    there = tuple(manifest for manifest in stand if manifest is not None)
    return Part(_under_head(_stream(there), part.text), there)


def _under_head(stream: str, text: str) -> str:
    """A stream with the comments that a text begins with, such as Helm's own of the template that it comes from."""
    head, body = HEAD.match(text), stream.removeprefix(START)
    if not stream or head is None or body.startswith(head["comments"]):
        return stream
    return f"{START}{head['comments']}{body}"


def _stream(documents: Sequence[Manifest]) -> str:
    """Documents as they stand in a stream, each behind a marker."""
    texts = (manifest.source or f"{yamltext.block(manifest.value, 0)}\n" for manifest in documents)
    return "".join(f"{START}{text}" for text in texts)
