"""A release of several Deployments, and of several rules of a route: what one canary file cannot say yet."""

from __future__ import annotations

import copy
from fractions import Fraction
from typing import Any

import pytest
from releases import a_file, a_release
from test_plan import GENERATOR, parsed

from kubectl_canary.errors import Refused
from kubectl_canary.records import replace
from kubectl_canary.release import actions, changes, observed, overlay, ways
from kubectl_canary.release.actions import Ready, RolledOut, Unchanged
from kubectl_canary.release.application import Application, Governed, Located, Side, Sides, Version
from kubectl_canary.release.documents import Document
from kubectl_canary.release.plan import Phase, Plan, plan
from kubectl_canary.release.wording import changes_text
from kubectl_canary.rendering import live, objects

ROUTE = "shop-canary-route"
THEIRS = {"name": "theirs", "backendRefs": [{"name": "legacy", "port": 80}]}


def two_workloads() -> Application:
    """The shop with 10 pods and its search with 3, each with a governed rule of its own."""
    application = parsed(a_file()).application
    (shop,) = application.workloads
    names = Sides("search-stable", "search-canary")
    search = replace(
        shop, names=names, service=replace(shop.service, names=names), replicas=Sides[int | None](3, None)
    )
    governed = (Governed(ROUTE, "checkout"), Governed(ROUTE, "search"))
    return replace(application, workloads=(shop, search), governed=governed)


def a_plan() -> Plan:
    return plan(two_workloads(), parsed(a_file()).phases)


def a_route() -> dict[str, Any]:
    def rule(name: str, service: str) -> dict[str, Any]:
        matches = [{"path": {"type": "PathPrefix", "value": f"/{name}"}}]
        return {"name": name, "matches": matches, "backendRefs": [{"name": service, "port": 80, "weight": 1}]}

    rules = [rule("checkout", "shop-stable"), THEIRS, rule("search", "search-stable")]
    return {"metadata": {"name": ROUTE, "namespace": "web"}, "spec": {"rules": rules}}


def test_each_workload_has_the_pods_that_its_share_needs() -> None:
    pods = [(phase.name, [numbers.canary for numbers in phase.pods]) for phase in a_plan().phases]
    assert [
        ("before", [0, 0]), ("deploy", [1, 1]), ("header-only", [1, 1]), ("5%", [5, 2]), ("50%", [10, 3]),
        ("100%", [10, 3]), ("promote-roll", [10, 3]), ("promote-return", [10, 3]), ("promoted", [0, 0]),
    ] == pods  # fmt: skip
    assert 30 == a_plan().peak()  # with 3 and 1 on top while stable rolls


def test_a_step_is_refused_where_one_of_the_workloads_lacks_pods() -> None:
    start, to = a_plan().find("5%"), a_plan().find("50%")
    assert ways.step_problem(start, to) is None
    lacking = replace(start, pods=(start.pods[0], replace(start.pods[1], canary=1)))
    assert "`5%` runs 1 pod of the canary, `50%` needs 2" == ways.step_problem(lacking, to)


def test_every_governed_rule_is_split_and_has_its_testers() -> None:
    made, findings = overlay.route(a_route(), two_workloads(), a_plan().find("50%"))
    rules = made["spec"]["rules"]
    assert [
        ("checkout-canary-testers-shop", [("shop-canary", 100)]),
        ("checkout", [("shop-stable", 50), ("shop-canary", 50)]),
        ("theirs", [("legacy", None)]),
        ("search-canary-testers-shop", [("search-canary", 100)]),
        ("search", [("search-stable", 50), ("search-canary", 50)]),
    ] == [(rule["name"], [(ref["name"], ref.get("weight")) for ref in rule["backendRefs"]]) for rule in rules]
    assert [] == findings


def test_the_way_back_takes_the_release_out_of_every_rule() -> None:
    before, _ = overlay.route(a_route(), two_workloads(), a_plan().phases[0])
    shaped, _ = overlay.route(a_route(), two_workloads(), a_plan().find("50%"))
    back, _ = overlay.route(shaped, two_workloads(), a_plan().find("rollback", "50%"))
    assert before["spec"] == back["spec"]


def test_a_governed_rule_that_is_not_there_is_named() -> None:
    route = a_route()
    del route["spec"]["rules"][2]
    with pytest.raises(Refused) as refused:
        overlay.route(route, two_workloads(), a_plan().find("5%"))
    assert "no rule `search` sends to the release's Services" == refused.value.findings[0].message


def deployments(phase: Phase) -> list[Document]:
    """The Deployments of both workloads in a phase, as they would be rendered, and the route."""
    application = two_workloads()
    documents = []
    for workload, pods in zip(application.workloads, phase.pods, strict=True):
        alone = replace(application, workloads=(workload,), governed=(Governed(ROUTE),))
        documents += [
            document
            for document in GENERATOR.render(objects.planned(alone, replace(phase, pods=(pods,))))
            if document.part.kind == "Deployment"
        ]
    route, _ = overlay.route(a_route(), application, phase)
    part = next(
        item.part
        for item in objects.planned(a_release().application, phase_of_one(phase))
        if item.part.is_route
    )
    return [*documents, Document(part, route)]


def phase_of_one(phase: Phase) -> Phase:
    return replace(phase, pods=phase.pods[:1])


def test_a_step_tests_and_waits_for_every_workload() -> None:
    start, to = a_plan().find("5%"), a_plan().find("50%")
    step = changes.step(two_workloads(), start, to, deployments(start), deployments(to))
    assert ["shop-stable", "search-stable"] == [part.name for part in step.deployments(Side.STABLE)]
    made = actions.of_step(step, 0)
    tested = [action.part.name for action in made if isinstance(action, Unchanged)]
    assert ["shop-canary", "search-canary"] == tested
    ready = [(action.deployment.name, action.pods) for action in made if isinstance(action, Ready)]
    assert [("shop-canary", 10), ("search-canary", 3)] == ready
    assert {"shop-canary", "search-canary"} == {
        action.deployment.name for action in made if isinstance(action, RolledOut)
    }
    (route,) = [change for change in step.changes if change.part.is_route]
    paths = {operation["path"] for operation in route.patch("json") if operation["op"] == "test"}
    assert {"/spec/rules/1/backendRefs", "/spec/rules/4/backendRefs"} <= paths


def test_the_phase_of_several_workloads_is_known_by_their_objects() -> None:
    made = a_plan()
    for phase in made.phases:
        there = {document.part.located: document.value for document in deployments(phase)}
        assert phase == observed.phase(there, made)


def test_where_one_workload_has_begun_with_the_new_version_promotion_has_begun() -> None:
    made = a_plan()
    there = {
        document.part.located: copy.deepcopy(document.value) for document in deployments(made.find("100%"))
    }
    assert Version.OLD is observed.version(there, made)
    pod = there[Located("Deployment", "web", "search-stable")]["spec"]["template"]["spec"]
    pod["containers"][0]["image"] = "registry.example.com/shop:v2"
    assert Version.NEW is observed.version(there, made)
    pod["containers"][0]["image"] = "registry.example.com/shop:v3"
    assert observed.version(there, made) is None


def test_rules_at_different_shares_are_in_no_phase() -> None:
    """Where one rule has all of it at the canary, stable may serve the other still: nothing may roll it."""
    made = a_plan()
    there = {
        document.part.located: copy.deepcopy(document.value) for document in deployments(made.find("100%"))
    }
    route = there[Located("HTTPRoute", "web", ROUTE)]
    assert {Fraction(1)} == observed.shares(there, made)
    stable, canary = route["spec"]["rules"][-1]["backendRefs"]
    stable["weight"] = canary["weight"] = 50
    assert {Fraction(1), Fraction(1, 2)} == observed.shares(there, made)
    with pytest.raises(Refused) as refused:
        live._refuse_uneven_rules(made, there)
    assert "the governed rules send 50% and 100% to the canary" == refused.value.findings[0].message


def test_a_rule_that_sends_to_two_services_of_the_release_is_refused() -> None:
    route = a_route()
    search = route["spec"]["rules"][2]["backendRefs"][0]
    route["spec"]["rules"][0]["backendRefs"].append(search)
    with pytest.raises(Refused) as refused:
        overlay.route(route, two_workloads(), a_plan().find("5%"))
    message = "one rule sends to shop-stable and search-stable; each needs a rule of its own"
    assert message == refused.value.findings[0].message


def test_a_route_of_which_no_rule_is_governed_is_refused() -> None:
    application = replace(two_workloads(), governed=(Governed("another-route"),))
    with pytest.raises(Refused, match="the live objects are not those of the release"):
        overlay.route(a_route(), application, a_plan().find("5%"))


def test_a_workload_without_a_new_version_has_no_canary() -> None:
    shop, search = two_workloads().workloads
    application = replace(two_workloads(), workloads=(shop, replace(search, new=None)))
    made = plan(application, parsed(a_file()).phases)
    assert {0} == {phase.pods[1].canary for phase in made.phases}
    words = changes_text(made.phases[0], made.phases[1], application)
    assert "+ Deployment, Service shop-canary" == words
    rolled = changes_text(made.find("100%"), made.find("promote-roll"), application)
    assert "Deployment shop-stable → v2 (serves nobody meanwhile)" == rolled
