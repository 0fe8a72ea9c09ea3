"""`export kruise`: phases become the steps of a Rollout that the importer reads as the same phases, or a loss is named."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT, Result, run_here
from hypothesis import given, settings
from hypothesis import strategies as st
from releases import a_file, a_release, route_of
from test_import import workload
from test_import_kruise import a_route
from test_plan import GENERATOR, planned

from kubectl_canary.errors import UsageError
from kubectl_canary.integrations.exporters import kruise
from kubectl_canary.integrations.exporters.exported import Exported, Exporting
from kubectl_canary.integrations.importers import kruise as importer
from kubectl_canary.integrations.importers.imported import Imported, Wish
from kubectl_canary.reading.gates import name_of
from kubectl_canary.reading.manifests import read
from kubectl_canary.records import replace
from kubectl_canary.release.phases import percent
from kubectl_canary.release.plan import Phase, Plan
from kubectl_canary.rendering import objects
from kubectl_canary.routing.requests import Request
from kubectl_canary.routing.simulation import simulate

Canary = Callable[..., Result]
Objects = list[dict[str, Any]]
ALWAYS = {"by-hand", "promotion", "ways-back", "guards"}
# losses after which the phases that come back may be others
OF_PHASES = {"approval", "scaler", "gate", "mirror", "phase-name", "pause", "pods", "share", "testers"}
APPROVAL = [{"approval": True}]
CPU = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}
BUSY = {"minReplicas": 2, "maxReplicas": 9, "metrics": [{"type": "Resource", "resource": CPU}]}
BY_HPA = {"autoscaling": BUSY, "stable": {"tag": "v1"}}
BY_OTHERS = {"stable": {"tag": "v1", "replicas": "external"}, "canary": {"tag": "v2", "replicas": 4}}


def exported_of(plan: Plan, shared: Sequence[Any] = (), phase: str = "before") -> Exported:
    rendered = GENERATOR.render(objects.planned(plan.application, plan.find(phase)))
    names = tuple(name_of(gate) for gate in shared)
    return kruise.exported(Exporting(plan, tuple(known.value for known in rendered), None, names))


def rules(done: Exported) -> set[str]:
    found = {finding.rule.removeprefix("kruise-") for finding in done.losses}
    assert found <= set(kruise.LIMITS)
    return found


def lost(done: Exported) -> set[str]:
    return rules(done) - ALWAYS


def of(done: Exported, kind: str) -> Any:
    return next(known for known in done.objects if known["kind"] == kind)


def steps(done: Exported) -> Any:
    return of(done, "Rollout")["spec"]["strategy"]["canary"]["steps"]


def imported(done: Exported) -> Imported:
    text = yaml.safe_dump_all(copy.deepcopy(list(done.objects)), sort_keys=False)
    return importer.imported(read("k8s.yaml", text), Wish())


# --- what becomes what ------------------------------------------------------


def test_phases_become_steps_with_pods_pauses_and_a_person() -> None:
    phases = ["header-only", {"weight": "5%", "pause": "90s"}, {"weight": "50%", "gates": APPROVAL}]
    done = exported_of(a_release(phases=phases))
    headers = [{"type": "Exact", "name": "x-canary", "value": "true"}]
    assert [
        {"matches": [{"headers": headers}], "replicas": 1, "pause": {"duration": 0}},
        {"traffic": "5%", "replicas": 1, "pause": {"duration": 90}},
        {"traffic": "50%", "replicas": 5, "pause": {}},
        {"traffic": "100%", "replicas": 10, "pause": {"duration": 0}},
    ] == steps(done)
    assert set() == lost(done)


def test_the_rollout_is_beside_the_users_objects_and_before_the_deployment() -> None:
    plan = a_release(drain="45s")
    done = exported_of(plan)
    rendered = GENERATOR.render(objects.planned(plan.application, plan.find("before")))
    beside = [known.value for known in rendered]
    beside[-1]["spec"]["rules"][0].pop("name")  # Kruise doubles the rule for testers, and names are unique
    assert beside == [known for known in done.objects if known["kind"] != "Rollout"]
    kinds = [known["kind"] for known in done.objects]
    assert kinds.index("Rollout") + 1 == kinds.index("Deployment")
    rollout, deployment = of(done, "Rollout"), of(done, "Deployment")
    assert deployment["metadata"] == rollout["metadata"]
    assert {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop-stable"} == rollout["spec"][
        "workloadRef"
    ]
    canary = rollout["spec"]["strategy"]["canary"]
    assert canary["enableExtraWorkloadForCanary"] is True
    gateway = {"httpRouteName": "shop-canary-route"}
    routing = {"service": "shop-stable", "gracePeriodSeconds": 45, "gateway": gateway}
    assert [routing] == canary["trafficRoutings"]


def test_with_the_canarys_version_only_that_is_another() -> None:
    plan = a_release()
    before, after = (exported_of(plan, (), phase) for phase in ("before", "promoted"))
    images = [of(done, "Deployment")["spec"]["template"]["spec"]["containers"][0] for done in (before, after)]
    assert ["registry.example.com/shop:v1", "registry.example.com/shop:v2"] == [
        one["image"] for one in images
    ]
    assert of(before, "Rollout") == of(after, "Rollout")


def test_all_pods_of_a_scaler_are_a_number_where_the_last_step_pauses() -> None:
    still, paused = (
        exported_of(a_release(**BY_HPA, phases=["header-only", "25%", last]))
        for last in ("100%", {"weight": "100%", "pause": "5m"})
    )
    assert ["1%", "25%", "100%"] == [step["replicas"] for step in steps(still)]
    assert ["1%", "25%", 9] == [step["replicas"] for step in steps(paused)]
    assert {"scaler"} == lost(still) == lost(paused)
    assert "5m" == imported(paused).phases[-1]["pause"]


def test_pods_follow_the_shares_of_steps_alone() -> None:
    done = exported_of(a_release(phases=["mirror 100%", "header-only", "10%", "100%"]))
    assert [1, 1, 10] == [step["replicas"] for step in steps(done)]
    assert {"mirror"} == lost(done)


# --- losses -----------------------------------------------------------------

QUERY = {"query": "sum(up)", "min": 1}
PROMETHEUS = {"url": "http://prometheus:9090"}


OF_STEPS: list[tuple[Any, str, Any]] = [
        ({"phases": ["mirror 20%", "header-only", "5%"]}, "mirror", ("spec", "phases", 0)),
        ({"phases": ["header-only", "0.5%"]}, "share", ("spec", "phases", 1)),
        ({"phases": ["header-only", "12.5%"]}, "share", ("spec", "phases", 1)),
        ({"phases": ["header-only", {"name": "few", "weight": "5%"}]}, "phase-name", ("spec", "phases", 1)),
        ({"phases": ["5%"]}, "testers", ("spec", "testers")),
        ({"testers": {"cookie": "canary", "value": "beta"}}, "cookie", ("spec", "testers")),
        ({"gates": [QUERY], "prometheus": PROMETHEUS}, "gate", ("spec", "gates", 0)),
        ({"gates": [{"command": ["./smoke.sh"]}]}, "gate", ("spec", "gates", 0)),
        ({"phases": ["header-only", {"weight": "5%", "gates": [{"webhook": "http://ci"}]}]}, "gate", ("spec", "phases", 1, "gates", 0)),
        ({"gates": [{"approval": True, "name": "QA"}]}, "approval", ("spec", "gates", 0)),
        ({"phases": ["header-only", {"weight": "5%", "pause": "1m", "gates": APPROVAL}]}, "pause", ("spec", "phases", 1)),
        ({"phases": ["header-only", {"weight": "5%", "replicas": 7}]}, "pods", ("spec", "phases", 1)),
        ({"phases": ["header-only", "5%", {"weight": "50%", "replicas": 30}]}, "pods", ("spec", "phases", 2)),
        (BY_HPA, "scaler", ("spec", "autoscaling")),
        (BY_OTHERS, "scaler", ("spec", "stable", "replicas")),
        ({"disruptionBudget": {"minAvailable": 1}}, "disruption-budget", ("spec", "disruptionBudget")),
        ({"canary": {"tag": "v2", "container": {"port": 9090}}}, "port", ("spec", "canary", "container")),
    ({"drain": "0s"}, "drain", ("spec", "drain")),
        ({"gitops": {"engine": "argocd"}}, "gitops", ("spec", "gitops")),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "rule", "path"), OF_STEPS)
def test_what_steps_cannot_do_is_named_at_its_place(spec: Any, rule: str, path: Any) -> None:
    done = exported_of(a_release(**spec), spec.get("gates", ()))
    assert {rule} == lost(done)
    assert path in [finding.path for finding in done.losses if finding.rule == f"kruise-{rule}"]
    assert rules(done) >= ALWAYS
    if path[:2] == ("spec", "phases"):
        phase = [one for one in planned(a_file(**spec)).phases if one.name not in ("before", "deploy")][
            path[2]
        ]
        assert any(phase.name in finding.message for finding in done.losses if finding.path == path)


def test_a_gate_of_all_phases_is_lost_once_and_an_approval_is_none() -> None:
    gates = [{"approval": True}, {"command": ["./smoke.sh"]}]
    done = exported_of(a_release(gates=gates), gates)
    assert [("spec", "gates", 1)] == [known.path for known in done.losses if known.rule == "kruise-gate"]
    assert all(step["pause"] == {} for step in steps(done))


def test_a_pause_of_the_last_step_is_lost_where_nobody_knows_how_many_pods_all_are() -> None:
    done = exported_of(a_release(**BY_OTHERS, phases=["header-only", {"weight": "100%", "pause": "5m"}]))
    assert {"scaler", "pause"} == lost(done)


ADOPTED: dict[str, Any] = {
    "apiVersion": "kubectl-canary/v1alpha1",
    "kind": "Canary",
    "metadata": {"name": "shop", "namespace": "store"},
    "spec": {
        "adopt": {"from": "k8s.yaml", "deployment": "shop"},
        "canary": {"images": {"shop": "registry.example.com/shop:v2"}},
        "phases": ["header-only", "50%", "100%"],
    },
}
TO_SHOP = {"backendRefs": [{"name": "shop", "port": 80}]}
REDIRECT = {
    "matches": [{"path": {"type": "PathPrefix", "value": "/old"}}],
    "filters": [{"type": "RequestRedirect", "requestRedirect": {"path": {"type": "ReplaceFullPath", "replaceFullPath": "/"}}}],
}  # fmt: skip
THIRD = {"backendRefs": [{"name": "shop", "port": 80}, {"name": "legacy", "port": 80}]}
CORS = {**TO_SHOP, "filters": [{"type": "CORS", "cors": {"allowOrigins": ["https://example.com"]}}]}
OTHER = {"matches": [{"path": {"type": "PathPrefix", "value": "/b"}}], **TO_SHOP}


def at_path(path: str) -> dict[str, Any]:
    return {"matches": [{"path": {"type": "PathPrefix", "value": path}}], **TO_SHOP}


def told(tmp_path: Path, values: Objects, **spec: Any) -> tuple[Result, set[str]]:
    (tmp_path / "k8s.yaml").write_text(yaml.safe_dump_all(copy.deepcopy(values)))
    value = {**ADOPTED, "spec": {**ADOPTED["spec"], **spec}}
    (tmp_path / "canary.yaml").write_text(yaml.safe_dump(value))
    done = run_here("export", "kruise", "-f", tmp_path / "canary.yaml", "-o", "losses")
    found = {one["rule"].removeprefix("kruise-") for one in json.loads(done.out)} if done.code == 0 else set()
    return done, found - ALWAYS


OF_ROUTES: list[tuple[Objects, Any, str | None]] = [
    ([a_route(TO_SHOP)], {}, None),
    ([a_route(TO_SHOP, REDIRECT)], {}, "redirect"),
    ([a_route(THIRD)], {}, "backends"),
    ([a_route(CORS)], {}, "newer-fields"),
    ([a_route(TO_SHOP), a_route(TO_SHOP, name="partners")], {}, "route"),
    ([a_route(TO_SHOP, OTHER)], {"routes": [{"name": "shop", "rules": [1]}]}, "rules"),
    ([a_route(*(at_path(f"/{number}") for number in range(9)))], {}, "testers"),
    ([a_route({"name": "shop", **TO_SHOP})], {}, "rule-names"),
    ([a_route(TO_SHOP)], {"separateRoute": True}, "separate-route"),
]


@pytest.mark.parametrize(("routes", "adopt", "rule"), OF_ROUTES)
def test_what_kruise_does_to_the_users_route_is_named(
    tmp_path: Path, routes: Objects, adopt: Any, rule: str | None
) -> None:
    values = [*workload("shop", "v1"), *routes]
    done, found = told(tmp_path, values, adopt={**ADOPTED["spec"]["adopt"], **adopt})
    assert 0 == done.code, done.err
    assert ({rule} if rule else set()) == found


def test_a_config_map_of_each_version_is_lost(tmp_path: Path) -> None:
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "shop-config", "namespace": "store"},
        "data": {"a": "b"},
    }
    values = [*workload("shop", "v1"), a_route(TO_SHOP), config]
    values[0]["spec"]["template"]["spec"]["volumes"] = [{"name": "c", "configMap": {"name": "shop-config"}}]
    (tmp_path / "old.yaml").write_text(yaml.safe_dump_all(copy.deepcopy(values)))
    values[-1] = {**config, "data": {"a": "c"}}
    adopt = {**ADOPTED["spec"]["adopt"], "stable": "old.yaml", "perTrack": ["shop-config"]}
    done, found = told(tmp_path, values, adopt=adopt)
    assert 0 == done.code, done.err
    assert {"config-maps"} == found


def test_hundredths_are_what_is_next_to_them_and_never_none_or_all() -> None:
    done = exported_of(a_release(phases=["header-only", "0.01%", "12.5%", "99.99%"]))
    assert ["1%", "12%", "99%", "100%"] == [step["traffic"] for step in steps(done)[1:]]


def changed(change: Callable[[dict[str, Any]], None], plan: Plan) -> Exported:
    """The export of a release whose route a user has changed."""
    rendered = GENERATOR.render(objects.planned(plan.application, plan.find("before")))
    values = [copy.deepcopy(known.value) for known in rendered]
    change(next(known for known in values if known["kind"] == "HTTPRoute"))
    return kruise.exported(Exporting(plan, tuple(values), None))


def test_testers_have_no_step_where_the_api_server_would_refuse_their_rules() -> None:
    header = {"type": "Exact", "name": "X-Canary", "value": "a"}
    many = [{"path": {"type": "Exact", "value": f"/{number}"}} for number in range(65)]
    for matches in ([{"headers": [header]}], many):
        done = changed(lambda route, it=matches: route["spec"]["rules"][0].update(matches=it), a_release())
        assert {"testers"} == lost(done)
        assert not any("matches" in step for step in steps(done))


# --- refusals ---------------------------------------------------------------


def test_a_service_of_the_canarys_name_is_refused() -> None:
    other = copy.deepcopy(workload("api", "v1")[1])
    plan = a_release()
    rendered = [
        known.value for known in GENERATOR.render(objects.planned(plan.application, plan.find("before")))
    ]
    other["metadata"] |= {"name": "shop-stable-canary", "namespace": plan.application.namespace}
    with pytest.raises(UsageError, match="shop-stable-canary is there"):
        kruise.exported(Exporting(plan, (*rendered, other), None))


def test_too_many_phases_are_refused() -> None:
    with pytest.raises(UsageError, match="at most 50"):
        exported_of(a_release(phases=["header-only", *(f"{share}%" for share in range(1, 60))]))


def test_a_route_of_another_namespace_is_refused() -> None:
    plan = a_release()
    rendered = GENERATOR.render(objects.planned(plan.application, plan.find("before")))
    values = [copy.deepcopy(known.value) for known in rendered]
    next(known for known in values if known["kind"] == "HTTPRoute")["metadata"]["namespace"] = "edge"
    governed = tuple(replace(known, namespace="edge") for known in plan.application.governed)
    elsewhere = replace(plan, application=replace(plan.application, governed=governed))
    with pytest.raises(UsageError, match="namespace"):
        kruise.exported(Exporting(elsewhere, tuple(values), None))


REFUSED = {
    "adopt-pools": "InferencePool",
    "adopt-streams": "TCPRoute",
    "adopt-together": "released together",
}


@pytest.mark.parametrize("case", sorted(path.parent.name for path in ROOT.glob("tests/cases/*/canary.yaml")))
def test_every_case_is_exported_or_refused_with_a_reason(
    canary: Canary, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    monkeypatch.chdir(ROOT / "tests/cases" / case)
    done = canary("export", "kruise", "-o", "losses")
    if case in REFUSED:
        assert 2 == done.code
        assert REFUSED[case] in done.err
        return
    assert 0 == done.code, done.err
    found = {one["rule"].removeprefix("kruise-") for one in json.loads(done.out)}
    assert set(kruise.LIMITS) >= found >= ALWAYS
    printed = canary("export", "kruise").out
    assert 1 == printed.count("kind: Rollout")
    assert canary("export", "kruise", "--canary").out.count("kind: Rollout") <= 1


# --- properties -------------------------------------------------------------


@st.composite
def drawn_phases(draw: st.DrawFn) -> list[Any]:
    shares = draw(st.sets(st.integers(1, 100), min_size=1, max_size=5))
    hundredths = draw(
        st.sets(st.sampled_from(["0.01%", "0.5%", "99.99%"]), max_size=1 if draw(st.booleans()) else 0)
    )
    weights = sorted({Fraction(share) for share in shares} | {Fraction(text[:-1]) for text in hundredths})
    more = st.fixed_dictionaries(
        {},
        optional={
            "pause": st.sampled_from(["0s", "45s", "5m", "2h"]),
            "gates": st.just(APPROVAL),
            "replicas": st.integers(1, 12),
        },
    )
    plain = st.fixed_dictionaries({}, optional={"pause": st.sampled_from(["45s", "5m"])})
    of_phase = draw(st.sampled_from([more, plain]))
    first = [f"mirror {draw(st.integers(1, 100))}%"] if draw(st.integers(0, 4)) == 0 else []
    testing = [{"name": "header-only", **draw(of_phase)}] if draw(st.integers(0, 4)) else []
    return [*first, *testing, *({"weight": percent(share / 100), **draw(of_phase)} for share in weights)]


TESTERS = st.one_of(
    st.fixed_dictionaries({"header": st.just("x-tester"), "value": st.sampled_from(["a", "b c"])}),
    st.fixed_dictionaries({"query": st.just("canary"), "value": st.just("beta")}),
    st.fixed_dictionaries({"cookie": st.just("canary"), "value": st.just("beta")}),
    st.fixed_dictionaries(
        {"header": st.just("user-agent"), "match": st.just("RegularExpression"), "value": st.just(".*pc.*")}
    ),
)
RELEASES = st.fixed_dictionaries(
    {
        "phases": drawn_phases(),
        "testers": TESTERS,
        "stable": st.integers(1, 12).map(lambda number: {"tag": "v1", "replicas": number}),
    },
    optional={
        "gates": st.just(APPROVAL),
        "canary": st.integers(1, 4).map(lambda number: {"tag": "v2", "replicas": number}),
    },
).map(lambda spec: spec if "gates" not in spec else {**spec, "phases": without_gates(spec["phases"])})


def without_gates(phases: list[Any]) -> list[Any]:
    """Phases without gates of their own: of one name there is one."""
    return [
        {key: value for key, value in one.items() if key != "gates"} if isinstance(one, dict) else one
        for one in phases
    ]


def said(phase: Phase) -> tuple[Any, ...]:
    waits = any(gate.is_approval for gate in phase.gates)
    return phase.name, phase.traffic.share, phase.pause, waits, phase.canary_replicas


def middle(plan: Plan) -> list[Phase]:
    return list(plan.phases[2:-3])


@settings(max_examples=150, deadline=None)
@given(RELEASES)
def test_what_is_imported_again_is_the_release_where_nothing_is_lost(spec: dict[str, Any]) -> None:
    plan = a_release(**spec)
    done = exported_of(plan)
    taken = imported(done)
    numbers = [step["replicas"] for step in steps(done)]
    assert numbers == sorted(numbers)  # Kruise's webhook refuses others
    assert all(0 < number <= spec["stable"]["replicas"] for number in numbers)
    if lost(done) & OF_PHASES:
        return
    again = a_release(**{**spec, "gates": [], "phases": list(taken.phases), "testers": taken.testers})
    assert [said(phase) for phase in middle(plan)] == [said(phase) for phase in middle(again)]
    ours, theirs = plan.application.testers, again.application.testers
    assert ours is not None and theirs is not None
    assert ours.condition == theirs.condition


def kruises_route(route: dict[str, Any], made: Objects) -> dict[str, Any]:
    """The route after some steps, as buildDesiredHTTPRoute in gateway.go makes it; matches have their default."""
    shaped = copy.deepcopy(route)
    for step in made:
        found: Objects = shaped["spec"]["rules"]
        if "matches" in step:
            clones = copy.deepcopy(found)
            for clone in clones:
                clone["backendRefs"][0]["name"] = "shop-stable-canary"
                clone["backendRefs"] = clone["backendRefs"][:1]
                for match in clone["matches"]:
                    for key, conditions in step["matches"][0].items():
                        match[key] = [*match.get(key, ()), *conditions]
            shaped["spec"]["rules"] = [*found, *clones]
            continue
        for rule in found:
            if rule["backendRefs"][0]["name"] == "shop-stable":
                weight = int(step["traffic"][:-1])
                ref = rule["backendRefs"][0]
                canary = {**ref, "name": "shop-stable-canary", "weight": weight}
                rule["backendRefs"] = [{**ref, "weight": 100 - weight}, canary]
    return shaped


def shares_of(route: dict[str, Any], request: Request) -> dict[bool, Fraction]:
    """How much of a request's kind each side gets."""
    gets = {True: Fraction(0), False: Fraction(0)}
    for share in simulate([route], request).shares:
        gets[share.backend.name.endswith("-canary")] += share.share
    return gets


@settings(max_examples=60, deadline=None)
@given(RELEASES)
def test_each_step_sends_each_request_where_our_phase_sends_it(spec: dict[str, Any]) -> None:
    plan = a_release(**spec)
    done = exported_of(plan)
    if lost(done) & {"mirror", "share", "testers"}:
        return
    requests = [
        Request(),
        Request(query="canary=beta"),
        *(
            Request(headers=(header,))
            for header in (
                ("x-tester", spec["testers"]["value"]),
                ("cookie", "a=b; canary=beta"),
                ("user-agent", "a pc"),
            )
        ),
    ]
    for number, phase in enumerate(middle(plan), start=1):
        theirs = kruises_route(of(done, "HTTPRoute"), steps(done)[:number])
        ours = route_of(plan, phase.name)
        names = [rule["name"] for rule in theirs["spec"]["rules"] if "name" in rule]
        assert len(names) == len(set(names))
        assert [shares_of(ours, one) for one in requests] == [shares_of(theirs, one) for one in requests]


def test_every_limit_is_reported_by_some_test() -> None:
    reported = {rule for _, rule, _ in OF_STEPS} | {rule for _, _, rule in OF_ROUTES if rule}
    assert reported | ALWAYS | {"config-maps"} == set(kruise.LIMITS)
    sources = [path.read_text() for path in Path(kruise.__file__).parent.glob("kruise*.py")]
    named = {part.split('"')[0] for source in sources for part in source.split('f"{NAME}-')[1:]}
    assert set(kruise.LIMITS) == named
