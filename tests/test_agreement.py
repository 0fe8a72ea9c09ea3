"""Our verdicts beside the real API server's: a sample; `make agreement` is the whole."""

from __future__ import annotations

from typing import Any

import agreement
import pytest
from conftest import Cluster

from kubectl_canary.admission import catalog, verdict

TARGET = catalog.Target()
SAMPLE = 700


@pytest.fixture(scope="module")
def server(cluster: Cluster) -> agreement.Server:
    found = agreement.Server(cluster.kubeconfig)
    found.discover()
    return found


def test_a_sample_gets_the_verdict_of_the_api_server(server: agreement.Server) -> None:
    found = agreement.compared(server, TARGET, agreement.sample(TARGET, SAMPLE))
    assert [] == found.disagreements
    assert 200 < found.accepted
    assert 300 < found.refused


def test_upstreams_invalid_examples_are_refused() -> None:
    folder = agreement.crds(TARGET).parents[2] / "hack/invalid-examples/standard"
    files = sorted(folder.rglob("*.yaml"))
    assert 20 < len(files)
    for file in files:
        documents = [one for one in agreement.yaml.safe_load_all(file.read_text()) if one]
        assert any(verdict.judge(one, TARGET) for one in documents), file.name


BUILT_IN = {
    "Deployment": {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "a"},
        "spec": {
            "selector": {"matchLabels": {"app": "a"}},
            "template": {
                "metadata": {"labels": {"app": "a"}},
                "spec": {"containers": [{"name": "a", "image": "a", "ports": [{"containerPort": 80}]}]},
            },
        },
    },
    "Service": {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "a"},
        "spec": {"selector": {"app": "a"}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
    },
}


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("Deployment", ("spec", "replicas"), 3),
        ("Deployment", ("spec", "replicas"), "3"),
        ("Deployment", ("spec", "replicas"), 2**31),
        ("Deployment", ("spec", "replicaz"), 3),
        ("Deployment", ("spec", "selector"), None),
        ("Deployment", ("spec", "template", "spec", "containers", 0, "image"), 1),
        ("Deployment", ("spec", "template", "spec", "containers", 0, "env"), [{"name": "A", "value": 1}]),
        ("Deployment", ("spec", "template", "spec", "containers", 0, "resources"), {"limits": {"cpu": 1, "memory": "1Gi"}}),
        ("Deployment", ("spec", "template", "metadata", "labels", "version"), 1),
        ("Deployment", ("spec", "strategy"), {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}}),
        ("Deployment", ("metadata", "name"), "A"),
        ("Deployment", ("metadata", "labels"), {"a b": "c"}),
        ("Deployment", ("metadata", "annotations"), {"a": None}),
        ("Service", ("metadata", "name"), "1a"),
        ("Service", ("metadata", "name"), "a.b"),
        ("Service", ("spec", "ports", 0, "port"), "80"),
        ("Service", ("spec", "ports", 0, "targetPort"), 8080),
        ("Service", ("spec", "ports", 0, "prot"), "TCP"),
        ("Service", ("spec", "selector"), {"app": None}),
        ("Service", ("spec", "selector"), ["app"]),
    ],
)  # fmt: skip
def test_built_in_kinds_get_the_verdict_of_the_api_server(
    server: agreement.Server, kind: str, path: tuple[str | int, ...], value: Any
) -> None:
    document: Any = agreement.json.loads(agreement.json.dumps(BUILT_IN[kind]))
    holder = document
    for part in path[:-1]:
        holder = holder.setdefault(part, {}) if isinstance(holder, dict) else holder[part]
    holder[path[-1]] = value
    assert bool(server.refusal(document)) is bool(verdict.judge(document, TARGET))
