"""Two phases → what has to happen between them, object by object, in the order in which it is safe."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from kubectl_canary.errors import Refused
from kubectl_canary.findings import Finding, Where
from kubectl_canary.release import observed, overlay, patches, strategic
from kubectl_canary.release.patches import Guard, Op
from kubectl_canary.release.plan import AS_BEFORE, WAYS_BACK, Phase, Plan, Version
from kubectl_canary.release.plan import Kind as PhaseKind
from kubectl_canary.release.ways import chosen_way, left_out, omission, step_problem
from kubectl_canary.rendering.generator import Generator, Rendered
from kubectl_canary.rendering.objects import Key, Planned, planned

Kind = Literal["json", "merge"]
LIVE = "the cluster"
RESOURCE_VERSION = "/metadata/resourceVersion"
COPIED = ("timeouts", "retry", "sessionPersistence")  # what a clone takes along beside matches and filters


@dataclass(frozen=True)
class Step:
    """One object's way: created with `after`, patched from `before` to `after`, or deleted.

    A patch on a way back tests names alone; any other tests what the release stands on too: `standing_on`. The places
    of its own are set whatever stands there: `kubectl apply` leaves annotations that it has not set.
    """

    action: Literal["create", "patch", "delete"]
    before: Rendered | None
    after: Rendered | None
    is_back: bool = False
    standing_on: tuple[Guard, ...] = ()
    own: tuple[patches.Location, ...] = ()

    @property
    def rendered(self) -> Rendered:
        """The document that names the object."""
        found = self.after or self.before
        if found is None:
            raise ValueError("a step without an object")
        return found

    def patch(self, kind: Kind, strict: bool = False) -> Any:
        """The patch; of what is created the document, of what is deleted nothing."""
        if self.before is None or self.after is None:
            return self.after.value if self.after else None
        if kind == "merge":
            return patches.merge_patch(self.before.value, self.after.value)
        return self.operations(strict)

    def operations(self, strict: bool = False) -> list[dict[str, Any]]:
        """The guarded RFC 6902 operations of a patch; strict ones guard the resourceVersion too."""
        if self.before is None or self.after is None:
            return []
        if self.is_back:
            found = patches.patch_back(self.before.value, self.after.value)
        else:
            found = patches.patch(self.before.value, self.after.value, self.standing_on, self.own)
        version = patches.look_up(self.before.value, RESOURCE_VERSION)
        guard = {"op": "test", "path": RESOURCE_VERSION, "value": version}
        return [guard, *found] if strict and found and version is not patches.MISSING else found


@dataclass(frozen=True)
class Stage:
    """One safe step of a release: what leads from a phase to another, in safe order.

    `route_tests` are the JSON patch tests that the route passes once the stage is done: its split is the phase's.
    `canary_tests` are those that the canary's Deployment passes before it: its image is the planned one.
    """

    start: Phase
    phase: Phase
    steps: list[Step]
    objects: tuple[Planned, ...]
    route_tests: tuple[Op, ...]
    canary_tests: tuple[Op, ...]

    @property
    def route(self) -> Planned:
        """The release's route."""
        return next(one for one in self.objects if one.group == "route")

    @property
    def stable(self) -> Planned:
        """Stable's Deployment."""
        return self._deployments[0]

    @property
    def canary(self) -> Planned:
        """The canary's Deployment."""
        return self._deployments[-1]

    @property
    def _deployments(self) -> list[Planned]:
        return [one for one in self.objects if one.kind == "Deployment"]

    @property
    def route_first(self) -> bool:
        """Whether traffic moves before pods do: where it falls, and on the ways back."""
        start, to = self.start, self.phase
        return to.route_first or to.needs < start.needs or to.traffic.share < start.traffic.share


def steps(plan: Plan, generator: Generator, start: Phase, to: Phase) -> list[Step]:
    """What differs between two phases, in apply order."""
    return stage(plan, generator, start, to).steps


def stage(plan: Plan, generator: Generator, start: Phase, to: Phase) -> Stage:
    """What leads from one phase to another.

    Traffic that falls moves before the pods it leaves; traffic that rises moves after the pods it needs are made.
    What is deleted goes last.
    """
    old = {one.planned.key: one for one in generator.render(planned(plan.canary, start))}
    new = {one.planned.key: one for one in generator.render(planned(plan.canary, to))}
    changed = [
        step(plan, old.get(one.planned.key), one, to)
        for one in sorted(new.values(), key=lambda one: one.planned.slot)
        if one.planned.key not in old or not patches.same(old[one.planned.key].value, one.value)
    ]
    gone = sorted(
        (one for key, one in old.items() if key not in new), key=lambda one: one.planned.slot, reverse=True
    )
    return _in_order(plan, (start, to), changed, gone, list(new.values()))


def stages(
    plan: Plan, generator: Generator, start: Phase, to: Phase, *, jump: bool = False, skip: bool = False
) -> list[Stage]:
    """What leads from one phase to another: one stage, or every stage on the way.

    Raises Refused where one step is not safe or leaves phases out, and neither `jump` nor `skip` is given.
    """
    way = chosen_way(plan, start, to, jump=jump, skip=skip)
    return [stage(plan, generator, here, goal) for here, goal in itertools.pairwise([start, *way])]


def live_objects(plan: Plan) -> list[Planned]:
    """Every object that the release has while a canary is there, in apply order.

    Raises Refused for a file without a release.
    """
    if plan.canary.canary is None:
        message = "the file has no spec.canary: a release that is under way cannot be told from it"
        hint = "put spec.canary back as it was, and go back or on from there"
        raise Refused(
            "there is no release in the file", [Finding("live", "error", (), message, Where(LIVE), hint)]
        )
    return planned(plan.canary, next(phase for phase in reversed(plan.phases) if phase.canary_replicas))


def live_stage(
    plan: Plan, generator: Generator, goal: str, found: Mapping[Key, dict[str, Any]], *, skip: bool = False
) -> tuple[Stage, list[Finding]]:
    """What leads from the objects as they are now to a phase, in safe order, and what is to be known of it.

    `goal` is the phase's name; `rollback` needs no origin. `found` has those of the objects that are in the cluster.
    Raises Refused where the release's part of an object cannot be told, or one step there is not safe; UsageError for
    a phase that is not there.
    """
    everything = live_objects(plan)
    there = {(one.kind, one.names["name"]): found[one.key] for one in everything if one.key in found}
    here = observed.phase(there, plan)
    to = _live_goal(plan, goal, here)
    _refuse_absent(plan, to, there)
    _refuse_unsafe(plan, here, to, there, skip)
    new = {one.planned.key: one for one in generator.render(planned(plan.canary, to))}
    old = _as_planned(plan, generator, here, to) if observed.version(there, plan) else {}
    changed: list[Step] = []
    findings: list[Finding] = []
    reached = dict(new)
    for one in sorted(_touched(new.values(), to), key=lambda rendered: rendered.planned.slot):
        now = found.get(one.planned.key)
        after, more = (one, []) if now is None else _laid_over(now, old.get(one.planned.key), one, plan, to)
        findings += more
        reached[one.planned.key] = after
        if to.kind in WAYS_BACK and now is None:
            continue
        if now is None or not patches.same(now, after.value):
            changed.append(step(plan, None if now is None else replace(one, value=now), after, to))
    if to.kind in WAYS_BACK and here.stable_replicas == 0 and to.traffic.share < 1:
        message = f"Deployment {plan.canary.stable_name} has no pods: the way back leads to nobody"
        findings.append(Finding("stable", "warning", (), message, Where(LIVE), "scale it up first"))
    generator.refuse_invalid([step.rendered for step in changed])
    gone = [one for one in reversed(everything) if one.key not in new and one.key in found]
    deleted = [Rendered(one, "", found[one.key]) for one in gone]
    _refuse_referenced(plan, reached.values(), deleted)
    return _in_order(plan, (here, to), changed, deleted, list(reached.values())), findings


def _live_goal(plan: Plan, goal: str, here: Phase) -> Phase:
    """The phase of a name; every `rollback` is the same to a route, and so is every `rollback-promotion`."""
    backs = [back for back in plan.ways_back() if back.kind.value == goal.strip()]
    own = [back for back in backs if back.origin == here.name]
    return (own or backs)[0] if backs else plan.find(goal)


def _touched(rendered: Sequence[Rendered] | Any, to: Phase) -> list[Rendered]:
    """What a phase touches in a cluster: on a way back the route, and of the pods only what it is about."""
    if to.kind is PhaseKind.ROLLBACK:
        return [one for one in rendered if one.planned.group == "route"]
    return list(rendered)


def _refuse_unsafe(
    plan: Plan, here: Phase, to: Phase, there: Mapping[tuple[str, str], dict[str, Any]], skip: bool
) -> None:
    if to.kind in (PhaseKind.ROLLBACK, PhaseKind.ROLLED_BACK):
        _refuse_promoted(here)
        return
    if to.kind not in WAYS_BACK and observed.version(there, plan) is None:
        names = " nor ".join(track.image for track in (plan.canary.stable, plan.canary.canary) if track)
        message = f"Deployment {plan.canary.stable_name} runs neither {names}"
        hint = "write what runs into spec.stable, so that no step takes production back to what it has left"
        raise Refused(
            "stable is another version", [Finding("stable", "error", (), message, Where(LIVE), hint)]
        )
    image = observed.canary_image(there, plan)
    if image is not None and here.traffic.reaches_canary and image != plan.track(Version.NEW).image:
        message = (
            f"Deployment {plan.canary.canary_name} runs {image}, and not {plan.track(Version.NEW).image}"
        )
        hint = "that is the version which requests have reached: release it, or roll back first"
        raise Refused(
            "the canary is another version", [Finding("canary", "error", (), message, Where(LIVE), hint)]
        )
    omitted = left_out(plan, here, to)
    problem = step_problem(here, _with_scaled_pods(plan, here, to)) or (
        omission(omitted) if omitted and not skip else None
    )
    if problem is not None:
        hint = "go by the phases between, and wait for their pods"
        raise Refused("this step is not safe", [Finding("jump", "error", (), problem, Where(LIVE), hint)])


def _with_scaled_pods(plan: Plan, here: Phase, to: Phase) -> Phase:
    """A phase takes no pods away that an autoscaler has added: its number is the fewest."""
    if plan.canary.autoscaling is None or not to.canary_replicas:
        return to
    return replace(to, canary_replicas=max(to.canary_replicas, here.canary_replicas))


def _refuse_absent(plan: Plan, to: Phase, there: Mapping[tuple[str, str], dict[str, Any]]) -> None:
    """A way back needs something to go back from: in another namespace or cluster there is nothing of the release."""
    name = plan.canary.route.name
    if to.kind in WAYS_BACK and ("HTTPRoute", name) not in there:
        place = f" in {plan.canary.namespace}" if plan.canary.namespace else ""
        message = f"there is no HTTPRoute {name}{place}: nothing to go back from"
        hint = "is it the right context and namespace?"
        raise Refused("the release is not there", [Finding("live", "error", (), message, Where(LIVE), hint)])


def _refuse_referenced(plan: Plan, reached: Iterable[Rendered], deleted: Sequence[Rendered]) -> None:
    """The canary's Service must not go while a rule of the route, whosever it is, sends to it."""
    route = next(one for one in reached if one.planned.group == "route")
    if not deleted:
        return
    name = plan.canary.canary_name
    findings = [
        Finding(
            "foreign-rule", "error", ("spec", "rules", index), f"sends to {name} still", Where(route.title)
        )
        for index, rule in enumerate(route.value["spec"].get("rules") or [])
        if name in {ref.get("name") for ref in overlay.backend_references(rule)}
    ]
    if findings:
        hint = "take it out first; --to rollback --live leads back without deleting anything"
        raise Refused("requests would be sent to what is deleted", findings, hint)


def _refuse_promoted(here: Phase) -> None:
    """The way back before promotion leads to a stable that is the old version."""
    if here.stable_version is Version.NEW:
        message = "stable runs the new version already: the route alone does not lead back"
        hint = "--to rollback-promotion --live brings the old version back to stable first"
        raise Refused("promotion has begun", [Finding("jump", "error", (), message, Where(LIVE), hint)])


def step(plan: Plan, before: Rendered | None, after: Rendered, to: Phase) -> Step:
    """What makes an object, or brings it to a phase; on a route, with what the release stands on."""
    if before is None:
        return Step("create", None, after)
    if to.kind in WAYS_BACK:
        return Step("patch", before, after, is_back=True)
    if after.planned.group != "route":
        return Step("patch", before, after)
    names = (overlay.phase_annotation(plan.canary), overlay.rules_annotation(plan.canary))
    own = tuple(("metadata", "annotations", name) for name in names)
    return Step("patch", before, after, standing_on=_standing_on(plan, before, after), own=own)


def _standing_on(plan: Plan, before: Rendered, after: Rendered) -> tuple[Guard, ...]:
    """What a forward patch of a route relies on: the governed rule's name, matches, filters, backends; the hostnames.

    What it copies into new rules is among them; the rest of the rule is not, and the whole rule never is: a newer CRD
    adds defaults to rules that are there.
    """
    old, new = (overlay.ReleaseOnRoute(plan.canary, one.value) for one in (before, after))
    copied = COPIED if any(rule not in old.added() for rule in new.added()) else ()
    hostnames = (("spec", "hostnames"), before.value["spec"].get("hostnames"))
    return (*_of_governed(old, ("matches", "filters", "backendRefs", *copied)), hostnames)


def _of_governed(release: overlay.ReleaseOnRoute, keys: Sequence[str]) -> list[Guard]:
    """The governed rule's name, where rules have one, and some of its fields as they are."""
    governed = release.governed()
    place = next(index for index, rule in enumerate(release.rules) if rule is governed)
    named = ("name",) if "name" in governed else ()
    return [(("spec", "rules", place, key), governed.get(key)) for key in (*named, *keys)]


def _in_order(
    plan: Plan,
    way: tuple[Phase, Phase],
    changed: Sequence[Step],
    gone: Sequence[Rendered],
    reached: Sequence[Rendered],
) -> Stage:
    route = next(one for one in reached if one.planned.group == "route")
    split = _of_governed(overlay.ReleaseOnRoute(plan.canary, route.value), ("backendRefs",))
    objects = tuple(one.planned for one in reached)
    made = Stage(*way, [], objects, tuple(patches.tests(split)), _canary_tests(plan, way, changed, reached))
    ordered = (
        sorted(changed, key=lambda step: step.rendered.planned.group != "route")
        if made.route_first
        else changed
    )
    return replace(made, steps=[*ordered, *(Step("delete", one, None) for one in gone)])


def _canary_tests(
    plan: Plan, way: tuple[Phase, Phase], changed: Sequence[Step], reached: Sequence[Rendered]
) -> tuple[Op, ...]:
    """That the canary which is there runs the planned image; nothing where none was there, or none is left."""
    deployments = [one for one in reached if one.planned.kind == "Deployment" and one.planned.is_new]
    canary = next((one for one in deployments if one.planned.names["name"] == plan.canary.canary_name), None)
    created = [step.rendered.planned.key for step in changed if step.action == "create"]
    if canary is None or not way[0].canary_replicas or canary.planned.key in created:
        return ()
    containers = canary.value["spec"]["template"]["spec"]["containers"]
    name = plan.track(Version.NEW).container_name
    place = next(index for index, one in enumerate(containers) if one["name"] == name)
    path = ("spec", "template", "spec", "containers", place)
    guards = [((*path, key), containers[place][key]) for key in ("name", "image")]
    return tuple(patches.tests(guards))


def _as_planned(plan: Plan, generator: Generator, here: Phase, to: Phase) -> dict[Key, dict[str, Any]]:
    """Stable's objects as they are planned for the version that runs; of the canary's nothing is taken as given."""
    assumed = replace(here, stable_replicas=to.stable_replicas, traffic=AS_BEFORE)
    stable = [one for one in planned(plan.canary, assumed) if one.names["labels"].get("version") == "stable"]
    return {one.planned.key: one.value for one in generator.render(stable)}


def _laid_over(
    now: dict[str, Any], before: dict[str, Any] | None, one: Rendered, plan: Plan, to: Phase
) -> tuple[Rendered, list[Finding]]:
    """An object of the cluster in the phase, and what is to be known of it."""
    if one.planned.group == "route":
        value, findings = overlay.route(now, plan.canary, to)
        return replace(one, value=value), findings
    if one.planned.kind not in strategic.FILES:
        return replace(one, value=now), []
    place = strategic.Place.of_kind(one.planned.kind, plan.canary.target.kubernetes).below("spec")
    given = (before or {}).get("spec", {})
    spec = strategic.carried(now["spec"], given, one.value["spec"], place)
    return replace(one, value={**now, "spec": spec}), list(_drift(now, before, one, to))


def _drift(now: dict[str, Any], before: dict[str, Any] | None, one: Rendered, to: Phase) -> Iterator[Finding]:
    """Stable's own part of the file is another than what runs, while a release is under way."""
    if before is None or one.planned.kind != "Deployment" or to.kind in WAYS_BACK:
        return
    if not strategic.shows(now["spec"]["template"], before["spec"]["template"]):
        message = (
            "stable's pods in the cluster are not as the file describes them; this leaves them as they are"
        )
        hint = (
            "applied as a document, the file rolls the pods that serve; a version's own part is spec.canary's"
        )
        yield Finding("stable", "warning", (), message, Where(one.title), hint)
