"""Which phases a verb leads through, from where the cluster is."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from releases import a_release

from kubectl_canary.driving import courses
from kubectl_canary.errors import Refused, UsageError
from kubectl_canary.records import replace
from kubectl_canary.release.application import Version
from kubectl_canary.release.observed import SOMEWHERE
from kubectl_canary.release.plan import Phase, Plan, Pods

PLAN = a_release()
END = ["promote-roll", "promote-return", "promoted"]


def between(origin: str, share: Fraction | None = None, **otherwise: Any) -> Phase:
    """A cluster that is in no phase, and nearest to one."""
    near = PLAN.find(origin)
    traffic = near.traffic if share is None else replace(near.traffic, share=share)
    return replace(near, name=SOMEWHERE, origin=origin, traffic=traffic, **otherwise)


def said(error: Refused) -> str:
    return f"{error.message}: {error.findings[0].message}; {error.findings[0].hint}"


@pytest.mark.parametrize(
    ("here", "names"),
    [
        (PLAN.find("100%"), ["100%", *END]),
        (PLAN.find("promote-roll"), END),
        (PLAN.find("promote-return"), END[1:]),
        (PLAN.find("promoted"), END[2:]),
        (between("100%"), END),
        (between("promote-roll", Fraction(1, 2)), END[1:]),
    ],
)
def test_promotion_goes_by_every_phase_that_is_left(here: Phase, names: list[str]) -> None:
    assert names == courses.promotion(PLAN, here)


@pytest.mark.parametrize("here", [PLAN.find("before"), PLAN.find("50%"), between("50%", Fraction(99, 100))])
def test_promotion_waits_for_all_requests(here: Phase) -> None:
    with pytest.raises(Refused, match="it is too early to promote") as refused:
        courses.promotion(PLAN, here)
    assert "go on to `100%` first" == refused.value.findings[0].hint


@pytest.mark.parametrize(
    ("here", "keeps", "name"),
    [
        ("before", False, "rolled-back"),
        ("50%", False, "rolled-back"),
        ("50%", True, "rollback"),
        ("100%", True, "rollback"),
        ("promote-roll", False, "rollback-promotion"),
        ("promote-return", True, "rollback-promotion"),
        ("promoted", False, "promote-return"),
        ("promoted", True, "promote-return"),
    ],
)
def test_the_way_home_begins_with_whoever_serves(here: str, keeps: bool, name: str) -> None:
    assert name == courses.way_home(PLAN, PLAN.find(here), keeps=keeps)


def test_where_one_canary_of_several_is_gone_it_comes_back_first() -> None:
    two = replace(PLAN, phases=tuple(replace(one, pods=(*one.pods, Pods(1, 1))) for one in PLAN.phases))
    here = replace(two.find("promote-return"), pods=(two.full.pods[0], Pods(1)))
    assert "promote-return" == courses.way_home(two, here, keeps=False)
    assert "rollback-promotion" == courses.way_home(two, two.find("promote-return"), keeps=False)


@pytest.mark.parametrize(
    ("here", "names"),
    [
        (PLAN.find("100%"), ["50%", "5%", "header-only"]),
        (PLAN.find("5%"), ["header-only"]),
        (between("50%", Fraction(60, 100)), ["50%", "5%", "header-only"]),
        (between("5%", Fraction(30, 100)), ["5%", "header-only"]),
        (PLAN.find("header-only"), []),
        (PLAN.find("deploy"), []),
        (PLAN.find("before"), []),
        (PLAN.find("promote-roll"), []),
        (between("promote-roll", Fraction(1, 2), stable_version=Version.NEW), []),
    ],
)
def test_gradually_shares_fall_as_they_rose(here: Phase, names: list[str]) -> None:
    assert names == courses.gradually(PLAN, here)


def test_next_and_previous_go_by_the_plan() -> None:
    names = [phase.name for phase in PLAN.phases]
    assert names[1:] == [courses.onward(PLAN, phase) for phase in PLAN.phases[:-1]]
    old = [phase for phase in PLAN.phases if phase.stable_version is Version.OLD]
    assert names[: len(old) - 1] == [courses.backward(PLAN, phase) for phase in old[1:]]


Course = Callable[[Plan, Phase], str]


@pytest.mark.parametrize(
    ("course", "here", "message"),
    [
        (courses.onward, PLAN.find("promoted"), "there is no next phase: the release is at `promoted`; it is over"),
        (courses.backward, PLAN.find("before"), "there is no phase before: the release is at `before`; there is nothing to take back"),
        (courses.backward, PLAN.find("promote-roll"), "promotion has no step back: the release is at `promote-roll`: stable runs the new version; `rollback` leads back safely"),
        (courses.backward, PLAN.find("promoted"), "promotion has no step back: the release is at `promoted`: stable runs the new version; `rollback` leads back safely"),
        (courses.onward, between("5%"), "there is no next step from here: the release is in none of the plan's phases; `status` says what differs; `apply --phase` goes to one"),
        (courses.backward, between("5%"), "there is no next step from here: the release is in none of the plan's phases; `status` says what differs; `apply --phase` goes to one"),
    ],
)  # fmt: skip
def test_where_no_step_leads_on_is_said(course: Course, here: Phase, message: str) -> None:
    with pytest.raises(Refused) as refused:
        course(PLAN, here)
    assert message == said(refused.value)


@pytest.mark.parametrize("name", ["rollback", "rollback from 5%", "rollback-promotion", " rolled-back"])
def test_apply_goes_to_no_way_back(name: str) -> None:
    with pytest.raises(UsageError, match="is a way back"):
        courses.refuse_way_back(PLAN, name)


@pytest.mark.parametrize("name", ["", "5%", "promoted", "header-only", "nothing"])
def test_apply_goes_to_phases(name: str) -> None:
    courses.refuse_way_back(PLAN, name)
