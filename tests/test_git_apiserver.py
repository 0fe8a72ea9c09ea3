"""After each commit of a release the folder, applied to a real API server, is the phase that was committed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from conftest import Cluster
from controllers import Controllers
from test_git_verbs import ADOPTS, APP, FILE, Project, project

__all__ = ["project"]  # a fixture


class Engine:
    """Brings a folder into a namespace, and takes away what it has no more: as a GitOps engine does that prunes."""

    def __init__(self, there: Project, cluster: Cluster, namespace: str) -> None:
        self.there, self.cluster, self.namespace = there, cluster, namespace
        self.known: set[str] = set()

    def sync(self) -> None:
        words = ("apply", "--server-side", "-n", self.namespace, "-o", "name", "-f", "out/current")
        now = set(self.cluster.kubectl(*words).stdout.split())
        gone = sorted(self.known - now)
        if gone:
            self.cluster.kubectl("delete", "-n", self.namespace, "--wait=false", *gone)
        self.known = now

    @property
    def phase(self) -> str:
        status: dict[str, Any] = json.loads(self.there.canary("status", "-o", "json").out)
        return str(status["phase"])


@pytest.fixture
def engine(
    project: Callable[..., Project], cluster: Cluster, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Engine]:
    def make(text: str, **more: str) -> Engine:
        monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
        monkeypatch.setenv("KUBECTL_PATH", str(cluster.kubectl_path))
        placed = {
            name: one.replace("metadata: {name: ", f"metadata: {{namespace: {namespace}, name: ")
            for name, one in more.items()
        }
        there = project(
            text.replace("metadata: {name: ", f"metadata: {{namespace: {namespace}, name: "), **placed
        )
        there.do("render", "--all", "-o", "dir=out")
        there.has({})
        return Engine(there, cluster, namespace)

    return make


def go(engine: Engine, verb: str, until: Callable[[str], bool]) -> list[str]:
    """Step by step; after each commit the cluster is where the file says. The phases that it went through."""
    gone = []
    while not until(engine.there.file):
        engine.there.do(verb, "--commit", "--now")
        engine.sync()
        declared = [line for line in engine.there.file.splitlines() if line.startswith("  phase: ")]
        if declared:
            gone.append(declared[0].removeprefix("  phase: "))
            assert engine.phase == meant(gone[-1])
    return gone


def meant(declared: str) -> str:
    """The phase that the objects of a declared one are in: `deploy` is where a way back has only the route back."""
    if declared.startswith("rollback from"):
        return "deploy" if "100%" not in declared and "50%" not in declared else declared
    return {"rolled-back": "before"}.get(declared, declared)


def is_over(file: str) -> bool:
    return "phase: " not in file


@pytest.mark.parametrize("which", ["greenfield", "adopted"])
def test_each_commit_is_its_phase_in_the_cluster(engine: Callable[..., Engine], which: str) -> None:
    sync = engine(FILE) if which == "greenfield" else engine(ADOPTS, **{"k8s/app.yaml": APP})
    sync.sync()
    sync.there.do("start", "v2", "--commit")
    sync.sync()
    assert sync.phase == "deploy"
    phases = ["25%" if which == "greenfield" else "50%", "100%", "promote-roll", "promote-return", "promoted"]
    assert phases == go(sync, "advance", is_over)
    images = {
        container["image"]
        for (kind, _), value in sync.cluster.live(sync.namespace).items()
        if kind == "Deployment"
        for container in value["spec"]["template"]["spec"]["containers"]
    }
    assert images == {"example.com/shop:v2" if which == "greenfield" else "example.com/app:v2"}


def endpoints(sync: Engine, number: int) -> None:
    """So many ready endpoints for each Service."""
    for side in ("stable", "canary"):
        metadata = {"name": side, "labels": {"kubernetes.io/service-name": f"shop-{side}"}}
        addresses = [
            {"addresses": [f"10.0.0.{last}"], "conditions": {"ready": True}} for last in range(1, number + 1)
        ]
        slices = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": metadata}
        slices |= {"addressType": "IPv4", "endpoints": addresses, "ports": [{"name": "http", "port": 8080}]}
        sync.cluster.kubectl("apply", "-n", sync.namespace, "-f", "-", stdin=json.dumps(slices))


def until_synced(sync: Engine) -> str:
    """The answer once it is yes; controllers write what they see some moments later."""
    deadline = time.monotonic() + 30
    while (done := sync.there.canary("check", "--synced")).code and time.monotonic() < deadline:
        time.sleep(0.2)
    assert done.code == 0, done.out
    return str(done.out)


def test_whether_a_phase_has_arrived_is_asked_of_the_cluster(engine: Callable[..., Engine]) -> None:
    sync = engine(FILE)
    sync.there.do("start", "v2", "--commit")
    sync.sync()
    done = sync.there.canary("check", "--synced", "-o", "json")
    found = json.loads(done.out)
    assert (1, "deploy", False) == (done.code, found["phase"], found["synced"])
    assert "Deployment shop-stable has 0 of 4 pods ready" in found["problems"][0]["text"]
    with Controllers(sync.cluster, sync.namespace):
        endpoints(sync, 4)
        assert "`deploy` is in the cluster, and settled\n" == until_synced(sync)
        sync.there.do("advance", "--commit", "--now")
        said = sync.there.canary("check", "--synced")
        assert (1, True) == (said.code, "HTTPRoute shop-canary-route is not as `25%` has it" in said.out)
        sync.sync()
        assert "`25%` is in the cluster, and settled\n" == until_synced(sync)
        sync.there.do("abort", "--commit")
        assert 1 == sync.there.canary("check", "--synced").code
        sync.sync()
        assert "`rollback from 25%` is in the cluster" in until_synced(sync)
        assert "measures no gate" in sync.there.refuses("check", "errors", "--synced", code=2)
