"""Where a release stands in a cluster, as text and as JSON."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
from releases import a_release
from test_plan import documents

from kubectl_canary.driving.position import Position, position, services
from kubectl_canary.release.documents import Key
from kubectl_canary.release.plan import Plan
from kubectl_canary.rendering.live import live_parts
from kubectl_canary.reports import positions

Objects = dict[Key, dict[str, Any]]
READY = {"shop-stable": 10, "shop-canary": 5}
SETTLED = """\
shop in web: 5%  (v1 → v2), settled
  stable  shop-stable  v1  10 of 10 ready, 10 endpoints
  canary  shop-canary  v2  5 of 5 ready, 5 endpoints
  route   shop-canary-route  5% to the canary, accepted by gw (example.com/gw)
"""


def live(plan: Plan, phase: str) -> Objects:
    """The objects of a phase as a cluster has them, everything in order."""
    found = copy.deepcopy(documents(plan, plan.find(phase)))
    for one in found.values():
        one["metadata"]["generation"] = 2
        if one["kind"] == "Deployment":
            counts = dict.fromkeys(
                ("replicas", "updatedReplicas", "readyReplicas"), one["spec"].get("replicas", 1)
            )
            one["status"] = {**counts, "observedGeneration": 2}
        elif one["kind"] == "HTTPRoute":
            conditions = [
                {"type": name, "status": "True", "observedGeneration": 2, "reason": name}
                for name in ("Accepted", "ResolvedRefs")
            ]
            answer = {"controllerName": "example.com/gw", "conditions": conditions}
            one["status"] = {"parents": [{**answer, "parentRef": ref} for ref in one["spec"]["parentRefs"]]}
    return {part.key: found[part.title] for part in live_parts(plan) if part.title in found}


def named(objects: Objects, kind: str, name: str) -> dict[str, Any]:
    return next(value for key, value in objects.items() if (key[1], key[3]) == (kind, name))


def route_of(objects: Objects) -> dict[str, Any]:
    return named(objects, "HTTPRoute", "shop-canary-route")


def container_of(objects: Objects, side: str) -> dict[str, Any]:
    spec = named(objects, "Deployment", f"shop-{side}")["spec"]["template"]["spec"]
    container: dict[str, Any] = spec["containers"][0]
    return container


def found(objects: Objects, plan: Plan | None = None) -> Position:
    return position(plan or a_release(), objects, READY)


def problems(objects: Objects, **endpoints: int) -> list[tuple[str, str]]:
    counted = {**READY, **{name.replace("_", "-"): number for name, number in endpoints.items()}}
    return [(one.text, one.cure) for one in position(a_release(), objects, counted).problems]


def test_a_settled_release_has_no_problem() -> None:
    plan = a_release()
    there = found(live(plan, "5%"))
    assert SETTLED == positions.as_text(there, plan)
    assert (True, True, ()) == (there.is_settled, there.is_named, there.problems)
    assert all(side.is_settled for side in there.sides)
    assert {
        "release": "shop", "namespace": "web", "phase": "5%", "nearest": "5%", "settled": True,
        "sides": [
            {"side": "stable", "deployment": "shop-stable", "image": "registry.example.com/shop:v1", "wanted": 10,
             "ready": 10, "service": "shop-stable", "endpoints": 10},
            {"side": "canary", "deployment": "shop-canary", "image": "registry.example.com/shop:v2", "wanted": 5,
             "ready": 5, "service": "shop-canary", "endpoints": 5},
        ],
        "routes": [
            {"route": "shop-canary-route", "shares": [0.05],
             "parents": [{"parent": "gw", "controller": "example.com/gw", "acceptance": "accepted", "reasons": []}]}
        ],
        "problems": [],
    } == json.loads(positions.as_data(there, plan))  # fmt: skip


def test_every_phase_is_settled_in_its_turn() -> None:
    plan = a_release()
    for phase in plan.phases:
        objects = live(plan, phase.name)
        there = position(plan, objects, {"shop-stable": 10, "shop-canary": phase.canary_replicas})
        assert (phase.name, True) == (there.phase.name, there.is_settled)
        assert 1 + bool(phase.canary_replicas) == len(there.sides)


def test_what_is_not_ready_is_a_problem_with_a_cure() -> None:
    plan = a_release()
    objects = live(plan, "5%")
    late = {"type": "Progressing", "status": "False", "reason": "Deadline", "message": "it took too long"}
    named(objects, "Deployment", "shop-canary")["status"] |= {"readyReplicas": 2, "conditions": [late]}
    there = found(objects)
    text = positions.as_text(there, plan)
    assert text.startswith("shop in web: 5%  (v1 → v2), not settled\n")
    assert text.endswith(
        "problem  Deployment shop-canary has 2 of 5 pods ready: it took too long\n"
        "         kubectl describe deployment shop-canary\n"
    )
    assert [True, False] == [side.is_settled for side in there.sides]
    data = json.loads(positions.as_data(there, plan))
    assert (False, "5%", 2) == (data["settled"], data["phase"], data["sides"][1]["ready"])
    assert [{"problem", "cure"}] == [{*one} for one in data["problems"]]


@pytest.mark.parametrize("name", ["shop-stable", "shop-canary"])
def test_a_side_that_is_scaled_to_nothing_is_a_problem(name: str) -> None:
    objects = live(a_release(), "5%")
    deployment = named(objects, "Deployment", name)
    deployment["spec"]["replicas"] = 0
    counts = ("replicas", "updatedReplicas", "readyReplicas")
    deployment["status"] |= dict.fromkeys(counts, 0)
    assert f"Deployment {name} is scaled to 0" in [text for text, _ in problems(objects)]


def test_pods_without_endpoints_are_a_problem_of_the_service() -> None:
    cure = "does its selector catch the pods, and is its port theirs?"
    assert [("Service shop-canary has 4 of 5 ready endpoints", cure)] == problems(
        live(a_release(), "5%"), shop_canary=4
    )
    assert [("Service shop-stable has 0 of 10 ready endpoints", cure)] == problems(
        live(a_release(), "5%"), shop_stable=0
    )
    assert [] == problems(live(a_release(), "5%"), shop_canary=6)


def test_a_service_without_any_slice_has_no_endpoints() -> None:
    there = position(a_release(), live(a_release(), "5%"), {})
    assert [0, 0] == [side.endpoints for side in there.sides]
    assert 2 == len(there.problems)
    assert not any(side.is_settled for side in there.sides)


def test_pods_of_an_older_template_are_a_problem_though_enough_are_ready() -> None:
    objects = live(a_release(), "5%")
    named(objects, "Deployment", "shop-stable")["status"]["updatedReplicas"] = 9
    text = "Deployment shop-stable has 10 of 10 pods ready"
    assert [(text, "kubectl describe deployment shop-stable")] == problems(objects)


@pytest.mark.parametrize(
    ("canary", "nearest", "words"), [(20, "5%", "20%"), (70, "50%", "70%"), (1, "header-only", "1%")]
)
def test_a_release_in_no_phase_is_not_settled(canary: int, nearest: str, words: str) -> None:
    plan = a_release()
    objects = live(plan, "5%")
    refs = route_of(objects)["spec"]["rules"][-1]["backendRefs"]
    refs[0]["weight"], refs[1]["weight"] = 100 - canary, canary
    there = found(objects)
    assert (False, False, ()) == (there.is_settled, there.is_named, there.problems)
    text = positions.as_text(there, plan)
    assert text.startswith(f"shop in web: in no phase, nearest is {nearest}  (v1 → v2)\n")
    assert f"  route   shop-canary-route  {words} to the canary, accepted" in text
    data = json.loads(positions.as_data(there, plan))
    assert (None, nearest, False, [canary / 100]) == (
        data["phase"],
        data["nearest"],
        data["settled"],
        data["routes"][0]["shares"],
    )


def test_another_stable_and_another_canary_are_problems() -> None:
    objects = live(a_release(), "5%")
    container_of(objects, "stable")["image"] = "registry.example.com/shop:v0"
    container_of(objects, "canary")["image"] = "registry.example.com/shop:v3"
    other = "Deployment shop-canary runs registry.example.com/shop:v3, and not registry.example.com/shop:v2"
    assert [
        ("stable runs neither registry.example.com/shop:v1 nor registry.example.com/shop:v2", "write what runs into spec.stable"),
        (other, "release that one, or roll back"),
    ] == problems(objects)  # fmt: skip
    assert ["v0", "v3"] == [side.image[-2:] for side in found(objects).sides]


@pytest.mark.parametrize(
    ("gone", "problem"),
    [
        (("HTTPRoute", "shop-canary-route"), ("there is no HTTPRoute shop-canary-route", "apply it, or look into another namespace or context")),
        (("Deployment", "shop-stable"), ("there is no Deployment shop-stable", "apply it: requests have nobody to go to")),
    ],
)  # fmt: skip
def test_what_is_missing_is_a_problem(gone: tuple[str, str], problem: tuple[str, str]) -> None:
    objects = live(a_release(), "before")
    del objects[next(key for key in objects if (key[1], key[3]) == gone)]
    assert [problem] == problems(objects)


def test_of_an_empty_cluster_everything_is_missing() -> None:
    plan = a_release()
    there = position(plan, {}, {})
    assert (((), ()), 2, False) == ((there.sides, there.routes), len(there.problems), there.is_settled)
    assert "  route" not in positions.as_text(there, plan)


@pytest.mark.parametrize(
    ("conditions", "problem"),
    [
        ([], ("HTTPRoute shop-canary-route: gw (example.com/gw) has not answered", "its controller has not come to this generation yet: is it running?")),
        (
            [{"type": "Accepted", "status": "False", "reason": "NotAllowedByListeners", "message": "not here"}],
            ("HTTPRoute shop-canary-route: gw (example.com/gw) says Accepted is NotAllowedByListeners: not here",
             "the listener takes no routes of this namespace: change its allowedRoutes"),
        ),
    ],
)  # fmt: skip
def test_a_parent_that_does_not_accept_is_a_problem(conditions: Any, problem: tuple[str, str]) -> None:
    objects = live(a_release(), "5%")
    route_of(objects)["status"]["parents"][0]["conditions"] = conditions
    assert [problem] == problems(objects)
    (parent,) = json.loads(positions.as_data(found(objects), a_release()))["routes"][0]["parents"]
    assert [one["reason"] for one in conditions] == parent["reasons"]


def test_a_route_without_parents_says_so() -> None:
    plan = a_release()
    objects = live(plan, "5%")
    route_of(objects)["spec"]["parentRefs"] = []
    assert "5% to the canary, no parentRefs\n" in positions.as_text(found(objects), plan)


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("localhost:5000/shop:v7", "v7"),
        ("localhost:5000/shop", "localhost:5000/shop"),
        ("shop:v7@sha256:abc", "v7"),
        ("shop@sha256:abc", "sha256:abc"),
    ],
)
def test_an_image_is_called_as_its_version_is(image: str, version: str) -> None:
    plan = a_release()
    objects = live(plan, "5%")
    container_of(objects, "canary")["image"] = image
    assert f"  canary  shop-canary  {version}  5 of 5 ready" in positions.as_text(found(objects), plan)


def test_the_canarys_image_is_that_of_its_own_container() -> None:
    """The new version may call its container otherwise."""
    plan = a_release()
    objects = live(plan, "5%")
    workload = plan.application.workloads[0]
    assert workload.new is not None
    new = replace(workload.new, container={**workload.new.container, "name": "shop-2"})
    application = replace(plan.application, workloads=(replace(workload, new=new),))
    container_of(objects, "canary")["name"] = "shop-2"
    there = found(objects, replace(plan, application=application))
    assert ["registry.example.com/shop:v1", "registry.example.com/shop:v2"] == [
        side.image for side in there.sides
    ]


def test_the_services_that_count_are_those_of_both_sides() -> None:
    assert ["shop-stable", "shop-canary"] == services(a_release())
