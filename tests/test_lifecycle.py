"""Where a release in files goes next: forward by every phase, back by every step, and each step is safe."""

from __future__ import annotations

import pytest
from releases import a_release

from kubectl_canary.errors import Refused, UsageError
from kubectl_canary.release import lifecycle
from kubectl_canary.release.plan import Phase, PhaseKind
from kubectl_canary.release.ways import step_problem

PLAN = a_release(stable={"tag": "v1", "replicas": 4})
EVERY = [*PLAN.phases, *PLAN.ways_back()]


def test_forward_is_every_phase_once_and_then_the_end() -> None:
    here: Phase | None = PLAN.phases[0]
    gone = []
    while here is not None:
        gone.append(here)
        here = lifecycle.onward(PLAN, here)
    assert gone == list(PLAN.phases)


@pytest.mark.parametrize("phase", [known for known in EVERY if known.kind is not PhaseKind.PROMOTED], ids=str)
def test_back_is_safe_at_every_step_and_always_ends(phase: Phase) -> None:
    here, steps = phase, 0
    while (to := lifecycle.back(PLAN, here)) is not None:
        assert step_problem(here, to) is None
        assert to.is_way_back
        here, steps = to, steps + 1
        assert steps <= 3
    assert here.canary_replicas == 0


@pytest.mark.parametrize(
    ("verb", "phase", "goal", "said"),
    [
        (lifecycle.onward, "rolled-back", None, "abort"),
        (lifecycle.onward, "deploy", "100%", "needs 4"),
        (lifecycle.onward, "deploy", "5%", "`header-only` first, or say --skip"),
        (lifecycle.onward, "promote-roll", "50%", "rolls the stable pods"),
    ],
)
def test_what_is_no_step_is_refused(verb: object, phase: str, goal: str | None, said: str) -> None:
    with pytest.raises(Refused) as refused:
        lifecycle.onward(PLAN, PLAN.find(phase), goal)
    assert said in str(refused.value.findings[0])


@pytest.mark.parametrize("goal", ["rolled-back", "rollback from 5%", "5%"])
def test_a_goal_has_to_be_another_phase_forward(goal: str) -> None:
    with pytest.raises(UsageError):
        lifecycle.onward(PLAN, PLAN.find("5%"), goal)


def test_phases_are_left_out_where_that_is_said_and_one_down_is_a_step() -> None:
    assert "5%" == str(getattr(lifecycle.onward(PLAN, PLAN.find("deploy"), "5%", skip=True), "name", None))
    assert "header-only" == getattr(lifecycle.onward(PLAN, PLAN.find("5%"), "header-only"), "name", None)


def test_from_promoted_there_is_no_way_back() -> None:
    with pytest.raises(Refused, match="nothing to abort"):
        lifecycle.back(PLAN, PLAN.phases[-1])
