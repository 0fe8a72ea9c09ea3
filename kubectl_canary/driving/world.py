"""What a driver needs of the world: a cluster, a clock, and somebody to tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from kubectl_canary.driving.features import Class
from kubectl_canary.driving.lease import Driver
from kubectl_canary.driving.moves import Objects
from kubectl_canary.records import dataclass
from kubectl_canary.release.documents import Part
from kubectl_canary.release.patches import Op


class Cluster(Protocol):
    """A cluster, as far as a release is led through it; `commands.run.cluster` says what each does and raises."""

    def read(self) -> tuple[Objects, Mapping[str, Any] | None]:
        """The objects that are there, and the release's Lease."""

    def endpoints(self, services: Sequence[str]) -> Mapping[str, int]:
        """How many ready endpoints Services have."""

    def pods(self, deployment: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The pods that a Deployment selects."""

    def classes(self, gateways: Sequence[tuple[str | None, str]]) -> Mapping[str, Class]:
        """The class of each Gateway that can be read, by the Gateway's name."""

    def marked(self) -> list[dict[str, Any]]:
        """The objects that carry our mark, whichever release has made them."""

    def senders(self) -> list[dict[str, Any]]:
        """Whatever sends requests to pods, or lets others do so."""

    def create(self, documents: Sequence[dict[str, Any]], *, trying: bool = False) -> None:
        """Make objects."""

    def patch(self, part: Part, operations: Sequence[Op], *, trying: bool = False) -> None:
        """Patch an object."""

    def delete(self, part: Part, uid: str) -> None:
        """Delete an object of a uid."""

    def take_lease(self, document: dict[str, Any]) -> None:
        """Make the Lease, or replace it."""

    def renew_lease(self, operations: Sequence[Op]) -> None:
        """Renew the Lease."""

    def drop_lease(self, uid: str) -> None:
        """Delete the Lease of a uid."""


class Clock(Protocol):
    """Time."""

    def watch(self) -> float:
        """Seconds since some moment; they pass while the process is stopped, too."""

    def utc(self) -> datetime:
        """The time, in UTC."""

    def sleep(self, seconds: float) -> None:
        """Let time pass."""


@dataclass(frozen=True)
class Event:
    """What a driver tells: `made`, `waiting`, `resting`, `finding`, `away`, `conflict`, `watching`, `measured`,
    `ended`.

    A `tick` says that what was told last is so still, in words that may count, and for how many seconds it has been so.
    `more` is what programs are told beside the words.
    """

    kind: str
    text: str
    part: Part | None = None
    seconds: float | None = None
    more: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Surroundings:
    """The world of one run: who drives, in which cluster, by which clock; whom to tell; who has ended."""

    cluster: Cluster
    clock: Clock
    driver: Driver
    tell: Callable[[Event], None]
    has_ended: Callable[[Driver], bool]
