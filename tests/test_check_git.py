"""`check --git`: a change of a release is judged against the branch that it goes into."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Result
from test_git_verbs import ADOPTS, APP, FILE, RELEASE, Project, app, declaring, examples, pasted, project

__all__ = ["project"]  # a fixture


def changed(there: Project, text: str, **more: str) -> Project:
    """On a branch of its own."""
    there.git("switch", "-qc", "change")
    there.has({"canary.yaml": text, **more})
    return there


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (FILE, FILE.replace("tag: v1 ", "tag: v1.0.1 "), ""),
        (FILE, declaring("deploy"), ""),
        (declaring("deploy"), declaring("25%"), ""),
        (declaring("deploy"), declaring("promote-roll"), "canary.yaml:17:10: error"),
        (declaring("25%"), declaring("rollback from 25%"), ""),
        (declaring("25%"), declaring("rolled-back"), "canary.yaml:17:10: error"),
        (declaring("25%"), FILE, "under way, and this takes canary pods away"),
        (declaring("25%"), declaring("25%").replace("tag: v2", "tag: v3"), "canary.yaml:16:5: error"),
        (
            declaring("25%"),
            declaring("100%").replace("8080}", "8080, env: [{name: A, value: x}]}"),
            "error spec.stable",
        ),
        (
            declaring("25%"),
            declaring("100%").replace("shop.example.com", "a.example.com"),
            "Services, route, Gateway",
        ),
        (declaring("promoted"), FILE.replace("tag: v1 ", "tag: v2 "), ""),
        (declaring("promoted"), FILE, "v2 was promoted, and this takes stable back to"),
        (FILE, FILE.replace("kind: Canary", "kind: Canari"), "canary.yaml:2:7: error"),
    ],
)
def test_the_step_from_the_branch_is_judged(
    project: Callable[..., Project], before: str, after: str, said: str
) -> None:
    there = changed(project(before), after)
    done = there.canary("check", "--git", "main")
    assert (int(bool(said)), True) == (done.code, said in done.out), done.out + done.err
    assert ("0 errors" in done.out) == (not said)
    assert there.git("worktree", "list").count("\n") == 0


def test_what_is_rendered_has_to_be_what_the_file_renders(project: Callable[..., Project]) -> None:
    there = project(declaring("deploy"))
    there.do("render", "--all", "-o", "dir=deploy/out")
    there.has({})
    there.git("switch", "-qc", "change")
    there.do("advance", "--commit", "--now")
    assert "0 errors" in there.do("check", "--git", "main")
    there.git("checkout", "main", "--", "deploy")
    done = there.canary("check", "--git", "main", "-o", "json")
    found = json.loads(done.out)["unread"]
    assert (1, "rendered") == (done.code, found[0]["rule"])
    assert {"deploy/out/.kubectl-canary"} < {
        *(known["file"] for known in found),
        "deploy/out/.kubectl-canary",
    }
    cure = found[0]["hint"].strip("`").removeprefix("kubectl canary ")
    there.do(*cure.split())
    assert "0 errors" in there.do("check", "--git", "main")
    (there.folder / "deploy/out/current/mine.yaml").write_text("a: 1\n")
    assert "0 errors" in there.do("check", "--git", "main")


def test_files_of_ones_own_have_to_be_the_phase(project: Callable[..., Project]) -> None:
    there = project(ADOPTS, **{"k8s/app.yaml": APP})
    there.do("start", "v2", "-o", "in-place", "--commit")
    there.git("switch", "-qc", "change")
    there.has({"canary.yaml": there.file.replace("deploy", "50%")})
    done = there.canary("check", "--git", "main")
    assert (1, True) == (done.code, "k8s/app.yaml:1:1: error" in done.out), done.out + done.err
    there.do("render", "-o", "in-place")
    assert "0 errors" in there.do("check", "--git", "main")


def test_what_others_edit_beside_a_phase_in_place_is_theirs(project: Callable[..., Project]) -> None:
    there = project(ADOPTS, **{"k8s/app.yaml": APP})
    there.do("start", "v2", "-o", "in-place", "--commit")
    there.do("advance", "--commit", "--now")
    there.git("switch", "-qc", "change")
    there.has({"k8s/app.yaml": f"# mine\n{app(there)}# mine\n"})
    assert "0 errors" in there.do("check", "--git", "main")
    there.do("abort", "--commit")
    assert app(there).startswith("# mine\n")
    assert app(there).endswith("# mine\n")


def test_a_checkout_with_other_line_ends_is_the_phase(project: Callable[..., Project]) -> None:
    there = project(ADOPTS, **{"k8s/app.yaml": APP})
    there.do("start", "v2", "-o", "in-place", "--commit")
    there.git("config", "core.autocrlf", "true")
    there.git("rm", "-q", "--cached", "-r", ".")
    there.git("reset", "-q", "--hard")
    assert b"\r\n" in (there.folder / "k8s/app.yaml").read_bytes()
    assert "0 errors" in there.do("check", "--git", "main")


def test_manifests_that_runs_are_read_of_their_tag_there_too(project: Callable[..., Project]) -> None:
    there = project(ADOPTS, **{"k8s/app.yaml": APP})
    there.git("tag", "v1")
    there.has({"k8s/app.yaml": APP.replace("app:v1 ", "app:v2 ")})
    there.do("start", "--from", "git:v1", "--commit")
    there.git("switch", "-qc", "change")
    there.do("advance", "--commit", "--now")
    assert "0 errors" in there.do("check", "--git", "main")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--git", "nowhere"), "there is no such branch, tag or commit here"),
        (("errors", "--git", "main"), "measures no gate"),
        (("-o", "sarif"), "go with --git"),
        (("--skip",), "go with --git"),
    ],
)
def test_what_cannot_be_judged_is_refused(
    project: Callable[..., Project], words: tuple[str, ...], said: str
) -> None:
    assert said in project(declaring("deploy")).refuses("check", *words, code=2)


def test_outside_a_repository_there_is_no_branch(
    canary_yaml: Callable[[str], Path], canary: Callable[..., Result]
) -> None:
    canary_yaml(FILE)
    done = canary("check", "--git", "main")
    assert (2, True) == (done.code, "is in no git repository" in done.err)


@pytest.mark.parametrize("output", ["json", "sarif", "github", "junit"])
def test_findings_are_told_in_every_form(project: Callable[..., Project], output: str) -> None:
    there = changed(project(declaring("deploy")), declaring("promote-roll"))
    done = there.canary("check", "--git", "main", "-o", output)
    assert (1, True, "") == (done.code, "canary.yaml" in done.out, done.err)


def test_the_examples_about_git_run(project: Callable[..., Project]) -> None:
    tried = [example for example in examples("check") if "--git" in example]
    assert len(tried) == 2
    there = changed(project(declaring("deploy")), declaring("25%"))
    for example in tried:
        pasted(there, f"git push -q -f origin main:main; git fetch -q origin; {example}")


def test_a_new_release_file_has_nothing_before_it(project: Callable[..., Project]) -> None:
    there = project()
    there.git("switch", "-qc", "change")
    there.has({"other.yaml": f"{FILE}{RELEASE}  phase: deploy\n"})
    assert "0 errors" in there.do("check", "-f", "other.yaml", "--git", "main")


def test_what_the_branch_has_done_since_is_not_the_start(project: Callable[..., Project]) -> None:
    there = changed(project(declaring("deploy")), declaring("25%"))
    there.git("switch", "-q", "main")
    there.has({"canary.yaml": FILE})
    there.git("switch", "-q", "change")
    assert "0 errors" in there.do("check", "--git", "main")


def test_a_folder_that_is_another_altogether_is_said_once(project: Callable[..., Project]) -> None:
    there = project(declaring("deploy"))
    there.do("render", "--all", "-o", "dir=out")
    there.has({})
    (there.folder / "canary.yaml").write_text(
        there.file.replace("image: example.com/shop", "image: example.com/other")
    )
    done = there.canary("check", "--git", "main")
    assert 1 == done.code
    assert 11 == done.out.count("this is not what the canary file renders")
    assert re.search(r"this is not what the canary file renders, and \d\d files more of out ", done.out)
