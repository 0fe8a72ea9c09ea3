"""`import` of an OpenKruise Rollout: its steps become phases and testers, and what is lost is named."""

from __future__ import annotations

import copy
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Result
from hypothesis import given, settings
from hypothesis import strategies as st
from test_import import a_shop, ingress, path, workload

from kubectl_canary.commands import inputs
from kubectl_canary.errors import Refused
from kubectl_canary.integrations.importers import kruise
from kubectl_canary.integrations.importers.imported import Gateway, Imported, Wish
from kubectl_canary.reading.manifests import Manifest, read

Canary = Callable[..., Result]
Documents = list[dict[str, Any]]
ROUTING = {"service": "shop", "gateway": {"httpRouteName": "shop"}}
STEPS = [
    {"traffic": "5%", "replicas": 1, "pause": {}},
    {"traffic": "50%", "replicas": "50%", "pause": {"duration": 7200}},
    {"traffic": "100%", "replicas": "100%"},
]


def a_rollout(steps: Any = STEPS, **said: Any) -> dict[str, Any]:
    canary = {"enableExtraWorkloadForCanary": True, "steps": steps, "trafficRoutings": [ROUTING], **said}
    return {
        "apiVersion": "rollouts.kruise.io/v1beta1",
        "kind": "Rollout",
        "metadata": {"name": "shop", "namespace": "store"},
        "spec": {
            "workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"},
            "strategy": {"canary": canary},
        },
    }


def an_old_rollout(steps: Any, **annotations: str) -> dict[str, Any]:
    rollout = a_rollout(steps)
    del rollout["spec"]["strategy"]["canary"]["enableExtraWorkloadForCanary"]
    rollout["apiVersion"] = "rollouts.kruise.io/v1alpha1"
    rollout["metadata"]["annotations"] = {
        f"rollouts.kruise.io/{key.replace('_', '-')}": text for key, text in annotations.items()
    }
    rollout["spec"]["objectRef"] = {"workloadRef": rollout["spec"].pop("workloadRef")}
    return rollout


def a_route(*rules: Any, name: str = "shop") -> dict[str, Any]:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": "store"},
        "spec": {
            "parentRefs": [{"name": "edge"}],
            "rules": list(rules) or [{"backendRefs": [{"name": "shop", "port": 80}]}],
        },
    }


def around(rollout: dict[str, Any], *more: Any, replicas: int = 7, route: Any = None) -> Documents:
    objects = [copy.deepcopy(known) for known in workload("shop", "v1")]
    objects[0]["spec"]["replicas"] = replicas
    return [rollout, *objects, route or a_route(), *more]


def manifests(values: Documents) -> list[Manifest]:
    return read("k8s.yaml", yaml.safe_dump_all(copy.deepcopy(values), sort_keys=False))


def taken_of(values: Documents, wish: Wish | None = None) -> Imported:
    return kruise.imported(manifests(values), wish or Wish())


def rules(taken: Imported) -> set[str]:
    return {finding.rule.removeprefix("kruise-") for finding in taken.losses}


def refused(values: Documents) -> set[str]:
    with pytest.raises(Refused) as known:
        taken_of(values)
    return {finding.rule.removeprefix("kruise-") for finding in known.value.findings}


def value_of(taken: Imported, kind: str) -> Any:
    return next(known.value for known in taken.manifests if known.text("kind") == kind)


# --- steps become phases ----------------------------------------------------


def test_steps_become_phases_with_pods_pauses_and_a_person() -> None:
    taken = taken_of(around(a_rollout()))
    assert (
        {"name": "5%", "replicas": 4, "gates": [{"approval": True}]},
        {"name": "50%", "pause": "2h", "replicas": 7},
        {"name": "100%", "replicas": 7},
    ) == taken.phases
    assert set() == rules(taken)
    assert taken.testers is False


def test_the_old_version_has_weights_and_pods_by_them() -> None:
    taken = taken_of(around(an_old_rollout([{"weight": 20, "pause": {"duration": 90}}])))
    assert ({"name": "20%", "pause": "1m30s"}, {"name": "100%"}) == taken.phases


@pytest.mark.parametrize(
    ("match", "testers"),
    [
        ({"headers": [{"name": "x", "value": "pc"}]}, {"header": "x", "value": "pc"}),
        (
            {"headers": [{"type": "RegularExpression", "name": "x", "value": "a|b"}]},
            {"header": "x", "match": "RegularExpression", "value": "a|b"},
        ),
        ({"queryParams": [{"type": "Exact", "name": "x", "value": "pc"}]}, {"query": "x", "value": "pc"}),
        ({"headers": [{"name": "x", "value": "pc"}, {"name": "z", "value": "pc"}]}, None),
        ({"headers": [{"name": "x", "value": "pc"}], "path": {"value": "/pc"}}, None),
        ({"headers": [{"type": "RegularExpression", "name": "x", "value": "(?=a)"}]}, None),
        ({"headers": [{"type": "Other", "name": "x", "value": "pc"}]}, None),
        ({"headers": [{"name": "", "value": "pc"}]}, None),
        ({}, None),
    ],
)
def test_a_match_becomes_testers_where_one_thing_says_it(match: Any, testers: Any) -> None:
    steps = [{"matches": [match], "replicas": 2, "pause": {"duration": 60}}, *STEPS]
    taken = taken_of(around(a_rollout(steps)))
    assert (testers or False) == taken.testers
    assert (set() if testers else {"matches"}) == rules(taken)
    first = {"name": "header-only", "pause": "1m", "replicas": 2}
    assert (first == taken.phases[0]) == bool(testers)


@pytest.mark.parametrize(
    ("steps", "names", "lost"),
    [
        ([{"traffic": "20%"}, {"traffic": "10%"}], ["20%", "100%"], {"falling"}),
        ([{"traffic": "20%"}, {"traffic": "20%"}], ["20%", "100%"], {"repeated"}),
        (
            [{"traffic": "20%"}, {"matches": [{"headers": [{"name": "x", "value": "pc"}]}], "replicas": 1}],
            ["header-only", "20%", "100%"],
            {"order"},
        ),
        (
            [{"traffic": "20%", "matches": [{"headers": [{"name": "x", "value": "pc"}]}]}],
            ["header-only", "100%"],
            {"traffic"},
        ),
        ([{"traffic": "5%"}, {"replicas": "50%"}], ["5%", "36.36%", "100%"], {"by-pods"}),  # 4 of 7 + 4
    ],
)
def test_what_phases_cannot_do_is_named(steps: Any, names: list[str], lost: set[str]) -> None:
    taken = taken_of(around(a_rollout(steps)))
    assert names == [phase["name"] for phase in taken.phases]
    assert lost == rules(taken)


def test_without_a_second_deployment_pods_alone_are_a_share_of_all() -> None:
    steps = [{"traffic": "20%", "replicas": "20%"}, {"replicas": "40%"}, {"replicas": "100%"}]
    taken = taken_of(around(a_rollout(steps, enableExtraWorkloadForCanary=False), replicas=5))
    assert ["20%", "40%", "100%"] == [phase["name"] for phase in taken.phases]
    assert {"by-pods", "partition"} == rules(taken)
    old = an_old_rollout([{"weight": 20}], rolling_style="Partition")
    assert {"partition"} == rules(taken_of(around(old)))


def test_beside_a_scaler_pods_follow_the_shares() -> None:
    scaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "shop", "namespace": "store"},
        "spec": {
            "maxReplicas": 9,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"},
        },
    }
    taken = taken_of(around(a_rollout(), scaler))
    assert not any("replicas" in phase for phase in taken.phases)
    assert {"replicas"} == rules(taken)


# --- refusals ---------------------------------------------------------------


def changed(change: Callable[[Any], Any]) -> dict[str, Any]:
    rollout = a_rollout()
    change(rollout)
    return rollout


@pytest.mark.parametrize(
    ("rollout", "why"),
    [
        (a_rollout(trafficRoutings=[]), "routing"),
        (a_rollout(trafficRoutings=[ROUTING, ROUTING]), "several"),
        (a_rollout(trafficRoutings=[], trafficRoutingRef="mse"), "routing"),
        (a_rollout(trafficRoutings=[{"service": "shop", "customNetworkRefs": [{"kind": "V"}]}]), "routing"),
        (
            a_rollout(trafficRoutings=[{"service": "shop", "ingress": {"classType": "mse", "name": "a"}}]),
            "routing",
        ),
        (
            a_rollout(trafficRoutings=[{"service": "other", "gateway": {"httpRouteName": "shop"}}]),
            "services",
        ),
        (
            a_rollout(trafficRoutings=[{"service": "shop", "gateway": {"httpRouteName": "other"}}]),
            "services",
        ),
        (a_rollout([]), "version"),
        (a_rollout("5%"), "type"),
        (a_rollout([{"traffic": "5"}]), "share"),
        (a_rollout([{"traffic": "0%"}]), "share"),
        (a_rollout([{"traffic": "101%"}]), "share"),
        (a_rollout([{"traffic": 5}]), "type"),
        (a_rollout([{"traffic": "5%", "replicas": "0%"}]), "replicas"),
        (a_rollout([{"traffic": "5%", "replicas": True}]), "type"),
        (a_rollout([{"traffic": "5%", "pause": {"duration": -1}}]), "pause"),
        (changed(lambda it: it["spec"]["strategy"].update(blueGreen={"steps": STEPS})), "blue-green"),
        (changed(lambda it: it["spec"]["workloadRef"].update(kind="StatefulSet")), "workload"),
        (changed(lambda it: it["spec"]["workloadRef"].update(name="other")), "services"),
        (changed(lambda it: it.update(status={"phase": "Progressing"})), "under-way"),
        (changed(lambda it: it.update(apiVersion="rollouts.kruise.io/v1")), "version"),
        (changed(lambda it: it.update(spec=None)), "version"),
        (changed(lambda it: it.update(spec=[])), "type"),
    ],
)
def test_what_nothing_can_be_made_of_is_refused(rollout: Any, why: str) -> None:
    assert why in refused(around(rollout))


def test_a_deployment_in_a_release_is_refused() -> None:
    values = around(a_rollout())
    values[1]["metadata"]["annotations"] = {"rollouts.kruise.io/in-progressing": "{}"}
    assert {"under-way"} == refused(values)


def test_two_rollouts_are_refused_and_argos_is_another() -> None:
    assert {"several"} == refused(around(a_rollout(), a_rollout()))
    argo = a_rollout() | {"apiVersion": "argoproj.io/v1alpha1"}
    assert not kruise.is_here(manifests([argo]))
    assert kruise.is_here(manifests([a_rollout()]))


# --- losses -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("rollout", "lost"),
    [
        (a_rollout(failureThreshold="20%"), "field"),
        (a_rollout(patchPodTemplateMetadata={"labels": {"a": "b"}}), "field"),
        (a_rollout(trafficRoutingRef="mse"), "field"),
        (a_rollout(trafficRoutings=[{**ROUTING, "gracePeriodSeconds": 10}]), "grace-period"),
        (a_rollout([{**STEPS[0], "requestHeaderModifier": {"set": [{"name": "a"}]}}]), "header-modifier"),
        (a_rollout([{**STEPS[0], "new": 1}]), "unknown"),
        (changed(lambda it: it["spec"]["strategy"].update(paused=True)), "paused"),
        (changed(lambda it: it["metadata"].update(annotations={"example.com/a": "b"})), "annotation"),
    ],
)
def test_each_field_without_a_counterpart_is_named_at_its_place(rollout: Any, lost: str) -> None:
    taken = taken_of(around(rollout))
    assert {lost} == rules(taken)
    assert all(finding.where.line for finding in taken.losses)


def test_every_loss_is_of_the_table() -> None:
    source = (
        Path(kruise.__file__).read_text() + Path(kruise.__file__).with_name("kruise_steps.py").read_text()
    )
    named = {part.split('"')[0] for part in source.split('f"{NAME}-')[1:]}
    assert named == set(kruise.LOSSES)


# --- what goes on -----------------------------------------------------------


def test_the_users_objects_go_on_as_they_are() -> None:
    values = around(a_rollout())
    taken = taken_of(values)
    assert values[1:] == [known.value for known in taken.manifests]
    assert ((), {}) == (taken.routes, taken.governed)


def test_what_kruise_makes_and_writes_is_left_out() -> None:
    canary = [{**known, "metadata": {**known["metadata"]}} for known in workload("shop-canary", "v2")]
    canary[0]["metadata"]["labels"] = {"rollouts.kruise.io/canary-deployment": "shop"}
    batch = {"apiVersion": "rollouts.kruise.io/v1beta1", "kind": "BatchRelease", "metadata": {"name": "shop"}}
    split = {"backendRefs": [{"name": "shop", "port": 80, "weight": 95}, {"name": "shop-canary", "port": 80}]}
    headers = [{"headers": [{"name": "a", "value": "b"}]}]
    tested = {"matches": headers, "backendRefs": [{"name": "shop-canary", "port": 80}]}
    values = around(a_rollout(), batch, *canary, route=a_route(split, tested))
    values[1]["spec"]["paused"] = True
    values[1]["metadata"]["labels"] = {"rollouts.kruise.io/workload-type": "deployment"}
    values[2]["spec"]["selector"]["pod-template-hash"] = "abc"
    taken = taken_of(values)
    assert {"made", "leftovers"} == rules(taken)
    assert around(a_rollout())[1:] == [known.value for known in taken.manifests]


def test_only_the_named_route_is_split(
    canary: Canary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    other = {"matches": [{"path": {"value": "/api"}}], "backendRefs": [{"name": "api", "port": 80}]}
    route = a_route(other, {"backendRefs": [{"name": "shop", "port": 80}]})
    values = around(a_rollout(), a_route(name="inner"), *workload("api", "v1"), route=route)
    (tmp_path / "k8s.yaml").write_text(yaml.safe_dump_all(values))
    done = canary("import", "k8s.yaml")
    assert 0 == done.code, done.err
    assert "- {name: shop, rules: [1]}" in Path("canary.yaml").read_text()


def test_rules_without_a_backend_are_applied_again() -> None:
    redirect = {"filters": [{"type": "RequestRedirect", "requestRedirect": {"scheme": "https"}}]}
    route = a_route({"backendRefs": [{"name": "shop", "port": 80}]}, redirect)
    taken = taken_of(around(a_rollout(), route=route))
    assert {"redirect"} == rules(taken)
    assert (route,) == taken.routes
    assert "{apply}" in taken.steps[-3]


def test_the_rollout_is_deleted_before_the_release_starts() -> None:
    steps = taken_of(around(a_rollout())).steps
    assert "kubectl delete rollouts.rollouts.kruise.io/shop -n store" in steps[2]
    assert "{start}" == steps[-1]


def test_an_ingress_of_nginx_becomes_a_route_with_the_rollouts_phases() -> None:
    headers = [{"headers": [{"name": "canary-by-cookie", "value": "beta"}]}]
    rollout = a_rollout(
        [{"matches": headers, "traffic": "5%"}, *STEPS[1:]],
        trafficRoutings=[{"service": "shop", "ingress": {"name": "shop"}}],
    )
    values = [rollout, *workload("shop", "v1"), ingress("shop", {"shop.example.com": [path("shop")]})]
    taken = taken_of(values, Wish(Gateway("edge")))
    assert {"cookie": "beta", "value": "always"} == taken.testers
    assert ["header-only", "5%", "50%", "100%"] == [phase["name"] for phase in taken.phases]
    assert ["shop"] == [route["metadata"]["name"] for route in taken.routes]
    assert not kruise.is_here(manifests(a_shop()))


# --- properties -------------------------------------------------------------

AMOUNTS = st.integers(1, 9) | st.integers(1, 100).map(lambda number: f"{number}%")
MATCHES = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "headers": st.lists(
                st.fixed_dictionaries(
                    {
                        "name": st.sampled_from(["x-canary", "user-agent"]),
                        "value": st.sampled_from(["a", "b|c"]),
                    },
                    optional={"type": st.sampled_from(["Exact", "RegularExpression"])},
                ),
                max_size=2,
            ),
            "queryParams": st.lists(st.just({"name": "canary", "value": "beta"}), max_size=1),
            "path": st.just({"type": "Exact", "value": "/a"}),
        },
    ),
    max_size=2,
)
DRAWN = st.lists(
    st.fixed_dictionaries(
        {"replicas": AMOUNTS},
        optional={
            "traffic": st.integers(1, 100).map(lambda number: f"{number}%"),
            "pause": st.fixed_dictionaries({}, optional={"duration": st.integers(0, 10_000)}),
            "matches": MATCHES,
        },
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(DRAWN, st.booleans(), st.integers(1, 9))
def test_all_phases_render_and_have_the_shares_of_the_steps(
    tmp_path_factory: pytest.TempPathFactory, steps: Any, is_extra: bool, replicas: int
) -> None:
    from conftest import run_here

    folder = tmp_path_factory.mktemp("import")
    values = around(a_rollout(steps, enableExtraWorkloadForCanary=is_extra), replicas=replicas)
    (folder / "k8s.yaml").write_text(yaml.safe_dump_all(values))
    words = ("--into", f"{folder}/gateway", "-f", f"{folder}/canary.yaml")
    done = run_here("import", folder / "k8s.yaml", *words)  # it renders every phase
    assert 0 == done.code, done.err
    file = folder / "canary.yaml"
    file.write_text(file.read_text().replace("  # canary:", "  canary:"))
    release = inputs.load([str(file)])
    shares = {phase.traffic.share for phase in release.plan.phases}
    said = [
        Fraction(step["traffic"][:-1]) / 100
        for step in steps
        if "traffic" in step and not step.get("matches")
    ]
    if all("traffic" in step and not step.get("matches") for step in steps):
        assert shares - {0, 1} <= set(said)
        assert said != sorted(said) or set(said) <= shares


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda child: st.lists(child, max_size=2) | st.dictionaries(st.text(max_size=4), child, max_size=2),
    max_leaves=4,
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every key of every map and list, with what has it."""
    pairs = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
    found = [(value, key) for key, _ in pairs]
    for _, child in pairs:
        found += places(child) if isinstance(child, dict | list) else []
    return found


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_nothing_that_a_rollout_has_is_a_crash(data: st.DataObject) -> None:
    steps = [{"matches": [{"headers": [{"name": "a", "value": "b"}]}], "replicas": 1}, *STEPS]
    rollout = copy.deepcopy(data.draw(st.sampled_from([a_rollout(steps), an_old_rollout([{"weight": 5}])])))
    rollout["status"] = {"phase": "Healthy"}
    holder, key = data.draw(st.sampled_from(places(rollout)[2:]))
    holder[key] = data.draw(JSON)
    known = manifests(around(rollout))
    if kruise.is_here(known):
        try:
            kruise.imported(known, Wish())
        except Refused as refusal:
            assert refusal.findings


def test_a_rule_that_mirrors_to_the_service_does_not_send_to_it() -> None:
    mirror = {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "shop", "port": 80}}}
    redirect = {"type": "RequestRedirect", "requestRedirect": {"scheme": "https"}}
    elsewhere = {"filters": [mirror], "backendRefs": [{"name": "other", "port": 80}]}
    sends = {"backendRefs": [{"name": "shop", "port": 80}]}
    taken = taken_of(
        around(
            a_rollout(),
            a_route(name="also"),
            route=a_route(sends, elsewhere, {"filters": [mirror, redirect]}),
        )
    )
    assert {("HTTPRoute", "shop"): [0]} == taken.governed
