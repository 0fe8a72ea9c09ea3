"""Files, folders and standard input → the Kubernetes objects in them, each with its places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kubectl_canary.errors import Refused, UsageError
from kubectl_canary.findings import Finding, Path, Where
from kubectl_canary.outside import files
from kubectl_canary.reading import yamltext

MAX_BYTES = 64_000_000


@dataclass(frozen=True)
class Manifest:
    """One object: its document, its number in the file, and where in the document it stands (a List has many).

    `phase_folder` is the folder of a phase that it lies in, `made_by` the canary file that it was rendered from; both
    are empty for most. `layers` are documents that are merged over a canary file.
    """

    document: yamltext.Document
    index: int
    value: Any
    inside: Path = ()
    phase_folder: str = ""
    made_by: str = ""
    layers: tuple[yamltext.Document, ...] = ()

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


def read(names: Sequence[str]) -> tuple[list[Manifest], list[Finding]]:
    """The objects of files, folders and standard input (`-`), and what cannot be read as YAML.

    A file that several of the names lead to is read once. JSON patches (RFC 6902) that lie in a folder beside the
    manifests are passed over.
    Raises UsageError for names that do not exist, WorldError for what cannot be read.
    """
    if list(names).count("-") > 1:
        raise UsageError("standard input can be read only once: give `-` once")
    found: list[Manifest] = []
    findings: list[Finding] = []
    for name in _files(names):
        try:
            documents = yamltext.read(*reversed(files.read_text(name, MAX_BYTES)))
        except Refused as refused:
            findings += refused.findings
            continue
        if name in names or not (len(documents) == 1 and _is_patch(documents[0].value)):
            folder = files.phase_folder(name)
            found += [
                replace(one, phase_folder=folder)
                for index, document in enumerate(documents)
                for one in objects(document, index)
            ]
    return found, findings


def _is_patch(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(one, dict) and {"op", "path"} <= one.keys() for one in value
    )


def _files(names: Sequence[str]) -> Iterator[str]:
    """Each file once, by its first name."""
    once: dict[str, str] = {}
    for name in _named(names):
        once.setdefault(files.real(name), name)
    yield from once.values()


def _named(names: Sequence[str]) -> Iterator[str]:
    for name in names:
        if not files.is_folder(name):
            yield name
            continue
        below = files.manifests_below(name)
        if not below:
            raise UsageError(f"{name} has no .yaml, .yml or .json files")
        yield from below


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
    made: list[Manifest] = []
    for one in manifests:
        if made and _is_overlay(one.value) and is_canary(made[-1].value):
            made[-1] = replace(made[-1], layers=(*made[-1].layers, one.own))
        else:
            made.append(one)
    return made


def _is_overlay(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and value.keys() <= {"metadata", "spec"}


def is_canary(value: Any) -> bool:
    """Whether an object is a canary file."""
    return isinstance(value, dict) and str(value.get("apiVersion")).startswith("kubectl-canary/")
