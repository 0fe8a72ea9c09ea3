"""A phase as a component of kustomize: the canary's objects, and guarded patches of the user's.

The patches test what stands in the user's files, which no API server has filled with defaults. A patch with a `target`
that is not there is passed over by kustomize without a word, and a strategic merge patch is not: each object that is
patched has one of those too, which changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from kubectl_canary.api.equality import same
from kubectl_canary.reading import yamltext
from kubectl_canary.reading.manifests import Manifest
from kubectl_canary.records import dataclass
from kubectl_canary.release.adoption import DEPLOYMENT, key_of
from kubectl_canary.release.application import Application
from kubectl_canary.release.changes import Alteration, standing_on
from kubectl_canary.release.documents import Document, Key
from kubectl_canary.release.patches import Guard
from kubectl_canary.rendering.in_place import own, without_namespace
from kubectl_canary.reports.programs import as_json

KUSTOMIZATION = "kustomization.yaml"
THERE = "patches/there.yaml"
API_VERSION = "kustomize.config.k8s.io/v1alpha1"


@dataclass(frozen=True)
class Base:
    """The user's manifests as they are without a release, and those of them whose files say no namespace."""

    documents: Mapping[Key, Document]
    bare: Collection[Key]

    def seen(self, document: Document) -> Document:
        """One of them, or what becomes of it, as a patch sees it.

        Annotations are a map there, since kustomize keeps its own among them while it builds.
        """
        value = without_namespace(document.value) if document.part.key in self.bare else document.value
        metadata = {**value["metadata"], "annotations": value["metadata"].get("annotations") or {}}
        return Document(document.part, {**value, "metadata": metadata})


def base(application: Application, documents: Sequence[Document], manifests: Collection[Manifest]) -> Base:
    """The user's `documents` of the phase `before`, which were made of the `manifests` that were read."""
    bare = {
        key_of(manifest.value, application.namespace)
        for manifest in manifests
        if "namespace" not in own(manifest)["metadata"]
    }
    return Base({document.part.key: document for document in documents}, bare)


def files(application: Application, there: Base, phase: Mapping[str, Document]) -> dict[str, str]:
    """The files of a component that brings the user's manifests into a phase, whose documents are named by files."""
    made = {name: document for name, document in phase.items() if document.part.key not in there.documents}
    patched = dict(_patched(application, there, phase))
    says = _says_namespace(application, there)
    return {
        KUSTOMIZATION: _yaml(_kustomization(made, patched)),
        **{
            f"resources/{name}": _yaml(
                document.value
                if says or document.part.namespace != application.namespace
                else without_namespace(document.value)
            )
            for name, document in made.items()
        },
        **(
            {THERE: "---\n".join(_yaml(_identity(one.before)) for one in patched.values())} if patched else {}
        ),
        **{_patch_file(name): as_json(alteration.operations()) for name, alteration in patched.items()},
    }


def _patched(
    application: Application, there: Base, phase: Mapping[str, Document]
) -> Iterator[tuple[str, Alteration]]:
    """What becomes of the user's objects that a phase changes."""
    for name, document in phase.items():
        before = there.documents.get(document.part.key)
        if before is not None and not same(before.value, document.value):
            guards = standing_on(application, before, document) if document.part.is_governed else ()
            was, becomes = there.seen(before), there.seen(document)
            yield name, Alteration(was, becomes, standing_on=(*_named(was), *guards))


def _named(document: Document) -> Iterator[Guard]:
    """Which object it is: a target finds objects by names that they had before a prefix, too."""
    metadata = document.value["metadata"]
    yield ("metadata", "name"), metadata["name"]
    yield ("metadata", "namespace"), metadata.get("namespace")


def _kustomization(made: Collection[str], patched: Mapping[str, Alteration]) -> dict[str, Any]:
    """Both lists are always there: kustomize refuses a component that has nothing."""
    patches = [
        {"path": _patch_file(name), "target": _target(alteration.before)}
        for name, alteration in patched.items()
    ]
    return {
        "apiVersion": API_VERSION,
        "kind": "Component",
        "resources": [f"resources/{name}" for name in made],
        "patches": [*([{"path": THERE}] if patched else []), *patches],
    }


def _patch_file(name: str) -> str:
    return f"patches/{name.removesuffix('.yaml')}.patch.json"


def _target(document: Document) -> dict[str, str]:
    """The object, by expressions that match whole names."""
    part, metadata = document.part, document.value["metadata"]
    group, _, version = part.api_version.rpartition("/")
    named = {key: metadata[key].replace(".", r"\.") for key in ("name", "namespace") if key in metadata}
    return {**({"group": group} if group else {}), "version": version, "kind": part.kind, **named}


def _identity(document: Document) -> dict[str, Any]:
    metadata = document.value["metadata"]
    named = {key: metadata[key] for key in ("name", "namespace") if key in metadata}
    return {"apiVersion": document.part.api_version, "kind": document.part.kind, "metadata": named}


def _says_namespace(application: Application, there: Base) -> bool:
    """Whether the released Deployments say a namespace, and so do the canary's objects."""
    names = [workload.names.stable for workload in application.workloads]
    return not any((*DEPLOYMENT, application.namespace, name) in there.bare for name in names)


def _yaml(value: dict[str, Any]) -> str:
    return yamltext.block(value, 0) + "\n"
