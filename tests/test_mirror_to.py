"""Copies for another Service than the canary's: it gets them, the canary nothing, and every way takes them away again."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from conftest import Result
from releases import a_release
from test_adoption import CASES, changed, documents_of, every_phase, release_of
from test_observed import ROUTE, there
from test_templates import override

from kubectl_canary.reading.release import Release
from kubectl_canary.release import observed
from kubectl_canary.release.application import Located, Receiver
from kubectl_canary.release.plan import PhaseKind
from kubectl_canary.rendering.generator import Generator
from kubectl_canary.rendering.objects import planned

Canary = Callable[..., Result]
Object = dict[str, Any]
TO = {"share": "20%", "to": "recorder"}
FIRST, SECOND = "mirror 20% to recorder", "mirror 100% to recorder:8080"
STOREFRONT = ("HTTPRoute", "storefront")
GREENFIELD = """\
apiVersion: kubectl-canary/v1alpha1
kind: Canary
metadata: {name: shop, namespace: web}
spec:
  image: registry.example.com/shop
  stable: {tag: v1, replicas: 10}
  canary: {tag: v2}
  container: {port: 8080, readinessProbe: {httpGet: {port: 8080}}}
  route: {gateway: {name: gw}}
  phases: [{mirror: {share: 20%, to: recorder}}, mirror 20%, 50%]
"""


@pytest.fixture
def case(tmp_path: Path) -> Path:
    ignored = shutil.ignore_patterns("expected")
    return Path(shutil.copytree(CASES / "adopt-recorder", tmp_path / "case", ignore=ignored))


def mirrors(rule: Object) -> list[tuple[str, int]]:
    filters = rule.get("filters", [])
    refs = [one["requestMirror"]["backendRef"] for one in filters if one["type"] == "RequestMirror"]
    return [(ref["name"], ref["port"]) for ref in refs]


def copies(route: Object) -> set[tuple[str, int]]:
    """What the rules of a route mirror to, but for those of others."""
    return {
        target
        for rule in route["spec"]["rules"]
        if rule.get("name") != "docs"
        for target in mirrors(rule)
        if target != ("audit", 80)
    }


def in_cluster(release: Release, name: str) -> dict[Located, Object]:
    found = Generator().render(planned(release.plan.application, release.plan.find(name)))
    return {document.part.located: document.value for document in found}


@pytest.mark.parametrize("methods", ["all", ["GET"]])
def test_only_the_phase_that_says_so_mirrors_to_the_receiver(methods: Any) -> None:
    plan = a_release(phases=[{"mirror": TO, "methods": methods}, "mirror 30%", "50%"])
    wanted = {FIRST: {("recorder", 80)}, "mirror 30%": {("shop-canary", 80)}}
    before = there(plan, "before")[ROUTE]
    for phase in (*plan.phases, *plan.ways_back()):
        route = there(plan, phase.name)[ROUTE]
        assert copies(route) == wanted.get(phase.name, set()), phase.name
        is_over = phase.is_way_back and phase.kind is not PhaseKind.ROLLBACK_PROMOTION
        assert route == before or not (is_over or phase.kind is PhaseKind.PROMOTED)


def test_the_receivers_port_is_the_rules_own_where_none_is_named() -> None:
    plan = a_release(
        service={"port": 9000}, phases=[{"mirror": {"to": "a"}}, {"mirror": {"to": "b:81"}}, "5%"]
    )
    assert [copies(there(plan, phase.name)[ROUTE]) for phase in plan.phases[2:4]] == [
        {("a", 9000)},
        {("b", 81)},
    ]


def test_the_canary_gets_nothing_meanwhile() -> None:
    plan = a_release(stable={"tag": "v1", "replicas": 10}, phases=[{"mirror": {"to": "recorder"}}, "1%"])
    phase = plan.find("mirror 100% to recorder")
    assert (False, 0, 1) == (phase.traffic.reaches_canary, phase.needs, phase.canary_replicas)
    assert not copies(there(plan, phase.name)[ROUTE]) & {("shop-canary", 80)}


def test_phases_have_names_of_their_own() -> None:
    items = [
        {"mirror": TO},
        {"mirror": {"share": "20%", "to": "recorder:81"}},
        "mirror 30%  to  recorder",
        "mirror 20%",
        "5%",
    ]
    plan = a_release(phases=items)
    names = [phase.name for phase in plan.phases[2:6]]
    assert names == [FIRST, "mirror 20% to recorder:81", "mirror 30% to recorder", "mirror 20%"]
    assert plan.phases[3].slug == "mirror-20-percent-to-recorder-81"
    assert plan.find("mirror 20.0%  to recorder").traffic.to == Receiver("recorder")


@pytest.mark.parametrize("methods", ["all", ["GET", "POST"]])
def test_every_phase_is_known_by_its_objects(methods: Any) -> None:
    more = {"mirror": {"to": "recorder:81"}, "methods": methods}
    plan = a_release(phases=[{"mirror": TO, "methods": methods}, more, "mirror 20%", "header-only", "5%"])
    for phase in plan.phases:
        assert phase == observed.phase(there(plan, phase.name), plan)


@pytest.mark.parametrize("methods", ["all", ["GET"]])
def test_another_share_for_the_receiver_is_none_for_the_canary(methods: Any) -> None:
    plan = a_release(phases=[{"mirror": TO, "methods": methods}, "mirror 30%", "5%"])
    found = there(plan, FIRST)
    for rule in found[ROUTE]["spec"]["rules"]:
        for one in rule.get("filters", []):
            one["requestMirror"]["percent"] = 50
    state = observed.phase(found, plan)
    assert (observed.SOMEWHERE, FIRST) == (state.name, state.origin)
    assert (Fraction(1, 2), Receiver("recorder")) == (state.traffic.mirror, state.traffic.to)
    assert (False, False) == (state.traffic.reaches_canary, state.traffic.testers)


def test_copies_for_the_canary_count_more_than_others() -> None:
    plan = a_release(phases=[{"mirror": TO, "methods": "all"}, {"mirror": "30%", "methods": "all"}, "5%"])
    found = there(plan, "mirror 30%")
    filters = found[ROUTE]["spec"]["rules"][-1]["filters"]
    filters += copy.deepcopy(there(plan, FIRST)[ROUTE]["spec"]["rules"][-1]["filters"])
    filters[-1]["requestMirror"]["percent"] = 90
    state = observed.phase(found, plan)
    assert (Fraction(3, 10), None) == (state.traffic.mirror, state.traffic.to)


def test_adopted_rules_keep_what_they_mirror_to_others(case: Path) -> None:
    release = release_of(case)
    wanted = {FIRST: {("recorder", 80)}, SECOND: {("recorder", 8080)}, "mirror 20%": {("shop-canary", 80)}}
    before = documents_of(release, release.plan.phases[0])[STOREFRONT]
    for phase in every_phase(release):
        route = documents_of(release, phase)[STOREFRONT]
        rules = route["spec"]["rules"]
        assert rules[0] == before["spec"]["rules"][0]
        assert ("audit", 80) in mirrors(rules[-1])
        assert copies(route) == wanted.get(phase.name, set()), phase.name
        assert observed.phase(in_cluster(release, phase.name), release.plan).traffic == phase.traffic
    for name in ("promoted", "rolled-back", f"rollback from {FIRST}", f"rollback from {SECOND}"):
        assert documents_of(release, release.plan.find(name))[STOREFRONT] == before


def test_clones_on_a_route_of_their_own_mirror_too(tmp_path: Path) -> None:
    case = Path(shutil.copytree(CASES / "adopt-apart", tmp_path / "case"))
    changed(case, "canary.yaml", "[mirror 20%,", "[{mirror: {to: recorder}}, mirror 20%,")
    release, name = release_of(case), "mirror 100% to recorder"
    for phase in every_phase(release):
        documents = documents_of(release, phase)
        beside = documents.get(("HTTPRoute", "store-canary"), {"spec": {"rules": []}})
        assert (copies(beside) == {("recorder", 80)}) == (phase.name == name), phase.name
        assert not copies(documents["HTTPRoute", "store"])
    found = in_cluster(release, name)
    assert observed.phase(found, release.plan).name == name
    assert Located("HTTPRoute", "store", "store-canary") in found


def test_calls_are_copied_whole(tmp_path: Path, canary: Canary) -> None:
    case = Path(shutil.copytree(CASES / "adopt-calls", tmp_path / "case"))
    changed(
        case,
        "canary.yaml",
        "{mirror: 20%, methods: all}",
        "{mirror: {share: 20%, to: recorder}, methods: all}",
    )
    release = release_of(case)
    route = next(
        value
        for key, value in documents_of(release, release.plan.find(FIRST)).items()
        if key[0] == "GRPCRoute"
    )
    assert {name for name, _ in copies(route)} == {"recorder"}
    changed(case, "canary.yaml", ", methods: all", "")
    done = canary("plan", "-f", case / "canary.yaml")
    assert (1, "") == (done.code, done.out)
    assert "write {mirror: {share: 20%, to: recorder}, methods: all}" in done.err


def test_a_plan_says_who_gets_the_copies(case: Path, canary: Canary) -> None:
    table = canary("plan", "-f", case / "canary.yaml").out
    assert "route: copies of 20% of GET, HEAD, OPTIONS → recorder" in table
    assert "route: copies of 100% of all requests → recorder:8080" in table
    rows = json.loads(canary("plan", "-f", case / "canary.yaml", "-o", "json").out)["phases"]
    assert {row["name"]: row["mirrorTo"] for row in rows if "mirrorTo" in row} == {
        FIRST: "recorder",
        SECOND: "recorder:8080",
    }


def test_simulate_says_who_gets_the_copies(case: Path, canary: Canary) -> None:
    call = ("simulate", "https://store.example.com/", "-f", case / "canary.yaml", "--phase")
    assert "20%  copied to recorder:80" in canary(*call, FIRST).out
    assert "copied to recorder" not in canary(*call, FIRST, "-X", "POST").out
    assert "copied to recorder" not in canary(*call, "50%").out


def test_nothing_is_wrong_with_it(case: Path, canary: Canary, canary_yaml: Callable[[str], Path]) -> None:
    for file in (case / "canary.yaml", canary_yaml(GREENFIELD)):
        done = canary("validate", file)
        assert (0, "0 errors" in done.out + done.err) == (done.code, True), done


def test_a_template_may_not_send_to_a_receiver(
    tmp_path: Path, canary: Canary, canary_yaml: Callable[[str], Path]
) -> None:
    file, templates = canary_yaml(GREENFIELD), tmp_path / "templates"
    templates.mkdir()
    mirror = "{type: RequestMirror, requestMirror: {backendRef: {name: recorder, port: 80}}}"
    more = f"{{{{ rules | yaml }}}}\n    - name: more\n      filters: [{mirror}]"
    override(templates, "httproute.yaml.j2", "{{ rules | yaml }}", more)
    done = canary("render", "-f", file, "--phase", "deploy", "--templates", templates)
    assert (1, "") == (done.code, done.out)
    assert "sends to recorder, which the plan does not know" in done.err


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("shop-canary", "mirrors to shop-canary, which is the canary; leave `to` out"),
        ("shop", "mirrors to shop, which answers these requests already; name another Service"),
        ("audit", "mirrors to audit, as rule 1 of HTTPRoute storefront does already: nobody could tell the two apart; name another"),
        ("recorder:81", "mirrors to port 81 of Service recorder, whose ports are [80, 8080]; write the port that is meant: `to: recorder:80`"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_at_its_phase(case: Path, canary: Canary, to: str, said: str) -> None:
    changed(case, "canary.yaml", "to: recorder}", f'to: "{to}"}}')
    done = canary("render", "-f", case / "canary.yaml", "--phase", "before")
    assert (1, "") == (done.code, done.out)
    assert f"canary.yaml:10:7: spec.phases[0]: `mirror 20% to {to}` {said}" in done.err


def test_a_service_of_somewhere_else_is_a_warning(case: Path, canary: Canary) -> None:
    changed(case, "canary.yaml", "to: recorder}", "to: elsewhere}")
    changed(case, "canary.yaml", "phase: mirror 20% to recorder", "phase: 50%")
    done = canary("validate", case / "canary.yaml")
    assert done.code == 0
    assert "mirrors to Service elsewhere, which the manifests do not have  [unknown-service]" in done.out


def test_a_route_of_another_namespace_needs_a_grant(tmp_path: Path, canary: Canary) -> None:
    case = Path(shutil.copytree(CASES / "adopt-namespaces", tmp_path / "case"))
    changed(case, "canary.yaml", "mirror 20%", "{mirror: {to: recorder}}")
    done = canary("plan", "-f", case / "canary.yaml")
    assert (1, "") == (done.code, done.out)
    assert "and no ReferenceGrant lets it; put that grant beside it in the manifests" in done.err


def test_filters_of_a_rendered_route_that_mirror_there_are_refused(
    canary: Canary, canary_yaml: Callable[[str], Path]
) -> None:
    mirror = "{type: RequestMirror, requestMirror: {backendRef: {name: recorder, port: 80}}}"
    canary_yaml(
        GREENFIELD.replace("{gateway: {name: gw}}", f"{{gateway: {{name: gw}}, filters: [{mirror}]}}")
    )
    done = canary("plan")
    assert (1, "") == (done.code, done.out)
    assert (
        "canary.yaml:10:12: spec.phases[0]: `mirror 20% to recorder` mirrors to recorder, as `spec.route.filters` does"
        in done.err
    )


@pytest.mark.parametrize(
    ("phases", "said"),
    [
        ("{mirror: {share: 20%}}", "missing"),
        ("{mirror: {to: Recorder}}", "Recorder"),
        ("{mirror: {to: 'recorder:0'}}", "`0` is not a port; allowed are 1 to 65535"),
        ("{mirror: {to: 'recorder:'}}", "`` is not a port"),
        ("{mirror: {share: 20, to: recorder}}", "a share is expected; write `20%`"),
        ("{mirror: {share: 0%, to: recorder}}", "out of range"),
        ("mirror 20% to", "`20% to` is not a percentage"),
        ("{mirror: {share: 20%, to: a}, name: mirror 20% to b}", "the phase is called `mirror 20% to b` and does `mirror 20% to a`"),
        ("mirror 20% to a, {mirror: {share: 10%, to: a}}", "mirror 10% to a after mirror 20% to a: shares must rise"),
        ("mirror 20% to a, {mirror: {share: 20%, to: a}}", "`mirror 20% to a` stands here again"),
        ("header-only, mirror 20% to a", "mirrors come first"),
    ],
)  # fmt: skip
def test_what_no_phase_can_be_is_refused(
    canary: Canary, canary_yaml: Callable[[str], Path], phases: str, said: str
) -> None:
    canary_yaml(GREENFIELD.replace("{mirror: {share: 20%, to: recorder}}, mirror 20%", phases))
    done = canary("plan")
    assert (1, "") == (done.code, done.out)
    assert said in done.err and "canary.yaml:10:" in done.err
