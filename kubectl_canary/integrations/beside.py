"""A release over the manifests that its canary file stands among: a stream, or a list, brings its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from kubectl_canary.api.equality import same
from kubectl_canary.errors import Refused
from kubectl_canary.findings import Finding
from kubectl_canary.integrations import embedded
from kubectl_canary.reading import adoption, manifests
from kubectl_canary.reading.adopted.file import SetReader, Sets
from kubectl_canary.reading.adopted.problems import ADOPT
from kubectl_canary.reading.manifests import Manifest, is_ours
from kubectl_canary.reading.release import Release
from kubectl_canary.reading.sources import Sources
from kubectl_canary.records import dataclass, field, replace
from kubectl_canary.release.adoption import key_of
from kubectl_canary.release.documents import Key

FROM = (*ADOPT, "from")
ITSELF = "-"

# what `spec.adopt.stable` names, read; raises Refused where that cannot be
StableReader = Callable[[Sources], Sequence[Manifest]]


@dataclass(frozen=True)
class Laid:
    """A phase among manifests: what comes where the canary file stood, and what stands in the place of others.

    `places` has those that the phase changes, by their ids: None for what it does not have.
    """

    added: tuple[Manifest, ...]
    places: Mapping[int, Manifest | None] = field(default_factory=dict)

    def instead(self, manifest: Manifest) -> Manifest | None:
        """What stands in the place of a manifest: itself where the phase leaves it as it is."""
        return self.places.get(id(manifest), manifest)


def reader(beside: Sequence[Manifest], read_stable: StableReader) -> SetReader:
    """Reads both sets of a canary file: what should run are the manifests beside it."""

    def sets(source: Sources) -> Sets:
        adopt = source.value["spec"]["adopt"]
        if adopt["from"] != ITSELF:
            raise Refused("the manifests are here", [_elsewhere(source, adopt["from"])])
        new = [_bare(manifest) for manifest in beside if not is_ours(manifest.value)]
        return Sets(stable=read_stable(source) if "stable" in adopt else new, new=new)

    return sets


def _elsewhere(source: Sources, name: str) -> Finding:
    message = f"`{name}`, and here what should run are the manifests beside the canary file"
    return Finding("adopt", "error", FROM, message, source.value_where(FROM), f'write `from: "{ITSELF}"`')


def _bare(manifest: Manifest) -> Manifest:
    """The manifest without what tools note on it: that tells where this one stands, and no copy of it."""
    own = manifests.unshared(manifest)
    noted = embedded.notes(own.value)
    if not noted:
        return own
    metadata = own.value["metadata"]
    kept = {key: text for key, text in metadata["annotations"].items() if key not in noted}
    rest = {key: child for key, child in metadata.items() if key != "annotations"}
    return replace(own, value={**own.value, "metadata": {**rest, **({"annotations": kept} if kept else {})}})


def laid_over(release: Release, documents: Sequence[Manifest], beside: Sequence[Manifest]) -> Laid:
    """The documents of a release in the places of the manifests that it adopts; without adoption all are new."""
    if release.plan.application.adopted is None:
        return Laid(tuple(documents))
    namespace = release.plan.application.namespace
    by_key = {key_of(document.value, namespace): document for document in documents}
    adopted = {
        key_of(manifest.value, namespace): manifest
        for manifest in adoption.without_hooks(beside)
        if not is_ours(manifest.value)
    }
    added = (document for key, document in by_key.items() if key not in adopted)
    return Laid(tuple(added), _places(adopted, by_key))


def _places(adopted: Mapping[Key, Manifest], by_key: Mapping[Key, Manifest]) -> dict[int, Manifest | None]:
    """What stands in the place of each manifest that the phase changes or does not have."""
    places: dict[int, Manifest | None] = {}
    for key, manifest in adopted.items():
        document = by_key.get(key)
        if document is None:
            places[id(manifest)] = None
        elif not _is_as_given(manifest, document):
            places[id(manifest)] = embedded.noted(document, manifest.value)
    return places


def _is_as_given(manifest: Manifest, document: Manifest) -> bool:
    """Whether a document says what its manifest says, which may leave the release's namespace to whoever applies it."""
    value, bare = document.value, _bare(manifest).value
    if "namespace" not in bare["metadata"]:
        metadata = {key: child for key, child in value["metadata"].items() if key != "namespace"}
        value = {**value, "metadata": metadata}
    return same(value, bare)
