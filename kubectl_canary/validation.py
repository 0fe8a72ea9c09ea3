"""Manifests → what the API server would say to each, and what our lint adds to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from kubectl_canary import implementations, lint, patches, release, sources
from kubectl_canary.admission import verdict
from kubectl_canary.admission.catalog import Target
from kubectl_canary.admission.unsupported import Unsupported
from kubectl_canary.errors import Refused
from kubectl_canary.findings import Finding, Where, in_order
from kubectl_canary.generator import Generator
from kubectl_canary.implementations import Claims
from kubectl_canary.manifests import Manifest
from kubectl_canary.objects import planned
from kubectl_canary.plan import Phase, Plan
from kubectl_canary.transition import steps

Severity = Literal["error", "warning"]
NOWHERE = Where("")


@dataclass(frozen=True)
class Question:
    """What to judge by: releases, which a canary file may name unless the user has, lint, and an implementation.

    Without `claims`, what a Gateway's class says is the implementation.
    """

    target: Target = field(default_factory=Target)
    target_is_given: bool = False
    with_lint: bool = True
    claims: Claims | None = None

    def for_plan(self, plan: Plan) -> Plan:
        """The plan, for the releases that it is judged by."""
        asked = self.target if self.target_is_given else plan.canary.target
        target = replace(asked, kubernetes=self.target.kubernetes)
        return replace(plan, canary=replace(plan.canary, target=target))


@dataclass(frozen=True)
class Judged:
    """An object, the API server's verdict (None where we do not know its kind), every finding, and judged for what."""

    manifest: Manifest
    valid: bool | None
    findings: tuple[Finding, ...]
    target: Target


@dataclass(frozen=True)
class Ignored:
    """`--ignore RULE[=PATH]`: findings of a rule, everywhere or at one path and below."""

    rule: str
    path: str = ""

    def covers(self, finding: Finding, path: str) -> bool:
        """Whether a finding at a path is one of these."""
        below = path == self.path or path.startswith((f"{self.path}.", f"{self.path}["))
        return finding.rule == self.rule and (not self.path or below)


def judge(manifests: Sequence[Manifest], question: Question) -> list[Judged]:
    """Every object judged; a canary file is judged by all its phases, its patches and its ways back."""
    judged = [_judged(one, question) for one in manifests]
    if not question.with_lint:
        return judged
    accepted = [one.manifest for one in judged if one.valid]
    unjudged = [one.manifest for one in judged if one.valid is None]
    complaints = _lint([one.value for one in accepted], question.claims, [one.value for one in unjudged])
    linted = [*accepted, *unjudged]
    more: dict[int, list[Finding]] = {}
    for number, finding in complaints:
        manifest = linted[number]
        more.setdefault(id(manifest), []).append(replace(finding, where=manifest.where(finding.path)))
    return [
        replace(one, findings=(*one.findings, *in_order(more.get(id(one.manifest), ())))) for one in judged
    ]


def is_canary(value: Any) -> bool:
    """Whether an object is a canary file."""
    return isinstance(value, dict) and str(value.get("apiVersion")).startswith("kubectl-canary/")


def _lint(
    objects: Sequence[dict[str, Any]], claims: Claims | None, unjudged: Sequence[dict[str, Any]] = ()
) -> list[tuple[int, Finding]]:
    return [*lint.complaints(objects, unjudged), *implementations.complaints(objects, claims)]


def _judged(manifest: Manifest, question: Question) -> Judged:
    if is_canary(manifest.value):
        return _judged_canary(manifest, question)
    try:
        found = verdict.judge(manifest.value, question.target)
    except Unsupported as unsupported:
        message = f"cannot be judged: the kind's own schema uses {unsupported}"
        finding = Finding("unsupported", "error", (), message, manifest.where(()))
        return Judged(manifest, None, (finding,), question.target)
    if found is None:
        return Judged(manifest, None, (_unknown_kind(manifest),), question.target)
    placed = (replace(one, where=manifest.where(one.path)) for one in found)
    return Judged(manifest, not found, tuple(in_order(placed)), question.target)


def _unknown_kind(manifest: Manifest) -> Finding:
    message = f"not checked: no schema for {manifest.text('kind')} of {manifest.text('apiVersion')}"
    hint = "--crds FILE names the CustomResourceDefinition"
    return Finding("unknown-kind", "warning", (), message, manifest.where(("kind",)), hint)


def _judged_canary(manifest: Manifest, question: Question) -> Judged:
    try:
        made = release.read(sources.Sources(manifest.value, [manifest.own]))
    except Refused as refused:
        return Judged(manifest, False, refused.findings, question.target)
    plan = question.for_plan(made.plan)
    findings = (*made.warnings, *_of_plan(manifest, plan, question))
    valid = not any(one.severity == "error" for one in findings)
    return Judged(manifest, valid, findings, plan.canary.target)


def _of_plan(manifest: Manifest, plan: Plan, question: Question) -> Iterator[Finding]:
    generator = Generator(target=plan.canary.target)
    phases: dict[Finding, list[str]] = {}
    for phase in (*plan.phases, *plan.ways_back()):
        for finding in _of_phase(plan, generator, phase, question):
            phases.setdefault(finding, []).append(phase.name)
    for finding, names in phases.items():
        message = f"{finding.message} (in {_listed(names)})"
        yield replace(finding, message=message, where=manifest.where(()))


def _listed(names: Sequence[str]) -> str:
    first = ", ".join(f"`{name}`" for name in names[:3])
    return f"{first} and {len(names) - 3} more phases" if len(names) > 3 else first


def _of_phase(plan: Plan, generator: Generator, phase: Phase, question: Question) -> Iterator[Finding]:
    try:
        rendered = generator.render(planned(plan.canary, phase))
    except Refused as refused:
        yield from (replace(one, where=NOWHERE) for one in refused.findings)
        return
    yield from _of_patches(plan, generator, phase)
    for number, finding in (
        _lint([one.value for one in rendered], question.claims) if question.with_lint else ()
    ):
        yield replace(finding, message=f"{rendered[number].title}: {finding.message}")


def _of_patches(plan: Plan, generator: Generator, phase: Phase) -> Iterator[Finding]:
    """The patches that lead to a phase from the one before it must make exactly the phase."""
    start = plan.previous(phase)
    try:
        found = steps(plan, generator, start, phase) if start is not None else []
    except Refused:
        return  # what is wrong with the phase before is said there
    for step in found:
        if step.before is not None and step.after is not None:
            made = patches.applied(step.before.value, step.operations())
            if not patches.same(made, step.after.value):
                message = f"the patch from `{start.name}` does not make `{phase.name}`" if start else ""
                yield Finding("patch", "error", (), f"{step.rendered.title}: {message}")


@dataclass
class Report:
    """Everything that was judged, and what could not be read at all."""

    judged: list[Judged]
    unread: list[Finding]

    def targets(self) -> list[Target]:
        """The releases that were judged for."""
        return list({str(one.target): one.target for one in self.judged}.values())

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
        return Report(kept, self.unread)
