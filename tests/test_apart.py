"""A route of its own for the rules that a release adds: because the file wants it, or for want of room."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Result
from test_adoption import CASES, changed, every_phase, release_of
from test_namespaces import at

from kubectl_canary.api.defaults import defaulted
from kubectl_canary.commands import inputs
from kubectl_canary.reading import yamltext
from kubectl_canary.reading.release import Release
from kubectl_canary.release import actions, apart, changes, observed
from kubectl_canary.release.application import Located
from kubectl_canary.release.plan import Phase, PhaseKind
from kubectl_canary.rendering import steps
from kubectl_canary.rendering.generator import Generator
from kubectl_canary.rendering.live import live_step
from kubectl_canary.rendering.objects import planned
from kubectl_canary.routing.requests import request_of
from kubectl_canary.routing.simulation import simulate

Canary = Callable[..., Result]
Object = dict[str, Any]
CASE = CASES / "adopt-apart"
STORE, BESIDE = Located("HTTPRoute", "store", "store"), Located("HTTPRoute", "store", "store-canary")


@pytest.fixture
def case(tmp_path: Path) -> Path:
    return Path(shutil.copytree(CASE, tmp_path / "case", ignore=shutil.ignore_patterns("expected")))


def backends(rule: Object) -> dict[str, int]:
    return {ref["name"]: ref.get("weight", 1) for ref in rule["backendRefs"]}


def crowded(case: Path, number: int) -> None:
    """So many more rules on the user's route, none of which sends to the release's Service."""
    rules = "".join(
        f"    - matches: [{{path: {{type: Exact, value: /page-{place}}}}}]\n"
        "      backendRefs: [{name: pages, port: 80}]\n"
        for place in range(number)
    )
    changed(case, "k8s/route.yaml", "  rules:\n", f"  rules:\n{rules}")


def without(case: Path, text: str) -> None:
    changed(case, "canary.yaml", text, "")


# --- what stands where ----------------------------------------------------------------


def test_the_users_route_has_no_rule_more_in_any_phase() -> None:
    release = release_of(CASE)
    before = at(release, release.plan.phases[0])[STORE]["spec"]
    for phase in every_phase(release):
        now = at(release, phase)[STORE]["spec"]
        assert [rule.get("matches") for rule in now["rules"]] == [
            rule.get("matches") for rule in before["rules"]
        ]
        assert {key: now[key] for key in now if key != "rules"} == {
            key: before[key] for key in before if key != "rules"
        }


def test_the_route_of_their_own_is_there_from_the_first_testers_to_the_last_pod_of_the_canary() -> None:
    release = release_of(CASE)
    there = {phase.name: BESIDE in at(release, phase) for phase in every_phase(release)}
    for phase in release.plan.phases:
        assert there[phase.name] == (phase.name not in ("before", "deploy", "promoted")), phase.name
    assert not there["rollback from deploy"]
    assert not there["rolled-back"]
    assert there["rollback from header-only"]
    assert there["rollback-promotion from promote-return"]


def test_it_has_the_parents_and_the_hostnames_and_what_the_governed_rules_do() -> None:
    release = release_of(CASE)
    there = at(release, release.plan.find("10%"))
    own, users = there[BESIDE]["spec"], there[STORE]["spec"]
    assert (own["parentRefs"], own["hostnames"]) == (users["parentRefs"], users["hostnames"])
    by_name = {rule["name"]: rule for rule in own["rules"]}
    assert list(by_name) == ["checkout-canary-testers-store", "rule-canary-testers-store"]
    assert by_name["checkout-canary-testers-store"]["timeouts"] == {"request": "10s"}
    assert all(backends(rule) == {"store-canary": 100} for rule in own["rules"])


@pytest.mark.parametrize("kind", [PhaseKind.ROLLBACK, PhaseKind.PROMOTE_RETURN])
def test_back_it_sends_where_its_originals_send(kind: PhaseKind) -> None:
    release = release_of(CASE)
    before = {rule.get("name"): rule for rule in at(release, release.plan.phases[0])[STORE]["spec"]["rules"]}
    for phase in every_phase(release):
        rules = at(release, phase).get(BESIDE, {"spec": {"rules": []}})["spec"]["rules"]
        if phase.kind is kind:
            originals = [before["checkout"], before[None]][: len(rules)]
            assert [rule["backendRefs"] for rule in rules] == [rule["backendRefs"] for rule in originals]


def test_testers_and_others_are_answered_as_on_one_route(case: Path) -> None:
    separated = release_of(CASE)
    without(case, "    separateRoute: true\n")
    together = release_of(case)
    assert not together.plan.application.separated
    paths = ("/checkout/1", "/", "/admin", "/checkout-not")
    for phase, path, tests in itertools.product(every_phase(separated), paths, (True, False)):
        answers = [answer(release, phase, path, tests) for release in (separated, together)]
        assert answers[0] == answers[1], (phase.name, path, tests)


def answer(release: Release, phase: Phase, path: str, is_tester: bool) -> Any:
    headers = (("x-canary", "true"),) if is_tester else ()
    asked = request_of(path, "GET", headers, "https://store.example.com")
    routes = [value for key, value in at(release, phase).items() if key.kind == "HTTPRoute"]
    outcome = simulate(routes, asked)
    shares = {share.backend.name: share.share for share in outcome.shares if share.share}
    return outcome.status, shares, {copy.backend.name: copy.share for copy in outcome.mirrors}


def test_a_policy_on_the_route_or_a_rule_has_a_copy_beside(case: Path) -> None:
    policy = """\
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: SecurityPolicy
metadata: {name: %s, namespace: store}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: store%s}]
"""
    texts = (
        policy % ("all", ""),
        policy % ("paying", ", sectionName: checkout"),
        policy % ("admins", ", sectionName: admin"),
    )
    (case / "k8s/policies.yaml").write_text("".join(texts))
    there = at(release_of(case), release_of(case).plan.find("10%"))
    copies = {
        key.name: value["spec"]["targetRefs"][0]
        for key, value in there.items()
        if key.kind == "SecurityPolicy"
    }
    assert copies["all-canary"]["name"] == "store-canary"
    assert "sectionName" not in copies["all-canary"]
    assert copies["paying-canary"]["name"] == "store-canary"
    assert copies["paying-canary"]["sectionName"] == "checkout-canary-testers-store"
    assert "admins-canary" not in copies
    assert "all-canary" not in [
        key.name for key in at(release_of(case), release_of(case).plan.find("deploy"))
    ]


# --- for want of room -----------------------------------------------------------------


def test_a_route_without_room_gets_one_beside_it_unasked(case: Path, canary: Canary) -> None:
    without(case, "    separateRoute: true\n")
    crowded(case, 11)
    assert not release_of(case).plan.application.separated  # 14 rules and 2 clones
    crowded(case, 1)
    release = release_of(case)
    assert release.plan.application.separated == {STORE}
    assert "+ HTTPRoute store-canary" in canary("plan", "-f", case / "canary.yaml").out
    for phase in every_phase(release):
        assert len(at(release, phase)[STORE]["spec"]["rules"]) <= 16


def test_matches_take_room_too(case: Path) -> None:
    without(case, "    separateRoute: true\n")
    changed(case, "canary.yaml", "mirror 20%, ", "")
    paths = ", ".join(f"{{path: {{type: Exact, value: /checkout/{number}}}}}" for number in range(62))
    changed(case, "k8s/route.yaml", "[{path: {type: PathPrefix, value: /checkout}}]", f"[{paths}]")
    assert not release_of(case).plan.application.separated  # twice 62 matches, and three more
    changed(
        case,
        "k8s/route.yaml",
        "value: /checkout/0}}",
        "value: /checkout/0}}, {path: {type: Exact, value: /x}}",
    )
    assert release_of(case).plan.application.separated == {STORE}


def test_more_clones_than_a_route_takes_are_refused_with_their_number(case: Path, canary: Canary) -> None:
    """Where a filter takes one match a rule, each method is a rule more."""
    rules = "".join(
        f"    - matches: [{{path: {{type: PathPrefix, value: /page-{place}}}}}]\n"
        "      filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /}}}]\n"
        "      backendRefs: [{name: store, port: 80}]\n"
        for place in range(6)
    )
    changed(case, "k8s/route.yaml", "  rules:\n", f"  rules:\n{rules}")
    done = canary("plan", "-f", case / "canary.yaml")
    assert (done.code, done.out) == (1, "")
    assert (
        "`mirror 20%` takes HTTPRoute store-canary, a route of the release's own, to 20 rules, and 16 are allowed"
        in done.err
    )


def test_mirrors_of_methods_go_where_they_win_or_are_refused(case: Path, canary: Canary) -> None:
    """Where all room is taken by others, and a rule has a method already, its clone would never win beside it."""
    without(case, "    separateRoute: true\n")
    crowded(case, 13)
    release = release_of(case)
    copied = at(release, release.plan.find("mirror 20%"))[BESIDE]["spec"]["rules"]
    assert [rule["name"] for rule in copied] == ["checkout-canary-mirror-store", "rule-canary-mirror-store"]
    changed(case, "k8s/route.yaml", "value: /checkout}}]", "value: /checkout}, method: GET}]")
    done = canary("plan", "-f", case / "canary.yaml")
    assert (done.code, done.out) == (1, "")
    assert "the rules of `mirror 20%` stand beside HTTPRoute store" in done.err
    assert "the clone of rule 14 would never win there" in done.err
    changed(case, "canary.yaml", "mirror 20%", "{mirror: 20%, methods: all}")
    assert canary("plan", "-f", case / "canary.yaml").code == 0


def test_mirrors_that_nobody_wants_any_more_do_nothing(case: Path) -> None:
    """Whoever applies the next phase and deletes nothing must not go on copying requests."""
    without(case, "    separateRoute: true\n")
    changed(case, "canary.yaml", "  canary:", "  testers: false\n  canary:")
    changed(case, "canary.yaml", "header-only, ", "")
    crowded(case, 13)
    release = release_of(case)
    rules = at(release, release.plan.find("50%"))[BESIDE]["spec"]["rules"]
    assert backends(rules[0]) == {"store": 50, "store-canary": 50}
    assert not any("filters" in rule for rule in rules)
    assert rules[0]["matches"][0]["method"] == "GET"
    assert answer(release, release.plan.find("50%"), "/checkout", False)[2] == {}


# --- what cannot be -------------------------------------------------------------------


def test_without_testers_nothing_is_to_be_separated(case: Path, canary: Canary) -> None:
    changed(case, "canary.yaml", "  canary:", "  testers: false\n  canary:")
    changed(case, "canary.yaml", "header-only, ", "")
    done = canary("plan", "-f", case / "canary.yaml")
    assert (done.code, done.out) == (1, "")
    assert "canary.yaml:8:5: spec.adopt.separateRoute: there are no testers" in done.err


def test_a_name_that_is_taken_is_refused(case: Path, canary: Canary) -> None:
    other = (CASE / "k8s/route.yaml").read_text().replace("  name: store\n", "  name: store-canary\n", 1)
    (case / "k8s/other.yaml").write_text(other.split("    - name: checkout")[0])
    done = canary("plan", "-f", case / "canary.yaml")
    assert (done.code, done.out) == (1, "")
    assert "HTTPRoute store-canary is in the manifests already" in done.err


def test_between_releases_nothing_is_beside(case: Path, canary: Canary) -> None:
    without(case, "  canary: {tag: v2}\n")
    without(case, "  phase: 10%\n")
    release = release_of(case)
    assert BESIDE not in at(release, release.plan.phases[0])
    assert canary("plan", "-f", case / "canary.yaml").code == 0


# --- the cluster ----------------------------------------------------------------------


def objects_at(release: Release, phase: Phase) -> dict[Any, Object]:
    documents = Generator().render(planned(release.plan.application, phase))
    return {
        document.part.key: defaulted(document.value, release.plan.application.target)
        for document in documents
    }


def test_live_the_phase_is_told_and_left_from_both_routes() -> None:
    release = release_of(CASE)
    plan = release.plan
    for phase in plan.phases[1:-1]:
        assert observed.phase(at(release, phase), plan).name == phase.name
    back, _ = live_step(plan, Generator(), "rollback", objects_at(release, plan.find("50%")))
    assert [change.part.located for change in back.changes] == [STORE, BESIDE]
    gone, _ = live_step(plan, Generator(), "rolled-back", objects_at(release, plan.find("rollback", "50%")))
    assert next(change.part.name for change in gone.changes if change.action == "delete") == "store-canary"
    assert {change.part.kind for change in gone.changes} == {"HTTPRoute", "Deployment", "Service"}


def test_live_testers_beside_an_edited_route_are_seen() -> None:
    release = release_of(CASE)
    there = at(release, release.plan.find("10%"))
    there[STORE]["spec"]["rules"][1]["backendRefs"][0]["weight"] = 70
    found = observed.phase(there, release.plan)
    assert (found.name, found.traffic.testers) == (observed.SOMEWHERE, True)
    del there[BESIDE]
    assert not observed.phase(there, release.plan).traffic.testers


def test_live_a_route_beside_that_somebody_deleted_is_not_made_on_the_way_back() -> None:
    release = release_of(CASE)
    objects = objects_at(release, release.plan.find("50%"))
    objects = {
        key: value for key, value in objects.items() if key[3] != "store-canary" or key[1] != "HTTPRoute"
    }
    back, _ = live_step(release.plan, Generator(), "rollback", objects)
    assert [change.part.located for change in back.changes] == [STORE]


def test_a_way_back_prints_both_routes(canary: Canary) -> None:
    done = canary("rollback", "--print", "-f", CASE / "canary.yaml")
    printed = [document.value["metadata"]["name"] for document in yamltext.read(done.out, "out")]
    assert printed == ["store", "store-canary"]
    listed = json.loads(canary("patch", "-f", CASE / "canary.yaml", "--to", "rollback").out)
    assert [one["name"] for one in listed] == ["store", "store-canary"]


def test_what_the_user_has_wrong_is_no_error_of_the_route_beside(case: Path, canary: Canary) -> None:
    app = (case / "k8s/app.yaml").read_text()
    (case / "k8s/app.yaml").write_text(app.replace("  name: archive\n", "  name: another\n"))
    done = canary("validate", case / "canary.yaml")
    assert done.code == 0, done.out
    assert "warning Canary store: spec.rules[2].backendRefs[1].name" in done.out


def test_a_check_asks_for_no_route_that_comes_with_the_phase(
    case: Path, canary: Canary, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program, release = tmp_path / "kubectl", release_of(CASE)
    route = objects_at(release, release.plan.find("deploy"))[("gateway.networking.k8s.io/v1", *STORE)]
    route["metadata"]["annotations"] = {}
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(route)}\nEND\n")
    program.chmod(0o755)
    monkeypatch.setenv("KUBECTL_PATH", str(program))
    done = canary(
        "patch", "-f", CASE / "canary.yaml", "--from", "deploy", "--to", "header-only", "--skip", "--check"
    )
    assert (done.code, done.err) == (0, "httproute/store passes every guard: the patch fits\n")


# --- two releases, and what others did --------------------------------------------------


def test_another_release_has_another_route_beside(case: Path) -> None:
    other = (CASE / "canary.yaml").read_text().replace("name: store\n", "name: admin\n")
    (case / "admin.yaml").write_text(other.replace("deployment: store\n", "deployment: admin\n"))
    admin = inputs.load([str(case / "admin.yaml")])
    assert admin.plan.application.separated == {STORE}
    beside = apart.beside(STORE, admin.plan.application)
    assert beside.name == "store-canary-admin"
    objects = objects_at(release_of(CASE), release_of(CASE).plan.find("10%"))
    step, _ = live_step(admin.plan, Generator(), "deploy", objects)
    assert {change.part.name for change in step.changes} == {"admin-canary"}


def test_the_annotations_of_another_release_stay_where_they_are(case: Path) -> None:
    changed(
        case,
        "k8s/route.yaml",
        "  labels: {team",
        '  annotations: {kubectl-canary/phase.x: "5%", a: b}\n  labels: {team',
    )
    own = at(release_of(case), release_of(case).plan.find("10%"))[BESIDE]["metadata"]["annotations"]
    assert list(own) == ["a", "kubectl-canary/rules.store"]


def test_a_long_name_is_shortened(case: Path) -> None:
    for file in ("k8s/route.yaml",):
        changed(case, file, "  name: store\n", f"  name: {'r' * 250}\n")
    release = release_of(case)
    (route,) = release.plan.application.routes
    name = apart.beside(route, release.plan.application).name
    assert len(name) <= 253
    assert name.endswith("-canary-store")


def test_a_copy_of_a_policy_whose_name_is_taken_is_refused(case: Path, canary: Canary) -> None:
    policy = """\
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {name: %s, namespace: store}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: %s, name: store}]
"""
    (case / "k8s/policies.yaml").write_text(
        policy % ("limits", "HTTPRoute") + policy % ("limits-canary", "Gateway")
    )
    done = canary("plan", "-f", case / "canary.yaml")
    assert (done.code, done.out) == (1, "")
    assert "BackendTrafficPolicy limits-canary is in the manifests already" in done.err


def test_live_testers_leave_before_the_pods_drain() -> None:
    release = release_of(CASE)
    objects = objects_at(release, release.plan.find("10%"))
    step, _ = live_step(release.plan, Generator(), "rolled-back", objects)
    said = [
        action.change.part.located if isinstance(action, actions.Make) else type(action)
        for action in actions.of_step(step, 30)
    ]
    assert (
        said.index(BESIDE)
        < said.index(actions.Pause)
        < said.index(Located("Deployment", "store", "store-canary"))
    )


def test_live_a_way_back_from_between_two_phases_points_it_back() -> None:
    release = release_of(CASE)
    objects = objects_at(release, release.plan.find("10%"))
    route = objects[("gateway.networking.k8s.io/v1", *STORE)]
    route["spec"]["rules"][1]["backendRefs"][0]["weight"] = 70
    step, _ = live_step(release.plan, Generator(), "rollback", objects)
    assert [(change.part.located, change.action) for change in step.changes] == [
        (STORE, "patch"),
        (BESIDE, "patch"),
    ]


def test_live_testers_beside_a_route_that_was_applied_again_are_seen() -> None:
    release = release_of(CASE)
    there = at(release, release.plan.find("10%"))
    there[STORE] = at(release, release.plan.phases[0])[STORE]
    found = observed.phase(there, release.plan)
    assert (found.name, found.traffic.testers) == (observed.SOMEWHERE, True)


def test_live_a_service_of_the_same_name_elsewhere_may_stay(tmp_path: Path) -> None:
    case = Path(shutil.copytree(CASES / "adopt-namespaces", tmp_path / "case"))
    ours = "{name: shop, namespace: store, port: 80}"
    changed(case, "k8s/edge.yaml", f"[{ours}]", f"[{ours}, {{name: shop-canary, port: 80}}]")
    release = release_of(case)
    objects = objects_at(release, release.plan.find("rollback", "10%"))
    step, _ = live_step(release.plan, Generator(), "rolled-back", objects)
    assert "Service" in [change.part.kind for change in step.changes]


def test_the_route_of_a_step_is_known_by_its_rules_too() -> None:
    release = release_of(CASE)
    to = step_of(release, "header-only", "10%")
    tests = dict(to.route_tests)
    (beside,) = [part for part in tests if part.name == "store-canary"]
    assert [test["path"] for test in tests[beside]] == [
        f"/spec/rules/{number}/backendRefs" for number in range(2)
    ]


def step_of(release: Release, start: str, to: str) -> changes.Step:
    return steps.step(release.plan, Generator(), release.plan.find(start), release.plan.find(to))


def test_a_second_rule_without_matches_is_judged(case: Path, canary: Canary) -> None:
    route = case / "k8s/route.yaml"
    route.write_text(f"{route.read_text()}    - backendRefs: [{{name: admin, port: 80}}]\n")
    done = canary("validate", case / "canary.yaml")
    assert (done.code, "[duplicate-match]" in done.out) == (0, True)


def test_in_place_the_route_beside_keeps_its_namespace(tmp_path: Path, canary: Canary) -> None:
    case = Path(shutil.copytree(CASES / "adopt-namespaces", tmp_path / "case"))
    for file in ("k8s/app.yaml",):
        text = (case / file).read_text()
        (case / file).write_text(text.replace("  namespace: store\n", ""))
    changed(case, "canary.yaml", "  name: shop\n", "  name: shop\n  namespace: store\n")
    changed(case, "canary.yaml", "from: k8s/", "from: k8s/\n    separateRoute: true")
    assert canary("render", "-f", case / "canary.yaml", "--phase", "header-only", "-o", "in-place").code == 0
    made = [document.value for document in yamltext.read((case / "k8s/shop-canary.yaml").read_text(), "made")]
    places = {(value["kind"], value["metadata"].get("namespace")) for value in made}
    assert ("HTTPRoute", "store-edge") in places
    assert ("Deployment", None) in places


def test_a_route_that_no_server_takes_is_refused_before_it_is_looked_through(
    case: Path, canary: Canary
) -> None:
    crowded(case, 1_000)
    done = canary("plan", "-f", case / "canary.yaml")
    assert (done.code, done.out) == (1, "")
    assert "HTTPRoute store has 1003 rules, and 16 are allowed: no API server takes it" in done.err
