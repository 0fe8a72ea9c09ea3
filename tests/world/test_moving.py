"""A move from Flagger to files, under load, by the steps that `import` prints: every request is answered."""

from __future__ import annotations

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


@pytest.fixture(scope="module")
def flagger(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Flagger in the world's cluster; its log is shown where a test fails."""
    world.kubectl("apply", "--server-side", "-f", str(build.ensure("flagger-crds")))
    world.kubectl("wait", "--for=condition=Established", "crd/canaries.flagger.app")
    command = [
        *(build.ensure("flagger"), f"-kubeconfig={world.kubeconfig}", "-mesh-provider=gatewayapi:v1"),
        *("-metrics-server=http://127.0.0.1:1", "-control-loop-interval=2s", "-port=18080"),
    ]
    log = tmp_path_factory.mktemp("flagger") / "log"
    with log.open("wb") as file, subprocess.Popen(command, stdout=file, stderr=file) as process:
        yield
        process.terminate()
    print(log.read_text()[-5000:])


class Shop:
    """A Deployment that Flagger leads in a namespace of its own; its primary serves."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world, self.folder, self.namespace = world, folder, world.namespace()
        self.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all([self._deployment(), self._canary()]))
        until(lambda: self.text("canaries.flagger.app/shop", "{.status.phase}") == "Initialized", 90)
        world.answers(self.namespace.host)

    def _deployment(self) -> dict[str, Any]:
        labels = {"app": "shop"}
        container = {"name": "shop", "image": f"{IMAGE}:v1.0.0", "ports": [{"containerPort": 8080}]}
        template = {"metadata": {"labels": labels, **READY}, "spec": {"containers": [container]}}
        spec = {"replicas": 3, "selector": {"matchLabels": labels}, "template": template}
        return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "shop"}, "spec": spec}

    def _canary(self) -> dict[str, Any]:
        return {
            "apiVersion": "flagger.app/v1beta1",
            "kind": "Canary",
            "metadata": {"name": "shop"},
            "spec": {
                "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"},
                "service": {
                    "port": 80,
                    "targetPort": 8080,
                    "hosts": [self.namespace.host],
                    "gatewayRefs": [{"name": GATEWAY, "namespace": GATEWAY_NAMESPACE}],
                },
                "analysis": {"interval": "10s", "threshold": 2, "stepWeights": [10, 50]},
            },
        }

    def kubectl(self, *words: str, stdin: str | None = None) -> str:
        return self.world.kubectl("-n", self.namespace, *words, stdin=stdin)

    def text(self, name: str, path: str) -> str:
        return self.kubectl("get", name, "-o", f"jsonpath={path}", "--ignore-not-found")

    def names(self, kind: str) -> set[str]:
        return {name.partition("/")[2] for name in self.kubectl("get", kind, "-o", "name").split()}

    def imported(self) -> list[str]:
        """The steps over, from what is in the cluster."""
        kinds = "canaries.flagger.app,httproute,service,deployment"
        there = self.kubectl("get", kinds, "-o", "yaml")
        words = ("--into", str(self.folder / "gateway"), "-f", str(self.folder / "canary.yaml"), "-o", "json")
        done = self.world.canary("import", "-", *words, stdin=there)
        assert done.returncode == 0, done.stderr
        steps: list[str] = json.loads(done.stdout)["steps"]
        return steps

    def follow(self, step: str) -> None:
        """Run the command of a step as it is printed, and wait as long as a person would."""
        _, found, command = step.partition(": kubectl ")
        if not found:
            return
        environment = {**os.environ, "KUBECONFIG": str(self.world.kubeconfig)}
        environment["PATH"] = f"{build.ensure('kubectl').parent}{os.pathsep}{environment['PATH']}"
        done = subprocess.run(
            ["sh", "-c", f"kubectl {command}"], env=environment, capture_output=True, text=True, check=False
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


def until(holds: Any, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not after {seconds} s"
        time.sleep(0.3)


@pytest.fixture
def shop(flagger: None, world: World, tmp_path: Path) -> Shop:
    return Shop(world, tmp_path)


@pytest.mark.short_on("traefik")
def test_a_move_from_flagger_and_the_release_after_it_lose_no_request(shop: Shop) -> None:
    with shop.world.load(shop.namespace.host) as load:
        steps = shop.imported()
        for step in steps[:-1]:
            shop.follow(step)
        assert {"shop"} == shop.names("deployments")
        assert {"shop"} == shop.names("services")
        moved = load.now
        shop.release("v1.1.0")
        released = load.now
        time.sleep(FOLLOWING)
    answered(load, LEAST)
    assert {"v1.0.0"} == {*load.by_version(0, moved)}
    assert {"v1.1.0"} == {*load.by_version(released)}
    assert set() == shop.names("canaries.flagger.app")


@pytest.mark.long
def test_a_canary_that_is_deleted_first_takes_requests_with_it(shop: Shop) -> None:
    """So that the test above is known to see what is lost."""
    with shop.world.load(shop.namespace.host) as load:
        shop.imported()
        shop.kubectl("delete", "canaries.flagger.app/shop")
        until(lambda: shop.names("deployments") == {"shop"}, 60)
        time.sleep(FOLLOWING)
    assert load.lost
