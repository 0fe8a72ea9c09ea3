"""The objects of a release: what tells each from all others, what it is to the release, and its document."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kubectl_canary.records import dataclass
from kubectl_canary.release import engines
from kubectl_canary.release.application import Located, Side
from kubectl_canary.release.groups import GROUPS, OTHERS

Key = tuple[str, str, str | None, str]

# what holds data, or objects of others: whoever wants it gone deletes it by hand
KEPT = (
    "CustomResourceDefinition",
    "Namespace",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "ServiceAccount",  # the server keeps its name in pods that say none any more
)


@dataclass(frozen=True)
class Part:
    """An object of a release, whatever its document says.

    `group` is the one of `--only`. `side` is None for what both sides share. A Deployment has at least `ready` pods.
    `is_new` says that it is of the new version.
    """

    group: str
    api_version: str
    kind: str
    namespace: str | None
    name: str
    side: Side | None = None
    ready: int = 0
    is_new: bool = False

    @property
    def key(self) -> Key:
        """What tells this object from all others in the cluster."""
        return self.api_version, self.kind, self.namespace, self.name

    @property
    def located(self) -> Located:
        """What tells it from all others, in whichever version of its API."""
        return Located(self.kind, self.namespace, self.name)

    @property
    def slot(self) -> str:
        """Where the object stands in apply order: two digits that are the same in every phase."""
        if self.group == OTHERS:
            return "05"
        return f"{GROUPS.index(self.group) + 1}{int(self.side is Side.CANARY)}"

    @property
    def title(self) -> str:
        """`Deployment my-app-stable`."""
        return f"{self.kind} {self.name}"

    @property
    def is_route(self) -> bool:
        """Whether it is a route that the release shapes, or makes."""
        return self.group == "route"

    @property
    def is_governed(self) -> bool:
        """Whether it is a route some of whose rules the release governs, and not one that has clones alone."""
        return self.is_route and self.side is not Side.CANARY


@dataclass(frozen=True)
class Document:
    """An object as it is somewhere: rendered, in the cluster, or as the user wrote it."""

    part: Part
    value: dict[str, Any]


@dataclass(frozen=True)
class Written(Document):
    """A document of the user's, or one made from it: its text, empty where it is not the user's to the letter.

    `origin` is the document that it was made from, and `source` the text to write it into, where it stands in the
    origin's place.
    """

    text: str
    origin: dict[str, Any]
    source: str = ""


def in_removal_order(parts: Iterable[Part]) -> list[Part]:
    """What may be deleted, in the order in which it is: the order in which objects are applied, backward."""
    return sorted((part for part in parts if part.kind not in KEPT), key=lambda part: part.slot)[::-1]


def is_kept(document: Document) -> bool:
    """Whether a document stays where its set has it no more: by its kind, or because its annotations say so.

    Source: Helm's `helm.sh/resource-policy: keep`, Argo CD's `Prune=false`.
    """
    notes = document.value["metadata"].get("annotations") or {}
    is_noted = notes.get(engines.HELMS_POLICY) == "keep" or engines.NO_PRUNING in engines.options(notes)
    return document.part.kind in KEPT or is_noted
