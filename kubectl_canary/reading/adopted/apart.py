"""Which of the user's routes get one of the release's own beside them: as the file wants it, or for want of room."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from kubectl_canary.errors import Refused
from kubectl_canary.findings import Finding, Path
from kubectl_canary.reading.adopted.objections import TAKEN
from kubectl_canary.reading.adopted.problems import ADOPT
from kubectl_canary.reading.canaryfile import CanaryFile
from kubectl_canary.reading.sources import Sources
from kubectl_canary.records import replace
from kubectl_canary.release import adoption, apart
from kubectl_canary.release.application import Application
from kubectl_canary.release.plan import Plan, plan

WANTED: Path = (*ADOPT, "separateRoute")


def planned(file: CanaryFile, sources: Sources) -> Plan:
    """The plan, with routes of their own where they are wanted or needed. Raises Refused where they cannot be."""
    made = plan(file.application, file.phases)
    is_wanted = bool(sources.value["spec"]["adopt"].get("separateRoute"))
    separated = apart.overflowing(made) | (apart.separable(made.application) if is_wanted else set())
    adopted = made.application.adopted
    if adopted is not None and separated:
        adopted = replace(adopted, separated=frozenset(separated))
        made = plan(replace(made.application, adopted=adopted), file.phases)
    findings = [
        *_taken_names(made),
        *(_no_testers(made.application) if is_wanted else ()),
        *_crowded(made),
    ]
    if findings:
        placed = [replace(finding, where=sources.where(finding.path)) for finding in findings]
        raise Refused(f"{placed[0].where.file} cannot be released", placed)
    return made


def _no_testers(application: Application) -> Iterator[Finding]:
    """Nothing that would stand on a route of its own."""
    if application.testers is None:
        message = "there are no testers, whose rules would stand on a route of their own"
        yield Finding("adopt", "error", WANTED, message, hint="leave it out, or say who the testers are")


def _crowded(made: Plan) -> Iterator[Finding]:
    """Rules for which there is no room beside the user's route either; each is said of the first phase."""
    first: dict[str, Finding] = {}
    for phase, route, said in apart.crowded(made):
        path: Path = ("spec", "phases" if phase.traffic.mirror else "testers")
        hint = (
            "mirror them all, which takes no rules: methods: all"
            if phase.traffic.mirror
            else "name fewer of them in `routes`"
        )
        message = f"`{phase.name}` takes {route.title}, a route of the release's own, to {said}"
        first.setdefault(route.title, Finding("adopt", "error", path, message, hint=hint))
    yield from first.values()


def _taken_names(made: Plan) -> Iterator[Finding]:
    """Objects that would stand twice in a phase: the user's own, and one that the release makes."""
    first: dict[str, Finding] = {}
    for phase in made.phases if made.application.separated else ():
        parts = [document.part for document in adoption.documents(made.application, phase)]
        for part, times in Counter(part.key for part in parts).items():
            title = f"{part[1]} {part[3]}"
            message = (
                f"{title} is in the manifests already; that is what one beside your route would be called"
            )
            if times > 1:
                first.setdefault(title, Finding("adopt", "error", (*ADOPT, "from"), message, hint=TAKEN))
    yield from first.values()
