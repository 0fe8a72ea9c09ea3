"""A driver leads releases through a simulated cluster: it never skips, never takes pods that serve, and always ends."""

from __future__ import annotations

import copy
import functools
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from releases import a_release
from simulated import Killed, SimulatedCluster, holder
from test_adoption import CASES, release_of
from test_plan import GENERATOR

from kubectl_canary.api.defaults import defaulted
from kubectl_canary.driving import courses, lease
from kubectl_canary.driving.driver import Drive, Manner
from kubectl_canary.driving.features import Class
from kubectl_canary.driving.lease import Driver
from kubectl_canary.driving.moves import Timing
from kubectl_canary.driving.wheel import Wheel
from kubectl_canary.driving.world import Event, Surroundings
from kubectl_canary.errors import Forbidden, Refused, Unreachable, WorldError
from kubectl_canary.records import replace
from kubectl_canary.release.documents import Part
from kubectl_canary.release.plan import Plan
from kubectl_canary.rendering.generator import Generator
from kubectl_canary.rendering.live import phase_of
from kubectl_canary.rendering.objects import planned
from kubectl_canary.rendering.parts import live_parts
from kubectl_canary.rendering.steps import applied

TIMING = Timing(propagation=4.0, drain=3.0)
PHASES = ["header-only", "5%", "50%", "100%"]


class Drivers:
    """Drivers of one release in one simulated cluster; each is a process that may have ended."""

    def __init__(self, plan: Plan, cluster: SimulatedCluster) -> None:
        self.plan, self.cluster = plan, cluster
        self.events: list[Event] = []
        self.ended: list[Driver] = []
        self.number = 0

    def drive(self, verb: str, *, timeout: float = 60, **more: Any) -> Drive:
        self.number += 1
        driver = Driver("anna@laptop", verb, self.number, "here")
        world = Surroundings(self.cluster, self.cluster, driver, self.events.append, self.ended.__contains__)
        routes = [part for part in self.cluster.parts if part.is_route]
        application = self.plan.application
        wheel = Wheel(application.name, application.namespace, routes, world, True, verb == "rollback")
        return Drive(self.plan, GENERATOR, world, wheel, Manner(TIMING, timeout, **more))

    def run(self, verb: str, course: Callable[[Drive], None]) -> None:
        """One run of a verb; one that is killed leaves everything as it is then."""
        drive = self.drive(verb)
        try:
            course(drive)
        except Killed:
            self.ended.append(drive.world.driver)
            raise
        finally:
            if drive.world.driver not in self.ended:
                drive.wheel.drop()

    def until_it_ends(self, verb: str, course: Callable[[Drive], None]) -> None:
        """Started again where it was killed."""
        try:
            self.run(verb, course)
        except Killed:
            self.run(verb, course)

    @property
    def here(self) -> str:
        return phase_of(self.plan, self.cluster.objects).name


def to(goal: str) -> Callable[[Drive], None]:
    def course(drive: Drive) -> None:
        drive.rehearse(goal)
        drive.to(goal)

    return course


def promotion(drive: Drive) -> None:
    for goal in courses.promotion(drive.plan, drive.here()):
        drive.rehearse(goal)
        drive.to(goal)


def back(drive: Drive) -> None:
    goal = ""
    while goal != "rolled-back":
        goal = courses.way_home(drive.plan, drive.here(), keeps=False)
        drive.to(goal)


SEED_OF_DEATHS_BEFORE_A_WRITE = 1  # a process that dies in a write has not made it
PLAN = a_release(stable={"tag": "v1", "replicas": 4})


PLANS = {
    "one": PLAN,
    "several": release_of(CASES / "adopt-routes").plan,
    "apart": release_of(CASES / "adopt-apart").plan,
}


@functools.cache
def led_to(phase: str, release: str = "one") -> SimulatedCluster:
    plan = PLANS[release]
    names = [known.name for known in plan.phases]
    crew = Drivers(plan, SimulatedCluster(live_parts(plan), TIMING.drain))
    if phase != "before":
        crew.cluster = copy.deepcopy(led_to(names[names.index(phase) - 1], release))
    elif plan.application.adopted is not None:
        apply_manifests(crew)
    crew.run("apply", to(phase))
    return crew.cluster


def apply_manifests(crew: Drivers) -> None:
    """The user's objects that the release is about are there, and have settled."""
    cluster, target = crew.cluster, crew.plan.application.target
    parts = {part.key: part for part in cluster.parts}
    for document in Generator().render(planned(crew.plan.application, crew.plan.phases[0])):
        if document.part.key in parts:
            value = copy.deepcopy(applied(document, crew.plan.application).value)
            cluster._store(document.part, defaulted(value, target))
    cluster.sleep(30)


def at(phase: str, seed: int = 0, release: str = "one") -> Drivers:
    """A release that was led to a phase."""
    cluster = copy.deepcopy(led_to(phase, release))
    cluster.chance = random.Random(seed)
    return Drivers(PLANS[release], cluster)


def wrong(crew: Drivers) -> list[str]:
    """What was seen that must not be, of the release's own Services and pods."""
    names = [name for service in crew.plan.application.services for name in service.names.both()]
    return [line for line in crew.cluster.wrong if not {*names}.isdisjoint(line.split())]


def test_a_whole_release_answers_every_request_and_leaves_nothing() -> None:
    crew = at("100%")
    crew.run("promote", promotion)
    assert ("promoted", [], None) == (crew.here, crew.cluster.wrong, crew.cluster.lease)
    assert ["shop-canary-route", "shop-stable", "shop-stable"] == sorted(key[3] for key in crew.cluster.objects
                                                                        if key[1] != "Gateway")  # fmt: skip
    route = next(value for value in crew.cluster.objects.values() if value["kind"] == "HTTPRoute")
    assert {"kubectl-canary/governs": "default"} == route["metadata"]["annotations"]


def test_a_release_without_testers_names_the_canary_before_it_gets_requests() -> None:
    plan = a_release(stable={"tag": "v1", "replicas": 4}, testers=False, phases=["25%", "100%"])
    crew = Drivers(plan, SimulatedCluster(live_parts(plan), TIMING.drain))
    for phase in plan.phases[1:4]:
        crew.run("apply", to(phase.name))
    crew.run("promote", promotion)
    assert ("promoted", []) == (crew.here, crew.cluster.wrong)


@pytest.mark.parametrize("phase", ["deploy", *PHASES, "promote-roll", "promote-return", "promoted"])
def test_a_rollback_leads_back_from_every_phase(phase: str) -> None:
    crew = at(phase)
    crew.run("rollback", back)
    assert ("before", [], None) == (crew.here, crew.cluster.wrong, crew.cluster.lease)


@pytest.mark.parametrize("phase", ["header-only", "50%", "100%"])
def test_the_first_write_of_a_rollback_is_the_patch_of_the_route_after_one_read(phase: str) -> None:
    crew = at(phase, seed=SEED_OF_DEATHS_BEFORE_A_WRITE)
    crew.cluster.writes.clear()
    crew.cluster.dies_at = crew.cluster.calls + 3  # the read, the patch, and whatever is next
    with pytest.raises(Killed):
        crew.run("rollback", back)
    assert crew.cluster.writes == ["patch HTTPRoute shop-canary-route"]


def test_what_was_read_a_while_ago_is_read_again_before_the_first_write() -> None:
    crew = at("50%")
    drive = crew.drive("rollback")
    drive.here()
    crew.cluster.sleep(10)
    before = crew.cluster.calls
    crew.cluster.dies_at = before + 3
    crew.cluster.writes.clear()
    with pytest.raises(Killed):
        drive.to("rollback")
    assert crew.cluster.writes == ["patch HTTPRoute shop-canary-route"]
    assert crew.cluster.calls == before + 3


@settings(max_examples=40)
@given(
    st.integers(1, 90),
    st.sampled_from([*PHASES, "promotion"]),
    st.booleans(),
    st.integers(0, 9),
    st.sampled_from(["one", "several"]),
)
def test_who_is_killed_and_runs_again_ends_where_it_should(
    dies_at: int, phase: str, goes_back: bool, seed: int, release: str
) -> None:
    names = [known.name for known in PLANS[release].phases]
    phase = phase if phase in names or phase == "promotion" else "10%"
    crew = at("100%" if phase == "promotion" else names[names.index(phase) - 1], seed, release)
    crew.cluster.dies_at = crew.cluster.calls + dies_at
    verb, course, goal = (
        ("promote", promotion, "promoted") if phase == "promotion" else ("apply", to(phase), phase)
    )
    if goes_back:
        try:
            crew.run(verb, course)
        except Killed:
            verb = "rollback"
        verb, course, goal = "rollback", back, "before"
    crew.until_it_ends(verb, course)
    assert (goal, [], None) == (crew.here, wrong(crew), holder(crew.cluster))
    notes = str([value["metadata"] for value in crew.cluster.objects.values()])
    assert "driver" not in notes
    assert ("since" in notes) == (goal not in ("before", "promoted"))


@pytest.mark.parametrize(("release", "goes_back"), [("several", True), ("several", False), ("apart", True)])
def test_who_is_killed_between_two_routes_goes_on_with_the_other(
    release: str, goes_back: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = at("10%", release=release)
    patch = crew.cluster.patch

    def dying(part: Part, operations: Any, *, trying: bool = False) -> None:
        patch(part, operations, trying=trying)
        if part.is_route and not trying and "/spec/rules" in str(operations):
            monkeypatch.undo()
            raise Killed

    monkeypatch.setattr(crew.cluster, "patch", dying)
    verb, course, goal = ("rollback", back, "before") if goes_back else ("apply", to("50%"), "50%")
    crew.until_it_ends(verb, course)
    assert (goal, [], None, 2) == (crew.here, wrong(crew), holder(crew.cluster), crew.number)


def test_a_jump_that_the_plan_refuses_is_refused_before_anything_is_written() -> None:
    crew = at("header-only")
    crew.cluster.writes.clear()
    with pytest.raises(Refused, match="not safe"):
        crew.run("apply", to("100%"))
    assert [] == crew.cluster.writes


MIRRORS = a_release(phases=["mirror 20%", "100%"])


@pytest.mark.parametrize(
    ("its_class", "said"),
    [
        (
            Class("any", "theirs.example.com", frozenset({"HTTPRouteRequestMirror"})),
            "RequestPercentageMirror",
        ),
        (Class("traefik", "traefik.io", frozenset()), "HTTPRouteRequestMirror"),
    ],
)
def test_a_phase_that_needs_what_the_class_does_not_claim_is_refused(its_class: Class, said: str) -> None:
    crew = Drivers(MIRRORS, SimulatedCluster(live_parts(MIRRORS), TIMING.drain))
    crew.run("apply", to("deploy"))
    crew.cluster.its_class = its_class
    crew.cluster.writes.clear()
    with pytest.raises(Refused) as refused:
        crew.run("apply", to("mirror 20%"))
    assert said in str(refused.value.findings)
    assert [] == crew.cluster.writes


@pytest.mark.parametrize("name", ["nobody-knows-it", "eg"])
def test_a_class_that_says_nothing_is_known_by_its_reports_or_not_at_all(name: str) -> None:
    crew = Drivers(MIRRORS, SimulatedCluster(live_parts(MIRRORS), TIMING.drain))
    crew.cluster.its_class = Class(name, name, frozenset())
    crew.run("apply", to("deploy"))
    crew.run("apply", to("mirror 20%"))
    assert "mirror 20%" == crew.here


def test_pods_that_never_get_ready_end_the_wait_with_what_is_lacking(monkeypatch: pytest.MonkeyPatch) -> None:
    crew = at("5%")
    monkeypatch.setattr(crew.cluster, "_roll", lambda _, value: crew.cluster._write_status(value, []))
    with pytest.raises(
        WorldError, match=r"after 60 s still not there: Deployment shop-canary has 0 of \d ready"
    ):
        crew.run("apply", to("50%"))


@pytest.mark.parametrize("phase", ["header-only", "50%", "100%", "promote-roll"])
@pytest.mark.parametrize("is_scaled", [True, False])
def test_a_canary_that_somebody_has_taken_away_comes_back(phase: str, is_scaled: bool) -> None:
    crew = at(phase)
    canary = next(part for part in crew.cluster.parts if part.title == "Deployment shop-canary")
    if is_scaled:
        crew.cluster.objects[canary.key]["spec"]["replicas"] = 0
    else:
        del crew.cluster.objects[canary.key]
    crew.cluster.pods_of[canary.key].clear()
    crew.run("apply", to(phase))
    assert phase == crew.here
    assert all(pod.ready <= crew.cluster.time for pod in crew.cluster.pods_of[canary.key])


TRACKED = {"argocd.argoproj.io/tracking-id": "shop:gateway.networking.k8s.io/HTTPRoute:web/shop-canary-route"}


def test_what_an_engine_reconciles_is_changed_on_request_alone_and_by_a_rollback() -> None:
    crew = at("header-only")
    route = next(part for part in crew.cluster.parts if part.is_route)
    crew.cluster.objects[route.key]["metadata"]["annotations"] |= TRACKED
    with pytest.raises(Refused) as refused:
        crew.run("apply", to("5%"))
    assert "Argo CD (application shop)" in refused.value.findings[0].message
    assert "header-only" == crew.here
    drive = crew.drive("apply", forces_owned=True)
    drive.rehearse("5%")
    assert "note: Argo CD (application shop) writes these objects too" in [
        event.text for event in crew.events
    ]
    crew.run("rollback", back)
    assert "before" == crew.here
    assert ["Argo CD"] == [owner.engine for owner in crew.drive("rollback").others()]


def test_a_cluster_that_is_away_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    crew = at("header-only")
    read, away = crew.cluster.read, iter([True] * 20)

    def answer() -> Any:
        crew.cluster.time += 0.5
        if next(away, False):
            raise Unreachable("connection refused")
        return read()

    monkeypatch.setattr(crew.cluster, "read", answer)
    crew.run("apply", to("5%"))
    assert ("5%", []) == (crew.here, crew.cluster.wrong)
    assert 1 == [event.kind for event in crew.events].count("away")


@pytest.mark.parametrize("call", ["read", "patch", "delete"])
def test_a_way_back_does_not_end_where_a_server_learns_again_who_may_do_what(
    monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    crew = at("5%")
    done, calls = getattr(crew.cluster, call), iter([False, *[True] * 8] if call == "read" else [True] * 8)

    def answer(*words: Any, **more: Any) -> Any:
        if next(calls, False):
            crew.cluster.time += 0.1
            raise Forbidden("cannot do it")
        return done(*words, **more)

    monkeypatch.setattr(crew.cluster, call, answer)
    crew.run("rollback", back)
    assert ("before", []) == (crew.here, crew.cluster.wrong)
    said = [event.text for event in crew.events if event.kind == "away"]
    assert ["the cluster forbids what it may allow in a moment, trying again: cannot do it"] == said


@pytest.mark.parametrize(("allowed", "seconds"), [(0, 0), (2, 10)])
def test_what_stays_forbidden_is_said_at_once_or_where_it_was_allowed_soon(
    monkeypatch: pytest.MonkeyPatch, allowed: int, seconds: int
) -> None:
    crew = at("header-only")
    read, calls, began = crew.cluster.read, iter([True] * allowed), crew.cluster.time
    monkeypatch.setattr(crew.cluster, "read", lambda: read() if next(calls, False) else forbid())
    with pytest.raises(Forbidden, match="cannot get resource"):
        crew.run("apply", to("5%"))
    assert seconds <= crew.cluster.time - began < seconds + 4


def forbid() -> Any:
    raise Forbidden("cannot get resource")


def test_a_slow_kubectl_gets_there() -> None:
    crew = at("header-only")
    crew.cluster.slow = 4.0
    crew.run("apply", to("5%"))
    assert ("5%", []) == (crew.here, crew.cluster.wrong)


def test_a_way_back_to_a_stable_that_is_gone_is_refused_and_the_canary_serves_on() -> None:
    crew = at("100%")
    stable = next(part for part in crew.cluster.parts if part.title == "Deployment shop-stable")
    del crew.cluster.objects[stable.key]
    crew.cluster.writes.clear()
    with pytest.raises(Refused, match="leads to nobody"):
        crew.run("rollback", back)
    assert [] == [write for write in crew.cluster.writes if not write.startswith("patch HTTPRoute")]
    assert "100%" == crew.here


# --- a way back over what others have edited ---

Rules = list[dict[str, Any]]
THIRD = {"name": "legacy", "port": 80, "weight": 50}


def theirs(name: str, *backends: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A rule of somebody's own."""
    matches = [{"path": {"type": "PathPrefix", "value": f"/{name}"}}]
    return {
        "name": name,
        "matches": matches,
        "backendRefs": list(backends),
        "timeouts": {"request": "3s"},
        **fields,
    }


STABLE, CANARY = {"name": "shop-stable", "port": 80}, {"name": "shop-canary", "port": 80}
COPYING = [{"type": "RequestMirror", "requestMirror": {"backendRef": CANARY}}]
HEADER = [{"type": "ResponseHeaderModifier", "responseHeaderModifier": {"remove": ["x"]}}]
EDITS: dict[str, Callable[[Rules], Any]] = {
    "a rule to stable": lambda rules: rules.append(theirs("more", STABLE)),
    "a rule to the canary": lambda rules: rules.insert(0, theirs("more", CANARY)),
    "a rule to both": lambda rules: rules.append(theirs("more", STABLE, {**CANARY, "weight": 3})),
    "a rule to all": lambda rules: rules.append(theirs("more", STABLE, {**CANARY, "weight": 2}, CANARY, THIRD)),
    "a rule that mirrors": lambda rules: rules.append(theirs("more", THIRD, filters=[*HEADER, *COPYING])),
    "rules merged into one": lambda rules: rules.__setitem__(slice(None), [theirs("all", *[
        ref for rule in rules for ref in rule["backendRefs"]])]),
    "our rule deleted": lambda rules: rules.__setitem__(slice(None), [theirs("more", THIRD)]),
    "all rules that name the canary deleted": lambda rules: rules.__setitem__(slice(None), [
        theirs("more", STABLE), theirs("most", STABLE, THIRD)]),
    "backends in another order": lambda rules: rules[-1]["backendRefs"].reverse(),
    "the canary twice": lambda rules: rules[-1]["backendRefs"].append({**CANARY, "weight": 7, "filters": HEADER}),
    "stable twice": lambda rules: rules[-1]["backendRefs"].append({**STABLE, "weight": 7, "filters": HEADER}),
    "all weight at a third": lambda rules: rules[-1].update(backendRefs=[
        *({**ref, "weight": 0} for ref in rules[-1]["backendRefs"]), THIRD]),
    "stable without weight beside a third": lambda rules: rules[-1].update(backendRefs=[
        {**STABLE, "weight": 0}, THIRD]),
    "the rule of testers deleted": lambda rules: rules.__setitem__(slice(None), rules[-1:]),
    "a rule called as ours": lambda rules: rules.__setitem__(slice(-1), [{
        **theirs("more", THIRD), "name": "default-canary-testers-shop"}]),
}  # fmt: skip


def edited(crew: Drivers, edit: str) -> dict[str, Any]:
    """The route of a release, after somebody has edited its rules."""
    key = next(part.key for part in crew.cluster.parts if part.is_route)
    route = crew.cluster.objects[key]
    edit_rules = EDITS[edit]
    edit_rules(route["spec"]["rules"])
    route["metadata"]["annotations"]["theirs"] = "stays"
    route["metadata"]["generation"] += 1
    crew.cluster.changed[key] = crew.cluster.time
    return copy.deepcopy(route)


def reaching(route: dict[str, Any]) -> list[str]:
    """The rules that name the canary, as a backend or in a mirror."""
    return [str(rule.get("name")) for rule in route["spec"]["rules"] if "shop-canary" in str(
        [rule["backendRefs"], rule.get("filters")])]  # fmt: skip


def changed_otherwise(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """The rules of which a way back has changed more than it may: all of those that do not reach the canary."""
    left, ours = {rule["name"]: rule for rule in after["spec"]["rules"]}, {"default", *reaching(before)}
    mine = {"backendRefs": [], "filters": []}
    return [
        rule["name"]
        for rule in before["spec"]["rules"]
        if rule["name"] in left
        and (
            {**rule, **mine} != {**left[rule["name"]], **mine}
            or not (rule["name"] in ours or rule == left[rule["name"]])
        )
    ]


@pytest.mark.parametrize("phase", ["deploy", "header-only", "50%", "100%"])
@pytest.mark.parametrize("edit", EDITS)
def test_a_rollback_acts_whatever_others_have_done_to_the_rules(phase: str, edit: str) -> None:
    crew = at(phase)
    before = edited(crew, edit)
    crew.run("rollback", back)
    assert ["shop-stable"] == [key[3] for key in crew.cluster.objects if key[1] == "Deployment"]
    after = next(value for value in crew.cluster.objects.values() if value["kind"] == "HTTPRoute")
    assert ("stays", []) == (after["metadata"]["annotations"]["theirs"], reaching(after))
    assert [] == changed_otherwise(before, after)
    gone = {rule["name"] for rule in before["spec"]["rules"]} - {
        rule["name"] for rule in after["spec"]["rules"]
    }
    assert gone <= {"default-canary-testers-shop"}
    assert [] == [line for line in crew.cluster.wrong if " goes " in line or "shop-stable gets" in line]


def test_a_rollback_acts_where_nothing_says_which_rules_were_added() -> None:
    crew = at("header-only")
    route = next(value for value in crew.cluster.objects.values() if value["kind"] == "HTTPRoute")
    del route["metadata"]["annotations"]["kubectl-canary/rules.shop"]
    crew.run("rollback", back)
    assert [] == reaching(
        next(value for value in crew.cluster.objects.values() if value["kind"] == "HTTPRoute")
    )


@pytest.mark.parametrize("phase", ["promote-roll", "promote-return", "promoted"])
@pytest.mark.parametrize(
    "edit", ["a rule to stable", "a rule to both", "all rules that name the canary deleted"]
)
def test_a_rollback_from_promotion_acts_too(phase: str, edit: str) -> None:
    crew = at(phase)
    edited(crew, edit)
    crew.run("rollback", back)
    (deployment,) = (value for value in crew.cluster.objects.values() if value["kind"] == "Deployment")
    assert "shop:v1" in str(deployment["spec"]["template"])
    rolled = [line for line in crew.cluster.wrong if "while its pods roll" in line]
    assert not rolled or edit != "all rules that name the canary deleted"
    assert [] == reaching(
        next(value for value in crew.cluster.objects.values() if value["kind"] == "HTTPRoute")
    )


@pytest.mark.parametrize(
    ("edit", "backends", "filters"),
    [
        ("a rule to the canary", [{**STABLE, "weight": 100}], []),
        ("a rule to both", [{**STABLE, "weight": 100}], []),
        ("a rule to all", [{**STABLE, "weight": 4}, THIRD], []),
        ("a rule that mirrors", [THIRD], HEADER),
        ("a rule to stable", [STABLE], []),
    ],
)
def test_stable_gets_what_others_have_sent_to_the_canary(edit: str, backends: Rules, filters: Rules) -> None:
    crew = at("50%")
    edited(crew, edit)
    crew.run("rollback", back)
    route = next(value for value in crew.cluster.objects.values() if value["kind"] == "HTTPRoute")
    (rule,) = (rule for rule in route["spec"]["rules"] if rule["name"] == "more")
    assert (backends, filters) == (rule["backendRefs"], rule.get("filters", []))


def test_a_canary_that_others_have_named_is_named_for_a_while_after_its_last_request() -> None:
    crew = at("50%")
    edited(crew, "a rule to both")
    crew.cluster.writes.clear()
    crew.run("rollback", lambda drive: drive.to("rollback"))
    assert (
        2 == len([write for write in crew.cluster.writes if "HTTPRoute" in write]) - 1
    )  # the note comes off


@pytest.mark.parametrize("edit", ["a rule to stable", "our rule deleted"])
def test_a_step_forward_is_refused_where_our_rule_cannot_be_told(edit: str) -> None:
    crew = at("5%")
    edited(crew, edit)
    crew.cluster.writes.clear()
    with pytest.raises(Refused, match="not those of the release"):
        crew.run("apply", to("50%"))
    assert [] == crew.cluster.writes


# --- two at once -----------------------------------------------------------


def test_a_second_driver_is_told_of_the_first_and_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    crew = at("header-only")
    first = crew.drive("apply")
    first.wheel.take(first.look())
    second = crew.drive("promote")
    crew.cluster.writes.clear()
    renewing = crew.cluster.sleep

    def sleep(seconds: float) -> None:
        renewing(seconds)
        if not crew.cluster.lease:
            return
        crew.cluster.lease["spec"]["renewTime"] = str(crew.cluster.time)

    monkeypatch.setattr(crew.cluster, "sleep", sleep)
    with pytest.raises(Refused) as refused:
        second.to("5%")
    assert "apply by anna@laptop" in str(refused.value.findings[0])
    assert [] == crew.cluster.writes


def test_a_lease_that_nobody_renews_is_taken_over() -> None:
    crew = at("header-only")
    first = crew.drive("apply")
    first.wheel.take(first.look())
    second = crew.drive("apply")
    started = crew.cluster.time
    second.to("5%")
    assert crew.cluster.time - started > lease.DURATION
    with pytest.raises(Refused, match="another drives"):
        first.look()


def test_a_rollback_takes_over_at_once_and_the_other_stops() -> None:
    crew = at("50%")
    first = crew.drive("apply")
    first.wheel.take(first.look())
    crew.run("rollback", back)
    with pytest.raises(Refused, match="another drives"):
        first.to("100%")
    assert ("before", []) == (crew.here, crew.cluster.wrong)


def test_a_patch_of_the_route_is_refused_once_another_drives(monkeypatch: pytest.MonkeyPatch) -> None:
    crew = at("header-only")
    first = crew.drive("apply")
    objects = first.look()
    first.wheel.take(objects)
    other = replace(first.world.driver, process=99)
    route = next(part for part in crew.cluster.parts if part.is_route)
    crew.cluster.patch(route, lease.noting(crew.cluster.objects[route.key], "shop", other))
    crew.cluster.writes.clear()
    monkeypatch.setattr(first.wheel, "keep", lambda *_: None)
    with pytest.raises(WorldError, match="is another"):
        first.to("5%")
    assert "patch HTTPRoute shop-canary-route" not in crew.cluster.writes


def test_without_a_lease_the_note_of_one_who_drives_is_respected() -> None:
    crew = at("header-only")
    first = crew.drive("apply")
    first.wheel.take(first.look())
    second = crew.drive("apply")
    second.wheel.leases = False
    with pytest.raises(Refused, match="another drives"):
        second.to("5%")
    crew.ended.append(first.world.driver)
    second.to("5%")
    assert "5%" == crew.here


def test_a_rollback_goes_on_where_somebody_deletes_its_lease() -> None:
    crew = at("50%")
    drive = crew.drive("rollback")
    drive.wheel.take(drive.look())
    crew.cluster.lease = None
    back(drive)
    assert ("before", str(drive.world.driver)) == (crew.here, holder(crew.cluster))


def test_a_hold_on_the_route_stops_every_driver_and_says_how_to_go_on() -> None:
    crew = at("header-only")
    route = next(part for part in crew.cluster.parts if part.is_route)
    crew.cluster.objects[route.key]["metadata"]["annotations"][lease.HOLD] = "ask Anna"
    with pytest.raises(Refused) as refused:
        crew.run("apply", to("5%"))
    assert "ask Anna" in str(refused.value.findings[0])
    assert f"{lease.HOLD}-" in refused.value.findings[0].hint
    assert "header-only" == crew.here


def test_what_lasts_is_told_on_and_for_how_long() -> None:
    crew = at("header-only")
    crew.run("apply", to("5%"))
    kinds = [event.kind for event in crew.events]
    assert 1 < kinds.count("tick")
    assert all(
        kinds[number - 1] in ("tick", "waiting", "resting")
        for number in range(1, len(kinds))
        if kinds[number] == "tick"
    )
    waited = [event.seconds for event in crew.events if event.kind == "tick" and event.seconds is not None]
    assert waited
    assert all(seconds > 0 for seconds in waited)


def test_what_keeps_pods_away_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    crew = at("header-only")
    status = {"containerStatuses": [{"name": "app", "state": {"waiting": {"reason": "ImagePullBackOff"}}}]}
    monkeypatch.setattr(crew.cluster, "pods", lambda _: [{"metadata": {"name": "shop-x"}, "status": status}])
    monkeypatch.setattr(crew.cluster, "_roll", lambda key, value: crew.cluster._write_status(value, []))
    with pytest.raises(WorldError, match="still not there"):
        crew.drive("apply", timeout=20).to("5%")
    told = [event.text for event in crew.events if event.kind == "waiting"]
    assert len(told) == len(set(told))
    assert "ImagePullBackOff" in told[-1]
