"""Which phase objects are in, as a cluster has them."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from releases import a_release
from test_plan import documents

from kubectl_canary.release import observed, overlay
from kubectl_canary.release.application import Located, Version
from kubectl_canary.release.plan import Plan

Objects = dict[Located, dict[str, Any]]
ROUTE = Located("HTTPRoute", "web", "shop-canary-route")
PODS = Located("Deployment", "web", "shop-canary")
STABLE = Located("Deployment", "web", "shop-stable")


def there(plan: Plan, phase: str) -> Objects:
    found = documents(plan, plan.find(phase)).values()
    return {Located(one["kind"], "web", one["metadata"]["name"]): one for one in found}


@pytest.mark.parametrize("methods", ["all", ["GET"]])
def test_every_phase_is_known_by_its_objects(methods: Any) -> None:
    plan = a_release(phases=[{"mirror": "20%", "methods": methods}, "header-only", "5%", "50%"])
    for phase in plan.phases:
        assert phase == observed.phase(there(plan, phase.name), plan)


def test_a_phase_has_the_pods_that_are_there() -> None:
    plan = a_release()
    found = there(plan, "50%")
    found[PODS]["spec"]["replicas"], found[STABLE]["spec"]["replicas"] = 4, 20
    state = observed.phase(found, plan)
    assert ("50%", 20, 4, 10) == (state.name, state.stable_replicas, state.canary_replicas, state.needs)
    del found[PODS]["spec"]["replicas"]
    assert 1 == observed.phase(found, plan).canary_replicas


@pytest.mark.parametrize(
    ("canary", "nearest"), [(5, "5%"), (30, "5%"), (50, "50%"), (70, "50%"), (1, "header-only")]
)
def test_between_two_phases_it_is_at_the_last_that_gives_no_more(canary: int, nearest: str) -> None:
    plan = a_release()
    found = there(plan, "5%")
    refs = found[ROUTE]["spec"]["rules"][-1]["backendRefs"]
    refs[0]["weight"], refs[1]["weight"] = 100 - canary, canary
    state = observed.phase(found, plan)
    assert nearest in (state.name, state.origin)
    assert Fraction(canary, 100) == state.traffic.share


@pytest.mark.parametrize("name", ["header-only", "5%", "40%", "60%", "100%"])
def test_where_phases_give_the_same_weights_the_annotation_tells(name: str) -> None:
    """Beside a weight of a million, ours together is one: the canary has it or has it not."""
    plan = a_release(phases=["header-only", "5%", "40%", "60%", "100%"])
    route = there(plan, "before")[ROUTE]
    refs = route["spec"]["rules"][-1]["backendRefs"]
    refs[0]["weight"] = 1
    refs.append({"group": "", "kind": "Service", "name": "legacy", "port": 80, "weight": 1_000_000})
    laid_over, _ = overlay.route(route, plan.application, plan.find(name))
    assert name == observed.phase({**there(plan, name), ROUTE: laid_over}, plan).name


@pytest.mark.parametrize(
    ("amount", "share"),
    [({}, "1"), ({"percent": 30}, "3/10"), ({"fraction": {"numerator": 7}}, "7/100"),
     ({"fraction": {"numerator": 1, "denominator": 3}}, "1/3")],
)  # fmt: skip
def test_what_a_filter_mirrors_is_read_as_the_api_means_it(amount: dict[str, Any], share: str) -> None:
    plan = a_release(phases=[{"mirror": "20%", "methods": "all"}, "5%"])
    found = there(plan, "mirror 20%")
    mirror = found[ROUTE]["spec"]["rules"][-1]["filters"][0]["requestMirror"]
    del mirror["percent"]
    mirror |= amount
    state = observed.phase(found, plan)
    assert (share, False, 0) == (str(state.traffic.mirror), state.traffic.testers, state.traffic.share)


def test_rules_that_mirror_are_not_those_of_testers() -> None:
    plan = a_release(
        phases=[{"mirror": "20%", "methods": ["GET"]}, "5%"], testers={"header": "x-c", "value": "1"}
    )
    found = there(plan, "mirror 20%")
    for rule in found[ROUTE]["spec"]["rules"]:
        for one in rule.get("filters", []):
            one["requestMirror"]["percent"] = 30
    state = observed.phase(found, plan)
    assert (observed.SOMEWHERE, "3/10", False) == (
        state.name,
        str(state.traffic.mirror),
        state.traffic.testers,
    )


def test_the_version_is_that_of_the_applications_container() -> None:
    plan = a_release(pod={"containers": [{"name": "proxy", "image": "registry.example.com/shop:v2"}]})
    found = there(plan, "before")
    containers = found[STABLE]["spec"]["template"]["spec"]["containers"]
    containers.reverse()
    assert Version.OLD is observed.version(found, plan)
    containers[-1]["image"] = "registry.example.com/shop:v2"
    assert Version.NEW is observed.version(found, plan)
    containers[-1]["image"] = "registry.example.com/shop:v3"
    assert observed.version(found, plan) is None
    assert Version.OLD is observed.version({}, plan)
