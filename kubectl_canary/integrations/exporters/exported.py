"""What an exporter is given, and what it answers with."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

from kubectl_canary.findings import Finding, Path
from kubectl_canary.records import dataclass
from kubectl_canary.release.application import Workload
from kubectl_canary.release.companions import SCALERS, is_scaler_of
from kubectl_canary.release.gates import Gate, Prometheus
from kubectl_canary.release.phases import copies_text, percent
from kubectl_canary.release.plan import Phase, PhaseKind, Plan

Object = dict[str, Any]
SPLITTING = (PhaseKind.MIRROR, PhaseKind.HEADER_ONLY, PhaseKind.WEIGHT)


@dataclass(frozen=True)
class Exporting:
    """A release, and the objects of its application as one version runs behind a route that nothing splits.

    `shared` are the names of the gates in `spec.gates`, in their order.
    """

    plan: Plan
    objects: tuple[Object, ...]
    prometheus: Prometheus | None
    shared: tuple[str, ...] = ()

    @property
    def phases(self) -> list[Phase]:
        """The phases between deploy and promotion, in order."""
        return [phase for phase in self.plan.phases if phase.kind in SPLITTING]

    @property
    def workload(self) -> Workload:
        """What is released: one Deployment. `export` refuses several."""
        return self.plan.application.workloads[0]

    def is_here(self, known: Object) -> bool:
        """Whether an object is in the namespace of the release."""
        application = self.plan.application
        return application.namespace_of(known) == application.namespace

    def of_kind(self, *kinds: str) -> list[Object]:
        """Copies of the objects of some kinds, in all namespaces."""
        return [copy.deepcopy(known) for known in self.objects if known["kind"] in kinds]

    def here(self, *kinds: str) -> list[Object]:
        """Copies of those in the namespace of the release."""
        return [known for known in self.of_kind(*kinds) if self.is_here(known)]

    def one(self, kind: str, name: str) -> Object:
        """A copy of one object in the namespace of the release."""
        return next(known for known in self.here(kind) if known["metadata"]["name"] == name)

    @property
    def scaler(self) -> Object | None:
        """What scales the Deployment."""
        name = self.workload.names.stable
        return next((known for known in self.here(*SCALERS) if is_scaler_of(known, name)), None)

    def place_of(self, phase: Phase, gate: Gate) -> Path:
        """Where a gate of a phase stands in the canary file; names of gates differ there."""
        if gate.name in self.shared:
            return ("spec", "gates", self.shared.index(gate.name))
        own = [known.name for known in phase.gates if known.name not in self.shared]
        return (*of_phase(self.plan, phase)[0], "gates", own.index(gate.name))


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


def plain_name(phase: Phase) -> str:
    """What a phase is called by what it does, as steps are that have no names."""
    traffic = phase.traffic
    if traffic.mirror:
        return copies_text(traffic.mirror, traffic.to)
    return percent(traffic.share) if traffic.share else PhaseKind.HEADER_ONLY.value


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
