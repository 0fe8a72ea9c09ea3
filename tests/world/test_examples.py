"""The examples of verbs that lead a release, or look at it: each runs as it is printed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import build
import pytest
from living import Release
from world import ROOT, World

LONG = ("diff", "doctor", "next", "previous", "rollback")
ANSWERS = {"diff": (0, 1), "status": (0,), "doctor": (0, 1)}  # differences and problems are answers too
ELSEWHERE = re.compile(
    r"--context staging|colordiff|--print"
)  # another cluster, another program, a pipe to kubectl


@pytest.fixture
def release(world: World, tmp_path: Path) -> Release:
    made = Release(world, tmp_path)
    made.to("5%")
    return made


@pytest.mark.short_on("traefik")
@pytest.mark.parametrize(
    "verb", ["status", "apply", *(pytest.param(verb, marks=pytest.mark.long) for verb in LONG)]
)
def test_the_examples_of_a_verb_run(release: Release, verb: str) -> None:
    for command in examples(verb):
        text = re.sub(r"(?m)^  phase: .*\n", "", release.file.read_text())
        release.file.write_text(f"{text}  phase: 25%\n")
        assert pasted(release, command) in ANSWERS.get(verb, (0,)), command


@pytest.mark.long
@pytest.mark.parametrize("verb", ["promote", "run"])
def test_the_examples_of_verbs_that_go_to_the_end_run(release: Release, verb: str) -> None:
    release.to("100%")
    for command in examples(verb):
        assert 0 == pasted(release, command)


def examples(verb: str) -> list[str]:
    page = (ROOT / f"docs/verbs/{verb}.md").read_text()
    block = page.partition("```sh\n")[2].partition("```")[0]
    lines = [line for line in block.splitlines() if line.startswith("kubectl canary")]
    commands = [line for line in lines if not ELSEWHERE.search(line)]
    assert commands
    return commands


def pasted(release: Release, command: str) -> int:
    """The exit code of a command in the folder of the canary file."""
    line = command.replace("kubectl canary", f"{sys.executable} -m kubectl_canary", 1)
    environment = {**os.environ, "KUBECONFIG": str(release.world.kubeconfig), "PYTHONPATH": str(ROOT)}
    environment["KUBECTL_PATH"] = str(build.ensure("kubectl"))
    done = subprocess.run(
        ["bash", "-c", line], cwd=release.folder, env=environment, capture_output=True, text=True, check=False
    )
    print(command, done.stdout, done.stderr)
    return done.returncode
