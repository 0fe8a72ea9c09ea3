"""Commands that we print: they carry the user's flags, and run as they are printed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import SEED, Result

Canary = Callable[..., Result]


@pytest.fixture
def flags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Another file than canary.yaml, which is of another application, and every other flag of a release."""
    text = SEED.read_text()
    (tmp_path / "canary.yaml").write_text(text)
    (tmp_path / "it's other.yaml").write_text(
        text.replace("name: my-app", "name: other").replace("phase: deploy", "")
    )
    (tmp_path / "templates").mkdir()
    monkeypatch.chdir(tmp_path)
    given = [("-f", "it's other.yaml"), ("--set", "spec.stable.replicas=5"), ("--canary-tag", "v1.3.0")]
    given += [("-n", "staging"), ("--templates", "templates")]
    return [word for pair in given for word in pair]


def command(text: str) -> list[str]:
    """The words of the command of ours in a text, up to a pipe."""
    found = re.search(r"kubectl canary (.+?)(?: \|.*)?$", text, re.MULTILINE)
    assert found is not None, text
    return shlex.split(found[1])


def test_the_plans_way_back_is_that_of_the_file_it_was_asked_for(canary: Canary, flags: list[str]) -> None:
    line = next(line for line in canary("plan", *flags).out.splitlines() if "rollback --print" in line)
    printed = canary(*command(line))
    assert 0 == printed.code
    assert "name: other-canary-route" in printed.out
    assert "namespace: staging" in printed.out
    assert printed.out == canary("rollback", "--print", "--from", "100%", *flags).out


def test_a_rollback_from_a_phase_that_is_not_printed_says_how(canary: Canary, flags: list[str]) -> None:
    refused = canary("rollback", "--from", "5%", *flags)
    assert (2, "") == (refused.code, refused.out)
    assert "name: other-canary-route" in canary(*command(refused.err.splitlines()[1])).out


def test_a_refused_way_back_names_its_documents(canary: Canary, flags: list[str]) -> None:
    lines = canary("rollback", "--print", "--from", "5%", "-o", "kubectl", *flags).out
    said = next(
        word
        for word in shlex.split(lines.partition("printf")[2].partition("\n")[0])
        if "kubectl canary" in word
    )
    assert "name: other-canary-route" in canary(*command(said)).out


def test_what_prints_the_rest_of_a_jump_is_about_the_same_release(canary: Canary, flags: list[str]) -> None:
    gated = ["--set", "spec.phases=[{name: 5%, gates: [{query: errors, max: 1}]}, 50%]", *flags]
    note = canary("patch", "--from", "deploy", "--to", "100%", "--jump", "-o", "kubectl", *gated).err
    rest = canary(*command(note.splitlines()[0]))
    assert 0 == rest.code, rest.err
    assert "patch httproute other-canary-route -n staging" in rest.out


def test_without_a_release_the_plan_says_how_to_plan_one(canary: Canary, flags: list[str]) -> None:
    steady = canary("plan", "--set", "spec.canary=null", *flags[:4])
    planned = canary(
        *[
            word.replace("TAG", "v9")
            for word in command(steady.out.partition("To plan one: ")[2].partition(", or")[0])
        ]
    )
    assert "→ v9" in planned.out
    assert "other in production" in planned.out


def test_a_patch_that_leads_back_names_its_documents_where_it_is_refused(
    canary: Canary, flags: list[str]
) -> None:
    for goal in ("rollback", "rolled-back"):
        lines = canary("patch", "--from", "5%", "--to", goal, "-o", "kubectl", "--context", "c", *flags).out
        said = next(word for word in shlex.split(lines.partition("printf")[2]) if "kubectl canary" in word)
        assert said.endswith(" | kubectl --context=c apply -f -")
        assert "name: other-canary-route" in canary(*command(said)).out
    assert (
        "To go back anyway" not in canary("patch", "--from", "5%", "--to", "10%", "-o", "kubectl", *flags).out
    )


def test_what_is_not_validated_is_not_validated_by_the_printed_command_either(
    canary: Canary, flags: list[str]
) -> None:
    line = next(
        line
        for line in canary("plan", "--no-validate", *flags).out.splitlines()
        if "rollback --print" in line
    )
    assert "--no-validate" in command(line)
    assert 0 == canary(*command(line)).code


def test_what_runs_is_written_into_the_file_that_says_what_is_stable(canary: Canary, tmp_path: Path) -> None:
    (tmp_path / "canary.yaml").write_text(SEED.read_text())
    (tmp_path / "more.yaml").write_text("spec: {drain: 5s}\n")
    said = canary("plan", "-f", tmp_path / "canary.yaml", "-f", tmp_path / "more.yaml").out
    assert f"write what runs into {tmp_path}/canary.yaml," in said
    assert "write what runs into the canary file," in canary("plan", "-f", "-", stdin=SEED.read_bytes()).out


def test_once_promoted_the_plan_names_no_way_back(canary: Canary, flags: list[str]) -> None:
    planned = canary("plan", "--set", "spec.phase=promoted", *flags).out
    assert "There is no way back from here: the old version is another release" in planned
    assert "rollback --print" not in planned


def test_the_first_half_of_the_way_back_names_the_second(canary: Canary, flags: list[str]) -> None:
    half = canary("rollback", "--print", "--from", "promote-roll", *flags)
    assert "requests stay at the canary here; once stable's pods are there: " in half.err
    rest = canary(*command(half.err))
    assert rest.out == canary("rollback", "--print", "--from", "100%", *flags).out
    assert "requests stay" not in rest.err
