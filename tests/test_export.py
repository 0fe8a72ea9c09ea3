"""`export`: the objects of another tool on standard output, what it cannot do on standard error, each at its place."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, Cluster, Result

from kubectl_canary.commands.export import TOOLS
from kubectl_canary.integrations.exporters import DESTINATIONS
from kubectl_canary.integrations.importers import NEIGHBOURS

Canary = Callable[..., Result]
EXAMPLE = ROOT / "examples/my-app/canary.yaml"
CASES = ROOT / "tests/cases"
WITH_DEFINITIONS = ("argo-rollouts", "flagger")  # those of OpenKruise cannot be had


def test_each_tool_is_one_that_is_imported_from() -> None:
    assert list(TOOLS) == [known.name for known in DESTINATIONS]
    assert {*TOOLS} < {known.name for known in NEIGHBOURS}


@pytest.mark.parametrize("tool", TOOLS)
def test_objects_are_printed_and_losses_are_said_at_their_places(canary: Canary, tool: str) -> None:
    result = canary("export", tool, "-f", EXAMPLE)
    assert result.code == 0
    objects = list(yaml.safe_load_all(result.out))
    assert all(known["metadata"]["namespace"] == "production" for known in objects)
    listed = json.loads(canary("export", tool, "-f", EXAMPLE, "-o", "json").out)
    assert (listed["kind"], listed["items"]) == ("List", objects)
    losses = json.loads(canary("export", tool, "-f", EXAMPLE, "-o", "losses").out)
    said = [line for line in result.err.splitlines() if line.startswith(f"{tool}-")]
    assert len(said) == len(losses) > 0
    assert all(re.match(rf"{tool}-[a-z-]+: \S*canary\.yaml:\d+:\d+: warning: spec", line) for line in said), (
        said
    )
    limits = next(known for known in DESTINATIONS if known.name == tool).limits
    assert {loss["rule"].removeprefix(f"{tool}-") for loss in losses} <= limits.keys()
    assert all(loss["line"] > 0 for loss in losses)


@pytest.mark.parametrize("tool", TOOLS)
def test_the_new_version_is_another_image_alone(canary: Canary, tool: str) -> None:
    """Applied again, all else would undo what the tool has shifted and scaled meanwhile."""
    first = canary("export", tool, "-f", EXAMPLE, "-o", "json")
    assert "apply them once" in first.err
    second = canary("export", tool, "-f", EXAMPLE, "--canary", "-o", "json")
    assert "apply them once" not in second.err
    old, new = (json.loads(known.out)["items"] for known in (first, second))
    (changed,) = new
    assert (changed["kind"], "v1.1.0" in str(changed)) == (
        "Deployment" if tool != "argo-rollouts" else "Rollout",
        True,
    )
    assert json.loads(json.dumps(changed).replace("v1.1.0", "v1.0.0")) in old


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["helm"], "'helm' is not one of 'argo-rollouts', 'flagger', 'kruise'"),
        (["flagger", "-f", str(CASES / "adopt-together/canary.yaml")], "are released together"),
        (["argo-rollouts", "-f", "fleet.yaml"], "a fleet is many releases"),
        (["kruise", "-f", str(CASES / "adopt-pools/canary.yaml")], "InferencePool"),
    ],
)
def test_what_cannot_be_exported_is_refused_with_a_cure(
    canary: Canary, words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    target = {"name": "here", "file": "canary.yaml"}
    fleet = {"waves": [{"name": "all", "targets": [target]}]}
    head = {"apiVersion": "kubectl-canary/v1alpha1", "kind": "Fleet", "metadata": {"name": "my-app"}}
    Path("fleet.yaml").write_text(json.dumps({**head, "spec": fleet}))
    result = canary("export", *words)
    assert (2, "") == (result.code, result.out)
    assert message in result.err
    assert len(result.err.splitlines()) > 2, result.err


@pytest.fixture(params=WITH_DEFINITIONS)
def tool(request: pytest.FixtureRequest, cluster: Cluster) -> Iterator[str]:
    """A tool whose kinds the cluster knows meanwhile."""
    with cluster.knowing(request.param):
        yield request.param


@pytest.mark.cluster
def test_the_api_server_takes_the_objects_of_every_case(
    canary: Canary, tool: str, cluster: Cluster, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = {*cluster.kubectl("api-versions").stdout.split()}  # not that of ServiceExports
    taken = 0
    for case in sorted(CASES.iterdir()):
        monkeypatch.chdir(case)
        for words in ((), ("--canary",)):
            result = canary("export", tool, "-o", "json", *words)
            if result.code == 0:
                objects = [
                    known for known in json.loads(result.out)["items"] if known["apiVersion"] in served
                ]
                for known in objects:
                    known["metadata"]["namespace"] = namespace
                text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
                cluster.kubectl("apply", "--dry-run=server", "-f", "-", stdin=text)
                taken += 1
            else:
                assert (2, "") == (result.code, result.out), result.err
    assert taken > 20


@pytest.mark.parametrize("tool", TOOLS)
def test_what_another_namespace_has_of_the_same_name_stays_as_it_is(
    canary: Canary, tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "examples/shop", tmp_path, dirs_exist_ok=True)
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}
    others = [
        {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
         "spec": {"scaleTargetRef": target, "maxReplicas": 9}},
        {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
         "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "shop"}}}},
        {"apiVersion": "v1", "kind": "Service",
         "spec": {"selector": {"app": "x"}, "ports": [{"port": 80}]}},
    ]  # fmt: skip
    named = [
        {**known, "metadata": {"name": f"shop-canary{known['kind'][:1].lower()}", "namespace": "other"}}
        for known in others
    ]
    before = canary("export", tool, "-n", "store", "-o", "json")
    assert before.code == 0, before.err
    Path("k8s/other.yaml").write_text(yaml.safe_dump_all(named))
    after = canary("export", tool, "-n", "store", "-o", "json")
    assert after.code == 0, after.err
    kept = [
        known for known in json.loads(after.out)["items"] if known["metadata"].get("namespace") == "other"
    ]
    assert [(known["kind"], known["spec"]) for known in kept] == [
        (known["kind"], known["spec"]) for known in named
    ]
    ours = [
        known for known in json.loads(after.out)["items"] if known["metadata"].get("namespace") != "other"
    ]
    assert ours == json.loads(before.out)["items"]
