"""Manifests → what the API server would say to each, and what our lint adds to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from kubectl_canary import lint, patches, release, sources
from kubectl_canary.admission import verdict
from kubectl_canary.admission.catalog import Target
from kubectl_canary.admission.unsupported import Unsupported
from kubectl_canary.errors import CanaryError, Refused
from kubectl_canary.findings import Finding, Where, in_order
from kubectl_canary.generator import Generator, Rendered
from kubectl_canary.manifests import Manifest
from kubectl_canary.objects import planned
from kubectl_canary.plan import Phase, Plan
from kubectl_canary.transition import steps

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Judged:
    """An object, the API server's verdict (None where we do not know its kind), and every finding."""

    manifest: Manifest
    valid: bool | None
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Ignored:
    """`--ignore RULE[=PATH]`: findings of a rule, everywhere or at one path and below."""

    rule: str
    path: str = ""

    def covers(self, finding: Finding, path: str) -> bool:
        """Whether a finding at a path is one of these."""
        below = path == self.path or path.startswith((f"{self.path}.", f"{self.path}["))
        return finding.rule == self.rule and (not self.path or below)


def judge(manifests: Sequence[Manifest], target: Target, with_lint: bool = True) -> list[Judged]:
    """Every object judged; a canary file is judged by all its phases, its patches and its ways back."""
    judged = [_judged(one, target, with_lint) for one in manifests]
    if not with_lint:
        return judged
    accepted = [one for one in judged if one.valid]
    complaints = lint.complaints([one.manifest.value for one in accepted])
    more: dict[int, list[Finding]] = {}
    for number, finding in complaints:
        manifest = accepted[number].manifest
        more.setdefault(id(manifest), []).append(replace(finding, where=manifest.where(finding.path)))
    return [
        replace(one, findings=(*one.findings, *in_order(more.get(id(one.manifest), ())))) for one in judged
    ]


def is_canary(value: Any) -> bool:
    """Whether an object is a canary file."""
    return isinstance(value, dict) and str(value.get("apiVersion")).startswith("kubectl-canary/")


def _judged(manifest: Manifest, target: Target, with_lint: bool) -> Judged:
    if is_canary(manifest.value):
        findings = tuple(_of_canary(manifest, target, with_lint))
        return Judged(manifest, not any(one.severity == "error" for one in findings), findings)
    try:
        found = verdict.judge(manifest.value, target)
    except Unsupported as unsupported:
        message = f"cannot be judged: the kind's own schema uses {unsupported}"
        return Judged(manifest, None, (Finding("unsupported", "error", (), message, manifest.where(())),))
    if found is None:
        return Judged(manifest, None, (_unknown_kind(manifest),))
    placed = (replace(one, where=manifest.where(one.path)) for one in found)
    return Judged(manifest, not found, tuple(in_order(placed)))


def _unknown_kind(manifest: Manifest) -> Finding:
    message = f"not checked: no schema for {manifest.text('kind')} of {manifest.text('apiVersion')}"
    hint = "--crds FILE names the CustomResourceDefinition"
    return Finding("unknown-kind", "warning", (), message, manifest.where(("kind",)), hint)


def _of_canary(manifest: Manifest, target: Target, with_lint: bool) -> Iterator[Finding]:
    where = manifest.where(())
    try:
        made = release.read(sources.Sources(manifest.value, [manifest.document]))
    except Refused as refused:
        yield from refused.findings
        return
    yield from made.warnings
    generator, plan = Generator(target=target), made.plan
    for phase in (*plan.phases, *plan.ways_back()):
        try:
            rendered = generator.render(planned(plan.canary, phase))
            yield from _of_phase(rendered, phase, where, with_lint)
            yield from _of_patches(plan, generator, phase, where)
        except CanaryError as error:
            findings: Iterable[Finding] = error.findings if isinstance(error, Refused) else ()
            for one in findings:
                yield replace(one, message=f"phase {phase.name}: {one.message}", where=where)


def _of_phase(rendered: Sequence[Rendered], phase: Phase, where: Where, with_lint: bool) -> Iterator[Finding]:
    if with_lint:
        for number, finding in lint.complaints([one.value for one in rendered]):
            message = f"phase {phase.name}: {rendered[number].title}: {finding.message}"
            yield replace(finding, message=message, where=where)


def _of_patches(plan: Plan, generator: Generator, phase: Phase, where: Where) -> Iterator[Finding]:
    """The patches that lead to a phase from the one before it must make exactly the phase."""
    start = plan.previous(phase)
    for step in steps(plan, generator, start, phase) if start is not None else ():
        if step.before is not None and step.after is not None:
            made = patches.applied(step.before.value, step.operations())
            if not patches.same(made, step.after.value):
                message = f"the patch from `{start.name}` does not make `{phase.name}`" if start else ""
                yield Finding("patch", "error", (), f"{step.rendered.title}: {message}", where)


@dataclass
class Report:
    """Everything that was judged, and what could not be read at all."""

    judged: list[Judged]
    unread: list[Finding]
    target: Target = field(default_factory=Target)

    def findings(self) -> Iterator[tuple[Manifest | None, Finding]]:
        """Every finding with the object that it is about, in the order of the input."""
        yield from ((None, one) for one in self.unread)
        for one in self.judged:
            yield from ((one.manifest, finding) for finding in one.findings)

    def count(self, severity: Severity) -> int:
        """How many findings of a severity there are."""
        return sum(1 for _, finding in self.findings() if finding.severity == severity)

    def without(self, ignored: Sequence[Ignored], text: Any) -> Report:
        """The same without what the user does not want to hear; the API server's verdict stays."""
        kept = [
            replace(
                one,
                findings=tuple(
                    finding
                    for finding in one.findings
                    if not any(ignore.covers(finding, text(finding.path)) for ignore in ignored)
                ),
            )
            for one in self.judged
        ]
        return Report(kept, self.unread, self.target)
