"""What an output folder of ours remembers of the release that was rendered into it: its phase and both versions.

With it, rendering into the same folder again is a step from one phase to another, and is judged as one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kubectl_canary.api import formats
from kubectl_canary.api.equality import digest, same
from kubectl_canary.findings import Finding, Where
from kubectl_canary.records import dataclass
from kubectl_canary.release.application import Application, Side, Version
from kubectl_canary.release.documents import Document, Key
from kubectl_canary.release.phases import FULL
from kubectl_canary.release.plan import PROMOTION, RETURNS, Phase, PhaseKind, Plan
from kubectl_canary.release.ways import before_its_time, objection
from kubectl_canary.rendering.objects import planned

PHASE, STABLE, CANARY, RUNS, REPLICAS = "phase", "stable", "canary", "runs", "replicas"
SHARED, COMING = "shared", "coming"
RESET = "the folder's Deployments have `replicas`, and leaving it out makes the API server set it to 1"
HAND_OVER = "take it from what applies the folder first, then say --replicas-handed-over"
PRINTED, LEFT_OUT = "printed", "left out"
# phases in which no request reaches the canary
QUIET = (
    PhaseKind.BEFORE,
    PhaseKind.DEPLOY,
    PhaseKind.PROMOTE_RETURN,
    PhaseKind.PROMOTED,
    PhaseKind.ROLLED_BACK,
    PhaseKind.ROLLBACK,
)


@dataclass(frozen=True)
class RecordedVersion:
    """A version as it was rendered: its image, and a digest of its configuration."""

    image: str
    configuration: str

    def __str__(self) -> str:
        return f"{self.image} {self.configuration}"


@dataclass(frozen=True)
class Record:
    """The phase that was rendered last, the versions of its release, and which of them stable runs in it.

    `shared` is a digest of everything that is there without a release, and `coming` of what comes with it beside pods.
    """

    phase: str
    stable: RecordedVersion
    canary: RecordedVersion | None
    runs: Version
    prints_replicas: bool
    shared: str
    coming: str

    @property
    def running(self) -> RecordedVersion:
        """What stable runs."""
        return self.canary if self.runs is Version.NEW and self.canary else self.stable

    def notes(self) -> dict[str, str]:
        """The record as lines of the folder's list."""
        canary = {CANARY: str(self.canary)} if self.canary else {}
        replicas = {REPLICAS: PRINTED if self.prints_replicas else LEFT_OUT}
        return {
            PHASE: self.phase,
            STABLE: str(self.stable),
            **canary,
            RUNS: self.runs.value,
            **replicas,
            SHARED: self.shared,
            COMING: self.coming,
        }


def of_plan(plan: Plan, phase: Phase) -> Record:
    """The record of a phase of a plan."""
    application = plan.application
    return Record(
        phase=phase.name,
        stable=_rendered(application, Version.OLD),
        canary=_rendered(application, Version.NEW) if application.has_release else None,
        runs=phase.stable_version,
        prints_replicas=application.adopted is not None or application.prints_replicas,
        shared=_shared(plan),
        coming=_coming(plan),
    )


def release_digest(plan: Plan) -> str:
    """What tells a release from every other of the same application: a digest of both versions."""
    versions = [str(_rendered(plan.application, version)) for version in Version]
    return digest(versions)


def read(notes: Mapping[str, str]) -> Record | None:
    """The record that a folder's list has; None where it has none that we can read."""
    stable, canary = _read(notes.get(STABLE)), _read(notes.get(CANARY))
    known = [version for version in Version if version.value == notes.get(RUNS)]
    if stable is None or not known or PHASE not in notes:
        return None
    printed = notes.get(REPLICAS, PRINTED) == PRINTED
    digests = (notes.get(SHARED, ""), notes.get(COMING, ""))
    return Record(notes[PHASE], stable, canary, known[0], printed, *digests)


def findings(
    recorded: Record, plan: Plan, to: Phase, *, skip: bool = False, handed_over: bool = False
) -> Iterator[Finding]:
    """What is wrong, or to be known, about going from what was rendered last to a phase.

    A way back that starts there is never an error. `handed_over`: no applier owns the Deployments' replicas any more.
    """
    current = of_plan(plan, to)
    if recorded.prints_replicas and not current.prints_replicas and not handed_over:
        yield _finding("replicas", _severity(to), RESET, _scaled_at(plan), HAND_OVER)
    if current.prints_replicas and not recorded.prints_replicas:
        message = "the folder's Deployments were scaled, and this sets their replicas"
        yield _finding("replicas", "warning", message, ("spec", "stable"), "give as many as run now")
    if (recorded.stable, recorded.canary) == (current.stable, current.canary):
        yield from _of_shared(recorded, current, to)
        yield from _of_coming(recorded, current, to)
    elif to.kind not in RETURNS:
        yield from _of_other_release(recorded, current, plan)
    if plan.application.has_release:
        yield from _of_step(recorded, current, plan, to, skip)


def _of_shared(recorded: Record, current: Record, to: Phase) -> Iterator[Finding]:
    """What both versions share must not change while a release is under way."""
    if recorded.canary and recorded.shared != current.shared and not to.is_way_back:
        message = (
            "what is there without the release (Services, route, Gateway, replicas) is another than rendered"
        )
        hint = "it reaches everybody at once: change it between releases"
        yield _finding("shared", "warning", message, ("spec",), hint)


def _of_coming(recorded: Record, current: Record, to: Phase) -> Iterator[Finding]:
    """What the new set brings beside pods has moved on while a release is under way."""
    if recorded.canary and recorded.coming not in ("", current.coming) and not to.is_way_back:
        message = "what the release brings beside its pods is another than rendered: `from` has moved on"
        hint = "it comes in the middle of this release: put it back, and release it after this one"
        yield _finding("coming", "warning", message, ("spec", "adopt", "from"), hint)


def _of_step(recorded: Record, current: Record, plan: Plan, to: Phase, skip: bool) -> Iterator[Finding]:
    """The step from the recorded phase; from `before`, where another release begins and nothing is under way."""
    known = (*plan.phases, *plan.ways_back())
    is_promotion = _kind(recorded.phase) in PROMOTION and _images(recorded) == _images(current)
    begins = recorded.canary != current.canary and not _serves(recorded) and not is_promotion
    name = plan.phases[0].name if begins else recorded.phase
    start = next((phase for phase in known if phase.name == name), None)
    if start is None:
        message = f"the folder is at `{name}`, which the file has no more"
        hint = f"put the phase back, or write `phase: {_leaving(name)}` with the phases as they were"
        yield _finding("jump", _severity(to), message, ("spec", "phases"), hint)
        return
    if to.name == start.name:
        return
    wrong = objection(plan, start, to, skip=skip)
    if wrong is not None and wrong.omitted:
        hint = f"write `phase: {wrong.omitted[0].name}` first, or say --skip"
        message = f"`{start.name}` is here, and {wrong.message}"
        yield _finding("jump", "error", message, ("spec", "phase"), hint)
    elif wrong is not None:
        severity = "error" if before_its_time(start, to) else _severity(to)
        yield _finding("jump", severity, wrong.message, ("spec", "phase"), _cure(plan, start))


def _leaving(phase: str) -> str:
    """The way back from a recorded phase; from a way back, what follows it."""
    kind = _kind(phase)
    if kind is PhaseKind.ROLLBACK_PROMOTION:
        return f"{PhaseKind.ROLLBACK.value} from {FULL.name}"
    back = PhaseKind.ROLLBACK_PROMOTION if kind in PROMOTION else PhaseKind.ROLLBACK
    return f"{back.value} from {phase}"


def _kind(phase: str) -> PhaseKind | None:
    """What kind a recorded phase is, which the file may not have any more; None for a name that is the user's."""
    known = {kind.value: kind for kind in PhaseKind}
    start, joint, _ = phase.partition(" from ")
    back = known.get(start) if joint else None
    return back if back in RETURNS else known.get(phase)


def _severity(to: Phase) -> str:
    return "warning" if to.kind in RETURNS else "error"


def _cure(plan: Plan, start: Phase) -> str:
    back = plan.way_back(start)
    where = plan.phases.index(start) if start in plan.phases else None
    following = plan.phases[where + 1] if where is not None and where + 1 < len(plan.phases) else None
    ways = [f"forward `phase: {following.name}`"] if following else []
    ways += [f"back `phase: {back.name}`"] if back else []
    return f"from `{start.name}`: {', '.join(ways)}" if ways else ""


def _of_other_release(recorded: Record, current: Record, plan: Plan) -> Iterator[Finding]:
    """Another release: its stable has to be what runs, and nothing may be half done."""
    yield from _of_other_stable(recorded, current, plan)
    if _serves(recorded):
        yield from _of_other_canary(recorded, current)


def _of_other_stable(recorded: Record, current: Record, plan: Plan) -> Iterator[Finding]:
    path, goes_on = ("spec", "stable"), _images(recorded) == _images(current)
    if current.stable.image not in (recorded.running.image, recorded.stable.image):
        message = f"the folder is at {recorded.running.image}, and stable is {current.stable.image} here"
        hint = f"write what runs: {_as_stable(plan, recorded.running.image)}"
        yield _finding("stable", _steady(plan), message, path, hint)
    elif not goes_on and current.stable.image != recorded.running.image:
        message = (
            f"{recorded.running.image} was promoted, and this takes stable back to {current.stable.image}"
        )
        hint = f"write what runs: {_as_stable(plan, recorded.running.image)}"
        yield _finding("stable", _steady(plan), message, path, hint)
    elif current.stable.configuration != (recorded.stable if goes_on else recorded.running).configuration:
        message = (
            "stable's own configuration is another than what was rendered: this rolls the pods that serve"
        )
        hint = "a version's own configuration belongs under spec.canary (container, pod, podMetadata)"
        if recorded.runs is Version.NEW and not goes_on:
            hint = "what was promoted is more than an image: `plan` had said what to write into the file"
        yield _finding("stable", "warning", message, path, hint)


def _images(record: Record) -> tuple[str, str]:
    """The images of both versions."""
    return record.stable.image, record.canary.image if record.canary else ""


def _of_other_canary(recorded: Record, current: Record) -> Iterator[Finding]:
    """The canary that serves is taken away, or made another."""
    if current.canary is None:
        message = f"`{recorded.phase}` is under way, and this takes canary pods away that still serve"
        hint = f"write `phase: {_leaving(recorded.phase)}` first, with spec.canary as it was"
        yield _finding("canary", "error", message, ("spec",), hint)
    elif recorded.canary is not None and _is_other_canary(recorded, current):
        message = (
            f"`{recorded.phase}` is under way with {recorded.canary.image}: this changes pods that serve"
        )
        hint = f"promote it, or write `phase: {_leaving(recorded.phase)}` first, with spec.canary as it was"
        yield _finding("canary", "error", message, ("spec", "canary"), hint)


def _is_other_canary(recorded: Record, current: Record) -> bool:
    """Whether the canary itself has changed, and not only with what both versions share."""
    if recorded.canary is None or current.canary is None or recorded.canary.image != current.canary.image:
        return recorded.canary != current.canary
    return recorded.canary != current.canary and recorded.stable.configuration == current.stable.configuration


def _steady(plan: Plan) -> str:
    return "error" if plan.application.has_release else "warning"


def _scaled_at(plan: Plan) -> tuple[str, ...]:
    return (
        ("spec", "stable", "replicas")
        if any(workload.is_scaled_by_others for workload in plan.application.workloads)
        else ("spec", "autoscaling")
    )


def _serves(recorded: Record) -> bool:
    return recorded.canary is not None and _kind(recorded.phase) not in QUIET


def _as_stable(plan: Plan, image: str) -> str:
    """How a file says that an image is stable: by its tag where the repository is the file's."""
    if plan.application.adopted is not None:
        return f"{image}, into {plan.application.says_stable}"
    repository, tag, digest = formats.split_image(image)
    if tag and not digest and repository == formats.split_image(plan.application.images(Version.OLD)[0])[0]:
        return f"spec.stable.tag: {tag}"
    return f"spec.stable.image: {image}"


def _finding(rule: str, severity: str, message: str, path: tuple[str, ...], hint: str) -> Finding:
    return Finding(rule, "error" if severity == "error" else "warning", path, message, Where(""), hint)


def _shared(plan: Plan) -> str:
    return digest(
        [
            (item.part.kind, item.value if isinstance(item, Document) else item.names)
            for item in planned(plan.application, plan.phases[0])
        ]
    )


def _coming(plan: Plan) -> str:
    """A digest of what an adopted release changes beside its Deployments; empty where nothing is adopted."""
    if plan.application.adopted is None or not plan.application.has_release:
        return ""
    before, after = (_beside_deployments(plan, phase) for phase in (plan.phases[0], plan.phases[-1]))
    changed = {
        key: value for key, value in after.items() if key not in before or not same(before[key], value)
    }
    return digest(
        [[str(key), after.get(key)] for key in sorted({*changed, *(before.keys() - after.keys())}, key=str)]
    )


def _beside_deployments(plan: Plan, phase: Phase) -> dict[Key, dict[str, Any]]:
    documents = (item for item in planned(plan.application, phase) if isinstance(item, Document))
    return {
        document.part.key: document.value
        for document in documents
        if not (document.part.kind == "Deployment" and document.part.side is Side.STABLE)
    }


def _rendered(application: Application, version: Version) -> RecordedVersion:
    """A version of all workloads."""
    settings = [workload.runs(version).settings for workload in application.workloads]
    images = ",".join(application.images(version))
    return RecordedVersion(images, digest(settings if len(settings) > 1 else settings[0]))


def _read(text: str | None) -> RecordedVersion | None:
    image, _, configuration = (text or "").rpartition(" ")
    return RecordedVersion(image, configuration) if image else None
