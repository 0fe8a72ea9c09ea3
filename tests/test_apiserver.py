"""Every phase and every way between phases, through kubectl into a real API server."""

from __future__ import annotations

import itertools
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, Cluster

from kubectl_canary.commands import inputs
from kubectl_canary.release.plan import Phase, PhaseKind, Plan
from kubectl_canary.release.ways import step_problem

RELEASE = """\
apiVersion: kubectl-canary/v1alpha1
kind: Canary
metadata: {name: my-app}
spec:
  image: registry.example.com/my-app
  stable: {tag: v1.0.0, replicas: 3}
  canary: {tag: v1.1.0}
  container:
    port: 8080
    readinessProbe: {httpGet: {path: /health, port: 8080}, initialDelaySeconds: 5, periodSeconds: 5}
  route:
    hostnames: [app.example.com]
    matches: [{path: {value: /}}, {path: {type: Exact, value: /status}, method: GET}]
    timeouts: {request: 10s}
    gateway: {name: production-gw, create: {className: istio, tls: {secret: my-app-tls, only: true}}}
  phases: [mirror 20%, mirror 33.33%, header-only, 0.01%, 5%, 25%, 50%, 100%]
  phase: before
"""
CANARY = f"{sys.executable} -m kubectl_canary"


@pytest.fixture
def canary_file(tmp_path: Path) -> Path:
    path = tmp_path / "canary.yaml"
    path.write_text(RELEASE)
    return path


class Release:
    """A release in one namespace, moved with the pipes that a user types."""

    def __init__(self, cluster: Cluster, namespace: str, file: Path) -> None:
        self.cluster, self.namespace, self.file = cluster, namespace, file
        self.plan: Plan = inputs.load([str(file)], namespace=namespace).plan

    def shell(self, line: str) -> str:
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", line],
            cwd=ROOT,
            env=self.cluster.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stderr}"
        return done.stdout

    def render(self, phase: Phase, *flags: str) -> str:
        asked = shlex.join(["--phase", phase.name, *flags])
        return f"{CANARY} render -f {self.file} -n {self.namespace} {asked}"

    def go(self, phase: Phase) -> None:
        """Apply a phase, delete what the phase before it had, and hold the cluster against the documents."""
        kubectl = self.cluster.kubectl_path
        self.shell(f"{self.render(phase)} | {kubectl} apply -f -")
        if phase.canary_replicas == 0:
            self.shell(f"{self.render(phase, '--removed')} | {kubectl} delete --ignore-not-found -f -")
        documents = json.loads(self.shell(self.render(phase, "-o", "json")))["items"]
        live = self.cluster.live(self.namespace)
        assert {(one["kind"], one["metadata"]["name"]) for one in documents} == set(live)
        for document in documents:
            same(document, live[document["kind"], document["metadata"]["name"]])
        assert self.shell(f"{self.render(phase)} | {kubectl} diff -f -") == ""


def same(document: dict[str, Any], live: dict[str, Any]) -> None:
    """Custom resources are equal to the last field; of built-in kinds, every field that we print."""
    if document["kind"] in ("Gateway", "HTTPRoute"):
        assert document["spec"] == live["spec"]
    assert difference(document, live, document["kind"]) == []
    assert document["metadata"].get("annotations", {}) == {
        key: value
        for key, value in live["metadata"].get("annotations", {}).items()
        if key != "kubectl.kubernetes.io/last-applied-configuration"
    }
    assert document["metadata"]["labels"] == live["metadata"]["labels"]


def difference(document: Any, live: Any, path: str) -> list[str]:
    if isinstance(document, dict) and isinstance(live, dict):
        return [
            d for key, value in document.items() for d in difference(value, live.get(key), f"{path}.{key}")
        ]
    if isinstance(document, list) and isinstance(live, list) and len(document) == len(live):
        return [
            d
            for index, (one, other) in enumerate(zip(document, live, strict=True))
            for d in difference(one, other, f"{path}[{index}]")
        ]
    return [] if document == live else [f"{path}: {live!r} is not {document!r}"]


def ways(plan: Plan) -> Iterator[tuple[Phase, Phase]]:
    """Every pair of phases that may follow each other (V4)."""
    everything = (*plan.phases, *plan.ways_back())
    for start in everything:
        for to in everything:
            if start is not to and step_problem(start, to) is None:
                yield start, to


def walk(plan: Plan) -> list[Phase]:
    """A walk over every way, each taken at least once, found by always taking an unused way that is near."""
    unused: dict[Phase, list[Phase]] = {}
    for start, to in ways(plan):
        unused.setdefault(start, []).append(to)
    neighbours = {start: list(goals) for start, goals in unused.items()}
    at = plan.phases[0]
    path = [at]
    while any(unused.values()):
        for step in shortest(at, unused, neighbours):
            if step in unused[at]:
                unused[at].remove(step)
            path.append(step)
            at = step
    return path


def shortest(
    at: Phase, unused: dict[Phase, list[Phase]], neighbours: dict[Phase, list[Phase]]
) -> list[Phase]:
    """The steps to the nearest phase that has an unused way, and that way."""
    queue: list[list[Phase]] = [[]]
    seen = {at}
    while queue:
        steps = queue.pop(0)
        here = steps[-1] if steps else at
        if unused.get(here):
            return [*steps, unused[here][0]]
        for following in neighbours[here]:
            if following not in seen:
                seen.add(following)
                queue.append([*steps, following])
    raise AssertionError("a way that nothing leads to")


def test_a_release_goes_through_every_phase_and_leaves_nothing_of_ours(
    cluster: Cluster, namespace: str, canary_file: Path
) -> None:
    release = Release(cluster, namespace, canary_file)
    for phase in release.plan.phases:
        release.go(phase)
    live = cluster.live(namespace)
    assert not [name for _, name in live if "canary" in name and name != "my-app-canary-route"]
    route = live["HTTPRoute", "my-app-canary-route"]
    assert "kubectl-canary" not in json.dumps(route["spec"])
    assert ["kubectl-canary/governs"] == [key for key in route["metadata"]["annotations"] if "canary" in key]
    before, promoted = release.plan.phases[0], release.plan.phases[-1]
    pruned = [release.shell(release.render(phase, "--only", "route")) for phase in (before, promoted)]
    assert pruned[0] == pruned[1]


def test_every_step_back_goes_through(cluster: Cluster, namespace: str, canary_file: Path) -> None:
    release = Release(cluster, namespace, canary_file)
    phases = [phase for phase in release.plan.phases if phase.kind is not PhaseKind.PROMOTED]
    for phase in (*phases, *reversed(phases[:-1])):
        release.go(phase)


def test_every_rollback_goes_through_and_leaves_nothing_of_ours(
    cluster: Cluster, namespace: str, canary_file: Path
) -> None:
    release = Release(cluster, namespace, canary_file)
    before, rolled_back = release.plan.phases[0], release.plan.find("rolled-back")
    release.go(before)
    original = cluster.live(namespace)
    for phase in [one for one in release.plan.phases if one.canary_replicas]:
        release.go(phase)
        if phase.kind in (PhaseKind.PROMOTE_ROLL, PhaseKind.PROMOTE_RETURN):
            release.go(release.plan.find("rollback-promotion", phase.name))
            release.go(release.plan.find("rollback", "100%"))
        else:
            release.go(release.plan.find("rollback", phase.name))
        release.go(rolled_back)
        live = cluster.live(namespace)
        assert {key: value["spec"] for key, value in original.items()} == {
            key: value["spec"] for key, value in live.items()
        }


def test_every_jump_that_is_safe_goes_through(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    file = tmp_path / "canary.yaml"
    every_kind = "phases: [mirror 20%, header-only, 5%, 50%]"
    file.write_text(re.sub("phases: .*", every_kind, RELEASE))
    release = Release(cluster, namespace, file)
    taken = walk(release.plan)
    assert set(ways(release.plan)) <= set(itertools.pairwise(taken))
    kubectl = cluster.kubectl_path
    for phase in taken:
        release.shell(f"{release.render(phase)} | {kubectl} apply -f -")
        if phase.canary_replicas == 0:
            release.shell(f"{release.render(phase, '--removed')} | {kubectl} delete --ignore-not-found -f -")
        assert release.shell(f"{release.render(phase)} | {kubectl} diff -f -") == ""


def test_removing_nothing_is_no_error_for_kubectl(
    cluster: Cluster, namespace: str, canary_file: Path
) -> None:
    release = Release(cluster, namespace, canary_file)
    release.go(release.plan.phases[0])
    release.shell(
        f"{release.render(release.plan.find('5%'), '--removed')} | {cluster.kubectl_path} delete -f -"
    )
    assert len(cluster.live(namespace)) == 4


@pytest.mark.parametrize("case", sorted((ROOT / "tests/cases").iterdir()), ids=lambda case: case.name)
def test_the_api_server_accepts_every_golden_document(backends: Cluster, case: Path) -> None:
    """As a server-side dry run with strict fields; `before` creates, so objects need no other."""
    for file in sorted((case / "expected").iterdir()):
        text = file.read_text(encoding="utf-8")
        namespaces = {
            line.split(":")[1].strip().strip('"')
            for line in text.splitlines()
            if line.startswith("  namespace:")
        }
        for name in namespaces:
            backends.kubectl("create", "namespace", name, check=False)
        backends.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", stdin=text)
