"""The folder that a canary file adopts as it stands, with what `render -o in-place` has left there taken off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubectl_canary.errors import Refused, UsageError
from kubectl_canary.findings import Finding
from kubectl_canary.outside import exchange, files, manifest_sets
from kubectl_canary.reading import in_place, originals
from kubectl_canary.reading.adopted.file import own_file, refuse_lost
from kubectl_canary.reading.in_place import Standing

if TYPE_CHECKING:
    from kubectl_canary.reading.sources import Sources


class Reader:
    """Reads a folder once; `bytes` has its files as they were read then, by their names from here."""

    def __init__(self) -> None:
        self.bytes: dict[str, bytes | None] = {}

    def read(self, release: str, source: str, base: str) -> Standing:
        """What stands in the folder `source`, named from `base`.

        Raises UsageError for what is no folder of files, WorldError and Refused for what cannot be read.
        """
        folder, kustomization, names = manifest_sets.local_files(source, base)
        own = own_file(release)
        changing: list[Finding] = []
        if kustomization:
            text = self._text(folder, kustomization)
            listed = in_place.resources(f"{folder}/{kustomization}", text)
            changing = in_place.changing(f"{folder}/{kustomization}", text)
            names = manifest_sets.local_resources(
                folder, kustomization, [name for name in listed if name != own]
            )
            names.insert(0, kustomization)
        texts = {name: self._text(folder, name) for name in names if name != own}
        manifest_sets.check(folder, [manifest_sets.Text(f"{folder}/{name}", texts[name]) for name in texts])
        there = self._standing(Standing(folder, texts, kustomization, own, in_the_way=tuple(changing)))
        if changing and there.left is None:
            hint = "name the folder of the manifests themselves, or write a folder: -o dir=OUT"
            raise Refused("the kustomization makes other objects of what it reads", changing, hint)
        in_place.refuse_moved(there)
        if there.left is None:
            refuse_lost(there.objects(), release, there.shown(own))
        return there

    def _standing(self, there: Standing) -> Standing:
        place = f"{there.folder}/{there.own}"
        self.bytes[place] = exchange.bytes_of(place)
        text = self._text(there.folder, there.own) if self.bytes[place] is not None else None
        try:
            return originals.standing(there, text)
        except UsageError as error:
            raise UsageError(f"{place}: {error.message}", error.hint) from None

    def _text(self, folder: str, name: str) -> str:
        place = f"{folder}/{name}"
        data = exchange.bytes_of(place) or b""
        self.bytes[place] = data
        return files.decoded(place, data, files.MAX_MANIFESTS)


def left_in(source: Sources, name: str, base: str) -> Standing | None:
    """What stands in a folder with a phase in place; None where none was written into it. Raises as `Reader.read`."""
    release = str(source.value["metadata"]["name"])
    own = exchange.bytes_of(manifest_sets.inside(name, base, own_file(release)))
    if own is None or not in_place.is_ours(own.decode("utf-8", "replace")):
        return None
    return Reader().read(release, name, base)
