"""One release over many canary files: who takes the next step, and what is written."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT, Result
from hypothesis import given
from hypothesis import strategies as st
from releases import a_file, a_release
from test_check_synced import a_slice
from test_cluster import Fake, a_list
from test_cluster import fake as fake
from test_git_verbs import ADOPTS, APP, FILE, Project
from test_git_verbs import project as project
from test_position import Objects, live

from kubectl_canary.records import replace
from kubectl_canary.release import fleets
from kubectl_canary.release.fleets import END, Fleet, Order, Rank, Standing, State, Target, Wave
from kubectl_canary.reports import engines

FLEET = """\
apiVersion: kubectl-canary/v1alpha1
kind: Fleet
metadata: {name: shop}
spec:
  order: ORDER   # who comes when
  waves:
    - name: test
      targets: [{file: test/canary.yaml}]
    - name: europe
      targets: [{file: eu-*/canary.yaml}]
"""
TARGET = f"{FILE.partition('  phases:')[0]}  phases: PHASES\n"
MESSAGES = ROOT / "tests/fleets"
PLACES = ("test", "eu-1", "eu-2")


def targets(**phases: str) -> dict[str, str]:
    """The canary files of the fleet; `eu_2` says other phases of one."""
    return {
        f"{place}/canary.yaml": TARGET.replace("PHASES", phases.get(place.replace("-", "_"), "[25%, 100%]"))
        for place in PLACES
    }


@pytest.fixture
def fleet(project: Callable[..., Project]) -> Callable[..., Project]:
    """A repository with a fleet, each target of which is rendered into a folder."""

    def make(order: str = "waves", text: str = FLEET, **more: str) -> Project:
        return project("", **{"fleet.yaml": text.replace("ORDER", order)}, **(targets() | more))

    return make


def step(there: Project, verb: str, *words: str) -> None:
    """A step of the fleet that waits for nothing, as a commit."""
    there.do(verb, *words, "-f", "fleet.yaml", "--commit", *(() if verb == "start" else ("--now",)))


def declared(there: Project, place: str) -> str:
    """The canary file of a target."""
    return (there.folder / place / "canary.yaml").read_text()


def begun(there: Project) -> Project:
    """A release of v2 that has begun."""
    step(there, "start", "v2")
    return there


def steps(there: Project, *words: str) -> list[str]:
    """What is committed when the fleet goes on until there is nothing to do any more."""
    while "release:" in (there.folder / "fleet.yaml").read_text():
        step(there, "advance", *words)
        assert len(there.log) < 50
    return there.git("log", "--format=%B", "--reverse", f"HEAD~{len(there.log) - 1}..").splitlines()


# --- whose turn it is -----------------------------------------------------------------

kinds = st.lists(st.integers(1, 6), min_size=1, max_size=6).map(sorted)


@st.composite
def drawn(draw: st.DrawFn) -> tuple[Fleet, dict[Target, list[Rank]]]:
    """A fleet, and the ranks of the steps that each target has before it, the start first and the end last."""
    waves = tuple(Wave(f"w{place}") for place in range(draw(st.integers(1, 4))))
    plans: dict[Target, list[Rank]] = {}
    for place in range(draw(st.integers(1, 8))):
        found = draw(kinds)
        ranks = [(kind, found[:index].count(kind)) for index, kind in enumerate(found)]
        target = Target(f"t{place}", draw(st.sampled_from(waves)), (f"{place}.yaml",))
        plans[target] = [fleets.START, *ranks, END]
    order = draw(st.sampled_from(Order))
    known = tuple(sorted(plans, key=lambda target: waves.index(target.wave)))
    return Fleet("shop", order, waves, known, "v2", waves[0]), {target: plans[target] for target in known}


def standing(left: list[Rank]) -> Standing:
    if not left:
        return Standing(State.THERE, "v2")
    return Standing(State.WAITING if left[0] == fleets.START else State.UNDER_WAY, "v1", next=left[0])


@given(drawn())
def test_a_fleet_always_ends_and_nobody_runs_ahead(given_: tuple[Fleet, dict[Target, list[Rank]]]) -> None:
    fleet, plans = given_
    left = {target: list(ranks) for target, ranks in plans.items()}
    for _ in range(sum(map(len, plans.values()))):
        standings = {target: standing(ranks) for target, ranks in left.items()}
        turn = fleets.turn(fleet, standings)
        if not any(left.values()):
            assert turn == fleets.Turn()
            return
        assert turn.moving
        moving, rank = turn.moving, {standings[target].next for target in turn.moving}
        assert len(rank) == 1
        others = {known: ranks for known, ranks in left.items() if ranks and known not in moving}
        place = fleet.waves.index(moving[0].wave)
        if fleet.order is Order.WAVES:
            assert not any(fleet.waves.index(known.wave) < place for known in others)
        else:
            assert all(ranks[0] >= min(rank) for ranks in others.values())
        if fleet.order is Order.ROLLING_SYNC:
            assert all(ranks[0] > min(rank) for ranks in others.values())
        else:
            assert {known.wave for known in moving} == {moving[0].wave}
            same = [known for known in others if known.wave == moving[0].wave]
            assert all(left[known][0] > min(rank) for known in same)
        assert not {*turn.ahead} & {*moving}
        for target in moving:
            left[target].pop(0)
        assert fleets.is_over_with(fleet, standings, turn) is not any(left.values())
        if turn.starts:
            fleet = replace(fleet, begun=moving[-1].wave)
        assert not [*fleets.stopped(fleet, {known: standing(ranks) for known, ranks in left.items()})]
    assert not any(left.values())


def three(order: Order = Order.WAVES, **states: Standing) -> tuple[Fleet, Mapping[Target, Standing]]:
    """A fleet of three waves with a target each, the first two of which have begun."""
    waves = tuple(map(Wave, "abc"))
    known = {Target(wave.name, wave, ()): states[wave.name] for wave in waves}
    return Fleet("shop", order, waves, tuple(known), "v2", waves[1]), known


THERE, WAITING = Standing(State.THERE, "v2"), Standing(State.WAITING, "v1")
UNDER_WAY = Standing(State.UNDER_WAY, "v1", "25%", (4, 1))
FURTHER = Standing(State.UNDER_WAY, "v1", "50%", (4, 2))
GOING_BACK = Standing(State.GOING_BACK, "v1", "rolled-back")
OTHERWISE = Standing(State.OTHERWISE, "v1", "25%")
LEFT_OUT = Standing(State.LEFT_OUT, "v1")


@pytest.mark.parametrize(
    ("order", "states", "moving", "asked", "ahead"),
    [
        (Order.WAVES, {"a": THERE, "b": THERE, "c": WAITING}, "c", "b", "b"),
        (Order.WAVES, {"a": THERE, "b": UNDER_WAY, "c": WAITING}, "b", "b", ""),
        (Order.WAVES, {"a": UNDER_WAY, "b": THERE, "c": WAITING}, "a", "a", ""),
        (Order.WAVES, {"a": THERE, "b": THERE, "c": THERE}, "", "", ""),
        (Order.WAVES, {"a": WAITING, "b": UNDER_WAY, "c": WAITING}, "b", "b", ""),
        (Order.WAVES, {"a": THERE, "b": LEFT_OUT, "c": WAITING}, "c", "", ""),
        (Order.LOCKSTEP, {"a": UNDER_WAY, "b": UNDER_WAY, "c": WAITING}, "c", "ab", "b"),
        (Order.LOCKSTEP, {"a": FURTHER, "b": UNDER_WAY, "c": UNDER_WAY}, "b", "abc", "a"),
        (Order.LOCKSTEP, {"a": FURTHER, "b": LEFT_OUT, "c": UNDER_WAY}, "c", "ac", ""),
        (Order.ROLLING_SYNC, {"a": FURTHER, "b": UNDER_WAY, "c": UNDER_WAY}, "bc", "abc", ""),
    ],
)
def test_whose_turn_it_is_and_who_must_have_arrived(
    order: Order, states: dict[str, Standing], moving: str, asked: str, ahead: str
) -> None:
    fleet, standings = three(order, **states)
    turn = fleets.turn(fleet, standings)
    must = fleets.must_be_there(standings, turn)
    assert (moving, asked, ahead) == tuple(
        "".join(sorted(known.name for known in found)) for found in (turn.moving, must, turn.ahead)
    )


@pytest.mark.parametrize(
    ("changed", "who"),
    [(WAITING, "b"), (GOING_BACK, "b"), (OTHERWISE, "b"), (UNDER_WAY, ""), (THERE, ""), (LEFT_OUT, "")],
)
def test_for_whom_the_others_stop(changed: Standing, who: str) -> None:
    fleet, standings = three(a=THERE, b=changed, c=WAITING)
    assert who == "".join(target.name for target, _ in fleets.stopped(fleet, standings))
    assert not [*fleets.stopped(replace(fleet, begun=None), dict.fromkeys(standings, WAITING))]


@pytest.mark.parametrize(
    ("changed", "order", "who"),
    [
        (WAITING, Order.WAVES, ""),  # a hotfix has come to its end there since
        (OTHERWISE, Order.WAVES, ""),
        (GOING_BACK, Order.WAVES, "a"),
        (WAITING, Order.LOCKSTEP, "a"),
    ],
)
def test_what_becomes_of_a_wave_that_has_ended_is_its_own_business(
    changed: Standing, order: Order, who: str
) -> None:
    fleet, standings = three(order, a=changed, b=UNDER_WAY, c=WAITING)
    assert who == "".join(target.name for target, _ in fleets.stopped(fleet, standings))


@pytest.mark.parametrize(
    ("states", "moving", "is_over"),
    [
        ({"a": THERE, "b": UNDER_WAY, "c": WAITING}, "b", False),
        ({"a": THERE, "b": GOING_BACK, "c": WAITING}, "b", True),
        ({"a": UNDER_WAY, "b": GOING_BACK, "c": WAITING}, "ab", False),
        ({"a": Standing(State.UNDER_WAY, "v1", "promoted"), "b": GOING_BACK, "c": WAITING}, "b", False),
        (
            {"a": Standing(State.GOING_BACK, "v1", "rollback from 5%"), "b": GOING_BACK, "c": WAITING},
            "ab",
            False,
        ),
        ({"a": OTHERWISE, "b": LEFT_OUT, "c": WAITING}, "", True),
    ],
)
def test_who_goes_back(states: dict[str, Standing], moving: str, is_over: bool) -> None:
    _, standings = three(**states)
    way = fleets.way_back(standings)
    assert (moving, is_over) == ("".join(sorted(known.name for known in way.moving)), way.is_over)


# --- in a repository ------------------------------------------------------------------


@pytest.mark.parametrize("order", ["waves", "lockstep", "rolling-sync"])
def test_a_release_of_a_fleet_is_a_commit_a_wave(fleet: Callable[..., Project], order: str) -> None:
    there = fleet(order, **targets(eu_2="[10%, 50%, 100%]"))
    before = {place: declared(there, place) for place in PLACES}
    text = (there.folder / "fleet.yaml").read_text()
    step(there, "start", "v2")
    log = "\n".join([*steps(there), ""])
    file = MESSAGES / f"{order}.txt"
    assert file.read_text() == log
    assert text == (there.folder / "fleet.yaml").read_text()
    for place in PLACES:
        assert before[place].replace("tag: v1", "tag: v2") == declared(there, place)
    assert there.is_clean
    assert "all targets run v2 already" in there.refuses("start", "v2", "-f", "fleet.yaml", code=2)


def test_a_wave_is_a_pull_request(fleet: Callable[..., Project]) -> None:
    there = begun(fleet())
    request = there.do("advance", "-f", "fleet.yaml", "--now", "--pull-request", "-")
    file = MESSAGES / "pull-request.md"
    assert file.read_text() == request


def test_all_that_are_under_way_go_back_together(fleet: Callable[..., Project]) -> None:
    there = fleet("lockstep")
    text = (there.folder / "fleet.yaml").read_text()
    files = {place: declared(there, place) for place in PLACES}
    step(there, "start", "v2")
    step(there, "advance")
    step(there, "advance")
    there.do("abort", "-f", "fleet.yaml", "--commit")
    assert "phase: rollback from 25%" in declared(there, "test")
    assert "phase: rollback from deploy" in declared(there, "eu-2")
    said = there.refuses("abort", "-f", "fleet.yaml", "--commit")
    assert said.count("has to last 10s (drain 10s)") == 3
    said = there.refuses("advance", "-f", "fleet.yaml", "--commit", "--now")
    assert said.count("it goes back: it is at `rollback from ") == 3
    step(there, "abort")
    step(there, "abort")
    assert text == (there.folder / "fleet.yaml").read_text()
    assert files == {place: declared(there, place) for place in PLACES}
    assert there.is_clean
    log = there.git("log", "--format=%B", "--reverse", "HEAD~3..")
    assert (MESSAGES / "abort.txt").read_text() == log


def test_who_has_the_release_already_stays_and_is_told(fleet: Callable[..., Project]) -> None:
    there = begun(fleet())
    while there.log[-1] != "shop: v2 begins in europe (2 targets)":
        step(there, "advance")
    done = there.canary("abort", "-f", "fleet.yaml", "--commit")
    cure = "`kubectl canary start v1 -f fleet.yaml` releases the version before there"
    assert f"test has v2 already: {cure}, once the others are back" in done.err
    for _ in range(2):
        step(there, "abort")
    there.do("start", "v1", "-f", "fleet.yaml", "--commit")  # brings those back that had it
    assert ["v1", "v1"] == [line.split()[2] for line in there.do("plan", "-f", "fleet.yaml").splitlines()[4:]]


def test_who_is_promoted_stays_while_the_others_go_back(fleet: Callable[..., Project]) -> None:
    there = begun(fleet(**targets(eu_2="[10%, 50%, 100%]")))
    while "phase: promoted" not in declared(there, "eu-1"):
        step(there, "advance")
    (there.folder / "eu-2/canary.yaml").write_text(
        declared(there, "eu-2").replace("phase: promoted", "phase: 50%")
    )
    there.git("commit", "-qam", "half of it")
    done = there.canary("abort", "-f", "fleet.yaml", "--commit", "--now")
    assert (
        "eu-1 is promoted, and stays: `kubectl canary advance -f eu-1/canary.yaml` ends its release"
        in done.err
    )
    assert "phase: rollback from 50%" in declared(there, "eu-2")
    for _ in range(2):
        step(there, "abort")
    said = there.refuses("abort", "-f", "fleet.yaml", "--commit", "--now")
    assert "no target goes back" in said
    there.do("advance", "-f", "eu-1/canary.yaml", "--commit", "--now")
    step(there, "abort")
    assert "release:" not in (there.folder / "fleet.yaml").read_text()


def test_a_release_that_all_have_by_now_ends(fleet: Callable[..., Project]) -> None:
    there = begun(fleet())
    for place in PLACES:
        file = there.folder / place / "canary.yaml"
        file.write_text(file.read_text().partition("  canary:")[0].replace("tag: v1 ", "tag: v2 "))
    there.git("commit", "-qam", "by hand")
    there.do("advance", "-f", "fleet.yaml", "--commit")
    assert "release:" not in (there.folder / "fleet.yaml").read_text()
    assert "shop: v2 is stable in all targets, and the release is over" == there.log[-1]


# --- what is refused ------------------------------------------------------------------


def test_time_is_minded_for_each_target_and_between_waves(
    fleet: Callable[..., Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = begun(fleet(text=FLEET.replace("- name: europe", "- name: europe\n      pause: 1h")))
    said = there.refuses("advance", "-f", "fleet.yaml", "--commit", "--no-cluster")
    assert (
        "test/canary.yaml:15:10: `deploy` was committed a moment ago, and has to last 10s (drain 10s)" in said
    )
    while there.log[-1] != "shop: v2 is stable in test (1 target)":
        step(there, "advance")
    said = there.refuses("advance", "-f", "fleet.yaml", "--commit", "--no-cluster")
    assert "what it says was committed a moment ago, and has to last 1h (until the next wave)" in said
    monkeypatch.setenv("GIT_COMMITTER_DATE", "@1700000000 +0000")
    there.git("commit", "-q", "--amend", "--no-edit")
    there.do("advance", "-f", "fleet.yaml", "--commit", "--no-cluster")
    assert "shop: v2 begins in europe (2 targets)" == there.log[-1]


def test_what_is_wrong_with_any_target_is_said_at_once_and_nobody_goes_on(
    fleet: Callable[..., Project],
) -> None:
    there = fleet(**{"eu-1/canary.yaml": "kind: Canary\n", "eu-2/canary.yaml": "a: [\n"})
    said = there.refuses("start", "v2", "-f", "fleet.yaml", "--commit")
    assert "eu-2/canary.yaml:2:1" in said
    there = fleet_of(there, eu_1="kind: Canary\n")
    said = there.refuses("start", "v2", "-f", "fleet.yaml", "--commit")
    assert "eu-1/canary.yaml:1:1: apiVersion: missing" in said


def fleet_of(there: Project, **texts: str) -> Project:
    for place, text in (
        targets() | {f"{key.replace('_', '-')}/canary.yaml": value for key, value in texts.items()}
    ).items():
        (there.folder / place).write_text(text)
    there.git("commit", "-qam", "other files")
    return there


def test_who_was_taken_back_alone_stops_the_others(fleet: Callable[..., Project]) -> None:
    there = begun(fleet("rolling-sync"))
    for _ in range(3):
        there.do("abort", "-f", "eu-1/canary.yaml", "--commit", "--now")
    said = there.refuses("advance", "-f", "fleet.yaml", "--commit", "--now")
    cure = "`kubectl canary start v2 -f eu-1/canary.yaml` takes it in"
    where = "fleet.yaml:10:17: spec.waves[1].targets[0]"
    assert f"{where}: eu-1: it is not in the release, and its wave is; {cure}" in said
    left_out(there, "eu-1")
    step(there, "advance")
    assert "phase: 25%" in declared(there, "eu-2")
    steps(there)
    assert "tag: v1 " in declared(there, "eu-1")
    assert "without" not in (there.folder / "fleet.yaml").read_text()


def left_out(there: Project, *names: str) -> None:
    file = there.folder / "fleet.yaml"
    file.write_text(
        file.read_text().replace("    tag: v2\n", f"    tag: v2\n    without: [{', '.join(names)}]\n")
    )
    there.git("commit", "-qam", "without")


def test_a_release_of_its_own_stops_the_fleet_or_is_left_out(fleet: Callable[..., Project]) -> None:
    there = fleet("lockstep")
    there.do("start", "v3", "-f", "eu-1/canary.yaml", "--commit")
    said = there.refuses("start", "v2", "-f", "fleet.yaml", "--commit")
    assert "eu-1: it is in a release of its own, at `deploy`" in said
    assert "`kubectl canary abort -f eu-1/canary.yaml` takes it back" in said
    for _ in range(3):
        there.do("abort", "-f", "eu-1/canary.yaml", "--commit", "--now")
    step(there, "start", "v2")
    there.do("start", "v3", "-f", "eu-1/canary.yaml", "--commit")
    done = there.canary("check", "-f", "fleet.yaml", "--git", "HEAD~1")
    assert (1, True) == (done.code, "eu-1 begins a release of its own" in done.out)
    assert "eu-1: it is in a release of its own" in there.refuses("advance", "-f", "fleet.yaml", "--now")
    left_out(there, "eu-1")
    there.do("check", "-f", "fleet.yaml", "--git", "HEAD~2")
    step(there, "advance")
    assert "shop: v2 begins in europe (1 target)" == there.log[-1]
    there.do("abort", "-f", "fleet.yaml", "--commit")
    assert "phase: deploy" in declared(there, "eu-1")


def test_a_target_at_the_version_already_is_no_release_to_begin(fleet: Callable[..., Project]) -> None:
    there = fleet()
    there.do("start", "v2", "-f", "test/canary.yaml", "--commit")
    said = there.refuses("start", "v2", "-f", "fleet.yaml", "--commit")
    assert "test: it is in a release of its own, at `deploy`" in said


def test_a_hotfix_in_a_wave_that_has_ended_stops_nobody(fleet: Callable[..., Project]) -> None:
    there = begun(fleet())
    while there.log[-1] != "shop: v2 begins in europe (2 targets)":
        step(there, "advance")
    there.do("start", "v2.1", "-f", "test/canary.yaml", "--commit")
    while "phase:" in declared(there, "test"):
        step(there, "advance")
        there.do("advance", "-f", "test/canary.yaml", "--commit", "--now")
    steps(there)
    assert "tag: v2.1 " in declared(there, "test")


# --- who stays behind stops no way back -----------------------------------------------


def test_who_went_back_alone_holds_up_no_other(fleet: Callable[..., Project]) -> None:
    there = begun(fleet("rolling-sync"))
    step(there, "advance")
    there.do("abort", "-f", "eu-1/canary.yaml", "--commit")
    done = there.canary("abort", "-f", "fleet.yaml", "--commit")
    assert (0, True) == (done.code, "`rollback from 25%` was committed" in done.err)
    phases = [declared(there, place).rpartition("phase: ")[2].strip() for place in PLACES]
    assert ["rollback from 25%"] * 3 == phases
    for _ in range(2):
        step(there, "abort")
    assert "release:" not in (there.folder / "fleet.yaml").read_text()


def test_who_cannot_go_back_is_told_and_the_others_do(fleet: Callable[..., Project]) -> None:
    there = begun(fleet("rolling-sync"))
    broken = there.folder / "eu-1/canary.yaml"
    broken.write_text(broken.read_text().replace("replicas: 4", "replicas: four"))
    there.git("commit", "-qam", "broken")
    for _ in range(3):
        done = there.canary("abort", "-f", "fleet.yaml", "--commit", "--now")
        assert (1, True) == (done.code, "eu-1/canary.yaml:9:15: spec.stable.replicas" in done.err)
    assert "tag: v2" in (there.folder / "fleet.yaml").read_text()
    assert "  phase:" not in declared(there, "test")
    said = there.refuses("abort", "-f", "fleet.yaml", "--commit", "--now")
    assert "eu-1/canary.yaml:9:15: spec.stable.replicas" in said


# --- adopted manifests ----------------------------------------------------------------


def adopting(*places: str, source: str = "../k8s/PLACE") -> dict[str, str]:
    """Files of targets that adopt manifests, which lie elsewhere."""
    files = {
        f"{place}/canary.yaml": ADOPTS.replace("from: k8s", f"from: {source.replace('PLACE', place)}")
        for place in places
    }
    return files | {f"k8s/{place}/app.yaml": APP for place in places}


def test_targets_that_adopt_are_written_in_place(fleet: Callable[..., Project]) -> None:
    there = fleet("rolling-sync", **adopting(*PLACES))
    before = {place: (there.folder / f"k8s/{place}/app.yaml").read_text() for place in PLACES}
    there.do("start", "v2", "-f", "fleet.yaml", "-o", "in-place", "--commit")
    step(there, "advance")
    there.do("check", "-f", "fleet.yaml", "--git", "HEAD~1")
    for place in PLACES:
        assert "app:v2" in "".join(file.read_text() for file in (there.folder / f"k8s/{place}").iterdir())
    steps(there)
    for place in PLACES:
        assert (
            before[place].replace("app:v1", "app:v2") == (there.folder / f"k8s/{place}/app.yaml").read_text()
        )


def test_two_targets_adopt_no_manifests_together(fleet: Callable[..., Project]) -> None:
    there = fleet(**adopting(*PLACES, source="../k8s/test"))
    said = there.refuses("start", "v2", "-f", "fleet.yaml", "--commit")
    assert "eu-1/canary.yaml:" in said and "eu-2/canary.yaml:" in said
    assert "`test` adopts the same manifests: the end of its release would reach `eu-1`" in said


def test_who_is_left_out_in_the_middle_of_the_release_is_still_in_it(fleet: Callable[..., Project]) -> None:
    there = begun(fleet("rolling-sync"))
    left_out(there, "eu-1")
    step(there, "advance")
    assert "phase: 25%" in declared(there, "eu-1")
    step(there, "abort")
    assert "phase: rollback from 25%" in declared(there, "eu-1")


def test_a_step_that_is_reverted_or_caught_up_with_may_be_merged(fleet: Callable[..., Project]) -> None:
    there = begun(fleet("lockstep"))
    step(there, "advance")
    there.git("revert", "--no-edit", "HEAD")
    there.do("check", "-f", "fleet.yaml", "--git", "HEAD~1")
    for words in (["advance", "-f", "fleet.yaml"], *[["abort", "-f", "test/canary.yaml"]] * 3):
        there.do(*words, "--commit", "--now")
    there.do("start", "v2", "-f", "test/canary.yaml", "--commit")
    there.do("check", "-f", "fleet.yaml", "--git", "HEAD~1")


# --- somebody changes the fleet in the middle -----------------------------------------


def changed(there: Project, old: str, new: str) -> None:
    file = there.folder / "fleet.yaml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    there.git("commit", "-qam", "changed")


def test_another_tag_ends_no_release_silently(fleet: Callable[..., Project]) -> None:
    there = begun(fleet())
    changed(there, "tag: v2", "tag: v3")
    done = there.canary("check", "-f", "fleet.yaml", "--git", "HEAD~1")
    assert (1, True) == (done.code, "the release under way is of v2" in done.out)
    said = there.refuses("abort", "-f", "fleet.yaml", "--commit")
    assert "test is in a release of its own, and stays: `kubectl canary abort -f test/canary.yaml`" in said


def test_who_is_taken_out_in_the_middle_is_not_forgotten(fleet: Callable[..., Project]) -> None:
    there = begun(fleet("lockstep"))
    step(there, "advance")
    changed(there, "eu-*/canary.yaml", "eu-1/canary.yaml")
    done = there.canary("check", "-f", "fleet.yaml", "--git", "HEAD~1")
    assert (1, True) == (done.code, "eu-2 is taken out in the middle of the release, at `deploy`" in done.out)
    said = there.refuses("advance", "-f", "fleet.yaml", "--commit", "--now")
    assert "eu-2 was taken out in the middle of the release, and is at `deploy`" in said
    done = there.canary("abort", "-f", "fleet.yaml", "--commit")
    assert (0, True) == (done.code, "`kubectl canary abort -f eu-2/canary.yaml`" in done.err)
    there.do("abort", "-f", "eu-2/canary.yaml", "--commit")


def test_another_order_of_waves_goes_nowhere_but_back(fleet: Callable[..., Project]) -> None:
    there = begun(fleet())
    head, first, second = re.split(
        "(?=    - name)", (there.folder / "fleet.yaml").read_text().partition("  release")[0]
    )
    release = (there.folder / "fleet.yaml").read_text().partition("  release")[2]
    (there.folder / "fleet.yaml").write_text(f"{head}{second}{first}  release{release}")
    there.git("commit", "-qam", "europe first")
    done = there.canary("check", "-f", "fleet.yaml", "--git", "HEAD~1")
    assert (1, True) == (done.code, "the waves were test, europe when the release began" in done.out)
    said = there.refuses("advance", "-f", "fleet.yaml", "--commit", "--now")
    assert "fleet.yaml:6:3: spec.waves: the waves were test, europe when the release began" in said
    there.do("abort", "-f", "fleet.yaml", "--commit")


def test_another_order_goes_nowhere_but_back(fleet: Callable[..., Project]) -> None:
    there = begun(fleet())
    changed(there, "order: waves", "order: rolling-sync")
    said = there.refuses("advance", "-f", "fleet.yaml", "--commit", "--now")
    assert "the order was waves when the release began" in said


def test_a_wave_of_another_name_can_be_taken_back(fleet: Callable[..., Project]) -> None:
    there = begun(fleet())
    changed(there, "- name: test", "- name: testing")
    said = there.refuses("advance", "-f", "fleet.yaml", "--commit", "--now")
    assert "fleet.yaml:13:11: spec.release.wave: there is no wave `test`; there are testing, europe" in said
    assert 1 == there.canary("check", "-f", "fleet.yaml", "--git", "HEAD~1").code
    for _ in range(3):
        step(there, "abort")
    assert "release:" not in (there.folder / "fleet.yaml").read_text()


def test_what_nobody_committed_decides_no_turn(fleet: Callable[..., Project]) -> None:
    there = begun(fleet())
    while "phase: promoted" not in declared(there, "test"):
        step(there, "advance")
    there.do("advance", "-f", "fleet.yaml", "--now")
    said = there.refuses("advance", "-f", "fleet.yaml", "--commit", "--now", code=2)
    assert "test/canary.yaml: changed, and not committed" in said
    said = there.refuses("advance", "-f", "fleet.yaml", "--no-cluster")
    assert "test/canary.yaml:4:1: what it says is not committed yet" in said


def test_a_wave_in_lockstep_has_time_to_arrive_without_a_cluster(fleet: Callable[..., Project]) -> None:
    files = {name: f"{text}  gitops: {{interval: 3m}}\n" for name, text in targets().items()}
    there = begun(fleet("lockstep", **files))
    said = there.refuses("advance", "-f", "fleet.yaml", "--commit", "--no-cluster")
    assert "what it says was committed a moment ago, and has to last 3m" in said


def test_pauses_are_minded_of_each_target(fleet: Callable[..., Project]) -> None:
    there = fleet(
        "rolling-sync", **targets(**dict.fromkeys(("test", "eu_2"), "[{name: 25%, pause: 7m}, 100%]"))
    )
    step(there, "start", "v2")
    step(there, "advance")
    said = there.refuses("advance", "-f", "fleet.yaml", "--commit", "--no-cluster")
    assert said.count("(pause and gates 7m, drain 10s)") == 2
    assert said.count("(drain 10s)") == 1


def test_targets_are_written_however_many_are_written_together(
    fleet: Callable[..., Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    from kubectl_canary.commands.run import fleet as reading

    monkeypatch.setattr(reading, "BATCH", 1)
    there = begun(rendered(fleet(), "flux", FLEET.replace("ORDER", "rolling-sync")))
    for place in PLACES:
        assert "phase: deploy" in declared(there, place)
        assert "v2" in "".join(file.read_text() for file in (there.folder / f"out/{place}/current").iterdir())
    assert there.is_clean


def test_a_commit_of_a_colleague_to_any_target_is_seen(fleet: Callable[..., Project], tmp_path: Path) -> None:
    there = fleet("lockstep")
    there.git("clone", "-q", "--bare", ".", str(tmp_path / "remote"))
    there.git("remote", "add", "origin", str(tmp_path / "remote"))
    there.git("push", "-q", "--set-upstream", "origin", "main")
    there.do("start", "v2", "-f", "fleet.yaml", "--push")
    there.do("abort", "-f", "test/canary.yaml", "--push")
    there.git("reset", "-q", "--hard", "HEAD~1")
    said = there.canary("advance", "-f", "fleet.yaml", "--push", "--now")
    assert (1, True) == (said.code, "the release has moved on the remote" in said.err)


def test_one_file_by_two_names_is_refused(fleet: Callable[..., Project]) -> None:
    there = fleet()
    (there.folder / "eu-now").symlink_to("eu-1")
    said = there.refuses("plan", "-f", "fleet.yaml")
    assert "fleet.yaml:10:17: spec.waves[1].targets[0]: eu-now/canary.yaml is eu-1/canary.yaml" in said


def test_an_image_in_a_file_of_all_is_refused(fleet: Callable[..., Project]) -> None:
    base = TARGET.replace("PHASES", "[25%, 100%]").replace("tag: v1   #", "image: example.com/shop:v1   #")
    own = "apiVersion: kubectl-canary/v1alpha1\nkind: Canary\nmetadata: {namespace: NAME}\n"
    text = FLEET.replace("file: ", "file: [base.yaml, ").replace(".yaml}", ".yaml]}")
    overlays = {f"{place}/canary.yaml": own.replace("NAME", place) for place in PLACES}
    there = fleet(text=text, **{"base.yaml": base, **overlays})
    said = there.refuses("start", "v2", "-f", "fleet.yaml", "--commit")
    assert "base.yaml:8:5: spec.stable.image: test/canary.yaml is the file of target `test`" in said


def test_all_that_is_wrong_is_said_at_once(fleet: Callable[..., Project]) -> None:
    there = fleet(text=FLEET.replace("test/canary", "none/canary").replace("eu-*", "us-*"))
    assert "fleet.yaml:10:24: spec.waves[1].targets[0].file: there is no file us-*/" in there.refuses(
        "plan", "-f", "fleet.yaml"
    )
    there = again(there, FLEET.replace("test/canary", "none/canary").replace("eu-*", "nobody"))
    said = there.refuses("plan", "-f", "fleet.yaml")
    assert "none/canary.yaml does not exist" in said and "nobody/canary.yaml does not exist" in said


def again(there: Project, text: str) -> Project:
    (there.folder / "fleet.yaml").write_text(text.replace("ORDER", "waves"))
    there.git("commit", "-qam", "again")
    return there


def test_one_release_of_a_fleet_at_a_time(fleet: Callable[..., Project]) -> None:
    there = begun(fleet())
    said = there.refuses("start", "v3", "-f", "fleet.yaml", "--commit")
    assert (
        "fleet.yaml:11:3: spec.release: a release is under way; `kubectl canary advance -f fleet.yaml` goes on"
        in said
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["start", "-f", "fleet.yaml"], "a fleet is started with a tag"),
        (["start", "v2", "--image", "a=b", "-f", "fleet.yaml"], "a fleet is started with a tag"),
        (["advance", "--to", "100%", "-f", "fleet.yaml"], "the targets of a fleet have phases of their own"),
        (
            ["advance", "-o", "dir=x", "-f", "fleet.yaml"],
            "each target is rendered where it was rendered last",
        ),
        (["advance", "-f", "fleet.yaml"], "fleet.yaml has no release"),
        (["abort", "-f", "fleet.yaml"], "fleet.yaml has no release"),
        (["plan", "--to", "100%", "-f", "fleet.yaml"], "a way is a target's"),
        (["plan", "--set", "spec.order=waves", "-f", "fleet.yaml"], "a fleet says it of each target"),
        (["plan", "-f", "fleet.yaml", "-f", "test/canary.yaml"], "a fleet is one file"),
        (["status", "-f", "fleet.yaml"], "fleet.yaml is a fleet"),
        (["undo", "-f", "fleet.yaml"], "fleet.yaml is a fleet"),
        (["advance", "-f", "test/canary.yaml", "--no-cluster"], "--no-cluster is of a fleet"),
    ],
)
def test_flags_that_a_fleet_has_not(fleet: Callable[..., Project], words: list[str], said: str) -> None:
    assert said in fleet().refuses(*words, code=2)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("eu-*/canary.yaml", "us-*/canary.yaml", "fleet.yaml:10:24: spec.waves[1].targets[0].file: there is no file us-*/"),
        ("eu-*/canary.yaml", "'*-*/canary.yaml'", "one `*` in one of the names"),
        ("eu-*/canary.yaml", "test/canary.yaml", "there are 2 targets `test`; give each a `name`"),
        ("eu-*/canary.yaml}", "test/canary.yaml, name: b}", "test/canary.yaml is in 2 targets"),
        ("eu-*/canary.yaml}", "eu-*/canary.yaml, name: b}", "there are 2 targets `b`"),
        ("name: europe", "name: test", "there are 2 waves `test`"),
        ("name: europe", "name: Europe", "fleet.yaml:9:13: spec.waves[1].name"),
        ("targets: [{file: test", "pause: 1h\n      targets: [{file: test", ""),
        ("order: waves", "order: sometimes", "fleet.yaml:5:10: spec.order"),
    ],
)  # fmt: skip
def test_a_fleet_that_is_wrong_is_refused_at_its_place(
    fleet: Callable[..., Project], old: str, new: str, said: str
) -> None:
    text = FLEET.replace("ORDER", "waves")
    assert old in text
    there = fleet(text=text.replace(old, new))
    if said:
        assert said in there.refuses("plan", "-f", "fleet.yaml")
    else:
        there.do("plan", "-f", "fleet.yaml")


def test_a_wave_has_a_pause_only_where_it_has_a_start(fleet: Callable[..., Project]) -> None:
    there = fleet("lockstep", text=FLEET.replace("- name: europe", "- name: europe\n      pause: 1h"))
    assert (
        "fleet.yaml:10:14: spec.waves[1].pause: a wave has no start of its own in lockstep"
        in there.refuses("plan", "-f", "fleet.yaml")
    )


def test_targets_share_files_but_not_those_that_say_the_phase(fleet: Callable[..., Project]) -> None:
    base = TARGET.replace("PHASES", "[25%, 100%]")
    own = "apiVersion: kubectl-canary/v1alpha1\nkind: Canary\nmetadata: {namespace: NAME}\n"
    text = FLEET.replace("file: ", "file: [base.yaml, ").replace(".yaml}", ".yaml]}")
    overlays = {f"{place}/canary.yaml": own.replace("NAME", place) for place in PLACES}
    there = begun(fleet(text=text, **{"base.yaml": base, **overlays}))
    assert base == (there.folder / "base.yaml").read_text()
    step(there, "advance")
    assert "phase: 25%" in declared(there, "test")
    (there.folder / "base.yaml").write_text(f"{base}  canary: {{replicas: 1}}\n")
    there.git("commit", "-qam", "canary")
    said = there.refuses("advance", "-f", "fleet.yaml", "--commit", "--now")
    assert "base.yaml:13:3: spec.canary: eu-1/canary.yaml is the file of target `eu-1`" in said


# --- what an engine is told -----------------------------------------------------------

URL = "https://git.example.com/shop.git"


def printed(there: Project, *words: str) -> list[dict[str, Any]]:
    text = there.do("gitops", "-f", "fleet.yaml", "--repository", URL, "--branch", "main", *words)
    return [*yaml.safe_load_all(text)]


def rendered(there: Project, engine: str, text: str = FLEET) -> Project:
    """The fleet with a namespace and an engine, each target in a folder."""
    for place in PLACES:
        file = there.folder / place / "canary.yaml"
        said = file.read_text().replace("{name: shop}", f"{{name: shop, namespace: shop-{place}}}")
        file.write_text(f"{said}  gitops: {{engine: {engine}}}\n")
    (there.folder / "fleet.yaml").write_text(text)
    there.do("render", "--all", "-f", "fleet.yaml", "-o", "dir=out")
    there.git("add", "-A")
    there.git("commit", "-qm", "rendered")
    return there


def test_flux_gets_a_kustomization_for_each_target(fleet: Callable[..., Project]) -> None:
    text = FLEET.replace("ORDER", "waves").replace(
        "canary.yaml}]\n    - name", "canary.yaml, cluster: test-access}]\n    - name"
    )
    first, *others = printed(rendered(fleet(), "flux", text))
    assert ("GitRepository", "shop", URL) == (first["kind"], first["metadata"]["name"], first["spec"]["url"])
    assert [f"./out/{place}/current" for place in PLACES] == [one["spec"]["path"] for one in others]
    assert [f"shop-{place}" for place in PLACES] == [one["metadata"]["name"] for one in others]
    assert {"GitRepository/shop"} == {"{kind}/{name}".format(**one["spec"]["sourceRef"]) for one in others}
    access = {"secretRef": {"name": "test-access"}}
    assert [access, None, None] == [one["spec"].get("kubeConfig") for one in others]


def test_argo_cd_gets_one_application_set(fleet: Callable[..., Project]) -> None:
    text = FLEET.replace("ORDER", "waves").replace("eu-*/canary.yaml", "eu-*/canary.yaml, cluster: europe-*")
    (one,) = printed(rendered(fleet(), "argocd", text))
    assert "ApplicationSet" == one["kind"]
    elements = one["spec"]["generators"][0]["list"]["elements"]
    assert elements[1] == {
        "target": "eu-1",
        "wave": "europe",
        "path": "out/eu-1/current",
        "cluster": "europe-1",
        "namespace": "shop-eu-1",
    }
    assert ["in-cluster", "europe-1", "europe-2"] == [known["cluster"] for known in elements]
    assert "strategy" not in one["spec"] and "labels" not in one["spec"]["template"]["metadata"]
    assert one["spec"]["syncPolicy"] == {"preserveResourcesOnDeletion": True}


def test_rolling_sync_goes_by_waves_and_says_what_it_needs(fleet: Callable[..., Project]) -> None:
    there = rendered(fleet(), "argocd", FLEET.replace("ORDER", "rolling-sync"))
    (one,) = printed(there)
    values = [
        step["matchExpressions"][0]["values"] for step in one["spec"]["strategy"]["rollingSync"]["steps"]
    ]
    assert [["test"], ["europe"]] == values
    assert {"kubectl-canary/wave": "{{.wave}}"} == one["spec"]["template"]["metadata"]["labels"]
    assert {"prune": True} == one["spec"]["template"]["spec"]["syncPolicy"]["automated"]
    words = ("gitops", "-f", "fleet.yaml", "--repository", URL, "--branch", "main")
    assert "RollingSync needs progressive syncs" in there.canary(*words).err


def test_many_targets_are_several_application_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "MOST_ELEMENTS", 2)
    waves = (Wave("a"), Wave("b"))
    folders = {Target(f"t{number}", waves[0], ()): engines.Folder("x", "y") for number in range(5)}
    source = engines.Repository(URL, "main")
    made = {
        order: [
            *engines.application_sets(Fleet("shop", order, waves, tuple(folders)), source, folders, "argocd")
        ]
        for order in Order
    }
    assert ["shop", "shop-2", "shop-3"] == [one["metadata"]["name"] for one in made[Order.WAVES]]
    counts = [len(one["spec"]["generators"][0]["list"]["elements"]) for one in made[Order.LOCKSTEP]]
    assert ([2, 2, 1], 1) == (counts, len(made[Order.ROLLING_SYNC]))


def test_adopted_manifests_in_folders_are_read_in_folders() -> None:
    waves = (Wave("a"),)
    folders = {
        Target("one", waves[0], ()): engines.Folder("x", "y", has_folders=True),
        Target("two", waves[0], ()): engines.Folder("x", "y"),
    }
    (one,) = engines.application_sets(
        Fleet("shop", Order.WAVES, waves, tuple(folders)), engines.Repository(URL, "main"), folders, "argocd"
    )
    assert [True, False] == [known["recurse"] for known in one["spec"]["generators"][0]["list"]["elements"]]
    assert "recurse: true" in one["spec"]["templatePatch"]


def test_targets_of_other_engines_are_refused(fleet: Callable[..., Project]) -> None:
    there = rendered(fleet(), "flux", FLEET.replace("ORDER", "waves"))
    file = there.folder / "eu-2/canary.yaml"
    file.write_text(file.read_text().replace("engine: flux", "engine: argocd"))
    said = there.refuses("gitops", "-f", "fleet.yaml", code=2)
    assert "fleet.yaml:10:17: eu-2 has another `spec.gitops` than test" in said
    assert "a folder of its own" in there.refuses("gitops", "-f", "fleet.yaml", "--path", "x", code=2)


def test_rolling_sync_is_of_argo_cd(fleet: Callable[..., Project]) -> None:
    there = rendered(fleet(), "flux", FLEET.replace("ORDER", "rolling-sync"))
    assert "fleet.yaml:5:10: rolling-sync is Argo CD's" in there.refuses("gitops", "-f", "fleet.yaml", code=2)


# --- folders, and what is judged ------------------------------------------------------


def test_all_targets_are_rendered_or_none(fleet: Callable[..., Project]) -> None:
    there = rendered(fleet(), "flux", FLEET.replace("ORDER", "waves"))
    alone = there.folder.parent / "alone"
    there.do("render", "--all", "-f", "eu-1/canary.yaml", "-o", f"dir={alone}")
    for file in alone.rglob("*.yaml"):
        assert file.read_text() == (there.folder / "out/eu-1" / file.relative_to(alone)).read_text()
    broken = there.folder / "eu-2/canary.yaml"
    broken.write_text(broken.read_text().replace("tag: v1", "tag: v 1"))
    (there.folder / "test/canary.yaml").write_text(
        declared(there, "test").replace("replicas: 4", "replicas: 5")
    )
    said = there.refuses("render", "--all", "-f", "fleet.yaml", "-o", "dir=out")
    assert "eu-2/canary.yaml:8:10: spec.stable.tag" in said
    said = there.refuses("render", "-f", "fleet.yaml", code=2)
    assert "say `render --all -o dir=OUT`" in said


def test_steps_are_rendered_where_each_target_was(fleet: Callable[..., Project]) -> None:
    there = begun(rendered(fleet(), "flux", FLEET.replace("ORDER", "lockstep")))
    assert "\nout/test/current/" in there.git("show", "--name-only")
    step(there, "advance")
    shown = there.git("show", "--name-only", "--format=")
    assert {"fleet.yaml", "eu-1", "eu-2", "out/eu-1", "out/eu-2"} == {
        name if name == "fleet.yaml" else "/".join(name.split("/")[: 1 + name.startswith("out")])
        for name in shown.splitlines()
    }
    assert there.is_clean


def test_a_target_that_cannot_be_rendered_leaves_all_as_they_were(fleet: Callable[..., Project]) -> None:
    there = rendered(fleet(), "flux", FLEET.replace("ORDER", "rolling-sync"))
    for words in (["--commit"], []):
        (there.folder / "out/eu-2/phases").mkdir(exist_ok=True)
        (there.folder / "out/eu-2/phases/01-deploy").write_text("mine\n")
        said = there.refuses("start", "v2", "-f", "fleet.yaml", *words, code=4)
        assert "cannot write out/eu-2/phases/01-deploy/" in said


@pytest.mark.parametrize("order", ["waves", "lockstep", "rolling-sync"])
def test_each_step_of_a_fleet_may_be_merged(fleet: Callable[..., Project], order: str) -> None:
    there = begun(rendered(fleet(), "flux", FLEET.replace("ORDER", order)))
    for _ in range(4):
        there.do("check", "-f", "fleet.yaml", "--git", "HEAD~1")
        step(there, "advance")
    for _ in range(3):
        step(there, "abort")
        there.do("check", "-f", "fleet.yaml", "--git", "HEAD~1")


def test_targets_in_a_repository_of_their_own_are_no_part_of_the_commit(
    fleet: Callable[..., Project], tmp_path: Path
) -> None:
    there, other = fleet("rolling-sync"), tmp_path / "other"
    (there.folder / "eu-1").rename(other)
    there.git("init", "--quiet", str(other))
    there.git("-C", str(other), "add", "--all")
    there.git("-C", str(other), "commit", "--quiet", "--message=other")
    there.git("rm", "--quiet", "-r", "--cached", "eu-1")
    there.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "eu-1")
    there.git("commit", "--quiet", "--all", "--message=submodule")
    before = there.git("status", "--porcelain")
    said = there.refuses("start", "v2", "-f", "fleet.yaml", "--commit", code=2)
    assert f"eu-1/canary.yaml is not in {there.folder}" in said
    assert there.git("status", "--porcelain") == before
    there.do("start", "v2", "-f", "fleet.yaml")
    assert "phase: deploy" in declared(there, "eu-1")


def test_who_goes_on_out_of_turn_is_not_merged(fleet: Callable[..., Project]) -> None:
    there = begun(rendered(fleet(), "flux", FLEET.replace("ORDER", "lockstep")))
    step(there, "advance")
    there.do("advance", "-f", "eu-1/canary.yaml", "--commit", "--now")
    done = there.canary("check", "-f", "fleet.yaml", "--git", "HEAD~1")
    assert (1, True) == (
        done.code,
        "fleet.yaml:10:17: error spec.waves[1].targets[0]: eu-1 goes on, and it is not its turn" in done.out,
    ), done.out
    route = next((there.folder / "out/eu-2/current").glob("*route*"))
    route.write_text("")
    done = there.canary("check", "-f", "fleet.yaml", "--git", "HEAD~1", "-o", "github")
    assert str(route.relative_to(there.folder)) in done.out


# --- clusters -------------------------------------------------------------------------


@pytest.fixture
def asking(
    fake: Fake, canary: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Result]:
    """A verb of a fleet in lockstep whose two targets are at 5%, where clusters have these objects."""
    monkeypatch.chdir(tmp_path)
    targets = [{"name": "a", "file": "a.yaml", "context": "east"}, {"name": "b", "file": "b.yaml"}]
    waves = [{"name": target["name"], "targets": [target]} for target in targets]
    known = {"apiVersion": "kubectl-canary/v1alpha1", "kind": "Fleet", "metadata": {"name": "shop"}}
    release = {"tag": "v1.1.0", "wave": "b"}
    whole = {**known, "spec": {"order": "lockstep", "waves": waves, "release": release}}
    (tmp_path / "fleet.yaml").write_text(json.dumps(whole))
    for name in "ab":
        (tmp_path / f"{name}.yaml").write_text(json.dumps(a_file(phase="5%", canary={"tag": "v1.1.0"})))

    def run(objects: Objects, *words: str, code: int = 0) -> Result:
        slices = [a_slice(f"shop-{side}", 10) for side in ("stable", "canary")]
        fake.answer(("endpointslices", code, a_list(*slices)), ("get", code, a_list(*objects.values())))
        return canary(*words, "-f", "fleet.yaml")

    return run


def objects_at(phase: str) -> Objects:
    return live(a_release(canary={"tag": "v1.1.0"}), phase)


def test_a_wave_goes_on_once_all_clusters_have_what_is_declared(
    asking: Callable[..., Result], fake: Fake, tmp_path: Path
) -> None:
    done = asking(objects_at("5%"), "advance")
    assert 0 == done.code, done.err
    assert ["50%", "5%"] == [
        json.loads((tmp_path / f"{name}.yaml").read_text())["spec"]["phase"] for name in "ab"
    ]
    assert {"--context=east"} <= {word for call in fake.calls for word in call}


def test_a_cluster_that_is_behind_stops_all(asking: Callable[..., Result], tmp_path: Path) -> None:
    before = {name: (tmp_path / f"{name}.yaml").read_text() for name in "ab"}
    done = asking(objects_at("header-only"), "advance")
    assert (1, "") == (done.code, done.out)
    for name in "ab":
        assert f"{name}: HTTPRoute shop-canary-route is not as `5%` has it (patch)" in done.err
        assert before[name] == (tmp_path / f"{name}.yaml").read_text()
    assert "--no-cluster goes by time alone, --now by nothing" in done.err


def test_a_cluster_that_does_not_answer_has_not_arrived(asking: Callable[..., Result]) -> None:
    done = asking(objects_at("5%"), "advance", code=1)
    assert (1, "") == (done.code, done.out)
    assert done.err.count("kubectl") >= 2
    assert 0 == asking(objects_at("5%"), "advance", "--no-cluster", code=1).code


def test_all_clusters_are_asked(asking: Callable[..., Result]) -> None:
    done = asking(objects_at("5%"), "check", "--synced")
    assert (0, "a: `5%` is in the cluster, and settled\nb: `5%` is in the cluster, and settled\n") == (
        done.code,
        done.out,
    )
    done = asking(objects_at("header-only"), "check", "--synced", "-o", "json")
    found = json.loads(done.out)
    assert (1, "shop", [False, False]) == (
        done.code,
        found["fleet"],
        [one["synced"] for one in found["targets"]],
    )
    assert (
        "a: `5%` is not in the cluster yet, or not settled:\n  Deployment shop-canary is not as"
        in asking(objects_at("header-only"), "check", "--synced").out
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "fleet.yaml:1:1: there is nothing in it"),
        ("kind: Fleet\n", "fleet.yaml:1:1: spec: missing\n\n"),
        (FLEET.replace("ORDER", "waves").replace("eu-*/", "*/"), "`*` begins an alias or an anchor: write a text that begins so in quotes"),
        (FLEET.replace("ORDER", "waves").replace("eu-*/canary", "fleet"), "fleet.yaml is a fleet"),
        (FLEET.replace("ORDER", "waves").replace("metadata: {name: shop}", "metadata: {name: sh"), "is not YAML"),
    ],
)  # fmt: skip
def test_what_is_no_fleet_is_said_in_words_of_fleets(
    fleet: Callable[..., Project], text: str, said: str
) -> None:
    assert said in fleet(text=text).refuses("plan", "-f", "fleet.yaml")


def test_a_fleet_of_another_program_is_none_of_ours(fleet: Callable[..., Project]) -> None:
    there = fleet(**{"agones.yaml": "apiVersion: agones.dev/v1\nkind: Fleet\nmetadata: {name: servers}\n"})
    assert "not checked: no schema for Fleet of agones.dev/v1" in there.do("validate", "agones.yaml")


def test_a_fleet_is_validated_and_is_no_manifest(fleet: Callable[..., Project]) -> None:
    there = fleet()
    there.do("validate", "fleet.yaml")
    file = there.folder / "fleet.yaml"
    file.write_text(file.read_text().replace("- name: europe", "- nam: europe"))
    done = there.canary("validate", "fleet.yaml")
    assert (1, True) == (
        done.code,
        "fleet.yaml:9:7: error Fleet shop: spec.waves[1].nam: unknown key" in done.out,
    )
    done = there.canary("validate", "fleet.yaml", "test/canary.yaml")
    assert "2 documents" in done.out
