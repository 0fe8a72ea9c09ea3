"""Each lint rule: its examples, which are its documentation too."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import yaml
from conftest import ROOT

from kubectl_canary.api import catalog, verdict
from kubectl_canary.judging import lint

RULES = lint.rules()
# what a rule's examples cannot be without
ALSO = {"bad-regex": {"regular-expression"}}
OF_ANY_KIND = {"policy-misses-clone", "policy-misses-canary"}
BY_ID = {rule.id: rule for rule in RULES}


def found(text: str) -> list[tuple[str, str]]:
    return [(one.rule, one.message) for _, one in lint.findings(list(yaml.safe_load_all(text)))]


def examples(key: str) -> list[Any]:
    return [
        pytest.param(rule, text, id=f"{rule.id}-{number}")
        for rule in RULES
        for number, text in enumerate(getattr(rule, key), 1)
    ]


@pytest.mark.parametrize(("rule", "text"), examples("failing"))
def test_a_failing_example_fails_this_rule_alone(rule: lint.Rule, text: str) -> None:
    assert {rule.id} == {name for name, _ in found(text)} - ALSO.get(rule.id, set())


@pytest.mark.parametrize(("rule", "text"), examples("passing"))
def test_a_passing_example_passes_every_rule(rule: lint.Rule, text: str) -> None:
    assert set() == {name for name, _ in found(text)} - ALSO.get(rule.id, set())


@pytest.mark.parametrize(("rule", "text"), [*examples("passing"), *examples("failing")])
def test_the_api_server_of_some_release_accepts_every_example(rule: lint.Rule, text: str) -> None:
    for document in yaml.safe_load_all(text):
        verdicts = [verdict.judge(document, one) for one in catalog.gateway_targets("v1.37")]
        assert [] in verdicts or (rule.id in OF_ANY_KIND and None in verdicts), verdicts


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_says_why_and_where_that_is_written(rule: lint.Rule) -> None:
    assert len(rule.reason) > 60
    assert rule.source.startswith("https://")
    assert rule.severity in ("error", "warning")


def test_a_wildcard_covers_what_has_a_label_more() -> None:
    said = found(BY_ID["hostname-not-served"].failing[1])
    assert ["`example.com`", "`shopexample.com`"] == [message.split()[3].rstrip(";") for _, message in said]


def test_every_file_of_a_rule_is_listed() -> None:
    files = {file.stem for file in (ROOT / "kubectl_canary/judging/lint").glob("*.py")} - {
        "__init__",
        "examples",
        "targets",
        "objects",
    }
    assert files == set(lint.MODULES)


def route(name: str = "shop", **spec: Any) -> dict[str, Any]:
    made = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": name}}
    return {**made, "spec": spec}


HEADER = {"name": "x-canary", "value": "true"}


@pytest.mark.parametrize(
    ("matches", "others", "loses"),
    [
        ([{"headers": [HEADER]}], [{"path": {"value": "/api"}}], True),
        ([{"headers": [HEADER]}], [{}], False),
        ([{"headers": [HEADER]}], [{"path": {"value": "/"}}], False),
        ([{"path": {"value": "/api"}, "headers": [HEADER]}], [{"path": {"value": "/apis"}}], False),
        ([{"path": {"value": "/api"}, "headers": [HEADER]}], [{"path": {"value": "/api/v1"}}], True),
        (
            [{"path": {"value": "/api"}, "headers": [HEADER]}],
            [{"path": {"type": "Exact", "value": "/api"}}],
            True,
        ),
        (
            [{"path": {"type": "Exact", "value": "/api"}, "headers": [HEADER]}],
            [{"path": {"value": "/api/a"}}],
            False,
        ),
        ([{"headers": [HEADER]}], [{"path": {"type": "RegularExpression", "value": "/.*"}}], False),
        ([{"headers": [HEADER]}], [{"path": {"value": "/api"}, "headers": [HEADER]}], False),
    ],
)
def test_a_header_rule_loses_to_a_longer_path(matches: Any, others: Any, loses: bool) -> None:
    document = route(rules=[{"matches": matches}, {"matches": others}])
    assert loses is ("header-rule-loses" in {one.rule for _, one in lint.findings([document])})


def test_a_kind_that_is_null_is_a_service() -> None:
    null = {"kind": None, "group": None}
    refs = [{"name": "shop", "port": 80, "weight": 95, **null}, {"name": "beta", "port": 80, "weight": 5}]
    rules = {finding.rule for _, finding in lint.findings([route(rules=[{"backendRefs": refs}])])}
    assert "weights-of-other-kinds" not in rules


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ({"value": "/a"}, {"value": "/a/"}, True),
        ({}, {"type": "PathPrefix", "value": "/"}, True),
        ({"value": None}, {"type": None, "value": "/"}, True),
        ({"type": "Exact", "value": "/a"}, {"type": "Exact", "value": "/a/"}, False),
        ({"value": "/a"}, {"value": "/ab"}, False),
    ],
)
def test_two_rules_with_one_prefix(first: dict[str, Any], second: dict[str, Any], same: bool) -> None:
    document = route(rules=[{"matches": [{"path": one}]} for one in (first, second)])
    assert same is ("duplicate-match" in {one.rule for _, one in lint.findings([document])})


@pytest.mark.parametrize(
    ("first", "second", "complains"),
    [
        ({"name": "a"}, {"name": "b"}, True),
        ({"name": "a"}, {"name": "a"}, False),
        ({"name": "a", "hostnames": ["a.com"]}, {"name": "b", "hostnames": ["b.com"]}, False),
        ({"name": "a", "hostnames": ["a.com"]}, {"name": "b", "hostnames": ["c.com", "a.com"]}, True),
    ],
)
def test_two_routes_with_one_match(first: dict[str, Any], second: dict[str, Any], complains: bool) -> None:
    parent = {"parentRefs": [{"name": "gw"}], "rules": [{"backendRefs": [{"name": "shop", "port": 80}]}]}
    said = lint.findings([route(**first, **parent), route(**second, **parent)])
    assert complains is ("duplicate-match" in {one.rule for _, one in said})


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"from": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "web"}]}, None),
        ({"from": [{"group": "gateway.networking.k8s.io", "kind": "GRPCRoute", "namespace": "web"}]}, "no ReferenceGrant"),
        ({"from": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "app"}]}, "no ReferenceGrant"),
    ],
)  # fmt: skip
def test_a_grant_must_be_for_the_route(spec: dict[str, Any], message: str | None) -> None:
    document = route(rules=[{"backendRefs": [{"name": "shop", "namespace": "data", "port": 80}]}])
    document["metadata"]["namespace"] = "web"
    document["spec"]["parentRefs"] = [{"name": "gw"}]
    grant = {
        "apiVersion": "gateway.networking.k8s.io/v1beta1",
        "kind": "ReferenceGrant",
        "metadata": {"name": "a", "namespace": "data"},
        "spec": {**spec, "to": [{"group": "", "kind": "Service"}]},
    }
    said = [one.message for _, one in lint.findings([document, grant])]
    assert ([] if message is None else [message]) == [one[: len("no ReferenceGrant")] for one in said]


def gateway(**allowed: Any) -> dict[str, Any]:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "gw", "namespace": "infra"},
        "spec": {
            "gatewayClassName": "a",
            "listeners": [{"name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": allowed}],
        },
    }


def expression(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"selector": {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}}


BY_NAME = "kubernetes.io/metadata.name"


@pytest.mark.parametrize(
    ("allowed", "labels", "is_refused"),
    [
        ({}, None, True),
        ({"from": "Same"}, None, True),
        ({"from": "All"}, None, False),
        ({"from": "None"}, None, True),
        ({"from": "Selector", "selector": {"matchLabels": {"team": "a"}}}, None, False),
        ({"from": "Selector", "selector": {"matchLabels": {"team": "a"}}}, {}, True),
        ({"from": "Selector", "selector": {"matchLabels": {"team": "a"}}}, {"team": "a"}, False),
        ({"from": "Selector", "selector": {"matchLabels": {"team": "a"}}}, {"team": "b"}, True),
        ({"from": "Selector", "selector": {"matchLabels": {BY_NAME: "web"}}}, None, False),
        ({"from": "Selector", "selector": {"matchLabels": {BY_NAME: "blog"}}}, None, True),
        ({"from": "Selector", **expression(BY_NAME, "In", "web", "blog")}, None, False),
        ({"from": "Selector", **expression(BY_NAME, "NotIn", "web")}, None, True),
        ({"from": "Selector", **expression("team", "NotIn", "a")}, {}, False),
        ({"from": "Selector", **expression("team", "Exists")}, {}, True),
        ({"from": "Selector", **expression("team", "Exists")}, {"team": "a"}, False),
        ({"from": "Selector", **expression("team", "DoesNotExist")}, {"team": "a"}, True),
        ({"from": "Selector", **expression("team", "DoesNotExist")}, {}, False),
    ],
)  # fmt: skip
def test_a_listener_takes_routes_by_their_namespace(
    allowed: dict[str, Any], labels: dict[str, str] | None, is_refused: bool
) -> None:
    document = route(parentRefs=[{"name": "gw", "namespace": "infra"}])
    document["metadata"]["namespace"] = "web"
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "web", "labels": labels}}
    objects = [document, gateway(namespaces=allowed), *([namespace] if labels is not None else [])]
    assert is_refused is ("listener-refuses-route" in {one.rule for _, one in lint.findings(objects)})


def test_one_listener_that_takes_the_route_is_enough() -> None:
    document = route(parentRefs=[{"name": "gw", "namespace": "infra"}])
    document["metadata"]["namespace"] = "web"
    both = gateway()
    both["spec"]["listeners"].append(
        gateway(namespaces={"from": "All"})["spec"]["listeners"][0] | {"name": "open"}
    )
    assert [] == lint.findings([document, both])
    document["spec"]["parentRefs"][0]["sectionName"] = "http"
    assert ["listener-refuses-route"] == [one.rule for _, one in lint.findings([document, both])]


def test_a_port_needs_its_protocol_and_a_probe_its_own_container() -> None:
    app = BY_ID["unknown-port-name"].passing[0]
    other = '        - {name: b, image: "b:1", readinessProbe: {tcpSocket: {port: http}}}\n'
    assert ["unknown-port-name"] == [name for name, _ in found(app + other)]
    udp = app.replace("{port: 80, targetPort: http}", "{port: 80, targetPort: http, protocol: UDP}")
    assert ["unknown-port-name"] == [name for name, _ in found(udp)]


def test_pods_of_kinds_without_a_schema_are_pods() -> None:
    app, lonely = BY_ID["service-without-pods"].passing[0], BY_ID["service-without-pods"].failing[0]
    rollout = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "other", "namespace": "web"},
               "spec": {"template": {"metadata": {"labels": {"app": "other"}}}}}  # fmt: skip
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "a", "namespace": "web", "labels": {"app": "other"}},
    }
    assert [] == lint.findings(list(yaml.safe_load_all(app)))
    for one in (rollout, pod):
        assert [] == lint.findings(list(yaml.safe_load_all(lonely)), [one])


def test_ten_thousand_objects_take_seconds() -> None:
    """Each name, label and reference is looked up, so that twice the objects take about twice the time."""
    app = list(yaml.safe_load_all(BY_ID["unknown-port-name"].passing[0]))
    objects = []
    for number in range(3333):
        text = json.dumps(app).replace('"shop"', f'"shop-{number}"')
        objects += json.loads(text)
    started = time.process_time()
    assert [] == [one for _, one in lint.findings(objects) if one.rule != "duplicate-match"]
    assert time.process_time() - started < 10


CLONE = "main-canary-testers-shop"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ((CLONE, CLONE), "`main-canary-testers-shop`"),
        ((CLONE, "main-canary-mirror-shop"), "`main-canary-mirror-shop`"),
        ((CLONE, "main-canary-testers-2-shop"), "`main-canary-testers-2-shop`"),
        ((f"name: {CLONE}\n      matches", "matches"), "rules[0], which has no name"),
        (("{path: {value: /}, headers", "{path: {value: /beta}, headers"), "`main-canary-testers-shop`"),
    ],
)
def test_a_clone_is_known_by_its_name_or_its_shape(change: tuple[str, str], said: str) -> None:
    (message,) = (text for _, text in found(BY_ID["policy-misses-clone"].failing[0].replace(*change)))
    assert f"its clone {said}: requests get past it" in message


@pytest.mark.parametrize(
    "change",
    [
        ("{path: {value: /}, headers", "{path: {value: /beta}, headers"),
        (', headers: [{name: x-canary, value: "true"}]', ""),
        ("[{name: shop-canary, port: 80}]", "[{name: beta, port: 80}]"),
    ],
)
def test_a_rule_of_its_own_is_no_clone(change: tuple[str, str]) -> None:
    text = BY_ID["policy-misses-clone"].failing[1]
    assert change[0] in text
    assert "policy-misses-clone" not in {name for name, _ in found(text.replace(*change))}


def test_a_clone_may_write_the_namespace_that_the_rule_leaves_out() -> None:
    text = BY_ID["policy-misses-clone"].failing[1]
    for name in ("shop", "login"):
        text = text.replace(f"metadata: {{name: {name}}}", f"metadata: {{name: {name}, namespace: web}}")
    text = text.replace("[{name: shop-canary, port", "[{name: shop-canary, namespace: web, port")
    assert text.count("namespace: web") == 3
    assert "policy-misses-clone" in {name for name, _ in found(text)}


@pytest.mark.parametrize(
    "spec", [None, 3, [1], {"targetRef": 3}, {"targetRefs": 3}, {"targetRefs": [3, {"kind": [1], "name": {}}]},
             {"targetSelectors": [3, {"kind": 3}]}, {"template": {"metadata": 3}}, {"template": {"metadata": {"labels": {1: [2]}}}}],
)  # fmt: skip
def test_objects_of_unknown_shape_break_nothing(spec: Any) -> None:
    odd = {"apiVersion": "example.com/v1", "kind": "Odd", "metadata": {"name": ["a"]}, "spec": spec}
    whole = list(yaml.safe_load_all(BY_ID["service-without-pods"].failing[0]))
    assert ["service-without-pods"] == [one.rule for _, one in lint.findings(whole, [odd, {"metadata": 3}])]


def test_a_grant_may_be_for_the_namespace_that_kubectl_decides() -> None:
    text = BY_ID["missing-certificate-grant"].passing[0].replace("{name: gw, namespace: infra}", "{name: gw}")
    assert [] == found(text)
    assert ["missing-certificate-grant"] == [
        name
        for name, _ in found(
            text.replace(
                "metadata: {name: certificates, namespace: web}",
                "metadata: {name: certificates, namespace: blog}",
            )
        )
    ]


def test_a_service_over_pods_of_another_kind_too_may_mean_their_ports() -> None:
    whole = list(yaml.safe_load_all(BY_ID["unknown-port-name"].failing[0]))
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "a", "namespace": "web", "labels": {"app": "shop"}},
    }
    assert ["unknown-port-name"] == [one.rule for _, one in lint.findings(whole)]
    assert [] == lint.findings(whole, [pod])


@pytest.mark.parametrize(("namespace", "is_meant"), [("web", True), ("blog", False)])
def test_a_policy_may_name_the_namespace_of_what_it_hangs_on(namespace: str, is_meant: bool) -> None:
    text = BY_ID["policy-misses-clone"].failing[0].replace("{name: shop}", "{name: shop, namespace: web}")
    policy = text.replace("name: shop, sectionName", f"namespace: {namespace}, name: shop, sectionName")
    assert is_meant is ("policy-misses-clone" in {name for name, _ in found(policy)})


def test_a_namespace_that_kubectl_decides_may_be_the_listeners() -> None:
    text = BY_ID["listener-refuses-route"].failing[0]
    assert [] == found(text.replace("{name: shop, namespace: web}", "{name: shop}"))


def test_a_kind_of_another_group_is_not_the_routes() -> None:
    text = BY_ID["listener-refuses-route"].failing[2]
    own = text.replace("{kind: GRPCRoute}", "{kind: GRPCRoute}, {kind: HTTPRoute}")
    assert [] == found(own)
    foreign = text.replace("{kind: GRPCRoute}", "{group: example.com, kind: HTTPRoute}")
    ((_, message),) = found(foreign)
    assert "takes other kinds only" in message


@pytest.mark.parametrize(
    ("governs", "name", "is_missed"),
    [
        ("main", "kubectl-canary-testers", True),
        ("main", "kubectl-canary-mirror-2", True),
        ("main", "kubectl-canary-of-others", False),
        ("other", "kubectl-canary-testers", False),
    ],
)
def test_a_clone_without_the_rules_name_is_of_the_rule_that_the_route_governs(
    governs: str, name: str, is_missed: bool
) -> None:
    text = (
        BY_ID["policy-misses-clone"]
        .failing[1]
        .replace("beta", name)
        .replace("{path: {value: /}, h", "{path: {value: /a}, h")
    )
    text = text.replace("{name: shop}", f"{{name: shop, annotations: {{kubectl-canary/governs: {governs}}}}}")
    assert is_missed is ("policy-misses-clone" in {name for name, _ in found(text)})


def test_a_rule_without_matches_has_clones_too() -> None:
    text = BY_ID["policy-misses-clone"].failing[1]
    bare = text.replace("      matches: [{path: {value: /}}]\n", "")
    assert bare != text
    assert ["policy-misses-clone"] == [name for name, _ in found(bare)]


def rules_of(text: str, *more: dict[str, Any]) -> list[str]:
    return [one.rule for _, one in lint.findings([*yaml.safe_load_all(text), *more])]


def service(name: str, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def test_a_service_without_a_selector_selects_no_pods() -> None:
    text = BY_ID["selector-catches-both"].passing[0]
    assert [] == rules_of(text, service("outside", ports=[{"port": 80}]))
    assert ["selector-catches-both"] == rules_of(
        text, service("all", selector={"app": "shop"}, ports=[{"port": 80}])
    )


@pytest.mark.parametrize(
    ("reference", "rules"),
    [({}, ["unknown-service"]), ({"group": "multicluster.x-k8s.io", "kind": "ServiceImport"}, [])],
)
def test_a_backend_of_another_kind_is_not_looked_for_among_services(
    reference: dict[str, str], rules: list[str]
) -> None:
    backend = {"name": "elsewhere", "port": 80, **reference}
    made = route(parentRefs=[{"name": "gw"}], rules=[{"backendRefs": [backend]}])
    assert rules == [one.rule for _, one in lint.findings([made, service("shop", ports=[{"port": 80}])])]


@pytest.mark.parametrize(("name", "is_granted"), [(None, True), ("shop", True), ("other", False)])
def test_a_grant_for_a_name_is_for_no_other(name: str | None, is_granted: bool) -> None:
    made = yaml.safe_load(BY_ID["missing-reference-grant"].failing[0])
    made["metadata"]["namespace"] = "web"
    who = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "web"}
    what = {"group": "", "kind": "Service", **({"name": name} if name else {})}
    grant = {
        "apiVersion": "gateway.networking.k8s.io/v1beta1",
        "kind": "ReferenceGrant",
        "metadata": {"name": "a", "namespace": "other"},
        "spec": {"from": [who], "to": [what]},
    }
    assert is_granted is ([] == lint.findings([made, grant]))


def test_a_hostname_may_be_that_of_a_gateway_that_is_not_here() -> None:
    text = BY_ID["hostname-not-served"].failing[0]
    assert ["hostname-not-served"] == rules_of(text)
    both = "parentRefs: [{name: gw}, {name: elsewhere}]"
    assert [] == rules_of(text.replace("parentRefs: [{name: gw}]", both))


def test_names_of_headers_are_one_in_any_case() -> None:
    for name, same in (("X-Canary", True), ("x-canary2", False)):
        matches = [{"headers": [HEADER]}, {"headers": [{**HEADER, "name": name}]}]
        document = route(parentRefs=[{"name": "gw"}], rules=[{"matches": [one]} for one in matches])
        assert same is ("duplicate-match" in {one.rule for _, one in lint.findings([document])})
