"""What on a route is the release's, and what is not touched."""

from __future__ import annotations

import copy
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from releases import a_release, route_of
from strategies import canary_files, pairs, touched
from test_plan import planned

from kubectl_canary.api import catalog
from kubectl_canary.api.equality import same
from kubectl_canary.errors import Refused
from kubectl_canary.release import overlay, patches, strategic
from kubectl_canary.release.plan import Plan

THEIRS = {"name": "legacy", "port": 80}


def laid_over(plan: Plan, document: dict[str, Any], phase: str) -> dict[str, Any]:
    made, _ = overlay.route(document, plan.application, plan.find(phase))
    return made


def governed(document: dict[str, Any]) -> dict[str, Any]:
    rule: dict[str, Any] = document["spec"]["rules"][-1]
    return rule


@pytest.mark.parametrize(
    "other", [{"kind": "ServiceImport"}, {"group": "example.com"}, {"port": 81}, {"namespace": "other"}]
)
def test_a_backend_of_our_name_that_is_not_our_service_is_anothers(other: dict[str, Any]) -> None:
    plan = a_release()
    now = route_of(plan, "5%")
    ours = governed(now)["backendRefs"][0]
    theirs = {**ours, **other, "weight": 100}
    governed(now)["backendRefs"].insert(0, theirs)
    made = laid_over(plan, now, "50%")
    assert [theirs, {**ours, "weight": 50}, {**ours, "name": "shop-canary", "weight": 50}] == governed(made)[
        "backendRefs"
    ]


def test_a_listed_rule_that_somebody_sends_elsewhere_stays() -> None:
    plan = a_release()
    now = route_of(plan, "5%")
    clone = now["spec"]["rules"][0]
    clone["backendRefs"].append(THEIRS)
    clone["name"] += "-theirs"
    now["metadata"]["annotations"]["kubectl-canary/rules.shop"] += f",{clone['name']}"
    assert clone in laid_over(plan, now, "rollback from 5%")["spec"]["rules"]


def test_a_rule_to_the_canary_that_nobody_listed_stays_and_is_said() -> None:
    plan = a_release()
    now = route_of(plan, "5%")
    clone = now["spec"]["rules"][0]
    del now["metadata"]["annotations"]["kubectl-canary/rules.shop"]
    made, findings = overlay.route(now, plan.application, plan.find("rollback from 5%"))
    assert [clone, governed(route_of(plan, "before"))] == made["spec"]["rules"]
    assert ["foreign-rule"] == [finding.rule for finding in findings]


def test_where_stable_is_gone_the_rule_of_the_canary_is_the_releases() -> None:
    plan = a_release()
    now = route_of(plan, "5%")
    del governed(now)["backendRefs"][0]
    made = laid_over(plan, now, "rollback from 5%")
    assert governed(route_of(plan, "before")) == governed(made)


def test_clones_stand_right_before_the_rule_that_they_are_made_of() -> None:
    plan = a_release()
    now = route_of(plan, "before")
    theirs = {"name": "theirs", "backendRefs": [THEIRS]}
    now["spec"]["rules"] = [theirs, *now["spec"]["rules"], {**theirs, "name": "more"}]
    made = laid_over(plan, now, "5%")
    assert ["theirs", "default-canary-testers-shop", "default", "more"] == [
        rule["name"] for rule in made["spec"]["rules"]
    ]
    assert now == laid_over(plan, made, "rollback from 5%")


@pytest.mark.parametrize(("weight", "expected"), [({}, 20), ({"weight": 0}, 0), ({"weight": 3}, 60)])
def test_a_backend_without_a_weight_weighs_one(weight: dict[str, int], expected: int) -> None:
    plan = a_release()
    now = route_of(plan, "before")
    ours = governed(now)["backendRefs"][0]
    del ours["weight"]
    governed(now)["backendRefs"].append({**THEIRS, **weight})
    found = {ref["name"]: ref["weight"] for ref in governed(laid_over(plan, now, "5%"))["backendRefs"]}
    assert {"shop-stable": 19, "shop-canary": 1, "legacy": expected} == found


def test_a_name_that_another_rule_has_is_not_taken() -> None:
    plan = a_release()
    now = route_of(plan, "before")
    now["spec"]["rules"].insert(0, {"name": "default-canary-testers-shop", "backendRefs": [THEIRS]})
    with pytest.raises(Refused) as refused:
        laid_over(plan, now, "5%")
    message = "a rule is called `default-canary-testers-shop`, and kubectl-canary/rules.shop does not list it"
    assert message == refused.value.findings[0].message


def test_where_rules_have_no_names_several_of_others_are_fine() -> None:
    plan = a_release(gatewayAPI={"version": "v1.3"})
    now = route_of(plan, "before")
    theirs = [{"matches": [{"path": {"value": path}}], "backendRefs": [THEIRS]} for path in ("/a", "/b")]
    now["spec"]["rules"] = [*theirs, *now["spec"]["rules"]]
    assert theirs == laid_over(plan, now, "5%")["spec"]["rules"][:2]


def test_a_mirror_goes_and_leaves_the_filters_of_others() -> None:
    plan = a_release(phases=[{"mirror": "20%", "methods": "all"}])
    now = route_of(plan, "mirror 20%")
    assert "filters" not in governed(laid_over(plan, now, "before"))
    header = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["a"]}}
    governed(now)["filters"].append(header)
    assert [header] == governed(laid_over(plan, now, "before"))["filters"]


def test_only_the_applications_container_and_the_replicas_are_changed() -> None:
    planned = {
        "spec": {"replicas": 3, "template": {"spec": {"containers": [{"name": "app", "image": "a:2"}]}}}
    }
    live = {
        "metadata": {"name": "shop-stable"},
        "spec": {
            "replicas": 1,
            "template": {
                "spec": {"containers": [{"name": "proxy", "image": "p:1"}, {"name": "app", "image": "a:1"}]}
            },
        },
    }
    before = copy.deepcopy(planned["spec"])
    before["template"]["spec"]["containers"][0]["image"], before["replicas"] = "a:1", 1
    place = strategic.Place.of_kind("Deployment", catalog.in_order("kubernetes")[-1]).below("spec")
    made = {**live, "spec": strategic.carried(live["spec"], before, planned["spec"], place)}
    assert 3 == made["spec"]["replicas"]
    assert ["p:1", "a:2"] == [one["image"] for one in made["spec"]["template"]["spec"]["containers"]]


def others_share(document: dict[str, Any], plan: Plan) -> dict[str, Fraction]:
    """The share of each third backend, by what it is."""
    refs = overlay.ReleaseOnRoute(plan.application, document).governed()[0]["backendRefs"]
    total = sum(ref.get("weight", 1) for ref in refs)
    names = (plan.application.services[0].names.stable, plan.application.services[0].names.canary)
    return {
        str({key: value for key, value in ref.items() if key != "weight"}): Fraction(
            ref.get("weight", 1), total
        )
        for ref in refs
        if ref["name"] not in names
    }


@settings(max_examples=15)
@given(canary_files(), st.data())
def test_a_phase_laid_over_a_live_route_leaves_others_alone(
    value: dict[str, Any], data: st.DataObject
) -> None:
    plan = planned(value)
    for start, to in data.draw(pairs((*plan.phases, *plan.ways_back()))):
        now = data.draw(touched(route_of(plan, start.name)))
        wanted, findings = overlay.route(now, plan.application, to)
        mine = overlay.ReleaseOnRoute(plan.application, wanted)
        theirs = [rule for rule in now["spec"]["rules"] if "/theirs/" in str(rule)]
        assert theirs == [rule for rule in wanted["spec"]["rules"] if "/theirs/" in str(rule)]
        assert others_share(now, plan) == others_share(wanted, plan)
        assert "theirs" == wanted["metadata"]["annotations"]["example.com/a~b"]
        ours = [
            ref
            for ref in mine.governed()[0]["backendRefs"]
            if ref["name"]
            in (plan.application.services[0].names.stable, plan.application.services[0].names.canary)
        ]
        share = Fraction(sum(ref["weight"] for ref in ours[1:]), sum(ref["weight"] for ref in ours))
        assert findings or share == to.traffic.share
        assert [] == patches.failed_tests(now, patches.patch(now, wanted))
        assert same(wanted, patches.applied(now, patches.patch(now, wanted)))
        assert same(wanted, patches.applied(now, patches.patch_back(now, wanted)))
        again, _ = overlay.route(wanted, plan.application, to)
        assert same(wanted, again)
