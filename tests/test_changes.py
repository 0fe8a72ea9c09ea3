"""In which order objects change, and what a patch stands on."""

from __future__ import annotations

from typing import Any

import pytest
from releases import a_release, route_of
from test_plan import GENERATOR, documents

from kubectl_canary.errors import Refused
from kubectl_canary.release import patches
from kubectl_canary.release.changes import Alteration, Step
from kubectl_canary.release.plan import Plan
from kubectl_canary.rendering import objects
from kubectl_canary.rendering.live import live_step
from kubectl_canary.rendering.parts import live_parts
from kubectl_canary.rendering.steps import step


def between(plan: Plan, start: str, to: str) -> Step:
    return step(plan, GENERATOR, plan.find(start), plan.find(to))


def kinds(made: Step) -> list[str]:
    return [f"{change.action} {change.part.kind}" for change in made.changes]


def test_a_mirror_that_falls_moves_before_its_pods_go() -> None:
    route, pods = "patch HTTPRoute", "patch Deployment"
    plan = a_release(phases=[{"mirror": "10%", "replicas": 1}, {"mirror": "100%", "replicas": 10}, "5%"])
    assert [route, pods] == kinds(between(plan, "mirror 100%", "mirror 10%"))
    assert [pods, route] == kinds(between(plan, "mirror 10%", "mirror 100%"))


def test_a_share_that_falls_moves_before_its_pods_go_though_a_mirror_needs_as_many() -> None:
    plan = a_release(phases=["5%", "10%"], stable={"tag": "v1", "replicas": 1})
    assert between(plan, "10%", "5%").traffic_moves_first
    assert not between(plan, "5%", "10%").traffic_moves_first


def of_route(plan: Plan, start: str, to: str) -> Alteration:
    change = next(change for change in between(plan, start, to).changes if change.part.is_route)
    assert isinstance(change, Alteration)
    return change


@pytest.mark.parametrize(
    ("start", "to", "stands_on"),
    [
        ("5%", "50%", {"name", "matches", "filters", "backendRefs"}),
        (
            "deploy",
            "5%",
            {"name", "matches", "filters", "backendRefs", "timeouts", "retry", "sessionPersistence"},
        ),
        ("5%", "rollback from 5%", set()),
    ],
)
def test_a_step_forward_stands_on_the_governed_rule_and_on_the_hostnames(
    start: str, to: str, stands_on: set[str]
) -> None:
    plan = a_release(phases=[{"mirror": "1%", "methods": "all"}, "5%", "50%"])
    change = of_route(plan, start, to)
    assert stands_on == {str(place[-1]) for place, _ in change.standing_on if place[:2] == ("spec", "rules")}
    assert bool(stands_on) is ((("spec", "hostnames"), None) in change.standing_on)


def test_a_clone_in_the_place_of_another_copies_as_one_more_does() -> None:
    plan = a_release(phases=[{"mirror": "1%", "methods": ["GET"]}, "5%"])
    rules = [len(route_of(plan, phase)["spec"]["rules"]) for phase in ("mirror 1%", "5%")]
    assert [2, 2] == rules
    stands_on = {place[-1] for place, _ in of_route(plan, "mirror 1%", "5%").standing_on}
    assert {"timeouts", "retry", "sessionPersistence"} < stands_on


def test_a_step_forward_is_refused_where_hostnames_came() -> None:
    plan = a_release()
    now = route_of(plan, "5%")
    operations = of_route(plan, "5%", "50%").operations()
    assert [] == patches.failed_tests(now, operations)
    now["spec"]["hostnames"] = ["shop.example.com"]
    assert ["/spec/hostnames"] == [failed.path for failed in patches.failed_tests(now, operations)]


def test_a_way_back_is_taken_though_others_have_changed_the_split() -> None:
    plan = a_release()
    now = route_of(plan, "5%")
    now["spec"]["rules"][-1]["backendRefs"][0]["weight"] = 7
    forward, back = (of_route(plan, "5%", to).operations() for to in ("50%", "rollback from 5%"))
    assert [] != patches.failed_tests(now, forward)
    assert [] == patches.failed_tests(now, back)
    made = patches.applied(now, back)
    assert route_of(plan, "before")["spec"] == made["spec"]


def test_a_strict_patch_tests_the_resource_version_first() -> None:
    plan = a_release()
    change = of_route(plan, "5%", "50%")
    assert change.operations() == change.operations(strict=True)
    change.before.value["metadata"]["resourceVersion"] = "7"
    change.after.value["metadata"]["resourceVersion"] = "7"
    guard = {"op": "test", "path": "/metadata/resourceVersion", "value": "7"}
    assert [guard, *change.operations()] == change.operations(strict=True)
    assert [] == Alteration(change.before, change.before).operations(strict=True)


def live(plan: Plan, phase: str, goal: str, change: Any = None) -> list[str]:
    there = documents(plan, plan.find(phase))
    if change is not None:
        change(there)
    named = {part.key: part.title for part in live_parts(plan)}
    found = {key: there[name] for key, name in named.items() if name in there}
    made, _ = live_step(plan, GENERATOR, goal, found)
    return [f"{change.action} {change.part.title}" for change in made.changes]


def test_a_live_rollback_leaves_pods_alone_that_somebody_scaled() -> None:
    def scaled(there: dict[str, Any]) -> None:
        there["Deployment shop-canary"]["spec"]["replicas"] = 9
        there["Deployment shop-stable"]["spec"]["replicas"] = 20

    assert ["patch HTTPRoute shop-canary-route"] == live(a_release(), "50%", "rollback", scaled)


def image_of(name: str, image: str) -> Any:
    """A change of what is there: another image in a Deployment."""

    def changed(there: dict[str, Any]) -> None:
        there[f"Deployment {name}"]["spec"]["template"]["spec"]["containers"][0]["image"] = image

    return changed


def test_a_canary_that_nobody_was_sent_to_may_still_become_another() -> None:
    pods, route = "patch Deployment shop-canary", "patch HTTPRoute shop-canary-route"
    other = image_of("shop-canary", "registry.example.com/shop:v1.9")
    assert [pods, route] == live(a_release(), "deploy", "header-only", other)
    with pytest.raises(Refused) as refused:
        live(a_release(), "header-only", "5%", other)
    assert "the canary is another version" == refused.value.message


def test_the_way_back_after_promotion_takes_stable_back_from_any_version() -> None:
    made = live(a_release(), "100%", "rollback-promotion", image_of("shop-stable", "else:v9"))
    assert "patch Deployment shop-stable" in made


def test_the_canarys_image_is_tested_in_the_applications_container() -> None:
    plan = a_release(pod={"containers": [{"name": "proxy", "image": "proxy:v1"}]})
    there = documents(plan, plan.find("5%"))
    there["Deployment shop-canary"]["spec"]["template"]["spec"]["containers"].reverse()
    found = {part.key: there[part.title] for part in live_parts(plan) if part.title in there}
    made, _ = live_step(plan, GENERATOR, "50%", found)
    place = "/spec/template/spec/containers/1"
    ((_, tests),) = made.canary_tests
    assert [(f"{place}/name", "app"), (f"{place}/image", "registry.example.com/shop:v2")] == [
        (test["path"], test["value"]) for test in tests
    ]


def test_a_live_step_is_refused_where_stable_is_neither_version() -> None:
    other = image_of("shop-stable", "else:v9")
    with pytest.raises(Refused) as refused:
        live(a_release(), "5%", "50%", other)
    assert (
        "Deployment shop-stable runs neither registry.example.com/shop:v1 nor registry.example.com/shop:v2"
        == (refused.value.findings[0].message)
    )
    assert ["patch HTTPRoute shop-canary-route"] == live(a_release(), "5%", "rollback", other)


def test_a_live_rollback_is_that_of_the_phase_that_is_there() -> None:
    plan = a_release()
    there = documents(plan, plan.find("50%"))
    named = {part.key: part.title for part in live_parts(plan)}
    found = {key: there[name] for key, name in named.items() if name in there}
    made, _ = live_step(plan, GENERATOR, "rollback", found)
    assert ("50%", "rollback from 50%") == (made.start.name, made.phase.name)


def without_stable(there: dict[str, Any]) -> None:
    del there["Deployment shop-stable"]


def test_a_way_back_to_a_stable_that_is_not_there_is_refused_or_said() -> None:
    with pytest.raises(Refused) as refused:
        live(a_release(), "100%", "rollback-promotion", without_stable)
    message = "there is no Deployment shop-stable to return to the old version"
    assert message == refused.value.findings[0].message
    plan = a_release()
    there = documents(plan, plan.find("50%"))
    without_stable(there)
    found = {part.key: there[part.title] for part in live_parts(plan) if part.title in there}
    made, findings = live_step(plan, GENERATOR, "rollback", found)
    assert ["patch HTTPRoute shop-canary-route"] == [
        f"{change.action} {change.part.title}" for change in made.changes
    ]
    assert ["there is no Deployment shop-stable: the way back leads to nobody"] == [
        finding.message for finding in findings
    ]


def test_objects_go_in_the_order_in_which_they_came_backward() -> None:
    plan = a_release(
        autoscaling={"minReplicas": 10, "maxReplicas": 20},
        disruptionBudget={"minAvailable": 1},
        phases=["50%"],
    )
    gone = kinds(between(plan, "promote-return", "promoted"))
    wanted = ["PodDisruptionBudget", "HorizontalPodAutoscaler", "Deployment", "Service"]
    assert [f"delete {kind}" for kind in wanted] == [action for action in gone if action.startswith("delete")]
    removed = objects.removed(plan.application, plan.find("promote-return"), plan.find("promoted"))
    assert wanted == [item.part.kind for item in removed]
    assert [f"delete {kind} shop-canary" for kind in wanted] == [
        change for change in live(plan, "promote-return", "promoted") if change.startswith("delete")
    ]
