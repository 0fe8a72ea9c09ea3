"""What kubectl does and waits for between two phases, in which order; and how shells are told."""

from __future__ import annotations

from typing import Any

import pytest
from releases import a_release
from test_plan import GENERATOR

from kubectl_canary.release import actions
from kubectl_canary.release.actions import Accepted, Action, Make, Pause, Ready, RolledOut, Unchanged
from kubectl_canary.release.changes import Alteration, until_gate
from kubectl_canary.release.plan import Plan
from kubectl_canary.rendering.steps import step, steps
from kubectl_canary.reports import shells


def words(action: Action) -> str:
    if isinstance(action, Make):
        return f"{action.change.action} {action.change.part.title}"
    if isinstance(action, Ready):
        return f"{action.pods} ready {action.deployment.name}"
    if isinstance(action, RolledOut):
        return f"rolled out {action.deployment.name}"
    if isinstance(action, Pause):
        return f"pause {action.seconds}"
    return type(action).__name__.lower()


ROUTE, ACCEPTED = "patch HTTPRoute shop-canary-route", "accepted"
CANARY, STABLE = "patch Deployment shop-canary", "patch Deployment shop-stable"


@pytest.mark.parametrize(
    ("start", "to", "expected"),
    [
        ("5%", "50%", ["unchanged", CANARY, "rolled out shop-canary", "10 ready shop-canary", ROUTE, ACCEPTED]),
        ("50%", "100%", ["unchanged", "rolled out shop-canary", "10 ready shop-canary", ROUTE, ACCEPTED]),
        ("50%", "5%", [ROUTE, ACCEPTED, "pause 7", CANARY, "rolled out shop-canary"]),
        ("100%", "promote-roll", ["unchanged", "unchanged", "pause 7", STABLE, "rolled out shop-stable"]),
        ("promote-roll", "promote-return", ["rolled out shop-stable", "10 ready shop-stable", ROUTE, ACCEPTED]),
        ("promote-return", "promoted", ["unchanged", "pause 7", "delete Deployment shop-canary", "delete Service shop-canary"]),
        ("50%", "rollback from 50%", [ROUTE, ACCEPTED]),
        ("promote-return", "rollback-promotion from promote-return", [ROUTE, ACCEPTED, "pause 7", STABLE, "rolled out shop-stable", "10 ready shop-stable"]),
        ("before", "deploy", ["create Service shop-canary", "create Deployment shop-canary", "rolled out shop-canary"]),
    ],
)  # fmt: skip
def test_pods_are_there_before_requests_and_requests_are_gone_before_pods(
    start: str, to: str, expected: list[str]
) -> None:
    plan = a_release()
    made = actions.of_step(step(plan, GENERATOR, plan.find(start), plan.find(to)), 7)
    found = [words(one) for one in made]
    assert expected == found


def test_a_share_after_a_larger_mirror_waits_for_its_pods() -> None:
    plan = a_release(phases=[{"mirror": "100%"}, "5%", "50%"])
    made = actions.of_step(step(plan, GENERATOR, plan.find("mirror 100%"), plan.find("5%")), 7)
    found = [words(one) for one in made]
    assert found.index("rolled out shop-canary") < found.index(ROUTE)


def test_pauses_are_slept_between_steps_and_not_after_the_last() -> None:
    plan = a_release(phases=[{"weight": "5%", "pause": "5m"}, {"weight": "50%", "pause": "10m"}])
    made = steps(plan, GENERATOR, plan.find("deploy"), plan.find("50%"), jump=True)
    assert [300] == [one.seconds for one in actions.of_steps(made, 0) if isinstance(one, Pause)]


def test_steps_end_at_the_first_phase_with_a_gate() -> None:
    gate = {"query": "up", "min": 1}
    plan = a_release(phases=["5%", {"weight": "25%", "gates": [gate]}, "50%", "100%"])
    made = steps(plan, GENERATOR, plan.find("deploy"), plan.find("100%"), jump=True)
    assert ["5%", "25%"] == [one.phase.name for one in until_gate(made)]
    assert ["50%", "100%"] == [one.phase.name for one in until_gate(made[2:])]


def lines(plan: Plan, start: str, to: str, **style: Any) -> str:
    made = actions.of_step(step(plan, GENERATOR, plan.find(start), plan.find(to)), 7)
    return shells.block(made, shells.Style(**style))


def test_a_block_stops_at_the_first_line_that_is_refused() -> None:
    assert lines(a_release(), "5%", "50%").startswith("( set -e\n")
    powershell = lines(a_release(), "before", "deploy", shell="powershell").splitlines()  # noqa: S604  a name of a style, nothing runs
    for number, line in enumerate(powershell):
        if "kubectl" in line and "throw" not in line and "while" not in line:
            assert powershell[number + 1].strip() == shells.STOP


def test_every_line_has_the_users_own_flags_and_the_namespace() -> None:
    kubectl = shells.KubectlLine(("--context=prod",))
    found = [
        line for line in lines(a_release(), "5%", "50%", kubectl=kubectl).splitlines() if "kubectl " in line
    ]
    assert len(found) >= 3
    assert all("kubectl --context=prod " in line and " -n web" in line for line in found)


def test_a_block_waits_for_all_the_pods_of_the_phase() -> None:
    text = lines(a_release(), "5%", "50%")
    assert "{{if ge (printf `%010v` .status.readyReplicas) `0000000010`}}yes{{end}}" in text
    assert "deployment shop-canary has not 10 ready pods after 10 minutes" in text


def test_a_strict_block_tests_the_resource_version() -> None:
    plan = a_release()
    made = step(plan, GENERATOR, plan.find("5%"), plan.find("50%"))
    for change in made.changes:
        assert isinstance(change, Alteration)
        for document in (change.before, change.after):
            document.value["metadata"]["resourceVersion"] = "7"
    listed = actions.of_step(made, 0)
    assert "/metadata/resourceVersion" in shells.block(listed, shells.Style(strict=True))
    assert "/metadata/resourceVersion" not in shells.block(listed, shells.Style())


def test_what_must_not_happen_elsewhere_is_tested_on_the_route() -> None:
    plan = a_release()
    made = actions.of_step(step(plan, GENERATOR, plan.find("100%"), plan.find("promote-roll")), 0)
    canary, test = [one for one in made if isinstance(one, Unchanged)]
    assert ["shop-canary", "shop-canary-route"] == [one.part.name for one in (canary, test)]
    image = "/spec/template/spec/containers/0/image"
    assert [image.replace("image", "name"), image] == [one["path"] for one in canary.tests]
    assert ["/spec/rules/1/name", "/spec/rules/1/backendRefs"] == [one["path"] for one in test.tests]
    assert not [one for one in made if isinstance(one, Accepted)]
