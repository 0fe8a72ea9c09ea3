"""Texts → the Kubernetes objects in them, each with its places."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Any

from kubectl_canary.api.equality import identical
from kubectl_canary.errors import Refused
from kubectl_canary.expressions import regex
from kubectl_canary.findings import Path, Where
from kubectl_canary.reading import yamltext
from kubectl_canary.records import dataclass, replace

FLEET = "Fleet"  # the kind
SEPARATOR_LINE = regex(r"\A---[ \t]*(\r?\n)?")
DOCUMENT_END = regex(r"^\.\.\.[ \t]*\r?\n?", re.MULTILINE)
SEPARATOR = regex(r"^---(?=\s|$)", re.MULTILINE)


@dataclass(frozen=True)
class Manifest:
    """One object: its document, its number in the file, and where in the document it stands (a List has many).

    `phase_folder` is the folder of a phase that it lies in, `made_by` the canary file that it was rendered from; both
    are empty for most. `layers` are documents that are merged over a canary file. `source` is the text of an object
    that has a document to itself, from `source_line` of the file on; it is kept where it is asked for.
    """

    document: yamltext.Document
    index: int
    value: Any
    inside: Path = ()
    phase_folder: str = ""
    made_by: str = ""
    layers: tuple[yamltext.Document, ...] = ()
    source: str = ""
    source_line: int = 1

    def where(self, path: Path) -> Where:
        """The place of a path of the object."""
        return self.document.where((*self.inside, *path))

    def text(self, *path: str) -> str:
        """A string of the object; empty where it has none there."""
        value = self.value
        for part in path:
            value = value.get(part) if isinstance(value, dict) else None
        return value if isinstance(value, str) else ""

    @property
    def own(self) -> yamltext.Document:
        """The object as a document of its own, with the places that it has in its file."""
        return self.document.part(self.inside)

    @property
    def title(self) -> str:
        """`HTTPRoute shop/checkout`."""
        namespace, name = self.text("metadata", "namespace"), self.text("metadata", "name")
        return f"{self.text('kind') or 'document'} {namespace}{'/' * bool(namespace)}{name}".rstrip()


def read(file: str, text: str, *, beside: bool = False) -> list[Manifest]:
    """The objects of a file's text.

    JSON patches (RFC 6902) that lie `beside` manifests, in a folder that is read whole, are passed over.
    Raises Refused for what is not YAML.
    """
    documents = yamltext.read(text, file)
    if beside and len(documents) == 1 and _is_patch(documents[0].value):
        return []
    return [manifest for index, document in enumerate(documents) for manifest in objects(document, index)]


def with_texts(manifests: Sequence[Manifest], text: str) -> list[Manifest]:
    """The same objects of a file's text, each with its own part of it, from one `---` to the next."""
    starts = [0, *(match.start() for match in SEPARATOR.finditer(text))]
    lines = [text.count("\n", 0, start) + 1 for start in starts]
    with_text = []
    for manifest in manifests:
        if not manifest.inside:
            number = bisect_right(lines, manifest.document.start[0]) - 1
            end = starts[number + 1] if number + 1 < len(starts) else len(text)
            part = text[starts[number] : end]
            body = SEPARATOR_LINE.sub("", part)
            line = lines[number] + part[: len(part) - len(body)].count("\n")
            manifest = replace(manifest, source=_ended(body), source_line=line)
        with_text.append(manifest)
    return with_text


def unshared(manifest: Manifest) -> Manifest:
    """The same object, in which aliases of YAML are values of their own, so that each can be changed alone."""
    return replace(manifest, value=yamltext.rebuilt(manifest.value))


def _ended(text: str) -> str:
    """A document's text up to its end, and a line end after it."""
    text = DOCUMENT_END.sub("", text) if "..." in text else text
    return text if text.endswith("\n") else f"{text}\n"


def in_namespace(manifest: Manifest, namespace: str) -> Manifest:
    """The same object in a namespace that its document does not say, which its text then says too.

    Where the text cannot say it in one place more, it is left out.
    """
    value = {**manifest.value, "metadata": {"namespace": namespace, **manifest.value["metadata"]}}
    text = _with_namespace(manifest, namespace) if manifest.source else ""
    try:
        is_same = bool(text) and identical(yamltext.read(text, manifest.document.file)[0].value, value)
    except Refused:
        is_same = False
    return replace(manifest, value=value, source=text if is_same else "")


def _with_namespace(manifest: Manifest, namespace: str) -> str:
    """The text with the namespace before the name."""
    name = manifest.document.mark(("metadata", "name"))
    whole = manifest.document.mark(("metadata",))
    if name is None or whole is None:
        return ""
    lines = manifest.source.splitlines(keepends=True)
    row, column = name.key[0] - manifest.source_line, name.key[1] - 1
    row_of_all, column_of_all = whole.value[0] - manifest.source_line, whole.value[1] - 1
    line = lines[row]
    if lines[row_of_all][column_of_all : column_of_all + 1] == "{":
        more = f'"namespace": "{namespace}", '
    else:
        end = "\r\n" if line.endswith("\r\n") else "\n"
        more = f"namespace: {namespace}{end}{' ' * column}"
    lines[row] = f"{line[:column]}{more}{line[column:]}"
    return "".join(lines)


def _is_patch(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(operation, dict) and {"op", "path"} <= operation.keys() for operation in value
    )


def objects(document: yamltext.Document, index: int) -> Iterator[Manifest]:
    """The objects of a document: itself, or the items of a List, or of a DeploymentList and its like."""
    value = document.value
    if value is None:
        return
    if not _is_list(value):
        yield Manifest(document, index, value)
        return
    for number, item in enumerate(value["items"]):
        yield Manifest(document, index, _typed(item, value), ("items", number))


def _is_list(value: Any) -> bool:
    is_object = isinstance(value, dict) and isinstance(value.get("kind"), str)
    return is_object and value["kind"].endswith("List") and isinstance(value.get("items"), list)


def _typed(item: Any, parent: dict[str, Any]) -> Any:
    """An item with the kind that its list says, as kubectl fills it in where the item does not say."""
    kind = parent["kind"].removesuffix("List")
    if not kind or not isinstance(item, dict) or item.get("kind"):
        return item
    return {**item, "apiVersion": parent.get("apiVersion"), "kind": kind}


def with_overlays(manifests: Sequence[Manifest]) -> list[Manifest]:
    """The same with each overlay merged into the canary file that it follows.

    An overlay is a mapping that says neither its apiVersion nor its kind, and has what a canary file has.
    """
    merged: list[Manifest] = []
    for manifest in manifests:
        if merged and _is_overlay(manifest.value) and is_canary(merged[-1].value):
            merged[-1] = replace(merged[-1], layers=(*merged[-1].layers, manifest.own))
        else:
            merged.append(manifest)
    return merged


def _is_overlay(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and value.keys() <= {"metadata", "spec"}


def is_ours(value: Any) -> bool:
    """Whether an object is a file of this program, and none of a cluster."""
    return isinstance(value, dict) and str(value.get("apiVersion")).startswith("kubectl-canary/")


def is_fleet(value: Any) -> bool:
    """Whether an object is a fleet's file; one that lacks the API version is, and another program's kind is not."""
    is_called_so = isinstance(value, dict) and value.get("kind") == FLEET
    return is_called_so and ("apiVersion" not in value or is_ours(value))


def is_canary(value: Any) -> bool:
    """Whether an object is a canary file."""
    return is_ours(value) and not is_fleet(value)
