"""Two releases on one route, each with a rule of its own: neither touches what is the other's."""

from __future__ import annotations

import functools
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from conftest import Cluster
from hypothesis import given, settings
from hypothesis import strategies as st
from test_live import canary, send
from test_plan import documents, planned

from kubectl_canary.commands import inputs
from kubectl_canary.release import changes, overlay, patches
from kubectl_canary.release import documents as release_documents
from kubectl_canary.release.plan import Plan
from kubectl_canary.rendering import objects, steps
from kubectl_canary.rendering.generator import Generator
from kubectl_canary.rendering.live import live_step

NAMES = ("shop", "cart")
VERSIONS = ("v1.0", "v1.3", "v1.4", "v1.7")
ROUTE = "HTTPRoute front"
Document = dict[str, Any]


def canary_file(name: str, version: str, namespace: str = "web") -> Document:
    return {
        "apiVersion": "kubectl-canary/v1alpha1",
        "kind": "Canary",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "image": f"registry.example.com/{name}",
            "stable": {"tag": "1", "replicas": 4},
            "canary": {"tag": "2"},
            "container": {"port": 8080},
            "route": {
                "name": "front",
                "gateway": {"name": "gw"},
                "matches": [{"path": {"value": f"/{name}"}}],
            },
            "phases": ["header-only", "5%", "25%", "50%", "100%"],
            "gatewayAPI": {"version": version},
        },
    }


@functools.cache
def plan_of(name: str, version: str) -> Plan:
    return planned(canary_file(name, version))


def both(found: dict[str, Document], has_names: bool) -> Document:
    """A route with the rule of each, and one that is nobody's between."""
    one, other = (found[name] for name in NAMES)
    pair = [
        {**route["spec"]["rules"][0], **({"name": name} if has_names else {})}
        for name, route in zip(NAMES, (one, other), strict=True)
    ]
    nobodys = {
        "matches": [{"path": {"type": "Exact", "value": "/nobodys"}}],
        "backendRefs": [{"name": "n", "port": 80}],
    }
    annotations = {**one["metadata"]["annotations"], **other["metadata"]["annotations"], "example.com/a": "b"}
    return {
        **one,
        "metadata": {**one["metadata"], "annotations": annotations},
        "spec": {**one["spec"], "rules": [pair[0], nobodys, pair[1]]},
    }


def part(route: Document, name: str) -> tuple[list[Document], dict[str, str]]:
    """What belongs to a release on a route: the rules for its path, and the annotations with its name."""
    rules = [rule for rule in route["spec"]["rules"] if rule["matches"][0]["path"]["value"] == f"/{name}"]
    own = {key: text for key, text in route["metadata"]["annotations"].items() if key.endswith(f".{name}")}
    return rules, own


def canary_share(route: Document, name: str) -> Fraction:
    weights = {ref["name"]: ref.get("weight", 1) for ref in part(route, name)[0][-1]["backendRefs"]}
    return Fraction(weights.get(f"{name}-canary", 0), sum(weights.values()))


MOVES = st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 11)), min_size=1, max_size=12)


@settings(max_examples=80)
@given(st.sampled_from(VERSIONS), MOVES)
def test_releases_move_in_any_order_and_leave_each_other_alone(
    version: str, moves: list[tuple[str, int]]
) -> None:
    plans = {name: plan_of(name, version) for name in NAMES}
    route = both(
        {name: documents(made, made.phases[0])[ROUTE] for name, made in plans.items()}, version >= "v1.4"
    )
    for name, number in moves:
        other = next(one for one in NAMES if one != name)
        made = plans[name]
        everything = (*made.phases, *made.ways_back())
        phase = everything[number % len(everything)]
        wanted, findings = overlay.route(route, made.application, phase)
        assert [] == findings
        assert part(route, other) == part(wanted, other)
        assert phase.traffic.share == canary_share(wanted, name)
        assert 1 + phase.traffic.testers == len(part(wanted, name)[0])
        assert ["/nobodys"] == [
            rule["matches"][0]["path"]["value"]
            for rule in wanted["spec"]["rules"]
            if "type" in rule["matches"][0]["path"] and rule["matches"][0]["path"]["type"] == "Exact"
        ]
        for operations in (patches.patch(route, wanted), patches.patch_back(route, wanted)):
            assert [] == patches.failed_tests(route, operations)
            assert wanted == patches.applied(route, operations)
        route = wanted
    back = route
    for made in plans.values():
        back, _ = overlay.route(back, made.application, made.phases[0])
    first = both(
        {name: documents(made, made.phases[0])[ROUTE] for name, made in plans.items()}, version >= "v1.4"
    )
    assert first["spec"] == back["spec"]
    assert first["metadata"]["annotations"] == back["metadata"]["annotations"]


WAY = [("shop", "deploy"), ("cart", "deploy"), ("shop", "header-only"), ("cart", "5%"), ("shop", "5%"), ("cart", "25%"),
       ("shop", "rollback"), ("cart", "50%"), ("shop", "25%"), ("cart", "rolled-back"), ("shop", "50%")]  # fmt: skip


@pytest.mark.parametrize("version", ["v1.0", "v1.3", "v1.7"])
def test_real_commands_leave_each_other_alone_in_a_cluster(
    cluster: Cluster, namespace: str, tmp_path: Path, version: str
) -> None:
    plans, items = {}, []
    for name in NAMES:
        (tmp_path / name).mkdir()
        file = canary_file(name, version, namespace)
        (tmp_path / name / "canary.yaml").write_text(json.dumps(file))
        plans[name] = planned(file)
        items += [
            one for title, one in documents(plans[name], plans[name].phases[0]).items() if title != ROUTE
        ]
    found = {name: documents(made, made.phases[0])[ROUTE] for name, made in plans.items()}
    listed = {"apiVersion": "v1", "kind": "List", "items": [*items, both(found, version >= "v1.4")]}
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(listed))
    for name, to in WAY:
        other = next(one for one in NAMES if one != name)
        before = cluster.live(namespace)["HTTPRoute", "front"]
        done = canary(cluster, tmp_path / name, "patch", "--to", to, "--live", "--skip")
        assert 0 == done.returncode, f"{name} → {to}: {done.stderr}"
        send(cluster, namespace, json.loads(done.stdout))
        after = cluster.live(namespace)["HTTPRoute", "front"]
        assert part(before, other) == part(after, other)
        share = Fraction(0) if to.startswith("roll") else plans[name].find(to).traffic.share
        assert share == canary_share(after, name)


# --- adopted, by rules without names ----------------------------------------------------

ADOPTED = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME, namespace: web}
spec:
  selector: {matchLabels: {app: NAME}}
  template: {metadata: {labels: {app: NAME}}, spec: {containers: [{name: app, image: "NAME:v1"}]}}
---
apiVersion: v1
kind: Service
metadata: {name: NAME, namespace: web}
spec: {selector: {app: NAME}, ports: [{port: 80}]}
---
"""
FRONT = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: front, namespace: web}
spec:
  parentRefs: [{name: gw}]
  rules:
  - {matches: [{path: {type: PathPrefix, value: /shop}}], backendRefs: [{name: shop, port: 80}]}
  - {matches: [{path: {type: PathPrefix, value: /cart}}], backendRefs: [{name: cart, port: 80}]}
"""


def adopting(folder: Path, name: str, version: str, manifests: str) -> Plan:
    """The plan of a file that adopts manifests, and names the second rule by its number."""
    (folder / "set.yaml").write_text(manifests)
    adopt = {
        "from": "set.yaml",
        "deployment": name,
        "routes": [{"name": "front", "rules": [NAMES.index(name)]}],
    }
    phases = ["header-only", "10%", "100%"]
    spec = {"adopt": adopt, "canary": {"tag": "v2"}, "phases": phases, "gatewayAPI": {"version": version}}
    file = {
        "apiVersion": "kubectl-canary/v1alpha1",
        "kind": "Canary",
        "metadata": {"name": name},
        "spec": spec,
    }
    (folder / f"{name}.yaml").write_text(json.dumps(file))
    return inputs.load([str(folder / f"{name}.yaml")]).plan


def rendered(plan: Plan, phase: str) -> list[release_documents.Document]:
    return Generator().render(objects.planned(plan.application, plan.find(phase)))


@pytest.mark.parametrize("version", VERSIONS)
def test_rules_without_names_are_counted_without_clones_of_another_release(
    version: str, tmp_path: Path
) -> None:
    manifests = "".join(ADOPTED.replace("NAME", name) for name in NAMES) + FRONT
    shop, cart = (adopting(tmp_path, name, version, manifests) for name in NAMES)
    front = next(document for document in rendered(shop, "header-only") if document.part.is_route)
    there = {document.part.key: document.value for document in rendered(cart, "header-only")}
    there[front.part.key] = steps.applied(front, shop.application).value
    made, _ = live_step(cart, Generator(), "header-only", there)
    (change,) = made.changes
    assert isinstance(change, changes.Alteration)
    back, _ = live_step(cart, Generator(), "rollback", {**there, front.part.key: change.after.value})
    assert [one.after.value["spec"] for one in back.changes] == [there[front.part.key]["spec"]]
    chained = adopting(tmp_path, "cart", version, manifests.replace(FRONT, json.dumps(front.value)))
    (laid,) = [document.value for document in rendered(chained, "10%") if document.part.is_route]
    assert laid["spec"]["rules"][-1]["backendRefs"][1]["weight"] == 10
    assert laid["spec"]["rules"][: len(front.value["spec"]["rules"]) - 1] == front.value["spec"]["rules"][:-1]
