"""What others' tools read of us, run by those tools."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, SEED

GIT = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com"]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A user's repository: a canary file, and the hook at this commit."""
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / ".pre-commit-config.yaml").write_text(
        f"repos:\n- repo: {ROOT}\n  rev: {head.stdout.strip()}\n  hooks: [{{id: kubectl-canary}}]\n"
    )
    shutil.copy(SEED, folder / "canary.yaml")
    (folder / "other.yaml").write_text("no: manifest\n")
    for words in (["init", "--quiet"], ["add", "--all"]):
        subprocess.run([*GIT, *words], cwd=folder, check=True)
    return folder


def hooks(repository: Path) -> subprocess.CompletedProcess[str]:
    known = {
        key: os.environ[key] for key in ("PATH", "PIP_INDEX_URL", "PIP_CONFIG_FILE") if key in os.environ
    }
    environment = {
        **known,
        "HOME": str(repository.parent),
        "PRE_COMMIT_HOME": str(repository.parent / "cache"),
    }
    command = [sys.executable, "-m", "pre_commit", "run", "--all-files", "--color=never"]
    return subprocess.run(
        command, cwd=repository, env=environment, capture_output=True, text=True, check=False
    )


def test_pre_commit_validates_canary_files_and_rendered_folders(repository: Path) -> None:
    passed = hooks(repository)
    assert passed.returncode == 0, passed.stdout + passed.stderr
    assert "kubectl canary validate" in passed.stdout
    wrong = "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: A}\n"
    (repository / "rendered").mkdir()
    (repository / "rendered/route.yaml").write_text(wrong)
    subprocess.run([*GIT, "add", "--all"], cwd=repository, check=True)
    failed = hooks(repository)
    assert failed.returncode == 1
    assert "error HTTPRoute A: metadata.name: Invalid value" in failed.stdout
    assert "rendered/route.yaml:3:" in failed.stdout
    assert "other.yaml" not in failed.stdout


def argocd(step: str, folder: Path, **parameters: str) -> subprocess.CompletedProcess[str]:
    """A step of the plugin, as Argo CD's sidecar runs it: in the Application's folder, parameters as variables."""
    given = yaml.safe_load((ROOT / "contrib/argocd/plugin.yaml").read_text())["spec"][step]
    environment = {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "ARGOCD_APP_NAME": "shop",
        **parameters,
    }
    command = [*given["command"], *given.get("args", ())]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=90
    )


def test_argocd_renders_the_phase_of_the_file_or_of_the_parameter(tmp_path: Path) -> None:
    shutil.copy(SEED, tmp_path / "canary.yaml")
    assert argocd("init", tmp_path).returncode == 0
    own = argocd("generate", tmp_path)
    assert (0, "") == (own.returncode, own.stderr)
    assert {"Deployment", "HTTPRoute"} <= {one["kind"] for one in yaml.safe_load_all(own.stdout)}
    asked = argocd("generate", tmp_path, PARAM_PHASE="25%")
    assert asked.returncode == 0
    route = next(one for one in yaml.safe_load_all(asked.stdout) if one["kind"] == "HTTPRoute")
    weights = [ref["weight"] for rule in route["spec"]["rules"] for ref in rule["backendRefs"]]
    assert {75, 25} <= set(weights)


def test_argocd_gets_no_half_of_a_release(tmp_path: Path) -> None:
    (tmp_path / "canary.yaml").write_text(SEED.read_text().replace("replicas: 3", "replicas: three"))
    assert argocd("init", tmp_path).returncode == 1
    refused = argocd("generate", tmp_path)
    assert (1, "") == (refused.returncode, refused.stdout)
    assert "canary.yaml:" in refused.stderr
    unknown = argocd("generate", tmp_path, PARAM_PHASE="$(touch owned)")
    assert (1, "") == (unknown.returncode, unknown.stdout)
    assert not (tmp_path / "owned").exists()
