"""Two states of a release's objects → what has to change, object by object, in the order in which it is safe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar, Literal

from kubectl_canary.api.equality import MISSING, same
from kubectl_canary.records import dataclass
from kubectl_canary.release import overlay, patches
from kubectl_canary.release.application import Application, Side, Version
from kubectl_canary.release.documents import Document, Part, in_removal_order, is_kept
from kubectl_canary.release.patches import Guard, Op
from kubectl_canary.release.plan import Phase

PatchType = Literal["json", "merge"]
RESOURCE_VERSION = "/metadata/resourceVersion"
COPIED = ("timeouts", "retry", "sessionPersistence")  # what a clone takes along beside matches and filters


@dataclass(frozen=True)
class Creation:
    """An object that is made."""

    after: Document
    action: ClassVar[Literal["create"]] = "create"

    @property
    def part(self) -> Part:
        """The object."""
        return self.after.part

    def patch(self, _: PatchType, strict: bool = False) -> Any:
        """The whole document; there is nothing to be strict about."""
        return self.after.value


@dataclass(frozen=True)
class Removal:
    """An object that goes."""

    before: Document
    action: ClassVar[Literal["delete"]] = "delete"

    @property
    def part(self) -> Part:
        """The object."""
        return self.before.part

    def patch(self, _: PatchType, strict: bool = False) -> Any:
        """Nothing."""
        return None


@dataclass(frozen=True)
class Alteration:
    """An object that is patched.

    On a way back the patch tests names alone; any other tests what the release stands on too: `standing_on`. The
    places of its own are set whatever stands there: `kubectl apply` leaves annotations that it has not set.
    """

    before: Document
    after: Document
    is_back: bool = False
    standing_on: tuple[Guard, ...] = ()
    own: tuple[patches.Location, ...] = ()
    action: ClassVar[Literal["patch"]] = "patch"

    @property
    def part(self) -> Part:
        """The object."""
        return self.after.part

    def patch(self, kind: PatchType, strict: bool = False) -> Any:
        """The patch: RFC 6902 operations, or an RFC 7386 merge patch."""
        if kind == "merge":
            return patches.merge_patch(self.before.value, self.after.value)
        return self.operations(strict)

    def operations(self, strict: bool = False) -> list[Op]:
        """The guarded RFC 6902 operations; strict ones guard the resourceVersion too."""
        if self.is_back:
            operations = patches.patch_back(self.before.value, self.after.value)
        else:
            operations = patches.patch(self.before.value, self.after.value, self.standing_on, self.own)
        version = patches.look_up(self.before.value, RESOURCE_VERSION)
        guard = {"op": "test", "path": RESOURCE_VERSION, "value": version}
        is_guarded = strict and operations and version is not MISSING
        return [guard, *operations] if is_guarded else operations


Change = Creation | Alteration | Removal


@dataclass(frozen=True)
class Step:
    """One step of a release: the changes that lead from a phase to another, in safe order.

    `parts` are the objects that are there afterwards. `route_tests` are the JSON patch tests that each route passes
    once the step is done: its split is the phase's. `canary_tests` are those that the Deployments of the canary pass
    before it: their image is the planned one.
    """

    start: Phase
    phase: Phase
    changes: tuple[Change, ...]
    parts: tuple[Part, ...]
    route_tests: tuple[tuple[Part, tuple[Op, ...]], ...]
    canary_tests: tuple[tuple[Part, tuple[Op, ...]], ...]

    def deployments(self, side: Side) -> list[Part]:
        """The Deployments of a side that are there afterwards."""
        return [part for part in self.parts if part.kind == "Deployment" and part.side is side]

    @property
    def traffic_moves_first(self) -> bool:
        """Whether traffic moves before pods do: where it falls, and on the ways back."""
        return traffic_moves_first(self.start, self.phase)


def traffic_moves_first(start: Phase, to: Phase) -> bool:
    """Whether traffic moves before pods do between two phases: where it falls, and on the ways back."""
    needs_fewer = any(then.needs < now.needs for now, then in zip(start.pods, to.pods, strict=True))
    return to.is_way_back or needs_fewer or to.traffic.share < start.traffic.share


def step(
    application: Application,
    start: Phase,
    to: Phase,
    before: Sequence[Document],
    after: Sequence[Document],
) -> Step:
    """The step between two phases, whose documents are `before` and `after`."""
    differences = changes(application, start, to, before, after)
    return Step(
        start,
        to,
        tuple(differences),
        tuple(document.part for document in after),
        tuple(_route_tests(application, after)),
        tuple(_canary_tests(application, before, after)) if start.canary_replicas else (),
    )


def until_gate(steps: Sequence[Step]) -> list[Step]:
    """The steps up to the first phase that has a gate, which only somebody who looks at it may leave."""
    gated = (number for number, step in enumerate(steps[:-1], 1) if step.phase.gates)
    return list(steps[: next(gated, len(steps))])


def changes(
    application: Application,
    start: Phase,
    to: Phase,
    before: Iterable[Document],
    after: Iterable[Document],
) -> list[Change]:
    """What has to change between the documents of two phases, in safe order.

    Traffic that falls moves before the pods it leaves; traffic that rises moves after the pods it needs are made.
    What is deleted goes last.
    """
    old = {document.part.key: document for document in before}
    new = {document.part.key: document for document in after}
    changed = [
        change(application, to, old.get(key), document)
        for key, document in sorted(new.items(), key=lambda item: item[1].part.slot)
        if key not in old or not same(old[key].value, document.value)
    ]
    if traffic_moves_first(start, to):
        changed.sort(key=lambda change: not change.part.is_route)
    gone = in_removal_order(
        document.part for key, document in old.items() if key not in new and not is_kept(document)
    )
    return [*changed, *(Removal(old[part.key]) for part in gone)]


def change(application: Application, to: Phase, before: Document | None, after: Document) -> Change:
    """What makes an object, or brings it to a phase; on a route, with what the release stands on."""
    if before is None:
        return Creation(after)
    if to.is_way_back:
        return Alteration(before, after, is_back=True)
    if not after.part.is_governed:
        return Alteration(before, after, own=_own_of_scaler(before, after))
    names = (application.phase_annotation, application.rules_annotation)
    places = tuple(("metadata", "annotations", name) for name in names)
    return Alteration(before, after, standing_on=standing_on(application, before, after), own=places)


def _own_of_scaler(before: Document, after: Document) -> tuple[patches.Location, ...]:
    """Where a scaler is the release's: the server fills a behavior with defaults as soon as there is anything in it.

    Nothing is overwritten that the user's file does not have; a behavior that was not there is tested not to be.
    """
    if after.part.kind != "HorizontalPodAutoscaler" or "behavior" not in before.value["spec"]:
        return ()
    path: patches.Location = ("spec", "behavior")
    for key in ("scaleDown", "selectPolicy"):
        values = [patches.look_up(document.value, patches.pointer(path)) for document in (before, after)]
        if not all(isinstance(value, dict) for value in values):
            break
        path = (*path, key)
    return (path,)


def standing_on(application: Application, before: Document, after: Document) -> tuple[Guard, ...]:
    """What a forward patch of a route relies on: the governed rule's name, matches, filters, backends; the hostnames.

    What it copies into new rules is among them; the rest of the rule is not, and the whole rule never is: a newer CRD
    adds defaults to rules that are there.
    """
    old, new = (overlay.ReleaseOnRoute(application, route.value) for route in (before, after))
    copied = COPIED if any(rule not in old.added() for rule in new.added()) else ()
    hostnames = (("spec", "hostnames"), before.value["spec"].get("hostnames"))
    return (*_of_governed(old, ("matches", "filters", "backendRefs", *copied)), hostnames)


def _of_governed(release: overlay.ReleaseOnRoute, keys: Sequence[str]) -> list[Guard]:
    """Of each governed rule the name, where rules have one, and some of its fields as they are."""
    return [
        (("spec", "rules", release.place(rule), key), rule.get(key))
        for rule in release.governed()
        for key in (*(("name",) if "name" in rule else ()), *keys)
    ]


def _route_tests(
    application: Application, after: Sequence[Document]
) -> Iterator[tuple[Part, tuple[Op, ...]]]:
    """That the governed rules of each route, and clones in routes of their own, split their requests as they are to."""
    for document in after:
        if document.part.is_governed:
            release = overlay.ReleaseOnRoute(application, document.value)
            yield document.part, tuple(patches.tests(_of_governed(release, ("backendRefs",))))
        elif document.part.is_route:
            yield document.part, tuple(patches.tests(_of_clones(document.value)))


def _of_clones(route: dict[str, Any]) -> Iterator[Guard]:
    """Of each rule the backends, as they are."""
    for place, rule in enumerate(route["spec"]["rules"]):
        yield ("spec", "rules", place, "backendRefs"), rule.get("backendRefs")


def _canary_tests(
    application: Application, before: Sequence[Document], after: Sequence[Document]
) -> Iterator[tuple[Part, tuple[Op, ...]]]:
    """That each canary which is there, and stays, runs the planned image."""
    containers = {
        workload.names.canary: workload.runs(Version.NEW).container_name for workload in application.workloads
    }
    there = {document.part.key for document in before}
    for document in after:
        part = document.part
        is_canary = part.kind == "Deployment" and part.side is Side.CANARY
        if is_canary and part.key in there:
            guards = _of_container(document.value, containers[part.name])
            yield part, tuple(patches.tests(guards))


def _of_container(deployment: dict[str, Any], name: str) -> list[Guard]:
    """The name and the image of a container of a Deployment."""
    containers = deployment["spec"]["template"]["spec"]["containers"]
    place = next(index for index, container in enumerate(containers) if container["name"] == name)
    path = ("spec", "template", "spec", "containers", place)
    return [((*path, key), containers[place][key]) for key in ("name", "image")]
