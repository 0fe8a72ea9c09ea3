"""The objects of a release as they are in a cluster → the step from there to a phase."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kubectl_canary.errors import Refused
from kubectl_canary.findings import Finding, Where
from kubectl_canary.records import replace
from kubectl_canary.release import changes, observed, overlay, patches, routes, strategic
from kubectl_canary.release.application import Located, Side, Version
from kubectl_canary.release.changes import Change, Removal, Step
from kubectl_canary.release.documents import Document, Key, Part
from kubectl_canary.release.phases import percent
from kubectl_canary.release.plan import AS_BEFORE, Phase, PhaseKind, Plan, needs, pods_text
from kubectl_canary.release.ways import objection
from kubectl_canary.rendering.generator import Generator
from kubectl_canary.rendering.parts import CLUSTER, live_parts, of_release
from kubectl_canary.rendering.steps import applied

Objects = Mapping[Key, dict[str, Any]]


def live_step(
    plan: Plan,
    generator: Generator,
    goal: str,
    objects: Objects,
    *,
    skip: bool = False,
    resumes: bool = False,
) -> tuple[Step, list[Finding]]:
    """The step from the objects as they are now to a phase, and what is to be known of it.

    `goal` is the phase's name; `rollback` needs no origin. `objects` has those of the release that are in the cluster.
    `resumes` allows that some routes are in the phase already: whoever led them there waits for pods before the others.
    Raises Refused where the release's part of an object cannot be told, or one step there is not safe; UsageError for
    a phase that is not there.
    """
    plan = plan.going_back() if plan.leads_back(goal) else plan
    there, here = _there(plan, objects), phase_of(plan, objects)
    to = _goal(plan, goal, here)
    _refuse_absent(plan, to, there)
    _refuse_unsafe(plan, here, to, there, skip, resumes)
    step, after, findings = _compared(plan, generator, (here, to), objects)
    findings += _of_empty_stable(plan, here, to, there)
    generator.refuse_invalid([change.after for change in step.changes if not isinstance(change, Removal)])
    _refuse_referenced(plan, after, step.changes)
    return step, findings


def live_difference(
    plan: Plan, generator: Generator, goal: str, objects: Objects
) -> tuple[Step, list[Finding]]:
    """What a phase has otherwise than the objects as they are now, and what is to be known of it.

    It is a question: whether one step leads there safely is not asked. `goal` and `objects` are as of `live_step`.
    Raises Refused where the release's part of an object cannot be told, or a way back has nothing to go back from;
    UsageError for a phase that is not there.
    """
    plan = plan.going_back() if plan.leads_back(goal) else plan
    here = phase_of(plan, objects)
    to = _goal(plan, goal, here)
    _refuse_absent(plan, to, _there(plan, objects))
    step, _, findings = _compared(plan, generator, (here, to), objects)
    return step, findings


def _compared(
    plan: Plan, generator: Generator, ends: tuple[Phase, Phase], objects: Objects
) -> tuple[Step, list[Document], list[Finding]]:
    """The step from the phase of the cluster to another, the objects that are there then, and what is to be known."""
    here, to = ends
    rendered = generator.render(of_release(plan, to))
    is_known = observed.version(_there(plan, objects), plan) is not None
    as_planned = _as_planned(plan, generator, here, to) if is_known else {}
    after, findings = _reached(plan, to, objects, rendered, as_planned)
    before = [Document(part, objects[part.key]) for part in live_parts(plan) if part.key in objects]
    return changes.step(plan.application, here, to, before, after), after, findings


def _there(plan: Plan, objects: Objects) -> dict[Located, dict[str, Any]]:
    """The release's objects that are in the cluster, in whichever version of their API."""
    return {part.located: objects[part.key] for part in live_parts(plan) if part.key in objects}


def phase_of(plan: Plan, objects: Objects) -> Phase:
    """The phase that the objects of a cluster are in. Raises Refused where a rule of the release's cannot be told."""
    return observed.phase(_there(plan, objects), plan)


def _goal(plan: Plan, goal: str, here: Phase) -> Phase:
    """The phase of a name; every `rollback` is the same to the user's route, and so is every `rollback-promotion`."""
    backs = [back for back in plan.ways_back() if back.kind.value == goal.strip()]
    fitting = [back for back in backs if back.origin in (here.name, here.origin)]
    return (fitting or backs)[0] if backs else plan.find(goal)


def _reached(
    plan: Plan,
    to: Phase,
    objects: Objects,
    rendered: Sequence[Document],
    as_planned: Mapping[Key, dict[str, Any]],
) -> tuple[list[Document], list[Finding]]:
    """The objects that are there once the phase is reached, and what is to be known of them.

    A way back makes nothing that is not there, and `rollback` changes the route alone.
    """
    after: list[Document] = []
    findings: list[Finding] = []
    for document in sorted(rendered, key=lambda document: document.part.slot):
        now = objects.get(document.part.key)
        if now is None:
            after += [] if to.is_way_back else [document]
        elif to.kind is PhaseKind.ROLLBACK and not document.part.is_route:
            after.append(Document(document.part, now))
        else:
            planned_now = as_planned.get(document.part.key)
            value, more = overlay.laid_over(now, planned_now, document, plan.application, to)
            if to.kind is PhaseKind.PROMOTED and document.part.is_governed and planned_now is not None:
                value = _with_new_route(value, Document(document.part, planned_now), document, plan)
            after.append(Document(document.part, value))
            findings += [*more, *_drift(now, planned_now, document.part, to)]
    return after, findings


def _with_new_route(now: dict[str, Any], old: Document, new: Document, plan: Plan) -> dict[str, Any]:
    """The route with what the new set has otherwise than the old one.

    Raises Refused where others have changed that meanwhile.
    """
    before, after = (applied(document, plan.application).value for document in (old, new))
    operations = patches.patch(before, after)
    failed = patches.failed_tests(now, operations)
    if failed:
        message = f"{new.part.title}: {failed[0].path} is another than in the manifests that run"
        hint = "render --phase promoted prints the route as it should be, over what others have changed"
        raise _refused("the new route does not fit", "live", message, hint)
    route: dict[str, Any] = patches.applied(now, operations)
    return route


def _as_planned(plan: Plan, generator: Generator, here: Phase, to: Phase) -> dict[Key, dict[str, Any]]:
    """Stable's objects as they are planned for the version that runs; of the canary's nothing is taken as given."""
    numbers = zip(here.pods, to.pods, strict=True)
    pods = tuple(replace(now, stable=then.stable, needs=0) for now, then in numbers)
    assumed = replace(here, pods=pods, traffic=AS_BEFORE)
    sides = (Side.STABLE, None) if plan.application.adopted is not None else (Side.STABLE,)
    stable = [item for item in of_release(plan, assumed) if item.part.side in sides]
    return {document.part.key: document.value for document in generator.render(stable)}


def _drift(now: dict[str, Any], before: dict[str, Any] | None, part: Part, to: Phase) -> Iterator[Finding]:
    """Stable's own part of the file is another than what runs, while a release is under way."""
    if before is None or part.kind != "Deployment" or to.is_way_back:
        return
    if not strategic.shows(now["spec"]["template"], before["spec"]["template"]):
        message = (
            "stable's pods in the cluster are not as the file describes them; this leaves them as they are"
        )
        hint = (
            "applied as a document, the file rolls the pods that serve; a version's own part is spec.canary's"
        )
        yield Finding("stable", "warning", (), message, Where(part.title), hint)


def _of_empty_stable(plan: Plan, here: Phase, to: Phase, there: observed.Objects) -> Iterator[Finding]:
    """A way back to a stable that is not there, or has no pods."""
    if not to.is_way_back or to.traffic.share == 1:
        return
    for name in _missing_stables(plan, there):
        message = f"there is no Deployment {name}: the way back leads to nobody"
        yield Finding("stable", "warning", (), message, Where(CLUSTER), "apply it first")
    for workload, pods in zip(plan.application.workloads, here.pods, strict=True):
        if pods.stable == 0:
            message = f"Deployment {workload.names.stable} has no pods: the way back leads to nobody"
            yield Finding("stable", "warning", (), message, Where(CLUSTER), "scale it up first")


# --- what is refused ------------------------------------------------------------


def _refused(title: str, rule: str, message: str, hint: str) -> Refused:
    return Refused(title, [Finding(rule, "error", (), message, Where(CLUSTER), hint)])


def _refuse_unsafe(
    plan: Plan, here: Phase, to: Phase, there: observed.Objects, skip: bool, resumes: bool = False
) -> None:
    if to.kind in (PhaseKind.ROLLBACK, PhaseKind.ROLLED_BACK):
        _refuse_promoted(here)
        return
    if to.kind is PhaseKind.ROLLBACK_PROMOTION:
        _refuse_missing_stable(plan, there)
        _refuse_not_promoted(plan, here, there)
    elif not plan.application.goes_back and not (resumes and _is_half_way(plan, here, to, there)):
        _refuse_uneven_rules(plan, there)
    if not to.is_way_back and observed.version(there, plan) is None:
        _refuse_other_stable(plan)
    if here.traffic.reaches_canary:
        _refuse_other_canary(plan, there)
    _refuse_outgrown(plan, here, to)
    if _splits_alike(here, to):
        return  # pods that somebody has taken away come back
    wrong = objection(plan, here, _with_scaled_pods(plan, here, to), skip=skip)
    if wrong is not None:
        raise _refused("this step is not safe", "jump", wrong.message, _way_on(plan, here))


def _splits_alike(here: Phase, to: Phase) -> bool:
    """Whether no request moves between two phases, and stable stays the version that it is."""
    now, then = here.traffic, to.traffic
    sent = ((known.share, known.testers, known.copied, known.mirror) for known in (now, then))
    return here.stable_version is to.stable_version and len(set(sent)) == 1


def _way_on(plan: Plan, here: Phase) -> str:
    """What to do instead; where manifests were applied over a release, its pods are there and its route is not."""
    deploy = plan.phases[1]
    is_applied_over = not here.traffic.reaches_canary and here.canary_replicas > deploy.canary_replicas
    if plan.application.adopted is not None and is_applied_over:
        return (
            "the canary has more pods than `deploy` has: if your manifests were applied over the release, "
            "`render --phase PHASE`, piped to `kubectl apply -f -`, brings back the phase that was there"
        )
    return "go by the phases between, and wait for their pods"


def _refuse_outgrown(plan: Plan, here: Phase, to: Phase) -> None:
    """More requests must not go to the canary of a plan for fewer pods of stable than serve them now."""
    if to.is_way_back or to.traffic.share <= here.traffic.share:
        return
    for workload, now, then in zip(plan.application.workloads, here.pods, to.pods, strict=True):
        wanted = needs(to.traffic, now.stable)
        if workload.prints_replicas and now.stable > then.stable and wanted > then.canary:
            name = workload.names.stable
            message = (
                f"Deployment {name} has {pods_text(now.stable)}, and the plan counts with {then.stable}: "
                f"`{to.name}` needs {wanted} of the canary, and makes {then.canary}"
            )
            hint = f"write replicas: {now.stable} for stable, and plan again"
            raise _refused("stable has grown", "jump", message, hint)


def _missing_stables(plan: Plan, there: observed.Objects) -> list[str]:
    """Stable's Deployments that are not in the cluster."""
    names = (workload.names.stable for workload in plan.application.workloads)
    return [name for name in names if observed.deployment_of(plan, name) not in there]


def _refuse_missing_stable(plan: Plan, there: observed.Objects) -> None:
    """The way back after promotion returns stable to the old version, so it needs one."""
    for name in _missing_stables(plan, there):
        message = f"there is no Deployment {name} to return to the old version"
        hint = "apply the documents of `rollback-promotion` (render --phase), which make it"
        raise _refused("stable is not there", "stable", message, hint)


def _refuse_uneven_rules(plan: Plan, there: observed.Objects) -> None:
    """Governed rules at different shares are in no phase: what is safe for one rule is not for the other."""
    shares = observed.shares(there, plan)
    if len(shares) > 1:
        listed = " and ".join(percent(share) for share in sorted(shares))
        message = f"the governed rules send {listed} to the canary"
        raise _refused("the rules are not at one share", "jump", message, "go back, and on from there")


def _is_half_way(plan: Plan, here: Phase, to: Phase, there: observed.Objects) -> bool:
    """Whether every governed rule is at the share of a phase or of one beside it, and stable stays what it is."""
    shares, place = observed.shares(there, plan), plan.phases.index(to)
    beside = {phase.traffic.share for phase in plan.phases[max(place - 1, 0) : place + 2]}
    return here.stable_version is to.stable_version and to.traffic.share in shares and shares <= beside


def _refuse_other_stable(plan: Plan) -> None:
    workloads = plan.application.workloads
    names = [workload.names.stable for workload in workloads]
    several = f"Deployments {' and '.join(names)} run neither"
    subject = several if len(names) > 1 else f"Deployment {names[0]} runs neither"
    images = " nor ".join(" and ".join(plan.application.images(version)) for version in Version)
    message = f"{subject} {images}"
    says = plan.application.says_stable
    hint = f"write what runs into {says}, so that no step takes production back to what it has left"
    raise _refused("stable is another version", "stable", message, hint)


def _refuse_other_canary(plan: Plan, there: observed.Objects) -> None:
    other = observed.other_canary(there, plan)
    if other is not None:
        name, image, planned_image = other
        message = f"Deployment {name} runs {image}, and not {planned_image}"
        hint = "that is the version which requests have reached: release it, or roll back first"
        raise _refused("the canary is another version", "canary", message, hint)


def _with_scaled_pods(plan: Plan, here: Phase, to: Phase) -> Phase:
    """A phase takes no pods away that an autoscaler has added: its number is the fewest."""
    numbers = zip(plan.application.workloads, here.pods, to.pods, strict=True)
    pods = (
        replace(then, canary=max(then.canary, now.canary))
        if workload.autoscaling is not None and then.canary
        else then
        for workload, now, then in numbers
    )
    return replace(to, pods=tuple(pods))


def _refuse_absent(plan: Plan, to: Phase, there: observed.Objects) -> None:
    """A way back needs something to go back from: in another namespace or cluster there is nothing of the release."""
    application = plan.application
    if to.is_way_back and not observed.routes_of(there, plan):
        place = f" in {application.namespace}" if application.namespace else ""
        routes = " or ".join(route.title for route in application.routes)
        message = f"there is no {routes}{place}: nothing to go back from"
        raise _refused("the release is not there", "live", message, "is it the right context and namespace?")


def _refuse_referenced(plan: Plan, reached: Sequence[Document], changed: Sequence[Change]) -> None:
    """The canary's Service must not go while a rule of a route of ours, whosever it is, sends to it."""
    gone = {change.part.located for change in changed if isinstance(change, Removal)}
    findings = [
        Finding(
            "foreign-rule",
            "error",
            ("spec", "rules", index),
            f"sends to {ref.name} still",
            Where(route.part.title),
        )
        for route in reached
        if route.part.is_route
        for index, rule in enumerate(route.value["spec"].get("rules") or [])
        for ref in routes.all_backends(rule)
        if Located(ref.kind, ref.namespace(route.part.namespace), ref.name) in gone
    ]
    if findings:
        hint = "take it out first; --to rollback --live leads back without deleting anything"
        raise Refused("requests would be sent to what is deleted", findings, hint)


def _refuse_promoted(here: Phase) -> None:
    """The way back before promotion leads to a stable that is the old version."""
    if here.stable_version is Version.NEW:
        message = "stable runs the new version already: the route alone does not lead back"
        hint = "--to rollback-promotion --live brings the old version back to stable first"
        raise _refused("promotion has begun", "jump", message, hint)


def _refuse_not_promoted(plan: Plan, here: Phase, there: observed.Objects) -> None:
    """The way back after promotion sends everybody to the canary; before promotion stable is the healthy side."""
    if observed.version(there, plan) is Version.OLD and here.traffic.share < 1:
        message = "stable runs the old version: this would send all requests to the canary"
        raise _refused(
            "promotion has not begun", "jump", message, "--to rollback --live leads back to stable"
        )
