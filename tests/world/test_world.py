"""The world is as a cluster would be, also where things go wrong."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest
from world import Namespace, World

# the words of `world/pod`: phase, readiness, and why the container or the pod waits
BEHAVIOURS = {
    "rude": ("Running", "True", ""),
    "crashing": ("Running", "False", "CrashLoopBackOff"),
    "no-image": ("Pending", "False", "ImagePullBackOff"),
    "never-ready": ("Running", "False", ""),
    "unschedulable": ("Pending", None, "Unschedulable"),
}


@pytest.mark.short_on("traefik")
def test_pods_behave_as_they_are_told(world: World) -> None:
    namespace = world.namespace()
    pods = [pod(name) for name in BEHAVIOURS]
    world.kubectl("-n", namespace, "apply", "-f", "-", stdin="\n---\n".join(map(json.dumps, pods)))
    world.kubectl("-n", namespace, "expose", "pod", "rude", "--port=80", "--name=all", "--selector=app=all")
    world.kubectl("-n", namespace, "wait", "--for=condition=Ready", "pod/rude", "--timeout=30s")
    time.sleep(1)
    found = {item["metadata"]["name"]: state(item) for item in listed(world, namespace, "pods")}
    assert found == BEHAVIOURS
    (endpoints,) = listed(world, namespace, "endpointslices")
    ready = {one["targetRef"]["name"] for one in endpoints["endpoints"] if one["conditions"]["ready"]}
    assert ready == {"rude"}


def pod(name: str) -> dict[str, object]:
    annotations = {"world/pod": name, "world/ready-after": "0.5"}
    container = {"name": "app", "image": "example.com/app:v1", "ports": [{"containerPort": 8080}]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": "all"}, "annotations": annotations},
        "spec": {"containers": [container]},
    }


def state(found: dict[str, dict]) -> tuple[str, str | None, str]:
    status = found["status"]
    conditions = {one["type"]: one for one in status["conditions"]}
    waiting = [one["state"].get("waiting", {}) for one in status.get("containerStatuses", [])]
    reasons = [one["reason"] for one in waiting if one] or [conditions["PodScheduled"].get("reason", "")]
    return status["phase"], conditions.get("Ready", {}).get("status"), reasons[0]


def listed(world: World, namespace: Namespace, kind: str) -> list[dict]:
    return json.loads(world.kubectl("-n", namespace, "get", kind, "-o", "json"))["items"]


@pytest.mark.long
def test_testers_are_told_apart(world: World, tmp_path: Path) -> None:
    namespace = release(world, tmp_path, "header-only")
    with world.load(namespace.host, seconds=1, header="x-canary: true") as testers:
        pass
    with world.load(namespace.host, seconds=1, rate=200) as users:
        pass
    assert ({*testers.by_version()}, {*users.by_version()}) == ({"v1.1.0"}, {"v1.0.0"})
    assert (testers.lost, users.lost) == ({}, {})
    assert 100 < users.total <= 240


@pytest.mark.long
def test_traffic_goes_on_without_an_api_server(world: World, tmp_path: Path) -> None:
    namespace = release(world, tmp_path, "before")
    with world.load(namespace.host) as load:
        for away, back in (("stop", "start"), ("kill", "start"), ("pause", "resume")):
            getattr(world, away)("apiserver")
            with pytest.raises(subprocess.CalledProcessError):
                world.kubectl("--request-timeout=2s", "-n", namespace, "get", "pods")
            getattr(world, back)("apiserver")
            world.kubectl("-n", namespace, "get", "pods")
    assert load.total > 100
    assert load.lost == {}


@pytest.mark.short_on("traefik")
def test_requests_without_a_gateway_are_lost(world: World, tmp_path: Path) -> None:
    namespace = release(world, tmp_path, "before")
    with world.load(namespace.host) as load:
        time.sleep(0.5)
        gone = load.now
        world.kill("gateway")
        time.sleep(0.5)
        world.start("gateway")
        world.answers(namespace.host)
        back = load.now
        time.sleep(1)
    assert load.lost
    assert load.by_version(0, gone)
    assert load.by_version(back)


def release(world: World, folder: Path, phase: str) -> Namespace:
    """A release in that phase, in a namespace of its own, that answers."""
    namespace = world.namespace()
    pods = {"annotations": {"world/ready-after": "0.5"}}
    file = world.canary_file(
        folder / "canary.yaml", namespace, phases=["header-only", "5%"], podMetadata=pods
    )
    done = world.canary("render", "-f", str(file), "--phase", phase)
    world.kubectl("apply", "-f", "-", stdin=done.stdout)
    world.ready(namespace)
    world.answers(namespace.host)
    time.sleep(2.5)  # Traefik may take another two seconds for what it was told last
    return namespace
