"""Every way to install renders the same bytes, on every Python that we support."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ROOT
from uv import find_uv_bin

pytestmark = pytest.mark.cluster
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
CASE = ROOT / "tests/cases/odd-scalars"
EXPECTED = (CASE / "expected/02-5-percent.yaml").read_bytes()


def uv(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    environment = {
        key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "PYTHONPATH")
    }
    command = [find_uv_bin(), *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stderr
    return done


def interpreter(version: str) -> Path | None:
    """A Python of that version: on PATH, or one of pyenv's."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for found in (shutil.which(f"python{version}"), *pyenv.glob(f"{version}.*/bin/python{version}")):
        if found and subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode == 0:
            return Path(found)
    return None


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tracked files in a folder of their own, as a clone has them."""
    folder = tmp_path_factory.mktemp("source") / "kubectl-canary"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    names = listed.stdout.split("\0")[:-1] if listed.returncode == 0 else []
    assert names, "the tests of packaging need a git checkout"
    for name in names:
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="session")
def distributions(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A wheel and an sdist, built from the clone."""
    out = tmp_path_factory.mktemp("dist")
    uv("build", "--out-dir", out, source)
    return {"wheel": next(out.glob("*.whl")), "sdist": next(out.glob("*.tar.gz"))}


def environment_with(folder: Path, python: Path, *packages: object) -> Path:
    uv("venv", "--python", python, folder)
    uv("pip", "install", "--python", folder / "bin/python", *packages)
    return folder / "bin"


def rendered(*command: object, cwd: Path) -> bytes:
    arguments = ["render", "-f", CASE / "canary.yaml", "--set", "spec.phase=5%"]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(cwd)}
    done = subprocess.run([*command, *arguments], cwd=cwd, env=environment, capture_output=True, check=False)
    assert (0, b"") == (done.returncode, done.stderr)
    return done.stdout


@pytest.mark.parametrize("version", PYTHONS)
def test_a_wheel_renders_the_same_on_every_python(
    version: str, distributions: dict[str, Path], tmp_path: Path
) -> None:
    python = interpreter(version)
    if python is None:
        pytest.skip(f"this machine has no Python {version}")
    scripts = environment_with(tmp_path / "with spaces", python, distributions["wheel"])
    assert EXPECTED == rendered(scripts / "kubectl-canary", cwd=tmp_path)
    assert EXPECTED == rendered(scripts / "python", "-m", "kubectl_canary", cwd=tmp_path)
    uv("pip", "check", "--python", scripts / "python")


def test_the_oldest_dependencies_that_we_allow_do(distributions: dict[str, Path], tmp_path: Path) -> None:
    python = interpreter("3.10") or Path(sys.executable)
    scripts = environment_with(
        tmp_path / "oldest", python, "--resolution=lowest-direct", distributions["wheel"]
    )
    assert EXPECTED == rendered(scripts / "kubectl-canary", cwd=tmp_path)


@pytest.mark.parametrize("version", PYTHONS)
def test_an_sdist_renders_the_same_on_every_python(
    version: str, distributions: dict[str, Path], tmp_path: Path
) -> None:
    python = interpreter(version)
    if python is None:
        pytest.skip(f"this machine has no Python {version}")
    scripts = environment_with(tmp_path / "sdist", python, distributions["sdist"])
    assert EXPECTED == rendered(scripts / "kubectl-canary", cwd=tmp_path)


def test_an_editable_install_renders_the_same(source: Path, tmp_path: Path) -> None:
    copy = tmp_path / "checkout"
    shutil.copytree(source, copy)
    scripts = environment_with(tmp_path / "editable", Path(sys.executable), "--editable", copy)
    assert EXPECTED == rendered(scripts / "kubectl-canary", cwd=tmp_path)
    template = copy / "templates/service.yaml.j2"
    template.write_text(template.read_text() + "# edited\n")
    assert b"# edited\n" in rendered(scripts / "kubectl-canary", cwd=tmp_path)


def test_a_bare_checkout_renders_the_same(source: Path, tmp_path: Path) -> None:
    dependencies = ["click", "jinja2", "jsonschema", "PyYAML"]
    scripts = environment_with(tmp_path / "bare", Path(sys.executable), *dependencies)
    assert EXPECTED == rendered(scripts / "python", "-m", "kubectl_canary", cwd=source)


def test_the_distributions_hold_every_module(distributions: dict[str, Path]) -> None:
    listed = ["git", "ls-files", "-z", "kubectl_canary/*.py", "kubectl_canary/**/*.py"]
    ours = {
        *subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")[:-1]
    }
    assert len(ours) > 200
    assert not ours - {*zipfile.ZipFile(distributions["wheel"]).namelist()}
    with tarfile.open(distributions["sdist"]) as packed:
        assert not ours - {name.partition("/")[2] for name in packed.getnames()}


def test_every_verb_of_an_installed_wheel_can_be_asked(
    distributions: dict[str, Path], tmp_path: Path
) -> None:
    scripts = environment_with(tmp_path / "verbs", Path(sys.executable), distributions["wheel"])
    code = (
        "import importlib, pkgutil, kubectl_canary\n"
        "for known in pkgutil.walk_packages(kubectl_canary.__path__, 'kubectl_canary.'):\n"
        "    if not known.name.endswith('__main__'): importlib.import_module(known.name)"
    )
    done = subprocess.run(
        [scripts / "python", "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert (0, "") == (done.returncode, done.stderr)


def test_the_distributions_hold_what_they_must(distributions: dict[str, Path]) -> None:
    wheel = zipfile.ZipFile(distributions["wheel"]).namelist()
    for name in (
        "templates/httproute.yaml.j2",
        "schemas/canary.schema.json",
        "schemas/kubernetes/v1.37/definitions.json",
        "py.typed",
    ):
        assert f"kubectl_canary/{name}" in wheel
    assert {"LICENSE", "NOTICE"} <= {Path(name).name for name in wheel}
    assert not [name for name in wheel if name.startswith("tests")]
    with tarfile.open(distributions["sdist"]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {
        "plugin.yaml",
        "tests/conftest.py",
        "tests/tools/kubernetes/go.sum",
        "examples/my-app/canary.yaml",
    } <= names


def test_completion_for_kubectl_is_installed(
    program: Callable[[str], Path], distributions: dict[str, Path], tmp_path: Path
) -> None:
    scripts = environment_with(tmp_path / "scripts", Path(sys.executable), distributions["wheel"])
    done = subprocess.run(
        [scripts / "kubectl_complete-canary", "pl"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "plan\tShow the whole release as a table\n:4\n"
