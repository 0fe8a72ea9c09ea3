"""Sets of manifests: what is read by each name that a user may give, and what is said where nothing is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import _Bytes

from kubectl_canary.errors import CanaryError, Refused, UsageError, WorldError
from kubectl_canary.outside import git, manifest_sets
from kubectl_canary.outside.manifest_sets import Text, read

APP = "kind: Deployment\nmetadata: {name: app}\nspec: {replicas: %s}\n"
SERVICE = "kind: Service\napiVersion: v1\nmetadata: {name: %s}\n"
IDENTITY = {
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.com",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.com",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


@dataclass(frozen=True)
class Repository:
    """A real one, in a folder."""

    folder: Path

    def git(self, *words: str) -> str:
        done = subprocess.run(
            ["git", "-c", "protocol.file.allow=always", *words],
            cwd=self.folder,
            env={**os.environ, **IDENTITY},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"git {words}: {done.stderr}"
        return done.stdout.strip()

    def has(self, files: dict[str, str], tag: str = "") -> str:
        """The id of a commit of these files, beside those that are there."""
        write(self.folder, files)
        self.git("add", "-A")
        self.git("commit", "-qm", tag or "more")
        if tag:
            self.git("tag", tag)
        return self.git("rev-parse", "HEAD")


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


@pytest.fixture(autouse=True)
def own_world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No configuration of git of this machine's, and nothing that another test has read."""
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    manifest_sets._of_commit.cache_clear()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """An empty one, and the working directory."""
    return made(tmp_path / "shop", monkeypatch)


def made(folder: Path, monkeypatch: pytest.MonkeyPatch | None = None) -> Repository:
    folder.mkdir(parents=True)
    found = Repository(folder)
    found.git("init", "-q", "-b", "main")
    if monkeypatch:
        monkeypatch.chdir(folder)
    return found


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory in no repository."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def error(source: str, base: str = "", same_as: str | None = None) -> CanaryError:
    with pytest.raises(CanaryError) as caught:
        read(source, base, same_as)
    assert "kubectl-canary-" not in f"{caught.value.message} {caught.value.hint}"
    return caught.value


def cure(found: CanaryError) -> str:
    """The command that an error says to run."""
    command = re.search("`([^`]+)`", found.hint)
    assert command, found.hint
    return command[1]


def run(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command as printed, in the working directory."""
    environment = {**os.environ, "GIT_ALLOW_PROTOCOL": "file", **environment}
    return subprocess.run(["sh", "-c", command], env=environment, capture_output=True, text=True, check=False)


# files and folders


def test_a_file_is_read_from_the_folder_of_the_canary_file(here: Path) -> None:
    write(here, {"apps/shop/app.yaml": APP % 1})
    assert read("app.yaml", "apps/shop") == [Text("apps/shop/app.yaml", APP % 1)]
    assert read("../shop/app.yaml", "apps/shop") == [Text("apps/shop/app.yaml", APP % 1)]
    assert read("./apps/shop/app.yaml", "") == [Text("apps/shop/app.yaml", APP % 1)]
    absolute = str(here / "apps/shop/app.yaml")
    assert read(absolute, "elsewhere") == [Text(absolute, APP % 1)]


def test_dots_after_a_link_lead_where_they_lead(here: Path) -> None:
    write(here, {"a/b/app.yaml": APP % 1, "a/one.yaml": APP % 2, "one.yaml": APP % 3})
    (here / "link").symlink_to("a/b")
    assert read("link/../one.yaml", "") == [Text("link/../one.yaml", APP % 2)]


def test_a_folder_is_read_in_order_and_without_what_is_hidden(here: Path) -> None:
    texts = {"k8s/b.yaml": APP % 1, "k8s/a/z.yml": APP % 2, "k8s/c.json": "{}", "k8s/a.yaml": APP % 3}
    write(here, {**texts, "k8s/.hidden/a.yaml": "x", "k8s/README.md": "x"})
    shown = ["k8s/a/z.yml", "k8s/a.yaml", "k8s/b.yaml", "k8s/c.json"]
    assert read("k8s/", "") == [Text(name, texts[name]) for name in shown]
    assert [text.file for text in read(".", "k8s")] == shown
    assert [text.file for text in read(".", "")] == shown


def test_what_is_no_manifest_is_left_out_of_a_folder(here: Path) -> None:
    names = ["kustomization.yaml", "kustomization.yml", "Chart.yaml", "values.yaml"]
    write(here, {"k8s/app.yaml": APP % 1, **{f"k8s/sub/{name}": "a: b\n" for name in names}})
    assert [text.file for text in read("k8s", "")] == ["k8s/app.yaml"]
    write(here, {"k8s/helm/Chart.yaml": "name: x\n"})
    found = error("helm", "k8s")
    assert isinstance(found, UsageError)
    assert found.message == "k8s/helm has no manifests"


def test_a_folder_without_anything_has_no_manifests(here: Path) -> None:
    (here / "k8s").mkdir()
    assert error("k8s").message == "k8s has no manifests"


def test_what_is_not_there_is_said_by_its_name(here: Path) -> None:
    found = error("k8s/app.yaml", "apps")
    assert (found.exit_code, found.message) == (4, "apps/k8s/app.yaml does not exist")
    assert error("").message == "a file without a name"


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", _Bytes(APP.encode()))
    assert read("-", "apps") == [Text("standard input", APP)]


# Helm


def test_a_chart_is_to_be_rendered_first(here: Path) -> None:
    write(here, {"k8s/Chart.yaml": "name: x\n", "k8s/templates/app.yaml": "a: {{ .Values.a }}\n"})
    found = error("k8s")
    assert isinstance(found, UsageError)
    assert found.message == "k8s is a Helm chart, whose templates are no manifests yet"
    assert found.hint == "render it first: `helm template RELEASE k8s/ | kubectl canary render --manifests -`"


def test_a_chart_below_a_folder_is_named(here: Path) -> None:
    write(here, {"k8s/web/Chart.yaml": "name: x\n", "k8s/web/templates/app.yaml": "a: {{ .Values.a }}\n"})
    found = error("k8s")
    assert found.message.startswith("k8s/web is a Helm chart")
    assert "helm template RELEASE k8s/web/ |" in found.hint


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: b\nreplicas: {{ .Values.replicas }}\n", 2),
        ('name: "{{ .Release.Name }}-web"\n', 1),
        ("a: b\n{{- if true }}\nc: d\n{{- end }}\n", 2),
        ('a: b\nlabels:\n  {{- include "x" . | nindent 2 }}\n', 3),
        ("data:\n  a: |\n    {{ x }}\n  b: {{ .Values.b }}\n", 4),
    ],
)
def test_a_template_is_found_with_its_line(here: Path, text: str, line: int) -> None:
    write(here, {"chart/Chart.yaml": "name: x\n", "chart/templates/app.yaml": text})
    found = error("app.yaml", "chart/templates")
    assert isinstance(found, Refused)
    assert found.message == "chart/templates/app.yaml is not valid"
    assert [str(one) for one in found.findings] == [
        f"chart/templates/app.yaml:{line}:1: a Helm template that is not rendered"
    ]
    assert "`helm template RELEASE chart/ | kubectl canary render --manifests -`" in found.hint


@pytest.mark.parametrize(
    "text",
    [
        'summary: "{{ $labels.instance }} is down"\n',
        "data:\n  a: |\n    {{ .Values.a }}\n    {{ end }}\n\n    {{ x }}\n",
        "data:\n  a: |-  # {{ here }}\n    {{ range . }}\n",
        "args:\n- >\n  {{ .Values.x }}\n",
        "a: {b: {c: d}}\n",
    ],
)
def test_what_is_text_to_yaml_may_have_braces(here: Path, text: str) -> None:
    write(here, {"app.yaml": text})
    assert read("app.yaml", "") == [Text("app.yaml", text)]


def test_a_template_on_standard_input_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", _Bytes(b"a: {{ .Values.a }}\n"))
    found = error("-")
    assert found.message == "standard input is not valid"
    assert "`helm template RELEASE CHART | kubectl canary render --manifests -`" in found.hint


# commits


def test_a_tag_has_the_files_that_it_had(repository: Repository) -> None:
    repository.has({"k8s/app.yaml": APP % 1, "k8s/b.yaml": APP % 2}, "v41")
    identity = repository.has({"k8s/app.yaml": APP % 3}, "v42")
    write(repository.folder, {"k8s/app.yaml": "changed"})
    assert read("git:v41", "", "k8s/app.yaml") == [Text("git:v41:k8s/app.yaml", APP % 1)]
    assert read("git:v41", "", "k8s") == [
        Text("git:v41:k8s/app.yaml", APP % 1),
        Text("git:v41:k8s/b.yaml", APP % 2),
    ]
    assert read(f"git:{identity}", "", "k8s/app.yaml") == [Text(f"git:{identity}:k8s/app.yaml", APP % 3)]
    assert read("git:v41:k8s/b.yaml", "") == [Text("git:v41:k8s/b.yaml", APP % 2)]
    assert repository.git("status", "--porcelain") == "M k8s/app.yaml"


def test_a_path_starts_in_the_folder_of_the_canary_file(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.has({"apps/shop/k8s/app.yaml": APP % 1, "base/app.yaml": APP % 2}, "v41")
    assert read("git:v41", "apps/shop", "k8s")[0].file == "git:v41:apps/shop/k8s/app.yaml"
    monkeypatch.chdir(repository.folder / "apps/shop")
    assert read("git:v41", "", "../../base") == [Text("git:v41:base/app.yaml", APP % 2)]
    monkeypatch.chdir("/")
    assert read("git:v41", str(repository.folder / "apps"), "shop")[0].text == APP % 1


def test_the_whole_repository_may_be_the_folder(repository: Repository) -> None:
    repository.has({"app.yaml": APP % 1}, "v41")
    assert read("git:v41", "", ".") == [Text("git:v41:app.yaml", APP % 1)]


def test_what_is_gone_today_is_still_in_the_commit(repository: Repository) -> None:
    repository.has({"k8s/prod/app.yaml": APP % 1, "x": ""}, "v41")
    shutil.rmtree(repository.folder / "k8s")
    assert read("git:v41", "", "k8s/prod")[0].text == APP % 1


def test_bytes_are_those_of_the_commit_whatever_git_is_told(repository: Repository) -> None:
    attributes = "*.yaml text eol=crlf export-subst\nk8s/** export-ignore\n"
    text = "a: $Format:%H$\n"
    repository.has({".gitattributes": attributes, "k8s/äpp.yaml": text}, "v41")
    assert read("git:v41", "", "k8s") == [Text("git:v41:k8s/äpp.yaml", text)]


def test_an_annotated_tag_names_its_commit(repository: Repository) -> None:
    repository.has({"app.yaml": APP % 1})
    repository.git("tag", "-a", "-m", "a release", "release/v41")
    assert read("git:release/v41", "", "app.yaml") == [Text("git:release/v41:app.yaml", APP % 1)]


def test_a_tag_wins_over_a_branch_of_its_name(repository: Repository) -> None:
    repository.has({"app.yaml": APP % 1}, "v41")
    repository.has({"app.yaml": APP % 2})
    repository.git("branch", "v41")
    assert read("git:v41", "", "app.yaml")[0].text == APP % 1


def test_a_commit_is_read_once(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    repository.has({"app.yaml": APP % 1}, "v41")
    first = read("git:v41", "", "app.yaml")
    monkeypatch.setattr(git.Commit, "write", lambda *_: pytest.fail("read again"))
    assert read("git:v41", "", "app.yaml") == first


def test_a_hook_of_another_repository_changes_nothing(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.has({"app.yaml": APP % 1}, "v41")
    monkeypatch.setenv("GIT_DIR", str(made(tmp_path / "other").folder / ".git"))
    assert read("git:v41", "", "app.yaml")[0].text == APP % 1


@pytest.mark.parametrize("ref", ["main", "HEAD", "short", "v41~0", "refs/tags/v41"])
def test_what_may_move_is_refused_with_what_to_write(repository: Repository, ref: str) -> None:
    identity = repository.has({"app.yaml": APP % 1}, "v41")
    ref = identity[:10] if ref == "short" else ref
    found = error(f"git:{ref}", "", "app.yaml")
    assert isinstance(found, UsageError)
    assert found.message == (
        f"git:{ref}: {ref} is neither a tag nor a full commit, and may name another commit tomorrow"
    )
    assert found.hint == f"write `git:{identity}`, which it names today"
    assert read(cure(found), "", "app.yaml")[0].text == APP % 1


def test_without_git_it_is_said(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repository.folder))
    found = error("git:v41", "", "app.yaml")
    assert (found.exit_code, found.message) == (4, "git is not on PATH")
    assert found.hint == "install git, or name a file or folder by its path"


def test_a_folder_in_no_repository_is_named(here: Path) -> None:
    write(here, {"k8s/app.yaml": APP % 1})
    found = error("git:v41", "", "k8s")
    assert (found.exit_code, found.message) == (4, "git:v41: k8s is in no git repository")
    assert error("git:v41:k8s").message == "git:v41: the working directory is in no git repository"
    assert found.hint == "name a file or folder by its path"


def test_a_repository_of_another_user_can_be_allowed(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.has({"app.yaml": APP % 1}, "v41")
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(repository.folder.parent / "config"))
    found = error("git:v41", "", "app.yaml")
    assert found.exit_code == 4
    assert found.message.startswith(
        "git:v41: git does not read the working directory: detected dubious ownership"
    )
    assert cure(found) == f"git config --global --add safe.directory {repository.folder}"
    assert run(cure(found)).returncode == 0
    assert read("git:v41", "", "app.yaml")[0].text == APP % 1


def test_a_tag_that_is_not_there_has_a_nearest(repository: Repository) -> None:
    repository.has({"app.yaml": APP % 1}, "v1.41.0")
    found = error("git:v1.40.0", "", "app.yaml")
    assert (found.exit_code, found.message) == (4, "there is no tag v1.40.0")
    assert found.hint == "did you mean `git:v1.41.0`?"
    assert error("git:-x", "", "app.yaml").hint == "the newest tags are v1.41.0"
    assert error(f"git:{'0' * 40}", "", "app.yaml").message == f"there is no commit {'0' * 40}"


def test_without_tags_commits_are_listed(repository: Repository) -> None:
    identity = repository.has({"app.yaml": APP % 1})
    found = error("git:v41", "", "app.yaml")
    assert found.hint == "`git log '--format=%H %s'` lists commits"
    assert run(cure(found)).stdout == f"{identity} more\n"


def test_a_tag_of_a_file_is_no_commit(repository: Repository) -> None:
    repository.has({"app.yaml": APP % 1})
    repository.git("tag", "odd", "HEAD:app.yaml")
    assert error("git:odd", "", "app.yaml").message == "git:odd: the tag names no commit"


@pytest.mark.parametrize("same_as", [None, "-", "git:v40"])
def test_a_tag_alone_needs_a_path(repository: Repository, same_as: str | None) -> None:
    found = error("git:v41", "", same_as)
    assert (found.exit_code, found.message) == (2, "git:v41 names no path")
    assert found.hint == "write `git:v41:PATH`, from the top of the repository"
    assert error("git:", "", "app.yaml").message == "git: names neither a tag nor a commit"


@pytest.mark.parametrize("path", ["..", "../x", "k8s/../../x", "/etc/hostname"])
def test_a_path_from_the_top_stays_below_it(repository: Repository, path: str) -> None:
    repository.has({"app.yaml": APP % 1}, "v41")
    found = error(f"git:v41:{path}")
    assert (found.exit_code, found.message) == (2, f"git:v41:{path} leads out of the repository")
    assert read("git:v41:./k8s/../app.yaml", "")[0].file == "git:v41:app.yaml"
    assert read("git:v41:", "")[0].file == "git:v41:app.yaml"


# clones


def cloned(repository: Repository, to: Path, *flags: str) -> Repository:
    """A clone, and the working directory."""
    repository.git("clone", "-q", *flags, f"file://{repository.folder}", str(to))
    os.chdir(to)
    return Repository(to)


def test_the_cure_of_a_shallow_clone_works(repository: Repository, tmp_path: Path) -> None:
    identity = repository.has({"app.yaml": APP % 1}, "v41")
    second = repository.has({"app.yaml": APP % 2})
    repository.has({"app.yaml": APP % 3})
    cloned(repository, tmp_path / "clone", "--depth", "1")
    found = error("git:v41", "", "app.yaml")
    assert (found.exit_code, found.message) == (4, "there is no tag v41 in this clone, which is shallow")
    assert found.hint == "`git fetch --depth 1 origin tag v41` brings it"
    assert run(cure(found)).returncode == 0
    assert read("git:v41", "", "app.yaml")[0].text == APP % 1
    found = error(f"git:{second}", "", "app.yaml")
    assert found.hint == f"`git fetch --depth 1 origin {second}` brings it"
    assert run(cure(found)).returncode == 0
    assert read(f"git:{second}", "", "app.yaml")[0].text == APP % 2
    assert read(f"git:{identity}", "", "app.yaml")[0].text == APP % 1


def test_the_cure_says_which_clone(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.has({"app.yaml": APP % 1}, "v41")
    repository.has({"app.yaml": APP % 2})
    cloned(repository, tmp_path / "a clone", "--depth", "1", "--origin", "upstream")
    monkeypatch.chdir(tmp_path)
    found = error("git:v41", "a clone", "app.yaml")
    assert cure(found) == f"git -C '{tmp_path}/a clone' fetch --depth 1 upstream tag v41"
    assert run(cure(found)).returncode == 0
    assert read("git:v41", "a clone", "app.yaml")[0].text == APP % 1


def test_a_tag_that_only_the_remote_has_can_be_fetched(repository: Repository, tmp_path: Path) -> None:
    repository.has({"app.yaml": APP % 1}, "v41")
    cloned(repository, tmp_path / "clone", "--no-tags")
    found = error("git:v41", "", "app.yaml")
    assert found.hint == "`git fetch origin tag v41` brings what only the remote has"
    assert run(cure(found)).returncode == 0
    assert read("git:v41", "", "app.yaml")[0].text == APP % 1


def test_a_partial_clone_fetches_nothing(repository: Repository, tmp_path: Path) -> None:
    repository.git("config", "uploadpack.allowFilter", "true")
    repository.has({"app.yaml": APP % 1}, "v41")
    repository.has({"app.yaml": APP % 2})
    cloned(repository, tmp_path / "clone", "--filter=blob:none")
    found = error("git:v41", "", "app.yaml")
    assert (found.exit_code, found.message) == (4, "this clone has not all that is in v41")
    assert run(cure(found)).returncode == 0
    assert read("git:v41", "", "app.yaml")[0].text == APP % 1


# paths that a commit has not


@pytest.mark.parametrize(
    ("path", "earlier"), [("k8s/app.yaml", "deploy/web.yaml"), ("k8s/sub", "deploy/sub")]
)
def test_a_renamed_path_is_named_as_it_was(repository: Repository, path: str, earlier: str) -> None:
    repository.has({"deploy/web.yaml": APP % 1, "deploy/sub/b.yaml": SERVICE % "shop" * 9}, "v41")
    (repository.folder / "k8s/sub").mkdir(parents=True)
    repository.git("mv", "deploy/web.yaml", "k8s/app.yaml")
    repository.git("mv", "deploy/sub/b.yaml", "k8s/sub/b.yaml")
    repository.has({"x": ""})
    found = error("git:v41", "", path)
    assert (found.exit_code, found.message) == (4, f"{path} is not in v41: it was {earlier} then")
    assert cure(found) == f"git:v41:{earlier}"
    assert read(cure(found), "")


def test_a_path_that_is_written_wrong_has_a_nearest(repository: Repository) -> None:
    repository.has({"k8s/app.yaml": APP % 1}, "v41")
    found = error("git:v41", "", "k8s/apps.yaml")
    assert (found.message, found.hint) == (
        "k8s/apps.yaml is not in v41",
        "did you mean `git:v41:k8s/app.yaml`?",
    )


def test_a_path_that_is_like_none_is_listed(repository: Repository) -> None:
    repository.has({"k8s/app.yaml": APP % 1}, "v41")
    found = error("git:v41", "", "other.json")
    assert cure(found) == "git ls-tree -r --name-only --full-tree v41"
    assert run(cure(found)).stdout == "k8s/app.yaml\n"


@pytest.fixture
def with_submodule(repository: Repository, tmp_path: Path) -> tuple[Repository, str]:
    """A repository with a submodule at `lib`, and the submodule's commit at v41."""
    inner = made(tmp_path / "inner")
    identity = inner.has({"k8s/app.yaml": APP % 1}, "inner-tag")
    repository.git("submodule", "add", "-q", f"file://{inner.folder}", "lib")
    repository.has({"x": ""}, "v41")
    Repository(repository.folder / "lib").has({"k8s/app.yaml": APP % 2}, "v41")
    repository.has({"x": "2"})
    return repository, identity


def test_a_path_in_a_submodule_has_the_submodules_commit(with_submodule: tuple[Repository, str]) -> None:
    found = error("git:v41", "", "lib/k8s")
    assert (found.exit_code, found.message) == (
        4,
        "lib/k8s lies in the submodule lib, whose files are not in v41",
    )
    assert cure(found) == f"git:{with_submodule[1]}"
    assert read(cure(found), "", "lib/k8s") == [Text(f"{cure(found)}:k8s/app.yaml", APP % 1)]


def test_a_canary_file_in_a_submodule_is_of_its_repository(with_submodule: tuple[Repository, str]) -> None:
    assert read("git:v41", "lib", "k8s")[0].text == APP % 2


def test_a_submodule_that_is_not_there_is_to_be_updated(
    with_submodule: tuple[Repository, str], tmp_path: Path
) -> None:
    repository, identity = with_submodule
    repository.git("checkout", "-q", "v41")
    cloned(repository, tmp_path / "clone")
    run("git checkout -q v41")
    found = error("git:v41", "", "lib/k8s")
    assert found.hint.startswith(f"run `git submodule update --init :/lib`, and write `git:{identity}`")
    write(tmp_path / "clone", {"below/x": ""})
    assert run(f"cd below && {cure(found)}").returncode == 0
    assert read(f"git:{identity}", "", "lib/k8s")[0].text == APP % 1


# what a repository holds and is no manifest


def test_pointers_of_lfs_are_refused(repository: Repository) -> None:
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 1\n"
    repository.has({"k8s/app.yaml": pointer}, "v41")
    found = error("git:v41", "", "k8s")
    assert isinstance(found, Refused)
    assert [str(one) for one in found.findings] == [
        "git:v41:k8s/app.yaml: a pointer of Git LFS, not the file itself"
    ]
    assert error("k8s").hint == "`git lfs pull` brings the file"


def test_links_inside_are_followed(repository: Repository) -> None:
    write(repository.folder, {"base/app.yaml": APP % 1})
    (repository.folder / "k8s").mkdir()
    (repository.folder / "k8s/app.yaml").symlink_to("../base/app.yaml")
    (repository.folder / "prod").symlink_to("k8s")
    repository.has({}, "v41")
    assert read("git:v41", "", "k8s") == [Text("git:v41:k8s/app.yaml", APP % 1)]
    assert read("git:v41:prod/app.yaml", "")[0].text == APP % 1


@pytest.mark.parametrize("target", ["/etc/hostname", "../../outside", "up/../outside"])
def test_links_that_lead_out_are_refused(repository: Repository, tmp_path: Path, target: str) -> None:
    write(repository.folder, {"k8s/a.yaml": APP % 1, "fine/b.yaml": APP % 2})
    (repository.folder / "k8s/up").symlink_to("..")
    (repository.folder / "k8s/app.yaml").symlink_to(target)
    repository.has({}, "v41")
    found = error("git:v41", "", "k8s")
    assert isinstance(found, Refused)
    assert [str(one) for one in found.findings] == [
        "git:v41:k8s/app.yaml: a link that leads out of the repository"
    ]
    assert error("git:v41", "", "k8s/app.yaml").message == "git:v41:k8s/app.yaml is not valid"
    assert read("git:v41", "", "fine")[0].text == APP % 2
    commit, _ = git.commit("", "k8s", "v41")
    assert commit.write(commit.entries(), str(tmp_path / "written")) == ["k8s/app.yaml"]
    assert sorted(path.name for path in (tmp_path / "written/k8s").iterdir()) == ["a.yaml", "up"]


def test_a_path_that_leads_out_is_refused(repository: Repository) -> None:
    repository.has({"app.yaml": APP % 1})
    inner = repository.git("rev-parse", "HEAD^{tree}")
    made_up = f"printf '040000 tree {inner}\\t..\\n' | git mktree"
    tree = run(made_up).stdout.strip()
    repository.git("tag", "v41", repository.git("commit-tree", "-m", "odd", tree))
    found = error("git:v41:.")
    assert isinstance(found, Refused)
    assert [str(one) for one in found.findings] == [
        "git:v41:../app.yaml: a path that leads out of the repository"
    ]


def test_a_file_without_links_is_written_alone(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.has({"k8s/app.yaml": APP % 1, "large/x.yaml": APP % 2}, "v41")
    written: list[str] = []
    as_before = git.Commit.write

    def write(self: git.Commit, entries: Sequence[git.Entry], folder: str) -> list[str]:
        written.extend(entry.path for entry in entries)
        return as_before(self, entries, folder)

    monkeypatch.setattr(git.Commit, "write", write)
    read("git:v41", "", "k8s")
    assert written == ["k8s/app.yaml"]


def test_nothing_temporary_stays(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = repository.folder.parent / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    repository.has({"app.yaml": APP % 1}, "v41")
    read("git:v41", "", "app.yaml")
    error("git:v41", "", "none")
    assert not list(temporary.iterdir())


def test_what_cannot_be_written_is_said(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    repository.has({"app.yaml": APP % 1}, "v41")

    def full(path: Path, _: bytes) -> None:
        raise OSError(28, "No space left on device", path.name)

    monkeypatch.setattr(Path, "write_bytes", full)
    found = error("git:v41", "", "app.yaml")
    assert (found.exit_code, found.message) == (
        4,
        "cannot write app.yaml of v41: No space left on device",
    )


def test_bytes_that_are_no_text_are_refused_by_the_name_to_show(repository: Repository) -> None:
    (repository.folder / "app.yaml").write_bytes(b"a: \xff\n")
    repository.has({}, "v41")
    assert error("git:v41", "", "app.yaml").message == "git:v41:app.yaml is not valid"


def test_a_chart_in_a_commit_is_rendered_beside(repository: Repository) -> None:
    chart = {"k8s/Chart.yaml": "name: x\n", "k8s/templates/app.yaml": "a: {{ .Values.a }}\n"}
    repository.has(chart, "v41")
    repository.has({"k8s/Chart.yaml": "name: y\n"})
    found = error("git:v41", "", "k8s")
    assert found.message == "git:v41:k8s is a Helm chart, whose templates are no manifests yet"
    first, _, then = cure(found).partition(" && ")
    assert then == "helm template RELEASE ../shop-v41/k8s/ | kubectl canary render --manifests -"
    assert run(first).returncode == 0
    assert Path("../shop-v41/k8s/Chart.yaml").read_text() == "name: x\n"


# kustomize


@pytest.fixture
def kubectl(program: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The real one, by its path."""
    path = program("kubectl")
    monkeypatch.setenv("KUBECTL_PATH", str(path))
    return path


KUSTOMIZED = {
    "base/kustomization.yaml": "resources: [service.yaml]\n",
    "base/service.yaml": SERVICE % "shop",
    "k8s/prod/kustomization.yaml": "resources: [../../base]\nnamePrefix: prod-\n",
}


@pytest.mark.parametrize("name", manifest_sets.KUSTOMIZATIONS)
def test_a_kustomization_is_what_kubectl_prints(here: Path, kubectl: Path, name: str) -> None:
    write(
        here,
        {"k8s/a.yaml": SERVICE % "a", "k8s/b.yaml": SERVICE % "b", f"k8s/{name}": "resources: [b.yaml]\n"},
    )
    printed = subprocess.run([kubectl, "kustomize", "k8s"], capture_output=True, text=True, check=True).stdout
    assert read("k8s", "") == [Text("kubectl kustomize k8s", printed)]
    assert "name: b" in printed


def test_a_kustomization_in_a_commit_has_its_base(repository: Repository, kubectl: Path) -> None:
    repository.has(KUSTOMIZED, "v41")
    repository.has({"base/service.yaml": SERVICE % "other"})
    (found,) = read("git:v41", "", "k8s/prod")
    assert found.file == "kubectl kustomize git:v41:k8s/prod"
    assert "name: prod-shop" in found.text


def test_a_failure_of_kustomize_is_quoted_with_the_command(here: Path, kubectl: Path) -> None:
    write(here, {"k8s/kustomization.yaml": "resources: [none.yaml]\n"})
    found = error("k8s")
    assert found.exit_code == 4
    assert found.message.startswith("`kubectl kustomize k8s` failed: accumulating resources")
    assert found.hint == f"run `{kubectl} kustomize k8s`"
    assert "none.yaml" in run(cure(found)).stderr


def test_an_error_of_many_lines_is_one_sentence(here: Path, kubectl: Path) -> None:
    write(here, {"k8s/kustomization.yaml": "commonLabels: {a: b}\npatches: [{patch: 'a: b'}]\n"})
    assert error("k8s").message == (
        "`kubectl kustomize k8s` failed: trouble configuring builtin PatchTransformer with config: ` "
        "patch: 'a: b' `: unable to parse SM or JSON patch from [patch: \"a: b\"]"
    )


@pytest.mark.parametrize(
    ("logged", "said"),
    [
        (r'err="unknown field \"a\""', 'unknown field "a"'),
        ("err=<\n\ttrouble with `\n\ta: b\n\t`: no patch\n >", "trouble with ` a: b `: no patch"),
    ],
)
def test_the_kubectl_of_googles_sdk_logs_its_errors(
    here: Path, monkeypatch: pytest.MonkeyPatch, logged: str, said: str
) -> None:
    write(
        here,
        {
            "k8s/kustomization.yaml": "resources: []\n",
            "said": f'# W\nE1 1 run.go:72] "command failed" {logged}\n',
        },
    )
    write(here, {"kubectl": "#!/bin/sh\ncat said >&2\nexit 1\n"})
    (here / "kubectl").chmod(0o755)
    monkeypatch.setenv("KUBECTL_PATH", "./kubectl")
    found = error("k8s")
    assert found.message == f"`kubectl kustomize k8s` failed: {said}"
    assert found.hint == "run `./kubectl kustomize k8s`"


def test_a_failure_in_a_commit_can_be_seen_beside(repository: Repository, kubectl: Path) -> None:
    repository.has({"k8s/kustomization.yaml": "resources: [none.yaml]\n"}, "v41")
    repository.has({"k8s/kustomization.yaml": "resources: []\n"})
    found = error("git:v41", "", "k8s")
    assert found.message.startswith("`kubectl kustomize git:v41:k8s` failed: accumulating resources")
    assert "k8s/none.yaml" in found.message
    done = run(cure(found))
    assert "none.yaml" in done.stderr
    assert Path("../shop-v41/k8s").is_dir()


def test_without_kubectl_it_is_said(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(here, {"k8s/kustomization.yaml": "resources: []\n"})
    monkeypatch.setenv("KUBECTL_PATH", "no-such-kubectl")
    found = error("k8s")
    assert isinstance(found, WorldError)
    assert found.message == "no-such-kubectl is not on PATH"
