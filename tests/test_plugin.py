"""As a plugin: through the real kubectl, with completion, and with krew's own validator."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ROOT, SEED, Cluster, Result

BIN = Path(sys.executable).parent


@pytest.fixture
def environment(program: Callable[[str], Path]) -> dict[str, str]:
    """Kubectl and our scripts on PATH, and no cluster."""
    path = os.pathsep.join([str(BIN), str(program("kubectl").parent), "/usr/bin", "/bin"])
    return {"PATH": path, "HOME": "/nonexistent", "KUBECONFIG": "/dev/null"}


def run(environment: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_kubectl_finds_the_plugin(environment: dict[str, str], canary: Callable[..., Result]) -> None:
    done = run(environment, "kubectl", "canary", "render", "-f", str(SEED))
    assert (0, canary("render", "-f", SEED).out) == (done.returncode, done.stdout)
    listed = run(environment, "kubectl", "plugin", "list")
    assert f"{BIN}/kubectl-canary" in listed.stdout


def test_the_plugin_calls_itself_as_the_user_did(environment: dict[str, str]) -> None:
    through_kubectl = run(environment, "kubectl", "canary", "rendr")
    assert (2, "") == (through_kubectl.returncode, through_kubectl.stdout)
    assert through_kubectl.stderr.startswith(
        "error: unknown command `rendr` for `kubectl canary`; did you mean `render`?"
    )
    module = run(environment, sys.executable, "-m", "kubectl_canary", "render", "--help")
    assert "python -m kubectl_canary render --phase 25% | kubectl apply -f -" in module.stdout


def test_kubectl_completes_the_plugin(environment: dict[str, str]) -> None:
    done = run(environment, "kubectl", "__complete", "canary", "ren")
    assert "render\tPrint the documents of a phase" in done.stdout
    assert ":4" in done.stdout.splitlines()
    flags = run(environment, "kubectl", "__complete", "canary", "render", "--ph")
    assert "--phase\tThe phase, instead of the file's." in flags.stdout


def test_krew_accepts_the_manifest(program: Callable[[str], Path], tmp_path: Path) -> None:
    shutil.copy(ROOT / "plugin.yaml", tmp_path / "canary.yaml")  # krew wants the file named as the plugin
    validate = program("validate-krew-manifest")
    command = [validate, "-manifest", tmp_path / "canary.yaml", "-skip-install"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr
    (tmp_path / "canary.yaml").write_text(
        (ROOT / "plugin.yaml").read_text().replace("version: v0.1.0", "version: 0.1.0")
    )
    assert 0 != subprocess.run(command, capture_output=True, check=False).returncode


def test_the_manifest_has_our_version() -> None:
    from kubectl_canary import __version__

    assert f"  version: v{__version__}\n" in (ROOT / "plugin.yaml").read_text()


def test_the_supervisor_leaves_nothing_behind_when_its_parent_is_killed(
    program: Callable[[str], Path], tmp_path: Path, cluster: Cluster
) -> None:
    """A second API server, whose starter is killed with no chance to clean up."""
    script = (
        "import subprocess, sys, time\n"
        "p = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)\n"
        "print(p.stdout.readline(), p.pid, flush=True)\ntime.sleep(600)\n"
    )
    folder = tmp_path / "second"
    folder.mkdir()
    supervisor = [
        sys.executable,
        ROOT / "tests/supervisor.py",
        folder,
        program("etcd"),
        program("kube-apiserver"),
    ]
    with subprocess.Popen(
        [sys.executable, "-c", script, *supervisor], stdout=subprocess.PIPE, text=True
    ) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline().startswith("ready ")
        pid = int(starter.stdout.readline())
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        assert 2 == len(children)
        starter.kill()
    waited = subprocess.run(
        [
            "bash",
            "-c",
            f"for i in $(seq 200); do kill -0 {' '.join(children)} 2>/dev/null || exit 0; sleep 0.1; done; exit 1",
        ],
        check=False,
    )
    assert 0 == waited.returncode
    assert cluster.kubectl("version", check=False).returncode == 0
