"""Steps between phases of a plan, whose documents are rendered for it."""

from __future__ import annotations

import itertools

from kubectl_canary.api.defaults import defaulted
from kubectl_canary.release import changes
from kubectl_canary.release.application import Application
from kubectl_canary.release.changes import Step
from kubectl_canary.release.documents import Document
from kubectl_canary.release.plan import Phase, Plan
from kubectl_canary.release.ways import chosen_way
from kubectl_canary.rendering.generator import Generator
from kubectl_canary.rendering.objects import planned


def step(plan: Plan, generator: Generator, start: Phase, to: Phase) -> Step:
    """What leads from one phase to another. Raises Refused where a document of either is not valid."""
    before, after = (generator.render(planned(plan.application, phase)) for phase in (start, to))
    both = {document.part.key for document in before} & {document.part.key for document in after}
    there = (
        [
            applied(document, plan.application) if document.part.key in both else document
            for document in documents
        ]
        for documents in (before, after)
    )
    return changes.step(plan.application, start, to, *there)


def applied(document: Document, application: Application) -> Document:
    """A document as it is in the cluster once it was applied, as far as guards of a patch look at it.

    That is with the API's defaults, and a route with the map of annotations that `kubectl apply` gives to every object.
    What we render has both.
    """
    if application.adopted is None:
        return document
    value = defaulted(document.value, application.target)
    if document.part.is_route:
        annotations = value["metadata"].get("annotations") or {}
        value = {**value, "metadata": {**value["metadata"], "annotations": annotations}}
    return Document(document.part, value)


def steps(
    plan: Plan, generator: Generator, start: Phase, to: Phase, *, jump: bool = False, skip: bool = False
) -> list[Step]:
    """What leads from one phase to another: one step, or every step on the way.

    Raises Refused where one step is not safe or leaves phases out, and neither `jump` nor `skip` is given.
    """
    way = chosen_way(plan, start, to, jump=jump, skip=skip)
    return [step(plan, generator, here, goal) for here, goal in itertools.pairwise([start, *way])]
