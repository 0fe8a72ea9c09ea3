"""A fleet that lives in Git in a world: two targets, each in a namespace of its own, and the engine that follows."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import yaml
from engines import ARGO_CD, ARGO_CD_PLACE, DRAIN, INTERVAL
from living import READY
from world import World

NAMES = ("test", "europe")
PHASES = [["50%", "100%"], ["25%", "75%", "100%"]]  # own weights


class Fleet:
    """The example's release in two namespaces, one after the other; nothing is in the cluster before `follow`."""

    def __init__(self, world: World, folder: Path, url: str, engine: str, order: str) -> None:
        self.world, self.engine, self.folder = world, engine, folder / "clone"
        self.namespaces = [world.namespace() for _ in NAMES]
        self.git("clone", "--quiet", url, str(self.folder), place=folder)
        for name, value in (("user.name", "Ada"), ("user.email", "ada@example.com")):
            self.git("config", name, value)
        for name, namespace, phases in zip(NAMES, self.namespaces, PHASES, strict=True):
            (self.folder / name).mkdir()
            more = {"drain": f"{DRAIN}s", "podMetadata": READY, "phases": phases}
            gitops = {"engine": engine, "interval": f"{INTERVAL}s"}
            file = world.canary_file(self.folder / name / "canary.yaml", namespace, gitops=gitops, **more)
            release = yaml.safe_load(file.read_text())
            del release["spec"]["canary"], release["spec"]["phase"]
            file.write_text(yaml.safe_dump(release, sort_keys=False))
        waves = [{"name": name, "targets": [{"file": f"{name}/canary.yaml"}]} for name in NAMES]
        whole = {
            "apiVersion": "kubectl-canary/v1alpha1",
            "kind": "Fleet",
            "metadata": {"name": "shop"},
            "spec": {"order": order, "waves": waves},
        }
        self.file = self.folder / "fleet.yaml"
        self.file.write_text(yaml.safe_dump(whole, sort_keys=False))
        self.do("render", "--all", "-o", f"dir={self.folder / 'rendered'}")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message=What runs")
        self.git("push", "--quiet")

    def git(self, *words: str, place: Path | None = None) -> str:
        return subprocess.run(
            ["git", *words], cwd=place or self.folder, check=True, stdout=subprocess.PIPE, text=True
        ).stdout.strip()

    def ask(self, verb: str, *words: str) -> subprocess.CompletedProcess[str]:
        return self.world.canary(verb, "-f", str(self.file), *words)

    def do(self, verb: str, *words: str) -> str:
        done = self.ask(verb, *words)
        assert done.returncode == 0, f"{verb} {words}: {done.stdout}{done.stderr}"
        return done.stdout

    def follow(self) -> None:
        """Have the engine follow the clone's upstream, and wait until what runs is there."""
        place = () if self.engine == ARGO_CD else ("--engine-namespace", str(self.namespaces[0]))
        self.world.kubectl("apply", "--server-side", "-f", "-", stdin=self.do("gitops", *place))
        self.synced()
        for namespace in self.namespaces:
            self.world.answers(namespace.host)

    def synced(self) -> None:
        """Wait until each cluster has what is committed."""
        self.until("check", "--synced")

    def until(self, verb: str, *words: str) -> None:
        """Ask a verb until it ends well."""
        deadline = time.monotonic() + 40
        while (done := self.ask(verb, *words)).returncode != 0:
            assert time.monotonic() < deadline, f"{verb} {words}: {done.stdout}{done.stderr}"
            time.sleep(0.3)

    def commit(self, verb: str, *words: str) -> None:
        """A step, pushed; `advance` itself is refused until the one before has arrived, and is asked again."""
        time.sleep(DRAIN + INTERVAL + 1)  # Git counts whole seconds
        self.until(verb, *words, "--push")

    @property
    def is_under_way(self) -> bool:
        return "release" in yaml.safe_load(self.file.read_text())["spec"]

    @property
    def synced_waves(self) -> list[str]:
        """The waves of a RollingSync, in the order in which the newest commit came to be synced there."""
        found = json.loads(self.world.kubectl("-n", ARGO_CD_PLACE, "get", "applications", "-o", "json"))[
            "items"
        ]
        times = {
            item["metadata"]["labels"]["kubectl-canary/wave"]: item["status"]["operationState"]["startedAt"]
            for item in found
        }
        return sorted(times, key=lambda name: times[name])
