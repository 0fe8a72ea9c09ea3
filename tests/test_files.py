"""Files by their names and those of folders: each once, in an order that does not depend on the system."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubectl_canary.errors import WorldError
from kubectl_canary.outside import files


@pytest.fixture
def below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder `k8s` in the working directory."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "b.yaml",
        "a/z.json",
        "a-b/c.yml",
        "a/notes.txt",
        ".git/x.yaml",
        "a/.hidden.yaml",
        "d.yaml/in.yaml",
    ):
        path = tmp_path / "k8s" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    (tmp_path / "k8s/gone.yaml").symlink_to("nowhere")
    (tmp_path / "k8s/link").symlink_to("a")
    return tmp_path / "k8s"


@pytest.mark.parametrize("name", ["k8s", "./k8s", "k8s/", ".//k8s/."])
def test_a_folder_is_listed_by_its_parts(below: Path, name: str) -> None:
    known = ["k8s/a/z.json", "k8s/a-b/c.yml", "k8s/b.yaml", "k8s/d.yaml/in.yaml"]
    assert known == files.listed([name])
    assert [str(below.parent / path) for path in known] == files.listed([str(below)])


def test_the_working_directory_and_what_is_above_it_keep_their_names(
    below: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(below)
    assert ["a/z.json", "a-b/c.yml", "b.yaml", "d.yaml/in.yaml"] == files.listed(["."])
    monkeypatch.chdir(below / "a")
    assert ["../a-b/c.yml"] == files.listed(["../a-b"])
    assert ["../link/z.json"] == files.listed(["../link"])


def test_a_file_with_several_names_is_listed_once(below: Path) -> None:
    assert ["k8s/link/z.json", "k8s/b.yaml"] == files.listed(
        ["k8s/link/z.json", "k8s/a/z.json", "k8s/b.yaml"]
    )
    assert ["k8s/b.yaml"] == files.listed(["k8s/link", "k8s/b.yaml"], without=["k8s/a/z.json"])


def test_a_folder_that_cannot_be_read_is_named(below: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scan = files.os.scandir

    def refused(path: str) -> object:
        if path.endswith("a-b"):
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(files.os, "scandir", refused)
    with pytest.raises(WorldError, match="cannot read k8s/a-b: Permission denied"):
        files.listed(["k8s"])


def test_a_file_is_in_the_folder_of_the_phase_that_it_lies_in(below: Path) -> None:
    out = below / "out"
    for phase in ("current", "phases/01-deploy", "elsewhere/phases/x"):
        (out / phase).mkdir(parents=True)
    assert "" == files.phase_folder(str(out / "current/a.yaml"))
    (out / files.LIST).write_text("")
    assert str(out / "current") == files.phase_folder("k8s/out/current/a.yaml")
    assert str(out / "phases/01-deploy") == files.phase_folder(str(out / "phases/01-deploy/a.yaml"))
    assert "" == files.phase_folder(str(out / "elsewhere/phases/x/a.yaml"))
    assert ["", ""] == [files.phase_folder(name) for name in (str(out / "a.yaml"), "-")]
