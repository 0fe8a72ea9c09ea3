"""Releases that live in Git in a world: a developer's clone, the server, and the engine that follows it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import build
import gitserver
import yaml
from living import READY, Release
from world import World

PHASES = ["header-only", "50%", "100%"]
LEAST = 20_000  # requests without which nothing is shown
INTERVAL = 1  # seconds between two looks of the engine at the repository
DRAIN = 1  # seconds
FLUX, ARGO_CD = "flux", "argocd"
FLUX_PLACE, ARGO_CD_PLACE = "flux-system", "argocd"
PART_OF = {"app.kubernetes.io/part-of": "argocd"}
SETTINGS: list[dict[str, Any]] = [
    *(
        {"apiVersion": "v1", "kind": kind, "metadata": {"name": f"argocd-{name}", "labels": PART_OF}, **more}
        for kind, name, more in (
            (
                "ConfigMap",
                "cm",
                {"data": {"timeout.reconciliation": f"{INTERVAL}s", "timeout.reconciliation.jitter": "0s"}},
            ),
            ("ConfigMap", "rbac-cm", {}),
            ("ConfigMap", "ssh-known-hosts-cm", {}),
            ("ConfigMap", "tls-certs-cm", {}),
            ("Secret", "secret", {"stringData": {"server.secretkey": "of the tests"}}),
        )
    ),
    {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {"name": "default"},
        "spec": {
            "sourceRepos": ["*"],
            "destinations": [{"server": "*", "namespace": "*"}],
            "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
        },
    },
]


class Developer(Release):
    """The example's release in a clone whose upstream an engine follows; nothing is in the cluster before that."""

    def __init__(self, world: World, folder: Path, url: str, engine: str, **spec: Any) -> None:
        self.world, self.engine, self.namespace = world, engine, world.namespace()
        self.folder = folder / "clone"
        self.git("clone", "--quiet", url, str(self.folder), place=folder)
        for name, value in (("user.name", "Ada"), ("user.email", "ada@example.com")):
            self.git("config", name, value)
        gitops = {"engine": engine, "interval": f"{INTERVAL}s"}
        more = {"drain": f"{DRAIN}s", "phases": PHASES, "podMetadata": READY, "gitops": gitops, **spec}
        self.file = world.canary_file(self.folder / "canary.yaml", self.namespace, **more)
        release = yaml.safe_load(self.file.read_text())
        del release["spec"]["canary"], release["spec"]["phase"]
        self.file.write_text(yaml.safe_dump(release, sort_keys=False))
        self.do("render", "--all", "-o", f"dir={self.folder / 'rendered'}")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message=What runs")
        self.git("push", "--quiet")

    def words(self, verb: str, *words: str) -> list[str]:
        return [verb, "-f", str(self.file), *words]

    def git(self, *words: str, place: Path | None = None) -> str:
        return subprocess.run(
            ["git", *words], cwd=place or self.folder, check=True, stdout=subprocess.PIPE, text=True
        ).stdout.strip()

    def follow(self) -> None:
        """Have the engine follow the clone's upstream, and wait until what runs is there."""
        self.world.kubectl("apply", "--server-side", "-f", "-", stdin=self.printed())
        self.synced()
        self.world.answers(self.namespace.host)

    def printed(self) -> str:
        place = ("--engine-namespace", str(self.namespace)) if self.engine == FLUX else ()
        done = self.ask("gitops", *place)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def synced(self, seconds: float = 60) -> None:
        """Wait until the cluster is settled at the phase that was committed."""
        until(lambda: self._has(self.git("rev-parse", "HEAD")), seconds)
        if self.phase_in_file:
            until(lambda: self.ask("check", "--synced").returncode == 0, seconds)

    @property
    def phase_in_file(self) -> str:
        return str(yaml.safe_load(self.file.read_text())["spec"].get("phase", ""))

    def commit(self, verb: str, *words: str) -> None:
        """A step of the release, pushed, and in the cluster."""
        time.sleep(DRAIN + INTERVAL + 1)  # Git counts whole seconds
        self.do(verb, *words, "--push")
        self.synced()

    def commit_sick(self) -> None:
        """The first phase with pods of the canary that never serve, pushed, and taken by the engine."""
        release = yaml.safe_load(self.file.read_text())
        release["spec"]["canary"]["podMetadata"] = {"annotations": {"world/pod": "never-ready"}}
        self.file.write_text(yaml.safe_dump(release, sort_keys=False))
        self.do("render", "--all", "-o", f"dir={self.folder / 'rendered'}")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message=A sick canary")
        self.git("push", "--quiet")
        until(lambda: "my-app-canary" in self.kubectl("get", "deployments", "-o", "name"), 30)

    @property
    def operation(self) -> str:
        """What Argo CD says of the sync that it does, or has done last."""
        path = "-o=jsonpath={.status.operationState.message}"
        return self.world.kubectl("-n", ARGO_CD_PLACE, "get", "application", "my-app", path)

    def end_operation(self) -> None:
        """What `argocd app terminate-op` does."""
        ended = json.dumps({"status": {"operationState": {"phase": "Terminating"}}})
        self.world.kubectl("-n", ARGO_CD_PLACE, "patch", "application", "my-app", "--type=merge", "-p", ended)

    def _has(self, commit: str) -> bool:
        """Whether the engine says that it has brought in a commit."""
        kind, place = {FLUX: ("kustomization", self.namespace), ARGO_CD: ("application", ARGO_CD_PLACE)}[
            self.engine
        ]
        found = self.world.kubectl("-n", place, "get", kind, "my-app", "-o", "json")
        status = json.loads(found).get("status", {})
        if self.engine == FLUX:
            return str(status.get("lastAppliedRevision", "")).endswith(commit)
        sync, operation = status.get("sync", {}), status.get("operationState", {})
        return (sync.get("revision"), sync.get("status"), operation.get("phase")) == (
            commit,
            "Synced",
            "Succeeded",
        )


def until(holds: Callable[[], bool], seconds: float) -> None:
    """Wait for something. Raises TimeoutError where that takes longer."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not so after {seconds} s")
        time.sleep(0.3)


def running(engine: str, world: World, folder: Path) -> contextlib.AbstractContextManager[str]:
    """The engine in a world, and a Git server with an empty repository: its URL."""
    return {FLUX: _flux, ARGO_CD: _argo_cd}[engine](world, folder)


@contextlib.contextmanager
def _flux(world: World, folder: Path) -> Iterator[str]:
    """Its source-controller and kustomize-controller."""
    _define(world, FLUX_PLACE, "source-controller-crds", "kustomize-controller-crds")
    (folder / "artifacts").mkdir()
    artifacts = ("--storage-addr=127.0.0.1:19090", "--storage-adv-addr=127.0.0.1:19090")
    commands = {
        "source-controller": [f"--storage-path={folder / 'artifacts'}", *artifacts],
        "kustomize-controller": ["--requeue-dependency=1s"],
    }
    with contextlib.ExitStack() as stack:
        for number, (name, words) in enumerate(commands.items()):
            ports = [
                f"--metrics-addr=127.0.0.1:{19100 + number}",
                f"--health-addr=127.0.0.1:{19110 + number}",
            ]
            command = [str(build.ensure(name)), *words, *ports]
            _run(stack, folder, name, command, KUBECONFIG=str(world.kubeconfig), RUNTIME_NAMESPACE=FLUX_PLACE)
        yield stack.enter_context(_repository(folder))


@contextlib.contextmanager
def _argo_cd(world: World, folder: Path) -> Iterator[str]:
    """Its application-controller, repo-server and Redis."""
    _define(world, ARGO_CD_PLACE, "argocd-crds")
    world.kubectl(
        "apply", "--server-side", "-n", ARGO_CD_PLACE, "-f", "-", stdin=yaml.safe_dump_all(SETTINGS)
    )
    redis, program = build.ensure("redis"), str(build.ensure("argocd"))
    libraries = ":".join(map(str, (redis / "usr/lib").glob("*-linux-gnu")))
    known = {
        "ARGOCD_FAKE_IN_CLUSTER": "true",
        "ARGOCD_GPG_ENABLED": "false",
        "ARGOCD_RECONCILIATION_TIMEOUT": f"{INTERVAL}s",
        "KUBECONFIG": str(world.kubeconfig),
    }
    verifier = (
        folder / "bin/git-verify-wrapper.sh"
    )  # which Argo CD's image has beside it; no commit here is signed
    verifier.parent.mkdir()
    verifier.write_text("#!/bin/sh\n")
    verifier.chmod(0o755)
    known["PATH"] = f"{verifier.parent}{os.pathsep}{os.environ['PATH']}"
    redis_at, server_at = "127.0.0.1:16379", "127.0.0.1:18081"
    commands = {
        "repo-server": ["--port=18081", "--metrics-port=18084", "--disable-tls", "--client-ca-path="],
        "application-controller": [
            f"--repo-server={server_at}",
            "--repo-server-plaintext",
            "--metrics-port=18082",
        ],
        "applicationset-controller": [
            f"--argocd-repo-server={server_at}",
            "--repo-server-plaintext",
            "--enable-progressive-syncs",
            "--refresh-grace-period-seconds=0",
            "--metrics-addr=127.0.0.1:18083",
            "--probe-addr=127.0.0.1:18085",
            "--webhook-addr=127.0.0.1:18086",
        ],
    }
    with contextlib.ExitStack() as stack:
        words = [str(redis / "usr/bin/redis-server"), "--port", "16379", "--save", "", "--bind", "127.0.0.1"]
        _run(stack, folder, "redis", words, LD_LIBRARY_PATH=libraries)
        for name, words in commands.items():
            own = {**known, "ARGOCD_BINARY_NAME": f"argocd-{name}", "TMPDIR": str(folder)}
            place = [f"--kubeconfig={world.kubeconfig}", f"--namespace={ARGO_CD_PLACE}"] * (
                name != "repo-server"
            )
            store = [f"--redis={redis_at}"] * (name != "applicationset-controller")
            _run(stack, folder, name, [program, *words, *place, *store], **own)
        yield stack.enter_context(_repository(folder))
        world.kubectl("-n", ARGO_CD_PLACE, "delete", "applicationsets,applications", "--all")


def _define(world: World, namespace: str, *definitions: str) -> None:
    for name in definitions:
        world.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(build.ensure(name)))
    until(lambda: all(map(_is_served, json.loads(world.kubectl("get", "crd", "-o", "json"))["items"])), 60)
    world.kubectl(
        "apply",
        "-f",
        "-",
        stdin=json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}),
    )


def _is_served(definition: dict[str, Any]) -> bool:
    """Whether a kind is there to be used; `kubectl wait` fails for one that has no conditions yet."""
    conditions = definition.get("status", {}).get("conditions") or []
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)


def _run(
    stack: contextlib.ExitStack, folder: Path, name: str, command: list[str], **environment: str
) -> None:
    """A program that runs, and writes its log into the folder, until the stack is left."""
    log = stack.enter_context((folder / f"{name}.log").open("w"))
    process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=log, stderr=log)
    stack.callback(process.wait)
    stack.callback(process.kill)


@contextlib.contextmanager
def _repository(folder: Path) -> Iterator[str]:
    place = folder / "repositories/shop.git"
    subprocess.run(["git", "init", "--quiet", "--bare", place], check=True)
    subprocess.run(["git", "-C", place, "config", "http.receivepack", "true"], check=True)
    with gitserver.serving(place.parent) as url:
        yield f"{url}/shop.git"
