"""A ResourceList in, a ResourceList out: what kustomize and kpt ask of a function.

Source: the KRM Functions Specification, config.kubernetes.io/v1. As a function, a canary file is rendered, or every
object is judged; what is wrong becomes `results`. Comments, and objects that we have nothing to say about, stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from kubectl_canary.api.equality import identical
from kubectl_canary.errors import Refused
from kubectl_canary.findings import Finding, Path, Where, in_order, path_text
from kubectl_canary.integrations import embedded
from kubectl_canary.integrations.beside import Laid, StableReader, laid_over, reader
from kubectl_canary.judging.validation import Question
from kubectl_canary.reading import edit, yamltext
from kubectl_canary.reading.manifests import Manifest, is_canary
from kubectl_canary.reading.release import Release
from kubectl_canary.records import dataclass
from kubectl_canary.release.application import OWN_LABEL, OWNER
from kubectl_canary.release.documents import Key

API = "config.kubernetes.io/"
PATHS = ("internal.config.kubernetes.io/path", "config.kubernetes.io/path")
CONFIG = ("functionConfig",)
OWNER_AT = ("metadata", "labels", OWN_LABEL)
INDEXES = ("internal.config.kubernetes.io/index", "config.kubernetes.io/index")


@dataclass(frozen=True)
class Call:
    """What a function was called with: the list, its objects, and its configuration where it has one."""

    document: yamltext.Document
    text: str
    items: tuple[Manifest, ...]
    config: Manifest | None

    @property
    def generates(self) -> bool:
        """Whether a canary file is the configuration."""
        return self.config is not None and is_canary(self.config.value)

    @property
    def options(self) -> dict[str, str]:
        """What a ConfigMap as configuration says, as kpt passes it from its command line."""
        data = self.config.value.get("data") if self.config is not None else None
        return {key: str(value) for key, value in data.items()} if isinstance(data, dict) else {}


@dataclass(frozen=True)
class Item:
    """An object of the answer, and the one that came in where it stands: it may be that one itself."""

    manifest: Manifest
    old: Manifest | None = None

    @property
    def is_old(self) -> bool:
        """Whether it is an object as it came in."""
        return self.manifest is self.old

    @property
    def value(self) -> dict[str, Any]:
        """The object, with what tools had noted on it."""
        manifest, old = self.manifest, self.old
        noted = manifest if old is None or self.is_old else embedded.noted(manifest, old.value)
        value: dict[str, Any] = noted.value
        return value


@dataclass(frozen=True)
class Result:
    """A finding, and the object that it is about where there is one."""

    finding: Finding
    manifest: Manifest | None

    @property
    def value(self) -> dict[str, Any]:
        """The result as the specification has it."""
        finding = self.finding
        message = f"{finding.message}; {finding.hint}" if finding.hint else finding.message
        about = _about(self.manifest) if self.manifest is not None else {}
        field = {"field": {"path": path_text(finding.path)}} if finding.path else {}
        return {
            "message": message,
            "severity": finding.severity,
            **about,
            **field,
            "tags": {"rule": finding.rule},
        }


def read(text: str) -> Call:
    """The call in a text. Raises Refused where it is not a ResourceList."""
    documents = yamltext.read(text, "standard input")
    value = documents[0].value if len(documents) == 1 else None
    is_list = isinstance(value, dict) and value.get("kind") == "ResourceList"
    if not isinstance(value, dict) or not is_list or not str(value.get("apiVersion")).startswith(API):
        message = "expected one ResourceList of config.kubernetes.io/v1, as kustomize and kpt send it"
        where = documents[0].where(()) if documents else Where("standard input", 1, 1)
        raise Refused("this is not a function's input", [Finding("schema", "error", (), message, where)])
    document, items, config = documents[0], value.get("items") or [], value.get("functionConfig")
    findings = list(_misshapen(items, config, document))
    if findings:
        raise Refused("this is not a function's input", findings)
    objects = [Manifest(document, number, item, ("items", number)) for number, item in enumerate(items)]
    configuration = Manifest(document, 0, config, CONFIG) if config is not None else None
    return Call(document, text, tuple(objects), configuration)


def _misshapen(items: Any, config: Any, document: yamltext.Document) -> Iterator[Finding]:
    def finding(path: Path, expected: str) -> Finding:
        return Finding("schema", "error", path, f"expected {expected}", document.where(path))

    if not isinstance(items, list):
        yield finding(("items",), "a list")
    else:
        yield from (
            finding(("items", number), "an object")
            for number, item in enumerate(items)
            if not isinstance(item, dict)
        )
    if config is not None and not isinstance(config, dict):
        yield finding(CONFIG, "an object")
    elif config is not None and not is_canary(config) and config.get("kind") != "ConfigMap":
        yield finding(("functionConfig", "kind"), "a Canary or a ConfigMap")


def rendered(call: Call, question: Question, read_stable: StableReader) -> tuple[list[Item], list[Result]]:
    """The objects with the release in them, and what is wrong.

    A canary file as configuration adds its documents. Without one, each canary file among the objects is replaced by
    its documents, in their order, so that the next adopts what the last one made. Documents that are there already,
    from the last time, are replaced in their place, and those that the phase has not are left out.
    """
    configuration = [call.config] if call.generates and call.config else []
    files = configuration or [item for item in call.items if is_canary(item.value)]
    items = [Item(item, item) for item in call.items]
    results: list[Result] = []
    if not files:
        message = "no canary file: neither functionConfig nor one of the items is a Canary"
        results.append(Result(Finding("schema", "error", (), message), call.config))
    for file in files:
        try:
            beside = [item.manifest for item in items]
            release = embedded.read(file, question, reader(beside, read_stable))
            documents = embedded.manifests(release, embedded.documents(release))
        except Refused as refused:
            results += [Result(finding, file) for finding in in_order(refused.findings)]
            continue
        if release.plan.application.adopted is not None:
            items = list(_adopted(items, file, laid_over(release, documents, beside)))
            continue
        results += _losses(items, release, documents)
        items = list(_with_release(items, embedded.owned(release), file, documents))
    return items, results


def _adopted(items: Sequence[Item], file: Manifest, laid: Laid) -> Iterator[Item]:
    """The items with a phase laid over those that it adopts."""
    for item in items:
        stands = laid.instead(item.manifest)
        if item.old is file:
            yield from (Item(manifest) for manifest in laid.added)
        elif stands is item.manifest:
            yield item
        elif stands is not None:
            yield Item(stands, item.old)
    if file.inside == CONFIG:
        yield from (Item(manifest) for manifest in laid.added)


def _with_release(
    items: Sequence[Item], owned: set[Key], file: Manifest, documents: Sequence[Manifest]
) -> Iterator[Item]:
    planned_items = {_key(document.value): document for document in documents}
    there = {_key(item.value) for item in items}
    added = [Item(manifest) for key, manifest in planned_items.items() if key not in there]
    for item in items:
        key = _key(item.value)
        if item.old is file:
            yield from added
        elif key not in owned:
            yield item
        elif key in planned_items:
            yield Item(planned_items[key], item.old)
    if file.inside == CONFIG:
        yield from added


def _losses(items: Sequence[Item], release: Release, documents: Sequence[Manifest]) -> Iterator[Result]:
    """Objects with the name of one of the release that are another's: they would be replaced, or left out."""
    planned_values = {_key(document.value): document.value for document in documents}
    owned = embedded.owned(release)
    for item in items:
        key, manifest = _key(item.value), item.manifest
        ours = item.is_old and manifest.text(*OWNER_AT) == OWNER
        same = not item.is_old and identical(manifest.value, planned_values.get(key))
        if key in owned and not ours and not same:
            message = f"would be lost: the release {release.plan.application.name} has an object of this name"
            finding = Finding("plan", "error", ("metadata", "name"), message, hint="rename one of them")
            yield Result(finding, manifest)


def _key(value: dict[str, Any]) -> Key:
    metadata = value.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    return (
        str(value.get("apiVersion")),
        str(value.get("kind")),
        metadata.get("namespace"),
        str(metadata.get("name")),
    )


def manifests(call: Call, items: Sequence[Item]) -> list[Manifest]:
    """The objects of an answer, to be judged; a canary file whose phase was rendered is not."""
    judged = (item.manifest for item in items)
    return [manifest for manifest in judged if not (call.generates and is_canary(manifest.value))]


def answer(call: Call, items: Sequence[Item], results: Sequence[Result]) -> str:
    """The list with these objects and results, in the call's own words where nothing changed.

    Raises Refused where the call's YAML cannot be kept as it is.
    """
    came = call.document.value
    answered = {key: value for key, value in came.items() if key != "results"}
    values = [item.value for item in items]
    if values or came.get("items") is not None:
        answered["items"] = values
    if results:
        answered["results"] = [result.value for result in results]
    if identical(answered, came):
        return call.text
    return edit.rewritten(call.text, answered, [item.old.index if item.old else None for item in items])


def lines(results: Sequence[Result]) -> str:
    """Results as lines to read."""
    return "\n".join(_line(result.value) for result in results)


def _line(result: dict[str, Any]) -> str:
    ref = result.get("resourceRef", {})
    name = "/".join(ref[key] for key in ("namespace", "name") if key in ref)
    file = result.get("file", {}).get("path", "")
    parts = [file, f"{result['severity']} {ref.get('kind', '')} {name}".rstrip()]
    parts += [result.get("field", {}).get("path", ""), result["message"]]
    return f"{': '.join(part for part in parts if part)}  [{result['tags']['rule']}]"


def _about(manifest: Manifest) -> dict[str, Any]:
    names = {"apiVersion": manifest.text("apiVersion"), "kind": manifest.text("kind")}
    names |= {key: manifest.text("metadata", key) for key in ("namespace", "name")}
    about: dict[str, Any] = {"resourceRef": {key: text for key, text in names.items() if text}}
    noted = embedded.notes(manifest.value)
    path = next((noted[key] for key in PATHS if key in noted), None)
    if path is None:
        return about
    index = next((noted[key] for key in INDEXES if key in noted), "")
    return {**about, "file": {"path": path, **({"index": int(index)} if index.isdigit() else {})}}
