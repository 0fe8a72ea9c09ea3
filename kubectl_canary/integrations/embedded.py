"""A canary file among other manifests → the documents of the phase that it declares."""

from __future__ import annotations

from collections.abc import Sequence

from kubectl_canary.judging.validation import Question
from kubectl_canary.reading import release, sources, yamltext
from kubectl_canary.reading.adopted.file import SetReader
from kubectl_canary.reading.canaryfile import TOOLS_PREFIXES
from kubectl_canary.reading.manifests import Manifest
from kubectl_canary.reading.release import Release
from kubectl_canary.records import replace
from kubectl_canary.release.documents import Key
from kubectl_canary.rendering.generator import Generator, Rendered
from kubectl_canary.rendering.objects import planned


def read(manifest: Manifest, question: Question, read_sets: SetReader) -> Release:
    """The release of a canary file among manifests, for the releases asked for; `read_sets` has those that it adopts.

    Raises Refused with every finding.
    """
    embedded = release.read(sources.Sources(manifest.value, [manifest.own]), read_sets=read_sets)
    return replace(embedded, plan=question.for_plan(embedded.plan))


def documents(embedded: Release) -> list[Rendered]:
    """The documents of the phase that a release declares.

    Raises Refused where it declares none, or where a document is not valid.
    """
    generator = Generator(target=embedded.plan.application.target, sources=embedded.sources)
    return generator.render(planned(embedded.plan.application, embedded.declared()))


def manifests(embedded: Release, rendered: Sequence[Rendered]) -> list[Manifest]:
    """Documents of a release as manifests, to be judged beside others."""
    file = f"canary file {embedded.plan.application.name}"
    read_back = [yamltext.read(document.text, file)[0] for document in rendered]
    return [
        Manifest(document, number, document.value, made_by=f"the {file}", source=rendered[number].text)
        for number, document in enumerate(read_back)
    ]


def owned(embedded: Release) -> set[Key]:
    """What tells each object that a release has in any phase from all others."""
    phases = (*embedded.plan.phases, *embedded.plan.ways_back())
    return {item.part.key for phase in phases for item in planned(embedded.plan.application, phase)}


def notes(value: dict[str, object]) -> dict[str, str]:
    """The annotations that tools put on an object on its way."""
    metadata = value.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    known = annotations if isinstance(annotations, dict) else {}
    return {key: text for key, text in known.items() if key.startswith(TOOLS_PREFIXES)}


def noted(manifest: Manifest, place: dict[str, object]) -> Manifest:
    """A document with what tools have noted on the object in whose place it stands."""
    kept = notes(place)
    if not kept:
        return manifest
    metadata = manifest.value["metadata"]
    annotations = {**(metadata.get("annotations") or {}), **kept}
    value = {**manifest.value, "metadata": {**metadata, "annotations": annotations}}
    return replace(manifest, value=value, source=f"{yamltext.block(value, 0)}\n")
