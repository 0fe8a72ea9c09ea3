"""Canary files, judged by all their phases, patches and ways back, and by what lies beside them."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

from kubectl_canary.api.catalog import Target
from kubectl_canary.api.equality import same
from kubectl_canary.errors import Refused
from kubectl_canary.findings import Finding, Path, Where
from kubectl_canary.judging import lint, sets
from kubectl_canary.judging.validation import Judged, Question, Settings, linted
from kubectl_canary.reading import release, sources
from kubectl_canary.reading.manifests import Manifest, is_canary
from kubectl_canary.reading.release import Release
from kubectl_canary.reading.testing import TESTERS
from kubectl_canary.records import dataclass, replace
from kubectl_canary.release import apart, patches
from kubectl_canary.release.application import OWN_LABEL, OWNER, ROUTE_KINDS, Application
from kubectl_canary.release.changes import Alteration
from kubectl_canary.release.documents import Document
from kubectl_canary.release.overlay import ReleaseOnRoute
from kubectl_canary.release.plan import Phase, Plan
from kubectl_canary.release.testers import Testers
from kubectl_canary.rendering import provenance
from kubectl_canary.rendering.generator import Generator, Rendered
from kubectl_canary.rendering.objects import Planned, planned
from kubectl_canary.rendering.steps import step

NOWHERE = Where("")
MANAGED_BY = ("metadata", "labels", OWN_LABEL)


@dataclass(frozen=True)
class Company:
    """What a canary file is judged beside: manifests of no phase, and the documents of the other canary files.

    `unjudged` are manifests of kinds without a schema.
    """

    manifests: Sequence[Manifest] = ()
    documents: Sequence[dict[str, Any]] = ()
    unjudged: Sequence[Manifest] = ()

    @property
    def everything(self) -> list[Manifest]:
        """The manifests, those of kinds without a schema last."""
        return [*self.manifests, *self.unjudged]

    def without(self, keys: Container[sets.Identity | None], target: Target) -> Company:
        """The same without objects that a canary file makes itself."""
        return Company(
            [manifest for manifest in self.manifests if sets.identity(manifest.value, target) not in keys],
            [document for document in self.documents if sets.identity(document, target) not in keys],
            self.unjudged,
        )


def judged(
    manifests: Sequence[Manifest],
    accepted: Sequence[Manifest],
    unjudged: Sequence[Manifest],
    question: Question,
    further: dict[int, list[Finding]],
) -> dict[int, Judged]:
    """The canary files among manifests judged, by the id of each.

    `accepted` and `unjudged` are the others that the API server would take, and those of kinds without a schema. What
    is wrong with them beside a canary file is added to `further`.
    """
    verdicts = {}
    files = {
        id(manifest): _read(manifest, question.settings)
        for manifest in manifests
        if is_canary(manifest.value)
    }
    for manifest in manifests:
        if id(manifest) in files:
            others = [outcome for key, outcome in files.items() if key != id(manifest)]
            company = _company(accepted, others, unjudged, question) if question.with_lint else Company()
            verdicts[id(manifest)] = _judged_canary(manifest, files[id(manifest)], question, company, further)
    if question.with_lint:
        for manifest, finding in _made_twice(manifests, files, question):
            further.setdefault(id(manifest), []).append(finding)
    return verdicts


def _made_twice(
    manifests: Sequence[Manifest], files: Mapping[int, Release | Refused], question: Question
) -> Iterator[tuple[Manifest, Finding]]:
    """Objects that two canary files make, and not the same: whichever is applied last would have its way."""
    makers: dict[sets.Identity | None, tuple[Manifest, dict[str, Any]]] = {}
    for manifest in manifests if len(files) > 1 else ():
        for document in _declared(files[id(manifest)], question) if id(manifest) in files else ():
            key = sets.identity(document, question.target)
            maker, other = makers.setdefault(key, (manifest, document))
            if maker is not manifest and not same(other, document):
                yield manifest, _made_by_another(manifest, maker, document)


def _made_by_canary(manifest: Manifest, file: Manifest) -> Finding:
    """The finding about an object beside a canary file that makes it too."""
    message = f"the same object as one that the canary file {file.where(()).file} makes"
    finding = Finding(sets.RULE, "error", sets.NAME, message, hint="take this one out, or rename it")
    return replace(finding, where=manifest.where(sets.NAME))


def _made_by_another(file: Manifest, maker: Manifest, document: dict[str, Any]) -> Finding:
    """The finding about an object that a canary file makes, and another one makes otherwise."""
    title = f"{document['kind']} {document['metadata']['name']}"
    message = f"makes {title}, and so does {maker.where(()).file}: the one that is applied last would be left"
    hint = "give one of them another name"
    if document["kind"] in ROUTE_KINDS and "adopt" in (file.value.get("spec") or {}):
        first, second = maker.where(()).file, file.where(()).file
        hint = f"chain them: render -f {first} --everything | render -f {second} --manifests -"
    return Finding(sets.RULE, "error", sets.NAME, message, file.where(sets.NAME), hint)


def _company(
    accepted: Sequence[Manifest],
    others: Sequence[Release | Refused],
    unjudged: Sequence[Manifest],
    question: Question,
) -> Company:
    """What is looked at together with a canary file's phases; `others` are the other canary files."""
    return Company(
        [manifest for manifest in accepted if not manifest.phase_folder],
        [document for outcome in others for document in _declared(outcome, question)],
        [manifest for manifest in unjudged if not manifest.phase_folder],
    )


def _read(manifest: Manifest, settings: Settings) -> Release | Refused:
    source = sources.layered([manifest.own, *manifest.layers])
    sources.settle(source, settings.values, settings.short)
    try:
        return release.read(source, settings.namespace, settings.read_sets)
    except Refused as refused:
        return refused


def _declared(outcome: Release | Refused, question: Question) -> list[dict[str, Any]]:
    """The documents of the phase that a canary file declares, else of its first; none where it is refused."""
    if isinstance(outcome, Refused):
        return []
    plan = question.for_plan(outcome.plan)
    try:
        rendered = Generator(question.settings.templates, plan.application.target).render(
            planned(plan.application, outcome.current or plan.phases[0])
        )
    except Refused:
        return []
    return [document.value for document in rendered]


def _judged_canary(
    manifest: Manifest,
    outcome: Release | Refused,
    question: Question,
    company: Company,
    further: dict[int, list[Finding]],
) -> Judged:
    if isinstance(outcome, Refused):
        return Judged(manifest, False, outcome.findings, question.target)
    plan = question.for_plan(outcome.plan)
    findings = list(outcome.warnings)
    owned = _owned(plan)
    for neighbour in company.manifests:
        if (
            sets.identity(neighbour.value, plan.application.target) in owned
            and neighbour.text(*MANAGED_BY) != OWNER
            and plan.application.adopted is None
        ):
            further.setdefault(id(neighbour), []).append(_made_by_canary(neighbour, manifest))
    company = company.without(owned, plan.application.target)
    further.update({id(neighbour): further.get(id(neighbour), []) for neighbour in company.everything})
    for about, finding in _of_plan(manifest, plan, outcome.sources, question, company):
        if about is manifest:
            findings.append(finding)
        else:
            further.setdefault(id(about), []).append(finding)
    valid = not any(finding.severity == "error" for finding in findings)
    return Judged(manifest, valid, tuple(findings), plan.application.target)


def _of_plan(
    manifest: Manifest, plan: Plan, source: sources.Sources, question: Question, company: Company
) -> Iterator[tuple[Manifest, Finding]]:
    """What is wrong with phases, each finding once, with the manifest that it is about."""
    generator = Generator(question.settings.templates, plan.application.target, sources=source)
    every = (*plan.phases, *plan.ways_back())
    said = {phase.name: list(_of_phase(plan, generator, phase, question, company)) for phase in every}
    stood = _as_it_stood(plan, said)
    phases: dict[tuple[int, Finding], dict[str, None]] = {}
    for name, listed in said.items():
        for known in (known for one in listed for known in _known(one, stood)):
            phases.setdefault((known.number, known.finding), {})[name] = None
    for (number, finding), names in phases.items():
        about = company.everything[number] if number >= 0 else manifest
        message = f"{finding.message} (in {_listed([*names])})"
        where = about.where(finding.path if number >= 0 else ())
        is_placed = number < 0 and finding.where.line > 0
        yield about, replace(finding, message=message, where=finding.where if is_placed else where)


OF_CLONES = "header-rule-loses"  # of a release it says that rules which are not governed have no clones


@dataclass(frozen=True)
class _Said:
    """A finding, and the number of the manifest beside the file that it is about, or -1.

    `rule` is the rule of a route, and `title` the route that has it, both of the user's where it is about a clone.
    """

    number: int
    finding: Finding
    rule: str = ""
    title: str = ""

    @property
    def told(self) -> tuple[int, str, str, str]:
        """What tells findings apart wherever the release moves what they are about on a route."""
        message = self.finding.message
        said = f"{self.title}: {message.partition(': ')[2]}" if self.title else message
        return self.number, self.finding.rule, said, self.rule


_Stood = Mapping[tuple[int, str, str, str], list[_Said]]


def _said_of(application: Application, phase: Phase, document: Rendered, path: Path, said: Finding) -> _Said:
    """A finding with what its rule is known by: the name, else the matches; of a clone those of its original."""
    place = path[2] if path[:2] == ("spec", "rules") and len(path) > 2 else None
    if not isinstance(place, int):
        return _Said(-1, said)
    rule, title = document.value["spec"]["rules"][place], ""
    release = ReleaseOnRoute(application, document.value)
    cloned_from = apart.originals(document.value, application, phase)
    if document.part.is_route and cloned_from is not None:
        title, rule = cloned_from[0].title, cloned_from[1][place]
    elif document.part.is_governed and any(rule is clone for clone in release.added()):
        rule = release.original_of(rule)
    return _Said(-1, said, str(rule.get("name") or rule.get("matches")), title)


def _as_it_stood(plan: Plan, said: Mapping[str, Sequence[_Said]]) -> _Stood | None:
    """What lint says of the user's manifests before the release, which is no reason against it; None of our own."""
    if plan.application.adopted is None:
        return None
    rules: set[str] = {rule.id for rule in lint.rules()}
    stood: dict[tuple[int, str, str, str], list[_Said]] = {}
    for one in said[plan.phases[0].name]:
        if one.finding.rule in rules:
            warning = replace(one, finding=replace(one.finding, severity="warning"))
            stood.setdefault(one.told, []).append(warning)
    return stood


def _known(said: _Said, stood: _Stood | None) -> list[_Said]:
    """A finding at the places where the user's own manifests have it already, where it is a warning."""
    if stood is None:
        return [said]
    return stood.get(said.told, [] if said.finding.rule == OF_CLONES else [said])


def _owned(plan: Plan) -> set[sets.Identity]:
    """What tells each object that a plan has in any phase from all others."""
    every = (*plan.phases, *plan.ways_back())
    return {
        _identity(planned_object) for phase in every for planned_object in planned(plan.application, phase)
    }


def _identity(planned_object: Planned | Document) -> sets.Identity:
    api_version, kind, namespace, name = planned_object.part.key
    return api_version.rpartition("/")[0], kind, namespace or "", name


def _listed(names: Sequence[str]) -> str:
    first = ", ".join(f"`{name}`" for name in names[:3])
    return f"{first} and {len(names) - 3} more phases" if len(names) > 3 else first


def _of_phase(
    plan: Plan, generator: Generator, phase: Phase, question: Question, company: Company
) -> Iterator[_Said]:
    """What is wrong with a phase."""
    try:
        rendered = generator.render(planned(plan.application, phase))
    except Refused as refused:
        yield from (
            _Said(-1, finding if finding.where.line else replace(finding, where=NOWHERE))
            for finding in refused.findings
        )
        return
    yield from (_Said(-1, finding) for finding in _of_patches(plan, generator, phase))
    if not question.with_lint:
        return
    # rules name the later of two objects: here that is the object which is asked about
    first = len(company.documents)
    objects = [
        *company.documents,
        *(document.value for document in rendered),
        *(manifest.value for manifest in company.manifests),
    ]
    for number, finding in linted(
        objects, question.claims, [manifest.value for manifest in company.unjudged]
    ):
        in_phase, beside = number - first, number - first - len(rendered)
        if beside >= 0:
            yield _Said(beside, finding)
        elif in_phase >= 0:
            document = rendered[in_phase]
            said = _of_document(generator, document, finding, plan.application.testers)
            yield _said_of(plan.application, phase, document, finding.path, said)


def _of_document(
    generator: Generator, document: Rendered, finding: Finding, testers: Testers | None
) -> Finding:
    """What lint says of a document of ours, at the place of the canary file, or of the user's, that it comes from."""
    path = finding.path
    if generator.sources and provenance.is_testers(document.value, path, testers):
        path, where = TESTERS, generator.sources.where(TESTERS)
    elif isinstance(document.planned, Document):
        where = generator.origin(document.planned, finding.path)
    else:
        place = generator.place(document.planned, finding.path)
        where = place[1] if place else NOWHERE
    return replace(finding, path=path, message=f"{document.part.title}: {finding.message}", where=where)


def _of_patches(plan: Plan, generator: Generator, phase: Phase) -> Iterator[Finding]:
    """The patches that lead to a phase from the phase before it must make exactly the phase."""
    start = plan.previous(phase)
    try:
        changes = step(plan, generator, start, phase).changes if start is not None else ()
    except Refused:
        return  # what is wrong with the phase before is said there
    for change in changes:
        if start is not None and isinstance(change, Alteration):
            patched = patches.applied(change.before.value, change.operations())
            if not same(patched, change.after.value):
                message = f"the patch from `{start.name}` does not make `{phase.name}`"
                yield Finding("patch", "error", (), f"{change.part.title}: {message}")
