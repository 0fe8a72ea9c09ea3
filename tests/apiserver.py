"""A real API server with the Gateway API, for as long as somebody needs it."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "tools"))

import build


@contextlib.contextmanager
def running() -> Iterator[Path]:
    """Start etcd and kube-apiserver with the standard channel's CRDs; answers with the kubeconfig."""
    folder = Path(tempfile.mkdtemp(prefix="kubectl-canary-cluster-"))
    command = [
        sys.executable,
        HERE / "supervisor.py",
        folder,
        build.ensure("etcd"),
        build.ensure("kube-apiserver"),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as supervisor:
        if supervisor.stdin is None or supervisor.stdout is None:
            raise RuntimeError("the supervisor has no pipes")
        word, _, kubeconfig = supervisor.stdout.readline().strip().partition(" ")
        if word != "ready":
            raise RuntimeError("the API server did not start; its log is above")
        kubectl = [build.ensure("kubectl"), f"--kubeconfig={kubeconfig}"]
        for words in (
            ["apply", "--server-side", "-f", build.ensure(build.CRDS)],
            ["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"],
        ):
            subprocess.run([*kubectl, *words], check=True, stdout=subprocess.DEVNULL)
        yield Path(kubeconfig)
        supervisor.stdin.close()
