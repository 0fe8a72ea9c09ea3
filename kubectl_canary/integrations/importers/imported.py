"""What an importer answers with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kubectl_canary.findings import Finding, Path
from kubectl_canary.reading.manifests import Manifest
from kubectl_canary.records import dataclass
from kubectl_canary.release.phases import PhaseSpec


@dataclass(frozen=True)
class Gateway:
    """The Gateway that the routes attach to."""

    name: str
    namespace: str | None = None


@dataclass(frozen=True)
class Imported:
    """A release in the making.

    `manifests` are what goes on as it is, `routes` the HTTPRoutes beside it. `service` is what the release is
    about, and `deployments` those whose pods it selects; `governed` has the numbers of the rules that the release
    shapes by the route's name, where that is not every rule to the Service. `canary` is the Deployment of the new
    version, where it is known, `testers` the value of `spec.testers`. `losses` is what cannot be said, `steps` the
    way from the running tool to the files, in order; `{apply}` in them is what applies the routes, `{start}` what
    starts the release.
    """

    source: tuple[str, ...]
    manifests: tuple[Manifest, ...]
    routes: tuple[dict[str, Any], ...]
    service: str
    deployments: tuple[str, ...]
    governed: dict[str, list[int]]
    canary: Manifest | None
    testers: dict[str, str] | bool
    phases: tuple[PhaseSpec, ...]
    losses: tuple[Finding, ...]
    steps: tuple[str, ...]


def loss(rule: str, manifest: Manifest, path: Path, message: str, hint: str = "") -> Finding:
    """Something that cannot be said in the files, at its place."""
    return Finding(rule, "warning", path, f"{manifest.title}: {message}", manifest.where(path), hint)


def refusal(rule: str, manifest: Manifest, path: Path, message: str, hint: str = "") -> Finding:
    """Something without which nothing can be imported, at its place."""
    return Finding(rule, "error", path, f"{manifest.title}: {message}", manifest.where(path), hint)


def errors_in(findings: Sequence[Finding]) -> list[Finding]:
    """The errors among findings."""
    return [finding for finding in findings if finding.severity == "error"]
