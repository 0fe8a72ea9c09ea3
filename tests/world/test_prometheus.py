"""Gates that ask a real Prometheus, which reads each gateway's own metrics."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import build
import pytest
import yaml
from living import Release
from supervisor import METRICS
from world import ROOT, World

from kubectl_canary.release import metrics

pytestmark = pytest.mark.long
PORT, ADDRESS = 9090, "127.0.0.1"
QUICK = {"window": "10s", "interval": "3s", "passes": 1, "measurements": 2}
ERRORS = {"metric": "error-rate", "max": 0.01, "requests": 50, **QUICK}
LATENCY = {"metric": "latency", "quantile": 0.9, "maxRatio": 2, "slack": 0.02, **QUICK}


@pytest.mark.parametrize("gateway", metrics.GATEWAYS)
def test_promtool_reads_the_rules(tmp_path: Path, gateway: str) -> None:
    gates = [
        {"metric": name, "max": 1, "maxRatio": 1.2} for name in ("error-rate", "latency", "request-rate")
    ]
    settings = {"gates": gates, "prometheus": {"url": "http://p", "gateway": gateway}}
    words = [f"--set=spec.{key}={json.dumps(value)}" for key, value in settings.items()]
    command = [
        sys.executable,
        "-m",
        "kubectl_canary",
        "queries",
        "-f",
        ROOT / "examples/my-app/canary.yaml",
        *words,
    ]
    rules = subprocess.run(
        [*command, "-o", "rules"], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout
    (tmp_path / "rules.yml").write_text(rules)
    promtool = build.ensure("prometheus") / "usr/bin/promtool"
    done = subprocess.run(
        [promtool, "check", "rules", tmp_path / "rules.yml"], capture_output=True, text=True, check=False
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    assert "12 rules found" in done.stdout


@pytest.fixture
def prometheus(world: World, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """A Prometheus that reads the gateway's metrics every two seconds; what a canary file says of it."""
    address, path = METRICS[world.gateway]
    job = {"job_name": "gateway", "metrics_path": path, "static_configs": [{"targets": [address]}]}
    every = {"scrape_interval": "2s", "scrape_timeout": "2s"}
    config = tmp_path / "prometheus.yml"
    config.write_text(yaml.safe_dump({"global": every, "scrape_configs": [job]}))
    program = build.ensure("prometheus") / "usr/bin/prometheus"
    words = [program, f"--config.file={config}", f"--storage.tsdb.path={tmp_path}/data"]
    with subprocess.Popen([*words, f"--web.listen-address={ADDRESS}:{PORT}", "--log.level=error"]) as process:
        wait_until_ready()
        yield {
            "url": f"http://{ADDRESS}:{PORT}", "gateway": world.gateway, "scrapeInterval": "2s", "retries": 0,
        }  # fmt: skip
        process.terminate()


def wait_until_ready() -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://{ADDRESS}:{PORT}/-/ready", timeout=1):
                return
        except OSError:
            time.sleep(0.2)
    raise TimeoutError("Prometheus is not ready")


def a_release(world: World, folder: Path, prometheus: dict[str, Any], manner: str, *gates: Any) -> Release:
    """A release whose canary's pods have this manner, with these gates."""
    canary = {
        "tag": "v1.1.0",
        "podMetadata": {"annotations": {"world/pod": manner, "world/ready-after": "0.5"}},
    }
    phases = [{"weight": "20%", "pause": "15s"}, {"weight": "50%", "pause": "15s"}]
    return Release(world, folder, canary=canary, prometheus=prometheus, gates=list(gates), phases=phases)


def test_a_healthy_canary_is_promoted(world: World, tmp_path: Path, prometheus: dict[str, Any]) -> None:
    release = a_release(world, tmp_path, prometheus, "", ERRORS, LATENCY)
    with world.load(release.namespace.host, rate=300):
        done = release.ask("run", "--report", str(tmp_path / "report.json"))
    print(done.stderr)
    assert (0, "promoted") == (done.returncode, release.phase), done.stderr
    measured = json.loads((tmp_path / "report.json").read_text())["measured"]
    errors = [found for found in measured if found["gate"] == "error-rate" and found["verdict"] == "passed"]
    assert {"20%", "50%", "100%", "promote-roll"} == {found["phase"] for found in errors}
    compared = [found for found in measured if found["gate"].startswith("latency") and "stable" in found]
    assert {"20%", "50%", "100%", "promote-roll"} == {found["phase"] for found in compared}


@pytest.mark.parametrize(("manner", "gate"), [("failing", ERRORS), ("slow", LATENCY)])
def test_a_bad_canary_is_taken_back(
    world: World, tmp_path: Path, prometheus: dict[str, Any], manner: str, gate: dict[str, Any]
) -> None:
    release = a_release(world, tmp_path, prometheus, manner, gate)
    with world.load(release.namespace.host, rate=300):
        done = release.ask("run", "--on-inconclusive=stop")
    print(done.stderr)
    assert (5, [], "before") == (done.returncode, release.left, release.phase), done.stderr


def test_a_canary_without_pods_does_not_pass(
    world: World, tmp_path: Path, prometheus: dict[str, Any]
) -> None:
    """Envoy counts what it answers itself; Traefik does not, and then there is too little data."""
    release = a_release(world, tmp_path, prometheus, "", {**ERRORS, "name": "errors"})
    release.do("apply", "--phase=deploy")
    release.do("apply", "--phase=20%")
    with world.load(release.namespace.host, rate=300, gets_only=True):
        time.sleep(15)
        healthy = release.ask("check", "--phase=20%")
        release.kubectl("scale", "deployment", "my-app-canary", "--replicas=0")
        time.sleep(15)
        broken = release.ask("check", "--phase=20%")
    print(healthy.stdout, broken.stdout)
    assert (0, {"traefik": 6, "contour": 1}[world.gateway]) == (healthy.returncode, broken.returncode)
