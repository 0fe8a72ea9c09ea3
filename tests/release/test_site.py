"""The documentation: it builds without a warning, is made from the code, and its commands run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import test_import_argo_rollouts
import test_import_flagger
import yaml
from conftest import ROOT, SEED, Cluster
from controllers import Controllers, short_sleep
from test_import import a_canary, a_shop

from kubectl_canary.verbs import VERBS

DOCS = ROOT / "docs"
BIN = Path(sys.executable).parent
PAGES = ("start.md", "rollback.md", "integrations.md")
IMPORTED = ("ingress-nginx.md", "flagger.md", "argo-rollouts.md", "kruise.md")
# in real shells, tests/test_completion.py; kpt is not to be had here
ADOPTING = re.compile(r"--from (k8s/|-|cluster)|in-place|kustomize=")  # examples about manifests of one's own
ELSEWHERE = re.compile(
    r"completion zsh|completion fish|completion powershell|^kpt |^kubectl canary rollback( --keep)?$",
    re.MULTILINE,
)
# they need pods that get ready, gateways that answer, gates: tests/world/test_examples.py, test_check, test_queries, test_verify
IN_A_WORLD = (
    "apply",
    "run",
    "promote",
    "next",
    "previous",
    "status",
    "check",
    "verify",
    "queries",
    "diff",
    "doctor",
)


# they need a repository: tests/test_git_verbs.py
IN_GIT = ("start", "advance", "abort", "undo", "gitops")


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(
        rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    for page in DOCS.rglob("*.md"):
        name = page.relative_to(DOCS).with_suffix("")
        built = tmp_path / (
            "index.html" if page.stem == "index" and name.parent == Path() else name / "index.html"
        )
        assert built.exists() or (tmp_path / name.parent / "index.html").exists(), page
    assert "<svg" in (tmp_path / "phases.svg").read_text()


@pytest.fixture
def surroundings(
    program: Callable[[str], Path], cluster: Cluster, namespace: str, tmp_path: Path
) -> Iterator[dict[str, str]]:
    """Every program of the documentation on PATH, the cluster as kubectl's, and the namespace its default."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("kubectl", "kustomize", "helm", "helm3", "krew"):
        (folder / name.replace("krew", "kubectl-krew")).symlink_to(program(name))
    config = tmp_path / "kubeconfig"
    shutil.copy(cluster.kubeconfig, config)
    cluster.kubectl(
        "--kubeconfig", str(config), "config", "set-context", "--current", f"--namespace={namespace}"
    )
    known = {key: os.environ[key] for key in ("PIP_INDEX_URL", "PIP_CONFIG_FILE") if key in os.environ}
    homes = {f"HELM_{name}_HOME": str(tmp_path / name.lower()) for name in ("DATA", "CONFIG", "CACHE")}
    path = [tmp_path / "krew/bin", folder, BIN, "/usr/bin", "/bin"]
    yield {
        **known, **homes, "PATH": os.pathsep.join(map(str, path)), "KUBECONFIG": str(config), "HOME": str(tmp_path),
        "KREW_ROOT": str(tmp_path / "krew"), "KREW_NO_UPGRADE_CHECK": "1",
    }  # fmt: skip


def pasted(script: str, folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def clone(folder: Path, namespace: str) -> Path:
    """A clone of the repository with a canary file in it."""
    subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)
    (folder / "canary.yaml").write_text(canary_file(namespace))
    return folder


def canary_file(namespace: str) -> str:
    return SEED.read_text().replace("namespace: production", f"namespace: {namespace}")


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_run_in_order(
    page: str, surroundings: dict[str, str], cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    folder = clone(tmp_path / "clone", namespace)
    if page == "start.md":
        (folder / "canary.yaml").unlink()
    script = "".join(blocks(DOCS / page, "sh")).replace("-n production", f"-n {namespace}")
    path = f"{short_sleep(tmp_path)}{os.pathsep}{surroundings['PATH']}"
    with Controllers(cluster, namespace):
        done = pasted(script, folder, surroundings | {"PATH": path})
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    for block in blocks(DOCS / page, "console"):
        first, _, shown = block.partition("\n")
        printed = pasted(first.removeprefix("$ "), folder, surroundings).stdout
        assert printed.replace(namespace, "production").startswith(shown)


def test_the_readme_installs_the_plugin(surroundings: dict[str, str], namespace: str, tmp_path: Path) -> None:
    """Its block with pip, in an environment of its own; tests/test_docs.py runs the others."""
    (block,) = [one for one in blocks(ROOT / "README.md", "sh") if "pip install" in one]
    folder = clone(tmp_path / "clone", namespace)
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "environment"], check=True)
    path = f"{tmp_path}/environment/bin:{surroundings['PATH'].replace(str(BIN), '')}"
    done = pasted(f"{block}command -v kubectl-canary", folder, surroundings | {"PATH": path})
    assert done.returncode == 0, done.stderr
    assert "kubectl-canary v" in done.stdout
    assert done.stdout.endswith("/environment/bin/kubectl-canary\n")


def test_every_page_with_commands_is_run() -> None:
    with_commands = {page.name for page in DOCS.glob("*.md") if blocks(page, "sh")}
    elsewhere = {"adopt.md", "git.md"}  # tests/test_docs.py and tests/test_git_verbs.py run them
    assert {*PAGES, *elsewhere, *IMPORTED} == with_commands


def test_the_commands_from_ingress_nginx_run(
    surroundings: dict[str, str], cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    """Each alone, where a canary runs behind two Ingresses, also as they stand in the cluster."""
    text = yaml.safe_dump_all(a_shop(a_canary(weight="10"))).replace(
        "namespace: store", f"namespace: {namespace}"
    )
    cluster.kubectl("apply", "-f", "-", stdin=text)
    lines = [*blocks(DOCS / "ingress-nginx.md", "sh")[0].splitlines(), *examples("import")[:2]]
    assert 4 == len(lines)
    for number, line in enumerate(lines):
        folder = tmp_path / str(number)
        (folder / "k8s").mkdir(parents=True)
        (folder / "k8s/shop.yaml").write_text(text)
        done = pasted(line.replace("-n shop", f"-n {namespace}"), folder, surroundings)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        assert "10%" in (folder / "canary.yaml").read_text()
        assert (folder / "gateway/httproute-shop.yaml").is_file()


@pytest.mark.parametrize(
    ("tool", "values"),
    [
        ("flagger", [test_import_flagger.a_canary(), test_import_flagger.deployment()]),
        (
            "argo-rollouts",
            test_import_argo_rollouts.shop(test_import_argo_rollouts.rollout({"setWeight": 20})),
        ),
    ],
)
def test_the_commands_from_a_controller_run(
    tool: str,
    values: list[Any],
    surroundings: dict[str, str],
    cluster: Cluster,
    namespace: str,
    tmp_path: Path,
) -> None:
    """Each alone, from files and from a cluster that has the controller's objects."""
    text = yaml.safe_dump_all(values).replace("namespace: store", f"namespace: {namespace}")
    lines = [
        *blocks(DOCS / f"{tool}.md", "sh")[0].splitlines(),
        *(examples("import")[2:] if tool == "flagger" else []),
    ]
    assert len(lines) > 1
    with cluster.knowing(tool):
        cluster.kubectl("apply", "-f", "-", stdin=text)
        for number, line in enumerate(lines):
            folder = tmp_path / str(number)
            (folder / "k8s").mkdir(parents=True)
            (folder / "k8s/shop.yaml").write_text(text)
            done = pasted(line.replace("-n shop", f"-n {namespace}"), folder, surroundings)
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
            assert "20%" in (folder / "canary.yaml").read_text()


@pytest.mark.parametrize("tool", ["argo-rollouts", "flagger"])
def test_the_commands_to_a_controller_run(
    tool: str, surroundings: dict[str, str], cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    """In order, on the cluster that has the controller's kinds; the examples of the verb that are about it, too."""
    (tmp_path / "canary.yaml").write_text(canary_file(namespace))
    (block,) = [one for one in blocks(DOCS / f"{tool}.md", "sh") if "canary export" in one]
    tried = [block, *(example for example in examples("export") if f"export {tool}" in example)]
    assert len(tried) > 1
    with cluster.knowing(tool):
        for text in tried:
            done = pasted(text, tmp_path, surroundings)
            assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
            assert f'"{tool}-' in done.stdout or "created" in done.stdout or "configured" in done.stdout


FLEET = """\
apiVersion: kubectl-canary/v1alpha1
kind: Fleet
metadata: {name: my-app}
spec: {waves: [{name: all, targets: [{name: here, file: canary.yaml}]}]}
"""


def examples(verb: str) -> list[str]:
    """The examples of a verb, each a comment and a command."""
    (block,) = blocks(DOCS / f"verbs/{verb}.md", "sh")
    return [one for one in block.split("\n\n") if not ELSEWHERE.search(one)]


@pytest.mark.parametrize(
    "verb", [verb for verb in VERBS if verb not in (*IN_A_WORLD, *IN_GIT, "import", "export")]
)
def test_the_examples_of_a_verb_run(
    verb: str, surroundings: dict[str, str], namespace: str, tmp_path: Path, cluster: Cluster
) -> None:
    """Each in a folder with a canary file, manifests, a kustomization, a chart and a ResourceList, at `5%`."""
    installed = pasted(f"helm plugin install {ROOT}/contrib/helm", tmp_path, surroundings)
    assert installed.returncode == 0, installed.stderr
    tried = examples(verb)
    assert tried
    for number, example in enumerate(tried):
        is_adopting = ADOPTING.search(example) is not None
        folder = (adopting if is_adopting else given)(tmp_path / str(number), namespace)
        first = (
            "kubectl apply -f k8s/"
            if is_adopting
            else "kubectl canary render --phase 5% | kubectl apply -f -"
        )
        state = pasted(first, folder, surroundings)
        assert state.returncode == 0, state.stderr
        if verb == "init":
            (folder / "canary.yaml").unlink()
        (folder / "fleet.yaml").write_text(FLEET)
        line = example.replace("-n production", f"-n {namespace}")
        if "post-renderer-args post-render" in line:
            line = line.replace("helm upgrade", "helm3 template").replace("--install ", "")
        if is_adopting:
            line = line.replace("--deployment my-app", "--deployment shop --into snapshot")
        done = pasted(line, folder, surroundings)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        assert (folder / "canary.yaml").is_file() or verb != "init" or not is_adopting


def adopting(folder: Path, namespace: str) -> Path:
    """What examples about manifests of one's own find: an application, its canary file, and a chart of it."""
    shutil.copytree(ROOT / "examples/shop", folder)
    for file in (folder / "k8s").iterdir():
        text = re.sub(
            r"^metadata: \{", f"metadata: {{namespace: {namespace}, ", file.read_text(), flags=re.MULTILINE
        )
        file.write_text(
            re.sub(r"^metadata:$", f"metadata:\n  namespace: {namespace}", text, flags=re.MULTILINE)
        )
    (folder / "chart").mkdir()
    (folder / "chart/Chart.yaml").write_text("apiVersion: v2\nname: shop\nversion: 1.0.0\n")
    shutil.copytree(folder / "k8s", folder / "chart/templates")
    return folder


def given(folder: Path, namespace: str) -> Path:
    """What the examples find in their folder."""
    folder.mkdir()
    (folder / "canary.yaml").write_text(canary_file(namespace))
    (folder / "prod.yaml").write_text("spec: {stable: {replicas: 5}}\n")
    (folder / "k8s").mkdir()
    route = (ROOT / "contrib/kustomize/check/route.yaml").read_text()
    (folder / "k8s/route.yaml").write_text(route)
    shutil.copytree(folder / "k8s", folder / "rendered")
    (folder / "kustomization.yaml").write_text("resources: [k8s/route.yaml]\n")
    shutil.copytree(ROOT / "contrib/helm/example", folder / "chart")
    item = route.replace("\n", "\n  ")
    listed = f"apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n- {item.rstrip()}\n"
    (folder / "resource-list.yaml").write_text(listed)
    return folder
