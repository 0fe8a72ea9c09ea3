"""`export flagger`: a release becomes a Canary with the same shares, and what is lost is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT, Result, run_here
from hypothesis import given, settings
from hypothesis import strategies as st

from kubectl_canary.commands import inputs
from kubectl_canary.integrations.exporters.flagger import FLAGGER
from kubectl_canary.integrations.importers import flagger
from kubectl_canary.integrations.importers.imported import Imported, Wish
from kubectl_canary.reading.gates import gated
from kubectl_canary.reading.manifests import read
from kubectl_canary.release.phases import parse
from kubectl_canary.release.testers import Testers

Object = dict[str, Any]
ALWAYS = {"promotion", "ways-back", "guards"}
QUIET = {"testers": False, "drain": "0s"}
QUERY = 'sum(rate(errors{service=~"{{ service }}",workload="{{ deployment }}"}[{{ window }}]))'
LABELS = {"app": "shop"}


def a_file(**spec: Any) -> Object:
    said = {
        "image": "registry.example.com/shop",
        "stable": {"tag": "v1"},
        "canary": {"tag": "v2"},
        "container": {"port": 8080},
        "route": {"gateway": {"name": "gw"}, "hostnames": ["shop.example.com"]},
        **QUIET,
        **spec,
    }
    metadata = {"name": "shop", "namespace": "store"}
    return {"apiVersion": "kubectl-canary/v1alpha1", "kind": "Canary", "metadata": metadata, "spec": said}


def deployment(selector: Object | None = None, **named: Any) -> Object:
    labels = selector or LABELS
    container = {"name": "shop", "image": "registry.example.com/shop:v1", "ports": [{"containerPort": 8080}]}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "shop", "namespace": "store", **named},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }


def service(name: str = "shop", selector: Object | None = None, **spec: Any) -> Object:
    said = {"selector": selector or LABELS, "ports": [{"port": 80, "targetPort": 8080}], **spec}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "store"},
        "spec": said,
    }


def route(*rules: Object, name: str = "shop", kind: str = "HTTPRoute", **metadata: Any) -> Object:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "store", **metadata},
        "spec": {"parentRefs": [{"name": "gw"}], "rules": list(rules) or [rule()]},
    }


def rule(**said: Any) -> Object:
    return {**said, "backendRefs": [{"name": "shop", "port": 80}]}


def budget() -> Object:
    spec = {"maxUnavailable": 1, "selector": {"matchLabels": LABELS}}
    metadata = {"name": "shop", "namespace": "store"}
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata, "spec": spec}


def call(folder: Path, file: Object, adopted: list[Object] | None, *words: str) -> Result:
    if adopted is not None:
        (folder / "k8s.yaml").write_text(yaml.safe_dump_all(adopted))
        kept = {key: file["spec"][key] for key in file["spec"] if key not in ("image", "stable", "container")}
        kept.pop("route")
        file = {
            **file,
            "spec": {**kept, "adopt": {"from": "k8s.yaml", "deployment": "shop", "service": "shop"}},
        }
        file["metadata"] = {"name": "shop"}
    (folder / "canary.yaml").write_text(yaml.safe_dump(file))
    return run_here("export", "flagger", "-f", folder / "canary.yaml", *words)


def exported(
    folder: Path, file: Object, adopted: list[Object] | None = None
) -> tuple[list[Object], set[str]]:
    result = call(folder, file, adopted)
    assert 0 == result.code, result.err
    found = json.loads(call(folder, file, adopted, "-o", "losses").out)
    rules = {known["rule"].removeprefix("flagger-") for known in found}
    assert rules <= set(FLAGGER.limits)
    return list(yaml.safe_load_all(result.out)), rules


def canary_of(objects: list[Object]) -> Object:
    return next(
        known
        for known in objects
        if known["apiVersion"] == "flagger.app/v1beta1" and known["kind"] == "Canary"
    )


def analysis_of(objects: list[Object]) -> Object:
    found: Object = canary_of(objects)["spec"]["analysis"]
    return found


def back(objects: list[Object]) -> Imported:
    return flagger.imported(read("k8s.yaml", yaml.safe_dump_all(objects, sort_keys=False)), Wish())


PAUSES = st.sampled_from(["0s", "10s", "30s", "1m", "90s", "5m", "1h", "90m"])
SHARES = st.lists(st.sampled_from(["1%", "5%", "12.5%", "0.01%", "25%", "50%"]), unique=True).map(
    lambda known: sorted(known, key=lambda text: float(text[:-1]))
)
BEFORE = st.sampled_from(
    [
        [],
        [{"name": "header-only"}],
        [{"mirror": "100%", "methods": "all"}],
        [{"mirror": "20%"}],
        [{"mirror": "20%"}, {"mirror": "100%", "methods": "all"}, {"name": "header-only"}],
    ]
)
TESTERS = st.sampled_from(
    [
        {"header": "x-canary", "value": "true"},
        {"query": "canary", "value": "a.b"},
        {"cookie": "canary", "value": "always"},
        {"header": "x-user", "match": "RegularExpression", "value": "a|b"},
        {"header": "x-user", "match": "Prefix", "value": "t.est"},
    ]
)
GATES = st.lists(
    st.sampled_from(
        [
            {"name": "errors", "query": QUERY, "max": 0.5},
            {"name": "up", "query": "up{namespace='{{ namespace }}'}", "min": 1, "max": 3, "window": "90s"},
            {"name": "ratio", "query": QUERY, "maxRatio": 2},
            {"name": "ask", "webhook": "https://gates.example.com/shop"},
        ]
    ),
    unique_by=lambda gate: gate["name"],
)
RHYTHMS = st.sampled_from(
    [{}, {"measurements": 1}, {"measurements": 1, "interval": "1m"}, {"measurements": 3, "interval": "1m"}]
)


@settings(max_examples=120, deadline=None)
@given(BEFORE, st.just([]) | SHARES, st.lists(PAUSES, min_size=1, max_size=2), TESTERS, GATES, RHYTHMS)
def test_what_is_imported_again_is_the_same_where_nothing_is_lost(
    tmp_path_factory: pytest.TempPathFactory,
    before: list[Object],
    shares: list[str],
    pauses: list[str],
    testers: Object,
    gates: list[Object],
    rhythm: Object,
) -> None:
    folder = tmp_path_factory.mktemp("export")
    items = [*before, *({"weight": share} for share in [*shares, "100%"])]
    phases = [{**item, "pause": pauses[index % len(pauses)]} for index, item in enumerate(items)]
    has_testers = {"name": "header-only"} in before
    file = a_file(
        phases=phases,
        testers=testers if has_testers else False,
        gates=[{**gate, **rhythm} for gate in gates],
        prometheus={"url": "http://prometheus:9090"},
    )
    objects, lost = exported(folder, file)
    plan = inputs.load([f"{folder}/canary.yaml"]).plan
    taken = back(objects)
    middle = [
        phase for phase in plan.phases if phase.name in {known.name for known in parse(phases, True)[0]}
    ]
    specs, findings = parse(list(taken.phases), bool(taken.testers))
    assert not findings
    if not lost & {"mirror", "header-only", "hundredths", "pause", "full"}:
        assert [(phase.name, phase.pause) for phase in middle] == [
            (known.name, known.pause) for known in specs
        ]
        assert [phase.traffic.share for phase in middle] == [known.weight for known in specs]
    if "testers" not in lost and plan.application.testers:
        assert isinstance(taken.testers, dict)
        found = dict(taken.testers)
        carrier: Any = "query" if "query" in found else "header"
        known = Testers(carrier, found[carrier], found["value"], found.get("match", "Exact"))
        condition = plan.application.testers.condition
        wrapped = {**condition, "value": f"^({condition['value']})$"}  # an expression, anchored once more
        assert known.condition in (condition, wrapped)
    again = gated([specs[-1]], {"gates": list(taken.gates), "prometheus": taken.prometheus})[0].gates
    names = {gate["name"] for gate in gates if "webhook" in gate or set(gate) & {"min", "max"}}
    assert names == {gate.name for gate in again}
    if not lost & {"rhythm", "ratio", "webhook"}:
        assert set(middle[-1].gates) == set(again)
    if weights := analysis_of(objects).get("stepWeights"):
        first = next(phase.traffic.share for phase in middle if phase.traffic.share)
        assert Fraction(weights[0], 100) == first or "hundredths" in lost


def test_shares_of_equal_pauses_are_weights_and_nothing_but_the_tool_is_lost(tmp_path: Path) -> None:
    phases = [{"weight": share, "pause": "5m"} for share in ("5%", "50%", "100%")]
    objects, lost = exported(tmp_path, a_file(phases=phases))
    assert ALWAYS | {"route-name"} == lost
    assert {"interval": "5m", "threshold": 1, "stepWeights": [5, 50, 100]} == analysis_of(objects)
    assert not [known for known in objects if known["kind"] in ("Service", "HTTPRoute")]
    said = canary_of(objects)["spec"]
    assert {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop-stable"} == said["targetRef"]
    assert "gatewayapi:v1" == said["provider"]
    assert ("shop-stable", 80, 8080) == tuple(said["service"][key] for key in ("name", "port", "targetPort"))


def test_testers_before_everybody_are_an_ab_test_which_has_a_timeout(tmp_path: Path) -> None:
    phases = [{"name": "header-only", "pause": "10m"}, {"weight": "100%", "pause": "2m"}]
    objects, lost = exported(tmp_path, a_file(phases=phases, testers={"header": "x-me", "value": "1"}))
    assert ALWAYS | {"route-name", "full", "timeout"} == lost
    match = [{"headers": {"x-me": {"exact": "1"}}}]
    assert {"interval": "2m", "threshold": 1, "match": match, "iterations": 5} == analysis_of(objects)
    assert "0s" == canary_of(objects)["spec"]["service"]["timeout"]


def test_a_rule_becomes_the_service_of_the_canary_and_comes_back_the_same(tmp_path: Path) -> None:
    said = rule(
        matches=[
            {
                "path": {"type": "Exact", "value": "/a"},
                "method": "GET",
                "headers": [{"type": "Exact", "name": "x-a", "value": "1"}],
                "queryParams": [{"type": "RegularExpression", "name": "q", "value": "a|b"}],
            },
            {"path": {"type": "RegularExpression", "value": "/b.*"}},
        ],
        filters=[
            {
                "type": "RequestHeaderModifier",
                "requestHeaderModifier": {"set": [{"name": "x-b", "value": "2"}], "remove": ["x-c"]},
            },
            {
                "type": "URLRewrite",
                "urlRewrite": {
                    "hostname": "inner.example.com",
                    "path": {"type": "ReplaceFullPath", "replaceFullPath": "/c"},
                },
            },
            {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "audit", "port": 80}}},
        ],
        timeouts={"request": "3s"},
    )
    objects, lost = exported(tmp_path, a_file(phases=["50%"]), [deployment(), service(), route(said)])
    assert ALWAYS | {"pause"} == lost
    again = dict(back(objects).routes[0]["spec"]["rules"][0])
    again["matches"][0]["headers"] = [{"type": "Exact", **known} for known in again["matches"][0]["headers"]]
    assert {key: said[key] for key in said} == again


def test_other_rules_of_the_route_stand_in_one_of_their_own_before_flagger_takes_its_name(
    tmp_path: Path,
) -> None:
    other = {"matches": [{"path": {"value": "/docs"}}], "backendRefs": [{"name": "docs", "port": 80}]}
    values = [deployment(), service(), service("docs", {"app": "docs"}), route(rule(), other)]
    objects, lost = exported(tmp_path, a_file(phases=["50%"]), values)
    assert "one-rule" in lost
    assert ["HTTPRoute", "Canary"] == [known["kind"] for known in objects][-2:]
    assert ("shop-others", [other]) == (objects[-2]["metadata"]["name"], objects[-2]["spec"]["rules"])
    values[-1] = route(rule(), other, name="front")
    objects, lost = exported(tmp_path, a_file(phases=["50%"]), values)
    assert ["Canary", "HTTPRoute"] == [known["kind"] for known in objects][-2:]


def test_a_budget_guards_primary_too(tmp_path: Path) -> None:
    objects, _ = exported(tmp_path, a_file(phases=["50%"]), [deployment(), service(), route(), budget()])
    found = {
        known["metadata"]["name"]: known["spec"]["selector"]["matchLabels"]["app"]
        for known in objects
        if known["kind"] == "PodDisruptionBudget"
    }
    assert {"shop": "shop", "shop-primary": "shop-primary"} == found


def test_a_query_gets_the_names_of_flagger(tmp_path: Path) -> None:
    gate = {"name": "Errors of v2", "query": QUERY, "max": 1, "window": "2m"}
    file = a_file(phases=["50%"], gates=[gate], prometheus={"url": "http://p:9090", "insecure": True})
    objects, _ = exported(tmp_path, file)
    template = next(known for known in objects if known["kind"] == "MetricTemplate")
    expected = 'sum(rate(errors{service=~"{{ service }}-canary",workload="{{ target }}"}[{{ interval }}]))'
    assert expected == template["spec"]["query"]
    provider = {"type": "prometheus", "address": "http://p:9090", "insecureSkipVerify": True}
    assert provider == template["spec"]["provider"]
    metric = analysis_of(objects)["metrics"][0]
    assert ("Errors of v2", "2m", {"max": 1}) == (
        metric["name"],
        metric["interval"],
        metric["thresholdRange"],
    )
    assert metric["templateRef"]["name"] == template["metadata"]["name"] == "shop-gate-1-errors-of-v2"


PROMETHEUS = {"prometheus": {"url": "http://p:9090", "gateway": "istio"}}
TESTED = {"testers": {"header": "x-me", "value": "1"}}
POLICY = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "shop", "namespace": "store"},
    "spec": {"podSelector": {"matchLabels": LABELS}},
}
SCALED = {"minReplicas": 2, "maxReplicas": 4}
PLAIN = [deployment(), service(), route()]


# each limit, with a release that it is of: what the file says otherwise, and the manifests that it adopts
OF_LIMITS: list[tuple[str, Object, Any]] = [
        ("approval", {"gates": [{"approval": True}]}, None),
        ("command", {"gates": [{"command": ["true"]}]}, None),
        ("webhook", {"gates": [{"webhook": "https://example.com"}]}, None),
        ("requests", {"gates": [{"metric": "error-rate", "max": 0.1}], **PROMETHEUS}, None),
        ("rhythm", {"gates": [{"metric": "error-rate", "max": 0.1}], **PROMETHEUS}, None),
        ("ratio", {"gates": [{"metric": "error-rate", "maxRatio": 2}], **PROMETHEUS}, None),
        (
            "pods",
            {"gates": [{"query": 'up{pod=~"{{ deployment }}-.*"}', "min": 1}], "prometheus": {"url": "http://p"}},
            None,
        ),
        (
            "credentials",
            {
                "gates": [{"query": "up", "min": 1}],
                "prometheus": {"url": "http://p", "tokenVariable": "TOKEN"},
            },
            None,
        ),
        ("phase-gates", {"phases": [{"weight": "5%", "gates": [{"approval": True}]}]}, None),
        ("drain", {"drain": "30s"}, None),
        ("held", {"autoscaling": SCALED}, None),
        ("replicas", {"stable": {"tag": "v1", "replicas": 9}, "phases": ["10%", "20%"]}, None),
        ("full", {"phases": ["header-only"], **TESTED}, None),
        ("timeout", {"phases": ["header-only"], **TESTED}, None),
        ("header-only", {"phases": ["header-only", "5%"], **TESTED}, None),
        ("testers", {"phases": ["5%"], **TESTED}, None),
        ("mirror", {"phases": ["mirror 20%"]}, None),
        ("mirror-to", {"phases": ["mirror 20% to recorder"]}, None),
        ("hundredths", {"phases": ["0.5%"]}, None),
        ("names", {"phases": [{"name": "few", "weight": "5%"}]}, None),
        ("pause", {"phases": ["5%"]}, None),
        ("promotion", {}, None),
        ("ways-back", {}, None),
        ("guards", {}, None),
        ("route-name", {}, None),
        ("field", {"route": {"gateway": {"name": "gw"}, "timeouts": {"backendRequest": "1s"}}}, None),
        ("ports", {"service": {"port": 80, "portName": "http", "ports": [{"name": "m", "port": 9}]}}, None),
        ("metadata", {}, [deployment(), service(), route(labels={"team": "shop"})]),
        ("one-rule", {}, [deployment(), service(), route(rule(), {"backendRefs": [{"name": "x", "port": 1}]})]),
        ("rules", {}, [*PLAIN, route(name="other")]),
        ("selectors", {}, [*PLAIN, POLICY]),
        ("service", {}, [deployment(), service(type="NodePort"), route()]),
        ("testers", {"phases": ["header-only"], **TESTED}, [*PLAIN[:2], route(rule(matches=[{"headers": [{"name": "a", "value": "b"}]}]))]),
]  # fmt: skip


@pytest.mark.parametrize(("lost", "spec", "adopted"), OF_LIMITS)
def test_what_flagger_cannot_do_is_named(tmp_path: Path, lost: str, spec: Object, adopted: Any) -> None:
    assert lost in exported(tmp_path, a_file(**spec), adopted)[1]


def test_each_limit_is_reported_by_a_test() -> None:
    assert set(FLAGGER.limits) == {lost for lost, _, _ in OF_LIMITS}


@pytest.mark.parametrize(
    ("adopted", "said"),
    [
        ([deployment({"tier": "web"}), service(selector={"tier": "web"}), route()], "-selector-labels=tier"),
        ([*PLAIN, deployment(name="other")], "has pods with app=shop too"),
        ([*PLAIN, service("shop-primary", {"app": "x"})], "is there already"),
        ([*PLAIN[:2], route(kind="GRPCRoute")], "Flagger leads no GRPCRoute"),
        (
            [*PLAIN[:2], route(rule(filters=[{"type": "ExtensionRef", "extensionRef": {"group": "a.b", "kind": "Auth", "name": "a"}}]))],
            "the filter ExtensionRef",
        ),
    ],
)  # fmt: skip
def test_what_would_lead_requests_elsewhere_is_refused(
    tmp_path: Path, adopted: list[Object], said: str
) -> None:
    result = call(tmp_path, a_file(phases=["50%"]), adopted)
    assert 2 == result.code, result.err
    assert said in result.err


@pytest.mark.parametrize(
    "file", sorted(ROOT.glob("tests/cases/*/canary.yaml")), ids=lambda file: file.parent.name
)
def test_each_case_is_exported_or_refused(
    canary: Callable[..., Result], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    result = canary("export", "flagger", "-f", "canary.yaml")
    assert result.code in (0, 2)
    if result.code == 0:
        back(list(yaml.safe_load_all(result.out)))


def test_half_a_percent_is_one(tmp_path: Path) -> None:
    """A weight of nothing would be no step at all."""
    objects, lost = exported(tmp_path, a_file(phases=["0.5%", "100%"]))
    assert ([1, 100], True) == (analysis_of(objects)["stepWeights"], "hundredths" in lost)
