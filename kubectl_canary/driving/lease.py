"""Who drives a release: a Lease of the cluster, and a note on the routes that every patch of them tests.

Source: coordination.k8s.io/v1 Lease. Two clocks are never compared: a Lease has expired when its `renewTime` has not
changed for its duration, by the watch of whoever looks.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from kubectl_canary.api.equality import MISSING
from kubectl_canary.expressions import regex
from kubectl_canary.records import dataclass
from kubectl_canary.release.application import OWN_LABEL, OWN_PREFIX, OWNER
from kubectl_canary.release.patches import Op, look_up, pointer

API_VERSION, KIND, RESOURCE = "coordination.k8s.io/v1", "Lease", "lease.coordination.k8s.io"
DURATION = 15  # seconds
RENEWAL = 4  # seconds after which a Lease that is held is renewed
HOLD = f"{OWN_PREFIX}hold"
ANNOTATIONS = ("metadata", "annotations")
IDENTITY = regex(r"(?P<who>.*) (?P<verb>[a-z]+) process (?P<process>\d+) \((?P<machine>[^)]*)\)")


@dataclass(frozen=True)
class Driver:
    """Who drives a release: a person at a machine, the verb, and the process with what tells it from all others."""

    who: str
    verb: str
    process: int
    machine: str

    def __str__(self) -> str:
        return f"{self.who} {self.verb} process {self.process} ({self.machine})"

    @classmethod
    def of(cls, identity: str) -> Driver | None:
        """The driver that an identity tells of; None where another program wrote it."""
        match = IDENTITY.fullmatch(identity)
        if match is None:
            return None
        return cls(match["who"], match["verb"], int(match["process"]), match["machine"])


@dataclass(frozen=True)
class Held:
    """A Lease as it is in the cluster: who has it, since when, and when it was renewed last (as they wrote it)."""

    identity: str
    since: str
    renewed: str
    uid: str
    version: str

    def __str__(self) -> str:
        return f"{driver_text(self.identity)} since {self.since}"


def driver_text(identity: str) -> str:
    """Who an identity is, for people."""
    driver = Driver.of(identity)
    return f"{driver.verb} by {driver.who} (process {driver.process})" if driver else identity


def name(release: str) -> str:
    """What the Lease of a release is called."""
    return f"kubectl-canary-{release}"


def held(lease: Mapping[str, Any] | None) -> Held | None:
    """Who holds a Lease; None where nobody does."""
    spec = (lease or {}).get("spec") or {}
    if lease is None or not spec.get("holderIdentity"):
        return None
    metadata = lease["metadata"]
    since, renewed = (str(spec.get(key, "")) for key in ("acquireTime", "renewTime"))
    version = str(metadata.get("resourceVersion"))
    return Held(str(spec["holderIdentity"]), since, renewed, str(metadata.get("uid")), version)


def document(
    release: str, namespace: str | None, driver: Driver, now: datetime, version: str = ""
) -> dict[str, Any]:
    """The Lease that a driver takes; with a resourceVersion only in the place of that one."""
    metadata = {
        "name": name(release),
        **({"namespace": namespace} if namespace else {}),
        "labels": {OWN_LABEL: OWNER},
        **({"resourceVersion": version} if version else {}),
    }
    spec = {
        "holderIdentity": str(driver),
        "leaseDurationSeconds": DURATION,
        "acquireTime": micro_time(now),
        "renewTime": micro_time(now),
    }
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": spec}


def micro_time(now: datetime) -> str:
    """A time as a Lease has it: RFC 3339 with microseconds, in UTC."""
    return now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def renewal(driver: Driver, now: datetime) -> list[Op]:
    """The patch that renews a Lease, where the driver still has it."""
    return [
        {"op": "test", "path": "/spec/holderIdentity", "value": str(driver)},
        {"op": "add", "path": "/spec/renewTime", "value": micro_time(now)},
    ]


# --- the note on the routes -----------------------------------------------------------


def annotation(release: str) -> str:
    """The annotation of a route that says who drives a release."""
    return f"{OWN_PREFIX}driver.{release}"


def noted(route: Mapping[str, Any], release: str) -> str | None:
    """The driver that a route has in its annotation."""
    identity: str | None = (route["metadata"].get("annotations") or {}).get(annotation(release))
    return identity


def noting(route: Mapping[str, Any], release: str, driver: Driver) -> list[Op]:
    """The operations that make a driver the one of a route, whoever it was."""
    if look_up(route, pointer(ANNOTATIONS)) is not MISSING:
        return [{"op": "add", "path": _place(release), "value": str(driver)}]
    place = pointer(ANNOTATIONS)
    return [
        {"op": "test", "path": place, "value": None},
        {"op": "add", "path": place, "value": {annotation(release): str(driver)}},
    ]


def claim(route: Mapping[str, Any], release: str, driver: Driver) -> list[Op]:
    """The operations that make a driver the one of a route, where it is still the one that was read."""
    there = noted(route, release)
    is_annotated = look_up(route, pointer(ANNOTATIONS)) is not MISSING
    tests = [{"op": "test", "path": _place(release), "value": there}] if is_annotated else []
    return [*tests, *noting(route, release, driver)]


def fenced(release: str, driver: Driver) -> Op:
    """The test that a driver is still the one of a route."""
    return {"op": "test", "path": _place(release), "value": str(driver)}


def forgetting(release: str, driver: Driver) -> list[Op]:
    """The operations that take the driver off a route."""
    return [fenced(release, driver), {"op": "remove", "path": _place(release)}]


def _place(release: str) -> str:
    return pointer((*ANNOTATIONS, annotation(release)))
