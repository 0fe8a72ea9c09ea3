"""A release lives in Git: real repositories, a commit a phase, and nothing half done."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, Result
from test_manifest_sets import IDENTITY, Repository

HOUR_AGO = int(time.time()) - 3600
FILE = """\
apiVersion: kubectl-canary/v1alpha1
kind: Canary
metadata: {name: shop}
spec:
  image: example.com/shop   # the team's
  container: {port: 8080}
  stable:
    tag: v1   # what runs
    replicas: 4
  route: {hostnames: [shop.example.com], gateway: {name: edge}}
  drain: 10s
  phases:
    - {name: 25%, pause: 1m}
    - 100%
"""
RELEASE = "  canary:\n    tag: v2\n"
MESSAGES = ROOT / "tests/messages"


class Project(Repository):
    """A repository with a canary file, in the working directory."""

    def __init__(self, folder: Path, canary: Callable[..., Result]) -> None:
        super().__init__(folder)
        object.__setattr__(self, "canary", canary)

    @property
    def file(self) -> str:
        return (self.folder / "canary.yaml").read_bytes().decode()

    @property
    def log(self) -> list[str]:
        return self.git("log", "--format=%s", "--reverse").splitlines()

    @property
    def is_clean(self) -> bool:
        return self.git("status", "--porcelain") == ""

    def do(self, *words: str) -> str:
        """A verb that has to end well; what it prints."""
        done = self.canary(*words)
        assert done.code == 0, done.err
        return str(done.out)

    def refuses(self, *words: str, code: int = 1) -> str:
        """What a verb says that is refused, and changes nothing."""
        before = self.state
        done = self.canary(*words)
        assert (code, "", before) == (done.code, done.out, self.state), done.err
        return str(done.err)

    @property
    def state(self) -> tuple[object, ...]:
        files = {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in self.folder.rglob("*")
            if path.is_file() and ".git" not in path.relative_to(self.folder).parts
        }
        return files, self.git("status", "--porcelain"), self.git("show-ref", "--head")

    def hook(self, name: str, text: str) -> None:
        place = self.folder / ".git/hooks" / name
        place.parent.mkdir(exist_ok=True)
        place.write_text(f"#!/bin/sh\n{text}\n")
        place.chmod(0o755)


@pytest.fixture
def project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, canary: Callable[..., Result]
) -> Callable[..., Project]:
    """A repository with this canary file, committed an hour ago; what follows is committed now."""

    def make(text: str = FILE, **more: str) -> Project:
        folder = tmp_path / "work"
        folder.mkdir()
        for name, value in IDENTITY.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(folder)
        there = Project(folder, canary)
        there.git("init", "-q", "-b", "main")
        monkeypatch.setenv("GIT_COMMITTER_DATE", f"@{HOUR_AGO} +0000")
        there.has({"canary.yaml": text, **more})
        monkeypatch.delenv("GIT_COMMITTER_DATE")
        return there

    return make


def declaring(phase: str) -> str:
    return f"{FILE}{RELEASE}  phase: {phase}\n"


# --- a whole release ------------------------------------------------------------------


def test_a_release_is_a_commit_a_phase_and_ends_as_a_careful_human_would_write_it(
    project: Callable[..., Project],
) -> None:
    there = project()
    there.do("start", "v2", "--commit")
    assert there.file == declaring("deploy")
    for phase in ("25%", "100%", "promote-roll", "promote-return", "promoted"):
        there.do("advance", "--commit", "--now")
        assert (declaring(phase), True) == (there.file, there.is_clean)
    there.do("advance", "--commit", "--now")
    assert (FILE.replace("tag: v1 ", "tag: v2 "), True) == (there.file, there.is_clean)
    assert there.log[1:] == [
        "shop: v2 is deployed (1 of 5 pods)",
        "shop: 25% to v2 (4 of 8 pods), from deploy",
        "shop: 100% to v2 (4 of 8 pods), from 25%",
        "shop: stable rolls to v2, from 100%",
        "shop: requests return to stable, which is v2, from promote-roll",
        "shop: v2 is promoted, from promote-return",
        "shop: v2 is stable, and the release is over",
    ]


@pytest.mark.parametrize(
    ("phase", "back"),
    [
        ("deploy", ["rollback from deploy", "rolled-back"]),
        ("25%", ["rollback from 25%", "rolled-back"]),
        ("promote-roll", ["rollback-promotion from promote-roll", "rollback from 100%", "rolled-back"]),
        ("promote-return", ["rollback-promotion from promote-return", "rollback from 100%", "rolled-back"]),
    ],
)
def test_the_way_back_is_a_commit_a_step(
    project: Callable[..., Project], phase: str, back: list[str]
) -> None:
    there = project(declaring(phase))
    for step in back:
        there.do("abort", "--commit", "--now")
        assert there.file == declaring(step)
    there.do("abort", "--commit", "--now")
    assert (FILE, True) == (there.file, there.is_clean)
    assert there.log[-1] == "shop: v1 stays stable, and the release of v2 is over"


def test_three_releases_the_middle_one_aborted(project: Callable[..., Project]) -> None:
    there = project()
    for tag, verb in (("v2", "advance"), ("v3", "abort"), ("v4", "advance")):
        there.do("start", tag, "--commit")
        there.do("advance", "--commit", "--now")
        while "phase:" in there.file:
            there.do(verb, "--commit", "--now")
    assert (FILE.replace("tag: v1 ", "tag: v4 "), True) == (there.file, there.is_clean)


def test_the_canarys_own_configuration_becomes_stables(project: Callable[..., Project]) -> None:
    own = "    container:\n      env: [{name: MODE, value: new}]\n"
    text = FILE.replace("{port: 8080}", "\n    port: 8080   # of all\n    env: [{name: MODE, value: old}]")
    there = project(f"{text}{RELEASE}{own}  phase: promoted\n")
    there.do("advance", "--commit")
    assert there.file == text.replace("tag: v1 ", "tag: v2 ").replace("value: old", "value: new")


def test_after_a_promotion_undo_releases_the_version_before(project: Callable[..., Project]) -> None:
    there = project(f"{declaring('promoted')}")
    there.do("advance", "--commit")
    there.do("undo", "--commit")
    assert there.file == FILE.replace("tag: v1 ", "tag: v2 ") + "  canary:\n    tag: v1\n  phase: deploy\n"
    assert "there is a release already" in there.refuses("undo")


def test_undo_brings_the_configuration_back_too(project: Callable[..., Project]) -> None:
    old, new = (FILE.replace("8080", f"8080, env: [{{name: {name}, value: x}}]") for name in "AB")
    there = project(old)
    there.has({"canary.yaml": new.replace("tag: v1 ", "tag: v2 ")})
    there.do("undo")
    deployment = yaml.safe_load(there.do("render", "--phase", "promoted", "--only", "workloads"))
    assert "example.com/shop:v1" == deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    assert [{"name": "A", "value": "x"}] == deployment["spec"]["template"]["spec"]["containers"][0]["env"]


def test_without_a_version_before_there_is_nothing_to_undo(project: Callable[..., Project]) -> None:
    assert "there is no version before" in project().refuses("undo")


# --- when the next step may be taken --------------------------------------------------


def test_a_phase_has_to_last_in_git_before_the_next(
    project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = project(declaring("deploy"))
    there.do("advance", "--commit")  # `deploy` was committed an hour ago
    said = there.refuses("advance", "--commit")
    assert (
        "`25%` was committed a moment ago, and has to last 1m10s (pause and gates 1m, drain 10s); wait"
        in said
    )
    monkeypatch.setenv("GIT_COMMITTER_DATE", f"@{int(time.time()) - 75} +0000")
    there.git("commit", "-q", "--amend", "--no-edit")
    there.do("advance", "--commit")


def test_the_interval_of_the_engine_counts_and_a_merge_counts_from_when_it_is_made(
    project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = project(declaring("deploy").replace("  drain: 10s", "  drain: 10s\n  gitops: {interval: 3m}"))
    there.git("switch", "-qc", "next")
    monkeypatch.setenv("GIT_COMMITTER_DATE", f"@{HOUR_AGO + 60} +0000")
    there.do("advance", "--commit", "--now")
    monkeypatch.delenv("GIT_COMMITTER_DATE")
    there.git("switch", "-q", "main")
    there.has({"other": "1"})
    there.git("merge", "-q", "--no-edit", "next")
    assert "has to last 4m10s (pause and gates 1m, drain 10s, interval 3m)" in there.refuses("advance")


def test_the_first_step_back_waits_for_nothing_and_the_next_one_for_drain(
    project: Callable[..., Project],
) -> None:
    there = project(declaring("deploy"))
    there.do("advance", "--commit")
    there.do("abort", "--commit")
    assert "has to last 10s (drain 10s)" in there.refuses("abort", "--commit")


def test_a_phase_that_is_not_committed_is_not_passed_by(project: Callable[..., Project]) -> None:
    there = project(declaring("deploy"))
    there.do("advance")
    assert "`25%` is not committed yet; commit it first, or say --now" in there.refuses("advance")


def test_outside_git_nothing_is_waited_for(
    canary_yaml: Callable[[str], Path], canary: Callable[..., Result]
) -> None:
    place = canary_yaml(declaring("deploy"))
    assert 0 == canary("advance").code == canary("advance").code
    assert place.read_text() == declaring("100%")


def test_a_shallow_clone_is_said(
    project: Callable[..., Project], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = project(declaring("deploy"))
    there.do("advance", "--commit")
    there.git("clone", "-q", "--depth=1", f"file://{there.folder}", str(tmp_path / "shallow"))
    monkeypatch.chdir(tmp_path / "shallow")
    done = there.canary("advance")
    assert (4, True) == (
        done.code,
        "this clone is shallow" in done.err and "git fetch --unshallow" in done.err,
    )


def test_phases_are_left_out_only_where_that_is_said(project: Callable[..., Project]) -> None:
    there = project(declaring("deploy").replace("    - 100%", "    - 50%\n    - 100%"))
    said = there.refuses("advance", "--to", "100%")
    assert "from `deploy` to `100%`" in said


# --- what is refused ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("start", "v1"), 1, "as stable is"),
        (("start",), 2, "which version?"),
        (("advance",), 2, "canary.yaml has no release"),
        (("abort",), 2, "canary.yaml has no release"),
        (("start", "v2", "--from", "git:main"), 2, "of manifests, and the file adopts none"),
        (("start", "v2", "--set", "spec.canary.tag=v3"), 2, "this is typed"),
        (("start", "v2", "-f", "-"), 2, "cannot be written"),
        (("start", "v2", "-o", "yaml"), 2, "rendered into which folder?"),
    ],
)
def test_what_cannot_be_started_is_refused(
    project: Callable[..., Project], words: tuple[str, ...], code: int, said: str
) -> None:
    assert said in project().refuses(*words, code=code)


def test_a_release_under_way_is_not_written_over(project: Callable[..., Project]) -> None:
    said = project(declaring("25%")).refuses("start", "v3")
    assert "canary.yaml:17:3: spec.phase: a release is under way" in said
    assert "`kubectl canary advance` goes on, `kubectl canary abort` goes back" in said


def test_what_is_not_committed_is_not_committed_along(project: Callable[..., Project]) -> None:
    there = project()
    (there.folder / "canary.yaml").write_text(f"{FILE}# mine\n")
    assert "canary.yaml: changed, and not committed" in there.refuses("start", "v2", "--commit", code=2)


def test_what_else_is_staged_stays_staged(project: Callable[..., Project]) -> None:
    there = project()
    (there.folder / "mine").write_text("1")
    there.git("add", "mine")
    there.do("start", "v2", "--commit")
    assert ("A  mine", "canary.yaml") == (
        there.git("status", "--porcelain"),
        there.git("show", "--format=", "--name-only"),
    )


def test_a_detached_head_and_a_merge_are_refused(project: Callable[..., Project]) -> None:
    there = project()
    there.git("switch", "-q", "--detach")
    assert "no branch is checked out" in there.refuses("start", "v2", "--commit", code=2)
    there.git("switch", "-qc", "one")
    there.has({"a": "1"})
    there.git("switch", "-q", "main")
    there.has({"a": "2"})
    there.canary("version")
    subprocess.run(["git", "merge", "-q", "one"], cwd=there.folder, capture_output=True, check=False)
    said = there.refuses("start", "v2", "--commit", code=2)
    assert "a merge is under way" in said
    assert "git merge --abort" in said


def test_what_git_ignores_cannot_be_committed(project: Callable[..., Project]) -> None:
    there = project(**{".gitignore": "out\n"})
    assert "git is told to ignore out" in there.refuses("start", "v2", "-o", "dir=out", "--commit", code=2)


def test_outside_a_repository_there_is_no_commit(
    canary_yaml: Callable[[str], Path], canary: Callable[..., Result]
) -> None:
    place = canary_yaml(FILE)
    done = canary("start", "v2", "--commit")
    assert (2, FILE) == (done.code, place.read_text())
    assert "canary.yaml is in no git repository" in done.err


@pytest.mark.parametrize("flags", [["--commit"], ["--branch=next"]])
def test_a_commit_that_a_hook_refuses_leaves_nothing(
    project: Callable[..., Project], flags: list[str]
) -> None:
    there = project()
    there.do("render", "--all", "-o", "dir=out")
    there.has({})
    there.hook("pre-commit", "echo 'no releases on Fridays' >&2; exit 1")
    assert "git did not commit: no releases on Fridays" in there.refuses("start", "v2", *flags, code=4)


def test_what_a_killed_run_has_left_is_put_back_by_the_next(project: Callable[..., Project]) -> None:
    there = project()
    there.do("render", "--all", "-o", "dir=out")
    there.has({})
    killed(there, "start", "v2", "--commit")
    assert there.file == declaring("deploy")
    done = there.canary("start", "v3", "--commit")
    assert (0, True) == (done.code, "put back what a run that was killed has left" in done.err), done.err
    assert (declaring("deploy").replace("tag: v2", "tag: v3"), True) == (there.file, there.is_clean)


def test_what_was_changed_since_a_run_was_killed_is_not_put_back(project: Callable[..., Project]) -> None:
    there = project()
    there.hook("pre-commit", "kill -9 $(ps -o ppid= -p $PPID); exit 1")
    subprocess.run(
        [sys.executable, "-m", "kubectl_canary", "start", "v2", "--commit"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    )
    (there.folder / ".git/hooks/pre-commit").unlink()
    time.sleep(0.5)
    there.git("reset", "-q", "--hard")
    (there.folder / "canary.yaml").write_text(f"{FILE}# mine\n")
    assert "it was changed since" in there.refuses("start", "v2", "--commit", code=2)


ON_A_FULL_DISK = """
set -eu
mount -t tmpfs -o size=4m none "$1"
cp -a "$2"/. "$1" && cd "$1"
echo fill >> .git/info/exclude
dd if=/dev/zero of=fill bs=4k 2>/dev/null || true
truncate --size="-${3}k" fill
code=0; "$4" -m kubectl_canary start v2 --commit || code=$?
rm fill
echo "code $code"
git status --porcelain
git log --format="%s"
test $code = 0 || "$4" -m kubectl_canary start v2 --commit
git status --porcelain
"""


@pytest.mark.parametrize("is_killed", [False, True])
def test_files_that_are_put_back_end_their_lines_as_they_did(
    project: Callable[..., Project], is_killed: bool
) -> None:
    there = project(**{".gitattributes": "*.yaml text eol=crlf\n"})
    (there.folder / "canary.yaml").unlink()
    there.git("checkout", "canary.yaml")
    assert there.is_clean and FILE.replace("\n", "\r\n") == there.file
    there.hook("pre-commit", f"{'kill -9 $(ps -o ppid= -p $PPID); ' * is_killed}exit 1")
    words = [sys.executable, "-m", "kubectl_canary", "start", "v2", "--commit"]
    done = subprocess.run(words, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert done.returncode != 0
    (there.folder / ".git/hooks/pre-commit").unlink()
    if is_killed:
        time.sleep(0.5)  # until git and its hook are gone too
        assert "put back what a run that was killed has left" in there.canary("start", "v1", "--commit").err
    assert FILE.replace("\n", "\r\n") == there.file


def test_a_folder_that_is_not_checked_out_is_not_passed_over(project: Callable[..., Project]) -> None:
    there = project(declaring("deploy"), **{"apps/readme.md": "x\n"})
    there.do("render", "--all", "-o", "dir=rendered/shop")
    there.has({})
    there.git("sparse-checkout", "set", "apps")
    assert not (there.folder / "rendered").exists()
    said = there.refuses("advance", "--commit", "--now", code=2)
    assert "rendered/shop is not checked out, and the release is rendered there" in said
    there.git(*re.findall("`git (.*?)`", said)[0].split())
    there.do("advance", "--commit", "--now")
    assert "rendered/shop/current/" in there.git("show", "--name-only")


def test_who_adopts_and_renders_nowhere_is_told(project: Callable[..., Project]) -> None:
    there = project(ADOPTS, **{"k8s/app.yaml": APP})
    done = there.canary("start", "v2", "--commit")
    assert (0, True) == (
        done.code,
        "canary.yaml: the phase is rendered nowhere, so no engine sees it" in done.err,
    )
    there.git("reset", "-q", "--hard", "HEAD~1")
    assert "rendered nowhere" not in there.canary("start", "v2", "-o", "in-place", "--commit").err


def test_what_runs_is_written_into_the_manifests_that_are_adopted(project: Callable[..., Project]) -> None:
    there = project(ADOPTS, **{"k8s/app.yaml": APP})
    there.do("start", "v2")
    there.do("render", "--all", "-o", "dir=out")
    (there.folder / "k8s/app.yaml").write_text(APP.replace("app:v1", "app:v9"))
    said = there.refuses("render", "--all", "-o", "dir=out")
    assert "write what runs: example.com/app:v1, into the manifests that spec.adopt names" in said


def test_the_engine_changes_between_releases(project: Callable[..., Project]) -> None:
    there = project(f"{declaring('deploy')}  gitops: {{engine: flux, interval: 0s}}\n")
    (there.folder / "canary.yaml").write_text(there.file.replace("engine: flux", "engine: argocd"))
    there.git("commit", "-qam", "argocd")
    assert "spec.gitops: it was another when `deploy` was committed" in there.refuses("advance", "--now")
    (there.folder / "canary.yaml").write_text(
        there.file.replace("engine: argocd, interval: 0s", "engine: flux, interval: 9s")
    )
    there.git("commit", "-qam", "interval")
    there.do("advance", "--now")


LAYERS = {"base.yaml": FILE, "own.yaml": "kind: Canary\nspec:\n  canary:\n    tag: v2\n  phase: PHASE\n"}
LAYERED = ("-f", "base.yaml", "-f", "own.yaml")


@pytest.mark.parametrize(
    ("old", "new"),
    [("tag: v1 ", "tag: v1.7 "), ("{port: 8080}", "{port: 8081}"), ("replicas: 4", "replicas: 5")],
)
def test_a_release_under_way_is_the_same_in_all_its_files(
    project: Callable[..., Project], old: str, new: str
) -> None:
    there = project(**{name: text.replace("PHASE", "25%") for name, text in LAYERS.items()})
    (there.folder / "base.yaml").write_text(FILE.replace(old, new))
    there.git("commit", "-qam", "base")
    said = there.refuses("advance", *LAYERED, "--commit", "--now")
    assert "it was another when `25%` was committed" in said
    there.git(*re.findall("`git (checkout .*?)`", said)[0].split())
    there.do("advance", *LAYERED, "--now")


def test_the_end_of_a_release_says_in_a_layer_what_is_its_own(project: Callable[..., Project]) -> None:
    """What the base says of the container goes on to come from there."""
    base = FILE.replace(
        "{port: 8080}", "{port: 8080, env: [{name: A, value: a}], resources: {limits: {cpu: 1}}}"
    )
    own = "  canary:\n    tag: v2\n    container: {env: [{name: NEW, value: new}]}\n  phase: promoted\n"
    there = project(**{"base.yaml": base, "own.yaml": f"kind: Canary\nspec:\n{own}"})
    there.do("advance", *LAYERED, "--commit", "--now")
    spec = yaml.safe_load((there.folder / "own.yaml").read_text())["spec"]
    assert {
        "stable": {"tag": "v2"},
        "container": {"env": [{"name": "A", "value": "a"}, {"name": "NEW", "value": "new"}]},
    } == spec
    assert base == (there.folder / "base.yaml").read_text()


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_what_git_is_told_not_to_look_at_is_neither_committed_nor_lost(
    project: Callable[..., Project], flag: str
) -> None:
    there = project()
    there.git("update-index", flag, "canary.yaml")
    (there.folder / "canary.yaml").write_text(FILE.replace("replicas: 4", "replicas: 7  # mine"))
    said = there.refuses("start", "v2", "--commit", code=2)
    assert "git is told not to look at canary.yaml" in said
    there.git(*re.findall("`git (.*)`", said)[0].split())
    assert "canary.yaml: changed, and not committed" in there.refuses("start", "v2", "--commit", code=2)


def test_what_git_ignores_and_a_step_takes_away_is_put_back(project: Callable[..., Project]) -> None:
    there = project(declaring("promoted"), **{".gitignore": "out/phases/02*/\n"})
    there.do("render", "--all", "-o", "dir=out")
    there.has({})
    there.hook("pre-commit", "exit 1")
    there.refuses("advance", "--commit", "--now", code=4)
    (there.folder / ".git/hooks/pre-commit").unlink()
    there.do("advance", "--commit", "--now")
    assert there.is_clean


@pytest.mark.parametrize("room", [0, 4, 8, 16, 330, 360, 2000])
def test_a_full_disk_leaves_everything_as_it_was_and_says_so(
    project: Callable[..., Project], tmp_path: Path, room: int
) -> None:
    """A disk of its own, with as many KiB left: the commit is made, or nothing is, and with more room it is."""
    there = project()
    there.do("render", "--all", "-o", "dir=out")
    there.has({})
    (tmp_path / "disk").mkdir()
    words = [str(tmp_path / "disk"), str(there.folder), str(room), sys.executable]
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", ON_A_FULL_DISK, "sh", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    if (
        re.search("unshare failed|mount:", done.stderr)
        and os.environ.get("KUBECTL_CANARY_WORLD") != "required"
    ):
        pytest.skip(f"no disk of its own: {done.stderr.strip()}")
    assert done.returncode == 0, done.stdout + done.stderr
    if room == 2000:
        assert "code 0\nshop: v2 is deployed (1 of 5 pods)\nmore\nmore\n" == done.stdout
    else:
        assert "code 4\nmore\nmore\n" == done.stdout, done.stderr
        assert re.search("error: .*(No space left on device|Out of diskspace)", done.stderr), done.stderr
        assert "None" not in done.stderr


# --- branches, remotes, requests ------------------------------------------------------


def test_a_branch_and_a_push(project: Callable[..., Project], tmp_path: Path) -> None:
    there = project()
    there.git("init", "-q", "-b", "main", "--bare", str(tmp_path / "remote"))
    there.git("remote", "add", "origin", str(tmp_path / "remote"))
    text = there.do("start", "v2", "--branch", "shop-v2", "--push", "--pull-request", "-")
    assert text.startswith("shop: v2 is deployed (1 of 5 pods)\n\n")
    assert "| **deploy** (now) |" in text
    assert there.git("ls-remote", "--heads", "origin").endswith("refs/heads/shop-v2")
    assert "--branch shop-v2" in there.refuses("advance", "--now", "--branch", "shop-v2", code=2)


def test_a_push_to_a_branch_that_was_merged_says_so(project: Callable[..., Project], tmp_path: Path) -> None:
    """At night one is still on the branch of the last request, and nothing follows that."""
    there = project()
    there.git("init", "-q", "-b", "main", "--bare", str(tmp_path / "remote"))
    there.git("remote", "add", "origin", str(tmp_path / "remote"))
    there.git("push", "-q", "-u", "origin", "HEAD:main")
    there.git("remote", "set-head", "origin", "main")
    first = there.canary("start", "v2", "--branch", "next", "--push")
    there.git("push", "-q", "origin", "next:main")
    back = there.canary("abort", "--push")
    assert (0, 0) == (first.code, back.code), first.err + back.err
    assert "once it is merged there" not in first.err
    assert "pushed to origin next\nwhat follows main takes this once it is merged there" in back.err


def test_a_release_that_has_moved_on_the_remote_is_not_moved_here(
    project: Callable[..., Project], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = project()
    there.git("init", "-q", "-b", "main", "--bare", str(tmp_path / "remote"))
    there.git("push", "-q", "-u", str(tmp_path / "remote"), "main")
    there.git("remote", "add", "origin", str(tmp_path / "remote"))
    there.git("clone", "-q", str(tmp_path / "remote"), str(tmp_path / "other"))
    monkeypatch.chdir(tmp_path / "other")
    there.do("start", "v3", "--push")
    monkeypatch.chdir(there.folder)
    said = there.refuses("start", "v2", "--push")
    assert "the release has moved on the remote" in said
    assert "shop: v3 is deployed" in said


def test_a_push_that_is_refused_leaves_the_commit_and_says_so(
    project: Callable[..., Project], tmp_path: Path
) -> None:
    there = project()
    there.git("init", "-q", "-b", "main", "--bare", str(tmp_path / "remote"))
    there.git("remote", "add", "origin", str(tmp_path / "remote"))
    there.git("push", "-q", "-u", "origin", "main")
    hook = tmp_path / "remote/hooks/pre-receive"
    hook.write_text("#!/bin/sh\necho 'main is protected' >&2; exit 1\n")
    hook.chmod(0o755)
    done = there.canary("start", "v2", "--push")
    assert (4, True, True) == (done.code, "main is protected" in done.err, "the commit is here" in done.err)
    assert (2, True) == (len(there.log), there.is_clean)


# --- where it is rendered -------------------------------------------------------------


def test_the_folder_that_was_rendered_last_is_rendered_again(project: Callable[..., Project]) -> None:
    there = project()
    there.do("render", "--all", "-o", "dir=deploy/out")
    there.has({})
    there.do("start", "v2", "--commit")
    there.do("advance", "--commit", "--now")
    assert "# phase: 25%" in (there.folder / "deploy/out/.kubectl-canary").read_text()
    assert there.is_clean
    there.do("render", "--all", "-o", "dir=elsewhere")
    there.has({})
    assert "say which: -o dir=" in there.refuses("advance", "--now", code=2)


def test_a_step_that_the_folder_refuses_is_not_written(project: Callable[..., Project]) -> None:
    there = project(declaring("25%"))
    there.do("render", "--all", "-o", "dir=out")
    there.has({"canary.yaml": FILE.replace("tag: v1 ", "tag: v7 ")})
    assert "not a safe step" in there.refuses("start", "v9", "--commit")


# --- users' own files -----------------------------------------------------------------


def test_line_ends_and_a_byte_order_mark_stay(project: Callable[..., Project]) -> None:
    text = "\ufeff" + declaring("deploy").replace("\n", "\r\n")
    there = project()
    (there.folder / "canary.yaml").write_bytes(text.encode())
    there.has({})
    there.do("advance", "--commit", "--now")
    assert (there.folder / "canary.yaml").read_bytes().decode() == text.replace("phase: deploy", "phase: 25%")


def test_of_merged_files_each_keeps_what_it_says(project: Callable[..., Project]) -> None:
    base, over = FILE.replace("    tag: v1   # what runs\n", ""), "spec:\n  stable: {tag: v1}\n  canary: {}\n"
    there = project(base, **{"prod.yaml": over})
    files = ("-f", "canary.yaml", "-f", "prod.yaml")
    there.do("start", "v2", *files, "--commit")
    assert base == there.file
    assert (there.folder / "prod.yaml").read_text() == (
        "spec:\n  stable: {tag: v1}\n  canary:\n    tag: v2\n  phase: deploy\n"
    )


# --- manifests that are adopted -------------------------------------------------------

APP = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
spec:
  replicas: 2
  selector: {matchLabels: {app: app}}
  template:
    metadata: {labels: {app: app}}
    spec:
      containers:
        - name: app   # the only one
          image: example.com/app:v1   # what runs
          ports: [{containerPort: 8080}]
---
apiVersion: v1
kind: Service
metadata: {name: app}
spec:
  selector: {app: app}
  ports: [{port: 80, targetPort: 8080}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: app}
spec:
  parentRefs: [{name: edge}]
  hostnames: [app.example.com]
  rules:
    - backendRefs: [{name: app, port: 80}]
"""
ADOPTS = """\
apiVersion: kubectl-canary/v1alpha1
kind: Canary
metadata: {name: app}
spec:
  adopt: {from: k8s}   # ours
  phases: [50%, 100%]
"""


MORE = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: more}\ndata: {a: b}\n"


def app(there: Project) -> str:
    return (there.folder / "k8s/app.yaml").read_text()


@pytest.mark.parametrize("output", ["in-place", "dir=out"])
def test_what_is_promoted_is_written_into_the_users_own_manifests(
    project: Callable[..., Project], output: str
) -> None:
    there = project(ADOPTS, **{"k8s/app.yaml": APP})
    there.do("start", "v2", "-o", output, "--commit")
    assert ("app:v2" in app(there), there.is_clean) == (False, True)
    for _ in range(5):
        there.do("advance", "--commit", "--now")
    assert there.file == f"{ADOPTS}  canary:\n    tag: v2\n  phase: promoted\n"
    there.do("advance", "--commit", "--now")
    assert (there.file, app(there), there.is_clean) == (ADOPTS, APP.replace("app:v1 ", "app:v2 "), True)
    assert ["canary.yaml", "k8s/app.yaml"] == [
        name for name in there.git("ls-files").splitlines() if not name.startswith("out/")
    ]


def test_an_aborted_release_leaves_the_users_manifests_as_they_were(project: Callable[..., Project]) -> None:
    there = project(ADOPTS, **{"k8s/app.yaml": APP})
    there.do("start", "v2", "-o", "in-place", "--commit")
    there.do("advance", "--commit", "--now")
    assert app(there) != APP
    for _ in range(3):
        there.do("abort", "--commit", "--now")
    assert (there.file, app(there), there.is_clean) == (ADOPTS, APP, True)


def test_manifests_that_have_changed_since_a_tag_are_released(project: Callable[..., Project]) -> None:
    there = project(ADOPTS, **{"k8s/app.yaml": APP})
    there.git("tag", "v1")
    new = APP.replace("app:v1 ", "app:v2 ").replace(
        "ports: [{", "env: [{name: NEW, value: x}]\n          ports: [{", 1
    )
    there.has({"k8s/app.yaml": new})
    there.do("start", "--from", "git:v1", "--commit")
    assert "adopt: {from: k8s, stable: git:v1}   # ours" in there.file
    for _ in range(6):
        there.do("advance", "--commit", "--now")
    assert (there.file, app(there), there.is_clean) == (ADOPTS, new, True)


def test_a_release_of_changed_manifests_ends_only_where_they_are_as_they_were(
    project: Callable[..., Project],
) -> None:
    there = project(ADOPTS, **{"k8s/app.yaml": APP})
    there.git("tag", "v1")
    there.has({"k8s/app.yaml": APP.replace("app:v1 ", "app:v2 "), "k8s/more.yaml": MORE})
    there.do("start", "--from", "git:v1", "--commit")
    there.do("abort", "--commit", "--now")
    there.do("abort", "--commit", "--now")
    said = there.refuses("abort", "--commit", "--now")
    assert "`git restore --source=v1 --staged --worktree -- k8s`" in said
    there.git("restore", "--source=v1", "--staged", "--worktree", "--", "k8s")
    there.git("commit", "-qm", "as it was")
    there.do("abort", "--commit", "--now")
    assert (there.file, app(there), there.is_clean) == (ADOPTS, APP, True)


# --- what the documentation shows -----------------------------------------------------

KUBECTL = """\
#!/bin/sh
case "$*" in
*"config view"*) echo '{"contexts": [{"name": "a", "context": {"cluster": "a", "namespace": "shop"}}]}' ;;
*) echo '{"kind": "Deployment", "metadata": {"name": "shop-stable"}, "spec": {"template": {"spec": {"containers": \
  [{"name": "app", "image": "example.com/shop:v1.1.9"}]}}}}' ;;
esac
"""


def examples(verb: str) -> list[str]:
    page = (ROOT / f"docs/verbs/{verb}.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    return block.split("\n\n")


def pasted(there: Project, script: str) -> str:
    """What lines print, as a user pastes them; each commit is an hour old at once, `gh` is there, and a remote."""
    programs = there.folder.parent / "programs"
    if not programs.exists():
        programs.mkdir()
        for name, text in (("kubectl", KUBECTL), ("gh", '#!/bin/sh\necho "$@"\n')):
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        there.git("init", "-q", "-b", "main", "--bare", str(there.folder.parent / "remote"))
        there.git("remote", "add", "origin", str(there.folder.parent / "remote"))
        there.git("push", "-q", "-u", "origin", "main")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script.replace("kubectl canary", "kubectl-canary")],
        cwd=there.folder,
        env={
            **os.environ,
            "PATH": f"{programs}:{Path(sys.executable).parent}:/usr/bin:/bin",
            "GIT_COMMITTER_DATE": f"@{HOUR_AGO} +0000",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
    return done.stdout


FLEET = """\
apiVersion: kubectl-canary/v1alpha1
kind: Fleet
metadata: {name: shop}
spec: {waves: [{name: test, targets: [{file: test/canary.yaml}]}]}
"""
OF_A_FLEET = {"fleet.yaml": FLEET, "test/canary.yaml": FILE.replace("drain: 10s", "drain: 0s")}


@pytest.mark.parametrize(
    ("verb", "number"),
    [
        (verb, number)
        for verb in ("start", "advance", "abort", "undo")
        for number in range(len(examples(verb)))
    ],
)
def test_the_examples_of_a_verb_run(project: Callable[..., Project], verb: str, number: int) -> None:
    example = examples(verb)[number]
    if "fleet.yaml" in example:
        there = project(**OF_A_FLEET)
        pasted(there, "kubectl canary start v1.2.0 -f fleet.yaml --push")
        example = f"{example.rstrip()} --now"  # there is no cluster to ask
    elif "--image" in example or "git:v41" in example:
        two = APP.replace(
            "      containers:", "      containers:\n        - {name: proxy, image: example.com/proxy:v1}"
        )
        there = project(ADOPTS, **{"k8s/app.yaml": two})
        there.git("tag", "v41")
        if "git:v41" in example:
            there.has({"k8s/app.yaml": two.replace("app:v1", "app:v2")})
    elif verb == "start":
        there = project()
    elif verb == "undo":
        there = project(FILE)
        there.has({"canary.yaml": FILE.replace("tag: v1 ", "tag: v2 ")})
    else:
        there = project(declaring("25%"))
        if number and verb == "abort":
            pasted(there, "kubectl canary abort --push")
    before = there.state[0]
    pasted(there, example)
    assert there.state[0] != before
    assert "--from cluster" not in example or "tag: v1.1.9 " in there.file


def test_the_lines_of_the_page_run_in_order(project: Callable[..., Project]) -> None:
    there = project(
        FILE.replace("{name: shop}", "{name: my-app, namespace: web}")
        + "  gitops: {engine: flux, interval: 0s}\n",
        **OF_A_FLEET,
    )
    page = (ROOT / "docs/git.md").read_text(encoding="utf-8")
    lines = "".join(re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL))
    # there is no cluster to ask
    printed = pasted(there, lines.replace("advance -f fleet.yaml", "advance --no-cluster -f fleet.yaml"))
    assert re.search("→ +test +test +v1 +25%", printed)
    assert "--title my-app: 100% to v1.2.0 (4 of 8 pods), from 25% --body     Changes:" in printed
    assert "| **100%** (now) |" in printed
    assert 'path: "./rendered/current"' in printed


def test_the_lines_of_the_readme_run_in_order(project: Callable[..., Project]) -> None:
    there = project()
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = [
        one
        for one in re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
        if "canary start" in one
    ]
    pasted(there, block)
    assert "phase: rollback from 25%" in there.file


# --- the messages ---------------------------------------------------------------------


def test_every_message_is_as_it_was_agreed(
    project: Callable[..., Project], request: pytest.FixtureRequest
) -> None:
    """`pytest --update` writes them again: the example's whole way there, and back from the middle of it."""
    text = (ROOT / "examples/my-app/canary.yaml").read_text(encoding="utf-8")
    there = project(re.sub(r"^  (canary|phase): .*\n", "", text, flags=re.MULTILINE))
    said = {"00-start": message(there, "start", "v1.1.0")}
    while "phase: promoted" not in there.file:
        said[f"{len(said):02}-advance"] = message(there, "advance", "--now")
        if "phase: promote-roll" in there.file:
            there.git("branch", "promotion")
    said[f"{len(said):02}-end"] = message(there, "advance", "--now")
    said[f"{len(said):02}-undo"] = message(there, "undo")
    said[f"{len(said):02}-abort"] = message(there, "abort", "--now")
    there.git("switch", "-q", "promotion")
    for _ in range(4):
        said[f"{len(said):02}-abort"] = message(there, "abort", "--now")
    if request.config.getoption("--update"):
        MESSAGES.mkdir(exist_ok=True)
        for name, one in said.items():
            (MESSAGES / f"{name}.md").write_text(one, encoding="utf-8")
    assert said == {file.stem: file.read_text(encoding="utf-8") for file in sorted(MESSAGES.iterdir())}


def message(there: Project, *words: str) -> str:
    """The pull request of a verb, which has the message of its commit."""
    text = there.do(*words, "--pull-request", "-")
    subject, _, body = there.git("log", "-1", "--format=%B").partition("\n\n")
    assert text.startswith(f"{subject}\n\n")
    assert [f"    {line}" for line in body.strip().splitlines()] == [
        line for line in text.splitlines()[2:] if line.startswith("    ")
    ]
    return text


# --- where one stands -----------------------------------------------------------------


@pytest.mark.parametrize("at", ["apps/shop", ".", "/"])
def test_from_wherever_it_is_called_it_is_the_same_commit(
    project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    there = project(FILE, **{"apps/shop/my *.yaml": FILE, "apps/shop/other": "1"})
    place = there.folder / "apps/shop/my *.yaml"
    link = there.folder / "link.yaml"
    link.symlink_to("apps/shop/my *.yaml")
    there.has({})
    monkeypatch.chdir(there.folder / at)
    there.do("render", "--all", "-f", str(place), "-o", f"dir={there.folder}/apps/out")
    there.has({})
    (there.folder / "apps/shop/my other.yaml").write_text("theirs")
    there.do("start", "v2", "-f", os.path.relpath(place), "--commit")
    there.do("advance", "-f", os.path.relpath(link), "--commit", "--now")
    assert (place.read_text(), there.file, link.is_symlink()) == (declaring("25%"), FILE, True)
    assert "# phase: 25%" in (there.folder / "apps/out/.kubectl-canary").read_text()
    assert there.git("status", "--porcelain") == '?? "apps/shop/my other.yaml"'


def test_a_worktree_has_its_own_note_and_branch(
    project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = project()
    there.git("worktree", "add", "-q", "../beside", "-b", "beside")
    monkeypatch.chdir(there.folder.parent / "beside")
    there.do("start", "v2", "--commit")
    assert (there.file, there.git("log", "-1", "--format=%s", "beside")) == (
        FILE,
        "shop: v2 is deployed (1 of 5 pods)",
    )


def test_a_submodule_has_its_own_commits_and_says_what_takes_them_in(
    project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    there = project()
    above = tmp_path / "above"
    there.git("init", "--quiet", str(above))
    words = (
        "-c",
        "protocol.file.allow=always",
        "-C",
        str(above),
        "submodule",
        "--quiet",
        "add",
        str(there.folder),
    )
    there.git(*words, "apps/shop")
    there.git("-C", str(above), "commit", "--quiet", "--message=above")
    monkeypatch.chdir(above / "apps/shop")
    done = there.canary("start", "v2", "--commit")
    assert done.code == 0, done.err
    assert "shop: v2 is deployed" in there.git("-C", str(above / "apps/shop"), "log", "-1", "--format=%s")
    (take_in,) = re.findall(r"is a submodule of .*: `(.*)`, and a commit there", done.err)
    subprocess.run(shlex.split(take_in), check=True)
    assert "M  apps/shop" in there.git("-C", str(above), "status", "--porcelain")
    assert "submodule" not in there.canary("advance", "--now").err


def test_two_at_once_take_turns(project: Callable[..., Project]) -> None:
    there = project()
    there.hook("pre-commit", "touch .git/there; sleep 2")
    process = subprocess.Popen(
        [sys.executable, "-m", "kubectl_canary", "start", "v2", "--commit"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.DEVNULL,
    )
    while not (there.folder / ".git/there").exists():
        assert process.poll() is None
        time.sleep(0.01)
    done = there.canary("start", "v3", "--commit")
    assert (2, True) == (done.code, "another run writes a step in this working tree" in done.err)
    assert 0 == process.wait()
    assert (there.file, there.is_clean) == (declaring("deploy"), True)


def test_a_phase_lasts_from_its_first_commit_whatever_else_is_changed(
    project: Callable[..., Project],
) -> None:
    there = project(declaring("25%"))
    there.has({"canary.yaml": f"{declaring('25%')}# noted\n"})
    there.do("advance", "--commit")
    assert there.file == f"{declaring('100%')}# noted\n"


def test_a_phase_stays_in_the_file_that_declares_it(project: Callable[..., Project]) -> None:
    there = project(declaring("deploy"), **{"prod.yaml": "spec: {stable: {replicas: 3}}\n"})
    there.do("advance", "-f", "canary.yaml", "-f", "prod.yaml", "--commit", "--now")
    assert (there.file, (there.folder / "prod.yaml").read_text()) == (
        declaring("25%"),
        "spec: {stable: {replicas: 3}}\n",
    )


# --- what somebody does meanwhile -----------------------------------------------------


def killed(there: Project, *words: str, meanwhile: str = "") -> None:
    """A run that is killed in its hook; the hook, git and their lock are gone."""
    there.hook("pre-commit", f"{meanwhile}\ntouch .git/there; sleep 60")
    process = subprocess.Popen(
        [sys.executable, "-m", "kubectl_canary", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while not (there.folder / ".git/there").exists():
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for name in ("there", "hooks/pre-commit", "index.lock"):
        (there.folder / ".git" / name).unlink(missing_ok=True)


def in_place(project: Callable[..., Project]) -> Project:
    there = project(ADOPTS, **{"k8s/app.yaml": APP, ".gitignore": "*.secret\n"})
    there.do("start", "v2", "-o", "in-place", "--commit")
    (there.folder / "k8s/a.secret").write_text("mine")
    return there


def test_after_a_kill_nothing_that_others_have_written_is_touched(project: Callable[..., Project]) -> None:
    there = in_place(project)
    killed(there, "advance", "--commit", "--now")
    (there.folder / "k8s/new.yaml").write_text(MORE)
    there.do("advance", "--commit", "--now")
    assert "phase: 50%" in there.file
    assert (there.folder / "k8s/a.secret").read_text() == "mine"
    assert (there.folder / "k8s/new.yaml").read_text() == MORE


def test_after_a_kill_what_was_edited_is_named_and_stays(project: Callable[..., Project]) -> None:
    there = in_place(project)
    killed(there, "advance", "--commit", "--now")
    text = app(there)
    (there.folder / "k8s/app.yaml").write_text(f"{text}# mine\n")
    said = there.refuses("advance", "--commit", "--now", code=2)
    assert "k8s/app.yaml: a run was killed in the middle, and it was changed since" in said


def test_a_run_that_was_killed_on_its_branch_leaves_none(project: Callable[..., Project]) -> None:
    there = project()
    killed(there, "start", "v2", "--branch", "next")
    there.do("start", "v3", "--commit")
    assert ("main", "") == (there.git("branch", "--show-current"), there.git("branch", "--list", "next"))
    assert there.is_clean


def test_a_lock_of_gits_that_was_left_is_said_and_nothing_is_forgotten(
    project: Callable[..., Project],
) -> None:
    there = project()
    killed(there, "start", "v2", "--commit")
    lock = there.folder / ".git/index.lock"
    lock.write_text("")
    assert "index.lock" in there.refuses("start", "v3", "--commit", code=4)
    lock.unlink()
    there.do("start", "v3", "--commit")
    assert (there.file, there.is_clean) == (declaring("deploy").replace("tag: v2", "tag: v3"), True)


def test_what_others_write_while_a_hook_refuses_stays(project: Callable[..., Project]) -> None:
    there = in_place(project)
    there.hook("pre-commit", "echo '# mine' >> k8s/app.yaml; echo a > k8s/report.txt; exit 1")
    done = there.canary("advance", "--commit", "--now")
    assert (4, True) == (done.code, "k8s/app.yaml was changed meanwhile: it stays as it is" in done.err)
    assert app(there).endswith("# mine\n")
    assert (there.folder / "k8s/report.txt").exists()
    assert "phase: deploy" in there.file


@pytest.mark.parametrize("verb", ["abort", "advance"])
def test_a_refused_commit_at_the_end_puts_the_whole_folder_back(
    project: Callable[..., Project], verb: str
) -> None:
    there = project(declaring("promoted" if verb == "advance" else "rolled-back"))
    there.do("render", "--all", "-o", "dir=out")
    there.has({})
    there.hook("pre-commit", "echo no; exit 1")
    assert "no" in there.refuses(verb, "--commit", "--now", code=4)
    scripts = [*(there.folder / "out").rglob("*.sh")]
    assert scripts
    assert all(os.access(script, os.X_OK) for script in scripts)


def test_after_ctrl_c_nothing_is_staged_and_nothing_locked(project: Callable[..., Project]) -> None:
    there = project()
    there.hook("pre-commit", "touch .git/there; sleep 2; exit 1")
    process = subprocess.Popen(
        [sys.executable, "-m", "kubectl_canary", "start", "v2", "--commit"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        # ignored in what a shell put into the background
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while not (there.folder / ".git/there").exists():
        assert process.poll() is None
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGINT)
    assert 130 == process.wait()
    assert (there.file, there.is_clean, (there.folder / ".git/index.lock").exists()) == (FILE, True, False)


def test_a_hook_that_formats_is_the_commit_and_leaves_nothing(project: Callable[..., Project]) -> None:
    there = project()
    there.hook("pre-commit", "echo '# formatted' >> canary.yaml; git add canary.yaml")
    there.do("start", "v2", "--commit")
    assert (there.is_clean, there.git("show", "HEAD:canary.yaml")) == (
        True,
        f"{declaring('deploy')}# formatted",
    )


# --- whose folder, whose file, whose branch -------------------------------------------


def test_a_folder_is_rendered_from_the_file_that_it_was_rendered_from(
    project: Callable[..., Project],
) -> None:
    there = project(FILE, **{"prod/canary.yaml": FILE})
    there.do("render", "--all", "-f", "prod/canary.yaml", "-o", "dir=prod/out")
    there.has({})
    there.do("start", "v2", "--commit")
    assert there.git("show", "--format=", "--name-only") == "canary.yaml"
    assert "rendered from this file" in there.refuses(
        "start", "v2", "-f", "prod/canary.yaml", "-n", "a", code=2
    )


def test_an_environment_is_promoted_alone(project: Callable[..., Project]) -> None:
    over = "spec:\n  canary:\n    tag: v2\n  phase: promoted\n"
    there = project(FILE, **{"staging.yaml": over})
    there.do("advance", "-f", "canary.yaml", "-f", "staging.yaml", "--commit")
    assert (there.file, (there.folder / "staging.yaml").read_text()) == (
        FILE,
        "spec:\n  stable:\n    tag: v2\n",
    )


def test_a_release_that_is_another_than_was_committed_goes_nowhere(project: Callable[..., Project]) -> None:
    there = project(declaring("25%"))
    there.has({"canary.yaml": declaring("25%").replace("tag: v2", "tag: v3")})
    for verb in ("advance", "abort"):
        said = there.refuses(verb, "--commit", "--now")
        assert "it was another when `25%` was committed: the release under way would change" in said


def test_in_place_once_is_in_place_again(project: Callable[..., Project]) -> None:
    there = in_place(project)
    for _ in range(6):
        there.do("advance", "--commit", "--now")
    assert (there.file, app(there)) == (ADOPTS, APP.replace("app:v1 ", "app:v2 "))
    there.do("start", "v3", "--commit")
    there.do("advance", "--commit", "--now")
    assert "app-canary" in (there.folder / "k8s/app.yaml").read_text()


def test_a_new_branch_follows_nobody_and_is_pushed_under_its_own_name(
    project: Callable[..., Project], tmp_path: Path
) -> None:
    there = project()
    there.git("init", "-q", "-b", "main", "--bare", str(tmp_path / "remote"))
    there.git("remote", "add", "up", str(tmp_path / "remote"))
    there.git("push", "-q", "-u", "up", "main")
    there.git("config", "branch.autoSetupMerge", "inherit")
    there.do("start", "v2", "--branch", "next", "--push")
    assert there.git("ls-remote", "up", "main").split()[0] != there.git("rev-parse", "HEAD")
    assert there.git("ls-remote", "up", "next").split()[0] == there.git("rev-parse", "HEAD")
    there.git("branch", "-q", "--set-upstream-to=up/main")
    assert "a branch of another name" in there.refuses("advance", "--now", "--push", code=2)


def test_a_phase_that_is_not_pushed_is_not_passed_by(project: Callable[..., Project], tmp_path: Path) -> None:
    there = project(declaring("deploy"))
    there.git("init", "-q", "-b", "main", "--bare", str(tmp_path / "remote"))
    there.git("remote", "add", "origin", str(tmp_path / "remote"))
    there.git("push", "-q", "-u", "origin", "main")
    there.do("advance", "--commit")
    assert "`25%` is not pushed yet; `git push` first, or say --now" in there.refuses("advance", "--push")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--pull-request", "canary.yaml"), "it is there already"),
        (("--pull-request", "nowhere/a.md"), "its folder is not there"),
        (("--push",), "there is no remote"),
        (("--commit", "-o", "dir=../beside"), "is not in"),
    ],
)
def test_what_could_not_be_written_is_said_before(
    project: Callable[..., Project], words: tuple[str, ...], said: str
) -> None:
    assert said in project().refuses("start", "v2", *words, code=2)


def test_manifests_of_standard_input_are_refused(project: Callable[..., Project]) -> None:
    there = project(ADOPTS.replace("k8s", '"-"'))
    assert "canary.yaml:5:17: manifests of standard input are in no file" in there.refuses(
        "start", "v2", code=2
    )


def test_an_image_of_one_of_several_is_a_release_too(project: Callable[..., Project]) -> None:
    two = ADOPTS.replace(
        "{from: k8s}", "\n    from: k8s\n    deployment:\n      - {name: app}\n      - {name: web}"
    )
    web = (
        APP.replace("name: app", "name: web")
        .replace("app: app", "app: web")
        .replace("app.example", "web.example")
    )
    both = f"{APP}---\n{web}"
    there = project(two, **{"k8s/app.yaml": both})
    assert "of which Deployment? There are app, web" in there.refuses("start", "--image", "app=a:v2", code=2)
    there.do("start", "--image", "app/app=example.com/app:v2", "--image", "web/web=example.com/web:v2")
    assert "images: {app: example.com/app:v2}" in there.file
    (there.folder / "canary.yaml").write_text(there.file.replace("  phase: deploy\n", ""))
    assert "a release is under way" in there.refuses("start", "v3")


def test_undo_takes_back_no_more_than_the_promotion(project: Callable[..., Project]) -> None:
    labelled = FILE + "  podMetadata: {labels: {old: a}}\n"
    there = project(labelled)
    promoted = (
        labelled.replace("tag: v1 ", "tag: v2 ").replace("old: a", "new: b").replace("com/shop", "com/new")
    )
    there.has({"canary.yaml": promoted})
    there.has({"canary.yaml": promoted.replace("8080}", "8080, env: [{name: LATER, value: x}]}")})
    there.do("undo")
    assert "image: example.com/shop:v1" in there.file
    rendered = yaml.safe_load(there.do("render", "--phase", "promoted", "--only", "workloads"))
    template = rendered["spec"]["template"]
    assert ("old" in template["metadata"]["labels"], "new" in template["metadata"]["labels"]) == (True, False)
    assert [{"name": "LATER", "value": "x"}] == template["spec"]["containers"][0]["env"]
    there.git("checkout", "canary.yaml")
    there.has({"canary.yaml": promoted.replace("new: b", "new: c")})
    assert "it was changed by the promotion" in there.refuses("undo")


def test_a_release_that_could_not_end_does_not_start(project: Callable[..., Project]) -> None:
    kustomization = "resources: [app.yaml]\nimages: [{name: example.com/app, newTag: v1}]\n"
    there = project(ADOPTS, **{"k8s/app.yaml": APP, "k8s/kustomization.yaml": kustomization})
    said = there.refuses("start", "v2", "--commit")
    assert "k8s/kustomization.yaml:2:1: images: it changes what the kustomization reads" in said
    assert (
        "write the new version into them, and `start --from git:REF` with a tag or commit of what runs"
        in said
    )


def test_a_release_of_a_single_file_says_how_it_starts(project: Callable[..., Project]) -> None:
    there = project(ADOPTS.replace("k8s}", "k8s/app.yaml}"), **{"k8s/app.yaml": APP})
    assert "`start --from git:REF`" in there.refuses("start", "v2", "--commit", code=2)


def test_a_commit_that_a_killed_run_has_made_is_told_before_the_next_step(
    project: Callable[..., Project],
) -> None:
    there = project(declaring("deploy"))
    there.hook("pre-commit", "kill -9 $(ps -o ppid= -p $PPID)")
    subprocess.run(
        [sys.executable, "-m", "kubectl_canary", "advance", "--commit"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    )
    (there.folder / ".git/hooks/pre-commit").unlink()
    while len(there.log) < 2:
        time.sleep(0.01)
    done = there.canary("advance", "--commit", "--now")
    said = "a run that was killed has made its commit: shop: 25% to v2 (4 of 8 pods), from deploy"
    assert (2, "", True, True) == (done.code, done.out, said in done.err, there.is_clean)
    there.do("advance", "--commit", "--now")
    assert (there.file, there.is_clean) == (declaring("100%"), True)


def to_the_end(there: Project) -> None:
    """Commit one phase after the other until the release is over."""
    while "phase:" in there.file:
        there.do("advance", "--commit", "--now")


@pytest.mark.parametrize("output", ["in-place", "dir=out"])
def test_undo_releases_what_adopted_manifests_said_before(
    project: Callable[..., Project], output: str
) -> None:
    there = project(ADOPTS, **{"k8s/app.yaml": APP})
    there.do("start", "v2", "-o", output, "--commit")
    to_the_end(there)
    assert "undo --commit" in there.git("log", "-1", "--format=%B")
    done = there.canary("undo", "-o", output, "--commit")
    assert there.file == f"{ADOPTS}  canary:\n    tag: v1\n  phase: deploy\n", done.err
    promotion = there.git("log", "-1", "--format=%H", "-Sapp:v2 ", "--", "k8s/app.yaml")[:9]
    assert f"back to example.com/app:v1, which ran until {promotion}" in done.err
    assert "there is a release already" in there.refuses("undo")
    to_the_end(there)
    assert (there.file, app(there)) == (ADOPTS, APP)


OWN = """\
  canary:
    image: example.com/other:v2
    container: {env: [{name: A, value: b}]}
    pod: {terminationGracePeriodSeconds: 7}
    podMetadata: {annotations: {a: b}}
  phase: promoted
"""


def test_undo_brings_back_what_adopted_manifests_said_of_the_configuration(
    project: Callable[..., Project],
) -> None:
    text = APP.replace(
        "          ports", "          env: [{name: A, value: a}, {name: B, value: b}]\n          ports"
    )
    there = project(f"{ADOPTS}{OWN}", **{"k8s/app.yaml": text})
    there.do("advance", "--commit")
    assert "terminationGracePeriodSeconds: 7" in app(there)
    there.do("undo", "--commit")
    assert "app: example.com/app:v1" in there.file
    to_the_end(there)
    was, now = (list(yaml.safe_load_all(known)) for known in (text, app(there)))
    now[0]["spec"]["template"]["metadata"].pop("annotations", None)  # an empty map of them
    assert now == was


def test_a_canary_that_takes_something_out_goes_on(project: Callable[..., Project]) -> None:
    own = "  canary: {tag: v2, podMetadata: {annotations: {old: null}}}\n"
    there = project(f"{FILE}  podMetadata: {{annotations: {{old: a}}}}\n{own}  phase: deploy\n")
    there.do("advance", "--commit", "--now")
    assert "phase: 25%" in there.file


def test_undo_refuses_what_was_edited_since_a_promotion_of_configuration(
    project: Callable[..., Project],
) -> None:
    there = project(f"{ADOPTS}{OWN}", **{"k8s/app.yaml": APP})
    there.do("advance", "--commit")
    there.has({"k8s/app.yaml": app(there).replace("value: b", "value: c")})
    said = there.refuses("undo")
    assert "canary.yaml:5:17: spec.adopt.from: more of Deployment app than images was promoted in " in said
    assert ", and it was changed again since" in said


def test_undo_leaves_what_was_edited_since_a_promotion_of_an_image(project: Callable[..., Project]) -> None:
    there = project(ADOPTS, **{"k8s/app.yaml": APP})
    there.do("start", "v2", "--commit")
    to_the_end(there)
    text = app(there).replace("          ports", "          env: [{name: A, value: a}]\n          ports")
    there.has({"k8s/app.yaml": text})
    there.do("undo", "--commit")
    to_the_end(there)
    assert app(there) == text.replace("app:v2", "app:v1")


DEPLOYMENT, SERVICE, ROUTE = APP.split("---\n")
CART = "".join(f"---\n{text}" for text in (DEPLOYMENT, SERVICE)).replace("name: app}", "name: cart}")
RULES = """\
  rules:
    - matches: [{path: {type: PathPrefix, value: /cart}}]
      backendRefs: [{name: cart, port: 80}]
"""
SEVERAL = f"{APP}{CART.replace('app: app', 'app: cart')}".replace("  rules:\n", RULES)


def test_undo_of_several_says_the_images_of_each(project: Callable[..., Project]) -> None:
    adopts = ADOPTS.replace("{from: k8s}", "{from: k8s, deployment: [{name: app}, {name: cart}]}")
    there = project(adopts, **{"k8s/app.yaml": SEVERAL})
    there.has({"k8s/app.yaml": SEVERAL.replace("app:v1", "app:v2", 1)})
    there.do("undo", "--commit")
    assert "[{name: app, images: {app: example.com/app:v1}}, {name: cart}]" in there.file
    to_the_end(there)
    assert app(there) == SEVERAL


def test_undo_of_adopted_manifests_needs_another_version_in_git(project: Callable[..., Project]) -> None:
    there = project(ADOPTS, **{"k8s/app.yaml": APP})
    said = there.refuses("undo")
    assert "canary.yaml:5:17: spec.adopt.from: no commit that is at hand has other images in k8s" in said
    (there.folder / "k8s/app.yaml").write_text(APP.replace("app:v1 ", "app:v2 "))
    said = there.refuses("undo", code=2)
    assert "k8s/app.yaml: changed, and not committed: nothing says what runs" in said
    there.git("tag", "v1")
    there.has({"canary.yaml": ADOPTS.replace("k8s}", "git:v1:k8s}"), "k8s/app.yaml": APP})
    said = there.refuses("undo", code=2)
    assert "canary.yaml:5:17: git:v1:k8s: nothing says what was before" in said


def test_undo_goes_by_commits_that_cannot_be_read(project: Callable[..., Project]) -> None:
    there = project(ADOPTS, **{"k8s/app.yaml": APP})
    there.has({"k8s/app.yaml": "{"})
    there.has({"k8s/app.yaml": APP.replace("app:v1 ", "app:v2 ")})
    there.do("undo", "--commit")
    assert "tag: v1" in there.file


def test_undo_looks_at_the_deployment_that_is_released(project: Callable[..., Project]) -> None:
    adopts = ADOPTS.replace("metadata: {name: app}", "metadata: {name: app, namespace: prod}")
    other = DEPLOYMENT.replace("metadata: {name: app}", "metadata: {name: app, namespace: other}")
    there = project(adopts, **{"k8s/app.yaml": APP, "k8s/other.yaml": other})
    there.has({"k8s/app.yaml": APP.replace("app:v1 ", "app:v2 ")})
    there.do("undo", "--commit")
    assert "tag: v1" in there.file


def test_undo_of_an_overlay_reads_what_it_is_made_of(project: Callable[..., Project]) -> None:
    base = {"base/app.yaml": APP, "base/kustomization.yaml": "resources: [app.yaml]\n"}
    there = project(ADOPTS, **base, **{"k8s/kustomization.yaml": "resources: [../base]\n"})
    there.has({"base/app.yaml": APP.replace("app:v1 ", "app:v2 ")})
    there.do("undo", "--commit")
    assert "tag: v1" in there.file


def test_undo_brings_back_a_container_that_had_another_name(project: Callable[..., Project]) -> None:
    renamed = APP.replace("- name: app ", "- name: web ").replace("app:v1 ", "app:v2 ")
    there = project(ADOPTS, **{"k8s/app.yaml": APP})
    there.has({"k8s/app.yaml": renamed})
    there.do("undo", "--commit")
    deployment = yaml.safe_load(
        there.do("render", "--phase", "promote-roll", "--only", "workloads").split("---")[-1]
    )
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert (container["name"], container["image"]) == ("app", "example.com/app:v1")


def test_where_a_later_file_says_otherwise_nothing_is_written(project: Callable[..., Project]) -> None:
    there = project(declaring("promoted"), **{"prod.yaml": "spec: {stable: {tag: v1}}\n"})
    said = there.refuses("advance", "-f", "canary.yaml", "-f", "prod.yaml")
    assert "prod.yaml:1:17: spec.stable.tag: the files are merged, and one of them says otherwise" in said


def test_a_rebase_under_way_is_refused(project: Callable[..., Project]) -> None:
    there = project(FILE, a="0")
    there.git("switch", "-qc", "one")
    there.has({"a": "1"})
    there.git("switch", "-q", "main")
    there.has({"a": "2"})
    subprocess.run(["git", "rebase", "-q", "one"], cwd=there.folder, capture_output=True, check=False)
    assert "a rebase is under way" in there.refuses("start", "v2", "--branch", "next", code=2)


@pytest.mark.parametrize(
    ("image", "after"),
    [
        ("example.com/shop:v1", "    tag: v1   # what runs\n"),
        ("example.com/shop:v1.1", "    tag: v1.1   # what runs\n"),
        ("elsewhere.com/shop:v1", "    replicas: 4\n    image: elsewhere.com/shop:v1\n"),
        (
            f"example.com/shop@sha256:{'a' * 64}",
            f"    replicas: 4\n    image: example.com/shop@sha256:{'a' * 64}\n",
        ),
    ],
)
def test_stable_is_what_runs_in_the_cluster(
    project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch, image: str, after: str
) -> None:
    there = project()
    program = there.folder.parent / "kubectl"
    program.write_text(KUBECTL.replace("example.com/shop:v1.1.9", image))
    program.chmod(0o755)
    monkeypatch.setenv("KUBECTL_PATH", str(program))
    there.do("start", "v2", "--from", "cluster", "--commit")
    assert after in there.file


def test_adopted_manifests_have_to_say_what_runs_in_the_cluster(
    project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = project(ADOPTS, **{"k8s/app.yaml": APP})
    program = there.folder.parent / "kubectl"
    program.write_text(KUBECTL.replace("shop-stable", "app"))
    program.chmod(0o755)
    monkeypatch.setenv("KUBECTL_PATH", str(program))
    said = there.refuses("start", "v2", "--from", "cluster")
    assert (
        "canary.yaml:5:17: spec.adopt.from: Deployment app runs example.com/shop:v1.1.9 in the cluster, and"
        in said
    )


@pytest.mark.parametrize("every", [[], ["--all"]])
def test_a_component_stays_a_component(project: Callable[..., Project], every: list[str]) -> None:
    there = project(ADOPTS, **{"k8s/app.yaml": APP})
    there.do("render", *every, "-o", "kustomize=canary")
    there.has({})
    there.do("start", "v2", "--commit")
    there.do("advance", "--commit", "--now")
    there.do("render", *every, "-o", "kustomize=canary")
    assert there.is_clean
    assert "canary/.kubectl-canary" in there.git("show", "--format=", "--name-only")
    there.git("switch", "-qc", "change")
    there.has({"canary.yaml": there.file.replace("phase: 50%", "phase: 100%")})
    said = there.canary("check", "--git", "main")
    assert (1, True) == (said.code, f"render {' '.join([*every, '-o'])} kustomize=canary" in said.out), (
        said.out
    )


@pytest.mark.parametrize(
    "text",
    ["kind: Deployment\nspec: 5\n", "spec: []\n", "a: b\n", "spec: {adopt: 7}\n", "spec: {canary: x}\n"],
)
@pytest.mark.parametrize("verb", ["start", "advance", "abort", "undo"])
def test_what_is_no_canary_file_is_said_with_its_place(
    project: Callable[..., Project], verb: str, text: str
) -> None:
    words = (verb, "v2") if verb == "start" else (verb,)
    assert "canary.yaml:1:1: " in project(text).refuses(*words)
