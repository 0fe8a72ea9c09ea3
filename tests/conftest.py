"""What tests share: our command line, the real programs, a real API server, and golden folders."""

from __future__ import annotations

import contextlib
import functools
import http.server
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apiserver
import pytest
from apiserver import build
from hypothesis import HealthCheck, Phase, settings

ROOT = Path(__file__).resolve().parent.parent
# speed is measured in benchmarks/, never in a test
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
# a bug that is put in on purpose needs one failing example, not the smallest
settings.register_profile(
    "mutants",
    parent=settings.get_profile("patient"),
    phases=[Phase.explicit, Phase.generate],
    database=None,
    derandomize=True,
)

KINDS_OF_OTHERS = ("InferencePool", "ServiceExport", "ServiceImport")  # the user names their schemas
SEED = ROOT / "examples/my-app/canary.yaml"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite the expected files of tests/cases")


# fixtures that start an API server, or that build programs in Go for minutes the first time
NEED_BUILDS = {"cluster", "program"}


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if NEED_BUILDS & set(getattr(item, "fixturenames", ())):
            item.add_marker("cluster")


@dataclass(frozen=True)
class Result:
    """What a command line answered."""

    code: int
    out: str
    err: str


def run_here(*arguments: object) -> Result:
    """Our command line in this process, where no fixture takes what it prints."""
    from kubectl_canary.cli import run

    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="") for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run([str(argument) for argument in arguments], "kubectl canary")
    printed = []
    for stream in (out, err):
        stream.flush()
        printed.append(stream.buffer.getvalue().decode())
    return Result(code, *printed)


@pytest.fixture
def canary(
    capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Result]:
    """Our command line in this process; standard input may be given."""
    from kubectl_canary.cli import run

    def call(*arguments: object, stdin: bytes | None = None) -> Result:
        if stdin is not None:
            monkeypatch.setattr(sys, "stdin", _Bytes(stdin))
        capfdbinary.readouterr()
        code = run([str(argument) for argument in arguments], "kubectl canary")
        out, err = capfdbinary.readouterr()
        return Result(code, out.decode(), err.decode())

    return call


class _Bytes:
    def __init__(self, data: bytes) -> None:
        self.buffer = io.BytesIO(data)


@pytest.fixture
def canary_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Write canary.yaml into an empty working folder."""
    monkeypatch.chdir(tmp_path)

    def write(text: str) -> Path:
        path = tmp_path / "canary.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="session")
def program() -> Callable[[str], Path]:
    """A program that tests/tools/build.py builds."""
    ensure: Callable[[str], Path] = build.ensure
    return ensure


@dataclass(frozen=True)
class Cluster:
    """A real API server with the Gateway API, and kubectl for it."""

    kubectl_path: Path
    kubeconfig: Path

    def environment(self) -> dict[str, str]:
        return {**os.environ, "KUBECONFIG": str(self.kubeconfig), "HOME": str(self.kubeconfig.parent)}

    def kubectl(
        self, *arguments: str, stdin: str | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [self.kubectl_path, *arguments],
            input=stdin,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0 or not check, f"kubectl {arguments}: {done.stderr}"
        return done

    @contextlib.contextmanager
    def knowing(self, tool: str) -> Iterator[None]:
        """The kinds of a tool are served until the block ends, however it does."""
        definitions = str(build.ensure(f"{tool}-crds"))
        self.kubectl("apply", "--server-side", "-f", definitions)
        try:
            self.kubectl("wait", "--for=condition=Established", "-f", definitions)
            yield
        finally:
            self.kubectl("delete", "-f", definitions)

    def live(self, namespace: str) -> dict[tuple[str, str], dict[str, Any]]:
        """Every object that a release may own, by kind and name."""
        kinds = "services,deployments.apps,gateways.gateway.networking.k8s.io,httproutes.gateway.networking.k8s.io"
        items = json.loads(self.kubectl("get", kinds, "-n", namespace, "-o", "json").stdout)["items"]
        return {(item["kind"], item["metadata"]["name"]): item for item in items}


@pytest.fixture(scope="session")
def cluster(program: Callable[[str], Path]) -> Iterator[Cluster]:
    """Etcd and kube-apiserver on loopback, for this test run; stopped when it ends, however it ends."""
    with apiserver.running() as kubeconfig:
        yield Cluster(program("kubectl"), kubeconfig)


# the least that the API server takes: the module with the real one is not to be had, and a release changes no pool
POOLS = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: inferencepools.inference.networking.k8s.io
  annotations: {api-approved.kubernetes.io: "unapproved, for tests"}
spec:
  group: inference.networking.k8s.io
  names: {kind: InferencePool, plural: inferencepools, singular: inferencepool}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: {type: object, x-kubernetes-preserve-unknown-fields: true}
"""


@pytest.fixture(scope="session")
def backends(cluster: Cluster, program: Callable[[str], Path]) -> Cluster:
    """The cluster, with what routes send to beside Services."""
    crds = program(build.CRDS_OF_SEVERAL_CLUSTERS)
    cluster.kubectl("apply", "--server-side", "-f", str(crds))
    cluster.kubectl("apply", "--server-side", "-f", "-", stdin=POOLS)
    cluster.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    return cluster


@pytest.fixture
def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> str:
    """A namespace of this test's own."""
    name = f"test-{abs(hash(request.node.nodeid)) % 10**10}"
    cluster.kubectl("create", "namespace", name)
    return name


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Callable[[Path], str]]:
    """Serve a folder on loopback; answers with its address."""
    started: list[http.server.ThreadingHTTPServer] = []

    def serve(folder: Path) -> str:
        handler = functools.partial(_Quiet, directory=str(folder))
        started.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler))
        threading.Thread(target=started[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{started[-1].server_address[1]}"

    yield serve
    for one in started:
        one.shutdown()
        one.server_close()
