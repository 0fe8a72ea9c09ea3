"""`run` in a simulated cluster: from where the release is, phase by phase, as gates allow."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from releases import a_release
from simulated import Killed, SimulatedCluster
from test_driving import Drivers, at, back, holder, led_to, to, wrong

from kubectl_canary.driving import approvals, runs
from kubectl_canary.driving.driver import Drive
from kubectl_canary.driving.since import BACK, Notes, Since
from kubectl_canary.driving.verdicts import Measurement, Verdict
from kubectl_canary.driving.watching import Asked, Watch
from kubectl_canary.errors import Refused
from kubectl_canary.records import replace
from kubectl_canary.release.application import Side
from kubectl_canary.release.gates import Gate
from kubectl_canary.release.observed import SOMEWHERE
from kubectl_canary.release.plan import Plan
from kubectl_canary.rendering.parts import live_parts

P, F, U = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
GATE = {
    "name": "ok",
    "query": "q",
    "max": 1,
    "interval": "10s",
    "passes": 2,
    "measurements": 3,
    "window": "10s",
}
PHASES = ["header-only", {"weight": "5%", "pause": "1m"}, {"weight": "50%", "pause": "20s"}, "100%"]


def gated(*gates: Any, phases: Sequence[Any] = PHASES) -> Plan:
    return a_release(stable={"tag": "v1", "replicas": 4}, gates=list(gates), phases=list(phases))


class Answers:
    """Answers at once, as a phase and the number of the question tell; and what was asked, when."""

    def __init__(
        self, cluster: SimulatedCluster, answer: Callable[[str, int], Verdict] = lambda *_: P
    ) -> None:
        self.cluster, self.answer = cluster, answer
        self.asked: list[tuple[str, float, Asked]] = []
        self.waiting: list[tuple[Asked, Gate, Measurement]] = []
        self.yes = False

    def ask(self, gate: Gate, asked: Asked) -> None:
        number = sum(name == asked.phase.name for name, *_ in self.asked)
        self.asked.append((asked.phase.name, self.cluster.time, asked))
        found = Measurement(self.answer(asked.phase.name, number), "said")
        self.waiting.append((asked, gate, found))

    def answers(self) -> Sequence[tuple[Asked, Gate, Measurement]]:
        waiting, self.waiting = self.waiting, []
        return waiting

    def agrees(self) -> bool:
        return self.yes

    def times(self, phase: str) -> list[float]:
        return [time for name, time, _ in self.asked if name == phase]


class Stopped(Exception):
    """A verdict that stops a run."""


def running(asking: Answers, seen: list[str] | None = None) -> Callable[[Drive], None]:
    """What `run` does to a cluster, as far as it goes on."""

    def course(drive: Drive) -> None:
        drive.persist(drive.look)
        since = drive.since()
        assert since is None or not since.is_back
        for phase in runs.way(drive.plan, drive.here(), since):
            watch = Watch(drive, phase, asking)
            drive.rehearse(phase.name)
            drive.to(phase.name, glancing(watch) if phase.name == "promote-roll" else None)
            (seen if seen is not None else []).append(phase.name)
            if phase.lasts or phase.gates:
                verdict = watch.verdict()
                if verdict is not P:
                    raise Stopped(f"{phase.name} {verdict.value}")

    return course


def glancing(watch: Watch) -> Callable[[], None]:
    def glance() -> None:
        if watch.glance() is F:
            raise Stopped(f"{watch.phase.name} failed")

    return glance


def crew_of(plan: Plan, phase: str = "before") -> Drivers:
    """A release of this plan, led to a phase by `apply`."""
    crew = Drivers(plan, SimulatedCluster(live_parts(plan), 3.0))
    for name in ["before", *[known.name for known in plan.phases[1:]]]:
        crew.run("apply", to(name))
        if name == phase:
            break
    crew.cluster.chance = random.Random(0)
    return crew


def run(crew: Drivers, course: Callable[[Drive], None]) -> None:
    drive = crew.drive("run", stays=True)
    try:
        course(drive)
    except Killed:
        crew.ended.append(drive.world.driver)
        raise
    finally:
        if drive.world.driver not in crew.ended:
            drive.wheel.drop()


def noted(crew: Drivers) -> Since | None:
    route = next(crew.cluster.objects[part.key] for part in crew.cluster.parts if part.is_route)
    return Notes(crew.plan).read(route, crew.cluster.utc())


def left_of_the_canary(crew: Drivers) -> list[str]:
    parts = (part for part in crew.cluster.parts if part.key in crew.cluster.objects)
    return [part.title for part in parts if part.side is Side.CANARY]


def test_a_healthy_release_goes_to_its_end_and_leaves_nothing() -> None:
    crew, seen = crew_of(gated(GATE)), list[str]()
    asking = Answers(crew.cluster)
    run(crew, running(asking, seen))
    assert [phase.name for phase in crew.plan.phases[1:]] == seen
    assert ("promoted", [], None, None) == (crew.here, crew.cluster.wrong, holder(crew.cluster), noted(crew))
    assert [] == left_of_the_canary(crew)
    assert {"5%", "50%", "100%", "promote-roll"} == {name for name, *_ in asking.asked}
    assert all(asked.before is not None for name, _, asked in asking.asked if name == "promote-roll")
    assert all(asked.before is None for name, _, asked in asking.asked if name in ("5%", "50%"))


def test_a_phase_lasts_and_the_first_measurement_is_about_it_alone() -> None:
    crew = crew_of(gated(GATE), "header-only")
    began, asking = crew.cluster.time, Answers(crew.cluster, lambda phase, _: F if phase == "50%" else P)
    with pytest.raises(Stopped, match="50% failed"):
        run(crew, running(asking))
    first, *_, last = asking.times("5%")
    assert first >= began + 25
    assert last - first <= 60
    assert asking.times("50%")[0] - first >= 60 - 25
    assert ("50%", 2) == (crew.here, len(asking.times("50%")))


@pytest.mark.parametrize("verdict", [F, U])
def test_no_phase_is_left_past_a_gate_that_does_not_pass(verdict: Verdict) -> None:
    for phase in ("5%", "50%", "100%", "promote-roll"):
        crew = crew_of(gated(GATE))
        asking = Answers(crew.cluster, lambda name, _, phase=phase: verdict if name == phase else P)
        with pytest.raises(Stopped, match=f"{phase} {verdict.value}"):
            run(crew, running(asking))
        assert (phase, [], None) == (crew.here, crew.cluster.wrong, holder(crew.cluster))


def test_nobodys_silence_is_an_approval_and_silence_is_no_verdict() -> None:
    crew = crew_of(gated(phases=["5%", {"weight": "50%", "gates": [{"approval": True}]}]))
    asking, sleep = Answers(crew.cluster), crew.cluster.sleep
    waited = iter(range(200))

    def agreeing(seconds: float) -> None:
        sleep(seconds)
        asking.yes = crew.here == "50%" and next(waited) > 100

    crew.cluster.sleep = agreeing  # type: ignore[method-assign]  # time brings the answer
    began = crew.cluster.time
    run(crew, running(asking))
    assert "promoted" == crew.here
    assert crew.cluster.time - began > 130
    assert any("kubectl-canary/approved.shop" in event.text for event in crew.events)


def test_a_release_that_somebody_moves_meanwhile_is_left_alone() -> None:
    crew = crew_of(gated(GATE), "5%")
    asking = Answers(crew.cluster)
    moved = copy.deepcopy(led_to("header-only").objects)

    def answer(phase: str, _: int) -> Verdict:
        for part in crew.cluster.parts:
            if part.is_route:
                crew.cluster.objects[part.key]["spec"] = moved[part.key]["spec"]
        return P

    asking.answer = answer
    with pytest.raises(Refused, match="somebody has moved the release"):
        run(crew, running(asking))
    assert "header-only" == crew.here


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 400), st.integers(0, 3))
def test_a_run_that_is_killed_goes_on_where_it_was(dies_at: int, seed: int) -> None:
    crew = crew_of(gated(GATE, phases=["5%", {"weight": "50%", "pause": "30s"}]))
    crew.cluster.chance = random.Random(seed)
    seen: list[str] = []
    crew.cluster.dies_at = crew.cluster.calls + dies_at
    try:
        run(crew, running(Answers(crew.cluster), seen))
    except Killed:
        run(crew, running(Answers(crew.cluster), seen))
    names = [phase.name for phase in crew.plan.phases[1:]]
    assert [*dict.fromkeys(seen)] == names[len(names) - len({*seen}) :]
    assert ("promoted", [], None, None) == (crew.here, wrong(crew), holder(crew.cluster), noted(crew))
    assert [] == left_of_the_canary(crew)


def test_what_a_run_has_left_that_was_killed_at_its_end_is_taken_away() -> None:
    crew = crew_of(gated(GATE), "promoted")
    service = next(part for part in crew.cluster.parts if part.kind == "Service" and part.side is Side.CANARY)
    crew.cluster.objects[service.key] = copy.deepcopy(led_to("100%").objects[service.key])
    run(crew, running(Answers(crew.cluster)))
    assert ("promoted", [], []) == (crew.here, wrong(crew), left_of_the_canary(crew))


def test_a_pause_goes_on_where_it_was_and_begins_anew_where_nobody_knows() -> None:
    crew = crew_of(gated(phases=[{"weight": "5%", "pause": "10m"}, "100%"]), "deploy")
    asking = Answers(crew.cluster)

    def stop_after(seconds: float) -> None:
        drive = crew.drive("run", stays=True)
        drive.to("5%")
        crew.cluster.sleep(seconds)
        drive.wheel.drop()

    stop_after(400)
    began = crew.cluster.time
    run(crew, running(asking))
    assert 190 < crew.cluster.time - began < 290


@pytest.mark.parametrize(
    ("change", "is_known"),
    [
        ({}, True),
        ({"release": "sha256:other"}, False),
        ({"since": timedelta(hours=1)}, False),
        ({"since": timedelta(hours=1), "phase": BACK}, True),
        ({"release": "sha256:other", "phase": BACK}, False),
    ],
)
def test_what_a_note_says_of_another_release_or_the_future_counts_for_nothing(
    change: dict[str, Any], is_known: bool
) -> None:
    crew = at("5%")
    since = noted(crew)
    assert since is not None
    assert ("5%", False) == (since.phase, since.is_back)
    part = next(part for part in crew.cluster.parts if part.is_route)
    notes = Notes(crew.plan)
    moment = crew.cluster.utc() + change.pop("since", timedelta())
    other = replace(since, moment=moment, **{key: str(value) for key, value in change.items()})
    annotations = crew.cluster.objects[part.key]["metadata"]["annotations"]
    from kubectl_canary.driving import since as module

    annotations[notes.annotation] = module._text(other)
    assert is_known == (noted(crew) is not None)
    annotations[notes.annotation] = "not ours"
    assert noted(crew) is None


def marking(crew: Drivers, patch: Any, marks: list[str | None]) -> Any:
    """Patches, and what is noted after each of a route."""

    def looking(part: Any, operations: Any, *, trying: bool = False) -> None:
        patch(part, operations, trying=trying)
        if part.is_route and not trying:
            since = noted(crew)
            marks.append(since.phase if since else None)

    return looking


def test_a_rollback_marks_the_route_in_its_first_patch_and_takes_the_mark_off_at_its_end() -> None:
    for phase in ("5%", "100%", "promote-roll"):
        crew = at(phase)
        written = len(crew.cluster.writes)
        patch, marks = crew.cluster.patch, list[str | None]()

        crew.cluster.patch = marking(crew, patch, marks)  # type: ignore[method-assign]  # to see what each leaves
        crew.run("rollback", back)
        assert (BACK, None) == (marks[0], noted(crew)), phase
        assert "before" == crew.here
        assert len(crew.cluster.writes) > written


def test_pods_that_are_there_for_the_next_phase_stay_in_this_one() -> None:
    crew = crew_of(gated(phases=["5%", "50%"]), "5%")
    part = next(part for part in crew.cluster.parts if part.title == "Deployment shop-canary")
    crew.cluster.objects[part.key]["spec"]["replicas"] = 4
    crew.cluster.sleep(30)
    drive = crew.drive("run", stays=True)
    drive.to("5%")
    assert (4, "5%") == (crew.cluster.objects[part.key]["spec"]["replicas"], crew.here)
    drive.to("50%")
    assert [] == crew.cluster.wrong


def test_since_when_stable_has_nothing_is_noted_with_the_share_alone() -> None:
    crew = crew_of(gated(phases=["50%", "100%"]), "50%")
    before = crew.cluster.utc()
    run(crew, lambda drive: drive.to("100%"))
    since = noted(crew)
    assert since is not None
    assert since.before_full is not None
    assert before <= since.before_full <= since.moment
    run(crew, lambda drive: drive.to("promote-roll"))
    rolling = noted(crew)
    assert rolling is not None
    assert ("promote-roll", since.before_full) == (rolling.phase, rolling.before_full)
    annotations(crew).pop(Notes(crew.plan).annotation)
    run(crew, lambda drive: drive.to("promote-roll"))
    rolling = noted(crew)
    assert rolling is not None
    assert ("promote-roll", None) == (rolling.phase, rolling.before_full)


def annotations(crew: Drivers) -> dict[str, str]:
    part = next(part for part in crew.cluster.parts if part.is_route)
    found: dict[str, str] = crew.cluster.objects[part.key]["metadata"]["annotations"]
    return found


def test_the_time_of_a_phase_is_when_its_gateways_had_followed() -> None:
    crew = crew_of(gated(phases=["5%"]), "deploy")
    moments, patch = list[Since](), crew.cluster.patch

    def looking(part: Any, operations: Any, *, trying: bool = False) -> None:
        patch(part, operations, trying=trying)
        since = noted(crew) if part.is_route and not trying else None
        moments.extend([since] if since is not None else [])

    crew.cluster.patch = looking  # type: ignore[method-assign]  # to see what each patch leaves
    run(crew, lambda drive: drive.to("5%"))
    shares = [since for since in moments if not since.is_settled]
    assert moments[-1].is_settled
    assert (moments[-1].moment - shares[-1].moment).total_seconds() >= 4


def test_apply_leaves_the_time_of_its_phase_for_a_run() -> None:
    crew = crew_of(gated(phases=["5%"]), "5%")
    since = noted(crew)
    assert since is not None
    assert ("5%", True) == (since.phase, since.is_settled)
    crew.cluster.sleep(60)
    run(crew, lambda drive: drive.to("5%"))
    assert since == noted(crew)


def test_where_others_have_written_the_route_since_the_phase_begins_anew() -> None:
    crew = crew_of(gated(phases=["5%"]), "5%")
    part = next(part for part in crew.cluster.parts if part.is_route)
    metadata, written = crew.cluster.objects[part.key]["metadata"], ""
    entry = {"manager": "kubectl-edit", "operation": "Update", "fieldsV1": {"f:spec": {"f:rules": {}}}}
    for seconds, is_known in ((-60, True), (0, True), (60, False)):
        written = (crew.cluster.utc() + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
        metadata["managedFields"] = [{**entry, "time": written}]
        assert is_known == (noted(crew) is not None), seconds
    metadata["managedFields"] = [{**entry, "manager": "kubectl-canary", "time": written}]
    assert noted(crew) is not None


def test_a_release_whose_pods_are_kept_says_so() -> None:
    crew = crew_of(gated(phases=["5%"]), "5%")
    crew.run("rollback", lambda drive: drive.to("rollback"))
    since = noted(crew)
    assert since is not None
    assert (True, False) == (since.is_kept, since.is_back)
    crew.run("apply", to("deploy"))
    since = noted(crew)
    assert since is not None
    assert "deploy" == since.phase


def test_a_driver_that_turns_back_goes_on_with_its_own_lease() -> None:
    crew = crew_of(gated(GATE, phases=["50%"]))
    asking = Answers(crew.cluster, lambda phase, _: F if phase == "50%" else P)

    def course(drive: Drive) -> None:
        with pytest.raises(Stopped):
            running(asking)(drive)
        assert drive.generator.validating
        drive.turn_back()
        assert drive.wheel.taken
        assert not drive.generator.validating  # the server alone judges what a way back writes
        back(drive)

    run(crew, course)
    assert ("before", [], None, None) == (crew.here, crew.cluster.wrong, holder(crew.cluster), noted(crew))


def test_a_question_that_nobody_answers_says_nothing_after_a_while() -> None:
    crew = crew_of(
        gated({**GATE, "inconclusiveLimit": 0}, phases=[{"weight": "5%", "pause": "10s"}]), "deploy"
    )
    asking = Answers(crew.cluster)
    asking.answers = list  # type: ignore[method-assign]  # all questions are out for ever
    with pytest.raises(Stopped, match="5% inconclusive"):
        run(crew, running(asking))
    assert any("no answer after 300 s" in event.text for event in crew.events)


@pytest.mark.parametrize("course", [back, to("before")])
def test_an_agreement_goes_with_its_release(course: Callable[[Drive], None]) -> None:
    crew = crew_of(gated(phases=["5%"]), "deploy")
    annotations(crew)[approvals.annotation(crew.plan)] = approvals.wanted(crew.plan, crew.plan.find("5%"))
    crew.run("rollback" if course is back else "apply", course)
    assert ["kubectl-canary/governs"] == [*annotations(crew)]


def test_what_was_measured_before_a_long_sleep_lets_nothing_pass() -> None:
    crew = crew_of(gated(GATE, phases=[{"weight": "5%", "pause": "2m"}]), "deploy")
    asking, slept = Answers(crew.cluster, lambda *_: P if not slept else F), list[float]()
    sleep = crew.cluster.sleep

    def sleeping(seconds: float) -> None:
        if len(asking.times("5%")) == 5 and not slept:
            slept.append(300)
            sleep(300)
        sleep(seconds)

    crew.cluster.sleep = sleeping  # type: ignore[method-assign]  # the laptop is closed for a while
    with pytest.raises(Stopped, match="5% failed"):
        run(crew, running(asking))
    assert "5%" == crew.here


def test_where_a_release_goes_on() -> None:
    plan = gated()
    names = [phase.name for phase in plan.phases]

    def of(here: str, said: str | None = None) -> list[str]:
        since = Since(said, None, "") if said else None  # type: ignore[arg-type]  # nobody asks when
        return [phase.name for phase in runs.way(plan, plan.find(here), since)]

    assert names[1:] == of("before")
    assert names[names.index("5%") :] == of("5%")
    assert names[names.index("header-only") :] == of("header-only", "5%")
    assert names[names.index("50%") :] == of("50%", "5%")
    assert ["promoted"] == of("promoted")
    assert names[1:] == of("before", "50%")
    between = replace(plan.find("5%"), name=SOMEWHERE)
    going = Since("50%", None, "")  # type: ignore[arg-type]  # nobody asks when
    assert names[names.index("50%") :] == [phase.name for phase in runs.way(plan, between, going)]
    with pytest.raises(Refused, match="no next step from here"):
        runs.way(plan, between, None)
