"""`export argo-rollouts`: a Rollout has the shares, testers and gates of the release, and what is lost is named."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from releases import a_file
from test_plan import GENERATOR, parsed

from kubectl_canary.commands import inputs
from kubectl_canary.integrations.exporters.argo_rollouts import ARGO_ROLLOUTS
from kubectl_canary.integrations.exporters.exported import Exported, Exporting, Object
from kubectl_canary.integrations.importers import argo_rollouts
from kubectl_canary.integrations.importers.imported import Imported, Wish
from kubectl_canary.reading.gates import name_of, prometheus
from kubectl_canary.reading.manifests import read
from kubectl_canary.reading.release import Release
from kubectl_canary.release.application import Side
from kubectl_canary.release.gates import Approval, Query, filled
from kubectl_canary.release.phases import percent
from kubectl_canary.release.plan import Phase, Plan, plan
from kubectl_canary.rendering.objects import planned
from kubectl_canary.reports import objects

CASES = Path(__file__).parent / "cases"
PLUGIN = "argoproj-labs/gatewayAPI"
ALWAYS = {"by-hand", "deployment", "guards", "promotion", "ways-back"}
OF_GATES = {"gate-late", "gate-no-answer"}
PROMETHEUS = {"url": "http://prometheus:9090", "gateway": "istio"}
ERRORS = {"name": "Errors!", "query": 'sum(rate(errors{service="{{ service }}"}[{{ window }}]))', "max": 0.01}
LATENCY = {"metric": "latency", "max": 0.5, "requests": 100}
RECREATE = {"deployment": {"strategy": {"type": "Recreate"}}}
AUTOSCALING = {"stable": {"tag": "v1"}, "autoscaling": {"minReplicas": 3, "maxReplicas": 9}}


def of_file(value: dict[str, Any]) -> Plan:
    file = parsed(value)
    return plan(file.application, file.phases)


def exporting(made: Plan, asked: Any = None, shared: Sequence[Any] = ()) -> Exporting:
    rendered = GENERATOR.render(planned(made.application, made.find("before")))
    names = tuple(name_of(gate) for gate in shared)
    return Exporting(made, tuple(known.value for known in rendered), asked, names)


def export(**spec: Any) -> Exported:
    value = a_file(**spec)
    value = {**value, "spec": {key: child for key, child in value["spec"].items() if child is not None}}
    asked, shared = prometheus(value["spec"].get("prometheus")), value["spec"].get("gates") or ()
    return ARGO_ROLLOUTS.exported(exporting(of_file(value), asked, shared))


def case(name: str) -> Exported:
    release: Release = inputs.load([str(CASES / name / "canary.yaml")])
    return ARGO_ROLLOUTS.exported(exporting(release.plan, release.prometheus))


def rules(made: Exported) -> set[str]:
    return {finding.rule.removeprefix("argo-rollouts-") for finding in made.losses} - ALWAYS


def one(made: Exported, kind: str, name: str = "") -> Object:
    return next(
        known for known in made.objects if known["kind"] == kind and name in ("", known["metadata"]["name"])
    )


def canary(made: Exported) -> Any:
    return one(made, "Rollout")["spec"]["strategy"]["canary"]


def back(made: Exported) -> Imported:
    """What `import` makes of the objects."""
    return argo_rollouts.imported(read("objects.yaml", objects.as_yaml(list(made.objects))), Wish())


# --- objects ----------------------------------------------------------------


def test_the_deployment_becomes_a_rollout_and_the_route_sends_to_both_services() -> None:
    update = {"maxSurge": 1, "maxUnavailable": 0}
    made = export(deployment={"strategy": {"rollingUpdate": update}, "minReadySeconds": 5}, drain="45s")
    assert [known["kind"] for known in made.objects] == ["Service", "Service", "Rollout", "HTTPRoute"]
    stable, other = (known for known in made.objects if known["kind"] == "Service")
    assert stable["spec"] == other["spec"] and other["metadata"]["name"] == "shop-canary"
    rollout = one(made, "Rollout")
    assert (rollout["metadata"]["name"], rollout["spec"]["minReadySeconds"]) == ("shop-stable", 5)
    assert canary(made) | {"steps": []} == {
        "stableService": "shop-stable",
        "canaryService": "shop-canary",
        **update,
        "scaleDownDelaySeconds": 45,
        "abortScaleDownDelaySeconds": 45,
        "trafficRouting": {
            "managedRoutes": [{"name": "testers"}],
            "plugins": {
                PLUGIN: {
                    "namespace": "web",
                    "httpRoutes": [{"name": "shop-canary-route", "useHeaderRoutes": True}],
                }
            },
        },
        "steps": [],
    }
    refs = one(made, "HTTPRoute")["spec"]["rules"][0]["backendRefs"]
    assert [(ref["name"], ref["weight"]) for ref in refs] == [("shop-stable", 100), ("shop-canary", 0)]


def test_a_scaler_scales_the_rollout() -> None:
    made = export(**AUTOSCALING)
    assert one(made, "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"] == {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "name": "shop-stable",
    }
    assert one(made, "Rollout")["spec"]["replicas"] == 3  # without it a Rollout begins with one pod


def test_other_backends_keep_their_part_of_a_rule() -> None:
    """Stable had 3 and the archive 1: beside 300 that is 100, in every phase."""
    made = case("adopt-routes")
    most = canary(made)["trafficRouting"]["maxTrafficWeight"]
    for route in made.objects:
        for rule in route["spec"].get("rules", ()) if route["kind"] == "HTTPRoute" else ():
            weights = {ref["name"]: ref.get("weight", 1) for ref in rule["backendRefs"]}
            if "shop-canary" in weights and len(weights) > 2:
                assert (weights["shop"], weights["shop-canary"]) == (most, 0)


def test_every_kind_of_route_is_led() -> None:
    assert {"grpcRoutes", "namespace"} < canary(case("adopt-calls"))["trafficRouting"]["plugins"][
        PLUGIN
    ].keys() | {""}
    streams = canary(case("adopt-streams"))["trafficRouting"]["plugins"][PLUGIN]
    assert {"tlsRoutes", "tcpRoutes"} & streams.keys() and "useHeaderRoutes" not in str(streams)


def test_what_lets_routes_send_to_stable_has_a_copy_for_the_canary() -> None:
    grant = one(case("adopt-namespaces"), "ReferenceGrant", "from-the-edge-canary")
    assert grant["spec"]["to"] == [{"group": "", "kind": "Service", "name": "shop-canary"}]
    assert one(case("adopt-imports"), "ServiceExport", "search-canary")


# --- steps ------------------------------------------------------------------


def test_phases_are_steps() -> None:
    made = export(
        phases=[
            {"name": "header-only", "pause": "5m", "replicas": 2},
            {"weight": "5%", "pause": "10m", "gates": [{"approval": True}]},
            {"weight": "50%", "replicas": 7},
        ]
    )
    header = {"headerName": "x-canary", "headerValue": {"exact": "true"}}
    assert canary(made)["steps"] == [
        {"setCanaryScale": {"replicas": 2}},
        {"setHeaderRoute": {"name": "testers", "match": [header]}},
        {"pause": {"duration": "5m"}},
        {"setCanaryScale": {"matchTrafficWeight": True}},
        {"setWeight": 5},
        {"pause": {"duration": "10m"}},
        {"pause": {}},
        {"setCanaryScale": {"replicas": 7}},
        {"setWeight": 50},
        {"setCanaryScale": {"matchTrafficWeight": True}},
        {"setWeight": 100},
    ]
    assert not rules(made)


def test_testers_reach_the_canary_from_the_first_share_where_no_phase_is_theirs_alone() -> None:
    steps = canary(export(phases=["5%"]))["steps"]
    assert [next(iter(step)) for step in steps] == ["setWeight", "setHeaderRoute", "setWeight"]


@pytest.mark.parametrize(
    ("testers", "name", "value"),
    [
        ({"header": "x-a", "value": "b"}, "x-a", {"exact": "b"}),
        ({"header": "x-a", "value": "b", "match": "Prefix"}, "x-a", {"prefix": "b"}),
        ({"header": "x-a", "value": "b.", "match": "Prefix"}, "x-a", {"regex": r"^b\..*$"}),
        ({"header": "x-a", "value": "b+", "match": "RegularExpression"}, "x-a", {"regex": "^(b+)$"}),
        ({"cookie": "a", "value": "b"}, "cookie", {"regex": r"^(.*;)?[ \t]*a=b[ \t]*(;.*)?$"}),
    ],
)
def test_testers_are_known_by_what_a_step_can_compare(
    testers: dict[str, str], name: str, value: dict[str, str]
) -> None:
    made = export(testers=testers)
    step = next(step["setHeaderRoute"] for step in canary(made)["steps"] if "setHeaderRoute" in step)
    assert step["match"] == [{"headerName": name, "headerValue": value}] and not rules(made)


def test_the_plugins_rules_have_a_name_that_no_rule_has() -> None:
    value = a_file()
    made = of_file(value)
    known = exporting(made)
    for document in known.objects:
        if document["kind"] == "HTTPRoute":
            document["spec"]["rules"].append({"name": "testers-2", "backendRefs": []})
    routing = canary(ARGO_ROLLOUTS.exported(known))["trafficRouting"]
    assert routing["managedRoutes"] == [{"name": "testers-of-canary"}]


@pytest.mark.parametrize("rules_of", [1, 16])
def test_testers_whom_the_plugin_cannot_add_are_named(rules_of: int) -> None:
    """A match that has the header already, and a route that is full."""
    known = exporting(of_file(a_file()))
    for document in known.objects:
        if document["kind"] == "HTTPRoute":
            listed = document["spec"]["rules"]
            header = {"name": "X-Canary", "value": "a"}
            listed[0]["matches"][0] |= {"headers": [header]} if rules_of == 1 else {}
            listed += [{"backendRefs": []}] * (rules_of - 1)
    made = ARGO_ROLLOUTS.exported(known)
    assert rules(made) == {"testers", "header-only"} and "managedRoutes" not in canary(made)["trafficRouting"]


@pytest.mark.parametrize("name", sorted(path.parent.name for path in CASES.glob("*/canary.yaml")))
def test_every_case_is_exported_or_refused_with_a_reason(name: str) -> None:
    if name in ("adopt-pools", "adopt-together"):
        return
    made = case(name)
    steps = [step["setWeight"] for step in canary(made)["steps"] if "setWeight" in step]
    assert steps == sorted(set(steps))
    taken = back(made)
    assert taken.phases[-1]["name"] == "100%"


# --- gates ------------------------------------------------------------------


def test_a_gate_is_a_template_that_each_of_its_phases_measures_by() -> None:
    made = export(
        prometheus={**PROMETHEUS, "insecure": True, "timeout": "20s"},
        gates=[ERRORS],
        phases=[{"weight": "5%", "pause": "1m"}],
    )
    template = one(made, "AnalysisTemplate")
    assert template["metadata"]["name"] == "shop-stable-errors"
    assert template["metadata"]["namespace"] == "web"
    assert template["spec"]["metrics"] == [
        {
            "name": "Errors!",
            "initialDelay": "1m15s",
            "interval": "30s",
            "count": 3,
            "failureLimit": 0,
            "inconclusiveLimit": 2,
            "successCondition": "result[0] <= 0.01",
            "failureCondition": "result[0] > 0.01",
            "provider": {
                "prometheus": {
                    "address": "http://prometheus:9090",
                    "query": 'sum(rate(errors{service="shop-canary"}[60s]))',
                    "timeout": 20,
                    "insecure": True,
                }
            },
        }
    ]
    step = {"analysis": {"templates": [{"templateName": "shop-stable-errors"}]}}
    assert canary(made)["steps"].count(step) == 2
    assert canary(made)["steps"].index(step) > canary(made)["steps"].index({"pause": {"duration": "1m"}})
    assert rules(made) == OF_GATES


def test_a_metric_with_too_few_requests_is_no_number() -> None:
    made = export(prometheus=PROMETHEUS, gates=[LATENCY])
    query = one(made, "AnalysisTemplate")["spec"]["metrics"][0]["provider"]["prometheus"]["query"]
    assert query.startswith("((histogram_quantile(") and ") or vector(NaN)) + 0 / (((sum(increase(" in query
    assert query.endswith(") or vector(0)) >= bool 100)")


def test_gates_of_one_name_have_templates_of_their_own() -> None:
    own = [{"weight": "5%", "gates": [ERRORS]}, {"weight": "50%", "gates": [{**ERRORS, "max": 0.1}]}]
    made = export(prometheus=PROMETHEUS, phases=own)
    names = [known["metadata"]["name"] for known in made.objects if known["kind"] == "AnalysisTemplate"]
    assert names == ["shop-stable-errors", "shop-stable-errors-2"]


# --- losses -----------------------------------------------------------------

BY_NAME = {"match": "Exact", "query": "canary", "value": "1"}
OF_A_SPEC: list[tuple[dict[str, Any], set[str]]] = [
    ({}, set()),
    ({"phases": ["mirror 20%", "5%"]}, {"mirror"}),
    ({"phases": [{"mirror": {"to": "recorder"}}, "5%"]}, {"mirror"}),
    ({"testers": BY_NAME}, {"testers", "header-only"}),
    ({"testers": BY_NAME, "phases": ["5%"]}, {"testers"}),
    ({"testers": False, "phases": ["5%"]}, set()),
    ({"gatewayAPI": {"version": "v1.1"}, "phases": ["5%"]}, {"testers"}),
    (
        {"route": {"gateway": {"name": "gw"}, "timeouts": {"request": "10s"}}, "phases": ["5%"]},
        {"testers-rule"},
    ),
    ({"phases": [{"name": "a few", "weight": "5%"}]}, {"phase-name"}),
    ({"phases": ["0.5%"]}, {"share"}),
    ({"gitops": {"engine": "argocd"}}, {"gitops"}),
    ({"gitops": {"engine": "flux"}}, {"gitops"}),
    (RECREATE, {"strategy"}),
    (AUTOSCALING, {"scaler", "replicas"}),
    ({"canary": {"tag": "v2", "container": {"port": 9090}}}, {"port"}),
    ({"gates": [{"webhook": "https://ci.example.com/"}]}, {"gate-kind"}),
    ({"gates": [{"command": ["./smoke.sh"]}]}, {"gate-kind"}),
    ({"gates": [{"approval": True}]}, set()),
    ({"gates": [ERRORS]}, {"gate-prometheus"}),
    ({"gates": [ERRORS], "prometheus": {**PROMETHEUS, "tokenFile": "token"}}, {"gate-prometheus", *OF_GATES}),
    (
        {"gates": [{"query": 'up{d="{{ deployment }}"}', "min": 1}], "prometheus": PROMETHEUS},
        {"gate-deployment"},
    ),
    ({"gates": [{**LATENCY, "max": None, "maxRatio": 1.2}], "prometheus": PROMETHEUS}, {"gate-ratio"}),
    ({"gates": [{**LATENCY, "maxRatio": 1.2}], "prometheus": PROMETHEUS}, {"gate-ratio", *OF_GATES}),
    (
        {"gates": [{**ERRORS, "measurements": 5, "passes": 3}], "prometheus": PROMETHEUS},
        {"gate-passes", *OF_GATES},
    ),
]
OF_A_CASE = [
    ("adopt-apart", "separate-route"),
    ("adopt-helm", "config-maps"),
    ("adopt-namespaces", "route"),
    ("adopt-imports", "testers"),
    ("minimal", "namespace"),
]


def clean(spec: dict[str, Any]) -> dict[str, Any]:
    gates = [
        {key: child for key, child in gate.items() if child is not None} for gate in spec.get("gates", ())
    ]
    return {**spec, **({"gates": gates} if gates else {})}


@pytest.mark.parametrize(("spec", "expected"), OF_A_SPEC)
def test_what_a_rollout_cannot_say_is_named(spec: dict[str, Any], expected: set[str]) -> None:
    assert rules(export(**clean(spec))) == expected


@pytest.mark.parametrize(("name", "rule"), OF_A_CASE)
def test_what_the_users_manifests_lose_is_named(name: str, rule: str) -> None:
    assert rule in rules(case(name))


def with_weights(stable: int, other: int) -> Exported:
    known = exporting(of_file(a_file(phases=["0.01%"])))
    for document in known.objects:
        if document["kind"] == "HTTPRoute":
            refs = document["spec"]["rules"][0]["backendRefs"]
            refs[0]["weight"] = stable
            refs.append({"name": "legacy", "port": 80, "weight": other})
    return ARGO_ROLLOUTS.exported(known)


@pytest.mark.parametrize(("stable", "other", "lost"), [(3, 1, False), (0, 1, True), (999_983, 7, True)])
def test_weights_that_keep_no_proportion_are_named(stable: int, other: int, lost: bool) -> None:
    made = with_weights(stable, other)
    assert ("backends" in rules(made)) == lost
    refs = one(made, "HTTPRoute")["spec"]["rules"][0]["backendRefs"]
    assert all(0 <= ref["weight"] <= 1_000_000 for ref in refs)


def test_every_limit_is_reported_by_some_release_and_every_report_is_a_limit() -> None:
    reported = set(ALWAYS) | {"backends"}
    for spec, _ in OF_A_SPEC:
        reported |= rules(export(**clean(spec)))
    for name, _ in OF_A_CASE:
        reported |= rules(case(name))
    assert reported == ARGO_ROLLOUTS.limits.keys()


def test_a_loss_stands_where_the_file_says_what_is_lost() -> None:
    """A gate for all at its own place, one of a phase at the phase's, whose name the message has."""
    own = {"weight": "5%", "gates": [{"command": ["./smoke.sh"]}]}
    made = export(
        gates=[{"approval": True}, {"webhook": "https://ci.example.com/"}], phases=["mirror 20%", own]
    )
    told = [(finding.path, finding.message) for finding in made.losses if "gate" in finding.rule]
    assert {path for path, _ in told} == {("spec", "gates", 1), ("spec", "phases", 1, "gates", 0)}
    assert all(message.startswith(("5%: ", "100%: ")) for _, message in told)


def test_a_loss_of_every_release_is_told_once() -> None:
    told = [finding.rule.removeprefix("argo-rollouts-") for finding in export().losses]
    assert sorted(told) == sorted(ALWAYS)


# --- and back ---------------------------------------------------------------

WORD = st.from_regex(r"[a-z][a-z0-9.+-]{0,9}", fullmatch=True)
TESTERS = st.one_of(
    st.just(False),
    st.builds(lambda name, value: {"header": f"x-{name}", "value": value}, WORD.map(len), WORD),
    st.builds(lambda value: {"header": "x-a", "match": "Prefix", "value": value}, WORD),
    st.sampled_from(["v[0-9]", "^v.*$", "a.b"]).map(
        lambda value: {"header": "x-a", "match": "RegularExpression", "value": value}
    ),
    st.builds(lambda value: {"cookie": "canary", "value": value}, WORD),
)
PAUSES = st.sampled_from(["0s", "45s", "90s", "10m", "1h30m"])
NUMBERS = st.floats(-1e9, 1e9, allow_nan=False) | st.integers(-5, 1000)


@st.composite
def gates(draw: st.DrawFn) -> dict[str, Any]:
    """A gate that asks Prometheus, or somebody; its limits leave as many as have to pass."""
    if draw(st.integers(0, 3)) == 0:
        return {"approval": True}
    low, high = sorted([draw(NUMBERS), draw(NUMBERS)])
    bounds = {"min": low, "max": high}
    for key in draw(st.sampled_from([(), ("min",), ("max",)])):
        del bounds[key]
    failures, passes = draw(st.integers(0, 3)), draw(st.integers(1, 3))
    inconclusives = draw(st.integers(0, 3))
    return {
        "query": draw(st.sampled_from(['e{s="{{ service }}"}', "sum(up)", 'q{n="{{ namespace }}"} / 2'])),
        **bounds,
        "interval": draw(st.sampled_from(["10s", "1m", "90s"])),
        "measurements": failures + passes + inconclusives,
        "passes": passes,
        "failureLimit": failures,
        "inconclusiveLimit": inconclusives,
    }


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    testers = draw(TESTERS)
    shares = sorted(draw(st.sets(st.integers(1, 10_000), min_size=1, max_size=5)))
    phases: list[Any] = [{"weight": percent(Fraction(share, 10_000))} for share in shares]
    if testers and draw(st.booleans()):
        phases.insert(0, {"name": "header-only"})
    for phase in phases:
        phase |= {"pause": draw(PAUSES)} | draw(
            st.fixed_dictionaries(
                {}, optional={"replicas": st.integers(1, 20), "gates": st.just([draw(gates())])}
            )
        )
    return {
        "testers": testers,
        "phases": phases,
        "prometheus": {"url": "http://prometheus:9090"},
        "stable": {"tag": "v1", "replicas": draw(st.integers(1, 30))},
    }


def seen(made: Plan, phase: Phase) -> list[Any]:
    """What a phase does, with gates as they ask."""
    asked: list[Any] = []
    for gate in phase.gates:
        question = gate.question
        if isinstance(question, Query):
            text = filled(question.text, question, made.application, Side.CANARY, "web")
            asked.append((text, question.bounds, gate.rhythm))
        assert isinstance(question, Query | Approval)
    approvals = sum(isinstance(gate.question, Approval) for gate in phase.gates)
    return [phase.name, phase.traffic.share, phase.traffic.testers, phase.pause, asked, approvals]


@settings(deadline=None)
@given(specs())
def test_import_has_what_was_exported(spec: dict[str, Any]) -> None:
    value = a_file(**spec)
    before = of_file(value)
    made = ARGO_ROLLOUTS.exported(exporting(before, prometheus(spec["prometheus"])))
    assert rules(made) <= OF_GATES | {"share"}
    taken = back(made)
    again = a_file(
        **{
            **spec,
            "phases": list(taken.phases),
            "testers": taken.testers,
            "gates": list(taken.gates),
            "prometheus": taken.prometheus or spec["prometheus"],
        }
    )
    after = of_file(again)
    known, found = before.application.testers, after.application.testers
    assert (known and known.condition) == (found and found.condition)
    phases = Exporting(before, (), None).phases
    assert [seen(before, phase) for phase in phases] == [
        seen(after, phase) for phase in Exporting(after, (), None).phases
    ]
    assert taken.service == "shop-stable" and taken.deployments == ("shop-stable",)


@settings(deadline=None)
@given(specs())
def test_the_first_weights_are_the_shares_of_the_phases(spec: dict[str, Any]) -> None:
    before = of_file(a_file(**spec))
    made = ARGO_ROLLOUTS.exported(exporting(before, prometheus(spec["prometheus"])))
    most = canary(made)["trafficRouting"].get("maxTrafficWeight", 100)
    shares = [Fraction(step["setWeight"], most) for step in canary(made)["steps"] if "setWeight" in step]
    assert shares == [
        phase.traffic.share for phase in Exporting(before, (), None).phases if phase.traffic.share
    ]
    refs = one(made, "HTTPRoute")["spec"]["rules"][0]["backendRefs"]
    assert [ref["weight"] for ref in refs] == [most, 0]
