"""Routes that send to what is no Service: InferencePools of the user's, and a Service of several clusters."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Result
from test_adoption import CASES, changed, documents_of, every_phase, release_of

Canary = Callable[..., Result]
CASE = CASES / "adopt-pools"
POOLS = "    inferencePool: {stable: llm, canary: llm-canary}\n"
IMPORT = "- {group: multicluster.x-k8s.io, kind: ServiceImport, name: llm, port: 80}"
EXPORTED = """\
apiVersion: v1
kind: Service
metadata: {name: llm, namespace: store}
spec:
  selector: {app: llm}
  ports: [{port: 80, targetPort: 8000}]
"""
EXPORT = """\
---
apiVersion: multicluster.x-k8s.io/v1alpha1
kind: ServiceExport
metadata: {name: llm, namespace: store}
"""
IMPORTED = """\
---
apiVersion: multicluster.x-k8s.io/v1alpha1
kind: ServiceImport
metadata: {name: llm, namespace: store}
spec: {type: ClusterSetIP, ips: [10.1.2.3], ports: [{port: 80}]}
"""
PLAIN = """\
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: near, namespace: store}
spec:
  parentRefs: [{name: public, namespace: infra}]
  hostnames: [near.example.com]
  rules:
  - backendRefs: [{name: llm, port: 80}]
"""


@pytest.fixture
def case(tmp_path: Path) -> Path:
    return Path(shutil.copytree(CASE, tmp_path / "case", ignore=shutil.ignore_patterns("expected")))


@pytest.fixture
def clusters(case: Path) -> Path:
    """The same application behind a Service that several clusters import."""
    changed(case, "canary.yaml", POOLS, "")
    (case / "k8s/pools.yaml").write_text(EXPORTED + EXPORT)
    route = "- group: inference.networking.k8s.io\n      kind: InferencePool\n      name: llm\n"
    changed(case, "k8s/route.yaml", route, f"{IMPORT}\n")
    return case


def split(rule: dict[str, Any]) -> dict[str, int | None]:
    return {ref["name"]: ref.get("weight") for ref in rule["backendRefs"]}


def refused(canary: Canary, case: Path) -> str:
    done = canary("render", "-f", case / "canary.yaml")
    assert (done.code, done.out) == (1, "")
    return done.err


def test_pools_are_split_in_every_phase_and_nothing_else_is_made() -> None:
    release = release_of(CASE)
    before = documents_of(release, release.plan.phases[0])
    found = {}
    for phase in every_phase(release):
        there = documents_of(release, phase)
        assert there.keys() - before.keys() <= {("Deployment", "llm-canary")}
        rules = there["HTTPRoute", "llm"]["spec"]["rules"]
        found[phase.name] = split(rules[-1])
        refs = [ref for rule in rules for ref in rule["backendRefs"]]
        assert {ref["kind"] for ref in refs} == {"InferencePool"}
        assert not any("port" in ref for ref in refs)
    assert found["10%"] == {"llm": 90, "llm-canary": 10}
    assert found["100%"] == {"llm": 0, "llm-canary": 100}
    assert found["deploy"] == found["promoted"] == found["rolled-back"] == {"llm": None}
    assert documents_of(release, release.plan.phases[-1]).keys() == before.keys()


def test_testers_and_mirrors_reach_the_pool_of_the_canary() -> None:
    release = release_of(CASE)
    testers = documents_of(release, release.plan.find("header-only"))["HTTPRoute", "llm"]["spec"]["rules"][0]
    assert split(testers) == {"llm-canary": 100}
    rule = documents_of(release, release.plan.find("mirror 20%"))["HTTPRoute", "llm"]["spec"]["rules"][0]
    target = rule["filters"][0]["requestMirror"]["backendRef"]
    assert target == {"group": "inference.networking.k8s.io", "kind": "InferencePool", "name": "llm-canary"}


def test_the_plan_names_no_service_of_a_pool(canary: Canary) -> None:
    said = canary("plan", "-f", CASE / "canary.yaml").out
    assert "+ Deployment llm-canary" in said
    assert "Service" not in said


REFUSED = [
    ("canary.yaml", "canary: llm-canary}", "canary: llm-canry}", "spec.adopt.inferencePool.canary: no InferencePool `llm-canry` in `from`; did you mean `llm-canary`?"),
    ("canary.yaml", "stable: llm,", "stable: lm,", "spec.adopt.inferencePool.stable: no InferencePool `lm` in `from`; did you mean `llm`?"),
    ("canary.yaml", "canary: llm-canary}", "canary: llm}", "stable's pool and the canary's are the same"),
    ("canary.yaml", POOLS, f"{POOLS}    service: llm\n", "`service` and `inferencePool` both"),
    ("canary.yaml", POOLS, f"{POOLS}    deployment: [{{name: llm}}]\n", "InferencePools of several Deployments"),
    ("canary.yaml", POOLS, f"{POOLS}    trackLabel: tier\n", "the selectors of Deployment and InferencePool do not share `tier`"),
    ("k8s/pools.yaml", "{app: llm-canary}", "{app: other}", "pools.yaml:13:14: spec.selector.matchLabels: InferencePool store/llm-canary selects by app: other: not the canary's pods alone; write spec.selector.matchLabels: {app: llm-canary}"),
    ("k8s/pools.yaml", "{app: llm}", "{app: other}", "InferencePool llm selects other pods than those of Deployment llm"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "message"), REFUSED)
def test_what_cannot_be_is_said_with_its_cure(
    canary: Canary, case: Path, file: str, old: str, new: str, message: str
) -> None:
    changed(case, file, old, new)
    assert message in refused(canary, case)


def test_a_pool_that_no_rule_sends_to_is_said(canary: Canary, case: Path) -> None:
    changed(case, "k8s/route.yaml", "      name: llm\n", "      name: other\n")
    assert "sends to InferencePool llm" in refused(canary, case)


def test_init_says_that_it_writes_none_for_pools(canary: Canary, case: Path) -> None:
    done = canary("init", "--from", case / "k8s", "-f", case / "new.yaml")
    assert (done.code, (case / "new.yaml").exists()) == (2, False)
    assert "routes send to InferencePool llm" in done.err


@pytest.mark.parametrize("imported", ["", IMPORTED])
def test_the_canary_is_exported_as_stable_is(clusters: Path, imported: str) -> None:
    (clusters / "k8s/pools.yaml").write_text(EXPORTED + EXPORT + imported)
    release = release_of(clusters)
    before = documents_of(release, release.plan.phases[0])
    there = documents_of(release, release.plan.find("10%"))
    assert {"Service", "ServiceExport", "Deployment"} | ({"ServiceImport"} if imported else set()) == {
        kind for kind, _ in there.keys() - before.keys()
    }
    assert split(there["HTTPRoute", "llm"]["spec"]["rules"][-1]) == {"llm": 90, "llm-canary": 10}
    refs = there["HTTPRoute", "llm"]["spec"]["rules"][-1]["backendRefs"]
    assert {(ref["kind"], ref["port"]) for ref in refs} == {("ServiceImport", 80)}
    if imported:
        assert "ips" not in there["ServiceImport", "llm-canary"]["spec"]
    assert documents_of(release, release.plan.phases[-1]).keys() == before.keys()


def test_a_route_to_the_service_beside_it_is_the_releases_too(clusters: Path) -> None:
    (clusters / "k8s/pools.yaml").write_text(EXPORTED + EXPORT + PLAIN)
    release = release_of(clusters)
    there = documents_of(release, release.plan.find("10%"))
    for name in ("llm", "near"):
        assert split(there["HTTPRoute", name]["spec"]["rules"][-1]) == {"llm": 90, "llm-canary": 10}


def test_other_clusters_are_said(canary: Canary, clusters: Path) -> None:
    done = canary("plan", "-f", clusters / "canary.yaml")
    assert done.code == 0
    assert (
        "the canary runs in this cluster alone, and its share is of what every cluster sends to llm"
        in done.err
    )


def test_without_an_export_nobody_would_import_the_canary(canary: Canary, clusters: Path) -> None:
    (clusters / "k8s/pools.yaml").write_text(EXPORTED)
    said = refused(canary, clusters)
    assert "a route sends to ServiceImport llm, and `from` has no ServiceExport of that name" in said
    assert "nobody would import llm-canary" in said


def test_an_export_of_the_canarys_name_is_in_the_way(canary: Canary, clusters: Path) -> None:
    (clusters / "k8s/pools.yaml").write_text(EXPORTED + EXPORT + EXPORT.replace("llm", "llm-canary"))
    assert "ServiceExport llm-canary is in the manifests already" in refused(canary, clusters)


def test_clusters_that_import_the_service_are_served_while_stable_rolls(
    clusters: Path, canary: Canary
) -> None:
    done = canary("plan", "-f", clusters / "canary.yaml")
    assert "(still serves ServiceExport llm)" in done.out


def test_an_import_needs_no_port(clusters: Path) -> None:
    changed(clusters, "k8s/route.yaml", "name: llm, port: 80}", "name: llm}")
    release = release_of(clusters)
    rule = documents_of(release, release.plan.find("50%"))["HTTPRoute", "llm"]["spec"]["rules"][-1]
    assert split(rule) == {"llm": 50, "llm-canary": 50}


def test_one_picker_for_both_pools_is_a_warning(case: Path, canary: Canary) -> None:
    assert "picker" not in canary("plan", "-f", case / "canary.yaml").err
    pools = (case / "k8s/pools.yaml").read_text()
    (case / "k8s/pools.yaml").write_text(
        pools.replace("llm-canary-picker", "llm-picker").replace("llm-canary-epp", "llm-epp")
    )
    assert "InferencePool llm-canary has stable's picker" in canary("plan", "-f", case / "canary.yaml").err
