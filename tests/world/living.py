"""A release in a world: its file in a namespace of its own, the verbs that lead it, and what is left of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import build
import yaml
from world import ROOT, World

PHASES = ["deploy", "header-only", "5%", "25%", "50%", "100%"]
QUICK = ["--propagation=3s", "--timeout=60s"]
READY = {"annotations": {"world/ready-after": "0.5"}}


class Release:
    """The example's release, without its mirror, in a namespace of its own; stable serves already."""

    def __init__(self, world: World, folder: Path, **spec: Any) -> None:
        self.world, self.namespace, self.folder = world, world.namespace(), folder
        more = {"drain": "2s", "phases": PHASES[1:], "podMetadata": READY, **spec}
        self.file = world.canary_file(folder / "canary.yaml", self.namespace, **more)
        self.do("apply", "--phase=before")
        world.answers(self.namespace.host)

    def words(self, verb: str, *words: str) -> list[str]:
        times = [] if verb in ("status", "diff", "doctor", "render", "rbac", "check", "verify") else QUICK
        return [verb, "-f", str(self.file), *times, *words]

    def ask(self, verb: str, *words: str) -> subprocess.CompletedProcess[str]:
        """A verb, however it ends."""
        return self.world.canary(*self.words(verb, *words))

    def do(self, verb: str, *words: str) -> str:
        """A verb that has to end well; all that it says."""
        done = self.ask(verb, *words)
        assert done.returncode == 0, f"{verb} {words}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def start(
        self, verb: str, *words: str, module: str = "kubectl_canary", **more: str
    ) -> subprocess.Popen[str]:
        """A verb that goes on while something else happens; `more` is its environment beside ours."""
        environment = {
            **os.environ,
            "KUBECONFIG": str(self.world.kubeconfig),
            "PYTHONPATH": str(ROOT),
            **more,
        }
        environment.setdefault("KUBECTL_PATH", str(build.ensure("kubectl")))
        command = [sys.executable, "-m", module, *self.words(verb, *words)]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True)

    def to(self, phase: str) -> None:
        """By every phase from where it is."""
        here = self.phase
        first = PHASES.index(here) + 1 if here in PHASES else 0
        for name in PHASES[first : PHASES.index(phase) + 1]:
            self.do("apply", f"--phase={name}")

    @property
    def status(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.ask("status", "-o", "json").stdout)
        return answer

    @property
    def phase(self) -> str:
        """The phase that the cluster is in."""
        return str(self.status["phase"])

    def kubectl(self, *words: str, stdin: str | None = None) -> str:
        return self.world.kubectl("-n", self.namespace, *words, stdin=stdin)

    @property
    def route(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(
            self.kubectl("get", "httproute", "my-app-canary-route", "-o", "json")
        )
        return found

    @property
    def left(self) -> list[str]:
        """What there is of the canary, of Leases, and of notes on the route."""
        kinds = "deployments,services,leases,endpointslices"
        names = self.kubectl("get", kinds, "-o", "name").split()
        notes = [
            key
            for key in self.route["metadata"]["annotations"]
            if key.startswith("kubectl-canary/") and "governs" not in key
        ]
        return [*(name for name in names if "canary" in name), *notes]

    @property
    def left_by_drivers(self) -> list[str]:
        """The Lease, and the note of who drives, which no driver leaves that has ended well."""
        return [name for name in self.left if "lease" in name or "driver" in name]


class Adopted(Release):
    """The same application from manifests of the user's."""

    def __init__(self, world: World, folder: Path, **spec: Any) -> None:
        (folder / "first").mkdir()
        greenfield = Release(world, folder / "first", **spec)
        self.world, self.namespace, self.folder = world, greenfield.namespace, folder
        manifests = greenfield.do("render", "--phase=before")
        (folder / "k8s").mkdir()
        (folder / "k8s/all.yaml").write_text(manifests.partition("\nwarning")[0])
        self.file = folder / "canary.yaml"
        self.file.write_text(yaml.safe_dump(self._release(spec), sort_keys=False))

    def _release(self, spec: dict[str, Any]) -> dict[str, Any]:
        return {
            "apiVersion": "kubectl-canary/v1alpha1",
            "kind": "Canary",
            "metadata": {"name": "shop", "namespace": str(self.namespace)},
            "spec": {
                "adopt": {"from": "k8s/", "deployment": "my-app-stable", "service": "my-app-stable"},
                "canary": {"image": "registry.example.com/my-app:v1.1.0"},
                "testers": {"header": "x-canary", "value": "true"},
                "drain": "2s",
                "phases": PHASES[1:],
            },
        }


def answered(load: Any, least: int) -> None:
    """Every request was answered, and there were enough of them to mean something."""
    assert load.lost == {}, f"{load.lost} of {load.total}; {load.errors}"
    assert load.total > least
    print(f"{load.total:,} requests, and none lost")
