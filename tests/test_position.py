"""Where a release stands in a cluster, as text and as JSON."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from typing import Any

import pytest
from releases import a_release
from test_plan import GENERATOR, documents

from kubectl_canary.driving.position import Position, position, services
from kubectl_canary.records import replace
from kubectl_canary.release.documents import Key
from kubectl_canary.release.plan import Plan
from kubectl_canary.rendering.live import live_difference
from kubectl_canary.rendering.parts import live_parts
from kubectl_canary.reports import positions
from kubectl_canary.reports.ages import ago
from kubectl_canary.reports.differences import FieldDifference, fields

Objects = dict[Key, dict[str, Any]]
READY = {"shop-stable": 10, "shop-canary": 5}
NOW = datetime(2026, 1, 1, 0, 10, tzinfo=timezone.utc)
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


def text_of(there: Position, plan: Plan, differences: Sequence[FieldDifference] = ()) -> str:
    return positions.as_text(there, plan, differences, "kubectl canary diff", NOW)


def problems(objects: Objects, **endpoints: int) -> list[tuple[str, str]]:
    counted = {**READY, **{name.replace("_", "-"): number for name, number in endpoints.items()}}
    return [(one.text, one.cure) for one in position(a_release(), objects, counted).problems]


def test_a_settled_release_has_no_problem() -> None:
    plan = a_release()
    there = found(live(plan, "5%"))
    assert SETTLED == text_of(there, plan)
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
        "problems": [], "differences": [], "changes": [],
    } == json.loads(positions.as_data(there, plan, ()))  # fmt: skip


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
    text = text_of(there, plan)
    assert text.startswith("shop in web: 5%  (v1 → v2), not settled\n")
    assert text.endswith(
        "problem  Deployment shop-canary has 2 of 5 pods ready: it took too long\n"
        "         kubectl describe deployment shop-canary\n"
    )
    assert [True, False] == [side.is_settled for side in there.sides]
    data = json.loads(positions.as_data(there, plan, ()))
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
    text = text_of(there, plan)
    assert text.startswith(f"shop in web: in no phase, nearest is {nearest}  (v1 → v2)\n")
    assert f"  route   shop-canary-route  {words} to the canary, accepted" in text
    data = json.loads(positions.as_data(there, plan, ()))
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
    assert "  route" not in text_of(there, plan)


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
    (parent,) = json.loads(positions.as_data(found(objects), a_release(), ()))["routes"][0]["parents"]
    assert [one["reason"] for one in conditions] == parent["reasons"]


def test_a_route_without_parents_says_so() -> None:
    plan = a_release()
    objects = live(plan, "5%")
    route_of(objects)["spec"]["parentRefs"] = []
    assert "5% to the canary, no parentRefs\n" in text_of(found(objects), plan)


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
    assert f"  canary  shop-canary  {version}  5 of 5 ready" in text_of(found(objects), plan)


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


# --- what differs from the nearest phase ------------------------------------


def shares(objects: Objects, canary: int) -> None:
    refs = route_of(objects)["spec"]["rules"][-1]["backendRefs"]
    refs[0]["weight"], refs[1]["weight"] = 100 - canary, canary


def scaled(objects: Objects, name: str, replicas: int) -> None:
    deployment = named(objects, "Deployment", name)
    deployment["spec"]["replicas"] = replicas
    counts = ("replicas", "updatedReplicas", "readyReplicas")
    deployment["status"] |= dict.fromkeys(counts, replicas)


def add_foreign(objects: Objects) -> None:
    """What others have on the objects, which the release leaves alone."""
    theirs = {"name": "x", "matches": [{"path": {"value": "/x"}}], "backendRefs": [{"name": "x", "port": 1}]}
    route_of(objects)["spec"]["rules"].insert(0, theirs)
    route_of(objects)["metadata"]["annotations"]["kubectl-canary/hold"] = "lunch"
    template = named(objects, "Deployment", "shop-stable")["spec"]["template"]
    template["metadata"].setdefault("annotations", {})["example.com/restarted"] = "now"


def gone(objects: Objects, name: str) -> None:
    for key in [key for key in objects if key[3] == name]:
        del objects[key]


WEIGHTS = [
    "differs  HTTPRoute shop-canary-route  spec.rules[default].backendRefs[shop-stable].weight is 93, and 95 in `5%`",
    "differs  HTTPRoute shop-canary-route  spec.rules[default].backendRefs[shop-canary].weight is 7, and 5 in `5%`",
]
FILTER = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "a", "value": "b"}]}}


@pytest.mark.parametrize(
    ("meddle", "lines"),
    [
        (lambda objects: shares(objects, 7), WEIGHTS),
        (lambda objects: (shares(objects, 7), add_foreign(objects)), WEIGHTS),
        (
            lambda objects: scaled(objects, "shop-canary", 3),
            ["differs  Deployment shop-canary  spec.replicas is 3, and 5 in `5%`"],
        ),
        (
            lambda objects: container_of(objects, "canary").update(image="registry.example.com/shop:v3"),
            ["differs  Deployment shop-canary  spec.template.spec.containers[app].image is "
             '"registry.example.com/shop:v3", and "registry.example.com/shop:v2" in `5%`'],
        ),
        (
            lambda objects: route_of(objects)["spec"]["rules"][-1].update(filters=[FILTER]),
            ["differs  HTTPRoute shop-canary-route  spec.rules[default-canary-testers-shop].filters is missing, and "
             '[{"type": "RequestHeaderModifier", "requestHeaderModifier":… in `5%`'],
        ),
        (
            lambda objects: gone(objects, "shop-stable"),
            ["differs  Service shop-stable  is not there, and is in `5%`",
             "differs  Deployment shop-stable  is not there, and is in `5%`"],
        ),
    ],
)  # fmt: skip
def test_what_differs_is_said_field_by_field(meddle: Callable[[Objects], object], lines: list[str]) -> None:
    plan = a_release()
    objects = live(plan, "5%")
    meddle(objects)
    there = found(objects)
    text = text_of(there, plan, differing(plan, objects))
    assert not there.is_settled
    assert [*lines, "         kubectl canary diff"] == text.splitlines()[-len(lines) - 1 :]
    assert len(lines) == text.count("differs  ")


def differing(plan: Plan, objects: Objects) -> list[FieldDifference]:
    nearest = position(plan, objects, READY).nearest
    return fields(live_difference(plan, GENERATOR, nearest, objects)[0].changes)


def test_what_comes_and_goes_is_said_by_name() -> None:
    plan = a_release()
    objects = live(plan, "5%")
    route_of(objects)["spec"]["rules"].pop(0)
    rules = "spec.rules[default-canary-testers-shop]"
    assert f"  {rules} is missing, and " in text_of(found(objects), plan, differing(plan, objects))
    objects = live(plan, "5%")
    gone(objects, "shop-canary")
    text = text_of(found(objects), plan, differing(plan, objects))
    assert f"  {rules} is {{" in text
    assert '  metadata.annotations[kubectl-canary/phase.shop] is "5%", and missing in `before`\n' in text


def test_for_programs_values_are_whole() -> None:
    plan = a_release()
    objects = live(plan, "5%")
    rule = route_of(objects)["spec"]["rules"].pop(0)
    shares(objects, 7)
    data = json.loads(positions.as_data(found(objects), plan, differing(plan, objects)))
    route = "HTTPRoute shop-canary-route"
    first, *_, last = [known for known in data["differences"] if known["path"].startswith("spec")]
    weight = "spec.rules[default].backendRefs[shop-stable].weight"
    assert {"object": route, "path": weight, "cluster": 93, "phase": 95} == first
    assert {"object": route, "path": f"spec.rules[{rule['name']}]", "cluster": None, "phase": rule} == last


def test_fewer_pods_than_the_phase_has_are_not_settled() -> None:
    objects = live(a_release(), "5%")
    scaled(objects, "shop-canary", 4)
    text = "Deployment shop-canary is scaled to 4, and `5%` has 5"
    assert [(text, "`kubectl canary apply --phase 5%` makes the others")] == problems(objects, shop_canary=4)
    scaled(objects, "shop-canary", 6)
    assert [] == problems(objects, shop_canary=6)


def test_pods_that_an_autoscaler_counts_are_not_ours_to_miss() -> None:
    plan = a_release()
    (workload,) = plan.application.workloads
    application = replace(plan.application, workloads=(replace(workload, is_scaled_by_others=True),))
    objects = live(plan, "5%")
    scaled(objects, "shop-canary", 4)
    there = position(replace(plan, application=application), objects, READY)
    assert [] == [problem.text for problem in there.problems if "scaled" in problem.text]


# --- who changed what last --------------------------------------------------


def written(value: dict[str, Any], manager: str, minute: int, spec: Any, **entry: Any) -> None:
    """A manager has written fields of a spec at that minute of the hour."""
    time, owned = f"2026-01-01T00:{minute:02}:00Z", {"f:spec": spec}
    value["metadata"].setdefault("managedFields", []).append(
        {"manager": manager, "time": time, "fieldsV1": owned, **entry}
    )


RULES: dict[str, Any] = {"f:rules": {}}
IMAGE = {"f:template": {"f:spec": {"f:containers": {'k:{"name":"app"}': {".": {}, "f:image": {}}}}}}
BY_EDIT = (
    "changed  HTTPRoute shop-canary-route  2026-01-01T00:07:00Z (3 minutes ago)  by kubectl-edit: spec.rules"
)
BY_SET = (
    "changed  Deployment shop-canary  2026-01-01T00:05:00Z (5 minutes ago)  by kubectl-set: "
    "spec.template.spec.containers[app].image"
)


def meddled() -> Objects:
    """Objects of 5% that we wrote, and after us two others; a controller wrote a status, somebody a note."""
    objects = live(a_release(), "5%")
    for value in objects.values():
        written(value, "kubectl-canary", 1, RULES)
    written(route_of(objects), "kubectl-edit", 7, RULES)
    written(route_of(objects), "gateway", 9, RULES, subresource="status")
    written(route_of(objects), "kubectl-annotate", 9, {}, fieldsV1={"f:metadata": {}})
    written(named(objects, "Deployment", "shop-canary"), "kubectl-set", 5, IMAGE)
    return objects


def changed(objects: Objects) -> list[str]:
    text = text_of(found(objects), a_release())
    return [line for line in text.splitlines() if line.startswith("changed")]


def test_of_a_settled_release_the_newest_write_alone_is_said() -> None:
    assert [BY_EDIT] == changed(meddled())


def test_where_something_is_not_settled_every_write_of_others_is_said() -> None:
    objects = meddled()
    shares(objects, 7)
    assert [BY_EDIT, BY_SET] == changed(objects)
    written(named(objects, "Deployment", "shop-stable"), "kubectl-canary", 8, {"f:replicas": {}})
    newest = "changed  Deployment shop-stable  2026-01-01T00:08:00Z (2 minutes ago)  by kubectl-canary: spec.replicas"
    assert [newest, BY_EDIT, BY_SET] == changed(objects)


def test_programs_get_every_last_write() -> None:
    data = json.loads(positions.as_data(found(meddled()), a_release(), ()))
    route, time = "HTTPRoute shop-canary-route", "2026-01-01T00:07:00Z"
    assert {"object": route, "manager": "kubectl-edit", "time": time, "fields": ["spec.rules"]} == data[
        "changes"
    ][0]
    assert ["kubectl-edit", "kubectl-set", "kubectl-canary"] == [one["manager"] for one in data["changes"]]


def test_of_many_fields_some_are_named_and_no_time_is_made_up() -> None:
    objects = live(a_release(), "5%")
    spec = {f"f:{name}": {"f:a": {}, "f:b": {}} for name in "vwxyz"}
    written(route_of(objects), "somebody", 1, spec, time=None)
    written(named(objects, "Deployment", "shop-canary"), "x", 2, {}, subresource="status")
    assert [
        "changed  HTTPRoute shop-canary-route  by somebody: spec.v, spec.w, spec.x and 2 more"
    ] == changed(objects)


@pytest.mark.parametrize(
    ("time", "words"),
    [
        ("2026-01-01T00:10:00Z", "a moment ago"),
        ("2026-01-01T00:11:00Z", "a moment ago"),
        ("2026-01-01T00:08:00Z", "2 minutes ago"),
        ("2025-12-31T22:11:00Z", "119 minutes ago"),
        ("2025-12-31T22:10:00Z", "2 hours ago"),
        ("2025-12-30T00:10:00Z", "2 days ago"),
        ("", ""),
        ("yesterday", ""),
    ],
)
def test_an_age_is_said_in_words(time: str, words: str) -> None:
    assert words == ago(time, NOW)
