"""Steps between phases of a plan, whose documents are rendered for it."""

from __future__ import annotations

import itertools

from kubectl_canary.release import changes
from kubectl_canary.release.application import Application
from kubectl_canary.release.changes import Step
from kubectl_canary.release.documents import Document
from kubectl_canary.release.plan import Phase, Plan
from kubectl_canary.release.ways import chosen_way
from kubectl_canary.rendering.generator import Generator
from kubectl_canary.rendering.objects import defaulted, planned


def step(plan: Plan, generator: Generator, start: Phase, to: Phase) -> Step:
    """What leads from one phase to another. Raises Refused where a document of either is not valid."""
    before, after = (
        [
            applied(document, plan.application)
            for document in generator.render(planned(plan.application, phase))
        ]
        for phase in (start, to)
    )
    return changes.step(plan.application, start, to, before, after)


def applied(document: Document, application: Application) -> Document:
    """A document as it is in the cluster once it was applied, as far as guards of a patch look at it.

    That is a route with the API's defaults, and with the map of annotations that `kubectl apply` gives to every object.
    What we render has both.
    """
    if application.adopted is None or not document.part.is_route:
        return document
    value, api = document.value, (document.part.api_version, document.part.kind)
    metadata = {**value["metadata"], "annotations": value["metadata"].get("annotations") or {}}
    return Document(
        document.part,
        {**value, "metadata": metadata, "spec": defaulted(application.target, api, value["spec"])},
    )


def steps(
    plan: Plan, generator: Generator, start: Phase, to: Phase, *, jump: bool = False, skip: bool = False
) -> list[Step]:
    """What leads from one phase to another: one step, or every step on the way.

    Raises Refused where one step is not safe or leaves phases out, and neither `jump` nor `skip` is given.
    """
    way = chosen_way(plan, start, to, jump=jump, skip=skip)
    return [step(plan, generator, here, goal) for here, goal in itertools.pairwise([start, *way])]
