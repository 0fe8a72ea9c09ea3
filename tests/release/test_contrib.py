"""What others' tools read of us, run by those tools."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
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
