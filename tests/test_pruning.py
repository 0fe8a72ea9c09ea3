"""`apply --prune`: what an earlier release has left goes, and nothing that somebody sends to."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from typing import Any

import pytest
from conftest import ROOT, SEED, run_here
from releases import a_release
from test_cluster import Fake, a_list, cluster, fake  # noqa: F401
from test_driving import Drivers, at

from kubectl_canary.driving import pruning
from kubectl_canary.driving.leftovers import Leftovers, earlier, judged
from kubectl_canary.errors import Refused
from kubectl_canary.release.application import OWN_LABEL, OWNER

PLAN = a_release()
Value = dict[str, Any]
VERSIONS = {
    "Deployment": "apps/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "PodDisruptionBudget": "policy/v1",
}
PODS = {"app": "shop", "version": "old"}
SPECS: dict[str, Value] = {
    "Service": {"selector": PODS},
    "Deployment": {"template": {"metadata": {"labels": PODS}}},
    "HorizontalPodAutoscaler": {"scaleTargetRef": {"kind": "Deployment", "name": "shop-old"}},
    "PodDisruptionBudget": {"selector": {"matchLabels": PODS}},
}


def left(kind: str, name: str = "shop-old", app: str = "shop", **spec: Any) -> Value:
    labels = {"app": app, OWN_LABEL: OWNER}
    metadata = {"name": name, "namespace": "web", "labels": labels, "uid": f"uid of {kind} {name}"}
    version = VERSIONS.get(kind, "v1")
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": {**SPECS[kind], **spec}}


ALL = [left(kind) for kind in SPECS]


def route(kind: str = "HTTPRoute", **rule: Any) -> Value:
    spec = {"parentRefs": [{"name": "gw"}], "rules": [rule]}
    return {"kind": kind, "metadata": {"name": "theirs", "namespace": "web"}, "spec": spec}


def grant(**target: str) -> Value:
    spec = {"from": [], "to": [{"group": "", "kind": "Service", **target}]}
    version = "gateway.networking.k8s.io/v1beta1"
    return {"apiVersion": version, "kind": "ReferenceGrant", "metadata": {"name": "in"}, "spec": spec}


def kinds(values: Sequence[Value]) -> list[str]:
    return [value["kind"] for value in values]


def reasons(found: Leftovers) -> dict[str, str]:
    return {value["kind"]: reason for value, reason in found.used}


def test_what_nobody_sends_to_goes_and_who_sends_goes_first() -> None:
    found = judged(ALL, [ALL[0], route(backendRefs=[{"name": "shop-stable"}])])
    assert kinds(found.unused) == ["Service", "Deployment", "HorizontalPodAutoscaler", "PodDisruptionBudget"]
    assert not found.used


@pytest.mark.parametrize(
    "sender",
    [
        route(backendRefs=[{"name": "shop-old", "weight": 0}]),
        route("TCPRoute", backendRefs=[{"name": "shop-old"}]),
        route(filters=[{"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "shop-old"}}}]),
        route(
            backendRefs=[{"name": "a", "filters": [{"requestMirror": {"backendRef": {"name": "shop-old"}}}]}]
        ),
        grant(),
        grant(name="shop-old"),
    ],
    ids=["weight 0", "stream", "mirror", "mirror of a backend", "grant for all", "grant"],
)
def test_what_somebody_may_send_to_stays_with_its_pods_and_what_looks_after_them(sender: Value) -> None:
    found = judged(ALL, [ALL[0], sender])
    assert not found.unused
    assert reasons(found)["Deployment"] == "Service shop-old sends to its pods"
    assert "Deployment shop-old stays" in reasons(found)["HorizontalPodAutoscaler"]
    assert "Deployment shop-old stays" in reasons(found)["PodDisruptionBudget"]


def test_pods_behind_a_service_of_others_stay() -> None:
    theirs = {"kind": "Service", "metadata": {"name": "all"}, "spec": {"selector": {"app": "shop"}}}
    found = judged(ALL, [ALL[0], theirs])
    assert kinds(found.unused) == ["Service"]
    assert reasons(found)["Deployment"] == "Service all sends to its pods"


def test_a_service_that_is_reached_from_outside_stays() -> None:
    found = judged([left("Service", type="LoadBalancer")], [])
    assert reasons(found) == {"Service": "it is reached from outside by itself"}


def test_a_scaler_of_pods_of_this_release_goes_alone() -> None:
    scaler = left("HorizontalPodAutoscaler", scaleTargetRef={"kind": "Deployment", "name": "shop-stable"})
    assert kinds(judged([scaler], []).unused) == ["HorizontalPodAutoscaler"]


def test_nothing_of_another_release_or_of_any_phase_is_a_leftover() -> None:
    there = [left("Deployment", "shop-canary"), left("Service", "shop-stable")]
    assert earlier(PLAN, [*there, left("Service", "api-old", app="api"), ALL[1]]) == [ALL[1]]


def crew_with_leftovers() -> Drivers:
    crew = at("5%")
    crew.cluster.left = copy.deepcopy(ALL)
    crew.cluster.writes.clear()
    return crew


def test_one_after_the_other_is_deleted_and_told_by_whoever_drives() -> None:
    crew = crew_with_leftovers()
    crew.run("apply", pruning.prune)
    assert [write for write in crew.cluster.writes if "prune" in write] == [
        f"prune {kind} shop-old" for kind in SPECS
    ]
    assert ["pruned"] * 4 == [event.text for event in crew.events if event.kind == "made"]
    assert ("5%", [], None) == (crew.here, crew.cluster.wrong, crew.cluster.lease)


def test_nothing_is_deleted_while_another_drives() -> None:
    crew = crew_with_leftovers()
    drive = crew.drive("apply")
    drive.wheel.take(drive.look())
    crew.run("rollback", lambda other: other.wheel.take(other.look()))
    with pytest.raises(Refused, match="another drives"):
        pruning.prune(drive)
    assert 4 == len(crew.cluster.left)


def test_what_stays_is_told_with_the_reason() -> None:
    crew = crew_with_leftovers()
    crew.cluster.others = [route(backendRefs=[{"name": "shop-old"}])]
    found = pruning.leftovers(crew.drive("apply"))
    assert not found.unused
    assert "Service shop-old is a leftover and stays: HTTPRoute theirs names it" in [
        event.text for event in crew.events
    ]


def test_what_ends_is_no_leftover_and_two_calls_ask_for_the_rest(fake: Fake) -> None:  # noqa: F811
    ending = {**ALL[0], "metadata": {**ALL[0]["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}}
    fake.answer(("-l ", 0, a_list(ending, ALL[1])), ("get services,", 0, a_list(ALL[0])))
    there = cluster()
    assert there.marked() == [ALL[1]]
    assert there.senders() == [ALL[0]]
    assert "referencegrants.gateway.networking.k8s.io" in fake.calls[-1][4]
    assert f"{OWN_LABEL}={OWNER}" in fake.calls[-2]


def test_manifests_of_the_users_are_not_pruned() -> None:
    adopting = ROOT / "tests/cases/adopt-namespaces/canary.yaml"
    for words in (("apply", "--phase", "5%"), ("rbac",)):
        done = run_here(*words, "-f", adopting, "--prune")
        assert (2, "") == (done.code, done.out)
        assert "--prune deletes what has the mark of this program" in done.err


def test_a_dry_run_lists_what_would_be_pruned(fake: Fake) -> None:  # noqa: F811
    there = json.loads(json.dumps(ALL).replace('"shop"', '"my-app"'))
    fake.answer(("-l ", 0, a_list(*there)), ("get ", 0, a_list()))
    words = ("apply", "-f", SEED, "--phase", "before", "--dry-run=client")
    lines = run_here(*words, "--prune").out.splitlines()
    assert "deployment.apps/shop-old pruned (client dry run)" in lines
    assert 4 == sum("pruned" in line for line in lines)
    assert "pruned" not in run_here(*words).out


def test_the_role_names_what_prune_takes_where_it_is_asked_for() -> None:
    answer = run_here("rbac", "-f", SEED, "--prune", "-o", "json")
    (role,) = json.loads(answer.out)["items"]
    rules = [rule for rule in role["rules"] if "resourceNames" not in rule and "delete" in rule["verbs"]]
    resources = {resource for rule in rules for resource in rule["resources"]}
    assert resources == {"services", "deployments", "horizontalpodautoscalers", "poddisruptionbudgets"}
    assert run_here("rbac", "-f", SEED, "--prune", "--read-only").code == 2
