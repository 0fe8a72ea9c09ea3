"""What a canary file says where it adopts manifests: read without them, so that other files do not wait for more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from kubectl_canary.api.catalog import Target
from kubectl_canary.errors import Refused
from kubectl_canary.findings import Finding, Path
from kubectl_canary.reading import versions
from kubectl_canary.reading.manifests import Manifest
from kubectl_canary.reading.sources import Sources
from kubectl_canary.records import dataclass
from kubectl_canary.release.application import OWN_PREFIX, GitOps
from kubectl_canary.release.testers import Testers

# what the manifests say, and a canary file that adopts them cannot
GREENFIELD = (
    "image",
    "stable",
    "container",
    "pod",
    "podMetadata",
    "deployment",
    "service",
    "route",
    "autoscaling",
    "disruptionBudget",
)


@dataclass(frozen=True)
class Sets:
    """The manifests that run, and those that should run."""

    stable: Sequence[Manifest]
    new: Sequence[Manifest]


SetReader = Callable[[Sources], Sets]


@dataclass(frozen=True)
class Common:
    """What a canary file says of every release, adopted or not."""

    name: str
    namespace: str | None
    testers: Testers | None
    target: Target
    drain: int
    gitops: GitOps


def own_file(release: str) -> str:
    """The file in a folder of the user's that the canary's objects are written into, where phases are in place."""
    return f"{release}-canary.yaml"


def refuse_lost(manifests: Sequence[Manifest], release: str, own: str) -> None:
    """Raise Refused where a phase is in manifests, and the file `own` that says what they were before is not there."""
    key = f"{OWN_PREFIX}phase.{release}"
    message = f"is in a phase of `{release}`, and {own} is gone, which says what it was"
    findings = [
        Finding("in-place", "error", (), message, known.where(("metadata", "annotations")))
        for known in manifests
        if known.text("metadata", "annotations", key)
    ]
    if findings:
        hint = "Bring that file back, for example from Git, or the route as it was before the release."
        raise Refused("what the release has written cannot be taken off", findings, hint)


def adopting_findings(spec: dict[str, Any]) -> Iterator[Finding]:
    """Keys that say what the manifests say."""
    for key in GREENFIELD:
        if key in spec:
            message = "the manifests that `adopt` names say this; leave it out"
            yield Finding("adopt", "error", ("spec", key), message)
    canary = spec.get("canary") or {}
    if "tag" in canary and "image" in canary:
        message = "`tag` and `image` both; `image` is the whole reference"
        yield Finding("adopt", "error", ("spec", "canary", "image"), message)
    yield from versions.own_findings(canary)
    yield from _deployment_findings(spec["adopt"])
    yield from _pool_findings(spec["adopt"])


def _pool_findings(adopt: dict[str, Any]) -> Iterator[Finding]:
    """What stands in the way of InferencePools."""
    path: Path = ("spec", "adopt", "inferencePool")
    pools = adopt.get("inferencePool")
    if not isinstance(pools, dict):
        return
    if "service" in adopt:
        message = "`service` and `inferencePool` both; requests are split between one of them and its canary"
        yield Finding("adopt", "error", path, message)
    if isinstance(adopt.get("deployment"), list):
        message = "InferencePools of several Deployments are not released together; name one Deployment"
        yield Finding("adopt", "error", path, message)
    if pools.get("stable") == pools.get("canary"):
        message = "stable's pool and the canary's are the same; each selects the pods of its side"
        yield Finding("adopt", "error", (*path, "canary"), message)


def _deployment_findings(adopt: dict[str, Any]) -> Iterator[Finding]:
    """What a list of Deployments cannot say."""
    listed = adopt.get("deployment")
    if not isinstance(listed, list):
        return
    if "service" in adopt:
        message = "each of several Deployments has a Service of its own; write it into their entries"
        yield Finding("adopt", "error", ("spec", "adopt", "service"), message)
    names = [item.get("name") if isinstance(item, dict) else None for item in listed]
    for index, name in enumerate(names):
        if name is not None and name in names[:index]:
            path: Path = ("spec", "adopt", "deployment", index, "name")
            yield Finding("adopt", "error", path, f"`{name}` stands twice in the list")
