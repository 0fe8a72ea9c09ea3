"""Moves from controllers to files, under load, by the steps that `import` prints: every request is answered."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import build
import pytest
import yaml
from living import QUICK, READY, answered
from world import GATEWAY, GATEWAY_NAMESPACE, World

LEAST = 20_000  # requests without which nothing is shown
IMAGE = "registry.example.com/shop"
FOLLOWING = 3.0  # seconds in which the gateway has followed, and requests have ended


class Shop:
    """An application that a controller leads in a namespace of its own, and that serves."""

    definitions: str  # of the controller's kinds
    kind: str  # of what a release is led by
    at_rest: str  # its phase where no release is under way

    def __init__(self, world: World, folder: Path) -> None:
        self.world, self.folder, self.namespace = world, folder, world.namespace()
        self.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(self.objects()))
        until(lambda: self.text(f"{self.kind}/shop", "{.status.phase}") == self.at_rest, 90)
        world.answers(self.namespace.host)

    def objects(self) -> list[dict[str, Any]]:
        raise NotImplementedError

    @staticmethod
    def command(world: World) -> list[str]:
        """The controller."""
        raise NotImplementedError

    @staticmethod
    def pods() -> dict[str, Any]:
        labels = {"app": "shop"}
        container = {"name": "shop", "image": f"{IMAGE}:v1.0.0", "ports": [{"containerPort": 8080}]}
        template = {"metadata": {"labels": labels, **READY}, "spec": {"containers": [container]}}
        return {"replicas": 3, "selector": {"matchLabels": labels}, "template": template}

    def kubectl(self, *words: str, stdin: str | None = None) -> str:
        return self.world.kubectl("-n", self.namespace, *words, stdin=stdin)

    def text(self, name: str, path: str) -> str:
        return self.kubectl("get", name, "-o", f"jsonpath={path}", "--ignore-not-found")

    def names(self, kind: str) -> set[str]:
        return {name.partition("/")[2] for name in self.kubectl("get", kind, "-o", "name").split()}

    def imported(self) -> list[str]:
        """The steps over, from what is in the cluster."""
        there = self.kubectl("get", f"{self.kind},httproute,service,deployment", "-o", "yaml")
        words = ("--into", str(self.folder / "gateway"), "-f", str(self.folder / "canary.yaml"), "-o", "json")
        done = self.world.canary("import", "-", *words, stdin=there)
        assert done.returncode == 0, done.stderr
        steps: list[str] = json.loads(done.stdout)["steps"]
        return steps

    def follow(self, step: str) -> None:
        """Run the command of a step as it is printed, and wait as long as a person would."""
        _, found, command = step.partition(": kubectl ")
        if not found:
            _, found, command = step.partition(": hash=$(kubectl ")
        if not found:
            return
        environment = {**os.environ, "KUBECONFIG": str(self.world.kubeconfig)}
        environment["PATH"] = f"{build.ensure('kubectl').parent}{os.pathsep}{environment['PATH']}"
        done = subprocess.run(
            ["sh", "-c", f"{found.removeprefix(': ')}{command}"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{step}\n{done.stdout}{done.stderr}"
        time.sleep(FOLLOWING)

    def release(self, tag: str) -> None:
        """A whole release of the next version, from the files."""
        file = self.folder / "canary.yaml"
        written = yaml.safe_load(file.read_text())
        written["spec"] |= {"canary": {"image": f"{IMAGE}:{tag}"}, "drain": "2s"}
        file.write_text(yaml.safe_dump(written, sort_keys=False))
        for words in (["apply", "--phase=deploy"], *([["next"]] * 3), ["promote"]):
            done = self.world.canary(*words, "-f", str(file), *QUICK)
            assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"


class OfFlagger(Shop):
    """The Deployment's copy serves."""

    definitions, kind, at_rest = "flagger-crds", "canaries.flagger.app", "Initialized"

    @staticmethod
    def command(world: World) -> list[str]:
        return [
            *(
                str(build.ensure("flagger")),
                f"-kubeconfig={world.kubeconfig}",
                "-mesh-provider=gatewayapi:v1",
            ),
            *("-metrics-server=http://127.0.0.1:1", "-control-loop-interval=2s", "-port=18080"),
        ]

    def objects(self) -> list[dict[str, Any]]:
        deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "shop"}}
        canary = {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"},
            "service": {
                "port": 80,
                "targetPort": 8080,
                "hosts": [self.namespace.host],
                "gatewayRefs": [{"name": GATEWAY, "namespace": GATEWAY_NAMESPACE}],
            },
            "analysis": {"interval": "10s", "threshold": 2, "stepWeights": [10, 50]},
        }
        led = {"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "shop"}}
        return [{**deployment, "spec": self.pods()}, {**led, "spec": canary}]


class OfArgoRollouts(Shop):
    """Its plugin for the Gateway API cannot be had: shares are of pods there, and the route is to the stable Service."""

    definitions, kind, at_rest = "argo-rollouts-crds", "rollouts.argoproj.io", "Healthy"

    @staticmethod
    def command(world: World) -> list[str]:
        return [
            *(str(build.ensure("argo-rollouts")), f"--kubeconfig={world.kubeconfig}", "--leader-elect=false"),
            *("--healthzPort=18081", "--metricsport=18090"),
        ]

    def objects(self) -> list[dict[str, Any]]:
        canary = {
            "stableService": "shop",
            "canaryService": "shop-next",
            "steps": [{"setWeight": 10}, {"setWeight": 50}],
        }
        led = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "shop"}}
        parent = {"name": GATEWAY, "namespace": GATEWAY_NAMESPACE}
        rules = [{"backendRefs": [{"name": "shop", "port": 80}]}]
        route = {"parentRefs": [parent], "hostnames": [self.namespace.host], "rules": rules}
        behind = {"selector": {"app": "shop"}, "ports": [{"port": 80, "targetPort": 8080}]}
        return [
            *(
                {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": behind}
                for name in ("shop", "shop-next")
            ),
            {
                "apiVersion": "gateway.networking.k8s.io/v1",
                "kind": "HTTPRoute",
                "metadata": {"name": "shop"},
                "spec": route,
            },
            {**led, "spec": {**self.pods(), "strategy": {"canary": canary}}},
        ]


def until(holds: Any, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not after {seconds} s"
        time.sleep(0.3)


@contextlib.contextmanager
def running(world: World, controller: type[Shop], log: Path) -> Iterator[None]:
    """A controller in the world's cluster; its log is shown where a test fails."""
    world.kubectl("apply", "--server-side", "-f", str(build.ensure(controller.definitions)))
    world.kubectl("wait", "--for=condition=Established", "crd", "--all")
    with (
        log.open("wb") as file,
        subprocess.Popen(controller.command(world), stdout=file, stderr=file) as process,
    ):
        yield
        process.terminate()
    print(log.read_text()[-5000:])


@pytest.fixture
def shop(request: pytest.FixtureRequest, world: World, tmp_path: Path) -> Iterator[Shop]:
    controller: type[Shop] = request.param
    with running(world, controller, tmp_path / "log"):
        yield controller(world, tmp_path)


@pytest.mark.short_on("traefik")
@pytest.mark.parametrize("shop", [OfFlagger, OfArgoRollouts], indirect=True, ids=["flagger", "argo-rollouts"])
def test_a_move_and_the_release_after_it_lose_no_request(shop: Shop) -> None:
    with shop.world.load(shop.namespace.host) as load:
        for step in shop.imported()[:-1]:
            shop.follow(step)
        assert {"shop"} == shop.names("deployments") == shop.names("services")
        assert set() == shop.names(shop.kind)
        moved = load.now
        shop.release("v1.1.0")
        released = load.now
        time.sleep(FOLLOWING)
    answered(load, LEAST)
    assert {"v1.0.0"} == {*load.by_version(0, moved)}
    assert {"v1.1.0"} == {*load.by_version(released)}


@pytest.mark.long
@pytest.mark.parametrize("shop", [OfFlagger, OfArgoRollouts], indirect=True, ids=["flagger", "argo-rollouts"])
def test_what_is_deleted_first_takes_requests_with_it(shop: Shop) -> None:
    """So that the test above is known to see what is lost."""
    with shop.world.load(shop.namespace.host) as load:
        shop.imported()
        shop.kubectl("delete", f"{shop.kind}/shop")
        until(lambda: shop.names("pods") == set() or shop.names("deployments") == {"shop"}, 60)
        time.sleep(FOLLOWING)
    assert load.lost
