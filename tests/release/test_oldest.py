"""The tests, with the oldest dependencies that we allow on the oldest Python."""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
from pathlib import Path

from conftest import ROOT
from test_packaging import interpreter
from uv import find_uv_bin

# what these look at does not depend on the versions of our dependencies, nor does what a cluster is needed for
ELSEWHERE = ("test_completion.py", "test_docs.py", "test_packaging.py", "test_races.py")


def oldest() -> list[str]:
    """`click>=8.2` as `click==8.2`, for each that we install."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    return [line.replace(">=", "==") for line in config["options"]["install_requires"].split()]


def test_the_tests_pass_with_the_oldest_dependencies(tmp_path: Path) -> None:
    python = interpreter("3.10") or Path(sys.executable)
    subprocess.run([find_uv_bin(), "venv", "--quiet", "--python", python, tmp_path / "oldest"], check=True)
    own = tmp_path / "oldest/bin/python"
    install = [
        find_uv_bin(),
        "pip",
        "install",
        "--quiet",
        "--python",
        own,
        "--editable",
        f"{ROOT}[test]",
        *oldest(),
    ]
    subprocess.run(install, check=True)
    freeze = [find_uv_bin(), "pip", "freeze", "--python", own]
    frozen = (
        subprocess.run(freeze, capture_output=True, text=True, check=True).stdout.replace("-", ".").lower()
    )
    for pin in oldest():
        assert re.search(rf"^{re.escape(pin.lower())}(\.0)*$", frozen, re.MULTILINE), pin
    ignored = [f"--ignore=tests/{name}" for name in ELSEWHERE]
    command = [own, "-m", "pytest", "-q", "-n", "2", "-m", "not cluster", "-p", "no:cacheprovider", *ignored]
    known = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    done = subprocess.run(command, cwd=ROOT, env=known, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-5000:]
    assert re.search(r"\d{3,} passed", done.stdout)
