"""Manifests → what the API server would say to each, and what our lint adds to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from kubectl_canary.api import verdict
from kubectl_canary.api.catalog import Target
from kubectl_canary.api.unsupported import Unsupported
from kubectl_canary.findings import Finding, in_order, path_text
from kubectl_canary.judging import sets
from kubectl_canary.reading.manifests import Manifest, is_canary, is_fleet
from kubectl_canary.records import dataclass, field, replace

if TYPE_CHECKING:
    from kubectl_canary.judging.implementations import Claims
    from kubectl_canary.reading.adopted.file import SetReader
    from kubectl_canary.release.plan import Plan
    from kubectl_canary.rendering.overrides import Templates

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Settings:
    """What the command line says over a canary file: values, by --set or a flag of their own, namespace, templates.

    `read_sets` reads the manifests that a canary file adopts.
    """

    values: Sequence[str] = ()
    short: Mapping[str, str] = field(default_factory=dict)
    namespace: str | None = None
    templates: Templates | None = None
    read_sets: SetReader | None = None

    def __bool__(self) -> bool:
        return bool(self.values or self.short or self.templates) or self.namespace is not None


@dataclass(frozen=True)
class Question:
    """What to judge by: releases, which a canary file may name unless the user has, lint, and an implementation.

    Without `claims`, what a Gateway's class says is the implementation. `settings` hold for every canary file.
    """

    target: Target = field(default_factory=Target)
    target_is_given: bool = False
    with_lint: bool = True
    claims: Claims | None = None
    settings: Settings = Settings()

    def for_plan(self, plan: Plan) -> Plan:
        """The plan, for the releases that it is judged by."""
        asked = self.target if self.target_is_given else plan.application.target
        target = replace(asked, kubernetes=self.target.kubernetes)
        return replace(plan, application=replace(plan.application, target=target))


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

    def covers(self, finding: Finding) -> bool:
        """Whether a finding is to be ignored."""
        path = path_text(finding.path)
        below = path == self.path or path.startswith((f"{self.path}.", f"{self.path}["))
        return finding.rule == self.rule and (not self.path or below)


def judge(
    manifests: Sequence[Manifest], question: Question, known: Mapping[int, Judged] | None = None
) -> list[Judged]:
    """Every object judged; a canary file is judged by all its phases, its patches and its ways back.

    The manifests are one set: each phase of a canary file is looked at together with the manifests beside it.
    `known` are verdicts that are found already, by the id of their manifest.
    """
    known = known or {}
    verdicts = {
        id(manifest): known.get(id(manifest)) or judged(manifest, question)
        for manifest in manifests
        if not is_canary(manifest.value)
    }
    accepted = [
        manifest for manifest in manifests if id(manifest) in verdicts and verdicts[id(manifest)].valid
    ]
    unjudged = [
        manifest
        for manifest in manifests
        if id(manifest) in verdicts and verdicts[id(manifest)].valid is None
    ]
    further: dict[int, list[Finding]] = {}
    if len(verdicts) < len(manifests):
        from kubectl_canary.judging import canaries  # it renders, and most manifests are no canary files

        verdicts |= canaries.judged(manifests, accepted, unjudged, question, further)
    if question.with_lint:
        _look_at_sets(manifests, accepted, unjudged, question, further)
    return [_with(verdicts[id(manifest)], further.get(id(manifest), ())) for manifest in manifests]


def _look_at_sets(
    manifests: Sequence[Manifest],
    accepted: Sequence[Manifest],
    unjudged: Sequence[Manifest],
    question: Question,
    further: dict[int, list[Finding]],
) -> None:
    accompanied = set(further)  # what was looked at together with a canary file's phases
    unknown = set(map(id, unjudged))
    for together in sets.by_phase([*accepted, *unjudged]):
        if all(id(manifest) in accompanied for manifest in together):
            continue
        known = [manifest.value for manifest in together if id(manifest) not in unknown]
        rest = [manifest.value for manifest in together if id(manifest) in unknown]
        for number, finding in linted(known, question.claims, rest):
            manifest = together[number]
            placed = replace(finding, where=manifest.where(finding.path))
            if id(manifest) not in accompanied:
                further.setdefault(id(manifest), []).append(placed)
    for together in sets.by_phase(manifests):
        for manifest, finding in sets.repeated(together, question.target):
            further.setdefault(id(manifest), []).append(finding)


def _with(judged: Judged, further: Sequence[Finding]) -> Judged:
    return replace(judged, findings=(*judged.findings, *in_order(further)))


def linted(
    objects: Sequence[dict[str, Any]], claims: Claims | None, unjudged: Sequence[dict[str, Any]] = ()
) -> list[tuple[int, Finding]]:
    """What lint says of objects that are applied together, each with the number of the object that it is about."""
    from kubectl_canary.judging import implementations, lint  # `--admission-only` does without

    return [*lint.findings(objects, unjudged), *implementations.findings(objects, claims)]


def judged(manifest: Manifest, question: Question) -> Judged:
    """An object of the API server's, or a fleet, judged alone."""
    try:
        findings = _verdict(manifest.value, question.target)
    except Unsupported as unsupported:
        message = f"cannot be judged: the kind's own schema uses {unsupported}"
        finding = Finding("unsupported", "error", (), message, manifest.where(()))
        return Judged(manifest, None, (finding,), question.target)
    if findings is None:
        return Judged(manifest, None, (_unknown_kind(manifest, question.target),), question.target)
    placed = (replace(finding, where=manifest.where(finding.path)) for finding in findings)
    return Judged(manifest, not findings, tuple(in_order(placed)), question.target)


def _verdict(value: dict[str, Any], target: Target) -> list[Finding] | None:
    """What the API server, or we for a fleet, hold against an object; None for an unknown kind."""
    if not is_fleet(value):
        return verdict.judge(value, target)
    from kubectl_canary.reading import fleets  # few manifests are one

    return fleets.findings_of(value)


def _unknown_kind(manifest: Manifest, target: Target) -> Finding:
    from kubectl_canary.api import unserved

    api_version, kind = manifest.text("apiVersion"), manifest.text("kind")
    message = f"not checked: no schema for {kind} of {api_version}"
    hint = unserved.not_checked_hint(api_version, kind, target)
    return Finding("unknown-kind", "warning", (), message, manifest.where(("kind",)), hint)


@dataclass
class Report:
    """Everything that was judged, and what could not be read at all."""

    judged: list[Judged]
    unread: list[Finding]

    def targets(self) -> list[Target]:
        """The releases that were judged for."""
        return list({str(judged.target): judged.target for judged in self.judged}.values())

    def findings(self) -> Iterator[tuple[Manifest | None, Finding]]:
        """Every finding with the object that it is about, in the order of the input."""
        yield from ((None, finding) for finding in self.unread)
        for judged in self.judged:
            yield from ((judged.manifest, finding) for finding in judged.findings)

    def count(self, severity: Severity) -> int:
        """How many findings of a severity there are."""
        return sum(1 for _, finding in self.findings() if finding.severity == severity)

    @property
    def not_checked(self) -> int:
        """How many objects we have no verdict on."""
        return sum(1 for judged in self.judged if judged.valid is None)

    def without(self, ignored: Sequence[Ignored]) -> Report:
        """The same without what the user does not want to hear; the API server's verdict stays."""
        kept = [
            replace(
                judged,
                findings=tuple(
                    finding
                    for finding in judged.findings
                    if not any(ignore.covers(finding) for ignore in ignored)
                ),
            )
            for judged in self.judged
        ]
        return Report(kept, self.unread)
