"""A stream of manifests, its canary files replaced by the documents of their phase, everything else to the byte."""

from __future__ import annotations

import itertools
import re
from bisect import bisect_right
from dataclasses import dataclass

from kubectl_canary.errors import Refused
from kubectl_canary.findings import Finding
from kubectl_canary.integrations import embedded
from kubectl_canary.judging.validation import Question
from kubectl_canary.reading import manifests, yamltext
from kubectl_canary.reading.manifests import Manifest, is_canary
from kubectl_canary.reports.plans import as_yaml

FILE = "standard input"
# at the start of a line these five characters end a document, whatever it is in the middle of (YAML 1.2, 9.1.3)
MARKER = re.compile(r"^---(?=\s|$)", re.MULTILINE)


@dataclass(frozen=True)
class Part:
    """A document's text from its marker on, and the objects in it."""

    text: str
    manifests: tuple[Manifest, ...]


def expanded(text: str, question: Question) -> list[Part]:
    """The parts of a stream. Raises Refused with everything that is wrong in it, or in its canary files."""
    parts = _parts(text)
    starts = [text.count("\n", 0, offset) + 1 for offset, _ in parts]
    read_manifests: dict[int, list[Manifest]] = {}
    for index, document in enumerate(yamltext.read(text, FILE)):
        number = bisect_right(starts, document.start[0]) - 1
        read_manifests.setdefault(number, []).extend(manifests.objects(document, index))
    complaints: list[Finding] = []
    expanded_parts = []
    for number, (_, part) in enumerate(parts):
        try:
            expanded_parts.append(_part(part, read_manifests.get(number, []), question))
        except Refused as refused:
            complaints += refused.findings
    if complaints:
        raise Refused("a canary file is not valid", complaints)
    return expanded_parts


def _parts(text: str) -> list[tuple[int, str]]:
    """Where each part begins, and its text."""
    cuts = sorted({0, *(match.start() for match in MARKER.finditer(text)), len(text)})
    return [(start, text[start:end]) for start, end in itertools.pairwise(cuts)]


def _part(text: str, read_manifests: list[Manifest], question: Question) -> Part:
    files = [manifest for manifest in read_manifests if is_canary(manifest.value)]
    if not files:
        return Part(text, tuple(read_manifests))
    if len(read_manifests) > 1:
        message, hint = "a canary file inside a List", "give it a document of its own"
        raise Refused("", [Finding("schema", "error", (), message, files[0].where(()), hint)])
    release = embedded.read(files[0], question)
    documents = embedded.documents(release)
    return Part(f"---\n{as_yaml(documents)}", tuple(embedded.manifests(release, documents)))
