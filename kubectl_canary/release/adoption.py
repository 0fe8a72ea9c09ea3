"""The user's own manifests in a phase: what runs stays as it is, the canary's are copies of the new.

Three moments bring what the new set has otherwise. With `deploy` comes what only the new pods need. With
`promote-roll`, while nobody is sent to stable, comes what stable's pods are and what looks after them. With `promoted`
comes the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from kubectl_canary.api.equality import same
from kubectl_canary.release import apart, companions, engines, grants, overlay, workloads
from kubectl_canary.release.application import (
    GATEWAY_GROUP,
    IMPORT_API,
    Adopted,
    Application,
    Engine,
    Given,
    Side,
    Version,
    Workload,
)
from kubectl_canary.release.documents import Document, Key, Part, Written
from kubectl_canary.release.groups import OTHERS
from kubectl_canary.release.plan import AS_BEFORE, PROMOTION, Phase, PhaseKind, Plan

DEPLOYMENT = ("apps/v1", "Deployment")
SERVICE = ("v1", "Service")
CONFIG_MAP = ("v1", "ConfigMap")
EXPORTING = ("ServiceExport", "ServiceImport")  # what makes a Service one of several clusters


def key_of(value: dict[str, Any], namespace: str | None) -> Key:
    """What tells a document from all others; without a namespace it is in the release's."""
    metadata = value.get("metadata") or {}
    return (
        str(value.get("apiVersion")),
        str(value.get("kind")),
        metadata.get("namespace") or namespace,
        str(metadata.get("name")),
    )


def by_key(application: Application, given: Iterable[Given]) -> dict[Key, Given]:
    """The documents of a set, each by what tells it from all others."""
    return {key_of(document.value, application.namespace): document for document in given}


def documents(application: Application, phase: Phase) -> list[Document]:
    """Every object of a phase: the user's, and what the canary needs.

    Before and after the release they stand as the user has them, else in apply order, on ways back the route first.
    """
    adopted = application.adopted
    if adopted is None:
        return []
    if phase.kind is PhaseKind.PROMOTED:
        listed = [_in_phase(application, given, phase) for given in adopted.new]
    else:
        listed = [_in_phase(application, given, phase) for given in _standing(application, adopted, phase)]
        listed += _arrived(application, adopted, phase)
    if phase.canary_replicas:
        listed += _of_canary(application, adopted, phase)
    if phase.kind in (PhaseKind.BEFORE, PhaseKind.PROMOTED):
        return listed
    listed.sort(key=lambda document: document.part.slot)
    return sorted(listed, key=lambda document: not document.part.is_route) if phase.is_way_back else listed


def _standing(application: Application, adopted: Adopted, phase: Phase) -> Iterator[Given]:
    """What runs, with the new set's in its place where that comes with stable's pods."""
    new = by_key(application, adopted.new)
    for key, given in by_key(application, adopted.stable).items():
        comes = phase.stable_version is Version.NEW and key in new
        yield new[key] if comes and _comes_with_stable(application, key, given) else given


def _arrived(application: Application, adopted: Adopted, phase: Phase) -> Iterator[Document]:
    """What only the new set has, and is there already: it has to be there before the new pods are."""
    old = by_key(application, adopted.stable)
    for key, given in by_key(application, adopted.new).items():
        if key not in old and _is_there(application, given, phase):
            yield _written(application, given.value, given, "workloads")


def _is_there(application: Application, given: Given, phase: Phase) -> bool:
    """Whether an object that only the new set has is there before promotion.

    A scaler would scale pods that no scaler has scaled before, and a route would send requests past the release: they
    wait.
    """
    if companions.brings_requests(given.value):
        return False
    if _looks_after_stable(application, given):
        return phase.stable_version is Version.NEW and not _scales(application, given)
    return bool(phase.canary_replicas)


def _comes_with_stable(application: Application, key: Key, given: Given) -> bool:
    """Whether an object changes while nobody is sent to stable, because stable's new pods may need that.

    A scaler with fewer pods would take them away from the way back, and waits.
    """
    if _scales(application, given):
        return False
    adopted = application.adopted
    is_own_config = key[:2] == CONFIG_MAP and adopted is not None and key[3] in adopted.per_track
    group = group_of(application, key)
    return group in ("services", "workloads") or is_own_config or _looks_after_stable(application, given)


def _is_near(application: Application, given: Given) -> bool:
    return key_of(given.value, application.namespace)[2] == application.namespace


def _looks_after_stable(application: Application, given: Given) -> bool:
    return _is_near(application, given) and any(
        companions.looks_after(given.value, workload) for workload in application.workloads
    )


def _scales(application: Application, given: Given) -> bool:
    return _is_near(application, given) and any(
        companions.is_scaler_of(given.value, workload.names.stable) for workload in application.workloads
    )


def touched(plan: Plan) -> set[Key]:
    """The objects that a release makes, or changes in any phase; all others of the user's stay as they are."""
    application, adopted = plan.application, plan.application.adopted
    if adopted is None or not application.has_release:
        return set()
    old, new = by_key(application, adopted.stable), by_key(application, adopted.new)
    changing = {
        key
        for key in (*old, *new)
        if key not in old or key not in new or not same(old[key].value, new[key].value)
    }
    full = documents(application, plan.full)
    return changing | {document.part.key for document in full if _is_touched(document)}


def printed(plan: Plan, phase: Phase) -> set[Key] | None:
    """The objects that a stream of a phase has: what changes and what is new; None where it is all of them.

    Up to promotion what is as the user wrote it stays out of it, but for the route and scalers, which a step back
    finds changed.
    """
    application = plan.application
    if application.adopted is None or phase.kind in (PhaseKind.BEFORE, PhaseKind.PROMOTED):
        return None
    if phase.is_way_back or phase.kind in PROMOTION:
        return touched(plan)
    old = {id(given.value) for given in application.adopted.stable if not _scales(application, given)}
    untouched = {
        document.part.key
        for document in documents(application, phase)
        if id(document.value) in old and not document.part.is_route
    }
    return touched(plan) - untouched


def _is_touched(document: Document) -> bool:
    is_as_given = isinstance(document, Written) and document.value is document.origin
    return document.part.group != OTHERS or not is_as_given


def group_of(application: Application, key: Key) -> str:
    """The group that a document of the user's belongs to, by what the release does with it."""
    api, name = key[:2], key[3]
    if key[0].partition("/")[0] == GATEWAY_GROUP and key[1:] in application.routes:
        return "route"
    if key[2] != application.namespace:
        return OTHERS
    own = key[1], key[0].rpartition("/")[0]
    if (own, name) in {(service.apis[0], service.names.stable) for service in application.services}:
        return "services"
    if api == DEPLOYMENT and name in {workload.names.stable for workload in application.workloads}:
        return "workloads"
    return OTHERS


# --- the user's own ---------------------------------------------------------------


def _in_phase(application: Application, given: Given, phase: Phase) -> Document:
    """A document of the user's as it is in a phase: the same text wherever nothing is laid over it."""
    key = key_of(given.value, application.namespace)
    group = group_of(application, key)
    if group == "workloads":
        return _stable(application, given, phase)
    if group == "route" and phase.traffic != AS_BEFORE:
        value, _ = overlay.route(given.value, application, phase)
        return _written(application, value, given, group)
    if phase.holds_stable and _scales(application, given):
        return _written(application, companions.held(given.value), given, group)
    return _written(application, given.value, given, group, Side.STABLE if group == "services" else None)


def _stable(application: Application, given: Given, phase: Phase) -> Document:
    workload, pods = next(
        (workload, pods)
        for workload, pods in zip(application.workloads, phase.pods, strict=True)
        if workload.names.stable == given.value["metadata"]["name"]
    )
    ready = workloads.ready(workload, pods, Side.STABLE)
    is_new = phase.stable_version is Version.NEW and workload.new is not None
    part = _part(application, given.value, "workloads", Side.STABLE, ready=ready, is_new=is_new)
    return Written(part, given.value, given.text, given.value, given.source)


def _written(
    application: Application, value: dict[str, Any], given: Given, group: str, side: Side | None = None
) -> Document:
    text = given.text if value is given.value else ""
    return Written(_part(application, value, group, side), value, text, given.value, given.source)


def _part(
    application: Application,
    value: dict[str, Any],
    group: str,
    side: Side | None = None,
    *,
    ready: int = 0,
    is_new: bool = False,
) -> Part:
    return Part(group, *key_of(value, application.namespace), side=side, ready=ready, is_new=is_new)


# --- the canary's -----------------------------------------------------------------


def _of_canary(application: Application, adopted: Adopted, phase: Phase) -> Iterator[Document]:
    """The canary's objects: Services, configuration, Deployments, and copies of what looks after stable's pods."""
    new = by_key(application, adopted.new)
    released = [
        (workload, pods)
        for workload, pods in zip(application.workloads, phase.pods, strict=True)
        if workload.new is not None and pods.canary
    ]
    for workload, _ in released:
        yield from _services_of_canary(application, workload, new)
    for name in adopted.per_track if released else ():
        given = new[_near(application, CONFIG_MAP, name)]
        yield _copied(application, companions.copy_of(given.value), given, "workloads")
    copies = list(_copies(application, adopted, phase, released))
    yield from (copied for copied in copies if not companions.counts_pods(copied.value))
    for workload, pods in released:
        given = new[_near(application, DEPLOYMENT, workload.names.stable)]
        value = companions.deployment(given.value, workload, pods, adopted)
        ready = workloads.ready(workload, pods, Side.CANARY)
        yield _copied(application, value, given, "workloads", ready=ready)
    for key, given in by_key(application, adopted.stable).items():
        beside = apart.route(given.value, application, phase) if _is_governed(application, key) else None
        if beside is not None:
            yield _copied(application, beside, given, "route")
    yield from (copied for copied in copies if companions.counts_pods(copied.value))


def _copies(
    application: Application, adopted: Adopted, phase: Phase, released: companions.Released
) -> Iterator[Document]:
    """The canary's copies of what looks after stable's pods, keeps requests out of them, or lets them in."""
    clones = _clones(application, adopted, phase)
    for key, given in _guarding(application, adopted):
        near = released if key[2] == application.namespace else ()
        copied = companions.companion(given.value, near, clones.get(key[2], {}))
        if copied is not None:
            yield _copied(application, copied, given, "workloads")


def _services_of_canary(
    application: Application, workload: Workload, new: dict[Key, Given]
) -> Iterator[Document]:
    """The canary's Service, and what makes it one of several clusters; a pool is the user's."""
    if workload.service.is_pool:
        return
    given = new[_near(application, SERVICE, workload.service.names.stable)]
    yield _copied(application, companions.service(given.value, workload.track), given, "services")
    for given in exporting(application, workload, new):
        yield _copied(application, companions.exporting(given.value), given, "services")


def exporting(application: Application, workload: Workload, given: dict[Key, Given]) -> list[Given]:
    """The ServiceExport and the ServiceImport of a Service that routes send to as one of several clusters."""
    if IMPORT_API not in workload.service.apis:
        return []
    own = (application.namespace, workload.service.names.stable)
    return [
        document
        for key, document in given.items()
        if key[0].partition("/")[0] == IMPORT_API[1] and key[1] in EXPORTING and key[2:] == own
    ]


def _near(application: Application, kind: tuple[str, str], name: str) -> Key:
    """What tells an object of the release's namespace from all others."""
    return (*kind, application.namespace, name)


def _guarding(application: Application, adopted: Adopted) -> Iterator[tuple[Key, Given]]:
    """What the canary may need a copy of: of the new set, and of stable's what keeps requests out until it goes."""
    old, new = by_key(application, adopted.stable), by_key(application, adopted.new)
    for key, given in old.items():
        if key not in new and key[1] in ("NetworkPolicy", grants.KIND):
            yield key, given
    for key, given in new.items():
        yield key, old.get(key, given) if grants.is_grant(given.value) else given


def _clones(
    application: Application, adopted: Adopted, phase: Phase
) -> dict[str | None, dict[tuple[str, str, str], list[dict[str, str]]]]:
    """The rules that a phase adds, by namespace of the route and the rule that each is cloned from.

    A policy on a whole route holds for what stands on it; a route of their own needs one too.
    """
    clones: dict[str | None, dict[tuple[str, str, str], list[dict[str, str]]]] = {}
    for key, given in by_key(application, adopted.stable).items():
        by_rule = clones.setdefault(key[2], {})
        for clone in apart.added(given.value, application, phase) if _is_governed(application, key) else ():
            if clone.original.get("name"):
                place = {"name": clone.route, "sectionName": str(clone.rule.get("name"))}
                by_rule.setdefault((key[1], key[3], str(clone.original["name"])), []).append(place)
            if clone.route != key[3]:
                by_rule[key[1], key[3], ""] = [{"name": clone.route}]
    return clones


def _is_governed(application: Application, key: Key) -> bool:
    return group_of(application, key) == "route"


def _copied(
    application: Application, value: dict[str, Any], given: Given, group: str, ready: int = 0
) -> Document:
    part = _part(application, value, group, Side.CANARY, ready=ready, is_new=True)
    if application.gitops.engine is Engine.ARGOCD and not part.is_route:  # routes go before what they send to
        value = {**value, "metadata": engines.pruned_last(value["metadata"])}
    return Written(part, value, "", given.value)
