"""A release through several of the user's routes: one phase, the same in all of them, and one way back."""

from __future__ import annotations

import copy
import json
import shlex
import shutil
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from kubectl_canary.api import catalog
from kubectl_canary.api.equality import same
from kubectl_canary.commands import inputs
from kubectl_canary.errors import Refused
from kubectl_canary.records import replace
from kubectl_canary.release import actions, observed, patches
from kubectl_canary.release.application import GATEWAY_API, REQUEST_KINDS, Located
from kubectl_canary.release.changes import Alteration, Step
from kubectl_canary.release.documents import Key, Part
from kubectl_canary.release.plan import Phase, Plan
from kubectl_canary.release.reach import other_senders
from kubectl_canary.release.routes import backends
from kubectl_canary.rendering import steps
from kubectl_canary.rendering.generator import Generator
from kubectl_canary.rendering.live import live_step
from kubectl_canary.rendering.objects import planned
from kubectl_canary.reports import shells

CASE, CALLS = (Path(__file__).parent / f"cases/{name}" for name in ("adopt-routes", "adopt-calls"))
STOREFRONT, PARTNERS = ("HTTPRoute", "storefront"), ("HTTPRoute", "partners")
BOTH = (STOREFRONT, PARTNERS)
Object = dict[str, Any]


@pytest.fixture
def case(tmp_path: Path) -> Path:
    return Path(shutil.copytree(CASE, tmp_path / "case"))


@pytest.fixture
def plan(case: Path) -> Plan:
    return inputs.load([str(case / "canary.yaml")]).plan


def at(plan: Plan, phase: Phase) -> dict[tuple[str, str], Object]:
    rendered = Generator().render(planned(plan.application, phase))
    return {(document.part.kind, document.part.name): document.value for document in rendered}


def cluster(plan: Plan, name: str) -> dict[Key, Object]:
    """The objects of a phase as they are in a cluster."""
    rendered = Generator().render(planned(plan.application, plan.find(name)))
    applied = (steps.applied(document, plan.application) for document in rendered)
    return {document.part.key: copy.deepcopy(document.value) for document in applied}


def every_phase(plan: Plan) -> Iterator[Phase]:
    yield from (*plan.phases, *plan.ways_back())


def step(plan: Plan, start: str, to: str) -> Step:
    return steps.step(plan, Generator(), plan.find(start), plan.find(to))


def weights(rule: Object) -> dict[str, int]:
    return {ref.name: ref.weight for ref in backends(rule)}


def governed(route: Object) -> list[Object]:
    """The rules that split or sent to the release, without its clones and without the rule of the cart."""
    added = str((route["metadata"].get("annotations") or {}).get("kubectl-canary/rules.shop", "")).split(",")
    kept = [rule for rule in route["spec"]["rules"] if rule.get("name") not in {*added, "cart"} - {""}]
    assert len(kept) == (1 if route["metadata"]["name"] == "storefront" else 2)
    return kept


def patch_of(made: Step, route: tuple[str, str]) -> Alteration:
    (found,) = [one for one in made.changes if (one.part.kind, one.part.name) == route]
    assert isinstance(found, Alteration)
    return found


def named(route: tuple[str, str]) -> Callable[[Part], bool]:
    return lambda part: (part.kind, part.name) == route


# --- phases ---------------------------------------------------------------------------


def test_every_share_is_exact_in_every_rule_of_both(plan: Plan) -> None:
    for phase in every_phase(plan):
        there = at(plan, phase)
        for key in BOTH:
            for rule in governed(there[key]):
                split = weights(rule)
                canary = split.get("shop-canary", 0)
                assert Fraction(canary, split["shop"] + canary) == phase.traffic.share, (phase.name, key)
                if "legacy" in split:
                    assert Fraction(split["legacy"], sum(split.values())) == Fraction(1, 4)


def test_rules_of_others_are_untouched(plan: Plan) -> None:
    rules = at(plan, plan.phases[0])[STOREFRONT]["spec"]["rules"]
    for phase in every_phase(plan):
        route = at(plan, phase)[STOREFRONT]
        assert route["spec"]["rules"][0] == rules[0], phase.name
        assert at(plan, phase)[PARTNERS]["metadata"]["annotations"]["team"] == "partners"


def test_both_are_to_the_letter_what_the_user_wrote_where_no_phase_shapes_them(plan: Plan) -> None:
    wrote = (CASE / "k8s/routes.yaml").read_text().split("---\n")
    quiet = [phase for phase in every_phase(plan) if not phase.traffic.phase]
    assert len(quiet) > 8
    for phase in quiet:
        rendered = Generator().render(planned(plan.application, phase))
        texts = [document.text for document in rendered if document.part.is_route]
        assert [text.strip() for text in texts] == [text.strip() for text in wrote], phase.name


def test_each_has_its_own_annotations(plan: Plan) -> None:
    there = at(plan, plan.find("10%"))
    for key, listed in (
        (STOREFRONT, "shop-canary-testers-shop"),
        (PARTNERS, "rule-1-canary-testers-shop,rule-2-canary-testers-shop"),
    ):
        annotations = there[key]["metadata"]["annotations"]
        assert annotations["kubectl-canary/phase.shop"] == "10%"
        assert annotations["kubectl-canary/rules.shop"] == listed


def test_the_way_back_is_both_routes_and_nothing_else(canary: Any, case: Path, plan: Plan) -> None:
    done = canary("rollback", "--print", "-f", case / "canary.yaml", "--from", "50%", "-o", "json")
    items = json.loads(done.out)["items"]
    before = at(plan, plan.phases[0])
    assert [(item["kind"], item["metadata"]["name"]) for item in items] == list(BOTH)
    assert all(same(item, before["HTTPRoute", item["metadata"]["name"]]) for item in items)


def test_documents_of_a_way_back_begin_with_the_routes(plan: Plan) -> None:
    for phase in plan.ways_back():
        assert tuple(at(plan, phase))[:2] == BOTH, phase.name


def test_the_plan_names_both(canary: Any, case: Path) -> None:
    printed = canary("plan", "-f", case / "canary.yaml").out
    assert printed.startswith("shop in store: v1 → v2, through HTTPRoute storefront, partners\n")
    assert "routes: x-canary: true → canary" in printed
    listed = json.loads(canary("plan", "-f", case / "canary.yaml", "-o", "json").out)
    assert listed["routes"] == [route._asdict() for route in located(*BOTH)]


def test_rules_of_several_routes_are_named(case: Path) -> None:
    file = case / "canary.yaml"
    names = "from: k8s/\n    routes: [{name: partners, rules: [1]}, {name: storefront, rules: [shop]}]"
    file.write_text(file.read_text().replace("from: k8s/", names))
    plan = inputs.load([str(file)]).plan
    assert plan.application.routes == located(PARTNERS, STOREFRONT)
    there = at(plan, plan.find("50%"))
    assert weights(there[STOREFRONT]["spec"]["rules"][-1]) == {"shop": 50, "shop-canary": 50}
    assert weights(there[PARTNERS]["spec"]["rules"][0]) == {"shop": 3, "legacy": 1}
    assert weights(there[PARTNERS]["spec"]["rules"][-1]) == {"shop": 50, "shop-canary": 50}


def test_a_route_of_the_same_name_elsewhere_is_not_taken_for_ours(case: Path) -> None:
    other = (case / "k8s/routes.yaml").read_text().replace("namespace: store", "namespace: other")
    (case / "k8s/a.yaml").write_text(other.replace("name: shop", "name: x").replace("weight: 3", "weight: 9"))
    plan = inputs.load([str(case / "canary.yaml")]).plan
    shaped = {document.part.key: document for document in planned(plan.application, plan.find("10%"))}
    key = ("gateway.networking.k8s.io/v1", "HTTPRoute", "other", "partners")
    assert not shaped[key].part.is_route
    route = cluster(plan, "10%")[(*key[:2], "store", "partners")]
    back = live_step(plan, Generator(), "rollback", cluster(plan, "10%"))[0]
    restored = patch_of(back, PARTNERS).after.value
    assert weights(governed(route)[0]) == {"shop": 27, "shop-canary": 3, "legacy": 10}
    assert weights(governed(restored)[0]) == {"shop": 3, "legacy": 1}


def test_a_route_of_another_namespace_stays_at_stable_where_ours_are_named(case: Path) -> None:
    other = (case / "k8s/routes.yaml").read_text().replace("namespace: store", "namespace: other")
    there = "    - name: shop\n"
    (case / "k8s/a.yaml").write_text(other.replace(there, f"{there}      namespace: store\n"))
    file = case / "canary.yaml"
    with pytest.raises(Refused) as refused:
        inputs.load([str(file)])
    assert (
        "HTTPRoute storefront in other sends to Service shop in store, and no ReferenceGrant lets it"
        in refused.value.findings[0].message
    )
    named = "from: k8s/\n    routes: [{name: storefront}, {name: partners}]"
    file.write_text(file.read_text().replace("from: k8s/", named))
    application = inputs.load([str(file)]).plan.application
    assert application.routes == located(*BOTH)
    assert other_senders(application) == ["rule 1 of HTTPRoute storefront"]


# --- patches --------------------------------------------------------------------------


def test_patches_lead_from_phase_to_phase_in_both(plan: Plan) -> None:
    for start, to in zip(plan.phases[1:], plan.phases[2:-1], strict=False):
        made, before, after = step(plan, start.name, to.name), cluster(plan, start.name), at(plan, to)
        for change in made.changes:
            if change.part.is_route:
                assert isinstance(change, Alteration)
                patched = patches.applied(before[change.part.key], change.operations())
                assert governed(patched) == governed(cluster(plan, to.name)[change.part.key])
                assert len(patched["spec"]["rules"]) == len(
                    after[change.part.kind, change.part.name]["spec"]["rules"]
                )


@pytest.mark.parametrize("key", BOTH)
def test_a_changed_rule_of_either_refuses_its_patch(plan: Plan, key: tuple[str, str]) -> None:
    change = patch_of(step(plan, "10%", "50%"), key)
    now = cluster(plan, "10%")[change.part.key]
    assert not patches.failed_tests(now, change.operations())
    governed(now)[-1]["backendRefs"][0]["weight"] = 70
    assert patches.failed_tests(now, change.operations())


@pytest.mark.parametrize("key", BOTH)
def test_pods_go_only_where_each_route_is_split_as_planned(plan: Plan, key: tuple[str, str]) -> None:
    lines = actions.of_step(step(plan, "promote-return", "promoted"), 0)
    held = [action for action in lines if isinstance(action, actions.Unchanged) and named(key)(action.part)]
    assert len(held) == 1
    now = cluster(plan, "promote-return")[held[0].part.key]
    assert not patches.failed_tests(now, held[0].tests)
    governed(now)[-1]["backendRefs"][0]["name"] = "shop-canary"
    assert patches.failed_tests(now, held[0].tests)
    first = next(number for number, action in enumerate(lines) if isinstance(action, actions.Make))
    assert lines.index(held[0]) < first


def routes_of(lines: list[actions.Action], kind: type) -> list[str]:
    found = (action for action in lines if isinstance(action, kind))
    parts = (action.route if kind is actions.Accepted else action.change.part for action in found)
    return [part.name for part in parts if part.is_route]


def test_forward_none_changes_where_one_would_be_refused_and_all_are_waited_for(plan: Plan) -> None:
    lines = actions.of_step(step(plan, "10%", "50%"), 30)
    assert routes_of(lines, actions.Fits) == ["storefront", "partners"]
    assert routes_of(lines, actions.Make) == ["storefront", "partners"]
    assert routes_of(lines, actions.Accepted) == ["storefront", "partners"]
    kinds = [
        type(action) for action in lines if isinstance(action, actions.Fits | actions.Make | actions.Accepted)
    ]
    order = [actions.Fits, actions.Make, actions.Accepted]
    assert kinds[-6:] == [kind for kind in order for _ in range(2)]


def test_back_both_change_before_anything_is_waited_for(plan: Plan) -> None:
    back = plan.find("rollback", "50%")
    lines = actions.of_step(steps.step(plan, Generator(), plan.find("50%"), back), 30)
    assert [type(action) for action in lines] == [
        actions.Make,
        actions.Make,
        actions.Accepted,
        actions.Accepted,
    ]


def test_lines_wait_for_the_acceptance_of_both(canary: Any, case: Path) -> None:
    flags = ("-f", case / "canary.yaml", "--from", "10%", "--to", "50%", "-o", "kubectl")
    printed = canary("patch", *flags).out
    for name in ("storefront", "partners"):
        wait = f"wait_until 'httproute {name} is not accepted by every parent after 3 minutes' 90 kubectl get"
        assert printed.count(wait) == 1
        assert printed.count(f"kubectl patch httproute {name} -n store --type=json") == 2
    assert printed.count("--dry-run=server") == 2
    assert printed.rindex("--dry-run=server") < printed.index("wait_until 'httproute")
    powershell = canary("patch", *flags, "--shell", "powershell").out
    assert powershell.count("--dry-run=server") == 2


def test_what_a_refused_way_back_says_is_true_of_both(plan: Plan) -> None:
    back = plan.find("rollback", "50%")
    lines = actions.of_step(steps.step(plan, Generator(), plan.find("50%"), back), 30)
    for style in (shells.Style("sh"), shells.Style("powershell")):
        printed = shells.block(lines, replace(style, refusal=shells.Refusal("back")))
        assert 1 == printed.count("and nothing was changed")
        assert 1 == printed.count("and nothing more was changed")
        assert 2 == printed.count("over what others have edited: ")


def test_a_folder_has_a_patch_for_each(canary: Any, case: Path, plan: Plan, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert 0 == canary("render", "-f", case / "canary.yaml", "-o", f"dir={out}").code
    for folder in ("rollback", "phases/05-50-percent/rollback"):
        names = {file.name for file in (out / folder).iterdir()}
        assert names == {
            "rollback.yaml",
            "rollback.sh",
            "rollback.httproute.storefront.patch.json",
            "rollback.httproute.partners.patch.json",
        }
        script = (out / folder / "rollback.sh").read_text()
        assert script.index("patch httproute partners") < script.index("wait_until 'httproute storefront")
    operations = json.loads((out / "rollback/rollback.httproute.partners.patch.json").read_text())
    before, now = (by_name(cluster(plan, name))[located(PARTNERS)[0]] for name in ("before", "10%"))
    assert patches.applied(now, operations)["spec"] == before["spec"]


def located(*routes: tuple[str, str]) -> tuple[Located, ...]:
    """Routes of the case, by kind and name."""
    return tuple(Located(kind, "store", name) for kind, name in routes)


# --- the cluster ----------------------------------------------------------------------


def by_name(objects: dict[Key, Object]) -> dict[Located, Object]:
    return {Located(*key[1:]): value for key, value in objects.items()}


def test_the_phase_is_told_from_both(plan: Plan) -> None:
    for phase in plan.phases[1:-1]:
        there = by_name(cluster(plan, phase.name))
        assert observed.phase(there, plan).name == phase.name
    there = by_name({**cluster(plan, "10%"), **only(plan, "50%", "partners")})
    found = observed.phase(there, plan)
    assert found.traffic.share == Fraction(1, 2)
    assert found.name == observed.SOMEWHERE


def only(plan: Plan, phase: str, route: str) -> dict[Key, Object]:
    return {key: value for key, value in cluster(plan, phase).items() if key[3] == route}


def test_routes_at_different_shares_are_in_no_phase(plan: Plan) -> None:
    there = {**cluster(plan, "10%"), **only(plan, "50%", "partners")}
    with pytest.raises(Refused) as refused:
        live_step(plan, Generator(), "50%", there)
    assert refused.value.findings[0].message == "the governed rules send 10% and 50% to the canary"


def test_who_resumes_leads_the_other_route_on(plan: Plan) -> None:
    there = {**cluster(plan, "10%"), **only(plan, "50%", "partners")}
    step, _ = live_step(plan, Generator(), "50%", there, resumes=True)
    assert [change.part.name for change in step.changes if change.part.is_route] == ["storefront"]
    back, _ = live_step(plan, Generator(), "10%", there, resumes=True)
    assert [change.part.name for change in back.changes if change.part.is_route] == ["partners"]
    with pytest.raises(Refused):
        live_step(plan, Generator(), "100%", there, resumes=True)


def test_nothing_rolls_stable_where_a_route_sends_to_it_still(plan: Plan) -> None:
    there = {**cluster(plan, "100%"), **only(plan, "50%", "partners")}
    with pytest.raises(Refused):
        live_step(plan, Generator(), "promote-roll", there, resumes=True)


def test_a_live_way_back_leads_out_of_any_two_shares(plan: Plan) -> None:
    there = {**cluster(plan, "10%"), **only(plan, "50%", "partners")}
    back, _ = live_step(plan, Generator(), "rollback", there)
    before = {known[::2]: value for known, value in by_name(cluster(plan, "before")).items()}
    for key in BOTH:
        change = patch_of(back, key)
        assert change.after.value["spec"] == before[key]["spec"]


def test_a_live_way_back_from_one_route_holds_the_other(plan: Plan) -> None:
    there = {**cluster(plan, "10%"), **only(plan, "before", "partners")}
    back, _ = live_step(plan, Generator(), "rolled-back", there)
    assert routes_of(actions.of_step(back, 30), actions.Make) == ["storefront"]
    lines = actions.of_step(back, 30)
    held = [action.part.name for action in lines if isinstance(action, actions.Unchanged)]
    assert held == ["partners"]
    removal = next(
        number
        for number, action in enumerate(lines)
        if isinstance(action, actions.Make) and action.change.action == "delete"
    )
    assert all(
        number < removal for number, action in enumerate(lines) if isinstance(action, actions.Unchanged)
    )


def test_live_patches_lead_on_in_both(plan: Plan) -> None:
    made, findings = live_step(plan, Generator(), "50%", cluster(plan, "10%"))
    assert not findings
    assert [change.part.name for change in made.changes if change.part.is_route] == ["storefront", "partners"]


def test_the_canarys_service_stays_where_a_rule_of_either_sends_to_it(plan: Plan) -> None:
    there = cluster(plan, "promote-return")
    rules = next(value for key, value in there.items() if key[3] == "partners")["spec"]["rules"]
    rules.append({"name": "theirs", "backendRefs": [{"name": "shop-canary", "port": 80}]})
    with pytest.raises(Refused) as refused:
        live_step(plan, Generator(), "promoted", there)
    assert str(refused.value.findings[0].where) == "HTTPRoute partners"


def test_nothing_to_go_back_from_names_both(plan: Plan) -> None:
    there = {key: value for key, value in cluster(plan, "10%").items() if key[1] != "HTTPRoute"}
    with pytest.raises(Refused) as refused:
        live_step(plan, Generator(), "rollback", there)
    assert (
        "there is no HTTPRoute storefront or HTTPRoute partners in store" in refused.value.findings[0].message
    )


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[list[Object]], None]:
    """A kubectl that answers with these objects."""
    program, answer = tmp_path / "kubectl", tmp_path / "answer"
    program.write_text(f"#!/bin/sh\ncat {shlex.quote(str(answer))}\n")
    program.chmod(0o755)
    monkeypatch.setenv("KUBECTL_PATH", str(program))
    return lambda objects: answer.write_text(json.dumps({"kind": "List", "items": objects}))  # type: ignore[return-value]


def test_a_check_explains_the_refusal_of_each(canary: Any, case: Path, plan: Plan, kubectl: Any) -> None:
    check = ("patch", "-f", case / "canary.yaml", "--from", "10%", "--to", "50%", "--check")
    there = by_name(cluster(plan, "10%"))
    kubectl([there[key] for key in located(*BOTH)])
    done = canary(*check)
    assert 0 == done.code
    assert all(f"httproute/{name} passes every guard" in done.err for _, name in BOTH)
    governed(there[located(PARTNERS)[0]])[-1]["backendRefs"][0]["weight"] = 70
    kubectl([there[key] for key in located(*BOTH)])
    done = canary(*check)
    assert 1 == done.code
    assert "httproute/storefront passes every guard" in done.err
    assert "refused: httproute/partners is not at 10% any more" in done.err
    kubectl([there[located(STOREFRONT)[0]]])
    done = canary(*check)
    assert "there is no HTTPRoute partners in store: nothing to check" in done.err


# --- two sets -------------------------------------------------------------------------


@pytest.fixture
def without_partners(case: Path) -> Plan:
    """The new set has no route for partners any more."""
    shutil.copytree(case / "k8s", case / "old")
    routes = case / "k8s/routes.yaml"
    routes.write_text(routes.read_text().split("---\n")[0])
    file = case / "canary.yaml"
    file.write_text(file.read_text().replace("from: k8s/", "from: k8s/\n    stable: old/"))
    return inputs.load([str(file)]).plan


def test_a_route_that_the_new_set_has_not_goes_with_promoted(without_partners: Plan) -> None:
    plan = without_partners
    assert [PARTNERS in at(plan, phase) for phase in plan.phases] == [*[True] * (len(plan.phases) - 1), False]
    lines = actions.of_step(step(plan, "promote-return", "promoted"), 30)
    assert routes_of(lines, actions.Accepted) == []
    gone = [action.change.part.name for action in lines if isinstance(action, actions.Make)]
    assert gone[0] == "partners"
    held = [action.part.name for action in lines if isinstance(action, actions.Unchanged)]
    assert "storefront" in held


# --- calls ----------------------------------------------------------------------------

HTTP, GRPC = ("HTTPRoute", "shop"), ("GRPCRoute", "shop")
HEADER = {"type": "Exact", "name": "x-canary", "value": "true"}


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    return Path(shutil.copytree(CALLS, tmp_path / "calls"))


@pytest.fixture
def called(calls: Path) -> Plan:
    return inputs.load([str(calls / "canary.yaml")]).plan


def test_routes_of_one_name_and_two_kinds_are_told_apart(called: Plan) -> None:
    assert called.application.routes == located(HTTP, GRPC)
    for phase in every_phase(called):
        there = at(called, phase)
        for rule in (there[HTTP]["spec"]["rules"][-1], there[GRPC]["spec"]["rules"][-1]):
            split = weights(rule)
            canary = split.get("shop-canary", 0)
            assert Fraction(canary, canary + split["shop"]) == phase.traffic.share, phase.name
        assert weights(there[GRPC]["spec"]["rules"][0]) == {"audit": 1}


def test_testers_of_calls_are_known_by_the_header_alone(called: Plan) -> None:
    rules = at(called, called.find("header-only"))[GRPC]["spec"]["rules"]
    assert [rule.get("name") for rule in rules] == [
        "audit",
        "orders-canary-testers-shop",
        "orders",
        "rule-canary-testers-shop",
        None,
    ]
    assert rules[3]["matches"] == [{"headers": [HEADER]}]
    place, cancel = rules[1]["matches"]
    assert place == {"method": {"service": "shop.Orders", "method": "Place"}, "headers": [HEADER]}
    assert [header["name"] for header in cancel["headers"]] == ["x-region", "x-canary"]


def test_calls_are_copied_by_a_filter(called: Plan) -> None:
    rules = at(called, called.find("mirror 20%"))[GRPC]["spec"]["rules"]
    assert [rule.get("name") for rule in rules] == ["audit", "orders", None]
    for rule in rules[1:]:
        (mirror,) = rule["filters"]
        assert mirror["requestMirror"]["backendRef"]["name"] == "shop-canary"
        assert mirror["requestMirror"]["percent"] == 20


def test_calls_have_no_http_methods(canary: Any, calls: Path) -> None:
    file = calls / "canary.yaml"
    file.write_text(file.read_text().replace("{mirror: 20%, methods: all}", "mirror 20%"))
    done = canary("plan", "-f", file)
    assert (1, "") == (done.code, done.out)
    assert "spec.phases[0]: `mirror 20%` mirrors GET, HEAD, OPTIONS, and GRPCRoute shop has calls" in done.err
    assert "write {mirror: 20%, methods: all}" in done.err


def test_a_kind_may_be_named_and_the_other_is_said(calls: Path) -> None:
    file = calls / "canary.yaml"
    for kind, other in (("GRPCRoute", "HTTPRoute"), ("HTTPRoute", "GRPCRoute")):
        named = f"from: k8s/\n    routes: [{{kind: {kind}, name: shop}}]"
        file.write_text((CALLS / "canary.yaml").read_text().replace("from: k8s/", named))
        plan = inputs.load([str(file)]).plan
        assert plan.application.routes == located((kind, "shop"))
        assert all(f" of {other} shop" in sender for sender in other_senders(plan.application))
        assert len(other_senders(plan.application)) == (1 if other == "HTTPRoute" else 2)
    file.write_text(
        (CALLS / "canary.yaml").read_text().replace("from: k8s/", "from: k8s/\n    routes: [{name: shop}]")
    )
    with pytest.raises(Refused) as refused:
        inputs.load([str(file)])
    assert (
        "HTTPRoute, GRPCRoute, TLSRoute or TCPRoute `shop` stands several times"
        in refused.value.findings[0].message
    )


def test_rules_of_both_kinds_have_names_in_the_same_releases() -> None:
    for version in catalog.in_order("gatewayAPI")[1:]:
        for channel in ("standard", "experimental"):
            target = catalog.Target(version, channel)
            named = {target.has(GATEWAY_API, kind, "spec", "rules", "name") for kind in REQUEST_KINDS}
            assert len(named) == 1, target


def test_live_the_phase_is_told_from_both_kinds(called: Plan) -> None:
    for phase in called.phases[1:-1]:
        assert observed.phase(by_name(cluster(called, phase.name)), called).name == phase.name
    back, _ = live_step(called, Generator(), "rollback", cluster(called, "50%"))
    assert [change.part.title for change in back.changes] == ["HTTPRoute shop", "GRPCRoute shop"]


def test_lines_wait_for_calls(canary: Any, calls: Path) -> None:
    printed = canary(
        "patch", "-f", calls / "canary.yaml", "--from", "10%", "--to", "50%", "-o", "kubectl"
    ).out
    assert "kubectl patch grpcroute shop -n store --type=json" in printed
    assert "wait_until 'grpcroute shop is not accepted by every parent" in printed
