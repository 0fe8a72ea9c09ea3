"""`import`: what Flagger leads becomes a release in files with the same shares, and what is lost is named."""

from __future__ import annotations

import copy
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Result, run_here
from hypothesis import given, settings
from hypothesis import strategies as st

from kubectl_canary.commands import inputs
from kubectl_canary.errors import Refused, UsageError
from kubectl_canary.integrations.importers import flagger
from kubectl_canary.integrations.importers.imported import Gateway, Imported, Wish
from kubectl_canary.reading.manifests import Manifest, read

Canary = Callable[..., Result]
Object = dict[str, Any]
QUERY = 'sum(rate(errors{pod=~"{{ target }}-.*",namespace="{{ namespace }}"}[{{ interval }}]))'


def deployment(name: str = "shop", replicas: int | None = 3, image: str = "v1") -> Object:
    labels = {"app": name}
    container = {
        "name": "shop",
        "image": f"registry.example.com/shop:{image}",
        "ports": [{"name": "http", "containerPort": 8080}, {"name": "metrics", "containerPort": 9090}],
        "readinessProbe": {"httpGet": {"path": "/", "port": "http"}},
    }
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "store"},
        "spec": spec if replicas is None else {"replicas": replicas, **spec},
    }


def a_canary(analysis: Object | None = None, service: Object | None = None, **spec: Any) -> Object:
    said = {
        "port": 80,
        "targetPort": "http",
        "hosts": ["shop.example.com"],
        "gatewayRefs": [{"name": "edge", "namespace": "infra"}],
        **(service or {}),
    }
    usual = {"interval": "1m", "threshold": 5, "stepWeight": 10, "maxWeight": 50}
    return {
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "metadata": {"name": "shop", "namespace": "store"},
        "spec": {
            "provider": "gatewayapi:v1",
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"},
            "service": said,
            "analysis": usual if analysis is None else {"interval": "1m", "threshold": 5, **analysis},
            **spec,
        },
    }


def template(name: str = "errors", query: str = QUERY, **provider: Any) -> Object:
    asked = {"type": "prometheus", "address": "http://prometheus:9090", **provider}
    return {
        "apiVersion": "flagger.app/v1beta1",
        "kind": "MetricTemplate",
        "metadata": {"name": name, "namespace": "store"},
        "spec": {"provider": asked, "query": query},
    }


def metric(**said: Any) -> Object:
    return {"metrics": [{"name": "errors", "interval": "2m", "thresholdRange": {"max": 1}, **said}]}


def owned(value: Object) -> Object:
    owner = {
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "name": "shop",
        "controller": True,
        "uid": "1",
    }
    return {**value, "metadata": {**value["metadata"], "ownerReferences": [owner]}}


def manifests(*values: Object) -> list[Manifest]:
    return read("k8s.yaml", yaml.safe_dump_all(copy.deepcopy(list(values)), sort_keys=False))


def taken_of(*values: Object, gateway: Gateway | None = None) -> Imported:
    return flagger.imported(manifests(*values), Wish(gateway))


def rules(taken: Imported) -> set[str]:
    return {finding.rule.removeprefix("flagger-") for finding in taken.losses}


def refused(*values: Object) -> set[str]:
    with pytest.raises(Refused) as known:
        taken_of(*values, gateway=Gateway("edge"))
    return {finding.rule.removeprefix("flagger-") for finding in known.value.findings}


def names(taken: Imported) -> list[str]:
    return [phase["name"] for phase in taken.phases]


# --- shares -----------------------------------------------------------------


def shares_of_flagger(analysis: Object) -> list[int]:
    """The weights that scheduler.go sets one after another."""
    steps, step = analysis.get("stepWeights", []), analysis.get("stepWeight", 0)
    most = min(100, steps[-1]) if steps else analysis.get("maxWeight", 0) or 100
    weight, found = 0, []
    while weight < most:
        if step > 0:
            more = step
        elif weight == 0:
            more = min(100, steps[0])
        else:
            more = next((min(100, b) - a for a, b in pairwise(steps) if a == weight), 100 - weight)
        weight = min(100, weight + more)
        found.append(weight)
    return found


RISING = st.lists(st.integers(1, 120), min_size=1, max_size=6, unique=True).map(sorted)
COURSE = st.one_of(
    st.fixed_dictionaries({"stepWeight": st.integers(2, 110)}, optional={"maxWeight": st.integers(1, 100)}),
    st.fixed_dictionaries({"stepWeights": RISING}),
)
MATCHES = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "uri": st.fixed_dictionaries({"prefix": st.sampled_from(["/", "/api"])}),
            "headers": st.just({"x-eu": {"exact": "yes"}}),
            "method": st.just({"exact": "GET"}),
            "queryParams": st.just({"beta": {"regex": "1|2"}}),
        },
    ),
    max_size=2,
    unique_by=repr,
)
SERVICE = st.fixed_dictionaries(
    {"match": MATCHES},
    optional={
        "timeout": st.sampled_from(["5s", "1m30s"]),
        "portName": st.just("web"),
        "portDiscovery": st.booleans(),
        "appProtocol": st.just("http"),
        "rewrite": st.sampled_from([{"authority": "in.example.com"}, {"uri": "/v2"}]),
        "headers": st.just({"request": {"add": {"x-a": "b"}}, "response": {"remove": ["server"]}}),
        "apex": st.just({"labels": {"team": "shop"}, "annotations": {"a.example.com/b": "c"}}),
    },
)


@settings(max_examples=40, deadline=None)
@given(COURSE, SERVICE, st.sampled_from(["30s", "1m", "90s", "1h"]))
def test_phases_render_with_the_shares_of_flagger(
    tmp_path_factory: pytest.TempPathFactory, course: Object, service: Object, interval: str
) -> None:
    folder = tmp_path_factory.mktemp("import")
    values = [a_canary({**course, "interval": interval}, service), deployment()]
    (folder / "k8s.yaml").write_text(yaml.safe_dump_all(values))
    words = ("--into", f"{folder}/gateway", "-f", f"{folder}/canary.yaml")
    result = run_here("import", folder / "k8s.yaml", *words)
    assert 0 == result.code, result.err
    text = (folder / "canary.yaml").read_text()
    (folder / "canary.yaml").write_text(f"{text}  canary: {{tag: v2}}\n")
    release = inputs.load([f"{folder}/canary.yaml"])
    found = [phase for phase in release.plan.phases if phase.pause and phase.traffic.share]
    expected = shares_of_flagger(course)
    shares = [phase.traffic.share for phase in found]
    assert [Fraction(weight, 100) for weight in expected] == shares[: len(expected)]
    for phase in found:
        assert 0 == run_here("render", "-f", folder / "canary.yaml", "--phase", phase.name).code


@pytest.mark.parametrize(
    ("analysis", "phases", "testers", "lost"),
    [
        ({"stepWeight": 20, "maxWeight": 50}, ["20%", "40%", "60%"], False, set()),
        ({"stepWeights": [1, 10, 80]}, ["1%", "10%", "80%"], False, set()),
        ({"stepWeight": 50, "mirror": True}, ["50%", "100%"], False, {"mirror"}),
        ({"iterations": 3}, ["100%"], False, {"blue-green"}),
        ({"iterations": 3, "mirror": True}, ["mirror 100%", "100%"], False, set()),
        (
            {"iterations": 3, "match": [{"headers": {"x-canary": {"exact": "insider"}}}]},
            ["header-only", "100%"],
            {"header": "x-canary", "value": "insider"},
            set(),
        ),
        (
            {
                "stepWeight": 5,
                "match": [{"headers": {"cookie": {"regex": "^(.*?;)?(canary=always)(;.*)?$"}}}],
            },
            ["header-only", "100%"],
            {"header": "cookie", "match": "RegularExpression", "value": "^(.*?;)?(canary=always)(;.*)?$"},
            {"match-weights"},
        ),
        (
            {"iterations": 1, "match": [{"headers": {"a": {"exact": "1"}, "b": {"exact": "2"}}}]},
            ["100%"],
            False,
            {"testers", "blue-green"},
        ),
        ({}, ["5%", "25%", "50%", "100%"], False, {"no-steps"}),
    ],
)
def test_the_course_of_an_analysis(analysis: Object, phases: list[str], testers: Any, lost: set[str]) -> None:
    taken = taken_of(a_canary(analysis), deployment())
    assert (phases, testers, lost) == (names(taken), taken.testers, rules(taken))


def test_an_ab_test_lasts_all_iterations_and_as_many_measurements_pass() -> None:
    match = {"match": [{"queryParams": {"beta": {"exact": "1"}}}], "iterations": 4}
    taken = taken_of(a_canary({**match, **metric(templateRef={"name": "errors"})}), deployment(), template())
    assert {"name": "header-only", "pause": "4m"} == taken.phases[0]
    assert {"query": "beta", "value": "1"} == taken.testers
    assert (4, 8) == (taken.gates[0]["passes"], taken.gates[0]["measurements"])


def test_istio_mirrors_before_shares_rise() -> None:
    analysis = {"stepWeight": 50, "mirror": True, "mirrorWeight": 30}
    taken = taken_of(a_canary(analysis, provider="istio"), deployment(), gateway=Gateway("edge"))
    assert ["mirror 30%", "50%", "100%"] == names(taken)
    assert "all" == taken.phases[0]["methods"]


# --- objects ----------------------------------------------------------------


def test_the_service_and_the_route_are_those_of_flagger_with_the_pods_of_the_target() -> None:
    service = {
        "portDiscovery": True,
        "timeout": "5s",
        "match": [{"uri": {"prefix": "/api"}, "headers": {"x-eu": {"prefix": "y."}}}],
        "rewrite": {"uri": "/", "type": "ReplacePrefixMatch"},
        "headers": {"request": {"set": {"x-a": "b"}}},
        "mirror": [{"backendRef": {"name": "recorder", "port": 80}}],
    }
    taken = taken_of(a_canary(service=service), deployment())
    assert [
        {"name": "http", "port": 80, "targetPort": "http"},
        {"name": "metrics", "port": 9090, "targetPort": 9090},
    ] == taken.made[0]["spec"]["ports"]
    assert {"app": "shop"} == taken.made[0]["spec"]["selector"]
    assert {
        "parentRefs": [{"name": "edge", "namespace": "infra"}],
        "hostnames": ["shop.example.com"],
        "rules": [
            {
                "matches": [
                    {
                        "path": {"type": "PathPrefix", "value": "/api"},
                        "headers": [{"type": "RegularExpression", "name": "x-eu", "value": "y\\..*"}],
                    }
                ],
                "filters": [
                    {
                        "type": "RequestHeaderModifier",
                        "requestHeaderModifier": {"set": [{"name": "x-a", "value": "b"}]},
                    },
                    {
                        "type": "URLRewrite",
                        "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}},
                    },
                    {
                        "type": "RequestMirror",
                        "requestMirror": {"backendRef": {"name": "recorder", "port": 80}},
                    },
                ],
                "backendRefs": [{"name": "shop", "port": 80}],
                "timeouts": {"request": "5s"},
            }
        ],
    } == taken.routes[0]["spec"]


def test_what_flagger_has_made_does_not_go_on_and_the_target_gets_the_pods_of_primary() -> None:
    primary = owned(deployment("shop-primary", 4))
    services = [
        owned(
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": name, "namespace": "store"},
                "spec": {"selector": {"app": "shop-primary"}, "ports": [{"port": 80}]},
            }
        )
        for name in ("shop", "shop-primary", "shop-canary")
    ]
    taken = taken_of(a_canary(), deployment(replicas=0), primary, *services)
    assert [("Deployment", "shop", 4)] == [
        (known.text("kind"), known.text("metadata", "name"), known.value["spec"]["replicas"])
        for known in taken.manifests
    ]
    assert ["shop"] == [made["metadata"]["name"] for made in taken.made]
    assert {"not-written"} == rules(taken)


def test_a_target_without_pods_has_those_of_its_autoscaler_or_is_refused() -> None:
    scaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "shop", "namespace": "store"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"},
            "minReplicas": 2,
            "maxReplicas": 4,
        },
    }
    reference = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "shop"}
    taken = taken_of(a_canary(autoscalerRef=reference), deployment(replicas=0), scaler)
    assert [2, None] == [known.value["spec"].get("replicas") for known in taken.manifests]
    assert {"replicas"} == refused(a_canary(), deployment(replicas=0))


def test_what_flagger_owns_does_not_go_on_whatever_it_is_called() -> None:
    """Such as the copies of ConfigMaps that it tracks."""
    copied = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "settings-primary", "namespace": "store"},
    }
    taken = taken_of(
        a_canary(), deployment(), owned(copied), copied | {"metadata": {**copied["metadata"], "name": "own"}}
    )
    assert {"shop", "own"} == {known.text("metadata", "name") for known in taken.manifests}
    assert ["Flagger has made it" in str(finding) for finding in taken.losses] == [True]


def test_a_service_of_the_users_own_goes_on_as_it_is() -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "shop", "namespace": "store"},
        "spec": {"selector": {"app": "shop"}, "ports": [{"port": 80, "targetPort": 8080}]},
    }
    taken = taken_of(a_canary(), deployment(), service)
    assert ((), 2) == (taken.made, len(taken.manifests))
    service["spec"] = {"selector": {"app": "shop-primary"}, "ports": [{"port": 80}]}
    taken = taken_of(a_canary(), deployment(), service)
    assert (1, 1, {"service"}) == (len(taken.made), len(taken.manifests), rules(taken))


def test_the_gateway_that_is_named_comes_before_those_of_the_canary() -> None:
    taken = taken_of(a_canary(), deployment(), gateway=Gateway("other"))
    assert [{"name": "other"}] == taken.routes[0]["spec"]["parentRefs"]
    with pytest.raises(UsageError):
        taken_of(a_canary(provider="istio"), deployment())


# --- gates ------------------------------------------------------------------


def test_a_metric_template_becomes_a_query_about_the_canary() -> None:
    taken = taken_of(
        a_canary({"stepWeight": 10, **metric(templateRef={"name": "errors"})}), deployment(), template()
    )
    assert {
        "name": "errors",
        "max": 1,
        "query": 'sum(rate(errors{pod=~"{{ deployment }}-.*",namespace="{{ namespace }}"}[{{ window }}]))',
        "window": "2m",
        "interval": "1m",
        "measurements": 5,
    } == taken.gates[0]
    assert {"url": "http://prometheus:9090"} == taken.prometheus
    assert {"threshold"} == rules(taken)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("a{{ service }}-canary", "a{{ service }}"),
        ("a{{ service }}-primary b{{service}}", "ashop bshop"),
        ("{{ target }}-canary {{ target }}-primary", "{{ deployment }} shop"),
        ("{{ variables.code }}{{ name }}{{ ingress }}", "500shopshop"),
    ],
)
def test_names_in_a_query(query: str, expected: str) -> None:
    said = metric(templateRef={"name": "errors"}, templateVariables={"code": "500"})
    taken = taken_of(a_canary({"stepWeight": 10, **said}), deployment(), template(query=query))
    assert expected == taken.gates[0]["query"]


@pytest.mark.parametrize(
    ("said", "provider", "lost"),
    [
        ({"templateRef": {"name": "none"}}, {}, {"metric", "not-written"}),
        ({"templateRef": {"name": "errors"}}, {"type": "datadog"}, {"metric"}),
        ({"templateRef": {"name": "errors"}}, {"secretRef": {"name": "a"}}, {"credentials", "threshold"}),
        ({"templateRef": {"name": "errors"}}, {"address": "prometheus"}, {"metric"}),
        ({"name": "request-success-rate"}, {}, {"metric", "not-written"}),
        ({"query": "{{ if 1 }}"}, {}, {"metric", "not-written"}),
        ({}, {}, {"metric", "not-written"}),
    ],
)
def test_what_cannot_be_asked_is_named(said: Object, provider: Object, lost: set[str]) -> None:
    taken = taken_of(a_canary({"stepWeight": 10, **metric(**said)}), deployment(), template(**provider))
    assert lost == rules(taken)


def test_builtin_metrics_are_gates_where_the_gateway_is_known() -> None:
    metrics = [
        {"name": "request-success-rate", "thresholdRange": {"min": 99}},
        {"name": "request-duration", "thresholdRange": {"max": 500}},
        {"name": "request-duration", "threshold": 250},
    ]
    canary = a_canary(
        {"stepWeight": 10, "metrics": metrics}, provider="istio", metricsServer="http://prometheus:9090"
    )
    taken = taken_of(canary, deployment(), gateway=Gateway("edge"))
    found = [(gate["metric"], gate["max"]) for gate in taken.gates]
    assert [("error-rate", 0.01), ("latency", 0.5), ("latency", 0.25)] == found
    assert {"url": "http://prometheus:9090", "gateway": "istio"} == taken.prometheus


def test_webhooks_are_gates_where_nothing_hangs_on_what_is_posted() -> None:
    hooks = [
        {"name": "check", "type": "rollout", "url": "http://ci.example.com/check", "timeout": "5s"},
        {"name": "load", "url": "http://tester/", "metadata": {"cmd": "hey"}},
        {"name": "gate", "type": "confirm-promotion", "url": "http://tester/gate/halt"},
        {"name": "told", "type": "event", "url": "http://tester/"},
        {"name": "odd", "type": "other", "url": "http://["},
    ]
    taken = taken_of(a_canary({"stepWeight": 50, "webhooks": hooks}), deployment())
    check = {"name": "check", "webhook": "http://ci.example.com/check", "timeout": "5s"}
    assert [{**check, "interval": "1m", "measurements": 5}] == list(taken.gates)
    assert [{"name": "gate", "approval": True}] == taken.phases[-1]["gates"]
    assert (6, {"webhook", "threshold"}) == (len(taken.losses), rules(taken))


def test_a_webhook_that_holds_shares_is_an_approval_in_each_phase() -> None:
    hook = {
        "name": "more",
        "type": "confirm-traffic-increase",
        "url": "http://tester/",
        "metadata": {"a": "b"},
    }
    taken = taken_of(a_canary({"stepWeight": 50, "webhooks": [hook]}), deployment())
    assert ({"name": "more", "approval": True},) == taken.gates


def test_a_route_besides_leaves_the_release_to_that_of_flagger() -> None:
    route = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "more", "namespace": "store"},
        "spec": {"rules": [{"backendRefs": [{"name": "shop", "port": 80}]}]},
    }
    assert {("HTTPRoute", "shop"): [0]} == taken_of(a_canary(), deployment(), route).governed


# --- what is lost or refused ------------------------------------------------


def test_each_field_without_counterpart_is_named_at_its_place() -> None:
    service = {"retries": {"attempts": 3}, "corsPolicy": {"maxAge": "1h"}, "canary": {"labels": {"a": "b"}}}
    analysis = {"stepWeight": 10, "sessionAffinity": {"cookieName": "a"}, "alerts": [{"name": "a"}]}
    taken = taken_of(a_canary(analysis, service, skipAnalysis=True, brandNew=1), deployment())
    assert {
        ("spec", "service", "retries"),
        ("spec", "service", "corsPolicy"),
        ("spec", "service", "canary"),
        ("spec", "analysis", "sessionAffinity"),
        ("spec", "analysis", "alerts"),
        ("spec", "skipAnalysis"),
        ("spec", "brandNew"),
    } == {finding.path for finding in taken.losses}
    assert rules(taken) <= flagger.LOSSES.keys()


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ([a_canary()], "target"),
        ([a_canary(targetRef={"kind": "DaemonSet", "name": "shop"}), deployment()], "target"),
        ([a_canary(), a_canary(), deployment()], "several"),
        ([{**a_canary(), "apiVersion": "flagger.app/v1alpha3"}, deployment()], "api-version"),
        ([{**a_canary(), "status": {"phase": "Progressing"}}, deployment()], "phase"),
        ([a_canary(), deployment(), owned(deployment("shop-primary", image="v0"))], "differs"),
        ([a_canary({"stepWeights": [10, 5, 50]}), deployment()], "steps"),
        ([a_canary({"stepWeight": "ten"}), deployment()], "invalid"),
        ([a_canary(service={"port": 99999}), deployment()], "invalid"),
        ([a_canary(service={"match": [{"method": {"prefix": "G"}}]}), deployment()], "condition"),
        ([a_canary(service={"match": [{"port": 8}]}, provider="istio"), deployment()], "match"),
        ([a_canary(service={"match": [{"headers": {"x": None}}]}), deployment()], "invalid"),
    ],
)
def test_what_cannot_be_made_is_refused(values: list[Object], rule: str) -> None:
    assert {rule} == refused(*values)


def test_a_route_to_what_goes_is_refused() -> None:
    route = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "more", "namespace": "store"},
        "spec": {"rules": [{"backendRefs": [{"name": "shop-primary", "port": 80}]}]},
    }
    assert {"backends"} == refused(a_canary(), deployment(), route)


def test_our_own_canary_is_none_of_flaggers() -> None:
    assert not flagger.is_here(manifests({"apiVersion": "kubectl-canary/v1alpha1", "kind": "Canary"}))


def test_the_steps_keep_both_serving_until_the_canary_goes() -> None:
    steps = taken_of(a_canary(), deployment()).steps
    order = (
        "suspend",
        "kubectl scale",
        "ownerReferences",
        "selector",
        "{apply}",
        "kubectl delete",
        "{start}",
    )
    at = [next(number for number, step in enumerate(steps) if word in step) for word in order]
    assert sorted(at) == at


def test_the_verb_writes_files_that_plan_reads(canary: Canary, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    Path("k8s.yaml").write_text(yaml.safe_dump_all([a_canary(), deployment()]))
    assert 0 == canary("import", "k8s.yaml").code
    assert 0 == canary("plan", "--canary-tag", "v2").code


# --- what else knows of the primary -----------------------------------------


def scaler(name: str, least: int, most: int) -> Object:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    spec = {"scaleTargetRef": target, "minReplicas": least, "maxReplicas": most}
    metadata = {"name": name, "namespace": "store"}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata,
        "spec": spec,
    }


def test_what_selects_the_primary_selects_the_target_before_that_goes() -> None:
    selector = {"app": "shop-primary"}
    public = {"selector": selector, "ports": [{"port": 80}], "type": "LoadBalancer"}
    values = [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "public", "namespace": "store"},
            "spec": public,
        },
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": "shop", "namespace": "store"},
            "spec": {"maxUnavailable": 1, "selector": {"matchLabels": selector}},
        },
    ]
    taken = taken_of(a_canary(), deployment(), *values)
    found = {known.text("kind"): known.value["spec"]["selector"] for known in taken.manifests[1:]}
    assert {"Service": {"app": "shop"}, "PodDisruptionBudget": {"matchLabels": {"app": "shop"}}} == found
    assert "primary" in rules(taken)
    applied = "kubectl apply -f {file Service/public} -f {file PodDisruptionBudget/shop}"
    places = [
        next(n for n, step in enumerate(taken.steps) if part in step)
        for part in ("{apply}", applied, "kubectl delete")
    ]
    assert sorted(places) == places


def test_an_autoscaler_is_held_until_the_target_serves() -> None:
    reference = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "shop"}
    steps = taken_of(a_canary(autoscalerRef=reference), deployment(), scaler("shop", 2, 10)).steps
    held = next(n for n, step in enumerate(steps) if "kubectl patch hpa/shop -n store" in step)
    assert "minReplicas" in steps[held] and "hpa/shop-primary" in steps[held]
    assert "kubectl scale" in steps[held - 1]
    assert "kubectl apply -f {file HorizontalPodAutoscaler/shop}" in steps[-3]
    assert not any("hpa/" in step for step in taken_of(a_canary(), deployment()).steps)


def test_keda_scales_again() -> None:
    reference = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "shop"}
    steps = taken_of(a_canary(autoscalerRef=reference), deployment()).steps
    assert any(
        "kubectl annotate scaledobject/shop -n store autoscaling.keda.sh/paused-replicas-" in step
        for step in steps
    )


def test_pods_that_differ_in_more_than_their_image_are_refused() -> None:
    primary, target = owned(deployment("shop-primary")), deployment()
    from_config = {"env": [{"name": "MODE", "valueFrom": {"configMapKeyRef": {"name": "modes", "key": "a"}}}]}
    target["spec"]["template"]["spec"]["containers"][0] |= from_config
    copied = copy.deepcopy(from_config)
    copied["env"][0]["valueFrom"]["configMapKeyRef"]["name"] = "modes-primary"
    primary["spec"]["template"]["spec"]["containers"][0] |= copied
    assert taken_of(a_canary(), target, primary)
    primary["spec"]["template"]["spec"]["containers"][0]["env"][0]["name"] = "OTHER"
    assert {"differs"} == refused(a_canary(), target, primary)


def test_two_controllers_in_one_set_are_refused(canary: Canary, tmp_path: Path) -> None:
    rollout = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": "shop"},
        "spec": {},
    }
    (tmp_path / "k8s.yaml").write_text(yaml.safe_dump_all([a_canary(), deployment(), rollout]))
    result = canary("import", tmp_path / "k8s.yaml", "--into", tmp_path / "g", "-f", tmp_path / "c.yaml")
    assert (2, "") == (result.code, result.out)
    assert "flagger and argo-rollouts both lead releases" in result.err


def test_metrics_of_one_name_have_names_of_their_own_and_builtin_ones_no_others_address() -> None:
    twice = {"name": "errors", "templateRef": {"name": "errors"}, "thresholdRange": {"max": 1}}
    builtin = {"name": "request-success-rate", "thresholdRange": {"min": 99}}
    for metrics in ([twice, twice, builtin], [builtin, twice, twice]):
        taken = taken_of(a_canary({"stepWeight": 10, "metrics": metrics}), deployment(), template())
        assert ["errors", "errors 2"] == [gate["name"] for gate in taken.gates]
        assert "metric" in rules(taken)


def test_an_autoscaler_that_is_not_there_is_named() -> None:
    reference = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "shop"}
    assert "scaler" in rules(taken_of(a_canary(autoscalerRef=reference), deployment()))
    assert "scaler" not in rules(
        taken_of(a_canary(autoscalerRef=reference), deployment(), scaler("shop", 2, 9))
    )


def test_the_fewest_pods_of_keda_are_those_of_a_target_without() -> None:
    reference = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "shop"}
    keda = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": "shop", "namespace": "store"},
        "spec": {"scaleTargetRef": {"name": "shop"}, "minReplicaCount": 4},
    }
    taken = taken_of(a_canary(autoscalerRef=reference), deployment(replicas=0), keda)
    assert 4 == taken.manifests[0].value["spec"]["replicas"]


def test_ports_of_sidecars_are_none_of_the_services() -> None:
    target = deployment()
    proxy = {"name": "istio-proxy", "image": "proxy:v1", "ports": [{"name": "envoy", "containerPort": 15090}]}
    target["spec"]["template"]["spec"]["containers"].append(proxy)
    taken = taken_of(a_canary(service={"portDiscovery": True}), target)
    assert ["http", "metrics"] == [port["name"] for port in taken.made[0]["spec"]["ports"]]


@pytest.mark.parametrize(
    ("analysis", "rules_of_it"),
    [({"stepWeight": 10}, 1), ({"iterations": 3, "match": [{"headers": {"a": {"exact": "b"}}}]}, 2)],
)
def test_the_gateway_knows_the_service_before_all_requests_come_to_it(
    analysis: Object, rules_of_it: int
) -> None:
    steps = taken_of(a_canary(analysis), deployment()).steps
    apply = next(n for n, step in enumerate(steps) if "{apply}" in step)
    assert rules_of_it == steps[apply - 1].count('"op":"add"') == steps[apply - 1].count('"weight":0')
    assert '"path":"/spec/rules/0/backendRefs/-"' in steps[apply - 1]
