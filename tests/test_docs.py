"""What the documentation shows is what happens."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ROOT, SEED, Cluster, Result
from controllers import Controllers, short_sleep

from kubectl_canary.judging import lint
from kubectl_canary.verbs import VERBS

README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_the_commands_of_the_readme_run_in_order(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    """As a user would paste them, through the real kubectl, into a real API server."""
    elsewhere = ("make ", "pip install", "init --from", "canary start")
    lines = "".join(block for block in blocks("sh") if not any(word in block for word in elsewhere))
    script = lines.replace("-n production", f"-n {namespace}")
    path = (
        f"{short_sleep(tmp_path)}:{Path(sys.executable).parent}:{cluster.kubectl_path.parent}:/usr/bin:/bin"
    )
    with Controllers(cluster, namespace):
        done = subprocess.run(
            ["bash", "-euxo", "pipefail", "-c", script],
            cwd=tmp_path,
            env={**cluster.environment(), "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert {"Service my-app-stable", "Deployment my-app-stable", "HTTPRoute my-app-canary-route"} == {
        f"{kind} {name}" for kind, name in cluster.live(namespace)
    }
    assert (tmp_path / "rendered/current").is_dir()


def test_the_first_commands_of_the_readme_run_over_a_folder_of_ones_own(tmp_path: Path) -> None:
    (block,) = [block for block in blocks("sh") if "init --from" in block]
    shutil.copytree(ROOT / "examples/shop/k8s", tmp_path / "k8s")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.replace("kubectl canary", "kubectl-canary")],
        cwd=tmp_path,
        env={"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Deployment shop: the only Deployment" in done.stderr
    for shown in (
        "shop: v1 → v2, through HTTPRoute storefront",
        "0 errors",
        "name: shop-canary",
        "shop-canary:80",
    ):
        assert shown in done.stdout


def in_git(folder: Path) -> None:
    """A repository of the folder, as it is."""
    who = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main")
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "as it is")):
        subprocess.run(["git", *who, *words], cwd=folder, check=True)


def test_the_commands_of_the_page_on_manifests_of_ones_own_run_in_order(
    cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    page = (ROOT / "docs/adopt.md").read_text(encoding="utf-8")
    example = Path(shutil.copytree(ROOT / "examples/shop", tmp_path / "shop"))
    in_git(example)
    shown = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)[0]
    assert shown == (example / "canary.yaml").read_text(encoding="utf-8")
    lines = "".join(re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL))
    path = (
        f"{short_sleep(tmp_path)}:{Path(sys.executable).parent}:{cluster.kubectl_path.parent}:/usr/bin:/bin"
    )
    with Controllers(cluster, namespace):
        done = subprocess.run(
            ["bash", "-euxo", "pipefail", "-c", lines.replace("-n production", f"-n {namespace}")],
            cwd=example,
            env={**cluster.environment(), "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    names = {f"{kind} {name}" for kind, name in cluster.live(namespace)}
    assert names == {
        "Deployment shop",
        "HTTPRoute storefront",
        "Service docs",
        "Service legacy",
        "Service shop",
    }


def test_the_demo_and_its_three_lines(tmp_path: Path) -> None:
    """`make demo`, with the environment that is there."""
    done = subprocess.run(
        [
            "make",
            "--silent",
            "-o",
            ".venv/.installed",
            "demo",
            f"BIN={Path(sys.executable).parent}",
            f"OUT={tmp_path}/out",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "my-app in production: v1.0.0 → v1.1.0" in done.stdout
    assert 3 == len(done.stdout.partition("Go on with:\n")[2].splitlines())
    assert len(list((tmp_path / "out/phases").iterdir())) == 12


def test_the_canary_file_of_the_readme_is_good(canary: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "canary.yaml").write_text(blocks("yaml")[0])
    result = canary("plan", "-f", tmp_path / "canary.yaml")
    assert (0, "") == (result.code, result.err)


def test_the_plan_of_the_readme_is_what_plan_prints(canary: Callable[..., Result]) -> None:
    shown = blocks("console")[0].partition("\n")[2]
    printed = canary("plan", "-f", SEED, "--set", "spec.phases=[header-only, 5%, 25%, 50%]").out
    assert printed.startswith(shown)


def test_the_errors_of_the_readme_are_what_render_says(
    canary: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    wrong = SEED.read_text().replace("canary: {tag: v1.1.0}", "canary: {tagg: v1.1.0}")
    (tmp_path / "canary.yaml").write_text(wrong)
    said = canary("render").err
    assert "spec.canary.tagg: unknown key; did you mean `tag`?" in said
    assert said.startswith(blocks("console")[1].splitlines()[1])


def test_every_verb_is_in_the_readme() -> None:
    for verb in VERBS:
        assert f"kubectl canary {verb}" in README or f"`{verb}`" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_and_make_targets_are_there(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert (document.parent / link).exists() or link.startswith("https://"), link
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for line in re.findall(r"^make ([\w -]+)", text, re.MULTILINE):
        assert set(line.split()) <= targets


def test_pages_that_are_made_from_the_code_are_current() -> None:
    sys.path.insert(0, str(ROOT / "scripts"))
    import pages

    made = pages.pages()
    for name, text in made.items():
        assert text == (ROOT / "docs" / name).read_text(encoding="utf-8"), "run python scripts/pages.py"
    written = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs/verbs").iterdir()}
    assert written == {name for name in made if name.startswith("verbs/")}


def test_every_rule_and_every_key_has_its_place() -> None:
    rules = (ROOT / "docs/lint.md").read_text()
    file = (ROOT / "docs/canary-file.md").read_text()
    for rule in lint.rules():
        assert f"\n## {rule.id}\n" in rules
    for key in (
        "spec.stable",
        "spec.route.gateway.create",
        "spec.phases[]",
        "spec.gates[]",
        "spec.testers",
    ):
        assert f"\n## {key}\n" in file
