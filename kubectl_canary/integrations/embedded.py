"""A canary file among other manifests → the documents of the phase that it declares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kubectl_canary.judging.validation import Question
from kubectl_canary.reading import release, sources, yamltext
from kubectl_canary.reading.canaryfile import TOOLS_PREFIXES
from kubectl_canary.reading.manifests import Manifest
from kubectl_canary.reading.release import Release
from kubectl_canary.release.documents import Key
from kubectl_canary.rendering.generator import Generator, Rendered
from kubectl_canary.rendering.objects import planned


def read(manifest: Manifest, question: Question) -> Release:
    """The release of a canary file among manifests, for the releases asked for. Raises Refused with every finding."""
    found = release.read(sources.Sources(manifest.value, [manifest.own]))
    return replace(found, plan=question.for_plan(found.plan))


def documents(found: Release) -> list[Rendered]:
    """The documents of the phase that a release declares.

    Raises Refused where it declares none, or where a document is not valid.
    """
    generator = Generator(target=found.plan.application.target, sources=found.sources)
    return generator.render(planned(found.plan.application, found.declared()))


def manifests(found: Release, rendered: Sequence[Rendered]) -> list[Manifest]:
    """Documents of a release as manifests, to be judged beside others."""
    file = f"canary file {found.plan.application.name}"
    documents = [yamltext.read(document.text, file)[0] for document in rendered]
    return [
        Manifest(document, number, document.value, made_by=f"the {file}")
        for number, document in enumerate(documents)
    ]


def owned(found: Release) -> set[Key]:
    """What tells each object that a release has in any phase from all others."""
    phases = (*found.plan.phases, *found.plan.ways_back())
    return {item.part.key for phase in phases for item in planned(found.plan.application, phase)}


def notes(value: dict[str, object]) -> dict[str, str]:
    """The annotations that tools put on an object on its way."""
    metadata = value.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    found = annotations if isinstance(annotations, dict) else {}
    return {key: text for key, text in found.items() if key.startswith(TOOLS_PREFIXES)}
