"""What an exporter is given, and what it answers with."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

from kubectl_canary.findings import Finding, Path
from kubectl_canary.records import dataclass
from kubectl_canary.release.application import Workload
from kubectl_canary.release.gates import Prometheus
from kubectl_canary.release.plan import Phase, PhaseKind, Plan

Object = dict[str, Any]
SPLITTING = (PhaseKind.MIRROR, PhaseKind.HEADER_ONLY, PhaseKind.WEIGHT)


@dataclass(frozen=True)
class Exporting:
    """A release, and the objects of its application as one version runs behind a route that nothing splits."""

    plan: Plan
    objects: tuple[Object, ...]
    prometheus: Prometheus | None

    @property
    def phases(self) -> list[Phase]:
        """The phases between deploy and promotion, in order."""
        return [phase for phase in self.plan.phases if phase.kind in SPLITTING]

    @property
    def workload(self) -> Workload:
        """What is released: one Deployment, which `refuse_many` has seen to."""
        return self.plan.application.workloads[0]

    def of_kind(self, *kinds: str) -> list[Object]:
        """Copies of the objects of some kinds."""
        return [copy.deepcopy(known) for known in self.objects if known["kind"] in kinds]

    def one(self, kind: str, name: str) -> Object:
        """A copy of one object."""
        return next(known for known in self.of_kind(kind) if known["metadata"]["name"] == name)


@dataclass(frozen=True)
class Exported:
    """The tool's objects and those that they need beside them, in the order to apply them, and what is lost."""

    objects: tuple[Object, ...]
    losses: tuple[Finding, ...]


@dataclass(frozen=True)
class Destination:
    """A tool to which releases are exported; the comparison in docs is made from its tables.

    `fields` says what of a release becomes what, `limits` what the tool cannot say, by the rule's name without that of
    the tool.
    """

    name: str
    title: str
    fields: dict[str, str]
    limits: dict[str, str]
    exported: Callable[[Exporting], Exported]


def of_phase(plan: Plan, phase: Phase) -> tuple[Path, str]:
    """Where a phase stands in the canary file, and how a message about it begins."""
    middle = [known.name for known in plan.phases if known.kind in SPLITTING]
    return ("spec", "phases", middle.index(phase.name)), f"{phase.name}: "


def loss(rule: str, path: Path, message: str, hint: str = "") -> Finding:
    """Something that the tool cannot do, at its place in the canary file."""
    return Finding(rule, "warning", path, message, hint=hint)


def metadata(known: Object, name: str) -> Object:
    """The metadata of an object made beside another: its namespace and labels, under a name of its own."""
    kept = {key: known["metadata"][key] for key in ("namespace", "labels") if known["metadata"].get(key)}
    return {"name": name, **kept}


def losses_of(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Each loss once, in the order of their places."""
    return tuple(dict.fromkeys(findings))
