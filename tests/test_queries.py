"""`queries`: what gates ask, as text and as rules."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT, Result

from kubectl_canary.release import metrics

FILE = """\
apiVersion: kubectl-canary/v1alpha1
kind: Canary
metadata: {name: shop}
spec:
  image: registry.example.com/shop
  stable: {tag: v1}
  canary: {tag: v2}
  container: {port: 8080}
  route: {gateway: {name: gw}}
  prometheus: {url: "http://p", gateway: GATEWAY}
  gates:
    - {metric: error-rate, max: 0.01}
    - {metric: latency, maxRatio: 1.2, slack: 0.05, min: 0.001}
    - {name: 'a "b"', query: 'up{job="x"}', min: 1, interval: 10s}
    - {command: ["true"]}
  phases: [5%, {weight: 50%, gates: [{metric: request-rate, min: 5}]}]
"""


@pytest.fixture
def queries(canary: Callable[..., Result], canary_yaml: Callable[[str], Path]) -> Callable[..., Result]:
    def call(*words: str, gateway: str = "contour") -> Result:
        canary_yaml(FILE.replace("GATEWAY", gateway))
        return canary("queries", *words)

    return call


def test_each_gate_is_printed_once_with_its_phases_and_sides(queries: Callable[..., Result]) -> None:
    result = queries("-n", "web")
    assert (0, "") == (result.code, result.err)
    blocks = result.out.split("\n\n")
    assert [
        "# error-rate, at 5%, 50%, 100%, promote-roll",
        "# latency 0.99, at 5%, 50%, 100%, promote-roll",
        '# a "b", at 5%, 50%, 100%, promote-roll',
        "# request-rate, at 50%",
    ] == [block.splitlines()[0] for block in blocks]
    assert [2, 4, 2, 2] == [len(block.splitlines()) - 1 for block in blocks]
    assert 'envoy_cluster_name=~"web_(shop-canary)_[0-9]+"' in blocks[0]
    assert "shop-stable" in blocks[1].partition("# stable")[2]
    assert "shop-stable" not in blocks[1].partition("# stable")[0]


def test_without_a_namespace_it_is_said_which_one_is_meant(queries: Callable[..., Result]) -> None:
    result = queries()
    assert "default_(shop-canary)" in result.out
    assert "-n names another" in result.err


@pytest.mark.parametrize("gateway", metrics.GATEWAYS)
def test_rules_have_a_record_for_each_side_and_an_alert_for_each_bound(
    queries: Callable[..., Result], gateway: str
) -> None:
    (group,) = yaml.safe_load(queries("-n", "web", "-o", "rules", gateway=gateway).out)["groups"]
    assert "kubectl-canary-web-shop" == group["name"]
    records = [rule for rule in group["rules"] if "record" in rule]
    alerts: list[dict[str, Any]] = [rule for rule in group["rules"] if "alert" in rule]
    assert [
        ("error-rate", "canary"), ("latency 0.99", "canary"), ("latency 0.99", "stable"), ('a "b"', "canary"),
        ("request-rate", "canary"),
    ] == [(rule["labels"]["gate"], rule["labels"]["side"]) for rule in records]  # fmt: skip
    assert [False, False, True, False, False] == ["shop-stable" in rule["expr"] for rule in records]
    assert ["> 0.01", "< 0.001", "+ 0.05)", "< 1", "< 5"] == [
        f"{rule['expr'].split()[-2]} {rule['expr'].split()[-1]}" for rule in alerts
    ]
    assert 'gate="a \\"b\\""' in alerts[3]["expr"]
    assert ["30s", "30s", "30s", "10s", "30s"] == [rule["for"] for rule in alerts]


def test_where_no_gate_asks_prometheus_there_is_nothing_to_print(
    canary: Callable[..., Result], canary_yaml: Callable[[str], Path]
) -> None:
    canary_yaml(FILE.partition("  prometheus:")[0])
    result = canary("queries")
    assert (2, "") == (result.code, result.out)
    assert "no gate of this release asks Prometheus" in result.err


def test_the_examples_of_the_page_run(queries: Callable[..., Result]) -> None:
    page = (ROOT / "docs/verbs/queries.md").read_text().partition("```sh\n")[2].partition("```")[0]
    commands = [shlex.split(line)[3:] for line in page.splitlines() if line.startswith("kubectl canary")]
    assert [[], ["-o", "rules"]] == commands
    assert all(queries(*words).code == 0 for words in commands)
