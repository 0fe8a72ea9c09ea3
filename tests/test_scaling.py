"""Autoscalers: replicas are nobody's in our documents, and are handed over without a reset to 1."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT, Cluster, Result

from kubectl_canary.commands import inputs
from kubectl_canary.release.plan import surge

Canary = Callable[..., Result]
CASE = ROOT / "tests/cases/autoscaled/canary.yaml"
PLAIN = (
    CASE.read_text()
    .replace(CASE.read_text().partition("  autoscaling:\n")[2].partition("  disruption")[0], "")
    .replace("  autoscaling:\n", "")
)


def documents(canary: Canary, file: Path, *flags: str) -> dict[str, dict[str, Any]]:
    found = yaml.safe_load_all(canary("render", "-f", file, "--skip", *flags).out)
    return {f"{one['kind']} {one['metadata']['name']}": one for one in found}


def test_each_version_is_scaled_by_its_own_and_stable_is_held_while_it_is_the_way_back(
    canary: Canary,
) -> None:
    held = {}
    for phase in (
        "before",
        "deploy",
        "header-only",
        "25%",
        "100%",
        "promote-roll",
        "promote-return",
        "promoted",
    ):
        found = documents(canary, CASE, "--phase", phase)
        assert not [
            name for name, one in found.items() if name.startswith("Deploy") and "replicas" in one["spec"]
        ]
        stable = found["HorizontalPodAutoscaler shop-stable"]["spec"]
        assert (3, 10) == (stable["minReplicas"], stable["maxReplicas"])
        assert 120 == stable["behavior"]["scaleDown"]["stabilizationWindowSeconds"]
        held[phase] = stable["behavior"]["scaleDown"].get("selectPolicy")
        if phase in ("25%", "100%", "promote-roll"):
            assert 4 == found["HorizontalPodAutoscaler shop-canary"]["spec"]["minReplicas"]
    assert ["25%", "100%", "promote-roll", "promote-return"] == [
        name for name, text in held.items() if text == "Disabled"
    ]


def test_a_budget_is_one_that_the_canary_can_keep(canary: Canary) -> None:
    found = documents(canary, CASE, "--phase", "deploy")
    budgets = [found[f"PodDisruptionBudget shop-{track}"]["spec"] for track in ("stable", "canary")]
    assert [2, 0] == [one["minAvailable"] for one in budgets]
    assert [{"app": "shop", "version": track} for track in ("stable", "canary")] == [
        one["selector"]["matchLabels"] for one in budgets
    ]


def test_where_others_scale_stable_the_plan_says_for_how_many_pods_it_is_proved(
    canary: Canary, tmp_path: Path
) -> None:
    file = tmp_path / "canary.yaml"
    file.write_text(
        PLAIN.replace("replicas: 4", "replicas: external").replace(
            "tag: v1.1.0", "tag: v1.1.0\n    replicas: 6"
        )
    )
    plan = canary("plan", "-f", file)
    assert "Stable is scaled by others: no share outruns its pods up to 6 pods of stable.\n" in plan.out
    assert "At most" not in plan.out
    assert json.loads(canary("plan", "-f", file, "-o", "json").out)["peakPods"] is None
    found = documents(canary, file, "--phase", "25%")
    assert "replicas" not in found["Deployment shop-stable"]["spec"]
    assert 6 == found["Deployment shop-canary"]["spec"]["replicas"]


@pytest.mark.parametrize(
    ("strategy", "pods"),
    [
        ({}, 113), ({"type": "Recreate"}, 100), ({"rollingUpdate": {"maxSurge": 1}}, 101),
        ({"rollingUpdate": {"maxSurge": "10%"}}, 105), ({"rollingUpdate": {"maxUnavailable": 1}}, 113),
    ],
)  # fmt: skip
def test_the_peak_counts_the_surge_of_a_rolling_stable(
    tmp_path: Path, strategy: dict[str, Any], pods: int
) -> None:
    text = (
        PLAIN.replace("replicas: 4", "replicas: 50") + f"  deployment: {{strategy: {json.dumps(strategy)}}}\n"
    )
    (tmp_path / "canary.yaml").write_text(text)
    assert pods == inputs.load([str(tmp_path / "canary.yaml")]).plan.peak()
    assert pods - 100 == surge({"strategy": strategy}, 50)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("replicas: 4", "replicas: external", "`external` and `spec.autoscaling`: two would scale the same pods"),
        ("replicas: 4", "replicas: 11", "spec.stable.replicas: 11 is more than spec.autoscaling.maxReplicas, 10"),
        ("replicas: 4", "replicas: 2", "spec.stable.replicas: 2 is less than spec.autoscaling.minReplicas, 3"),
        ("minReplicas: 3", "minReplicas: 11", "spec.autoscaling.minReplicas: 11 is more than maxReplicas, 10"),
        ("minAvailable: 2", "minAvailable: 2, maxUnavailable: 1", "spec.disruptionBudget: say either `minAvailable` or `maxUnavailable`"),
        ("minReplicas: 3", "min: 3", "spec.autoscaling.min: unknown key; known are `minReplicas`, `maxReplicas`"),
        ("averageUtilization: 70", "averageUtilization: 0", "spec.autoscaling.metrics[0].resource.target.averageUtilization"),
    ],
)  # fmt: skip
def test_scalers_that_cannot_be(canary: Canary, tmp_path: Path, old: str, new: str, said: str) -> None:
    text = CASE.read_text()
    assert old in text
    (tmp_path / "canary.yaml").write_text(text.replace(old, new))
    result = canary("render", "-f", tmp_path / "canary.yaml")
    assert (1, "") == (result.code, result.out)
    assert said in result.err


# --- the real API server ----------------------------------------------------------


def replicas(cluster: Cluster, namespace: str) -> int:
    found = cluster.kubectl("get", "deployment", "shop-stable", "-n", namespace, "-o", "json").stdout
    return int(json.loads(found)["spec"]["replicas"])


@pytest.mark.parametrize(
    "flags", [(), ("--server-side", "--field-manager=gitops")], ids=["kubectl", "server-side"]
)
@pytest.mark.parametrize("handed_over", [False, True])
def test_replicas_are_reset_unless_the_printed_lines_hand_them_over(
    canary: Canary,
    cluster: Cluster,
    namespace: str,
    tmp_path: Path,
    flags: tuple[str, ...],
    handed_over: bool,
) -> None:
    file, out = tmp_path / "canary.yaml", tmp_path / "out"
    folder = ("--all", "-o", f"dir={out}", "-n", namespace)
    file.write_text(PLAIN)
    assert 0 == canary("render", "-f", file, *folder).code
    cluster.kubectl("apply", *flags, "-f", str(out / "phases/00-before"))
    assert 4 == replicas(cluster, namespace)
    file.write_text(CASE.read_text())
    refused = canary("render", "-f", file, *folder)
    assert (1, "") == (refused.code, refused.out)
    lines = refused.err.splitlines()
    if handed_over:
        title = (
            "Where Argo CD or Flux apply it, server-side:" if flags else "Where `kubectl apply` applies it:"
        )
        start = lines.index(title) + 1
        command = "\n".join(lines[start : start + 2])
        environment = {
            **cluster.environment(),
            "PATH": f"{cluster.kubectl_path.parent}:/usr/bin:/bin",
            "PYTHONPATH": str(ROOT),
        }
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert 0 == canary("render", "-f", file, *folder, "--replicas-handed-over").code
    cluster.kubectl("apply", *flags, "-f", str(out / "phases/00-before"))
    assert (4 if handed_over else 1) == replicas(cluster, namespace)
