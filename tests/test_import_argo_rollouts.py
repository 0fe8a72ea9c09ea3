"""`import`: a Rollout of Argo's becomes a release in files with its shares, and what is lost is named."""

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

from kubectl_canary.commands.run import importing
from kubectl_canary.errors import Refused
from kubectl_canary.integrations.importers import argo_rollouts
from kubectl_canary.integrations.importers.argo_rollouts_gates import bounds
from kubectl_canary.integrations.importers.argo_rollouts_phases import seconds
from kubectl_canary.integrations.importers.imported import Gateway, Imported, Wish
from kubectl_canary.reading.adopted.file import Sets
from kubectl_canary.reading.choices import Wanted, choice
from kubectl_canary.reading.manifests import Manifest, read
from kubectl_canary.release import phases
from kubectl_canary.rendering.generator import Generator
from kubectl_canary.rendering.objects import planned

Documents = list[dict[str, Any]]
Canary = Callable[..., Result]
PLUGIN = "argoproj-labs/gatewayAPI"
LABELS = {"app": "shop"}
HASH = "rollouts-pod-template-hash"


def rollout(*steps: Any, spec: dict[str, Any] | None = None, **canary: Any) -> Any:
    container = {"name": "shop", "image": "registry.example.com/shop:v1", "ports": [{"containerPort": 8080}]}
    template = {"metadata": {"labels": LABELS}, "spec": {"containers": [container]}}
    strategy = {
        "stableService": "shop",
        "canaryService": "shop-next",
        "trafficRouting": routing(),
        "steps": list(steps),
        **canary,
    }
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": "shop", "namespace": "store"},
        "spec": {
            "replicas": 4,
            "selector": {"matchLabels": LABELS},
            "template": template,
            **(spec or {}),
            "strategy": {"canary": {key: value for key, value in strategy.items() if value is not None}},
        },
    }


def routing(**more: Any) -> dict[str, Any]:
    config = {"httpRoutes": [{"name": "shop", "useHeaderRoutes": True}], "namespace": "store"}
    return {"plugins": {PLUGIN: config}, "managedRoutes": [{"name": "testers"}], **more}


def service(name: str, **selector: str) -> Any:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "store"},
        "spec": {"selector": {**LABELS, **selector}, "ports": [{"port": 80, "targetPort": 8080}]},
    }


def refs(**weights: int) -> Documents:
    return [{"name": name.replace("_", "-"), "port": 80, "weight": n} for name, n in weights.items()]


def rule(path: str, *backends: Any, **more: Any) -> Any:
    return {**more, "matches": [{"path": {"type": "PathPrefix", "value": path}}], "backendRefs": [*backends]}


def route(*rules: Any) -> Any:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "shop", "namespace": "store"},
        "spec": {
            "parentRefs": [{"name": "edge"}],
            "rules": list(rules) or [rule("/", *refs(shop=100, shop_next=0))],
        },
    }


def shop(known: Any, *more: Any, way: Any = None) -> Documents:
    return [known, service("shop", **{HASH: "abc"}), service("shop-next"), way or route(), *more]


def template(**metric: Any) -> Any:
    asked = {"address": "http://prometheus:9090/", "query": 'errors{service="{{args.name}}"}'}
    known = {"name": "errors", "successCondition": "result[0] < 0.05", "provider": {"prometheus": asked}}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AnalysisTemplate",
        "metadata": {"name": "errors", "namespace": "store"},
        "spec": {"args": [{"name": "name"}], "metrics": [{**known, **metric}]},
    }


ANALYSIS = {"templates": [{"templateName": "errors"}], "args": [{"name": "name", "value": "shop-next"}]}


def manifests(values: Documents) -> list[Manifest]:
    return read("k8s.yaml", yaml.safe_dump_all(copy.deepcopy(values), sort_keys=False))


def taken_of(values: Documents, gateway: Gateway | None = None) -> Imported:
    return argo_rollouts.imported(manifests(values), Wish(gateway))


def rules(taken: Imported) -> set[str]:
    return {finding.rule.removeprefix("argo-rollouts-") for finding in taken.losses}


def refused(values: Documents) -> set[str]:
    with pytest.raises(Refused) as known:
        taken_of(values)
    return {finding.rule.removeprefix("argo-rollouts-") for finding in known.value.findings}


def rendered(taken: Imported) -> None:
    """Every phase of what is written, as `import` itself renders it."""
    texts, _ = importing._texts(taken)
    released = [one for name, text in texts.items() for one in read(f"gateway/{name}", text)]
    chosen = choice(released, Wanted(deployments=taken.deployments[:1], services=(taken.service,)))
    text = importing._canary_file("gateway/", chosen, taken)
    plan = importing.read_back(text.replace(importing.SHOWN, "  canary:"), lambda _: Sets(released, released))
    generator = Generator()
    for phase in plan.phases:
        generator.render(planned(plan.application, phase))


# --- phases -----------------------------------------------------------------


def test_weights_are_phases_with_the_pauses_after_them() -> None:
    half = {"pause": {"duration": "45m"}}
    steps = ({"setWeight": 20}, half, half, {"setWeight": 60}, {"pause": {}})
    taken = taken_of(shop(rollout(*steps)))
    assert taken.phases == (
        {"name": "20%", "pause": "1h30m"},
        {"name": "60%", "gates": [{"approval": True}]},
    )
    assert not taken.losses and not taken.testers
    rendered(taken)


def test_header_and_mirror_come_before_shares() -> None:
    steps = (
        {"setCanaryScale": {"replicas": 2}},
        {"setMirrorRoute": {"name": "copies", "percentage": 35, "match": [{"path": {"prefix": "/"}}]}},
        {"setHeaderRoute": {"match": [{"headerName": "x-canary", "headerValue": {"prefix": "yes"}}]}},
        {"pause": {"duration": 90}},
        {"setCanaryScale": {"matchTrafficWeight": True}},
        {"setWeight": 10},
    )
    taken = taken_of(shop(rollout(*steps)))
    assert taken.testers == {"header": "x-canary", "match": "Prefix", "value": "yes"}
    assert taken.phases == (
        {"name": "mirror 35%", "methods": "all", "replicas": 2},
        {"name": "header-only", "replicas": 2, "pause": "1m30s"},
        {"name": "10%"},
    )
    rendered(taken)


@pytest.mark.parametrize(
    ("steps", "rule"),
    [
        ([{"pause": {"duration": "5m"}}, {"setWeight": 5}], "pause"),
        ([{"experiment": {"templates": []}}], "experiment"),
        ([{"plugin": {"name": "x"}}], "plugin"),
        ([{"setCanaryScale": {"replicas": 0}}], "canary-scale"),
        ([{"setCanaryScale": {"weight": 30}}], "canary-scale"),
        ([{"newer": 1}], "field"),
        ([{}], "field"),
        ([{"setWeight": 5}, {"setMirrorRoute": {"match": [{}]}}], "mirror"),
        ([{"setMirrorRoute": {"match": [{"path": {"prefix": "/a"}}]}}], "mirror-match"),
        ([{"setWeight": 5}, {"analysis": {"templates": [{"templateName": "none"}]}}], "analysis"),
        (
            [
                {"setWeight": 5},
                {"setHeaderRoute": {"match": [{"headerName": "a", "headerValue": {"exact": "b"}}]}},
            ],
            "header-early",
        ),
    ],
)
def test_what_a_phase_cannot_say_is_named(steps: Documents, rule: str) -> None:
    taken = taken_of(shop(rollout(*steps)))
    assert rules(taken) == {rule}
    rendered(taken)


def test_two_headers_make_nobody_a_tester() -> None:
    match = [{"headerName": name, "headerValue": {"exact": "1"}} for name in ("a", "b")]
    taken = taken_of(shop(rollout({"setHeaderRoute": {"match": match}}, {"setWeight": 5})))
    assert (taken.testers, rules(taken)) == (False, {"headers"})


@pytest.mark.parametrize(
    ("steps", "rule"),
    [
        ([{"setWeight": 50}, {"setWeight": 20}], "weight-down"),
        ([{"setWeight": 101}], "weight"),
        ([{"setWeight": "20"}], "weight"),
        ([{"setWeight": 5}, {"pause": {"duration": "soon"}}], "pause"),
        (["setWeight"], "invalid"),
        ([{"analysis": 1}], "invalid"),
    ],
)
def test_steps_of_which_nothing_right_can_be_made_are_refused(steps: Any, rule: str) -> None:
    assert refused(shop(rollout(*steps))) == {rule}


def test_a_share_is_the_part_of_the_whole_weight() -> None:
    taken = taken_of(
        shop(rollout({"setWeight": 5}, {"setWeight": 1000}, trafficRouting=routing(maxTrafficWeight=1000)))
    )
    assert [phase["name"] for phase in taken.phases] == ["0.5%", "100%"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (30, 30),
        ("30", 30),
        ("1h30m", 5400),
        ("1.5m", 90),
        ("500ms", 0),
        ("1d", None),
        ("", None),
        (True, None),
    ],
)
def test_times_are_those_of_go(text: Any, expected: int | None) -> None:
    assert seconds(text) == expected


# --- gates ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("result[0] >= 0.95", {"min": 0.95}),
        ("0.95 <= result", {"min": 0.95}),
        ("result < 0.05", {"max": 0.049999999999999996}),
        ("(result[0] >= 1 && result[0] <= 2)", None),
        ("result[0] >= 1 && result[0] <= 2", {"min": 1, "max": 2}),
        ("result[0] == 0", {"min": 0, "max": 0}),
        ("len(result) == 0 || result[0] < 1", None),
        ("result[1] < 1", None),
        (None, None),
    ],
)
def test_a_condition_is_a_range_or_none(text: Any, expected: Any) -> None:
    assert bounds(text) == expected


def test_a_condition_of_failure_is_turned() -> None:
    assert bounds("result[0] > 0.5 || result[0] < 0.1", is_failure=True) == {"min": 0.1, "max": 0.5}


def test_an_analysis_is_a_gate_of_the_canarys_service() -> None:
    metric = template(count=5, failureLimit=1, interval="1m", successCondition="result[0] <= 0.05")
    taken = taken_of(shop(rollout({"setWeight": 5}, {"analysis": ANALYSIS}), metric))
    assert taken.phases[0]["gates"] == [
        {
            "name": "errors",
            "query": 'errors{service="{{ service }}"}',
            "max": 0.05,
            "interval": "1m",
            "measurements": 5,
            "passes": 4,
            "failureLimit": 1,
            "inconclusiveLimit": 0,
        }
    ]
    assert taken.prometheus == {"url": "http://prometheus:9090"}
    rendered(taken)


def test_an_analysis_in_the_background_is_a_gate_of_all_phases_or_of_those_from_a_step_on() -> None:
    steps = ({"setWeight": 5}, {"pause": {"duration": 1}}, {"setWeight": 50})
    everywhere = taken_of(shop(rollout(*steps, analysis=ANALYSIS), template()))
    later = taken_of(shop(rollout(*steps, analysis={**ANALYSIS, "startingStep": 2}), template()))
    assert [gate["name"] for gate in everywhere.gates] == ["errors"]
    assert ["gates" in phase for phase in later.phases] == [False, True] and not later.gates
    rendered(everywhere)
    rendered(later)


@pytest.mark.parametrize(
    ("metric", "rule"),
    [
        ({"provider": {"web": {"url": "http://x"}}}, "provider"),
        ({"successCondition": "all(result, # < 1)"}, "condition"),
        ({"provider": {"prometheus": {"address": "http://x", "query": "{{args.unknown}}"}}}, "query"),
        ({"provider": {"prometheus": {"address": "nowhere", "query": "a"}}}, "address"),
        ({"initialDelay": "1m"}, "metric"),
        ({"failureLimit": 3, "interval": "1m"}, "count"),
    ],
)
def test_what_a_gate_cannot_say_is_named(metric: dict[str, Any], rule: str) -> None:
    taken = taken_of(shop(rollout({"setWeight": 5}, {"analysis": ANALYSIS}), template(**metric)))
    assert rules(taken) == {rule}
    rendered(taken)


# --- objects ----------------------------------------------------------------


def test_the_rollout_becomes_a_deployment_and_the_service_loses_the_hash() -> None:
    spec = {"minReadySeconds": 5, "paused": True, "newer": 1}
    taken = taken_of(shop(rollout(spec=spec, maxSurge=1, antiAffinity={})))
    deployment, service = taken.made
    assert (deployment["kind"], deployment["spec"]["minReadySeconds"]) == ("Deployment", 5)
    assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1}
    assert service["spec"]["selector"] == LABELS
    assert [known.title for known in taken.manifests] == []
    assert rules(taken) == {"spec-field", "field", "canary-field"}
    rendered(taken)


def test_the_deployment_of_a_workload_reference_gets_the_rollouts_pods() -> None:
    known = rollout({"setWeight": 5}, spec={"workloadRef": {"kind": "Deployment", "name": "web"}})
    pods = known["spec"].pop("template")
    spec = {"replicas": 0, "selector": known["spec"]["selector"], "template": pods}
    web = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "store"}}
    taken = taken_of(shop(known, {**web, "spec": spec}))
    assert [value["spec"].get("replicas") for value in taken.made if value["kind"] == "Deployment"] == [4]
    assert taken.deployments == ("web",)
    assert any('"scaleDown":"never"' in step for step in taken.steps)
    rendered(taken)
    assert refused(shop(known)) == {"workload"}


def test_a_scaler_of_the_rollout_scales_the_deployment() -> None:
    target = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "shop"}
    scaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "shop", "namespace": "store"},
        "spec": {"scaleTargetRef": target, "maxReplicas": 9},
    }
    taken = taken_of(shop(rollout(), scaler))
    assert taken.made[-1]["spec"]["scaleTargetRef"]["kind"] == "Deployment"
    assert rules(taken) == {"target"}
    rendered(taken)


def test_only_the_rules_of_both_services_are_split() -> None:
    way = route(
        rule("/", *refs(shop=100, shop_next=0)),
        rule("/only", *refs(shop=1)),
        rule("/mixed", *refs(other=5, shop=90, shop_next=5)),
        rule("/", *refs(shop_next=1), name="testers"),
    )
    taken = taken_of(shop(rollout({"setWeight": 5}), service("other", app="other"), way=way))
    made = taken.routes[0]["spec"]["rules"]
    assert [one["backendRefs"] for one in made] == [
        [{"name": "shop", "port": 80}],
        [{"name": "shop", "port": 80, "weight": 1}],
        [{"name": "other", "port": 80, "weight": 5}, {"name": "shop", "port": 80, "weight": 95}],
    ]
    assert (taken.governed, rules(taken)) == ({("HTTPRoute", "shop"): [0, 2]}, {"managed-rule"})
    rendered(taken)


def test_a_route_is_made_for_a_gateway_and_only_for_one() -> None:
    known = rollout({"setWeight": 25}, trafficRouting=None, canaryService=None)
    values = [known, service("shop", **{HASH: "abc"})]
    assert refused(values) == {"route"}
    taken = taken_of(values, Gateway("edge", "infra"))
    assert taken.routes[0]["spec"]["parentRefs"] == [{"name": "edge", "namespace": "infra"}]
    assert rules(taken) == {"route-made", "pods"}
    rendered(taken)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda known: known["spec"].update(strategy={"blueGreen": {"activeService": "shop"}}), "blue-green"),
        (lambda known: known["spec"].update(strategy={}), "invalid"),
        (lambda known: known["spec"].update(strategy={"canary": {"steps": {}}}), "invalid"),
        (lambda known: known["spec"].update(template={}), "workload"),
        (lambda known: known.update(status={"stableRS": "a", "currentPodHash": "b"}), "under-way"),
        (lambda known: known["spec"]["strategy"]["canary"].update(stableService="none"), "services"),
    ],
)
def test_a_rollout_of_which_nothing_right_can_be_made_is_refused(
    change: Callable[[Any], Any], rule: str
) -> None:
    known = rollout({"setWeight": 5})
    change(known)
    assert refused(shop(known)) == {rule}


def test_a_rule_to_the_canarys_service_alone_is_refused() -> None:
    assert refused(shop(rollout(), way=route(rule("/next", *refs(shop_next=1))))) == {"canary-used"}


def test_two_rollouts_are_refused_and_openkruises_are_others() -> None:
    kruise = {
        "apiVersion": "rollouts.kruise.io/v1beta1",
        "kind": "Rollout",
        "metadata": {"name": "x", "namespace": "store"},
    }
    assert refused(shop(rollout(), rollout())) == {"several"}
    assert not argo_rollouts.is_here(manifests([kruise]))


def test_the_rollout_lets_go_of_its_service_before_the_hash_goes_and_ends_last() -> None:
    steps = taken_of(shop(rollout())).steps
    order = ["apply -f {file Deployment/shop}", "rollout status", '"stableService":null', f'{HASH}\\":null']
    order += [
        "{apply}",
        "--replicas=0",
        "delete rollouts.argoproj.io/shop",
        '"pod-template-hash":null',
        "delete service/shop-next",
        "{start}",
    ]
    places = [next(number for number, step in enumerate(steps) if part in step) for part in order]
    assert places == sorted(places)


def test_every_loss_is_on_the_page() -> None:
    folder = Path(argo_rollouts.__file__).parent
    text = "".join(file.read_text() for file in folder.glob("argo_rollouts*.py"))
    assert all(f"{{NAME}}-{rule}" in text or f'"{rule}"' in text for rule in argo_rollouts.LOSSES)


def test_import_writes_what_plan_and_render_read(
    canary: Canary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "k8s.yaml").write_text(yaml.safe_dump_all(shop(rollout({"setWeight": 5}))))
    result = canary("import", "k8s.yaml", "--into", "out")
    assert result.code == 0, result.err
    assert "kubectl apply -f out/deployment-shop.yaml" in result.out
    assert canary("render", "--canary-tag", "v2", "--phase", "5%").code == 0


# --- whatever the steps -----------------------------------------------------

WEIGHTS = st.integers(0, 100).map(lambda weight: {"setWeight": weight})
PAUSES = st.one_of(st.none(), st.integers(0, 9000), st.sampled_from(["5m", "1h2m3s"])).map(
    lambda length: {"pause": {} if length is None else {"duration": length}}
)
SCALES = st.one_of(
    st.integers(0, 5).map(lambda n: {"replicas": n}),
    st.integers(0, 100).map(lambda n: {"weight": n}),
    st.just({"matchTrafficWeight": True}),
).map(lambda scale: {"setCanaryScale": scale})
HEADERS = st.sampled_from(["exact", "regex", "prefix"]).map(
    lambda kind: {"setHeaderRoute": {"match": [{"headerName": "x-canary", "headerValue": {kind: "yes"}}]}}
)
MIRRORS = st.integers(0, 100).map(lambda n: {"setMirrorRoute": {"percentage": n, "match": [{}]}})
STEP = st.one_of(WEIGHTS, PAUSES, SCALES, HEADERS, MIRRORS, st.just({"analysis": ANALYSIS}))


@settings(max_examples=40, deadline=None)
@given(st.lists(STEP, max_size=8), st.sampled_from([None, ANALYSIS, {**ANALYSIS, "startingStep": 2}]))
def test_the_shares_of_the_phases_are_those_of_the_steps(steps: Documents, analysis: Any) -> None:
    weights = [step["setWeight"] for step in steps if "setWeight" in step]
    known = shop(rollout(*steps, analysis=analysis), template())
    if weights != sorted(weights):
        assert refused(known) >= {"weight-down"} or "mirror" in refused(known)
        return
    taken = taken_of(known)
    parsed, findings = phases.parse(list(taken.phases), has_testers=bool(taken.testers))
    assert not findings
    shares = [phase.weight for phase in parsed if phase.weight]
    assert shares == [Fraction(weight, 100) for weight in dict.fromkeys([*weights, 100]) if weight]
    rendered(taken)


def test_a_deployment_of_the_rollouts_name_is_refused_and_a_mesh_that_knows_the_canarys_service() -> None:
    beside = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "shop", "namespace": "store"},
    }
    assert refused([*shop(rollout()), {**beside, "spec": {}}]) == {"workload"}
    http = [{"route": [{"destination": {"host": "shop-next.store.svc.cluster.local"}}]}]
    mesh = {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "shop"}}
    assert refused([*shop(rollout()), {**mesh, "spec": {"http": http}}]) == {"canary-used"}


def test_a_route_that_the_plugin_does_not_lead_is_not_split() -> None:
    calls = {**route(), "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GRPCRoute"}
    calls["spec"] = {**calls["spec"], "rules": [{"backendRefs": refs(shop=100, shop_next=0)}]}
    taken = taken_of(
        shop(rollout({"setWeight": 5}), {**calls, "metadata": {**calls["metadata"], "name": "calls"}})
    )
    assert taken.governed == {("GRPCRoute", "calls"): []}
    rendered(taken)


def test_the_pods_of_a_phase_that_waits_are_its_own() -> None:
    steps = (
        *({"setCanaryScale": {"replicas": 1}}, {"setWeight": 10}, {"pause": {}}),
        *({"setCanaryScale": {"replicas": 3}}, {"setWeight": 50}),
    )
    taken = taken_of(shop(rollout(*steps)))
    assert [phase["replicas"] for phase in taken.phases] == [1, 3]


def test_a_deployment_in_the_place_of_a_rollout_is_nobodys() -> None:
    known = rollout()
    known["metadata"]["annotations"] = {
        "argocd.argoproj.io/tracking-id": "a",
        "meta.helm.sh/release-name": "b",
        "own": "c",
    }
    assert taken_of(shop(known)).made[0]["metadata"]["annotations"] == {"own": "c"}


def test_what_fails_is_turned_round_and_what_holds_is_not() -> None:
    assert bounds("result[0] <= 5", is_failure=True) == {"min": 5.000000000000001}
    assert bounds("result[0] < 5", is_failure=True) == {"min": 5}
    assert bounds("result[0] >= 5", is_failure=True) == {"max": 4.999999999999999}


def test_a_part_of_pods_is_rounded_up() -> None:
    taken = taken_of(shop(rollout({"setCanaryScale": {"weight": 30}}, {"setWeight": 5})))
    assert taken.phases[0]["replicas"] == 2  # 1.2 of 4


def test_a_value_that_is_a_secret_is_not_that_of_the_template() -> None:
    asked = template()
    asked["spec"]["args"] = [{"name": "name", "value": "of-the-template"}]
    secret = {"name": "name", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}
    analysis = {"templates": [{"templateName": "errors"}], "args": [secret]}
    taken = taken_of(shop(rollout({"setWeight": 5}, {"analysis": analysis}), asked))
    assert ("query" in rules(taken), "of-the-template" in str(taken.phases)) == (True, False)


def test_a_template_of_the_cluster_is_another_than_one_of_its_name() -> None:
    clusters = {**template(successCondition="result[0] <= 0.2"), "kind": "ClusterAnalysisTemplate"}
    clusters["metadata"] = {"name": "errors"}
    analysis = {**ANALYSIS, "templates": [{"templateName": "errors", "clusterScope": True}]}
    taken = taken_of(shop(rollout({"setWeight": 5}, {"analysis": analysis}), template(), clusters))
    assert taken.phases[0]["gates"][0]["max"] == 0.2


def test_two_weights_of_nothing_are_nothing() -> None:
    """Of a rule of which another backend has all."""
    ways = [
        {"name": "shop", "port": 80, "weight": 0},
        {"name": "shop-next", "port": 80, "weight": 0},
        *refs(legacy=1),
    ]
    taken = taken_of(shop(rollout(), way=route(rule("/", *refs(shop=100, shop_next=0)), rule("/old", *ways))))
    assert [ref.get("weight") for ref in taken.routes[0]["spec"]["rules"][1]["backendRefs"]] == [0, 1]


def test_a_metric_that_is_left_out_does_not_say_which_prometheus_is_asked() -> None:
    bad = template(
        successCondition="len(result) > 0",
        provider={"prometheus": {"address": "http://other", "query": "up"}},
    )
    bad["metadata"]["name"] = "bad"
    analysis = {**ANALYSIS, "templates": [{"templateName": "bad"}, {"templateName": "errors"}]}
    taken = taken_of(shop(rollout({"setWeight": 5}, {"analysis": analysis}), bad, template()))
    assert taken.prometheus == {"url": "http://prometheus:9090"}
    only = taken_of(
        shop(rollout({"setWeight": 5}, {"analysis": {"templates": [{"templateName": "bad"}]}}), bad)
    )
    assert (only.phases, only.prometheus) == (({"name": "5%"},), None)


def test_a_background_analysis_begins_with_its_step() -> None:
    steps = (
        *(
            {"setHeaderRoute": {"match": [{"headerName": "a", "headerValue": {"exact": "b"}}]}},
            {"pause": {"duration": 9}},
        ),
        *({"setCanaryScale": {"matchTrafficWeight": True}}, {"setWeight": 5}),
    )
    taken = taken_of(shop(rollout(*steps, analysis={**ANALYSIS, "startingStep": 2}), template()))
    assert ["gates" in phase for phase in taken.phases] == [False, True]


def test_routes_of_one_name_and_two_kinds_are_told_apart(
    canary: Canary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    calls = {**route(), "kind": "GRPCRoute"}
    calls["spec"] = {**calls["spec"], "rules": [{"backendRefs": refs(shop=1)}]}
    (tmp_path / "k8s.yaml").write_text(yaml.safe_dump_all(shop(rollout({"setWeight": 5}), calls)))
    assert canary("import", "k8s.yaml").code == 0
    assert "    routes:\n      - {kind: HTTPRoute, name: shop" in (tmp_path / "canary.yaml").read_text()
    assert canary("plan", "--canary-tag", "v2").code == 0
