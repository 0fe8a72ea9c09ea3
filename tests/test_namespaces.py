"""Routes in other namespaces than the Service: the grants that let them in, and what tells them from others."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Result
from test_adoption import CASES, changed, every_phase, release_of

from kubectl_canary.api.defaults import defaulted
from kubectl_canary.reading.release import Release
from kubectl_canary.release import grants, observed
from kubectl_canary.release.application import SERVICE_API, Located
from kubectl_canary.release.plan import Phase
from kubectl_canary.release.reach import other_senders
from kubectl_canary.rendering.generator import Generator
from kubectl_canary.rendering.live import live_step
from kubectl_canary.rendering.objects import planned

Canary = Callable[..., Result]
Object = dict[str, Any]
CASE = CASES / "adopt-namespaces"
EDGE, NEAR = Located("HTTPRoute", "store-edge", "shop"), Located("HTTPRoute", "store", "shop")
STATUS = Located("HTTPRoute", "store-edge", "status")
GRANT = Located("ReferenceGrant", "store", "from-the-edge-canary")


@pytest.fixture
def case(tmp_path: Path) -> Path:
    return Path(shutil.copytree(CASE, tmp_path / "case", ignore=shutil.ignore_patterns("expected")))


def at(release: Release, phase: Phase) -> dict[Located, Object]:
    documents = Generator().render(planned(release.plan.application, phase))
    return {document.part.located: document.value for document in documents}


def weights(route: Object) -> dict[str, int]:
    return {ref["name"]: ref.get("weight", 1) for ref in route["spec"]["rules"][-1]["backendRefs"]}


def test_routes_of_both_namespaces_are_split_and_that_of_another_service_is_not() -> None:
    release = release_of(CASE)
    assert release.plan.application.routes == (EDGE, NEAR)
    there = at(release, release.plan.find("10%"))
    assert weights(there[EDGE]) == {"shop": 90, "shop-canary": 10}
    assert weights(there[NEAR]) == {"shop": 27, "shop-canary": 3, "archive": 10}
    assert there[STATUS] == at(release, release.plan.phases[0])[STATUS]
    assert {ref["namespace"] for ref in there[EDGE]["spec"]["rules"][-1]["backendRefs"]} == {"store"}


def test_the_canary_is_granted_as_long_as_a_route_elsewhere_may_send_to_it() -> None:
    release = release_of(CASE)
    for phase in every_phase(release):
        there = at(release, phase)
        assert (GRANT in there) == bool(phase.canary_replicas)
        if phase.canary_replicas:
            assert there[GRANT]["spec"]["to"] == [{"group": "", "kind": "Service", "name": "shop-canary"}]
            assert grants.lets_in(there[GRANT], EDGE, SERVICE_API, "shop-canary")


def test_a_grant_for_every_service_needs_no_copy(case: Path) -> None:
    changed(
        case,
        "k8s/app.yaml",
        '    - {group: "", kind: Service, name: shop}\n',
        '    - {group: "", kind: Service}\n',
    )
    assert GRANT not in at(release_of(case), release_of(case).plan.full)


def test_the_grant_that_stands_is_followed_and_not_the_one_to_come(case: Path) -> None:
    shutil.copytree(case / "k8s", case / "old")
    changed(case, "canary.yaml", "from: k8s/", "from: k8s/\n    stable: old/")
    changed(
        case,
        "k8s/app.yaml",
        '    - {group: "", kind: Service, name: shop}\n',
        '    - {group: "", kind: Service}\n',
    )
    assert GRANT in at(release_of(case), release_of(case).plan.full)
    changed(case, "k8s/app.yaml", "  name: from-the-edge\n", "  name: for-everyone\n")
    assert GRANT in at(release_of(case), release_of(case).plan.full)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("kind: HTTPRoute, namespace: store-edge", "kind: GRPCRoute, namespace: store-edge"),
        ("kind: HTTPRoute, namespace: store-edge", "kind: HTTPRoute, namespace: edge"),
        ("kind: Service, name: shop}", "kind: Service, name: shopping}"),
        ("kind: Service, name: shop}", "kind: Secret, name: shop}"),
        ("  name: from-the-edge\n  namespace: store\n", "  name: from-the-edge\n  namespace: other\n"),
    ],
)
def test_a_route_that_nobody_lets_in_is_refused(case: Path, canary: Canary, old: str, new: str) -> None:
    changed(case, "k8s/app.yaml", old, new)
    done = canary("plan", "-f", case / "canary.yaml")
    assert (done.code, done.out) == (1, "")
    assert (
        "rule 1 of HTTPRoute shop in store-edge sends to Service shop in store, and no ReferenceGrant lets it"
        in done.err
    )


def test_a_route_is_named_by_its_namespace_where_two_have_its_name(case: Path) -> None:
    changed(
        case, "canary.yaml", "from: k8s/", "from: k8s/\n    routes: [{name: shop, namespace: store-edge}]"
    )
    application = release_of(case).plan.application
    assert application.routes == (EDGE,)
    assert other_senders(application) == ["rule 0 of HTTPRoute shop"]
    changed(case, "canary.yaml", ", namespace: store-edge", "")
    assert release_of(case).plan.application.routes == (NEAR,)


def test_live_each_route_is_told_by_its_namespace() -> None:
    release = release_of(CASE)
    plan = release.plan
    for phase in plan.phases[1:-1]:
        assert observed.phase(at(release, phase), plan).name == phase.name
    documents = Generator().render(planned(plan.application, plan.find("50%")))
    objects = {document.part.key: document.value for document in documents}
    back, _ = live_step(plan, Generator(), "rollback", objects)
    assert [change.part.located for change in back.changes] == [EDGE, NEAR]


def test_a_policy_on_a_rule_elsewhere_is_copied_there(case: Path) -> None:
    policy = """\
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: SecurityPolicy
metadata: {name: signed-in, namespace: %s}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: shop, sectionName: shop}]
"""
    (case / "k8s/policies.yaml").write_text(policy % "store-edge" + policy % "other")
    release = release_of(case)
    there = at(release, release.plan.find("header-only"))
    copied = there[Located("SecurityPolicy", "store-edge", "signed-in-canary")]
    assert [ref["sectionName"] for ref in copied["spec"]["targetRefs"]] == ["shop-canary-testers-shop"]
    assert Located("SecurityPolicy", "other", "signed-in-canary") not in there


def test_what_is_elsewhere_and_looks_after_pods_there_is_not_copied(case: Path) -> None:
    budget = "---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: shop, namespace: %s}\n"
    spec = "spec: {maxUnavailable: 1, selector: {matchLabels: {app: shop}}}\n"
    (case / "k8s/budgets.yaml").write_text(budget % "store" + spec + budget % "other" + spec)
    there = at(release_of(case), release_of(case).plan.full)
    names = [key.namespace for key in there if key.kind == "PodDisruptionBudget" and "canary" in key.name]
    assert names == ["store"]


def test_a_fault_before_the_release_is_one_of_its_clones_too(case: Path, canary: Canary) -> None:
    """Lint says of the mirror's clone what it says of the rule that it is cloned from."""
    done = canary("validate", case / "canary.yaml")
    assert done.code == 0, done.out
    assert "no Service `archive` here" in done.out


def test_the_plan_says_where_each_route_is(canary: Canary) -> None:
    done = canary("plan", "-f", CASE / "canary.yaml")
    assert "through HTTPRoute shop in store-edge, shop in store\n" in done.out


def test_patches_of_two_routes_of_one_name_lie_beside_one_another(tmp_path: Path, canary: Canary) -> None:
    canary("render", "-f", CASE / "canary.yaml", "--all", "-o", f"dir={tmp_path / 'out'}")
    names = {file.name for file in (tmp_path / "out").rglob("rollback.httproute*.patch.json")}
    assert names == {
        "rollback.httproute.shop.store-edge.patch.json",
        "rollback.httproute.shop.store.patch.json",
    }


def test_a_route_is_checked_against_its_own_patch(tmp_path: Path, canary: Canary) -> None:
    release = release_of(CASE)
    route = at(release, release.plan.find("10%"))[NEAR]
    there = defaulted(route, release.plan.application.target)
    (tmp_path / "route.json").write_text(json.dumps(there))
    flags = ("-f", CASE / "canary.yaml", "--from", "10%", "--to", "50%", "--check", tmp_path / "route.json")
    done = canary("patch", *flags)
    assert (done.code, done.err) == (0, "httproute/shop passes every guard: the patch fits\n")


def test_a_third_backend_of_the_same_name_beside_the_route_keeps_its_share(case: Path) -> None:
    ours = "{name: shop, namespace: store, port: 80}"
    changed(case, "k8s/edge.yaml", f"[{ours}]", f"[{ours}, {{name: shop, port: 80}}]")
    route = at(release_of(case), release_of(case).plan.find("10%"))[EDGE]
    refs = route["spec"]["rules"][-1]["backendRefs"]
    split = [(ref["name"], ref.get("namespace"), ref["weight"]) for ref in refs]
    assert split == [("shop", "store", 9), ("shop-canary", "store", 1), ("shop", None, 10)]


def test_a_grant_that_goes_while_its_route_stays_is_refused(case: Path, canary: Canary) -> None:
    shutil.copytree(case / "k8s", case / "old")
    changed(case, "canary.yaml", "from: k8s/", "from: k8s/\n    stable: old/")
    app = case / "k8s/app.yaml"
    app.write_text(app.read_text().split("---\n# who may")[0])
    done = canary("plan", "-f", case / "canary.yaml")
    assert (done.code, done.out) == (1, "")
    assert (
        "rule 1 of HTTPRoute shop in store-edge sends to Service shop in store, and no ReferenceGrant"
        in done.err
    )
    edge = case / "k8s/edge.yaml"
    edge.write_text("---\n".join(edge.read_text().split("---\n")[1:]))
    changed(case, "canary.yaml", "stable: old/", "stable: old/\n    routes: [{name: shop, namespace: store}]")
    assert canary("plan", "-f", case / "canary.yaml").code == 0


@pytest.mark.parametrize("group", ["gateway.networking.k8s.io", "example.com"])
def test_a_grant_is_for_routes_of_one_group(group: str) -> None:
    grant = {
        "spec": {
            "from": [{"group": group, "kind": "HTTPRoute", "namespace": "store-edge"}],
            "to": [{"group": "", "kind": "Service"}],
        }
    }
    assert grants.lets_in(grant, EDGE, SERVICE_API, "shop") == (group == "gateway.networking.k8s.io")


def test_an_object_in_two_versions_is_refused(case: Path, canary: Canary) -> None:
    """As one of another version it would be made, and deleted as what runs."""
    shutil.copytree(case / "k8s", case / "old")
    changed(case, "canary.yaml", "from: k8s/", "from: k8s/\n    stable: old/")
    changed(case, "k8s/app.yaml", "gateway.networking.k8s.io/v1beta1", "gateway.networking.k8s.io/v1")
    done = canary("plan", "-f", case / "canary.yaml")
    assert (done.code, done.out) == (1, "")
    v1 = "gateway.networking.k8s.io/v1"
    assert f"ReferenceGrant from-the-edge is {v1}beta1 in what runs, and {v1} in `from`" in done.err


def test_a_policy_that_alone_says_the_namespace_is_refused(case: Path, canary: Canary) -> None:
    for file in ("app", "edge"):
        text = (case / f"k8s/{file}.yaml").read_text()
        (case / f"k8s/{file}.yaml").write_text(
            text.replace("  namespace: store\n", "").replace("namespace: store, ", "")
        )
    changed(case, "canary.yaml", "from: k8s/", "from: k8s/\n    routes: [{name: shop, rules: [0]}]")
    (case / "k8s/edge.yaml").write_text((case / "k8s/edge.yaml").read_text().split("---\n")[1])
    policy = "apiVersion: a.io/v1\nkind: JWT\nmetadata: {name: jwt%s}\nspec: {targetRef: {kind: HTTPRoute, name: shop}}\n"
    (case / "k8s/policy.yaml").write_text(policy % "")
    assert canary("plan", "-f", case / "canary.yaml").code == 0
    (case / "k8s/policy.yaml").write_text(policy % ", namespace: store")
    done = canary("plan", "-f", case / "canary.yaml")
    assert (done.code, done.out) == (1, "")
    assert "JWT store/jwt says its namespace, and the Deployment says none" in done.err
    assert canary("plan", "-f", case / "canary.yaml", "-n", "store").code == 0


def test_the_plan_says_who_is_past_the_release(case: Path, canary: Canary) -> None:
    changed(case, "k8s/edge.yaml", "hostnames: [status.example.com]", "hostnames: [shop.example.com]")
    changed(
        case, "canary.yaml", "from: k8s/", "from: k8s/\n    routes: [{name: shop, namespace: store-edge}]"
    )
    done = canary("plan", "-f", case / "canary.yaml")
    past = done.out.partition("Past the release, in every phase:\n")[2].splitlines()[:4]
    assert past == [
        "  HTTPRoute status in store-edge takes requests of the same hosts",
        "  rule 0 of HTTPRoute shop sends to stable",
        "  what names Service shop inside the cluster is answered by stable",
        "  connections that are open stay with the pods that they have",
    ]
    listed = json.loads(canary("plan", "-f", case / "canary.yaml", "-o", "json").out)["past"]
    assert listed == {
        "sameHosts": ["HTTPRoute status in store-edge"],
        "senders": ["rule 0 of HTTPRoute shop"],
        "services": ["Service shop"],
    }


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("{name: shop, namespace: edge}", "`shop` in edge; there is one in `store-edge`, `store`"),
        ("{name: status}", ""),
        ("{name: stat}", "no HTTPRoute, GRPCRoute, TLSRoute or TCPRoute `stat` in the manifests"),
    ],
)
def test_a_name_that_is_not_there_is_said_with_where_it_is(
    case: Path, canary: Canary, named: str, message: str
) -> None:
    changed(case, "canary.yaml", "from: k8s/", f"from: k8s/\n    routes: [{named}]")
    done = canary("plan", "-f", case / "canary.yaml")
    assert (done.code, done.out) == (1, "")
    assert message in done.err


def test_a_name_in_two_other_namespaces_is_asked_for(case: Path, canary: Canary) -> None:
    edge = (case / "k8s/edge.yaml").read_text()
    (case / "k8s/more.yaml").write_text(edge.split("---\n")[2].replace("store-edge", "other"))
    changed(case, "canary.yaml", "from: k8s/", "from: k8s/\n    routes: [{name: status}]")
    done = canary("plan", "-f", case / "canary.yaml")
    assert (done.code, done.out) == (1, "")
    assert "`status` stands several times" in done.err
    assert "say which by `kind` or `namespace`" in done.err
