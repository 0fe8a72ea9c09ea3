"""The user's own diff program, as kubectl calls it: $KUBECTL_EXTERNAL_DIFF with two folders."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from kubectl_canary.errors import WorldError
from kubectl_canary.expressions import regex
from kubectl_canary.outside.output import say

VARIABLE = "KUBECTL_EXTERNAL_DIFF"
TAKEN = regex(r"[A-Za-z0-9=-]+")  # parameters that kubectl hands on


def command() -> list[str]:
    """The program that the user has named, with its parameters; empty where there is none.

    Words that kubectl does not hand on are not either, and that is said.
    """
    program, *words = os.environ.get(VARIABLE, "").split() or [""]
    left_out = [word for word in words if not TAKEN.fullmatch(word)]
    if left_out:
        taken = "kubectl takes letters, digits, - and = alone"
        say(f"warning: ${VARIABLE}: {' '.join(left_out)} is left out: {taken}")
    return [program, *(word for word in words if TAKEN.fullmatch(word))] if program else []


def compare(program: list[str], folders: Mapping[str, Mapping[str, str]]) -> int:
    """Run a diff program over two folders of files, by the folders' names and their own; its answer, 0 or 1.

    Raises WorldError where it cannot be run, or ends with another exit code.
    """
    with tempfile.TemporaryDirectory(prefix="kubectl-canary-diff-") as root:
        places = [str(_written(Path(root, name), files)) for name, files in folders.items()]
        try:
            code = subprocess.run([*program, *places], check=False).returncode
        except OSError as error:
            raise WorldError(
                f"{program[0]} cannot be run: {error.strerror}", f"${VARIABLE} names it"
            ) from None
    if code not in (0, 1):
        raise WorldError(
            f"`{shlex.join(program)}` failed with exit code {code}",
            f"${VARIABLE} names it; 0 and 1 are answers",
        )
    return code


def _written(folder: Path, files: Mapping[str, str]) -> Path:
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder
