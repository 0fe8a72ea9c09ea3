"""`render --all -o dir=OUT`: our files are replaced, everybody else's are not touched."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import SEED, Result

from kubectl_canary.errors import WorldError
from kubectl_canary.outside.folder import write

Canary = Callable[..., Result]


def tree(out: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(out)): file.read_bytes() for file in sorted(out.rglob("*")) if file.is_file()
    }


def render(canary: Canary, out: Path, *flags: str) -> Result:
    return canary("render", "-f", SEED, "--all", "-o", f"dir={out}", *flags)


def test_the_folder_has_every_phase_and_the_current_one(canary: Canary, tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    result = render(canary, out)
    assert (0, "") == (result.code, result.out)
    assert re.fullmatch(
        rf"wrote (\d+) files into {out} \(\1 changed\); {out}/current is `deploy`\n", result.err
    )
    assert [
        "00-before", "01-deploy", "02-mirror-20-percent", "03-header-only", "04-5-percent", "05-10-percent",
        "06-25-percent", "07-50-percent", "08-100-percent", "09-promote-roll", "10-promote-return", "11-promoted",
    ] == sorted(path.name for path in (out / "phases").iterdir())  # fmt: skip
    assert [
        "10-service-my-app-stable.yaml", "11-service-my-app-canary.yaml", "20-deployment-my-app-stable.yaml",
        "21-deployment-my-app-canary.yaml", "30-gateway-production-gw.yaml", "40-httproute-my-app-canary-route.yaml",
    ] == sorted(path.name for path in (out / "current").iterdir())  # fmt: skip
    names = [path.relative_to(out) for path in out.rglob("*") if path.name != ".kubectl-canary"]
    assert all(re.fullmatch(r"[a-z0-9./-]+", str(name)) for name in names)


def test_the_files_in_their_order_are_what_render_prints(canary: Canary, tmp_path: Path) -> None:
    render(canary, tmp_path)
    for folder, phase in (
        ("phases/06-25-percent", "25%"),
        ("ways-back/rollback-from-25-percent", "rollback from 25%"),
    ):
        files = sorted((tmp_path / folder).glob("*.yaml"))
        printed = canary("render", "-f", SEED, "--phase", phase).out
        assert "---\n".join(file.read_text() for file in files) == printed


def test_moving_on_changes_current_and_removes_what_is_stale(canary: Canary, tmp_path: Path) -> None:
    render(canary, tmp_path)
    (tmp_path / "current/kustomization.yaml").write_text("resources: []\n")
    (tmp_path / "README.md").write_text("theirs\n")
    (tmp_path / "phases/01-deploy/notes.txt").write_text("theirs\n")
    render(canary, tmp_path, "--set", "spec.phase=deploy", "--set", "spec.phases=[50%]")
    for phase in ("50%", "100%", "promote-roll", "promote-return", "promoted"):
        render(canary, tmp_path, "--set", f"spec.phase={phase}", "--set", "spec.phases=[50%]")
    found = tree(tmp_path)
    assert b"resources: []\n" == found["current/kustomization.yaml"]
    assert b"theirs\n" == found["README.md"] == found["phases/01-deploy/notes.txt"]
    assert "current/11-service-my-app-canary.yaml" not in found
    assert b"v1.1.0" in found["current/20-deployment-my-app-stable.yaml"]
    assert not (tmp_path / "phases/04-5-percent").exists()
    again = render(canary, tmp_path, "--set", "spec.phase=promoted", "--set", "spec.phases=[50%]")
    assert "(0 changed)" in again.err
    assert found == tree(tmp_path)


def test_a_file_of_somebody_else_in_the_way_is_not_overwritten(canary: Canary, tmp_path: Path) -> None:
    theirs = tmp_path / "current/10-service-my-app-stable.yaml"
    theirs.parent.mkdir()
    theirs.write_text("theirs\n")
    result = render(canary, tmp_path)
    assert 2 == result.code
    assert (
        f"error: {theirs} is there already and not written by us\nmove it away, or choose another folder"
        in result.err
    )
    assert {"current/10-service-my-app-stable.yaml": b"theirs\n"} == tree(tmp_path)


def test_the_folder_of_another_application_is_not_touched(canary: Canary, tmp_path: Path) -> None:
    render(canary, tmp_path)
    before = tree(tmp_path)
    result = render(canary, tmp_path, "--set", "metadata.name=other")
    assert 2 == result.code
    assert "holds the phases of my-app in production, not of other in production" in result.err
    assert before == tree(tmp_path)


def test_a_list_that_was_tampered_with_removes_nothing_outside(canary: Canary, tmp_path: Path) -> None:
    out, outside = tmp_path / "out", tmp_path / "outside.yaml"
    render(canary, out)
    outside.write_text("theirs\n")
    with (out / ".kubectl-canary").open("a") as file:
        file.write(f"../outside.yaml\n{outside}\ncurrent/../../outside.yaml\nREADME.md\n")
    (out / "README.md").write_text("theirs\n")
    render(canary, out)
    assert "theirs\n" == outside.read_text() == (out / "README.md").read_text()


@pytest.mark.parametrize(
    ("setting", "code"),
    [
        ("spec.phase=7%", 1),  # the file
        ("spec.gatewayAPI.version=v1.2", 1),  # a document of one phase
        ("metadata.name=other", 2),  # the folder
        ("spec.phase=promoted", 1),  # the step from what is there
    ],
)
def test_nothing_is_written_where_anything_is_wrong(
    canary: Canary, tmp_path: Path, setting: str, code: int
) -> None:
    out = tmp_path / "out"
    new = render(canary, out, "--set", "spec.phase=7%")
    assert (1, False) == (new.code, out.exists())
    render(canary, out)
    before = tree(out)
    result = render(canary, out, "--set", setting)
    assert (code, before) == (result.code, tree(out)), result.err


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/none"])
def test_a_folder_that_cannot_be_written(canary: Canary, tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("x")
    out = tmp_path / place
    result = render(canary, out)
    assert (4, "") == (result.code, result.out)
    assert f"error: cannot write to {out}: " in result.err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ["--all"],
            "error: --all needs -o dir=OUT or kustomize=OUT\nin one stream, kubectl would apply all phases up to the last one",
        ),
        (["-o", "dir"], "error: -o dir: into which folder?\n"),
        (["-o", "dir="], "error: -o dir=: into which folder?\n"),
        (["-o", "yml"], "error: -o yml: unknown format\nyaml, json, dir=OUT, kustomize=OUT or in-place\n"),
        (["-o", "dir=x", "--phase", "5%"], "error: -o dir=OUT writes all phases and all objects\n"),
    ],
)
def test_flags_that_do_not_fit(canary: Canary, flags: list[str], message: str) -> None:
    result = canary("render", "-f", SEED, *flags)
    assert (2, "") == (result.code, result.out)
    assert message in result.err


def command(out: Path, *flags: str) -> list[str]:
    return [
        sys.executable,
        "-m",
        "kubectl_canary",
        "render",
        "-f",
        str(SEED),
        "--all",
        "-o",
        f"dir={out}",
        *flags,
    ]


def test_two_at_once_take_turns(tmp_path: Path) -> None:
    out = tmp_path / "out"
    flags = [[], ["--set", "spec.phases=[1%, 2%]"]] * 4
    running = [subprocess.Popen(command(out, *one), stderr=subprocess.PIPE) for one in flags]
    assert [0] * 8 == [one.wait() for one in running if one.communicate() is not None]
    found = tree(out)
    listed = [line for line in found[".kubectl-canary"].decode().splitlines() if not line.startswith("#")]
    assert set(found) == {*listed, ".kubectl-canary"}


def test_a_killed_run_leaves_whole_files_and_the_next_one_mends_them(canary: Canary, tmp_path: Path) -> None:
    before, reference = tmp_path / "before", tmp_path / "reference"
    settings = ("--set", "spec.phase=mirror 20%")
    assert 0 == render(canary, before).code
    assert 0 == render(canary, reference, *settings).code
    for delay in range(12):
        out = Path(shutil.copytree(before, tmp_path / f"out-{delay}"))
        process = subprocess.Popen(command(out, *settings), stderr=subprocess.DEVNULL)
        time.sleep(0.08 + delay * 0.01)
        process.kill()
        process.wait()
        for file in (out / "current").iterdir():
            assert file.read_bytes().endswith(b"\n")
        assert 0 == render(canary, out, *settings).code
        assert tree(reference) == tree(out)


def written(out: Path, files: dict[str, str]) -> int:
    return write(out, "a in b", files, notes={}, judge=lambda _: None)


@pytest.mark.parametrize(
    ("files", "changed"),
    [
        ({"x/a": "1", "x/b": "2"}, 0), ({"x/a": "9", "x/b": "2"}, 1), ({"x/a": "1"}, 1), ({"x/a": "9"}, 2),
        ({"x/c": "3"}, 3),
    ],
)  # fmt: skip
def test_what_is_written_and_what_is_removed_has_changed(
    tmp_path: Path, files: dict[str, str], changed: int
) -> None:
    assert 2 == written(tmp_path, {"x/a": "1", "x/b": "2"})
    assert changed == written(tmp_path, files)
    assert set(files) == tree(tmp_path).keys() - {".kubectl-canary"}


def test_a_run_that_stopped_halfway_knew_its_files_already(tmp_path: Path) -> None:
    """Otherwise the next run would take them for somebody else's, and refuse to replace them."""
    (tmp_path / "phases").write_text("in the way\n")
    with pytest.raises(WorldError, match="cannot write to"):
        written(tmp_path, {"current/a": "1", "current/b": "2", "phases/c": "3"})
    assert {"current/a", "current/b"} < tree(tmp_path).keys()
    (tmp_path / "phases").unlink()
    written(tmp_path, {"current/a": "9"})
    assert {"current/a"} == tree(tmp_path).keys() - {".kubectl-canary"}


def test_what_a_killed_run_had_staged_is_removed(tmp_path: Path) -> None:
    staged = tmp_path / ".kubectl-canary.0_x1y2z3/current"
    staged.mkdir(parents=True)
    (staged / "a").write_text("1")
    written(tmp_path, {"current/a": "1"})
    assert {".kubectl-canary", "current"} == {path.name for path in tmp_path.iterdir()}


def test_scripts_can_be_run_and_manifests_cannot(canary: Canary, tmp_path: Path) -> None:
    render(canary, tmp_path)
    scripts = set(tmp_path.rglob("*.sh"))
    assert scripts
    assert scripts == {
        path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_mode & stat.S_IXUSR
    }


def test_the_folder_may_be_given_relative(
    canary: Canary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert 0 == render(canary, Path("a folder")).code
    assert (tmp_path / "a folder" / "current").is_dir()
    assert [path.name for path in tmp_path.iterdir()] == ["a folder"]
