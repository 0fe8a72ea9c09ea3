"""Which phases a way goes through, forward and back."""

from __future__ import annotations

import pytest
from releases import a_release

from kubectl_canary.errors import Refused, UsageError
from kubectl_canary.release import ways


@pytest.mark.parametrize(
    ("start", "to", "expected"),
    [
        ("deploy", "50%", ["header-only", "5%", "50%"]),
        ("50%", "deploy", ["5%", "header-only", "deploy"]),
        ("50%", "before", ["5%", "header-only", "deploy", "before"]),
        ("50%", "5%", ["5%"]),
        ("50%", "50%", []),
        ("50%", "rolled-back", ["rollback from 50%", "rolled-back"]),
        ("rollback from 50%", "header-only", ["header-only"]),
        ("rollback from 50%", "5%", ["header-only", "5%"]),
        ("rollback from 50%", "before", ["before"]),
        ("promoted", "rolled-back",
         ["promote-return", "rollback-promotion from promote-return", "rollback from 100%", "rolled-back"]),
        ("rollback-promotion from promote-roll", "rolled-back", ["rollback from 100%", "rolled-back"]),
    ],
)  # fmt: skip
def test_a_way_goes_by_every_phase(start: str, to: str, expected: list[str]) -> None:
    plan = a_release()
    assert expected == [phase.name for phase in ways.way(plan, plan.find(start), plan.find(to))]


def test_phases_that_a_step_forward_passes_by_are_named() -> None:
    plan = a_release()
    assert ["header-only", "5%"] == [
        one.name for one in ways.left_out(plan, plan.find("deploy"), plan.find("50%"))
    ]
    assert [] == list(ways.left_out(plan, plan.find("50%"), plan.find("deploy")))


def test_skip_goes_straight_and_jump_by_all() -> None:
    plan = a_release(stable={"tag": "v1", "replicas": 1})
    start, to = plan.find("deploy"), plan.find("50%")
    with pytest.raises(Refused):
        ways.chosen_way(plan, start, to)
    assert ["50%"] == [one.name for one in ways.chosen_way(plan, start, to, skip=True)]
    assert ["header-only", "5%", "50%"] == [one.name for one in ways.chosen_way(plan, start, to, jump=True)]


def test_a_jump_is_refused_where_one_of_its_steps_is_not_safe() -> None:
    plan = a_release(phases=[{"weight": "5%", "replicas": 1}, {"weight": "50%", "replicas": 5}])
    with pytest.raises(Refused) as refused:
        ways.chosen_way(plan, plan.find("deploy"), plan.find("50%"), jump=True)
    assert "`5%` runs 1 pod of the canary, `50%` needs 5" == refused.value.findings[0].message


def test_a_way_back_starts_at_its_own_phase() -> None:
    plan = a_release()
    with pytest.raises(UsageError) as error:
        ways.way(plan, plan.find("50%"), plan.find("rollback", "5%"))
    assert "`rollback from 5%` does not start at `50%`" == error.value.message


def test_pods_that_the_user_has_counted_are_enough() -> None:
    plan = a_release(canary={"tag": "v2", "replicas": 2})
    for start, to in zip(plan.phases, plan.phases[1:], strict=False):
        assert ways.step_problem(start, to) is None
    assert 10 == plan.find("100%").needs
