"""A whole cluster with real traffic, in the network namespace that we are in; and what tests do with it.

    python tests/world/enter.py python tests/world/world.py [traefik|contour]

runs one for a person, until Ctrl-C.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tools")]

import build
import enter

# where the Gateway is that all releases of the tests share
GATEWAY_NAMESPACE, GATEWAY = "gateways", "production-gw"
USERS = ("admin", "releaser", "viewer")


class Namespace(str):
    """The name of a namespace that nobody else uses, with a host name that nobody else uses."""

    __slots__ = ()

    @property
    def host(self) -> str:
        return f"{self}.example.com"

    @property
    def sets(self) -> list[str]:
        """Flags that put the example's release here: `--set` of namespace, host name and Gateway."""
        gateway = json.dumps({"name": GATEWAY, "namespace": GATEWAY_NAMESPACE})
        return [
            f"--set=metadata.namespace={self}",
            f'--set=spec.route.hostnames=["{self.host}"]',
            f"--set=spec.route.gateway={gateway}",
        ]


class Load:
    """Requests that are under way; all that is asked of what was answered is known once its block has ended."""

    def __init__(self, process: subprocess.Popen[str], started: float) -> None:
        self._process, self._started = process, started
        self.counts: list[tuple[float, str, str, str, int]] = []
        self.errors: dict[str, int] = {}

    @property
    def now(self) -> float:
        """Seconds since the first request."""
        return time.monotonic() - self._started

    def finish(self) -> None:
        """Ask for no more, and read what came of it."""
        answer = json.loads(self._process.communicate(timeout=30)[0])
        self.counts = [tuple(count) for count in answer["counts"]]
        self.errors = answer["errors"]

    @property
    def total(self) -> int:
        return sum(count for *_, count in self.counts)

    @property
    def lost(self) -> dict[str, int]:
        """How many got another answer than 200 (WebSockets: 101 and all echoes), by kind and status or error."""
        return self.lost_outside(0, 0)

    def lost_outside(self, start: float, end: float) -> dict[str, int]:
        """The same without those that ended between two times (seconds since the first request)."""
        lost: dict[str, int] = {}
        for second, kind, status, _, count in self.counts:
            if status not in ("200", "101") and not start <= second < end:
                lost[f"{kind} {status}"] = lost.get(f"{kind} {status}", 0) + count
        return lost

    def last(self, version: str) -> float:
        """When a version answered last, in seconds since the first request."""
        return max((second for second, _, _, told, _ in self.counts if told == version), default=0.0)

    def by_version(self, start: float = 0, end: float = float("inf")) -> dict[str, int]:
        """Answers between two times (seconds since the first request, see `now`), by the tag of the image that gave them."""
        versions: dict[str, int] = {}
        for second, _, _, version, count in self.counts:
            if version and start <= second < end:
                versions[version] = versions.get(version, 0) + count
        return versions


class World:
    """A running cluster: the API server, controllers, pods that serve, and a gateway."""

    def __init__(self, supervisor: subprocess.Popen[str], gateway: str, folder: Path, address: str) -> None:
        self._supervisor, self._folder = supervisor, folder
        self._numbers = itertools.count(1)
        self.gateway, self.address = gateway, address
        self.kubeconfig = self.kubeconfig_of("admin")

    def kubeconfig_of(self, user: str) -> Path:
        """That of one of USERS; only admin may do anything before RBAC says so."""
        return self._folder / f"kubeconfig-{user}"

    def kubectl(self, *words: str, stdin: str | None = None) -> str:
        """What `kubectl` prints. Raises CalledProcessError, with what it complained of, where it fails."""
        command = [build.ensure("kubectl"), f"--kubeconfig={self.kubeconfig}", *words]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        if done.returncode:
            print(done.stdout, done.stderr, file=sys.stderr)
            done.check_returncode()
        return done.stdout

    def popen(self, *words: str) -> subprocess.Popen[str]:
        """A `kubectl` that goes on while something else happens."""
        command = [build.ensure("kubectl"), f"--kubeconfig={self.kubeconfig}", *words]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def canary(self, *words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """`kubectl canary`, with this cluster as the current one."""
        environment = {**os.environ, "KUBECONFIG": str(self.kubeconfig), "PYTHONPATH": str(ROOT)}
        environment["PATH"] = f"{build.ensure('kubectl').parent}{os.pathsep}{environment['PATH']}"
        return subprocess.run(
            [sys.executable, "-m", "kubectl_canary", *words],
            env=environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )

    def namespace(self) -> Namespace:
        """A fresh one, whose routes the shared Gateway lets in."""
        name = Namespace(f"t{next(self._numbers)}")
        self.kubectl("create", "namespace", name)
        return name

    def canary_file(self, path: Path, namespace: Namespace, **spec: Any) -> Path:
        """The example's release in that namespace, through the shared Gateway; what is given replaces fields of its spec."""
        release = yaml.safe_load((ROOT / "examples/my-app/canary.yaml").read_text())
        release["metadata"]["namespace"] = str(namespace)
        release["spec"]["route"] = {
            "hostnames": [namespace.host],
            "gateway": {"name": GATEWAY, "namespace": GATEWAY_NAMESPACE},
        }
        release["spec"].update(spec)
        path.write_text(yaml.safe_dump(release, sort_keys=False))
        return path

    def ready(self, namespace: str, seconds: int = 60) -> None:
        """Wait until every Deployment there has rolled out."""
        for deployment in self.kubectl("-n", namespace, "get", "deployments", "-o", "name").split():
            self.kubectl("-n", namespace, "rollout", "status", deployment, f"--timeout={seconds}s")

    def answers(self, host: str, status: int = 200, seconds: float = 30) -> None:
        """Wait until the gateway answers a request to that host with that status."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with self.load(host, seconds=0.1, gets_only=True) as load:
                pass
            if {row[2] for row in load.counts} == {str(status)}:
                return
        raise TimeoutError(f"{host} answers {load.counts}, not only {status}, after {seconds} s")

    @contextlib.contextmanager
    def load(
        self, host: str, *, header: str = "", rate: float = 0, seconds: float = 0, gets_only: bool = False
    ) -> Iterator[Load]:
        """Requests to that host until the block ends, or for some seconds; `header` as in "x-canary: true", `rate` a second."""
        command = [sys.executable, HERE / "load.py", self.address, f"--host={host}"]
        command += [f"--header={header}"] * bool(header) + ["--gets-only"] * gets_only
        command += [f"--rate={rate}"] * bool(rate) + [f"--seconds={seconds}"] * bool(seconds)
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            process.stdout.readline()
            load = Load(process, time.monotonic())
            try:
                if seconds:
                    process.wait(timeout=seconds + 30)
                yield load
            finally:
                load.finish()

    def stop(self, name: str) -> None:
        """End etcd, apiserver, controller-manager, kubelet or gateway, as a restart of its pod would."""
        self._command("stop", name)

    def kill(self, name: str) -> None:
        """The same without a chance to say good-bye."""
        self._command("kill", name)

    def start(self, name: str) -> None:
        """Start again what was stopped or killed; returns once it answers, where it is the API server."""
        self._command("start", name)

    def pause(self, name: str) -> None:
        """Connections stay open, and nobody answers."""
        self._command("pause", name)

    def resume(self, name: str) -> None:
        self._command("resume", name)

    def _command(self, *words: str) -> None:
        print(*words, file=self._supervisor.stdin, flush=True)
        answer = self._supervisor.stdout.readline().strip()
        if answer != "ok":
            raise RuntimeError(f"{' '.join(words)}: {answer}")


def forbidden() -> str:
    """Why no world can run in this process; nothing where one can."""
    found = os.environ.get(enter.VARIABLE)
    if found is None:
        return f"a world needs a network namespace of its own: python {HERE / 'enter.py'} COMMAND …"
    return "" if found == enter.OURS else found


@contextlib.contextmanager
def running(gateway: str = "traefik") -> Iterator[World]:
    """A world whose gateway is Traefik or Contour with Envoy. It is gone after the block, or when we die."""
    if problem := forbidden():
        raise RuntimeError(problem)
    for name in (*build.WORLD, *build.GATEWAYS[gateway]):
        build.ensure(name)
    folder = Path(tempfile.mkdtemp(prefix="kubectl-canary-world-"))
    command = [sys.executable, HERE / "supervisor.py", gateway, folder]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as supervisor:
        ready = supervisor.stdout.readline()
        if not ready:
            raise RuntimeError("the world did not start; its logs are above")
        try:
            yield World(supervisor, gateway, folder, json.loads(ready)["address"])
        finally:
            supervisor.stdin.close()


def main() -> None:
    if problem := forbidden():
        sys.exit(f"error: {problem}")
    started = time.monotonic()
    with running(*sys.argv[1:2]) as world:
        print(
            f"Ready after {time.monotonic() - started:.0f} s. {world.gateway} listens on http://{world.address}"
        )
        root = Path("/proc/self/uid_map").read_text().split() == ["0", "0", str(2**32 - 1)]
        flags = "--net" if root else "--preserve-credentials --user --net"
        print(f"In another terminal:\n  nsenter {flags} --target {os.getpid()}")
        print(f"  export KUBECONFIG={world.kubeconfig} PATH={build.ensure('kubectl').parent}:$PATH")
        print(f"Routes go to the Gateway {GATEWAY} in {GATEWAY_NAMESPACE}. Ctrl-C ends it.", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                time.sleep(3600)


if __name__ == "__main__":
    main()
