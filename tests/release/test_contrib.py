"""What others' tools read of us, run by those tools."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, SEED, Cluster

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


KUSTOMIZE = ROOT / "contrib/kustomize"
FUNCTIONS = ["--enable-alpha-plugins", "--enable-exec"]
Program = Callable[[str], Path]


def ours(*programs: Path) -> dict[str, str]:
    """An environment with kubectl-canary, and these programs, on PATH."""
    folders = [Path(sys.executable).parent, *(program.parent for program in programs)]
    return {"PATH": os.pathsep.join([*map(str, folders), "/usr/bin", "/bin"]), "HOME": "/nonexistent"}


def run(
    *command: object, environment: dict[str, str], cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        list(map(str, command)), env=environment, cwd=cwd, capture_output=True, text=True, check=False
    )


def weights(manifests: str) -> list[int]:
    route = next(one for one in yaml.safe_load_all(manifests) if one["kind"] == "HTTPRoute")
    return [ref["weight"] for ref in route["spec"]["rules"][-1]["backendRefs"]]


@pytest.mark.parametrize(("form", "share"), [("generator", [95, 5]), ("transformer", [75, 25])])
def test_kustomize_renders_a_canary_file(form: str, share: list[int], program: Program) -> None:
    done = run(program("kustomize"), "build", *FUNCTIONS, KUSTOMIZE / form, environment=ours())
    assert (0, "") == (done.returncode, done.stderr)
    assert share == weights(done.stdout)
    kinds = [one["kind"] for one in yaml.safe_load_all(done.stdout)]
    assert ["Service", "Service", "Deployment", "Deployment", "HTTPRoute"] == kinds
    assert "config.kubernetes.io" not in done.stdout


def test_kustomize_shows_what_is_wrong(program: Program, tmp_path: Path) -> None:
    for form, old, new, said in (
        ("generator", "phase: 5%", "phase: 26%", "error Canary production/my-app: spec.phase: unknown phase"),
        ("check", "port: 80", "prot: 80", 'unknown field "spec.rules[0].backendRefs[0].prot"'),
    ):
        folder = shutil.copytree(KUSTOMIZE / form, tmp_path / form)
        for file in folder.iterdir():
            file.write_text(file.read_text().replace(old, new))
        done = run(program("kustomize"), "build", *FUNCTIONS, folder, environment=ours())
        assert (1, "") == (done.returncode, done.stdout)
        assert said in done.stderr


def test_kustomize_passes_what_the_server_would_accept(program: Program) -> None:
    done = run(program("kustomize"), "build", *FUNCTIONS, KUSTOMIZE / "check", environment=ours())
    assert (0, "") == (done.returncode, done.stderr)
    assert yaml.safe_load((KUSTOMIZE / "check/route.yaml").read_text()) == yaml.safe_load(done.stdout)


def test_a_function_that_kubectl_drops_is_noticed(program: Program, cluster: Cluster, namespace: str) -> None:
    """Without --enable-exec, which kubectl has not, kustomize drops functions without a word."""
    dropping = [program("kubectl"), "kustomize", "--enable-alpha-plugins"]
    generator = run(*dropping, KUSTOMIZE / "generator", environment=ours())
    assert (1, "") == (generator.returncode, generator.stdout)
    assert "nothing selected by HTTPRoute" in generator.stderr
    transformer = run(*dropping, KUSTOMIZE / "transformer", environment=ours())
    assert 0 == transformer.returncode
    left = transformer.stdout.replace("namespace: production", f"namespace: {namespace}")
    applied = cluster.kubectl("apply", "-f", "-", stdin=left, check=False)
    assert (1, "") == (applied.returncode, applied.stdout)
    assert 'no matches for kind "Canary"' in applied.stderr
    default = run(program("kubectl"), "kustomize", KUSTOMIZE / "generator", environment=ours())
    assert 1 == default.returncode


HELM = ROOT / "contrib/helm"
Helm = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def helm4(program: Program, tmp_path: Path) -> Helm:
    """Helm 4 with our plugin, installed as its comment says."""
    homes = {f"HELM_{name}_HOME": str(tmp_path / name.lower()) for name in ("DATA", "CONFIG", "CACHE")}
    environment = ours() | homes

    def call(*arguments: object) -> subprocess.CompletedProcess[str]:
        return run(program("helm"), *arguments, environment=environment, cwd=tmp_path)

    installed = call("plugin", "install", HELM)
    assert installed.returncode == 0, installed.stderr
    return call


@pytest.fixture
def helm3(program: Program, tmp_path: Path) -> Helm:
    return lambda *arguments: run(program("helm3"), *arguments, environment=ours(), cwd=tmp_path)


FORMS = {
    "helm4": ["--post-renderer", "canary"],
    "helm3": ["--post-renderer", "kubectl-canary", "--post-renderer-args", "post-render"],
}


@pytest.mark.parametrize("form", FORMS)
def test_helm_renders_a_canary_file_of_a_chart(form: str, request: pytest.FixtureRequest) -> None:
    helm = request.getfixturevalue(form)
    command = ["template", "shop", HELM / "example", "--namespace", "web", *FORMS[form]]
    done = helm(*command, "--set", "phase=25%")
    assert done.returncode == 0, done.stderr
    assert [75, 25] == weights(done.stdout)
    found = [(one["kind"], one["metadata"]["name"]) for one in yaml.safe_load_all(done.stdout)]
    assert ("ConfigMap", "shop") in found
    assert ("Deployment", "shop-canary") in found
    assert not any(kind == "Canary" for kind, _ in found)
    assert "greeting: hello # kept" in done.stdout


@pytest.mark.parametrize("form", FORMS)
def test_helm_shows_what_is_wrong(form: str, request: pytest.FixtureRequest) -> None:
    helm = request.getfixturevalue(form)
    command = ["template", "shop", HELM / "example", "--namespace", "web", *FORMS[form]]
    done = helm(*command, "--set", "hostname=A_b")
    assert (1, "") == (done.returncode, done.stdout)
    assert "spec.route.hostnames[0]: `A_b` is not a DNS name" in done.stderr


def test_helm_passes_arguments_on(helm4: Helm, helm3: Helm) -> None:
    for helm, form in ((helm4, "helm4"), (helm3, "helm3")):
        argument = ["--post-renderer-args", "--gateway-api=v1.0"]
        done = helm("template", "shop", HELM / "example", *FORMS[form], *argument, "--namespace", "web")
        assert done.returncode == 0, done.stderr
        assert "name: kubectl-canary-testers" not in done.stdout
