"""From what was read to a plan: what every verb starts with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubectl_canary.api import formats
from kubectl_canary.errors import Refused, UsageError
from kubectl_canary.findings import Finding, Where
from kubectl_canary.reading import canaryfile, sources
from kubectl_canary.reading.adopted.file import SetReader
from kubectl_canary.records import dataclass, replace
from kubectl_canary.release import quota
from kubectl_canary.release.gates import Prometheus
from kubectl_canary.release.plan import Phase, Plan, plan


@dataclass(frozen=True)
class Release:
    """A plan, the phase that the file declares (None where it declares none) and where, and what to say of them.

    `prometheus` is where its gates ask.
    """

    plan: Plan
    current: Phase | None
    warnings: tuple[Finding, ...]
    sources: sources.Sources
    prometheus: Prometheus | None = None

    @property
    def phase_where(self) -> Where:
        """Where the file says, or would say, in which phase the release is."""
        return self.sources.where(("spec", "phase"))

    def placed(self, finding: Finding) -> Finding:
        """A finding about the canary file, with its place there."""
        return replace(finding, where=self.sources.value_where(finding.path))

    @property
    def declaring_file(self) -> str:
        """The last of the files: the one of this environment, where several are merged."""
        return self.sources.documents[-1].file

    @property
    def file(self) -> str:
        """The file that says what is stable."""
        return self.sources.file_of(("spec", "stable"))

    @property
    def spec(self) -> dict[str, Any]:
        """The file's `spec`, as it was merged."""
        merged: dict[str, Any] = self.sources.value["spec"]
        return merged

    def declared(self, otherwise: str = "") -> Phase:
        """The phase that the file declares. Raises Refused, with what else to do, where it declares none."""
        if self.current is not None:
            return self.current
        names = ", ".join(f"`{phase.name}`" for phase in self.plan.phases)
        message = f"missing: where does the release stand? One of {names}{otherwise}"
        finding = Finding("phase", "error", ("spec", "phase"), message, self.phase_where, code="missing")
        raise Refused(f"{self.phase_where.file} does not say which phase to render", [finding])


def check_namespace(namespace: str | None) -> None:
    """Raises UsageError for what cannot be a namespace."""
    if namespace is not None:
        try:
            formats.dns_label(namespace)
        except ValueError as error:
            raise UsageError(f"--namespace: {error}") from None


def read(
    source: sources.Sources, namespace: str | None = None, read_sets: SetReader | None = None
) -> Release:
    """Plan a release from what was read; `read_sets` reads the manifests that it adopts.

    Raises Refused with every finding.
    """
    file = canaryfile.parse(source, namespace, read_sets)
    plan_of_file = _planned(file, source)
    errors = [_located(finding, source) for finding in _of_precedence(plan_of_file)]
    if errors:
        raise Refused(f"{errors[0].where.file} is not valid", errors)
    gateway = file.application.route.gateway
    findings = (
        *canaryfile.warnings(gateway),
        *plan_of_file.version_findings(),
        *plan_of_file.capacity_findings(),
        *quota.findings(plan_of_file),
    )
    warnings = (*source.notes, *(_located(finding, source) for finding in findings))
    current = _declared(plan_of_file, file.phase, source)
    return Release(plan_of_file, current, warnings, source, file.prometheus)


def _planned(file: canaryfile.CanaryFile, source: sources.Sources) -> Plan:
    if file.application.adopted is None:
        return plan(file.application, file.phases)
    from kubectl_canary.reading.adopted import apart

    return apart.planned(file, source)


def _of_precedence(plan_of_file: Plan) -> Iterator[Finding]:
    if plan_of_file.application.adopted is not None:
        from kubectl_canary.release import precedence

        yield from precedence.findings(plan_of_file)


def _located(finding: Finding, source: sources.Sources) -> Finding:
    path = finding.path
    if finding.rule == "capacity":
        in_canary = "replicas" in (source.value["spec"].get("canary") or {})
        path = ("spec", "canary", "replicas") if in_canary else ("spec", "phases")
    return replace(finding, path=path, where=source.where(path))


def _declared(plan_of_file: Plan, name: str | None, source: sources.Sources) -> Phase | None:
    if name is None:
        return None if plan_of_file.application.has_release else plan_of_file.phases[0]
    try:
        return plan_of_file.find(name)
    except UsageError as error:
        path, hint = ("spec", "phase"), error.hint
        if plan_of_file.application.has_release:
            hint += f". A release that is at `{name}` needs it in spec.phases until it is over"
        finding = Finding("phase", "error", path, error.message, source.value_where(path), hint)
        raise Refused(f"{finding.where.file} is not valid", [finding]) from None
