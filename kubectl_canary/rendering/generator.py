"""Plan + phase → documents, through templates/; what a template printed is held against the plan."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kubectl_canary import resources
from kubectl_canary.api import verdict
from kubectl_canary.api.catalog import Target
from kubectl_canary.errors import Refused
from kubectl_canary.findings import Finding, Path, Where, in_order
from kubectl_canary.reading import yamltext
from kubectl_canary.reading.sources import Sources
from kubectl_canary.records import dataclass, replace
from kubectl_canary.release.documents import Document, Written
from kubectl_canary.rendering.objects import Planned

if TYPE_CHECKING:
    from kubectl_canary.rendering.overrides import Templates
    from kubectl_canary.rendering.printer import Printer

Prints = Callable[[Mapping[str, Any]], Iterator[str]]


@dataclass(frozen=True)
class Rendered(Document):
    """A document: what a YAML reader finds in it, its text, and what was planned; an adopted one was not."""

    text: str
    planned: Planned | Document

    def file_name(self, route_first: bool) -> str:
        """`20-deployment-my-app-stable.yaml`: the same in every phase, but for a route that is applied first."""
        slot = "00" if route_first and self.part.is_route else self.part.slot
        return f"{slot}-{self.part.kind.lower()}-{self.part.name}.yaml"


class Generator:
    """Renders planned objects, with the package's templates or the user's in their place.

    Phases have most documents in common: each is read and judged once. Who has phases rendered changes no adopted
    document between them.
    """

    def __init__(
        self,
        templates: Templates | None = None,
        target: Target | None = None,
        *,
        validating: bool = True,
        sources: Sources | None = None,
    ) -> None:
        self.sources = sources
        self.target = target or Target()
        self.validating = validating
        self.templates = templates
        self._read: dict[tuple[str, str], yamltext.Document] = {}
        self._judged: dict[int, tuple[dict[str, Any], list[Finding]]] = {}
        if templates is not None:
            self._printer.check_names(templates)

    @functools.cached_property
    def _printer(self) -> Printer:
        """What prints through templates: adopted manifests need none of it."""
        from kubectl_canary.rendering.printer import Printer

        return Printer(self.templates)

    def without_judging(self) -> Generator:
        """One that renders the same, and does not ask what the API server would say."""
        return Generator(self.templates, self.target, validating=False, sources=self.sources)

    def render(self, planned: Sequence[Planned | Document]) -> list[Rendered]:
        """The documents of the objects, in their order; those that are adopted as they are.

        Raises Refused where a document is not what was planned or not what the API server would accept.
        """
        rendered: list[Rendered] = []
        findings: list[Finding] = []
        for item in planned:
            if isinstance(item, Document):
                findings += self._refusals_of(item)
                rendered.append(Rendered(item.part, item.value, _text_of(item), item))
                continue
            try:
                printed, wrong = self._printed(item)
            except Refused as refused:
                findings += refused.findings
                continue
            findings += wrong
            rendered.append(printed)
        if findings:
            differs = any(finding.rule != verdict.ADMISSION for finding in findings)
            culprit = (
                "the templates print something else than the plan"
                if differs
                else "the API server would refuse"
            )
            raise Refused(culprit, in_order(findings))
        return rendered

    def _printed(self, item: Planned) -> tuple[Rendered, list[Finding]]:
        """What a template prints, and what is wrong with it. Raises Refused where that is not one object."""
        prints = compiled().get(item.template) if self.templates is None else None
        text = "".join(prints(item.names)) if prints else self._printer.text(item)
        document = self._document(text, item.template)
        findings = list(_differences_from_plan(document, item))
        findings += (self._placed(item, finding) for finding in self._refusals(document.value))
        return Rendered(item.part, yamltext.rebuilt(document.value), text, item), findings

    def _document(self, text: str, template: str) -> yamltext.Document:
        document = self._read.get((text, template))
        if document is None:
            document = self._read[text, template] = _only_document(text, template)
        return document

    def _refusals(self, document: dict[str, Any]) -> list[Finding]:
        """What the API server would not take of a document."""
        if not self.validating:
            return []
        if id(document) not in self._judged:  # ids are those of what is kept beside the findings
            self._judged[id(document)] = document, verdict.judge(document, self.target) or []
        return self._judged[id(document)][1]

    def _placed(self, item: Planned, finding: Finding) -> Finding:
        """A refusal at the place of the canary file that it comes from; without one, at its template."""
        place = self.place(item, finding.path)
        if place is None:
            where = Where(item.template)
            # behind the title, the message no longer tells the path by itself
            return replace(finding, message=f"{item.part.title}: {finding.message}", where=where, code="")
        return replace(finding, path=place[0], where=place[1])

    def _refusals_of(self, document: Document) -> Iterator[Finding]:
        """What the API server would not take of a document that no template made, at the place that it comes from."""
        for finding in self._refusals(document.value):
            message = f"{document.part.title}: {finding.message}"
            yield replace(finding, message=message, where=self.origin(document, finding.path), code="")

    def origin(self, document: Document, path: Path) -> Where:
        """Where the user's file has what a document has that no template made; nowhere for what is not theirs."""
        origin = document.origin if isinstance(document, Written) else document.value
        if document.part.is_route and document.value is not origin:
            path = path[:2]  # the rules have other numbers
        return self.sources.given_where(origin, path) if self.sources else Where("")

    def place(self, item: Planned | Document, path: Path) -> tuple[Path, Where] | None:
        """The path and place in the canary file that a path of a document comes from; None where there is none."""
        if self.sources is None or self.templates is not None or isinstance(item, Document):
            return None
        from kubectl_canary.rendering import provenance  # of what is wrong alone

        source = provenance.source(item, path, self.sources.value["spec"])
        return (source, self.sources.value_where(source)) if source is not None else None

    def refuse_invalid(self, documents: Sequence[Document]) -> None:
        """Raises Refused where the API server would refuse one of these, whoever made them."""
        if not self.validating:
            return
        findings = [
            replace(finding, where=Where(document.part.title))
            for document in documents
            for finding in verdict.judge(document.value, self.target) or []
        ]
        if findings:
            raise Refused("the API server would refuse", findings)


@functools.cache
def compiled() -> Mapping[str, Prints]:
    """What prints as the package's templates do; nothing where one of them is otherwise than when that was made."""
    from kubectl_canary.rendering import compiled

    is_fresh = all(resources.read("templates", name) == text for name, text in compiled.TEXTS.items())
    return compiled.PRINTS if is_fresh else {}


def _text_of(document: Document) -> str:
    """The text of a document that no template made: the user's own, with what changes written into it; else YAML."""
    if isinstance(document, Written):
        if document.text:
            return document.text
        with contextlib.suppress(Refused):
            if document.source:
                from kubectl_canary.reading import splice

                return splice.spliced(document.source, document.value)
    return f"{yamltext.block(document.value, 0)}\n"


def _only_document(text: str, template: str) -> yamltext.Document:
    documents = yamltext.read(text, template)
    if len(documents) != 1 or not isinstance(documents[0].value, dict):
        found = f"{len(documents)} documents" if len(documents) > 1 else "none"
        message = f"a template prints one object, this one prints {found}"
        raise Refused(template, [Finding("template", "error", (), message, Where(template, 1, 1))])
    return documents[0]


def _differences_from_plan(document: yamltext.Document, item: Planned) -> Iterator[Finding]:
    for path, message in _differences(document.value, item.facts, ()):
        yield Finding("plan", "error", path, f"{item.part.title}: {message}", Where(item.template))
    if item.part.kind == "HTTPRoute":
        yield from _unplanned_rules(document.value, item)


def _differences(value: Any, facts: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """Where a document does not show the facts. It may hold more, but in lists only more named things."""
    if isinstance(facts, dict):
        for key, fact in facts.items():
            if not isinstance(value, dict) or key not in value:
                yield (*path, key), f"missing, planned is {_short(fact)}"
            else:
                yield from _differences(value[key], fact, (*path, key))
    elif isinstance(facts, list) and isinstance(value, list):
        yield from _list_differences(value, facts, path)
    elif type(value) is not type(facts) or value != facts:
        yield path, f"{_short(value)}, planned is {_short(facts)}"


def _list_differences(value: list[Any], facts: list[Any], path: Path) -> Iterator[tuple[Path, str]]:
    if path[-1] in ("containers", "rules") and all("name" in fact for fact in facts):
        order = [item.get("name") for item in value if isinstance(item, dict)]
        planned = [fact["name"] for fact in facts]
        if [name for name in order if name in planned] != planned:
            yield path, f"planned are {_short(planned)} in this order, found {_short(order)}"
            return
        value = [value[order.index(name)] for name in planned]
    if len(value) != len(facts):
        yield path, f"{len(value)} items, planned are {len(facts)}"
        return
    for index, (item, fact) in enumerate(zip(value, facts, strict=True)):
        yield from _differences(item, fact, (*path, index))


def _unplanned_rules(value: dict[str, Any], item: Planned) -> Iterator[Finding]:
    """Rules that send to the release's Services and were not planned."""
    planned = {rule.get("name") for rule in item.facts["spec"]["rules"]}
    spec = value.get("spec")
    rules = spec.get("rules") if isinstance(spec, dict) else None
    for index, rule in enumerate(rules if isinstance(rules, list) else ()):
        if isinstance(rule, dict) and rule.get("name") not in planned:
            for name in sorted({*item.services} & {*_backends(rule)}):
                message = f"{item.part.title}: sends to {name}, which the plan does not know"
                yield Finding("plan", "error", ("spec", "rules", index), message, Where(item.template))


def _backends(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, child in node.items():
            if key in ("backendRefs", "backendRef"):
                refs = child if isinstance(child, list) else [child]
                yield from (str(ref.get("name")) for ref in refs if isinstance(ref, dict))
            yield from _backends(child)
    elif isinstance(node, list):
        for child in node:
            yield from _backends(child)


def _short(value: Any) -> str:
    text = yamltext.scalar(value) if not isinstance(value, dict | list) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
