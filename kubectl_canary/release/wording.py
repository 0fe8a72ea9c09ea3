"""What a phase changes, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from kubectl_canary.api.equality import same
from kubectl_canary.release import adoption
from kubectl_canary.release.application import Application, Side
from kubectl_canary.release.companions import SCALERS
from kubectl_canary.release.documents import Document, Part, Written, is_kept
from kubectl_canary.release.phases import percent
from kubectl_canary.release.plan import Phase, PhaseKind
from kubectl_canary.release.reach import other_senders

MOST_NAMED = 6  # objects of one kind of change that a line names


def changes_text(start: Phase | None, phase: Phase, application: Application) -> str:
    """What a phase changes, in words."""
    if start is None:
        return ""
    words = [
        *_object_changes(start, phase, application),
        *_adopted_changes(start, phase, application),
        *_route_changes(start, phase, application),
    ]
    more = phase.canary_replicas - start.canary_replicas
    if start.canary_replicas and phase.canary_replicas and more:
        purpose = "more for what follows" if more > 0 else "fewer"
        words.append(f"{'a pod' if abs(more) == 1 else f'{abs(more)} pods'} {purpose}")
    return "; ".join(words)


def _object_changes(start: Phase, phase: Phase, application: Application) -> Iterator[str]:
    if bool(start.canary_replicas) != bool(phase.canary_replicas):
        sign = "+" if phase.canary_replicas else "-"
        yield from (
            f"{sign} Deployment{'' if workload.service.is_pool else ', Service'} {workload.names.canary}"
            for workload in application.workloads
            if workload.new is not None
        )
    if start.stable_version != phase.stable_version:
        idle = _meanwhile(application) if start.traffic.share == 1 else ""
        for workload in (known for known in application.workloads if known.new not in (None, known.old)):
            version = workload.runs(phase.stable_version).called
            yield f"Deployment {workload.names.stable} → {version}{idle}"


def _route_changes(start: Phase, phase: Phase, application: Application) -> Iterator[str]:
    if start.traffic == phase.traffic:
        return
    noun = "routes" if len(application.routes) > 1 else "route"
    if phase.kind is PhaseKind.MIRROR:
        what = "all requests" if not phase.traffic.methods else ", ".join(phase.traffic.methods)
        to = phase.traffic.to.title if phase.traffic.to is not None else "canary"
        yield f"{noun}: copies of {percent(phase.traffic.mirror)} of {what} → {to}"
    elif phase.traffic.testers and not start.traffic.testers and application.testers:
        yield f"{noun}: {application.testers.title} → canary"
    else:
        yield noun


def _meanwhile(application: Application) -> str:
    """Whom stable serves while it rolls, where the governed rules send nobody to it."""
    senders = other_senders(application)
    return f" (still serves {_named(senders)})" if senders else " (serves nobody meanwhile)"


def _adopted_changes(start: Phase, phase: Phase, application: Application) -> Iterator[str]:
    """What of the user's own comes, changes and goes, and what looks after the canary's pods."""
    before, after = (
        {document.part.key: document for document in adoption.documents(application, state)}
        for state in (start, phase)
    )
    for sign, here, there in (("+", after, before), ("-", before, after)):
        others = [here[key] for key in here if key not in there and not _is_the_canary(here[key].part)]
        kept = [document for document in others if sign == "-" and is_kept(document)]
        gone = [document for document in others if document not in kept]
        if gone:
            yield f"{sign} {_named(document.part.title for document in gone)}"
        if kept:
            yield f"stays, without its manifest: {_named(document.part.title for document in kept)}"
    held = [after[key] for key in after if key in before and _is_held_otherwise(before[key], after[key])]
    for document in held:
        takes = "takes no pods away" if document.value is not _origin(document) else "takes pods away again"
        yield f"{document.part.title} {takes}"
    changed = [
        after[key].part.title
        for key in after
        if key in before and _differs_in_itself(before[key], after[key], application)
    ]
    if changed:
        verb = "changes" if len(changed) == 1 else "change"
        yield f"{_named(changed)} {verb}"


def _is_the_canary(part: Part) -> bool:
    return part.side is Side.CANARY and part.kind in ("Deployment", "Service")


def _differs_in_itself(before: Document, after: Document, application: Application) -> bool:
    """Whether the user's own document is another, but for the Deployments, which the plan has lines of its own for."""
    part = after.part
    is_stable = part.side is Side.STABLE and part.kind == "Deployment" and application.has_release
    return not is_stable and part.side is not Side.CANARY and not same(_origin(before), _origin(after))


def _is_held_otherwise(before: Document, after: Document) -> bool:
    """Whether a scaler of the user's is held in one of them alone."""
    is_scaler = after.part.kind in SCALERS and after.part.side is not Side.CANARY
    held = [document.value is not _origin(document) for document in (before, after)]
    return is_scaler and held[0] != held[1]


def _origin(document: Document) -> dict[str, Any] | None:
    """The user's document that it was made from."""
    return document.origin if isinstance(document, Written) else None


def _named(titles: Iterable[str]) -> str:
    """`ConfigMap a, Role b`; of many the first."""
    listed = list(titles)
    more = len(listed) - MOST_NAMED
    return ", ".join(listed[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
